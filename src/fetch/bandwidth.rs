//! The bytes a second that all transfers of a run share.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// So much may come at once after a quiet time: enough for smoothness, too little to be seen.
const BURST: Duration = Duration::from_millis(50);

/// A line that bytes stand in: each piece takes its time, and the next one comes after it.
#[derive(Debug)]
pub(super) struct Bandwidth {
    bytes_a_second: u64,
    free_at: Mutex<Instant>,
}

impl Bandwidth {
    pub(super) fn new(bytes_a_second: u64) -> Self {
        Self {
            bytes_a_second: bytes_a_second.max(1),
            free_at: Mutex::new(Instant::now()),
        }
    }

    /// Takes room for `bytes` that have come; before more is read, so long a pause is due.
    pub(super) fn take(&self, bytes: u64) -> Duration {
        let now = Instant::now();
        let mut free_at = self.free_at.lock();
        let begin = now
            .checked_sub(BURST)
            .map_or(*free_at, |earliest| earliest.max(*free_at));
        #[expect(clippy::cast_precision_loss, reason = "a share of a second")]
        let time = Duration::from_secs_f64(bytes as f64 / self.bytes_a_second as f64);
        *free_at = begin + time;
        free_at.saturating_duration_since(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_much_waits() {
        let bandwidth = Bandwidth::new(1000);
        let waits: Vec<_> = (0..10).map(|_| bandwidth.take(500)).collect();
        assert!(waits.is_sorted());
        let last = waits[9].as_secs_f64();
        assert!((4.9..=5.0).contains(&last), "{last}");
    }
}
