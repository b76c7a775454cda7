//! Checksums in lists: which columns hold them, and what becomes of one that is not understood.
//!
//! A checksum that is not understood costs no file: a column may be called `checksum` by chance, and a file whose checksum
//! nobody can verify is as good as one without. The user is told once.

use std::borrow::Cow;
use std::sync::Once;

use serde_json::Value;

use super::brief;
use crate::digest::{Algorithm, Checksum};
use crate::text::masked;

/// What the name of a column says about the checksums in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// They are of this algorithm, unless they say otherwise.
    Of(Algorithm),
    /// They are checksums, and their length tells the algorithm.
    Any,
    /// They are checksums if they say so: a `hash` is often something else.
    Perhaps,
}

impl Kind {
    /// The kind of the column `name`; none if it has no checksums. Case does not matter, nor do `_`, `-`, spaces and dots.
    pub(super) fn of(name: &str) -> Option<Self> {
        const LONGEST: usize = 24;
        // for each field of each line
        let mut letters = [0; LONGEST];
        let mut length = 0;
        for byte in name.bytes().filter(|byte| !b"_- .".contains(byte)) {
            *letters.get_mut(length)? = byte.to_ascii_lowercase();
            length += 1;
        }
        let name = std::str::from_utf8(&letters[..length]).ok()?;
        match name {
            "checksum" | "checksums" | "filechecksum" => return Some(Self::Any),
            "hash" | "hashes" | "filehash" | "digest" | "digests" | "integrity" => {
                return Some(Self::Perhaps);
            }
            _ => {}
        }
        let begins = ["file", "pdf", "content", "computed", "checksum"];
        let ends = ["checksum", "sum", "hash", "digest", "hex"];
        let core = begins.iter().find_map(|begin| name.strip_prefix(begin));
        let core = core.unwrap_or(name);
        let algorithm = ends.iter().find_map(|end| core.strip_suffix(end));
        Algorithm::named(algorithm.unwrap_or(core)).map(Self::Of)
    }
}

/// The strongest of the checksums of a line, given the columns that hold any, with their names, kinds and values.
pub(super) fn strongest<'a>(
    columns: impl Iterator<Item = (&'a str, Kind, Cow<'a, str>)>,
) -> Option<Checksum> {
    let mut strongest: Option<Checksum> = None;
    let mut misread = None;
    for (name, kind, text) in columns {
        match understood(kind, &text) {
            Some(checksum) => {
                let is_stronger = |known: Checksum| checksum.algorithm() > known.algorithm();
                if strongest.is_none_or(is_stronger) {
                    strongest = Some(checksum);
                }
            }
            None if kind != Kind::Perhaps => misread = Some((name, text)),
            None => {}
        }
    }
    if let (None, Some((name, text))) = (strongest, misread) {
        warn(name, &text);
    }
    strongest
}

/// The value of the option `checksum` of aria2, if it is understood.
pub(super) fn of_option(text: &str) -> Option<Checksum> {
    strongest([("checksum", Kind::Any, text.into())].into_iter())
}

fn understood(kind: Kind, text: &str) -> Option<Checksum> {
    let algorithm = match kind {
        Kind::Of(algorithm) => Some(algorithm),
        Kind::Any | Kind::Perhaps => None,
    };
    if text.starts_with(['{', '[']) {
        return in_json(&serde_json::from_str(text).ok()?, algorithm);
    }
    let says_so = kind != Kind::Perhaps || text.contains([':', '=', '-']);
    Checksum::parse(text, algorithm).filter(|_| says_so)
}

/// The strongest checksum in a value such as `{"type": "MD5", "value": "…"}`, `{"md5": "…"}` or `["md5:…"]`.
fn in_json(value: &Value, algorithm: Option<Algorithm>) -> Option<Checksum> {
    let all: Vec<_> = match value {
        Value::String(text) => return Checksum::parse(text, algorithm),
        Value::Array(values) => values
            .iter()
            .map(|value| in_json(value, algorithm))
            .collect(),
        Value::Object(fields) => {
            let text = |name: &str| fields.get(name).and_then(Value::as_str);
            let said = text("type").or_else(|| text("algorithm"));
            let said = said.and_then(Algorithm::named);
            let fields = fields.iter();
            let of_field = |(name, value): (&String, &Value)| {
                let named = Algorithm::named(name).or(said)?;
                Checksum::parse(value.as_str()?, Some(named))
            };
            fields.map(of_field).collect()
        }
        _ => return None,
    };
    all.into_iter().flatten().max_by_key(Checksum::algorithm)
}

/// Says once that a checksum is not verified.
fn warn(name: &str, text: &str) {
    static SAID: Once = Once::new();
    SAID.call_once(|| {
        let (name, text) = (brief(name), brief(&masked(text)));
        tracing::warn!(
            "`{name}` has checksums that are not understood, such as `{text}`: files are not verified against them (known are MD5, SHA-1, SHA-256, SHA-384 and SHA-512)"
        );
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_checksums_are_known_by_their_names() {
        use Algorithm::{Md5, Sha1, Sha256, Sha384, Sha512};
        for (name, expected) in [
            ("checksum", Some(Kind::Any)),
            ("Checksum", Some(Kind::Any)),
            ("md5", Some(Kind::Of(Md5))),
            ("MD5", Some(Kind::Of(Md5))),
            ("md5sum", Some(Kind::Of(Md5))),
            ("md5Checksum", Some(Kind::Of(Md5))),
            ("computed_md5", Some(Kind::Of(Md5))),
            ("Content-MD5", Some(Kind::Of(Md5))),
            ("sha1", Some(Kind::Of(Sha1))),
            ("SHA-1", Some(Kind::Of(Sha1))),
            ("sha256", Some(Kind::Of(Sha256))),
            ("sha_256", Some(Kind::Of(Sha256))),
            ("File SHA-256", Some(Kind::Of(Sha256))),
            ("checksum_sha256", Some(Kind::Of(Sha256))),
            ("sha384", Some(Kind::Of(Sha384))),
            ("sha512sum", Some(Kind::Of(Sha512))),
            ("hash", Some(Kind::Perhaps)),
            ("url_sha1", None),
            ("sum", None),
            ("file", None),
            ("filesum", None),
            ("sha", None),
            ("title", None),
            ("ünïcödé ünïcödé ünïcödé", None),
            ("", None),
        ] {
            assert_eq!(Kind::of(name), expected, "`{name}`");
        }
    }

    #[test]
    fn checksums_may_be_objects() {
        let md5 = "d41d8cd98f00b204e9800998ecf8427e";
        let sha1 = "da39a3ee5e6b4b0d3255bfef95601890afd80709";
        for (text, expected) in [
            (
                format!("{{\"type\":\"MD5\",\"value\":\"{md5}\"}}"),
                Some(md5),
            ),
            (
                format!("{{\"md5\":\"{md5}\",\"sha1\":\"{sha1}\"}}"),
                Some(sha1),
            ),
            (
                format!("[\"md5:{md5}\",{{\"algorithm\":\"SHA-1\",\"hash\":\"{sha1}\"}}]"),
                Some(sha1),
            ),
            (
                "{\"type\":\"CRC32\",\"value\":\"cbf43926\"}".to_owned(),
                None,
            ),
            ("[1, null, {}]".to_owned(), None),
            ("{".to_owned(), None),
        ] {
            let found = understood(Kind::Any, &text).map(|checksum| checksum.digits());
            assert_eq!(found.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_hash_is_a_checksum_only_if_it_says_so() {
        let sha1 = "da39a3ee5e6b4b0d3255bfef95601890afd80709";
        assert!(understood(Kind::Any, sha1).is_some());
        assert!(understood(Kind::Perhaps, sha1).is_none());
        assert!(understood(Kind::Perhaps, &format!("sha1:{sha1}")).is_some());
    }
}
