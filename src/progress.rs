//! What a person sees while a run goes on: bars on a terminal, a line now and then elsewhere.
//!
//! Reads the stats and never slows what it counts: one thread redraws a few times a second, however many transfers run.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io::IsTerminal;
use std::sync::{Arc, OnceLock, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use console::{Alignment, Term, measure_text_width, pad_str};
use indicatif::{HumanBytes, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use parking_lot::Mutex;

use crate::log;
use crate::outcome::Status;
use crate::stats::{Stats, rate};

/// At most so many active transfers are shown.
const ROWS: usize = 10;

/// Where there is no room for the `^C` that a terminal shows behind the last line, that line breaks and is not cleared.
const INTERRUPT: usize = 3;

/// The speed is that of about so long a time.
const WINDOW: Duration = Duration::from_secs(5);

/// The time between two looks of the bars, and between two lines of a log.
const REDRAW: Duration = Duration::from_millis(125);
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

/// The display of one run.
pub(crate) struct Progress {
    view: Arc<View>,
    ticker: Mutex<Option<(mpsc::Sender<()>, JoinHandle<()>)>>,
}

impl Progress {
    /// Begins to show `stats`. `count` tells how many links there are, if that can be known, and is called on another thread.
    pub(crate) fn start(
        style: Style,
        stats: Arc<Stats>,
        count: impl FnOnce() -> Option<u64> + Send + 'static,
    ) -> Self {
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let drawn = match style {
            Style::Auto => std::io::stderr().is_terminal() && !dumb,
            Style::Bar => true,
            Style::Plain | Style::None => false,
        };
        let target = || MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(20));
        let drawn = drawn.then(target);
        log::print_with(drawn.clone().map(|bars| -> log::Printer {
            // hidden bars, such as those that were asked for where there is no terminal, would swallow the line
            Box::new(move |line| !bars.is_hidden() && bars.println(line).is_ok())
        }));
        let (stop, stopped) = mpsc::channel();
        let view = Arc::new(View {
            stats,
            total: OnceLock::new(),
            started: Instant::now(),
            samples: Mutex::default(),
        });
        let ticker = (style != Style::None).then(|| {
            let view = Arc::clone(&view);
            let thread = std::thread::spawn(move || {
                if let Some(total) = count() {
                    let _ = view.total.set(total);
                }
                match drawn {
                    Some(bars) => view.draw(&bars, &stopped),
                    None => view.log(&stopped),
                }
            });
            (stop, thread)
        });
        Self {
            view,
            ticker: Mutex::new(ticker),
        }
    }

    /// How far the run is, in words: all links, and the oldest active transfers.
    pub(crate) fn state(&self) -> String {
        let mut state = self.view.line(usize::MAX);
        for (_, name, received, expected) in self.view.stats.oldest(ROWS) {
            let _ = write!(state, "\n  {name}  {}", transferred(received, expected));
        }
        state
    }

    /// Takes the display away.
    pub(crate) fn finish(&self) {
        let ticker = self.ticker.lock().take();
        if let Some((stop, thread)) = ticker {
            drop(stop);
            // a display that has panicked has said so itself
            let _ = thread.join();
        }
        log::print_with(None);
    }
}

/// What there is to see.
struct View {
    stats: Arc<Stats>,
    total: OnceLock<u64>,
    started: Instant,
    /// How many bytes had come by when, in the last [`WINDOW`] at least.
    samples: Mutex<VecDeque<(Instant, u64)>>,
}

impl View {
    fn log(&self, stopped: &mpsc::Receiver<()>) {
        while stopped.recv_timeout(LOG_EVERY) == Err(mpsc::RecvTimeoutError::Timeout) {
            log::say(&self.line(usize::MAX));
        }
    }

    fn draw(&self, bars: &MultiProgress, stopped: &mpsc::Receiver<()>) {
        let whole = bars.add(ProgressBar::new(self.total.get().copied().unwrap_or(0)));
        let mut rows = Rows {
            bars,
            whole: &whole,
            shown: Vec::new(),
        };
        let mut styled = None;
        loop {
            // a terminal may change its size at any time
            let columns = usize::from(Term::stderr().size().1);
            if styled.replace(columns) != Some(columns) {
                whole.set_style(self.style(columns));
            }
            rows.update(&self.stats, columns);
            whole.set_position(self.stats.counts().total());
            let taken = bar_of(columns) + INTERRUPT;
            whole.set_message(self.line(columns.saturating_sub(taken)));
            if stopped.recv_timeout(REDRAW) != Err(mpsc::RecvTimeoutError::Timeout) {
                break;
            }
        }
        // cleared once, and then no bar that goes away draws itself again
        let _ = bars.clear();
        bars.set_draw_target(ProgressDrawTarget::hidden());
    }

    /// The style of the last line: numbers tell more than the bar, which gets what is left.
    fn style(&self, columns: usize) -> ProgressStyle {
        let template = match (self.total.get(), bar_of(columns)) {
            (None, _) => "{spinner} {msg}".to_owned(),
            (_, 0) => "{msg}".to_owned(),
            (_, bar) => format!("{{bar:{}.green/dim}} {{msg}}", bar - 1),
        };
        ProgressStyle::with_template(&template)
            .expect("a valid template")
            .progress_chars("━━─")
    }

    /// `12/2000, 3 failed · 1.2 MiB, 3.4 MiB/s · 0:05, 0:09 left`, or what fits of it into so many columns.
    fn line(&self, columns: usize) -> String {
        let counts = self.stats.counts();
        let done = counts.total();
        let asked = counts.sum(|status| {
            !matches!(
                status,
                Status::Present | Status::Duplicate | Status::BadLink
            )
        });
        let total = self.total.get().copied();
        let (elapsed, bytes) = (self.started.elapsed(), self.stats.received_bytes());
        let mut links = done.to_string();
        if let Some(total) = total {
            let _ = write!(links, "/{total}");
        }
        match counts.failed() {
            0 => {}
            failed => drop(write!(links, ", {failed} failed")),
        }
        let per_second = HumanBytes(self.speed(bytes));
        let left = total.map_or_else(String::new, |total| {
            time_left(elapsed, asked, total.saturating_sub(done))
        });
        let mut parts = vec![
            links,
            format!("{}, {per_second}/s", HumanBytes(bytes)),
            format!("{}{left}", clock(elapsed)),
        ];
        match self.stats.retries() {
            0 => {}
            links => parts.push(format!("{links} to retry")),
        }
        match self.stats.paused_hosts() {
            0 => {}
            1 => parts.push("1 host paused".to_owned()),
            hosts => parts.push(format!("{hosts} hosts paused")),
        }
        fitting(parts, columns)
    }

    /// Bytes a second in the last seconds, now that so many `bytes` have come.
    fn speed(&self, bytes: u64) -> u64 {
        let mut samples = self.samples.lock();
        while samples.len() > 1 && samples[1].0.elapsed() >= WINDOW {
            samples.pop_front();
        }
        samples.push_back((Instant::now(), bytes));
        let (since, before) = match samples.len() {
            1 => (self.started, 0),
            _ => samples[0],
        };
        rate(bytes - before, since.elapsed())
    }
}

/// The columns of the bar, and of the space behind it.
fn bar_of(columns: usize) -> usize {
    match columns {
        ..60 => 0,
        60..100 => 13,
        _ => 25,
    }
}

/// As many of `parts` as there is room for, in their order.
fn fitting(parts: Vec<String>, columns: usize) -> String {
    const BETWEEN: &str = " · ";
    let mut line = String::new();
    for part in parts {
        let between = if line.is_empty() { "" } else { BETWEEN };
        let longer = format!("{line}{between}{part}");
        if line.is_empty() || measure_text_width(&longer) <= columns {
            line = longer;
        }
    }
    line
}

/// The lines of active transfers: one keeps its place as long as it is active.
struct Rows<'a> {
    bars: &'a MultiProgress,
    whole: &'a ProgressBar,
    shown: Vec<(u64, ProgressBar)>,
}

impl Rows<'_> {
    fn update(&mut self, stats: &Stats, columns: usize) {
        let active = stats.oldest(ROWS);
        self.shown.retain(|(number, row)| {
            let is_active = active.iter().any(|transfer| transfer.0 == *number);
            if !is_active {
                self.bars.remove(row);
            }
            is_active
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
            self.shown[at]
                .1
                .set_message(row(&name, &transferred(received, expected), columns));
        }
    }
}

/// `name` and its `state` on a line of so many `columns`, of which the state gets what it needs.
fn row(name: &str, state: &str, columns: usize) -> String {
    const STATE: usize = "100% of 1023.99 MiB".len();
    let width = columns.saturating_sub(STATE + 5).clamp(12, 60);
    let mut tail = name;
    // the end of a name tells more than its beginning
    while measure_text_width(tail) > width - usize::from(tail.len() < name.len()) {
        let mut rest = tail.chars();
        rest.next();
        tail = rest.as_str();
    }
    let ellipsis = if tail.len() < name.len() { "…" } else { "" };
    let name = format!("{ellipsis}{tail}");
    format!("{}  {state}", pad_str(&name, width, Alignment::Left, None))
}

fn transferred(received: u64, expected: u64) -> String {
    match (received, expected) {
        (0, 0) => "waiting".to_owned(),
        (received, 0) => HumanBytes(received).to_string(),
        (received, expected) => format!(
            "{:3}% of {}",
            received.min(expected) * 100 / expected,
            HumanBytes(expected)
        ),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_what_fits() {
        let parts = || ["12/20", "3 MiB", "0:05"].map(str::to_owned).to_vec();
        assert_eq!(fitting(parts(), 80), "12/20 · 3 MiB · 0:05");
        assert_eq!(fitting(parts(), 16), "12/20 · 3 MiB");
        assert_eq!(fitting(parts(), 12), "12/20 · 0:05");
        assert_eq!(fitting(parts(), 1), "12/20");
    }

    #[test]
    fn a_row_keeps_the_end_of_a_name_and_fits() {
        assert_eq!(row("a.pdf", "50%", 40), "a.pdf             50%");
        assert_eq!(
            row("a-name-that-is-far-too-long.pdf", "50%", 40),
            "…ar-too-long.pdf  50%"
        );
        for columns in [40, 80, 200] {
            let wide = row(&"論文".repeat(60), "100% of 1023.99 MiB", columns);
            assert!(measure_text_width(&wide) + 2 <= columns, "{wide}");
            assert!(
                wide.ends_with("文  100% of 1023.99 MiB")
                    || wide.ends_with("文   100% of 1023.99 MiB"),
                "{wide}"
            );
        }
    }
}
