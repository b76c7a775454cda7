//! Which work a page is about, and whether that is one, and the one of the link.
//!
//! Metadata decides. A page without says it by its canonical URL, by its own one, or by the only DOI that it shows: less
//! certain, so that nothing follows from it for the pages behind.

use url::Url;

use super::super::elements::Tag;
use super::super::stack::{Open, Place};
use super::super::target::is_same_file;
use super::super::{Reached, Via, Work, identity};
use super::{Collector, LONGEST_TEXT, MOST_NAMES};

/// What a page has said about works.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
pub(super) struct Works {
    /// What the pages before are about.
    before: Work,
    /// The DOIs and arXiv ids that are declared as those of articles.
    declared: Vec<String>,
    /// The titles that are declared as those of articles.
    titles: Vec<String>,
    /// How many times one was declared.
    title_tags: usize,
    /// Other titles, which are of works of any kind.
    others: Vec<String>,
    /// The id in the canonical URL.
    canonical: Option<String>,
    /// The DOIs that are shown.
    shown: Vec<String>,
    /// Whether the head has a title.
    has_head_title: bool,
    /// Whether the last title was one of another work than that of the head, further down.
    pub(super) is_elsewhere: bool,
    /// Whether something is declared as the PDF of a part, or of another work, further down.
    pub(super) are_apart: bool,
    /// What is declared as a PDF further down than the head, the first one.
    part: Option<Url>,
    /// Whether there are others.
    has_parts: bool,
}

/// What a page is about, as far as it matters for its candidates.
#[derive(Debug, Default)]
pub(super) struct About {
    /// What it is about, if that is another work than that of the link or of the pages before.
    pub(super) another: Option<String>,
    /// Whether the pages before are about another one.
    pub(super) is_astray: bool,
    /// Whether it has the id of the link.
    pub(super) names_link: bool,
    /// Whether it is known to be about a work.
    pub(super) is_work: bool,
    /// The ids of the work, those of the link included.
    ids: Vec<String>,
}

impl About {
    /// Whether `url` is that of another work.
    pub(super) fn is_another(&self, url: &Url) -> bool {
        let target = identity::of_url(url);
        target.is_some_and(|target| identity::leads_elsewhere(&target, &self.ids))
    }
}

impl Works {
    /// Notes an id that is declared as that of an article.
    pub(super) fn declare(&mut self, id: Option<String>) {
        let id = id.filter(|id| id.len() <= LONGEST_TEXT);
        add(&mut self.declared, id);
    }

    /// Notes a title, and whether it is declared as that of an article.
    pub(super) fn entitle(&mut self, title: &str, is_declared: bool) {
        if is_declared {
            self.title_tags += 1;
            add(&mut self.titles, Some(title.to_owned()));
        } else if !self
            .others
            .iter()
            .any(|known| identity::are_alike(known, title))
        {
            add(&mut self.others, Some(title.to_owned()));
        }
    }

    /// Notes where `title` stands, which comes next.
    pub(super) fn place_title(&mut self, title: &str, is_in_head: bool) {
        self.has_head_title |= is_in_head;
        let mut known = self.titles.iter().chain(&self.others);
        let is_new = !known.any(|known| identity::are_alike(known, title));
        self.is_elsewhere = self.has_head_title && !is_in_head && is_new;
    }

    /// Notes what is declared as a PDF further down than the head.
    pub(super) fn note_part(&mut self, url: Url) {
        match &self.part {
            Some(first) => self.has_parts |= !is_same_file(first, &url),
            None => self.part = Some(url),
        }
    }

    /// Whether the page, which has these `ids`, is about one work, with several titles and files perhaps. One id is enough: the
    /// titles are the same in several languages then. Without an id, two works may have one title, such as `Editorial`.
    pub(super) fn are_one(&self, ids: &[String]) -> bool {
        match (&self.declared[..], ids) {
            _ if self.has_parts => false,
            ([first, rest @ ..], _) => {
                let first = std::slice::from_ref(first);
                rest.iter().all(|id| identity::other(id, first).is_none())
            }
            ([], [_]) => true,
            _ if self.title_tags == 0 => self.others.len() == 1,
            _ => self.title_tags == 1,
        }
    }

    pub(super) fn into_titles(self) -> Vec<String> {
        self.titles
    }

    /// How many bytes are kept.
    #[cfg(test)]
    pub(super) fn kept(&self) -> usize {
        let texts = [&self.declared, &self.titles, &self.others, &self.shown].into_iter();
        texts.flatten().map(String::capacity).sum::<usize>() + self.before.weight()
    }

    /// The id of a page at `url` by its URLs.
    fn id_at(&self, url: &Url) -> Option<String> {
        self.canonical.clone().or_else(|| identity::of_url(url))
    }

    /// The only DOI that is shown.
    fn only_shown(&self) -> Option<String> {
        match &self.shown[..] {
            [only] => Some(only.clone()),
            _ => None,
        }
    }
}

impl Collector {
    /// How the page was reached.
    pub(in super::super) fn reach(&mut self, way: &Reached) {
        self.asked = Some(way.asked.clone());
        self.works.before = way.work.cloned().unwrap_or_default();
        self.sets_cookies = way.sets_cookies;
        self.is_again = way.is_again;
        if self.is_again {
            self.is_declared = false;
            self.found
                .retain(|found| found.via > Via::EprintsDocumentUrl);
        }
    }

    /// What the page is about.
    pub(super) fn about(&self) -> About {
        let (of_link, before) = (identity::of_url(&self.link), &self.works.before);
        let page = Work {
            ids: self.ids.clone(),
            titles: self.works.titles.clone(),
            heading: None,
        };
        let at = self.works.id_at(&self.url).filter(|_| page.ids.is_empty());
        let leads_elsewhere = |id: &String, known: &[String]| identity::leads_elsewhere(id, known);
        let strays = at.as_ref().filter(|id| leads_elsewhere(id, &before.ids));
        let astray = before
            .other(&page)
            .or(strays)
            .or(self.moved_to(&page))
            .cloned();
        // the pages before have been compared with it
        let link = of_link.as_ref().filter(|_| before.ids.is_empty());
        let shown = at.or_else(|| self.works.only_shown().filter(|_| page.ids.is_empty()));
        let of_another = link.and_then(|link| {
            let known = std::slice::from_ref(link);
            let shown = shown.filter(|id| leads_elsewhere(id, known));
            identity::other(link, &page.ids).cloned().or(shown)
        });
        let names_link = of_link
            .as_ref()
            .is_some_and(|link| self.ids.iter().any(|id| identity::are_same(link, id)));
        let ids = match (&self.ids[..], &before.ids[..]) {
            ([], []) => of_link.iter().cloned().collect(),
            ([], known) | (known, _) => known.to_vec(),
        };
        About {
            is_astray: astray.is_some(),
            another: astray.or(of_another),
            names_link,
            is_work: self.signs.is_work || of_link.is_some(),
            ids,
        }
    }

    /// The heading of the page, if one about something else has led to it by itself, and it says nothing about a work: sites that
    /// have moved send visitors to the home page.
    fn moved_to(&self, page: &Work) -> Option<&String> {
        let before = self.works.before.heading.as_ref()?;
        let heading = Some(&self.signs.heading).filter(|heading| !heading.is_empty())?;
        let says_nothing = page.ids.is_empty() && page.titles.is_empty();
        let is_same = identity::are_alike(before, heading) || self.signs.title.contains(before);
        (says_nothing && !is_same).then_some(heading)
    }

    /// Notes the id in the canonical URL of the page.
    pub(super) fn canonical(&mut self, tag: &Tag) {
        if tag.has_token("rel", "canonical") && self.works.canonical.is_none() {
            let url = self.resolve(tag.get("href"));
            self.works.canonical = url.and_then(|url| identity::of_url(&url));
        }
    }

    /// Notes the DOI that a link leads to, if it is one of the page.
    pub(super) fn shown_doi(&mut self, tag: &Tag, open: &Open) {
        let href = tag.get("href");
        if open.place == Place::Here && href.contains("doi.org/10.") && href.len() <= LONGEST_TEXT {
            add(&mut self.works.shown, identity::doi(href));
        }
    }
}

/// Adds `name` to `names` if it is new, and there is room.
fn add(names: &mut Vec<String>, name: Option<String>) {
    if let Some(name) = name.filter(|name| !names.contains(name))
        && names.len() < MOST_NAMES
    {
        names.push(name);
    }
}
