//! Links in prose: notes, mails, Markdown.
//!
//! A link begins with a scheme, or where Markdown has a target: `](…)` and `]: …`. It ends where a reader would see its end:
//! punctuation behind it and the bracket that closes one before it do not belong to it. A bracket inside it does, as in
//! `/Set_(mathematics)`.
//!
//! A link is looked at once, and up to [`LONGEST_LINK`]: what begins like a link again and again must not be read again and
//! again.

use std::borrow::Cow;
use std::io::{self, BufRead, Read};
use std::{iter, mem};

use super::compressed::Source;
use super::{Context, Item, LONGEST_LINK, starts_with};
use crate::line::LONGEST_LINE;

/// Characters that are never part of a link.
const ENDS: &[char] = &['"', '<', '>', '`', '\\', '|', '^'];

/// The links of a text.
pub(super) fn links(mut source: Source, context: Context) -> impl Iterator<Item = Item> {
    let mut rest = Vec::new();
    let mut line = 1;
    iter::from_fn(move || {
        let piece = match next_piece(&mut source, &mut rest) {
            Ok(piece) => piece?,
            Err(error) => return Some(vec![Err(context.broken(line, &error))]),
        };
        let text = String::from_utf8_lossy(&piece);
        let targets = targets(&text).into_iter();
        let targets = targets.map(|target| {
            if target.len() < LONGEST_LINK {
                target.replace("&amp;", "&").into()
            } else {
                Cow::from(target)
            }
        });
        let links = targets.filter_map(|target| context.extracted(line, &target, false));
        let links = links.map(Ok).collect();
        line += u64::from(piece.ends_with(b"\n"));
        Some(links)
    })
    .flatten()
}

/// The next line with its line feed, or a piece of a long one that ends between two links. `rest` is what was read beyond it.
fn next_piece(source: &mut Source, rest: &mut Vec<u8>) -> io::Result<Option<Vec<u8>>> {
    let mut piece = mem::take(rest);
    let room = LONGEST_LINE - piece.len();
    let mut limited = source.take(room as u64);
    limited.read_until(b'\n', &mut piece)?;
    if piece.len() == LONGEST_LINE && !piece.ends_with(b"\n") {
        let is_between = |byte: &u8| byte.is_ascii_whitespace() || b"\"<>".contains(byte);
        let cut = piece.iter().rposition(is_between);
        *rest = piece.split_off(cut.map_or(piece.len(), |cut| cut + 1));
    }
    Ok((!piece.is_empty()).then_some(piece))
}

/// The targets of all links in `text`.
fn targets(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let (mut rest, mut before) = (text, None);
    while let Some(next) = rest.chars().next() {
        let markdown = rest.strip_prefix("](").or_else(|| rest.strip_prefix("]: "));
        if let Some(target) = markdown {
            rest = target.trim_start_matches(['<', ' ']);
            before = None;
        }
        let has_scheme = || starts_with(rest, "http://") || starts_with(rest, "https://");
        let target = if markdown.is_some() || has_scheme() {
            trimmed(rest, before)
        } else {
            ""
        };
        if !target.is_empty() {
            found.push(target);
            rest = &rest[target.len()..];
            before = None;
        } else if markdown.is_none() {
            rest = &rest[next.len_utf8()..];
            before = Some(next);
        }
    }
    found
}

/// The link at the beginning of `text`, without the punctuation behind it and without what closes a bracket or a quote that was
/// opened `before` it. Of one that is too long, its first [`LONGEST_LINK`] bytes, to the end of a character.
fn trimmed(text: &str, before: Option<char>) -> &str {
    let mut open = Vec::new();
    let mut end = text.len();
    for (at, c) in text.char_indices() {
        if at >= LONGEST_LINK {
            return &text[..at];
        }
        let is_end = c.is_whitespace()
            || c.is_control()
            || ENDS.contains(&c)
            || (c, before) == ('\'', Some('\''));
        if is_end || closes_another(c, &mut open) {
            end = at;
            break;
        }
    }
    let mut link = &text[..end];
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

/// Whether `c` closes a bracket that the link has not opened itself. `open` are the ends of those that it has.
fn closes_another(c: char, open: &mut Vec<char>) -> bool {
    match c {
        '(' => open.push(')'),
        '[' => open.push(']'),
        '{' => open.push('}'),
        ')' | ']' | '}' => return open.pop() != Some(c),
        _ => {}
    }
    false
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::targets;

    #[test]
    fn targets_end_where_a_reader_sees_their_end() {
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
            assert_eq!(targets(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn targets_are_parts_of_the_text(text in "(https?://|\\]\\(|\\]: |<|[ -~]|\\PC){0,60}") {
            for target in targets(&text) {
                prop_assert!(text.contains(target));
            }
        }
    }
}
