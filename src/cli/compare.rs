//! Options of `compare`, and what others mean there.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::error::ErrorKind;
use clap::{Arg, Args, Command};

use super::buckets;
use super::config_file::Tables;
use super::invocation::Action;
use super::refusal::refuse;
use super::run::RunArgs;
use super::secrets::Arguments;
use super::values::{Jobs, several_jobs, written_as};
use crate::commands::compare::{DEFAULT_AT_ONCE, Folders, ModeAt, Options, rows};
use crate::mode::Mode;
use crate::progress::Style;
use crate::report::SinkOptions;
use crate::run::Config;
use crate::store::Layout;

/// More runs than this would be a typing error.
const MOST_RUNS: usize = 1000;

/// Options of a run that change nothing in a comparison, or cannot be used with it.
const WITHOUT_EFFECT: [&str; 6] = [
    "dry_run",
    "skip_existing",
    "update",
    "overwrite",
    "carry",
    "carry_line",
];

#[derive(Debug, Args)]
pub(super) struct CompareArgs {
    /// Modes to run, in this order; `MODE:N` is a mode with N links at once, instead of `--jobs`
    #[arg(
        long,
        alias = "mode",
        short_alias = 'm',
        value_name = "MODE[:N]",
        value_delimiter = ','
    )]
    #[arg(default_value = "sequential,threads,pool,async")]
    modes: Vec<ModeAt>,
    /// Runs of each mode, in turn: the median counts, and the shortest and longest time are shown
    #[arg(long, value_name = "N", default_value = "1", value_parser = runs)]
    runs: usize,
    /// Keep the files, in one folder per mode [default: temporary folders]
    #[arg(short = 'o', long = "output", value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Write the chart, and who ran which link when, to this file as SVG; `-` is standard output
    #[arg(long, value_name = "FILE", value_parser = written_as("svg"))]
    svg: Option<PathBuf>,
    // not the id of the option of a run, whose meaning in a configuration file is another one
    /// Print the result as a JSON object instead of tables
    #[arg(id = "compare_json", long = "json")]
    json: bool,
}

/// What `compare` is asked for.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) config: Config,
    pub(super) options: Options,
    svg: Option<PathBuf>,
    pub(super) json: bool,
}

impl Asked {
    /// Whether the picture goes to standard output.
    pub(super) fn prints_picture(&self) -> bool {
        self.svg.as_deref().is_some_and(is_stdout)
    }

    /// The file that it goes to, if it is written to one.
    pub(super) fn picture_file(&self) -> Option<&Path> {
        self.svg.as_deref().filter(|path| !is_stdout(path))
    }

    /// The folders that it writes to.
    pub(super) fn outputs(&self) -> impl Iterator<Item = PathBuf> {
        let Options {
            rows,
            runs,
            folders,
            ..
        } = &self.options;
        (1..=*runs).flat_map(move |run| {
            let of = move |row| folders.of(row, rows, (run, *runs));
            rows.iter().copied().map(of)
        })
    }
}

/// The arguments of `compare` as its help has them.
pub(super) fn adapt(compare: Command) -> Command {
    let jobs = |jobs: Arg| {
        jobs.value_name("N[,N]…")
            .help("Links to fetch at once in all modes but `sequential`; compares several numbers [default: 16]")
            .value_parser(several_jobs)
    };
    let hide = |compare: Command, id| compare.mut_arg(id, |arg| arg.hide(true));
    let compare = WITHOUT_EFFECT.into_iter().fold(compare, hide);
    compare.mut_arg("jobs", jobs)
}

impl CompareArgs {
    /// Ends the process if nothing is to be fetched, or if two results are to be printed.
    fn refuse_conflicts(&self, run: &RunArgs) {
        let message = if run.files.dry_run {
            "`--dry-run` cannot be used with `compare`, which times real downloads: \
             for what a run would do, leave out `compare`: `fetchpdf --dry-run …`"
        } else if self.json && self.svg.as_deref().is_some_and(is_stdout) {
            "`--json` and `--svg -` both print on standard output: name a file for the picture"
        } else {
            return;
        };
        refuse(ErrorKind::ArgumentConflict, message)
    }

    /// What to do: the comparison, or the one run that this process has been started for by one.
    ///
    /// # Errors
    ///
    /// When a file named by an option cannot be used, or the server of `--demo` cannot be started.
    pub(super) fn action(
        self,
        mut run: RunArgs,
        arguments: Arguments,
        tables: Tables,
    ) -> anyhow::Result<Action> {
        self.refuse_conflicts(&run);
        if let Some(order) = arguments.order {
            let (mode, at_once, output) = order.run();
            let relays = order.relays;
            run.take_links(order.inputs());
            let layout = Layout::new(output, None);
            let config = run.config(mode, layout, SinkOptions::default(), tables)?;
            let progress = if relays {
                Style::Relayed
            } else {
                config.progress
            };
            return Ok(Action::OrderedRun(Box::new(Config {
                jobs: Some(at_once),
                progress,
                ..config
            })));
        }
        run.complete_links()?;
        let keep = self.keep.map(|keep| buckets::folder(keep, "compare"));
        let folders = Folders::new(keep)?;
        let numbers = run.jobs.clone().unwrap_or(Jobs::one(DEFAULT_AT_ONCE));
        let (is_quiet, is_verbose) = (run.quiet > 0, run.verbose > 0);
        let options = Options {
            rows: rows(&self.modes, numbers.all()),
            runs: self.runs,
            folders,
            arguments: arguments.all,
            is_quiet,
            has_bars: !is_quiet && run.display.progress.has_bars(),
            is_verbose,
        };
        let first = options.rows.first().context("no modes to compare")?;
        let output = options.folders.of(*first, &options.rows, (1, self.runs));
        let (mode, layout) = (Mode::default(), Layout::new(output, None));
        let config = run.config(mode, layout, SinkOptions::default(), tables)?;
        Ok(Action::Compare(Box::new(Asked {
            config,
            options,
            svg: self.svg,
            json: self.json,
        })))
    }
}

/// Whether a file is standard output.
fn is_stdout(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// A number of runs.
fn runs(text: &str) -> Result<usize, String> {
    let runs: Option<NonZeroUsize> = text.parse().ok();
    let runs = runs
        .map(NonZeroUsize::get)
        .filter(|runs| *runs <= MOST_RUNS);
    runs.ok_or_else(|| format!("must be a number from 1 to {MOST_RUNS}"))
}
