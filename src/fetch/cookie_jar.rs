//! The cookies of a run: what sites need across redirects and links, and no more.
//!
//! Any server of a list may set cookies, so the jar has limits: no host can fill it, set cookies for strangers, or make
//! requests too large. Cookies of the user's own `cookies.txt` are exempt.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use cookie_store::CookieStore;
use http::HeaderValue;
use parking_lot::{Mutex, RwLock};
use url::Url;

use super::cookies_txt::Cookie;
use crate::digest::fingerprint;

/// The longest cookie that is kept, in bytes: what RFC 6265 section 6.1 requires of a client.
const MAX_LENGTH: usize = 4096;

/// The number of cookies that a host may set: the same section.
const MAX_PER_HOST: usize = 50;

/// The most bytes of cookies in a request: servers reject larger headers.
const MAX_PER_REQUEST: usize = 16 * 1024;

/// A cookie jar with limits per host.
#[derive(Debug, Default)]
pub(super) struct CookieJar {
    jar: RwLock<CookieStore>,
    /// Whether there are any cookies. Most runs never see one, and skip the lookup.
    any: AtomicBool,
    /// The cookies that each host has set, as hashes of their names, domains and paths.
    set_by: Mutex<HashMap<String, HashSet<u64>>>,
}

impl CookieJar {
    /// A jar with these cookies.
    pub(super) fn new(cookies: &[Cookie]) -> Self {
        let jar = Self::default();
        for cookie in cookies {
            jar.keep([&*cookie.text].into_iter(), &cookie.url);
        }
        jar
    }

    fn keep<'a>(&self, cookies: impl Iterator<Item = &'a str>, url: &Url) {
        let mut jar = self.jar.write();
        for cookie in cookies {
            // an invalid cookie, or one for another host, is dropped
            let _ = jar.parse(cookie, url);
            self.any.store(true, Relaxed);
        }
    }

    /// Keeps the cookies of the `Set-Cookie` headers in a response from `url`.
    pub(super) fn set<'a>(&self, headers: impl Iterator<Item = &'a HeaderValue>, url: &Url) {
        let mut headers = headers.peekable();
        if headers.peek().is_none() {
            return;
        }
        let mut set_by = self.set_by.lock();
        let host = url.host_str().unwrap_or_default();
        let set = set_by.entry(host.to_owned()).or_default();
        let texts = headers.filter_map(|header| header.to_str().ok());
        let kept = texts.filter(|cookie| {
            if cookie.len() > MAX_LENGTH {
                return false;
            }
            let (identity, domain) = identity_and_domain(cookie, url);
            let has_room = set.len() < MAX_PER_HOST || set.contains(&identity);
            let kept = has_room && !domain.is_some_and(is_public_suffix);
            if kept {
                set.insert(identity);
            }
            kept
        });
        self.keep(kept, url);
    }

    /// The `Cookie` header for `url`, if it has cookies.
    pub(super) fn of_url(&self, url: &Url) -> Option<HeaderValue> {
        if !self.any.load(Relaxed) {
            return None;
        }
        let jar = self.jar.read();
        let pairs = jar.get_request_values(url);
        let pairs = pairs.map(|(name, value)| format!("{name}={value}"));
        let text = pairs.collect::<Vec<_>>().join("; ");
        let mut value = HeaderValue::from_str(&text).ok()?;
        value.set_sensitive(true);
        (!text.is_empty() && text.len() <= MAX_PER_REQUEST).then_some(value)
    }
}

/// A hash of what distinguishes a cookie from others of its host, and its `Domain` attribute.
fn identity_and_domain<'a>(cookie: &'a str, url: &Url) -> (u64, Option<&'a str>) {
    let (pair, attributes) = cookie.split_once(';').unwrap_or((cookie, ""));
    let attribute = |wanted: &str| {
        // the last one counts
        let mut pairs = attributes
            .rsplit(';')
            .filter_map(|text| text.split_once('='));
        let found = pairs.find(|(name, _)| name.trim().eq_ignore_ascii_case(wanted));
        found.map(|(_, value)| value.trim())
    };
    let name = pair.split('=').next().unwrap_or_default().trim();
    let (domain, path) = (attribute("domain"), attribute("path").unwrap_or(url.path()));
    let identity = format!("{name}\n{}\n{path}", domain.unwrap_or_default());
    (fingerprint(&identity), domain)
}

/// Whether unrelated sites share `domain`, such as `com` or `co.uk`. This heuristic predates the Public Suffix List. It may
/// refuse a cookie for all hosts of a short domain, which costs no more than a second login.
fn is_public_suffix(domain: &str) -> bool {
    const SECOND_LEVEL: [&str; 12] = [
        "ac", "co", "com", "edu", "go", "gob", "gov", "gouv", "mil", "net", "or", "org",
    ];
    let labels: Vec<_> = domain.trim_matches('.').split('.').collect();
    match labels[..] {
        [second, top] => {
            let second = second.to_ascii_lowercase();
            top.len() == 2 && (second.len() <= 2 || SECOND_LEVEL.contains(&&*second))
        }
        _ => labels.len() < 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cookies_after(set: &[(&str, &str)], requested: &str) -> String {
        let jar = CookieJar::default();
        for (url, cookie) in set {
            let header = HeaderValue::from_str(cookie).expect("a header");
            jar.set([header].iter(), &Url::parse(url).expect("a URL"));
        }
        let found = jar.of_url(&Url::parse(requested).expect("a URL"));
        found.map_or_else(String::new, |value| {
            value.to_str().expect("text").to_owned()
        })
    }

    #[test]
    fn cookies_are_sent_to_their_site_only() {
        let set = [(
            "http://idp.site.example/",
            "pass=1; Domain=site.example; Path=/",
        )];
        assert_eq!(cookies_after(&set, "http://pdf.site.example/x"), "pass=1");
        assert_eq!(cookies_after(&set, "http://other.example/x"), "");
        for domain in ["example", "com", ".com", "co.uk", "com.au"] {
            let url = format!("http://evil.{}/", domain.trim_start_matches('.'));
            let cookie = format!("x=1; domain={domain}");
            let victim = format!("http://victim.{}/", domain.trim_start_matches('.'));
            assert_eq!(cookies_after(&[(&url, &cookie)], &victim), "", "{domain}");
        }
    }

    #[test]
    fn a_host_cannot_fill_the_jar() {
        let many: Vec<_> = (0..500).map(|n| format!("c{n}=1; Path=/")).collect();
        let mut set: Vec<_> = many
            .iter()
            .map(|cookie| ("http://a.example/", cookie.as_str()))
            .collect();
        let big = format!("big={}; Path=/", "x".repeat(5000));
        set.push(("http://a.example/", &big));
        set.push(("http://a.example/", "c7=2; Path=/"));
        let returned = cookies_after(&set, "http://a.example/x");
        assert_eq!(returned.split("; ").count(), MAX_PER_HOST);
        assert!(returned.contains("c7=2"), "an existing cookie is updated");
    }
}
