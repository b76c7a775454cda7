//! What each system does in its own way: files without a name, names that are never taken from another file.
//!
//! Everything here has a portable form; Linux has a better one.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Whether [`unnamed_file`] is worth a try on this system: without `/proc` such a file could not be named.
pub(crate) fn may_have_unnamed_files() -> bool {
    cfg!(target_os = "linux") && Path::new("/proc/self/fd").exists()
}

/// Opens a part for reading and writing, and creates it if it is missing. What somebody has put in its place, such as a
/// link to another file, is taken away first.
pub(crate) fn open_part(path: &Path) -> io::Result<File> {
    if fs::symlink_metadata(path).is_ok_and(|found| !is_of_its_own(&found)) {
        fs::remove_file(path)?;
    }
    open_plain(
        path,
        OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false),
    )
}

/// Opens a file with `options`, and neither follows a symbolic link nor waits for a pipe.
pub(crate) fn open_plain(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
        options.custom_flags(flags.bits().cast_signed());
    }
    let file = options.open(path)?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("`{}` is not a file", path.display()),
        ))
    }
}

/// Whether `error` says that no more files can be opened for now.
#[cfg(unix)]
pub(crate) fn is_exhausted(error: &io::Error) -> bool {
    use rustix::io::Errno;
    [Errno::MFILE, Errno::NFILE]
        .iter()
        .any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}

/// Whether `error` says that no more files can be opened for now.
#[cfg(not(unix))]
pub(crate) fn is_exhausted(_: &io::Error) -> bool {
    false
}

/// Whether this is a file that has one name only.
#[cfg(unix)]
fn is_of_its_own(found: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    found.is_file() && found.nlink() == 1
}

/// Whether this is a file.
#[cfg(not(unix))]
fn is_of_its_own(found: &fs::Metadata) -> bool {
    found.is_file()
}

/// Whether `path` still leads to `file`.
#[cfg(unix)]
pub(crate) fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let ours = file.metadata()?;
    match fs::symlink_metadata(path) {
        Ok(there) => Ok((there.dev(), there.ino()) == (ours.dev(), ours.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether `path` still leads to `file`: a file that is open here cannot be renamed by others.
#[cfg(not(unix))]
pub(crate) fn is_at(_: &File, _: &Path) -> io::Result<bool> {
    Ok(true)
}

/// What a folder says about a file in it.
pub(crate) struct Found {
    /// In bytes.
    pub(crate) length: u64,
    pub(crate) modified: SystemTime,
}

/// A folder in which many files are looked up.
#[derive(Debug)]
pub(crate) struct Folder {
    #[cfg(not(target_os = "linux"))]
    path: std::path::PathBuf,
    /// None while it is missing.
    #[cfg(target_os = "linux")]
    handle: Option<std::os::fd::OwnedFd>,
}

#[cfg(target_os = "linux")]
impl Folder {
    pub(crate) fn new(path: &Path) -> Self {
        use rustix::fs::{Mode, OFlags};
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Self {
            handle: rustix::fs::open(path, flags, Mode::empty()).ok(),
        }
    }

    /// The file `name`, if it is here and a file: found from the folder on, without going all the way there each time.
    pub(crate) fn file(&self, name: &str) -> Option<Found> {
        use rustix::fs::{AtFlags, FileType, statat};
        let found = statat(self.handle.as_ref()?, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
        let nanoseconds = u32::try_from(found.st_mtime_nsec).ok()?;
        let seconds = Duration::from_secs(found.st_mtime.unsigned_abs());
        let second = if found.st_mtime < 0 {
            UNIX_EPOCH.checked_sub(seconds)
        } else {
            UNIX_EPOCH.checked_add(seconds)
        };
        (FileType::from_raw_mode(found.st_mode) == FileType::RegularFile).then_some(Found {
            length: u64::try_from(found.st_size).ok()?,
            modified: second?.checked_add(Duration::new(0, nanoseconds))?,
        })
    }
}

#[cfg(not(target_os = "linux"))]
impl Folder {
    pub(crate) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
        }
    }

    /// The file `name`, if it is here and a file.
    pub(crate) fn file(&self, name: &str) -> Option<Found> {
        let found = fs::symlink_metadata(self.path.join(name)).ok()?;
        found.is_file().then_some(Found {
            length: found.len(),
            modified: found.modified().ok()?,
        })
    }
}

/// Renames `from` to `to` unless that exists ([`io::ErrorKind::AlreadyExists`]).
pub(crate) fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    #[cfg(any(target_os = "linux", target_vendor = "apple"))]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        use rustix::io::Errno;
        match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {}
            done => return done.map_err(io::Error::from),
        }
    }
    match fs::hard_link(from, to) {
        Ok(()) => fs::remove_file(from),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
        // no hard links here: the name is claimed by an empty file of ours, which is then replaced
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

    /// A file in `folder` that has no name and vanishes with its handle.
    pub(crate) fn unnamed_file(folder: &Path) -> io::Result<File> {
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        Ok(open(folder, flags, Mode::from_raw_mode(0o666))?.into())
    }

    /// Whether `error` says that this kernel or file system has no unnamed files.
    pub(crate) fn lacks_unnamed_files(error: &io::Error) -> bool {
        let missing = [Errno::OPNOTSUPP, Errno::ISDIR, Errno::INVAL, Errno::NOENT];
        missing
            .iter()
            .any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
    }

    /// Gives an unnamed file the name `target` unless that exists.
    pub(crate) fn link_unnamed(file: &File, target: &Path) -> io::Result<()> {
        // by its descriptor, which older kernels allow for few; then by a path, which takes a walk through `/proc`
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

    pub(crate) fn unnamed_file(_: &Path) -> io::Result<File> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(crate) fn lacks_unnamed_files(error: &io::Error) -> bool {
        error.kind() == io::ErrorKind::Unsupported
    }

    pub(crate) fn link_unnamed(_: &File, _: &Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

pub(crate) use unnamed::{lacks_unnamed_files, link_unnamed, unnamed_file};
