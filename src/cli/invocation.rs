//! What the command line asks for, and how to carry it out.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::buckets::Place;
use super::compare::Asked;
use super::origins::Origins;
use crate::bucket;
use crate::commands::compare::{self, Picture, PictureFile, compare};
use crate::commands::dry_run::dry_run;
use crate::commands::landing::landing;
use crate::commands::resolve::resolve;
use crate::commands::{demo, merge, records, report, verify};
use crate::links::Input;
use crate::output::stdout;
use crate::report::{Print, Report, SinkOptions, is_whole, tell_of_stdout};
use crate::run::{Config, run};
use crate::stop;
use crate::store::Layout;
use crate::system::identity;
use crate::system::limits::explained;
use crate::text::{cut, io_message, printable, wrapped};
use crate::{log, screen};

/// How much of an error is printed, in characters.
const LONGEST_ERROR: usize = 4000;

/// What to do.
#[derive(Debug)]
pub(super) enum Action {
    Run(Config),
    /// Print what a run would do.
    DryRun(Config),
    /// Run in several modes.
    Compare(Box<Asked>),
    /// Run once, for a comparison in another process.
    OrderedRun(Box<Config>),
    /// Show what would be followed on a page, as JSON or for people.
    Landing(Config, bool),
    /// Print the last record of each link in these folders and files, or write them to a file.
    Merge(Vec<PathBuf>, Option<PathBuf>),
    /// Print the summary of the records in these folders and files, or write a page about them to a file.
    Report(Vec<PathBuf>, Option<PathBuf>),
    /// Print what sources say about identifiers.
    Resolve(Config),
    /// Print a text in UTF-8.
    Print(Vec<u8>),
    /// Serve this number of sample PDFs until interrupted.
    Serve(NonZeroUsize),
    /// Check the files of an output folder or bucket.
    Verify(Check),
}

/// What to check.
#[derive(Debug)]
pub(super) struct Check {
    pub(super) place: Place,
    /// How a bucket is reached, and whether its objects are read; none for a folder.
    pub(super) bucket: Option<(bucket::Options, bool)>,
    /// With this, bad files are fetched again.
    pub(super) refetch: Option<Box<Config>>,
}

/// A parsed command line.
#[derive(Debug)]
pub struct Invocation {
    pub(super) action: Action,
    /// Whether to print no summary.
    pub(super) quiet: bool,
    /// Whether it ends when the process that started it does.
    pub(super) dies_with_parent: bool,
    pub(super) log: log::Options,
    /// Where its options come from.
    pub(super) origins: Origins,
    /// What has no effect.
    pub(super) warnings: Vec<String>,
    /// The files besides lists that it reads.
    pub(super) reads: Vec<PathBuf>,
}

/// The result of an [`Invocation`].
#[derive(Debug)]
pub struct CommandOutcome {
    /// The text to print.
    pub summary: String,
    /// Whether to print it to standard output, which records for programs do not share.
    pub summary_on_stdout: bool,
    /// The exit code.
    pub code: u8,
    /// An error that did not prevent the result, such as a list that could not be read to its end.
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

    /// The outcome of something that could not be done.
    pub fn impossible(error: &anyhow::Error) -> Self {
        Self::new(String::new(), 2, Some(format!("{error:#}")))
    }

    /// Prints the summary and the error, and returns the exit code: at least 1 if something could not be written. A closed
    /// standard output does not change what the summary says.
    pub fn print(self) -> u8 {
        // messages come before the summary, although they go to another stream
        let mut whole = log::finish();
        if self.summary_on_stdout {
            tell_of_stdout();
            stdout().push(self.summary.as_bytes());
            whole &= is_whole(stdout().finish());
        } else {
            log::print(&self.summary);
        }
        if let Some(error) = self.error {
            // lines of the configuration may be quoted, and parts of lists
            let error = cut(&error, LONGEST_ERROR);
            for line in format!("error: {error}").lines() {
                log::tell(&printable(line));
            }
        }
        let least = u8::from(!(log::finish() && whole));
        self.code.max(least)
    }
}

impl From<Report> for CommandOutcome {
    fn from(report: Report) -> Self {
        Self::new(report.to_string(), report.exit_code(), report.list_error)
    }
}

impl Invocation {
    /// Carries out the action.
    ///
    /// # Errors
    ///
    /// When there is no result. Failures of links are part of the result.
    pub fn run(self) -> anyhow::Result<CommandOutcome> {
        self.action
            .keep_files_apart(&self.reads, self.log.file.as_deref())?;
        log::start(&self.log)?;
        if matches!(self.action, Action::Compare(_)) {
            compare::refuse_pipes(self.reads.iter().map(PathBuf::as_path))?;
        }
        let ignores_quiet = self.action.ignores_quiet();
        self.origins.tell();
        for warning in &self.warnings {
            tracing::warn!("warning: {warning}");
        }
        if !matches!(self.action, Action::Print(_)) {
            let listening = stop::hear_signals().map_err(explained);
            listening.context("cannot start a thread that listens to signals")?;
        }
        if self.dies_with_parent {
            let watching = stop::end_with_parent(!self.action.reads_stdin()).map_err(explained);
            watching.context("cannot start a thread that watches the parent process")?;
        }
        let mut outcome = match self.action {
            Action::Run(config) => CommandOutcome {
                summary_on_stdout: config.records.print == Print::Summary,
                ..run(&config)?.into()
            },
            Action::DryRun(config) => {
                let intent = dry_run(&config)?;
                CommandOutcome {
                    summary_on_stdout: false,
                    ..CommandOutcome::new(
                        intent.to_string(),
                        intent.exit_code(config.fail_on),
                        intent.list_error,
                    )
                }
            }
            Action::Landing(config, json) => {
                let view = landing(&config)?;
                let text = if json { view.json() } else { view.to_string() };
                CommandOutcome::new(text, view.exit_code(), None)
            }
            Action::Merge(inputs, file) => {
                let merged = merge::merge(&inputs, file.as_deref())?;
                CommandOutcome {
                    summary_on_stdout: file.is_some(),
                    ..CommandOutcome::new(merged.to_string(), merged.exit_code(), None)
                }
            }
            Action::Report(inputs, html) => {
                CommandOutcome::new(report::report(&inputs, html.as_deref())?, 0, None)
            }
            Action::Resolve(config) => {
                let resolved = resolve(&config)?;
                let (code, error) = (resolved.exit_code(), resolved.list_error);
                CommandOutcome::new(String::new(), code, error)
            }
            Action::Print(text) => CommandOutcome::new(String::from_utf8(text)?, 0, None),
            Action::Serve(documents) => {
                demo::serve_until_stopped(documents, self.quiet)?;
                CommandOutcome::new(String::new(), 0, None)
            }
            Action::Compare(asked) => compare_as(&asked)?,
            Action::OrderedRun(config) => CommandOutcome::new(compare::run_one(*config)?, 0, None),
            Action::Verify(check) => verify(check, self.log.is_silent)?,
        };
        if self.quiet && !ignores_quiet {
            outcome.summary.clear();
        }
        Ok(outcome)
    }
}

/// Compares modes, and writes the picture. If that goes to standard output, the tables go to standard error.
fn compare_as(asked: &Asked) -> anyhow::Result<CommandOutcome> {
    let failed = |path: &Path| format!("cannot write `{}`", path.display());
    let path = asked.picture_file();
    // fails before hours are spent on a picture that cannot be written
    let file = path.map(|path| PictureFile::open(path).with_context(|| failed(path)));
    let file = file.transpose()?;
    let comparison = compare(&asked.config, &asked.options)?;
    let picture = (!comparison.results.is_empty()).then_some(Picture(&comparison));
    let mut lost_picture = false;
    if let (Some(path), Some(file), Some(picture)) = (path, file, picture)
        && let Err(error) = file.write(picture)
    {
        let why = io_message(&error);
        tracing::error!("{}: {why}", failed(path));
        lost_picture = true;
    }
    let result = if asked.json {
        compare::json(&comparison)
    } else if asked.prints_picture() {
        if !asked.options.is_quiet {
            log::print(&comparison.text(false));
        }
        picture
            .map(|picture| picture.to_string())
            .unwrap_or_default()
    } else {
        comparison.text(true)
    };
    let code = comparison.exit_code().max(lost_picture.into());
    Ok(CommandOutcome::new(result, code, comparison.list_error()))
}

impl Action {
    /// Whether its result is printed even with `--quiet`: it is what was asked for, and no summary.
    fn ignores_quiet(&self) -> bool {
        matches!(self, Self::OrderedRun(_) | Self::Compare(_))
    }

    /// Whether a list comes from standard input.
    fn reads_stdin(&self) -> bool {
        match self {
            Self::Run(config) | Self::DryRun(config) | Self::Resolve(config) => {
                config.inputs.contains(&Input::Stdin)
            }
            _ => false,
        }
    }

    /// Refuses to write to a file that is read, or twice to the same: a list would be truncated before it is read, or never end.
    fn keep_files_apart(&self, reads: &[PathBuf], log: Option<&Path>) -> anyhow::Result<()> {
        let mut written = Vec::new();
        let (inputs, journals) = match self {
            Self::Print(_) | Self::Serve(_) | Self::OrderedRun(_) => return Ok(()),
            Self::Landing(config, _) | Self::Resolve(config) => (&config.inputs[..], Vec::new()),
            Self::Run(config) | Self::DryRun(config) => {
                let SinkOptions {
                    reports, errors, ..
                } = &config.records;
                written.extend(reports.iter().chain(errors).map(PathBuf::as_path));
                (&config.inputs[..], vec![config.layout.journal()])
            }
            Self::Compare(asked) => {
                written.extend(asked.picture_file());
                let journals = asked
                    .outputs()
                    .map(|output| Layout::new(output, None).journal());
                (&asked.config.inputs[..], journals.collect())
            }
            Self::Merge(_, file) | Self::Report(_, file) => {
                written.extend(file.as_deref().filter(|path| path.as_os_str() != "-"));
                (&[][..], Vec::new())
            }
            Self::Verify(check) => (&[][..], vec![check.place.layout.journal()]),
        };
        let lists = inputs.iter().filter_map(|input| match input {
            Input::List(path) => Some((identity::of(path)?, "a list of this run")),
            Input::Stdin => Some((identity::of_stdin()?, "the list on standard input")),
            Input::Url(_) | Input::Copied(..) => None,
        });
        let mut used: Vec<_> = lists.collect();
        let found = journals.iter().filter_map(|path| identity::of(path));
        used.extend(found.map(|journal| (journal, "the journal of this run")));
        let merged = match self {
            Self::Merge(inputs, _) | Self::Report(inputs, _) => &inputs[..],
            _ => &[],
        };
        let merged = merged.iter().map(|path| records::file_of(path));
        let reads = reads.iter().cloned().chain(merged);
        let found = reads.filter_map(|path| identity::of(&path));
        used.extend(found.map(|file| (file, "a file that this run reads")));
        let mut outputs: Vec<_> = identity::of_outputs().collect();
        for stream in &outputs {
            if let Some((_, what)) = used.iter().find(|(file, _)| file == stream) {
                anyhow::bail!("output goes to {what}: redirect it to another file");
            }
        }
        for path in written.into_iter().chain(log) {
            let beside_journal = || journals.iter().any(|journal| is_beside(path, journal));
            let Some(file) = identity::of(path) else {
                continue;
            };
            let taken = used.iter().find(|(taken, _)| *taken == file);
            let twice = || outputs.contains(&file) && !is_stream(path);
            let what = taken.map(|(_, what)| *what);
            let what = what.or_else(|| twice().then_some("written twice"));
            let in_state = || beside_journal().then_some("in the state folder");
            if let Some(what) = what.or_else(in_state) {
                let path = path.display();
                anyhow::bail!("`{path}` is {what}: name another file");
            }
            outputs.push(file);
        }
        Ok(())
    }
}

/// Whether two paths are in the same folder.
fn is_beside(path: &Path, other: &Path) -> bool {
    let folder = |path: &Path| path.parent()?.canonicalize().ok();
    folder(path).is_some_and(|parent| Some(parent) == folder(other))
}

/// Whether `path` stands for a stream that is open already.
fn is_stream(path: &Path) -> bool {
    let streams = [
        "/dev/stdin",
        "/dev/stdout",
        "/dev/stderr",
        "/dev/fd",
        "/proc/self/fd",
    ];
    streams.iter().any(|stream| path.starts_with(stream))
}

/// Checks the files of an output folder, prints the bad ones, and fetches them again with the configuration `refetch`.
fn verify(check: Check, is_silent: bool) -> anyhow::Result<CommandOutcome> {
    let layout = &check.place.layout;
    let findings = match &check.bucket {
        None => verify::verify(layout)?,
        Some((options, is_deep)) => verify::verify_bucket(layout, options, *is_deep)?,
    };
    let told = findings.bad.iter().chain(&findings.suspect);
    let told = told.chain(&findings.renamed);
    for finding in told.filter(|_| !is_silent) {
        log::tell(&finding.to_string());
    }
    let next = findings.next().filter(|_| check.refetch.is_none());
    let next = next.map(|next| format!("next        {next}"));
    let rows = findings.to_string();
    let rows = rows.lines().chain(next.as_deref());
    let columns = screen::columns(true);
    let rows = rows.map(|row| wrapped(row, columns, 12) + "\n");
    let rows = rows.collect::<String>();
    match check.refetch {
        Some(config) if !findings.bad.is_empty() => {
            let mut outcome: CommandOutcome = run(&findings.refetch(*config))?.into();
            outcome.summary = format!("{rows}\n{}", outcome.summary);
            Ok(outcome)
        }
        _ => Ok(CommandOutcome::new(rows, findings.exit_code(), None)),
    }
}
