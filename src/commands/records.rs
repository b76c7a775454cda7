//! The records of earlier runs: journals, and reports in NDJSON or CSV, with the last word of each link.
//!
//! The last word is the record with the latest time, whatever the order of the inputs: of records of the same millisecond,
//! the one further down in its file. A `duplicate` that only says that its link is in the list before has no word of its own.
//!
//! All inputs are read twice, so that memory holds some numbers per link and no records: first to find where the last word of each link
//! is, then to read it.
//!
//! A row of CSV becomes the record that it would have been in NDJSON.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, ErrorKind, Read, Seek};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use anyhow::{Context, bail};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use crate::digest::fingerprint;
use crate::line::read_line;
use crate::link::Details;
use crate::links::decompressed;
use crate::outcome::{FIELDS, LONGEST_RECORD, Status, nanoseconds};
use crate::plan::Identity;
use crate::report::begins_formula;
use crate::store::{Layout, is_about_upload, open_journal};

/// How much of an input is read at once, in bytes.
pub(super) const BUFFER: usize = 256 * 1024;

/// The last words of links: where they are, and what they say.
#[derive(Debug, Default)]
pub(super) struct LastWords {
    words: HashMap<u64, Word>,
    /// Lines that are no records.
    pub(super) others: u64,
}

/// What counts as a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counted {
    /// Each link once.
    Links,
    /// The same, and each line that is the duplicate of another one.
    Lines,
}

impl LastWords {
    /// Reads `inputs`.
    ///
    /// # Errors
    ///
    /// When an input cannot be read or has no records.
    pub(super) fn read(inputs: &[Input], counted: Counted) -> anyhow::Result<Self> {
        let mut last = Self::default();
        for (number, input) in (0..).zip(inputs) {
            last.others += input.read_words(number, counted, &mut last.words)?;
        }
        Ok(last)
    }

    /// What each of them says.
    pub(super) fn say(&self) -> impl Iterator<Item = Says> {
        self.words.values().map(|word| word.says)
    }

    /// Where they are, in order.
    pub(super) fn places(self) -> Vec<(u32, u64)> {
        let places = self.words.into_values().map(|word| word.place);
        let mut places: Vec<_> = places.map(|place| (place.input, place.line)).collect();
        places.sort_unstable();
        places
    }
}

/// Calls `see` with each record that is at one of `places`, until it returns false.
///
/// # Errors
///
/// When an input cannot be read or has changed, and those of `see`.
pub(super) fn each_at(
    inputs: &[Input],
    places: &[(u32, u64)],
    mut see: impl FnMut(&[u8]) -> anyhow::Result<bool>,
) -> anyhow::Result<()> {
    let mut places = places.iter().peekable();
    for (number, input) in (0..).zip(inputs) {
        let mut goes_on = true;
        input.each_line(|line, text| {
            if places.next_if_eq(&&(number, line)).is_some() {
                let mut as_record = record_of_gone(text);
                let text = as_record.as_mut().unwrap_or(text);
                text.push(b'\n');
                goes_on = see(text)?;
            }
            Ok(goes_on)
        })?;
        if !goes_on {
            return Ok(());
        }
        if places.next_if(|place| place.0 == number).is_some() {
            bail!("{} has changed while it was read: try again", input.name);
        }
    }
    Ok(())
}

/// The record of a link of which `line` says that its file is not there any more; none if it says something else.
fn record_of_gone(line: &[u8]) -> Option<Vec<u8>> {
    if !is_about_upload(line) {
        return None;
    }
    let mut fields = serde_json::from_slice::<Map<String, Value>>(line).ok()?;
    let kept = [
        "schema", "time", "url", "source", "line", "identity", "name", "checksum", "mirrors",
        "columns",
    ];
    fields.retain(|name, _| kept.contains(&&**name));
    fields.insert("status".to_owned(), Status::Interrupted.word().into());
    fields.insert("retryable".to_owned(), true.into());
    let why = "its file was taken back, and the run ended before it was fetched again";
    fields.insert("error".to_owned(), why.into());
    serde_json::to_vec(&fields).ok()
}

/// Where the records are that the argument `path` stands for.
pub(crate) fn file_of(path: &Path) -> PathBuf {
    match journal_in(path) {
        Ok(layout) => layout.journal(),
        Err(_) => path.to_owned(),
    }
}

/// Where the journal of the state folder or of the output folder `path` is.
fn journal_in(path: &Path) -> io::Result<Layout> {
    let as_state = Layout::new(path.to_owned(), Some(path.to_owned()));
    let as_output = Layout::new(path.to_owned(), None);
    match open_journal(&as_state) {
        Ok(_) => Ok(as_state),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            open_journal(&as_output).map(|_| as_output)
        }
        Err(error) => Err(error),
    }
}

/// A journal or a file of records.
pub(super) struct Input {
    name: String,
    source: Source,
}

enum Source {
    /// What has been read from standard input, or from a pipe.
    Copy(File),
    Path(PathBuf),
    Journal(Layout),
}

impl Input {
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        if path.as_os_str() == "-" {
            let copy = copy_of(io::stdin().lock()).context("cannot read standard input")?;
            return Ok(Self {
                source: Source::Copy(copy),
                name: "standard input".to_owned(),
            });
        }
        let name = format!("`{}`", path.display());
        let source = if path.is_dir() {
            let layout = journal_in(path);
            Source::Journal(layout.with_context(|| format!("no journal in {name}"))?)
        } else if path.is_file() {
            Source::Path(path.to_owned())
        } else {
            let copy = File::open(path).and_then(copy_of);
            Source::Copy(copy.with_context(|| format!("cannot read {name}"))?)
        };
        Ok(Self { name, source })
    }

    fn reader(&self) -> io::Result<Box<dyn BufRead + Send>> {
        let file = match &self.source {
            Source::Path(path) => File::open(path)?,
            Source::Journal(layout) => open_journal(layout)?,
            Source::Copy(copy) => {
                let mut copy = copy.try_clone()?;
                copy.rewind()?;
                copy
            }
        };
        decompressed(Box::new(BufReader::with_capacity(BUFFER, file)))
    }

    /// Calls `see` with the number and the text of each line, until it returns false.
    fn each_line(
        &self,
        mut see: impl FnMut(u64, &mut Vec<u8>) -> anyhow::Result<bool>,
    ) -> anyhow::Result<()> {
        let unreadable = || format!("cannot read {}", self.name);
        let (mut reader, is_csv) = self
            .reader()
            .and_then(told_by_head)
            .with_context(unreadable)?;
        if is_csv {
            return each_row(reader, see).with_context(unreadable);
        }
        for number in 1.. {
            let line = read_line(&mut reader, LONGEST_RECORD);
            let Some(mut line) = line.with_context(unreadable)? else {
                break;
            };
            if !see(number, &mut line.text)? {
                break;
            }
        }
        Ok(())
    }

    /// Adds the last words of links in this input to `last`. Returns the number of lines that are no records.
    fn read_words(
        &self,
        number: u32,
        counted: Counted,
        last: &mut HashMap<u64, Word>,
    ) -> anyhow::Result<u64> {
        let (mut records, mut others) = (0_u64, 0);
        self.each_line(|line, text| {
            let text = text.trim_ascii();
            let record = serde_json::from_slice::<Record>(text).ok();
            let is_one = |record: &Record| record.status.is_some() || record.gone.is_some();
            let Some(record) = record.filter(is_one) else {
                let is_other = !text.is_empty() && !is_about_upload(text);
                others += u64::from(is_other);
                return Ok(true);
            };
            records += 1;
            let word = Word {
                when: record.when(),
                place: Place {
                    line,
                    tie: checksum(text),
                    input: number,
                },
                says: record.says(),
            };
            let known = last.entry(record.link(counted)).or_insert(word);
            if known.rank() < word.rank() {
                *known = word;
            }
            Ok(true)
        })?;
        if records == 0 && others > 0 {
            bail!(
                "{} has no records: pass output folders, state folders, or files of `--json` or `--report` in NDJSON or CSV",
                self.name
            );
        }
        Ok(others)
    }
}

/// `reader` from its beginning, and whether that is the header of a report in CSV.
fn told_by_head(
    mut reader: Box<dyn BufRead + Send>,
) -> io::Result<(Box<dyn BufRead + Send>, bool)> {
    let mut head = Vec::new();
    let length = FIELDS[0].name.len() as u64 + 3;
    reader.by_ref().take(length).read_to_end(&mut head)?;
    let name = FIELDS[0].name;
    let text = String::from_utf8_lossy(&head);
    let is_csv = text.starts_with(&format!("{name},")) || text.starts_with(&format!("\"{name}\","));
    Ok((Box::new(Cursor::new(head).chain(reader)), is_csv))
}

/// Calls `see` with the number and the record of each row of CSV, until it returns false.
fn each_row(
    reader: impl Read,
    mut see: impl FnMut(u64, &mut Vec<u8>) -> anyhow::Result<bool>,
) -> anyhow::Result<()> {
    let mut table = csv::ReaderBuilder::new().flexible(true).from_reader(reader);
    let names = table.headers()?.clone();
    for (number, row) in (1..).zip(table.records()) {
        let row = row?;
        let cells = names.iter().zip(&row).filter(|(_, cell)| !cell.is_empty());
        let fields = cells.filter_map(|(name, cell)| {
            let is_field = FIELDS.iter().any(|field| field.name == name);
            is_field.then(|| (name.to_owned(), value_of(name, cell)))
        });
        let fields: Map<_, _> = fields.collect();
        if !see(number, &mut serde_json::to_vec(&fields)?)? {
            break;
        }
    }
    Ok(())
}

/// The value of the field `name` in JSON that is this `cell` in CSV.
fn value_of(name: &str, cell: &str) -> Value {
    const TYPED: [&str; 15] = [
        "schema",
        "line",
        "hops",
        "http_status",
        "bytes",
        "offset",
        "mtime_ns",
        "inode",
        "attempts",
        "elapsed",
        "retryable",
        "via",
        "skipped",
        "mirrors",
        "columns",
    ];
    let typed = || serde_json::from_str(cell).ok();
    let value = TYPED.contains(&name).then(typed);
    // with `--report-csv-safe`, a cell that looks like a formula begins with an apostrophe
    let text = match cell.strip_prefix('\'') {
        Some(rest) if begins_formula(rest) => rest,
        _ => cell,
    };
    value.flatten().unwrap_or_else(|| text.into())
}

/// What can be read only once in a file without a name, because it is read twice.
fn copy_of(mut stream: impl Read) -> io::Result<File> {
    let mut copy = tempfile::tempfile()?;
    io::copy(&mut stream, &mut copy)?;
    Ok(copy)
}

/// Tells different lines apart that have the same number in their files.
fn checksum(text: &[u8]) -> u32 {
    let [a, b, c, d, ..] = twox_hash::XxHash64::oneshot(0, text).to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

/// What a record says of its link, and where it is.
#[derive(Debug, Clone, Copy)]
struct Word {
    /// In nanoseconds since 1970; 0 if it does not say.
    when: u64,
    place: Place,
    says: Says,
}

/// The place of a record. Of several that have the same time, the last one is that on the highest line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    line: u64,
    tie: u32,
    input: u32,
}

/// What a record says of its link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Says {
    /// That another record says it.
    Nothing,
    /// Its status.
    Status(Status),
    /// A status of another version, and whether there is a file.
    Unknown(bool),
    /// That its file is not there any more.
    Gone,
}

impl Word {
    fn rank(&self) -> (bool, u64, Place) {
        (self.says != Says::Nothing, self.when, self.place)
    }
}

/// The fields of a record that tell its link, its time and its outcome.
#[derive(Deserialize)]
struct Record<'a> {
    #[serde(borrow)]
    url: Cow<'a, str>,
    #[serde(borrow)]
    status: Option<Cow<'a, str>>,
    /// In place of the status.
    gone: Option<IgnoredAny>,
    #[serde(borrow)]
    time: Option<Cow<'a, str>>,
    #[serde(borrow)]
    identity: Option<Cow<'a, str>>,
    #[serde(borrow)]
    source: Option<Cow<'a, str>>,
    line: Option<u64>,
    file: Option<IgnoredAny>,
    retryable: Option<IgnoredAny>,
}

impl Record<'_> {
    /// What tells its link from others: as for a run, and for a line that is no link, its place.
    fn link(&self, counted: Counted) -> u64 {
        let is_place = match self.says() {
            Says::Status(Status::BadLink) => true,
            Says::Nothing => counted == Counted::Lines,
            _ => false,
        };
        if is_place {
            let source = self.source.as_deref().unwrap_or_default();
            let line = self.line.unwrap_or_default();
            return fingerprint(&format!("{source}\n{line}\n{}", self.url));
        }
        Identity::Recorded.of_record(&self.url, self.identity.as_deref(), Details::default)
    }

    fn when(&self) -> u64 {
        let time = self.time.as_deref();
        let time = time.and_then(|time| humantime::parse_rfc3339_weak(time).ok());
        nanoseconds(time.unwrap_or(UNIX_EPOCH))
    }

    fn says(&self) -> Says {
        let Some(word) = &self.status else {
            return Says::Gone;
        };
        let mut all = Status::ALL.into_iter();
        match all.find(|status| status.word() == word) {
            Some(Status::Duplicate) if self.file.is_none() => Says::Nothing,
            Some(status) => Says::Status(status),
            None => Says::Unknown(self.file.is_some() && self.retryable.is_none()),
        }
    }
}
