//! Tokio runtimes and their threads.
//!
//! OS threads that wait for their links share one runtime, which drives all connections: any thread may use a connection
//! that another one opened. Tasks get one single-threaded runtime per core, each with its own connections, so that a
//! response never has to wake another thread. That saves a fifth to a quarter of the time for many small files.
//!
//! A system may have no threads left (`ulimit -u`, a limit of its container), and tokio panics then. Each runtime is therefore
//! started only if the system has enough of them, and keeps a thread for blocking work, such as looking up names, which waits
//! for it if there is no other.

use std::io;
use std::thread::{self, available_parallelism};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::runtime::{Builder, Runtime};

/// More threads do not make a network faster.
const MAX_THREADS: usize = 4;

/// Threads that the rest of the program may start meanwhile.
const SPARE: usize = 2;

/// How long a thread for blocking work waits for some: for the whole run.
const FOREVER: Duration = Duration::from_hours(24 * 365);

/// The runtimes of a run.
pub(crate) struct Runtimes {
    /// One for all threads, with a thread of its own per core: at least two, at most four.
    pub shared: Runtime,
    /// Single-threaded ones for tasks: one per core, or as many as the system has threads for; none if there are no tasks.
    pub tasks: Vec<Runtime>,
}

impl Runtimes {
    /// Starts all of them, those for tasks only if they are `with_tasks`.
    ///
    /// # Errors
    ///
    /// If the system is out of threads or file descriptors.
    pub(crate) fn start(with_tasks: bool) -> io::Result<Self> {
        // on a single thread, disk access would hold up timers
        let mut threads = vec![cores().max(2)];
        if with_tasks {
            threads.extend([1].repeat(cores()));
        }
        probe(&threads).or_else(|_| {
            // one for tasks has to do
            threads.truncate(2);
            probe(&threads)
        })?;
        let mut runtimes = threads.into_iter().map(start);
        let shared = runtimes.next().expect("there is at least one")?;
        let tasks = runtimes.collect::<io::Result<_>>()?;
        Ok(Self { shared, tasks })
    }

    /// Ends all of them, without waiting for lookups of names that are still running.
    pub(crate) fn shutdown(self) {
        self.tasks
            .into_iter()
            .for_each(Runtime::shutdown_background);
        self.shared.shutdown_background();
    }
}

/// Multi-threaded even with one thread, because only such a runtime can move its tasks to another thread while one waits
/// for the disk (`block_in_place`).
fn start(threads: usize) -> io::Result<Runtime> {
    let mut builder = Builder::new_multi_thread();
    let builder = builder.worker_threads(threads).thread_keep_alive(FOREVER);
    let runtime = builder.enable_all().build()?;
    runtime.spawn_blocking(|| ());
    Ok(runtime)
}

/// Whether the system lets this process start runtimes with so many threads each.
fn probe(runtimes: &[usize]) -> io::Result<()> {
    let threads = runtimes.iter().map(|threads| threads + 1).sum::<usize>() + SPARE;
    let gate = Mutex::new(());
    let closed = gate.lock();
    thread::scope(|scope| {
        // with stacks of the size that tokio's threads have, too: address space may be limited
        let start = |_| {
            let thread = thread::Builder::new();
            thread.spawn_scoped(scope, || drop(gate.lock())).map(drop)
        };
        let started = (0..threads).try_for_each(start);
        drop(closed);
        started
    })
}

fn cores() -> usize {
    available_parallelism().map_or(1, |cores| cores.get().min(MAX_THREADS))
}
