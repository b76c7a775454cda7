//! Options from the environment and from the configuration file.
//!
//! An option can come from four sources. The earlier one takes precedence:
//!
//! 1. the command line: `--per-host 2`;
//! 2. the environment: `FETCHPDF_PER_HOST=2`;
//! 3. the configuration file: `per-host = 2`;
//! 4. its default.
//!
//! An empty string in the file sets nothing, like an empty variable: see [`environment`].
//!
//! clap does the merging. [`matches()`] parses the command line up to three times: as it is; with a variable for each
//! option, if any of them is set; and with the values of the file as defaults. An option that conflicts
//! with one from an earlier source is left out, so that `update = true` in the file does not forbid `--overwrite`.
//!
//! clap does not check defaults for conflicts, and reports a wrong one as if the user had typed it. The file is therefore
//! parsed as a command line of its own first. Errors name the file, and the key or the line, but never quote a line, which
//! may hold a secret.
//!
//! The table `[landing]` is not an option, either: see [`sites`]. Its key `follow` is, by the name `--landing`. Nor is the table
//! `[shard-with]`: see [`shards`].
//!
//! The tables `[id]`, `[source]` and `[base]` are for identifiers: see [`Ids`]. `base = "…"` is the option.
//!
//! Tables `[host."NAME"]` are not options either: see [`host_tables`].

use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use anyhow::{Context, anyhow, bail};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, Id};
use toml::{Table, Value};

use super::environment::similar;
use super::host_tables::HostSettings;
use super::origins::{Origins, Source};
use super::secrets::Arguments;
use super::{
    active, environment, habits, help, host_tables, mut_all_args, negations, refusal, secrets,
    shards, sites,
};
use crate::id::Ids;
use crate::page::Rules;
use crate::shard::Companions;
use crate::{log, text};

#[derive(Debug, Args)]
#[command(next_help_heading = "Configuration")]
pub(super) struct ConfigArgs {
    /// Read options from this file [default: `~/.config/fetchpdf/config.toml` if it exists]
    #[arg(short = 'K', long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// Do not read a configuration file
    #[arg(long, global = true)]
    no_config: bool,
}

/// What the configuration file says that is no option.
#[derive(Debug, Default)]
pub(super) struct Tables {
    pub(super) hosts: Vec<HostSettings>,
    /// What is known of the pages of sites.
    pub(super) rules: Rules,
    /// Which hosts fall to the same shard.
    pub(super) companions: Companions,
    /// What is known about identifiers.
    pub(super) ids: Ids,
}

/// Names are quoted up to this many characters.
const LONGEST_NAME: usize = 100;

/// Options that a configuration file cannot set.
const NOT_IN_FILE: [&str; 4] = ["config", "no_config", "demo", "serve"];

/// What the command line, the environment and the configuration file say.
pub(super) struct Settings {
    pub(super) matches: ArgMatches,
    pub(super) tables: Tables,
    /// Where each option comes from.
    pub(super) origins: Origins,
}

/// Reads the command line, the environment and the configuration file. Prints help, and errors in the command line and
/// the environment, and ends the process then.
///
/// # Errors
///
/// When a configuration file that was asked for cannot be read, or one is wrong.
pub(super) fn matches(command: Command, arguments: &Arguments) -> anyhow::Result<Settings> {
    let mut command = negations::add(help::shown(command, &arguments.all));
    command.build();
    // the list of commands is to fit on a small terminal, and everybody knows this one
    command = command.mut_subcommand("help", |help| help.hide(true));
    let parse = |command: &mut Command| {
        let result = command.try_get_matches_from_mut(&arguments.all);
        result.unwrap_or_else(|error| {
            let error = environment::blame(error, command);
            refusal::end_with(&habits::answer(error, command, &arguments.all))
        })
    };
    let mut matches = parse(&mut command);
    secrets::hide(&command, &matches, arguments);
    habits::check(&command, active(&matches));
    if matches!(
        matches.subcommand_name(),
        Some("completions" | "man" | "merge")
    ) {
        return Ok(Settings::without_file(&command, matches, Source::None));
    }
    if environment::is_used() {
        command = mut_all_args(command.clone(), |arg| {
            if is_excluded(&command, &matches, arg.get_id()) {
                arg
            } else {
                environment::with_variable(arg)
            }
        });
        matches = parse(&mut command);
        // the comparison has told of them
        if !is_silent(active(&matches)) && arguments.order.is_none() {
            environment::warn_of_unknown(&command);
        }
    }
    let Some((path, text)) = read(active(&matches))? else {
        let source = match default_path() {
            _ if active(&matches).get_flag("no_config") => Source::Refused,
            Some(path) => Source::Missing(path),
            None => Source::None,
        };
        return Ok(Settings::without_file(&command, matches, source));
    };
    let file = File::parse(&text, &command)
        .with_context(|| format!("cannot use the configuration `{}`", path.display()))?;
    let values = |id: &Id| {
        let values = file.options.get(id);
        values.filter(|_| !is_excluded(&command, &matches, id))
    };
    let mut with_file = mut_all_args(command.clone(), |arg| match values(arg.get_id()) {
        Some(values) => arg.default_values(values),
        None => arg,
    });
    let matches = parse(&mut with_file);
    let is_in_file = |id: &Id| values(id).is_some();
    let origins = Origins::new(&with_file, active(&matches), Source::File(path), is_in_file);
    let origins = origins.with_tables(&file.source);
    Ok(Settings {
        origins,
        matches,
        tables: file.tables,
    })
}

impl Settings {
    fn without_file(command: &Command, matches: ArgMatches, source: Source) -> Self {
        Self {
            origins: Origins::new(command, active(&matches), source, |_| false),
            matches,
            tables: Tables::default(),
        }
    }
}

/// Whether nothing is to be said unless the run itself fails.
fn is_silent(matches: &ArgMatches) -> bool {
    let quiet = matches.try_get_one::<u8>("quiet").ok().flatten();
    quiet.is_some_and(|quiet| *quiet > 1)
}

/// The path and the text of the configuration file, unless there is none or `--no-config` is given.
fn read(matches: &ArgMatches) -> anyhow::Result<Option<(PathBuf, String)>> {
    let named = matches.get_one::<PathBuf>("config");
    let path = named.cloned().or_else(default_path);
    let is_from = |id: &str, source| matches.value_source(id) == Some(source);
    // what is named now counts more than what the environment says
    let is_named_now = is_from("config", ValueSource::CommandLine)
        && is_from("no_config", ValueSource::EnvVariable);
    let is_refused = matches.get_flag("no_config") && !is_named_now;
    let Some(path) = path.filter(|_| !is_refused) else {
        return Ok(None);
    };
    let text = match fs::read(&path) {
        Ok(text) => String::from_utf8(text).map_err(|_| anyhow!("it is not valid UTF-8")),
        Err(error) if named.is_none() => {
            if !is_silent(matches) {
                warn_of_unread(&path, &error);
            }
            return Ok(None);
        }
        Err(error) => Err(error.into()),
    };
    let text =
        text.with_context(|| format!("cannot read the configuration `{}`", path.display()))?;
    Ok(Some((path, text)))
}

/// Warns of a configuration that nobody has asked for, and that may be there: `HOME` may be that of somebody else, as it is
/// with `docker run --user` and `sudo -u`.
fn warn_of_unread(path: &Path, error: &io::Error) {
    if !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) {
        let (path, why) = (path.display().to_string(), text::io_message(error));
        log::print_line(&format!(
            "warning: the configuration `{}` is not used: {why} (`--no-config` silences this)",
            text::printable(&path)
        ));
    }
}

/// The configuration file without `--config` (XDG Base Directory Specification).
fn default_path() -> Option<PathBuf> {
    let variable = if cfg!(windows) {
        "APPDATA"
    } else {
        "XDG_CONFIG_HOME"
    };
    let folder = env::var_os(variable).map(PathBuf::from);
    let folder = folder.filter(|folder| folder.is_absolute());
    let folder = folder.or_else(|| Some(home_folder()?.join(".config")))?;
    Some(folder.join("fetchpdf/config.toml"))
}

/// The home folder; `None` if the environment has none. A relative one would be another in each folder.
pub(super) fn home_folder() -> Option<PathBuf> {
    env::home_dir().filter(|home| home.is_absolute())
}

/// Whether the option `id` conflicts with one that is given, or is negated.
fn is_excluded(command: &Command, matches: &ArgMatches, id: &Id) -> bool {
    if negations::is_negated(active(matches), id.as_str()) {
        return true;
    }
    let subcommand = matches
        .subcommand_name()
        .and_then(|name| command.find_subcommand(name));
    let (command, matches) = (subcommand.unwrap_or(command), active(matches));
    let find = |id: &Id| command.get_arguments().find(|arg| arg.get_id() == id);
    let Some(arg) = find(id) else { return false };
    let excludes = |one: &Arg, other: &Arg| {
        let is_opposite = one.get_id() == "quiet" && other.get_id() == "verbose";
        is_opposite || command.get_arg_conflicts_with(one).contains(&other)
    };
    let is_given = |id: &&Id| matches.value_source(id.as_str()) != Some(ValueSource::DefaultValue);
    let mut given = matches.ids().filter(is_given).filter_map(find);
    given.any(|given| excludes(arg, given) || excludes(given, arg))
}

/// A parsed configuration file.
#[derive(Default)]
struct File {
    /// The values of options, as on the command line.
    options: HashMap<Id, Vec<String>>,
    tables: Tables,
    /// All of it, for `-vv`.
    source: Table,
}

impl File {
    fn parse(text: &str, command: &Command) -> anyhow::Result<Self> {
        let table: Table = text.parse().map_err(|error: toml::de::Error| {
            let before = &text[..error.span().map_or(0, |span| span.start)];
            let line = before.matches('\n').count() + 1;
            let message = error.message().replace('\n', ", ");
            anyhow!("line {line}: {}", text::printable(&message))
        })?;
        let mut file = Self::default();
        let mut line = vec!["fetchpdf".to_owned()];
        for (key, value) in &table {
            if let ("host", Value::Table(hosts)) = (key.as_str(), value) {
                host_tables::add(&mut file.tables.hosts, hosts)?;
                continue;
            }
            if matches!(key.as_str(), "id" | "source" | "base") && value.is_table() {
                continue;
            }
            if key == "shard-with" {
                shards::add(&mut file.tables.companions, value).context("`[shard-with]`")?;
                continue;
            }
            let mut value = value;
            if let ("landing", Value::Table(table)) = (key.as_str(), value) {
                match sites::add(&mut file.tables.rules, table).context("`[landing]`")? {
                    Some(follow) => value = follow,
                    None => continue,
                }
            }
            let mut args = command.get_arguments();
            let arg = args.find(|arg| arg.get_long() == Some(key));
            let is_setting = |arg: &&Arg| {
                !NOT_IN_FILE.contains(&arg.get_id().as_str()) && !negations::is_one(arg)
            };
            let arg = arg.filter(is_setting);
            let arg = arg.ok_or_else(|| unknown(key, command))?;
            let values = values(key, value, arg.get_action())?;
            match arg.get_action() {
                _ if values.is_empty() => continue,
                ArgAction::SetTrue | ArgAction::Count => line.push(format!("--{key}")),
                _ => line.extend(values.iter().map(|value| format!("--{key}={value}"))),
            }
            file.options.insert(arg.get_id().clone(), values);
        }
        file.tables.ids.extend(&table)?;
        check(line, command)?;
        file.source = table;
        Ok(file)
    }
}

/// Checks the options of a file, given as a command line.
fn check(line: Vec<String>, command: &Command) -> anyhow::Result<()> {
    let command = command.clone().mut_args(|arg| arg.env(None::<&str>));
    let Err(error) = command.try_get_matches_from(line) else {
        return Ok(());
    };
    // without what clap says about usage and help
    let text = error.render().to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    let end = text.find("\n\nUsage").or(text.find("\n\nFor more"));
    let lines = text[..end.unwrap_or(text.len())].trim_end().lines();
    let lines: Vec<_> = lines.map(text::printable).collect();
    bail!("{}", lines.join("\n"))
}

/// The error about an unknown key, with the similar one.
fn unknown(key: &str, command: &Command) -> anyhow::Error {
    let form = "keys are long options without their dashes, such as `per-host = 2`";
    let answer = habits::of_option(&format!("--{key}"));
    let hint = match similar(key, command).and_then(Arg::get_long) {
        Some(similar) => format!("; did you mean `{similar}`?"),
        None => format!(": {}", answer.unwrap_or(form)),
    };
    anyhow!("unknown key `{}`{hint}", shown(key))
}

/// A name or a message as it may be printed.
pub(super) fn shown(text: &str) -> String {
    text::cut(&text::printable(text), LONGEST_NAME).into_owned()
}

/// The values of an option, as on the command line; none if it is not set.
fn values(key: &str, value: &Value, action: &ArgAction) -> anyhow::Result<Vec<String>> {
    match (action, value) {
        (_, Value::String(text)) if text.is_empty() => Ok(Vec::new()),
        (ArgAction::SetTrue | ArgAction::Count, Value::Boolean(false)) => Ok(Vec::new()),
        (ArgAction::SetTrue, Value::Boolean(true)) => Ok(vec!["true".to_owned()]),
        (ArgAction::Count, Value::Boolean(true)) => Ok(vec!["1".to_owned()]),
        (ArgAction::Count, Value::String(text)) if text.parse::<u8>().is_err() => {
            bail!("`{key}` must be `true`, `false` or a number")
        }
        (ArgAction::SetTrue, _) => bail!("`{key}` must be `true` or `false`"),
        (_, Value::Array(values)) => values.iter().map(|value| plain(key, value)).collect(),
        (_, value) => Ok(vec![plain(key, value)?]),
    }
}

/// A value as on the command line. A leading `~/` is the home folder, as a shell would expand it.
pub(super) fn plain(key: &str, value: &Value) -> anyhow::Result<String> {
    Ok(match value {
        Value::String(text) => match (text.strip_prefix("~/"), home_folder()) {
            (Some(rest), Some(home)) => home.join(rest).display().to_string(),
            _ => text.clone(),
        },
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        _ => bail!("`{key}` must be a string or a number, such as `{key} = 1`"),
    })
}
