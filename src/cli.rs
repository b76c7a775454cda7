//! The command line: what users write, turned into what a run needs to know. Knows nothing of how things are done.

mod files;
pub(crate) mod hiding;
mod http;
mod lists;
mod records;
mod request;
mod run;
mod settings;
mod values;

use std::path::PathBuf;

use anyhow::Context;
use clap::{Arg, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::links::Input;
use crate::mode::Mode;
use records::RecordArgs;
use request::Command;
pub use request::{Ending, Request};
use run::RunArgs;
use settings::SettingsArgs;

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
    /// How: sequential, threads, pool or async
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
    records: RecordArgs,
    #[command(flatten)]
    settings: SettingsArgs,
    // last: the headings of its groups would be those of what follows
    #[command(flatten)]
    run: RunArgs,
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
        output: PathBuf,
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
        /// The command whose page is wanted [default: fetchpdf itself]
        command: Option<String>,
    },
}

/// Reads the command line. Where it is wrong or asks for help, prints that and ends the process.
///
/// # Errors
///
/// When the server of `--demo` cannot be started.
pub fn parse() -> anyhow::Result<Request> {
    let (matches, hosts) = settings::matches(Cli::command())?;
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    if cli.command.is_none() {
        cli.run.names_no_command();
    }
    Ok(match cli.command {
        None => {
            let (quiet, dry) = (cli.run.quiet, cli.run.files.dry_run);
            let log = cli.run.log();
            let records = cli.records.options();
            let config = cli.run.config(cli.mode, cli.output, hosts)?;
            let config = config.with_records(records);
            let command = if dry { Command::DryRun } else { Command::Run };
            Request {
                quiet,
                log,
                command: command(config),
            }
        }
        Some(Subcommands::Compare {
            run,
            modes,
            keep,
            svg,
        }) => {
            // each run gets its own mode and folder
            let (quiet, log) = (run.quiet, run.log());
            let config = run.config(Mode::default(), PathBuf::new(), hosts)?;
            Request {
                quiet,
                log,
                command: Command::Compare {
                    config,
                    modes,
                    keep,
                    svg,
                },
            }
        }
        Some(Subcommands::Verify {
            output,
            refetch,
            quiet,
        }) => {
            // the links come from the journal
            let mut run = cli.run;
            run.links = vec![Input::Stdin];
            run.quiet = quiet;
            let log = run.log();
            let config = refetch
                .then(|| run.config(Mode::default(), output.clone(), hosts))
                .transpose()?;
            Request {
                quiet,
                log,
                command: Command::Verify(output, config.map(Box::new)),
            }
        }
        Some(Subcommands::Completions { shell }) => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "fetchpdf", &mut script);
            Request::to_print(&script)
        }
        Some(Subcommands::Man { command }) => Request::to_print(&manual(command.as_deref())?),
    })
}

/// The manual page of a command, or of fetchpdf itself.
fn manual(command: Option<&str>) -> anyhow::Result<Vec<u8>> {
    // a page has room for all
    let show = |arg: Arg| arg.hide_short_help(false);
    let mut all = Cli::command().mut_args(show);
    all = all.mut_subcommands(|subcommand| subcommand.mut_args(show));
    all.build();
    let wanted = match command {
        None => all,
        Some(name) => {
            let found = all.find_subcommand(name).cloned();
            let found = found.with_context(|| format!("there is no command `{name}`"))?;
            let name = format!("fetchpdf-{name}");
            found.name(name)
        }
    };
    let mut page = Vec::new();
    clap_mangen::Man::new(wanted).render(&mut page)?;
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
