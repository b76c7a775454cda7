//! Secrets on the command line, where all users of a machine can see them (`ps`) while a run goes on.
//!
//! They are moved to the environment, which only the user who runs this can see: the program starts itself anew, in the
//! same process.

use std::env;
#[cfg(unix)]
use std::ffi::OsStr;
use std::ffi::OsString;

#[cfg(unix)]
use clap::{Arg, ArgAction};
use clap::{ArgMatches, Command};

/// What stands on the command line in place of a secret.
const HIDDEN: &str = "***";

/// Names of variables that hold arguments: behind it follows the number of the argument.
const VARIABLE: &str = "FETCHPDF_ARGUMENT_";

/// The arguments of this process, with secrets in their places.
pub(super) fn arguments() -> impl Iterator<Item = OsString> {
    env::args_os().enumerate().map(|(number, shown)| {
        let hidden = || env::var_os(format!("{VARIABLE}{number}"));
        if shown == HIDDEN {
            hidden().unwrap_or(shown)
        } else {
            shown
        }
    })
}

/// The variables of this process that hold secrets, and are not for others.
pub(super) fn variables() -> impl Iterator<Item = OsString> {
    env::vars_os()
        .map(|(name, _)| name)
        .filter(|name| name.as_encoded_bytes().starts_with(VARIABLE.as_bytes()))
}

/// Starts this program anew if secrets among what was `said` can be seen; goes on as it is where that cannot be done.
#[cfg(unix)]
pub(super) fn hide(command: &Command, said: &ArgMatches) {
    use std::os::unix::process::CommandExt;
    let of_active = said.subcommand().map_or(said, |(_, of_active)| of_active);
    // once is enough, and none is the rule
    if variables().next().is_some() || secrets(of_active).next().is_none() {
        return;
    }
    // of an option that is given twice only the last value counts, but all can be seen
    let all = |arg: Arg| match arg.get_action() {
        ArgAction::Set => arg.action(ArgAction::Append),
        _ => arg,
    };
    let every = command.clone().args_override_self(false).mut_args(all);
    let every = every
        .mut_subcommands(|subcommand| subcommand.mut_args(all))
        .ignore_errors(true)
        .get_matches_from(arguments());
    let of_active = every
        .subcommand()
        .map_or(&every, |(_, of_active)| of_active);
    let secrets: Vec<_> = secrets(of_active).collect();
    let is_secret = |arg: &OsStr| {
        let ends_with =
            |secret: &&OsStr| arg.as_encoded_bytes().ends_with(secret.as_encoded_bytes());
        secrets.iter().any(ends_with)
    };
    let Ok(this) = env::current_exe() else { return };
    let mut again = std::process::Command::new(this);
    for (number, arg) in env::args_os().enumerate() {
        if number == 0 {
            again.arg0(arg);
        } else if is_secret(&arg) {
            let variable = format!("{VARIABLE}{number}");
            again.arg(HIDDEN).env(variable, arg);
        } else {
            again.arg(arg);
        }
    }
    // it comes back only where it has failed
    let _ = again.exec();
}

/// Elsewhere, the command line of a process is for its user alone.
#[cfg(not(unix))]
pub(super) fn hide(_: &Command, _: &ArgMatches) {}

/// The values on the command line that are nobody else's business.
#[cfg(unix)]
fn secrets(said: &ArgMatches) -> impl Iterator<Item = &OsStr> {
    use clap::parser::ValueSource;
    let has_user = |value: &&OsStr| value.as_encoded_bytes().contains(&b'@');
    let values = move |id: &'static str| {
        let on_line = said
            .try_contains_id(id)
            .is_ok_and(|known| known && said.value_source(id) == Some(ValueSource::CommandLine));
        let raw = on_line.then(|| said.get_raw(id)).flatten();
        raw.into_iter().flatten().filter(|value| !value.is_empty())
    };
    let from_file = |value: &&OsStr| value.as_encoded_bytes().starts_with(b"@");
    values("user")
        .chain(values("header").filter(move |value| !from_file(value)))
        .chain(
            ["proxy", "links", "referer", "base"]
                .into_iter()
                .flat_map(values)
                .filter(has_user),
        )
}
