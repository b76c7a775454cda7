//! The table `[landing]` of the configuration: what its user knows of the pages of sites.

use anyhow::{Context, anyhow, bail};
use toml::{Table, Value};

use super::config_file::shown;
use crate::host;
use crate::page::Rules;

/// Adds what `table` says to `rules`. Returns the value of `follow`, which is that of `--landing`.
pub(super) fn add<'a>(rules: &mut Rules, table: &'a Table) -> anyhow::Result<Option<&'a Value>> {
    let mut follow = None;
    for (key, value) in table {
        match (key.as_str(), value) {
            ("follow", value) => follow = Some(value),
            ("ignore-meta", value) => {
                for host in texts(key, value)? {
                    rules.ignore_meta(&host_name(host)?);
                }
            }
            (site, Value::Table(settings)) => {
                add_site(rules, site, settings)
                    .with_context(|| format!("site `{}`", shown(site)))?;
            }
            _ => bail!(
                "unknown key `{}`: the keys are `follow` and `ignore-meta`, and a site is a table with its name quoted, such as `[landing.\"example.org\"]`",
                shown(key)
            ),
        }
    }
    Ok(follow)
}

/// Adds the rules of one site.
fn add_site(rules: &mut Rules, site: &str, settings: &Table) -> anyhow::Result<()> {
    let host = if site == "*" {
        site.to_owned()
    } else {
        host_name(site)?
    };
    for (key, value) in settings {
        let add = match key.as_str() {
            "link" => Rules::add_link,
            "rewrite" => Rules::add_rewrite,
            _ => bail!(
                "unknown key `{}`: the keys are `link` and `rewrite`",
                shown(key)
            ),
        };
        // the first one is the best one
        for text in texts(key, value)?.into_iter().rev() {
            let added = add(rules, &host, text);
            added.map_err(|problem| anyhow!("`{key} = \"{}\"`: {problem}", shown(text)))?;
        }
    }
    Ok(())
}

fn host_name(text: &str) -> anyhow::Result<String> {
    host::parse(text).with_context(|| format!("`{}` is no host: {}", shown(text), host::FORM))
}

/// The value of a key that holds a text, or several.
fn texts<'a>(key: &str, value: &'a Value) -> anyhow::Result<Vec<&'a str>> {
    let texts = match value {
        Value::Array(values) => values.iter().map(Value::as_str).collect(),
        value => value.as_str().map(|text| vec![text]),
    };
    texts.with_context(|| format!("`{key}` must be a string, or a list of strings"))
}
