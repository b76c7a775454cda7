//! The file name of a link: safe on every system, whatever the URL says.

use icu_normalizer::ComposingNormalizerBorrowed;
use percent_encoding::percent_decode_str;
use url::Url;

use crate::text::is_invisible;

/// The longest name of a file, in bytes, that all common file systems take.
const LONGEST: usize = 255;

/// The deepest path that is made, in folders: most systems take no more than some 4,096 bytes.
const DEEPEST: usize = 12;

const EXTENSION: &str = ".pdf";

/// The name that `url` suggests: its last path segment, or its host if it has none.
pub fn of_url(url: &Url) -> String {
    safe(&percent_decode_str(last_segment(url)).decode_utf8_lossy())
        .or_else(|| safe(url.host_str().unwrap_or_default()))
        .unwrap_or_else(|| format!("download{EXTENSION}"))
}

/// Whether `url` itself ends in the name of a PDF.
pub(crate) fn is_said_by(url: &Url) -> bool {
    let segment = last_segment(url);
    segment.len() > EXTENSION.len() && split_extension(segment).0.len() < segment.len()
}

fn last_segment(url: &Url) -> &str {
    url.path()
        .rsplit('/')
        .find(|segment| !segment.is_empty())
        .unwrap_or_default()
}

/// `name` as one path component with `.pdf` at its end; none if nothing of it is left.
///
/// Separators, characters that Windows refuses, and control and direction characters become `_`; leading dots and
/// dashes, and white space and dots at the end go, and a name that Windows keeps for a device gets a `_` before it.
pub(crate) fn safe(name: &str) -> Option<String> {
    let name = harmless(name);
    let (stem, extension) = split_extension(&name);
    component(stem, extension)
}

/// `path` with every component made [`safe`], the last one with `.pdf` at its end; none if nothing of that one is left.
/// It leads nowhere but down, and at most 12 folders.
pub(crate) fn safe_path(path: &str) -> Option<String> {
    let mut components: Vec<_> = path.split(['/', '\\']).collect();
    let name = safe(components.pop()?)?;
    let folders = components
        .iter()
        .filter_map(|folder| component(&harmless(folder), ""))
        .take(DEEPEST);
    let path: Vec<_> = folders.chain([name]).collect();
    Some(path.join("/"))
}

/// `name` without what no file system, or no terminal, takes well.
fn harmless(name: &str) -> String {
    let harmless = |c| match c {
        '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|' | '\u{fffd}' => '_',
        c if c.is_control() || is_invisible(c) => '_',
        c => c,
    };
    if name.is_ascii() {
        return name.chars().map(harmless).collect();
    }
    // macOS takes the composed and the decomposed form of a letter for the same
    let composed = ComposingNormalizerBorrowed::new_nfc().normalize(name);
    composed.chars().map(harmless).collect()
}

fn component(stem: &str, extension: &str) -> Option<String> {
    let stem = stem
        .trim_matches(|c: char| c == '.' || c.is_whitespace())
        .trim_start_matches(['-', '.', ' ']);
    if stem.is_empty() {
        return None;
    }
    let guard = if is_device(stem) { "_" } else { "" };
    let stem = shortened(stem, LONGEST - guard.len() - extension.len());
    Some(format!("{guard}{stem}{extension}"))
}

/// The path `name` with `suffix` before its extension, and its last component no longer than a name may be.
pub(crate) fn with_suffix(name: &str, suffix: &str) -> String {
    let (folders, name) = name.split_at(name.rfind('/').map_or(0, |slash| slash + 1));
    let (stem, extension) = split_extension(name);
    let stem = shortened(stem, LONGEST - suffix.len() - extension.len());
    format!("{folders}{stem}{suffix}{extension}")
}

/// The stem and the extension of a name; the extension is there even if the name has none.
pub(super) fn split_extension(name: &str) -> (&str, &str) {
    match name.len().checked_sub(EXTENSION.len()) {
        Some(at) if name.is_char_boundary(at) && name[at..].eq_ignore_ascii_case(EXTENSION) => {
            name.split_at(at)
        }
        _ => (name, EXTENSION),
    }
}

/// The beginning of `text`, at most `longest` bytes, cut between two characters.
fn shortened(text: &str, longest: usize) -> &str {
    text[..text.floor_char_boundary(longest)]
        .trim_end_matches(|c: char| c == '.' || c.is_whitespace())
}

/// Whether Windows takes `stem` for a device, whatever extension follows.
fn is_device(stem: &str) -> bool {
    let base = stem.split('.').next().unwrap_or_default().trim_end();
    if base.len() > "CONOUT$".len() {
        return false;
    }
    match base.to_ascii_uppercase().as_str() {
        "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$" => true,
        port => ["COM", "LPT"].iter().any(|kind| {
            port.strip_prefix(kind).is_some_and(|n| {
                matches!(
                    n,
                    "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9" | "¹" | "²" | "³"
                )
            })
        }),
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
            ("https://a.example/%e2%80%aefdp.pdf", "_fdp.pdf"),
            ("https://a.example/%ff%fe.pdf", "__.pdf"),
        ] {
            assert_eq!(name(url), expected, "{url}");
        }
    }

    #[test]
    fn long_names_are_cut_between_characters() {
        let long = safe(&"é".repeat(300)).expect("a name");
        assert_eq!(long.len(), 254);
        assert!(long.ends_with("é.pdf"));
        assert_eq!(with_suffix(&long, "-0123abcd").len(), 255);
    }

    #[test]
    fn paths_lead_down_and_nowhere_else() {
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
    }
}
