//! The early end of a run: a signal, a limit that the user set, a full disk, a closed standard output, or a bug.
//!
//! The first cause counts. The queue is closed first, so that nothing new starts, and then all transfers are cancelled. Neither
//! waits for anything, so that a signal always works. What has become of the links is written later, by the run itself. A second
//! signal ends the process immediately, as does one outside of a run.

use std::io;
use std::mem;
use std::str::FromStr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use std::{fmt, process};

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use crate::outcome::{Counts, Status};
use crate::system::parent;
use crate::system::signals::{self, Heard};
use crate::{log, output, screen};

/// Why a run ended before its list did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The signal with this number.
    Signal(u8),
    /// Nobody reads the records on standard output any more.
    OutputClosed,
    /// No space is left in the output folder.
    DiskFull,
    /// The object store takes nothing from this run.
    BucketRefused,
    /// The limit of this option was reached.
    Limit(&'static str),
    /// The program itself failed.
    Bug,
}

/// What to do after a run that has ended early.
pub(crate) const AGAIN: &str = "run the same command again to continue";

impl Cause {
    /// The cause in words, unless whoever asked for the end knows it.
    pub(crate) fn words(self) -> Option<String> {
        Some(match self {
            Self::OutputClosed => "standard output is closed".to_owned(),
            Self::DiskFull => "no space left on the disk".to_owned(),
            Self::BucketRefused => "the object store refuses files".to_owned(),
            Self::Limit(option) => format!("`{option}` reached"),
            Self::Signal(_) | Self::Bug => return None,
        })
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(words) = self.words() {
            write!(f, "{words}; ")?;
        }
        if *self == Self::DiskFull {
            f.write_str("free some space, and ")?;
        }
        f.write_str(AGAIN)
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

    /// Ends the run. The first cause counts. Never waits.
    pub(crate) fn stop(&self, cause: Cause) {
        if matches!(cause, Cause::Signal(_) | Cause::OutputClosed) {
            output::hurry();
        }
        if self.cause.set(cause).is_ok() {
            (self.close)();
            self.token.cancel();
        }
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
}

/// The run that signals concern.
struct Attended {
    stop: Arc<Stop>,
    /// Whether a signal has asked for its end.
    asked: bool,
    status: Arc<dyn Fn() + Send + Sync>,
}

static ATTENDED: Mutex<Option<Attended>> = Mutex::new(None);

/// Starts to hear signals, for the whole process.
///
/// # Errors
///
/// If the system is out of threads or file descriptors.
pub(crate) fn hear_signals() -> io::Result<()> {
    signals::listen(|heard| match heard {
        Heard::Stop(number) => end_by(number),
        Heard::Pause => screen::while_clear(signals::pause),
        Heard::Status => {
            let status = ATTENDED.lock().as_ref().map(|run| Arc::clone(&run.status));
            match status {
                Some(status) => status(),
                None => log::print_line("no links are being fetched at the moment"),
            }
        }
    })
}

/// Ends the run, or else the process, as the signal with this number does.
fn end_by(number: u8) {
    match first_asked() {
        Some(stop) => stop.stop(Cause::Signal(number)),
        None => process::exit(128 + i32::from(number)),
    }
}

/// Ends the run as the signal with this number does, unless somebody has asked for its end before; or else the process.
pub(crate) fn end_unless_asked(number: u8) {
    let is_asked = ATTENDED.lock().as_ref().is_some_and(|run| run.asked);
    if !is_asked {
        end_by(number);
    }
}

/// From now on, the end of the process that has started this one is like SIGTERM. `stdin_is_free` if nothing else reads standard
/// input.
///
/// # Errors
///
/// If the system is out of threads.
pub(crate) fn end_with_parent(stdin_is_free: bool) -> io::Result<()> {
    const TERM: u8 = 15;
    parent::when_gone(stdin_is_free, || end_by(TERM))
}

/// The run that signals concern, unless one has asked for its end before.
fn first_asked() -> Option<Arc<Stop>> {
    let mut attended = ATTENDED.lock();
    let run = attended.as_mut()?;
    (!mem::replace(&mut run.asked, true)).then(|| Arc::clone(&run.stop))
}

/// While this lives, signals concern a run.
pub(crate) struct Attention(());

/// Lets signals end a run, or ask for its `status`.
pub(crate) fn attend(stop: &Arc<Stop>, status: impl Fn() + Send + Sync + 'static) -> Attention {
    *ATTENDED.lock() = Some(Attended {
        stop: Arc::clone(stop),
        asked: false,
        status: Arc::new(status),
    });
    Attention(())
}

impl Drop for Attention {
    fn drop(&mut self) {
        *ATTENDED.lock() = None;
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
        // the end of the run is not the fault of links
        let interrupted = counts.of(Status::Interrupted);
        let failed = counts.failed() - interrupted;
        let ended = counts.total() - interrupted;
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
        let most = if text == number { u64::MAX } else { 100 };
        match number.parse() {
            Ok(number) if (1..=most).contains(&number) => Ok(kind(number)),
            _ => Err(
                "must be a number above 0 or a percentage from 1 to 100, such as `10` or `5%`"
                    .to_owned(),
            ),
        }
    }
}
