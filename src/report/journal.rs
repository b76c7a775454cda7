//! The journal of an output folder: one record a line, appended as links end, read when the next run starts.
//!
//! It is what makes a second run do only what is left. Lines are whole or ignored: one that a kill has torn, or that
//! something else has written, counts for nothing. Several processes may append at once, because a line is one write
//! to a file that is opened for appending.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Deserialize;

use super::Record;
use crate::links::fingerprint;

/// The name of the journal in the state folder.
const NAME: &str = "journal.jsonl";

/// A journal that is open for appending.
#[derive(Debug)]
pub struct Journal {
    file: File,
    torn: AtomicBool,
}

impl Journal {
    /// Opens the journal of a state folder, and reads what earlier runs have written.
    ///
    /// # Errors
    ///
    /// When it cannot be created, read or written.
    pub fn open(state: &Path) -> io::Result<(Self, History)> {
        let path = state.join(NAME);
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(path)?;
        let history = History::read(&file)?;
        let torn = ends_without_newline(&mut file)?;
        Ok((
            Self {
                file,
                torn: AtomicBool::new(torn),
            },
            history,
        ))
    }

    /// Appends a record.
    ///
    /// # Errors
    ///
    /// When it cannot be written as a whole.
    pub fn append(&self, record: &Record) -> io::Result<()> {
        let mut line = record.to_json_line();
        if self.torn.swap(false, Relaxed) {
            line.insert(0, b'\n');
        }
        let written = (&self.file).write_all(&line);
        if written.is_err() {
            self.torn.store(true, Relaxed);
        }
        written
    }
}

/// What earlier runs have saved, by the identity of the link.
#[derive(Debug, Default)]
pub struct History {
    names: String,
    files: HashMap<u64, Entry>,
}

/// Some tens of bytes a record: there may be millions.
#[derive(Debug)]
struct Entry {
    name: usize,
    length: u32,
    bytes: u64,
    modified: u64,
}

/// A file that an earlier run has saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known<'a> {
    /// Its path below the output folder.
    pub file: &'a str,
    /// Its length in bytes.
    pub bytes: u64,
    /// Its modification time.
    pub modified: SystemTime,
}

impl History {
    /// The file of the link with this identity.
    #[must_use]
    pub fn find(&self, id: u64) -> Option<Known<'_>> {
        let entry = self.files.get(&id)?;
        Some(Known {
            file: &self.names[entry.name..entry.name + entry.length as usize],
            bytes: entry.bytes,
            modified: UNIX_EPOCH + Duration::from_nanos(entry.modified),
        })
    }

    fn read(file: &File) -> io::Result<Self> {
        let mut history = Self::default();
        let mut reader = BufReader::with_capacity(256 * 1024, file);
        let mut line = Vec::new();
        while reader.by_ref().read_until(b'\n', &mut line)? > 0 {
            if let Ok(saved) = serde_json::from_slice::<SavedLine>(&line) {
                history.add(&saved);
            }
            line.clear();
        }
        Ok(history)
    }

    fn add(&mut self, saved: &SavedLine) {
        let Ok(length) = u32::try_from(saved.file.len()) else {
            return;
        };
        if !is_one_component(&saved.file) {
            return;
        }
        let entry = Entry {
            name: self.names.len(),
            length,
            bytes: saved.bytes,
            modified: saved.mtime_ns,
        };
        self.names.push_str(&saved.file);
        self.files.insert(fingerprint(&saved.url), entry);
    }
}

/// The fields that only the line of a saved file has.
#[derive(Deserialize)]
struct SavedLine<'a> {
    #[serde(borrow)]
    url: Cow<'a, str>,
    #[serde(borrow)]
    file: Cow<'a, str>,
    bytes: u64,
    mtime_ns: u64,
}

/// Whether `file` is a name and not a path that could lead out of the output folder: a journal may have been tampered with.
fn is_one_component(file: &str) -> bool {
    let mut components = Path::new(file).components();
    matches!(
        (components.next(), components.next()),
        (Some(std::path::Component::Normal(_)), None)
    )
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
