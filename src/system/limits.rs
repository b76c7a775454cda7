//! The limit of files that a process may open at the same time. Connections count as files.

use std::num::NonZeroUsize;

/// The number of jobs that can run at the same time: `wanted`, or fewer if the limit of open files is too low.
pub(crate) fn jobs_within(wanted: NonZeroUsize, files_per_job: u64) -> NonZeroUsize {
    let Some(limit) = raise_open_files() else {
        return wanted;
    };
    // 32 for lists, the journal, the runtime and signals
    let jobs = limit.saturating_sub(32) / files_per_job;
    let jobs = usize::try_from(jobs).unwrap_or(usize::MAX);
    wanted.min(NonZeroUsize::new(jobs).unwrap_or(NonZeroUsize::MIN))
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
