//! Files in an output folder that its journal does not name: among them are those that have been renamed, or moved to another
//! folder below it.
//!
//! They are looked for once in a run, and only if a file is missing. A stray is the file of a link if it has the length and the
//! modification time that only this link's file had (or also its inode, if the files of several links look the same), or a
//! checksum that the journal knows, or if its name is the same but for case and the form of its letters, as after a copy by way
//! of another file system. It is never the file of two links, unless they have shared one before, and never one that has been
//! saved since the journal was read.
//!
//! In a shared output folder, most strays are files of others. There, only one with the length, the time and the inode of ours is
//! taken for it, which no other file can have.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fs::File;
use std::io::{self, BufReader, Seek, SeekFrom};

use super::archive::{now, strongest};
use super::history::Last;
use super::journal::{between_turns, journal_in};
use super::saved_line::{each_saved, each_saved_at};
use super::{Files, History};
use crate::digest::Checksum;
use crate::outcome::nanoseconds;
use crate::plan::{Previous, name};
use crate::system::folder::{Folder, Found};

/// How many files and folders that are not ours are looked at: the output folder may be one with a life of its own, such as
/// that of the user.
const MOST: usize = 100_000;

/// The files that the journal does not name.
#[derive(Debug)]
pub(super) struct Strays {
    /// The folder of the journal.
    state: Folder,
    /// By length.
    files: Vec<Stray>,
    /// Up to where the journal has been read, in bytes.
    known: u64,
    /// The keys of the names that have been recorded since it was read first.
    recorded: HashSet<u64>,
}

#[derive(Debug)]
struct Stray {
    name: Box<str>,
    found: Found,
    claim: Claim,
    is_taken: bool,
    /// Those that have been computed.
    checksums: Vec<Checksum>,
}

/// Whose file a stray is by its length and its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Claim {
    /// Nobody's.
    None,
    /// That which had the name with this key.
    One(u64),
    /// There are several that it could be.
    Several,
}

impl Strays {
    /// Looks through the folder of `files`, as far as `history` does not name what is in it.
    pub(super) fn look(files: &Files, state: &Folder, history: &History) -> Self {
        let mut lengths: Vec<_> = history.each_last().map(|last| last.look.0).collect();
        lengths.sort_unstable();
        lengths.dedup();
        let mut strays: Vec<Stray> = Vec::new();
        let mut folders = VecDeque::from([String::new()]);
        let mut left = MOST;
        while let Some(folder) = folders.pop_front() {
            for name in files
                .folder()
                .map_or_else(Vec::new, |root| names(root, &folder))
            {
                let path = format!("{folder}{name}");
                if name.starts_with('.') || history.has_name(&path) {
                    continue;
                }
                if left == 0 {
                    tracing::info!("looked for renamed files among {MOST} others, and no further");
                    folders.clear();
                    break;
                }
                left -= 1;
                match files.find(&path) {
                    None => folders.push_back(path + "/"),
                    Some(found)
                        if name::is_acceptable(&path)
                            && lengths.binary_search(&found.length).is_ok() =>
                    {
                        strays.push(Stray::new(path, found));
                    }
                    Some(_) => {}
                }
            }
        }
        strays.sort_by(|one, other| {
            (one.found.length, &one.name).cmp(&(other.found.length, &other.name))
        });
        claim(&mut strays, (state, files.are_shared), history);
        Self {
            state: state.clone(),
            files: strays,
            known: history.length,
            recorded: HashSet::new(),
        }
    }

    /// The file `wanted` among them, from now on that of its link.
    pub(super) fn take(&mut self, files: &Files, wanted: &Previous) -> Option<Previous> {
        let key = name::key(&wanted.saved.file);
        let bytes = wanted.saved.bytes;
        let begin = self
            .files
            .partition_point(|stray| stray.found.length < bytes);
        let end = self
            .files
            .partition_point(|stray| stray.found.length <= bytes);
        if begin == end || self.catch_up().is_err() {
            return None;
        }
        let Self {
            files: strays,
            recorded,
            ..
        } = self;
        let strays = &mut strays[begin..end];
        let is_free = |stray: &Stray| stray.is_taken || !recorded.contains(&name::key(&stray.name));
        let by_time = |stray: &mut Stray| {
            stray.claim == Claim::One(key) && is_free(stray) && stray.may_be(files, wanted)
        };
        let by_content = |stray: &mut Stray| {
            let may_be_ours = !matches!(stray.claim, Claim::One(_)) && !files.are_shared;
            may_be_ours && is_free(stray) && stray.is(files, wanted)
        };
        let position = strays.iter_mut().position(by_time);
        let position = position.or_else(|| strays.iter_mut().position(by_content));
        let stray = &mut strays[position?];
        (stray.claim, stray.is_taken) = (Claim::One(key), true);
        let mut found = now(wanted.clone(), &stray.found);
        found.saved.file = stray.name.to_string();
        Some(found)
    }

    /// Reads which names have been recorded meanwhile, by whatever process.
    fn catch_up(&mut self) -> io::Result<()> {
        let mut journal: File = journal_in(&self.state)?;
        let length = between_turns(&self.state, || journal.metadata())?.len();
        if length > self.known {
            journal.seek(SeekFrom::Start(self.known))?;
            let appended = io::Read::take(journal, length - self.known);
            each_saved_at(BufReader::new(appended), |_, line| {
                self.recorded.insert(name::key(&line.file));
            })?;
            self.known = length;
        }
        Ok(())
    }
}

impl Stray {
    fn new(name: String, found: Found) -> Self {
        Self {
            name: name.into(),
            found,
            claim: Claim::None,
            is_taken: false,
            checksums: Vec::new(),
        }
    }

    /// Whether it does not contradict a known checksum of `wanted`.
    fn may_be(&mut self, files: &Files, wanted: &Previous) -> bool {
        strongest(wanted).is_none_or(|checksum| self.has(files, checksum))
    }

    /// Whether it has the bytes of `wanted`.
    fn is(&mut self, files: &Files, wanted: &Previous) -> bool {
        match strongest(wanted) {
            Some(checksum) => self.has(files, checksum),
            None => self.is_called(&wanted.saved.file) && files.has_content(wanted, &self.name),
        }
    }

    /// Whether its name is `file` but for case and the form of its letters.
    fn is_called(&self, file: &str) -> bool {
        let safe = name::safe_path(&self.name);
        safe.is_some_and(|safe| name::key(&safe) == name::key(file))
    }

    /// Whether it has this checksum. It is not read twice.
    fn has(&mut self, files: &Files, checksum: Checksum) -> bool {
        let is_alike = |known: &&Checksum| known.algorithm() == checksum.algorithm();
        if let Some(known) = self.checksums.iter().find(is_alike) {
            return *known == checksum;
        }
        let found = files.checksum_like(checksum, &self.name);
        self.checksums.extend(found);
        found == Some(checksum)
    }
}

/// The names in `folder` below `root`; none if it is not a folder.
fn names(root: &Folder, folder: &str) -> Vec<String> {
    let names = match folder.strip_suffix('/') {
        None => root.names(),
        Some(folder) => root.below(folder).and_then(|folder| folder.names()),
    };
    names.unwrap_or_default()
}

/// Finds out whose file each of `strays` is by its length and its time, or, if those of several links look the same, by its
/// inode: files that are written within a tick of the clock have the same time. In a folder that `are_shared`, the inode has to
/// tell in any case.
fn claim(strays: &mut [Stray], (state, are_shared): (&Folder, bool), history: &History) {
    let look = |stray: &Stray| (stray.found.length, nanoseconds(stray.found.modified));
    let looks = strays.iter().map(|stray| (look(stray), Vec::new()));
    let mut all: HashMap<_, Vec<Last>> = looks.collect();
    for last in history.each_last() {
        if let Some(alike) = all.get_mut(&last.look) {
            alike.push(last);
        }
    }
    let mut inodes = None;
    for stray in strays {
        let alike = &all[&look(stray)];
        let mut keys: Vec<_> = alike.iter().map(|last| name::key(last.file)).collect();
        keys.sort_unstable();
        keys.dedup();
        stray.claim = match keys[..] {
            [] => Claim::None,
            [key] if !are_shared => Claim::One(key),
            _ => {
                let inodes = inodes.get_or_insert_with(|| inodes_of(&all, state, history));
                let is_it = |last: &&Last| inodes.get(&last.id) == stray.found.inode().as_ref();
                let found = alike
                    .iter()
                    .find(|last| inodes.contains_key(&last.id) && is_it(last));
                found.map_or(Claim::Several, |last| Claim::One(name::key(last.file)))
            }
        };
    }
}

/// The inodes of those files that look the same, by the identities of their links.
fn inodes_of(
    all: &HashMap<(u64, u64), Vec<Last>>,
    state: &Folder,
    history: &History,
) -> HashMap<u64, u64> {
    let alike = all.values().flatten();
    let looks: HashMap<_, _> = alike.map(|last| (last.id, last.look)).collect();
    let mut inodes = HashMap::new();
    let read = journal_in(state).and_then(|journal| {
        each_saved(journal, |line| {
            let id = line.id(&history.identity);
            if looks.get(&id) == Some(&(line.bytes, line.mtime_ns))
                && let Some(inode) = line.inode
            {
                inodes.insert(id, inode);
            }
        })
    });
    // without them, nobody knows
    read.map_or_else(|_| HashMap::new(), |()| inodes)
}
