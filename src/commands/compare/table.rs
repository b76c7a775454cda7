//! The figures as tables: one if it fits the terminal, else several, each of which begins with the mode.

use std::fmt::Write;
use std::time::Duration;

use console::{Alignment, pad_str};
use indicatif::HumanBytes;

use super::{Comparison, RowResult, Screen};
use crate::mode::Mode;
use crate::text::seconds;

/// Between two columns.
const GAP: &str = "  ";

/// A column: its heading, and a cell per row.
struct Column {
    cells: Vec<String>,
    width: usize,
}

impl Column {
    fn new(
        heading: &str,
        comparison: &Comparison,
        cell: impl Fn(&RowResult) -> Option<String>,
    ) -> Self {
        let cells = comparison.results.iter().map(cell);
        let cells = cells.map(|cell| cell.unwrap_or_else(|| "-".to_owned()));
        let cells: Vec<_> = std::iter::once(heading.to_owned()).chain(cells).collect();
        let width = cells.iter().map(|cell| console::measure_text_width(cell));
        Self {
            width: width.max().unwrap_or(0),
            cells,
        }
    }
}

/// The tables.
pub(super) fn tables(comparison: &Comparison, screen: Screen) -> String {
    let column = |heading: &str, cell: &dyn Fn(&RowResult) -> Option<String>| {
        Column::new(heading, comparison, cell)
    };
    let mode = column("mode", &|result| Some(result.row.mode.to_string()));
    let at_once = column("at once", &|result| {
        Some(result.typical().at_once.to_string())
    });
    let mut times = vec![column("elapsed", &|result| Some(seconds(result.elapsed())))];
    if comparison
        .results
        .iter()
        .any(|result| result.runs.len() > 1)
    {
        let dash = screen.or_ascii("–", "-");
        times.push(column("min-max", &|result| Some(spread(result, dash))));
    }
    times.extend(speed_up(comparison));
    times.extend([
        column("files", &|result| Some(result.typical().files.to_string())),
        column("size", &|result| {
            Some(HumanBytes(result.typical().bytes).to_string())
        }),
        column("failed", &|result| Some(result.failed().to_string())),
    ]);
    let usage = vec![
        column("user", &|result| result.user().map(short)),
        column("system", &|result| result.system().map(short)),
        column("memory", &|result| {
            Some(HumanBytes(result.peak_memory()?).to_string())
        }),
        column("threads", &|result| Some(result.threads()?.to_string())),
    ];
    let first = [mode, at_once];
    let taken = first[0].width + GAP.len() + first[1].width;
    let room = screen.columns.saturating_sub(taken);
    let width = |columns: &[Column]| -> usize {
        columns.iter().map(|column| GAP.len() + column.width).sum()
    };
    let tables = if width(&times) + width(&usage) <= room {
        vec![times.iter().chain(&usage).collect()]
    } else {
        [split(&times, room), split(&usage, room)].concat()
    };
    let rows = comparison.results.len() + 1;
    let tables = tables.iter().map(|columns| table(&first, columns, rows));
    tables.collect::<Vec<_>>().join("\n")
}

/// How many times faster than `sequential`, or else than the slowest row, each row is.
fn speed_up(comparison: &Comparison) -> Option<Column> {
    let first = comparison.results.first()?;
    comparison.factor(first)?;
    let heading = match comparison.speed_up(first) {
        Some(_) => "speed-up",
        None => "vs slowest",
    };
    let factor = |result: &RowResult| comparison.factor(result);
    Some(Column::new(heading, comparison, factor))
}

/// The columns in groups that fit into `room`.
fn split(columns: &[Column], room: usize) -> Vec<Vec<&Column>> {
    let mut groups: Vec<Vec<&Column>> = Vec::new();
    let mut left = 0;
    for column in columns {
        let needed = GAP.len() + column.width;
        if needed > left || groups.is_empty() {
            groups.push(Vec::new());
            left = room;
        }
        left = left.saturating_sub(needed);
        groups.last_mut().expect("there is one").push(column);
    }
    groups
}

fn table(first: &[Column; 2], columns: &[&Column], rows: usize) -> String {
    let mut text = String::new();
    for row in 0..rows {
        let [mode, at_once] = first;
        let mut line = pad_str(&mode.cells[row], mode.width, Alignment::Left, None).into_owned();
        for column in std::iter::once(&at_once).chain(columns) {
            let cell = pad_str(&column.cells[row], column.width, Alignment::Right, None);
            line.extend([GAP, &*cell]);
        }
        let _ = writeln!(text, "{line}");
    }
    text
}

/// The shortest and the longest time: `4.21–4.25 s`.
fn spread(result: &RowResult, dash: &str) -> String {
    let (least, most) = result.spread();
    let (least, most) = (seconds(least), seconds(most));
    // the unit once, unless there are others
    let unit = [&least, &most].iter().all(|time| !time.contains("min"));
    let least = if unit {
        least.trim_end_matches(" s")
    } else {
        &least
    };
    format!("{least}{dash}{most}")
}

/// A time that may be well below a second.
pub(super) fn short(time: Duration) -> String {
    match time.as_millis() {
        milliseconds @ ..1000 => format!("{milliseconds} ms"),
        _ => seconds(time),
    }
}

impl Comparison {
    /// How many times faster than `sequential` a row is, if that mode has run.
    pub(super) fn speed_up(&self, result: &RowResult) -> Option<f64> {
        let mut results = self.results.iter();
        let sequential = results.find(|result| result.row.mode == Mode::Sequential)?;
        Some(ratio(sequential.elapsed(), result.elapsed()))
    }

    /// How many times faster than `sequential` a row is: `8.7x`. Without it, how many times faster than the slowest one: `1.12x`.
    pub(super) fn factor(&self, result: &RowResult) -> Option<String> {
        match self.speed_up(result) {
            Some(factor) => Some(format!("{factor:.1}x")),
            None if self.results.len() > 1 => Some(format!("{:.2}x", self.vs_slowest(result))),
            None => None,
        }
    }

    /// How many times faster than the slowest row a row is.
    pub(super) fn vs_slowest(&self, result: &RowResult) -> f64 {
        ratio(self.longest(), result.elapsed())
    }

    /// The time of the slowest row.
    pub(super) fn longest(&self) -> Duration {
        let times = self.results.iter().map(RowResult::elapsed);
        times.max().unwrap_or_default()
    }
}

/// How many times as long as the other one a time is.
pub(super) fn ratio(time: Duration, of: Duration) -> f64 {
    time.as_secs_f64() / of.as_secs_f64().max(f64::EPSILON)
}
