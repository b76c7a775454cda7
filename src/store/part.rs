//! One transfer on its way to a file.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, IoSlice, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::system::files;

/// Pieces are collected until there are so many bytes to write, as a system call costs more than copying them.
const BLOCK: usize = 64 * 1024;

/// No sidecar of ours is longer, in bytes.
const LONGEST_SIDECAR: u64 = 256 * 1024;

/// What a part is a part of: what it takes to ask a server for the rest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Origin {
    /// The URL that they came from, after redirects and without credentials.
    pub url: String,
    /// A strong validator: an entity tag or a date, as `If-Range` takes it (RFC 9110 section 13.1.5).
    pub validator: String,
    /// The length of the whole file in bytes, if it is known.
    pub total: Option<u64>,
}

/// The beginning of a file that can be continued.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Partial<'a> {
    /// So many bytes are here.
    pub bytes: u64,
    /// What they belong to.
    pub origin: &'a Origin,
}

/// A file without a final name. Dropping a named part keeps it, an unnamed one vanishes.
#[derive(Debug)]
pub(crate) struct Part {
    file: File,
    path: Option<PathBuf>,
    origin: Option<Origin>,
    written: u64,
    /// What waits to be written.
    block: Vec<u8>,
}

impl Part {
    /// An unnamed file in `folder`.
    pub(super) fn unnamed(folder: &Path) -> io::Result<Self> {
        Ok(Self::new(files::unnamed_file(folder)?, None))
    }

    /// The part with this `id` in the folder `parts`, with what is in it, locked until it is dropped.
    pub(super) fn named(parts: &Path, id: u64) -> io::Result<Self> {
        let path = parts.join(file_name(id));
        let file = loop {
            let file = files::open_part(&path)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(io::ErrorKind::WouldBlock.into()),
                // a file system without locks: parts are as safe as one process makes them
                Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {}
                Err(TryLockError::Error(error)) => return Err(error),
            }
            // whoever had the lock before may have given this very file its final name
            if files::is_at(&file, &path)? {
                break file;
            }
        };
        let written = file.metadata()?.len();
        let mut part = Self::new(file, Some(path));
        part.file.seek(SeekFrom::End(0))?;
        part.written = written;
        part.origin = part.read_origin();
        Ok(part)
    }

    fn new(file: File, path: Option<PathBuf>) -> Self {
        Self {
            file,
            path,
            origin: None,
            written: 0,
            block: Vec::new(),
        }
    }

    /// How many bytes are here and what they belong to, if the rest can be asked for.
    pub(crate) fn partial(&self) -> Option<Partial<'_>> {
        let origin = self.origin.as_ref()?;
        (!self.is_empty()).then_some(Partial {
            bytes: self.len(),
            origin,
        })
    }

    /// How many bytes it has.
    pub(crate) fn len(&self) -> u64 {
        self.written + self.block.len() as u64
    }

    /// Whether it has no bytes.
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends `bytes`, which are written once there are enough of them.
    ///
    /// # Errors
    ///
    /// When they cannot be written.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.block.len() + bytes.len() >= BLOCK {
            return self.append(bytes);
        }
        self.block.extend_from_slice(bytes);
        Ok(())
    }

    /// Writes out what waits for more to come.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.append(&[])
    }

    /// Writes the block, and `bytes` after it.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut block = std::mem::take(&mut self.block);
        let mut slices = [IoSlice::new(&block), IoSlice::new(bytes)];
        let mut rest = &mut slices[..];
        IoSlice::advance_slices(&mut rest, 0);
        while !rest.is_empty() {
            match self.file.write_vectored(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    self.written += written as u64;
                    IoSlice::advance_slices(&mut rest, written);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        block.clear();
        self.block = block;
        Ok(())
    }

    /// Forgets all bytes and begins anew with those of `origin`.
    ///
    /// # Errors
    ///
    /// When the file cannot be truncated or its origin not be written beside it.
    pub(crate) fn restart(&mut self, origin: Option<Origin>) -> io::Result<()> {
        self.block.clear();
        if self.written > 0 {
            self.file.set_len(0)?;
            self.file.rewind()?;
            self.written = 0;
        }
        if let Some(sidecar) = self.sidecar()
            && origin != self.origin
        {
            // never through a link that somebody has put there
            remove(&sidecar)?;
            if let Some(origin) = &origin {
                let json =
                    serde_json::to_vec(origin).expect("strings and numbers always serialize");
                File::create_new(sidecar)?.write_all(&json)?;
            }
        }
        self.origin = origin;
        Ok(())
    }

    /// Shows all bytes to `see`, in order: to a check that has not seen them.
    ///
    /// # Errors
    ///
    /// When they cannot be read.
    pub(crate) fn reread(&mut self, mut see: impl FnMut(&[u8])) -> io::Result<()> {
        self.flush()?;
        self.file.rewind()?;
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match self.file.read(&mut buffer)? {
                0 => return Ok(()),
                length => see(&buffer[..length]),
            }
        }
    }

    /// Ends the writing, and tells the modification time that the file will keep: this one, if there is one.
    ///
    /// # Errors
    ///
    /// When the last bytes cannot be written.
    pub(crate) fn seal(&mut self, modified: Option<SystemTime>) -> io::Result<SystemTime> {
        self.flush()?;
        if let Some(modified) = modified {
            self.file.set_modified(modified)?;
        }
        self.file.metadata()?.modified()
    }

    pub(super) fn publish(&mut self, target: &Path) -> io::Result<()> {
        let Some(path) = &self.path else {
            return files::link_unnamed(&self.file, target);
        };
        files::rename_new(path, target)?;
        self.forget_name();
        Ok(())
    }

    /// Takes the name `target` from whatever has it. An unnamed file needs a name of its own for that, in `parts`.
    pub(super) fn replace(&mut self, parts: &Path, target: &Path) -> io::Result<()> {
        if self.path.is_none() {
            let path = parts.join(format!("{:016x}.new", fastrand::u64(..)));
            files::link_unnamed(&self.file, &path)?;
            self.path = Some(path);
        }
        let path = self.path.as_ref().expect("it has one by now");
        fs::rename(path, target)?;
        self.forget_name();
        Ok(())
    }

    fn forget_name(&mut self) {
        if let Some(sidecar) = self.sidecar()
            && self.origin.is_some()
        {
            // a sidecar without its part means nothing, so a failure here does not either
            let _ = remove(&sidecar);
        }
        self.path = None;
    }

    /// Removes the part and all that is beside it.
    pub(crate) fn discard(self) {
        for path in self.path.iter().cloned().chain(self.sidecar()) {
            // what stays is started over by the next run
            let _ = remove(&path);
        }
    }

    fn sidecar(&self) -> Option<PathBuf> {
        Some(self.path.as_ref()?.with_extension("json"))
    }

    fn read_origin(&self) -> Option<Origin> {
        let sidecar = files::open_plain(&self.sidecar()?, OpenOptions::new().read(true)).ok()?;
        let origin: Origin = serde_json::from_reader(sidecar.take(LONGEST_SIDECAR)).ok()?;
        // it goes into a request
        let sendable = origin
            .validator
            .bytes()
            .all(|byte| matches!(byte, b' '..=b'~'));
        sendable.then_some(origin)
    }
}

/// A part that is dropped in the middle of a transfer keeps what has come.
impl Drop for Part {
    fn drop(&mut self) {
        if self.path.is_some() {
            let _ = self.flush();
        }
    }
}

/// The name of the part of the link with this identity.
pub(super) fn file_name(id: u64) -> String {
    format!("{id:016x}.part")
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn nothing_is_lost_and_little_waits(pieces in prop::collection::vec(0..200_000usize, 0..8)) {
            let mut part = Part::new(tempfile::tempfile().expect("a file"), None);
            let (mut all, mut copy) = (Vec::new(), Vec::new());
            for (number, length) in pieces.iter().enumerate() {
                let piece: Vec<_> = (0..=250u8).cycle().skip(number).take(*length).collect();
                part.write(&piece).expect("it can be written");
                all.extend(piece);
                prop_assert_eq!(part.len(), all.len() as u64);
                let written = part.file.metadata().expect("it is open").len();
                prop_assert!(part.len() - written < BLOCK as u64);
            }
            part.reread(|bytes| copy.extend_from_slice(bytes)).expect("it can be read");
            prop_assert!(copy == all);
        }
    }
}
