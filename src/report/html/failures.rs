//! The links that failed, by reason, up to a bound.

use std::collections::BTreeMap;

use url::Url;

use crate::link::SourceLine;
use crate::outcome::{Cause, Failure, Record};
use crate::report::reasons::{Reason, reason};
use crate::text::{cut, masked, printable};

/// Up to this number of links in the list, all failures are listed.
pub(super) const SHORT_LIST: u64 = 10_000;

/// How many failures are listed of a longer list.
pub(super) const LISTED: usize = 5000;

/// How much of a URL is kept, in characters.
const LONGEST_URL: usize = 2000;

/// The failures of a run.
#[derive(Debug, Default)]
pub(super) struct Failures {
    groups: BTreeMap<Reason, Group>,
    /// The number of the next one.
    next: usize,
    is_long: bool,
}

/// The failures with the same reason.
#[derive(Debug, Default)]
pub(super) struct Group {
    pub(super) count: u64,
    /// Whether another run may succeed with some of them.
    pub(super) retryable: bool,
    /// The first ones.
    pub(super) rows: Vec<Row>,
}

/// A link that failed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Row {
    number: usize,
    pub(super) source_line: SourceLine,
    pub(super) link: Shown,
    pub(super) id: Option<Box<str>>,
    pub(super) message: Box<str>,
    pub(super) attempts: u32,
}

/// A link as it may be shown.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) text: Box<str>,
    /// Whether `text` is a URL that can be opened.
    pub(super) opens: bool,
}

impl Shown {
    pub(super) fn new(url: &str) -> Self {
        let text = printable(&cut(&masked(url), LONGEST_URL));
        let is_web = || Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
        Self {
            opens: text == url && is_web(),
            text: text.into(),
        }
    }
}

impl Failures {
    pub(super) fn count(&mut self, record: &Record, failure: &Failure) {
        let group = self.groups.entry(reason_of(failure)).or_default();
        group.count += 1;
        group.retryable |= failure.retryable();
        let most = if self.is_long { LISTED } else { usize::MAX };
        if self.next < most {
            group.rows.push(Row::new(self.next, record, failure));
            self.next += 1;
        }
    }

    /// Takes back that a link was counted.
    pub(super) fn uncount(&mut self, record: &Record, failure: &Failure) {
        let reason = reason_of(failure);
        let Some(group) = self.groups.get_mut(&reason) else {
            return;
        };
        group.count = group.count.saturating_sub(1);
        let row = Row::new(0, record, failure);
        let is_same = |known: &Row| known.source_line == row.source_line && known.link == row.link;
        group.rows.retain(|known| !is_same(known));
        self.groups.retain(|_, group| group.count > 0);
    }

    /// The list has become a long one: only the first failures are listed.
    pub(super) fn shorten(&mut self) {
        if std::mem::replace(&mut self.is_long, true) {
            return;
        }
        for group in self.groups.values_mut() {
            group.rows.retain(|row| row.number < LISTED);
            group.rows.shrink_to_fit();
        }
    }

    /// The reasons, the most frequent first.
    pub(super) fn groups(&self) -> Vec<(Reason, &Group)> {
        let groups = self.groups.iter().map(|(reason, group)| (*reason, group));
        let mut groups: Vec<_> = groups.collect();
        groups.sort_by_key(|(_, group)| std::cmp::Reverse(group.count));
        groups
    }

    /// How many are listed.
    pub(super) fn listed(&self) -> usize {
        self.groups.values().map(|group| group.rows.len()).sum()
    }
}

impl Row {
    fn new(number: usize, record: &Record, failure: &Failure) -> Self {
        Self {
            number,
            source_line: record.source_line.clone(),
            link: Shown::new(&record.url),
            id: record
                .id
                .as_deref()
                .map(|id| printable(&cut(id, LONGEST_URL)).into()),
            message: failure.message.as_str().into(),
            attempts: record.attempts,
        }
    }
}

fn reason_of(failure: &Failure) -> Reason {
    reason(failure).unwrap_or((failure.status, None, Cause::Unknown))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_open_urls_of_the_web_become_links() {
        let long = format!("http://a.example/{}", "x".repeat(LONGEST_URL));
        for (url, opens) in [
            ("http://a.example/x.pdf?a=1", true),
            ("https://a.example/", true),
            ("javascript:alert(1)", false),
            ("data:text/html,x", false),
            ("ftp://a.example/", false),
            ("not a link", false),
            ("https://a.example/x?token=abc", false),
            ("https://a.example/\u{202e}fdp", false),
            (&long, false),
        ] {
            assert_eq!(Shown::new(url).opens, opens, "{url}");
        }
        assert!(
            !Shown::new("https://a.example/x?token=abc")
                .text
                .contains("abc")
        );
    }
}
