//! What one run has taken, and what several have taken together.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::RowResult;
use super::rows::Row;
use crate::report::Report;
use crate::run::timeline::{Events, Timeline};
use crate::stop::Cause;
use crate::system::usage::{self, CpuTime};
use crate::text::seconds;

/// So many runs of a row keep who ran when, which may be a megabyte each.
const MOST_TIME_LINES: usize = 9;

/// What one run has taken. It goes from one process to another.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Measured {
    /// The number of links at once, which the system may have lowered.
    pub at_once: usize,
    /// From the start of the run to its end.
    pub elapsed: Duration,
    /// The number of new files.
    pub files: u64,
    /// Their length together.
    pub bytes: u64,
    /// The number of links that failed.
    pub failed: u64,
    /// The number of links that were fetched, or were to be.
    pub links: u64,
    /// Processor time in the program and in the system.
    pub cpu: Option<(Duration, Duration)>,
    /// The most memory that was resident at once, in bytes.
    pub peak_memory: Option<u64>,
    /// The most threads at once.
    pub threads: Option<u64>,
    /// Who ran which link when.
    pub events: Events,
    /// The exit code that the run would have by itself.
    pub exit_code: u8,
    /// The option whose limit ended it, if one did.
    pub limit: Option<String>,
    /// Whether it ended before its list for another reason.
    pub is_broken: bool,
    /// Why a list could not be read to its end.
    pub list_error: Option<String>,
}

impl Measured {
    /// A run of this process that has just ended. Before it, the process had used so much processor time.
    pub(super) fn new(report: &Report, timeline: &Timeline, before: Option<CpuTime>) -> Self {
        let cpu = before.zip(usage::cpu_time());
        let cpu = cpu.map(|(before, after)| {
            let user = after.user.saturating_sub(before.user);
            (user, after.system.saturating_sub(before.system))
        });
        let (files, failed) = (report.counts.downloaded(), report.counts.failed());
        Self {
            at_once: report.jobs,
            elapsed: report.elapsed,
            files,
            bytes: report.saved_bytes,
            failed,
            links: files + failed,
            cpu,
            peak_memory: usage::peak_memory(),
            threads: timeline.threads(),
            events: timeline.events(),
            exit_code: report.exit_code(),
            limit: match report.stopped {
                Some(Cause::Limit(option)) => Some(option.to_owned()),
                _ => None,
            },
            is_broken: !matches!(report.stopped, None | Some(Cause::Limit(_))),
            list_error: report.list_error.clone(),
        }
    }
}

impl Measured {
    /// Whether it was in order, but there was nothing to fetch.
    pub(super) fn is_of_nothing(&self) -> bool {
        self.links == 0 && self.exit_code == 0
    }

    fn has_time_line(&self) -> bool {
        !self.events.attempts.is_empty()
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let files = match self.files {
            1 => "1 file".to_owned(),
            files => format!("{files} files"),
        };
        write!(f, "{}, {files}", seconds(self.elapsed))?;
        if self.failed > 0 {
            write!(f, ", {} failed", self.failed)?;
        }
        if let Some(option) = &self.limit {
            write!(f, ", `{option}` reached")?;
        }
        Ok(())
    }
}

impl RowResult {
    /// The runs of `row`, which are still to come.
    pub(super) fn new(row: Row, rows: &[Row]) -> Self {
        Self {
            row,
            label: row.label(rows),
            runs: Vec::new(),
        }
    }

    /// Adds a run. With many, those whose times are far from the median so far no longer keep who ran when.
    pub(super) fn push(&mut self, run: Measured) {
        self.runs.push(run);
        let median = self.elapsed();
        let runs = self.runs.iter_mut();
        let kept: Vec<_> = runs.filter(|run| run.has_time_line()).collect();
        if kept.len() > MOST_TIME_LINES {
            let kept = kept.into_iter();
            let farthest = kept.max_by_key(|run| run.elapsed.abs_diff(median));
            let events = &mut farthest.expect("there are several").events;
            (events.links, events.attempts) = (Vec::new(), Vec::new());
        }
    }

    /// The median of the times.
    pub(super) fn elapsed(&self) -> Duration {
        self.median(|run| Some(run.elapsed)).unwrap_or_default()
    }

    /// The shortest and the longest time.
    pub(super) fn spread(&self) -> (Duration, Duration) {
        let times = || self.runs.iter().map(|run| run.elapsed);
        let (least, most) = (times().min(), times().max());
        (least.unwrap_or_default(), most.unwrap_or_default())
    }

    /// The median of the processor times in the program.
    pub(super) fn user(&self) -> Option<Duration> {
        self.median(|run| Some(run.cpu?.0))
    }

    /// The median of the processor times in the system.
    pub(super) fn system(&self) -> Option<Duration> {
        self.median(|run| Some(run.cpu?.1))
    }

    /// The highest peak of memory.
    pub(super) fn peak_memory(&self) -> Option<u64> {
        self.runs.iter().filter_map(|run| run.peak_memory).max()
    }

    /// The most threads.
    pub(super) fn threads(&self) -> Option<u64> {
        self.runs.iter().filter_map(|run| run.threads).max()
    }

    /// The most links that failed in a run.
    pub(super) fn failed(&self) -> u64 {
        self.runs.iter().map(|run| run.failed).max().unwrap_or(0)
    }

    /// The run whose time is next to the median, of those that keep who ran when.
    pub(super) fn typical(&self) -> &Measured {
        let median = self.elapsed();
        let runs = self.runs.iter();
        let typical = runs.min_by_key(|run| (!run.has_time_line(), run.elapsed.abs_diff(median)));
        typical.expect("it has run")
    }

    /// The median of a time of all runs that have it: the one in the middle, or the mean of both.
    fn median(&self, time: impl Fn(&Measured) -> Option<Duration>) -> Option<Duration> {
        let mut times: Vec<_> = self.runs.iter().filter_map(time).collect();
        times.sort_unstable();
        let upper = times.len() / 2;
        let lower = times.len().checked_sub(1)? / 2;
        Some((times[lower] + times[upper]) / 2)
    }
}

#[cfg(test)]
impl Measured {
    /// A run of nine links that has taken so many milliseconds, and so many of a processor.
    pub(super) fn sample((elapsed, busy): (u64, u64)) -> Self {
        Self {
            at_once: 1,
            elapsed: Duration::from_millis(elapsed),
            files: 9,
            bytes: 9,
            failed: 0,
            links: 9,
            cpu: Some((Duration::from_millis(busy), Duration::ZERO)),
            peak_memory: None,
            threads: None,
            events: Events::default(),
            exit_code: 0,
            limit: None,
            is_broken: false,
            list_error: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::compare::rows::{DEFAULT_AT_ONCE, Row};
    use crate::mode::Mode;
    use crate::run::timeline::Attempt;

    #[test]
    fn of_many_runs_only_those_near_the_median_keep_who_ran_when() {
        let row = Row {
            mode: Mode::Pool,
            at_once: DEFAULT_AT_ONCE,
        };
        let mut result = RowResult::new(row, &[row]);
        for number in 0..101 {
            // all numbers up to 100, mixed
            let mut run = Measured::sample((number * 37 % 101, 0));
            run.events.attempts.push(Attempt {
                link: 0,
                worker: 0,
                begin: Duration::ZERO,
                end: run.elapsed,
                is_good: true,
            });
            result.push(run);
            let kept = result.runs.iter().filter(|run| run.has_time_line());
            assert_eq!(kept.count(), result.runs.len().min(MOST_TIME_LINES));
        }
        let milliseconds = Duration::from_millis;
        assert_eq!(result.elapsed(), milliseconds(50));
        assert_eq!(result.spread(), (milliseconds(0), milliseconds(100)));
        let typical = result.typical();
        assert!(typical.has_time_line());
        assert!(typical.elapsed.abs_diff(result.elapsed()) <= milliseconds(2));
    }
}
