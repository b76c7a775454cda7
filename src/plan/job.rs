//! One link on its way: where it stands, what is asked, what its file is called, and how it has fared so far.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use url::{Position, Url};

use super::{Naming, Previous, name};
use crate::link::{Details, SourceLine, has_credentials};
use crate::outcome::{Failure, Outcome, Record, Status};
use crate::queue::{GiveUp, HasHost};
use crate::text::shown;

/// One link to fetch. Many may wait, so it holds little more than its URL and a name.
#[derive(Debug)]
pub struct Job {
    /// Where the link stands.
    pub place: SourceLine,
    /// Its number among all lines of all lists that say something, from 1.
    pub index: u64,
    pub(super) url: Url,
    /// The identity of its URL: see [`Link::id`](crate::links::Link::id).
    pub id: u64,
    /// The path that its file is to have, should the server not suggest another one.
    pub name: Box<str>,
    /// Whether an earlier link has the name that its URL suggests.
    pub(super) taken: bool,
    /// What else the list says about it.
    pub details: Option<Box<Details>>,
    /// The file that is here already, and that the answer may replace.
    pub here: Option<Box<Previous>>,
    /// Whether it is only the command for the file that is here which is still to be run.
    pub only_command: bool,
    /// What is said of the URLs that have failed, if it has several.
    pub(super) given_up: Option<Box<GivenUp>>,
    /// How many requests have been tried.
    pub attempts: u32,
    /// How many of them at the URL that is tried now.
    pub tries: u32,
    /// When the first one was.
    pub started: Option<Instant>,
}

/// How a link with several URLs has fared so far.
#[derive(Debug)]
pub(super) struct GivenUp {
    /// How many URLs have failed.
    urls: usize,
    /// The failure that gives most hope.
    failure: Failure,
}

impl Job {
    /// The URL that is to be asked.
    #[must_use]
    pub fn url(&self) -> &Url {
        self.mirror().unwrap_or(&self.url)
    }

    /// The URL of the list, if it has failed and another one is asked.
    #[must_use]
    pub fn failed_url(&self) -> Option<&Url> {
        self.mirror().map(|_| &self.url)
    }

    /// The other URL that is to be asked, now that the first one has failed.
    fn mirror(&self) -> Option<&Url> {
        let number = self.given_up.as_ref()?.urls.checked_sub(1)?;
        self.details.as_ref()?.mirrors.get(number)
    }

    /// Goes on to the next URL of the same file, after this `failure`; gives back the failure that counts if there is none.
    ///
    /// # Errors
    ///
    /// The failure of the link.
    pub fn try_mirror(&mut self, failure: Failure) -> Result<(), Failure> {
        let mirrors = self
            .details
            .as_ref()
            .map_or(0, |details| details.mirrors.len());
        if mirrors == 0 || matches!(failure.status, Status::Interrupted | Status::Disk) {
            return Err(failure);
        }
        let (urls, failure) = match self.given_up.take() {
            None => (1, failure),
            // if another run may help with one of them, it may help
            Some(before) if before.failure.retryable() && !failure.retryable() => {
                (before.urls + 1, before.failure)
            }
            Some(before) => (before.urls + 1, failure),
        };
        if urls > mirrors {
            let message = format!("{} (and {mirrors} other URLs failed, too)", failure.message);
            return Err(Failure { message, ..failure });
        }
        self.given_up = Some(Box::new(GivenUp { urls, failure }));
        self.tries = 0;
        Ok(())
    }

    /// Paths for its file, in the order in which they are to be tried while the one before belongs to another file: the
    /// one that is suggested unless an earlier link has it, one with a hash of the URL, and numbered ones.
    ///
    /// `suggested` is the server's name for it, which counts where neither the list names it nor the URL ends in the name
    /// of a PDF; `sha256` is the hash of its bytes.
    pub fn names(
        &self,
        naming: &Naming,
        suggested: Option<&str>,
        sha256: Option<&str>,
    ) -> impl Iterator<Item = String> {
        let base = move || naming.base(self, &self.url, suggested, sha256);
        let (first, begin) = if suggested.is_none() && !naming.needs_hash() {
            (self.name.to_string(), u32::from(self.taken))
        } else {
            let base = base();
            let as_planned = self.taken && base == naming.base(self, &self.url, None, None);
            let begin = u32::from(as_planned);
            (nth_name(&base, self.id, begin), begin)
        };
        let others = (begin + 1..).map(move |n| nth_name(&base(), self.id, n));
        std::iter::once(first).chain(others)
    }

    /// Its record, if this is what became of it.
    #[must_use]
    pub fn record(&self, outcome: Outcome) -> Record {
        Record {
            place: self.place.clone(),
            url: shown(&self.url).into_owned(),
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
    fn next_candidate(&mut self, verdict: &GiveUp) -> bool {
        self.try_mirror(verdict.failure()).is_ok()
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
