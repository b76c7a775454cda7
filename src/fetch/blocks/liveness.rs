//! When hosts have last been seen to work. Pure.
//!
//! What a request that began before a block brings says nothing about it. So this keeps when the last request began that has
//! brought something of its own. A table of fixed size without locks; a host that loses its place to another one has to be
//! seen again.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use super::hash::quick;

/// How many hosts are known.
const PLACES: usize = 1024;

/// How many bits of a place are the time, in microseconds: enough for half a year. The others are of the host.
const TIME: u32 = 44;

/// Hosts, and when they have been seen to work.
#[derive(Debug)]
pub(super) struct Liveness {
    begun: Instant,
    places: Box<[AtomicU64]>,
}

impl Default for Liveness {
    fn default() -> Self {
        Self {
            begun: Instant::now(),
            places: (0..PLACES).map(|_| AtomicU64::new(0)).collect(),
        }
    }
}

impl Liveness {
    /// Notes that a request to `host` which began at `at` has brought a file, or else a page that leads on. Whether that had not
    /// been seen before.
    pub(super) fn note(&self, host: u64, at: Instant, is_pdf: bool) -> bool {
        let (place, owner) = self.place(host, is_pdf);
        let new = owner << TIME | self.time(at);
        let old = place.load(Relaxed);
        if old >> TIME != owner || old < new {
            place.store(new, Relaxed);
        }
        old >> TIME != owner
    }

    /// Forgets a host.
    pub(super) fn forget(&self, host: u64, is_pdf: bool) {
        self.place(host, is_pdf).0.store(0, Relaxed);
    }

    /// Whether such a request has begun after `at`, as far as is known.
    pub(super) fn since(&self, host: u64, at: Instant, is_pdf: bool) -> bool {
        let (place, owner) = self.place(host, is_pdf);
        place.load(Relaxed) > (owner << TIME | self.time(at))
            && place.load(Relaxed) >> TIME == owner
    }

    fn place(&self, host: u64, is_pdf: bool) -> (&AtomicU64, u64) {
        let hash = quick(host, &[u8::from(is_pdf)]);
        #[expect(clippy::cast_possible_truncation, reason = "it is a remainder")]
        let index = (hash % PLACES as u64) as usize;
        (&self.places[index], hash >> TIME)
    }

    fn time(&self, at: Instant) -> u64 {
        let time = at.saturating_duration_since(self.begun).as_micros();
        u64::try_from(time).unwrap_or(u64::MAX) & ((1 << TIME) - 1)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_last_request_counts() {
        let liveness = Liveness::default();
        let at = |seconds| liveness.begun + Duration::from_secs(seconds);
        liveness.note(1, at(5), true);
        liveness.note(1, at(3), true);
        for (host, second, is_pdf, expected) in [
            (1, 4, true, true),
            (1, 5, true, false),
            (1, 4, false, false),
            (2, 4, true, false),
        ] {
            assert_eq!(liveness.since(host, at(second), is_pdf), expected);
        }
    }
}
