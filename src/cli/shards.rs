//! The table `[shard-with]` of the configuration: hosts that share their limits with others.

use anyhow::{Context, bail, ensure};
use toml::Value;

use super::config_file::shown;
use crate::host;
use crate::shard::Companions;

/// What the table looks like.
const FORM: &str = "expected a table of hosts and the ones whose limits they share, such as `[shard-with]` and `\"export.example.org\" = \"example.org\"`";

/// Adds the hosts of the table `value` to `companions`.
pub(super) fn add(companions: &mut Companions, value: &Value) -> anyhow::Result<()> {
    let mut added = Vec::new();
    for (key, value) in value.as_table().context(FORM)? {
        let name = host_name(key)?;
        let Some(other) = value.as_str() else {
            bail!("host `{}`: {FORM}", shown(key));
        };
        ensure!(
            !added.contains(&name),
            "host `{}`: another line is about the same host",
            shown(key)
        );
        added.push(name.clone());
        companions.join(name, host_name(other)?);
    }
    if let Some(name) = companions.circle() {
        bail!("host `{}` leads back to itself", shown(name));
    }
    Ok(())
}

fn host_name(text: &str) -> anyhow::Result<String> {
    host::parse(text).with_context(|| format!("`{}` is no host: {}", shown(text), host::FORM))
}
