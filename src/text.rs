//! Text for people: safe for a terminal, and without secrets.

use std::borrow::Cow;
use std::io::{self, ErrorKind};
use std::sync::OnceLock;
use std::time::Duration;

use console::measure_text_width;
use percent_encoding::percent_decode_str;
use url::Url;

/// Whether `url` has a user name or a password.
pub(crate) fn has_credentials(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

/// Secrets of the configuration that may be anywhere in a URL.
static SECRETS: OnceLock<Vec<String>> = OnceLock::new();

/// Hides these secrets wherever URLs are shown from now on. Only the first call counts.
pub(crate) fn hide(secrets: Vec<String>) {
    let _ = SECRETS.set(secrets);
}

/// `url` without credentials and secrets, as it may be printed and stored.
pub(crate) fn shown(url: &Url) -> Cow<'_, str> {
    let shown = without_user(url);
    let secrets = SECRETS.get().into_iter().flatten();
    secrets.fold(shown, |shown, secret| {
        if shown.contains(secret) {
            shown.replace(secret, "***").into()
        } else {
            shown
        }
    })
}

fn without_user(url: &Url) -> Cow<'_, str> {
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
const SECRET_PARAMETERS: [&str; 13] = [
    "api_key",
    "apikey",
    "auth",
    "awsaccesskeyid",
    "hdnea",
    "hdnts",
    "hmac",
    "jwt",
    "key",
    "sig",
    "x-amz-credential",
    "x-goog-credential",
    "pwd",
];

/// The ends of such names, in lower case: `access_token`, `client_secret`, `x-amz-signature`.
const SECRET_ENDS: [&str; 4] = ["token", "secret", "signature", "password"];

/// Whether a URL in `text` grants access by itself.
pub(crate) fn is_signed(text: &str) -> bool {
    matches!(masked(text), Cow::Owned(_))
}

/// `text` with `***` for the values in the queries and fragments of its URLs that grant access, as it may be logged. Records
/// keep whole URLs, because they are lists, too.
pub(crate) fn masked(text: &str) -> Cow<'_, str> {
    const BEGINS: &[char] = &['?', '&', ';', '#'];
    const ENDS: &[char] = &['&', ';', '#', '?', '<', '>', '"', '\'', ' ', '`'];
    if !text.contains(['?', '#']) {
        return text.into();
    }
    let (mut shown, mut is_masked, mut rest) = (String::new(), false, text);
    while let Some(begin) = rest.find(BEGINS) {
        let (before, parameter) = rest.split_at(begin + 1);
        let length = parameter.find(ENDS).unwrap_or(parameter.len());
        let (parameter, after) = parameter.split_at(length);
        shown.push_str(before);
        match parameter.split_once('=') {
            Some((name, value)) if !value.is_empty() && is_secret(name) => {
                shown.extend([name, "=***"]);
                is_masked = true;
            }
            _ => shown.push_str(parameter),
        }
        rest = after;
    }
    if !is_masked {
        return text.into();
    }
    shown.push_str(rest);
    shown.into()
}

/// Whether the value of the parameter `name` grants access.
fn is_secret(name: &str) -> bool {
    let name = percent_decode_str(name).decode_utf8_lossy();
    let name = name.to_ascii_lowercase();
    let is_end = SECRET_ENDS.iter().any(|end| name.ends_with(end));
    is_end || SECRET_PARAMETERS.contains(&&*name)
}

/// The longest text from a server in a message, in characters.
const LONGEST_FROM_SERVER: usize = 200;

/// A text with URLs from a server, as it may be shown: without credentials, on one line, and cut.
pub(crate) fn from_server(text: &str) -> String {
    let text = without_credentials(text);
    printable(&cut(&masked(&text), LONGEST_FROM_SERVER))
}

/// `text` without the user names and passwords of the URLs in it. They are before an `@` in an authority, which begins after
/// two slashes or, as browsers read it, after `http:` and any number of slashes and backslashes.
fn without_credentials(text: &str) -> Cow<'_, str> {
    let is_slash = |byte: &u8| matches!(byte, b'/' | b'\\');
    let is_end = |byte: &u8| b"/\\?#<>\"' ".contains(byte);
    let bytes = text.as_bytes();
    let begins = |at: usize| match bytes[at] {
        b':' => {
            let scheme = &bytes[at.saturating_sub(5)..at];
            let is_scheme = |name: &[u8]| {
                let end = &scheme[scheme.len().saturating_sub(name.len())..];
                end.eq_ignore_ascii_case(name)
            };
            is_scheme(b"http") || is_scheme(b"https")
        }
        slash => is_slash(&slash) && bytes.get(at + 1).is_some_and(is_slash),
    };
    let (mut shown, mut copied, mut at) = (String::with_capacity(text.len()), 0, 0);
    while at < bytes.len() {
        if !begins(at) {
            at += 1;
            continue;
        }
        let slashes = bytes[at + 1..].iter().take_while(|byte| is_slash(byte));
        let start = at + 1 + slashes.count();
        let length = bytes[start..].iter().position(is_end);
        at = length.map_or(bytes.len(), |length| start + length);
        shown.push_str(&text[copied..start]);
        shown.push_str(text[start..at].rsplit('@').next().unwrap_or_default());
        copied = at;
    }
    shown.push_str(&text[copied..]);
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

/// `text` on lines of up to `columns`, if that is known, broken between words. All lines but the first are indented by `indent`.
pub(crate) fn wrapped(text: &str, columns: Option<usize>, indent: usize) -> String {
    let Some(columns) = columns.filter(|columns| *columns > 2 * indent) else {
        return text.to_owned();
    };
    let (mut lines, mut width, mut is_begun) = (String::new(), 0, false);
    for (number, word) in text.split(' ').enumerate() {
        let length = measure_text_width(word);
        if is_begun && width + 1 + length > columns {
            lines.push('\n');
            lines.extend(std::iter::repeat_n(' ', indent));
            width = indent;
        } else if number > 0 {
            lines.push(' ');
            width += 1;
        }
        lines.push_str(word);
        width += length;
        is_begun = length > 0;
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_between_words() {
        let hint = "  hint: run the same command again, or `--retry`";
        assert_eq!(
            wrapped(hint, Some(20), 4),
            "  hint: run the same\n    command again,\n    or `--retry`"
        );
        assert_eq!(wrapped(hint, None, 4), hint);
        assert_eq!(wrapped("a bcdefghij k", Some(8), 2), "a\n  bcdefghij\n  k");
    }

    #[test]
    fn secrets_in_queries_are_masked() {
        let signed = "https://h.example/x.pdf?id=7&X-Amz-Signature=abc&sig=%2Fx";
        assert_eq!(
            masked(signed),
            "https://h.example/x.pdf?id=7&X-Amz-Signature=***&sig=***"
        );
        assert!(is_signed(signed));
        for (text, shown) in [
            (
                "<http://h/?a=1>, <http://h/?sig=x>",
                "<http://h/?a=1>, <http://h/?sig=***>",
            ),
            (
                "0; url=http://h/?a=1&amp;sig=x",
                "0; url=http://h/?a=1&amp;sig=***",
            ),
            ("/z?to=http://h/?sig=x", "/z?to=http://h/?sig=***"),
            ("/?a=1;Client_Secret=x", "/?a=1;Client_Secret=***"),
            (
                "/?X%2DAmz%2DSignature=x#id_token=y",
                "/?X%2DAmz%2DSignature=***#id_token=***",
            ),
        ] {
            assert_eq!(masked(text), shown);
        }
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
            ("//u:p@[bad", "//[bad"),
            (r"http:\\u:p@h", r"http:\\h"),
            ("HTTPS:/u:p@h/me@b", "HTTPS:/h/me@b"),
            ("naïve: a@b", "naïve: a@b"),
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
