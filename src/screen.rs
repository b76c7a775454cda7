//! The screen: rows at its bottom that are drawn again and again, and all other output, which goes above them.
//!
//! Everything that may reach the terminal is written under one lock: the rows are erased, the text is written, and the rows are
//! drawn again. The cursor rests at the beginning of the last row, so that what a terminal echoes there (`^C`, `^Z`) is
//! overwritten and never wraps. The rows are erased by their width and that of the terminal as it is now: a terminal that has
//! become narrower has wrapped them, if it is one that does. Others cut them, and have other text where the wrapped rows would be.
//! If that is not known, a stale row may stay, as this is better than text that is lost.
//!
//! Nothing is drawn while the process is in the background, stopped, or after text that does not end its line.

use std::env;
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use console::{Term, measure_text_width, truncate_str};
use parking_lot::Mutex;

use crate::system::streams;

/// How long Ctrl-Z waits for a terminal that does not take what is being written to it.
const PATIENCE: Duration = Duration::from_millis(200);

static SCREEN: Mutex<Screen> = Mutex::new(Screen {
    rows: Vec::new(),
    widths: Vec::new(),
    is_mid_line: false,
});

/// How many rows of the terminal have been written to, besides those at the bottom.
static PRINTED: AtomicUsize = AtomicUsize::new(0);

static STDERR_IS_TERMINAL: LazyLock<bool> = LazyLock::new(|| io::stderr().is_terminal());
static STDOUT_IS_TERMINAL: LazyLock<bool> = LazyLock::new(|| io::stdout().is_terminal());

struct Screen {
    /// What is to be seen at the bottom.
    rows: Vec<String>,
    /// The widths of the rows that are drawn.
    widths: Vec<usize>,
    /// Whether something else has left the cursor in a line.
    is_mid_line: bool,
}

/// What terminals that wrap rows anew when they are resized set in the environment. `LC_TERMINAL` is iTerm2's, for ssh.
const WRAPPING: [&str; 9] = [
    "ALACRITTY_WINDOW_ID",
    "KITTY_WINDOW_ID",
    "KONSOLE_VERSION",
    "LC_TERMINAL",
    "TERM_PROGRAM",
    "TMUX",
    "VTE_VERSION",
    "WEZTERM_PANE",
    "WT_SESSION",
];

/// How some of them call themselves in `TERM`, which ssh passes on.
const WRAPPING_TERMS: [&str; 6] = ["alacritty", "foot", "ghostty", "kitty", "tmux", "wezterm"];

/// What terminals that cut rows set, xterm and GNU screen: they may have been started in one of the others.
const CUTTING: [&str; 2] = ["XTERM_VERSION", "STY"];

/// Whether the terminal is known to wrap rows anew.
static WRAPS: LazyLock<bool> = LazyLock::new(|| {
    let is_set = |name: &&str| env::var_os(name).is_some_and(|value| !value.is_empty());
    let term = env::var("TERM").unwrap_or_default();
    let is_known = term.split('-').any(|part| WRAPPING_TERMS.contains(&part));
    (is_known || WRAPPING.iter().any(is_set)) && !CUTTING.iter().any(is_set)
});

/// Around what is drawn: a terminal that is narrower than it has said so far cuts a row instead of wrapping it. While it is
/// dragged, what it says lags behind.
const CUT: [&str; 2] = ["\x1b[?7l", "\x1b[?7h"];

/// Whether standard error is a terminal.
pub(crate) fn is_terminal() -> bool {
    *STDERR_IS_TERMINAL
}

/// The rows and columns of the terminal.
pub(crate) fn size() -> (usize, usize) {
    let (rows, columns) = Term::stderr().size();
    (usize::from(rows).max(1), usize::from(columns).max(1))
}

/// The columns of standard output, or else of standard error, if that is a terminal.
pub(crate) fn columns(is_stdout: bool) -> Option<usize> {
    let terminal = if is_stdout {
        STDOUT_IS_TERMINAL.then(Term::stdout)
    } else {
        STDERR_IS_TERMINAL.then(Term::stderr)
    };
    terminal.map(|terminal| usize::from(terminal.size().1).max(1))
}

/// The columns at which rows that are drawn have wrapped.
fn wraps_at() -> usize {
    if *WRAPS { size().1 } else { usize::MAX }
}

/// Whether all that has been printed is still to be seen once so many more rows follow. What went elsewhere can be read there.
pub(crate) fn shows_all_and(rows: usize) -> bool {
    !is_terminal() || PRINTED.load(Relaxed) + rows < size().0
}

/// Draws `rows` at the bottom, in place of those before.
pub(crate) fn draw(rows: Vec<String>) {
    let mut screen = SCREEN.lock();
    screen.rows = rows;
    screen.draw();
}

/// Writes to standard error, above the rows.
pub(crate) fn write_to_stderr(stderr: &mut dyn Write, bytes: &[u8]) -> io::Result<usize> {
    write_above(is_terminal(), stderr, bytes)
}

/// Writes to standard output, above the rows.
pub(crate) fn write_to_stdout(stdout: &mut dyn Write, bytes: &[u8]) -> io::Result<usize> {
    write_above(*STDOUT_IS_TERMINAL, stdout, bytes)
}

fn write_above(is_terminal: bool, stream: &mut dyn Write, bytes: &[u8]) -> io::Result<usize> {
    if !is_terminal {
        return stream.write(bytes);
    }
    let mut screen = SCREEN.lock();
    screen.erase();
    let written = stream.write(bytes)?;
    let columns = size().1;
    let lines = String::from_utf8_lossy(&bytes[..written]);
    let rows = lines
        .lines()
        .map(|line| rows_of(measure_text_width(line), columns));
    PRINTED.fetch_add(rows.sum(), Relaxed);
    screen.is_mid_line = !lines.ends_with('\n');
    screen.draw();
    Ok(written)
}

/// Does `stop`, which stops the process, while there is nothing at the bottom.
pub(crate) fn while_clear(stop: impl FnOnce()) {
    let screen = SCREEN.try_lock_for(PATIENCE);
    let Some(mut screen) = screen else {
        return stop();
    };
    screen.erase();
    stop();
    screen.draw();
}

impl Screen {
    fn erase(&mut self) {
        let text = self.erasure(wraps_at());
        if !text.is_empty() {
            put(&text);
        }
    }

    /// What erases the rows, which have wrapped at so many `columns`. The cursor is at the beginning of the last one. Row by row,
    /// because some terminals keep what is erased together if that is the whole screen.
    fn erasure(&mut self, columns: usize) -> String {
        if self.widths.is_empty() {
            return String::new();
        }
        let last = self.widths.pop().unwrap_or_default();
        let above = self.widths.drain(..).map(|width| rows_of(width, columns));
        let last = if rows_of(last, columns) > 1 {
            "\r\x1b[J"
        } else {
            "\r\x1b[2K"
        };
        last.to_owned() + &"\x1b[A\x1b[2K".repeat(above.sum())
    }

    fn draw(&mut self) {
        if self.rows.is_empty() {
            return self.erase();
        }
        if self.is_mid_line || !streams::is_in_foreground() {
            // what is there stays where it is
            self.widths.clear();
            return;
        }
        let text = self.drawing(size().1, wraps_at());
        put(&text);
    }

    /// What draws the rows in place of those before, which have wrapped at `wraps_at`. Rows that stay are overwritten, so that
    /// nothing flickers.
    fn drawing(&mut self, columns: usize, wraps_at: usize) -> String {
        let is_same = self.widths.iter().all(|width| *width < wraps_at);
        let up = match self.widths.len() {
            0 => String::new(),
            1 if is_same => "\r".to_owned(),
            rows if is_same => format!("\r\x1b[{}A", rows - 1),
            _ => self.erasure(wraps_at),
        };
        let mut text = format!("{}{up}", CUT[0]);
        // a row that fills the last column may wrap
        let cut = |row: &String| truncate_str(row, columns - 1, "").into_owned();
        let rows: Vec<_> = self.rows.iter().map(cut).collect();
        let before = std::mem::take(&mut self.widths);
        self.widths = rows.iter().map(|row| measure_text_width(row)).collect();
        for (number, (row, width)) in rows.iter().zip(&self.widths).enumerate() {
            // tmux wraps what has been erased at the end of a row as if it were text, unless the whole row has been erased
            let is_shorter = before.get(number).is_some_and(|before| before > width);
            let start = if is_shorter { "\x1b[2K" } else { "" };
            let end = if number + 1 == rows.len() {
                "\x1b[J\r"
            } else {
                "\x1b[K\r\n"
            };
            let _ = write!(text, "{start}{row}{end}");
        }
        text + CUT[1]
    }
}

/// Writes to the terminal. Without one, nobody misses it.
fn put(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

/// How many rows a line takes.
fn rows_of(width: usize, columns: usize) -> usize {
    width.div_ceil(columns).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn screen(rows: &[&str]) -> Screen {
        Screen {
            rows: rows.iter().map(ToString::to_string).collect(),
            widths: Vec::new(),
            is_mid_line: false,
        }
    }

    /// What is drawn, without what is around it.
    fn drawing(screen: &mut Screen, columns: usize, wraps_at: usize) -> String {
        let text = screen.drawing(columns, wraps_at);
        let text = text
            .strip_prefix(CUT[0])
            .and_then(|text| text.strip_suffix(CUT[1]));
        text.expect("rows that do not wrap").to_owned()
    }

    #[test]
    fn rows_are_drawn_over_those_before() {
        let mut screen = screen(&["ab", "cd"]);
        assert_eq!(drawing(&mut screen, 80, 80), "ab\x1b[K\r\ncd\x1b[J\r");
        let again = drawing(&mut screen, 80, 80);
        assert_eq!(again, "\r\x1b[1Aab\x1b[K\r\ncd\x1b[J\r");
        screen.rows.pop();
        assert_eq!(drawing(&mut screen, 80, 80), "\r\x1b[1Aab\x1b[J\r");
        assert_eq!(screen.erasure(80), "\r\x1b[2K");
        assert_eq!(screen.erasure(80), "");
    }

    #[test]
    fn a_row_that_gets_shorter_is_erased_as_a_whole() {
        let mut screen = screen(&["abc", "d"]);
        drawing(&mut screen, 80, 80);
        screen.rows = ["a", "de"].map(str::to_owned).to_vec();
        let shorter = drawing(&mut screen, 80, 80);
        assert_eq!(shorter, "\r\x1b[1A\x1b[2Ka\x1b[K\r\nde\x1b[J\r");
    }

    #[test]
    fn a_narrower_terminal_has_wrapped_the_rows() {
        let row = "x".repeat(100);
        let mut screen = screen(&[&row, &row]);
        drawing(&mut screen, 81, 81);
        assert_eq!(screen.widths, [80, 80]);
        let wrapped = "\r\x1b[J\x1b[A\x1b[2K\x1b[A\x1b[2Kxx";
        assert!(drawing(&mut screen, 40, 40).starts_with(wrapped));
        assert_eq!(screen.widths, [39, 39]);
        assert!(drawing(&mut screen, 120, 120).starts_with("\r\x1b[1Axx"));
    }

    #[test]
    fn other_text_is_above_rows_that_a_narrower_terminal_has_cut() {
        let row = "x".repeat(100);
        let mut screen = screen(&[&row, &row]);
        drawing(&mut screen, 81, usize::MAX);
        let cut = drawing(&mut screen, 40, usize::MAX);
        assert!(cut.starts_with("\r\x1b[1A\x1b[2Kxx"), "{cut:?}");
        assert_eq!(screen.erasure(usize::MAX), "\r\x1b[2K\x1b[A\x1b[2K");
    }
}
