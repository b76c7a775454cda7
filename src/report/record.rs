//! The record of one link: what the journal keeps and what a failure line says.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Serialize, Serializer};
use url::Url;

use crate::link::{BadLink, Details, SourceLine};
use crate::outcome::{Failure, Outcome, Status};
use crate::text::shown;

/// What became of one line of the list.
#[derive(Debug, Clone)]
pub struct Record {
    /// Where the link stands.
    pub place: SourceLine,
    /// Its URL, without credentials; of a line that is no link, its text.
    pub url: String,
    /// What became of it.
    pub outcome: Outcome,
    /// How many requests were tried; 0 if nobody was asked.
    pub attempts: u32,
    /// From the first request to the outcome.
    pub elapsed: Duration,
    /// What else the list says about it.
    pub details: Option<Box<Details>>,
    /// Why the command for its file has failed.
    pub exec_error: Option<String>,
}

impl Record {
    /// The record of the link `url` at `place`, with no request tried so far.
    #[must_use]
    pub fn new(place: &SourceLine, url: &Url, outcome: Outcome) -> Self {
        Self {
            place: place.clone(),
            url: shown(url).into_owned(),
            outcome,
            attempts: 0,
            elapsed: Duration::ZERO,
            details: None,
            exec_error: None,
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
            details: None,
            exec_error: None,
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
        let details = self.details.as_deref();
        let fields = Fields {
            schema: SCHEMA,
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
            exec_error: self.exec_error.as_deref(),
            name: details.and_then(|details| details.name.as_deref()),
            checksum: details
                .and_then(|details| details.checksum)
                .map(|checksum| checksum.to_string()),
            mirrors: details
                .map(|details| details.mirrors.iter().map(shown).collect())
                .unwrap_or_default(),
            columns: details
                .map(|details| Columns(&details.columns))
                .unwrap_or_default(),
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
                if let Some(why) = saved.suspect {
                    write!(f, " (suspect: {why})")?;
                }
                let error = self.exec_error.as_ref();
                error.map_or(Ok(()), |error| write!(f, ", but {error}"))
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

/// The version of the fields of a record. Fields may be added to it; if one changes its meaning, it becomes another.
pub const SCHEMA: u32 = 1;

#[derive(Serialize)]
struct Fields<'a> {
    schema: u32,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    exec_error: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    checksum: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    mirrors: Vec<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Columns::is_empty")]
    columns: Columns<'a>,
}

/// Columns of the list, as one object.
#[derive(Default)]
struct Columns<'a>(&'a [(Arc<str>, String)]);

impl Columns<'_> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Columns<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (&**name, value)))
    }
}
