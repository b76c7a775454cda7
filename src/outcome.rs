//! What can become of a link: a closed vocabulary.
//!
//! The same words stand in the journal, the summary, the help and the README. This module knows what the words mean;
//! it does not know how a link comes to deserve one.

mod counts;
mod failure;
mod record;
mod status;

use std::time::SystemTime;

pub(crate) use counts::Counts;
pub(crate) use failure::Failure;
pub(crate) use record::{FIELDS, Record};
pub(crate) use status::Status;

/// What became of one link of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The link's file is in the output folder.
    Saved(Saved),
    /// There is no file, and this is why.
    Failed(Failure),
    /// An earlier line names the same URL, and speaks for this one too.
    Duplicate,
}

impl Outcome {
    /// The one word for this outcome.
    pub(crate) fn status(&self) -> Status {
        match self {
            Self::Saved(saved) => saved.status,
            Self::Failed(failure) => failure.status,
            Self::Duplicate => Status::Duplicate,
        }
    }
}

/// A file that is here, and how the server described it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saved {
    /// How it came here: `downloaded`, `resumed` or `present`.
    pub status: Status,
    /// Its path below the output folder.
    pub file: String,
    /// Its length in bytes.
    pub bytes: u64,
    /// Its modification time, by which the next run knows it again.
    pub modified: SystemTime,
    /// The SHA-256 of its bytes in hexadecimal, if it was asked for.
    pub sha256: Option<String>,
    /// What is odd about it although all of it arrived, such as a missing `%%EOF`.
    pub suspect: Option<&'static str>,
    /// The answer that brought it; none for a file that was here already.
    pub answer: Option<Answer>,
}

/// What the record of a link keeps of the last answer of a server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// The URL that answered, if redirects led elsewhere than the list said.
    pub final_url: Option<String>,
    /// The status code (RFC 9110 section 15).
    pub status: u16,
    /// The `ETag` field, as sent.
    pub etag: Option<String>,
    /// The `Last-Modified` field, as sent.
    pub last_modified: Option<String>,
}
