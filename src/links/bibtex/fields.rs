//! What is between the brackets of an entry: its key, and its fields, whose values are texts in braces or quotes, numbers and
//! abbreviations, joined by `#`.
//!
//! They are kept as ranges of the text. Most of an entry is its abstract and other fields that nobody uses, so that a value is
//! put together when it is asked for.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use memchr::{memchr2, memchr3};

use super::super::entry::LONGEST_ENTRY;
use super::super::{brief, characters};

/// The most bytes of all abbreviations.
const LONGEST_MACROS: usize = LONGEST_ENTRY;

/// The abbreviations of a bibliography, in lower case.
#[derive(Default)]
pub(super) struct Macros {
    known: HashMap<String, String>,
    bytes: usize,
}

impl Macros {
    pub(super) fn add(&mut self, name: &str, value: String) {
        self.bytes += name.len() + value.len();
        if self.bytes < LONGEST_MACROS {
            self.known.insert(name.to_ascii_lowercase(), value);
        }
    }

    fn value<'a>(&'a self, name: &'a str) -> &'a str {
        if self.known.is_empty() {
            return name;
        }
        let known = self.known.get(&name.to_ascii_lowercase());
        known.map_or(name, String::as_str)
    }
}

/// The key and the fields of an entry.
#[derive(Default)]
pub(super) struct Body {
    pub(super) key: Range<usize>,
    fields: Vec<Field>,
    /// What is wrong behind the last field.
    pub(super) problem: Option<String>,
}

struct Field {
    name: Range<usize>,
    value: Piece,
    /// What `#` joins to it.
    more: Vec<Piece>,
}

/// A text, or the name of an abbreviation.
struct Piece {
    text: Range<usize>,
    is_macro: bool,
}

impl Body {
    /// What is in the `text` between the brackets of an entry.
    pub(super) fn of_entry(text: &str, counts_escaped: bool) -> Self {
        let (key, rest) = key_of(text);
        Self::read(text, key, rest, counts_escaped)
    }

    /// What is in the `text` between the brackets of `@string`, which has no key. What is wrong there breaks no entry.
    pub(super) fn of_macros(text: &str, counts_escaped: bool) -> Self {
        Self {
            problem: None,
            ..Self::read(text, 0..0, 0, counts_escaped)
        }
    }

    fn read(text: &str, key: Range<usize>, at: usize, counts_escaped: bool) -> Self {
        let mut parser = Parser {
            text,
            at,
            counts_escaped,
        };
        let (mut fields, mut problem) = (Vec::new(), None);
        while problem.is_none() && parser.is_at_field() {
            match parser.field() {
                Ok(field) => fields.push(field),
                Err(error) => problem = Some(error),
            }
        }
        Self {
            key,
            fields,
            problem,
        }
    }

    /// The names, in lower case, and the values of the fields in `text`, of which this has been read.
    pub(super) fn fields<'a>(
        &'a self,
        text: &'a str,
        macros: &'a Macros,
    ) -> impl Iterator<Item = (Cow<'a, str>, Value<'a>)> {
        self.fields.iter().map(move |field| {
            let name = &text[field.name.clone()];
            let value = Value {
                field,
                text,
                macros,
            };
            let is_upper = name.bytes().any(|byte| byte.is_ascii_uppercase());
            let lower = || Cow::Owned(name.to_ascii_lowercase());
            (if is_upper { lower() } else { name.into() }, value)
        })
    }
}

/// The value of a field.
#[derive(Clone, Copy)]
pub(super) struct Value<'a> {
    field: &'a Field,
    text: &'a str,
    macros: &'a Macros,
}

impl<'a> Value<'a> {
    /// Its text, as it is written there.
    pub(super) fn text(self) -> Cow<'a, str> {
        let piece = |piece: &Piece| {
            let text = &self.text[piece.text.clone()];
            if piece.is_macro {
                self.macros.value(text)
            } else {
                text
            }
        };
        let first = piece(&self.field.value);
        match &self.field.more[..] {
            [] => first.into(),
            more => Cow::Owned(
                more.iter()
                    .fold(first.to_owned(), |text, more| text + piece(more)),
            ),
        }
    }
}

/// The key of an entry, and where its fields begin. BibTeX takes all up to the comma for it, whatever it is.
fn key_of(body: &str) -> (Range<usize>, usize) {
    let end = body.find([',', '=', '\n', '\r']).unwrap_or(body.len());
    let behind = |at: usize| body.len() - body[at..].trim_start().len();
    match body.as_bytes().get(end) {
        Some(b',') => (0..end, end + 1),
        Some(b'=') => (0..0, 0),
        // without a comma, the fields may begin on the next line
        Some(_) if characters::trim(&body[..end]).is_empty() => {
            let inside = behind(0);
            let next = body[inside..].find([',', '=', '{', '"', '\n', '\r']);
            match next.map(|at| inside + at) {
                Some(end) if body.as_bytes()[end] == b',' => (inside..end, end + 1),
                _ => (0..0, inside),
            }
        }
        Some(_) => (0..end, behind(end)),
        None => (0..end, end),
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    counts_escaped: bool,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn skip(&mut self, is_skipped: impl Fn(char) -> bool) {
        self.at = self.text.len() - self.rest().trim_start_matches(is_skipped).len();
    }

    /// Whether anything follows what separates fields.
    fn is_at_field(&mut self) -> bool {
        loop {
            self.skip(|c| characters::is_space(c) || c == ',');
            if !self.rest().starts_with('%') {
                return !self.rest().is_empty();
            }
            let end = self.rest().find(['\n', '\r']);
            self.at += end.unwrap_or(self.rest().len());
        }
    }

    fn field(&mut self) -> Result<Field, String> {
        let rest = self.rest();
        let end = rest.find(['=', ',', '{', '}', '"', '#']);
        let end = end.unwrap_or(rest.len());
        let name = characters::trim(&rest[..end]);
        let is_named = !name.is_empty() && rest[end..].starts_with('=');
        if !is_named || name.contains(char::is_whitespace) {
            let shown = brief(rest.lines().next().unwrap_or_default());
            return Err(format!("expected `name = value`, found `{shown}`"));
        }
        // no space is before it
        let range = self.at..self.at + name.len();
        self.at += end + 1;
        let no_value = || format!("the value of `{name}` is missing or not closed");
        self.skip(char::is_whitespace);
        let value = self.piece().ok_or_else(no_value)?;
        let mut more = Vec::new();
        loop {
            self.skip(char::is_whitespace);
            if !self.rest().starts_with('#') {
                break;
            }
            self.at += 1;
            self.skip(char::is_whitespace);
            more.push(self.piece().ok_or_else(no_value)?);
        }
        if self.is_between_fields() {
            return Ok(Field {
                name: range,
                value,
                more,
            });
        }
        let name = name.to_ascii_lowercase();
        Err(format!(
            "unexpected text after the value of `{name}`: is a brace or a quote missing?"
        ))
    }

    /// Whether what follows a value is the end, or another field.
    fn is_between_fields(&self) -> bool {
        let next = self.rest().trim_start_matches(characters::is_space);
        if next.is_empty() || next.starts_with([',', '%']) {
            return true;
        }
        let end = next.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_'));
        let (word, after) = next.split_at(end.unwrap_or(next.len()));
        !word.is_empty() && after.trim_start().starts_with('=')
    }

    /// A text in braces or quotes, a number, or an abbreviation; none if it has no end.
    fn piece(&mut self) -> Option<Piece> {
        let (rest, begin) = (self.rest(), self.at);
        let close = match rest.as_bytes().first()? {
            b'{' => b'}',
            b'"' => b'"',
            b',' | b'}' => return Some(Piece::text(begin..begin)),
            _ => {
                let is_end =
                    |c: char| c.is_whitespace() || matches!(c, ',' | '#' | '}' | '{' | '"');
                self.at += rest.find(is_end).unwrap_or(rest.len());
                return Some(Piece {
                    text: begin..self.at,
                    is_macro: true,
                });
            }
        };
        let length = end_of(&rest.as_bytes()[1..], close, self.counts_escaped)?;
        self.at += length + 2;
        Some(Piece::text(begin + 1..begin + 1 + length))
    }
}

impl Piece {
    fn text(text: Range<usize>) -> Self {
        Self {
            text,
            is_macro: false,
        }
    }
}

/// Where a value ends whose bracket or quote has been opened before `text`: outside of all braces.
fn end_of(text: &[u8], close: u8, counts_escaped: bool) -> Option<usize> {
    let (mut depth, mut from) = (0_usize, 0);
    loop {
        let rest = &text[from..];
        let next = match close {
            b'}' => memchr2(b'{', b'}', rest),
            _ => memchr3(b'{', b'}', close, rest),
        };
        let at = from + next?;
        from = at + 1;
        if !counts_escaped && is_escaped(text, at) {
            continue;
        }
        match text[at] {
            byte if byte == close && depth == 0 => return Some(at),
            b'{' => depth += 1,
            b'}' => depth = depth.checked_sub(1)?,
            _ => {}
        }
    }
}

/// Whether a backslash is before the byte at `at`, and none before that.
pub(super) fn is_escaped(text: &[u8], at: usize) -> bool {
    let before = text[..at].iter().rev();
    before.take_while(|byte| **byte == b'\\').count() % 2 == 1
}
