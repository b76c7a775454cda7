//! Why links failed: counts, a few examples, and what to do about it.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;

use crate::outcome::{Failure, Record, Status};
use crate::text::{legible, printable};

/// How many examples of each reason are kept.
const EXAMPLES: usize = 3;

/// The failures of a run, grouped by reason. [`fmt::Display`] is their part of the summary.
#[derive(Debug, Clone, Default)]
pub struct Reasons(BTreeMap<Reason, Group>);

/// The status of a failure, with the status code of the response if that is what failed.
type Reason = (Status, Option<u16>);

#[derive(Debug, Clone, Default)]
struct Group {
    count: u64,
    examples: Vec<String>,
    retryable: bool,
}

impl Reasons {
    /// Counts a failed link. Links that the end of the run interrupted have no reason of their own.
    pub(crate) fn count(&mut self, record: &Record, failure: &Failure) {
        let code = match failure.status {
            Status::Interrupted => return,
            Status::HttpStatus => failure.http_status,
            _ => None,
        };
        let group = self.0.entry((failure.status, code)).or_default();
        group.count += 1;
        group.retryable |= failure.retryable();
        if group.examples.len() < EXAMPLES {
            let line = printable(&record.source_line.to_string());
            let example = format!("{line}: {}: {}", legible(&record.url), failure.message);
            group.examples.push(example);
        }
    }
}

impl fmt::Display for Reasons {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut groups: Vec<_> = self.0.iter().collect();
        groups.sort_by_key(|(_, group)| Reverse(group.count));
        for (reason @ (status, code), group) in &groups {
            let code = code.map_or_else(String::new, |code| format!(" {code}"));
            let heading = format!("{} {status}{code}", group.count);
            writeln!(f, "{}", console::style(heading).red().bold())?;
            for example in &group.examples {
                writeln!(f, "  {example}")?;
            }
            let more = group.count - group.examples.len() as u64;
            if more > 0 {
                writeln!(f, "  and {more} more")?;
            }
            if let Some(hint) = hint(**reason, group.retryable) {
                writeln!(f, "  {} {hint}", console::style("hint:").cyan())?;
            }
        }
        if groups.is_empty() {
            return Ok(());
        }
        writeln!(f)
    }
}

/// What the user can do about failures with this reason.
fn hint((status, code): Reason, retryable: bool) -> Option<&'static str> {
    Some(match (status, code) {
        (Status::BadLink, _) => "fix these lines of the list",
        (Status::NotPdf, _) => {
            "a page instead of a file is often a login page: `--cookie` sends the cookies of a browser; `--extract` finds links in pages"
        }
        (Status::HttpStatus, Some(401 | 407)) => {
            "credentials required: `--netrc`, `--cookie`, `--header @FILE`"
        }
        (Status::HttpStatus, Some(403)) => {
            "the server may require a login (`--cookie`) or reject programs (`--user-agent`)"
        }
        (Status::HttpStatus, Some(404 | 410)) => {
            "these links are dead: `--error-file` writes them to a list"
        }
        (Status::RateLimited, _) => {
            "send fewer requests (`--per-host 1 --wait 1s`), wait longer (`--retry-max-wait`), or run the same command again later"
        }
        (Status::Tls, _) => "to trust a private certificate, use `--cacert`",
        (Status::Timeout, _) => {
            "run the same command again, or allow more time: `--first-byte-timeout`, `--stall-timeout`, `--max-time`"
        }
        (Status::TooLarge, _) => "`--max-filesize` raises the limit",
        (Status::ChecksumMismatch, _) => "either the file or its checksum in the list has changed",
        (Status::Dns, _) => "check the host names and the network connection",
        (Status::Disk, _) => "free up disk space, or choose another folder with `--output`",
        _ if retryable => "may succeed later: the same command retries only what is missing",
        _ => return None,
    })
}
