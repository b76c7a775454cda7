//! Soft blocks: a host that sends one and the same body for all links, such as a small PDF that says `access blocked`.
//!
//! ```text
//!  bodies    which body has come for which links
//!    │ the same for 5 documents of a host
//!    ▼
//!  hosts     is it all that the host has? ──► no: it is what these links lead to, and the host is fine
//!    │                                    ──► not any more: all of them are retried
//!    ▼ yes, for all that has been tried
//!  blocked   the links of the host end, without further requests
//! ```
//!
//! Nobody can tell a block from dead links with a placeholder by looking at it. What tells is what else the host has, so it is
//! asked, one request at a time, with pauses: for a file that it has sent before, if there is one; then for links that have
//! not been tried; then for those that have had the body. What a request brings that began before the block says nothing.
//!
//! Until that is known, all links that had the body wait, and files lose their final names: a false file is worse than one that
//! is fetched twice. Afterwards, a PDF that only some links of a host have is kept as `suspect`. The list asked for these links,
//! the host has answered them one by one, and whether the answer is of use is for people to say.
//!
//! A body is the same if it came from the same host, has the same bytes, and was announced under the same file name, or none:
//! lists have honest duplicates, but usually from several hosts or with names of their own. Variants of a URL, redirects and
//! pages may all lead to one file, so it is [documents](mod@document) that count, not links. Bodies above 1 MiB are no blocks, nor
//! are most pages that say what they are: five dead links are five dead links. One that asks whether a person is there may ask
//! because there have been too many requests: that is a block for as long as it lasts, and keeps its own word in the end.
//!
//! What links lead to and what is behind their pages are two faces of a host, which are looked at apart: where all pages are
//! blocked, the PDFs behind those that came before say nothing about it, and the other way round.
//!
//! An honest server does not pay for this. A PDF is known by its length and both ends, which the check has in memory. Only if
//! another link has had one like it, all of its bytes are read again: nothing is taken for a block because of its ends.

mod asking;
mod bodies;
mod document;
mod hash;
mod hosts;
mod liveness;

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read};
use std::mem;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use url::Url;

use super::error::disk;
use super::{Fetched, Fetcher, done};
use crate::host;
use crate::outcome::{Cause, Failure, Outcome, Record, Status};
use crate::page::says_gone;
use crate::plan::{Held, Job, Sighting};
use crate::queue::HasHost;
use crate::store::{Part, Window};
use crate::text::{io_message, legible};
use crate::timeout::Moment;
use bodies::{Bodies, Source};
use document::document;
pub(super) use hash::Hash;
use hash::quick;
pub(crate) use hosts::Standing;
use hosts::{Attempt, Hosts, Verdict};
use liveness::Liveness;

/// The longest body that may be a block, in bytes.
pub(super) const LONGEST: u64 = 1024 * 1024;

/// How much of the beginning of a PDF it is known by, in bytes. Most begin alike.
const HEAD: usize = 64;

/// How much of its end: there, PDFs that differ do.
const TAIL: usize = 192;

/// What is odd about a file that many links of a host lead to.
pub(super) const REPEATED: &str = "the same as for other links of its host";

/// What is wrong with a block.
const SAME: &str = "the host sends the same body for different links";

/// A link that has ended, but begins anew if its body turns out to be a block.
#[derive(Debug)]
pub(crate) struct Kept {
    /// The link.
    pub(crate) job: Box<Job>,
    /// What has been recorded of it.
    pub(crate) record: Box<Record>,
}

impl Kept {
    fn weight(&self) -> usize {
        // a record repeats most of its job
        2 * self.job.weight() + size_of::<Record>()
    }

    /// It, which waits because of a body of `host` with the hash `whole`.
    fn held(mut self, host: u64, whole: u64, pause: Duration) -> Self {
        let failure = match &self.record.outcome {
            Outcome::Failed(failure) => Some(failure.clone()),
            _ => None,
        };
        self.job.held = Some(Box::new(Held {
            host,
            whole,
            failure,
            pause,
        }));
        self
    }
}

/// The bodies of a run. Shared by all transfers.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    bodies: Bodies<Kept>,
    hosts: Hosts,
    liveness: Liveness,
    /// A file of each host that has sent one, by the hash of the host, and what its body is known by.
    files: Mutex<HashMap<u64, (Url, u64)>>,
    /// The links that have to begin anew.
    freed: Mutex<Vec<Kept>>,
}

/// What a body is known by.
#[derive(Debug, Clone, Copy)]
pub(super) enum Trace {
    /// The hash of its length and its ends.
    Ends(u64),
    /// That of all of it.
    Whole(u64),
}

impl Trace {
    /// That of a PDF of this `length`.
    pub(super) fn of_ends(length: u64, head: &[u8], tail: &[u8]) -> Self {
        let head = quick(length, &head[..head.len().min(HEAD)]);
        Self::Ends(quick(head, &tail[tail.len().saturating_sub(TAIL)..]))
    }
}

/// A body that a link has got.
pub(super) struct Arrival<'a> {
    /// Where it is from.
    pub(super) url: &'a Url,
    /// The file name that was announced for it.
    pub(super) name: Option<&'a str>,
    pub(super) trace: Trace,
    /// Where it is, if that is somewhere.
    pub(super) part: Option<&'a mut Part>,
    /// What it means for the link, if it is not a PDF.
    pub(super) failure: Option<&'a Failure>,
}

/// A body that many links of a host have had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Known {
    /// A hash of its host, its announced name and its trace.
    key: u64,
    /// The hash of all of it.
    whole: u64,
    is_pdf: bool,
    /// Whether it is a page that asks whether a person is there.
    is_challenge: bool,
    /// Its length, if it is a PDF.
    length: u64,
}

impl Fetcher {
    /// Notes what `job` has got. Returns whether other links of its host have got the same, although that is no block.
    ///
    /// # Errors
    ///
    /// The failure of the link if the body is a block, or if all of its bytes are needed and cannot be read.
    pub(super) fn note_body(&self, job: &mut Job, arrival: Arrival) -> Result<bool, Failure> {
        let Arrival { url, failure, .. } = arrival;
        // dead links are dead, however many there are
        if failure.is_some_and(|failure| says_gone(&failure.message)) {
            return Ok(false);
        }
        let Blocks { bodies, hosts, .. } = &self.blocks;
        let host = face(job, url);
        let (Trace::Ends(hash) | Trace::Whole(hash)) = arrival.trace;
        let key = quick(host ^ hash, arrival.name.unwrap_or_default().as_bytes());
        let sighting = Sighting {
            host,
            key,
            document: document(url),
            is_named: failure.is_none() && job.is_named(),
            is_new: false,
        };
        let source = source(sighting);
        // in this order: what is a block by now is not among the bodies any more
        let is_new = !bodies.is_known(source);
        let is_new = is_new && (hosts.is_empty() || !hosts.is_known(host, key));
        job.body = Some(Sighting { is_new, ..sighting });
        if is_new {
            return Ok(false);
        }
        self.forget_file(host, key);
        let (whole, length) = match (arrival.trace, arrival.part) {
            (Trace::Ends(_), Some(part)) => {
                let whole = self.disk.act(|| hash_of_part(part)).map_err(disk)?;
                (whole, part.len())
            }
            _ => (hash, 0),
        };
        let is_pdf = failure.is_none();
        let known = Known {
            key,
            whole,
            is_pdf,
            is_challenge: failure.is_some_and(|failure| failure.status == Status::Challenge),
            length,
        };
        let attempt = (
            attempt(job, host),
            job.started.map_or_else(Instant::now, Moment::instant),
        );
        let mut is_mixed = false;
        let freed = match hosts.judge(host, known, attempt) {
            Verdict::Own => return Ok(true),
            Verdict::NewlyOwn => {
                (job.probed, job.body) = (None, None);
                let host = host::of(url);
                tracing::warn!(
                    "{host}: has other bodies for other links, so it does not block this program: links that get the same again keep it"
                );
                return Ok(true);
            }
            // the list says that these are different files
            Verdict::Block if sighting.is_named => return Ok(true),
            Verdict::Block => Vec::new(),
            Verdict::Unknown => match bodies.judge(source, (whole, Instant::now()), |since| {
                is_mixed = self.has_worked(host, since, is_pdf);
                if is_mixed {
                    hosts.is_mixed(host, known);
                } else {
                    self.suspect((host, url), known, since);
                }
            }) {
                bodies::Verdict::Fine => return Ok(false),
                bodies::Verdict::Repeated => return Ok(true),
                bodies::Verdict::Block(_) if is_mixed => return Ok(true),
                bodies::Verdict::Block(freed) => freed,
            },
        };
        let retries = self.options.retry.retries;
        let pause = self
            .options
            .retry
            .pause_of_host(hosts.step(host, retries).max(1));
        let freed = freed.into_iter();
        let freed = freed.map(|kept| kept.held(host, whole, pause));
        self.blocks.freed.lock().extend(freed);
        job.held = Some(Box::new(Held {
            host,
            whole,
            failure: failure.cloned(),
            pause,
        }));
        job.body = None;
        Err(blocked(failure))
    }

    /// Notes that the host of `url` sends many links the same.
    fn suspect(&self, (face, url): (u64, &Url), known: Known, since: Instant) {
        let hosts = &self.blocks.hosts;
        if hosts.suspect(face, known, since) {
            let host = host::of(url);
            tracing::warn!(
                "{host}: sends the same body for different links, which looks like a block: they are retried later, and nothing of it is kept as their file (`--no-block-detection` accepts it)"
            );
        }
    }

    /// What is known of the host with the name `host`.
    pub(crate) fn standing(&self, host: &str) -> Standing {
        let hosts = &self.blocks.hosts;
        if hosts.is_empty() {
            return Standing::Unknown;
        }
        let standings = [false, true].map(|is_behind| hosts.standing(face_of(host, is_behind)));
        standings[0].max(standings[1])
    }

    /// Keeps a link that has ended, in case that its body turns out to be a block. Returns it if that is so already.
    pub(crate) fn keep(&self, job: Box<Job>, record: Box<Record>) -> Option<Kept> {
        let sighting = job.body?;
        let kept = Kept { job, record };
        let weight = kept.weight();
        let Blocks { bodies, hosts, .. } = &self.blocks;
        let block = || hosts.block(sighting.host, sighting.key);
        // another link may have noted the body anew since it was found to be a block
        let kept = match block() {
            Some(_) => kept,
            None => bodies.keep(source(sighting), kept, weight)?,
        };
        let whole = block()?;
        (!sighting.is_named).then(|| kept.held(sighting.host, whole, Duration::ZERO))
    }

    /// The links that have ended with a body that has turned out to be a block since, for [`Self::begin_anew`].
    pub(crate) fn freed(&self) -> Vec<Kept> {
        if self.blocks.hosts.is_empty() {
            return Vec::new();
        }
        mem::take(&mut self.blocks.freed.lock())
    }

    /// Takes the file of a link back, whose body is a block, and goes on as if that had been known when it was received. None
    /// if it is not its file any more: then it stays as it is.
    pub(crate) async fn begin_anew(&self, job: &mut Job, record: &Record) -> Option<Fetched> {
        let whole = job.held.as_ref()?.whole;
        if let Outcome::Saved(saved) = &record.outcome {
            match saved.status {
                // it is that of another link, which is taken back, too
                Status::Duplicate => {}
                Status::Downloaded | Status::Resumed => {
                    let is_block = |file: Window| Ok(hash_of(file)? == whole);
                    let withdrawn = if self.publisher.uploads().is_some() {
                        self.publisher.withdraw_upload(job, saved, is_block).await
                    } else {
                        let withdraw = || self.publisher.withdraw(job, saved, is_block);
                        self.disk.act(withdraw)
                    };
                    match withdrawn {
                        Ok(aside) => {
                            let has_exec = self.publisher.has_exec();
                            tell(record, &saved.file, aside.as_deref(), has_exec);
                            aside?;
                            job.existing = None;
                        }
                        // a command may have moved it
                        Err(error) if error.kind() == ErrorKind::NotFound => job.existing = None,
                        Err(error) => {
                            return Some(done(job, Outcome::Failed(not_withdrawn(&error))));
                        }
                    }
                }
                // another process has saved it
                _ => return None,
            }
        }
        let failure = job.held.as_ref().and_then(|held| held.failure.as_ref());
        let failure = blocked(failure);
        Some(self.after(job, failure))
    }
}

/// The hash of the host of `url`, as far as requests like that of `job` see it.
pub(super) fn face(job: &Job, url: &Url) -> u64 {
    face_of(&host::of(url), job.candidates.is_found())
}

/// The hash of `host`, as links see it, or else what is behind pages.
fn face_of(host: &str, is_behind: bool) -> u64 {
    quick(u64::from(is_behind), host.as_bytes())
}

fn source(sighting: Sighting) -> Source {
    Source {
        key: sighting.key,
        document: sighting.document,
        is_named: sighting.is_named,
    }
}

/// What the end of an attempt at `job` says about `host`.
fn attempt(job: &Job, host: u64) -> Attempt {
    let is_retry = job.held.as_ref().is_some_and(|held| held.host == host);
    match job.probed {
        None => Attempt::Early,
        Some(_) if !is_retry => Attempt::First,
        Some(began) => Attempt::Retry(began),
    }
}

/// The failure of a link whose host sends all links the same, which would mean `own` for it alone.
fn blocked(own: Option<&Failure>) -> Failure {
    match own {
        Some(own) => Failure::new(Status::Blocked, format!("{SAME}: {}", own.message)),
        None => Failure::new(Status::Blocked, SAME),
    }
}

/// The same, once nothing else is to be expected: a page that says itself what it is has a word of its own.
pub(super) fn lasting(own: Option<&Failure>) -> Failure {
    match own {
        Some(own) if own.status == Status::Challenge => own.clone(),
        own => blocked(own),
    }
}

/// The failure of a link that has not been tried, as all others of its host get the same challenge.
fn challenged() -> Failure {
    Failure {
        cause: Cause::Challenge,
        ..Failure::new(
            Status::Challenge,
            "a firewall asks all links of the host whether a person is there",
        )
    }
}

/// The failure of a link whose body is a block, and whose file could not be taken back.
fn not_withdrawn(error: &io::Error) -> Failure {
    let message = format!(
        "looks like a block, but cannot be taken back: {}",
        io_message(error)
    );
    Failure::new(Status::Disk, message)
}

/// Tells what has become of the file of a link whose body is a block.
fn tell(record: &Record, file: &str, aside: Option<&str>, has_exec: bool) {
    let (place, url) = (&record.source_line, legible(&record.url));
    let ran = if has_exec {
        ", and the command of `--exec` may have seen it"
    } else {
        ""
    };
    if let Some(aside) = aside {
        tracing::warn!(
            "{place}: {url}: taken back, as it looks like a block: `{file}` is now `{aside}`{ran}"
        );
    } else {
        tracing::warn!(
            "{place}: {url}: `{file}` looks like a block, but has changed since, or its tar was uploaded: it stays as it is{ran}"
        );
    }
}

fn hash_of_part(part: &mut Part) -> io::Result<u64> {
    let mut hash = Hash::default();
    let mut pieces = part.pieces()?;
    while let Some(bytes) = pieces.next()? {
        hash.update(bytes);
    }
    Ok(hash.finish())
}

fn hash_of(file: Window) -> io::Result<u64> {
    let mut hash = Hash::default();
    // whatever is longer is no block
    let mut bytes = Vec::new();
    file.take(LONGEST + 1).read_to_end(&mut bytes)?;
    hash.update(&bytes);
    Ok(hash.finish())
}
