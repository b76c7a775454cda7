//! The early end of a run: Ctrl-C and its kin, and what makes going on pointless. A second signal ends the process at once.

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::outcome::Counts;
use crate::system::signals::StopSignals;

/// Why a run ended before its list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The signal with this number.
    Signal(u8),
    /// There is no space left in the output folder.
    DiskFull,
    /// The user wanted no more: the option that said so.
    Limit(&'static str),
    /// The program itself has failed.
    Bug,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DiskFull => {
                f.write_str("no space left on the disk; make room, and run the same command again")
            }
            Self::Signal(_) | Self::Bug => f.write_str("run the same command again to go on"),
            Self::Limit(option) => write!(
                f,
                "`{option}` is reached; run the same command again to go on"
            ),
        }
    }
}

/// Whether the run is to end, and why.
pub(crate) struct Stop {
    token: CancellationToken,
    cause: OnceLock<Cause>,
    close: Box<dyn Fn() + Send + Sync>,
}

impl Stop {
    /// Nothing is to end yet. When it is, `close` will be called first, so that nothing new is begun while the rest ends, and
    /// then `token` is cancelled.
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

    /// A token that is cancelled when the run is to end.
    pub(crate) fn token(&self) -> CancellationToken {
        self.token.clone()
    }

    /// Whether the run is to end.
    pub(crate) fn is_stopped(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Why the run is to end, if it is.
    pub(crate) fn cause(&self) -> Option<Cause> {
        self.cause.get().copied()
    }

    /// Turns signals into an end of the run, for as long as the runtime lives.
    pub(crate) async fn at_signals(self: Arc<Self>) {
        let mut signals = StopSignals::new();
        let signal = signals.next().await;
        self.stop(Cause::Signal(signal));
        std::process::exit(128 + i32::from(signals.next().await));
    }
}

/// When a run has done enough.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct RunLimits {
    /// So many failures, or this share of all links that have ended.
    pub failures: Option<Failures>,
    /// So long a time.
    pub time: Option<Duration>,
    /// So many new files.
    pub downloads: Option<u64>,
    /// So many bytes of new files.
    pub bytes: Option<u64>,
}

/// A number of failures that is too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failures {
    /// So many.
    Count(u64),
    /// So many in a hundred, once so many links have ended that it means something.
    Percent(u64),
}

/// A share of fewer links says nothing.
const MIN_ENDED: u64 = 20;

impl RunLimits {
    /// The option by which a run with these outcomes and so many bytes of new files has done enough, if there is one.
    pub(crate) fn reached(&self, counts: &Counts, bytes: u64) -> Option<&'static str> {
        let (failed, ended) = (counts.failed(), counts.total());
        let downloads = counts.downloaded();
        let too_many = match self.failures {
            Some(Failures::Count(count)) => failed >= count,
            Some(Failures::Percent(percent)) => {
                ended >= MIN_ENDED && failed * 100 >= percent * ended
            }
            None => false,
        };
        if too_many {
            Some("--max-failures")
        } else if self.downloads.is_some_and(|most| downloads >= most) {
            Some("--max-downloads")
        } else if self.bytes.is_some_and(|most| bytes >= most) {
            Some("--quota")
        } else {
            None
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
            _ => Err("a number or a share, such as `10` or `5%`".to_owned()),
        }
    }
}
