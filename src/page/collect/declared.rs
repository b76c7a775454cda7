//! What a page declares: metadata, and what it embeds.
//!
//! The head of a page is about the page. What is further down is about what it stands in, like a link: a widget has metadata of
//! another article, a list of chapters that of each, and a frame below `Slides` shows slides.

use url::Url;

use super::super::elements::Tag;
use super::super::stack::{Open, Place};
use super::super::target::direct;
use super::super::wording::{is_gone, is_login, is_pdf, other_word};
use super::super::{Via, Why, identity, rules};
use super::anchors::Anchor;
use super::surroundings::other_label;
use super::{Collector, LONGEST_TEXT, MOST_NAMES, add_text};
use crate::host;

/// The longest delay of a refresh that leads on, in seconds: longer ones reload the page.
const LONGEST_DELAY: u32 = 15;

impl Collector {
    pub(super) fn input(&mut self, tag: &Tag, open: &Open) {
        if tag.has_token("type", "password")
            && open.place == Place::Here
            && !self.stack.has("header")
        {
            self.signs.has_password = true;
        }
        if tag.name() == "button" {
            self.signs.has_button = true;
            self.end_anchor();
            self.anchor = Some(Anchor::new(None, open, String::new()));
        }
        let (host, name) = (host::name_of(&self.url), tag.get("name"));
        if rules::HOPS
            .iter()
            .any(|(known, field)| host == *known && name.eq_ignore_ascii_case(field))
        {
            let target = percent_encoding::percent_decode_str(tag.get("value"));
            let target = target.decode_utf8_lossy().into_owned();
            self.find(&target, Via::Hop, open);
        }
    }

    pub(super) fn meta(&mut self, tag: &Tag, open: &Open) {
        let content = tag.get("content");
        if tag.get("http-equiv").eq_ignore_ascii_case("refresh") {
            let target = refresh_target(content).and_then(|target| self.resolve(target));
            self.refresh = self.refresh.take().or(target);
            return;
        }
        let names = [tag.get("name"), tag.get("property"), tag.get("itemprop")];
        let name = names.into_iter().find(|name| !name.is_empty());
        let name = name.unwrap_or_default().to_lowercase();
        if content.is_empty() || self.head_declares() {
            return;
        }
        if let Some((_, via)) = rules::PDF_METAS.iter().find(|(known, _)| *known == name) {
            if self.rules.ignores_meta(&self.url) {
                let url = self.resolve(content);
                self.leave_out(url.as_ref(), *via, Why::WrongMeta);
            } else if let Some(why) = self.objection_in_body(content) {
                let url = self.resolve(content);
                self.leave_out(url.as_ref(), *via, why);
            } else {
                self.signs.is_article |= open.place != Place::Others;
                self.find(content, *via, open);
            }
        }
        // what is said elsewhere on a page is about other works
        if open.place == Place::Others {
            return;
        }
        let name = name.as_str();
        if rules::TITLE_METAS.contains(&name) {
            self.add_title(content, name == "citation_title");
            let title = content.to_lowercase();
            // a template may fill in what it has, even if that is the title of an error
            if !name.starts_with("dc") && !is_gone(&title, "") && !is_login(&title, "") {
                self.signs.is_article = true;
            }
        }
        let is_article = name == "og:type" && content.eq_ignore_ascii_case("article");
        if is_article || rules::WORK_METAS.contains(&name) {
            self.signs.is_work = true;
            self.signs.is_article |= !is_article;
        }
        if name == "citation_arxiv_id" {
            self.works.declare(Some(identity::arxiv(content)));
            self.add_id(Some(identity::arxiv(content)));
        }
        if rules::DOI_METAS.contains(&name) {
            if name.contains("citation_") {
                self.works.declare(identity::doi(content));
            }
            self.add_id(identity::doi(content));
            if name == "dc.identifier"
                && let Some(url) = self.resolve(content)
                && content.starts_with("http")
                && is_pdf(&url)
            {
                self.find(content, Via::DcIdentifier, open);
            }
        }
    }

    /// Why a PDF that is declared in the body is not that of the page: lists of works and of chapters have one for each.
    fn objection_in_body(&mut self, target: &str) -> Option<Why> {
        if !self.is_head_over {
            return None;
        }
        let is_apart = self.surroundings.is_apart();
        // the others may stand below shorter titles
        self.works.are_apart |= is_apart;
        if self.works.is_elsewhere || is_apart {
            return Some(Why::Place);
        }
        let url = self.resolve(target)?;
        self.works.note_part(url);
        None
    }

    pub(super) fn add_title(&mut self, title: &str, is_first: bool) {
        self.signs.is_work = true;
        let mut text = String::new();
        add_text(&mut text, title);
        self.works.place_title(&text, !self.is_head_over);
        self.works.entitle(&text, is_first);
        let is_new = !self.titles.contains(&text) && self.titles.len() < MOST_NAMES;
        // other names hold the same title in other words
        if is_new && (is_first || self.titles.is_empty()) {
            self.titles.push(text);
        }
    }

    pub(super) fn add_id(&mut self, id: Option<String>) {
        let Some(id) = id.filter(|id| id.len() <= LONGEST_TEXT) else {
            return;
        };
        (self.signs.is_work, self.signs.is_article) = (true, true);
        if !self.ids.contains(&id) && self.ids.len() < MOST_NAMES {
            self.ids.push(id);
        }
    }

    pub(super) fn link_rel(&mut self, tag: &Tag, open: &Open) {
        let is_own = tag.has_token("rel", "alternate") || tag.has_token("rel", "item");
        if is_pdf_type(tag.get("type")) && is_own {
            if let Some(word) = self.other_word_of(tag) {
                let url = self.resolve(tag.get("href"));
                return self.leave_out(url.as_ref(), Via::LinkRel, Why::Says(word.to_owned()));
            }
            let language = tag.get("hreflang");
            let is_same = |known: &str| known.get(..2) == language.get(..2);
            let is_default = language.eq_ignore_ascii_case("x-default");
            let speaks = language.is_empty()
                || !is_default && (self.language.is_empty() || is_same(&self.language));
            match self.resolve_viewed(tag.get("href")) {
                Some((url, _)) if speaks => {
                    self.add_text_found(url, Via::LinkRel, open, language);
                }
                // it counts if there is no other
                Some((url, _)) if self.foreign.len() < 2 => self.foreign.push((url, open.clone())),
                _ => {}
            }
        }
        let is_set = tag
            .get("type")
            .eq_ignore_ascii_case("application/linkset+json");
        if is_set && tag.has_token("rel", "linkset") {
            self.find(tag.get("href"), Via::Linkset, open);
        }
    }

    /// The word by which the name of `tag` is that of something else than the article.
    fn other_word_of(&self, tag: &Tag) -> Option<&'static str> {
        let mut name = [tag.get("title"), " ", tag.get("aria-label")]
            .concat()
            .to_lowercase();
        let title = self.plain_title();
        if !title.is_empty() {
            name = name.replace(&title, " ");
        }
        other_word(&name)
    }

    pub(super) fn embedded(&mut self, tag: &Tag, open: &Open) {
        let names: &[&str] = match tag.name() {
            "object" => &["data"],
            // some frames are loaded when they are scrolled to
            _ => &["src", "data-src", "data-lazy-src"],
        };
        let sources = names.iter().map(|name| tag.get(name));
        let resolved = sources.filter_map(|source| Some((source, self.resolve_viewed(source)?)));
        let Some((source, (url, is_viewed))) = resolved.into_iter().next() else {
            return;
        };
        if is_viewed {
            return self.embed(tag, url, Via::Viewer, open);
        }
        let url = direct(url);
        let lower = source.to_lowercase();
        let is_pdf = is_pdf_type(tag.get("type"))
            || tag.get("alt").eq_ignore_ascii_case("pdf")
            || is_pdf(&url);
        let is_framed = is_pdf
            || (has_pdf_segment(&url) && host::site(&url) == host::site(&self.url))
            || url.query().is_some_and(ends_as_pdf)
            || lower.contains("/stamp.jsp");
        let page = self.url.as_str();
        let is_name = |known: &str| {
            tag.get("id").eq_ignore_ascii_case(known)
                || tag.get("name").eq_ignore_ascii_case(known)
                || lower.contains(known)
        };
        let mut hops = rules::FRAME_HOPS.iter();
        let leads_on = hops.any(|(part, known)| page.contains(part) && is_name(known));
        match tag.name() {
            "iframe" | "frame" if is_framed || leads_on => self.embed(tag, url, Via::Frame, open),
            "embed" | "object" if is_pdf => self.embed(tag, url, Via::Embed, open),
            _ => {}
        }
    }

    /// Adds what `tag` shows, unless that or what stands around it says that it is something else.
    fn embed(&mut self, tag: &Tag, url: Url, via: Via, open: &Open) {
        let word = self.other_word_of(tag);
        let said = word.map(|word| Why::Says(word.to_owned()));
        let apart = open.is_dialog.then_some(Why::Place);
        match said.or(apart).or_else(|| self.objection_beside()) {
            Some(why) => self.leave_out(Some(&url), via, why),
            None => self.add_found(url, via, open),
        }
    }

    /// Why what is embedded here is something else than the article, by what stands before it. On a page that does not say that it
    /// is about a work, it may be what the page is about, whatever its name.
    fn objection_beside(&mut self) -> Option<Why> {
        let label = self.surroundings.take_caption();
        let label = if self.signs.is_work {
            other_label(&label, &self.plain_title())
        } else {
            other_word(&label).map(|_| label)
        };
        let is_other = self.signs.is_work && self.is_below_other_title();
        label.map(Why::Beside).or(is_other.then_some(Why::Place))
    }

    /// What old objects have in place of their `data`.
    pub(super) fn param(&mut self, tag: &Tag, open: &Open) {
        let is_file = ["src", "data", "url", "filename"]
            .iter()
            .any(|name| tag.get("name").eq_ignore_ascii_case(name));
        if let Some((url, _)) = self.resolve_viewed(tag.get("value"))
            && is_file
            && is_pdf(&url)
        {
            self.embed(tag, url, Via::Embed, open);
        }
    }
}

/// Whether a folder or the file of `url` is called as what sends a PDF, such as `/doi/pdfdirect/` or `/stampPDF/`.
fn has_pdf_segment(url: &Url) -> bool {
    url.path_segments().into_iter().flatten().any(|segment| {
        let segment = segment.to_ascii_lowercase();
        let name = segment.split('.').next().unwrap_or_default();
        name.ends_with("pdf") || matches!(name, "pdfdirect" | "pdfplus")
    })
}

fn ends_as_pdf(text: &str) -> bool {
    let end = text.len().checked_sub(4).and_then(|at| text.get(at..));
    end.is_some_and(|end| end.eq_ignore_ascii_case(".pdf"))
}

/// The URL of the PDF that `url` names as its file.
pub(super) fn file_in_query(url: &Url) -> Option<Url> {
    const NAMES: [&str; 6] = ["file", "pdf", "url", "src", "doc", "document"];
    let is_file =
        |value: &str| ends_as_pdf(value) && (value.starts_with('/') || value.starts_with("http"));
    let mut pairs = url.query_pairs();
    let (_, value) = pairs.find(|(name, value)| NAMES.contains(&&**name) && is_file(value))?;
    url.join(&value).ok()
}

/// Whether a media type is that of a PDF, with parameters or without.
fn is_pdf_type(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/pdf")
}

/// The target of a refresh like `5; url=/next`, if it comes soon (HTML, section 4.2.5.3).
pub(super) fn refresh_target(content: &str) -> Option<&str> {
    let content = content.trim_start();
    let is_number = |c: char| c.is_ascii_digit() || c == '.';
    let (delay, target) = content.split_at(content.find(|c| !is_number(c))?);
    // fractions are ignored
    let delay = delay.split('.').next().unwrap_or_default();
    let is_soon = delay.is_empty() || delay.parse().is_ok_and(|delay: u32| delay <= LONGEST_DELAY);
    if !is_soon || !content.starts_with(is_number) {
        return None;
    }
    if !target.starts_with(|c: char| c.is_ascii_whitespace() || matches!(c, ';' | ',')) {
        return None;
    }
    let target = target.trim_start();
    let target = target.strip_prefix([';', ',']).unwrap_or(target).trim();
    let named = match target.get(..3) {
        Some(name) if name.eq_ignore_ascii_case("url") => {
            target[3..].trim_start().strip_prefix('=')
        }
        _ => None,
    };
    let target = named.unwrap_or(target).trim_start();
    let target = match target.chars().next() {
        Some(quote @ ('"' | '\'')) => target[1..].split(quote).next().unwrap_or_default(),
        _ => target,
    };
    let target = target.trim();
    (!target.is_empty()).then_some(target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refreshes_are_read_as_browsers_do() {
        for (content, target) in [
            ("0; url=/b", Some("/b")),
            ("0;URL='/b'", Some("/b")),
            ("0 url=/b", Some("/b")),
            ("0,/b", Some("/b")),
            (" 5.7 ; Url = \"/b c\" x", Some("/b c")),
            (".5; url=/b", Some("/b")),
            ("0; url=\n/b", Some("/b")),
            ("0; /url", Some("/url")),
            ("0; urls", Some("urls")),
            ("0;url=/b?a=1;b=2", Some("/b?a=1;b=2")),
            ("16; url=/b", None),
            ("99999999999; url=/b", None),
            ("url=/b", None),
            ("; url=/b", None),
            ("0url=/b", None),
            ("5", None),
            ("5; url=", None),
            ("", None),
        ] {
            assert_eq!(refresh_target(content), target, "{content:?}");
        }
    }
}
