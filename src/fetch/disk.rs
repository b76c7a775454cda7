//! Work on the disk: done on the spot while that is quick, and beside the other links while it is not.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

use tokio::task::block_in_place;

/// A disk that takes so long for one thing, such as one behind a network, would hold up the links of a whole core.
const SLOW: Duration = Duration::from_millis(5);

/// After so many quick answers in a row, a disk is taken for quick again.
const QUICK: u32 = 100;

/// How the disk has done lately.
#[derive(Debug, Default)]
pub(super) struct Disk {
    /// How many quick answers it still owes.
    wary: AtomicU32,
}

impl Disk {
    /// Does something on the disk. To hand the other links of this thread to another one costs more than a quick disk takes.
    pub(super) fn act<T>(&self, act: impl FnOnce() -> T) -> T {
        let wary = self.wary.load(Relaxed);
        let begun = Instant::now();
        let done = if wary > 0 { block_in_place(act) } else { act() };
        if begun.elapsed() >= SLOW {
            self.wary.store(QUICK, Relaxed);
        } else if wary > 0 {
            self.wary.store(wary - 1, Relaxed);
        }
        done
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, mpsc};

    use super::*;

    #[test]
    fn a_slow_disk_holds_up_nobody_but_who_waits_for_it() {
        let mut one = tokio::runtime::Builder::new_multi_thread();
        let one = one.worker_threads(1).build().expect("a runtime");
        let disk = Arc::new(Disk::default());
        disk.act(|| std::thread::sleep(SLOW));
        let (sender, receiver) = mpsc::channel();
        let waiting = one.spawn(async move { disk.act(|| receiver.recv()) });
        // on the only worker, which must not be the one that waits
        let other = one.spawn(async move { sender.send(7) });
        let (came, sent) = one.block_on(async { (waiting.await, other.await) });
        assert_eq!(came.expect("no panic"), Ok(7));
        assert!(sent.expect("no panic").is_ok());
    }

    #[test]
    fn a_disk_that_is_quick_again_is_trusted_again() {
        let disk = Disk::default();
        disk.act(|| std::thread::sleep(SLOW));
        while disk.wary.load(Relaxed) > 0 {
            disk.act(|| ());
        }
    }
}
