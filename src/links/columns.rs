//! What the columns of a table, or the fields of a JSON object, say about a link.

use std::borrow::Cow;
use std::sync::Arc;

use super::carried::LONGEST_CARRIED;
use super::checksums::{Kind, strongest};
use super::only;
use super::{LONGEST_DETAILS, Options, parse_url};
use crate::id::Ids;
use crate::link::Details;

/// The columns with a role, by name.
#[derive(Debug, Clone, Default)]
pub struct Columns {
    /// The column of links; `None` to look for one by the words in its name.
    pub url: Option<String>,
    /// The column of names for the files.
    pub name: Option<String>,
    /// The columns to carry into the records.
    pub kept: Vec<Arc<str>>,
    /// What is an identifier.
    pub(crate) ids: Arc<Ids>,
}

/// The details of a row, in which `value` looks up a column by name, and `checksums` are the columns of checksums; `None` if it
/// is a record that is not wanted.
///
/// Records of an earlier run have columns of known meaning: their names and mirrors count without an option.
pub(super) fn details<'a>(
    options: &Options,
    value: impl Fn(&str) -> Option<Cow<'a, str>>,
    checksums: &[(impl AsRef<str>, Kind)],
) -> Result<Option<Details>, String> {
    let status = value("status");
    let is_record = status.is_some() && value("schema").is_some();
    if let Some(only) = &options.only {
        if status.is_none() {
            only::warn("rows that are not records are skipped");
        }
        let retryable = value("retryable").map(|retryable| retryable == "true");
        if !only.wants(status.as_deref(), retryable) {
            return Ok(None);
        }
    }
    // what remains of a line that was not a link may look like one
    let is_excerpt =
        |url: Cow<str>| url.contains([char::REPLACEMENT_CHARACTER, '…']) || url.contains("=***");
    if is_record && status.as_deref() == Some("bad_link") && value("url").is_some_and(is_excerpt) {
        return Err("the record has only a part of a `bad_link`: fix the original list".to_owned());
    }
    let recorded = |name| value(name).filter(|_| is_record);
    let name = match &options.columns.name {
        Some(column) => value(column),
        None => recorded("name"),
    };
    // the `sha256` of a record is the hash of the earlier file, and the file on the server may have changed since
    let checksums = checksums.iter().map(|(name, kind)| (name.as_ref(), *kind));
    let checksums = checksums.filter(|(name, _)| !is_record || *name == "checksum");
    let checksum = strongest(checksums.filter_map(|(name, kind)| Some((name, kind, value(name)?))));
    let mirrors: Vec<String> = match recorded("mirrors") {
        Some(list) if list.len() > 2 * LONGEST_DETAILS => return Err("too many mirrors".to_owned()),
        Some(list) => serde_json::from_str(&list).map_err(|_| "`mirrors` is not a list of URLs")?,
        None => Vec::new(),
    };
    let mirrors = mirrors.iter().filter_map(|mirror| parse_url(mirror).ok());
    let kept = options.columns.kept.iter();
    let columns = kept.filter_map(|name| Some((Arc::clone(name), value(name)?.into_owned())));
    Ok(Some(Details {
        mirrors: mirrors.collect(),
        name: name.map(Cow::into_owned),
        checksum,
        identity: None,
        headers: Vec::new(),
        columns: columns.collect(),
        line: recorded("input")
            .filter(|line| line.len() <= LONGEST_CARRIED)
            .map(Into::into),
    }))
}
