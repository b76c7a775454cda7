//! One host: its links that wait, and what its answers say about how it wants to be asked.
//!
//! Pure: it is told the time and never looks at a clock.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::policy::Limits;
use crate::outcome::{Failure, Status};

/// After so many failures in a row that speak of the host, it is given a rest.
const FAILURES: u32 = 8;

/// How long a rest is.
const REST: Duration = Duration::from_mins(1);

/// After so many rests in a row, a host is given up.
const RESTS: u32 = 3;

/// After so many good answers in a row, a host that is asked slowly is asked a little faster.
const GOOD: u32 = 10;

/// Failures of this weight use up a last chance: one without an answer weighs eight times as much as one with an answer.
const LAST_CHANCE: u32 = 64;

/// The time between two tries of a host that does not answer and has its last chance.
const BETWEEN_TRIES: Duration = Duration::from_millis(250);

/// However busy a host is, it is not asked less often.
const SLOWEST_PACE: Duration = Duration::from_secs(10);

/// Fewer good answers say nothing about how many a host gives in a time.
const FEW: u32 = 5;

/// What an answer says about its host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Feedback {
    /// It works.
    Good,
    /// Nothing.
    Neutral,
    /// It does not work, and this is how.
    Bad(Arc<str>),
    /// It answers, and does not work.
    Broken(Arc<str>),
    /// It asks for a longer pause than anybody will wait.
    Away(Arc<str>),
    /// It asks for so long a pause.
    Busy(Duration, Arc<str>),
    /// Its name leads nowhere.
    NoAddress(Arc<str>),
}

/// Why all links of a host are given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// What its last failure was.
    pub message: Arc<str>,
    /// The word for it.
    pub status: Status,
}

impl Verdict {
    /// The failure of a link that nobody asked for, because of this.
    #[must_use]
    pub fn failure(&self) -> Failure {
        let message = if self.status == Status::Dns {
            self.message.trim_start_matches("dns: ").to_owned()
        } else {
            format!("not asked for, after others of its host: {}", self.message)
        };
        Failure::new(self.status, message)
    }
}

/// The state of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Health {
    /// It works, or nobody has asked it yet; so many failures in a row.
    Fine { failures: u32 },
    /// It is left alone until then, for the so-and-so-many-th time.
    Resting { until: Instant, rests: u32 },
    /// It has had its rest, or there is nothing else to do, and one link at a time tries it. In the latter case, it is its
    /// last chance, and failures so far weigh so much.
    Probing {
        rests: u32,
        last_chance: Option<u32>,
    },
    /// It is given up.
    Dead(Verdict),
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
    pub(super) limits: Limits,
    pub(super) running: u32,
    jobs: VecDeque<J>,
    /// Links that are to be tried again, by the time when.
    again: BTreeMap<(Instant, u64), J>,
    health: Health,
    not_before: Instant,
    /// The last starts, as many as the rate allows.
    starts: VecDeque<Instant>,
    /// So many at once; less than the limit when the host has said that it is too much.
    allowance: u32,
    /// The time between two starts that the host has taught us.
    pace: Duration,
    good: u32,
    has_worked: bool,
    busy_at: Option<Instant>,
    paced_since: Instant,
}

impl<J> Host<J> {
    pub(super) fn new(limits: Limits, now: Instant) -> Self {
        Self {
            limits,
            running: 0,
            jobs: VecDeque::new(),
            again: BTreeMap::new(),
            health: Health::Fine { failures: 0 },
            not_before: now,
            starts: VecDeque::new(),
            allowance: if limits.per_host == 0 {
                u32::MAX
            } else {
                limits.per_host
            },
            pace: Duration::ZERO,
            good: 0,
            has_worked: false,
            busy_at: None,
            paced_since: now,
        }
    }

    pub(super) fn push(&mut self, job: J) {
        self.jobs.push_back(job);
    }

    pub(super) fn push_again(&mut self, due: Instant, number: u64, job: J) {
        self.again.insert((due, number), job);
    }

    pub(super) fn waiting(&self) -> usize {
        self.jobs.len() + self.again.len()
    }

    pub(super) fn waiting_again(&self) -> usize {
        self.again.len()
    }

    pub(super) fn verdict(&self) -> Option<&Verdict> {
        if let Health::Dead(verdict) = &self.health {
            Some(verdict)
        } else {
            None
        }
    }

    /// Whether it is left alone for now, although links wait for it.
    pub(super) fn is_resting(&self) -> bool {
        self.waiting() > 0 && matches!(self.health, Health::Resting { .. })
    }

    /// Whether it has nothing that would be missed if it were forgotten.
    pub(super) fn is_forgettable(&self, now: Instant) -> bool {
        self.running == 0
            && self.waiting() == 0
            && self.health == Health::Fine { failures: 0 }
            && self.busy_at.is_none()
            && self.earliest() <= now
            && self.limits.rate.is_none_or(|rate| {
                self.starts
                    .back()
                    .is_none_or(|last| *last + rate.time <= now)
            })
    }

    /// Whether it is only its limit of links at once that holds its links back.
    pub(super) fn is_held_back(&self, now: Instant) -> bool {
        self.limits.per_host > 0
            && self.running >= self.limits.per_host
            && !self.jobs.is_empty()
            && self.earliest() <= now
    }

    pub(super) fn turn(&self, now: Instant) -> Turn {
        let at_once = match self.health {
            Health::Fine { .. } => self.allowance,
            Health::Probing { .. } => 1,
            Health::Resting { until, .. } if self.waiting() > 0 => return Turn::At(until),
            Health::Resting { .. } | Health::Dead(_) => 0,
        };
        if self.running >= at_once {
            return Turn::None;
        }
        let due = self.again.keys().next().map(|(due, _)| *due);
        let ready = match due {
            _ if self.prefers_untried() => now,
            Some(due) if self.jobs.is_empty() || matches!(self.health, Health::Probing { .. }) => {
                due
            }
            None if self.jobs.is_empty() => return Turn::None,
            _ => now,
        };
        let earliest = self.earliest().max(ready);
        if earliest <= now {
            Turn::Now
        } else {
            Turn::At(earliest)
        }
    }

    /// Takes the link whose turn it is: one that is due again comes before those that have not been tried.
    pub(super) fn start(&mut self, now: Instant) -> Option<J> {
        let untried = self.prefers_untried();
        let due = self
            .again
            .first_entry()
            .filter(|entry| entry.key().0 <= now && !untried);
        let job = match due {
            Some(entry) => entry.remove(),
            None => self.jobs.pop_front()?,
        };
        self.running += 1;
        let wait = self.limits.wait.max(self.pace);
        let spread = if self.limits.random_wait {
            0.5 + fastrand::f64()
        } else {
            1.0
        };
        self.not_before = self.not_before.max(now + wait.mul_f64(spread));
        if let Some(rate) = self.limits.rate {
            self.starts.push_back(now);
            while self.starts.len() > rate.starts as usize {
                self.starts.pop_front();
            }
        }
        Some(job)
    }

    /// Hears what has become of a link that was started at `started`; `last` says that the link will not be tried again.
    /// Once the host is given up, its links are given back.
    pub(super) fn finish(
        &mut self,
        feedback: Feedback,
        started: Instant,
        last: bool,
        now: Instant,
    ) -> Vec<J> {
        self.running -= 1;
        match feedback {
            Feedback::Good => self.works(),
            Feedback::Neutral => {}
            Feedback::Bad(message) => {
                self.fails(message, Status::HostUnhealthy, LAST_CHANCE / 8, last, now);
            }
            Feedback::Broken(message) => self.fails(message, Status::HostUnhealthy, 1, last, now),
            Feedback::Away(message) => {
                self.health = Health::Dead(Verdict {
                    message,
                    status: Status::RateLimited,
                });
            }
            Feedback::NoAddress(message) if self.has_worked => {
                self.fails(message, Status::HostUnhealthy, LAST_CHANCE / 8, last, now);
            }
            Feedback::NoAddress(message) => {
                // one link asks for all of them
                if let Health::Fine { .. } = self.health {
                    self.health = Health::Probing {
                        rests: 0,
                        last_chance: Some(LAST_CHANCE),
                    };
                }
                self.fails(message, Status::Dns, LAST_CHANCE, last, now);
            }
            Feedback::Busy(pause, message) => {
                self.slows_down(pause, started, now);
                self.fails(message, Status::HostUnhealthy, 1, last, now);
            }
        }
        if self.verdict().is_some() {
            self.take()
        } else {
            Vec::new()
        }
    }

    /// Takes all links away.
    pub(super) fn take(&mut self) -> Vec<J> {
        let again = std::mem::take(&mut self.again).into_values();
        again.chain(std::mem::take(&mut self.jobs)).collect()
    }

    /// Ends a rest because there is nothing else to do.
    pub(super) fn try_now(&mut self) {
        if let Health::Resting { rests, .. } = self.health {
            self.health = Health::Probing {
                rests,
                last_chance: Some(0),
            };
        }
    }

    /// Whether the next try goes to a link that has not been tried: one that has may be what does not work.
    fn prefers_untried(&self) -> bool {
        !self.jobs.is_empty()
            && matches!(self.health, Health::Probing { last_chance: Some(weight), .. } if weight < LAST_CHANCE)
    }

    fn works(&mut self) {
        self.has_worked = true;
        if self.verdict().is_none() {
            self.health = Health::Fine { failures: 0 };
        }
        self.good += 1;
        if self.good.is_multiple_of(GOOD) && self.busy_at.is_some() {
            self.allowance = self.allowance.saturating_add(1);
            if self.limits.per_host > 0 {
                self.allowance = self.allowance.min(self.limits.per_host);
            }
            self.pace = self.pace.mul_f64(0.9);
        }
    }

    fn fails(&mut self, message: Arc<str>, status: Status, weight: u32, last: bool, now: Instant) {
        self.health = match self.health {
            Health::Fine { failures } if failures + 1 < FAILURES => Health::Fine {
                failures: failures + 1,
            },
            Health::Fine { .. } => Health::Resting {
                until: now + REST,
                rests: 1,
            },
            Health::Probing {
                rests,
                last_chance: Some(weighed),
            } => {
                let weighed = weighed.saturating_add(weight);
                if last && weighed >= LAST_CHANCE {
                    Health::Dead(Verdict { message, status })
                } else {
                    if weight > 1 {
                        self.not_before = self.not_before.max(now + BETWEEN_TRIES);
                    }
                    Health::Probing {
                        rests,
                        last_chance: Some(weighed),
                    }
                }
            }
            Health::Probing {
                last_chance: None,
                rests,
            } if rests < RESTS => Health::Resting {
                until: now + REST,
                rests: rests + 1,
            },
            Health::Probing {
                last_chance: None, ..
            } => Health::Dead(Verdict { message, status }),
            // one that was started before the rest
            ref other => other.clone(),
        };
    }

    /// Asks less at once and less often. Several answers to one burst say it only once.
    fn slows_down(&mut self, pause: Duration, started: Instant, now: Instant) {
        self.not_before = self.not_before.max(now + pause);
        if self.busy_at.is_some_and(|busy| started <= busy) {
            return;
        }
        self.allowance = (self.allowance.min(self.running + 1) / 2).max(1);
        self.busy_at = Some(now);
        match self.good {
            // it is still busy
            0 => return,
            1..FEW => self.pace *= 2,
            good => {
                let since = now.saturating_duration_since(self.paced_since) + pause;
                self.pace = self.pace.max(since / good);
            }
        }
        self.pace = self.pace.min(SLOWEST_PACE);
        self.good = 0;
        self.paced_since = self.not_before;
    }

    fn earliest(&self) -> Instant {
        let by_rate = self.limits.rate.and_then(|rate| {
            let full = self.starts.len() >= rate.starts as usize;
            full.then(|| self.starts[0] + rate.time)
        });
        by_rate.map_or(self.not_before, |time| time.max(self.not_before))
    }

    /// Wakes up from a rest that is over.
    pub(super) fn wake(&mut self, now: Instant) {
        if let Health::Resting { until, rests } = self.health
            && until <= now
        {
            self.health = Health::Probing {
                rests,
                last_chance: None,
            };
        }
    }
}
