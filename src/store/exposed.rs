//! Files that a command of the user may see before they get into a bucket.
//!
//! Each has a name of its own in `exec/` in the state folder, as long as the command runs. Whatever it makes of the file is what
//! is uploaded. A kill may leave such names, which cost nothing but the space of their files: the next run with the same link
//! takes the name again.

use std::fs::Metadata;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::uploads::Sealed;
use super::{Part, Store, part};
use crate::digest::{Algorithm, Hasher};
use crate::system::files::has_no_hard_link;
use crate::system::folder::{Folder, Purpose};

/// The folder for them in the state folder.
const EXEC: &str = "exec";

/// A file under a name for a command. It loses that when it is dropped.
#[derive(Debug)]
pub(crate) struct Exposed {
    folder: Folder,
    name: String,
    path: PathBuf,
}

impl Store {
    /// Gives the file of `sealed`, that of the link `id`, a name for a command, which ends as `file` does. `state` is the path of
    /// the state folder.
    ///
    /// # Errors
    ///
    /// When the name cannot be given.
    pub(crate) fn expose(
        &self,
        sealed: &Sealed,
        (id, file): (u64, &str),
        state: &Path,
    ) -> io::Result<Exposed> {
        let file = file.rsplit('/').next().unwrap_or_default();
        let name = format!("{:08x}-{file}", id >> 32);
        let exposed = Exposed {
            folder: self.state.create(EXEC)?,
            path: state.join(EXEC).join(&name),
            name,
        };
        let Exposed { folder, name, .. } = &exposed;
        folder.remove(name)?;
        match sealed.part.link(folder, name) {
            Err(error) if has_no_hard_link(&error) => copy(&sealed.part, folder, name)?,
            linked => linked?,
        }
        Ok(exposed)
    }
}

impl Exposed {
    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Takes what a command has made of the file for that of `sealed`.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub(crate) fn look_again(&self, sealed: &mut Sealed) -> io::Result<()> {
        let file = self.folder.open(&self.name, Purpose::Read)?;
        let (found, saved) = (file.metadata()?, &mut sealed.saved);
        let look = |found: &Metadata| (found.len(), found.modified().ok());
        let mut hasher = Hasher::new(&[Algorithm::Sha256]);
        part::each_block(&file, |block| hasher.update(block))?;
        // written to by something that the command has left running
        if look(&file.metadata()?) != look(&found) {
            let message = "it is still changing after the command of `--exec` has ended";
            return Err(io::Error::new(ErrorKind::InvalidData, message));
        }
        let sha256 = hasher.finish().pop();
        saved.sha256 = sha256.map(|sha256| sha256.digits());
        (saved.bytes, saved.modified) = (found.len(), found.modified()?);
        sealed.changed = Some(file);
        Ok(())
    }
}

impl Drop for Exposed {
    fn drop(&mut self) {
        // best effort: the next run with this link removes it
        let _ = self.folder.remove(&self.name);
    }
}

fn copy(part: &Part, folder: &Folder, name: &str) -> io::Result<()> {
    let mut copy = folder.open(name, Purpose::New { private: false })?;
    let mut original = part.reopened()?;
    io::Seek::rewind(&mut original)?;
    io::copy(&mut original, &mut copy)?;
    Ok(())
}
