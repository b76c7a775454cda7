//! Links in the middle of text: notes, mails, Markdown.

use std::collections::VecDeque;
use std::io::{self, BufRead};

use super::Context;
use crate::line::{LONGEST_LINE, fill};
use crate::link::{BadLink, Link};

/// What ends a link wherever it stands.
const ENDS: &[char] = &['"', '<', '>', '`', '\\', '|', '^'];

/// The links of a text.
pub(super) struct Text<R> {
    reader: R,
    context: Context,
    line: u64,
    /// The beginning of a piece that has been read already.
    rest: Vec<u8>,
    found: VecDeque<Result<Link, BadLink>>,
}

impl<R> Text<R> {
    pub(super) fn new(reader: R, context: Context) -> Self {
        Self {
            reader,
            context,
            line: 1,
            rest: Vec::new(),
            found: VecDeque::new(),
        }
    }
}

impl<R: BufRead> Iterator for Text<R> {
    type Item = io::Result<Result<Link, BadLink>>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(link) = self.found.pop_front() {
                return Some(Ok(link));
            }
            let piece = match self.piece() {
                Ok(piece) => piece?,
                Err(error) => return Some(Err(self.context.broken(self.line, &error))),
            };
            let text = String::from_utf8_lossy(&piece);
            for link in links(&text) {
                let link = link.replace("&amp;", "&");
                self.found
                    .extend(self.context.extracted(self.line, &link, false));
            }
            self.line += u64::from(piece.ends_with(b"\n"));
        }
    }
}

impl<R: BufRead> Text<R> {
    /// The next line with its end, or so much of a long one that no link is cut.
    fn piece(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut piece = std::mem::take(&mut self.rest);
        loop {
            let buffer = fill(&mut self.reader)?;
            if buffer.is_empty() {
                return Ok((!piece.is_empty()).then_some(piece));
            }
            let end = buffer.iter().position(|byte| *byte == b'\n');
            let length = end.map_or(buffer.len(), |end| end + 1);
            piece.extend_from_slice(&buffer[..length]);
            self.reader.consume(length);
            if end.is_some() {
                return Ok(Some(piece));
            }
            if piece.len() >= LONGEST_LINE {
                let cut = piece
                    .iter()
                    .rposition(|byte| byte.is_ascii_whitespace() || b"\"<>".contains(byte));
                self.rest = piece.split_off(cut.map_or(piece.len(), |cut| cut + 1));
                return Ok(Some(piece));
            }
        }
    }
}

/// What looks like a link: with a scheme wherever it stands, and without one where Markdown has a link.
fn links(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let (mut rest, mut before) = (text, None);
    while let Some(next) = rest.chars().next() {
        let target = rest.strip_prefix("](").or_else(|| rest.strip_prefix("]: "));
        if let Some(target) = target {
            rest = target.trim_start_matches(['<', ' ']);
            before = None;
        }
        let is_link = target.is_some() || starts_with_scheme(rest);
        let link = if is_link {
            unquoted(&rest[..link_length(rest)], before)
        } else {
            ""
        };
        if !link.is_empty() {
            found.push(link);
            rest = &rest[link.len()..];
            before = None;
        } else if target.is_none() {
            rest = &rest[next.len_utf8()..];
            before = Some(next);
        }
    }
    found
}

fn starts_with_scheme(text: &str) -> bool {
    ["http://", "https://"].iter().any(|scheme| {
        text.as_bytes()
            .get(..scheme.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(scheme.as_bytes()))
    })
}

fn link_length(text: &str) -> usize {
    text.find(|c: char| c.is_whitespace() || c.is_control() || ENDS.contains(&c))
        .unwrap_or(text.len())
}

/// `link` without the punctuation behind it, and without what closes a bracket or quote that was opened `before` it.
fn unquoted(link: &str, before: Option<char>) -> &str {
    let link = match before {
        Some('\'') => link.split('\'').next().unwrap_or_default(),
        _ => link,
    };
    let mut link = balanced(link);
    loop {
        let shorter = link
            .trim_end_matches(['.', ',', ';', ':', '!', '?', '*', '_', '~', '\'', '…'])
            .trim_end_matches("&gt");
        if shorter.len() == link.len() {
            return link;
        }
        link = shorter;
    }
}

/// `link` up to the first bracket that closes one that it has not opened.
fn balanced(link: &str) -> &str {
    let mut open = Vec::new();
    for (at, c) in link.char_indices() {
        match c {
            '(' => open.push(')'),
            '[' => open.push(']'),
            '{' => open.push('}'),
            ')' | ']' | '}' if open.pop() != Some(c) => return &link[..at],
            _ => {}
        }
    }
    link
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::links;

    #[test]
    fn links_end_where_a_reader_sees_their_end() {
        for (text, expected) in [
            (
                "see http://a.example/x.pdf.",
                &["http://a.example/x.pdf"][..],
            ),
            (
                "(http://a.example/x_(1).pdf), HTTPS://b.example/y.pdf!",
                &["http://a.example/x_(1).pdf", "HTTPS://b.example/y.pdf"],
            ),
            (
                "[a](http://a.example/x.pdf \"title\") [b](sub/y.pdf) [c](<z.pdf>)",
                &["http://a.example/x.pdf", "sub/y.pdf", "z.pdf"],
            ),
            (
                "[1]: http://a.example/x.pdf\n[2]: y.pdf",
                &["http://a.example/x.pdf", "y.pdf"],
            ),
            (
                "<a href='http://a.example/x.pdf'>x</a>",
                &["http://a.example/x.pdf"],
            ),
            (
                "{\"url\":\"http://a.example/x.pdf\",\"n\":1}",
                &["http://a.example/x.pdf"],
            ),
            (
                "| http://a.example/x.pdf|http://a.example/y.pdf |",
                &["http://a.example/x.pdf", "http://a.example/y.pdf"],
            ),
            (
                "**http://a.example/ü.pdf** [http://a.example/z.pdf]",
                &["http://a.example/ü.pdf", "http://a.example/z.pdf"],
            ),
            ("[]( ) []() ](", &[]),
        ] {
            assert_eq!(links(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_can_be_searched(text in "(https?://|\\]\\(|\\]: |<|[ -~]|\\PC){0,60}") {
            for link in links(&text) {
                prop_assert!(text.contains(link));
            }
        }
    }
}
