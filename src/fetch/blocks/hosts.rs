//! The hosts that have sent many links the same body, each of their faces for itself. Pure: knows neither transfers nor files.
//!
//! ```text
//!                          a request that began since has another body
//!  Free ──────► Probing ────────────────────────────────────────────────► Checking
//!   ▲  5 links     │  nothing but this body for 64 links,                  │    │
//!   │              │  or for as many retries as there are                  │    │ a link that had the body
//!   │              ▼                                                       │    │ has it again
//!   │           Lasting: the links of the host end as blocked              │    ▼
//!   └──────────────────────────────────────────────────────────────────────┘   Free, and the body is taken
//!                a link that had the body has another one                      for what these links lead to
//! ```

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Instant;

use parking_lot::Mutex;

use super::Known;

/// How many links of a host that are tried for the first time tell that it has nothing else for anybody: if a tenth of its
/// links had other bodies, one in a thousand hosts would be taken for a blocked one. The circuit breaker has the same number.
const MOST_PROBES: u32 = 64;

/// How many hosts are known.
const MOST_HOSTS: usize = 1024;

/// How many bodies of a host are known.
const MOST_BODIES: usize = 8;

/// What is known of hosts.
#[derive(Debug, Default)]
pub(super) struct Hosts {
    hosts: Mutex<HashMap<u64, Host>>,
    /// How many there are.
    count: AtomicUsize,
}

#[derive(Debug)]
struct Host {
    phase: Phase,
    bodies: Vec<Body>,
    /// When the phase began: only a request that began later says something about it.
    since: Instant,
    /// Whether a file that it has sent before has been requested again.
    is_asked: bool,
    /// How many links tried for the first time have had nothing else since the body was found.
    probes: u32,
    /// How many retries have had nothing else.
    retries: u32,
}

impl Host {
    /// Begins to probe whether it has something else.
    fn probe(&mut self) {
        (self.phase, self.since) = (Phase::Probing, Instant::now());
        (self.probes, self.retries, self.is_asked) = (0, 0, false);
    }

    /// Begins to check whether the links that had a body get it again.
    fn check(&mut self) {
        (self.phase, self.since) = (Phase::Checking, Instant::now());
    }

    /// How a request to it begins while the block lasts.
    fn last(&self) -> Start {
        let mut bodies = self.bodies.iter().filter(|body| !body.is_own);
        if bodies.all(|body| body.known.is_challenge) {
            Start::Challenged
        } else {
            Start::Blocked
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Free,
    Probing,
    Checking,
    Lasting,
}

/// A body that many links of a host have had.
#[derive(Debug)]
struct Body {
    known: Known,
    /// Whether it is what these links lead to.
    is_own: bool,
}

/// How a request to a host begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// Like any other.
    Free,
    /// It tells whether the host has something else.
    Probe,
    /// Not at all: the host is blocked.
    Blocked,
    /// The same, as it asks all links whether a person is there.
    Challenged,
    /// Not at all: the link has what it leads to.
    Own,
}

/// What the end of a request says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Attempt {
    /// Nothing: it began before the body was known.
    Early,
    /// That of a link which has not had the body before.
    First,
    /// That of one which has, and when it began.
    Retry(Instant),
}

/// What a known body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Another one.
    Unknown,
    /// What the link leads to, as the host has other bodies for other links.
    Own,
    /// The same, as of now.
    NewlyOwn,
    /// A block, as far as is known.
    Block,
}

/// What is known of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Standing {
    /// Nothing that matters.
    Unknown,
    /// It does not send all links the same, or gets no more requests.
    Settled,
    /// It seems to send all links the same.
    Suspected,
}

impl Hosts {
    /// Whether nothing is known of any host, as is usual.
    pub(super) fn is_empty(&self) -> bool {
        self.count.load(Relaxed) == 0
    }

    /// How a request to `host` begins for a link that has had the body with the hash `held` before, if it has had one. There are
    /// so many `retries`.
    pub(super) fn start(&self, host: u64, held: Option<u64>, retries: u32) -> Start {
        self.with(host, Start::Free, |host| {
            let is_held = host
                .bodies
                .iter()
                .find(|body| Some(body.known.whole) == held);
            match host.phase {
                Phase::Lasting => host.last(),
                _ if is_held.is_some_and(|body| body.is_own && !body.known.is_pdf) => Start::Own,
                Phase::Checking if is_held.is_some() => Start::Probe,
                Phase::Free | Phase::Checking => Start::Free,
                Phase::Probing => {
                    let has_more = host.probes + host.retries < 2 * retries;
                    let has_more = has_more || host.retries < retries;
                    if host.probes < MOST_PROBES && (is_held.is_none() || has_more) {
                        return Start::Probe;
                    }
                    host.phase = Phase::Lasting;
                    host.last()
                }
            }
        })
    }

    /// Whether it is time to ask `host` for a file again that it has sent before. Then, the lengths of the PDFs that it sends
    /// many links. Says so only once for each block.
    pub(super) fn asks_again(&self, host: u64) -> Option<Vec<u64>> {
        self.with(host, None, |host| {
            if host.phase != Phase::Probing || host.is_asked {
                return None;
            }
            host.is_asked = true;
            let bodies = host.bodies.iter().filter(|body| !body.is_own);
            let pdfs = bodies.filter(|body| body.known.is_pdf);
            Some(pdfs.map(|body| body.known.length).collect())
        })
    }

    /// Notes whether `host` has sent a file again that it has sent before.
    pub(super) fn has_again(&self, host: u64, has: bool) {
        self.with(host, (), |host| match host.phase {
            Phase::Probing if has => host.check(),
            Phase::Probing => host.retries += 1,
            _ => {}
        });
    }

    /// Whether `host` has sent a body like this one to many links.
    pub(super) fn is_known(&self, host: u64, key: u64) -> bool {
        self.with(host, false, |host| {
            host.bodies.iter().any(|body| body.known.key == key)
        })
    }

    /// The hash of all of the body of `host` that is known by `key`, if that seems to be a block.
    pub(super) fn block(&self, host: u64, key: u64) -> Option<u64> {
        self.with(host, None, |host| {
            let mut bodies = host.bodies.iter().filter(|body| !body.is_own);
            let found = bodies.find(|body| body.known.key == key)?;
            Some(found.known.whole)
        })
    }

    /// After how many attempts there would be a pause as before the next request to `host`. The pauses grow as they do for a
    /// link, but links that are tried for the first time need not wait longer and longer once that has been tried.
    pub(super) fn step(&self, host: u64, retries: u32) -> u32 {
        self.with(host, 1, |host| match host.probes + host.retries {
            _ if host.retries > 0 => (host.probes + host.retries).min(retries),
            probes if probes < retries => probes + 1,
            _ => 1,
        })
    }

    /// What a body is that has come to a request that began like this, perhaps one of a retry.
    pub(super) fn judge(
        &self,
        host: u64,
        known: Known,
        (attempt, started): (Attempt, Instant),
    ) -> Verdict {
        self.with(host, Verdict::Unknown, |host| {
            // the same page may mean something else for another link
            let of = |known: &Known| (known.key, known.whole);
            let is_it = |body: &&mut Body| of(&body.known) == of(&known);
            let Some(body) = host.bodies.iter_mut().find(is_it) else {
                return Verdict::Unknown;
            };
            if body.is_own {
                return Verdict::Own;
            }
            match (host.phase, attempt) {
                (Phase::Checking, Attempt::Retry(began)) if began > host.since => {
                    body.is_own = true;
                    host.phase = Phase::Free;
                    return Verdict::NewlyOwn;
                }
                (Phase::Probing, Attempt::Retry(_)) => host.retries += 1,
                (Phase::Probing, Attempt::First) => host.probes += 1,
                // it has been sent before the block was over
                (Phase::Free, Attempt::Early | Attempt::First) if started <= host.since => {}
                (Phase::Free, _) => host.probe(),
                _ => {}
            }
            Verdict::Block
        })
    }

    /// Notes that `host` has sent this body to many links, to the second of them at `since`. Whether that is new.
    pub(super) fn suspect(&self, host: u64, known: Known, since: Instant) -> bool {
        self.add(host, known, |host, body| {
            host.bodies.push(body);
            let is_new = host.phase != Phase::Probing;
            if is_new {
                host.probe();
                host.since = since;
            }
            is_new
        })
    }

    /// Notes that `host` has sent this body to many links, and others to others.
    pub(super) fn is_mixed(&self, host: u64, known: Known) {
        self.add(host, known, |host, body| {
            host.bodies.push(Body {
                is_own: true,
                ..body
            });
        });
    }

    fn add<T>(&self, host: u64, known: Known, act: impl FnOnce(&mut Host, Body) -> T) -> T {
        let mut hosts = self.hosts.lock();
        if hosts.len() >= MOST_HOSTS
            && !hosts.contains_key(&host)
            && let Some(other) = hosts.keys().next().copied()
        {
            hosts.remove(&other);
        }
        let host = hosts.entry(host).or_insert_with(|| Host {
            phase: Phase::Free,
            bodies: Vec::new(),
            since: Instant::now(),
            is_asked: false,
            probes: 0,
            retries: 0,
        });
        if host.bodies.len() == MOST_BODIES {
            host.bodies.remove(0);
        }
        let is_own = false;
        let result = act(host, Body { known, is_own });
        self.count.store(hosts.len(), Relaxed);
        result
    }

    /// Notes that `host` has sent a file, or else a page that leads on, for a link whose first request began at `started`.
    pub(super) fn has_other(
        &self,
        host: u64,
        attempt: Attempt,
        (started, is_pdf): (Instant, bool),
    ) {
        self.with(host, (), |host| {
            let is_suspected = |body: &Body| !body.is_own && (is_pdf || !body.known.is_pdf);
            if !host.bodies.iter().any(is_suspected) {
                return;
            }
            match (host.phase, attempt) {
                (Phase::Probing | Phase::Checking, Attempt::Retry(_)) => {
                    (host.phase, host.since) = (Phase::Free, Instant::now());
                }
                (Phase::Probing, _) if started > host.since => host.check(),
                _ => {}
            }
        });
    }

    /// What is known of `host`.
    pub(super) fn standing(&self, host: u64) -> Standing {
        self.with(host, Standing::Unknown, |host| match host.phase {
            Phase::Probing => Standing::Suspected,
            Phase::Lasting => Standing::Settled,
            Phase::Free if host.bodies.iter().any(|body| body.is_own) => Standing::Settled,
            // throttled, unless it turns out to be innocent
            Phase::Free | Phase::Checking => Standing::Unknown,
        })
    }

    fn with<T>(&self, host: u64, unknown: T, act: impl FnOnce(&mut Host) -> T) -> T {
        if self.is_empty() {
            return unknown;
        }
        self.hosts.lock().get_mut(&host).map_or(unknown, act)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const JSON: Known = Known {
        key: 1,
        whole: 9,
        is_pdf: false,
        is_challenge: false,
        length: 0,
    };

    fn suspected() -> (Hosts, Instant) {
        let (hosts, now) = (Hosts::default(), Instant::now());
        assert_eq!(hosts.start(5, None, 4), Start::Free);
        assert!(hosts.suspect(5, JSON, now));
        assert!(!hosts.suspect(5, Known { key: 2, ..JSON }, now));
        assert_eq!(hosts.standing(5), Standing::Suspected);
        assert_eq!(hosts.start(6, None, 4), Start::Free);
        (hosts, now + Duration::from_secs(1))
    }

    #[test]
    fn a_host_without_anything_else_is_blocked_in_the_end() {
        let (hosts, now) = suspected();
        for _ in 0..MOST_PROBES {
            assert_eq!(hosts.start(5, None, 4), Start::Probe);
            let verdict = hosts.judge(5, JSON, (Attempt::First, now));
            assert_eq!(verdict, Verdict::Block);
        }
        assert_eq!(hosts.start(5, None, 4), Start::Blocked);
        assert_eq!(hosts.standing(5), Standing::Settled);
    }

    #[test]
    fn links_that_had_the_body_are_retried_when_nothing_else_is_left() {
        let (hosts, now) = suspected();
        for _ in 0..8 {
            assert_eq!(hosts.start(5, Some(9), 4), Start::Probe);
            hosts.judge(5, JSON, (Attempt::Retry(now), now));
        }
        assert_eq!(hosts.start(5, Some(9), 4), Start::Blocked);
        let (hosts, _) = suspected();
        assert_eq!(hosts.start(5, Some(9), 0), Start::Blocked);
    }

    #[test]
    fn a_body_of_some_links_is_their_own() {
        let (hosts, now) = suspected();
        let before = now.checked_sub(Duration::from_mins(1)).expect("uptime");
        hosts.has_other(5, Attempt::Early, (before, true));
        assert_eq!(hosts.standing(5), Standing::Suspected);
        hosts.has_other(5, Attempt::First, (now, true));
        assert_eq!(hosts.start(5, Some(9), 4), Start::Probe);
        // sent before, but late
        let verdict = hosts.judge(5, JSON, (Attempt::Retry(before), before));
        assert_eq!(verdict, Verdict::Block);
        let verdict = hosts.judge(5, JSON, (Attempt::Retry(now), now));
        assert_eq!(verdict, Verdict::NewlyOwn);
        assert_eq!(hosts.start(5, Some(9), 4), Start::Own);
        assert_eq!(hosts.judge(5, JSON, (Attempt::First, now)), Verdict::Own);
    }

    #[test]
    fn a_block_that_is_over_may_begin_again() {
        let (hosts, now) = suspected();
        hosts.has_other(5, Attempt::Retry(now), (now, true));
        assert_eq!(hosts.standing(5), Standing::Unknown);
        let begun = now.checked_sub(Duration::from_secs(2)).expect("uptime");
        hosts.judge(5, JSON, (Attempt::Early, begun));
        assert_eq!(hosts.standing(5), Standing::Unknown);
        hosts.judge(5, JSON, (Attempt::Retry(begun), begun));
        assert_eq!(hosts.standing(5), Standing::Suspected);
    }

    #[test]
    fn a_file_that_is_there_again_tells_at_once() {
        let (hosts, _) = suspected();
        assert_eq!(hosts.asks_again(5), Some(vec![]));
        assert_eq!(hosts.asks_again(5), None);
        hosts.has_again(5, true);
        assert_eq!(hosts.standing(5), Standing::Unknown);
    }
}
