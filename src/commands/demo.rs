//! The demonstration: sample PDFs from a built-in server on loopback that responds slowly, so that a comparison of the modes
//! needs neither a list nor the network.

mod pdf;

use std::net::{Ipv4Addr, TcpListener};
use std::thread;
use std::time::Duration;

use anyhow::Context;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio::time::Instant;

use crate::links::Input;
use crate::system::limits::explained;

/// Number of documents.
const DOCUMENTS: usize = 10;

/// Time to each response. Ten of them take 4.2 s one after the other, a tenth of what the links of a well-known
/// experiment take.
const LATENCY: Duration = Duration::from_millis(420);

/// Starts a server on a free port of 127.0.0.1, which runs on a thread of its own until the process ends, and returns the links
/// of its documents.
///
/// # Errors
///
/// When no port or no thread is free.
pub(crate) fn serve() -> anyhow::Result<Vec<Input>> {
    const FAILED: &str = "cannot start the server of `--demo`";
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context(FAILED)?;
    listener.set_nonblocking(true).context(FAILED)?;
    let address = listener.local_addr().context(FAILED)?;
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context(FAILED)?;
    let run = move || {
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener);
            let listener = listener.expect("it is non-blocking, and this is a runtime");
            loop {
                if let Ok((stream, _)) = listener.accept().await {
                    // an error of one connection does not concern the others
                    tokio::spawn(serve_connection(stream));
                }
            }
        });
    };
    let started = thread::Builder::new().spawn(run).map_err(explained);
    started.context(FAILED)?;
    let link = |number| Input::Url(format!("http://{address}/sample-{number:02}.pdf"));
    Ok((1..=DOCUMENTS).map(link).collect())
}

/// Responds to the requests of one connection until it is closed.
async fn serve_connection(stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let (reader, mut writer) = stream.into_split();
    let mut lines = BufReader::new(reader).lines();
    while let Some(request) = lines.next_line().await? {
        // skips the headers
        while lines
            .next_line()
            .await?
            .is_some_and(|line| !line.is_empty())
        {}
        let due = Instant::now() + LATENCY;
        let (status, body) = match requested(&request) {
            Some(number) => ("200 OK", pdf::document(number, DOCUMENTS)),
            None => ("404 Not Found", Vec::new()),
        };
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/pdf\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        // generating a document is part of the latency
        tokio::time::sleep_until(due).await;
        writer.write_all(&[head.as_bytes(), &body].concat()).await?;
    }
    Ok(())
}

/// The number of the document in a request line.
fn requested(request: &str) -> Option<usize> {
    let (number, _) = request.strip_prefix("GET /sample-")?.split_once(".pdf ")?;
    let number = number.parse().ok()?;
    (1..=DOCUMENTS).contains(&number).then_some(number)
}
