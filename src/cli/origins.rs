//! Where each option of a run comes from, for `-vv`.

use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command, Id};
use toml::{Table, Value};

use super::config_file::plain;
use super::environment::variable;
use super::negations;
use super::secrets::is_secret;
use crate::text::{cut, printable};

/// What is said of one option or host, in characters.
const LONGEST: usize = 200;

/// The configuration file.
pub(super) enum Source {
    /// The command has none.
    None,
    /// `--no-config`.
    Refused,
    /// There is none at the default place.
    Missing(PathBuf),
    /// This one.
    File(PathBuf),
}

/// A line for the configuration file, and one for each option that is not at its default, host and table.
#[derive(Debug, Default)]
pub(super) struct Origins(Vec<String>);

impl Origins {
    /// What `matches` hold for `command`. Options for which `is_in_file` is true come from the file, unless they have been given
    /// otherwise.
    pub(super) fn new(
        command: &Command,
        matches: &ArgMatches,
        source: Source,
        is_in_file: impl Fn(&Id) -> bool,
    ) -> Self {
        let mut lines: Vec<_> = source.line().into_iter().collect();
        let of_subcommands = command.get_subcommands().flat_map(Command::get_arguments);
        let args: Vec<&Arg> = command.get_arguments().chain(of_subcommands).collect();
        for id in matches.ids() {
            let mut named = args.iter().filter(|arg| arg.get_id() == id);
            let Some(arg) = named.find(|arg| arg.get_long().is_some()) else {
                continue;
            };
            let origin = match matches.value_source(id.as_str()) {
                Some(ValueSource::CommandLine) => "the command line".to_owned(),
                Some(ValueSource::EnvVariable) => {
                    let variable = variable(arg).unwrap_or_default();
                    format!("the environment (`{variable}`)")
                }
                Some(ValueSource::DefaultValue) if is_in_file(id) => {
                    "the configuration file".to_owned()
                }
                _ => continue,
            };
            let is_absent = negations::is_one(arg) && !matches.get_flag(id.as_str());
            if !is_absent {
                lines.push(format!("option {} from {origin}", shown(arg, matches)));
            }
        }
        Self(lines)
    }

    /// Adds what tables of the configuration file say, which are no options.
    pub(super) fn with_tables(mut self, table: &Table) -> Self {
        let mut add = |what: String| {
            let what = cut(&printable(&what), LONGEST).into_owned();
            self.0.push(format!("{what} from the configuration file"));
        };
        for (name, value) in table {
            let hosts = value.as_table().filter(|_| name == "host");
            for (host, settings) in hosts.into_iter().flatten() {
                let settings = settings.as_table().into_iter().flatten();
                let settings: Vec<_> = settings.map(|(key, value)| of_host(key, value)).collect();
                add(format!("host `{host}`: {}", settings.join(", ")));
            }
            if hosts.is_none() && value.is_table() {
                add(format!("table `[{name}]`"));
            }
        }
        self
    }

    /// Logs them.
    pub(super) fn tell(&self) {
        for line in &self.0 {
            tracing::debug!("{line}");
        }
    }
}

/// A setting of a host, without secrets.
fn of_host(key: &str, value: &Value) -> String {
    let values = match value {
        Value::Array(values) => values.as_slice(),
        value => std::slice::from_ref(value),
    };
    let values = values.iter().map(|value| match key {
        "header" => "***".to_owned(),
        key => plain(key, value).unwrap_or_default(),
    });
    format!("`{key} {}`", values.collect::<Vec<_>>().join(" "))
}

impl Source {
    fn line(self) -> Option<String> {
        let name = |path: PathBuf| printable(&path.display().to_string());
        match self {
            Self::None => None,
            Self::Refused => Some("no configuration file: `--no-config`".to_owned()),
            Self::Missing(path) => Some(format!(
                "no configuration file: `{}` does not exist",
                name(path)
            )),
            Self::File(path) => Some(format!("configuration file `{}`", name(path))),
        }
    }
}

/// An option with its values, as it would be given, without secrets.
fn shown(arg: &Arg, matches: &ArgMatches) -> String {
    let (id, long) = (arg.get_id().as_str(), arg.get_long().unwrap_or_default());
    let mut words = vec![format!("--{long}")];
    match arg.get_action() {
        ArgAction::SetTrue => {}
        ArgAction::Count => {
            let count = usize::from(matches.get_count(id));
            if let Some(short) = arg.get_short().filter(|_| count > 1) {
                words = vec![format!("-{}", short.to_string().repeat(count))];
            }
        }
        _ => {
            let values = matches.get_raw(id).into_iter().flatten();
            words.extend(values.map(|value| {
                if is_secret(id, value) {
                    "***".to_owned()
                } else {
                    printable(&value.to_string_lossy())
                }
            }));
        }
    }
    format!("`{}`", cut(&words.join(" "), LONGEST))
}
