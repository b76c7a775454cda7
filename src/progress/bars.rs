//! Progress on a terminal: a row per active transfer, and below them a bar for the run with the status line.

use std::sync::mpsc::Receiver;

use console::{Alignment, Term, measure_text_width, pad_str};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{REDRAW, StatusLine, wait};

/// The columns of the `^C` that a terminal echoes after the last line. Without room for it, that line would wrap and not be
/// cleared.
const INTERRUPT: usize = 3;

/// Draws the progress of a run on `bars` until the display is `stopped`.
pub(super) fn draw(bars: &MultiProgress, status: &StatusLine, stopped: &Receiver<()>) {
    let run = bars.add(ProgressBar::new(0));
    let (mut rows, mut styled) = (Vec::new(), None);
    loop {
        // a terminal can be resized, and the list be counted, at any time
        let columns = usize::from(Term::stderr().size().1);
        let style = (status.total(), columns);
        if styled.replace(style) != Some(style) {
            run.set_length(status.total().unwrap_or(0));
            run.set_style(run_style(status.total(), columns));
        }
        let transfers = status.transfers().into_iter();
        let transfers = transfers.map(|(name, state)| row(&name, &state, columns));
        update(&mut rows, bars, &run, transfers.collect());
        run.set_position(status.ended());
        let taken = bar_width(columns) + INTERRUPT;
        run.set_message(status.text(columns.saturating_sub(taken)));
        if !wait(stopped, REDRAW) {
            break;
        }
    }
    // cleared once, so that no bar draws itself again when it is dropped
    let _ = bars.clear();
    bars.set_draw_target(ProgressDrawTarget::hidden());
}

/// The style of the last line. The numbers are more useful than the bar, which gets the remaining room.
fn run_style(total: Option<u64>, columns: usize) -> ProgressStyle {
    let template = match (total, bar_width(columns)) {
        (None, _) => "{spinner} {msg}".to_owned(),
        (_, 0) => "{msg}".to_owned(),
        (_, width) => format!("{{bar:{}.green/dim}} {{msg}}", width - 1),
    };
    let style = ProgressStyle::with_template(&template);
    style.expect("a valid template").progress_chars("━━─")
}

/// The columns of the bar of the run and of the space after it.
fn bar_width(columns: usize) -> usize {
    match columns {
        ..60 => 0,
        60..100 => 13,
        _ => 25,
    }
}

/// Shows `texts` in `rows` above the bar of the run.
fn update(
    rows: &mut Vec<ProgressBar>,
    bars: &MultiProgress,
    run: &ProgressBar,
    texts: Vec<String>,
) {
    while rows.len() < texts.len() {
        let style = ProgressStyle::with_template("  {wide_msg:.dim}").expect("a valid template");
        let row = ProgressBar::no_length().with_style(style);
        rows.push(bars.insert_before(run, row));
    }
    for row in rows.drain(texts.len()..) {
        bars.remove(&row);
    }
    for (row, text) in rows.iter().zip(texts) {
        row.set_message(text);
    }
}

/// `name` and `state` in up to `columns`. The state gets the room it needs.
fn row(name: &str, state: &str, columns: usize) -> String {
    const STATE: usize = "100% of 1023.99 MiB".len();
    let width = columns.saturating_sub(STATE + 5).clamp(12, 60);
    let mut tail = name;
    // the end of a name says more than its beginning
    while measure_text_width(tail) > width - usize::from(tail.len() < name.len()) {
        let mut rest = tail.chars();
        rest.next();
        tail = rest.as_str();
    }
    let ellipsis = if tail.len() < name.len() { "…" } else { "" };
    let name = format!("{ellipsis}{tail}");
    format!("{}  {state}", pad_str(&name, width, Alignment::Left, None))
}

#[cfg(test)]
mod tests {
    use super::*;

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
