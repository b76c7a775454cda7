//! The demonstration: sample PDFs from a built-in server on loopback that responds slowly, so that a comparison of the modes
//! needs neither a list nor the network.

mod pdf;

use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use crate::links::Input;

/// Number of documents.
const DOCUMENTS: usize = 10;

/// Time to each response. Ten of them take 4.2 s one after the other, a tenth of what the links of a well-known
/// experiment take.
const LATENCY: Duration = Duration::from_millis(420);

/// Starts a server on a free port of 127.0.0.1, which runs until the process ends, and returns the links of its
/// documents.
///
/// # Errors
///
/// When no port is free.
pub(crate) fn serve() -> io::Result<Vec<Input>> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // an error of one connection does not concern the others
            thread::spawn(move || serve_connection(&stream));
        }
    });
    let link = |number| Input::Url(format!("http://{address}/sample-{number:02}.pdf"));
    Ok((1..=DOCUMENTS).map(link).collect())
}

/// Responds to the requests of one connection until it is closed.
fn serve_connection(mut stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut lines = BufReader::new(stream).lines();
    while let Some(request) = lines.next().transpose()? {
        // skips the headers
        while lines
            .next()
            .transpose()?
            .is_some_and(|line| !line.is_empty())
        {}
        let due = Instant::now() + LATENCY;
        let (status, body) = match requested(&request) {
            Some(number) => ("200 OK", pdf::document(number, DOCUMENTS)),
            None => ("404 Not Found", Vec::new()),
        };
        let length = body.len();
        // generating a document is part of the latency
        thread::sleep(due.saturating_duration_since(Instant::now()));
        write!(
            stream,
            "HTTP/1.1 {status}\r\nContent-Type: application/pdf\r\nContent-Length: {length}\r\n\r\n"
        )?;
        stream.write_all(&body)?;
    }
    Ok(())
}

/// The number of the document in a request line.
fn requested(request: &str) -> Option<usize> {
    let (number, _) = request.strip_prefix("GET /sample-")?.split_once(".pdf ")?;
    let number = number.parse().ok()?;
    (1..=DOCUMENTS).contains(&number).then_some(number)
}
