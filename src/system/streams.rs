//! Standard output and standard error, without a buffer, and the end of whoever reads.

use std::io::{self, Write};

/// Standard output.
pub(crate) fn stdout() -> Box<dyn Write + Send> {
    #[cfg(unix)]
    if let Some(file) = duplicate(io::stdout()) {
        return file;
    }
    Box::new(io::stdout())
}

/// Closes standard output, so that whoever reads it knows that this is the end. On systems other than Unix, it stays open.
pub(crate) fn close_stdout() {
    #[cfg(unix)]
    if let Ok(nothing) = std::fs::File::options().write(true).open("/dev/null") {
        // an error leaves it open
        let _ = rustix::stdio::dup2_stdout(nothing);
    }
}

/// Calls `gone` when nobody reads standard output any more, if that is a pipe or a socket, and if the system tells: on Linux.
/// Elsewhere, the next write fails.
#[cfg_attr(
    not(target_os = "linux"),
    expect(unused_variables, reason = "the next write fails")
)]
pub(crate) fn when_nobody_reads_stdout(gone: impl FnOnce() + Send + 'static) {
    #[cfg(target_os = "linux")]
    linux::when_unread(io::stdout(), gone);
}

#[cfg(target_os = "linux")]
pub(super) use linux::wait_for;

#[cfg(target_os = "linux")]
mod linux {
    use std::os::fd::AsFd;
    use std::thread;

    use rustix::event::{PollFd, PollFlags, poll};
    use rustix::fs::{FileType, fstat};
    use rustix::io::Errno;

    /// Waits on a thread of its own. If there is none left, the next write fails.
    pub(super) fn when_unread(
        stream: impl AsFd + Send + 'static,
        gone: impl FnOnce() + Send + 'static,
    ) {
        let kind = fstat(&stream).map(|stat| FileType::from_raw_mode(stat.st_mode));
        if !matches!(kind, Ok(FileType::Fifo | FileType::Socket)) {
            return;
        }
        let thread = thread::Builder::new().name("reader".to_owned());
        // errors are always told, whatever is asked for
        let _ = thread.spawn(move || {
            if wait_for(&stream, PollFlags::empty()) {
                gone();
            }
        });
    }

    /// Waits until one of `events`, an error or a hang-up is there; false if nothing can be known.
    pub(in crate::system) fn wait_for(descriptor: &impl AsFd, events: PollFlags) -> bool {
        let mut descriptors = [PollFd::new(descriptor, events)];
        loop {
            match poll(&mut descriptors, None) {
                Err(Errno::INTR) => {}
                Err(_) => return false,
                Ok(_) => return !descriptors[0].revents().contains(PollFlags::NVAL),
            }
        }
    }
}

/// Whether standard output is a pipe.
pub(crate) fn stdout_is_pipe() -> bool {
    #[cfg(unix)]
    {
        use rustix::fs::{FileType, fstat};
        let kind = fstat(io::stdout()).map(|stat| FileType::from_raw_mode(stat.st_mode));
        kind == Ok(FileType::Fifo)
    }
    #[cfg(not(unix))]
    false
}

/// Whether this process is in the foreground of the terminal that standard error is, or that is another one than its own.
pub(crate) fn is_in_foreground() -> bool {
    #[cfg(unix)]
    return rustix::termios::tcgetpgrp(io::stderr()).map_or(true, |group| {
        group.as_raw_nonzero().get() == nix::unistd::getpgrp().as_raw()
    });
    #[cfg(not(unix))]
    true
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
