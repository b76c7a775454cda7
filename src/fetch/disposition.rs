//! The file name in a `Content-Disposition` header (RFC 6266), parsed as leniently as browsers do.
//!
//! Servers also write it as encoded words of mails (RFC 2047, see [`words`]), percent-encoded as in URLs, or in
//! the bytes of their own encoding. Browsers read all of them.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::words;
use crate::charset;

/// The file name that the header of a server at `host` suggests, not yet sanitized: `filename*` (RFC 8187) if valid, or else
/// `filename`.
pub(super) fn file_name(value: &[u8], host: Option<&str>) -> Option<String> {
    let text = match str::from_utf8(value) {
        Ok(text) => text.to_owned(),
        Err(_) => charset::undeclared(value, host).unwrap_or_else(|| latin1(value)),
    };
    // software for mails encodes the whole of it
    let is_encoded = text.trim_start().starts_with("=?");
    let text = words::decode(&text).filter(|_| is_encoded).unwrap_or(text);
    let (mut plain, mut extended) = (None, None);
    for (name, value) in parameters(&text) {
        // the first of several parameters with the same name counts
        match name.to_ascii_lowercase().as_str() {
            "filename" => plain = plain.or(Some(value)),
            "filename*" => {
                extended = extended.or_else(|| decode(&value).filter(|name| !name.is_empty()));
            }
            _ => {}
        }
    }
    let plain = || plain.and_then(|name| unescaped(&name, host));
    let name = extended.or_else(plain)?;
    Some(last_segment(&name).to_owned()).filter(|name| !name.is_empty())
}

/// The last segment of a name that is a path (RFC 6266 section 4.3), also one of Windows. Anything else may have a `/` as a text does.
fn last_segment(name: &str) -> &str {
    let drive = name.trim_start_matches(|c: char| c.is_ascii_alphabetic());
    let has_drive = drive.len() + 1 == name.len() && drive.starts_with(":\\");
    let is_path = ["/", "./", "../"]
        .iter()
        .any(|start| name.starts_with(start));
    match () {
        () if has_drive || name.starts_with("\\\\") => name.rsplit(['/', '\\']).next(),
        () if is_path => name.rsplit('/').next(),
        () => None,
    }
    .unwrap_or(name)
}

/// A plain `filename` without the encodings that it must not have; `None` if it has one that cannot be decoded.
fn unescaped(name: &str, host: Option<&str>) -> Option<String> {
    if words::are_in(name) {
        return words::decode(name);
    }
    let bytes: Cow<[u8]> = percent_decode_str(name).into();
    let decoded = match bytes {
        Cow::Borrowed(_) => None,
        Cow::Owned(bytes) => charset::undeclared(&bytes, host),
    };
    Some(decoded.unwrap_or_else(|| name.to_owned()))
}

/// The parameters, with quoted strings unquoted. Anything else, such as the disposition type, is skipped.
fn parameters(value: &str) -> Vec<(&str, String)> {
    let mut found = Vec::new();
    let mut rest = value;
    while !rest.is_empty() {
        let end = rest.find([';', '=', '"']).unwrap_or(rest.len());
        let name = rest[..end].trim();
        rest = &rest[end..];
        if let Some(after) = rest.strip_prefix('=') {
            let (value, after) = parameter_value(after.trim_start());
            found.push((name, value));
            rest = after;
        }
        // skip junk before the next semicolon
        rest = rest.find(';').map_or("", |end| &rest[end + 1..]);
    }
    found
}

/// A quoted string or a token, and what follows it. An unterminated quoted string ends with the header.
fn parameter_value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let (value, after) = text.split_at(token_end(text));
        let value = value.trim();
        let bare = value
            .strip_prefix('\'')
            .and_then(|text| text.strip_suffix('\''));
        return (bare.unwrap_or(value).to_owned(), after);
    };
    let mut value = String::new();
    let mut chars = quoted.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' if is_inside(&value, &quoted[at + 1..]) => value.push(c),
            '"' => return (value, &quoted[at + 1..]),
            // other backslashes are those of paths
            '\\' => {
                let escaped = chars.next_if(|(_, next)| matches!(next, '"' | '\\'));
                value.push(escaped.map_or(c, |(_, escaped)| escaped));
            }
            c => value.push(c),
        }
    }
    (value, "")
}

/// Where a value without quotes ends: at a semicolon before something that can be a parameter.
fn token_end(text: &str) -> usize {
    let mut end = 0;
    for piece in text.split_inclusive(';') {
        let value = text[..end].trim_end_matches(';').trim_end();
        let is_parameter = piece.contains('=') || piece.trim_matches([';', ' ', '\t']).is_empty();
        if end > 0 && (is_parameter || is_pdf(value)) {
            break;
        }
        end += piece.len();
    }
    text[..end].trim_end_matches(';').len()
}

/// Whether a quote between `before` and `after` is part of a name, in which it should have been escaped.
fn is_inside(before: &str, after: &str) -> bool {
    let after = after.trim_start();
    !after.is_empty() && !after.starts_with([';', ',']) && after.contains('"') && !is_pdf(before)
}

fn is_pdf(name: &str) -> bool {
    let end = name.get(name.len().saturating_sub(4)..);
    end.is_some_and(|end| end.eq_ignore_ascii_case(".pdf"))
}

/// Decodes an extended value, such as `UTF-8'en'na%C3%AFve.pdf`; none if it is invalid.
fn decode(value: &str) -> Option<String> {
    let mut pieces = value.splitn(3, '\'');
    let (charset, _language, text) = (pieces.next()?, pieces.next()?, pieces.next()?);
    let bytes: Cow<[u8]> = percent_decode_str(text).into();
    match charset {
        "" => String::from_utf8(bytes.into_owned()).ok(),
        charset => charset::declared(&bytes, charset),
    }
}

fn latin1(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(value: &[u8]) -> Option<String> {
        file_name(value, Some("a.example"))
    }

    #[test]
    fn file_names_are_found_in_all_forms_that_servers_use() {
        for (value, expected) in [
            ("attachment; filename=\"foo.pdf\"", Some("foo.pdf")),
            ("attachment; FileName=foo.pdf", Some("foo.pdf")),
            (
                "inline;filename = foo bar.pdf ; size=3",
                Some("foo bar.pdf"),
            ),
            ("attachment; filename=\"a;b.pdf\"", Some("a;b.pdf")),
            (
                "attachment; filename=\"say \\\"hi\\\".pdf\"",
                Some("say \"hi\".pdf"),
            ),
            ("attachment; filename=\"open.pdf", Some("open.pdf")),
            ("attachment; filename=\"foo-%41.pdf\"", Some("foo-A.pdf")),
            ("attachment; filename=\"a%20b%C3%A9.pdf\"", Some("a bé.pdf")),
            ("attachment; filename=100%.pdf", Some("100%.pdf")),
            ("attachment; filename=x%FF.pdf", Some("x%FF.pdf")),
            ("attachment; filename=%D6%D0%B9%FA.pdf", Some("中国.pdf")),
            ("attachment; filename=a;b.pdf", Some("a;b.pdf")),
            ("attachment; filename=a;b;c.pdf; size=3", Some("a;b;c.pdf")),
            ("attachment; filename=a.pdf; inline", Some("a.pdf")),
            ("attachment; filename=a.pdf;", Some("a.pdf")),
            ("attachment; filename='a b.pdf'", Some("a b.pdf")),
            (
                "attachment; filename=\"say \"hi\".pdf\"; size=3",
                Some("say \"hi\".pdf"),
            ),
            ("attachment; filename=\"x.pdf\" size=\"3\"", Some("x.pdf")),
            ("attachment; filename=\"C:\\docs\\x.pdf\"", Some("x.pdf")),
            (
                "attachment; filename=\"\\\\\\\\a\\docs\\x.pdf\"",
                Some("x.pdf"),
            ),
            ("attachment; filename=\"../../x.pdf\"", Some("x.pdf")),
            ("attachment; filename=\"/tmp/x.pdf\"", Some("x.pdf")),
            ("attachment; filename=\"a/b.pdf\"", Some("a/b.pdf")),
            ("attachment; filename=\"a\\b.pdf\"", Some("a\\b.pdf")),
            (
                "attachment; filename*=UTF-8''; filename=x.pdf",
                Some("x.pdf"),
            ),
            (
                "attachment; filename=\"=?UTF-8?B?UsOpc3Vtw6kucGRm?=\"",
                Some("Résumé.pdf"),
            ),
            (
                "attachment; filename==?utf-8?q?R=C3=A9_1.pdf?=; size=3",
                Some("Ré 1.pdf"),
            ),
            (
                "=?UTF-8?B?YXR0YWNobWVudDsgZmlsZW5hbWU9IsOpLnBkZiI=?=",
                Some("é.pdf"),
            ),
            ("attachment; filename=\"=?x-none?B?AAAA?=\"", None),
            (
                "attachment; filename*=GBK''%D6%D0%B9%FA.pdf; filename=x.pdf",
                Some("中国.pdf"),
            ),
            (
                "attachment; filename*=Shift_JIS'ja'%8E%91%97%BF.pdf",
                Some("資料.pdf"),
            ),
            ("attachment; filename*=''%C3%A9.pdf", Some("é.pdf")),
            ("attachment; filename=\"naïve.pdf\"", Some("naïve.pdf")),
            (
                "attachment; filename=\"x.pdf\"; filename*=UTF-8''na%C3%AFve.pdf",
                Some("naïve.pdf"),
            ),
            (
                "attachment; filename*=utf-8'en'na%C3%AFve.pdf; filename=x.pdf",
                Some("naïve.pdf"),
            ),
            (
                "attachment; filename*=iso-8859-1''na%EFve.pdf",
                Some("naïve.pdf"),
            ),
            (
                "attachment; filename*=UTF-8''bad%FF.pdf; filename=x.pdf",
                Some("x.pdf"),
            ),
            ("attachment; filename*=UTF-8''bad%FF.pdf", None),
            ("attachment; filename*=x.pdf", None),
            ("attachment; filename*0=\"a\"; filename*1=\"b.pdf\"", None),
            ("attachment; filename=a.pdf; filename=b.pdf", Some("a.pdf")),
            ("filename=x.pdf", Some("x.pdf")),
            ("attachment; xfilename=x.pdf", None),
            ("attachment; filename=", None),
            ("attachment", None),
            ("", None),
        ] {
            assert_eq!(name(value.as_bytes()).as_deref(), expected, "{value}");
        }
        assert_eq!(
            name(b"attachment; filename=na\xefve.pdf").as_deref(),
            Some("na\u{ef}ve.pdf")
        );
        assert_eq!(
            name(b"attachment; filename=\"\xd6\xd0\xb9\xfa.pdf\"").as_deref(),
            Some("中国.pdf")
        );
    }

    proptest! {
        #[test]
        fn any_value_is_parsed_without_panic(value in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = name(&value);
        }

        #[test]
        fn a_quoted_name_is_read_back(name in "[^\u{0}%=:\u{fffd}]{1,40}") {
            let quoted = name.replace('\\', "\\\\").replace('"', "\\\"");
            let segment = last_segment(&name).to_owned();
            let read = super::file_name(format!("attachment; filename=\"{quoted}\"").as_bytes(), None);
            prop_assert_eq!(read, Some(segment).filter(|name| !name.is_empty()));
        }

        #[test]
        fn tangled_values_are_parsed_without_panic(value in "[;=\"\\\\'%*a]{0,60}") {
            let _ = name(format!("attachment; filename{value}").as_bytes());
        }
    }
}
