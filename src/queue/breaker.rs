//! The circuit breaker of one host: whether it is asked at all.
//!
//! ```text
//!             8 failures in a row                 1 minute
//!  Closed ─────────────────────────────► Open ─────────────────► HalfOpen
//!    ▲                                    ▲   nothing else to do      │ one link at a time
//!    │ an answer                          │                           │
//!    ├────────────────────────────────────┼───────────────────────────┤
//!    │                                    └───────────────────────────┤ a failure, up to 3 times
//!    │                                                                ▼
//!    └───────────────────────────────────────────────────────── GivenUp: its links fail without being asked for
//! ```
//!
//! - 8 failures open it: as many as links of one host run at once by default, so that a single burst cannot do it while
//!   answers come, too. Only failures that speak of the host count: no connection, no TLS, a timeout, a 5xx, a 429.
//! - It stays open for a minute, the time that most services take to restart, and is half-open then: one link at a time
//!   probes the host. After three such minutes it is given up.
//! - When nothing is left but links of hosts with an open breaker, waiting would only make the run longer. Each of these
//!   hosts gets its last chance at once: probes, 250 ms apart if they get no answer, until failures of a weight of 64 have
//!   come. A failure without an answer weighs 8, one with an answer 1: a host that answers may have some broken links among
//!   good ones, one that does not is down for all of them. And at least one link has to have used up all its attempts, so
//!   that ten links of a dead host end when a single one would.
//! - A name without an address is the same for all links, so one link asks for all of them.
//!
//! Pure: it is told the time and never looks at a clock.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::outcome::{Failure, Status};

/// So many failures in a row open it.
const FAILURES: u32 = 8;

/// How long it stays open.
const OPEN: Duration = Duration::from_mins(1);

/// So often in a row it opens before the host is given up.
const TIMES_OPEN: u32 = 3;

/// The weight of failures that ends a last chance.
pub(super) const LAST_CHANCE: u32 = 64;

/// The time between two probes of a host that does not answer and has its last chance.
const BETWEEN_PROBES: Duration = Duration::from_millis(250);

/// The state of the breaker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Breaker {
    /// The host works, or nobody has asked it yet; so many failures in a row.
    Closed { failures: u32 },
    /// It is not asked before then.
    Open { until: Instant, times: u32 },
    /// One link at a time probes it. With `last_chance`, failures of this weight have come since there is nothing else to do.
    HalfOpen {
        times: u32,
        last_chance: Option<u32>,
    },
    /// It is not asked any more.
    GivenUp(GiveUp),
}

/// Why all links of a host are given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GiveUp {
    /// What its last failure was.
    pub message: Arc<str>,
    /// The status that its links get.
    pub status: Status,
}

impl GiveUp {
    pub(super) fn new(message: Arc<str>, status: Status) -> Self {
        Self { message, status }
    }

    /// The failure of a link that was given up with its host.
    pub fn failure(&self) -> Failure {
        let message = if self.status == Status::Dns {
            self.message.trim_start_matches("dns: ").to_owned()
        } else {
            format!("given up with its host: {}", self.message)
        };
        Failure::new(self.status, message)
    }
}

impl Breaker {
    /// How many links may be under way at once, of the `allowance` that the host has otherwise.
    pub(super) fn limit(&self, allowance: u32) -> u32 {
        match self {
            Self::Closed { .. } => allowance,
            Self::HalfOpen { .. } => 1,
            Self::Open { .. } | Self::GivenUp(_) => 0,
        }
    }

    pub(super) fn given_up(&self) -> Option<&GiveUp> {
        match self {
            Self::GivenUp(reason) => Some(reason),
            _ => None,
        }
    }

    pub(super) fn succeeds(&mut self) {
        if self.given_up().is_none() {
            *self = Self::Closed { failures: 0 };
        }
    }

    /// Takes a failure of this weight in a last chance; tells how long to wait before the next probe. `is_last` says that its
    /// link will not be tried again.
    pub(super) fn fails(
        &mut self,
        reason: GiveUp,
        weight: u32,
        is_last: bool,
        now: Instant,
    ) -> Duration {
        let open = |times| Self::Open {
            until: now + OPEN,
            times,
        };
        let (next, pause) = match *self {
            Self::Closed { failures } if failures + 1 < FAILURES => {
                let failures = failures + 1;
                (Self::Closed { failures }, Duration::ZERO)
            }
            Self::Closed { .. } => (open(1), Duration::ZERO),
            Self::HalfOpen {
                times,
                last_chance: Some(weighed),
            } => {
                let weighed = weighed.saturating_add(weight);
                if is_last && weighed >= LAST_CHANCE {
                    (Self::GivenUp(reason), Duration::ZERO)
                } else {
                    let last_chance = Some(weighed);
                    let pause = if weight > 1 {
                        BETWEEN_PROBES
                    } else {
                        Duration::ZERO
                    };
                    (Self::HalfOpen { times, last_chance }, pause)
                }
            }
            Self::HalfOpen { times, .. } if times < TIMES_OPEN => (open(times + 1), Duration::ZERO),
            Self::HalfOpen { .. } => (Self::GivenUp(reason), Duration::ZERO),
            // of a link that was started before it opened
            Self::Open { .. } | Self::GivenUp(_) => return Duration::ZERO,
        };
        *self = next;
        pause
    }

    /// The name of the host has no address: the next failure of a link that is not tried again is the last word.
    pub(super) fn has_no_address(&mut self) {
        if let Self::Closed { .. } = self {
            *self = Self::HalfOpen {
                times: 0,
                last_chance: Some(LAST_CHANCE),
            };
        }
    }

    /// Lets it be probed if it has been open for long enough.
    pub(super) fn wake(&mut self, now: Instant) {
        if let Self::Open { until, times } = *self
            && until <= now
        {
            let last_chance = None;
            *self = Self::HalfOpen { times, last_chance };
        }
    }

    /// Gives an open one its last chance at once, because there is nothing else to do.
    pub(super) fn probe_now(&mut self) {
        if let Self::Open { times, .. } = *self {
            let last_chance = Some(0);
            *self = Self::HalfOpen { times, last_chance };
        }
    }

    /// Whether the next probe is to be a link that has not been tried: one that has may be what does not work.
    pub(super) fn prefers_untried(&self) -> bool {
        matches!(self, Self::HalfOpen { last_chance: Some(weight), .. } if *weight < LAST_CHANCE)
    }
}
