//! How the hosts of a run have done.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use parking_lot::Mutex;

use crate::outcome::{Counts, Outcome, Record, Status};
use crate::text::seconds;

/// So many hosts are named in a summary.
const NAMED: usize = 5;

/// So many hosts are counted, so that a list of millions of hosts takes no memory for it.
const COUNTED: usize = 10_000;

/// Counts of links by host.
#[derive(Debug, Default)]
pub(crate) struct HostStats(Mutex<HashMap<Box<str>, HostCounts>>);

#[derive(Debug, Default)]
struct HostCounts {
    ended: u64,
    saved: u64,
    /// The time that the saved ones took.
    time: Duration,
    failed: Counts,
}

impl HostStats {
    /// Counts a link of `host` that has ended.
    pub(crate) fn count(&self, host: &str, record: &Record) {
        if record.outcome.status() == Status::Interrupted {
            // no fault of the host
            return;
        }
        let mut hosts = self.0.lock();
        if !hosts.contains_key(host) {
            if hosts.len() >= COUNTED {
                return;
            }
            hosts.insert(host.into(), HostCounts::default());
        }
        let counts = hosts
            .get_mut(host)
            .expect("it is there, or was just inserted");
        counts.ended += 1;
        if let Outcome::Failed(failure) = &record.outcome {
            counts.failed.add(failure.status);
        } else {
            counts.saved += 1;
            counts.time += record.elapsed;
        }
    }

    /// The hosts that are worth a word.
    pub(crate) fn notable(&self) -> Notable {
        let hosts = self.0.lock();
        if hosts.len() < 2 {
            // the summary as a whole is about this one
            return Notable::default();
        }
        let mut failing: Vec<_> = hosts
            .iter()
            .filter_map(|(host, counts)| counts.failing(host))
            .collect();
        failing.sort_by(|a, b| b.failed.cmp(&a.failed).then_with(|| a.host.cmp(&b.host)));
        failing.truncate(NAMED);
        let mut slowest: Vec<_> = hosts
            .iter()
            .filter_map(|(host, counts)| {
                let saved = u32::try_from(counts.saved)
                    .ok()
                    .filter(|saved| *saved > 0)?;
                Some((host.to_string(), counts.time / saved))
            })
            .collect();
        slowest.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        slowest.truncate(NAMED);
        Notable { failing, slowest }
    }
}

impl HostCounts {
    fn failing(&self, host: &str) -> Option<Failing> {
        let reason = Status::ALL
            .into_iter()
            .max_by_key(|status| self.failed.of(*status))?;
        let failed = self.failed.total();
        (failed > 0).then(|| Failing {
            host: host.to_owned(),
            failed,
            ended: self.ended,
            reason,
        })
    }
}

/// The hosts of a run that are worth a word. [`fmt::Display`] is their part of the summary.
#[derive(Debug, Clone, Default)]
pub struct Notable {
    /// Those with the most failures.
    pub failing: Vec<Failing>,
    /// Those whose links took longest, and how long on the average.
    pub slowest: Vec<(String, Duration)>,
}

/// A host with failures.
#[derive(Debug, Clone)]
pub struct Failing {
    /// The host: scheme, name and port.
    pub host: String,
    /// How many of its links have failed.
    pub failed: u64,
    /// How many have ended at all.
    pub ended: u64,
    /// The commonest reason.
    pub reason: Status,
}

impl fmt::Display for Notable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Failing {
            host,
            failed,
            ended,
            reason,
        } in &self.failing
        {
            writeln!(
                f,
                "failing     {host}: {failed} of {ended}, mostly {reason}"
            )?;
        }
        for (host, time) in &self.slowest {
            writeln!(f, "slowest     {host}: {} a link", seconds(*time))?;
        }
        Ok(())
    }
}
