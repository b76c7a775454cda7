//! The output folder: finished files, partials, the journal, and how a file gets its final name.
//!
//! ```text
//! output/
//!   paper.pdf                 complete and checked
//!   .fetchpdf/journal.jsonl   one record per line
//!   .fetchpdf/parts/          transfers under way, and partials of those that broke off
//! ```
//!
//! Nothing gets a final name before it is checked, and an existing file is replaced only on request. Knows nothing of HTTP.

mod history;
mod journal;
mod part;
mod publish;

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::digest::Checksum;
use crate::outcome::{Saved, nanoseconds};
use crate::plan::{Inventory, Previous};
use crate::system::files;
pub use history::{Detail, History};
pub(crate) use history::{SavedLine, each_saved};
pub(crate) use journal::Journal;
pub(crate) use part::{Origin, Part, Partial};
pub(crate) use publish::{Dedupe, Publisher};

/// The folder in the output folder for everything that is not a result.
const STATE: &str = ".fetchpdf";

/// A body of up to this many bytes needs no named part: fetching it again is as quick as resuming it.
const SMALL: u64 = 1024 * 1024;

/// The path of the journal of an output folder.
pub(crate) fn journal_of(output: &Path) -> PathBuf {
    output.join(STATE).join("journal.jsonl")
}

/// An output folder.
#[derive(Debug)]
pub(crate) struct Store {
    output: PathBuf,
    folder: files::Folder,
    parts: PathBuf,
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
        let mut store = Self::look(output);
        for folder in [&output.join(STATE), &store.parts] {
            match fs::create_dir(folder) {
                Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            }
            if !fs::symlink_metadata(folder)?.is_dir() {
                return Err(not_a_folder(folder));
            }
        }
        // also fails early, and not once per link, if the folder cannot be written
        store.unnamed = files::has_unnamed_files(output)?;
        store.left_over = fs::read_dir(&store.parts)?
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .collect();
        Ok(store)
    }

    /// An output folder for reading only. It need not exist.
    pub(crate) fn look(output: &Path) -> Self {
        Self {
            output: output.to_owned(),
            folder: files::Folder::new(output),
            parts: output.join(STATE).join("parts"),
            left_over: HashSet::new(),
            unnamed: false,
        }
    }

    /// Whether a file still exists as it was saved, judged by its length and modification time.
    pub(crate) fn has(&self, saved: &Saved) -> bool {
        self.folder.file(&saved.file).is_some_and(|found| {
            // the journal has no times before 1970, which some servers report
            let time = |modified| nanoseconds(modified);
            found.length == saved.bytes && time(found.modified) == time(saved.modified)
        })
    }

    /// Whether anything has the name `file`.
    fn is_taken(&self, file: &str) -> bool {
        self.output.join(file).symlink_metadata().is_ok()
    }

    /// Whether two names that may differ in case lead to the same file.
    fn is_same(&self, file: &str, other: &str) -> bool {
        file == other
            || self.folder.file(file).is_some_and(|found| {
                self.folder
                    .file(other)
                    .is_some_and(|other| found.identity == other.identity)
            })
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
            Part::unnamed(&self.output)?
        } else {
            self.named(id)?
        };
        part.restart(origin)?;
        Ok(part)
    }

    /// The length in bytes of the named part of the transfer `id`, whichever process writes it.
    pub(crate) fn part_length(&self, id: u64) -> Option<u64> {
        let path = self.parts.join(part::file_name(id));
        Some(fs::symlink_metadata(path).ok()?.len())
    }

    /// Gives a sealed part the final name `file`.
    ///
    /// # Errors
    ///
    /// When the name is taken ([`io::ErrorKind::AlreadyExists`]) or cannot be given. The part is unchanged then.
    pub(crate) fn publish(&self, part: &mut Part, file: &str) -> io::Result<()> {
        self.in_folder(file, |target| part.publish(target))
    }

    /// Gives a sealed part the final name `file`, and replaces the file that has it.
    ///
    /// # Errors
    ///
    /// When the name cannot be given. Both are unchanged then.
    pub(crate) fn replace(&self, part: &mut Part, file: &str) -> io::Result<()> {
        self.in_folder(file, |target| part.replace(&self.parts, target))
    }

    /// Makes `file` another name of the file `of`.
    ///
    /// # Errors
    ///
    /// When the name is taken ([`io::ErrorKind::AlreadyExists`]) or cannot be given.
    pub(crate) fn link(&self, of: &str, file: &str) -> io::Result<()> {
        self.in_folder(file, |target| fs::hard_link(self.output.join(of), target))
    }

    /// Runs `act` on the path of `file`, and again after creating its folder if that does not exist.
    fn in_folder(
        &self,
        file: &str,
        mut act: impl FnMut(&Path) -> io::Result<()>,
    ) -> io::Result<()> {
        let target = self.output.join(file);
        match act(&target) {
            Err(error) if error.kind() == ErrorKind::NotFound && file.contains('/') => {}
            done => return done,
        }
        let folder = target.parent().expect("it is in the output folder");
        match fs::create_dir_all(folder) {
            // a file is in the way, and no other file name in this folder would help
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(not_a_folder(folder)),
            created => created.and_then(|()| act(&target)),
        }
    }
}

fn not_a_folder(path: &Path) -> io::Error {
    let message = format!("`{}` is not a folder", path.display());
    io::Error::new(ErrorKind::NotADirectory, message)
}

/// An output folder and what earlier runs saved in it.
#[derive(Debug)]
pub(crate) struct Archive {
    /// The folder.
    pub store: Store,
    /// The files in its journal.
    pub history: Arc<History>,
}

impl Inventory for Archive {
    fn previous(&self, id: u64) -> Option<Previous> {
        self.history.find(id, |saved| self.store.has(saved))
    }

    fn is_of_another(&self, name: &str, id: u64) -> bool {
        self.store.sharers(&self.history, name, id).next().is_some()
    }

    fn awaits_exec(&self, id: u64) -> bool {
        self.history.awaits_exec(id)
    }

    fn file(&self, name: String) -> Option<Saved> {
        let found = self.store.folder.file(&name)?;
        (found.length > 0).then(|| Saved::present(name, found.length, found.modified))
    }

    fn matches(&self, saved: &Saved, checksum: Checksum) -> bool {
        let mut hash = Sha256::new();
        let read = File::open(self.store.output.join(&saved.file))
            .and_then(|file| part::each_block(&file, |block| hash.update(block)));
        read.is_ok() && checksum.is(&hash.finalize())
    }
}
