//! The links in a line of a plain list or in a cell of a table, and where each one ends.
//!
//! People put several links on a line, quote them, number them, and write notes beside them. Servers, on the other hand, take
//! nearly any character in a URL, and browsers ask for `a b.pdf` and `g,h.pdf` as they are. So what is between two links belongs
//! to the first one, unless there is a reason against it:
//!
//! - A link begins at a scheme behind white space, `,`, `;`, `|`, a quote or a bracket, and nowhere else: an archive, a proxy or
//!   a query may have a URL inside of its own.
//! - A comma in a query goes on with the query, as in `?u=http://a,http://b`, unless the next link is to the same place as the
//!   first: a list of links through a proxy.
//! - A quote or a bracket before a link ends it where it is closed. One that only closes is not part of it, and neither is a
//!   separator behind it, nor a comment.
//! - Behind `.pdf` nothing is part of a path, except path parameters such as `;jsessionid=…`, brackets and quotes that close what
//!   the link has opened, what leads on as in `x.pdf,v2/download`, and what ends in `.pdf` again. In a path without it, `, ` with
//!   its space is the end, or a comma before words: cells of a table without a header. If another cell is before the link, the
//!   same separator ends it.
//! - A string of JSON or a cell of a table says itself where it ends. If it has one link, it is one (see [`only`]).

use super::characters::{is_space, trim};
use super::{LONGEST_LINK, input, starts_with};

/// What tables have in cells without a link, besides nothing.
const NO_LINK: [&str; 8] = ["-", "–", "n/a", "na", "nan", "nil", "none", "null"];

/// Characters that separate links, besides white space.
const SEPARATORS: &[char] = &[',', ';', '|', '，', '；', '、'];

/// Characters that open what a link may be in.
const OPENERS: &[char] = &[
    '"', '\'', '`', '<', '(', '[', '{', '“', '„', '‘', '«', '‹', '（', '【', '「',
];

/// Characters that are in no link, so that one may begin right behind them.
const NEVER_INSIDE: &[char] = &['"', '<', '>', '“', '”', '„', '«', '»'];

/// Whether `text` is a single link that nothing surrounds, as in nearly all lists: a quick look that need not see all of them.
pub(super) fn is_single(text: &[u8]) -> bool {
    let is_usual = |byte: &u8| {
        byte.is_ascii_alphanumeric()
            || matches!(
                byte,
                b'/' | b'.' | b'-' | b'_' | b':' | b'%' | b'=' | b'&' | b'?' | b'~' | b'+'
            )
    };
    let scheme = match text {
        [b'h', b't', b't', b'p', b's', b':', b'/', b'/', ..] => 8,
        [b'h', b't', b't', b'p', b':', b'/', b'/', ..] => 7,
        _ => return false,
    };
    text[scheme..].iter().all(is_usual)
        && text
            .last()
            .is_some_and(|last| last.is_ascii_alphanumeric() || matches!(last, b'/' | b'='))
}

/// Whether `text` begins with the scheme of a link.
pub(super) fn begins_link(text: &[u8]) -> bool {
    let begins = |scheme: &[u8]| {
        let start = text.get(..scheme.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    };
    begins(b"http://") || begins(b"https://")
}

/// The links in `text`, in order, each without what surrounds it. They may have any scheme.
pub(super) fn links(text: &str) -> Vec<&str> {
    let mut starts: Vec<Start> = Vec::new();
    for (colon, _) in text.match_indices("://") {
        let Some(start) = start(text, colon, starts.is_empty()) else {
            continue;
        };
        let is_inside = starts
            .last()
            .is_some_and(|last| continues(text, last, &start));
        if !is_inside {
            starts.push(start);
        }
    }
    // a comment may quote a link
    let comment = starts.first().and_then(|first| comment(text, first.at));
    let end = comment.unwrap_or(text.len());
    starts.retain(|start| start.at < end);
    let ends = starts.iter().skip(1).map(|next| next.before).chain([end]);
    let links = starts.iter().zip(ends).map(|(start, end)| {
        let end = end.max(start.at);
        trimmed(&text[start.at..end], start)
    });
    links.collect()
}

/// The link that a delimited value is as a whole: a string of JSON, or a cell of a table. `None` if there are several links, other
/// fields or a comment in it, or if only a note is behind `.pdf`.
pub(super) fn only(value: &str) -> Option<&str> {
    let value = trim(value);
    if !begins_link(value.as_bytes()) || value.contains('\t') || comment(value, 0).is_some() {
        return None;
    }
    let links = links(value);
    let [link] = links[..] else {
        return None;
    };
    let is_noted = is_pdf(link) && !value[link.len()..].contains('/');
    Some(if is_noted { link } else { value })
}

/// The links in `text` that have no scheme, the last one first; none if there is anything else in it.
pub(super) fn without_scheme(text: &str) -> Vec<&str> {
    let is_between = |c: char| {
        is_space(c) || SEPARATORS.contains(&c) || OPENERS.contains(&c) || NEVER_INSIDE.contains(&c)
    };
    let words = text.split(is_between).filter(|word| !word.is_empty());
    let links = words
        .rev()
        .map(|word| input::with_scheme(word).map(|_| word));
    links.collect::<Option<_>>().unwrap_or_default()
}

/// Where a link begins.
struct Start {
    at: usize,
    /// Where the quotes and brackets before it begin.
    before: usize,
    /// The last of them.
    opener: Option<char>,
    /// The separator before it, if there is nothing between them.
    separator: Option<char>,
    /// Whether it is the first one.
    is_first: bool,
}

/// The beginning of the link with the scheme before `colon`, if it is one.
fn start(text: &str, colon: usize, is_first: bool) -> Option<Start> {
    let head = &text[..colon];
    let lower = |n: usize| head.get(head.len().checked_sub(n)?..);
    let is = |scheme: &str| lower(scheme.len()).is_some_and(|end| end.eq_ignore_ascii_case(scheme));
    let at = if is("https") {
        colon - 5
    } else if is("http") {
        colon - 4
    } else {
        let part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
        let scheme = head.trim_end_matches(part).len();
        let letter = head[scheme..].find(|c: char| c.is_ascii_alphabetic())?;
        scheme + letter
    };
    let before = &text[..at];
    let outside = before.trim_end_matches(OPENERS);
    let opener = before[outside.len()..].chars().next_back();
    let (last, next) = (outside.chars().next_back(), before.chars().next_back());
    let separator = |c: char| is_space(c) || SEPARATORS.contains(&c) || NEVER_INSIDE.contains(&c);
    let is_markdown = outside.ends_with(']') && opener == Some('(');
    // `1.http://…`
    let is_numbered = is_first && !before.contains(|c: char| c.is_alphabetic() || c == '/');
    let begins = last.is_none_or(separator)
        || next.is_some_and(|c| NEVER_INSIDE.contains(&c))
        || is_markdown
        || is_numbered;
    begins.then_some(Start {
        at,
        before: outside.len(),
        opener,
        separator: last.filter(|c| opener.is_none() && SEPARATORS.contains(c)),
        is_first,
    })
}

/// Whether the link at `next` is part of the query of the one at `last`.
fn continues(text: &str, last: &Start, next: &Start) -> bool {
    let link = &text[last.at..next.at];
    let query = link.find('?').map(|at| &link[at..]);
    if next.separator.is_none() || !query.is_some_and(|query| query.contains("://")) {
        return false;
    }
    let authority = link.find("://").map_or(0, |at| at + 3);
    let path = link[authority..].find(['/', '?']);
    let origin = &link[..authority + path.unwrap_or(0)];
    !starts_with(&text[next.at..], origin)
}

/// Where a comment begins behind the link at `link`: at white space and `#`.
fn comment(text: &str, link: usize) -> Option<usize> {
    let mut marks = text[link..].match_indices('#');
    marks.find_map(|(at, _)| {
        let before = &text[..link + at];
        let trimmed = before.trim_end_matches(is_space);
        (trimmed.len() < before.len()).then_some(trimmed.len())
    })
}

/// The link that begins at `start`, without what is behind it.
fn trimmed<'a>(text: &'a str, start: &Start) -> &'a str {
    let closed = match start.opener {
        Some('"') => text.find('"'),
        Some('<') => text.find('>'),
        Some('`') => text.find('`'),
        Some('\'') => apostrophe(text),
        Some('“' | '„') => text.find(['”', '“']),
        Some('‘') => text.rfind('’'),
        Some('«') => text.find('»'),
        Some('‹') => text.find('›'),
        Some('(' | '[' | '{') => closer(text),
        Some('（') => text.find('）'),
        Some('【') => text.find('】'),
        Some('「') => text.find('」'),
        _ => None,
    };
    let text = match closed {
        Some(end) if matches!(start.opener, Some('(' | '[' | '{')) => {
            without_label(&text[..end], start)
        }
        Some(end) => &text[..end],
        None => &text[..end(text, start)],
    };
    without_tail(text)
}

/// The link in brackets, without the title of Markdown or a label behind it: `(http://a.example/a "title")`.
fn without_label<'a>(text: &'a str, start: &Start) -> &'a str {
    let text = text.find(" \"").map_or(text, |title| &text[..title]);
    let link = &text[..end(text, start)];
    if is_pdf(link) { link } else { text }
}

/// Where a quote closes that is an apostrophe, too.
fn apostrophe(text: &str) -> Option<usize> {
    let mut marks = text.match_indices('\'').map(|(at, _)| at);
    marks.find(|at| {
        let next = text[at + 1..].chars().next();
        next.is_none_or(|c| is_space(c) || SEPARATORS.contains(&c))
    })
}

/// Where a bracket closes that `text` has not opened.
fn closer(text: &str) -> Option<usize> {
    let mut open = 0u32;
    let mut characters = text.char_indices();
    characters.find_map(|(at, c)| {
        match c {
            '(' | '[' | '{' => open += 1,
            ')' | ']' | '}' if open == 0 => return Some(at),
            ')' | ']' | '}' => open -= 1,
            _ => {}
        }
        None
    })
}

/// Where a link ends that no quotes or brackets surround, apart from punctuation.
fn end(text: &str, start: &Start) -> usize {
    let path = text.find(['?', '#']);
    if path.is_some_and(|at| !text[..at].contains(is_space)) {
        // anything may be in a query
        return text.len();
    }
    let text = text.trim_end_matches(|c| is_space(c) || SEPARATORS.contains(&c));
    // behind another cell of a table, the link is one, too
    let same = start.separator.filter(|_| start.is_first);
    let mut last = None;
    for (at, _) in text
        .match_indices('.')
        .filter(|(at, _)| starts_with(&text[*at..], ".pdf"))
    {
        let end = with_closers(text, at + ".pdf".len());
        let behind = &text[end..];
        let Some(next) = behind.chars().next() else {
            return end;
        };
        let ends = is_space(next) || SEPARATORS.contains(&next) || "\"'>)]}”»）".contains(next);
        if ends && (same == Some(next) || !goes_on(behind)) {
            if is_strong(behind) {
                return end;
            }
            last = Some(end);
        }
    }
    if let Some(end) = last {
        return end;
    }
    if let Some(end) = same.and_then(|separator| text.find(separator)) {
        return end;
    }
    let slash = text
        .match_indices('/')
        .nth(2)
        .map_or(text.len(), |(at, _)| at);
    let (last_slash, last_space) = (text.rfind('/'), text.rfind(is_space));
    let mut separators = text[slash..].match_indices(SEPARATORS);
    let cell = separators.find(|(at, _)| {
        let at = slash + at;
        let has_words = last_space > Some(at) && last_slash < Some(at);
        has_words || (is_strong(&text[at..]) && !leads_on(&text[at..]))
    });
    cell.map_or(text.len(), |(at, _)| slash + at)
}

/// The end of the link in `text` that is known up to `end`, with the brackets and quotes that close what is open in it.
fn with_closers(text: &str, mut end: usize) -> usize {
    while let Some(next) = text[end..].chars().next().filter(|_| end < LONGEST_LINK) {
        let count = |c: char| text[..end].matches(c).count();
        let is_own = match next {
            ')' => count('(') > count(')'),
            ']' => count('[') > count(']'),
            '}' => count('{') > count('}'),
            '\'' => count('\'') % 2 == 1,
            _ => false,
        };
        if !is_own {
            break;
        }
        end += next.len_utf8();
    }
    end
}

/// Whether a path goes on `behind` its `.pdf`: with parameters, as in `;jsessionid=1` and `,property=pub`, or as in `,v2/download`.
fn goes_on(behind: &str) -> bool {
    let Some(separator) = behind.chars().next().filter(|c| SEPARATORS.contains(c)) else {
        return false;
    };
    let rest = &behind[separator.len_utf8()..];
    let parameter = rest.split([';', ',', '/', ' ']).next();
    let is_parameter = parameter.is_some_and(|text| text.contains('='));
    (matches!(separator, ';' | ',') && is_parameter)
        || (!rest.contains(|c| is_space(c) || SEPARATORS.contains(&c)) && leads_on(behind))
}

/// Whether a path goes on behind the separator that `text` begins with. Dates, DOIs, media types and paths of files are cells.
fn leads_on(text: &str) -> bool {
    let mut characters = text.chars();
    characters.next();
    let rest = characters.as_str();
    let word = || rest.rsplit(is_space).next();
    let is_cell = |first: &str| {
        first == "application"
            || first
                .bytes()
                .all(|byte| byte.is_ascii_digit() || byte == b'.')
    };
    let is_path = |word: &str| matches!(word.split_once('/'), Some((first, _)) if !is_cell(first));
    !rest.contains(SEPARATORS) && word().is_some_and(is_path)
}

/// Whether `text` begins with a separator and white space.
fn is_strong(text: &str) -> bool {
    let mut characters = text.trim_start_matches(is_space).chars();
    let is_separator = characters.next().is_some_and(|c| SEPARATORS.contains(&c));
    is_separator && characters.next().is_none_or(is_space)
}

/// `link` without punctuation at its end.
fn without_tail(link: &str) -> &str {
    /// The most characters of it: a longer tail is no punctuation.
    const MOST: usize = 32;
    let mut link = trim(link);
    for _ in 0..MOST {
        let Some(last) = link.chars().next_back() else {
            break;
        };
        let shorter = &link[..link.len() - last.len_utf8()];
        let unopened = |open: char| link.matches(open).count() < link.matches(last).count();
        let is_tail = match last {
            ')' => unopened('('),
            ']' => unopened('['),
            '}' => unopened('{'),
            '.' | '。' => is_pdf(shorter),
            '\\' => shorter.ends_with(is_space),
            '"' | '\'' | '>' | '“' | '”' | '’' | '»' | '›' | '）' | '】' | '」' => true,
            c => SEPARATORS.contains(&c),
        };
        if !is_tail {
            break;
        }
        link = trim(shorter);
    }
    link
}

/// Whether the path of a link ends in `.pdf`.
pub(super) fn is_pdf_link(link: &str) -> bool {
    let path = link.split(['?', '#']).next();
    begins_link(link.as_bytes()) && path.is_some_and(is_pdf)
}

/// Whether `path` ends in `.pdf`, whatever the case.
pub(super) fn is_pdf(path: &str) -> bool {
    let suffix = path.get(path.len().saturating_sub(4)..);
    suffix.is_some_and(|suffix| suffix.eq_ignore_ascii_case(".pdf"))
}

/// The links in a cell, or what is there in place of one; empty if the cell says that there is none.
pub(super) fn links_of(cell: &str) -> Vec<&str> {
    let cell = trim(cell);
    let mut says_none = NO_LINK.iter().map(|word| cell.eq_ignore_ascii_case(word));
    if cell.is_empty() || says_none.any(|is_same| is_same) {
        return Vec::new();
    }
    if let Some(link) = only(cell) {
        return vec![link];
    }
    let links = links(cell);
    if links.is_empty() { vec![cell] } else { links }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn links_end_where_a_person_sees_their_end() {
        let a = "http://a.example/a.pdf";
        let b = "https://b.example/b.pdf";
        for between in [
            " ",
            "  ",
            ",",
            ", ",
            ";",
            " ; ",
            "|",
            " | ",
            "，",
            "、",
            "\u{200b}",
            "\u{feff}",
            "\",\"",
            "> <",
            "><",
            "' '",
            " and ",
            ") (",
            "](x) [y](",
            ". ",
            ", Title, ",
            " - ",
            " (mirror) ",
        ] {
            assert_eq!(links(&format!("{a}{between}{b}")), [a, b], "{between:?}");
        }
        for (before, behind) in [
            ("- ", ""),
            ("* ", ""),
            ("• ", ""),
            ("1. ", ""),
            ("1.", ""),
            ("2) ", ""),
            ("[3] ", ""),
            ("> ", ""),
            ("\"", "\""),
            ("'", "',"),
            ("“", "”."),
            ("„", "“"),
            ("<", ">"),
            ("<", ">, "),
            ("[x](", ")"),
            ("(see ", ")."),
            ("[x](", " \"Title (draft)\")"),
            ("[", " label]"),
            ("(", ", p. 3)"),
            ("[[", "][title]]"),
            ("", ","),
            ("", ";"),
            ("", "\""),
            ("", "'"),
            ("", ")"),
            ("", "]"),
            ("", "  # mine"),
            ("", "\t#mine http://c.example/c.pdf"),
            ("", " Title of the paper"),
            ("", ",Title"),
            ("", ", Title"),
            ("", " | Title"),
            ("", "."),
            ("", ";Title 3;2020"),
            ("Title, ", ""),
            ("Smith 2020 ", ""),
            ("\"A, \"\"B\"\"\",", ""),
            ("curl -O ", " \\"),
            ("", ",2020"),
            ("", ",2020/05/01"),
            ("", ",10.1000/xyz"),
            ("", ",application/pdf"),
            ("", ",application/pdf,200"),
            ("", ",/papers/a"),
            ("", ",Title and/or subtitle"),
            ("", " (12/2020)"),
            ("A,", ",B/C"),
            ("{", "}"),
            ("`", "`"),
            ("«", "»"),
        ] {
            assert_eq!(
                links(&format!("{before}{a}{behind}")),
                [a],
                "{before:?} {behind:?}"
            );
        }
    }

    #[test]
    fn links_end_with_the_cell_or_brackets_that_they_are_in() {
        for (text, expected) in [
            (
                "https://arxiv.org/pdf/2101.00001,Attention is all you need",
                "https://arxiv.org/pdf/2101.00001",
            ),
            ("https://a.example/1, Title", "https://a.example/1"),
            ("(http://a.example/x_(1).pdf)", "http://a.example/x_(1).pdf"),
            ("<http://a.example/a b>", "http://a.example/a b"),
            ("[x](http://a.example/a b)", "http://a.example/a b"),
            (
                "[x](http://a.example/a 'b.pdf \"c\")",
                "http://a.example/a 'b.pdf",
            ),
            ("A;http://a.example/1;2020", "http://a.example/1"),
            ("A,http://a.example/1,B", "http://a.example/1"),
            ("A,http://a.example/g,h.pdf", "http://a.example/g,h.pdf"),
            ("http://a.example/(x.pdf) Title", "http://a.example/(x.pdf)"),
            ("http://a.example/1, 5/2020", "http://a.example/1"),
        ] {
            assert_eq!(links(text), [expected]);
        }
    }

    #[test]
    fn what_belongs_to_a_link_stays() {
        for text in [
            "http://a.example/g,h.pdf",
            "http://a.example/a b.pdf",
            "http://a.example/c[01:40].pdf?x=[1]&y={2}|3",
            "http://a.example/d|e.pdf",
            "http://a.example/f{1}^`.pdf",
            "http://a.example/100%.pdf",
            "http://a.example/x_(1)",
            "http://a.example/a;b,c|d",
            "http://a.example/x.pdf;jsessionid=1A",
            "http://a.example/x.pdf,property=pub,template=raw",
            "http://a.example/x.pdf?title=My paper, part 2",
            "http://a.example/web/GetFile('/sites/x/y.pdf')/$value",
            "http://a.example/get(x.pdf)/download",
            "http://a.example/(x.pdf)",
            "http://a.example/doc/[x.pdf]/raw",
            "http://a.example/x.pdf,v2/download",
            "http://a.example/x.pdf;version/raw",
            "http://a.example/x.pdf|v2/raw",
            "http://a.example/Smith, A/thesis",
            "https://web.archive.org/web/2020/https://x.example/y.pdf",
            "https://proxy.example/login?url=https://x.example/y.pdf",
            "http://a.example/?u=http://b.example,http://c.example",
            "http://res.example/image/w_300,h_200/v1/a.pdf",
            "http://7.example/7,75398,123.html",
            "HTTP://A.EXAMPLE/X.PDF",
            "ftp://a.example/x",
            "gopher-x://a",
        ] {
            assert_eq!(links(text), [text]);
        }
        let proxied = "https://p.example/login?url=https://x.example/1.pdf";
        assert_eq!(links(&format!("{proxied},{proxied}")), [proxied; 2]);
        for none in [
            "",
            "Title",
            "user@host",
            "a/b.pdf",
            "x=http:/a",
            "://",
            "host/?u=http://a.example",
        ] {
            assert_eq!(links(none), [""; 0], "{none}");
        }
    }

    #[test]
    fn a_value_with_one_link_is_that_link() {
        for (value, expected) in [
            ("http://a.example/x, 1", Some("http://a.example/x, 1")),
            (" http://a.example/x) ", Some("http://a.example/x)")),
            ("http://a.example/x,", Some("http://a.example/x,")),
            ("http://a.example/no 1; 2", Some("http://a.example/no 1; 2")),
            (
                "http://a.example/x.pdf (draft)/get",
                Some("http://a.example/x.pdf (draft)/get"),
            ),
            (
                "http://a.example/x.pdf, Title",
                Some("http://a.example/x.pdf"),
            ),
            ("http://a.example/1, http://a.example/2", None),
            ("http://a.example/1  # mine", None),
            ("<http://a.example/1>", None),
            ("Title", None),
        ] {
            assert_eq!(only(value), expected, "{value}");
        }
    }

    proptest! {
        #[test]
        fn single_links_are_links(text in "https?://[a-z]{1,5}[-a-z/.?&=%~+_:]{0,20}[a-z]") {
            prop_assume!(is_single(text.as_bytes()) && text.matches("://").count() == 1);
            prop_assert_eq!(links(&text), [text.as_str()]);
        }

        #[test]
        fn links_are_parts_of_the_text(text in "(https?://|[ -~]|\\PC|[,;|\"'<>()]){0,60}") {
            for link in links(&text) {
                prop_assert!(text.contains(link));
            }
        }
    }
}
