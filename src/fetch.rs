//! One link, one outcome: requests, redirects, retries, and the body on its way to a file.
//!
//! Infallible by type: whatever goes wrong with a link is its outcome. Knows nothing of threads or terminals; the same
//! [`Fetcher`] serves all modes.

mod body;
mod range;
mod request;
mod trouble;

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tokio_util::sync::CancellationToken;

use crate::outcome::{Failure, Outcome, Saved, Status};
use crate::plan::Job;
use crate::report::{Journal, Record, Tally, Transfer};
use crate::retry::RetryPolicy;
use crate::store::{Part, Store};
use body::Body;
use request::{Reply, Requester};
use trouble::disk;

/// Connecting, TLS included, may take so long by default.
pub const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The first byte of an answer may take so long by default.
pub const DEFAULT_FIRST_BYTE_TIMEOUT: Duration = Duration::from_secs(30);

/// A body may pause for so long by default. There is no limit for the whole: it would kill large files on slow lines.
pub const DEFAULT_STALL_TIMEOUT: Duration = Duration::from_secs(30);

/// How often to look whether another process has finished with a part.
const PART_POLL: Duration = Duration::from_millis(200);

/// How links are fetched.
#[derive(Debug, Clone)]
pub struct Options {
    /// When to try again.
    pub retry: RetryPolicy,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How long an answer may take, connecting included.
    pub first_byte_timeout: Duration,
    /// How long a body may pause.
    pub stall_timeout: Duration,
    /// Whether the proxies that the system or the environment names are used.
    pub proxy: bool,
}

/// Takes a remark on a link while it is fetched, such as that it is tried again.
pub type Notice = Box<dyn Fn(&str) + Send + Sync>;

/// What fetches links. Shared by all threads and tasks of a run.
pub struct Fetcher {
    options: Options,
    requester: Requester,
    store: Arc<Store>,
    journal: Arc<Journal>,
    stop: CancellationToken,
    notice: Option<Notice>,
}

impl Fetcher {
    /// A fetcher into `store`, which writes to `journal` what it is about to save, and gives up when `stop` is cancelled.
    ///
    /// # Errors
    ///
    /// When the HTTP client cannot be built.
    pub fn new(
        options: Options,
        store: Arc<Store>,
        journal: Arc<Journal>,
        stop: CancellationToken,
        notice: Option<Notice>,
    ) -> anyhow::Result<Self> {
        let requester = Requester::new(&options)?;
        Ok(Self {
            options,
            requester,
            store,
            journal,
            stop,
            notice,
        })
    }

    /// Fetches one link.
    pub async fn fetch(&self, job: &Job, tally: &Arc<Tally>) -> Record {
        let mut download = Download {
            job,
            transfer: tally.begin(job.name()),
            attempts: 0,
            started: Instant::now(),
        };
        let result = tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(Failure::new(Status::Interrupted, "the run ended before this link did")),
            result = self.persevere(&mut download) => result,
        };
        download.record(result.map_or_else(Outcome::Failed, Outcome::Saved))
    }

    /// Tries until it works, or until the policy says that it will not.
    async fn persevere(&self, download: &mut Download<'_>) -> Result<Saved, Failure> {
        // dropped with this future when the run is interrupted, and kept on disk then
        let mut part = self
            .when_free(|| self.store.unfinished(download.job.id))
            .await?;
        loop {
            download.attempts += 1;
            let failure = match self.attempt(download, &mut part).await {
                Ok(saved) => return Ok(saved),
                Err(failure) => failure,
            };
            let Some(pause) = self.options.retry.pause(download.attempts, &failure) else {
                if let Some(part) = part
                    && !failure.retryable()
                {
                    part.discard();
                }
                return Err(self.options.retry.verdict(failure));
            };
            if let Some(notice) = &self.notice {
                notice(&download.retry_notice(&failure, pause));
            }
            tokio::time::sleep(pause).await;
        }
    }

    /// One request, and the body that answers it.
    async fn attempt(
        &self,
        download: &Download<'_>,
        part: &mut Option<Part>,
    ) -> Result<Saved, Failure> {
        let (reply, start) = self.ask(download, part).await?;
        let total = reply.total(start);
        let status = if start == Start::Over {
            Status::Downloaded
        } else {
            Status::Resumed
        };
        let part = match part {
            Some(part) if start == Start::Over => {
                part.restart(reply.origin(download.job)).map_err(disk)?;
                part
            }
            Some(part) => part,
            None => {
                let create = || {
                    self.store
                        .create(download.job.id, total, reply.origin(download.job))
                };
                part.insert(self.when_free(create).await?)
            }
        };
        let answer = reply.answer(download.job);
        let mut body = Body::begin(part, total, reply.is_framed())?;
        if start != Start::End {
            body.receive(reply, &download.transfer, self.options.stall_timeout)
                .await?;
        }
        let suspect = body.end()?;
        self.land(download, part, |file, bytes, modified| Saved {
            status,
            file,
            bytes,
            modified,
            suspect,
            answer: Some(answer.clone()),
        })
    }

    /// Asks for what is missing: the rest of `part` if there is one that can be continued, else the whole.
    async fn ask(
        &self,
        download: &Download<'_>,
        part: &mut Option<Part>,
    ) -> Result<(Reply, Start), Failure> {
        loop {
            let held = part.as_ref().and_then(Part::held);
            let reply = self.requester.get(&download.job.link.url, held).await?;
            match (reply.status(), held) {
                (200, _) => return Ok((reply, Start::Over)),
                (206, Some(held)) if reply.continues(held) => return Ok((reply, Start::Middle)),
                (416, Some(held)) if reply.has_no_more_than(held) => {
                    return Ok((reply, Start::End));
                }
                // not the rest of what is here: the file has changed, or the server does not know what it says
                (206 | 416, Some(_)) => part
                    .as_mut()
                    .map_or(Ok(()), |part| part.restart(None))
                    .map_err(disk)?,
                _ => return Err(reply.failure()),
            }
        }
    }

    /// Gives a part that is proven its final name. The journal is told first, so that a kill between the two never makes
    /// our own file look like somebody else's.
    fn land(
        &self,
        download: &Download<'_>,
        part: &mut Part,
        saved: impl Fn(String, u64, SystemTime) -> Saved,
    ) -> Result<Saved, Failure> {
        let modified = part.seal().map_err(disk)?;
        for name in download.job.names() {
            let saved = saved(name, part.len(), modified);
            self.journal
                .append(&download.record(Outcome::Saved(saved.clone())))
                .map_err(disk)?;
            match self.store.publish(part, &saved.file) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(disk(error)),
                Ok(()) => return Ok(saved),
            }
        }
        unreachable!("there is always one more name")
    }

    /// Opens a part as soon as no other process works on it.
    async fn when_free<T>(&self, open: impl Fn() -> io::Result<T>) -> Result<T, Failure> {
        loop {
            match open() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    tokio::time::sleep(PART_POLL).await;
                }
                result => return result.map_err(disk),
            }
        }
    }
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
}

/// One link on its way.
struct Download<'a> {
    job: &'a Job,
    transfer: Transfer,
    attempts: u32,
    started: Instant,
}

impl Download<'_> {
    fn record(&self, outcome: Outcome) -> Record {
        Record {
            attempts: self.attempts,
            elapsed: self.started.elapsed(),
            ..Record::new(&self.job.link, outcome)
        }
    }

    fn retry_notice(&self, failure: &Failure, pause: Duration) -> String {
        let (place, next) = (&self.job.link.place, self.attempts + 1);
        format!(
            "{place}: {}: {failure}; try {next} in {:.1} s",
            self.job.name(),
            pause.as_secs_f64()
        )
    }
}
