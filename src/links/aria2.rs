//! Input files and sessions of aria2: the URLs of one file on a line, separated by tabs, and its options on indented lines
//! below it.
//!
//! An entry is complete only when the next one begins or the list ends. If reading fails before that, the entry is dropped:
//! its name and its checksum may be missing.

use std::iter;

use super::carried::carry;
use super::compressed::Source;
use super::lines::Lines;
use super::{Context, Item, MOST, Parsed, characters, checksums, content, parse_url};
use crate::header;
use crate::link::{BadLink, Details, Link};

/// Options that distinguish aria2's files from other lists with indented lines.
const TYPICAL: [&str; 6] = ["out", "dir", "checksum", "header", "gid", "referer"];

/// Whether `line` is an indented option.
pub(super) fn is_option(line: &str) -> bool {
    let option = line.trim().split_once('=');
    line.starts_with([' ', '\t']) && option.is_some_and(|(name, _)| TYPICAL.contains(&name))
}

/// The links of an input file of aria2.
pub(super) fn links(source: Source, context: Context) -> impl Iterator<Item = Item> {
    let mut lines = Lines::new(source, context.clone());
    let mut open: Option<Entry> = None;
    iter::from_fn(move || {
        loop {
            let (number, line) = match lines.next() {
                Some(Ok(line)) => line,
                Some(Err(error)) => return Some(Err(error)),
                None => return open.take().map(|entry| Ok(entry.link(&context))),
            };
            let Some(text) = content(&line) else { continue };
            let is_indented = line.text.starts_with(b" ") || line.text.starts_with(b"\t");
            if is_indented && let Some(entry) = &mut open {
                let option = characters::text(line.text.trim_ascii());
                let added = match text {
                    // a part of an option would be another one
                    Err(problem) if !line.whole => Err(problem),
                    _ => entry.add(&option),
                };
                if let Err(problem) = added {
                    entry.parsed = Err(problem);
                }
                continue;
            }
            let parsed = match text {
                Ok(_) if is_indented => Err("an option without a link above it".to_owned()),
                text => text.map(|text| mirrors(&text)),
            };
            let entry = Entry {
                line: number,
                text: line.text,
                folder: None,
                parsed,
            };
            if let Some(previous) = open.replace(entry) {
                return Some(Ok(previous.link(&context)));
            }
        }
    })
}

/// A link whose options may still follow.
struct Entry {
    line: u64,
    text: Vec<u8>,
    folder: Option<String>,
    parsed: Parsed,
}

impl Entry {
    /// Adds an option. Options that do not concern the file or its requests are ignored.
    fn add(&mut self, option: &str) -> Result<(), String> {
        let Ok((_, details)) = &mut self.parsed else {
            return Ok(());
        };
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        let (name, value) = (name.trim(), value.trim());
        match name {
            "out" => details.name = Some(value.to_owned()),
            "dir" => self.folder = Some(value.to_owned()),
            "checksum" => details.checksum = checksums::of_option(value),
            // not even read: an entry may have any number of them
            "header" | "referer" | "user-agent" if details.headers.len() >= MOST => {
                return Err(format!("more than {MOST} headers"));
            }
            "header" => details.headers.push(header::parse(value)?),
            "referer" | "user-agent" => {
                let header = format!("{name}: {value}");
                details.headers.push(header::parse(&header)?);
            }
            _ => {}
        }
        Ok(())
    }

    fn link(self, context: &Context) -> Result<Link, BadLink> {
        let parsed = self.parsed.map(|(url, mut details)| {
            // a name that ends in `/` is a folder, and the file name comes from the URL
            if let Some(folder) = self.folder {
                let name = details.name.unwrap_or_default();
                details.name = Some(format!("{}/{name}", folder.trim_end_matches('/')));
            }
            (url, details)
        });
        let mut link = context.link(self.line, &self.text, parsed);
        carry(&self.text, context, [&mut link]);
        link
    }
}

/// The first URL that can be fetched, and the others as its mirrors.
fn mirrors(line: &str) -> (String, Details) {
    let line = characters::trim(line);
    let mut urls = line.split('\t').filter_map(|url| parse_url(url).ok());
    let url = match urls.next() {
        Some(url) => url.into(),
        // not a URL either, but the field that the message is about
        None => line.split('\t').next().unwrap_or_default().to_owned(),
    };
    let details = Details {
        mirrors: urls.collect(),
        ..Details::default()
    };
    (url, details)
}
