//! One request over a connection, and the answer to it.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, StatusCode, Uri, Version, header, response};
use http_body_util::Empty;
use hyper::body::{Body, Incoming};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::runtime::{Handle, Id};
use url::{Position, Url};

use super::Error;
use super::connect::{Forwarding, Opened, Stream};
use super::pool::Pool;
use super::socket::Awaited;

type Nothing = Empty<Bytes>;

/// A shared connection is asked so often whether it lives, and has so long to say so.
const PING: Duration = Duration::from_secs(10);

/// A connection that takes a request.
pub(super) enum Connection {
    Http1(Http1),
    Http2(Http2),
}

/// A connection for one request at a time. Whoever uses it drives it: there is no task in between, and none to wake.
pub(super) struct Http1 {
    sender: http1::SendRequest<Nothing>,
    /// None once it has ended.
    driver: Option<Box<http1::Connection<Stream, Nothing>>>,
    awaited: Awaited,
    forwarding: Option<Forwarding>,
}

/// A connection for many requests at once, driven by a task of its own.
#[derive(Clone)]
pub(super) struct Http2 {
    sender: http2::SendRequest<Nothing>,
    /// Tells it from others.
    pub(super) number: u64,
    /// The runtime that it is for, and is driven in; none if it is for all.
    pub(super) runtime: Option<Id>,
}

impl Connection {
    /// Begins to speak over a connection that has been opened; what comes is read in pieces of `buffer` bytes.
    /// HTTP/2 over a long way is for all runtimes, and lives in `home`, if there is one.
    pub(super) async fn begin(
        opened: Opened,
        buffer: usize,
        home: Option<&Handle>,
    ) -> Result<Self, hyper::Error> {
        if opened.http2 {
            return Http2::begin(opened, home).await.map(Self::Http2);
        }
        let (sender, driver) = http1::Builder::new()
            .read_buf_exact_size(Some(buffer))
            // real servers exceed the defaults, and get their fields wrong in these ways
            .max_headers(256)
            .ignore_invalid_headers_in_responses(true)
            .allow_obsolete_multiline_headers_in_responses(true)
            .allow_spaces_after_header_name_in_responses(true)
            .handshake(opened.stream)
            .await?;
        Ok(Self::Http1(Http1 {
            sender,
            driver: Some(Box::new(driver)),
            awaited: opened.awaited,
            forwarding: opened.forwarding,
        }))
    }

    /// Asks for `url`. A connection that comes back to `pool` does so when the answer has been read to its end.
    pub(super) async fn send(
        self,
        url: &Url,
        mut headers: HeaderMap,
        pool: &Arc<Pool>,
    ) -> Result<Response, Error> {
        match self {
            Self::Http2(mut connection) => {
                let whole = whole(url)?;
                let request = request(whole, headers);
                let answer = connection.sender.send_request(request).await;
                let (head, body) = answer.map_err(Error::Exchange)?.into_parts();
                Ok(Response {
                    head,
                    body,
                    connection: None,
                })
            }
            Self::Http1(mut connection) => {
                let host = &url[Position::BeforeHost..Position::AfterPort];
                let host = HeaderValue::from_str(host).map_err(|_| Error::Request)?;
                headers.insert(header::HOST, host);
                let target = match &connection.forwarding {
                    None => url[Position::BeforePath..Position::AfterQuery]
                        .parse()
                        .map_err(|_| Error::Request)?,
                    Some(Forwarding { authorization }) => {
                        let authorization = authorization.clone();
                        headers.extend(
                            authorization.map(|value| (header::PROXY_AUTHORIZATION, value)),
                        );
                        whole(url)?
                    }
                };
                let answer = connection.send(request(target, headers)).await;
                let (head, body) = answer.map_err(Error::Exchange)?.into_parts();
                let ended = body.is_end_stream();
                let mut response = Response {
                    head,
                    body,
                    connection: Some(Kept {
                        connection,
                        pool: Arc::clone(pool),
                        host: host_of(url).into(),
                    }),
                };
                if ended {
                    response.give_back();
                }
                Ok(response)
            }
        }
    }
}

/// What tells one host from another: scheme, user, name and port.
pub(super) fn host_of(url: &Url) -> &str {
    &url[..Position::AfterPort]
}

/// `url` as a proxy and HTTP/2 get it: without user, password and fragment.
fn whole(url: &Url) -> Result<Uri, Error> {
    let text = &url[Position::BeforeHost..Position::AfterQuery];
    let whole = format!("{}://{text}", url.scheme());
    whole.parse().map_err(|_| Error::Request)
}

impl Http2 {
    async fn begin(opened: Opened, home: Option<&Handle>) -> Result<Self, hyper::Error> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let here = Handle::current();
        let (home, runtime) = match home {
            Some(home) if opened.far => (home, None),
            _ => (&here, Some(here.id())),
        };
        let begin = async {
            let (sender, driver) = http2::Builder::new(TokioExecutor::new())
                // on a long line, a window that fits into it is what limits a transfer
                .initial_stream_window_size(8 << 20)
                .initial_connection_window_size(32 << 20)
                .max_header_list_size(256 << 10)
                // one that has gone silent is not waited for by all that share it
                .timer(TokioTimer::new())
                .keep_alive_interval(PING)
                .keep_alive_timeout(PING)
                .handshake(opened.stream)
                .await?;
            // what goes wrong with it goes wrong with its requests
            tokio::spawn(driver);
            Ok::<_, hyper::Error>(sender)
        };
        // whatever it begins runs where it begins
        let sender = home.spawn(begin).await.expect("it does not panic")?;
        Ok(Self {
            sender,
            number: COUNT.fetch_add(1, Relaxed),
            runtime,
        })
    }
}

fn request(target: Uri, headers: HeaderMap) -> Request<Nothing> {
    let mut request = Request::new(Empty::new());
    *request.uri_mut() = target;
    *request.headers_mut() = headers;
    request
}

impl Http1 {
    async fn send(
        &mut self,
        request: Request<Nothing>,
    ) -> Result<http::Response<Incoming>, hyper::Error> {
        let Self { sender, driver, .. } = self;
        let mut answer = pin!(sender.send_request(request));
        poll_fn(|context| {
            drive(driver, context);
            answer.as_mut().poll(context)
        })
        .await
    }
}

/// Reads and writes what can be. An error is told to whoever waits for an answer or for a body.
fn drive(driver: &mut Option<Box<http1::Connection<Stream, Nothing>>>, context: &mut Context<'_>) {
    if let Some(running) = driver
        && Pin::new(running).poll(context).is_ready()
    {
        *driver = None;
    }
}

/// A connection that goes back to its pool.
struct Kept {
    connection: Http1,
    pool: Arc<Pool>,
    host: Box<str>,
}

/// An answer. Dropped before its end, it closes a connection that nobody else uses.
pub(in crate::fetch) struct Response {
    head: response::Parts,
    body: Incoming,
    connection: Option<Kept>,
}

impl Response {
    pub(in crate::fetch) fn status(&self) -> StatusCode {
        self.head.status
    }

    pub(in crate::fetch) fn version(&self) -> Version {
        self.head.version
    }

    pub(in crate::fetch) fn headers(&self) -> &HeaderMap {
        &self.head.headers
    }

    /// How many bytes of the body are still to come, if that is known.
    pub(in crate::fetch) fn content_length(&self) -> Option<u64> {
        self.body.size_hint().exact()
    }

    /// The next piece of the body, of at most so many bytes if it is yet to come; none at its end.
    pub(in crate::fetch) async fn chunk(
        &mut self,
        most: u64,
    ) -> Result<Option<Bytes>, hyper::Error> {
        loop {
            let frame = poll_fn(|context| self.poll_frame(context, most)).await;
            if frame.is_none() || self.body.is_end_stream() {
                self.give_back();
            }
            match frame.transpose()?.map(hyper::body::Frame::into_data) {
                None => return Ok(None),
                Some(Ok(data)) => return Ok(Some(data)),
                // trailers
                Some(Err(_)) => {}
            }
        }
    }

    fn poll_frame(
        &mut self,
        context: &mut Context<'_>,
        most: u64,
    ) -> Poll<Option<Result<hyper::body::Frame<Bytes>, hyper::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        match &mut self.connection {
            // now the driver knows that more is wanted
            Some(kept) if frame.is_pending() => {
                let Http1 {
                    driver, awaited, ..
                } = &mut kept.connection;
                awaited.set(most);
                drive(driver, context);
                awaited.set(0);
                Pin::new(&mut self.body).poll_frame(context)
            }
            _ => frame,
        }
    }

    /// Gives the connection back to its pool, if it is free for another request.
    fn give_back(&mut self) {
        if let Some(Kept {
            connection,
            pool,
            host,
        }) = self.connection.take()
            && connection.sender.is_ready()
        {
            pool.put(&host, connection);
        }
    }
}
