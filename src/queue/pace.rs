//! How often one host is asked, and by how many links at once.
//!
//! The policy says what is allowed; a host that answers 429 or 503 (throttling) is asked less than that:
//!
//! - Nothing is started before the pause that it asks for is over.
//! - Half as many links run at once, and one more again after every 10 good answers.
//! - If at least 5 good answers came since the last time, the host has told its rate: starts keep the distance that these
//!   answers had on the average, the pause included. With fewer, the distance doubles. It is 10 s at most, and a tenth less
//!   after every 10 good answers.
//! - Several such answers to links that had been started before the first of them count once.
//!
//! Pure: it is told the time and never looks at a clock.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::policy::HostPolicy;

/// After so many good answers in a row, a host that has throttled us is asked a little more.
const GOOD: u32 = 10;

/// Fewer good answers say nothing about the rate of a host.
const MIN_GOOD: u32 = 5;

/// The longest distance between two starts that a host can teach us.
const MAX_INTERVAL: Duration = Duration::from_secs(10);

/// The pace of one host.
#[derive(Debug)]
pub(super) struct Pace {
    policy: HostPolicy,
    not_before: Instant,
    /// The last starts, as many as the rate of the policy allows.
    starts: VecDeque<Instant>,
    /// So many links at once.
    allowance: u32,
    /// The time between two starts that the host has taught us.
    interval: Duration,
    /// Good answers since it last throttled us.
    good: u32,
    throttled_at: Option<Instant>,
    /// Since when the good answers are counted.
    since: Instant,
}

impl Pace {
    pub(super) fn new(policy: HostPolicy, now: Instant) -> Self {
        Self {
            policy,
            not_before: now,
            starts: VecDeque::new(),
            allowance: if policy.per_host == 0 {
                u32::MAX
            } else {
                policy.per_host
            },
            interval: Duration::ZERO,
            good: 0,
            throttled_at: None,
            since: now,
        }
    }

    pub(super) fn allowance(&self) -> u32 {
        self.allowance
    }

    /// When the next link may start.
    pub(super) fn earliest(&self) -> Instant {
        let by_rate = self.policy.rate.and_then(|rate| {
            let full = self.starts.len() >= rate.starts as usize;
            full.then(|| self.starts[0] + rate.time)
        });
        by_rate.map_or(self.not_before, |time| time.max(self.not_before))
    }

    /// Nothing is to be started for so long.
    pub(super) fn pause(&mut self, pause: Duration, now: Instant) {
        self.not_before = self.not_before.max(now + pause);
    }

    pub(super) fn starts(&mut self, now: Instant) {
        let wait = self.policy.wait.max(self.interval);
        let spread = if self.policy.random_wait {
            0.5 + fastrand::f64()
        } else {
            1.0
        };
        self.pause(wait.mul_f64(spread), now);
        if let Some(rate) = self.policy.rate {
            self.starts.push_back(now);
            while self.starts.len() > rate.starts as usize {
                self.starts.pop_front();
            }
        }
    }

    pub(super) fn succeeds(&mut self) {
        self.good += 1;
        if self.good.is_multiple_of(GOOD) && self.throttled_at.is_some() {
            self.allowance = self.allowance.saturating_add(1);
            if self.policy.per_host > 0 {
                self.allowance = self.allowance.min(self.policy.per_host);
            }
            self.interval = self.interval.mul_f64(0.9);
        }
    }

    /// Takes the answer to a link that was started at `started`, and asks for so long a pause, while `running` others are
    /// under way.
    pub(super) fn throttle(
        &mut self,
        pause: Duration,
        started: Instant,
        running: u32,
        now: Instant,
    ) {
        self.pause(pause, now);
        if self
            .throttled_at
            .is_some_and(|throttled| started <= throttled)
        {
            return;
        }
        self.allowance = (self.allowance.min(running + 1) / 2).max(1);
        self.throttled_at = Some(now);
        match self.good {
            // it still throttles
            0 => return,
            1..MIN_GOOD => self.interval *= 2,
            good => {
                let since = now.saturating_duration_since(self.since) + pause;
                self.interval = self.interval.max(since / good);
            }
        }
        self.interval = self.interval.min(MAX_INTERVAL);
        self.good = 0;
        self.since = self.not_before;
    }

    /// Whether it has learnt nothing that would be missed, and holds nothing back.
    pub(super) fn is_fresh(&self, now: Instant) -> bool {
        self.throttled_at.is_none()
            && self.earliest() <= now
            && self.policy.rate.is_none_or(|rate| {
                let last = self.starts.back();
                last.is_none_or(|last| *last + rate.time <= now)
            })
    }
}
