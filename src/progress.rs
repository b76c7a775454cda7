//! The progress of a run on standard error: bars on a terminal, a line now and then elsewhere.
//!
//! One thread reads the [`StatusLine`] a few times per second, regardless of how many transfers there are, so that the display
//! does not slow down what it shows. [`status_line`] puts the progress into words, [`bars`] draws it. Knows nothing of HTTP
//! or files. Without a thread for it, there is no display.

mod bars;
mod canvas;
mod rows;
mod status_line;
mod time_left;

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use clap::ValueEnum;

use crate::{log, output, screen};
pub(crate) use status_line::StatusLine;

/// The time between two lines of `--progress plain`.
const LOG_EVERY: Duration = Duration::from_secs(30);

/// What a line begins with that is for the terminal of the process that has started this one, and that nothing else begins with.
pub(crate) const RELAYED: &str = "\r";

/// The time between two updates of the bars.
const REDRAW: Duration = Duration::from_millis(125);

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
    /// Lines of `RELAYED` a few times per second
    #[value(skip)]
    Relayed,
}

impl Style {
    /// Whether there are bars, which need a terminal that can move its cursor.
    pub(crate) fn has_bars(self) -> bool {
        let dumb = || std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        match self {
            Self::Auto | Self::Bar => screen::is_terminal() && !dumb(),
            Self::Plain | Self::None | Self::Relayed => false,
        }
    }
}

/// The progress display of a run.
pub(crate) struct Progress {
    /// The thread that updates the display: it ends when the sender is dropped, and then drops its own.
    ticker: Option<(Sender<()>, Receiver<()>)>,
}

impl Progress {
    /// Starts to display the `status_line`.
    pub(crate) fn start(style: Style, status_line: Arc<StatusLine>) -> Self {
        let has_bars = style.has_bars();
        let is_hidden = style == Style::Bar && !has_bars;
        let ticker = match style {
            Style::None => None,
            _ if is_hidden => None,
            Style::Relayed => tick(status_line, relay),
            _ if has_bars => tick(status_line, bars::draw),
            _ => tick(status_line, print),
        };
        Self { ticker }
    }

    /// Removes the display, unless the terminal is blocked and somebody has asked for the end.
    pub(crate) fn finish(self) {
        let now = Instant::now();
        if let Some((stop, ended)) = self.ticker {
            drop(stop);
            while wait(&ended, REDRAW) && output::has_patience(now) {}
        }
    }
}

/// Starts the thread of the display.
fn tick(
    status_line: Arc<StatusLine>,
    show: fn(&Arc<StatusLine>, &Receiver<()>),
) -> Option<(Sender<()>, Receiver<()>)> {
    let (stop, stopped) = mpsc::channel();
    let (end, ended) = mpsc::channel::<()>();
    let run = move || {
        let _until_now = end;
        show(&status_line, &stopped);
    };
    thread::Builder::new().spawn(run).ok()?;
    Some((stop, ended))
}

fn print(status_line: &Arc<StatusLine>, stopped: &Receiver<()>) {
    while wait(stopped, LOG_EVERY) {
        log::tell(&status_line.text(usize::MAX));
    }
}

fn relay(status_line: &Arc<StatusLine>, stopped: &Receiver<()>) {
    while wait(stopped, REDRAW) {
        let text = status_line.text(usize::MAX);
        log::print_line(&format!("{RELAYED}{text}"));
    }
}

/// Waits for the next update; false if the display has been stopped.
fn wait(stopped: &Receiver<()>, interval: Duration) -> bool {
    stopped.recv_timeout(interval) == Err(RecvTimeoutError::Timeout)
}

/// `before`, moved towards `value`: by 63 % after one unit of `time`.
fn smooth(before: f64, value: f64, time: f64) -> f64 {
    before + (value - before) * (1.0 - (-time).exp())
}
