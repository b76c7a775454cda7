//! Commands with all that they have started: a group of processes.

use std::io;

use tokio::process::{Child, Command};

#[cfg(unix)]
use super::limits;

/// A command that begins a group of its own, and has the limit of open files that this process was started with.
pub(crate) fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    #[cfg(unix)]
    {
        // only a shell can lower the limit before the program starts; it is needed only for very many jobs
        let mut command = match limits::original_open_files() {
            None => Command::new(program),
            Some(limit) => {
                let mut shell = Command::new("/bin/sh");
                let script = format!("ulimit -Sn {limit}; exec \"$0\" \"$@\"");
                shell.arg("-c").arg(script).arg(program);
                shell
            }
        };
        command.process_group(0);
        command
    }
    #[cfg(not(unix))]
    Command::new(program)
}

/// Whether there is such a program, here or in the folders of `PATH`. Other systems than Unix have more rules than that, and are
/// not asked.
pub(crate) fn is_there(program: &str) -> bool {
    #[cfg(unix)]
    {
        use rustix::fs::{Access, access};
        let is_program =
            |path: &std::path::Path| path.is_file() && access(path, Access::EXEC_OK).is_ok();
        if program.contains('/') {
            return is_program(program.as_ref());
        }
        let Some(folders) = std::env::var_os("PATH") else {
            // whatever the system has in place of it
            return true;
        };
        std::env::split_paths(&folders).any(|folder| is_program(&folder.join(program)))
    }
    #[cfg(not(unix))]
    {
        let _ = program;
        true
    }
}

/// Asks a command, and all that it has started, to end; or ends it at once.
#[cfg(unix)]
pub(crate) fn end(child: &mut Child, at_once: bool) -> io::Result<()> {
    use rustix::process::{Pid, Signal, kill_process_group};
    let id = child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
    let signal = if at_once { Signal::KILL } else { Signal::TERM };
    // without an id, it has ended
    id.map_or(Ok(()), |id| Ok(kill_process_group(id, signal)?))
}

/// Ends a command.
#[cfg(not(unix))]
pub(crate) fn end(child: &mut Child, _: bool) -> io::Result<()> {
    child.start_kill()
}
