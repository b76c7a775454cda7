//! What pages add to the candidates of a link.
//!
//! Findings stand behind the candidate that has led to the page, best first. The rules on the way are those of their page and one more,
//! and what their pages have said of the work goes with them.

use std::borrow::Cow;
use std::sync::Arc;

use url::Url;

use super::{Candidate, Candidates, MAX_PAGES, MAX_REQUESTS, Origin};
use crate::outcome::{Failure, Way};
use crate::page::Work;
use crate::text::has_credentials;

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

/// What the pages on the way to a candidate have said.
#[derive(Debug, Default)]
pub(super) struct Story {
    /// The work that they are about.
    pub(super) work: Work,
    /// Its title, or that of the first page.
    pub(super) title: Option<Box<str>>,
    /// Whether one of them is about another work than the link names.
    pub(super) is_doubtful: bool,
}

impl Candidates {
    /// Continues with what was found on a page, to which the current candidate has led.
    pub(in super::super) fn add(&mut self, findings: &Findings) -> Followed {
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
    pub(super) fn weight(&self) -> usize {
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
