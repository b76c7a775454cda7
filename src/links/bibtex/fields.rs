//! What is between the brackets of an entry: its key, and its fields, whose values are texts in braces or quotes, numbers and
//! abbreviations, joined by `#`.

use std::collections::HashMap;

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

    fn value(&self, name: &str) -> String {
        let lower = name.to_ascii_lowercase();
        match self.known.get(&lower) {
            Some(value) => value.clone(),
            None => name.to_owned(),
        }
    }
}

/// The key of an entry, and what follows it.
pub(super) fn key_of(body: &str) -> (&str, &str) {
    let end = body.find([',', '=', '\n', '{', '"']);
    let end = end.unwrap_or(body.len());
    match body.as_bytes().get(end) {
        Some(b',') => (&body[..end], &body[end + 1..]),
        // without a comma, the fields may begin on the next line
        Some(b'\n') if characters::trim(&body[..end]).is_empty() => {
            let inside = body.trim_start();
            match inside.is_empty() {
                true => ("", ""),
                false
                    if inside
                        .find([',', '=', '{', '"', '\n'])
                        .is_some_and(|at| inside.as_bytes()[at] == b',') =>
                {
                    key_of(inside)
                }
                false => ("", inside),
            }
        }
        Some(b'\n') => {
            let rest = body[end..].trim_start();
            (&body[..end], rest)
        }
        Some(_) => ("", body),
        None => (body, ""),
    }
}

/// The fields between the brackets of an entry, behind its key.
pub(super) struct Fields<'a> {
    rest: &'a str,
    counts_escaped: bool,
}

pub(super) type Field = Result<(String, String), String>;

impl<'a> Fields<'a> {
    pub(super) fn new(rest: &'a str, counts_escaped: bool) -> Self {
        Self {
            rest,
            counts_escaped,
        }
    }

    /// The next one, with its name in lower case. Nothing follows a problem.
    pub(super) fn next(&mut self, macros: &Macros) -> Option<Field> {
        loop {
            self.rest = self
                .rest
                .trim_start_matches(|c: char| characters::is_space(c) || c == ',');
            let Some(comment) = self.rest.strip_prefix('%') else {
                break;
            };
            self.rest = comment.split_once('\n').map_or("", |(_, rest)| rest);
        }
        if self.rest.is_empty() {
            return None;
        }
        let field = self.field(macros);
        if field.is_err() {
            self.rest = "";
        }
        Some(field)
    }

    fn field(&mut self, macros: &Macros) -> Field {
        let end = self
            .rest
            .find(['=', ',', '{', '}', '"', '#'])
            .unwrap_or(self.rest.len());
        let name = characters::trim(&self.rest[..end]);
        if name.is_empty()
            || !self.rest[end..].starts_with('=')
            || name.contains(char::is_whitespace)
        {
            let shown = brief(self.rest.lines().next().unwrap_or_default());
            return Err(format!("no field where one should be: `{shown}`"));
        }
        let name = name.to_ascii_lowercase();
        self.rest = self.rest[end + 1..].trim_start();
        let mut value = String::new();
        loop {
            let piece = self.piece(macros);
            value.push_str(
                &piece.ok_or_else(|| format!("`{name}` has no value, or one without an end"))?,
            );
            self.rest = self.rest.trim_start();
            match self.rest.strip_prefix('#') {
                Some(rest) => self.rest = rest.trim_start(),
                None => break,
            }
        }
        let next = self.rest.trim_start_matches(characters::is_space);
        let is_field = || {
            let end = next.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_'));
            let (word, after) = next.split_at(end.unwrap_or(next.len()));
            !word.is_empty() && after.trim_start().starts_with('=')
        };
        if next.is_empty() || next.starts_with([',', '%']) || is_field() {
            return Ok((name, value));
        }
        Err(format!(
            "something follows the value of `{name}`: is a brace or a quote missing?"
        ))
    }

    /// A text in braces or quotes, a number, or an abbreviation.
    fn piece(&mut self, macros: &Macros) -> Option<String> {
        let text = self.rest;
        let (value, length) = match text.as_bytes().first()? {
            b'{' => {
                let end = end_of(&text.as_bytes()[1..], b'}', self.counts_escaped)?;
                (text[1..=end].to_owned(), end + 2)
            }
            b'"' => {
                let end = end_of(&text.as_bytes()[1..], b'"', self.counts_escaped)?;
                (text[1..=end].to_owned(), end + 2)
            }
            b',' | b'}' => (String::new(), 0),
            _ => {
                let is_end =
                    |c: char| c.is_whitespace() || matches!(c, ',' | '#' | '}' | '{' | '"');
                let end = text.find(is_end).unwrap_or(text.len());
                (macros.value(&text[..end]), end)
            }
        };
        self.rest = &text[length..];
        Some(value)
    }
}

/// Where a value ends whose bracket or quote has been opened before `text`: outside of all braces.
fn end_of(text: &[u8], close: u8, counts_escaped: bool) -> Option<usize> {
    let (mut depth, mut is_escaped) = (0_usize, false);
    for (at, byte) in text.iter().enumerate() {
        let counts = counts_escaped || !is_escaped;
        match byte {
            byte if *byte == close && depth == 0 && counts => return Some(at),
            b'{' if counts => depth += 1,
            b'}' if counts => depth = depth.checked_sub(1)?,
            _ => {}
        }
        is_escaped = *byte == b'\\' && !is_escaped;
    }
    None
}
