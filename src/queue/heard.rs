//! What has been heard of a request that runs: when its response began, and what that says of the limits of the host.
//!
//! A host counts a request when it arrives, which is at some time between its start and its response. Connections take time to be
//! made, so that the first request of a window may arrive late, and the next ones soon after they start. Times of a rate are
//! therefore counted from the response: then no window of the host's own clock has more requests than it allows.

use std::time::Instant;

use parking_lot::Mutex;

use super::pace::Told;

/// What has been heard of a request.
#[derive(Debug, Default)]
pub struct Heard(Mutex<News>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct News {
    at: Option<Instant>,
    told: Option<Told>,
}

impl Heard {
    /// Records that a response has begun.
    pub(crate) fn begins(&self, told: Option<Told>, now: Instant) {
        let mut news = self.0.lock();
        news.at = Some(now);
        news.told = told.or(news.told);
    }

    /// Records that nothing more will be heard.
    pub(super) fn ends(&self, now: Instant) {
        self.0.lock().at.get_or_insert(now);
    }

    /// When the request has arrived at the latest, if that is known.
    pub(super) fn at(&self) -> Option<Instant> {
        self.0.lock().at
    }

    /// What the host has said of its limits.
    pub(super) fn told(&self) -> Option<Told> {
        self.0.lock().told
    }
}

impl PartialEq for Heard {
    fn eq(&self, other: &Self) -> bool {
        let news = *self.0.lock();
        std::ptr::eq(self, other) || news == *other.0.lock()
    }
}

impl Eq for Heard {}
