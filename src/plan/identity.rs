//! What tells links apart: their URLs, or what a template makes of them.
//!
//! A run looks at the journal with its own rule, so that it also finds the files of runs that had another one: without a
//! template, a record has the identity of its URL. With one, it has the identity that was recorded, because the URL alone may
//! not tell; a record of a run without the template has the one that the template makes of it.

use std::str::FromStr;
use std::sync::Arc;

use url::Url;

use super::Template;
use crate::digest::fingerprint;
use crate::link::{Details, Link, identity};

/// The rule for the identities of links.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Identity {
    /// Their URLs.
    #[default]
    Url,
    /// What their records say, or else their URLs.
    Recorded,
    /// The text that a template makes, or else their URLs.
    Template(Template),
}

impl Identity {
    /// The columns of the list that it uses.
    pub(crate) fn columns(&self) -> impl Iterator<Item = &Arc<str>> {
        let template = match self {
            Self::Template(template) => Some(template),
            Self::Url | Self::Recorded => None,
        };
        template.into_iter().flat_map(Template::columns)
    }

    /// Gives `link` its identity.
    pub(crate) fn apply(&self, link: &mut Link) {
        let Self::Template(template) = self else {
            return;
        };
        if let Some(text) = template.identity(&link.url, link.details.as_deref()) {
            link.id = fingerprint(&text);
            link.details.get_or_insert_default().identity = Some(text);
        }
    }

    /// The identity of the link with this `url` according to its record, which says this of its identity and gives `details`.
    pub(crate) fn of_record(
        &self,
        url: &str,
        recorded: Option<&str>,
        details: impl FnOnce() -> Details,
    ) -> u64 {
        let made = |template: &Template| {
            let url = Url::parse(url).ok()?;
            Some(fingerprint(&template.identity(&url, Some(&details()))?))
        };
        let found = match (self, recorded) {
            (Self::Url, _) | (Self::Recorded, None) => None,
            (_, Some(recorded)) => Some(fingerprint(recorded)),
            (Self::Template(template), None) => made(template),
        };
        found.unwrap_or_else(|| identity(url))
    }
}

impl FromStr for Identity {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let template: Template = text.parse()?;
        if template.is_constant() {
            return Err("without a field, all links would be the same one: add one, such as `{path}` or `{col.NAME}`".to_owned());
        }
        if template.needs_more_than_link() {
            return Err("`{sha256}`, `{index}` and `{line}` do not identify a link: they are not known before it is fetched, or change with the list".to_owned());
        }
        Ok(Self::Template(template))
    }
}
