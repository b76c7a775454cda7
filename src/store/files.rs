//! The files of an output folder under their final names.
//!
//! This is all that the program asks of the place where files end up: to look at them, to give a name that is free, to replace
//! what has a name, and to take a name away. Parts, the journal and checks are in the state folder, and know nothing of it.

use std::fs::File;
use std::io;

use super::{BLOCKED, History, Layout, Part};
use crate::outcome::{Saved, nanoseconds};
use crate::plan::name;
use crate::system::folder::{Folder, Found, Purpose};

/// The files of an output folder, which need not exist for looking at them.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    pub(super) folder: Folder,
    /// Whether others may have files there of which our journal knows nothing.
    pub(super) are_shared: bool,
}

impl Files {
    /// Those in the output folder of `layout`.
    pub(crate) fn of(layout: &Layout) -> Self {
        Self {
            folder: layout.output_folder(),
            are_shared: layout.is_shared(),
        }
    }

    /// The file `file`, if it exists.
    pub(crate) fn find(&self, file: &str) -> Option<Found> {
        self.folder.file(file)
    }

    /// Opens the file `file` for reading.
    ///
    /// # Errors
    ///
    /// When it does not exist, or cannot be read.
    pub(crate) fn open(&self, file: &str) -> io::Result<File> {
        self.folder.open(file, Purpose::Read)
    }

    /// Whether a file still exists as it was saved, judged by its length and modification time.
    pub(crate) fn has(&self, saved: &Saved) -> bool {
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
        self.folder.is_taken(file)
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
        let folder = &self.folder;
        folder.with_parent(file, || part.publish(folder, file))
    }

    /// Makes `file` another name of the file `of`.
    ///
    /// # Errors
    ///
    /// When the name is taken ([`io::ErrorKind::AlreadyExists`]) or cannot be given.
    pub(super) fn link(&self, of: &str, file: &str) -> io::Result<()> {
        let folder = &self.folder;
        folder.with_parent(file, || folder.hard_link(of, folder, file))
    }

    /// Takes the final name of `file` away, that of the link `id`. Returns its path from then on.
    ///
    /// # Errors
    ///
    /// When it cannot be moved.
    pub(super) fn set_aside(&self, file: &str, id: u64) -> io::Result<String> {
        let (folder, name) = match file.rsplit_once('/') {
            None => (self.folder.clone(), file),
            Some((folders, name)) => (self.folder.below(folders)?, name),
        };
        let aside = name::with_suffix(name, &format!("-{:08x}", id >> 32));
        folder.rename(name, &self.folder.create(BLOCKED)?, &aside)?;
        Ok(format!("{BLOCKED}/{aside}"))
    }
}
