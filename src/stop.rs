//! The early end of a run: Ctrl-C and its kin, and what makes going on pointless. A second signal ends the process at once.

use std::fmt;
use std::sync::{Arc, OnceLock};

use tokio_util::sync::CancellationToken;

use crate::process::Signals;

/// Why a run ended before its list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The signal with this number.
    Signal(u8),
    /// There is no space left in the output folder.
    DiskFull,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Signal(_) => "run the same command again to go on",
            Self::DiskFull => {
                "no space left on the disk; make room, and run the same command again"
            }
        })
    }
}

/// Whether the run is to end, and why.
pub struct Stop {
    token: CancellationToken,
    cause: OnceLock<Cause>,
    close: Box<dyn Fn() + Send + Sync>,
}

impl Stop {
    /// Nothing is to end yet. `close` will be called first then, so that nothing new is begun while the rest ends.
    pub fn new(close: impl Fn() + Send + Sync + 'static) -> Self {
        Self {
            token: CancellationToken::new(),
            cause: OnceLock::new(),
            close: Box::new(close),
        }
    }

    /// Ends the run. The first cause counts.
    pub fn stop(&self, cause: Cause) {
        let _ = self.cause.set(cause);
        (self.close)();
        self.token.cancel();
    }

    /// A token that is cancelled when the run is to end.
    #[must_use]
    pub fn token(&self) -> CancellationToken {
        self.token.clone()
    }

    /// Why the run is to end, if it is.
    #[must_use]
    pub fn cause(&self) -> Option<Cause> {
        self.cause.get().copied()
    }

    /// Turns signals into an end of the run, for as long as the runtime lives.
    pub async fn at_signals(self: Arc<Self>) {
        let mut signals = Signals::new();
        let signal = signals.next().await;
        self.stop(Cause::Signal(signal));
        std::process::exit(128 + i32::from(signals.next().await));
    }
}
