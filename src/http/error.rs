//! Why there is no answer, or not all of it.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use super::resolver::AddressError;
use crate::text::io_message;

/// Why there is no answer, or not all of it. [`fmt::Display`] says it to a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Error {
    kind: ErrorKind,
    message: String,
}

/// What kind of failure an [`Error`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ErrorKind {
    /// No request can be made of the URL.
    InvalidUrl,
    /// The host is not on the public internet, and no other is wanted.
    PrivateAddress,
    /// The host name has no address of the wanted kind.
    Dns,
    /// Connecting took too long.
    ConnectTimeout,
    /// There is no connection, or it broke.
    Connect,
    /// There is no trusted encrypted connection.
    Tls,
    /// What came is not valid HTTP.
    InvalidAnswer,
}

impl Error {
    /// The error of a request; `proxy` names the proxy that it went through.
    pub(super) fn new(error: &reqwest::Error, proxy: impl FnOnce() -> Option<String>) -> Self {
        let (kind, message) = classify(error);
        let proxy = match kind {
            ErrorKind::Connect if error.is_connect() => proxy(),
            _ => None,
        };
        let message = match proxy {
            Some(proxy) => format!("no connection to the proxy `{proxy}`: {message}"),
            None => message,
        };
        Self { kind, message }
    }

    /// What kind of failure it is.
    pub(crate) fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl From<AddressError> for Error {
    fn from(error: AddressError) -> Self {
        Self {
            kind: error.kind(),
            message: error.to_string(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for Error {}

fn classify(error: &reqwest::Error) -> (ErrorKind, String) {
    let cause = || find::<io::Error>(error).map_or_else(|| innermost(error), io_message);
    if error.is_builder() {
        let message = "no request can be made of this URL: it is too long, or not valid in HTTP";
        (ErrorKind::InvalidUrl, message.to_owned())
    } else if let Some(address) = find::<AddressError>(error) {
        (address.kind(), address.to_string())
    } else if let Some(tls) = find::<rustls::Error>(error) {
        (ErrorKind::Tls, format!("no trusted connection: {tls}"))
    } else if error.is_connect() && error.is_timeout() {
        let message = "no connection within the connect timeout";
        (ErrorKind::ConnectTimeout, message.to_owned())
    } else if let Some(hyper) = find::<hyper::Error>(error).filter(|error| error.is_parse()) {
        let message = format!("the answer is not valid HTTP: {}", innermost(hyper));
        (ErrorKind::InvalidAnswer, message)
    } else if find::<hyper::Error>(error).is_some_and(hyper::Error::is_incomplete_message) {
        let message = "the server closed the connection without an answer";
        (ErrorKind::Connect, message.to_owned())
    } else {
        (ErrorKind::Connect, cause())
    }
}

/// Whether the server says that it has not looked at a request, since it closes the connection or refuses the stream
/// (RFC 9113 sections 6.8 and 8.7).
pub(super) fn is_refused(error: &reqwest::Error) -> bool {
    find::<h2::Error>(error).is_some_and(|error| {
        error.reason() == Some(h2::Reason::REFUSED_STREAM)
            || error.is_go_away() && error.reason() == Some(h2::Reason::NO_ERROR)
    })
}

/// Whether a connection ended without a byte of an answer.
pub(super) fn is_unanswered(error: &reqwest::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    let is_closed = |error: &io::Error| {
        matches!(
            error.kind(),
            BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof
        )
    };
    // what came before it was asked for is no answer, either
    let is_lost = |error: &hyper::Error| {
        error.is_incomplete_message()
            || error.is_closed()
            || error.is_canceled()
            || error.is_parse()
    };
    find::<hyper::Error>(error).is_some_and(is_lost)
        || find::<io::Error>(error).is_some_and(is_closed)
}

/// The first error of type `T` among `error` and its causes, also inside I/O errors.
pub(super) fn find<'a, T: StdError + 'static>(
    error: &'a (dyn StdError + 'static),
) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        let inner = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        next = match inner {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}

fn innermost(error: &(dyn StdError + 'static)) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}
