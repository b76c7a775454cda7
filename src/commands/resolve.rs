//! Where the PDFs of identifiers may be, without fetching any of them.
//!
//! One identifier at a time is looked up, with the limits, the pauses and the retries of a run.

use std::time::{Duration, Instant};

use anyhow::Context;
use serde_json::json;

use crate::fetch::{Asked, Resolver};
use crate::http::Load;
use crate::link::BadLink;
use crate::links::Links;
use crate::outcome::Failure;
use crate::output::{stdout, wait_for_room};
use crate::plan::{Candidates, Job};
use crate::queue::{Feedback, Finished, Pushed, Queue, Started};
use crate::report::{is_whole, tell_of_stdout};
use crate::run::{Config, feedback};
use crate::runtime::Runtimes;
use crate::system::limits::jobs_and_idle;
use crate::text::shown;

/// What comes of it.
#[derive(Debug, Default)]
pub(crate) struct Resolved {
    /// Whether nothing was found for an identifier.
    lacks_some: bool,
    /// Why a list could not be read to its end.
    pub list_error: Option<String>,
}

impl Resolved {
    /// The exit code: 2 if a list could not be read to its end, 1 if nothing was found for a line, else 0.
    pub(crate) fn exit_code(&self) -> u8 {
        match self.list_error {
            Some(_) => 2,
            None => u8::from(self.lacks_some),
        }
    }
}

/// Prints what the sources of each identifier say, as NDJSON to standard output.
///
/// # Errors
///
/// When a list cannot be opened, or the client cannot be built.
pub(crate) fn resolve(config: &Config) -> anyhow::Result<Resolved> {
    let links = Links::open(&config.inputs, &config.lists)?;
    let (jobs, idle) = jobs_and_idle(std::num::NonZeroUsize::MIN);
    let resolver = Resolver::new(&config.fetch, Load { jobs, idle })?;
    let look_ups = LookUps {
        config,
        resolver,
        queue: Queue::new(config.hosts.clone()),
    };
    let runtimes = Runtimes::start(false).context("cannot start the threads of the client")?;
    tell_of_stdout();
    let mut all = Resolved::default();
    for (index, item) in (1..).zip(links) {
        let found = match item {
            Err(error) => {
                all.list_error = Some(error.to_string());
                break;
            }
            Ok(Err(bad)) => print_bad(&bad),
            Ok(Ok(link)) => {
                let job = Box::new(Job::new(link, index, &config.plan.ids));
                runtimes.shared.block_on(look_ups.resolve(job))
            }
        };
        all.lacks_some |= !found;
        wait_for_room(|| false);
        if stdout().is_lost() {
            break; // nobody reads on, or the disk is full
        }
    }
    runtimes.shutdown();
    all.lacks_some |= !is_whole(stdout().finish());
    Ok(all)
}

struct LookUps<'a> {
    config: &'a Config,
    resolver: Resolver,
    /// Has one link at a time, for the limits of hosts.
    queue: Queue<Box<Job>>,
}

impl LookUps<'_> {
    /// Prints all candidates of `job`; false if there is none.
    async fn resolve(&self, mut job: Box<Job>) -> bool {
        let mut has_some = false;
        loop {
            if job.candidates.asked().is_none() {
                has_some = true;
                print(&job.candidates, None);
                if !job.skip() {
                    break;
                }
                continue;
            }
            match self.look_up(job).await {
                Ok(next) => job = next,
                Err(next) => {
                    job = next;
                    break;
                }
            }
        }
        for (source, lacks) in job.candidates.skipped() {
            let id = job.candidates.id().map(ToString::to_string);
            let line = json!({"id": id, "via": [&**source], "error": format!("skipped: it needs {lacks}")});
            stdout().push(format!("{line}\n").as_bytes());
        }
        has_some
    }

    /// Asks the source that is the candidate of `job`, and moves on.
    ///
    /// # Errors
    ///
    /// The job, if it has no other candidate.
    async fn look_up(&self, job: Box<Job>) -> Result<Box<Job>, Box<Job>> {
        let job = match self.queue.push(job) {
            Pushed::Queued => None,
            // of the host of the last one
            Pushed::GivenUp(job, _) | Pushed::Closed(job) => Some(job),
        };
        if let Some(job) = job {
            return Err(job);
        }
        loop {
            let started = self.queue.next().await;
            let Started { mut job, ticket } =
                started.expect("the queue has a link, and is not closed");
            if job.candidates.asked().is_none() {
                // the host of a look-up is given up
                self.queue
                    .finish(&ticket, Finished::Ended, Feedback::Neutral);
                return Ok(job);
            }
            job.ticket = Some(Box::new(ticket.clone()));
            let asked = self.resolver.ask(&mut job).await;
            job.ticket = None;
            let longest = self.config.fetch.retry.max_wait;
            let finish = |finished, feedback| self.queue.finish(&ticket, finished, feedback);
            match asked {
                Asked::Found(found) => {
                    finish(Finished::Ended, Feedback::Good);
                    return match job.answer(found) {
                        Ok(()) => Ok(job),
                        Err(_) => Err(job),
                    };
                }
                Asked::Moved => {
                    finish(Finished::Again(job, Instant::now()), Feedback::Good);
                }
                Asked::Again(pause, failure) => {
                    let feedback = feedback(&failure, pause, longest);
                    let again = Finished::Again(job, Instant::now() + pause);
                    if let Some((job, _)) = finish(again, feedback).pop() {
                        return Err(job);
                    }
                }
                Asked::Failed(failure) => {
                    let feedback = feedback(&failure, Duration::ZERO, longest);
                    finish(Finished::Ended, feedback);
                    print(&job.candidates, Some(&failure));
                    return if job.skip() { Ok(job) } else { Err(job) };
                }
            }
        }
    }
}

/// Prints the candidate in use, and why its source has not said anything.
fn print(candidates: &Candidates, failure: Option<&Failure>) {
    let id = candidates.id().map(ToString::to_string);
    let via = candidates.way().map(|way| &way.via);
    let url = shown(candidates.current());
    let line = match failure {
        Some(failure) => json!({"id": id, "via": via, "error": failure.to_string()}),
        None if candidates.is_page() => json!({"id": id, "via": via, "page": url}),
        None => json!({"id": id, "via": via, "pdf": url}),
    };
    stdout().push(format!("{line}\n").as_bytes());
}

/// Prints why a line is nothing; false, because there is nothing to be found for it.
fn print_bad(bad: &BadLink) -> bool {
    let line = json!({"text": bad.text, "error": bad.problem});
    stdout().push(format!("{line}\n").as_bytes());
    false
}
