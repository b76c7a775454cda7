//! The lines of a journal that are records of saved files.
//!
//! Anything else is ignored: torn lines, failures, what others wrote.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read};
use std::time::{Duration, UNIX_EPOCH};

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::digest::{Algorithm, Checksum};
use crate::line::read_line;
use crate::link::Details;
use crate::outcome::{Answer, LONGEST_RECORD, Saved, Status};
use crate::plan::{Identity, name};

/// How much of a journal is read at once, in bytes.
const BUFFER: usize = 256 * 1024;

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
    /// Where it begins in its tar, if it is in one.
    pub offset: Option<u64>,
    /// Its SHA-256 in hexadecimal, if it was computed.
    pub sha256: Option<String>,
    /// The `ETag` of the response, if it had one.
    pub etag: Option<String>,
    /// The `ETag` of the object that it is, in a bucket.
    #[serde(borrow)]
    pub object_etag: Option<Cow<'a, str>>,
    /// The `Last-Modified` of the response, if it had one.
    pub last_modified: Option<String>,
    /// Why the command for the file must still be run, if so.
    pub exec_error: Option<String>,
    /// The inode of the file.
    pub inode: Option<u64>,
    /// The word for its outcome, as it is in the line: for each of millions, this is quicker than a text.
    #[serde(borrow)]
    status: Option<&'a RawValue>,
    /// Why the file may be damaged.
    #[serde(borrow)]
    pub(super) suspect: Option<Cow<'a, str>>,
    /// The status code of the response.
    pub(super) http_status: Option<u16>,
    /// The URL that responded, if it is not the one in the list.
    #[serde(borrow)]
    pub(super) final_url: Option<Cow<'a, str>>,
    /// The earlier file that was kept beside it.
    pub(super) kept: Option<IgnoredAny>,
    /// The checksum from the list, which the file has.
    #[serde(borrow)]
    checksum: Option<Cow<'a, str>>,
    /// The identity of the link, if it is not its URL.
    #[serde(borrow)]
    identity: Option<Cow<'a, str>>,
    /// The name for the file from the list.
    #[serde(borrow)]
    name: Option<Cow<'a, str>>,
    /// The columns of the list that were carried along.
    #[serde(borrow)]
    columns: Option<&'a RawValue>,
    /// The status that the record will have when the file has arrived in its bucket.
    uploading: Option<IgnoredAny>,
    /// In place of a status: the file has been taken out of its bucket.
    gone: Option<IgnoredAny>,
    /// In place of a status: the file has not arrived in its bucket.
    void: Option<IgnoredAny>,
}

/// What a line of a journal says of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Says {
    /// It is there.
    Saved,
    /// It is on its way to its bucket.
    Uploading,
    /// It has not arrived there: nothing has changed.
    Void,
    /// It is not there any more.
    Gone,
}

impl<'a> SavedLine<'a> {
    /// The record in a line of a journal; none if it is not one of a saved file, or of a file whose name we never give: a
    /// journal may have been tampered with.
    pub(super) fn parse(line: &'a [u8]) -> Option<Self> {
        let saved = Self::parse_any(line)?;
        (saved.says() == Says::Saved).then_some(saved)
    }

    /// The same, whatever it says of the file.
    fn parse_any(line: &'a [u8]) -> Option<Self> {
        let saved: Self = serde_json::from_slice(line).ok()?;
        name::is_acceptable(&saved.file).then_some(saved)
    }

    /// What it says of the file.
    pub(super) fn says(&self) -> Says {
        match (&self.uploading, &self.void, &self.gone) {
            (None, None, None) => Says::Saved,
            (_, _, Some(_)) => Says::Gone,
            (_, Some(_), _) => Says::Void,
            (Some(_), ..) => Says::Uploading,
        }
    }

    /// The identity of its link by this `rule`.
    pub(crate) fn id(&self, rule: &Identity) -> u64 {
        let details = || {
            let columns = self.columns.map(RawValue::get);
            let columns = columns.and_then(|columns| serde_json::from_str(columns).ok());
            let columns: BTreeMap<String, String> = columns.unwrap_or_default();
            Details {
                name: self.name.as_deref().map(str::to_owned),
                columns: columns
                    .into_iter()
                    .map(|(name, value)| (name.into(), value))
                    .collect(),
                ..Details::default()
            }
        };
        rule.of_record(&self.url, self.identity.as_deref(), details)
    }

    /// The checksums that its file had.
    pub(crate) fn checksums(&self) -> Vec<Checksum> {
        let sha256 = self.sha256.as_deref().and_then(Checksum::of_sha256);
        let listed = self
            .checksum
            .as_deref()
            .and_then(|text| Checksum::parse(text, None));
        let listed =
            listed.filter(|listed| listed.algorithm() != Algorithm::Sha256 || sha256.is_none());
        sha256.into_iter().chain(listed).collect()
    }

    /// Why its file was suspect, if it was.
    pub(crate) fn suspect(&self) -> Option<&str> {
        self.suspect.as_deref()
    }

    /// Whether its file was suspect.
    pub(crate) fn is_suspect(&self) -> bool {
        self.suspect.is_some()
    }

    /// Whether its file was found, and not fetched.
    pub(super) fn is_found(&self) -> bool {
        let word = self.status.map(|status| status.get().trim_matches('"'));
        word == Some(Status::Present.word())
    }

    /// The file.
    pub(crate) fn to_saved(&self) -> Saved {
        let modified = UNIX_EPOCH + Duration::from_nanos(self.mtime_ns);
        let answer = Answer {
            final_url: self.final_url.as_deref().map(str::to_owned),
            status: self.http_status,
            etag: self.etag.clone(),
            last_modified: self.last_modified.clone(),
        };
        Saved {
            inode: self.inode,
            sha256: self.sha256.clone(),
            suspect: self.suspect.clone().map(|why| why.into_owned().into()),
            answer: (answer != Answer::default()).then_some(answer),
            ..Saved::present(self.file.to_string(), self.bytes, modified)
        }
    }
}

/// Whether a line of a journal says what has become of an upload, and is no record.
pub(crate) fn is_about_upload(line: &[u8]) -> bool {
    SavedLine::parse_any(line).is_some_and(|line| line.says() != Says::Saved)
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

/// Calls `see` with each line about a file, whatever it says of it, and with its text, in order.
///
/// # Errors
///
/// When the journal cannot be read.
pub(super) fn each_line(
    journal: impl Read,
    mut see: impl FnMut(&SavedLine, &[u8]),
) -> io::Result<()> {
    let mut journal = BufReader::with_capacity(BUFFER, journal);
    while let Some(line) = read_line(&mut journal, LONGEST_RECORD)? {
        if let Some(saved) = SavedLine::parse_any(&line.text) {
            see(&saved, &line.text);
        }
    }
    Ok(())
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

/// The file that the next line of `journal` records, if so, and its checksums.
///
/// # Errors
///
/// When the journal cannot be read.
pub(super) fn next_saved(journal: impl Read) -> io::Result<Option<(Saved, Vec<Checksum>)>> {
    let line = read_line(&mut BufReader::new(journal), LONGEST_RECORD)?;
    Ok(line.and_then(|line| {
        let line = SavedLine::parse(&line.text)?;
        Some((line.to_saved(), line.checksums()))
    }))
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
