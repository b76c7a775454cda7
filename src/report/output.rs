//! Records for programs: on standard output as links end, and in files.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use clap::ValueEnum;

use super::Record;
use crate::outcome::{Outcome, Status};

/// The fields of a record, in the order of the columns of a report in CSV.
pub const FIELDS: [&str; 24] = [
    "schema",
    "time",
    "status",
    "url",
    "final_url",
    "source",
    "line",
    "http_status",
    "file",
    "bytes",
    "mtime_ns",
    "sha256",
    "etag",
    "last_modified",
    "attempts",
    "elapsed",
    "suspect",
    "retryable",
    "error",
    "exec_error",
    "name",
    "checksum",
    "mirrors",
    "columns",
];

/// What standard output is for. What is not the summary makes it go to standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Print {
    /// The summary
    #[default]
    Summary,
    /// The path of each file, as it lands
    Paths,
    /// The record of each link, as it ends: NDJSON
    Json,
}

/// Which records go where.
#[derive(Debug, Clone, Default)]
pub struct OutputOptions {
    /// What standard output is for.
    pub print: Print,
    /// Whether a path ends with NUL and not with a line end.
    pub null: bool,
    /// A file for the records of this run: CSV if its name says so, else NDJSON.
    pub report: Option<PathBuf>,
    /// A file for the links that failed: a link list, with the reasons as comments.
    pub errors: Option<PathBuf>,
    /// Columns of the lists, which get columns of their own in a report in CSV.
    pub columns: Vec<Arc<str>>,
}

/// Writes records as links end.
#[derive(Debug)]
pub struct Output {
    print: Print,
    separator: &'static str,
    folder: PathBuf,
    report: Option<Mutex<Table>>,
    errors: Option<Mutex<File>>,
}

/// A report in one of its forms.
#[derive(Debug)]
enum Table {
    Json(File),
    Csv(Box<csv::Writer<File>>, Vec<Arc<str>>),
}

impl Output {
    /// Creates the files that `options` name, for a run into `folder`.
    ///
    /// # Errors
    ///
    /// When one of them cannot be created.
    pub fn open(options: &OutputOptions, folder: &Path) -> anyhow::Result<Self> {
        let report = options
            .report
            .as_deref()
            .map(|path| Table::create(path, &options.columns))
            .transpose()?;
        let errors = options.errors.as_deref().map(create).transpose()?;
        Ok(Self {
            print: options.print,
            separator: if options.null { "\0" } else { "\n" },
            folder: folder.to_owned(),
            report: report.map(Mutex::new),
            errors: errors.map(Mutex::new),
        })
    }

    /// Writes the record of a link that has ended, wherever it belongs.
    ///
    /// # Errors
    ///
    /// When a file cannot be written. A reader of standard output that has gone away is no error.
    pub fn write(&self, record: &Record) -> io::Result<()> {
        match (self.print, &record.outcome) {
            (Print::Json, _) => to_stdout(&record.to_json_line()),
            (Print::Paths, Outcome::Saved(saved)) => {
                let path = self.folder.join(&saved.file);
                to_stdout(
                    &[
                        path.as_os_str().as_encoded_bytes(),
                        self.separator.as_bytes(),
                    ]
                    .concat(),
                );
            }
            _ => {}
        }
        if let Some(report) = &self.report {
            report
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .write(record)?;
        }
        if let (Some(errors), Outcome::Failed(failure)) = (&self.errors, &record.outcome) {
            // what the list says besides the URL is known only to a record
            let line = match &record.details {
                Some(_) => String::from_utf8_lossy(record.to_json_line().trim_ascii()).into_owned(),
                None => record.url.clone(),
            };
            // what was no link is none the next time either
            let mark = if failure.status == Status::BadLink {
                "# "
            } else {
                ""
            };
            let lines = format!("# {}: {failure}\n{mark}{line}\n", record.place);
            errors
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .write_all(lines.as_bytes())?;
        }
        Ok(())
    }
}

impl Table {
    fn create(path: &Path, columns: &[Arc<str>]) -> anyhow::Result<Self> {
        let file = create(path)?;
        if path
            .extension()
            .is_none_or(|extension| !extension.eq_ignore_ascii_case("csv"))
        {
            return Ok(Self::Json(file));
        }
        let mut table = csv::Writer::from_writer(file);
        let columns: Vec<_> = columns
            .iter()
            .filter(|name| !FIELDS.contains(&&***name))
            .cloned()
            .collect();
        table
            .write_record(FIELDS.into_iter().chain(columns.iter().map(AsRef::as_ref)))
            .with_context(|| format!("cannot write `{}`", path.display()))?;
        Ok(Self::Csv(Box::new(table), columns))
    }

    fn write(&mut self, record: &Record) -> io::Result<()> {
        let line = record.to_json_line();
        match self {
            Self::Json(file) => file.write_all(&line),
            Self::Csv(table, columns) => {
                let fields: serde_json::Map<_, _> = serde_json::from_slice(&line)?;
                let text = |value: Option<&serde_json::Value>| match value {
                    None => String::new(),
                    Some(serde_json::Value::String(text)) => text.clone(),
                    Some(value) => value.to_string(),
                };
                let carried = |name: &Arc<str>| {
                    text(
                        fields
                            .get("columns")
                            .and_then(|columns| columns.get(&**name)),
                    )
                };
                let known = FIELDS.into_iter().map(|name| text(fields.get(name)));
                table.write_record(known.chain(columns.iter().map(carried)))?;
                table.flush()
            }
        }
    }
}

fn create(path: &Path) -> anyhow::Result<File> {
    File::create(path).with_context(|| format!("cannot create `{}`", path.display()))
}

/// Writes and flushes at once: whoever reads is waiting for it.
fn to_stdout(bytes: &[u8]) {
    let mut stdout = io::stdout().lock();
    let _ = stdout.write_all(bytes).and_then(|()| stdout.flush());
}
