//! What can be wrong with a file, and its lock, as each system says it.

use std::fs::{File, Metadata, TryLockError};
use std::io::{self, ErrorKind};
use std::thread;
use std::time::{Duration, Instant};

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

/// Reads from `file` at `offset`, wherever its cursor is.
///
/// # Errors
///
/// When it cannot be read.
#[cfg_attr(
    not(feature = "object-stores"),
    expect(dead_code, reason = "for uploads")
)]
pub(crate) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    #[cfg(unix)]
    return std::os::unix::fs::FileExt::read_at(file, buffer, offset);
    #[cfg(windows)]
    return std::os::windows::fs::FileExt::seek_read(file, buffer, offset);
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
    use rustix::io::Errno;
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

/// Keeps a file from everyone but its owner.
///
/// # Errors
///
/// When it belongs to somebody else.
pub(crate) fn protect(file: &File) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mut permissions = file.metadata()?.permissions();
        if permissions.mode() & 0o077 != 0 {
            permissions.set_mode(0o600);
            file.set_permissions(permissions)?;
        }
    }
    let _ = file;
    Ok(())
}

/// The number that a file keeps when it is renamed, where the file system has such numbers.
pub(crate) fn inode(found: &Metadata) -> Option<u64> {
    #[cfg(unix)]
    let inode = Some(std::os::unix::fs::MetadataExt::ino(found));
    #[cfg(not(unix))]
    let inode = None;
    let _ = found;
    inode
}

/// Whether a file has no second name.
pub(crate) fn has_one_name(found: &Metadata) -> bool {
    #[cfg(unix)]
    let names = std::os::unix::fs::MetadataExt::nlink(found);
    #[cfg(not(unix))]
    let names = 1;
    let _ = found;
    names == 1
}
