//! The journal of an output folder: one record a line, appended as links end, read when the next run starts.
//!
//! It is what makes a second run do only what is left. Lines are whole or ignored: one that a kill has torn, or that
//! something else has written, counts for nothing. Several processes may append at once, because a line is one write
//! to a file that is opened for appending.

use std::borrow::Cow;
use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, UNIX_EPOCH};

use serde::Deserialize;

use super::Record;
use crate::links::{fingerprint, read_line};
use crate::outcome::{Saved, Status};
use crate::store::system::open_plain;

/// A journal that is open for appending.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    torn: AtomicBool,
    /// Its length when it was opened, and what we have added since.
    length: AtomicU64,
    opened_at: u64,
}

impl Journal {
    /// Opens the journal at `path`, and reads what earlier runs have written.
    ///
    /// # Errors
    ///
    /// When it cannot be created, read or written, or is no file of its own kind, such as a symbolic link.
    pub fn open(path: PathBuf) -> io::Result<(Self, History)> {
        let mut file = open_plain(
            &path,
            OpenOptions::new().read(true).append(true).create(true),
        )?;
        let opened_at = file.metadata()?.len();
        let history = History::read((&file).take(opened_at))?;
        let torn = AtomicBool::new(ends_without_newline(&mut file)?);
        Ok((
            Self {
                path,
                file,
                torn,
                length: AtomicU64::new(opened_at),
                opened_at,
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
        self.length.fetch_add(line.len() as u64, Relaxed);
        written
    }

    /// What other processes have saved for the link with this identity since the journal was opened, if it `is_here`.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub fn saved_by_others(
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

/// What earlier runs have saved, by the identity of the link. Some tens of bytes a file: there may be millions.
#[derive(Debug, Default)]
pub struct History {
    names: String,
    /// In the order of their identities.
    files: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    id: u64,
    bytes: u64,
    mtime_ns: u64,
    name: u32,
    name_length: u16,
}

impl History {
    /// Reads a journal. What is no line of a saved file counts for nothing.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn read(journal: impl Read) -> io::Result<Self> {
        let mut history = Self::default();
        each_saved(journal, |line| history.add(line))?;
        let files = &mut history.files;
        // of several lines of a link, the last one counts
        files.sort_by_key(|entry| entry.id);
        files.reverse();
        files.dedup_by_key(|entry| entry.id);
        files.reverse();
        Ok(history)
    }

    /// The file that was saved last for the link with this identity.
    #[must_use]
    pub fn find(&self, id: u64) -> Option<Saved> {
        let entry = &self.files[self.position(id)?];
        let file = &self.names[entry.name as usize..][..usize::from(entry.name_length)];
        let (url, file) = ("".into(), file.into());
        let line = SavedLine {
            url,
            file,
            bytes: entry.bytes,
            mtime_ns: entry.mtime_ns,
            sha256: None,
        };
        Some(line.to_saved())
    }

    /// Forgets what was saved for the link with this identity.
    pub fn forget(&mut self, id: u64) {
        if let Some(position) = self.position(id) {
            self.files.remove(position);
        }
    }

    fn position(&self, id: u64) -> Option<usize> {
        self.files.binary_search_by_key(&id, |entry| entry.id).ok()
    }

    fn add(&mut self, line: &SavedLine) {
        // names are shorter, and all of them together, too
        if let (Ok(name), Ok(name_length)) =
            (self.names.len().try_into(), line.file.len().try_into())
        {
            let (id, bytes, mtime_ns) = (fingerprint(&line.url), line.bytes, line.mtime_ns);
            self.files.push(Entry {
                id,
                bytes,
                mtime_ns,
                name,
                name_length,
            });
            self.names.push_str(&line.file);
        }
    }
}

/// The fields that only the line of a saved file has.
#[derive(Debug, Deserialize)]
pub struct SavedLine<'a> {
    /// The URL of the list.
    #[serde(borrow)]
    pub url: Cow<'a, str>,
    /// The name of the file.
    #[serde(borrow)]
    pub file: Cow<'a, str>,
    /// Its length in bytes.
    pub bytes: u64,
    /// Its modification time, in nanoseconds since 1970.
    pub mtime_ns: u64,
    /// Its SHA-256 in hexadecimal, if that was asked for.
    #[serde(borrow, default)]
    pub sha256: Option<Cow<'a, str>>,
}

impl SavedLine<'_> {
    /// The outcome of a link whose file is as this line says.
    #[must_use]
    pub fn to_saved(&self) -> Saved {
        Saved {
            status: Status::Present,
            file: self.file.clone().into_owned(),
            bytes: self.bytes,
            modified: UNIX_EPOCH + Duration::from_nanos(self.mtime_ns),
            sha256: self.sha256.clone().map(Cow::into_owned),
            suspect: None,
            answer: None,
        }
    }
}

/// Calls `see` with each line of a saved file, in order.
///
/// # Errors
///
/// When the journal cannot be read.
pub fn each_saved(journal: impl Read, mut see: impl FnMut(&SavedLine)) -> io::Result<()> {
    let mut reader = BufReader::with_capacity(256 * 1024, journal);
    while let Some(line) = read_line(&mut reader)? {
        if let Ok(saved) = serde_json::from_slice::<SavedLine>(&line.text)
            && is_one_component(&saved.file)
        {
            see(&saved);
        }
    }
    Ok(())
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
