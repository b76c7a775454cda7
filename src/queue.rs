//! Which link may start now: total and per-host limits, pauses that hosts ask for, hosts that do not work.
//!
//! One thread reads the list and pushes, any number of workers take. The list is read only a little ahead of its links, and
//! further only to find hosts that are free. Knows nothing of how a link is fetched.

mod breaker;
mod host;
mod pace;
pub(crate) mod policy;
pub(crate) mod schedule;

use std::sync::Arc;
use std::time::Instant;

use parking_lot::{Condvar, Mutex};
use tokio::sync::Notify;

pub(crate) use breaker::GiveUp;
pub use host::Feedback;
use policy::HostPolicies;
pub(crate) use schedule::{Finished, HasHost, Started, Ticket};
use schedule::{Next, Schedule};

/// The list is read so many links ahead as a rule.
const READ_AHEAD: usize = 1024;

/// The list is read so many links ahead when workers find no host that is free.
const LOOK_AHEAD: usize = 100_000;

/// The links that wait, between one reader and many workers.
#[derive(Debug)]
pub(crate) struct Queue<J> {
    state: Mutex<State<J>>,
    ready: Notify,
    room: Condvar,
}

#[derive(Debug)]
struct State<J> {
    schedule: Schedule<J>,
    /// How many workers find nothing to do.
    idle: usize,
    closed: bool,
}

/// What has become of a link that was pushed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Pushed<J> {
    /// It waits for its turn.
    Queued,
    /// Its host is given up.
    GivenUp(J, GiveUp),
    /// Nobody will take it any more.
    Closed,
}

impl<J: HasHost> Queue<J> {
    /// An empty queue.
    pub(crate) fn new(policies: HostPolicies) -> Self {
        let state = State {
            schedule: Schedule::new(policies),
            idle: 0,
            closed: false,
        };
        Self {
            state: Mutex::new(state),
            ready: Notify::new(),
            room: Condvar::new(),
        }
    }

    /// Adds a link, and waits while the queue is full.
    pub(crate) fn push(&self, job: J) -> Pushed<J> {
        let mut state = self.state.lock();
        while state.is_full() && !state.closed {
            self.room.wait(&mut state);
        }
        if state.closed {
            return Pushed::Closed;
        }
        if let Err((job, verdict)) = state.schedule.push(job, Instant::now()) {
            return Pushed::GivenUp(job, verdict);
        }
        let wake = state.idle > 0;
        drop(state);
        if wake {
            self.ready.notify_one();
        }
        Pushed::Queued
    }

    /// Says that no link will follow. Those that wait are still taken.
    pub(crate) fn end(&self) {
        self.state.lock().schedule.end();
        self.ready.notify_waiters();
    }

    /// Ends the queue at once, and gives back what nobody has taken.
    pub(crate) fn close(&self) -> Vec<J> {
        let mut state = self.state.lock();
        state.closed = true;
        let left = state.schedule.clear();
        drop(state);
        self.ready.notify_waiters();
        self.room.notify_all();
        left
    }

    /// The next link, as soon as one may start; none once all have ended and none will follow.
    pub(crate) async fn next(&self) -> Option<Started<J>> {
        loop {
            // from here on, no notification is missed
            let ready = self.ready.notified();
            let until = {
                let mut state = self.state.lock();
                if state.closed {
                    // what is under way may never be finished, should its worker have failed
                    return None;
                }
                match state.schedule.next(Instant::now()) {
                    Next::Start(started) => {
                        if state.idle > 0 && state.schedule.has_more() {
                            self.ready.notify_one();
                        }
                        if state.schedule.waiting() <= READ_AHEAD / 2 || state.is_looking() {
                            self.room.notify_one();
                        }
                        return Some(started);
                    }
                    Next::End => return None,
                    Next::Wait(until) => {
                        state.idle += 1;
                        self.room.notify_one();
                        until
                    }
                }
            };
            if let Some(until) = until {
                let _ = tokio::time::timeout_at(until.into(), ready).await;
            } else {
                ready.await;
            }
            self.state.lock().idle -= 1;
        }
    }

    /// Hears what has become of a link, and gives back those that will not be tried, and why: without a verdict on their
    /// host, it is that the queue is closed.
    pub(crate) fn finish(
        &self,
        ticket: &Ticket,
        finished: Finished<J>,
        feedback: Feedback,
    ) -> Vec<(J, Option<GiveUp>)> {
        let mut state = self.state.lock();
        let (finished, closed) = match finished {
            Finished::Again(job, _) if state.closed => (Finished::Ended, Some((job, None))),
            finished => (finished, None),
        };
        let given_up = state
            .schedule
            .finish(ticket, finished, feedback, Instant::now());
        let (wake, all) = (state.idle > 0, state.schedule.is_over());
        drop(state);
        if all {
            self.ready.notify_waiters();
        } else if wake {
            self.ready.notify_one();
        }
        let given_up = given_up
            .into_iter()
            .map(|(job, verdict)| (job, Some(verdict)));
        given_up.chain(closed).collect()
    }

    /// The hosts that are left alone for now, because they do not work.
    pub(crate) fn open_hosts(&self) -> Vec<Arc<str>> {
        self.state.lock().schedule.open_hosts()
    }

    /// How many links wait for another try.
    pub(crate) fn retries(&self) -> usize {
        self.state.lock().schedule.retries()
    }

    /// Whether links wait only because of the limit of links at once to one host.
    pub(crate) fn is_held_back(&self) -> bool {
        let state = self.state.lock();
        state.idle > 0 && state.schedule.is_held_back(Instant::now())
    }
}

impl<J: HasHost> State<J> {
    fn is_full(&self) -> bool {
        self.schedule.waiting()
            >= if self.is_looking() {
                LOOK_AHEAD
            } else {
                READ_AHEAD
            }
    }

    /// Whether workers find no host that is free.
    fn is_looking(&self) -> bool {
        self.idle > 0 && !self.schedule.is_ready()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Eq)]
    struct Link(usize);

    impl HasHost for Link {
        fn host(&self) -> std::borrow::Cow<'_, str> {
            "http://a.example".into()
        }
    }

    #[test]
    fn the_list_is_read_only_a_little_ahead() {
        let queue = Arc::new(Queue::new(HostPolicies::default()));
        let feeding = Arc::clone(&queue);
        let feeder = std::thread::spawn(move || {
            (0..9 * READ_AHEAD)
                .take_while(|link| feeding.push(Link(*link)) == Pushed::Queued)
                .count()
        });
        while queue.state.lock().schedule.waiting() < READ_AHEAD {
            std::thread::yield_now();
        }
        assert_eq!(queue.close().len(), READ_AHEAD);
        assert_eq!(feeder.join().expect("no panic"), READ_AHEAD);
    }

    #[tokio::test]
    async fn links_come_in_order_and_then_the_end() {
        let queue = Queue::new(HostPolicies::default());
        assert_eq!(
            (queue.push(Link(1)), queue.push(Link(2))),
            (Pushed::Queued, Pushed::Queued)
        );
        queue.end();
        for expected in [1, 2] {
            let Started { job, ticket } = queue.next().await.expect("a link");
            assert_eq!(job, Link(expected));
            queue.finish(&ticket, Finished::Ended, Feedback::Good);
        }
        assert_eq!(queue.next().await, None);
    }

    #[tokio::test]
    async fn a_closed_queue_ends_although_a_link_is_under_way() {
        let queue = Queue::new(HostPolicies::default());
        assert_eq!(queue.push(Link(1)), Pushed::Queued);
        let started = queue.next().await.expect("a link");
        assert!(queue.close().is_empty());
        tokio::select! {
            biased;
            next = queue.next() => assert_eq!(next, None),
            () = std::future::ready(()) => panic!("a worker waits for a link that may never end"),
        }
        let again = Finished::Again(started.job, Instant::now());
        let back = queue.finish(&started.ticket, again, Feedback::Neutral);
        assert_eq!(back, [(Link(1), None)]);
    }
}
