//! Tables that Zotero exports: a row is an entry. The files in `File Attachments` are on the computer of whoever wrote it.

use std::borrow::Cow;

use super::entry::{Entry, Names, Rank};

/// The names that all formats share.
const NAMES: Names = &[
    ("title", &["Title"]),
    ("author", &["Author", "Editor"]),
    ("year", &["Publication Year", "Date"]),
    ("journal", &["Publication Title"]),
    ("type", &["Item Type"]),
];

/// Whether a table with these columns is one of them.
pub(super) fn is_one(columns: &[String]) -> bool {
    let typical = [
        "Key",
        "Item Type",
        "Title",
        "DOI",
        "Url",
        "File Attachments",
    ];
    typical
        .iter()
        .all(|wanted| columns.iter().any(|name| name == wanted))
}

/// Whether the columns have a field of this name.
pub(super) fn has_field(columns: &[String], wanted: &str) -> bool {
    let columns = columns.iter().map(String::as_str);
    let mut names = columns.chain(shared_names());
    names.any(|name| name.eq_ignore_ascii_case(wanted))
}

/// The names of fields that all formats share.
pub(super) fn shared_names<'a>() -> impl Iterator<Item = &'a str> {
    NAMES.iter().map(|(name, _)| *name)
}

/// The entry of a row, whose cells have the names of their columns.
pub(super) fn entry<'a>(line: u64, cells: impl Iterator<Item = (&'a str, Cow<'a, str>)>) -> Entry {
    let mut entry = Entry::new(line, NAMES);
    for (name, value) in cells {
        if value.trim().is_empty() {
            continue;
        }
        match name {
            "Key" => entry.set_key(&value),
            "Url" => entry.add_urls(name, &value, Rank::Page),
            "Link Attachments" => entry.add_urls(name, &value, Rank::Catalogue),
            "DOI" => entry.add_doi(name, &value),
            "File Attachments" => entry.add_files(name, &value),
            "Extra" => entry.add_note(name, &value),
            _ => {}
        }
        entry.add_field(name, &value);
    }
    entry
}

#[cfg(test)]
mod tests {
    use super::super::entry::tests::gives;

    #[test]
    fn exports_are_read() {
        gives(
            "\u{feff}\"Key\",\"Item Type\",\"Publication Year\",\"Author\",\"Title\",\"DOI\",\"Url\",\"Extra\",\"File Attachments\",\"Link Attachments\"\n\
             \"ABCD\",\"journalArticle\",\"2020\",\"Smith, A; Doe, B\",\"Ti,tle\nmore\",\"10.1000/zc\",\"https://z.example/p\",\"\",\"/home/x/a.pdf; C:\\b.html\",\"\"\n\
             \"EF\",\"book\",\"1999\",\"X\",\"None\",\"\",\"\",\"\",\"/home/x/c.pdf\",\"\"\n\
             \"GH\",\"preprint\",\"2024\",\"Y\",\"Pre\",\"\",\"\",\"arXiv:2401.01234 [cs]\",\"\",\"\"\n",
            &["key", "author", "year", "Item Type"],
            &[
                (
                    2,
                    "ABCD | Smith, A; Doe, B | 2020 | journalArticle | https://doi.org/10.1000/zc | https://z.example/p",
                ),
                (
                    5,
                    "GH | Y | 2024 | preprint | https://arxiv.org/pdf/2401.01234",
                ),
            ],
        );
    }
}
