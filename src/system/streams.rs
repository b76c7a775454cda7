//! Standard output and standard error, without a buffer.

use std::io::{self, Write};

/// Standard output.
pub(crate) fn stdout() -> Box<dyn Write + Send> {
    #[cfg(unix)]
    if let Some(file) = duplicate(io::stdout()) {
        return file;
    }
    Box::new(io::stdout())
}

/// Standard error.
pub(crate) fn stderr() -> Box<dyn Write + Send> {
    #[cfg(unix)]
    if let Some(file) = duplicate(io::stderr()) {
        return file;
    }
    Box::new(io::stderr())
}

/// The same stream as a file, because the standard library takes no offense at a stream that cannot be written to, and holds a
/// lock while it writes.
#[cfg(unix)]
fn duplicate(stream: impl std::os::fd::AsFd) -> Option<Box<dyn Write + Send>> {
    let descriptor = stream.as_fd().try_clone_to_owned().ok()?;
    Some(Box::new(std::fs::File::from(descriptor)))
}
