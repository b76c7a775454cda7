//! Files on their way to an output folder on another file system than that of the parts.
//!
//! A rename does not lead from one file system to another. So the bytes of a checked part are copied next to the output first,
//! to an unnamed file, or to one with a hidden name where there are none. Only then, the copy gets the final name, at once and
//! without replacing anything. The part stays until that has happened.
//!
//! A kill may leave a hidden file. Its name is reserved in the folder of parts, so that a later run with the same state clears
//! it, and no run ever clears what another one has.

use std::fs::File;
use std::io::{self, ErrorKind};

use super::part;
use crate::system::folder::{Folder, Purpose};

/// What the name of a file begins with that is in the output folder and has no final name yet.
const HIDDEN: &str = ".fetchpdf-";

/// The folders between which files are copied.
#[derive(Debug, Clone)]
pub(super) struct Staging {
    parts: Folder,
    output: Folder,
    /// Whether the file system of the output has unnamed files.
    unnamed: bool,
}

impl Staging {
    /// What it takes to get from `parts` to `output`, whose file system may have `unnamed` files; none if a rename will do.
    ///
    /// # Errors
    ///
    /// When nothing can be created in one of them.
    pub(super) fn between(
        parts: &Folder,
        output: &Folder,
        unnamed: bool,
    ) -> io::Result<Option<Self>> {
        let staging = Self {
            parts: parts.clone(),
            output: output.clone(),
            unnamed,
        };
        // tried out: even two mounts of the same file system are two to a rename
        let name = staging.reserve()?;
        let renamed = parts.rename(&name.reserved, output, &name.hidden);
        match renamed {
            Ok(()) => Ok(None),
            Err(error) if error.kind() == ErrorKind::CrossesDevices => Ok(Some(staging)),
            Err(error) => Err(error),
        }
    }

    /// An empty file in the file system of the output.
    pub(super) fn create(&self) -> io::Result<Staged> {
        if self.unnamed {
            return Ok(Staged {
                file: self.output.unnamed_file()?,
                name: None,
            });
        }
        let name = self.reserve()?;
        let file = self
            .output
            .open(&name.hidden, Purpose::New { private: false })?;
        Ok(Staged {
            file,
            name: Some(name),
        })
    }

    /// A name that nobody else has.
    fn reserve(&self) -> io::Result<Name> {
        let (reserved, lock) = part::new_file(&self.parts, false)?;
        Ok(Name {
            hidden: hidden(&reserved),
            reserved,
            staging: self.clone(),
            _lock: lock,
        })
    }
}

/// The name in the output folder that is reserved by `name` in the folder of parts.
pub(super) fn hidden(name: &str) -> String {
    format!("{HIDDEN}{name}")
}

/// A file in the file system of the output that has no final name yet. It vanishes when it is dropped.
#[derive(Debug)]
pub(super) struct Staged {
    pub(super) file: File,
    /// None as long as it is unnamed.
    name: Option<Name>,
}

impl Staged {
    /// A file that is unnamed already.
    pub(super) fn unnamed(file: File) -> Self {
        Self { file, name: None }
    }

    /// Gives it the name `file` in `output`.
    ///
    /// # Errors
    ///
    /// When the name is taken ([`ErrorKind::AlreadyExists`]) or cannot be given.
    pub(super) fn publish(&self, output: &Folder, file: &str) -> io::Result<()> {
        match &self.name {
            None => output.link_unnamed(&self.file, file),
            Some(name) => output.rename_new(&name.hidden, output, file),
        }
    }

    /// Gives it the name `file`, and replaces what has that name.
    ///
    /// # Errors
    ///
    /// When the name cannot be given.
    pub(super) fn replace(&mut self, staging: &Staging, file: &str) -> io::Result<()> {
        let output = &staging.output;
        if self.name.is_none() {
            // a link never replaces
            let name = staging.reserve()?;
            output.link_unnamed(&self.file, &name.hidden)?;
            self.name = Some(name);
        }
        let name = self.name.as_ref().expect("just set");
        output.rename(&name.hidden, output, file)
    }
}

/// A hidden name in the output folder, and its reservation. Both are gone when it is dropped.
#[derive(Debug)]
struct Name {
    hidden: String,
    reserved: String,
    staging: Staging,
    _lock: File,
}

impl Drop for Name {
    fn drop(&mut self) {
        let Staging { parts, output, .. } = &self.staging;
        // best effort: a later run clears what remains, as long as it is reserved
        if output.remove(&self.hidden).is_ok() {
            let _ = parts.remove(&self.reserved);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;
    use std::path::Path;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).expect("a folder");
        let names = entries.map(|entry| entry.expect("an entry").file_name());
        let mut names: Vec<_> = names
            .map(|name| name.into_string().expect("text"))
            .collect();
        names.sort();
        names
    }

    #[test]
    fn file_gets_its_name_at_once_and_nothing_is_left() {
        let (here, there) = (tempfile::tempdir(), tempfile::tempdir());
        let (here, there) = (here.expect("a folder"), there.expect("a folder"));
        let (parts, output) = (Folder::at(here.path()), Folder::at(there.path()));
        let can = output.has_unnamed_files().expect("it can be written");
        assert!(
            Staging::between(&parts, &output, can)
                .expect("they can be written")
                .is_none()
        );
        for unnamed in [false, can] {
            let staging = Staging {
                parts: parts.clone(),
                output: output.clone(),
                unnamed,
            };
            let write = |text: &str| {
                let mut staged = staging.create().expect("it can be written");
                staged
                    .file
                    .write_all(text.as_bytes())
                    .expect("it can be written");
                staged
            };
            let first = write("first");
            assert_eq!(names(here.path()).len(), usize::from(!unnamed));
            first.publish(&output, "a.pdf").expect("a free name");
            drop(first);
            let second = write("second");
            let taken = second
                .publish(&output, "a.pdf")
                .map_err(|error| error.kind());
            assert_eq!(taken, Err(ErrorKind::AlreadyExists));
            drop(second);
            let content = || fs::read_to_string(there.path().join("a.pdf")).expect("a file");
            assert_eq!(content(), "first");
            let mut third = write("third");
            third.replace(&staging, "a.pdf").expect("it is replaced");
            drop(third);
            assert_eq!(content(), "third");
            assert_eq!(
                (names(here.path()), names(there.path())),
                (vec![], vec!["a.pdf".to_owned()])
            );
            output.remove("a.pdf").expect("a file");
        }
    }
}
