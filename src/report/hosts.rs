//! Which hosts of a run fail most, and which are slowest.
//!
//! A host is named only if that says something: if several of its links failed, since one is among the examples of its reason,
//! or if its links take so long that somebody waits for them.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::time::Duration;

use crate::outcome::{Counts, Outcome, Record, Status};
use crate::text::seconds;

/// How many hosts the summary names in each category.
const NAMED: usize = 5;

/// How many links of a host have failed before it is named.
const FAILING: u64 = 3;

/// How long a link of a host takes, on average, before it is named.
const SLOW: Duration = Duration::from_secs(1);

/// How many hosts are counted. Bounds the memory for lists with millions of hosts.
const COUNTED: usize = 10_000;

/// Counts of links by host: scheme, name and port.
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

impl Hosts {
    /// The rows of the summary that are about hosts: a word, and what there is to say about it.
    pub(super) fn rows(&self) -> Vec<(&'static str, String)> {
        // the rest of the summary already describes a single host
        if self.0.len() < 2 {
            return Vec::new();
        }
        let mut rows = Vec::new();
        let failing = self.0.iter().filter_map(|(host, counts)| {
            let failed = counts.failed.as_deref()?;
            Some((Reverse(failed.total()), host, counts.saved, failed))
        });
        let mut failing: Vec<_> = failing.filter(|(count, ..)| count.0 >= FAILING).collect();
        failing.sort_by_key(|(count, host, ..)| (*count, *host));
        for (Reverse(count), host, saved, failed) in failing.into_iter().take(NAMED) {
            let statuses = Status::ALL.into_iter();
            let ended = u64::from(saved) + count;
            let reason = statuses.max_by_key(|status| failed.of(*status));
            let reason = reason.expect("there are statuses");
            let text = format!("{host}: {count} of {ended}, mostly {reason}");
            rows.push(("failing", text));
        }
        let average = |(host, counts): (_, &HostCounts)| {
            let time = counts.time.checked_div(counts.saved)?;
            (time >= SLOW).then_some((Reverse(time), host))
        };
        let mut slowest: Vec<_> = self.0.iter().filter_map(average).collect();
        slowest.sort();
        for (Reverse(time), host) in slowest.into_iter().take(NAMED) {
            let text = format!("{host}: {} per link", seconds(time));
            rows.push(("slowest", text));
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use url::Url;

    use super::*;
    use crate::link::SourceLine;
    use crate::outcome::Failure;

    #[test]
    fn only_hosts_are_named_that_are_worth_a_word() {
        let place = SourceLine {
            source: Arc::from("links.txt"),
            line: 1,
        };
        let url = Url::parse("http://h.example/a.pdf").expect("a URL");
        let failure = Failure::new(Status::HttpStatus, "404 Not Found");
        let failed = Record::new(&place, &url, Outcome::Failed(failure));
        let saved = |milliseconds| Record {
            elapsed: Duration::from_millis(milliseconds),
            ..Record::new(&place, &url, Outcome::Duplicate)
        };
        let mut hosts = Hosts::default();
        hosts.count("http://fast.example", &saved(999));
        hosts.count("http://slow.example", &saved(1000));
        for count in 0..3 {
            hosts.count("http://dead.example", &failed);
            if count < 2 {
                hosts.count("http://fast.example", &failed);
            }
        }
        let rows = hosts.rows().into_iter();
        let rows: Vec<_> = rows.map(|(word, text)| format!("{word} {text}")).collect();
        let expected = [
            "failing http://dead.example: 3 of 3, mostly http_status",
            "slowest http://slow.example: 1.00 s per link",
        ];
        assert_eq!(rows, expected);
    }
}
