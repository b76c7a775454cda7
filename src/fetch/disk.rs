//! Disk operations: on the current thread while the disk is fast, and off the runtime while it is slow.
//!
//! `block_in_place` moves the other links of a worker thread to another thread, which costs more than a typical write. It
//! pays only for a slow disk, such as one behind a network, which would stall all links of the worker.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::block_in_place;

/// An operation is slow from this duration on. A single one may also be due to the scheduler of the system.
const LONG: Duration = Duration::from_millis(10);

/// The disk is slow from this sum of recent slow operations on, in milliseconds.
const SLOW: u32 = 50;

/// How many operations run off the runtime at once. Each takes a thread, and a slow disk does not get faster with more.
const MOST: usize = 8;

/// How fast the disk has been recently.
#[derive(Debug, Default)]
pub(super) struct Disk {
    /// How many operations run off the runtime.
    moved: AtomicUsize,
    /// The duration of slow operations in milliseconds, less one for each fast operation since.
    slowness: AtomicU32,
}

impl Disk {
    /// Runs a disk operation.
    pub(super) fn act<T>(&self, act: impl FnOnce() -> T) -> T {
        let slowness = self.slowness.load(Relaxed);
        let started = Instant::now();
        let done = if slowness >= SLOW && is_shared() {
            self.off_runtime(act)
        } else {
            act()
        };
        let taken = started.elapsed();
        if taken >= LONG {
            let taken = u32::try_from(taken.as_millis()).unwrap_or(u32::MAX);
            self.slowness
                .store(slowness.saturating_add(taken).min(2 * SLOW), Relaxed);
        } else if slowness > 0 {
            self.slowness.store(slowness - 1, Relaxed);
        }
        done
    }

    fn off_runtime<T>(&self, act: impl FnOnce() -> T) -> T {
        let done = if self.moved.fetch_add(1, Relaxed) < MOST {
            block_in_place(act)
        } else {
            act()
        };
        self.moved.fetch_sub(1, Relaxed);
        done
    }
}

/// Whether this thread also runs other links.
fn is_shared() -> bool {
    Handle::try_current()
        .is_ok_and(|runtime| runtime.runtime_flavor() == RuntimeFlavor::MultiThread)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, mpsc};

    use super::*;

    #[test]
    fn a_slow_disk_stalls_only_the_links_that_wait_for_it() {
        let mut one = tokio::runtime::Builder::new_multi_thread();
        let one = one.worker_threads(1).build().expect("a runtime");
        let disk = Arc::new(Disk::default());
        disk.act(|| std::thread::sleep(Duration::from_millis(SLOW.into())));
        let (sender, receiver) = mpsc::channel();
        let waiting = one.spawn(async move { disk.act(|| receiver.recv()) });
        // needs the only worker thread, which must not be the blocked one
        let other = one.spawn(async move { sender.send(7) });
        let (came, sent) = one.block_on(async { (waiting.await, other.await) });
        assert_eq!(came.expect("no panic"), Ok(7));
        assert!(sent.expect("no panic").is_ok());
    }

    #[test]
    fn a_disk_recovers() {
        let disk = Disk::default();
        disk.act(|| std::thread::sleep(Duration::from_millis(SLOW.into())));
        while disk.slowness.load(Relaxed) >= SLOW {
            disk.act(|| ());
        }
    }
}
