//! Lines of JSON: records of an earlier run, and what other programs write.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::Options;
use super::columns::{details, url_column};
use crate::link::Details;

/// The URL of a line of JSON, and what the line says besides; none if it has no link, or one that is not wanted.
///
/// # Errors
///
/// What is wrong with the line.
pub(super) fn link(line: &str, options: &Options) -> Result<Option<(String, Details)>, String> {
    let fields: Map<String, Value> =
        serde_json::from_str(line).map_err(|error| format!("not valid JSON: {error}"))?;
    // what an earlier run has carried along counts as a field of its own
    let carried = fields.get("columns").and_then(Value::as_object);
    let value = |name: &str| {
        let carried = || carried.and_then(|columns| columns.get(name));
        text(fields.get(name).or_else(carried)?)
    };
    let Some(mut details) = details(options, value)? else {
        return Ok(None);
    };
    for (name, value) in carried.into_iter().flatten() {
        if !details.columns.iter().any(|(known, _)| **known == **name)
            && let Some(value) = text(value)
        {
            details
                .columns
                .push((name.as_str().into(), value.into_owned()));
        }
    }
    let Some(column) = url_column(&options.columns, &fields.keys().map(String::as_str)) else {
        let name = options.columns.url.as_deref().unwrap_or("url");
        return Err(format!("a record without `{name}`"));
    };
    let url = fields.values().nth(column).and_then(text);
    Ok(url.map(|url| (url.into_owned(), details)))
}

/// A value as text; none for `null` and for text that is blank.
fn text(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::Null => None,
        Value::String(text) => {
            Some(text.as_str().into()).filter(|text: &Cow<str>| !text.trim().is_empty())
        }
        other => Some(other.to_string().into()),
    }
}
