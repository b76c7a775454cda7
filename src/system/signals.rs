//! Signals: those that end a run, and those that ask for its progress.
//!
//! They are heard on a thread of their own, which does nothing else: it never waits for anything but signals.

use std::io;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;
use std::time::Instant;

use parking_lot::Mutex;
use tokio::runtime::Builder;

/// When this process has been continued.
static CONTINUED: Mutex<Option<Instant>> = Mutex::new(None);

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heard {
    /// The end, by the signal with this number.
    Stop(u8),
    /// The progress.
    Status,
    /// A pause, until the shell continues it (Ctrl-Z).
    Pause,
}

/// Listens to signals from now on, and calls `hear` for each of them. Must be called only once per process.
///
/// # Errors
///
/// If the system is out of threads or file descriptors.
pub(crate) fn listen(hear: impl Fn(Heard) + Send + 'static) -> io::Result<()> {
    let (listening, is_listening) = sync_channel(1);
    let name = thread::Builder::new().name("signals".to_owned());
    name.spawn(move || {
        if let Err(error) = run(&hear, &listening) {
            let _ = listening.send(Err(error));
        }
    })?;
    is_listening.recv().map_err(io::Error::other)?
}

fn run(hear: &impl Fn(Heard), listening: &SyncSender<io::Result<()>>) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(async {
        survive_large_files();
        let (mut stop, mut status) = (StopSignals::new(), StatusSignals::new());
        let mut pause = PauseSignal::new();
        let _ = listening.send(Ok(()));
        loop {
            hear(tokio::select! {
                number = stop.next() => Heard::Stop(number),
                () = status.next() => Heard::Status,
                () = pause.next() => Heard::Pause,
            });
        }
    })
}

/// Stops this process until somebody continues it.
pub(crate) fn pause() {
    stop();
    *CONTINUED.lock() = Some(Instant::now());
}

/// When this process has been continued the last time after a pause.
pub(crate) fn continued() -> Option<Instant> {
    *CONTINUED.lock()
}

#[cfg(unix)]
use unix::{PauseSignal, StatusSignals, StopSignals, stop, survive_large_files};

#[cfg(not(unix))]
use other::{PauseSignal, StatusSignals, StopSignals, stop, survive_large_files};

#[cfg(unix)]
mod unix {
    use std::future::poll_fn;
    use std::task::Poll;

    use std::time::Duration;

    use nix::unistd::getsid;
    use rustix::process;
    use tokio::signal::unix::{Signal, SignalKind, signal};

    /// How long the system may take to stop all threads.
    const STOPPING: Duration = Duration::from_millis(20);

    /// Makes a write beyond the largest allowed file an error instead of the end of the process. Needs a runtime.
    pub(super) fn survive_large_files() {
        // tokio's handler stays when the returned listener is dropped
        let _ = signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()));
    }

    /// SIGINT, SIGTERM and SIGHUP, except those that were ignored when the process started: `nohup` and `&` rely on that.
    pub(super) struct StopSignals(Vec<(u8, Signal)>);

    impl StopSignals {
        /// Starts to listen. Needs a runtime.
        pub(super) fn new() -> Self {
            let ignored = ignored_signals();
            let kinds = [
                SignalKind::interrupt(),
                SignalKind::terminate(),
                SignalKind::hangup(),
            ];
            Self(listen(&kinds, |number| ignored & (1 << (number - 1)) == 0))
        }

        /// The number of the next signal.
        pub(super) async fn next(&mut self) -> u8 {
            next(&mut self.0).await
        }
    }

    /// The signals that ask for the progress of a run: SIGUSR1 and, where it exists, SIGINFO (Ctrl-T).
    pub(super) struct StatusSignals(Vec<(u8, Signal)>);

    impl StatusSignals {
        /// Starts to listen. Needs a runtime.
        pub(super) fn new() -> Self {
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
            Self(listen(&kinds, |_| true))
        }

        /// Waits for the next signal.
        pub(super) async fn next(&mut self) {
            next(&mut self.0).await;
        }
    }

    /// SIGTSTP, unless it was ignored when the process started, or the system would ignore it: where no shell is there to continue
    /// the process, it would never go on.
    pub(super) struct PauseSignal(Vec<(u8, Signal)>);

    impl PauseSignal {
        /// Starts to listen. Needs a runtime.
        pub(super) fn new() -> Self {
            let kind = SignalKind::from_raw(process::Signal::TSTP.as_raw());
            let ignored = ignored_signals();
            let is_wanted = |number: u8| ignored & (1_u64 << (number - 1)) == 0 && has_shell();
            Self(listen(&[kind], is_wanted))
        }

        /// Waits for the next signal.
        pub(super) async fn next(&mut self) {
            if self.0.is_empty() {
                std::future::pending::<()>().await;
            }
            next(&mut self.0).await;
        }
    }

    /// Whether the parent is in the same session.
    fn has_shell() -> bool {
        // those of nix, which may be 0: that of a session outside of this container
        let parent = nix::unistd::getppid();
        parent.as_raw() != 0 && getsid(Some(parent)) == getsid(None)
    }

    /// Stops this process until somebody continues it.
    pub(super) fn stop() {
        let _ = process::kill_process(process::getpid(), process::Signal::STOP);
        // another thread may take the signal, a moment later
        std::thread::sleep(STOPPING);
    }

    /// Listens to those of `kinds` that are `wanted`. One that cannot be listened to keeps its default effect.
    fn listen(kinds: &[SignalKind], wanted: impl Fn(u8) -> bool) -> Vec<(u8, Signal)> {
        let signals = kinds.iter().filter_map(|kind| {
            let number = u8::try_from(kind.as_raw_value()).ok()?;
            wanted(number).then(|| Some((number, signal(*kind).ok()?)))?
        });
        signals.collect()
    }

    /// The number of the next of `signals` that arrives.
    async fn next(signals: &mut [(u8, Signal)]) -> u8 {
        poll_fn(|context| {
            for (number, signal) in &mut *signals {
                if signal.poll_recv(context).is_ready() {
                    return Poll::Ready(*number);
                }
            }
            Poll::Pending
        })
        .await
    }

    /// The signals that this process ignores, as a bit set; none where the system does not say.
    fn ignored_signals() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
            .unwrap_or(0)
    }
}

#[cfg(not(unix))]
mod other {
    /// Does nothing: a write beyond the largest allowed file is an error already.
    pub(super) fn survive_large_files() {}

    /// Ctrl-C.
    pub(super) struct StopSignals;

    impl StopSignals {
        pub(super) fn new() -> Self {
            Self
        }

        pub(super) async fn next(&mut self) -> u8 {
            const INTERRUPT: u8 = 2;
            if tokio::signal::ctrl_c().await.is_err() {
                std::future::pending::<()>().await;
            }
            INTERRUPT
        }
    }

    /// Nothing stops a process for a while.
    pub(super) struct PauseSignal;

    impl PauseSignal {
        pub(super) fn new() -> Self {
            Self
        }

        pub(super) async fn next(&mut self) {
            std::future::pending().await
        }
    }

    /// Does nothing.
    pub(super) fn stop() {}

    /// No signal asks for the progress of a run.
    pub(super) struct StatusSignals;

    impl StatusSignals {
        pub(super) fn new() -> Self {
            Self
        }

        pub(super) async fn next(&mut self) {
            std::future::pending().await
        }
    }
}
