//! An https server on a free port of 127.0.0.1 that, as real ones do, offers HTTP/2 and speaks HTTP/1.1 with those who
//! do not take it. It does what a test says, and keeps a log.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, Shutdown, TcpListener};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Version};
use rustls::RootCertStore;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader,
    DuplexStream, ReadHalf, WriteHalf,
};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::harness::Sandbox;
use crate::server::pdf;

/// What a client has asked.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) version: Version,
    pub(crate) path: String,
    /// How many requests for the same path came before.
    pub(crate) earlier: usize,
    /// Tells the connection from others.
    pub(crate) connection: usize,
    headers: HeaderMap,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// An answer, and how it ends.
pub(crate) struct Answer {
    status: StatusCode,
    fields: HeaderMap,
    body: Bytes,
    /// Whether it says how long it is, which HTTP/1.1 here always does.
    has_length: bool,
    end: End,
}

#[derive(Clone, Copy)]
enum End {
    Whole,
    /// There is no answer: the request is refused, for which HTTP/1.1 has no words.
    Refused,
    /// There is no answer: the connection is closed, without a word.
    Gone,
    /// After so many bytes of the body it says that something is wrong, or nothing.
    BrokenOff(usize, h2::Reason),
    /// The connection is closed after it, without a word.
    LastWord,
}

impl Answer {
    pub(crate) fn new(status: u16, body: impl Into<Bytes>) -> Self {
        Self {
            status: StatusCode::from_u16(status).expect("a status"),
            fields: HeaderMap::new(),
            body: body.into(),
            has_length: true,
            end: End::Whole,
        }
    }

    /// The PDF of this path, see [`pdf`].
    pub(crate) fn pdf(path: &str) -> Self {
        Self::new(200, pdf(path))
    }

    pub(crate) fn refused() -> Self {
        Self {
            end: End::Refused,
            ..Self::new(500, "")
        }
    }

    pub(crate) fn gone() -> Self {
        Self {
            end: End::Gone,
            ..Self::new(500, "")
        }
    }

    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        let value = HeaderValue::from_str(value).expect("a value");
        self.fields.append(HeaderName::from_static(name), value);
        self
    }

    pub(crate) fn broken_off_after(self, bytes: usize) -> Self {
        let end = End::BrokenOff(bytes, h2::Reason::INTERNAL_ERROR);
        Self { end, ..self }
    }

    pub(crate) fn called_off_after(self, bytes: usize) -> Self {
        let end = End::BrokenOff(bytes, h2::Reason::NO_ERROR);
        Self { end, ..self }
    }

    pub(crate) fn without_length(self) -> Self {
        Self {
            has_length: false,
            ..self
        }
    }

    pub(crate) fn then_gone(self) -> Self {
        let end = End::LastWord;
        Self { end, ..self }
    }
}

/// How a connection that has had its number of requests is left, in HTTP/2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Farewell {
    /// GOAWAY comes before the answer to the last request.
    Early,
    /// It comes as the answer to the first request too many, as if the two had crossed on their way.
    Late,
}

#[derive(Default)]
pub(crate) struct Rules {
    /// Only those are let in for whom one of these vouches.
    pub(crate) known: Option<RootCertStore>,
    /// A connection takes no more requests than this.
    pub(crate) requests: Option<(usize, Farewell)>,
}

#[derive(Default)]
struct Log {
    requests: Vec<Request>,
    unprocessed: usize,
}

struct Shared {
    log: Mutex<Log>,
    requests: Option<(usize, Farewell)>,
    answer: Box<dyn Fn(&Request) -> Answer + Send + Sync>,
}

pub(crate) struct TlsServer {
    port: u16,
    shared: Arc<Shared>,
}

impl TlsServer {
    /// Answers every request with `answer`. Its certificate is vouched for by `ca.pem` in the sandbox.
    pub(crate) fn start(
        sandbox: &Sandbox,
        rules: Rules,
        answer: impl Fn(&Request) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let acceptor = TlsAcceptor::from(Arc::new(tls(sandbox, rules.known)));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let shared = Arc::new(Shared {
            log: Mutex::default(),
            requests: rules.requests,
            answer: Box::new(answer),
        });
        let serving = Arc::clone(&shared);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_io()
                .build()
                .expect("a runtime");
            runtime.block_on(listen(listener, acceptor, serving));
        });
        Self { port, shared }
    }

    /// Answers every request for `/NAME` with a PDF of its own, see [`pdf`].
    pub(crate) fn of_pdfs(sandbox: &Sandbox, rules: Rules) -> Self {
        Self::start(sandbox, rules, |request| Answer::pdf(&request.path))
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.port)
    }

    pub(crate) fn links(&self, count: usize) -> String {
        crate::harness::list((0..count).map(|n| self.url(&format!("/{n}.pdf"))))
    }

    /// The requests that have been processed.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.shared.log.lock().expect("no panic").requests.clone()
    }

    /// How many requests came over a connection that took no more.
    pub(crate) fn unprocessed(&self) -> usize {
        self.shared.log.lock().expect("no panic").unprocessed
    }
}

fn tls(sandbox: &Sandbox, known: Option<RootCertStore>) -> rustls::ServerConfig {
    let certificate =
        rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    sandbox.write("ca.pem", certificate.cert.pem());
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(
        certificate.signing_key.serialize_der(),
    ));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("versions");
    let config = match known {
        None => config.with_no_client_auth(),
        Some(known) => config.with_client_cert_verifier(
            rustls::server::WebPkiClientVerifier::builder_with_provider(known.into(), provider)
                .build()
                .expect("a verifier"),
        ),
    };
    let mut config = config
        .with_single_cert(vec![certificate.cert.der().clone()], key)
        .expect("a key that fits");
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config
}

async fn listen(listener: TcpListener, acceptor: TlsAcceptor, shared: Arc<Shared>) {
    listener.set_nonblocking(true).expect("a listener");
    let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
    for number in 0.. {
        let (stream, _) = listener.accept().await.expect("a connection");
        stream.set_nodelay(true).expect("a connection");
        let stream = stream.into_std().expect("a connection");
        let raw = stream.try_clone().expect("a connection");
        let stream = TcpStream::from_std(stream).expect("a connection");
        let (acceptor, shared) = (acceptor.clone(), Arc::clone(&shared));
        tokio::spawn(async move {
            // a client that does not trust us, or has had enough, is its own business
            let Ok(stream) = acceptor.accept(stream).await else {
                return;
            };
            let connection = Connection { number, shared };
            let _ = match stream.get_ref().1.alpn_protocol() {
                Some(b"h2") => connection.http2(stream, raw).await,
                _ => connection.http1(stream).await,
            };
        });
    }
}

struct Connection {
    number: usize,
    shared: Arc<Shared>,
}

impl Connection {
    fn answer(&self, version: Version, path: &str, headers: HeaderMap) -> Answer {
        let request = {
            let mut log = self.shared.log.lock().expect("no panic");
            let same = log.requests.iter().filter(|other| other.path == path);
            let request = Request {
                version,
                path: path.to_owned(),
                earlier: same.count(),
                connection: self.number,
                headers,
            };
            log.requests.push(request.clone());
            request
        };
        (self.shared.answer)(&request)
    }

    async fn http1(self, stream: TlsStream<TcpStream>) -> io::Result<()> {
        let mut stream = BufReader::new(stream);
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).await?;
            let Some(path) = line.split(' ').nth(1).map(str::to_owned) else {
                return Ok(());
            };
            let mut headers = HeaderMap::new();
            loop {
                line.clear();
                stream.read_line(&mut line).await?;
                let Some((name, value)) = line.trim_end().split_once(": ") else {
                    break;
                };
                headers.append(
                    HeaderName::try_from(name).expect("a name"),
                    HeaderValue::try_from(value).expect("a value"),
                );
            }
            let answer = self.answer(Version::HTTP_11, &path, headers);
            let body = match answer.end {
                End::Refused | End::Gone => return Ok(()),
                End::BrokenOff(length, _) => &answer.body[..length],
                End::Whole | End::LastWord => &answer.body,
            };
            let mut head = format!("HTTP/1.1 {}\r\n", answer.status).into_bytes();
            for (name, value) in &answer.fields {
                head.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
            }
            head.extend(format!("content-length: {}\r\n\r\n", answer.body.len()).bytes());
            stream.write_all(&head).await?;
            stream.write_all(body).await?;
            stream.flush().await?;
            if !matches!(answer.end, End::Whole) {
                return Ok(());
            }
        }
    }

    async fn http2(self, stream: TlsStream<TcpStream>, raw: std::net::TcpStream) -> io::Result<()> {
        let (inner, outer) = tokio::io::duplex(64 * 1024);
        let relay = Relay {
            shared: Arc::clone(&self.shared),
            ends: Mutex::default(),
            raw,
        };
        let (from_client, to_client) = tokio::io::split(stream);
        let (from_server, to_server) = tokio::io::split(outer);
        let to_client = tokio::sync::Mutex::new(to_client);
        tokio::select! {
            ended = relay.requests(from_client, to_server, &to_client) => ended,
            ended = relay.answers(from_server, &to_client) => ended,
            ended = self.serve(inner, &relay) => ended.map_err(io::Error::other),
        }
    }

    async fn serve(&self, stream: DuplexStream, relay: &Relay) -> Result<(), h2::Error> {
        let mut connection = h2::server::handshake(stream).await?;
        while let Some(accepted) = connection.accept().await {
            let (request, mut respond) = accepted?;
            let (head, _) = request.into_parts();
            let path = head.uri.path_and_query().map_or("", |path| path.as_str());
            let answer = self.answer(Version::HTTP_2, path, head.headers);
            match answer.end {
                End::Refused => {
                    respond.send_reset(h2::Reason::REFUSED_STREAM);
                    continue;
                }
                End::Gone => {
                    relay.close();
                    continue;
                }
                End::Whole | End::BrokenOff(..) | End::LastWord => {}
            }
            let stream = respond.stream_id().as_u32();
            let mut ends = relay.ends.lock().expect("no panic");
            ends.insert(stream, answer.end);
            drop(ends);
            let mut head = http::Response::new(());
            *head.status_mut() = answer.status;
            *head.headers_mut() = answer.fields;
            if answer.has_length {
                let length = answer.body.len().into();
                let headers = head.headers_mut();
                headers.insert(http::header::CONTENT_LENGTH, length);
            }
            respond
                .send_response(head, false)?
                .send_data(answer.body, true)?;
        }
        Ok(())
    }
}

/// Frames between the client and the server, where what is to go wrong does so at the byte that a test says: the server
/// by itself knows neither what it has sent already nor which requests it could leave alone.
struct Relay {
    shared: Arc<Shared>,
    /// How the answers of streams end.
    ends: Mutex<HashMap<u32, End>>,
    /// The connection below TLS, which is to end without the word that TLS has for that.
    raw: std::net::TcpStream,
}

type ToClient = tokio::sync::Mutex<WriteHalf<TlsStream<TcpStream>>>;

impl Relay {
    async fn requests(
        &self,
        mut client: ReadHalf<TlsStream<TcpStream>>,
        mut server: WriteHalf<DuplexStream>,
        to_client: &ToClient,
    ) -> io::Result<()> {
        let mut preface = [0; 24];
        client.read_exact(&mut preface).await?;
        server.write_all(&preface).await?;
        let (most, farewell) = (self.shared.requests).unwrap_or((usize::MAX, Farewell::Early));
        let (mut asked, mut newest, mut last) = (0, 0, 0);
        loop {
            let frame = Frame::read(&mut client).await?;
            if frame.kind == Frame::HEADERS && frame.stream > newest {
                newest = frame.stream;
                asked += 1;
                if asked <= most {
                    last = newest;
                } else {
                    self.shared.log.lock().expect("no panic").unprocessed += 1;
                }
                let too_many = most + usize::from(farewell == Farewell::Late);
                if asked == too_many {
                    let goaway = Frame::goaway(last);
                    goaway.write(&mut *to_client.lock().await).await?;
                }
            }
            if frame.stream <= last {
                frame.write(&mut server).await?;
            }
        }
    }

    async fn answers(
        &self,
        mut server: ReadHalf<DuplexStream>,
        to_client: &ToClient,
    ) -> io::Result<()> {
        let mut broken_off = Vec::new();
        loop {
            let mut frame = Frame::read(&mut server).await?;
            let (stream, mut over, mut last_word) = (frame.stream, None, false);
            if broken_off.contains(&stream) {
                continue;
            }
            if frame.kind == Frame::DATA {
                match self.ends.lock().expect("no panic").get_mut(&stream) {
                    Some(End::BrokenOff(left, reason)) if *left <= frame.payload.len() => {
                        frame.payload.truncate(*left);
                        frame.flags = 0;
                        over = Some(*reason);
                    }
                    Some(End::BrokenOff(left, _)) => *left -= frame.payload.len(),
                    Some(End::LastWord) => last_word = frame.flags & Frame::END_STREAM != 0,
                    _ => {}
                }
            }
            let mut client = to_client.lock().await;
            frame.write(&mut *client).await?;
            if let Some(reason) = over {
                Frame::reset(stream, reason).write(&mut *client).await?;
                broken_off.push(stream);
            }
            if last_word {
                self.close();
            }
        }
    }

    /// The reading side stays open: what the client has yet to say would else be answered with a reset, which may
    /// overtake what it has been sent.
    fn close(&self) {
        // a client that is quicker is its own business
        let _ = self.raw.shutdown(Shutdown::Write);
    }
}

/// RFC 9113 section 4.1.
struct Frame {
    kind: u8,
    flags: u8,
    stream: u32,
    payload: Vec<u8>,
}

impl Frame {
    const DATA: u8 = 0;
    const HEADERS: u8 = 1;
    const RST_STREAM: u8 = 3;
    const GOAWAY: u8 = 7;
    const END_STREAM: u8 = 1;

    fn goaway(last: u32) -> Self {
        let no_error = u32::from(h2::Reason::NO_ERROR);
        Self {
            kind: Self::GOAWAY,
            flags: 0,
            stream: 0,
            payload: [last.to_be_bytes(), no_error.to_be_bytes()].concat(),
        }
    }

    fn reset(stream: u32, reason: h2::Reason) -> Self {
        Self {
            kind: Self::RST_STREAM,
            flags: 0,
            stream,
            payload: u32::from(reason).to_be_bytes().to_vec(),
        }
    }

    async fn read(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Self> {
        // 24 bits of length, and in the same word the kind
        let word = from.read_u32().await?;
        let (length, [.., kind]) = (word >> 8, word.to_be_bytes());
        let flags = from.read_u8().await?;
        let stream = from.read_u32().await? & (u32::MAX >> 1);
        let mut payload = vec![0; usize::try_from(length).expect("24 bits")];
        from.read_exact(&mut payload).await?;
        Ok(Self {
            kind,
            flags,
            stream,
            payload,
        })
    }

    async fn write(&self, to: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        let length = u32::try_from(self.payload.len()).expect("24 bits");
        let word = length << 8 | u32::from(self.kind);
        let mut bytes = word.to_be_bytes().to_vec();
        bytes.push(self.flags);
        bytes.extend(self.stream.to_be_bytes());
        bytes.extend(&self.payload);
        to.write_all(&bytes).await?;
        to.flush().await
    }
}
