//! What a comparison runs, and where its files go.

use std::fmt;
use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::Context;
use clap::ValueEnum;
use tempfile::TempDir;

use crate::mode::Mode;

/// The number of links at once in each of the concurrent modes, so that only the mode differs. It is that of `threads` and `pool`
/// in other runs: more OS threads gain little, and `async`, which can have many more, would win by its number alone.
pub(crate) const DEFAULT_AT_ONCE: NonZeroUsize = NonZeroUsize::new(16).expect("not zero");

/// The highest number of links at once.
const MOST_AT_ONCE: usize = 10_000;

/// A mode as it is asked for: `pool`, or `pool:16`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ModeAt {
    mode: Mode,
    at_once: Option<NonZeroUsize>,
}

impl FromStr for ModeAt {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, number) = match text.split_once(':') {
            Some((name, number)) => (name, Some(number)),
            None => (text, None),
        };
        let mode = Mode::from_str(name, false).map_err(|_| {
            format!("`{name}` is not a mode: the modes are sequential, threads, pool and async")
        })?;
        let parsed = |number: &str| {
            let number = number.parse().ok();
            let number = number.filter(|number: &NonZeroUsize| number.get() <= MOST_AT_ONCE);
            number.ok_or_else(|| {
                format!("after `{name}:`, a number from 1 to {MOST_AT_ONCE} is expected")
            })
        };
        let at_once = number.map(parsed).transpose()?;
        if mode == Mode::Sequential && at_once.is_some_and(|number| number.get() > 1) {
            return Err("`sequential` fetches one link at a time".to_owned());
        }
        Ok(Self { mode, at_once })
    }
}

impl fmt::Display for ModeAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.mode)?;
        self.at_once.map_or(Ok(()), |number| write!(f, ":{number}"))
    }
}

/// A mode with a number of links at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Row {
    /// The mode.
    pub mode: Mode,
    /// The number of links at once.
    pub at_once: NonZeroUsize,
}

impl Row {
    /// The row in words that tell it from all `others`.
    pub(super) fn label(self, others: &[Self]) -> String {
        let same = others.iter().filter(|other| other.mode == self.mode);
        if same.count() > 1 {
            format!("{}:{}", self.mode, self.at_once)
        } else {
            self.mode.to_string()
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.mode)?;
        if self.mode != Mode::Sequential {
            write!(f, ", {} at once", self.at_once)?;
        }
        Ok(())
    }
}

/// The rows for these modes, each with its own number, or else with each of the `numbers`.
pub(crate) fn rows(modes: &[ModeAt], numbers: &[NonZeroUsize]) -> Vec<Row> {
    let mut rows = Vec::new();
    for asked in modes {
        let own = match asked.mode {
            Mode::Sequential => Some(NonZeroUsize::MIN),
            _ => asked.at_once,
        };
        let own = own.as_ref().map(std::slice::from_ref);
        for at_once in own.unwrap_or(numbers) {
            let row = Row {
                mode: asked.mode,
                at_once: *at_once,
            };
            if !rows.contains(&row) {
                rows.push(row);
            }
        }
    }
    rows
}

/// The output folders of a comparison, one per run.
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

    /// A folder for what is needed until the end.
    pub(super) fn temporary(&self) -> &Path {
        self.temporary.path()
    }

    /// The output folder of a row among `rows`, in this run of so many: `pool`, `pool-16`, `pool-16-run-2`.
    pub(crate) fn of(&self, row: Row, rows: &[Row], (run, of): (usize, usize)) -> PathBuf {
        let parent = self.kept.as_deref().unwrap_or(self.temporary.path());
        let name = row.label(rows).replace(':', "-");
        parent.join(match of {
            1 => name,
            _ => format!("{name}-run-{run}"),
        })
    }

    /// Makes sure that a folder is empty.
    pub(super) fn check(output: &Path) -> anyhow::Result<()> {
        let mut entries = output.read_dir().into_iter().flatten();
        anyhow::ensure!(
            entries.next().is_none(),
            "`{}` is not empty: a comparison needs empty folders",
            output.display()
        );
        Ok(())
    }

    /// Removes the files of a run that has ended, unless they are kept: with many runs, they would fill the disk.
    pub(super) fn clear(&self, output: &Path) {
        if self.kept.is_none() {
            let _ = fs::remove_dir_all(output);
        }
    }
}
