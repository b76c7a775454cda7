//! What is left to try for an identifier: sources in their order, and what they have named.
//!
//! Nothing is made before it is needed. A source that names another identifier of the same thing is followed by the sources of that
//! one, and what it has named as a page comes after them.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;

use url::Url;

use crate::id::{Found, Id, Ids, Role, Source, Step};

/// The most identifiers of one thing whose sources are tried.
const MOST_IDS: usize = 4;

/// The most URLs that are tried for an identifier, with those of look-ups.
const MOST_URLS: usize = 32;

/// The sources by which something has been found, in their order.
pub(super) type Via = Vec<Cow<'static, str>>;

/// What is left to try for an identifier.
#[derive(Debug)]
pub(super) struct Chain {
    ids: Arc<Ids>,
    /// The identifier of the line.
    id: Id,
    /// The URL by which it is known.
    pub(super) url: Url,
    ahead: VecDeque<(Via, Ahead)>,
    /// The identifiers whose sources have been tried, or are ahead.
    known: Vec<Id>,
    /// The sources that have said something.
    heard: Vec<Arc<str>>,
    /// The sources that are left out, and what they need.
    pub(super) lacks: Vec<(Arc<str>, &'static str)>,
    /// The sources that have not answered.
    pub(super) silent: Vec<Arc<str>>,
    taken: usize,
}

#[derive(Debug)]
enum Ahead {
    Source(Id, Arc<Source>),
    Url(Url, Role),
}

/// The next thing to request for an identifier.
#[derive(Debug)]
pub(super) struct Next {
    pub(super) url: Url,
    pub(super) via: Via,
    pub(super) what: What,
}

/// What is at a URL.
#[derive(Debug)]
pub(super) enum What {
    Pdf,
    Page,
    /// The answer of this source about the identifier.
    Answer(Box<(Id, Arc<Source>)>),
}

impl Chain {
    /// A chain without sources for a line whose identifier is `id`.
    pub(super) fn new(id: Id, ids: &Arc<Ids>) -> Self {
        Self {
            ids: Arc::clone(ids),
            url: id.url(),
            id,
            ahead: VecDeque::new(),
            known: Vec::new(),
            heard: Vec::new(),
            lacks: Vec::new(),
            silent: Vec::new(),
            taken: 0,
        }
    }

    /// Tries the sources of the identifier that `url` stands for next; false if it is none.
    pub(super) fn begin(&mut self, url: &Url) -> bool {
        let Some(Ok(id)) = self.ids.of_url(url) else {
            return false;
        };
        let sources = self.sources(id, &Via::new());
        self.put(sources);
        true
    }

    /// What is known about identifiers.
    pub(super) fn ids(&self) -> &Ids {
        &self.ids
    }

    /// The identifier of the line.
    pub(super) fn id(&self) -> &Id {
        &self.id
    }

    /// The names of the sources that are ahead, without those that are left out.
    pub(super) fn names(&self) -> impl Iterator<Item = String> {
        self.ahead.iter().filter_map(|(_, ahead)| match ahead {
            Ahead::Source(id, source) => self.name(id, source),
            Ahead::Url(..) => None,
        })
    }

    /// The names of the sources of the identifier that `url` stands for.
    pub(super) fn names_of(&self, url: &Url) -> Vec<String> {
        let id = self.ids.of_url(url).and_then(Result::ok);
        let id = id.filter(|id| !self.known.contains(id));
        let names = |id: Id| -> Vec<_> {
            let sources = self.ids.chain(&id);
            sources
                .filter_map(|source| self.name(&id, &source))
                .collect()
        };
        id.map(names).unwrap_or_default()
    }

    fn name(&self, id: &Id, source: &Source) -> Option<String> {
        match self.ids.step(id, source) {
            Step::Ask(_) | Step::Found(_) => Some(source.name.to_string()),
            Step::Lacks(_) | Step::None => None,
        }
    }

    /// Whether something is left to try.
    pub(super) fn has_more(&self) -> bool {
        self.ahead.iter().any(|(_, ahead)| match ahead {
            Ahead::Url(..) => true,
            Ahead::Source(id, source) => self.name(id, source).is_some(),
        })
    }

    /// What to request next; none if nothing is left.
    pub(super) fn next(&mut self) -> Option<Next> {
        while let Some((mut via, ahead)) = self.ahead.pop_front() {
            if self.taken == MOST_URLS {
                return None;
            }
            let (url, what) = match ahead {
                Ahead::Url(url, Role::Page) => (url, What::Page),
                Ahead::Url(url, _) => (url, What::Pdf),
                Ahead::Source(_, source) if source.is_needless(&self.heard) => continue,
                Ahead::Source(id, source) => {
                    via.push(Cow::Owned(source.name.to_string()));
                    match self.ids.step(&id, &source) {
                        Step::Ask(url) => match self.ids.recall(&id, &source) {
                            Some(found) => {
                                self.add(&id, &source, &via, found);
                                continue;
                            }
                            None => (url, What::Answer(Box::new((id, source)))),
                        },
                        Step::Found(found) => {
                            let urls = found.into_iter().filter_map(|found| {
                                let url = Url::parse(&found.text).ok()?;
                                Some((via.clone(), Ahead::Url(url, found.role)))
                            });
                            self.put(urls.collect());
                            continue;
                        }
                        Step::Lacks(what) => {
                            self.ids.tell(&source, what);
                            self.lacks.push((Arc::clone(&source.name), what));
                            continue;
                        }
                        Step::None => continue,
                    }
                }
            };
            self.taken += 1;
            return Some(Next { url, via, what });
        }
        None
    }

    /// Takes what a source has answered about an identifier.
    pub(super) fn answer(
        &mut self,
        (id, source): &(Id, Arc<Source>),
        via: &Via,
        found: Vec<Found>,
    ) {
        self.ids.keep(id, source, &found);
        self.add(id, source, via, found);
    }

    /// Puts what a source has `found` about `asked` in front of what is left.
    fn add(&mut self, asked: &Id, source: &Source, via: &Via, found: Vec<Found>) {
        if !found.is_empty() {
            self.heard.push(Arc::clone(&source.name));
        }
        let mut ahead = Vec::new();
        for found in found {
            let url = Url::parse(&found.text).ok();
            let url = url.filter(|url| matches!(url.scheme(), "http" | "https"));
            let id = match &url {
                Some(url) => self.ids.of_url(url),
                None => self.ids.of_text(&found.text),
            };
            match (id, url) {
                // such as the latest version, in the place where it is
                (Some(Ok(id)), Some(url)) if found.role == Role::Pdf && id.is_like(asked) => {
                    ahead.push((via.clone(), Ahead::Url(url, found.role)));
                }
                (Some(Ok(id)), _) => ahead.extend(self.sources(id, via)),
                (_, Some(url)) if found.role != Role::Id => {
                    ahead.push((via.clone(), Ahead::Url(url, found.role)));
                }
                _ => {}
            }
        }
        self.put(ahead);
    }

    fn put(&mut self, ahead: Vec<(Via, Ahead)>) {
        for ahead in ahead.into_iter().rev() {
            self.ahead.push_front(ahead);
        }
    }

    /// The sources of `id`, which was found `via` others, unless they are known.
    fn sources(&mut self, id: Id, via: &Via) -> Vec<(Via, Ahead)> {
        if self.known.contains(&id) || self.known.len() == MOST_IDS {
            return Vec::new();
        }
        let sources = self.ids.chain(&id);
        let sources = sources.map(|source| (via.clone(), Ahead::Source(id.clone(), source)));
        let sources = sources.collect();
        self.known.push(id);
        sources
    }

    /// How much memory it takes, in bytes, apart from what all links share.
    pub(super) fn weight(&self) -> usize {
        size_of::<Self>()
            + self.url.as_str().len()
            + self.ahead.capacity() * size_of::<(Via, Ahead)>()
    }
}
