//! What identifiers add to the candidates of a link.
//!
//! The sources of an identifier are behind a [`Chain`](super::super::chain::Chain), which gives its next URL when all others before it have failed.

use std::sync::Arc;

use url::Url;

use super::super::chain::{Next, What};
use super::{Candidate, Candidates, Origin};
use crate::id::{Found, Id, Ids, Source};
use crate::outcome::{Failure, Status, Way};

impl Candidates {
    /// What the source is asked about that is in use, if one is asked.
    pub(crate) fn asked(&self) -> Option<&(Id, Arc<Source>)> {
        match &self.all[self.current].origin {
            Origin::Answer(asked) => Some(asked),
            _ => None,
        }
    }

    /// Whether the one that is in use is from a source, and there is something else to try.
    pub(crate) fn may_skip(&self) -> bool {
        let is_of_source = !matches!(self.all[self.current].origin, Origin::List | Origin::Page);
        let has_more = || self.all.len() > self.current + 1;
        let mut chain = self.chain.iter();
        is_of_source && (has_more() || chain.any(|chain| chain.has_more()))
    }

    /// The identifier that the line is, or the first one that it has.
    pub(crate) fn id(&self) -> Option<&Id> {
        Some(self.chain.as_ref()?.id())
    }

    /// Whether the line is an identifier, and does not only have one.
    pub(crate) fn is_id(&self) -> bool {
        self.is_id
    }

    /// What is known about identifiers, if the line has one.
    pub(crate) fn ids(&self) -> Option<&Ids> {
        Some(self.chain.as_ref()?.ids())
    }

    /// The sources of the identifiers, in the order in which they are tried.
    pub(crate) fn sources(&self) -> Vec<String> {
        let Some(chain) = &self.chain else {
            return Vec::new();
        };
        let first = self
            .all
            .iter()
            .filter_map(|candidate| candidate.way.as_ref()?.via.first());
        let mut sources: Vec<_> = first
            .map(ToString::to_string)
            .chain(chain.names())
            .collect();
        let listed = self
            .all
            .iter()
            .filter(|candidate| matches!(candidate.origin, Origin::List));
        let later = listed.flat_map(|candidate| chain.names_of(&candidate.url));
        sources.extend(later);
        sources
    }

    /// The sources that were left out, and what they need.
    pub(crate) fn skipped(&self) -> &[(Arc<str>, &'static str)] {
        self.chain.as_ref().map_or(&[], |chain| &chain.lacks)
    }

    /// Notes a page without a PDF, so that it is not requested again if a source names it, too.
    pub(crate) fn note_page(&mut self, page: &Url) {
        if self.chain.is_some() {
            self.trail.request(page, None);
        }
    }

    /// Takes what the source in use has answered, and goes on with that.
    ///
    /// # Errors
    ///
    /// If there is nothing to go on with.
    pub(in super::super) fn answer(&mut self, found: Vec<Found>) -> Result<(), Failure> {
        let current = &mut self.all[self.current];
        let via = current
            .way
            .as_ref()
            .map_or_else(Vec::new, |way| way.via.clone());
        // it is no question any more
        let asked = std::mem::replace(&mut current.origin, Origin::Source);
        if let (Some(chain), Origin::Answer(asked)) = (&mut self.chain, asked) {
            chain.answer(&asked, &via, found);
        }
        if self.go_on() {
            return Ok(());
        }
        Err(Failure::new(Status::NoPdfLink, "no source knows of a PDF"))
    }

    /// Sees to it that the candidate at `next` is to be requested: what the sources of an identifier say comes before mirrors. False if
    /// there is none.
    pub(super) fn prepare(&mut self, next: usize) -> bool {
        let Some(chain) = &mut self.chain else {
            return next < self.all.len();
        };
        loop {
            let mirror = self.all.get(next);
            if mirror.is_some_and(|candidate| !matches!(candidate.origin, Origin::List)) {
                return true;
            }
            let is_new = |next: &Next| {
                let mut all = self.all.iter();
                !all.any(|known| known.url == next.url) && !self.trail.repeats(&next.url, None)
            };
            if let Some(found) = std::iter::from_fn(|| chain.next()).find(is_new) {
                self.all.insert(next, Candidate::of_source(found));
                return true;
            }
            match mirror {
                None => return false,
                Some(mirror) if !chain.begin(&mirror.url) => return true,
                Some(_) => self.all.remove(next),
            };
        }
    }

    /// Which sources have said nothing or were left out, for the message of a failure.
    pub(super) fn left_out(&self) -> String {
        let each = self.skipped().iter();
        let each = each.map(|(name, what)| format!("; `{name}` was skipped: it needs {what}"));
        let silent = self.chain.iter().flat_map(|chain| &chain.silent);
        let silent = silent.map(|name| format!("; `{name}` did not answer"));
        silent.chain(each).collect()
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
}
