//! The rules at work: from the elements of a page to its candidates.

mod anchors;
mod declared;
mod surroundings;
mod works;

use std::borrow::Cow;
use std::sync::Arc;

use encoding_rs::{Encoding, UTF_8};
use url::Url;

use super::choose::{Candidate, Choice};
use super::elements::Tag;
use super::rule_set::Rules;
use super::scripts::Scripts;
use super::stack::{LABEL, Open, Place, Stack, level};
use super::target::{direct, is_nearly, is_other_file, other_part, viewed};
use super::verdict::{PageKind, Signs};
use super::wording;
use super::{Circumstances, LeftOut, Reading, Via, Why, Work, link_header, rules};
use anchors::Anchor;
use declared::{file_in_query, refresh_target};
use surroundings::Surroundings;
use works::{About, Works};

/// The most candidates that are kept while a page is read: more than can be chosen from.
const MOST_FOUND: usize = 64;

/// The most bytes of their URLs.
const MOST_BYTES: usize = 64 * 1024;

/// The most titles and ids of a page that are kept.
const MOST_NAMES: usize = 8;

/// The longest text of a link, a heading, a title or an id, in bytes.
const LONGEST_TEXT: usize = 400;

/// The level of the heading of a box.
const BOX: u8 = 6;

/// Elements that other markup does not have.
const HTML: [&str; 12] = [
    "html", "head", "body", "title", "meta", "a", "p", "div", "script", "frameset", "h1",
    "self-uri",
];

/// Collects candidates.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
pub(super) struct Collector {
    url: Url,
    link: Url,
    /// The URL of the list that was requested, if that is not the link.
    asked: Option<Url>,
    /// Whether the response sets cookies, so that the same URL may be another page the next time.
    sets_cookies: bool,
    /// Whether the page is read again, since what it declares is not there.
    is_again: bool,
    infers: bool,
    /// Whether what is inferred is looked for, if only to be left out.
    looks: bool,
    rules: Arc<Rules>,
    /// The rules about links that apply on this page.
    links: Vec<usize>,
    scripts: Option<Scripts>,
    base: Option<Url>,
    encoding: &'static Encoding,
    stack: Stack,
    is_head_over: bool,
    is_over: bool,
    /// Whether the head, or what comes before it, has declared a PDF.
    is_declared: bool,
    language: String,
    found: Vec<Candidate>,
    bytes: usize,
    refresh: Option<Url>,
    /// What the page declares as its PDF in another language than its own, the first two.
    foreign: Vec<(Url, Open)>,
    anchor: Option<Anchor>,
    heading: Option<Heading>,
    surroundings: Surroundings,
    page_title: String,
    titles: Vec<String>,
    ids: Vec<String>,
    works: Works,
    signs: Signs,
    left_out: Option<Vec<LeftOut>>,
}

/// A heading whose text is being read.
#[derive(Debug)]
struct Heading {
    level: u8,
    depth: usize,
    had_content: bool,
    /// Whether it has a link to another page.
    leads_away: bool,
    text: String,
}

impl Collector {
    pub(super) fn new(circumstances: &Circumstances) -> Self {
        let url = circumstances.url;
        let looks = circumstances.infers || circumstances.explains;
        let links = circumstances.rules.links_of(url, looks);
        let looks = looks || !links.is_empty();
        let mut collector = Self {
            url: url.clone(),
            link: circumstances.link.clone(),
            asked: None,
            sets_cookies: false,
            is_again: false,
            infers: circumstances.infers,
            rules: Arc::clone(circumstances.rules),
            looks,
            links,
            scripts: looks.then(|| Scripts::of(url)).flatten(),
            base: None,
            encoding: UTF_8,
            stack: Stack::default(),
            is_head_over: false,
            is_over: false,
            is_declared: false,
            language: String::new(),
            found: Vec::new(),
            bytes: 0,
            refresh: None,
            foreign: Vec::new(),
            anchor: None,
            heading: None,
            surroundings: Surroundings::default(),
            page_title: String::new(),
            titles: Vec::new(),
            ids: Vec::new(),
            works: Works::default(),
            signs: Signs::default(),
            left_out: circumstances.explains.then(Vec::new),
        };
        for (target, via) in link_header::pdfs(circumstances.links, circumstances.url) {
            collector.find(target, via, &Open::default());
        }
        let refresh = refresh_target(circumstances.refresh);
        collector.refresh = refresh.and_then(|target| collector.resolve(target));
        collector
    }

    /// Whether the text of scripts matters.
    pub(super) fn wants_scripts(&self) -> bool {
        self.scripts.is_some()
    }

    /// The encoding of the page, in which the queries of its links are.
    pub(super) fn set_encoding(&mut self, encoding: &'static Encoding) {
        self.encoding = encoding;
    }

    /// Notes what the page begins with, tags and scripts included.
    pub(super) fn see(&mut self, text: &str) {
        self.signs.see(text);
    }

    /// About how many bytes it keeps of the page.
    #[cfg(test)]
    pub(super) fn kept(&self) -> usize {
        let found: usize = self
            .found
            .iter()
            .map(|found| found.url.as_str().len() + size_of::<Candidate>())
            .sum();
        let texts = self
            .titles
            .iter()
            .chain(&self.ids)
            .map(String::capacity)
            .sum::<usize>();
        let scripts = self.scripts.as_ref().map_or(0, Scripts::kept);
        let anchor = self
            .anchor
            .as_ref()
            .map_or(0, |anchor| anchor.text.capacity());
        found
            + texts
            + scripts
            + anchor
            + self.works.kept()
            + self.language.capacity()
            + self.page_title.capacity()
            + self.signs.kept()
            + self.stack.kept()
            + self.surroundings.kept()
    }

    /// Whether nothing that follows can change the candidates.
    pub(super) fn is_decided(&self) -> bool {
        self.left_out.is_none() && self.head_declares()
    }

    /// Whether the head of the page has declared its PDF, so that what other parts of it do is about something else.
    fn head_declares(&self) -> bool {
        self.is_head_over && self.is_declared
    }

    /// Whether the page need not go on: it has declared its PDF, or has ended.
    pub(super) fn is_enough(&self) -> bool {
        self.is_over || self.is_declared
    }

    pub(super) fn start(&mut self, tag: &Tag) {
        let open = self
            .stack
            .begin(tag, Some(&*self.rules).filter(|_| self.looks));
        self.end_heading_unless_open();
        self.end_items();
        match tag.name() {
            "html" => tag.get("lang").clone_into(&mut self.language),
            "body" | "frameset" => self.is_head_over = true,
            // the first one with a target counts
            "base" if self.base.is_none() && tag.has("href") => self.base = Some(self.based(tag)),
            "script" => self.signs.has_script = true,
            "textarea" => self.signs.has_textarea = true,
            "input" | "button" => self.input(tag, &open),
            "meta" => self.meta(tag, &open),
            "link" => {
                self.canonical(tag);
                self.link_rel(tag, &open);
            }
            "self-uri" if tag.get("content-type").ends_with("pdf") => {
                self.find(tag.get("xlink:href"), Via::SelfUri, &open);
            }
            "embed" | "object" | "iframe" | "frame" => self.embedded(tag, &open),
            "param" if self.stack.is_in("object") => self.param(tag, &open),
            "a" | "area" => {
                self.shown_doi(tag, &open);
                self.anchor(tag, &open);
            }
            _ => {}
        }
        self.signs.is_page = self.signs.is_page || HTML.contains(&tag.name());
        self.picture(tag);
        let level = level(tag.name()).or_else(|| title_of_box(tag));
        let had_content = self.stack.has_content();
        let depth = self.stack.depth() + 1;
        self.surroundings.begin(tag.name(), depth, self.found.len());
        let is_kept = self.stack.push(open, tag);
        let is_over = |heading: &mut Heading| heading.level == BOX;
        if level.is_some_and(|level| level < BOX) {
            self.heading.take_if(is_over);
        }
        if let Some(level) = level.filter(|_| is_kept && self.heading.is_none()) {
            self.heading = Some(Heading {
                level,
                depth: self.stack.depth(),
                had_content,
                leads_away: false,
                text: String::new(),
            });
        }
    }

    pub(super) fn end(&mut self, name: &str) {
        match name {
            "head" => self.is_head_over = true,
            "html" => self.is_over = true,
            "a" | "button" => self.end_anchor(),
            _ => {}
        }
        self.stack.end(name);
        self.end_heading_unless_open();
        self.end_items();
    }

    /// Notes what a heading says that has ended.
    fn end_heading_unless_open(&mut self) {
        let is_over = |heading: &mut Heading| self.stack.depth() < heading.depth;
        let Some(heading) = self.heading.take_if(is_over) else {
            return;
        };
        let text = heading.text.to_lowercase();
        if heading.level == 1 && self.signs.heading.is_empty() {
            self.signs.heading.clone_from(&text);
        }
        // what has the title is about the page, however it is called
        let is_name = |title: &String| title.to_lowercase() == text;
        if self.titles.iter().any(is_name) || (heading.level == 1 && self.is_title(&text)) {
            self.stack.admit();
        }
        let is_label = heading.level == LABEL;
        let is_title = heading.level == 1 || self.is_title(&text);
        // a word in bold may stand anywhere in a sentence
        let is_heading = !is_title && !(is_label && (heading.had_content || text.len() > 60));
        if self.stack.depth() + 1 != heading.depth {
            return;
        }
        if !is_label {
            self.head(&heading, &text, is_title);
        }
        if is_heading && wording::is_other_heading(&text) {
            self.stack.begin_others(heading.level, heading.had_content);
        }
    }

    /// Whether a heading is the title of the work or of the page, perhaps without that of the site.
    fn is_title(&self, text: &str) -> bool {
        let is_same = |title: &String| title.to_lowercase() == text;
        let page = self.page_title.to_lowercase();
        let is_part = || {
            let mut parts = page.split(['|', '–', '—', '·', '•', '«', '»']);
            let is_one = parts.any(|part| part.split(" - ").any(|part| part.trim() == text));
            is_one && !wording::is_other_heading(text)
        };
        self.titles.iter().any(is_same) || (text.len() > 20 && page.contains(text)) || is_part()
    }

    pub(super) fn text(&mut self, text: &str) {
        if self.stack.is_in("title") && !self.is_head_over {
            return add_text(&mut self.page_title, text);
        }
        if text.trim().is_empty() || self.stack.is_in("textarea") || self.stack.is_in("title") {
            return;
        }
        let anchor = self.anchor.as_ref();
        let is_own =
            anchor.is_none_or(|anchor| anchor.place == Place::Here) && self.is_shown_here();
        self.signs.show(text, is_own);
        self.stack.show();
        self.surroundings.show(text);
        if let Some(heading) = &mut self.heading {
            add_text(&mut heading.text, text);
        }
        if let Some(anchor) = &mut self.anchor {
            add_text(&mut anchor.text, text);
        }
    }

    fn is_shown_here(&self) -> bool {
        self.stack.place() == Place::Here
    }

    pub(super) fn script(&mut self, text: &str) {
        let found = self.scripts.as_mut().map(|scripts| scripts.find(text));
        for target in found.unwrap_or_default() {
            self.find(&target, Via::ScriptJson, &Open::default());
        }
    }

    fn find(&mut self, target: &str, via: Via, open: &Open) {
        if let Some((url, _)) = self.resolve_viewed(target) {
            self.add_found(url, via, open);
        }
    }

    fn add_found(&mut self, url: Url, via: Via, open: &Open) {
        self.add_text_found(url, via, open, "");
    }

    fn add_text_found(&mut self, url: Url, via: Via, open: &Open, text: &str) {
        if self.is_again && via <= Via::EprintsDocumentUrl {
            return;
        }
        let url = direct(url);
        // a site declares what it wants to, even in a way that is like something else
        let is_declared = via < Via::EprintsDocumentUrl || via == Via::SiteLink;
        let why = if open.place != Place::Here {
            Some(Why::Place)
        } else if self.is_itself(&url, via) {
            Some(Why::Itself)
        } else if via != Via::Linkset && is_other_file(&url) {
            Some(Why::OtherFile)
        } else if !is_declared && let Some(part) = other_part(&url, &self.plain_title()) {
            Some(Why::Part(part))
        } else {
            None
        };
        if let Some(why) = why {
            return self.leave_out(Some(&url), via, why);
        }
        self.bytes += url.as_str().len();
        if self.found.len() == MOST_FOUND || self.bytes > MOST_BYTES {
            return self.leave_out(Some(&url), via, Why::TooMany);
        }
        self.is_declared |= !self.is_head_over && via <= Via::EprintsDocumentUrl;
        self.found.push(Candidate {
            url,
            via,
            is_main: open.is_main,
            language: wording::language(text),
            file: wording::file_in(text).map(str::to_owned),
            is_weak: false,
        });
    }

    /// Whether `url` is that of the page. One that sets cookies may lead back to itself, and a rule knows what a slash means.
    fn is_itself(&self, url: &Url, via: Via) -> bool {
        match via {
            Via::Refresh if self.sets_cookies => false,
            Via::Rewrite => *url == self.url,
            _ => is_nearly(url, &self.url),
        }
    }

    /// Notes why something is no candidate, if anybody wants to know.
    fn leave_out(&mut self, url: Option<&Url>, via: Via, why: Why) {
        if let (Some(left_out), Some(url)) = (&mut self.left_out, url)
            && left_out.len() < MOST_FOUND
        {
            left_out.push(LeftOut {
                url: url.clone(),
                via,
                why,
            });
        }
    }

    /// What the targets on the page are relative to, according to a `<base>`.
    fn based(&self, tag: &Tag) -> Url {
        let base = self.url.join(tag.get("href")).ok();
        let is_web = |base: &Url| matches!(base.scheme(), "http" | "https");
        base.filter(is_web).unwrap_or_else(|| self.url.clone())
    }

    /// The URL of a target on the page, or that of the file that a viewer there shows.
    fn resolve_viewed(&self, target: &str) -> Option<(Url, bool)> {
        let url = self.resolve_whole(target)?;
        if let Some(file) = viewed(&url) {
            return Some((file, true));
        }
        Some((without_fragment(url), false))
    }

    /// The URL of a target on the page; none if it leads to nothing that can be fetched, or to no file.
    fn resolve(&self, target: &str) -> Option<Url> {
        self.resolve_whole(target).map(without_fragment)
    }

    fn resolve_whole(&self, target: &str) -> Option<Url> {
        // templates that nobody has filled in
        const NEVER: [&str; 2] = ["{{", "{'"];
        const RESOLVERS: [&str; 2] = ["doi.org", "dx.doi.org"];
        let target = target.trim();
        let is_none = target.is_empty() || target.starts_with('#');
        if is_none || NEVER.iter().any(|part| target.contains(part)) {
            return None;
        }
        let encode: &dyn Fn(&str) -> Cow<'_, [u8]> = &|query| self.encoding.encode(query).0;
        let url = Url::options()
            .base_url(Some(self.base.as_ref().unwrap_or(&self.url)))
            .encoding_override(Some(encode))
            .parse(target);
        let is_resolver = |url: &Url| url.host_str().is_some_and(|host| RESOLVERS.contains(&host));
        url.ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && !is_resolver(url))
    }

    /// What the page says.
    pub(super) fn finish(mut self) -> Reading {
        self.end_anchor();
        self.signs.title = self.page_title.to_lowercase();
        let about = self.about();
        let asked = self.asked.as_ref().unwrap_or(&self.link);
        let kind = self
            .signs
            .certain(&self.url, asked, about.names_link)
            .or(about.is_astray.then_some(PageKind::OtherWork));
        self.add_ways();
        for found in std::mem::take(&mut self.found) {
            match self.objection(&found, kind, &about) {
                Some(why) => self.leave_out(Some(&found.url), found.via, why),
                None => self.found.push(found),
            }
        }
        let is_declared = self.head_declares();
        let is_partial = self.is_decided();
        let found = std::mem::take(&mut self.found);
        let is_one_work = self.works.are_one(&self.ids);
        let choice = Choice::of(found, is_one_work, &self.language);
        for (url, via) in &choice.equal {
            self.leave_out(Some(url), *via, Why::Ambiguous);
        }
        let leads_on = choice
            .candidates
            .first()
            .is_some_and(|found| found.via == Via::Refresh);
        let heading = Some(self.signs.heading.clone())
            .filter(|heading| leads_on && self.signs.is_work && !heading.is_empty());
        let page_title = Some(self.page_title).filter(|title| !title.is_empty());
        Reading {
            kind: self.signs.kind(kind, is_declared),
            candidates: choice.candidates,
            ambiguous: choice.ambiguous,
            about_another: about.another,
            is_work: !self.titles.is_empty(),
            work: Work {
                ids: self.ids,
                titles: self.works.into_titles(),
                heading,
            },
            is_partial,
            title: self.titles.into_iter().next().or(page_title),
            left_out: self.left_out.unwrap_or_default(),
        }
    }

    /// Why `found` is no candidate of a page that is certainly of this `kind`.
    fn objection(&self, found: &Candidate, kind: Option<PageKind>, about: &About) -> Option<Why> {
        let via = found.via;
        let is_vague = matches!(via, Via::AnchorLikely | Via::AnchorText);
        let is_anchor = is_vague || via == Via::AnchorClass;
        match kind {
            Some(PageKind::OtherWork) => Some(Why::OtherWork),
            Some(kind) if !kind.admits(via) => Some(Why::OtherPage),
            _ if self.works.are_apart && !self.is_declared && via <= Via::EprintsDocumentUrl => {
                Some(Why::Ambiguous)
            }
            _ if !via.is_declared() && about.is_another(&found.url) => Some(Why::OtherWork),
            _ if via.is_explicit() => None,
            _ if !self.infers => Some(Why::Inferred),
            _ if about.another.is_some() => Some(Why::OtherWork),
            _ if is_vague && !about.is_work => Some(Why::NoWork),
            _ if is_anchor && self.is_issue() => Some(Why::NoWork),
            _ => None,
        }
    }

    fn is_issue(&self) -> bool {
        let path = self.url.path();
        rules::ISSUES.iter().any(|part| path.contains(part))
    }

    /// Adds what is found by other means than an element.
    fn add_ways(&mut self) {
        let open = Open::default();
        // a page in place of a file in its query shows it
        let shown = || file_in_query(&self.url).filter(|_| !self.signs.is_article);
        if let Some(file) = viewed(&self.url).or_else(shown) {
            self.add_found(file, Via::Viewer, &open);
        }
        if let Some(pdf) = self.rules.pdf_of(&self.url) {
            self.add_found(pdf, Via::Rewrite, &open);
        }
        let is_rel = |found: &Candidate| found.via == Via::LinkRel;
        let foreign = std::mem::take(&mut self.foreign);
        if let [(url, open)] = &foreign[..]
            && !self.found.iter().any(is_rel)
        {
            self.add_found(url.clone(), Via::LinkRel, open);
        }
        // a page that names its PDF is no way to another one
        let is_declared = |found: &Candidate| found.via < Via::Refresh;
        if !self.signs.is_article
            && !self.found.iter().any(is_declared)
            && let Some(target) = self.refresh.take()
        {
            self.add_found(target, Via::Refresh, &open);
        }
    }
}

/// The level of the heading that `tag` is by its class, in a box beside others.
fn title_of_box(tag: &Tag) -> Option<u8> {
    const TITLES: [&str; 6] = [
        "panel-heading",
        "panel-title",
        "card-header",
        "widget-title",
        "block-title",
        "box-title",
    ];
    let is_box = matches!(tag.name(), "div" | "span" | "p") && !tag.is_plain();
    let is_title = || TITLES.iter().any(|title| tag.has_token("class", title));
    (is_box && is_title()).then_some(BOX)
}

fn without_fragment(mut url: Url) -> Url {
    url.set_fragment(None);
    url
}

/// Adds `more` to `text`, each run of white space as one space, up to [`LONGEST_TEXT`].
fn add_text(text: &mut String, more: &str) {
    let more = more.trim();
    let room = LONGEST_TEXT.saturating_sub(text.len() + 1);
    if more.len() <= room && is_plain(more) {
        if !text.is_empty() && !more.is_empty() {
            text.push(' ');
        }
        text.push_str(more);
    } else if more.is_ascii() {
        add_words(text, more.split_ascii_whitespace());
    } else {
        add_words(text, more.split_whitespace());
    }
}

/// Whether `text` is as it is kept, as most are: words of ASCII with one space between them.
fn is_plain(text: &str) -> bool {
    let mut before = b' ';
    text.bytes().all(|byte| {
        let is_space = byte == b' ' && before != b' ';
        before = byte;
        byte.is_ascii_graphic() || is_space
    })
}

fn add_words<'a>(text: &mut String, words: impl Iterator<Item = &'a str>) {
    for word in words {
        let room = LONGEST_TEXT.saturating_sub(text.len() + 1);
        // Chinese and Japanese have no spaces between words
        let is_joined = || word.contains(|c: char| c >= '\u{2e80}');
        if word.len() > room && (room == 0 || !is_joined()) {
            return;
        }
        if !text.is_empty() {
            text.push(' ');
        }
        let word = &word[..word.floor_char_boundary(room)];
        text.push_str(word);
    }
}
