//! What became of a run: the counts, the summary, and the records of its links.

mod hosts;
mod journal;
mod output;
mod reasons;
mod record;
mod tally;

use std::fmt;
use std::time::Duration;

use indicatif::HumanBytes;

pub use hosts::{Failing, HostTally, Notable};
pub use journal::{Detail, History, Journal, Known, SavedLine, each_saved};
pub use output::{FIELDS, Output, OutputOptions, Print};
pub use reasons::{ReasonTally, Reasons};
pub use record::{Record, SCHEMA};
pub use tally::{Tally, Transfer};

use crate::mode::Mode;
use crate::outcome::Status;
use crate::stop::Cause;
use crate::text::seconds;

/// The result of a whole run. [`fmt::Display`] is the summary.
#[derive(Debug, Clone)]
pub struct Report {
    /// The scheduler that ran it.
    pub mode: Mode,
    /// How many links were fetched at once, at most.
    pub jobs: usize,
    /// How many links ended with each status, in the order of [`Status::ALL`].
    pub counts: [u64; Status::ALL.len()],
    /// For how many files the command of `--exec` has failed.
    pub failed_commands: u64,
    /// The length of all files that this run has brought, in bytes.
    pub saved_bytes: u64,
    /// The bytes of bodies that came over the network, those of failed tries too.
    pub received_bytes: u64,
    /// From the start of the run to its end.
    pub elapsed: Duration,
    /// Why the run ended before its list, if it did.
    pub stopped: Option<Cause>,
    /// Why links have failed.
    pub reasons: Reasons,
    /// The hosts that are worth a word.
    pub hosts: Notable,
    /// How many links nobody has tried because the run ended early, if that is known.
    pub untried: Option<u64>,
    /// Why a list could not be read to its end.
    pub list_error: Option<String>,
}

impl Report {
    /// How many links ended with `status`.
    #[must_use]
    pub fn count(&self, status: Status) -> u64 {
        self.counts[status as usize]
    }

    /// How many links this run has brought a file for.
    #[must_use]
    pub fn downloaded(&self) -> u64 {
        self.count(Status::Downloaded) + self.count(Status::Resumed)
    }

    /// How many links have no file.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.sum(Status::failed)
    }

    /// The exit code: 0 when every link is here, 1 when some or their commands failed, 2 when a list could not be read to its
    /// end, and 128 plus the number of the signal that ended the run.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self.stopped {
            Some(Cause::Signal(signal)) => 128 + signal,
            _ if self.list_error.is_some() => 2,
            Some(_) => 1,
            None => u8::from(self.failed() + self.failed_commands > 0),
        }
    }

    /// Bytes a second over the whole run.
    #[must_use]
    pub fn rate(&self) -> u64 {
        rate(self.received_bytes, self.elapsed)
    }

    fn sum(&self, which: impl Fn(Status) -> bool) -> u64 {
        Status::ALL
            .into_iter()
            .filter(|status| which(*status))
            .map(|status| self.count(status))
            .sum()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |status| self.count(status);
        write!(f, "{}", self.reasons)?;
        let at_once = if self.jobs > 1 {
            format!(", {} at once", self.jobs)
        } else {
            String::new()
        };
        writeln!(f, "mode        {}{at_once}", self.mode)?;
        let resumed = match count(Status::Resumed) {
            0 => String::new(),
            n => format!(" ({n} resumed)"),
        };
        writeln!(f, "downloaded  {}{resumed}", self.downloaded())?;
        writeln!(f, "present     {}", count(Status::Present))?;
        if count(Status::Duplicate) > 0 {
            writeln!(f, "duplicate   {}", count(Status::Duplicate))?;
        }
        write!(f, "failed      {}", self.failed())?;
        let reasons = Status::ALL
            .into_iter()
            .filter(|status| status.failed() && count(*status) > 0);
        let reasons: Vec<_> = reasons
            .map(|status| format!("{} {status}", count(status)))
            .collect();
        if reasons.is_empty() {
            writeln!(f)?;
        } else {
            writeln!(f, ": {}", reasons.join(", "))?;
        }
        if self.failed_commands > 0 {
            writeln!(f, "commands    {} failed", self.failed_commands)?;
        }
        if let Some(cause) = self.stopped {
            let untried = self.untried.map_or_else(
                || "the rest of the list".to_owned(),
                |count| count.to_string(),
            );
            writeln!(f, "not tried   {untried}: {cause}")?;
        }
        writeln!(
            f,
            "size        {}, {}/s",
            HumanBytes(self.saved_bytes),
            HumanBytes(self.rate())
        )?;
        write!(f, "{}", self.hosts)?;
        writeln!(f, "elapsed     {}", seconds(self.elapsed))
    }
}

/// Bytes a second; 0 when no time has passed.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a rate to look at"
)]
pub fn rate(bytes: u64, elapsed: Duration) -> u64 {
    (bytes as f64 / elapsed.as_secs_f64().max(0.000_001)) as u64
}
