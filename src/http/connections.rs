//! What is known of connections besides what the pool of the client knows: which have been used before, and how many have
//! been opened.
//!
//! A connection is known by its local port. No other one gets the same port within the time that an idle one is kept.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering::Relaxed};
use std::time::Instant;

use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpInfo;

use super::IDLE_TIMEOUT;
use super::error::{find, is_unanswered};

/// The connections of a client.
#[derive(Debug)]
pub(super) struct Connections {
    /// By local port, when a connection gave its last answer: in seconds since `begin`, counted from 1, or 0 for never.
    answered_at: Box<[AtomicU32]>,
    begin: Instant,
    opened: AtomicUsize,
    max_idle: usize,
}

impl Connections {
    pub(super) fn new(max_idle: usize) -> Self {
        Self {
            answered_at: (0..=u16::MAX).map(|_| AtomicU32::new(0)).collect(),
            begin: Instant::now(),
            opened: AtomicUsize::new(0),
            max_idle,
        }
    }

    /// Notes that a connection has given an answer; tells whether so many have been opened that the idle ones among them are
    /// too many, and begins to count anew then.
    pub(super) fn answered(&self, response: &reqwest::Response) -> bool {
        let Some(port) = port(response.extensions()) else {
            return false;
        };
        let now = self.now();
        let before = self.answered_at[usize::from(port)].swap(now, Relaxed);
        if is_recent(before, now) || self.opened.fetch_add(1, Relaxed) + 1 < self.max_idle {
            return false;
        }
        self.opened.store(0, Relaxed);
        true
    }

    /// Whether a request got no answer because an idle connection had been closed by the server.
    pub(super) fn lost_idle(&self, error: &reqwest::Error) -> bool {
        let mut extensions = http::Extensions::new();
        if let Some(connection) = find::<legacy::Error>(error).and_then(legacy::Error::connect_info)
        {
            connection.get_extras(&mut extensions);
        }
        let used = |port: u16| {
            let before = self.answered_at[usize::from(port)].load(Relaxed);
            is_recent(before, self.now())
        };
        is_unanswered(error) && port(&extensions).is_some_and(used)
    }

    fn now(&self) -> u32 {
        u32::try_from(self.begin.elapsed().as_secs() + 1).unwrap_or(u32::MAX)
    }
}

fn is_recent(before: u32, now: u32) -> bool {
    before > 0 && u64::from(now - before.min(now)) <= IDLE_TIMEOUT.as_secs()
}

fn port(extensions: &http::Extensions) -> Option<u16> {
    Some(extensions.get::<HttpInfo>()?.local_addr().port())
}
