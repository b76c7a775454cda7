//! One attempt at a job: its request, the redirects, and the response body on its way to a part.
//!
//! ```text
//!  Fetcher ──► request ──► response ──► body ──► store
//!              options,    status,      limits,
//!              cookies,    headers,     checks
//!              redirects   resuming
//! ```
//!
//! Infallible by type: whatever goes wrong with a link is its outcome. This module decides what an attempt ends as: the
//! record of the link, or a retry after a pause. It knows nothing of modes or terminals; all modes share one [`Fetcher`].

mod bandwidth;
mod blocks;
mod body;
mod challenge;
mod coding;
mod cookie_jar;
mod cookies_txt;
mod credentials;
mod digest_auth;
mod disk;
mod disposition;
mod error;
mod landing;
mod listed;
mod look;
mod look_up;
mod netrc;
mod page_body;
mod range;
mod reason;
mod refusal;
mod request;
mod request_options;
mod response;
mod told;
mod upload;
mod words;

use std::borrow::Cow;
use std::io::{self, ErrorKind::WouldBlock};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, SystemTime};

use tokio_util::sync::CancellationToken;
use url::Url;

use crate::digest::Checksum;
use crate::http::{Client, HttpOptions, Load};
use crate::id::Found;
use crate::outcome::{Answer, Failure, Outcome, Record, Saved, Status};
use crate::page::Rules;
use crate::plan::{Job, Previous, Trail};
use crate::retry::RetryPolicy;
use crate::stats::{Stats, Transfer};
use crate::store::{Part, Publisher, Sealed, Store};
use crate::system::files::is_exhausted;
use crate::timeout::{Moment, timeout};
pub(crate) use blocks::{Kept, Standing};
pub(crate) use cookies_txt::read_cookies;
pub(crate) use credentials::Credentials;
pub(crate) use landing::Landing;
pub(crate) use listed::Lists;
pub(crate) use look::{Look, look, look_at};
pub(crate) use look_up::{Asked, Resolver};
pub(crate) use netrc::Netrc;
pub(crate) use request::DEFAULT_REDIRECTS;
pub(crate) use request_options::{HostHeaders, RequestOptions, Scope};
pub(crate) use upload::Unstored;

use bandwidth::Bandwidth;
use blocks::{Arrival, Blocks, REPEATED, face, lasting};
use body::{Body, Expected};
use disk::Disk;
use error::disk;
use landing::Page;
use look_up::retries;
use request::{Accept, Requester, Wanted};
use response::Response;

/// How often to check whether another process has released a part.
const PART_POLL: Duration = Duration::from_millis(200);

/// How links are fetched.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "independent choices")]
pub(crate) struct Options {
    /// When to retry.
    pub retry: RetryPolicy,
    /// The longest time to the head of a response, connecting included.
    pub first_byte_timeout: Duration,
    /// The longest time without data in a body.
    pub stall_timeout: Duration,
    /// The longest time for a link, retries included.
    pub max_time: Option<Duration>,
    /// The lowest speed of a body in bytes per second, measured over each stall timeout.
    pub min_speed: Option<u64>,
    /// The largest file, in bytes.
    pub max_filesize: u64,
    /// The highest speed of all bodies together, in bytes per second.
    pub limit_rate: Option<u64>,
    /// Whether the SHA-256 of each file is computed.
    pub sha256: bool,
    /// Whether a file gets the modification time that its server reports.
    pub remote_time: bool,
    /// Whether only https links are fetched.
    pub https_only: bool,
    /// How many redirects are followed.
    pub max_redirects: u16,
    /// Whether a redirect from https to http is followed.
    pub allow_downgrade: bool,
    /// Which candidates of pages are followed.
    pub landing: Landing,
    /// What is known of the pages of sites.
    pub rules: Arc<Rules>,
    /// Whether a body that many links of a host have is taken for a block.
    pub block_detection: bool,
    /// What requests carry.
    pub request: RequestOptions,
    /// How hosts are reached.
    pub http: HttpOptions,
}

/// The result of an attempt.
#[derive(Debug)]
pub(crate) enum Fetched {
    /// The link is finished.
    Done(Box<Record>),
    /// The attempt failed like this; retry after the pause.
    Again(Duration, Failure),
    /// It continues elsewhere: at another host, to which the job was redirected, or with what a page leads to.
    Moved,
    /// The file is checked. It goes into a bucket, for which its host need not wait.
    Sealed(Box<Sealed>),
}

/// What an attempt has got.
enum Got {
    /// A file with its final name.
    Saved(Saved),
    /// A checked file that does not have its final name yet, and the name from the response.
    Sealed(Saved, Option<String>),
}

/// Why an attempt has no file.
enum Unsaved {
    Failed(Failure),
    /// The body ended early, in good order; its SHA-256.
    EndedEarly(Failure, Checksum),
    /// It continues at this URL of another host, after these requests.
    Redirected(Url, Trail),
    /// There is a page in its place.
    Page(Box<Page>),
    /// It is what a source has answered.
    Answer(Vec<Found>),
}

impl From<Failure> for Unsaved {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// Fetches links. Shared by all threads and tasks of a run.
pub(crate) struct Fetcher {
    options: Options,
    requester: Requester,
    bandwidth: Option<Bandwidth>,
    blocks: Blocks,
    /// Whether a transfer has been too slow for the links that wait.
    floor_applied: AtomicBool,
    disk: Disk,
    store: Arc<Store>,
    publisher: Publisher,
    stop: CancellationToken,
}

impl Fetcher {
    /// A fetcher into `store` for this `load`, which gives up when `stop` is cancelled.
    ///
    /// # Errors
    ///
    /// If the HTTP client cannot be built.
    pub(crate) fn new(
        options: &Options,
        load: Load,
        store: Arc<Store>,
        publisher: Publisher,
        stop: CancellationToken,
    ) -> anyhow::Result<Self> {
        let client = Client::new(&options.http, load)?;
        Ok(Self {
            bandwidth: options.limit_rate.map(Bandwidth::new),
            blocks: Blocks::default(),
            floor_applied: AtomicBool::new(false),
            disk: Disk::default(),
            requester: Requester::new(options, client),
            options: options.clone(),
            store,
            publisher,
            stop,
        })
    }

    /// Makes one attempt at a link.
    pub(crate) async fn fetch(&self, job: &mut Job, stats: &Arc<Stats>) -> Fetched {
        if let Some(existing) = job.existing.as_ref().filter(|_| job.only_exec) {
            return done(job, Outcome::Saved(existing.saved.clone()));
        }
        if let Some(ended) = self.begin(job).await {
            return ended;
        }
        let transfer = stats.begin(job.name.to_string());
        let started = job.begin_attempt();
        let limit = self.time_limit();
        let left = limit.saturating_sub(started.elapsed());
        let mut part = None;
        let attempt = async {
            match job.candidates.asked() {
                None => self.attempt(job, &transfer, &mut part).await,
                Some(_) => Err(self.look_up(job).await),
            }
        };
        let attempt = timeout(left, attempt);
        let failure = tokio::select! {
            biased;
            () = self.stop.cancelled() => Failure::interrupted(),
            result = attempt => match result {
                Ok(Ok(Got::Saved(saved))) => {
                    self.note_saved(job, &saved);
                    return done(job, Outcome::Saved(saved));
                }
                Ok(Ok(Got::Sealed(saved, suggested))) => {
                    self.note_saved(job, &saved);
                    let part = part.take().expect("it is sealed");
                    return Fetched::Sealed(Box::new(Sealed {
                        part,
                        saved,
                        suggested,
                        changed: None,
                    }));
                }
                Ok(Err(Unsaved::Redirected(target, trail))) => {
                    job.redirect(target, trail);
                    return Fetched::Moved;
                }
                Ok(Err(Unsaved::Answer(found))) => match job.answer(found) {
                    Ok(()) => return Fetched::Moved,
                    Err(failure) => failure,
                },
                Ok(Err(Unsaved::Page(page))) => {
                    let face = face(job, &page.url);
                    match self.follow(job, &page) {
                        Ok(moved) => {
                            self.note_other(job, face, false);
                            return moved;
                        }
                        Err(failure) => failure,
                    }
                }
                Ok(Err(Unsaved::EndedEarly(failure, checksum))) => {
                    job.early_end = Some(Box::new(checksum));
                    failure
                }
                Ok(Err(Unsaved::Failed(failure))) => failure,
                Err(_) => out_of_time(limit),
            },
        };
        self.after(job, failure)
    }

    /// Gives a sealed part its final name.
    fn publish(
        &self,
        job: &Job,
        part: &mut Part,
        saved: &Saved,
        suggested: Option<&str>,
    ) -> Result<Saved, Failure> {
        let publish = || self.publisher.publish(job, part, saved, suggested);
        let published = self.disk.act(publish);
        published.map_err(|error| match self.store.refused() {
            // what a bucket has against a tar is not about this link
            Some(_) => Failure::interrupted(),
            None => disk(error),
        })
    }

    /// The longest time for a link.
    fn time_limit(&self) -> Duration {
        self.options.max_time.unwrap_or(Duration::MAX)
    }

    /// What follows from the `failure` of an attempt at a link.
    fn after(&self, job: &mut Job, failure: Failure) -> Fetched {
        let (retry, limit) = (&self.options.retry, self.time_limit());
        let elapsed = job.started.map_or(Duration::ZERO, Moment::elapsed);
        let held = job.held.as_ref();
        let pause = match held.filter(|_| failure.status == Status::Blocked) {
            Some(held) => {
                let (pause, own) = (held.pause, lasting(held.failure.as_ref()));
                // a link need not wait if it has a mirror
                if !job.candidates.is_found() && job.advance(own).is_ok() {
                    job.held = None;
                    return Fetched::Again(pause, failure);
                }
                Some(pause)
            }
            None => retries(job, *retry, &failure).pause(job.attempts_at_candidate, &failure),
        };
        let failure = match pause {
            Some(pause) if elapsed + pause < limit => {
                job.forget_redirects();
                return Fetched::Again(pause, failure);
            }
            Some(_) => out_of_time(limit),
            None if job.renew(&failure) => return Fetched::Again(Duration::ZERO, failure),
            None => retry.verdict(failure),
        };
        match job.advance(failure.clone()) {
            Ok(()) => Fetched::Again(Duration::ZERO, failure),
            Err(failure) => done(job, Outcome::Failed(failure)),
        }
    }

    /// The attempt itself. If it fails or is dropped halfway, its part stays on disk for the next one to resume. A sealed part is
    /// left in `part`.
    async fn attempt(
        &self,
        job: &mut Job,
        transfer: &Transfer,
        part: &mut Option<Part>,
    ) -> Result<Got, Unsaved> {
        let unfinished = || self.store.unfinished(job.id, job.attempts > 1);
        *part = self.when_free(job.id, unfinished).await?;
        if let Some(mut left) = part.take() {
            // another process may have had it, and completed it
            if let Some(theirs) = self.publisher.saved_meanwhile(job).map_err(disk)? {
                left.discard();
                return Ok(Got::Saved(theirs));
            }
            if left.len() > self.options.max_filesize {
                left.restart(None).map_err(disk)?;
            }
            *part = Some(left);
        }
        self.publisher.protect_journal(job);
        let result = loop {
            let saved = self.transfer(job, transfer, part).await;
            if let Some(result) = saved.transpose() {
                break result;
            }
        };
        let goes_on = match &result {
            Ok(Got::Sealed(..)) => return result,
            Ok(Got::Saved(_)) => false,
            Err(Unsaved::Redirected(..) | Unsaved::Page(_) | Unsaved::Answer(_)) => true,
            // to resume a block would complete it
            Err(Unsaved::EndedEarly(failure, _) | Unsaved::Failed(failure)) => {
                failure.retryable() && failure.status != Status::Blocked
            }
        };
        if let Some(part) = part.take()
            && !(goes_on && part.partial().is_some())
        {
            part.discard();
        }
        result
    }

    /// Sends one request and saves its body. None if another process has been fetching the same link: `part` is what it
    /// left, for another request to complete.
    async fn transfer(
        &self,
        job: &mut Job,
        transfer: &Transfer,
        part: &mut Option<Part>,
    ) -> Result<Option<Got>, Unsaved> {
        let (mut response, start) = self.get(job, part).await?;
        let answer = response.answer(job.candidates.first());
        if let (Start::Unchanged, Some(existing)) = (start, &job.existing) {
            return Ok(Some(Got::Saved(unchanged(existing, answer))));
        }
        let codings = response.codings()?;
        if start == Start::Over
            && let Some(page) = self.page(job, &mut response).await?
        {
            response.drain_page().await;
            return Err(Unsaved::Page(Box::new(page)));
        }
        // its bytes are not those of the file
        let origin = || response.origin().filter(|_| codings.is_empty());
        let total = response.total(start, part.as_ref().and_then(Part::partial));
        match part {
            Some(part) if start == Start::Over => part.restart(origin()).map_err(disk)?,
            Some(_) => {}
            None => {
                let length = total.filter(|_| codings.is_empty());
                let create = || match self.store.create(job.id, length, origin()) {
                    Err(error) if error.kind() == WouldBlock => Ok(None),
                    created => created.map(Some),
                };
                *part = self.when_free(job.id, create).await?;
            }
        }
        let Some(part) = part else {
            // another process holds the part: wait for it, and take over what it leaves
            *part = Some(self.when_free(job.id, || self.store.named(job.id)).await?);
            let theirs = self.publisher.saved_meanwhile(job).map_err(disk)?;
            return Ok(theirs.map(Got::Saved));
        };
        let name = response.file_name();
        let modified = self.modified(&response);
        let expected = Expected {
            total,
            framed: response.is_framed() && (start == Start::Over || total.is_some()),
            codings: &codings,
            listed: job.checksum(),
            // what it says is about the bytes as they are sent
            sent: response.checksum(start).filter(|_| codings.is_empty()),
        };
        let mut body = Body::begin(self, part, expected).await?;
        let received = match start {
            Start::End => Ok(()),
            _ => body.receive(&mut response, transfer).await,
        };
        let trace = body.trace(received.is_ok());
        let ended = match received {
            Ok(()) => body.end(job.early_end.as_deref()).await,
            Err(failure) => Err(failure.into()),
        };
        // what the list vouches for is the file, however many links have it
        let is_verified = ended.is_ok() && job.checksum().is_some();
        let mut is_repeated = false;
        if let Some(trace) = trace.filter(|_| !is_verified && !is_broken(&ended)) {
            let failure = match &ended {
                Err(Unsaved::Failed(failure)) => Some(failure),
                _ => None,
            };
            let arrival = Arrival {
                url: &response.url,
                name: name.as_deref(),
                trace,
                part: Some(part),
                failure,
            };
            is_repeated = self.note_body(job, arrival)?;
        }
        let proof = ended?;
        let sealed = self.disk.act(|| self.store.seal(part, modified));
        let (modified, inode) = sealed.map_err(disk)?;
        let doubt = (job.candidates.is_doubtful())
            .then_some("found on a page about another work than the link names");
        let saved = Saved {
            status: match start {
                Start::Over => Status::Downloaded,
                _ => Status::Resumed,
            },
            file: String::new(),
            bytes: part.len(),
            offset: None,
            modified,
            inode,
            sha256: proof.sha256,
            suspect: proof
                .suspect
                .or(doubt)
                .or(is_repeated.then_some(REPEATED))
                .map(Cow::Borrowed),
            kept: None,
            has_replaced: false,
            object: None,
            answer: Some(answer),
        };
        if self.publisher.uploads().is_some() {
            return Ok(Some(Got::Sealed(saved, name)));
        }
        let saved = self.publish(job, part, &saved, name.as_deref())?;
        Ok(Some(Got::Saved(saved)))
    }

    /// The time that the file gets from its server, if that is wanted.
    fn modified(&self, response: &Response) -> Option<SystemTime> {
        let modified = response
            .last_modified()
            .filter(|_| self.options.remote_time);
        // nobody can know when it will change (RFC 9110 section 8.8.2.1)
        modified.filter(|time| *time <= SystemTime::now())
    }

    /// Requests what is missing: the rest of `part` if it can be resumed, or else the whole file.
    async fn get(&self, job: &Job, part: &mut Option<Part>) -> Result<(Response, Start), Unsaved> {
        let details = job.details.as_deref();
        let headers = details.map_or(&[][..], |details| &details.headers);
        loop {
            let partial = part.as_ref().and_then(Part::partial);
            let updates = partial.is_none() && self.publisher.updates();
            let previous = job.existing.as_deref().filter(|_| updates);
            let wanted = Wanted {
                headers,
                partial,
                previous,
                page: job.candidates.way().and_then(|way| way.page.as_ref()),
                accept: if job.candidates.is_page() {
                    Accept::Page
                } else {
                    Accept::Pdf
                },
            };
            let response = self.requester.get(job, wanted).await?;
            let start = match (response.status(), partial) {
                (304, _) if previous.is_some() => Start::Unchanged,
                (200 | 201 | 203 | 226, _) => Start::Over,
                // not asked for, but there may be nothing else
                (206, None) if response.is_whole() => Start::Over,
                (206, Some(partial)) if response.continues(partial) => Start::Middle,
                (416, Some(partial)) if response.has_no_more_than(partial) => Start::End,
                (206 | 416, Some(_)) => {
                    // not the rest of this part: the file has changed, or the server contradicts itself
                    if let Some(part) = part {
                        part.restart(None).map_err(disk)?;
                    }
                    continue;
                }
                _ => {
                    return Err(response.refusal().await.into());
                }
            };
            return Ok((response, start));
        }
    }

    /// Runs `open` until no other process holds the part and files can be opened. Gives up if the part does not grow
    /// within the stall timeout.
    async fn when_free<T>(&self, id: u64, open: impl Fn() -> io::Result<T>) -> Result<T, Failure> {
        let (mut length, mut since) = (None, Moment::now());
        loop {
            let error = match self.disk.act(&open) {
                Err(error) if error.kind() == WouldBlock || is_exhausted(&error) => error,
                result => return result.map_err(disk),
            };
            let now = self.store.part_length(id);
            if now != length {
                (length, since) = (now, Moment::now());
            } else if since.elapsed() >= self.options.stall_timeout {
                return Err(disk(error));
            }
            tokio::time::sleep(PART_POLL).await;
        }
    }
}

/// Where the body of a response starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    /// At the first byte of the file.
    Over,
    /// After the partial.
    Middle,
    /// The partial is complete; the body is irrelevant.
    End,
    /// The existing file is up to date; there is no body.
    Unchanged,
}

/// What is known of an existing file after an `answer` that it has not changed: what that does not say is as it was.
fn unchanged(existing: &Previous, answer: Answer) -> Saved {
    let answer = Answer {
        etag: answer.etag.or_else(|| existing.etag.clone()),
        last_modified: (answer.last_modified).or_else(|| existing.last_modified.clone()),
        ..answer
    };
    Saved {
        answer: Some(answer),
        ..existing.saved.clone()
    }
}

fn done(job: &Job, outcome: Outcome) -> Fetched {
    Fetched::Done(Box::new(job.record(outcome)))
}

/// Whether a body is not what the server has to send: it was cut off, or damaged on its way.
fn is_broken<T>(ended: &Result<T, Unsaved>) -> bool {
    match ended {
        Err(Unsaved::EndedEarly(..)) => true,
        Err(Unsaved::Failed(failure)) => match failure.status {
            Status::Truncated => true,
            Status::ChecksumMismatch => failure.passing,
            _ => false,
        },
        _ => false,
    }
}

fn out_of_time(limit: Duration) -> Failure {
    let seconds = limit.as_secs_f64();
    let message = format!("not finished within {seconds} s (`--max-time`)");
    Failure::new(Status::Timeout, message)
}
