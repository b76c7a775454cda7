//! The tables of identifiers and sources: what is built in, and what a user adds.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use anyhow::{Context, anyhow};
use toml::{Table, Value};

use super::DOI;
use super::keys;
pub(super) use super::keys::Author;
use super::kind::Kind;
use super::source::Source;

/// What is built in.
const BUILTIN: &str = include_str!("builtin.toml");

/// The hosts of what is built in: nothing is read for a URL elsewhere.
pub(super) const HOSTS: [&str; 51] = [
    "aclanthology.org",
    "aclweb.org",
    "api.openalex.org",
    "api.semanticscholar.org",
    "ar5iv.labs.arxiv.org",
    "ar5iv.org",
    "arxiv.org",
    "biorxiv.org",
    "datatracker.ietf.org",
    "doi.org",
    "dx.doi.org",
    "europepmc.org",
    "export.arxiv.org",
    "hal.archives-ouvertes.fr",
    "hal.science",
    "hdl.handle.net",
    "inria.hal.science",
    "medrxiv.org",
    "nbn-resolving.de",
    "nbn-resolving.org",
    "openalex.org",
    "openreview.net",
    "papers.ssrn.com",
    "pmc.ncbi.nlm.nih.gov",
    "pubmed.gov",
    "pubmed.ncbi.nlm.nih.gov",
    "resolver.kb.nl",
    "rfc-editor.org",
    "semanticscholar.org",
    "shs.hal.science",
    "ssrn.com",
    "tel.archives-ouvertes.fr",
    "theses.hal.science",
    "tools.ietf.org",
    "urn.fi",
    "urn.kb.se",
    "www.aclanthology.org",
    "www.aclweb.org",
    "www.arxiv.org",
    "www.biorxiv.org",
    "www.doi.org",
    "www.europepmc.org",
    "www.medrxiv.org",
    "www.ncbi.nlm.nih.gov",
    "www.openalex.org",
    "www.rfc-editor.org",
    "www.semanticscholar.org",
    "www.ssrn.com",
    "www.zenodo.org",
    "xxx.lanl.gov",
    "zenodo.org",
];

/// Kinds of identifiers, and sources.
#[derive(Debug, Clone, Default)]
pub(super) struct Tables {
    /// Those of the user come first, and then the DOI, because most identifiers are DOIs.
    pub(super) kinds: Vec<Arc<Kind>>,
    /// The kinds whose URLs are on a host.
    pub(super) hosts: HashMap<String, Vec<Arc<Kind>>>,
    pub(super) sources: HashMap<Arc<str>, Arc<Source>>,
    pub(super) bases: HashMap<String, String>,
}

/// What is built in, read once it is needed.
pub(super) static TABLES: LazyLock<Tables> = LazyLock::new(|| {
    let table = BUILTIN.parse().expect("a test reads it");
    let mut tables = Tables::default();
    tables.add(&table, Author::Us).expect("a test reads it");
    tables
});

impl Tables {
    /// Adds those of a configuration, or what is built in.
    ///
    /// # Errors
    ///
    /// What is wrong with them.
    pub(super) fn add(&mut self, table: &Table, author: Author) -> anyhow::Result<()> {
        for (name, value) in tables(table, "base")? {
            let base = keys::base(value).with_context(|| format!("`[base]`: `{name}`"))?;
            self.bases.insert(name.clone(), base);
        }
        for (name, value) in tables(table, "source")? {
            let context = || format!("`[source.{name}]`");
            let settings = value
                .as_table()
                .context("expected a table")
                .with_context(context)?;
            let mut source = self
                .sources
                .get(&**name)
                .map(|known| Source::clone(known))
                .unwrap_or_default();
            keys::source(&mut source, name, settings, author).with_context(context)?;
            self.sources.insert(name.as_str().into(), Arc::new(source));
        }
        for (name, value) in tables(table, "id")? {
            let context = || format!("`[id.{name}]`");
            let settings = value
                .as_table()
                .context("expected a table")
                .with_context(context)?;
            let known = self.kinds.iter().position(|kind| *kind.name == **name);
            let mut kind = known.map_or_else(Kind::default, |at| Kind::clone(&self.kinds[at]));
            keys::kind(&mut kind, name, settings, author).with_context(context)?;
            kind.complete();
            let kind = Arc::new(kind);
            match (known, author) {
                (Some(at), _) => self.kinds[at] = kind,
                (None, Author::Us) => self.kinds.push(kind),
                (None, Author::User) => self.kinds.insert(0, kind),
            }
        }
        if author == Author::Us {
            self.kinds.sort_by_key(|kind| *kind.name != *DOI);
        }
        self.check()?;
        self.hosts.clear();
        for kind in &self.kinds {
            for host in &kind.hosts {
                self.hosts
                    .entry(host.clone())
                    .or_default()
                    .push(Arc::clone(kind));
            }
        }
        Ok(())
    }

    fn check(&self) -> anyhow::Result<()> {
        for kind in &self.kinds {
            let unknown = kind
                .chain
                .iter()
                .find(|name| !self.sources.contains_key(*name));
            if let Some(name) = unknown {
                return Err(anyhow!(
                    "`[id.{}]`: `chain`: there is no `[source.{name}]`",
                    kind.name
                ));
            }
        }
        Ok(())
    }
}

/// The entries of the table `name`; none if there is no such table.
fn tables<'t>(
    table: &'t Table,
    name: &str,
) -> anyhow::Result<impl Iterator<Item = (&'t String, &'t Value)>> {
    let entries = table.get(name).and_then(Value::as_table);
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let mut names = entries.into_iter().flat_map(Table::keys);
    if let Some(odd) = names.find(|name| !name.chars().all(is_plain)) {
        return Err(anyhow!(
            "`[{name}]`: `{odd}`: a name has letters, digits, `_` and `-`"
        ));
    }
    Ok(entries.into_iter().flatten())
}
