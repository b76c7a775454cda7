//! The tags and the text of HTML and XML, as a tokenizer finds them that follows the WHATWG standard for HTML, as browsers do.
//!
//! It knows what is no tag: what stands in comments, scripts, styles and text areas. XML needs no other tokenizer: that of HTML
//! takes everything that XML has (CDATA, processing instructions, references), keeps little in memory whatever comes, and does
//! not end at the first mistake. It is only told that an element may end with its start tag, and that CDATA is text. Within
//! `<svg>` and `<math>`, HTML is like that, too.
//!
//! Whoever looks for links in a document is the [`Sink`] of its [`Tags`]. They keep the names and the attribute that the
//! tokenizer is in, each up to a length, and the text since the last tag, so that a word comes in one piece although
//! references are in it. Everything else is dropped as it comes, and nothing is allocated for a tag.

use html5gum::emitters::naive_next_state;
use html5gum::{Emitter, Error, State};

/// The longest name of a tag or an attribute, in bytes: no name that matters is longer.
const LONGEST_NAME: usize = 128;

/// Takes what is found in a document, in its order.
pub(crate) trait Sink {
    /// What is made of it.
    type Found;

    /// From how many bytes on a text is given in pieces, if it has white space where it can be cut.
    const LONGEST_TEXT: usize;

    /// The next one of what has been made, if there is any.
    fn pop(&mut self) -> Option<Self::Found>;

    /// Whether tags in the element `name`, such as `script`, are text, if they are in the standard.
    fn is_raw(&self, name: &[u8]) -> bool;

    /// Whether text behind the start tag `last_start` matters, or behind an end tag if that is empty.
    fn keeps_text(&self, last_start: &[u8]) -> bool;

    /// Takes text behind the start tag `last_start`, or behind an end tag if that is empty.
    fn text(&mut self, last_start: &[u8], text: &[u8]);

    /// A tag begins.
    fn begin(&mut self);

    /// How many bytes of the value of an attribute matter, in a start tag.
    fn room(&self, attribute: &[u8]) -> usize;

    /// Takes an attribute of a start tag, which is `""` if it has no value.
    fn attribute(&mut self, tag: &[u8], attribute: &[u8], value: &[u8]);

    /// Takes the end of a start tag.
    fn start(&mut self, name: &[u8]);

    /// Takes the end of an element, if it has one.
    fn end(&mut self, name: &[u8]);

    /// Takes the name of a tag that begins inside of the current one, which must have been cut off.
    fn torn(&mut self, _name: &[u8]) {}

    /// Takes the end of the document.
    fn eof(&mut self) {}
}

/// Tells a sink what a tokenizer finds.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
pub(crate) struct Tags<S> {
    sink: S,
    is_xml: bool,
    is_start: bool,
    is_self_closing: bool,
    /// The name of the current tag.
    name: Vec<u8>,
    /// The name and the value of the current attribute.
    attribute: (Vec<u8>, Vec<u8>),
    /// How long the value may become; none until its name is known.
    room: Option<usize>,
    /// How many elements of other languages are open.
    foreign: u32,
    /// The name of the last start tag, if no end tag has followed.
    last_start: Vec<u8>,
    keeps_text: bool,
    text: Vec<u8>,
}

impl<S: Sink> Tags<S> {
    /// Those of a document that is XML or HTML.
    pub(crate) fn new(sink: S, is_xml: bool) -> Self {
        Self {
            keeps_text: sink.keeps_text(b""),
            sink,
            is_xml,
            is_start: false,
            is_self_closing: false,
            name: Vec::new(),
            attribute: Default::default(),
            room: None,
            foreign: 0,
            last_start: Vec::new(),
            text: Vec::new(),
        }
    }

    fn begin(&mut self, is_start: bool) {
        self.give_text(self.text.len());
        self.sink.begin();
        self.is_start = is_start;
        self.is_self_closing = false;
        self.name.clear();
        self.begin_attribute();
    }

    fn begin_attribute(&mut self) {
        self.attribute.0.clear();
        self.attribute.1.clear();
        self.room = None;
    }

    fn end_attribute(&mut self) {
        let (attribute, value) = &self.attribute;
        if let [b'<', name @ ..] = &attribute[..] {
            self.sink.torn(name);
        }
        if self.is_start && !attribute.is_empty() {
            self.sink.attribute(&self.name, attribute, value);
        }
        self.begin_attribute();
    }

    fn give_text(&mut self, end: usize) {
        if end > 0 {
            self.sink.text(&self.last_start, &self.text[..end]);
            self.text.drain(..end);
        }
    }

    fn is_foreign(&self) -> bool {
        self.is_xml || self.foreign > 0
    }

    /// Whether the tag begins or ends a part in another language than HTML.
    fn is_island(&self) -> bool {
        matches!(&self.name[..], b"svg" | b"math")
    }

    fn end(&mut self) {
        if self.is_island() {
            self.foreign = self.foreign.saturating_sub(1);
        }
        self.sink.end(&self.name);
    }
}

/// Where `text` can be cut: behind white space, or else before its last character.
fn cut(text: &[u8]) -> usize {
    let space = text.iter().rposition(u8::is_ascii_whitespace);
    let begins_character = |byte: &u8| byte & 0xc0 != 0x80;
    let last = || text.iter().rposition(begins_character);
    let end = space.map(|space| space + 1).or_else(last);
    end.filter(|end| *end > 0).unwrap_or(text.len())
}

/// Adds to a part of a tag what there is room for.
fn push(part: &mut Vec<u8>, bytes: &[u8], longest: usize) {
    let room = longest.saturating_sub(part.len());
    part.extend_from_slice(&bytes[..bytes.len().min(room)]);
}

impl<S: Sink> Emitter for Tags<S> {
    type Token = S::Found;

    fn pop_token(&mut self) -> Option<S::Found> {
        self.sink.pop()
    }

    fn init_start_tag(&mut self) {
        self.begin(true);
    }

    fn init_end_tag(&mut self) {
        self.begin(false);
    }

    fn push_tag_name(&mut self, name: &[u8]) {
        push(&mut self.name, name, LONGEST_NAME);
    }

    fn init_attribute(&mut self) {
        self.end_attribute();
    }

    fn push_attribute_name(&mut self, name: &[u8]) {
        push(&mut self.attribute.0, name, LONGEST_NAME);
    }

    fn push_attribute_value(&mut self, value: &[u8]) {
        if self.is_start {
            let (attribute, kept) = &mut self.attribute;
            let room = *self.room.get_or_insert_with(|| self.sink.room(attribute));
            push(kept, value, room);
        }
    }

    fn set_self_closing(&mut self) {
        self.is_self_closing = true;
    }

    fn emit_current_tag(&mut self) -> Option<State> {
        self.end_attribute();
        self.last_start.clear();
        if self.is_start {
            self.foreign += u32::from(self.is_island());
            self.sink.start(&self.name);
        }
        let is_open = self.is_start && !(self.is_self_closing && self.is_foreign());
        if is_open {
            self.last_start.extend_from_slice(&self.name);
        } else {
            self.end();
        }
        self.keeps_text = self.sink.keeps_text(&self.last_start);
        let state = naive_next_state(&self.last_start);
        state.filter(|_| self.sink.is_raw(&self.last_start))
    }

    fn emit_string(&mut self, text: &[u8]) {
        if !self.keeps_text {
            return;
        }
        self.text.extend_from_slice(text);
        if self.text.len() >= S::LONGEST_TEXT {
            self.give_text(cut(&self.text));
        }
    }

    fn emit_eof(&mut self) {
        self.give_text(self.text.len());
        self.sink.eof();
    }

    fn set_last_start_tag(&mut self, name: Option<&[u8]>) {
        self.last_start = name.unwrap_or_default().to_vec();
    }

    fn current_is_appropriate_end_tag_token(&mut self) -> bool {
        !self.is_start && !self.name.is_empty() && self.name == self.last_start
    }

    fn adjusted_current_node_present_but_not_in_html_namespace(&mut self) -> bool {
        // so that CDATA is text, and no comment
        self.is_foreign()
    }

    fn should_emit_errors(&mut self) -> bool {
        false
    }

    fn emit_error(&mut self, _: Error) {}
    fn init_comment(&mut self) {}
    fn push_comment(&mut self, _: &[u8]) {}
    fn emit_current_comment(&mut self) {}
    fn init_doctype(&mut self) {}
    fn set_force_quirks(&mut self) {}
    fn push_doctype_name(&mut self, _: &[u8]) {}
    fn set_doctype_public_identifier(&mut self, _: &[u8]) {}
    fn set_doctype_system_identifier(&mut self, _: &[u8]) {}
    fn push_doctype_public_identifier(&mut self, _: &[u8]) {}
    fn push_doctype_system_identifier(&mut self, _: &[u8]) {}
    fn emit_current_doctype(&mut self) {}
}

/// Counts the letters at the end of what is read: the tokenizer keeps those that may be the name of an end tag.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Letters(usize);

impl Letters {
    /// How many there are in a row, after `bytes` more.
    pub(crate) fn after(&mut self, bytes: &[u8]) -> usize {
        let is_other = |byte: &u8| !byte.is_ascii_alphabetic();
        self.0 = match bytes.iter().rposition(is_other) {
            Some(last) => bytes.len() - 1 - last,
            None => self.0 + bytes.len(),
        };
        self.0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use html5gum::Tokenizer;

    use super::*;

    /// Notes what it is told.
    #[derive(Default)]
    struct Notes(VecDeque<String>);

    impl Sink for Notes {
        type Found = String;
        const LONGEST_TEXT: usize = 2000;

        fn pop(&mut self) -> Option<String> {
            self.0.pop_front()
        }

        fn is_raw(&self, _: &[u8]) -> bool {
            true
        }

        fn keeps_text(&self, last_start: &[u8]) -> bool {
            last_start != b"script"
        }

        fn text(&mut self, _: &[u8], text: &[u8]) {
            self.0.push_back(String::from_utf8_lossy(text).into_owned());
        }

        fn begin(&mut self) {}

        fn room(&self, _: &[u8]) -> usize {
            1000
        }

        fn attribute(&mut self, _: &[u8], attribute: &[u8], value: &[u8]) {
            let texts = [attribute, value].map(String::from_utf8_lossy);
            self.0.push_back(texts.join("="));
        }

        fn start(&mut self, name: &[u8]) {
            self.0
                .push_back(format!("<{}>", String::from_utf8_lossy(name)));
        }

        fn end(&mut self, name: &[u8]) {
            self.0
                .push_back(format!("</{}>", String::from_utf8_lossy(name)));
        }
    }

    #[test]
    fn what_is_no_tag_is_text_or_nothing() {
        for (document, html, xml) in [
            (
                "<A B=c d='e&amp;f'>R&eacute;s<!-- <i> -->um</A>",
                "b=c d=e&f <a> Résum </a>",
                "b=c d=e&f <a> Résum </a>",
            ),
            (
                "<script>'<a>'</script><title><a></title>",
                "<script> </script> <title> <a> </title>",
                "<script> </script> <title> <a> </title>",
            ),
            (
                "<style/><a>x</style>",
                "<style> <a>x </style>",
                "<style> </style> <a> x </style>",
            ),
            (
                "<svg><style/><a/><title/></svg><style/><a>",
                "<svg> <style> </style> <a> </a> <title> </title> </svg> <style> <a>",
                "<svg> <style> </style> <a> </a> <title> </title> </svg> <style> </style> <a>",
            ),
            (
                "<svg/><![CDATA[<a>]]>",
                "<svg> </svg> ]]>",
                "<svg> </svg> <a>",
            ),
            (
                "<math><![CDATA[<a>]]></math><plaintext><a>",
                "<math> <a> </math> <plaintext> <a>",
                "<math> <a> </math> <plaintext> <a>",
            ),
            (
                "<?xml x='>'?><!--[if IE]><a><![endif]--><![if !IE]>b<![endif]><!--><a><!--->c<!-- --!>d",
                "'?>b <a> cd",
                "'?>b <a> cd",
            ),
            ("<a b=c b=d", "b=c", "b=c"),
        ] {
            for (is_xml, expected) in [(false, html), (true, xml)] {
                let tags = Tags::new(Notes::default(), is_xml);
                let noted = Tokenizer::new_with_emitter(document, tags).flatten();
                let noted: Vec<_> = noted.collect();
                assert_eq!(noted.join(" "), expected, "{document} {is_xml}");
            }
        }
    }

    #[test]
    fn a_text_is_cut_between_words_or_characters() {
        for (text, end) in [("ab c", 3), ("ab ", 3), ("論文", 3), ("論", 3), ("abc", 2)] {
            assert_eq!(cut(text.as_bytes()), end, "{text}");
        }
        assert_eq!(cut(b"\x80\x80"), 2);
    }

    #[test]
    fn a_tag_of_any_length_takes_little_memory() {
        let mut tags = Tags::new(Notes::default(), true);
        let piece = [b'x'; 1000];
        tags.init_start_tag();
        for _ in 0..1000 {
            tags.push_tag_name(&piece);
            tags.push_attribute_name(&piece);
            tags.push_attribute_value(&piece);
            tags.push_comment(&piece);
            tags.emit_string(&piece);
        }
        let (attribute, value) = &tags.attribute;
        let kept = [&tags.name, attribute, value].map(Vec::len);
        assert_eq!(kept, [LONGEST_NAME, LONGEST_NAME, 1000]);
        assert!(tags.text.len() < Notes::LONGEST_TEXT);
    }
}
