//! What a person sees while a run goes on: bars on a terminal, a line now and then elsewhere.
//!
//! Reads the tally and never slows what it counts: one thread redraws a few times a second, however many transfers run.

use std::io::{IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use indicatif::{HumanBytes, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::outcome::Status;
use crate::report::{Tally, rate};

/// At most so many active transfers are shown.
const ROWS: usize = 10;

/// The time between two looks of the bars, and between two lines of a log.
const REDRAW: Duration = Duration::from_millis(125);
const LOG_EVERY: Duration = Duration::from_secs(5);

/// How progress is shown, on standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Style {
    /// Bars on a terminal, plain lines elsewhere
    #[default]
    Auto,
    /// Bars
    Bar,
    /// A line every few seconds, without control characters
    Plain,
    /// Failures only
    None,
}

/// The display of one run.
pub struct Progress {
    bars: Option<MultiProgress>,
    ticker: Mutex<Option<(mpsc::Sender<()>, JoinHandle<()>)>>,
}

impl Progress {
    /// Begins to show `tally`. `count` tells how many links there are, if that can be known, and is called on another thread.
    pub fn start(
        style: Style,
        tally: Arc<Tally>,
        count: impl FnOnce() -> Option<u64> + Send + 'static,
    ) -> Self {
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let bars = match style {
            Style::Auto => std::io::stderr().is_terminal() && !dumb,
            Style::Bar => true,
            Style::Plain | Style::None => false,
        };
        let bars =
            bars.then(|| MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(20)));
        let (stop, stopped) = mpsc::channel();
        let ticker = (style != Style::None).then(|| {
            let bars = bars.clone();
            let thread = std::thread::spawn(move || {
                let view = View {
                    tally,
                    total: count(),
                    started: Instant::now(),
                };
                match bars {
                    Some(bars) => view.draw(&bars, &stopped),
                    None => view.log(&stopped),
                }
            });
            (stop, thread)
        });
        Self {
            bars,
            ticker: Mutex::new(ticker),
        }
    }

    /// Prints a line above the bars.
    pub fn say(&self, line: &str) {
        // nobody may be left to read it, which is no reason to stop
        match &self.bars {
            // hidden bars, such as those that were asked for where there is no terminal, would swallow the line
            Some(bars) if !bars.is_hidden() => drop(bars.println(line)),
            _ => drop(writeln!(std::io::stderr(), "{line}")),
        }
    }

    /// Takes the display away.
    pub fn finish(&self) {
        let ticker = self
            .ticker
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some((stop, thread)) = ticker {
            drop(stop);
            // a display that has panicked has said so itself
            let _ = thread.join();
        }
    }
}

/// What there is to see.
struct View {
    tally: Arc<Tally>,
    total: Option<u64>,
    started: Instant,
}

impl View {
    fn log(&self, stopped: &mpsc::Receiver<()>) {
        while stopped.recv_timeout(LOG_EVERY) == Err(mpsc::RecvTimeoutError::Timeout) {
            let _ = writeln!(std::io::stderr(), "{}", self.line());
        }
    }

    fn draw(&self, bars: &MultiProgress, stopped: &mpsc::Receiver<()>) {
        let whole = bars.add(ProgressBar::new(self.total.unwrap_or(0)));
        let template = if self.total.is_some() {
            "{bar:20.green/dim} {wide_msg}"
        } else {
            "{spinner} {wide_msg}"
        };
        whole.set_style(
            ProgressStyle::with_template(template)
                .expect("a valid template")
                .progress_chars("━━─"),
        );
        let mut rows = Rows {
            bars,
            whole: &whole,
            shown: Vec::new(),
        };
        loop {
            rows.update(&self.tally);
            whole.set_position(self.tally.counts().iter().sum());
            whole.set_message(self.line());
            if stopped.recv_timeout(REDRAW) != Err(mpsc::RecvTimeoutError::Timeout) {
                break;
            }
        }
        // cleared once, and then no bar that goes away draws itself again
        let _ = bars.clear();
        bars.set_draw_target(ProgressDrawTarget::hidden());
    }

    /// `12/2000, 3 failed · 1.2 MiB, 3.4 MiB/s · 5 s, 9 s left`
    fn line(&self) -> String {
        let counts = self.tally.counts();
        let sum = |which: fn(Status) -> bool| -> u64 {
            Status::ALL
                .into_iter()
                .filter(|status| which(*status))
                .map(|status| counts[status as usize])
                .sum()
        };
        let done: u64 = counts.iter().sum();
        let asked = sum(|status| {
            !matches!(
                status,
                Status::Present | Status::Duplicate | Status::BadLink
            )
        });
        let failed = match sum(Status::failed) {
            0 => String::new(),
            failed => format!(", {failed} failed"),
        };
        let resting = match self.tally.resting_hosts() {
            0 => String::new(),
            1 => " · 1 host is resting".to_owned(),
            hosts => format!(" · {hosts} hosts are resting"),
        };
        let of = self
            .total
            .map_or_else(String::new, |total| format!("/{total}"));
        let (elapsed, bytes) = (self.started.elapsed(), self.tally.received_bytes());
        let left = self.total.map_or_else(String::new, |total| {
            time_left(elapsed, asked, total.saturating_sub(done))
        });
        let per_second = HumanBytes(rate(bytes, elapsed));
        format!(
            "{done}{of}{failed} · {}, {per_second}/s · {}{left}{resting}",
            HumanBytes(bytes),
            clock(elapsed)
        )
    }
}

/// The lines of active transfers: one keeps its place as long as it is active.
struct Rows<'a> {
    bars: &'a MultiProgress,
    whole: &'a ProgressBar,
    shown: Vec<(u64, ProgressBar)>,
}

impl Rows<'_> {
    fn update(&mut self, tally: &Tally) {
        let active = tally.oldest(ROWS);
        self.shown.retain(|(number, row)| {
            let stays = active.iter().any(|transfer| transfer.0 == *number);
            if !stays {
                self.bars.remove(row);
            }
            stays
        });
        for (number, name, received, expected) in active {
            let at = self
                .shown
                .iter()
                .position(|(shown, _)| *shown == number)
                .unwrap_or_else(|| {
                    let style = ProgressStyle::with_template("  {wide_msg:.dim}")
                        .expect("a valid template");
                    let row = self
                        .bars
                        .insert_before(self.whole, ProgressBar::no_length().with_style(style));
                    self.shown.push((number, row));
                    self.shown.len() - 1
                });
            self.shown[at].1.set_message(row(&name, received, expected));
        }
    }
}

fn row(name: &str, received: u64, expected: u64) -> String {
    const WIDTH: usize = 40;
    let length = name.chars().count();
    // the end of a name tells more than its beginning
    let name: String = if length > WIDTH {
        std::iter::once('…')
            .chain(name.chars().skip(length + 1 - WIDTH))
            .collect()
    } else {
        name.to_owned()
    };
    let state = match (received, expected) {
        (0, 0) => "waiting for an answer".to_owned(),
        (received, 0) => HumanBytes(received).to_string(),
        (received, expected) => format!(
            "{:3}% of {}",
            received.min(expected) * 100 / expected,
            HumanBytes(expected)
        ),
    };
    format!("{name:WIDTH$}  {state}")
}

fn time_left(elapsed: Duration, asked: u64, left: u64) -> String {
    if asked == 0 || left == 0 {
        return String::new();
    }
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    let left = elapsed.mul_f64(left as f64 / asked as f64);
    format!(", {} left", clock(left))
}

/// `0:05`, `12:34`, `1:02:03`
fn clock(time: Duration) -> String {
    let (hours, minutes, seconds) = (
        time.as_secs() / 3600,
        time.as_secs() / 60 % 60,
        time.as_secs() % 60,
    );
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes}:{seconds:02}")
    }
}
