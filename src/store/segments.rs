//! Journals in a bucket, for runs whose state folders do not outlive them.
//!
//! ```text
//! prefix/
//!   paper.pdf
//!   .fetchpdf/journal/RUN-SHARD-NUMBER.jsonl.zst
//! ```
//!
//! A run writes what it appends to its journal to the bucket as well: every minute, and at its end. The segment that is not full
//! yet is replaced by a longer one. So a run writes one object a minute, but leaves no more than one for each [`FULL`] bytes,
//! and nothing ever has to be deleted. It is replaced only as the object that was written last, and each run has names of its
//! own, so no run takes from another one. Where objects cannot be replaced, each minute has a segment.
//!
//! A run without a journal begins with those that it finds there, of all runs and shards, as far as their links fall to its own
//! shard. From then on, they are a part of its journal that is in the bucket already. It gets into its place whole. A segment
//! that is damaged or foreign is ignored: a file of which nobody knows is fetched again, and then turns out to be there.
//!
//! What is in tars is there only if its tar is: see [`lists`](super::pack::Lists).
//!
//! What a run has appended in its last minute before a kill is written by the next one with the same state folder, which knows
//! up to where the journal is in the bucket ([`SHIPPED`]).

use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read, Seek, SeekFrom, Write};
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::iter;
use tokio::sync::Mutex;
use url::Url;

use super::journal::{between_turns, journal_in, open_for};
use super::pack::Lists;
use super::saved_line::{Says, each_line};
use super::segment::{FULL, LARGEST_OBJECT, Names, compressed, is_segment, lines_of};
use super::{JOURNAL, Layout, Unpublished, part};
use crate::bucket::{self, Address, Bucket, Contents, Refusal, Tag};
use crate::digest::{Algorithm, Hasher};
use crate::shard::Selection;
use crate::system::folder::{Folder, Purpose};

/// The folder of segments below the prefix.
const SEGMENTS: &str = ".fetchpdf/journal";

/// What segments are.
const MEDIA_TYPE: &str = "application/zstd";

/// The file in the state folder that says up to where the journal is in the bucket.
const SHIPPED: &str = "journal.shipped";

/// How many segments are read at most. That is what 500 million records have.
const MOST: usize = 100_000;

/// How many segments are read at once.
const READERS: usize = 8;

/// How much of a journal is searched for the end of a line at once, in bytes.
const BLOCK: u64 = 64 * 1024;

/// The segments that a run writes.
#[derive(Debug)]
pub(crate) struct Segments {
    layout: Layout,
    address: Address,
    options: bucket::Options,
    names: Names,
    tail: Mutex<Tail>,
}

/// The segment that is not full yet.
#[derive(Debug)]
struct Tail {
    /// None as long as nothing has been written.
    bucket: Option<Bucket>,
    number: u32,
    /// Where it begins in the journal.
    start: u64,
    /// Up to where the journal is in the bucket.
    shipped: u64,
    /// The object that it is; none if there is none yet.
    tag: Option<Tag>,
}

impl Tail {
    /// Begins another segment with what is not in the bucket yet.
    fn begin_next(&mut self) {
        self.number += 1;
        self.start = self.shipped;
        self.tag = None;
    }
}

impl Segments {
    /// Those of a run with this `layout` that begins now, and takes a `selection` of links; none without a bucket.
    pub(crate) fn new(
        layout: &Layout,
        options: &bucket::Options,
        selection: Option<&Selection>,
    ) -> Option<Self> {
        let address = layout.bucket()?.clone();
        let shipped = layout.state_folder().map_or(0, |state| shipped(&state));
        let shard = selection.map_or_else(|| "1of1".to_owned(), Selection::label);
        Some(Self {
            address,
            layout: layout.clone(),
            options: options.clone(),
            names: Names::new(shard),
            tail: Mutex::new(Tail {
                bucket: None,
                number: 1,
                start: shipped,
                shipped,
                tag: None,
            }),
        })
    }

    /// Whether the journal has lines that are not in the bucket.
    pub(crate) fn are_behind(&self) -> bool {
        let journal = self.layout.state_folder().ok();
        let journal = journal.and_then(|state| state.file(JOURNAL));
        let length = journal.map_or(0, |journal| journal.length);
        self.tail.try_lock().is_ok_and(|tail| length > tail.shipped)
    }

    /// Writes all lines to the bucket that are not there yet.
    ///
    /// # Errors
    ///
    /// When the bucket does not take them, or the journal cannot be read.
    pub(crate) async fn ship(&self) -> Result<(), Unpublished> {
        let mut tail = self.tail.lock().await;
        // it may be new
        let state = self.layout.state_folder()?;
        let journal = match journal_in(&state) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            journal => journal?,
        };
        let length = journal.metadata()?.len();
        while tail.shipped < length {
            let full = tail.start + FULL;
            match last_line_end(&journal, tail.shipped, length.min(full))? {
                Some(end) => self.put(&mut tail, (&state, &journal), end).await?,
                None if length <= full => break,
                None if tail.shipped > tail.start => tail.begin_next(),
                // no segment has room for it
                None => match next_line(&journal, full)? {
                    Some(next) => (tail.start, tail.shipped) = (next, next),
                    None => break,
                },
            }
        }
        Ok(())
    }

    /// Writes the lines of the segment up to `end`.
    async fn put(
        &self,
        tail: &mut Tail,
        (state, journal): (&Folder, &File),
        end: u64,
    ) -> Result<(), Unpublished> {
        loop {
            let contents = self.contents(tail, (state, journal), end)?;
            let name = format!("{SEGMENTS}/{}", self.names.name(tail.number));
            let bucket = match &mut tail.bucket {
                Some(bucket) => bucket,
                none => none.insert(
                    Bucket::open(&self.address, &self.options)
                        .map_err(|why| Refusal::Impossible(format!("{why:#}")))?,
                ),
            };
            let put = match &tail.tag {
                None => bucket.create(&name, &contents).await,
                Some(tag) => bucket.replace(&name, &contents, tag).await,
            };
            let put = match put {
                // perhaps by this very request, whose response has been lost
                Err(Refusal::Taken) => match bucket.look(&name).await? {
                    Some(object) if contents.is(&object) => Ok(object.tag),
                    _ => Err(Refusal::Taken),
                },
                put => put,
            };
            match put {
                Ok(tag) => {
                    tail.tag = Some(tag);
                    tail.shipped = end;
                    note_shipped(state, end)?;
                    return Ok(());
                }
                // not replaced: the lines that are new get a segment of their own
                Err(Refusal::Taken | Refusal::Denied(_) | Refusal::Unfit(_))
                    if tail.tag.is_some() =>
                {
                    tail.begin_next();
                }
                Err(Refusal::Taken) => tail.begin_next(),
                Err(refusal) => return Err(refusal.into()),
            }
        }
    }

    fn contents(
        &self,
        tail: &Tail,
        (state, mut journal): (&Folder, &File),
        end: u64,
    ) -> io::Result<Contents> {
        journal.seek(SeekFrom::Start(tail.start))?;
        let lines = journal.take(end - tail.start);
        let segment = compressed(BufReader::with_capacity(256 * 1024, lines))?;
        let mut hasher = Hasher::new(&[Algorithm::Sha256]);
        hasher.update(&segment);
        let mut file = scratch(state)?;
        file.write_all(&segment)?;
        Ok(Contents {
            file: Arc::new(file),
            bytes: segment.len() as u64,
            sha256: hasher.finish().pop().expect("one was asked for"),
            media_type: MEDIA_TYPE,
            identity: self.names.name(tail.number),
            url: self.address.to_string(),
        })
    }
}

/// Begins the journal of `layout` with the segments in its bucket, if it does not exist: with the lines about links of the
/// `selection`.
///
/// # Errors
///
/// When the bucket cannot be read, or the journal cannot be written.
pub(crate) async fn begin_journal(
    layout: &Layout,
    options: &bucket::Options,
    selection: Option<Selection>,
) -> Result<(), Unpublished> {
    let Some(address) = layout.bucket() else {
        return Ok(());
    };
    if layout.state_folder().is_ok_and(|state| has_journal(&state)) {
        return Ok(());
    }
    let bucket = Bucket::open(address, options);
    let bucket = bucket.map_err(|why| Refusal::Impossible(format!("{why:#}")))?;
    let names = match names(&bucket).await {
        Err(Refusal::Denied(why)) => {
            tracing::warn!("what other runs have saved is not known: {why}");
            return Ok(());
        }
        names => names?,
    };
    if names.is_empty() {
        return Ok(());
    }
    let (state, parts) = layout.create_state()?;
    let (new, mut journal) = part::new_file(&parts, true)?;
    let mut begun = Begun {
        journal: &mut journal,
        selection,
        tars: Lists::default(),
    };
    let copied = match begun.copy(&bucket, &state, names).await {
        Ok(count) => begun.tars.write(&bucket, &state).await.map(|()| count),
        Err(why) => Err(why),
    };
    if copied.is_err() {
        parts.remove(&new)?;
    }
    let count = copied?;
    if put_in_place(&state, &parts, (&new, &mut journal))? {
        note_shipped(&state, journal.metadata()?.len())?;
        tracing::info!("the journal begins with {count} segments of earlier runs in `{address}`");
    }
    Ok(())
}

/// Makes `file`, which is called `name` in the folder of `parts`, the journal in `state`, unless that has begun meanwhile. Returns
/// whether it has done so.
fn put_in_place(
    state: &Folder,
    parts: &Folder,
    (name, file): (&str, &mut File),
) -> io::Result<bool> {
    match parts.rename_new(name, state, JOURNAL) {
        Ok(()) => return Ok(true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    // an empty one, if a run was killed as it began; another process may have it open
    let begun = between_turns(state, || {
        let mut journal = open_for(state, Purpose::Append)?;
        if journal.metadata()?.len() > 0 {
            return Ok(false);
        }
        file.rewind()?;
        io::copy(file, &mut journal)?;
        Ok(true)
    });
    parts.remove(name)?;
    begun
}

/// The names of all segments, those of earlier runs first.
async fn names(bucket: &Bucket) -> Result<Vec<String>, Refusal> {
    let mut names = Vec::new();
    let listing = bucket.list(SEGMENTS, |name, listed| {
        let last = name.rsplit('/').next().unwrap_or_default();
        if is_segment(last) && listed.bytes <= LARGEST_OBJECT {
            names.push(name.to_owned());
        } else {
            ignore(bucket, name, "it is no segment of a journal");
        }
    });
    listing.await?;
    names.sort_unstable();
    if names.len() > MOST {
        let folder = bucket.address().of(SEGMENTS);
        tracing::warn!("`{folder}` has more than {MOST} segments: the oldest ones are ignored");
        names.drain(..names.len() - MOST);
    }
    Ok(names)
}

fn ignore(bucket: &Bucket, name: &str, why: &str) {
    tracing::warn!("`{}` is ignored: {why}", bucket.address().of(name));
}

/// A journal that is being put together.
struct Begun<'a> {
    journal: &'a mut File,
    /// The links that it is about.
    selection: Option<Selection>,
    /// What is said of tars, whatever the links.
    tars: Lists,
}

impl Begun<'_> {
    /// Copies the lines of segments. Returns of how many.
    async fn copy(
        &mut self,
        bucket: &Bucket,
        state: &Folder,
        names: Vec<String>,
    ) -> Result<usize, Unpublished> {
        let reads = names.into_iter().map(|name| async move {
            let segment = read(bucket, state, &name).await;
            (name, segment)
        });
        let (mut reads, mut count) = (iter(reads).buffered(READERS), 0);
        while let Some((name, segment)) = reads.next().await {
            let Some(segment) = segment? else { continue };
            match lines_of(segment) {
                Ok(lines) => {
                    let lines = self.selected(&lines)?;
                    self.journal.write_all(&lines)?;
                    count += 1;
                }
                Err(why) => ignore(bucket, &name, &why.to_string()),
            }
        }
        Ok(count)
    }

    /// The lines about files of links of the selection.
    fn selected(&mut self, lines: &[u8]) -> io::Result<Vec<u8>> {
        let mut kept = Vec::with_capacity(lines.len());
        each_line(lines, |line, text| {
            if line.says() == Says::Saved {
                self.tars.add(line);
            }
            let selection = self.selection.as_mut();
            let is_ours = selection
                .is_none_or(|selection| Url::parse(&line.url).is_ok_and(|url| selection.has(&url)));
            if is_ours {
                kept.extend_from_slice(text);
                kept.push(b'\n');
            }
        })?;
        Ok(kept)
    }
}

/// The bytes of the object `name`, if it exists.
async fn read(bucket: &Bucket, state: &Folder, name: &str) -> Result<Option<Vec<u8>>, Unpublished> {
    let mut file = scratch(state)?;
    if bucket.read(name, None, &file).await?.is_none() {
        return Ok(None);
    }
    file.rewind()?;
    let mut bytes = Vec::new();
    file.take(LARGEST_OBJECT + 1).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

fn has_journal(state: &Folder) -> bool {
    state
        .file(JOURNAL)
        .is_some_and(|journal| journal.length > 0)
}

/// Up to where the journal in the folder `state` is in the bucket.
fn shipped(state: &Folder) -> u64 {
    let read = || {
        let mut text = String::new();
        let file = state.open(SHIPPED, Purpose::Read)?;
        file.take(32).read_to_string(&mut text)?;
        io::Result::Ok(text)
    };
    let shipped = read().ok().and_then(|text| text.trim().parse().ok());
    let length = state.file(JOURNAL).map_or(0, |journal| journal.length);
    // otherwise, it is that of another journal
    shipped.filter(|shipped| *shipped <= length).unwrap_or(0)
}

fn note_shipped(state: &Folder, shipped: u64) -> io::Result<()> {
    let mut file = state.open(SHIPPED, Purpose::Create)?;
    file.set_len(0)?;
    file.write_all(format!("{shipped}\n").as_bytes())
}

/// A file without a name, if the file system of `state` has such files.
fn scratch(state: &Folder) -> io::Result<File> {
    if state.has_unnamed_files()? {
        state.unnamed_file()
    } else {
        tempfile::tempfile()
    }
}

/// The end of the last line of `file` that ends between `from` and `to`; none if there is none.
fn last_line_end(mut file: &File, from: u64, to: u64) -> io::Result<Option<u64>> {
    let mut end = to;
    while end > from {
        let start = end.saturating_sub(BLOCK).max(from);
        let mut block = Vec::new();
        file.seek(SeekFrom::Start(start))?;
        file.take(end - start).read_to_end(&mut block)?;
        if let Some(last) = memchr::memrchr(b'\n', &block) {
            return Ok(Some(start + last as u64 + 1));
        }
        end = start;
    }
    Ok(None)
}

/// Where the next line of `file` begins after `place`; none if it does not.
fn next_line(mut file: &File, place: u64) -> io::Result<Option<u64>> {
    let mut place = place;
    file.seek(SeekFrom::Start(place))?;
    loop {
        let mut block = Vec::new();
        if file.take(BLOCK).read_to_end(&mut block)? == 0 {
            return Ok(None);
        }
        if let Some(first) = memchr::memchr(b'\n', &block) {
            return Ok(Some(place + first as u64 + 1));
        }
        place += block.len() as u64;
    }
}
