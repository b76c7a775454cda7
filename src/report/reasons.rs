//! Why links failed: counts, a few examples, the hosts, and what to do about it.
//!
//! Failures are grouped by what a person can do about them: by their status, by the status code of the response, and by
//! their cause where that is known. A group shows failures of different hosts and with different messages first.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::fmt;

use super::View;
use crate::outcome::{Cause, Failure, Record, Status};
use crate::text::{legible, printable, wrapped};

/// How many examples of each reason are shown.
const EXAMPLES: usize = 3;

/// How many hosts of each reason are named.
const NAMED: usize = 5;

/// How many hosts of each reason are counted. Bounds the memory for lists with millions of hosts.
const COUNTED: usize = 1000;

/// The failures of a run, grouped by reason.
#[derive(Debug, Clone, Default)]
pub struct Reasons(BTreeMap<Reason, Group>);

/// The status of a failure, the status code of the response if that is what failed, and the cause.
pub(super) type Reason = (Status, Option<u16>, Cause);

#[derive(Debug, Clone, Default)]
struct Group {
    count: u64,
    /// Examples that differ in their host or message, and others in case there are too few.
    examples: [Vec<Example>; 2],
    hosts: HashMap<Box<str>, u64>,
    retryable: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Example {
    host: Box<str>,
    message: String,
    /// The line of the link, and its URL.
    link: String,
}

impl Reasons {
    /// Counts a link that failed at `host`, which is empty if it has none.
    pub(crate) fn count(&mut self, host: &str, record: &Record, failure: &Failure) {
        if let Some(reason) = reason(failure) {
            let group = self.0.entry(reason).or_default();
            group.count(without_scheme(host), record, failure);
        }
    }

    /// Takes back that a link was counted that failed at `host`.
    pub(crate) fn uncount(&mut self, host: &str, record: &Record, failure: &Failure) {
        let Some(reason) = reason(failure) else {
            return;
        };
        if let Some(group) = self.0.get_mut(&reason) {
            group.uncount(without_scheme(host), record, failure);
            self.0.retain(|_, group| group.count > 0);
        }
    }
}

impl Group {
    fn count(&mut self, host: &str, record: &Record, failure: &Failure) {
        self.count += 1;
        self.retryable |= failure.retryable();
        if let Some(count) = self.hosts.get_mut(host) {
            *count += 1;
        } else if self.hosts.len() < COUNTED && !host.is_empty() {
            self.hosts.insert(host.into(), 1);
        }
        let is_same = |other: &Example| *other.host == *host && other.message == failure.message;
        let kept = &mut self.examples[usize::from(self.examples[0].iter().any(is_same))];
        if kept.len() < EXAMPLES {
            kept.push(Example::new(host, record, failure));
        }
    }

    fn uncount(&mut self, host: &str, record: &Record, failure: &Failure) {
        self.count = self.count.saturating_sub(1);
        if let Some(count) = self.hosts.get_mut(host) {
            *count -= 1;
            if *count == 0 {
                self.hosts.remove(host);
            }
        }
        let example = Example::new(host, record, failure);
        for kept in &mut self.examples {
            kept.retain(|other| *other != example);
        }
    }

    fn write_examples(&self, f: &mut fmt::Formatter<'_>, view: View) -> fmt::Result {
        let examples = self.examples.iter().flatten().take(EXAMPLES);
        for Example { link, message, .. } in examples.clone() {
            let example = format!("  {link}: {message}");
            writeln!(f, "{}", wrapped(&example, view.columns, 4))?;
        }
        match self.count.saturating_sub(examples.count() as u64) {
            0 => Ok(()),
            more => writeln!(f, "  and {more} more"),
        }
    }

    /// The hosts with the most failures, if that says more than the examples.
    fn hosts(&self) -> Option<String> {
        if self.hosts.len() < 2 || self.count <= EXAMPLES as u64 {
            return None;
        }
        let mut hosts: Vec<_> = self.hosts.iter().collect();
        hosts.sort_by_key(|(host, count)| (Reverse(*count), *host));
        let named = hosts.iter().take(NAMED);
        let named: Vec<_> = named
            .map(|(host, count)| format!("{host} ({count})"))
            .collect();
        let named = named.join(", ");
        Some(match hosts.len().saturating_sub(NAMED) {
            0 => named,
            others if hosts.len() < COUNTED => format!("{named} and {others} more"),
            _ => format!("{named} and many more"),
        })
    }
}

impl Example {
    fn new(host: &str, record: &Record, failure: &Failure) -> Self {
        let url = legible(&record.url);
        Self {
            host: host.into(),
            message: failure.message.clone(),
            // records may not say where the link was
            link: match &record.source_line {
                line if line.source.is_empty() => url,
                line => format!("{}: {url}", printable(&line.to_string())),
            },
        }
    }
}

/// The reason of a failure. Links that the end of the run interrupted have none of their own.
pub(super) fn reason(failure: &Failure) -> Option<Reason> {
    let code = match failure.status {
        Status::Interrupted => return None,
        Status::HttpStatus => failure.http_status,
        _ => None,
    };
    Some((failure.status, code, failure.cause))
}

fn without_scheme(host: &str) -> &str {
    host.split_once("://").map_or(host, |(_, host)| host)
}

impl Reasons {
    /// Whether nothing has failed.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Writes the groups: counts and hints, and examples if those are told again.
    pub(super) fn write(&self, f: &mut fmt::Formatter<'_>, view: View) -> fmt::Result {
        let mut groups: Vec<_> = self.0.iter().collect();
        groups.sort_by_key(|(_, group)| Reverse(group.count));
        for (reason @ (status, code, cause), group) in &groups {
            let code = code.map_or_else(String::new, |code| format!(" {code}"));
            let cause = cause
                .words()
                .map_or_else(String::new, |cause| format!(", {cause}"));
            let heading = format!("{} {status}{code}{cause}", group.count);
            writeln!(f, "{}", console::style(heading).red().bold())?;
            if view.repeats {
                group.write_examples(f, view)?;
            }
            if let Some(hosts) = group.hosts() {
                let hosts = format!("  hosts: {}", printable(&hosts));
                writeln!(f, "{}", wrapped(&hosts, view.columns, 4))?;
            }
            if let Some(hint) = hint(**reason, group.retryable) {
                let hint = format!("  {} {hint}", console::style("hint:").cyan());
                writeln!(f, "{}", wrapped(&hint, view.columns, 4))?;
            }
        }
        if groups.is_empty() {
            return Ok(());
        }
        writeln!(f)
    }
}

/// What the user can do about failures with this reason.
pub(super) fn hint((status, code, cause): Reason, retryable: bool) -> Option<&'static str> {
    if (code, cause) == (Some(407), Cause::Authentication) {
        return Some(
            "use another proxy (`--proxy`), such as a local one that authenticates for you",
        );
    }
    let of_cause = hint_of_cause(cause);
    if of_cause.is_some() {
        return of_cause;
    }
    Some(match (status, code) {
        (Status::BadLink, _) => "fix these links",
        (Status::NotPdf, _) => {
            "open a link in a browser to see what the server has in place of the PDF"
        }
        (Status::NoPdfLink, _) => {
            "`fetchpdf landing URL` shows what a page has; `--landing all` also follows links that only look like the PDF"
        }
        (Status::Login, _) => "log in with a browser, and send its cookies: `--cookie`",
        (Status::Consent, _) => {
            "open a link in a browser, answer what it asks, and send its cookies: `--cookie`"
        }
        (Status::ScriptOnly, _) => "scripts are not run: look for another source of these links",
        (Status::HttpStatus, Some(202)) => {
            "the servers are still making these files: run the same command again later, or retry more often (`--retry`)"
        }
        (Status::HttpStatus, Some(401)) => {
            "credentials required: `--user`, `--netrc`, `--cookie`, `--header @FILE`"
        }
        (Status::HttpStatus, Some(407)) => {
            "the proxy requires a user and a password: `--proxy http://USER:PASSWORD@HOST:PORT`"
        }
        (Status::Paywall, _) | (Status::HttpStatus, Some(402)) => {
            "access has to be paid for: send the cookies or the token of an account that has it (`--cookie`, `--header @FILE`)"
        }
        (Status::HttpStatus, Some(403)) => {
            "the server may require a login (`--cookie`) or reject programs (`--user-agent`)"
        }
        (Status::Gone, _) | (Status::HttpStatus, Some(404 | 410)) => {
            "these links are dead: `--error-file` writes them to a list"
        }
        (Status::HttpStatus, Some(451)) => {
            "withheld for legal reasons, perhaps only in your country: look for another source"
        }
        (Status::RateLimited, _) => {
            "send fewer requests (`--per-host 1 --wait 1s`), wait longer (`--retry-max-wait`), or run the same command again later"
        }
        (Status::Blocked, _) => {
            "the host seems to block this program: run the same command again later and slower (`--per-host 1 --wait 5s`), log in (`--cookie`), or, if the files really are the same, use `--no-block-detection`"
        }
        (Status::TooManyRedirects, _) => {
            "a site that redirects in circles may require a login (`--cookie`); `--max-redirs` raises the limit"
        }
        (Status::Timeout, _) => {
            "run the same command again, or allow more time: `--connect-timeout`, `--first-byte-timeout`, `--stall-timeout`, `--max-time`"
        }
        (Status::TooLarge, _) => "`--max-filesize` raises the limit",
        (Status::ChecksumMismatch, _) if retryable => {
            "damaged on the way, or the checksum that the server sends is wrong: run the same command again later"
        }
        (Status::ChecksumMismatch, _) => "either the file or its checksum in the list has changed",
        (Status::Dns, _) => "check the host names and the network connection",
        (Status::Disk, _) => "free up disk space, or choose another folder with `--output`",
        (Status::Upload, _) if retryable => {
            "the files are not in the object store: run the same command again, which fetches what is missing"
        }
        _ if retryable => "may succeed later: the same command retries only what is missing",
        _ => return None,
    })
}

fn hint_of_cause(cause: Cause) -> Option<&'static str> {
    Some(match cause {
        Cause::Unknown => return None,
        Cause::Challenge => {
            "a firewall wants to see a browser: open a link in one, and send its cookies and its name (`--cookie`, `--user-agent`); fewer requests (`--per-host 1 --wait 1s`) may avoid the check"
        }
        Cause::Expired => {
            "signed links are valid for a limited time, and only as they are: get new ones from where these came from"
        }
        Cause::Credentials => {
            "check the user and the password: `--user`, `--netrc`, `--header @FILE`"
        }
        Cause::Authentication => {
            "log in with a browser and send its cookies (`--cookie`), or use a token (`--header @FILE`)"
        }
        Cause::UnknownIssuer => "to trust a private certificate, use `--cacert`",
        Cause::Certificate => {
            "the server needs another certificate, or this machine the right date; `--insecure` accepts any, from anyone on the network path"
        }
        Cause::OldTls => {
            "these servers offer only what is no longer secure: try `http://`, or another source"
        }
        Cause::NoTls => "try these links with `http://`, or with the right port",
        Cause::WantsTls => "try these links with `https://`, or with the right port",
    })
}
