//! What a link is: a URL, where it stands, and what else is said about it.

use std::fmt;
use std::sync::Arc;

use url::Url;

use crate::digest::Checksum;
use crate::header::HeaderFields;

/// The place of a link: its list and the line in it, counted from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceLine {
    /// The path of the list, `stdin`, or `argument`.
    pub source: Arc<str>,
    /// The number of the line, or of the argument.
    pub line: u64,
}

impl fmt::Display for SourceLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.source, self.line)
    }
}

/// One http or https URL of a list.
#[derive(Debug, Clone)]
pub struct Link {
    /// Where it stands.
    pub source_line: SourceLine,
    /// What it says, without its fragment.
    pub url: Url,
    /// The identity of what it names: a hash of its URL without fragment and credentials, the same on every run.
    pub id: u64,
    /// What else is said about it, if anything is.
    pub details: Option<Box<Details>>,
}

/// What a list says about a link besides its URL.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Details {
    /// Other URLs of the same file, in the order in which they are to be tried.
    pub mirrors: Vec<Url>,
    /// The name for its file. `/` separates folders; a folder alone ends in it.
    pub name: Option<String>,
    /// The checksum that its file must have.
    pub checksum: Option<Checksum>,
    /// Header fields for its requests.
    pub headers: HeaderFields,
    /// Other columns of the list, by their names.
    pub columns: Vec<(Arc<str>, String)>,
}

/// A line that is no link, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadLink {
    /// Where it stands.
    pub source_line: SourceLine,
    /// What it says, shortened and safe to print.
    pub text: String,
    /// What is wrong with it.
    pub problem: String,
}
