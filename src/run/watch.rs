//! What watches a run from the background while it is under way.

use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use super::accounts::Accounts;
use super::config::Config;
use crate::links;
use crate::plan::{Identity, Job};
use crate::queue::Queue;
use crate::stats::Stats;
use crate::store::Segments;
use crate::timeout::{TICK, tick};

/// The seconds after which a run that is limited by `--per-host` says so.
const HELD_BACK: u32 = 20;

/// How long a run that ends early waits for the number of its links, which for most lists is there long before.
const COUNT_TIME: Duration = Duration::from_millis(300);

/// The time between two pages about the run.
const PAGE: Duration = Duration::from_secs(10);

/// The time between two segments of the journal in a bucket.
const SHIPPING: Duration = Duration::from_mins(1);

/// How long the last one may take: with the grace of uploads, less than the 10 s that Docker waits before a kill (Kubernetes: 30 s).
const LAST_SHIPPING: Duration = Duration::from_secs(6);

/// Counts the links of a list on a thread of its own, until the run is over. Without a thread, they are not counted.
pub(super) struct Counter {
    over: Arc<AtomicBool>,
    counted: Receiver<()>,
    stats: Arc<Stats>,
}

impl Counter {
    /// Starts to count, for `stats`.
    pub(super) fn start(config: &Config, stats: &Arc<Stats>) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let (end, counted) = channel::<()>();
        let (inputs, lists) = (config.inputs.clone(), Arc::clone(&config.lists));
        let selection = config.plan.selection.clone();
        // with another identity, a link may belong to another shard than its host
        let is_exact = selection.is_none() || config.plan.identity == Identity::Url;
        let (is_over, counts) = (Arc::clone(&over), Arc::clone(stats));
        let count = move || {
            let _until_now = end;
            let is_over = move || is_over.load(Relaxed);
            if is_exact
                && let Some(total) = links::count(&inputs, &lists, selection.as_ref(), is_over)
            {
                counts.set_total(total);
            }
        };
        let _ = thread::Builder::new().spawn(count);
        let stats = Arc::clone(stats);
        Self {
            over,
            counted,
            stats,
        }
    }

    /// Stops counting. Waits a moment for the result if the run was `stopped`: no thread is joined, as it may be busy for long.
    pub(super) fn finish(self, stopped: bool) {
        if stopped && self.stats.total().is_none() {
            let _ = self.counted.recv_timeout(COUNT_TIME);
        }
        self.over.store(true, Relaxed);
    }
}

/// Keeps the time for timeouts, and track of whether links wait for workers, which transfers that make hardly any progress must not hold up.
pub(super) async fn watch_waiting(queue: Arc<Queue<Box<Job>>>, stats: Arc<Stats>) {
    loop {
        tick();
        tokio::time::sleep(TICK).await;
        stats.set_links_wait(queue.waits_for_workers());
    }
}

/// Updates the stats of the queue once per second, and reports paused hosts and a run that is limited by `--per-host`.
pub(super) async fn watch_queue(queue: Arc<Queue<Box<Job>>>, accounts: Arc<Accounts>) {
    let stats = &accounts.stats;
    let (mut held_back, mut known) = (0, Vec::new());
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let paused = queue.open_hosts();
        stats.set_paused_hosts(queue.paused_hosts());
        stats.set_retries(queue.retries());
        for host in paused.iter().filter(|host| !known.contains(*host)) {
            accounts.count_pause(host);
            tracing::info!("{host}: paused for a minute after consecutive failures");
        }
        known = paused;
        held_back += 1;
        if !queue.is_held_back() {
            held_back = 0;
        }
        if held_back == HELD_BACK {
            tracing::warn!(
                "this run is limited by the number of concurrent links per host: raise it with `--per-host`"
            );
        }
    }
}

/// Writes the pages from time to time, so that there is something to look at, whatever happens to the run.
pub(super) async fn write_pages(accounts: Arc<Accounts>) {
    loop {
        tokio::time::sleep(PAGE).await;
        let accounts = Arc::clone(&accounts);
        let _ = tokio::task::spawn_blocking(move || accounts.write_pages()).await;
    }
}

/// Writes the journal to the bucket from time to time.
pub(super) async fn ship(segments: Arc<Segments>) {
    loop {
        tokio::time::sleep(SHIPPING).await;
        if let Err(why) = segments.ship().await {
            tracing::warn!("{}", not_shipped(&why));
        }
    }
}

/// Writes the rest of the journal to the bucket.
pub(super) async fn ship_rest(segments: &Segments) {
    match tokio::time::timeout(LAST_SHIPPING, segments.ship()).await {
        Ok(Ok(())) => {}
        Ok(Err(why)) => tracing::warn!("{}", not_shipped(&why)),
        Err(_) => tracing::warn!("{}", not_shipped(&"writing it took too long")),
    }
}

fn not_shipped(why: &impl Display) -> String {
    format!(
        "the journal is only in the state folder: {why}; a run with the same `--state` writes it to the bucket"
    )
}
