//! The circuit breaker of one host: whether requests to it are allowed at all.
//!
//! ```text
//!             8 failures in a row                 1 minute
//!  Closed ─────────────────────────────► Open ─────────────────► HalfOpen
//!    ▲                                    ▲    or nothing else to do  │ one link at a time
//!    │ success                            │                           │
//!    ├────────────────────────────────────┼───────────────────────────┤
//!    │                                    └───────────────────────────┤ failure, up to 3 times
//!    │                                                                ▼
//!    └───────────────────────────────────────────────────────── GivenUp: its links fail without a request
//! ```
//!
//! - 8 failures in a row open it. That is the default number of concurrent links per host, so a single burst cannot open it
//!   while other requests succeed. Only failures of the host count: no connection, no TLS, a timeout, a 5xx, a 429.
//! - It stays open for a minute, the time most services take to restart. Then it is half-open: one link at a time probes the
//!   host. After it has opened three times, the host is given up.
//! - When only links of hosts with an open breaker are left, waiting would just prolong the run. Each of these hosts gets a
//!   last chance at once: probes, 250 ms apart if there is no response, until the failures weigh 64. A failure without a
//!   response weighs 8, one with a response 1: a host that responds may have a few broken links among good ones, while one
//!   that does not is down for all of them. In addition, at least one link must have used up all its attempts, so that ten
//!   links of a dead host take no longer than a single one.
//! - A link that is told to wait longer than this run waits (`Retry-After`) ends. The host may mean only that link, so another
//!   one probes it (`Refused`). If that is told the same, the host is given up; any other response closes the breaker.
//! - A name without an address is the same for all links, so one link is looked up on behalf of all of them.
//!
//! Pure: callers pass the time, and it never reads a clock.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::outcome::{Failure, Status};

/// Failures in a row that open the breaker.
const FAILURES: u32 = 8;

/// How many failures one without a response counts as, if the link has something else to try: three of them open the breaker.
/// Each has cost its link all of a timeout, and a source that is skipped costs other links nothing.
pub(super) const SILENT: u32 = 3;

/// How long the breaker stays open.
const OPEN: Duration = Duration::from_mins(1);

/// How many times in a row the breaker opens before the host is given up.
const TIMES_OPEN: u32 = 3;

/// The weight of failures that ends a last chance.
pub(super) const LAST_CHANCE: u32 = 64;

/// The pause between two probes of an unresponsive host during its last chance.
const BETWEEN_PROBES: Duration = Duration::from_millis(250);

/// The state of a circuit breaker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Breaker {
    /// Requests are allowed. Counts the failures in a row.
    Closed { failures: u32 },
    /// No requests until then.
    Open { until: Instant, times: u32 },
    /// One link at a time probes the host. `last_chance` is the weight of the failures since nothing else was left to do.
    HalfOpen {
        times: u32,
        last_chance: Option<u32>,
    },
    /// A link was told to wait for too long. One link at a time probes whether others are told the same from then on.
    Refused { since: Instant },
    /// No more requests in this run.
    GivenUp(GiveUp),
}

/// Why all links of a host are given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GiveUp {
    /// The message of the host's last failure.
    pub message: Arc<str>,
    /// The status of its links.
    pub status: Status,
}

impl GiveUp {
    /// The failure of a link that is given up with its host.
    pub fn failure(&self) -> Failure {
        let message = if self.status == Status::Dns {
            self.message.trim_start_matches("dns: ").to_owned()
        } else {
            format!("given up because its host kept failing: {}", self.message)
        };
        Failure::new(self.status, message)
    }
}

impl Breaker {
    fn half_open(times: u32, last_chance: Option<u32>) -> Self {
        Self::HalfOpen { times, last_chance }
    }

    /// How many links may run at once, given the `allowance` of the host's pace.
    pub(super) fn limit(&self, allowance: u32) -> u32 {
        match self {
            Self::Closed { .. } => allowance,
            Self::HalfOpen { .. } | Self::Refused { .. } => 1,
            Self::Open { .. } | Self::GivenUp(_) => 0,
        }
    }

    /// Records a success, which closes the breaker.
    pub(super) fn succeeds(&mut self) {
        if !matches!(self, Self::GivenUp(_)) {
            *self = Self::Closed { failures: 0 };
        }
    }

    /// Records a failure, and returns the pause before the next probe. `weight` counts in a last chance, and `step`
    /// before the breaker opens; `is_last` means that the link has no attempts left.
    pub(super) fn fails(
        &mut self,
        reason: GiveUp,
        (weight, step): (u32, u32),
        is_last: bool,
        now: Instant,
    ) -> Duration {
        let until = now + OPEN;
        let open = |times| Self::Open { until, times };
        let mut pause = Duration::ZERO;
        *self = match *self {
            Self::Closed { failures } if failures + step < FAILURES => {
                let failures = failures + step;
                Self::Closed { failures }
            }
            Self::Closed { .. } => open(1),
            Self::Refused { .. } => Self::Closed { failures: 1 },
            Self::HalfOpen { times, last_chance } => {
                match last_chance.map(|before| before.saturating_add(weight)) {
                    Some(total) if is_last && total >= LAST_CHANCE => Self::GivenUp(reason),
                    Some(total) => {
                        if weight > 1 {
                            pause = BETWEEN_PROBES;
                        }
                        Self::half_open(times, Some(total))
                    }
                    None if times < TIMES_OPEN => open(times + 1),
                    None => Self::GivenUp(reason),
                }
            }
            // the link started before the breaker opened
            Self::Open { .. } | Self::GivenUp(_) => return pause,
        };
        pause
    }

    /// Records that the host name has no address: the next failure of a link without attempts left gives the host up.
    pub(super) fn has_no_address(&mut self) {
        if let Self::Closed { .. } = self {
            *self = Self::half_open(0, Some(LAST_CHANCE));
        }
    }

    /// Records that a link whose attempt began at `started` was told to wait for too long.
    pub(super) fn refuses(&mut self, reason: GiveUp, started: Instant, now: Instant) {
        *self = match self {
            // it was under way already when another one was told
            Self::Refused { since } if started < *since => return,
            Self::Refused { .. } => Self::GivenUp(reason),
            Self::GivenUp(_) => return,
            _ => Self::Refused { since: now },
        };
    }

    /// Makes the breaker half-open if it has been open for long enough.
    pub(super) fn wake(&mut self, now: Instant) {
        if let Self::Open { until, times } = *self
            && until <= now
        {
            *self = Self::half_open(times, None);
        }
    }

    /// Starts the last chance of an open breaker early, because nothing else is left to do.
    pub(super) fn probe_now(&mut self) {
        if let Self::Open { times, .. } = *self {
            *self = Self::half_open(times, Some(0));
        }
    }

    /// Whether the next probe should be an untried link, because a retry may fail for reasons of its own.
    pub(super) fn prefers_untried(&self) -> bool {
        matches!(self, Self::HalfOpen { last_chance: Some(weight), .. } if *weight < LAST_CHANCE)
    }
}
