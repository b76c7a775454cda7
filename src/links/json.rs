//! One JSON object per line: records of an earlier run, and the output of other programs.
//!
//! A line may be long, and is parsed no further than it is used: values stay as they are in the line, and there is a limit on
//! the number of fields.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::Options;
use super::checksums::Kind;
use super::columns::{details, url_column};
use crate::link::Details;

/// The most fields of an object.
const MOST_FIELDS: usize = 10_000;

/// The fields of an object, with values in JSON.
#[derive(Default)]
struct Fields<'a>(BTreeMap<String, &'a RawValue>);

impl<'a> Fields<'a> {
    fn text(&self, name: &str) -> Option<Cow<'a, str>> {
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

/// The URL and the details of a line; `None` if it has no link, or is a record that is not wanted.
///
/// # Errors
///
/// The problem with the line.
pub(super) fn parse(line: &str, options: &Options) -> Result<Option<(String, Details)>, String> {
    let parsed = serde_json::from_str(line);
    let fields: Fields = parsed.map_err(|error| format!("invalid JSON: {error}"))?;
    // columns that an earlier run carried along count as fields
    let carried = fields.0.get("columns");
    let carried = carried.and_then(|columns| serde_json::from_str(columns.get()).ok());
    let carried: Fields = carried.unwrap_or_default();
    let value = |name: &str| match fields.0.get(name) {
        Some(value) => text(value),
        None => carried.text(name),
    };
    let checksums = fields.0.keys().map(String::as_str);
    let checksums: Vec<_> = checksums
        .filter_map(|name| Some((name, Kind::of(name)?)))
        .collect();
    let Some(mut details) = details(options, value, &checksums)? else {
        return Ok(None);
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
    let Some(column) = url_column(&options.columns, &fields.0.keys().map(String::as_str)) else {
        let name = options.columns.url.as_deref().unwrap_or("url");
        return Err(format!("no field `{name}`"));
    };
    let url = fields.0.values().nth(column).and_then(|value| text(value));
    Ok(url.map(|url| (url.into_owned(), details)))
}

/// A value as text; `None` for `null` and for blank text.
fn text(value: &RawValue) -> Option<Cow<'_, str>> {
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
        fn any_line_is_parsed_without_panic(line in "\\{?(\"[a-z]{0,3}\"|[\\[\\]{},:]|null|1|\\PC){0,40}") {
            let _ = parse(&line, &Options::default());
        }

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
