//! Why links have failed: counts, a few examples, and what can be done about it.

use std::collections::BTreeMap;
use std::fmt;

use parking_lot::Mutex;

use crate::outcome::{Outcome, Record, Status};

/// So many examples of each reason are kept.
const EXAMPLES: usize = 3;

/// Why the links of a run have failed, while it goes on.
#[derive(Debug, Default)]
pub(crate) struct ReasonStats(Mutex<Reasons>);

/// Why links have failed, by reason. [`fmt::Display`] is their part of the summary.
#[derive(Debug, Clone, Default)]
pub struct Reasons(BTreeMap<Reason, Group>);

/// The word of a failure, with the status code if the answer is the failure.
type Reason = (Status, Option<u16>);

#[derive(Debug, Clone, Default)]
struct Group {
    count: u64,
    examples: Vec<String>,
    retryable: bool,
}

impl ReasonStats {
    /// Counts a link, if it has failed. What the end of the run has cut off is no reason.
    pub(crate) fn count(&self, record: &Record) {
        let Outcome::Failed(failure) = &record.outcome else {
            return;
        };
        if failure.status == Status::Interrupted {
            return;
        }
        let code = failure
            .http_status
            .filter(|_| failure.status == Status::HttpStatus);
        let mut reasons = self.0.lock();
        let group = reasons.0.entry((failure.status, code)).or_default();
        group.count += 1;
        group.retryable |= failure.retryable();
        if group.examples.len() < EXAMPLES {
            let Record {
                source_line, url, ..
            } = record;
            group
                .examples
                .push(format!("{source_line}: {url}: {}", failure.message));
        }
    }

    /// What has been counted.
    pub(crate) fn take(&self) -> Reasons {
        std::mem::take(&mut *self.0.lock())
    }
}

impl fmt::Display for Reasons {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut groups: Vec<_> = self.0.iter().collect();
        groups.sort_by_key(|(_, group)| std::cmp::Reverse(group.count));
        for (reason @ (status, code), group) in groups {
            let code = code.map_or_else(String::new, |code| format!(" {code}"));
            let heading = format!("{} {status}{code}", group.count);
            writeln!(f, "{}", console::style(heading).red().bold())?;
            for example in &group.examples {
                writeln!(f, "  {example}")?;
            }
            match group.count.saturating_sub(EXAMPLES as u64) {
                0 => {}
                more => writeln!(f, "  and {more} more")?,
            }
            if let Some(hint) = hint(*reason, group.retryable) {
                writeln!(f, "  {} {hint}", console::style("hint:").cyan())?;
            }
        }
        if self.0.is_empty() {
            Ok(())
        } else {
            writeln!(f)
        }
    }
}

/// What can be done about failures for this reason.
fn hint((status, code): Reason, retryable: bool) -> Option<&'static str> {
    Some(match (status, code) {
        (Status::BadLink, _) => "mend these lines of the list",
        (Status::NotPdf, _) => {
            "a page in place of a file is often a login: `--cookie` takes the cookies of a browser; `--extract` finds links in pages"
        }
        (Status::HttpStatus, Some(401 | 407)) => {
            "who may have it? `--netrc`, `--cookie`, `--header @FILE`"
        }
        (Status::HttpStatus, Some(403)) => {
            "perhaps only for those who have logged in (`--cookie`), or not for programs (`--user-agent`)"
        }
        (Status::HttpStatus, Some(404 | 410)) => {
            "these links are dead: `--error-file` writes them to a list"
        }
        (Status::RateLimited, _) => {
            "ask less (`--per-host 1 --wait 1s`), wait longer (`--retry-max-wait`), or run the same command again later"
        }
        (Status::Tls, _) => "a certificate that is private is trusted with `--cacert`",
        (Status::Timeout, _) => {
            "run the same command again, or give them more time: `--first-byte-timeout`, `--stall-timeout`, `--max-time`"
        }
        (Status::TooLarge, _) => "`--max-filesize` takes larger ones",
        (Status::ChecksumMismatch, _) => "the file or the checksum in the list is another one now",
        (Status::Dns, _) => "are these names right, and is there a network?",
        (Status::Disk, _) => "make room, or take another folder with `--output`",
        _ if retryable => "may pass: the same command again tries only what is missing",
        _ => return None,
    })
}
