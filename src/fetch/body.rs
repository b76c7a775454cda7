//! The body of an answer on its way into a part, checked as it passes.

use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use tokio::time::timeout;

use super::error::{broken_body, disk};
use super::reply::Reply;
use super::{Fetcher, Options};
use crate::digest::{Checksum, hexadecimal};
use crate::outcome::{Failure, Status};
use crate::pdf::{BodyKind, Check, PdfVerdict};
use crate::stats::Transfer;
use crate::store::Part;

/// A part that is being filled.
pub(super) struct Body<'a> {
    part: &'a mut Part,
    check: Check,
    hash: Option<Sha256>,
    total: Option<u64>,
    framed: bool,
}

/// What can be said of a body that is whole.
pub(super) struct Proof {
    pub(super) suspect: Option<&'static str>,
    pub(super) sha256: Option<String>,
}

impl<'a> Body<'a> {
    /// Begins or goes on with `part`, which is to have `total` bytes in the end. `framed` says that the protocol marks
    /// the end of the body, and not just the end of the connection.
    pub(super) fn begin(
        part: &'a mut Part,
        total: Option<u64>,
        framed: bool,
        hashed: bool,
    ) -> Result<Self, Failure> {
        let mut check = Check::default();
        let mut hash = hashed.then(Sha256::new);
        if !part.is_empty() {
            let mut verdict = Ok(());
            let see = |bytes: &[u8]| {
                if verdict.is_ok() {
                    verdict = check.update(bytes);
                }
                if let Some(hash) = &mut hash {
                    hash.update(bytes);
                }
            };
            part.reread(see).map_err(disk)?;
            verdict.map_err(|kind| not_pdf(&kind))?;
        }
        Ok(Self {
            part,
            check,
            hash,
            total,
            framed,
        })
    }

    /// Takes all that comes, within the limits of `fetcher`.
    pub(super) async fn receive(
        &mut self,
        mut reply: Reply,
        transfer: &Transfer,
        fetcher: &Fetcher,
    ) -> Result<(), Failure> {
        let options = &fetcher.options;
        transfer.restart(self.part.len(), self.total);
        self.fits(self.total.unwrap_or(0), options.max_filesize)?;
        let mut pace = Pace::new(options);
        loop {
            let next = timeout(options.stall_timeout, reply.response.chunk()).await;
            let chunk = next.map_err(|_| self.too_slow("nothing came", options.stall_timeout))?;
            let chunk = chunk.map_err(|error| broken_body(&error, self.part.len(), self.total))?;
            let Some(chunk) = chunk else { return Ok(()) };
            transfer.advance(chunk.len() as u64);
            self.check.update(&chunk).map_err(|kind| not_pdf(&kind))?;
            if let Some(hash) = &mut self.hash {
                hash.update(&chunk);
            }
            let length = chunk.len() as u64;
            if let Some(total) = self.total.filter(|total| self.part.len() + length > *total) {
                // whatever these bytes are, they cannot be continued
                self.part.restart(None).map_err(disk)?;
                return Err(Failure::new(
                    Status::Truncated,
                    format!("more bytes came than the {total} announced"),
                ));
            }
            self.fits(self.part.len() + length, options.max_filesize)?;
            fetcher.disk.act(|| self.part.write(&chunk)).map_err(disk)?;
            if let Some(bandwidth) = &fetcher.bandwidth {
                tokio::time::sleep(bandwidth.take(length)).await;
            }
            if pace.is_lost(length) {
                return Err(
                    self.too_slow("less than the minimum speed came", options.stall_timeout)
                );
            }
        }
    }

    /// The verdict on a body that has ended.
    pub(super) fn end(self, checksum: Option<Checksum>) -> Result<Proof, Failure> {
        let length = self.part.len();
        if let Some(total) = self.total
            && length != total
        {
            return Err(Failure::new(
                Status::Truncated,
                format!("{length} bytes came of {total}"),
            ));
        }
        let suspect = match self.check.finish() {
            PdfVerdict::Whole => None,
            PdfVerdict::Suspect(why) if self.framed => Some(why),
            PdfVerdict::Suspect(why) => {
                let message = format!("the connection ended after {length} bytes, with {why}");
                return Err(Failure::new(Status::Truncated, message));
            }
            PdfVerdict::NotPdf(kind) => return Err(not_pdf(&kind)),
        };
        let digest = self.hash.map(Sha256::finalize);
        let sha256 = digest.as_ref().map(|digest| hexadecimal(digest));
        if let (Some(checksum), Some(digest)) = (checksum, digest)
            && !checksum.is(&digest)
        {
            let message = format!("the file has the SHA-256 {}", hexadecimal(&digest));
            return Err(Failure::new(Status::ChecksumMismatch, message));
        }
        Ok(Proof { suspect, sha256 })
    }

    fn fits(&self, length: u64, most: u64) -> Result<(), Failure> {
        if length <= most {
            return Ok(());
        }
        let message = match self.total {
            Some(total) => {
                format!("{total} bytes, and at most {most} are taken (`--max-filesize`)")
            }
            None => format!("more than {most} bytes (`--max-filesize`)"),
        };
        Err(Failure::new(Status::TooLarge, message))
    }

    fn too_slow(&self, what: &str, time: Duration) -> Failure {
        let message = format!(
            "{what} for {} s after {} bytes",
            time.as_secs_f64(),
            self.part.len()
        );
        Failure::new(Status::Timeout, message)
    }
}

/// Watches that a body keeps a minimum speed, measured over windows of the stall timeout.
struct Pace {
    least: Option<(u64, Duration)>,
    since: Instant,
    received: u64,
}

impl Pace {
    fn new(options: &Options) -> Self {
        let least = options
            .min_speed
            .map(|speed| (speed, options.stall_timeout));
        Self {
            least,
            since: Instant::now(),
            received: 0,
        }
    }

    /// Whether a window has ended with too few bytes, `length` more included.
    fn is_lost(&mut self, length: u64) -> bool {
        let Some((speed, window)) = self.least else {
            return false;
        };
        self.received += length;
        let elapsed = self.since.elapsed();
        if elapsed < window {
            return false;
        }
        let slow = crate::stats::rate(self.received, elapsed) < speed;
        (self.since, self.received) = (Instant::now(), 0);
        slow
    }
}

fn not_pdf(kind: &BodyKind) -> Failure {
    Failure::new(Status::NotPdf, kind.to_string())
}
