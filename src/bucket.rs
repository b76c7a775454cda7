//! A bucket of an object store: objects with names below a prefix, and what is done with them.
//!
//! An object is created whole by one conditional request, or not at all, and is replaced only as the one that was looked at. A
//! request that may have been carried out although its response was lost is sent again: then the name is taken, and the
//! metadata of the object tells whose it is. Nothing else is assumed about what came of a request.
//!
//! A store that asks for patience (409, 429, 5xx), or does not respond, is asked again after a pause that grows, up to
//! [`MOST_TRIES`] times and for [`MOST_TIME`]. That is apart from the retries of links: the store is not their host.
//!
//! Multipart uploads are not conditional, so an object has at most [`LARGEST`] bytes, which is what S3 takes at once.

#[cfg(not(feature = "object-stores"))]
mod absent;
mod address;
#[cfg(feature = "object-stores")]
mod listing;
#[cfg(feature = "object-stores")]
mod open;
#[cfg(feature = "object-stores")]
mod refusal;
#[cfg(feature = "object-stores")]
mod requests;

use std::fmt;
use std::fs::File;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use crate::digest::Checksum;
use crate::http::HttpOptions;

#[cfg(not(feature = "object-stores"))]
pub(crate) use absent::Bucket;
pub(crate) use address::Address;
#[cfg(feature = "object-stores")]
pub(crate) use requests::Bucket;

/// The largest object that one request creates, in bytes: 5 GiB.
pub(crate) const LARGEST: u64 = 5 << 30;

/// How often a request is sent.
const MOST_TRIES: u32 = 10;

/// For how long.
const MOST_TIME: Duration = Duration::from_mins(5);

/// How often an object is tried to be created that is there and then is not.
pub(crate) const MOST_VANISHED: u32 = 3;

/// What to say of the object at `address` after that.
pub(crate) fn vanished(address: &impl fmt::Display) -> String {
    format!(
        "the store says that `{address}` exists (412) and that it does not (404): its conditional writes do not work"
    )
}

/// How a bucket is reached.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// How its host is reached.
    pub http: HttpOptions,
    /// How many uploads there are at once.
    pub uploads: NonZeroUsize,
    /// How long nothing may happen in a request.
    pub patience: Duration,
    /// The pause before the second request; later ones are longer.
    pub delay: Duration,
    /// Whether the metadata service of the machine is asked for credentials.
    pub asks_machine: bool,
}

/// The bytes of an object that is about to be created, and what its metadata say.
#[derive(Debug, Clone)]
pub(crate) struct Contents {
    /// The file that has them. Its cursor does not matter.
    pub file: Arc<File>,
    /// Their number.
    pub bytes: u64,
    /// Their SHA-256.
    pub sha256: Checksum,
    /// The type, such as `application/pdf`.
    pub media_type: &'static str,
    /// What they belong to, such as the identity of a link.
    pub identity: String,
    /// Where they are from.
    pub url: String,
}

impl Contents {
    /// Whether `object` has these bytes, and belongs to the same.
    pub(crate) fn is(&self, object: &Object) -> bool {
        object.identity.as_deref() == Some(&*self.identity)
            && object.sha256.as_deref() == Some(&*self.sha256.digits())
            && object.bytes == self.bytes
    }
}

/// A version of an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tag {
    /// Its `ETag`.
    pub etag: Option<String>,
    /// What else names it, in Google Cloud Storage.
    pub version: Option<String>,
}

/// An object that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Object {
    /// Its version.
    pub tag: Tag,
    /// Its length in bytes.
    pub bytes: u64,
    /// What it belongs to, by its metadata.
    pub identity: Option<String>,
    /// Its SHA-256 in hexadecimal, by its metadata.
    pub sha256: Option<String>,
}

/// What a list says of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    /// Its length in bytes.
    pub bytes: u64,
    /// Its `ETag`.
    pub etag: Option<String>,
}

/// Why something was not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// There is an object of this name, or it is not the one that was looked at.
    Taken,
    /// The credentials do not allow this. What happened.
    Denied(String),
    /// Nothing can be done in this bucket: what happened, and what to do about it.
    Impossible(String),
    /// The store has failed, or cannot be reached: what happened.
    Failed(String),
    /// This object is not possible, whenever it is tried. What happened.
    Unfit(String),
}

impl Refusal {
    /// Whether it is the same in another run.
    pub(crate) fn is_final(&self) -> bool {
        matches!(self, Self::Unfit(_))
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Taken => f.write_str("there is another object of this name"),
            Self::Denied(why) | Self::Impossible(why) | Self::Failed(why) | Self::Unfit(why) => {
                f.write_str(why)
            }
        }
    }
}
