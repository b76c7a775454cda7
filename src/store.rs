//! The output folder: finished files, partials, the journal, and how a file gets its final name.
//!
//! ```text
//! output/
//!   paper.pdf                 complete and checked
//!   .fetchpdf/journal.jsonl   one record per line
//!   .fetchpdf/journal.lock    held by the process that is about to append
//!   .fetchpdf/blocked/        what looked like files of links, but was sent for all of them
//!   .fetchpdf/parts/          transfers under way, and partials of those that broke off
//! ```
//!
//! Nothing gets a final name before it is checked, and an existing file is replaced only on request. Knows nothing of HTTP.

mod archive;
mod history;
mod journal;
mod leftover;
mod part;
mod publish;
mod saved_line;
mod strays;

use std::collections::HashSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::outcome::{Saved, nanoseconds};
use crate::plan::name;
use crate::system::folder::{Folder, Purpose};
pub(crate) use archive::Archive;
pub use history::{Detail, History};
pub(crate) use journal::{Journal, open_journal};
pub(crate) use leftover::clear_leftovers;
pub(crate) use part::{Origin, PIECE, Part, Partial, Pieces};
pub(crate) use publish::{Dedupe, Publisher};
pub(crate) use saved_line::{SavedLine, each_saved};

/// The folder for parts.
const PARTS: &str = ".fetchpdf/parts";

/// The folder for files that have lost their final names: see [`Publisher::withdraw`].
const BLOCKED: &str = ".fetchpdf/blocked";

/// The path of the journal in the output folder.
const JOURNAL: &str = ".fetchpdf/journal.jsonl";

/// The file whose lock is that of the journal.
const LOCK: &str = ".fetchpdf/journal.lock";

/// A body of up to this many bytes needs no named part: fetching it again is as quick as resuming it.
const SMALL: u64 = 1024 * 1024;

/// The path of the journal of an output folder.
pub(crate) fn journal_of(output: &Path) -> PathBuf {
    output.join(JOURNAL)
}

/// The files in an output folder, for looking at them.
#[derive(Debug)]
pub(crate) struct Files(Folder);

impl Files {
    /// Those in `output`, which need not exist.
    pub(crate) fn of(output: &Path) -> Self {
        Self(Folder::at(output))
    }

    /// Whether a file still exists as it was saved, judged by its length and modification time.
    pub(crate) fn has(&self, saved: &Saved) -> bool {
        self.0.file(&saved.file).is_some_and(|found| {
            // the journal has no times before 1970, nor long after, which some servers report
            let times = (nanoseconds(found.modified), nanoseconds(saved.modified));
            found.length == saved.bytes && times.0 == times.1
        })
    }

    /// Takes over what a command of the user has made of the file `saved`, which stays the file of its link.
    pub(crate) fn look_again(&self, saved: &mut Saved) {
        if let Some(found) = self.0.file(&saved.file)
            && !self.has(saved)
        {
            (saved.bytes, saved.modified) = (found.length, found.modified);
            (saved.inode, saved.sha256) = (found.inode(), None);
        }
    }

    /// Whether anything has the name `file`.
    fn is_taken(&self, file: &str) -> bool {
        self.0.is_taken(file)
    }

    /// Whether two names that may differ in case lead to the same file.
    fn is_same(&self, file: &str, other: &str) -> bool {
        let identity = |file| Some(self.0.file(file)?.identity);
        file == other || identity(file) == identity(other)
    }

    /// The links other than `id` that have the file `file` according to `history`.
    fn sharers<'a>(
        &'a self,
        history: &'a History,
        file: &'a str,
        id: u64,
    ) -> impl Iterator<Item = u64> + 'a {
        let sharers = history.sharers(file, id, |saved| self.has(saved));
        let same = sharers.filter(|(_, saved)| self.is_same(&saved.file, file));
        same.map(|(other, _)| other)
    }
}

/// An output folder to save files in.
#[derive(Debug)]
pub(crate) struct Store {
    folder: Folder,
    files: Files,
    parts: Folder,
    /// The names in `parts` when the store was opened.
    left_over: HashSet<String>,
    /// Whether the file system has unnamed files.
    unnamed: bool,
}

impl Store {
    /// Opens an output folder, and creates it if it does not exist.
    ///
    /// # Errors
    ///
    /// When it is not a folder, when it cannot be written, or when its state folder is a symbolic link.
    pub(crate) fn open(output: &Path) -> io::Result<Self> {
        fs::create_dir_all(output)?;
        let folder = Folder::at(output);
        let parts = folder.create(PARTS)?;
        Ok(Self {
            // also fails early, and not once per link, if the folder cannot be written
            unnamed: folder.has_unnamed_files()?,
            left_over: parts.names()?.into_iter().collect(),
            parts,
            files: Files(folder.clone()),
            folder,
        })
    }

    /// Whether a file still exists as it was saved, judged by its length and modification time.
    fn has(&self, saved: &Saved) -> bool {
        self.files.has(saved)
    }

    /// Opens the file `file` for reading.
    fn open_file(&self, file: &str) -> io::Result<File> {
        self.folder.open(file, Purpose::Read)
    }

    /// The journal, of which `history` has been read.
    ///
    /// # Errors
    ///
    /// When it cannot be created, read or written, or is not a regular file with one name but, for example, a symbolic link.
    pub(crate) fn journal(&self, history: &History) -> io::Result<Journal> {
        Journal::open(&self.folder, history)
    }

    /// The partial of the transfer `id`, from an earlier run, or from an earlier attempt of this run if it is tried `again`.
    ///
    /// # Errors
    ///
    /// When another process has locked it ([`io::ErrorKind::WouldBlock`]), or when it cannot be opened.
    pub(crate) fn unfinished(&self, id: u64, again: bool) -> io::Result<Option<Part>> {
        let left = self.left_over.contains(&part::file_name(id))
            || again && self.part_length(id).is_some();
        left.then(|| self.named(id)).transpose()
    }

    /// The named part of the transfer `id`, with what it contains.
    ///
    /// # Errors
    ///
    /// When another process has locked it ([`io::ErrorKind::WouldBlock`]), or when it cannot be opened.
    pub(crate) fn named(&self, id: u64) -> io::Result<Part> {
        Part::named(&self.parts, id)
    }

    /// An empty part with this `origin`, for a body of `length` bytes if that is known.
    ///
    /// # Errors
    ///
    /// When another process has locked it ([`io::ErrorKind::WouldBlock`]), or when it cannot be created.
    pub(crate) fn create(
        &self,
        id: u64,
        length: Option<u64>,
        origin: Option<Origin>,
    ) -> io::Result<Part> {
        let small = length.is_some_and(|length| length <= SMALL);
        let mut part = if small && self.unnamed {
            Part::unnamed(&self.folder)?
        } else {
            self.named(id)?
        };
        part.restart(origin)?;
        Ok(part)
    }

    /// The length in bytes of the named part of the transfer `id`, whichever process writes it.
    pub(crate) fn part_length(&self, id: u64) -> Option<u64> {
        Some(self.parts.file(&part::file_name(id))?.length)
    }

    /// Gives a sealed part the final name `file`.
    ///
    /// # Errors
    ///
    /// When the name is taken ([`io::ErrorKind::AlreadyExists`]) or cannot be given. The part is unchanged then.
    pub(crate) fn publish(&self, part: &mut Part, file: &str) -> io::Result<()> {
        let folder = &self.folder;
        folder.with_parent(file, || part.publish(folder, file))
    }

    /// Gives a sealed part the final name `file`, and replaces the file that has it.
    ///
    /// # Errors
    ///
    /// When the name cannot be given. Both are unchanged then.
    pub(crate) fn replace(&self, part: &mut Part, file: &str) -> io::Result<()> {
        let (folder, parts) = (&self.folder, &self.parts);
        folder.with_parent(file, || part.replace(parts, folder, file))
    }

    /// Takes the final name of `file` away, that of the link `id`. Returns its path from then on.
    ///
    /// # Errors
    ///
    /// When it cannot be moved.
    fn set_aside(&self, file: &str, id: u64) -> io::Result<String> {
        let (folder, name) = match file.rsplit_once('/') {
            None => (self.folder.clone(), file),
            Some((folders, name)) => (self.folder.below(folders)?, name),
        };
        let aside = name::with_suffix(name, &format!("-{:08x}", id >> 32));
        folder.rename(name, &self.folder.create(BLOCKED)?, &aside)?;
        Ok(format!("{BLOCKED}/{aside}"))
    }

    /// Makes `file` another name of the file `of`.
    ///
    /// # Errors
    ///
    /// When the name is taken ([`io::ErrorKind::AlreadyExists`]) or cannot be given.
    pub(crate) fn link(&self, of: &str, file: &str) -> io::Result<()> {
        let folder = &self.folder;
        folder.with_parent(file, || folder.hard_link(of, folder, file))
    }
}
