//! The output folder: what is in it, what is under way, and how a file gets its final name.
//!
//! ```text
//! output/
//!   paper.pdf                 whole and checked
//!   .fetchpdf/journal.jsonl   one line a link
//!   .fetchpdf/parts/          transfers under way, and what is left of those that broke off
//! ```
//!
//! Nothing gets a final name before it is proven, and nothing that is there is ever replaced. Knows nothing of HTTP.

mod part;
mod system;

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use crate::outcome::Saved;
pub use part::{Held, Origin, Part};

/// The folder for what is not a result, in the output folder.
const STATE: &str = ".fetchpdf";

/// A body of at most so many bytes is not worth a named part: it is fetched again sooner than resumed.
const SMALL: u64 = 1024 * 1024;

/// The path of the journal of an output folder.
#[must_use]
pub fn journal_of(output: &Path) -> PathBuf {
    output.join(STATE).join("journal.jsonl")
}

/// An output folder.
#[derive(Debug)]
pub struct Store {
    output: PathBuf,
    parts: PathBuf,
    left_over: HashSet<String>,
    unnamed: AtomicBool,
}

impl Store {
    /// Opens an output folder, and creates what is missing of it.
    ///
    /// # Errors
    ///
    /// When it is no folder or cannot be written, or when the state folder in it is a symbolic link.
    pub fn open(output: &Path) -> io::Result<Self> {
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
        let left_over = fs::read_dir(&parts)?
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .collect();
        Ok(Self {
            output: output.to_owned(),
            parts,
            left_over,
            unnamed: AtomicBool::new(system::may_have_unnamed_files()),
        })
    }

    /// Whether a file is here as it was saved, by its length and modification time.
    #[must_use]
    pub fn has(&self, saved: &Saved) -> bool {
        fs::symlink_metadata(self.output.join(&saved.file)).is_ok_and(|found| {
            found.is_file()
                && found.len() == saved.bytes
                && found.modified().is_ok_and(|time| time == saved.modified)
        })
    }

    /// What an earlier run has left of the transfer with this `id`.
    ///
    /// # Errors
    ///
    /// When another process is working on it ([`io::ErrorKind::WouldBlock`]), or when it cannot be opened.
    pub fn unfinished(&self, id: u64) -> io::Result<Option<Part>> {
        let left = self.left_over.contains(&part::file_name(id));
        left.then(|| Part::named(&self.parts, id)).transpose()
    }

    /// An empty part for a body of `length` bytes, if that is known, which will belong to `origin`.
    ///
    /// # Errors
    ///
    /// When another process is working on the same link ([`io::ErrorKind::WouldBlock`]), or when it cannot be created.
    pub fn create(&self, id: u64, length: Option<u64>, origin: Option<Origin>) -> io::Result<Part> {
        let mut part = self.create_file(id, length)?;
        part.restart(origin)?;
        Ok(part)
    }

    /// Gives a sealed part the final name `file`.
    ///
    /// # Errors
    ///
    /// When that name is taken ([`io::ErrorKind::AlreadyExists`]) or cannot be given; the part is as before then.
    pub fn publish(&self, part: &mut Part, file: &str) -> io::Result<()> {
        part.publish(&self.output.join(file))
    }

    fn create_file(&self, id: u64, length: Option<u64>) -> io::Result<Part> {
        let small = length.is_some_and(|length| length <= SMALL);
        if small && self.unnamed.load(Relaxed) {
            match Part::unnamed(&self.output) {
                Err(error) if system::lacks_unnamed_files(&error) => {
                    self.unnamed.store(false, Relaxed);
                }
                part => return part,
            }
        }
        Part::named(&self.parts, id)
    }
}
