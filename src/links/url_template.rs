//! URLs that are made of the columns of a table, the fields of an object or those of an entry: `https://{Bucket}.example/{Key}`.
//!
//! Values are percent-encoded, because the keys of object stores may have anything in them, and keep their `/`. `{Key:query}`
//! encodes that, too, and `{Key:raw}` nothing: what is encoded already would be encoded again.

use std::borrow::Cow;
use std::str::FromStr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What a URL may have as it is (RFC 3986, section 2.3).
const OTHERS: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// What a path may have, too.
const IN_PATH: &AsciiSet = &OTHERS
    .remove(b'/')
    .remove(b':')
    .remove(b'@')
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=');

/// A parsed template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UrlTemplate(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Field(String, Encoding),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Path,
    Query,
    Raw,
}

impl UrlTemplate {
    /// The columns that it uses.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Field(name, _) => Some(name.as_str()),
            Piece::Text(_) => None,
        })
    }

    /// The URL of a row, in which `value` looks up a column; none if one of them is blank.
    pub(super) fn fill<'a>(&self, value: impl Fn(&str) -> Option<Cow<'a, str>>) -> Option<String> {
        let mut url = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => url.push_str(text),
                Piece::Field(name, encoding) => {
                    let value = value(name)?;
                    let value = value.trim();
                    if value.is_empty() {
                        return None;
                    }
                    match encoding {
                        Encoding::Path => url.extend(utf8_percent_encode(value, IN_PATH)),
                        Encoding::Query => url.extend(utf8_percent_encode(value, OTHERS)),
                        Encoding::Raw => url.push_str(value),
                    }
                }
            }
        }
        Some(url)
    }
}

impl FromStr for UrlTemplate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (mut pieces, mut literal, mut rest) = (Vec::new(), String::new(), text);
        while let Some(at) = rest.find(['{', '}']) {
            let (before, braces) = rest.split_at(at);
            literal.push_str(before);
            if braces.starts_with("{{") || braces.starts_with("}}") {
                literal.push_str(&braces[..1]);
                rest = &braces[2..];
                continue;
            }
            let field = braces
                .strip_prefix('{')
                .and_then(|field| field.split_once('}'));
            let (field, after) = field.ok_or("unmatched brace: write `{{` for a literal `{`")?;
            let (name, encoding) = match field.rsplit_once(':') {
                Some((name, "raw")) => (name, Encoding::Raw),
                Some((name, "query")) => (name, Encoding::Query),
                _ => (field, Encoding::Path),
            };
            if name.trim().is_empty() {
                return Err("`{}` names no column".to_owned());
            }
            pieces.push(Piece::Text(std::mem::take(&mut literal)));
            pieces.push(Piece::Field(name.trim().to_owned(), encoding));
            rest = after;
        }
        literal.push_str(rest);
        pieces.push(Piece::Text(literal));
        let template = Self(pieces);
        let is_same = template.names().next().is_none();
        if is_same {
            let problem = "all links would be the same: name a column, as in `https://{Bucket}.example/{Key}`";
            return Err(problem.to_owned());
        }
        Ok(template)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_encoded_for_their_place() {
        let value = |name: &str| match name {
            "Bucket" => Some("b-1".into()),
            "Key" => Some("a b/ü#1?.pdf".into()),
            "done" => Some("a%20b".into()),
            _ => None,
        };
        for (template, expected) in [
            (
                "https://{Bucket}.example/{Key}",
                Some("https://b-1.example/a%20b/%C3%BC%231%3F.pdf"),
            ),
            (
                "https://a.example/?k={Key:query}",
                Some("https://a.example/?k=a%20b%2F%C3%BC%231%3F.pdf"),
            ),
            (
                "https://a.example/{done:raw}/{{x}}",
                Some("https://a.example/a%20b/{x}"),
            ),
            ("https://a.example/{none}", None),
        ] {
            let template: UrlTemplate = template.parse().expect("a template");
            assert_eq!(template.fill(value).as_deref(), expected);
        }
        for template in [
            "https://a.example/",
            "https://{",
            "https://}",
            "https://{}",
            "{:raw}",
        ] {
            assert!(template.parse::<UrlTemplate>().is_err(), "{template}");
        }
    }
}
