//! HTTP for object stores: requests of the crate `object_store`, sent by the client of this program.
//!
//! That crate takes bodies from memory only. So it is given an empty one and an [`Upload`], which travels with the request. Here,
//! the body becomes the bytes of a file, read while they are sent, 64 KiB at a time and not before the last ones are on their
//! way, and the request is signed again. If it is sent again, the file is read again.
//!
//! Whatever a response says besides success is kept in a [`Said`], because errors of that crate are text for people. No more of
//! such a response is read than [`MOST_SAID`].
//!
//! Machines in a cloud have credentials under an address of their own, over plain HTTP. Anybody may have that address in another
//! network, so nothing is asked there unless the user wants that.

use std::fmt;
use std::fs::File;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse,
    HttpResponseBody, HttpService,
};
use parking_lot::Mutex;
use tokio::time::Instant;

use super::{Client, Error, ErrorKind, HttpOptions, HttpVersion, Load};
use crate::system::files::read_at;

/// How much of a file is in memory while it is sent, in bytes.
const PIECE: usize = 64 * 1024;

/// How much is read of a response that tells of a failure, in bytes.
const MOST_SAID: usize = 16 * 1024;

/// The host that machines in a cloud get their credentials from, by address and by name.
const METADATA_HOSTS: [&str; 4] = [
    "169.254.169.254",
    "metadata.google.internal",
    "metadata",
    "[fd00:ec2::254]",
];

/// Sends the requests of `object_store`.
#[derive(Clone)]
pub(crate) struct Connector(Arc<Inner>);

struct Inner {
    client: Client,
    /// How long nothing may happen while a request is sent, or its response is waited for.
    patience: Duration,
    /// Whether the machine may be asked for credentials.
    asks_machine: bool,
    /// Whether it would have been asked.
    lacks_credentials: AtomicBool,
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector").finish_non_exhaustive()
    }
}

impl Connector {
    /// A connector with these `options`, except for what they say of the hosts of links, for this `load`. It gives up if nothing
    /// happens for `patience`.
    ///
    /// # Errors
    ///
    /// If a certificate of the options cannot be used.
    pub(crate) fn new(
        options: &HttpOptions,
        load: Load,
        patience: Duration,
        asks_machine: bool,
    ) -> anyhow::Result<Self> {
        let options = HttpOptions {
            // the user has named the store
            deny_private: false,
            // that of the hosts of links
            identity: None,
            // a connection an upload, as the SDKs do it
            version: Some(HttpVersion::Http1),
            ..options.clone()
        };
        Ok(Self(Arc::new(Inner {
            client: Client::new(&options, load)?,
            patience,
            asks_machine,
            lacks_credentials: AtomicBool::new(false),
        })))
    }

    /// Whether a request has failed because there are no credentials.
    pub(crate) fn lacks_credentials(&self) -> bool {
        self.0.lacks_credentials.load(Relaxed)
    }

    /// The response to `request`. `sent` counts what has been sent of its body.
    async fn send(
        &self,
        request: reqwest::Request,
        sent: &AtomicU64,
    ) -> Result<reqwest::Response, HttpError> {
        let Inner {
            client, patience, ..
        } = &*self.0;
        let mut response = pin!(client.client().execute(request));
        let mut before = 0;
        loop {
            let Ok(response) = tokio::time::timeout(*patience, &mut response).await else {
                let now = sent.load(Relaxed);
                if now == before {
                    let seconds = patience.as_secs_f64();
                    let message = format!("no response for {seconds} s");
                    let error = Error::new(ErrorKind::Connect, message);
                    return Err(failed(HttpErrorKind::Timeout, error));
                }
                before = now;
                continue;
            };
            return response.map_err(|error| {
                let kind = match () {
                    () if error.is_timeout() => HttpErrorKind::Timeout,
                    () if error.is_connect() => HttpErrorKind::Connect,
                    () => HttpErrorKind::Interrupted,
                };
                failed(kind, Error::of_request(&error, || None))
            });
        }
    }
}

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

#[async_trait::async_trait]
impl HttpService for Connector {
    async fn call(&self, mut request: HttpRequest) -> Result<HttpResponse, HttpError> {
        if !self.0.asks_machine && is_metadata(request.uri()) {
            self.0.lacks_credentials.store(true, Relaxed);
            let error = io::Error::other("there are no credentials");
            return Err(failed(HttpErrorKind::Unknown, error));
        }
        let upload = request.extensions_mut().remove::<Upload>();
        let said = request.extensions_mut().remove::<Said>();
        if let Some(upload) = &upload {
            let length = HeaderValue::from(upload.length);
            request.headers_mut().insert(CONTENT_LENGTH, length);
            let signed = upload.signer.sign(&mut request);
            signed.map_err(|error| failed(HttpErrorKind::Unknown, error))?;
        }
        let sent = Arc::new(AtomicU64::new(0));
        let request = converted(request, upload, &sent).await?;
        let response = self.send(request, &sent).await?;
        let response: http::Response<reqwest::Body> = response.into();
        let (parts, body) = response.into_parts();
        let Some(said) = said.filter(|_| !parts.status.is_success()) else {
            let body = Patient::new(body, self.0.patience);
            return Ok(HttpResponse::from_parts(parts, HttpResponseBody::new(body)));
        };
        let text = beginning(Patient::new(body, self.0.patience)).await;
        said.note(parts.status, &parts.headers, &text);
        Ok(HttpResponse::from_parts(parts, text.into()))
    }
}

/// `request` as one of the client, with the body that `upload` says.
async fn converted(
    request: HttpRequest,
    upload: Option<Upload>,
    sent: &Arc<AtomicU64>,
) -> Result<reqwest::Request, HttpError> {
    let (parts, body) = request.into_parts();
    let url = parts.uri.to_string().parse();
    let url = url.map_err(|error| failed(HttpErrorKind::Unknown, error))?;
    let method = parts.method.clone();
    let mut request = reqwest::Request::new(parts.method, url);
    *request.headers_mut() = parts.headers;
    let agent = concat!("fetchpdf/", env!("CARGO_PKG_VERSION"));
    let headers = request.headers_mut();
    headers.insert(USER_AGENT, HeaderValue::from_static(agent));
    if matches!(method, Method::PUT | Method::POST) {
        // also without a body, for which it is left out otherwise
        headers
            .entry(CONTENT_LENGTH)
            .or_insert(HeaderValue::from(body.content_length()));
    }
    if headers
        .get(AUTHORIZATION)
        .is_some_and(|value| value.as_bytes().trim_ascii() == b"Bearer")
    {
        // anonymous
        headers.remove(AUTHORIZATION);
    }
    *request.body_mut() = Some(match upload {
        Some(upload) => reqwest::Body::wrap(Reading::new(upload, Arc::clone(sent))),
        // what is in memory is short
        None => body.collect().await?.to_bytes().into(),
    });
    Ok(request)
}

/// The beginning of the body of a response that tells of a failure.
async fn beginning(mut body: Patient) -> String {
    let mut text = Vec::new();
    while text.len() < MOST_SAID
        && let Some(Ok(frame)) = body.frame().await
    {
        if let Ok(data) = frame.into_data() {
            text.extend_from_slice(&data[..data.len().min(MOST_SAID - text.len())]);
        }
    }
    String::from_utf8_lossy(&text).into_owned()
}

/// The body of a response, which fails if nothing arrives for some time.
struct Patient {
    body: reqwest::Body,
    patience: Duration,
    timer: Pin<Box<tokio::time::Sleep>>,
}

impl Patient {
    fn new(body: reqwest::Body, patience: Duration) -> Self {
        Self {
            body,
            patience,
            timer: Box::pin(tokio::time::sleep(patience)),
        }
    }
}

impl Body for Patient {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        let Self {
            body,
            patience,
            timer,
        } = &mut *self;
        if let Poll::Ready(frame) = Pin::new(body).poll_frame(context) {
            timer.as_mut().reset(Instant::now() + *patience);
            return Poll::Ready(frame.map(|frame| {
                frame.map_err(|error| {
                    let error = Error::of_request(&error, || None);
                    failed(HttpErrorKind::Interrupted, error)
                })
            }));
        }
        timer.as_mut().poll(context).map(|()| {
            let message = format!("nothing more arrived for {} s", patience.as_secs_f64());
            let error = io::Error::other(message);
            Some(Err(failed(HttpErrorKind::Timeout, error)))
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

fn failed(kind: HttpErrorKind, error: impl std::error::Error + Send + Sync + 'static) -> HttpError {
    HttpError::new(kind, error)
}

fn is_metadata(uri: &Uri) -> bool {
    uri.host()
        .is_some_and(|host| METADATA_HOSTS.contains(&host))
}

/// Signs the request of an upload once its length is known.
pub(crate) trait Signer: Send + Sync {
    /// Adds or replaces the headers that it takes.
    ///
    /// # Errors
    ///
    /// When it cannot be signed.
    fn sign(&self, request: &mut HttpRequest) -> object_store::Result<()>;
}

/// A file that is the body of a request.
#[derive(Clone)]
pub(crate) struct Upload {
    /// The file, whose cursor does not matter.
    pub(crate) file: Arc<File>,
    /// Its length in bytes.
    pub(crate) length: u64,
    /// What signs the request.
    pub(crate) signer: Arc<dyn Signer>,
}

/// What the response to a request has said, if it was not success. Goes with the request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Said(Arc<Mutex<Saying>>);

/// See [`Said`].
#[derive(Debug, Clone, Default)]
pub(crate) struct Saying {
    /// The status code; none if there was no response, or success.
    pub(crate) status: Option<StatusCode>,
    /// The code in the body, such as `SlowDown`.
    pub(crate) code: Option<String>,
    /// The message in the body.
    pub(crate) message: Option<String>,
    /// The region that the bucket is in.
    pub(crate) region: Option<String>,
    /// When to try again.
    pub(crate) retry_after: Option<Duration>,
}

impl Said {
    /// What has been said.
    pub(crate) fn get(&self) -> Saying {
        self.0.lock().clone()
    }

    fn note(&self, status: StatusCode, headers: &HeaderMap, body: &str) {
        let header = |name: &str| Some(headers.get(name)?.to_str().ok()?.to_owned());
        let azure = header("x-ms-error-code");
        let seconds = header(RETRY_AFTER.as_str()).and_then(|value| value.parse().ok());
        *self.0.lock() = Saying {
            status: Some(status),
            code: azure.or_else(|| element(body, "Code")),
            message: element(body, "Message"),
            region: header("x-amz-bucket-region"),
            retry_after: seconds.map(Duration::from_secs),
        };
    }
}

/// The text of the first element of this `name` in `xml`.
fn element(xml: &str, name: &str) -> Option<String> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once("</")?;
    Some(text.lines().next().unwrap_or_default().trim().to_owned())
}

/// The bytes of a file while they are sent.
struct Reading {
    upload: Upload,
    position: u64,
    sent: Arc<AtomicU64>,
    /// The piece that comes next, or the one that is on its way.
    piece: Arc<Mutex<Piece>>,
}

/// Memory for a piece of a file.
#[derive(Default)]
struct Piece {
    /// None while it is on its way.
    memory: Option<Vec<u8>>,
    /// Who waits for it.
    waker: Option<Waker>,
}

/// A piece that is on its way. Its memory is used again when it has been sent.
struct OnItsWay {
    memory: Vec<u8>,
    home: Arc<Mutex<Piece>>,
}

impl AsRef<[u8]> for OnItsWay {
    fn as_ref(&self) -> &[u8] {
        &self.memory
    }
}

impl Drop for OnItsWay {
    fn drop(&mut self) {
        let mut home = self.home.lock();
        home.memory = Some(std::mem::take(&mut self.memory));
        let waker = home.waker.take();
        drop(home);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Reading {
    fn new(upload: Upload, sent: Arc<AtomicU64>) -> Self {
        let piece = Piece {
            memory: Some(Vec::new()),
            waker: None,
        };
        Self {
            upload,
            position: 0,
            sent,
            piece: Arc::new(Mutex::new(piece)),
        }
    }

    /// Reads the next piece into `memory`.
    fn read(&mut self, memory: &mut Vec<u8>) -> io::Result<()> {
        let left = self.upload.length - self.position;
        let length = usize::try_from(left).map_or(PIECE, |left| left.min(PIECE));
        memory.resize(length, 0);
        let mut filled = 0;
        while filled < length {
            let offset = self.position + filled as u64;
            match read_at(&self.upload.file, &mut memory[filled..], offset) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.position += length as u64;
        self.sent.store(self.position, Relaxed);
        Ok(())
    }
}

impl Body for Reading {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.is_end_stream() {
            return Poll::Ready(None);
        }
        let taken = {
            let mut piece = self.piece.lock();
            if piece.memory.is_none() {
                piece.waker = Some(context.waker().clone());
            }
            piece.memory.take()
        };
        let Some(mut memory) = taken else {
            return Poll::Pending;
        };
        if let Err(error) = self.read(&mut memory) {
            return Poll::Ready(Some(Err(error)));
        }
        let home = Arc::clone(&self.piece);
        let bytes = Bytes::from_owner(OnItsWay { memory, home });
        Poll::Ready(Some(Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.position == self.upload.length
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.upload.length - self.position)
    }
}
