//! What earlier runs saved, according to the journal.
//!
//! Reads records, and remembers some tens of bytes per saved file, because there may be millions. The last record of a link
//! counts whose file is there. A record of a file that was found and not fetched (`present`) says only what is new about it:
//! the rest is as in the record before.

mod index;
mod pending;

use std::collections::{HashMap, HashSet};
use std::io::{self, ErrorKind, Read};
use std::iter::zip;
use std::mem;
use std::ops::Range;
use std::sync::OnceLock;
use std::time::{Duration, UNIX_EPOCH};

use self::index::Covered;
use super::Layout;
use super::journal::{between_turns, journal_in};
use super::saved_line::{SavedLine, Says, each_line};
use crate::digest::{Algorithm, Checksum};
use crate::outcome::{Answer, Saved};
use crate::plan::{Identity, Previous, name};
pub(super) use pending::Pending;

/// The files that earlier runs saved, by the identity of the link.
#[derive(Debug, Default)]
pub struct History {
    /// The names of all files, each followed by its notes and its checksums.
    names: Vec<u8>,
    /// Links whose command failed or was not run.
    unfinished: HashSet<u64>,
    /// Links whose files have been forgotten, with the last one of each.
    forgotten: HashMap<u64, Option<Previous>>,
    /// Files on their way to a bucket, of which nobody knows whether they have arrived.
    pending: HashMap<u64, Pending>,
    /// In the order of their identities.
    files: Vec<Entry>,
    /// The key of each name with a link that has had a file of that name, in order; only if somebody asks.
    owners: OnceLock<Vec<(u64, u64)>>,
    /// The length and the time of the last file of each link with the key of its name, in order; only if somebody asks.
    looks: OnceLock<Vec<(u64, u64, u64)>>,
    /// The length of the journal in bytes, as far as it has been read.
    pub(super) length: u64,
    /// How many of them an index has covered.
    indexed: u64,
    /// All of them, as an index would cover them; none if they do not end with a line.
    covered: Option<Covered>,
    /// The rule for the identities of its links.
    pub(super) identity: Identity,
    /// What is remembered of it.
    detail: Detail,
}

#[derive(Debug)]
struct Entry {
    id: u64,
    bytes: u64,
    mtime_ns: u64,
    /// Where its name begins in `names`.
    name: u32,
    name_length: u16,
    /// The length of the notes that follow the name (see [`notes`]), the number of the checksums after that, and the flags
    /// below.
    rest: u16,
}

impl Entry {
    const NOTES: u16 = 0x07ff;
    const CHECKSUM: u16 = 0x0800;
    const CHECKSUMS: u16 = 0x1800;
    /// See [`Previous::is_suspect`], and so on.
    const SUSPECT: u16 = 0x2000;
    const FOUND: u16 = 0x4000;
    const SECOND: u16 = 0x8000;

    fn has(&self, flag: u16) -> bool {
        self.rest & flag != 0
    }
}

impl History {
    /// Reads the journal of `layout`, if it exists. Each file in it has its name, unless the process that wrote the record has
    /// been killed: no process is between the two while the length of the journal is taken.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or is not a regular file with one name.
    pub(crate) fn of(layout: &Layout, detail: Detail, identity: Identity) -> io::Result<Self> {
        let opened = layout
            .state_folder()
            .and_then(|state| Ok((journal_in(&state)?, state)));
        let (file, state) = match opened {
            Ok(opened) => opened,
            // no run has written one yet; if its folder cannot be created, the first write fails
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
            {
                return Ok(Self::with(identity));
            }
            Err(error) => return Err(error),
        };
        let mut history = Self::with(identity);
        history.length = between_turns(&state, || file.metadata())?.len();
        let mut journal = history.skip_indexed(&state, &file, detail)?;
        let rest = history.length - history.indexed;
        history.add_all((&mut journal).take(rest), detail)?;
        history.covered = journal.covered();
        Ok(history)
    }

    /// Reads a journal.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn read(journal: impl Read, detail: Detail) -> io::Result<Self> {
        let mut history = Self::default();
        history.add_all(journal, detail)?;
        Ok(history)
    }

    fn with(identity: Identity) -> Self {
        Self {
            identity,
            ..Self::default()
        }
    }

    /// The file of the link `id`: the one that was saved last and still `exists` as it was saved.
    ///
    /// A kill may come between a record and its file, and then an earlier record is the true one. It is not if its file has
    /// another name and another link has that file: then this link has left it, because the two no longer agree.
    pub fn find(&self, id: u64, exists: impl Fn(&Saved) -> bool) -> Option<Previous> {
        if self.pending.contains_key(&id) {
            return None;
        }
        let mut entries = self.files[self.range(id)].iter().rev();
        let last = self.previous(entries.next()?);
        if exists(&last.saved) {
            return Some(last);
        }
        let mut earlier = entries.map(|entry| self.previous(entry));
        let found = earlier.find(|earlier| exists(&earlier.saved))?;
        let file = &found.saved.file;
        let has_it = |other: u64| {
            let last = self.files[self.range(other)].last();
            last.map(|last| self.previous(last).saved)
                .is_some_and(|last| last.file == *file && exists(&last))
        };
        let left = *file != last.saved.file && self.owners(file, id).any(has_it);
        (!left).then_some(found)
    }

    /// The files on their way to a bucket of which nobody knows whether they have arrived, each with the identity of its link.
    pub(super) fn pending(&self) -> impl Iterator<Item = (u64, &Pending)> {
        self.pending.iter().map(|(id, pending)| (*id, pending))
    }

    /// Whether there are such files.
    pub(crate) fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// The file that was saved last for the link `id`.
    pub(super) fn last_of(&self, id: u64) -> Option<Previous> {
        self.all(id).next()
    }

    /// All files that were saved for the link `id`, the last one first.
    pub(super) fn all(&self, id: u64) -> impl Iterator<Item = Previous> {
        let entries = self.files[self.range(id)].iter().rev();
        entries.map(|entry| self.previous(entry))
    }

    /// The file that was saved last for each link.
    pub(super) fn each_last(&self) -> impl Iterator<Item = Last<'_>> {
        let groups = self.files.chunk_by(|one, other| one.id == other.id);
        let lasts = groups.filter_map(<[Entry]>::last);
        lasts.map(|last| Last {
            id: last.id,
            file: self.name(last),
            look: (last.bytes, last.mtime_ns),
        })
    }

    /// Whether a file with exactly this name was saved for any link.
    pub(super) fn has_name(&self, file: &str) -> bool {
        let mut entries = self
            .owners_of(file)
            .flat_map(|id| &self.files[self.range(id)]);
        entries.any(|entry| self.name(entry) == file)
    }

    /// Whether a file looks like that of another link, which has another name than `file`.
    pub(super) fn looks_like_another(&self, file: &str, bytes: u64, mtime_ns: u64) -> bool {
        let looks = self.looks.get_or_init(|| {
            let lasts = self.each_last();
            let looks = lasts.map(|last| (last.look.0, last.look.1, name::key(last.file)));
            let mut looks: Vec<_> = looks.collect();
            looks.sort_unstable();
            looks
        });
        let begin = looks.partition_point(|look| *look < (bytes, mtime_ns, 0));
        let same = looks[begin..].iter();
        let mut same = same.take_while(|look| (look.0, look.1) == (bytes, mtime_ns));
        let key = name::key(file);
        same.any(|look| look.2 != key)
    }

    /// Whether a file of this name and of `bytes` was saved for a link other than `id`.
    pub(super) fn is_of_another(&self, file: &str, bytes: u64, id: u64) -> bool {
        let entries = self
            .owners(file, id)
            .flat_map(|other| &self.files[self.range(other)]);
        let key = name::key(file);
        entries
            .into_iter()
            .any(|entry| entry.bytes == bytes && name::key(self.name(entry)) == key)
    }

    /// The file that the link `id` should have: the one that it has, or else the one that was saved last.
    pub(crate) fn expected(&self, id: u64, exists: impl Fn(&Saved) -> bool) -> Option<Saved> {
        let last = || self.files[self.range(id)].last();
        let found = self.find(id, exists);
        found
            .or_else(|| Some(self.previous(last()?)))
            .map(|previous| previous.saved)
    }

    /// The links other than `id` that have the file `file`, which still `exists` as it was saved; also under a name that
    /// differs in case.
    pub(super) fn sharers(
        &self,
        file: &str,
        id: u64,
        exists: impl Fn(&Saved) -> bool,
    ) -> impl Iterator<Item = (u64, Saved)> {
        let key = name::key(file);
        let found = self
            .owners(file, id)
            .filter_map(move |other| Some((other, self.find(other, &exists)?.saved)));
        found.filter(move |(_, saved)| name::key(&saved.file) == key)
    }

    /// The links other than `id` that have or had a file of this name.
    fn owners(&self, file: &str, id: u64) -> impl Iterator<Item = u64> {
        self.owners_of(file).filter(move |owner| *owner != id)
    }

    /// The links that have or had a file of this name.
    fn owners_of(&self, file: &str) -> impl Iterator<Item = u64> {
        let owners = self.owners.get_or_init(|| {
            let entries = self.files.iter();
            let owner = |entry: &Entry| (name::key(self.name(entry)), entry.id);
            let mut owners: Vec<_> = entries.map(owner).collect();
            owners.sort_unstable();
            owners.dedup();
            owners
        });
        let key = name::key(file);
        let begin = owners.partition_point(|owner| *owner < (key, 0));
        let same = owners[begin..].iter().take_while(move |(of, _)| *of == key);
        same.map(|(_, owner)| *owner)
    }

    /// Whether the command for the file of the link `id` must still be run.
    pub fn awaits_exec(&self, id: u64) -> bool {
        self.unfinished.contains(&id)
    }

    /// Forgets the files of the link `id`, although they may be there.
    pub fn forget(&mut self, id: u64) {
        let last = self.last_of(id);
        self.files.drain(self.range(id));
        self.forgotten.entry(id).or_insert(last);
    }

    /// Forgets the files of all of these links.
    pub(crate) fn forget_all(&mut self, ids: &[u64]) {
        for id in ids {
            self.forget(*id);
        }
    }

    /// Whether the files of the link `id` have been forgotten.
    pub(super) fn has_forgotten(&self, id: u64) -> bool {
        self.forgotten.contains_key(&id)
    }

    /// The last file of the link `id`, if it has been forgotten.
    pub(super) fn last_forgotten(&self, id: u64) -> Option<&Previous> {
        self.forgotten.get(&id)?.as_ref()
    }

    fn range(&self, id: u64) -> Range<usize> {
        let begin = self.files.partition_point(|entry| entry.id < id);
        let rest = self.files[begin..].iter();
        begin..begin + rest.take_while(|entry| entry.id == id).count()
    }

    fn name(&self, entry: &Entry) -> &str {
        text(&self.names[entry.name as usize..][..entry.name_length.into()])
    }

    /// The notes of a file, and the bytes of its checksums with what follows them.
    fn rest(&self, entry: &Entry) -> (&str, &[u8]) {
        let rest = &self.names[entry.name as usize + usize::from(entry.name_length)..];
        let (notes, checksums) = rest.split_at((entry.rest & Entry::NOTES).into());
        (text(notes), checksums)
    }

    fn checksums(&self, entry: &Entry) -> Vec<Checksum> {
        let mut rest = self.rest(entry).1;
        let count = (entry.rest & Entry::CHECKSUMS) / Entry::CHECKSUM;
        let next = |_| {
            let (checksum, after) = Checksum::stored(rest)?;
            rest = after;
            Some(checksum)
        };
        (0..count).map_while(next).collect()
    }

    fn previous(&self, entry: &Entry) -> Previous {
        let mut notes = self.rest(entry).0.split('\n');
        let mut note = || notes.next().filter(|note| !note.is_empty());
        let (etag, last_modified) = (note().map(str::to_owned), note().map(str::to_owned));
        let modified = UNIX_EPOCH + Duration::from_nanos(entry.mtime_ns);
        let mut saved = Saved::present(self.name(entry).to_owned(), entry.bytes, modified);
        let checksums = self.checksums(entry);
        let sha256 = checksums
            .iter()
            .find(|known| known.algorithm() == Algorithm::Sha256);
        saved.sha256 = sha256.map(Checksum::digits);
        if self.detail == Detail::Records {
            let status = note().and_then(|status| status.parse().ok());
            saved.inode = note().and_then(|inode| inode.parse().ok());
            saved.suspect = note().map(|why| why.to_owned().into());
            saved.answer = Some(Answer {
                status,
                etag: etag.clone(),
                last_modified: last_modified.clone(),
                final_url: note().map(str::to_owned),
            });
        }
        Previous {
            etag,
            last_modified,
            checksums,
            is_suspect: entry.has(Entry::SUSPECT),
            is_found: entry.has(Entry::FOUND),
            is_second: entry.has(Entry::SECOND),
            ..Previous::of(saved)
        }
    }

    fn add_all(&mut self, journal: impl Read, detail: Detail) -> io::Result<()> {
        self.detail = detail;
        let indexed = self.files.len();
        // how many of the files of a link, and of those of a name, are not there any more: links may share a file
        let mut gone: HashMap<u64, usize> = HashMap::new();
        let mut gone_names: HashMap<u64, usize> = HashMap::new();
        each_line(journal, |line, text| {
            let id = line.id(&self.identity);
            match line.says() {
                Says::Saved => self.add(id, line),
                Says::Uploading => {
                    self.pending.insert(id, Pending::new(line, text));
                    return;
                }
                Says::Void => {}
                Says::Gone => {
                    gone.insert(id, self.files.len());
                    gone_names.insert(name::key(&line.file), self.files.len());
                }
            }
            self.pending.remove(&id);
        })?;
        if !gone.is_empty() {
            let is_gone: Vec<_> = zip(1.., &self.files)
                .map(|(count, entry)| {
                    let key = name::key(self.name(entry));
                    let ends = [gone.get(&entry.id), gone_names.get(&key)];
                    ends.into_iter().flatten().any(|end| count <= *end)
                })
                .collect();
            let mut is_gone = is_gone.into_iter();
            self.files.retain(|_| is_gone.next() == Some(false));
        }
        if self.files.len() > indexed || !gone.is_empty() {
            self.files.sort_by_key(|entry| entry.id);
        }
        for index in 1..self.files.len() {
            if self.files[index].has(Entry::FOUND) {
                self.complete(index);
            }
        }
        Ok(())
    }

    fn add(&mut self, id: u64, line: &SavedLine) {
        if line.exec_error.is_some() {
            self.unfinished.insert(id);
        } else {
            self.unfinished.remove(&id);
        }
        let flags = [
            (line.is_suspect(), Entry::SUSPECT),
            (line.is_found(), Entry::FOUND),
            (line.kept.is_some(), Entry::SECOND),
        ];
        let flags = flags.iter().filter(|(is_set, _)| *is_set);
        let flags = flags.map(|(_, flag)| flag).sum();
        let file = File {
            name: &line.file,
            notes: &notes(line, self.detail),
            checksums: &line.checksums(),
            flags,
        };
        if let Some((name, name_length, rest)) = self.keep(&file) {
            self.files.push(Entry {
                id,
                bytes: line.bytes,
                mtime_ns: line.mtime_ns,
                name,
                name_length,
                rest,
            });
        }
    }

    /// Stores what is known of a file besides its numbers. Returns where, and what is needed to find it again.
    fn keep(&mut self, file: &File) -> Option<(u32, u16, u16)> {
        // all names together are shorter than 4 GiB
        let name = self.names.len().try_into().ok()?;
        let name_length = file.name.len().try_into().ok()?;
        let length = u16::try_from(file.notes.len()).unwrap_or(u16::MAX);
        let length = if length > Entry::NOTES { 0 } else { length };
        let most = Entry::CHECKSUMS / Entry::CHECKSUM;
        let checksums = file.checksums.iter().take(most.into());
        self.names.extend_from_slice(file.name.as_bytes());
        self.names
            .extend_from_slice(&file.notes.as_bytes()[..length.into()]);
        let mut rest = length | file.flags;
        for checksum in checksums {
            checksum.store(&mut self.names);
            rest += Entry::CHECKSUM;
        }
        Some((name, name_length, rest))
    }

    /// Completes an entry of a file that was found with what the one before says about the same file.
    fn complete(&mut self, index: usize) {
        let (before, found) = (&self.files[index - 1], &self.files[index]);
        if before.id != found.id || before.bytes != found.bytes {
            return;
        }
        let known = |entry: &Entry| (self.rest(entry).0.to_owned(), self.checksums(entry));
        let ((old_notes, old_checksums), (notes, checksums)) = (known(before), known(found));
        let name = self.name(found).to_owned();
        let notes_of_both = completed(&notes, &old_notes);
        let flags = before.rest & (Entry::SUSPECT | Entry::SECOND);
        // as one from an index may be
        let is_complete = notes_of_both == notes
            && (!checksums.is_empty() || old_checksums.is_empty())
            && found.rest & flags == flags;
        if is_complete {
            return;
        }
        let file = File {
            name: &name,
            notes: &notes_of_both,
            checksums: if checksums.is_empty() {
                &old_checksums
            } else {
                &checksums
            },
            flags: flags | (found.rest & !Entry::NOTES & !Entry::CHECKSUMS),
        };
        if let Some((name, _, rest)) = self.keep(&file) {
            let found = &mut self.files[index];
            (found.name, found.rest) = (name, rest);
        }
    }
}

/// The file that was saved last for a link.
pub(super) struct Last<'a> {
    pub(super) id: u64,
    pub(super) file: &'a str,
    /// Its length, and its time in nanoseconds since 1970.
    pub(super) look: (u64, u64),
}

/// What is known of a file besides its numbers.
struct File<'a> {
    name: &'a str,
    notes: &'a str,
    checksums: &'a [Checksum],
    flags: u16,
}

/// What is kept of a record besides the file and its checksums, one note a line: the entity tag, the date, the status code, the
/// inode, why it is suspect, and the URL that responded. Those that do not fit are left out, from the last one on.
fn notes(line: &SavedLine, detail: Detail) -> String {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let number = |number: Option<u64>| number.map_or_else(String::new, |number| number.to_string());
    let mut notes = match detail {
        Detail::Files => return String::new(),
        Detail::Validators => vec![text(&line.etag), text(&line.last_modified)],
        Detail::Records => vec![
            text(&line.etag),
            text(&line.last_modified),
            number(line.http_status.map(u64::from)),
            number(line.inode),
            line.suspect.as_deref().unwrap_or_default().to_owned(),
            line.final_url.as_deref().unwrap_or_default().to_owned(),
        ],
    };
    // not one of ours: it would be taken for several
    for note in notes.iter_mut().filter(|note| note.contains('\n')) {
        note.clear();
    }
    let mut length = 0;
    for note in &mut notes {
        length += note.len() + 1;
        if length > Entry::NOTES.into() {
            length -= mem::take(note).len();
        }
    }
    notes.join("\n")
}

/// The `notes` of a file that was found, in place of which those that were made before count where they say nothing.
fn completed(notes: &str, before: &str) -> String {
    let mut before = before.split('\n');
    let notes = notes.split('\n').map(|note| {
        let before = before.next().unwrap_or_default();
        if note.is_empty() { before } else { note }
    });
    notes.collect::<Vec<_>>().join("\n")
}

/// Bytes that were a text when they were stored.
fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("a text is stored as a whole")
}

/// How much of the journal a run needs to remember.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Detail {
    /// The files.
    #[default]
    Files,
    /// And their validators, for requests that ask whether a file has changed.
    Validators,
    /// And what else there is to say about them in the records of this run.
    Records,
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use proptest::prelude::*;
    use url::Url;

    use super::super::saved_line::{each_saved, each_saved_at, next_saved};
    use super::*;
    use crate::digest::fingerprint;
    use crate::link::SourceLine;
    use crate::outcome::{Answer, Failure, Outcome, Record, Status};

    /// One line of a journal, or what others made of it.
    #[derive(Debug, Clone)]
    enum Line {
        Saved(Previous, usize, bool),
        Failed(usize),
        /// The first part of a record, of this share of its length.
        Torn(Previous, usize, f64),
        Garbage(Vec<u8>),
        /// A line of this many bytes.
        Long(usize),
    }

    fn url(number: usize) -> Url {
        let url = format!("http://a.example/{number}.pdf");
        Url::parse(&url).expect("a URL")
    }

    fn id(number: usize) -> u64 {
        fingerprint(url(number).as_str())
    }

    fn record(number: usize, outcome: Outcome) -> Record {
        let place = SourceLine {
            source: "links.txt".into(),
            line: 1,
        };
        Record::new(&place, &url(number), outcome)
    }

    fn answer(previous: &Previous) -> Answer {
        Answer {
            etag: previous.etag.clone(),
            last_modified: previous.last_modified.clone(),
            ..Answer::default()
        }
    }

    fn saved_record(previous: &Previous, number: usize) -> Record {
        record(
            number,
            Outcome::Saved(Saved {
                status: Status::Downloaded,
                answer: Some(answer(previous)),
                ..previous.saved.clone()
            }),
        )
    }

    impl Line {
        fn bytes(&self) -> Vec<u8> {
            match self {
                Self::Saved(previous, number, awaits_exec) => {
                    let mut record = saved_record(previous, *number);
                    record.exec_error = awaits_exec.then(|| "not run yet".to_owned());
                    record.to_json_line()
                }
                Self::Failed(number) => {
                    let failure = Outcome::Failed(Failure::new(Status::Dns, "no such host"));
                    record(*number, failure).to_json_line()
                }
                Self::Torn(previous, number, share) => {
                    let mut line = saved_record(previous, *number).to_json_line();
                    #[expect(
                        clippy::cast_possible_truncation,
                        clippy::cast_sign_loss,
                        clippy::cast_precision_loss,
                        reason = "a share of a short line"
                    )]
                    // at least the closing brace is missing
                    line.truncate(((line.len() - 2) as f64 * share) as usize);
                    line.push(b'\n');
                    line
                }
                Self::Garbage(bytes) => [bytes, &b"\n"[..]].concat(),
                Self::Long(length) => [&vec![b'{'; *length], &b"\n"[..]].concat(),
            }
        }
    }

    fn previous() -> impl Strategy<Value = Previous> {
        let file = ".{0,12}(/.{0,12})?".prop_filter_map("a name", |file| name::safe_path(&file));
        let validator = || proptest::option::of("[ -~]{1,12}");
        (file, any::<(u64, u64)>(), validator(), validator()).prop_map(
            |(file, (bytes, mtime_ns), etag, last_modified)| {
                let modified = UNIX_EPOCH + Duration::from_nanos(mtime_ns);
                Previous {
                    etag,
                    last_modified,
                    ..Previous::of(Saved::present(file, bytes, modified))
                }
            },
        )
    }

    fn line() -> impl Strategy<Value = Line> {
        let garbage = prop::collection::vec(any::<u8>(), 0..60);
        prop_oneof![
            4 => (previous(), 0..4usize, any::<bool>())
                .prop_map(|(previous, number, exec)| Line::Saved(previous, number, exec)),
            1 => (0..4usize).prop_map(Line::Failed),
            1 => (previous(), 0..4usize, 0.0..=1.0f64)
                .prop_map(|(previous, number, share)| Line::Torn(previous, number, share)),
            1 => garbage.prop_map(Line::Garbage),
            1 => (65_000..140_000usize).prop_map(Line::Long),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn every_record_of_a_saved_file_is_found_again(
            lines in prop::collection::vec(line(), 0..12),
            torn in proptest::option::of(previous()),
        ) {
            let mut journal: Vec<u8> = lines.iter().flat_map(Line::bytes).collect();
            if let Some(torn) = torn {
                let line = saved_record(&torn, 0).to_json_line();
                journal.extend_from_slice(&line[..line.len() - 2]);
            }
            let (mut by_link, mut seen) = (HashMap::new(), Vec::new());
            for line in &lines {
                if let Line::Saved(previous, number, awaits_exec) = line {
                    let saved = by_link.entry(*number).or_insert_with(Vec::new);
                    saved.push((previous.clone(), *awaits_exec));
                    seen.push((url(*number).to_string(), previous.saved.clone()));
                }
            }

            let mut found = Vec::new();
            each_saved(&journal[..], |line| {
                let answer = None;
                found.push((line.url.to_string(), Saved { answer, ..line.to_saved() }));
            }).expect("bytes can be read");
            prop_assert_eq!(found, seen);

            let history = History::read(&journal[..], Detail::Validators).expect("bytes can be read");
            for number in 0..4 {
                let saved = by_link.get(&number).map_or(&[][..], Vec::as_slice);
                let last = saved.last();
                prop_assert_eq!(history.find(id(number), |_| true), last.map(|(last, _)| last.clone()));
                prop_assert_eq!(history.awaits_exec(id(number)), last.is_some_and(|(_, exec)| *exec));
                prop_assert_eq!(history.find(id(number), |_| false), None);
            }
            let history = History::read(&journal[..], Detail::Records).expect("bytes can be read");
            for (number, saved) in &by_link {
                let (mut expected, _) = saved.last().expect("one at least").clone();
                expected.saved.answer = Some(answer(&expected));
                prop_assert_eq!(history.find(id(*number), |_| true), Some(expected));
            }
            let history = History::read(&journal[..], Detail::Files).expect("bytes can be read");
            for (number, saved) in &by_link {
                let found = history.find(id(*number), |_| true).map(|found| found.saved);
                prop_assert_eq!(found.as_ref(), saved.last().map(|(last, _)| &last.saved));
            }
        }

        #[test]
        fn an_index_changes_nothing_but_the_time(
            before in prop::collection::vec(line(), 0..12), after in prop::collection::vec(line(), 0..6),
            (damage, at, cut) in (0..4u8, any::<prop::sample::Index>(), any::<bool>()),
        ) {
            let folder = tempfile::tempdir().expect("a folder");
            let layout = Layout::new(folder.path().to_owned(), Some(folder.path().to_owned()));
            let state = layout.state_folder().expect("a folder");
            let bytes = |lines: &[Line]| lines.iter().flat_map(Line::bytes).collect::<Vec<u8>>();
            let (journal, index) = (folder.path().join("journal.jsonl"), folder.path().join("journal.validators.index"));
            let write = |bytes: &[u8]| std::fs::write(&journal, bytes).expect("it can be written");
            let read = || History::of(&layout, Detail::Validators, Identity::Url).expect("it can be read");
            let all = |history: &History| (0..4).map(|number| {
                (history.all(id(number)).collect::<Vec<_>>(), history.awaits_exec(id(number)))
            }).collect::<Vec<_>>();
            write(&bytes(&before));
            let first = read();
            first.write(&state, first.covered.expect("whole lines"), Detail::Validators).expect("it can be written");
            prop_assert_eq!(all(&read()), all(&first));
            prop_assert_eq!(read().indexed, first.length);

            let mut lines = [bytes(&before), bytes(&after)].concat();
            // somebody edits the journal, or the index
            let mut damaged = if damage == 1 { lines.clone() } else { std::fs::read(&index).expect("an index") };
            if damage > 0 && !damaged.is_empty() {
                let at = at.index(damaged.len());
                damaged[at] ^= 1 << (damage + 3);
                if cut {
                    damaged.truncate(at);
                }
                if damage == 1 {
                    lines = damaged;
                } else {
                    std::fs::write(&index, damaged).expect("it can be written");
                }
            }
            write(&lines);
            let with = read();
            prop_assert!(damage < 2 || with.indexed == 0);
            std::fs::remove_file(&index).expect("an index");
            prop_assert_eq!(all(&with), all(&read()));
        }

        #[test]
        fn an_earlier_record_is_found_if_the_last_is_untrue(
            previous in previous(), lengths in prop::collection::vec(any::<u64>(), 1..5), other in any::<bool>(),
        ) {
            let version = |bytes: &u64| {
                let mut version = previous.clone();
                version.saved.bytes = *bytes;
                version
            };
            let versions: Vec<_> = lengths.iter().map(version).collect();
            let mut lines: Vec<_> = versions.iter().map(|version| saved_record(version, 0)).collect();
            if other {
                let mut other = previous.clone();
                other.saved.file.insert(0, 'x');
                lines.push(saved_record(&other, 0));
            }
            let journal: Vec<_> = lines.iter().flat_map(Record::to_json_line).collect();
            let history = History::read(&journal[..], Detail::Validators).expect("bytes can be read");
            for version in &versions {
                let found = history.find(id(0), |saved| *saved == version.saved);
                prop_assert_eq!(found, Some(version.clone()));
            }
        }

        #[test]
        fn a_link_that_has_left_a_file_to_another_does_not_get_it_back(
            shared in previous(), own in previous(), number in 1..4usize,
        ) {
            prop_assume!(name::key(&shared.saved.file) != name::key(&own.saved.file));
            let records = [(&shared, 0), (&shared, number), (&own, 0)];
            let journal: Vec<_> = records.iter().flat_map(|(file, link)| saved_record(file, *link).to_json_line()).collect();
            let history = History::read(&journal[..], Detail::Validators).expect("bytes can be read");
            let exists = |saved: &Saved| *saved == shared.saved;
            prop_assert_eq!(history.find(id(0), exists), None);
            prop_assert_eq!(history.find(id(number), exists), Some(shared.clone()));
            let sharers = |link| history.sharers(&shared.saved.file.to_ascii_uppercase(), id(link), exists).count();
            prop_assert_eq!((sharers(0), sharers(number)), (1, 0));
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(
            pieces in prop::collection::vec(prop_oneof![
                Just(b"{\"url\":\"".to_vec()), Just(b"\",\"file\":\"".to_vec()), Just(b"\",\"bytes\":".to_vec()),
                Just(b",\"mtime_ns\":".to_vec()), Just(b"}\n".to_vec()), Just(b"\\u0000\xff".to_vec()),
                prop::collection::vec(any::<u8>(), 0..80),
                any::<u64>().prop_map(|number| number.to_string().into_bytes()),
            ], 0..40),
        ) {
            let journal = pieces.concat();
            for detail in [Detail::Files, Detail::Validators, Detail::Records] {
                let mut history = History::read(&journal[..], detail).expect("bytes can be read");
                for id in history.files.iter().map(|entry| entry.id).collect::<Vec<_>>() {
                    prop_assert!(history.find(id, |_| true).is_some());
                    history.forget(id);
                    prop_assert!(history.find(id, |_| true).is_none());
                }
            }
        }

        #[test]
        fn no_file_leads_out_of_the_folder(
            parts in prop::collection::vec(prop_oneof![
                Just(String::new()), Just(".".to_owned()), Just("..".to_owned()), "[a-z .]{1,4}", ".{0,4}", "[a-z]{1,3}\\.pdf",
            ], 0..6),
        ) {
            let file = parts.join("/");
            let line = serde_json::json!({"url": "u", "file": file, "bytes": 1, "mtime_ns": 1});
            let mut found = None;
            let journal = line.to_string();
            each_saved(journal.as_bytes(), |line| found = Some(line.file.to_string()))
                .expect("bytes can be read");
            let ours = name::is_acceptable(&file).then_some(file);
            prop_assert_eq!(&found, &ours);
            prop_assert!(found.is_none_or(|file| !file.starts_with(['/', '.']) && !file.contains("/.")));
        }

        #[test]
        fn places_of_records_are_where_they_are(lines in prop::collection::vec(line(), 0..12)) {
            let journal: Vec<u8> = lines.iter().flat_map(Line::bytes).collect();
            let mut seen = Vec::new();
            each_saved_at(BufReader::new(&journal[..]), |place, line| seen.push((place, line.to_saved()))).expect("bytes can be read");
            for (place, saved) in seen {
                let place = usize::try_from(place).expect("a short journal");
                let next = next_saved(&journal[place..]).expect("bytes can be read");
                prop_assert_eq!(next, Some((saved, Vec::new())));
            }
        }
    }

    #[test]
    fn a_record_may_be_longer_than_a_line_of_a_list() {
        let saved = Saved::present("a.pdf".to_owned(), 1, UNIX_EPOCH);
        let mut record = record(1, Outcome::Saved(saved.clone()));
        record.exec_error = Some("x".repeat(200_000));
        let history = History::read(&record.to_json_line()[..], Detail::Files);
        let found = history.expect("bytes can be read").find(id(1), |_| true);
        assert_eq!(found.map(|found| found.saved), Some(saved));
    }

    #[test]
    fn file_that_is_gone_is_gone_for_all_links_that_shared_it() {
        let line = |number, field| {
            let url = url(number);
            format!(
                "{{\"url\":\"{url}\",\"file\":\"a.pdf\",\"bytes\":1,\"mtime_ns\":1,\"{field}\":\"downloaded\"}}\n"
            )
        };
        let journal = [
            line(1, "status"),
            line(2, "status"),
            line(1, "gone"),
            line(3, "status"),
        ];
        let history = History::read(journal.concat().as_bytes(), Detail::Files);
        let history = history.expect("bytes can be read");
        let found = [1, 2, 3].map(|number| history.find(id(number), |_| true).is_some());
        assert_eq!(found, [false, false, true]);
    }

    #[test]
    fn notes_are_completed_and_left_out_if_they_are_too_long() {
        let long = "x".repeat(1500);
        let line = |status, answer: &str| {
            let file = r#""url":"http://a.example/1.pdf","file":"a.pdf","bytes":1,"mtime_ns":1"#;
            format!("{{{file},\"status\":\"{status}\"{answer}}}\n")
        };
        let all = format!(
            r#","etag":"\"v\"","http_status":200,"inode":7,"suspect":"why","final_url":"http://b.example/{long}""#
        );
        let too_long = format!(r#","etag":"{long}","final_url":"http://b.example/{long}""#);
        let two_lines = r#","etag":"a\nb","last_modified":"c""#;
        let found = |journal: &[String]| {
            let journal = journal.concat();
            let history = History::read(journal.as_bytes(), Detail::Records);
            let history = history.expect("bytes can be read");
            history.find(id(1), |_| true).expect("a file").saved
        };
        let saved = found(&[line("downloaded", &all), line("present", ",\"inode\":8")]);
        let answer = saved.answer.expect("an answer");
        assert_eq!(
            (saved.inode, saved.suspect.as_deref()),
            (Some(8), Some("why"))
        );
        assert_eq!(
            (answer.status, answer.etag.as_deref()),
            (Some(200), Some("\"v\""))
        );
        assert_eq!(answer.final_url, Some(format!("http://b.example/{long}")));
        let answer = found(&[line("downloaded", &too_long)]).answer;
        let answer = answer.expect("an answer");
        assert_eq!((answer.etag, answer.final_url), (Some(long), None));
        let answer = found(&[line("downloaded", two_lines)]).answer;
        let answer = answer.expect("an answer");
        assert_eq!(
            (answer.etag, answer.last_modified),
            (None, Some("c".to_owned()))
        );
    }
}
