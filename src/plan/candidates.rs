//! The URLs of one file, and how they have fared.
//!
//! What a page declares as its PDF is believed. If the server refuses it, or does not send it now, it is there, and nothing that
//! the page has besides can be it: an embedded file is a preview then, and a link in another form leads to something else. If
//! it is not there any more, the declaration is wrong, as those of moved repositories are, and what the page shows as its own
//! is the next best; only then. A page is not read further than to its declaration, so that it is requested once more for that.
//! Of all failures on the way, the most telling one is that of the link.

mod telling;

use std::borrow::Cow;
use std::sync::Arc;

use url::Url;

use super::Trail;
use super::chain::{Chain, Next, What};
use crate::id::{Found, Id, Ids, Source};
use crate::outcome::{Failure, Status, Way};
use crate::page::Work;
use crate::text::has_credentials;
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
    /// What else to try for an identifier; none if the line is a URL.
    chain: Option<Box<Chain>>,
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

/// What the pages on the way to a candidate have said.
#[derive(Debug, Default)]
struct Story {
    /// The work that they are about.
    work: Work,
    /// Its title, or that of the first page.
    title: Option<Box<str>>,
    /// Whether one of them is about another work than the link names.
    is_doubtful: bool,
}

/// How far a page vouches for a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trust {
    /// It declares it as its PDF.
    Declared,
    /// It shows it.
    Shown,
    /// Its URL suggests that there is one.
    Guessed,
}

/// What has been found on a page.
#[derive(Debug, Clone)]
pub(crate) struct Finding {
    /// A URL that may be the file.
    pub url: Url,
    /// The rule that found it.
    pub rule: &'static str,
    /// How far the page vouches for it.
    pub trust: Trust,
}

/// A page, with what has been found there.
#[derive(Debug)]
pub(crate) struct Findings<'a> {
    /// The URL of the page.
    pub page: &'a Url,
    /// The cookies of the request for it.
    pub sent: Option<&'a [u8]>,
    /// The cookies that it sets.
    pub cookies: &'a [Vec<u8>],
    /// What may be the file, best first.
    pub found: Vec<Finding>,
    /// What the page is about.
    pub work: &'a Work,
    /// The title of the work or the page.
    pub title: Option<&'a str>,
    /// Whether it is that of the work.
    pub is_work: bool,
    /// Whether the page is about another work than the link names.
    pub is_doubtful: bool,
    /// Whether it was only read as far as it declares its PDF.
    pub is_partial: bool,
    /// The failure of the link if there were nothing but the page.
    pub failure: Failure,
}

/// What comes of the findings on a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Followed {
    /// The first of them is the current candidate.
    Found,
    /// All of them lead back to what has been requested.
    Loop,
    /// The link has had as many pages and requests as it may have.
    Spent,
}

impl Candidates {
    /// The candidates of a link.
    pub(super) fn new(url: Url, mirrors: &[Url]) -> Self {
        let listed = [url].into_iter().chain(mirrors.iter().cloned());
        Self {
            all: listed.map(Candidate::listed).collect(),
            current: 0,
            failure: None,
            trail: Trail::default(),
            chain: None,
        }
    }

    /// The candidates of an identifier: what its sources say, and then the `mirrors`. If no source can be tried, its own URL is the
    /// first.
    pub(super) fn of_id(id: Id, ids: &Arc<Ids>, mirrors: &[Url]) -> Self {
        let mut chain = Chain::new(id, ids);
        let first = chain.next().map_or_else(
            || Candidate::listed(chain.url.clone()),
            Candidate::of_source,
        );
        let mirrors = mirrors.iter().cloned().map(Candidate::listed);
        Self {
            all: [first].into_iter().chain(mirrors).collect(),
            current: 0,
            failure: None,
            trail: Trail::default(),
            chain: Some(Box::new(chain)),
        }
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
        match &self.chain {
            Some(chain) if self.all[self.current].way.is_some() => &chain.url,
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

    /// What the source is asked about that is in use, if one is asked.
    pub(crate) fn asked(&self) -> Option<&(Id, Arc<Source>)> {
        match &self.all[self.current].origin {
            Origin::Answer(asked) => Some(asked),
            _ => None,
        }
    }

    /// The identifier that the line is.
    pub(crate) fn id(&self) -> Option<&Id> {
        Some(self.chain.as_ref()?.id())
    }

    /// What is known about identifiers, if the line is one.
    pub(crate) fn ids(&self) -> Option<&Ids> {
        Some(self.chain.as_ref()?.ids())
    }

    /// The sources of the identifier, in the order in which they are tried.
    pub(crate) fn sources(&self) -> Vec<&str> {
        let first = self
            .all
            .iter()
            .filter_map(|candidate| candidate.way.as_ref()?.via.first());
        let ahead = self.chain.iter().flat_map(|chain| chain.names());
        first.map(|name| &**name).chain(ahead).collect()
    }

    /// The sources that were left out, and what they need.
    pub(crate) fn skipped(&self) -> &[(Arc<str>, &'static str)] {
        self.chain.as_ref().map_or(&[], |chain| &chain.lacks)
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
            Some(chain) => &chain.url,
            None => &self.all[0].url,
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

    /// Notes a page without a PDF, so that it is not requested again if a source names it, too.
    pub(crate) fn note_page(&mut self, page: &Url) {
        if self.chain.is_some() {
            self.trail.request(page, None);
        }
    }

    /// Continues with what was found on a page, to which the current candidate has led.
    pub(super) fn add(&mut self, findings: &Findings) -> Followed {
        let pages = 1 + self.way().map_or(0, |way| way.hops);
        let mut before = self.all[..=self.current].iter();
        let is_back = before.any(|candidate| candidate.is_on(findings.page));
        // what was found is there already, with the cookies that it was requested with
        let listed = (!self.is_found()).then(|| self.current().clone());
        for url in listed.iter().chain([findings.page]) {
            self.trail.request(url, findings.sent);
        }
        let cookies = findings.cookies.iter().map(Vec::as_slice);
        self.trail.change(findings.page, cookies);
        let asked = self.all[..=self.current].iter().rev();
        let asked = asked.filter(|candidate| !matches!(candidate.origin, Origin::List));
        let asked = asked.take_while(|candidate| candidate.is_found());
        let asked = 1 + asked.count();
        let room = MAX_REQUESTS.saturating_sub(asked);
        if pages > MAX_PAGES || room == 0 {
            // it sets other cookies each time
            return if is_back {
                Followed::Loop
            } else {
                Followed::Spent
            };
        }
        let story = Arc::new(Story::of(self.story(), findings));
        let rules = self.way().map_or_else(Vec::new, |way| way.via.clone());
        let mut new = Vec::new();
        for finding in &findings.found {
            let url = with_credentials(&finding.url, findings.page);
            if new.len() == room || self.trail.repeats(&url, None) {
                continue;
            }
            self.trail.request(&url, None);
            let mut via = rules.clone();
            via.push(Cow::Borrowed(finding.rule));
            let way = Way {
                page: Some(findings.page.clone()),
                via,
                hops: pages,
            };
            new.push(Candidate {
                url,
                origin: Origin::Page,
                way: Some(Box::new(way)),
                trust: finding.trust,
                story: Some(Arc::clone(&story)),
                is_again: false,
            });
        }
        if findings.is_partial && !new.is_empty() && new.len() < room {
            new.push(self.again(findings.page, &rules));
        }
        if new.is_empty() {
            return Followed::Loop;
        }
        self.note(findings.failure.clone());
        let next = self.current + 1;
        self.all.splice(next..next, new);
        self.current = next;
        let mut found = 0;
        self.all.retain(|candidate| {
            if matches!(
                candidate.origin,
                Origin::Source | Origin::SourcePage | Origin::Answer(_)
            ) {
                found = 0;
            }
            found += usize::from(candidate.is_found());
            !candidate.is_found() || found < MAX_REQUESTS
        });
        Followed::Found
    }

    /// The page with this `url`, to which the current candidate has led, to be read to its end.
    fn again(&self, url: &Url, rules: &[Cow<'static, str>]) -> Candidate {
        let way = self.way().cloned().unwrap_or_else(|| Way {
            page: Some(url.clone()),
            via: rules.to_vec(),
            hops: 0,
        });
        Candidate {
            url: url.clone(),
            origin: Origin::Page,
            way: Some(Box::new(way)),
            trust: Trust::Shown,
            story: self.all[self.current].story.clone(),
            is_again: true,
        }
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

    /// Takes what the source in use has answered, and goes on with that.
    ///
    /// # Errors
    ///
    /// If there is nothing to go on with.
    pub(super) fn answer(&mut self, found: Vec<Found>) -> Result<(), Failure> {
        let current = &self.all[self.current];
        let via = current
            .way
            .as_ref()
            .map_or_else(Vec::new, |way| way.via.clone());
        if let (Some(chain), Origin::Answer(asked)) = (&mut self.chain, &current.origin) {
            chain.answer(asked, &via, found);
        }
        if self.go_on() {
            return Ok(());
        }
        Err(Failure::new(Status::NoPdfLink, "no source knows its PDF"))
    }

    /// Moves on to the next candidate; false if there is none. What the sources of an identifier say comes before mirrors.
    pub(super) fn go_on(&mut self) -> bool {
        let next = self.current + 1;
        let is_mirror = |candidate: &Candidate| matches!(candidate.origin, Origin::List);
        if self.all.get(next).is_none_or(is_mirror)
            && let Some(chain) = &mut self.chain
        {
            let is_new = |next: &Next| {
                let mut all = self.all.iter();
                !all.any(|known| known.url == next.url) && !self.trail.repeats(&next.url, None)
            };
            let found = std::iter::from_fn(|| chain.next()).find(is_new);
            self.all.splice(next..next, found.map(Candidate::of_source));
        }
        let goes_on = next < self.all.len();
        self.current += usize::from(goes_on);
        goes_on
    }

    /// Which sources were left out, for the message of a failure.
    fn left_out(&self) -> String {
        let each = self.skipped().iter();
        let each = each.map(|(name, what)| format!("; `{name}` was not asked: it needs {what}"));
        each.collect()
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
    fn of_source(next: Next) -> Self {
        let way = Way {
            page: None,
            via: next.via,
            hops: 0,
        };
        Self {
            way: Some(Box::new(way)),
            origin: match next.what {
                What::Pdf => Origin::Source,
                What::Page => Origin::SourcePage,
                What::Answer(asked) => Origin::Answer(asked),
            },
            ..Self::listed(next.url)
        }
    }

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

impl Story {
    /// What the pages `before` and the one with these `findings` have said.
    fn of(before: Option<&Self>, findings: &Findings) -> Self {
        let title = before.and_then(|before| before.title.clone());
        Self {
            work: before.map_or_else(
                || findings.work.clone(),
                |before| before.work.with(findings.work),
            ),
            // viewers have titles of their own
            title: title
                .filter(|_| !findings.is_work)
                .or_else(|| findings.title.map(Into::into)),
            is_doubtful: findings.is_doubtful || before.is_some_and(|before| before.is_doubtful),
        }
    }

    /// How much memory it takes, in bytes.
    fn weight(&self) -> usize {
        size_of::<Self>() + self.work.weight() + self.title.as_deref().map_or(0, str::len)
    }
}

/// `url` with the credentials of the page that it was found on, if they are for its origin, too.
fn with_credentials(url: &Url, page: &Url) -> Url {
    let mut url = url.clone();
    if url.origin() == page.origin() && !has_credentials(&url) && has_credentials(page) {
        // neither can fail: both URLs have a host
        let _ = url.set_username(page.username());
        let _ = url.set_password(page.password());
    }
    url
}

#[cfg(test)]
mod tests;
