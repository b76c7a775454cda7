//! What the outcome of a link says about its host, and the verdict on a host about its links.

use std::time::Duration;

use crate::outcome::{Failure, Outcome, Status};
use crate::plan::Job;
use crate::queue::{Feedback, Verdict};
use crate::report::Record;

/// What a failure says about the host of its link; a host that asks for patience gets `pause`, if that is not longer
/// than `longest`.
pub(super) fn feedback(failure: &Failure, pause: Duration, longest: Duration) -> Feedback {
    let message = || failure.to_string().into();
    match (failure.status, failure.http_status) {
        _ if failure.elsewhere => Feedback::Neutral,
        (Status::Dns, _) => Feedback::NoAddress(message()),
        (Status::RateLimited, _) | (_, Some(429 | 503)) if pause > longest => {
            Feedback::Away(message())
        }
        (Status::RateLimited, _) | (_, Some(429 | 503)) => Feedback::Busy(pause, message()),
        (Status::Connect | Status::Tls | Status::Timeout, None) => Feedback::Bad(message()),
        (_, Some(500..)) => Feedback::Broken(message()),
        (Status::Timeout | Status::Truncated | Status::Disk | Status::Interrupted, _) => {
            Feedback::Neutral
        }
        _ => Feedback::Good,
    }
}

/// The record of a link that nobody asked for, because its host is given up.
pub(super) fn unasked(job: &Job, verdict: &Verdict) -> Record {
    let message = if verdict.status == Status::Dns {
        verdict.message.trim_start_matches("dns: ").to_owned()
    } else {
        format!(
            "not asked for, after others of its host: {}",
            verdict.message
        )
    };
    job.record(Outcome::Failed(Failure::new(verdict.status, message)))
}
