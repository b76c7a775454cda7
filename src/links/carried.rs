//! The lines of lists, for records that carry them (`--carry-line`): a program joins records with its own rows by them.
//!
//! A line is carried as it is in the list, without its end. What is not UTF-8 cannot be in a record: each such byte is written as
//! `\xNN`, which is what `backslashreplace` of Python makes of it. All links of a line share its text.

use std::fmt::Write as _;
use std::sync::Arc;

use super::Context;
use crate::line::LONGEST_LINE;
use crate::link::{BadLink, Link};

/// The longest text of a line, in bytes: all of it may have been escaped.
pub(super) const LONGEST_CARRIED: usize = 4 * LONGEST_LINE;

/// Lets the `links` that come from a line carry it, if that is asked for.
pub(super) fn carry<'a>(
    bytes: &[u8],
    context: &Context,
    links: impl IntoIterator<Item = &'a mut Result<Link, BadLink>>,
) {
    if !context.options.carry_line {
        return;
    }
    let text: Arc<str> = text(bytes).into();
    for found in links {
        let line = Some(Arc::clone(&text));
        match found {
            Ok(found) => found.details.get_or_insert_default().line = line,
            Err(bad) => bad.line = line,
        }
    }
}

/// The text of a line. Of a line that is too long, the beginning up to the end of a character.
fn text(line: &[u8]) -> String {
    let line = if line.len() < LONGEST_LINE {
        line
    } else {
        whole_characters(&line[..LONGEST_LINE])
    };
    let mut text = String::with_capacity(line.len());
    for chunk in line.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

/// `text` without a character that is cut off at its end.
fn whole_characters(text: &[u8]) -> &[u8] {
    let mut places = (text.len().saturating_sub(3)..text.len()).rev();
    let last = places.find(|at| text[*at] & 0xc0 != 0x80);
    let is_cut = |at: &usize| {
        let character = std::str::from_utf8(&text[*at..]);
        character.is_err_and(|error| error.error_len().is_none())
    };
    last.filter(is_cut).map_or(text, |at| &text[..at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_exact_and_bounded() {
        for (line, expected) in [
            (
                &b"http://a.example/x.pdf\t a\\b "[..],
                "http://a.example/x.pdf\t a\\b ",
            ),
            ("Ã©\u{2028}ä".as_bytes(), "Ã©\u{2028}ä"),
            (
                b"caf\xe9\xe2\x28\xed\xa0\x80",
                "caf\\xe9\\xe2(\\xed\\xa0\\x80",
            ),
            (b"", ""),
        ] {
            assert_eq!(text(line), expected);
        }
        for before in 0..4 {
            let line = "x".repeat(LONGEST_LINE - before) + "🙂";
            let length = if before == 0 || before == 4 {
                LONGEST_LINE
            } else {
                LONGEST_LINE - before
            };
            assert_eq!(text(line.as_bytes()), line[..length], "{before}");
        }
        assert_eq!(text(&vec![0x80; LONGEST_LINE + 9]).len(), LONGEST_CARRIED);
    }
}
