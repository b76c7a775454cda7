//! Where a host is, and whether that may be asked.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper_util::client::legacy::connect::dns::Name;
use tower_service::Service;
use url::{Host, Url};

use crate::fetch::access::Family;

/// Whether the host of `url` is an address that is not on the public internet. Names are looked at when they are resolved.
pub(in crate::fetch) fn is_private_literal(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => !is_public_v4(address),
        Some(Host::Ipv6(address)) => !is_public_v6(address),
        Some(Host::Domain(_)) | None => false,
    }
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

const UNWANTED: &str = "none of the wanted kind (`-4`, `-6`)";

/// The system's resolver, whose errors can be told from those of a connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Resolver {
    pub(super) deny_private: bool,
    pub(super) family: Option<Family>,
}

impl Resolver {
    /// Refuses a host that is an address of a version that is not wanted; names are looked up later.
    pub(super) fn takes(self, url: &Url) -> Result<(), DnsError> {
        let theirs = match url.host() {
            Some(Host::Ipv4(_)) => Family::V4,
            Some(Host::Ipv6(_)) => Family::V6,
            Some(Host::Domain(_)) | None => return Ok(()),
        };
        if self.family.is_none_or(|wanted| wanted == theirs) {
            return Ok(());
        }
        Err(DnsError::NoAddress {
            host: url.host_str().unwrap_or_default().to_owned(),
            error: io::Error::other(UNWANTED),
        })
    }

    /// The addresses of `host` that may be asked: one at least.
    pub(super) async fn addresses(self, host: &str) -> Result<Vec<SocketAddr>, DnsError> {
        let no_address = |error| DnsError::NoAddress {
            host: host.to_owned(),
            error,
        };
        let found = tokio::net::lookup_host((host, 0)).await;
        let mut addresses: Vec<_> = found.map_err(no_address)?.collect();
        if let Some(family) = self.family {
            addresses.retain(|address| address.is_ipv4() == (family == Family::V4));
            if addresses.is_empty() {
                return Err(no_address(io::Error::other(UNWANTED)));
            }
        }
        if self.deny_private {
            // only these are connected to: the name is not looked up a second time
            addresses.retain(|address| is_public(address.ip()));
            if addresses.is_empty() {
                return Err(DnsError::Private {
                    host: host.to_owned(),
                });
            }
        }
        Ok(addresses)
    }
}

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = DnsError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, DnsError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), DnsError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let this = *self;
        Box::pin(async move { Ok(this.addresses(name.as_str()).await?.into_iter()) })
    }
}

/// A host name that does not lead anywhere.
#[derive(Debug)]
pub(in crate::fetch) enum DnsError {
    /// It has no address.
    NoAddress { host: String, error: io::Error },
    /// None of its addresses is on the public internet, and no other is wanted.
    Private { host: String },
}

impl fmt::Display for DnsError {
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

impl std::error::Error for DnsError {}

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
                is_private_literal(&Url::parse(url).expect("a URL")),
                private,
                "{url}"
            );
        }
    }
}
