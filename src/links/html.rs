//! Links in HTML and XML: in tags, and in the text between those of XML.
//!
//! XML comes as sitemaps, feeds, libraries of reference managers and answers of repositories. No element of it has a text of
//! its own kind, as `<style>` has in HTML.
//!
//! What [`Tags`] keeps of a document is bounded: each part of a tag by [`LONGEST_LINK`], text by [`LONGEST_LINE`], and what the
//! tokenizer itself collects by [`LONGEST_WORD`].

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use html5gum::{IoReader, Reader, Tokenizer};
use url::Url;

use super::compressed::Source;
use super::markup::Language;
use super::{Context, Item, LONGEST_LINK, MOST, characters, starts_with, text};
use crate::line::LONGEST_LINE;
use crate::link::{BadLink, Link};
use crate::tags::{Letters, Sink, Tags};

/// The longest run of letters. The tokenizer collects them where they may be the name of an end tag.
const LONGEST_WORD: usize = 1024 * 1024;

/// The links of a document, in document order.
pub(super) fn links(
    source: Source,
    language: Language,
    context: Context,
) -> impl Iterator<Item = Item> {
    let line = Arc::new(AtomicU64::new(1));
    let counted = Counted::new(source, Arc::clone(&line));
    let broken = context.clone();
    let finder = Finder {
        language,
        context,
        line: Arc::clone(&line),
        tag: Tag::default(),
        text_is_pdf: false,
        found: VecDeque::new(),
    };
    let tags = Tags::new(finder, language == Language::Xml);
    Tokenizer::new_with_emitter(counted, tags)
        .map(move |link| link.map_err(|error| broken.broken(line.load(Relaxed), &error)))
}

/// Finds links.
struct Finder {
    language: Language,
    context: Context,
    /// The line that has been read.
    line: Arc<AtomicU64>,
    /// The tag that the tokenizer is in.
    tag: Tag,
    /// Whether the tag before the text declares that it is about a PDF.
    text_is_pdf: bool,
    found: VecDeque<Result<Link, BadLink>>,
}

/// What a tag has.
#[derive(Default)]
struct Tag {
    targets: Vec<String>,
    /// A target if the tag declares that it is about a PDF.
    content: Option<String>,
    is_pdf: bool,
}

impl Tag {
    /// Takes note of an attribute. Returns the value of a `<base>`.
    fn add(
        &mut self,
        (tag, attribute): (&[u8], &[u8]),
        value: String,
        language: Language,
    ) -> Option<String> {
        let media_type = value.split(';').next().unwrap_or_default();
        if media_type.trim().eq_ignore_ascii_case("application/pdf") {
            self.is_pdf = true;
        }
        if language == Language::Xml {
            let target = may_link(attribute, &value).then_some(value);
            self.targets.extend(target);
            return None;
        }
        match (tag, attribute) {
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

impl Finder {
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

impl Sink for Finder {
    type Found = Result<Link, BadLink>;

    const LONGEST_TEXT: usize = LONGEST_LINE;

    fn pop(&mut self) -> Option<Self::Found> {
        self.found.pop_front()
    }

    fn is_raw(&self, _: &[u8]) -> bool {
        self.language == Language::Html
    }

    fn keeps_text(&self, _: &[u8]) -> bool {
        self.language == Language::Xml
    }

    fn text(&mut self, _: &[u8], text: &[u8]) {
        for target in text::targets(&characters::text(text)) {
            self.find(&target, self.text_is_pdf);
        }
    }

    fn begin(&mut self) {
        self.text_is_pdf = false;
        self.tag = Tag::default();
    }

    fn room(&self, _: &[u8]) -> usize {
        LONGEST_LINK
    }

    fn attribute(&mut self, tag: &[u8], attribute: &[u8], value: &[u8]) {
        if value.is_empty() {
            return;
        }
        let value = characters::text(value).into_owned();
        if let Some(target) = self.tag.add((tag, attribute), value, self.language) {
            // the first `<base>` counts (HTML, section 4.2.3), unless `--base` is given
            let base = Url::parse(&target).ok();
            let base = base.filter(|_| target.len() < LONGEST_LINK);
            self.context.base = self.context.base.take().or(base);
        }
        if self.tag.targets.len() >= MOST {
            self.find_targets();
        }
    }

    fn start(&mut self, _: &[u8]) {
        self.find_targets();
        self.text_is_pdf = self.tag.is_pdf;
    }

    fn end(&mut self, _: &[u8]) {}
}

/// A reader that counts lines, and fails at a word that does not end.
pub(super) struct Counted<R> {
    reader: R,
    line: Arc<AtomicU64>,
    after_cr: bool,
    letters: Letters,
}

impl Counted<IoReader<Source>> {
    /// A reader of `source`, which adds to `line`.
    pub(super) fn new(source: Source, line: Arc<AtomicU64>) -> Self {
        Self {
            reader: IoReader::new(source),
            line,
            after_cr: false,
            letters: Letters::default(),
        }
    }
}

impl<R: Reader<Error = io::Error>> Reader for Counted<R> {
    type Error = io::Error;

    fn read_byte(&mut self) -> io::Result<Option<u8>> {
        let byte = self.reader.read_byte()?;
        count(&self.line, &mut self.after_cr, byte.as_slice());
        bounded(&mut self.letters, byte.as_slice())?;
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
        count(&self.line, &mut self.after_cr, bytes.unwrap_or_default());
        bounded(&mut self.letters, bytes.unwrap_or_default())?;
        Ok(bytes)
    }
}

/// Adds the ends of lines: LF, CR and CRLF.
fn count(line: &AtomicU64, after_cr: &mut bool, bytes: &[u8]) {
    let mut ends = 0;
    for at in memchr::memchr2_iter(b'\n', b'\r', bytes) {
        let is_pair = at.checked_sub(1).map_or(*after_cr, |at| bytes[at] == b'\r');
        ends += u64::from(bytes[at] == b'\r' || !is_pair);
    }
    if ends > 0 {
        line.fetch_add(ends, Relaxed);
    }
    *after_cr = bytes.last().map_or(*after_cr, |last| *last == b'\r');
}

/// Refuses a run of letters that is too long.
fn bounded(letters: &mut Letters, bytes: &[u8]) -> io::Result<()> {
    if letters.after(bytes) > LONGEST_WORD {
        let message = format!("a word is longer than {LONGEST_WORD} bytes");
        return Err(io::Error::new(io::ErrorKind::InvalidData, message));
    }
    Ok(())
}
