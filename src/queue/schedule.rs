//! Which link may start now, over all hosts.
//!
//! Each host with links is in one of three places: among the ready ones (a link may start now), among those asleep (until a
//! known time), or in neither (nothing to start until one of its links has ended). The host with the fewest running links
//! goes first, then the one that has waited longest.
//!
//! A host that no link needs is not kept whole: there may be millions. What remains of it is the state of its breaker, in some
//! tens of bytes, or nothing if that is closed.
//!
//! Pure: callers pass the time, and it never reads a clock.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Instant;

use super::breaker::{Breaker, GiveUp};
use super::heard::Heard;
use super::host::{Feedback, Host};
use super::policy::HostPolicies;
use super::remains::Remains;

/// How much memory waiting links may take, in bytes. It suffices for most plain lists; rows may carry columns of any size.
pub(super) const MAX_WEIGHT: usize = 32 << 20;

/// How many hosts are known before those that no link needs are looked for the first time.
const FIRST_SWEEP: usize = 1024;

/// All waiting links by host.
#[derive(Debug)]
pub struct Schedule<J> {
    policies: HostPolicies,
    hosts: HashMap<Arc<str>, (Host<J>, HostSlot)>,
    /// What remains of hosts that no link needs.
    remains: Remains,
    /// How many `hosts` there are at the next sweep for those that no link needs.
    next_sweep: usize,
    /// Hosts that may start a link now, in order of their turns.
    ready: BTreeSet<(Turn, Arc<str>)>,
    /// Hosts that may start a link later.
    asleep: BTreeSet<(Instant, Arc<str>)>,
    turns: u64,
    waiting: usize,
    /// The bytes of the waiting links.
    weight: usize,
    /// How many of the waiting links have been redirected to their hosts.
    redirected: usize,
    running: usize,
    ended: bool,
}

/// The number of running links, and the number of the turn since when the host has been ready.
type Turn = (u32, u64);

/// What has a host.
pub trait HasHost {
    /// The host: its name in the form of `host::name_of`, and its port unless that is the one of the
    /// scheme. `http` and `https` are the same host.
    fn host(&self) -> Cow<'_, str>;

    /// How much memory it takes, in bytes.
    fn weight(&self) -> usize {
        size_of_val(self)
    }

    /// Whether a redirect has led it to its host.
    fn is_redirected(&self) -> bool {
        false
    }

    /// Whether it has something else to try, so that it need not wait for a host that is down.
    fn may_avoid(&self) -> bool {
        false
    }

    /// Whether it only asks for the way to its file.
    fn is_question(&self) -> bool {
        false
    }

    /// Whether it has moved on to a candidate that has not been requested yet.
    fn is_new_candidate(&self) -> bool {
        false
    }

    /// Moves on to a candidate after the host of the current one was given up; false if there is none left.
    fn next_candidate(&mut self, _: &GiveUp) -> bool {
        false
    }
}

impl<J: HasHost> HasHost for Box<J> {
    fn host(&self) -> Cow<'_, str> {
        (**self).host()
    }

    fn may_avoid(&self) -> bool {
        (**self).may_avoid()
    }

    fn next_candidate(&mut self, reason: &GiveUp) -> bool {
        (**self).next_candidate(reason)
    }

    fn weight(&self) -> usize {
        size_of::<Self>() + (**self).weight()
    }

    fn is_redirected(&self) -> bool {
        (**self).is_redirected()
    }

    fn is_question(&self) -> bool {
        (**self).is_question()
    }

    fn is_new_candidate(&self) -> bool {
        (**self).is_new_candidate()
    }
}

/// Which set a host is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum HostSlot {
    Nowhere,
    Ready(Turn),
    Asleep(Instant),
}

/// What to do now.
#[derive(Debug, PartialEq, Eq)]
pub enum Next<J> {
    /// Start this link.
    Start(Started<J>),
    /// Wait until this time, or until a link is added or ends.
    Wait(Option<Instant>),
    /// Stop: nothing is left, and nothing will be added.
    End,
}

/// A link that has started.
#[derive(Debug, PartialEq, Eq)]
pub struct Started<J> {
    /// The link.
    pub job: J,
    /// What [`Schedule::finish`] needs.
    pub ticket: Ticket,
}

/// The host of a link that has started, and when it did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    host: Arc<str>,
    at: Instant,
    /// Whether the link has something else to try.
    is_optional: bool,
    /// The policy's limit of concurrent links for the host; 0 is no limit.
    pub per_host: u32,
    /// Whether each request needs a turn of its own, because the host has limits of how often they start.
    pub is_limited: bool,
    /// What becomes known of the request.
    pub heard: Arc<Heard>,
}

impl Ticket {
    /// The host of the link.
    pub fn host(&self) -> &str {
        &self.host
    }
}

/// How an attempt has ended.
#[derive(Debug)]
pub enum Finished<J> {
    /// It was the last one of its link.
    Ended,
    /// The link needs another one, at this time or later.
    Again(J, Instant),
}

impl<J: HasHost> Schedule<J> {
    /// An empty schedule.
    pub fn new(policies: HostPolicies) -> Self {
        Self {
            policies,
            hosts: HashMap::new(),
            remains: Remains::default(),
            next_sweep: FIRST_SWEEP,
            ready: BTreeSet::new(),
            asleep: BTreeSet::new(),
            turns: 0,
            waiting: 0,
            weight: 0,
            redirected: 0,
            running: 0,
            ended: false,
        }
    }

    /// The number of waiting links, retries included.
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    /// The memory of the waiting links, in bytes.
    pub fn weight(&self) -> usize {
        self.weight
    }

    /// The number of links that wait for a retry.
    pub fn retries(&self) -> usize {
        let hosts = self.hosts.values();
        hosts.map(|(host, _)| host.retries.len()).sum()
    }

    /// Whether a link may start now or at a known time.
    pub fn has_more(&self) -> bool {
        self.is_ready() || !self.asleep.is_empty()
    }

    /// Whether a link may start now. Does not consider the time that has passed since the last call of [`Self::next`].
    pub fn is_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Whether nothing is left, and nothing will be added.
    pub fn is_over(&self) -> bool {
        self.ended && self.waiting == 0 && self.running == 0
    }

    /// The hosts with an open circuit breaker and waiting links.
    pub fn open_hosts(&self) -> Vec<Arc<str>> {
        let asleep = self.asleep.iter().map(|(_, host)| host);
        let open = asleep.filter(|host| self.hosts[*host].0.is_open());
        open.cloned().collect()
    }

    /// The hosts that let no link start for a while because of what they have answered, and when they come back.
    pub fn paused_hosts(&self) -> Vec<(Instant, Arc<str>)> {
        let asleep = self.asleep.iter();
        let paused = asleep.filter(|(_, host)| self.hosts[host].0.is_paused());
        paused.cloned().collect()
    }

    /// Whether a host has links that only its limit of concurrent links holds back.
    pub fn is_held_back(&self, now: Instant) -> bool {
        self.hosts.values().any(|(host, _)| host.is_held_back(now))
    }

    /// Adds a link. If its host is given up, it moves on to its next candidate.
    ///
    /// # Errors
    ///
    /// The link and the reason, if the hosts of all its candidates are given up.
    pub fn push(&mut self, job: J, now: Instant) -> Result<(), (J, GiveUp)> {
        self.add(job, None, now)
    }

    /// Adds a link, which is a retry if it is `due` at some time.
    ///
    /// # Errors
    ///
    /// The link and the reason, if the hosts of all its candidates are given up.
    pub(super) fn add(
        &mut self,
        mut job: J,
        due: Option<Instant>,
        now: Instant,
    ) -> Result<(), (J, GiveUp)> {
        loop {
            let name = self.name(&job, now);
            let turn = self.turns + 1;
            let (weight, redirected) = (job.weight(), usize::from(job.is_redirected()));
            let host = self.host(&name);
            let reason = match &host.breaker {
                Breaker::GivenUp(reason) => Some(reason.clone()),
                _ => host.is_avoided(&job, now),
            };
            if let Some(reason) = reason {
                self.place(&name, now);
                if job.next_candidate(&reason) {
                    continue;
                }
                return Err((job, reason));
            }
            host.add(job, due.map(|due| (due, turn)));
            self.turns = turn;
            self.waiting += 1;
            self.weight += weight;
            self.redirected += redirected;
            self.place(&name, now);
            return Ok(());
        }
    }

    /// The shared name of the host of `job`, which is known from then on.
    fn name(&mut self, job: &J, now: Instant) -> Arc<str> {
        let host = job.host();
        if let Some((name, _)) = self.hosts.get_key_value(&*host) {
            return Arc::clone(name);
        }
        let own = name_of(&host);
        let name = self.policies.counted_as(own);
        let name: Arc<str> = if name == own {
            (&*host).into()
        } else {
            format!("{name}{}", &host[own.len()..]).into()
        };
        if self.hosts.contains_key(&name) {
            return name;
        }
        if self.hosts.len() >= self.next_sweep {
            self.sweep(now);
        }
        let mut state = Host::new(self.policies.of(name_of(&name)), now);
        if let Some(rest) = self.remains.take(&name) {
            (state.breaker, state.has_worked) = rest;
        }
        let slot = HostSlot::Nowhere;
        self.hosts.insert(Arc::clone(&name), (state, slot));
        name
    }

    /// Drops the hosts that no link has needed for a while. Doubling the distance keeps the cost per host constant.
    fn sweep(&mut self, now: Instant) {
        let idle = self.hosts.iter();
        let idle = idle.filter(|(_, (host, _))| host.is_idle(now));
        for name in idle.map(|(name, _)| Arc::clone(name)).collect::<Vec<_>>() {
            self.place(&name, now);
        }
        self.next_sweep = FIRST_SWEEP.max(2 * self.hosts.len());
    }

    fn host(&mut self, name: &str) -> &mut Host<J> {
        let known = self.hosts.get_mut(name);
        &mut known.expect("a host with links is not forgotten").0
    }

    /// No link will be added.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// Ends the schedule, and removes all waiting links.
    pub fn clear(&mut self) -> Vec<J> {
        self.ended = true;
        self.ready.clear();
        self.asleep.clear();
        (self.waiting, self.weight, self.redirected) = (0, 0, 0);
        let take = |(host, slot): &mut (Host<J>, HostSlot)| {
            *slot = HostSlot::Nowhere;
            host.take()
        };
        self.hosts.values_mut().flat_map(take).collect()
    }

    /// What to do now.
    pub fn next(&mut self, now: Instant) -> Next<J> {
        while let Some((time, name)) = self.asleep.first()
            && *time <= now
        {
            let name = Arc::clone(name);
            self.place(&name, now);
        }
        if let Some(name) = self.first_ready() {
            let host = self.host(&name);
            let (per_host, heard) = (host.limit, Arc::new(Heard::default()));
            let is_limited = host.is_limited();
            let job = host
                .start(Arc::clone(&heard), now)
                .expect("a host that is ready has a link");
            self.waiting -= 1;
            self.weight -= job.weight();
            self.redirected -= usize::from(job.is_redirected());
            self.running += 1;
            self.turns += 1;
            self.place(&name, now);
            let ticket = Ticket {
                host: name,
                at: now,
                is_optional: job.may_avoid(),
                per_host,
                is_limited,
                heard,
            };
            return Next::Start(Started { job, ticket });
        }
        if self.is_over() {
            return Next::End;
        }
        if self.ended && self.running == 0 && self.probe_open(now) {
            return self.next(now);
        }
        Next::Wait(self.asleep.first().map(|(time, _)| *time))
    }

    /// The host whose turn it is. While the waiting links take too much memory, those that have been redirected go first:
    /// others may be redirected, too, and wait for longer than they can be started.
    fn first_ready(&self) -> Option<Arc<str>> {
        let mut ready = self.ready.iter().map(|(_, name)| name);
        let first = if self.weight >= MAX_WEIGHT && self.redirected > 0 {
            ready.find(|name| self.hosts[*name].0.redirected > 0)
        } else {
            ready.next()
        };
        first.cloned()
    }

    /// Records the end of an attempt. Returns the links that are given up with their hosts, and the reasons.
    pub fn finish(
        &mut self,
        ticket: &Ticket,
        finished: Finished<J>,
        feedback: Feedback,
        now: Instant,
    ) -> Vec<(J, GiveUp)> {
        self.running -= 1;
        ticket.heard.ends(now);
        if let Some(told) = ticket.heard.told() {
            self.host(&ticket.host).restrict(told, now);
        }
        let mut is_last = matches!(finished, Finished::Ended);
        let mut moved = None;
        match finished {
            Finished::Ended => {}
            Finished::Again(job, due) if *job.host() == *ticket.host => {
                self.turns += 1;
                self.waiting += 1;
                self.weight += job.weight();
                self.redirected += usize::from(job.is_redirected());
                let due = (due, self.turns);
                self.host(&ticket.host).add(job, Some(due));
            }
            // another candidate waits for its turn like any link
            Finished::Again(job, due) => {
                is_last = job.is_new_candidate();
                moved = Some((job, Some(due).filter(|due| *due > now)));
            }
        }
        let host = self.host(&ticket.host);
        let kind = (is_last, ticket.is_optional);
        let mut given_up = host.finish(feedback, ticket.at, kind, now);
        given_up.extend(host.take_avoiding(now));
        self.waiting -= given_up.len();
        self.weight -= given_up.iter().map(HasHost::weight).sum::<usize>();
        self.redirected -= given_up.iter().filter(|job| job.is_redirected()).count();
        self.place(&ticket.host, now);
        // those without another candidate come back
        let given_up = given_up.into_iter().map(|job| (job, None));
        let added = moved.into_iter().chain(given_up);
        let add = |(job, due)| self.add(job, due, now).err();
        added.filter_map(add).collect()
    }

    /// Starts the last chance of all hosts if nothing else is left to do; false if something is.
    fn probe_open(&mut self, now: Instant) -> bool {
        let open = self.open_hosts();
        if open.len() < self.asleep.len() {
            return false;
        }
        for name in &open {
            self.host(name).breaker.probe_now();
            self.place(name, now);
        }
        !open.is_empty()
    }

    /// Puts a host into the set where it belongs now, or forgets it.
    fn place(&mut self, name: &Arc<str>, now: Instant) {
        let Some((host, slot)) = self.hosts.get_mut(name) else {
            return;
        };
        let old = *slot;
        *slot = match (host.next_start(now), old) {
            (None, _) => HostSlot::Nowhere,
            (Some(time), _) if time > now => HostSlot::Asleep(time),
            // keeps its turn
            (_, HostSlot::Ready((running, _))) if running == host.running => old,
            _ => HostSlot::Ready((host.running, self.turns)),
        };
        let new = *slot;
        if new == HostSlot::Nowhere && host.is_idle(now) {
            let (host, _) = self.hosts.remove(name).expect("it has just been found");
            self.remains.keep(name, host.breaker, host.has_worked);
        }
        if new != old {
            match old {
                HostSlot::Nowhere => false,
                HostSlot::Ready(turn) => self.ready.remove(&(turn, Arc::clone(name))),
                HostSlot::Asleep(time) => self.asleep.remove(&(time, Arc::clone(name))),
            };
            match new {
                HostSlot::Nowhere => false,
                HostSlot::Ready(turn) => self.ready.insert((turn, Arc::clone(name))),
                HostSlot::Asleep(time) => self.asleep.insert((time, Arc::clone(name))),
            };
        }
    }
}

/// The name in `name:port`.
pub(crate) fn name_of(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
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
        attempts: u32,
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
            attempts: 0,
        }
    }

    /// A link that has a mirror at another host.
    #[derive(Debug, PartialEq, Eq)]
    struct Mirrored {
        is_at_mirror: bool,
    }

    impl HasHost for Mirrored {
        fn host(&self) -> Cow<'_, str> {
            let host = if self.is_at_mirror { "mirror" } else { "down" };
            format!("http://{host}.example").into()
        }

        fn is_new_candidate(&self) -> bool {
            self.is_at_mirror
        }

        fn next_candidate(&mut self, _: &GiveUp) -> bool {
            !std::mem::replace(&mut self.is_at_mirror, true)
        }
    }

    #[test]
    fn a_host_that_all_links_leave_is_given_up() {
        let mut now = Instant::now();
        let mut schedule = Schedule::new(HostPolicies::default());
        for _ in 0..100 {
            let link = Mirrored {
                is_at_mirror: false,
            };
            schedule.push(link, now).expect("the host is new");
        }
        schedule.end();
        let (mut asked, mut saved) = (0, 0);
        loop {
            match schedule.next(now) {
                Next::End => break,
                Next::Wait(until) => now = until.expect("nothing runs"),
                Next::Start(started) if started.job.is_at_mirror => {
                    saved += 1;
                    schedule.finish(&started.ticket, Finished::Ended, Feedback::Good, now);
                }
                Next::Start(started) => {
                    asked += 1;
                    let link = Mirrored { is_at_mirror: true };
                    let moved = Finished::Again(link, now);
                    let down = Feedback::Unreachable("no answer".into());
                    assert_eq!(schedule.finish(&started.ticket, moved, down, now), []);
                }
            }
        }
        assert_eq!(saved, 100);
        assert!(asked < 30, "{asked}");
    }

    /// The result of a simulated run.
    #[derive(Default)]
    struct Run {
        /// The time of each start, in order.
        starts: Vec<(Duration, Link)>,
        /// The highest number of concurrent links of one host.
        most: usize,
        given_up: usize,
        elapsed: Duration,
    }

    /// Runs `links`. `respond` returns how long an attempt takes, and its feedback. Unless that is good, the link is
    /// retried after a second, up to four times.
    fn simulate(
        limits: HostPolicy,
        workers: usize,
        links: impl IntoIterator<Item = Link>,
        respond: impl Fn(&Link, Duration) -> (Duration, Feedback),
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
        let mut running: Vec<(Instant, Started<Link>, Feedback)> = Vec::new();
        loop {
            let free = running.len() < workers;
            let until = match if free {
                schedule.next(now)
            } else {
                Next::Wait(None)
            } {
                Next::Start(started) => {
                    run.starts.push((now - begin, started.job.clone()));
                    let (time, feedback) = respond(&started.job, now - begin);
                    running.push((now + time, started, feedback));
                    let mut hosts = HashMap::new();
                    for (_, started, _) in &running {
                        *hosts.entry(&started.job.host).or_insert(0) += 1;
                    }
                    run.most = run.most.max(hosts.into_values().max().unwrap_or(0));
                    continue;
                }
                Next::End => break,
                Next::Wait(until) => until,
            };
            let first = running
                .iter()
                .enumerate()
                .min_by_key(|(_, (end, ..))| *end)
                .map(|(at, (end, ..))| (at, *end));
            let Some((at, end)) = first.filter(|(_, end)| until.is_none_or(|until| *end <= until))
            else {
                now = until.expect("something is running, or there is a time to wait for");
                continue;
            };
            now = now.max(end);
            let (_, Started { mut job, ticket }, feedback) = running.swap_remove(at);
            job.attempts += 1;
            let again = feedback != Feedback::Good && job.attempts < 5;
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
            .expect("they started");
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
                rates: rate.into(),
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
    fn a_dead_host_gets_few_requests_beside_good_ones() {
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
        let requests = run
            .starts
            .iter()
            .filter(|(_, link)| link.number < 10_000)
            .count();
        assert!(requests < 100, "{requests}");
        assert!(run.elapsed < Duration::from_secs(20), "{:?}", run.elapsed);
        assert_eq!(run.starts.len() - requests, 3000);
    }

    #[test]
    fn ten_links_of_a_dead_host_take_no_longer_than_one() {
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
    fn a_throttled_host_gets_fewer_requests() {
        // a sliding window: 20 requests in 5 seconds
        let accepted = std::cell::RefCell::new(Vec::new());
        let run = simulate(
            HostPolicy::default(),
            32,
            (0..400).map(|n| link(0, n)),
            |_, now| {
                let mut accepted = accepted.borrow_mut();
                accepted.retain(|time| now < *time + Duration::from_secs(5));
                if accepted.len() < 20 {
                    accepted.push(now);
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
        // 100 s is the optimum
        assert!(run.elapsed < Duration::from_secs(150), "{:?}", run.elapsed);
        let throttled = run.starts.len() - 400;
        assert!(
            throttled * 20 < run.starts.len(),
            "{throttled} of {}",
            run.starts.len()
        );
    }

    #[test]
    fn broken_links_do_not_give_up_their_host() {
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
            let attempted: std::collections::HashSet<_> =
                run.starts.iter().map(|(_, link)| link.number).collect();
            // each has an attempt; some of the broken ones are given up at their last one
            assert!(
                attempted.len() == 320 && run.given_up < 20,
                "{per_host}: {} {}",
                attempted.len(),
                run.given_up
            );
        }
    }

    #[test]
    fn a_failed_lookup_is_retried() {
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
    fn a_resolver_that_fails_for_minutes_does_not_give_up_a_host() {
        let run = simulate(
            HostPolicy::default(),
            8,
            (0..50)
                .map(|n| link(0, n))
                .chain((0..300).map(|n| link(1, n))),
            |link, now| {
                let fails = link.host == "http://h0.example" && now.as_secs() < 90;
                let failure = Feedback::Unresolved("dns: try again".into());
                if fails {
                    (Duration::from_millis(10), failure)
                } else {
                    (Duration::from_secs(5), Feedback::Good)
                }
            },
        );
        assert_eq!(run.given_up, 0);
    }

    #[test]
    fn an_outage_does_not_slow_a_host_forever() {
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

    #[derive(Debug)]
    struct Heavy(&'static str, bool);

    impl HasHost for Heavy {
        fn host(&self) -> Cow<'_, str> {
            self.0.into()
        }

        fn weight(&self) -> usize {
            MAX_WEIGHT
        }

        fn is_redirected(&self) -> bool {
            self.1
        }
    }

    #[test]
    fn redirected_links_go_first_while_memory_is_short() {
        let now = Instant::now();
        let mut schedule = Schedule::new(HostPolicies::default());
        for job in [Heavy("a", false), Heavy("b", false), Heavy("c", true)] {
            schedule.push(job, now).expect("no host is given up");
        }
        let mut next = || match schedule.next(now) {
            Next::Start(started) => started.job.0,
            _ => "nothing",
        };
        assert_eq!([next(), next(), next()], ["c", "a", "b"]);
        assert_eq!((schedule.weight, schedule.redirected), (0, 0));
    }
}
