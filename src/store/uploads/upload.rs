//! One file on its way into the bucket.

use std::io;

use super::{Unpublished, Uploads};
use crate::bucket::{Contents, LARGEST, MOST_VANISHED, Refusal, Tag, vanished};
use crate::digest::Checksum;
use crate::outcome::{Outcome, Saved, Status};
use crate::plan::{Job, Previous};
use crate::store::publish::Publisher;
use crate::text::shown;

/// A file on its way into the bucket.
pub(super) struct Upload<'a> {
    pub(super) publisher: &'a Publisher,
    pub(super) uploads: &'a Uploads,
    pub(super) job: &'a Job,
    /// The file, except for its name.
    pub(super) saved: &'a Saved,
    pub(super) contents: Contents,
}

impl<'a> Upload<'a> {
    /// The file of another link with the same bytes, once it is known whether there is one. If not, others wait for this one.
    pub(super) async fn same_bytes(&self) -> Result<Saved, OnItsWay<'a>> {
        let (uploads, sha256) = (self.uploads, self.contents.sha256);
        loop {
            let arrived = uploads.arrived.notified();
            if let Some(first) = self.publisher.saved_with(self.saved) {
                return Ok(first);
            }
            if uploads.on_their_way.lock().insert(sha256) {
                // it may have arrived in between
                return self
                    .publisher
                    .saved_with(self.saved)
                    .ok_or(OnItsWay(uploads, sha256));
            }
            arrived.await;
        }
    }

    /// Records that the link has the bytes of the file `first` of another link.
    pub(super) fn skip(&self, first: Saved) -> Result<Saved, Unpublished> {
        let same = Saved {
            status: Status::Duplicate,
            file: first.file,
            modified: first.modified,
            ..self.saved.clone()
        };
        let record = self.job.record(Outcome::Saved(same.clone()));
        self.publisher.journal.append(&record)?;
        self.publisher.note_upload(self.job.id, &same);
        Ok(same)
    }

    /// Replaces the existing file of the link, or creates one with the first name that is free.
    pub(super) async fn any_name(&self, suggested: Option<&str>) -> Result<Saved, Unpublished> {
        if self.contents.bytes > LARGEST {
            let message = format!(
                "{} bytes: an object store accepts at most 5 GiB (5,368,709,120 bytes) in one upload",
                self.contents.bytes
            );
            return Err(Refusal::Unfit(message).into());
        }
        let mut gone = None;
        if let Some(existing) = &self.job.existing {
            match self.replace(existing).await? {
                Replaced::Done(saved) => return Ok(*saved),
                Replaced::Gone => gone = Some(existing.saved.file.clone()),
                Replaced::Other => {}
            }
        }
        let naming = &self.publisher.plan.naming;
        let names = self
            .job
            .names(naming, suggested, self.saved.sha256.as_deref());
        for file in gone.into_iter().chain(names) {
            if let Some(saved) = self.create(&file).await? {
                return Ok(saved);
            }
            let (place, url) = (&self.job.source_line, shown(self.job.url()));
            tracing::info!("{place}: {url}: the file name is taken; using another one");
        }
        unreachable!("`names` is infinite")
    }

    /// Replaces the file that an earlier run has saved for the link, if it still is that.
    async fn replace(&self, existing: &Previous) -> Result<Replaced, Unpublished> {
        let (bucket, earlier) = (&self.uploads.bucket, &existing.saved);
        // the others would lose theirs
        if self.publisher.has_sharers(&earlier.file, self.job.id) {
            return Ok(Replaced::Other);
        }
        let object = match bucket.look(&earlier.file).await {
            Ok(Some(object)) => object,
            Ok(None) => return Ok(Replaced::Gone),
            // also of one that is not there, for credentials that may not list
            Err(Refusal::Denied(_)) => return Ok(Replaced::Other),
            Err(refusal) => return Err(refusal.into()),
        };
        if self.contents.is(&object) {
            return self.replaced(&earlier.file, object.tag);
        }
        let is_ours = object.identity.as_deref() == Some(&*self.contents.identity);
        if !is_ours || object.sha256 != earlier.sha256 {
            return Ok(Replaced::Other);
        }
        self.intend(&earlier.file)?;
        match bucket
            .replace(&earlier.file, &self.contents, &object.tag)
            .await
        {
            Ok(tag) => self.replaced(&earlier.file, tag),
            Err(Refusal::Taken) => match bucket.look(&earlier.file).await? {
                Some(object) if self.contents.is(&object) => {
                    self.replaced(&earlier.file, object.tag)
                }
                Some(_) => Ok(Replaced::Other),
                None => Ok(Replaced::Gone),
            },
            Err(refusal) => Err(refusal.into()),
        }
    }

    /// Creates the object `file`; none if there is another one.
    async fn create(&self, file: &str) -> Result<Option<Saved>, Unpublished> {
        let bucket = &self.uploads.bucket;
        self.intend(file)?;
        for _ in 0..MOST_VANISHED {
            match bucket.create(file, &self.contents).await {
                Ok(tag) => return Ok(Some(self.done(file, tag)?)),
                Err(Refusal::Taken) => {}
                Err(refusal) => return Err(refusal.into()),
            }
            match bucket.look(file).await {
                Ok(Some(object)) if self.contents.is(&object) => {
                    return Ok(Some(self.done(file, object.tag)?));
                }
                Ok(Some(_)) => return Ok(None),
                Ok(None) => {}
                Err(Refusal::Denied(why)) => {
                    let message = format!(
                        "{why}: the name is taken, and the credentials must allow reading the object that has it"
                    );
                    return Err(Refusal::Denied(message).into());
                }
                Err(refusal) => return Err(refusal.into()),
            }
        }
        Err(Refusal::Failed(vanished(&bucket.address().of(file))).into())
    }

    /// Records that the file is about to be uploaded as `file`.
    fn intend(&self, file: &str) -> io::Result<()> {
        let record = self.job.record(Outcome::Saved(self.named(file, None)));
        self.publisher
            .journal
            .append_about(&record, record.to_intent_line())
    }

    /// Records that the file has been uploaded.
    fn done(&self, file: &str, tag: Tag) -> io::Result<Saved> {
        let saved = self.named(file, tag.etag);
        let record = self.job.record(Outcome::Saved(saved.clone()));
        self.publisher.journal.append(&record)?;
        Ok(saved)
    }

    fn replaced(&self, file: &str, tag: Tag) -> Result<Replaced, Unpublished> {
        Ok(Replaced::Done(Box::new(self.done(file, tag)?)))
    }

    fn named(&self, file: &str, object: Option<String>) -> Saved {
        Saved {
            file: file.to_owned(),
            inode: None,
            object,
            ..self.saved.clone()
        }
    }
}

/// What has become of an existing file.
enum Replaced {
    /// It is the new one.
    Done(Box<Saved>),
    /// There is nothing in its place.
    Gone,
    /// There is something else in its place.
    Other,
}

/// A file that other files with the same bytes wait for. They wait no longer when it is dropped.
pub(super) struct OnItsWay<'a>(&'a Uploads, Checksum);

impl Drop for OnItsWay<'_> {
    fn drop(&mut self) {
        self.0.on_their_way.lock().remove(&self.1);
        self.0.arrived.notify_waiters();
    }
}
