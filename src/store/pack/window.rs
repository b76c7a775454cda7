//! A part of a file, to be read like a file of its own.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

/// A part of a file. It has a position of its own, but not apart from the file: only one of them is read at a time.
#[derive(Debug)]
pub(crate) struct Window {
    file: File,
    begin: u64,
    length: u64,
    at: u64,
}

impl Window {
    /// The `length` bytes of `file` from `begin` on.
    pub(in crate::store) fn new(file: File, begin: u64, length: u64) -> Self {
        Self {
            file,
            begin,
            length,
            at: 0,
        }
    }

    /// All of `file`.
    ///
    /// # Errors
    ///
    /// When its length is not to be had.
    pub(in crate::store) fn whole(file: File) -> io::Result<Self> {
        let length = file.metadata()?.len();
        Ok(Self::new(file, 0, length))
    }

    /// How many bytes it has.
    pub(crate) fn len(&self) -> u64 {
        self.length
    }
}

impl Read for Window {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.length.saturating_sub(self.at);
        let most = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
        self.file.seek(SeekFrom::Start(self.begin + self.at))?;
        let read = self.file.read(&mut buffer[..most])?;
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for Window {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.length.checked_add_signed(by),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}
