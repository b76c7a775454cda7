//! Safe file names. Input is hostile: it comes from URLs, lists and servers.
//!
//! A safe name is valid on Linux, macOS and Windows, is not hidden, does not look like an option, and shows on a terminal as
//! it is. A safe path never leaves the output folder. Does not make names unique.

use std::borrow::Cow;

use icu_normalizer::ComposingNormalizerBorrowed;
use percent_encoding::percent_decode_str;
use url::Url;

use super::Candidates;
use crate::charset;
use crate::digest::fingerprint;
use crate::id::Id;
use crate::text::is_invisible;

/// The longest file name that all common file systems accept, in bytes.
const LONGEST: usize = 255;

/// The deepest path, in folders: most systems accept about 4,096 bytes, and 13 components stay below that.
const DEEPEST: usize = 12;

/// The folders of `--shard-dirs`, in which such a path may be.
const SHARDS: usize = 2;

/// How much of a title becomes a name, in characters.
const LONGEST_TITLE: usize = 80;

const EXTENSION: &str = ".pdf";

/// The name from `url`: its last path segment, or else its host.
pub fn of_url(url: &Url) -> String {
    let name = safe(&decoded(last_segment(url), url.host_str()));
    let name = name.or_else(|| safe(url.host_str().unwrap_or_default()));
    name.unwrap_or_else(|| format!("download{EXTENSION}"))
}

/// The name of a file that was found through a page: from its own URL if that ends in the name of a PDF, from its server, from
/// its URL, or the title of the page, whichever says something.
pub(super) fn of_found(candidates: &Candidates, suggested: Option<&str>) -> String {
    let url = candidates.current();
    let segment = percent_decode_str(last_segment(url)).decode_utf8_lossy();
    let of_pdf = Some(&*segment).filter(|_| is_said_by(url));
    let title = || {
        let title = candidates.title()?;
        let cut = title.char_indices().nth(LONGEST_TITLE);
        let title = cut.map_or(title, |(at, _)| &title[..at]);
        // a title may end in anything, but not in an extension
        safe(&format!(
            "{}{EXTENSION}",
            title.trim_end_matches(is_padding)
        ))
    };
    let names = [of_pdf, suggested, Some(&segment)].into_iter().flatten();
    let mut names = names.filter(|name| says_something(name)).filter_map(safe);
    let name = names.next().or_else(title);
    name.unwrap_or_else(|| planned(candidates))
}

/// The name of a file of which nothing is known but its line: from the URL or the identifier there.
pub(super) fn planned(candidates: &Candidates) -> String {
    let of_id = |id: &Id| safe(&format!("{}{EXTENSION}", id.value().replace('/', "_")));
    let id = candidates.id().filter(|_| candidates.is_id());
    let name = id.and_then(of_id);
    name.unwrap_or_else(|| of_url(candidates.first()))
}

/// Whether a name tells a file from others: not one like `download`, `fulltext-pdf`, `en` or a number.
fn says_something(name: &str) -> bool {
    const SAY_NOTHING: [&str; 64] = [
        "action",
        "article",
        "articlepdf",
        "ashx",
        "aspx",
        "asset",
        "attachment",
        "bitstream",
        "cgi",
        "char",
        "content",
        "contents",
        "dl",
        "do",
        "doc",
        "document",
        "documents",
        "download",
        "downloadfile",
        "downloadpdf",
        "epdf",
        "export",
        "file",
        "files",
        "ft",
        "full",
        "fullpdf",
        "fulltext",
        "fulltextpdf",
        "get",
        "getfile",
        "getpdf",
        "htm",
        "html",
        "index",
        "inline",
        "jsp",
        "main",
        "manuscript",
        "open",
        "openpdf",
        "original",
        "paper",
        "pdf",
        "pdfdirect",
        "pdfft",
        "pdfplus",
        "pdfviewer",
        "php",
        "print",
        "printable",
        "reader",
        "render",
        "show",
        "showpdf",
        "stream",
        "text",
        "uc",
        "version",
        "view",
        "viewcontent",
        "viewer",
        "viewfile",
        "viewpdf",
    ];
    // languages of pages, with or without a country
    const CODES: [&str; 28] = [
        "ar", "br", "ca", "cs", "de", "el", "en", "eng", "es", "fa", "fr", "gb", "hu", "id", "it",
        "ja", "ko", "nl", "pl", "pt", "ro", "ru", "spa", "tr", "uk", "us", "vi", "zh",
    ];
    let lower = name.to_lowercase();
    let stem = lower.strip_suffix(EXTENSION).unwrap_or(&lower);
    let mut words = stem.split(|c: char| !c.is_alphanumeric());
    let is_nothing = |word: &str| {
        let is_number = word.bytes().all(|byte| byte.is_ascii_digit());
        is_number || SAY_NOTHING.contains(&word) || CODES.contains(&word)
    };
    // such as that of arXiv
    let is_id = stem.contains('.')
        && stem
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.');
    // a UUID or a hash
    let is_key = stem.len() >= 24
        && stem
            .bytes()
            .all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    // one like `paper-2` is that of one of several
    let is_numbered =
        stem.starts_with(char::is_alphabetic) && stem.ends_with(|c: char| c.is_ascii_digit());
    is_id || !(is_key || (words.all(is_nothing) && !is_numbered))
}

/// Whether `url` ends in the name of a PDF.
pub(crate) fn is_said_by(url: &Url) -> bool {
    let segment = last_segment(url);
    segment.len() > EXTENSION.len() && split_extension(segment).0.len() < segment.len()
}

fn last_segment(url: &Url) -> &str {
    let mut segments = url.path().rsplit('/').map(without_parameters);
    segments
        .find(|segment| !segment.is_empty())
        .unwrap_or_default()
}

/// A segment of a path without its parameters (RFC 3986 section 3.3), such as `;jsessionid=0A1B` and `;v=1.2`. A `;` may also be
/// part of a name.
pub(super) fn without_parameters(segment: &str) -> &str {
    let Some((name, parameters)) = segment.split_once(';') else {
        return segment;
    };
    let is_parameter = |text: &str| {
        let name = text.split_once('=').map(|(name, _)| name);
        name.is_some_and(|name| !name.is_empty() && name.bytes().all(is_in_word))
    };
    let is_name = |text: &str| split_extension(text).0.len() < text.len();
    let is_all_parameters = parameters.split(';').all(is_parameter);
    match (is_name(name), is_name(segment)) {
        (true, false) => name,
        (false, true) => segment,
        _ if is_all_parameters => name,
        _ => segment,
    }
}

fn is_in_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

/// A segment of the path of a URL without its escapes, as far as they can be read.
pub(super) fn decoded<'a>(segment: &'a str, host: Option<&str>) -> Cow<'a, str> {
    if !segment.contains('%') {
        return segment.into(); // a URL is ASCII
    }
    let bytes: Vec<u8> = percent_decode_str(segment).collect();
    charset::readable(&bytes, host).into()
}

/// `name` as one path component that ends in `.pdf`; `None` if nothing of it is left.
///
/// Separators, characters that Windows rejects, and control and format characters become `_`. Leading dots and dashes, and
/// trailing white space and dots are removed. The name of a Windows device gets a `_` in front.
pub(crate) fn safe(name: &str) -> Option<String> {
    let name = harmless(name);
    let (stem, extension) = split_extension(name.trim_end_matches(is_padding));
    component(stem, extension)
}

/// `path` with safe components, of which the last one ends in `.pdf`; `None` if nothing of that one is left. The path is
/// relative, without `..`, and up to 12 folders deep.
pub(crate) fn safe_path(path: &str) -> Option<String> {
    let mut components: Vec<_> = path.split(['/', '\\']).collect();
    let name = safe(components.pop()?)?;
    let folder = |folder: &&str| component(&harmless(folder), "");
    let folders = components.iter().filter_map(folder).take(DEEPEST);
    let path: Vec<_> = folders.chain([name]).collect();
    Some(path.join("/"))
}

/// Whether `path` can be the name of a file that this program has saved. Whoever can write the journal can put any there.
pub(crate) fn is_given(path: &str) -> bool {
    let folders = path.matches('/').count();
    let mut rest = path;
    for _ in DEEPEST..folders.min(DEEPEST + SHARDS) {
        let (folder, deeper) = rest.split_once('/').unwrap_or_default();
        if folder.len() != 2 || !folder.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return false;
        }
        rest = deeper;
    }
    is_plain(rest) || safe_path(rest).is_some_and(|safe| safe == rest)
}

/// Whether `path` can be the name of a file that this program has saved, or of one that its user has given another name: one
/// that people write may have `:` or `?` in it. It stays in the folder, and nothing in it is hidden.
pub(crate) fn is_acceptable(path: &str) -> bool {
    let is_tame =
        |c: char| !c.is_control() && !is_invisible(c) && c != '\\' && (cfg!(unix) || c != ':');
    let is_component = |name: &str| {
        !name.is_empty()
            && !name.starts_with('.')
            && name.len() <= LONGEST
            && name.chars().all(is_tame)
    };
    let has_extension =
        || path.len() > EXTENSION.len() && split_extension(path).0.len() < path.len();
    is_given(path)
        || has_extension()
            && path.matches('/').count() <= DEEPEST + SHARDS
            && path.split('/').all(is_component)
}

/// Whether a name without folders is safe at first sight, as most are: journals have millions.
fn is_plain(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let Some(stem) = name.strip_suffix(EXTENSION) else {
        return false;
    };
    stem.starts_with(|first: char| first.is_ascii_alphanumeric())
        && !stem.ends_with('.')
        && stem.bytes().all(plain)
        && name.len() <= LONGEST
        && !is_device(stem)
}

/// What tells file names apart in every file system: some ignore case.
pub(crate) fn key(path: &str) -> u64 {
    fingerprint(&path.to_lowercase())
}

/// `name` in NFC, with `_` for each character that a file system or a terminal does not accept.
fn harmless(name: &str) -> String {
    let harmless = |c| match c {
        '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|' | '\u{fffd}' => '_',
        c if c.is_control() || is_invisible(c) => '_',
        c => c,
    };
    if name.is_ascii() {
        return name.chars().map(harmless).collect();
    }
    // macOS does not distinguish the composed and the decomposed form of a letter
    let composed = ComposingNormalizerBorrowed::new_nfc().normalize(name);
    composed.chars().map(harmless).collect()
}

fn component(stem: &str, extension: &str) -> Option<String> {
    let stem = stem.trim_matches(is_padding);
    let stem = stem.trim_start_matches(['-', '.', ' ']);
    if stem.is_empty() {
        return None;
    }
    let guard = if is_device(stem) { "_" } else { "" };
    let stem = shortened(stem, LONGEST - guard.len() - extension.len());
    Some(format!("{guard}{stem}{extension}"))
}

/// The path `name` with `suffix` before its extension. Shortens the last component if it would be too long.
pub(crate) fn with_suffix(name: &str, suffix: &str) -> String {
    let (folders, name) = name.split_at(name.rfind('/').map_or(0, |slash| slash + 1));
    let (stem, extension) = split_extension(name);
    let stem = shortened(stem, LONGEST - suffix.len() - extension.len());
    format!("{folders}{stem}{suffix}{extension}")
}

/// The path `name` without its extension and without any dot, because in an archive, a dot ends the key of what belongs together.
/// Its last component has the identity of the link `id`, which makes it unique. There is room for an extension of five bytes.
pub(crate) fn key_in_archive(name: &str, id: u64) -> String {
    let (folders, name) = name.split_at(name.rfind('/').map_or(0, |slash| slash + 1));
    let (stem, id) = (
        split_extension(name).0.replace('.', "_"),
        format!("{id:016x}"),
    );
    let suffix = if stem.contains(&id) {
        String::new()
    } else {
        format!("-{id}")
    };
    let stem = shortened(&stem, LONGEST - suffix.len() - EXTENSION.len() - 1);
    format!("{}{stem}{suffix}", folders.replace('.', "_"))
}

/// The stem and the extension of a name; `.pdf` if it has no such extension.
pub(super) fn split_extension(name: &str) -> (&str, &str) {
    let at = name.len().saturating_sub(EXTENSION.len());
    match name.split_at_checked(at) {
        Some(split) if split.1.eq_ignore_ascii_case(EXTENSION) => split,
        _ => (name, EXTENSION),
    }
}

/// The first characters of `text`, up to `longest` bytes.
fn shortened(text: &str, longest: usize) -> &str {
    text[..text.floor_char_boundary(longest)].trim_end_matches(is_padding)
}

fn is_padding(c: char) -> bool {
    c == '.' || c.is_whitespace()
}

/// Whether `stem` is the name of a Windows device, which it is with any extension.
fn is_device(stem: &str) -> bool {
    let base = stem.split('.').next().unwrap_or_default().trim_end();
    if base.len() > "CONOUT$".len() {
        return false;
    }
    match base.to_ascii_uppercase().as_str() {
        "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$" => true,
        port => {
            let number = port.strip_prefix("COM").or(port.strip_prefix("LPT"));
            number.is_some_and(|n| matches!(n.parse(), Ok('1'..='9' | '¹' | '²' | '³')))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(url: &str) -> String {
        of_url(&Url::parse(url).expect("a URL"))
    }

    #[test]
    fn names_come_from_the_last_segment() {
        for (url, expected) in [
            ("https://a.example/pdf/1706.03762", "1706.03762.pdf"),
            ("https://a.example/x.PDF?download=1", "x.PDF"),
            ("https://a.example/a%20b%C3%A9.pdf", "a bé.pdf"),
            ("https://a.example/papers/", "papers.pdf"),
            ("https://a.example/", "a.example.pdf"),
            (
                "https://a.example/..%2f..%2fetc%2fpasswd",
                "_.._etc_passwd.pdf",
            ),
            ("https://a.example/a%5c..%5cb.pdf", "a_.._b.pdf"),
            ("https://a.example/C:%5cx.pdf", "C__x.pdf"),
            ("https://a.example/%2e%2ehidden.pdf", "hidden.pdf"),
            ("https://a.example/.pdf", "a.example.pdf"),
            ("https://a.example/-rf.pdf", "rf.pdf"),
            ("https://a.example/con.pdf", "_con.pdf"),
            ("https://a.example/NUL.tar.pdf", "_NUL.tar.pdf"),
            ("https://a.example/com1", "_com1.pdf"),
            ("https://a.example/a%00b%0ac%1b%5b31m.pdf", "a_b_c_[31m.pdf"),
            ("https://a.example/x%20.%20.pdf", "x.pdf"),
            ("https://a.example/x.pdf%20", "x.pdf"),
            ("https://a.example/%e2%80%aefdp.pdf", "_fdp.pdf"),
            ("https://a.example/%ff%fe.pdf", "%FF%FE.pdf"),
            ("https://a.example/%D6%D0%B9%FA.pdf", "中国.pdf"),
            (
                "https://a.example/x/thesis.pdf;jsessionid=0A1B?s=1",
                "thesis.pdf",
            ),
            ("https://a.example/thesis.PDF;v", "thesis.PDF"),
            ("https://a.example/get;jsessionid=0A1B;v=1.2", "get.pdf"),
            ("https://a.example/papers/;jsessionid=0A1B", "papers.pdf"),
            ("https://a.example/;jsessionid=0A1B", "a.example.pdf"),
            ("https://a.example/a;b.pdf", "a;b.pdf"),
            ("https://a.example/x;y=1.pdf", "x;y=1.pdf"),
            ("https://a.example/a;b", "a;b.pdf"),
            ("https://a.example/a%3Bb=1", "a;b=1.pdf"),
        ] {
            assert_eq!(name(url), expected, "{url}");
        }
    }

    #[test]
    fn long_names_are_cut_at_a_character_boundary() {
        let long = safe(&"é".repeat(300)).expect("a name");
        assert_eq!(long.len(), 254);
        assert!(long.ends_with("é.pdf"));
        assert_eq!(with_suffix(&long, "-0123abcd").len(), 255);
    }

    #[test]
    fn names_that_say_nothing_are_known() {
        for name in [
            "pdfft",
            "_pdf",
            "fulltextpdf",
            "ja",
            "en.pdf",
            "pt-br",
            "download",
            "view.php",
            "full-text-pdf",
            "PDF (en).pdf",
            "123",
            "12-34_5.pdf",
            "viewcontent.cgi",
            "0b1c2d3e-aaaa-bbbb-cccc-0123456789ab",
            "main.pdf",
        ] {
            assert!(!says_something(name), "{name}");
        }
        for name in [
            "2101.00001",
            "smith.pdf",
            "x",
            "S0123-main.pdf",
            "2020.01.02v1.full.pdf",
            "全文题目.pdf",
            "on-foo",
        ] {
            assert!(says_something(name), "{name}");
        }
    }

    #[test]
    fn paths_stay_inside_the_folder() {
        for (path, expected) in [
            ("a/b/c", Some("a/b/c.pdf")),
            ("/etc/passwd", Some("etc/passwd.pdf")),
            ("../../x.pdf", Some("x.pdf")),
            (".fetchpdf/journal", Some("fetchpdf/journal.pdf")),
            ("a//./..\\b:c/x.PDF", Some("a/b_c/x.PDF")),
            ("con/-x", Some("_con/x.pdf")),
            ("a/", None),
            ("", None),
        ] {
            assert_eq!(safe_path(path).as_deref(), expected, "{path}");
        }
        assert_eq!(with_suffix("a.pdf/b.pdf", "-1"), "a.pdf/b-1.pdf");
    }

    proptest! {
        #[test]
        fn any_name_becomes_one_safe_component(raw in ".{0,400}", suffix in "-[0-9a-f]{8}") {
            if let Some(name) = safe(&raw) {
                for name in [&name, &with_suffix(&name, &suffix)] {
                    prop_assert!(name.len() <= LONGEST && name.len() > EXTENSION.len());
                    prop_assert!(name.to_ascii_lowercase().ends_with(EXTENSION));
                    prop_assert!(!name.starts_with(['.', '-']));
                    prop_assert!(!name.contains(['/', '\\', ':', '\0']) && !name.chars().any(char::is_control));
                }
                prop_assert_eq!(safe(&name), Some(name.clone()));
            }
        }

        #[test]
        fn names_that_are_given_are_safe(path in prop_oneof![
            "[a-zA-Z./_-]{0,20}", "[a-c]{8}(\\.|/|-){0,2}\\.pdf", "(aux|con)[.a-z]{0,9}\\.pdf", ".{0,40}\\.pdf",
            "([0-9a-f]{2}/){0,3}([a-z]{1,3}/){0,14}[a-z]{1,12}\\.pdf",
        ]) {
            let is_safe = safe_path(&path).is_some_and(|safe| safe == path);
            let is_deep = path.matches('/').count() > DEEPEST;
            prop_assert_eq!(is_given(&path) && !is_deep, is_safe);
            prop_assert_eq!(is_given(&format!("0a/ff/{path}")), is_safe);
            let hides = path.split('/').any(|part| part.is_empty() || part.starts_with('.'));
            prop_assert!(!(hides && is_given(&path)));
        }
    }
}
