//! Who ran when, for a terminal: each link is a bar on a time line, filled with the sign of the worker that ran it.
//!
//! ```text
//! sequential  1111 1111 1111 1111
//! threads     1111 3333
//!             2222 4444
//! pool        1111 1111
//!             2222 2222
//! ```
//!
//! A bar is in the first line that is free when it begins. Time is the same for all modes.

use std::fmt::Write;
use std::time::Duration;

use super::chart::{cells, label_width};
use super::table::ratio;
use super::{Comparison, RowResult, Screen};
use crate::run::timeline::Attempt;
use crate::text::seconds;

/// The lines of a mode.
const MOST_LINES: usize = 5;

/// Where there are more rows than this, they get fewer lines.
const MANY_ROWS: usize = 4;

/// The columns that a bar should have, with its gap.
const BAR: usize = 3;

/// An attempt is longer than all others if it is so by this part of the whole time.
const PART: u32 = 10;

/// The signs of workers. After the last one, they begin anew.
const SIGNS: &[u8] = b"123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// Colors of the 256 that terminals have, on which black can be read.
const COLORS: [u8; 8] = [75, 114, 215, 176, 80, 222, 210, 146];

/// The picture, if anything was fetched and there is room for it.
pub(super) fn who_ran_when(comparison: &Comparison, screen: Screen) -> Option<String> {
    let results = &comparison.results;
    let label = label_width(results);
    let room = screen.columns.saturating_sub(label + 2);
    let most_links = (room / BAR).max(1);
    let shown: Vec<_> = results
        .iter()
        .map(|result| first_links(result, most_links))
        .collect();
    let all = shown.iter().flatten();
    let end = all.map(|attempt| attempt.end).max();
    let end = end.filter(|_| room >= BAR)?;
    let most = match results.len() {
        ..=MANY_ROWS => MOST_LINES,
        _ => MOST_LINES - 2,
    };
    let total = results
        .iter()
        .map(|result| result.typical().events.total_links);
    let total = total.max().unwrap_or(0);
    let of = |links: u64| match links {
        1 => "the link".to_owned(),
        _ if links <= most_links as u64 => format!("all {links} links"),
        _ => format!("the first {most_links} of {links} links"),
    };
    let heading = format!(
        "who ran when, from 0 to {}: {}; the same sign is the same thread or task",
        seconds(end),
        of(total)
    );
    let mut text = screen.wrapped(&heading);
    for (result, attempts) in results.iter().zip(&shown) {
        let (lanes, hidden) = shown_lanes(attempts, most, end);
        for (number, lane) in lanes.iter().enumerate() {
            let name = if number == 0 { &*result.label } else { "" };
            let bars = line(lane, end, room);
            let _ = writeln!(text, "{}", format!("{name:<label$}  {bars}").trim_end());
        }
        if hidden > 0 {
            let more = format!("and {hidden} more at the same time");
            let _ = writeln!(text, "{:<label$}  {more:.room$}", "");
        }
    }
    Some(text)
}

/// The attempts at the first links of a row.
fn first_links(result: &RowResult, most: usize) -> Vec<&Attempt> {
    let attempts = &result.typical().events.attempts;
    let attempts = attempts.iter().filter(|attempt| attempt.link < most);
    attempts.collect()
}

/// The lines that are shown, up to `most` of them, and the number of the others. The longest attempt is shown, because it may be
/// what the run has waited for.
fn shown_lanes<'a>(
    attempts: &[&'a Attempt],
    most: usize,
    end: Duration,
) -> (Vec<Vec<&'a Attempt>>, usize) {
    let mut lanes = lanes(attempts);
    // a line that only says that there is one more can show it as well
    if lanes.len() <= most + 1 {
        return (lanes, 0);
    }
    let hidden = lanes.split_off(most);
    let time = |attempt: &&Attempt| attempt.end.saturating_sub(attempt.begin);
    let longest = |lane: &Vec<&Attempt>| lane.iter().map(time).max().unwrap_or_default();
    let shown = lanes.iter().map(longest).max().unwrap_or_default();
    let slowest = hidden.iter().max_by_key(|lane| longest(lane));
    if let Some(slowest) = slowest.filter(|lane| longest(lane) > shown + end / PART) {
        lanes[most - 1].clone_from(slowest);
    }
    (lanes, hidden.len())
}

/// Puts attempts into lines in which none overlaps another one.
pub(super) fn lanes<'a>(attempts: &[&'a Attempt]) -> Vec<Vec<&'a Attempt>> {
    let mut lanes: Vec<Vec<&Attempt>> = Vec::new();
    for attempt in attempts {
        let is_free = |lane: &&mut Vec<&Attempt>| {
            let last = lane.last();
            last.is_none_or(|last| last.end <= attempt.begin)
        };
        match lanes.iter_mut().find(is_free) {
            Some(lane) => lane.push(attempt),
            None => lanes.push(vec![attempt]),
        }
    }
    lanes
}

/// The bars of a line.
fn line(lane: &[&Attempt], end: Duration, room: usize) -> String {
    let mut text = String::new();
    let mut column = 0;
    for attempt in lane {
        // the last one must not be cut off
        let begin = cells(ratio(attempt.begin, end), room);
        let begin = begin.min(room - 1).max(column);
        let until = cells(ratio(attempt.end, end), room);
        if begin >= room {
            break;
        }
        // the last column is the gap to the next bar
        let width = until.saturating_sub(begin + 1).max(1);
        let sign = char::from(SIGNS[attempt.worker % SIGNS.len()]);
        let bar: String = std::iter::repeat_n(sign, width).collect();
        let color = COLORS[attempt.worker % COLORS.len()];
        let bar = console::style(bar).black().on_color256(color);
        let _ = write!(text, "{:1$}{bar}", "", begin - column);
        column = begin + width;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_attempt_is_shown() {
        let attempts = |slow: usize| {
            let attempt = |link| Attempt {
                link,
                worker: link,
                begin: Duration::ZERO,
                end: Duration::from_secs(if link == slow { 9 } else { 1 }),
                is_good: true,
            };
            (0..20).map(attempt).collect::<Vec<_>>()
        };
        for (slow, expected) in [(0, [0, 1, 2]), (2, [0, 1, 2]), (12, [0, 1, 12])] {
            let attempts = attempts(slow);
            let attempts: Vec<_> = attempts.iter().collect();
            let (lanes, hidden) = shown_lanes(&attempts, 3, Duration::from_secs(9));
            let links: Vec<_> = lanes.iter().map(|lane| lane[0].link).collect();
            assert_eq!((&*links, hidden), (&expected[..], 17));
        }
    }
}
