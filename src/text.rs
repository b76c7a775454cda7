//! Text for people: safe for a terminal, and without secrets.

use std::borrow::Cow;
use std::io::{self, ErrorKind};
use std::time::Duration;

use url::Url;

/// Whether `url` has a user name or a password.
pub(crate) fn has_credentials(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

/// `url` without credentials, as it may be printed and stored.
pub(crate) fn shown(url: &Url) -> Cow<'_, str> {
    if !has_credentials(url) {
        return url.as_str().into();
    }
    let mut url = url.clone();
    // neither can fail: an http or https URL has a host
    let _ = url.set_username("");
    let _ = url.set_password(None);
    String::from(url).into()
}

/// `text` on one line and without anything that a terminal would obey: control and format characters are escaped.
pub(crate) fn printable(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || is_invisible(c) {
            safe.extend(c.escape_unicode());
        } else {
            safe.push(c);
        }
    }
    safe
}

/// Whether `c` is invisible and changes how its neighbors look: direction marks, joiners, the byte order mark.
pub(crate) fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// The message of `error` in lower case, without the number of the system error.
pub(crate) fn io_message(error: &io::Error) -> String {
    let message = match error.kind() {
        ErrorKind::ConnectionRefused => "connection refused",
        ErrorKind::ConnectionReset => "connection reset by the server",
        ErrorKind::UnexpectedEof => "connection closed early",
        ErrorKind::WouldBlock => "another process is working on this link and makes no progress",
        ErrorKind::StorageFull => "no space left on the disk",
        ErrorKind::FileTooLarge => "larger than the file system or `ulimit -f` allows",
        _ => {
            let message = error.to_string();
            let message = message.split(" (os error").next().unwrap_or_default();
            let mut chars = message.chars();
            let first = chars.next().into_iter().flat_map(char::to_lowercase);
            return first.chain(chars).collect();
        }
    };
    message.to_owned()
}

/// A duration with three significant digits: `0.46 s`, `75.0 s`, `1 h 02 min`.
pub(crate) fn seconds(time: Duration) -> String {
    match time.as_secs() {
        0..10 => format!("{:.2} s", time.as_secs_f64()),
        10..100 => format!("{:.1} s", time.as_secs_f64()),
        s @ 100..3600 => format!("{} min {:02} s", s / 60, s % 60),
        s => format!("{} h {:02} min", s / 3600, s % 3600 / 60),
    }
}
