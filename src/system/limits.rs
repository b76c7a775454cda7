//! Limits of the system: of files that a process may open at the same time, where connections count as files; and of threads
//! and processes.

use std::io;
use std::num::NonZeroUsize;

/// Why there are no more threads, for messages.
pub(crate) const NO_MORE_THREADS: &str =
    "the system allows no more threads (`ulimit -u`, or the limit of a container)";

/// Files for lists, records, the journal, the runtimes and signals.
const RESERVED: usize = 48;

/// A job has a file and a connection.
const PER_JOB: usize = 2;

/// Idle connections beyond this number only cost memory.
const MAX_IDLE: usize = 256;

/// Files for what cannot be known before, such as the commands of `--exec`.
const SPARE: usize = 256;

/// The number of jobs that can run at the same time, `wanted` or fewer, and the number of idle connections that may stay
/// open beside them: 256, or two per job if that is more, as far as the limit of open files allows.
pub(crate) fn jobs_and_idle(wanted: NonZeroUsize) -> (NonZeroUsize, usize) {
    let max_idle = |jobs: NonZeroUsize| MAX_IDLE.max(jobs.get().saturating_mul(2));
    let needed = wanted.get().saturating_mul(PER_JOB);
    let needed = needed.saturating_add(max_idle(wanted) + open_files() + RESERVED + SPARE);
    let limit = raise_open_files(needed as u64).unwrap_or(u64::MAX);
    let free = usize::try_from(limit).unwrap_or(usize::MAX);
    let free = free.saturating_sub(RESERVED);
    // half of the files are for idle connections if there are few
    let jobs = NonZeroUsize::new(free / (2 * PER_JOB)).unwrap_or(NonZeroUsize::MIN);
    let jobs = jobs.min(wanted);
    let idle = free.saturating_sub(PER_JOB * jobs.get());
    (jobs, idle.min(max_idle(jobs)))
}

/// The `error` of a thread or a process that could not be started, in words that say what is missing.
pub(crate) fn explained(error: io::Error) -> io::Error {
    if is_out_of_threads(&error) {
        io::Error::new(error.kind(), NO_MORE_THREADS)
    } else {
        error
    }
}

/// Whether a thread or a process could not be started because there are too many.
pub(crate) fn is_out_of_threads(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}

/// The number of files that are open already, such as lists; 0 where the system does not say.
fn open_files() -> usize {
    let folders = ["/proc/self/fd", "/dev/fd"].iter();
    let mut open = folders.filter_map(|folder| std::fs::read_dir(folder).ok());
    open.next().map_or(0, Iterator::count)
}

#[cfg(unix)]
pub(crate) use unix::original_open_files;
#[cfg(unix)]
use unix::raise_open_files;

#[cfg(not(unix))]
use other::raise_open_files;

#[cfg(unix)]
mod unix {
    use std::sync::OnceLock;

    use rustix::process::{Resource, getrlimit, setrlimit};

    static ORIGINAL: OnceLock<u64> = OnceLock::new();

    /// The limit of open files that this process was started with, if it has been raised since. Programs that were written for a
    /// low limit close all possible files one by one, or cannot use any beyond the first thousand.
    pub(crate) fn original_open_files() -> Option<u64> {
        ORIGINAL.get().copied()
    }

    /// Raises the limit of open files to what is `needed`, as far as the system allows, and returns it; none if there is no limit.
    pub(super) fn raise_open_files(needed: u64) -> Option<u64> {
        let mut limit = getrlimit(Resource::Nofile);
        let current = limit.current?;
        if current < needed {
            limit.current = Some(limit.maximum.map_or(needed, |most| most.min(needed)));
            // best effort: the limit as it is may suffice
            if limit.current > Some(current) && setrlimit(Resource::Nofile, limit).is_ok() {
                let _ = ORIGINAL.set(current);
            }
        }
        getrlimit(Resource::Nofile).current
    }
}

#[cfg(not(unix))]
mod other {
    /// There is no such limit.
    pub(super) fn raise_open_files(_: u64) -> Option<u64> {
        None
    }
}
