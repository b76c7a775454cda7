//! Threads that do nothing: they keep room for others under the limits of the system.

use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

/// Threads that do nothing. Once they are dropped, as many others can be started.
#[derive(Default)]
pub(crate) struct Idle(Vec<(Sender<()>, JoinHandle<Id>)>);

impl Idle {
    /// Starts so many of them.
    ///
    /// # Errors
    ///
    /// If the system is out of threads.
    pub(crate) fn start(threads: usize) -> io::Result<Self> {
        let mut idle = Self::default();
        for _ in 0..threads {
            let (end, ended) = channel();
            // with a stack of the size that all threads have: address space may be limited, too
            let thread = thread::Builder::new().spawn(move || wait(&ended))?;
            idle.0.push((end, thread));
        }
        Ok(idle)
    }
}

fn wait(ended: &Receiver<()>) -> Id {
    let _ = ended.recv();
    id()
}

impl Drop for Idle {
    fn drop(&mut self) {
        let (ends, threads): (Vec<_>, Vec<_>) = self.0.drain(..).unzip();
        drop(ends);
        for id in threads.into_iter().filter_map(|thread| thread.join().ok()) {
            wait_until_gone(id);
        }
    }
}

#[cfg(target_os = "linux")]
use linux::{Id, id, wait_until_gone};

#[cfg(not(target_os = "linux"))]
use other::{Id, id, wait_until_gone};

#[cfg(target_os = "linux")]
mod linux {
    use std::path::Path;
    use std::thread;
    use std::time::{Duration, Instant};

    pub(super) type Id = i32;

    /// How long a thread that has ended may take to leave the process. It has to be scheduled once more for that.
    const PATIENCE: Duration = Duration::from_secs(1);

    /// How long that takes at most if nothing else runs: a sleep would take longer.
    const SOON: Duration = Duration::from_micros(200);

    pub(super) fn id() -> Id {
        rustix::thread::gettid().as_raw_nonzero().get()
    }

    /// Waits until a thread that has ended does not count any more, which is a moment after it could be joined.
    pub(super) fn wait_until_gone(id: Id) {
        let (path, since) = (format!("/proc/self/task/{id}"), Instant::now());
        while Path::new(&path).exists() && since.elapsed() < PATIENCE {
            if since.elapsed() < SOON {
                thread::yield_now();
            } else {
                thread::sleep(SOON);
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod other {
    pub(super) type Id = ();

    pub(super) fn id() -> Id {}

    pub(super) fn wait_until_gone((): Id) {}
}
