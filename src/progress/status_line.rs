//! The progress of a run in words: `12/2000, 3 failed · 1.2 MiB, 3.4 MiB/s · 0:05, 0:09 left`.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use console::measure_text_width;
use indicatif::HumanBytes;
use parking_lot::Mutex;

use crate::outcome::Status;
use crate::stats::{Stats, rate};
use crate::text::{cut, printable};

/// The maximum number of active transfers shown.
const TRANSFERS: usize = 10;

/// How much of the name of a transfer is shown, in characters.
const LONGEST: usize = 200;

/// The time over which the speed is averaged.
const WINDOW: Duration = Duration::from_secs(5);

/// The progress of a run, from its [`Stats`].
pub(crate) struct StatusLine {
    stats: Arc<Stats>,
    started: Instant,
    /// The bytes received by some moments, covering at least the last [`WINDOW`].
    samples: Mutex<VecDeque<(Instant, u64)>>,
}

impl StatusLine {
    /// The run starts now.
    pub(crate) fn new(stats: Arc<Stats>) -> Self {
        Self {
            stats,
            started: Instant::now(),
            samples: Mutex::default(),
        }
    }

    /// The number of links, if it is known.
    pub(super) fn total(&self) -> Option<u64> {
        self.stats.total()
    }

    /// The number of links that have ended.
    pub(super) fn ended(&self) -> u64 {
        self.stats.counts().total()
    }

    /// The names and states of the oldest active transfers.
    pub(super) fn transfers(&self) -> Vec<(String, String)> {
        let transfer = |(_, name, received, expected): (_, String, _, _)| {
            (
                printable(&cut(&name, LONGEST)),
                transferred(received, expected),
            )
        };
        let oldest = self.stats.oldest(TRANSFERS);
        oldest.into_iter().map(transfer).collect()
    }

    /// The whole line, followed by a line for each of the oldest active transfers.
    pub(crate) fn with_transfers(&self) -> String {
        let mut text = self.text(usize::MAX);
        for (name, state) in self.transfers() {
            let _ = write!(text, "\n  {name}  {state}");
        }
        text
    }

    /// The line, or what fits of it into `columns`.
    pub(super) fn text(&self, columns: usize) -> String {
        let counts = self.stats.counts();
        let (ended, failed) = (counts.total(), counts.failed());
        let (elapsed, bytes) = (self.started.elapsed(), self.stats.received_bytes());
        let mut links = ended.to_string();
        let mut time = clock(elapsed);
        if let Some(total) = self.total() {
            let _ = write!(links, "/{total}");
            // these take no time, so they would make the estimate too low
            let instant = [Status::Present, Status::Duplicate, Status::BadLink];
            let fetched = counts.sum(|status| !instant.contains(&status));
            let remaining = total.saturating_sub(ended);
            if let Some(left) = time_left(elapsed, fetched, remaining) {
                let _ = write!(time, ", {} left", clock(left));
            }
        }
        if failed > 0 {
            let _ = write!(links, ", {failed} failed");
        }
        let speed = HumanBytes(self.speed(bytes));
        let mut parts = vec![links, format!("{}, {speed}/s", HumanBytes(bytes)), time];
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

    /// Bytes per second over the last [`WINDOW`], given the `bytes` received so far.
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

/// The first of `parts`, and as many of the others as fit into `columns`, in their order.
fn fitting(parts: Vec<String>, columns: usize) -> String {
    let mut parts = parts.into_iter();
    let mut line = parts.next().unwrap_or_default();
    for part in parts {
        let longer = format!("{line} · {part}");
        if measure_text_width(&longer) <= columns {
            line = longer;
        }
    }
    line
}

/// The state of a transfer: bytes `received`, and bytes `expected` or 0.
fn transferred(received: u64, expected: u64) -> String {
    let percent = (received.min(expected) * 100).checked_div(expected);
    match percent {
        Some(percent) => format!("{percent:3}% of {}", HumanBytes(expected)),
        None if received == 0 => "waiting".to_owned(),
        None => HumanBytes(received).to_string(),
    }
}

/// How long the `remaining` links will take if the `fetched` ones took `elapsed`.
fn time_left(elapsed: Duration, fetched: u64, remaining: u64) -> Option<Duration> {
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    let ratio = remaining as f64 / fetched as f64;
    (fetched > 0 && remaining > 0).then(|| elapsed.mul_f64(ratio))
}

/// `0:05`, `12:34`, `1:02:03`
fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
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
}
