//! The HTTP client: one request, one answer.
//!
//! A thin room around reqwest, and the only one that knows it. One [`Client`] serves all threads and tasks of a run. A
//! connection is driven by the runtime that opened it and ends with that, so there is one pool of connections for each
//! runtime: within a runtime, any thread or task may use any of its connections, and an HTTP/2 connection is shared by all.
//!
//! Redirects, retries, cookies and what a request says are left to others. What the client decides is how a host is
//! reached: which of its addresses may be used, through which proxy, with which certificates, and over which connection.
//!
//! A server may close a connection that is kept for the next request at any time, and the client may learn that only when it
//! sends one. Such a request has not been answered and, as a GET, may be sent again (RFC 9112 section 9.3.1): it is, over
//! another connection, until one that is new has been tried. The same holds for a request that the server has refused to
//! look at.

mod connections;
mod error;
mod proxy;
mod resolver;
mod tls;

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, Version};
use parking_lot::RwLock;
use reqwest::redirect::Policy;
use reqwest::retry;
use tokio::runtime::{Handle, Id};
use url::Url;

use crate::text::has_credentials;
use connections::Connections;
use error::is_refused;
pub(crate) use error::{Error, ErrorKind};
use proxy::Proxies;
pub(crate) use resolver::Family;
use resolver::Resolver;

/// An idle connection is closed after this time. It is below what common servers keep one for (nginx 75 s, Node.js 5 s): a
/// longer time would find more of them closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(15);

/// A shared connection is asked this often whether it is alive, and has as long to answer: one that has gone silent must not
/// hold up all links that share it.
const PING_INTERVAL: Duration = Duration::from_secs(10);

/// How much a server may send of one body before it is read, in bytes. On a long line, a smaller window would limit the
/// transfer.
const STREAM_WINDOW: u32 = 8 << 20;

/// The same for all bodies of a connection together, in bytes.
const CONNECTION_WINDOW: u32 = 32 << 20;

/// The longest head of an answer over HTTP/2, in bytes: real servers exceed the default of 16 KiB.
const MAX_HEADER_LIST: u32 = 256 << 10;

/// The most header fields of an answer over HTTP/1: real servers exceed the default of 100.
const MAX_HEADERS: usize = 256;

/// A request is sent again so often without a pause when the server refuses to look at it.
const MAX_REFUSALS: u32 = 3;

/// How hosts are reached.
#[derive(Debug, Clone)]
pub(crate) struct HttpOptions {
    /// How long connecting may take, name resolution and TLS included.
    pub connect_timeout: Duration,
    /// Whether addresses that are not on the public internet are refused. No proxy is used then: it would resolve names by
    /// itself.
    pub deny_private: bool,
    /// Whether proxies are used at all.
    pub use_proxies: bool,
    /// The proxy for all hosts; none for those that the system or the environment names.
    pub proxy: Option<Url>,
    /// The hosts that are reached without a proxy, separated by commas; `*` is all of them.
    pub no_proxy: Option<String>,
    /// The only certificates that are trusted, in PEM; none for those of the system.
    pub trusted: Option<Vec<u8>>,
    /// A client certificate and its key, in PEM.
    pub identity: Option<Vec<u8>>,
    /// Whether any certificate is accepted.
    pub insecure: bool,
    /// The only version of the Internet Protocol whose addresses are used.
    pub family: Option<Family>,
    /// The only version of HTTP that is spoken.
    pub version: Option<HttpVersion>,
}

/// A version of HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HttpVersion {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2, also without TLS.
    Http2,
}

/// A client for all links of a run.
pub(crate) struct Client {
    /// By the runtimes that drive their connections.
    clients: RwLock<Vec<(Id, reqwest::Client)>>,
    connections: Connections,
    resolver: Resolver,
    proxies: Proxies,
    tls: rustls::ClientConfig,
    options: HttpOptions,
}

impl Client {
    /// A client that keeps some `max_idle` idle connections open at most, all hosts together.
    ///
    /// # Errors
    ///
    /// When a certificate in the options cannot be used.
    pub(crate) fn new(options: &HttpOptions, max_idle: usize) -> anyhow::Result<Self> {
        let resolver = Resolver {
            deny_private: options.deny_private,
            family: options.family,
        };
        let (proxies, tls) = (Proxies::new(options), tls::config(options)?);
        Ok(Self {
            clients: RwLock::default(),
            connections: Connections::new(max_idle),
            resolver,
            proxies,
            tls,
            options: options.clone(),
        })
    }

    /// Sends a GET request for `url` with these header fields; user and password in `url` are not sent.
    ///
    /// # Errors
    ///
    /// When there is no answer: see [`ErrorKind`].
    pub(crate) async fn get(
        &self,
        url: &Url,
        headers: impl Fn() -> HeaderMap,
    ) -> Result<Response, Error> {
        self.resolver.check(url)?;
        let mut refusals = 0;
        loop {
            let mut request = reqwest::Request::new(Method::GET, without_credentials(url));
            *request.headers_mut() = headers();
            match self.client().execute(request).await {
                Ok(response) => {
                    if self.connections.answered(&response) {
                        self.close_idle();
                    }
                    return Ok(Response(response));
                }
                Err(error) if self.connections.lost_idle(&error) => {}
                Err(error) if is_refused(&error) && refusals < MAX_REFUSALS => refusals += 1,
                Err(error) => return Err(Error::new(&error, || self.proxies.of(url))),
            }
        }
    }

    /// The client for this runtime.
    fn client(&self) -> reqwest::Client {
        let here = Handle::current().id();
        let find = |clients: &[(Id, reqwest::Client)]| {
            let found = clients.iter().find(|(runtime, _)| *runtime == here)?;
            Some(found.1.clone())
        };
        let known = find(&self.clients.read());
        known.unwrap_or_else(|| {
            let mut clients = self.clients.write();
            find(&clients).unwrap_or_else(|| {
                let client = self.build();
                clients.push((here, client.clone()));
                client
            })
        })
    }

    /// Closes the idle connections to all hosts, by leaving them to clients that nobody will use again. With so many hosts as
    /// this takes, few are asked again soon.
    fn close_idle(&self) {
        let mut clients = self.clients.write();
        clients.clear();
    }

    fn build(&self) -> reqwest::Client {
        let builder = reqwest::Client::builder()
            .redirect(Policy::none())
            .referer(false)
            .retry(retry::never().max_retries_per_request(0))
            .connect_timeout(self.options.connect_timeout)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .tcp_keepalive(None)
            .dns_resolver(self.resolver)
            .tls_backend_preconfigured(self.tls.clone())
            // real servers get their fields wrong in these ways
            .http1_max_headers(MAX_HEADERS)
            .http1_ignore_invalid_headers_in_responses(true)
            .http1_allow_obsolete_multiline_headers_in_responses(true)
            .http1_allow_spaces_after_header_name_in_responses(true)
            .http2_initial_stream_window_size(STREAM_WINDOW)
            .http2_initial_connection_window_size(CONNECTION_WINDOW)
            .http2_max_header_list_size(MAX_HEADER_LIST)
            .http2_keep_alive_interval(PING_INTERVAL)
            .http2_keep_alive_timeout(PING_INTERVAL);
        let builder = match self.options.version {
            Some(HttpVersion::Http2) => builder.http2_prior_knowledge(),
            Some(HttpVersion::Http1) => builder.http1_only(),
            None => builder,
        };
        let client = self.proxies.apply(builder).build();
        client.expect("it fails only for options of reqwest that are not used here")
    }
}

fn without_credentials(url: &Url) -> Url {
    let mut url = url.clone();
    if has_credentials(&url) {
        // neither can fail: an http or https URL has a host
        let _ = url.set_username("");
        let _ = url.set_password(None);
    }
    url
}

/// An answer. Dropped before its end, it closes a connection that nobody else uses.
#[derive(Debug)]
pub(crate) struct Response(reqwest::Response);

impl Response {
    /// The status code.
    pub(crate) fn status(&self) -> StatusCode {
        self.0.status()
    }

    /// The version of HTTP that it came with.
    pub(crate) fn version(&self) -> Version {
        self.0.version()
    }

    /// The header fields.
    pub(crate) fn headers(&self) -> &HeaderMap {
        self.0.headers()
    }

    /// How many bytes of the body are still to come, if that is known.
    pub(crate) fn content_length(&self) -> Option<u64> {
        self.0.content_length()
    }

    /// The next piece of the body; none at its end.
    ///
    /// # Errors
    ///
    /// When the connection breaks, or ends before the body does.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        let chunk = self.0.chunk().await;
        if let Ok(None) = chunk {
            // the task of the connection puts it back into the pool, where the next request may look for it at once
            tokio::task::yield_now().await;
        }
        chunk.map_err(|error| Error::new(&error, || None))
    }
}
