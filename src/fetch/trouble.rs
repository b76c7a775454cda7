//! What an error of the HTTP client or of the disk means for a link.

use std::error::Error;
use std::io;

use super::client;
use super::client::address::DnsError;
use crate::outcome::{Failure, Status};

/// The failure of a request that got no answer.
pub(super) fn no_answer(error: &client::Error) -> Failure {
    match error {
        client::Error::Request => Failure::new(
            Status::BadLink,
            "no request can be made of this URL: it is too long, or not valid in HTTP",
        ),
        client::Error::ConnectTimeout => {
            Failure::new(Status::Timeout, "no connection within the connect timeout")
        }
        client::Error::Connect(error) => no_connection(&**error),
        client::Error::Exchange(error) if error.is_parse() => {
            let message = format!("the answer is not valid HTTP: {}", innermost(error));
            Failure::new(Status::HttpStatus, message)
        }
        client::Error::Exchange(error) if error.is_incomplete_message() => Failure::new(
            Status::Connect,
            "the server closed the connection without an answer",
        ),
        client::Error::Exchange(error) => no_connection(error),
    }
}

fn no_connection(error: &(dyn Error + 'static)) -> Failure {
    if let Some(proxy) = find::<client::NoProxy>(error) {
        let Failure { message, .. } = no_connection(&*proxy.error);
        return Failure::new(Status::Connect, format!("{proxy}: {message}"));
    }
    if let Some(error) = find::<DnsError>(error) {
        let status = match error {
            DnsError::NoAddress { .. } => Status::Dns,
            DnsError::Private { .. } => Status::BadLink,
        };
        return Failure::new(status, error.to_string());
    }
    if let Some(error) = find::<rustls::Error>(error) {
        return Failure::new(Status::Tls, format!("no trusted connection: {error}"));
    }
    let cause = find::<io::Error>(error).map_or_else(|| innermost(error), io_message);
    Failure::new(Status::Connect, cause)
}

/// Whether the connection was closed before a byte of an answer came.
pub(super) fn is_closed_connection(error: &hyper::Error) -> bool {
    let closed = |error: &io::Error| {
        use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
        matches!(
            error.kind(),
            BrokenPipe | ConnectionAborted | ConnectionReset
        )
    };
    // the server closes a connection in order, or has not looked at the request (RFC 9113 section 6.8)
    let left = |error: &h2::Error| {
        error.reason() == Some(h2::Reason::REFUSED_STREAM)
            || error.is_go_away() && error.reason() == Some(h2::Reason::NO_ERROR)
    };
    error.is_incomplete_message()
        || error.is_closed()
        || error.is_canceled()
        || find::<h2::Error>(error).is_some_and(left)
        || find::<io::Error>(error).is_some_and(closed)
}

/// The failure of a body that broke off after `received` bytes of `total`.
pub(super) fn broken_body(error: &hyper::Error, received: u64, total: Option<u64>) -> Failure {
    let of = total.map_or_else(String::new, |total| format!(" of {total}"));
    let cause = find::<io::Error>(error).map_or_else(|| innermost(error), io_message);
    Failure::new(
        Status::Truncated,
        format!("the body broke off after {received} bytes{of}: {cause}"),
    )
}

/// The failure of a file.
#[expect(
    clippy::needless_pass_by_value,
    reason = "it is what `map_err` hands over"
)]
pub(super) fn disk(error: io::Error) -> Failure {
    use io::ErrorKind::{QuotaExceeded, StorageFull};
    Failure {
        disk_full: matches!(error.kind(), QuotaExceeded | StorageFull),
        ..Failure::new(
            Status::Disk,
            format!("cannot write the file: {}", io_message(&error)),
        )
    }
}

/// The first error of type `T` among the causes of `error`, also inside I/O errors.
fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = match error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
        {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}

fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}

/// What went wrong, without the number that only programmers know.
fn io_message(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        io::ErrorKind::ConnectionReset => "connection reset by the server".to_owned(),
        io::ErrorKind::UnexpectedEof => "the connection ended too early".to_owned(),
        io::ErrorKind::WouldBlock => {
            "another process works on this link and makes no progress".to_owned()
        }
        io::ErrorKind::StorageFull => "no space left on the disk".to_owned(),
        io::ErrorKind::FileTooLarge => "larger than the system lets this process write".to_owned(),
        _ => {
            let text = error.to_string();
            let text = text.split(" (os error").next().unwrap_or_default();
            text.chars()
                .take(1)
                .flat_map(char::to_lowercase)
                .chain(text.chars().skip(1))
                .collect()
        }
    }
}
