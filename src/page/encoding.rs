//! The encoding of a page: by its byte order mark, its header, its `<meta>`, or else by its bytes (HTML, section 13.2.3).
//!
//! A page is ASCII up to where its encoding matters, in nearly all of them. So nothing waits for a declaration until then, and it
//! counts wherever it is before. Browsers look for it within 1,024 bytes, but begin again if it comes later. What is in two
//! bytes a character without a mark begins with ASCII and zeros.

use encoding_rs::{Decoder, Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};
use memchr::{memchr, memchr_iter, memmem, memrchr};

/// How far behind the first byte that is not ASCII a declaration is waited for, in bytes, and how long its tag may be.
const DECLARED_WITHIN: usize = 4 * 1024;

/// The longest byte order mark, and two characters of two bytes.
const BEGINNING: usize = 4;

/// Decodes a page piece by piece.
pub(super) struct Decoded {
    /// The charset of the `Content-Type`.
    label: Option<&'static Encoding>,
    /// What may be in any encoding, and the beginning of a tag that may declare it.
    head: Vec<u8>,
    /// Whether something was before the head.
    has_begun: bool,
    decoder: Option<Decoder>,
}

impl Decoded {
    /// Of a response with this `Content-Type`.
    pub(super) fn new(content_type: &str) -> Self {
        Self {
            label: charset(content_type.as_bytes(), b"charset"),
            head: Vec::new(),
            has_begun: false,
            decoder: None,
        }
    }

    /// The encoding, as soon as it is known.
    pub(super) fn encoding(&self) -> Option<&'static Encoding> {
        self.decoder.as_ref().map(Decoder::encoding)
    }

    /// How many bytes wait until the encoding is known.
    #[cfg(test)]
    pub(super) fn kept(&self) -> usize {
        self.head.capacity()
    }

    /// The text of the next bytes; `is_last` if no others follow.
    pub(super) fn decode(&mut self, bytes: &[u8], is_last: bool) -> String {
        if let Some(decoder) = &mut self.decoder {
            return decode(decoder, bytes, is_last);
        }
        self.head.extend_from_slice(bytes);
        let Some(encoding) = self.decide(is_last) else {
            return self.plain();
        };
        let decoder = self.decoder.insert(if self.has_begun {
            encoding.new_decoder_without_bom_handling()
        } else {
            encoding.new_decoder()
        });
        decode(decoder, &std::mem::take(&mut self.head), is_last)
    }

    /// The encoding if it is known, or matters now.
    fn decide(&self, is_last: bool) -> Option<&'static Encoding> {
        let head = &self.head[..];
        if !self.has_begun {
            if head.len() < BEGINNING && !is_last {
                return None;
            }
            let by_beginning = marked(head).or(self.label);
            if by_beginning.is_some() {
                return by_beginning;
            }
        }
        if let Some(declared) = declared(head) {
            return Some(declared);
        }
        if is_plain(head) {
            return is_last.then_some(UTF_8);
        }
        let special = head.iter().position(|byte| !is_plain(&[*byte]))?;
        if head.len() - special < DECLARED_WITHIN && !is_last {
            return None;
        }
        Some(match std::str::from_utf8(head) {
            // it ends within a character
            Err(error) if error.error_len().is_some() => WINDOWS_1252,
            _ => UTF_8,
        })
    }

    /// What of the head is ASCII, and no beginning of a tag or a comment.
    fn plain(&mut self) -> String {
        if self.head.len() < BEGINNING || !is_plain(&self.head) {
            return String::new();
        }
        let is_open = |at: &usize, end: &[u8]| memmem::find(&self.head[*at..], end).is_none();
        let comment = memmem::rfind(&self.head, b"<!--").filter(|at| is_open(at, b"-->"));
        let tag = || memrchr(b'<', &self.head).filter(|at| is_open(at, b">"));
        let is_short = |at: &usize| self.head.len() - at < DECLARED_WITHIN;
        let end = comment.or_else(tag).filter(is_short);
        let end = end.unwrap_or(self.head.len());
        self.has_begun |= end > 0;
        String::from_utf8(self.head.drain(..end).collect()).unwrap_or_default()
    }
}

/// Whether `text` is the same in all encodings. Those of ISO-2022-JP have an escape before what is not.
fn is_plain(text: &[u8]) -> bool {
    text.is_ascii() && memchr(0x1b, text).is_none()
}

fn decode(decoder: &mut Decoder, bytes: &[u8], is_last: bool) -> String {
    let length = decoder.max_utf8_buffer_length(bytes.len());
    let mut text = String::with_capacity(length.unwrap_or(bytes.len()));
    // the buffer has room for all of it
    let _ = decoder.decode_to_string(bytes, &mut text, is_last);
    text
}

/// The encoding of what begins with a byte order mark, or in two bytes a character.
fn marked(head: &[u8]) -> Option<&'static Encoding> {
    let is_text = |byte: u8| byte.is_ascii_graphic() || byte.is_ascii_whitespace();
    match *head {
        [one, 0, other, 0, ..] if is_text(one) && is_text(other) => Some(UTF_16LE),
        [0, one, 0, other, ..] if is_text(one) && is_text(other) => Some(UTF_16BE),
        _ => Encoding::for_bom(head).map(|(encoding, _)| encoding),
    }
}

/// The encoding that a `<meta>` or the declaration of XML names.
fn declared(head: &[u8]) -> Option<&'static Encoding> {
    let mut comment = 0..0;
    for at in memchr_iter(b'<', head) {
        let tag = &head[at..];
        if comment.contains(&at) {
            continue;
        }
        if tag.starts_with(b"<!--") {
            let end = memmem::find(tag, b"-->")?;
            comment = at..at + end;
            continue;
        }
        let is = |name: &[u8]| {
            let there = tag.get(..name.len());
            there.is_some_and(|there| there.eq_ignore_ascii_case(name))
        };
        let end = || Some(&tag[..memchr(b'>', tag)?]);
        let found = if is(b"<meta") {
            charset(end()?, b"charset")
        } else if is(b"<?xml") {
            charset(end()?, b"encoding")
        } else {
            None
        };
        if found.is_some() {
            // what can be read this way is in none of two bytes a character
            return found.map(Encoding::output_encoding);
        }
    }
    None
}

/// The encoding that the first parameter or attribute of this name has as its value.
fn charset(text: &[u8], name: &[u8]) -> Option<&'static Encoding> {
    let is_name = |bytes: &[u8]| bytes.eq_ignore_ascii_case(name);
    let at = text.windows(name.len()).position(is_name)? + name.len();
    let value = text[at..].trim_ascii_start().strip_prefix(b"=")?;
    let is_quote = |byte: &u8| matches!(byte, b'"' | b'\'' | b' ');
    let quotes = value.iter().take_while(|byte| is_quote(byte)).count();
    let value = &value[quotes..];
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_:.".contains(byte);
    let length = value.iter().take_while(|byte| is_part(byte)).count();
    Encoding::for_label(&value[..length])
}

#[cfg(test)]
mod tests {
    use encoding_rs::{GB18030, SHIFT_JIS, WINDOWS_1251};

    use super::*;

    /// What `bytes` are in pieces of `length`.
    fn decoded(bytes: &[u8], content_type: &str, length: usize) -> String {
        let mut decoded = Decoded::new(content_type);
        let mut pieces = bytes.chunks(length);
        let mut text: String = pieces
            .by_ref()
            .map(|piece| decoded.decode(piece, false))
            .collect();
        text.push_str(&decoded.decode(&[], true));
        text
    }

    #[test]
    fn encodings_are_told() {
        let pages = [
            ("<meta charset=windows-1251>Статья", WINDOWS_1251, ""),
            ("Статья", WINDOWS_1251, "text/html; charset=\"CP1251\""),
            (
                "<title>Статья</title><META content='text/html; Charset=windows-1251' http-equiv=x>",
                WINDOWS_1251,
                "",
            ),
            (
                "<script charset=utf-8></script><!-- <meta charset=utf-8> --><meta charset=Shift_JIS>論文",
                SHIFT_JIS,
                "",
            ),
            (
                "<?xml version='1.0' encoding='gb18030'?>论文",
                GB18030,
                "text/xml",
            ),
            ("<title>Größe</title>", WINDOWS_1252, ""),
            ("<title>Größe 論文</title>", UTF_8, ""),
            ("<meta charset=utf-16>論文", UTF_8, ""),
        ];
        for (page, encoding, content_type) in pages {
            // the declaration may come as late as it wants
            let page = format!("<html>{}{page}", "<a href=x>".repeat(900));
            let (bytes, _, _) = encoding.encode(&page);
            for length in [1, 7, 5000, 100_000] {
                let decoded = decoded(&bytes, content_type, length);
                assert!(decoded == page, "{}", encoding.name());
            }
        }
    }

    #[test]
    fn marks_and_zeros_tell_utf_16() {
        let page = "<html><title>論文</title>";
        let little: Vec<u8> = page.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = page.encode_utf16().flat_map(u16::to_be_bytes).collect();
        let marked = |mark: &[u8], bytes: &[u8]| [mark, bytes].concat();
        for bytes in [
            little.clone(),
            big.clone(),
            marked(b"\xff\xfe", &little),
            marked(b"\xfe\xff", &big),
            marked(b"\xef\xbb\xbf", page.as_bytes()),
        ] {
            for content_type in [
                "",
                "text/html; charset=utf-16",
                "text/html; charset=iso-8859-1",
            ] {
                for length in [1, 3, 1000] {
                    assert_eq!(decoded(&bytes, content_type, length), page);
                }
            }
        }
    }
}
