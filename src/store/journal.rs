//! The journal in a state folder: one record per line, appended as links end. [`History`] reads it when
//! the next run starts.
//!
//! It is what lets a second run fetch only what is missing. Lines are complete or ignored: a kill may tear one, and other
//! programs may write some.
//!
//! Several processes write to it. They take [turns](Turn): a turn holds the lock, which is that of another file because some
//! systems keep everybody from reading what is locked. It begins with reading what others have appended, once and from where
//! the last turn left off. Whoever looks at it, appends a record and names its file in one turn is not contradicted by another
//! process. On a file system without locks, lines are still whole, because each is a single write to a file that is opened
//! for appending.
//!
//! The threads of a process share its turn, so that they need not wait for each other. When it has taken [`LONG`], no other
//! thread joins it, and other processes get theirs.
//!
//! It is as readable as other new files until it is about to hold what grants access: a signed URL, or a link whose URL has
//! credentials (which themselves are never written). From then on, it is readable to its owner only.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read, Seek, SeekFrom, Write};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::history::History;
use super::saved_line::{SavedLine, each_line, each_saved_at, next_saved};
use super::{JOURNAL, LOCK, Layout};
use crate::digest::Checksum;
use crate::outcome::{Outcome, Record, Saved};
use crate::plan::{Identity, name};
use crate::system::files;
use crate::system::folder::{Folder, Purpose};
use crate::text::{has_credentials, is_signed};

/// How long to wait for the lock of the journal. A turn takes microseconds, so that somebody who holds it for longer is
/// stopped, or holds it on purpose: we go on without.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long the threads of a process may join its turn.
const LONG: Duration = Duration::from_millis(10);

/// A journal that is open for appending.
#[derive(Debug)]
pub(crate) struct Journal {
    file: File,
    lock: Option<File>,
    sharing: Mutex<Sharing>,
    /// Wakes the threads that wait for the end of the turn.
    ended: Condvar,
    state: Mutex<State>,
}

/// The turn of this process.
#[derive(Debug)]
struct Sharing {
    /// How many threads share it.
    threads: usize,
    since: Instant,
    /// Whether it holds the lock.
    is_locked: bool,
    /// How long to wait for the lock.
    patience: Duration,
}

#[derive(Debug)]
struct State {
    /// Up to where it has been read or written by this process, in bytes.
    known: u64,
    /// Whether its last line is incomplete.
    torn: bool,
    /// Whether others have been kept from reading it, as far as possible.
    is_protected: bool,
    others: Others,
}

impl State {
    fn protect(&mut self, file: &File) {
        if !self.is_protected
            && let Err(error) = files::protect(file)
        {
            tracing::warn!(
                "the journal holds links that grant access, and others may read it: {error}"
            );
        }
        self.is_protected = true;
    }
}

impl Journal {
    /// Opens the journal in the folder `state`, of which `history` has been read.
    ///
    /// # Errors
    ///
    /// When it cannot be created, read or written, or is not a regular file with one name but, for example, a symbolic link.
    pub(super) fn open(folder: &Folder, history: &History) -> io::Result<Self> {
        // first, so that whoever finds a journal finds its lock
        let lock = open_lock(folder, Purpose::Create);
        let file = open_for(folder, Purpose::Append)?;
        let state = Mutex::new(State {
            known: history.length,
            torn: ends_without_newline(&file)?,
            is_protected: false,
            others: Others {
                identity: history.identity.clone(),
                ..Others::default()
            },
        });
        let sharing = Mutex::new(Sharing {
            threads: 0,
            since: Instant::now(),
            is_locked: false,
            patience: PATIENCE,
        });
        Ok(Self {
            file,
            lock,
            sharing,
            ended: Condvar::new(),
            state,
        })
    }

    /// Appends a record.
    ///
    /// # Errors
    ///
    /// When it cannot be written completely.
    pub(crate) fn append(&self, record: &Record) -> io::Result<()> {
        self.turn()?.append(record)
    }

    /// Appends a `line` about the file of `record`.
    ///
    /// # Errors
    ///
    /// When it cannot be written completely.
    pub(super) fn append_about(&self, record: &Record, line: Vec<u8>) -> io::Result<()> {
        self.turn()?.append_line(line, grants_access(record))
    }

    /// Appends a line about a file that it knows already.
    ///
    /// # Errors
    ///
    /// When it cannot be written completely.
    pub(super) fn append_line(&self, line: Vec<u8>) -> io::Result<()> {
        self.turn()?.append_line(line, false)
    }

    /// Waits until no other process has its turn, and reads what others have appended.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub(crate) fn turn(&self) -> io::Result<Turn<'_>> {
        let mut sharing = self.sharing.lock();
        while sharing.threads > 0 && sharing.since.elapsed() >= LONG {
            self.ended.wait(&mut sharing);
        }
        if sharing.threads == 0 {
            let (patience, began) = (sharing.patience, Instant::now());
            let lock = self.lock.as_ref();
            sharing.is_locked = lock.is_some_and(|lock| files::lock(lock, patience));
            let has_waited = !patience.is_zero() && began.elapsed() >= patience;
            if !sharing.is_locked && has_waited {
                tracing::warn!(
                    "another process does not give up the lock of the journal (`journal.lock`): going on without it"
                );
            }
            // tried again each time, but not waited for until it is free
            sharing.patience = if sharing.is_locked {
                PATIENCE
            } else {
                Duration::ZERO
            };
            sharing.since = Instant::now();
        }
        sharing.threads += 1;
        let turn = Turn {
            journal: self,
            is_locked: sharing.is_locked,
        };
        let caught_up = if sharing.threads == 1 || !sharing.is_locked {
            turn.catch_up()
        } else {
            Ok(())
        };
        // before the turn is dropped if there was an error
        drop(sharing);
        caught_up.map(|()| turn)
    }

    /// Keeps others from reading it.
    pub(super) fn protect(&self) {
        self.state.lock().protect(&self.file);
    }

    /// Calls `see` with each line about a file, from the beginning.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub(super) fn each_line(&self, mut see: impl FnMut(&SavedLine)) -> io::Result<()> {
        let _state = self.state.lock();
        let mut file = &self.file;
        file.rewind()?;
        each_line(file, |line, _| see(line))
    }
}

/// The time in which no other process appends to the journal.
pub(crate) struct Turn<'a> {
    journal: &'a Journal,
    /// Whether other processes are kept out.
    is_locked: bool,
}

impl Turn<'_> {
    fn catch_up(&self) -> io::Result<()> {
        let mut file = &self.journal.file;
        let mut state = self.journal.state.lock();
        // cheaper than to ask for all metadata
        let length = file.seek(SeekFrom::End(0))?;
        let State {
            known,
            torn,
            others,
            ..
        } = &mut *state;
        if length > *known {
            file.seek(SeekFrom::Start(*known))?;
            let appended = BufReader::new(file.take(length - *known));
            each_saved_at(appended, |place, line| {
                others.add(*known + place, line);
            })?;
            // the process that wrote it has been killed, or it would still have its turn
            *torn = self.is_locked && ends_without_newline(file)?;
        }
        *known = length;
        Ok(())
    }

    /// Appends a record.
    ///
    /// # Errors
    ///
    /// When it cannot be written completely.
    pub(super) fn append(&self, record: &Record) -> io::Result<()> {
        self.append_line(record.to_journal_line(), grants_access(record))
    }

    /// Appends a line, which may be all that it takes to get a file.
    fn append_line(&self, mut line: Vec<u8>, grants_access: bool) -> io::Result<()> {
        let mut file = &self.journal.file;
        let mut state = self.journal.state.lock();
        if grants_access {
            state.protect(file);
        }
        if state.torn {
            line.insert(0, b'\n');
        }
        let written = file.write_all(&line);
        state.torn = written.is_err();
        // without the lock, it may be elsewhere, and is read like those of others
        if self.is_locked && written.is_ok() {
            state.known += line.len() as u64;
        }
        written
    }

    /// The file that other processes have saved for the link `id` since the journal was opened, if it still `exists`.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub(super) fn saved_by_others(
        &self,
        id: u64,
        exists: impl Fn(&Saved, &[Checksum]) -> bool,
    ) -> io::Result<Option<Saved>> {
        let mut file = &self.journal.file;
        let state = self.journal.state.lock();
        for place in state.others.records(id) {
            file.seek(SeekFrom::Start(place))?;
            if let Some((saved, checksums)) = next_saved(file)?
                && exists(&saved, &checksums)
            {
                return Ok(Some(saved));
            }
        }
        Ok(None)
    }

    /// Whether other processes have saved a file of this name for a link other than `id` since the journal was opened.
    pub(super) fn is_of_others(&self, file: &str, id: u64) -> bool {
        let (key, state) = (name::key(file), self.journal.state.lock());
        let mut owners = state.others.names.range((key, 0)..=(key, u64::MAX));
        owners.any(|(_, owner)| *owner != id)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut sharing = self.journal.sharing.lock();
        sharing.threads -= 1;
        if sharing.threads > 0 {
            return;
        }
        if let Some(lock) = self.journal.lock.as_ref().filter(|_| self.is_locked) {
            files::unlock(lock);
        }
        self.journal.ended.notify_all();
    }
}

/// Whether a URL in `record` is all that it takes to get a file that others must not get.
fn grants_access(record: &Record) -> bool {
    let answer = match &record.outcome {
        Outcome::Saved(saved) => saved.answer.as_ref(),
        _ => None,
    };
    let final_url = answer.and_then(|answer| answer.final_url.as_deref());
    let mut mirrors = record.details.iter().flat_map(|details| &details.mirrors);
    is_signed(&record.url)
        || final_url.is_some_and(is_signed)
        || mirrors.any(|mirror| is_signed(mirror.as_str()) || has_credentials(mirror))
}

/// What other processes have appended since the journal was opened: some tens of bytes a record.
#[derive(Debug, Default)]
struct Others {
    /// The rule for the identities of links.
    identity: Identity,
    /// Each link with the place of a record of it.
    links: BTreeSet<(u64, u64)>,
    /// The key of each name with a link that has a file of that name.
    names: BTreeSet<(u64, u64)>,
}

impl Others {
    fn add(&mut self, place: u64, line: &SavedLine) {
        let id = line.id(&self.identity);
        self.links.insert((id, place));
        self.names.insert((name::key(&line.file), id));
    }

    /// The places of the records of the link `id`, from the last to the first.
    fn records(&self, id: u64) -> Vec<u64> {
        let records = self.links.range((id, 0)..=(id, u64::MAX));
        records.rev().map(|(_, place)| *place).collect()
    }
}

/// Opens the journal of `layout` for reading.
///
/// # Errors
///
/// When it does not exist, cannot be read, or is not a regular file with one name.
pub(crate) fn open_journal(layout: &Layout) -> io::Result<File> {
    journal_in(&layout.state_folder()?)
}

/// Opens the journal in the folder `state` for reading.
///
/// # Errors
///
/// As above.
pub(super) fn journal_in(state: &Folder) -> io::Result<File> {
    open_for(state, Purpose::Read)
}

/// The lock of the journal in the folder `state`, if there is one, or it can be created.
fn open_lock(state: &Folder, purpose: Purpose) -> Option<File> {
    let lock = state.open(LOCK, purpose);
    // that of another user
    lock.or_else(|_| state.open(LOCK, Purpose::Read)).ok()
}

/// Runs `act` while no process has its turn at the journal in the folder `state`.
pub(super) fn between_turns<T>(state: &Folder, act: impl FnOnce() -> T) -> T {
    let lock = open_lock(state, Purpose::Write);
    let lock = lock.filter(|lock| files::lock(lock, PATIENCE));
    let done = act();
    if let Some(lock) = lock {
        files::unlock(&lock);
    }
    done
}

pub(super) fn open_for(state: &Folder, purpose: Purpose) -> io::Result<File> {
    let file = state.open(JOURNAL, purpose)?;
    if files::has_one_name(&file.metadata()?) {
        return Ok(file);
    }
    let message = "it has another name elsewhere (a hard link), whose file would change, too: replace it by a copy";
    Err(io::Error::new(ErrorKind::InvalidInput, message))
}

fn ends_without_newline(mut file: &File) -> io::Result<bool> {
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
    use crate::digest::fingerprint;
    use crate::link::SourceLine;
    use crate::store::{Detail, History};

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn every_appended_record_is_found_whatever_was_written_before(
            before in prop::collection::vec(any::<u8>(), 0..200), others in prop::collection::vec(any::<bool>(), 1..8),
            torn in "[^\\n]{0,20}",
        ) {
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join(JOURNAL);
            let layout = Layout::new(folder.path().to_owned(), Some(folder.path().to_owned()));
            let state = layout.state_folder().expect("a folder");
            std::fs::write(&path, &before).expect("it can be written");
            let history = History::of(&layout, Detail::Files, Identity::Url).expect("it can be read");
            let open = || Journal::open(&state, &history).expect("it can be opened");
            let (ours, theirs) = (open(), open());
            let place = SourceLine { source: "argument".into(), line: 1 };
            for (number, other) in others.iter().enumerate() {
                let url = Url::parse(&format!("http://a.example/{number}")).expect("a URL");
                let saved = Saved::present(format!("{number}.pdf"), 1, std::time::UNIX_EPOCH);
                let record = Record::new(&place, &url, Outcome::Saved(saved.clone()));
                if *other {
                    // as a kill leaves it
                    File::options().append(true).open(&path).and_then(|mut file| file.write_all(torn.as_bytes())).expect("a file");
                }
                let journal = if *other { &theirs } else { &ours };
                journal.append(&record).expect("it can be written");
                let id = fingerprint(url.as_str());
                if *other {
                    let turn = ours.turn().expect("it can be read");
                    let found = |exists| turn.saved_by_others(id, |_, _| exists).expect("it can be read");
                    prop_assert_eq!((found(true), found(false)), (Some(saved.clone()), None));
                    prop_assert!(turn.is_of_others(&saved.file.to_ascii_uppercase(), 0));
                    prop_assert!(!turn.is_of_others(&saved.file, id));
                }
                let history = History::of(&layout, Detail::Files, Identity::Url).expect("it can be read");
                prop_assert_eq!(history.find(id, |_| true).map(|found| found.saved), Some(saved));
            }
        }
    }
}
