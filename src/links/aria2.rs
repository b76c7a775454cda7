//! Input files and sessions of aria2: the URLs of one file on a line, separated by tabs, and its options on indented lines
//! below it.

use std::io::{self, BufRead};

use super::{Context, parse_url};
use crate::header;
use crate::line::{LONGEST_LINE, read_line};
use crate::link::{BadLink, Details, Link};

/// Options of aria2 that stand in its sessions, and hardly anywhere else.
const TELLING: [&str; 6] = ["out", "dir", "checksum", "header", "gid", "referer"];

/// Whether `line` is an indented option.
pub(super) fn is_option(line: &str) -> bool {
    line.starts_with([' ', '\t'])
        && line
            .trim()
            .split_once('=')
            .is_some_and(|(name, _)| TELLING.contains(&name))
}

/// The links of an input file of aria2.
pub(super) struct Entries<R> {
    reader: R,
    context: Context,
    line: u64,
    /// The entry whose options may still follow.
    open: Option<Entry>,
}

struct Entry {
    line: u64,
    text: Vec<u8>,
    folder: Option<String>,
    found: Result<(String, Details), String>,
}

impl<R> Entries<R> {
    pub(super) fn new(reader: R, context: Context) -> Self {
        Self {
            reader,
            context,
            line: 0,
            open: None,
        }
    }

    fn link(&self, entry: Entry) -> Result<Link, BadLink> {
        let found = entry.found.map(|(url, mut details)| {
            // a name that ends in `/` is a folder for the name that the URL has
            if let Some(folder) = entry.folder {
                let name = details.name.unwrap_or_default();
                details.name = Some(format!("{}/{name}", folder.trim_end_matches('/')));
            }
            (url, details)
        });
        self.context.link(entry.line, &entry.text, found)
    }
}

impl<R: BufRead> Iterator for Entries<R> {
    type Item = io::Result<Result<Link, BadLink>>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let line = match read_line(&mut self.reader) {
                Ok(Some(line)) => line,
                Ok(None) => return self.open.take().map(|entry| Ok(self.link(entry))),
                Err(error) => return Some(Err(self.context.broken(self.line, &error))),
            };
            self.line += 1;
            let text = line.text.trim_ascii();
            if text.is_empty() || text.starts_with(b"#") {
                continue;
            }
            let indented = line.text.starts_with(b" ") || line.text.starts_with(b"\t");
            if indented && let Some(entry) = &mut self.open {
                entry.add(text);
                continue;
            }
            let found = match std::str::from_utf8(text) {
                _ if !line.whole => Err(format!("the line is longer than {LONGEST_LINE} bytes")),
                Err(_) => Err("the line is not UTF-8 text".to_owned()),
                Ok(_) if indented => Err("an option that stands below no link".to_owned()),
                Ok(text) => Ok(mirrors(text)),
            };
            let entry = Entry {
                line: self.line,
                text: text.to_owned(),
                folder: None,
                found,
            };
            if let Some(before) = self.open.replace(entry) {
                return Some(Ok(self.link(before)));
            }
        }
    }
}

impl Entry {
    /// Adds an option. Those that are not about the file itself mean nothing here.
    fn add(&mut self, option: &[u8]) {
        let Ok((_, details)) = &mut self.found else {
            return;
        };
        let option = String::from_utf8_lossy(option);
        let (name, value) = option.split_once('=').unwrap_or((&option, ""));
        let value = value.trim();
        let added = match name.trim() {
            "out" => {
                details.name = Some(value.to_owned());
                Ok(())
            }
            "dir" => {
                self.folder = Some(value.to_owned());
                Ok(())
            }
            "checksum" => value
                .parse()
                .map(|checksum| details.checksum = Some(checksum)),
            "header" => header::parse(value).map(|header| details.headers.push(header)),
            "referer" => header::parse(&format!("referer: {value}"))
                .map(|header| details.headers.push(header)),
            "user-agent" => header::parse(&format!("user-agent: {value}"))
                .map(|header| details.headers.push(header)),
            _ => Ok(()),
        };
        if let Err(problem) = added {
            self.found = Err(problem);
        }
    }
}

/// The first URL that can be fetched, and the others as its mirrors.
fn mirrors(line: &str) -> (String, Details) {
    let mut urls = line.split('\t').filter_map(|url| parse_url(url).ok());
    let url = match urls.next() {
        Some(url) => url.into(),
        // to be reported
        None => line.split('\t').next().unwrap_or_default().to_owned(),
    };
    let details = Details {
        mirrors: urls.collect(),
        ..Details::default()
    };
    (url, details)
}
