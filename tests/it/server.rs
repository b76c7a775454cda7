//! An HTTP server on loopback whose responses a test controls byte by byte, and which logs requests.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use tokio::net::TcpSocket;

/// What a client has asked.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    /// How many requests for the same path came before.
    pub(crate) earlier: usize,
    headers: Vec<(String, String)>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers(name).next()
    }

    /// The values of all headers of this name.
    pub(crate) fn headers(&self, name: &str) -> impl Iterator<Item = &str> {
        let headers = self.headers.iter();
        let found = headers.filter(move |(other, _)| other.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// What a test does with a request: it writes what it likes.
pub(crate) type Answer = dyn Fn(&Request, &mut TcpStream) + Send + Sync;

/// A place where nobody listens, and nobody else can begin to as long as it is held.
pub(crate) struct Nobody(TcpSocket);

impl Nobody {
    pub(crate) fn new() -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket
            .bind((Ipv4Addr::LOCALHOST, 0).into())
            .expect("a free port");
        Self(socket)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.0.local_addr().expect("it is bound")
    }
}

#[derive(Default)]
struct Log {
    requests: Vec<Request>,
    connections: usize,
}

pub(crate) struct Server {
    port: u16,
    log: Arc<Mutex<Log>>,
}

impl Server {
    /// Answers every request with what `answer` writes. The connection stays open unless `answer` shuts it down.
    pub(crate) fn start(answer: impl Fn(&Request, &mut TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let log = Arc::new(Mutex::new(Log::default()));
        let (shared, answer): (_, Arc<Answer>) = (Arc::clone(&log), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (log, answer) = (Arc::clone(&shared), Arc::clone(&answer));
                std::thread::spawn(move || serve(stream, &log, &*answer));
            }
        });
        Self { port, log }
    }

    /// Answers every request for `/NAME` with a PDF of its own, see [`pdf`].
    pub(crate) fn of_pdfs() -> Self {
        Self::start(|request, stream| ok(stream, &pdf(&request.path)))
    }

    /// The same, with the highest number of requests that it has handled at once.
    pub(crate) fn of_pdfs_at_once() -> (Self, Arc<AtomicUsize>) {
        let (inside, most) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
        let highest = Arc::clone(&most);
        let server = Self::start(move |request, stream| {
            most.fetch_max(inside.fetch_add(1, SeqCst) + 1, SeqCst);
            std::thread::yield_now();
            inside.fetch_sub(1, SeqCst);
            ok(stream, &pdf(&request.path));
        });
        (server, highest)
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.log.lock().expect("no panic").requests.clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.log.lock().expect("no panic").connections
    }
}

fn serve(mut stream: TcpStream, log: &Mutex<Log>, answer: &Answer) {
    log.lock().expect("no panic").connections += 1;
    stream.set_nodelay(true).expect("a connection");
    let reader = BufReader::new(stream.try_clone().expect("a connection"));
    let mut lines = reader.split(b'\n').map(|line| line.map(text_of));
    while let Some(Ok(line)) = lines.next() {
        let mut words = line.split(' ').map(str::to_owned);
        let (method, path) = (
            words.next().unwrap_or_default(),
            words.next().unwrap_or_default(),
        );
        let fields = lines
            .by_ref()
            .map_while(Result::ok)
            .take_while(|line| !line.is_empty());
        let headers = fields.filter_map(|line| {
            line.split_once(": ")
                .map(|(a, b)| (a.to_owned(), b.to_owned()))
        });
        let headers = headers.collect();
        let request = {
            let mut log = log.lock().expect("no panic");
            let earlier = log
                .requests
                .iter()
                .filter(|other| other.path == path)
                .count();
            let request = Request {
                method,
                path,
                earlier,
                headers,
            };
            log.requests.push(request.clone());
            request
        };
        answer(&request, &mut stream);
    }
}

/// A line of a request, which may be in Latin-1.
pub(crate) fn text_of(mut line: Vec<u8>) -> String {
    line.pop_if(|last| *last == b'\r');
    String::from_utf8(line).unwrap_or_else(|error| {
        error
            .as_bytes()
            .iter()
            .map(|byte| char::from(*byte))
            .collect()
    })
}

/// Writes `bytes`; a client that has gone away is its own business.
pub(crate) fn send(stream: &mut TcpStream, bytes: impl AsRef<[u8]>) {
    let _ = stream.write_all(bytes.as_ref());
}

pub(crate) fn close(stream: &mut TcpStream) {
    let _ = stream.shutdown(std::net::Shutdown::Both);
}

/// An answer with a length.
pub(crate) fn respond(stream: &mut TcpStream, head: &str, body: &[u8]) {
    send(
        stream,
        format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\n\r\n", body.len()),
    );
    send(stream, body);
}

pub(crate) fn ok(stream: &mut TcpStream, body: &[u8]) {
    respond(stream, "200 OK\r\nContent-Type: application/pdf", body);
}

/// Some kilobytes that begin and end as a PDF does, and differ for each `seed`.
pub(crate) fn pdf(seed: &str) -> Vec<u8> {
    pdf_of(seed, 5000)
}

/// The same, with so many bytes between the ends.
pub(crate) fn pdf_of(seed: &str, middle: usize) -> Vec<u8> {
    let mut state = seed.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mut body = b"%PDF-1.7\n".to_vec();
    body.extend((0..middle).map(|_| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        state.to_be_bytes()[0]
    }));
    body.extend_from_slice(b"\nstartxref\n9\n%%EOF\n");
    body
}

/// A document whose cross-reference table is where it says.
pub(crate) fn document(content: &str) -> Vec<u8> {
    let object = format!("1 0 obj\n<< /Length 9 >>\nstream\n{content}\nendstream\nendobj\n");
    let front = format!("%PDF-1.4\n{object}");
    let end = format!("startxref\n{}\n%%EOF\n", front.len());
    format!("{front}xref\n0 2\ntrailer << /Size 2 >>\n{end}").into_bytes()
}

/// An answer in chunks, which does not say how long it is.
pub(crate) fn chunked(stream: &mut TcpStream, head: &str, body: &[u8]) {
    send(
        stream,
        format!("HTTP/1.1 {head}\r\nTransfer-Encoding: chunked\r\n\r\n"),
    );
    for chunk in body.chunks(100_000) {
        send(stream, format!("{:x}\r\n", chunk.len()));
        send(stream, [chunk, b"\r\n"].concat());
    }
    send(stream, "0\r\n\r\n");
}
