//! Keeps secrets on the command line away from other users of the machine, who can see it in `ps`.
//!
//! A process cannot change the command line that `ps` shows. So the program executes itself again, in the same process
//! and before the first request, with [`HIDDEN`] in place of each argument that holds a secret. The arguments themselves go
//! through an unnamed file, see [`handover`], and neither through the environment nor to commands of `--exec`.
//!
//! Secrets are the credentials of `--user`, headers except those in a file, every URL and command that has an `@`, and signed
//! URLs.

use std::env;
use std::ffi::{OsStr, OsString};

#[cfg(unix)]
use clap::{Arg, ArgAction};
use clap::{ArgMatches, Command};

#[cfg(unix)]
use super::{active, mut_all_args};
use crate::commands::compare::Order;
#[cfg(unix)]
use crate::system::handover;
use crate::text::is_signed;

/// Replaces an argument that holds a secret.
#[cfg(unix)]
const HIDDEN: &str = "***";

/// The arguments of this process.
pub(super) struct Arguments {
    /// All of them, including secrets.
    pub(super) all: Vec<OsString>,
    /// The run that a comparison has started this process for. Its arguments are those of the comparison.
    pub(super) order: Option<Order>,
    /// Whether the command line shows no secrets.
    #[cfg(unix)]
    are_hidden: bool,
}

/// The arguments of this process.
///
/// # Errors
///
/// When secrets were hidden, and cannot be read now.
#[cfg(unix)]
pub(super) fn arguments() -> anyhow::Result<Arguments> {
    if let Some(order) = Order::receive()? {
        return Ok(Arguments {
            all: order.arguments(),
            are_hidden: true,
            order: Some(order),
        });
    }
    let shown: Vec<_> = env::args_os().collect();
    let all = match handover::receive() {
        Ok(None) => None,
        Ok(Some(text)) => unmasked(&shown, &text),
        // somebody else has set the variable, unless there is something to fill in
        Err(_) if !shown.iter().any(|arg| arg == HIDDEN) => None,
        Err(error) => anyhow::bail!(
            "cannot read the arguments of this process: {error}: unset `{}` and try again",
            handover::VARIABLE
        ),
    };
    Ok(Arguments {
        are_hidden: all.is_some(),
        all: all.unwrap_or(shown),
        order: None,
    })
}

/// The arguments of this process.
#[cfg(not(unix))]
pub(super) fn arguments() -> anyhow::Result<Arguments> {
    let order = Order::receive()?;
    let all = order.as_ref().map(Order::arguments);
    Ok(Arguments {
        all: all.unwrap_or_else(|| env::args_os().collect()),
        order,
    })
}

/// The arguments that were handed over as `text`; `None` if they are not those that are `shown`, some of them hidden.
#[cfg(unix)]
fn unmasked(shown: &[OsString], text: &[u8]) -> Option<Vec<OsString>> {
    use std::os::unix::ffi::OsStringExt;
    let args = text.split(|byte| *byte == 0);
    let args: Vec<_> = args.map(|arg| OsString::from_vec(arg.to_vec())).collect();
    let mut pairs = shown.iter().zip(&args);
    let is_same = pairs.all(|(shown, arg)| shown == HIDDEN || shown == arg);
    let is_hidden = shown.iter().any(|shown| shown == HIDDEN);
    (is_same && is_hidden && shown.len() == args.len()).then_some(args)
}

/// Executes this program again if its command line shows secrets. If that fails, the run goes on with the command line
/// as it is.
#[cfg(unix)]
pub(super) fn hide(command: &Command, matches: &ArgMatches, arguments: &Arguments) {
    use std::os::unix::process::CommandExt;
    if arguments.are_hidden || secrets(active(matches)).next().is_none() {
        return;
    }
    // of a repeated option only the last value applies, but all of them are visible
    let append = |arg: Arg| match arg.get_action() {
        ArgAction::Set => arg.action(ArgAction::Append),
        _ => arg,
    };
    let command = mut_all_args(command.clone().args_override_self(false), append);
    let matches = command.ignore_errors(true).get_matches_from(&arguments.all);
    let secrets: Vec<_> = secrets(active(&matches)).collect();
    let is_secret = |arg: &OsStr| {
        let mut secrets = secrets.iter().map(|secret| secret.as_encoded_bytes());
        secrets.any(|secret| arg.as_encoded_bytes().ends_with(secret))
    };
    let (Ok(exe), [program, args @ ..]) = (env::current_exe(), &arguments.all[..]) else {
        return;
    };
    let mut again = std::process::Command::new(exe);
    again.arg0(program);
    again.args(args.iter().map(|arg| {
        if is_secret(arg) {
            OsStr::new(HIDDEN)
        } else {
            arg
        }
    }));
    let all: Vec<_> = arguments
        .all
        .iter()
        .map(|arg| arg.as_encoded_bytes())
        .collect();
    // returns only if it fails
    let _ = handover::exec(again, &all.join(&0));
}

/// On other systems, only the same user can read the command line of a process.
#[cfg(not(unix))]
pub(super) fn hide(_: &Command, _: &ArgMatches, _: &Arguments) {}

/// The values on the command line that are secret.
#[cfg(unix)]
fn secrets(matches: &ArgMatches) -> impl Iterator<Item = &OsStr> {
    use clap::parser::ValueSource::CommandLine;
    let values = move |id: &'static str| {
        let raw = matches.try_get_raw(id).ok().flatten();
        let raw = raw.filter(|_| matches.value_source(id) == Some(CommandLine));
        let values = raw.into_iter().flatten();
        values.filter(move |value| is_secret(id, value))
    };
    let ids = [
        "user", "header", "proxy", "links", "referer", "base", "exec",
    ];
    ids.into_iter().flat_map(values)
}

/// Whether a `value` of the option `id` is, or may hold, a secret.
pub(super) fn is_secret(id: &str, value: &OsStr) -> bool {
    match (id, value.as_encoded_bytes()) {
        (_, []) | ("header", [b'@', ..]) | ("email", _) => false,
        ("user" | "header", _) => true,
        (_, bytes) => bytes.contains(&b'@') || is_signed(&value.to_string_lossy()),
    }
}
