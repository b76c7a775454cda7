//! One link on its way: where it stands, what is asked, what its file is called, and how it has fared so far.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use url::{Position, Url};

use super::{Candidates, Naming, Previous, name};
use crate::digest::Checksum;
use crate::link::{Details, Link, SourceLine};
use crate::outcome::{Failure, Outcome, Record};
use crate::queue::{GiveUp, HasHost};
use crate::text::{has_credentials, shown};

/// One link to fetch. Many may wait, so it holds little more than its URL and a name.
#[derive(Debug)]
pub(crate) struct Job {
    /// Where the link stands.
    pub source_line: SourceLine,
    /// Its number among all lines of all lists that say something, from 1.
    pub index: u64,
    /// The URLs that it may be fetched from.
    pub candidates: Candidates,
    /// The identity of its URL: see [`Link::id`](crate::link::Link::id).
    pub id: u64,
    /// The path that its file is to have, should the server not suggest another one.
    pub name: Box<str>,
    /// Whether an earlier link has the name that its URL suggests.
    pub(super) name_taken: bool,
    /// What else the list says about it.
    pub details: Option<Box<Details>>,
    /// The existing file, which the answer may replace.
    pub existing: Option<Box<Previous>>,
    /// Whether it is only the command for the existing file which is still to be run.
    pub only_exec: bool,
    /// How many requests have been tried.
    pub attempts: u32,
    /// How many of them with the candidate that is tried now.
    pub attempts_at_candidate: u32,
    /// When the first one was.
    pub started: Option<Instant>,
}

impl Job {
    /// A job for `link`, the `index`-th of all, with nothing done yet.
    pub(super) fn new(link: Link, index: u64) -> Self {
        let mirrors = link
            .details
            .as_ref()
            .map_or(&[][..], |details| &details.mirrors);
        Self {
            source_line: link.source_line,
            index,
            candidates: Candidates::new(link.url, mirrors),
            id: link.id,
            name: String::new().into(),
            name_taken: false,
            details: link.details,
            existing: None,
            only_exec: false,
            attempts: 0,
            attempts_at_candidate: 0,
            started: None,
        }
    }

    /// The URL that is to be asked.
    pub(crate) fn url(&self) -> &Url {
        self.candidates.current()
    }

    /// The checksum that the list gives for its file.
    pub(crate) fn checksum(&self) -> Option<Checksum> {
        self.details.as_ref()?.checksum
    }

    /// Goes on to the next candidate after this `failure`.
    ///
    /// # Errors
    ///
    /// The failure of the link, if there is no other candidate.
    pub(crate) fn advance(&mut self, failure: Failure) -> Result<(), Failure> {
        self.candidates.advance(failure)?;
        self.attempts_at_candidate = 0;
        Ok(())
    }

    /// Paths for its file, in the order in which they are to be tried while the one before belongs to another file: the
    /// one that is suggested unless an earlier link has it, one with a hash of the URL, and numbered ones.
    ///
    /// `suggested` is the server's name for it, which counts where neither the list names it nor the URL ends in the name
    /// of a PDF; `sha256` is the hash of its bytes.
    pub(crate) fn names(
        &self,
        naming: &Naming,
        suggested: Option<&str>,
        sha256: Option<&str>,
    ) -> impl Iterator<Item = String> {
        let base = move || naming.base(self, suggested, sha256);
        let (first, begin) = if suggested.is_none() && !naming.needs_hash() {
            (self.name.to_string(), u32::from(self.name_taken))
        } else {
            let base = base();
            let as_planned = self.name_taken && base == naming.base(self, None, None);
            let begin = u32::from(as_planned);
            (nth_name(&base, self.id, begin), begin)
        };
        let others = (begin + 1..).map(move |n| nth_name(&base(), self.id, n));
        std::iter::once(first).chain(others)
    }

    /// Its record, if this is what became of it.
    pub(crate) fn record(&self, outcome: Outcome) -> Record {
        Record {
            source_line: self.source_line.clone(),
            url: shown(self.candidates.first()).into_owned(),
            outcome,
            attempts: self.attempts,
            elapsed: self
                .started
                .map_or(Duration::ZERO, |started| started.elapsed()),
            details: self.details.clone(),
            exec_error: None,
        }
    }
}

impl HasHost for Job {
    fn next_candidate(&mut self, reason: &GiveUp) -> bool {
        self.advance(reason.failure()).is_ok()
    }

    fn host(&self) -> Cow<'_, str> {
        let url = self.url();
        if !has_credentials(url) {
            return url[..Position::AfterPort].into();
        }
        // who asks does not make it another host
        let host = &url[Position::BeforeHost..Position::AfterPort];
        format!("{}://{host}", url.scheme()).into()
    }
}

/// The path for the file of the link with this `id`, if so many others have been taken before.
pub(super) fn nth_name(base: &str, id: u64, n: u32) -> String {
    let hash = id >> 32;
    match n {
        0 => base.to_owned(),
        1 => name::with_suffix(base, &format!("-{hash:08x}")),
        n => name::with_suffix(base, &format!("-{hash:08x}-{n}")),
    }
}
