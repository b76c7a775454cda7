//! The file of a picture.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::Picture;

/// A file for a picture, opened before there is one. Until then, it keeps what it has. A new one is removed if there never is.
#[derive(Debug)]
pub(crate) struct PictureFile {
    path: PathBuf,
    file: File,
}

impl PictureFile {
    /// Opens or creates a file.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        let file = options
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        Ok(Self {
            path: path.to_owned(),
            file,
        })
    }

    /// Replaces its content.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub(crate) fn write(mut self, picture: Picture<'_>) -> io::Result<()> {
        if self.file.metadata()?.is_file() {
            self.file.set_len(0)?;
        }
        self.file.write_all(picture.to_string().as_bytes())
    }
}

impl Drop for PictureFile {
    fn drop(&mut self) {
        let metadata = self.file.metadata();
        if metadata.is_ok_and(|file| file.is_file() && file.len() == 0) {
            let _ = fs::remove_file(&self.path);
        }
    }
}
