//! One link, one outcome: requests, redirects, retries, and the body on its way to a file.
//!
//! Infallible by type: whatever goes wrong with a link is its outcome. Knows nothing of threads or terminals; the same
//! [`Fetcher`] serves all modes.

mod access;
mod bandwidth;
mod body;
mod cookies;
mod disk;
mod disposition;
mod error;
mod netrc;
mod range;
mod reply;
mod request;

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::http::{Client, HttpOptions};
use crate::outcome::{Failure, Outcome, Record, Saved, Status};
use crate::plan::Job;
use crate::retry::RetryPolicy;
use crate::stats::{Stats, Transfer};
use crate::store::{Part, Publisher, Store};
use crate::system::files::is_exhausted;
pub(crate) use access::{Credentials, RequestOptions, read_cookies};
pub(crate) use netrc::Netrc;

use bandwidth::Bandwidth;
use body::Body;
use disk::Disk;
use error::disk;
use reply::Reply;
use request::{Requester, Wanted};

/// For each link that is fetched at once, so many idle connections may be open: each of them is an open file.
pub(crate) const IDLE_PER_JOB: usize = 2;

/// How often to look whether another process has finished with a part.
const PART_POLL: Duration = Duration::from_millis(200);

/// How links are fetched.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a choice of its own")]
pub(crate) struct Options {
    /// When to try again.
    pub retry: RetryPolicy,
    /// How long an answer may take, connecting included.
    pub first_byte_timeout: Duration,
    /// How long a body may pause.
    pub stall_timeout: Duration,
    /// How long a link may take as a whole, retries included.
    pub max_time: Option<Duration>,
    /// How many bytes a second a body must have at least, over each stall timeout.
    pub min_speed: Option<u64>,
    /// How many bytes a file may have at most.
    pub max_filesize: u64,
    /// How many bytes a second all bodies together may have at most.
    pub limit_rate: Option<u64>,
    /// Whether the SHA-256 of each file is computed.
    pub sha256: bool,
    /// Whether a file gets the time that its server says it was changed.
    pub remote_time: bool,
    /// Whether only https links are fetched.
    pub https_only: bool,
    /// Whether a redirect from https to http is followed.
    pub allow_downgrade: bool,
    /// What requests say.
    pub request: RequestOptions,
    /// How hosts are reached.
    pub http: HttpOptions,
}

/// What has come of one try.
#[derive(Debug)]
pub(crate) enum Fetched {
    /// The link has ended.
    Done(Box<Record>),
    /// It failed like this, and is to be tried again after a pause.
    Again(Duration, Failure),
}

/// What fetches links. Shared by all threads and tasks of a run.
pub(crate) struct Fetcher {
    options: Options,
    requester: Requester,
    bandwidth: Option<Bandwidth>,
    disk: Disk,
    store: Arc<Store>,
    publisher: Publisher,
    stop: CancellationToken,
}

impl Fetcher {
    /// A fetcher of `jobs` links at once into `store`, which gives up when `stop` is cancelled.
    ///
    /// # Errors
    ///
    /// When the HTTP client cannot be built.
    pub(crate) fn new(
        options: &Options,
        jobs: usize,
        store: Arc<Store>,
        publisher: Publisher,
        stop: CancellationToken,
    ) -> anyhow::Result<Self> {
        let client = Client::new(&options.http, jobs * IDLE_PER_JOB)?;
        Ok(Self {
            bandwidth: options.limit_rate.map(Bandwidth::new),
            disk: Disk::default(),
            requester: Requester::new(options, client),
            options: options.clone(),
            store,
            publisher,
            stop,
        })
    }

    /// Tries one link once.
    pub(crate) async fn fetch(&self, job: &mut Job, stats: &Arc<Stats>) -> Fetched {
        if let Some(existing) = job.existing.as_ref().filter(|_| job.only_exec) {
            let record = job.record(Outcome::Saved(existing.saved.clone()));
            return Fetched::Done(Box::new(record));
        }
        let transfer = stats.begin(job.name.to_string());
        let started = *job.started.get_or_insert_with(Instant::now);
        job.attempts += 1;
        job.attempts_at_candidate += 1;
        let limit = self.options.max_time.unwrap_or(Duration::MAX);
        let left = limit.saturating_sub(started.elapsed());
        let result = tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(Failure::interrupted()),
            result = timeout(left, self.attempt(job, &transfer)) => result.unwrap_or_else(|_| Err(out_of_time(limit))),
        };
        let failure = match result {
            Ok(saved) => return Fetched::Done(Box::new(job.record(Outcome::Saved(saved)))),
            Err(failure) => failure,
        };
        let failure = match self
            .options
            .retry
            .pause(job.attempts_at_candidate, &failure)
        {
            Some(pause) if started.elapsed() + pause < limit => {
                return Fetched::Again(pause, failure);
            }
            Some(_) => out_of_time(limit),
            None => self.options.retry.verdict(failure),
        };
        match job.advance(failure.clone()) {
            Ok(()) => Fetched::Again(Duration::ZERO, failure),
            Err(failure) => Fetched::Done(Box::new(job.record(Outcome::Failed(failure)))),
        }
    }

    /// One try. What is left of it when it fails, or is dropped in the middle, waits on disk for the next one.
    async fn attempt(&self, job: &Job, transfer: &Transfer) -> Result<Saved, Failure> {
        let (id, again) = (job.id, job.attempts > 1);
        let mut part = self
            .when_free(id, || self.store.unfinished(id, again))
            .await?;
        let result = loop {
            match self.transfer(job, transfer, &mut part).await {
                Ok(Transferred::TakenOver) => {}
                Ok(Transferred::Saved(saved)) => break Ok(saved),
                Err(failure) => break Err(failure),
            }
        };
        // of one that has got its name, nothing is left
        let worthless = result
            .as_ref()
            .map_or_else(|failure| !failure.retryable(), |_| true);
        part.into_iter()
            .filter(|part| worthless || part.partial().is_none())
            .for_each(Part::discard);
        result
    }

    /// One request, and the body that answers it.
    async fn transfer(
        &self,
        job: &Job,
        transfer: &Transfer,
        part: &mut Option<Part>,
    ) -> Result<Transferred, Failure> {
        let (reply, start) = self.ask(job, part).await?;
        let asked = job.candidates.first();
        if let (Start::Unchanged, Some(existing)) = (start, &job.existing) {
            let answer = Some(reply.answer(asked));
            let saved = Saved {
                answer,
                ..existing.saved.clone()
            };
            return Ok(Transferred::Saved(saved));
        }
        if let Some(failure) = reply.uninvited_encoding() {
            return Err(failure);
        }
        let total = reply.total(start, part.as_ref().and_then(Part::partial));
        let part = match part {
            Some(part) if start == Start::Over => {
                part.restart(reply.origin()).map_err(disk)?;
                part
            }
            Some(part) => part,
            None => match self.create(job.id, total, &reply).await? {
                Some(created) => part.insert(created),
                None => return self.take_over(job.id, part).await,
            },
        };
        let answer = reply.answer(asked);
        let suggested = reply.file_name();
        let framed = reply.is_framed() && (start == Start::Over || total.is_some());
        let checksum = job.checksum();
        let hashed = self.options.sha256 || checksum.is_some();
        let mut body = Body::begin(part, total, framed, hashed)?;
        if start != Start::End {
            body.receive(reply, transfer, self).await?;
        }
        let proof = body.end(checksum)?;
        let modified = answer
            .last_modified
            .as_deref()
            .filter(|_| self.options.remote_time);
        let modified = modified.and_then(|date| httpdate::parse_http_date(date).ok());
        let saved = Saved {
            status: if start == Start::Over {
                Status::Downloaded
            } else {
                Status::Resumed
            },
            file: String::new(),
            bytes: part.len(),
            modified: self.disk.act(|| part.seal(modified)).map_err(disk)?,
            sha256: proof.sha256,
            suspect: proof.suspect,
            answer: Some(answer),
        };
        let publish = || {
            self.publisher
                .publish(job, part, &saved, suggested.as_deref())
        };
        let published = self.disk.act(publish).map_err(disk)?;
        Ok(Transferred::Saved(published))
    }

    /// Asks for what is missing: the rest of `part` if there is one that can be continued, else the whole.
    async fn ask(&self, job: &Job, part: &mut Option<Part>) -> Result<(Reply, Start), Failure> {
        let url = job.url();
        loop {
            let partial = part.as_ref().and_then(Part::partial);
            let previous = job
                .existing
                .as_deref()
                .filter(|_| partial.is_none() && self.publisher.updates());
            let headers = job
                .details
                .as_ref()
                .map_or(&[][..], |details| &details.headers);
            let reply = self
                .requester
                .get(
                    url,
                    Wanted {
                        headers,
                        partial,
                        previous,
                    },
                )
                .await?;
            match (reply.status(), partial) {
                (304, _) if previous.is_some() => return Ok((reply, Start::Unchanged)),
                (200, _) => return Ok((reply, Start::Over)),
                (206, Some(partial)) if reply.continues(partial) => {
                    return Ok((reply, Start::Middle));
                }
                (416, Some(partial)) if reply.has_no_more_than(partial) => {
                    return Ok((reply, Start::End));
                }
                // not the rest of what is here: the file has changed, or the server does not know what it says
                (206 | 416, Some(_)) => part
                    .as_mut()
                    .map_or(Ok(()), |part| part.restart(None))
                    .map_err(disk)?,
                _ => {
                    let failure = reply.failure(url);
                    // the connection is good for other links
                    reply.drain().await;
                    return Err(failure);
                }
            }
        }
    }

    /// A part for the body of `reply`; none if another process works on the same link.
    async fn create(
        &self,
        id: u64,
        total: Option<u64>,
        reply: &Reply,
    ) -> Result<Option<Part>, Failure> {
        let create = || match self.store.create(id, total, reply.origin()) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            part => part.map(Some),
        };
        self.when_free(id, create).await
    }

    /// Waits for another process that works on the same link, and takes over what it leaves.
    async fn take_over(&self, id: u64, part: &mut Option<Part>) -> Result<Transferred, Failure> {
        *part = Some(self.when_free(id, || self.store.named(id)).await?);
        Ok(self
            .publisher
            .saved_meanwhile(id)
            .map_err(disk)?
            .map_or(Transferred::TakenOver, Transferred::Saved))
    }

    /// Opens something as soon as no other process works on the part, and files can be opened, as long as there is progress.
    async fn when_free<T>(&self, id: u64, open: impl Fn() -> io::Result<T>) -> Result<T, Failure> {
        let (mut length, mut since) = (None, Instant::now());
        loop {
            let error = match self.disk.act(&open) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock || is_exhausted(&error) => {
                    error
                }
                result => return result.map_err(disk),
            };
            let now = self.store.part_length(id);
            if now != length {
                (length, since) = (now, Instant::now());
            } else if since.elapsed() >= self.options.stall_timeout {
                return Err(disk(error));
            }
            tokio::time::sleep(PART_POLL).await;
        }
    }
}

/// What has come of one request.
enum Transferred {
    /// The file of the link.
    Saved(Saved),
    /// What another process has left of it, and another request is to complete.
    TakenOver,
}

/// Where the body of an answer begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    /// At the first byte of the file.
    Over,
    /// After the bytes that are here.
    Middle,
    /// All bytes are here, and the body is of no interest.
    End,
    /// Nowhere: the file that is here is still the one of the server.
    Unchanged,
}

fn out_of_time(limit: Duration) -> Failure {
    let message = format!("not done within {} s (`--max-time`)", limit.as_secs_f64());
    Failure::new(Status::Timeout, message)
}
