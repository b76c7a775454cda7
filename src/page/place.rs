//! Where something stands on a page, by what the elements around it are called.
//!
//! Classes and ids are words of authors, joined in many ways: `related-articles`, `relatedArticles`, `block__related`. What is
//! known of such words counts where one of them begins, and not within one (`correlated`). What is about the layout of a page is
//! no place in it: `has-sidebar`, `menu-closed`.

use std::sync::LazyLock;

use super::elements::{Tag, mark};
use super::rules;

/// What stands in an element is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) enum Place {
    /// The page.
    #[default]
    Here,
    /// All pages of the site.
    Edge,
    /// Other works, or a part of this one; or it is not shown.
    Others,
}

/// What the contents of `tag` are about, as far as it says.
pub(super) fn place_of(tag: &Tag) -> Place {
    let name = tag.name();
    if matches!(name, "html" | "body" | "main") {
        return Place::Here;
    }
    if matches!(name, "template" | "dialog") {
        return Place::Others;
    }
    let by_element = if rules::EDGE_ELEMENTS.contains(&name) {
        Place::Edge
    } else {
        Place::Here
    };
    if tag.is_plain() {
        return by_element;
    }
    if is_hidden(tag) {
        return Place::Others;
    }
    let words = ["class", "id", "role"].into_iter();
    let words = words.flat_map(|attribute| tag.get(attribute).split_ascii_whitespace());
    let place = words.map(place_of_word).fold(by_element, Place::max);
    match place {
        // it looks like one of a menu, wherever it stands
        Place::Edge if name == "a" => Place::Here,
        place => place,
    }
}

/// Whether `tag` opens above the page, and does not offer the article.
pub(super) fn is_other_dialog(tag: &Tag) -> bool {
    let mut dialogs = rules::DIALOGS
        .iter()
        .filter(|name| tag.may_have(mark(name)));
    let is_own = |attribute| {
        let value = tag.get(attribute).to_lowercase();
        rules::OWN_DIALOGS.iter().any(|own| value.contains(own))
    };
    dialogs.any(|name| tag.has_token("class", name) || tag.has_token("role", name))
        && !["class", "id"].into_iter().any(is_own)
}

/// Whether `tag` is not shown, neither at once nor on another screen or in another tab.
fn is_hidden(tag: &Tag) -> bool {
    let has = |part: &[&str]| {
        let mut words = tag.get("class").split_ascii_whitespace();
        words.any(|word| part.iter().any(|part| word.starts_with(part)))
    };
    let is_later = || has(&["tab", "accordion", "collaps"]) || tag.has_token("role", "tabpanel");
    let has_style = || {
        let style = tag.get("style");
        !style.is_empty()
            && style
                .replace(' ', "")
                .to_lowercase()
                .contains("display:none")
    };
    if tag.has("hidden") || has_style() {
        return !is_later();
    }
    // on small screens only
    tag.may_have(mark("hidden"))
        && tag.has_token("class", "hidden")
        && !has(&["sm:", "md:", "lg:", "xl:", "2xl:"])
}

/// What a word in the class of an element says about its contents.
fn place_of_word(text: &str) -> Place {
    let is = |known: &&str| text.eq_ignore_ascii_case(known);
    if rules::OWN_OTHERS.iter().any(is) {
        return Place::Here;
    }
    let word = Word::of(text);
    if word.is_other()
        || rules::OTHER_WORDS
            .iter()
            .any(|known| *known != "hidden" && is(known))
    {
        return Place::Others;
    }
    if word.is_edge() || rules::EDGE_WORDS.iter().any(is) {
        return Place::Edge;
    }
    Place::Here
}

/// The longest word that is looked at, in bytes.
const LONGEST_WORD: usize = 64;

/// A word that may consist of others.
struct Word {
    /// Its letters and digits, in lower case.
    letters: [u8; LONGEST_WORD],
    length: usize,
    /// Where its words begin, a bit each.
    starts: u64,
}

impl Word {
    fn of(text: &str) -> Self {
        let mut word = Self {
            letters: [0; LONGEST_WORD],
            length: 0,
            starts: 0,
        };
        let mut before = b'-';
        for byte in text.bytes() {
            let is_letter = byte.is_ascii_alphanumeric() || !byte.is_ascii();
            if is_letter && word.length < LONGEST_WORD {
                let is_joined = before.is_ascii_alphanumeric() || !before.is_ascii();
                let is_hump = before.is_ascii_lowercase() && byte.is_ascii_uppercase();
                word.starts |= u64::from(!is_joined || is_hump) << word.length;
                word.letters[word.length] = byte.to_ascii_lowercase();
                word.length += 1;
            }
            before = byte;
        }
        word
    }

    /// Its words, with where they begin.
    fn words(&self) -> impl Iterator<Item = (usize, &[u8])> {
        let mut rest = self.starts;
        std::iter::from_fn(move || {
            let start = rest.trailing_zeros() as usize;
            rest &= rest.checked_sub(1)?;
            let end = self.length.min(rest.trailing_zeros() as usize);
            Some((start, &self.letters[start..end]))
        })
    }

    fn is_other(&self) -> bool {
        let begins = |at: usize| {
            let rest = &self.letters[at..self.length];
            let parts = &OTHERS[usize::from(rest[0] % 32)];
            parts.iter().any(|part| rest.starts_with(part))
        };
        self.words()
            .any(|(at, _)| begins(at) && !self.is_negated(at))
    }

    fn is_edge(&self) -> bool {
        let is_own = |(at, _): (usize, &[u8])| {
            let rest = &self.letters[at..self.length];
            OWN_EDGES.iter().any(|own| {
                rest == &own[..] || rest.starts_with(own) && self.ends_at(at + own.len())
            })
        };
        let says = |(at, word): (usize, &[u8])| {
            let rest = &self.letters[at..self.length];
            EDGES.iter().any(|edge| {
                match (rest.strip_prefix(&edge[..]), word.strip_suffix(&edge[..])) {
                    (Some(_), _) => !self.is_negated(at) && !self.has_state(at + edge.len()),
                    // such as `leftsidebar`
                    (None, Some(before)) => {
                        !is_any(&rules::NEGATIONS, before) && !self.is_negated(at)
                    }
                    _ => false,
                }
            })
        };
        self.words().any(says) && !self.words().any(is_own)
    }

    fn ends_at(&self, at: usize) -> bool {
        at == self.length || self.starts >> at & 1 == 1
    }

    /// Whether a word before the one at `at` says that it is about the layout.
    fn is_negated(&self, at: usize) -> bool {
        let mut before = self.words().take_while(|(start, _)| *start < at);
        before.any(|(_, word)| is_any(&rules::NEGATIONS, word))
    }

    /// Whether a word from `at` on says that it is a state of the page.
    fn has_state(&self, at: usize) -> bool {
        let end = self
            .words()
            .map(|(start, _)| start)
            .find(|start| *start >= at);
        let rest = &self.letters[at..end.unwrap_or(self.length)];
        let mut after = self.words().filter(|(start, _)| *start >= at);
        is_any(&rules::STATES, rest) || after.any(|(_, word)| is_any(&rules::STATES, word))
    }
}

fn is_any(known: &[&str], word: &[u8]) -> bool {
    known.iter().any(|known| known.as_bytes() == word)
}

/// The parts of [`rules::OTHERS`] by their first letter.
static OTHERS: LazyLock<[Vec<Vec<u8>>; 32]> = LazyLock::new(|| {
    let mut parts: [Vec<_>; 32] = Default::default();
    for part in joined(&rules::OTHERS) {
        parts[usize::from(part[0] % 32)].push(part);
    }
    parts
});

static EDGES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| joined(&rules::EDGES));

static OWN_EDGES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| joined(&rules::OWN_EDGES));

/// Words without what joins theirs.
fn joined(words: &[&str]) -> Vec<Vec<u8>> {
    let joined = words.iter().map(|word| word.replace('-', "").into_bytes());
    joined.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_say_what_they_are_about() {
        for (words, place) in [
            (
                "article content record-preview pdf-preview documentPreview preview file-preview-modal correlated-things \
                 field-name-popular-science latest-version-pane version-latest menu-closed menuopen cookie-consented has_sidebar \
                 layout-with-sidebar withsidebar nosidebar page-has-banner sidebar-open no-right-sidebar widget \
                 elementor-widget elementor-widget-container article-sidebar article__footer articleSidebar dropdown-menu \
                 irrelated hidden-xs - _ ö 日本",
                Place::Here,
            ),
            (
                "sidebar left-sidebar leftsidebar sideBar side-bar sidebar1 pagefooter site-footer footerLinks mainmenu \
                 main-menu menubar breadcrumbs navbar navbar-default nav aside contentinfo banner top-banner cookieBar \
                 footer-widget-area widget-area topBar wp-navigation masthead",
                Place::Edge,
            ),
            (
                "references article-references References ref-list refList reflist ref_item citedBy cited-by-list related \
                 relatedArticles block__related related_content recommendations suggested-articles supplementary-material \
                 supportingInfo supporting-information footnotes tocWrapper table-of-contents NLM_back most-read mostRead \
                 most-popular popular latest latest-articles first-page-preview firstPage article-preview advertisement toc refs \
                 ad also-read sponsors book-toc",
                Place::Others,
            ),
        ] {
            for word in words.split_ascii_whitespace() {
                assert_eq!(place_of_word(word), place, "{word}");
            }
        }
        let long = "related-".repeat(99);
        assert_eq!(place_of_word(&long), Place::Others);
    }
}
