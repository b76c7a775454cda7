//! What became of a run: the summary, and where the records of its links go.

mod csv;
mod hosts;
mod reasons;
mod sinks;

use std::fmt;
use std::time::Duration;

use indicatif::HumanBytes;

pub(crate) use hosts::{HostStats, Notable};
pub(crate) use reasons::{ReasonStats, Reasons};
pub(crate) use sinks::{Print, SinkOptions, Sinks};

use crate::mode::Mode;
use crate::outcome::{Counts, Status};
use crate::stats::rate;
use crate::stop::Cause;
use crate::text::seconds;

/// The result of a whole run. [`fmt::Display`] is the summary.
#[derive(Debug, Clone)]
pub struct Report {
    /// The scheduler that ran it.
    pub mode: Mode,
    /// How many links were fetched at once, at most.
    pub jobs: usize,
    /// How many links ended with each status.
    pub counts: Counts,
    /// For how many files the command of `--exec` has failed.
    pub failed_execs: u64,
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
    /// The exit code: 0 when every link is here, 1 when some or their commands failed, 2 when a list could not be read to its
    /// end, and 128 plus the number of the signal that ended the run.
    pub fn exit_code(&self) -> u8 {
        match self.stopped {
            Some(Cause::Signal(signal)) => 128 + signal,
            _ if self.list_error.is_some() => 2,
            Some(_) => 1,
            None => u8::from(self.counts.failed() + self.failed_execs > 0),
        }
    }

    /// Bytes a second over the whole run.
    pub fn rate(&self) -> u64 {
        rate(self.received_bytes, self.elapsed)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |status| self.counts.of(status);
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
        writeln!(f, "downloaded  {}{resumed}", self.counts.downloaded())?;
        writeln!(f, "present     {}", count(Status::Present))?;
        if count(Status::Duplicate) > 0 {
            writeln!(f, "duplicate   {}", count(Status::Duplicate))?;
        }
        write!(f, "failed      {}", self.counts.failed())?;
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
        if self.failed_execs > 0 {
            writeln!(f, "commands    {} failed", self.failed_execs)?;
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
