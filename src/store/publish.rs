//! How a checked file gets its final name: which name, which file it may replace, and what the journal says.
//!
//! The record is written first, and then the file gets its name. A kill between the two leaves a record without its file,
//! which the next run finds missing. The other way round, our own file would look like somebody else's.

use std::collections::{HashMap, HashSet};
use std::io::{self, ErrorKind};
use std::sync::Arc;

use clap::ValueEnum;
use parking_lot::Mutex;

use super::{Journal, Part, SavedLine, Store, each_saved};
use crate::digest::fingerprint;
use crate::outcome::{Outcome, Saved, Status};
use crate::plan::{self, Existing, Job};
use crate::text::shown;

/// What to do with a file whose bytes another link has already saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Dedupe {
    /// Keep it like any other file
    #[default]
    None,
    /// Discard it: the link ends as `duplicate`, and its record names the existing file
    Skip,
    /// Make it a hard link to the existing file
    Hardlink,
}

/// Gives files their final names, and records them.
#[derive(Debug)]
pub(crate) struct Publisher {
    store: Arc<Store>,
    journal: Arc<Journal>,
    plan: plan::Options,
    dedupe: Dedupe,
    /// Files by SHA-256, unless `dedupe` is none.
    by_hash: Mutex<HashMap<String, Saved>>,
    /// Names given in this run, which `--overwrite` must not replace.
    given: Mutex<HashSet<u64>>,
}

impl Publisher {
    /// A publisher into `store` that names files according to `plan`, and writes records to `journal`.
    ///
    /// # Errors
    ///
    /// When the journal, which `dedupe` needs, cannot be read.
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
                    by_hash.insert(hash.clone(), line.to_saved());
                }
            })?;
        }
        Ok(Self {
            store,
            journal,
            plan: plan.clone(),
            dedupe,
            by_hash: Mutex::new(by_hash),
            given: Mutex::default(),
        })
    }

    /// Gives the sealed `part` of `job` its final name. `saved` describes the file, except for its name; `suggested` is the
    /// name from the response.
    ///
    /// # Errors
    ///
    /// When the name cannot be given, or the journal cannot be written.
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
        let names = || job.names(&self.plan.naming, suggested, saved.sha256.as_deref());
        let (Some(hash), Dedupe::Skip | Dedupe::Hardlink) = (&saved.sha256, self.dedupe) else {
            return self.publish_new(job, part, saved, names());
        };
        // locked to the end, so that one of two concurrent files is the first
        let mut by_hash = self.by_hash.lock();
        if let Some(first) = by_hash.get(hash).filter(|first| self.store.has(first)) {
            let mut same = saved.clone();
            same.modified = first.modified;
            if self.dedupe == Dedupe::Skip {
                same.status = Status::Duplicate;
                return self.give(job, &same, first.file.clone(), |_| Ok(()));
            }
            let link = |file: &str| self.store.link(&first.file, file);
            if let Ok(linked) = self.first_free(job, &same, names(), link) {
                return Ok(linked);
            }
            // the file system has no hard links
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
            if self.plan.existing != Existing::Overwrite {
                return self.store.publish(part, file);
            }
            let mut given = self.given.lock();
            if !given.insert(fingerprint(&file.to_lowercase())) {
                return Err(ErrorKind::AlreadyExists.into());
            }
            self.store.replace(part, file)
        })
    }

    /// Records and gives the first of `names` that is free.
    fn first_free(
        &self,
        job: &Job,
        saved: &Saved,
        names: impl Iterator<Item = String>,
        mut act: impl FnMut(&str) -> io::Result<()>,
    ) -> io::Result<Saved> {
        for file in names {
            match self.give(job, saved, file, &mut act) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                given => return given,
            }
            let (place, url) = (&job.source_line, shown(job.url()));
            tracing::info!("{place}: {url}: the file name is taken; using another one");
            if let Some(theirs) = self.saved_meanwhile(job.id)? {
                // the last record of a link counts, and ours names a file that does not exist
                return self.give(job, &theirs, theirs.file.clone(), |_| Ok(()));
            }
        }
        unreachable!("`names` is infinite")
    }

    /// Records that the file of `job` is named `file`, then runs `act` to give it that name.
    fn give(
        &self,
        job: &Job,
        saved: &Saved,
        file: String,
        act: impl FnOnce(&str) -> io::Result<()>,
    ) -> io::Result<Saved> {
        let mut saved = saved.clone();
        saved.file = file;
        let mut record = job.record(Outcome::Saved(saved.clone()));
        // replaced when the command has run; if that never happens, the next run runs it
        let exec = self.plan.exec;
        record.exec_error = exec.then(|| "the command has not been run yet".to_owned());
        self.journal.append(&record)?;
        act(&saved.file)?;
        Ok(saved)
    }

    /// Whether requests ask if an existing file has changed.
    pub(crate) fn updates(&self) -> bool {
        self.plan.existing == Existing::Update
    }

    /// The file that another process has saved for the link `id` since this run began.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub(crate) fn saved_meanwhile(&self, id: u64) -> io::Result<Option<Saved>> {
        self.journal
            .saved_by_others(id, |saved| self.store.has(saved))
    }
}
