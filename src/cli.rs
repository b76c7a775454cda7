//! The command line: arguments, environment and configuration file, turned into an [`Invocation`].
//!
//! Each heading of the help has a file with its options and with the part of the configuration that they make up. What
//! the options do is up to the layers below, which do not know clap.

mod buckets;
mod compare;
mod completions;
mod config_file;
mod display;
mod earlier;
mod engines;
mod environment;
mod files;
mod habits;
mod help;
mod host_tables;
mod hosts;
mod http;
mod identifiers;
mod invocation;
mod limits;
mod lists;
mod manual;
mod negations;
mod origins;
mod pages;
mod records;
mod refusal;
mod retries;
mod run;
mod safety;
mod secrets;
mod shards;
mod sites;
mod unused;
mod values;

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{
    Arg, ArgAction, ArgMatches, Command, CommandFactory, FromArgMatches, Parser, Subcommand,
};
use clap_complete::Shell;

use crate::mode::Mode;
use crate::report::SinkOptions;
use crate::run::Config;
use crate::store::Layout;
use compare::CompareArgs;
use config_file::{ConfigArgs, Settings};
use earlier::{MergeArgs, ReportArgs};
use engines::EngineArgs;
use invocation::{Action, Check};
pub use invocation::{CommandOutcome, Invocation};
use records::RecordArgs;
use run::RunArgs;
use values::jobs;

/// The options and arguments in `-h`, in this order.
const IN_SHORT_HELP: [&str; 30] = [
    "shell",
    "page",
    "modes",
    "runs",
    "keep",
    "svg",
    "compare_json",
    "refetch",
    "deep",
    "output",
    "name",
    "extract",
    "update",
    "dry_run",
    "email",
    "jobs",
    "per_host",
    "mode",
    "demo",
    "report",
    "json",
    "records",
    "html",
    "retry",
    "config",
    "quiet",
    "verbose",
    "help",
    "version",
    "merged",
];

/// Download every PDF in a list of links, verify it, and report the result
#[derive(Debug, Parser)]
#[command(version)]
#[command(args_conflicts_with_subcommands = true, args_override_self = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Subcommands>,
    /// Mode: sequential, threads, pool or async
    #[arg(short, long, default_value_t, hide_possible_values = true)]
    mode: Mode,
    /// Output folder or bucket; with a single link, also `FILE.pdf`
    ///
    /// A bucket of an object store is `s3://BUCKET/PREFIX`, `gs://BUCKET/PREFIX` or `az://CONTAINER/PREFIX`, and needs `--state`.
    #[arg(short, long, value_name = "DIR", default_value = ".", value_parser = values::written())]
    output: PathBuf,
    /// Folder for the journal and partials [default: `.fetchpdf` in the output folder]
    ///
    /// For an output folder that is shared or remote, and for a bucket. Runs with states of their own may have the same output folder: none
    /// replaces a file of another one.
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Serve the sample PDFs, print their links, and run until interrupted
    ///
    /// N links [default: 10], on several addresses of this machine, for trying other programs that run this one.
    #[arg(long, value_name = "N", requires = "demo", num_args = 0..=1)]
    #[arg(require_equals = true, default_missing_value = "10", value_parser = jobs)]
    serve: Option<NonZeroUsize>,
    #[command(flatten)]
    run: RunArgs,
    #[command(flatten)]
    records: RecordArgs,
    #[command(flatten)]
    engines: EngineArgs,
    #[command(flatten)]
    config: ConfigArgs,
}

#[derive(Debug, Subcommand)]
enum Subcommands {
    /// Run a list in each mode and compare the times
    ///
    /// Each run has an empty folder, connections and a process of its own. Shows the median time, processor time, peak memory and
    /// threads of each mode, and who ran which link when.
    Compare {
        #[command(flatten)]
        compare: CompareArgs,
        #[command(flatten)]
        run: RunArgs,
    },
    /// Check the files of an output folder or bucket against the journal
    Verify {
        /// Output folder, or a bucket: `s3://BUCKET/PREFIX`, `gs://…` or `az://…`
        // the id of `--output`, so that the configuration file sets this one, too
        #[arg(id = "output", value_name = "DIR", default_value = ".")]
        verified: PathBuf,
        // as with a run
        #[arg(
            id = "verified",
            short = 'o',
            value_name = "DIR",
            hide = true,
            conflicts_with = "output"
        )]
        also_verified: Option<PathBuf>,
        /// Folder of the journal [default: `.fetchpdf` in the output folder, or the journals in the bucket]
        #[arg(id = "state", long, value_name = "DIR")]
        state_of_verified: Option<PathBuf>,
        /// Fetch files again that are missing, changed or not PDFs; changed files stay as they are
        #[arg(long)]
        refetch: bool,
        /// Read each object of a bucket, and not only the list of them; files in a folder are always read
        #[arg(long)]
        deep: bool,
        /// Print no summary; `-qq` also no files
        #[arg(short, long, action = ArgAction::Count)]
        quiet: u8,
    },
    /// Merge the records of several runs: the last one of each link
    Merge(MergeArgs),
    /// Summarize the records of earlier runs, or show them as a page
    Report(ReportArgs),
    /// Show which PDF of a page would be fetched, and why
    Landing {
        /// Print it as JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        run: RunArgs,
    },
    /// Print where the PDFs of identifiers may be, without fetching them
    ///
    /// Prints NDJSON, a line for each candidate with its sources. Sends look-ups, but fetches no files.
    Resolve {
        #[command(flatten)]
        run: RunArgs,
    },
    /// Print a completion script for a shell, and where to put it
    #[command(after_help = help::of_completions(), arg_required_else_help = true)]
    Completions {
        /// Shell
        #[arg(value_enum)]
        shell: Shell,
    },
    /// Print the manual page
    Man {
        /// Command to print the page of [default: fetchpdf itself]
        #[arg(value_name = "COMMAND")]
        page: Option<String>,
    },
}

/// The command line as clap knows it.
fn command() -> Command {
    // there, it is the URL of a saved page
    let base = |base: Arg| {
        base.requires(clap::builder::Resettable::Reset)
            .help("URL of a saved page")
    };
    let page = |links: Arg| {
        links
            .value_name("URL|FILE")
            .help("A page, or a saved one; `-` is standard input")
    };
    let ids = |links: Arg| {
        links
            .value_name("ID")
            .help("Identifiers, lists of them, or `-` for standard input")
    };
    let command = Cli::command()
        .mut_subcommand("compare", compare::adapt)
        .mut_subcommand("landing", |landing| {
            landing.mut_arg("base", base).mut_arg("links", page)
        })
        .mut_subcommand("resolve", |resolve| resolve.mut_arg("links", ids));
    help::option(mut_all_args(command, habits::with_aliases))
}

/// Applies `change` to the arguments of `command` and of its subcommands.
fn mut_all_args(command: Command, change: impl Fn(Arg) -> Arg + Copy) -> Command {
    let command = command.mut_args(change);
    command.mut_subcommands(|subcommand| subcommand.mut_args(change))
}

/// The arguments of `command` and of its subcommands.
fn all_args(command: &Command) -> impl Iterator<Item = &Arg> {
    let of_subcommands = command.get_subcommands().flat_map(Command::get_arguments);
    command.get_arguments().chain(of_subcommands)
}

/// The matches of the subcommand, or of the command if none is given.
fn active(matches: &ArgMatches) -> &ArgMatches {
    matches.subcommand().map_or(matches, |(_, active)| active)
}

/// Parses the command line, the environment and the configuration file. Prints help and errors in usage, and ends the
/// process then.
///
/// # Errors
///
/// When a file named by an option cannot be used, or the server of `--demo` cannot be started.
pub fn parse() -> anyhow::Result<Invocation> {
    let mut arguments = secrets::arguments()?;
    let command = command();
    help::turn_into_option(&mut arguments.all, &command);
    let Settings {
        matches,
        tables,
        origins,
    } = config_file::matches(command, &arguments)?;
    let mut cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| refusal::end_with(&error));
    let mut dies_with_parent = false;
    let (action, quiet, log) = match cli.command {
        None => {
            let run = cli.run;
            run.refuse_late_command();
            let (quiet, dry_run, log) = (run.quiet, run.files.dry_run, run.log());
            let records = cli.engines.complete(cli.records.options());
            dies_with_parent = cli.engines.die_with_parent;
            let action = if let Some(documents) = cli.serve {
                Action::Serve(documents)
            } else {
                let config = run.into_folder(cli.output, cli.state, |run, layout| {
                    run.config(cli.mode, layout, records, tables)
                })?;
                let config = cli.engines.apply(config);
                let action = if dry_run { Action::DryRun } else { Action::Run };
                action(config)
            };
            (action, quiet, log)
        }
        Some(Subcommands::Compare { compare, run }) => {
            let (quiet, log) = (run.quiet, run.log());
            (compare.action(run, arguments, tables)?, quiet, log)
        }
        Some(Subcommands::Verify {
            verified,
            also_verified,
            state_of_verified,
            refetch,
            deep,
            quiet,
        }) => {
            let verified = also_verified.unwrap_or(verified);
            let place = buckets::verified(verified, state_of_verified, refetch)?;
            cli.run.quiet = quiet;
            let log = cli.run.log();
            let check = checking(cli.run, place, (refetch, deep), tables)?;
            (Action::Verify(check), quiet, log)
        }
        Some(Subcommands::Merge(args)) => args.action(cli.run.log()),
        Some(Subcommands::Report(args)) => args.action(cli.run.log()),
        Some(Subcommands::Landing { json, run }) => {
            let (quiet, log) = (run.quiet, run.log());
            let config = asking(run, cli.output, tables)?;
            (Action::Landing(config, json), quiet, log)
        }
        Some(Subcommands::Resolve { run }) => {
            let (quiet, log) = (run.quiet, run.log());
            let config = asking(run, cli.output, tables)?;
            (Action::Resolve(config), quiet, log)
        }
        Some(Subcommands::Completions { shell }) => {
            (Action::Print(completions::script(shell)), 0, cli.run.log())
        }
        Some(Subcommands::Man { page }) => {
            let page = manual::page(page.as_deref())?;
            (Action::Print(page), 0, cli.run.log())
        }
    };
    let reads = files_read(active(&matches));
    let warnings = unused::in_action(active(&matches), &action)?;
    Ok(Invocation {
        action,
        quiet: quiet > 0,
        dies_with_parent,
        log,
        origins,
        warnings,
        reads,
    })
}

/// What is checked in `place`, whether bad files are fetched again, and whether objects are read.
fn checking(
    run: RunArgs,
    place: buckets::Place,
    (refetch, deep): (bool, bool),
    tables: config_file::Tables,
) -> anyhow::Result<Check> {
    let (mode, records) = (Mode::default(), SinkOptions::default());
    let is_bucket = place.layout.bucket().is_some();
    let config =
        (refetch || is_bucket).then(|| run.config(mode, place.layout.clone(), records, tables));
    let config = config.transpose()?.map(Box::new);
    let bucket = config.as_ref().filter(|_| is_bucket);
    Ok(Check {
        bucket: bucket.map(|config| (config.bucket.clone(), deep)),
        place,
        refetch: config.filter(|_| refetch),
    })
}

/// What `run` says for a command that asks servers and saves nothing.
fn asking(
    mut run: RunArgs,
    output: PathBuf,
    tables: config_file::Tables,
) -> anyhow::Result<Config> {
    run.complete_links()?;
    let (layout, records) = (Layout::new(output, None), SinkOptions::default());
    run.config(Mode::default(), layout, records, tables)
}

/// The files besides lists that options name for reading.
fn files_read(matches: &ArgMatches) -> Vec<PathBuf> {
    let named = ["config", "cookie", "netrc_file", "cacert", "cert", "key"];
    let named = named.iter().filter_map(|id| {
        let path = matches.try_get_one::<PathBuf>(id).ok().flatten();
        path.cloned()
    });
    let headers = matches.try_get_many::<String>("header").ok().flatten();
    let headers = headers.into_iter().flatten();
    let headers = headers.filter_map(|header| header.strip_prefix('@').map(PathBuf::from));
    named.chain(headers).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn the_documentation_has_all_options() {
        let mut command = command();
        command.build();
        let mut page = options(&command);
        for subcommand in command.get_subcommands() {
            let own: Vec<_> = subcommand
                .get_arguments()
                .filter(|arg| is_own(arg, &command))
                .collect();
            if subcommand.get_name() != "help" && !own.is_empty() {
                let about = subcommand.get_about().map(ToString::to_string);
                let about = about.unwrap_or_default();
                let heading = format!("## `fetchpdf {}`\n\n{about}.\n\n", subcommand.get_name());
                page = [page, heading, table(own.into_iter())].concat();
            }
        }
        crate::docs::check("options.md", "options", &page);
    }

    /// Whether only a subcommand has this argument.
    fn is_own(arg: &Arg, command: &Command) -> bool {
        let id = arg.get_id();
        let is_same =
            |known: &Arg| known.get_id() == id && known.is_positional() == arg.is_positional();
        id != "help" && !arg.is_hide_set() && !command.get_arguments().any(is_same)
    }

    /// The options of a command, a table for each heading.
    fn options(command: &Command) -> String {
        let mut headings: Vec<_> = command.get_arguments().map(Arg::get_help_heading).collect();
        headings.dedup();
        let heading_of = |heading: Option<&str>| {
            let arguments = command.get_arguments();
            let arguments = arguments.filter(|arg| arg.get_help_heading() == heading);
            let name = heading.unwrap_or("General");
            format!("## {name}\n\n{}", table(arguments))
        };
        headings.sort_by_key(Option::is_some);
        headings.dedup();
        headings.into_iter().map(heading_of).collect()
    }

    fn table<'a>(arguments: impl Iterator<Item = &'a Arg>) -> String {
        let rows: String = arguments.map(row).collect();
        format!("| option | meaning |\n| --- | --- |\n{rows}\n")
    }

    fn row(arg: &Arg) -> String {
        let takes = arg.get_action().takes_values();
        let names = arg.get_value_names().unwrap_or_default();
        let value = names.first().filter(|_| takes).map(ToString::to_string);
        let name = match (arg.get_short(), arg.get_long()) {
            (Some(short), Some(long)) => format!("-{short}, --{long}"),
            (None, Some(long)) => format!("--{long}"),
            _ => value.clone().unwrap_or_default(),
        };
        let value = value.filter(|_| !arg.is_positional());
        let value = value.map_or_else(String::new, |value| format!(" <{value}>"));
        let mut meaning = arg.get_help().map(ToString::to_string).unwrap_or_default();
        let possible = arg.get_possible_values();
        let hidden = arg.is_hide_possible_values_set() || arg.get_id() == "shell";
        if takes && !possible.is_empty() && !hidden {
            let names: Vec<_> = possible
                .iter()
                .map(|value| format!("`{}`", value.get_name()))
                .collect();
            meaning = format!("{meaning}: {}", names.join(", "));
        }
        let defaults = arg.get_default_values().iter();
        let defaults: Vec<_> = defaults.map(|value| value.to_string_lossy()).collect();
        if takes && !defaults.is_empty() {
            meaning = format!("{meaning} [default: {}]", defaults.join(","));
        }
        format!("| `{name}{value}` | {} |\n", meaning.replace('|', "\\|"))
    }
}
