//! Makes one stream of records out of the journals and reports of many runs, with the last word of each link.
//!
//! The last word is the record with the latest time, whatever the order of the arguments: of records of the same millisecond,
//! the one further down in its file. A `duplicate` that only says that its link is in the list before has no word of its own.
//! Records are passed on as they are, so that fields of other versions are kept.
//!
//! All inputs are read twice, so that memory holds some numbers per link and no records: first to find where the last word of each link
//! is, then to print it.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, ErrorKind, Read, Seek, Write};
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
use crate::outcome::{Counts, LONGEST_RECORD, Status, nanoseconds};
use crate::output::{stdout, wait_for_room};
use crate::plan::Identity;
use crate::report::{is_whole, tell_of_stdout};
use crate::store::{Layout, is_about_upload, open_journal};

/// How much of an input is read at once, in bytes.
const BUFFER: usize = 256 * 1024;

/// What became of the links. [`fmt::Display`] is the summary.
#[derive(Debug, Default)]
pub(crate) struct Merged {
    links: u64,
    /// Those that have a status of this version.
    counts: Counts,
    /// Those of which no record says that there is a file, or that another link has it.
    missing: u64,
    /// Lines that are no records.
    others: u64,
    /// Whether records could not be written.
    lost: bool,
}

/// Prints the last word of each link in `inputs` to the file `output`, or to standard output.
///
/// # Errors
///
/// When an input cannot be read or has no records, or when `output` cannot be written.
pub(crate) fn merge(inputs: &[PathBuf], output: Option<&Path>) -> anyhow::Result<Merged> {
    let inputs = inputs.iter().map(|path| Input::open(path));
    let inputs = inputs.collect::<anyhow::Result<Vec<_>>>()?;
    let (mut merged, mut last) = (Merged::default(), HashMap::new());
    for (number, input) in (0..).zip(&inputs) {
        merged.others += input.read_words(number, &mut last)?;
    }
    for word in last.values() {
        merged.count(word);
    }
    let places = last.into_values().map(|word| word.place);
    let mut places: Vec<_> = places.map(|place| (place.input, place.line)).collect();
    places.sort_unstable();
    if let Some(path) = output {
        write(path, &inputs, &places)?;
        return Ok(merged);
    }
    tell_of_stdout();
    print(&inputs, &places, |line| {
        stdout().push(line);
        wait_for_room(|| false);
        Ok(!stdout().is_lost())
    })?;
    merged.lost = !is_whole(stdout().finish());
    Ok(merged)
}

/// Writes the lines at `places` to the file `path`.
fn write(path: &Path, inputs: &[Input], places: &[(u32, u64)]) -> anyhow::Result<()> {
    let failed = || format!("cannot write `{}`", path.display());
    let file = File::create(path).with_context(failed)?;
    let mut file = BufWriter::with_capacity(BUFFER, file);
    print(inputs, places, |line| {
        file.write_all(line).with_context(failed)?;
        Ok(true)
    })?;
    file.flush().with_context(failed)
}

/// Calls `write` with each line that is at one of `places`, until it returns false.
fn print(
    inputs: &[Input],
    places: &[(u32, u64)],
    mut write: impl FnMut(&[u8]) -> anyhow::Result<bool>,
) -> anyhow::Result<()> {
    let mut places = places.iter().peekable();
    for (number, input) in (0..).zip(inputs) {
        let mut goes_on = true;
        input.each_line(|line, text| {
            if places.next_if_eq(&&(number, line)).is_some() {
                let mut as_record = record_of_gone(text);
                let text = as_record.as_mut().unwrap_or(text);
                text.push(b'\n');
                goes_on = write(text)?;
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
struct Input {
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
    fn open(path: &Path) -> anyhow::Result<Self> {
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
        let mut reader = self.reader().with_context(unreadable)?;
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
    fn read_words(&self, number: u32, last: &mut HashMap<u64, Word>) -> anyhow::Result<u64> {
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
            let known = last.entry(record.link()).or_insert(word);
            if known.rank() < word.rank() {
                *known = word;
            }
            Ok(true)
        })?;
        if records == 0 && others > 0 {
            bail!(
                "{} has no records: pass output folders, state folders, or files of `--json` or `--report` in NDJSON",
                self.name
            );
        }
        Ok(others)
    }
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
enum Says {
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
    fn link(&self) -> u64 {
        if self.says() == Says::Status(Status::BadLink) {
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

impl Merged {
    fn count(&mut self, word: &Word) {
        self.links += 1;
        let is_missing = match word.says {
            Says::Nothing | Says::Gone => true,
            Says::Status(status) => {
                self.counts.add(status);
                status.failed()
            }
            Says::Unknown(has_file) => !has_file,
        };
        self.missing += u64::from(is_missing);
    }

    /// The exit code: 0 if every link is saved or has the file of another one, else 1.
    pub(crate) fn exit_code(&self) -> u8 {
        u8::from(self.missing > 0 || self.lost)
    }
}

impl fmt::Display for Merged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "links       {}", self.links)?;
        writeln!(f, "saved       {}", self.links - self.missing)?;
        write!(f, "failed      {}", self.missing)?;
        let statuses = Status::ALL.into_iter().filter(|status| status.failed());
        let counts = statuses.map(|status| (self.counts.of(status), status));
        for (number, (count, status)) in counts.filter(|(count, _)| *count > 0).enumerate() {
            let separator = if number == 0 { ':' } else { ',' };
            write!(f, "{separator} {count} {status}")?;
        }
        writeln!(f)?;
        if self.others > 0 {
            writeln!(f, "ignored     {} lines that are no records", self.others)?;
        }
        Ok(())
    }
}
