//! The limit of files that a process may open at the same time. Connections count as files.

use std::num::NonZeroUsize;

/// Files for lists, the journal, the runtimes and signals.
const RESERVED: usize = 40;

/// A job has a file and a connection.
const PER_JOB: usize = 2;

/// Idle connections beyond this number only cost memory.
const MAX_IDLE: usize = 256;

/// The number of jobs that can run at the same time, `wanted` or fewer, and the number of idle connections that may stay
/// open beside them: 256, or two per job if that is more, as far as the limit of open files allows.
pub(crate) fn jobs_and_idle(wanted: NonZeroUsize) -> (NonZeroUsize, usize) {
    let limit = raise_open_files().unwrap_or(u64::MAX);
    let free = usize::try_from(limit).unwrap_or(usize::MAX);
    let free = free.saturating_sub(RESERVED);
    // half of the files are for idle connections if there are few
    let jobs = NonZeroUsize::new(free / (2 * PER_JOB)).unwrap_or(NonZeroUsize::MIN);
    let jobs = jobs.min(wanted);
    let idle = free.saturating_sub(PER_JOB * jobs.get());
    (jobs, idle.min(MAX_IDLE.max(2 * jobs.get())))
}

/// Raises the limit of open files as far as the system allows, and returns it; none if there is no limit.
#[cfg(unix)]
fn raise_open_files() -> Option<u64> {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // best effort: the limit as it is may suffice
    let _ = setrlimit(Resource::Nofile, limit);
    getrlimit(Resource::Nofile).current
}

/// There is no such limit.
#[cfg(not(unix))]
fn raise_open_files() -> Option<u64> {
    None
}
