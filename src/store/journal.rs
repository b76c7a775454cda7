//! The journal of an output folder: one record per line, appended as links end. [`History`](super::History) reads it when
//! the next run starts.
//!
//! It is what lets a second run fetch only what is missing. Lines are complete or ignored: a kill may tear one, and other
//! programs may write some. Several processes may append at the same time, because each line is a single write to a file
//! that is opened for appending.

use std::fs::File;
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
    /// Whether its last line is incomplete.
    torn: AtomicBool,
    /// How many of its bytes were read when it was opened.
    known: u64,
    /// The same, and what this process has appended since.
    length: AtomicU64,
}

impl Journal {
    /// Opens the journal at `path`, of which `known` bytes have been read.
    ///
    /// # Errors
    ///
    /// When it cannot be created, read or written, or is not a regular file but, for example, a symbolic link.
    pub(crate) fn open(path: PathBuf, known: u64) -> io::Result<Self> {
        let mut file = open_plain(&path, File::options().read(true).append(true).create(true))?;
        let torn = AtomicBool::new(ends_without_newline(&mut file)?);
        Ok(Self {
            path,
            file,
            torn,
            known,
            length: AtomicU64::new(known),
        })
    }

    /// Appends a record.
    ///
    /// # Errors
    ///
    /// When it cannot be written completely.
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

    /// Reads the journal from its beginning.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub(crate) fn reader(&self) -> io::Result<impl Read> {
        File::open(&self.path)
    }

    /// The file that other processes have saved for the link `id` since the journal was opened, if it still `exists`.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub(crate) fn saved_by_others(
        &self,
        id: u64,
        exists: impl Fn(&Saved) -> bool,
    ) -> io::Result<Option<Saved>> {
        if self.file.metadata()?.len() == self.length.load(Relaxed) {
            return Ok(None);
        }
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(self.known))?;
        let mut found = None;
        each_saved(file, |line| {
            if fingerprint(&line.url) == id {
                found = Some(line.to_saved()).filter(&exists).or(found.take());
            }
        })?;
        Ok(found)
    }
}

fn ends_without_newline(file: &mut File) -> io::Result<bool> {
    let mut last = [b'\n'];
    if file.metadata()?.len() > 0 {
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
    }
    Ok(last != *b"\n")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use url::Url;

    use super::*;
    use crate::link::SourceLine;
    use crate::outcome::Outcome;
    use crate::store::{Detail, History};

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn every_appended_record_is_found_whatever_was_written_before(
            before in prop::collection::vec(any::<u8>(), 0..200), others in prop::collection::vec(any::<bool>(), 1..8),
        ) {
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("journal.jsonl");
            std::fs::write(&path, &before).expect("it can be written");
            let open = || Journal::open(path.clone(), before.len() as u64).expect("it can be opened");
            let (ours, theirs) = (open(), open());
            let place = SourceLine { source: "argument".into(), line: 1 };
            for (number, other) in others.iter().enumerate() {
                let url = Url::parse(&format!("http://a.example/{number}")).expect("a URL");
                let saved = Saved::present(number.to_string(), 1, std::time::UNIX_EPOCH);
                let record = Record::new(&place, &url, Outcome::Saved(saved.clone()));
                let journal = if *other { &theirs } else { &ours };
                journal.append(&record).expect("it can be written");
                let id = fingerprint(url.as_str());
                if *other {
                    let found = ours.saved_by_others(id, |_| true).expect("it can be read");
                    prop_assert_eq!(found.as_ref(), Some(&saved));
                    prop_assert_eq!(ours.saved_by_others(id, |_| false).expect("it can be read"), None);
                }
                let (history, _) = History::of(&path, Detail::Files).expect("it can be read");
                prop_assert_eq!(history.find(id, |_| true).map(|found| found.saved), Some(saved));
            }
        }
    }
}
