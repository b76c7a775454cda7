//! Feeds the list into the queue, on a separate thread, and settles the links that need no request.
//!
//! Workers start once the head of the list is queued. Otherwise, slow hosts at its beginning would occupy all workers before
//! a fast one is known.
//!
//! If the run ends early and links that are not tried have records, too, the rest of the list is only recorded.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::Sender;

use super::accounts::Problem;
use super::worker::{BUG, Worker};
use crate::output;
use crate::plan::{Job, Step};
use crate::queue::Pushed;
use crate::stop::Cause;

/// The number of links in the head of a list. Reading them usually takes less than a millisecond.
const HEAD: u64 = 256;

/// What the run waits for before it begins to fetch.
pub(super) struct Milestones {
    /// Gets a message when the first job has been queued; dropped if there is none.
    pub(super) first_job: Sender<()>,
    /// Dropped once the head of the list is queued.
    pub(super) head_done: Option<Sender<()>>,
}

/// Queues all jobs of the `plan` and settles the other steps.
pub(super) fn feed(
    worker: &Worker,
    plan: impl Iterator<Item = io::Result<Step>>,
    mut milestones: Milestones,
) {
    let mut has_job = false;
    let (mut links, mut is_whole, mut steps) = (0, true, plan);
    let feed_all = || {
        let all = steps.all(|step| {
            is_whole &= step.is_ok();
            links += u64::from(!matches!(step, Ok(Step::Elsewhere)));
            if links == HEAD {
                milestones.head_done = None;
            }
            let is_first = matches!(step, Ok(Step::Fetch(_))) && !has_job;
            let goes_on = take(worker, step);
            if is_first {
                has_job = true;
                let _ = milestones.first_job.send(());
            }
            goes_on
        });
        if all && is_whole {
            worker.accounts.has_read_all(links);
        }
    };
    if catch_unwind(AssertUnwindSafe(feed_all)).is_err() {
        let problem = Problem::Incomplete(BUG.to_owned());
        worker.accounts.fail(problem);
    }
    // in any case: workers would wait forever for a queue that never ends
    worker.queue.end();
}

/// Queues, settles or records one step; false if no more of them are wanted.
fn take(worker: &Worker, step: io::Result<Step>) -> bool {
    let accounts = &worker.accounts;
    output::wait_for_room(|| worker.is_over());
    match step {
        Ok(Step::Fetch(job)) => return queue(worker, job),
        Ok(Step::Settled(record)) => accounts.settle(&record),
        Ok(Step::Present(record, standing)) => {
            accounts
                .stats
                .count_present(standing.is_suspect, standing.is_renamed);
            if standing.is_outdated {
                accounts.amend(&record);
            }
            accounts.settle(&record);
        }
        Ok(Step::Elsewhere) => accounts.stats.count_elsewhere(),
        Err(error) => accounts.fail(Problem::Incomplete(error.to_string())),
    }
    !worker.is_over() && !accounts.is_impossible()
}

fn queue(worker: &Worker, job: Box<Job>) -> bool {
    if worker.stop.is_stopped() {
        worker.accounts.interrupt(&[job]);
        return !worker.is_over();
    }
    if let Err(error) = worker.session.open() {
        worker.accounts.fail(Problem::Impossible(error));
        worker.stop.stop(Cause::Bug);
        return false;
    }
    match worker.queue.push(job) {
        Pushed::Queued => {}
        Pushed::GivenUp(job, reason) => worker.accounts.give_up(&job, &reason),
        Pushed::Closed(job) => worker.accounts.interrupt(&[job]),
    }
    !worker.is_over()
}
