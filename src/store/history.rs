//! What earlier runs have saved, as the journal of an output folder tells it.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fs::OpenOptions;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use serde::Deserialize;

use crate::digest::fingerprint;
use crate::line::read_line;
use crate::outcome::{Saved, Status};
use crate::plan::Previous;
use crate::system::files::open_plain;

/// What earlier runs have saved, by the identity of the link. Some tens of bytes a file: there may be millions.
#[derive(Debug, Default)]
pub struct History {
    names: String,
    /// Links whose command has failed or has not been run.
    unfinished: HashSet<u64>,
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
    /// What stands behind the name: entity tag, line end, date.
    validators_length: u16,
}

impl History {
    /// Reads the journal at `path`, if there is one, and tells how many bytes that were.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or is no file of its own kind.
    pub fn of(path: &Path, detail: Detail) -> io::Result<(Self, u64)> {
        let file = match open_plain(path, OpenOptions::new().read(true)) {
            // nobody has written any, or there is no folder for it: whoever writes will say so
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                return Ok((Self::default(), 0));
            }
            file => file?,
        };
        let length = file.metadata()?.len();
        Ok((Self::read(file.take(length), detail)?, length))
    }

    /// Reads a journal. What is no line of a saved file counts for nothing.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn read(journal: impl Read, detail: Detail) -> io::Result<Self> {
        let mut history = Self::default();
        each_saved(journal, |line| history.add(line, detail))?;
        history.files.sort_by_key(|entry| entry.id);
        Ok(history)
    }

    /// The file that was saved last for the link with this identity, if it `is_here`.
    ///
    /// A file that is about to be replaced has two lines, and a kill may have left the older one true.
    pub fn find(&self, id: u64, is_here: impl Fn(&Saved) -> bool) -> Option<Previous> {
        let entries = &self.files[self.range(id)];
        let last = self.known(entries.last()?);
        if is_here(&last.saved) {
            return Some(last);
        }
        let before = entries.iter().rev().skip(1).map(|entry| self.known(entry));
        before
            .take_while(|known| known.saved.file == last.saved.file)
            .find(|known| is_here(&known.saved))
    }

    /// Whether the command for the file of the link with this identity is still to be run.
    pub fn awaits_exec(&self, id: u64) -> bool {
        self.unfinished.contains(&id)
    }

    /// Forgets what was saved for the link with this identity.
    pub fn forget(&mut self, id: u64) {
        self.files.drain(self.range(id));
    }

    fn range(&self, id: u64) -> std::ops::Range<usize> {
        let begin = self.files.partition_point(|entry| entry.id < id);
        let lines = self.files[begin..]
            .iter()
            .take_while(|entry| entry.id == id);
        begin..begin + lines.count()
    }

    fn known(&self, entry: &Entry) -> Previous {
        let (file, rest) = self.names[entry.name as usize..].split_at(entry.name_length.into());
        let validators = &rest[..entry.validators_length.into()];
        let (etag, last_modified) = validators.split_once('\n').unwrap_or_default();
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let line = SavedLine {
            file: file.into(),
            bytes: entry.bytes,
            mtime_ns: entry.mtime_ns,
            ..SavedLine::default()
        };
        Previous {
            saved: line.to_saved(),
            etag: given(etag),
            last_modified: given(last_modified),
        }
    }

    fn add(&mut self, line: &SavedLine, detail: Detail) {
        if line.exec_error.is_some() {
            self.unfinished.insert(fingerprint(&line.url));
        } else if !self.unfinished.is_empty() {
            self.unfinished.remove(&fingerprint(&line.url));
        }
        let validators = match (detail, &line.etag, &line.last_modified) {
            (Detail::Files, ..) | (_, None, None) => String::new(),
            (Detail::Validators, etag, date) => {
                let text = |text: &Option<Cow<str>>| text.as_deref().unwrap_or_default().to_owned();
                format!("{}\n{}", text(etag), text(date))
            }
        };
        let validators_length = u16::try_from(validators.len()).unwrap_or(0);
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
                validators_length,
            });
            self.names.push_str(&line.file);
            self.names.push_str(&validators[..validators_length.into()]);
        }
    }
}

/// How much of the journal a run needs to remember.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// Which files are there.
    Files,
    /// And how to ask whether they have changed.
    Validators,
}

/// The fields that only the line of a saved file has.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct SavedLine<'a> {
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
    /// Its `ETag`, if it had one.
    #[serde(borrow, default)]
    pub etag: Option<Cow<'a, str>>,
    /// Its `Last-Modified`, if it had one.
    #[serde(borrow, default)]
    pub last_modified: Option<Cow<'a, str>>,
    /// Why the command for it is still to be run, if it is.
    #[serde(borrow, default)]
    pub exec_error: Option<Cow<'a, str>>,
}

impl SavedLine<'_> {
    /// The outcome of a link whose file is as this line says.
    pub(crate) fn to_saved(&self) -> Saved {
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
pub(crate) fn each_saved(journal: impl Read, mut see: impl FnMut(&SavedLine)) -> io::Result<()> {
    let mut reader = BufReader::with_capacity(256 * 1024, journal);
    while let Some(line) = read_line(&mut reader)? {
        if let Ok(saved) = serde_json::from_slice::<SavedLine>(&line.text)
            && leads_down(&saved.file)
        {
            see(&saved);
        }
    }
    Ok(())
}

/// Whether `file` is a path that cannot lead out of the output folder: a journal may have been tampered with.
fn leads_down(file: &str) -> bool {
    let mut components = Path::new(file).components().peekable();
    components.peek().is_some()
        && components.all(|component| matches!(component, std::path::Component::Normal(_)))
}
