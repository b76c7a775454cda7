//! HTML or XML: what a document is written in, by its beginning.

use super::starts_with;

/// A language of markup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    Html,
    Xml,
}

impl Language {
    /// What a text is written in, by its first element; none if it is text, perhaps Markdown with some HTML in it.
    pub(super) fn of(beginning: &str) -> Option<Self> {
        const TAGS: [&str; 11] = [
            "html", "head", "body", "meta", "a", "ul", "div", "p", "table", "script", "title",
        ];
        const ROOTS: [&str; 8] = [
            "urlset",
            "sitemapindex",
            "rss",
            "feed",
            "rdf:",
            "opml",
            "oai-pmh",
            "xml>",
        ];
        let mut rest = beginning.trim_start();
        let is_declared = starts_with(rest, "<?xml");
        let is_commented = rest.starts_with("<!--");
        let is_page = is_commented || starts_with(rest, "<!doctype");
        let default = if is_declared {
            Some(Self::Xml)
        } else {
            is_page.then_some(Self::Html)
        };
        // what may be before the first element
        loop {
            if starts_with(rest, "<!doctype html") {
                return Some(Self::Html);
            }
            let end = match rest {
                _ if rest.starts_with("<?") => "?>",
                _ if rest.starts_with("<!--") => "-->",
                _ if rest.starts_with("<!") => ">",
                _ => break,
            };
            let Some((_, after)) = rest.split_once(end) else {
                return default;
            };
            rest = after.trim_start();
        }
        let Some(tag) = rest.strip_prefix('<') else {
            return default.filter(|_| !is_commented || rest.is_empty());
        };
        let is_any = |names: &[&str]| names.iter().any(|name| starts_with(tag, name));
        let name = tag
            .split(|c: char| c.is_whitespace() || matches!(c, '>' | '/'))
            .next();
        let is_tag = |names: &[&str]| {
            name.is_some_and(|name| names.iter().any(|tag| name.eq_ignore_ascii_case(tag)))
        };
        // XHTML is declared, too
        let tags = if is_declared { &TAGS[..1] } else { &TAGS[..] };
        let has_namespace = || {
            tag.split('>')
                .next()
                .is_some_and(|tag| tag.contains("xmlns"))
        };
        match () {
            () if is_tag(tags) => Some(Self::Html),
            () if is_declared || is_any(&ROOTS) || has_namespace() => Some(Self::Xml),
            () => default,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_known_by_its_first_element() {
        for (beginning, expected) in [
            ("<!DOCTYPE html>\n<p>", Some(Language::Html)),
            (
                "<?xml version='1.0'?>\n<!DOCTYPE html PUBLIC 'x'><html>",
                Some(Language::Html),
            ),
            ("<!-- c -->\n<html>", Some(Language::Html)),
            (
                "<!DOCTYPE NETSCAPE-Bookmark-file-1>\n<DL>",
                Some(Language::Html),
            ),
            (
                "<?xml version='1.0'?>\n<!-- c -->\n<records>",
                Some(Language::Xml),
            ),
            ("<?xml version='1.0'?>\n<!-- c", Some(Language::Xml)),
            (
                "<?xml version='1.0'?>\n<metalink version='3.0'>",
                Some(Language::Xml),
            ),
            ("<?xml version='1.0'?>\n<headlines>", Some(Language::Xml)),
            ("<?xml version='1.0'?>\n<table>", Some(Language::Xml)),
            ("<HEAD><title>", Some(Language::Html)),
            ("<body\nclass='x'>", Some(Language::Html)),
            ("<titles>", None),
            ("<rss version='2.0'>", Some(Language::Xml)),
            (
                "<mods:mods xmlns:mods='http://a.example/'>",
                Some(Language::Xml),
            ),
            ("<https://a.example/x.pdf>", None),
            ("<!-- c -->\n# Notes", None),
            ("# Notes\n<a href='x'>", None),
            ("", None),
        ] {
            assert_eq!(Language::of(beginning), expected, "{beginning}");
        }
    }
}
