//! What stands beside a link: the other words of its item, and the headings above it.
//!
//! A link that says no more than PDF is that of what it stands beside. In a list of works it stands beside the name of one of
//! them, which is the page's own only if it is that of the page.

use super::super::residue::{Said, said, said_beside};
use super::super::stack::{LABEL, level};
use super::super::target::is_nearly;
use super::super::wording::other_word;
use super::super::{Via, Why};
use super::{Collector, Heading, LONGEST_TEXT, add_text};

/// The most items in each other that are told apart.
const MOST_ITEMS: usize = 24;

/// How many words beside a link are about something, and not its size or its version.
const PROSE: usize = 3;

/// How few bytes are between a heading and what it stands directly above.
const NEAR: usize = 60;

/// The most words of a label.
const LONGEST_LABEL: usize = 6;

/// The most words of a line that is a label and what it names, such as the title of another article.
const LONGEST_LINE: usize = 25;

/// What stands for the end of a line in a label.
const LINE: &str = " |";

/// The most words of a label that is no sentence.
const SHORT_LABEL: usize = 3;

/// How much may be shown between a term and what it names.
const FAR: usize = 200;

/// Elements that begin a new line, and so end what stands before a link.
const BLOCKS: [&str; 16] = [
    "p",
    "dd",
    "dt",
    "div",
    "li",
    "tr",
    "figure",
    "figcaption",
    "section",
    "article",
    "ul",
    "ol",
    "dl",
    "table",
    "header",
    "aside",
];

/// How many words a heading has that is the title of something.
const TITLE: usize = 4;

/// What stands around the place that the page has been read to.
#[derive(Debug, Default)]
pub(super) struct Surroundings {
    items: Vec<Item>,
    /// The heading above, if it is that of a part that pages of articles need not have.
    heading: Option<Above>,
    /// The heading above, if it is the title of something else.
    other_title: Option<Above>,
    has_heading: bool,
    /// What has been shown since the last link or block.
    label: String,
    term: Term,
}

/// The name of what stands beside it: the first cell of a row, or the term that a list describes.
#[derive(Debug, Default)]
struct Term {
    text: String,
    /// How deep what has it is.
    depth: usize,
    is_open: bool,
    /// How much has been shown since.
    shown: usize,
}

/// An element that is about one thing, such as an item of a list.
#[derive(Debug)]
struct Item {
    kind: Kind,
    depth: usize,
    /// How many candidates there were before it.
    found: usize,
    /// Whether it is below a heading that pages of articles need not have.
    is_apart: bool,
    text: String,
    is_long: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// An item of a list.
    Item,
    /// A row of a table.
    Row,
    /// A figure with its caption.
    Figure,
    /// Text, with no more than the text that is directly in it.
    Text,
}

/// A heading above.
#[derive(Debug)]
struct Above {
    level: u8,
    /// How deep what it stands in is.
    depth: usize,
    /// What it says, in lower case.
    text: String,
    /// How many characters have been shown since.
    shown: usize,
    /// Whether it turned out that it stands in an element of its own.
    is_wrapped: bool,
}

impl Surroundings {
    /// Notes that an element begins, before which there were this many candidates.
    pub(super) fn begin(&mut self, name: &str, depth: usize, found: usize) {
        let is_heading = level(name).is_some_and(|level| level < LABEL);
        if (is_heading || BLOCKS.contains(&name)) && !is_open(&self.label) {
            self.label.clear();
        }
        if name == "br" && !self.label.is_empty() && !is_open(&self.label) {
            self.label.push_str(LINE);
        }
        self.begin_term(name, depth);
        let kind = match name {
            "li" => Kind::Item,
            "tr" => Kind::Row,
            "figure" => Kind::Figure,
            "p" | "dd" | "div" => Kind::Text,
            _ => return,
        };
        if self.items.len() < MOST_ITEMS {
            self.items.push(Item {
                kind,
                depth,
                found,
                is_apart: self.heading.is_some(),
                text: String::new(),
                is_long: false,
            });
        }
    }

    fn begin_term(&mut self, name: &str, depth: usize) {
        let is_apart = |name| level(name).is_some_and(|level| level < LABEL);
        match name {
            "tr" | "dt" => {
                self.term = Term {
                    // what a term names stands beside it
                    depth: depth.saturating_sub(usize::from(name == "dt")),
                    is_open: true,
                    ..Term::default()
                }
            }
            // a whole page may stand in a table
            _ if is_apart(name) => self.term = Term::default(),
            "td" | "th" | "dd" if !self.term.text.is_empty() => self.term.is_open = false,
            _ => {}
        }
    }

    /// The term beside which the page goes on, in lower case, as an open label.
    pub(super) fn term(&self) -> String {
        let term = &self.term;
        let is_file = !term.text.contains(' ')
            && term
                .text
                .contains(|c: char| matches!(c, '_' | '-' | '.') || c.is_ascii_digit());
        let is_long = term.text.split(' ').count() > LONGEST_LABEL;
        if term.is_open || term.text.is_empty() || term.shown > FAR || is_long || is_file {
            return String::new();
        }
        [&term.text.to_lowercase(), ":"].concat()
    }

    /// Notes what is shown.
    pub(super) fn show(&mut self, text: &str) {
        let last = self.items.len().saturating_sub(1);
        for (at, item) in self.items.iter_mut().enumerate() {
            if at == last || item.kind != Kind::Text {
                item.is_long |= item.text.len() + text.len() >= LONGEST_TEXT;
                add_text(&mut item.text, text);
            }
        }
        for above in [&mut self.heading, &mut self.other_title]
            .into_iter()
            .flatten()
        {
            above.shown += text.trim().len();
        }
        add_text(&mut self.label, text);
        if self.term.is_open {
            add_text(&mut self.term.text, text);
        } else {
            self.term.shown += text.trim().len();
        }
    }

    /// What stands before the link that begins, in lower case: text, or a heading directly above that is no usual one.
    pub(super) fn take_label(&mut self) -> String {
        let label = std::mem::take(&mut self.label).to_lowercase();
        let is_in_row = self
            .items
            .iter()
            .rev()
            .take(2)
            .any(|item| item.kind == Kind::Row);
        if is_in_row && label.split_whitespace().count() > PROSE {
            return [&label, ":"].concat();
        }
        match &self.heading {
            Some(heading) if heading.shown < NEAR => [&heading.text, ":"].concat(),
            _ => label,
        }
    }

    /// What stands before what is embedded, in lower case: a heading directly above that is no usual one, or a few words.
    pub(super) fn take_caption(&mut self) -> String {
        let label = std::mem::take(&mut self.label).to_lowercase();
        match &self.heading {
            Some(heading) if heading.shown < NEAR => [&heading.text, ":"].concat(),
            _ if is_open(&label) || label.split_whitespace().count() <= PROSE => label,
            _ => String::new(),
        }
    }

    /// Whether what stands here is below the title of something else, or directly below a heading that is no usual one.
    pub(super) fn is_apart(&self) -> bool {
        let is_near = |heading: &Above| heading.shown < NEAR;
        self.other_title.is_some() || self.heading.as_ref().is_some_and(is_near)
    }

    /// About how many bytes are kept.
    #[cfg(test)]
    pub(super) fn kept(&self) -> usize {
        let texts = self.items.iter().map(|item| item.text.capacity());
        texts.sum::<usize>() + self.label.capacity() + self.items.capacity() * size_of::<Item>()
    }

    /// The innermost item that is not open any longer at this depth.
    fn end(&mut self, depth: usize) -> Option<Item> {
        for above in [&mut self.heading, &mut self.other_title] {
            let Some(heading) = above else { continue };
            if heading.depth <= depth {
                continue;
            }
            if heading.shown > 0 || heading.is_wrapped {
                *above = None;
            } else {
                (heading.depth, heading.is_wrapped) = (depth, true);
            }
        }
        if self.term.depth > depth {
            self.term = Term::default();
        }
        let ended = self.items.pop_if(|item| item.depth > depth);
        if ended.is_some() && !is_open(&self.label) {
            self.label.clear();
        }
        ended
    }
}

/// Whether a label goes on behind it.
fn is_open(label: &str) -> bool {
    label.trim_end().ends_with([':', '：'])
}

/// What a label says that is another file than the article, before a link that says no more than PDF.
pub(super) fn other_label(label: &str, title: &str) -> Option<String> {
    let words = count(label);
    if words == 0 || (!title.is_empty() && label.contains(title)) {
        return None;
    }
    if words <= LONGEST_LABEL
        && let Some(word) = other_word(label)
    {
        return Some(word.to_owned());
    }
    let line = label.rsplit(LINE).next().unwrap_or_default();
    let name = if is_open(label) {
        label
    } else if count(line) <= LONGEST_LINE {
        line.split_once([':', '：'])?.0
    } else {
        return None;
    };
    let words = count(name);
    let is_known = words <= LONGEST_LABEL && other_word(name).is_some();
    let is_other = words > 0 && is_apart(&said_beside(name, title), words);
    (is_known || is_other).then(|| name.trim_end_matches([':', '：', ' ']).to_owned())
}

fn count(text: &str) -> usize {
    text.split_whitespace()
        .filter(|word| *word != LINE.trim())
        .count()
}

/// Whether what is said beside a link in so many words is about something else, and does not offer the full text. What names
/// a document in few words is that of another, such as `Previous article`.
fn is_apart(said: &Said, words: usize) -> bool {
    let is_offer = said.pdf || (said.is_offer() && words > SHORT_LABEL);
    said.rest.len() > 1 && !is_offer
}

impl Collector {
    /// Whether a link that says nothing about what it leads to stands below the title of something else.
    pub(super) fn is_below_other_title(&self) -> bool {
        self.surroundings.other_title.is_some()
    }

    /// Takes back the candidates of items that have ended and are about something else.
    pub(super) fn end_items(&mut self) {
        while let Some(item) = self.surroundings.end(self.stack.depth()) {
            if item.found < self.found.len() && self.is_about_another(&item) {
                self.leave_out_from(&item);
            }
        }
    }

    fn is_about_another(&self, item: &Item) -> bool {
        if item.kind == Kind::Figure {
            let text = item.text.to_lowercase();
            let said = said(&text, &self.plain_title(), None);
            return other_word(&text).is_some() || is_apart(&said, 0);
        }
        let counts = item.kind == Kind::Item || item.is_apart;
        if !counts || (item.kind == Kind::Row && item.is_long) {
            return false;
        }
        let (text, title) = (item.text.to_lowercase(), self.plain_title());
        let is_own = title.len() > 8 && text.contains(&title);
        !is_own && (item.is_long || said(&text, &title, None).unknown >= PROSE)
    }

    /// Takes back what was found in an item. What a page declares or shows counts in any layout but a list of works.
    fn leave_out_from(&mut self, item: &Item) {
        let is_listed = item.kind == Kind::Item && !item.is_long;
        let is_part = |via| match via {
            Via::AnchorText | Via::AnchorLikely => true,
            Via::AnchorClass => !item.is_long,
            Via::SiteLink => false,
            _ => is_listed,
        };
        let later = self.found.split_off(item.found);
        let (others, kept): (Vec<_>, Vec<_>) =
            later.into_iter().partition(|found| is_part(found.via));
        self.found.extend(kept);
        for other in others {
            self.leave_out(Some(&other.url), other.via, Why::Place);
        }
    }

    /// Notes that a heading with this text has ended, which is the title of the page or not.
    pub(super) fn head(&mut self, heading: &Heading, text: &str, is_title: bool) {
        let is_first = !std::mem::replace(&mut self.surroundings.has_heading, true);
        let depth = self.stack.depth();
        let above = || Above {
            level: heading.level,
            depth,
            text: text.to_owned(),
            shown: 0,
            is_wrapped: false,
        };
        let is_own = is_title || (is_first && !heading.leads_away);
        let said = if is_own {
            Said::default()
        } else {
            said_beside(text, "")
        };
        let around = ["div", "li", "article", "td"];
        let begins = !heading.had_content && around.iter().any(|name| self.stack.is_in(name));
        let is_apart = is_apart(&said, text.split_whitespace().count());
        let is_other =
            (said.unknown > 0 && heading.leads_away) || (said.unknown >= TITLE && begins);
        let known = &mut self.surroundings;
        for (known, is_so) in [
            (&mut known.heading, is_apart),
            (&mut known.other_title, is_other),
        ] {
            if is_so {
                *known = Some(above());
            } else {
                known.take_if(|known| known.level >= heading.level || is_title);
            }
        }
    }

    /// Notes that a link begins, perhaps in a heading.
    pub(super) fn lead_away(&mut self, href: &str) {
        if self.heading.is_none() {
            return;
        }
        let url = self.resolve(href);
        let (page, own) = (self.url.path(), &self.url);
        // the name of a journal leads to what the page is in
        let leads = url.is_some_and(|url| !page.starts_with(url.path()) && !is_nearly(&url, own));
        if let Some(heading) = &mut self.heading {
            heading.leads_away |= leads;
        }
    }
}
