//! What an error of the HTTP client or of the disk means for a link.

use std::io;

use crate::http::{Error, ErrorKind};
use crate::outcome::{Cause, Failure, Status};
use crate::text::io_message;

/// The failure of a request without a response.
#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
pub(super) fn no_response(error: Error) -> Failure {
    let status = match error.kind() {
        ErrorKind::InvalidUrl | ErrorKind::PrivateAddress => Status::BadLink,
        ErrorKind::Dns | ErrorKind::Lookup => Status::Dns,
        ErrorKind::ConnectTimeout => Status::Timeout,
        ErrorKind::Connect | ErrorKind::Exhausted => Status::Connect,
        ErrorKind::Tls
        | ErrorKind::UnknownIssuer
        | ErrorKind::Certificate
        | ErrorKind::OldTls
        | ErrorKind::NotTls => Status::Tls,
        ErrorKind::InvalidResponse | ErrorKind::NotHttp => Status::HttpStatus,
    };
    let cause = match error.kind() {
        ErrorKind::UnknownIssuer => Cause::UnknownIssuer,
        ErrorKind::Certificate => Cause::Certificate,
        ErrorKind::OldTls => Cause::OldTls,
        ErrorKind::NotTls => Cause::NoTls,
        ErrorKind::NotHttp => Cause::WantsTls,
        _ => Cause::Unknown,
    };
    Failure {
        cause,
        local: matches!(error.kind(), ErrorKind::Lookup | ErrorKind::Exhausted),
        ..Failure::new(status, error.to_string())
    }
}

/// The failure of a body that broke off after `received` bytes of `total`.
pub(super) fn broken_body(error: &Error, received: u64, total: Option<u64>) -> Failure {
    let of = total.map_or_else(String::new, |total| format!(" of {total}"));
    let message = format!("transfer was cut off after {received}{of} bytes: {error}");
    Failure::new(Status::Truncated, message)
}

/// The failure of a file operation.
#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
pub(super) fn disk(error: io::Error) -> Failure {
    use io::ErrorKind::{QuotaExceeded, StorageFull, WouldBlock};
    let why = match error.kind() {
        WouldBlock => "another process is working on this link, but makes no progress".to_owned(),
        _ => io_message(&error),
    };
    let message = format!("cannot write the file: {why}");
    Failure {
        disk_full: matches!(error.kind(), QuotaExceeded | StorageFull),
        ..Failure::new(Status::Disk, message)
    }
}
