//! The body of a response on its way into a part, checked as it passes.

use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::yield_now;

use super::blocks::{Hash, LONGEST, Trace};
use super::coding::{Coding, Decoder};
use super::error::{broken_body, disk};
use super::reason::Reason;
use super::response::Response;
use super::{Fetcher, Unsaved};
use crate::digest::{Algorithm, Checksum, Hasher};
use crate::outcome::{Failure, Status};
use crate::pdf::{BodyKind, Check, PdfVerdict};
use crate::stats::{Transfer, rate};
use crate::store::{PIECE, Part, Pieces};
use crate::text::from_server;
use crate::timeout::{Moment, timeout};

/// The lowest speed of a body that other links wait for, in bytes per second, over two stall timeouts. No link is that slow,
/// but a host that drips bytes to hold up its clients is.
pub(super) const FLOOR: u64 = 100;

/// What is odd about a document that the body goes on behind.
const PADDED: &str = "more than 1,024 bytes after its `%%EOF`";

/// What a body is that has the header of a PDF and nothing else of one.
const ONLY_A_HEADER: &str = "no objects";

/// A part that is being filled.
pub(super) struct Body<'a> {
    fetcher: &'a Fetcher,
    part: &'a mut Part,
    seen: Seen,
    /// How many bytes of the body there are, those of earlier attempts included. The part has more if they are coded.
    received: u64,
    total: Option<u64>,
    framed: bool,
    decoder: Option<Decoder>,
    /// The checksum of the list.
    listed: Option<Checksum>,
    /// That of the response, and the header that has it.
    sent: Option<(&'static str, Checksum)>,
    /// The hash of the whole body if it is not a PDF.
    other: Option<u64>,
}

/// What a body should be.
pub(super) struct Expected<'a> {
    /// Its length, if that is known.
    pub(super) total: Option<u64>,
    /// Whether the protocol marks its end, rather than just the end of the connection.
    pub(super) framed: bool,
    /// What has been applied to it.
    pub(super) codings: &'a [Coding],
    /// The checksum of the file, from the list.
    pub(super) listed: Option<Checksum>,
    /// That of the response, and the header that has it.
    pub(super) sent: Option<(&'static str, Checksum)>,
}

/// How much of a body is read that is not a PDF, in bytes: as much as the next request may be worth, which can use the
/// connection then.
const OTHER: u64 = 64 * 1024;

/// How long to wait for that.
const OTHER_TIME: Duration = Duration::from_secs(1);

/// What is known of a complete body.
pub(super) struct Proof {
    pub(super) suspect: Option<&'static str>,
    pub(super) sha256: Option<String>,
}

impl<'a> Body<'a> {
    /// Starts or resumes `part`.
    pub(super) async fn begin(
        fetcher: &'a Fetcher,
        part: &'a mut Part,
        expected: Expected<'_>,
    ) -> Result<Self, Failure> {
        let recorded = fetcher.options.sha256.then_some(Algorithm::Sha256);
        let sent = expected.sent.map(|(_, checksum)| checksum);
        let checksums = expected.listed.into_iter().chain(sent);
        let algorithms = checksums.map(|checksum| checksum.algorithm());
        let seen = seen_again(part, algorithms.chain(recorded).collect()).await?;
        let codings = expected.codings;
        Ok(Self {
            fetcher,
            seen,
            received: part.len(),
            part,
            total: expected.total,
            framed: expected.framed,
            decoder: (!codings.is_empty()).then(|| Decoder::new(codings)),
            listed: expected.listed,
            sent: expected.sent,
            other: None,
        })
    }

    /// Receives the whole body, within the limits of the options.
    pub(super) async fn receive(
        &mut self,
        response: &mut Response,
        transfer: &Transfer,
    ) -> Result<(), Failure> {
        let options = &self.fetcher.options;
        transfer.restart(self.received, self.total);
        self.check_size(self.total.unwrap_or(0))?;
        let floor_time = options.stall_timeout.saturating_mul(2);
        let (mut window, mut long_window) = (Window::new(), Window::new());
        loop {
            let next = timeout(options.stall_timeout, response.chunk()).await;
            let chunk = match next {
                // it is complete, even if the server does not end it in good order
                Err(_) | Ok(Err(_)) if self.total == Some(self.received) => None,
                Err(_) => return Err(self.too_slow("no data")),
                Ok(Err(error)) => return Err(broken_body(&error, self.received, self.total)),
                Ok(Ok(chunk)) => chunk,
            };
            let Some(chunk) = chunk else {
                return self.take_last().await;
            };
            let length = chunk.len() as u64;
            transfer.advance(length);
            self.received += length;
            if let Some(total) = self.total.filter(|total| self.received > *total) {
                // whatever these bytes are, they cannot be resumed
                self.part.restart(None).map_err(disk)?;
                let message = format!("received more than the announced {total} bytes");
                return Err(truncated(message));
            }
            self.check_size(self.received)?;
            if let Err(failure) = self.take(&chunk).await {
                if failure.status == Status::NotPdf {
                    self.other = self.rest(&chunk, response).await;
                }
                return Err(failure);
            }
            if let Some(bandwidth) = &self.fetcher.bandwidth {
                tokio::time::sleep(bandwidth.take(length)).await;
            }
            if let Some(min_speed) = options.min_speed
                && let Some(speed) = window.speed(length, options.stall_timeout)
                && speed < min_speed
            {
                return Err(self.too_slow("below the minimum speed"));
            }
            if self.is_floor_default()
                && let Some(speed) = long_window.speed(length, floor_time)
                && speed < FLOOR
                && transfer.holds_up_others()
            {
                self.tell_of_floor();
                return Err(below_floor(speed, floor_time));
            }
        }
    }

    /// Checks and writes the next bytes of the body.
    async fn take(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let Some(mut decoder) = self.decoder.take() else {
            return self.keep(bytes);
        };
        decoder.push(bytes);
        let kept = self.keep_decoded(&mut decoder).await;
        self.decoder = Some(decoder);
        kept
    }

    /// The same at the end of the body.
    async fn take_last(&mut self) -> Result<(), Failure> {
        let is_all = self.total.is_none_or(|total| total == self.received);
        let Some(mut decoder) = self.decoder.take().filter(|_| is_all) else {
            return Ok(());
        };
        decoder.end();
        self.keep_decoded(&mut decoder).await?;
        self.framed |= decoder.marks_end();
        decoder.check_end()
    }

    /// Checks and writes what the body stands for. A few bytes may stand for gigabytes, which keep nobody else waiting.
    async fn keep_decoded(&mut self, decoder: &mut Decoder) -> Result<(), Failure> {
        let max = self.fetcher.options.max_filesize;
        let mut piece = Vec::new();
        while decoder.next(&mut piece)? {
            if self.part.len() + piece.len() as u64 > max {
                let message = format!("more than {max} bytes when decompressed (`--max-filesize`)");
                return Err(Failure::new(Status::TooLarge, message));
            }
            self.keep(&piece)?;
            yield_now().await;
        }
        Ok(())
    }

    /// Checks and writes bytes of the file.
    fn keep(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.seen.update(bytes)?;
        let write = || self.part.write(bytes);
        self.fetcher.disk.act(write).map_err(disk)
    }

    /// Says once in a run that [`FLOOR`] has applied.
    fn tell_of_floor(&self) {
        if !self.fetcher.floor_applied.swap(true, Relaxed) {
            tracing::warn!(
                "transfers below {FLOOR} bytes/s are given up while other links wait: `--min-speed` sets another limit"
            );
        }
    }

    /// Whether [`FLOOR`] applies: not if the user has set a limit, or if this run is what slows transfers down.
    fn is_floor_default(&self) -> bool {
        self.fetcher.options.min_speed.is_none() && self.fetcher.bandwidth.is_none()
    }

    /// The hash of all of a body that is not a PDF, as `chunk` has shown. None if it is long, slow, or coded.
    async fn rest(&mut self, chunk: &[u8], response: &mut Response) -> Option<u64> {
        let is_wanted = self.fetcher.options.block_detection && self.decoder.is_none();
        if !is_wanted || self.total.unwrap_or(0) > OTHER {
            return None;
        }
        let mut hash = Hash::default();
        // what came before is shorter than a head, and in it
        let [head, _] = self.seen.check.ends();
        let before = usize::try_from(self.part.len()).unwrap_or(usize::MAX);
        hash.update(head.get(..before)?);
        hash.update(chunk);
        let all = async {
            while hash.length() <= OTHER {
                match response.chunk().await.ok()? {
                    Some(chunk) => hash.update(&chunk),
                    None => return Some(hash.finish()),
                }
            }
            None
        };
        timeout(OTHER_TIME, all).await.ok()?
    }

    /// What the body is known by, if it `has_ended`, or is not a PDF. None if that does not matter.
    pub(super) fn trace(&self, has_ended: bool) -> Option<Trace> {
        let length = self.part.len();
        if let Some(hash) = self.other {
            return Some(Trace::Whole(hash));
        }
        // an empty one is the work of a server that has failed
        let is_wanted = self.fetcher.options.block_detection && has_ended;
        if !is_wanted || length > LONGEST || length == 0 {
            return None;
        }
        let [head, tail] = self.seen.check.ends();
        Some(Trace::of_ends(length, head, tail))
    }

    /// The verdict on a body that has ended. `before` is the checksum of one that has ended as early.
    pub(super) async fn end(mut self, before: Option<&Checksum>) -> Result<Proof, Unsaved> {
        let received = self.received;
        if let Some(total) = self.total.filter(|total| *total != received) {
            return Err(truncated(format!("received {received} of {total} bytes")).into());
        }
        let finish = || self.seen.check.finish(|| self.part.contents());
        let verdict = self.fetcher.disk.act(finish).map_err(disk)?;
        let suspect = match verdict {
            PdfVerdict::Whole => None,
            PdfVerdict::Padded => Some(PADDED),
            PdfVerdict::Suspect(why) if self.total.is_some() => Some(why),
            PdfVerdict::Suspect(why) => {
                self.check_early_end(why, before).await?;
                Some(why)
            }
            PdfVerdict::NotPdf(kind) => {
                if kind == BodyKind::Header && self.total.is_none() {
                    self.check_early_end(ONLY_A_HEADER, before).await?;
                }
                return Err(not_pdf(&kind, self.seen.check.head()).into());
            }
        };
        let checksums = self.seen.hasher.finish();
        let has = |wanted: Algorithm| checksums.iter().find(|found| found.algorithm() == wanted);
        let differs = |wanted: &Checksum| has(wanted.algorithm()).filter(|found| *found != wanted);
        let mismatch = |found: &Checksum| {
            let (algorithm, digits) = (found.algorithm(), found.digits());
            format!("the file has the {algorithm} `{digits}`")
        };
        if let Some(found) = self.listed.as_ref().and_then(differs) {
            return Err(Failure::new(Status::ChecksumMismatch, mismatch(found)).into());
        }
        if let Some((header, wanted)) = &self.sent
            && self.listed.is_none()
            && let Some(found) = differs(wanted)
        {
            let message = format!("{}, and not that of `{header}`", mismatch(found));
            // whatever these bytes are, they cannot be resumed
            self.part.restart(None).map_err(disk)?;
            let failure = Failure::new(Status::ChecksumMismatch, message);
            return Err(Unsaved::Failed(Failure {
                passing: true,
                ..failure
            }));
        }
        let sha256 = has(Algorithm::Sha256).map(Checksum::digits);
        Ok(Proof { suspect, sha256 })
    }

    /// Fails unless the server has sent the same bytes `before`. A proxy that loses its origin, or an application that fails
    /// halfway, often ends the body in good order, so that only its length would tell.
    async fn check_early_end(
        &mut self,
        why: &str,
        before: Option<&Checksum>,
    ) -> Result<(), Unsaved> {
        let length = self.part.len();
        if !self.framed {
            let message = format!("connection closed after {length} bytes, with {why}");
            return Err(truncated(message).into());
        }
        let seen = seen_again(self.part, vec![Algorithm::Sha256]).await?;
        let checksum = seen.hasher.finish()[0];
        if Some(&checksum) == before {
            return Ok(());
        }
        // the rest of it would not be the whole that is to be compared
        self.part.restart(None).map_err(disk)?;
        let message = format!("the body ended after {length} bytes, with {why}");
        Err(Unsaved::EndedEarly(truncated(message), checksum))
    }

    fn check_size(&self, length: u64) -> Result<(), Failure> {
        let max = self.fetcher.options.max_filesize;
        if length <= max {
            return Ok(());
        }
        let size = self.total.map(|total| format!("{total} bytes, "));
        let size = size.unwrap_or_default();
        let message = format!("{size}more than {max} bytes (`--max-filesize`)");
        Err(Failure::new(Status::TooLarge, message))
    }

    fn too_slow(&self, what: &str) -> Failure {
        let seconds = self.fetcher.options.stall_timeout.as_secs_f64();
        let message = format!("{what} for {seconds} s after {} bytes", self.received);
        Failure::new(Status::Timeout, message)
    }
}

fn truncated(message: String) -> Failure {
    Failure::new(Status::Truncated, message)
}

/// The failure of a body that is not a PDF but of this `kind`, with what its `head` says about the reason. An empty one may be
/// the work of a server that has failed.
pub(super) fn not_pdf(kind: &BodyKind, head: &[u8]) -> Failure {
    let reason = match kind {
        BodyKind::Text(_) => Reason::of_body("", head),
        _ => None,
    };
    let message = match reason {
        Some(reason) => format!("{kind}: {}", from_server(&reason.text)),
        None => kind.to_string(),
    };
    Failure {
        passing: *kind == BodyKind::Empty,
        ..Failure::new(Status::NotPdf, message)
    }
}

fn below_floor(speed: u64, time: Duration) -> Failure {
    let seconds = time.as_secs_f64();
    let message = format!(
        "only {speed} bytes/s over {seconds} s, while other links wait; `--min-speed` sets another limit"
    );
    Failure::new(Status::Timeout, message)
}

/// What the bytes of a body are, as far as they have been seen.
struct Seen {
    check: Check,
    hasher: Hasher,
}

impl Seen {
    fn new(algorithms: &[Algorithm]) -> Self {
        Self {
            check: Check::default(),
            hasher: Hasher::new(algorithms),
        }
    }

    fn update(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.hasher.update(bytes);
        let checked = self.check.update(bytes);
        checked.map_err(|kind| not_pdf(&kind, self.check.head()))
    }

    /// Sees the next piece; false at the end.
    fn next(&mut self, pieces: &mut Pieces) -> Result<bool, Failure> {
        match pieces.next().map_err(disk)? {
            Some(bytes) => self.update(bytes).map(|()| true),
            None => Ok(false),
        }
    }
}

/// What the bytes are that `part` already has. There may be gigabytes: another thread reads them, until nobody waits any more.
async fn seen_again(part: &mut Part, algorithms: Vec<Algorithm>) -> Result<Seen, Failure> {
    let mut seen = Seen::new(&algorithms);
    if part.len() > PIECE as u64 {
        let mut pieces = part.pieces().map_err(disk)?;
        let (sender, receiver) = oneshot::channel();
        let read = move || {
            let mut seen = Seen::new(&algorithms);
            while !sender.is_closed() {
                match seen.next(&mut pieces) {
                    Ok(true) => {}
                    end => return drop(sender.send(end.map(|_| seen))),
                }
            }
        };
        if thread::Builder::new().spawn(read).is_ok() {
            return receiver.await.expect("it sends before it ends");
        }
    }
    if part.len() > 0 {
        // short, or the system has no more threads
        let mut pieces = part.pieces().map_err(disk)?;
        while seen.next(&mut pieces)? {
            yield_now().await;
        }
    }
    Ok(seen)
}

/// A window of time over which the speed of a body is measured.
pub(super) struct Window {
    since: Moment,
    received: u64,
}

impl Window {
    pub(super) fn new() -> Self {
        Self {
            since: Moment::now(),
            received: 0,
        }
    }

    /// Adds `bytes`, and ends the window after `time`: its speed then, in bytes per second.
    pub(super) fn speed(&mut self, bytes: u64, time: Duration) -> Option<u64> {
        self.received += bytes;
        let elapsed = self.since.elapsed();
        if elapsed < time {
            return None;
        }
        let speed = rate(self.received, elapsed);
        *self = Self::new();
        Some(speed)
    }
}
