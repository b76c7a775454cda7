//! Runtimes and their threads.
//!
//! Links that threads of their own wait for share one runtime, which drives the connections of all: what one thread has
//! opened, another may use. Tasks have a runtime for each core, with its own connections and a single thread, so that no
//! other thread has to be woken for what comes over them: a fifth to a quarter less time for many small files.

use std::io;
use std::thread::available_parallelism;

use tokio::runtime::{Builder, Runtime};

/// More threads than this do not make a network faster.
const MAX_THREADS: usize = 4;

/// A runtime with a thread for each core.
///
/// # Errors
///
/// When the system has no threads or files for it.
pub(crate) fn shared() -> io::Result<Runtime> {
    // with a single thread, work on the disk would hold up signals and clocks
    start(cores().max(2))
}

/// A runtime for each core, with a single thread.
///
/// # Errors
///
/// When the system has no threads or files for them.
pub(crate) fn per_core() -> io::Result<Vec<Runtime>> {
    (0..cores()).map(|_| start(1)).collect()
}

/// These runtimes can hand their tasks to another thread while one waits for the disk (`block_in_place`).
fn start(threads: usize) -> io::Result<Runtime> {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(threads).enable_all().build()
}

fn cores() -> usize {
    available_parallelism().map_or(1, |cores| cores.get().min(MAX_THREADS))
}
