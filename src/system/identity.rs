//! Which file a path leads to, however it is spelled: by symbolic links, hard links, `./`, or in other case.

use std::fs::{self, Metadata};
use std::path::{Path, PathBuf, absolute};

/// A file, or the place where one would be created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Identity {
    /// Its device and its number there.
    #[cfg(unix)]
    File(u64, u64),
    /// Its path without links.
    Path(PathBuf),
}

/// More symbolic links in a row lead nowhere.
const MAX_LINKS: usize = 40;

/// The file at `path`, which need not exist; `None` for a folder or a device, which is never the same file.
pub(crate) fn of(path: &Path) -> Option<Identity> {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        if let Ok(found) = fs::metadata(&path) {
            return of_existing(&path, &found);
        }
        // where a link leads that leads to nothing yet
        match fs::read_link(&path) {
            Ok(target) => path = path.parent().unwrap_or(Path::new("")).join(target),
            Err(_) => break,
        }
    }
    let path = absolute(&path).ok()?;
    let (folder, name) = (path.parent()?, path.file_name()?);
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let ignores_case = cfg!(any(windows, target_vendor = "apple"));
    let name = match name.to_str() {
        Some(name) if ignores_case => name.to_lowercase().into(),
        _ => name.to_owned(),
    };
    Some(Identity::Path(folder.join(name)))
}

/// The file that standard input comes from, if it is one.
pub(crate) fn of_stdin() -> Option<Identity> {
    #[cfg(unix)]
    return of_stream(std::io::stdin());
    #[cfg(not(unix))]
    None
}

/// The files that standard output and standard error go to, if they are files.
pub(crate) fn of_outputs() -> impl Iterator<Item = Identity> {
    #[cfg(unix)]
    let streams = [of_stream(std::io::stdout()), of_stream(std::io::stderr())];
    #[cfg(not(unix))]
    let streams = [None, None];
    streams.into_iter().flatten()
}

#[cfg(unix)]
fn of_stream(stream: impl std::os::fd::AsFd) -> Option<Identity> {
    let descriptor = stream.as_fd().try_clone_to_owned().ok()?;
    let found = fs::File::from(descriptor).metadata().ok()?;
    found
        .is_file()
        .then(|| of_existing(Path::new(""), &found))?
}

#[cfg(unix)]
fn of_existing(_: &Path, found: &Metadata) -> Option<Identity> {
    use std::os::unix::fs::{FileTypeExt, MetadataExt};
    let kind = found.file_type();
    let is_file = kind.is_file() || kind.is_fifo();
    is_file.then(|| Identity::File(found.dev(), found.ino()))
}

#[cfg(not(unix))]
fn of_existing(path: &Path, found: &Metadata) -> Option<Identity> {
    let path = path.canonicalize().ok()?;
    found.is_file().then_some(Identity::Path(path))
}
