//! A comparison as SVG, readable on light and dark pages, for example in a README: the times as bars, and below them who ran
//! when.
//!
//! There, each mode has a time line, and on it a line per link with a bar per attempt. The color and the number are those of the
//! worker. Time is the same for all modes. Of a long list, the first links are shown.

use std::fmt;
use std::time::Duration;

use super::table::ratio;
use super::{Comparison, RowResult};
use crate::mode::Mode;
use crate::run::timeline::Attempt;
use crate::text::seconds;

/// A comparison whose [`fmt::Display`] is SVG.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Picture<'a>(pub &'a Comparison);

// lengths in pixels
const WIDTH: f64 = 760.0;
const LEFT: f64 = 8.0;
const BARS_BEGIN: f64 = 118.0;
const LONGEST_BAR: f64 = 330.0;
const TOP: f64 = 52.0;
const ROW: f64 = 34.0;
const BAR: f64 = 20.0;
const LONGEST_LINE: f64 = WIDTH - BARS_BEGIN - LEFT;
const LINK: f64 = 10.0;
/// Between the time lines of two modes.
const SPACE: f64 = 14.0;
/// For the headings above the time lines.
const HEADINGS: f64 = 62.0;
/// For the axis below them.
const AXIS: f64 = 24.0;
/// The width of a digit in a bar.
const DIGIT: f64 = 5.0;

/// How many links are shown, and how many if there are more rows than [`MANY_ROWS`].
const MOST_LINKS: usize = 24;
const FEWER_LINKS: usize = 10;
const MANY_ROWS: usize = 4;

/// The number of colors in the style.
const COLORS: usize = 10;

const STYLE: &str = "\
text{font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;fill:#1f2328}\
.title{font-weight:600}.note{fill:#59636e;font-size:12px}.bar{fill:#1a7f37}.grid{stroke:#d1d9e0}\
.n{fill:#fff;font-size:8px;font-weight:600}.failed{fill-opacity:.35;stroke:#d1242f}\
.c0{fill:#0969da}.c1{fill:#bc4c00}.c2{fill:#1a7f37}.c3{fill:#8250df}.c4{fill:#bf3989}\
.c5{fill:#1b7c83}.c6{fill:#9a6700}.c7{fill:#cf222e}.c8{fill:#4d5fb5}.c9{fill:#57606a}\
@media(prefers-color-scheme:dark){text{fill:#f0f6fc}.note{fill:#9198a1}.bar{fill:#3fb950}.grid{stroke:#3d444d}\
.n{fill:#0d1117}.failed{stroke:#f85149}\
.c0{fill:#58a6ff}.c1{fill:#f0883e}.c2{fill:#3fb950}.c3{fill:#bc8cff}.c4{fill:#f778ba}\
.c5{fill:#39c5cf}.c6{fill:#d29922}.c7{fill:#ff7b72}.c8{fill:#a5b4fc}.c9{fill:#b1bac4}}";

impl fmt::Display for Picture<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let results = &self.0.results;
        let lines: Vec<_> = results.iter().map(|result| self.lines(result)).collect();
        let below = TOP + ROW * number(results.len());
        let end = lines.iter().flatten().map(|attempt| attempt.end).max();
        let height = below + end.map_or(8.0, |_| self.height_of_lines());
        let files = results.iter().map(|result| result.typical().files);
        let files = files.max().unwrap_or_default();
        let runs = match self.0.runs {
            1 => String::new(),
            runs => format!(", median of {runs} runs"),
        };
        write!(
            f,
            r#"<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" role="img" aria-labelledby="t">
<title id="t">The times of {modes}, and who ran which link when</title>
<style>{STYLE}</style>
<text class="title" x="{LEFT}" y="28">fetchpdf: {files} files in each mode{runs}</text>
"#,
            modes = labels(results)
        )?;
        self.bars(f)?;
        if let Some(end) = end {
            self.who_ran_when(f, &lines, (below, end))?;
        }
        writeln!(f, "</svg>")
    }
}

impl Picture<'_> {
    /// The times.
    fn bars(self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let longest = self.0.longest();
        for (row, result) in self.0.results.iter().enumerate() {
            let top = TOP + ROW * number(row);
            let base = top + BAR - 5.0;
            let width = (ratio(result.elapsed(), longest) * LONGEST_BAR).max(2.0);
            let speed_up = self.0.speed_up(result).map_or_else(String::new, |factor| {
                format!(" · {factor:.1}x · {} at once", result.typical().at_once)
            });
            let failed = match result.failed() {
                0 => String::new(),
                failed => format!(" · {failed} failed"),
            };
            let (label, time) = (&result.label, seconds(result.elapsed()));
            let beside = BARS_BEGIN + width + 8.0;
            write!(
                f,
                r#"<text x="{LEFT}" y="{base}">{label}</text>
<rect class="bar" x="{BARS_BEGIN}" y="{top}" width="{width:.1}" height="{BAR}" rx="3"/>
<text class="note" x="{beside:.1}" y="{base}">{time}{speed_up}{failed}</text>
"#
            )?;
        }
        Ok(())
    }

    /// Who ran which of the links in `lines`, below `top`, until `end`.
    fn who_ran_when(
        self,
        f: &mut fmt::Formatter<'_>,
        lines: &[Vec<&Attempt>],
        (top, end): (f64, Duration),
    ) -> fmt::Result {
        let (heading, explained) = (top + 26.0, top + 44.0);
        let totals = self.0.results.iter();
        let totals = totals.map(|result| result.typical().events.total_links);
        let total = totals.max().unwrap_or(0);
        let which = match total {
            1 => "the link".to_owned(),
            _ if total <= self.most_links() as u64 => format!("all {total} links"),
            _ => format!("the first {} of {total} links", self.most_links()),
        };
        write!(
            f,
            r#"<text class="title" x="{LEFT}" y="{heading}">Who ran when: {which}</text>
<text class="note" x="{LEFT}" y="{explained}">A line is a link; color and number are the thread or task that ran it. Faint: it failed.</text>
"#
        )?;
        let first = top + HEADINGS;
        let last = top + self.height_of_lines() - AXIS;
        axis(f, (first, last), end)?;
        let mut y = first;
        for (result, attempts) in self.0.results.iter().zip(lines) {
            let base = y + 11.0;
            writeln!(f, r#"<text x="{LEFT}" y="{base}">{}</text>"#, result.label)?;
            if result.row.mode != Mode::Sequential {
                let base = base + 15.0;
                let at_once = result.typical().at_once;
                writeln!(
                    f,
                    r#"<text class="note" x="{LEFT}" y="{base}">{at_once} at once</text>"#
                )?;
            }
            for attempt in attempts {
                bar(f, result, attempt, (y, end))?;
            }
            y += self.height_of(result) + SPACE;
        }
        Ok(())
    }

    /// The attempts at the first links of a row.
    fn lines(self, result: &RowResult) -> Vec<&Attempt> {
        let attempts = &result.typical().events.attempts;
        let attempts = attempts
            .iter()
            .filter(|attempt| attempt.link < self.most_links());
        attempts.collect()
    }

    fn most_links(self) -> usize {
        match self.0.results.len() {
            ..=MANY_ROWS => MOST_LINKS,
            _ => FEWER_LINKS,
        }
    }

    /// The height of the time line of a row.
    fn height_of(self, result: &RowResult) -> f64 {
        let links = result.typical().events.links.len().min(self.most_links());
        // with room for two lines of text
        (LINK * number(links)).max(30.0)
    }

    /// The height of all time lines, with headings and axis.
    fn height_of_lines(self) -> f64 {
        let results = self.0.results.iter();
        let heights = results.map(|result| self.height_of(result) + SPACE);
        HEADINGS + heights.sum::<f64>() + AXIS
    }
}

/// An attempt. The time line of its row begins at `y`, and ends at the time `end`.
fn bar(
    f: &mut fmt::Formatter<'_>,
    result: &RowResult,
    attempt: &Attempt,
    (y, end): (f64, Duration),
) -> fmt::Result {
    let x = BARS_BEGIN + ratio(attempt.begin, end) * LONGEST_LINE;
    let width = ratio(attempt.end.saturating_sub(attempt.begin), end) * LONGEST_LINE;
    let (width, height) = ((width - 0.6).max(0.8), LINK - 1.0);
    let y = y + LINK * number(attempt.link);
    let (color, worker) = (attempt.worker % COLORS, attempt.worker + 1);
    let failed = if attempt.is_good { "" } else { " failed" };
    let name = escaped(&result.typical().events.links[attempt.link]);
    let (begin, until) = (attempt.begin.as_secs_f64(), attempt.end.as_secs_f64());
    let by = match result.row.mode {
        Mode::Async => "task",
        _ => "thread",
    };
    writeln!(
        f,
        r#"<rect class="c{color}{failed}" x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height}" rx="1.5"><title>{name}: {by} {worker}, {begin:.3} s to {until:.3} s</title></rect>"#
    )?;
    let digits = worker.to_string();
    if width >= DIGIT * number(digits.len()) + 4.0 {
        let (x, base) = (x + 3.0, y + LINK - 2.2);
        writeln!(
            f,
            r#"<text class="n" x="{x:.1}" y="{base:.1}">{digits}</text>"#
        )?;
    }
    Ok(())
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
        let x = BARS_BEGIN + time / end * LONGEST_LINE;
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

/// The names of all rows.
fn labels(results: &[RowResult]) -> String {
    let labels: Vec<_> = results.iter().map(|result| &*result.label).collect();
    labels.join(", ")
}

/// `text` as content of an element.
fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;");
    text.replace('<', "&lt;").replace('>', "&gt;")
}

#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn number(count: usize) -> f64 {
    count as f64
}
