//! Progress on a terminal: a row per transfer, one per host that is paused, and below them a bar for the run with the status line.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use console::{Alignment, measure_text_width, pad_str};
use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use super::canvas::Canvas;
use super::status_line::{Shown, State};
use super::{REDRAW, StatusLine, wait};
use crate::screen;
use crate::system::locale;

/// A terminal has this many times as many rows as the progress may take. The rows still fit when they are wrapped because the
/// terminal has become narrower.
const SHARE: usize = 3;

/// The most rows on a terminal of any height.
const MOST: usize = 12;

/// The most rows for hosts that are paused.
const PAUSED: usize = 2;

/// The columns of the speed of a transfer.
const SPEED: usize = "1023.99 MiB/s".len();

/// The characters that bars and rows are made of.
struct Characters {
    done: &'static str,
    rest: &'static str,
    ellipsis: &'static str,
}

const UNICODE: Characters = Characters {
    done: "━",
    rest: "─",
    ellipsis: "…",
};

const ASCII: Characters = Characters {
    done: "#",
    rest: "-",
    ellipsis: "...",
};

/// Draws the progress of a run until the display is `stopped`.
pub(super) fn draw(status: &Arc<StatusLine>, stopped: &Receiver<()>) {
    let canvas = Box::new(Canvas::default());
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::term_like(canvas));
    let mut width = None;
    loop {
        // a terminal can be resized, and the list be counted, at any time
        let columns = status.total().map_or(0, |_| bar_width(screen::size().1));
        if width.replace(columns) != Some(columns) {
            bar.set_style(bar_style(status, columns));
        }
        bar.update(|state| {
            state.set_len(status.total().unwrap_or_default());
            state.set_pos(status.ended());
        });
        if !wait(stopped, REDRAW) {
            break;
        }
    }
    bar.finish_and_clear();
}

/// The columns of the bar of the run. The numbers are more useful than the bar, which gets the remaining room.
fn bar_width(columns: usize) -> usize {
    match columns {
        ..60 => 0,
        60..100 => 12,
        _ => 24,
    }
}

/// All rows: the last one begins with a bar of this width.
fn bar_style(status: &Arc<StatusLine>, width: usize) -> ProgressStyle {
    let characters = if locale::is_utf8() { &UNICODE } else { &ASCII };
    let template = match width {
        0 => "{above}{status}",
        _ => "{above}{run} {status}",
    };
    let style = ProgressStyle::with_template(template).expect("a valid template");
    let run = move |state: &ProgressState, text: &mut dyn Write| {
        let total = state.len().unwrap_or_default();
        let _ = text.write_str(&bar(state.pos(), total, width, characters));
    };
    let (above, below) = (Arc::clone(status), Arc::clone(status));
    let rows = move |_: &ProgressState, text: &mut dyn Write| {
        for row in rows(&above, screen::size(), characters) {
            let _ = writeln!(text, "{}", console::style(row).for_stderr().dim());
        }
    };
    let status = move |_: &ProgressState, text: &mut dyn Write| {
        let room = screen::size().1.saturating_sub(width + 2);
        let _ = text.write_str(&below.text(room));
    };
    let style = style.with_key("above", rows).with_key("run", run);
    style.with_key("status", status)
}

/// A bar for `ended` of `total` links. The bars of indicatif have colors only if standard output has.
fn bar(ended: u64, total: u64, width: usize, characters: &Characters) -> String {
    let done = (ended * width as u64).div_ceil(total.max(1));
    let done = usize::try_from(done).map_or(width, |done| done.min(width));
    let rest = characters.rest.repeat(width - done);
    let done = characters.done.repeat(done);
    let (done, rest) = (console::style(done), console::style(rest));
    format!("{}{}", done.for_stderr().green(), rest.for_stderr().dim())
}

/// The rows above that of the run, on a terminal with this many rows and columns.
fn rows(
    status: &StatusLine,
    (height, columns): (usize, usize),
    characters: &Characters,
) -> Vec<String> {
    let most = (height / SHARE).clamp(1, MOST) - 1;
    let paused = status.paused(PAUSED.min(most));
    let Shown { transfers, more } = status.shown(most - paused.len());
    let widths = transfers.iter().map(|(name, _)| measure_text_width(name));
    // rows are no longer than they must be, as a terminal that becomes narrower wraps them, and do not change all the time
    let widest = widths.max().unwrap_or_default().next_multiple_of(10);
    let transfers = transfers.into_iter();
    let transfers =
        transfers.map(|(name, state)| row((&name, widest), &state, columns, characters));
    let more = (more > 0 && most > paused.len()).then(|| format!("and {more} more"));
    let rows = transfers.chain(more).chain(paused);
    rows.map(|row| format!("  {row}")).collect()
}

/// The name in up to so many columns, and how far the transfer is, in up to `columns` with the margin.
fn row(
    (name, widest): (&str, usize),
    state: &State,
    columns: usize,
    characters: &Characters,
) -> String {
    const FULL: usize = "100% of 1023.99 MiB".len();
    const SHORT: usize = "1023.99 MiB".len();
    let (words, width) = match columns {
        ..70 => (state.short(), SHORT),
        _ => (state.words(), FULL),
    };
    let speed = match (state.speed, columns) {
        (0, _) | (_, ..36) => String::new(),
        _ => format!("{}/s", HumanBytes(state.speed)),
    };
    let taken = width + if columns < 36 { 5 } else { SPEED + 7 };
    let room = columns.saturating_sub(taken).clamp(8, 60).min(widest);
    let name = tail(name, room, characters);
    let name = pad_str(&name, room, Alignment::Left, None);
    format!("{name}  {words:<width$}  {speed:>SPEED$}")
        .trim_end()
        .to_owned()
}

/// `name`, or its end, which says more than its beginning, in up to `room` columns.
fn tail(name: &str, room: usize, characters: &Characters) -> String {
    let name: String = if characters.ellipsis.is_ascii() {
        let ascii = |c: char| if c.is_ascii() { c } else { '?' };
        name.chars().map(ascii).collect()
    } else {
        name.to_owned()
    };
    if measure_text_width(&name) <= room {
        return name;
    }
    let room = room.saturating_sub(measure_text_width(characters.ellipsis));
    let mut tail = &*name;
    while measure_text_width(tail) > room {
        let mut rest = tail.chars();
        rest.next();
        tail = rest.as_str();
    }
    format!("{}{tail}", characters.ellipsis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_has_the_colors_of_standard_error() {
        console::set_colors_enabled(false);
        console::set_colors_enabled_stderr(true);
        let quarter = bar(5, 20, 4, &ASCII);
        assert_eq!(quarter, "\x1b[32m#\x1b[0m\x1b[2m---\x1b[0m");
        console::set_colors_enabled_stderr(false);
        assert_eq!(bar(0, 0, 4, &UNICODE), "────");
        assert_eq!(bar(1, 20, 4, &UNICODE), "━───");
        assert_eq!(bar(30, 20, 4, &UNICODE), "━━━━");
    }

    #[test]
    fn a_row_keeps_the_end_of_a_name_and_fits() {
        let half = State {
            received: 512,
            expected: 1024,
            speed: 2048,
        };
        assert_eq!(
            row(("a.pdf", 10), &half, 80, &UNICODE),
            "a.pdf        50% of 1.00 KiB        2.00 KiB/s"
        );
        let narrow = row(("a-name-that-is-far-too-long.pdf", 40), &half, 40, &UNICODE);
        assert!(narrow.starts_with("…long.pdf   50% "), "{narrow}");
        assert!(narrow.ends_with("  2.00 KiB/s"), "{narrow}");
        assert!(row(("ü-name-that-is-far-too-long.pdf", 40), &half, 40, &ASCII).is_ascii());
        let most = State {
            received: 1023 << 20,
            expected: 1023 << 20,
            speed: 1023 << 20,
        };
        for columns in [40, 80, 200] {
            for characters in [&UNICODE, &ASCII] {
                let wide = row((&"論文".repeat(60), 240), &most, columns, characters);
                assert!(measure_text_width(&wide) + 3 <= columns, "{wide}");
            }
        }
    }
}
