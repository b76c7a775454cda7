//! The redirects of an attempt, or the pages of a link: how many there were, and whether they go round in circles.
//!
//! A way back to a URL is a loop only if nothing has changed since. Sites send a browser away to set a cookie, and back to
//! where it came from: the second request has the cookie, and gets another response. So a request is known by its URL and
//! by how many changes of cookies came before it. A change is a `Cookie` header that has not been sent on this trail before, or
//! `Set-Cookie` headers that have not been received on it. Neither depends on what other links do with the same cookies
//! at the same time: a cookie that they have set already still counts as a change here.
//!
//! A loop that sets the same cookies each time costs one more round, and one that always sets others ends at the limit of
//! redirects.

use url::Url;

use crate::digest::fingerprint;
use crate::host;

/// The requests of an attempt so far, with their cookies.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trail {
    /// Fingerprints of the requests, each with its URL and the number of changes before it.
    requests: Vec<u64>,
    /// Fingerprints of the cookies that were sent or received.
    changes: Vec<u64>,
}

impl Trail {
    /// Adds a request for `url`, which had this `Cookie` header.
    pub(crate) fn request(&mut self, url: &Url, cookies: Option<&[u8]>) {
        self.change(url, cookies);
        self.requests.push(self.identity(url));
    }

    /// Adds cookies that were sent to `url` or received from it, if there are any.
    pub(crate) fn change<'a>(&mut self, url: &Url, cookies: impl IntoIterator<Item = &'a [u8]>) {
        let mut text = host::name_of(url).to_owned();
        let without = text.len();
        for cookie in cookies {
            text.push('\n');
            // whatever their encoding is
            text.extend(cookie.iter().copied().map(char::from));
        }
        let change = fingerprint(&text);
        if text.len() > without && !self.changes.contains(&change) {
            self.changes.push(change);
        }
    }

    /// Whether a request for `url` with this `Cookie` header would repeat an earlier one.
    pub(crate) fn repeats(&self, url: &Url, cookies: Option<&[u8]>) -> bool {
        let mut next = self.clone();
        next.change(url, cookies);
        self.requests.contains(&next.identity(url))
    }

    /// How many requests there were.
    pub(crate) fn len(&self) -> usize {
        self.requests.len()
    }

    fn identity(&self, url: &Url) -> u64 {
        fingerprint(&format!("{} {url}", self.changes.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(host: &str) -> Url {
        Url::parse(&format!("http://{host}.example/x")).expect("a URL")
    }

    #[test]
    fn a_way_back_is_a_loop_unless_cookies_have_changed() {
        let (a, b) = (&url("a"), &url("b"));
        let mut trail = Trail::default();
        trail.request(a, None);
        assert!(trail.repeats(a, None) && !trail.repeats(b, None));
        assert!(!trail.repeats(a, Some(b"x=1")), "set by another link");
        trail.change(b, [&b"x=1"[..]]);
        assert!(!trail.repeats(a, None), "set for another host");
        trail.request(a, None);
        trail.change(b, [&b"x=1"[..]]);
        assert!(trail.repeats(a, None), "the same cookie again");
        trail.change(a, [&b"x=1"[..]]);
        assert!(!trail.repeats(a, None), "the same cookie of another host");
        trail.request(a, Some(b"x=1"));
        assert!(trail.repeats(a, Some(b"x=1")));
        assert_eq!(trail.len(), 3);
    }
}
