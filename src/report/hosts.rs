//! Which hosts of a run fail most, and which are slowest.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use crate::outcome::{Counts, Outcome, Record, Status};
use crate::text::seconds;

/// How many hosts the summary names in each category.
const NAMED: usize = 5;

/// How many hosts are counted. Bounds the memory for lists with millions of hosts.
const COUNTED: usize = 10_000;

/// Counts of links by host: scheme, name and port. [`fmt::Display`] is their part of the summary.
#[derive(Debug, Clone, Default)]
pub struct Hosts(HashMap<Box<str>, HostCounts>);

#[derive(Debug, Clone, Default)]
struct HostCounts {
    saved: u32,
    /// The total time of the saved links.
    time: Duration,
    /// Most hosts have no failures.
    failed: Option<Box<Counts>>,
}

impl Hosts {
    /// Counts a link of `host` that has ended. Interrupted links say nothing about their host.
    pub(crate) fn count(&mut self, host: &str, record: &Record) {
        if record.outcome.status() == Status::Interrupted {
            return;
        }
        let is_full = self.0.len() >= COUNTED;
        let counts = match self.0.get_mut(host) {
            Some(counts) => counts,
            None if is_full => return,
            None => self.0.entry(host.into()).or_default(),
        };
        if let Outcome::Failed(failure) = &record.outcome {
            let failed = counts.failed.get_or_insert_default();
            failed.add(failure.status);
        } else {
            counts.saved += 1;
            counts.time += record.elapsed;
        }
    }

    /// Takes back that a link of `host` was counted.
    pub(crate) fn uncount(&mut self, host: &str, record: &Record) {
        let Some(counts) = self.0.get_mut(host) else {
            return;
        };
        if let Outcome::Failed(failure) = &record.outcome {
            if let Some(failed) = &mut counts.failed {
                failed.remove(failure.status);
            }
            counts.failed.take_if(|failed| failed.total() == 0);
        } else {
            counts.saved = counts.saved.saturating_sub(1);
            counts.time = counts.time.saturating_sub(record.elapsed);
        }
    }
}

impl fmt::Display for Hosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // the rest of the summary already describes a single host
        if self.0.len() < 2 {
            return Ok(());
        }
        let failing = self.0.iter().filter_map(|(host, counts)| {
            let failed = counts.failed.as_deref()?;
            Some((Reverse(failed.total()), host, counts.saved, failed))
        });
        let mut failing: Vec<_> = failing.collect();
        failing.sort_by_key(|(count, host, ..)| (*count, *host));
        for (Reverse(count), host, saved, failed) in failing.into_iter().take(NAMED) {
            let statuses = Status::ALL.into_iter();
            let ended = u64::from(saved) + count;
            let reason = statuses.max_by_key(|status| failed.of(*status));
            let reason = reason.expect("there are statuses");
            writeln!(f, "failing     {host}: {count} of {ended}, mostly {reason}")?;
        }
        let average = |(host, counts): (_, &HostCounts)| {
            let time = counts.time.checked_div(counts.saved)?;
            Some((Reverse(time), host))
        };
        let mut slowest: Vec<_> = self.0.iter().filter_map(average).collect();
        slowest.sort();
        for (Reverse(time), host) in slowest.into_iter().take(NAMED) {
            writeln!(f, "slowest     {host}: {} per link", seconds(time))?;
        }
        Ok(())
    }
}
