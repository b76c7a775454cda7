//! The output folder: what is in it, what is under way, and how a file gets its final name.
//!
//! ```text
//! output/
//!   paper.pdf                 whole and checked
//!   .fetchpdf/journal.jsonl   one line a link
//!   .fetchpdf/parts/          transfers under way, and what is left of those that broke off
//! ```
//!
//! Nothing gets a final name before it is proven, and what is there is replaced only where that is asked for.
//! Knows nothing of HTTP.

mod history;
mod journal;
mod part;
mod publish;

use std::collections::HashSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::digest::Checksum;
use crate::outcome::{Saved, Status};
use crate::plan::{Inventory, Previous};
use crate::system::files;
pub use history::{Detail, History};
pub(crate) use history::{SavedLine, each_saved};
pub(crate) use journal::Journal;
pub(crate) use part::{Origin, Part, Partial};
pub(crate) use publish::{Dedupe, Publisher};

/// The folder for what is not a result, in the output folder.
const STATE: &str = ".fetchpdf";

/// A body of at most so many bytes is not worth a named part: it is fetched again sooner than resumed.
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
    left_over: HashSet<String>,
    unnamed: bool,
}

impl Store {
    /// Opens an output folder, and creates what is missing of it.
    ///
    /// # Errors
    ///
    /// When it is no folder or cannot be written, or when the state folder in it is a symbolic link.
    pub(crate) fn open(output: &Path) -> io::Result<Self> {
        let state = output.join(STATE);
        let parts = state.join("parts");
        fs::create_dir_all(output)?;
        for folder in [&state, &parts] {
            match fs::create_dir(folder) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            }
            if !fs::symlink_metadata(folder)?.is_dir() {
                let message = format!("`{}` is not a folder", folder.display());
                return Err(io::Error::new(io::ErrorKind::NotADirectory, message));
            }
        }
        Self::ready(output, parts)
    }

    /// An output folder as it is, which may be missing: for looking only.
    pub(crate) fn look(output: &Path) -> Self {
        Self {
            output: output.to_owned(),
            folder: files::Folder::new(output),
            parts: output.join(STATE).join("parts"),
            left_over: HashSet::new(),
            unnamed: false,
        }
    }

    fn ready(output: &Path, parts: PathBuf) -> io::Result<Self> {
        let mut unnamed = files::may_have_unnamed_files();
        if unnamed {
            match Part::unnamed(output) {
                Err(error) if files::lacks_unnamed_files(&error) => unnamed = false,
                // a folder that cannot be written: better said now than for each link
                tried => drop(tried?),
            }
        }
        let left_over = fs::read_dir(&parts)?
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .collect();
        Ok(Self {
            output: output.to_owned(),
            folder: files::Folder::new(output),
            parts,
            left_over,
            unnamed,
        })
    }

    /// Whether a file is here as it was saved, by its length and modification time.
    pub(crate) fn has(&self, saved: &Saved) -> bool {
        let found = self.folder.file(&saved.file);
        found.is_some_and(|found| (found.length, found.modified) == (saved.bytes, saved.modified))
    }

    /// The file of this name, if it is here and not empty, whoever put it there.
    pub(crate) fn file(&self, name: String) -> Option<Saved> {
        let found = self.folder.file(&name)?;
        (found.length > 0).then_some(Saved {
            status: Status::Present,
            file: name,
            bytes: found.length,
            modified: found.modified,
            sha256: None,
            suspect: None,
            answer: None,
        })
    }

    /// Whether a file has this checksum.
    pub(crate) fn matches(&self, saved: &Saved, checksum: Checksum) -> bool {
        let mut hash = Sha256::new();
        let copied = File::open(self.output.join(&saved.file))
            .and_then(|mut file| io::copy(&mut file, &mut Hashing(&mut hash)));
        copied.is_ok() && checksum.is(&hash.finalize())
    }

    /// What an earlier run has left of the transfer with this `id`, or an earlier try of this run if it is tried `again`.
    ///
    /// # Errors
    ///
    /// When another process is working on it ([`io::ErrorKind::WouldBlock`]), or when it cannot be opened.
    pub(crate) fn unfinished(&self, id: u64, again: bool) -> io::Result<Option<Part>> {
        let left = self.left_over.contains(&part::file_name(id))
            || again && self.part_length(id).is_some();
        left.then(|| self.named(id)).transpose()
    }

    /// The part with a name of the transfer with this `id`, with what is in it.
    ///
    /// # Errors
    ///
    /// When another process is working on it ([`io::ErrorKind::WouldBlock`]), or when it cannot be opened.
    pub(crate) fn named(&self, id: u64) -> io::Result<Part> {
        Part::named(&self.parts, id)
    }

    /// An empty part for a body of `length` bytes, if that is known, which will belong to `origin`.
    ///
    /// # Errors
    ///
    /// When another process is working on the same link ([`io::ErrorKind::WouldBlock`]), or when it cannot be created.
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

    /// How many bytes the part with this `id` has, whoever works on it.
    pub(crate) fn part_length(&self, id: u64) -> Option<u64> {
        Some(
            fs::symlink_metadata(self.parts.join(part::file_name(id)))
                .ok()?
                .len(),
        )
    }

    /// Gives a sealed part the final name `file`.
    ///
    /// # Errors
    ///
    /// When that name is taken ([`io::ErrorKind::AlreadyExists`]) or cannot be given; the part is as before then.
    pub(crate) fn publish(&self, part: &mut Part, file: &str) -> io::Result<()> {
        self.in_folder(file, |target| part.publish(target))
    }

    /// Gives a sealed part the final name `file`, and takes it from whatever has it.
    ///
    /// # Errors
    ///
    /// When it cannot be given; both are as before then.
    pub(crate) fn replace(&self, part: &mut Part, file: &str) -> io::Result<()> {
        self.in_folder(file, |target| part.replace(&self.parts, target))
    }

    /// Gives the file `of` one more name.
    ///
    /// # Errors
    ///
    /// When that name is taken ([`io::ErrorKind::AlreadyExists`]) or cannot be given.
    pub(crate) fn link(&self, of: &str, file: &str) -> io::Result<()> {
        self.in_folder(file, |target| fs::hard_link(self.output.join(of), target))
    }

    /// Does something with the path of `file`, and creates the folders that it needs and has not.
    fn in_folder(
        &self,
        file: &str,
        mut act: impl FnMut(&Path) -> io::Result<()>,
    ) -> io::Result<()> {
        let target = self.output.join(file);
        match (act(&target), target.parent()) {
            (Err(error), Some(folder))
                if error.kind() == io::ErrorKind::NotFound && file.contains('/') =>
            {
                match fs::create_dir_all(folder) {
                    // a file has the name of the folder, and no other name of this file would change that
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                        let message = format!("`{}` is not a folder", folder.display());
                        return Err(io::Error::new(io::ErrorKind::NotADirectory, message));
                    }
                    created => created?,
                }
                act(&target)
            }
            (done, _) => done,
        }
    }
}

/// An output folder and what earlier runs have left in it.
#[derive(Debug)]
pub(crate) struct Archive {
    /// The folder.
    pub store: Store,
    /// What its journal says.
    pub history: History,
}

impl Inventory for Archive {
    fn previous(&self, id: u64) -> Option<Previous> {
        self.history.find(id, |saved| self.store.has(saved))
    }

    fn awaits_exec(&self, id: u64) -> bool {
        self.history.awaits_exec(id)
    }

    fn file(&self, name: String) -> Option<Saved> {
        self.store.file(name)
    }

    fn matches(&self, saved: &Saved, checksum: Checksum) -> bool {
        self.store.matches(saved, checksum)
    }
}

/// A place for bytes of which only the hash is wanted.
struct Hashing<'a>(&'a mut Sha256);

impl io::Write for Hashing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
