//! Lines of a file of any size, one at a time and in bounded memory.

use std::io::{self, BufRead, Read};

/// The longest line of a plain list, in bytes.
pub(crate) const LONGEST_LINE: usize = 64 * 1024;

/// A line, or the beginning of one that is too long.
pub(crate) struct Line {
    /// Its bytes without the line feed, up to the longest that was asked for.
    pub text: Vec<u8>,
    /// Whether `text` is the whole line.
    pub whole: bool,
}

/// Reads to the end of the line, and keeps up to `longest` bytes of it. `None` at the end of the file.
///
/// # Errors
///
/// When `reader` cannot be read.
pub(crate) fn read_line(reader: &mut impl BufRead, longest: usize) -> io::Result<Option<Line>> {
    let mut text = Vec::new();
    let mut beginning = reader.by_ref().take(longest as u64 + 1);
    if beginning.read_until(b'\n', &mut text)? == 0 {
        return Ok(None);
    }
    let whole = text.pop_if(|last| *last == b'\n').is_some() || text.len() <= longest;
    if !whole {
        text.truncate(longest);
        reader.skip_until(b'\n')?;
    }
    Ok(Some(Line { text, whole }))
}

/// The buffered bytes of `reader`; empty only at the end of the file.
///
/// # Errors
///
/// When `reader` cannot be read.
pub(crate) fn fill(reader: &mut impl BufRead) -> io::Result<&[u8]> {
    while let Err(error) = reader.fill_buf() {
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    // a second call, because the borrow checker cannot see that the first borrow ends with the loop; it returns the same bytes
    reader.fill_buf()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_whole_up_to_the_longest() {
        for (length, whole) in [
            (0, true),
            (LONGEST_LINE, true),
            (LONGEST_LINE + 1, false),
            (3 * LONGEST_LINE, false),
        ] {
            let text = [vec![b'x'; length], b"\nlast".to_vec()].concat();
            let mut reader = io::BufReader::with_capacity(1000, &text[..]);
            let line = read_line(&mut reader, LONGEST_LINE)
                .expect("memory")
                .expect("a line");
            assert_eq!(line.whole, whole);
            assert_eq!(line.text, text[..length.min(LONGEST_LINE)]);
            let last = read_line(&mut reader, LONGEST_LINE)
                .expect("memory")
                .expect("a line");
            assert!(last.whole && last.text == b"last");
            assert!(
                read_line(&mut reader, LONGEST_LINE)
                    .expect("memory")
                    .is_none()
            );
        }
        let text = vec![b'x'; LONGEST_LINE];
        let line = read_line(&mut &text[..], LONGEST_LINE)
            .expect("memory")
            .expect("a line");
        assert!(line.whole && line.text == text);
    }
}
