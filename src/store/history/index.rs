//! The index of a journal: what [`History`] is after reading it, so that a run need not read millions of records again.
//!
//! ```text
//! journal.jsonl  ├────────── covered ──────────┤── tail ──┤
//! journal.index  its length and checksum, and      read as
//!                what was read of it                always
//! ```
//!
//! The journal alone is the truth. An index counts only if the journal still begins with the bytes that it was made of, by
//! their checksum: to edit, sort or shorten a journal makes it stale, and to append does not. It has a checksum of its own,
//! and is of this version of the program; or else it is ignored, and replaced in time. What it says is checked as if it were
//! a journal, because others may have written it. To delete it costs nothing but the time to read the journal once.
//!
//! It is written to a new file and renamed. A checksum is read at the speed of memory, and records at about 200 MB/s. So an
//! index is worth its while beyond some thousands of records ([`LEAST`]), and is written again when the tail has become a
//! [`SHARE`] of the journal.

use std::array;
use std::collections::HashSet;
use std::fs::File;
use std::hash::Hasher;
use std::io::{self, BufWriter, Read, Seek, Write};
use std::str;

use twox_hash::XxHash64;

use super::{Detail, Entry, History};
use crate::digest::{Checksum, fingerprint};
use crate::plan::{Identity, name};
use crate::store::part;
use crate::store::{Layout, PARTS};
use crate::system::folder::{Folder, Purpose};

/// What an index begins with. Its number changes with its format, and whenever the same journal is to be read in another way,
/// such as with other rules for the identities of links.
const MAGIC: &[u8; 64] = b"fetchpdf: index of a journal, to be deleted at will; version 1\n\0";

/// How many bytes of a journal are read again rather than written to an index.
const LEAST: u64 = 1024 * 1024;

/// The share of the journal that is read again, as one in so many bytes.
const SHARE: u64 = 32;

/// The numbers after [`MAGIC`].
const NUMBERS: usize = 6;

/// The bytes before the entries.
const HEADER: usize = MAGIC.len() + 8 * NUMBERS;

/// The bytes of an entry: three numbers of 64 bits, and two of 16.
const ENTRY: usize = 28;

/// How many times as long as its part of the journal an index may be. One with validators may be longer, because records of
/// files that were found only say what is new.
const LONGEST: u64 = 32;

/// How many entries are read at once.
const AT_ONCE: usize = 4096;

/// How many bytes of a journal are summed at once.
const BUFFER: usize = 256 * 1024;

/// The name of the index for a `detail`. Each has its own, because runs with and without it take turns.
fn file_name(detail: Detail) -> &'static str {
    match detail {
        Detail::Files => "journal.index",
        Detail::Validators => "journal.validators.index",
        Detail::Records => "journal.records.index",
    }
}

/// What else an index depends on.
fn rule(detail: Detail, identity: &Identity) -> u64 {
    let version = env!("CARGO_PKG_VERSION");
    fingerprint(&format!("{version} {detail:?} {identity:?}"))
}

/// A reader or writer that knows the checksum of what has passed.
pub(super) struct Summed<T> {
    inner: T,
    sum: XxHash64,
    length: u64,
    last: u8,
}

impl<T> Summed<T> {
    fn new(inner: T) -> Self {
        Self {
            inner,
            sum: XxHash64::with_seed(0),
            length: 0,
            last: b'\n',
        }
    }

    fn pass(&mut self, bytes: &[u8]) {
        self.sum.write(bytes);
        self.length += bytes.len() as u64;
        self.last = bytes.last().copied().unwrap_or(self.last);
    }

    /// What has passed, if it ends with a whole line.
    pub(super) fn covered(&self) -> Option<Covered> {
        (self.last == b'\n').then(|| Covered {
            length: self.length,
            checksum: self.sum.finish(),
        })
    }
}

impl<T: Read> Read for Summed<T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        self.pass(&buffer[..length]);
        Ok(length)
    }
}

impl<T: Write> Write for Summed<T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = self.inner.write(bytes)?;
        self.pass(&bytes[..length]);
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// The beginning of a journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Covered {
    length: u64,
    checksum: u64,
}

impl History {
    /// Reads as much of the `journal` in `state` as an index says, if there is one that is true. Returns the journal after
    /// that, or at its beginning.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read.
    pub(super) fn skip_indexed<R: Read + Seek>(
        &mut self,
        state: &Folder,
        mut journal: R,
        detail: Detail,
    ) -> io::Result<Summed<R>> {
        let index = Index::open(state, detail, &self.identity);
        if let Some(index) = index.filter(|index| index.covered.length <= self.length) {
            let mut summed = Summed::new(journal);
            let mut covered = (&mut summed).take(index.covered.length);
            let mut buffer = vec![0; BUFFER];
            while covered.read(&mut buffer)? > 0 {}
            if summed.covered() == Some(index.covered)
                && let Some(indexed) = index.read()
            {
                self.indexed = summed.length;
                (self.files, self.names, self.unfinished) = indexed;
                return Ok(summed);
            }
            journal = summed.inner;
            journal.rewind()?;
        }
        Ok(Summed::new(journal))
    }

    /// Writes an index of the journal of `layout` if that pays. The next run can do without.
    pub(crate) fn write_index(&self, layout: &Layout, detail: Detail) {
        // an index does not say of a file that it is on its way
        let Some(covered) = self.covered.filter(|_| !self.has_pending()) else {
            return;
        };
        if self.length - self.indexed <= LEAST.max(self.length / SHARE) {
            return;
        }
        let state = layout.state_folder();
        if let Err(error) = state.and_then(|state| self.write(&state, covered, detail)) {
            tracing::info!("cannot write an index of the journal: {error}");
        }
    }

    pub(super) fn write(&self, state: &Folder, covered: Covered, detail: Detail) -> io::Result<()> {
        let parts = state.create(PARTS)?;
        let (name, file) = part::new_file(&parts, false)?;
        let written = self.write_to(&file, covered, rule(detail, &self.identity));
        let renamed = written.and_then(|()| parts.rename(&name, state, file_name(detail)));
        if renamed.is_err() {
            // best effort: a later run clears what remains
            let _ = parts.remove(&name);
        }
        renamed
    }

    fn write_to(&self, file: impl Write, covered: Covered, rule: u64) -> io::Result<()> {
        let mut to = BufWriter::with_capacity(BUFFER, Summed::new(file));
        let blobs = || self.files.iter().map(|entry| self.blob(entry));
        let names: usize = blobs().map(<[u8]>::len).sum();
        to.write_all(MAGIC)?;
        let numbers: [u64; NUMBERS] = [
            covered.length,
            covered.checksum,
            rule,
            self.files.len() as u64,
            names as u64,
            self.unfinished.len() as u64,
        ];
        for number in numbers {
            to.write_all(&number.to_le_bytes())?;
        }
        for entry in &self.files {
            to.write_all(&entry.to_bytes())?;
        }
        for blob in blobs() {
            to.write_all(blob)?;
        }
        for id in &self.unfinished {
            to.write_all(&id.to_le_bytes())?;
        }
        to.flush()?;
        let checksum = to.get_ref().sum.finish();
        to.write_all(&checksum.to_le_bytes())?;
        to.flush()
    }

    /// The name of a file, and all that follows it.
    fn blob(&self, entry: &Entry) -> &[u8] {
        let whole = &self.names[entry.name as usize..];
        let rest = after_blob(entry, whole).expect("it has been stored so");
        &whole[..whole.len() - rest.len()]
    }
}

impl Entry {
    fn to_bytes(&self) -> [u8; ENTRY] {
        let mut bytes = [0; ENTRY];
        bytes[..8].copy_from_slice(&self.id.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.bytes.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.mtime_ns.to_le_bytes());
        bytes[24..26].copy_from_slice(&self.name_length.to_le_bytes());
        bytes[26..].copy_from_slice(&self.rest.to_le_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8; ENTRY]) -> Self {
        let long = |at: usize| u64::from_le_bytes(array::from_fn(|n| bytes[at + n]));
        let short = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        Self {
            id: long(0),
            bytes: long(8),
            mtime_ns: long(16),
            name: 0,
            name_length: short(24),
            rest: short(26),
        }
    }
}

/// What follows the name, the notes and the checksums of `entry` in `bytes`; none if they are not what they should be.
fn after_blob<'a>(entry: &Entry, bytes: &'a [u8]) -> Option<&'a [u8]> {
    let (name, rest) = bytes.split_at_checked(entry.name_length.into())?;
    let (notes, mut rest) = rest.split_at_checked((entry.rest & Entry::NOTES).into())?;
    if !name::is_acceptable(str::from_utf8(name).ok()?) || str::from_utf8(notes).is_err() {
        return None;
    }
    for _ in 0..(entry.rest & Entry::CHECKSUMS) / Entry::CHECKSUM {
        (_, rest) = Checksum::stored(rest)?;
    }
    Some(rest)
}

/// An index whose header has been read.
struct Index {
    from: Summed<File>,
    covered: Covered,
    files: usize,
    names: usize,
    unfinished: usize,
}

impl Index {
    /// The one in `state`, if it is of this version, for this `detail` and this rule.
    fn open(state: &Folder, detail: Detail, identity: &Identity) -> Option<Self> {
        let file = state.open(file_name(detail), Purpose::Read).ok()?;
        let length = file.metadata().ok()?.len();
        let mut from = Summed::new(file);
        let mut header = [0; HEADER];
        from.read_exact(&mut header).ok()?;
        let (magic, numbers) = header.split_at(MAGIC.len());
        let mut numbers = numbers_in(numbers);
        let [covered, checksum, its_rule, files, names, unfinished] =
            array::from_fn(|_| numbers.next().unwrap_or_default());
        let rest = files
            .checked_mul(ENTRY as u64)?
            .checked_add(unfinished.checked_mul(8)?)?
            .checked_add(names)?;
        // so that nothing is reserved for what is not there, or cannot be in the journal
        let is_whole = rest.checked_add(HEADER as u64 + 8)? == length && rest / LONGEST <= covered;
        let is_ours = magic == MAGIC && its_rule == rule(detail, identity);
        (is_whole && is_ours && names <= u32::MAX.into()).then_some(Self {
            from,
            covered: Covered {
                length: covered,
                checksum,
            },
            files: files.try_into().ok()?,
            names: names.try_into().ok()?,
            unfinished: unfinished.try_into().ok()?,
        })
    }

    /// What it says; none if any of it cannot be true.
    fn read(mut self) -> Option<(Vec<Entry>, Vec<u8>, HashSet<u64>)> {
        let mut files = Vec::with_capacity(self.files);
        let mut some = vec![0; ENTRY * AT_ONCE.min(self.files)];
        while files.len() < self.files {
            let some = &mut some[..ENTRY * AT_ONCE.min(self.files - files.len())];
            self.from.read_exact(some).ok()?;
            let (entries, _) = some.as_chunks();
            files.extend(entries.iter().map(Entry::from_bytes));
        }
        let mut names = vec![0; self.names];
        self.from.read_exact(&mut names).ok()?;
        let mut ids = vec![0; 8 * self.unfinished];
        self.from.read_exact(&mut ids).ok()?;
        let (sum, mut its_sum) = (self.from.sum.finish(), [0; 8]);
        self.from.read_exact(&mut its_sum).ok()?;
        if u64::from_le_bytes(its_sum) != sum {
            return None;
        }

        let mut rest = &names[..];
        for entry in &mut files {
            entry.name = u32::try_from(names.len() - rest.len()).ok()?;
            rest = after_blob(entry, rest)?;
        }
        let is_true = rest.is_empty() && files.is_sorted_by_key(|entry| entry.id);
        is_true.then(|| (files, names, numbers_in(&ids).collect()))
    }
}

fn numbers_in(bytes: &[u8]) -> impl Iterator<Item = u64> {
    let (numbers, _) = bytes.as_chunks();
    numbers.iter().map(|number| u64::from_le_bytes(*number))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Whoever can write an index can also write its checksum.
    #[test]
    fn forged_index_leads_nowhere() {
        let folder = tempfile::tempdir().expect("a folder");
        let layout = Layout::new(folder.path().to_owned(), Some(folder.path().to_owned()));
        let state = layout.state_folder().expect("a folder");
        let line =
            "{\"url\":\"http://a.example/\",\"file\":\"aaaa.pdf\",\"bytes\":1,\"mtime_ns\":1}\n";
        fs::write(layout.journal(), line).expect("it can be written");
        let read = || History::of(&layout, Detail::Files, Identity::Url).expect("it can be read");
        let first = read();
        let covered = first.covered.expect("a whole line");
        first
            .write(&state, covered, Detail::Files)
            .expect("it can be written");
        let index = folder.path().join(file_name(Detail::Files));
        let honest = fs::read(&index).expect("an index");
        let name = HEADER + ENTRY;
        let forge = |at: usize, bytes: &[u8]| {
            let mut forged = honest[..honest.len() - 8].to_vec();
            forged[at..at + bytes.len()].copy_from_slice(bytes);
            let sum = XxHash64::oneshot(0, &forged);
            forged.extend(sum.to_le_bytes());
            fs::write(&index, forged).expect("it can be written");
            read()
        };
        let honest = forge(name, b"bbbb.pdf");
        assert_eq!(
            (honest.indexed, honest.names),
            (covered.length, b"bbbb.pdf".to_vec())
        );
        for (at, bytes) in [
            (name, &b"../a.pdf"[..]),
            (name, b".aaa.pdf"),
            (name, b"aaaaaaaa"),
            (name, b"\xff\xff\xff\xff"),
            // the lengths of the name and of what follows it, and the numbers of bytes
            (name - 4, &[255, 255]),
            (name - 2, &[1, 0]),
            (name - 2, &[0, 8]),
            (HEADER - 24, &[2]),
            (HEADER - 16, &[255; 8]),
            (HEADER - 8, &[255; 8]),
        ] {
            let history = forge(at, bytes);
            assert_eq!((history.indexed, &history.names[..]), (0, &b"aaaa.pdf"[..]));
        }
    }
}
