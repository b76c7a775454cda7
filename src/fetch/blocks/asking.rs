//! What a host is asked that seems to block this program, and what its answers say.

use std::time::{Duration, Instant};

use url::Url;

use super::super::request::{Accept, Wanted};
use super::super::{Fetched, Fetcher, Start, done};
use super::hosts::Start as Begin;
use super::{Blocks, REPEATED, attempt, blocked, challenged, face, lasting};
use crate::outcome::{Outcome, Saved};
use crate::plan::Job;
use crate::timeout::{Moment, timeout};

/// For how many hosts a file is known that they have sent.
const MOST_FILES: usize = 1024;

/// The longest URL of such a file, in bytes.
const LONGEST_URL: usize = 2048;

impl Fetcher {
    /// Begins an attempt at `job`. Returns what it ends as, if its host gets no request because of what is known of it.
    pub(in crate::fetch) async fn begin(&self, job: &mut Job) -> Option<Fetched> {
        let hosts = &self.blocks.hosts;
        (job.probed, job.body) = (None, None);
        if hosts.is_empty() {
            return None;
        }
        let host = face(job, job.url());
        if let Some(pause) = self.ask_again(host).await {
            let failure = job.held.as_ref().and_then(|held| held.failure.as_ref());
            return Some(Fetched::Again(pause, blocked(failure)));
        }
        let held = job.held.as_ref().filter(|held| held.host == host);
        let held = held.map(|held| held.whole);
        match hosts.start(host, held, self.options.retry.retries) {
            Begin::Free => None,
            Begin::Probe => {
                job.probed = Some(Instant::now());
                None
            }
            Begin::Own => {
                let failure = job.held.take().and_then(|held| held.failure);
                failure.map(|failure| self.after(job, failure))
            }
            start @ (Begin::Blocked | Begin::Challenged) => {
                let failure = match job.held.take() {
                    None if start == Begin::Challenged => challenged(),
                    held => lasting(held.and_then(|held| held.failure).as_ref()),
                };
                Some(match job.advance(failure.clone()) {
                    Ok(()) => Fetched::Again(Duration::ZERO, failure),
                    Err(failure) => done(job, Outcome::Failed(failure)),
                })
            }
        }
    }

    /// Requests a file again that `host` has sent before, if it seems to send all links the same: that tells at once. Returns
    /// the pause before the next request to it if it does not send that now.
    async fn ask_again(&self, host: u64) -> Option<Duration> {
        let Blocks { hosts, files, .. } = &self.blocks;
        let (url, _) = files.lock().get(&host).cloned()?;
        let lengths = hosts.asks_again(host)?;
        let limit = self.options.first_byte_timeout;
        let has = tokio::select! {
            biased;
            () = self.stop.cancelled() => false,
            has = timeout(limit, self.is_other_pdf(&url, &lengths)) => has.unwrap_or(false),
        };
        hosts.has_again(host, has);
        let retry = &self.options.retry;
        let pause = retry.pause_of_host(hosts.step(host, retry.retries).max(1));
        (!has).then_some(pause)
    }

    /// Whether `url` leads to a PDF that has none of these `lengths`. The credentials of no link are sent.
    async fn is_other_pdf(&self, url: &Url, lengths: &[u64]) -> bool {
        let wanted = Wanted {
            headers: &[],
            partial: None,
            previous: None,
            page: None,
            accept: Accept::Pdf,
        };
        let Ok(mut response) = self.requester.send(url, wanted, true).await else {
            return false;
        };
        let length = response.total(Start::Over, None);
        let is_other =
            lengths.is_empty() || length.is_some_and(|length| !lengths.contains(&length));
        let first = response.chunk().await.ok().flatten();
        is_other && response.status() == 200 && first.is_some_and(|head| head.starts_with(b"%PDF-"))
    }

    /// Whether a request has begun at `host` after `at` that brought something else than a body, which is a PDF or not.
    pub(super) fn has_worked(&self, host: u64, at: Instant, is_pdf: bool) -> bool {
        let liveness = &self.blocks.liveness;
        liveness.since(host, at, true) || !is_pdf && liveness.since(host, at, false)
    }

    /// Notes that `job` has `saved` a file, which says that its host has something else than a block, unless it is one.
    pub(in crate::fetch) fn note_saved(&self, job: &Job, saved: &Saved) {
        if !self.options.block_detection || saved.suspect.as_deref() == Some(REPEATED) {
            return;
        }
        match job.body {
            Some(body) if body.is_new => self.note_other(job, body.host, true),
            Some(_) => {}
            None => self.note_other(job, face(job, job.url()), true),
        }
    }

    /// Notes that `job` has got a file of `host`, or else a page that leads on.
    pub(in crate::fetch) fn note_other(&self, job: &Job, host: u64, is_pdf: bool) {
        let Some(started) = job.started.map(Moment::instant) else {
            return;
        };
        let Blocks {
            hosts,
            liveness,
            files,
            ..
        } = &self.blocks;
        if liveness.note(host, started, is_pdf) && is_pdf && job.url().as_str().len() <= LONGEST_URL
        {
            let mut files = files.lock();
            if files.len() < MOST_FILES {
                let key = job.body.map_or(0, |body| body.key);
                files.insert(host, (job.url().clone(), key));
            }
        }
        if !hosts.is_empty() {
            hosts.has_other(host, attempt(job, host), (started, is_pdf));
        }
    }

    /// Forgets the file of `host` if it is known by `key`, as another link has got the same. Another one will be noted.
    pub(super) fn forget_file(&self, host: u64, key: u64) {
        let mut files = self.blocks.files.lock();
        if files.get(&host).is_some_and(|file| file.1 == key) {
            files.remove(&host);
            self.blocks.liveness.forget(host, true);
        }
    }
}
