//! Links in an HTML page, found with a tokenizer that follows the WHATWG standard, as browsers do.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use html5gum::emitters::callback::{CallbackEmitter, CallbackEvent};
use html5gum::{IoReader, Reader, Span, Tokenizer};
use url::Url;

use super::compressed::Source;
use super::{Context, Item};

/// The links of a page, in document order.
pub(super) fn links(source: Source, mut context: Context) -> impl Iterator<Item = Item> {
    let line = Arc::new(AtomicU64::new(1));
    let counted = Counted {
        reader: IoReader::new(source),
        line: Arc::clone(&line),
    };
    let (at, broken) = (Arc::clone(&line), context.clone());
    let mut tag = Tag::default();
    let mut emitter = CallbackEmitter::new(move |event: CallbackEvent<'_>, _: Span<()>| {
        let target = tag.target(&event)?;
        if tag.name == b"base" {
            // the first `<base>` counts (HTML, section 4.2.3), unless `--base` is given
            let base = Url::parse(&target).ok();
            context.base = context.base.take().or(base);
            return None;
        }
        context.extracted(at.load(Relaxed), &target, tag.is_pdf)
    });
    emitter.naively_switch_states(true);
    Tokenizer::new_with_emitter(counted, emitter)
        .map(move |link| link.map_err(|error| broken.broken(line.load(Relaxed), &error)))
}

/// The start tag that the tokenizer is in.
#[derive(Default)]
struct Tag {
    name: Vec<u8>,
    attribute: Vec<u8>,
    content: Option<String>,
    is_pdf: bool,
}

impl Tag {
    /// The target of the tag's link, with the event that completes it.
    fn target(&mut self, event: &CallbackEvent<'_>) -> Option<String> {
        match event {
            CallbackEvent::OpenStartTag { name } => {
                *self = Self::default();
                self.name = name.to_vec();
            }
            CallbackEvent::AttributeName { name } => self.attribute = name.to_vec(),
            CallbackEvent::AttributeValue { value } => {
                let value = String::from_utf8_lossy(value);
                match (&self.name[..], &self.attribute[..]) {
                    (b"a" | b"area" | b"base", b"href")
                    | (b"iframe" | b"embed" | b"frame", b"src")
                    | (b"object", b"data") => return Some(value.into_owned()),
                    (b"meta", b"content") => self.content = Some(value.into_owned()),
                    // how publishers declare the PDF to search engines
                    (b"meta", b"name" | b"property") => self.is_pdf = value == "citation_pdf_url",
                    _ => {}
                }
            }
            CallbackEvent::CloseStartTag { .. } if self.is_pdf => return self.content.take(),
            _ => {}
        }
        None
    }
}

/// A reader that counts lines.
struct Counted<R> {
    reader: R,
    line: Arc<AtomicU64>,
}

impl<R> Counted<R> {
    fn count(line: &AtomicU64, bytes: &[u8]) {
        let ends = bytes.split(|byte| *byte == b'\n').count() - 1;
        line.fetch_add(ends as u64, Relaxed);
    }
}

impl<R: Reader> Reader for Counted<R> {
    type Error = R::Error;

    fn read_byte(&mut self) -> Result<Option<u8>, Self::Error> {
        let byte = self.reader.read_byte()?;
        Self::count(&self.line, byte.as_slice());
        Ok(byte)
    }

    fn try_read_string(&mut self, text: &[u8], case_sensitive: bool) -> Result<bool, Self::Error> {
        self.reader.try_read_string(text, case_sensitive)
    }

    fn read_until<'b>(
        &'b mut self,
        needle: &[u8],
        one: &'b mut [u8; 4],
    ) -> Result<Option<&'b [u8]>, Self::Error> {
        let bytes = self.reader.read_until(needle, one)?;
        Self::count(&self.line, bytes.unwrap_or_default());
        Ok(bytes)
    }
}
