//! Which document a URL leads to, as far as it tells: variants of one URL are no different links.
//!
//! | URLs | document |
//! | --- | --- |
//! | `/doc.pdf?page=1`, `/mirror2/doc.pdf`, `/doc.pdf#x` | `doc.pdf` |
//! | `/10.1234/567/doc.pdf`, `/2021/7.pdf` | that, with the numbers or the path in front of it |
//! | `/articles/1/download`, `/download.pdf?id=1` | its path and query, but for what says how to show it |

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use url::Url;

use super::hash::quick;

/// Names of files that say nothing about which one it is.
const BARE: [&str; 17] = [
    "article",
    "attachment",
    "content",
    "document",
    "download",
    "file",
    "full",
    "fulltext",
    "get",
    "index",
    "main",
    "paper",
    "pdf",
    "print",
    "show",
    "view",
    "viewer",
];

/// Parts of a query that say how to show a document, and not which one.
const MANNERS: [&str; 10] = [
    "disposition",
    "download",
    "inline",
    "lang",
    "page",
    "session",
    "token",
    "ts",
    "view",
    "zoom",
];

/// A hash of the document to which `url` leads.
pub(super) fn document(url: &Url) -> u64 {
    let path = url.path();
    let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
    let name = plain(name);
    if let Some(stem) = name.strip_suffix(".pdf")
        && !BARE.contains(&stem)
        && stem.contains(|c: char| !c.is_ascii_digit())
    {
        let numbers = folders.split('/').filter(|folder| has_number(folder));
        let hash = quick(0, name.as_bytes());
        return numbers.fold(hash, |hash, folder| quick(hash, plain(folder).as_bytes()));
    }
    let hash = quick(1, plain(path).as_bytes());
    let parts = url.query().into_iter().flat_map(|query| query.split('&'));
    let parts = parts.filter(|part| !is_manner(part));
    parts.fold(hash, |hash, part| quick(hash, part.as_bytes()))
}

/// `text` in lower case and without escapes. Nearly all of it is like this.
fn plain(text: &str) -> Cow<'_, str> {
    let is_plain = |byte: u8| byte != b'%' && !byte.is_ascii_uppercase();
    if text.bytes().all(is_plain) {
        return text.into();
    }
    let text = percent_decode_str(text).decode_utf8_lossy();
    text.to_ascii_lowercase().into()
}

/// Whether a folder has a number that is long enough for one of a document.
fn has_number(folder: &str) -> bool {
    folder.bytes().filter(u8::is_ascii_digit).count() >= 3
}

fn is_manner(part: &str) -> bool {
    let name = part.split('=').next().unwrap_or_default();
    let name = name.to_ascii_lowercase();
    name.starts_with("utm_") || MANNERS.contains(&&*name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(path: &str) -> u64 {
        document(&Url::parse(&format!("http://a.example{path}")).expect("a URL"))
    }

    #[test]
    fn variants_of_a_url_lead_to_one_document() {
        for (one, other) in [
            ("/doc.pdf?page=1", "/doc.pdf?page=2"),
            ("/mirror1/doc.pdf", "/mirror2/Doc.PDF"),
            ("/~a.pdf", "//%7Ea.pdf?utm_source=x#y"),
            ("/vol/12345/a.pdf", "/x/12345/a.pdf"),
            ("/get?id=1&download=1", "/get?utm_medium=y&id=1"),
        ] {
            assert_eq!(of(one), of(other), "{one} {other}");
        }
        for (one, other) in [
            ("/1.pdf", "/2.pdf"),
            ("/a/1.pdf", "/b/1.pdf"),
            ("/articles/1/download", "/articles/2/download"),
            ("/download.pdf?id=1", "/download.pdf?id=2"),
            ("/get?id=1", "/get?id=2"),
            ("/10.1234/567/doc.pdf", "/10.1234/568/doc.pdf"),
            ("/a/fulltext.pdf", "/b/fulltext.pdf"),
        ] {
            assert_ne!(of(one), of(other), "{one} {other}");
        }
    }
}
