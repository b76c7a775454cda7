//! One run: the list is planned, queued, fetched by the workers of the mode, and accounted for.
//!
//! ```text
//!  feed ──► queue ──► mode ──► worker ──► accounts
//!  own thread                  many       counts, records, journal
//! ```
//!
//! The thread that feeds the queue also settles the links that need no request. The [`Session`] opens the output folder, the
//! journal and the HTTP client when the first link needs them, so that a run whose files all exist writes nothing.
//!
//! Records and messages are written by threads of their own (see [`output`]). Work begins only when there is room
//! for what it will say, so that a slow reader slows the run down without holding up what is under way, or the end of the run.

mod accounts;
mod budget;
mod config;
pub(crate) mod exec;
mod feed;
mod feedback;
mod only_file;
mod session;
mod sitemaps;
pub(crate) mod timeline;
mod watch;
mod worker;

use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use parking_lot::Mutex;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use crate::id::Memory;
use crate::links::{Ahead, Input, Links};
use crate::plan::{self, Job, Plan};
use crate::progress::{Progress, StatusLine, Style};
use crate::queue::{Queue, Started};
use crate::report::Report;
use crate::runtime::{Runtimes, run_alone};
use crate::stats::Stats;
use crate::stop::{Cause, Stop, attend};
use crate::store::{Answers, Archive, History, Segments, clear_leftovers};
use crate::system::limits::explained;
use crate::{log, output};
pub(crate) use accounts::EMPTY;
use accounts::{Accounts, Problem};
use budget::{Budget, Share};
pub(crate) use config::Config;
use exec::{Exec, Executor};
use feed::Milestones;
pub(crate) use feedback::feedback;
use session::{Session, begin_journal, resolve_uploads};
use watch::Counter;
use worker::Worker;

/// How long the first links wait for the head of the list: see [`feed`].
const HEAD_TIME: Duration = Duration::from_millis(50);

/// How long a run that ends early waits for the next link of a list whose rest it records.
const REST_TIME: Duration = Duration::from_secs(2);

/// The time between two looks at how far that is.
const REST_LOOK: Duration = Duration::from_millis(20);

const NO_THREADS: &str = "cannot start worker threads";

/// Fetches every link of a list. A link that fails is counted, and never ends the run.
///
/// # Errors
///
/// When the run itself cannot be done: a list cannot be opened, or the output folder cannot be written.
pub(crate) fn run(config: &Config) -> anyhow::Result<Report> {
    let started = Instant::now();
    config.exec.as_ref().map_or(Ok(()), Exec::check)?;
    let token = CancellationToken::new();
    let links = Links::open(&config.inputs, &sitemaps::lists(config, token.clone()))?;
    let seen = links.seen();
    let (layout, identity) = (&config.layout, &config.plan.identity);
    let cannot_use = || format!("cannot use the state in `{}`", layout.state().display());
    layout.claim().with_context(cannot_use)?;
    let read = || {
        let history = History::of(layout, config.detail(), identity.clone());
        history.with_context(|| format!("cannot read the journal `{}`", layout.journal().display()))
    };
    begin_journal(config)?;
    let mut history = read()?;
    if resolve_uploads(config, &history)? {
        history = read()?;
    }
    history.write_index(layout, config.detail());
    history.forget_all(&config.forget);
    let history = Arc::new(history);
    let waits = config.inputs.iter().any(Input::may_wait);
    let links: Box<dyn Iterator<Item = _> + Send> = if waits {
        Box::new(links)
    } else {
        Box::new(Ahead::new(links))
    };
    let stats = Arc::new(Stats::default());
    let segments = Segments::new(layout, &config.bucket, config.plan.selection.as_ref());
    let segments = segments.map(Arc::new);
    let journals = (Arc::clone(&history), segments.clone());
    let worker = Arc::new(worker(config, journals, Arc::clone(&stats), token)?);
    let mut archive = Archive::new(layout, history, worker.stop.token());
    config.check_only_file(&mut archive)?;
    let plan = Plan::new(links, archive, plan_options(config));
    let status_line = Arc::new(StatusLine::new(Arc::clone(&stats)));
    let shown = Arc::clone(&status_line);
    let _attention = attend(&worker.stop, move || {
        log::print_line(&shown.with_transfers());
    });

    let (first_job, has_job) = mpsc::channel();
    let (head_done, head) = mpsc::channel();
    let (reading, read) = mpsc::channel::<()>();
    let milestones = Milestones {
        first_job,
        head_done: Some(head_done),
    };
    let feeder = Arc::clone(&worker);
    // not joined: after an interrupt, it may still be waiting for a pipe that never ends
    thread::Builder::new()
        .spawn(move || {
            let _until_now = reading;
            feed::feed(&feeder, plan, milestones);
        })
        .map_err(explained)
        .context(NO_THREADS)?;
    // last, because the run can do without their threads
    let progress = Progress::start(config.style(), status_line);
    let counter = (config.progress != Style::None).then(|| Counter::start(config, &stats));
    if config.limits.time.is_some() || will_fetch(&has_job, &worker.stop) {
        let runtimes = config.mode.start().map_err(explained);
        let runtimes = runtimes.context(NO_THREADS)?;
        watch(&runtimes.shared, &worker);
        if let Some(segments) = &segments {
            runtimes.shared.spawn(watch::ship(Arc::clone(segments)));
        }
        if !waits {
            let _ = head.recv_timeout(HEAD_TIME);
        }
        work(&runtimes, &worker);
        if let Some(segments) = &segments {
            runtimes.shared.block_on(watch::ship_rest(segments));
        }
        runtimes.shutdown();
    } else if let Some(segments) = segments.filter(|segments| segments.are_behind()) {
        let _ = run_alone(watch::ship_rest(&segments));
    }
    // unlocked before they are settled, which may stop the run once more
    let left = mem::take(&mut *worker.left.lock());
    worker.accounts.interrupt(&left);
    if worker.stop.is_stopped() {
        wait_for_rest(&worker, &read);
    }
    let continues = !matches!(worker.stop.cause(), None | Some(Cause::Limit(_)));
    if let Err(error) = worker.session.finish(continues) {
        let message = format!("cannot publish a tar: {error:#}");
        worker.accounts.fail(Problem::Incomplete(message));
    }
    progress.finish();
    if let Some(counter) = counter {
        counter.finish(worker.stop.is_stopped());
    }
    if !worker.stop.is_stopped()
        && let Err(error) = clear_leftovers(layout, identity)
    {
        tracing::info!(
            "cannot clear the partials that earlier runs have left in `{}`: {error}",
            layout.state().display()
        );
    }
    worker.accounts.report(config, &seen, started.elapsed())
}

/// How links become jobs, with what sources have answered before.
fn plan_options(config: &Config) -> plan::Options {
    let answers: Arc<dyn Memory> = Arc::new(Answers::of(&config.layout));
    plan::Options {
        ids: Arc::new(config.plan.ids.with_memory(answers)),
        ..config.plan.clone()
    }
}

/// The shared state of a run with these journals: what it has read, and what it writes to a bucket. Its end cancels `token`.
fn worker(
    config: &Config,
    journals: (Arc<History>, Option<Arc<Segments>>),
    stats: Arc<Stats>,
    token: CancellationToken,
) -> anyhow::Result<Worker> {
    let config = Arc::new(config.clone());
    let session = Session::new(Arc::clone(&config), journals, token.clone());
    let session = Arc::new(session);
    let queue = Arc::new(Queue::new(config.hosts.clone()));
    let left = Arc::new(Mutex::new(Vec::new()));
    let (closed, kept) = (Arc::clone(&queue), Arc::clone(&left));
    let close = move || kept.lock().extend(closed.close());
    let stop = Arc::new(Stop::new(token, close));
    if config.limits.downloads == Some(0) {
        stop.stop(Cause::Limit("--max-downloads"));
    }
    let accounts = Accounts::open(&config, Arc::clone(&session), stats, Arc::clone(&stop))?;
    Ok(Worker {
        budget: Budget::new(config.limits.downloads, stop.token()),
        executor: config.exec.clone().map(Executor::new),
        config,
        session,
        accounts: Arc::new(accounts),
        queue,
        stop,
        left,
        leaves_rest: AtomicBool::new(false),
    })
}

/// Waits until there is something to fetch; false if there is nothing. A run whose files all exist needs no runtime.
fn will_fetch(has_job: &Receiver<()>, stop: &Stop) -> bool {
    loop {
        match has_job.recv_timeout(HEAD_TIME) {
            Err(RecvTimeoutError::Timeout) if !stop.is_stopped() => {}
            result => return result.is_ok(),
        }
    }
}

/// Waits until the rest of the list has been recorded, if it is. Gives up if the list does not go on, or nobody reads what is
/// recorded and somebody has asked for the end.
fn wait_for_rest(worker: &Worker, read: &Receiver<()>) {
    let (mut seen, mut since) = ((0, 0), Instant::now());
    while !worker.is_over() && read.recv_timeout(REST_LOOK) == Err(RecvTimeoutError::Timeout) {
        let now = (worker.accounts.recorded(), output::written());
        let waits_for_reader = || output::is_full() && output::has_patience(since);
        if now != seen {
            (seen, since) = (now, Instant::now());
        } else if since.elapsed() >= REST_TIME && !waits_for_reader() {
            tracing::warn!("the rest of the list is not recorded: the list has stalled");
            worker.leaves_rest.store(true, Relaxed);
        }
    }
}

/// Starts the periodic tasks, and the timer of `--max-total-time`.
fn watch(runtime: &Runtime, worker: &Worker) {
    let stats = Arc::clone(&worker.accounts.stats);
    runtime.spawn(watch::watch_waiting(Arc::clone(&worker.queue), stats));
    let accounts = Arc::clone(&worker.accounts);
    let queue = Arc::clone(&worker.queue);
    runtime.spawn(watch::watch_queue(queue, Arc::clone(&accounts)));
    if accounts.has_pages() {
        runtime.spawn(watch::write_pages(accounts));
    }
    if let Some(time) = worker.config.limits.time {
        let stop = Arc::clone(&worker.stop);
        runtime.spawn(async move {
            tokio::time::sleep(time).await;
            stop.stop(Cause::Limit("--max-total-time"));
        });
    }
}

/// Lets the mode run the worker on the links of the queue.
fn work(runtimes: &Runtimes, worker: &Arc<Worker>) {
    let asking = Arc::clone(worker);
    let next = move || {
        let worker = Arc::clone(&asking);
        async move {
            let share = worker.budget.share().await?;
            Some((share, worker.queue.next().await?))
        }
    };
    let (worker, config) = (Arc::clone(worker), Arc::clone(&worker.config));
    let work = move |(share, started): (Share, Started<Box<Job>>)| {
        let worker = Arc::clone(&worker);
        async move { share.spend(worker.work(started).await) }
    };
    config.mode.for_each(runtimes, config.jobs(), next, work);
}
