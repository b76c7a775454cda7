//! Whether and when a failed link is tried again: pure values that never sleep.
//!
//! A link is tried again when its failure speaks of the moment: no connection, a reset, a timeout, a body that ended
//! early, 408, 425, 429, and 5xx except 501 and 505. The pause doubles from try to try and is spread over its whole
//! length, so that the clients of a server that comes back do not come back all at once ("full jitter").

use std::time::{Duration, SystemTime};

use crate::outcome::{Failure, Status};

/// How often a link is tried again by default.
pub(crate) const DEFAULT_RETRIES: u32 = 4;

/// The longest first pause by default.
pub(crate) const DEFAULT_DELAY: Duration = Duration::from_secs(1);

/// No pause of ours is longer, and no server that asks for a longer one is waited for.
pub(crate) const DEFAULT_MAX_WAIT: Duration = Duration::from_mins(1);

/// When to try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RetryPolicy {
    /// Tries after the first one.
    pub retries: u32,
    /// The longest first pause; each later one may be twice as long as the one before.
    pub delay: Duration,
    /// The longest pause of all.
    pub max_wait: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            retries: DEFAULT_RETRIES,
            delay: DEFAULT_DELAY,
            max_wait: DEFAULT_MAX_WAIT,
        }
    }
}

impl RetryPolicy {
    /// The pause before the next try after `tries` tries, the last of which ended with `failure`; none to give up.
    ///
    /// A server's own wish is never undercut; one that is longer than [`RetryPolicy::max_wait`] is not waited for.
    pub(crate) fn pause(&self, tries: u32, failure: &Failure) -> Option<Duration> {
        let passing =
            failure.retryable() && !matches!(failure.status, Status::Disk | Status::Interrupted);
        if !passing || tries > self.retries {
            return None;
        }
        let pause = self.longest_pause(tries).mul_f64(fastrand::f64());
        match failure.retry_after {
            Some(asked) if asked > self.max_wait => None,
            Some(asked) => Some(asked.max(pause)),
            None => Some(pause),
        }
    }

    /// `failure` as the last word on a link: a server whose wish was too long is said to limit the rate.
    pub(crate) fn verdict(&self, failure: Failure) -> Failure {
        match failure.retry_after {
            Some(asked) if asked > self.max_wait && failure.retryable() => Failure {
                status: Status::RateLimited,
                message: format!(
                    "{}; the server asks to come back in {} s",
                    failure.message,
                    asked.as_secs()
                ),
                ..failure
            },
            _ => failure,
        }
    }

    fn longest_pause(&self, tries: u32) -> Duration {
        let doublings = tries.saturating_sub(1).min(31);
        self.delay.saturating_mul(1 << doublings).min(self.max_wait)
    }
}

/// The value of a `Retry-After` field, in seconds or as a date (RFC 9110 section 10.2.3), as the time from `now`.
/// What is neither, or is past, counts as absent.
pub(crate) fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // a number too long for us is still a wish to wait long
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    httpdate::parse_http_date(value)
        .ok()?
        .duration_since(now)
        .ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn passing() -> Failure {
        Failure::new(Status::Connect, "refused")
    }

    #[test]
    fn as_many_tries_as_asked() {
        let policy = RetryPolicy {
            retries: 2,
            ..RetryPolicy::default()
        };
        assert!(policy.pause(2, &passing()).is_some());
        assert_eq!(policy.pause(3, &passing()), None);
        assert_eq!(
            RetryPolicy {
                retries: 0,
                ..policy
            }
            .pause(1, &passing()),
            None
        );
    }

    #[test]
    fn what_will_not_pass_is_not_tried_again() {
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
    fn a_server_is_waited_for_as_it_asks_or_not_at_all() {
        let asks = |seconds| Failure {
            retry_after: Some(Duration::from_secs(seconds)),
            ..passing()
        };
        let policy = RetryPolicy::default();
        assert_eq!(policy.pause(1, &asks(60)), Some(Duration::from_mins(1)));
        assert_eq!(policy.pause(1, &asks(61)), None);
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:30 GMT").expect("a date");
        let wait = |value| retry_after(value, now);
        assert_eq!(wait("120"), Some(Duration::from_mins(2)));
        assert_eq!(wait(" 0 "), Some(Duration::ZERO));
        assert_eq!(
            wait("99999999999999999999999"),
            Some(Duration::from_secs(u64::MAX))
        );
        for date in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ] {
            assert_eq!(wait(date), Some(Duration::from_secs(7)), "{date}");
        }
        for nothing in ["", "-1", "1.5", "soon", "Sun, 06 Nov 1994 08:49:20 GMT"] {
            assert_eq!(wait(nothing), None, "{nothing}");
        }
    }

    proptest! {
        #[test]
        fn pauses_stay_within_their_bounds(tries in 1..200u32, delay in 0..100_000u64) {
            let policy = RetryPolicy { retries: 200, delay: Duration::from_millis(delay), ..RetryPolicy::default() };
            let pause = policy.pause(tries, &passing()).expect("tries are left");
            prop_assert!(pause <= policy.longest_pause(tries));
            prop_assert!(policy.longest_pause(tries) <= policy.max_wait);
            prop_assert!(policy.longest_pause(tries) <= policy.longest_pause(tries + 1));
        }

        #[test]
        fn any_retry_after_is_read(value in ".*") {
            let _ = retry_after(&value, SystemTime::now());
        }
    }
}
