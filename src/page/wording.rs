//! What the text of a link or a heading says: about the article, or about something else.

use url::Url;

use super::residue::says_only;
use super::words::{
    FILLERS, FULL_TEXTS, GONE, GONE_FILLERS, LANGUAGES, LOGIN_FILLERS, LOGINS, NO_ARTICLE_TEXTS,
    OTHER_HEADINGS,
};

/// The longest text of a link that says nothing but that it is the full text, in bytes.
const LONGEST_OFFER: usize = 80;

/// Whether `text` has `word`, at least as the beginning of a word. A short one must be a whole word. Chinese and Japanese have
/// no spaces between words.
pub(super) fn says(text: &str, word: &str) -> bool {
    let joins = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() && c < '\u{2e80}');
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        let is_short = word.len() <= 4 && word.is_ascii();
        !joins(word.chars().next()) || !(joins(before) || (is_short && joins(after)))
    })
}

/// The word by which `text` is about something else than the article, if it has one.
pub(super) fn other_word(text: &str) -> Option<&'static str> {
    NO_ARTICLE_TEXTS
        .iter()
        .copied()
        .find(|word| says(text, word))
}

/// Whether `heading` is above what is about something else.
pub(super) fn is_other_heading(heading: &str) -> bool {
    let heading = heading.trim_start_matches(|c: char| !c.is_alphabetic());
    OTHER_HEADINGS.iter().any(|words| {
        let rest = heading.strip_prefix(words);
        rest.is_some_and(|rest| words.len() > 4 || !rest.starts_with(char::is_alphabetic))
    })
}

/// Whether `target` is like that of a file, so that a link to it may be one to the full text without saying PDF.
pub(super) fn is_place_of_file(target: &Url) -> bool {
    const PLACES: [&str; 11] = [
        "/pdf",
        "/download",
        "/bitstream",
        "pdf=",
        "=pdf",
        "/datastream",
        "download=",
        "/viewcontent",
        "/files/",
        "/ndownloader/",
        "/portalfiles/",
    ];
    let lower = target.as_str().to_lowercase();
    is_pdf(target) || PLACES.iter().any(|place| lower.contains(place))
}

/// Whether the path of `url` ends as that of a PDF.
pub(super) fn is_pdf(url: &Url) -> bool {
    let path = url.path();
    let end = path.len().checked_sub(4).and_then(|at| path.get(at..));
    end.is_some_and(|end| end.eq_ignore_ascii_case(".pdf"))
}

/// Whether `text`, of a link that leads anywhere, says that it leads to the full text.
pub(super) fn is_full_text(text: &str) -> bool {
    (1..LONGEST_OFFER).contains(&text.len()) && says_only(text, &FULL_TEXTS, &FILLERS)
}

/// The name of the PDF in `text`.
pub(super) fn file_in(text: &str) -> Option<&str> {
    let end = text.find(".pdf")? + ".pdf".len();
    let is_end = |c: char| c.is_whitespace() || "\"'()[]«»“”„/:".contains(c);
    let name = text[..end].rsplit(is_end).next()?;
    (name.len() > ".pdf".len()).then_some(name)
}

/// The language that `text` names, if it names one. Short names are words of other languages, too.
pub(super) fn language(text: &str) -> Option<&'static str> {
    if text.is_empty() {
        return None;
    }
    let is_code = text
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .count()
        <= 2;
    let named = |names: &[&str]| {
        names
            .iter()
            .any(|name| (is_code || name.len() > 3) && says(text, name))
    };
    let mut languages = LANGUAGES.iter().filter(|(_, names)| named(names));
    let language = languages.next()?.0;
    languages.next().is_none().then_some(language)
}

/// Whether the page with this title and first heading asks for an account, whatever the site.
pub(super) fn is_login(title: &str, heading: &str) -> bool {
    has_part(title, heading, |part| {
        let to = part.split_once(" to ").map_or(part, |(action, _)| action);
        says_only(part, &LOGINS, &LOGIN_FILLERS) || says_only(to, &LOGINS, &LOGIN_FILLERS)
    })
}

/// Whether the page with this title and first heading says that there is nothing here.
pub(super) fn is_gone(title: &str, heading: &str) -> bool {
    let is_gone = |part: &str| {
        let is_status = matches!(part.trim(), "404" | "410");
        is_status || says_only(part, &GONE, &GONE_FILLERS)
    };
    is_gone(heading) || has_part(title, heading, is_gone)
}

/// Whether a part of a title, such as that of the page or that of its site, is of a kind. What is before a colon may also be
/// the beginning of the title of an article, which is the heading, too.
fn has_part(title: &str, heading: &str, is_of_kind: impl Fn(&str) -> bool) -> bool {
    let parts = title.split(['|', '–', '—', '·', '•', '«', '»', '›', '‹']);
    let mut parts = parts.flat_map(|part| part.split(" - "));
    let trimmed = |part: &str| part.trim_matches(|c: char| !c.is_alphanumeric()).to_owned();
    parts.any(|part| {
        let is_article = part.contains([':', '：']) && heading.contains(part.trim());
        is_of_kind(&trimmed(part))
            || (!is_article
                && part
                    .split([':', '：'])
                    .any(|part| is_of_kind(&trimmed(part))))
    })
}
