//! What earlier runs saved, according to the journal of an output folder.
//!
//! Reads records, and remembers some tens of bytes per saved file, because there may be millions. The last record of a link
//! counts whose file is there. Anything that is not the record of a saved file is ignored: torn lines, failures, what others
//! wrote.

use std::borrow::Cow;
use std::collections::HashSet;
use std::io::{self, BufRead, BufReader, ErrorKind, Read};
use std::ops::Range;
use std::sync::OnceLock;
use std::time::{Duration, UNIX_EPOCH};

use serde::Deserialize;

use super::journal::{between_turns, open_journal};
use crate::line::read_line;
use crate::link::identity;
use crate::outcome::Saved;
use crate::plan::{Previous, name};
use crate::system::folder::Folder;

/// The longest record that is read, in bytes. Ours are longer than a line of a list may be if they carry long columns.
const LONGEST_RECORD: usize = 64 * 1024 * 1024;

/// How much of a journal is read at once, in bytes.
const BUFFER: usize = 256 * 1024;

/// The files that earlier runs saved, by the identity of the link.
#[derive(Debug, Default)]
pub struct History {
    /// The names of all files, each followed by its validators.
    names: String,
    /// Links whose command failed or was not run.
    unfinished: HashSet<u64>,
    /// In the order of their identities.
    files: Vec<Entry>,
    /// The key of each name with a link that has had a file of that name, in order; only if somebody asks.
    owners: OnceLock<Vec<(u64, u64)>>,
    /// The length of the journal in bytes, as far as it has been read.
    pub(super) length: u64,
}

#[derive(Debug)]
struct Entry {
    id: u64,
    bytes: u64,
    mtime_ns: u64,
    /// Where its name begins in `names`.
    name: u32,
    name_length: u16,
    /// The length of what follows the name: entity tag, line end, date; or nothing.
    validators_length: u16,
}

impl History {
    /// Reads the journal of the output folder `output`, if it exists. Each file in it has its name, unless the process that wrote the record has
    /// been killed: no process is between the two while the length of the journal is taken.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or is not a regular file with one name.
    pub(crate) fn of(output: &Folder, detail: Detail) -> io::Result<Self> {
        let file = match open_journal(output) {
            Ok(file) => file,
            // no run has written one yet; if its folder cannot be created, the first write fails
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
            {
                return Ok(Self::default());
            }
            Err(error) => return Err(error),
        };
        let length = between_turns(output, || file.metadata())?.len();
        let history = Self::read(file.take(length), detail)?;
        Ok(Self { length, ..history })
    }

    /// Reads a journal.
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

    /// The file of the link `id`: the one that was saved last and still `exists` as it was saved.
    ///
    /// A kill may come between a record and its file, and then an earlier record is the true one. It is not if its file has
    /// another name and another link has that file: then this link has left it, because the two no longer agree.
    pub fn find(&self, id: u64, exists: impl Fn(&Saved) -> bool) -> Option<Previous> {
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
            .filter(move |owner| *owner != id)
    }

    /// Whether the command for the file of the link `id` must still be run.
    pub fn awaits_exec(&self, id: u64) -> bool {
        self.unfinished.contains(&id)
    }

    /// Forgets the files of the link `id`.
    pub fn forget(&mut self, id: u64) {
        self.files.drain(self.range(id));
    }

    fn range(&self, id: u64) -> Range<usize> {
        let begin = self.files.partition_point(|entry| entry.id < id);
        let rest = self.files[begin..].iter();
        begin..begin + rest.take_while(|entry| entry.id == id).count()
    }

    fn name(&self, entry: &Entry) -> &str {
        &self.names[entry.name as usize..][..entry.name_length.into()]
    }

    fn previous(&self, entry: &Entry) -> Previous {
        let file = self.name(entry);
        let rest = &self.names[entry.name as usize + file.len()..];
        let validators = &rest[..entry.validators_length.into()];
        let (etag, last_modified) = validators.split_once('\n').unwrap_or_default();
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let modified = UNIX_EPOCH + Duration::from_nanos(entry.mtime_ns);
        Previous {
            saved: Saved::present(file.to_owned(), entry.bytes, modified),
            etag: given(etag),
            last_modified: given(last_modified),
        }
    }

    fn add(&mut self, line: &SavedLine, detail: Detail) {
        let id = identity(&line.url);
        if line.exec_error.is_some() {
            self.unfinished.insert(id);
        } else {
            self.unfinished.remove(&id);
        }
        let etag = line.etag.as_deref().unwrap_or_default();
        let date = line.last_modified.as_deref().unwrap_or_default();
        let validators = match detail {
            Detail::Files => String::new(),
            Detail::Validators => format!("{etag}\n{date}"),
        };
        let (name, name_length) = (self.names.len().try_into(), line.file.len().try_into());
        // all names together are shorter than 4 GiB
        if let (Ok(name), Ok(name_length)) = (name, name_length) {
            let validators_length = u16::try_from(validators.len()).unwrap_or(0);
            self.files.push(Entry {
                id,
                bytes: line.bytes,
                mtime_ns: line.mtime_ns,
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
    /// The files.
    Files,
    /// And their validators, for requests that ask whether a file has changed.
    Validators,
}

/// The fields of a record that only a saved file has all of.
#[derive(Debug, Deserialize)]
pub(crate) struct SavedLine<'a> {
    /// The URL in the list.
    #[serde(borrow)]
    pub url: Cow<'a, str>,
    /// The path of the file, relative to the output folder.
    #[serde(borrow)]
    pub file: Cow<'a, str>,
    /// Its length in bytes.
    pub bytes: u64,
    /// Its modification time, in nanoseconds since 1970.
    pub mtime_ns: u64,
    /// Its SHA-256 in hexadecimal, if it was computed.
    pub sha256: Option<String>,
    /// The `ETag` of the response, if it had one.
    pub etag: Option<String>,
    /// The `Last-Modified` of the response, if it had one.
    pub last_modified: Option<String>,
    /// Why the command for the file must still be run, if so.
    pub exec_error: Option<String>,
}

impl<'a> SavedLine<'a> {
    /// The record in a line of a journal; none if it is not one of a saved file, or of a file whose name we never give: a
    /// journal may have been tampered with.
    pub(super) fn parse(line: &'a [u8]) -> Option<Self> {
        let saved: Self = serde_json::from_slice(line).ok()?;
        name::is_given(&saved.file).then_some(saved)
    }

    /// The file.
    pub(crate) fn to_saved(&self) -> Saved {
        let modified = UNIX_EPOCH + Duration::from_nanos(self.mtime_ns);
        let mut saved = Saved::present(self.file.to_string(), self.bytes, modified);
        saved.sha256.clone_from(&self.sha256);
        saved
    }
}

/// Calls `see` with each record of a saved file, in order.
///
/// # Errors
///
/// When the journal cannot be read.
pub(crate) fn each_saved(journal: impl Read, mut see: impl FnMut(&SavedLine)) -> io::Result<()> {
    let journal = BufReader::with_capacity(BUFFER, journal);
    each_saved_at(journal, |_, line| see(line))
}

/// Calls `see` with each record of a saved file and the place of its line in `journal`, in order.
///
/// # Errors
///
/// When the journal cannot be read.
pub(super) fn each_saved_at(
    journal: BufReader<impl Read>,
    mut see: impl FnMut(u64, &SavedLine),
) -> io::Result<()> {
    let mut reader = Counted {
        reader: journal,
        count: 0,
    };
    loop {
        let place = reader.count;
        let Some(line) = read_line(&mut reader, LONGEST_RECORD)? else {
            return Ok(());
        };
        if let Some(saved) = SavedLine::parse(&line.text) {
            see(place, &saved);
        }
    }
}

/// The file that the next line of `journal` records, if so.
///
/// # Errors
///
/// When the journal cannot be read.
pub(super) fn next_saved(journal: impl Read) -> io::Result<Option<Saved>> {
    let line = read_line(&mut BufReader::new(journal), LONGEST_RECORD)?;
    Ok(line.and_then(|line| Some(SavedLine::parse(&line.text)?.to_saved())))
}

/// Counts the bytes that are taken from a reader.
struct Counted<R> {
    reader: BufReader<R>,
    count: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.reader.read(buffer)?;
        self.count += length as u64;
        Ok(length)
    }
}

impl<R: Read> BufRead for Counted<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.reader.fill_buf()
    }

    fn consume(&mut self, length: usize) {
        self.count += length as u64;
        self.reader.consume(length);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;
    use url::Url;

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

    fn saved_record(previous: &Previous, number: usize) -> Record {
        let answer = Answer {
            etag: previous.etag.clone(),
            last_modified: previous.last_modified.clone(),
            ..Answer::default()
        };
        record(
            number,
            Outcome::Saved(Saved {
                status: Status::Downloaded,
                answer: Some(answer),
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
                    saved: Saved::present(file, bytes, modified),
                    etag,
                    last_modified,
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
                found.push((line.url.to_string(), line.to_saved()));
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
            let history = History::read(&journal[..], Detail::Files).expect("bytes can be read");
            for (number, saved) in &by_link {
                let found = history.find(id(*number), |_| true).map(|found| found.saved);
                prop_assert_eq!(found.as_ref(), saved.last().map(|(last, _)| &last.saved));
            }
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
            for detail in [Detail::Files, Detail::Validators] {
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
            let ours = name::safe_path(&file).filter(|safe| *safe == file);
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
                prop_assert_eq!(next_saved(&journal[place..]).expect("bytes can be read"), Some(saved));
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
}
