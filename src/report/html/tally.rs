//! What the page tells of a run, in memory that does not grow with its list.

use std::sync::Arc;
use std::time::SystemTime;

use super::failures::{Failures, SHORT_LIST};
use super::host_table::HostTable;
use super::timeline::{Step, Timeline};
use crate::link::SourceLine;
use crate::outcome::{Counts, Outcome, Record, Status};
use crate::text::{cut, printable};

/// How many files are listed of those that are suspect, and of those whose command failed.
const LISTED: usize = 1000;

/// How many lists are named.
const NAMED: usize = 3;

/// How much of a name or a message is kept, in characters.
const LONGEST: usize = 500;

/// What has become of the links so far.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    began: Option<SystemTime>,
    ended: Option<SystemTime>,
    pub(super) counts: Counts,
    pub(super) saved_bytes: u64,
    pub(super) lists: Vec<Arc<str>>,
    pub(super) has_more_lists: bool,
    pub(super) timeline: Timeline,
    pub(super) hosts: HostTable,
    pub(super) failures: Failures,
    pub(super) suspects: Notes,
    pub(super) commands: Notes,
}

/// Files about which there is something to say.
#[derive(Debug, Default)]
pub(super) struct Notes {
    pub(super) count: u64,
    pub(super) listed: Vec<Note>,
}

/// What there is to say about a file.
#[derive(Debug)]
pub(super) struct Note {
    pub(super) source_line: SourceLine,
    pub(super) file: Box<str>,
    pub(super) text: Box<str>,
}

impl Tally {
    /// Notes that the run was under way at this time.
    pub(crate) fn begin(&mut self, when: SystemTime) {
        self.began = Some(self.began.map_or(when, |began| began.min(when)));
        self.ended = Some(self.ended.map_or(when, |ended| ended.max(when)));
    }

    /// Counts a link that ended at `host` at the time `when`, if that is known. The host is empty if none has to do with it.
    pub(crate) fn count(&mut self, host: &str, record: &Record, when: Option<SystemTime>) {
        if let Some(when) = when {
            self.begin(when);
            self.begin(when.checked_sub(record.elapsed).unwrap_or(when));
        }
        self.counts.add(record.outcome.status());
        if self.counts.total() > SHORT_LIST {
            self.failures.shorten();
        }
        self.name_list(&record.source_line.source);
        self.hosts.count(without_scheme(host), record);
        if let Some(step) = step(record) {
            self.saved_bytes += step.bytes;
            if let Some(when) = when {
                self.timeline.add(when, step);
            }
        }
        match &record.outcome {
            Outcome::Failed(failure) => self.failures.count(record, failure),
            Outcome::Saved(saved) => {
                if let Some(why) = &saved.suspect {
                    self.suspects.add(record, &saved.file, why);
                }
                if let Some(error) = &record.exec_error {
                    self.commands.add(record, &saved.file, error);
                }
            }
            Outcome::Duplicate => {}
        }
    }

    /// Takes back that a link was counted.
    pub(crate) fn uncount(&mut self, host: &str, record: &Record) {
        self.counts.remove(record.outcome.status());
        self.hosts.uncount(without_scheme(host), record);
        if let Some(step) = step(record) {
            self.timeline.take_back(step);
            self.saved_bytes = self.saved_bytes.saturating_sub(step.bytes);
        }
        if let Outcome::Failed(failure) = &record.outcome {
            self.failures.uncount(record, failure);
        }
        for notes in [&mut self.suspects, &mut self.commands] {
            notes.remove(record);
        }
    }

    /// Counts a pause of `host`.
    pub(crate) fn count_pause(&mut self, host: &str) {
        self.hosts.count_pause(host);
    }

    /// The number of links with each status.
    pub(crate) fn counts(&self) -> Counts {
        self.counts
    }

    /// The total length of the new files.
    pub(crate) fn saved_bytes(&self) -> u64 {
        self.saved_bytes
    }

    /// When the first link began, and the last one ended.
    pub(crate) fn period(&self) -> Option<(SystemTime, SystemTime)> {
        self.began.zip(self.ended)
    }

    fn name_list(&mut self, list: &Arc<str>) {
        if self.lists.contains(list) {
            return;
        }
        if self.lists.len() < NAMED {
            self.lists.push(Arc::clone(list));
        } else {
            self.has_more_lists = true;
        }
    }
}

impl Notes {
    fn add(&mut self, record: &Record, file: &str, text: &str) {
        self.count += 1;
        let short = |text: &str| printable(&cut(text, LONGEST)).into();
        if self.listed.len() < LISTED {
            self.listed.push(Note {
                source_line: record.source_line.clone(),
                file: short(file),
                text: short(text),
            });
        }
    }

    fn remove(&mut self, record: &Record) {
        let before = self.listed.len();
        let place = &record.source_line;
        self.listed.retain(|note| note.source_line != *place);
        self.count -= (before - self.listed.len()) as u64;
    }
}

/// What a record adds to the time line: files that are new, and failures.
fn step(record: &Record) -> Option<Step> {
    match &record.outcome {
        Outcome::Saved(saved) if is_new(saved.status) => Some(Step {
            saved: 1,
            failed: 0,
            bytes: saved.bytes,
        }),
        Outcome::Failed(_) => Some(Step {
            saved: 0,
            failed: 1,
            bytes: 0,
        }),
        _ => None,
    }
}

fn is_new(status: Status) -> bool {
    matches!(status, Status::Downloaded | Status::Resumed)
}

fn without_scheme(host: &str) -> &str {
    host.split_once("://").map_or(host, |(_, host)| host)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;
    use crate::outcome::{Failure, Saved};

    #[test]
    fn what_is_taken_back_leaves_nothing() {
        let saved = Saved {
            status: Status::Downloaded,
            suspect: Some("odd".into()),
            ..Saved::present("a.pdf".to_owned(), 7, UNIX_EPOCH)
        };
        let failure = Failure::new(Status::Timeout, "too slow");
        for outcome in [Outcome::Saved(saved), Outcome::Failed(failure)] {
            let place = SourceLine {
                source: "links.txt".into(),
                line: 1,
            };
            let record = Record {
                attempts: 2,
                elapsed: Duration::from_secs(3),
                exec_error: Some("exit code 1".to_owned()),
                ..Record::of_line(place, "http://a.example/".to_owned(), outcome)
            };
            let mut tally = Tally::default();
            tally.count("http://a.example", &record, Some(SystemTime::now()));
            assert_eq!(tally.counts.total(), 1);
            tally.uncount("http://a.example", &record);
            assert_eq!((tally.counts.total(), tally.saved_bytes), (0, 0));
            assert_eq!(tally.failures.groups().len(), 0);
            assert_eq!((tally.suspects.count, tally.commands.count), (0, 0));
            assert!(
                tally
                    .timeline
                    .steps()
                    .all(|(_, step)| step == Step::default())
            );
            let hosts = tally.hosts.shown().hosts;
            assert!(hosts.iter().all(|(_, row)| row.failed() + row.saved == 0));
        }
    }
}
