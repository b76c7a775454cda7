//! What is done with one link whose turn it is.

use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::accounts::{Accounts, Problem};
use super::config::Config;
use super::exec::Executor;
use super::feedback::feedback;
use super::session::Session;
use crate::fetch::Fetched;
use crate::mode::caught;
use crate::outcome::{Failure, Outcome, Record, Status};
use crate::plan::Job;
use crate::queue::{Feedback, Finished, HasHost, Queue, Started, Ticket};
use crate::stop::{Cause, RunLimits, Stop};
use crate::text::shown;

/// What stands before the message of a panic.
pub(super) const BUG: &str = "fetchpdf itself has failed, which is a bug";

/// Fetches links, one at a time. All threads and tasks have copies of the same one.
#[derive(Clone)]
pub(super) struct Worker {
    pub(super) session: Arc<Session>,
    pub(super) accounts: Arc<Accounts>,
    pub(super) queue: Arc<Queue<Job>>,
    pub(super) stop: Arc<Stop>,
    exec: Option<Arc<Executor>>,
    rules: Arc<Rules>,
}

/// What a worker needs to know of the configuration.
struct Rules {
    output: PathBuf,
    limits: RunLimits,
    /// No server is waited for longer.
    max_wait: Duration,
}

impl Worker {
    pub(super) fn new(
        config: &Config,
        session: Arc<Session>,
        accounts: Arc<Accounts>,
        queue: Arc<Queue<Job>>,
        stop: Arc<Stop>,
    ) -> Self {
        let rules = Rules {
            output: config.output.clone(),
            limits: config.limits,
            max_wait: config.fetch.retry.max_wait,
        };
        let exec = config.exec.clone().map(Executor::new);
        Self {
            session,
            accounts,
            queue,
            stop,
            exec: exec.map(Arc::new),
            rules: Arc::new(rules),
        }
    }

    /// Makes one attempt at a link, and tells the queue what that says about its host. A panic ends the run in order.
    pub(super) async fn work(&self, started: Started<Job>) {
        if let Err(panic) = caught(pin!(self.attempt(started))).await {
            let problem = Problem::Incomplete(format!("{BUG}: {panic}"));
            self.accounts.fail(problem);
            self.stop.stop(Cause::Bug);
        }
    }

    async fn attempt(&self, started: Started<Job>) {
        let Started { mut job, ticket } = started;
        let opened = self.session.opened();
        let fetcher = &opened
            .expect("it is opened before a link is queued")
            .fetcher;
        let result = caught(pin!(fetcher.fetch(&mut job, self.accounts.stats()))).await;
        let result = result.unwrap_or_else(|panic| {
            let failure = Failure::new(Status::Interrupted, format!("{BUG}: {panic}"));
            Fetched::Done(Box::new(job.record(Outcome::Failed(failure))))
        });
        match result {
            Fetched::Again(pause, failure) => self.again(job, &ticket, pause, &failure),
            Fetched::Done(record) => self.end(&job, &ticket, *record).await,
        }
        let stats = self.accounts.stats();
        let reached = self
            .rules
            .limits
            .reached(&stats.counts(), stats.saved_bytes());
        if let Some(option) = reached {
            self.stop.stop(Cause::Limit(option));
        }
    }

    fn again(&self, job: Job, ticket: &Ticket, pause: Duration, failure: &Failure) {
        let (place, url, next) = (&job.source_line, job.url(), job.attempts + 1);
        tracing::info!(
            "{place}: {}: {failure}; attempt {next} in {:.1} s",
            shown(url),
            pause.as_secs_f64()
        );
        let feedback = feedback(failure, pause, self.rules.max_wait);
        let again = Finished::Again(job, Instant::now() + pause);
        self.finish(ticket, again, feedback);
    }

    async fn end(&self, job: &Job, ticket: &Ticket, mut record: Record) {
        let feedback = match &record.outcome {
            Outcome::Failed(failure) => {
                if failure.disk_full {
                    self.stop.stop(Cause::DiskFull);
                }
                let pause = failure.retry_after.unwrap_or_default();
                feedback(failure, pause, self.rules.max_wait)
            }
            _ => Feedback::Good,
        };
        // before its command runs: the host is done with, and may be asked for more
        self.finish(ticket, Finished::Ended, feedback);
        self.exec(job.only_exec, &mut record).await;
        self.accounts.settle_for_host(&job.host(), &record);
    }

    /// Tells the queue what has become of a link, and settles those that are given up with its host.
    fn finish(&self, ticket: &Ticket, finished: Finished<Job>, feedback: Feedback) {
        for (job, reason) in self.queue.finish(ticket, finished, feedback) {
            match reason {
                None => self.accounts.interrupt(&[job]),
                Some(reason) => self.accounts.give_up(&job, &reason),
            }
        }
    }

    /// Runs the command for the file of a link, if there is one, and this run has brought the file or an earlier one has
    /// left that to do; writes down what came of it.
    async fn exec(&self, only_exec: bool, record: &mut Record) {
        let (Some(exec), Outcome::Saved(saved)) = (&self.exec, &record.outcome) else {
            return;
        };
        if !only_exec && !matches!(saved.status, Status::Downloaded | Status::Resumed) {
            return;
        }
        let path = self.rules.output.join(&saved.file);
        let result = exec.run(&path, &record.url, &self.stop.token()).await;
        record.exec_error = result.err();
        // the line that was written ahead says that it is still to be run
        self.accounts.write_to_journal(record);
    }
}
