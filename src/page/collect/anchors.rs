//! Links, and what they say.

use url::Url;

use super::super::elements::Tag;
use super::super::residue::said as said_of;
use super::super::stack::{Open, Place};
use super::super::target::other_part;
use super::super::verdict::is_shop;
use super::super::wording::{is_full_text, is_pdf, is_place_of_file, other_word};
use super::super::words::PURCHASES;
use super::super::{Via, Why};
use super::surroundings::other_label;
use super::{Collector, add_text};
use crate::host;

/// A link whose text is being read.
#[derive(Debug)]
pub(super) struct Anchor {
    /// Its target; none for a button, or if it leads nowhere.
    url: Option<Url>,
    pub(super) place: Place,
    is_main: bool,
    /// How it is found by the rule that knows it, if one does.
    known: Option<Via>,
    pub(super) text: String,
    /// What stands before it.
    label: String,
    /// The term that it stands beside.
    term: String,
    /// Whether it has the picture of a PDF.
    has_icon: bool,
    /// Whether its target is what a viewer shows.
    is_viewed: bool,
}

impl Collector {
    pub(super) fn anchor(&mut self, tag: &Tag, open: &Open) {
        self.end_anchor();
        let href = tag.get("href");
        self.lead_away(href);
        if !href.is_empty() && !href.starts_with('#') {
            self.signs.links += 1;
            self.signs.leads_to_shop |= open.place == Place::Here && is_shop(href);
        }
        // most links of most pages need not be parsed
        let url = Some(href).filter(|_| self.looks || may_be_viewer(href));
        let url = url.and_then(|href| self.resolve_viewed(href));
        let url = url.filter(|(_, is_viewed)| self.looks || *is_viewed);
        let (url, is_viewed) = url.map_or((None, false), |(url, is_viewed)| (Some(url), is_viewed));
        let mut text = String::new();
        add_text(&mut text, tag.get("title"));
        add_text(&mut text, tag.get("aria-label"));
        let mut anchor = Anchor::new(url, open, text);
        anchor.is_viewed = is_viewed;
        anchor.label = self.surroundings.take_label();
        anchor.term = self.surroundings.term();
        if let Some(url) = anchor.url.as_ref().filter(|_| self.looks) {
            let target = url.as_str().to_lowercase();
            let rules = self.links.iter().map(|index| &self.rules.links[*index]);
            let fitting = rules.filter(|rule| rule.fits(tag, open.containers, &target));
            // beside an article and in menus are links of all kinds
            let mut fitting = fitting.filter(|rule| match open.place {
                Place::Here => true,
                Place::Edge => rule.is_sure(),
                Place::Others => rule.is_sure() && rule.is_placed(),
            });
            anchor.known = fitting.next().map(|rule| rule.via);
            let class = tag.get("class");
            anchor.has_icon = class.to_lowercase().contains("pdf") || tag.has("download");
        }
        self.anchor = Some(anchor);
    }

    /// Notes what the picture in a link says.
    pub(super) fn picture(&mut self, tag: &Tag) {
        let Some(anchor) = &mut self.anchor else {
            return;
        };
        if matches!(tag.name(), "img" | "i" | "span" | "svg" | "use" | "input") {
            add_text(&mut anchor.text, tag.get("alt"));
            if tag.name() != "span" {
                add_text(&mut anchor.text, tag.get("title"));
            }
            let has_pdf = |name: &str| {
                let value = tag.get(name).to_lowercase();
                value
                    .rsplit('/')
                    .next()
                    .is_some_and(|name| name.contains("pdf"))
            };
            anchor.has_icon |= ["src", "class", "xlink:href", "href"]
                .into_iter()
                .any(has_pdf);
        }
    }

    pub(super) fn end_anchor(&mut self) {
        let Some(anchor) = self.anchor.take() else {
            return;
        };
        self.surroundings.take_label();
        let text = anchor.text.to_lowercase();
        if anchor.place == Place::Here && PURCHASES.iter().any(|words| text.starts_with(words)) {
            self.signs.sells = true;
        }
        let Some(url) = anchor.url.as_ref() else {
            return;
        };
        let title = self.plain_title();
        let (via, why) = self.judged(&anchor, url, &text, &title);
        let Some(via) = via else { return };
        if let Some(why) = why {
            return self.leave_out(Some(url), via, why);
        }
        // a rule has decided about its place
        let place = if anchor.known.is_some() {
            Place::Here
        } else {
            anchor.place
        };
        let open = Open::at(place, anchor.is_main);
        let (before, is_weak) = (self.found.len(), !looks_like_file(&anchor, url, &text));
        self.add_text_found(url.clone(), via, &open, &text);
        if let Some(found) = self.found.get_mut(before) {
            found.is_weak = is_weak && via == Via::AnchorText;
        }
    }

    /// How the link is found, if it looks like one to the article, and why it is none.
    fn judged(
        &self,
        anchor: &Anchor,
        url: &Url,
        text: &str,
        title: &str,
    ) -> (Option<Via>, Option<Why>) {
        let page = url.as_str().strip_suffix(".pdf");
        let is_self_pdf = page.is_some_and(|page| page == self.url.as_str());
        let is_file = anchor.is_viewed || is_place_of_file(url);
        let is_offered = anchor.place == Place::Here && is_full_text(text);
        if anchor.known.is_none()
            && !is_self_pdf
            && !is_offered
            && !looks_like_file(anchor, url, text)
        {
            return (None, None);
        }
        let said = said_of(text, title, Some(url));
        let is_silent = !said.pdf && !said.document;
        let is_title = is_silent && is_pdf(url) && !title.is_empty() && text.contains(title);
        // such as `The full text is available here`
        let is_pointed_at = || {
            let label = said_of(&anchor.label, title, None);
            is_pdf(url)
                && !text.is_empty()
                && label.rest.is_empty()
                && (label.document || label.pdf)
        };
        let reads = said.pdf
            || is_offered
            || ((said.document || said.language) && is_file)
            || (is_silent && anchor.has_icon)
            || is_title
            || (is_silent && is_pointed_at());
        let via = match anchor.known {
            Some(via) => via,
            None if is_shown_here(&self.url, url) => Via::SelfPdf,
            None if reads && anchor.is_viewed => Via::Viewer,
            None if reads => Via::AnchorText,
            None if is_self_pdf => Via::SelfPdf,
            None => return (None, None),
        };
        let is_sure = matches!(via, Via::SiteLink | Via::AnchorClass);
        let plain = if title.is_empty() {
            text.to_owned()
        } else {
            text.replace(title, " ")
        };
        let why = if via == Via::SiteLink {
            None
        } else if !is_sure && !said.rest.is_empty() {
            Some(Why::Says(said.rest))
        } else if let Some(word) =
            other_word(&plain).filter(|word| is_sure || !title.contains(word))
        {
            Some(Why::Says(word.to_owned()))
        } else if let Some(part) = other_part(url, title) {
            Some(Why::Part(part))
        } else if via == Via::AnchorText && host::site(&self.url) != host::site(url) {
            Some(Why::OtherSite)
        } else if !is_sure
            && let Some(label) =
                other_label(&anchor.label, title).or_else(|| other_label(&anchor.term, title))
        {
            Some(Why::Beside(label))
        } else if !is_sure && self.is_below_other_title() {
            Some(Why::Place)
        } else {
            None
        };
        (Some(via), why)
    }

    /// The title of the work or the page, in lower case.
    pub(super) fn plain_title(&self) -> String {
        let title = self.titles.first().map_or("", String::as_str);
        let title = if title.is_empty() {
            &self.signs.heading
        } else {
            title
        };
        title.to_lowercase()
    }
}

/// Whether the page at `page`, which has the name of a PDF, is that of the file at `url`.
fn is_shown_here(page: &Url, url: &Url) -> bool {
    fn name(url: &Url) -> Option<&str> {
        url.path().rsplit(['/', ':']).next()
    }
    is_pdf(page) && page != url && name(page) == name(url)
}

/// Whether anything but words for the full text says that a link leads to a file.
fn looks_like_file(anchor: &Anchor, url: &Url, text: &str) -> bool {
    anchor.is_viewed || anchor.has_icon || is_place_of_file(url) || text.contains("pdf")
}

/// Whether `target` may be that of a viewer, by what those have in their URLs.
fn may_be_viewer(target: &str) -> bool {
    const VIEWERS: [&str; 5] = ["viewer", "pdfjs", "pdf.js", "docs.google", "drive.google"];
    VIEWERS.iter().any(|part| target.contains(part)) || target.contains("ViewerJS")
}

impl Anchor {
    pub(super) fn new(url: Option<Url>, open: &Open, text: String) -> Self {
        Self {
            url,
            place: open.place,
            is_main: open.is_main,
            known: None,
            text,
            label: String::new(),
            term: String::new(),
            has_icon: false,
            is_viewed: false,
        }
    }
}
