//! The log of a run: where events of `tracing` go, to standard error or to a file.
//!
//! An error is a failure of the run itself, a warning is for everyone, such as a failed link; an info event is a decision; a debug event is a request or a response.
//! Events contain no secrets and, whatever lists and servers say, no control characters. Neither the terminal nor the file holds up whoever logs: both are an [`Output`].

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::path::PathBuf;
use std::sync::{LazyLock, OnceLock};

use anyhow::Context;
use tracing::Level;
use tracing::level_filters::LevelFilter;
use tracing::subscriber::set_global_default;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::layer;
use tracing_subscriber::fmt::writer::MakeWriterExt;
use tracing_subscriber::layer::{Layer, SubscriberExt};

use crate::output::Output;
use crate::screen;
use crate::system::streams;
use crate::text::{cut, printable, wrapped};

static SCREEN: LazyLock<Output> = LazyLock::new(|| Output::start(Screen(streams::stderr())));

static FILE: OnceLock<Output> = OnceLock::new();

/// Prints text for a person: whole lines, to standard error.
pub(crate) fn print(lines: &str) {
    SCREEN.push(lines.as_bytes());
}

/// Prints a line for a person.
pub(crate) fn print_line(line: &str) {
    print(&format!("{line}\n"));
}

/// Prints a message for a person, which a terminal shows on lines that are broken between words.
pub(crate) fn tell(message: &str) {
    print_line(&on_lines(message));
}

fn on_lines(message: &str) -> String {
    wrapped(message, screen::columns(false), 4)
}

/// Waits until everything is written; false if some of it was lost. That standard error is closed is no loss: nobody wants to
/// know.
pub(crate) fn finish() -> bool {
    let file = FILE.get().map_or(Ok(()), Output::finish);
    // last, because it tells of the file
    let screen = SCREEN.finish();
    file.is_ok() && matches!(screen, Ok(()) | Err(ErrorKind::BrokenPipe))
}

/// Standard error, above the progress.
struct Screen(Box<dyn Write + Send>);

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        screen::write_to_stderr(&mut *self.0, bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Which events are logged, and where.
#[derive(Debug, Clone, Default)]
pub(crate) struct Options {
    /// 0 for warnings, 1 for decisions as well, 2 and more for requests and responses as well.
    pub verbosity: u8,
    /// Whether standard error gets only failures of the run itself.
    pub is_silent: bool,
    /// The file for all events; standard error then gets only warnings.
    pub file: Option<PathBuf>,
}

/// Starts the log. Must be called only once per process.
///
/// # Errors
///
/// When the file cannot be written.
pub(crate) fn start(options: &Options) -> anyhow::Result<()> {
    let level = match options.verbosity {
        0 => LevelFilter::WARN,
        1 => LevelFilter::INFO,
        _ => LevelFilter::DEBUG,
    };
    let ours = |level: LevelFilter| Targets::new().with_target(env!("CARGO_CRATE_NAME"), level);
    let mut shown = level;
    let mut file = None;
    if let Some(path) = &options.file {
        let opened = File::options().create(true).append(true).open(path);
        let cannot_write = || format!("cannot write the log `{}`", path.display());
        let log = Output::start(opened.with_context(cannot_write)?);
        let name = path.display().to_string();
        log.on_loss(move |error| print_line(&format!("cannot write the log `{name}`: {error}")));
        let log = FILE.get_or_init(|| log);
        let layer = layer().with_ansi(false).with_target(false);
        let layer = layer.with_writer(|| Queued(log));
        // decisions too: a file is read after the run, when it is too late for another level
        file = Some(layer.with_filter(ours(level.max(LevelFilter::INFO))));
        shown = LevelFilter::WARN;
    }
    if options.is_silent {
        shown = LevelFilter::ERROR;
    }
    let writer = || Line { dim: false };
    let writer = writer
        .with_max_level(Level::WARN)
        .or_else(|| Line { dim: true });
    let screen = layer()
        .without_time()
        .with_level(false)
        .with_target(false)
        .with_ansi(false)
        .with_writer(writer)
        .with_filter(ours(shown));
    set_global_default(tracing_subscriber::registry().with(file).with(screen))
        .context("the log was already started")
}

/// An event on a single line, which a terminal can show: parts of it may come from lists and servers.
fn safe(event: &[u8]) -> String {
    const LONGEST: usize = 4000;
    let text = String::from_utf8_lossy(event);
    printable(&cut(text.trim_end_matches('\n'), LONGEST))
}

/// A writer of the log file, which gets each event by a single write.
struct Queued(&'static Output);

impl Write for Queued {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let line = format!("{}\n", safe(bytes));
        self.0.push(line.as_bytes());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// One event, which is printed by a single write.
struct Line {
    /// Whether it is less than a warning.
    dim: bool,
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = on_lines(&safe(bytes));
        if self.dim {
            print_line(&console::style(text).for_stderr().dim().to_string());
        } else {
            print_line(&text);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
