//! Why a link has no file.

use std::fmt;
use std::time::Duration;

use super::Status;
use crate::text::printable;

/// Why a link has no file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The class of the failure.
    pub status: Status,
    /// What happened, for a person: lower case, and safe to print on a terminal.
    pub message: String,
    /// The status code of the answer, if there was one.
    pub http_status: Option<u16>,
    /// How long the server asked to wait (RFC 9110 section 10.2.3).
    pub retry_after: Option<Duration>,
    /// Whether it is not the host of the link that failed, but one that it redirected to.
    pub elsewhere: bool,
    /// Whether the disk is full, so that no other link can do better.
    pub disk_full: bool,
}

impl Failure {
    /// A failure without an answer of a server. Control characters in `message` are made visible.
    pub fn new(status: Status, message: impl AsRef<str>) -> Self {
        Self {
            status,
            message: printable(message.as_ref()),
            http_status: None,
            retry_after: None,
            elsewhere: false,
            disk_full: false,
        }
    }

    /// The failure of a link that the end of the run has cut off.
    pub fn interrupted() -> Self {
        Self::new(Status::Interrupted, "the run ended before this link did")
    }

    /// Whether another attempt, now or in another run, may end better.
    pub fn retryable(&self) -> bool {
        match self.status {
            Status::HttpStatus => self.http_status.is_some_and(retryable_status),
            Status::Dns
            | Status::Connect
            | Status::Timeout
            | Status::RateLimited
            | Status::Truncated
            | Status::HostUnhealthy
            | Status::Disk
            | Status::Interrupted => true,
            _ => false,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.status, self.message)
    }
}

/// Whether a status code speaks of the moment and not of the link: 408, 425, 429, and 5xx except 501 and 505.
fn retryable_status(code: u16) -> bool {
    matches!(code, 408 | 425 | 429 | 500 | 502..=504 | 506..=599)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_these_status_codes_are_tried_again() {
        let retried: Vec<u16> = (100..600).filter(|code| retryable_status(*code)).collect();
        let expected: Vec<u16> = [408, 425, 429, 500, 502, 503, 504]
            .into_iter()
            .chain(506..600)
            .collect();
        assert_eq!(retried, expected);
    }
}
