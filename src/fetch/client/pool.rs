//! Connections that are kept between requests.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Mutex as Gate;

use super::exchange::{Connection, Http1, Http2};

/// Below what common servers keep an idle connection for: a longer time finds it closed.
const IDLE: Duration = Duration::from_secs(15);

/// The connections to all hosts that nobody uses, and those that many use at once.
pub(super) struct Pool {
    state: Mutex<State>,
    /// So many may be idle: each of them is an open file.
    most: usize,
}

#[derive(Default)]
struct State {
    hosts: HashMap<Box<str>, Host>,
    /// How many are idle.
    idle: usize,
    swept: Option<Instant>,
}

#[derive(Default)]
struct Host {
    /// Idle ones and since when, the last one used last.
    idle: Vec<(Http1, Instant)>,
    shared: Option<(Http2, Instant)>,
    /// For one at a time to open a connection that all will share; there once it is known that they will.
    gate: Option<Arc<Gate<()>>>,
}

impl Pool {
    /// A pool in which so many connections may be idle.
    pub(super) fn new(most: usize) -> Self {
        Self {
            state: Mutex::default(),
            most,
        }
    }

    /// A connection to `host`, if one is kept.
    pub(super) fn take(&self, host: &str) -> Option<Connection> {
        let mut state = self.lock();
        let State { hosts, idle, .. } = &mut *state;
        let host = hosts.get_mut(host)?;
        if let Some((shared, used)) = &mut host.shared {
            *used = Instant::now();
            return Some(Connection::Http2(shared.clone()));
        }
        let (connection, since) = host.idle.pop()?;
        *idle -= 1;
        if since.elapsed() < IDLE {
            return Some(Connection::Http1(connection));
        }
        // the others are older
        *idle -= host.idle.len();
        host.idle.clear();
        None
    }

    /// Keeps a connection that nobody uses.
    pub(super) fn put(&self, host: &str, connection: Http1) {
        let now = Instant::now();
        let mut state = self.lock();
        state.sweep(now);
        if state.idle >= self.most {
            // those of other hosts: with so many hosts, few are asked again soon
            state.close_idle();
        }
        state.host(host).idle.push((connection, now));
        state.idle += 1;
    }

    /// Lets others use a connection, too; the one that is to be used, as somebody may have been quicker.
    pub(super) fn share(&self, host: &str, connection: Http2) -> Http2 {
        let now = Instant::now();
        let mut state = self.lock();
        state.sweep(now);
        let host = state.host(host);
        host.gate.get_or_insert_default();
        host.shared.get_or_insert((connection, now)).0.clone()
    }

    /// What lets one at a time open a connection to `host`, if many will share it.
    pub(super) fn gate(&self, host: &str) -> Option<Arc<Gate<()>>> {
        self.lock().hosts.get(host)?.gate.clone()
    }

    /// Lets nobody use the shared connection to `host` any more, if it is this one.
    pub(super) fn forget(&self, host: &str, connection: &Http2) {
        let mut state = self.lock();
        if let Some(host) = state.hosts.get_mut(host) {
            host.shared
                .take_if(|(shared, _)| shared.number == connection.number);
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

    /// Closes what has been idle for too long, now and then.
    fn sweep(&mut self, now: Instant) {
        if self.swept.is_some_and(|swept| now - swept < IDLE / 4) {
            return;
        }
        self.swept = Some(now);
        self.idle = 0;
        self.hosts.retain(|_, host| {
            host.idle.retain(|(_, since)| now - *since < IDLE);
            host.shared.take_if(|(_, used)| now - *used >= IDLE);
            self.idle += host.idle.len();
            !host.idle.is_empty() || host.shared.is_some()
        });
    }

    fn close_idle(&mut self) {
        self.hosts.values_mut().for_each(|host| host.idle.clear());
        self.idle = 0;
    }
}
