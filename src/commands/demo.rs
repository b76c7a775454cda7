//! The built-in demonstration: a server on loopback that takes its time, and the sample documents that it serves.

mod pdf;

use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use crate::links::Input;

/// So many documents are served.
pub(crate) const DOCUMENTS: usize = 10;

/// Each answer takes so long: ten of them take 4.2 s one after the other, a tenth of what the links of a well-known
/// experiment take.
pub(crate) const LATENCY: Duration = Duration::from_millis(420);

/// A server that runs until the process ends.
#[derive(Debug)]
pub(crate) struct Server {
    address: SocketAddr,
}

impl Server {
    /// Starts a server on a free port of 127.0.0.1.
    ///
    /// # Errors
    ///
    /// When no port of the loopback interface can be had.
    pub(crate) fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // a client that goes away is no concern of the others
                thread::spawn(move || serve(&stream));
            }
        });
        Ok(Self { address })
    }

    /// The links of its documents.
    pub(crate) fn links(&self) -> Vec<Input> {
        let link = |number| Input::Url(format!("http://{}/sample-{number:02}.pdf", self.address));
        (1..=DOCUMENTS).map(link).collect()
    }
}

/// Answers the requests of one connection until it is closed.
fn serve(mut stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut lines = BufReader::new(stream).lines();
    while let Some(request) = lines.next().transpose()? {
        for header in lines.by_ref() {
            if header?.is_empty() {
                break;
            }
        }
        let due = Instant::now() + LATENCY;
        let document = document_of(&request).map(|number| pdf::document(number, DOCUMENTS));
        let (status, body) = document.map_or(("404 Not Found", Vec::new()), |document| {
            ("200 OK", document)
        });
        let length = body.len();
        // what it takes to draw a document is not the client's time
        thread::sleep(due.saturating_duration_since(Instant::now()));
        write!(
            stream,
            "HTTP/1.1 {status}\r\nContent-Type: application/pdf\r\nContent-Length: {length}\r\n\r\n"
        )?;
        stream.write_all(&body)?;
    }
    Ok(())
}

/// The document that a request line asks for.
fn document_of(request: &str) -> Option<usize> {
    let path = request.strip_prefix("GET /sample-")?.split_once(".pdf ")?.0;
    path.parse()
        .ok()
        .filter(|number| (1..=DOCUMENTS).contains(number))
}
