//! The progress of a run on standard error: bars on a terminal, a line now and then elsewhere.
//!
//! One thread reads the [`Stats`] a few times per second, regardless of how many transfers there are, so that the display
//! does not slow down what it shows. [`status_line`] puts the progress into words, [`bars`] draws it. Knows nothing of HTTP
//! or files.

mod bars;
mod status_line;

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use clap::ValueEnum;
use indicatif::{MultiProgress, ProgressDrawTarget};

use crate::log;
use crate::stats::Stats;
pub(crate) use status_line::StatusLine;

/// The time between two lines of `--progress plain`.
const LOG_EVERY: Duration = Duration::from_secs(30);

/// How progress is shown, on standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Style {
    /// Bars on a terminal, plain lines elsewhere
    #[default]
    Auto,
    /// Bars
    Bar,
    /// A line every half minute, without control characters
    Plain,
    /// Failures only
    None,
}

/// The progress display of a run.
pub(crate) struct Progress {
    status_line: Arc<StatusLine>,
    /// The thread that updates the display; it ends when the sender is dropped.
    ticker: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Progress {
    /// Starts to display `stats`. `count` returns the number of links, if it can be known; it may take long, and is called on
    /// the thread of the display.
    pub(crate) fn start(
        style: Style,
        stats: Arc<Stats>,
        count: impl FnOnce() -> Option<u64> + Send + 'static,
    ) -> Self {
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let has_bars = match style {
            Style::Auto => std::io::stderr().is_terminal() && !dumb,
            Style::Bar => true,
            Style::Plain | Style::None => false,
        };
        let target = || MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(20));
        let bars = has_bars.then(target);
        log::print_with(bars.clone().map(|bars| -> log::Printer {
            // without a terminal, the bars of `--progress bar` are hidden and would swallow the line
            Box::new(move |line| !bars.is_hidden() && bars.println(line).is_ok())
        }));
        let (stop, stopped) = mpsc::channel();
        let status_line = Arc::new(StatusLine::new(stats));
        let ticker = (style != Style::None).then(|| {
            let status_line = Arc::clone(&status_line);
            let run = move || {
                if let Some(total) = count() {
                    status_line.set_total(total);
                }
                if let Some(bars) = bars {
                    return bars::draw(&bars, &status_line, &stopped);
                }
                while wait(&stopped, LOG_EVERY) {
                    log::print_line(&status_line.text(usize::MAX));
                }
            };
            (stop, thread::spawn(run))
        });
        Self {
            status_line,
            ticker,
        }
    }

    /// The progress in words, also available without a display.
    pub(crate) fn status_line(&self) -> Arc<StatusLine> {
        Arc::clone(&self.status_line)
    }

    /// Removes the display.
    pub(crate) fn finish(self) {
        if let Some((stop, thread)) = self.ticker {
            drop(stop);
            // a panic of the thread has already been printed
            let _ = thread.join();
        }
        log::print_with(None);
    }
}

/// Waits for the next update; false if the display has been stopped.
fn wait(stopped: &Receiver<()>, interval: Duration) -> bool {
    stopped.recv_timeout(interval) == Err(RecvTimeoutError::Timeout)
}
