//! Ctrl-C and its kin: the first one ends the run in order, the second one at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

/// Whether the run is to end, and which signal said so.
#[derive(Debug, Default)]
pub struct Interrupt {
    token: CancellationToken,
    signal: AtomicU8,
}

impl Interrupt {
    /// Listens on `runtime`, and calls `stop` at the first signal.
    pub fn listen(runtime: &Runtime, stop: impl FnOnce() + Send + 'static) -> Arc<Self> {
        let interrupt = Arc::new(Self::default());
        let ours = Arc::clone(&interrupt);
        runtime.spawn(async move {
            let mut signals = Signals::new();
            let signal = signals.next().await;
            ours.signal.store(signal, Relaxed);
            ours.token.cancel();
            stop();
            std::process::exit(128 + i32::from(signals.next().await));
        });
        interrupt
    }

    /// A token that is cancelled by the first signal.
    #[must_use]
    pub fn token(&self) -> CancellationToken {
        self.token.clone()
    }

    /// The number of the signal that came, if one did.
    #[must_use]
    pub fn signal(&self) -> Option<u8> {
        Some(self.signal.load(Relaxed)).filter(|signal| *signal > 0)
    }
}

/// SIGINT, SIGTERM and SIGHUP, except those that were ignored when we were started: `nohup` and `&` rely on that.
#[cfg(unix)]
struct Signals(Vec<(u8, tokio::signal::unix::Signal)>);

#[cfg(unix)]
impl Signals {
    fn new() -> Self {
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

    async fn next(&mut self) -> u8 {
        use std::task::Poll;
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

/// The signals that this process ignores, as a bit set; none where the system does not say.
#[cfg(unix)]
fn ignored_signals() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0)
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> Self {
        Self
    }

    async fn next(&mut self) -> u8 {
        const INTERRUPT: u8 = 2;
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        INTERRUPT
    }
}
