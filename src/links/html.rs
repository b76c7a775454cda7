//! Links in a page of HTML, by the tokenizer of the WHATWG standard.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use html5gum::emitters::callback::{CallbackEmitter, CallbackEvent};
use html5gum::{IoReader, Reader, Span, Tokenizer};
use url::Url;

use super::Context;
use crate::link::{BadLink, Link};

/// The links of a page, in its order.
pub(super) fn links(
    reader: impl Read + Send + 'static,
    mut context: Context,
) -> impl Iterator<Item = io::Result<Result<Link, BadLink>>> + Send {
    let line = Arc::new(AtomicU64::new(1));
    let counted = Counted {
        reader: IoReader::new(reader),
        line: Arc::clone(&line),
    };
    let mut tag = Tag::default();
    let (at, broken) = (Arc::clone(&line), context.clone());
    let mut emitter = CallbackEmitter::new(move |event: CallbackEvent<'_>, _: Span<()>| {
        let target = tag.target(&event)?;
        if tag.name == b"base" {
            // it says what all links of the page are relative to, but for what the user has said
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

/// The tag that is being read.
#[derive(Default)]
struct Tag {
    name: Vec<u8>,
    attribute: Vec<u8>,
    content: Option<String>,
    is_pdf: bool,
}

impl Tag {
    /// The link that a tag turns out to have.
    fn target(&mut self, event: &CallbackEvent<'_>) -> Option<String> {
        match event {
            CallbackEvent::OpenStartTag { name } => {
                *self = Self {
                    name: name.to_vec(),
                    ..Self::default()
                };
            }
            CallbackEvent::AttributeName { name } => self.attribute = name.to_vec(),
            CallbackEvent::AttributeValue { value } => {
                let value = String::from_utf8_lossy(value);
                match (&self.name[..], &self.attribute[..]) {
                    (b"a" | b"area" | b"base", b"href")
                    | (b"iframe" | b"embed" | b"frame", b"src")
                    | (b"object", b"data") => return Some(value.into_owned()),
                    (b"meta", b"content") => self.content = Some(value.into_owned()),
                    // how publishers tell search engines where the PDF is
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

/// A reader that knows in which line it is.
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
