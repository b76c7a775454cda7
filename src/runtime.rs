//! Tokio runtimes and their threads.
//!
//! OS threads that wait for their links share one runtime, which drives all connections: any thread may use a connection
//! that another one opened. Tasks get one single-threaded runtime per core, each with its own connections, so that a
//! response never has to wake another thread. That saves a fifth to a quarter of the time for many small files.

use std::io;
use std::thread::available_parallelism;

use tokio::runtime::{Builder, Runtime};

/// More threads do not make a network faster.
const MAX_THREADS: usize = 4;

/// A runtime with one thread per core: at least two, at most four.
///
/// # Errors
///
/// If the system is out of threads or file descriptors.
pub(crate) fn shared() -> io::Result<Runtime> {
    // on a single thread, disk access would hold up signals and timers
    start(cores().max(2))
}

/// One single-threaded runtime per core.
///
/// # Errors
///
/// If the system is out of threads or file descriptors.
pub(crate) fn per_core() -> io::Result<Vec<Runtime>> {
    (0..cores()).map(|_| start(1)).collect()
}

/// Multi-threaded even with one thread, because only such a runtime can move its tasks to another thread while one waits
/// for the disk (`block_in_place`).
fn start(threads: usize) -> io::Result<Runtime> {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(threads).enable_all().build()
}

fn cores() -> usize {
    available_parallelism().map_or(1, |cores| cores.get().min(MAX_THREADS))
}
