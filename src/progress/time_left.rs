//! The time left: what the bytes take that are still to come, where sizes are known, or else the links.
//!
//! It moves towards each new estimate, so that it does not jump, and is never less than the transfer under way that takes
//! longest, or the pause of a host. While all links wait for paused hosts, nothing is learned of the work: what was left of
//! it comes after the pause, and the pause does not count as time that links have taken. Nor does the time during which the
//! process was stopped.

use std::time::{Duration, Instant};

use super::smooth;

/// The time before the first estimate, from when there could be one: the first bytes say little.
const FIRST: Duration = Duration::from_secs(1);

/// The time constant, in seconds.
const STEADY: f64 = 5.0;

/// The time left, as it was shown last.
pub(super) struct TimeLeft {
    started: Instant,
    seen: Instant,
    /// Until when nothing could be said.
    unknown: Instant,
    /// The time of work left in seconds, without pauses.
    work: Option<f64>,
    /// The time during which all links have waited for paused hosts, or the process was stopped.
    idle: Duration,
}

/// What is known of the rest of a run.
pub(super) struct Rest {
    /// How many times as many links are still to come as have been fetched.
    pub(super) links: Option<f64>,
    /// The seconds that the bytes take that are still to come, if that can be said.
    pub(super) bytes: Option<f64>,
    /// What the transfer under way that takes longest will take.
    pub(super) longest: Option<Duration>,
    /// The time before the last paused host comes back.
    pub(super) back: Option<Duration>,
    /// Whether all links wait for paused hosts.
    pub(super) is_idle: bool,
}

impl TimeLeft {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            started: now,
            seen: now,
            unknown: now,
            work: None,
            idle: Duration::ZERO,
        }
    }

    /// The time left `now`.
    pub(super) fn at(&mut self, now: Instant, rest: &Rest) -> Option<Duration> {
        let time = now - self.seen;
        self.seen = now;
        if rest.is_idle {
            self.idle += time;
        }
        let worked = (now - self.started).saturating_sub(self.idle);
        let by_links = rest.links.map(|links| links * worked.as_secs_f64());
        let Some(estimate) = rest.bytes.or(by_links) else {
            self.unknown = now;
            return None;
        };
        if now - self.unknown < FIRST {
            return None;
        }
        let seconds = |time: Option<Duration>| time.unwrap_or_default().as_secs_f64();
        let work = match (self.work, rest.is_idle) {
            (None, _) => estimate,
            (Some(work), true) => work,
            (Some(work), false) => {
                let time = time.as_secs_f64();
                smooth(work - time, estimate, time / STEADY)
            }
        };
        let work = work.max(seconds(rest.longest));
        self.work = Some(work);
        let left = if rest.is_idle {
            work + seconds(rest.back)
        } else {
            work.max(seconds(rest.back))
        };
        // something is left for as long as this is asked
        Duration::try_from_secs_f64(left.ceil().max(1.0)).ok()
    }

    /// Nothing of what has happened until `now` says anything.
    pub(super) fn skip(&mut self, now: Instant) {
        self.idle += now - self.seen;
        (self.seen, self.unknown) = (now, now);
        self.forget();
    }

    /// There is nothing to say at the moment.
    pub(super) fn forget(&mut self) {
        self.work = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_second_is_too_short_for_an_estimate() {
        let start = Instant::now();
        let mut left = TimeLeft::new(start);
        let mut shown = |millis: u64, bytes: Option<f64>| {
            let rest = Rest {
                links: None,
                bytes,
                longest: None,
                back: None,
                is_idle: false,
            };
            let left = left.at(start + Duration::from_millis(millis), &rest);
            left.map(|left| left.as_secs())
        };
        // the server takes its time before it sends anything
        for (millis, bytes) in [(0, None), (2500, None), (2625, Some(300.0))] {
            assert_eq!(shown(millis, bytes), None, "{millis}");
        }
        assert_eq!(shown(3499, Some(100.0)), None);
        // what it was before is forgotten
        assert_eq!(shown(3500, Some(20.0)), Some(20));
        assert_eq!(shown(3625, Some(20.0)), Some(20));
    }

    #[test]
    fn the_time_in_which_the_process_was_stopped_does_not_count() {
        let start = Instant::now();
        let mut left = TimeLeft::new(start);
        let rest = Rest {
            links: Some(3.0),
            bytes: None,
            longest: None,
            back: None,
            is_idle: false,
        };
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(left.at(at(5), &rest), Some(Duration::from_secs(15)));
        left.skip(at(600));
        assert_eq!(left.at(at(600), &rest), None);
        assert_eq!(left.at(at(601), &rest), Some(Duration::from_secs(18)));
    }

    #[test]
    fn a_pause_does_not_make_the_rest_longer() {
        let start = Instant::now();
        let mut left = TimeLeft::new(start);
        // 2 of 20 links per second for 5 s, and then a pause of 30 s
        let mut shown = |tenths: u32| {
            let time = tenths * Duration::from_millis(100);
            let paused = Duration::from_secs(35).saturating_sub(time);
            let fetched = f64::from(tenths.min(50)) / 5.0;
            let is_idle = tenths > 50 && !paused.is_zero();
            let rest = Rest {
                links: Some((20.0 - fetched) / fetched),
                bytes: None,
                longest: None,
                back: is_idle.then_some(paused),
                is_idle,
            };
            left.at(start + time, &rest).map(|left| left.as_secs())
        };
        assert_eq!([10, 30, 50].map(&mut shown), [Some(9), Some(7), Some(5)]);
        let all: Vec<_> = (51..=355).map(&mut shown).collect();
        assert!(all.is_sorted_by(|before, after| before >= after), "{all:?}");
        assert_eq!((all[0], all[304]), (Some(35), Some(5)));
    }
}
