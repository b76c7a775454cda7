//! What a list turns out to be, so that none is passed over in silence.
//!
//! [`Tally`] counts what a reader yields. A list in which nothing is found is no mistake, since an export or a search may be empty
//! today, but it says what was looked at. A file that is no list is an error.
//! While nothing but lines without any link has come, they are held back: if that goes on for long enough, the list is
//! something else, and one message says so in place of one for each line. Up to [`FEW`] such lines are a list with mistakes
//! in it, even if there is nothing else, unless the first line looks like another kind of list.

use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use parking_lot::Mutex;

use super::format::Reader;
use super::{Context, Item, brief, is_no_link};

/// A list has mistakes in it up to this many lines, if it has no links.
const FEW: usize = 10;

/// So many lines are held back, of some hundred bytes each.
const MOST_HELD: usize = 1000;

/// And so many bytes of lines, if they are carried.
const MOST_HELD_BYTES: usize = 4 * 1024 * 1024;

/// What a list has turned out to be so far. [`fmt::Display`] is a line for `--dry-run`.
#[derive(Debug)]
pub(crate) struct Seen {
    list: Arc<str>,
    /// What it is read as: format, columns.
    kind: Mutex<String>,
    /// What to try if there is no link in it; empty if having none is no mistake.
    advice: Mutex<String>,
    /// What it has if it has nothing at all; empty if the advice tells.
    blank: Mutex<&'static str>,
    /// Whether it looks like another kind.
    is_suspect: AtomicBool,
    links: AtomicU64,
    bad: AtomicU64,
    without: AtomicU64,
    /// Links in text and pages that are not wanted.
    left_out: AtomicU64,
    /// The names of fields, if they are collected.
    fields: Mutex<BTreeSet<String>>,
    /// Whether some of them are those of entries.
    has_entries: AtomicBool,
    /// Sitemaps that are not requested.
    unfollowed: AtomicU64,
}

impl Seen {
    pub(super) fn new(list: Arc<str>) -> Self {
        Self {
            list,
            kind: Mutex::default(),
            advice: Mutex::default(),
            blank: Mutex::default(),
            is_suspect: AtomicBool::new(false),
            links: AtomicU64::new(0),
            bad: AtomicU64::new(0),
            without: AtomicU64::new(0),
            left_out: AtomicU64::new(0),
            fields: Mutex::default(),
            has_entries: AtomicBool::new(false),
            unfollowed: AtomicU64::new(0),
        }
    }

    /// Notes what the list is read as.
    pub(super) fn is(&self, kind: String) {
        *self.kind.lock() = kind;
    }

    /// Notes the field of a JSON object that has links.
    pub(super) fn is_in_field(&self, name: &str) {
        let mut kind = self.kind.lock();
        let known = kind
            .rsplit_once('`')
            .and_then(|(known, _)| known.strip_suffix(name));
        if known.is_none() {
            *kind = format!("JSON, with links in field `{}`", brief(name));
        }
    }

    /// Counts a sitemap that is not requested.
    pub(super) fn is_unfollowed(&self) {
        add_one(&self.unfollowed);
    }

    /// What the list is read as.
    pub(super) fn kind(&self) -> String {
        self.kind.lock().clone()
    }

    /// Notes what to try if there is no link in the list.
    pub(super) fn advise(&self, advice: String) {
        *self.advice.lock() = advice;
    }

    /// Notes what the list has if it has nothing at all.
    pub(super) fn is_blank_with(&self, what: &'static str) {
        *self.blank.lock() = what;
    }

    /// The same, for a list that looks like another kind.
    pub(super) fn suspect(&self, advice: String) {
        self.advise(advice);
        self.is_suspect.store(true, Relaxed);
    }

    /// Whether it is known what the list is read as.
    pub(crate) fn is_known(&self) -> bool {
        !self.kind.lock().is_empty()
    }

    /// How many rows and objects have no link.
    pub(crate) fn without_link(&self) -> u64 {
        self.without.load(Relaxed)
    }

    /// Notes a row or an object that has no link.
    pub(super) fn has_none(&self) {
        add_one(&self.without);
    }

    /// Notes that an object has fields with these names.
    pub(super) fn has_fields<'a>(&self, names: impl Iterator<Item = &'a str>) {
        self.fields.lock().extend(names.map(str::to_owned));
    }

    /// The same for an entry.
    pub(super) fn has_entry<'a>(&self, names: impl Iterator<Item = &'a str>) {
        self.has_fields(names);
        self.has_entries.store(true, Relaxed);
    }

    /// Whether an entry has been noted.
    pub(super) fn has_entries(&self) -> bool {
        self.has_entries.load(Relaxed)
    }

    /// The names of fields that have been noted.
    pub(super) fn fields(&self) -> BTreeSet<String> {
        self.fields.lock().clone()
    }

    /// Counts a link in text or a page that does not end as wanted.
    pub(super) fn leaves_out(&self) {
        add_one(&self.left_out);
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (list, kind) = (brief(&self.list), self.kind.lock());
        let [links, without, bad] =
            [&self.links, &self.without, &self.bad].map(|n| n.load(Relaxed));
        write!(f, "{list}: {kind}: {}", counted(links, "link"))?;
        if without > 0 {
            write!(f, ", {} without a link", counted(without, "row"))?;
        }
        if bad > 0 {
            write!(f, ", {}", counted(bad, "bad link"))?;
        }
        let left_out = self.left_out.load(Relaxed);
        if left_out > 0 {
            write!(
                f,
                ", {} left out (`--all-links`)",
                counted(left_out, "link")
            )?;
        }
        let unfollowed = self.unfollowed.load(Relaxed);
        if unfollowed > 0 {
            write!(f, ", {} not requested", counted(unfollowed, "sitemap"))?;
        }
        Ok(())
    }
}

/// Counts one more. Only the reader of a list counts, so that it takes no turns with others.
fn add_one(count: &AtomicU64) {
    count.store(count.load(Relaxed) + 1, Relaxed);
}

/// A number of things.
fn counted(number: u64, thing: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{plural}")
}

/// The items of a reader, counted.
pub(super) struct Tally {
    reader: Reader,
    context: Context,
    /// Lines without a link that are held back.
    held: VecDeque<Item>,
    /// Whether lines are still held back.
    holds: bool,
    is_over: bool,
}

impl Tally {
    pub(super) fn new(reader: Reader, context: Context) -> Self {
        Self {
            reader,
            context,
            held: VecDeque::new(),
            holds: true,
            is_over: false,
        }
    }

    /// Reads until it is known what the list is.
    fn hold(&mut self) {
        let mut held = 0;
        while self.holds {
            let item = self.reader.next();
            if let Some(Ok(Err(bad))) = &item {
                held += bad.line.as_ref().map_or(0, |line| line.len());
            }
            let is_doubtful = matches!(&item, Some(Ok(Err(bad))) if is_no_link(&bad.problem));
            self.holds = is_doubtful && self.held.len() < MOST_HELD && held < MOST_HELD_BYTES;
            let is_end = item.is_none();
            self.held.extend(item);
            let is_suspect = self.context.seen.is_suspect.load(Relaxed);
            let few = if is_suspect { 1 } else { FEW };
            let is_other = self.held.len() > few && (is_end || (is_doubtful && !self.holds));
            if is_other {
                let count = self.held.len() as u64;
                self.held = [Err(self.nothing(&format!(" in {}", counted(count, "line"))))].into();
                self.is_over = true;
            } else if is_end {
                self.finish();
            }
        }
    }

    /// What there is to say at the end of the list.
    fn finish(&mut self) {
        self.is_over = true;
        let seen = &self.context.seen;
        let [links, bad, without] =
            [&seen.links, &seen.bad, &seen.without].map(|n| n.load(Relaxed));
        let unfollowed = seen.unfollowed.load(Relaxed);
        let is_empty = links + bad + unfollowed == 0
            && self.held.is_empty()
            && self.context.options.only.is_none();
        let rows = counted(without, "row");
        if unfollowed > 0 {
            let sitemaps = counted(unfollowed, "sitemap");
            self.say(&format!(
                "{sitemaps} not requested: only a run follows them"
            ));
        }
        let left_out = seen.left_out.load(Relaxed);
        if left_out > 0 {
            let links = counted(left_out, "link");
            seen.advise(format!("{links} left out; `--all-links` takes all links"));
        }
        let has_advice = !seen.advice.lock().is_empty();
        let blank = *seen.blank.lock();
        if is_empty && without == 0 && !blank.is_empty() {
            self.say(&format!("no links: {blank}"));
        } else if is_empty && (without > 0 || has_advice) {
            let place = match without {
                0 => String::new(),
                _ => format!(" in {rows}"),
            };
            let nothing = self.nothing(&place);
            if seen.is_suspect.load(Relaxed) {
                self.held.push_back(Err(nothing));
            } else if self.context.tells {
                tracing::warn!("{nothing}");
            }
        } else if without > 0 {
            self.say(&format!("{rows} without a link"));
        } else if left_out > 0 {
            let links = counted(left_out, "link");
            self.say(&format!(
                "{links} left out for not ending in `.pdf`: `--all-links` takes all links"
            ));
        }
    }

    /// Warns, unless the list is only counted.
    fn say(&self, what: &str) {
        if self.context.tells {
            let (list, kind) = (brief(&self.context.source), self.context.seen.kind.lock());
            tracing::warn!("{list}: {what} ({kind})");
        }
    }

    /// The error for a list without a link.
    fn nothing(&self, place: &str) -> io::Error {
        let (list, kind) = (brief(&self.context.source), self.context.seen.kind.lock());
        let advice = self.context.seen.advice.lock();
        let advice = match &**advice {
            "" => {
                "a table needs a header or links in its cells, and `--extract` takes links out of text, Markdown and HTML"
            }
            advice => advice,
        };
        let message = format!("no link in `{list}`{place}, read as {kind}: {advice}");
        io::Error::new(ErrorKind::InvalidData, message)
    }
}

impl Iterator for Tally {
    type Item = Item;

    fn next(&mut self) -> Option<Self::Item> {
        if self.holds {
            self.hold();
        }
        let mut item = self.held.pop_front();
        if item.is_none() && !self.is_over {
            item = self.reader.next();
            if item.is_none() {
                self.finish();
                item = self.held.pop_front();
            }
        }
        let seen = &self.context.seen;
        match &item {
            Some(Ok(Ok(_))) => add_one(&seen.links),
            Some(Ok(Err(_))) => add_one(&seen.bad),
            _ => {}
        }
        item
    }
}
