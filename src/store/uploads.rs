//! How a checked file gets its final name in a bucket.
//!
//! ```text
//!  journal: intent ──► bucket: create, if nothing has the name ──► journal: done
//! ```
//!
//! An upload takes longer than a turn at the journal, so others may decide meanwhile, also on other machines. It is the bucket that
//! decides who gets a name: an object is created only if there is none. If there is one, its metadata tells whether it is this one,
//! whose response has been lost. Otherwise, the link gets another name.
//!
//! The intent is the record as it is going to be, but for its status. As long as no other line follows it, nobody knows what has
//! become of the upload. The next run [looks](Uploads::resolve) at these objects, and at no others: the journal has the rest.
//! A link whose file is taken back gets a line that says so, for the same reason.
//!
//! Whatever is in the bucket by other ways is never replaced.

mod upload;

use std::collections::HashSet;
use std::fmt;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};

use futures_util::StreamExt;
use futures_util::stream::iter;
use parking_lot::Mutex;
use tokio::sync::{Notify, Semaphore, SemaphorePermit};

use super::files::name_aside;
use super::history::Pending;
use super::pack::Window;
use super::publish::Publisher;
use super::{BLOCKED, Dedupe, History, Journal, Part};
use crate::bucket::{Bucket, Contents, Object, Refusal};
use crate::digest::Checksum;
use crate::outcome::{Outcome, Saved};
use crate::plan::Job;
use crate::text::{masked, shown};
use upload::Upload;

/// What the objects are.
const MEDIA_TYPE: &str = "application/pdf";

/// How many uploads in a row may be denied before all others are expected to be.
const MOST_DENIED: u32 = 16;

/// A checked file that does not have its final name yet.
#[derive(Debug)]
pub(crate) struct Sealed {
    /// The file.
    pub(crate) part: Part,
    /// What it is, except for its name.
    pub(crate) saved: Saved,
    /// The name from the response.
    pub(crate) suggested: Option<String>,
    /// The file as a command has left it, if one was run.
    pub(crate) changed: Option<File>,
}

impl Sealed {
    /// The file to be uploaded.
    fn file(&self) -> io::Result<File> {
        match &self.changed {
            Some(file) => file.try_clone(),
            None => self.part.reopened(),
        }
    }
}

/// Why a file did not get its final name.
#[derive(Debug)]
pub(crate) enum Unpublished {
    /// The file or the journal cannot be read or written.
    Disk(io::Error),
    /// The bucket has not taken it.
    Refused(Refusal),
}

impl fmt::Display for Unpublished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disk(error) => error.fmt(f),
            Self::Refused(refusal) => refusal.fmt(f),
        }
    }
}

impl From<io::Error> for Unpublished {
    fn from(error: io::Error) -> Self {
        Self::Disk(error)
    }
}

impl From<Refusal> for Unpublished {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// The uploads of a run.
#[derive(Debug)]
pub(crate) struct Uploads {
    bucket: Bucket,
    permits: Semaphore,
    /// Whether one has succeeded.
    has_succeeded: AtomicBool,
    /// How many have been denied since.
    denied: AtomicU32,
    /// The SHA-256 of files that are on their way, if others with the same bytes wait for them.
    on_their_way: Mutex<HashSet<Checksum>>,
    /// Wakes them.
    arrived: Notify,
}

impl Uploads {
    /// Uploads into `bucket`.
    pub(crate) fn new(bucket: Bucket) -> Self {
        Self {
            permits: Semaphore::new(bucket.uploads()),
            bucket,
            has_succeeded: AtomicBool::new(false),
            denied: AtomicU32::new(0),
            on_their_way: Mutex::default(),
            arrived: Notify::new(),
        }
    }

    /// Looks at what the journal does not know the end of, and writes that to it.
    ///
    /// # Errors
    ///
    /// When the bucket does not tell, or the journal cannot be written.
    pub(crate) async fn resolve(
        &self,
        history: &History,
        journal: &Journal,
    ) -> Result<(), Unpublished> {
        let looks = history.pending().map(|(id, pending)| async move {
            let found = self.bucket.look(&pending.file).await;
            (id, pending, found)
        });
        let mut found = iter(looks).buffer_unordered(self.bucket.uploads());
        while let Some((id, pending, found)) = found.next().await {
            let found = match found {
                // whoever may not look has to fetch it again
                Err(Refusal::Denied(_)) => None,
                found => found?,
            };
            journal.append_line(resolved(history, (id, pending), found.as_ref()))?;
        }
        Ok(())
    }

    /// Waits for its turn.
    pub(crate) async fn permit(&self) -> SemaphorePermit<'_> {
        self.permits.acquire().await.expect("never closed")
    }

    /// Why all other uploads will fail as this one did with `refusal`, and what to do about it; none if they may succeed.
    pub(crate) fn end(&self, refusal: &Refusal) -> Option<String> {
        match refusal {
            Refusal::Impossible(why) => Some(why.clone()),
            Refusal::Denied(why) => {
                let denied = self.denied.fetch_add(1, Relaxed) + 1;
                let is_all = !self.has_succeeded.load(Relaxed) || denied >= MOST_DENIED;
                let address = self.bucket.address();
                is_all.then(|| {
                    format!("the credentials do not give enough access to `{address}`: {why}")
                })
            }
            _ => None,
        }
    }

    fn has_stored(&self) {
        self.has_succeeded.store(true, Relaxed);
        self.denied.store(0, Relaxed);
    }
}

/// The line that ends the upload of the link `id`, whose object has been `found`.
fn resolved(history: &History, (id, pending): (u64, &Pending), found: Option<&Object>) -> Vec<u8> {
    let has = |object: &Object, sha256: Option<&str>| {
        object.identity.as_deref() == Some(&*identity(id)) && object.sha256.as_deref() == sha256
    };
    if let Some(object) = found.filter(|object| has(object, Some(&pending.sha256))) {
        return pending.done(object.tag.etag.as_deref());
    }
    let earlier = history.last_of(id).map(|earlier| earlier.saved);
    let is_gone = earlier.is_some_and(|earlier| {
        let is_it = |object: &Object| has(object, earlier.sha256.as_deref());
        earlier.file == pending.file && !found.is_some_and(is_it)
    });
    pending.void(is_gone)
}

/// What tells in the metadata of an object that it is that of the link `id`.
fn identity(id: u64) -> String {
    format!("{id:016x}")
}

impl Publisher {
    /// The uploads, if that is how files get their final names.
    pub(crate) fn uploads(&self) -> Option<&Uploads> {
        self.uploads.as_ref()
    }

    /// The name that the `sealed` file of `job` gets if it is free.
    pub(crate) fn first_name(&self, job: &Job, sealed: &Sealed) -> String {
        let (suggested, sha256) = (sealed.suggested.as_deref(), sealed.saved.sha256.as_deref());
        let mut names = job.names(&self.plan.naming, suggested, sha256);
        names.next().expect("`names` is infinite")
    }

    /// Gives the `sealed` file of `job` its final name in the bucket.
    ///
    /// # Errors
    ///
    /// When the bucket does not take it, or the journal cannot be written. The part is unchanged then.
    pub(crate) async fn upload(&self, job: &Job, sealed: &Sealed) -> Result<Saved, Unpublished> {
        let uploads = self
            .uploads()
            .ok_or(io::Error::from(ErrorKind::Unsupported))?;
        let saved = &sealed.saved;
        let sha256 = saved.sha256.as_deref().and_then(Checksum::of_sha256);
        let upload = Upload {
            publisher: self,
            uploads,
            job,
            saved,
            contents: Contents {
                file: Arc::new(sealed.file()?),
                bytes: saved.bytes,
                sha256: sha256.expect("it is computed if there is a bucket"),
                media_type: MEDIA_TYPE,
                identity: identity(job.id),
                url: masked(&shown(job.candidates.first())).into_owned(),
            },
        };
        if let Some(theirs) = self.saved_meanwhile(job)? {
            return Ok(theirs);
        }
        let _on_its_way = match self.dedupe {
            Dedupe::None => None,
            _ => match upload.same_bytes().await {
                Ok(first) => return upload.skip(first),
                Err(on_its_way) => Some(on_its_way),
            },
        };
        let done = upload.any_name(sealed.suggested.as_deref()).await?;
        uploads.has_stored();
        self.note_upload(job.id, &done);
        Ok(done)
    }

    /// Takes the final name of `saved` away, an object of this run, if `is_it` says so of what is in it. Returns its name from then
    /// on; none if it has changed since it was saved.
    ///
    /// # Errors
    ///
    /// When it does not exist any more ([`ErrorKind::NotFound`]), or cannot be read or moved.
    pub(crate) async fn withdraw_upload(
        &self,
        job: &Job,
        saved: &Saved,
        is_it: impl FnOnce(Window) -> io::Result<bool>,
    ) -> io::Result<Option<String>> {
        let uploads = self.uploads().ok_or(ErrorKind::Unsupported)?;
        let bucket = &uploads.bucket;
        let refused = |refusal: Refusal| io::Error::other(refusal.to_string());
        let copy = self.store.scratch()?;
        let object = bucket
            .read(&saved.file, None, &copy)
            .await
            .map_err(refused)?;
        let object = object.ok_or(ErrorKind::NotFound)?;
        let is_ours =
            object.identity.as_deref() == Some(&*identity(job.id)) && object.sha256 == saved.sha256;
        if !is_ours || !is_it(Window::whole(copy)?)? {
            return Ok(None);
        }
        let record = job.record(Outcome::Saved(saved.clone()));
        self.journal.append_line(record.to_gone_line())?;
        let name = saved.file.rsplit('/').next().unwrap_or_default();
        let aside = format!("{BLOCKED}/{}", name_aside(name, job.id));
        self.forget_upload(&saved.file);
        let renamed = bucket.rename(&saved.file, &aside).await;
        renamed.map_err(refused)?;
        Ok(Some(aside))
    }
}
