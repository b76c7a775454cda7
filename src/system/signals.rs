//! Signals: those that end a run, and those that ask how far it is.

#[cfg(unix)]
use std::task::Poll;

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
pub(crate) struct StopSignals(Vec<(u8, tokio::signal::unix::Signal)>);

#[cfg(unix)]
impl StopSignals {
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
pub(crate) struct StatusSignals(Vec<tokio::signal::unix::Signal>);

#[cfg(unix)]
impl StatusSignals {
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
pub(crate) struct StatusSignals;

#[cfg(not(unix))]
impl StatusSignals {
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
pub(crate) struct StopSignals;

#[cfg(not(unix))]
impl StopSignals {
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
