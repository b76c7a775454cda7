//! What the command line asks for, and how it ends.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::compare::{Comparison, Picture, compare};
use crate::dry_run::dry_run;
use crate::links::Input;
use crate::mode::Mode;
use crate::report::{Print, Report};
use crate::{Config, log};

/// What the command line asks for.
#[derive(Debug)]
pub(super) enum Command {
    Run(Config),
    /// What a run would do.
    DryRun(Config),
    /// A run in each of these modes, in folders that are kept if one is given.
    Compare {
        config: Config,
        modes: Vec<Mode>,
        keep: Option<PathBuf>,
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
pub struct Request {
    pub(super) command: Command,
    pub(super) quiet: bool,
    pub(super) log: log::Options,
}

/// What is left to say and to do when all is done.
#[derive(Debug)]
pub struct Ending {
    /// What became of it all.
    pub summary: String,
    /// Whether standard output is the place for it: otherwise records for programs are there.
    pub summary_on_stdout: bool,
    /// The exit code.
    pub code: u8,
    /// What went wrong with the run as a whole, although it was done.
    pub error: Option<String>,
}

impl Request {
    /// A request to print a text in UTF-8.
    pub(super) fn to_print(text: &[u8]) -> Self {
        Self {
            command: Command::Print(String::from_utf8_lossy(text).into_owned()),
            quiet: false,
            log: log::Options::default(),
        }
    }

    /// Does what is asked for.
    ///
    /// # Errors
    ///
    /// When it cannot be done at all.
    pub fn run(self) -> anyhow::Result<Ending> {
        if let Command::Run(config) | Command::DryRun(config) | Command::Compare { config, .. } =
            &self.command
        {
            keep_lists_apart(config, self.log.file.as_deref())?;
        }
        log::start(&self.log)?;
        let ending = match self.command {
            Command::Run(config) => Ending {
                summary_on_stdout: config.records.print == Print::Summary,
                ..crate::run(&config)?.into()
            },
            Command::DryRun(config) => {
                let intent = dry_run(&config)?;
                Ending {
                    summary: intent.to_string(),
                    summary_on_stdout: false,
                    code: intent.exit_code(),
                    error: intent.list_error,
                }
            }
            Command::Print(text) => Ending {
                summary: text,
                summary_on_stdout: true,
                code: 0,
                error: None,
            },
            Command::Compare {
                config,
                modes,
                keep,
                svg,
            } => {
                let name = |path: &PathBuf| format!("cannot write `{}`", path.display());
                // before hours are spent on what cannot be kept
                let file = svg
                    .as_ref()
                    .map(|path| File::create(path).with_context(|| name(path)));
                let file = file.transpose()?;
                let comparison = compare(&config, &modes, keep.as_deref())?;
                if let (Some(path), Some(mut file)) = (&svg, file) {
                    write!(file, "{}", Picture(&comparison)).with_context(|| name(path))?;
                }
                comparison.into()
            }
            Command::Verify(output, refetch) => verify(&output, refetch.map(|config| *config))?,
        };
        let summary = if self.quiet {
            String::new()
        } else {
            ending.summary
        };
        Ok(Ending { summary, ..ending })
    }
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

impl From<Report> for Ending {
    fn from(report: Report) -> Self {
        Self {
            summary: report.to_string(),
            summary_on_stdout: true,
            code: report.exit_code(),
            error: report.list_error,
        }
    }
}

impl From<Comparison> for Ending {
    fn from(comparison: Comparison) -> Self {
        let error = comparison
            .reports
            .iter()
            .find_map(|report| report.list_error.clone());
        Self {
            summary: comparison.to_string(),
            summary_on_stdout: true,
            code: comparison.exit_code(),
            error,
        }
    }
}

/// Looks at the files of a folder, and says what is wrong with them.
fn verify(output: &Path, refetch: Option<Config>) -> anyhow::Result<Ending> {
    let findings = crate::verify::verify(output)?;
    for finding in &findings.bad {
        let _ = writeln!(std::io::stderr(), "{finding}");
    }
    let (summary, code) = (findings.to_string(), findings.exit_code());
    match refetch.filter(|_| code != 0) {
        None => Ok(Ending {
            summary,
            summary_on_stdout: true,
            code,
            error: None,
        }),
        Some(config) => {
            let ending = Ending::from(crate::run(&findings.refetch(config))?);
            Ok(Ending {
                summary: format!("{summary}\n{}", ending.summary),
                ..ending
            })
        }
    }
}
