//! Downloads every PDF of a list of links, checks each one, and says what became of every link.
//!
//! ```text
//!  link list ──► links ──► plan ──► queue ──► mode ──► fetch ──► store ──► outcome ──► report
//!  file, -, URL   text→Link  dedupe,  whose turn  who runs  one GET,  part file,  what became  summary, journal,
//!                            name                 it        retries   rename      of it        exit code
//! ```
//!
//! A straight line without a way back: each stage knows the one to its right by one or two functions. A link never
//! vanishes: a line that is no link, a duplicate, an interrupted transfer is an outcome too.

pub mod cli;
pub mod compare;
pub mod demo;
pub mod fetch;
pub mod links;
pub mod mode;
pub mod outcome;
pub mod pdf;
pub mod plan;
mod process;
pub mod progress;
pub mod queue;
pub mod report;
pub mod retry;
pub mod stop;
pub mod store;
pub mod verify;

use std::io;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::Context;
use tokio::runtime::Runtime;

use fetch::Fetcher;
use links::{Input, Links};
use mode::{Mode, caught};
use outcome::{Failure, Outcome, Status};
use plan::{Job, Plan, Step};
use progress::Progress;
use queue::Queue;
use report::{Journal, Record, Report, Tally};
use stop::{Cause, Stop};
use store::{Store, journal_of};

/// Everything that a run depends on.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where the links come from.
    pub inputs: Vec<Input>,
    /// The folder that the files go to; it is created if it is missing.
    pub output: PathBuf,
    /// The scheduler.
    pub mode: Mode,
    /// How many links are fetched at once; none for what suits the mode.
    pub jobs: Option<NonZeroUsize>,
    /// How each link is fetched.
    pub fetch: fetch::Options,
    /// How progress is shown.
    pub progress: progress::Style,
    /// Whether to tell of retries and saved files, too.
    pub verbose: bool,
    /// Links that are fetched again although the journal knows their files, by their identity: see [`links::Link::id`].
    pub forget: Vec<u64>,
}

impl Config {
    /// How many links are fetched at once.
    #[must_use]
    pub fn limit(&self) -> NonZeroUsize {
        match self.mode {
            Mode::Sequential => NonZeroUsize::MIN,
            mode => self.jobs.unwrap_or(mode.default_jobs()),
        }
    }
}

/// Fetches every link of a list. A link that fails is counted and never ends the run.
///
/// # Errors
///
/// When the run itself cannot be done: a list cannot be opened, or the output folder cannot be written.
pub fn run(config: &Config) -> anyhow::Result<Report> {
    let started = Instant::now();
    let links = Links::open(&config.inputs)?;
    let cannot_write = || {
        format!(
            "cannot write to the output folder `{}`",
            config.output.display()
        )
    };
    let store = Arc::new(Store::open(&config.output).with_context(cannot_write)?);
    let (journal, mut history) =
        Journal::open(journal_of(&config.output)).with_context(cannot_write)?;
    for id in &config.forget {
        history.forget(*id);
    }
    let tally = Arc::new(Tally::default());
    let inputs = config.inputs.clone();
    let progress = Progress::start(config.progress, Arc::clone(&tally), move || {
        links::count(&inputs)
    });
    let run = Arc::new(Run {
        journal: Arc::new(journal),
        tally,
        progress,
        verbose: config.verbose,
        list_error: Mutex::new(None),
    });
    let mut plan = Plan::new(links, Arc::clone(&store), history);
    let waits = config.inputs.iter().any(Input::may_wait);
    // a list of which everything is here needs no runtime and no client; but who waits for a pipe must hear signals
    let first = if waits {
        None
    } else {
        plan.by_ref().find_map(|step| run.unsettled(step))
    };
    let stopped = if waits || first.is_some() {
        run.fetch_all(config, &store, first, plan)?
    } else {
        None
    };
    run.progress.finish();
    let counts = run.tally.counts();
    Ok(Report {
        mode: config.mode,
        jobs: config.limit().get(),
        counts,
        saved_bytes: run.tally.saved_bytes(),
        received_bytes: run.tally.received_bytes(),
        elapsed: started.elapsed(),
        untried: stopped
            .and_then(|_| links::count(&config.inputs)?.checked_sub(counts.iter().sum())),
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
    journal: Arc<Journal>,
    tally: Arc<Tally>,
    progress: Progress,
    verbose: bool,
    list_error: Mutex<Option<String>>,
}

impl Run {
    /// Fetches `first`, if there is one, and all that follows in the plan; tells why it ended early, if it did.
    fn fetch_all(
        self: &Arc<Self>,
        config: &Config,
        store: &Arc<Store>,
        first: Option<Job>,
        plan: impl Iterator<Item = io::Result<Step>> + Send + 'static,
    ) -> anyhow::Result<Option<Cause>> {
        let jobs = self.jobs_within(config.limit(), process::raise_open_files());
        let runtime = runtime()?;
        runtime.block_on(async { process::survive_large_files() });
        let queue = Arc::new(Queue::default());
        let closing = Arc::clone(&queue);
        let stop = Arc::new(Stop::new(move || closing.close()));
        runtime.spawn(Arc::clone(&stop).at_signals());
        let notice = self.verbose.then(|| -> fetch::Notice {
            let run = Arc::clone(self);
            Box::new(move |text| run.progress.say(text))
        });
        let (store, journal) = (Arc::clone(store), Arc::clone(&self.journal));
        let fetcher = Fetcher::new(config.fetch.clone(), store, journal, stop.token(), notice)?;
        let fetcher = Arc::new(fetcher);
        // not joined: after an interrupt it may be waiting for a pipe that never ends
        let (run, feeding) = (Arc::clone(self), Arc::clone(&queue));
        std::thread::spawn(move || run.feed(&feeding, first, plan));
        let next = move || {
            let queue = Arc::clone(&queue);
            async move { queue.next().await }
        };
        let (run, stopping) = (Arc::clone(self), Arc::clone(&stop));
        let work = move |job: Job| {
            let (run, fetcher, stop) = (
                Arc::clone(&run),
                Arc::clone(&fetcher),
                Arc::clone(&stopping),
            );
            async move {
                let record = caught(fetcher.fetch(&job, &run.tally))
                    .await
                    .unwrap_or_else(|panic| {
                        let failure = Failure::new(Status::Interrupted, format!("{BUG}: {panic}"));
                        Record::new(&job.link, Outcome::Failed(failure))
                    });
                if matches!(&record.outcome, Outcome::Failed(failure) if failure.disk_full) {
                    stop.stop(Cause::DiskFull);
                }
                run.settle(&record);
            }
        };
        config.mode.for_each(&runtime, jobs, next, work);
        // a name that is being looked up is nothing to wait for
        runtime.shutdown_background();
        Ok(stop.cause())
    }

    /// As many jobs as wanted, or as many as a process can do that may open only so many files at once.
    fn jobs_within(&self, wanted: NonZeroUsize, open_files: Option<u64>) -> NonZeroUsize {
        // for a job a file, its connection and one that is kept; some for lists, the journal and the runtime
        let room = open_files.map_or(u64::MAX, |limit| limit.saturating_sub(24) / 3);
        let room = usize::try_from(room)
            .ok()
            .and_then(NonZeroUsize::new)
            .unwrap_or(NonZeroUsize::MIN);
        if room < wanted {
            let limit = open_files.unwrap_or_default();
            self.progress.say(&format!(
                "only {room} links at once: this process may open only {limit} files (`ulimit -n`)"
            ));
        }
        room.min(wanted)
    }

    /// Puts `first`, if there is one, and all that follows in the plan into the queue, and ends it.
    fn feed(
        &self,
        queue: &Queue<Job>,
        first: Option<Job>,
        plan: impl Iterator<Item = io::Result<Step>>,
    ) {
        let mut jobs = first
            .into_iter()
            .chain(plan.filter_map(|step| self.unsettled(step)));
        // a queue that never ends would be waited for for ever
        if catch_unwind(AssertUnwindSafe(|| jobs.all(|job| queue.push(job)))).is_err() {
            self.list_failed(BUG);
        }
        queue.end();
    }

    /// Settles a step whose outcome is known; a job that is to be done comes back.
    fn unsettled(&self, step: io::Result<Step>) -> Option<Job> {
        match step {
            Ok(Step::Fetch(job)) => return Some(job),
            Ok(Step::Settled(record)) => self.settle(&record),
            Err(error) => self.list_failed(&error.to_string()),
        }
        None
    }

    fn list_failed(&self, why: &str) {
        *self
            .list_error
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(why.to_owned());
    }

    /// Counts, writes down and shows what became of a link.
    fn settle(&self, record: &Record) {
        self.tally.count(record);
        let failed = matches!(record.outcome, Outcome::Failed(_));
        if failed && let Err(error) = self.journal.append(record) {
            self.progress
                .say(&format!("cannot write the journal: {error}"));
        }
        let interrupted = record.outcome.status() == Status::Interrupted;
        if (failed && !interrupted) || self.verbose {
            self.progress.say(&record.to_string());
        }
    }
}

const BUG: &str = "fetchpdf itself has failed, which is a bug";

/// The runtime that all modes share: as many threads as there are cores, and no more than I/O can keep busy.
fn runtime() -> anyhow::Result<Runtime> {
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder
        .worker_threads(cores.min(4))
        .enable_all()
        .build()
        .context("cannot start the runtime")
}
