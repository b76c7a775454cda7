//! A kind of identifiers: how one is written, and what is one in two spellings.

use std::sync::Arc;

use super::pattern::Pattern;
use super::template::Template;

/// Punctuation that is behind an identifier, and no part of it.
const BEHIND: [char; 9] = ['/', '.', ',', ';', ':', '"', '\'', '”', '’'];

/// Brackets that are no part of an identifier unless it has both.
const BRACKETS: [(char, char); 4] = [('(', ')'), ('[', ']'), ('{', '}'), ('<', '>')];

/// A kind of identifiers.
#[derive(Debug, Clone, Default)]
pub(super) struct Kind {
    pub(super) name: Arc<str>,
    /// For texts.
    pub(super) patterns: Vec<Pattern>,
    /// The hosts whose URLs may be identifiers.
    pub(super) hosts: Vec<String>,
    /// For the paths of URLs, with or without their queries.
    pub(super) paths: Vec<Pattern>,
    /// For DOIs.
    pub(super) dois: Vec<Pattern>,
    /// For cells of its columns.
    pub(super) bare: Vec<Pattern>,
    /// Names of columns.
    pub(super) columns: Vec<String>,
    /// What an identifier begins with, besides what is matched.
    pub(super) begins: String,
    pub(super) case: Case,
    /// Has groups for parts of an identifier.
    pub(super) parts: Option<Pattern>,
    /// Other names of the same thing.
    pub(super) fields: Vec<(String, Template)>,
    /// The URL by which an identifier is known.
    pub(super) url: Template,
    /// Where its PDFs are looked for, in this order.
    pub(super) chain: Vec<Arc<str>>,
    /// Why there is no PDF of any.
    pub(super) refuse: Option<String>,
}

/// In which case an identifier is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Case {
    /// As it is.
    #[default]
    Keep,
    Lower,
    Upper,
    /// In lower case but for the first letter.
    Capital,
    /// In lower case up to the country: `urn:nbn:de:…`.
    Country,
}

impl Case {
    /// The case with this name.
    pub(super) fn of(name: &str) -> Option<Self> {
        Some(match name {
            "keep" => Self::Keep,
            "lower" => Self::Lower,
            "upper" => Self::Upper,
            "capital" => Self::Capital,
            "country" => Self::Country,
            _ => return None,
        })
    }

    fn apply(self, text: String) -> String {
        match self {
            Self::Keep => text,
            Self::Lower => text.to_ascii_lowercase(),
            Self::Upper => text.to_ascii_uppercase(),
            Self::Capital => {
                let mut text = text.to_ascii_lowercase();
                if let Some(first) = text.get_mut(..1) {
                    first.make_ascii_uppercase();
                }
                text
            }
            Self::Country => {
                let end = "urn:nbn:de".len();
                match text.split_at_checked(end) {
                    Some((scheme, rest)) => scheme.to_ascii_lowercase() + rest,
                    None => text,
                }
            }
        }
    }
}

/// The host of identifiers whose kind has no URLs (RFC 6761 section 6.4).
const NOWHERE: &str = "id.invalid";

impl Kind {
    /// Gives its identifiers URLs of their own if they have none.
    pub(super) fn complete(&mut self) {
        if self.refuse.is_some() || self.url != Template::default() {
            return;
        }
        let name = &self.name;
        let url = format!("https://{NOWHERE}/{name}/{{id}}");
        self.url = Template::url(&url).expect("it has one field");
        self.hosts.push(NOWHERE.to_owned());
        self.paths.push(Pattern::known(&format!("/{name}/(.+)")));
    }

    /// The identifier that `text` is by one of these `patterns`, in its usual spelling.
    pub(super) fn read(&self, patterns: &[Pattern], text: &str) -> Option<String> {
        let value = patterns.iter().find_map(|pattern| pattern.value(text))?;
        Some(self.case.apply(format!("{}{value}", self.begins)))
    }
}

/// `text` without what surrounds an identifier in a sentence.
pub(super) fn cleaned(text: &str) -> &str {
    let text = text.trim();
    let openers = BRACKETS.map(|(opener, _)| opener);
    let is_before = |c: char| matches!(c, '"' | '\'' | '“' | '‘') || openers.contains(&c);
    let mut text = text.trim_start_matches(is_before);
    loop {
        let shorter = text.trim_end_matches(BEHIND).trim_end();
        let unopened = BRACKETS.iter().find(|(opener, closer)| {
            let count = |c: char| shorter.matches(c).count();
            shorter.ends_with(*closer) && count(*closer) > count(*opener)
        });
        let shorter = match unopened {
            Some((_, closer)) => &shorter[..shorter.len() - closer.len_utf8()],
            None => shorter,
        };
        if shorter.len() == text.len() {
            return text;
        }
        text = shorter;
    }
}
