//! The early end of a run: a signal, a limit that the user set, a full disk, or a bug.
//!
//! The first cause counts. The queue is closed first, so that nothing new starts, and then all transfers are cancelled. A second
//! signal ends the process immediately.

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::outcome::Counts;
use crate::system::signals::StopSignals;

/// Why a run ended before its list did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The signal with this number.
    Signal(u8),
    /// No space is left in the output folder.
    DiskFull,
    /// The limit of this option was reached.
    Limit(&'static str),
    /// The program itself failed.
    Bug,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DiskFull => write!(f, "no space left on the disk; free some space, and ")?,
            Self::Limit(option) => write!(f, "`{option}` reached; ")?,
            Self::Signal(_) | Self::Bug => {}
        }
        f.write_str("run the same command again to continue")
    }
}

/// Whether the run must end, and why.
pub(crate) struct Stop {
    token: CancellationToken,
    cause: OnceLock<Cause>,
    close: Box<dyn Fn() + Send + Sync>,
}

impl Stop {
    /// A run that continues. Its end calls `close`, so that nothing new starts, and then cancels `token`.
    pub(crate) fn new(token: CancellationToken, close: impl Fn() + Send + Sync + 'static) -> Self {
        Self {
            token,
            cause: OnceLock::new(),
            close: Box::new(close),
        }
    }

    /// Ends the run. The first cause counts.
    pub(crate) fn stop(&self, cause: Cause) {
        let _ = self.cause.set(cause);
        (self.close)();
        self.token.cancel();
    }

    /// A token that is cancelled when the run must end.
    pub(crate) fn token(&self) -> CancellationToken {
        self.token.clone()
    }

    /// Whether the run must end.
    pub(crate) fn is_stopped(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Why the run must end, if it must.
    pub(crate) fn cause(&self) -> Option<Cause> {
        self.cause.get().copied()
    }

    /// Ends the run at the first signal, and the process at the second.
    pub(crate) async fn at_signals(self: Arc<Self>, mut signals: StopSignals) {
        let signal = signals.next().await;
        self.stop(Cause::Signal(signal));
        std::process::exit(128 + i32::from(signals.next().await));
    }
}

/// Limits at which a run ends early.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct RunLimits {
    /// The number or share of failures.
    pub failures: Option<Failures>,
    /// The duration.
    pub time: Option<Duration>,
    /// The number of new files.
    pub downloads: Option<u64>,
    /// The number of bytes of new files.
    pub bytes: Option<u64>,
}

/// How many failures are too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failures {
    /// This number.
    Count(u64),
    /// This percentage of the links that have ended, if they are at least [`MIN_ENDED`].
    Percent(u64),
}

/// A percentage of fewer links means nothing.
const MIN_ENDED: u64 = 20;

impl RunLimits {
    /// The option whose limit is reached by a run with these outcomes and this number of `bytes` of new files, if any.
    pub(crate) fn reached(&self, counts: &Counts, bytes: u64) -> Option<&'static str> {
        let (failed, ended) = (counts.failed(), counts.total());
        let downloads = counts.downloaded();
        let too_many = |failures| match failures {
            Failures::Count(most) => failed >= most,
            Failures::Percent(most) => ended >= MIN_ENDED && failed * 100 >= most * ended,
        };
        if self.failures.is_some_and(too_many) {
            Some("--max-failures")
        } else if self.downloads.is_some_and(|most| downloads >= most) {
            Some("--max-downloads")
        } else {
            let reached = self.bytes.is_some_and(|most| bytes >= most);
            reached.then_some("--quota")
        }
    }
}

impl FromStr for Failures {
    type Err = String;

    /// `10`, or `5%`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (number, kind): (_, fn(u64) -> Self) = match text.strip_suffix('%') {
            Some(percent) => (percent, Self::Percent),
            None => (text, Self::Count),
        };
        match number.parse() {
            Ok(number) if number > 0 => Ok(kind(number)),
            _ => Err("not a number or percentage above 0, such as `10` or `5%`".to_owned()),
        }
    }
}
