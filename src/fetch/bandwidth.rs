//! The bandwidth that all transfers of a run share.
//!
//! A single-server queue: each chunk occupies the line for as long as it takes at the given rate, after all chunks before it.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// How much idle time is credited to later chunks: long enough for smooth transfers, too short to exceed the rate visibly.
const BURST: Duration = Duration::from_millis(50);

/// A rate limit.
#[derive(Debug)]
pub(super) struct Bandwidth {
    bytes_per_second: u64,
    free_at: Mutex<Instant>,
}

impl Bandwidth {
    pub(super) fn new(bytes_per_second: u64) -> Self {
        Self {
            bytes_per_second: bytes_per_second.max(1),
            free_at: Mutex::new(Instant::now()),
        }
    }

    /// Accounts for `bytes` received. Returns how long to pause before reading more.
    pub(super) fn take(&self, bytes: u64) -> Duration {
        let now = Instant::now();
        let mut free_at = self.free_at.lock();
        let earliest = now.checked_sub(BURST).unwrap_or(*free_at);
        let start = earliest.max(*free_at);
        #[expect(clippy::cast_precision_loss, reason = "a fraction of a second")]
        let time = Duration::from_secs_f64(bytes as f64 / self.bytes_per_second as f64);
        *free_at = start + time;
        free_at.saturating_duration_since(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transfers_above_the_rate_are_delayed() {
        let bandwidth = Bandwidth::new(1000);
        let waits: Vec<_> = (0..10).map(|_| bandwidth.take(500)).collect();
        assert!(waits.is_sorted());
        let last = waits[9].as_secs_f64();
        assert!((4.9..=5.0).contains(&last), "{last}");
    }
}
