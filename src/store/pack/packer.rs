//! Puts the files of a run into tars, one after the other, and publishes each tar once it is full.
//!
//! Several processes may do so in one folder. Each has a tar of its own: a lock says so. One that nobody has locked was left by a
//! process that has ended, and is continued by the next one that needs a tar. Numbers are given out by creating the file, and no
//! number is given twice: neither one of a tar that is published, nor one of a tar that is gone, whose list is still there.
//!
//! In a shared output folder, a hidden file reserves the name there, because another run cannot see our folder; for a bucket, see
//! [`remote`](super::remote).

use std::fs::File;
use std::io::{self, ErrorKind, Seek};
use std::num::NonZeroU64;
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};

use parking_lot::{Mutex, MutexGuard};

use super::remote::Remote;
use super::tar::{self, Tar};
use super::{Packing, Packs, number_of};
use crate::outcome::Saved;
use crate::store::staging::Staging;
use crate::store::{Files, Part, part};
use crate::system::folder::{Folder, Purpose};

/// What the name of a file begins with that reserves the name of a tar in a shared output folder.
const RESERVED: &str = ".fetchpdf-";

/// Where tars become files with final names.
#[derive(Debug)]
pub(in crate::store) struct Outlet {
    folder: Folder,
    place: Place,
    /// Why nothing gets there any more.
    refused: OnceLock<String>,
}

/// Where that is.
#[derive(Debug)]
enum Place {
    /// A folder, by way of its file system if it is on another one.
    Folder(Files, Folder, Option<Staging>),
    Bucket(Box<Remote>),
}

/// Puts files into tars.
#[derive(Debug)]
pub(in crate::store) struct Packer {
    packing: Packing,
    outlet: Arc<Outlet>,
    /// The tar that is not full yet.
    open: Mutex<Option<Tar>>,
    /// Those that are, and have no final names yet.
    full: Mutex<Vec<Tar>>,
    /// Locked while one gets it.
    publishing: Mutex<()>,
    /// Those that are uploaded.
    uploads: Mutex<Vec<JoinHandle<io::Result<()>>>>,
    /// Why one could not get it.
    error: Mutex<Option<io::Error>>,
}

/// The tar for the next file. No other thread has it meanwhile.
pub(in crate::store) struct Turn<'a> {
    packer: &'a Packer,
    open: MutexGuard<'a, Option<Tar>>,
}

impl Packer {
    /// A packer that has not begun.
    pub(in crate::store) fn new(packing: Packing, outlet: Outlet) -> Self {
        Self {
            packing,
            outlet: Arc::new(outlet),
            open: Mutex::default(),
            full: Mutex::default(),
            publishing: Mutex::default(),
            uploads: Mutex::default(),
            error: Mutex::default(),
        }
    }

    /// Waits until no other thread packs a file.
    pub(in crate::store) fn turn(&self) -> Turn<'_> {
        Turn {
            packer: self,
            open: self.open.lock(),
        }
    }

    /// Gives those tars their final names that are full. Uploads go on in threads of their own.
    pub(in crate::store) fn publish_full(&self) {
        loop {
            let next = self.full.lock().pop();
            let Some(tar) = next else { return };
            if matches!(self.outlet.place, Place::Bucket(_)) {
                let outlet = Arc::clone(&self.outlet);
                let upload = move || outlet.note(outlet.publish(tar));
                let upload = thread::Builder::new().spawn(upload);
                match upload {
                    Ok(upload) => self.uploads.lock().push(upload),
                    // at the end of the run
                    Err(error) => tracing::info!("cannot start a thread: {error}"),
                }
            } else {
                let _publishing = self.publishing.lock();
                self.note(self.outlet.publish(tar));
            }
        }
    }

    /// Why no more tars can be published, if so.
    pub(in crate::store) fn refused(&self) -> Option<&str> {
        self.outlet.refused.get().map(String::as_str)
    }

    /// Publishes what is full, and the last tar, too, unless the run `continues` another time. Then it does not wait for uploads.
    ///
    /// # Errors
    ///
    /// When one of the tars of the run could not be published.
    pub(in crate::store) fn finish(&self, continues: bool) -> io::Result<()> {
        let last = self.open.lock().take();
        if continues {
            return self.error.lock().take().map_or(Ok(()), Err);
        }
        if let Some(mut last) = last {
            last.complete()?;
            self.full.lock().push(last);
        }
        self.publish_full();
        for upload in self.uploads.lock().drain(..) {
            // one that panics is told by its own message
            self.note(upload.join().unwrap_or(Ok(())));
        }
        self.error.lock().take().map_or(Ok(()), Err)
    }

    fn note(&self, published: io::Result<()>) {
        if let Err(error) = published {
            tracing::error!("cannot publish a tar: {error}");
            self.error.lock().get_or_insert(error);
        }
    }

    /// A tar to write to: one that was left, or else a new one.
    fn next(&self) -> io::Result<Tar> {
        let folder = &self.outlet.folder;
        let mut names = folder.names()?;
        names.retain(|name| self.packing.number_of(name).is_some());
        names.sort();
        for name in names {
            match Tar::open(folder, &name) {
                // published at the end of the run
                Ok(tar) if tar.is_complete() => {}
                Ok(tar) => return Ok(tar),
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
        self.create()
    }

    fn create(&self) -> io::Result<Tar> {
        let Outlet { folder, place, .. } = &*self.outlet;
        let published = match place {
            Place::Folder(_, output, _) => output.names()?,
            Place::Bucket(_) => Vec::new(),
        };
        let names = folder.names()?.into_iter().chain(published);
        let taken = names.filter_map(|name| {
            let name = name.strip_prefix(RESERVED).unwrap_or(&name);
            self.packing.number_of(super::tar_of(name))
        });
        let mut number = taken.max().map_or(0, |last| last + 1);
        loop {
            let name = self.packing.name(number);
            match Tar::create(folder, &name) {
                Ok(tar) => match self.outlet.note(self.outlet.reserve(&name)) {
                    Ok(true) => return Ok(tar),
                    reserved => {
                        tar.discard()?;
                        reserved?;
                    }
                },
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
            number += 1;
        }
    }
}

impl Turn<'_> {
    /// Appends `part` as `KEY.pdf`, and what `record` returns as `KEY.json`. `saved` describes it, except for its place: `record` and
    /// `announce` get it with that. The latter is called before anything is written.
    ///
    /// # Errors
    ///
    /// When it cannot be written completely, or not be noted.
    pub(in crate::store) fn append(
        &mut self,
        (key, part): (&str, &mut Part),
        saved: &Saved,
        record: impl Fn(&Saved) -> Vec<u8>,
        announce: impl FnOnce(&Saved) -> io::Result<()>,
    ) -> io::Result<Saved> {
        if let Some(why) = self.packer.refused() {
            return Err(io::Error::other(why.to_owned()));
        }
        let (pdf, seconds) = (format!("{key}.pdf"), seconds(saved));
        loop {
            let tar = match &mut *self.open {
                Some(tar) => tar,
                none => none.insert(self.packer.next()?),
            };
            let member = tar.next(&pdf, (part.len(), seconds))?;
            let mut packed = saved.clone();
            packed.file = format!("{}/{pdf}", tar.name);
            packed.modified = super::time(seconds);
            (packed.offset, packed.inode) = (NonZeroU64::new(member.offset), None);
            let json = record(&packed);
            if tar.is_full(&member, &json, self.packer.packing.size) {
                tar.complete()?;
                self.packer.full.lock().extend(self.open.take());
                continue;
            }
            announce(&packed)?;
            tar.append(key, (&member, part), &json)?;
            return Ok(packed);
        }
    }

    /// Withdraws the pair of `file`, which is in a tar of `packs`. Returns the path that it has then; none if its tar is uploaded.
    ///
    /// # Errors
    ///
    /// When that cannot be written.
    pub(in crate::store) fn withdraw(
        &mut self,
        packs: &Packs,
        file: &str,
    ) -> io::Result<Option<String>> {
        let missing = || io::Error::from(ErrorKind::NotFound);
        let (name, pdf) = super::split(file).ok_or_else(missing)?;
        let member = packs.find(file).ok_or_else(missing)?;
        let key = pdf.strip_suffix(".pdf").unwrap_or(pdf);
        let mut full = self.packer.full.lock();
        let mut tars = self.open.iter_mut().chain(full.iter_mut());
        if let Some(tar) = tars.find(|tar| tar.name == name && !tar.is_complete()) {
            let new = tar.withdraw(key, &member)?;
            packs.forget(name);
            return Ok(Some(format!("{name}/{new}")));
        }
        drop(full);
        let Outlet { folder, place, .. } = &*self.packer.outlet;
        let Place::Folder(_, output, _) = place else {
            return Ok(None);
        };
        let _publishing = self.packer.publishing.lock();
        let tar = folder.open(name, Purpose::Write);
        let tar = tar.or_else(|_| output.open(name, Purpose::Write))?;
        let new = tar::withdraw(&tar, key, &member)?;
        if let Some((length, mut list)) = super::List::read(folder, name) {
            list.remove(pdf);
            list.write(folder, name, length)?;
        }
        packs.forget(name);
        Ok(Some(format!("{name}/{new}")))
    }
}

impl Outlet {
    /// From `folder`, where tars are written, to `files`, by `staging` if they are on different file systems, or to the `remote`
    /// bucket.
    ///
    /// # Errors
    ///
    /// When there is neither.
    pub(in crate::store) fn new(
        folder: Folder,
        (files, staging): (&Files, Option<Staging>),
        remote: Option<Remote>,
    ) -> io::Result<Self> {
        let place = match (files.folder(), remote) {
            (_, Some(remote)) => Place::Bucket(Box::new(remote)),
            (Some(output), None) => Place::Folder(files.clone(), output.clone(), staging),
            (None, None) => return Err(ErrorKind::Unsupported.into()),
        };
        Ok(Self {
            folder,
            place,
            refused: OnceLock::new(),
        })
    }

    /// Remembers if a bucket refuses what has been `asked`, after all its retries.
    fn note<T>(&self, asked: io::Result<T>) -> io::Result<T> {
        if let (Place::Bucket(_), Err(error)) = (&self.place, &asked) {
            self.refused.get_or_init(|| error.to_string());
        }
        asked
    }

    /// Reserves the name of a tar; false if it is taken.
    fn reserve(&self, name: &str) -> io::Result<bool> {
        let (files, output) = match &self.place {
            Place::Folder(files, output, _) => (files, output),
            Place::Bucket(remote) => return remote.reserve(name),
        };
        let reserved = format!("{RESERVED}{name}");
        if files.are_shared {
            match output.open(&reserved, Purpose::New { private: false }) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(false),
                reserved => drop(reserved?),
            }
        }
        let is_free = !output.is_taken(name);
        if !is_free && files.are_shared {
            output.remove(&reserved)?;
        }
        Ok(is_free)
    }

    /// Gives a complete tar its final name.
    fn publish(&self, tar: Tar) -> io::Result<()> {
        let name = &*tar.name;
        let is_published = match &self.place {
            Place::Folder(_, output, None) => is_free(self.folder.rename_new(name, output, name))?,
            Place::Folder(_, output, Some(staging)) => self.publish_copy(&tar, output, staging)?,
            Place::Bucket(remote) => {
                remote.upload(&tar.file, name)? && {
                    self.folder.remove(name)?;
                    true
                }
            }
        };
        if !is_published {
            let message = format!("another file is called `{name}`: move it away");
            return Err(io::Error::new(ErrorKind::AlreadyExists, message));
        }
        if let Place::Folder(files, output, _) = &self.place
            && files.are_shared
        {
            // without its tar, it only keeps the number from being given again
            let _ = output.remove(&format!("{RESERVED}{name}"));
        }
        tracing::info!("published {name} ({} files)", tar.count());
        tar.has_moved();
        Ok(())
    }

    /// Copies a tar to the file system of `output`, and gives the copy its name; false if that is taken.
    fn publish_copy(&self, tar: &Tar, output: &Folder, staging: &Staging) -> io::Result<bool> {
        let mut file = &tar.file;
        let mut staged = staging.create()?;
        file.rewind()?;
        let copied = io::copy(&mut file, &mut staged.file)?;
        if copied != file.metadata()?.len() {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let published = is_free(staged.publish(output, &tar.name))?
            // a process has been killed before it could remove its own
            || is_same(file, &output.open(&tar.name, Purpose::Read)?)?;
        if published {
            self.folder.remove(&tar.name)?;
        }
        Ok(published)
    }

    /// Publishes the tars that nobody writes to any more, as killed processes leave them.
    ///
    /// # Errors
    ///
    /// When one of them could not be published.
    pub(in crate::store) fn publish_left(&self) -> io::Result<()> {
        let mut names = self.folder.names()?;
        names.retain(|name| number_of(name).is_some());
        names.sort();
        let mut result = Ok(());
        for name in names {
            let published = match Tar::open(&self.folder, &name) {
                Ok(tar) if tar.is_empty() => tar.discard(),
                Ok(mut tar) => tar.complete().and_then(|()| self.publish(tar)),
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotFound) =>
                {
                    Ok(())
                }
                Err(error) => Err(error),
            };
            result = result.and(published);
        }
        result
    }

    /// How many PDFs are in tars that have no final names.
    ///
    /// # Errors
    ///
    /// When they cannot be read.
    pub(in crate::store) fn unpublished(&self) -> io::Result<usize> {
        let mut names = self.folder.names()?;
        names.retain(|name| number_of(name).is_some());
        let tars = names
            .iter()
            .filter_map(|name| Tar::open(&self.folder, name).ok());
        Ok(tars.map(|tar| tar.count()).sum())
    }
}

/// Whether a name was free that has been `given`.
fn is_free(given: io::Result<()>) -> io::Result<bool> {
    match given {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        given => given.map(|()| true),
    }
}

/// Whether two files have the same bytes.
fn is_same(mut one: &File, other: &File) -> io::Result<bool> {
    if one.metadata()?.len() != other.metadata()?.len() {
        return Ok(false);
    }
    one.rewind()?;
    Ok(part::hash(one)? == part::hash(other)?)
}

/// The time of a file, as a tar has it.
fn seconds(saved: &Saved) -> u64 {
    // as many as its eleven digits can say
    const MOST: u64 = (1 << 33) - 1;
    let since = saved.modified.duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs().min(MOST))
}
