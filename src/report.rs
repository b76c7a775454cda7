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
use crate::stats::{Notes, rate};
use crate::stop::{AGAIN, Cause};
use crate::text::{seconds, wrapped};

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
    /// The folder or the bucket that has the files.
    pub files_in: String,
    /// The number of links by status.
    pub counts: Counts,
    /// The number of lines that belong to other shards.
    pub elsewhere: u64,
    /// What is worth a word about the files.
    pub notes: Notes,
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
    /// How the summary is shown.
    pub view: View,
}

/// How the summary is shown.
#[derive(Debug, Clone, Copy, Default)]
pub struct View {
    /// The columns of the terminal, if it goes to one.
    pub columns: Option<usize>,
    /// Whether failures that were told as they happened are told again: they are not to be seen any more.
    pub repeats: bool,
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

impl Report {
    /// The links of which nothing is known, if there are any.
    fn not_tried(&self) -> Option<String> {
        let cause = self.stopped?;
        let untried = match self.untried {
            Some(0) => return None,
            Some(count) => count.to_string(),
            None => "the rest of the list".to_owned(),
        };
        Some(match cause.words() {
            Some(words) => format!("{untried}: {words}"),
            None => untried,
        })
    }

    /// The links that the end of the run has cut off, and why it ended unless `not_tried` says it.
    fn interrupted(&self) -> Option<String> {
        let count = self.counts.of(Status::Interrupted);
        let words = self.stopped.and_then(Cause::words);
        let words = words.filter(|_| self.untried == Some(0));
        let why = words.map_or_else(String::new, |words| format!(": {words}"));
        (count > 0).then(|| format!("{count}{why}"))
    }

    /// The limit that was reached with the last link of the list, which the exit code tells of.
    fn stopped_at_end(&self) -> Option<String> {
        let is_done = self.untried == Some(0) && self.counts.failed() == self.failed_for_good;
        match self.stopped {
            Some(Cause::Limit(option)) if is_done => {
                Some(format!("`{option}` reached with the last link of the list"))
            }
            _ => None,
        }
    }

    /// What to do about the links that have no file.
    fn next(&self) -> Option<String> {
        let failed = self.counts.failed();
        let retryable = failed.saturating_sub(self.failed_for_good);
        let is_cut_off = retryable > 0 || self.untried != Some(0);
        let again = if self.of_records {
            "fetch the list again"
        } else {
            "run the same command again"
        };
        match self.stopped {
            Some(Cause::DiskFull) => Some(format!("free some space on the disk, and {AGAIN}")),
            Some(_) if is_cut_off => Some(AGAIN.to_owned()),
            _ if retryable == 1 => {
                Some(format!("{again}: 1 failed link may succeed"))
            }
            _ if retryable > 1 => Some(format!(
                "{again}: {retryable} failed links may succeed"
            )),
            _ if self.failed_execs > 0 => {
                Some(format!("{again}: it repeats the commands that failed"))
            }
            _ if failed > 0 => Some(
                "another run would fail in the same way; `--error-file FILE` writes the failed links to a list"
                    .to_owned(),
            ),
            _ => None,
        }
    }

    /// What has become of files that the user has changed.
    fn changed(&self) -> Option<String> {
        let Notes {
            adopted, beside, ..
        } = self.notes;
        let what = match (beside, adopted) {
            (0, 0) => return None,
            (_, 0) => "kept beside new copies".to_owned(),
            (0, _) => "kept as they are".to_owned(),
            _ => format!("{beside} kept beside new copies, {adopted} kept as they are"),
        };
        Some(format!("{} since an earlier run: {what}", beside + adopted))
    }

    /// How many files are downloaded, and what kinds of them there are.
    fn downloaded(&self) -> String {
        let downloaded = self.counts.downloaded();
        let (replaced, resumed) = (self.notes.replaced, self.counts.of(Status::Resumed));
        let new = downloaded.saturating_sub(replaced);
        let kinds = [
            (new * u64::from(replaced > 0), "new"),
            (replaced, "replaced"),
            (resumed, "resumed"),
        ];
        let kinds = kinds.into_iter().filter(|(count, _)| *count > 0);
        let kinds: Vec<_> = kinds
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        match &kinds[..] {
            [] => downloaded.to_string(),
            kinds => format!("{downloaded} ({})", kinds.join(", ")),
        }
    }

    /// How many links failed, by status. Those that the end of the run cut off have not.
    fn failed(&self) -> String {
        let is_failure = |status: Status| status.failed() && status != Status::Interrupted;
        let failed = Status::ALL.into_iter().filter(|status| is_failure(*status));
        let kinds = failed.filter_map(|status| {
            let count = self.counts.of(status);
            (count > 0).then(|| format!("{count} {status}"))
        });
        let kinds: Vec<_> = kinds.collect();
        match &kinds[..] {
            [] => "0".to_owned(),
            kinds => format!("{}: {}", self.counts.sum(is_failure), kinds.join(", ")),
        }
    }

    /// Whether there was nothing to do, which lists and errors tell themselves.
    fn is_idle(&self) -> bool {
        let is_all = matches!(self.untried, None | Some(0)) && self.stopped.is_none();
        !self.of_records && is_all && self.counts.total() + self.elsewhere == 0
    }

    /// The rows of the summary: a word, and what there is to say about it.
    fn rows(&self) -> impl Iterator<Item = (&'static str, String)> {
        let count = |count: u64| (count > 0).then(|| count.to_string());
        let of = |status| count(self.counts.of(status));
        let suspect = self.notes.suspect;
        let saved = self.counts.downloaded() + self.counts.of(Status::Present);
        let at_once = match self.jobs {
            0 | 1 => String::new(),
            jobs => format!(", {jobs} at once"),
        };
        let is_run = !self.of_records;
        let rate = HumanBytes(rate(self.received_bytes, self.elapsed));
        let rate = if is_run {
            format!(", {rate}/s")
        } else {
            String::new()
        };
        let size = format!("{}{rate}", HumanBytes(self.saved_bytes));
        let without = self.notes.without_link;
        [
            ("mode", is_run.then(|| format!("{}{at_once}", self.mode))),
            ("downloaded", Some(self.downloaded())),
            ("present", Some(self.counts.of(Status::Present).to_string())),
            (
                "suspect",
                count(suspect).map(|count| {
                    format!("{count} of these may be damaged; `fetchpdf verify` names them")
                }),
            ),
            ("changed", self.changed()),
            (
                "renamed",
                count(self.notes.renamed).map(|count| format!("{count} found under another name")),
            ),
            ("duplicate", of(Status::Duplicate)),
            (
                "no link",
                match without {
                    0 => None,
                    1 => Some("1 row of the list has none".to_owned()),
                    _ => Some(format!("{without} rows of the list have none")),
                },
            ),
            ("elsewhere", count(self.elsewhere)),
            ("failed", Some(self.failed())),
            ("interrupted", self.interrupted()),
            (
                "commands",
                count(self.failed_execs).map(|count| format!("{count} failed")),
            ),
            ("not tried", self.not_tried()),
            ("stopped", self.stopped_at_end()),
            ("size", (self.saved_bytes > 0).then_some(size)),
            (
                "files in",
                (is_run && saved > 0).then(|| self.files_in.clone()),
            ),
        ]
        .into_iter()
        .filter_map(|(word, text)| Some((word, text?)))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let row = |word: &str, text: &str| {
            let row = format!("{word:<12}{text}");
            wrapped(&row, self.view.columns, 12)
        };
        if self.is_idle() {
            return match self.list_error {
                Some(_) => Ok(()),
                None => writeln!(f, "downloaded  0"),
            };
        }
        if !self.of_records && self.view.columns.is_some() && !self.reasons.is_empty() {
            // apart from the failures that have been told above
            writeln!(f)?;
        }
        self.reasons.write(f, self.view)?;
        for (word, text) in self.rows().chain(self.hosts.rows()) {
            writeln!(f, "{}", row(word, &text))?;
        }
        if !self.of_records {
            writeln!(f, "elapsed     {}", seconds(self.elapsed))?;
        }
        match self.next() {
            Some(next) => writeln!(f, "{}", row("next", &next)),
            None => Ok(()),
        }
    }
}
