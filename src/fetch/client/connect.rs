//! How a connection is opened: to the host itself or through a proxy, plain or encrypted.

use std::error::Error;
use std::fmt;
use std::future::{Ready, ready};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http::{HeaderValue, Uri};
use hyper::rt::{Read, Write};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::{SocksV4, SocksV5, Tunnel};
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use hyper_util::rt::TokioIo;
use tower_service::Service;
use url::{Position, Url};

use super::address::Resolver;
use super::socket::{Awaited, Socket};
use super::tls::Tls;
use crate::fetch::Options;
use crate::fetch::access::Version;

pub(in crate::fetch) type BoxError = Box<dyn Error + Send + Sync>;

/// A host is far if connecting takes so long, the search for its name included.
const FAR: Duration = Duration::from_millis(20);

/// Something that bytes come from and go to.
pub(super) trait Io: Read + Write + Send + Sync + Unpin {}

impl<T: Read + Write + Send + Sync + Unpin> Io for T {}

/// An open connection, whatever lies below.
pub(super) type Stream = Box<dyn Io>;

/// A connection that has been opened.
pub(super) struct Opened {
    pub(super) stream: Stream,
    pub(super) http2: bool,
    /// Whether it is a long way to the host.
    pub(super) far: bool,
    pub(super) awaited: Awaited,
    pub(super) forwarding: Option<Forwarding>,
}

/// At the other end is a proxy that forwards requests, which carry the whole URL (RFC 9112 section 3.2.2).
#[derive(Debug, Clone)]
pub(super) struct Forwarding {
    /// Who asks the proxy.
    pub(super) authorization: Option<HeaderValue>,
}

/// Opens connections.
pub(super) struct Connector {
    tcp: HttpConnector<Resolver>,
    resolver: Resolver,
    proxies: Option<Matcher>,
    tls: Tls,
    version: Option<Version>,
}

impl Connector {
    /// # Errors
    ///
    /// When the certificates that are named cannot be used.
    pub(super) fn new(options: &Options) -> anyhow::Result<Self> {
        let resolver = Resolver {
            deny_private: options.deny_private,
            family: options.access.family,
        };
        let mut tcp = HttpConnector::new_with_resolver(resolver);
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        // which is divided among the addresses of a host: one that does not answer leaves time for the others
        tcp.set_connect_timeout(Some(options.connect_timeout));
        // behind a proxy, it is the proxy that resolves names: nobody could tell where they lead
        let may_be_proxied = options.proxy && !options.deny_private;
        Ok(Self {
            tcp,
            resolver,
            proxies: may_be_proxied.then(|| options.access.proxies()),
            tls: Tls::new(&options.access)?,
            version: options.access.version,
        })
    }

    /// Opens a connection for requests to the host of `url`.
    pub(super) async fn open(&self, url: &Url) -> Result<Opened, BoxError> {
        let uri: Uri = url[..Position::AfterPort].parse()?;
        let encrypted = url.scheme() == "https";
        let proxy = self
            .proxies
            .as_ref()
            .and_then(|proxies| proxies.intercept(&uri));
        let awaited = Awaited::default();
        let begun = Instant::now();
        let (mut stream, forwarding) = match proxy {
            None => {
                self.resolver.takes(url)?;
                (self.direct(uri, &awaited).await?, None)
            }
            Some(proxy) => self.through(&proxy, uri, encrypted, &awaited).await?,
        };
        let far = begun.elapsed() >= FAR;
        let mut http2 = self.version == Some(Version::Http2);
        if encrypted {
            let (over, agreed) = self.tls.over(stream, url, false).await?;
            stream = over;
            http2 |= agreed;
        }
        Ok(Opened {
            stream,
            http2,
            far,
            awaited,
            forwarding,
        })
    }

    async fn direct(&self, uri: Uri, awaited: &Awaited) -> Result<Stream, BoxError> {
        let stream = self.tcp.clone().call(uri).await?.into_inner();
        Ok(Box::new(TokioIo::new(Socket::new(stream, awaited.clone()))))
    }

    async fn through(
        &self,
        proxy: &Intercept,
        uri: Uri,
        encrypted: bool,
        awaited: &Awaited,
    ) -> Result<(Stream, Option<Forwarding>), BoxError> {
        let named = |error| NoProxy {
            at: proxy
                .uri()
                .authority()
                .map_or_else(String::new, ToString::to_string),
            error,
        };
        let mut stream = self
            .direct(proxy.uri().clone(), awaited)
            .await
            .map_err(named)?;
        let scheme = proxy.uri().scheme_str().unwrap_or_default();
        if scheme == "https" {
            let url = Url::parse(&proxy.uri().to_string())?;
            stream = self.tls.over(stream, &url, true).await?.0;
        }
        let (at, opened) = (proxy.uri().clone(), Once(Some(stream)));
        let stream = match scheme {
            "http" | "https" if !encrypted => {
                let authorization = proxy.basic_auth().cloned();
                return Ok((
                    opened.0.expect("it is there"),
                    Some(Forwarding { authorization }),
                ));
            }
            "http" | "https" => {
                let tunnel = Tunnel::new(at, opened);
                let mut tunnel = match proxy.basic_auth() {
                    Some(authorization) => tunnel.with_auth(authorization.clone()),
                    None => tunnel,
                };
                tunnel.call(uri).await?
            }
            "socks4" => {
                SocksV4::new(at, opened)
                    .call(self.resolved(uri).await?)
                    .await?
            }
            "socks4a" => SocksV4::new(at, opened).call(uri).await?,
            _ => {
                // `socks5h` leaves names to the proxy
                let uri = match scheme {
                    "socks5" => self.resolved(uri).await?,
                    _ => uri,
                };
                let socks = SocksV5::new(at, opened);
                let mut socks = match proxy.raw_auth() {
                    Some((user, password)) => socks.with_auth(user.to_owned(), password.to_owned()),
                    None => socks,
                };
                socks.call(uri).await?
            }
        };
        Ok((stream, None))
    }

    /// `uri` with an address in place of the name of its host.
    async fn resolved(&self, uri: Uri) -> Result<Uri, BoxError> {
        let host = uri.host().unwrap_or_default();
        let addresses = self
            .resolver
            .addresses(host.trim_matches(['[', ']']))
            .await?;
        // where there is none of version 4, the proxy may know better
        let Some(address) = addresses.iter().find(|address| address.is_ipv4()) else {
            return Ok(uri);
        };
        let port = match uri.port_u16() {
            Some(port) => port,
            None if uri.scheme_str() == Some("https") => 443,
            None => 80,
        };
        let authority = format!("{}:{port}", address.ip());
        let scheme = uri.scheme_str().unwrap_or("http");
        Ok(format!("{scheme}://{authority}").parse()?)
    }
}

/// A proxy that cannot be reached.
#[derive(Debug)]
pub(in crate::fetch) struct NoProxy {
    /// Its host and port.
    pub(in crate::fetch) at: String,
    pub(in crate::fetch) error: BoxError,
}

impl fmt::Display for NoProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no connection to the proxy `{}`", self.at)
    }
}

impl Error for NoProxy {}

/// A connection that is open already, for those who would open one.
struct Once(Option<Stream>);

impl Service<Uri> for Once {
    type Response = Stream;
    type Error = BoxError;
    type Future = Ready<Result<Stream, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        ready(self.0.take().ok_or_else(|| "it is in use".into()))
    }
}
