//! The demonstration: sample PDFs from a built-in server on loopback that responds slowly, so that a comparison of the modes
//! needs neither a list nor the network.
//!
//! With [`serve_until_stopped`], the server stands by itself, for other programs that run this one. Limits of hosts and shards
//! are about hosts, so its links are spread over [`ADDRESSES`] addresses of loopback: all of 127.0.0.0/8 belongs to the machine
//! on Linux and Windows. macOS has only 127.0.0.1, where all of them are links of that host.

mod pdf;

use std::io::{self, ErrorKind};
use std::iter::zip;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::num::NonZeroUsize;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use anyhow::Context;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::links::Input;
use crate::log;
use crate::stop::{self, Stop};
use crate::system::limits::explained;
use crate::system::streams;

/// Number of documents of a demonstration.
const DOCUMENTS: usize = 10;

/// Time to each response. Ten of them take 4.2 s one after the other, a tenth of what the links of a well-known
/// experiment take.
const LATENCY: Duration = Duration::from_millis(420);

/// The most addresses that documents are spread over.
const ADDRESSES: u8 = 20;

const FAILED: &str = "cannot start the server of `--demo`";

/// Starts a server on a free port of 127.0.0.1, which runs on a thread of its own until the process ends, and returns the links
/// of its documents.
///
/// # Errors
///
/// When no port or no thread is free.
pub(crate) fn serve() -> anyhow::Result<Vec<Input>> {
    let listener = listen(1, 0).context(FAILED)?;
    let address = [listener.local_addr().context(FAILED)?];
    let links = links(&address, DOCUMENTS);
    start(vec![listener], DOCUMENTS)?;
    Ok(links.map(Input::Url).collect())
}

/// Serves this number of documents on several addresses of loopback, prints their links, and stays until somebody asks for the
/// end. Standard output is closed behind the links, so that whoever reads a pipe knows that there are no more.
///
/// # Errors
///
/// When no port or no thread is free, or the links cannot be written. It goes on if nobody reads them.
pub(crate) fn serve_until_stopped(documents: NonZeroUsize, is_quiet: bool) -> anyhow::Result<()> {
    let documents = documents.get();
    let (listeners, addresses) = listen_on_all(documents).context(FAILED)?;
    let (end, ended) = mpsc::channel();
    let stop = Stop::new(CancellationToken::new(), move || {
        let _ = end.send(());
    });
    let others = match listeners.len() - 1 {
        0 => String::new(),
        1 => " and another address".to_owned(),
        others => format!(" and {others} other addresses"),
    };
    let first = addresses[0];
    let said = format!("serving {documents} PDFs at http://{first}{others}; press Ctrl-C to stop");
    let status = said.clone();
    let _attention = stop::attend(&Arc::new(stop), move || log::print_line(&status));
    start(listeners, documents)?;
    let list: String = links(&addresses, documents)
        .map(|link| link + "\n")
        .collect();
    match streams::stdout().write_all(list.as_bytes()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            return Err(error).context("cannot write the links to standard output");
        }
        _ => streams::close_stdout(),
    }
    if !is_quiet {
        log::print_line(&said);
    }
    let _ = ended.recv();
    Ok(())
}

/// The links of documents, in turn on each of the `addresses`.
fn links(addresses: &[SocketAddr], documents: usize) -> impl Iterator<Item = String> {
    let numbered = zip(1..=documents, addresses.iter().cycle());
    numbered.map(|(number, address)| format!("http://{address}/sample-{number:02}.pdf"))
}

/// Listeners on as many addresses as there are documents and [`ADDRESSES`], and those addresses. One that the system does not
/// have is replaced by the first one.
fn listen_on_all(documents: usize) -> io::Result<(Vec<TcpListener>, Vec<SocketAddr>)> {
    let first = listen(1, 0)?;
    let address = first.local_addr()?;
    let (mut listeners, mut addresses) = (vec![first], vec![address]);
    for number in (2..=ADDRESSES).take(documents - 1) {
        // the port may be taken there
        let other = listen(number, address.port()).or_else(|_| listen(number, 0));
        let Ok(other) = other else {
            addresses.push(address);
            continue;
        };
        addresses.push(other.local_addr()?);
        listeners.push(other);
    }
    Ok((listeners, addresses))
}

/// A listener on this address of loopback, by its last number.
fn listen(number: u8, port: u16) -> io::Result<TcpListener> {
    let listener = TcpListener::bind((Ipv4Addr::new(127, 0, 0, number), port))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Starts the thread that serves documents.
fn start(listeners: Vec<TcpListener>, documents: usize) -> anyhow::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context(FAILED)?;
    let run = move || {
        let accepting = listeners
            .into_iter()
            .map(|listener| accept(listener, documents));
        let accepting: Vec<_> = accepting.map(|task| runtime.spawn(task)).collect();
        runtime.block_on(async {
            for task in accepting {
                let _ = task.await;
            }
        });
    };
    let started = thread::Builder::new().spawn(run).map_err(explained);
    started.context(FAILED)?;
    Ok(())
}

/// Accepts connections for ever.
async fn accept(listener: TcpListener, documents: usize) {
    let listener = tokio::net::TcpListener::from_std(listener);
    let listener = listener.expect("it is non-blocking, and this is a runtime");
    loop {
        match listener.accept().await {
            // an error of one connection does not concern the others
            Ok((stream, _)) => drop(tokio::spawn(serve_connection(stream, documents))),
            // there are no more descriptors until connections end
            Err(_) => tokio::time::sleep(LATENCY).await,
        }
    }
}

/// Responds to the requests of one connection until it is closed.
async fn serve_connection(stream: TcpStream, documents: usize) -> std::io::Result<()> {
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
        let (status, body) = match requested(&request, documents) {
            Some(number) => ("200 OK", pdf::document(number, documents)),
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
fn requested(request: &str, documents: usize) -> Option<usize> {
    let (number, _) = request.strip_prefix("GET /sample-")?.split_once(".pdf ")?;
    let number = number.parse().ok()?;
    (1..=documents).contains(&number).then_some(number)
}
