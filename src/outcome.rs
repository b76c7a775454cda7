//! What can become of a link: a closed vocabulary.
//!
//! The same words stand in the journal, the summary, the help and the README. This module knows what the words mean;
//! it does not know how a link comes to deserve one.

use std::fmt;
use std::time::{Duration, SystemTime};

use serde::Serialize;

use crate::text::printable;

/// What became of one link of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The link's file is in the output folder.
    Saved(Saved),
    /// There is no file, and this is why.
    Failed(Failure),
    /// An earlier line names the same URL, and speaks for this one too.
    Duplicate,
}

impl Outcome {
    /// The one word for this outcome.
    #[must_use]
    pub fn status(&self) -> Status {
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

/// Why a link has no file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The class of the failure.
    pub status: Status,
    /// What happened, for a person: lower case, and safe to print on a terminal.
    pub message: String,
    /// The status code of the answer, if there was one.
    pub http_status: Option<u16>,
    /// How long the server asked to wait (RFC 9110 section 10.2.3).
    pub retry_after: Option<Duration>,
    /// Whether it is not the host of the link that failed, but one that it redirected to.
    pub elsewhere: bool,
    /// Whether the disk is full, so that no other link can do better.
    pub disk_full: bool,
}

impl Failure {
    /// A failure without an answer of a server. Control characters in `message` are made visible.
    #[must_use]
    pub fn new(status: Status, message: impl AsRef<str>) -> Self {
        Self {
            status,
            message: printable(message.as_ref()),
            http_status: None,
            retry_after: None,
            elsewhere: false,
            disk_full: false,
        }
    }

    /// Whether another try, now or in another run, may end better.
    #[must_use]
    pub fn retryable(&self) -> bool {
        match self.status {
            Status::HttpStatus => self.http_status.is_some_and(retryable_status),
            Status::Dns
            | Status::Connect
            | Status::Timeout
            | Status::RateLimited
            | Status::Truncated
            | Status::HostUnhealthy
            | Status::Disk
            | Status::Interrupted => true,
            _ => false,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.status, self.message)
    }
}

/// Whether a status code speaks of the moment and not of the link: 408, 425, 429, and 5xx except 501 and 505.
#[must_use]
pub fn retryable_status(code: u16) -> bool {
    matches!(code, 408 | 425 | 429 | 500 | 502..=504 | 506..=599)
}

/// The one word for an outcome, as it stands in the journal and the summary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Saved: all of it was fetched in this run.
    Downloaded,
    /// Saved: what an earlier try or run had left was completed.
    Resumed,
    /// Saved: it was here already; nothing was asked.
    Present,
    /// An earlier line names the same URL.
    Duplicate,
    /// Failed: the line is no http or https URL, or one that this run is told not to fetch.
    BadLink,
    /// Failed: the host name has no address.
    Dns,
    /// Failed: no connection, or one that broke before an answer.
    Connect,
    /// Failed: no trusted encrypted connection.
    Tls,
    /// Failed: connecting, the first byte or the next byte took too long.
    Timeout,
    /// Failed: an answer that is no success.
    HttpStatus,
    /// Failed: the server asks to come back later than this run is willing to wait.
    RateLimited,
    /// Failed: more than ten redirects, or redirects in a circle.
    TooManyRedirects,
    /// Failed: the body ended before its announced length.
    Truncated,
    /// Failed: the body is something else than a PDF.
    NotPdf,
    /// Failed: the file is not the one that the list's checksum speaks of.
    ChecksumMismatch,
    /// Failed: the file is larger than this run takes.
    TooLarge,
    /// Failed: its host does not work for others, so it was not asked for this one.
    HostUnhealthy,
    /// Failed: the file cannot be written.
    Disk,
    /// Failed: the run ended before the link did.
    Interrupted,
}

impl Status {
    /// All words, in the order in which a summary lists them.
    pub const ALL: [Self; 19] = [
        Self::Downloaded,
        Self::Resumed,
        Self::Present,
        Self::Duplicate,
        Self::BadLink,
        Self::Dns,
        Self::Connect,
        Self::Tls,
        Self::Timeout,
        Self::HttpStatus,
        Self::RateLimited,
        Self::TooManyRedirects,
        Self::Truncated,
        Self::NotPdf,
        Self::ChecksumMismatch,
        Self::TooLarge,
        Self::HostUnhealthy,
        Self::Disk,
        Self::Interrupted,
    ];

    /// The word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Downloaded => "downloaded",
            Self::Resumed => "resumed",
            Self::Present => "present",
            Self::Duplicate => "duplicate",
            Self::BadLink => "bad_link",
            Self::Dns => "dns",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Timeout => "timeout",
            Self::HttpStatus => "http_status",
            Self::RateLimited => "rate_limited",
            Self::TooManyRedirects => "too_many_redirects",
            Self::Truncated => "truncated",
            Self::NotPdf => "not_pdf",
            Self::ChecksumMismatch => "checksum_mismatch",
            Self::TooLarge => "too_large",
            Self::HostUnhealthy => "host_unhealthy",
            Self::Disk => "disk",
            Self::Interrupted => "interrupted",
        }
    }

    /// Whether this is the word of a failure.
    #[must_use]
    pub fn failed(self) -> bool {
        self > Self::Duplicate
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
