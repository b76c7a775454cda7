//! The keys of the tables of identifiers and sources, as they are written.

use anyhow::{Context, anyhow, bail, ensure};
use toml::{Table, Value};
use url::Url;

use super::kind::{Case, Kind};
use super::pattern::Pattern;
use super::source::{Place, Source};
use super::template::Template;

/// Who has written a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Author {
    /// We have: a test reads all of it.
    Us,
    User,
}

/// Reads the table of the kind of identifiers with this `name` into `kind`.
pub(super) fn kind(
    kind: &mut Kind,
    name: &str,
    table: &Table,
    author: Author,
) -> anyhow::Result<()> {
    kind.name = name.into();
    let patterns = |value: &Value| -> anyhow::Result<Vec<Pattern>> {
        let patterns = texts(value)?.into_iter();
        patterns.map(|text| pattern(text, author)).collect()
    };
    for (key, value) in table {
        let set = || -> anyhow::Result<()> {
            match key.as_str() {
                "match" => kind.patterns = patterns(value)?,
                "hosts" => kind.hosts = owned(value)?,
                "paths" => kind.paths = patterns(value)?,
                "dois" => kind.dois = patterns(value)?,
                "bare" => kind.bare = patterns(value)?,
                "columns" => kind.columns = owned(value)?,
                "begins" => text(value)?.clone_into(&mut kind.begins),
                "lower" => {
                    let is_lower = value.as_bool().context("expected `true` or `false`")?;
                    kind.case = if is_lower { Case::Lower } else { Case::Keep };
                }
                "case" => {
                    const FORM: &str = "expected `keep`, `lower`, `upper`, `capital` or `country`";
                    kind.case = Case::of(text(value)?).context(FORM)?;
                }
                "parts" => kind.parts = Some(pattern(text(value)?, author)?),
                "fields" => {
                    let fields = value.as_table().context("expected a table")?;
                    let field = |(name, value): (&String, &Value)| {
                        Ok((name.clone(), template(value, Template::plain)?))
                    };
                    kind.fields = fields.iter().map(field).collect::<anyhow::Result<_>>()?;
                }
                "url" => kind.url = template(value, Template::url)?,
                "chain" => kind.chain = texts(value)?.into_iter().map(Into::into).collect(),
                "refuse" => kind.refuse = Some(text(value)?.to_owned()),
                _ => bail!(
                    "unknown key: the keys are `match`, `hosts`, `paths`, `dois`, `bare`, `columns`, `begins`, `lower`, `case`, `parts`, `fields`, `url`, `chain` and `refuse`"
                ),
            }
            Ok(())
        };
        let mut set = set;
        set().with_context(|| format!("`{key}`"))?;
    }
    Ok(())
}

/// Reads the table of the source with this `name` into `source`.
pub(super) fn source(
    source: &mut Source,
    name: &str,
    table: &Table,
    author: Author,
) -> anyhow::Result<()> {
    source.name = name.into();
    if source.missing.is_empty() {
        source.missing = vec![404];
    }
    let is_answer = table.contains_key("get") || source.get.is_some();
    let places = |value: &Value, is_url| -> anyhow::Result<Vec<Place>> {
        let place = |text: &str| {
            let place = if is_answer {
                Place::new(text, is_url)
            } else {
                Template::url(text).map(Place::Template)
            };
            place.map_err(|problem| anyhow!("`{text}`: {problem}"))
        };
        texts(value)?.into_iter().map(place).collect()
    };
    for (key, value) in table {
        let mut set = || -> anyhow::Result<()> {
            match key.as_str() {
                "get" => source.get = Some(template(value, Template::url)?),
                "pdf" => source.pdf = places(value, true)?,
                "page" => source.page = places(value, true)?,
                "id" => source.id = places(value, false)?,
                "missing" => {
                    let statuses = value
                        .as_array()
                        .map_or(std::slice::from_ref(value), |all| all);
                    let status = |value: &Value| {
                        let status = value
                            .as_integer()
                            .and_then(|status| u16::try_from(status).ok());
                        status.filter(|status| (100..1000).contains(status))
                    };
                    let statuses = statuses.iter().map(status).collect::<Option<_>>();
                    source.missing = statuses.context("expected statuses, such as `[404]`")?;
                }
                "unless" => source.unless = texts(value)?.into_iter().map(Into::into).collect(),
                "match" => source.only = Some(pattern(text(value)?, author)?),
                "key" => source.key = Some(text(value)?.to_owned()).filter(|key| !key.is_empty()),
                _ => bail!(
                    "unknown key: the keys are `get`, `pdf`, `page`, `id`, `missing`, `unless`, `match` and `key`"
                ),
            }
            Ok(())
        };
        set().with_context(|| format!("`{key}`"))?;
    }
    Ok(())
}

/// The URL of a base, without a slash at its end.
pub(super) fn base(value: &Value) -> anyhow::Result<String> {
    let base = text(value)?.trim_end_matches('/');
    let url = Url::parse(base);
    let is_http = url.is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
    ensure!(is_http, "expected a URL, such as `http://127.0.0.1:8080`");
    Ok(base.to_owned())
}

fn pattern(text: &str, author: Author) -> anyhow::Result<Pattern> {
    match author {
        Author::Us => Ok(Pattern::known(text)),
        Author::User => Pattern::new(text).map_err(|problem| anyhow!("{problem}")),
    }
}

fn template(
    value: &Value,
    parse: impl Fn(&str) -> Result<Template, String>,
) -> anyhow::Result<Template> {
    parse(text(value)?).map_err(|problem| anyhow!("{problem}"))
}

fn text(value: &Value) -> anyhow::Result<&str> {
    value.as_str().context("expected a string")
}

/// The value of a key that holds a text, or several.
fn texts(value: &Value) -> anyhow::Result<Vec<&str>> {
    match value {
        Value::Array(values) => values.iter().map(text).collect(),
        value => Ok(vec![text(value)?]),
    }
}

fn owned(value: &Value) -> anyhow::Result<Vec<String>> {
    let texts = texts(value)?.into_iter();
    Ok(texts.map(str::to_ascii_lowercase).collect())
}
