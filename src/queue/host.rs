//! One host: its waiting links, and when the next one may start.
//!
//! Two parts decide that: the [`Breaker`] whether requests are allowed at all, the [`Pace`] how often. Retries wait here,
//! too. Once due, they go before untried links, except during a last chance, which prefers untried ones.
//!
//! Pure: callers pass the time, and it never reads a clock.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::breaker::{Breaker, GiveUp, LAST_CHANCE, SILENT};
use super::heard::Heard;
use super::pace::{Pace, Told};
use super::policy::HostPolicy;
use super::schedule::HasHost;
use crate::outcome::Status;

/// A link that has something else to try does not wait for a longer pause of a host.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// What the end of an attempt says about its host. The text is the message of the failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Feedback {
    /// The host works.
    Good,
    /// Nothing about the host.
    Neutral,
    /// The host does not respond.
    Unreachable(Arc<str>),
    /// The host responds with server errors.
    ServerError(Arc<str>),
    /// The host is throttled, and its `Retry-After` is longer than the longest pause of a retry.
    RetryAfterTooLong(Arc<str>),
    /// The host is throttled, and needs this pause.
    Throttled(Duration, Arc<str>),
    /// The host seems to send all links the same, and needs this pause.
    Blocked(Duration),
    /// That is settled: it works, or gets no more requests.
    Released,
    /// The host name has no address.
    NoAddress(Arc<str>),
    /// The host name could not be looked up.
    Unresolved(Arc<str>),
}

#[derive(Debug)]
pub(super) struct Host<J> {
    /// The policy's limit of concurrent links; 0 is no limit.
    pub(super) limit: u32,
    pub(super) running: u32,
    pub(super) breaker: Breaker,
    /// Untried links.
    pub(super) jobs: VecDeque<J>,
    /// Retries by due time. The number keeps those due at the same time apart.
    pub(super) retries: BTreeMap<(Instant, u64), J>,
    /// How many of its waiting links have been redirected to it.
    pub(super) redirected: usize,
    /// Whether a link of it has succeeded.
    pub(super) has_worked: bool,
    /// Whether it seems to send all links the same. Then one link at a time probes whether it has something else, preferably
    /// one that is untried and far from the last one in the list: links side by side often share their fate.
    is_suspected: bool,
    /// Why it is down, for links that have something else to try. Such hosts are few, and kept.
    down: Option<GiveUp>,
    pace: Pace,
}

impl<J: HasHost> Host<J> {
    pub(super) fn new(policy: HostPolicy, now: Instant) -> Self {
        Self {
            limit: policy.per_host,
            running: 0,
            breaker: Breaker::Closed { failures: 0 },
            jobs: VecDeque::new(),
            retries: BTreeMap::new(),
            pace: Pace::new(policy, now),
            redirected: 0,
            has_worked: false,
            is_suspected: false,
            down: None,
        }
    }

    /// Whether there are limits of how often requests start.
    pub(super) fn is_limited(&self) -> bool {
        self.pace.is_limited()
    }

    /// Why `job` should not wait for it: see [`Self::avoided`].
    pub(super) fn is_avoided(&self, job: &J, now: Instant) -> Option<GiveUp> {
        let (reason, files_too) = self.avoided(now)?;
        (job.may_avoid() && (files_too || job.is_question())).then_some(reason)
    }

    /// Why links that have something else to try should not wait for it, and whether those that want files should not either: it is
    /// down, and another link probes it, or it has asked for a long pause, which is worth it for a file, but not for a question.
    fn avoided(&self, now: Instant) -> Option<(GiveUp, bool)> {
        let is_probed = self.running > 0 || self.waiting() > 0;
        let is_down = match self.breaker {
            Breaker::Open { .. } => true,
            Breaker::HalfOpen { .. } => is_probed,
            _ => false,
        };
        if is_down {
            return self.down.clone().map(|reason| (reason, true));
        }
        let pause = self.pace.paused_until().saturating_duration_since(now);
        let reason = || GiveUp {
            message: format!("it asks for a pause of {} s", pause.as_secs()).into(),
            status: Status::RateLimited,
        };
        (pause > LONGEST_PAUSE).then(|| (reason(), false))
    }

    /// Takes the waiting links that should not wait for it.
    pub(super) fn take_avoiding(&mut self, now: Instant) -> Vec<J> {
        let Some((_, files_too)) = self.avoided(now).filter(|_| self.waiting() > 0) else {
            return Vec::new();
        };
        let leaves = |job: &J| job.may_avoid() && (files_too || job.is_question());
        let (leaving, jobs): (VecDeque<_>, _) =
            std::mem::take(&mut self.jobs).into_iter().partition(leaves);
        let mut taken = Vec::from(leaving);
        let retries = std::mem::take(&mut self.retries).into_iter();
        for (due, job) in retries {
            if leaves(&job) {
                taken.push(job);
            } else {
                self.retries.insert(due, job);
            }
        }
        self.jobs = jobs;
        self.redirected -= taken.iter().filter(|job| job.is_redirected()).count();
        taken
    }

    /// Takes what the host has said of its limits.
    pub(super) fn restrict(&mut self, told: Told, now: Instant) {
        self.limit = self.pace.restrict(told, now);
    }

    /// The number of waiting links, retries included.
    pub(super) fn waiting(&self) -> usize {
        self.jobs.len() + self.retries.len()
    }

    /// Whether its breaker is open while links wait.
    pub(super) fn is_open(&self) -> bool {
        self.waiting() > 0 && matches!(self.breaker, Breaker::Open { .. })
    }

    /// Whether it waits because of what it has answered, and not only because of the policy.
    pub(super) fn is_paused(&self) -> bool {
        self.is_open() || self.pace.is_throttled()
    }

    /// Whether no link needs it, and a new `Host` with the same breaker would behave the same.
    pub(super) fn is_idle(&self, now: Instant) -> bool {
        let is_unused = self.running == 0 && self.waiting() == 0;
        is_unused && self.down.is_none() && self.pace.is_fresh(now)
    }

    /// Whether only the policy's limit of concurrent links holds its links back.
    pub(super) fn is_held_back(&self, now: Instant) -> bool {
        let at_limit = self.limit > 0 && self.running >= self.limit;
        at_limit && !self.jobs.is_empty() && self.pace.earliest(now) <= now
    }

    /// When the next link may start; `None` if no link waits or enough are running.
    pub(super) fn next_start(&mut self, now: Instant) -> Option<Instant> {
        self.breaker.wake(now);
        if let Breaker::Open { until, .. } = self.breaker {
            return (self.waiting() > 0).then_some(until);
        }
        if self.running >= self.breaker.limit(self.pace.allowance) {
            return None;
        }
        let is_probing = matches!(self.breaker, Breaker::HalfOpen { .. });
        let ready = match self.retries.keys().next() {
            _ if self.prefers_untried() => now,
            Some((due, _)) if self.jobs.is_empty() || is_probing => *due,
            None if self.jobs.is_empty() => return None,
            _ => now,
        };
        Some(self.pace.earliest(now).max(ready))
    }

    /// Adds a link: an untried one, or a retry that is due at some time, with a number of its own. One that has just been
    /// redirected goes first, because its URL may be valid for a short time only.
    pub(super) fn add(&mut self, job: J, due: Option<(Instant, u64)>) {
        self.redirected += usize::from(job.is_redirected());
        match due {
            None if job.is_redirected() => self.jobs.push_front(job),
            None => self.jobs.push_back(job),
            Some(due) => {
                self.retries.insert(due, job);
            }
        }
    }

    /// Takes the link that is next in turn. What becomes known of its request is `heard`.
    pub(super) fn start(&mut self, heard: Arc<Heard>, now: Instant) -> Option<J> {
        let untried = self.prefers_untried();
        let job = match self.retries.first_entry() {
            Some(retry) if retry.key().0 <= now && !untried => retry.remove(),
            _ if self.is_suspected => self.take_any()?,
            _ => self.jobs.pop_front()?,
        };
        self.redirected -= usize::from(job.is_redirected());
        self.running += 1;
        self.pace.starts(heard, now);
        Some(job)
    }

    /// Records the end of an attempt that began at `started`; `is_last` means that the link has no attempts left, and
    /// `is_optional` that it has something else to try. Returns all waiting links if the host is given up.
    pub(super) fn finish(
        &mut self,
        feedback: Feedback,
        started: Instant,
        (is_last, is_optional): (bool, bool),
        now: Instant,
    ) -> Vec<J> {
        self.running -= 1;
        let is_throttled = matches!(feedback, Feedback::Throttled(..));
        let unhealthy = Status::HostUnhealthy;
        let failure = match feedback {
            Feedback::Neutral => None,
            Feedback::Good | Feedback::Released => {
                if feedback == Feedback::Released {
                    self.pace.release();
                }
                (self.has_worked, self.is_suspected, self.down) = (true, false, None);
                self.breaker.succeeds();
                self.pace.succeeds();
                None
            }
            Feedback::RetryAfterTooLong(message) => {
                let status = Status::RateLimited;
                self.breaker
                    .refuses(GiveUp { message, status }, started, now);
                None
            }
            Feedback::NoAddress(message) if !self.has_worked => {
                self.breaker.has_no_address();
                Some((message, Status::Dns, LAST_CHANCE))
            }
            Feedback::Unresolved(message) => Some((message, Status::Dns, LAST_CHANCE / 8)),
            Feedback::Unreachable(message) | Feedback::NoAddress(message) => {
                Some((message, unhealthy, LAST_CHANCE / 8))
            }
            Feedback::ServerError(message) => Some((message, unhealthy, 1)),
            Feedback::Throttled(pause, message) => {
                self.pace.throttle(pause, started, self.running, now);
                Some((message, unhealthy, 1))
            }
            Feedback::Blocked(pause) => {
                self.is_suspected = true;
                self.pace.hold(pause, now);
                None
            }
        };
        if let Some((message, status, weight)) = failure {
            let reason = GiveUp { message, status };
            if is_optional || is_throttled {
                self.down = (!is_throttled).then(|| reason.clone());
            }
            let step = if is_optional && weight > 1 { SILENT } else { 1 };
            let pause = self.breaker.fails(reason, (weight, step), is_last, now);
            self.pace.pause(pause, now);
        }
        match self.breaker {
            Breaker::GivenUp(_) => self.take(),
            _ => Vec::new(),
        }
    }

    /// Takes all waiting links.
    pub(super) fn take(&mut self) -> Vec<J> {
        self.redirected = 0;
        let retries = std::mem::take(&mut self.retries).into_values();
        retries.chain(std::mem::take(&mut self.jobs)).collect()
    }

    fn prefers_untried(&self) -> bool {
        !self.jobs.is_empty() && (self.is_suspected || self.breaker.prefers_untried())
    }

    /// Takes the last link that was added, or any one: by turns, as their number changes with each.
    fn take_any(&mut self) -> Option<J> {
        let count = self.jobs.len();
        if count < 2 || count.is_multiple_of(2) {
            return self.jobs.pop_back();
        }
        self.jobs.swap_remove_back(fastrand::usize(..count))
    }
}
