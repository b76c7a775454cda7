//! How the list gets into the queue: on a thread of its own, which settles what needs no request.
//!
//! The first links are taken only when the head of the list is queued, as otherwise slow hosts that come first would get
//! all places before a fast one is known.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::Sender;

use super::accounts::Problem;
use super::worker::{BUG, Worker};
use crate::plan::{Job, Step};
use crate::queue::Pushed;
use crate::stop::Cause;

/// So many lines are the head of a list: to read them takes less than a millisecond.
const HEAD: usize = 256;

/// Feeds the queue.
pub(super) struct Feeder {
    worker: Worker,
    /// Dropped when the head of the list is queued.
    head: Option<Sender<()>>,
}

impl Feeder {
    pub(super) fn new(worker: Worker, head: Sender<()>) -> Self {
        Self {
            worker,
            head: Some(head),
        }
    }

    /// Queues all that the plan has to fetch, and settles the rest.
    pub(super) fn feed(mut self, plan: impl Iterator<Item = io::Result<Step>>) {
        let mut steps = (1..).zip(plan);
        let mut go_on = || {
            steps.all(|(number, step)| {
                if number == HEAD {
                    self.head = None;
                }
                self.take(step)
            })
        };
        if catch_unwind(AssertUnwindSafe(&mut go_on)).is_err() {
            self.worker
                .accounts
                .fail(Problem::Incomplete(BUG.to_owned()));
        }
        // a queue that never ends would be waited for for ever
        self.worker.queue.end();
    }

    /// Queues or settles one step; false when nothing more is wanted.
    fn take(&self, step: io::Result<Step>) -> bool {
        let accounts = &self.worker.accounts;
        match step {
            Ok(Step::Fetch(job)) => return self.queue(job),
            Ok(Step::Settled(record)) => accounts.settle(&record),
            Err(error) => accounts.fail(Problem::Incomplete(error.to_string())),
        }
        !self.worker.stop.is_stopped()
    }

    fn queue(&self, job: Job) -> bool {
        let Worker {
            session,
            accounts,
            queue,
            stop,
            ..
        } = &self.worker;
        if let Err(error) = session.open() {
            accounts.fail(Problem::Impossible(error));
            stop.stop(Cause::Bug);
            return false;
        }
        match queue.push(job) {
            Pushed::Queued => true,
            Pushed::GivenUp(job, reason) => {
                accounts.give_up(&job, &reason);
                true
            }
            Pushed::Closed => false,
        }
    }
}
