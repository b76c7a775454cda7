//! What is left of a text without the words that any link to a full text may have.
//!
//! Words for what is not the article cannot be listed: pages have errata, ESM, S1 files, forms, and tomorrow something else.
//! The words of an honest link can: PDF, download, full text, its size, its language, its version, the title of the article
//! and the name of its file. A link that says nothing else is to the article. The same holds for headings, and for the prose
//! beside a link.

use url::Url;

use super::words::{DOCUMENTS, FILLERS, LANGUAGES, NO_ARTICLE_NAMES, OWN_HEADINGS, Vocabulary};

/// The most words of a phrase.
const LONGEST_PHRASE: usize = 6;

/// How many words of a title stand for it, in a row.
const TITLE_RUN: usize = 3;

/// How many other words a heading has at least that is no offer of the full text, but a title.
const LONGEST_OFFER: usize = 3;

/// How many letters of Chinese or Japanese a message has at most besides what is known.
const MOST_JOINED: usize = 4;

/// The most words of the name of a file that does not look like that of its URL.
const LONGEST_NAME: usize = 8;

/// What a text says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Said {
    /// Whether it says PDF.
    pub(super) pdf: bool,
    /// Whether it names a document, or what one does with it.
    pub(super) document: bool,
    /// Whether it names a language.
    pub(super) language: bool,
    /// What else it says.
    pub(super) rest: String,
    /// How many words that is.
    pub(super) unknown: usize,
}

/// What `text` says about the work with this `title`, as a link to `target` if it is one. Both texts are in lower case.
pub(super) fn said(text: &str, title: &str, target: Option<&Url>) -> Said {
    let mut said = Said::default();
    let has_file = text.contains(".pdf");
    let title = words_of(title);
    let mut text = without_title(&words_of(text), &title);
    if has_file && let Some(target) = target {
        text = without_file_name(&text, target, &mut said);
    }
    // a part of the title stands for it if there is nothing else: titles have many words in common
    let part = said.and(&without_parts(&text, &title));
    if part.rest.is_empty() {
        return part;
    }
    said.and(&text)
}

/// What a heading, or the text beside a link, says beyond the words that any page of an article may have there.
pub(super) fn said_beside(text: &str, title: &str) -> Said {
    let title = words_of(title);
    let text = without_parts(&without_title(&words_of(text), &title), &title);
    let mut said = Said::default();
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let mut at = 0;
    while at < words.len() {
        at += match longest(&words[at..], &OWN_HEADINGS) {
            0 if words[at].contains(is_joined) => {
                said.run(words[at], Some(&OWN_HEADINGS));
                1
            }
            0 => said.phrase(&words[at..]),
            length => length,
        };
    }
    said
}

impl Said {
    /// What `text` says besides.
    fn and(&self, text: &str) -> Self {
        let mut said = self.clone();
        let words: Vec<&str> = text.split_ascii_whitespace().collect();
        let mut at = 0;
        while at < words.len() {
            at += said.phrase(&words[at..]);
        }
        said
    }

    /// Whether it offers a document, perhaps in a sentence, but is not the title of one.
    pub(super) fn is_offer(&self) -> bool {
        self.pdf || (self.document && self.unknown < LONGEST_OFFER)
    }

    /// Notes what the first words say. Returns how many those are.
    fn phrase(&mut self, words: &[&str]) -> usize {
        let first = words[0];
        if first.contains(is_joined) {
            self.run(first, None);
            return 1;
        }
        if matches!(first, "pdf" | "pdfs" | "epdf" | "pdfplus") {
            self.pdf = true;
            return 1;
        }
        let document = longest(words, &DOCUMENTS);
        let filler = longest(words, &FILLERS);
        if document > 0 && document >= filler {
            self.document = true;
            self.pdf |= words[..document].contains(&"pdf");
            return document;
        }
        if filler > 0 {
            return filler;
        }
        let is_language = LANGUAGES.iter().any(|(_, names)| {
            names
                .iter()
                .any(|name| first == *name || (name.len() > 4 && first.starts_with(name)))
        });
        self.language |= is_language;
        if !is_number(first) && !is_language {
            self.keep(first);
        }
        1
    }

    /// Notes what words say that stand without spaces between them, and which of `others` are known, too.
    fn run(&mut self, run: &str, others: Option<&Vocabulary>) {
        let (mut rest, mut unknown) = (run, String::new());
        while let Some(next) = rest.chars().next() {
            let known = |vocabulary: &Vocabulary| vocabulary.joined_prefix(rest);
            let language = LANGUAGES.iter().flat_map(|(_, names)| names);
            let language =
                language.filter(|name| name.contains(is_joined) && rest.starts_with(**name));
            let language = language.map(|name| name.len()).max().unwrap_or(0);
            self.language |= language > 0;
            let filler = known(&FILLERS).max(others.map_or(0, known)).max(language);
            let document = known(&DOCUMENTS);
            self.document |= document > 0 && document >= filler;
            let length = match document.max(filler) {
                0 => {
                    unknown.push(next);
                    next.len_utf8()
                }
                length => length,
            };
            rest = &rest[length..];
        }
        if !unknown.is_empty() {
            let words = unknown.chars().count().div_ceil(3);
            self.keep(&unknown);
            self.unknown += words - 1;
        }
    }

    fn keep(&mut self, word: &str) {
        if !self.rest.is_empty() {
            self.rest.push(' ');
        }
        self.rest.push_str(word);
        self.unknown += 1;
    }
}

/// Whether `text` consists of phrases of `known`, at least one, and words of `fillers` and of any link. Scripts without
/// spaces between words may have a little more.
pub(super) fn says_only(text: &str, known: &Vocabulary, fillers: &Vocabulary) -> bool {
    let text = words_of(text);
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let (mut at, mut found, mut rest) = (0, false, 0);
    while at < words.len() {
        if words[at].contains(is_joined) {
            let (has_known, unknown) = joined(words[at], known, fillers);
            found |= has_known;
            rest += unknown;
            at += 1;
            continue;
        }
        let length = longest(&words[at..], known);
        found |= length > 0;
        let others = [fillers, &FILLERS, &DOCUMENTS].map(|others| longest(&words[at..], others));
        let length = length.max(others.into_iter().max().unwrap_or(0));
        if length == 0 && !is_number(words[at]) {
            return false;
        }
        at += length.max(1);
    }
    found && rest <= MOST_JOINED
}

/// Whether a run of letters has a phrase of `known`, and how many letters are in no phrase.
fn joined(run: &str, known: &Vocabulary, fillers: &Vocabulary) -> (bool, usize) {
    let (mut rest, mut found, mut unknown) = (run, false, 0);
    while let Some(next) = rest.chars().next() {
        let length = known.joined_prefix(rest);
        found |= length > 0;
        let others = [fillers, &FILLERS, &DOCUMENTS].map(|others| others.joined_prefix(rest));
        let length = length.max(others.into_iter().max().unwrap_or(0));
        unknown += usize::from(length == 0);
        rest = &rest[length.max(next.len_utf8())..];
    }
    (found, unknown)
}

/// How many of the first words are a phrase that is known.
fn longest(words: &[&str], vocabulary: &Vocabulary) -> usize {
    let most = match words.first() {
        Some(first) if vocabulary.begins_with(first) => words.len().min(LONGEST_PHRASE),
        first => usize::from(first.is_some()),
    };
    let phrases = (1..=most).rev();
    let mut known = phrases.filter(|length| vocabulary.has(&words[..*length]));
    known.next().unwrap_or(0)
}

/// Whether words of this letter have no spaces between them: Chinese, Japanese, and Korean, whose particles are joined.
fn is_joined(c: char) -> bool {
    c >= '\u{2e80}'
}

/// Whether a word is a number, such as that of a page, a size with its unit, or a version.
fn is_number(word: &str) -> bool {
    let digits = word.strip_prefix('v').unwrap_or(word);
    let unit = digits.trim_start_matches(|c: char| c.is_numeric());
    digits.starts_with(|c: char| c.is_numeric())
        && (unit.is_empty() || unit.chars().count() <= 2 && FILLERS.has(&[unit]))
}

/// The words of a text, with one space between them; those of other scripts are apart.
fn words_of(text: &str) -> String {
    let mut words = String::with_capacity(text.len());
    let mut last = None;
    // `publisher's` is said in many ways
    let text = text.replace("'s ", " ").replace("’s ", " ");
    for c in text.chars() {
        let c = match c {
            '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0).unwrap_or(c),
            c => c,
        };
        let c = c.to_ascii_lowercase();
        let kind = (c.is_alphanumeric() || c == 'ー').then(|| is_joined(c));
        if kind != last && !words.is_empty() && !words.ends_with(' ') {
            words.push(' ');
        }
        words.extend(kind.map(|_| c));
        last = kind;
    }
    words
}

/// `text` without the title. Both are words.
fn without_title(text: &str, title: &str) -> String {
    if title.is_empty() {
        return text.to_owned();
    }
    if let Some(at) = find_words(text, title) {
        let rest = [&text[..at], &text[at + title.len()..]].concat();
        return without_title(&rest, title);
    }
    text.to_owned()
}

/// `text` without the parts of the title that stand for it. Both are words.
fn without_parts(text: &str, title: &str) -> String {
    if title.is_empty() {
        return text.to_owned();
    }
    let (mut words, title): (Vec<&str>, Vec<&str>) =
        (text.split(' ').collect(), title.split(' ').collect());
    let run = |words: &[&str]| {
        let runs = title.iter().enumerate().map(|(at, _)| {
            let pairs = words.iter().zip(&title[at..]);
            pairs.take_while(|(one, other)| one == other).count()
        });
        runs.max().unwrap_or(0)
    };
    let mut at = 0;
    while at < words.len() {
        let length = run(&words[at..]);
        let is_part = |word: &str| {
            word.contains(is_joined)
                && word.chars().count() >= 6
                && title.iter().any(|title| title.contains(word))
        };
        let begins = length > 1 && title.starts_with(&words[at..at + length]);
        if length >= TITLE_RUN || begins {
            // it may have been cut within a word
            let next = title
                .windows(length + 1)
                .find(|part| part[..length] == words[at..at + length]);
            let is_cut = |word: &&str| next.is_some_and(|part| part[length].starts_with(*word));
            let cut = usize::from(words.get(at + length).is_some_and(is_cut));
            words.drain(at..at + length + cut);
        } else if is_part(words[at]) {
            words.remove(at);
        } else {
            at += 1;
        }
    }
    words.join(" ")
}

/// `text` without the name of the file, which it has before `pdf`.
fn without_file_name(text: &str, target: &Url, said: &mut Said) -> String {
    let segment = target.path().trim_end_matches('/').rsplit('/').next();
    let segment = percent_encoding::percent_decode_str(segment.unwrap_or_default());
    let name = words_of(&segment.decode_utf8_lossy().to_lowercase());
    let mut text = text.to_owned();
    while name.ends_with("pdf")
        && let Some(at) = find_words(&text, &name)
    {
        said.pdf = true;
        text.replace_range(at..at + name.len(), "");
    }
    if said.pdf {
        return text;
    }
    let words: Vec<&str> = text.split(' ').collect();
    let Some(end) = words.iter().position(|word| *word == "pdf") else {
        return text;
    };
    let is_other = words[..end]
        .iter()
        .any(|word| NO_ARTICLE_NAMES.contains(word));
    if is_other || end > LONGEST_NAME {
        return text;
    }
    words[end..].join(" ")
}

/// Where `text` has these words.
fn find_words(text: &str, words: &str) -> Option<usize> {
    let mut found = text.match_indices(words).map(|(at, _)| at);
    found.find(|at| {
        let (before, after) = (&text[..*at], &text[at + words.len()..]);
        let is_end =
            |around: &str| around.is_empty() || around.starts_with(' ') || around.ends_with(' ');
        (is_end(before) || words.starts_with(is_joined))
            && (after.is_empty() || after.starts_with(' ') || words.ends_with(is_joined))
    })
}
