//! Where a host is, and which of its addresses may be used.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use super::ErrorKind;

/// A version of the Internet Protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// The system's resolver, and which of the addresses that it finds may be used.
#[derive(Debug, Clone, Copy)]
pub(super) struct Resolver {
    pub(super) deny_private: bool,
    pub(super) family: Option<Family>,
}

impl Resolver {
    /// Refuses a URL whose host is an address that may not be used. Names are checked when they are resolved.
    pub(super) fn check(self, url: &Url) -> Result<(), AddressError> {
        let address = match url.host() {
            Some(Host::Ipv4(address)) => IpAddr::from(address),
            Some(Host::Ipv6(address)) => IpAddr::from(address),
            Some(Host::Domain(_)) | None => return Ok(()),
        };
        let host = url.host_str().unwrap_or_default();
        self.usable(host, vec![SocketAddr::new(address, 0)])
            .map(drop)
    }

    /// The addresses of `host` that may be used: at least one.
    async fn addresses(self, host: &str) -> Result<Vec<SocketAddr>, AddressError> {
        match tokio::net::lookup_host((host, 0)).await {
            // only what is found here is connected to: the name is not looked up a second time
            Ok(found) => self.usable(host, found.collect()),
            Err(error) => Err(AddressError::none(host, error)),
        }
    }

    fn usable(
        self,
        host: &str,
        mut addresses: Vec<SocketAddr>,
    ) -> Result<Vec<SocketAddr>, AddressError> {
        if let Some(family) = self.family {
            addresses.retain(|address| address.is_ipv4() == (family == Family::V4));
            if addresses.is_empty() {
                let error = io::Error::other("none of the wanted kind (`-4`, `-6`)");
                return Err(AddressError::none(host, error));
            }
        }
        if self.deny_private {
            addresses.retain(|address| is_public(address.ip()));
            if addresses.is_empty() {
                return Err(AddressError::Private {
                    host: host.to_owned(),
                });
            }
        }
        Ok(addresses)
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let this = *self;
        Box::pin(async move {
            let addresses = this.addresses(name.as_str()).await?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// A host without an address that may be used.
#[derive(Debug)]
pub(super) enum AddressError {
    /// It has none.
    NoAddress { host: String, error: io::Error },
    /// None of them is on the public internet, and no other is wanted.
    Private { host: String },
}

impl AddressError {
    fn none(host: &str, error: io::Error) -> Self {
        Self::NoAddress {
            host: host.to_owned(),
            error,
        }
    }

    pub(super) fn kind(&self) -> ErrorKind {
        match self {
            Self::NoAddress { .. } => ErrorKind::Dns,
            Self::Private { .. } => ErrorKind::PrivateAddress,
        }
    }
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Private { host } => write!(f, "`{host}` is not on the public internet"),
            Self::NoAddress { host, error } => {
                let text = error.to_string();
                let cause = text.trim_start_matches("failed to lookup address information: ");
                write!(f, "no address for `{host}`: {}", cause.to_lowercase())
            }
        }
    }
}

impl std::error::Error for AddressError {}

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
        // v4-mapped, v4-compatible and NAT64 addresses lead to a v4 address
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            embedded(high, low)
        }
        [0x2002, high, low, ..] => embedded(high, low),
        [0x2001, 0x0db8 | 0..=0x01ff, ..] => false,
        // global unicast is what begins with 001
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_on_the_public_internet_is_known() {
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
    fn hosts_that_are_addresses_are_looked_at() {
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
                    family: None
                }
                .check(&Url::parse(url).expect("a URL"))
                .is_err(),
                private,
                "{url}"
            );
        }
    }
}
