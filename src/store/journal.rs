//! The journal of an output folder: one record a line, appended as links end, read when the next run starts.
//!
//! It is what makes a second run do only what is left. Lines are whole or ignored: one that a kill has torn, or that
//! something else has written, counts for nothing. Several processes may append at once, because a line is one write
//! to a file that is opened for appending.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use super::history::each_saved;
use crate::digest::fingerprint;
use crate::outcome::{Record, Saved};
use crate::system::files::open_plain;

/// A journal that is open for appending.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: File,
    torn: AtomicBool,
    /// Its length when it was opened, and what we have added since.
    length: AtomicU64,
    opened_at: u64,
}

impl Journal {
    /// Opens the journal at `path`, of which `known` bytes have been read.
    ///
    /// # Errors
    ///
    /// When it cannot be created, read or written, or is no file of its own kind, such as a symbolic link.
    pub(crate) fn open(path: PathBuf, known: u64) -> io::Result<Self> {
        let mut file = open_plain(
            &path,
            OpenOptions::new().read(true).append(true).create(true),
        )?;
        let torn = AtomicBool::new(ends_without_newline(&mut file)?);
        Ok(Self {
            path,
            file,
            torn,
            length: AtomicU64::new(known),
            opened_at: known,
        })
    }

    /// Appends a record.
    ///
    /// # Errors
    ///
    /// When it cannot be written as a whole.
    pub(crate) fn append(&self, record: &Record) -> io::Result<()> {
        let mut line = record.to_json_line();
        if self.torn.swap(false, Relaxed) {
            line.insert(0, b'\n');
        }
        let written = (&self.file).write_all(&line);
        if written.is_err() {
            self.torn.store(true, Relaxed);
        }
        self.length.fetch_add(line.len() as u64, Relaxed);
        written
    }

    /// What is written so far, from its beginning.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub(crate) fn reader(&self) -> io::Result<impl Read> {
        File::open(&self.path)
    }

    /// What other processes have saved for the link with this identity since the journal was opened, if it `is_here`.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub(crate) fn saved_by_others(
        &self,
        id: u64,
        is_here: impl Fn(&Saved) -> bool,
    ) -> io::Result<Option<Saved>> {
        if self.file.metadata()?.len() == self.length.load(Relaxed) {
            return Ok(None);
        }
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(self.opened_at))?;
        let mut found = None;
        each_saved(file, |line| {
            if fingerprint(&line.url) == id {
                found = Some(line.to_saved()).filter(&is_here).or(found.take());
            }
        })?;
        Ok(found)
    }
}

fn ends_without_newline(file: &mut File) -> io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(false);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}
