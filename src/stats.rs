//! Live counts of a run: what the progress display reads while transfers add to them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use parking_lot::Mutex;

use crate::outcome::{Counts, Outcome, Record, Status};

/// Counters that any thread may add to.
#[derive(Debug, Default)]
pub(crate) struct Stats {
    counts: [AtomicU64; Status::ALL.len()],
    saved_bytes: AtomicU64,
    received_bytes: AtomicU64,
    started: AtomicU64,
    failed_execs: AtomicU64,
    paused_hosts: AtomicUsize,
    retries: AtomicUsize,
    transfers: Mutex<BTreeMap<u64, Arc<Live>>>,
}

#[derive(Debug)]
struct Live {
    name: String,
    received: AtomicU64,
    expected: AtomicU64,
}

impl Stats {
    /// Counts a link that has ended.
    pub(crate) fn count(&self, record: &Record) {
        let status = record.outcome.status();
        self.failed_execs
            .fetch_add(record.exec_error.is_some().into(), Relaxed);
        self.counts[status as usize].fetch_add(1, Relaxed);
        if let (Outcome::Saved(saved), Status::Downloaded | Status::Resumed) =
            (&record.outcome, status)
        {
            self.saved_bytes.fetch_add(saved.bytes, Relaxed);
        }
    }

    /// How many links have ended with each status.
    pub(crate) fn counts(&self) -> Counts {
        Counts::from_fn(|status| self.counts[status as usize].load(Relaxed))
    }

    /// The length of the files that this run has brought, in bytes.
    pub(crate) fn saved_bytes(&self) -> u64 {
        self.saved_bytes.load(Relaxed)
    }

    /// The bytes of bodies that have come so far.
    pub(crate) fn received_bytes(&self) -> u64 {
        self.received_bytes.load(Relaxed)
    }

    /// For how many files the command of `--exec` has failed.
    pub(crate) fn failed_execs(&self) -> u64 {
        self.failed_execs.load(Relaxed)
    }

    /// How many hosts are paused because they do not work.
    pub(crate) fn paused_hosts(&self) -> usize {
        self.paused_hosts.load(Relaxed)
    }

    /// Notes how many hosts are paused because they do not work.
    pub(crate) fn set_paused_hosts(&self, hosts: usize) {
        self.paused_hosts.store(hosts, Relaxed);
    }

    /// How many links wait for another attempt.
    pub(crate) fn retries(&self) -> usize {
        self.retries.load(Relaxed)
    }

    /// Notes how many links wait for another attempt.
    pub(crate) fn set_retries(&self, links: usize) {
        self.retries.store(links, Relaxed);
    }

    /// Begins a transfer, which is active until it is dropped.
    pub(crate) fn begin(self: &Arc<Self>, name: String) -> Transfer {
        let number = self.started.fetch_add(1, Relaxed);
        let live = Arc::new(Live {
            name,
            received: AtomicU64::new(0),
            expected: AtomicU64::new(0),
        });
        self.transfers.lock().insert(number, Arc::clone(&live));
        Transfer {
            number,
            live,
            stats: Arc::clone(self),
        }
    }

    /// The oldest active transfers, at most `limit`: number, name, received bytes, and expected bytes or 0.
    pub(crate) fn oldest(&self, limit: usize) -> Vec<(u64, String, u64, u64)> {
        let view = |(number, live): (&u64, &Arc<Live>)| {
            (
                *number,
                live.name.clone(),
                live.received.load(Relaxed),
                live.expected.load(Relaxed),
            )
        };
        self.transfers.lock().iter().take(limit).map(view).collect()
    }
}

/// One active transfer: a handle to add its bytes with.
#[derive(Debug)]
pub(crate) struct Transfer {
    number: u64,
    live: Arc<Live>,
    stats: Arc<Stats>,
}

impl Transfer {
    /// Begins a body: `received` bytes of it are here already, of `expected` if that is known.
    pub(crate) fn restart(&self, received: u64, expected: Option<u64>) {
        self.live.received.store(received, Relaxed);
        self.live.expected.store(expected.unwrap_or(0), Relaxed);
    }

    /// Adds bytes that have just come.
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

/// Bytes a second; 0 when no time has passed.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a rate to look at"
)]
pub(crate) fn rate(bytes: u64, elapsed: Duration) -> u64 {
    (bytes as f64 / elapsed.as_secs_f64().max(0.000_001)) as u64
}
