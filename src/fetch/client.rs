//! The HTTP client: connections that are opened, kept and used again.
//!
//! It sends one request and gives one answer. Redirects, retries and what belongs into a request are left to others.

pub(super) mod address;
mod connect;
mod exchange;
mod pool;
mod socket;
mod tls;

use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use tokio::runtime::Handle;
use tokio::time::timeout;
use url::Url;

use super::Options;
use super::trouble::is_closed_connection;
use crate::process::KEPT_OF_JOB;
use connect::Connector;
pub(super) use connect::{BoxError, NoProxy};
pub(super) use exchange::Response;
use exchange::{Connection, host_of};
use pool::Pool;

/// What comes over a connection is read in pieces of this size, in bytes, if there are few.
const BUFFER: usize = 128 * 1024;

/// All connections together read into so many bytes, which a cache can hold, as long as that leaves each a
/// [`SMALL_BUFFER`].
const BUFFERS: usize = 4 * 1024 * 1024;

/// The smallest pieces, in bytes.
const SMALL_BUFFER: usize = 32 * 1024;

/// There is room for the head of an answer beside that, in bytes. A head that is longer takes some of the piece.
const HEAD: usize = 16 * 1024;

/// So many links at once share an HTTP/2 connection to a far host, whatever runtimes they are in: one becomes fast sooner. More
/// are better off with some connections, as a server closes each after a thousand requests or so, and then all would wait.
const SHARING: usize = 8;

/// A client for all links of a run.
pub(super) struct Client {
    connector: Connector,
    pool: Arc<Pool>,
    /// The room for what comes over a connection, in bytes.
    buffer: usize,
    connect_timeout: Duration,
    /// The runtime that drives what all share, if they do.
    home: Option<Handle>,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Error {
    /// No request can be made of the URL.
    Request,
    /// Connecting took too long.
    ConnectTimeout,
    /// No connection.
    Connect(BoxError),
    /// The connection broke, or what came over it is no answer.
    Exchange(hyper::Error),
}

/// How many bytes are read at once from each of so many connections.
pub(super) fn buffer(connections: usize) -> usize {
    (BUFFERS / connections.max(1)).clamp(SMALL_BUFFER, BUFFER) + HEAD
}

impl Client {
    /// # Errors
    ///
    /// When the certificates that are named cannot be used.
    pub(super) fn new(options: &Options, home: &Handle) -> anyhow::Result<Self> {
        Ok(Self {
            connector: Connector::new(options)?,
            pool: Arc::new(Pool::new(options.jobs * KEPT_OF_JOB)),
            buffer: buffer(options.jobs),
            connect_timeout: options.connect_timeout,
            home: (options.jobs <= SHARING).then(|| home.clone()),
        })
    }

    /// Asks for `url`, with these header fields. A connection that had been kept and turns out to be closed is no answer:
    /// the request is sent again.
    pub(super) async fn get(
        &self,
        url: &Url,
        headers: impl Fn() -> HeaderMap,
    ) -> Result<Response, Error> {
        let host = host_of(url);
        loop {
            let (connection, kept) = match self.pool.take(host) {
                Some(kept) => (kept, true),
                None => Box::pin(self.connect(url, host)).await?,
            };
            let shared = match &connection {
                Connection::Http1(_) => None,
                Connection::Http2(shared) => Some(shared.clone()),
            };
            match connection.send(url, headers(), &self.pool).await {
                // also what somebody has sent before it was asked for is no answer
                Err(Error::Exchange(error))
                    if kept && (is_closed_connection(&error) || error.is_parse()) =>
                {
                    if let Some(shared) = shared {
                        self.pool.forget(host, &shared);
                    }
                }
                result => return result,
            }
        }
    }

    /// Opens a connection, or takes one that somebody else has opened meanwhile: then it is one that was kept.
    async fn connect(&self, url: &Url, host: &str) -> Result<(Connection, bool), Error> {
        let gate = self.pool.gate(host);
        let _first = match &gate {
            Some(gate) => Some(gate.lock().await),
            None => None,
        };
        if gate.is_some()
            && let Some(kept) = self.pool.take(host)
        {
            return Ok((kept, true));
        }
        let opened = timeout(self.connect_timeout, Box::pin(self.connector.open(url)))
            .await
            .map_err(|_| Error::ConnectTimeout)?
            .map_err(Error::Connect)?;
        match Connection::begin(opened, self.buffer, self.home.as_ref())
            .await
            .map_err(Error::Exchange)?
        {
            Connection::Http2(own) => {
                let shared = self.pool.share(host, own.clone());
                let kept = shared.number != own.number;
                Ok((Connection::Http2(shared), kept))
            }
            own @ Connection::Http1(_) => Ok((own, false)),
        }
    }
}
