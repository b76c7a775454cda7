//! Tokio runtimes and their threads.
//!
//! OS threads that wait for their links share one runtime, which drives all connections: any thread may use a connection
//! that another one opened. Tasks get one single-threaded runtime per core, each with its own connections, so that a
//! response never has to wake another thread. That saves a fifth to a quarter of the time for many small files.
//!
//! A system may have no threads left (`ulimit -u`, a limit of its container), and tokio panics then, or waits for ever for a
//! thread that it could not start. Each runtime is therefore started only if the system has enough of them, and keeps a thread
//! for blocking work, such as looking up names, which waits for it if there is no other.

use std::io;
use std::thread::available_parallelism;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use crate::system::threads::Idle;

/// More threads do not make a network faster.
const MAX_THREADS: usize = 4;

/// Threads and processes that the rest of the program may start meanwhile.
pub(crate) const SPARE: usize = 2;

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
        let mut usual = vec![cores().max(2)];
        if with_tasks {
            usual.extend([1].repeat(cores()));
        }
        let fewer = &usual[..usual.len().min(2)];
        let fewest = &[1, 1][..fewer.len()];
        let probed = probe(&usual).or_else(|_| probe(fewer));
        let threads = probed.or_else(|_| probe(fewest))?;
        let mut runtimes = threads.iter().map(|threads| start(*threads));
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

/// Runs `task` on this thread, outside of all runtimes, for what must be known before there are any.
///
/// # Errors
///
/// If the system is out of threads or file descriptors.
pub(crate) fn run_alone<T>(task: impl Future<Output = T>) -> io::Result<T> {
    let runtime = alone()?;
    let done = runtime.block_on(task);
    runtime.shutdown_background();
    Ok(done)
}

/// A runtime whose tasks run on the thread that waits for them.
///
/// # Errors
///
/// If the system is out of file descriptors.
pub(crate) fn alone() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
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

/// The same numbers, if the system lets this process start runtimes with so many threads each.
fn probe(runtimes: &[usize]) -> io::Result<&[usize]> {
    let threads = runtimes.iter().map(|threads| threads + 1).sum::<usize>() + SPARE;
    Idle::start(threads).map(|_| runtimes)
}

fn cores() -> usize {
    available_parallelism().map_or(1, |cores| cores.get().min(MAX_THREADS))
}
