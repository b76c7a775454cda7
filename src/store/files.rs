//! The files of a run under their final names, and the place where they are.
//!
//! This is all that the program asks of the place where files end up: to look at them, to give a name that is free, to replace
//! what has a name, and to take a name away. Parts, the journal and checks are in the state folder, and know nothing of it.
//!
//! A folder does all of that at once, and is asked while the journal has its [turn](super::journal::Turn). A bucket takes its
//! time: it has what the journal says, and gets files when their hosts need not wait any more: see [`uploads`](super::uploads).

use std::io;
use std::sync::Arc;

use super::pack::{self, Packs, Window};
use super::{BLOCKED, History, Layout, Part};
use crate::outcome::{Saved, nanoseconds};
use crate::plan::name;
use crate::system::folder::{Folder, Found, Purpose};

/// The files of a run, which need not exist for looking at them.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    /// None if they are in a bucket.
    folder: Option<Folder>,
    /// Whether others may have files there of which our journal knows nothing.
    pub(super) are_shared: bool,
    /// Those that are in tars.
    pub(super) packs: Arc<Packs>,
}

impl Files {
    /// Those of `layout`.
    pub(crate) fn of(layout: &Layout) -> Self {
        Self {
            folder: layout.output_folder(),
            are_shared: layout.is_shared(),
            packs: Arc::new(Packs::of(layout)),
        }
    }

    /// The folder that they are in; none if they are in a bucket.
    pub(super) fn folder(&self) -> Option<&Folder> {
        self.folder.as_ref()
    }

    fn in_folder(&self) -> io::Result<&Folder> {
        self.folder().ok_or(io::ErrorKind::Unsupported.into())
    }

    /// The file `file`, if it exists in a folder.
    pub(crate) fn find(&self, file: &str) -> Option<Found> {
        self.packs.found(file).or_else(|| self.folder()?.file(file))
    }

    /// Whether `file` is in a tar that has not been uploaded yet.
    pub(crate) fn are_in_open_tar(&self, file: &str) -> bool {
        self.folder().is_none() && self.packs.are_here(file)
    }

    /// Where `file` begins in its tar; none if there is no such tar, or it does not have it.
    pub(crate) fn offset(&self, file: &str) -> Option<u64> {
        self.packs.offset(file).map(Into::into)
    }

    /// Opens the file `file` for reading.
    ///
    /// # Errors
    ///
    /// When it does not exist, or cannot be read.
    pub(crate) fn open(&self, file: &str) -> io::Result<Window> {
        if self.packs.found(file).is_some() {
            return self.packs.open(file);
        }
        Window::whole(self.in_folder()?.open(file, Purpose::Read)?)
    }

    /// Whether a file still exists as it was saved, judged by its length and modification time. A bucket is not asked, and
    /// what is in its tars is known here.
    pub(crate) fn has(&self, saved: &Saved) -> bool {
        if self.folder().is_none() && pack::split(&saved.file).is_none() {
            return true;
        }
        self.find(&saved.file).is_some_and(|found| {
            // the journal has no times before 1970, nor long after, which some servers report
            let times = (nanoseconds(found.modified), nanoseconds(saved.modified));
            found.length == saved.bytes && times.0 == times.1
        })
    }

    /// Takes over what a command of the user has made of the file `saved`, which stays the file of its link.
    pub(crate) fn look_again(&self, saved: &mut Saved) {
        if let Some(found) = self.find(&saved.file)
            && !self.has(saved)
        {
            (saved.bytes, saved.modified) = (found.length, found.modified);
            (saved.inode, saved.sha256) = (found.inode(), None);
        }
    }

    /// Whether anything has the name `file`.
    pub(crate) fn is_taken(&self, file: &str) -> bool {
        let is_file = self.folder().is_some_and(|folder| folder.is_taken(file));
        is_file || self.packs.found(file).is_some()
    }

    /// Whether two names that may differ in case lead to the same file.
    fn is_same(&self, file: &str, other: &str) -> bool {
        let identity = |file| Some(self.find(file)?.identity);
        file == other || identity(file) == identity(other)
    }

    /// The links other than `id` that have the file `file` according to `history`.
    pub(super) fn sharers<'a>(
        &'a self,
        history: &'a History,
        file: &'a str,
        id: u64,
    ) -> impl Iterator<Item = u64> + 'a {
        let sharers = history.sharers(file, id, |saved| self.has(saved));
        let same = sharers.filter(|(_, saved)| self.is_same(&saved.file, file));
        same.map(|(other, _)| other)
    }

    /// Gives a sealed part the final name `file`.
    ///
    /// # Errors
    ///
    /// When the name is taken ([`io::ErrorKind::AlreadyExists`]) or cannot be given. The part is unchanged then.
    pub(super) fn publish(&self, part: &mut Part, file: &str) -> io::Result<()> {
        let folder = self.in_folder()?;
        folder.with_parent(file, || part.publish(folder, file))
    }

    /// Makes `file` another name of the file `of`.
    ///
    /// # Errors
    ///
    /// When the name is taken ([`io::ErrorKind::AlreadyExists`]) or cannot be given.
    pub(super) fn link(&self, of: &str, file: &str) -> io::Result<()> {
        let folder = self.in_folder()?;
        folder.with_parent(file, || folder.hard_link(of, folder, file))
    }

    /// Takes the final name of `file` away, that of the link `id`. Returns its path from then on.
    ///
    /// # Errors
    ///
    /// When it cannot be moved.
    pub(super) fn set_aside(&self, file: &str, id: u64) -> io::Result<String> {
        let root = self.in_folder()?;
        let (folder, name) = match file.rsplit_once('/') {
            None => (root.clone(), file),
            Some((folders, name)) => (root.below(folders)?, name),
        };
        let aside = name_aside(name, id);
        folder.rename(name, &root.create(BLOCKED)?, &aside)?;
        Ok(format!("{BLOCKED}/{aside}"))
    }
}

/// The name of a file of the link `id` from which its final `name` is taken away.
pub(super) fn name_aside(name: &str, id: u64) -> String {
    name::with_suffix(name, &format!("-{:08x}", id >> 32))
}
