//! Makes the summary, or the page, of a run out of the records of earlier ones: the [last word](super::records) of each link.
//!
//! What only a run knows is missing: its mode, how long it took, and which hosts were paused.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use serde::Deserialize;
use url::{Position, Url};

use super::records::{Counted, Input, LastWords, each_at};
use crate::link::SourceLine;
use crate::mode::Mode;
use crate::outcome::{Cause, Failure, Outcome, Record, Saved, Status};
use crate::report::{FailOn, Hosts, Page, Reasons, Report, Tally, View, replace};
use crate::screen;
use crate::stats::Notes;
use crate::text::cut;

/// How much of the name of a list is kept, in characters.
const LONGEST_NAME: usize = 500;

/// Reads the records in `inputs`, and returns their summary, or writes a page about them to `html`, where `-` is to return it.
///
/// # Errors
///
/// When an input cannot be read or has no records, or when the page cannot be written.
pub(crate) fn report(inputs: &[PathBuf], html: Option<&Path>) -> anyhow::Result<String> {
    let opened = inputs.iter().map(|path| Input::open(path));
    let opened = opened.collect::<anyhow::Result<Vec<_>>>()?;
    let last = LastWords::read(&opened, Counted::Lines)?;
    let mut ignored = last.others;
    let mut found = Found::default();
    each_at(&opened, &last.places(), |line| {
        match serde_json::from_slice::<Told>(line).ok() {
            Some(told) => ignored += u64::from(!found.count(&told)),
            None => ignored += 1,
        }
        Ok(true)
    })?;
    let (tally, report) = found.finish();
    let told = match ignored {
        0 => String::new(),
        1 => "ignored     1 line that is no record\n".to_owned(),
        count => format!("ignored     {count} lines that are no records\n"),
    };
    let Some(path) = html else {
        return Ok(format!("{report}{told}"));
    };
    let names = inputs.iter().map(|path| match path.as_os_str() {
        name if name == "-" => "standard input".to_owned(),
        _ => path.display().to_string(),
    });
    let page = Page {
        tally: &tally,
        report: Some(&report),
        folder: None,
        records: &names.collect::<Vec<_>>().join(", "),
        ignored,
    };
    let page = page.to_string();
    if path.as_os_str() == "-" {
        return Ok(page);
    }
    replace(path, page.as_bytes()).with_context(|| format!("cannot write `{}`", path.display()))?;
    Ok(format!("wrote `{}`\n{told}", path.display()))
}

/// What has been found in the records so far.
#[derive(Default)]
struct Found {
    tally: Tally,
    reasons: Reasons,
    hosts: Hosts,
    failed_for_good: u64,
    failed_execs: u64,
    suspect: u64,
}

impl Found {
    /// Counts a record; false if it is not known what it means.
    fn count(&mut self, told: &Told) -> bool {
        let Some(record) = told.record() else {
            return false;
        };
        let host = told.host(&record);
        self.failed_for_good += u64::from(record.failed_for_good());
        self.failed_execs += u64::from(record.exec_error.is_some());
        if let Outcome::Saved(saved) = &record.outcome {
            self.suspect += u64::from(saved.suspect.is_some());
        }
        if let Outcome::Failed(failure) = &record.outcome {
            self.reasons.count(&host, &record, failure);
        }
        if !host.is_empty() {
            self.hosts.count(&host, &record);
        }
        self.tally.count(&host, &record, told.when());
        true
    }

    fn finish(self) -> (Tally, Report) {
        let tally = self.tally;
        let report = Report {
            of_records: true,
            mode: Mode::default(),
            jobs: 0,
            files_in: String::new(),
            notes: Notes {
                suspect: self.suspect,
                ..Notes::default()
            },
            view: View {
                columns: screen::columns(true),
                repeats: true,
            },
            counts: tally.counts(),
            elsewhere: 0,
            failed_for_good: self.failed_for_good,
            failed_execs: self.failed_execs,
            saved_bytes: tally.saved_bytes(),
            received_bytes: 0,
            elapsed: Duration::ZERO,
            stopped: None,
            reasons: self.reasons,
            hosts: self.hosts,
            untried: None,
            is_complete: true,
            fail_on: FailOn::Never,
            list_error: None,
            lost_records: false,
        };
        (tally, report)
    }
}

/// Whether `url` has a host that may exist: DNS allows 253 characters.
fn is_name(url: &Url) -> bool {
    url.host_str().is_some_and(|host| host.len() <= 253)
}

/// The fields of a record that count.
#[derive(Deserialize)]
struct Told<'a> {
    #[serde(borrow)]
    url: Cow<'a, str>,
    #[serde(borrow)]
    status: Cow<'a, str>,
    #[serde(borrow, default)]
    time: Cow<'a, str>,
    #[serde(borrow, default)]
    source: Cow<'a, str>,
    #[serde(default)]
    line: u64,
    id: Option<Box<str>>,
    final_url: Option<String>,
    http_status: Option<u16>,
    #[serde(default)]
    file: String,
    #[serde(default)]
    bytes: u64,
    #[serde(default)]
    attempts: u32,
    #[serde(default)]
    elapsed: f64,
    suspect: Option<String>,
    #[serde(default)]
    retryable: bool,
    #[serde(borrow, default)]
    error: Cow<'a, str>,
    #[serde(borrow, default)]
    cause: Cow<'a, str>,
    exec_error: Option<String>,
}

impl Told<'_> {
    /// The record as a run has it; none if its status is that of another version.
    fn record(&self) -> Option<Record> {
        let mut statuses = Status::ALL.into_iter();
        let status = statuses.find(|status| status.word() == self.status)?;
        let outcome = match status {
            Status::Duplicate => Outcome::Duplicate,
            status if status.failed() => Outcome::Failed(self.failure(status)),
            status => Outcome::Saved(Saved {
                status,
                suspect: self.suspect.clone().map(Cow::Owned),
                ..Saved::present(self.file.clone(), self.bytes, UNIX_EPOCH)
            }),
        };
        let source_line = SourceLine {
            source: cut(&self.source, LONGEST_NAME).into(),
            line: self.line,
        };
        Some(Record {
            attempts: self.attempts,
            elapsed: Duration::try_from_secs_f64(self.elapsed).unwrap_or_default(),
            id: self.id.clone(),
            exec_error: self.exec_error.clone(),
            ..Record::of_line(source_line, self.url.to_string(), outcome)
        })
    }

    fn failure(&self, status: Status) -> Failure {
        Failure {
            http_status: self.http_status,
            cause: Cause::of_words(&self.cause),
            passing: self.retryable,
            // some status codes are retryable only with it
            retry_after: self.retryable.then_some(Duration::ZERO),
            ..Failure::new(status, &self.error)
        }
    }

    /// The scheme, name and port of the host that has to do with its outcome; empty if none has.
    fn host(&self, record: &Record) -> String {
        let nobody = match record.outcome.status() {
            Status::BadLink | Status::Duplicate => true,
            Status::Present => self.attempts == 0,
            _ => false,
        };
        let url = self.final_url.as_deref().unwrap_or(&self.url);
        match Url::parse(url) {
            Ok(url) if !nobody && is_name(&url) => url[..Position::AfterPort].to_owned(),
            _ => String::new(),
        }
    }

    fn when(&self) -> Option<SystemTime> {
        humantime::parse_rfc3339_weak(&self.time).ok()
    }
}
