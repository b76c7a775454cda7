//! Runs the same list once in each mode, and compares the times in a table and a chart.
//!
//! The modes run one after the other. Each starts from nothing, with its own connections and an empty folder, so that
//! none profits from what another one has opened or saved.

mod picture;

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use indicatif::HumanBytes;
use tempfile::TempDir;

use crate::links::Input;
use crate::mode::Mode;
use crate::report::Report;
use crate::run::{Config, run};
use crate::store::Layout;
use crate::text::seconds;
pub(crate) use picture::Picture;

/// The reports of the modes, in the order in which they ran. [`fmt::Display`] is the table and the chart, within 80
/// columns.
#[derive(Debug, Clone)]
pub(crate) struct Comparison {
    /// One report per mode; fewer than requested if a run ended early.
    pub reports: Vec<Report>,
}

/// The output folders of a comparison, one per mode.
#[derive(Debug)]
pub(crate) struct Folders {
    kept: Option<PathBuf>,
    temporary: TempDir,
}

impl Folders {
    /// Folders in `kept`, or temporary ones.
    ///
    /// # Errors
    ///
    /// When the temporary folder cannot be created.
    pub(crate) fn new(kept: Option<PathBuf>) -> anyhow::Result<Self> {
        let temporary = tempfile::tempdir()
            .context("cannot create a temporary folder (`TMPDIR` says where)")?;
        Ok(Self { kept, temporary })
    }

    /// The output folder of `mode`.
    pub(crate) fn of(&self, mode: Mode) -> PathBuf {
        let parent = self.kept.as_deref().unwrap_or(self.temporary.path());
        parent.join(mode.to_string())
    }
}

/// Runs `config` in each of `modes`, until a run ends early.
///
/// # Errors
///
/// When a run fails as a whole, or an output folder is not empty.
pub(crate) fn compare(
    config: &Config,
    modes: &[Mode],
    folders: &Folders,
) -> anyhow::Result<Comparison> {
    let config = Config {
        inputs: repeatable(&config.inputs, folders.temporary.path())?,
        ..config.clone()
    };
    let mut reports = Vec::new();
    for mode in modes {
        let output = folders.of(*mode);
        let mut entries = output.read_dir().into_iter().flatten();
        anyhow::ensure!(
            entries.next().is_none(),
            "`{}` is not empty: a comparison needs empty folders",
            output.display()
        );
        let report = run(&config.with_mode(*mode, Layout::new(output, None)))?;
        let ended_early = report.stopped.is_some();
        reports.push(report);
        if ended_early {
            break;
        }
    }
    Ok(Comparison { reports })
}

/// Inputs that can be read once per mode: standard input and pipes are copied to files in `folder`.
fn repeatable(inputs: &[Input], folder: &Path) -> anyhow::Result<Vec<Input>> {
    let is_pipe = |path: &Path| {
        let metadata = path.metadata();
        metadata.is_ok_and(|list| !list.is_file() && !list.is_dir())
    };
    let repeatable = inputs.iter().enumerate().map(|(number, input)| {
        let mut list: Box<dyn Read> = match input {
            Input::Stdin => Box::new(io::stdin()),
            Input::List(path) if is_pipe(path) => Box::new(File::open(path)?),
            other => return Ok(other.clone()),
        };
        let path = folder.join(format!("links-{number}.txt"));
        let copied = File::create_new(&path).and_then(|mut copy| io::copy(&mut list, &mut copy));
        copied.context("cannot copy the list")?;
        Ok(Input::List(path))
    });
    repeatable.collect()
}

impl Comparison {
    /// The first exit code other than 0, if there is one.
    pub(crate) fn exit_code(&self) -> u8 {
        let mut codes = self.reports.iter().map(Report::exit_code);
        codes.find(|code| *code != 0).unwrap_or(0)
    }

    /// The time of the slowest mode.
    fn longest(&self) -> Duration {
        let times = self.reports.iter().map(|report| report.elapsed);
        times.max().unwrap_or_default()
    }

    /// How many times faster than `sequential` a run was, if that mode has run.
    fn speed_up(&self, report: &Report) -> Option<f64> {
        let mut reports = self.reports.iter();
        let sequential = reports.find(|report| report.mode == Mode::Sequential)?;
        Some(ratio(sequential.elapsed, report.elapsed))
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const CHART: f64 = 52.0;
        const HEADER: &str =
            "mode          at once     elapsed   speed-up     files        size   failed";
        writeln!(f, "{HEADER}")?;
        for report in &self.reports {
            let factor = self.speed_up(report);
            let factor = factor.map_or_else(|| "-".to_owned(), |factor| format!("{factor:.1}x"));
            let (mode, jobs) = (report.mode.to_string(), report.jobs);
            let (files, failed) = (report.counts.downloaded(), report.counts.failed());
            let (time, size) = (seconds(report.elapsed), HumanBytes(report.saved_bytes));
            write!(f, "{mode:<12}  {jobs:>7}  {time:>10}  {factor:>9}  ")?;
            writeln!(f, "{files:>8}  {:>10}  {failed:>7}", size.to_string())?;
        }
        writeln!(f)?;
        for report in &self.reports {
            let width = (ratio(report.elapsed, self.longest()) * CHART).round();
            #[expect(clippy::cast_possible_truncation, reason = "up to `CHART`")]
            #[expect(clippy::cast_sign_loss, reason = "at least 1")]
            let bar = "█".repeat(width.max(1.0) as usize);
            let (mode, time) = (report.mode.to_string(), seconds(report.elapsed));
            writeln!(f, "{mode:<12}  {bar} {time}")?;
        }
        Ok(())
    }
}

fn ratio(time: Duration, of: Duration) -> f64 {
    time.as_secs_f64() / of.as_secs_f64().max(f64::EPSILON)
}
