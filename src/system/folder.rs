//! A folder, and the files below it, in a place where others may write, too.
//!
//! A file has a path below the folder, with `/` between its components and without `..`. On the way to it, no symbolic link is
//! followed: somebody else may have put it there, and it may lead anywhere. On Unix, each folder is opened from the one
//! before, so that none can be exchanged after it was looked at; elsewhere, each is looked at before it is used.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::time::SystemTime;

use super::files::has_one_name;

/// What a folder says about a file in it.
#[derive(Debug)]
pub(crate) struct Found {
    /// Its length in bytes.
    pub(crate) length: u64,
    /// Its modification time.
    pub(crate) modified: SystemTime,
    /// What no other file has as long as this one exists; none where names that differ in case are those of one file.
    pub(crate) identity: Option<(u64, u64)>,
}

/// What a file is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Reading it.
    Read,
    /// Reading and writing it.
    Write,
    /// Reading and writing it, after creating it if it does not exist.
    Create,
    /// Creating it. Whether it is for the eyes of its owner only.
    New { private: bool },
    /// Reading and appending to it, after creating it if it does not exist.
    Append,
}

impl Found {
    /// The inode of the file, where the system has inodes.
    pub(crate) fn inode(&self) -> Option<u64> {
        self.identity.map(|(_, inode)| inode)
    }
}

pub(crate) use imp::Folder;

impl Folder {
    /// Runs `act`, and again after creating the folder of the file `path` if that does not exist.
    ///
    /// # Errors
    ///
    /// When the folder cannot be created ([`ErrorKind::NotADirectory`] if something else is in its place), or that of `act`.
    pub(crate) fn with_parent<T>(
        &self,
        path: &str,
        mut act: impl FnMut() -> io::Result<T>,
    ) -> io::Result<T> {
        match (act(), path.rsplit_once('/')) {
            (Err(error), Some((folders, _))) if error.kind() == ErrorKind::NotFound => {
                self.create(folders)?;
                act()
            }
            (done, _) => done,
        }
    }

    /// Opens a part for reading and writing, and creates it if it does not exist. Anything else in its place, such as a link
    /// to another file, is removed first.
    ///
    /// # Errors
    ///
    /// When somebody is changing it ([`ErrorKind::WouldBlock`]), or it cannot be opened.
    pub(crate) fn open_part(&self, path: &str) -> io::Result<File> {
        if self.is_taken(path) && !self.has_one_name(path) {
            self.remove(path)?;
        }
        let file = self.open(path, Purpose::Create)?;
        // looked at while it is open: others may have put a link in its place meanwhile
        if has_one_name(&file.metadata()?) {
            Ok(file)
        } else {
            Err(ErrorKind::WouldBlock.into())
        }
    }

    /// Removes the file `path`, if it exists.
    ///
    /// # Errors
    ///
    /// When it cannot be removed.
    pub(crate) fn remove(&self, path: &str) -> io::Result<()> {
        match self.unlink(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Renames the file `from` to `to` in the folder `target`, unless that exists ([`ErrorKind::AlreadyExists`]).
    ///
    /// # Errors
    ///
    /// When it cannot be renamed.
    pub(crate) fn rename_new(&self, from: &str, target: &Self, to: &str) -> io::Result<()> {
        if let Some(done) = self.rename_exclusively(from, target, to) {
            return done;
        }
        match self.hard_link(from, target, to) {
            Ok(()) => self.unlink(from),
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::AlreadyExists | ErrorKind::NotFound | ErrorKind::CrossesDevices
                ) =>
            {
                Err(error)
            }
            // the file system has no hard links: an empty file reserves the name, and is then replaced
            Err(_) => {
                target.open(to, Purpose::New { private: false })?;
                self.rename(from, target, to)
            }
        }
    }
}

fn not_a_file(path: &str) -> io::Error {
    let message = format!("`{path}` is not a file");
    io::Error::new(ErrorKind::InvalidInput, message)
}

fn not_a_folder(name: &str) -> io::Error {
    let message = format!("`{name}` is not a folder (symbolic links are not followed)");
    io::Error::new(ErrorKind::NotADirectory, message)
}

#[cfg(unix)]
mod imp {
    use std::fs::File;
    use std::io;
    use std::os::fd::OwnedFd;
    use std::os::unix::fs::MetadataExt;
    use std::path::Path;
    use std::sync::Arc;
    use std::time::{Duration, UNIX_EPOCH};

    use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat};
    use rustix::fs::{linkat, mkdirat, openat, renameat, statat, unlinkat};
    use rustix::io::Errno;

    use super::{Found, Purpose, not_a_file, not_a_folder};

    #[cfg(any(target_os = "linux", target_os = "android"))]
    const LOOK: OFlags = OFlags::PATH;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    const LOOK: OFlags = OFlags::RDONLY;

    /// A folder; none while it does not exist.
    #[derive(Debug, Clone)]
    pub(crate) struct Folder(Option<Arc<OwnedFd>>);

    impl Folder {
        /// The folder at `path`, which may be a link or below links, and need not exist.
        pub(crate) fn at(path: &Path) -> Self {
            let flags = LOOK | OFlags::DIRECTORY | OFlags::CLOEXEC;
            Self(openat(CWD, path, flags, Mode::empty()).ok().map(Arc::new))
        }

        fn handle(&self) -> io::Result<&OwnedFd> {
            self.0.as_deref().ok_or_else(|| Errno::NOENT.into())
        }

        /// The folder `path` below this one.
        pub(crate) fn below(&self, path: &str) -> io::Result<Self> {
            let mut components = path.split('/');
            components.try_fold(self.clone(), |folder, name| folder.child(name))
        }

        /// The folder `path` below this one, after creating what does not exist of it.
        pub(crate) fn create(&self, path: &str) -> io::Result<Self> {
            let mut components = path.split('/');
            components.try_fold(self.clone(), |folder, name| {
                match mkdirat(folder.handle()?, name, Mode::from_raw_mode(0o777)) {
                    Ok(()) | Err(Errno::EXIST) => folder.child(name),
                    Err(error) => Err(error.into()),
                }
            })
        }

        fn child(&self, name: &str) -> io::Result<Self> {
            let flags = LOOK | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            match openat(self.handle()?, name, flags, Mode::empty()) {
                Ok(child) => Ok(Self(Some(Arc::new(child)))),
                Err(Errno::NOTDIR | Errno::LOOP | Errno::MLINK) => Err(not_a_folder(name)),
                Err(error) => Err(error.into()),
            }
        }

        /// The folder of the file `path`, and its name there.
        fn parent<'a>(&self, path: &'a str) -> io::Result<(Self, &'a str)> {
            match path.rsplit_once('/') {
                None => Ok((self.clone(), path)),
                Some((folders, name)) => Ok((self.below(folders)?, name)),
            }
        }

        fn stat(&self, path: &str) -> io::Result<Stat> {
            let (parent, name) = self.parent(path)?;
            Ok(statat(parent.handle()?, name, AtFlags::SYMLINK_NOFOLLOW)?)
        }

        /// Whether anything has the name `path`.
        pub(crate) fn is_taken(&self, path: &str) -> bool {
            self.stat(path).is_ok()
        }

        /// The regular file `path`, if it exists.
        pub(crate) fn file(&self, path: &str) -> Option<Found> {
            let found = self.stat(path).ok()?;
            let seconds = Duration::from_secs(found.st_mtime.unsigned_abs());
            let second = match found.st_mtime {
                0.. => UNIX_EPOCH.checked_add(seconds),
                _ => UNIX_EPOCH.checked_sub(seconds),
            };
            let nanoseconds = Duration::new(0, u32::try_from(found.st_mtime_nsec).ok()?);
            is_regular(&found).then_some(Found {
                length: u64::try_from(found.st_size).ok()?,
                modified: second?.checked_add(nanoseconds)?,
                identity: Some(identity(&found)),
            })
        }

        /// Whether `path` is a regular file without a second name.
        pub(crate) fn has_one_name(&self, path: &str) -> bool {
            let found = self.stat(path);
            found.is_ok_and(|found| is_regular(&found) && found.st_nlink == 1)
        }

        /// Whether `path` still leads to `file`.
        pub(crate) fn is_at(&self, file: &File, path: &str) -> io::Result<bool> {
            let ours = file.metadata()?;
            match self.stat(path) {
                Ok(found) => Ok(identity(&found) == (ours.dev(), ours.ino())),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
                Err(error) => Err(error),
            }
        }

        /// Opens the regular file `path`, without waiting for the other end of a pipe.
        pub(crate) fn open(&self, path: &str, purpose: Purpose) -> io::Result<File> {
            let (flags, mode) = match purpose {
                Purpose::Read => (OFlags::RDONLY, 0),
                Purpose::Write => (OFlags::RDWR, 0),
                Purpose::Create => (OFlags::RDWR | OFlags::CREATE, 0o666),
                Purpose::Append => (OFlags::RDWR | OFlags::CREATE | OFlags::APPEND, 0o666),
                Purpose::New { private } => (
                    OFlags::RDWR | OFlags::CREATE | OFlags::EXCL,
                    if private { 0o600 } else { 0o666 },
                ),
            };
            let flags = flags | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
            let (parent, name) = self.parent(path)?;
            let file = openat(parent.handle()?, name, flags, Mode::from_raw_mode(mode));
            let file = File::from(file.map_err(|error| match error {
                Errno::LOOP | Errno::MLINK => not_a_file(path),
                error => error.into(),
            })?);
            if !file.metadata()?.is_file() {
                return Err(not_a_file(path));
            }
            Ok(file)
        }

        /// The names of everything in this folder that are valid in UTF-8.
        pub(crate) fn names(&self) -> io::Result<Vec<String>> {
            let mut names = Vec::new();
            // the handle may be good for look-ups only
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
            let readable = openat(self.handle()?, ".", flags, Mode::empty())?;
            for entry in Dir::new(readable)? {
                if let Ok(name) = entry?.file_name().to_str() {
                    names.push(name.to_owned());
                }
            }
            names.retain(|name| !matches!(&**name, "." | ".."));
            Ok(names)
        }

        pub(super) fn unlink(&self, path: &str) -> io::Result<()> {
            let (parent, name) = self.parent(path)?;
            Ok(unlinkat(parent.handle()?, name, AtFlags::empty())?)
        }

        /// Renames the file `from` to `to` in the folder `target`, and replaces what has that name.
        pub(crate) fn rename(&self, from: &str, target: &Self, to: &str) -> io::Result<()> {
            let (target, to) = target.parent(to)?;
            Ok(renameat(self.handle()?, from, target.handle()?, to)?)
        }

        /// Renames without replacing, if the system can.
        pub(super) fn rename_exclusively(
            &self,
            from: &str,
            target: &Self,
            to: &str,
        ) -> Option<io::Result<()>> {
            #[cfg(any(target_os = "linux", target_vendor = "apple"))]
            {
                use rustix::fs::{RenameFlags, renameat_with};
                let rename = || {
                    let (target, to) = target.parent(to)?;
                    let no_replace = RenameFlags::NOREPLACE;
                    let (here, there) = (self.handle()?, target.handle()?);
                    Ok(renameat_with(here, from, there, to, no_replace))
                };
                return match rename() {
                    Ok(Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP)) => None,
                    Ok(done) => Some(done.map_err(Into::into)),
                    Err(error) => Some(Err(error)),
                };
            }
            #[allow(unreachable_code, reason = "for all other systems")]
            None
        }

        /// Makes `to` in the folder `target` another name of the file `from`.
        pub(crate) fn hard_link(&self, from: &str, target: &Self, to: &str) -> io::Result<()> {
            let (source, from) = self.parent(from)?;
            let (target, to) = target.parent(to)?;
            let (here, there) = (source.handle()?, target.handle()?);
            Ok(linkat(here, from, there, to, AtFlags::empty())?)
        }
    }

    fn is_regular(found: &Stat) -> bool {
        FileType::from_raw_mode(found.st_mode) == FileType::RegularFile
    }

    #[allow(
        clippy::unnecessary_cast,
        clippy::cast_sign_loss,
        clippy::useless_conversion,
        reason = "the types of the fields differ among systems"
    )]
    fn identity(found: &Stat) -> (u64, u64) {
        (found.st_dev as u64, found.st_ino as u64)
    }

    #[cfg(target_os = "linux")]
    impl Folder {
        /// Whether files in this folder can be unnamed: if the kernel, the file system and `/proc`, which gives them names,
        /// can.
        ///
        /// # Errors
        ///
        /// When no file can be created in this folder.
        pub(crate) fn has_unnamed_files(&self) -> io::Result<bool> {
            if !Path::new("/proc/self/fd").exists() {
                return Ok(false);
            }
            match self.unnamed_file() {
                Ok(_) => Ok(true),
                Err(error) => match Errno::from_io_error(&error) {
                    Some(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL | Errno::NOENT) => {
                        Ok(false)
                    }
                    _ => Err(error),
                },
            }
        }

        /// A file in this folder that has no name, and vanishes when it is closed.
        pub(crate) fn unnamed_file(&self) -> io::Result<File> {
            let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
            Ok(openat(self.handle()?, ".", flags, Mode::from_raw_mode(0o666))?.into())
        }

        /// Gives an unnamed file the name `path` unless that exists.
        pub(crate) fn link_unnamed(&self, file: &File, path: &str) -> io::Result<()> {
            use std::os::fd::AsRawFd;
            let (parent, name) = self.parent(path)?;
            let parent = parent.handle()?;
            // by descriptor, which older kernels allow only with a capability; else by a path, which takes a walk through
            // `/proc`
            match linkat(file, "", parent, name, AtFlags::EMPTY_PATH) {
                Err(Errno::NOENT | Errno::PERM | Errno::INVAL) => {}
                linked => return Ok(linked?),
            }
            let this = format!("/proc/self/fd/{}", file.as_raw_fd());
            Ok(linkat(CWD, this, parent, name, AtFlags::SYMLINK_FOLLOW)?)
        }
    }
}

#[cfg(not(unix))]
mod imp {
    use std::fs::{self, File};
    use std::io;
    use std::path::{Path, PathBuf};

    use super::{Found, Purpose, not_a_file, not_a_folder};

    /// A folder, which need not exist.
    #[derive(Debug, Clone)]
    pub(crate) struct Folder(PathBuf);

    impl Folder {
        /// The folder at `path`, which may be a link or below links, and need not exist.
        pub(crate) fn at(path: &Path) -> Self {
            Self(path.to_owned())
        }

        /// The folder `path` below this one.
        pub(crate) fn below(&self, path: &str) -> io::Result<Self> {
            let mut components = path.split('/');
            components.try_fold(self.clone(), |folder, name| folder.child(name))
        }

        /// The folder `path` below this one, after creating what does not exist of it.
        pub(crate) fn create(&self, path: &str) -> io::Result<Self> {
            let mut components = path.split('/');
            components.try_fold(self.clone(), |folder, name| {
                match fs::create_dir(folder.0.join(name)) {
                    Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
                    _ => folder.child(name),
                }
            })
        }

        fn child(&self, name: &str) -> io::Result<Self> {
            let path = self.0.join(name);
            let is_folder = fs::symlink_metadata(&path)?.is_dir();
            is_folder
                .then_some(Self(path))
                .ok_or_else(|| not_a_folder(name))
        }

        /// The path of the file `path`, whose folders are no links.
        fn path(&self, path: &str) -> io::Result<PathBuf> {
            Ok(match path.rsplit_once('/') {
                None => self.0.join(path),
                Some((folders, name)) => self.below(folders)?.0.join(name),
            })
        }

        fn stat(&self, path: &str) -> io::Result<fs::Metadata> {
            fs::symlink_metadata(self.path(path)?)
        }

        /// Whether anything has the name `path`.
        pub(crate) fn is_taken(&self, path: &str) -> bool {
            self.stat(path).is_ok()
        }

        /// The regular file `path`, if it exists.
        pub(crate) fn file(&self, path: &str) -> Option<Found> {
            let found = self.stat(path).ok()?;
            found.is_file().then_some(Found {
                length: found.len(),
                modified: found.modified().ok()?,
                identity: None,
            })
        }

        /// Whether `path` is a regular file.
        pub(crate) fn has_one_name(&self, path: &str) -> bool {
            self.stat(path).is_ok_and(|found| found.is_file())
        }

        /// Whether `path` still leads to `file`: always, as others cannot rename an open file.
        #[expect(
            clippy::unused_self,
            clippy::unnecessary_wraps,
            reason = "other systems have to look"
        )]
        pub(crate) fn is_at(&self, _: &File, _: &str) -> io::Result<bool> {
            Ok(true)
        }

        /// Opens the regular file `path`.
        pub(crate) fn open(&self, path: &str, purpose: Purpose) -> io::Result<File> {
            if self.is_taken(path) && !self.has_one_name(path) {
                return Err(not_a_file(path));
            }
            let mut options = File::options();
            options.read(true);
            match purpose {
                Purpose::Read => &mut options,
                Purpose::Write => options.write(true),
                Purpose::Create => options.write(true).create(true).truncate(false),
                Purpose::Append => options.append(true).create(true),
                Purpose::New { .. } => options.write(true).create_new(true),
            };
            options.open(self.path(path)?)
        }

        /// The names of everything in this folder that are valid in UTF-8.
        pub(crate) fn names(&self) -> io::Result<Vec<String>> {
            let entries = fs::read_dir(&self.0)?;
            let names = entries.map(|entry| Ok(entry?.file_name().into_string().ok()));
            names.filter_map(io::Result::transpose).collect()
        }

        pub(super) fn unlink(&self, path: &str) -> io::Result<()> {
            fs::remove_file(self.path(path)?)
        }

        /// Renames the file `from` to `to` in the folder `target`, and replaces what has that name.
        pub(crate) fn rename(&self, from: &str, target: &Self, to: &str) -> io::Result<()> {
            fs::rename(self.path(from)?, target.path(to)?)
        }

        /// Renames without replacing, if the system can.
        #[expect(clippy::unused_self, reason = "other systems can")]
        pub(super) fn rename_exclusively(
            &self,
            _: &str,
            _: &Self,
            _: &str,
        ) -> Option<io::Result<()>> {
            None
        }

        /// Makes `to` in the folder `target` another name of the file `from`.
        pub(crate) fn hard_link(&self, from: &str, target: &Self, to: &str) -> io::Result<()> {
            fs::hard_link(self.path(from)?, target.path(to)?)
        }
    }
}

#[cfg(not(target_os = "linux"))]
#[allow(
    clippy::unused_self,
    clippy::unnecessary_wraps,
    reason = "Linux has unnamed files"
)]
impl Folder {
    /// Whether files in this folder can be unnamed.
    pub(crate) fn has_unnamed_files(&self) -> io::Result<bool> {
        Ok(false)
    }

    /// A file in this folder that has no name.
    pub(crate) fn unnamed_file(&self) -> io::Result<File> {
        Err(ErrorKind::Unsupported.into())
    }

    /// Gives an unnamed file the name `path` unless that exists.
    pub(crate) fn link_unnamed(&self, _: &File, _: &str) -> io::Result<()> {
        Err(ErrorKind::Unsupported.into())
    }
}
