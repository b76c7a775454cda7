//! The end of the process that has started this one.
//!
//! | system | how it is noticed |
//! | --- | --- |
//! | Linux | the descriptor of the parent (`pidfd_open`) becomes readable |
//! | Linux before 5.3 or in a sandbox, other Unix | the id of the parent changes, which is looked at now and then |
//! | others | standard input ends |
//!
//! Not by `PR_SET_PDEATHSIG`, which concerns the *thread* that has started this process: those of a pool, as in a Java virtual
//! machine, end all the time while their process goes on.
//!
//! The parent may have ended before anybody asks. Then the system has given this process another one: an init, which is in
//! another session. A real parent is in the same one, unless this process leads a session of its own.

use std::io;
use std::thread;

/// Calls `gone` when the process that has started this one has ended, on a thread of its own. `stdin_is_free` if nothing else reads
/// standard input.
///
/// # Errors
///
/// If the system is out of threads.
pub(crate) fn when_gone(
    stdin_is_free: bool,
    gone: impl FnOnce() + Send + 'static,
) -> io::Result<()> {
    let thread = thread::Builder::new().name("parent".to_owned());
    thread.spawn(move || {
        if wait(stdin_is_free) {
            gone();
        }
    })?;
    Ok(())
}

/// Waits for the end of the parent; false if there is no way to know.
#[cfg(unix)]
fn wait(_: bool) -> bool {
    use std::time::Duration;

    use nix::unistd::{getpid, getppid, getsid};

    /// The time between two looks at the id of the parent.
    const PAUSE: Duration = Duration::from_millis(250);

    let parent = getppid();
    // it is outside of this container
    if parent.as_raw() == 0 {
        return false;
    }
    #[cfg(target_os = "linux")]
    let descriptor = linux::open(parent.as_raw());
    let is_orphan = || {
        let own = getsid(None).ok();
        own != Some(getpid()) && getsid(Some(parent)).ok() != own
    };
    // after the descriptor has been opened: from then on, the id is not that of another process
    if getppid() != parent || is_orphan() {
        return true;
    }
    #[cfg(target_os = "linux")]
    if descriptor.is_some_and(|descriptor| linux::wait(&descriptor)) {
        return true;
    }
    while getppid() == parent {
        thread::sleep(PAUSE);
    }
    true
}

/// Waits for the end of standard input.
#[cfg(not(unix))]
fn wait(stdin_is_free: bool) -> bool {
    if !stdin_is_free {
        return false;
    }
    let _ = io::copy(&mut io::stdin(), &mut io::sink());
    true
}

#[cfg(target_os = "linux")]
mod linux {
    use std::os::fd::OwnedFd;

    use rustix::event::PollFlags;
    use rustix::process::{Pid, PidfdFlags, pidfd_open};

    use crate::system::streams::wait_for;

    /// What becomes readable when a process ends; none if the system does not know that, or forbids it.
    pub(super) fn open(process: i32) -> Option<OwnedFd> {
        pidfd_open(Pid::from_raw(process)?, PidfdFlags::empty()).ok()
    }

    /// Waits until a process has ended; false if that fails.
    pub(super) fn wait(process: &OwnedFd) -> bool {
        wait_for(process, PollFlags::IN)
    }
}
