//! Which link may start now: pure decisions over all hosts, told the time.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Instant;

use super::breaker::GiveUp;
use super::host::{Feedback, Host, Turn};
use super::policy::HostPolicies;

/// All links that wait, by their hosts.
#[derive(Debug)]
pub struct Schedule<J> {
    policies: HostPolicies,
    hosts: HashMap<Arc<str>, (Host<J>, HostSlot)>,
    /// Hosts that may be asked now: the one with the fewest links under way comes first, then the one that has waited
    /// longest.
    ready: BTreeSet<(u32, u64, Arc<str>)>,
    /// Hosts that may be asked later.
    asleep: BTreeSet<(Instant, Arc<str>)>,
    turns: u64,
    waiting: usize,
    running: usize,
    ended: bool,
}

/// What belongs to a host.
pub trait HasHost {
    /// The host: scheme, name and port, such as `https://example.org`.
    fn host(&self) -> Cow<'_, str>;

    /// Moves on to another host, because of what is said of this one; false for a job that has no other.
    fn next_candidate(&mut self, _: &GiveUp) -> bool {
        false
    }
}

/// Where a host stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum HostSlot {
    Nowhere,
    Ready(u32, u64),
    Asleep(Instant),
}

/// What may be done now.
#[derive(Debug, PartialEq, Eq)]
pub enum Next<J> {
    /// This link may start.
    Start(Started<J>),
    /// None may start before this time, or before something else happens.
    Wait(Option<Instant>),
    /// There is nothing left, and nothing will come.
    End,
}

/// A link that is under way.
#[derive(Debug, PartialEq, Eq)]
pub struct Started<J> {
    /// The link.
    pub job: J,
    /// What [`Schedule::finish`] wants back.
    pub ticket: Ticket,
}

/// What tells which host a link that is under way belongs to, and since when it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    host: Arc<str>,
    at: Instant,
    /// How many links of the host may be under way at once; 0 is no limit.
    pub per_host: u32,
}

/// What has become of a link that was under way.
#[derive(Debug)]
pub enum Finished<J> {
    /// It has ended.
    Ended,
    /// It is to be tried again then.
    Again(J, Instant),
}

impl<J: HasHost> Schedule<J> {
    /// No links yet.
    pub fn new(policies: HostPolicies) -> Self {
        Self {
            policies,
            hosts: HashMap::new(),
            ready: BTreeSet::new(),
            asleep: BTreeSet::new(),
            turns: 0,
            waiting: 0,
            running: 0,
            ended: false,
        }
    }

    /// How many links wait.
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    /// How many links wait for another try.
    pub fn retries(&self) -> usize {
        self.hosts.values().map(|(host, _)| host.retries()).sum()
    }

    /// Whether a link may start now or at a time that is known.
    pub fn has_more(&self) -> bool {
        self.is_ready() || !self.asleep.is_empty()
    }

    /// Whether a link may start now, as far as is known without looking at the time.
    pub fn is_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Whether nothing is left, and nothing will come.
    pub fn is_over(&self) -> bool {
        self.ended && self.waiting == 0 && self.running == 0
    }

    /// The hosts that are left alone for now, because they do not work.
    pub fn open_hosts(&self) -> Vec<Arc<str>> {
        let asleep = self.asleep.iter().map(|(_, host)| host);
        asleep
            .filter(|host| {
                self.hosts
                    .get(*host)
                    .is_some_and(|(host, _)| host.is_open())
            })
            .cloned()
            .collect()
    }

    /// Whether there is a host that has more links than may be under way at once.
    pub fn is_held_back(&self, now: Instant) -> bool {
        self.hosts.values().any(|(host, _)| host.is_held_back(now))
    }

    /// Adds a link.
    ///
    /// # Errors
    ///
    /// The link and why it is given up, if its host is.
    pub fn push(&mut self, mut job: J, now: Instant) -> Result<(), (J, GiveUp)> {
        while let Err((back, verdict)) = self.put(job, now) {
            job = back;
            if !job.next_candidate(&verdict) {
                return Err((job, verdict));
            }
        }
        Ok(())
    }

    /// Adds a link to those of its host.
    fn put(&mut self, job: J, now: Instant) -> Result<(), (J, GiveUp)> {
        let host = job.host();
        let known = self
            .hosts
            .get_key_value(&*host)
            .map(|(name, _)| Arc::clone(name));
        let name = known.unwrap_or_else(|| {
            let name: Arc<str> = (&*host).into();
            let state = Host::new(self.policies.of(name_of(&host)), now);
            self.hosts
                .insert(Arc::clone(&name), (state, HostSlot::Nowhere));
            name
        });
        let (state, _) = self
            .hosts
            .get_mut(&name)
            .expect("it is known, or was just inserted");
        if let Some(verdict) = state.given_up() {
            return Err((job, verdict.clone()));
        }
        state.push(job);
        self.waiting += 1;
        self.place(&name, now);
        Ok(())
    }

    /// Says that no link will be added.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// Forgets all links that wait, and gives them back.
    pub fn clear(&mut self) -> Vec<J> {
        self.ended = true;
        self.ready.clear();
        self.asleep.clear();
        let mut left = Vec::with_capacity(self.waiting);
        self.waiting = 0;
        for (host, place) in self.hosts.values_mut() {
            *place = HostSlot::Nowhere;
            left.extend(host.take());
        }
        left
    }

    /// What may be done now.
    pub fn next(&mut self, now: Instant) -> Next<J> {
        while let Some((time, host)) = self.asleep.first() {
            if *time > now {
                break;
            }
            let host = Arc::clone(host);
            self.hosts
                .get_mut(&host)
                .expect("a host that sleeps is known")
                .0
                .wake(now);
            self.place(&host, now);
        }
        if let Some((_, _, name)) = self.ready.first() {
            let name = Arc::clone(name);
            let (host, _) = self
                .hosts
                .get_mut(&name)
                .expect("a host that is ready is known");
            let per_host = host.limit;
            let job = host.start(now).expect("a host that is ready has a link");
            self.waiting -= 1;
            self.running += 1;
            self.turns += 1;
            self.place(&name, now);
            return Next::Start(Started {
                job,
                ticket: Ticket {
                    host: name,
                    at: now,
                    per_host,
                },
            });
        }
        if self.is_over() {
            return Next::End;
        }
        if self.ended && self.running == 0 && self.probe_open(now) {
            return self.next(now);
        }
        Next::Wait(self.asleep.first().map(|(time, _)| *time))
    }

    /// Hears what has become of a link, and gives back those that are given up with their host.
    pub fn finish(
        &mut self,
        ticket: &Ticket,
        finished: Finished<J>,
        feedback: Feedback,
        now: Instant,
    ) -> Vec<(J, GiveUp)> {
        self.running -= 1;
        let (host, _) = self
            .hosts
            .get_mut(&ticket.host)
            .expect("a host with a link under way is known");
        let last = matches!(finished, Finished::Ended);
        let mut elsewhere = Vec::new();
        match finished {
            Finished::Again(job, _) if *job.host() != *ticket.host => elsewhere.push(job),
            Finished::Again(job, due) => {
                self.turns += 1;
                host.push_retry(due, self.turns, job);
                self.waiting += 1;
            }
            Finished::Ended => {}
        }
        let given_up = host.finish(feedback, ticket.at, last, now);
        self.waiting -= given_up.len();
        let verdict = host.given_up().cloned();
        self.place(&ticket.host, now);
        let mut given_back = Vec::new();
        for (mut job, verdict) in given_up.into_iter().zip(verdict.into_iter().cycle()) {
            if job.next_candidate(&verdict) {
                elsewhere.push(job);
            } else {
                given_back.push((job, verdict));
            }
        }
        for job in elsewhere {
            given_back.extend(self.push(job, now).err());
        }
        given_back
    }

    /// When all that is left belongs to hosts at rest, one of them is tried at once.
    fn probe_open(&mut self, now: Instant) -> bool {
        if !self
            .asleep
            .iter()
            .all(|(_, host)| self.hosts[host].0.is_open())
        {
            return false;
        }
        let all: Vec<_> = self.asleep.iter().map(|(_, host)| host.clone()).collect();
        for host in &all {
            self.hosts
                .get_mut(host)
                .expect("a host that sleeps is known")
                .0
                .probe_now();
            self.place(host, now);
        }
        !all.is_empty()
    }

    /// Puts a host where it belongs now, or forgets it.
    fn place(&mut self, name: &Arc<str>, now: Instant) {
        let Some((host, place)) = self.hosts.get_mut(name) else {
            return;
        };
        let new = match (host.turn(now), *place) {
            // it keeps its turn
            (Turn::Now, HostSlot::Ready(running, turn)) if running == host.running => {
                HostSlot::Ready(running, turn)
            }
            (Turn::Now, _) => HostSlot::Ready(host.running, self.turns),
            (Turn::At(time), _) => HostSlot::Asleep(time),
            (Turn::None, _) => HostSlot::Nowhere,
        };
        let old = std::mem::replace(place, new);
        let forgettable = new == HostSlot::Nowhere && host.is_forgettable(now);
        if new != old {
            match old {
                HostSlot::Nowhere => false,
                HostSlot::Ready(running, turn) => {
                    self.ready.remove(&(running, turn, Arc::clone(name)))
                }
                HostSlot::Asleep(time) => self.asleep.remove(&(time, Arc::clone(name))),
            };
            match new {
                HostSlot::Nowhere => false,
                HostSlot::Ready(running, turn) => {
                    self.ready.insert((running, turn, Arc::clone(name)))
                }
                HostSlot::Asleep(time) => self.asleep.insert((time, Arc::clone(name))),
            };
        }
        if forgettable {
            self.hosts.remove(name);
        }
    }
}

/// The name in `scheme://name:port`.
fn name_of(host: &str) -> &str {
    let authority = host
        .split_once("://")
        .map_or(host, |(_, authority)| authority);
    match authority.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => authority,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::queue::policy::HostPolicy;

    #[derive(Debug, Clone, PartialEq, Eq)]
    struct Link {
        host: String,
        number: usize,
        tries: u32,
    }

    impl HasHost for Link {
        fn host(&self) -> Cow<'_, str> {
            self.host.as_str().into()
        }
    }

    fn link(host: usize, number: usize) -> Link {
        Link {
            host: format!("http://h{host}.example"),
            number,
            tries: 0,
        }
    }

    /// What a simulated run has done.
    #[derive(Default)]
    struct Run {
        /// When each link was started, in the order of the starts.
        starts: Vec<(Duration, Link)>,
        /// The most links of one host that were under way at once.
        most: usize,
        given_up: usize,
        elapsed: Duration,
    }

    /// Runs `links` with so many workers. `answer` says how long a try takes and what it says of its host; a bad one is
    /// tried again after a second, four times.
    fn simulate(
        limits: HostPolicy,
        workers: usize,
        links: impl IntoIterator<Item = Link>,
        answer: impl Fn(&Link, Duration) -> (Duration, Feedback),
    ) -> Run {
        let begin = Instant::now();
        let (mut now, mut run) = (begin, Run::default());
        let mut schedule = Schedule::new(HostPolicies {
            default: limits,
            ..HostPolicies::default()
        });
        for link in links {
            schedule.push(link, now).expect("no host is given up yet");
        }
        schedule.end();
        let mut under_way: Vec<(Instant, Started<Link>, Feedback)> = Vec::new();
        loop {
            let free = under_way.len() < workers;
            let until = match if free {
                schedule.next(now)
            } else {
                Next::Wait(None)
            } {
                Next::Start(started) => {
                    run.starts.push((now - begin, started.job.clone()));
                    let (time, feedback) = answer(&started.job, now - begin);
                    under_way.push((now + time, started, feedback));
                    let mut hosts = HashMap::new();
                    for (_, started, _) in &under_way {
                        *hosts.entry(&started.job.host).or_insert(0) += 1;
                    }
                    run.most = run.most.max(hosts.into_values().max().unwrap_or(0));
                    continue;
                }
                Next::End => break,
                Next::Wait(until) => until,
            };
            let first = under_way
                .iter()
                .enumerate()
                .min_by_key(|(_, (end, ..))| *end)
                .map(|(at, (end, ..))| (at, *end));
            let Some((at, end)) = first.filter(|(_, end)| until.is_none_or(|until| *end <= until))
            else {
                now = until.expect("something is under way, or there is a time to wait for");
                continue;
            };
            now = now.max(end);
            let (_, Started { mut job, ticket }, feedback) = under_way.swap_remove(at);
            job.tries += 1;
            let again = feedback != Feedback::Good && job.tries < 5;
            let finished = if again {
                Finished::Again(job, now + Duration::from_secs(1))
            } else {
                Finished::Ended
            };
            let given_up = schedule.finish(&ticket, finished, feedback, now);
            run.given_up += given_up.len();
        }
        run.elapsed = now - begin;
        run
    }

    fn good(_: &Link, _: Duration) -> (Duration, Feedback) {
        (Duration::from_millis(100), Feedback::Good)
    }

    proptest! {
        #[test]
        fn each_link_starts_once_within_the_limit_and_in_order(
            hosts in proptest::collection::vec(0..5usize, 0..80), per_host in 1..4u32, workers in 1..12usize,
            times in proptest::collection::vec(1..500u64, 5),
        ) {
            let limits = HostPolicy { per_host, ..HostPolicy::default() };
            let links = hosts.iter().enumerate().map(|(number, host)| link(*host, number));
            let run = simulate(limits, workers, links, |link, _| {
                (Duration::from_millis(times[link.number % 5]), Feedback::Good)
            });
            prop_assert_eq!(run.starts.len(), hosts.len());
            prop_assert!(run.most <= per_host as usize);
            for host in 0..5 {
                let started: Vec<_> = run.starts.iter().filter(|(_, started)| started.host == link(host, 0).host).map(|(_, link)| link.number).collect();
                prop_assert!(started.is_sorted());
            }
        }
    }

    #[test]
    fn slow_hosts_do_not_hold_up_the_others() {
        let links = || {
            (0..60)
                .map(|n| link(n % 3, n))
                .chain((60..800).map(|n| link(3 + n % 37, n)))
        };
        let limits = HostPolicy {
            per_host: 0,
            ..HostPolicy::default()
        };
        let run = simulate(limits, 32, links(), |link, _| {
            let slow = link.number < 60;
            (
                Duration::from_millis(if slow { 2000 } else { 50 }),
                Feedback::Good,
            )
        });
        let mut times: Vec<_> = run.starts.iter().map(|(time, _)| *time).collect();
        times.sort();
        assert!(times[720] < Duration::from_secs(2), "{:?}", times[720]);
    }

    #[test]
    fn no_host_starves() {
        let links = (0..1000)
            .map(|n| link(0, n))
            .chain((1000..1010).map(|n| link(n, n)));
        let run = simulate(
            HostPolicy {
                per_host: 0,
                ..HostPolicy::default()
            },
            4,
            links,
            good,
        );
        let last = run
            .starts
            .iter()
            .rposition(|(_, link)| link.number >= 1000)
            .expect("they have started");
        assert!(last < 40, "{last}");
    }

    #[test]
    fn starts_keep_their_distance() {
        let wait = Duration::from_secs(3);
        let run = simulate(
            HostPolicy {
                wait,
                ..HostPolicy::default()
            },
            8,
            (0..5).map(|n| link(0, n)),
            good,
        );
        assert!(
            run.starts
                .windows(2)
                .all(|pair| pair[1].0 >= pair[0].0 + wait)
        );
        let rate = "2/10s".parse().ok();
        let run = simulate(
            HostPolicy {
                rate,
                ..HostPolicy::default()
            },
            8,
            (0..7).map(|n| link(0, n)),
            good,
        );
        assert!(
            run.starts
                .windows(3)
                .all(|three| three[2].0 >= three[0].0 + Duration::from_secs(10))
        );
        assert_eq!(run.elapsed.as_secs(), 30);
    }

    #[test]
    fn a_dead_host_is_asked_a_few_times_beside_good_ones() {
        let links = (0..10_000)
            .map(|n| link(0, n))
            .chain((0..3000).map(|n| link(1 + n % 10, 10_000 + n)));
        let run = simulate(HostPolicy::default(), 32, links, |link, _| {
            match link.number {
                ..10_000 => (
                    Duration::from_millis(1),
                    Feedback::Unreachable("connect: refused".into()),
                ),
                _ => (Duration::from_millis(50), Feedback::Good),
            }
        });
        let asked = run
            .starts
            .iter()
            .filter(|(_, link)| link.number < 10_000)
            .count();
        assert!(asked < 100, "{asked}");
        assert!(run.elapsed < Duration::from_secs(20), "{:?}", run.elapsed);
        assert_eq!(run.starts.len() - asked, 3000);
    }

    #[test]
    fn ten_links_of_a_dead_host_end_as_soon_as_one_would() {
        let dead = |_: &Link, _| {
            (
                Duration::from_millis(1),
                Feedback::Unreachable("connect: refused".into()),
            )
        };
        for message in [dead, |_: &Link, _| {
            (
                Duration::from_millis(1),
                Feedback::NoAddress("dns: none".into()),
            )
        }] {
            let run = simulate(
                HostPolicy::default(),
                32,
                (0..10).map(|n| link(0, n)),
                message,
            );
            assert!(run.elapsed < Duration::from_secs(10), "{:?}", run.elapsed);
            assert!(
                run.given_up > 0 && run.starts.len() < 50,
                "{} starts",
                run.starts.len()
            );
        }
    }

    #[test]
    fn a_host_that_comes_back_loses_nothing() {
        let run = simulate(
            HostPolicy::default(),
            8,
            (0..50).map(|n| link(0, n)),
            |_, now| {
                let down = (1000..2500).contains(&now.as_millis());
                let feedback = if down {
                    Feedback::Unreachable("connect: refused".into())
                } else {
                    Feedback::Good
                };
                (Duration::from_millis(200), feedback)
            },
        );
        assert_eq!(run.given_up, 0);
    }

    #[test]
    fn a_host_that_asks_for_patience_gets_it() {
        // 20 requests in 5 seconds, as a window that slides
        let answered = std::cell::RefCell::new(Vec::new());
        let run = simulate(
            HostPolicy::default(),
            32,
            (0..400).map(|n| link(0, n)),
            |_, now| {
                let mut answered = answered.borrow_mut();
                answered.retain(|time| now < *time + Duration::from_secs(5));
                if answered.len() < 20 {
                    answered.push(now);
                    (Duration::from_millis(20), Feedback::Good)
                } else {
                    (
                        Duration::from_millis(5),
                        Feedback::Throttled(Duration::from_secs(2), "429".into()),
                    )
                }
            },
        );
        assert_eq!(run.given_up, 0);
        // at best it takes 100 s
        assert!(run.elapsed < Duration::from_secs(150), "{:?}", run.elapsed);
        let refused = run.starts.len() - 400;
        assert!(
            refused * 20 < run.starts.len(),
            "{refused} of {}",
            run.starts.len()
        );
    }

    #[test]
    fn broken_links_do_not_condemn_their_host() {
        for per_host in [1, 2, 8] {
            let run = simulate(
                HostPolicy {
                    per_host,
                    ..HostPolicy::default()
                },
                64,
                (0..320).map(|n| link(0, n)),
                |link, _| {
                    let broken = link.number < 20;
                    let feedback = if broken {
                        Feedback::ServerError("500".into())
                    } else {
                        Feedback::Good
                    };
                    (Duration::from_millis(10), feedback)
                },
            );
            let good: std::collections::HashSet<_> =
                run.starts.iter().map(|(_, link)| link.number).collect();
            // all of them are tried; some of the broken ones are given up with their last try
            assert!(
                good.len() == 320 && run.given_up < 20,
                "{per_host}: {} {}",
                good.len(),
                run.given_up
            );
        }
    }

    #[test]
    fn a_name_that_fails_once_is_asked_again() {
        let run = simulate(
            HostPolicy::default(),
            2,
            (0..50).map(|n| link(0, n)),
            |link, _| {
                let fails = link.number == 20;
                (
                    Duration::from_millis(10),
                    if fails {
                        Feedback::NoAddress("dns: none".into())
                    } else {
                        Feedback::Good
                    },
                )
            },
        );
        assert_eq!(run.given_up, 0);
    }

    #[test]
    fn an_outage_does_not_slow_a_host_for_ever() {
        let run = simulate(
            HostPolicy::default(),
            1,
            (0..100).map(|n| link(0, n)),
            |_, now| {
                let out = (5..15).contains(&now.as_secs());
                let feedback = if out {
                    Feedback::Throttled(Duration::from_secs(1), "503".into())
                } else {
                    Feedback::Good
                };
                (Duration::from_millis(500), feedback)
            },
        );
        assert!(run.elapsed < Duration::from_secs(110), "{:?}", run.elapsed);
    }
}
