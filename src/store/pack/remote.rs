//! Tars in a bucket.
//!
//! A tar gets there by one request, and its name is reserved before anything is written to it, so that no other run can have it
//! by then: an empty object of the same name in `.fetchpdf/tars/` says that it is given, for good. If an upload cannot be
//! finished, the tar stays where it is, and the next run uploads it. If only the response was lost, the bucket has it by then.
//!
//! The journal is written to the bucket first, up to the last file in the tar. So whoever begins with that journal knows of all
//! files in all tars there, and asks which tars there are: see [`lists`](super::lists).
//!
//! Each request has a thread and a runtime of its own, because tars are few, and whoever needs one may be in a runtime already.

use std::fs::File;
use std::io::{self, Seek};
use std::sync::Arc;
use std::thread;

use super::TARS;
use crate::bucket::{Address, Bucket, Contents, Options, Refusal};
use crate::digest::{Algorithm, Hasher};
use crate::runtime::run_alone;
use crate::store::{STATE, Segments, part};

/// What tars are.
const MEDIA_TYPE: &str = "application/x-tar";

/// What a name is reserved by.
const EMPTY: &str = "application/octet-stream";

/// A bucket for tars.
#[derive(Debug, Clone)]
pub(crate) struct Remote {
    /// Where it is.
    pub address: Address,
    /// How it is reached.
    pub options: Options,
    /// The journal there.
    pub segments: Option<Arc<Segments>>,
}

impl Remote {
    /// Reserves the name of a tar; false if it is taken.
    ///
    /// # Errors
    ///
    /// When the bucket does not tell.
    pub(super) fn reserve(&self, name: &str) -> io::Result<bool> {
        let empty = Arc::new(tempfile::tempfile()?);
        let reserved = self.ask(async |bucket: &Bucket| {
            match bucket.look(name).await {
                // whoever may not look has the reservations of others in any case
                Ok(None) | Err(Refusal::Denied(_)) => {}
                Ok(Some(_)) => return Err(Refusal::Taken),
                Err(refusal) => return Err(refusal),
            }
            let contents = Contents {
                file: empty,
                bytes: 0,
                sha256: Hasher::new(&[Algorithm::Sha256]).finish().remove(0),
                media_type: EMPTY,
                // of this reservation only
                identity: format!("{name} {:016x}", fastrand::u64(..)),
                url: String::new(),
            };
            bucket
                .ensure(&format!("{STATE}/{TARS}/{name}"), &contents)
                .await
        })?;
        match reserved {
            Err(Refusal::Taken) => Ok(false),
            reserved => reserved.map_err(|refusal| io::Error::other(refusal.to_string())),
        }
    }

    /// Uploads the tar `name`; false if the name is taken by another one.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or the bucket does not take it.
    pub(super) fn upload(&self, mut file: &File, name: &str) -> io::Result<bool> {
        file.rewind()?;
        let sha256 = part::hash(file)?.ok_or(io::ErrorKind::Other)?;
        let contents = Contents {
            file: Arc::new(file.try_clone()?),
            bytes: file.metadata()?.len(),
            sha256,
            media_type: MEDIA_TYPE,
            identity: name.to_owned(),
            url: String::new(),
        };
        let uploaded = self.ask(async |bucket: &Bucket| {
            self.ship().await;
            bucket.ensure(name, &contents).await
        })?;
        uploaded.map_err(|refusal| io::Error::other(refusal.to_string()))
    }

    /// Writes what there is of the journal to the bucket.
    async fn ship(&self) {
        if let Some(segments) = &self.segments
            && let Err(why) = segments.ship().await
        {
            tracing::warn!("a tar is uploaded before its records: {why}");
        }
    }

    fn ask<T: Send>(
        &self,
        act: impl AsyncFnOnce(&Bucket) -> Result<T, Refusal> + Send,
    ) -> io::Result<Result<T, Refusal>> {
        let ask = || {
            let bucket = Bucket::open(&self.address, &self.options).map_err(io::Error::other)?;
            run_alone(act(&bucket))
        };
        thread::scope(|scope| {
            let asked = thread::Builder::new().spawn_scoped(scope, ask)?.join();
            asked.unwrap_or_else(|_| Err(io::Error::other("internal error (a bug in fetchpdf)")))
        })
    }
}
