//! Templates for the paths of files: text with fields in braces, such as `{host}/{index:06}-{name}`.
//!
//! A template is parsed once, and fills in its fields per file. Values are hostile: only `{name}` and `{path}` may bring
//! folders, and the result becomes a safe path ([`name::safe_path`]).

use std::str::FromStr;
use std::sync::Arc;
use std::time::SystemTime;

use url::Url;

use super::Job;
use super::name;
use crate::id::Ids;
use crate::link::{Details, without_session};

/// The fields, except `{date}` and the columns of the list.
static FIELDS: [(&str, Field); 8] = [
    ("name", Field::Name),
    ("stem", Field::Stem),
    ("host", Field::Host),
    ("path", Field::Path),
    ("index", Field::Index),
    ("line", Field::Line),
    ("id", Field::Id),
    ("sha256", Field::Sha256),
];

/// A parsed template. `{date}` is text in it: a run past midnight keeps the names that it planned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    /// A field and its width.
    Field(Field, Option<u8>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Field {
    /// The name that the file would have without a template.
    Name,
    /// The same without `.pdf`.
    Stem,
    Host,
    /// The folders of the URL.
    Path,
    /// The number of the link over all lists.
    Index,
    /// The number of its line.
    Line,
    /// The identifier that the link is. For other links, and with a width, because an identifier that is cut names nothing: the
    /// identity of the link in hexadecimal, the same on every machine.
    Id,
    Sha256,
    Column(Arc<str>),
    /// The identifier as one of this kind, or a part of it with this name.
    OfId(Arc<str>),
}

impl Template {
    /// The template of a single name.
    pub(crate) fn of_name(name: &str) -> Self {
        Self(vec![Piece::Text(name.to_owned())])
    }

    /// Whether it has no field, so that all names would be the same.
    pub(crate) fn is_constant(&self) -> bool {
        !self.0.iter().any(|piece| matches!(piece, Piece::Field(..)))
    }

    /// The columns of the list that it uses.
    pub(crate) fn columns(&self) -> impl Iterator<Item = &Arc<str>> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Field(Field::Column(name), _) => Some(name),
            _ => None,
        })
    }

    /// Whether it uses the hash of the file, so that names are unknown until the file is complete.
    pub(crate) fn needs_hash(&self) -> bool {
        let is_hash = |piece: &Piece| matches!(piece, Piece::Field(Field::Sha256, _));
        self.0.iter().any(is_hash)
    }

    /// The identity of a link with this `url` and these `details`; none if one of the fields has no value, because all such
    /// links would be the same. `{path}` is the whole path here.
    pub(super) fn identity(&self, url: &Url, details: Option<&Details>) -> Option<String> {
        let listed = || details?.name.clone();
        let name = || listed().unwrap_or_else(|| name::of_url(url));
        let text = |piece: &Piece| {
            let (field, width) = match piece {
                Piece::Text(text) => return Some(text.clone()),
                Piece::Field(field, width) => (field, *width),
            };
            let text = match field {
                Field::Name => name(),
                Field::Stem => name::split_extension(&name()).0.to_owned(),
                Field::Host => url.host_str()?.to_owned(),
                Field::Path => without_session(url.path()).into_owned(),
                Field::Column(wanted) => {
                    let mut columns = details?.columns.iter();
                    let (_, value) = columns.find(|(column, _)| column == wanted)?;
                    value.trim().to_owned()
                }
                Field::OfId(name) => Ids::builtin().of_url(url)?.ok()?.field(name)?,
                Field::Index | Field::Line | Field::Id | Field::Sha256 => return None,
            };
            let text = shortened(&text, width);
            (!text.is_empty()).then_some(text)
        };
        self.0.iter().map(text).collect()
    }

    /// Whether it uses all of the identity of the link, so that no two links have the same name.
    pub(crate) fn has_identity(&self) -> bool {
        let is_identity = |piece: &Piece| match piece {
            Piece::Field(Field::Id, width) => width.is_some_and(|width| width >= 16),
            _ => false,
        };
        self.0.iter().any(is_identity)
    }

    /// Whether it uses what an identity cannot be made of: the place of the link in a list, its contents, or its identity.
    pub(super) fn needs_more_than_link(&self) -> bool {
        let is_foreign = |piece: &Piece| {
            matches!(
                piece,
                Piece::Field(Field::Index | Field::Line | Field::Id | Field::Sha256, _)
            )
        };
        self.0.iter().any(is_foreign)
    }

    /// The path of the file of `job`, which would be `name` without the template; `None` if nothing of it is left.
    pub(super) fn path(&self, job: &Job, name: &str, sha256: Option<&str>) -> Option<String> {
        let text = |piece: &Piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Field(field, width) => field.text(job, name, sha256, *width),
        };
        let path: String = self.0.iter().map(text).collect();
        name::safe_path(&path)
    }
}

impl Field {
    /// Its value: a number with at least `width` digits, or a text with up to `width` characters.
    fn text(&self, job: &Job, name: &str, sha256: Option<&str>, width: Option<u8>) -> String {
        let url = job.candidates.first();
        let number = |number: u64| format!("{number:0width$}", width = width.unwrap_or(0).into());
        let short = |text: &str| shortened(text, width);
        let component = |text: &str| short(&text.replace(['/', '\\'], "_"));
        match self {
            Self::Name => name.to_owned(),
            Self::Stem => short(name::split_extension(name).0),
            Self::Host => component(url.host_str().unwrap_or_default()),
            Self::Path => folders(url),
            Self::Index => number(job.index),
            Self::Line => number(job.source_line.line),
            Self::Id => {
                let identity = || short(&format!("{:016x}", job.id));
                let id = job.candidates.id().filter(|_| width.is_none());
                id.map_or_else(identity, |id| component(id.value()))
            }
            Self::Sha256 => short(sha256.unwrap_or_default()),
            Self::Column(wanted) => {
                let columns = job.details.iter().flat_map(|details| &details.columns);
                let values = columns.filter(|(name, _)| name == wanted);
                values.map(|(_, value)| component(value)).collect()
            }
            Self::OfId(name) => {
                let value = job.candidates.id().and_then(|id| id.field(name));
                component(&value.unwrap_or_default())
            }
        }
    }
}

fn shortened(text: &str, width: Option<u8>) -> String {
    match width {
        Some(width) => text.chars().take(width.into()).collect(),
        None => text.to_owned(),
    }
}

/// All segments of the path of `url` but the last one. An encoded separator does not make another folder.
fn folders(url: &Url) -> String {
    let path = url.path().trim_end_matches('/');
    let folders = path.rsplit_once('/').map_or("", |(folders, _)| folders);
    let decode = |folder: &str| {
        let folder = name::decoded(name::without_parameters(folder), url.host_str());
        folder.replace(['/', '\\'], "_")
    };
    folders.split('/').map(decode).collect::<Vec<_>>().join("/")
}

fn today() -> String {
    let now = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    now.chars().take_while(|c| *c != 'T').collect()
}

impl FromStr for Template {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const NOT_OPENED: &str = "`}` without `{`: write `}}` for a literal `}`";
        const NOT_CLOSED: &str = "`{` without `}`: write `{{` for a literal `{`";
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, braces) = rest.split_at(at);
            literal.push_str(before);
            if braces.starts_with("{{") || braces.starts_with("}}") {
                literal.push_str(&braces[..1]);
                rest = &braces[2..];
                continue;
            }
            let field = braces.strip_prefix('{').ok_or(NOT_OPENED)?;
            let (field, after) = field.split_once('}').ok_or(NOT_CLOSED)?;
            pieces.push(Piece::Text(std::mem::take(&mut literal)));
            pieces.push(piece(field)?);
            rest = after;
        }
        literal.push_str(rest);
        pieces.push(Piece::Text(literal));
        if text.trim().is_empty() {
            return Err(format!("a template needs text or fields: {}", known()));
        }
        Ok(Self(pieces))
    }
}

/// Parses the text between braces.
fn piece(text: &str) -> Result<Piece, String> {
    let (name, width) = text.rsplit_once(':').unwrap_or((text, ""));
    let (name, width) = match width.parse() {
        Ok(width) => (name.trim(), Some(width)),
        // the name of a column may contain a colon
        Err(_) => (text.trim(), None),
    };
    if name == "date" {
        return Ok(Piece::Text(today()));
    }
    let known_field = FIELDS.iter().find(|(known, _)| *known == name);
    let field = match (known_field, name.strip_prefix("col.")) {
        (Some((_, field)), _) => field.clone(),
        (None, Some(column)) if !column.is_empty() => Field::Column(column.into()),
        _ if Ids::builtin().has_kind(name) => Field::OfId(name.into()),
        _ => return Err(format!("unknown field `{{{text}}}`: {}", known())),
    };
    Ok(Piece::Field(field, width))
}

fn known() -> String {
    let names = FIELDS.each_ref().map(|(name, _)| format!("`{{{name}}}`"));
    let names = names.join(", ");
    format!(
        "the fields are {names}, `{{date}}`, `{{col.NAME}}`, and kinds of identifiers, such as `{{doi}}`; a width is as in `{{index:06}}`"
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Naming;
    use super::*;
    use crate::link::{Link, SourceLine};

    fn job(url: &str, name: Option<String>, column: String) -> Job {
        let source_line = SourceLine {
            source: "links.txt".into(),
            line: 7,
        };
        let details = Details {
            name,
            columns: vec![("Key".into(), column)],
            ..Details::default()
        };
        let link = Link {
            source_line,
            url: Url::parse(url).expect("a URL"),
            id: 0x0123_4567_89ab_cdef,
            details: Some(Box::new(details)),
        };
        Job::new(link, 3, &Arc::default())
    }

    fn path(template: &str, job: &Job) -> Option<String> {
        let template: Template = template.parse().expect("a template");
        template.path(job, "x.pdf", Some("0123456789abcdef"))
    }

    #[test]
    fn fields_are_filled_in() {
        let job = job("https://a.example/b%2Fc/d/x.pdf", None, "k/1".to_owned());
        for (template, expected) in [
            ("{name}", "x.pdf"),
            ("{stem}-{index:06}", "x-000003.pdf"),
            ("{host}/{path}/{line}", "a.example/b_c/d/7.pdf"),
            ("{sha256:8}", "01234567.pdf"),
            ("{id:16}", "0123456789abcdef.pdf"),
            ("{id:4}-{stem}", "0123-x.pdf"),
            ("{ col.Key :2}", "k_.pdf"),
            ("{col.Key}-{col.Other}", "k_1-.pdf"),
            ("{{{line}}}", "{7}.pdf"),
        ] {
            assert_eq!(
                path(template, &job).as_deref(),
                Some(expected),
                "{template}"
            );
        }
    }

    #[test]
    fn malformed_templates_are_rejected() {
        for template in [
            "", " ", "{", "}", "{name", "name}", "{}", "{col.}", "{name}}",
        ] {
            assert!(template.parse::<Template>().is_err(), "{template}");
        }
        for template in ["x", "{date}", "{{name}}"] {
            let parsed: Template = template.parse().expect("a template");
            assert!(parsed.is_constant(), "{template}");
        }
    }

    /// Text with whatever is special in paths, URLs and templates.
    fn hostile() -> impl Strategy<Value = String> {
        let special = r"([./\\:%{}\-~ \x00-\x1f\u{202e}]|\.\.|%2e|%2f|%5c|[a-z]|.){0,40}";
        prop_oneof![
            special.prop_map(String::from),
            "(\\.\\./|/|a){0,40}",
            ".{250,300}"
        ]
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in "([{}:.]|col|name|index|0|.){0,20}") {
            let _ = text.parse::<Template>();
        }

        #[test]
        fn paths_stay_inside_the_folder(
            before in "[./\\\\a{}]{0,6}",
            fields in proptest::collection::vec(0..9usize, 1..6),
            separator in "[./\\\\ -]{0,3}",
            url_path in hostile(),
            listed in proptest::option::of(hostile()),
            suggested in proptest::option::of(hostile()),
            column in hostile(),
            shard: bool,
        ) {
            let fields = fields.iter().map(|field| FIELDS.get(*field).map_or("col.Key", |(name, _)| name));
            let fields: Vec<_> = fields.map(|field| format!("{{{field}}}")).collect();
            let before = before.replace('{', "{{").replace('}', "}}");
            let template = before + &fields.join(&separator);
            let naming = Naming { template: Some(template.parse().expect("a template")), shard };
            let mut url = Url::parse("https://a.example/").expect("a URL");
            url.set_path(&url_path);
            let job = job(url.as_str(), listed, column);
            let names = job.names(&naming, suggested.as_deref(), Some("0123456789abcdef"));
            for path in names.take(3) {
                prop_assert!(path.to_ascii_lowercase().ends_with(".pdf"), "{path}");
                prop_assert!(name::is_given(&path), "{path}");
                for component in path.split(['/', '\\']) {
                    prop_assert!((1..=255).contains(&component.len()), "{path}");
                    // neither hidden nor `..`
                    prop_assert!(!component.starts_with('.') && !component.contains(':'), "{path}");
                }
            }
        }

        #[test]
        fn literal_text_survives(text in "x[a-z{}]{0,20}") {
            let template = text.replace('{', "{{").replace('}', "}}") + "{index}";
            let job = job("https://a.example/x.pdf", None, String::new());
            prop_assert_eq!(path(&template, &job), Some(format!("{text}3.pdf")));
        }
    }
}
