//! A job: a link on its way to a file.
//!
//! Owns what changes between attempts: the current candidate, the counters, the existing file. Millions of jobs may wait, so
//! a job holds little more than a URL and a name; rare parts are boxed.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use url::{Position, Url};

use super::{Candidates, Findings, Followed, Naming, Previous, Trail, name};
use crate::digest::Checksum;
use crate::host;
use crate::id::{Found, Ids};
use crate::link::{Details, Link, SourceLine};
use crate::outcome::{Failure, Outcome, Record};
use crate::queue::{GiveUp, HasHost, Ticket};
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
    /// What is known of the body that its last attempt has brought.
    pub body: Option<Sighting>,
    /// The body that it has had, if its host seems to send that for all links.
    pub held: Option<Box<Held>>,
    /// When its last attempt began, if its host seemed to send the same body for all links then.
    pub probed: Option<Instant>,
    /// The redirects of the current attempt, if they have led to another host.
    pub redirects: Option<Box<Redirects>>,
    /// The SHA-256 of the body of an earlier attempt that ended before its PDF did, although nothing had broken off.
    pub early_end: Option<Box<Checksum>>,
    /// Its turn at its host, while it runs.
    pub ticket: Option<Box<Ticket>>,
    /// The turn that it waits for at a host to which it was led.
    turn: Option<Box<Turn>>,
    /// How often it has begun anew because the target of a redirect was no longer valid.
    renewals: u8,
}

/// A body that a link has got. All numbers are hashes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sighting {
    /// The host that has sent it.
    pub host: u64,
    /// What it is known by.
    pub key: u64,
    /// Which document the link leads to, as far as its URL tells.
    pub document: u64,
    /// Whether the list has a name of its own for it.
    pub is_named: bool,
    /// Whether no other link of the host is known to have got the same.
    pub is_new: bool,
}

/// A body that a link has had, but that its host seems to send for all links.
#[derive(Debug)]
pub(crate) struct Held {
    /// The hash of the host that has sent it.
    pub host: u64,
    /// The hash of all of it.
    pub whole: u64,
    /// What it means for the link if it is its own; none if that is a file.
    pub failure: Option<Failure>,
    /// How long to wait before the next attempt.
    pub pause: Duration,
}

/// Redirects that led to another host. That is the host of the job from then on: it waits for its turn there, and what goes
/// wrong there counts there.
#[derive(Debug)]
pub(crate) struct Redirects {
    /// Where they have led.
    pub target: Url,
    /// The requests on the way.
    pub trail: Trail,
}

/// The turn of a job at a host to which a redirect or a page has led it.
#[derive(Debug)]
struct Turn {
    /// Since when it waits.
    since: Instant,
    /// How long it has waited.
    waited: Duration,
}

impl Turn {
    fn new() -> Self {
        Self {
            since: Instant::now(),
            waited: Duration::ZERO,
        }
    }
}

/// How long the target of a redirect is valid in any case: some are signed for seconds.
const FRESH: Duration = Duration::from_secs(1);

/// How often a link begins anew because its target is no longer valid.
const MAX_RENEWALS: u8 = 2;

impl Job {
    /// A job for `link`, which may be one of these identifiers, without attempts. `index` counts from 1.
    pub(crate) fn new(link: Link, index: u64, ids: &Arc<Ids>) -> Self {
        let details = link.details;
        let mirrors = details.as_ref().map_or(&[][..], |details| &details.mirrors);
        Self {
            source_line: link.source_line,
            index,
            candidates: Candidates::new(link.url, mirrors, ids),
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
            body: None,
            held: None,
            probed: None,
            redirects: None,
            early_end: None,
            ticket: None,
            turn: None,
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
        self.redirects = Some(Box::new(Redirects { target, trail }));
        self.turn = Some(Box::new(Turn::new()));
    }

    /// Counts the next attempt, unless it is one that continues after a redirect. Returns when the first one began, less the
    /// time that the job has waited for its turn at targets.
    pub(crate) fn begin_attempt(&mut self) -> Moment {
        let started = self.started.get_or_insert_with(Moment::now);
        if let Some(turn) = &mut self.turn {
            turn.waited = turn.since.elapsed();
            *started = started.later(turn.waited);
        }
        self.body = None;
        if self.redirects.is_none() {
            self.attempts += 1;
            self.attempts_at_candidate += 1;
        }
        *started
    }

    /// Prepares for a retry, which begins at the current candidate: it may redirect to another host this time.
    pub(crate) fn forget_redirects(&mut self) {
        self.redirects = None;
        self.turn = None;
    }

    /// Begins anew at the URL from the list if this `failure` may only mean that the one to which a redirect or a page has led
    /// is no longer valid, because it has waited. Does not count as another attempt.
    pub(crate) fn renew(&mut self, failure: &Failure) -> bool {
        let is_refused = matches!(failure.http_status, Some(400 | 401 | 403 | 404 | 410));
        let is_stale = |turn: &Turn| turn.waited >= FRESH;
        let is_stale = self.turn.as_deref().is_some_and(is_stale)
            || (self.candidates.is_found() && self.attempts_at_candidate > 1);
        if !is_refused || !is_stale || self.renewals == MAX_RENEWALS {
            return false;
        }
        self.renewals += 1;
        self.forget_redirects();
        self.candidates.restart();
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

    /// Whether the list has a name of its own for its file.
    pub(crate) fn is_named(&self) -> bool {
        self.listed_name().is_some_and(|name| !name.ends_with('/'))
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
        self.forget_redirects();
        Ok(())
    }

    /// Moves on to the next candidate, as if nothing had come of this one; false if there is none.
    pub(crate) fn skip(&mut self) -> bool {
        self.attempts_at_candidate = 0;
        self.forget_redirects();
        self.candidates.go_on()
    }

    /// Continues with what a source has answered.
    ///
    /// # Errors
    ///
    /// If there is nothing to continue with.
    pub(crate) fn answer(&mut self, found: Vec<Found>) -> Result<(), Failure> {
        self.candidates.answer(found)?;
        self.attempts_at_candidate = 0;
        self.forget_redirects();
        Ok(())
    }

    /// Continues with what was found on a page.
    pub(crate) fn follow(&mut self, findings: &Findings) -> Followed {
        self.redirects = None;
        let followed = self.candidates.add(findings);
        if followed == Followed::Found {
            self.attempts_at_candidate = 0;
            self.turn = Some(Box::new(Turn::new()));
        }
        followed
    }

    /// Paths for its file, in order of preference; the first one that no other file has is used. They are the suggested one
    /// unless an earlier link has it, one with a hash of the URL, and numbered ones.
    ///
    /// `suggested` is the server's name for the file. It counts if the list has no name and the URL does not end in the name
    /// of a PDF. A file that was found through a page has the name of its own URL, the server's, or the title of the page, whichever
    /// says something. `sha256` is the hash of the file.
    pub(crate) fn names(
        &self,
        naming: &Naming,
        suggested: Option<&str>,
        sha256: Option<&str>,
    ) -> impl Iterator<Item = String> {
        let base = naming.base(self, suggested, sha256);
        let is_taken = self.name_taken && base == naming.planned(self);
        (u32::from(is_taken)..).map(move |n| nth_name(&base, self.id, n))
    }

    /// The same as long as no server has suggested anything.
    pub(crate) fn planned_names(&self, naming: &Naming) -> impl Iterator<Item = String> {
        let base = naming.planned(self);
        (u32::from(self.name_taken)..).map(move |n| nth_name(&base, self.id, n))
    }

    /// The path for its file that it has by itself, as if no other link could have it. See [`Self::names`].
    pub(crate) fn own_name(
        &self,
        naming: &Naming,
        suggested: Option<&str>,
        sha256: Option<&str>,
    ) -> String {
        naming.base(self, suggested, sha256)
    }

    /// Its record with this `outcome`.
    pub(crate) fn record(&self, outcome: Outcome) -> Record {
        Record {
            attempts: self.attempts,
            elapsed: self.started.map_or(Duration::ZERO, Moment::age),
            details: self.details.clone(),
            way: self.candidates.way().cloned().map(Box::new),
            id: self.candidates.id().map(|id| id.to_string().into()),
            skipped: self.candidates.skipped().to_vec(),
            ..Record::new(&self.source_line, self.candidates.first(), outcome)
        }
    }
}

impl HasHost for Job {
    fn may_avoid(&self) -> bool {
        self.candidates.may_skip()
    }

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

    fn is_question(&self) -> bool {
        self.candidates.asked().is_some()
    }

    fn is_new_candidate(&self) -> bool {
        self.attempts_at_candidate == 0
    }

    fn is_redirected(&self) -> bool {
        self.redirects.is_some() || self.candidates.is_found()
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
