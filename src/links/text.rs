//! Links in prose and data: notes, mails, Markdown, BibTeX, JSON.
//!
//! A link begins with a scheme, or where [Markdown](super::markdown) has a target. It ends where a reader would see its end:
//! punctuation behind it and the bracket that closes one before it do not belong to it. A bracket inside it does, as in
//! `/Set_(mathematics)`. Another link after a comma, or right behind `.pdf`, is another link. Characters may be
//! [escaped](super::escapes).
//!
//! A link has no white space, except between quotes or angle brackets, and where it ends in `.pdf` then: people write names of
//! files as they are.
//!
//! A link is looked at once, and up to [`LONGEST_LINK`]: what begins like a link again and again must not be read again and
//! again.

use std::io::{self, BufRead, Read};
use std::{iter, mem};

use super::carried::carry;
use super::compressed::Source;
use super::escapes::{Unit, unit};
use super::{Context, Item, LONGEST_LINK, characters, markdown, starts_with};
use crate::line::LONGEST_LINE;

/// Characters that are never part of a link.
const ENDS: &[char] = &[
    '"', '<', '>', '`', '|', '^', '“', '”', '„', '«', '»', '‹', '›', '「', '」', '『', '』', '《',
    '》', '【', '】', '。', '，', '、', '；',
];

/// Punctuation that belongs to the sentence behind a link.
const AFTER: &[char] = &[
    '.', ',', ';', ':', '!', '?', '*', '_', '~', '\'', '’', '…', '：', '！', '？',
];

/// Quotes and angle brackets, and what closes them.
const QUOTES: [(char, char); 9] = [
    ('<', '>'),
    ('"', '"'),
    ('\'', '\''),
    ('`', '`'),
    ('“', '”'),
    ('„', '“'),
    ('«', '»'),
    ('‹', '›'),
    ('‘', '’'),
];

/// The links of a text.
pub(super) fn links(mut source: Source, context: Context) -> impl Iterator<Item = Item> {
    let mut rest = Vec::new();
    let mut line = 1;
    iter::from_fn(move || {
        let piece = match next_piece(&mut source, &mut rest) {
            Ok(piece) => piece?,
            Err(error) => return Some(vec![Err(context.broken(line, &error))]),
        };
        let text = characters::text(&piece);
        let mut found = targets(&text);
        if found.is_empty() && context.base.is_some() {
            found = names(&text);
        }
        let links = found
            .iter()
            .filter_map(|target| context.extracted(line, target, false));
        let mut links: Vec<_> = links.collect();
        let whole = piece.strip_suffix(b"\n").unwrap_or(&piece);
        let whole = whole.strip_suffix(b"\r").unwrap_or(whole);
        carry(whole, &context, &mut links);
        let links = links.into_iter().map(Ok).collect();
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

/// The targets of all links in `text`. One that is too long ends after [`LONGEST_LINK`] bytes.
pub(super) fn targets(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let (mut rest, mut before) = (text, None);
    while let Some(next) = rest.chars().next() {
        let target = match next {
            'h' | 'H' => has_scheme(rest).then(|| link(rest, before)),
            ']' => markdown::target(rest),
            _ => None,
        };
        let length = target
            .as_ref()
            .map_or(next.len_utf8(), |(_, length)| *length);
        before = (target.is_none()).then_some(next);
        found.extend(
            target
                .map(|(target, _)| target)
                .filter(|target| !target.is_empty()),
        );
        rest = &rest[length..];
    }
    found
}

/// The names in a line that has nothing but names of PDFs, as in a listing of a folder.
fn names(line: &str) -> Vec<String> {
    let line = line.trim().trim_start_matches(['-', '*', '+']);
    let pieces = line
        .split([',', ';', ' ', '\t'])
        .map(|name| name.trim_matches(['"', '\'', '`']));
    let pieces: Vec<_> = pieces
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect();
    let all = pieces.iter().all(|name| is_pdf(name));
    if all { pieces } else { Vec::new() }
}

/// Whether an http or https URL begins here.
fn has_scheme(text: &str) -> bool {
    if !starts_with(text, "http") {
        return false;
    }
    let mut rest = &text["http".len()..];
    rest = rest.strip_prefix(['s', 'S']).unwrap_or(rest);
    "://".chars().all(|expected| match unit(rest) {
        Some((Unit::Plain(c) | Unit::Escaped(c), length)) => {
            rest = &rest[length..];
            c == expected
        }
        _ => false,
    })
}

/// The link at the beginning of `text`, which has a scheme, and its length there. `before` is what stands before it.
fn link(text: &str, before: Option<char>) -> (String, usize) {
    let (link, length) = word(text, before);
    let delimiters = QUOTES.iter().find(|(open, _)| Some(*open) == before);
    let is_torn = !is_pdf(&link) && text[length..].starts_with(' ');
    let quoted = delimiters.filter(|_| is_torn).and_then(|(_, close)| {
        let is_next = |rest: &str| rest.len() < text.len() && has_scheme(rest);
        let (whole, length) = up_to(text, |rest| rest.starts_with(*close) || is_next(rest))?;
        has_one_pdf(&whole).then_some((whole, length))
    });
    quoted.unwrap_or((link, length))
}

/// The link without white space at the beginning of `text`, and its length there. It is without the punctuation behind it and
/// without what closes a bracket or a quote that was opened `before` it.
pub(super) fn word(text: &str, before: Option<char>) -> (String, usize) {
    let (mut link, mut length) = (String::new(), 0);
    // the ends of brackets, and where they were opened
    let mut open: Vec<(char, usize)> = Vec::new();
    while let Some((next, next_length)) = unit(&text[length..]) {
        if link.len() >= LONGEST_LINK {
            return (link, length);
        }
        match next {
            Unit::End => break,
            Unit::Escaped(c) => link.push(c),
            Unit::Plain(c) => {
                let is_end = is_end(c, before) || begins_another(&text[length..], &link);
                if is_end || closes_another(c, link.len(), &mut open) {
                    break;
                }
                link.push(c);
            }
        }
        length += next_length;
    }
    // what follows a name in a bracket that has no end
    if let Some((_, at)) = open.first()
        && is_pdf(&link[..*at])
    {
        link.truncate(*at);
    }
    link.truncate(link.trim_end_matches(AFTER).len());
    (link, length)
}

/// The text up to what `is_end`, with white space in it, and its length. None if it ends before: with the line, at a quote, or
/// where it would be too long.
pub(super) fn up_to(text: &str, mut is_end: impl FnMut(&str) -> bool) -> Option<(String, usize)> {
    let (mut link, mut length) = (String::new(), 0);
    while !is_end(&text[length..]) {
        let (next, next_length) = unit(&text[length..])?;
        match next {
            Unit::Escaped(c) => link.push(c),
            Unit::Plain(c) if c != '\n' && !matches!(c, '<' | '>') => link.push(c),
            _ => return None,
        }
        length += next_length;
        if link.len() >= LONGEST_LINK {
            return None;
        }
    }
    Some((link, length))
}

fn is_end(c: char, before: Option<char>) -> bool {
    c.is_whitespace()
        || c.is_control()
        || ENDS.contains(&c)
        || matches!((c, before), ('\'', Some('\'')) | ('’', Some('‘')))
}

/// Whether something else begins after `link`: another link right behind `.pdf` or after a separator, or the type of a file, as in
/// BibTeX: `{:https\://a.example/a.pdf:PDF}`.
fn begins_another(rest: &str, link: &str) -> bool {
    if is_pdf(link) && starts_with(rest, ":pdf") {
        return true;
    }
    match rest.strip_prefix([',', ';']) {
        Some(next) => has_scheme(next),
        None => is_pdf(link) && (rest.starts_with('[') || has_scheme(rest)),
    }
}

/// Whether `c` closes a bracket that the link has not opened itself. `open` are the ends of those that it has, and where they
/// begin; this is `at`.
fn closes_another(c: char, at: usize, open: &mut Vec<(char, usize)>) -> bool {
    match c {
        '(' => open.push((')', at)),
        '[' => open.push((']', at)),
        '{' => open.push(('}', at)),
        '（' => open.push(('）', at)),
        ')' | ']' | '}' | '）' => return open.pop().is_none_or(|(end, _)| end != c),
        _ => {}
    }
    false
}

/// Whether `link` is a single link that ends in `.pdf`, however much white space is in it.
pub(super) fn has_one_pdf(link: &str) -> bool {
    let lower = link.to_ascii_lowercase();
    let schemes = lower.matches("://").count();
    is_pdf(&lower)
        && lower.matches(".pdf").count() == 1
        && schemes <= usize::from(lower.starts_with("http"))
}

fn is_pdf(name: &str) -> bool {
    let end = name.len().checked_sub(4).and_then(|end| name.get(end..));
    end.is_some_and(|end| end.eq_ignore_ascii_case(".pdf"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn targets_end_where_a_reader_sees_their_end() {
        for (text, expected) in [
            (
                "see http://a.example/x.pdf.",
                &["http://a.example/x.pdf"][..],
            ),
            (
                "file = {:https\\://a.example/c.pdf:PDF},",
                &["https://a.example/c.pdf"],
            ),
            (
                "(http://a.example/x_(1).pdf), HTTPS://b.example/y.pdf!",
                &["http://a.example/x_(1).pdf", "HTTPS://b.example/y.pdf"],
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
            (
                "http://a/x.pdf,http://a/y.pdf;http://a/z,1.pdfhttp://a/w.pdf",
                &[
                    "http://a/x.pdf",
                    "http://a/y.pdf",
                    "http://a/z,1.pdf",
                    "http://a/w.pdf",
                ],
            ),
            (
                "“http://a/x.pdf” «http://a/y.pdf» `http://a/z.pdf` ‘http://a/v.pdf’ „http://a/w.pdf“",
                &[
                    "http://a/x.pdf",
                    "http://a/y.pdf",
                    "http://a/z.pdf",
                    "http://a/v.pdf",
                    "http://a/w.pdf",
                ],
            ),
            (
                "见http://a/论文（1）.pdf。然后（http://a/y.pdf），好",
                &["http://a/论文（1）.pdf", "http://a/y.pdf"],
            ),
            (
                "<http://a/my file.pdf> \"http://a/b c.PDF\" \"http://a/x.pdf is y.pdf\" \"http://a/p has z.pdf, y.pdf\"",
                &[
                    "http://a/my file.pdf",
                    "http://a/b c.PDF",
                    "http://a/x.pdf",
                    "http://a/p",
                ],
            ),
            (
                "http://a/x.pdf[a label] http://a/y.pdf(see there)",
                &["http://a/x.pdf", "http://a/y.pdf"],
            ),
            ("http://a/x.pdf(see there and", &["http://a/x.pdf"]),
            (
                "[\"http:\\/\\/a\\/x.pdf?b=1\\u0026c=2\",\"https\\u003A\\u002F\\u002Fa\\u002Fy.pdf\"] \\\"http:\\\\/\\\\/a\\\\/z.pdf\\\"",
                &[
                    "http://a/x.pdf?b=1&c=2",
                    "https://a/y.pdf",
                    "http://a/z.pdf",
                ],
            ),
            (
                "url = {http://a/36\\_2/x{\\_}y.pdf}, url = \"http://a/\\~{}me/50\\%25\\&b.pdf\", \\url{http://a/{\\textasciitilde}you/z.pdf}",
                &[
                    "http://a/36_2/x_y.pdf",
                    "http://a/~me/50%25&b.pdf",
                    "http://a/~you/z.pdf",
                ],
            ),
            (
                "\\href{http://a/x\\#1.pdf}{the paper} {{http://a/y.pdf}} http://a/z.pdf\\\\ http://a/w.pdf\\par",
                &[
                    "http://a/x#1.pdf",
                    "http://a/y.pdf",
                    "http://a/z.pdf",
                    "http://a/w.pdf",
                ],
            ),
            (
                "http://a/x.pdf?a=1&amp;b=2&lt;",
                &["http://a/x.pdf?a=1&b=2"],
            ),
            ("http:/a http//b ht http", &[]),
        ] {
            assert_eq!(targets(text), expected, "{text}");
        }
    }

    #[test]
    fn a_line_of_names_is_a_listing() {
        for (line, expected) in [
            ("a.pdf,b.PDF\n", &["a.pdf", "b.PDF"][..]),
            (" - \"a.pdf\"\n", &["a.pdf"]),
            ("a.pdf b.txt", &[]),
            ("see a.pdf", &[]),
            ("\n", &[]),
        ] {
            assert_eq!(names(line), expected, "{line}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_searched_without_panic(text in "(https?://|\\]\\(|\\]: ?|[<>\"{}\\\\&]|\\.pdf|u00|amp;|[ -~]|\\PC){0,60}") {
            for target in targets(&text) {
                prop_assert!(!target.is_empty() && target.len() <= text.len());
            }
        }
    }
}
