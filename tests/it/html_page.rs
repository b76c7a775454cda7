//! A page as it is parsed, for what is said about its structure.

use std::collections::BTreeMap;

use html5gum::emitters::default::DefaultEmitter;
use html5gum::{Token, Tokenizer};

/// Elements without an end tag.
const VOID: [&str; 4] = ["meta", "input", "wbr", "br"];

/// A page, element by element.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) elements: Vec<Element>,
}

/// An element with all text in it.
#[derive(Debug, Default)]
pub(crate) struct Element {
    pub(crate) name: String,
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) text: String,
    /// The elements around it, from the outside.
    pub(crate) around: Vec<usize>,
}

impl Page {
    /// Parses `html`, in which each element is closed as it must be.
    #[track_caller]
    pub(crate) fn parse(html: &str) -> Self {
        let mut emitter = DefaultEmitter::default();
        emitter.naively_switch_states(true);
        let (mut elements, mut open) = (Vec::<Element>::new(), Vec::new());
        for token in Tokenizer::new_with_emitter(html, emitter) {
            match token.expect("text can be read") {
                Token::StartTag(tag) => {
                    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
                    let attributes = tag.attributes.iter();
                    let attributes = attributes.map(|(name, value)| (text(name), text(value)));
                    let name = text(&tag.name);
                    let is_open = !tag.self_closing && !VOID.contains(&&*name);
                    elements.push(Element {
                        attributes: attributes.collect(),
                        name,
                        text: String::new(),
                        around: open.clone(),
                    });
                    if is_open {
                        open.push(elements.len() - 1);
                    }
                }
                Token::EndTag(tag) => {
                    let last = open.pop().map(|last: usize| elements[last].name.as_bytes());
                    assert_eq!(last, Some(&**tag.name), "{tag:?}");
                }
                Token::String(text) => {
                    let text = String::from_utf8_lossy(&text);
                    for element in &open {
                        elements[*element].text.push_str(&text);
                    }
                }
                Token::Error(error) => panic!("{error:?}"),
                Token::Comment(_) | Token::Doctype(_) => {}
            }
        }
        assert!(open.is_empty(), "{open:?} are not closed");
        Self { elements }
    }

    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.elements
            .iter()
            .filter(move |element| element.name == name)
    }

    /// The element with this id.
    #[track_caller]
    pub(crate) fn id(&self, id: &str) -> &Element {
        let mut found = self.elements.iter().filter(|element| element.is("id", id));
        found.next().unwrap_or_else(|| panic!("no #{id}"))
    }

    /// The rows of the tables in the element with this id.
    pub(crate) fn rows<'a>(&'a self, id: &'a str) -> impl Iterator<Item = &'a Element> {
        let is_in = move |around: &usize| self.elements[*around].is("id", id);
        let is_row = |around: &usize| self.elements[*around].name == "tbody";
        self.all("tr")
            .filter(move |row| row.around.iter().any(is_in) && row.around.iter().any(is_row))
    }
}

impl Element {
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(String::as_str)
    }

    pub(crate) fn is(&self, name: &str, value: &str) -> bool {
        self.attribute(name) == Some(value)
    }
}
