//! One attempt at one link, and what follows from its result.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::accounts::{Accounts, Problem};
use super::budget::Budget;
use super::config::Config;
use super::exec::Executor;
use super::feedback::feedback;
use super::session::Session;
use crate::fetch::{Fetched, Fetcher, Kept, Standing, Unstored};
use crate::mode::caught;
use crate::outcome::{Failure, Outcome, Record, Status};
use crate::output;
use crate::plan::Job;
use crate::queue::{Feedback, Finished, Queue, Started, Ticket};
use crate::stop::{Cause, Stop};
use crate::store::{Files, Sealed};
use crate::text::{legible, shown};

/// The prefix of the message of a panic.
pub(super) const BUG: &str = "internal error (a bug in fetchpdf)";

/// Fetches links. All threads and tasks of a run share it.
pub(super) struct Worker {
    pub(super) config: Arc<Config>,
    pub(super) session: Arc<Session>,
    pub(super) accounts: Arc<Accounts>,
    pub(super) queue: Arc<Queue<Box<Job>>>,
    pub(super) stop: Arc<Stop>,
    pub(super) executor: Option<Executor>,
    /// How many new files are still wanted.
    pub(super) budget: Budget,
    /// The links that waited in the queue when the run was ended.
    #[expect(clippy::vec_box, reason = "as they are in the queue")]
    pub(super) left: Arc<Mutex<Vec<Box<Job>>>>,
    /// Whether the rest of the list is not recorded any more, although the run has ended early.
    pub(super) leaves_rest: AtomicBool,
}

/// What has come of an attempt.
#[derive(Debug, Clone, Copy, Default)]
struct Ended {
    has_failed: bool,
    /// Whether there is a new file.
    is_new: bool,
}

impl Worker {
    /// Whether no more links of the list are wanted. Those that are not tried may still be recorded, unless nobody reads that.
    pub(super) fn is_over(&self) -> bool {
        match self.stop.cause() {
            None => false,
            Some(Cause::OutputClosed | Cause::Bug) => true,
            Some(_) => !self.config.records.untried || self.leaves_rest.load(Relaxed),
        }
    }

    /// Makes one attempt at a link, and reports the result to the queue and the accounts. Returns whether there is a new file. A
    /// panic ends the run in order.
    pub(super) async fn work(&self, started: Started<Box<Job>>) -> bool {
        let timeline = self.config.timeline.as_deref();
        let number = timeline.and_then(|timeline| timeline.begin(&started.job));
        let attempted = caught(pin!(self.attempt(started))).await;
        if let Some(timeline) = timeline {
            let has_failed = attempted.as_ref().map_or(true, |ended| ended.has_failed);
            timeline.end(number, !has_failed);
        }
        let ended = attempted.map(|ended| ended.is_new);
        ended.unwrap_or_else(|panic| {
            let problem = Problem::Incomplete(format!("{BUG}: {panic}"));
            self.accounts.fail(problem);
            self.stop.stop(Cause::Bug);
            false
        })
    }

    async fn attempt(&self, started: Started<Box<Job>>) -> Ended {
        output::room(|| self.stop.is_stopped()).await;
        let Started { mut job, ticket } = started;
        job.ticket = Some(Box::new(ticket.clone()));
        let opened = self.session.open();
        let fetcher = &opened.expect("opened before the first link").fetcher;
        let stats = &self.accounts.stats;
        let result = caught(pin!(fetcher.fetch(&mut job, stats))).await;
        let result = result.unwrap_or_else(|panic| {
            let failure = Failure::new(Status::Interrupted, format!("{BUG}: {panic}"));
            Fetched::Done(Box::new(job.record(Outcome::Failed(failure))))
        });
        job.ticket = None;
        // before the attempt is finished, so that the queue has not ended
        for kept in fetcher.freed() {
            self.begin_anew(fetcher, kept).await;
        }
        // others may end while this one is saved or its command runs
        let _unsettled = self.queue.unsettled();
        match result {
            Fetched::Sealed(sealed) => {
                // before the upload, so that the host is free for the next link
                self.finish(&ticket, Finished::Ended, Feedback::Good);
                let record = self.upload(fetcher, &job, *sealed).await;
                self.settle(&job, &record);
                self.keep(fetcher, job, record).await
            }
            Fetched::Again(pause, failure) => {
                self.retry(job, &ticket, pause, &failure);
                Ended {
                    has_failed: true,
                    is_new: false,
                }
            }
            Fetched::Moved => {
                self.redirect(job, &ticket);
                Ended::default()
            }
            Fetched::Done(record) => {
                let record = self.end(&job, &ticket, record).await;
                self.keep(fetcher, job, record).await
            }
        }
    }

    /// Keeps a link that has ended, in case that it has to begin anew.
    async fn keep(&self, fetcher: &Fetcher, job: Box<Job>, record: Box<Record>) -> Ended {
        let ended = Ended {
            has_failed: record.outcome.status().failed(),
            is_new: record.is_new_file(),
        };
        if let Some(kept) = fetcher.keep(job, record) {
            self.begin_anew(fetcher, kept).await;
        }
        ended
    }

    /// Puts the file of a link into the bucket. Returns the record of the link.
    async fn upload(&self, fetcher: &Fetcher, job: &Job, mut sealed: Sealed) -> Box<Record> {
        let uploaded = match self.exec_before(fetcher, job, &mut sealed).await {
            Ok(()) => fetcher.upload(job, sealed).await,
            Err(failure) => Err(failure.into()),
        };
        let outcome = match uploaded {
            Ok(saved) => Outcome::Saved(saved),
            Err(Unstored { failure, end }) => {
                if failure.disk_full {
                    self.stop.stop(Cause::DiskFull);
                }
                if let Some(why) = end {
                    self.accounts.fail(Problem::Incomplete(why));
                    self.stop.stop(Cause::BucketRefused);
                }
                Outcome::Failed(failure)
            }
        };
        Box::new(job.record(outcome))
    }

    /// Runs the command for a file that is about to be uploaded. If it fails, the file stays here, and the next run goes on with
    /// it.
    async fn exec_before(
        &self,
        fetcher: &Fetcher,
        job: &Job,
        sealed: &mut Sealed,
    ) -> Result<(), Failure> {
        let Some(executor) = &self.executor else {
            return Ok(());
        };
        let exposed = fetcher.expose(job, sealed, &self.config.layout.state())?;
        let url = shown(job.candidates.first());
        let ran = executor.run(exposed.path(), &url, &self.stop.token()).await;
        match ran {
            Ok(()) => fetcher.look_again(sealed, &exposed),
            Err(_) if self.stop.is_stopped() => Err(Failure::interrupted()),
            Err(why) => Err(Failure {
                passing: true,
                ..Failure::new(Status::Upload, format!("not uploaded: {why}"))
            }),
        }
    }

    /// Lets a link begin anew that has ended with what has turned out to be a block.
    async fn begin_anew(&self, fetcher: &Fetcher, kept: Kept) {
        let Kept { mut job, record } = kept;
        let host = job.origin().into_owned();
        let Some(result) = fetcher.begin_anew(&mut job, &record).await else {
            return;
        };
        self.accounts.uncount(&host, &record);
        if record.is_new_file() {
            self.budget.refund();
        }
        match result {
            Fetched::Done(record) => self.accounts.settle_for_host(&host, &record),
            Fetched::Again(pause, failure) => match self.queue.again(job, Instant::now() + pause) {
                Ok(()) => {}
                Err((job, Some(reason))) => self.accounts.give_up(&job, &reason),
                Err((job, None)) => {
                    let record = job.record(Outcome::Failed(failure));
                    self.accounts.settle_for_host(&host, &record);
                }
            },
            Fetched::Moved | Fetched::Sealed(_) => {
                unreachable!("that follows from a response only")
            }
        }
    }

    fn retry(&self, job: Box<Job>, ticket: &Ticket, pause: Duration, failure: &Failure) {
        let (line, url) = (&job.source_line, legible(&shown(job.url())));
        let next = job.attempts + 1;
        let seconds = pause.as_secs_f64();
        tracing::info!("{line}: {url}: {failure}; attempt {next} in {seconds:.1} s");
        let feedback = self.feedback(failure, pause);
        if let Some(timeline) = &self.config.timeline {
            timeline.pause(&job, failure);
        }
        let again = Finished::Again(job, Instant::now() + pause);
        self.finish(ticket, again, feedback);
    }

    /// Lets a job that was redirected to another host wait for its turn there.
    fn redirect(&self, job: Box<Job>, ticket: &Ticket) {
        let again = Finished::Again(job, Instant::now());
        self.finish(ticket, again, Feedback::Good);
    }

    /// Settles a link. Returns its record.
    async fn end(&self, job: &Job, ticket: &Ticket, mut record: Box<Record>) -> Box<Record> {
        let mut feedback = Feedback::Good;
        if let Outcome::Failed(failure) = &record.outcome {
            if failure.disk_full {
                self.stop.stop(Cause::DiskFull);
            }
            feedback = self.feedback(failure, Duration::ZERO);
        }
        if let Some(why) = self.session.refused() {
            let problem = format!("cannot publish a tar: {why}");
            self.accounts.fail(Problem::Incomplete(problem));
            self.stop.stop(Cause::BucketRefused);
        }
        // before the command runs, so that the host is free for the next link
        self.finish(ticket, Finished::Ended, feedback);
        let is_outdated = job
            .existing
            .as_ref()
            .is_some_and(|existing| existing.is_outdated);
        if is_outdated && record.outcome.status() == Status::Present {
            self.accounts.amend(&record);
        }
        self.exec(job.only_exec, &mut record).await;
        self.settle(job, &record);
        record
    }

    fn settle(&self, job: &Job, record: &Record) {
        let existing = job.existing.as_ref();
        let is_its = |file: &str| existing.is_some_and(|existing| existing.saved.file == file);
        if let Outcome::Saved(saved) = &record.outcome
            && record.is_new_file()
            && (saved.has_replaced || is_its(&saved.file))
        {
            self.accounts.stats.count_replaced();
        }
        if let Some(existing) = existing {
            let is_kept = record.outcome.status() == Status::Present;
            let is_saved = matches!(record.outcome, Outcome::Saved(_));
            let stats = &self.accounts.stats;
            stats.count_present(
                is_kept && existing.is_suspect,
                is_saved && existing.is_renamed,
            );
        }
        self.accounts.settle_for_host(&job.origin(), record);
    }

    fn feedback(&self, failure: &Failure, pause: Duration) -> Feedback {
        feedback(failure, pause, self.config.fetch.retry.max_wait)
    }

    /// Returns the result of an attempt to the queue, and settles the links that are given up because of it.
    fn finish(&self, ticket: &Ticket, finished: Finished<Box<Job>>, feedback: Feedback) {
        let opened = self.session.open();
        let fetcher = &opened.expect("opened before the first link").fetcher;
        let feedback = match (feedback, fetcher.standing(ticket.host())) {
            // whatever it is, it does not end the block
            (Feedback::Good, Standing::Suspected) | (Feedback::Blocked(_), Standing::Unknown) => {
                Feedback::Neutral
            }
            (Feedback::Good | Feedback::Blocked(_), Standing::Settled) => Feedback::Released,
            (feedback, _) => feedback,
        };
        for (job, reason) in self.queue.finish(ticket, finished, feedback) {
            match reason {
                None => self.accounts.interrupt(&[job]),
                Some(reason) => self.accounts.give_up(&job, &reason),
            }
        }
    }

    /// Runs the command for a new file, or for one for which an earlier run did not (`only_exec`), and records its result.
    async fn exec(&self, only_exec: bool, record: &mut Record) {
        let (Some(executor), Outcome::Saved(saved)) = (&self.executor, &record.outcome) else {
            return;
        };
        if !only_exec && !matches!(saved.status, Status::Downloaded | Status::Resumed) {
            return;
        }
        let path = self.config.layout.path_of(&saved.file);
        let result = executor.run(&path, &record.url, &self.stop.token()).await;
        record.exec_error = result.err();
        if let Outcome::Saved(saved) = &mut record.outcome {
            Files::of(&self.config.layout).look_again(saved);
        }
        // replaces the line written ahead, which says that the command is still to be run
        self.accounts.write_to_journal(record);
    }
}
