//! The characters of a list: whatever it is encoded in, the readers of formats see UTF-8.
//!
//! Spreadsheets on Windows save UTF-16, and some programs leave out its byte order mark: a list begins with ASCII, so that every
//! other byte is zero then. It is decoded as a stream.
//!
//! A list without it is UTF-8 and passes as it is. A byte in it that is no UTF-8 is read as windows-1252, which browsers take
//! where a page says Latin-1 (WHATWG Encoding, section 4.2). That is decided byte by byte, because lists are put together from
//! several files.

use std::borrow::Cow;
use std::io::{self, BufRead, Read};

use super::compressed::Source;
use crate::line::fill;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What the bytes from 0x80 on are in windows-1252, as far as it differs from Latin-1.
const WINDOWS_1252: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}',
    '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

/// `source` in UTF-8 and without a byte order mark. Its first four bytes must be buffered, if there are as many.
pub(super) fn decoded(mut source: Source) -> io::Result<Source> {
    let (mark, is_big_endian) = match fill(&mut source)? {
        [0xff, 0xfe, ..] => (2, Some(false)),
        [0xfe, 0xff, ..] => (2, Some(true)),
        [a, 0, b, 0, ..] if is_text(*a) && is_text(*b) => (0, Some(false)),
        [0, a, 0, b, ..] if is_text(*a) && is_text(*b) => (0, Some(true)),
        bytes if bytes.starts_with(BYTE_ORDER_MARK) => (BYTE_ORDER_MARK.len(), None),
        _ => (0, None),
    };
    source.consume(mark);
    Ok(match is_big_endian {
        None => source,
        Some(is_big_endian) => Box::new(Utf16 {
            source,
            is_big_endian,
            rest: Vec::new(),
            text: Vec::new(),
            at: 0,
        }),
    })
}

fn is_text(byte: u8) -> bool {
    byte.is_ascii_graphic() || byte.is_ascii_whitespace()
}

/// `bytes` as text.
pub(super) fn text(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return text.into();
    }
    let mut text = String::with_capacity(bytes.len() + 8);
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|byte| {
            let special = WINDOWS_1252.get(usize::from(*byte) - 0x80);
            *special.unwrap_or(&char::from(*byte))
        }));
    }
    text.into()
}

/// Whether a reader does not see `c`: white space, and the invisible characters that links bring along from pages, mails and
/// the beginnings of files.
pub(super) fn is_space(c: char) -> bool {
    match c {
        '!'..='~' => false,
        '\u{ad}'
        | '\u{61c}'
        | '\u{180e}'
        | '\u{feff}'
        | '\u{fffc}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' => true,
        c => c.is_whitespace() || c.is_control(),
    }
}

/// `text` without the space around it.
pub(super) fn trim(text: &str) -> &str {
    text.trim_matches(is_space)
}

/// UTF-16, decoded.
struct Utf16 {
    source: Source,
    is_big_endian: bool,
    /// Bytes that are not decoded yet: half a unit, or the first half of a pair.
    rest: Vec<u8>,
    /// What has been decoded, and how much of it has been read.
    text: Vec<u8>,
    at: usize,
}

impl Utf16 {
    /// Decodes what there is, up to a character that is not complete. At the end of the list, that is none.
    fn decode(&mut self, is_end: bool) {
        let (pairs, _) = self.rest.as_chunks::<2>();
        let unit = if self.is_big_endian {
            |pair: &[u8; 2]| u16::from_be_bytes(*pair)
        } else {
            |pair: &[u8; 2]| u16::from_le_bytes(*pair)
        };
        let mut count = pairs.len();
        let is_half = |pair| matches!(unit(pair), 0xd800..=0xdbff);
        if !is_end && pairs.last().is_some_and(is_half) {
            count -= 1;
        }
        let mut text = String::with_capacity(2 * count);
        let decoded = char::decode_utf16(pairs[..count].iter().map(unit));
        text.extend(decoded.map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)));
        (self.text, self.at) = (text.into_bytes(), 0);
        self.rest.drain(..2 * count);
    }
}

impl BufRead for Utf16 {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.at == self.text.len() {
            let bytes = fill(&mut self.source)?;
            let length = bytes.len();
            self.rest.extend_from_slice(bytes);
            self.source.consume(length);
            self.decode(length == 0);
            if length == 0 {
                self.rest.clear();
                break;
            }
        }
        Ok(&self.text[self.at..])
    }

    fn consume(&mut self, length: usize) {
        self.at += length;
    }
}

impl Read for Utf16 {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use proptest::prelude::*;

    use super::*;

    fn decode(bytes: &[u8], capacity: usize) -> String {
        let source = BufReader::with_capacity(capacity, io::Cursor::new(bytes.to_vec()));
        let mut text = String::new();
        let mut source = decoded(Box::new(source)).expect("memory can be read");
        source.read_to_string(&mut text).expect("UTF-8");
        text
    }

    proptest! {
        #[test]
        fn utf_16_is_decoded(text in "[a-z]{2}\\PC{0,40}", capacity in 4usize..9, mark: bool) {
            let units: Vec<u16> = mark.then_some(0xfeff).into_iter().chain(text.encode_utf16()).collect();
            let little: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
            let big: Vec<u8> = units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
            prop_assert_eq!(&decode(&little, capacity), &text);
            prop_assert_eq!(&decode(&big, capacity), &text);
            prop_assert_eq!(&decode(text.as_bytes(), capacity), &text);
        }

        #[test]
        fn any_bytes_are_text(bytes in proptest::collection::vec(any::<u8>(), 0..99)) {
            let source = BufReader::with_capacity(5, io::Cursor::new(bytes.clone()));
            let mut source = decoded(Box::new(source)).expect("memory can be read");
            let mut read = Vec::new();
            source.read_to_end(&mut read).expect("memory can be read");
            prop_assert!(text(&bytes).len() >= bytes.len());
        }
    }

    #[test]
    fn bytes_that_are_no_utf_8_are_windows_1252() {
        assert_eq!(text(b"caf\xe9 \x80 caf\xc3\xa9"), "café € café");
    }

    #[test]
    fn what_nobody_sees_is_space() {
        for c in "\u{feff}\u{200b}\u{200d}\u{2060}\u{ad}\u{a0}\u{202e}\u{3000}\u{1a}\t".chars() {
            assert!(is_space(c), "{c:?}");
        }
        assert_eq!(trim("\u{feff}a\u{ad}b\u{a0}"), "a\u{ad}b");
    }
}
