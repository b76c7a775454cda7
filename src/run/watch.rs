//! What is told of a run while it is under way.

use std::sync::Arc;
use std::time::Duration;

use super::Run;
use crate::log;
use crate::plan::Job;
use crate::queue::Queue;
use crate::system::signals::StatusSignals;

/// After so many seconds, a run that is held back says so.
const HELD_BACK: u32 = 20;

impl Run {
    /// Tells how far the run is whenever a signal asks for that, as long as it runs.
    pub(super) async fn tell_when(self: Arc<Self>, mut asked: StatusSignals) {
        loop {
            asked.next().await;
            log::say(&self.progress.state());
        }
    }

    /// Tells of what holds the run back, as long as it runs.
    pub(super) async fn watch(self: Arc<Self>, queue: Arc<Queue<Job>>) {
        let (mut held_back, mut known) = (0, Vec::new());
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let resting = queue.open_hosts();
            self.stats.set_resting_hosts(resting.len());
            self.stats.set_waiting_again(queue.retries());
            for host in resting.iter().filter(|host| !known.contains(*host)) {
                tracing::info!("{host}: failures in a row: it is left alone for a minute");
            }
            known = resting;
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
}
