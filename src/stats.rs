//! Live counters of a run: workers and transfers add to them, the progress display and the summary read them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::outcome::{Counts, Outcome, Record, Status};

/// A host that comes back sooner is not called paused, unless it was before.
const WORTH_A_WORD: Duration = Duration::from_secs(2);

/// What is worth a word about the files of a run, besides their statuses.
#[derive(Debug, Clone, Copy, Default)]
pub struct Notes {
    /// Files that may be damaged.
    pub suspect: u64,
    /// New files in the place of earlier ones.
    pub replaced: u64,
    /// Files that the user has changed, and that count as the files of their links.
    pub adopted: u64,
    /// Files that the user has changed, and that were kept beside a new one.
    pub beside: u64,
    /// Files that the user has given another name.
    pub renamed: u64,
    /// Rows of tables, and entries of bibliographies, that have no link.
    pub without_link: u64,
}

/// Counters that any thread may update.
#[derive(Debug, Default)]
pub(crate) struct Stats {
    counts: [AtomicU64; Status::ALL.len()],
    total: OnceLock<u64>,
    elsewhere: AtomicU64,
    suspect: AtomicU64,
    replaced: AtomicU64,
    adopted: AtomicU64,
    beside: AtomicU64,
    renamed: AtomicU64,
    saved_bytes: AtomicU64,
    received_bytes: AtomicU64,
    started: AtomicU64,
    failed_for_good: AtomicU64,
    failed_execs: AtomicU64,
    paused_hosts: Mutex<Vec<(Instant, Arc<str>)>>,
    retries: AtomicUsize,
    links_wait: AtomicBool,
    transfers: Mutex<BTreeMap<u64, Arc<Live>>>,
}

/// An active transfer at some time.
#[derive(Debug, Clone)]
pub(crate) struct Active {
    /// Its number, by which it is known again.
    pub number: u64,
    /// The name of its file, or its link.
    pub name: Arc<str>,
    /// The bytes that have been received.
    pub received: u64,
    /// The bytes that are expected, or 0.
    pub expected: u64,
}

#[derive(Debug)]
struct Live {
    name: Arc<str>,
    received: AtomicU64,
    expected: AtomicU64,
}

impl Stats {
    /// Counts a link by its record.
    pub(crate) fn count(&self, record: &Record) {
        let status = record.outcome.status();
        self.counts[status as usize].fetch_add(1, Relaxed);
        for note in self.notes_of(record) {
            note.fetch_add(1, Relaxed);
        }
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
        for note in self.notes_of(record) {
            note.fetch_sub(1, Relaxed);
        }
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

    /// The counters of what is worth a word about the file of a link.
    fn notes_of(&self, record: &Record) -> impl Iterator<Item = &AtomicU64> {
        let saved = match &record.outcome {
            Outcome::Saved(saved) if saved.status != Status::Duplicate => Some(saved),
            _ => None,
        };
        // that of an earlier file is not in each record: see `count_present`
        let is_new = record.is_new_file();
        let suspect = saved.is_some_and(|saved| is_new && saved.suspect.is_some());
        let kept = saved.filter(|saved| saved.kept.is_some());
        let kept = kept.map(|saved| match saved.status {
            Status::Present => &self.adopted,
            _ => &self.beside,
        });
        kept.into_iter().chain(suspect.then_some(&self.suspect))
    }

    /// What is worth a word about the files.
    pub(crate) fn notes(&self) -> Notes {
        let [suspect, replaced, adopted, beside, renamed] = [
            &self.suspect,
            &self.replaced,
            &self.adopted,
            &self.beside,
            &self.renamed,
        ]
        .map(|count| count.load(Relaxed));
        Notes {
            suspect,
            replaced,
            adopted,
            beside,
            renamed,
            without_link: 0,
        }
    }

    /// Counts a new file that has taken the place of an earlier one.
    pub(crate) fn count_replaced(&self) {
        self.replaced.fetch_add(1, Relaxed);
    }

    /// Counts what is worth a word about an earlier file, besides what its record says.
    pub(crate) fn count_present(&self, is_suspect: bool, is_renamed: bool) {
        for (is_it, count) in [(is_suspect, &self.suspect), (is_renamed, &self.renamed)] {
            count.fetch_add(is_it.into(), Relaxed);
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

    /// The hosts that are paused, and when they come back, the first one first.
    pub(crate) fn paused_hosts(&self) -> Vec<(Instant, Arc<str>)> {
        let (mut hosts, now) = (self.paused_hosts.lock().clone(), Instant::now());
        hosts.retain(|(until, _)| *until > now);
        hosts
    }

    /// Sets the hosts that are paused, in order.
    pub(crate) fn set_paused_hosts(&self, mut hosts: Vec<(Instant, Arc<str>)>) {
        let (mut known, soon) = (self.paused_hosts.lock(), Instant::now() + WORTH_A_WORD);
        hosts.retain(|host| host.0 >= soon || known.binary_search(host).is_ok());
        *known = hosts;
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
            name: name.into(),
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

    /// Up to `limit` active transfers, oldest first, and how many there are.
    pub(crate) fn oldest(&self, limit: usize) -> (Vec<Active>, usize) {
        let view = |(number, live): (&u64, &Arc<Live>)| Active {
            number: *number,
            name: live.name.clone(),
            received: live.received.load(Relaxed),
            expected: live.expected.load(Relaxed),
        };
        let transfers = self.transfers.lock();
        let oldest = transfers.iter().take(limit).map(view);
        (oldest.collect(), transfers.len())
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
