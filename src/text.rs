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

/// Parameters of queries that grant access by themselves: of signed URLs, as the object stores of clouds make them, and of
/// tokens in URLs. In lower case.
const SECRET_PARAMETERS: [&str; 15] = [
    "access_token",
    "api_key",
    "apikey",
    "auth",
    "hmac",
    "key",
    "password",
    "sig",
    "signature",
    "token",
    "x-amz-credential",
    "x-amz-security-token",
    "x-amz-signature",
    "x-goog-credential",
    "x-goog-signature",
];

/// Whether the query of `url` grants access by itself.
pub(crate) fn is_signed(url: &str) -> bool {
    matches!(masked(url), Cow::Owned(_))
}

/// `url` with `***` for the values in its query that grant access, as it may be logged. Records keep the whole URL, because
/// they are lists, too.
pub(crate) fn masked(url: &str) -> Cow<'_, str> {
    let Some((before, query)) = url.split_once('?') else {
        return url.into();
    };
    let is_secret = |parameter: &&str| {
        let (name, value) = parameter.split_once('=').unwrap_or_default();
        let mut secret = SECRET_PARAMETERS.iter();
        !value.is_empty() && secret.any(|secret| name.eq_ignore_ascii_case(secret))
    };
    if !query.split('&').any(|parameter| is_secret(&parameter)) {
        return url.into();
    }
    let mask = |parameter: &str| {
        let name = parameter.split('=').next().unwrap_or_default();
        if is_secret(&parameter) {
            format!("{name}=***")
        } else {
            parameter.to_owned()
        }
    };
    let query: Vec<_> = query.split('&').map(mask).collect();
    format!("{before}?{}", query.join("&")).into()
}

/// The longest text from a server in a message, in characters.
const LONGEST_FROM_SERVER: usize = 200;

/// A text with URLs from a server, as it may be shown: without credentials, on one line, and cut.
pub(crate) fn from_server(text: &str) -> String {
    let text = without_credentials(text);
    printable(&cut(&masked(&text), LONGEST_FROM_SERVER))
}

/// `text` without the user names and passwords of the URLs in it.
fn without_credentials(text: &str) -> Cow<'_, str> {
    const ENDS: &[char] = &['/', '\\', '?', '#', '<', '>', '"', '\'', ' '];
    if !text.contains("://") {
        return text.into();
    }
    let (mut shown, mut rest) = (String::with_capacity(text.len()), text);
    while let Some((before, after)) = rest.split_once("://") {
        let (authority, after) = after.split_at(after.find(ENDS).unwrap_or(after.len()));
        let host = authority.rsplit('@').next().unwrap_or_default();
        shown.extend([before, "://", host]);
        rest = after;
    }
    shown.push_str(rest);
    shown.into()
}

/// The first `longest` characters of `text`, with `…` if that is not all of it.
pub(crate) fn cut(text: &str, longest: usize) -> Cow<'_, str> {
    match text.char_indices().nth(longest) {
        None => text.into(),
        Some((end, _)) => format!("{}…", &text[..end]).into(),
    }
}

/// `url` as messages have it: without secrets, on one line, and of a sensible length.
pub(crate) fn legible(url: &str) -> String {
    const LONGEST: usize = 1000;
    printable(&cut(&masked(url), LONGEST))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_in_queries_are_masked() {
        let signed = "https://h.example/x.pdf?id=7&X-Amz-Signature=abc&sig=%2Fx";
        assert_eq!(
            masked(signed),
            "https://h.example/x.pdf?id=7&X-Amz-Signature=***&sig=***"
        );
        assert!(is_signed(signed));
        for open in ["https://h.example/sig=1", "https://h.example/?page=2&sig="] {
            assert_eq!(masked(open), open);
            assert!(!is_signed(open));
        }
    }

    #[test]
    fn credentials_in_texts_of_servers_are_hidden() {
        for (text, shown) in [
            ("http://u:p@h.example/x?sig=1", "http://h.example/x?sig=***"),
            ("0; url='https://u:p@w@h/a@b'", "0; url='https://h/a@b'"),
            ("<http://a/>, <http://u@b/>", "<http://a/>, <http://b/>"),
            ("1\u{1b}[2J", "1\\u{1b}[2J"),
        ] {
            assert_eq!(from_server(text), shown);
        }
        assert_eq!(from_server(&"x".repeat(999)).len(), 200 + "…".len());
        assert_eq!(without_credentials(&"://".repeat(99_999)).len(), 3 * 99_999);
    }

    #[test]
    fn long_text_is_cut_between_characters() {
        assert_eq!(
            (cut("naïve", 3), cut("naïve", 5)),
            ("naï…".into(), "naïve".into())
        );
    }
}
