//! How a file that is proven gets its final name: which one, instead of what, and what the journal says of it.
//!
//! The journal is told first, and then the file gets its name. A kill between the two leaves a line without its file, which
//! the next run finds missing; the other way round, our own file would look like somebody else's.

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::Arc;

use clap::ValueEnum;
use parking_lot::Mutex;

use super::{Journal, Part, SavedLine, Store, each_saved};
use crate::digest::fingerprint;
use crate::outcome::{Outcome, Saved, Status};
use crate::plan::{self, Existing, Job, Naming};
use crate::text::shown;

/// What becomes of a file whose bytes are here already, under the name of another link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Dedupe {
    /// It is kept like any other
    #[default]
    None,
    /// It is not kept: the link ends as `duplicate` and names the file that is here
    Skip,
    /// It becomes another name of the file that is here
    Hardlink,
}

/// Gives files their final names.
#[derive(Debug)]
pub(crate) struct Publisher {
    store: Arc<Store>,
    journal: Arc<Journal>,
    naming: Arc<Naming>,
    existing: Existing,
    /// Whether a command is run for each file.
    exec: bool,
    dedupe: Dedupe,
    /// Files by their SHA-256, for [`Dedupe`].
    by_hash: Mutex<HashMap<String, Saved>>,
    /// The names that this run has given, where it takes names from other files.
    given: Mutex<HashSet<u64>>,
}

impl Publisher {
    /// A publisher that names files as `plan` says, and writes to `journal` what it is about to do.
    ///
    /// # Errors
    ///
    /// When the journal has to be read for `dedupe` and cannot be.
    pub(crate) fn new(
        store: Arc<Store>,
        journal: Arc<Journal>,
        plan: &plan::Options,
        dedupe: Dedupe,
    ) -> io::Result<Self> {
        let mut by_hash = HashMap::new();
        if dedupe != Dedupe::None {
            each_saved(journal.reader()?, |line: &SavedLine| {
                if let Some(hash) = &line.sha256 {
                    by_hash.insert(hash.clone().into_owned(), line.to_saved());
                }
            })?;
        }
        Ok(Self {
            store,
            journal,
            naming: Arc::clone(&plan.naming),
            existing: plan.existing,
            exec: plan.exec,
            dedupe,
            by_hash: Mutex::new(by_hash),
            given: Mutex::default(),
        })
    }

    /// Gives the sealed `part` of `job` its final name. `saved` describes it, but for the name; `suggested` is the name that
    /// the server gives it.
    ///
    /// # Errors
    ///
    /// When the name cannot be given, or the journal not be written.
    pub(crate) fn publish(
        &self,
        job: &Job,
        part: &mut Part,
        saved: &Saved,
        suggested: Option<&str>,
    ) -> io::Result<Saved> {
        if let Some(existing) = &job.existing {
            let file = existing.saved.file.clone();
            return self.give(job, saved, file, |file| self.store.replace(part, file));
        }
        let names = || job.names(&self.naming, suggested, saved.sha256.as_deref());
        let dedupes = self.dedupe != Dedupe::None;
        let Some(hash) = saved.sha256.as_ref().filter(|_| dedupes) else {
            return self.publish_new(job, part, saved, names());
        };
        // locked to the end: of two that come at once, one is the first
        let mut by_hash = self.by_hash.lock();
        if let Some(first) = by_hash.get(hash).filter(|first| self.store.has(first)) {
            let mut same = Saved {
                modified: first.modified,
                ..saved.clone()
            };
            if self.dedupe == Dedupe::Skip {
                same.status = Status::Duplicate;
                return self.give(job, &same, first.file.clone(), |_| Ok(()));
            }
            let link = |file: &str| self.store.link(&first.file, file);
            if let Ok(linked) = self.first_free(job, &same, names(), link) {
                return Ok(linked);
            }
            // no hard links on this file system
        }
        let published = self.publish_new(job, part, saved, names())?;
        by_hash.insert(hash.clone(), published.clone());
        Ok(published)
    }

    fn publish_new(
        &self,
        job: &Job,
        part: &mut Part,
        saved: &Saved,
        names: impl Iterator<Item = String>,
    ) -> io::Result<Saved> {
        self.first_free(job, saved, names, |file| {
            if self.existing != Existing::Overwrite {
                return self.store.publish(part, file);
            }
            let mut given = self.given.lock();
            // not from another link of this run
            if given.insert(fingerprint(&file.to_lowercase())) {
                self.store.replace(part, file)
            } else {
                Err(io::ErrorKind::AlreadyExists.into())
            }
        })
    }

    /// Gives the first of `names` that is free.
    fn first_free(
        &self,
        job: &Job,
        saved: &Saved,
        names: impl Iterator<Item = String>,
        mut act: impl FnMut(&str) -> io::Result<()>,
    ) -> io::Result<Saved> {
        for file in names {
            match self.give(job, saved, file, &mut act) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                given => return given,
            }
            tracing::info!(
                "{}: {}: its name is taken, so it gets another one",
                job.source_line,
                shown(job.url())
            );
            if let Some(theirs) = self.saved_meanwhile(job.id)? {
                // the last line of a link counts, and ours names a file that is not there
                return self.give(job, &theirs, theirs.file.clone(), |_| Ok(()));
            }
        }
        unreachable!("there is always one more name")
    }

    /// Writes down that the file of `job` is called `file`, and makes it so.
    fn give(
        &self,
        job: &Job,
        saved: &Saved,
        file: String,
        act: impl FnOnce(&str) -> io::Result<()>,
    ) -> io::Result<Saved> {
        let saved = Saved {
            file,
            ..saved.clone()
        };
        let mut record = job.record(Outcome::Saved(saved.clone()));
        // so that the next run does what this one is kept from
        record.exec_error = self
            .exec
            .then(|| "the command has not been run yet".to_owned());
        self.journal.append(&record)?;
        act(&saved.file)?;
        Ok(saved)
    }

    /// Whether the server is asked if an existing file has changed.
    pub(crate) fn updates(&self) -> bool {
        self.existing == Existing::Update
    }

    /// The file that another process has saved for the link with this `id` since this run began.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub(crate) fn saved_meanwhile(&self, id: u64) -> io::Result<Option<Saved>> {
        self.journal
            .saved_by_others(id, |saved| self.store.has(saved))
    }
}
