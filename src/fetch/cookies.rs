//! The cookies of a run: what sites need across redirects and links, and no more.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use cookie_store::CookieStore;
use http::HeaderValue;
use parking_lot::{Mutex, RwLock};
use url::Url;

use super::access::Cookie;
use crate::digest::fingerprint;

/// A longer cookie is not kept, in bytes: what RFC 6265 section 6.1 asks of a client.
const LONGEST: usize = 4096;

/// A host may set so many cookies: the same section.
const A_HOST: usize = 50;

/// No request carries more bytes of cookies: servers refuse what is longer.
const A_REQUEST: usize = 16 * 1024;

/// A jar that no host can fill, or fill for others.
#[derive(Debug, Default)]
pub(super) struct Cookies {
    jar: RwLock<CookieStore>,
    /// Most runs never see a cookie, and need not look for one.
    any: AtomicBool,
    /// The cookies that each host has set, by the hashes of their names and places.
    set_by: Mutex<HashMap<String, HashSet<u64>>>,
}

impl Cookies {
    /// A jar with some cookies in it.
    pub(super) fn of(cookies: &[Cookie]) -> Self {
        let ours = Self::default();
        for cookie in cookies {
            ours.keep([&*cookie.text].into_iter(), &cookie.url);
        }
        ours
    }

    fn keep<'a>(&self, cookies: impl Iterator<Item = &'a str>, url: &Url) {
        let mut jar = self.jar.write();
        for cookie in cookies {
            // one that cannot be read, or that is not for this host, is not kept
            let _ = jar.parse(cookie, url);
            self.any.store(true, Relaxed);
        }
    }

    /// Keeps what the answer of `url` sets.
    pub(super) fn set<'a>(&self, headers: impl Iterator<Item = &'a HeaderValue>, url: &Url) {
        let mut headers = headers.peekable();
        if headers.peek().is_none() {
            return;
        }
        let mut set_by = self.set_by.lock();
        let set = set_by
            .entry(url.host_str().unwrap_or_default().to_owned())
            .or_default();
        let texts = headers.filter_map(|header| header.to_str().ok());
        let kept = texts.filter(|cookie| {
            if cookie.len() > LONGEST {
                return false;
            }
            let (identity, domain) = identity_and_domain(cookie, url);
            let known = set.contains(&identity);
            let kept = !domain.is_some_and(is_for_everybody) && (known || set.len() < A_HOST);
            if kept && !known {
                set.insert(identity);
            }
            kept
        });
        self.keep(kept, url);
    }

    /// The header field with the cookies for `url`, if there are some.
    pub(super) fn of_url(&self, url: &Url) -> Option<HeaderValue> {
        if !self.any.load(Relaxed) {
            return None;
        }
        let jar = self.jar.read();
        let pairs = jar.get_request_values(url);
        let pairs: Vec<_> = pairs
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let text = pairs.join("; ");
        let mut value = HeaderValue::from_str(&text).ok()?;
        value.set_sensitive(true);
        (!text.is_empty() && text.len() <= A_REQUEST).then_some(value)
    }
}

/// What tells a cookie from others of its host, and the domain that it is meant for.
fn identity_and_domain<'a>(cookie: &'a str, url: &Url) -> (u64, Option<&'a str>) {
    let attribute = |wanted: &str| {
        let attributes = cookie
            .split(';')
            .skip(1)
            .filter_map(|attribute| attribute.split_once('='));
        attributes
            .filter(|(name, _)| name.trim().eq_ignore_ascii_case(wanted))
            .last()
            .map(|(_, value)| value.trim())
    };
    let name = cookie.split(['=', ';']).next().unwrap_or_default().trim();
    let (domain, path) = (attribute("domain"), attribute("path").unwrap_or(url.path()));
    (
        fingerprint(&format!("{name}\n{}\n{path}", domain.unwrap_or_default())),
        domain,
    )
}

/// Whether `domain` is one under which strangers have theirs, such as `com` or `co.uk`. This is the rule of thumb from
/// before there was a list of them: it may let a cookie out to too few hosts, which costs at most a second login.
fn is_for_everybody(domain: &str) -> bool {
    const SHARED: [&str; 12] = [
        "ac", "co", "com", "edu", "go", "gob", "gov", "gouv", "mil", "net", "or", "org",
    ];
    let labels: Vec<_> = domain.trim_matches('.').split('.').collect();
    match labels[..] {
        [_, _, _, ..] => false,
        [second, top] => {
            top.len() == 2
                && (SHARED.contains(&second.to_ascii_lowercase().as_str()) || second.len() <= 2)
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cookies_after(set: &[(&str, &str)], asked: &str) -> String {
        let cookies = Cookies::default();
        for (url, cookie) in set {
            let header = HeaderValue::from_str(cookie).expect("a header");
            cookies.set([header].iter(), &Url::parse(url).expect("a URL"));
        }
        let found = cookies.of_url(&Url::parse(asked).expect("a URL"));
        found.map_or_else(String::new, |value| {
            value.to_str().expect("text").to_owned()
        })
    }

    #[test]
    fn a_site_gets_its_cookies_back_and_others_do_not() {
        let set = [(
            "http://idp.site.example/",
            "pass=1; Domain=site.example; Path=/",
        )];
        assert_eq!(cookies_after(&set, "http://pdf.site.example/x"), "pass=1");
        assert_eq!(cookies_after(&set, "http://other.example/x"), "");
        for domain in ["example", "com", ".com", "co.uk", "com.au"] {
            let url = format!("http://evil.{}/", domain.trim_start_matches('.'));
            let cookie = format!("x=1; domain={domain}");
            let asked = format!("http://victim.{}/", domain.trim_start_matches('.'));
            assert_eq!(cookies_after(&[(&url, &cookie)], &asked), "", "{domain}");
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
        assert_eq!(returned.split("; ").count(), A_HOST);
        assert!(returned.contains("c7=2"), "one that is known is renewed");
    }
}
