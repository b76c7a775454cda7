//! What became of each link: counted, written down and told.

use std::sync::Arc;
use std::time::Duration;

use super::config::Config;
use super::session::Session;
use parking_lot::Mutex;

use crate::outcome::{Failure, Outcome, Record, Status};
use crate::plan::Job;
use crate::queue::{GiveUp, HasHost};
use crate::report::{HostStats, ReasonStats, Report, Sinks};
use crate::stats::Stats;
use crate::stop::Cause;

/// The accounts of a run, which all of its workers share.
pub(super) struct Accounts {
    session: Arc<Session>,
    stats: Arc<Stats>,
    hosts: HostStats,
    reasons: ReasonStats,
    sinks: Sinks,
    problem: Mutex<Option<Problem>>,
}

/// What went wrong with the run as a whole.
pub(super) enum Problem {
    /// A list could not be read to its end, or the program itself has failed.
    Incomplete(String),
    /// Nothing can be fetched.
    Impossible(anyhow::Error),
}

impl Accounts {
    /// Opens the files that records go to.
    ///
    /// # Errors
    ///
    /// When one of them cannot be created.
    pub(super) fn open(
        config: &Config,
        session: Arc<Session>,
        stats: Arc<Stats>,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            session,
            stats,
            hosts: HostStats::default(),
            reasons: ReasonStats::default(),
            sinks: Sinks::open(&config.records, &config.output)?,
            problem: Mutex::default(),
        })
    }

    pub(super) fn stats(&self) -> &Arc<Stats> {
        &self.stats
    }

    /// Counts, writes down and tells what became of a link.
    pub(super) fn settle(&self, record: &Record) {
        self.stats.count(record);
        self.reasons.count(record);
        let failed = matches!(record.outcome, Outcome::Failed(_));
        if failed {
            self.write_to_journal(record);
        }
        if let Err(error) = self.sinks.write(record) {
            tracing::warn!("cannot write a record: {error}");
        }
        let interrupted = record.outcome.status() == Status::Interrupted;
        if (failed && !interrupted) || record.exec_error.is_some() {
            tracing::warn!("{record}");
        } else {
            tracing::info!("{record}");
        }
    }

    /// Settles a link that a host has been asked for.
    pub(super) fn settle_for_host(&self, host: &str, record: &Record) {
        self.hosts.count(host, record);
        self.settle(record);
    }

    /// Settles a link that is given up with its host.
    pub(super) fn give_up(&self, job: &Job, reason: &GiveUp) {
        let record = job.record(Outcome::Failed(reason.failure()));
        self.settle_for_host(&job.host(), &record);
    }

    /// Settles what waits for another attempt when the run ends. What has not been tried at all is counted by the report.
    pub(super) fn interrupt(&self, jobs: &[Job]) {
        for job in jobs.iter().filter(|job| job.attempts > 0) {
            self.settle(&job.record(Outcome::Failed(Failure::interrupted())));
        }
    }

    /// Writes a record to the journal. Where that cannot be opened, nothing can be fetched.
    pub(super) fn write_to_journal(&self, record: &Record) {
        match self.session.open() {
            Ok(opened) => {
                if let Err(error) = opened.journal.append(record) {
                    tracing::warn!("cannot write a record: {error}");
                }
            }
            Err(error) => self.fail(Problem::Impossible(error)),
        }
    }

    /// Notes what went wrong with the run as a whole. The first problem counts.
    pub(super) fn fail(&self, problem: Problem) {
        let mut noted = self.problem.lock();
        noted.get_or_insert(problem);
    }

    /// What became of the run, which took so long and may have been `stopped`; `untried` counts what nobody has tried then.
    ///
    /// # Errors
    ///
    /// When nothing could be fetched.
    pub(super) fn report(
        &self,
        config: &Config,
        elapsed: Duration,
        stopped: Option<Cause>,
        untried: impl FnOnce() -> Option<u64>,
    ) -> anyhow::Result<Report> {
        let problem = self.problem.lock().take();
        let list_error = match problem {
            Some(Problem::Impossible(error)) => return Err(error),
            Some(Problem::Incomplete(why)) => Some(why),
            None => None,
        };
        Ok(Report {
            mode: config.mode,
            jobs: config.wanted_jobs().get(),
            counts: self.stats.counts(),
            failed_execs: self.stats.failed_execs(),
            saved_bytes: self.stats.saved_bytes(),
            received_bytes: self.stats.received_bytes(),
            elapsed,
            untried: stopped.and_then(|_| untried()),
            reasons: self.reasons.take(),
            hosts: self.hosts.notable(),
            stopped,
            list_error,
        })
    }
}
