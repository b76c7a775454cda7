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
//! the end of the document; a document whose first element is not closed is cut off. Names are compared without prefix and in
//! lower case.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use html5gum::Tokenizer;

use super::compressed::Source;
use super::entry::{Entry, LONGEST_ENTRY, Names};
use super::html::Counted;
use super::{
    Context, Item, characters, endnote, feed, oai, opml, sitemap, starts_with, zotero_rdf,
};
use crate::line::LONGEST_LINE;
use crate::tags::{Sink, Tags};

/// The most elements that are open around another one.
const DEEPEST: usize = 256;

/// Elements that only say how a text is set, so that theirs is part of what it is in.
const STYLES: [&str; 12] = [
    "style", "i", "b", "em", "strong", "sub", "sup", "span", "italic", "bold", "p", "div",
];

/// How far a document is looked at for the element that says what it is.
const LONGEST_PROLOGUE: usize = 16 * 1024;

/// A format of XML.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    EndNote,
    ZoteroRdf,
    Opml,
    Feed,
    Sitemap,
    SitemapIndex,
    OaiPmh,
}

impl Dialect {
    /// The format of a document, by its first element; none if it is of another kind.
    pub(super) fn of(beginning: &str) -> Option<Self> {
        let tag = first_tag(beginning)?;
        let name = tag
            .split(|c: char| c.is_whitespace() || matches!(c, '>' | '/'))
            .next()?;
        let (_, local) = name.rsplit_once(':').unwrap_or(("", name));
        let root = tag.split('>').next().unwrap_or_default();
        match &*local.to_ascii_lowercase() {
            "xml" | "records" if beginning.contains("<record") => Some(Self::EndNote),
            "rdf" if root.contains("zotero.org") || root.contains("purl.org/net/biblio") => {
                Some(Self::ZoteroRdf)
            }
            // its modules are used elsewhere, too
            "rdf"
                if ["1.0", "0.9", "0.90"]
                    .iter()
                    .any(|version| root.contains(&format!("/rss/{version}/\""))) =>
            {
                Some(Self::Feed)
            }
            "rdf" if root.contains("netscape.com/rdf") => Some(Self::Feed),
            "opml" => Some(Self::Opml),
            "rss" | "feed" => Some(Self::Feed),
            "urlset" => Some(Self::Sitemap),
            "sitemapindex" => Some(Self::SitemapIndex),
            "oai-pmh" => Some(Self::OaiPmh),
            _ => None,
        }
    }

    /// Whether a document with this beginning has said what it is.
    pub(super) fn is_clear(beginning: &str) -> bool {
        let is_whole = |tag: &str| {
            let is_xml = tag.starts_with("xml") || tag.starts_with("records");
            tag.contains('>') && !(is_xml && tag.len() < 1024 && !tag.contains("<record>"))
        };
        beginning.len() >= LONGEST_PROLOGUE || first_tag(beginning).is_some_and(is_whole)
    }

    /// What it is called in messages.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::EndNote => "an EndNote library in XML",
            Self::ZoteroRdf => "Zotero RDF",
            Self::Opml => "OPML",
            Self::Feed => "a feed",
            Self::Sitemap => "a sitemap",
            Self::SitemapIndex => "an index of sitemaps",
            Self::OaiPmh => "an answer of OAI-PMH",
        }
    }

    fn format(self) -> Box<dyn Format> {
        match self {
            Self::EndNote => Box::new(endnote::EndNote),
            Self::ZoteroRdf => Box::<zotero_rdf::ZoteroRdf>::default(),
            Self::Opml => Box::new(opml::Opml),
            Self::Feed => Box::new(feed::Feed),
            Self::Sitemap | Self::SitemapIndex => Box::new(sitemap::Sitemap),
            Self::OaiPmh => Box::<oai::OaiPmh>::default(),
        }
    }
}

/// What follows the `<` of the first element.
fn first_tag(beginning: &str) -> Option<&str> {
    let mut rest = beginning.trim_start_matches(characters::is_space);
    loop {
        let end = match rest {
            _ if rest.starts_with("<?") => "?>",
            _ if rest.starts_with("<!--") => "-->",
            _ if starts_with(rest, "<!doctype html") => return None,
            _ if rest.starts_with("<!") => ">",
            _ => break,
        };
        rest = rest.split_once(end)?.1.trim_start();
    }
    rest.strip_prefix('<')
}

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

    /// Takes an element outside of all entries.
    fn take_outside(&mut self, _name: &str, _text: &str, _context: &Context) {}

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
    /// The names of the elements around it in its entry, the nearest one last.
    pub around: &'a [&'a str],
    attributes: &'a [(String, String)],
    pub text: &'a str,
}

impl Element<'_> {
    /// An attribute by its name without prefix; `""` if there is none.
    pub(super) fn attribute(&self, name: &str) -> &str {
        let mut attributes = self.attributes.iter();
        let found = attributes.find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value.as_str())
    }

    /// Whether it is inside of an element called `name`.
    pub(super) fn is_in(&self, name: &str) -> bool {
        self.around.contains(&name)
    }

    /// The name of the element around it.
    pub(super) fn parent(&self) -> &str {
        self.around.last().copied().unwrap_or_default()
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
    let finder = Finder {
        format: dialect.format(),
        context,
        line: Arc::clone(&line),
        tag_line: 1,
        torn: None,
        attributes: Vec::new(),
        open: Vec::new(),
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
    context: Context,
    /// The line that has been read.
    line: Arc<AtomicU64>,
    /// The line in which the current tag begins.
    tag_line: u64,
    /// The name of a tag that begins inside of it.
    torn: Option<Vec<u8>>,
    attributes: Vec<(String, String)>,
    open: Vec<Node>,
    /// The name of the last entry, and how many elements are around it.
    entry_name: String,
    entry_depth: usize,
    entry: Option<Open>,
    found: VecDeque<Item>,
}

/// An element that is open.
#[derive(Default)]
struct Node {
    prefix: String,
    name: String,
    attributes: Vec<(String, String)>,
    text: String,
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
            let is_entry = self
                .entry
                .as_ref()
                .is_some_and(|entry| entry.depth == self.open.len());
            if is_entry && let Some(open) = self.entry.take() {
                self.complete(open.entry);
            }
            let is_style = STYLES.contains(&node.name.as_str());
            if is_style && let Some(parent) = self.open.last_mut() {
                parent.text.push_str(&node.text);
            }
        }
    }

    /// Tells the format what is in an element that has just been closed.
    fn give(&mut self, node: &Node) {
        let Some(open) = &mut self.entry else {
            return self
                .format
                .take_outside(&node.name, node.text.trim(), &self.context);
        };
        let around: Vec<_> = self.open[open.depth.min(self.open.len())..]
            .iter()
            .map(|node| node.name.as_str())
            .collect();
        let element = Element {
            name: &node.name,
            prefix: &node.prefix,
            around: &around,
            attributes: &node.attributes,
            text: node.text.trim(),
        };
        self.format.take(&mut open.entry, &element);
        if !element.text.is_empty() && self.format.is_field(&element) {
            open.entry.add_field(&node.name, element.text);
        }
    }

    /// Tells of an entry whose start tag nobody could read, at its end.
    fn close_lost(&mut self) {
        self.open.truncate(self.entry_depth);
        let mut entry = Entry::new(self.tag_line, self.format.names());
        entry.is_broken("an entry ends here that has not begun: its start tag may be broken");
        self.emit(entry);
    }

    /// Opens the element whose tag begins inside of a tag called `name`, if there is one. The entry with that tag is broken.
    fn mend(&mut self, name: &[u8]) -> bool {
        let inside = memchr::memrchr(b'<', name).map(|at| name[at + 1..].to_vec());
        let Some(inside) = self.torn.take().or(inside) else {
            return false;
        };
        if let Some(open) = &mut self.entry {
            open.entry.is_broken("a tag in it has no end");
        }
        self.attributes.clear();
        if inside.first().is_some_and(u8::is_ascii_alphabetic) {
            self.tag_line = self.line.load(Relaxed);
            self.open(&inside);
        }
        true
    }

    /// Opens an element.
    fn open(&mut self, name: &[u8]) {
        let (prefix, name) = parts(name);
        let full = if prefix.is_empty() {
            name.clone()
        } else {
            format!("{prefix}:{name}")
        };
        let parent = self.open.last().map_or("", |node| node.name.as_str());
        let depth = self.open.len();
        let is_nested = self.entry.is_some() && parent == "metadata";
        if self.format.is_entry(&full, parent, depth) && !is_nested {
            if let Some(mut open) = self.entry.take() {
                open.entry.is_broken(format!(
                    "it has no end before the next one: is `</{name}>` missing?"
                ));
                self.open.truncate(open.depth);
                self.complete(open.entry);
            }
            self.entry_name.clone_from(&full);
            self.entry_depth = self.open.len();
            let mut entry = Entry::new(self.tag_line, self.format.names());
            if self.format.is_flat() {
                let attributes = std::mem::take(&mut self.attributes);
                for (name, value) in &attributes {
                    entry.add_field(name, value);
                }
                let (name, around, text) = (name.as_str(), &[][..], "");
                let prefix = prefix.as_str();
                let element = Element {
                    name,
                    prefix,
                    around,
                    attributes: &attributes,
                    text,
                };
                self.format.take(&mut entry, &element);
                self.complete(entry);
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
        if let Some(open) = &mut self.entry {
            let bytes = attributes
                .iter()
                .map(|(name, value)| name.len() + value.len());
            open.bytes += name.len() + bytes.sum::<usize>();
        }
        let is_kept = self
            .entry
            .as_ref()
            .is_some_and(|open| open.bytes <= LONGEST_ENTRY);
        let attributes = if is_kept { attributes } else { Vec::new() };
        if self.open.len() < DEEPEST {
            let text = String::new();
            self.open.push(Node {
                prefix,
                name,
                attributes,
                text,
            });
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

/// The parts of a name, in lower case as the tokenizer has it.
fn parts(name: &[u8]) -> (String, String) {
    let name = String::from_utf8_lossy(name);
    let (prefix, local) = name.rsplit_once(':').unwrap_or(("", &name));
    (prefix.to_owned(), local.to_owned())
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
    }

    fn room(&self, _: &[u8]) -> usize {
        LONGEST_LINE
    }

    fn attribute(&mut self, _: &[u8], attribute: &[u8], value: &[u8]) {
        const MOST: usize = 64;
        if self.attributes.len() < MOST && !attribute.starts_with(b"xmlns") {
            let value = characters::text(value).into_owned();
            self.attributes.push((parts(attribute).1, value));
        }
    }

    fn torn(&mut self, name: &[u8]) {
        self.torn = Some(name.to_vec());
    }

    fn start(&mut self, name: &[u8]) {
        if !self.mend(name) {
            self.open(name);
        }
    }

    fn end(&mut self, name: &[u8]) {
        if self.mend(name) {
            return;
        }
        let full = String::from_utf8_lossy(name).into_owned();
        let (prefix, name) = parts(name);
        let is_same = |node: &Node| node.name == name && node.prefix == prefix;
        if let Some(depth) = self.open.iter().rposition(is_same) {
            self.close(depth);
        } else if full == self.entry_name && self.entry.is_none() {
            self.close_lost();
        }
    }

    fn eof(&mut self) {
        let root = self.open.first().map(|node| node.name.clone());
        if let Some(mut open) = self.entry.take() {
            open.entry.is_broken("it has no end: is the list cut off?");
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
