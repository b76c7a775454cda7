//! How much a process may have at once.

use std::num::NonZeroUsize;

/// As many jobs as wanted, or as many as a process can do that may open only so many files at once.
pub(crate) fn jobs_within(wanted: NonZeroUsize, files_per_job: u64) -> NonZeroUsize {
    let Some(limit) = raise_open_files() else {
        return wanted;
    };
    // some for lists, the journal, the runtime and signals
    let room = limit.saturating_sub(32) / files_per_job;
    let room = usize::try_from(room).unwrap_or(usize::MAX);
    NonZeroUsize::new(room)
        .unwrap_or(NonZeroUsize::MIN)
        .min(wanted)
}

/// Raises the number of files and connections that may be open at once as far as the system lets us, and tells it.
#[cfg(unix)]
fn raise_open_files() -> Option<u64> {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // a limit that stays as it is may suffice
    let _ = setrlimit(Resource::Nofile, limit);
    getrlimit(Resource::Nofile).current
}

/// There is no such limit to raise.
#[cfg(not(unix))]
fn raise_open_files() -> Option<u64> {
    None
}
