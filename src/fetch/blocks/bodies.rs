//! The last bodies of a run, and the links that had them. Pure: knows neither transfers nor files.
//!
//! A table of fixed size, where each body has its shelf: whoever has had a body before is found in a few steps, and no link
//! waits for another one. On a full shelf, a new body takes the place of the oldest one, unless several links have had that:
//! then it takes as many bodies as [`PATIENCE`] says.

use std::mem;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Instant;

use parking_lot::Mutex;

/// How many documents of a host have the same body before that may be a block.
const LINKS: usize = 5;

/// How many shelves there are.
const SHELVES: usize = 256;

/// How many bodies are on each.
const PLACES: usize = 4;

/// How much memory the links with these bodies take, in bytes.
const MAX_WEIGHT: usize = 4 << 20;

/// How many links of a document are kept.
const MOST_KEPT: usize = 8;

/// How many bodies ask for the place of one that several links have had, for each of these links, before they get it.
const PATIENCE: usize = 64;

/// The link that a body has come for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source {
    /// What the body is known by.
    pub(super) key: u64,
    /// Which document the link leads to, as far as its URL tells.
    pub(super) document: u64,
    /// Whether the list has a name of its own for it.
    pub(super) is_named: bool,
}

/// What is known of a body.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict<K> {
    /// Nothing is wrong with it.
    Fine,
    /// Many links have it, with names of their own.
    Repeated,
    /// Too many links have it. Those that have ended with it.
    Block(Vec<K>),
}

/// The last bodies, and the links that had them.
///
/// `K` is what is kept of a link that has ended, in case that it has to begin anew.
#[derive(Debug)]
pub(super) struct Bodies<K> {
    /// Bodies by key, those that have been seen last at the end.
    shelves: Box<[Mutex<Vec<Body<K>>>]>,
    /// The memory of the links that are kept, in bytes.
    weight: AtomicUsize,
    /// Whose links are forgotten next, if they take too much.
    next: AtomicUsize,
}

/// A body that some links have had.
#[derive(Debug)]
struct Body<K> {
    key: u64,
    /// The hash of all of its bytes, and since when, from the second link on.
    whole: Option<(u64, Instant)>,
    /// Whether bodies that differ have the same key.
    is_ambiguous: bool,
    /// How many others have asked for its known.
    asked: usize,
    first: Link<K>,
    more: Vec<Link<K>>,
}

#[derive(Debug)]
struct Link<K> {
    document: u64,
    is_named: bool,
    /// It, and its weight, once it has ended. So may have others that lead to the same document.
    kept: Vec<(K, usize)>,
}

impl<K> Default for Bodies<K> {
    fn default() -> Self {
        Self {
            shelves: (0..SHELVES).map(|_| Mutex::new(Vec::new())).collect(),
            weight: AtomicUsize::new(0),
            next: AtomicUsize::new(0),
        }
    }
}

impl<K> Bodies<K> {
    fn shelf(&self, key: u64) -> &Mutex<Vec<Body<K>>> {
        #[expect(clippy::cast_possible_truncation, reason = "it is a remainder")]
        let index = (key % SHELVES as u64) as usize;
        &self.shelves[index]
    }

    /// Notes a body. Whether another document has had the like: then all of its bytes must be [judged](Self::judge).
    pub(super) fn is_known(&self, source: Source) -> bool {
        let mut known = self.shelf(source.key).lock();
        if let Some(index) = index_of(&known, source.key) {
            known[index..].rotate_left(1);
            let body = known.last_mut().expect("it has just been found");
            body.asked = 0;
            return !body.is_ambiguous && body.links().any(|link| !link.is_of(source));
        }
        let forgotten = (known.len() == PLACES).then(|| {
            let index = known.iter_mut().position(Body::gives_way).unwrap_or(0);
            known.remove(index)
        });
        known.push(Body::new(source));
        drop(known);
        if let Some(body) = forgotten {
            self.release(body);
        }
        false
    }

    /// What a body is that came at `now` and whose bytes have the hash `whole`. If it is a block, `note` gets the time of the
    /// second link that had it, before anybody can find that it is not here any more.
    pub(super) fn judge(
        &self,
        source: Source,
        (whole, now): (u64, Instant),
        note: impl FnOnce(Instant),
    ) -> Verdict<K> {
        let mut known = self.shelf(source.key).lock();
        let Some(index) = index_of(&known, source.key) else {
            return Verdict::Fine;
        };
        let body = &mut known[index];
        let (first, since) = *body.whole.get_or_insert((whole, now));
        if first != whole {
            body.is_ambiguous = true;
        }
        if body.is_ambiguous {
            return Verdict::Fine;
        }
        if body.links().all(|link| !link.is_of(source)) && body.more.len() < 2 * LINKS {
            body.more.push(Link::new(source));
        }
        let documents = body.links().count();
        let unnamed = body.links().filter(|link| !link.is_named).count();
        if documents < LINKS {
            return Verdict::Fine;
        }
        if unnamed < LINKS {
            return if source.is_named {
                Verdict::Repeated
            } else {
                Verdict::Fine
            };
        }
        let block = known.remove(index);
        note(since);
        drop(known);
        Verdict::Block(self.release(block))
    }

    /// Keeps a link that has ended with a body. Returns it if that is not here any more.
    pub(super) fn keep(&self, source: Source, kept: K, weight: usize) -> Option<K> {
        let mut known = self.shelf(source.key).lock();
        let body = known.iter_mut().find(|body| body.key == source.key);
        let Some(body) = body.filter(|body| !body.is_ambiguous) else {
            return Some(kept);
        };
        let is_it = |link: &&mut Link<K>| link.is_of(source) && !link.is_named;
        let mut links = [&mut body.first].into_iter().chain(&mut body.more);
        let Some(link) = links.find(is_it) else {
            return Some(kept);
        };
        let before = (link.kept.len() == MOST_KEPT).then(|| link.kept.remove(0));
        link.kept.push((kept, weight));
        drop(links);
        drop(known);
        self.weight.fetch_add(weight, Relaxed);
        self.lose(before.as_ref());
        self.forget_heavy();
        None
    }

    /// Forgets some links while they take too much memory.
    fn forget_heavy(&self) {
        for _ in 0..SHELVES {
            if self.weight.load(Relaxed) <= MAX_WEIGHT {
                return;
            }
            let next = self.next.fetch_add(1, Relaxed) % SHELVES;
            let forgotten = mem::take(&mut *self.shelves[next].lock());
            for body in forgotten {
                self.release(body);
            }
        }
    }

    /// What is kept of the links of `body`, which is forgotten.
    fn release(&self, body: Body<K>) -> Vec<K> {
        let links = [body.first].into_iter().chain(body.more);
        let kept = links.flat_map(|link| link.kept);
        kept.map(|kept| {
            self.lose(Some(&kept));
            kept.0
        })
        .collect()
    }

    fn lose(&self, kept: Option<&(K, usize)>) {
        if let Some((_, weight)) = kept {
            self.weight.fetch_sub(*weight, Relaxed);
        }
    }
}

/// Where the body known by `key` is.
fn index_of<K>(known: &[Body<K>], key: u64) -> Option<usize> {
    known.iter().position(|body| body.key == key)
}

impl<K> Body<K> {
    fn new(source: Source) -> Self {
        Self {
            key: source.key,
            whole: None,
            is_ambiguous: false,
            asked: 0,
            first: Link::new(source),
            more: Vec::new(),
        }
    }

    /// Whether it is no loss to forget it.
    fn gives_way(&mut self) -> bool {
        self.asked += 1;
        self.asked > PATIENCE * self.more.len()
    }

    fn links(&self) -> impl Iterator<Item = &Link<K>> {
        [&self.first].into_iter().chain(&self.more)
    }
}

impl<K> Link<K> {
    fn new(source: Source) -> Self {
        Self {
            document: source.document,
            is_named: source.is_named,
            kept: Vec::new(),
        }
    }

    fn is_of(&self, source: Source) -> bool {
        self.document == source.document && self.is_named == source.is_named
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(key: u64, document: u64) -> Source {
        Source {
            key,
            document,
            is_named: false,
        }
    }

    /// Lets a link end with a body whose bytes have the hash `whole`, as transfers do it. Returns the links that begin anew if
    /// it is a block.
    fn end(bodies: &Bodies<u64>, source: Source, whole: u64) -> Option<Vec<u64>> {
        if bodies.is_known(source) {
            let verdict = bodies.judge(source, (whole, Instant::now()), |_| ());
            if let Verdict::Block(freed) = verdict {
                return Some(freed);
            }
        }
        bodies.keep(source, source.document, 10);
        None
    }

    #[test]
    fn the_fifth_document_with_the_same_body_tells_a_block() {
        let bodies = Bodies::default();
        for document in [1, 2, 3, 3, 1, 4, 4] {
            assert_eq!(end(&bodies, source(7, document), 9), None);
        }
        assert_eq!(bodies.weight.load(Relaxed), 70);
        let freed = Some(vec![1, 1, 2, 3, 3, 4, 4]);
        assert_eq!(end(&bodies, source(7, 5), 9), freed);
        assert_eq!(bodies.weight.load(Relaxed), 0);
    }

    #[test]
    fn a_link_that_ends_after_the_block_was_found_comes_back() {
        let bodies = Bodies::default();
        let judge = |document| bodies.judge(source(7, document), (9, Instant::now()), |_| ());
        assert!(!bodies.is_known(source(7, 1)));
        for document in 2..=4 {
            assert!(bodies.is_known(source(7, document)));
            assert_eq!(judge(document), Verdict::Fine);
        }
        assert_eq!(bodies.keep(source(7, 2), 2, 10), None);
        assert_eq!(judge(5), Verdict::Block(vec![2]));
        assert_eq!(bodies.keep(source(7, 1), 1, 10), Some(1));
    }

    #[test]
    fn links_with_names_of_their_own_are_no_block() {
        let bodies = Bodies::<u64>::default();
        let judge = |document| {
            let source = Source {
                is_named: true,
                ..source(7, document)
            };
            bodies.is_known(source);
            bodies.judge(source, (9, Instant::now()), |_| ())
        };
        assert!((1..=4).all(|document| judge(document) == Verdict::Fine));
        assert!((5..=40).all(|document| judge(document) == Verdict::Repeated));
    }

    #[test]
    fn bodies_that_differ_between_their_ends_are_no_block() {
        let bodies = Bodies::default();
        for document in 0..20 {
            assert_eq!(end(&bodies, source(7, document), document), None);
        }
    }

    #[test]
    fn only_the_last_bodies_are_known() {
        let bodies = Bodies::default();
        let other = |n: usize| source(7 + (SHELVES * n) as u64, 1);
        end(&bodies, source(7, 1), 1);
        end(&bodies, source(7, 2), 1);
        for n in 1..PATIENCE + PLACES {
            assert_eq!(end(&bodies, other(n), 1), None);
        }
        assert!(bodies.is_known(source(7, 3)) && !bodies.is_known(other(1)));
        for n in 1..=PATIENCE + PLACES {
            end(&bodies, other(n), 1);
        }
        assert!(!bodies.is_known(source(7, 3)));
        assert!(
            bodies
                .shelves
                .iter()
                .all(|known| known.lock().len() <= PLACES)
        );
        end(&bodies, source(1, 1), 1);
        bodies.keep(source(1, 1), 1, MAX_WEIGHT + 1);
        assert!(bodies.weight.load(Relaxed) <= MAX_WEIGHT);
    }
}
