//! Names of hosts, in the one form by which limits and secrets are looked up.

use std::borrow::Cow;
use std::net::Ipv6Addr;

use url::{Host, Position, Url};

/// What a host looks like, for messages about one that [`parse`] refuses.
pub(crate) const FORM: &str = "a host is a name or an address without scheme and port, such as `example.org`, `192.0.2.1` or `[2001:db8::1]`";

/// The name of the host of `url`: in lower case, in ASCII, without the trailing dot of an absolute name; an IPv6 address is
/// in brackets. Empty if `url` has no host.
pub(crate) fn name_of(url: &Url) -> &str {
    let name = url.host_str().unwrap_or_default();
    name.strip_suffix('.').unwrap_or(name)
}

/// The host of `url`, whose limits count: its name, and its port unless that is the one of the scheme. `http` and `https` are
/// the same host.
pub(crate) fn of(url: &Url) -> Cow<'_, str> {
    let host = &url[Position::BeforeHost..Position::AfterPort];
    let (name, written) = (name_of(url), url.host_str().unwrap_or_default());
    if name.len() == written.len() {
        return host.into();
    }
    format!("{name}{}", &host[written.len()..]).into()
}

/// The name of a host as people write it, in the form of [`name_of`]; `None` if it is not a host.
pub(crate) fn parse(text: &str) -> Option<String> {
    let host = match text.parse::<Ipv6Addr>() {
        Ok(address) => Host::Ipv6(address),
        Err(_) => Host::parse(text).ok()?,
    };
    let name = host.to_string();
    let name = name.strip_suffix('.').unwrap_or(&name);
    (!name.is_empty()).then(|| name.to_owned())
}

/// The registrable domain of `url`, such as `example.co.uk`, or its whole host if there is none.
pub(crate) fn site(url: &Url) -> &str {
    match url.domain() {
        Some(name) => psl::domain_str(name).unwrap_or(name),
        None => url.host_str().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_a_host_have_one_name() {
        let same = [
            ("example.org", "https://EXAMPLE.org./x"),
            ("Example.Org.", "http://example.org:8080/"),
            ("bücher.example", "http://xn--bcher-kva.example/"),
            ("::1", "http://[0::1]/"),
            ("[::1]", "http://[::1]:99/"),
            ("127.0.0.1", "http://127.1/"),
        ];
        for (text, url) in same {
            let url = Url::parse(url).expect("a URL");
            assert_eq!(parse(text).as_deref(), Some(name_of(&url)), "{text}");
        }
        let of = |text| of(&Url::parse(text).expect("a URL")).into_owned();
        assert_eq!(of("http://me@a.example/x"), of("https://A.example.:443/y"));
        assert_eq!(of("http://a.example.:443/"), "a.example:443");
        for wrong in ["", ".", "a b", "http://a.example", "a.example:80", "[::1"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
