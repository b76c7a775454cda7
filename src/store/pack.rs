//! Files in tars, for those who read millions of them in a row: shards for `webdataset` (`--pack tar`).
//!
//! ```text
//! output/
//!   shard-1-000000.tar                        complete
//!   .fetchpdf/tars/shard-1-000000.tar.members where which file is in it
//!   .fetchpdf/tars/shard-1-000001.tar         not full yet
//! ```
//!
//! A file is a pair of members, `KEY.pdf` and `KEY.json`, whose path is that of its tar and its name there:
//! `shard-1-000000.tar/KEY.pdf`. The key is the name that the file would have without its dots, because a dot ends a key, and the
//! identity of its link unless that is in it, because keys are unique over all tars, whichever machines write them.
//!
//! A tar gets its final name like a file: once, without replacing anything, and when it is complete. Until then it is in the state
//! folder, where a file counts as saved once its pair is whole. As with files, the journal has the record first: a kill between
//! the two leaves a record without a file, and half a pair is cut off before the next one is written. So the tars alone tell which
//! files there are, and a record whose tar is gone, or does not have it, is one of a file that is gone.
//!
//! Tars are few and large on purpose, so one that is not full is kept for the next run if this one has been interrupted: that
//! will go on, and there may be no time to move a gigabyte. A run that ends by itself leaves nothing there.

mod contents;
mod lists;
mod member;
mod packer;
mod remote;
mod tar;
mod window;

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::{self, ErrorKind};
use std::num::NonZeroU64;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;

use super::staging::Staging;
use super::{Files, Layout, PARTS};
use crate::plan::name;
use crate::system::folder::{Folder, Found, Purpose};
use contents::{Contents, List};
pub(super) use lists::Lists;
use member::Member;
pub(super) use packer::{Outlet, Packer};
pub(crate) use remote::Remote;
pub(crate) use window::Window;

/// The folder in the state folder for tars that have no final name.
pub(super) const TARS: &str = "tars";

/// What the names of tars begin and end with.
const PREFIX: &str = "shard-";
const SUFFIX: &str = ".tar";

/// How many digits the number of a tar has at least.
const DIGITS: usize = 6;

/// The size of a tar without another one in the option, in bytes.
pub(crate) const DEFAULT_SIZE: u64 = 1 << 30;

/// How files are packed into tars.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Packing {
    /// How large a tar becomes, in bytes; one with a single file may be larger.
    pub size: u64,
    /// The number of the shard, which is in the names of tars.
    pub shard: u32,
}

impl Packing {
    /// Tars like the one that `file` is in; none if it is in no tar.
    pub(crate) fn like(file: &str) -> Option<Self> {
        let (shard, _) = number_of(split(file)?.0)?;
        Some(Self {
            size: DEFAULT_SIZE,
            shard,
        })
    }

    /// The path of the file of the link `id` that would be called `file` by itself, as far as it is known beforehand.
    pub(crate) fn planned(self, file: &str, id: u64) -> String {
        let key = key_of(file, id);
        format!("{PREFIX}{}-*{SUFFIX}/{key}.pdf", self.shard)
    }

    fn name(self, number: u64) -> String {
        format!("{PREFIX}{}-{number:0DIGITS$}{SUFFIX}", self.shard)
    }

    /// The number of the tar `name`, if it is one of this shard.
    fn number_of(self, name: &str) -> Option<u64> {
        let (shard, number) = number_of(name)?;
        (shard == self.shard).then_some(number)
    }
}

/// The numbers in the name of a tar: that of the shard, and its own.
fn number_of(name: &str) -> Option<(u32, u64)> {
    let numbers = name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?;
    let (shard, number) = numbers.split_once('-')?;
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let is_ours = is_number(shard) && is_number(number) && number.len() >= DIGITS;
    is_ours.then_some((shard.parse().ok()?, number.parse().ok()?))
}

/// The tar to which the file `name` beside it belongs, or which it is.
fn tar_of(name: &str) -> &str {
    let end = name.find(SUFFIX).map_or(name.len(), |at| at + SUFFIX.len());
    &name[..end]
}

/// The tar and the member that the path `file` names; none if it is that of a file by itself.
pub(super) fn split(file: &str) -> Option<(&str, &str)> {
    if !file.starts_with(PREFIX) {
        return None; // at first sight, as most
    }
    let (tar, member) = file.split_once('/')?;
    number_of(tar)?;
    Some((tar, member))
}

/// The name of the object in a bucket that has the file `file`: itself, or its tar.
pub(crate) fn object_of(file: &str) -> &str {
    split(file).map_or(file, |(tar, _)| tar)
}

/// The key of the file of the link `id`, which would be called `file` by itself.
pub(super) fn key_of(file: &str, id: u64) -> String {
    name::key_in_archive(file, id)
}

/// Publishes the tars in the state folder of `layout` that nobody writes to any more, into the `remote` bucket if there is one.
///
/// # Errors
///
/// When one of them cannot be published.
pub(crate) fn publish_tars(layout: &Layout, remote: Option<Remote>) -> io::Result<()> {
    let outlet = outlet(layout, remote)?;
    outlet.map_or(Ok(()), |outlet| outlet.publish_left())
}

/// Says how many files are in such tars of `layout`.
///
/// # Errors
///
/// When they cannot be read.
pub(crate) fn tell_of_tars(layout: &Layout, remote: Option<Remote>) -> io::Result<()> {
    let Some(outlet) = outlet(layout, remote)? else {
        return Ok(());
    };
    let count = outlet.unpublished()?;
    if count > 0 {
        let folder = layout.state().join(TARS);
        tracing::warn!(
            "{count} of the saved files are in a tar in `{}` that is not full; the same command continues and publishes it",
            folder.display()
        );
    }
    Ok(())
}

/// Where the tars of `layout` become files; none if there are none.
fn outlet(layout: &Layout, remote: Option<Remote>) -> io::Result<Option<Outlet>> {
    let opened = layout
        .state_folder()
        .and_then(|state| Ok((state.below(TARS)?, state.below(PARTS)?)));
    let (tars, parts) = match opened {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        opened => opened?,
    };
    let names = tars.names()?;
    if !names.iter().any(|name| number_of(name).is_some()) {
        return Ok(None);
    }
    let files = Files::of(layout);
    let staging = match files.folder().filter(|_| layout.is_shared()) {
        Some(output) => Staging::between(&parts, output, output.has_unnamed_files()?)?,
        None => None,
    };
    Outlet::new(tars, (&files, staging), remote).map(Some)
}

/// The time of a member, of so many seconds since 1970.
fn time(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

/// The files in the tars of an output folder, and in those that are on their way there.
#[derive(Debug)]
pub(crate) struct Packs {
    /// The folder of tars without final names; none if there is none.
    tars: Option<Folder>,
    /// None if they are in a bucket.
    output: Option<Folder>,
    known: Mutex<HashMap<String, Known>>,
}

/// What is known of a tar.
#[derive(Debug, Default)]
struct Known {
    /// What tells it from another one.
    identity: Option<(u64, u64)>,
    length: u64,
    /// Whether it is in a bucket.
    is_remote: bool,
    contents: Contents,
}

impl Packs {
    /// Those of `layout`.
    pub(super) fn of(layout: &Layout) -> Self {
        let tars = layout.state_folder().and_then(|state| state.below(TARS));
        Self {
            tars: tars.ok(),
            output: layout.output_folder(),
            known: Mutex::default(),
        }
    }

    /// What can be said of `file`, if it is there.
    pub(super) fn found(&self, file: &str) -> Option<Found> {
        let member = self.find(file)?;
        Some(Found {
            length: member.bytes,
            modified: time(member.seconds),
            identity: None,
        })
    }

    /// Where `file` begins in its tar, if it is there.
    pub(super) fn offset(&self, file: &str) -> Option<NonZeroU64> {
        NonZeroU64::new(self.find(file)?.offset)
    }

    fn find(&self, file: &str) -> Option<Member> {
        let (tar, member) = split(file)?;
        let mut known = self.known.lock();
        let known = match known.get_mut(tar) {
            Some(known) => known,
            None => known.entry(tar.to_owned()).or_default(),
        };
        // it may get its final name in between
        let read = self.read(tar, known).or_else(|_| self.read(tar, known));
        read.ok()?;
        known.contents.find(member)
    }

    /// Whether `file` belongs to a tar that is here, and not in a bucket.
    pub(super) fn are_here(&self, file: &str) -> bool {
        split(file).is_some_and(|(tar, _)| self.place(tar).is_some())
    }

    /// Opens `file` for reading.
    ///
    /// # Errors
    ///
    /// When it is not there, or not in the place where it should be, or cannot be read.
    pub(super) fn open(&self, file: &str) -> io::Result<Window> {
        let missing = || io::Error::from(ErrorKind::NotFound);
        let (tar, name) = split(file).ok_or_else(missing)?;
        let member = self.find(file).ok_or_else(missing)?;
        let tar = self.open_tar(tar)?;
        if member::is_there(&tar, &member, name)? {
            return Ok(Window::new(tar, member.offset, member.bytes));
        }
        let message = "its tar has something else in its place";
        Err(io::Error::new(ErrorKind::InvalidData, message))
    }

    /// `key`, or one like it that no tar has.
    ///
    /// # Errors
    ///
    /// When the tars cannot be looked through.
    pub(super) fn free_key(&self, key: &str) -> io::Result<String> {
        let folders = self.tars.iter().chain(&self.output);
        let names = folders.map(Folder::names).collect::<io::Result<Vec<_>>>()?;
        // one that is in a bucket has left its list
        let tars = names.iter().flatten().map(|name| tar_of(name));
        let tars: BTreeSet<_> = tars.collect();
        let is_free = |key: &String| {
            let mut files = tars.iter().map(|tar| format!("{tar}/{key}.pdf"));
            !files.any(|file| self.find(&file).is_some())
        };
        let others = (2..).map(|number| format!("{key}-{number}"));
        let mut keys = [key.to_owned()].into_iter().chain(others);
        Ok(keys.find(is_free).expect("there is no end of them"))
    }

    /// Forgets what is in the tar `name`.
    fn forget(&self, name: &str) {
        self.known.lock().remove(name);
    }

    /// Where the tar `name` is: the one that has no final name yet comes first.
    fn place(&self, name: &str) -> Option<(&Folder, Found)> {
        let folders = self.tars.iter().chain(&self.output);
        let mut places = folders.filter_map(|folder| Some((folder, folder.file(name)?)));
        places.next()
    }

    fn open_tar(&self, name: &str) -> io::Result<File> {
        let open = || {
            let (folder, _) = self.place(name).ok_or(ErrorKind::NotFound)?;
            folder.open(name, Purpose::Read)
        };
        // it may get its final name in between
        open().or_else(|_| open())
    }

    /// Brings what is `known` of the tar `name` up to date.
    fn read(&self, name: &str, known: &mut Known) -> io::Result<()> {
        let list = || List::read(self.tars.as_ref()?, name);
        let Some((folder, found)) = self.place(name) else {
            if !known.is_remote {
                // it has a list since it was complete
                let listed = list().filter(|_| self.output.is_none());
                let contents = listed.and_then(|(_, list)| list.contents());
                known.contents = contents.ok_or(ErrorKind::NotFound)?;
                known.is_remote = true;
            }
            return Ok(());
        };
        let is_same = known.identity == found.identity && known.length <= found.length;
        if is_same && known.length == found.length {
            return Ok(());
        }
        if !is_same {
            *known = Known::default();
        }
        let listed = list().filter(|(length, _)| *length == found.length);
        match listed.and_then(|(_, list)| list.contents()) {
            Some(contents) => known.contents = contents,
            None => known.contents.catch_up(folder.open(name, Purpose::Read)?)?,
        }
        (known.identity, known.length) = (found.identity, found.length);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tar_has_the_numbers_of_its_shard_and_its_own() {
        let packing = Packing { size: 1, shard: 3 };
        assert_eq!(packing.name(12), "shard-3-000012.tar");
        for (name, numbers) in [
            ("shard-3-000012.tar", Some((3, 12))),
            ("shard-12-1234567.tar", Some((12, 1_234_567))),
            ("shard-3-12.tar", None),
            ("shard-3-00001x.tar", None),
            ("shard--000012.tar", None),
            ("shard-3-000012.tar.members", None),
            ("hard-3-000012.tar", None),
        ] {
            assert_eq!(number_of(name), numbers, "{name}");
        }
        assert_eq!(
            split("shard-3-000012.tar/a/b.pdf"),
            Some(("shard-3-000012.tar", "a/b.pdf"))
        );
        assert_eq!(split("shard-3/b.pdf"), None);
    }

    #[test]
    fn a_key_has_no_dot_and_the_identity_of_its_link() {
        for (file, key) in [
            ("a.pdf", "a-000000000000002a"),
            ("1706.03762.PDF", "1706_03762-000000000000002a"),
            ("a.example/b.c.pdf", "a_example/b_c-000000000000002a"),
            ("x/000000000000002a.v2.pdf", "x/000000000000002a_v2"),
        ] {
            assert_eq!(key_of(file, 42), key);
        }
        let long = key_of(&format!("{}.pdf", "é".repeat(125)), 42);
        assert!(long.len() + ".json".len() <= 255, "{long}");
    }
}
