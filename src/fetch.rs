//! One link, one outcome: requests, redirects, retries, and the body on its way to a file.
//!
//! Infallible by type: whatever goes wrong with a link is its outcome. Knows nothing of threads or terminals; the same
//! [`Fetcher`] serves all modes.

mod body;
mod client;
mod disposition;
mod range;
mod reply;
mod request;
mod trouble;

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::outcome::{Failure, Outcome, Saved, Status};
use crate::plan::Job;
use crate::report::{Journal, Record, Tally, Transfer};
use crate::retry::RetryPolicy;
use crate::store::{Part, Store};
pub(crate) use body::hexadecimal;

use body::Body;
use reply::Reply;
use request::Requester;
use trouble::disk;

/// Connecting, TLS included, may take so long by default.
pub const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The first byte of an answer may take so long by default.
pub const DEFAULT_FIRST_BYTE_TIMEOUT: Duration = Duration::from_secs(30);

/// A body may pause for so long by default. There is no limit for the whole: it would kill large files on slow lines.
pub const DEFAULT_STALL_TIMEOUT: Duration = Duration::from_secs(30);

/// A file may be so large by default, in bytes: more than any paper, and less than what an endless body fills.
pub const DEFAULT_MAX_FILESIZE: u64 = 1024 * 1024 * 1024;

/// How often to look whether another process has finished with a part.
const PART_POLL: Duration = Duration::from_millis(200);

/// How links are fetched.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a choice of its own")]
pub struct Options {
    /// When to try again.
    pub retry: RetryPolicy,
    /// How long connecting may take.
    pub connect_timeout: Duration,
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
    /// Whether the SHA-256 of each file is computed.
    pub sha256: bool,
    /// Whether only https links are fetched.
    pub https_only: bool,
    /// Whether a redirect from https to http is followed.
    pub allow_downgrade: bool,
    /// Whether addresses that are not on the public internet are refused.
    pub deny_private: bool,
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
            left_over: false,
            started: Instant::now(),
        };
        let limit = self.options.max_time.unwrap_or(Duration::MAX);
        let result = tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(Failure::new(Status::Interrupted, "the run ended before this link did")),
            result = timeout(limit, self.persevere(&mut download)) => result.unwrap_or_else(|_| {
                let message = format!("not done within {} s (`--max-time`)", limit.as_secs_f64());
                Err(Failure::new(Status::Timeout, message))
            }),
        };
        download.record(result.map_or_else(Outcome::Failed, Outcome::Saved))
    }

    /// Tries until it works, or until the policy says that it will not.
    async fn persevere(&self, download: &mut Download<'_>) -> Result<Saved, Failure> {
        let id = download.job.id;
        // dropped with this future when the run is interrupted, and kept on disk then
        let mut part = self.when_free(|| self.store.unfinished(id)).await?.opened;
        download.left_over = part.is_some();
        loop {
            download.attempts += 1;
            let result = self.attempt(download, &mut part).await;
            let lasting = result
                .as_ref()
                .map_or_else(|failure| !failure.retryable(), |_| true);
            if lasting && let Some(part) = part.take() {
                // nothing is left of one that has got its name
                part.discard();
            }
            let failure = match result {
                Ok(saved) => return Ok(saved),
                Err(failure) => failure,
            };
            let Some(pause) = self.options.retry.pause(download.attempts, &failure) else {
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
        download: &mut Download<'_>,
        part: &mut Option<Part>,
    ) -> Result<Saved, Failure> {
        let (reply, start) = self.ask(download, part).await?;
        let total = reply.total(start);
        if start == Start::Over {
            download.left_over = false;
            let origin = reply.origin(download.job);
            if let Some(part) = part {
                part.restart(origin).map_err(disk)?;
            } else {
                let id = download.job.id;
                let create = || self.store.create(id, total, origin.clone());
                let Free { opened, waited } = self.when_free(create).await?;
                *part = Some(opened);
                // whoever we waited for may have left nothing to do
                if waited && let Some(saved) = self.saved_meanwhile(id)? {
                    return Ok(saved);
                }
            }
        }
        let part = part
            .as_mut()
            .expect("it was there, or has just been created");
        let (answer, suggested) = (reply.answer(download.job), reply.file_name());
        let mut body = Body::begin(part, total, reply.is_framed(), self.options.sha256)?;
        if start != Start::End {
            body.receive(reply, &download.transfer, &self.options)
                .await?;
        }
        let proof = body.end()?;
        let saved = Saved {
            status: if download.left_over {
                Status::Resumed
            } else {
                Status::Downloaded
            },
            file: String::new(),
            bytes: part.len(),
            modified: part.seal().map_err(disk)?,
            sha256: proof.sha256,
            suspect: proof.suspect,
            answer: Some(answer),
        };
        self.land(download, part, &saved, suggested.as_deref())
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
        saved: &Saved,
        suggested: Option<&str>,
    ) -> Result<Saved, Failure> {
        let id = download.job.id;
        for file in download.job.names(suggested) {
            let saved = Saved {
                file,
                ..saved.clone()
            };
            self.journal
                .append(&download.record(Outcome::Saved(saved.clone())))
                .map_err(disk)?;
            match self.store.publish(part, &saved.file) {
                Ok(()) => return Ok(saved),
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(disk(error));
                }
                Err(_) => {}
            }
            if let Some(theirs) = self.saved_meanwhile(id)? {
                // the last line of a link counts, and ours names a file that is not there
                self.journal
                    .append(&download.record(Outcome::Saved(theirs.clone())))
                    .map_err(disk)?;
                return Ok(theirs);
            }
        }
        unreachable!("there is always one more name")
    }

    /// Opens a part as soon as no other process works on it.
    async fn when_free<T>(&self, open: impl Fn() -> io::Result<T>) -> Result<Free<T>, Failure> {
        let mut waited = false;
        loop {
            match open() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    tokio::time::sleep(PART_POLL).await;
                }
                result => return result.map(|opened| Free { opened, waited }).map_err(disk),
            }
            waited = true;
        }
    }

    /// The file that another process has saved for the link with this `id` since this run began.
    fn saved_meanwhile(&self, id: u64) -> Result<Option<Saved>, Failure> {
        self.journal
            .saved_by_others(id, |saved| self.store.has(saved))
            .map_err(disk)
    }
}

/// A part that no other process works on.
struct Free<T> {
    opened: T,
    /// Whether one has, a moment ago.
    waited: bool,
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
    /// Whether bytes of an earlier run are part of it.
    left_over: bool,
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
