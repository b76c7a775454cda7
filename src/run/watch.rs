//! What is told of a run while it is under way.

use std::sync::Arc;
use std::time::Duration;

use crate::log;
use crate::plan::Job;
use crate::progress::Progress;
use crate::queue::Queue;
use crate::stats::Stats;
use crate::system::signals::StatusSignals;

/// After so many seconds, a run that is held back says so.
const HELD_BACK: u32 = 20;

/// Tells how far the run is whenever a signal asks for that.
pub(super) async fn tell_at(mut signals: StatusSignals, progress: Arc<Progress>) {
    loop {
        signals.next().await;
        log::say(&progress.state());
    }
}

/// Tells what holds the run back.
pub(super) async fn watch(queue: Arc<Queue<Job>>, stats: Arc<Stats>) {
    let (mut held_back, mut known) = (0, Vec::new());
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let paused = queue.open_hosts();
        stats.set_paused_hosts(paused.len());
        stats.set_retries(queue.retries());
        for host in paused.iter().filter(|host| !known.contains(*host)) {
            tracing::info!("{host}: paused for a minute after failures in a row");
        }
        known = paused;
        held_back = if queue.is_held_back() {
            held_back + 1
        } else {
            0
        };
        if held_back == HELD_BACK {
            tracing::warn!(
                "the limit of links at once to one host holds this run back: `--per-host` raises it"
            );
        }
    }
}
