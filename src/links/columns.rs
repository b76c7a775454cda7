//! What the columns of a table, or the fields of a record, say about a link.

use std::borrow::Cow;
use std::sync::Arc;

use super::Options;
use crate::digest::Checksum;
use crate::link::Details;

/// Names that a column of links has, the most telling first. Upper and lower case are the same, and so are `_`, `-` and a
/// space.
const URL_COLUMNS: [&str; 9] = [
    "pdf_url",
    "url_for_pdf",
    "pdf_link",
    "url",
    "link",
    "href",
    "uri",
    "download_url",
    "pdf",
];

/// Which columns of a list are wanted, by their names.
#[derive(Debug, Clone, Default)]
pub struct Columns {
    /// The one with the links; none for a guess.
    pub url: Option<String>,
    /// The one with the names for the files.
    pub name: Option<String>,
    /// Those that go into the records.
    pub kept: Vec<Arc<str>>,
}

/// Which of `names` is the column of links.
pub(super) fn url_column<'a>(
    columns: &Columns,
    names: &(impl Iterator<Item = &'a str> + Clone),
) -> Option<usize> {
    let find = |wanted: &str| names.clone().position(|name| is(name, wanted));
    match &columns.url {
        Some(name) => names
            .clone()
            .position(|column| column == name)
            .or_else(|| find(name)),
        None => URL_COLUMNS.iter().find_map(|name| find(name)),
    }
}

/// Whether a column that is called `name` is the one that is `wanted`.
fn is(name: &str, wanted: &str) -> bool {
    let same = |c: u8| match c {
        b' ' | b'-' => b'_',
        c => c.to_ascii_lowercase(),
    };
    name.trim().bytes().map(same).eq(wanted.bytes().map(same))
}

/// What a row says besides its URL, where `value` gives the value of a column; none if the row is not wanted.
///
/// A record of an earlier run speaks for itself: its name and its other URLs count without being asked for.
pub(super) fn details<'a>(
    options: &Options,
    value: impl Fn(&str) -> Option<Cow<'a, str>>,
) -> Result<Option<Details>, String> {
    let status = value("status");
    let is_record = status.is_some() && value("schema").is_some();
    if let Some(only) = &options.only {
        let retryable = value("retryable").map(|retryable| retryable == "true");
        if !only.wants(status.as_deref(), retryable) {
            return Ok(None);
        }
    }
    let is_lossy = |url: Cow<str>| url.contains([char::REPLACEMENT_CHARACTER, '…']);
    if is_record && status.as_deref() == Some("bad_link") && value("url").is_some_and(is_lossy) {
        // what a record shows of such a line may look like another link
        return Err(
            "a line that was no link in the earlier run, and of which this is not all".to_owned(),
        );
    }
    let name = match &options.columns.name {
        Some(column) => value(column),
        None => is_record.then(|| value("name")).flatten(),
    };
    let checksum = match value("checksum") {
        // the hash of a record is of what was there, and need not be of what is there now
        None if !is_record => value("sha256"),
        checksum => checksum,
    };
    let mirrors: Vec<String> = match is_record.then(|| value("mirrors")).flatten() {
        Some(list) => serde_json::from_str(&list).map_err(|_| "`mirrors` is no list of URLs")?,
        None => Vec::new(),
    };
    let kept = options.columns.kept.iter();
    Ok(Some(Details {
        mirrors: mirrors
            .iter()
            .filter_map(|mirror| super::parse_url(mirror).ok())
            .collect(),
        name: name.map(Cow::into_owned),
        checksum: checksum
            .map(|checksum| checksum.parse::<Checksum>())
            .transpose()?,
        headers: Vec::new(),
        columns: kept
            .filter_map(|name| Some((Arc::clone(name), value(name)?.into_owned())))
            .collect(),
    }))
}
