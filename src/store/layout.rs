//! Where a run keeps what: its files in the output folder or bucket, and all that it knows of them in the state folder.
//!
//! The state folder is `.fetchpdf` in the output folder, unless it is named (`--state`). Then the output may be shared by runs
//! that know nothing of each other: each reads its own journal, and takes whatever else is there for that of somebody else.

use std::fs;
use std::io;
use std::path::PathBuf;

use super::{JOURNAL, PARTS, STATE};
use crate::bucket::Address;
use crate::system::folder::Folder;

/// The file in the state folder that says which bucket it belongs to.
const CLAIM: &str = "bucket";

/// The folders of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layout {
    output: Output,
    state: Option<PathBuf>,
}

/// Where files end up.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Output {
    Folder(PathBuf),
    /// Below the prefix in a bucket. The state is elsewhere then.
    Bucket(Address),
}

impl Layout {
    /// Files in `output`, and the state in a folder of it unless one is named.
    pub(crate) fn new(output: PathBuf, state: Option<PathBuf>) -> Self {
        Self {
            output: Output::Folder(output),
            state,
        }
    }

    /// Files in the bucket of `address`, and the state in the folder `state`.
    pub(crate) fn in_bucket(address: Address, state: PathBuf) -> Self {
        Self {
            output: Output::Bucket(address),
            state: Some(state),
        }
    }

    /// Whether the output may have files of runs with another journal.
    pub(crate) fn is_shared(&self) -> bool {
        self.state.is_some()
    }

    /// The bucket that files end up in; none if that is a folder.
    pub(crate) fn bucket(&self) -> Option<&Address> {
        match &self.output {
            Output::Folder(_) => None,
            Output::Bucket(address) => Some(address),
        }
    }

    /// Where the file `file` is, for people and other programs: a path, or an address.
    pub(crate) fn path_of(&self, file: &str) -> PathBuf {
        match &self.output {
            Output::Folder(folder) => folder.join(file),
            Output::Bucket(address) => address.of(file).into(),
        }
    }

    /// Where the files are, for people.
    pub(crate) fn shown(&self) -> String {
        match &self.output {
            Output::Folder(folder) if folder.as_os_str() == "." => {
                let current = std::env::current_dir();
                current.map_or(".".into(), |current| current.display().to_string())
            }
            Output::Folder(folder) => folder.display().to_string(),
            Output::Bucket(address) => address.to_string(),
        }
    }

    /// The path of the state folder.
    pub(crate) fn state(&self) -> PathBuf {
        match (&self.state, &self.output) {
            (Some(state), _) => state.clone(),
            (None, Output::Folder(folder)) => folder.join(STATE),
            (None, Output::Bucket(_)) => unreachable!("it is named"),
        }
    }

    /// The path of the journal.
    pub(crate) fn journal(&self) -> PathBuf {
        self.state().join(JOURNAL)
    }

    /// Makes sure that the state is that of this output: what it says of one bucket is not true of another one, or of a folder.
    ///
    /// # Errors
    ///
    /// When it is that of another output, or cannot be read or written.
    pub(crate) fn claim(&self) -> io::Result<()> {
        use io::ErrorKind::{NotADirectory, NotFound};
        if !self.is_shared() {
            return Ok(());
        }
        let path = self.state().join(CLAIM);
        let owner = match fs::read_to_string(&path) {
            Err(error) if matches!(error.kind(), NotFound | NotADirectory) => None,
            read => Some(read?),
        };
        let output = self.bucket().map(ToString::to_string);
        let has_journal = || fs::metadata(self.journal()).is_ok_and(|journal| journal.len() > 0);
        // empty if the run that wrote it was killed
        let owner = owner.as_deref().map(str::trim);
        let owner = owner.filter(|owner| !owner.is_empty());
        match (owner, output) {
            (None, None) => Ok(()),
            (owner, Some(output)) if owner == Some(&*output) => Ok(()),
            (None, Some(output)) if !has_journal() => {
                fs::create_dir_all(self.state())?;
                fs::write(path, output + "\n")
            }
            (owner, _) => {
                let owner = owner.map_or("a folder".to_owned(), |owner| format!("`{owner}`"));
                let message =
                    format!("it belongs to {owner}: use another `--state`, or that `--output`");
                Err(io::Error::new(io::ErrorKind::InvalidInput, message))
            }
        }
    }

    /// The message that there is no journal.
    pub(crate) fn no_journal(&self) -> String {
        let place = match (&self.state, &self.output) {
            (None, Output::Folder(folder)) => folder.clone(),
            _ => self.state(),
        };
        let place = place.display();
        format!(
            "no journal in `{place}`: no run has saved files there; name the output folder of one"
        )
    }

    /// What to say if the journal cannot be read.
    pub(crate) fn cannot_read(&self) -> String {
        match (&self.state, &self.output) {
            (None, Output::Folder(folder)) => {
                format!("cannot read the journal of `{}`", folder.display())
            }
            _ => format!("cannot read the journal in `{}`", self.state().display()),
        }
    }

    /// What to say if nothing can be written there.
    pub(crate) fn cannot_write(&self) -> String {
        let state = self.state.as_ref().map(|state| state.display());
        match (&self.output, state) {
            (Output::Folder(folder), None) => {
                format!("cannot write to the output folder `{}`", folder.display())
            }
            (Output::Folder(folder), Some(state)) => format!(
                "cannot write to the output folder `{}`, or to the state folder `{state}`",
                folder.display()
            ),
            (Output::Bucket(_), state) => {
                let state = state.expect("it is named");
                format!("cannot write to the state folder `{state}`")
            }
        }
    }

    /// The output folder, which need not exist; none if files end up elsewhere.
    pub(super) fn output_folder(&self) -> Option<Folder> {
        match &self.output {
            Output::Folder(folder) => Some(Folder::at(folder)),
            Output::Bucket(_) => None,
        }
    }

    /// Creates the output folder, if files end up in one.
    ///
    /// # Errors
    ///
    /// When it cannot be created.
    pub(super) fn create_output(&self) -> io::Result<()> {
        match &self.output {
            Output::Folder(folder) => fs::create_dir_all(folder),
            Output::Bucket(_) => Ok(()),
        }
    }

    /// The state folder.
    ///
    /// # Errors
    ///
    /// When it does not exist, or is a symbolic link in the output folder: one that is named may be a link.
    pub(super) fn state_folder(&self) -> io::Result<Folder> {
        match (&self.state, &self.output) {
            (None, Output::Folder(folder)) => Folder::at(folder).below(STATE),
            _ => Ok(Folder::at(&self.state())),
        }
    }

    /// The state folder with its folder of parts, after creating what does not exist of it. The output folder exists.
    ///
    /// # Errors
    ///
    /// When they cannot be created.
    pub(super) fn create_state(&self) -> io::Result<(Folder, Folder)> {
        let state = if let (None, Output::Folder(folder)) = (&self.state, &self.output) {
            Folder::at(folder).create(STATE)?
        } else {
            let path = self.state();
            fs::create_dir_all(&path)?;
            Folder::at(&path)
        };
        let parts = state.create(PARTS)?;
        Ok((state, parts))
    }
}
