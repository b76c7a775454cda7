//! Links in HTML, found by a tokenizer that follows the WHATWG standard, as browsers do.
//!
//! Of a page, [`Tags`] keeps the tag that the tokenizer is in, and each of its parts up to [`LONGEST_LINK`]; text, comments and
//! everything else that may be of any length is dropped as it comes. What the tokenizer itself collects is bounded by
//! [`LONGEST_WORD`].

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use html5gum::emitters::naive_next_state;
use html5gum::{Emitter, Error, IoReader, Reader, State, Tokenizer};
use url::Url;

use super::compressed::Source;
use super::{Context, Item, LONGEST_LINK};
use crate::link::{BadLink, Link};

/// The longest run of letters. The tokenizer collects them where they may be the name of an end tag.
const LONGEST_WORD: usize = 1024 * 1024;

/// The links of a page, in document order.
pub(super) fn links(source: Source, context: Context) -> impl Iterator<Item = Item> {
    let line = Arc::new(AtomicU64::new(1));
    let counted = Counted {
        reader: IoReader::new(source),
        line: Arc::clone(&line),
        letters: 0,
    };
    let broken = context.clone();
    let tags = Tags {
        context,
        line: Arc::clone(&line),
        tag: Tag::default(),
        last_start: Vec::new(),
        found: VecDeque::new(),
    };
    Tokenizer::new_with_emitter(counted, tags)
        .map(move |link| link.map_err(|error| broken.broken(line.load(Relaxed), &error)))
}

/// The links in tags.
struct Tags {
    context: Context,
    /// The line that has been read.
    line: Arc<AtomicU64>,
    /// The tag that the tokenizer is in.
    tag: Tag,
    /// The name of the last start tag, if no end tag has followed.
    last_start: Vec<u8>,
    found: VecDeque<Result<Link, BadLink>>,
}

/// A tag.
#[derive(Default)]
struct Tag {
    is_start: bool,
    name: Vec<u8>,
    /// The name and the value of the current attribute.
    attribute: (Vec<u8>, Vec<u8>),
    content: Option<String>,
    is_pdf: bool,
}

impl Tag {
    /// The target of the current attribute, which is complete.
    fn target(&mut self) -> Option<String> {
        let (attribute, value) = std::mem::take(&mut self.attribute);
        if !self.is_start || value.is_empty() {
            return None;
        }
        let value = String::from_utf8_lossy(&value);
        match (&self.name[..], &attribute[..]) {
            (b"a" | b"area" | b"base", b"href")
            | (b"iframe" | b"embed" | b"frame", b"src")
            | (b"object", b"data") => return Some(value.into_owned()),
            (b"meta", b"content") => self.content = Some(value.into_owned()),
            // how publishers declare the PDF to search engines
            (b"meta", b"name" | b"property") => self.is_pdf = value == "citation_pdf_url",
            _ => {}
        }
        None
    }
}

impl Tags {
    fn end_attribute(&mut self) {
        let Some(target) = self.tag.target() else {
            return;
        };
        if self.tag.name == b"base" {
            // the first `<base>` counts (HTML, section 4.2.3), unless `--base` is given
            let base = Url::parse(&target).ok();
            let base = base.filter(|_| target.len() < LONGEST_LINK);
            self.context.base = self.context.base.take().or(base);
        } else {
            self.find(&target);
        }
    }

    fn find(&mut self, target: &str) {
        let at = self.line.load(Relaxed);
        let link = self.context.extracted(at, target, self.tag.is_pdf);
        self.found.extend(link);
    }
}

/// Adds to a part of a tag what there is room for.
fn push(part: &mut Vec<u8>, bytes: &[u8]) {
    let room = LONGEST_LINK.saturating_sub(part.len());
    part.extend_from_slice(&bytes[..bytes.len().min(room)]);
}

impl Emitter for Tags {
    type Token = Result<Link, BadLink>;

    fn pop_token(&mut self) -> Option<Self::Token> {
        self.found.pop_front()
    }

    fn init_start_tag(&mut self) {
        self.tag = Tag {
            is_start: true,
            ..Tag::default()
        };
    }

    fn init_end_tag(&mut self) {
        self.tag = Tag::default();
    }

    fn push_tag_name(&mut self, name: &[u8]) {
        push(&mut self.tag.name, name);
    }

    fn init_attribute(&mut self) {
        self.end_attribute();
    }

    fn push_attribute_name(&mut self, name: &[u8]) {
        push(&mut self.tag.attribute.0, name);
    }

    fn push_attribute_value(&mut self, value: &[u8]) {
        push(&mut self.tag.attribute.1, value);
    }

    fn emit_current_tag(&mut self) -> Option<State> {
        self.end_attribute();
        if !self.tag.is_start {
            self.last_start.clear();
            return None;
        }
        if let Some(content) = self.tag.content.take().filter(|_| self.tag.is_pdf) {
            self.find(&content);
        }
        self.last_start = std::mem::take(&mut self.tag.name);
        naive_next_state(&self.last_start)
    }

    fn set_last_start_tag(&mut self, name: Option<&[u8]>) {
        self.last_start = name.unwrap_or_default().to_vec();
    }

    fn current_is_appropriate_end_tag_token(&mut self) -> bool {
        let Tag { is_start, name, .. } = &self.tag;
        !is_start && !name.is_empty() && *name == self.last_start
    }

    fn should_emit_errors(&mut self) -> bool {
        false
    }

    fn emit_error(&mut self, _: Error) {}
    fn emit_eof(&mut self) {}
    fn emit_string(&mut self, _: &[u8]) {}
    fn init_comment(&mut self) {}
    fn push_comment(&mut self, _: &[u8]) {}
    fn emit_current_comment(&mut self) {}
    fn set_self_closing(&mut self) {}
    fn init_doctype(&mut self) {}
    fn set_force_quirks(&mut self) {}
    fn push_doctype_name(&mut self, _: &[u8]) {}
    fn set_doctype_public_identifier(&mut self, _: &[u8]) {}
    fn set_doctype_system_identifier(&mut self, _: &[u8]) {}
    fn push_doctype_public_identifier(&mut self, _: &[u8]) {}
    fn push_doctype_system_identifier(&mut self, _: &[u8]) {}
    fn emit_current_doctype(&mut self) {}
}

/// A reader that counts lines, and fails at a word that does not end.
struct Counted<R> {
    reader: R,
    line: Arc<AtomicU64>,
    /// How many letters in a row were read last.
    letters: usize,
}

impl<R> Counted<R> {
    fn count(line: &AtomicU64, letters: &mut usize, bytes: &[u8]) -> io::Result<()> {
        let ends = bytes.split(|byte| *byte == b'\n').count() - 1;
        line.fetch_add(ends as u64, Relaxed);
        let is_other = |byte: &u8| !byte.is_ascii_alphabetic();
        *letters = match bytes.iter().rposition(is_other) {
            Some(last) => bytes.len() - 1 - last,
            None => *letters + bytes.len(),
        };
        if *letters > LONGEST_WORD {
            let message = format!("a word is longer than {LONGEST_WORD} bytes");
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        Ok(())
    }
}

impl<R: Reader<Error = io::Error>> Reader for Counted<R> {
    type Error = io::Error;

    fn read_byte(&mut self) -> io::Result<Option<u8>> {
        let byte = self.reader.read_byte()?;
        Self::count(&self.line, &mut self.letters, byte.as_slice())?;
        Ok(byte)
    }

    fn try_read_string(&mut self, text: &[u8], case_sensitive: bool) -> io::Result<bool> {
        self.reader.try_read_string(text, case_sensitive)
    }

    fn read_until<'b>(
        &'b mut self,
        needle: &[u8],
        one: &'b mut [u8; 4],
    ) -> io::Result<Option<&'b [u8]>> {
        let bytes = self.reader.read_until(needle, one)?;
        Self::count(&self.line, &mut self.letters, bytes.unwrap_or_default())?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_of_any_length_takes_little_memory() {
        let mut tags = Tags {
            context: Context::new("page".into(), Arc::default()),
            line: Arc::default(),
            tag: Tag::default(),
            last_start: Vec::new(),
            found: VecDeque::new(),
        };
        let piece = [b'x'; 1000];
        tags.init_start_tag();
        for _ in 0..1000 {
            tags.push_tag_name(&piece);
            tags.push_attribute_name(&piece);
            tags.push_attribute_value(&piece);
            tags.push_comment(&piece);
            tags.emit_string(&piece);
        }
        let (attribute, value) = &tags.tag.attribute;
        let kept = [&tags.tag.name, attribute, value].map(Vec::len);
        assert_eq!(kept, [LONGEST_LINK; 3]);
    }
}
