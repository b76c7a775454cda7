//! The rows at the bottom of the [`screen`], as a terminal for indicatif.
//!
//! indicatif fills each row with spaces, so that the next one begins where a terminal of that width wraps. It also erases
//! what it has drawn before, by the width that the terminal had then. Only the screen knows what else has been written since
//! and how the rows have wrapped, so it gets whole frames without these spaces, and all movements of the cursor are left to it.

use std::io;

use console::measure_text_width;
use indicatif::TermLike;
use parking_lot::Mutex;

use crate::screen;

/// A frame that is being drawn.
#[derive(Debug, Default)]
pub(super) struct Canvas {
    rows: Mutex<Vec<String>>,
}

impl TermLike for Canvas {
    fn width(&self) -> u16 {
        // a row that fills the last column may wrap
        u16::try_from(screen::size().1 - 1).map_or(u16::MAX, |columns| columns.max(1))
    }

    fn height(&self) -> u16 {
        u16::try_from(screen::size().0).unwrap_or(u16::MAX)
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        let (mut rows, width) = (self.rows.lock(), usize::from(self.width()));
        let is_full = |row: &String| measure_text_width(row).is_multiple_of(width);
        match rows.last_mut() {
            Some(row) if !is_full(row) => row.push_str(text),
            _ if text.is_empty() => {}
            _ => rows.push(text.to_owned()),
        }
        Ok(())
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.rows.lock().push(text.to_owned());
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        let rows = std::mem::take(&mut *self.rows.lock());
        let rows = rows.iter().map(|row| row.trim_end().to_owned());
        screen::draw(rows.collect());
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_up(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_down(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_right(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_left(&self, _: usize) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_ends_where_the_terminal_wraps() {
        let canvas = Canvas::default();
        let width = usize::from(canvas.width());
        let (full, long) = ("x".repeat(width), "y".repeat(width + 1));
        for row in ["a", &full, &long, ""] {
            let filler = width - measure_text_width(row) % width;
            let _ = canvas.write_str(row);
            let _ = canvas.write_str(&" ".repeat(filler % width));
        }
        let _ = canvas.write_str("b");
        let rows = canvas.rows.lock();
        let rows: Vec<_> = rows.iter().map(|row| row.trim_end()).collect();
        assert_eq!(rows, ["a", &full, &long, "b"]);
    }
}
