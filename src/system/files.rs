//! Files as each system does them best: files without a name, and names that are never taken from another file.
//!
//! Each operation has a portable form. Linux has faster and stricter ones.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

#[cfg(unix)]
use rustix::io::Errno;

/// Opens a part for reading and writing, and creates it if it does not exist. Anything else in its place, such as a link to
/// another file, is removed first.
pub(crate) fn open_part(path: &Path) -> io::Result<File> {
    if fs::symlink_metadata(path).is_ok_and(|found| !has_one_name(&found)) {
        fs::remove_file(path)?;
    }
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(false);
    open_plain(path, &mut options)
}

/// Opens a regular file with `options`, without following a symbolic link or waiting for the other end of a pipe.
pub(crate) fn open_plain(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
        options.custom_flags(flags.bits().cast_signed());
    }
    let file = options.open(path)?;
    if !file.metadata()?.is_file() {
        let message = format!("`{}` is not a file", path.display());
        return Err(io::Error::new(ErrorKind::InvalidInput, message));
    }
    Ok(file)
}

/// Waits for the lock of `file`, but not longer than `patience`; false if it is not to be had, or the file system has no locks.
pub(crate) fn lock(file: &File, patience: Duration) -> bool {
    let since = Instant::now();
    let mut pause = Duration::from_micros(20);
    loop {
        match file.try_lock() {
            Ok(()) => return true,
            Err(TryLockError::WouldBlock) if since.elapsed() >= patience => return false,
            Err(TryLockError::WouldBlock) => {
                thread::sleep(pause);
                pause = (2 * pause).min(Duration::from_millis(1));
            }
            Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Interrupted => {}
            Err(TryLockError::Error(_)) => return false,
        }
    }
}

/// Releases the lock of `file`.
pub(crate) fn unlock(file: &File) {
    // if that fails, closing the file releases it
    let _ = file.unlock();
}

/// Whether `error` means that a file cannot have another name: its file system has no hard links, not this one, or no more.
pub(crate) fn has_no_hard_link(error: &io::Error) -> bool {
    use ErrorKind::{CrossesDevices, NotFound, PermissionDenied, TooManyLinks, Unsupported};
    let kind = error.kind();
    matches!(
        kind,
        CrossesDevices | NotFound | PermissionDenied | TooManyLinks | Unsupported
    )
}

/// Whether `error` means that too many files are open at the moment.
#[cfg(unix)]
pub(crate) fn is_exhausted(error: &io::Error) -> bool {
    let errno = Errno::from_io_error(error);
    matches!(errno, Some(Errno::MFILE | Errno::NFILE))
}

/// Whether `error` means that too many files are open at the moment.
#[cfg(not(unix))]
pub(crate) fn is_exhausted(_: &io::Error) -> bool {
    false
}

/// Whether fewer files can be opened at the moment than a lookup of a name needs.
pub(crate) fn has_few_files() -> bool {
    // open at the same time
    let files = [(); 4].map(|()| File::open("/dev/null"));
    let mut errors = files.iter().filter_map(|file| file.as_ref().err());
    errors.any(is_exhausted)
}

/// Whether this is a regular file without a second name.
fn has_one_name(found: &fs::Metadata) -> bool {
    #[cfg(unix)]
    let names = std::os::unix::fs::MetadataExt::nlink(found);
    #[cfg(not(unix))]
    let names = 1;
    found.is_file() && names == 1
}

/// Whether `path` still leads to `file`.
#[cfg(unix)]
pub(crate) fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let ours = file.metadata()?;
    match fs::symlink_metadata(path) {
        Ok(found) => Ok((found.dev(), found.ino()) == (ours.dev(), ours.ino())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether `path` still leads to `file`: always, as others cannot rename an open file.
#[cfg(not(unix))]
pub(crate) fn is_at(_: &File, _: &Path) -> io::Result<bool> {
    Ok(true)
}

/// What a folder says about a file in it.
pub(crate) struct Found {
    /// Its length in bytes.
    pub(crate) length: u64,
    /// Its modification time.
    pub(crate) modified: SystemTime,
    /// What no other file has as long as this one exists; none where names that differ in case are those of one file.
    pub(crate) identity: Option<(u64, u64)>,
}

/// A folder in which many files are looked up.
#[derive(Debug)]
pub(crate) struct Folder {
    #[cfg(not(target_os = "linux"))]
    path: std::path::PathBuf,
    /// None while the folder does not exist.
    #[cfg(target_os = "linux")]
    handle: Option<std::os::fd::OwnedFd>,
}

#[cfg(target_os = "linux")]
impl Folder {
    /// The folder at `path`, which need not exist.
    pub(crate) fn new(path: &Path) -> Self {
        use rustix::fs::{Mode, OFlags, open};
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let handle = open(path, flags, Mode::empty()).ok();
        Self { handle }
    }

    /// The regular file `name`, if it exists. The look-up starts at the folder instead of walking the whole path each time.
    pub(crate) fn file(&self, name: &str) -> Option<Found> {
        use rustix::fs::{AtFlags, FileType, statat};
        use std::time::{Duration, UNIX_EPOCH};
        let found = statat(self.handle.as_ref()?, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
        let seconds = Duration::from_secs(found.st_mtime.unsigned_abs());
        let second = match found.st_mtime {
            0.. => UNIX_EPOCH.checked_add(seconds),
            _ => UNIX_EPOCH.checked_sub(seconds),
        };
        let nanoseconds = Duration::new(0, u32::try_from(found.st_mtime_nsec).ok()?);
        (FileType::from_raw_mode(found.st_mode) == FileType::RegularFile).then_some(Found {
            length: u64::try_from(found.st_size).ok()?,
            modified: second?.checked_add(nanoseconds)?,
            identity: Some((found.st_dev, found.st_ino)),
        })
    }
}

#[cfg(not(target_os = "linux"))]
impl Folder {
    /// The folder at `path`, which need not exist.
    pub(crate) fn new(path: &Path) -> Self {
        let path = path.to_owned();
        Self { path }
    }

    /// The regular file `name`, if it exists.
    pub(crate) fn file(&self, name: &str) -> Option<Found> {
        let found = fs::symlink_metadata(self.path.join(name)).ok()?;
        found.is_file().then_some(Found {
            length: found.len(),
            modified: found.modified().ok()?,
            #[cfg(unix)]
            identity: Some((
                std::os::unix::fs::MetadataExt::dev(&found),
                std::os::unix::fs::MetadataExt::ino(&found),
            )),
            #[cfg(not(unix))]
            identity: None,
        })
    }
}

/// Renames `from` to `to` unless that exists ([`ErrorKind::AlreadyExists`]).
pub(crate) fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    #[cfg(any(target_os = "linux", target_vendor = "apple"))]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {}
            done => return Ok(done?),
        }
    }
    match fs::hard_link(from, to) {
        Ok(()) => fs::remove_file(from),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(error),
        // the file system has no hard links: an empty file reserves the name, and is then replaced
        Err(_) => {
            File::create_new(to)?;
            fs::rename(from, to)
        }
    }
}

#[cfg(target_os = "linux")]
mod unnamed {
    use std::fs::File;
    use std::io;
    use std::os::fd::AsRawFd;
    use std::path::Path;

    use rustix::fs::{AtFlags, CWD, Mode, OFlags, linkat, open};
    use rustix::io::Errno;

    /// Whether files in `folder` can be unnamed: if the kernel, the file system and `/proc`, which gives them names, can.
    ///
    /// # Errors
    ///
    /// When no file can be created in `folder`.
    pub(crate) fn has_unnamed_files(folder: &Path) -> io::Result<bool> {
        if !Path::new("/proc/self/fd").exists() {
            return Ok(false);
        }
        match unnamed_file(folder) {
            Ok(_) => Ok(true),
            Err(error) => match Errno::from_io_error(&error) {
                Some(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL | Errno::NOENT) => Ok(false),
                _ => Err(error),
            },
        }
    }

    /// A file in `folder` that has no name, and vanishes when it is closed.
    pub(crate) fn unnamed_file(folder: &Path) -> io::Result<File> {
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        Ok(open(folder, flags, Mode::from_raw_mode(0o666))?.into())
    }

    /// Gives an unnamed file the name `target` unless that exists.
    pub(crate) fn link_unnamed(file: &File, target: &Path) -> io::Result<()> {
        // by descriptor, which older kernels allow only with a capability; else by a path, which takes a walk through `/proc`
        match linkat(file, "", CWD, target, AtFlags::EMPTY_PATH) {
            Err(Errno::NOENT | Errno::PERM | Errno::INVAL) => {}
            linked => return Ok(linked?),
        }
        let this = format!("/proc/self/fd/{}", file.as_raw_fd());
        Ok(linkat(CWD, this, CWD, target, AtFlags::SYMLINK_FOLLOW)?)
    }
}

#[cfg(not(target_os = "linux"))]
mod unnamed {
    use std::fs::File;
    use std::io;
    use std::path::Path;

    pub(crate) fn has_unnamed_files(_: &Path) -> io::Result<bool> {
        Ok(false)
    }

    pub(crate) fn unnamed_file(_: &Path) -> io::Result<File> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(crate) fn link_unnamed(_: &File, _: &Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

pub(crate) use unnamed::{has_unnamed_files, link_unnamed, unnamed_file};
