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
pub mod interrupt;
pub mod links;
pub mod mode;
pub mod outcome;
pub mod pdf;
pub mod plan;
pub mod progress;
pub mod queue;
pub mod report;
pub mod retry;
pub mod store;

use std::io;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::Context;
use tokio::runtime::Runtime;

use fetch::Fetcher;
use interrupt::Interrupt;
use links::{Input, Links};
use mode::{Mode, caught};
use outcome::{Failure, Outcome, Status};
use plan::{Job, Plan, Step};
use progress::Progress;
use queue::Queue;
use report::{Journal, Record, Report, Tally};
use store::Store;

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
    let (journal, history) = Journal::open(&store.state()).with_context(cannot_write)?;
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
    // a list of which everything is here needs no runtime and no client
    let first = plan.by_ref().find_map(|step| run.unsettled(step));
    let signal = match first {
        Some(job) => run.fetch_all(config, &store, job, plan)?,
        None => None,
    };
    run.progress.finish();
    Ok(Report {
        mode: config.mode,
        jobs: config.limit().get(),
        counts: run.tally.counts(),
        saved_bytes: run.tally.saved_bytes(),
        received_bytes: run.tally.received_bytes(),
        elapsed: started.elapsed(),
        untried: signal.and_then(|_| {
            links::count(&config.inputs)?.checked_sub(run.tally.counts().iter().sum())
        }),
        signal,
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
    /// Fetches `first` and all that follows in the plan; tells which signal ended it, if one did.
    fn fetch_all(
        self: &Arc<Self>,
        config: &Config,
        store: &Arc<Store>,
        first: Job,
        plan: impl Iterator<Item = io::Result<Step>> + Send + 'static,
    ) -> anyhow::Result<Option<u8>> {
        let runtime = runtime()?;
        let queue = Arc::new(Queue::default());
        let closing = Arc::clone(&queue);
        let interrupt = Interrupt::listen(&runtime, move || closing.close());
        let notice = self.verbose.then(|| -> fetch::Notice {
            let run = Arc::clone(self);
            Box::new(move |text| run.progress.say(text))
        });
        let (store, journal) = (Arc::clone(store), Arc::clone(&self.journal));
        let fetcher = Arc::new(Fetcher::new(
            config.fetch.clone(),
            store,
            journal,
            interrupt.token(),
            notice,
        )?);
        // not joined: after an interrupt it may be waiting for a pipe that never ends
        let (run, feeding) = (Arc::clone(self), Arc::clone(&queue));
        std::thread::spawn(move || {
            let jobs = std::iter::once(first).chain(plan.filter_map(|step| run.unsettled(step)));
            for job in jobs {
                if !feeding.push(job) {
                    return;
                }
            }
            feeding.end();
        });
        let next = move || {
            let queue = Arc::clone(&queue);
            async move { queue.next().await }
        };
        let run = Arc::clone(self);
        let work = move |job: Job| {
            let (run, fetcher) = (Arc::clone(&run), Arc::clone(&fetcher));
            async move {
                let record = caught(fetcher.fetch(&job, &run.tally))
                    .await
                    .unwrap_or_else(|panic| {
                        let message =
                            format!("fetchpdf itself has failed, which is a bug: {panic}");
                        Record::new(
                            &job.link,
                            Outcome::Failed(Failure::new(Status::Interrupted, message)),
                        )
                    });
                run.settle(&record);
            }
        };
        config.mode.for_each(&runtime, config.limit(), next, work);
        let signal = interrupt.signal();
        // a name that is being looked up is nothing to wait for
        runtime.shutdown_background();
        Ok(signal)
    }

    /// Settles a step whose outcome is known; a job that is to be done comes back.
    fn unsettled(&self, step: io::Result<Step>) -> Option<Job> {
        match step {
            Ok(Step::Fetch(job)) => return Some(job),
            Ok(Step::Settled(record)) => self.settle(&record),
            Err(error) => {
                *self
                    .list_error
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner) = Some(error.to_string());
            }
        }
        None
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
