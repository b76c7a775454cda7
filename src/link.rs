//! A link: a URL, its position in a list, and the details that the list gives.

mod identity;

use std::fmt;
use std::sync::Arc;

use url::Url;

use crate::digest::Checksum;
use crate::header::HeaderFields;
use crate::text::printable;
pub(crate) use identity::{identity, without_session};

/// The position of a link: its list and the line in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceLine {
    /// The path of the list, `stdin`, or `argument`.
    pub source: Arc<str>,
    /// The number of the line, or of the argument, counted from 1.
    pub line: u64,
}

impl fmt::Display for SourceLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", printable(&self.source), self.line)
    }
}

/// A link of a list.
#[derive(Debug, Clone)]
pub struct Link {
    /// Its position.
    pub source_line: SourceLine,
    /// An http or https URL without its fragment.
    pub url: Url,
    /// Its identity: a hash of its URL without fragment, credentials and signature, the same on every run.
    pub id: u64,
    /// Its details; `None` if the list gives none, because most lists are long and plain.
    pub details: Option<Box<Details>>,
}

/// The details of a link besides its URL.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Details {
    /// Other URLs of the same file, in order of preference.
    pub mirrors: Vec<Url>,
    /// The name for its file. `/` separates folders, and a name that ends in `/` is a folder alone.
    pub name: Option<String>,
    /// The checksum that its file must have.
    pub checksum: Option<Checksum>,
    /// What identifies the link in place of its URL, if `--identity` says so.
    pub identity: Option<String>,
    /// Headers for its requests.
    pub headers: HeaderFields,
    /// Columns of the list that go into the record, with their names.
    pub columns: Vec<(Arc<str>, String)>,
    /// The line itself, if the record carries it.
    pub line: Option<Arc<str>>,
}

impl Details {
    /// How much memory they take, in bytes.
    pub(crate) fn weight(&self) -> usize {
        let mirrors = self
            .mirrors
            .iter()
            .map(|url| url.as_str().len() + size_of::<Url>());
        let headers = self.headers.iter();
        let headers = headers.map(|(name, value)| name.as_str().len() + value.len() + 64);
        let columns = self.columns.iter();
        let columns = columns.map(|(_, value)| value.len() + size_of::<(Arc<str>, String)>());
        let names = [&self.name, &self.identity].into_iter().flatten();
        let name: usize = names.map(String::len).sum();
        let line = self.line.as_ref().map_or(0, |line| line.len());
        size_of::<Self>() + name + line + mirrors.chain(headers).chain(columns).sum::<usize>()
    }
}

/// A line that is not a link, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadLink {
    /// Its position.
    pub source_line: SourceLine,
    /// The beginning of the line, safe to print.
    pub text: String,
    /// The problem with the line.
    pub problem: String,
    /// The whole line, if the record carries it.
    pub line: Option<Arc<str>>,
}
