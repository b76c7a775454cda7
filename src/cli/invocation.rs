//! What the command line asks for, and how it ends.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::commands::compare::{Comparison, Folders, Picture, compare};
use crate::commands::dry_run::dry_run;
use crate::commands::verify;
use crate::links::Input;
use crate::log;
use crate::mode::Mode;
use crate::report::{Print, Report};
use crate::run::{Config, run};

/// What the command line asks for.
#[derive(Debug)]
pub(super) enum Action {
    Run(Config),
    /// What a run would do.
    DryRun(Config),
    /// A run in each of these modes, each in a folder of its own.
    Compare {
        config: Config,
        modes: Vec<Mode>,
        folders: Folders,
        /// A file for the chart.
        svg: Option<PathBuf>,
    },
    /// A text that is to be printed.
    Print(String),
    /// A look at the files of an output folder. What is wrong is fetched again with this configuration, if there is one.
    Verify(PathBuf, Option<Box<Config>>),
}

/// What the command line asks for, and how.
#[derive(Debug)]
pub struct Invocation {
    action: Action,
    quiet: bool,
    log: log::Options,
}

/// What is left to say and to do when all is done.
#[derive(Debug)]
pub struct CommandOutcome {
    /// What became of it all.
    pub summary: String,
    /// Whether standard output is the place for it: otherwise records for programs are there.
    pub summary_on_stdout: bool,
    /// The exit code.
    pub code: u8,
    /// What went wrong with the run as a whole, although it was done.
    pub error: Option<String>,
}

impl CommandOutcome {
    fn new(summary: String, code: u8, error: Option<String>) -> Self {
        Self {
            summary,
            summary_on_stdout: true,
            code,
            error,
        }
    }
}

impl Invocation {
    pub(super) fn new(action: Action, quiet: bool, log: log::Options) -> Self {
        Self { action, quiet, log }
    }

    /// An invocation that prints a text in UTF-8.
    pub(super) fn to_print(text: &[u8]) -> Self {
        let text = String::from_utf8_lossy(text).into_owned();
        Self::new(Action::Print(text), false, log::Options::default())
    }

    /// Does what is asked for.
    ///
    /// # Errors
    ///
    /// When it cannot be done at all.
    pub fn run(self) -> anyhow::Result<CommandOutcome> {
        if let Action::Run(config) | Action::DryRun(config) | Action::Compare { config, .. } =
            &self.action
        {
            keep_lists_apart(config, self.log.file.as_deref())?;
        }
        log::start(&self.log)?;
        let outcome = match self.action {
            Action::Run(config) => CommandOutcome {
                summary_on_stdout: config.records.print == Print::Summary,
                ..run(&config)?.into()
            },
            Action::DryRun(config) => {
                let intent = dry_run(&config)?;
                CommandOutcome {
                    summary_on_stdout: false,
                    ..CommandOutcome::new(intent.to_string(), intent.exit_code(), intent.list_error)
                }
            }
            Action::Print(text) => CommandOutcome::new(text, 0, None),
            Action::Compare {
                config,
                modes,
                folders,
                svg,
            } => compare_into(&config, &modes, &folders, svg.as_deref())?,
            Action::Verify(output, refetch) => verify(&output, refetch.map(|config| *config))?,
        };
        let summary = if self.quiet {
            String::new()
        } else {
            outcome.summary
        };
        Ok(CommandOutcome { summary, ..outcome })
    }
}

/// Compares modes, and draws the chart into the file `svg` if there is one.
fn compare_into(
    config: &Config,
    modes: &[Mode],
    folders: &Folders,
    svg: Option<&Path>,
) -> anyhow::Result<CommandOutcome> {
    let name = |path: &Path| format!("cannot write `{}`", path.display());
    // before hours are spent on what cannot be kept
    let file = svg.map(|path| File::create(path).with_context(|| name(path)));
    let file = file.transpose()?;
    let comparison = compare(config, modes, folders)?;
    if let (Some(path), Some(mut file)) = (svg, file) {
        write!(file, "{}", Picture(&comparison)).with_context(|| name(path))?;
    }
    Ok(comparison.into())
}

/// Refuses to write where a list is read from: that would be emptied before, or never end.
fn keep_lists_apart(config: &Config, log: Option<&Path>) -> anyhow::Result<()> {
    let lists = config.inputs.iter().filter_map(|input| match input {
        Input::List(path) => path.canonicalize().ok(),
        Input::Stdin | Input::Url(_) => None,
    });
    let mut read: Vec<_> = lists.collect();
    let records = &config.records;
    for path in [records.report.as_deref(), records.errors.as_deref(), log] {
        let Some(path) = path else { continue };
        // what is not there yet is no list, but may be named twice
        let whole = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        anyhow::ensure!(
            !read.contains(&whole),
            "`{}` is a list of this run, or written twice: name another file",
            path.display()
        );
        read.push(whole);
    }
    Ok(())
}

impl From<Report> for CommandOutcome {
    fn from(report: Report) -> Self {
        Self::new(report.to_string(), report.exit_code(), report.list_error)
    }
}

impl From<Comparison> for CommandOutcome {
    fn from(comparison: Comparison) -> Self {
        let mut errors = comparison.reports.iter();
        let error = errors.find_map(|report| report.list_error.clone());
        Self::new(comparison.to_string(), comparison.exit_code(), error)
    }
}

/// Looks at the files of a folder, and says what is wrong with them.
fn verify(output: &Path, refetch: Option<Config>) -> anyhow::Result<CommandOutcome> {
    let findings = verify::verify(output)?;
    for finding in &findings.bad {
        let _ = writeln!(std::io::stderr(), "{finding}");
    }
    let (summary, code) = (findings.to_string(), findings.exit_code());
    match refetch.filter(|_| code != 0) {
        None => Ok(CommandOutcome::new(summary, code, None)),
        Some(config) => {
            let outcome = CommandOutcome::from(run(&findings.refetch(config))?);
            Ok(CommandOutcome {
                summary: format!("{summary}\n{}", outcome.summary),
                ..outcome
            })
        }
    }
}
