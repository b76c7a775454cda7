//! Links in JSON objects: records of an earlier run, and the output of other programs.
//!
//! The link is in the field whose name says so best (see [`fields`](super::fields)). Where only the objects of an array have links,
//! as in `{"results": [{…}, {…}]}`, each of them is a row of its own.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::checksums::Kind;
use super::columns::{Columns, details};
use super::fields::{DEEPEST, Fields, Place, each_element, text, texts};
use super::{Context, NO_FIELD, Parsed, UrlTemplate, brief, plain, works};
use crate::link::Details;

/// Reads the links of `text`, a JSON object. Calls `see` with the position in `text` of each one's object, and with the link.
pub(super) fn read(text: &str, context: &Context, see: &mut dyn FnMut(usize, Parsed)) {
    match serde_json::from_str(text) {
        Ok(fields) => {
            let object = Object {
                fields,
                at: 0,
                outer: None,
            };
            let mut search = Search { text, context, see };
            search.read(&object, DEEPEST);
        }
        Err(error) => see(0, Err(format!("invalid JSON: {error}"))),
    }
}

/// An object that may have a link.
struct Object<'a> {
    fields: Fields<'a>,
    /// Its position in the text.
    at: usize,
    /// The object that has it in an array, whose fields count, too.
    outer: Option<&'a Object<'a>>,
}

impl Object<'_> {
    /// The first value at a path, here or in an object around this one.
    fn value(&self, path: &str) -> Option<Cow<'_, str>> {
        let own = self.fields.at_path(path);
        match own.first() {
            Some(value) => text(value),
            None => self.outer?.value(path),
        }
    }
}

/// The links of a text.
struct Search<'s> {
    text: &'s str,
    context: &'s Context,
    see: &'s mut dyn FnMut(usize, Parsed),
}

impl Search<'_> {
    /// Reads the links of `object`: its own one, or else those of the objects in its arrays.
    fn read(&mut self, object: &Object, depth: usize) {
        let options = &self.context.options;
        if self.context.collects {
            let names = object.fields.0.keys();
            self.context.seen.has_fields(names.map(String::as_str));
        }
        if options.url_template.is_none()
            && options.columns.url.is_none()
            && options.only.is_none()
            && works::is_one(&object.fields)
        {
            if let Some(parsed) = works::read(&object.fields, self.context) {
                (self.see)(object.at, parsed);
            }
            return;
        }
        // columns that an earlier run carried along count as fields
        let carried = object.fields.0.get("columns");
        let carried = carried.and_then(|columns| serde_json::from_str(columns.get()).ok());
        let carried: Fields = carried.unwrap_or_default();
        let Columns { name, kept, .. } = &options.columns;
        let is_named = |wanted: &str| {
            name.as_deref() == Some(wanted) || kept.iter().any(|name| **name == *wanted)
        };
        let value = |name: &str| match object.fields.0.get(name) {
            Some(value) => text(value),
            None if is_named(name) => carried.text(name).or_else(|| object.value(name)),
            None => carried.text(name),
        };
        let names = object.fields.0.keys().map(String::as_str);
        let checksums = names.filter_map(|name| Some((name, Kind::of(name)?)));
        let checksums: Vec<_> = checksums.collect();
        let mut details = match details(options, value, &checksums) {
            Ok(Some(details)) => details,
            Ok(None) => return,
            Err(problem) => return (self.see)(object.at, Err(problem)),
        };
        for (name, value) in &carried.0 {
            let mut known = details.columns.iter().map(|(known, _)| &**known);
            if !known.any(|known| known == name)
                && let Some(value) = text(value)
            {
                let column = (name.as_str().into(), value.into_owned());
                details.columns.push(column);
            }
        }
        if let Some(template) = &options.url_template {
            return self.fill(object, template, details, depth);
        }
        match object.fields.links(&options.columns) {
            Place::Here(names) => self.take(object, &names, details),
            Place::In(values) if depth > 0 => {
                for value in values {
                    self.descend(object, value, depth);
                }
            }
            Place::In(_) | Place::Nowhere { says_so: true } => self.context.seen.has_none(),
            Place::Nowhere { says_so: false } => {
                let name = options.columns.url.as_deref().unwrap_or("url");
                let names: Vec<_> = object.fields.0.keys().map(String::as_str).collect();
                let names = brief(&names.join("`, `"));
                let advice = format!(
                    "the fields are `{names}`; `--url-column NAME` says which one has the links, as in `best.pdf_url` or `links[].url`"
                );
                self.context.seen.suspect(advice);
                (self.see)(object.at, Err(format!("{NO_FIELD} `{name}`")));
            }
        }
    }

    /// Makes the link of `object`, or else those of the objects in its arrays.
    fn fill(&mut self, object: &Object, template: &UrlTemplate, details: Details, depth: usize) {
        if let Some(url) = template.fill(|name| object.value(name)) {
            return (self.see)(object.at, Ok((url, details)));
        }
        let arrays = object
            .fields
            .0
            .values()
            .filter(|value| value.get().starts_with('[') && value.get().contains('{'));
        let arrays: Vec<_> = arrays.filter(|_| depth > 0).collect();
        if arrays.is_empty() {
            return self.context.seen.has_none();
        }
        for value in arrays {
            each_element(value, &mut |element| {
                if element.get().starts_with('{') {
                    self.enter(object, element, depth);
                }
                true
            });
        }
    }

    /// Takes the links in the fields with these `names`, the best one first.
    fn take(&mut self, object: &Object, names: &[String], mut details: Details) {
        let fields: Vec<(&str, Vec<String>)> = names
            .iter()
            .map(|name| {
                let values = object.fields.at_path(name);
                (name.as_str(), values.into_iter().flat_map(texts).collect())
            })
            .collect();
        let mut fields = fields.iter().map(|(name, texts)| -> Vec<_> {
            let links = texts
                .iter()
                .map(|text| self.context.links_of(Some(name), text));
            links.flatten().collect()
        });
        let mut links = fields.next().unwrap_or_default();
        let mut others = fields.flatten().collect();
        self.context.stand_in(&mut links, &mut others);
        let Some(last) = links.pop() else {
            return self.context.seen.has_none();
        };
        if !links.is_empty() {
            // it cannot be that of several files
            details.checksum = None;
            others.clear();
        }
        if let Some(name) = names.first().filter(|name| *name != "url") {
            self.context.seen.is_in_field(name);
        }
        for link in links {
            (self.see)(object.at, Ok((link.into_owned(), details.clone())));
        }
        details.mirrors.extend(self.context.mirrors(&last, &others));
        (self.see)(object.at, Ok((last.into_owned(), details)));
    }

    /// Reads the objects and links in a value of `object`, which may be an array of them.
    fn descend(&mut self, object: &Object, value: &RawValue, depth: usize) {
        if value.get().starts_with('[') {
            each_element(value, &mut |element| {
                self.enter(object, element, depth);
                true
            });
        } else {
            self.enter(object, value, depth);
        }
    }

    /// Reads an object or a link inside of `object`.
    fn enter(&mut self, object: &Object, value: &RawValue, depth: usize) {
        let at = value.get().as_ptr().addr() - self.text.as_ptr().addr();
        if let Ok(fields) = serde_json::from_str(value.get()) {
            let outer = Some(object);
            self.read(&Object { fields, at, outer }, depth - 1);
        } else if let Some(text) = text(value) {
            let mut add = |_: &[u8], parsed| (self.see)(at, parsed);
            plain::read_value(&text, &self.context.options.columns.ids, &mut add);
        } else {
            self.context.seen.has_none();
        }
    }
}
#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn all_files_of_an_object_are_taken() {
        let a = "http://a.example/a.pdf";
        let b = "http://b.example/b.pdf";
        for (json, expected) in [
            (r#"{"pdf_url":{"0":"A","1":"B"}}"#, &[a, b][..]),
            (r#"{"title":{"0":"x"},"pdf_url":{"0":"A","1":null}}"#, &[a]),
            (r#"{"paper1":"A","paper2":"B"}"#, &[a, b]),
            (r#"{"first":"A","second":"B","x":"y"}"#, &[a, b]),
            (r#"{"p1":{"pdf_url":"A"},"p2":{"pdf_url":"B"}}"#, &[a, b]),
            (
                r#"{"data":{"p1":{"url":"A","n":1},"p2":{"pdf_url":"B"}},"n":2}"#,
                &[a, b],
            ),
            (r#"{"10.1/x.y":{"url":"A"},"10.1/z":{"url":"B"}}"#, &[a, b]),
            (r#"{"a":[{"pdf_url":"A"}],"b":[{"pdf_url":"B"}]}"#, &[a, b]),
            // mirrors
            (
                r#"{"best":{"pdf_url":"A"},"primary":{"pdf_url":"B"}}"#,
                &[a],
            ),
            (r#"{"pdf_url1":"A","pdf_url2":"B"}"#, &[a]),
            (r#"{"pdf_url":"","landing_page_url":"B"}"#, &[b]),
            (
                r#"{"files":[{"download_url":"A"},{"download_url":"B"}],"url":"http://c.example/"}"#,
                &[a, b],
            ),
            (r#"{"link":[{"URL":"http://d.example/"}],"URL":"B"}"#, &[b]),
        ] {
            let json = json.replace("\"A\"", &format!("\"{a}\""));
            let json = json.replace("\"B\"", &format!("\"{b}\""));
            let context = Context::new("list".into(), std::sync::Arc::default());
            let mut found = Vec::new();
            read(&json, &context, &mut |_, parsed| {
                found.push(parsed.map_or_else(|problem| problem, |(link, _)| link));
            });
            assert_eq!(found, expected, "{json}");
        }
    }

    proptest! {
        #[test]
        fn any_line_is_parsed_without_panic(line in "\\{?(\"[a-z]{0,3}\"|[\\[\\]{},:]|null|1|\\PC){0,40}") {
            let context = Context::new("list".into(), std::sync::Arc::default());
            read(&line, &context, &mut |_, _| {});
        }
    }
}
