//! The end of the process because of the command line: an error in usage, or help.

use std::fmt::Display;
use std::io::{self, Write};
use std::process;

use clap::error::ErrorKind;

use super::command;
use crate::{log, text};

/// Prints what is wrong with the command line, and ends the process.
pub(super) fn refuse(kind: ErrorKind, message: impl Display) -> ! {
    end_with(&command().error(kind, message))
}

/// Prints help, the version or an error, and ends the process. Unlike [`clap::Error::exit`], breaks the lines of an error between
/// words, and fails if help cannot be written.
pub(super) fn end_with(error: &clap::Error) -> ! {
    let is_lost = if error.use_stderr() {
        tell(error);
        false
    } else {
        print(error).is_err()
    };
    process::exit(error.exit_code().max(is_lost.into()))
}

fn tell(error: &clap::Error) {
    let styled = error.render();
    let text = if console::colors_enabled_stderr() {
        styled.ansi().to_string()
    } else {
        styled.to_string()
    };
    for line in text.lines() {
        log::tell(line);
    }
    log::finish();
}

fn print(help: &clap::Error) -> io::Result<()> {
    match help.print().and_then(|()| io::stdout().flush()) {
        Err(lost) if lost.kind() != io::ErrorKind::BrokenPipe => {
            let why = text::io_message(&lost);
            log::print_line(&format!("cannot write to standard output: {why}"));
            log::finish();
            Err(lost)
        }
        _ => Ok(()),
    }
}
