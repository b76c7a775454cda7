//! The HTTP client: how it connects, and to whom it does not.

use std::cell::Cell;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use anyhow::Context as _;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{
    Certificate, Client, ClientBuilder, Error, Request, Response, Url, header, redirect,
};
use tower_layer::layer_fn;
use tower_service::Service;

use super::Options;
use super::access::Family;
use super::cookies::Cookies;
use super::trouble::is_closed_connection;

/// Below what common servers keep an idle connection for: a longer time finds it closed.
const IDLE: Duration = Duration::from_secs(15);

/// A client for all links of a run.
///
/// # Errors
///
/// When it cannot be set up, even with the CA certificates that are built in.
pub(super) fn build(options: &Options) -> anyhow::Result<Client> {
    // an error means that there is one already
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = builder(options)?.build();
    if options.access.trusted.is_some() || options.access.identity.is_some() {
        return client.context("cannot set up the HTTP client: are these the right certificates?");
    }
    let client = client.or_else(|_| {
        // a machine without a single CA certificate: the ones that are built in
        let roots = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter();
        let roots: Result<Vec<_>, _> = roots.map(|root| Certificate::from_der(root)).collect();
        builder(options)?
            .tls_certs_only(roots?)
            .build()
            .map_err(anyhow::Error::from)
    });
    client.context("cannot set up the HTTP client")
}

/// Sends one request. A connection that had been kept and turns out to be closed is no answer to it: it is sent again.
pub(super) async fn send(client: &Client, request: Request) -> Result<Response, Error> {
    loop {
        let again = request
            .try_clone()
            .expect("a request without a body can be cloned");
        let connected = async {
            let result = client.execute(again).await;
            (result, CONNECTED.with(Cell::get))
        };
        match CONNECTED.scope(Cell::new(false), connected).await {
            (Err(error), false) if is_closed_connection(&error) => {}
            (result, _) => return result,
        }
    }
}

tokio::task_local! {
    /// Whether the request that this task sends has opened a connection.
    static CONNECTED: Cell<bool>;
}

fn builder(options: &Options) -> anyhow::Result<ClientBuilder> {
    let headers = [
        (header::ACCEPT, "application/pdf"),
        (header::ACCEPT_ENCODING, "identity"),
    ];
    let ours = header::HeaderValue::from_static(concat!("fetchpdf/", env!("CARGO_PKG_VERSION")));
    let builder = Client::builder()
        .user_agent(options.access.user_agent.clone().unwrap_or(ours))
        .default_headers(
            headers
                .map(|(name, value)| (name, header::HeaderValue::from_static(value)))
                .into_iter()
                .collect(),
        )
        .referer(false)
        .redirect(redirect::Policy::none())
        .cookie_provider(Arc::new(Cookies::of(&options.access.cookies)))
        .connect_timeout(options.connect_timeout)
        .pool_idle_timeout(IDLE)
        .dns_resolver(Resolver {
            deny_private: options.deny_private,
            family: options.access.family,
        })
        .connector_layer(layer_fn(Connecting))
        // on a long line, a window that fits into it is what limits a transfer
        .http2_initial_stream_window_size(8 << 20)
        .http2_initial_connection_window_size(32 << 20)
        // real servers exceed the defaults, and get their fields wrong in these ways
        .http2_max_header_list_size(256 << 10)
        .http1_max_headers(256)
        .http1_ignore_invalid_headers_in_responses(true)
        .http1_allow_obsolete_multiline_headers_in_responses(true)
        .http1_allow_spaces_after_header_name_in_responses(true);
    // behind a proxy, it is the proxy that resolves names: nobody could tell where they lead
    let all_direct = options.access.no_proxy.as_deref() == Some("*");
    let builder = if options.proxy && !options.deny_private && !all_direct {
        builder
    } else {
        builder.no_proxy()
    };
    options.access.apply(builder)
}

/// Notes for [`send`] that a connection is opened.
#[derive(Clone)]
struct Connecting<S>(S);

impl<S: Service<R>, R> Service<R> for Connecting<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: R) -> Self::Future {
        // connections that are opened ahead of any request belong to none
        let _ = CONNECTED.try_with(|connected| connected.set(true));
        self.0.call(request)
    }
}

/// Whether the host of `url` is an address that is not on the public internet. Names are looked at when they are resolved.
pub(super) fn is_private_literal(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let literal = host.trim_start_matches('[').trim_end_matches(']');
    literal.parse().is_ok_and(|address| !is_public(address))
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

/// The system's resolver, whose errors can be told from those of a connection.
struct Resolver {
    deny_private: bool,
    family: Option<Family>,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (deny_private, family) = (self.deny_private, self.family);
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let mut addresses: Vec<_> = match tokio::net::lookup_host((name.as_str(), 0)).await {
                Ok(addresses) => addresses.collect(),
                Err(error) => return Err(DnsError::NoAddress { host, error }.into()),
            };
            if let Some(family) = family {
                addresses.retain(|address| address.is_ipv4() == (family == Family::V4));
                if addresses.is_empty() {
                    let error = io::Error::other("none of the wanted kind (`-4`, `-6`)");
                    return Err(DnsError::NoAddress { host, error }.into());
                }
            }
            if deny_private {
                // only these are connected to: the name is not looked up a second time
                addresses.retain(|address| is_public(address.ip()));
                if addresses.is_empty() {
                    return Err(DnsError::Private { host }.into());
                }
            }
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// A host name that does not lead anywhere.
#[derive(Debug)]
pub(super) enum DnsError {
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
