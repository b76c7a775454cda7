//! How many links ended with each status.

use super::Status;

/// A number for each [`Status`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts([u64; Status::ALL.len()]);

impl Counts {
    /// The numbers that `count` tells.
    pub fn from_fn(count: impl Fn(Status) -> u64) -> Self {
        Self(Status::ALL.map(count))
    }

    /// Counts one more link with `status`.
    pub fn add(&mut self, status: Status) {
        self.0[status as usize] += 1;
    }

    /// How many links ended with `status`.
    pub fn of(&self, status: Status) -> u64 {
        self.0[status as usize]
    }

    /// How many links ended at all.
    pub fn total(&self) -> u64 {
        self.sum(|_| true)
    }

    /// How many links this run has brought a file for.
    pub fn downloaded(&self) -> u64 {
        self.of(Status::Downloaded) + self.of(Status::Resumed)
    }

    /// How many links have failed.
    pub fn failed(&self) -> u64 {
        self.sum(Status::failed)
    }

    /// How many links ended with one of some statuses.
    pub fn sum(&self, which: impl Fn(Status) -> bool) -> u64 {
        let wanted = Status::ALL.into_iter().filter(|status| which(*status));
        wanted.map(|status| self.of(status)).sum()
    }
}
