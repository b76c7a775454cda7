//! Who asks: header fields, credentials and cookies.

use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::path::Path;
use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context;
use http::HeaderValue;
use url::Url;

use super::netrc::Netrc;
use crate::header::HeaderFields;

/// What requests say besides what they ask for.
#[derive(Debug, Clone, Default)]
pub(crate) struct RequestOptions {
    /// Header fields for the hosts of links; where a redirect leads to another one, they stay behind.
    pub headers: HeaderFields,
    /// Header fields by host: they go to it alone, whoever leads there.
    pub of_hosts: HashMap<String, HeaderFields>,
    /// The name under which to ask, if it is not our own.
    pub user_agent: Option<HeaderValue>,
    /// User and password for the hosts of links.
    pub user: Option<Credentials>,
    /// Users and passwords by host.
    pub netrc: Option<Netrc>,
    /// Cookies to begin with.
    pub cookies: Vec<Cookie>,
}

/// A user and a password, which are shown nowhere.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Credentials {
    /// The name of the user.
    pub user: String,
    /// The password.
    pub password: String,
}

impl FromStr for Credentials {
    type Err = std::convert::Infallible;

    /// `user:password`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (user, password) = text.split_once(':').unwrap_or((text, ""));
        Ok(Self {
            user: user.to_owned(),
            password: password.to_owned(),
        })
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(…)")
    }
}

/// A cookie of a `cookies.txt`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Cookie {
    /// Where it could have come from.
    pub url: Url,
    /// It, as a server would set it.
    pub text: String,
}

impl fmt::Debug for Cookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cookie({}, …)", self.url)
    }
}

/// Reads a `cookies.txt` as browsers export it: seven fields a line, separated by tabs. Cookies that have expired are left
/// out.
///
/// # Errors
///
/// When it cannot be read, or a line is none of such a file. Its values are secrets, and not shown.
pub(crate) fn read_cookies(path: &Path) -> anyhow::Result<Vec<Cookie>> {
    let shown = path.display();
    // curl takes cookies themselves, too, and they are secrets
    anyhow::ensure!(
        path.exists() || !shown.to_string().contains('='),
        "`--cookie` is a file, a `cookies.txt`; a single cookie is `--header @FILE` with `Cookie: …` in it"
    );
    let text =
        fs::read_to_string(path).with_context(|| format!("cannot read the cookies `{shown}`"))?;
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |now| now.as_secs());
    let mut cookies = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        // a comment, but for this mark of cookies that scripts do not see
        let line = line.strip_prefix("#HttpOnly_").unwrap_or(line);
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let cookie = cookie(line).with_context(|| {
            format!("`{shown}`, line {number}: not a cookie: domain, TRUE or FALSE, path, TRUE or FALSE, time, name and value, with tabs between")
        })?;
        cookies.extend((cookie.1 == 0 || cookie.1 > now).then_some(cookie.0));
    }
    Ok(cookies)
}

/// A cookie, and when it expires: seconds since 1970, or 0 with the browser.
fn cookie(line: &str) -> Option<(Cookie, u64)> {
    let fields: Vec<_> = line.split('\t').collect();
    let [domain, subdomains, path, secure, expires, name, rest @ ..] = &fields[..] else {
        return None;
    };
    let value = rest.first().copied().unwrap_or_default();
    let expires: u64 = expires
        .split('.')
        .next()?
        .trim_start_matches('-')
        .parse()
        .ok()?;
    let host = domain.trim_start_matches('.');
    let secure = secure.eq_ignore_ascii_case("TRUE");
    let scheme = if secure { "https" } else { "http" };
    let url = Url::parse(&format!("{scheme}://{host}{path}")).ok()?;
    let mut text = format!("{name}={value}; Path={path}");
    if subdomains.eq_ignore_ascii_case("TRUE") && url.domain().is_some() {
        text.push_str("; Domain=");
        text.push_str(host);
    }
    if secure {
        text.push_str("; Secure");
    }
    Some((Cookie { url, text }, expires))
}

impl RequestOptions {
    /// User and password for the host of `url`, unless a header field of ours says who asks.
    pub(super) fn credentials(&self, url: &Url) -> Option<&Credentials> {
        let named = || self.netrc.as_ref()?.of(url.host_str()?);
        self.user.as_ref().or_else(named)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_read_as_browsers_write_them() {
        let text = |line| {
            let (cookie, expires) = cookie(line).expect("a cookie");
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
        assert!(cookie("a.example\tFALSE\t/").is_none());
    }
}
