//! The record of one link: its fields, each listed once, and the line that a person reads.
//!
//! NDJSON, CSV, the journal and the documentation all follow the one list of fields. A field without a value in a record is
//! left out of JSON, and is empty in CSV.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Serialize, Serializer};
use url::Url;

use super::{Answer, Failure, Outcome, Saved, Status, Way};
use crate::link::{BadLink, Details, SourceLine};
use crate::text::{cut, legible, printable, shown};

/// The outcome of one line of the list.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    /// The list and the line of the link.
    pub source_line: SourceLine,
    /// Its URL, without credentials; for a line that is not a link, its text.
    pub url: String,
    /// Its outcome.
    pub outcome: Outcome,
    /// Number of attempts; 0 if no request was made.
    pub attempts: u32,
    /// From the first request to the outcome.
    pub elapsed: Duration,
    /// Everything else that the list says about it.
    pub details: Option<Box<Details>>,
    /// How its last URL was found, if that was on a page.
    pub way: Option<Box<Way>>,
    /// The identifier that the line is.
    pub id: Option<Box<str>>,
    /// The sources that were left out, and what they need.
    pub skipped: Vec<(Arc<str>, &'static str)>,
    /// Why the command for its file failed.
    pub exec_error: Option<String>,
}

impl Record {
    /// The record of the link `url` at `place`, before any attempt.
    pub(crate) fn new(place: &SourceLine, url: &Url, outcome: Outcome) -> Self {
        Self::of_line(place.clone(), shown(url).into_owned(), outcome)
    }

    /// The record of a line that is not a link.
    pub(crate) fn bad_link(bad: BadLink) -> Self {
        let failure = Failure::new(Status::BadLink, bad.problem);
        let details = bad.line.map(|line| Details {
            line: Some(line),
            ..Details::default()
        });
        Self {
            details: details.map(Box::new),
            ..Self::of_line(bad.source_line, bad.text, Outcome::Failed(failure))
        }
    }

    /// The record of the line `source_line`, which is `url`, before any attempt.
    pub(crate) fn of_line(source_line: SourceLine, url: String, outcome: Outcome) -> Self {
        Self {
            source_line,
            url,
            outcome,
            attempts: 0,
            elapsed: Duration::ZERO,
            details: None,
            way: None,
            id: None,
            skipped: Vec::new(),
            exec_error: None,
        }
    }

    /// Whether the link has failed, and another run will not succeed, either.
    pub(crate) fn failed_for_good(&self) -> bool {
        self.failure().is_some_and(|failure| !failure.retryable())
    }

    /// Whether this run has fetched a file.
    pub(crate) fn is_new_file(&self) -> bool {
        let status = self.outcome.status();
        matches!(status, Status::Downloaded | Status::Resumed)
    }

    /// Whether the disk was full, which ends the run.
    pub(crate) fn is_of_full_disk(&self) -> bool {
        self.failure().is_some_and(|failure| failure.disk_full)
    }

    /// The record as one line of NDJSON, including the line end.
    pub(crate) fn to_json_line(&self) -> Vec<u8> {
        self.json_line(|field| Some(field.name))
    }

    /// The same for the journal, which has no lines of lists: they may have passwords in them.
    pub(crate) fn to_journal_line(&self) -> Vec<u8> {
        self.journal_line_as(STATUS)
    }

    /// The same, but it does not say yet that the file is there.
    pub(crate) fn to_intent_line(&self) -> Vec<u8> {
        self.journal_line_as(UPLOADING)
    }

    /// The same, but it says that the file is not there any more.
    pub(crate) fn to_gone_line(&self) -> Vec<u8> {
        self.journal_line_as(GONE)
    }

    /// The same with the status in the field `status`.
    fn journal_line_as(&self, status: &'static str) -> Vec<u8> {
        self.json_line(|field| match field.name {
            INPUT => None,
            STATUS => Some(status),
            name => Some(name),
        })
    }

    /// What a run would do with the link, as one line of NDJSON: a `word` in place of the status, and the path of the `file`.
    pub(crate) fn to_plan_line(&self, word: &str, file: &str) -> Vec<u8> {
        let fields = FIELDS.iter().filter_map(|field| {
            let value = match field.name {
                STATUS => Some(Value::Text(word.into())),
                "file" => (!file.is_empty()).then(|| Value::Text(file.into())),
                "attempts" | "elapsed" => None,
                _ => (field.value)(self),
            };
            Some((field.name, value?))
        });
        line_of(fields)
    }

    /// The fields as one line, those that have a name.
    fn json_line(&self, name: impl Fn(&Field) -> Option<&'static str>) -> Vec<u8> {
        let fields = FIELDS
            .iter()
            .filter_map(|field| Some((name(field)?, field)));
        line_of(fields.filter_map(|(name, field)| Some((name, (field.value)(self)?))))
    }

    /// The value of a column of the list that was carried along.
    pub(crate) fn column(&self, name: &str) -> Option<&str> {
        let mut columns = self.columns()?.iter();
        let (_, value) = columns.find(|(column, _)| **column == *name)?;
        Some(value)
    }

    fn columns(&self) -> Option<&Columns> {
        let columns = &*self.details.as_ref()?.columns;
        (!columns.is_empty()).then_some(columns)
    }

    fn mirrors(&self) -> Option<Vec<Cow<'_, str>>> {
        let mirrors = &self.details.as_ref()?.mirrors;
        (!mirrors.is_empty()).then(|| mirrors.iter().map(shown).collect())
    }

    fn skipped(&self) -> Option<Vec<Cow<'_, str>>> {
        let names = self.skipped.iter().map(|(name, _)| Cow::Borrowed(&**name));
        (!self.skipped.is_empty()).then(|| names.collect())
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
        let answer = self.answer().and_then(|answer| answer.status);
        answer.or_else(|| self.failure()?.http_status)
    }
}

/// One line for a person, such as `links.txt:7: http://a.example/x.pdf: http_status: 404 Not Found`. Without the secrets that the
/// record itself keeps, because it is a list, too.
impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source_line = printable(&self.source_line.to_string());
        write!(f, "{source_line}: {}: ", legible(&self.url))?;
        match &self.outcome {
            Outcome::Duplicate => write!(f, "{}", Status::Duplicate)?,
            Outcome::Failed(failure) => {
                write!(f, "{failure}")?;
                if self.attempts > 1 {
                    write!(f, " (after {} attempts)", self.attempts)?;
                }
            }
            Outcome::Saved(saved) => {
                write!(f, "{}: {}", saved.status, printable(&saved.file))?;
                if let Some(why) = &saved.suspect {
                    write!(f, " (suspect: {})", printable(&cut(why, LONGEST_ERROR)))?;
                }
                if let Some(error) = &self.exec_error {
                    write!(f, ", but {}", cut(error, LONGEST_ERROR))?;
                }
            }
        }
        Ok(())
    }
}

/// The longest record that is read, in bytes. Ours are longer than a line of a list may be if they carry long columns.
pub(crate) const LONGEST_RECORD: usize = 64 * 1024 * 1024;

/// What a command says of its failure is recorded up to this many characters.
const LONGEST_ERROR: usize = 1000;

/// URLs of servers are recorded up to this many characters.
const LONGEST_URL: usize = 8000;

/// The field for the line of the list.
const INPUT: &str = "input";

/// The field for the status.
pub(crate) const STATUS: &str = "status";

/// The field in its place in the journal, as long as a file is on its way to an object store, and when it has been taken back or
/// has never got there.
pub(crate) const UPLOADING: &str = "uploading";
pub(crate) const GONE: &str = "gone";
pub(crate) const VOID: &str = "void";

/// The version of the schema of records. New fields may be added to a version; a field with a changed meaning makes a new one.
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
    /// Its value in `record` as text; empty if it has none.
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
    Columns(#[serde(serialize_with = "as_object")] &'a Columns),
}

/// Columns of a list by name, in their order.
type Columns = [(Arc<str>, String)];

/// An object of these fields as one line of NDJSON, including the line end.
fn line_of<'a>(fields: impl Iterator<Item = (&'static str, Value<'a>)>) -> Vec<u8> {
    let mut json = Vec::with_capacity(512);
    serde_json::Serializer::new(&mut json)
        .collect_map(fields)
        .expect("strings and numbers always serialize");
    json.push(b'\n');
    json
}

fn as_object<S: Serializer>(columns: &Columns, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(columns.iter().map(|(name, value)| (&**name, value)))
}

/// Lists each field once: its name, its value in a record (none where `?` returns early), and its meaning.
macro_rules! fields {
    ($($name:literal, |$record:pat_param| $kind:ident($value:expr), $meaning:literal;)*) => {
        /// The fields of a record, in the order in which they are written.
        pub(crate) const FIELDS: [Field; [$($name),*].len()] = [$(Field {
            name: $name,
            meaning: $meaning,
            value: |$record| Some(Value::$kind(($value).into())),
        }),*];
    };
}

fields! {
    "schema", |_| Number(SCHEMA), "version of the record schema: 1";
    "time", |_| Text(now()), "when the link finished, in UTC (RFC 3339)";
    "status", |record| Text(record.outcome.status().word()), "outcome of the link: one of the statuses";
    "url", |record| Text(&record.url),
        "the link, without fragment and credentials; for a line that is not a link, its beginning";
    "id", |record| Text(record.id.as_deref()?),
        "the identifier of the line, or the first of several, such as `doi:10.1000/182`";
    "final_url", |record| Text(cut(record.answer()?.final_url.as_deref()?, LONGEST_URL)),
        "the URL that responded, if it is not the one in the list";
    "source", |record| Text(&*record.source_line.source), "the list: its path, `stdin`, or `argument`";
    "line", |record| Number(record.source_line.line),
        "number of the line in the list, or of the argument, from 1";
    "page", |record| Text(cut(&shown(record.way.as_ref()?.page.as_ref()?), LONGEST_URL).into_owned()),
        "the page that the last URL was found on, if it is not in the list";
    "via", |record| Texts(record.way.as_ref()?.via.iter().map(|rule| Cow::Borrowed(&**rule)).collect::<Vec<_>>()),
        "the sources and rules that led to the last URL, in order";
    "hops", |record| Number(record.way.as_ref()?.hops), "number of pages on the way to the last URL";
    "skipped", |record| Texts(record.skipped()?),
        "the sources that were skipped because they need an e-mail address or a key";
    "http_status", |record| Number(record.http_status()?),
        "status code of the response that was saved or that is the failure";
    "file", |record| Text(&record.saved()?.file), "path of the file, relative to the output folder; with `--pack`, that of its tar and its name there";
    "bytes", |record| Number(record.saved()?.bytes), "length of the file";
    "offset", |record| Number(record.saved()?.offset?), "where the file begins in its tar, with `--pack`";
    "mtime_ns", |record| Number(nanoseconds(record.saved()?.modified)),
        "modification time of the file, in nanoseconds since 1970";
    "inode", |record| Number(record.saved()?.inode?),
        "inode of the file, which it keeps when it is renamed, where the system has inodes";
    "sha256", |record| Text(record.saved()?.sha256.as_deref()?),
        "SHA-256 of the file in hexadecimal, if it was computed";
    "object_etag", |record| Text(record.saved()?.object.as_deref()?),
        "`ETag` of the object that the file is, in an object store";
    "etag", |record| Text(record.answer()?.etag.as_deref()?), "`ETag` header of the response, as sent, up to 1,024 bytes";
    "last_modified", |record| Text(record.answer()?.last_modified.as_deref()?),
        "`Last-Modified` header of the response, as sent, up to 1,024 bytes";
    "attempts", |record| Number(record.attempts),
        "number of attempts, over all candidates; 0 if no request was made";
    "elapsed", |record| Seconds((record.elapsed.as_secs_f64() * 1000.0).round() / 1000.0),
        "seconds from the first attempt to the end, pauses included";
    "suspect", |record| Text(record.saved()?.suspect.as_deref()?), "why a complete file may be damaged";
    "kept", |record| Text(record.saved()?.kept.as_deref()?),
        "path of the earlier file of the link that was changed here since, and was kept";
    "retryable", |record| Flag(record.failure()?.retryable()),
        "for a failure: whether another run may succeed";
    "error", |record| Text(&record.failure()?.message),
        "for a failure: what happened, human-readable, up to 500 characters";
    "cause", |record| Text(record.failure()?.cause.words()?),
        "for a failure: what is behind it, where more is known than its status, such as `unknown issuer`";
    "exec_error", |record| Text(cut(record.exec_error.as_deref()?, LONGEST_ERROR)),
        "why the command of `--exec` failed for this file, or was not run";
    "name", |record| Text(record.details.as_ref()?.name.as_deref()?),
        "file name given by the list; one that ends in `/` is a folder";
    "checksum", |record| Text(record.details.as_ref()?.checksum?.to_string()),
        "checksum given by the list, as `sha-256=…` or `md5=…`, if it is understood";
    "identity", |record| Text(record.details.as_ref()?.identity.as_deref()?),
        "what identifies the link in place of its URL, with `--identity`";
    "mirrors", |record| Texts(record.mirrors()?), "other URLs of the same file given by the list";
    "columns", |record| Columns(record.columns()?),
        "columns of the list that were carried along, by name";
    "input", |record| Text(record.details.as_ref()?.line.as_deref()?),
        "the line of the list, or the row, as it is there, with `--carry-line`";
}

fn now() -> String {
    humantime::format_rfc3339_millis(SystemTime::now()).to_string()
}

/// Nanoseconds since 1970, as records have them; 0 for an earlier time.
pub(crate) fn nanoseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_lists_all_fields() {
        let rows = FIELDS.map(|field| format!("| `{}` | {} |\n", field.name, field.meaning));
        let table = format!("| field | meaning |\n| --- | --- |\n{}", rows.concat());
        crate::docs::check("records.md", "fields", &table);
    }
}
