//! Which link may start now: today the next one of the list.
//!
//! One thread reads the list and pushes, any number of workers take. The queue is short, so that a list is read only as
//! fast as its links are fetched, however long it is. Knows nothing of how a link is fetched.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// The list is read so many links ahead of the transfers.
const LOOKAHEAD: usize = 1024;

/// A bounded queue between one reader and many workers.
#[derive(Debug)]
pub struct Queue<J> {
    state: Mutex<State<J>>,
    ready: Notify,
    room: Condvar,
}

#[derive(Debug)]
struct State<J> {
    jobs: VecDeque<J>,
    ended: bool,
}

impl<J> Default for Queue<J> {
    fn default() -> Self {
        Self {
            state: Mutex::new(State {
                jobs: VecDeque::new(),
                ended: false,
            }),
            ready: Notify::new(),
            room: Condvar::new(),
        }
    }
}

impl<J> Queue<J> {
    /// Adds a job, and waits while the queue is full; false if the queue has been closed and nobody will take it.
    pub fn push(&self, job: J) -> bool {
        let mut state = self.lock();
        while state.jobs.len() >= LOOKAHEAD && !state.ended {
            state = self
                .room
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        if state.ended {
            return false;
        }
        state.jobs.push_back(job);
        drop(state);
        self.ready.notify_one();
        true
    }

    /// Says that no job will follow. Those that are queued are still taken.
    pub fn end(&self) {
        self.lock().ended = true;
        self.ready.notify_waiters();
    }

    /// Ends the queue at once: what nobody has taken is dropped.
    pub fn close(&self) {
        let mut state = self.lock();
        state.ended = true;
        state.jobs.clear();
        drop(state);
        self.ready.notify_waiters();
        self.room.notify_all();
    }

    /// The next job, as soon as there is one; none once the queue has ended and is empty.
    pub async fn next(&self) -> Option<J> {
        loop {
            // from here on, no notification is missed
            let ready = self.ready.notified();
            {
                let mut state = self.lock();
                if let Some(job) = state.jobs.pop_front() {
                    if state.jobs.len() == LOOKAHEAD / 2 {
                        self.room.notify_one();
                    }
                    return Some(job);
                }
                if state.ended {
                    return None;
                }
            }
            ready.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<J>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn jobs_come_in_order_and_then_the_end() {
        let queue = Queue::default();
        assert!(queue.push(1) && queue.push(2));
        queue.end();
        assert_eq!(
            (queue.next().await, queue.next().await, queue.next().await),
            (Some(1), Some(2), None)
        );
        assert!(!queue.push(3));
    }

    #[test]
    fn the_list_is_read_no_further_than_the_lookahead() {
        let queue = Arc::new(Queue::default());
        let feeding = Arc::clone(&queue);
        let feeder = std::thread::spawn(move || {
            (0..9 * LOOKAHEAD)
                .take_while(|job| feeding.push(*job))
                .count()
        });
        while queue.lock().jobs.len() < LOOKAHEAD {
            std::thread::yield_now();
        }
        queue.close();
        assert_eq!(feeder.join().expect("no panic"), LOOKAHEAD);
    }
}
