//! Runs the same list once in each mode, or several times, and compares the times.
//!
//! ```text
//!  Row: a mode and a number ──► child: a run in a process of its own ──► Measured
//!                                                                          │
//!        table, chart, who ran when, notes, JSON, SVG ◄── Comparison ◄─────┘
//! ```
//!
//! Each run starts from nothing: with an empty folder, its own connections, and a process of its own, so that none profits from
//! what another one has opened, looked up or allocated, and so that its processor time and memory can be told from those of the
//! server of `--demo`. Several runs are interleaved: first each row once, then each row again. What changes meanwhile, such as the
//! load of a server, then concerns all rows alike.

mod chart;
mod child;
mod json;
mod measured;
mod notes;
mod picture;
mod rows;
mod table;
mod who;

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use console::Term;
use tokio_util::sync::CancellationToken;

use crate::links::{Input, Links};
use crate::run::Config;
use crate::stop::{self, Cause, Stop};
use crate::system::locale;
use crate::text::wrapped;
use crate::{log, screen};

pub(crate) use child::{Order, run_one};
pub(crate) use json::json;
use measured::Measured;
pub(crate) use picture::{Picture, PictureFile};
pub(crate) use rows::{DEFAULT_AT_ONCE, Folders, ModeAt, Row, rows};

/// The columns of a terminal whose width is unknown, and of a pipe.
const USUAL_COLUMNS: usize = 80;

/// A file that is no regular one, but the same each time.
const EMPTY: &str = "/dev/null";

/// Longer lines are hard to read.
const MOST_COLUMNS: usize = 120;

/// What is compared, and how.
#[derive(Debug)]
pub(crate) struct Options {
    /// What runs, in this order.
    pub rows: Vec<Row>,
    /// How often each of them runs.
    pub runs: usize,
    /// Where the files go.
    pub folders: Folders,
    /// The arguments of this process, which those of the runs get, too.
    pub arguments: Vec<OsString>,
    /// Whether to say nothing while it goes on.
    pub is_quiet: bool,
    /// Whether to show how far each run is, on a terminal.
    pub has_bars: bool,
    /// Whether to print all messages of all runs.
    pub is_verbose: bool,
}

/// The result of a comparison.
#[derive(Debug)]
pub(crate) struct Comparison {
    /// The rows that have run at least once.
    pub results: Vec<RowResult>,
    /// Why it ended early, if somebody has asked for that.
    pub stopped: Option<Cause>,
    /// The run that was not finished, if one was not. Its figures are not shown.
    unfinished: Option<Unfinished>,
    /// How often each row was to run.
    runs: usize,
}

/// A run that ended before its work was done.
#[derive(Debug)]
struct Unfinished {
    /// As messages name it: `run 3 of 8: pool, 16 at once`.
    name: String,
    exit_code: u8,
}

/// The runs of one row.
#[derive(Debug)]
pub(crate) struct RowResult {
    row: Row,
    /// The row in words that tell it from all others: `pool`, or `pool:16` if there are several of the mode.
    label: String,
    /// In the order in which they ran.
    runs: Vec<Measured>,
}

/// Runs `config` as `options` say, until somebody asks for the end, a run breaks off, or there turns out to be nothing to fetch.
/// A run that reaches a limit, such as `--max-downloads`, does not end the comparison: the others get as far.
///
/// # Errors
///
/// When a run fails as a whole, a list cannot be opened, or an output folder is not empty.
pub(crate) fn compare(config: &Config, options: &Options) -> anyhow::Result<Comparison> {
    let Options { rows, folders, .. } = options;
    let runs = options.runs;
    let all = (1..=runs).flat_map(|run| rows.iter().map(move |row| (run, *row)));
    let all: Vec<_> = all.collect();
    for (run, row) in &all {
        Folders::check(&folders.of(*row, rows, (*run, runs)))?;
    }
    let inputs = repeatable(&config.inputs, folders.temporary())?;
    Links::open(&inputs, &config.lists)?;
    let mut results: Vec<_> = rows.iter().map(|row| RowResult::new(*row, rows)).collect();
    let stop = Arc::new(Stop::new(CancellationToken::new(), || ()));
    let mut unfinished = None;
    let told = Arc::new(child::Told::new(options.is_verbose));
    let shown = Arc::clone(&told);
    let _attention = stop::attend(&stop, move || log::print_line(&shown.doing.lock()));
    for (number, (run, row)) in (1..).zip(&all) {
        let at = rows.iter().position(|other| other == row);
        let result = &mut results[at.expect("it is one of them")];
        let doing = format!("run {number} of {}: {}", all.len(), row);
        let say = |text: &str| {
            if !options.is_quiet {
                let size = Term::stderr().size_checked();
                let columns = size.map(|(_, columns)| usize::from(columns));
                log::print_line(&wrapped(&format!("{doing}{text}"), columns, 2));
            }
        };
        told.doing.lock().clone_from(&doing);
        say(" …");
        let output = folders.of(*row, rows, (*run, runs));
        let order = Order::new(options, &inputs, *row, &output);
        let measured = child::measure(&order, &stop, &told)?;
        folders.clear(&output);
        let exit_code = measured.as_ref().map_or(0, |run| run.exit_code);
        let Some(measured) = measured.filter(|run| !run.is_broken) else {
            say(": ended early");
            let name = doing;
            unfinished = Some(Unfinished { name, exit_code });
            break;
        };
        if measured.is_of_nothing() {
            break;
        }
        say(&format!(": {measured}"));
        result.push(measured);
        if stop.is_stopped() {
            break;
        }
    }
    results.retain(|result| !result.runs.is_empty());
    Ok(Comparison {
        results,
        stopped: stop.cause(),
        unfinished,
        runs,
    })
}

/// Inputs that can be read once per run: standard input and pipes are copied to files in `folder`.
fn repeatable(inputs: &[Input], folder: &Path) -> anyhow::Result<Vec<Input>> {
    let is_pipe = |path: &Path| {
        let metadata = path.metadata();
        metadata.is_ok_and(|list| !list.is_file() && !list.is_dir())
    };
    let repeatable = inputs.iter().enumerate().map(|(number, input)| {
        let (name, mut list): (_, Box<dyn Read>) = match input {
            Input::Stdin => ("stdin".to_owned(), Box::new(io::stdin())),
            Input::List(path) if is_pipe(path) => {
                (path.display().to_string(), Box::new(File::open(path)?))
            }
            other => return Ok(other.clone()),
        };
        let path = folder.join(format!("links-{number}.txt"));
        let copied = File::create_new(&path).and_then(|mut copy| io::copy(&mut list, &mut copy));
        copied.context("cannot copy the list")?;
        Ok(Input::Copied(name, path))
    });
    repeatable.collect()
}

/// Refuses files that can be read only once, because each run reads all of them.
///
/// # Errors
///
/// When one of them is a pipe.
pub(crate) fn refuse_pipes<'a>(files: impl Iterator<Item = &'a Path>) -> anyhow::Result<()> {
    for path in files {
        let is_pipe = || fs::metadata(path).is_ok_and(|file| !file.is_file());
        anyhow::ensure!(
            path == Path::new(EMPTY) || !is_pipe(),
            "each run of `compare` reads `{}` again: name a regular file",
            path.display()
        );
    }
    Ok(())
}

impl Comparison {
    /// The exit code: of the signal that ended it, or the first one of a run that is not 0.
    pub(crate) fn exit_code(&self) -> u8 {
        if let Some(Cause::Signal(signal)) = self.stopped {
            return 128 + signal;
        }
        let unfinished = self.unfinished.iter().map(|run| run.exit_code);
        let mut codes = unfinished.chain(self.all_runs().map(|run| run.exit_code));
        codes.find(|code| *code != 0).unwrap_or(0)
    }

    /// The tables and the charts for people, who see them on standard output or standard error.
    pub(crate) fn text(&self, is_stdout: bool) -> String {
        let columns = screen::columns(is_stdout).unwrap_or(USUAL_COLUMNS);
        let screen = Screen {
            columns: columns.min(MOST_COLUMNS),
            is_utf8: locale::is_utf8(),
        };
        let mut parts = Vec::new();
        if !self.results.is_empty() {
            parts.push(table::tables(self, screen));
            parts.push(chart::chart(self, screen));
            parts.extend(who::who_ran_when(self, screen));
        }
        let notes = notes::notes(self).into_iter();
        parts.extend(notes.map(|note| screen.wrapped(&note)));
        parts.join("\n")
    }

    /// Why a list could not be read to its end, if so.
    pub(crate) fn list_error(&self) -> Option<String> {
        self.all_runs().find_map(|run| run.list_error.clone())
    }

    fn all_runs(&self) -> impl Iterator<Item = &Measured> {
        self.results.iter().flat_map(|result| &result.runs)
    }
}

/// What text is for.
#[derive(Debug, Clone, Copy)]
struct Screen {
    columns: usize,
    is_utf8: bool,
}

impl Screen {
    /// `text` in lines that fit.
    fn wrapped(self, text: &str) -> String {
        wrapped(text, Some(self.columns), 0) + "\n"
    }

    /// `text`, or the other one where only ASCII is shown.
    fn or_ascii<'a>(self, text: &'a str, ascii: &'a str) -> &'a str {
        if self.is_utf8 { text } else { ascii }
    }
}
