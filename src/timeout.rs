//! Timeouts of a process that may be stopped.
//!
//! After Ctrl-Z and `fg`, a SIGSTOP, or the sleep of a laptop, all timers whose time has passed meanwhile go off at once, before
//! anybody has read what has arrived. But a server that has answered is not slow. So the time during which the process did
//! not run counts for nothing here: a task calls [`tick`] ten times a second, and when two calls are much further apart, the
//! process was stopped in between.
//!
//! A timer that goes off is set once more if time was lost, so that this costs nothing but the ticks.

use std::pin::pin;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering::Acquire, Ordering::Release};
use std::time::{Duration, Instant};

/// The time between two ticks.
pub(crate) const TICK: Duration = Duration::from_millis(100);

/// When two ticks are further apart than this, the process was stopped, or had so little time that it may as well have been.
const STOPPED: Duration = Duration::from_millis(400);

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The last tick, in nanoseconds since [`START`]; 0 as long as nobody ticks.
static LAST: AtomicU64 = AtomicU64::new(0);

/// For how long the process was stopped until then, in nanoseconds.
static LOST: AtomicU64 = AtomicU64::new(0);

/// Says that the process runs. Only one task does.
pub(crate) fn tick() {
    let now = nanoseconds(Instant::now()).max(1);
    // in this order: whoever sees the tick sees what was lost before it
    LOST.store(lost(now), Release);
    LAST.store(now, Release);
}

fn nanoseconds(at: Instant) -> u64 {
    u64::try_from(at.duration_since(*START).as_nanos()).unwrap_or(u64::MAX)
}

/// For how long the process was stopped until `now`.
fn lost(now: u64) -> u64 {
    let last = LAST.load(Acquire);
    let gap = now.saturating_sub(last);
    let is_stop = last > 0 && Duration::from_nanos(gap) > STOPPED;
    LOST.load(Acquire) + if is_stop { gap } else { 0 }
}

/// A moment from which time is counted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    at: Instant,
    lost: u64,
}

impl Moment {
    /// This moment.
    pub(crate) fn now() -> Self {
        let at = Instant::now();
        let lost = lost(nanoseconds(at));
        Self { at, lost }
    }

    /// The time since then during which the process has run.
    pub(crate) fn elapsed(self) -> Duration {
        let now = Self::now();
        let stopped = Duration::from_nanos(now.lost.saturating_sub(self.lost));
        now.at.duration_since(self.at).saturating_sub(stopped)
    }

    /// Whether the process has been stopped since then.
    pub(crate) fn has_stopped(self) -> bool {
        Self::now().lost > self.lost
    }

    /// All of the time since then.
    pub(crate) fn age(self) -> Duration {
        self.at.elapsed()
    }

    /// When it was.
    pub(crate) fn instant(self) -> Instant {
        self.at
    }

    /// The moment this much later.
    pub(crate) fn later(self, time: Duration) -> Self {
        let at = self.at + time;
        Self { at, ..self }
    }
}

/// The time is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Elapsed;

/// Does `work`, unless that takes longer than `limit`.
pub(crate) async fn timeout<T>(
    limit: Duration,
    work: impl Future<Output = T>,
) -> Result<T, Elapsed> {
    let begun = Moment::now();
    let (mut work, mut left) = (pin!(work), limit);
    loop {
        if let Ok(done) = tokio::time::timeout(left, work.as_mut()).await {
            return Ok(done);
        }
        left = limit.saturating_sub(begun.elapsed());
        if left.is_zero() {
            return Err(Elapsed);
        }
        // what has arrived meanwhile has yet to be read
        left = left.max(TICK);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_without_ticks_does_not_count() {
        // nobody else ticks in unit tests
        tick();
        let (begun, ticked) = (Moment::now(), LAST.load(Acquire));
        let gap = 400_000_001;
        assert_eq!(lost(ticked + gap / 2), begun.lost);
        assert_eq!(lost(ticked + gap), begun.lost + gap);
        LAST.store(0, Release);
        assert_eq!(lost(ticked + gap), begun.lost);
        assert!(!begun.has_stopped());
    }
}
