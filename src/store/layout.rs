//! Where a run keeps what: its files in the output folder, and all that it knows of them in the state folder.
//!
//! The state folder is `.fetchpdf` in the output folder, unless it is named (`--state`). Then the output may be shared by runs
//! that know nothing of each other: each reads its own journal, and takes whatever else is there for that of somebody else.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{JOURNAL, PARTS, STATE};
use crate::system::folder::Folder;

/// The folders of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layout {
    output: PathBuf,
    state: Option<PathBuf>,
}

impl Layout {
    /// Files in `output`, and the state in a folder of it unless one is named.
    pub(crate) fn new(output: PathBuf, state: Option<PathBuf>) -> Self {
        Self { output, state }
    }

    /// Whether the output may have files of runs with another journal.
    pub(crate) fn is_shared(&self) -> bool {
        self.state.is_some()
    }

    /// The path of the output folder.
    pub(crate) fn output(&self) -> &Path {
        &self.output
    }

    /// The path of the state folder.
    pub(crate) fn state(&self) -> PathBuf {
        let own = || self.output.join(STATE);
        self.state.clone().unwrap_or_else(own)
    }

    /// The path of the journal.
    pub(crate) fn journal(&self) -> PathBuf {
        self.state().join(JOURNAL)
    }

    /// What to say if the journal cannot be read.
    pub(crate) fn cannot_read(&self) -> String {
        match &self.state {
            None => format!("cannot read the journal of `{}`", self.output.display()),
            Some(state) => format!("cannot read the journal in `{}`", state.display()),
        }
    }

    /// What to say if nothing can be written there.
    pub(crate) fn cannot_write(&self) -> String {
        let output = format!(
            "cannot write to the output folder `{}`",
            self.output.display()
        );
        match &self.state {
            None => output,
            Some(state) => format!("{output}, or to the state folder `{}`", state.display()),
        }
    }

    /// The output folder, which need not exist.
    pub(super) fn output_folder(&self) -> Folder {
        Folder::at(&self.output)
    }

    /// The state folder.
    ///
    /// # Errors
    ///
    /// When it does not exist, or is a symbolic link in the output folder: one that is named may be a link.
    pub(super) fn state_folder(&self) -> io::Result<Folder> {
        match &self.state {
            Some(state) => Ok(Folder::at(state)),
            None => self.output_folder().below(STATE),
        }
    }

    /// The state folder with its folder of parts, after creating what does not exist of it. The output folder exists.
    ///
    /// # Errors
    ///
    /// When they cannot be created.
    pub(super) fn create_state(&self) -> io::Result<(Folder, Folder)> {
        let state = match &self.state {
            Some(path) => {
                fs::create_dir_all(path)?;
                Folder::at(path)
            }
            None => self.output_folder().create(STATE)?,
        };
        let parts = state.create(PARTS)?;
        Ok((state, parts))
    }
}
