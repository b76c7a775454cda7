//! What a body is that is not a PDF.

use std::fmt;

/// What a body is that is not a PDF.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BodyKind {
    /// It has no bytes.
    Empty,
    /// An HTML page, and its title if it has one.
    Html(Option<String>),
    /// A kind of text that may also stand in front of a PDF, such as the warning of a script.
    Text(&'static str),
    /// A kind of file that is recognized by its first bytes. It may contain a PDF, but is none.
    Known(&'static str),
    /// It has a header of a PDF, and nothing else of one.
    Header,
    /// Anything else.
    Unknown,
}

impl BodyKind {
    /// The kind of a body that begins with `head`.
    pub fn of(head: &[u8]) -> Self {
        const SIGNATURES: [(&[u8], &str); 15] = [
            (b"\x1f\x8b", "gzip data"),
            (b"\x1f\x9d", "data of `compress`"),
            (b"\x28\xb5\x2f\xfd", "Zstandard data"),
            (b"\xfd7zXZ\x00", "xz data"),
            (b"PK\x03\x04", "a zip archive"),
            (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
            (b"Rar!\x1a\x07", "a RAR archive"),
            (b"!<arch>\n", "an ar archive"),
            (b"\x89PNG", "a PNG image"),
            (b"\xff\xd8\xff", "a JPEG image"),
            (b"GIF8", "a GIF image"),
            (b"%!PS", "PostScript"),
            (b"{\\rtf", "an RTF document"),
            (b"\xd0\xcf\x11\xe0", "an old Office document"),
            (b"AT&TFORM", "a DjVu document"),
        ];
        const HTML_TAGS: [&str; 6] = [
            "<!doctype html",
            "<html",
            "<head",
            "<body",
            "<title",
            "<script",
        ];
        let text = String::from_utf8_lossy(head);
        let text = text.trim_start_matches(|c: char| c == '\u{feff}' || c.is_whitespace());
        for (signature, name) in SIGNATURES {
            if head.starts_with(signature) || text.as_bytes().starts_with(signature) {
                return Self::Known(name);
            }
        }
        // where POSIX has the magic of a tar header
        if head.get(257..262) == Some(b"ustar") {
            return Self::Known("a tar archive");
        }
        let lower = text.to_ascii_lowercase();
        if HTML_TAGS.iter().any(|tag| lower.contains(tag)) {
            return Self::Html(title(text, &lower));
        }
        let is_binary = |c: char| (c.is_control() && !c.is_whitespace()) || c == '\u{fffd}';
        match text.chars().next() {
            None if head.is_empty() => Self::Empty,
            Some('{' | '[') => Self::Text("JSON"),
            Some('<') => Self::Text("XML"),
            _ if text.contains(is_binary) => Self::Unknown,
            _ => Self::Text("plain text"),
        }
    }
}

impl fmt::Display for BodyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("an empty body"),
            Self::Html(None) => f.write_str("an HTML page"),
            Self::Html(Some(title)) => write!(f, "an HTML page, `{title}`"),
            Self::Text(name) | Self::Known(name) => f.write_str(name),
            Self::Header => f.write_str("only `%PDF-`, and nothing else of a PDF"),
            Self::Unknown => f.write_str("unknown data without `%PDF-` in its first 1,024 bytes"),
        }
    }
}

/// The title of a page, on one line and shortened; `lower` is `text` in lower case.
fn title(text: &str, lower: &str) -> Option<String> {
    const LONGEST: usize = 60;
    let tag = lower.find("<title")?;
    let start = tag + lower[tag..].find('>')? + 1;
    let end = start + lower[start..].find("</title")?;
    let words: Vec<_> = text.get(start..end)?.split_whitespace().collect();
    let title: String = words.join(" ").chars().take(LONGEST).collect();
    (!title.is_empty()).then_some(title)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_body_that_is_not_a_pdf_is_named() {
        let kinds = [
            (&b""[..], "an empty body"),
            (
                b"<!DOCTYPE html><title> Sign\n in </title>",
                "an HTML page, `Sign in`",
            ),
            (b"\xef\xbb\xbf  <HTML><body>", "an HTML page"),
            (b"{\"error\": 1}", "JSON"),
            (b"<?xml version='1.0'?><e/>", "XML"),
            (b"\x1f\x8b\x08\x00", "gzip data"),
            (b"Not found.\n", "plain text"),
            (
                b"\x00\x01\x02",
                "unknown data without `%PDF-` in its first 1,024 bytes",
            ),
        ];
        for (head, name) in kinds {
            assert_eq!(BodyKind::of(head).to_string(), name);
        }
    }

    proptest! {
        #[test]
        fn any_head_has_a_kind(head in proptest::collection::vec(any::<u8>(), 0..1100)) {
            prop_assert!(!BodyKind::of(&head).to_string().is_empty());
        }
    }
}
