//! How a checked file gets its final name: which name, which file it may replace, and what the journal says.
//!
//! All of it happens in one [turn](super::journal::Turn) at the journal, so that no other thread or process decides meanwhile.
//! If another process has saved the link before, its file counts. The record is written first, and then the file gets its
//! name. A kill between the two leaves a record without its file, which the next run finds missing. The other way round, our
//! own file would look like somebody else's.
//!
//! A file that several links have, because they had the same bytes, is never replaced for one of them: the others would lose
//! theirs. The link leaves it, and gets a file of its own.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Duration;

use clap::ValueEnum;
use parking_lot::{Mutex, MutexGuard};

use super::journal::Turn;
use super::pack::{self, Packer, Window};
use super::saved_line::Says;
use super::uploads::Uploads;
use super::{History, Journal, Part, Store};
use crate::digest::Checksum;
use crate::outcome::{Outcome, Saved, Status};
use crate::plan::{self, Existing, Job, Previous, name};
use crate::system::files::has_no_hard_link;
use crate::text::{has_credentials, shown};

/// A file that is not older has been written just now.
const FRESH: Duration = Duration::from_secs(1);

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
    pub(super) store: Arc<Store>,
    pub(super) journal: Arc<Journal>,
    history: Arc<History>,
    pub(super) plan: plan::Options,
    pub(super) dedupe: Dedupe,
    /// None if files end up in a folder.
    pub(super) uploads: Option<Uploads>,
    published: Mutex<Published>,
}

/// What has been published in this run.
#[derive(Debug, Default)]
struct Published {
    /// Files by SHA-256, also those of earlier runs, unless there is no `--dedupe`.
    by_hash: Hashes,
    /// The key of each name with a link that got it, if another link might replace its file.
    owners: BTreeSet<(u64, u64)>,
    /// The links that have left their existing files.
    moved: HashSet<u64>,
}

/// Files by their SHA-256, each with the hash that it had last. A replaced file may look like the one before.
#[derive(Debug, Default)]
struct Hashes {
    files: HashMap<String, Saved>,
    /// The hash of each file, by the key of its name.
    hashes: HashMap<u64, String>,
}

impl Hashes {
    /// Forgets the hash that the file has had, and adds the one that it has now, if that is known.
    fn insert(&mut self, saved: Saved) {
        let key = name::key(&saved.file);
        if let Some(before) = self.hashes.remove(&key)
            && self
                .files
                .get(&before)
                .is_some_and(|file| name::key(&file.file) == key)
        {
            self.files.remove(&before);
        }
        if let Some(hash) = saved.sha256.clone() {
            self.hashes.insert(key, hash.clone());
            self.files.insert(hash, saved);
        }
    }

    /// Forgets the file `file`, which is not there any more.
    fn remove(&mut self, file: &str) {
        if let Some(hash) = self.hashes.remove(&name::key(file)) {
            self.files.remove(&hash);
        }
    }

    /// A file with the same bytes.
    fn get(&self, saved: &Saved) -> Option<&Saved> {
        self.files.get(saved.sha256.as_ref()?)
    }
}

impl Publisher {
    /// A publisher into `store` that names files according to `plan`, and writes records to `journal`, which began as
    /// `history`.
    ///
    /// # Errors
    ///
    /// When the journal, which `dedupe` needs, cannot be read.
    pub(crate) fn new(
        store: Arc<Store>,
        (journal, history): (Arc<Journal>, Arc<History>),
        plan: &plan::Options,
        dedupe: Dedupe,
    ) -> io::Result<Self> {
        let mut published = Published::default();
        if dedupe != Dedupe::None {
            journal.each_line(|line| match line.says() {
                Says::Saved => published.by_hash.insert(line.to_saved()),
                Says::Gone => published.by_hash.remove(&line.file),
                Says::Uploading | Says::Void => {}
            })?;
        }
        Ok(Self {
            store,
            journal,
            history,
            plan: plan.clone(),
            dedupe,
            uploads: None,
            published: Mutex::new(published),
        })
    }

    /// The same with these `uploads`, if files end up in a bucket.
    pub(crate) fn with_uploads(self, uploads: Option<Uploads>) -> Self {
        Self { uploads, ..self }
    }

    /// Gives the sealed `part` of `job` its final name in the output folder. `saved` describes the file, except for its name; `suggested` is the
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
        let turn = self.journal.turn()?;
        if let Some(theirs) = self.theirs(&turn, job)? {
            return Ok(theirs);
        }
        let mut publication = Publication {
            publisher: self,
            turn,
            published: self.must_decide().then(|| self.published.lock()),
            job,
            saved,
        };
        let saved = publication.publish(part, suggested)?;
        publication.note(&saved);
        drop(publication);
        if let Some(packer) = &self.store.packer {
            // nobody else has to wait for it
            packer.publish_full();
        }
        Ok(saved)
    }

    /// Whether what happens to a file depends on what else is published in this run. If not, the threads need not wait for
    /// each other.
    fn must_decide(&self) -> bool {
        self.plan.existing != Existing::Keep || self.dedupe != Dedupe::None
    }

    /// Whether a file may replace any other that is not known to be that of another link. In a shared folder, nobody knows.
    fn replaces_any(&self) -> bool {
        self.plan.existing == Existing::Overwrite && !self.store.files.are_shared
    }

    /// Keeps the journal from others before it has a record of `job`, if its URL has credentials.
    pub(crate) fn protect_journal(&self, job: &Job) {
        if has_credentials(job.url()) {
            self.journal.protect();
        }
    }

    /// Takes the final name of `saved` away, a file of this run, if `is_it` says so of what is in it. Returns its path from
    /// then on; none if it has changed since it was saved, or is in a tar that has been uploaded.
    ///
    /// # Errors
    ///
    /// When it does not exist any more ([`ErrorKind::NotFound`]), or cannot be read or moved.
    pub(crate) fn withdraw(
        &self,
        job: &Job,
        saved: &Saved,
        is_it: impl FnOnce(Window) -> io::Result<bool>,
    ) -> io::Result<Option<String>> {
        let _turn = self.journal.turn()?;
        let file = match self.store.files.open(&saved.file) {
            // its tar has been uploaded
            Err(error) if error.kind() == ErrorKind::NotFound && self.store.files.has(saved) => {
                return Ok(None);
            }
            opened => opened?,
        };
        if !self.store.files.has(saved) || !is_it(file)? {
            return Ok(None);
        }
        if let Some(packer) = &self.store.packer {
            let packs = &self.store.files.packs;
            return packer.turn().withdraw(packs, &saved.file);
        }
        self.store.files.set_aside(&saved.file, job.id).map(Some)
    }

    /// Whether a command is run for each file.
    pub(crate) fn has_exec(&self) -> bool {
        self.plan.exec
    }

    /// Whether requests ask if an existing file has changed.
    pub(crate) fn updates(&self) -> bool {
        self.plan.existing == Existing::Update
    }

    /// The file that another process has saved for `job` since this run began.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub(crate) fn saved_meanwhile(&self, job: &Job) -> io::Result<Option<Saved>> {
        self.theirs(&self.journal.turn()?, job)
    }

    /// The file of another link that has the bytes of `saved`.
    pub(super) fn saved_with(&self, saved: &Saved) -> Option<Saved> {
        self.published.lock().by_hash.get(saved).cloned()
    }

    /// Remembers that the link `id` has the file `saved` in a bucket now, which may be that of another link.
    pub(super) fn note_upload(&self, id: u64, saved: &Saved) {
        if self.dedupe == Dedupe::None {
            return;
        }
        let mut published = self.published.lock();
        published.owners.insert((name::key(&saved.file), id));
        if saved.status != Status::Duplicate {
            published.by_hash.insert(saved.clone());
        }
    }

    /// Forgets the file `file`, which is not in the bucket any more.
    pub(super) fn forget_upload(&self, file: &str) {
        self.published.lock().by_hash.remove(file);
    }

    /// Whether links other than `id` have the file `file` in a bucket.
    pub(super) fn has_sharers(&self, file: &str, id: u64) -> bool {
        let key = name::key(file);
        let published = self.published.lock();
        let mut owners = published.owners.range((key, 0)..=(key, u64::MAX));
        let mut earlier = self.store.files.sharers(&self.history, file, id);
        owners.any(|(_, owner)| *owner != id) || earlier.next().is_some()
    }

    fn theirs(&self, turn: &Turn, job: &Job) -> io::Result<Option<Saved>> {
        let fits = |known: &[Checksum]| {
            let checksum = job.checksum();
            checksum.is_none_or(|checksum| known.contains(&checksum))
        };
        turn.saved_by_others(job.id, |saved, known| {
            self.store.files.has(saved) && fits(known)
        })
    }
}

/// One file that gets its final name.
struct Publication<'a> {
    publisher: &'a Publisher,
    turn: Turn<'a>,
    /// Locked to the end, if it matters.
    published: Option<MutexGuard<'a, Published>>,
    job: &'a Job,
    /// The file, except for its name.
    saved: &'a Saved,
}

impl Publication<'_> {
    fn publish(&mut self, part: &mut Part, suggested: Option<&str>) -> io::Result<Saved> {
        let Publisher { plan, dedupe, .. } = self.publisher;
        let (job, saved) = (self.job, self.saved);
        if let Some(existing) = &job.existing
            && !self.is_shared(&existing.saved.file)
            && self.is_ours(existing)
        {
            let file = existing.saved.file.clone();
            return self.give(saved, file, |store, file| store.replace(part, file));
        }
        let names = || job.names(&plan.naming, suggested, saved.sha256.as_deref());
        if let Some(first) = self.same_bytes() {
            let mut same = saved.clone();
            (same.modified, same.inode) = (first.modified, None);
            if *dedupe == Dedupe::Skip {
                same.status = Status::Duplicate;
                return self.give(&same, first.file, |_, _| Ok(()));
            }
            match self.first_free(&same, names(), |store, file| {
                store.files.link(&first.file, file)
            }) {
                Err(error) if has_no_hard_link(&error) => {}
                linked => return linked,
            }
        }
        if let Some(packer) = &self.publisher.store.packer {
            return self.pack(packer, part, suggested);
        }
        let (replaces, mut has_replaced) = (self.publisher.replaces_any(), false);
        let mut saved = self.first_free(saved, names(), |store, file| {
            match store.files.publish(part, file) {
                Err(error) if replaces && error.kind() == ErrorKind::AlreadyExists => {
                    has_replaced = true;
                    store.replace(part, file)
                }
                published => published,
            }
        })?;
        saved.has_replaced = has_replaced;
        Ok(saved)
    }

    /// Records the file with its place in a tar, and puts it there.
    fn pack(&self, packer: &Packer, part: &mut Part, suggested: Option<&str>) -> io::Result<Saved> {
        let (job, naming) = (self.job, &self.publisher.plan.naming);
        let name = job.own_name(naming, suggested, self.saved.sha256.as_deref());
        let mut key = pack::key_of(&name, job.id);
        if self.publisher.history.has_forgotten(job.id) {
            key = self.publisher.store.files.packs.free_key(&key)?;
        }
        let record = |saved: &Saved| job.record(Outcome::Saved(saved.clone()));
        let saved = packer.turn().append(
            (&key, part),
            self.saved,
            |saved| record(saved).to_json_line(),
            |saved| self.turn.append(&record(saved)),
        )?;
        part.remove();
        Ok(saved)
    }

    /// The file of another link with the same bytes, if `--dedupe` asks for it.
    fn same_bytes(&self) -> Option<Saved> {
        let first = self.published.as_ref()?.by_hash.get(self.saved)?;
        let is_there = self.publisher.store.files.has(first);
        is_there.then(|| first.clone())
    }

    /// Records and gives the first of `names` that is free.
    fn first_free(
        &mut self,
        saved: &Saved,
        names: impl Iterator<Item = String>,
        mut act: impl FnMut(&Store, &str) -> io::Result<()>,
    ) -> io::Result<Saved> {
        for file in names {
            if !self.is_taken(saved, &file) {
                match self.give(saved, file, &mut act) {
                    Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                    given => return given,
                }
            }
            let (place, url) = (&self.job.source_line, shown(self.job.url()));
            tracing::info!("{place}: {url}: the file name is taken; using another one");
        }
        unreachable!("`names` is infinite")
    }

    /// Whether this file must not get the name `file`, before anything is recorded. A name that is not free is found when it
    /// is given, and its record is untrue then. That does no harm unless the file that has the name looks the same, which it
    /// may if times come from servers.
    fn is_taken(&self, saved: &Saved, file: &str) -> bool {
        let store = &self.publisher.store;
        if self.publisher.replaces_any() {
            return self.is_shared(file);
        }
        let age = saved.modified.elapsed();
        age.is_ok_and(|age| age >= FRESH) && store.files.is_taken(file)
    }

    /// Whether an existing file is exactly the one that our journal has: in a shared folder, others may have taken the name of
    /// one that was removed, even with the same bytes.
    fn is_ours(&self, existing: &Previous) -> bool {
        let files = &self.publisher.store.files;
        !files.are_shared || !existing.is_outdated && files.has(&existing.saved)
    }

    /// Whether another link has the file `file`, by this run, by another process or by an earlier run.
    fn is_shared(&self, file: &str) -> bool {
        let Publisher { store, history, .. } = self.publisher;
        let Some(published) = &self.published else {
            return false;
        };
        let Published { owners, moved, .. } = &**published;
        let (key, id) = (name::key(file), self.job.id);
        let mut given = owners.range((key, 0)..=(key, u64::MAX));
        let mut earlier = store.files.sharers(history, file, id);
        given.any(|(_, owner)| *owner != id)
            || self.turn.is_of_others(file, id)
            || earlier.any(|owner| !moved.contains(&owner))
    }

    /// Records that the file is named `file`, then runs `act` to give it that name.
    fn give(
        &mut self,
        saved: &Saved,
        file: String,
        act: impl FnOnce(&Store, &str) -> io::Result<()>,
    ) -> io::Result<Saved> {
        let mut saved = saved.clone();
        saved.file = file;
        saved.kept = self.kept().filter(|kept| *kept != saved.file);
        let mut record = self.job.record(Outcome::Saved(saved.clone()));
        // replaced when the command has run; if that never happens, the next run runs it
        let exec = self.publisher.plan.exec;
        record.exec_error = exec.then(|| "the command has not been run yet".to_owned());
        self.turn.append(&record)?;
        act(&self.publisher.store, &saved.file)?;
        Ok(saved)
    }

    /// The earlier file of the link that somebody has changed.
    fn kept(&self) -> Option<String> {
        let (history, id) = (&self.publisher.history, self.job.id);
        let last = || history.last_of(id).or(history.last_forgotten(id).cloned());
        let last = self.job.keeps_changed.then(last)?;
        last.map(|last| last.saved.file)
    }

    /// Remembers that the link has the file `saved` now.
    fn note(&mut self, saved: &Saved) {
        let Some(published) = &mut self.published else {
            return;
        };
        if self.publisher.dedupe != Dedupe::None && saved.status != Status::Duplicate {
            published.by_hash.insert(saved.clone());
        }
        let (existing, job) = (self.publisher.plan.existing, self.job);
        // otherwise, no link can replace it in this run
        let is_at_risk = match existing {
            Existing::Keep => false,
            Existing::Update => saved.status == Status::Duplicate,
            Existing::Overwrite => true,
        };
        if is_at_risk {
            let key = name::key(&saved.file);
            published.owners.insert((key, job.id));
        }
        let existing = job.existing.as_ref();
        if existing.is_some_and(|existing| existing.saved.file != saved.file) {
            published.moved.insert(job.id);
        }
    }
}
