//! Who runs what when, for comparisons.
//!
//! A [`Timeline`] has the attempts at the first links of a run, each with its worker: a thread or a task. A worker is known by its
//! id, so that the modes need not tell. It also knows how long nothing was under way, and whether that was because links waited for
//! their retries. Its memory is bounded, except for the failures of links that wait for a retry, which are in the queue anyway.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::outcome::Failure;
use crate::plan::Job;
use crate::system::usage;
use crate::text::{cut, legible, shown};

/// The number of links whose attempts are kept, in about a megabyte. No picture shows more.
const MOST_LINKS: usize = 5000;

/// Of a failure, this many characters are kept.
const LONGEST_FAILURE: usize = 120;

/// Of a link, this many characters are kept.
const LONGEST_LINK: usize = 200;

/// Records who runs which link when.
#[derive(Debug)]
pub(crate) struct Timeline {
    began: Instant,
    state: Mutex<State>,
    /// The most threads that the process has had when an attempt began.
    threads: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    running: usize,
    /// The failures of links that wait for a retry, by the index of the link.
    pausing: HashMap<u64, String>,
    /// Since when nothing is under way.
    idle_since: Option<Duration>,
    /// The numbers of the links that are kept, by their index.
    numbers: HashMap<u64, usize>,
    workers: HashMap<WorkerId, usize>,
    events: Events,
}

/// What runs jobs.
#[derive(Debug, PartialEq, Eq, Hash)]
enum WorkerId {
    Task(tokio::task::Id),
    Thread(ThreadId),
}

/// What has happened in a run.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Events {
    /// The first links of the run, in the order in which they began.
    pub links: Vec<String>,
    /// The attempts at those links.
    pub attempts: Vec<Attempt>,
    /// The number of links that were fetched.
    pub total_links: u64,
    /// The most links that were under way at once.
    pub most_at_once: usize,
    /// How long nothing was under way because the links that were left waited for their retries.
    pub retrying: Duration,
    /// A link for whose retry the run has waited, and why it had failed.
    pub retried: Option<(String, String)>,
    /// How long nothing was under way for other reasons, between the first attempt and the last one.
    pub waiting: Duration,
}

/// An attempt at a link. Times are counted from the start of the run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Attempt {
    /// The number of the link, from 0.
    pub link: usize,
    /// The number of the worker, from 0.
    pub worker: usize,
    /// Its begin.
    pub begin: Duration,
    /// Its end.
    pub end: Duration,
    /// Whether it did not fail.
    pub is_good: bool,
}

impl Timeline {
    /// A run that begins now.
    pub(crate) fn start() -> Self {
        Self {
            began: Instant::now(),
            state: Mutex::default(),
            threads: AtomicU64::new(0),
        }
    }

    /// What has happened so far.
    pub(crate) fn events(&self) -> Events {
        self.state.lock().events.clone()
    }

    /// The most threads that the process has had, if the system tells.
    pub(crate) fn threads(&self) -> Option<u64> {
        Some(self.threads.load(Relaxed)).filter(|threads| *threads > 0)
    }

    /// An attempt at a link begins. Returns its number if it is kept.
    pub(super) fn begin(&self, job: &Job) -> Option<usize> {
        let mut state = self.state.lock();
        let now = self.began.elapsed();
        state.end_of_pause(job, now);
        state.running += 1;
        state.events.total_links += u64::from(job.started.is_none());
        let is_most = state.running > state.events.most_at_once;
        state.events.most_at_once = state.running.max(state.events.most_at_once);
        let number = state.keep(job, now);
        drop(state);
        // there are the most threads when most links are under way: asking each time would slow the run down
        if is_most && let Some(threads) = usage::threads() {
            self.threads.fetch_max(threads, Relaxed);
        }
        number
    }

    /// The attempt with this number, if it is kept, has ended.
    pub(super) fn end(&self, number: Option<usize>, is_good: bool) {
        let mut state = self.state.lock();
        let now = self.began.elapsed();
        state.running -= 1;
        if state.running == 0 {
            state.idle_since = Some(now);
        }
        if let Some(number) = number {
            let attempt = &mut state.events.attempts[number];
            (attempt.end, attempt.is_good) = (now, is_good);
        }
    }

    /// A link waits for a retry from now on.
    pub(super) fn pause(&self, job: &Job, failure: &Failure) {
        let failure = cut(&failure.to_string(), LONGEST_FAILURE).into_owned();
        self.state.lock().pausing.insert(job.index, failure);
    }
}

impl State {
    /// Counts the time in which nothing was under way, if that ends with an attempt at this link.
    fn end_of_pause(&mut self, job: &Job, now: Duration) {
        let is_retrying = !self.pausing.is_empty();
        let failure = self.pausing.remove(&job.index);
        let Some(since) = self.idle_since.take() else {
            return;
        };
        let pause = now.saturating_sub(since);
        if is_retrying {
            self.events.retrying += pause;
            if let Some(failure) = failure {
                self.events.retried = Some((name(job), failure));
            }
        } else {
            self.events.waiting += pause;
        }
    }

    /// Keeps an attempt that begins now, if it is at one of the first links.
    fn keep(&mut self, job: &Job, now: Duration) -> Option<usize> {
        let known = self.numbers.get(&job.index).copied();
        let link = match known {
            Some(link) => link,
            None if self.numbers.len() == MOST_LINKS => return None,
            None => {
                self.events.links.push(name(job));
                let link = self.numbers.len();
                self.numbers.insert(job.index, link);
                link
            }
        };
        // a link may be tried any number of times
        if self.events.attempts.len() == 2 * MOST_LINKS {
            return None;
        }
        let task = tokio::task::try_id().map(WorkerId::Task);
        let worker = task.unwrap_or_else(|| WorkerId::Thread(thread::current().id()));
        let next = self.workers.len();
        let worker = *self.workers.entry(worker).or_insert(next);
        self.events.attempts.push(Attempt {
            link,
            worker,
            begin: now,
            end: now,
            is_good: false,
        });
        Some(self.events.attempts.len() - 1)
    }
}

fn name(job: &Job) -> String {
    cut(&legible(&shown(job.candidates.first())), LONGEST_LINK).into_owned()
}
