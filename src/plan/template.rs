//! File names by a template: text with fields in braces.

use std::str::FromStr;
use std::sync::Arc;
use std::time::SystemTime;

use percent_encoding::percent_decode_str;
use url::Url;

use super::Job;
use super::name;

/// The fields of a template besides the columns of the list, and what they stand for.
pub(crate) const FIELDS: [(&str, &str); 8] = [
    (
        "name",
        "the name that the list, the URL or the server suggests",
    ),
    ("stem", "the same without `.pdf`"),
    ("host", "the host of the URL"),
    ("path", "the folders of the URL's path"),
    ("index", "the number of the link, over all lists"),
    ("line", "the number of its line"),
    ("sha256", "the SHA-256 of the file"),
    ("date", "the day on which the run began, in UTC"),
];

/// A template such as `{host}/{index:06}-{name}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Field(Field, Option<usize>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Field {
    Name,
    Stem,
    Host,
    Path,
    Index,
    Line,
    Sha256,
    Column(Arc<str>),
}

impl Template {
    /// The columns of the list that it uses.
    pub(crate) fn columns(&self) -> impl Iterator<Item = &Arc<str>> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Field(Field::Column(name), _) => Some(name),
            _ => None,
        })
    }

    /// Whether it uses the hash of the file, so that nobody knows a name before the file is here.
    pub(crate) fn needs_hash(&self) -> bool {
        self.0
            .iter()
            .any(|piece| matches!(piece, Piece::Field(Field::Sha256, _)))
    }

    /// The path for the file of `job`, whose `name` is what would be its path otherwise.
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
    /// The value. Only names and paths bring folders of their own.
    fn text(&self, job: &Job, name: &str, sha256: Option<&str>, width: Option<usize>) -> String {
        let url = job.candidates.first();
        let number = |number: u64| format!("{number:0width$}", width = width.unwrap_or(0));
        let short = |text: &str| -> String {
            let most = width.unwrap_or(usize::MAX);
            text.chars().take(most).collect()
        };
        let one = |text: &str| short(&text.replace(['/', '\\'], "_"));
        match self {
            Self::Name => name.to_owned(),
            Self::Stem => short(name::split_extension(name).0),
            Self::Host => one(url.host_str().unwrap_or_default()),
            Self::Path => folders(url),
            Self::Index => number(job.index),
            Self::Line => number(job.source_line.line),
            Self::Sha256 => short(sha256.unwrap_or_default()),
            Self::Column(wanted) => {
                let columns = job.details.iter().flat_map(|details| &details.columns);
                let values = columns.filter(|(name, _)| name == wanted);
                values.map(|(_, value)| one(value)).collect()
            }
        }
    }
}

/// All but the last segment of the path of `url`. What is encoded in one of them stays in it.
fn folders(url: &Url) -> String {
    let path = url.path().trim_end_matches('/');
    let folders = path.rsplit_once('/').map_or("", |(folders, _)| folders);
    folders
        .split('/')
        .map(|folder| {
            percent_decode_str(folder)
                .decode_utf8_lossy()
                .replace(['/', '\\'], "_")
        })
        .collect::<Vec<_>>()
        .join("/")
}

fn today() -> String {
    let now = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    now.split('T').next().unwrap_or_default().to_owned()
}

impl FromStr for Template {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            literal.push_str(&rest[..at]);
            let brace = &rest[at..=at];
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix(brace) {
                literal.push_str(brace);
                rest = after;
            } else if brace == "{" {
                let (field, after) = rest
                    .split_once('}')
                    .ok_or("a `{` without its `}`; `{{` is the character itself")?;
                pieces.push(Piece::Text(std::mem::take(&mut literal)));
                pieces.push(piece(field)?);
                rest = after;
            } else {
                return Err("a `}` without its `{`; `}}` is the character itself".to_owned());
            }
        }
        literal.push_str(rest);
        pieces.push(Piece::Text(literal));
        if !pieces.iter().any(|piece| matches!(piece, Piece::Field(..))) {
            return Err(format!("all files would have one name; {}", known()));
        }
        Ok(Self(pieces))
    }
}

fn piece(text: &str) -> Result<Piece, String> {
    let (name, width) = match text.rsplit_once(':') {
        // the name of a column may have a colon in it
        Some((name, width)) if width.parse::<u8>().is_ok() => (name, width.parse().ok()),
        _ => (text, None),
    };
    let field = match name.trim() {
        "date" => return Ok(Piece::Text(today())),
        "name" => Field::Name,
        "stem" => Field::Stem,
        "host" => Field::Host,
        "path" => Field::Path,
        "index" => Field::Index,
        "line" => Field::Line,
        "sha256" => Field::Sha256,
        name => match name.strip_prefix("col.") {
            Some(column) if !column.is_empty() => Field::Column(column.into()),
            _ => return Err(format!("no field is called `{{{text}}}`; {}", known())),
        },
    };
    Ok(Piece::Field(field, width))
}

fn known() -> String {
    let names: Vec<_> = FIELDS
        .iter()
        .map(|(name, _)| format!("{{{name}}}"))
        .collect();
    format!(
        "the fields are {} and {{col.NAME}}, with a width as in {{index:06}}",
        names.join(" ")
    )
}
