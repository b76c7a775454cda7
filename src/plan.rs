//! What is to be done for each line of the list, in the order of the list.
//!
//! Owns the identity of links (which one is a duplicate, which one is here already) and the names of their files, which
//! are given in list order and therefore are the same in every mode. Knows nothing of HTTP or of threads.

pub mod name;

use std::borrow::Cow;
use std::collections::HashSet;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::Url;

use crate::links::{BadLink, Link, Place, fingerprint, shown};
use crate::outcome::{Outcome, Saved};
use crate::queue::OfHost;
use crate::report::{History, Record};
use crate::store::Store;

/// One link to fetch. Many may wait, so it holds little more than its URL.
#[derive(Debug)]
pub struct Job {
    /// Where the link stands.
    pub place: Place,
    url: Box<str>,
    /// The identity of its URL: see [`Link::id`].
    pub id: u64,
    /// Whether an earlier link has the name that its URL suggests.
    taken: bool,
    /// How many requests have been tried.
    pub attempts: u32,
    /// When the first one was.
    pub started: Option<Instant>,
}

impl Job {
    /// Its URL.
    #[must_use]
    pub fn url(&self) -> Url {
        Url::parse(&self.url).expect("it was one when the list was read")
    }

    /// The name that its file is to have; `url` is its URL.
    #[must_use]
    pub fn name(&self, url: &Url) -> String {
        nth_name(&name::of_url(url), self.id, u32::from(self.taken))
    }

    /// Names for its file, in the order in which they are to be tried while the one before belongs to another file: the
    /// one that its `url` suggests unless an earlier link has it, one with a hash of the URL, and numbered ones.
    ///
    /// `suggested` is the server's name for it, which counts where the URL itself does not end in the name of a PDF.
    pub fn names(&self, url: &Url, suggested: Option<&str>) -> impl Iterator<Item = String> {
        let better = suggested
            .filter(|_| !name::is_said_by(url))
            .and_then(name::safe);
        let first = u32::from(better.is_none() && self.taken);
        let (base, id) = (better.unwrap_or_else(|| name::of_url(url)), self.id);
        (first..).map(move |n| nth_name(&base, id, n))
    }

    /// Its record, if this is what became of it.
    #[must_use]
    pub fn record(&self, outcome: Outcome) -> Record {
        // most URLs are fit to be shown as they are, and need not be read again for it
        let url = if self.url.contains('@') {
            shown(&self.url()).into_owned()
        } else {
            self.url.to_string()
        };
        Record {
            place: self.place.clone(),
            url,
            outcome,
            attempts: self.attempts,
            elapsed: self
                .started
                .map_or(Duration::ZERO, |started| started.elapsed()),
        }
    }
}

impl OfHost for Job {
    fn host(&self) -> Cow<'_, str> {
        let scheme = self.url.find("://").map_or(0, |scheme| scheme + 3);
        let end = self.url[scheme..]
            .find(['/', '?', '#'])
            .map_or(self.url.len(), |length| scheme + length);
        match self.url[scheme..end].rfind('@') {
            None => self.url[..end].into(),
            // who asks does not make it another host
            Some(at) => [&self.url[..scheme], &self.url[scheme + at + 1..end]]
                .concat()
                .into(),
        }
    }
}

/// What the plan makes of a line.
#[derive(Debug)]
pub enum Step {
    /// The link is to be fetched.
    Fetch(Job),
    /// The outcome is known without asking anybody.
    Settled(Box<Record>),
}

/// Turns the lines of a list into steps, one at a time.
pub struct Plan<L> {
    links: L,
    store: Arc<Store>,
    history: History,
    skip_existing: bool,
    seen: HashSet<u64>,
    names: HashSet<u64>,
}

impl<L> Plan<L> {
    /// A plan for `links` into `store`, which earlier runs have left as `history` says.
    ///
    /// With `skip_existing`, a file that is here under the name of a link is taken for that link's.
    pub fn new(links: L, store: Arc<Store>, history: History, skip_existing: bool) -> Self {
        Self {
            links,
            store,
            history,
            skip_existing,
            seen: HashSet::new(),
            names: HashSet::new(),
        }
    }

    fn step(&mut self, link: Link) -> Step {
        let id = link.id();
        if !self.seen.insert(id) {
            return Step::Settled(Box::new(Record::new(
                &link.place,
                &link.url,
                Outcome::Duplicate,
            )));
        }
        if let Some(saved) = self.present(id) {
            self.claim(&saved.file);
            return Step::Settled(Box::new(Record::new(
                &link.place,
                &link.url,
                Outcome::Saved(saved),
            )));
        }
        let base = name::of_url(&link.url);
        let taken = !self.claim(&base);
        if taken {
            self.claim(&nth_name(&base, id, 1));
        }
        if self.skip_existing
            && let Some(saved) = self.store.file(nth_name(&base, id, u32::from(taken)))
        {
            return Step::Settled(Box::new(Record::new(
                &link.place,
                &link.url,
                Outcome::Saved(saved),
            )));
        }
        let url = String::from(link.url).into_boxed_str();
        Step::Fetch(Job {
            place: link.place,
            url,
            id,
            taken,
            attempts: 0,
            started: None,
        })
    }

    /// The file that an earlier run has saved for a link, if it is still as that run has left it.
    fn present(&self, id: u64) -> Option<Saved> {
        self.history.find(id).filter(|saved| self.store.has(saved))
    }

    /// Takes `name` for a link of this run; false if another one has it. Some file systems do not tell upper from lower
    /// case, so neither does this.
    fn claim(&mut self, name: &str) -> bool {
        self.names.insert(fingerprint(&name.to_lowercase()))
    }
}

impl<L: Iterator<Item = io::Result<Result<Link, BadLink>>>> Iterator for Plan<L> {
    type Item = io::Result<Step>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.links.next()?.map(|line| match line {
            Ok(link) => self.step(link),
            Err(bad) => Step::Settled(Box::new(Record::bad_link(bad))),
        }))
    }
}

fn nth_name(base: &str, id: u64, n: u32) -> String {
    let hash = id >> 32;
    match n {
        0 => base.to_owned(),
        1 => name::with_suffix(base, &format!("-{hash:08x}")),
        n => name::with_suffix(base, &format!("-{hash:08x}-{n}")),
    }
}
