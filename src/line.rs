//! Lines of text, one at a time, however long the text is.

use std::io::{self, BufRead};

/// Of a line that is longer, in bytes, only the beginning is kept.
pub(crate) const LONGEST_LINE: usize = 64 * 1024;

/// A line without its end, or the beginning of one that is too long.
pub(crate) struct Line {
    /// Its bytes, without the line end.
    pub text: Vec<u8>,
    /// Whether that is all of it.
    pub whole: bool,
}

/// Reads to the end of the line and keeps at most [`LONGEST_LINE`] bytes of it.
///
/// # Errors
///
/// When nothing can be read.
pub(crate) fn read_line(reader: &mut impl BufRead) -> io::Result<Option<Line>> {
    let mut line = Line {
        text: Vec::new(),
        whole: true,
    };
    let mut begun = false;
    loop {
        let buffer = fill(reader)?;
        if buffer.is_empty() {
            return Ok(begun.then_some(line));
        }
        begun = true;
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let piece = &buffer[..end.unwrap_or(buffer.len())];
        let room = LONGEST_LINE - line.text.len();
        line.whole &= piece.len() <= room;
        line.text.extend_from_slice(&piece[..piece.len().min(room)]);
        let used = end.map_or(buffer.len(), |end| end + 1);
        reader.consume(used);
        if end.is_some() {
            return Ok(Some(line));
        }
    }
}

/// What has been read and not been consumed: something, unless the end is reached.
///
/// # Errors
///
/// When nothing can be read.
pub(crate) fn fill(reader: &mut impl BufRead) -> io::Result<&[u8]> {
    loop {
        match reader.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // asked again, because the borrow checker does not see that the first answer is not used otherwise
            Ok(_) => return reader.fill_buf(),
            Err(error) => return Err(error),
        }
    }
}
