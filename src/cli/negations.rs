//! `--no-quiet` and the like: flags against what the environment and the configuration file say.
//!
//! Each flag that is a setting has a negation, which the help does not list. Of a flag and its negation, the last one on the
//! command line counts; if that is the negation, the flag is left out of the environment and the file as well.

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};

/// Begins the ids of negations.
const PREFIX: &str = "not:";

/// Flags that are no settings.
const NO_SETTINGS: [&str; 3] = ["demo", "no_config", "deep"];

/// Adds the negations of all flags.
pub(super) fn add(command: Command) -> Command {
    let command = add_own(command);
    command.mut_subcommands(add_own)
}

fn add_own(command: Command) -> Command {
    let negations: Vec<_> = command.get_arguments().filter_map(negation).collect();
    command.args(negations)
}

/// The negation of a flag; none for other arguments.
fn negation(arg: &Arg) -> Option<Arg> {
    let is_flag = matches!(arg.get_action(), ArgAction::SetTrue | ArgAction::Count);
    let id = arg.get_id().as_str();
    let long = arg.get_long()?;
    if !is_flag || NO_SETTINGS.contains(&id) || is_one(arg) {
        return None;
    }
    let negation = Arg::new(format!("{PREFIX}{id}")).long(opposite(long));
    let negation = negation.hide(true);
    Some(
        negation
            .action(ArgAction::SetTrue)
            .overrides_with(arg.get_id()),
    )
}

/// The name of the opposite of a flag.
pub(super) fn opposite(long: &str) -> String {
    let positive = long.strip_prefix("no-");
    positive.map_or_else(|| format!("no-{long}"), ToOwned::to_owned)
}

/// Whether an argument is a negation.
pub(super) fn is_one(arg: &Arg) -> bool {
    arg.get_id().as_str().starts_with(PREFIX)
}

/// Whether the flag `id` is negated on the command line.
pub(super) fn is_negated(matches: &ArgMatches, id: &str) -> bool {
    let negation = format!("{PREFIX}{id}");
    matches.try_contains_id(&negation).is_ok()
        && matches.value_source(&negation) == Some(ValueSource::CommandLine)
}
