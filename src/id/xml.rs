//! XML as values with fields, as if it were JSON, so that the same paths lead through both: an element without others in it is
//! a text, several of one name are an array, and names are in lower case.

use html5gum::Tokenizer;
use serde_json::{Map, Value};

use crate::tags::{Sink, Tags};

/// How deep elements may be in each other.
const DEEPEST: usize = 64;

/// The root element of `document`; none if there is none, or it is a page.
pub(super) fn value(document: &str) -> Option<Value> {
    let tree = Tags::new(Tree::default(), true);
    Tokenizer::new_with_emitter(document, tree).flatten().last()
}

/// Elements that are open, and the root once it is closed.
#[derive(Default)]
struct Tree {
    open: Vec<Element>,
    root: Option<Value>,
}

struct Element {
    name: String,
    fields: Map<String, Value>,
    text: String,
}

impl Sink for Tree {
    type Found = Value;
    const LONGEST_TEXT: usize = 8 * 1024;

    fn pop(&mut self) -> Option<Value> {
        self.root.take()
    }

    fn is_raw(&self, _: &[u8]) -> bool {
        false
    }

    fn keeps_text(&self, _: &[u8]) -> bool {
        true
    }

    fn text(&mut self, _: &[u8], text: &[u8]) {
        if let Some(element) = self.open.last_mut() {
            element.text.push_str(&String::from_utf8_lossy(text));
        }
    }

    fn begin(&mut self) {}

    fn room(&self, _: &[u8]) -> usize {
        0
    }

    fn attribute(&mut self, _: &[u8], _: &[u8], _: &[u8]) {}

    fn start(&mut self, name: &[u8]) {
        if self.open.len() < DEEPEST {
            self.open.push(Element {
                name: String::from_utf8_lossy(name).into_owned(),
                fields: Map::new(),
                text: String::new(),
            });
        }
    }

    fn end(&mut self, name: &[u8]) {
        let is_own = |element: &mut Element| element.name.as_bytes() == name;
        let Some(element) = self.open.pop_if(is_own) else {
            return;
        };
        let value = if element.fields.is_empty() {
            Value::String(element.text)
        } else {
            Value::Object(element.fields)
        };
        match self.open.last_mut() {
            None if element.name == "html" => {}
            None => self.root = Some(value),
            Some(outer) => match outer.fields.get_mut(&element.name) {
                Some(Value::Array(values)) => values.push(value),
                Some(first) => *first = Value::Array(vec![first.take(), value]),
                None => {
                    outer.fields.insert(element.name, value);
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn elements_are_fields() {
        let list = "<?xml version=\"1.0\"?><List xmlns=\"a\"><Prefix>P.</Prefix><C><Prefix>P.1/</Prefix></C><Empty/>\
                    <C><Prefix>P.2/</Prefix></C></List>";
        let expected = json!({
            "prefix": "P.", "empty": "", "c": [{"prefix": "P.1/"}, {"prefix": "P.2/"}],
        });
        assert_eq!(value(list), Some(expected));
        assert_eq!(value("<html><body>sorry</body></html>"), None);
        assert_eq!(value("<a><b>"), None);
    }
}
