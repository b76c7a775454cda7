//! Records for programs: on standard output and in files, written as links end.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use clap::ValueEnum;
use parking_lot::Mutex;

use super::csv::CsvTable;
use crate::outcome::{Outcome, Record, Status};

/// What goes to standard output. Unless it is the summary, the summary goes to standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Print {
    /// The summary
    #[default]
    Summary,
    /// The path of each file as it is saved
    Paths,
    /// The record of each link as it ends, as NDJSON
    Json,
}

/// Where records go.
#[derive(Debug, Clone, Default)]
pub(crate) struct SinkOptions {
    /// What goes to standard output.
    pub print: Print,
    /// Whether a path ends with NUL instead of a line feed.
    pub null: bool,
    /// A file for the records of this run: CSV if its name ends in `.csv`, else NDJSON.
    pub report: Option<PathBuf>,
    /// A file for the links that failed: a link list, with the reasons as comments.
    pub errors: Option<PathBuf>,
    /// The columns of the lists to copy into a CSV report.
    pub columns: Vec<Arc<str>>,
}

/// Writes records as links end.
pub(crate) struct Sinks {
    print: Print,
    separator: &'static str,
    folder: PathBuf,
    report: Option<Mutex<Table>>,
    errors: Option<Mutex<File>>,
}

impl Sinks {
    /// Creates the files named by `options`, for a run into `folder`.
    ///
    /// # Errors
    ///
    /// When one of them cannot be created.
    pub(crate) fn open(options: &SinkOptions, folder: &Path) -> anyhow::Result<Self> {
        let create_table = |path| Table::create(path, &options.columns);
        let report = options.report.as_deref().map(create_table).transpose()?;
        let errors = options.errors.as_deref().map(create).transpose()?;
        Ok(Self {
            print: options.print,
            separator: if options.null { "\0" } else { "\n" },
            folder: folder.to_owned(),
            report: report.map(Mutex::new),
            errors: errors.map(Mutex::new),
        })
    }

    /// Writes the record of a link that has ended to all sinks.
    ///
    /// # Errors
    ///
    /// When a file cannot be written. A closed standard output is not an error.
    pub(crate) fn write(&self, record: &Record) -> io::Result<()> {
        match (self.print, &record.outcome) {
            (Print::Json, _) => to_stdout(&record.to_json_line()),
            (Print::Paths, Outcome::Saved(saved)) => {
                let mut path = self.folder.join(&saved.file).into_os_string();
                path.push(self.separator);
                to_stdout(path.as_encoded_bytes());
            }
            _ => {}
        }
        if let Some(report) = &self.report {
            report.lock().write(record)?;
        }
        if let (Some(errors), Outcome::Failed(failure)) = (&self.errors, &record.outcome) {
            let json = record.details.as_ref().map(|_| record.to_json_line());
            // a plain line would lose the details that the list gave besides the URL
            let line = match &json {
                Some(json) => String::from_utf8_lossy(json.trim_ascii()),
                None => record.url.as_str().into(),
            };
            // a bad line would fail again: keep it as a comment
            let comment = match failure.status {
                Status::BadLink => "# ",
                _ => "",
            };
            let lines = format!("# {}: {failure}\n{comment}{line}\n", record.source_line);
            errors.lock().write_all(lines.as_bytes())?;
        }
        Ok(())
    }
}

/// A report file in one of its formats.
enum Table {
    Ndjson(File),
    Csv(Box<CsvTable>),
}

impl Table {
    fn create(path: &Path, columns: &[Arc<str>]) -> anyhow::Result<Self> {
        let file = create(path)?;
        let extension = path.extension().unwrap_or_default();
        if !extension.eq_ignore_ascii_case("csv") {
            return Ok(Self::Ndjson(file));
        }
        let table = CsvTable::begin(file, columns);
        let table = table.with_context(|| format!("cannot write `{}`", path.display()))?;
        Ok(Self::Csv(Box::new(table)))
    }

    fn write(&mut self, record: &Record) -> io::Result<()> {
        match self {
            Self::Ndjson(file) => file.write_all(&record.to_json_line()),
            Self::Csv(table) => table.write(record),
        }
    }
}

fn create(path: &Path) -> anyhow::Result<File> {
    File::create(path).with_context(|| format!("cannot create `{}`", path.display()))
}

/// Writes and flushes immediately: the reader of a pipe may be waiting. The run continues if the reader goes away.
fn to_stdout(bytes: &[u8]) {
    let mut stdout = io::stdout().lock();
    let _ = stdout.write_all(bytes).and_then(|()| stdout.flush());
}
