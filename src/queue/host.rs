//! One host: its links that wait, and when the next one may start.
//!
//! Two things decide about that: the [`Breaker`] whether the host is asked at all, the [`Pace`] how often. A link that is to
//! be tried again waits here, too, and comes before those that have not been tried once its pause is over; only a last
//! chance goes to others first.
//!
//! Pure: it is told the time and never looks at a clock.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::breaker::{Breaker, GiveUp, LAST_CHANCE};
use super::pace::Pace;
use super::policy::HostPolicy;
use crate::outcome::Status;

/// What the end of an attempt says about its host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Feedback {
    /// It works.
    Good,
    /// Nothing.
    Neutral,
    /// It does not answer, and this is how.
    Unreachable(Arc<str>),
    /// It answers, and does not work.
    ServerError(Arc<str>),
    /// It throttles, and asks for a longer pause than anybody will wait.
    RetryAfterTooLong(Arc<str>),
    /// It throttles, and asks for so long a pause.
    Throttled(Duration, Arc<str>),
    /// Its name has no address.
    NoAddress(Arc<str>),
}

/// When a host may be asked next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// Nothing to ask it, or enough under way.
    None,
    /// Now.
    Now,
    /// Then.
    At(Instant),
}

#[derive(Debug)]
pub(super) struct Host<J> {
    /// How many links may be under way at once; 0 is no limit.
    pub(super) limit: u32,
    pub(super) running: u32,
    jobs: VecDeque<J>,
    /// Links that are to be tried again, by the time when.
    retries: BTreeMap<(Instant, u64), J>,
    breaker: Breaker,
    pace: Pace,
    has_worked: bool,
}

impl<J> Host<J> {
    pub(super) fn new(policy: HostPolicy, now: Instant) -> Self {
        Self {
            limit: policy.per_host,
            running: 0,
            jobs: VecDeque::new(),
            retries: BTreeMap::new(),
            breaker: Breaker::Closed { failures: 0 },
            pace: Pace::new(policy, now),
            has_worked: false,
        }
    }

    pub(super) fn push(&mut self, job: J) {
        self.jobs.push_back(job);
    }

    pub(super) fn push_retry(&mut self, due: Instant, number: u64, job: J) {
        self.retries.insert((due, number), job);
    }

    pub(super) fn waiting(&self) -> usize {
        self.jobs.len() + self.retries.len()
    }

    pub(super) fn retries(&self) -> usize {
        self.retries.len()
    }

    pub(super) fn given_up(&self) -> Option<&GiveUp> {
        self.breaker.given_up()
    }

    /// Whether its breaker is open although links wait for it.
    pub(super) fn is_open(&self) -> bool {
        self.waiting() > 0 && matches!(self.breaker, Breaker::Open { .. })
    }

    /// Whether it has nothing that would be missed if it were forgotten.
    pub(super) fn is_forgettable(&self, now: Instant) -> bool {
        self.running == 0
            && self.waiting() == 0
            && self.breaker == Breaker::Closed { failures: 0 }
            && self.pace.is_fresh(now)
    }

    /// Whether it is only its limit of links at once that holds its links back.
    pub(super) fn is_held_back(&self, now: Instant) -> bool {
        self.limit > 0
            && self.running >= self.limit
            && !self.jobs.is_empty()
            && self.pace.earliest() <= now
    }

    pub(super) fn turn(&self, now: Instant) -> Turn {
        if let Breaker::Open { until, .. } = self.breaker
            && self.waiting() > 0
        {
            return Turn::At(until);
        }
        if self.running >= self.breaker.limit(self.pace.allowance()) {
            return Turn::None;
        }
        let is_probing = matches!(self.breaker, Breaker::HalfOpen { .. });
        let ready = match self.retries.keys().next() {
            _ if self.prefers_untried() => now,
            Some((due, _)) if self.jobs.is_empty() || is_probing => *due,
            None if self.jobs.is_empty() => return Turn::None,
            _ => now,
        };
        let earliest = self.pace.earliest().max(ready);
        if earliest <= now {
            Turn::Now
        } else {
            Turn::At(earliest)
        }
    }

    /// Takes the link whose turn it is.
    pub(super) fn start(&mut self, now: Instant) -> Option<J> {
        let untried = self.prefers_untried();
        let due = self.retries.first_entry();
        let due = due.filter(|entry| entry.key().0 <= now && !untried);
        let job = match due {
            Some(entry) => entry.remove(),
            None => self.jobs.pop_front()?,
        };
        self.running += 1;
        self.pace.starts(now);
        Some(job)
    }

    /// Hears what has become of a link that was started at `started`; `is_last` says that the link will not be tried again.
    /// Once the host is given up, its links are given back.
    pub(super) fn finish(
        &mut self,
        feedback: Feedback,
        started: Instant,
        is_last: bool,
        now: Instant,
    ) -> Vec<J> {
        self.running -= 1;
        match feedback {
            Feedback::Neutral => {}
            Feedback::Good => {
                self.has_worked = true;
                self.breaker.succeeds();
                self.pace.succeeds();
            }
            Feedback::NoAddress(message) if !self.has_worked => {
                self.breaker.has_no_address();
                let reason = GiveUp::new(message, Status::Dns);
                self.fails(reason, LAST_CHANCE, is_last, now);
            }
            Feedback::Unreachable(message) | Feedback::NoAddress(message) => {
                let reason = GiveUp::new(message, Status::HostUnhealthy);
                self.fails(reason, LAST_CHANCE / 8, is_last, now);
            }
            Feedback::ServerError(message) => {
                let reason = GiveUp::new(message, Status::HostUnhealthy);
                self.fails(reason, 1, is_last, now);
            }
            Feedback::Throttled(pause, message) => {
                self.pace.throttle(pause, started, self.running, now);
                let reason = GiveUp::new(message, Status::HostUnhealthy);
                self.fails(reason, 1, is_last, now);
            }
            Feedback::RetryAfterTooLong(message) => {
                let reason = GiveUp::new(message, Status::RateLimited);
                self.breaker = Breaker::GivenUp(reason);
            }
        }
        if self.given_up().is_some() {
            self.take()
        } else {
            Vec::new()
        }
    }

    fn fails(&mut self, reason: GiveUp, weight: u32, is_last: bool, now: Instant) {
        let pause = self.breaker.fails(reason, weight, is_last, now);
        self.pace.pause(pause, now);
    }

    /// Takes all links away.
    pub(super) fn take(&mut self) -> Vec<J> {
        let retries = std::mem::take(&mut self.retries).into_values();
        retries.chain(std::mem::take(&mut self.jobs)).collect()
    }

    /// Ends the time for which its breaker is open because there is nothing else to do.
    pub(super) fn probe_now(&mut self) {
        self.breaker.probe_now();
    }

    /// Lets it be probed if its breaker has been open for long enough.
    pub(super) fn wake(&mut self, now: Instant) {
        self.breaker.wake(now);
    }

    fn prefers_untried(&self) -> bool {
        !self.jobs.is_empty() && self.breaker.prefers_untried()
    }
}
