//! How what is to be done gets into the queue.

use std::io;
use std::iter;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::{BUG, Run};
use crate::plan::{Job, Step};
use crate::queue::{Pushed, Queue};

/// So many lines of a list are looked at before the first link is fetched: that takes less than a millisecond.
const HEAD: usize = 256;

impl Run {
    /// Feeds the queue with `first`, if there is one, and with all that follows in the plan, on a thread of its own.
    pub(super) fn feed(
        self: &Arc<Self>,
        queue: &Arc<Queue<Job>>,
        first: Option<Job>,
        mut plan: impl Iterator<Item = io::Result<Step>> + Send + 'static,
    ) {
        let mut more = true;
        if let Some(first) = first {
            // a little of the list before anybody takes from it: where slow hosts come first, they would get all places
            let head = iter::once(Ok(Step::Fetch(first))).chain(plan.by_ref());
            more = self.push(queue, head.take(HEAD));
        }
        let (run, queue) = (Arc::clone(self), Arc::clone(queue));
        // not joined: after an interrupt it may be waiting for a pipe that never ends
        std::thread::spawn(move || {
            if more {
                run.push(&queue, plan);
            }
            // a queue that never ends would be waited for for ever
            queue.end();
        });
    }

    /// Puts what is to be done into the queue, and tells whether more may follow.
    fn push(&self, queue: &Queue<Job>, steps: impl Iterator<Item = io::Result<Step>>) -> bool {
        let mut jobs = steps.filter_map(|step| self.unsettled(step));
        let push = |job: Job| match queue.push(job) {
            Pushed::Queued => true,
            Pushed::GivenUp(job, verdict) => {
                self.give_up(&job, &verdict);
                true
            }
            Pushed::Closed => false,
        };
        catch_unwind(AssertUnwindSafe(|| jobs.all(push))).unwrap_or_else(|_| {
            self.list_failed(BUG);
            false
        })
    }

    /// Settles a step whose outcome is known; a job that is to be done comes back.
    pub(super) fn unsettled(&self, step: io::Result<Step>) -> Option<Job> {
        match step {
            Ok(Step::Fetch(job)) => return Some(job),
            Ok(Step::Settled(record)) => self.settle(&record),
            Err(error) => self.list_failed(&error.to_string()),
        }
        None
    }
}
