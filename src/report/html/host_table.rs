//! How the hosts of a run did: counts, how long their links took, and pauses.
//!
//! The table has a bounded number of hosts. When it is full, the better half of them is merged into one row for the rest. A host
//! that comes back after that begins anew, and so counts twice among the hosts, but none of its links does.
//!
//! Times are kept in a histogram, as [HdrHistogram](https://hdrhistogram.org) has them: 16 steps for each power of two,
//! in milliseconds, so that a percentile is within 3 % of the true one. Only steps that have a link take room.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::time::Duration;

use crate::outcome::{Outcome, Record, Status};

/// The most hosts in memory: about 1 MB.
const MOST: usize = 4000;

/// How many of the hosts that fail or pause most are shown, and how many of the slowest.
const SHOWN: usize = 100;

/// The hosts of a run.
#[derive(Debug, Default)]
pub(super) struct HostTable {
    hosts: HashMap<Box<str>, HostRow>,
    /// How many hosts were merged into `rest`.
    merged: u64,
    rest: HostRow,
}

/// What is known of a host.
#[derive(Debug, Default, Clone)]
pub(super) struct HostRow {
    pub(super) saved: u64,
    pub(super) failures: Vec<(Status, u64)>,
    pub(super) pauses: u64,
    times: Histogram,
}

/// The hosts that are worth a look.
pub(super) struct Shown<'a> {
    /// The hosts that fail most first, then those that were paused, then the slowest ones.
    pub(super) hosts: Vec<(&'a str, &'a HostRow)>,
    /// All others, and how many they are.
    pub(super) rest: (u64, HostRow),
}

impl HostTable {
    /// Counts a link of `host`. Interrupted links say nothing about their host, and neither do files that were there.
    pub(super) fn count(&mut self, host: &str, record: &Record) {
        let Some(row) = self.row(host, record) else {
            return;
        };
        match &record.outcome {
            Outcome::Failed(failure) => {
                let known = row
                    .failures
                    .iter_mut()
                    .find(|(status, _)| *status == failure.status);
                match known {
                    Some((_, count)) => *count += 1,
                    None => row.failures.push((failure.status, 1)),
                }
            }
            _ => row.saved += 1,
        }
        if record.attempts > 0 {
            row.times.add(record.elapsed);
        }
    }

    /// Takes back that a link of `host` was counted.
    pub(super) fn uncount(&mut self, host: &str, record: &Record) {
        let Some(row) = self.row(host, record) else {
            return;
        };
        match &record.outcome {
            Outcome::Failed(failure) => {
                let status = failure.status;
                for (_, count) in row
                    .failures
                    .iter_mut()
                    .filter(|(known, _)| *known == status)
                {
                    *count = count.saturating_sub(1);
                }
                row.failures.retain(|(_, count)| *count > 0);
            }
            _ => row.saved = row.saved.saturating_sub(1),
        }
        if record.attempts > 0 {
            row.times.take_back(record.elapsed);
        }
    }

    /// Counts a pause of `host`.
    pub(super) fn count_pause(&mut self, host: &str) {
        self.make_room();
        self.hosts.entry(host.into()).or_default().pauses += 1;
    }

    /// The hosts that are worth a look, and the rest.
    pub(super) fn shown(&self) -> Shown<'_> {
        let mut hosts: Vec<_> = self
            .hosts
            .iter()
            .map(|(host, row)| (&**host, row))
            .collect();
        hosts.sort_by_key(|(host, row)| (Reverse(row.rank()), *host));
        let mut others = hosts.split_off(hosts.len().min(SHOWN));
        others.sort_by_key(|(host, row)| (Reverse(row.median()), *host));
        let better = others.split_off(others.len().min(SHOWN));
        hosts.extend(others);
        let mut rest = self.rest.clone();
        for (_, row) in &better {
            rest.merge(row);
        }
        Shown {
            hosts,
            rest: (self.merged + better.len() as u64, rest),
        }
    }

    fn row(&mut self, host: &str, record: &Record) -> Option<&mut HostRow> {
        let status = record.outcome.status();
        let says_nothing = matches!(status, Status::Interrupted | Status::Duplicate);
        if host.is_empty() || says_nothing {
            return None;
        }
        if !self.hosts.contains_key(host) {
            self.make_room();
        }
        Some(self.hosts.entry(host.into()).or_default())
    }

    fn make_room(&mut self) {
        if self.hosts.len() < MOST {
            return;
        }
        let mut hosts: Vec<_> = self.hosts.drain().collect();
        hosts.sort_by_key(|(_, row)| Reverse(row.rank()));
        for (_, row) in hosts.split_off(MOST / 2) {
            self.merged += 1;
            self.rest.merge(&row);
        }
        self.hosts = hosts.into_iter().collect();
    }
}

impl HostRow {
    pub(super) fn failed(&self) -> u64 {
        self.failures.iter().map(|(_, count)| count).sum()
    }

    /// Whether links failed because it was given up.
    pub(super) fn is_given_up(&self) -> bool {
        let mut statuses = self.failures.iter().map(|(status, _)| *status);
        statuses.any(|status| status == Status::HostUnhealthy)
    }

    /// The status that most of its failures have.
    pub(super) fn mostly(&self) -> Option<Status> {
        // of several, the same one that the summary names
        let most = self
            .failures
            .iter()
            .max_by_key(|(status, count)| (*count, *status))?;
        Some(most.0)
    }

    /// The time that half of its links took at most.
    pub(super) fn median(&self) -> Option<Duration> {
        self.times.percentile(50)
    }

    /// The time that 95 % of its links took at most.
    pub(super) fn percentile_95(&self) -> Option<Duration> {
        self.times.percentile(95)
    }

    /// The higher, the more it is worth a look.
    fn rank(&self) -> (u64, u64, Option<Duration>) {
        (self.failed(), self.pauses, self.median())
    }

    fn merge(&mut self, other: &Self) {
        self.saved += other.saved;
        self.pauses += other.pauses;
        for (status, count) in &other.failures {
            match self.failures.iter_mut().find(|(known, _)| known == status) {
                Some((_, known)) => *known += count,
                None => self.failures.push((*status, *count)),
            }
        }
        for (step, count) in &other.times.0 {
            *self.times.count(*step) += count;
        }
    }
}

/// How often times were in each step, in the order of the steps.
#[derive(Debug, Default, Clone)]
struct Histogram(Vec<(u16, u64)>);

impl Histogram {
    fn add(&mut self, time: Duration) {
        *self.count(step_of(time)) += 1;
    }

    fn take_back(&mut self, time: Duration) {
        let count = self.count(step_of(time));
        *count = count.saturating_sub(1);
    }

    fn count(&mut self, step: u16) -> &mut u64 {
        let found = self.0.binary_search_by_key(&step, |(step, _)| *step);
        let place = found.unwrap_or_else(|place| {
            self.0.insert(place, (step, 0));
            place
        });
        &mut self.0[place].1
    }

    /// The time that `percent` of the times are at most, by the nearest rank.
    fn percentile(&self, percent: u64) -> Option<Duration> {
        let all: u64 = self.0.iter().map(|(_, count)| count).sum();
        let rank = (all * percent).div_ceil(100);
        let mut seen = 0;
        let mut steps = self.0.iter();
        let (step, _) = steps.find(|(_, count)| {
            seen += count;
            seen >= rank && all > 0
        })?;
        Some(middle(*step))
    }
}

/// The number of the step that a time is in.
fn step_of(time: Duration) -> u16 {
    // 12 days
    const LONGEST: u64 = 1 << 30;
    let time = u64::try_from(time.as_millis()).unwrap_or(LONGEST);
    let time = time.min(LONGEST);
    if time < 16 {
        return u16::try_from(time).expect("it is small");
    }
    let exponent = u64::from(time.ilog2());
    let step = (exponent - 3) * 16 + ((time >> (exponent - 4)) & 15);
    u16::try_from(step).expect("there are less than 500 steps")
}

/// The time in the middle of a step.
fn middle(step: u16) -> Duration {
    let step = u64::from(step);
    if step < 16 {
        return Duration::from_millis(step);
    }
    let shift = step / 16 - 1;
    let begin = (16 + step % 16) << shift;
    Duration::from_millis(begin + (1 << shift) / 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::SourceLine;
    use crate::outcome::Failure;

    #[test]
    fn percentiles_are_near_the_true_ones() {
        let mut times = Histogram::default();
        for time in 1..=20_000 {
            times.add(Duration::from_millis(time));
        }
        for (percent, expected) in [(50, 10_000), (95, 19_000), (100, 20_000)] {
            let found = times.percentile(percent).expect("there are times");
            let found = found.as_millis();
            assert!(found.abs_diff(expected) * 100 <= expected * 3, "{found}");
        }
        assert!(times.0.len() < 200);
        assert_eq!(Histogram::default().percentile(50), None);
        for time in [0, 1, 15, 16, 17, 1 << 30, u64::MAX] {
            let step = step_of(Duration::from_millis(time));
            assert_eq!(step_of(middle(step)), step);
        }
    }

    #[test]
    fn of_two_reasons_that_are_as_frequent_the_order_of_links_decides_nothing() {
        let of = |statuses: [Status; 2]| HostRow {
            failures: statuses.map(|status| (status, 1)).to_vec(),
            ..HostRow::default()
        };
        let (one, other) = (Status::Timeout, Status::Login);
        assert_eq!(of([one, other]).mostly(), of([other, one]).mostly());
    }

    #[test]
    fn the_worst_hosts_are_kept_and_no_link_is_lost() {
        let place = SourceLine {
            source: "list".into(),
            line: 1,
        };
        let url = url::Url::parse("http://a.example/").expect("a URL");
        let failure = Failure::new(Status::Timeout, "x");
        let failed = Record::new(&place, &url, Outcome::Failed(failure));
        let mut table = HostTable::default();
        let count = MOST as u64 * 3;
        table.count("bad.example", &failed);
        table.count("bad.example", &failed);
        for number in 0..count {
            table.count(&format!("{number}.example"), &failed);
        }
        assert!(table.hosts.len() <= MOST);
        let shown = table.shown();
        assert_eq!(shown.hosts[0].0, "bad.example");
        assert_eq!(shown.hosts.len(), 2 * SHOWN);
        let failed: u64 = shown.hosts.iter().map(|(_, row)| row.failed()).sum();
        assert_eq!(failed + shown.rest.1.failed(), count + 2);
    }
}
