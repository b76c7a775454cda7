//! Entries whose lines begin with a tag, as in RIS, MEDLINE and the format of EndNote: what they have in common.
//!
//! ```text
//!  TY  - JOUR          PMID- 123           %0 Journal Article
//!  TI  - A title       TI  - A title       %T A title
//!  ER  -                     that goes on
//!                      (a blank line)      (a blank line)
//! ```
//!
//! A line without a tag goes on with the value above it. An entry ends with its last tag or a blank line, or where the first tag
//! of another one stands: what was read until then is whole. Only at the end of the list, what does not end may be cut off.

use std::iter;

use super::carried::LONGEST_CARRIED;
use super::compressed::Source;
use super::entry::{Entry, LONGEST_ENTRY, Names};
use super::lines::Lines;
use super::{Context, Item, characters};
use crate::link::{BadLink, Link};

/// A format of this kind.
pub(super) struct Dialect {
    /// What it is called in messages.
    pub name: &'static str,
    /// The tag of a line and what follows it; none if it has no tag.
    pub tag: fn(&str) -> Option<(&str, &str)>,
    /// The tag of the first line of an entry.
    pub first: &'static str,
    /// The tag of its last line; none if a blank line ends it.
    pub last: Option<&'static str>,
    /// The names that all formats share.
    pub names: Names,
    /// Tells an entry what the value of a tag is.
    pub add: fn(&mut Entry, &str, &str),
}

/// The links of a list of entries.
pub(super) fn links(
    source: Source,
    dialect: &'static Dialect,
    context: Context,
) -> impl Iterator<Item = Item> {
    let mut lines = Lines::new(source, context.clone());
    let mut open: Option<Lined> = None;
    let mut is_over = false;
    iter::from_fn(move || {
        while !is_over {
            let (number, line) = match lines.next() {
                Some(Ok(line)) => line,
                Some(Err(error)) => return Some(Err(error)),
                None => {
                    is_over = true;
                    let last = open.take()?;
                    return last.link(dialect, true, &context).map(Ok);
                }
            };
            let text = characters::text(&line.text);
            let text = text.trim_end();
            let tagged = (dialect.tag)(text.trim_start_matches(['\u{feff}']));
            let ends = match tagged {
                Some((tag, _)) => dialect.last == Some(tag),
                None => dialect.last.is_none() && text.is_empty(),
            };
            if ends {
                if let Some(link) = open
                    .take()
                    .and_then(|entry| entry.link(dialect, false, &context))
                {
                    return Some(Ok(link));
                }
                continue;
            }
            let begins = matches!(tagged, Some((tag, _)) if tag == dialect.first);
            let previous = if begins { open.take() } else { None };
            if tagged.is_some() || open.is_some() {
                let entry = open.get_or_insert_with(|| Lined::new(number));
                entry.add(text, tagged);
            }
            if let Some(link) = previous.and_then(|entry| entry.link(dialect, false, &context)) {
                return Some(Ok(link));
            }
        }
        None
    })
}

/// The lines of an entry.
struct Lined {
    line: u64,
    /// Its beginning, which messages and records show.
    text: Vec<u8>,
    /// Its tags with their values.
    fields: Vec<(String, String)>,
    bytes: usize,
}

impl Lined {
    fn new(line: u64) -> Self {
        Self {
            line,
            text: Vec::new(),
            fields: Vec::new(),
            bytes: 0,
        }
    }

    fn add(&mut self, line: &str, tagged: Option<(&str, &str)>) {
        self.bytes += line.len() + 1;
        if self.bytes > LONGEST_ENTRY {
            return;
        }
        if self.text.len() + line.len() < LONGEST_CARRIED {
            if !self.text.is_empty() {
                self.text.push(b'\n');
            }
            self.text.extend_from_slice(line.as_bytes());
        }
        match (tagged, self.fields.last_mut()) {
            (Some((tag, value)), _) => self.fields.push((tag.to_owned(), value.trim().to_owned())),
            (None, Some((_, value))) if !line.trim().is_empty() => {
                value.push(' ');
                value.push_str(line.trim());
            }
            (None, _) => {}
        }
    }

    fn link(
        self,
        dialect: &Dialect,
        is_end: bool,
        context: &Context,
    ) -> Option<Result<Link, BadLink>> {
        let mut entry = Entry::new(self.line, dialect.names);
        for (tag, value) in &self.fields {
            (dialect.add)(&mut entry, tag, value);
            entry.add_field(tag, value);
        }
        if self.bytes > LONGEST_ENTRY {
            entry.is_broken(format!(
                "it is longer than {LONGEST_ENTRY} bytes: is its end missing?"
            ));
        } else if let Some(last) = dialect.last.filter(|_| is_end) {
            entry.is_broken(format!(
                "it does not end with `{last}`: is the list cut off?"
            ));
        }
        entry.link(&self.text, context)
    }
}
