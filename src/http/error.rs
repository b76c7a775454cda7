//! Why a request has no response, or only a part of one.
//!
//! reqwest hides the reason in a chain of causes, some of them inside I/O errors. [`Error`] is the one that matters for a
//! link: its kind, and a message for people.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::iter::successors;

use hyper_util::client::legacy;

use super::handshake::explain;
use crate::system::files::is_exhausted;
use crate::text::{cut, io_message};

/// What hyper says of a response that does not begin with a version of HTTP.
const NO_VERSION: &str = "invalid HTTP version parsed";

/// What tokio-rustls says of a connection that was closed during a handshake.
const HANDSHAKE_EOF: &str = "tls handshake eof";

/// What hyper-util says of a proxy that responds to CONNECT with 407, and with another failure.
const TUNNEL_UNAUTHORIZED: &str = "tunnel error: proxy authorization required";
const TUNNEL_REFUSED: &str = "tunnel error: unsuccessful";

type DynError = dyn StdError + 'static;

/// The longest message, in characters. Errors can quote the server: the names in its certificate, or its reason to close an
/// HTTP/2 connection.
const LONGEST: usize = 400;

/// Why a request has no response, or only a part of one. [`fmt::Display`] is for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Error {
    kind: ErrorKind,
    message: String,
}

/// The kind of an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ErrorKind {
    /// The URL is not valid in a request.
    InvalidUrl,
    /// The host is not on the public internet, and only public ones are allowed.
    PrivateAddress,
    /// The host name has no address of the requested family.
    Dns,
    /// The name could not be looked up.
    Lookup,
    /// This machine is out of file descriptors.
    Exhausted,
    /// Connecting took too long.
    ConnectTimeout,
    /// The connection failed or was lost.
    Connect,
    /// TLS failed for another reason than the following ones.
    Tls,
    /// The certificate is not from an authority that is trusted.
    UnknownIssuer,
    /// The certificate is not valid for another reason.
    Certificate,
    /// The server has no TLS version, cipher or kind of certificate in common with this client.
    OldTls,
    /// The server does not speak TLS.
    NotTls,
    /// The response is not valid HTTP.
    InvalidResponse,
    /// The response to a request without TLS is not HTTP at all.
    NotHttp,
}

impl Error {
    pub(super) fn new(kind: ErrorKind, message: impl AsRef<str>) -> Self {
        let message = cut(message.as_ref(), LONGEST).into_owned();
        Self { kind, message }
    }

    /// The error of a request; `proxy` returns the proxy that it was sent through.
    pub(super) fn of_request(
        cause: &reqwest::Error,
        proxy: impl FnOnce() -> Option<String>,
    ) -> Self {
        let error = Self::classify(cause);
        // a SOCKS proxy may get an address of the host, so that it is the name of the host that has none
        let is_about = |proxy: &str| {
            // the proxy has connected
            if innermost(cause) == HANDSHAKE_EOF {
                return false;
            }
            let host = proxy.rsplit_once(':').map_or(proxy, |(host, _)| host);
            error.kind == ErrorKind::Connect || error.message.contains(&format!("`{host}`"))
        };
        if matches!(
            error.kind,
            ErrorKind::Connect | ErrorKind::Dns | ErrorKind::Lookup
        ) && cause.is_connect()
            && let Some(proxy) = proxy().filter(|proxy| is_about(proxy))
        {
            let why = match &*error.message {
                TUNNEL_UNAUTHORIZED => "it requires a user and a password that it accepts",
                TUNNEL_REFUSED => "it refuses to connect to the host",
                why => why,
            };
            let message = format!("cannot connect to the proxy `{proxy}`: {why}");
            return Self::new(ErrorKind::Connect, message);
        }
        error
    }

    fn classify(error: &reqwest::Error) -> Self {
        use ErrorKind::{Connect, ConnectTimeout, Exhausted, InvalidResponse, InvalidUrl, NotHttp};
        if error.is_builder() {
            Self::new(InvalidUrl, "the URL is too long or not valid in HTTP")
        } else if let Some(error) = find::<Self>(error) {
            error.clone()
        } else if let Some(error) = find::<io::Error>(error).filter(|error| is_exhausted(error)) {
            Self::new(Exhausted, io_message(error))
        } else if let Some(tls) = find::<rustls::Error>(error) {
            let (kind, what) = explain(tls);
            Self::new(kind, format!("secure connection failed: {what}"))
        } else if error.is_connect() && error.is_timeout() && !is_of_system(error) {
            Self::new(ConnectTimeout, "not connected within `--connect-timeout`")
        } else if let Some(hyper) = find::<hyper::Error>(error).filter(|error| error.is_parse()) {
            let why = innermost(hyper);
            let kind = if why == NO_VERSION {
                NotHttp
            } else {
                InvalidResponse
            };
            Self::new(kind, format!("the response is not valid HTTP: {why}"))
        } else if find::<h2::Error>(error)
            .is_some_and(|error| error.is_reset() && error.is_library())
        {
            let message = "the response is not valid HTTP/2, or its head is larger than 256 KiB";
            Self::new(InvalidResponse, message)
        } else if error.is_connect() && innermost(error) == HANDSHAKE_EOF {
            let message = "the server closed the connection during the TLS handshake, as some do that have only obsolete versions";
            Self::new(Connect, message)
        } else if find::<hyper::Error>(error).is_some_and(hyper::Error::is_incomplete_message) {
            let message = "the server closed the connection without a response";
            Self::new(Connect, message)
        } else {
            let io = find::<io::Error>(error).map(io_message);
            Self::new(Connect, io.unwrap_or_else(|| innermost(error)))
        }
    }

    /// The same error, given the scheme of the URL: what is not HTTP may be TLS, unless that was expected.
    pub(super) fn of_scheme(self, scheme: &str) -> Self {
        match self.kind {
            ErrorKind::NotHttp if scheme == "http" => Self::new(
                ErrorKind::NotHttp,
                "the response is not valid HTTP: it does not begin as HTTP does, and may be TLS",
            ),
            ErrorKind::NotHttp => Self {
                kind: ErrorKind::InvalidResponse,
                ..self
            },
            _ => self,
        }
    }

    /// The kind of the error.
    pub(crate) fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for Error {}

/// Whether the system has ended an operation, and not a timeout of ours.
fn is_of_system(error: &DynError) -> bool {
    find::<io::Error>(error).is_some_and(|error| error.raw_os_error().is_some())
}

/// Whether the request was not processed. The server states so as it closes the connection or refuses the stream
/// (RFC 9113 sections 6.8 and 8.7). Or the request was never sent: the client waited for an HTTP/2 connection that was lost
/// before its turn.
///
/// There is one exception: if another thread reads GOAWAY just after a request was sent, hyper reports it for this request
/// too, even if the server processes it. Then it is processed twice, which a GET request may be.
pub(super) fn is_unprocessed(error: &reqwest::Error) -> bool {
    let is_refused = |error: &h2::Error| {
        error.reason() == Some(h2::Reason::REFUSED_STREAM)
            || error.is_go_away() && error.reason() == Some(h2::Reason::NO_ERROR)
    };
    let is_unsent = |error: &legacy::Error| !error.is_connect() && error.connect_info().is_none();
    find(error).is_some_and(is_refused) || find(error).is_some_and(is_unsent)
}

/// Whether the connection ended before the first byte of the response.
pub(super) fn lacks_response(error: &reqwest::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    const CLOSED: [io::ErrorKind; 4] = [
        BrokenPipe,
        ConnectionAborted,
        ConnectionReset,
        UnexpectedEof,
    ];
    let is_closed = |error: &io::Error| CLOSED.contains(&error.kind());
    // whatever arrived before the request is not a response, so it fails to parse
    let is_lost = |error: &hyper::Error| {
        error.is_incomplete_message()
            || error.is_closed()
            || error.is_canceled()
            || error.is_parse()
    };
    find(error).is_some_and(is_lost) || find(error).is_some_and(is_closed)
}

/// The first error of type `T` among `error` and its causes.
pub(super) fn find<T: StdError + 'static>(error: &DynError) -> Option<&T> {
    causes(error).find_map(|error| error.downcast_ref())
}

fn innermost(error: &DynError) -> String {
    let innermost = causes(error).last().expect("it starts with `error`");
    innermost.to_string()
}

/// `error` and its causes. The error inside an I/O error is a cause too, which its `source` skips.
fn causes(error: &DynError) -> impl Iterator<Item = &DynError> {
    successors(Some(error), |&error| {
        let io = error.downcast_ref::<io::Error>();
        match io.and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        }
    })
}
