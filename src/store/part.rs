//! Parts: files that have no final name yet.
//!
//! A part is either unnamed, and vanishes when it is dropped, or named after its link, and stays for a later attempt. A named
//! part is locked while it is open, and its sidecar (`ID.json`) says what its bytes belong to: without that, they cannot be
//! continued.

use std::fs::{File, TryLockError};
use std::io::{self, BufRead, BufReader, ErrorKind, IoSlice, Read, Seek, SeekFrom, Write};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::staging::{Staged, Staging};
use crate::digest::{Algorithm, Checksum, Hasher};
use crate::line::fill;
use crate::system::files::inode;
use crate::system::folder::{Folder, Purpose};
use crate::text::is_signed;

/// Bytes are collected in memory up to this many, because a system call costs more than copying them.
const BLOCK: usize = 64 * 1024;

/// How many bytes of a part are read again at once.
pub(crate) const PIECE: usize = 256 * 1024;

/// In bytes. Ours are much shorter.
const LONGEST_SIDECAR: u64 = 256 * 1024;

/// How the names of parts end, of their sidecars, and of files that are about to replace others.
pub(super) const PART: &str = ".part";
pub(super) const SIDECAR: &str = ".json";
pub(super) const NEW: &str = ".new";

/// What the bytes of a part belong to, as needed to request the rest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Origin {
    /// The URL that sent them, after redirects and without credentials.
    pub url: String,
    /// A strong validator for `If-Range`: an entity tag or a date (RFC 9110 section 13.1.5).
    pub validator: String,
    /// The length of the complete file in bytes, if known.
    pub total: Option<u64>,
}

/// The beginning of a file whose rest can be requested.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Partial<'a> {
    /// Its length in bytes.
    pub bytes: u64,
    /// What it is the beginning of.
    pub origin: &'a Origin,
}

/// A file without a final name.
#[derive(Debug)]
pub(crate) struct Part {
    file: File,
    /// The folder of parts and its name there; none if it is unnamed.
    place: Option<(Folder, String)>,
    origin: Option<Origin>,
    /// How many bytes are in the file.
    written: u64,
    /// Bytes that are not in the file yet.
    block: Vec<u8>,
    /// Its copy in the file system of the output, if it takes one.
    staged: Option<Staged>,
}

impl Part {
    /// An unnamed file in `folder`.
    pub(super) fn unnamed(folder: &Folder) -> io::Result<Self> {
        Ok(Self::new(folder.unnamed_file()?, None))
    }

    /// The part of the link `id` in the folder `parts`, with what it contains, locked until it is dropped.
    pub(super) fn named(parts: &Folder, id: u64) -> io::Result<Self> {
        let name = file_name(id);
        let file = loop {
            let file = parts.open_part(&name)?;
            lock(&file)?;
            // the process that had the lock may have given this file its final name
            if parts.is_at(&file, &name)? {
                break file;
            }
        };
        let mut part = Self::new(file, Some((parts.clone(), name)));
        part.written = part.file.seek(SeekFrom::End(0))?;
        part.origin = part.read_origin();
        Ok(part)
    }

    fn new(file: File, place: Option<(Folder, String)>) -> Self {
        Self {
            file,
            place,
            origin: None,
            written: 0,
            block: Vec::new(),
            staged: None,
        }
    }

    /// What it contains, if the rest can be requested.
    pub(crate) fn partial(&self) -> Option<Partial<'_>> {
        let origin = self.origin.as_ref()?;
        let bytes = self.len();
        (bytes > 0).then_some(Partial { bytes, origin })
    }

    /// Its length in bytes, including those that are not written yet.
    pub(crate) fn len(&self) -> u64 {
        self.written + self.block.len() as u64
    }

    /// Appends `bytes`. They are written to the file once there are enough of them.
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

    /// Writes all bytes to the file.
    ///
    /// # Errors
    ///
    /// When they cannot be written.
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
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(written) => {
                    self.written += written as u64;
                    IoSlice::advance_slices(&mut rest, written);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        block.clear();
        self.block = block;
        Ok(())
    }

    /// Discards all bytes, and starts over with those of `origin`.
    ///
    /// # Errors
    ///
    /// When the file cannot be truncated, or its sidecar cannot be written.
    pub(crate) fn restart(&mut self, origin: Option<Origin>) -> io::Result<()> {
        self.block.clear();
        if self.written > 0 {
            self.file.set_len(0)?;
            self.file.rewind()?;
            self.written = 0;
        }
        if let Some((parts, name)) = &self.place
            && origin != self.origin
        {
            let sidecar = sidecar(name);
            // a new file: a symbolic link is not followed
            parts.remove(&sidecar)?;
            if let Some(origin) = &origin {
                let json = serde_json::to_vec(origin)?;
                let private = is_signed(&origin.url);
                let mut file = parts.open(&sidecar, Purpose::New { private })?;
                file.write_all(&json)?;
            }
        }
        self.origin = origin;
        Ok(())
    }

    /// All bytes in order, for a check that has not seen them. Writing continues after the last one has been read.
    ///
    /// # Errors
    ///
    /// When the last bytes cannot be written.
    pub(crate) fn pieces(&mut self) -> io::Result<Pieces> {
        self.flush()?;
        self.file.rewind()?;
        Ok(Pieces {
            file: self.file.try_clone()?,
            left: self.written,
            buffer: Vec::new(),
        })
    }

    /// All bytes, for a check that looks at some of them once more. Nothing can be written after that.
    ///
    /// # Errors
    ///
    /// When the last bytes cannot be written.
    pub(crate) fn contents(&mut self) -> io::Result<impl Read + Seek> {
        self.flush()?;
        Ok(&self.file)
    }

    /// Copies all bytes to the position of `file`.
    ///
    /// # Errors
    ///
    /// When they cannot be copied completely.
    pub(super) fn copy_to(&mut self, mut file: &File) -> io::Result<()> {
        self.flush()?;
        self.file.rewind()?;
        // within a file system, the system may copy by itself
        let copied = io::copy(&mut &self.file, &mut file)?;
        if copied == self.written {
            Ok(())
        } else {
            Err(ErrorKind::UnexpectedEof.into())
        }
    }

    /// Gives the file another name in `folder`.
    ///
    /// # Errors
    ///
    /// When the name is taken ([`ErrorKind::AlreadyExists`]) or cannot be given.
    pub(super) fn link(&self, folder: &Folder, name: &str) -> io::Result<()> {
        match &self.place {
            None => folder.link_unnamed(&self.file, name),
            Some((parts, own)) => parts.hard_link(own, folder, name),
        }
    }

    /// The file itself, once more. Both have the same cursor.
    ///
    /// # Errors
    ///
    /// When no more files can be opened.
    pub(super) fn reopened(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    /// Writes the last bytes, and returns the final modification time of the file (`modified`, if there is one) and its inode.
    ///
    /// # Errors
    ///
    /// When the last bytes cannot be written.
    pub(super) fn seal(
        &mut self,
        modified: Option<SystemTime>,
    ) -> io::Result<(SystemTime, Option<u64>)> {
        self.flush()?;
        // it may wait for its upload
        self.block = Vec::new();
        if let Some(modified) = modified {
            // a file system that cannot keep such a time is no reason to lose the file
            let _ = self.file.set_modified(modified);
        }
        let sealed = self.file.metadata()?;
        Ok((sealed.modified()?, inode(&sealed)))
    }

    /// Copies the sealed part to the file system of the output. Returns what [`Self::seal`] does, of the copy.
    ///
    /// # Errors
    ///
    /// When it cannot be copied completely.
    pub(super) fn stage(&mut self, staging: &Staging) -> io::Result<(SystemTime, Option<u64>)> {
        let modified = self.file.metadata()?.modified()?;
        let mut staged = if self.place.is_none() {
            Staged::unnamed(self.file.try_clone()?)
        } else {
            staging.create()?
        };
        if self.place.is_some() {
            self.file.rewind()?;
            let copied = io::copy(&mut &self.file, &mut staged.file)?;
            if copied != self.written {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            // a file system that cannot keep such a time is no reason to lose the file
            let _ = staged.file.set_modified(modified);
        }
        let sealed = staged.file.metadata()?;
        self.staged = Some(staged);
        Ok((sealed.modified()?, inode(&sealed)))
    }

    pub(super) fn publish(&mut self, folder: &Folder, file: &str) -> io::Result<()> {
        if let Some(staged) = &self.staged {
            staged.publish(folder, file)?;
            self.remove();
            return Ok(());
        }
        let Some((parts, name)) = &self.place else {
            return folder.link_unnamed(&self.file, file);
        };
        parts.rename_new(name, folder, file)?;
        self.forget_name();
        Ok(())
    }

    /// Replaces the file `file` by the copy of the part.
    pub(super) fn replace_staged(&mut self, staging: &Staging, file: &str) -> io::Result<()> {
        let staged = self.staged.as_mut();
        staged.expect("sealed").replace(staging, file)?;
        self.remove();
        Ok(())
    }

    /// Replaces the file `file` in `folder`. An unnamed file first gets a temporary name in `parts`, because a link never
    /// replaces.
    pub(super) fn replace(
        &mut self,
        parts: &Folder,
        folder: &Folder,
        file: &str,
    ) -> io::Result<()> {
        if self.place.is_none() {
            let name = format!("{:016x}{NEW}", fastrand::u64(..));
            // as long as it is locked, it is not left over
            lock(&self.file)?;
            parts.link_unnamed(&self.file, &name)?;
            self.place = Some((parts.clone(), name));
        }
        let (parts, name) = self.place.as_ref().expect("just set");
        parts.rename(name, folder, file)?;
        self.forget_name();
        Ok(())
    }

    fn forget_name(&mut self) {
        if let Some((parts, name)) = self.place.take()
            && self.origin.is_some()
        {
            // best effort: a sidecar without its part is ignored
            let _ = parts.remove(&sidecar(&name));
        }
    }

    /// Removes the part and its sidecar.
    pub(crate) fn discard(mut self) {
        self.remove();
    }

    pub(super) fn remove(&mut self) {
        if let Some((parts, name)) = self.place.take() {
            for name in [sidecar(&name), name] {
                // best effort: a later run clears what remains
                let _ = parts.remove(&name);
            }
        }
    }

    fn read_origin(&self) -> Option<Origin> {
        let (parts, name) = self.place.as_ref()?;
        let sidecar = parts.open(&sidecar(name), Purpose::Read).ok()?;
        let origin: Origin = serde_json::from_reader(sidecar.take(LONGEST_SIDECAR)).ok()?;
        let mut validator = origin.validator.bytes();
        // it becomes a header
        let is_valid = validator.all(|byte| matches!(byte, b' '..=b'~'));
        is_valid.then_some(origin)
    }
}

/// The bytes of a part, a piece at a time: there may be many, and reading them all at once would keep everything else waiting.
pub(crate) struct Pieces {
    file: File,
    left: u64,
    buffer: Vec<u8>,
}

impl Pieces {
    /// The next bytes; none at the end.
    ///
    /// # Errors
    ///
    /// When they cannot be read.
    pub(crate) fn next(&mut self) -> io::Result<Option<&[u8]>> {
        let length = usize::try_from(self.left).map_or(PIECE, |left| left.min(PIECE));
        self.buffer.resize(length, 0);
        self.file.read_exact(&mut self.buffer)?;
        self.left -= length as u64;
        Ok((length > 0).then_some(&*self.buffer))
    }
}

/// A named part that is dropped in the middle of a transfer keeps all bytes that have been received.
impl Drop for Part {
    fn drop(&mut self) {
        if self.place.is_some() {
            let _ = self.flush();
        }
    }
}

/// Locks a part until it is closed.
///
/// # Errors
///
/// When another process has locked it ([`ErrorKind::WouldBlock`]), or when it cannot be locked.
pub(super) fn lock(file: &File) -> io::Result<()> {
    match file.try_lock() {
        // a file system without locks: only one process may use the folder
        Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => Ok(()),
        locked => Ok(locked?),
    }
}

/// A new file in the folder of `parts`, with its name: one that is locked, so that it is not left over.
///
/// # Errors
///
/// When it cannot be created.
pub(super) fn new_file(parts: &Folder, private: bool) -> io::Result<(String, File)> {
    let name = format!("{:016x}{NEW}", fastrand::u64(..));
    let file = parts.open(&name, Purpose::New { private })?;
    lock(&file)?;
    Ok((name, file))
}

/// The name of the part of the link `id`.
pub(super) fn file_name(id: u64) -> String {
    format!("{id:016x}{PART}")
}

/// The name of the sidecar of the part `name`.
fn sidecar(name: &str) -> String {
    let (id, _) = name.split_once('.').unwrap_or((name, ""));
    format!("{id}{SIDECAR}")
}

/// Calls `see` with the bytes of `file`, from its position to its end.
pub(super) fn each_block(file: impl Read, mut see: impl FnMut(&[u8])) -> io::Result<()> {
    let mut reader = BufReader::with_capacity(BLOCK, file);
    loop {
        let block = fill(&mut reader)?;
        let length = block.len();
        if length == 0 {
            return Ok(());
        }
        see(block);
        reader.consume(length);
    }
}

/// The SHA-256 of the bytes of `file`, from its position to its end.
pub(super) fn hash(file: impl Read) -> io::Result<Option<Checksum>> {
    let mut hasher = Hasher::new(&[Algorithm::Sha256]);
    each_block(file, |block| hasher.update(block))?;
    Ok(hasher.finish().pop())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn no_byte_is_lost_and_few_are_buffered(pieces in prop::collection::vec(0..200_000usize, 0..8)) {
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
            let mut pieces = part.pieces().expect("it can be written");
            while let Some(piece) = pieces.next().expect("it can be read") {
                prop_assert!(piece.len() <= PIECE);
                copy.extend_from_slice(piece);
            }
            part.write(b"more").and_then(|()| part.flush()).expect("it can be written");
            prop_assert_eq!(part.file.metadata().expect("it is open").len(), all.len() as u64 + 4);
            prop_assert!(copy == all);
        }
    }
}
