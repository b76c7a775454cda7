//! What the outcome of a link says about its host, for the circuit breaker and the pace of the host.

use std::time::Duration;

use crate::outcome::{Failure, Status};
use crate::queue::Feedback;

/// What `failure` says about the host of its link, which is retried after `pause`. A host that throttles is paused for as
/// long, or for as long as it asks for, up to `longest`.
pub(crate) fn feedback(failure: &Failure, pause: Duration, longest: Duration) -> Feedback {
    let message = || failure.to_string().into();
    let pause = pause.max(failure.retry_after.unwrap_or_default());
    match (failure.status, failure.http_status) {
        (Status::Dns, _) if failure.local => Feedback::Unresolved(message()),
        _ if failure.local => Feedback::Neutral,
        (Status::Dns, _) => Feedback::NoAddress(message()),
        // it may mean this link only, and 403 is not worth giving up a host for
        (_, Some(403)) if pause > longest => Feedback::Neutral,
        (Status::RateLimited, _) | (_, Some(429 | 503)) if pause > longest => {
            Feedback::RetryAfterTooLong(message())
        }
        (Status::RateLimited, _) | (_, Some(429 | 503)) => Feedback::Throttled(pause, message()),
        (Status::Blocked, _) => Feedback::Blocked(pause),
        (Status::Connect | Status::Tls | Status::Timeout, None) => Feedback::Unreachable(message()),
        (_, Some(500..)) => Feedback::ServerError(message()),
        (
            Status::Timeout
            | Status::Truncated
            | Status::Disk
            | Status::Upload
            | Status::Interrupted,
            _,
        ) => Feedback::Neutral,
        _ => Feedback::Good,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_not_blamed_for_failures_of_this_machine() {
        let feedback = |status, local| {
            let failure = Failure::new(status, "x");
            feedback(&Failure { local, ..failure }, Duration::ZERO, Duration::MAX)
        };
        let (refused, unknown) = ("connect: x".into(), "dns: x".into());
        assert_eq!(
            feedback(Status::Connect, false),
            Feedback::Unreachable(refused)
        );
        assert_eq!(feedback(Status::Connect, true), Feedback::Neutral);
        assert_eq!(feedback(Status::Dns, true), Feedback::Unresolved(unknown));
    }
}
