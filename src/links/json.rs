//! One JSON object per line: records of an earlier run, and the output of other programs.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::Options;
use super::columns::{details, url_column};
use crate::link::Details;

/// The URL and the details of a line; `None` if it has no link, or is a record that is not wanted.
///
/// # Errors
///
/// The problem with the line.
pub(super) fn parse(line: &str, options: &Options) -> Result<Option<(String, Details)>, String> {
    let fields: Map<String, Value> =
        serde_json::from_str(line).map_err(|error| format!("invalid JSON: {error}"))?;
    // columns that an earlier run carried along count as fields
    let carried = fields.get("columns").and_then(Value::as_object);
    let value = |name: &str| {
        let carried = || carried?.get(name);
        text(fields.get(name).or_else(carried)?)
    };
    let Some(mut details) = details(options, value)? else {
        return Ok(None);
    };
    for (name, value) in carried.into_iter().flatten() {
        let mut known = details.columns.iter().map(|(known, _)| &**known);
        if !known.any(|known| known == name)
            && let Some(value) = text(value)
        {
            let column = (name.as_str().into(), value.into_owned());
            details.columns.push(column);
        }
    }
    let Some(column) = url_column(&options.columns, &fields.keys().map(String::as_str)) else {
        let name = options.columns.url.as_deref().unwrap_or("url");
        return Err(format!("no field `{name}`"));
    };
    let url = fields.values().nth(column).and_then(text);
    Ok(url.map(|url| (url.into_owned(), details)))
}

/// A value as text; `None` for `null` and for blank text.
fn text(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::Null => None,
        Value::String(text) if text.trim().is_empty() => None,
        Value::String(text) => Some(text.into()),
        other => Some(other.to_string().into()),
    }
}
