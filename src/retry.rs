//! Whether and when a failed link is retried. The policy is a pure value that never sleeps.
//!
//! A link is retried if its failure is likely to be temporary: no connection, a reset, a timeout, a body that broke off, a file
//! that the server is still making, and status codes that say so: see [`Failure::retryable`]. The pause is random up to a limit that doubles with each retry ("full
//! jitter"), so that the clients of a server that comes back do not all return at once.

use std::time::{Duration, SystemTime};

use crate::outcome::{Failure, Status};

/// The default number of retries of a link.
pub(crate) const DEFAULT_RETRIES: u32 = 4;

/// When to retry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RetryPolicy {
    /// How many attempts follow the first one.
    pub retries: u32,
    /// The longest pause before the first retry; it doubles with each retry.
    pub delay: Duration,
    /// The longest pause before any retry, and the longest that a server may ask for.
    pub max_wait: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            retries: DEFAULT_RETRIES,
            delay: Duration::from_secs(1),
            max_wait: Duration::from_mins(1),
        }
    }
}

impl RetryPolicy {
    /// The pause after `attempts` attempts, the last of which ended with `failure`; none to give up.
    ///
    /// It is never shorter than the server asks for, and none if that is longer than [`RetryPolicy::max_wait`].
    pub(crate) fn pause(&self, attempts: u32, failure: &Failure) -> Option<Duration> {
        let by_run = matches!(failure.status, Status::Disk | Status::Interrupted);
        if by_run || !failure.retryable() || attempts > self.retries {
            return None;
        }
        let pause = self.longest_pause(attempts).mul_f64(fastrand::f64());
        match failure.retry_after {
            Some(requested) if requested > self.max_wait => None,
            Some(requested) => Some(requested.max(pause)),
            None => Some(pause),
        }
    }

    /// The pause of a whole host that seems to block this program, after so many `attempts`. At least half of the longest one,
    /// because nobody else knows of it.
    pub(crate) fn pause_of_host(&self, attempts: u32) -> Duration {
        self.longest_pause(attempts)
            .mul_f64(0.5 + fastrand::f64() / 2.0)
    }

    /// The final `failure` of a link, which is `rate_limited` if the server asked for too long a pause. A file that is still
    /// being made takes its time for everybody.
    pub(crate) fn verdict(&self, failure: Failure) -> Failure {
        match failure.retry_after {
            Some(requested) if requested > self.max_wait && failure.retryable() => {
                let (message, seconds) = (&failure.message, requested.as_secs());
                let status = match failure.http_status {
                    Some(202) => failure.status,
                    _ => Status::RateLimited,
                };
                Failure {
                    status,
                    message: format!("{message}; the server asks to retry after {seconds} s"),
                    ..failure
                }
            }
            _ => failure,
        }
    }

    fn longest_pause(&self, attempts: u32) -> Duration {
        let doublings = attempts.saturating_sub(1).min(31);
        self.delay.saturating_mul(1 << doublings).min(self.max_wait)
    }
}

/// The value of a `Retry-After` header, in seconds or as a date (RFC 9110 section 10.2.3), as the time from `now`: the `Date`
/// of the response, because the clock of its server may be wrong. None if it is neither, or in the past.
///
/// Some servers send fractions of seconds, which the RFC does not allow.
pub(crate) fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    let (whole, fraction) = value.split_once('.').unwrap_or((value, "0"));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_number(whole) && is_number(fraction) {
        // a number that overflows still asks for a long pause
        let seconds = value.parse().ok();
        let seconds = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        return Some(seconds.unwrap_or(Duration::MAX));
    }
    let date = httpdate::parse_http_date(value).ok();
    let date = date.or_else(|| humantime::parse_rfc3339(value).ok())?;
    date.duration_since(now).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn temporary() -> Failure {
        Failure::new(Status::Connect, "refused")
    }

    #[test]
    fn links_are_retried_as_often_as_configured() {
        let policy = RetryPolicy {
            retries: 2,
            ..RetryPolicy::default()
        };
        assert!(policy.pause(2, &temporary()).is_some());
        assert_eq!(policy.pause(3, &temporary()), None);
        assert_eq!(
            RetryPolicy {
                retries: 0,
                ..policy
            }
            .pause(1, &temporary()),
            None
        );
    }

    #[test]
    fn permanent_failures_are_not_retried() {
        for status in [
            Status::NotPdf,
            Status::Tls,
            Status::Disk,
            Status::BadLink,
            Status::TooManyRedirects,
        ] {
            assert_eq!(
                RetryPolicy::default().pause(1, &Failure::new(status, "")),
                None
            );
        }
    }

    #[test]
    fn a_pause_is_as_long_as_the_server_asks_or_the_link_fails() {
        let asks = |seconds| Failure {
            retry_after: Some(Duration::from_secs(seconds)),
            ..temporary()
        };
        let policy = RetryPolicy::default();
        assert_eq!(policy.pause(1, &asks(60)), Some(Duration::from_mins(1)));
        assert_eq!(policy.pause(1, &asks(61)), None);
        let verdict = |code| {
            let http_status = Some(code);
            let failure = Failure {
                http_status,
                status: Status::HttpStatus,
                ..asks(61)
            };
            policy.verdict(failure).status
        };
        assert_eq!(
            [202, 503].map(verdict),
            [Status::HttpStatus, Status::RateLimited]
        );
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:30 GMT").expect("a date");
        let wait = |value| retry_after(value, now);
        assert_eq!(wait("120"), Some(Duration::from_mins(2)));
        assert_eq!(wait(" 0 "), Some(Duration::ZERO));
        assert_eq!(wait("99999999999999999999999"), Some(Duration::MAX));
        assert_eq!(wait("1.5"), Some(Duration::from_millis(1500)));
        for date in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "1994-11-06T08:49:37Z",
        ] {
            assert_eq!(wait(date), Some(Duration::from_secs(7)), "{date}");
        }
        for nothing in [
            "",
            "-1",
            ".5",
            "1.",
            "1e3",
            "soon",
            "Sun, 06 Nov 1994 08:49:20 GMT",
        ] {
            assert_eq!(wait(nothing), None, "{nothing}");
        }
    }

    proptest! {
        #[test]
        fn pauses_stay_within_their_bounds(attempts in 1..200u32, delay in 0..100_000u64) {
            let policy = RetryPolicy { retries: 200, delay: Duration::from_millis(delay), ..RetryPolicy::default() };
            let pause = policy.pause(attempts, &temporary()).expect("attempts are left");
            prop_assert!(pause <= policy.longest_pause(attempts));
            prop_assert!(policy.longest_pause(attempts) <= policy.max_wait);
            prop_assert!(policy.longest_pause(attempts) <= policy.longest_pause(attempts + 1));
        }

        #[test]
        fn any_retry_after_is_parsed_without_panic(value in ".*") {
            let _ = retry_after(&value, SystemTime::now());
        }
    }
}
