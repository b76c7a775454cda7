//! Reads a list ahead on a thread of its own, so that parsing and fetching overlap.
//!
//! Links cross threads in batches, because waking a thread for each link would cost more than parsing it. A batch that is not
//! full does not wait for long: the next link may be millions of rows away. What has been read is bounded by number and by size,
//! so that a list of any length takes the same memory.

use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::Item;

/// The number of links that are read without a thread: a shorter list would be finished before the thread has started.
const SHORT: usize = 1000;

/// The number of links in a full batch.
const BATCH: usize = 256;

/// The number of links that may wait.
const WAITING: usize = 4 * BATCH;

/// The size of links that may wait, in bytes.
const HEAVY: usize = 4 * 1024 * 1024;

/// How long a batch that is not full waits for more.
const SOON: Duration = Duration::from_millis(5);

/// The links of `L` in the same order, read ahead.
pub(crate) struct Ahead<L> {
    /// The links that this thread reads, and how many of them until another thread takes over.
    here: Option<(usize, L)>,
    batch: VecDeque<Item>,
    shared: Arc<Shared<L>>,
}

struct Shared<L> {
    /// What the other thread is to read.
    links: Mutex<Option<L>>,
    read: Mutex<Read>,
    /// Wakes the one who takes.
    filled: Condvar,
    /// Wakes the one who reads.
    taken: Condvar,
}

#[derive(Default)]
struct Read {
    items: VecDeque<Item>,
    size: usize,
    /// Whether nothing is read any more: the list has ended, or nobody wants the rest.
    over: bool,
}

impl<L> Ahead<L> {
    /// Reads `links` ahead.
    pub(crate) fn new(links: L) -> Self {
        let shared = Arc::new(Shared {
            links: Mutex::new(None),
            read: Mutex::default(),
            filled: Condvar::new(),
            taken: Condvar::new(),
        });
        Self {
            here: Some((SHORT, links)),
            batch: VecDeque::new(),
            shared,
        }
    }
}

impl<L: Iterator<Item = Item> + Send + 'static> Ahead<L> {
    /// Lets another thread read the rest. If there is none, this one goes on.
    fn hand_over(&mut self, links: L) {
        *self.shared.links.lock() = Some(links);
        let shared = Arc::clone(&self.shared);
        let spawned = thread::Builder::new().spawn(move || shared.read_all());
        if spawned.is_err() {
            let links = self.shared.links.lock().take();
            self.here = links.map(|links| (usize::MAX, links));
        }
    }
}

impl<L: Iterator<Item = Item> + Send + 'static> Iterator for Ahead<L> {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        if let Some((0, links)) = self.here.take_if(|(left, _)| *left == 0) {
            self.hand_over(links);
        }
        if let Some((left, links)) = &mut self.here {
            *left -= 1;
            return links.next();
        }
        if self.batch.is_empty() {
            self.batch = self.shared.take();
        }
        self.batch.pop_front()
    }
}

impl<L> Drop for Ahead<L> {
    fn drop(&mut self) {
        self.shared.read.lock().over = true;
        self.shared.taken.notify_one();
    }
}

impl<L: Iterator<Item = Item>> Shared<L> {
    fn read_all(&self) {
        let links = self.links.lock().take();
        let Some(mut links) = links else { return };
        let read = catch_unwind(AssertUnwindSafe(|| while self.put(links.next()) {}));
        if read.is_err() {
            // without an error, a panic would look like the end of the list
            let error = io::Error::other("internal error while reading the list");
            self.put(Some(Err(error)));
            self.put(None);
        }
    }

    /// Adds an item, or ends; false if no more is wanted.
    fn put(&self, item: Option<Item>) -> bool {
        let mut read = self.read.lock();
        while !read.over && (read.items.len() >= WAITING || read.size >= HEAVY) {
            self.taken.wait(&mut read);
        }
        match item {
            Some(item) => {
                read.size += size(&item);
                read.items.push_back(item);
            }
            None => read.over = true,
        }
        if read.over || read.items.len().is_multiple_of(BATCH) || read.size >= HEAVY {
            self.filled.notify_one();
        }
        !read.over
    }

    /// The next batch; empty only at the end.
    fn take(&self) -> VecDeque<Item> {
        let mut read = self.read.lock();
        let mut is_late = false;
        while !read.over && (read.items.is_empty() || !(read.is_full() || is_late)) {
            is_late = self.filled.wait_for(&mut read, SOON).timed_out();
        }
        read.size = 0;
        self.taken.notify_one();
        std::mem::take(&mut read.items)
    }
}

impl Read {
    /// Whether there is enough for a batch.
    fn is_full(&self) -> bool {
        self.items.len() >= BATCH || self.size >= HEAVY
    }
}

/// About how many bytes of a list an item holds.
fn size(item: &Item) -> usize {
    let link = match item {
        Ok(Ok(link)) => link,
        Ok(Err(bad)) => return bad.line.as_ref().map_or(0, |line| line.len()),
        Err(_) => return 0,
    };
    let details = link.details.as_ref().map_or(0, |details| details.weight());
    link.url.as_str().len() + details
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::{BadLink, SourceLine};

    fn bad(line: u64) -> BadLink {
        let source_line = SourceLine {
            source: "list".into(),
            line,
        };
        let (text, problem) = (String::new(), String::new());
        BadLink {
            source_line,
            text,
            problem,
            line: None,
        }
    }

    #[test]
    fn keeps_all_links_in_order() {
        for length in [0, 1, SHORT, SHORT + 1, SHORT + BATCH, 9 * SHORT] {
            let lines = (0..length as u64).map(|line| Ok(Err(bad(line))));
            let read = Ahead::new(lines).map(|item| {
                let bad = item.expect("no read error").expect_err("not a link");
                bad.source_line.line
            });
            assert!(read.eq(0..length as u64), "{length}");
        }
    }

    #[test]
    fn a_link_before_a_long_gap_does_not_wait_for_the_next_one() {
        let (taken, wait) = std::sync::mpsc::channel::<()>();
        let last = SHORT as u64 + 1;
        let lines = (0..=last + 1).map(move |line| {
            if line > last {
                let _ = wait.recv();
            }
            Ok(Err(bad(line)))
        });
        let mut read = Ahead::new(lines);
        assert_eq!(read.by_ref().take(SHORT + 2).count(), SHORT + 2);
        drop(taken);
        assert_eq!(read.count(), 1);
    }

    #[test]
    fn a_panic_is_an_error_and_not_the_end() {
        let lines = (0..).map(|line| {
            assert!(line < 2 * SHORT as u64, "enough");
            Ok(Err(bad(line)))
        });
        let last = Ahead::new(lines).last().expect("more than one");
        assert!(last.is_err());
    }
}
