//! How many links ended with each status.

use super::Status;

/// The number of links for each [`Status`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts([u64; Status::ALL.len()]);

impl Counts {
    /// The counts that `count` returns.
    pub fn from_fn(count: impl Fn(Status) -> u64) -> Self {
        Self(Status::ALL.map(count))
    }

    /// Counts one more link with `status`.
    pub fn add(&mut self, status: Status) {
        self.0[status as usize] += 1;
    }

    /// Takes back a link that was counted with `status`.
    pub fn remove(&mut self, status: Status) {
        let count = &mut self.0[status as usize];
        *count = count.saturating_sub(1);
    }

    /// How many links ended with `status`.
    pub fn of(&self, status: Status) -> u64 {
        self.0[status as usize]
    }

    /// How many links have ended.
    pub fn total(&self) -> u64 {
        self.sum(|_| true)
    }

    /// How many files are new in this run.
    pub fn downloaded(&self) -> u64 {
        self.of(Status::Downloaded) + self.of(Status::Resumed)
    }

    /// How many links have failed.
    pub fn failed(&self) -> u64 {
        self.sum(Status::failed)
    }

    /// How many links ended with a status that `which` accepts.
    pub fn sum(&self, which: impl Fn(Status) -> bool) -> u64 {
        let statuses = Status::ALL.into_iter().filter(|status| which(*status));
        statuses.map(|status| self.of(status)).sum()
    }
}
