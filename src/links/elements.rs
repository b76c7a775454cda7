//! Entries in XML: what their formats have in common. The tokenizer is that of pages (see [`tags`](crate::tags)), which reads on
//! behind any mistake, and what is kept of a document is bounded.
//!
//! ```text
//!  <rss><channel><title>…</title>
//!    <item><title>A</title><link>…</link></item>      an entry, with the text and the attributes of what is in it
//!    <item> …
//! ```
//!
//! An end tag closes what is open inside of its element. An entry in which another one begins has no end, and neither has one at
//! the end of the document; a document whose first element is not closed is cut off. A quote in the name of an attribute means
//! that the value before has no end, and may have other elements in it. Names are compared without prefix and in lower case.
//!
//! Documents may come from anybody. Entities that they declare are text, and nothing outside of them is read. Of what is open,
//! [`DEEPEST`] elements are kept around an entry and in it, each with up to [`LONGEST_LINE`] bytes of text outside of entries.

mod dialect;

use std::borrow::Cow;
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use html5gum::Tokenizer;
use url::Url;

use super::compressed::Source;
use super::entry::{Entry, LONGEST_ENTRY, Names};
use super::html::Counted;
use super::wanted::Wanted;
use super::{Context, Item, characters, starts_with};
use crate::line::LONGEST_LINE;
use crate::tags::{Sink, Tags};
pub(super) use dialect::Dialect;

/// The most elements that are open around another one.
const DEEPEST: usize = 256;

/// The most bytes of a text whose room is kept for the next one.
const MOST_SPARE: usize = 4096;

/// Elements that only say how a text is set, so that theirs is part of what it is in.
const STYLES: [&str; 12] = [
    "style", "i", "b", "em", "strong", "sub", "sup", "span", "italic", "bold", "p", "div",
];

const OPEN_QUOTE: &str = "an attribute is not closed: is a quote missing?";

/// What a format says about its entries.
pub(super) trait Format: Send {
    /// The names that all formats share.
    fn names(&self) -> Names;

    /// Whether an element is an entry. `parent` is around it, and `depth` elements are in all.
    fn is_entry(&self, name: &str, parent: &str, depth: usize) -> bool;

    /// Whether entries have all in their start tags, and may be in each other.
    fn is_flat(&self) -> bool {
        false
    }

    /// Tells an entry what an element in it says, at its end. That of the entry itself comes last.
    fn take(&mut self, entry: &mut Entry, element: &Element);

    /// Whether the text of an element is a field of its entry, and not of something inside of that.
    fn is_field(&self, _element: &Element) -> bool {
        true
    }

    /// Whether it looks at a field of an entry again, when it takes another one.
    fn looks_at(&self, _field: &str) -> bool {
        false
    }

    /// The URL of the document, if a start tag outside of all entries says it.
    fn url<'a>(&self, _name: &str, _attributes: &'a [(String, String)]) -> Option<&'a str> {
        None
    }

    /// Takes an element outside of all entries, which ends in `line`.
    fn take_outside(&mut self, _name: &str, _text: &str, _line: u64) {}

    /// Takes an entry, and returns the one that is complete now.
    fn complete(&mut self, entry: Entry) -> Option<Entry> {
        Some(entry)
    }

    /// What is left at the end of the document.
    fn rest(&mut self) -> Option<Entry> {
        None
    }
}

/// An element with what is in it.
pub(super) struct Element<'a> {
    /// Its name without prefix.
    pub name: &'a str,
    /// The prefix of its name.
    pub prefix: &'a str,
    /// The elements around it in its entry, the nearest one last.
    around: &'a [Node],
    attributes: &'a [(String, String)],
    /// What its URLs are relative to.
    base: Option<&'a Url>,
    pub text: &'a str,
}

impl Element<'_> {
    /// An attribute by its name without prefix; `""` if there is none.
    pub(super) fn attribute(&self, name: &str) -> &str {
        let mut attributes = self.attributes.iter();
        let found = attributes.find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value.as_str())
    }

    /// The URL that `text` is, which may be relative.
    pub(super) fn url<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let is_relative = !text.is_empty() && !starts_with(text, "http");
        let joined = || {
            let base = self.base.filter(|_| is_relative)?;
            Url::parse(text).is_err().then(|| base.join(text).ok())?
        };
        joined().map_or(Cow::Borrowed(text), |url| Cow::Owned(url.into()))
    }

    /// Whether it is inside of an element called `name`.
    pub(super) fn is_in(&self, name: &str) -> bool {
        self.around.iter().any(|node| node.name() == name)
    }

    /// The name of the element around it.
    pub(super) fn parent(&self) -> &str {
        self.around.last().map_or("", Node::name)
    }

    /// How many elements are around it in its entry.
    pub(super) fn depth(&self) -> usize {
        self.around.len()
    }
}

/// The links of a document.
pub(super) fn links(
    source: Source,
    dialect: Dialect,
    context: Context,
) -> impl Iterator<Item = Item> {
    let line = Arc::new(AtomicU64::new(1));
    let counted = Counted::new(source, Arc::clone(&line));
    let broken = context.clone();
    let format = dialect.format();
    let finder = Finder {
        base: None,
        document: context.base.clone(),
        wanted: Wanted::new(format.names(), &context),
        format,
        context,
        line: Arc::clone(&line),
        tag_line: 1,
        torn: None,
        has_open_quote: false,
        attributes: Vec::new(),
        open: Vec::new(),
        spare: Vec::new(),
        entry_name: String::new(),
        entry_depth: 0,
        entry: None,
        found: VecDeque::new(),
    };
    Tokenizer::new_with_emitter(counted, Tags::new(finder, true)).map(move |found| match found {
        Ok(item) => item,
        Err(error) => Err(broken.broken(line.load(Relaxed), &error)),
    })
}

/// Finds entries.
struct Finder {
    format: Box<dyn Format>,
    /// The fields that are kept.
    wanted: Wanted,
    context: Context,
    /// The line that has been read.
    line: Arc<AtomicU64>,
    /// The line in which the current tag begins.
    tag_line: u64,
    /// The name of a tag that begins inside of it.
    torn: Option<Vec<u8>>,
    /// Whether a value in the current tag has no end.
    has_open_quote: bool,
    attributes: Vec<(String, String)>,
    /// What the current tag says that URLs are relative to.
    base: Option<String>,
    /// The same for the whole document.
    document: Option<Url>,
    open: Vec<Node>,
    /// Those that have been closed, for the next ones.
    spare: Vec<Node>,
    /// The name of the last entry, and how many elements are around it.
    entry_name: String,
    entry_depth: usize,
    entry: Option<Open>,
    found: VecDeque<Item>,
}

/// An element that is open.
#[derive(Default)]
struct Node {
    /// Its name, and how much of it is the prefix with its colon.
    full_name: String,
    prefix: usize,
    attributes: Vec<(String, String)>,
    /// What URLs in it are relative to, if it says so.
    base: Option<Box<Url>>,
    text: String,
}

impl Node {
    /// Makes it an element with this name, and nothing in it.
    fn set_name(&mut self, name: &[u8]) {
        self.full_name.clear();
        self.full_name.push_str(&String::from_utf8_lossy(name));
        self.prefix = self.full_name.rfind(':').map_or(0, |colon| colon + 1);
        self.attributes.clear();
        self.base = None;
        self.text.clear();
    }

    fn name(&self) -> &str {
        &self.full_name[self.prefix..]
    }

    fn prefix(&self) -> &str {
        self.full_name[..self.prefix].trim_end_matches(':')
    }
}

/// The entry that is open.
struct Open {
    entry: Entry,
    /// How many elements are around it.
    depth: usize,
    bytes: usize,
}

impl Finder {
    /// Closes the elements that are open beyond `depth`.
    fn close(&mut self, depth: usize) {
        while self.open.len() > depth {
            let Some(node) = self.open.pop() else { return };
            self.give(&node);
            let is_style = STYLES.contains(&node.name());
            let is_entry = self
                .entry
                .as_ref()
                .is_some_and(|entry| entry.depth == self.open.len());
            if is_entry && let Some(open) = self.entry.take() {
                self.complete(open.entry);
            }
            let is_bounded = self.entry.is_some();
            if let Some(parent) = self.open.last_mut().filter(|_| is_style)
                && (is_bounded || parent.text.len() <= LONGEST_LINE)
            {
                parent.text.push_str(&node.text);
            }
            if node.text.capacity() <= MOST_SPARE {
                self.spare.push(node);
            }
        }
    }

    /// Tells the format what is in an element that has just been closed.
    fn give(&mut self, node: &Node) {
        let Some(open) = &mut self.entry else {
            return self
                .format
                .take_outside(node.name(), node.text.trim(), self.tag_line);
        };
        let element = Element {
            name: node.name(),
            prefix: node.prefix(),
            around: &self.open[open.depth.min(self.open.len())..],
            attributes: &node.attributes,
            base: base_of(&self.open, Some(node), self.document.as_ref()),
            text: node.text.trim(),
        };
        self.format.take(&mut open.entry, &element);
        let is_wanted = self.wanted.has(element.name) || self.format.looks_at(element.name);
        if is_wanted && !element.text.is_empty() && self.format.is_field(&element) {
            open.entry.add_field(element.name, element.text);
        }
    }

    /// Tells of an entry whose start tag nobody could read, at its end.
    fn close_lost(&mut self) {
        self.open.truncate(self.entry_depth);
        let mut entry = Entry::new(self.tag_line, self.format.names());
        entry.is_broken("an entry ends here without a start tag: the tag may be broken");
        self.emit(entry);
    }

    /// Opens the element whose tag begins inside of a tag called `name`, if there is one. The entry with that tag is broken.
    fn mend(&mut self, name: &[u8]) -> bool {
        let inside = memchr::memrchr(b'<', name).map(|at| name[at + 1..].to_vec());
        let Some(inside) = self.torn.take().or(inside) else {
            return false;
        };
        if let Some(open) = &mut self.entry {
            open.entry.is_broken("a tag in it is not closed");
        }
        self.attributes.clear();
        if inside.first().is_some_and(u8::is_ascii_alphabetic) {
            self.tag_line = self.line.load(Relaxed);
            self.open(&inside);
        }
        true
    }

    /// Tells of the current tag, in which a value has no end: other elements may be in it.
    fn tell_of_quote(&mut self) {
        if let Some(open) = &mut self.entry {
            return open.entry.is_broken(OPEN_QUOTE);
        }
        let mut entry = Entry::new(self.tag_line, self.format.names());
        entry.is_broken(OPEN_QUOTE);
        self.emit(entry);
    }

    /// Opens an element.
    fn open(&mut self, name: &[u8]) {
        let mut node = self.spare.pop().unwrap_or_default();
        node.set_name(name);
        let parent = self.open.last().map_or("", Node::name);
        let depth = self.open.len();
        let is_nested = self.entry.is_some() && parent == "metadata";
        if self.format.is_entry(&node.full_name, parent, depth) && !is_nested {
            if let Some(mut open) = self.entry.take() {
                let name = node.name();
                open.entry.is_broken(format!(
                    "it is not closed before the next one: is `</{name}>` missing?"
                ));
                self.open.truncate(open.depth);
                self.complete(open.entry);
            }
            self.entry_name.clone_from(&node.full_name);
            self.entry_depth = self.open.len();
            let mut entry = Entry::new(self.tag_line, self.format.names());
            if self.format.is_flat() {
                let attributes = std::mem::take(&mut self.attributes);
                for (name, value) in &attributes {
                    if self.wanted.has(name) {
                        entry.add_field(name, value);
                    }
                }
                let element = Element {
                    name: node.name(),
                    prefix: node.prefix(),
                    around: &[],
                    attributes: &attributes,
                    base: None,
                    text: "",
                };
                self.format.take(&mut entry, &element);
                if !self.has_open_quote {
                    self.complete(entry);
                }
            } else {
                let depth = self.open.len();
                self.entry = Some(Open {
                    entry,
                    depth,
                    bytes: 0,
                });
            }
        }
        let attributes = std::mem::take(&mut self.attributes);
        if let Some(base) = self.base.take() {
            node.base = self.joined(&base).map(Box::new);
        }
        if self.entry.is_none()
            && let Some(url) = self.format.url(node.name(), &attributes)
        {
            self.document = self.joined(url).or(self.document.take());
        }
        if let Some(open) = &mut self.entry {
            let bytes = attributes
                .iter()
                .map(|(name, value)| name.len() + value.len());
            open.bytes += node.full_name.len() + bytes.sum::<usize>();
        }
        let is_kept = self
            .entry
            .as_ref()
            .is_some_and(|open| open.bytes <= LONGEST_ENTRY);
        node.attributes = if is_kept { attributes } else { Vec::new() };
        // an entry is kept however deep it is, with as many elements in it
        let around = self.entry.as_ref().map_or(0, |open| open.depth);
        if self.open.len() - around < DEEPEST {
            self.open.push(node);
        }
    }

    /// A URL in the document, which may be relative.
    fn joined(&self, url: &str) -> Option<Url> {
        match base_of(&self.open, None, self.document.as_ref()) {
            Some(base) => base.join(url).ok(),
            None => Url::parse(url).ok(),
        }
    }

    fn complete(&mut self, entry: Entry) {
        if let Some(entry) = self.format.complete(entry) {
            self.emit(entry);
        }
    }

    fn emit(&mut self, entry: Entry) {
        let text = format!("<{}>", self.entry_name);
        self.found
            .extend(entry.shown_as(text.as_bytes(), &self.context).map(Ok));
    }
}

/// What URLs in `node`, or in the innermost of the elements that are `open`, are relative to.
fn base_of<'a>(
    open: &'a [Node],
    node: Option<&'a Node>,
    document: Option<&'a Url>,
) -> Option<&'a Url> {
    let around = node.into_iter().chain(open.iter().rev());
    let mut bases = around.filter_map(|node| node.base.as_deref());
    bases.next().or(document)
}

impl Sink for Finder {
    type Found = Item;

    const LONGEST_TEXT: usize = LONGEST_LINE;

    fn pop(&mut self) -> Option<Self::Found> {
        self.found.pop_front()
    }

    fn is_raw(&self, _: &[u8]) -> bool {
        false
    }

    fn keeps_text(&self, _: &[u8]) -> bool {
        true
    }

    fn text(&mut self, _: &[u8], text: &[u8]) {
        let Some(node) = self.open.last_mut() else {
            return;
        };
        match &mut self.entry {
            Some(open) => {
                open.bytes += text.len();
                if open.bytes > LONGEST_ENTRY {
                    let problem =
                        format!("it is longer than {LONGEST_ENTRY} bytes: is its end missing?");
                    return open.entry.is_broken(problem);
                }
            }
            None if node.text.len() > LONGEST_LINE => return,
            None => {}
        }
        node.text.push_str(&characters::text(text));
    }

    fn begin(&mut self) {
        self.tag_line = self.line.load(Relaxed);
        self.attributes.clear();
        self.base = None;
        self.has_open_quote = false;
    }

    fn room(&self, _: &[u8]) -> usize {
        LONGEST_LINE
    }

    fn attribute(&mut self, _: &[u8], attribute: &[u8], value: &[u8]) {
        const MOST: usize = 64;
        self.has_open_quote |= memchr::memchr2(b'"', b'\'', attribute).is_some();
        if self.attributes.len() < MOST && !attribute.starts_with(b"xmlns") {
            let value = characters::text(value).into_owned();
            if attribute == b"xml:base" {
                self.base = Some(characters::trim(&value).to_owned());
            }
            let name = attribute.rsplit(|byte| *byte == b':').next();
            let name = String::from_utf8_lossy(name.unwrap_or_default());
            self.attributes.push((name.into_owned(), value));
        }
    }

    fn torn(&mut self, name: &[u8]) {
        self.torn = Some(name.to_vec());
    }

    fn start(&mut self, name: &[u8]) {
        if !self.mend(name) {
            self.open(name);
            if self.has_open_quote {
                self.tell_of_quote();
            }
        }
    }

    fn end(&mut self, name: &[u8]) {
        if self.mend(name) {
            return;
        }
        let name = String::from_utf8_lossy(name);
        let is_same = |node: &Node| node.full_name == name;
        if let Some(depth) = self.open.iter().rposition(is_same) {
            self.close(depth);
        } else if name == self.entry_name && self.entry.is_none() {
            self.close_lost();
        }
    }

    fn eof(&mut self) {
        let root = self.open.first().map(|node| node.name().to_owned());
        if let Some(mut open) = self.entry.take() {
            open.entry
                .is_broken("it is not closed: is the list cut off?");
            self.complete(open.entry);
        }
        if let Some(entry) = self.format.rest() {
            self.emit(entry);
        }
        if let Some(root) = root {
            let error = io::Error::new(
                io::ErrorKind::InvalidData,
                format!("`<{root}>` is not closed"),
            );
            self.found
                .push_back(Err(self.context.broken(self.line.load(Relaxed), &error)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::entry::tests::{carrying, found, gives};

    const ITEM: &str = "<item><title>T</title><link>http://a.example/1.pdf</link></item>";

    #[test]
    fn what_is_torn_is_told_of() {
        let quote = "an attribute is not closed: is a quote missing?";
        for (items, expected) in [
            // the value goes on up to the quote of the next attribute
            (
                "<item><guid>g</guid><enclosure type='application/pdf' url='http://a.example/1.pdf/></item>\n\
                 <item><guid>h</guid><enclosure type='application/pdf' url='http://a.example/2.pdf'/></item>",
                vec![quote.to_owned()],
            ),
            (
                "<item about='g><link>http://a.example/1</link></item>\n<item about='h'><link>http://a.example/2</link></item>",
                vec![quote.to_owned()],
            ),
            (
                "<textInput name='q/>\n<item about='h'><link>http://a.example/2</link></item>",
                vec![quote.to_owned()],
            ),
            // a tag that is closed by another one
            (
                "<item><link>http://a.example/1</lnk><title>T</title></item>",
                vec!["http://a.example/1".to_owned()],
            ),
            (
                "<item><link>http://a.example/1<title>T</title></item>",
                vec!["http://a.example/1".to_owned()],
            ),
        ] {
            let list = format!("<rss><channel>\n{items}\n{ITEM}</channel></rss>");
            let told: Vec<_> = found(list.as_bytes(), 99, carrying(&[]))
                .into_iter()
                .map(|(_, told)| told)
                .collect();
            let expected: Vec<_> = expected
                .into_iter()
                .chain(["http://a.example/1.pdf".to_owned()])
                .collect();
            let is_told = |(told, expected): (&String, &String)| told.contains(expected);
            assert_eq!(told.len(), expected.len(), "{told:?}");
            assert!(told.iter().zip(&expected).all(is_told), "{told:?}");
        }
        gives(
            "<opml><body>\n<outline text='A xmlUrl='http://a.example/1'/>\n<outline text='B' xmlUrl='http://a.example/2'/></body></opml>",
            &[],
            &[
                (2, &format!("bad: entry without a key: {quote}")),
                (3, "http://a.example/2"),
            ],
        );
    }

    #[test]
    fn declarations_do_nothing() {
        let laughs: Vec<_> = (1..10)
            .map(|n| {
                format!(
                    "<!ENTITY lol{n} \"{}\">\n",
                    format!("&lol{};", n - 1).repeat(10)
                )
            })
            .collect();
        for doctype in [
            format!(
                "<!DOCTYPE rss [\n<!ENTITY lol0 \"lol\">\n{}]>",
                laughs.concat()
            ),
            "<!DOCTYPE rss [<!ENTITY lol9 SYSTEM \"file:///etc/passwd\">\n%lol9;]>".to_owned(),
            "<!DOCTYPE rss SYSTEM \"http://a.example/rss.dtd\">".to_owned(),
        ] {
            let item = "<item><title>&lol9;</title><link>http://a.example/1.pdf</link></item>";
            let list =
                format!("<?xml version='1.0'?>\n{doctype}<rss><channel>{item}</channel></rss>");
            let line = 2 + doctype.matches('\n').count() as u64;
            let told = found(list.as_bytes(), 99, carrying(&["title"]));
            assert_eq!(
                told,
                [(line, "&lol9; | http://a.example/1.pdf".to_owned())],
                "{list}"
            );
        }
    }

    #[test]
    fn any_depth_is_read() {
        const DEEP: usize = 20_000;
        for (open, close) in [
            ("<b>", "</b>"),
            ("<b>", ""),
            ("<item>", ""),
            ("<x:y z='1'>", "</x:y>"),
        ] {
            let (open, close) = (open.repeat(DEEP), close.repeat(DEEP));
            let list = format!("<rss><channel>{open}{close}\n{ITEM}</channel></rss>");
            let told = found(list.as_bytes(), 64 * 1024, carrying(&["title"]));
            let end = told.last().map(|(_, told)| told.as_str());
            assert!(
                matches!(
                    end,
                    Some("T | http://a.example/1.pdf" | "http://a.example/1.pdf")
                ),
                "{end:?}"
            );
            let list = format!(
                "<rss><channel><item>{open}{close}<link>http://a.example/2</link></item>{ITEM}</channel></rss>"
            );
            assert!(!found(list.as_bytes(), 64 * 1024, carrying(&[])).is_empty());
        }
    }

    #[test]
    fn a_text_without_end_is_read() {
        const LONG: usize = 2 * 1024 * 1024;
        for (text, is_read) in [
            ("word ".repeat(LONG / 5), true),
            ("\u{8ad6}".repeat(LONG / 3), true),
            ("x".repeat(LONG), false),
        ] {
            let list =
                format!("<rss><channel><description>{text}</description>{ITEM}</channel></rss>");
            let told = found(list.as_bytes(), 64 * 1024, carrying(&[]));
            assert!(told.len() == 1 || !is_read, "{}", told.len());
            let expected = if is_read {
                "http://a.example/1.pdf"
            } else {
                "error: "
            };
            assert!(told[0].1.starts_with(expected), "{}", told[0].1);
        }
    }

    #[test]
    fn encodings_are_read() {
        let text = "<?xml version='1.0' encoding='ENCODING'?>\r\n<rss><channel>\r\n<item><title>é</title><link>http://a.example/é</link></item></channel></rss>";
        let wide = text.replace("ENCODING", "UTF-16");
        let units: Vec<u16> = wide.encode_utf16().collect();
        let latin: Vec<u8> = text
            .replace("ENCODING", "ISO-8859-1")
            .chars()
            .filter_map(|c| u8::try_from(u32::from(c)).ok())
            .collect();
        let little = |mark: &[u16]| -> Vec<u8> {
            mark.iter()
                .chain(&units)
                .flat_map(|unit| unit.to_le_bytes())
                .collect()
        };
        let big: Vec<u8> = [0xfeff]
            .iter()
            .chain(&units)
            .flat_map(|unit| unit.to_be_bytes())
            .collect();
        let utf_8 = text.replace("ENCODING", "UTF-8");
        let marked = format!("\u{feff}{utf_8}");
        let old = utf_8.replace("\r\n", "\r");
        for list in [
            little(&[0xfeff]),
            little(&[]),
            big,
            latin,
            utf_8.into_bytes(),
            marked.into_bytes(),
            old.into_bytes(),
        ] {
            for capacity in [8, 64 * 1024] {
                let told = found(&list, capacity, carrying(&["title"]));
                assert_eq!(
                    told,
                    [(3, "é | http://a.example/%C3%A9".to_owned())],
                    "{list:?}"
                );
            }
        }
    }
}
