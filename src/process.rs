//! What the process asks of the system: threads, signals and limits. Each has a portable form.

use std::io;
use std::num::NonZeroUsize;

#[cfg(unix)]
use std::task::Poll;

use tokio::runtime::{Builder, Runtime};

use crate::mode::Mode;

/// A runtime with a thread of its own, which goes on with other tasks while one waits for the disk.
///
/// # Errors
///
/// When the system has no thread or no file for it.
pub(crate) fn runtime() -> io::Result<Runtime> {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(1).enable_all().build()
}

/// A runtime for a thread that is there already.
///
/// # Errors
///
/// When the system has no file for it.
pub(crate) fn runtime_of_thread() -> io::Result<Runtime> {
    let mut builder = Builder::new_current_thread();
    // it has a connection or two, and needs no room for the news of a thousand
    builder.max_io_events_per_tick(16).enable_all().build()
}

/// How many threads can keep the cores busy with the I/O of so many jobs: one each, and no more than a network does. Few jobs
/// have a thread each, which the system moves to where there is time: with two jobs in each of two, one ends early.
pub(crate) fn io_threads(jobs: NonZeroUsize) -> usize {
    if jobs.get() <= IO_THREADS {
        return jobs.get();
    }
    std::thread::available_parallelism().map_or(1, |cores| cores.get().min(IO_THREADS))
}

const IO_THREADS: usize = 4;

/// Has memory that is freed kept for what comes next. The C library of Linux gives back to the system what exceeds twice the
/// largest piece that has been freed yet, 128 KiB at first, and then takes it anew for each link and each thread. Other
/// libraries decide otherwise, and lose nothing by this.
pub(crate) fn keep_memory() {
    drop(std::hint::black_box(Vec::<u8>::with_capacity(KEPT_MEMORY)));
}

/// In bytes, half of what a thread keeps at most.
const KEPT_MEMORY: usize = 1024 * 1024;

/// For each job, so many connections may be kept that are not in use.
pub(crate) const KEPT_OF_JOB: usize = 2;

/// A runtime opens so many files.
const FILES_OF_RUNTIME: u64 = 4;

/// As many jobs as wanted, or as many as a process can do that may open only so many files at once. To be asked before there
/// are threads.
pub(crate) fn jobs_within(wanted: NonZeroUsize, mode: Mode) -> NonZeroUsize {
    let Some(limit) = raise_open_files() else {
        return wanted;
    };
    // for a job a file, its connection and those that are kept; some for lists, the journal and signals
    let (of_job, rest) = (2 + KEPT_OF_JOB as u64, 24);
    let (of_job, rest) = if mode.has_threads() {
        (of_job + FILES_OF_RUNTIME, rest)
    } else {
        (of_job, rest + IO_THREADS as u64 * FILES_OF_RUNTIME)
    };
    let room = usize::try_from(limit.saturating_sub(rest) / of_job).unwrap_or(usize::MAX);
    let jobs = NonZeroUsize::new(room)
        .unwrap_or(NonZeroUsize::MIN)
        .min(wanted);
    expect_open_files(jobs.get() as u64 * of_job + rest);
    jobs
}

/// Makes the table of open files as large as it will be. Each time it grows, a process that has threads waits on Linux until
/// all cores have seen that (a grace period of RCU, some 10 ms), and with it whoever opens something.
#[cfg(unix)]
fn expect_open_files(files: u64) {
    let last = i32::try_from(files).unwrap_or(i32::MAX) - 1;
    // without it, all goes well, and slower
    let _ = rustix::io::fcntl_dupfd_cloexec(io::stderr(), last);
}

/// There is no such table.
#[cfg(not(unix))]
fn expect_open_files(_: u64) {}

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

/// Makes a write beyond the largest file that is allowed an error and not the end of the process. To be called within a
/// runtime.
#[cfg(unix)]
pub(crate) fn survive_large_files() {
    use tokio::signal::unix::{SignalKind, signal};
    // it stays as it is after the handle is gone
    let _ = signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()));
}

/// It is an error already.
#[cfg(not(unix))]
pub(crate) fn survive_large_files() {}

/// SIGINT, SIGTERM and SIGHUP, except those that were ignored when we were started: `nohup` and `&` rely on that.
#[cfg(unix)]
pub(crate) struct Signals(Vec<(u8, tokio::signal::unix::Signal)>);

#[cfg(unix)]
impl Signals {
    pub(crate) fn new() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        let ignored = ignored_signals();
        let kinds = [
            SignalKind::interrupt(),
            SignalKind::terminate(),
            SignalKind::hangup(),
        ];
        let wanted = kinds.into_iter().filter_map(|kind| {
            let number = u8::try_from(kind.as_raw_value()).ok()?;
            let heeded = ignored & (1 << (number - 1)) == 0;
            // a signal that cannot be listened to does what it does without us
            heeded.then(|| signal(kind).ok().map(|signal| (number, signal)))?
        });
        Self(wanted.collect())
    }

    pub(crate) async fn next(&mut self) -> u8 {
        std::future::poll_fn(|context| {
            let mut signals = self.0.iter_mut();
            let came = signals.find_map(|(number, signal)| {
                signal.poll_recv(context).is_ready().then_some(*number)
            });
            came.map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }
}

/// The signals that ask how far a run is: SIGUSR1, and where there is one SIGINFO (Ctrl-T).
#[cfg(unix)]
pub(crate) struct Asked(Vec<tokio::signal::unix::Signal>);

#[cfg(unix)]
impl Asked {
    pub(crate) fn new() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        let kinds = [
            SignalKind::user_defined1(),
            #[cfg(any(
                target_os = "macos",
                target_os = "freebsd",
                target_os = "netbsd",
                target_os = "openbsd"
            ))]
            SignalKind::info(),
        ];
        Self(
            kinds
                .into_iter()
                .filter_map(|kind| signal(kind).ok())
                .collect(),
        )
    }

    pub(crate) async fn next(&mut self) {
        std::future::poll_fn(|context| {
            let came = self
                .0
                .iter_mut()
                .any(|signal| signal.poll_recv(context).is_ready());
            if came { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

/// Nobody can ask.
#[cfg(not(unix))]
pub(crate) struct Asked;

#[cfg(not(unix))]
impl Asked {
    pub(crate) fn new() -> Self {
        Self
    }

    pub(crate) async fn next(&mut self) {
        std::future::pending().await
    }
}

/// The signals that this process ignores, as a bit set; none where the system does not say.
#[cfg(unix)]
fn ignored_signals() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0)
}

#[cfg(not(unix))]
pub(crate) struct Signals;

#[cfg(not(unix))]
impl Signals {
    pub(crate) fn new() -> Self {
        Self
    }

    pub(crate) async fn next(&mut self) -> u8 {
        const INTERRUPT: u8 = 2;
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        INTERRUPT
    }
}
