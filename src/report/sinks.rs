//! Records for programs: on standard output as links end, and in files.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use clap::ValueEnum;
use parking_lot::Mutex;

use super::csv::CsvTable;
use crate::outcome::{Outcome, Record, Status};

/// What standard output is for. What is not the summary makes it go to standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Print {
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
pub(crate) struct SinkOptions {
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
pub(crate) struct Sinks {
    print: Print,
    separator: &'static str,
    folder: PathBuf,
    report: Option<Mutex<Table>>,
    errors: Option<Mutex<File>>,
}

impl Sinks {
    /// Creates the files that `options` name, for a run into `folder`.
    ///
    /// # Errors
    ///
    /// When one of them cannot be created.
    pub(crate) fn open(options: &SinkOptions, folder: &Path) -> anyhow::Result<Self> {
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
    pub(crate) fn write(&self, record: &Record) -> io::Result<()> {
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
            report.lock().write(record)?;
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
            let lines = format!("# {}: {failure}\n{mark}{line}\n", record.source_line);
            errors.lock().write_all(lines.as_bytes())?;
        }
        Ok(())
    }
}

/// A report in one of its forms.
#[derive(Debug)]
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

/// Writes and flushes at once: whoever reads is waiting for it.
fn to_stdout(bytes: &[u8]) {
    let mut stdout = io::stdout().lock();
    let _ = stdout.write_all(bytes).and_then(|()| stdout.flush());
}
