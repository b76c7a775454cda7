//! Name resolution, and the guard against private addresses.
//!
//! The guard is here and not in front of the client, because a name must not be resolved twice: the second response of its
//! DNS server could differ from the one that was checked.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use super::{Error, ErrorKind};
use crate::system::files::{has_few_files, is_exhausted};

/// A version of the Internet Protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// The resolver of the system, limited to allowed addresses.
#[derive(Debug, Clone, Copy)]
pub(super) struct Resolver {
    pub(super) deny_private: bool,
    pub(super) family: Option<Family>,
    /// Whether IPv4 addresses come first: reqwest passes only the first address to a SOCKS proxy, which may lack IPv6.
    pub(super) v4_first: bool,
}

impl Resolver {
    /// Refuses a URL whose host is a forbidden address. Names are checked when they are resolved.
    pub(super) fn check(self, url: &Url) -> Result<(), Error> {
        let address = match url.host() {
            Some(Host::Ipv4(address)) => IpAddr::from(address),
            Some(Host::Ipv6(address)) => IpAddr::from(address),
            Some(Host::Domain(_)) | None => return Ok(()),
        };
        let host = url.host_str().unwrap_or_default();
        let allowed = self.allowed(host, vec![SocketAddr::new(address, 0)]);
        allowed.map(drop)
    }

    /// Those of the `addresses` of `host` that are allowed: at least one.
    fn allowed(self, host: &str, mut addresses: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, Error> {
        if let Some(family) = self.family {
            addresses.retain(|address| address.is_ipv4() == (family == Family::V4));
            if addresses.is_empty() {
                return Err(no_address(
                    host,
                    "none of the requested family (`-4`, `-6`)",
                ));
            }
        }
        if self.deny_private {
            addresses.retain(|address| is_public(address.ip()));
            if addresses.is_empty() {
                let message = format!("`{host}` is not on the public internet (`--deny-private`)");
                return Err(Error::new(ErrorKind::PrivateAddress, message));
            }
        }
        Ok(addresses)
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let this = *self;
        Box::pin(async move {
            // an IPv6 address behind a SOCKS proxy has brackets
            let host = name.as_str().trim_matches(['[', ']']);
            let found = tokio::net::lookup_host((host, 0)).await;
            let found = found.map_err(|error| not_found(host, &error))?;
            let mut allowed = this.allowed(host, found.collect())?;
            if this.v4_first {
                allowed.sort_by_key(SocketAddr::is_ipv6);
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// Why the system has found no address for `host`. A resolver reads files and opens sockets; if it cannot, it may say that
/// the name does not exist.
fn not_found(host: &str, error: &io::Error) -> Error {
    if is_exhausted(error) || has_few_files() {
        let message = format!("cannot look up `{host}`: too many open files");
        return Error::new(ErrorKind::Exhausted, message);
    }
    let cause = error.to_string().to_lowercase();
    let cause = cause.trim_start_matches("failed to lookup address information: ");
    if is_lookup_failure(error, cause) {
        Error::new(ErrorKind::Lookup, no_address(host, cause).to_string())
    } else {
        no_address(host, cause)
    }
}

/// Whether the name may well exist, but the resolver or the network did not respond. On Unix, the standard library passes on
/// the code of `getaddrinfo` as text only: that of glibc, BSD and macOS, or that of musl.
fn is_lookup_failure(error: &io::Error, cause: &str) -> bool {
    const TEXTS: [&str; 3] = ["temporary failure", "non-recoverable failure", "try again"];
    const WSATRY_AGAIN: i32 = 11002;
    const WSANO_RECOVERY: i32 = 11003;
    match error.raw_os_error() {
        Some(code) => !cfg!(windows) || matches!(code, WSATRY_AGAIN | WSANO_RECOVERY),
        None => TEXTS.iter().any(|text| cause.contains(text)),
    }
}

fn no_address(host: &str, cause: &str) -> Error {
    let message = format!("no address for `{host}`: {cause}");
    Error::new(ErrorKind::Dns, message)
}

/// Whether `address` is on the public internet, by the registries of special-purpose addresses (RFC 6890 and later).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let shared = a == 100 && b & 0xc0 == 64;
    let benchmarking = a == 198 && b & 0xfe == 18;
    let assignments = (a, b, c) == (192, 0, 0) || (a, b, c) == (192, 88, 99);
    !(a == 0
        || a >= 224
        || address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || shared
        || benchmarking
        || assignments)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    let embedded = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match segments {
        // IPv4-mapped, IPv4-compatible and NAT64 addresses stand for an IPv4 address
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            embedded(high, low)
        }
        // so do those of 6to4
        [0x2002, high, low, ..] => embedded(high, low),
        [0x2001, 0x0db8 | 0..=0x01ff, ..] => false,
        // only 2000::/3 is global unicast
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_are_not_public_are_recognized() {
        let public = |text: &str| is_public(text.parse().expect("an address"));
        for address in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.0.1",
            "192.0.0.8",
            "198.18.0.1",
            "203.0.113.9",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::10.0.0.1",
            "64:ff9b::a00:1",
            "2002:7f00:1::",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "2001:db8::1",
        ] {
            assert!(!public(address), "{address}");
        }
        for address in [
            "1.1.1.1",
            "100.63.0.1",
            "100.128.0.1",
            "172.32.0.1",
            "198.20.0.1",
            "2606:4700::1111",
            "::ffff:8.8.8.8",
        ] {
            assert!(public(address), "{address}");
        }
    }

    #[test]
    fn a_resolver_that_fails_does_not_mean_that_there_is_no_such_host() {
        let kind = |text: &str| {
            let text = format!("failed to lookup address information: {text}");
            not_found("a.example", &io::Error::other(text)).kind()
        };
        for text in [
            "Temporary failure in name resolution",
            "Non-recoverable failure in name resolution",
            "Try again",
        ] {
            assert_eq!(kind(text), ErrorKind::Lookup, "{text}");
        }
        for text in [
            "Name or service not known",
            "No address associated with hostname",
            "nodename nor servname provided, or not known",
            "Name does not resolve",
        ] {
            assert_eq!(kind(text), ErrorKind::Dns, "{text}");
        }
    }

    #[test]
    fn hosts_that_are_addresses_are_checked() {
        for (url, private) in [
            ("http://127.0.0.1/", true),
            ("http://2130706433/", true),
            ("http://0x7f.1/", true),
            ("http://[::1]/", true),
            ("http://8.8.8.8/", false),
            ("http://localhost/", false),
        ] {
            assert_eq!(
                Resolver {
                    deny_private: true,
                    family: None,
                    v4_first: false
                }
                .check(&Url::parse(url).expect("a URL"))
                .is_err(),
                private,
                "{url}"
            );
        }
    }
}
