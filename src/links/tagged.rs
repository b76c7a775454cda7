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
//! of another one or a second key stands: what was read until then is whole. So is the last entry, unless the list ends within a
//! line of it, and there is no link above that line: it may be cut off. A tag in no entry begins one, because the first tag of its
//! own may be broken.
//!
//! What stands between entries is what a program says about itself. With a link in it, it is counted as an entry without one.

use std::iter;

use super::carried::LONGEST_CARRIED;
use super::compressed::Source;
use super::entry::{Entry, LONGEST_ENTRY, Names};
use super::lines::Lines;
use super::wanted::Wanted;
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
    /// The tag of its key, of which it has one.
    pub key: &'static str,
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
    let wanted = Wanted::new(dialect.names, &context);
    let mut open: Option<Lined> = None;
    let (mut is_over, mut is_cut) = (false, false);
    iter::from_fn(move || {
        while !is_over {
            let (number, line) = match lines.next() {
                Some(Ok(line)) => line,
                Some(Err(error)) => return Some(Err(error)),
                None => {
                    is_over = true;
                    let last = open.take()?;
                    return last.link(dialect, &wanted, is_cut, &context).map(Ok);
                }
            };
            is_cut = lines.is_cut();
            let text = characters::text(&line.text);
            let text = text.trim_end();
            let tagged = (dialect.tag)(text.trim_start_matches(['\u{feff}']));
            let ends = match tagged {
                Some((tag, _)) => dialect.last == Some(tag),
                None => text == dialect.last.unwrap_or_default(),
            };
            if ends {
                if let Some(link) = open
                    .take()
                    .and_then(|entry| entry.link(dialect, &wanted, false, &context))
                {
                    return Some(Ok(link));
                }
                continue;
            }
            let is_other = |entry: &Lined| entry.has(dialect.key);
            let begins = tagged.is_some_and(|(tag, _)| {
                tag == dialect.first || (tag == dialect.key && open.as_ref().is_some_and(is_other))
            });
            let previous = if begins { open.take() } else { None };
            if tagged.is_some() || open.is_some() {
                let entry = open.get_or_insert_with(|| Lined::new(number));
                entry.add(text, tagged);
            } else if text.contains("://") {
                context.seen.has_none();
            }
            if let Some(link) =
                previous.and_then(|entry| entry.link(dialect, &wanted, false, &context))
            {
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

    /// Whether it has a field with this `tag`.
    fn has(&self, tag: &str) -> bool {
        self.fields.iter().any(|(known, _)| known == tag)
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
        wanted: &Wanted,
        is_cut: bool,
        context: &Context,
    ) -> Option<Result<Link, BadLink>> {
        let mut entry = Entry::new(self.line, dialect.names);
        let last_field = self.fields.len().saturating_sub(1);
        let mut has_link = false;
        for (at, (tag, value)) in self.fields.iter().enumerate() {
            if at == last_field {
                has_link = entry.has_link();
            }
            (dialect.add)(&mut entry, tag, value);
            if wanted.has(tag) {
                entry.add_field(tag, value);
            }
        }
        if self.bytes > LONGEST_ENTRY {
            entry.is_broken(format!(
                "it is longer than {LONGEST_ENTRY} bytes: is its end missing?"
            ));
        } else if let Some(last) = dialect.last.filter(|_| is_cut && !has_link) {
            entry.is_broken(format!(
                "it does not end with `{last}`: is the list cut off?"
            ));
        }
        entry.link(&self.text, context)
    }
}
