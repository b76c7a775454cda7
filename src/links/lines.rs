//! The lines of a list that has one link per line, with the numbers that an editor shows.
//!
//! A line ends at LF, CR or CRLF, and besides at the ends of lines and paragraphs that text from word processors, mainframes and
//! databases has: VT, FF, NEL, U+2028 and U+2029 (Unicode, section 5.8). In JSON, these may be inside of a value, and are.
//!
//! A line that is too long is cut before a link, if it has several: a list on a single line is a list, too.

use std::io::{self, BufRead};
use std::mem;

use memchr::memchr2;

use super::compressed::Source;
use super::split::begins_link;
use super::{Context, longest};
use crate::line::{Line, fill};

/// The lines of a list.
pub(super) struct Lines {
    source: Source,
    context: Context,
    /// The number of the current line.
    number: u64,
    /// What has been read, beginning with the current line or with the rest of it.
    text: Vec<u8>,
    /// How much of `text` has been passed.
    at: usize,
    next: Next,
    /// Whether `text` ends where a line does.
    ended: bool,
    /// Whether the last byte was CR, so that LF does not end another line.
    after_cr: bool,
    /// Whether the last line has no end.
    is_cut: bool,
}

/// What there is in the text that has been read, be it blank.
enum Next {
    Nothing,
    Line,
    /// The rest of a long line.
    Rest,
}

impl Lines {
    /// The lines of `source`, none of which has been read.
    pub(super) fn new(source: Source, context: Context) -> Self {
        Self {
            source,
            number: context.lines_before,
            context,
            text: Vec::new(),
            at: 0,
            next: Next::Nothing,
            ended: true,
            after_cr: false,
            is_cut: false,
        }
    }

    /// Whether the list has ended within the line that was read last.
    pub(super) fn is_cut(&self) -> bool {
        self.is_cut
    }

    fn next_line(&mut self) -> io::Result<Option<Line>> {
        let is_behind_end = self.at == self.text.len() && !self.ended;
        if matches!(self.next, Next::Nothing) || is_behind_end {
            self.text.clear();
            self.at = 0;
            self.next = if self.read()? {
                Next::Line
            } else {
                Next::Nothing
            };
        }
        match self.next {
            Next::Nothing => return Ok(None),
            Next::Line => self.number += 1,
            Next::Rest => self.next = Next::Line,
        }
        loop {
            let text = &self.text[self.at..];
            if let Some((length, end)) = find_end(text, self.at > 0) {
                let text = text[..length].to_vec();
                self.at += length + end;
                return Ok(Some(Line { text, whole: true }));
            }
            let longest = longest(text);
            if text.len() > longest {
                return self.long_line(longest).map(Some);
            }
            if self.ended {
                self.next = Next::Nothing;
                self.text.drain(..self.at);
                self.at = 0;
                let text = mem::take(&mut self.text);
                return Ok(Some(Line { text, whole: true }));
            }
            self.text.drain(..self.at);
            self.at = 0;
            self.read()?;
        }
    }

    /// What there is of a line that is too long.
    fn long_line(&mut self, longest: usize) -> io::Result<Line> {
        let text = &self.text[self.at..];
        if let Some(cut) = last_link(&text[..longest]) {
            let text = text[..cut].to_vec();
            self.at += cut;
            self.next = Next::Rest;
            return Ok(Line { text, whole: true });
        }
        let text = text[..longest].to_vec();
        while !self.ended {
            self.text.clear();
            self.read()?;
        }
        self.next = Next::Nothing;
        Ok(Line { text, whole: false })
    }

    /// Reads what is buffered of the current line; false at the end of the list.
    fn read(&mut self) -> io::Result<bool> {
        if mem::take(&mut self.after_cr) && fill(&mut self.source)?.first() == Some(&b'\n') {
            self.source.consume(1);
        }
        let bytes = fill(&mut self.source)?;
        let end = memchr2(b'\n', b'\r', bytes);
        let length = end.unwrap_or(bytes.len());
        self.text.extend_from_slice(&bytes[..length]);
        self.ended = end.is_some() || bytes.is_empty();
        self.is_cut = bytes.is_empty() && !self.text.is_empty();
        let is_any = !bytes.is_empty();
        self.after_cr = end.is_some_and(|end| bytes[end] == b'\r');
        self.source.consume(length + usize::from(end.is_some()));
        Ok(is_any)
    }
}

impl Iterator for Lines {
    type Item = io::Result<(u64, Line)>;

    fn next(&mut self) -> Option<Self::Item> {
        let read = self.number;
        match self.next_line() {
            Ok(line) => Some(Ok((self.number, line?))),
            Err(error) => Some(Err(self.context.broken(read, &error))),
        }
    }
}

/// The first end of a line in `text` other than CR and LF: where it is, and how many bytes it takes. Nearly no line has one, but
/// behind one (`is_rest`), there are more.
fn find_end(text: &[u8], is_rest: bool) -> Option<(usize, usize)> {
    let is_usual = || text.is_ascii() && memchr2(0x0b, 0x0c, text).is_none();
    if text.first() == Some(&b'{') || (!is_rest && is_usual()) {
        return None;
    }
    let mut candidates = text.iter().enumerate();
    candidates.find_map(|(at, byte)| match byte {
        0x0b | 0x0c => Some((at, 1)),
        0xc2 if text[at..].starts_with("\u{85}".as_bytes()) => Some((at, 2)),
        0xe2 if matches!(text[at..], [_, 0x80, 0xa8 | 0xa9, ..]) => Some((at, 3)),
        _ => None,
    })
}

/// Where the last link of `text` begins, unless that is its beginning. Of a line with tabs, it may be another URL of the
/// same file.
fn last_link(text: &[u8]) -> Option<usize> {
    if text.contains(&b'\t') || text.first() == Some(&b'{') {
        return None;
    }
    let is_between = |at: usize| b" ,;|\"<>".contains(&text[at - 1]);
    let mut places = (1..text.len()).rev();
    places.find(|at| is_between(*at) && begins_link(&text[*at..]))
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Cursor};

    use proptest::prelude::*;

    use super::*;
    use crate::line::LONGEST_LINE;

    fn lines(text: &[u8], capacity: usize) -> Vec<(u64, String, bool)> {
        let source = BufReader::with_capacity(capacity, Cursor::new(text.to_vec()));
        let context = Context::new("list".into(), std::sync::Arc::default());
        let lines = Lines::new(Box::new(source), context);
        let line = lines.map(|line| {
            let (number, line) = line.expect("memory can be read");
            let text = String::from_utf8(line.text).expect("UTF-8");
            (number, text, line.whole)
        });
        line.collect()
    }

    proptest! {
        #[test]
        fn every_end_ends_a_line(
            words in proptest::collection::vec(("[a-zé]{0,9}", 0usize..8), 1..20), capacity in 1usize..40,
        ) {
            let ends = ["\n", "\r\n", "\u{b}", "\u{c}", "\u{85}", "\u{2028}", "\u{2029}", "\n"];
            let text = words.iter().map(|(word, end)| ["x", word, ends[*end]].concat());
            let text = text.collect::<Vec<_>>().concat();
            let found = lines(text.as_bytes(), capacity);
            let expected: Vec<_> = (1..).zip(&words).map(|(number, (word, _))| (number, format!("x{word}"), true)).collect();
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn carriage_returns_end_lines(count in 1u64..30, capacity in 1usize..20) {
            let text = "abc\r".repeat(usize::try_from(count).expect("small"));
            let expected: Vec<_> = (1..=count).map(|number| (number, "abc".to_owned(), true)).collect();
            prop_assert_eq!(lines(text.as_bytes(), capacity), expected);
        }
    }

    #[test]
    fn a_long_line_is_cut_between_links() {
        let text = "http://a.example/x.pdf ".repeat(10_000) + "\nlast";
        let found = lines(text.as_bytes(), 1000);
        let cut = &found[..found.len() - 1];
        assert!(cut.len() > 3 && cut.iter().all(|(number, _, whole)| *number == 1 && *whole));
        let joined: String = cut.iter().map(|(_, text, _)| text.as_str()).collect();
        assert_eq!(joined + "\nlast", text);
        assert_eq!(found[cut.len()], (2, "last".to_owned(), true));

        assert_eq!(lines("a\u{2028}\n".as_bytes(), 2).len(), 2);
        let text = "\u{2028}".to_owned() + &"x".repeat(3 * LONGEST_LINE) + "\r\nlast";
        let found = lines(text.as_bytes(), 1000);
        let whole: Vec<_> = found
            .iter()
            .map(|(number, text, whole)| (*number, text.len(), *whole))
            .collect();
        assert_eq!(
            whole,
            [(1, 0, true), (2, LONGEST_LINE, false), (3, 4, true)]
        );
    }

    #[test]
    fn json_keeps_separators_in_its_values() {
        let text = "{\"a\":\"b\u{2028}c\"}\n".as_bytes();
        assert_eq!(lines(text, 100).len(), 1);
    }
}
