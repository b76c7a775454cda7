//! How often links of one host start, and how many run at once.
//!
//! The policy sets the limits. A host that is throttled (429 or 503) gets less than that:
//!
//! - Nothing starts before the requested pause is over.
//! - Half as many links run at once, and one more after every 10 successes.
//! - After at least 5 successes since the last throttling, their rate is what the host accepts: starts then keep their
//!   average distance, the pause included. After fewer, the distance doubles. It is 10 s at most, and shrinks by a tenth
//!   after every 10 successes.
//! - Throttled responses to links that started before the first of them count once.
//!
//! Pure: callers pass the time, and it never reads a clock.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::heard::Heard;
use super::policy::{HostPolicy, Rate};

/// Successes after which a throttled host gets a little more.
const GOOD: u32 = 10;

/// Fewer successes do not tell which rate a host accepts.
const MIN_GOOD: u32 = 5;

/// The longest distance between two starts, from throttling.
const MAX_INTERVAL: Duration = Duration::from_secs(10);

/// How many starts are known at least, for a host that names a rate in its first responses.
const KNOWN: usize = 8;

/// How long a host that no link needs is known to be throttled.
const REMEMBERED: Duration = Duration::from_mins(10);

/// What a host has said of its limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Told {
    /// The highest rate of requests.
    pub rate: Option<Rate>,
    /// How many requests may run at once, at least 1.
    pub at_once: Option<u32>,
    /// The time before the next one.
    pub pause: Option<Duration>,
}

/// The start of a request.
#[derive(Debug)]
struct Start {
    at: Instant,
    heard: Arc<Heard>,
}

impl Start {
    /// When the host has got the request at the latest, as far as that is known `now`.
    fn arrived(&self, now: Instant) -> Instant {
        self.heard.at().unwrap_or(now).max(self.at)
    }
}

/// The pace of one host.
#[derive(Debug)]
pub(super) struct Pace {
    /// How many links may run at once.
    pub(super) allowance: u32,
    policy: HostPolicy,
    not_before: Instant,
    /// The last starts, as many as the rates allow.
    starts: VecDeque<Start>,
    /// The time between two starts, from throttling.
    interval: Duration,
    /// Successes since the last throttling.
    good: u32,
    throttled_at: Option<Instant>,
    /// The rate that the host has named.
    told: Option<Rate>,
    /// When it last said anything of its limits.
    told_at: Option<Instant>,
    /// Whether it is [held](Self::hold).
    is_held: bool,
    /// When `good` was last zero.
    since: Instant,
}

impl Pace {
    pub(super) fn new(policy: HostPolicy, now: Instant) -> Self {
        Self {
            allowance: policy.limit(),
            policy,
            not_before: now,
            starts: VecDeque::new(),
            interval: Duration::ZERO,
            good: 0,
            throttled_at: None,
            told: None,
            told_at: None,
            is_held: false,
            since: now,
        }
    }

    /// When the next link may start.
    pub(super) fn earliest(&self, now: Instant) -> Instant {
        let next = |rate: Rate| {
            let most = rate.starts as usize;
            let last = self.starts.len().checked_sub(most)?;
            // one that started earlier may have arrived later; those before were over when these started
            let first = (last + 1).saturating_sub(most);
            let arrived = self.starts.range(first..=last);
            let arrived = arrived.map(|start| start.arrived(now)).max()?;
            Some(arrived + rate.time)
        };
        let times = self.rates().filter_map(next);
        times.fold(self.not_before, Instant::max)
    }

    /// Delays the next start by `pause`.
    pub(super) fn pause(&mut self, pause: Duration, now: Instant) {
        self.not_before = self.not_before.max(now + pause);
    }

    /// The rates of the policy, and what the host itself has said.
    fn rates(&self) -> impl Iterator<Item = Rate> {
        self.policy.rates.iter().chain(self.told)
    }

    /// Takes what the host has said of its limits, where that is less than those of the policy. Returns how many links may run at
    /// once; 0 is no limit.
    pub(super) fn restrict(&mut self, told: Told, now: Instant) -> u32 {
        self.told_at = Some(now);
        self.told = told.rate.or(self.told);
        if let Some(at_once) = told.at_once {
            let at_once = at_once.min(self.policy.limit());
            self.policy.per_host = at_once;
            self.allowance = self.allowance.min(at_once);
        }
        if let Some(pause) = told.pause {
            self.pause(pause, now);
        }
        self.policy.per_host
    }

    /// Whether there are limits of how often requests start, so that each of them needs its turn.
    pub(super) fn is_limited(&self) -> bool {
        !self.policy.wait.is_zero() || self.rates().next().is_some()
    }

    /// Until when the host has asked for no requests.
    pub(super) fn paused_until(&self) -> Instant {
        self.not_before
    }

    /// Records a start. What becomes known of it is `heard`.
    pub(super) fn starts(&mut self, heard: Arc<Heard>, now: Instant) {
        let mut wait = self.policy.wait.max(self.interval);
        if self.policy.random_wait {
            wait = wait.mul_f64(0.5 + fastrand::f64());
        }
        self.pause(wait, now);
        let most = self.rates().map(|rate| rate.starts as usize).max();
        let most = most.unwrap_or_default().max(KNOWN);
        self.starts.push_back(Start { at: now, heard });
        if self.starts.len() > most {
            self.starts.pop_front();
        }
    }

    /// Records a success.
    pub(super) fn succeeds(&mut self) {
        self.good += 1;
        if self.good.is_multiple_of(GOOD) && self.throttled_at.is_some() {
            self.allowance = self.policy.limit().min(self.allowance.saturating_add(1));
            self.interval = self.interval.mul_f64(0.9);
        }
    }

    /// Records a throttled response to a link that began at `started`, while `running` others are running.
    pub(super) fn throttle(
        &mut self,
        pause: Duration,
        started: Instant,
        running: u32,
        now: Instant,
    ) {
        self.pause(pause, now);
        if self.throttled_at.is_some_and(|last| started <= last) {
            return;
        }
        self.allowance = (self.allowance.min(running + 1) / 2).max(1);
        self.throttled_at = Some(now);
        match self.good {
            // it is still throttled
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

    /// Whether the host has throttled this run, and is not known to have stopped.
    pub(super) fn is_throttled(&self) -> bool {
        self.throttled_at.is_some()
    }

    /// Lets one link at a time start, after a `pause`, as for a host that is throttled.
    pub(super) fn hold(&mut self, pause: Duration, now: Instant) {
        self.pause(pause, now);
        (self.allowance, self.good, self.is_held) = (1, 0, true);
        self.throttled_at = Some(now);
        self.since = self.not_before;
    }

    /// Takes back that it was [held](Self::hold).
    pub(super) fn release(&mut self) {
        if self.is_held {
            self.is_held = false;
            self.allowance = self.policy.limit();
        }
    }

    /// Whether a new `Pace` would behave the same, or may do so because the host has not been throttled for long.
    pub(super) fn is_fresh(&self, now: Instant) -> bool {
        let last_start = self.starts.back();
        let longest = self.rates().map(|rate| rate.time).max();
        let last_start = last_start.zip(longest);
        let forgotten = |throttled: Instant| throttled + REMEMBERED <= now;
        self.throttled_at.is_none_or(forgotten)
            && self.earliest(now) <= now
            && self.told_at.is_none_or(forgotten)
            && last_start.is_none_or(|(last, time)| last.arrived(now) + time <= now)
    }
}
