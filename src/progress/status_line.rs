//! The progress of a run in words: `12/2000, 3 failed · 1.2 MiB, 3.4 MiB/s · 0:05, 0:09 left`.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use console::measure_text_width;
use indicatif::HumanBytes;
use parking_lot::Mutex;

use super::rows::Rows;
use super::time_left::{Rest, TimeLeft};
use crate::outcome::{Counts, Status};
use crate::stats::{Active, Stats, rate};
use crate::system::{locale, signals};
use crate::text::{cut, printable};

/// How many transfers are looked at.
const LOOKED_AT: usize = 1000;

/// How many transfers are named on request.
const NAMED: usize = 10;

/// How much of the name of a transfer is shown, in characters.
const LONGEST: usize = 200;

/// The time over which the speed is averaged.
const WINDOW: Duration = Duration::from_secs(5);

/// The time for which nothing can be said once the process is continued: what has piled up meanwhile comes at once.
const SETTLING: Duration = Duration::from_secs(1);

/// The progress of a run, from its [`Stats`].
pub(crate) struct StatusLine {
    stats: Arc<Stats>,
    started: Instant,
    /// The bytes received by some moments, covering at least the last [`WINDOW`].
    samples: Mutex<VecDeque<(Instant, u64)>>,
    rows: Mutex<Rows>,
    left: Mutex<TimeLeft>,
}

/// What is to be shown of the transfers under way.
pub(super) struct Shown {
    /// Their names, and how far each is.
    pub(super) transfers: Vec<(String, State)>,
    /// How many others there are.
    pub(super) more: usize,
}

/// How far a transfer is.
pub(super) struct State {
    pub(super) received: u64,
    /// 0 if that is not known.
    pub(super) expected: u64,
    /// Bytes per second.
    pub(super) speed: u64,
}

impl StatusLine {
    /// The run starts now.
    pub(crate) fn new(stats: Arc<Stats>) -> Self {
        let started = Instant::now();
        Self {
            stats,
            started,
            samples: Mutex::new([(started, 0)].into()),
            rows: Mutex::default(),
            left: Mutex::new(TimeLeft::new(started)),
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

    /// Up to `most` active transfers, those first that take longest.
    pub(super) fn shown(&self, most: usize) -> Shown {
        let (mut rows, now) = (self.rows.lock(), Instant::now());
        let (active, count) = self.stats.oldest(LOOKED_AT);
        update(&mut rows, active, now);
        // a row says how many do not fit
        let most = if count > most {
            most.saturating_sub(1)
        } else {
            most
        };
        let first = rows.first(most);
        let more = count.saturating_sub(first.len());
        let shown = |(active, speed): (&Active, u64)| {
            let name = printable(&cut(&active.name, LONGEST));
            let state = State {
                received: active.received,
                expected: active.expected,
                speed,
            };
            (name, state)
        };
        Shown {
            transfers: first.into_iter().map(shown).collect(),
            more,
        }
    }

    /// The hosts that are paused, on up to `most` rows.
    pub(super) fn paused(&self, most: usize) -> Vec<String> {
        let (paused, now) = (self.stats.paused_hosts(), Instant::now());
        let fit = if paused.len() > most {
            most.saturating_sub(1)
        } else {
            most
        };
        let named = paused.iter().take(fit).map(|(until, host)| {
            let host = host.split_once("://").map_or(&**host, |(_, host)| host);
            format!("{} paused, back in {}", printable(host), back(*until, now))
        });
        let mut rows: Vec<_> = named.collect();
        let others = paused.len() - rows.len();
        if others > 0 && most > 0 {
            rows.push(format!("{others} more hosts paused"));
        }
        rows
    }

    /// The whole line, followed by a line for each of the oldest active transfers.
    pub(crate) fn with_transfers(&self) -> String {
        let mut text = self.text(usize::MAX);
        let shown = self.shown(NAMED);
        for (name, state) in shown.transfers {
            let _ = write!(text, "\n  {name}  {}", state.words());
        }
        if shown.more > 0 {
            let _ = write!(text, "\n  and {} more", shown.more);
        }
        text
    }

    /// The line, or what fits of it into `columns`.
    pub(super) fn text(&self, columns: usize) -> String {
        let separator = if locale::is_utf8() { " · " } else { " | " };
        let counts = self.stats.counts();
        let (ended, failed) = (counts.total(), counts.failed());
        let (elapsed, bytes) = (self.started.elapsed(), self.stats.received_bytes());
        let speed = self.speed(bytes);
        let mut links = ended.to_string();
        let mut time = clock(elapsed);
        if let Some(total) = self.total() {
            let _ = write!(links, "/{total}");
            if let Some(left) = self.time_left(total, &counts, speed) {
                let _ = write!(time, ", {} left", clock(left));
            }
        }
        if failed > 0 {
            let _ = write!(links, ", {failed} failed");
        }
        let speed = format!("{}/s", HumanBytes(speed));
        let size = format!("{}, {speed}", HumanBytes(bytes));
        let all = [&links, separator, &size, separator, &time].map(measure_text_width);
        // how fast it is, and how long it takes, say more than how much it was
        let size = if all.iter().sum::<usize>() <= columns {
            size
        } else {
            speed
        };
        let mut parts = vec![links, size, time];
        match self.stats.retries() {
            0 => {}
            links => parts.push(format!("{links} to retry")),
        }
        let paused = self.stats.paused_hosts();
        if let Some((until, _)) = paused.first() {
            let back = back(*until, Instant::now());
            parts.push(match paused.len() {
                1 => format!("1 host paused, back in {back}"),
                hosts => format!("{hosts} hosts paused, the first back in {back}"),
            });
        }
        fitting(parts, columns, separator)
    }

    /// How long the rest of `total` links will take, given what has ended and the speed in bytes per second.
    fn time_left(&self, total: u64, counts: &Counts, speed: u64) -> Option<Duration> {
        let mut shown = self.left.lock();
        let remaining = total.saturating_sub(counts.total());
        if remaining == 0 {
            shown.forget();
            return None;
        }
        let now = Instant::now();
        if is_settling(now) {
            shown.skip(now);
        }
        let mut rows = self.rows.lock();
        update(&mut rows, self.stats.oldest(LOOKED_AT).0, now);
        let paused = self.stats.paused_hosts();
        let is_idle = rows.active().is_empty() && !paused.is_empty();
        if is_idle || is_settling(now) {
            // the speed after the pause counts from its end
            let mut samples = self.samples.lock();
            let latest = samples.len() - 1;
            samples.drain(..latest);
        }
        let back = paused.last();
        let back = back.map(|(until, _)| until.saturating_duration_since(now));
        let rest = Rest {
            links: per_fetched(remaining, counts),
            bytes: self.by_bytes(remaining, counts, (&rows, speed)),
            longest: rows.longest(),
            back,
            is_idle,
        };
        shown.at(now, &rest)
    }

    /// How many seconds the bytes take that are still to come, if sizes are known.
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    fn by_bytes(
        &self,
        remaining: u64,
        counts: &Counts,
        (rows, speed): (&Rows, u64),
    ) -> Option<f64> {
        let bodies = rows.active().iter().filter(|active| active.received > 0);
        let left = |active: &Active| active.expected.checked_sub(active.received);
        let under_way: u64 = bodies.clone().map(left).sum::<Option<_>>()?;
        let (count, files) = (bodies.clone().count() as u64, counts.downloaded());
        let untouched = remaining.saturating_sub(count);
        // at first, only those under way tell how long files are, and how fast they come: the answers may have taken a while
        let (sizes, of, speed) = match files {
            0 => {
                let sizes = bodies.map(|active| active.expected).sum();
                (sizes, count, rows.rate())
            }
            _ => (self.stats.saved_bytes(), files, speed as f64),
        };
        let size = match (untouched, of) {
            (0, _) => 0.0,
            (_, 0) => return None,
            _ => sizes as f64 / of as f64,
        };
        (speed >= 1.0).then(|| (under_way as f64 + untouched as f64 * size) / speed)
    }

    /// Bytes per second over the last [`WINDOW`], given the `bytes` received so far.
    fn speed(&self, bytes: u64) -> u64 {
        let mut samples = self.samples.lock();
        while samples.len() > 1 && samples[1].0.elapsed() >= WINDOW {
            samples.pop_front();
        }
        samples.push_back((Instant::now(), bytes));
        let (since, before) = samples[0];
        rate(bytes - before, since.elapsed())
    }
}

impl State {
    /// Bytes received, and bytes expected if that is known.
    pub(super) fn words(&self) -> String {
        let (received, expected) = (self.received, self.expected);
        let percent = (received.min(expected) * 100).checked_div(expected);
        match percent {
            Some(percent) => format!("{percent:3}% of {}", HumanBytes(expected)),
            None if received == 0 => "waiting".to_owned(),
            None => HumanBytes(received).to_string(),
        }
    }

    /// The same in few columns.
    pub(super) fn short(&self) -> String {
        match (self.received.min(self.expected) * 100).checked_div(self.expected) {
            Some(percent) => format!("{percent:3}%"),
            None => self.words(),
        }
    }
}

fn update(rows: &mut Rows, active: Vec<Active>, now: Instant) {
    if is_settling(now) {
        rows.forget();
    }
    rows.update(active, now);
}

/// Whether the process was stopped a moment ago.
fn is_settling(now: Instant) -> bool {
    let continued = signals::continued();
    continued.is_some_and(|then| now.saturating_duration_since(then) < SETTLING)
}

/// How many times as many links remain as have been fetched.
#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn per_fetched(remaining: u64, counts: &Counts) -> Option<f64> {
    // these take no time, so they would make the estimate too low
    let instant = [Status::Present, Status::Duplicate, Status::BadLink];
    let fetched = counts.sum(|status| !instant.contains(&status));
    (fetched > 0).then(|| remaining as f64 / fetched as f64)
}

/// The first of `parts`, and as many of the others as fit into `columns`, in their order.
fn fitting(parts: Vec<String>, columns: usize, separator: &str) -> String {
    let mut parts = parts.into_iter();
    let mut line = parts.next().unwrap_or_default();
    for part in parts {
        let longer = format!("{line}{separator}{part}");
        if measure_text_width(&longer) <= columns {
            line = longer;
        }
    }
    line
}

/// The time before something that is over at `until`: 0:00 would be over.
fn back(until: Instant, now: Instant) -> String {
    let seconds = until.saturating_duration_since(now).as_secs_f64().ceil();
    clock(Duration::try_from_secs_f64(seconds).unwrap_or_default())
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
        assert_eq!(fitting(parts(), 80, " · "), "12/20 · 3 MiB · 0:05");
        assert_eq!(fitting(parts(), 16, " · "), "12/20 · 3 MiB");
        assert_eq!(fitting(parts(), 12, " · "), "12/20 · 0:05");
        assert_eq!(fitting(parts(), 1, " · "), "12/20");
    }
}
