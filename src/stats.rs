//! Live counters of a run: workers and transfers add to them, the progress display and the summary read them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::Mutex;

use crate::outcome::{Counts, Outcome, Record, Status};

/// Counters that any thread may update.
#[derive(Debug, Default)]
pub(crate) struct Stats {
    counts: [AtomicU64; Status::ALL.len()],
    total: OnceLock<u64>,
    elsewhere: AtomicU64,
    saved_bytes: AtomicU64,
    received_bytes: AtomicU64,
    started: AtomicU64,
    failed_for_good: AtomicU64,
    failed_execs: AtomicU64,
    paused_hosts: AtomicUsize,
    retries: AtomicUsize,
    links_wait: AtomicBool,
    transfers: Mutex<BTreeMap<u64, Arc<Live>>>,
}

#[derive(Debug, Default)]
struct Live {
    name: String,
    received: AtomicU64,
    expected: AtomicU64,
}

impl Stats {
    /// Counts a link by its record.
    pub(crate) fn count(&self, record: &Record) {
        let status = record.outcome.status();
        self.counts[status as usize].fetch_add(1, Relaxed);
        if record.failed_for_good() {
            self.failed_for_good.fetch_add(1, Relaxed);
        }
        if record.exec_error.is_some() {
            self.failed_execs.fetch_add(1, Relaxed);
        }
        if let Outcome::Saved(saved) = &record.outcome
            && matches!(status, Status::Downloaded | Status::Resumed)
        {
            self.saved_bytes.fetch_add(saved.bytes, Relaxed);
        }
    }

    /// Takes back that a link was counted by its record: it has begun anew.
    pub(crate) fn uncount(&self, record: &Record) {
        let status = record.outcome.status();
        self.counts[status as usize].fetch_sub(1, Relaxed);
        if record.failed_for_good() {
            self.failed_for_good.fetch_sub(1, Relaxed);
        }
        if record.exec_error.is_some() {
            self.failed_execs.fetch_sub(1, Relaxed);
        }
        if let Outcome::Saved(saved) = &record.outcome
            && matches!(status, Status::Downloaded | Status::Resumed)
        {
            self.saved_bytes.fetch_sub(saved.bytes, Relaxed);
        }
    }

    /// How many links have ended with each status.
    pub(crate) fn counts(&self) -> Counts {
        Counts::from_fn(|status| self.counts[status as usize].load(Relaxed))
    }

    /// The number of links that this run has, if it is known.
    pub(crate) fn total(&self) -> Option<u64> {
        self.total.get().copied()
    }

    /// Sets the number of links that this run has, once.
    pub(crate) fn set_total(&self, links: u64) {
        let _ = self.total.set(links);
    }

    /// The number of lines that belong to other shards, as far as the list has been read.
    pub(crate) fn elsewhere(&self) -> u64 {
        self.elsewhere.load(Relaxed)
    }

    /// Counts a line that belongs to another shard. It is none of the links of this run.
    pub(crate) fn count_elsewhere(&self) {
        self.elsewhere.fetch_add(1, Relaxed);
    }

    /// The total length in bytes of the files that are new in this run.
    pub(crate) fn saved_bytes(&self) -> u64 {
        self.saved_bytes.load(Relaxed)
    }

    /// The bytes of bodies that have been received.
    pub(crate) fn received_bytes(&self) -> u64 {
        self.received_bytes.load(Relaxed)
    }

    /// The number of links with which another run will not succeed, either.
    pub(crate) fn failed_for_good(&self) -> u64 {
        self.failed_for_good.load(Relaxed)
    }

    /// The number of files for which the command of `--exec` failed.
    pub(crate) fn failed_execs(&self) -> u64 {
        self.failed_execs.load(Relaxed)
    }

    /// The number of hosts that are paused by an open circuit breaker.
    pub(crate) fn paused_hosts(&self) -> usize {
        self.paused_hosts.load(Relaxed)
    }

    /// Sets the number of hosts that are paused by an open circuit breaker.
    pub(crate) fn set_paused_hosts(&self, hosts: usize) {
        self.paused_hosts.store(hosts, Relaxed);
    }

    /// The number of links that wait for a retry.
    pub(crate) fn retries(&self) -> usize {
        self.retries.load(Relaxed)
    }

    /// Sets the number of links that wait for a retry.
    pub(crate) fn set_retries(&self, links: usize) {
        self.retries.store(links, Relaxed);
    }

    /// Sets whether links could start if there were a worker for them.
    pub(crate) fn set_links_wait(&self, wait: bool) {
        self.links_wait.store(wait, Relaxed);
    }

    /// Begins a transfer with this name for the display. It is active until it is dropped.
    pub(crate) fn begin(self: &Arc<Self>, name: String) -> Transfer {
        let number = self.started.fetch_add(1, Relaxed);
        let live = Arc::new(Live {
            name,
            ..Live::default()
        });
        self.transfers.lock().insert(number, Arc::clone(&live));
        Transfer {
            number,
            live,
            stats: Arc::clone(self),
        }
    }

    /// Up to `limit` active transfers, oldest first: number, name, received bytes, and expected bytes or 0.
    pub(crate) fn oldest(&self, limit: usize) -> Vec<(u64, String, u64, u64)> {
        let view = |(number, live): (&u64, &Arc<Live>)| {
            let (received, expected) = (live.received.load(Relaxed), live.expected.load(Relaxed));
            (*number, live.name.clone(), received, expected)
        };
        self.transfers.lock().iter().take(limit).map(view).collect()
    }
}

/// An active transfer: the handle that counts its bytes.
#[derive(Debug)]
pub(crate) struct Transfer {
    number: u64,
    live: Arc<Live>,
    stats: Arc<Stats>,
}

impl Transfer {
    /// Begins a body of `expected` bytes, if that is known, of which `received` are on disk already.
    pub(crate) fn restart(&self, received: u64, expected: Option<u64>) {
        self.live.received.store(received, Relaxed);
        self.live.expected.store(expected.unwrap_or(0), Relaxed);
    }

    /// Whether other links wait for a worker.
    pub(crate) fn holds_up_others(&self) -> bool {
        self.stats.links_wait.load(Relaxed)
    }

    /// Counts bytes that have just been received.
    pub(crate) fn advance(&self, bytes: u64) {
        self.live.received.fetch_add(bytes, Relaxed);
        self.stats.received_bytes.fetch_add(bytes, Relaxed);
    }
}

impl Drop for Transfer {
    fn drop(&mut self) {
        self.stats.transfers.lock().remove(&self.number);
    }
}

/// Bytes per second, where less than a microsecond counts as one.
pub(crate) fn rate(bytes: u64, elapsed: Duration) -> u64 {
    let rate = u128::from(bytes) * 1_000_000_000 / elapsed.as_nanos().max(1_000);
    u64::try_from(rate).unwrap_or(u64::MAX)
}
