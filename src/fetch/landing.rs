//! How a file that is proven gets its final name: which one, instead of what, and what the journal says of it.

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use clap::ValueEnum;

use super::error::disk;
use crate::digest::fingerprint;
use crate::outcome::{Failure, Outcome, Saved, Status};
use crate::plan::{Existing, Job, Naming};
use crate::store::{Journal, Part, Store};
use crate::text::shown;

/// What becomes of a file whose bytes are here already, under the name of another link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Dedupe {
    /// It is kept like any other
    #[default]
    None,
    /// It is not kept: the link ends as `duplicate` and names the file that is here
    Skip,
    /// It becomes another name of the file that is here
    Hardlink,
}

/// Gives files their final names.
pub(super) struct Landing {
    pub(super) store: Arc<Store>,
    pub(super) journal: Arc<Journal>,
    pub(super) naming: Arc<Naming>,
    pub(super) existing: Existing,
    pub(super) dedupe: Dedupe,
    /// Files by their SHA-256, for [`Dedupe`].
    pub(super) known: Mutex<HashMap<String, Saved>>,
    /// The names that this run has given, where it takes names from other files.
    pub(super) given: Mutex<HashSet<u64>>,
    /// Whether a command is run for each file.
    pub(super) commands: bool,
}

impl Landing {
    /// Gives the sealed `part` its final name. The journal is told first, so that a kill between the two never makes our
    /// own file look like somebody else's.
    pub(super) fn land(
        &self,
        job: &Job,
        part: &mut Part,
        saved: &Saved,
        suggested: Option<&str>,
    ) -> Result<Saved, Failure> {
        if let Some(here) = &job.here {
            let file = here.saved.file.clone();
            return self
                .give(job, saved, file, |file| self.store.replace(part, file))
                .map_err(disk);
        }
        let names = job.names(&self.naming, suggested, saved.sha256.as_deref());
        let Some(hash) = saved
            .sha256
            .as_ref()
            .filter(|_| self.dedupe != Dedupe::None)
        else {
            return self.publish(job, part, saved, names);
        };
        // locked to the end: of two that come at once, one is the first
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(first) = known.get(hash).filter(|first| self.store.has(first)) {
            let same = Saved {
                modified: first.modified,
                ..saved.clone()
            };
            if self.dedupe == Dedupe::Skip {
                let same = Saved {
                    status: Status::Duplicate,
                    ..same
                };
                return self
                    .give(job, &same, first.file.clone(), |_| Ok(()))
                    .map_err(disk);
            }
            let names = job.names(&self.naming, suggested, Some(hash));
            if let Ok(linked) =
                self.first_free(job, &same, names, |file| self.store.link(&first.file, file))
            {
                return Ok(linked);
            }
            // no hard links here
        }
        let landed = self.publish(job, part, saved, names)?;
        known.insert(hash.clone(), landed.clone());
        Ok(landed)
    }

    fn publish(
        &self,
        job: &Job,
        part: &mut Part,
        saved: &Saved,
        names: impl Iterator<Item = String>,
    ) -> Result<Saved, Failure> {
        self.first_free(job, saved, names, |file| {
            if self.existing != Existing::Overwrite {
                return self.store.publish(part, file);
            }
            let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
            // not from another link of this run
            if given.insert(fingerprint(&file.to_lowercase())) {
                self.store.replace(part, file)
            } else {
                Err(io::ErrorKind::AlreadyExists.into())
            }
        })
        .map_err(disk)
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
                job.place,
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
            .commands
            .then(|| "the command has not been run yet".to_owned());
        self.journal.append(&record)?;
        act(&saved.file)?;
        Ok(saved)
    }

    /// Whether to ask if a file that is here has changed.
    pub(super) fn asks(&self) -> bool {
        self.existing == Existing::Update
    }

    /// The file that another process has saved for the link with this `id` since this run began.
    pub(super) fn saved_meanwhile(&self, id: u64) -> io::Result<Option<Saved>> {
        self.journal
            .saved_by_others(id, |saved| self.store.has(saved))
    }
}
