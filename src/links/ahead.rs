//! Links that are read while others are dealt with: on a thread of their own, for lists that are long.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use crate::link::{BadLink, Link};

/// A shorter list is read before a thread would have begun.
const SHORT: usize = 1000;

/// Links change threads so many at once.
const BATCH: usize = 256;

/// So many batches wait at most.
const WAITING: usize = 4;

type Item = io::Result<Result<Link, BadLink>>;

/// The same links as those of `L`, in the same order, read a little ahead.
pub(crate) struct Ahead<L> {
    /// How many may still be read here, and where from.
    here: Option<(usize, L)>,
    batches: Option<Receiver<Vec<Item>>>,
    batch: std::vec::IntoIter<Item>,
}

impl<L> Ahead<L> {
    /// Reads `links` ahead.
    pub(crate) fn new(links: L) -> Self {
        Self {
            here: Some((SHORT, links)),
            batches: None,
            batch: Vec::new().into_iter(),
        }
    }
}

impl<L: Iterator<Item = Item> + Send + 'static> Iterator for Ahead<L> {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        match &mut self.here {
            Some((0, _)) => {
                let (_, links) = self.here.take()?;
                self.batches = Some(elsewhere(links));
            }
            Some((left, links)) => {
                *left -= 1;
                return links.next();
            }
            None => {}
        }
        loop {
            if let Some(item) = self.batch.next() {
                return Some(item);
            }
            self.batch = self.batches.as_ref()?.recv().ok()?.into_iter();
        }
    }
}

/// Reads `links` on another thread, until nobody wants them any more.
fn elsewhere(mut links: impl Iterator<Item = Item> + Send + 'static) -> Receiver<Vec<Item>> {
    let (sender, receiver) = sync_channel(WAITING);
    let read = move || {
        loop {
            let batch = || links.by_ref().take(BATCH).collect::<Vec<_>>();
            // the end of a list that is none must not look like one
            let batch = catch_unwind(AssertUnwindSafe(batch))
                .unwrap_or_else(|_| vec![Err(io::Error::other("reading the list has failed"))]);
            let last = batch.len() < BATCH;
            if sender.send(batch).is_err() || last {
                return;
            }
        }
    };
    thread::spawn(read);
    receiver
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::link::SourceLine;

    fn bad(line: u64) -> BadLink {
        let source_line = SourceLine {
            source: Arc::from("list"),
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
    fn all_come_in_their_order() {
        for length in [0, 1, SHORT, SHORT + 1, SHORT + BATCH, 9 * SHORT] {
            let lines = (0..length as u64).map(|line| Ok(Err(bad(line))));
            let read = Ahead::new(lines).map(|item| {
                let bad = item.expect("it was read").expect_err("it is no link");
                bad.source_line.line
            });
            assert!(read.eq(0..length as u64), "{length}");
        }
    }

    #[test]
    fn a_panic_is_an_error_and_no_end() {
        let lines = (0..).map(|line| {
            assert!(line < 2 * SHORT as u64, "enough");
            Ok(Err(bad(line)))
        });
        let last = Ahead::new(lines).last().expect("there are some");
        assert!(last.is_err());
    }
}
