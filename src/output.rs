//! Output that never holds up the program: standard output, standard error and each file of records is written by a thread
//! of its own.
//!
//! ```text
//!  push ──► queue ──► thread ──► standard output, standard error, a report, the log
//!  never blocks       writes all that is queued at once
//! ```
//!
//! Readers stop, terminals are paused, disks hang. Callers of [`Output::push`] are not affected: one may be the task that ends
//! the run, or drives connections. A slow reader slows the run down all the same, because new work begins only when there
//! is [`room`]. The queue therefore holds [`ROOM`] bytes, and what the work under way adds.
//!
//! At the end, [`Output::finish`] waits for the reader. Once somebody has asked for the end ([`hurry`]), it gives up after
//! [`PATIENCE`] without progress.
//!
//! The first error ends an output, because what follows a torn line cannot be trusted. The error is reported once and does not
//! affect other outputs.

use std::io::{self, ErrorKind, Write};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, LazyLock, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::screen;
use crate::system::streams;

/// The number of queued bytes from which on an output is full. A pipe holds 64 KiB.
const ROOM: usize = 1024 * 1024;

/// How long the end of the process waits for an output that makes no progress, once somebody has asked for the end.
const PATIENCE: Duration = Duration::from_secs(2);

/// The same once another output has been given up: both may be the same terminal.
const LITTLE_PATIENCE: Duration = Duration::from_millis(200);

/// The time between two looks at an output that is full, or not yet written.
const PAUSE: Duration = Duration::from_millis(20);

/// The first such time of a thread: an output is full after about a thousand records, and written in less than that.
const SHORT_PAUSE: Duration = Duration::from_millis(1);

/// The number of outputs that are full.
static FULL: AtomicUsize = AtomicUsize::new(0);

/// When somebody asked for the end of the process.
static HURRIED: OnceLock<Instant> = OnceLock::new();

/// The number of bytes that have been written, to all outputs.
static WRITTEN: AtomicUsize = AtomicUsize::new(0);

/// Whether an output has been given up.
static GIVEN_UP: AtomicBool = AtomicBool::new(false);

static STDOUT: LazyLock<Output> = LazyLock::new(|| Output::start(Stdout(streams::stdout())));

/// Standard output, which may share a terminal with the progress.
struct Stdout(Box<dyn Write + Send>);

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        screen::write_to_stdout(&mut *self.0, bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Standard output.
pub(crate) fn stdout() -> &'static Output {
    &STDOUT
}

/// Somebody has asked for the end: from now on, outputs that make no progress are given up.
pub(crate) fn hurry() {
    let _ = HURRIED.set(Instant::now());
}

/// Whether to keep waiting for something that has last made progress at the time `since`.
pub(crate) fn has_patience(since: Instant) -> bool {
    let Some(hurried) = HURRIED.get() else {
        return true;
    };
    let patience = if GIVEN_UP.load(Relaxed) {
        LITTLE_PATIENCE
    } else {
        PATIENCE
    };
    let has_patience = since.max(*hurried).elapsed() < patience;
    if !has_patience {
        GIVEN_UP.store(true, Relaxed);
    }
    has_patience
}

/// Waits until no output is full, or the wait is `over`.
pub(crate) async fn room(over: impl Fn() -> bool) {
    while is_full() && !over() {
        tokio::time::sleep(PAUSE).await;
    }
}

/// The same for a thread, which may be quicker than the reader for as long as there is a list.
pub(crate) fn wait_for_room(over: impl Fn() -> bool) {
    let mut pause = SHORT_PAUSE;
    while is_full() && !over() {
        thread::sleep(pause);
        pause = (2 * pause).min(PAUSE);
    }
}

/// How many bytes have been written.
pub(crate) fn written() -> usize {
    WRITTEN.load(Relaxed)
}

/// Whether an output is full.
pub(crate) fn is_full() -> bool {
    FULL.load(Relaxed) > 0
}

/// Something that is written by a thread of its own.
pub(crate) struct Output {
    shared: Arc<Shared>,
    /// Whether there is a thread. If the system has none left, whoever pushes writes.
    has_thread: bool,
}

struct Shared {
    queue: Mutex<Queue>,
    sink: Mutex<Box<dyn Write + Send>>,
    /// Wakes the thread.
    filled: Condvar,
    /// Wakes those who wait for the end.
    written: Condvar,
}

/// What to do about the first error.
type OnLoss = Box<dyn FnOnce(&io::Error) + Send>;

struct Queue {
    bytes: Vec<u8>,
    is_full: bool,
    /// Whether bytes that are no longer in the queue are being written.
    is_writing: bool,
    /// When the queue last became non-empty, or bytes were last written.
    progress: Instant,
    lost: Option<ErrorKind>,
    on_loss: Option<OnLoss>,
    closed: bool,
}

impl Output {
    /// Starts the thread that writes to `sink`.
    pub(crate) fn start(sink: impl Write + Send + 'static) -> Self {
        let shared = Arc::new(Shared {
            queue: Mutex::new(Queue {
                bytes: Vec::new(),
                is_full: false,
                is_writing: false,
                progress: Instant::now(),
                lost: None,
                on_loss: None,
                closed: false,
            }),
            sink: Mutex::new(Box::new(sink)),
            filled: Condvar::new(),
            written: Condvar::new(),
        });
        let theirs = Arc::clone(&shared);
        let thread = thread::Builder::new().spawn(move || while theirs.write_next(true) {});
        Self {
            shared,
            has_thread: thread.is_ok(),
        }
    }

    /// What to do about the first error: the reader has gone ([`ErrorKind::BrokenPipe`]), takes nothing at the end
    /// ([`ErrorKind::TimedOut`]), or there is no space.
    pub(crate) fn on_loss(&self, tell: impl FnOnce(&io::Error) + Send + 'static) {
        self.shared.queue.lock().on_loss = Some(Box::new(tell));
    }

    /// Queues `bytes`, which are dropped if there has been an error.
    pub(crate) fn push(&self, bytes: &[u8]) {
        let mut queue = self.shared.queue.lock();
        if queue.lost.is_some() || bytes.is_empty() {
            return;
        }
        if queue.bytes.is_empty() && !queue.is_writing {
            queue.progress = Instant::now();
        }
        queue.bytes.extend_from_slice(bytes);
        if queue.bytes.len() > ROOM && !queue.is_full {
            queue.is_full = true;
            FULL.fetch_add(1, Relaxed);
        }
        drop(queue);
        if self.has_thread {
            self.shared.filled.notify_one();
        } else {
            self.shared.write_next(false);
        }
    }

    /// Whether bytes have been lost because of an error.
    pub(crate) fn is_lost(&self) -> bool {
        self.shared.queue.lock().lost.is_some()
    }

    /// Waits until everything is written.
    ///
    /// # Errors
    ///
    /// The kind of the first error, which has been told.
    pub(crate) fn finish(&self) -> Result<(), ErrorKind> {
        let shared = &*self.shared;
        let mut queue = shared.queue.lock();
        while queue.is_writing || !queue.bytes.is_empty() {
            if !has_patience(queue.progress) {
                drop(queue);
                let message = "nobody is reading it";
                shared.lose(&io::Error::new(ErrorKind::TimedOut, message));
                return Err(ErrorKind::TimedOut);
            }
            shared.written.wait_for(&mut queue, PAUSE);
        }
        queue.lost.map_or(Ok(()), Err)
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        self.shared.queue.lock().closed = true;
        self.shared.filled.notify_one();
    }
}

impl Shared {
    /// Writes all queued bytes; false if there are none. With `wait`, waits for some, and returns false only at the end.
    fn write_next(&self, wait: bool) -> bool {
        let mut sink = self.sink.lock();
        let mut queue = self.queue.lock();
        while queue.bytes.is_empty() {
            if queue.closed || !wait {
                return false;
            }
            self.filled.wait(&mut queue);
        }
        let bytes = queue.take();
        queue.is_writing = true;
        drop(queue);
        if let Err(error) = self.write(&mut **sink, &bytes) {
            self.lose(&error);
        }
        // last: whoever waits for the end also waits until an error is told
        let mut queue = self.queue.lock();
        queue.is_writing = false;
        queue.progress = Instant::now();
        drop(queue);
        self.written.notify_all();
        true
    }

    fn write(&self, sink: &mut dyn Write, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match sink.write(bytes) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(length) => {
                    bytes = &bytes[length..];
                    WRITTEN.fetch_add(length, Relaxed);
                    self.queue.lock().progress = Instant::now();
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // somebody who shares this terminal or pipe has made it non-blocking
                Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(PAUSE),
                Err(error) => return Err(error),
            }
        }
        sink.flush()
    }

    /// Drops what is queued because of `error`, and tells the first one.
    fn lose(&self, error: &io::Error) {
        let mut queue = self.queue.lock();
        queue.take();
        queue.lost.get_or_insert(error.kind());
        let tell = queue.on_loss.take();
        drop(queue);
        if let Some(tell) = tell {
            tell(error);
        }
    }
}

impl Queue {
    fn take(&mut self) -> Vec<u8> {
        if std::mem::take(&mut self.is_full) {
            FULL.fetch_sub(1, Relaxed);
        }
        std::mem::take(&mut self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    /// Writes when it is told how much.
    struct Gate {
        allowed: Receiver<io::Result<usize>>,
        written: Sender<Vec<u8>>,
    }

    impl Write for Gate {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let allowed = self.allowed.recv().expect("a test that waits")?;
            let length = allowed.min(bytes.len());
            let _ = self.written.send(bytes[..length].to_vec());
            Ok(length)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_waits_is_written_at_once_and_in_order() {
        let (allow, allowed) = channel();
        let (written, writes) = channel();
        let output = Output::start(Gate { allowed, written });
        output.push(b"a");
        while !output.shared.queue.lock().is_writing {
            thread::yield_now();
        }
        output.push(b"b");
        output.push(b"cd");
        for result in [
            Ok(9),
            Err(ErrorKind::Interrupted.into()),
            Err(ErrorKind::WouldBlock.into()),
            Ok(2),
            Ok(9),
        ] {
            allow.send(result).expect("it writes");
        }
        assert_eq!(output.finish(), Ok(()));
        let writes: Vec<_> = writes.try_iter().collect();
        assert_eq!(writes, [&b"a"[..], b"bc", b"d"]);
    }

    #[test]
    fn an_error_ends_an_output_and_is_told_once() {
        let (allow, allowed) = channel();
        let output = Output::start(Gate {
            allowed,
            written: channel().0,
        });
        let (tell, told) = channel();
        output.on_loss(move |error| tell.send(error.kind()).expect("it listens"));
        output.push(b"a");
        let full = Err(ErrorKind::StorageFull.into());
        allow.send(full).expect("it writes");
        assert_eq!(output.finish(), Err(ErrorKind::StorageFull));
        output.push(b"b");
        assert_eq!(output.finish(), Err(ErrorKind::StorageFull));
        assert_eq!(told.iter().collect::<Vec<_>>(), [ErrorKind::StorageFull]);
    }
}
