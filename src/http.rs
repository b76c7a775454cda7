//! The HTTP client: one request, one response.
//!
//! A thin layer over reqwest, and the only module that names it. One [`Client`] serves all threads and tasks of a run. A
//! connection is driven by the runtime that opened it and ends with it, so each runtime has its own connection pool. Within
//! a runtime, any thread or task may use any connection, and an HTTP/2 connection is shared by all.
//!
//! Redirects, retries, cookies and headers are up to the caller. The client decides how a host is reached: which of its
//! addresses are allowed, through which proxy, with which certificates, and over which connection.
//!
//! A server may close an idle connection at any time, and the client may not notice before it sends the next request. Such
//! a request has no response and, as a GET, may be resent (RFC 9112 section 9.3.1): it is, over other connections, until a
//! new one fails too. The same applies to a request that the server refuses to process.

mod connections;
mod error;
mod handshake;
#[cfg(feature = "object-stores")]
mod objects;
mod proxy;
mod resolver;
mod tls;

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, Version};
use parking_lot::RwLock;
use reqwest::redirect::Policy;
use reqwest::retry;
use tokio::runtime::{Handle, Id};
use url::Url;

use crate::timeout::Moment;
use connections::Connections;
use error::is_unprocessed;
pub(crate) use error::{Error, ErrorKind};
#[cfg(feature = "object-stores")]
pub(crate) use objects::{Connector, Said, Saying, Signer, Upload};
use proxy::Proxies;
pub(crate) use resolver::Family;
use resolver::Resolver;

/// How long an idle connection is kept. Servers close theirs after 5 s (Node.js) to 75 s (nginx): the longer it is kept here,
/// the more often a request meets a closed one.
const IDLE_TIMEOUT: Duration = Duration::from_secs(15);

/// The interval and the timeout of HTTP/2 pings: a dead connection must not stall all links that share it.
const PING_INTERVAL: Duration = Duration::from_secs(10);

/// The most bytes that all servers together can send over HTTP/2 while nobody reads them: each job gets its share as the flow
/// control window of its stream. With the 64 jobs of `async`, that is 1 MiB, and 10 MB/s at a latency of 100 ms.
const WINDOW_BUDGET: usize = 64 << 20;

/// The smallest window of a stream, that of HTTP/2 by default, and the largest one that pays.
const STREAM_WINDOWS: RangeInclusive<usize> = 64 << 10..=8 << 20;

/// The flow control window of an HTTP/2 connection, in bytes. It keeps the streams of a connection from holding each other
/// up; what they hold is bounded by their own windows.
const CONNECTION_WINDOW: u32 = 32 << 20;

/// The largest header section over HTTP/2, in bytes: real servers exceed the default of 16 KiB.
const MAX_HEADER_LIST: u32 = 256 << 10;

/// The most headers of a response over HTTP/1: real servers exceed the default of 100.
const MAX_HEADERS: usize = 256;

/// How often a request that was not processed is resent at once.
const MAX_RESENDS: u32 = 3;

/// How often a request for which no file descriptor is left tries again.
const EXHAUSTED_POLL: Duration = Duration::from_millis(200);

/// How hosts are reached.
#[derive(Debug, Clone)]
pub(crate) struct HttpOptions {
    /// The longest time to connect, name resolution and TLS included.
    pub connect_timeout: Duration,
    /// Whether addresses that are not on the public internet are refused. This disables proxies: they resolve names
    /// themselves.
    pub deny_private: bool,
    /// Whether proxies are used at all.
    pub use_proxies: bool,
    /// The proxy for all hosts, with its user and password; none for those of the system or the environment.
    pub proxy: Option<Url>,
    /// The hosts that are reached without a proxy, separated by commas; `*` is all of them.
    pub no_proxy: Option<String>,
    /// The only trusted certificates, in PEM; none for those of the system.
    pub trusted: Option<Vec<u8>>,
    /// A client certificate and its key, in PEM.
    pub identity: Option<Vec<u8>>,
    /// Whether any certificate is accepted.
    pub insecure: bool,
    /// The only version of the Internet Protocol to use.
    pub family: Option<Family>,
    /// The only version of HTTP to use.
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

/// How much a client is to carry.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    /// The number of requests at once.
    pub jobs: NonZeroUsize,
    /// About how many idle connections stay open, to all hosts together.
    pub idle: usize,
}

/// A client for all links of a run.
pub(crate) struct Client {
    /// By the runtime that drives the connections.
    clients: RwLock<HashMap<Id, reqwest::Client>>,
    connections: Arc<Connections>,
    resolver: Resolver,
    proxies: Proxies,
    tls: rustls::ClientConfig,
    stream_window: u32,
    options: HttpOptions,
}

impl Client {
    /// A client for this `load`.
    ///
    /// # Errors
    ///
    /// If a certificate of the options cannot be used.
    pub(crate) fn new(options: &HttpOptions, load: Load) -> anyhow::Result<Self> {
        let proxies = Proxies::new(options);
        let resolver = Resolver {
            deny_private: options.deny_private,
            family: options.family,
            v4_first: proxies.use_socks(),
        };
        Ok(Self {
            clients: RwLock::default(),
            connections: Arc::new(Connections::new(load.idle)),
            resolver,
            proxies,
            tls: tls::config(options)?,
            stream_window: stream_window(load.jobs),
            options: options.clone(),
        })
    }

    /// Sends a GET request for `url` with these headers. User and password in `url` are not sent.
    ///
    /// # Errors
    ///
    /// If there is no response: see [`ErrorKind`].
    pub(crate) async fn get(
        &self,
        url: &Url,
        headers: impl Fn() -> HeaderMap,
    ) -> Result<Response, Error> {
        if let Err(error) = self.resolver.check(url)
            && self.proxies.of(url).is_none()
        {
            return Err(error);
        }
        let (mut resends, mut since) = (0, Moment::now());
        loop {
            let mut request = reqwest::Request::new(Method::GET, without_credentials(url));
            *request.headers_mut() = headers();
            match self.client().execute(request).await {
                Ok(response) => {
                    if self.connections.record(&response) {
                        // with as many hosts as this takes, few are contacted again soon
                        self.close_idle();
                    }
                    let connections = Arc::clone(&self.connections);
                    return Ok(Response(response, connections));
                }
                Err(error) if self.connections.lost_idle(&error) => {}
                Err(error) if is_unprocessed(&error) && resends < MAX_RESENDS => resends += 1,
                Err(error) => {
                    let error =
                        Error::of_request(&error, || self.proxies.of(url)).of_scheme(url.scheme());
                    if error.kind() == ErrorKind::ConnectTimeout && since.has_stopped() {
                        since = Moment::now();
                        continue;
                    }
                    let limit = self.options.connect_timeout;
                    if error.kind() != ErrorKind::Exhausted || since.elapsed() >= limit {
                        return Err(error);
                    }
                    // idle connections are open files, too
                    self.close_idle();
                    tokio::time::sleep(EXHAUSTED_POLL.min(limit)).await;
                }
            }
        }
    }

    /// Closes all idle connections, which belong to the clients.
    fn close_idle(&self) {
        self.clients.write().clear();
    }

    /// The client of the current runtime.
    fn client(&self) -> reqwest::Client {
        let runtime = Handle::current().id();
        let known = self.clients.read().get(&runtime).cloned();
        known.unwrap_or_else(|| {
            let mut clients = self.clients.write();
            let client = clients.entry(runtime).or_insert_with(|| self.build());
            client.clone()
        })
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
            // real servers get their headers wrong in these ways
            .http1_max_headers(MAX_HEADERS)
            .http1_ignore_invalid_headers_in_responses(true)
            .http1_allow_obsolete_multiline_headers_in_responses(true)
            .http1_allow_spaces_after_header_name_in_responses(true)
            .http2_initial_stream_window_size(self.stream_window)
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
        client.expect("it fails only for options that are not used here")
    }
}

/// The share of one of `jobs` in the budget.
fn stream_window(jobs: NonZeroUsize) -> u32 {
    let share = WINDOW_BUDGET / jobs;
    let (smallest, largest) = STREAM_WINDOWS.into_inner();
    u32::try_from(share.clamp(smallest, largest)).unwrap_or(u32::MAX)
}

fn without_credentials(url: &Url) -> Url {
    let mut url = url.clone();
    // neither can fail: an http or https URL has a host
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url
}

/// A response. Dropped before its end, it closes its connection unless that is shared.
#[derive(Debug)]
pub(crate) struct Response(reqwest::Response, Arc<Connections>);

impl Response {
    /// The status code.
    pub(crate) fn status(&self) -> StatusCode {
        self.0.status()
    }

    /// The version of HTTP.
    pub(crate) fn version(&self) -> Version {
        self.0.version()
    }

    /// The headers.
    pub(crate) fn headers(&self) -> &HeaderMap {
        self.0.headers()
    }

    /// How many bytes of the body have not been read, if known.
    pub(crate) fn content_length(&self) -> Option<u64> {
        self.0.content_length()
    }

    /// The next chunk of the body; none at its end.
    ///
    /// # Errors
    ///
    /// If the connection fails, or ends before the body does.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        let chunk = self.0.chunk().await;
        if let Ok(None) = chunk {
            self.1.idle(&self.0);
            // let the task of the connection return it to the pool, where the next request may need it at once
            tokio::task::yield_now().await;
        }
        chunk.map_err(|error| Error::of_request(&error, || None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_windows_of_all_jobs_stay_in_the_budget() {
        let window = |jobs| stream_window(NonZeroUsize::new(jobs).expect("a number")) as usize;
        assert_eq!([1, 64, 256].map(window), [8 << 20, 1 << 20, 256 << 10]);
        for jobs in 1..=1024 {
            assert!(window(jobs) * jobs <= WINDOW_BUDGET, "{jobs}");
        }
        assert_eq!(window(100_000), 64 << 10);
    }
}
