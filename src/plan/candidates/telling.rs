//! What a failure says about the file of a link: whether it is there, and how much.

use crate::outcome::{Cause, Failure, Status};

/// Whether the server has the file, but does not give it to us, or not now. Firewalls also refuse with a 406.
pub(super) fn is_there(failure: &Failure) -> bool {
    is_refusal(failure)
        || failure.http_status == Some(503)
        || matches!(
            failure.status,
            Status::ScriptOnly
                | Status::RateLimited
                | Status::Blocked
                | Status::Truncated
                | Status::TooLarge
                | Status::ChecksumMismatch
        )
}

/// Whether there is no PDF, for certain.
pub(super) fn is_missing(failure: &Failure) -> bool {
    matches!(failure.http_status, Some(404 | 410))
        || matches!(failure.status, Status::Gone | Status::NotPdf)
}

/// Whether the server refuses the file.
fn is_refusal(failure: &Failure) -> bool {
    matches!(failure.http_status, Some(401..=403 | 406 | 407 | 451)) || is_explained(failure)
}

/// Whether a page says why it is refused.
fn is_explained(failure: &Failure) -> bool {
    failure.cause == Cause::Challenge
        || matches!(
            failure.status,
            Status::Login | Status::Paywall | Status::Challenge | Status::Consent
        )
}

/// How telling it is that something has not been found.
pub(super) const PLAIN: u8 = 1;

/// How much a failure says about the link: if another run may help with one candidate, it may help with the link; what is
/// refused is there; and that there is nothing at a URL is more than that a page leads to none.
pub(super) fn telling(failure: &Failure) -> u8 {
    match failure.status {
        _ if failure.retryable() => 5,
        _ if is_explained(failure) => 4,
        _ if is_refusal(failure) => 3,
        Status::NoPdfLink => 0,
        _ => PLAIN,
    }
}
