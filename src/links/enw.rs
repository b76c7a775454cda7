//! The format of EndNote and refer, in files with the ending `.enw`: a percent sign and a character.

use super::characters;
use super::entry::{Entry, Rank};
use super::tagged::Dialect;

/// EndNote.
pub(super) static ENW: Dialect = Dialect {
    name: "EndNote (.enw)",
    tag,
    first: "%0",
    key: "%F",
    last: None,
    names: &[
        ("title", &["%T", "%B"]),
        ("author", &["%A", "%E"]),
        ("year", &["%D", "%8"]),
        ("date", &["%8", "%D"]),
        ("journal", &["%J", "%B"]),
        ("type", &["%0"]),
        ("doi", &["%R"]),
        ("url", &["%U"]),
        ("abstract", &["%X"]),
        ("volume", &["%V"]),
        ("number", &["%N"]),
        ("publisher", &["%I"]),
    ],
    add,
};

/// Whether a list with this beginning is one.
pub(super) fn is_one(beginning: &str) -> bool {
    let first = characters::trim(beginning);
    let first = first.split(['\n', '\r']).next().unwrap_or_default();
    matches!(tag(first), Some(("%0" | "%T" | "%A", value)) if !value.trim().is_empty())
}

fn tag(line: &str) -> Option<(&str, &str)> {
    let (tag, value) = line.split_at_checked(2)?;
    let is_tag = tag.starts_with('%') && tag.ends_with(|c: char| c.is_ascii_graphic());
    (is_tag && (value.is_empty() || value.starts_with(' '))).then_some((tag, value))
}

fn add(entry: &mut Entry, tag: &str, value: &str) {
    match tag {
        "%F" => entry.set_key(value),
        "%U" => entry.add_urls(tag, value, Rank::Page),
        "%R" => entry.add_doi(tag, value),
        "%>" => entry.add_files(tag, value),
        "%2" | "%3" if value.trim_start().starts_with("PMC") => entry.add_pmcid(tag, value),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::entry::tests::gives;

    #[test]
    fn exports_are_read() {
        gives(
            "%0 Journal Article\n%A Smith, A\n%A Doe, B\n%T A title\n%D 2001\n%R 10.1000/enw\n%U http://e.example/page\n%> file:///x.pdf\n%F k1\n\n\
             %0 Book\n%T No link\n\n%0 Report\n%> http://e.example/3.pdf\n%0 Report\n%U http://e.example/4.pdf\n",
            &["key", "author", "year"],
            &[
                (
                    1,
                    "k1 | Smith, A; Doe, B | 2001 | https://doi.org/10.1000/enw | http://e.example/page",
                ),
                (14, "http://e.example/3.pdf"),
                (16, "http://e.example/4.pdf"),
            ],
        );
    }
}
