//! Templates of URLs and of what identifiers are called: text with fields in braces, such as `{doi_base}/{doi}`.
//!
//! A value is encoded for where it stands: in a path, all but what would end that or change its meaning, and in a query, `&`, `+`
//! and `=`, too. What is in brackets is left out if one of its fields has no value.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// What is encoded in a path. A DOI keeps its slashes, as its resolver has them.
const PATH: AsciiSet = CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// What is encoded in a query.
const QUERY: AsciiSet = PATH.add(b'&').add(b'+').add(b'=').add(b'\'');

/// A parsed template.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Template(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Field(Field),
    /// It is left out if one of its fields has no value.
    Optional(Vec<Piece>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Field {
    name: String,
    form: Form,
}

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Plain,
    Path,
    Query,
    /// The last folder of a path.
    Name,
}

impl Template {
    /// A template of a URL.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub(super) fn url(text: &str) -> Result<Self, String> {
        let mut rest = text;
        let mut form = Form::Path;
        pieces(&mut rest, &mut form, false).map(Self)
    }

    /// A template of any other text.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub(super) fn plain(text: &str) -> Result<Self, String> {
        let mut rest = text;
        let mut form = Form::Plain;
        pieces(&mut rest, &mut form, false).map(Self)
    }

    /// The text with the values of its fields.
    ///
    /// # Errors
    ///
    /// The first field without a value.
    pub(super) fn filled(&self, value: &dyn Fn(&str) -> Option<String>) -> Result<String, &str> {
        filled(&self.0, value)
    }
}

fn filled<'t>(
    pieces: &'t [Piece],
    value: &dyn Fn(&str) -> Option<String>,
) -> Result<String, &'t str> {
    let mut text = String::new();
    for piece in pieces {
        match piece {
            Piece::Text(piece) => text.push_str(piece),
            Piece::Optional(pieces) => text.push_str(&filled(pieces, value).unwrap_or_default()),
            Piece::Field(field) => {
                let value = value(&field.name).filter(|value| !value.is_empty());
                text.push_str(&field.form.written(&value.ok_or(&*field.name)?));
            }
        }
    }
    Ok(text)
}

impl Form {
    fn written(self, value: &str) -> String {
        match self {
            Self::Plain => value.to_owned(),
            Self::Path => utf8_percent_encode(value, &PATH).to_string(),
            Self::Query => utf8_percent_encode(value, &QUERY).to_string(),
            Self::Name => {
                let path = value.trim_end_matches('/');
                let name = path.rsplit('/').next().unwrap_or_default();
                utf8_percent_encode(name, &PATH).to_string()
            }
        }
    }
}

/// `value` in all forms in which templates write it.
pub(super) fn spellings(value: &str) -> impl Iterator<Item = String> {
    [Form::Plain, Form::Path, Form::Query]
        .into_iter()
        .map(|form| form.written(value))
}

/// Parses what is in front of the end, or of the bracket that ends an optional part.
fn pieces(rest: &mut &str, form: &mut Form, is_optional: bool) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    loop {
        let at = rest.find(['{', '[', ']']).unwrap_or(rest.len());
        let (text, behind) = rest.split_at(at);
        if text.contains('?') && *form == Form::Path {
            *form = Form::Query;
        }
        if !text.is_empty() {
            pieces.push(Piece::Text(text.to_owned()));
        }
        let mut characters = behind.chars();
        let opener = characters.next();
        *rest = characters.as_str();
        match opener {
            None if is_optional => return Err("`[` without `]`".to_owned()),
            None => return Ok(pieces),
            Some(']') if is_optional => return Ok(pieces),
            Some(']') => return Err("`]` without `[`".to_owned()),
            Some('[') => pieces.push(Piece::Optional(self::pieces(rest, form, true)?)),
            Some(_) => {
                let (field, behind) = rest.split_once('}').ok_or("`{` without `}`")?;
                *rest = behind;
                let is_base = field.ends_with("_base");
                let form = if is_base { Form::Plain } else { *form };
                pieces.push(Piece::Field(Field::new(field, form)?));
            }
        }
    }
}

impl Field {
    fn new(text: &str, usual: Form) -> Result<Self, String> {
        let (name, form) = match text.rsplit_once(':') {
            Some((name, "raw")) => (name, Form::Plain),
            Some((name, "query")) => (name, Form::Query),
            Some((name, "name")) => (name, Form::Name),
            _ => (text, usual),
        };
        if name.is_empty() {
            return Err("a field without a name: `{id}` is the identifier".to_owned());
        }
        Ok(Self {
            name: name.to_owned(),
            form,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(template: &str) -> Result<String, String> {
        let template = Template::url(template)?;
        let value = |name: &str| match name {
            "id" => Some("10.1/a b#c&d".to_owned()),
            "a_base" => Some("http://a.example/x".to_owned()),
            "path" => Some("a/b.1/".to_owned()),
            _ => None,
        };
        template.filled(&value).map_err(str::to_owned)
    }

    #[test]
    fn values_are_encoded_for_their_place() {
        for (template, expected) in [
            ("{a_base}/{id}", "http://a.example/x/10.1/a%20b%23c&d"),
            ("http://b/?q={id}", "http://b/?q=10.1/a%20b%23c%26d"),
            ("http://b/{id:raw}", "http://b/10.1/a b#c&d"),
            ("http://b/{id}[?mail={mail}]", "http://b/10.1/a%20b%23c&d"),
            ("http://b/{path:name}/x", "http://b/b.1/x"),
        ] {
            assert_eq!(filled(template).as_deref(), Ok(expected), "{template}");
        }
        assert_eq!(filled("http://b/{mail}"), Err("mail".to_owned()));
        for wrong in ["{", "[a", "a]", "{}"] {
            assert!(Template::url(wrong).is_err(), "{wrong}");
        }
    }
}
