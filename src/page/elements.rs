//! The elements of a page as they come: tags with the attributes that matter, and text.
//!
//! Nothing that may be of any length is kept whole, and what is kept of a tag is in the place of the one before: a page has
//! thousands.

use std::str;
use std::sync::Arc;

use parking_lot::Mutex;

use super::collect::Collector;
use crate::tags::Sink;

/// The longest value of an attribute, in bytes: that of a link.
const LONGEST_VALUE: usize = 4 * 1024;

/// The most bytes of all values of a tag.
const LONGEST_TAG: usize = 16 * 1024;

/// The attributes that matter, sorted.
pub(super) const ATTRIBUTES: [&str; 34] = [
    "alt",
    "aria-label",
    "charset",
    "class",
    "content",
    "content-type",
    "data",
    "data-article-pdf",
    "data-download-type",
    "data-lazy-src",
    "data-src",
    "data-test",
    "download",
    "file",
    "hidden",
    "href",
    "hreflang",
    "http-equiv",
    "id",
    "itemprop",
    "lang",
    "media",
    "name",
    "property",
    "rel",
    "role",
    "src",
    "style",
    "title",
    "type",
    "url",
    "value",
    "xlink:href",
    "xml:lang",
];

/// The most bytes of a text that are taken at once.
const LONGEST_TEXT: usize = 4 * 1024;

/// A start tag.
#[derive(Debug, Default)]
pub(crate) struct Tag {
    name: String,
    /// What is in `values`, in its order, up to where.
    attributes: Vec<(&'static str, usize)>,
    values: String,
    /// The [marks](mark) of its attributes, and of the words of its class, id and role.
    marks: u64,
}

/// A bit for an attribute, or a word of a class, an id or a role, whatever the case. A tag that has it has the bit; the reverse is only likely.
pub(super) fn mark(name: &str) -> u64 {
    let hash = name.bytes().fold(0_u32, |hash, byte| {
        let byte = u32::from(byte.to_ascii_lowercase());
        (hash ^ byte).wrapping_mul(0x0100_0193)
    });
    1 << (hash >> 26)
}

impl Tag {
    /// Its name, in lower case.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The value of an attribute; empty if it has none.
    pub(crate) fn get(&self, name: &str) -> &str {
        let mut begin = 0;
        for (known, end) in &self.attributes {
            if *known == name {
                return self.values[begin..*end].trim();
            }
            begin = *end;
        }
        ""
    }

    /// Whether it has the attribute, even without a value.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.attributes.iter().any(|(known, _)| *known == name)
    }

    /// Whether it may have all that these [marks](mark) are of.
    pub(super) fn may_have(&self, marks: u64) -> bool {
        self.marks & marks == marks
    }

    /// Whether it has no attributes.
    pub(crate) fn is_plain(&self) -> bool {
        self.attributes.is_empty()
    }

    /// Whether `token` is among the words of an attribute, whatever the case.
    pub(crate) fn has_token(&self, name: &str, token: &str) -> bool {
        if !self.may_have(mark(name)) {
            return false;
        }
        let mut tokens = self.get(name).split_ascii_whitespace();
        tokens.any(|word| word.eq_ignore_ascii_case(token))
    }

    fn clear(&mut self) {
        self.name.clear();
        self.attributes.clear();
        self.values.clear();
        self.marks = 0;
    }

    fn add(&mut self, name: &'static str, value: &str) {
        self.marks |= mark(name);
        if matches!(name, "class" | "id" | "role") {
            let words = value.split_ascii_whitespace();
            self.marks |= words.fold(0, |marks, word| marks | mark(word));
        }
        self.values.push_str(value);
        self.attributes.push((name, self.values.len()));
    }
}

/// The attribute of this name, if it matters.
fn known(attribute: &[u8]) -> Option<&'static str> {
    let found = ATTRIBUTES.binary_search_by_key(&attribute, |known| known.as_bytes());
    found.ok().map(|index| ATTRIBUTES[index])
}

/// Gives the elements of a page to its collector.
#[derive(Debug)]
pub(crate) struct Elements {
    collector: Arc<Mutex<Collector>>,
    /// Whether the text of scripts is wanted.
    has_scripts: bool,
    tag: Tag,
    is_decided: bool,
}

impl Elements {
    /// Those that `collector` collects from.
    pub(crate) fn new(collector: Arc<Mutex<Collector>>) -> Self {
        let has_scripts = collector.lock().wants_scripts();
        Self {
            collector,
            has_scripts,
            tag: Tag::default(),
            is_decided: false,
        }
    }
}

/// Nothing that follows can change the candidates of the page.
pub(crate) struct Decided;

impl Sink for Elements {
    type Found = Decided;

    const LONGEST_TEXT: usize = LONGEST_TEXT;

    fn pop(&mut self) -> Option<Decided> {
        self.is_decided.then_some(Decided)
    }

    fn is_raw(&self, name: &[u8]) -> bool {
        // we run no scripts, so that what is for those who do not counts
        name != b"noscript"
    }

    fn keeps_text(&self, last_start: &[u8]) -> bool {
        match last_start {
            b"script" => self.has_scripts,
            b"style" => false,
            _ => true,
        }
    }

    fn text(&mut self, last_start: &[u8], text: &[u8]) {
        if text.iter().all(u8::is_ascii_whitespace) {
            return;
        }
        let text = String::from_utf8_lossy(text);
        let mut collector = self.collector.lock();
        if last_start == b"script" {
            collector.script(&text);
        } else {
            collector.text(&text);
        }
    }

    fn begin(&mut self) {
        self.tag.clear();
    }

    fn room(&self, attribute: &[u8]) -> usize {
        if known(attribute).is_none() {
            return 0;
        }
        LONGEST_VALUE.min(LONGEST_TAG.saturating_sub(self.tag.values.len()))
    }

    fn attribute(&mut self, _: &[u8], attribute: &[u8], value: &[u8]) {
        // the first of the same name counts
        if let Some(known) = known(attribute).filter(|known| !self.tag.has(known)) {
            self.tag.add(known, &String::from_utf8_lossy(value));
        }
    }

    fn start(&mut self, name: &[u8]) {
        self.tag.name.push_str(&String::from_utf8_lossy(name));
        let mut collector = self.collector.lock();
        collector.start(&self.tag);
        self.is_decided = collector.is_decided();
    }

    fn end(&mut self, name: &[u8]) {
        let mut collector = self.collector.lock();
        collector.end(str::from_utf8(name).unwrap_or_default());
        self.is_decided = collector.is_decided();
    }
}

#[cfg(test)]
mod tests;
