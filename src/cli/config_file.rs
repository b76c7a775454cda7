//! Options that stand elsewhere than on the command line: in the environment, and in a configuration file. What is said on
//! the command line counts most, then the environment, then the file.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use anyhow::Context;
use clap::builder::{BoolishValueParser, StyledStr};
use clap::error::{ContextKind, ContextValue};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, Id};
use toml::{Table, Value};

use super::secrets;
use crate::header::{self, HeaderFields};
use crate::queue::policy::HostOverride;

#[derive(Debug, Args)]
#[command(next_help_heading = "Configuration")]
pub(super) struct ConfigArgs {
    /// Take options from this file [default: `~/.config/fetchpdf/config.toml`, if it is there]
    #[arg(short = 'K', long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// Take no options from any file
    #[arg(long, global = true)]
    no_config: bool,
}

/// What the configuration file says about one host.
#[derive(Debug)]
pub(super) struct HostSettings {
    pub(super) name: String,
    pub(super) limits: Option<HostOverride>,
    pub(super) headers: HeaderFields,
}

/// What is not for a file, besides help and version.
const ONLY_SAID: [&str; 3] = ["config", "no_config", "demo"];

/// Reads the command line, the environment and the configuration file. Where one of the first two is wrong or asks for
/// help, prints that and ends the process.
///
/// # Errors
///
/// When the configuration file cannot be read, or what it says is wrong.
pub(super) fn matches(mut command: Command) -> anyhow::Result<(ArgMatches, Vec<HostSettings>)> {
    command.build();
    let parse = |command: &Command| {
        let result = command.clone().try_get_matches_from(secrets::arguments());
        result.unwrap_or_else(|error| blame_environment(error, command).exit())
    };
    let mut said = parse(&command);
    secrets::hide(&command, &said);
    if matches!(said.subcommand_name(), Some("completions" | "man")) {
        return Ok((said, Vec::new()));
    }
    // most environments have nothing for us
    let ours = |name: &OsString| name.as_encoded_bytes().starts_with(VARIABLE.as_bytes());
    if env::vars_os().any(|(name, _)| ours(&name)) {
        let in_place = |arg: Arg| {
            if is_excluded(&command, &said, arg.get_id()) {
                arg
            } else {
                in_environment(arg)
            }
        };
        let with_environment = command.clone().mut_args(in_place);
        command = with_environment.mut_subcommands(|subcommand| subcommand.mut_args(in_place));
        said = parse(&command);
    }
    let of_active = said.subcommand().map_or(&said, |(_, of_active)| of_active);
    let Some((path, text)) = read(of_active)? else {
        return Ok((said, Vec::new()));
    };
    let (mut values, hosts) = File::parse(&text, &command)
        .and_then(|file| Ok((file.values(&command)?, file.hosts)))
        .with_context(|| format!("cannot use the configuration `{}`", path.display()))?;
    values.retain(|id, _| !is_excluded(&command, &said, id));
    let default = |arg: Arg| match values.get(arg.get_id()) {
        Some(values) => arg.default_values(values),
        None => arg,
    };
    let command = command
        .mut_args(default)
        .mut_subcommands(|subcommand| subcommand.mut_args(default));
    Ok((parse(&command), hosts))
}

/// What the names of our variables begin with.
const VARIABLE: &str = "FETCHPDF_";

/// Lets an option stand in the environment, too: `--per-host` as `FETCHPDF_PER_HOST`.
fn in_environment(arg: Arg) -> Arg {
    let Some(long) = arg.get_long() else {
        return arg;
    };
    let name = format!("{VARIABLE}{}", long.replace(['-', '.'], "_").to_uppercase());
    let arg = arg.env(name).hide_env(true);
    match arg.get_action() {
        // `1` and `yes` are as good as `true`
        ArgAction::SetTrue => arg.value_parser(BoolishValueParser::new()),
        _ => arg,
    }
}

/// Adds to an error about a value that it came from the environment, if it did.
fn blame_environment(mut error: clap::Error, command: &Command) -> clap::Error {
    let (Some(ContextValue::String(arg)), Some(ContextValue::String(value))) = (
        error.get(ContextKind::InvalidArg),
        error.get(ContextKind::InvalidValue),
    ) else {
        return error;
    };
    let long = arg.split(' ').next().unwrap_or_default();
    let subcommands = command.get_subcommands().flat_map(Command::get_arguments);
    let variable = command
        .get_arguments()
        .chain(subcommands)
        .filter(|arg| {
            arg.get_long()
                .is_some_and(|name| long.strip_prefix("--") == Some(name))
        })
        .find_map(|arg| {
            arg.get_env()
                .filter(|name| env::var_os(name).is_some_and(|set| set == value.as_str()))
        });
    if let Some(variable) = variable {
        let tip = format!(
            "the value is that of the environment variable {}",
            variable.display()
        );
        let tips = ContextValue::StyledStrs(vec![StyledStr::from(tip)]);
        error.insert(ContextKind::Suggested, tips);
    }
    error
}

/// The configuration file and its text, if there is one and it is wanted.
fn read(said: &ArgMatches) -> anyhow::Result<Option<(PathBuf, String)>> {
    if said.get_flag("no_config") {
        return Ok(None);
    }
    let named = said.get_one::<PathBuf>("config");
    let Some(path) = named.cloned().or_else(usual_place) else {
        return Ok(None);
    };
    match fs::read_to_string(&path) {
        Ok(text) => Ok(Some((path, text))),
        Err(error) if named.is_none() && error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error)
            .with_context(|| format!("cannot read the configuration `{}`", path.display())),
    }
}

/// Where the configuration file is unless the user says otherwise (XDG Base Directory Specification).
fn usual_place() -> Option<PathBuf> {
    let variable = if cfg!(windows) {
        "APPDATA"
    } else {
        "XDG_CONFIG_HOME"
    };
    let folder = env::var_os(variable).map(PathBuf::from);
    let folder = folder
        .filter(|folder| folder.is_absolute())
        .or_else(|| Some(env::home_dir()?.join(".config")))?;
    Some(folder.join("fetchpdf/config.toml"))
}

/// Whether something that was said speaks against the option `id`.
fn is_excluded(command: &Command, said: &ArgMatches, id: &Id) -> bool {
    let (command, said) = match said.subcommand() {
        Some((name, said)) => (command.find_subcommand(name).unwrap_or(command), said),
        None => (command, said),
    };
    let of = |id: &Id| command.get_arguments().find(|arg| arg.get_id() == id);
    let Some(arg) = of(id) else { return false };
    let excludes = |one: &Arg, other: &Arg| {
        let others = command.get_arg_conflicts_with(one);
        others.iter().any(|arg| arg.get_id() == other.get_id())
    };
    said.ids()
        .filter(|id| said.value_source(id.as_str()) != Some(ValueSource::DefaultValue))
        .filter_map(of)
        .any(|other| excludes(arg, other) || excludes(other, arg))
}

/// What the configuration file says.
struct File {
    /// Options with their values, as on the command line.
    options: Vec<(Id, Vec<String>)>,
    hosts: Vec<HostSettings>,
}

impl File {
    fn parse(text: &str, command: &Command) -> anyhow::Result<Self> {
        // not the text of the line, which may hold a secret
        let table: Table = text.parse().map_err(|error: toml::de::Error| {
            let before = &text[..error.span().map_or(0, |span| span.start)];
            let line = before.matches('\n').count() + 1;
            anyhow::anyhow!("line {line}: {}", error.message().replace('\n', ", "))
        })?;
        let mut file = Self {
            options: Vec::new(),
            hosts: Vec::new(),
        };
        for (key, value) in &table {
            if let ("host", Value::Table(hosts)) = (key.as_str(), value) {
                for (name, settings) in hosts {
                    let host = host(name, settings).with_context(|| format!("host `{name}`"))?;
                    file.hosts.push(host);
                }
                continue;
            }
            let arg = command.get_arguments().find(|arg| {
                arg.get_long() == Some(key) && !ONLY_SAID.contains(&arg.get_id().as_str())
            });
            let Some(arg) = arg else {
                return Err(unknown(key, command));
            };
            let values = match (arg.get_action(), value) {
                (ArgAction::SetTrue, Value::Boolean(false)) => continue,
                (ArgAction::SetTrue, Value::Boolean(true)) => vec!["true".to_owned()],
                (ArgAction::SetTrue, _) => anyhow::bail!("`{key}` is `true` or `false`"),
                (ArgAction::Count, Value::Integer(count @ 0..=9)) => vec![count.to_string()],
                (_, Value::Array(values)) => {
                    let texts = values.iter().map(|value| plain(key, value));
                    texts.collect::<Result<_, _>>()?
                }
                (_, value) => vec![plain(key, value)?],
            };
            file.options.push((arg.get_id().clone(), values));
        }
        Ok(file)
    }

    /// The options, once it is clear that the command line would take them.
    fn values(&self, command: &Command) -> anyhow::Result<HashMap<Id, Vec<String>>> {
        let mut line = vec!["fetchpdf".to_owned()];
        for (id, values) in &self.options {
            let arg = command.get_arguments().find(|arg| arg.get_id() == id);
            let arg = arg.expect("it has been found before");
            let long = arg.get_long().expect("it has been found by it");
            match arg.get_action() {
                ArgAction::SetTrue => line.push(format!("--{long}")),
                ArgAction::Count => {
                    let times = values[0].parse().unwrap_or(0);
                    line.extend(std::iter::repeat_n(format!("--{long}"), times));
                }
                _ => line.extend(values.iter().map(|value| format!("--{long}={value}"))),
            }
        }
        let checked = command
            .clone()
            .mut_args(|arg| arg.env(None::<&str>))
            .try_get_matches_from(line);
        checked.map_err(|error| {
            let text = error.render().to_string();
            let text = text.strip_prefix("error: ").unwrap_or(&text);
            let end = text.find("\n\nUsage").or(text.find("\n\nFor more"));
            anyhow::anyhow!("{}", text[..end.unwrap_or(text.len())].trim_end())
        })?;
        Ok(self.options.iter().cloned().collect())
    }
}

/// The error about a key that is none, with the one that it looks like.
fn unknown(key: &str, command: &Command) -> anyhow::Error {
    let line = ["fetchpdf".to_owned(), format!("--{key}")];
    let similar = command.clone().try_get_matches_from(line).err();
    match similar
        .as_ref()
        .and_then(|error| error.get(ContextKind::SuggestedArg))
    {
        Some(ContextValue::String(similar)) => anyhow::anyhow!(
            "unknown key `{key}`; is it `{}`?",
            similar
                .trim_start_matches('-')
                .split(' ')
                .next()
                .unwrap_or_default()
        ),
        _ => anyhow::anyhow!(
            "unknown key `{key}`: keys are long options without their dashes, such as `per-host = 2`"
        ),
    }
}

/// A value as it would stand on the command line. As a shell does it there, `~/` at its beginning is the home folder.
fn plain(key: &str, value: &Value) -> anyhow::Result<String> {
    Ok(match value {
        Value::String(text) => match (text.strip_prefix("~/"), env::home_dir()) {
            (Some(rest), Some(home)) => home.join(Path::new(rest)).display().to_string(),
            _ => text.clone(),
        },
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        _ => anyhow::bail!("`{key}` is a text or a number, such as `{key} = 1`"),
    })
}

/// The settings of the host `name`: limits, and header fields that go to it alone.
fn host(name: &str, settings: &Value) -> anyhow::Result<HostSettings> {
    anyhow::ensure!(
        url::Host::parse(name).is_ok() || name.parse::<std::net::Ipv6Addr>().is_ok(),
        "a host is a name or an address in quotes, without scheme and port, such as `[host.\"example.org\"]`"
    );
    let settings = settings.as_table().context(
        "its settings are a table; a name with dots is in quotes, such as `[host.\"example.org\"]`",
    )?;
    let (mut limits, mut headers) = (Vec::new(), Vec::new());
    for (key, value) in settings {
        match (key.as_str(), value) {
            ("header", Value::Array(fields)) => {
                for field in fields {
                    headers.push(field.as_str().unwrap_or_default());
                }
            }
            ("header", field) => headers.push(field.as_str().unwrap_or_default()),
            ("per-host" | "wait" | "rate", value) => {
                limits.push(format!("{key}={}", plain(key, value)?));
            }
            _ => anyhow::bail!(
                "unknown key `{key}`: there are `per-host`, `wait`, `rate` and `header`"
            ),
        }
    }
    let headers = headers
        .into_iter()
        .map(secret_header)
        .collect::<anyhow::Result<_>>()?;
    let limits = (!limits.is_empty())
        .then(|| format!("{name}:{}", limits.join(",")).parse())
        .transpose()
        .map_err(anyhow::Error::msg)?;
    Ok(HostSettings {
        name: name.to_lowercase(),
        limits,
        headers,
    })
}

/// A header field whose value is shown nowhere.
pub(super) fn secret_header(text: &str) -> anyhow::Result<(http::HeaderName, http::HeaderValue)> {
    header::parse(text).map_err(|problem| anyhow::anyhow!("`header`: {problem}"))
}
