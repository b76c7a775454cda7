//! Makes one stream of records out of the journals and reports of many runs, with the [last word](super::records) of each link.
//!
//! Records are passed on as they are, so that fields of other versions are kept.

use std::fmt;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::records::{BUFFER, Counted, Input, LastWords, Says, each_at};
use crate::outcome::{Counts, Status};
use crate::output::{stdout, wait_for_room};
use crate::report::{is_whole, tell_of_stdout};

/// What became of the links. [`fmt::Display`] is the summary.
#[derive(Debug, Default)]
pub(crate) struct Merged {
    links: u64,
    /// Those that have a status of this version.
    counts: Counts,
    /// Those of which no record says that there is a file, or that another link has it.
    missing: u64,
    /// Lines that are no records.
    others: u64,
    /// Whether records could not be written.
    lost: bool,
}

/// Prints the last word of each link in `inputs` to the file `output`, or to standard output.
///
/// # Errors
///
/// When an input cannot be read or has no records, or when `output` cannot be written.
pub(crate) fn merge(inputs: &[PathBuf], output: Option<&Path>) -> anyhow::Result<Merged> {
    let inputs = inputs.iter().map(|path| Input::open(path));
    let inputs = inputs.collect::<anyhow::Result<Vec<_>>>()?;
    let last = LastWords::read(&inputs, Counted::Links)?;
    let mut merged = Merged {
        others: last.others,
        ..Merged::default()
    };
    for says in last.say() {
        merged.count(says);
    }
    let places = last.places();
    if let Some(path) = output {
        write(path, &inputs, &places)?;
        return Ok(merged);
    }
    tell_of_stdout();
    each_at(&inputs, &places, |line| {
        stdout().push(line);
        wait_for_room(|| false);
        Ok(!stdout().is_lost())
    })?;
    merged.lost = !is_whole(stdout().finish());
    Ok(merged)
}

/// Writes the lines at `places` to the file `path`.
fn write(path: &Path, inputs: &[Input], places: &[(u32, u64)]) -> anyhow::Result<()> {
    let failed = || format!("cannot write `{}`", path.display());
    let file = File::create(path).with_context(failed)?;
    let mut file = BufWriter::with_capacity(BUFFER, file);
    each_at(inputs, places, |line| {
        file.write_all(line).with_context(failed)?;
        Ok(true)
    })?;
    file.flush().with_context(failed)
}

impl Merged {
    fn count(&mut self, says: Says) {
        self.links += 1;
        let is_missing = match says {
            Says::Nothing | Says::Gone => true,
            Says::Status(status) => {
                self.counts.add(status);
                status.failed()
            }
            Says::Unknown(has_file) => !has_file,
        };
        self.missing += u64::from(is_missing);
    }

    /// The exit code: 0 if every link is saved or has the file of another one, else 1.
    pub(crate) fn exit_code(&self) -> u8 {
        u8::from(self.missing > 0 || self.lost)
    }
}

impl fmt::Display for Merged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "links       {}", self.links)?;
        writeln!(f, "saved       {}", self.links - self.missing)?;
        write!(f, "failed      {}", self.missing)?;
        let statuses = Status::ALL.into_iter().filter(|status| status.failed());
        let counts = statuses.map(|status| (self.counts.of(status), status));
        for (number, (count, status)) in counts.filter(|(count, _)| *count > 0).enumerate() {
            let separator = if number == 0 { ':' } else { ',' };
            write!(f, "{separator} {count} {status}")?;
        }
        writeln!(f)?;
        if self.others > 0 {
            writeln!(f, "ignored     {} lines that are no records", self.others)?;
        }
        Ok(())
    }
}
