//! What can become of a link: a closed vocabulary.
//!
//! The journal, the summary, the help and the documentation use the same words. This module knows what the words mean, but
//! not how a link comes to have one.

mod counts;
mod failure;
mod record;
mod status;

use std::borrow::Cow;
use std::num::NonZeroU64;
use std::time::SystemTime;

use url::Url;

pub(crate) use counts::Counts;
pub(crate) use failure::{Cause, Failure};
pub(crate) use record::{
    FIELDS, GONE, LONGEST_RECORD, Record, STATUS, UPLOADING, VOID, nanoseconds,
};
pub(crate) use status::{Status, StatusKind};

/// What became of one link of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The link's file is in the output folder.
    Saved(Saved),
    /// There is no file, for this reason.
    Failed(Failure),
    /// An earlier line has the same URL, and its outcome counts for this one too.
    Duplicate,
}

impl Outcome {
    /// The status of this outcome.
    pub(crate) fn status(&self) -> Status {
        match self {
            Self::Saved(saved) => saved.status,
            Self::Failed(failure) => failure.status,
            Self::Duplicate => Status::Duplicate,
        }
    }
}

/// A file in the output folder, and the response that it came with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saved {
    /// How it was saved: `downloaded`, `resumed` or `present`; `duplicate` if it is another link's file.
    pub status: Status,
    /// Its path, relative to the output folder.
    pub file: String,
    /// Its length in bytes.
    pub bytes: u64,
    /// Where it begins in its tar, if it is in one.
    pub offset: Option<NonZeroU64>,
    /// Its modification time, by which the next run recognizes it.
    pub modified: SystemTime,
    /// Its inode, which it keeps when it is renamed, where the system has inodes.
    pub inode: Option<u64>,
    /// The SHA-256 of its bytes in hexadecimal, if it was computed.
    pub sha256: Option<String>,
    /// What is odd about it although it arrived complete, such as a missing `%%EOF`.
    pub suspect: Option<Cow<'static, str>>,
    /// The earlier file of its link that somebody has changed, and that was kept: this is another one, or the same if it counts
    /// as the file of the link now.
    pub kept: Option<String>,
    /// Whether it has replaced a file that no run had saved for its link.
    pub has_replaced: bool,
    /// The `ETag` of the object that it is, if it is in a bucket.
    pub object: Option<String>,
    /// The response that it came with; for a file from before this run, as far as that is known.
    pub answer: Option<Answer>,
}

impl Saved {
    /// A file from before this run.
    pub(crate) fn present(file: String, bytes: u64, modified: SystemTime) -> Self {
        Self {
            status: Status::Present,
            file,
            bytes,
            offset: None,
            modified,
            inode: None,
            sha256: None,
            suspect: None,
            kept: None,
            has_replaced: false,
            object: None,
            answer: None,
        }
    }
}

/// How the URL of a file was found, if it is not in the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Way {
    /// The page that it was found on; none if a source has named it.
    pub page: Option<Url>,
    /// The sources and the rules that found the pages on the way and the file, in order.
    pub via: Vec<Cow<'static, str>>,
    /// How many pages are on the way.
    pub hops: u32,
}

/// What the record of a link keeps of the last response.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// The URL that responded, if a redirect led away from the one in the list.
    pub final_url: Option<String>,
    /// The status code (RFC 9110 section 15).
    pub status: Option<u16>,
    /// The `ETag` header, as sent.
    pub etag: Option<String>,
    /// The `Last-Modified` header, as sent.
    pub last_modified: Option<String>,
}
