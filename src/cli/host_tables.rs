//! Tables `[host."NAME"]` of the configuration file: limits and headers for a single host.
//!
//! The limits are those of the name; headers may be secret, and go over https only, or where the key is an origin, such as
//! `http://127.0.0.1:8080`, to that.

use anyhow::{Context, bail, ensure};
use toml::{Table, Value};
use url::Url;

use super::config_file::{plain, shown};
use super::http::{check_number, secret_header};
use crate::fetch::Scope;
use crate::header::HeaderFields;
use crate::queue::policy::HostOverride;
use crate::{host, text};

/// The settings of one host in the configuration file.
#[derive(Debug)]
pub(super) struct HostSettings {
    /// Where its headers go.
    pub(super) scope: Scope,
    pub(super) limits: Option<HostOverride>,
    pub(super) headers: HeaderFields,
}

/// Adds the `tables` to the settings of `hosts`.
///
/// # Errors
///
/// When a table is wrong, or about a host that has one.
pub(super) fn add(hosts: &mut Vec<HostSettings>, tables: &Table) -> anyhow::Result<()> {
    for (name, settings) in tables {
        let host = of_host(name, settings).and_then(|host| check_host(host, hosts));
        hosts.push(host.with_context(|| format!("host `{}`", shown(name)))?);
    }
    Ok(())
}

/// The settings of the host `key`: limits, and headers that go to this host only.
fn of_host(key: &str, settings: &Value) -> anyhow::Result<HostSettings> {
    let (name, scope) = name_and_scope(key).with_context(|| {
        format!(
            "{}; where headers may go over http, it is an origin, such as `http://127.0.0.1:8080`",
            host::FORM
        )
    })?;
    let settings = settings.as_table().context(
        "settings of a host are a table, and a name with dots is quoted, such as `[host.\"example.org\"]`",
    )?;
    let header = |field: &Value| secret_header(field.as_str().unwrap_or_default());
    let (mut limits, mut headers) = (Vec::new(), Vec::new());
    for (key, value) in settings {
        match (key.as_str(), value) {
            ("header" | "per-host" | "wait" | "rate", Value::String(text)) if text.is_empty() => {}
            ("header", Value::Array(fields)) => {
                headers = fields.iter().map(header).collect::<Result<_, _>>()?;
            }
            ("header", field) => headers.push(header(field)?),
            ("rate", Value::Array(values)) => {
                for value in values {
                    limits.push(format!("rate={}", plain(key, value)?));
                }
            }
            ("per-host" | "wait" | "rate", value) => {
                limits.push(format!("{key}={}", plain(key, value)?));
            }
            _ => bail!(
                "unknown key `{}`: the keys are `per-host`, `wait`, `rate` and `header`",
                shown(key)
            ),
        }
    }
    check_number(&headers)?;
    let limits = (!limits.is_empty()).then(|| format!("{name}:{}", limits.join(",")).parse());
    Ok(HostSettings {
        scope,
        limits: limits.transpose().map_err(anyhow::Error::msg)?,
        headers,
    })
}

/// The name of a host, and where its headers go, from its name or its origin.
fn name_and_scope(key: &str) -> Option<(String, Scope)> {
    if let Some(name) = host::parse(key) {
        return Some((name.clone(), Scope::Https(name)));
    }
    let url = Url::parse(key).ok()?;
    let is_origin = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    let is_http = matches!(url.scheme(), "http" | "https") && !text::has_credentials(&url);
    (is_origin && is_http).then(|| (host::name_of(&url).to_owned(), Scope::origin_of(&url)))
}

/// Refuses a host that is among `others` in another spelling: one of the two would be ignored.
fn check_host(host: HostSettings, others: &[HostSettings]) -> anyhow::Result<HostSettings> {
    let limited =
        |settings: &HostSettings| settings.limits.as_ref().map(|limits| limits.name.clone());
    let is_same = |other: &HostSettings| {
        other.scope == host.scope || (limited(&host).is_some() && limited(other) == limited(&host))
    };
    ensure!(
        !others.iter().any(is_same),
        "another table is about the same host: put all of it into one"
    );
    Ok(host)
}
