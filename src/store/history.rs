//! What earlier runs saved, according to the journal of an output folder.
//!
//! Reads records, and remembers some tens of bytes per saved file, because there may be millions. The last record of a link
//! counts. Anything that is not the record of a saved file is ignored: torn lines, failures, what others wrote.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read};
use std::ops::Range;
use std::path::{Component, Path};
use std::time::{Duration, UNIX_EPOCH};

use serde::Deserialize;

use crate::digest::fingerprint;
use crate::line::{LONGEST_LINE, read_line};
use crate::outcome::Saved;
use crate::plan::Previous;
use crate::system::files::open_plain;

/// The files that earlier runs saved, by the identity of the link.
#[derive(Debug, Default)]
pub struct History {
    /// The names of all files, each followed by its validators.
    names: String,
    /// Links whose command failed or was not run.
    unfinished: HashSet<u64>,
    /// In the order of their identities.
    files: Vec<Entry>,
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
    /// Reads the journal at `path`, if it exists, and returns its length in bytes as well.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or is not a regular file.
    pub fn of(path: &Path, detail: Detail) -> io::Result<(Self, u64)> {
        let file = match open_plain(path, File::options().read(true)) {
            Ok(file) => file,
            // no run has written one yet; if its folder cannot be created, the first write fails
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
            {
                return Ok((Self::default(), 0));
            }
            Err(error) => return Err(error),
        };
        let length = file.metadata()?.len();
        Ok((Self::read(file.take(length), detail)?, length))
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

    /// The file that was saved last for the link `id`, if it still `exists` as it was saved.
    ///
    /// A replaced file has two records. If a kill came between the second record and the replacement, the first is the true
    /// one.
    pub fn find(&self, id: u64, exists: impl Fn(&Saved) -> bool) -> Option<Previous> {
        let entries = &self.files[self.range(id)];
        let last = self.previous(entries.last()?);
        if exists(&last.saved) {
            return Some(last);
        }
        let earlier = entries.iter().rev().skip(1);
        earlier
            .map(|entry| self.previous(entry))
            .take_while(|previous| previous.saved.file == last.saved.file)
            .find(|previous| exists(&previous.saved))
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

    fn previous(&self, entry: &Entry) -> Previous {
        let (file, rest) = self.names[entry.name as usize..].split_at(entry.name_length.into());
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
        let id = fingerprint(&line.url);
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
        // a line is shorter than 64 KiB, and so is a name; all names together are shorter than 4 GiB
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

impl SavedLine<'_> {
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
    let mut reader = BufReader::with_capacity(256 * 1024, journal);
    while let Some(line) = read_line(&mut reader, LONGEST_LINE)? {
        if let Ok(saved) = serde_json::from_slice::<SavedLine>(&line.text)
            && is_inside(&saved.file)
        {
            see(&saved);
        }
    }
    Ok(())
}

/// Whether `file` cannot lead out of the output folder: a journal may have been tampered with.
fn is_inside(file: &str) -> bool {
    let is_normal = |component| matches!(component, Component::Normal(_));
    !file.is_empty() && Path::new(file).components().all(is_normal)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;
    use url::Url;

    use super::*;
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
        let file = "f[^/\\\\:]{0,12}(/f[^/\\\\:]{0,12})?";
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
        fn an_earlier_record_of_the_same_file_is_found_if_the_last_is_untrue(
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
                other.saved.file.push('x');
                lines.push(saved_record(&other, 0));
            }
            let journal: Vec<_> = lines.iter().flat_map(Record::to_json_line).collect();
            let history = History::read(&journal[..], Detail::Validators).expect("bytes can be read");
            for version in &versions {
                let found = history.find(id(0), |saved| *saved == version.saved);
                prop_assert_eq!(found, (!other).then(|| version.clone()));
            }
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
                Just(String::new()), Just(".".to_owned()), Just("..".to_owned()), "[a-z .]{1,4}", ".{0,4}",
            ], 0..6),
        ) {
            let file = parts.join("/");
            let line = serde_json::json!({"url": "u", "file": file, "bytes": 1, "mtime_ns": 1});
            let mut found = None;
            let journal = line.to_string();
            each_saved(journal.as_bytes(), |line| found = Some(line.file.to_string()))
                .expect("bytes can be read");
            let leads_out = file.starts_with('/') || parts.iter().any(|part| part.split('/').any(|part| part == ".."));
            if let Some(found) = &found {
                prop_assert_eq!(found, &file);
                prop_assert!(!leads_out && Path::new("out").join(found).starts_with("out"));
            } else {
                // also refused: no name at all, and one that begins with `.`
                prop_assert!(leads_out || file.is_empty() || file == "." || file.starts_with("./"));
            }
        }
    }
}
