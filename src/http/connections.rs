//! What the pool of the client does not reveal about connections: which have been used before, and how many were opened.
//!
//! A connection is identified by its local port. Two connections may share one if their destinations differ, which is rare,
//! and costs no more than a request that is resent.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering::Relaxed};
use std::time::Instant;

use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpInfo;

use super::IDLE_TIMEOUT;
use super::error::{find, lacks_response};

/// The connections of a client.
#[derive(Debug)]
pub(super) struct Connections {
    /// When the connection of each local port was last in use: in seconds since `start` plus 1, or 0 for never.
    last_use: Box<[AtomicU32]>,
    start: Instant,
    opened: AtomicUsize,
    max_idle: usize,
}

impl Connections {
    pub(super) fn new(max_idle: usize) -> Self {
        Self {
            last_use: (0..=u16::MAX).map(|_| AtomicU32::new(0)).collect(),
            start: Instant::now(),
            opened: AtomicUsize::new(0),
            max_idle,
        }
    }

    /// Records a response. Returns whether too many idle connections may be open by now: so many have been opened since this
    /// was last true.
    pub(super) fn record(&self, response: &reqwest::Response) -> bool {
        let Some(port) = port(response.extensions()) else {
            return false;
        };
        let now = self.now();
        let before = self.last_use[usize::from(port)].swap(now, Relaxed);
        if is_recent(before, now) || self.opened.fetch_add(1, Relaxed) + 1 < self.max_idle {
            return false;
        }
        self.opened.store(0, Relaxed);
        true
    }

    /// Records the end of a response: its connection is idle from now on.
    pub(super) fn idle(&self, response: &reqwest::Response) {
        if let Some(port) = port(response.extensions()) {
            self.last_use[usize::from(port)].store(self.now(), Relaxed);
        }
    }

    /// Whether a request failed because the server had closed the idle connection that it was sent over.
    pub(super) fn lost_idle(&self, error: &reqwest::Error) -> bool {
        let mut extensions = http::Extensions::new();
        let failed = find::<legacy::Error>(error);
        if let Some(connection) = failed.and_then(legacy::Error::connect_info) {
            connection.get_extras(&mut extensions);
        }
        let used = |port: u16| {
            let before = self.last_use[usize::from(port)].load(Relaxed);
            is_recent(before, self.now())
        };
        lacks_response(error) && port(&extensions).is_some_and(used)
    }

    fn now(&self) -> u32 {
        u32::try_from(self.start.elapsed().as_secs() + 1).unwrap_or(u32::MAX)
    }
}

fn is_recent(before: u32, now: u32) -> bool {
    before > 0 && u64::from(now - before.min(now)) <= IDLE_TIMEOUT.as_secs()
}

fn port(extensions: &http::Extensions) -> Option<u16> {
    Some(extensions.get::<HttpInfo>()?.local_addr().port())
}
