//! Who ran when: a time line per mode, on which each attempt at a link is a bar. The color and the number are those of the worker.
//! Time is the same for all modes.
//!
//! Of a short list, a line is a link. Of a longer one, it is what ran one link after the other: a worker, or, in `threads`, where
//! each link has a worker of its own, whichever was there at that time. The more lines, the lower each of them. What is narrower
//! than a pixel is not drawn twice, and narrow bars share a path, so that thousands of links are a few hundred kilobytes.

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::time::Duration;

use super::{BARS_BEGIN, LEFT, WIDTH, escaped, number};
use crate::commands::compare::RowResult;
use crate::commands::compare::table::ratio;
use crate::commands::compare::who::lanes;
use crate::mode::Mode;
use crate::run::timeline::Attempt;

// lengths in pixels
const LONGEST: f64 = WIDTH - BARS_BEGIN - LEFT;
/// A line.
const LINE: f64 = 10.0;
/// A line where there are many.
const LOWEST: f64 = 2.0;
/// Between two modes.
const SPACE: f64 = 14.0;
/// For the headings.
const HEADINGS: f64 = 62.0;
/// For another line of them.
const HEADING: f64 = 16.0;
/// For the axis at the bottom.
const AXIS: f64 = 24.0;
/// The width of a digit in a bar.
const DIGIT: f64 = 5.0;
/// Of a long list, narrower bars do not say which link they are.
const NAMED: f64 = 10.0;

/// How many lines of full height a mode has, and how many if there are more rows than [`MANY_ROWS`].
const MOST_LINES: usize = 24;
const FEWER_LINES: usize = 10;
const MANY_ROWS: usize = 4;

/// The number of colors in the style.
const COLORS: usize = 10;

/// The time lines of all modes.
pub(super) struct TimeLines<'a> {
    modes: Vec<TimeLine<'a>>,
    end: Duration,
    /// Whether a line is a link.
    is_short: bool,
}

/// The time line of a mode.
struct TimeLine<'a> {
    result: &'a RowResult,
    lines: Vec<Vec<&'a Attempt>>,
    /// How many lines there is no room for.
    hidden: usize,
    /// The height of a line.
    line: f64,
    /// Whether a line is a link.
    is_short: bool,
}

impl<'a> TimeLines<'a> {
    /// Nothing if nothing was fetched.
    pub(super) fn new(results: &'a [RowResult]) -> Option<Self> {
        let most = match results.len() {
            ..=MANY_ROWS => MOST_LINES,
            _ => FEWER_LINES,
        };
        let is_short = total(results) <= most as u64;
        let attempts = results
            .iter()
            .flat_map(|result| &result.typical().events.attempts);
        let end = attempts.map(|attempt| attempt.end).max()?;
        let modes = results.iter();
        let modes = modes.map(|result| TimeLine::new(result, most, is_short));
        Some(Self {
            modes: modes.collect(),
            end,
            is_short,
        })
    }

    /// The height, with headings and axis.
    pub(super) fn height(&self) -> f64 {
        let heights = self.modes.iter().map(|mode| mode.height() + SPACE);
        self.headings() + heights.sum::<f64>() + AXIS
    }

    fn headings(&self) -> f64 {
        HEADINGS + if self.is_short { 0.0 } else { HEADING }
    }

    /// Draws them below `top`.
    pub(super) fn draw(&self, f: &mut fmt::Formatter<'_>, top: f64) -> fmt::Result {
        let results = self.modes.iter().map(|mode| mode.result);
        let total = total(results.clone());
        let kept = results.map(|result| result.typical().events.links.len());
        let which = match (kept.max().unwrap_or(0), total) {
            (_, 1) => "the link".to_owned(),
            (kept, _) if kept as u64 == total => format!("all {total} links"),
            (kept, _) => format!("the first {kept} of {total} links"),
        };
        let base = top + 26.0;
        writeln!(
            f,
            r#"<text class="title" x="{LEFT}" y="{base}">Who ran when: {which}</text>"#
        )?;
        let explained = if self.is_short {
            &[
                "A line is a link; color and number are the thread or task that ran it. Faint: it failed.",
            ][..]
        } else {
            &[
                "A line is a thread or task, a bar a link; in threads, each bar is a new thread. Faint: it failed.",
                "Links that took less than a pixel run together.",
            ]
        };
        let mut base = top + 44.0;
        for text in explained {
            writeln!(
                f,
                r#"<text class="note" x="{LEFT}" y="{base}">{text}</text>"#
            )?;
            base += HEADING;
        }
        let first = top + self.headings();
        axis(f, (first, top + self.height() - AXIS), self.end)?;
        let mut y = first;
        for mode in &self.modes {
            mode.draw(f, y, self.end)?;
            y += mode.height() + SPACE;
        }
        Ok(())
    }
}

impl<'a> TimeLine<'a> {
    fn new(result: &'a RowResult, most: usize, is_short: bool) -> Self {
        let events = &result.typical().events;
        let mut lines = if is_short {
            by(&events.attempts, |attempt| attempt.link)
        } else if result.row.mode == Mode::Threads {
            lanes(&events.attempts.iter().collect::<Vec<_>>())
        } else {
            by(&events.attempts, |attempt| attempt.worker)
        };
        let line = (number(most) * LINE / number(lines.len().max(1))).clamp(LOWEST, LINE);
        let all = lines.len();
        while number(lines.len()) * LOWEST > number(most) * LINE {
            lines.pop();
        }
        let hidden = all - lines.len();
        Self {
            result,
            lines,
            hidden,
            line,
            is_short,
        }
    }

    /// With room for the text beside it.
    fn height(&self) -> f64 {
        let texts = if self.hidden > 0 { 45.0 } else { 30.0 };
        (self.line * number(self.lines.len())).max(texts)
    }

    /// Draws it below `top`, until the time `end`.
    fn draw(&self, f: &mut fmt::Formatter<'_>, top: f64, end: Duration) -> fmt::Result {
        let mut base = top + 11.0;
        let label = &self.result.label;
        writeln!(f, r#"<text x="{LEFT}" y="{base}">{label}</text>"#)?;
        let at_once = self.result.typical().at_once;
        let at_once = format!("{at_once} at once");
        let hidden = format!("{} more lines", self.hidden);
        let texts = [
            (self.result.row.mode != Mode::Sequential).then_some(at_once),
            (self.hidden > 0).then_some(hidden),
        ];
        for text in texts.into_iter().flatten() {
            base += 15.0;
            writeln!(
                f,
                r#"<text class="note" x="{LEFT}" y="{base}">{text}</text>"#
            )?;
        }
        let mut paths = BTreeMap::new();
        let mut y = top;
        for line in &self.lines {
            self.draw_line(f, line, (y, end), &mut paths)?;
            y += self.line;
        }
        for (class, path) in paths {
            writeln!(f, r#"<path class="{class}" d="{path}"/>"#)?;
        }
        Ok(())
    }

    /// Draws a line at `y`. Narrow bars go to the `paths` of their classes.
    fn draw_line(
        &self,
        f: &mut fmt::Formatter<'_>,
        line: &[&Attempt],
        (y, end): (f64, Duration),
        paths: &mut BTreeMap<String, String>,
    ) -> fmt::Result {
        let x = |time| BARS_BEGIN + ratio(time, end) * LONGEST;
        let (mut drawn, mut is_good) = (0.0_f64, true);
        for attempt in line {
            let (mut begin, until) = (x(attempt.begin).max(drawn), x(attempt.end));
            if until <= drawn {
                if attempt.is_good || !is_good {
                    continue;
                }
                // a failure is to be seen among many links
                begin = drawn - 1.0;
            }
            is_good = attempt.is_good;
            drawn = until.max(begin + 1.0);
            let gap = if drawn - begin < 2.0 { 0.0 } else { 0.6 };
            let (width, height) = (drawn - begin - gap, 0.9 * self.line);
            let color = attempt.worker % COLORS;
            let failed = if attempt.is_good { "" } else { " failed" };
            let class = format!("c{color}{failed}");
            if width < NAMED && !self.is_short {
                let path = paths.entry(class).or_default();
                write!(
                    path,
                    "M{begin:.1} {y:.1}h{width:.1}v{height:.1}h-{width:.1}z"
                )?;
                continue;
            }
            let title = self.title(attempt);
            writeln!(
                f,
                r#"<rect class="{class}" x="{begin:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}" rx="{:.1}"><title>{title}</title></rect>"#,
                0.15 * self.line
            )?;
            let digits = (attempt.worker + 1).to_string();
            if self.line >= LINE && width >= DIGIT * number(digits.len()) + 4.0 {
                let (x, base) = (begin + 3.0, y + LINE - 2.2);
                writeln!(
                    f,
                    r#"<text class="n" x="{x:.1}" y="{base:.1}">{digits}</text>"#
                )?;
            }
        }
        Ok(())
    }

    /// What a pointer on a bar shows.
    fn title(&self, attempt: &Attempt) -> String {
        let result = self.result;
        let name = escaped(&result.typical().events.links[attempt.link]);
        let (begin, until) = (attempt.begin.as_secs_f64(), attempt.end.as_secs_f64());
        let by = match result.row.mode {
            Mode::Async => "task",
            _ => "thread",
        };
        let worker = attempt.worker + 1;
        format!("{name}: {by} {worker}, {begin:.3} s to {until:.3} s")
    }
}

/// The most links that a row has fetched.
fn total<'a>(results: impl IntoIterator<Item = &'a RowResult>) -> u64 {
    let results = results.into_iter();
    let totals = results.map(|result| result.typical().events.total_links);
    totals.max().unwrap_or(0)
}

/// A line for each number that attempts have.
fn by(attempts: &[Attempt], number: impl Fn(&Attempt) -> usize) -> Vec<Vec<&Attempt>> {
    let most = attempts.iter().map(|attempt| number(attempt) + 1).max();
    let mut lines = vec![Vec::new(); most.unwrap_or(0)];
    for attempt in attempts {
        lines[number(attempt)].push(attempt);
    }
    lines
}

/// The seconds, between `top` and `bottom`, until `end`.
fn axis(f: &mut fmt::Formatter<'_>, (top, bottom): (f64, f64), end: Duration) -> fmt::Result {
    let end = end.as_secs_f64().max(0.001);
    let step = step(end / 6.0);
    let decimals = match step {
        ..0.0095 => 3,
        ..0.095 => 2,
        ..0.95 => 1,
        _ => 0,
    };
    let mut time = 0.0;
    while time <= end {
        let x = BARS_BEGIN + time / end * LONGEST;
        let base = bottom + 16.0;
        // the last one must not be cut off
        let anchor = if x > WIDTH - 40.0 { "end" } else { "middle" };
        write!(
            f,
            r#"<line class="grid" x1="{x:.1}" y1="{top:.1}" x2="{x:.1}" y2="{bottom:.1}"/>
<text class="note" x="{x:.1}" y="{base:.1}" text-anchor="{anchor}">{time:.decimals$} s</text>
"#
        )?;
        time += step;
    }
    Ok(())
}

/// The next larger one of 1, 2 and 5, times a power of ten.
fn step(least: f64) -> f64 {
    let power = 10_f64.powf(least.log10().floor());
    let steps = [1.0, 2.0, 5.0].map(|step| step * power);
    let step = steps.into_iter().find(|step| *step >= least);
    step.unwrap_or(10.0 * power).max(0.001)
}
