//! Characters of links as they are written in text: as they are, or escaped for JSON, Markdown, TeX or HTML.
//!
//! | written | where | read |
//! | --- | --- | --- |
//! | `\/`, `\u0026`, `\ud83d\ude00`, `\x26` | JSON, scripts | `/`, `&`, `😀`, `&` |
//! | `\_`, `\(` | Markdown, TeX | `_`, `(` |
//! | `{\_}`, `\~{}`, `{\textasciitilde}`, `$\sim$` | BibTeX | `_`, `~` |
//! | `&amp;`, `&#38;` | HTML | `&` |
//!
//! A text does not say what it is, and may be several of them at once: BibTeX in JSON. All are therefore read everywhere; none
//! of them means anything else in a link. An escape that is none of these, or that stands for a quote or white space, ends it.

/// A character of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// As it is.
    Plain(char),
    /// Escaped, so that it is part of the link, whatever it is.
    Escaped(char),
    /// Not part of a link.
    End,
}

/// What escapes stand for in TeX, by their names.
const NAMES: [(&str, char); 6] = [
    ("textasciitilde", '~'),
    ("textasciicircum", '^'),
    ("textunderscore", '_'),
    ("string", '~'),
    ("slash", '/'),
    ("sim", '~'),
];

/// Characters that a backslash keeps from being anything else.
const PUNCTUATION: &str = "/_%&#~$-.()[]{}*+!:=?@,;^";

/// The most backslashes of one escape.
const MOST_NESTED: usize = 8;

/// Those of them that have more than one backslash where texts are nested.
const NESTED: &str = "/_%&#~";

/// The first character of `text`, and the length of what stands for it in bytes; `None` at the end.
pub(super) fn unit(text: &str) -> Option<(Unit, usize)> {
    let first = text.chars().next()?;
    let read = match first {
        '\\' => Some(escape(text).map_or((Unit::End, 1), |(c, length)| (Unit::Escaped(c), length))),
        '{' => group(text),
        '$' => text
            .strip_prefix("$\\sim$")
            .map(|rest| (Unit::Escaped('~'), text.len() - rest.len())),
        '&' => entity(text),
        _ => None,
    };
    Some(read.unwrap_or((Unit::Plain(first), first.len_utf8())))
}

/// The character that `text` begins with, which begins with a backslash, and the length of its escape; none if it is not part
/// of a link.
fn escape(text: &str) -> Option<(char, usize)> {
    let slashes = text
        .bytes()
        .take(MOST_NESTED + 1)
        .take_while(|byte| *byte == b'\\');
    let slashes = slashes.count();
    let escaped = &text[slashes..];
    let c = escaped.chars().next()?;
    let (c, length) = match c {
        'u' => unicode(escaped, &text[..slashes])?,
        'x' => (code(escaped.get(1..3)?)?, 3),
        c if c.is_ascii_alphabetic() => name(escaped)?,
        '~' | '^' => (c, 1 + empty_group(&escaped[1..])),
        c if c.is_ascii_punctuation() => (c, 1),
        _ => return None,
    };
    let known = if slashes == 1 { PUNCTUATION } else { NESTED };
    let is_known = known.contains(c) || c.is_alphanumeric() || u32::from(c) > 0xffff;
    is_known.then_some((c, slashes + length))
}

/// The character of `u0041`, or of a pair such as `ud83d\ude00` with `slashes` between, and its length.
fn unicode(text: &str, slashes: &str) -> Option<(char, usize)> {
    const LENGTH: usize = "u0041".len();
    let digits = text.get(1..LENGTH)?;
    if let Some(c) = code(digits) {
        return Some((c, LENGTH));
    }
    let second = text[LENGTH..].strip_prefix(slashes)?.strip_prefix('u')?;
    let is_hex = |digits: &str| digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let half = |digits| {
        u16::from_str_radix(digits, 16)
            .ok()
            .filter(|_| is_hex(digits))
    };
    let pair = [half(digits)?, half(second.get(..4)?)?];
    let c = char::decode_utf16(pair).next()?.ok()?;
    Some((c, 2 * LENGTH + slashes.len()))
}

/// The character with this number in hexadecimal.
fn code(digits: &str) -> Option<char> {
    let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let number = u32::from_str_radix(digits, 16).ok().filter(|_| is_hex)?;
    char::from_u32(number)
}

/// The character of an escape with a name, and its length. What follows the name ends it: `{}`, or a space.
fn name(text: &str) -> Option<(char, usize)> {
    let (name, c) = NAMES.iter().find(|(name, _)| text.starts_with(name))?;
    let rest = &text[name.len()..];
    // `\string~` is what makes TeX print it
    let length = match (*name, rest.chars().next()) {
        ("string", Some('~')) => 1,
        ("string", _) => return None,
        (_, Some(next)) if next.is_ascii_alphabetic() => return None,
        (_, Some(' ')) => 1,
        _ => empty_group(rest),
    };
    Some((*c, name.len() + length))
}

fn empty_group(text: &str) -> usize {
    if text.starts_with("{}") { 2 } else { 0 }
}

/// An escape in braces.
fn group(text: &str) -> Option<(Unit, usize)> {
    let inside = text.strip_prefix('{')?;
    let escaped = unit(inside).filter(|_| inside.starts_with(['\\', '$']));
    let (Unit::Escaped(c), length) = escaped? else {
        return None;
    };
    let is_closed = inside[length..].starts_with('}');
    is_closed.then_some((Unit::Escaped(c), length + 2))
}

/// A character reference. Those of quotes and angle brackets are around a link.
fn entity(text: &str) -> Option<(Unit, usize)> {
    const LONGEST: usize = "&#x00026".len();
    let end = text
        .bytes()
        .take(LONGEST + 1)
        .position(|byte| byte == b';')?;
    let name = &text[1..end];
    let number = name
        .strip_prefix('#')
        .and_then(|number| match number.strip_prefix(['x', 'X']) {
            Some(digits) => code(digits),
            None => char::from_u32(number.parse().ok()?),
        });
    let unit = match (name, number) {
        ("amp", _) | (_, Some('&')) => Unit::Escaped('&'),
        ("lt" | "gt" | "quot" | "apos" | "nbsp", _) => Unit::End,
        (_, Some(c)) if PUNCTUATION.contains(c) || c.is_alphanumeric() => Unit::Escaped(c),
        (_, Some(_)) => Unit::End,
        _ => return None,
    };
    Some((unit, end + 1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What is read of `text` up to the end of a link.
    fn read(text: &str) -> String {
        let (mut read, mut rest) = (String::new(), text);
        while let Some((Unit::Plain(c) | Unit::Escaped(c), length)) = unit(rest) {
            read.push(c);
            rest = &rest[length..];
        }
        read
    }

    #[test]
    fn escapes_are_read() {
        for (text, expected) in [
            ("a\\_b{\\_}c\\%d\\&e\\#f", "a_b_c%d&e#f"),
            (
                "\\~{}a{\\textasciitilde}b\\textasciitilde{}c\\textasciitilde d",
                "~a~b~c~d",
            ),
            ("$\\sim$a{$\\sim$}b\\string~c{\\~{}}d", "~a~b~c~d"),
            ("a\\/b\\u0026c\\u002Fd\\u00e9\\x26", "a/b&c/dé&"),
            ("a\\\\/b\\\\\\/c\\\\_d\\\\u0026e", "a/b/c_d&e"),
            ("a\\ud83d\\ude00b\\\\ud840\\\\udc0b", "a😀b𠀋"),
            ("a\\(b\\)\\[c\\]", "a(b)[c]"),
            ("a&amp;b&#38;c&#x26;d&x=1", "a&b&c&d&x=1"),
            ("{1}{\\x}", "{1}{"),
            ("a\\\"b", "a"),
            ("a\\nb", "a"),
            ("a\\\\ b", "a"),
            ("a\\u0022b", "a"),
            ("a\\u003cb", "a"),
            ("a&quot;b", "a"),
            ("a&lt;b", "a"),
            ("a\\", "a"),
            ("a\\ud83db", "a"),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_to_its_end(text in "(\\\\\\\\|[{}$&;#xu_~/]|amp|sim|[0-9a-f]{4}|\\PC){0,40}") {
            let mut rest = text.as_str();
            while let Some((_, length)) = unit(rest) {
                prop_assert!(length > 0);
                rest = &rest[length..];
            }
            prop_assert!(rest.is_empty());
        }
    }
}
