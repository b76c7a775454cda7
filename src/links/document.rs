//! JSON documents of any length: an array, an object over several lines, or several of them one after the other.
//!
//! The elements of an array are read one at a time. An object is read as a whole, and [`json`] finds what has links in
//! it. One that does not end soon is a frame around an array, such as `{"meta": {…}, "results": [{…}, {…}]}`: from then on, what
//! is in its arrays is read one at a time, too.
//!
//! ```text
//!  [ value , value ]            open = "["
//!  { "a": { "b": [ value        open = "{{[", once the object has turned out to be long
//! ```

use std::io::{self, Cursor, ErrorKind, Read};
use std::{iter, mem};

use memchr::memchr_iter;

use super::carried::carry;
use super::compressed::Source;
use super::plain::{Found, read_value};
use super::{Context, Item, LONGEST_OBJECT, characters, is_no_link, json};
use crate::line::fill;

/// An object that has not ended after so many bytes is a frame around its arrays.
const LONG: usize = 4 * 1024 * 1024;

/// The most brackets that are open around a value.
const DEEPEST: usize = 100;

/// Whether a list is a JSON document, and not an object or a link per line.
pub(super) fn is_one(beginning: &str) -> bool {
    let text = beginning.trim_start_matches(characters::is_space);
    if text.starts_with('[') {
        let inside = text.trim_start_matches(|c: char| c == '[' || c.is_whitespace());
        return inside.starts_with(['{', '"'])
            || inside.trim_matches([']', ' ', '\n', '\r']).is_empty();
    }
    let mut lines = text
        .split(['\n', '\r'])
        .map(characters::trim)
        .filter(|line| !line.is_empty());
    let Some(first) = lines.next().filter(|first| first.starts_with('{')) else {
        return false;
    };
    let goes_on = first.trim_end().ends_with(['{', '[', ',', ':']) && !is_balanced(first);
    let next = lines.next().unwrap_or_default().trim_start();
    is_frame(text) || goes_on && next.starts_with(['"', '{', '[', '}', ']'])
}

/// Whether all brackets of a JSON text are closed.
pub(super) fn is_balanced(text: &str) -> bool {
    let (mut depth, mut in_text, mut is_escaped) = (0, false, false);
    for byte in text.bytes() {
        match byte {
            _ if mem::take(&mut is_escaped) => {}
            b'\\' if in_text => is_escaped = true,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => depth += 1,
            b'}' | b']' if !in_text => depth -= 1,
            _ => {}
        }
    }
    depth == 0 && !in_text
}

/// Whether an object that begins with `text` is a frame around objects in an array: `{"results": [{…}, {…}, …`, on a line of its own.
fn is_frame(text: &str) -> bool {
    let (mut open, mut inside, mut in_text, mut is_escaped) = (Vec::new(), 0, false, false);
    for byte in text.bytes() {
        match byte {
            _ if mem::take(&mut is_escaped) => {}
            b'\\' if in_text => is_escaped = true,
            b'"' => in_text = !in_text,
            _ if in_text => {}
            b'{' | b'[' => open.push(byte),
            b'}' | b']' => {
                open.pop();
                inside += u32::from(is_array(&open) && byte == b'}');
            }
            b'\n' | b'\r' => return false,
            _ => {}
        }
    }
    let objects = open.iter().take_while(|bracket| **bracket == b'{').count();
    inside > 0 && open.get(objects) == Some(&b'[')
}

/// Whether the last one of these brackets is an array, and the others are objects.
fn is_array(open: &[u8]) -> bool {
    matches!(open, [objects @ .., b'['] if !objects.is_empty() && objects.iter().all(|bracket| *bracket == b'{'))
}

/// The links of a document.
pub(super) fn links(source: Source, context: Context) -> impl Iterator<Item = Item> {
    let mut values = Values {
        source,
        line: context.lines_before + 1,
        after_cr: false,
        open: Vec::new(),
    };
    let mut found = Found::new();
    iter::from_fn(move || {
        loop {
            if let Some(link) = found.pop_front() {
                return Some(Ok(link));
            }
            match values.next() {
                Ok(Some((line, value))) => {
                    read(&value, line, &context, &mut found);
                    carry(&value, &context, &mut found);
                    if values.open.contains(&b'{') {
                        drop_others(&context, &mut found);
                    }
                }
                Ok(None) => return None,
                Err(error) => return Some(Err(context.broken(values.line, &error))),
            }
        }
    })
}

/// Of what is inside of a frame, only some arrays have links.
fn drop_others(context: &Context, found: &mut Found) {
    found.retain(|link| {
        let is_other = matches!(link, Err(bad) if is_no_link(&bad.problem));
        if is_other {
            context.seen.has_none();
        }
        !is_other
    });
}

/// Adds the links of the value that begins in `line`.
fn read(value: &[u8], line: u64, context: &Context, found: &mut Found) {
    let value = characters::text(value);
    let (mut number, mut passed) = (line, 0);
    if value.starts_with('{') {
        return json::read(&value, context, &mut |at, parsed| {
            let between = &value.as_bytes()[passed.min(at)..at];
            number += memchr_iter(b'\n', between).count() as u64;
            passed = passed.max(at);
            let excerpt = value[at..].bytes().take(1000).collect::<Vec<_>>();
            found.push_back(context.link(number, &excerpt, parsed));
        });
    }
    let text = match serde_json::from_str::<Option<String>>(&value) {
        Ok(None) => return context.seen.has_none(),
        Ok(Some(text)) => text,
        Err(_) => value.into_owned(),
    };
    let text = characters::trim(&text);
    read_value(text, &context.options.columns.ids, &mut |text, parsed| {
        found.push_back(context.link(line, text, parsed));
    });
}

/// The values of a document that may have links.
struct Values {
    source: Source,
    /// The line of the next byte.
    line: u64,
    after_cr: bool,
    /// The brackets that are open around the values.
    open: Vec<u8>,
}

impl Values {
    /// The next value, and the line that it begins in.
    fn next(&mut self) -> io::Result<Option<(u64, Vec<u8>)>> {
        loop {
            let Some(&byte) = fill(&mut self.source)?.first() else {
                return match self.open.last() {
                    None => Ok(None),
                    Some(open) => Err(invalid(format!("`{}` is not closed", char::from(*open)))),
                };
            };
            let is_frame = self.open.last() == Some(&b'{');
            match byte {
                b'[' => self.push(byte)?,
                b'{' if is_frame => self.push(byte)?,
                b']' | b'}' if self.open.pop() != Some(byte - 2) => {
                    return Err(invalid(format!("`{}` closes nothing", char::from(byte))));
                }
                // brackets that have been closed, separators, and byte order marks
                b']' | b'}' | b',' | b':' | 0x1e | 0xef | 0xbb | 0xbf => {}
                byte if byte.is_ascii_whitespace() => {}
                _ => {
                    let line = self.line;
                    match self.value()? {
                        // the name of a field, or a text in a frame
                        Some(_) if is_frame => {}
                        Some(value) => return Ok(Some((line, value))),
                        None => self.line = line,
                    }
                    continue;
                }
            }
            self.pass(1);
        }
    }

    fn push(&mut self, bracket: u8) -> io::Result<()> {
        if self.open.len() == DEEPEST {
            return Err(invalid(format!(
                "more than {DEEPEST} brackets inside of each other"
            )));
        }
        self.open.push(bracket);
        Ok(())
    }

    /// Consumes buffered bytes, and counts their lines.
    fn pass(&mut self, length: usize) {
        let Ok(bytes) = self.source.fill_buf() else {
            return;
        };
        for byte in &bytes[..length] {
            let is_pair = mem::replace(&mut self.after_cr, *byte == b'\r') && *byte == b'\n';
            self.line += u64::from(matches!(byte, b'\n' | b'\r') && !is_pair);
        }
        self.source.consume(length);
    }

    /// Reads a value to its end; `None` if it is a frame, which is entered.
    fn value(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut scan = Scan::default();
        let mut value = Vec::new();
        loop {
            let bytes = fill(&mut self.source)?;
            if bytes.is_empty() {
                return if scan.depth == 0 && !scan.in_text {
                    Ok(Some(value))
                } else {
                    Err(invalid("the document ends in the middle of a value"))
                };
            }
            let end = bytes.iter().position(|byte| scan.ends_before(*byte));
            let length = end.unwrap_or(bytes.len());
            value.extend_from_slice(&bytes[..length]);
            self.pass(length);
            if end.is_some() {
                return Ok(Some(value));
            }
            if value.len() > LONG && value.first() == Some(&b'{') && self.open.is_empty() {
                value.remove(0);
                self.open.push(b'{');
                let source = mem::replace(&mut self.source, Box::new(io::empty()));
                self.source = Box::new(Cursor::new(value).chain(source));
                return Ok(None);
            }
            if value.len() > LONGEST_OBJECT {
                return Err(invalid(format!(
                    "a value is longer than {LONGEST_OBJECT} bytes"
                )));
            }
        }
    }
}

/// Looks for the end of a value.
#[derive(Default)]
struct Scan {
    depth: usize,
    in_text: bool,
    is_escaped: bool,
    is_over: bool,
}

impl Scan {
    /// Whether the value has ended before `byte`.
    fn ends_before(&mut self, byte: u8) -> bool {
        if self.is_over {
            return true;
        }
        if self.in_text {
            match byte {
                _ if mem::take(&mut self.is_escaped) => {}
                b'\\' => self.is_escaped = true,
                b'"' => {
                    self.in_text = false;
                    self.is_over = self.depth == 0;
                }
                _ => {}
            }
            return false;
        }
        match byte {
            b'"' => self.in_text = true,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' if self.depth == 0 => return true,
            b'}' | b']' => {
                self.depth -= 1;
                self.is_over = self.depth == 0;
            }
            b',' | b':' => return self.depth == 0,
            byte => return self.depth == 0 && byte.is_ascii_whitespace(),
        }
        false
    }
}

fn invalid(message: impl Into<String>) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, message.into())
}
