//! Keeps secrets on the command line away from other users of the machine, who can see it in `ps`.
//!
//! A process cannot change the command line that `ps` shows. So the program executes itself again, in the same process
//! and before the first request: each argument that holds a secret is moved to a variable of the environment, which only
//! the same user can read, and [`HIDDEN`] takes its place. [`arguments`] puts them back together.
//!
//! Secrets are the credentials of `--user`, headers except those in a file, and every URL that has an `@`. Commands of
//! `--exec` do not inherit the variables.

use std::env;
#[cfg(unix)]
use std::ffi::OsStr;
use std::ffi::OsString;

#[cfg(unix)]
use clap::{Arg, ArgAction};
use clap::{ArgMatches, Command};

#[cfg(unix)]
use super::{active, mut_all_args};

/// Replaces an argument that holds a secret.
const HIDDEN: &str = "***";

/// Prefix of the variables that hold such arguments, followed by the number of the argument.
const VARIABLE: &str = "FETCHPDF_ARGUMENT_";

/// The arguments of this process, including secrets.
pub(super) fn arguments() -> impl Iterator<Item = OsString> {
    env::args_os().enumerate().map(|(number, arg)| {
        let hidden = (arg == HIDDEN).then(|| env::var_os(format!("{VARIABLE}{number}")));
        hidden.flatten().unwrap_or(arg)
    })
}

/// The names of the variables of this process that hold secrets.
pub(super) fn variables() -> impl Iterator<Item = OsString> {
    let names = env::vars_os().map(|(name, _)| name);
    names.filter(|name| name.as_encoded_bytes().starts_with(VARIABLE.as_bytes()))
}

/// Executes this program again if its command line shows secrets. If that fails, the run goes on with the command line
/// as it is.
#[cfg(unix)]
pub(super) fn hide(command: &Command, matches: &ArgMatches) {
    use std::os::unix::process::CommandExt;
    let is_hidden = variables().next().is_some();
    if is_hidden || secrets(active(matches)).next().is_none() {
        return;
    }
    // of a repeated option only the last value applies, but all of them are visible
    let append = |arg: Arg| match arg.get_action() {
        ArgAction::Set => arg.action(ArgAction::Append),
        _ => arg,
    };
    let command = mut_all_args(command.clone().args_override_self(false), append);
    let matches = command.ignore_errors(true).get_matches_from(arguments());
    let secrets: Vec<_> = secrets(active(&matches)).collect();
    let is_secret = |arg: &OsStr| {
        let mut secrets = secrets.iter().map(|secret| secret.as_encoded_bytes());
        secrets.any(|secret| arg.as_encoded_bytes().ends_with(secret))
    };
    let Ok(exe) = env::current_exe() else { return };
    let mut again = std::process::Command::new(exe);
    for (number, arg) in env::args_os().enumerate() {
        if number == 0 {
            again.arg0(arg);
        } else if is_secret(&arg) {
            again.arg(HIDDEN).env(format!("{VARIABLE}{number}"), arg);
        } else {
            again.arg(arg);
        }
    }
    // returns only if it fails
    let _ = again.exec();
}

/// On other systems, only the same user can read the command line of a process.
#[cfg(not(unix))]
pub(super) fn hide(_: &Command, _: &ArgMatches) {}

/// The values on the command line that are secret.
#[cfg(unix)]
fn secrets(matches: &ArgMatches) -> impl Iterator<Item = &OsStr> {
    use clap::parser::ValueSource::CommandLine;
    let values = move |id: &'static str| {
        let raw = matches.try_get_raw(id).ok().flatten();
        let raw = raw.filter(|_| matches.value_source(id) == Some(CommandLine));
        let values = raw.into_iter().flatten();
        values.filter(move |value| match (id, value.as_encoded_bytes()) {
            (_, []) | ("header", [b'@', ..]) => false,
            ("user" | "header", _) => true,
            (_, value) => value.contains(&b'@'),
        })
    };
    let ids = ["user", "header", "proxy", "links", "referer", "base"];
    ids.into_iter().flat_map(values)
}
