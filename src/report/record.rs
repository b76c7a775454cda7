//! The record of one link: what the journal keeps and what a failure line says.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use reqwest::Url;
use serde::Serialize;

use crate::links::{BadLink, Place, shown};
use crate::outcome::{Failure, Outcome, Status};

/// What became of one line of the list.
#[derive(Debug, Clone)]
pub struct Record {
    /// Where the link stands.
    pub place: Place,
    /// Its URL, without credentials; of a line that is no link, its text.
    pub url: String,
    /// What became of it.
    pub outcome: Outcome,
    /// How many requests were tried; 0 if nobody was asked.
    pub attempts: u32,
    /// From the first request to the outcome.
    pub elapsed: Duration,
}

impl Record {
    /// The record of the link `url` at `place`, with no request tried so far.
    #[must_use]
    pub fn new(place: &Place, url: &Url, outcome: Outcome) -> Self {
        Self {
            place: place.clone(),
            url: shown(url).into_owned(),
            outcome,
            attempts: 0,
            elapsed: Duration::ZERO,
        }
    }

    /// The record of a line that is no link.
    #[must_use]
    pub fn bad_link(bad: BadLink) -> Self {
        Self {
            place: bad.place,
            url: bad.text,
            outcome: Outcome::Failed(Failure::new(Status::BadLink, bad.problem)),
            attempts: 0,
            elapsed: Duration::ZERO,
        }
    }

    /// The record as one line of NDJSON, with its line end.
    #[must_use]
    pub fn to_json_line(&self) -> Vec<u8> {
        let (saved, failure) = match &self.outcome {
            Outcome::Saved(saved) => (Some(saved), None),
            Outcome::Failed(failure) => (None, Some(failure)),
            Outcome::Duplicate => (None, None),
        };
        let answer = saved.and_then(|saved| saved.answer.as_ref());
        let fields = Fields {
            time: humantime::format_rfc3339_millis(SystemTime::now()).to_string(),
            status: self.outcome.status(),
            url: &self.url,
            final_url: answer.and_then(|answer| answer.final_url.as_deref()),
            source: &self.place.source,
            line: self.place.line,
            http_status: answer
                .map(|answer| answer.status)
                .or(failure.and_then(|failure| failure.http_status)),
            file: saved.map(|saved| saved.file.as_str()),
            bytes: saved.map(|saved| saved.bytes),
            mtime_ns: saved.map(|saved| nanoseconds(saved.modified)),
            sha256: saved.and_then(|saved| saved.sha256.as_deref()),
            etag: answer.and_then(|answer| answer.etag.as_deref()),
            last_modified: answer.and_then(|answer| answer.last_modified.as_deref()),
            attempts: self.attempts,
            elapsed: (self.elapsed.as_secs_f64() * 1000.0).round() / 1000.0,
            suspect: saved.and_then(|saved| saved.suspect),
            retryable: failure.map(Failure::retryable),
            error: failure.map(|failure| failure.message.as_str()),
        };
        let mut json = serde_json::to_vec(&fields).expect("strings and numbers always serialize");
        json.push(b'\n');
        json
    }
}

/// One line for a person, such as `links.txt:7: http://a.example/x.pdf: http_status: 404 Not Found`.
impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: ", self.place, self.url)?;
        match &self.outcome {
            Outcome::Failed(failure) => write!(f, "{failure}")?,
            outcome => write!(f, "{}", outcome.status())?,
        }
        match &self.outcome {
            Outcome::Saved(saved) => {
                write!(f, ": {}", saved.file)?;
                saved
                    .suspect
                    .map_or(Ok(()), |why| write!(f, " (suspect: {why})"))
            }
            Outcome::Failed(_) if self.attempts > 1 => {
                write!(f, " (after {} tries)", self.attempts)
            }
            _ => Ok(()),
        }
    }
}

/// A time as the journal keeps it: nanoseconds since 1970, or 0 for an earlier one.
pub(super) fn nanoseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

#[derive(Serialize)]
struct Fields<'a> {
    time: String,
    status: Status,
    url: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    final_url: Option<&'a str>,
    source: &'a str,
    line: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    http_status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mtime_ns: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    etag: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_modified: Option<&'a str>,
    attempts: u32,
    elapsed: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    suspect: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retryable: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}
