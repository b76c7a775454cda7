//! What the pool of the client does not reveal about connections: which have been used before, and how many were opened.
//!
//! A connection is identified by its local port and its destination. Of connections that share a port, which is common with
//! thousands of hosts, only the last one used is known. That costs no more than a retry, or new connections.

use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Instant;

use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpInfo;

use super::IDLE_TIMEOUT;
use super::error::{find, lacks_response};

/// The connections of a client.
#[derive(Debug)]
pub(super) struct Connections {
    /// The [`Use`] of each local port.
    last_use: Box<[AtomicU64]>,
    hasher: RandomState,
    start: Instant,
    opened: AtomicUsize,
    max_idle: usize,
}

/// When a connection was last in use, in seconds since [`Connections::start`] plus 1, and a hash of its destination in the
/// upper half. 0 stands for never.
type Use = u64;

impl Connections {
    pub(super) fn new(max_idle: usize) -> Self {
        Self {
            last_use: (0..=u16::MAX).map(|_| AtomicU64::new(0)).collect(),
            hasher: RandomState::new(),
            start: Instant::now(),
            opened: AtomicUsize::new(0),
            max_idle,
        }
    }

    /// Records a response. Returns whether too many idle connections may be open by now: so many have been opened since this
    /// was last true.
    pub(super) fn record(&self, response: &reqwest::Response) -> bool {
        let addresses = addresses(response.extensions());
        let is_new = addresses.is_some_and(|(port, remote)| self.is_new(port, remote));
        if !is_new || self.opened.fetch_add(1, Relaxed) + 1 < self.max_idle {
            return false;
        }
        self.opened.store(0, Relaxed);
        true
    }

    /// Records the end of a response: its connection is idle from now on.
    pub(super) fn idle(&self, response: &reqwest::Response) {
        if let Some((port, remote)) = addresses(response.extensions()) {
            self.last_use[port].store(self.use_now(remote), Relaxed);
        }
    }

    /// Whether a request failed because the server had closed the idle connection that it was sent over.
    pub(super) fn lost_idle(&self, error: &reqwest::Error) -> bool {
        let mut extensions = http::Extensions::new();
        let failed = find::<legacy::Error>(error);
        if let Some(connection) = failed.and_then(legacy::Error::connect_info) {
            connection.get_extras(&mut extensions);
        }
        let used = |(port, remote): (usize, SocketAddr)| {
            let before = self.last_use[port].load(Relaxed);
            is_recent(before, self.use_now(remote))
        };
        lacks_response(error) && addresses(&extensions).is_some_and(used)
    }

    /// Whether the connection from `port` to `remote` has not been used before. From now on, it has.
    fn is_new(&self, port: usize, remote: SocketAddr) -> bool {
        let now = self.use_now(remote);
        let before = self.last_use[port].swap(now, Relaxed);
        !is_recent(before, now)
    }

    fn use_now(&self, remote: SocketAddr) -> Use {
        let seconds = u32::try_from(self.start.elapsed().as_secs() + 1).unwrap_or(u32::MAX);
        self.hasher.hash_one(remote) << 32 | u64::from(seconds)
    }
}

/// Whether the connection was in use before, not long ago.
fn is_recent(before: Use, now: Use) -> bool {
    let seconds = |time: Use| time & u64::from(u32::MAX);
    let is_same = before >> 32 == now >> 32 && before > 0;
    is_same && seconds(now).saturating_sub(seconds(before)) <= IDLE_TIMEOUT.as_secs()
}

/// The local port and the destination.
fn addresses(extensions: &http::Extensions) -> Option<(usize, SocketAddr)> {
    let info = extensions.get::<HttpInfo>()?;
    Some((info.local_addr().port().into(), info.remote_addr()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_to_other_hosts_from_the_same_port_are_new() {
        let connections = Connections::new(1);
        let remote = |host| SocketAddr::from(([127, 0, 0, host], 80));
        let hosts = [1, 1, 2, 2, 1];
        let are_new = hosts.map(|host| connections.is_new(40_000, remote(host)));
        assert_eq!(are_new, [true, false, true, false, true]);
        assert!(connections.is_new(40_001, remote(1)));
    }
}
