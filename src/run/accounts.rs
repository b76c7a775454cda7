//! The accounts of a run: each settled link is counted, logged, and written to the journal and the sinks.

use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use parking_lot::Mutex;

use super::config::Config;
use super::session::Session;
use crate::links::Seen;
use crate::outcome::{Failure, Outcome, Record, Status};
use crate::plan::Job;
use crate::queue::GiveUp;
use crate::report::{Hosts, Print, Reasons, Report, Sinks, View};
use crate::stats::{Notes, Stats};
use crate::stop::{Cause, RunLimits, Stop};
use crate::text::{io_message, printable};
use crate::{log, screen};

/// The error of `--fail-on-empty`.
pub(crate) const EMPTY: &str = "no links: there is none in the lists (`--fail-on-empty`)";

/// The accounts of a run, shared by all of its workers.
pub(super) struct Accounts {
    session: Arc<Session>,
    pub(super) stats: Arc<Stats>,
    hosts: Mutex<Hosts>,
    reasons: Mutex<Reasons>,
    sinks: Sinks,
    journal_lost: AtomicBool,
    /// Whether the journal cannot take what is new about existing files.
    is_read_only: AtomicBool,
    limits: RunLimits,
    stop: Arc<Stop>,
    problem: Mutex<Option<Problem>>,
    /// Whether links that are not tried have records.
    records_untried: bool,
    /// The number of links that have not been tried, and have a record.
    untried: AtomicU64,
    /// Whether links have been passed over without a record.
    has_passed_over: AtomicBool,
    /// Whether the list has been read to its end.
    has_read_all: AtomicBool,
}

/// A problem of the run as a whole.
pub(super) enum Problem {
    /// A list could not be read to its end, or there is a bug in the program.
    Incomplete(String),
    /// Nothing can be fetched.
    Impossible(anyhow::Error),
}

impl Accounts {
    /// Opens the files for records.
    ///
    /// # Errors
    ///
    /// When one of them cannot be created.
    pub(super) fn open(
        config: &Config,
        session: Arc<Session>,
        stats: Arc<Stats>,
        stop: Arc<Stop>,
    ) -> anyhow::Result<Self> {
        let closing = Arc::clone(&stop);
        let closed = move || closing.stop(Cause::OutputClosed);
        Ok(Self {
            session,
            stats,
            hosts: Mutex::default(),
            reasons: Mutex::default(),
            sinks: Sinks::open(&config.records, &config.layout, closed)?,
            journal_lost: AtomicBool::new(false),
            is_read_only: AtomicBool::new(false),
            limits: config.limits,
            stop,
            problem: Mutex::default(),
            records_untried: config.records.untried,
            untried: AtomicU64::new(0),
            has_passed_over: AtomicBool::new(false),
            has_read_all: AtomicBool::new(false),
        })
    }

    /// Counts, logs and writes the final record of a link, and ends the run if that reaches a limit.
    pub(super) fn settle(&self, record: &Record) {
        self.settle_at("", record);
    }

    /// Settles a link that ended at `host`.
    fn settle_at(&self, host: &str, record: &Record) {
        self.stats.count(record);
        if let Outcome::Failed(failure) = &record.outcome {
            self.reasons.lock().count(host, record, failure);
            self.write_to_journal(record);
        }
        self.sinks.write(record);
        self.sinks.count(host, record);
        tell_of_kept(record);
        let status = record.outcome.status();
        let failed = status.failed() && status != Status::Interrupted;
        if record.is_of_full_disk() {
            tracing::error!("{record}");
        } else if failed || record.exec_error.is_some() {
            tracing::warn!("{record}");
        } else {
            tracing::info!("{record}");
        }
        let reached = self
            .limits
            .reached(&self.stats.counts(), self.stats.saved_bytes());
        if let Some(option) = reached {
            self.stop.stop(Cause::Limit(option));
        }
    }

    /// Settles a link, and counts it for `host`.
    pub(super) fn settle_for_host(&self, host: &str, record: &Record) {
        self.hosts.lock().count(host, record);
        self.settle_at(host, record);
    }

    /// Takes back that a link of `host` was settled: it has begun anew, and will have another record.
    pub(super) fn uncount(&self, host: &str, record: &Record) {
        self.stats.uncount(record);
        self.sinks.uncount(host, record);
        self.hosts.lock().uncount(host, record);
        if let Outcome::Failed(failure) = &record.outcome {
            self.reasons.lock().uncount(host, record, failure);
        }
    }

    /// Settles a link whose host has been given up.
    pub(super) fn give_up(&self, job: &Job, reason: &GiveUp) {
        let record = job.record(Outcome::Failed(reason.failure()));
        self.settle_for_host(&job.origin(), &record);
    }

    /// Settles the jobs that wait for a retry when the run ends. Those without any attempt have at most a record: the report counts
    /// them apart, and the next run needs nothing about them in the journal.
    pub(super) fn interrupt(&self, jobs: &[Box<Job>]) {
        for job in jobs {
            if job.attempts > 0 {
                self.settle(&job.record(Outcome::Failed(Failure::interrupted())));
            } else if self.records_untried {
                self.sinks
                    .write(&job.record(Outcome::Failed(Failure::untried())));
                self.untried.fetch_add(1, Relaxed);
            } else {
                self.has_passed_over.store(true, Relaxed);
            }
        }
    }

    /// Notes that the list has been read to its end, and has so many `links`.
    pub(super) fn has_read_all(&self, links: u64) {
        self.stats.set_total(links);
        self.has_read_all.store(true, Relaxed);
    }

    /// How many links have a record.
    pub(super) fn recorded(&self) -> u64 {
        self.stats.counts().total() + self.untried.load(Relaxed)
    }

    /// Writes a record to the journal. If the journal cannot be opened, the run fails.
    pub(super) fn write_to_journal(&self, record: &Record) {
        if self.is_impossible() {
            return;
        }
        let opened = self.session.open();
        match opened.map(|opened| opened.journal.append(record)) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                if !self.journal_lost.swap(true, Relaxed) {
                    let why = io_message(&error);
                    tracing::error!("cannot write to the journal: {why}");
                }
            }
            Err(error) => self.fail(Problem::Impossible(error)),
        }
    }

    /// Writes to the journal what is new about an existing file. If that is not possible, as in a folder that is read-only, the
    /// next run finds it out again.
    pub(super) fn amend(&self, record: &Record) {
        if self.is_read_only.load(Relaxed) {
            return;
        }
        let opened = self.session.open();
        let written = opened.and_then(|opened| Ok(opened.journal.append(record)?));
        if let Err(error) = written {
            self.is_read_only.store(true, Relaxed);
            tracing::info!("cannot write to the journal where files are now: {error:#}");
        }
    }

    /// Notes a problem of the run as a whole. The first one counts, unless nothing can be fetched.
    pub(super) fn fail(&self, problem: Problem) {
        let mut noted = self.problem.lock();
        if noted.is_none() || matches!(problem, Problem::Impossible(_)) {
            *noted = Some(problem);
        }
    }

    /// Whether nothing can be fetched.
    pub(super) fn is_impossible(&self) -> bool {
        matches!(*self.problem.lock(), Some(Problem::Impossible(_)))
    }

    /// Waits until all records and messages are written; false if some of them are lost.
    pub(super) fn finish(&self) -> bool {
        let whole = self.sinks.finish();
        // last, because it tells of the others
        log::finish() && whole && !self.journal_lost.load(Relaxed)
    }

    /// The result of the run.
    ///
    /// # Errors
    ///
    /// When the run could not be done at all.
    pub(super) fn report(
        &self,
        config: &Config,
        lists: &[Arc<Seen>],
        elapsed: Duration,
    ) -> anyhow::Result<Report> {
        let lost_records = !self.finish();
        let list_error = match self.problem.lock().take() {
            Some(Problem::Impossible(error)) => return Err(error),
            Some(Problem::Incomplete(why)) => Some(why),
            None => None,
        };
        let counts = self.stats.counts();
        let (read_all, elsewhere) = (self.has_read_all.load(Relaxed), self.stats.elsewhere());
        let is_empty = read_all && counts.total() + elsewhere == 0;
        let empty = || EMPTY.to_owned();
        let list_error = list_error.or_else(|| (config.fail_on_empty && is_empty).then(empty));
        let without_link = lists.iter().map(|list| list.without_link()).sum();
        let is_on_stdout = config.records.print == Print::Summary;
        let total = self.stats.total();
        let mut report = Report {
            of_records: false,
            mode: config.mode,
            jobs: config.wanted_jobs().get(),
            files_in: printable(&config.layout.shown()),
            untried: total.and_then(|total| total.checked_sub(counts.total())),
            counts,
            elsewhere,
            notes: Notes {
                without_link,
                ..self.stats.notes()
            },
            failed_for_good: self.stats.failed_for_good(),
            failed_execs: self.stats.failed_execs(),
            saved_bytes: self.stats.saved_bytes(),
            received_bytes: self.stats.received_bytes(),
            elapsed,
            reasons: mem::take(&mut self.reasons.lock()),
            hosts: mem::take(&mut self.hosts.lock()),
            stopped: self.stop.cause(),
            is_complete: read_all && !self.has_passed_over.load(Relaxed),
            fail_on: config.fail_on,
            list_error,
            lost_records,
            view: View {
                columns: screen::columns(is_on_stdout),
                repeats: false,
            },
        };
        let rows = report.to_string().lines().count();
        report.view.repeats = !screen::shows_all_and(rows);
        if !self.sinks.write_pages(Some(&report)) {
            report.lost_records = true;
            log::finish();
        }
        Ok(report)
    }

    /// Counts a pause of `host`.
    pub(super) fn count_pause(&self, host: &str) {
        self.sinks.count_pause(host);
    }

    /// Whether there are pages, which are written from time to time.
    pub(super) fn has_pages(&self) -> bool {
        self.sinks.has_pages()
    }

    /// Writes the pages of a run that goes on. Whether that is possible is told at the end.
    pub(super) fn write_pages(&self) {
        self.sinks.write_pages(None);
    }
}

/// Says what has become of a file that somebody has changed.
fn tell_of_kept(record: &Record) {
    let Outcome::Saved(saved) = &record.outcome else {
        return;
    };
    let Some(kept) = &saved.kept else { return };
    let (line, kept, file) = (&record.source_line, printable(kept), printable(&saved.file));
    if saved.status == Status::Present {
        tracing::warn!(
            "{line}: {file} was changed here since; kept as the file of this link, and not fetched again"
        );
    } else {
        tracing::warn!(
            "{line}: {kept} was changed here since; kept, and the server's copy saved as {file}"
        );
    }
}
