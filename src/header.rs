//! Header fields as people write them.

use http::{HeaderName, HeaderValue};

use crate::text::printable;

/// Header fields, in order.
pub(crate) type HeaderFields = Vec<(HeaderName, HeaderValue)>;

/// A header field as people write it, `Name: value`, which is marked as a secret.
///
/// # Errors
///
/// What is wrong with it; its value may be a secret, and is not shown.
pub(crate) fn parse(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    /// Fields by which a body becomes another one, or none.
    const OURS: [&str; 8] = [
        "accept-encoding",
        "connection",
        "content-length",
        "host",
        "if-range",
        "range",
        "te",
        "transfer-encoding",
    ];
    let (name, value) = text
        .split_once(':')
        .ok_or("a header field is a name, `:` and a value")?;
    let wrong = || format!("`{}` is no header field", printable(name.trim()));
    let name: HeaderName = name.trim().parse().map_err(|_| wrong())?;
    if OURS.contains(&name.as_str()) {
        return Err(format!("the header field `{name}` cannot be set"));
    }
    let mut value = HeaderValue::from_str(value.trim()).map_err(|_| wrong())?;
    value.set_sensitive(true);
    Ok((name, value))
}
