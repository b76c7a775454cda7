//! Files and bytes over time, in a fixed number of steps whatever the time.
//!
//! Steps begin at multiples of their width. When there would be too many, the next width makes fewer of them: each is a multiple
//! of the one before, so that steps are merged and never divided. It begins with a tenth of a second, and with pauses of
//! months between runs, a step may be a year.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The most steps. About as many bars can be told apart on a phone.
const STEPS: u64 = 96;

const SECOND: u64 = 1000;
const DAY: u64 = 24 * 3600 * SECOND;

/// The widths of steps in milliseconds.
const WIDTHS: [u64; 15] = [
    100,
    500,
    SECOND,
    5 * SECOND,
    10 * SECOND,
    30 * SECOND,
    60 * SECOND,
    300 * SECOND,
    900 * SECOND,
    3600 * SECOND,
    6 * 3600 * SECOND,
    DAY,
    7 * DAY,
    28 * DAY,
    364 * DAY,
];

/// What has happened when.
#[derive(Debug, Default)]
pub(super) struct Timeline {
    /// The number of the width.
    width: usize,
    /// By their number since 1970.
    steps: BTreeMap<u64, Step>,
}

/// What has happened in one step.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) saved: u64,
    pub(super) failed: u64,
    pub(super) bytes: u64,
}

impl Timeline {
    /// Adds what has happened at the time `when`.
    pub(super) fn add(&mut self, when: SystemTime, what: Step) {
        let since = when.duration_since(UNIX_EPOCH).unwrap_or_default();
        let when = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        self.steps.entry(when / self.width()).or_default().add(what);
        while self.length() > STEPS && self.width + 1 < WIDTHS.len() {
            self.widen();
        }
        // times that nobody means: the year 1 and the like
        while self.length() > STEPS {
            self.steps.pop_first();
        }
    }

    /// Takes back what has happened at some time, as far as it is there.
    pub(super) fn take_back(&mut self, what: Step) {
        let steps = self.steps.values_mut().rev();
        let mut fitting = steps.filter(|step| {
            step.saved >= what.saved && step.failed >= what.failed && step.bytes >= what.bytes
        });
        if let Some(step) = fitting.next() {
            step.saved -= what.saved;
            step.failed -= what.failed;
            step.bytes -= what.bytes;
        }
    }

    /// All steps from the first to the last, also those in which nothing has happened, with the times when they begin.
    pub(super) fn steps(&self) -> impl Iterator<Item = (SystemTime, Step)> {
        let first = self.first();
        (first..first + self.length()).map(|number| {
            let begin = Duration::from_millis(number * self.width());
            let step = self.steps.get(&number).copied().unwrap_or_default();
            (UNIX_EPOCH + begin, step)
        })
    }

    /// How long a step is.
    pub(super) fn step_time(&self) -> Duration {
        Duration::from_millis(self.width())
    }

    fn width(&self) -> u64 {
        WIDTHS[self.width]
    }

    fn first(&self) -> u64 {
        self.steps.first_key_value().map_or(0, |(first, _)| *first)
    }

    fn length(&self) -> u64 {
        let last = self.steps.last_key_value();
        last.map_or(0, |(last, _)| last - self.first() + 1)
    }

    fn widen(&mut self) {
        let factor = WIDTHS[self.width + 1] / self.width();
        self.width += 1;
        for (number, step) in std::mem::take(&mut self.steps) {
            self.steps.entry(number / factor).or_default().add(step);
        }
    }
}

impl Step {
    fn add(&mut self, other: Self) {
        self.saved += other.saved;
        self.failed += other.failed;
        self.bytes = self.bytes.saturating_add(other.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: Step = Step {
        saved: 1,
        failed: 0,
        bytes: 7,
    };

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn widths_are_multiples_of_each_other() {
        assert!(WIDTHS.windows(2).all(|pair| pair[1] % pair[0] == 0));
    }

    #[test]
    fn any_time_fits_and_nothing_is_lost() {
        let mut timeline = Timeline::default();
        let day = 24 * 3600;
        // in any order
        for second in [9_000, 0, 1, 2, 30, 5_000, 40 * day, 3 * day, 8_000 * day] {
            timeline.add(at(second + 1_000_000_000), FILE);
            let steps: Vec<_> = timeline.steps().collect();
            assert!(steps.len() as u64 <= STEPS, "{}", steps.len());
        }
        let sum = timeline.steps().map(|(_, step)| step.saved).sum::<u64>();
        assert_eq!(sum, 9);
        timeline.take_back(FILE);
        let sum = timeline.steps().map(|(_, step)| step.bytes).sum::<u64>();
        assert_eq!(sum, 8 * 7);
        timeline.add(
            UNIX_EPOCH + Duration::from_secs(u64::MAX / 10_000_000_000),
            FILE,
        );
        timeline.add(UNIX_EPOCH, FILE);
        assert!(timeline.steps().count() as u64 <= STEPS);
    }
}
