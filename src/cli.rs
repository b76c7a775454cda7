//! The command line: what users write, turned into what a run needs to know. Knows nothing of how things are done.

mod config_file;
mod display;
mod files;
mod hosts;
mod http;
mod invocation;
mod limits;
mod lists;
mod records;
mod retries;
mod run;
mod safety;
mod secrets;
mod values;

use std::path::PathBuf;

use anyhow::Context;
use clap::{Arg, Command, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::commands::compare::Folders;
use crate::mode::Mode;
use crate::report::SinkOptions;
use config_file::ConfigArgs;
use invocation::Action;
pub use invocation::{CommandOutcome, Invocation};
use records::RecordArgs;
use run::{RunArgs, Target};

/// The options that `-h` shows: what most people need.
const IN_SHORT_HELP: [&str; 16] = [
    "mode", "output", "jobs", "per_host", "retry", "quiet", "verbose", "help", "version", "modes",
    "keep", "svg", "refetch", "verified", "shell", "page",
];

const SHORT: &str =
    "LINKS: lists, URLs, or `-` for standard input. `--help` has all, and examples.";

const EXAMPLES: &str = "\
Examples:
  fetchpdf links.txt                          every link of a list, into the current folder
  fetchpdf links.txt --output papers -j 16    into a folder, 16 at once
  fetchpdf https://www.rfc-editor.org/rfc/pdfrfc/rfc9110.txt.pdf
  grep -o 'https://[^ ]*[.]pdf' notes.md | fetchpdf
  fetchpdf compare --demo                     the four modes, side by side

Link lists, plain or compressed with gzip or Zstandard, known by their beginning:
  plain   one link a line, UTF-8, after a tab the name for its file; blank lines and lines that begin with `#` are skipped
  CSV     and TSV with a header: `--url-column`, `--name-column`, `--carry`
  JSONL   the same with fields; records of an earlier run are such a list, too: `--only failed`
  aria2   input files and sessions: several URLs of one file, `out=`, `dir=`, `checksum=sha-256=`, `header=`
  With `--extract`, any text, Markdown or HTML is a list.

Names:
  {name} {stem} {host} {path} {index} {line} {sha256} {date} {col.NAME}; a width pads numbers and shortens text, as in
  {index:06} or {sha256:12}, and `/` makes folders. Names are made safe, and none is taken from another file.

Hosts:
  At most 8 links of one host are fetched at once (`--per-host`), and pauses that it asks for are kept. Hosts that ask
  for more patience get it without a word: arxiv.org and export.arxiv.org, one at a time and 3 s between two starts.
  `--host arxiv.org:per-host=2` says otherwise.

Modes:
  sequential  one link after the other
  threads     a new OS thread for each link
  pool        a fixed pool of OS threads
  async       tokio tasks on a few threads: the default, and the one for long lists

Configuration:
  Every option may also stand in the environment, `--per-host` as FETCHPDF_PER_HOST=2, a flag such as `--quiet` as
  FETCHPDF_QUIET=1, or in the file `~/.config/fetchpdf/config.toml`, as `per-host = 2` and `quiet = true`. There, a table
  `[host.\"example.org\"]` has `per-host`, `wait`, `rate`, and `header` for that host alone.
  What the command line says counts most, then the environment, then the file.

Exit codes:
  0    every link is here
  1    some links failed, or the run ended early: a limit was reached, or the disk is full
  2    wrong usage, or the run itself could not be done
  130  interrupted by Ctrl-C; the same command again goes on from there";

/// Download every PDF of a list of links, check it, and say what became of it
#[derive(Debug, Parser)]
#[command(version, after_help = SHORT, after_long_help = EXAMPLES)]
#[command(args_conflicts_with_subcommands = true, args_override_self = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Subcommands>,
    /// Mode: sequential, threads, pool or async
    #[arg(
        short,
        long,
        value_enum,
        default_value_t,
        display_order = 0,
        hide_possible_values = true
    )]
    mode: Mode,
    /// Folder for the files
    #[arg(
        short,
        long,
        value_name = "DIR",
        default_value = ".",
        display_order = 0
    )]
    output: PathBuf,
    #[command(flatten)]
    run: RunArgs,
    #[command(flatten)]
    records: RecordArgs,
    #[command(flatten)]
    config: ConfigArgs,
}

#[derive(Debug, Subcommand)]
#[expect(clippy::large_enum_variant, reason = "there is one of them")]
enum Subcommands {
    /// Run a list once in each mode, and compare the times
    Compare {
        /// The modes to run, in this order
        #[arg(long, value_enum, value_delimiter = ',', default_values_t = Mode::value_variants().to_vec())]
        modes: Vec<Mode>,
        /// Keep the files, one folder for each mode [default: temporary folders]
        #[arg(short = 'o', long = "output", value_name = "DIR")]
        keep: Option<PathBuf>,
        /// Draw the chart into a file, too, as SVG
        #[arg(long, value_name = "FILE")]
        svg: Option<PathBuf>,
        #[command(flatten)]
        run: RunArgs,
    },
    /// Compare the files of an output folder with its journal
    Verify {
        /// The output folder
        #[arg(value_name = "DIR", default_value = ".")]
        verified: PathBuf,
        /// Fetch again what is missing, changed or no PDF; files that were changed stay as they are
        #[arg(long)]
        refetch: bool,
        /// Print no summary
        #[arg(short, long)]
        quiet: bool,
    },
    /// Print what makes a shell complete the options
    Completions {
        /// The shell
        #[arg(value_enum)]
        shell: Shell,
    },
    /// Print the manual page
    Man {
        /// The command to show the page of [default: fetchpdf itself]
        #[arg(value_name = "COMMAND")]
        page: Option<String>,
    },
}

/// The command line as clap knows it.
fn command() -> Command {
    let hide = |arg: Arg| {
        let is_short = IN_SHORT_HELP.contains(&arg.get_id().as_str());
        arg.hide_short_help(!is_short)
    };
    let command = Cli::command().mut_args(hide);
    command.mut_subcommands(|subcommand| subcommand.mut_args(hide))
}

/// Reads the command line. Where it is wrong or asks for help, prints that and ends the process.
///
/// # Errors
///
/// When a file that is named cannot be used, or the server of `--demo` not be started.
pub fn parse() -> anyhow::Result<Invocation> {
    let (matches, hosts) = config_file::matches(command())?;
    let mut cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let target = |mode, output, records| Target {
        mode,
        output,
        records,
        hosts,
    };
    Ok(match cli.command {
        None => {
            cli.run.refuse_late_command();
            let (quiet, dry_run) = (cli.run.quiet, cli.run.files.dry_run);
            let (log, inputs) = (cli.run.log(), cli.run.inputs()?);
            let target = target(cli.mode, cli.output, cli.records.options());
            let config = cli.run.config(inputs, target)?;
            let action = if dry_run { Action::DryRun } else { Action::Run };
            Invocation::new(action(config), quiet, log)
        }
        Some(Subcommands::Compare {
            mut run,
            modes,
            keep,
            svg,
        }) => {
            let (quiet, log, inputs) = (run.quiet, run.log(), run.inputs()?);
            let folders = Folders::new(keep)?;
            let first = modes.first().copied().unwrap_or_default();
            let target = target(first, folders.of(first), SinkOptions::default());
            let config = run.config(inputs, target)?;
            let action = Action::Compare {
                config,
                modes,
                folders,
                svg,
            };
            Invocation::new(action, quiet, log)
        }
        Some(Subcommands::Verify {
            verified,
            refetch,
            quiet,
        }) => {
            cli.run.quiet = quiet;
            let log = cli.run.log();
            let target = target(Mode::default(), verified.clone(), SinkOptions::default());
            let config = refetch.then(|| cli.run.config(Vec::new(), target));
            let config = config.transpose()?.map(Box::new);
            Invocation::new(Action::Verify(verified, config), quiet, log)
        }
        Some(Subcommands::Completions { shell }) => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut command(), "fetchpdf", &mut script);
            Invocation::to_print(&script)
        }
        Some(Subcommands::Man { page }) => Invocation::to_print(&manual(page.as_deref())?),
    })
}

/// The manual page of a command, or of fetchpdf itself.
fn manual(page: Option<&str>) -> anyhow::Result<Vec<u8>> {
    // a page has room for all
    let show = |arg: Arg| arg.hide_short_help(false);
    let mut all = command().mut_args(show);
    all = all.mut_subcommands(|subcommand| subcommand.mut_args(show));
    all.build();
    let wanted = match page {
        None => all,
        Some(name) => {
            let found = all.find_subcommand(name).cloned();
            let found = found.with_context(|| format!("there is no command `{name}`"))?;
            let name = format!("fetchpdf-{name}");
            found.name(name)
        }
    };
    let mut text = Vec::new();
    clap_mangen::Man::new(wanted).render(&mut text)?;
    Ok(text)
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
        id != "help" && command.get_arguments().all(|known| known.get_id() != id)
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
