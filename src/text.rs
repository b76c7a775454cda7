//! What people read: made safe for a terminal, without secrets, and in words.

use std::borrow::Cow;
use std::io;
use std::time::Duration;

use url::Url;

/// Whether `url` names a user or a password.
pub(crate) fn has_credentials(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

/// `url` without user name and password: what may be shown and written down.
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

/// `text` on one line and without anything that a terminal would obey: control and format characters become escapes.
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

/// Whether `c` is invisible and changes how its neighbours look: direction marks, joiners, the byte order mark.
pub(crate) fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// What went wrong, without the number that only programmers know.
pub(crate) fn io_message(error: &io::Error) -> String {
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

/// A time as people read it: `0.46 s`, `75 s`, `1 h 02 min`.
pub(crate) fn seconds(time: Duration) -> String {
    match time.as_secs() {
        0..10 => format!("{:.2} s", time.as_secs_f64()),
        10..100 => format!("{:.1} s", time.as_secs_f64()),
        s @ 100..3600 => format!("{} min {:02} s", s / 60, s % 60),
        s => format!("{} h {:02} min", s / 3600, s % 3600 / 60),
    }
}
