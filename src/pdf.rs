//! Whether a stream of bytes is a complete PDF, and if it is not a PDF, what it is.
//!
//! The check sees each byte once, as it is received, and keeps only both ends. It knows nothing of HTTP or files. It does not
//! parse the document, because parsers repair what is broken, and so accept a file that was cut off.
//!
//! A PDF has `%PDF-` in its first 1,024 bytes, and `startxref` and `%%EOF` in its last 1,024. Without the first it is not a
//! PDF; without one of the others it is suspect, and its caller decides whether it is truncated.

use std::fmt;

/// How many bytes of either end are searched: readers accept up to this much junk before `%PDF-` and after `%%EOF` (PDF
/// Reference 1.4, appendix H, notes 13 and 18).
const END: usize = 1024;

/// An incremental check of one body.
#[derive(Debug, Clone, Default)]
pub struct Check {
    head: Vec<u8>,
    tail: Vec<u8>,
    is_pdf: bool,
}

/// The result of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PdfVerdict {
    /// It begins and ends as a PDF does.
    Whole,
    /// It begins as a PDF does, but has this problem.
    Suspect(&'static str),
    /// It is not a PDF.
    NotPdf(BodyKind),
}

impl Check {
    /// Checks the next bytes.
    ///
    /// # Errors
    ///
    /// What the body is instead of a PDF, once its first 1,024 bytes have no `%PDF-`. More bytes cannot change that.
    pub fn update(&mut self, bytes: &[u8]) -> Result<(), BodyKind> {
        if !self.is_pdf {
            let room = END - self.head.len();
            self.head.extend_from_slice(&bytes[..bytes.len().min(room)]);
            self.is_pdf = self.head.windows(5).any(|mark| mark == b"%PDF-");
            if !self.is_pdf && self.head.len() == END {
                return Err(BodyKind::of(&self.head));
            }
        }
        let end = &bytes[bytes.len().saturating_sub(END)..];
        let kept = self.tail.len().min(END - end.len());
        self.tail.drain(..self.tail.len() - kept);
        self.tail.extend_from_slice(end);
        Ok(())
    }

    /// The verdict on a body that has ended.
    pub fn finish(&self) -> PdfVerdict {
        let tail = &self.tail;
        // backwards, because the marks are usually the last lines
        let has = |mark: &[u8]| tail.windows(mark.len()).rev().any(|bytes| bytes == mark);
        if !self.is_pdf {
            PdfVerdict::NotPdf(BodyKind::of(&self.head))
        } else if !has(b"%%EOF") {
            PdfVerdict::Suspect("no `%%EOF` near the end")
        } else if !has(b"startxref") {
            PdfVerdict::Suspect("no `startxref` near the end")
        } else {
            PdfVerdict::Whole
        }
    }
}

/// What a body is that is not a PDF.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BodyKind {
    /// It has no bytes.
    Empty,
    /// An HTML page, and its title if it has one.
    Html(Option<String>),
    /// A kind that is recognized by its first bytes.
    Known(&'static str),
    /// Anything else.
    Unknown,
}

impl BodyKind {
    /// The kind of a body that begins with `head`.
    pub fn of(head: &[u8]) -> Self {
        const SIGNATURES: [(&[u8], &str); 9] = [
            (b"\x1f\x8b", "gzip data"),
            (b"PK\x03\x04", "a zip archive"),
            (b"\x89PNG", "a PNG image"),
            (b"\xff\xd8\xff", "a JPEG image"),
            (b"GIF8", "a GIF image"),
            (b"%!PS", "PostScript"),
            (b"{\\rtf", "an RTF document"),
            (b"\xd0\xcf\x11\xe0", "an old Office document"),
            (b"<?xml", "XML"),
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
        let lower = text.to_ascii_lowercase();
        if HTML_TAGS.iter().any(|tag| lower.contains(tag)) {
            return Self::Html(title(text, &lower));
        }
        for (signature, name) in SIGNATURES {
            if head.starts_with(signature) || text.as_bytes().starts_with(signature) {
                return Self::Known(name);
            }
        }
        let is_binary = |c: char| (c.is_control() && !c.is_whitespace()) || c == '\u{fffd}';
        match text.chars().next() {
            None if head.is_empty() => Self::Empty,
            Some('{' | '[') => Self::Known("JSON"),
            Some('<') => Self::Known("XML"),
            _ if text.contains(is_binary) => Self::Unknown,
            _ => Self::Known("plain text"),
        }
    }
}

impl fmt::Display for BodyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("an empty body"),
            Self::Html(None) => f.write_str("an HTML page"),
            Self::Html(Some(title)) => write!(f, "an HTML page, `{title}`"),
            Self::Known(name) => f.write_str(name),
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

    fn verdict<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> PdfVerdict {
        let mut check = Check::default();
        for chunk in chunks {
            if let Err(kind) = check.update(chunk) {
                return PdfVerdict::NotPdf(kind);
            }
        }
        check.finish()
    }

    fn body(junk: usize, middle: usize, end: &[u8], after: usize) -> Vec<u8> {
        let mut body = vec![b'.'; junk];
        body.extend_from_slice(b"%PDF-1.7\n");
        body.extend(std::iter::repeat_n(b'x', middle));
        body.extend_from_slice(end);
        body.extend(std::iter::repeat_n(b'\n', after));
        body
    }

    #[test]
    fn a_head_within_1024_bytes_counts() {
        let end = b"startxref\n1\n%%EOF";
        assert_eq!(verdict([&body(1019, 9, end, 0)[..]]), PdfVerdict::Whole);
        assert!(matches!(
            verdict([&body(1020, 9, end, 0)[..]]),
            PdfVerdict::NotPdf(_)
        ));
    }

    #[test]
    fn an_end_within_1024_bytes_counts() {
        let end = b"startxref\n1\n%%EOF";
        assert_eq!(verdict([&body(0, 9000, end, 1000)[..]]), PdfVerdict::Whole);
        assert!(matches!(
            verdict([&body(0, 9000, end, 1024)[..]]),
            PdfVerdict::Suspect(_)
        ));
        assert!(matches!(
            verdict([&body(0, 9000, b"startxref", 0)[..]]),
            PdfVerdict::Suspect(_)
        ));
        assert!(matches!(
            verdict([&body(0, 9000, b"%%EOF", 0)[..]]),
            PdfVerdict::Suspect(_)
        ));
    }

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
        fn the_verdict_does_not_depend_on_the_chunks(
            junk in 0..1100usize, middle in 0..3000usize, after in 0..1100usize,
            cuts in proptest::collection::vec(0..6000usize, 0..20),
        ) {
            let body = body(junk, middle, b"startxref\n1\n%%EOF", after);
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(body.len())).collect();
            cuts.extend([0, body.len()]);
            cuts.sort_unstable();
            let chunks = cuts.windows(2).map(|pair| &body[pair[0]..pair[1]]);
            prop_assert_eq!(verdict(chunks), verdict([&body[..]]));
        }

        #[test]
        fn any_head_has_a_kind(head in proptest::collection::vec(any::<u8>(), 0..1100)) {
            prop_assert!(!BodyKind::of(&head).to_string().is_empty());
        }
    }
}
