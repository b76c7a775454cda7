//! The log of a run: where events of `tracing` go, to standard error or to a file.
//!
//! A warning is for everyone, such as a failed link; an info event is a decision; a debug event is a request or a response.
//! Events contain no secrets.

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::Context;
use parking_lot::Mutex;
use tracing::Level;
use tracing::level_filters::LevelFilter;
use tracing::subscriber::set_global_default;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::layer;
use tracing_subscriber::fmt::writer::MakeWriterExt;
use tracing_subscriber::layer::{Layer, SubscriberExt};

/// Prints a line in place of standard error, such as above progress bars. Returns whether it did.
pub(crate) type Printer = Box<dyn Fn(&str) -> bool + Send>;

static PRINTER: Mutex<Option<Printer>> = Mutex::new(None);

/// Sets or removes the [`Printer`].
pub(crate) fn print_with(printer: Option<Printer>) {
    *PRINTER.lock() = printer;
}

/// Prints a line for a person, to the [`Printer`] or else to standard error.
pub(crate) fn print_line(line: &str) {
    let printer = PRINTER.lock();
    if !printer.as_ref().is_some_and(|print| print(line)) {
        // standard error may be closed, which must not end the run
        let _ = writeln!(io::stderr(), "{line}");
    }
}

/// Which events are logged, and where.
#[derive(Debug, Clone, Default)]
pub(crate) struct Options {
    /// 0 for warnings, 1 for decisions as well, 2 and more for requests and responses as well.
    pub verbosity: u8,
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
        let layer = layer().with_ansi(false).with_target(false);
        let layer = layer.with_writer(opened.with_context(cannot_write)?);
        // decisions too: a file is read after the run, when it is too late for another level
        file = Some(layer.with_filter(ours(level.max(LevelFilter::INFO))));
        shown = LevelFilter::WARN;
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

/// One event, which is printed by a single write.
struct Line {
    /// Whether it is less than a warning.
    dim: bool,
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        let text = text.trim_end_matches('\n');
        if self.dim {
            print_line(&console::style(text).for_stderr().dim().to_string());
        } else {
            print_line(text);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
