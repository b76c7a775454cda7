//! The words of pages, as data in `words.txt`: what a link is about by its text, its target or the heading above it, in the
//! languages of pages.
//!
//! From the lists of Unpaywall, which took years to collect, and the same in other languages. All are in lower case, and
//! compared with lower case.

use std::collections::HashSet;
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

/// A table of words.
type Words = LazyLock<Vec<&'static str>>;

macro_rules! tables {
    ($($(#[$doc:meta])* $name:ident = $section:literal;)*) => {
        $($(#[$doc])* pub(super) static $name: Words = LazyLock::new(|| section($section));)*
    };
}

tables! {
    /// Parts of the targets of links that are no article, unless its title has them, too.
    NO_ARTICLE_TARGETS = "no_article_targets";
    /// Words in the names of files that are no article, unless its title has them, too.
    NO_ARTICLE_NAMES = "no_article_names";
    /// Ends of paths that are no PDF.
    OTHER_FILES = "other_files";
    /// Beginnings of words in the text of what is no article although something else says that it is; those of up to 4 letters
    /// are whole words.
    NO_ARTICLE_TEXTS = "no_article_texts";
    /// Beginnings of headings above what is about something else than the page itself.
    OTHER_HEADINGS = "other_headings";
    /// Beginnings of the texts of links and buttons that ask for money.
    PURCHASES = "purchases";
}

/// Texts of pages that ask for money.
pub(super) static PAYWALLS: LazyLock<Phrases> = LazyLock::new(|| Phrases::of("paywalls"));

/// Words that name a document, or what one does with it.
pub(super) static DOCUMENTS: LazyLock<Vocabulary> = LazyLock::new(|| Vocabulary::of("documents"));

/// Words that a link to a document may have besides.
pub(super) static FILLERS: LazyLock<Vocabulary> = LazyLock::new(|| Vocabulary::of("fillers"));

/// Words of links to the full text, wherever they lead.
pub(super) static FULL_TEXTS: LazyLock<Vocabulary> = LazyLock::new(|| Vocabulary::of("full_texts"));

/// Words of headings above what is about the article itself, besides those.
pub(super) static OWN_HEADINGS: LazyLock<Vocabulary> =
    LazyLock::new(|| Vocabulary::of("own_headings"));

/// Phrases of titles that say that there is nothing here.
pub(super) static GONE: LazyLock<Vocabulary> = LazyLock::new(|| Vocabulary::of("gone"));

/// Words that such a title may have besides.
pub(super) static GONE_FILLERS: LazyLock<Vocabulary> =
    LazyLock::new(|| Vocabulary::of("gone_fillers"));

/// Titles of pages that ask for an account.
pub(super) static LOGINS: LazyLock<Vocabulary> = LazyLock::new(|| Vocabulary::of("login_titles"));

/// Words that such a title may have besides.
pub(super) static LOGIN_FILLERS: LazyLock<Vocabulary> =
    LazyLock::new(|| Vocabulary::of("login_fillers"));

/// What the languages of pages call each other: the code of each, and its names.
pub(super) static LANGUAGES: LazyLock<Vec<(&'static str, Vec<&'static str>)>> =
    LazyLock::new(|| {
        let lines = lines("languages").filter_map(|line| line.split_once(": "));
        let languages = lines.map(|(code, names)| (code, names.split(", ").collect()));
        languages.collect()
    });

/// Words and phrases that are looked up.
#[derive(Debug)]
pub(super) struct Vocabulary {
    phrases: HashSet<&'static str>,
    /// The first words of those of several words.
    firsts: HashSet<&'static str>,
    /// Beginnings of words.
    stems: Vec<&'static str>,
    /// Words of scripts without spaces between words, the longest first.
    joined: Vec<&'static str>,
}

impl Vocabulary {
    fn of(name: &str) -> Self {
        let is_joined = |word: &&str| word.starts_with(|c: char| c >= '\u{2e80}');
        let (mut joined, words): (Vec<_>, Vec<_>) = section(name).into_iter().partition(is_joined);
        joined.sort_by_key(|word| std::cmp::Reverse(word.len()));
        let (stems, phrases): (Vec<_>, Vec<_>) =
            words.into_iter().partition(|word| word.ends_with('*'));
        let several = phrases.iter().filter_map(|phrase| phrase.split_once(' '));
        Self {
            firsts: several.map(|(first, _)| first).collect(),
            phrases: phrases.into_iter().collect(),
            stems: stems
                .into_iter()
                .map(|stem| stem.trim_end_matches('*'))
                .collect(),
            joined,
        }
    }

    /// Whether one of its phrases of several words begins with this one.
    pub(super) fn begins_with(&self, word: &str) -> bool {
        self.firsts.contains(word)
    }

    /// Whether these words are one of its phrases.
    pub(super) fn has(&self, words: &[&str]) -> bool {
        match words {
            [word] => {
                self.phrases.contains(word) || self.stems.iter().any(|stem| word.starts_with(stem))
            }
            words => self.phrases.contains(&*words.join(" ")),
        }
    }

    /// The length of the longest of its words that `text` begins with, of those without spaces between them.
    pub(super) fn joined_prefix(&self, text: &str) -> usize {
        let mut known = self.joined.iter().filter(|word| text.starts_with(**word));
        known.next().map_or(0, |word| word.len())
    }
}

/// Phrases that are looked for in a long text, all at once.
#[derive(Debug)]
pub(super) struct Phrases(AhoCorasick);

impl Phrases {
    fn of(name: &str) -> Self {
        Self(AhoCorasick::new(section(name)).expect("a short table"))
    }

    /// Whether one of them is in `text`, which is in lower case.
    pub(super) fn are_in(&self, text: &str) -> bool {
        self.0.is_match(text)
    }
}

/// The words of a section.
fn section(name: &str) -> Vec<&'static str> {
    let words = lines(name).flat_map(|line| line.split(','));
    words
        .map(str::trim)
        .filter(|word| !word.is_empty())
        .collect()
}

/// The lines of a section, without comments.
fn lines(name: &str) -> impl Iterator<Item = &'static str> {
    let mut sections = include_str!("words.txt").split("\n== ");
    let section = sections.find_map(|section| section.strip_prefix(name)?.strip_prefix('\n'));
    let lines = section.unwrap_or_default().lines();
    lines.filter(|line| !line.starts_with('#'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_has_words_in_lower_case() {
        for table in [
            &NO_ARTICLE_TARGETS,
            &NO_ARTICLE_NAMES,
            &OTHER_FILES,
            &NO_ARTICLE_TEXTS,
            &OTHER_HEADINGS,
            &PURCHASES,
            &LazyLock::new(|| section("paywalls")),
        ] {
            assert!(!table.is_empty());
            for word in table.iter() {
                assert_eq!(*word, word.to_lowercase());
            }
        }
        for vocabulary in [
            &DOCUMENTS,
            &FILLERS,
            &OWN_HEADINGS,
            &GONE,
            &GONE_FILLERS,
            &LOGINS,
            &LOGIN_FILLERS,
        ] {
            assert!(vocabulary.phrases.len() > 50 && !vocabulary.joined.is_empty());
        }
        assert!(LANGUAGES.len() > 20);
    }
}
