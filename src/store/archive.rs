//! The files of earlier runs: which of them are as they were saved, and what has become of the others.
//!
//! A file is known by its length and its modification time, which costs one look. If one of them is different, the folder may have
//! been copied or unpacked, or somebody may have worked on the file. Then its bytes decide: by a checksum if the journal has
//! one, else by the length and both ends, which must be those of a PDF. A file that is not in its place is looked for among
//! those that the journal does not name: see [`strays`](super::strays).
//!
//! What somebody has changed belongs to them: it is kept, and the link gets another file. If that is changed or removed, too, the
//! link does not get a third one: the user wants to have the changed one.
//!
//! In a shared output folder, a file in the place of ours is more likely that of another run than one that somebody has changed.
//! There, only a checksum tells that it is ours in spite of its time, and everything else is left alone.

use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::pack::Window;
use super::strays::Strays;
use super::{Files, History, Layout, part};
use crate::digest::{Checksum, Hasher};
use crate::outcome::{Saved, nanoseconds};
use crate::pdf::{Check, PdfVerdict};
use crate::plan::{Inventory, Previous, Trace};
use crate::system::folder::{Folder, Found};

/// With how many versions that were saved for a link its file is compared.
const MOST_VERSIONS: usize = 8;

/// How much of each end of a file is read to see whether it is the same, in bytes.
const END: u64 = 64 * 1024;

/// The files in an output folder, and what earlier runs saved there.
#[derive(Debug)]
pub(crate) struct Archive {
    files: Files,
    /// The folder of the journal; none if there was none.
    state: Option<Folder>,
    /// What the journal says about them.
    history: Arc<History>,
    /// The files that it does not name; none as long as nobody has looked.
    strays: Option<Strays>,
    /// Cancelled when there is no more time to read files.
    hurry: CancellationToken,
}

impl Archive {
    /// The files of `layout`, of whose journal `history` has been read. None of them is read any more in a `hurry`.
    pub(crate) fn new(layout: &Layout, history: Arc<History>, hurry: CancellationToken) -> Self {
        Self {
            files: Files::of(layout),
            state: layout.state_folder().ok(),
            history,
            strays: None,
            hurry,
        }
    }

    /// The file `wanted` in its place, if it has the same bytes.
    fn in_place(&self, wanted: &Previous) -> Option<Previous> {
        let file = &wanted.saved.file;
        let found = self.files.find(file)?;
        // one that somebody has put in its place
        let is_another = || {
            let time = nanoseconds(found.modified);
            strongest(wanted).is_none()
                && (self.files.are_shared
                    || self.history.looks_like_another(file, found.length, time))
        };
        let is_it = self.files.has_content(wanted, file) && !is_another();
        is_it.then(|| now(wanted.clone(), &found))
    }

    /// The file `wanted` in another place.
    fn elsewhere(&mut self, wanted: &Previous) -> Option<Previous> {
        let Self {
            files,
            state,
            history,
            strays,
            ..
        } = self;
        let state = state.as_ref()?;
        let strays = strays.get_or_insert_with(|| Strays::look(files, state, history));
        strays.take(files, wanted)
    }

    /// The file that has the name of `previous` now, unless it is that of a link other than `id`, or may be that of others.
    fn changed(&self, id: u64, previous: &Previous) -> Option<Found> {
        if self.files.are_shared {
            return None;
        }
        let file = &previous.saved.file;
        let found = self.files.find(file)?;
        (!self.history.is_of_another(file, found.length, id)).then_some(found)
    }

    /// The changed file `previous` as the file of its link, if it is one that people have made.
    fn adopted(&self, previous: &Previous, found: &Found) -> Option<Trace> {
        let file = &previous.saved.file;
        // a PDF that was edited has another length; one with the same length was damaged
        let is_edited = found.length != previous.saved.bytes && is_pdf(&self.files, file, false);
        is_edited.then(|| {
            let mut adopted = now(Previous::of(previous.saved.clone()), found);
            adopted.saved.sha256 = None;
            (adopted.saved.suspect, adopted.saved.answer) = (None, None);
            adopted.saved.kept = Some(file.clone());
            Trace::Adopted(adopted)
        })
    }
}

impl Inventory for Archive {
    fn previous(&self, id: u64) -> Option<Previous> {
        let mut previous = self.history.find(id, |saved| self.files.has(saved))?;
        previous.saved.offset = self.files.packs.offset(&previous.saved.file);
        Some(previous)
    }

    fn trace(&mut self, id: u64) -> Trace {
        if self.hurry.is_cancelled() {
            return Trace::Lost;
        }
        let forgotten = self.history.last_forgotten(id);
        if forgotten.is_some_and(|last| self.changed(id, last).is_some()) {
            return Trace::Changed;
        }
        let all = versions(&self.history, id);
        let Some(last) = all.first() else {
            return Trace::Lost;
        };
        for wanted in &all {
            let file = &wanted.saved.file;
            // a name that the link has left to another one, or that another one has got since
            let is_left = *file != last.saved.file
                && self.history.is_of_another(file, wanted.saved.bytes, id)
                || self.is_of_another(file, id);
            if !is_left && let Some(found) = self.in_place(wanted) {
                return Trace::Found(found);
            }
        }
        if let Some(mut found) = self.elsewhere(last) {
            found.is_renamed = true;
            return Trace::Found(found);
        }
        let first = all.iter().find(|first| first.saved.file != last.saved.file);
        let first = first.filter(|_| last.is_second);
        let first = first.and_then(|first| Some((first, self.changed(id, first)?)));
        match (first, self.changed(id, last)) {
            (Some(_), Some(found)) => self.adopted(last, &found).unwrap_or(Trace::Changed),
            (None, Some(found)) if last.is_second && last.is_found => {
                self.adopted(last, &found).unwrap_or(Trace::Changed)
            }
            (None, Some(_)) => Trace::Changed,
            (Some((first, found)), None) => self.adopted(first, &found).unwrap_or(Trace::Lost),
            (None, None) => Trace::Lost,
        }
    }

    fn is_of_another(&self, name: &str, id: u64) -> bool {
        let mut sharers = self.files.sharers(&self.history, name, id);
        sharers.next().is_some()
    }

    fn awaits_exec(&self, id: u64) -> bool {
        self.history.awaits_exec(id)
    }

    fn file(&self, name: String) -> Option<Saved> {
        let found = self.files.find(&name)?;
        (found.length > 0).then(|| Saved::present(name, found.length, found.modified))
    }

    fn matches(&self, file: &Previous, checksum: Checksum) -> bool {
        let known = file.checksums.iter();
        let mut known = known.filter(|known| known.algorithm() == checksum.algorithm());
        match known.next() {
            Some(known) => *known == checksum,
            None if self.hurry.is_cancelled() => false,
            None => self.files.checksum_like(checksum, &file.saved.file) == Some(checksum),
        }
    }
}

impl Files {
    /// Whether the file `file` has the bytes of `wanted`, as far as can be said.
    pub(super) fn has_content(&self, wanted: &Previous, file: &str) -> bool {
        let has_length = |found: Found| found.length == wanted.saved.bytes;
        if !self.find(file).is_some_and(has_length) {
            return false;
        }
        match strongest(wanted) {
            Some(checksum) => self.checksum_like(checksum, file) == Some(checksum),
            None => is_pdf(self, file, wanted.is_suspect),
        }
    }

    /// The checksum of the file `file` by the algorithm of `checksum`.
    pub(super) fn checksum_like(&self, checksum: Checksum, file: &str) -> Option<Checksum> {
        let mut hasher = Hasher::new(&[checksum.algorithm()]);
        let file = self.open(file).ok()?;
        part::each_block(file, |block| hasher.update(block)).ok()?;
        hasher.finish().pop()
    }
}

/// The strongest checksum of a file.
pub(super) fn strongest(previous: &Previous) -> Option<Checksum> {
    let checksums = previous.checksums.iter().copied();
    checksums.max_by_key(Checksum::algorithm)
}

/// `previous` with the length and the time that its file has now.
pub(super) fn now(mut previous: Previous, found: &Found) -> Previous {
    previous.saved.bytes = found.length;
    previous.saved.modified = found.modified;
    previous.saved.inode = found.inode();
    previous.is_outdated = true;
    previous
}

/// The different files that were saved for the link `id`, the last one first.
fn versions(history: &History, id: u64) -> Vec<Previous> {
    let mut versions: Vec<Previous> = Vec::new();
    for other in history.all(id) {
        let is_same = |known: &Previous| {
            let of = |previous: &Previous| (previous.saved.bytes, strongest(previous));
            known.saved.file == other.saved.file && of(known) == of(&other)
        };
        if !versions.iter().any(is_same) {
            versions.push(other);
        }
        if versions.len() == MOST_VERSIONS {
            break;
        }
    }
    versions
}

/// Whether the file `file` begins and ends as a PDF does, or at least begins so if it `may_be_suspect`.
fn is_pdf(files: &Files, file: &str, may_be_suspect: bool) -> bool {
    let verdict = || {
        let mut file = files.open(file)?;
        match ends(&mut file)? {
            Some(verdict) => Ok(verdict),
            None => whole(&mut file),
        }
    };
    match verdict() {
        Ok(PdfVerdict::Whole) => true,
        Ok(PdfVerdict::Padded | PdfVerdict::Suspect(_)) => may_be_suspect,
        Ok(PdfVerdict::NotPdf(_)) | Err(_) => false,
    }
}

/// The verdict on a file by its ends; none if it takes more than them.
fn ends(file: &mut Window) -> io::Result<Option<PdfVerdict>> {
    let (mut check, mut bytes) = (Check::default(), Vec::new());
    let length = file.len();
    for begin in [0, length.saturating_sub(END).max(END)] {
        bytes.clear();
        file.seek(SeekFrom::Start(begin))?;
        Read::take(&mut *file, END).read_to_end(&mut bytes)?;
        if let Err(kind) = check.update(&bytes) {
            return Ok(Some(PdfVerdict::NotPdf(kind)));
        }
    }
    let more = || Err::<Window, _>(io::ErrorKind::Unsupported.into());
    Ok(check.finish(more).ok())
}

/// The verdict on a file by all of its bytes.
fn whole(file: &mut Window) -> io::Result<PdfVerdict> {
    let mut check = Check::default();
    let mut other = None;
    file.rewind()?;
    part::each_block(&mut *file, |block| {
        if other.is_none() {
            other = check.update(block).err();
        }
    })?;
    match other {
        Some(kind) => Ok(PdfVerdict::NotPdf(kind)),
        None => check.finish(|| Ok(file)),
    }
}
