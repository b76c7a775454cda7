//! The cookies of a run: what sites need across redirects and links, and no more.
//!
//! A cookie belongs to a domain: that of its `Domain` attribute, or else the host that set it. The jar is a map of these
//! domains, so a request looks up its host and the parents of its host, however many cookies other hosts have set.
//!
//! Any server of a list may set cookies, so the jar has limits. A host can set cookies for itself and for a domain that it
//! shares with its own site, but not for a public suffix: nobody sets cookies for all of `github.io`. A domain that has too
//! many loses its oldest ones. When the jar is full, the domains that have not been used for longest lose theirs. Cookies of
//! the user's own `cookies.txt` are exempt.
//!
//! Values have bytes of any encoding, and are sent back as they came (RFC 6265 section 5.4). Here they are text: see
//! [`to_text`].

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::iter::successors;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::UNIX_EPOCH;

use bytes::Bytes;
use cookie_store::{Cookie, CookieDomain, CookieExpiration};
use http::header::{DATE, SET_COOKIE};
use http::{HeaderMap, HeaderValue};
use httpdate::parse_http_date;
use parking_lot::RwLock;
use url::Url;

use super::cookies_txt;
use crate::host;

/// The longest cookie that is kept, in bytes: what RFC 6265 section 6.1 requires of a client.
const MAX_LENGTH: usize = 4096;

/// The most cookies of a domain: the same section.
const MAX_PER_DOMAIN: usize = 50;

/// The most bytes of cookies in a request: servers reject larger headers.
const MAX_PER_REQUEST: usize = 16 * 1024;

/// The most bytes of memory for all cookies. Small ones fill it after some thousands, which is what browsers keep.
const MAX_TOTAL: usize = 4 << 20;

/// A cookie jar with limits.
#[derive(Debug, Default)]
pub(super) struct CookieJar {
    jar: RwLock<Jar>,
    /// Whether there are any cookies. Most runs never see one, and skip the lookup.
    any: AtomicBool,
}

impl CookieJar {
    /// A jar with these cookies.
    pub(super) fn new(cookies: &[cookies_txt::Cookie]) -> Self {
        let mut jar = Jar::default();
        for cookie in cookies {
            let url = absolute(&cookie.url);
            // an invalid one is dropped
            if let Ok(cookie) = Cookie::parse(&*cookie.text, &url) {
                jar.put(cookie.into_owned(), 0);
            }
        }
        let any = AtomicBool::new(!jar.domains.is_empty());
        let jar = RwLock::new(jar);
        Self { jar, any }
    }

    /// Keeps the cookies of the `Set-Cookie` headers in a response from `url`.
    pub(super) fn set(&self, headers: &HeaderMap, url: &Url) {
        if !headers.contains_key(SET_COOKIE) {
            return;
        }
        let server_time = server_time(headers);
        let url = absolute(url);
        let mut jar = self.jar.write();
        let cookies = headers.get_all(SET_COOKIE).iter();
        for cookie in cookies.filter(|cookie| cookie.len() <= MAX_LENGTH) {
            let text = to_text(cookie.as_bytes());
            if let Some(cookie) = cookie_from(&text, &url, server_time)
                && !jar.would_hide_secure(&cookie, &url)
            {
                jar.put(cookie, size_of::<Kept>() + text.len());
            }
        }
        jar.shrink();
        self.any.store(!jar.domains.is_empty(), Relaxed);
    }

    /// The `Cookie` header for `url`, if it has cookies.
    pub(super) fn of_url(&self, url: &Url) -> Option<HeaderValue> {
        if !self.any.load(Relaxed) {
            return None;
        }
        let url = absolute(url);
        let jar = self.jar.read();
        let cookies = jar.of_host(host::name_of(&url));
        let mut cookies: Vec<_> = cookies.filter(|cookie| cookie.matches(&url)).collect();
        // RFC 6265 section 5.4: those with longer paths first
        cookies.sort_by_key(|cookie| Reverse(cookie.path.len()));
        let mut header = Vec::new();
        for cookie in cookies {
            let (name, value) = cookie.name_value();
            let cookie = to_bytes(&format!("{name}={value}"));
            if header.len() + cookie.len() + 2 > MAX_PER_REQUEST {
                continue;
            }
            if !header.is_empty() {
                header.extend_from_slice(b"; ");
            }
            header.extend(cookie);
        }
        if header.is_empty() {
            return None;
        }
        let mut value = HeaderValue::from_maybe_shared(Bytes::from(header)).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

#[derive(Debug, Default)]
struct Jar {
    domains: HashMap<String, Domain>,
    /// The bytes of all cookies that count.
    bytes: usize,
    /// The number of lookups, as the time of [`Domain::last_use`].
    now: AtomicU64,
}

/// The cookies of a domain.
#[derive(Debug, Default)]
struct Domain {
    /// In the order in which they were set.
    cookies: Vec<Kept>,
    last_use: AtomicU64,
}

#[derive(Debug)]
struct Kept {
    cookie: Cookie<'static>,
    /// What it counts towards the limits: nothing if it is the user's.
    bytes: usize,
}

impl Jar {
    /// The cookies of `host` and its parents.
    fn of_host(&self, host: &str) -> impl Iterator<Item = &Cookie<'static>> {
        let now = self.now.fetch_add(1, Relaxed);
        let parents = successors(Some(host), |domain| Some(domain.split_once('.')?.1));
        let domains = parents.filter_map(|name| self.domains.get(name));
        let kept = domains.flat_map(move |domain| {
            domain.last_use.store(now, Relaxed);
            &domain.cookies
        });
        let cookies = kept.map(|kept| &kept.cookie);
        cookies.filter(|cookie| !cookie.is_expired())
    }

    /// Whether `cookie` comes over plain http and would be sent instead of one that came over https (RFC 6265bis, "leave
    /// secure cookies alone").
    fn would_hide_secure(&self, cookie: &Cookie, url: &Url) -> bool {
        let is_hidden = |other: &Cookie| other.name() == cookie.name() && is_secure(other);
        url.scheme() != "https" && self.of_host(host::name_of(url)).any(is_hidden)
    }

    /// Keeps `cookie` instead of one with the same name, domain and path; an expired one only removes that.
    fn put(&mut self, cookie: Cookie<'static>, mut bytes: usize) {
        let name = String::from(&cookie.domain);
        let domain = self.domains.entry(name.clone()).or_default();
        *domain.last_use.get_mut() = *self.now.get_mut();
        domain.cookies.retain(|old| {
            let is_same = old.cookie.name() == cookie.name() && old.cookie.path == cookie.path;
            let is_kept = !is_same && !old.cookie.is_expired();
            if is_same && old.bytes == 0 {
                // a new value of the user's cookie
                bytes = 0;
            }
            if !is_kept {
                self.bytes -= old.bytes;
            }
            is_kept
        });
        if !cookie.is_expired() {
            domain.cookies.push(Kept { cookie, bytes });
            self.bytes += bytes;
        }
        let counted = |kept: &Kept| kept.bytes > 0;
        if domain.cookies.iter().filter(|kept| counted(kept)).count() > MAX_PER_DOMAIN
            && let Some(oldest) = domain.cookies.iter().position(counted)
        {
            self.bytes -= domain.cookies.remove(oldest).bytes;
        }
        if domain.cookies.is_empty() {
            self.domains.remove(&name);
        }
    }

    /// If the jar is too full, makes a quarter of it free. The domains that have not been used for longest go.
    fn shrink(&mut self) {
        if self.bytes <= MAX_TOTAL {
            return;
        }
        let domains = self.domains.iter_mut();
        let mut domains: Vec<_> = domains
            .map(|(_, domain)| (*domain.last_use.get_mut(), domain))
            .collect();
        domains.sort_unstable_by_key(|(last_use, _)| *last_use);
        for (_, domain) in domains {
            if self.bytes <= MAX_TOTAL / 4 * 3 {
                break;
            }
            self.bytes -= domain.cookies.iter().map(|kept| kept.bytes).sum::<usize>();
            domain.cookies.retain(|kept| kept.bytes == 0);
        }
        self.domains.retain(|_, domain| !domain.cookies.is_empty());
    }
}

/// The first of the characters that stand for the bytes from 0x80 on. They are private, and no white space to be trimmed.
const PRIVATE: u32 = 0xe000;

/// `bytes` as a text with a character for each of them, whatever their encoding is. ASCII stays as it is.
pub(super) fn to_text(bytes: &[u8]) -> String {
    let other = |byte: u8| char::from_u32(PRIVATE + u32::from(byte)).expect("a private character");
    let chars = bytes.iter().map(|byte| {
        if byte.is_ascii() {
            char::from(*byte)
        } else {
            other(*byte)
        }
    });
    chars.collect()
}

/// The bytes of a text made by [`to_text`].
pub(super) fn to_bytes(text: &str) -> Vec<u8> {
    text.chars()
        .map(|c| u32::from(c).to_le_bytes()[0])
        .collect()
}

/// The `Date` of a response in seconds since 1970: cookies expire by the clock of their server.
fn server_time(headers: &HeaderMap) -> Option<i64> {
    let date = parse_http_date(headers.get(DATE)?.to_str().ok()?).ok()?;
    let since = date.duration_since(UNIX_EPOCH).ok()?;
    Some(since.as_secs().cast_signed())
}

/// The cookie of a `Set-Cookie` header in a response from `url` at this time of its server; `None` if `url` may not set it.
fn cookie_from(text: &str, url: &Url, server_time: Option<i64>) -> Option<Cookie<'static>> {
    let mut cookie = Cookie::parse(text, url).ok()?.into_owned();
    if let (CookieExpiration::AtUtc(expires), None) = (&cookie.expires, cookie.max_age())
        && let Some(now) = server_time
    {
        let seconds = expires.unix_timestamp().saturating_sub(now);
        cookie.expires = CookieExpiration::from(seconds.max(0).cast_unsigned());
    }
    if let CookieDomain::Suffix(domain) = &cookie.domain
        && psl::domain_str(domain).is_none()
    {
        // a public suffix: its cookies are for a host with that very name only (RFC 6265 section 5.3)
        if domain != host::name_of(url) {
            return None;
        }
        cookie.domain = CookieDomain::host_only(url).ok()?;
    }
    let is_allowed = !needs_https(&cookie) || is_secure(&cookie) && url.scheme() == "https";
    (is_allowed && keeps_host_prefix(&cookie)).then_some(cookie)
}

fn is_secure(cookie: &Cookie) -> bool {
    cookie.secure() == Some(true)
}

/// Whether only a response over https may set `cookie`, which then must be `Secure` (RFC 6265bis).
fn needs_https(cookie: &Cookie) -> bool {
    is_secure(cookie) || has_prefix(cookie, "__Secure-") || has_prefix(cookie, "__Host-")
}

/// Whether `cookie` is for one host and all of its paths, if its name says so (RFC 6265bis).
fn keeps_host_prefix(cookie: &Cookie) -> bool {
    let is_of_host = matches!(cookie.domain, CookieDomain::HostOnly(_)) && &*cookie.path == "/";
    is_of_host || !has_prefix(cookie, "__Host-")
}

fn has_prefix(cookie: &Cookie, prefix: &str) -> bool {
    let start = cookie.name().get(..prefix.len());
    start.is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// `url` without the trailing dot of its host: with and without it, the host has the same cookies.
fn absolute(url: &Url) -> Cow<'_, Url> {
    let name = host::name_of(url);
    if url.host_str() == Some(name) {
        return Cow::Borrowed(url);
    }
    let mut other = url.clone();
    // cannot fail: an http or https URL has a host, and this one is valid
    let _ = other.set_host(Some(name));
    Cow::Owned(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(jar: &CookieJar, url: &str, cookie: &str) {
        set_at(jar, url, cookie.as_bytes(), None);
    }

    fn set_at(jar: &CookieJar, url: &str, cookie: &[u8], date: Option<&'static str>) {
        let cookie = HeaderValue::from_bytes(cookie).expect("a header");
        let mut headers = HeaderMap::from_iter([(SET_COOKIE, cookie)]);
        headers.extend(date.map(|date| (DATE, HeaderValue::from_static(date))));
        jar.set(&headers, &Url::parse(url).expect("a URL"));
    }

    fn cookies(jar: &CookieJar, requested: &str) -> String {
        let found = jar.of_url(&Url::parse(requested).expect("a URL"));
        found.map_or_else(String::new, |value| {
            value.to_str().expect("text").to_owned()
        })
    }

    fn cookies_after(responses: &[(&str, &str)], requested: &str) -> String {
        let jar = CookieJar::default();
        for (url, cookie) in responses {
            set(&jar, url, cookie);
        }
        cookies(&jar, requested)
    }

    #[test]
    fn cookies_are_sent_to_their_site_only() {
        let set = [(
            "http://idp.site.example/",
            "pass=1; Domain=.Site.EXAMPLE; Path=/",
        )];
        for host in ["pdf.site.example", "site.example", "a.b.site.example."] {
            let url = format!("http://{host}/x");
            assert_eq!(cookies_after(&set, &url), "pass=1", "{host}");
        }
        for host in ["other.example", "mysite.example", "example"] {
            let url = format!("http://{host}/x");
            assert_eq!(cookies_after(&set, &url), "", "{host}");
        }
    }

    #[test]
    fn no_site_sets_cookies_for_a_public_suffix() {
        for suffix in [
            "example",
            "com",
            ".com",
            "co.uk",
            "com.au",
            "github.io",
            "GitHub.IO",
            "city.ck",
        ] {
            let host = suffix.trim_start_matches('.');
            let evil = format!("http://evil.{host}/");
            let cookie = format!("x=1; domain={suffix}");
            let victim = format!("http://victim.{host}/");
            assert_eq!(cookies_after(&[(&evil, &cookie)], &victim), "", "{suffix}");
        }
        // a host with such a name sets them for itself
        let set = [("http://github.io/", "x=1; Domain=github.io; Path=/")];
        assert_eq!(cookies_after(&set, "http://github.io/x"), "x=1");
        assert_eq!(cookies_after(&set, "http://evil.github.io/x"), "");
        // `www.ck` is an exception from `*.ck`
        let set = [("http://a.www.ck/", "x=1; Domain=www.ck; Path=/")];
        assert_eq!(cookies_after(&set, "http://b.www.ck/x"), "x=1");
    }

    #[test]
    fn hosts_without_a_site_keep_cookies_for_themselves() {
        for (setter, other) in [
            ("localhost", "a.localhost"),
            ("127.0.0.1", "127.0.0.2"),
            ("[::1]", "[::2]"),
            ("intranet", "wiki.intranet"),
        ] {
            let url = format!("http://{setter}/");
            for cookie in ["x=1; Path=/", &format!("x=1; Path=/; Domain={setter}")] {
                let set = [(&*url, cookie)];
                assert_eq!(cookies_after(&set, &format!("{url}y")), "x=1", "{cookie}");
                assert_eq!(cookies_after(&set, &format!("http://{other}/y")), "");
            }
        }
    }

    #[test]
    fn a_cookie_is_replaced_removed_and_forgotten_when_it_expires() {
        let url = "http://a.example/";
        let jar = CookieJar::default();
        set(&jar, url, "x=1; Path=/");
        set(&jar, "http://A.example.:80/", "x=2; Path=/; Max-Age=9999");
        set(&jar, url, "deep=1; Path=/d");
        assert_eq!(cookies(&jar, "http://a.example/d/y"), "deep=1; x=2");
        set(&jar, url, "x=; Path=/; Max-Age=0");
        set(
            &jar,
            url,
            "deep=; Path=/d; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
        );
        assert_eq!(cookies(&jar, "http://a.example/d/y"), "");
        let jar = jar.jar.into_inner();
        assert_eq!((jar.bytes, jar.domains.len()), (0, 0));
    }

    #[test]
    fn values_are_sent_back_as_they_came() {
        let url = "http://a.example/x";
        for value in [
            "à".as_bytes(),
            "\u{a0}é\u{85}".as_bytes(),
            b"\xe9\xa0",
            b"\xb0\xa1",
            b"\"q\"",
            b"a=b",
        ] {
            let (jar, cookie) = (CookieJar::default(), [b"n=", value].concat());
            set_at(&jar, url, &[&cookie, &b"; Path=/"[..]].concat(), None);
            let sent = jar.of_url(&Url::parse(url).expect("a URL"));
            assert_eq!(sent.expect("a cookie").as_bytes(), cookie);
        }
    }

    #[test]
    fn cookies_expire_by_the_clock_of_their_server() {
        let url = "http://a.example/";
        let jar = CookieJar::default();
        let cookie = b"x=1; Path=/; Expires=Sun, 06 Nov 1994 08:49:37 GMT";
        set_at(&jar, url, cookie, None);
        assert_eq!(cookies(&jar, url), "");
        set_at(&jar, url, cookie, Some("Sun, 06 Nov 1994 08:00:00 GMT"));
        assert_eq!(cookies(&jar, url), "x=1");
        set_at(&jar, url, cookie, Some("Sun, 06 Nov 1994 09:00:00 GMT"));
        assert_eq!(cookies(&jar, url), "");
        let forever = b"x=1; Path=/; Expires=Fri, 31 Dec 9999 23:59:59 GMT";
        set_at(&jar, url, forever, Some("Thu, 01 Jan 1970 00:00:00 GMT"));
        assert_eq!(cookies(&jar, url), "x=1");
    }

    #[test]
    fn secure_cookies_come_from_https_only() {
        let sent = |set: &[(&str, &str)]| cookies_after(set, "https://a.site.example/x");
        let plain = "http://a.site.example/";
        let tls = "https://a.site.example/";
        assert_eq!(sent(&[(plain, "x=1; Secure; Path=/")]), "");
        assert_eq!(
            sent(&[(tls, "x=1; Secure; Path=/"), (plain, "x=2; Path=/")]),
            "x=1"
        );
        assert_eq!(sent(&[(tls, "x=1; Path=/"), (plain, "x=2; Path=/")]), "x=2");
        let parent = "x=1; Secure; Path=/; Domain=site.example";
        assert_eq!(sent(&[(tls, parent), (plain, "x=2; Path=/x")]), "x=1");
        assert_eq!(sent(&[(tls, "__Host-x=1; Secure; Path=/")]), "__Host-x=1");
        for wrong in [
            "__Secure-x=1; Path=/",
            "__host-x=1; Path=/",
            "__Host-x=1; Secure; Path=/x",
            "__Host-x=1; Secure; Path=/; Domain=site.example",
        ] {
            assert_eq!(sent(&[(tls, wrong)]), "", "{wrong}");
        }
    }

    #[test]
    fn a_host_cannot_fill_the_jar() {
        let jar = CookieJar::default();
        let url = "http://a.example/";
        for n in 0..500 {
            set(&jar, url, &format!("c{n}=1; Path=/"));
        }
        set(&jar, url, &format!("big={}; Path=/", "x".repeat(5000)));
        set(&jar, url, "c499=2; Path=/");
        let returned = cookies(&jar, "http://a.example/x");
        assert_eq!(returned.split("; ").count(), MAX_PER_DOMAIN);
        assert!(returned.contains("c499=2"), "an existing cookie is updated");
        for n in 0..50 {
            set(&jar, url, &format!("l{n}={}; Path=/", "x".repeat(1000)));
        }
        let returned = cookies(&jar, "http://a.example/x");
        assert!((15_000..=MAX_PER_REQUEST).contains(&returned.len()));
    }

    #[test]
    fn a_lookup_does_not_see_cookies_of_other_hosts() {
        let jar = CookieJar::default();
        for n in 0..5000 {
            set(&jar, &format!("http://h{n}.site.example/"), "x=1; Path=/");
        }
        set(&jar, "http://h7.site.example/", "y=1; Domain=site.example");
        let jar = jar.jar.read();
        assert_eq!(jar.domains.len(), 5001);
        assert_eq!(jar.of_host("h7.site.example").count(), 2);
    }

    #[test]
    fn many_hosts_cannot_fill_the_memory() {
        let own = cookies_txt::Cookie {
            url: Url::parse("http://own.example/").expect("a URL"),
            text: "own=1; Path=/".to_owned(),
        };
        let jar = CookieJar::new(&[own]);
        set(&jar, "http://own.example/", "own=2; Path=/");
        for host in 0..400 {
            for n in 0..18 {
                let cookie = format!("c{n}={}; Path=/", "x".repeat(4000));
                set(&jar, &format!("http://h{host}.example/"), &cookie);
            }
            // one that is in use stays
            let in_use = cookies(&jar, "http://h0.example/x");
            assert!(in_use.starts_with("c0=x"), "{host}");
        }
        assert_eq!(cookies(&jar, "http://own.example/x"), "own=2");
        assert_eq!(cookies(&jar, "http://h1.example/x"), "");
        assert!(cookies(&jar, "http://h399.example/x").len() > 12_000);
        let jar = jar.jar.into_inner();
        let kept = jar.domains.values().flat_map(|domain| &domain.cookies);
        assert_eq!(kept.map(|kept| kept.bytes).sum::<usize>(), jar.bytes);
        assert!(jar.bytes <= MAX_TOTAL);
    }
}
