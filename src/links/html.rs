//! Links in HTML and XML, found by a tokenizer that follows the WHATWG standard for HTML, as browsers do.
//!
//! XML comes as sitemaps, feeds, libraries of reference managers and answers of repositories. It needs no other tokenizer: that
//! of HTML takes everything that XML has (CDATA, processing instructions, references), keeps little in memory whatever comes,
//! and does not end at the first mistake. It is only told that no element has a text of its own kind, as `<style>` has in HTML.
//!
//! Of a document, [`Tags`] keeps the tag that the tokenizer is in, and each of its parts up to [`LONGEST_LINK`]; comments and
//! everything else that may be of any length is dropped as it comes. So is text, except for that of XML, which is searched
//! piece by piece. What the tokenizer itself collects is bounded by [`LONGEST_WORD`].

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use html5gum::emitters::naive_next_state;
use html5gum::{Emitter, Error, IoReader, Reader, State, Tokenizer};
use url::Url;

use super::compressed::Source;
use super::markup::Language;
use super::{Context, Item, LONGEST_LINK, MOST, characters, starts_with, text};
use crate::line::LONGEST_LINE;
use crate::link::{BadLink, Link};

/// The longest run of letters. The tokenizer collects them where they may be the name of an end tag.
const LONGEST_WORD: usize = 1024 * 1024;

/// The links of a document, in document order.
pub(super) fn links(
    source: Source,
    language: Language,
    context: Context,
) -> impl Iterator<Item = Item> {
    let line = Arc::new(AtomicU64::new(1));
    let counted = Counted {
        reader: IoReader::new(source),
        line: Arc::clone(&line),
        letters: 0,
    };
    let broken = context.clone();
    let tags = Tags::new(language, context, Arc::clone(&line));
    Tokenizer::new_with_emitter(counted, tags)
        .map(move |link| link.map_err(|error| broken.broken(line.load(Relaxed), &error)))
}

/// The links in tags, and in the text between those of XML.
struct Tags {
    language: Language,
    context: Context,
    /// The line that has been read.
    line: Arc<AtomicU64>,
    /// The tag that the tokenizer is in.
    tag: Tag,
    /// The name of the last start tag, if no end tag has followed.
    last_start: Vec<u8>,
    /// The text since the last tag, as far as it has not been searched.
    text: Vec<u8>,
    /// Whether the tag before it declares that it is about a PDF.
    text_is_pdf: bool,
    found: VecDeque<Result<Link, BadLink>>,
}

/// A tag.
#[derive(Default)]
struct Tag {
    is_start: bool,
    name: Vec<u8>,
    /// The name and the value of the current attribute.
    attribute: (Vec<u8>, Vec<u8>),
    targets: Vec<String>,
    /// A target if the tag declares that it is about a PDF.
    content: Option<String>,
    is_pdf: bool,
}

impl Tag {
    /// Takes note of the current attribute, which is complete. Returns the value of a `<base>`.
    fn end_attribute(&mut self, language: Language) -> Option<String> {
        let (attribute, value) = std::mem::take(&mut self.attribute);
        if !self.is_start || value.is_empty() {
            return None;
        }
        let value = characters::text(&value).into_owned();
        let media_type = value.split(';').next().unwrap_or_default();
        if media_type.trim().eq_ignore_ascii_case("application/pdf") {
            self.is_pdf = true;
        }
        if language == Language::Xml {
            let target = may_link(&attribute, &value).then_some(value);
            self.targets.extend(target);
            return None;
        }
        match (&self.name[..], &attribute[..]) {
            (b"base", b"href") => return Some(value),
            (b"a" | b"area", b"href")
            | (b"iframe" | b"embed" | b"frame", b"src")
            | (b"object", b"data") => self.targets.push(value),
            (b"link", b"href") | (b"meta", b"content") => self.content = Some(value),
            // how publishers declare the PDF to search engines
            (b"meta", b"name" | b"property") => self.is_pdf = value == "citation_pdf_url",
            _ => {}
        }
        None
    }
}

/// Whether the value of an attribute in XML may be a link: what usually has one, and whatever looks like one, except for
/// names of languages.
fn may_link(attribute: &[u8], value: &str) -> bool {
    let mut parts = attribute.rsplit(|byte| *byte == b':');
    let local = parts.next().unwrap_or_default();
    if attribute.starts_with(b"xmlns") || local == b"schemalocation" {
        return false;
    }
    matches!(local, b"href" | b"url" | b"src" | b"resource") || is_absolute(value)
}

fn is_absolute(value: &str) -> bool {
    let value = value.trim_start();
    starts_with(value, "http://") || starts_with(value, "https://")
}

impl Tags {
    fn new(language: Language, context: Context, line: Arc<AtomicU64>) -> Self {
        Self {
            language,
            context,
            line,
            tag: Tag::default(),
            last_start: Vec::new(),
            text: Vec::new(),
            text_is_pdf: false,
            found: VecDeque::new(),
        }
    }

    /// Searches the text up to `end`, and drops it.
    fn search_text(&mut self, end: usize) {
        let rest = self.text.split_off(end);
        let text = std::mem::replace(&mut self.text, rest);
        let text = characters::text(&text);
        for target in text::targets(&text) {
            self.find(&target, self.text_is_pdf);
        }
    }

    fn end_text(&mut self) {
        if !self.text.is_empty() {
            self.search_text(self.text.len());
        }
        self.text_is_pdf = false;
    }

    fn end_attribute(&mut self) {
        if let Some(target) = self.tag.end_attribute(self.language) {
            // the first `<base>` counts (HTML, section 4.2.3), unless `--base` is given
            let base = Url::parse(&target).ok();
            let base = base.filter(|_| target.len() < LONGEST_LINK);
            self.context.base = self.context.base.take().or(base);
        }
        if self.tag.targets.len() >= MOST {
            self.find_targets();
        }
    }

    fn find_targets(&mut self) {
        let is_pdf = self.tag.is_pdf;
        let content = self.tag.content.take().filter(|_| is_pdf);
        let targets = std::mem::take(&mut self.tag.targets);
        for target in targets.into_iter().chain(content) {
            self.find(&target, is_pdf);
        }
    }

    fn find(&mut self, target: &str, is_pdf: bool) {
        let at = self.line.load(Relaxed);
        let link = self.context.extracted(at, target, is_pdf);
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
        self.end_text();
        self.tag = Tag {
            is_start: true,
            ..Tag::default()
        };
    }

    fn init_end_tag(&mut self) {
        self.end_text();
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
        self.find_targets();
        if self.language == Language::Xml {
            self.text_is_pdf = self.tag.is_pdf;
            return None;
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

    fn adjusted_current_node_present_but_not_in_html_namespace(&mut self) -> bool {
        // so that CDATA is text, and no comment
        self.language == Language::Xml
    }

    fn emit_string(&mut self, text: &[u8]) {
        if self.language == Language::Html {
            return;
        }
        self.text.extend_from_slice(text);
        if self.text.len() >= LONGEST_LINE {
            let end = self.text.iter().rposition(u8::is_ascii_whitespace);
            self.search_text(end.map_or(self.text.len(), |end| end + 1));
        }
    }

    fn emit_eof(&mut self) {
        self.end_text();
    }

    fn emit_error(&mut self, _: Error) {}
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
        let context = Context::new("page".into(), Arc::default());
        let mut tags = Tags::new(Language::Xml, context, Arc::default());
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
        assert!(tags.text.len() < LONGEST_LINE);
    }
}
