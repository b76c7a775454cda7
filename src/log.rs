//! What a run tells besides its results: decisions and requests, as events of `tracing`, on their way to standard error or a
//! file.
//!
//! A warning is what everybody should know, such as a link that failed; an info is a decision; a debug event is a
//! request or an answer. Secrets do not become part of an event.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::Context;
use parking_lot::Mutex;
use tracing::Level;
use tracing::level_filters::LevelFilter;
use tracing::subscriber::set_global_default;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::{MakeWriter, layer};
use tracing_subscriber::layer::{Layer, SubscriberExt};

/// Prints a line somewhere else than on standard error, such as above bars; tells whether it has.
pub(crate) type Printer = Box<dyn Fn(&str) -> bool + Send>;

static PRINTER: Mutex<Option<Printer>> = Mutex::new(None);

/// Has lines printed by `printer`, or no longer.
pub(crate) fn print_with(printer: Option<Printer>) {
    *PRINTER.lock() = printer;
}

/// Prints a line for a person: on standard error, unless a [`Printer`] does it.
pub(crate) fn say(line: &str) {
    let printer = PRINTER.lock();
    if !printer.as_ref().is_some_and(|print| print(line)) {
        // nobody may be left to read it, which is no reason to stop
        let _ = writeln!(io::stderr(), "{line}");
    }
}

/// What is told, and where.
#[derive(Debug, Clone, Default)]
pub(crate) struct Options {
    /// 0 for warnings, 1 for decisions, too, and from 2 on requests and answers as well.
    pub verbosity: u8,
    /// The file that gets all of it; then standard error gets warnings alone.
    pub file: Option<PathBuf>,
}

/// Begins to tell. To be called once in a process.
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
    let file = match &options.file {
        None => None,
        Some(path) => {
            let file = OpenOptions::new().create(true).append(true).open(path);
            let file =
                file.with_context(|| format!("cannot write the log `{}`", path.display()))?;
            // at least what a person would want to know afterwards
            let level = ours(level.max(LevelFilter::INFO));
            Some(
                layer()
                    .with_ansi(false)
                    .with_target(false)
                    .with_writer(file)
                    .with_filter(level),
            )
        }
    };
    let shown = if file.is_some() {
        LevelFilter::WARN
    } else {
        level
    };
    let screen = layer()
        .without_time()
        .with_level(false)
        .with_target(false)
        .with_ansi(false)
        .with_writer(Screen)
        .with_filter(ours(shown));
    set_global_default(tracing_subscriber::registry().with(file).with(screen))
        .context("the log has been started before")
}

/// Standard error, above the bars if there are some.
struct Screen;

impl MakeWriter<'_> for Screen {
    type Writer = Line;

    fn make_writer(&self) -> Line {
        Line { dim: false }
    }

    fn make_writer_for(&self, metadata: &tracing::Metadata<'_>) -> Line {
        Line {
            dim: *metadata.level() > Level::WARN,
        }
    }
}

/// One event, which is written at once.
struct Line {
    dim: bool,
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        let text = text.trim_end_matches('\n');
        if self.dim {
            say(&console::style(text).for_stderr().dim().to_string());
        } else {
            say(text);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
