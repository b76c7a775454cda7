//! The queue between the one thread that reads the list and any number of workers: which link may start now.
//!
//! Owns all limits of hosts: the total and per-host numbers of links, pauses, and circuit breakers. Does not know how a link
//! is fetched. The decisions are those of a [`Schedule`], which is pure; this module adds the lock, the clock and the
//! waiting.
//!
//! The list is read a little ahead of its links, and further only while workers find no free host. A worker that finds
//! nothing to start waits for a notification or for the next time that the schedule knows. Each notification wakes one
//! worker, which wakes the next one if there is more to start.

mod breaker;
mod heard;
mod host;
mod pace;
pub(crate) mod policy;
mod remains;
pub(crate) mod schedule;

use std::sync::Arc;
use std::time::Instant;

use parking_lot::{Condvar, Mutex, MutexGuard};
use tokio::sync::Notify;

pub(crate) use breaker::GiveUp;
pub use host::Feedback;
pub(crate) use pace::Told;
use policy::HostPolicies;
pub(crate) use schedule::{Finished, HasHost, Started, Ticket};
use schedule::{MAX_WEIGHT, Next, Schedule};

/// How many links are read ahead.
const READ_AHEAD: usize = 1024;

/// How many links are read ahead while workers find no free host.
const LOOK_AHEAD: usize = 100_000;

/// The waiting links, between one reader and many workers.
#[derive(Debug)]
pub(crate) struct Queue<J> {
    state: Mutex<State<J>>,
    /// Wakes workers.
    ready: Notify,
    /// Wakes the reader.
    room: Condvar,
}

#[derive(Debug)]
struct State<J> {
    schedule: Schedule<J>,
    /// The number of workers that wait.
    idle: usize,
    /// The number of links that have ended, but may be added [again](Queue::again).
    unsettled: usize,
    closed: bool,
}

/// The result of [`Queue::push`].
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Pushed<J> {
    /// The link waits for its turn.
    Queued,
    /// The hosts of all its candidates are given up.
    GivenUp(J, GiveUp),
    /// The queue is closed.
    Closed(J),
}

impl<J: HasHost> Queue<J> {
    /// An empty queue.
    pub(crate) fn new(policies: HostPolicies) -> Self {
        let state = State {
            schedule: Schedule::new(policies),
            idle: 0,
            unsettled: 0,
            closed: false,
        };
        Self {
            state: Mutex::new(state),
            ready: Notify::new(),
            room: Condvar::new(),
        }
    }

    /// Adds a link. Blocks while the queue is full.
    pub(crate) fn push(&self, job: J) -> Pushed<J> {
        let mut state = self.state.lock();
        while state.is_full() && !state.closed {
            self.room.wait(&mut state);
        }
        if state.closed {
            return Pushed::Closed(job);
        }
        if let Err((job, reason)) = state.schedule.push(job, Instant::now()) {
            return Pushed::GivenUp(job, reason);
        }
        self.wake(state);
        Pushed::Queued
    }

    /// A link is about to end that may be added [again](Self::again): until the result is dropped, the queue is not over.
    pub(crate) fn unsettled(&self) -> Unsettled<'_, J> {
        self.state.lock().unsettled += 1;
        Unsettled(self)
    }

    /// Adds a link again that has ended, to be attempted at `due` or later.
    ///
    /// # Errors
    ///
    /// The link, if nobody will start it any more, and the reason: `None` if the queue has ended.
    pub(crate) fn again(&self, job: J, due: Instant) -> Result<(), (J, Option<GiveUp>)> {
        let mut state = self.state.lock();
        if state.closed || state.is_over() {
            return Err((job, None));
        }
        let added = state.schedule.add(job, Some(due), Instant::now());
        self.wake(state);
        added.map_err(|(job, reason)| (job, Some(reason)))
    }

    /// No link will be added. Those that wait are still handed out.
    pub(crate) fn end(&self) {
        self.state.lock().schedule.end();
        self.ready.notify_waiters();
    }

    /// Ends the queue at once, and returns the links that still wait.
    pub(crate) fn close(&self) -> Vec<J> {
        let mut state = self.state.lock();
        state.closed = true;
        let left = state.schedule.clear();
        drop(state);
        self.ready.notify_waiters();
        self.room.notify_all();
        left
    }

    /// Waits for the next link that may start; `None` once the queue is closed, or all links have ended and none will be
    /// added.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe. If its future is dropped while it waits, no link is lost, the caller no longer counts as
    /// waiting, and a notification that it got or acted on is passed on to another worker.
    pub(crate) async fn next(&self) -> Option<Started<J>> {
        loop {
            // before the lock: `notify_waiters` reaches only futures that exist
            let ready = self.ready.notified();
            let (until, waiting) = {
                let mut state = self.state.lock();
                if state.closed {
                    // running links may never end if their workers have failed
                    return None;
                }
                let until = match state.schedule.next(Instant::now()) {
                    Next::Start(started) => {
                        if state.wants_more() {
                            self.room.notify_one();
                        }
                        if state.schedule.has_more() {
                            self.wake(state);
                        }
                        return Some(started);
                    }
                    Next::End if state.is_over() => return None,
                    Next::End => None,
                    Next::Wait(until) => until,
                };
                state.idle += 1;
                self.room.notify_one();
                (until, Waiting(self))
            };
            if let Some(until) = until {
                let _ = tokio::time::timeout_at(until.into(), ready).await;
            } else {
                ready.await;
            }
            std::mem::forget(waiting);
            self.state.lock().idle -= 1;
        }
    }

    /// Records the end of an attempt. Returns the links that will not be attempted again, and the reasons: `None` if the
    /// queue is closed.
    pub(crate) fn finish(
        &self,
        ticket: &Ticket,
        finished: Finished<J>,
        feedback: Feedback,
    ) -> Vec<(J, Option<GiveUp>)> {
        let mut state = self.state.lock();
        let (finished, rejected) = match finished {
            Finished::Again(job, _) if state.closed => (Finished::Ended, Some((job, None))),
            finished => (finished, None),
        };
        let now = Instant::now();
        let given_up = state.schedule.finish(ticket, finished, feedback, now);
        if state.is_over() {
            self.ready.notify_waiters();
        } else {
            self.wake(state);
        }
        let given_up = given_up.into_iter();
        let given_up = given_up.map(|(job, reason)| (job, Some(reason)));
        given_up.chain(rejected).collect()
    }

    /// The hosts with an open circuit breaker and waiting links.
    pub(crate) fn open_hosts(&self) -> Vec<Arc<str>> {
        self.state.lock().schedule.open_hosts()
    }

    /// The hosts that let no link start for a while because of what they have answered, and when they come back.
    pub(crate) fn paused_hosts(&self) -> Vec<(Instant, Arc<str>)> {
        self.state.lock().schedule.paused_hosts()
    }

    /// The number of links that wait for a retry.
    pub(crate) fn retries(&self) -> usize {
        self.state.lock().schedule.retries()
    }

    /// Whether a link could start if there were a worker for it.
    pub(crate) fn waits_for_workers(&self) -> bool {
        let state = self.state.lock();
        state.idle == 0 && state.schedule.is_ready()
    }

    /// Whether workers wait although a host has links that only its limit of concurrent links holds back.
    pub(crate) fn is_held_back(&self) -> bool {
        let state = self.state.lock();
        state.idle > 0 && state.schedule.is_held_back(Instant::now())
    }

    /// Wakes a worker, if one waits. Unlocks the state first, because the worker needs it at once.
    fn wake(&self, state: MutexGuard<'_, State<J>>) {
        let waits = state.idle > 0;
        drop(state);
        if waits {
            self.ready.notify_one();
        }
    }
}

impl<J: HasHost> State<J> {
    /// Whether nothing is left, and nothing will be added.
    fn is_over(&self) -> bool {
        self.unsettled == 0 && self.schedule.is_over()
    }

    fn is_full(&self) -> bool {
        let waiting = self.schedule.waiting();
        waiting >= LOOK_AHEAD
            || self.schedule.weight() >= MAX_WEIGHT
            || (waiting >= READ_AHEAD && !self.is_looking())
    }

    /// Whether the reader should look if there is room.
    fn wants_more(&self) -> bool {
        self.schedule.waiting() <= READ_AHEAD / 2
            || self.schedule.weight() >= MAX_WEIGHT / 2
            || self.is_looking()
    }

    /// Whether workers find no free host.
    fn is_looking(&self) -> bool {
        self.idle > 0 && !self.schedule.is_ready()
    }
}

/// A worker that waits in [`Queue::next`]. If it is dropped, it no longer counts as idle. It may have been the only one to
/// wait for the next time that the schedule knows, so another worker has to look.
struct Waiting<'a, J: HasHost>(&'a Queue<J>);

impl<J: HasHost> Drop for Waiting<'_, J> {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        state.idle -= 1;
        self.0.wake(state);
    }
}

/// A link that may be added again although it has ended.
pub(crate) struct Unsettled<'a, J: HasHost>(&'a Queue<J>);

impl<J: HasHost> Drop for Unsettled<'_, J> {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        state.unsettled -= 1;
        if state.is_over() {
            drop(state);
            self.0.ready.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::{Pin, pin};
    use std::task::{Context, Waker};
    use std::time::Duration;

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
    async fn links_come_in_order_until_the_end() {
        let queue = Queue::new(HostPolicies::default());
        for link in [1, 2] {
            assert_eq!(queue.push(Link(link)), Pushed::Queued);
        }
        queue.end();
        for expected in [1, 2] {
            let Started { job, ticket } = queue.next().await.expect("a link");
            assert_eq!(job, Link(expected));
            queue.finish(&ticket, Finished::Ended, Feedback::Good);
        }
        assert_eq!(queue.next().await, None);
    }

    #[tokio::test]
    async fn a_closed_queue_ends_while_a_link_is_running() {
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
        let rejected = queue.finish(&started.ticket, again, Feedback::Neutral);
        assert_eq!(rejected, [(Link(1), None)]);
    }

    #[tokio::test]
    async fn a_link_that_has_ended_may_come_again_until_the_queue_is_over() {
        let queue = Queue::new(HostPolicies::default());
        for link in [1, 2] {
            assert_eq!(queue.push(Link(link)), Pushed::Queued);
        }
        queue.end();
        let (first, second) = (queue.next().await, queue.next().await);
        let (first, second) = (first.expect("a link"), second.expect("a link"));
        queue.finish(&first.ticket, Finished::Ended, Feedback::Good);
        assert_eq!(queue.again(Link(1), Instant::now()), Ok(()));
        queue.finish(&second.ticket, Finished::Ended, Feedback::Good);
        let again = queue.next().await.expect("a link");
        assert_eq!(again.job, Link(1));
        let unsettled = queue.unsettled();
        queue.finish(&again.ticket, Finished::Ended, Feedback::Good);
        assert!(is_pending(pin!(queue.next())));
        assert_eq!(queue.again(Link(3), Instant::now()), Ok(()));
        let last = queue.next().await.expect("a link");
        queue.finish(&last.ticket, Finished::Ended, Feedback::Good);
        let mut next = pin!(queue.next());
        assert!(is_pending(next.as_mut()));
        drop(unsettled);
        assert_eq!(next.await, None);
        let refused = queue.again(Link(1), Instant::now());
        assert_eq!(refused, Err((Link(1), None)));
    }

    fn is_pending<F: Future>(future: Pin<&mut F>) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        future.poll(&mut context).is_pending()
    }

    #[tokio::test]
    async fn a_dropped_wait_is_not_counted_and_loses_no_notification() {
        let queue = Queue::new(HostPolicies::default());
        assert_eq!(queue.push(Link(1)), Pushed::Queued);
        let Started { job, ticket } = queue.next().await.expect("a link");
        let (mut first, mut second) = (Box::pin(queue.next()), pin!(queue.next()));
        assert!(is_pending(first.as_mut()) && is_pending(second.as_mut()));
        assert_eq!(queue.state.lock().idle, 2);

        // `first` gets the notification of the new link, and is dropped before it runs
        assert_eq!(queue.push(Link(2)), Pushed::Queued);
        drop(first);
        assert_eq!(queue.state.lock().idle, 1);
        let next = tokio::time::timeout(Duration::from_mins(1), second).await;
        let started = next.expect("`second` is notified").expect("a link");
        assert_eq!((started.job, queue.state.lock().idle), (Link(2), 0));

        // `first` alone has seen the time of the retry, and is dropped while it waits for it
        let (mut first, mut second) = (Box::pin(queue.next()), pin!(queue.next()));
        assert!(is_pending(first.as_mut()) && is_pending(second.as_mut()));
        let retry = Finished::Again(job, Instant::now() + Duration::from_millis(50));
        assert!(queue.finish(&ticket, retry, Feedback::Neutral).is_empty());
        assert!(is_pending(first.as_mut()));
        drop(first);
        assert_eq!(queue.state.lock().idle, 1);
        let next = tokio::time::timeout(Duration::from_mins(1), second).await;
        let started = next.expect("`second` is notified").expect("a link");
        assert_eq!((started.job, queue.state.lock().idle), (Link(1), 0));
    }
}
