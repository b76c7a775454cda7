//! Background tasks that report on a run while it is under way.

use std::sync::Arc;
use std::time::Duration;

use crate::log;
use crate::plan::Job;
use crate::progress::StatusLine;
use crate::queue::Queue;
use crate::stats::Stats;
use crate::system::signals::StatusSignals;

/// The seconds after which a run that is limited by `--per-host` says so.
const HELD_BACK: u32 = 20;

/// Prints the progress of the run at each status signal.
pub(super) async fn print_status(mut signals: StatusSignals, status_line: Arc<StatusLine>) {
    loop {
        signals.next().await;
        log::print_line(&status_line.with_transfers());
    }
}

/// Keeps track of whether links wait for workers, which transfers that make hardly any progress must not hold up.
pub(super) async fn watch_waiting(queue: Arc<Queue<Job>>, stats: Arc<Stats>) {
    loop {
        tokio::time::sleep(Duration::from_millis(100)).await;
        stats.set_links_wait(queue.waits_for_workers());
    }
}

/// Updates the stats of the queue once per second, and reports paused hosts and a run that is limited by `--per-host`.
pub(super) async fn watch_queue(queue: Arc<Queue<Job>>, stats: Arc<Stats>) {
    let (mut held_back, mut known) = (0, Vec::new());
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let paused = queue.open_hosts();
        stats.set_paused_hosts(paused.len());
        stats.set_retries(queue.retries());
        for host in paused.iter().filter(|host| !known.contains(*host)) {
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
