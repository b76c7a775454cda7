//! Reads `cookies.txt`, the file to which browsers export cookies: seven fields per line, separated by tabs.
//!
//! Values may be in any encoding, as in a `Set-Cookie` header: they are sent as they are in the file. Editors on Windows add a
//! byte order mark, and save as UTF-16 what they call Unicode.

use std::fmt;
use std::fs;
use std::path::Path;
use std::time::UNIX_EPOCH;

use anyhow::Context;
use url::Url;

use super::cookie_jar::{to_bytes, to_text};
use crate::host;

/// A cookie of a `cookies.txt`. [`fmt::Debug`] does not show its value.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Cookie {
    /// A URL that could have set it.
    pub url: Url,
    /// The value of the `Set-Cookie` header that would have set it, in the form of [`to_text`].
    pub text: String,
}

impl fmt::Debug for Cookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cookie({}, …)", self.url)
    }
}

/// The cookies in a `cookies.txt` that have not expired.
///
/// # Errors
///
/// If the file cannot be read, or a line is not a cookie. The values of cookies are secrets and not part of messages.
pub(crate) fn read_cookies(path: &Path) -> anyhow::Result<Vec<Cookie>> {
    let shown = path.display();
    // curl's option also accepts the cookies themselves, and a message must not show them
    anyhow::ensure!(
        path.exists() || !shown.to_string().contains('='),
        "`--cookie` takes a `cookies.txt` file; for a single cookie, use `--header @FILE` with `Cookie: …` in the file"
    );
    let bytes = fs::read(path).with_context(|| format!("cannot read the cookies `{shown}`"))?;
    let text = text_of(&bytes).replace("\r\n", "\n").replace('\r', "\n");
    let now = UNIX_EPOCH.elapsed().map_or(0, |now| now.as_secs());
    let mut cookies = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        // looks like a comment, but marks a cookie that is hidden from scripts
        let line = line.strip_prefix("#HttpOnly_").unwrap_or(line);
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let (cookie, expires) = parse(line).with_context(|| {
            format!("`{shown}`, line {number}: not a cookie: expected domain, TRUE or FALSE, path, TRUE or FALSE, expiry, name and value, separated by tabs")
        })?;
        if expires == 0 || expires > now {
            cookies.push(cookie);
        }
    }
    Ok(cookies)
}

/// The text of a file in the form of [`to_text`], without its byte order mark.
fn text_of(file: &[u8]) -> String {
    let utf16 = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let (units, _) = bytes.as_chunks();
        let units: Vec<_> = units.iter().map(|bytes| unit(*bytes)).collect();
        to_text(String::from_utf16_lossy(&units).as_bytes())
    };
    match file {
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => to_text(rest),
        _ => to_text(file),
    }
}

/// A cookie and its expiry in seconds since 1970; 0 for a session cookie.
fn parse(line: &str) -> Option<(Cookie, u64)> {
    let fields: Vec<_> = line.split('\t').collect();
    let [domain, subdomains, path, secure, expires, name, rest @ ..] = &fields[..] else {
        return None;
    };
    let value = rest.first().copied().unwrap_or_default();
    let expires = match expires.split('.').next()? {
        // how some programs write that it is a session cookie
        unset if unset.is_empty() || unset.starts_with('-') => 0,
        seconds => seconds.parse().ok()?,
    };
    let domain = to_bytes(domain.trim_start_matches('.'));
    let host = host::parse(&String::from_utf8_lossy(&domain))?;
    let secure = secure.eq_ignore_ascii_case("TRUE");
    let scheme = if secure { "https" } else { "http" };
    let url = Url::parse(&format!("{scheme}://{host}{path}")).ok()?;
    let mut text = format!("{name}={value}; Path={path}");
    if subdomains.eq_ignore_ascii_case("TRUE") && url.domain().is_some() {
        text.push_str("; Domain=");
        text.push_str(&host);
    }
    if secure {
        text.push_str("; Secure");
    }
    Some((Cookie { url, text }, expires))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::cookie_jar::CookieJar;
    use super::*;

    #[test]
    fn cookies_exported_by_browsers_are_read() {
        let text = |line: &str| {
            let (cookie, expires) = parse(line).expect("a cookie");
            (cookie.url.to_string(), cookie.text, expires)
        };
        assert_eq!(
            text(".a.example\tTRUE\t/x\tTRUE\t2000\tn\tv=1"),
            (
                "https://a.example/x".to_owned(),
                "n=v=1; Path=/x; Domain=a.example; Secure".to_owned(),
                2000
            )
        );
        assert_eq!(
            text("127.0.0.1\tFALSE\t/\tFALSE\t0\tn\t"),
            ("http://127.0.0.1/".to_owned(), "n=; Path=/".to_owned(), 0)
        );
        for unset in ["0", "-1", "-1.0", ""] {
            let line = format!("a.example\ttrue\t/\tfalse\t{unset}\tn\tv");
            let (url, cookie) = ("http://a.example/", "n=v; Path=/; Domain=a.example");
            assert_eq!(text(&line), (url.to_owned(), cookie.to_owned(), 0));
        }
        for (domain, host) in [
            ("::1", "[::1]"),
            (".BÜCHER.example.", "xn--bcher-kva.example"),
        ] {
            let line = to_text(format!("{domain}\tFALSE\t/\tFALSE\t0\tn\tv").as_bytes());
            assert_eq!(text(&line).0, format!("http://{host}/"));
        }
        assert!(parse("a.example\tFALSE\t/").is_none());
    }

    proptest! {
        #[test]
        fn any_line_is_parsed_without_panic(line in ".*") {
            let _ = parse(&line);
        }

        #[test]
        fn any_fields_are_parsed_without_panic(fields in proptest::collection::vec("[^\t]{0,10}", 5..9)) {
            let _ = parse(&fields.join("\t"));
        }

        #[test]
        fn a_written_cookie_is_read_back_and_sent(
            host in "[a-z]{1,10}\\.example",
            path in "/[a-z]{0,10}",
            expires: u64,
            (name, value) in ("[a-zA-Z_]{1,20}", "[a-zA-Z0-9=._-]{0,40}"),
            (subdomains, secure) in any::<(bool, bool)>(),
        ) {
            let word = |flag| if flag { "TRUE" } else { "FALSE" };
            let (dot, scheme) = (if subdomains { "." } else { "" }, if secure { "https" } else { "http" });
            let line = format!("{dot}{host}\t{}\t{path}\t{}\t{expires}\t{name}\t{value}", word(subdomains), word(secure));
            let (cookie, read) = parse(&line).expect("a cookie");
            prop_assert_eq!(read, expires);
            prop_assert_eq!(cookie.url.as_str(), format!("{scheme}://{host}{path}"));
            let jar = CookieJar::new(&[cookie]);
            let sent = |url: String| jar.of_url(&Url::parse(&url).expect("a URL")).is_some_and(|sent| sent == format!("{name}={value}"));
            prop_assert_eq!(sent(format!("https://{host}{path}")), true);
            prop_assert_eq!(sent(format!("http://{host}{path}")), !secure);
            prop_assert_eq!(sent(format!("https://www.{host}{path}")), subdomains);
        }
    }
}
