//! The output folder and the state folder: finished files, partials, the journal, and how a file gets its final name.
//!
//! ```text
//! output/
//!   paper.pdf                 complete and checked
//!   .fetchpdf/                the state folder, unless it is elsewhere
//!     journal.jsonl           one record per line
//!     lookups.jsonl           what sources have answered about identifiers
//!     journal.lock            held by the process that is about to append
//!     tars/                   tars that are not full yet: see [`pack`]
//!     parts/                  transfers under way, and partials of those that broke off
//!   .fetchpdf/blocked/        what looked like files of links, but was sent for all of them
//! ```
//!
//! Nothing gets a final name before it is checked, and an existing file is replaced only on request. Only [`Files`] knows what
//! final names are given by. Knows nothing of HTTP.

mod answers;
mod archive;
mod exposed;
mod files;
mod history;
mod journal;
mod layout;
mod leftover;
mod pack;
mod part;
mod publish;
mod saved_line;
mod segment;
mod segments;
mod staging;
mod strays;
mod uploads;

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::time::SystemTime;

use crate::system::folder::Folder;
pub(crate) use answers::Answers;
pub(crate) use archive::Archive;
pub(crate) use exposed::Exposed;
pub(crate) use files::Files;
pub use history::{Detail, History};
pub(crate) use journal::{Journal, open_journal};
pub(crate) use layout::Layout;
pub(crate) use leftover::clear_leftovers;
pub(crate) use pack::{
    DEFAULT_SIZE, Packing, Remote, Window, object_of, publish_tars, tell_of_tars,
};
use pack::{Outlet, Packer, TARS};
pub(crate) use part::{Origin, PIECE, Part, Partial, Pieces};
pub(crate) use publish::{Dedupe, Publisher};
pub(crate) use saved_line::{SavedLine, each_saved, is_about_upload};
pub(crate) use segments::{Segments, begin_journal};
use staging::Staging;
pub(crate) use uploads::{Sealed, Unpublished, Uploads};

/// The state folder in an output folder.
const STATE: &str = ".fetchpdf";

/// The folder for parts in the state folder.
const PARTS: &str = "parts";

/// The folder in the output folder for files that have lost their final names: see [`Publisher::withdraw`].
const BLOCKED: &str = ".fetchpdf/blocked";

/// The journal in the state folder.
const JOURNAL: &str = "journal.jsonl";

/// The file in the state folder whose lock is that of the journal.
const LOCK: &str = "journal.lock";

/// A body of up to this many bytes needs no named part: fetching it again is as quick as resuming it.
const SMALL: u64 = 1024 * 1024;

/// The folders of a run that saves files.
#[derive(Debug)]
pub(crate) struct Store {
    files: Files,
    state: Folder,
    parts: Folder,
    /// The names in `parts` when the store was opened.
    left_over: HashSet<String>,
    /// Whether the file system of the output, or that of the parts if there is no output folder, has unnamed files.
    unnamed: bool,
    /// How files get from one file system to another, if they have to.
    staging: Option<Staging>,
    /// What puts them into tars, if that is asked for.
    packer: Option<Packer>,
}

impl Store {
    /// Opens the folders of `layout`, and creates them if they do not exist. Files are put into tars if there is a `packing`,
    /// with the bucket for them if they do not end up in a folder.
    ///
    /// # Errors
    ///
    /// When they are not folders, when they cannot be written, or when the state folder is a symbolic link in the output folder.
    pub(crate) fn open(
        layout: &Layout,
        packing: Option<(Packing, Option<Remote>)>,
    ) -> io::Result<Self> {
        layout.create_output()?;
        let (state, parts) = layout.create_state()?;
        let tars = packing.as_ref().map(|_| state.create(TARS)).transpose()?;
        let files = Files::of(layout);
        // also fails early, and not once per link, if the folder cannot be written
        let unnamed = files.folder().unwrap_or(&parts).has_unnamed_files()?;
        let staging = match files.folder() {
            Some(folder) if layout.is_shared() => Staging::between(&parts, folder, unnamed)?,
            _ => None,
        };
        let packer = match packing.zip(tars) {
            Some(((packing, remote), tars)) => {
                let outlet = Outlet::new(tars, (&files, staging.clone()), remote)?;
                Some(Packer::new(packing, outlet))
            }
            None => None,
        };
        Ok(Self {
            left_over: parts.names()?.into_iter().collect(),
            files,
            state,
            parts,
            unnamed,
            staging,
            packer,
        })
    }

    /// The journal, of which `history` has been read.
    ///
    /// # Errors
    ///
    /// When it cannot be created, read or written, or is not a regular file with one name but, for example, a symbolic link.
    pub(crate) fn journal(&self, history: &History) -> io::Result<Journal> {
        Journal::open(&self.state, history)
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
            Part::unnamed(self.files.folder().unwrap_or(&self.parts))?
        } else {
            self.named(id)?
        };
        part.restart(origin)?;
        Ok(part)
    }

    /// An unnamed or unreachable file, for bytes that are only looked at.
    ///
    /// # Errors
    ///
    /// When it cannot be created.
    fn scratch(&self) -> io::Result<File> {
        if self.unnamed && self.files.folder().is_none() {
            return self.parts.unnamed_file();
        }
        tempfile::tempfile()
    }

    /// The length in bytes of the named part of the transfer `id`, whichever process writes it.
    pub(crate) fn part_length(&self, id: u64) -> Option<u64> {
        Some(self.parts.file(&part::file_name(id))?.length)
    }

    /// Writes the last bytes of a part, and returns the modification time (`modified`, if there is one) and the inode that its
    /// file will have. Nothing can be written to it after that.
    ///
    /// # Errors
    ///
    /// When the last bytes cannot be written.
    pub(crate) fn seal(
        &self,
        part: &mut Part,
        modified: Option<SystemTime>,
    ) -> io::Result<(SystemTime, Option<u64>)> {
        let sealed = part.seal(modified)?;
        match &self.staging {
            Some(staging) if self.packer.is_none() => part.stage(staging),
            _ => Ok(sealed),
        }
    }

    /// Why no more tars can be published, if so.
    pub(crate) fn refused(&self) -> Option<&str> {
        self.packer.as_ref()?.refused()
    }

    /// Publishes the tars of this run; the last one only if no later run `continues` this one.
    ///
    /// # Errors
    ///
    /// When one of them cannot be published.
    pub(crate) fn finish(&self, continues: bool) -> io::Result<()> {
        let packer = self.packer.as_ref();
        packer.map_or(Ok(()), |packer| packer.finish(continues))
    }

    /// Gives a sealed part the final name `file`, and replaces the file that has it.
    ///
    /// # Errors
    ///
    /// When the name cannot be given. Both are unchanged then.
    fn replace(&self, part: &mut Part, file: &str) -> io::Result<()> {
        let folder = self.files.folder().ok_or(io::ErrorKind::Unsupported)?;
        let parts = &self.parts;
        folder.with_parent(file, || match &self.staging {
            Some(staging) => part.replace_staged(staging, file),
            None => part.replace(parts, folder, file),
        })
    }
}
