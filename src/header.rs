//! Headers of requests, as users write them.

use http::{HeaderName, HeaderValue};

use crate::text::{cut, printable};

/// Headers, in the order in which they are sent.
pub(crate) type HeaderFields = Vec<(HeaderName, HeaderValue)>;

/// Parses `Name: value`. The value is marked as sensitive, so that it is never printed or logged.
///
/// # Errors
///
/// The problem with the header. It does not quote the value, which may be a secret.
pub(crate) fn parse(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    /// Headers that the program sets itself, or that change what body the server sends.
    const RESERVED: [&str; 8] = [
        "accept-encoding",
        "connection",
        "content-length",
        "host",
        "if-range",
        "range",
        "te",
        "transfer-encoding",
    ];
    let (name, value) = text.split_once(':').ok_or("a header is `Name: value`")?;
    let invalid = || format!("invalid header `{}`", printable(&cut(name.trim(), 100)));
    let name: HeaderName = name.trim().parse().map_err(|_| invalid())?;
    if RESERVED.contains(&name.as_str()) {
        return Err(format!("the header `{name}` cannot be set"));
    }
    let mut value = HeaderValue::from_str(value.trim()).map_err(|_| invalid())?;
    value.set_sensitive(true);
    Ok((name, value))
}
