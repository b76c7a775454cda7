//! One run: the list is planned, queued, fetched by the mode's workers, and accounted for.

mod feed;
mod verdict;
mod watch;

use std::io;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::fetch::{Fetched, Fetcher, IDLE_PER_JOB};
use crate::hook::Hooks;
use crate::links::{self, Ahead, Input, Links};
use crate::mode::caught;
use crate::outcome::{Failure, Outcome, Record, Status};
use crate::plan::{Job, Plan, Step};
use crate::progress::Progress;
use crate::queue::{Feedback, Finished, GiveUp, HasHost, Queue, Started};
use crate::report::{HostStats, ReasonStats, Report, Sinks};
use crate::stats::Stats;
use crate::stop::{self, Cause, Stop};
use crate::store::{Archive, History, Journal, Store, journal_of};
use crate::system::limits::jobs_within;
use crate::system::signals::{self, StatusSignals};
use crate::text::shown;
use crate::{Config, runtime};
use verdict::feedback;

/// Fetches every link of a list. A link that fails is counted and never ends the run.
///
/// # Errors
///
/// When the run itself cannot be done: a list cannot be opened, or the output folder cannot be written.
pub fn run(config: &Config) -> anyhow::Result<Report> {
    let started = Instant::now();
    let jobs = jobs_within(config.limit(), FILES_PER_JOB);
    let links = Links::open(&config.inputs, &config.lists)?;
    let cannot_write = || {
        format!(
            "cannot write to the output folder `{}`",
            config.output.display()
        )
    };
    let journal = journal_of(&config.output);
    let (mut history, known) = History::of(&journal, config.detail())
        .with_context(|| format!("cannot read the journal `{}`", journal.display()))?;
    for id in &config.forget {
        history.forget(*id);
    }
    let output = Sinks::open(&config.records, &config.output)?;
    let stats = Arc::new(Stats::default());
    let (inputs, lists) = (config.inputs.clone(), Arc::clone(&config.lists));
    let progress = Progress::start(config.progress, Arc::clone(&stats), move || {
        links::count(&inputs, &lists)
    });
    let run = Arc::new(Run {
        journal: OnceLock::new(),
        stats,
        output,
        progress,
        hooks: config.hook.clone().map(Hooks::new),
        folder: config.output.clone(),
        hosts: HostStats::default(),
        reasons: ReasonStats::default(),
        max_wait: config.fetch.retry.max_wait,
        limits: config.limits,
        list_error: Mutex::new(None),
    });
    let archive = Archive {
        store: Store::look(&config.output),
        history,
    };
    let waits = config.inputs.iter().any(Input::may_wait);
    let links: Box<dyn Iterator<Item = _> + Send> = if waits {
        Box::new(links)
    } else {
        Box::new(Ahead::new(links))
    };
    let mut plan = Plan::new(links, archive, config.plan.clone());
    // a list of which everything is here needs no state, no runtime and no client; but who waits for a pipe must hear signals
    let mut next = None;
    while !waits && let Some(step) = plan.next() {
        match step {
            Ok(Step::Settled(record)) if !record.outcome.status().failed() => run.settle(&record),
            step => {
                next = Some(step);
                break;
            }
        }
    }
    let mut stopped = None;
    if waits || next.is_some() {
        let store = Store::open(&config.output).with_context(cannot_write)?;
        let journal = Journal::open(journal, known).with_context(cannot_write)?;
        let _ = run.journal.set(Arc::new(journal));
        let mut plan = next.into_iter().chain(plan);
        let first = if waits {
            None
        } else {
            plan.by_ref().find_map(|step| run.unsettled(step))
        };
        if waits || first.is_some() {
            stopped = run.fetch_all(config, jobs, store, first, plan)?;
        }
    }
    run.progress.finish();
    let counts = run.stats.counts();
    Ok(Report {
        mode: config.mode,
        jobs: config.limit().get(),
        counts,
        failed_commands: run.stats.failed_commands(),
        saved_bytes: run.stats.saved_bytes(),
        received_bytes: run.stats.received_bytes(),
        elapsed: started.elapsed(),
        untried: stopped
            .and_then(|_| links::count(&config.inputs, &config.lists)?.checked_sub(counts.total())),
        reasons: run.reasons.take(),
        hosts: run.hosts.notable(),
        stopped,
        list_error: run
            .list_error
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take(),
    })
}

/// What all workers of a run share.
struct Run {
    /// Open as soon as there is something to write.
    journal: OnceLock<Arc<Journal>>,
    stats: Arc<Stats>,
    output: Sinks,
    progress: Progress,
    hooks: Option<Hooks>,
    folder: PathBuf,
    hosts: HostStats,
    reasons: ReasonStats,
    max_wait: Duration,
    limits: stop::Limits,
    list_error: Mutex<Option<String>>,
}

impl Run {
    /// Fetches `first`, if there is one, and all that follows in the plan; tells why it ended early, if it did.
    fn fetch_all(
        self: &Arc<Self>,
        config: &Config,
        jobs: NonZeroUsize,
        store: Store,
        first: Option<Job>,
        plan: impl Iterator<Item = io::Result<Step>> + Send + 'static,
    ) -> anyhow::Result<Option<Cause>> {
        if jobs < config.limit() {
            tracing::warn!(
                "only {jobs} links at once: this process may open only so many files (`ulimit -n`)"
            );
        }
        let runtime = runtime::shared().context(NO_RUNTIME)?;
        let asked = runtime.block_on(async {
            signals::survive_large_files();
            StatusSignals::new()
        });
        let queue = Arc::new(Queue::new(config.hosts.clone()));
        let (run, closing) = (Arc::clone(self), Arc::clone(&queue));
        let stop = Arc::new(Stop::new(move || run.interrupt(&closing.close())));
        runtime.spawn(Arc::clone(&stop).at_signals());
        runtime.spawn(Arc::clone(self).tell_when(asked));
        if let Some(time) = config.limits.time {
            let stop = Arc::clone(&stop);
            runtime.spawn(async move {
                tokio::time::sleep(time).await;
                stop.stop(Cause::Limit("--max-total-time"));
            });
        }
        if config.fetch.http.insecure {
            tracing::warn!(
                "certificates are not checked (`--insecure`): anybody between here and a server can read and change what comes"
            );
        }
        let journal = self
            .journal
            .get()
            .expect("it is open before anything is fetched");
        let fetcher = Arc::new(Fetcher::new(
            config.fetch.clone(),
            &config.plan,
            Arc::new(store),
            Arc::clone(journal),
            stop.token(),
            jobs.get(),
        )?);
        self.feed(&queue, first, plan);
        runtime.spawn(Arc::clone(self).watch(Arc::clone(&queue)));
        let taking = Arc::clone(&queue);
        let next = move || {
            let queue = Arc::clone(&taking);
            async move { queue.next().await }
        };
        let (run, stopping) = (Arc::clone(self), Arc::clone(&stop));
        let work = move |started: Started<Job>| {
            let (run, fetcher) = (Arc::clone(&run), Arc::clone(&fetcher));
            let (stop, queue) = (Arc::clone(&stopping), Arc::clone(&queue));
            async move {
                if let Err(panic) = caught(pin!(run.work(&fetcher, &queue, &stop, started))).await {
                    run.list_failed(&format!("{BUG}: {panic}"));
                    stop.stop(Cause::Bug);
                }
            }
        };
        let worked = config.mode.for_each(&runtime, jobs, next, work);
        worked.context(NO_RUNTIME)?;
        runtime.shutdown_background();
        Ok(stop.cause())
    }

    /// Tries one link, and tells the queue what that says about its host.
    async fn work(
        &self,
        fetcher: &Fetcher,
        queue: &Queue<Job>,
        stop: &Stop,
        started: Started<Job>,
    ) {
        let Started { mut job, ticket } = started;
        let result = caught(pin!(fetcher.fetch(&mut job, &self.stats))).await;
        let result = result.unwrap_or_else(|panic| {
            let failure = Failure::new(Status::Interrupted, format!("{BUG}: {panic}"));
            Fetched::Done(Box::new(job.record(Outcome::Failed(failure))))
        });
        let given_up = match result {
            Fetched::Again(pause, failure) => {
                let (place, url, next) = (&job.place, job.url(), job.attempts + 1);
                tracing::info!(
                    "{place}: {}: {failure}; try {next} in {:.1} s",
                    shown(url),
                    pause.as_secs_f64()
                );
                let again = Finished::Again(job, Instant::now() + pause);
                queue.finish(&ticket, again, feedback(&failure, pause, self.max_wait))
            }
            Fetched::Done(mut record) => {
                let feedback = match &record.outcome {
                    Outcome::Failed(failure) => feedback(
                        failure,
                        failure.retry_after.unwrap_or_default(),
                        self.max_wait,
                    ),
                    _ => Feedback::Good,
                };
                if matches!(&record.outcome, Outcome::Failed(failure) if failure.disk_full) {
                    stop.stop(Cause::DiskFull);
                }
                self.hosts.count(&job.host(), &record);
                // before its command runs: the host is done with, and may be asked for more
                let given_up = queue.finish(&ticket, Finished::Ended, feedback);
                self.exec(job.only_command, &mut record, stop).await;
                self.settle(&record);
                given_up
            }
        };
        for (job, verdict) in given_up {
            match verdict {
                None => self.interrupt(&[job]),
                Some(verdict) => self.give_up(&job, &verdict),
            }
        }
        if let Some(option) = self.enough() {
            stop.stop(Cause::Limit(option));
        }
    }

    /// Runs the command for the file of a link, if there is one, and this run has brought the file or an earlier one has
    /// left that to do; writes down what came of it.
    async fn exec(&self, only_command: bool, record: &mut Record, stop: &Stop) {
        let (Some(hooks), Outcome::Saved(saved)) = (&self.hooks, &record.outcome) else {
            return;
        };
        if !only_command && !matches!(saved.status, Status::Downloaded | Status::Resumed) {
            return;
        }
        let path = self.folder.join(&saved.file);
        record.exec_error = hooks.run(&path, &record.url, &stop.token()).await.err();
        // the line that was written ahead says that it is still to be run
        if let Some(journal) = self.journal.get()
            && let Err(error) = journal.append(record)
        {
            tracing::warn!("cannot write a record: {error}");
        }
    }

    /// Settles a link whose host is given up.
    fn give_up(&self, job: &Job, verdict: &GiveUp) {
        let record = job.record(Outcome::Failed(verdict.failure()));
        self.hosts.count(&job.host(), &record);
        self.settle(&record);
    }

    /// The option by which the run has done enough, if it has.
    fn enough(&self) -> Option<&'static str> {
        self.limits
            .reached(&self.stats.counts(), self.stats.saved_bytes())
    }

    /// Settles what waits for another try when the run ends. What has not been tried at all is counted by the report.
    fn interrupt(&self, jobs: &[Job]) {
        for job in jobs.iter().filter(|job| job.attempts > 0) {
            let failure = Failure::new(Status::Interrupted, "the run ended before this link did");
            self.settle(&job.record(Outcome::Failed(failure)));
        }
    }

    fn list_failed(&self, why: &str) {
        *self
            .list_error
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(why.to_owned());
    }

    /// Counts, writes down and shows what became of a link.
    fn settle(&self, record: &Record) {
        self.stats.count(record);
        self.reasons.count(record);
        let failed = matches!(record.outcome, Outcome::Failed(_));
        let journaled = match self.journal.get().filter(|_| failed) {
            Some(journal) => journal.append(record),
            None => Ok(()),
        };
        if let Err(error) = journaled.and_then(|()| self.output.write(record)) {
            tracing::warn!("cannot write a record: {error}");
        }
        let interrupted = record.outcome.status() == Status::Interrupted;
        if (failed && !interrupted) || record.exec_error.is_some() {
            tracing::warn!("{record}");
        } else {
            tracing::info!("{record}");
        }
    }
}

/// For a job, a file, its connection, and those that are kept.
const FILES_PER_JOB: u64 = 2 + IDLE_PER_JOB as u64;

const NO_RUNTIME: &str = "cannot start the threads that fetch";

const BUG: &str = "fetchpdf itself has failed, which is a bug";
