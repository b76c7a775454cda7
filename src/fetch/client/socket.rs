//! A TCP connection: it goes where it is used, and keeps no server waiting for an acknowledgement.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::runtime::{Handle, Id};

/// A connection that can be used within any runtime, by one at a time. It moves to the one that it is used in.
pub(super) struct Socket {
    /// None if it was lost on its way.
    stream: Option<TcpStream>,
    home: Id,
    awaited: Awaited,
}

/// Says of a connection how many more bytes are awaited at most of an answer that has begun: 0 while none has.
#[derive(Debug, Clone, Default)]
pub(super) struct Awaited(Arc<AtomicU64>);

impl Awaited {
    pub(super) fn set(&self, awaited: u64) {
        self.0.store(awaited, Relaxed);
    }
}

impl Socket {
    pub(super) fn new(stream: TcpStream, awaited: Awaited) -> Self {
        Self {
            stream: Some(stream),
            home: Handle::current().id(),
            awaited,
        }
    }

    fn here(&mut self) -> io::Result<Pin<&mut TcpStream>> {
        let here = Handle::current().id();
        if here != self.home {
            let moving = self.stream.take().map(TcpStream::into_std).transpose()?;
            self.stream = moving.map(TcpStream::from_std).transpose()?;
            self.home = here;
        }
        let lost = || io::ErrorKind::NotConnected.into();
        self.stream.as_mut().map(Pin::new).ok_or_else(lost)
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let awaited = self.awaited.0.load(Relaxed);
        let mut stream = self.here()?;
        let most = if awaited > 0 { awaited } else { u64::MAX };
        let polled = Pin::new(&mut stream.as_mut().take(most)).poll_read(context, buffer);
        if polled.is_pending() && awaited > 0 {
            acknowledge(&stream);
        }
        polled
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.here()?.poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.here()?.poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.here()?.poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.here()?.poll_shutdown(context)
    }
}

/// Tells the server at once what has come. Linux may wait 40 ms for something to send along with that, and so does a server
/// whose buffer is full, or which sends no small segment before the last one has come (Nagle, RFC 896).
#[cfg(target_os = "linux")]
fn acknowledge(stream: &TcpStream) {
    // without it, all goes well, and slower
    let _ = rustix::net::sockopt::set_tcp_quickack(stream, true);
}

/// There is no such thing elsewhere.
#[cfg(not(target_os = "linux"))]
fn acknowledge(_: &TcpStream) {}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::*;
    use crate::process::runtime_of_thread;

    #[test]
    fn a_connection_outlives_the_runtime_that_has_opened_it() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a connection");
            std::io::copy(&mut stream.try_clone().expect("a handle"), &mut stream)
        });
        let connect = async {
            let stream = TcpStream::connect(address).await.expect("a connection");
            Socket::new(stream, Awaited::default())
        };
        let mut socket = runtime_of_thread().expect("a runtime").block_on(connect);
        let echo = async {
            let mut echo = [0; 5];
            socket.write_all(b"hello").await?;
            socket.read_exact(&mut echo).await.map(|_| echo)
        };
        let echo = runtime_of_thread().expect("a runtime").block_on(echo);
        assert_eq!(&echo.expect("an echo"), b"hello");
        drop(socket);
        let echoed = server.join().expect("no panic");
        assert_eq!(echoed.expect("all of it"), 5);
    }
}
