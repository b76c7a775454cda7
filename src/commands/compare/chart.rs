//! The times as bars.

use std::fmt::Write;

use super::table::ratio;
use super::{Comparison, RowResult, Screen};
use crate::text::seconds;

/// Between two parts of a line.
const GAP: usize = 2;

/// The chart.
pub(super) fn chart(comparison: &Comparison, screen: Screen) -> String {
    let results = &comparison.results;
    let label = label_width(results);
    let times: Vec<_> = results
        .iter()
        .map(|result| seconds(result.elapsed()))
        .collect();
    let time = times.iter().map(String::len).max().unwrap_or(0);
    let room = screen.columns.saturating_sub(label + GAP + 1 + time).max(1);
    let bar = screen.or_ascii("█", "#");
    let mut text = String::new();
    for (result, time) in results.iter().zip(times) {
        let width = cells(ratio(result.elapsed(), comparison.longest()), room).max(1);
        let bar = bar.repeat(width);
        let _ = writeln!(text, "{:<label$}  {bar} {time}", result.label);
    }
    text
}

/// The width of the longest label.
pub(super) fn label_width(results: &[RowResult]) -> usize {
    let labels = results.iter().map(|result| result.label.len());
    labels.max().unwrap_or(0)
}

/// This share of `room`, in columns.
#[expect(clippy::cast_possible_truncation, reason = "up to `room`")]
#[expect(clippy::cast_sign_loss, reason = "not negative")]
#[expect(clippy::cast_precision_loss, reason = "a terminal is not that wide")]
pub(super) fn cells(share: f64, room: usize) -> usize {
    (share.clamp(0.0, 1.0) * room as f64).round() as usize
}
