//! The result of a run: the summary for people, and the sinks for the records of its links.
//!
//! [`Sinks`] writes each record as its link ends. [`Report`] is what remains at the end: counts, the reasons of failures
//! with examples, and the hosts that fail most or are slowest. [`html`] is the same as a page. How a link is fetched is unknown here.

mod csv;
mod hosts;
mod html;
mod reasons;
mod sinks;

use std::fmt;
use std::time::Duration;

use clap::ValueEnum;
use indicatif::HumanBytes;

pub(crate) use csv::begins_formula;
pub(crate) use hosts::Hosts;
pub(crate) use html::{Page, Tally, replace};
pub(crate) use reasons::Reasons;
pub(crate) use sinks::{Print, SinkOptions, Sinks, is_whole, tell_of_stdout};

use crate::mode::Mode;
use crate::outcome::{Counts, Status};
use crate::stats::rate;
use crate::stop::Cause;
use crate::text::seconds;

/// What the exit code tells of, besides a failure of the run itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum FailOn {
    /// Links that failed, and the early end of a run
    #[default]
    Link,
    /// The same, with code 75 if another run may succeed with all of them
    Retryable,
    /// Links without a record
    Run,
    /// Nothing else
    Never,
}

/// The exit code if another run may succeed: `EX_TEMPFAIL` of sysexits.h.
const TEMPORARY_FAILURE: u8 = 75;

/// The result of a run. [`fmt::Display`] is the summary.
#[derive(Debug, Clone)]
pub struct Report {
    /// Whether it is made of records of earlier runs. Then, it has no mode, no rate and no time.
    pub of_records: bool,
    /// The scheduler that ran it.
    pub mode: Mode,
    /// The maximum number of links fetched at once.
    pub jobs: usize,
    /// The bucket that has the files, if it is one.
    pub bucket: Option<String>,
    /// The number of links by status.
    pub counts: Counts,
    /// The number of lines that belong to other shards.
    pub elsewhere: u64,
    /// The number of links with which another run will not succeed, either.
    pub failed_for_good: u64,
    /// The number of files for which the command of `--exec` failed.
    pub failed_execs: u64,
    /// The total length of the files that this run downloaded, in bytes.
    pub saved_bytes: u64,
    /// The bytes of bodies received over the network, including those of failed attempts.
    pub received_bytes: u64,
    /// The time from the start of the run to its end.
    pub elapsed: Duration,
    /// Why the run ended before its list did, if so.
    pub stopped: Option<Cause>,
    /// Why links failed.
    pub reasons: Reasons,
    /// How the hosts did.
    pub hosts: Hosts,
    /// The number of links without an attempt, if the run ended early and the number is known.
    pub untried: Option<u64>,
    /// Whether there is a record of every link of the list.
    pub is_complete: bool,
    /// What the exit code tells of.
    pub fail_on: FailOn,
    /// Why a list could not be read to its end.
    pub list_error: Option<String>,
    /// Whether records or lines of the journal or the log could not be written.
    pub lost_records: bool,
}

impl Report {
    /// The exit code: 128 plus the number of the signal that ended the run, where a closed standard output counts as SIGTERM; 2
    /// if a list could not be read to its end, or the bucket takes nothing; 1 if the disk was full or records were lost; else what the links make of it.
    pub fn exit_code(&self) -> u8 {
        const TERM: u8 = 15;
        match self.stopped {
            Some(Cause::Signal(signal)) => 128 + signal,
            Some(Cause::OutputClosed) => 128 + TERM,
            Some(Cause::BucketRefused) => 2,
            _ if self.list_error.is_some() => 2,
            Some(Cause::DiskFull | Cause::Bug) => 1,
            _ if self.lost_records => 1,
            Some(Cause::Limit(_)) | None => self.code_of_links(),
        }
    }

    /// The exit code of a run that has not failed itself. A command may fail each time, so that it counts as a failure for good.
    fn code_of_links(&self) -> u8 {
        let is_done = self.counts.failed() + self.failed_execs == 0 && self.stopped.is_none();
        match self.fail_on {
            FailOn::Never => 0,
            FailOn::Run => u8::from(!self.is_complete),
            _ if is_done => 0,
            FailOn::Retryable if self.failed_for_good + self.failed_execs == 0 => TEMPORARY_FAILURE,
            FailOn::Link | FailOn::Retryable => 1,
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |status| self.counts.of(status);
        write!(f, "{}", self.reasons)?;
        if !self.of_records {
            write!(f, "mode        {}", self.mode)?;
            if self.jobs > 1 {
                write!(f, ", {} at once", self.jobs)?;
            }
            writeln!(f)?;
        }
        write!(f, "downloaded  {}", self.counts.downloaded())?;
        if count(Status::Resumed) > 0 {
            write!(f, " ({} resumed)", count(Status::Resumed))?;
        }
        writeln!(f, "\npresent     {}", count(Status::Present))?;
        if count(Status::Duplicate) > 0 {
            writeln!(f, "duplicate   {}", count(Status::Duplicate))?;
        }
        if self.elsewhere > 0 {
            writeln!(f, "elsewhere   {}", self.elsewhere)?;
        }
        write!(f, "failed      {}", self.counts.failed())?;
        let failed = Status::ALL.into_iter().filter(|status| status.failed());
        let failed = failed.filter(|status| count(*status) > 0);
        for (number, status) in failed.enumerate() {
            let separator = if number == 0 { ':' } else { ',' };
            write!(f, "{separator} {} {status}", count(status))?;
        }
        writeln!(f)?;
        if self.failed_execs > 0 {
            writeln!(f, "commands    {} failed", self.failed_execs)?;
        }
        if let Some(cause) = self.stopped {
            let untried = self.untried.map(|count| count.to_string());
            let untried = untried.as_deref().unwrap_or("the rest of the list");
            writeln!(f, "not tried   {untried}: {cause}")?;
        }
        write!(f, "size        {}", HumanBytes(self.saved_bytes))?;
        if !self.of_records {
            let rate = HumanBytes(rate(self.received_bytes, self.elapsed));
            write!(f, ", {rate}/s")?;
        }
        writeln!(f)?;
        if let Some(bucket) = &self.bucket {
            writeln!(f, "files in    {bucket}")?;
        }
        write!(f, "{}", self.hosts)?;
        if self.of_records {
            return Ok(());
        }
        writeln!(f, "elapsed     {}", seconds(self.elapsed))
    }
}
