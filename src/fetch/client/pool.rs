//! Connections that are kept between requests.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::runtime::{Handle, Id};
use tokio::sync::Mutex as Gate;

use super::exchange::{Connection, Http1, Http2};

/// Below what common servers keep an idle connection for: a longer time finds it closed.
const IDLE: Duration = Duration::from_secs(15);

/// The connections to all hosts that nobody uses, and those that many use at once.
pub(super) struct Pool {
    state: Mutex<State>,
    /// So many may be kept: each of them is an open file.
    most: usize,
}

#[derive(Default)]
struct State {
    hosts: HashMap<Box<str>, Host>,
    /// How many are kept.
    kept: usize,
    swept: Option<Instant>,
}

#[derive(Default)]
struct Host {
    /// Those that nobody uses, the last one used last.
    idle: Vec<Idle>,
    /// Those that many use: another one in each runtime, which drives it, or one for all.
    shared: Vec<Shared>,
}

/// A connection that any runtime may use, though best the one that it was last used in.
struct Idle {
    connection: Http1,
    since: Instant,
    runtime: Id,
}

struct Shared {
    /// The runtime that it is for; none if it is for all.
    runtime: Option<Id>,
    /// The connection and when it was last asked for.
    connection: Option<(Http2, Instant)>,
    /// For one at a time to open it.
    gate: Arc<Gate<()>>,
}

impl Pool {
    /// A pool that keeps so many connections.
    pub(super) fn new(most: usize) -> Self {
        Self {
            state: Mutex::default(),
            most,
        }
    }

    /// A connection to `host`, if one is kept.
    pub(super) fn take(&self, host: &str) -> Option<Connection> {
        let mut state = self.lock();
        let State { hosts, kept, .. } = &mut *state;
        let host = hosts.get_mut(host)?;
        let here = Handle::current().id();
        // a host that was near may have become far, and the other way round
        let mut shared = (host.shared.iter_mut()).filter(|shared| shared.is_for(Some(here)));
        if let Some((connection, used)) = shared.find_map(|shared| shared.connection.as_mut()) {
            *used = Instant::now();
            return Some(Connection::Http2(connection.clone()));
        }
        let nearest = host.idle.iter().rposition(|idle| idle.runtime == here);
        let last = host.idle.len().checked_sub(1)?;
        let idle = host.idle.remove(nearest.unwrap_or(last));
        *kept -= 1;
        (idle.since.elapsed() < IDLE).then_some(Connection::Http1(idle.connection))
    }

    /// Keeps a connection that nobody uses.
    pub(super) fn put(&self, host: &str, connection: Http1) {
        let idle = Idle {
            connection,
            since: Instant::now(),
            runtime: Handle::current().id(),
        };
        let mut state = self.lock();
        state.make_room(idle.since, self.most);
        state.kept += 1;
        state.host(host).idle.push(idle);
    }

    /// Lets others use a connection, too; the one that is to be used, as somebody may have been quicker.
    pub(super) fn share(&self, host: &str, connection: Http2) -> Http2 {
        let now = Instant::now();
        let mut state = self.lock();
        state.make_room(now, self.most);
        let shared = state.host(host).shared(connection.runtime);
        if let Some((quicker, _)) = &shared.connection {
            return quicker.clone();
        }
        shared.connection = Some((connection.clone(), now));
        state.kept += 1;
        connection
    }

    /// What lets one at a time open a connection to `host`, once it is known that many can share it.
    pub(super) fn gate(&self, host: &str) -> Option<Arc<Gate<()>>> {
        let mut state = self.lock();
        let host = state.hosts.get_mut(host)?;
        let here = Some(Handle::current().id());
        (!host.shared.is_empty()).then(|| Arc::clone(&host.shared(here).gate))
    }

    /// Lets nobody use the shared connection to `host` any more, if it is this one.
    pub(super) fn forget(&self, host: &str, connection: &Http2) {
        let mut state = self.lock();
        let State { hosts, kept, .. } = &mut *state;
        let shared = hosts.get_mut(host).into_iter();
        for shared in shared.flat_map(|host| &mut host.shared) {
            let this = |(other, _): &mut (Http2, _)| other.number == connection.number;
            *kept -= usize::from(shared.connection.take_if(this).is_some());
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn host(&mut self, host: &str) -> &mut Host {
        // most are known
        if !self.hosts.contains_key(host) {
            self.hosts.insert(host.into(), Host::default());
        }
        self.hosts
            .get_mut(host)
            .expect("it was inserted if it was missing")
    }

    /// Closes what has not been used for too long, now and then, and all if there are `most`: with so many hosts, few are
    /// asked again soon.
    fn make_room(&mut self, now: Instant, most: usize) {
        if self.kept >= most {
            self.hosts.clear();
            self.kept = 0;
        }
        if self.swept.is_some_and(|swept| now - swept < IDLE / 4) {
            return;
        }
        self.swept = Some(now);
        self.kept = 0;
        self.hosts.retain(|_, host| {
            host.idle.retain(|idle| now - idle.since < IDLE);
            host.shared.retain(|shared| {
                let used = shared.connection.as_ref().map(|(_, used)| *used);
                used.is_some_and(|used| now - used < IDLE)
            });
            let kept = host.idle.len() + host.shared.len();
            self.kept += kept;
            kept > 0
        });
    }
}

impl Shared {
    /// Whether it is for this runtime, or for all as that is.
    fn is_for(&self, runtime: Option<Id>) -> bool {
        self.runtime.is_none() || self.runtime == runtime
    }
}

impl Host {
    /// What is shared in a runtime, or by all.
    fn shared(&mut self, runtime: Option<Id>) -> &mut Shared {
        let known = self.shared.iter().position(|shared| shared.is_for(runtime));
        let place = known.unwrap_or_else(|| {
            self.shared.push(Shared {
                runtime,
                connection: None,
                gate: Arc::default(),
            });
            self.shared.len() - 1
        });
        &mut self.shared[place]
    }
}
