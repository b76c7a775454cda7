//! Reads a list ahead on a thread of its own, so that parsing and fetching overlap.
//!
//! Items cross threads in batches, because a channel operation per link would cost more than parsing it. The channel is bounded:
//! a list of any length takes the memory of up to [`BATCH`] × ([`WAITING`] + 2) links.

use std::io;
use std::iter::Flatten;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{IntoIter, Receiver, sync_channel};
use std::thread;

use super::Item;

/// The number of links that are read without a thread: a shorter list would be finished before the thread has started.
const SHORT: usize = 1000;

/// The number of links in a batch.
const BATCH: usize = 256;

/// The number of batches that may wait in the channel.
const WAITING: usize = 4;

/// The links of `L` in the same order, read ahead.
pub(crate) struct Ahead<L> {
    /// The links that this thread reads, and how many of them until another thread takes over.
    here: Option<(usize, L)>,
    batches: Option<Flatten<IntoIter<Vec<Item>>>>,
}

impl<L> Ahead<L> {
    /// Reads `links` ahead.
    pub(crate) fn new(links: L) -> Self {
        Self {
            here: Some((SHORT, links)),
            batches: None,
        }
    }
}

impl<L: Iterator<Item = Item> + Send + 'static> Iterator for Ahead<L> {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        if let Some((left @ 1.., links)) = &mut self.here {
            *left -= 1;
            return links.next();
        }
        if let Some((_, links)) = self.here.take() {
            self.batches = Some(read_ahead(links).into_iter().flatten());
        }
        self.batches.as_mut()?.next()
    }
}

/// Reads `links` on another thread, until they end or the receiver is dropped.
fn read_ahead(mut links: impl Iterator<Item = Item> + Send + 'static) -> Receiver<Vec<Item>> {
    let (sender, receiver) = sync_channel(WAITING);
    thread::spawn(move || {
        loop {
            let batch = || links.by_ref().take(BATCH).collect::<Vec<_>>();
            // without an error, a panic would look like the end of the list
            let batch = catch_unwind(AssertUnwindSafe(batch)).unwrap_or_else(|_| {
                let error = io::Error::other("internal error while reading the list");
                vec![Err(error)]
            });
            let is_last = batch.len() < BATCH;
            if sender.send(batch).is_err() || is_last {
                return;
            }
        }
    });
    receiver
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
    fn a_panic_is_an_error_and_not_the_end() {
        let lines = (0..).map(|line| {
            assert!(line < 2 * SHORT as u64, "enough");
            Ok(Err(bad(line)))
        });
        let last = Ahead::new(lines).last().expect("more than one");
        assert!(last.is_err());
    }
}
