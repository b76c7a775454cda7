//! The same list once in each mode, and a table and a chart of the times.

mod picture;

use std::fmt;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use indicatif::HumanBytes;
use tempfile::TempDir;

use crate::links::Input;
use crate::mode::Mode;
use crate::report::Report;
use crate::run::{Config, run};
use crate::text::seconds;
pub(crate) use picture::Picture;

/// The reports of all modes that have run.
#[derive(Debug, Clone)]
pub struct Comparison {
    /// In the order in which they ran.
    pub reports: Vec<Report>,
}

/// The folders of a comparison, one for each mode.
#[derive(Debug)]
pub(crate) struct Folders {
    kept: Option<PathBuf>,
    temporary: TempDir,
}

impl Folders {
    /// Folders below `kept`, or else temporary ones.
    ///
    /// # Errors
    ///
    /// When no temporary folder can be created.
    pub(crate) fn new(kept: Option<PathBuf>) -> anyhow::Result<Self> {
        let temporary = tempfile::tempdir().context("cannot create a temporary folder")?;
        Ok(Self { kept, temporary })
    }

    /// The folder for the files of `mode`.
    pub(crate) fn of(&self, mode: Mode) -> PathBuf {
        let kept = self.kept.as_deref();
        kept.unwrap_or(self.temporary.path()).join(mode.to_string())
    }
}

/// Runs `config` in each of `modes`, one after the other, each with its own connections and into an empty folder of its
/// own.
///
/// # Errors
///
/// When a run cannot be done, or when a folder that is to be kept is not empty.
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
        let entries = output.read_dir();
        anyhow::ensure!(
            !entries.is_ok_and(|mut entries| entries.next().is_some()),
            "`{}` is not empty: a comparison needs fresh folders",
            output.display()
        );
        let report = run(&config.with_mode(*mode, output))?;
        let ended_early = report.stopped.is_some();
        reports.push(report);
        if ended_early {
            break;
        }
    }
    Ok(Comparison { reports })
}

/// Inputs that can be read once for each mode: standard input and pipes are copied to a file.
fn repeatable(inputs: &[Input], folder: &Path) -> anyhow::Result<Vec<Input>> {
    let copy = |number: usize, mut from: Box<dyn Read>| -> anyhow::Result<Input> {
        let path = folder.join(format!("links-{number}.txt"));
        let mut to = std::fs::File::create_new(&path)?;
        std::io::copy(&mut from, &mut to)
            .and_then(|_| to.flush())
            .context("cannot copy the list")?;
        Ok(Input::List(path))
    };
    let repeatable = inputs
        .iter()
        .enumerate()
        .map(|(number, input)| match input {
            Input::Stdin => copy(number, Box::new(std::io::stdin())),
            Input::List(path)
                if path
                    .metadata()
                    .is_ok_and(|list| !list.is_file() && !list.is_dir()) =>
            {
                copy(number, Box::new(std::fs::File::open(path)?))
            }
            other => Ok(other.clone()),
        });
    repeatable.collect()
}

impl Comparison {
    /// The first exit code of a run that is not 0.
    pub fn exit_code(&self) -> u8 {
        self.reports
            .iter()
            .map(Report::exit_code)
            .find(|code| *code != 0)
            .unwrap_or(0)
    }

    /// The longest time of a mode.
    fn longest(&self) -> Duration {
        let times = self.reports.iter().map(|report| report.elapsed);
        times.max().unwrap_or_default()
    }

    /// How many times faster than one link after the other, if that has run, too.
    fn speed_up(&self, report: &Report) -> Option<f64> {
        let mut reports = self.reports.iter();
        let sequential = reports.find(|report| report.mode == Mode::Sequential)?;
        Some(ratio(sequential.elapsed, report.elapsed))
    }
}

/// The table and the chart, within 80 columns.
impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const CHART: f64 = 52.0;
        writeln!(
            f,
            "mode          at once     elapsed   speed-up     files        size   failed"
        )?;
        for report in &self.reports {
            let speed_up = self
                .speed_up(report)
                .map_or_else(|| "-".to_owned(), |factor| format!("{factor:.1}x"));
            writeln!(
                f,
                "{:<12}  {:>7}  {:>10}  {:>9}  {:>8}  {:>10}  {:>7}",
                report.mode.to_string(),
                report.jobs,
                seconds(report.elapsed),
                speed_up,
                report.counts.downloaded(),
                HumanBytes(report.saved_bytes).to_string(),
                report.counts.failed(),
            )?;
        }
        writeln!(f)?;
        for report in &self.reports {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "between 1 and the width of the chart"
            )]
            let width = (ratio(report.elapsed, self.longest()) * CHART)
                .round()
                .max(1.0) as usize;
            writeln!(
                f,
                "{:<12}  {} {}",
                report.mode.to_string(),
                "█".repeat(width),
                seconds(report.elapsed)
            )?;
        }
        Ok(())
    }
}

fn ratio(time: Duration, of: Duration) -> f64 {
    time.as_secs_f64() / of.as_secs_f64().max(f64::EPSILON)
}
