//! Encoded words of mails (RFC 2047), such as `=?UTF-8?B?w6kucGRm?=`, decoded leniently: with spaces in them, inside of other text,
//! and with characters that are spread over several words.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::charset;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// An encoded word.
struct Word<'a> {
    charset: &'a str,
    encoding: &'a str,
    text: &'a str,
}

/// Whether there is an encoded word in `text`.
pub(super) fn are_in(text: &str) -> bool {
    find(text).is_some()
}

/// `text` with its encoded words decoded; `None` if one of them cannot be.
pub(super) fn decode(text: &str) -> Option<String> {
    let (mut decoded, mut rest) = (String::new(), text);
    // bytes of adjacent words with the same charset
    let (mut bytes, mut charset) = (Vec::new(), "");
    while let Some((before, word, after)) = find(rest) {
        let is_adjacent = before.trim().is_empty() && !charset.is_empty();
        if !is_adjacent || !word.charset.eq_ignore_ascii_case(charset) {
            decoded.push_str(&flush(&mut bytes, charset)?);
        }
        // white space between words is there for folding only
        decoded.push_str(if is_adjacent { "" } else { before });
        charset = word.charset;
        bytes.extend(word.bytes()?);
        rest = after;
    }
    decoded.push_str(&flush(&mut bytes, charset)?);
    decoded.push_str(rest);
    Some(decoded)
}

/// The text of `bytes`, which are taken.
fn flush(bytes: &mut Vec<u8>, charset: &str) -> Option<String> {
    let bytes = std::mem::take(bytes);
    if bytes.is_empty() {
        return Some(String::new());
    }
    charset::declared(&bytes, charset)
}

/// The first encoded word, with the text before and after it.
fn find(text: &str) -> Option<(&str, Word<'_>, &str)> {
    let (before, rest) = text.split_once("=?")?;
    let (charset, rest) = rest.split_once('?')?;
    let (encoding, rest) = rest.split_once('?')?;
    let (text, after) = rest.split_once("?=")?;
    // a language may follow (RFC 2231 section 5)
    let charset = charset.split('*').next().unwrap_or_default();
    let word = Word {
        charset,
        encoding,
        text,
    };
    Some((before, word, after))
}

impl Word<'_> {
    fn bytes(&self) -> Option<Vec<u8>> {
        match self.encoding {
            "B" | "b" => {
                let text: String = self.text.split_whitespace().collect();
                BASE64.decode(text).ok()
            }
            "Q" | "q" => Some(unquoted(self.text.as_bytes())),
            _ => None,
        }
    }
}

/// The bytes of a text in which `_` is a space, and `=E9` a byte.
fn unquoted(mut text: &[u8]) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let mut bytes = Vec::new();
    while let [first, after @ ..] = text {
        text = after;
        let byte = match (first, after) {
            (b'=', [high, low, rest @ ..]) if digit(*high).is_some() && digit(*low).is_some() => {
                text = rest;
                let value = |byte: u8| digit(byte).unwrap_or_default();
                u8::try_from(value(*high) * 16 + value(*low)).expect("two digits")
            }
            (b'_', _) => b' ',
            (byte, _) => *byte,
        };
        bytes.push(byte);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_are_decoded() {
        for (text, expected) in [
            ("=?UTF-8?B?w6kucGRm?=", Some("é.pdf")),
            ("=?utf-8?q?=C3=A9_1=2Epdf?=", Some("é 1.pdf")),
            ("=?UTF-8*fr?Q?=C3=A9.pdf?=", Some("é.pdf")),
            ("=?ISO-8859-1?Q?r=E9sum=E9.pdf?=", Some("résumé.pdf")),
            ("=?GB2312?B?1tC5+i5wZGY=?=", Some("中国.pdf")),
            ("=?shift_jis?B?jpGXvy5wZGY?=", Some("資料.pdf")),
            ("=?windows-1251?Q?=EE=F2=F7=E5=F2.pdf?=", Some("отчет.pdf")),
            // a character in two words, and white space between them
            ("=?UTF-8?B?5Lg=?= \t=?utf-8?B?rS5wZGY=?=", Some("中.pdf")),
            ("=?UTF-8?Q?a?= =?ISO-8859-1?Q?=E9?= b.pdf", Some("aé b.pdf")),
            ("Vol 1 =?UTF-8?Q?=C3=A9?=.pdf", Some("Vol 1 é.pdf")),
            ("=?UTF-8?Q?a b=?=", Some("a b=")),
            ("=?none?Q?a?=", None),
            ("=?UTF-8?X?a?=", None),
            ("=?UTF-8?B?*?=", None),
            ("=?UTF-8?Q?=FF?=", None),
            ("a=?b.pdf", Some("a=?b.pdf")),
        ] {
            assert_eq!(decode(text).as_deref(), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_decoded_without_panic(text in "(=\\?|\\?=|\\?|utf-8|[BQ]|=[0-9A-F]|\\PC){0,30}") {
            let _ = decode(&text);
        }
    }
}
