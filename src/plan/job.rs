//! A job: a link on its way to a file.
//!
//! Owns what changes between attempts: the current candidate, the counters, the existing file. Millions of jobs may wait, so
//! a job holds little more than a URL and a name; rare parts are boxed.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use url::{Position, Url};

use super::{Candidates, Naming, Previous, Trail, name};
use crate::digest::Checksum;
use crate::host;
use crate::link::{Details, Link, SourceLine};
use crate::outcome::{Failure, Outcome, Record};
use crate::queue::{GiveUp, HasHost};
use crate::text::has_credentials;
use crate::timeout::Moment;

/// One link to fetch.
#[derive(Debug)]
pub(crate) struct Job {
    /// The place of the link in its list.
    pub source_line: SourceLine,
    /// The number of the line among the lines of all lists that are not blank or comments, from 1.
    pub index: u64,
    /// The URLs of its file.
    pub candidates: Candidates,
    /// The identity of its URL: see [`Link::id`](crate::link::Link::id).
    pub id: u64,
    /// The planned path of its file. The server may suggest another name.
    pub name: Box<str>,
    /// Whether an earlier link has the name that the list or the URL gives.
    pub(super) name_taken: bool,
    /// What else the list says about it.
    pub details: Option<Box<Details>>,
    /// The existing file, which the response may replace.
    pub existing: Option<Box<Previous>>,
    /// Whether somebody has changed the file that an earlier run saved for it, so that it gets another one.
    pub keeps_changed: bool,
    /// Whether only the command for the existing file has yet to run.
    pub only_exec: bool,
    /// The number of attempts.
    pub attempts: u32,
    /// The number of attempts with the current candidate.
    pub attempts_at_candidate: u32,
    /// When the first attempt began.
    pub started: Option<Moment>,
    /// The redirects of the current attempt, if they have led to another host.
    pub redirects: Option<Box<Redirects>>,
    /// The SHA-256 of the body of an earlier attempt that ended before its PDF did, although nothing had broken off.
    pub early_end: Option<Box<Checksum>>,
    /// How often it has begun anew because the target of a redirect was no longer valid.
    renewals: u8,
}

/// Redirects that led to another host. That is the host of the job from then on: it waits for its turn there, and what goes
/// wrong there counts there.
#[derive(Debug)]
pub(crate) struct Redirects {
    /// Where they have led.
    pub target: Url,
    /// The requests on the way.
    pub trail: Trail,
    /// When the last one was received.
    at: Instant,
    /// How long it has waited for its turn.
    waited: Duration,
}

/// How long the target of a redirect is valid in any case: some are signed for seconds.
const FRESH: Duration = Duration::from_secs(1);

/// How often a link begins anew because its target is no longer valid.
const MAX_RENEWALS: u8 = 2;

impl Job {
    /// A job for `link`, without attempts. `index` counts from 1.
    pub(super) fn new(link: Link, index: u64) -> Self {
        let details = link.details;
        let mirrors = details.as_ref().map_or(&[][..], |details| &details.mirrors);
        Self {
            source_line: link.source_line,
            index,
            candidates: Candidates::new(link.url, mirrors),
            id: link.id,
            name: Box::default(),
            name_taken: false,
            details,
            existing: None,
            keeps_changed: false,
            only_exec: false,
            attempts: 0,
            attempts_at_candidate: 0,
            started: None,
            redirects: None,
            early_end: None,
            renewals: 0,
        }
    }

    /// The URL to request next: the current candidate, or where its redirects have led.
    pub(crate) fn url(&self) -> &Url {
        match &self.redirects {
            Some(redirects) => &redirects.target,
            None => self.candidates.current(),
        }
    }

    /// Continues at `target`, to which the redirects of this `trail` have led.
    pub(crate) fn redirect(&mut self, target: Url, trail: Trail) {
        self.redirects = Some(Box::new(Redirects {
            target,
            trail,
            at: Instant::now(),
            waited: Duration::ZERO,
        }));
    }

    /// Counts the next attempt, unless it is one that continues after a redirect. Returns when the first one began, less the
    /// time that the job has waited for its turn at targets.
    pub(crate) fn begin_attempt(&mut self) -> Moment {
        let started = self.started.get_or_insert_with(Moment::now);
        if let Some(redirects) = &mut self.redirects {
            redirects.waited = redirects.at.elapsed();
            *started = started.later(redirects.waited);
        } else {
            self.attempts += 1;
            self.attempts_at_candidate += 1;
        }
        *started
    }

    /// Prepares for a retry, which begins at the current candidate: it may redirect to another host this time.
    pub(crate) fn forget_redirects(&mut self) {
        self.redirects = None;
    }

    /// Begins anew at the current candidate if this `failure` may only mean that the target of a redirect is no longer valid,
    /// because it has waited for its turn. Does not count as another attempt.
    pub(crate) fn renew(&mut self, failure: &Failure) -> bool {
        let is_refused = matches!(failure.http_status, Some(400 | 401 | 403 | 404 | 410));
        let is_stale = |redirects: &Redirects| redirects.waited >= FRESH;
        let is_stale = self.redirects.as_deref().is_some_and(is_stale);
        if !is_refused || !is_stale || self.renewals == MAX_RENEWALS {
            return false;
        }
        self.renewals += 1;
        self.redirects = None;
        self.attempts -= 1;
        self.attempts_at_candidate -= 1;
        true
    }

    /// Scheme, name and port of its host, for people.
    pub(crate) fn origin(&self) -> Cow<'_, str> {
        let url = self.url();
        if !has_credentials(url) {
            return url[..Position::AfterPort].into();
        }
        let host = &url[Position::BeforeHost..Position::AfterPort];
        format!("{}://{host}", url.scheme()).into()
    }

    /// The checksum of its file, from the list.
    pub(crate) fn checksum(&self) -> Option<Checksum> {
        self.details.as_ref()?.checksum
    }

    /// The path of its file, or of the folder for it, from the list.
    pub(super) fn listed_name(&self) -> Option<&str> {
        self.details.as_ref()?.name.as_deref()
    }

    /// Moves on to the next candidate after this `failure`.
    ///
    /// # Errors
    ///
    /// The failure of the link, if there is no other candidate.
    pub(crate) fn advance(&mut self, failure: Failure) -> Result<(), Failure> {
        self.candidates.advance(failure)?;
        self.attempts_at_candidate = 0;
        self.redirects = None;
        Ok(())
    }

    /// Paths for its file, in order of preference; the first one that no other file has is used. They are the suggested one
    /// unless an earlier link has it, one with a hash of the URL, and numbered ones.
    ///
    /// `suggested` is the server's name for the file. It counts if the list has no name and the URL does not end in the name
    /// of a PDF. `sha256` is the hash of the file.
    pub(crate) fn names(
        &self,
        naming: &Naming,
        suggested: Option<&str>,
        sha256: Option<&str>,
    ) -> impl Iterator<Item = String> {
        let base = naming.base(self, suggested, sha256);
        let is_taken = self.name_taken && base == naming.base(self, None, None);
        (u32::from(is_taken)..).map(move |n| nth_name(&base, self.id, n))
    }

    /// Its record with this `outcome`.
    pub(crate) fn record(&self, outcome: Outcome) -> Record {
        Record {
            attempts: self.attempts,
            elapsed: self.started.map_or(Duration::ZERO, Moment::age),
            details: self.details.clone(),
            ..Record::new(&self.source_line, self.candidates.first(), outcome)
        }
    }
}

impl HasHost for Job {
    fn next_candidate(&mut self, reason: &GiveUp) -> bool {
        self.advance(reason.failure()).is_ok()
    }

    fn host(&self) -> Cow<'_, str> {
        host::of(self.url())
    }

    fn weight(&self) -> usize {
        let details = self.details.as_ref().map_or(0, |details| details.weight());
        let target = |redirects: &Redirects| redirects.target.as_str().len();
        let redirects = self.redirects.as_deref();
        let redirects = redirects.map_or(0, |redirects| size_of::<Redirects>() + target(redirects));
        size_of::<Self>() + self.name.len() + self.candidates.weight() + details + redirects
    }

    fn is_redirected(&self) -> bool {
        self.redirects.is_some()
    }
}

/// The `n`-th choice, from 0, for the path of the file of the link with this `id`.
pub(super) fn nth_name(base: &str, id: u64, n: u32) -> String {
    let hash = id >> 32;
    match n {
        0 => base.to_owned(),
        1 => name::with_suffix(base, &format!("-{hash:08x}")),
        n => name::with_suffix(base, &format!("-{hash:08x}-{n}")),
    }
}
