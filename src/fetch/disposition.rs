//! The file name in a `Content-Disposition` header (RFC 6266), parsed as leniently as browsers do.

use percent_encoding::percent_decode_str;

/// The file name that the header suggests, not yet sanitized: `filename*` (RFC 8187) if valid, or else `filename`.
pub(super) fn file_name(value: &[u8]) -> Option<String> {
    let value = str::from_utf8(value).map_or_else(|_| latin1(value), str::to_owned);
    let (mut plain, mut extended) = (None, None);
    for (name, value) in parameters(&value) {
        // the first of several parameters with the same name counts
        match name.to_ascii_lowercase().as_str() {
            "filename" => plain = plain.or(Some(value)),
            "filename*" => extended = extended.or_else(|| decode(&value)),
            _ => {}
        }
    }
    extended.or(plain).filter(|name| !name.is_empty())
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
        let end = text.find(';').unwrap_or(text.len());
        return (text[..end].trim().to_owned(), &text[end..]);
    };
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (value, &quoted[at + 1..]),
            '\\' => value.extend(chars.next().map(|(_, escaped)| escaped)),
            c => value.push(c),
        }
    }
    (value, "")
}

/// Decodes an extended value, such as `UTF-8'en'na%C3%AFve.pdf`; none if it is invalid.
fn decode(value: &str) -> Option<String> {
    let mut pieces = value.splitn(3, '\'');
    let (charset, _language, text) = (pieces.next()?, pieces.next()?, pieces.next()?);
    let bytes: Vec<u8> = percent_decode_str(text).collect();
    match charset.to_ascii_lowercase().as_str() {
        "utf-8" => String::from_utf8(bytes).ok(),
        "iso-8859-1" => Some(latin1(&bytes)),
        _ => None,
    }
}

fn latin1(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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
            ("attachment; filename=\"foo-%41.pdf\"", Some("foo-%41.pdf")),
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
            assert_eq!(file_name(value.as_bytes()).as_deref(), expected, "{value}");
        }
        assert_eq!(
            file_name(b"attachment; filename=na\xefve.pdf").as_deref(),
            Some("na\u{ef}ve.pdf")
        );
    }

    proptest! {
        #[test]
        fn any_value_is_parsed_without_panic(value in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = file_name(&value);
        }

        #[test]
        fn a_quoted_name_is_read_back(name in "[^\u{0}]{1,40}") {
            let quoted = name.replace('\\', "\\\\").replace('"', "\\\"");
            prop_assert_eq!(file_name(format!("attachment; filename=\"{quoted}\"").as_bytes()), Some(name));
        }

        #[test]
        fn tangled_values_are_parsed_without_panic(value in "[;=\"\\\\'%*a]{0,60}") {
            let _ = file_name(format!("attachment; filename{value}").as_bytes());
        }
    }
}
