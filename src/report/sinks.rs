//! Records for programs: on standard output and in files, written as links end.
//!
//! Each sink is an [`Output`] of its own: an error of one is told once, and leaves the others as they are. Only a standard output
//! that nobody reads ends the run, as it would end any other program in a pipe.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use clap::ValueEnum;

use super::Report;
use super::csv::CsvTable;
use super::html::{HtmlReport, is_page};
use crate::outcome::{Outcome, Record, Status};
use crate::output::{Output, stdout};
use crate::store::Layout;
use crate::system::streams;
use crate::text::{io_message, printable};

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
    /// Files for the records of this run: CSV if the name ends in `.csv`, a page if it ends in `.html`, else NDJSON.
    pub reports: Vec<PathBuf>,
    /// Whether cells of a CSV report that a spreadsheet would take for formulas are escaped.
    pub csv_safe: bool,
    /// A file for the links that failed: a link list, with the reasons as comments.
    pub errors: Option<PathBuf>,
    /// The columns of the lists to copy into a CSV report.
    pub columns: Vec<Arc<str>>,
    /// Whether links that are not tried because the run ends early have records, too.
    pub untried: bool,
}

impl SinkOptions {
    /// Whether whole records go anywhere.
    pub(crate) fn has_records(&self) -> bool {
        self.print == Print::Json || !self.reports.is_empty()
    }
}

/// Writes records as links end.
pub(crate) struct Sinks {
    print: Print,
    separator: &'static str,
    layout: Layout,
    tables: Vec<(Table, Output)>,
    pages: Vec<HtmlReport>,
    errors: Option<Output>,
}

impl Sinks {
    /// Creates the files named by `options`, for a run with this `layout`. Calls `closed` when nobody reads the records on standard
    /// output any more.
    ///
    /// # Errors
    ///
    /// When one of them cannot be created.
    pub(crate) fn open(
        options: &SinkOptions,
        layout: &Layout,
        closed: impl Fn() + Send + Sync + 'static,
    ) -> anyhow::Result<Self> {
        let create_table = |path: &PathBuf| Table::create(path, options);
        let is_table = |path: &&PathBuf| !is_page(path);
        let tables = options.reports.iter().filter(is_table).map(create_table);
        let tables = tables.collect::<anyhow::Result<_>>()?;
        let pages = pages(options, layout)?;
        let errors = options.errors.as_deref().map(create).transpose()?;
        if options.print != Print::Summary {
            let closed = Arc::new(closed);
            let same = Arc::clone(&closed);
            stdout().on_loss(move |error| match error.kind() {
                ErrorKind::BrokenPipe => closed(),
                _ => tell_of("standard output", error),
            });
            // no record may be due for long
            streams::when_nobody_reads_stdout(move || same());
        }
        Ok(Self {
            print: options.print,
            separator: if options.null { "\0" } else { "\n" },
            layout: layout.clone(),
            tables,
            pages,
            errors,
        })
    }

    /// Writes the record of a link that has ended to all sinks.
    pub(crate) fn write(&self, record: &Record) {
        match (self.print, &record.outcome) {
            (Print::Json, _) => stdout().push(&record.to_json_line()),
            (Print::Paths, Outcome::Saved(saved)) => {
                let mut path = self.layout.path_of(&saved.file).into_os_string();
                path.push(self.separator);
                stdout().push(path.as_encoded_bytes());
            }
            _ => {}
        }
        for (table, report) in &self.tables {
            report.push(&table.row(record));
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
            let source_line = printable(&record.source_line.to_string());
            let lines = format!("# {source_line}: {failure}\n{comment}{line}\n");
            errors.push(lines.as_bytes());
        }
    }

    /// Counts a link that has ended at `host`, for the pages.
    pub(crate) fn count(&self, host: &str, record: &Record) {
        for page in &self.pages {
            page.count(host, record);
        }
    }

    /// Takes back that a link was counted.
    pub(crate) fn uncount(&self, host: &str, record: &Record) {
        for page in &self.pages {
            page.uncount(host, record);
        }
    }

    /// Counts a pause of `host`, for the pages.
    pub(crate) fn count_pause(&self, host: &str) {
        for page in &self.pages {
            page.count_pause(host);
        }
    }

    /// Whether there are pages.
    pub(crate) fn has_pages(&self) -> bool {
        !self.pages.is_empty()
    }

    /// Writes the pages, with the result of the run if it has ended; false if one could not be written.
    pub(crate) fn write_pages(&self, report: Option<&Report>) -> bool {
        self.pages.iter().fold(true, |whole, page| {
            let written = page.write(report);
            if let (Some(_), Err(error)) = (report, &written) {
                let (path, why) = (page.path().display(), io_message(error));
                tracing::error!("cannot write `{path}`: {why}");
            }
            whole & written.is_ok()
        })
    }

    /// Waits until everything is written; false if some of it was lost.
    pub(crate) fn finish(&self) -> bool {
        let stdout = (self.print != Print::Summary).then(stdout);
        let tables = self.tables.iter().map(|(_, report)| report);
        let outputs = stdout.into_iter().chain(tables).chain(&self.errors);
        outputs.fold(true, |whole, output| whole & output.finish().is_ok())
    }
}

/// A report file in one of its formats.
enum Table {
    Ndjson,
    Csv(CsvTable),
}

impl Table {
    fn create(path: &Path, options: &SinkOptions) -> anyhow::Result<(Self, Output)> {
        let report = create(path)?;
        let extension = path.extension().unwrap_or_default();
        if !extension.eq_ignore_ascii_case("csv") {
            return Ok((Self::Ndjson, report));
        }
        let table = CsvTable::new(&options.columns, options.csv_safe);
        report.push(&table.header());
        Ok((Self::Csv(table), report))
    }

    fn row(&self, record: &Record) -> Vec<u8> {
        match self {
            Self::Ndjson => record.to_json_line(),
            Self::Csv(table) => table.row(record),
        }
    }
}

/// Creates the pages named by `options`.
fn pages(options: &SinkOptions, layout: &Layout) -> anyhow::Result<Vec<HtmlReport>> {
    let mut tables = options.reports.iter().filter(|path| !is_page(path));
    let records = match tables.next() {
        Some(table) => table.display().to_string(),
        None if options.print == Print::Json => "the output of `--json`".to_owned(),
        None => layout.journal().display().to_string(),
    };
    let here = || layout.path_of("").display().to_string();
    let folder = layout.bucket().map_or_else(here, ToString::to_string);
    let pages = options.reports.iter().filter(|path| is_page(path));
    let create = |path: &PathBuf| HtmlReport::create(path, folder.clone(), records.clone());
    pages.map(create).collect()
}

fn create(path: &Path) -> anyhow::Result<Output> {
    let name = format!("`{}`", path.display());
    let file = File::create(path).with_context(|| format!("cannot create {name}"))?;
    let output = Output::start(file);
    output.on_loss(move |error| tell_of(&name, error));
    Ok(output)
}

/// Tells an error of standard output, unless nobody reads it any more: for text that can be read again.
pub(crate) fn tell_of_stdout() {
    stdout().on_loss(|error| {
        if error.kind() != ErrorKind::BrokenPipe {
            tracing::error!("cannot write to standard output: {}", io_message(error));
        }
    });
}

/// Whether text that can be read again has been written as far as somebody reads it.
pub(crate) fn is_whole(finished: Result<(), ErrorKind>) -> bool {
    matches!(finished, Ok(()) | Err(ErrorKind::BrokenPipe))
}

/// Tells that records have been lost.
fn tell_of(name: &str, error: &io::Error) {
    let why = io_message(error);
    tracing::error!("cannot write all records to {name}: {why}");
}
