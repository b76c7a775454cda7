//! The record of one link: its fields, each of them listed once, and the line that a person reads.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Serialize, Serializer};
use url::Url;

use super::{Answer, Failure, Outcome, Saved, Status};
use crate::link::{BadLink, Details, SourceLine};
use crate::text::shown;

/// What became of one line of the list.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    /// Where the link stands.
    pub source_line: SourceLine,
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
    pub(crate) fn new(place: &SourceLine, url: &Url, outcome: Outcome) -> Self {
        Self {
            source_line: place.clone(),
            url: shown(url).into_owned(),
            outcome,
            attempts: 0,
            elapsed: Duration::ZERO,
            details: None,
            exec_error: None,
        }
    }

    /// The record of a line that is no link.
    pub(crate) fn bad_link(bad: BadLink) -> Self {
        Self {
            source_line: bad.source_line,
            url: bad.text,
            outcome: Outcome::Failed(Failure::new(Status::BadLink, bad.problem)),
            attempts: 0,
            elapsed: Duration::ZERO,
            details: None,
            exec_error: None,
        }
    }

    /// The record as one line of NDJSON, with its line end.
    pub(crate) fn to_json_line(&self) -> Vec<u8> {
        let mut json = Vec::with_capacity(512);
        let fields = FIELDS.iter();
        let fields = fields.filter_map(|field| Some((field.name, (field.value)(self)?)));
        serde_json::Serializer::new(&mut json)
            .collect_map(fields)
            .expect("strings and numbers always serialize");
        json.push(b'\n');
        json
    }

    /// The value of a column of the list that was carried along.
    pub(crate) fn column(&self, name: &str) -> Option<&str> {
        let mut columns = self.details.iter().flat_map(|details| &details.columns);
        let (_, value) = columns.find(|(column, _)| **column == *name)?;
        Some(value)
    }

    fn saved(&self) -> Option<&Saved> {
        match &self.outcome {
            Outcome::Saved(saved) => Some(saved),
            _ => None,
        }
    }

    fn answer(&self) -> Option<&Answer> {
        self.saved()?.answer.as_ref()
    }

    fn failure(&self) -> Option<&Failure> {
        match &self.outcome {
            Outcome::Failed(failure) => Some(failure),
            _ => None,
        }
    }

    fn http_status(&self) -> Option<u16> {
        let answer = self.answer().map(|answer| answer.status);
        answer.or_else(|| self.failure()?.http_status)
    }
}

/// One line for a person, such as `links.txt:7: http://a.example/x.pdf: http_status: 404 Not Found`.
impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: ", self.source_line, self.url)?;
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

/// The version of the fields of a record. Fields may be added to it; if one changes its meaning, it becomes another.
pub(crate) const SCHEMA: u32 = 1;

/// One field of a record.
pub(crate) struct Field {
    /// Its name in JSON, and its column in CSV.
    pub name: &'static str,
    /// What it means, for the documentation.
    #[cfg_attr(not(test), expect(dead_code, reason = "a test writes it"))]
    pub meaning: &'static str,
    value: for<'a> fn(&'a Record) -> Option<Value<'a>>,
}

impl Field {
    const fn new(
        name: &'static str,
        meaning: &'static str,
        value: for<'a> fn(&'a Record) -> Option<Value<'a>>,
    ) -> Self {
        Self {
            name,
            meaning,
            value,
        }
    }

    /// Its value in `record` as text; empty if it has none there.
    pub(crate) fn text(&self, record: &Record) -> String {
        match (self.value)(record) {
            None => String::new(),
            Some(Value::Text(text)) => text.into_owned(),
            Some(value) => serde_json::to_string(&value).expect("strings and numbers serialize"),
        }
    }
}

/// The value of a field.
#[derive(Serialize)]
#[serde(untagged)]
enum Value<'a> {
    Text(Cow<'a, str>),
    Number(u64),
    Seconds(f64),
    Flag(bool),
    Texts(Vec<Cow<'a, str>>),
    Columns(#[serde(serialize_with = "as_object")] &'a [(Arc<str>, String)]),
}

fn as_object<S: Serializer>(
    columns: &[(Arc<str>, String)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(columns.iter().map(|(name, value)| (&**name, value)))
}

fn text(text: &str) -> Value<'_> {
    Value::Text(text.into())
}

fn number(number: impl Into<u64>) -> Value<'static> {
    Value::Number(number.into())
}

/// The fields of a record, in the order in which they are written. What has no value in a record is left out of JSON.
pub(crate) const FIELDS: [Field; 24] = [
    Field::new("schema", "version of the record schema: 1", |_| {
        Some(number(SCHEMA))
    }),
    Field::new("time", "when the link finished, in UTC (RFC 3339)", |_| {
        let now = humantime::format_rfc3339_millis(SystemTime::now());
        Some(Value::Text(now.to_string().into()))
    }),
    Field::new(
        "status",
        "what became of the link: one of the statuses",
        |record| Some(text(record.outcome.status().word())),
    ),
    Field::new(
        "url",
        "the link, without fragment and credentials; for a line that is not a link, its beginning",
        |record| Some(text(&record.url)),
    ),
    Field::new(
        "final_url",
        "the URL that answered, if it is not the one in the list",
        |record| Some(text(record.answer()?.final_url.as_deref()?)),
    ),
    Field::new(
        "source",
        "the list: its path, `stdin`, or `argument`",
        |record| Some(text(&record.source_line.source)),
    ),
    Field::new(
        "line",
        "number of the line in the list, or of the argument, from 1",
        |record| Some(number(record.source_line.line)),
    ),
    Field::new(
        "http_status",
        "status code of the response that was saved or that is the failure",
        |record| Some(number(record.http_status()?)),
    ),
    Field::new(
        "file",
        "path of the file, relative to the output folder",
        |record| Some(text(&record.saved()?.file)),
    ),
    Field::new("bytes", "length of the file", |record| {
        Some(number(record.saved()?.bytes))
    }),
    Field::new(
        "mtime_ns",
        "modification time of the file, in nanoseconds since 1970",
        |record| Some(number(nanoseconds(record.saved()?.modified))),
    ),
    Field::new(
        "sha256",
        "SHA-256 of the file in hexadecimal, if it was computed",
        |record| Some(text(record.saved()?.sha256.as_deref()?)),
    ),
    Field::new("etag", "`ETag` header of the response, as sent", |record| {
        Some(text(record.answer()?.etag.as_deref()?))
    }),
    Field::new(
        "last_modified",
        "`Last-Modified` header of the response, as sent",
        |record| Some(text(record.answer()?.last_modified.as_deref()?)),
    ),
    Field::new(
        "attempts",
        "number of attempts, over all candidates; 0 if no request was made",
        |record| Some(number(record.attempts)),
    ),
    Field::new(
        "elapsed",
        "seconds from the first attempt to the end, pauses included",
        |record| {
            let milliseconds = (record.elapsed.as_secs_f64() * 1000.0).round();
            Some(Value::Seconds(milliseconds / 1000.0))
        },
    ),
    Field::new(
        "suspect",
        "what is odd about a file that arrived complete",
        |record| Some(text(record.saved()?.suspect?)),
    ),
    Field::new(
        "retryable",
        "for a failure: whether another run may succeed",
        |record| Some(Value::Flag(record.failure()?.retryable())),
    ),
    Field::new(
        "error",
        "for a failure: what happened, for a person to read",
        |record| Some(text(&record.failure()?.message)),
    ),
    Field::new(
        "exec_error",
        "why the command of `--exec` failed for this file, or was not run",
        |record| Some(text(record.exec_error.as_deref()?)),
    ),
    Field::new(
        "name",
        "file name given by the list; one that ends in `/` is a folder",
        |record| Some(text(record.details.as_ref()?.name.as_deref()?)),
    ),
    Field::new(
        "checksum",
        "checksum given by the list, as `sha-256=…`",
        |record| {
            let checksum = record.details.as_ref()?.checksum?;
            Some(Value::Text(checksum.to_string().into()))
        },
    ),
    Field::new(
        "mirrors",
        "other URLs of the same file given by the list",
        |record| {
            let mirrors = &record.details.as_ref()?.mirrors;
            let shown = || Value::Texts(mirrors.iter().map(shown).collect());
            (!mirrors.is_empty()).then(shown)
        },
    ),
    Field::new(
        "columns",
        "columns of the list that were carried along, by name",
        |record| {
            let columns = &record.details.as_ref()?.columns;
            (!columns.is_empty()).then_some(Value::Columns(columns))
        },
    ),
];

/// A time as records have it: nanoseconds since 1970, or 0 for an earlier one.
fn nanoseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_has_all_fields() {
        let rows = FIELDS.map(|field| format!("| `{}` | {} |\n", field.name, field.meaning));
        let table = format!("| field | meaning |\n| --- | --- |\n{}", rows.concat());
        crate::docs::check("records.md", "fields", &table);
    }
}
