//! One run: the list is planned, queued, fetched by the mode's workers, and accounted for.
//!
//! ```text
//!  feed ──► queue ──► mode ──► worker ──► accounts
//!  a thread of its own          many       counts, records, journal
//! ```
//!
//! What needs no request is settled by the thread that feeds the queue. The [`Session`] opens the output folder, the journal
//! and the HTTP client when the first link needs them, so that a list of which every file exists leaves no trace.

mod accounts;
mod config;
pub(crate) mod exec;
mod feed;
mod feedback;
mod session;
mod watch;
mod worker;

use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use crate::links::{self, Ahead, Input, Links};
use crate::plan::{Job, Plan};
use crate::progress::Progress;
use crate::queue::{Queue, Started};
use crate::report::Report;
use crate::runtime;
use crate::stats::Stats;
use crate::stop::{Cause, Stop};
use crate::store::{Archive, History, Store, journal_of};
use crate::system::signals::{self, StatusSignals};
use accounts::Accounts;
pub(crate) use config::Config;
use feed::Feeder;
use session::Session;
use worker::Worker;

/// The first links wait so long for the head of a list at most: see [`feed`].
const HEAD_TIME: Duration = Duration::from_millis(50);

const NO_THREADS: &str = "cannot start the threads that fetch";

/// Fetches every link of a list. A link that fails is counted and never ends the run.
///
/// # Errors
///
/// When the run itself cannot be done: a list cannot be opened, or the output folder cannot be written.
pub(crate) fn run(config: &Config) -> anyhow::Result<Report> {
    let started = Instant::now();
    let links = Links::open(&config.inputs, &config.lists)?;
    let journal = journal_of(&config.output);
    let (mut history, journal_length) = History::of(&journal, config.detail())
        .with_context(|| format!("cannot read the journal `{}`", journal.display()))?;
    for id in &config.forget {
        history.forget(*id);
    }
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
    let plan = Plan::new(links, archive, config.plan.clone());

    let token = CancellationToken::new();
    let session = Arc::new(Session::new(config, journal_length, token.clone()));
    let stats = Arc::new(Stats::default());
    let (inputs, lists) = (config.inputs.clone(), Arc::clone(&config.lists));
    let progress = Progress::start(config.progress, Arc::clone(&stats), move || {
        links::count(&inputs, &lists)
    });
    let progress = Arc::new(progress);
    let accounts = Arc::new(Accounts::open(config, Arc::clone(&session), stats)?);
    let queue = Arc::new(Queue::new(config.hosts.clone()));
    let stop = {
        let (accounts, queue) = (Arc::clone(&accounts), Arc::clone(&queue));
        Stop::new(token, move || accounts.interrupt(&queue.close()))
    };
    let worker = Worker::new(
        config,
        session,
        Arc::clone(&accounts),
        queue,
        Arc::new(stop),
    );

    let runtime = runtime::shared().context(NO_THREADS)?;
    watch(config, &runtime, &worker, &progress);
    let (head_done, head) = mpsc::channel();
    let feeder = Feeder::new(worker.clone(), head_done);
    // not joined: after an interrupt it may be waiting for a pipe that never ends
    thread::Builder::new()
        .spawn(move || feeder.feed(plan))
        .context(NO_THREADS)?;
    if !waits {
        let _ = head.recv_timeout(HEAD_TIME);
    }
    work(config, &runtime, &worker)?;
    runtime.shutdown_background();
    progress.finish();

    let stopped = worker.stop.cause();
    let ended = accounts.stats().counts().total();
    accounts.report(config, started.elapsed(), stopped, || {
        links::count(&config.inputs, &config.lists)?.checked_sub(ended)
    })
}

/// Listens to signals and clocks beside the links.
fn watch(config: &Config, runtime: &Runtime, worker: &Worker, progress: &Arc<Progress>) {
    let _inside = runtime.enter();
    signals::survive_large_files();
    runtime.spawn(Arc::clone(&worker.stop).at_signals());
    runtime.spawn(watch::tell_at(StatusSignals::new(), Arc::clone(progress)));
    runtime.spawn(watch::watch(
        Arc::clone(&worker.queue),
        Arc::clone(worker.accounts.stats()),
    ));
    if let Some(time) = config.limits.time {
        let stop = Arc::clone(&worker.stop);
        runtime.spawn(async move {
            tokio::time::sleep(time).await;
            stop.stop(Cause::Limit("--max-total-time"));
        });
    }
}

/// Has the mode work off the queue.
fn work(config: &Config, runtime: &Runtime, worker: &Worker) -> anyhow::Result<()> {
    let queue = Arc::clone(&worker.queue);
    let next = move || {
        let queue = Arc::clone(&queue);
        async move { queue.next().await }
    };
    let worker = worker.clone();
    let work = move |started: Started<Job>| {
        let worker = worker.clone();
        async move { worker.work(started).await }
    };
    let result = config.mode.for_each(runtime, config.jobs(), next, work);
    result.context(NO_THREADS)
}
