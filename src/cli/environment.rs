//! Variables of the environment that set options, such as `FETCHPDF_PER_HOST`.
//!
//! Help, the version, `--demo` and `--serve` are no settings: `FETCHPDF_VERSION` is a usual name in container files. An empty
//! variable sets nothing, because that is how scripts unset one. A variable that no option knows gets a warning, because it is most
//! likely a misspelled one.

use std::env;
use std::ffi::OsStr;

use clap::builder::{BoolishValueParser, StyledStr};
use clap::error::{ContextKind, ContextValue};
use clap::{Arg, ArgAction, Command};

use super::config_file::shown;
use super::{all_args, habits, negations};
use crate::log;
use crate::system::handover;

/// Prefix of the variables that set options.
const VARIABLE: &str = "FETCHPDF_";

/// Variables that are no settings, and that are set for other reasons.
const NO_SETTINGS: [&str; 3] = ["FETCHPDF_HELP", "FETCHPDF_VERSION", handover::VARIABLE];

/// Whether any variable may set an option.
pub(super) fn is_used() -> bool {
    env::vars_os().any(|(name, _)| name.as_encoded_bytes().starts_with(VARIABLE.as_bytes()))
}

/// Lets a variable set a long option, unless it is empty: `FETCHPDF_PER_HOST` sets `--per-host`.
pub(super) fn with_variable(arg: Arg) -> Arg {
    let is_set = |name: &String| env::var_os(name).is_some_and(|value| !value.is_empty());
    let Some(name) = variable(&arg).filter(is_set) else {
        return arg;
    };
    let arg = arg.env(name).hide_env(true);
    match arg.get_action() {
        // accepts `1` and `yes` as well as `true`
        ArgAction::SetTrue => arg.value_parser(BoolishValueParser::new()),
        ArgAction::Count => arg.value_parser(count),
        _ => arg,
    }
}

/// How often a flag is given, as a number, or as a word that is one for other flags.
fn count(text: &str) -> Result<u8, String> {
    match text.to_ascii_lowercase().as_str() {
        "y" | "yes" | "t" | "true" | "on" => Ok(1),
        "n" | "no" | "f" | "false" | "off" => Ok(0),
        number => number
            .parse()
            .map_err(|_| "value was not a boolean or a number".to_owned()),
    }
}

/// The variable that sets an option; `None` if it is not a setting.
pub(super) fn variable(arg: &Arg) -> Option<String> {
    use ArgAction::{Help, HelpLong, HelpShort, Version};
    if negations::is_one(arg) {
        return None;
    }
    let prints = matches!(arg.get_action(), Help | HelpLong | HelpShort | Version);
    let is_demo = ["demo", "serve"].contains(&arg.get_id().as_str());
    let long = arg.get_long().filter(|_| !prints && !is_demo)?;
    let name = long.replace(['-', '.'], "_").to_uppercase();
    Some(format!("{VARIABLE}{name}"))
}

/// The setting whose name is `key` but for a slip.
pub(super) fn similar<'c>(key: &str, command: &'c Command) -> Option<&'c Arg> {
    habits::similar(key, all_args(command).filter(|arg| variable(arg).is_some()))
}

/// Warns of each variable that looks like a setting and is none.
pub(super) fn warn_of_unknown(command: &Command) {
    let known: Vec<_> = all_args(command).filter_map(variable).collect();
    for (name, value) in env::vars_os() {
        let name = name.to_string_lossy();
        let Some(key) = name.strip_prefix(VARIABLE).filter(|_| !value.is_empty()) else {
            continue;
        };
        if NO_SETTINGS.contains(&&*name) || known.iter().any(|known| *known == name) {
            continue;
        }
        let key = key.to_lowercase().replace('_', "-");
        let negated = key
            .strip_prefix("no-")
            .map(|key| key.to_uppercase().replace('-', "_"));
        let negated = negated.map(|name| format!("{VARIABLE}{name}"));
        let negated = negated.filter(|name| known.contains(name));
        let hint = match similar(&key, command).and_then(variable) {
            _ if negated.is_some() => format!("write `{}=0`", negated.unwrap_or_default()),
            Some(similar) => format!("did you mean `{similar}`?"),
            None => "no option has this name".to_owned(),
        };
        let name = shown(&name);
        log::print_line(&format!(
            "warning: the environment variable `{name}` sets nothing: {hint}"
        ));
    }
}

/// Adds the name of the variable to an error about its value.
pub(super) fn blame(mut error: clap::Error, command: &Command) -> clap::Error {
    let (Some(ContextValue::String(arg)), Some(ContextValue::String(value))) = (
        error.get(ContextKind::InvalidArg),
        error.get(ContextKind::InvalidValue),
    ) else {
        return error;
    };
    // flags that count are shown with dots
    let arg = arg.trim_end_matches('.');
    let long = arg.split(' ').next().and_then(|arg| arg.strip_prefix("--"));
    let args = all_args(command).filter(|arg| long.is_some() && arg.get_long() == long);
    let mut variables = args.filter_map(Arg::get_env);
    let is_source = |name: &&OsStr| env::var_os(name).is_some_and(|set| set == value.as_str());
    if let Some(name) = variables.find(is_source) {
        let name = name.display();
        let tip = format!("the value comes from the environment variable {name}");
        let tips = ContextValue::StyledStrs(vec![StyledStr::from(tip)]);
        error.insert(ContextKind::Suggested, tips);
    }
    error
}
