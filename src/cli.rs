//! The command line: what users write, turned into what a run needs to know. Knows nothing of how things are done.

mod files;
pub(crate) mod hiding;
mod http;
mod lists;
mod request;
mod settings;
mod values;

use std::collections::HashMap;
use std::io::IsTerminal;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::error::ErrorKind;
use clap::{Arg, ArgAction, Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::links::Input;
use crate::mode::Mode;
use crate::queue::policy::{DEFAULT_PER_HOST, HostLimits, Limiting, Limits, Rate, duration};
use crate::report::{OutputOptions, Print};
use crate::retry::{DEFAULT_RETRIES, RetryPolicy};
use crate::stop::Failures;
use crate::{Config, demo, fetch, log, progress, stop};
use files::FileArgs;
use http::HttpArgs;
use lists::ListArgs;
use request::Command;
pub use request::{Ending, Request};
use settings::{HostSettings, SettingsArgs};
use values::{jobs, limit, size};

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

#[derive(Debug, Args)]
struct RecordArgs {
    /// What standard output is for; what is not the summary makes it go to standard error
    #[arg(
        long,
        value_enum,
        default_value_t,
        hide_short_help = true,
        help_heading = "Output for programs"
    )]
    print: Print,
    /// Print the record of each link as it ends, as NDJSON: the same as `--print json`
    #[arg(
        long,
        conflicts_with = "print",
        hide_short_help = true,
        help_heading = "Output for programs"
    )]
    json: bool,
    /// End each path with NUL, for `xargs -0`; implies `--print paths`
    #[arg(
        short = '0',
        long,
        conflicts_with = "json",
        hide_short_help = true,
        help_heading = "Output for programs"
    )]
    null: bool,
    /// Write the records of this run to a file: CSV if its name says so, else NDJSON
    #[arg(
        long,
        value_name = "FILE",
        hide_short_help = true,
        help_heading = "Output for programs"
    )]
    report: Option<PathBuf>,
    /// Write the links that failed to a file, as a list with the reasons as comments
    #[arg(
        long,
        value_name = "FILE",
        hide_short_help = true,
        help_heading = "Output for programs"
    )]
    error_file: Option<PathBuf>,
}

impl RecordArgs {
    fn options(self) -> OutputOptions {
        let print = match self.print {
            _ if self.json => Print::Json,
            Print::Summary if self.null => Print::Paths,
            print => print,
        };
        OutputOptions {
            print,
            null: self.null,
            report: self.report,
            errors: self.error_file,
            columns: Vec::new(),
        }
    }
}

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
struct RunArgs {
    /// Link lists, URLs, or `-` for standard input, the default in a pipe
    #[arg(value_name = "LINKS", hide_short_help = true)]
    links: Vec<Input>,
    /// Fetch ten sample PDFs from a slow built-in server instead
    #[arg(long, conflicts_with = "links", hide_short_help = true)]
    demo: bool,
    /// Links at once [default: 64, or 16 in threads and pool]
    #[arg(short, long, value_name = "N", value_parser = jobs)]
    jobs: Option<NonZeroUsize>,
    /// Links of one host at once [default: 8, none on loopback]
    ///
    /// 0 is no limit.
    #[arg(long, value_name = "N")]
    per_host: Option<u32>,
    /// Time between two starts at one host
    #[arg(long, value_name = "TIME", default_value = "0", value_parser = duration, hide_short_help = true, help_heading = "Hosts")]
    wait: Duration,
    /// Spread `--wait` by half to one and a half
    #[arg(long, hide_short_help = true, help_heading = "Hosts")]
    random_wait: bool,
    /// At most so many starts at one host in a time, such as `5/15s`
    #[arg(
        long,
        value_name = "N/TIME",
        hide_short_help = true,
        help_heading = "Hosts"
    )]
    rate: Option<Rate>,
    /// Limits of one host, such as `example.org:per-host=2,wait=1s,rate=5/15s`; may be given several times
    #[arg(
        long,
        value_name = "HOST:LIMITS",
        hide_short_help = true,
        help_heading = "Hosts"
    )]
    host: Vec<HostLimits>,
    /// Tries after the first one
    #[arg(long, value_name = "N", default_value_t = DEFAULT_RETRIES)]
    retry: u32,
    /// Longest first pause; it doubles from try to try
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = duration, hide_short_help = true, help_heading = "Patience")]
    retry_delay: Duration,
    /// Give up connecting after this time; 0 never does
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = limit, hide_short_help = true, help_heading = "Patience")]
    connect_timeout: Duration,
    /// Give up waiting for an answer after this time; 0 never does
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = limit, hide_short_help = true, help_heading = "Patience")]
    first_byte_timeout: Duration,
    /// Give up a transfer in which nothing comes for this time; 0 never does
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = limit, hide_short_help = true, help_heading = "Patience")]
    stall_timeout: Duration,
    /// A server that asks for a longer pause than this is not waited for
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration, hide_short_help = true, help_heading = "Patience")]
    retry_max_wait: Duration,
    /// Give up a link after this time, retries included [default: never]
    #[arg(long, value_name = "TIME", value_parser = duration, hide_short_help = true, help_heading = "Patience")]
    max_time: Option<Duration>,
    /// Give up a transfer that is slower, in bytes a second over the stall timeout [default: never]
    #[arg(long, value_name = "SIZE", value_parser = size, hide_short_help = true, help_heading = "Patience")]
    min_speed: Option<u64>,
    /// Largest file that is taken
    #[arg(long, value_name = "SIZE", default_value = "1G", value_parser = size, hide_short_help = true)]
    max_filesize: u64,
    /// Bytes a second for the whole run, at most
    #[arg(long, value_name = "SIZE", value_parser = size, hide_short_help = true, help_heading = "Limits of the run")]
    limit_rate: Option<u64>,
    /// End the run after so many failures, or a share of them such as `5%`
    #[arg(
        long,
        value_name = "N|P%",
        hide_short_help = true,
        help_heading = "Limits of the run"
    )]
    max_failures: Option<Failures>,
    /// End the run after this time
    #[arg(long, value_name = "TIME", value_parser = duration, hide_short_help = true, help_heading = "Limits of the run")]
    max_total_time: Option<Duration>,
    /// End the run after so many new files
    #[arg(
        long,
        value_name = "N",
        hide_short_help = true,
        help_heading = "Limits of the run"
    )]
    max_downloads: Option<u64>,
    /// End the run after so many bytes of new files
    #[arg(long, value_name = "SIZE", value_parser = size, hide_short_help = true, help_heading = "Limits of the run")]
    quota: Option<u64>,
    /// Fetch only https links
    #[arg(long, hide_short_help = true, help_heading = "Safety")]
    https_only: bool,
    /// Follow redirects from https to http
    #[arg(long, hide_short_help = true, help_heading = "Safety")]
    allow_downgrade: bool,
    /// Refuse hosts that are not on the public internet: for lists of strangers; no proxy is used then
    #[arg(long, hide_short_help = true, help_heading = "Safety")]
    deny_private: bool,
    /// How progress is shown
    #[arg(
        long,
        value_enum,
        default_value_t,
        value_name = "STYLE",
        hide_short_help = true,
        help_heading = "Output"
    )]
    progress: progress::Style,
    /// Show no progress and no summary, only failures
    #[arg(short, long)]
    quiet: bool,
    /// Tell of saved files and retries, too; `-vv` of requests
    #[arg(short, long, action = ArgAction::Count)]
    verbose: u8,
    /// Append what `-v` tells to a file, with times, and leave the terminal alone
    #[arg(
        long,
        value_name = "FILE",
        hide_short_help = true,
        help_heading = "Output"
    )]
    log: Option<PathBuf>,
    /// When to use colors; `NO_COLOR` counts, too
    #[arg(
        long,
        value_enum,
        default_value_t,
        value_name = "WHEN",
        hide_short_help = true,
        help_heading = "Output"
    )]
    color: Color,
    #[command(flatten)]
    lists: ListArgs,
    #[command(flatten)]
    files: FileArgs,
    #[command(flatten)]
    http: HttpArgs,
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
            let run = RunArgs {
                links: vec![Input::Stdin],
                quiet,
                ..cli.run
            };
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

/// When to use colors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Color {
    /// On a terminal
    #[default]
    Auto,
    /// Also in a pipe or a file
    Always,
    /// Not at all
    Never,
}

impl RunArgs {
    /// What is told besides results. From here on, colors are as they are wanted.
    fn log(&self) -> log::Options {
        if self.color != Color::Auto {
            console::set_colors_enabled(self.color == Color::Always);
            console::set_colors_enabled_stderr(self.color == Color::Always);
        }
        log::Options {
            verbosity: self.verbose,
            file: self.log.clone(),
        }
    }

    /// Ends the process if a command stands behind options, where it would be a list.
    fn names_no_command(&self) {
        let Some(Input::List(path)) = self.links.first() else {
            return;
        };
        let command = Cli::command();
        let meant = path.to_str().and_then(|name| command.find_subcommand(name));
        if let Some(meant) = meant.filter(|_| !path.exists()) {
            let name = meant.get_name();
            let message = format!("options stand behind a command: `fetchpdf {name} …`");
            Cli::command()
                .error(ErrorKind::ArgumentConflict, message)
                .exit()
        }
    }

    /// What a run needs to know. What the options say about a host counts more than what is among `hosts`.
    fn config(
        self,
        mode: Mode,
        output: PathBuf,
        hosts: Vec<HostSettings>,
    ) -> anyhow::Result<Config> {
        let (mut limits, mut headers) = (HashMap::new(), HashMap::new());
        for host in hosts {
            limits.extend(host.limits.map(|limits| (host.name.clone(), limits)));
            headers.insert(host.name, host.headers);
        }
        limits.extend(
            self.host
                .into_iter()
                .map(|limits| (limits.name.clone(), limits)),
        );
        let inputs = match (self.demo, self.links) {
            (true, _) => demo::Server::start()?.links(),
            (false, links) if !links.is_empty() => links,
            (false, _) if !std::io::stdin().is_terminal() => vec![Input::Stdin],
            (false, _) => {
                let message = "no links: name a list, a URL or `-`, or try `--demo`";
                Cli::command()
                    .error(ErrorKind::MissingRequiredArgument, message)
                    .exit()
            }
        };
        Ok(Config {
            inputs,
            lists: self.lists.options(self.files.template()),
            output,
            mode,
            jobs: self.jobs,
            hosts: Limiting {
                limits: Limits {
                    per_host: self.per_host.unwrap_or(DEFAULT_PER_HOST),
                    wait: self.wait,
                    random_wait: self.random_wait,
                    rate: self.rate,
                },
                per_host_is_said: self.per_host.is_some(),
                hosts: limits,
            },
            limits: stop::Limits {
                failures: self.max_failures,
                time: self.max_total_time,
                downloads: self.max_downloads,
                bytes: self.quota,
            },
            fetch: fetch::Options {
                retry: RetryPolicy {
                    retries: self.retry,
                    delay: self.retry_delay,
                    max_wait: self.retry_max_wait,
                },
                connect_timeout: self.connect_timeout,
                first_byte_timeout: self.first_byte_timeout,
                stall_timeout: self.stall_timeout,
                max_time: self.max_time,
                min_speed: self.min_speed,
                max_filesize: self.max_filesize,
                limit_rate: self.limit_rate,
                sha256: self.files.need_hash(),
                dedupe: self.files.dedupe,
                remote_time: self.files.remote_time,
                https_only: self.https_only,
                allow_downgrade: self.allow_downgrade,
                deny_private: self.deny_private,
                proxy: !self.demo,
                access: self.http.access(headers)?,
            },
            hook: self.files.exec.clone(),
            plan: self.files.options(),
            records: OutputOptions::default(),
            progress: if self.quiet {
                progress::Style::None
            } else {
                self.progress
            },
            forget: Vec::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
