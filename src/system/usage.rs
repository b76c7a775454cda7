//! What this process has used so far: processor time, memory and threads.
//!
//! | figure | Linux | other Unix | others |
//! | --- | --- | --- | --- |
//! | processor time | `getrusage` | `getrusage` | unknown |
//! | peak memory | `VmHWM` in `/proc/self/status` | `getrusage` | unknown |
//! | threads | `Threads` in `/proc/self/status` | unknown | unknown |
//!
//! On Linux, the peak of `getrusage` is no use for memory: it survives `exec`, so that a small process starts with the peak of the
//! large one that has started it.

use std::time::Duration;

/// Processor time of all threads of this process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CpuTime {
    /// In the program.
    pub user: Duration,
    /// In the system, on its behalf.
    pub system: Duration,
}

/// The processor time used so far, if the system tells.
#[cfg(unix)]
pub(crate) fn cpu_time() -> Option<CpuTime> {
    use nix::sys::resource::{UsageWho, getrusage};
    use nix::sys::time::TimeVal;
    let usage = getrusage(UsageWho::RUSAGE_SELF).ok()?;
    let time = |time: TimeVal| {
        let seconds = Duration::from_secs(u64::try_from(time.tv_sec()).ok()?);
        Some(seconds + Duration::from_micros(u64::try_from(time.tv_usec()).ok()?))
    };
    Some(CpuTime {
        user: time(usage.user_time())?,
        system: time(usage.system_time())?,
    })
}

/// The processor time used so far, if the system tells.
#[cfg(not(unix))]
pub(crate) fn cpu_time() -> Option<CpuTime> {
    None
}

/// The most memory that has been resident at once, in bytes, if the system tells.
#[cfg(target_os = "linux")]
pub(crate) fn peak_memory() -> Option<u64> {
    Some(status("VmHWM:")? * 1024)
}

/// The most memory that has been resident at once, in bytes, if the system tells.
#[cfg(all(unix, not(target_os = "linux")))]
pub(crate) fn peak_memory() -> Option<u64> {
    use nix::sys::resource::{UsageWho, getrusage};
    let most = getrusage(UsageWho::RUSAGE_SELF).ok()?.max_rss();
    let unit = if cfg!(target_vendor = "apple") {
        1
    } else {
        1024
    };
    Some(u64::try_from(most).ok()? * unit)
}

/// The most memory that has been resident at once, in bytes, if the system tells.
#[cfg(not(unix))]
pub(crate) fn peak_memory() -> Option<u64> {
    None
}

/// The number of threads of this process, if the system tells.
#[cfg(target_os = "linux")]
pub(crate) fn threads() -> Option<u64> {
    status("Threads:")
}

/// The number of threads of this process, if the system tells.
#[cfg(not(target_os = "linux"))]
pub(crate) fn threads() -> Option<u64> {
    None
}

/// The number in a line of `/proc/self/status`.
#[cfg(target_os = "linux")]
fn status(name: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let rest = status.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_whitespace().next()?.parse().ok()
}
