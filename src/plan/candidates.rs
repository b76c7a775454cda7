//! The URLs of one file, and how they have fared.
//!
//! What a page declares as its PDF is believed. If the server refuses it, or does not send it now, it is there, and nothing that
//! the page has besides can be it: an embedded file is a preview then, and a link in another form leads to something else. If
//! it is not there any more, the declaration is wrong, as those of moved repositories are, and what the page shows as its own
//! is the next best; only then. A page is not read further than to its declaration, so that it is requested once more for that.
//! Of all failures on the way, the most telling one is that of the link.

mod found;
mod identified;
mod telling;

use std::sync::Arc;

use url::Url;

use super::Trail;
use super::chain::Chain;
use crate::id::{Id, Ids, Source};
use crate::outcome::{Failure, Status, Way};
use crate::page::Work;
use found::Story;
pub(crate) use found::{Finding, Findings, Followed, Trust};
use telling::{PLAIN, is_missing, is_there, telling};

/// The most pages on the way to a file.
const MAX_PAGES: u32 = 3;

/// The most requests of a link: for one URL of the list, and for what is found on pages. Each further URL of the list adds one.
const MAX_REQUESTS: usize = 8;

/// The URLs of a file in order of preference: the URL of the line, what is found on pages that it leads to, then its mirrors.
/// A candidate that has failed for good is not used again.
#[derive(Debug)]
pub(crate) struct Candidates {
    all: Vec<Candidate>,
    /// The index of the current one.
    current: usize,
    /// The most telling failure of the ones before.
    failure: Option<Box<Failure>>,
    /// The pages that have been read, and what was found there.
    trail: Trail,
    /// What else to try for the identifiers of the line; none if it has only URLs.
    chain: Option<Box<Chain>>,
    /// Whether the URL of the line is that of its identifier, and no mirror is.
    is_id: bool,
}

/// A URL of a file.
#[derive(Debug)]
struct Candidate {
    url: Url,
    origin: Origin,
    /// How it was found, if it is not from the list.
    way: Option<Box<Way>>,
    /// How far it is vouched for.
    trust: Trust,
    /// What the pages on the way have said, if it is not from the list.
    story: Option<Arc<Story>>,
    /// Whether it is a page that is read again.
    is_again: bool,
}

/// Where a candidate is from.
#[derive(Debug)]
enum Origin {
    List,
    /// A source of an identifier has its URL.
    Source,
    /// The same, and it is a page about the file.
    SourcePage,
    /// It is what this source knows about an identifier.
    Answer(Box<(Id, Arc<Source>)>),
    Page,
}

impl Candidates {
    /// The candidates of a link with these `mirrors`. Those that are identifiers give way to what their sources say, once it is their
    /// turn. If no source can be tried, the URL of the line is the first one all the same.
    pub(super) fn new(url: Url, mirrors: &[Url], ids: &Arc<Ids>) -> Self {
        let of_url = |url: &Url| ids.of_url(url)?.ok();
        let of_line = of_url(&url);
        let is_id = of_line.is_some();
        let id = of_line.or_else(|| mirrors.iter().find_map(of_url));
        let listed = [url].into_iter().chain(mirrors.iter().cloned());
        let mut candidates = Self {
            all: listed.map(Candidate::listed).collect(),
            current: 0,
            failure: None,
            trail: Trail::default(),
            chain: id.map(|id| Box::new(Chain::new(id, ids))),
            is_id,
        };
        if is_id {
            let line = candidates.all.remove(0);
            candidates
                .chain
                .as_mut()
                .map(|chain| chain.begin(&line.url));
            if !candidates.prepare(0) {
                candidates.all.push(line);
            }
        }
        candidates
    }

    /// The candidate that is in use.
    pub(crate) fn current(&self) -> &Url {
        &self.all[self.current].url
    }

    /// The candidate of the list that is in use, or has led to the one that is.
    pub(crate) fn listed(&self) -> &Url {
        let mut before = self.all[..=self.current].iter().rev();
        let listed = before.find(|candidate| !candidate.is_found());
        &listed.expect("the first one is from no page").url
    }

    /// The URL whose origin the one in use has to have, to get what the user sends with links: sources get nothing of that.
    pub(crate) fn owner(&self) -> &Url {
        let mut before = self.all[..=self.current].iter().rev();
        let first = before.find(|candidate| !candidate.is_found());
        match (first, &self.chain) {
            (Some(first), Some(chain)) if first.way.is_some() => &chain.url,
            _ => self.listed(),
        }
    }

    /// Whether the one that is in use was found on a page.
    pub(crate) fn is_found(&self) -> bool {
        self.all[self.current].is_found()
    }

    /// Whether the one that is in use is said to be a page.
    pub(crate) fn is_page(&self) -> bool {
        matches!(self.all[self.current].origin, Origin::SourcePage)
    }

    /// Whether the one that is in use was found on a page about another work than the link names.
    pub(crate) fn is_doubtful(&self) -> bool {
        self.story().is_some_and(|story| story.is_doubtful)
    }

    /// Whether the one that is in use is a page that is read again, since what it declares is not there.
    pub(crate) fn is_again(&self) -> bool {
        self.all[self.current].is_again
    }

    /// How the one that is in use was found; none if it is from the list.
    pub(crate) fn way(&self) -> Option<&Way> {
        self.all[self.current].way.as_deref()
    }

    /// What the page says about the one that is in use; none if that is from the list.
    pub(crate) fn title(&self) -> Option<&str> {
        self.story()?.title.as_deref()
    }

    /// What the pages that have led to the one that is in use are about; none if that is from the list.
    pub(crate) fn work(&self) -> Option<&Work> {
        self.story().map(|story| &story.work)
    }

    fn story(&self) -> Option<&Story> {
        self.all[self.current].story.as_deref()
    }

    /// The URL of the line, or that by which its identifier is known.
    pub(crate) fn first(&self) -> &Url {
        match &self.chain {
            Some(chain) if self.is_id => &chain.url,
            _ => &self.all[0].url,
        }
    }

    /// The URL that says what the file is: that of an identifier, or else that of the line.
    pub(crate) fn named(&self) -> &Url {
        match &self.chain {
            Some(chain) => &chain.url,
            None => self.first(),
        }
    }

    /// How much memory they take, in bytes.
    pub(super) fn weight(&self) -> usize {
        let candidates = self.all.iter();
        let weight = |candidate: &Candidate| {
            let way = candidate.way.as_ref();
            let page = |way: &Way| way.page.as_ref().map_or(0, |page| page.as_str().len());
            let way = way.map_or(0, |way| page(way) + size_of::<Way>());
            let story = candidate.story.as_deref().map_or(0, Story::weight);
            size_of::<Candidate>() + candidate.url.as_str().len() + story + way
        };
        let chain = self.chain.as_ref().map_or(0, |chain| chain.weight());
        candidates.map(weight).sum::<usize>() + chain
    }

    /// Forgets what was found on pages, and begins at the URL from the list again.
    pub(super) fn restart(&mut self) {
        while self.is_found() {
            self.current -= 1;
        }
        self.all.retain(|candidate| !candidate.is_found());
        self.trail = Trail::default();
    }

    /// Moves on to the next candidate after this `failure`.
    ///
    /// # Errors
    ///
    /// The failure of the link, if there is no other candidate or none can do better.
    pub(super) fn advance(&mut self, failure: Failure) -> Result<(), Failure> {
        let is_only = self.all.len() == 1 && self.chain.is_none();
        if is_only || matches!(failure.status, Status::Interrupted | Status::Disk) {
            return Err(failure);
        }
        if let (Some(chain), Origin::Answer(asked)) =
            (&mut self.chain, &self.all[self.current].origin)
        {
            chain.silent.push(Arc::clone(&asked.1.name));
        }
        if self.is_found() && is_there(&failure) {
            self.keep_later(|candidate| {
                !candidate.is_found() || candidate.trust == Trust::Declared
            });
        }
        if !is_missing(&failure) {
            self.keep_later(|candidate| !candidate.is_again);
        }
        let is_guess = self.all[self.current].trust == Trust::Guessed;
        // that something is not there that nobody has named says nothing
        if !is_guess || self.failure.is_none() || telling(&failure) > PLAIN {
            self.note(failure);
        }
        if self.go_on() {
            return Ok(());
        }
        // its record is about the file
        if self.is_again() && self.current > 0 {
            self.current -= 1;
        }
        let count = self
            .all
            .iter()
            .filter(|candidate| !candidate.is_again)
            .count();
        let failure = *self.failure.take().expect("it has been noted");
        let all = format!(" (all {count} URLs failed)");
        let all = if count > 1 { &*all } else { "" };
        let message = format!("{}{all}{}", failure.message, self.left_out());
        Err(Failure { message, ..failure })
    }

    /// Moves on to the next candidate; false if there is none.
    pub(super) fn go_on(&mut self) -> bool {
        let next = self.current + 1;
        let goes_on = self.prepare(next);
        self.current += usize::from(goes_on);
        goes_on
    }

    /// Drops those after the current one that are not to be kept.
    fn keep_later(&mut self, is_kept: impl Fn(&Candidate) -> bool) {
        let later = self.all.split_off(self.current + 1);
        self.all.extend(later.into_iter().filter(is_kept));
    }

    /// Keeps `failure` if no other one is more telling.
    fn note(&mut self, failure: Failure) {
        let known = self.failure.as_deref();
        if known.is_none_or(|known| telling(known) <= telling(&failure)) {
            self.failure = Some(Box::new(failure));
        }
    }
}

impl Candidate {
    fn listed(url: Url) -> Self {
        Self {
            url,
            origin: Origin::List,
            way: None,
            trust: Trust::Declared,
            story: None,
            is_again: false,
        }
    }

    /// Whether it was found on a page.
    fn is_found(&self) -> bool {
        matches!(self.origin, Origin::Page)
    }

    /// Whether it was found on `page`.
    fn is_on(&self, page: &Url) -> bool {
        let way = self.way.as_ref();
        way.is_some_and(|way| way.page.as_ref() == Some(page))
    }
}

#[cfg(test)]
mod tests;
