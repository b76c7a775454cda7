//! Hands text over to the program that replaces this one in the same process (`exec`), without showing it to anybody.
//!
//! The text is in a file without a name, which is in memory on Linux. [`VARIABLE`] says in which descriptor, and in which
//! process. Anybody can set a variable, so nothing is received unless
//!
//! - the process is this one: a variable that was inherited means nothing;
//! - the descriptor is a regular file without a name: reading it never blocks;
//! - its content begins with a magic number and the process.

/// The variable that announces the text, as `PROCESS:DESCRIPTOR`.
pub(crate) const VARIABLE: &str = "FETCHPDF_ARGUMENTS";

#[cfg(unix)]
pub(crate) use unix::{exec, receive};

#[cfg(unix)]
mod unix {
    use std::fs::{self, File};
    use std::io::{self, ErrorKind, Read, Seek, Write};
    use std::os::fd::{AsRawFd, RawFd};
    use std::os::unix::fs::MetadataExt;
    use std::os::unix::process::CommandExt;
    use std::process::{self, Command};

    use super::VARIABLE;

    /// The beginning of the content.
    const MAGIC: &str = "fetchpdf arguments of ";

    /// More than the arguments of a process can have together.
    const LONGEST: u64 = 16 * 1024 * 1024;

    /// Replaces this program by `command`, which can [`receive`] the `text`. Returns only if that fails.
    pub(crate) fn exec(mut command: Command, text: &[u8]) -> io::Error {
        let handed = || {
            let mut file = unnamed_file()?;
            file.write_all(&[heading().as_bytes(), text].concat())?;
            // once it has been replaced, it is too late
            read(file.as_raw_fd())?;
            Ok(file)
        };
        match handed() {
            Ok(file) => {
                let place = format!("{}:{}", process::id(), file.as_raw_fd());
                command.env(VARIABLE, place).exec()
            }
            Err(error) => error,
        }
    }

    /// The text that this process has handed over to itself; `None` if it has not.
    ///
    /// # Errors
    ///
    /// When something is announced for this process, but is not there.
    pub(crate) fn receive() -> io::Result<Option<Vec<u8>>> {
        let Some(descriptor) = announced() else {
            return Ok(None);
        };
        let text = read(descriptor)?;
        // nothing else can have opened it: `exec` did, and the program has only just begun
        nix::unistd::close(descriptor)?;
        Ok(Some(text))
    }

    /// The descriptor that is announced for this process.
    fn announced() -> Option<RawFd> {
        let place = std::env::var(VARIABLE).ok()?;
        let (process, descriptor) = place.split_once(':')?;
        let is_ours = process.parse() == Ok(process::id());
        let descriptor = descriptor.parse().ok().filter(|descriptor| *descriptor > 2);
        descriptor.filter(|_| is_ours)
    }

    /// The text in a descriptor.
    fn read(descriptor: RawFd) -> io::Result<Vec<u8>> {
        let invalid = || io::Error::from(ErrorKind::InvalidData);
        let folder = if cfg!(target_os = "linux") {
            "/proc/self/fd"
        } else {
            "/dev/fd"
        };
        let path = format!("{folder}/{descriptor}");
        // before it is opened: that blocks for a pipe
        let file = fs::metadata(&path)?;
        if !file.is_file() || file.nlink() > 0 || file.len() > LONGEST {
            return Err(invalid());
        }
        let mut file = File::open(path)?;
        // on some systems, it is the same open file, and shares its position
        file.rewind()?;
        let mut content = Vec::new();
        file.take(LONGEST).read_to_end(&mut content)?;
        let text = content.strip_prefix(heading().as_bytes());
        text.map(<[u8]>::to_vec).ok_or_else(invalid)
    }

    fn heading() -> String {
        format!("{MAGIC}{}\n", process::id())
    }

    /// An empty file without a name, whose descriptor survives `exec`.
    fn unnamed_file() -> io::Result<File> {
        #[cfg(target_os = "linux")]
        if let Ok(memory) = rustix::fs::memfd_create(c"fetchpdf", rustix::fs::MemfdFlags::empty()) {
            return Ok(memory.into());
        }
        let file = tempfile::tempfile()?;
        rustix::io::fcntl_setfd(&file, rustix::io::FdFlags::empty())?;
        Ok(file)
    }
}
