//! Why a link has no file.

use std::fmt;
use std::time::Duration;

use super::Status;
use crate::text::{cut, printable};

/// The longest message, in characters: some quote what a server has sent.
const LONGEST: usize = 500;

/// What is behind failures that have the same status: it tells a person what to do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// Nothing more is known.
    #[default]
    Unknown,
    /// A firewall checks whether the client is a browser.
    Challenge,
    /// The link was signed, and is not valid any more.
    Expired,
    /// The user and password were not accepted.
    Credentials,
    /// The server wants a kind of authentication that is not supported.
    Authentication,
    /// The certificate is not from an authority that is trusted.
    UnknownIssuer,
    /// The certificate is not valid, whoever is trusted.
    Certificate,
    /// The server has no TLS version, cipher or kind of certificate that is supported.
    OldTls,
    /// The server does not speak TLS.
    NoTls,
    /// The server speaks TLS, and the link is for http.
    WantsTls,
}

impl Cause {
    /// All causes that are known.
    const ALL: [Self; 9] = [
        Self::Challenge,
        Self::Expired,
        Self::Credentials,
        Self::Authentication,
        Self::UnknownIssuer,
        Self::Certificate,
        Self::OldTls,
        Self::NoTls,
        Self::WantsTls,
    ];

    /// The cause that a record names with these words.
    pub(crate) fn of_words(words: &str) -> Self {
        let mut all = Self::ALL.into_iter();
        let found = all.find(|cause| cause.words() == Some(words));
        found.unwrap_or_default()
    }

    /// The cause in words; none if it is unknown.
    pub fn words(self) -> Option<&'static str> {
        Some(match self {
            Self::Unknown => return None,
            Self::Challenge => "bot check",
            Self::Expired => "signed link",
            Self::Credentials => "credentials not accepted",
            Self::Authentication => "unsupported authentication",
            Self::UnknownIssuer => "unknown issuer",
            Self::Certificate => "invalid certificate",
            Self::OldTls => "obsolete TLS",
            Self::NoTls => "not TLS",
            Self::WantsTls => "perhaps https",
        })
    }
}

/// Why a link has no file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The class of the failure.
    pub status: Status,
    /// What happened, for a person: lower case, safe to print to a terminal, and not too long.
    pub message: String,
    /// The status code of the response, if there was one.
    pub http_status: Option<u16>,
    /// The `Retry-After` of the response (RFC 9110 section 10.2.3).
    pub retry_after: Option<Duration>,
    /// What is behind it, as far as that is known.
    pub cause: Cause,
    /// Whether this machine or its resolver failed, and not the host.
    pub local: bool,
    /// Whether it may pass, although its status usually means that it does not.
    pub passing: bool,
    /// Whether the disk is full, so that every other link would fail too.
    pub disk_full: bool,
}

impl Failure {
    /// A failure without a response. Control characters in `message` are escaped, and it is cut if it is very long.
    pub fn new(status: Status, message: impl AsRef<str>) -> Self {
        Self {
            status,
            message: printable(&cut(message.as_ref(), LONGEST)),
            http_status: None,
            retry_after: None,
            cause: Cause::Unknown,
            local: false,
            passing: false,
            disk_full: false,
        }
    }

    /// The failure of a link that had not ended when the run did.
    pub fn interrupted() -> Self {
        Self::new(Status::Interrupted, "the run ended before the link did")
    }

    /// The failure of a link that was not tried, because the run had ended.
    pub fn untried() -> Self {
        Self::new(
            Status::Interrupted,
            "the run ended before the link was tried",
        )
    }

    /// Whether another attempt, in this run or a later one, may succeed.
    pub fn retryable(&self) -> bool {
        use Status::{
            Blocked, Connect, Disk, Dns, HostUnhealthy, Interrupted, RateLimited, Timeout,
            Truncated,
        };
        match self.status {
            _ if self.cause == Cause::Challenge => false,
            Status::HttpStatus => self.http_status.is_some_and(|code| {
                retryable_status(code) || self.retry_after.is_some() && may_pass(code)
            }),
            Dns | Connect | Timeout | RateLimited | Blocked | Truncated | HostUnhealthy | Disk
            | Interrupted => true,
            _ => self.passing,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.status, self.message)
    }
}

/// Whether a status code describes a passing state and not the link: 202 (the file is being made), 408, 425, 429, and 5xx
/// except 501 and 505.
fn retryable_status(code: u16) -> bool {
    matches!(code, 202 | 408 | 425 | 429 | 500 | 502..=504 | 506..=599)
}

/// Whether a status code describes a passing state if the server says when to retry: a conflict, a body that it cannot send
/// now, and a lock. A 403 that says so is throttling, and has a status of its own.
fn may_pass(code: u16) -> bool {
    matches!(code, 409 | 413 | 423)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_these_status_codes_are_retryable() {
        let retryable = (100..600).filter(|code| retryable_status(*code));
        let expected = [202, 408, 425, 429, 500, 502, 503, 504].into_iter();
        assert!(retryable.eq(expected.chain(506..600)));
    }
}
