//! Work on the disk: done on the spot while that is quick, and beside the other links while it is not.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::block_in_place;

/// What takes so long may be the disk, or the system that had something else to do meanwhile.
const LONG: Duration = Duration::from_millis(5);

/// With so many milliseconds of late, a disk is slow, such as one behind a network: it would hold up the links of a whole core.
const SLOW: u32 = 50;

/// How the disk has done lately.
#[derive(Debug, Default)]
pub(super) struct Disk {
    /// What it has taken for things that took long, in milliseconds; one less for each that did not.
    late: AtomicU32,
}

impl Disk {
    /// Does something on the disk. To hand the other links of this thread to another one costs more than a quick disk takes.
    pub(super) fn act<T>(&self, act: impl FnOnce() -> T) -> T {
        let late = self.late.load(Relaxed);
        let begun = Instant::now();
        let done = if late >= SLOW && is_shared() {
            block_in_place(act)
        } else {
            act()
        };
        let taken = begun.elapsed();
        if taken >= LONG {
            let taken = u32::try_from(taken.as_millis()).unwrap_or(u32::MAX);
            self.late
                .store(late.saturating_add(taken).min(2 * SLOW), Relaxed);
        } else if late > 0 {
            self.late.store(late - 1, Relaxed);
        }
        done
    }
}

/// Whether this thread has other links to go on with.
fn is_shared() -> bool {
    Handle::try_current()
        .is_ok_and(|runtime| runtime.runtime_flavor() == RuntimeFlavor::MultiThread)
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
        disk.act(|| std::thread::sleep(Duration::from_millis(SLOW.into())));
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
        disk.act(|| std::thread::sleep(Duration::from_millis(SLOW.into())));
        while disk.late.load(Relaxed) >= SLOW {
            disk.act(|| ());
        }
    }
}
