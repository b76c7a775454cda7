//! A tar that is being written.
//!
//! As long as it is open, a lock file beside it is locked, and not the tar itself: some systems keep everybody from reading what
//! is locked. It only ever grows by whole pairs: what a kill has left after the last one is cut off when it is opened again. It is complete once it has its end, and a list of its members beside it.

use std::fs::File;
use std::io::{self, ErrorKind, Seek, SeekFrom, Write};

use super::contents::List;
use super::member::{self, END, Member};
use crate::store::Part;
use crate::store::part::lock;
use crate::system::folder::{Folder, Purpose};

/// How the name of the file ends whose lock is that of a tar.
const LOCK: &str = ".lock";

/// A tar in the folder of those that have no final name, locked until it is dropped.
#[derive(Debug)]
pub(super) struct Tar {
    folder: Folder,
    pub(super) name: String,
    pub(super) file: File,
    list: List,
    /// The end of its last pair, in bytes.
    end: u64,
    /// Whether nothing more is to be written.
    is_complete: bool,
    _lock: File,
}

impl Tar {
    /// A new one.
    ///
    /// # Errors
    ///
    /// When the name is taken ([`ErrorKind::AlreadyExists`]), or it cannot be created.
    pub(super) fn create(folder: &Folder, name: &str) -> io::Result<Self> {
        let lock = match locked(folder, name) {
            // somebody else is about to create it
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                return Err(ErrorKind::AlreadyExists.into());
            }
            locked => locked?,
        };
        let file = folder.open(name, Purpose::New { private: false })?;
        Ok(Self::new(folder, name, (file, lock)))
    }

    /// One that another process has left.
    ///
    /// # Errors
    ///
    /// When another process has it ([`ErrorKind::WouldBlock`]), when there is none any more ([`ErrorKind::NotFound`]), or when it
    /// cannot be read or written.
    pub(super) fn open(folder: &Folder, name: &str) -> io::Result<Self> {
        let lock = locked(folder, name)?;
        // its process may have published it before it let it go
        let file = folder.open(name, Purpose::Write)?;
        let mut tar = Self::new(folder, name, (file, lock));
        let length = tar.file.metadata()?.len();
        if let Some((listed, list)) = List::read(folder, name)
            && listed == length
        {
            (tar.list, tar.end, tar.is_complete) = (list, length, true);
            return Ok(tar);
        }
        let list = &mut tar.list;
        tar.end = member::scan(tar.file.try_clone()?, 0, |name, member| {
            list.add(name, &member);
        })?;
        tar.file.set_len(tar.end)?;
        Ok(tar)
    }

    fn new(folder: &Folder, name: &str, (file, lock): (File, File)) -> Self {
        Self {
            folder: folder.clone(),
            name: name.to_owned(),
            file,
            list: List::default(),
            end: 0,
            is_complete: false,
            _lock: lock,
        }
    }

    /// Whether nothing more is to be written.
    pub(super) fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// Whether there is nothing in it.
    pub(super) fn is_empty(&self) -> bool {
        self.end == 0
    }

    /// How many PDFs it has.
    pub(super) fn count(&self) -> usize {
        self.list.count()
    }

    /// Where the next PDF will be, if it is called `name`.
    ///
    /// # Errors
    ///
    /// When it can have no such name.
    pub(super) fn next(&self, name: &str, (bytes, seconds): (u64, u64)) -> io::Result<Member> {
        let mut member = Member {
            offset: 0,
            bytes,
            seconds,
        };
        member.offset = self.end + member.header(name)?.len() as u64;
        Ok(member)
    }

    /// Whether it would be longer than `most` bytes with this pair, although it has another one.
    pub(super) fn is_full(&self, member: &Member, json: &[u8], most: u64) -> bool {
        // the headers and the ends of blocks
        let record = json.len() as u64 + 4 * member::BLOCK;
        let length = member.offset + member.bytes + record + END as u64;
        !self.is_empty() && length > most
    }

    /// Appends a pair: the bytes of `part` as `KEY.pdf`, at the place of `member`, and `json` as `KEY.json`.
    ///
    /// # Errors
    ///
    /// When it cannot be written completely. Then it is as it was.
    pub(super) fn append(
        &mut self,
        key: &str,
        (member, part): (&Member, &mut Part),
        json: &[u8],
    ) -> io::Result<()> {
        let name = format!("{key}.pdf");
        let mut write = || {
            let record = member::record(member, &format!("{key}.json"), json)?;
            let file = &mut self.file;
            file.seek(SeekFrom::Start(self.end))?;
            file.write_all(&member.header(&name)?)?;
            part.copy_to(file)?;
            file.write_all(&record)?;
            file.stream_position()
        };
        match write() {
            Ok(end) => {
                self.end = end;
                self.list.add(&name, member);
                Ok(())
            }
            Err(error) => {
                // if that fails, too, it is cut off when it is opened again
                let _ = self.file.set_len(self.end);
                Err(error)
            }
        }
    }

    /// Writes its end and its list.
    ///
    /// # Errors
    ///
    /// When they cannot be written.
    pub(super) fn complete(&mut self) -> io::Result<()> {
        if self.is_complete {
            return Ok(());
        }
        self.file.seek(SeekFrom::Start(self.end))?;
        self.file.write_all(&[0; END])?;
        let length = self.end + END as u64;
        self.list.write(&self.folder, &self.name, length)?;
        (self.end, self.is_complete) = (length, true);
        Ok(())
    }

    /// Lets go of it after it has got its final name.
    pub(super) fn has_moved(self) {
        // without its tar, nobody looks at it
        let _ = self.folder.remove(&format!("{}{LOCK}", self.name));
    }

    /// Removes it with all that is in it.
    ///
    /// # Errors
    ///
    /// When it cannot be removed.
    pub(super) fn discard(self) -> io::Result<()> {
        self.folder.remove(&self.name)
    }

    /// Withdraws the pair with this `key`. Returns the name that its PDF has then.
    ///
    /// # Errors
    ///
    /// When that cannot be written.
    pub(super) fn withdraw(&mut self, key: &str, member: &Member) -> io::Result<String> {
        let name = withdraw(&self.file, key, member)?;
        self.list.remove(&format!("{key}.pdf"));
        Ok(name)
    }
}

/// The lock of the tar `name` in `folder`.
///
/// # Errors
///
/// When another process has it ([`ErrorKind::WouldBlock`]), or it cannot be created.
fn locked(folder: &Folder, name: &str) -> io::Result<File> {
    let file = folder.open(&format!("{name}{LOCK}"), Purpose::Create)?;
    lock(&file)?;
    Ok(file)
}

/// Gives the pair with this `key`, whose PDF is `member` in `file`, names of which readers take no notice.
///
/// # Errors
///
/// When it cannot be written.
pub(super) fn withdraw(mut file: &File, key: &str, member: &Member) -> io::Result<String> {
    let (header, name) = member.withdrawn(&format!("{key}.pdf"))?;
    // the PDF first: without it, a record is nothing to anybody
    file.seek(SeekFrom::Start(member.offset - header.len() as u64))?;
    file.write_all(&header)?;
    let json = format!("{key}.json");
    let begin = member.offset + member.bytes.next_multiple_of(member::BLOCK);
    let record = member::at(file, begin)?;
    let (header, _) = record.withdrawn(&json)?;
    file.seek(SeekFrom::Start(record.offset - header.len() as u64))?;
    file.write_all(&header)?;
    Ok(name)
}
