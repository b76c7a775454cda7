//! A source: where the PDF of an identifier is, or who knows where it is.

use std::sync::Arc;

use serde_json::Value;

use super::path::Path;
use super::pattern::Pattern;
use super::template::Template;
use super::xml;

/// The most URLs that are taken from one source: some have long lists by mistake.
const MOST: usize = 6;

/// The longest answer that is read, in bytes.
pub(crate) const LONGEST_ANSWER: usize = 1024 * 1024;

/// The longest text that is taken from an answer, in bytes.
const LONGEST_TEXT: usize = 8 * 1024;

/// A source.
#[derive(Debug, Clone, Default)]
pub(crate) struct Source {
    /// Its name in records.
    pub(crate) name: Arc<str>,
    /// The URL of its answer; without one, its templates are what it says.
    pub(super) get: Option<Template>,
    pub(super) pdf: Vec<Place>,
    pub(super) page: Vec<Place>,
    pub(super) id: Vec<Place>,
    /// The statuses that say that it does not know an identifier.
    pub(super) missing: Vec<u16>,
    /// The sources that make it needless if they have said something.
    pub(super) unless: Vec<Arc<str>>,
    /// For the identifiers that it is for; all if there is none.
    pub(super) only: Option<Pattern>,
    /// What its user is known by.
    pub(super) key: Option<String>,
}

/// Where a text is in an answer.
#[derive(Debug, Clone)]
pub(super) enum Place {
    Path(Path),
    Template(Template),
}

impl Place {
    /// Parses a path, or a template if it has fields.
    pub(super) fn new(text: &str, is_url: bool) -> Result<Self, String> {
        match text.contains('{') {
            true if is_url => Template::url(text).map(Self::Template),
            true => Template::plain(text).map(Self::Template),
            false => Path::new(text).map(Self::Path),
        }
    }
}

/// What a text from a source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// The URL of a PDF.
    Pdf,
    /// The URL of a page about it.
    Page,
    /// Another identifier of the same thing.
    Id,
}

/// A text from a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// What it is.
    pub(crate) role: Role,
    /// The text.
    pub(crate) text: String,
}

impl Source {
    /// What the templates say. `known` has the values of their fields.
    ///
    /// # Errors
    ///
    /// The field that has no value.
    pub(super) fn says<'s>(
        &'s self,
        known: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Vec<Found>, &'s str> {
        let mut found = Vec::new();
        for (role, place) in self.places() {
            if let Place::Template(template) = place {
                found.push(Found {
                    role,
                    text: template.filled(known)?,
                });
            }
        }
        Ok(found)
    }

    /// What the answer `bytes` says; nothing if the status is that of an identifier that it does not know.
    ///
    /// # Errors
    ///
    /// Why it is no answer.
    pub(super) fn read(
        &self,
        bytes: &[u8],
        known: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Vec<Found>, &'static str> {
        let answer = parsed(bytes).ok_or("neither JSON nor XML")?;
        let known = |name: &str| {
            let in_answer = || Path::new(name).ok()?.texts(&answer).into_iter().next();
            known(name).or_else(in_answer)
        };
        let mut found: Vec<Found> = Vec::new();
        for (role, place) in self.places() {
            let texts = match place {
                Place::Path(path) => path.texts(&answer),
                Place::Template(template) => template.filled(&known).into_iter().collect(),
            };
            for text in texts {
                let is_new = !found.iter().any(|found| found.text == text);
                if is_new && text.len() <= LONGEST_TEXT && found.len() < MOST {
                    found.push(Found { role, text });
                }
            }
        }
        Ok(found)
    }

    /// Whether the status of a response says that it does not know the identifier.
    pub(crate) fn is_missing(&self, status: u16) -> bool {
        self.missing.contains(&status)
    }

    /// Whether nothing new is to be expected, since these sources have said something.
    pub(crate) fn is_needless(&self, heard: &[Arc<str>]) -> bool {
        self.unless.iter().any(|name| heard.contains(name))
    }

    /// In order of preference: another name leads to a PDF more often than a page does.
    fn places(&self) -> impl Iterator<Item = (Role, &Place)> {
        let pdfs = self.pdf.iter().map(|place| (Role::Pdf, place));
        let ids = self.id.iter().map(|place| (Role::Id, place));
        let pages = self.page.iter().map(|place| (Role::Page, place));
        pdfs.chain(ids).chain(pages)
    }
}

fn parsed(bytes: &[u8]) -> Option<Value> {
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_start_matches('\u{feff}').trim();
    match text.as_bytes().first()? {
        b'<' => xml::value(text).filter(Value::is_object),
        _ => serde_json::from_str(text)
            .ok()
            .filter(|value: &Value| value.is_object() || value.is_array()),
    }
}
