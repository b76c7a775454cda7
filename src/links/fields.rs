//! The fields of a JSON object, and which of them have links, by their names (see [`headings`](super::headings)), also in objects
//! inside, as in `openAccessPdf.url`.
//!
//! An object may be long, and is parsed no further than it is used: values stay as they are in the text, and there are limits on
//! the number of fields and on how deep they are.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::{fmt, iter};

use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::checksums::Kind;
use super::columns::Columns;
use super::headings::{LinkColumns, Rank, id_column, is_same, link_columns, rank};
use super::split;

/// The most fields of an object.
const MOST_FIELDS: usize = 10_000;

/// The fields of an object, with values in JSON.
#[derive(Default)]
pub(super) struct Fields<'a>(pub BTreeMap<String, &'a RawValue>);

impl<'a> Fields<'a> {
    /// The text of a field.
    pub(super) fn text(&self, name: &str) -> Option<Cow<'a, str>> {
        text(self.0.get(name)?)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Self::Value, A::Error> {
        let mut fields = Fields::default();
        while let Some((name, value)) = object.next_entry()? {
            fields.0.insert(name, value);
            if fields.0.len() > MOST_FIELDS {
                return Err(A::Error::custom(format!("more than {MOST_FIELDS} fields")));
            }
        }
        Ok(fields)
    }
}

/// How deep objects are looked into: `hits.hits[].files[].links.self`.
pub(super) const DEEPEST: usize = 8;

/// The elements of an array that are looked at to know its fields.
const SAMPLE: usize = 3;
/// Where the links of an object are.
pub(super) enum Place<'a> {
    /// In the fields with these paths, the best one first.
    Here(Vec<String>),
    /// In these objects and texts, and in the elements of these arrays.
    In(Vec<&'a RawValue>),
    /// There are none. Where something is `null`, or nothing but an array without elements, the object says so itself.
    Nowhere { says_so: bool },
}

impl<'a> Fields<'a> {
    /// Where its links are.
    pub(super) fn links(&self, columns: &Columns) -> Place<'a> {
        let here = |found: LinkColumns, names: &[&str]| {
            let names = iter::once(found.first)
                .chain(found.others)
                .map(|at| names[at].to_owned());
            Place::Here(names.collect())
        };
        if let Some(name) = &columns.url {
            return self.named(name);
        }
        let own = self.0.iter().filter(|(_, value)| is_text(value));
        let own: Vec<_> = own.map(|(name, _)| name.as_str()).collect();
        let is_record = ["schema", "status", "url"]
            .iter()
            .all(|name| self.0.contains_key(*name));
        if is_record {
            return Place::Here(vec!["url".to_owned()]);
        }
        if let Some(found) = link_columns(columns, &own.iter().copied())
            && rank(own[found.first]) <= Some(Rank::FileLink)
        {
            return here(found, &own);
        }
        let mut leaves = Vec::new();
        self.leaves("", DEEPEST, &mut leaves);
        let names: Vec<_> = leaves.iter().map(|(name, _)| name.as_str()).collect();
        let Some(found) = link_columns(columns, &names.iter().copied()) else {
            return match self.unnamed(&leaves) {
                nowhere @ Place::Nowhere { .. } => self.identifier(columns).unwrap_or(nowhere),
                found => found,
            };
        };
        let first = names[found.first];
        match first.split_once("[]") {
            // an array of texts is a field with several links
            None | Some((_, "")) => match self.files(first) {
                Some(values) => Place::In(values),
                None => here(found, &names),
            },
            Some((_, field)) => {
                let arrays = names.iter().filter(|name| rank(name) == rank(first));
                let arrays = arrays.filter_map(|name| name.strip_suffix(field)?.strip_suffix("[]"));
                let arrays: BTreeSet<_> = arrays.filter(|array| !array.contains("[]")).collect();
                let values = arrays.into_iter().flat_map(|array| self.at_path(array));
                Place::In(values.collect())
            }
        }
    }

    /// The field that has an identifier, by its name.
    fn identifier(&self, columns: &Columns) -> Option<Place<'a>> {
        let fields = self.0.iter().filter(|(_, value)| text(value).is_some());
        let names: Vec<_> = fields.map(|(name, _)| name.as_str()).collect();
        let found = id_column(columns, &names.iter().copied())?;
        Some(Place::Here(vec![names[found.first].to_owned()]))
    }

    /// The values beside the one on the way to `path`, if they are those of a map from keys such as `0` or `smith2020` to files.
    fn files(&self, path: &str) -> Option<Vec<&'a RawValue>> {
        let rest_behind = |name: &str| {
            let rest = path.strip_prefix(name)?;
            (rest.is_empty() || rest.starts_with('.')).then_some(rest)
        };
        let mut fields = self.0.iter();
        let (name, value, rest) =
            fields.find_map(|(name, value)| Some((name, value, rest_behind(name)?)))?;
        let is_key = |name: &str| {
            let has_number = name.contains(|c: char| c.is_ascii_digit());
            has_number && rank(name).is_none() && Kind::of(name).is_none()
        };
        if !is_key(name) {
            let inside: Fields = serde_json::from_str(value.get()).ok()?;
            return inside.files(rest.strip_prefix('.')?);
        }
        let is_file = |value: &RawValue| match rest {
            "" => text(value).is_some_and(|text| split::begins_link(text.as_bytes())),
            _ => value.get().starts_with('{') && value.get().contains("http"),
        };
        let files = self.0.iter().filter(|(name, _)| is_key(name));
        let files = files
            .map(|(_, value)| *value)
            .filter(|value| is_file(value));
        let files: Vec<_> = files.collect();
        (files.len() > 1).then_some(files)
    }

    /// Where its links are, with these `leaves`, if no name says so: where there are PDFs.
    fn unnamed(&self, leaves: &[(String, &'a RawValue)]) -> Place<'a> {
        let mut pdfs = leaves.iter().filter(|(_, value)| {
            let text = text(value);
            text.is_some_and(|text| split::is_pdf_link(&text))
        });
        let Some((first, value)) = pdfs.next() else {
            let says_so = leaves.iter().any(|(_, value)| value.get() == "null")
                || self.is_empty_answer(leaves);
            return Place::Nowhere { says_so };
        };
        let object = |path: &str| path.rsplit_once('.').map(|(object, _)| object.to_owned());
        let others = pdfs.filter(|(path, _)| object(path) == object(first));
        let others: Vec<_> = others.map(|(_, value)| *value).collect();
        if others.is_empty() || first.contains("[]") {
            return Place::Here(vec![first.clone()]);
        }
        Place::In(iter::once(*value).chain(others).collect())
    }

    /// Whether it is what a search gives that finds nothing: `{"total": 0, "data": []}`.
    fn is_empty_answer(&self, leaves: &[(String, &RawValue)]) -> bool {
        let is_text = |value: &RawValue| value.get().starts_with('"');
        let is_empty =
            |value: &RawValue| value.get().starts_with('[') && value.get()[1..].trim() == "]";
        self.0.values().any(|value| is_empty(value))
            && !leaves.iter().any(|(_, value)| is_text(value))
    }

    /// Where the field of links is that the user has named.
    fn named(&self, wanted: &str) -> Place<'a> {
        if !self.at_path(wanted).is_empty() {
            return Place::Here(vec![wanted.to_owned()]);
        }
        if let Some(name) = self.0.keys().find(|name| is_same(name, wanted)) {
            return Place::Here(vec![name.clone()]);
        }
        let mut leaves = Vec::new();
        self.leaves("", DEEPEST, &mut leaves);
        let inside = leaves.iter().find_map(|(path, _)| {
            let (array, rest) = path.split_once("[].")?;
            let is_wanted = rest == wanted || rest.rsplit("[].").next() == Some(wanted);
            is_wanted.then_some(array)
        });
        inside.map_or(Place::Nowhere { says_so: false }, |array| {
            Place::In(self.at_path(array))
        })
    }

    /// Adds the texts in these fields to `leaves`, with their paths.
    fn leaves(&self, prefix: &str, depth: usize, leaves: &mut Vec<(String, &'a RawValue)>) {
        for (name, value) in &self.0 {
            if leaves.len() >= MOST_FIELDS {
                return;
            }
            let path = format!("{prefix}{name}");
            add_leaves(path, value, depth, leaves);
        }
    }

    /// The values at a path such as `best.pdf_url` or `links[].url`. Arrays on the way need not be marked.
    pub(super) fn at_path(&self, path: &str) -> Vec<&'a RawValue> {
        let mut found = Vec::new();
        self.find(path, DEEPEST, &mut found);
        found
    }

    fn find(&self, path: &str, depth: usize, found: &mut Vec<&'a RawValue>) {
        if let Some(value) = self.0.get(path) {
            return found.push(value);
        }
        let dots = path.match_indices('.').map(|(at, _)| at);
        for at in dots.chain([path.len()]) {
            let (name, rest) = (&path[..at], path[at..].trim_start_matches('.'));
            let Some(value) = self.0.get(name.trim_end_matches("[]")) else {
                continue;
            };
            if rest.is_empty() {
                return found.push(value);
            }
            let mut enter = |value: &'a RawValue| {
                if depth > 0
                    && found.len() < MOST_FIELDS
                    && let Ok(fields) = serde_json::from_str::<Fields>(value.get())
                {
                    fields.find(rest, depth - 1, found);
                }
                true
            };
            if value.get().starts_with('[') {
                each_element(value, &mut enter);
            } else {
                enter(value);
            }
        }
    }
}

/// Whether a value is a text, several of them, or says that there is none.
fn is_text(value: &RawValue) -> bool {
    let inside = value
        .get()
        .trim_start_matches(|c: char| c == '[' || c.is_whitespace());
    inside.starts_with('"') || value.get() == "null"
}

/// Adds the texts in a value to `leaves`.
fn add_leaves<'a>(
    path: String,
    value: &'a RawValue,
    depth: usize,
    leaves: &mut Vec<(String, &'a RawValue)>,
) {
    match value.get().as_bytes().first() {
        Some(b'"') => leaves.push((path, value)),
        _ if value.get() == "null" => leaves.push((path, value)),
        Some(b'{') if depth > 0 => {
            if let Ok(fields) = serde_json::from_str::<Fields>(value.get()) {
                fields.leaves(&format!("{path}."), depth - 1, leaves);
            }
        }
        Some(b'[') if depth > 0 => {
            let mut left = SAMPLE;
            each_element(value, &mut |element| {
                left -= 1;
                let inside = format!("{path}[]");
                let known = leaves.iter().any(|(known, _)| *known == inside);
                match element.get().starts_with('"') {
                    true if known => {}
                    true => leaves.push((inside, value)),
                    false => add_leaves(format!("{path}[]"), element, depth - 1, leaves),
                }
                left > 0
            });
        }
        _ => {}
    }
}

/// Calls `see` with each element of an array, until it returns false.
pub(super) fn each_element<'a>(array: &'a RawValue, see: &mut dyn FnMut(&'a RawValue) -> bool) {
    struct Elements<'s, 'a>(&'s mut dyn FnMut(&'a RawValue) -> bool);

    impl<'de> Visitor<'de> for Elements<'_, 'de> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an array")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<(), A::Error> {
            while let Some(element) = array.next_element()? {
                if !(self.0)(element) {
                    return Err(A::Error::custom("that is enough"));
                }
            }
            Ok(())
        }
    }

    let mut json = serde_json::Deserializer::from_str(array.get());
    let _ = json.deserialize_seq(Elements(see));
}

/// The texts of a value: one, or those of an array.
pub(super) fn texts(value: &RawValue) -> Vec<String> {
    if !value.get().starts_with('[') {
        return text(value).into_iter().map(Cow::into_owned).collect();
    }
    let mut texts = Vec::new();
    each_element(value, &mut |element| {
        texts.extend(text(element).map(Cow::into_owned));
        texts.len() < MOST_FIELDS
    });
    texts
}

/// A value as text; `None` for `null` and for blank text.
pub(super) fn text(value: &RawValue) -> Option<Cow<'_, str>> {
    match value.get() {
        "null" => None,
        json if json.starts_with('"') => {
            // what is not text, such as half a surrogate pair, is nothing else either
            let text = serde_json::from_str(json).unwrap_or_else(|_| json.to_owned());
            (!text.trim().is_empty()).then_some(Cow::Owned(text))
        }
        json => Some(json.into()),
    }
}
#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, Value};

    use super::*;

    proptest! {
        #[test]
        fn fields_are_those_of_any_other_parser(
            fields in proptest::collection::btree_map("\\PC{0,5}", "\\PC{0,9}|[\"\\\\\n]{0,3}", 0..9),
        ) {
            let object: Map<_, _> = fields.clone().into_iter().map(|(name, text)| (name, Value::from(text))).collect();
            let line = Value::from(object).to_string();
            let parsed: Fields = serde_json::from_str(&line).expect("an object");
            prop_assert_eq!(parsed.0.len(), fields.len());
            for (name, value) in &fields {
                let expected = Some(value.as_str()).filter(|value| !value.trim().is_empty());
                let text = parsed.text(name);
                prop_assert_eq!(text.as_deref(), expected);
            }
        }
    }
}
