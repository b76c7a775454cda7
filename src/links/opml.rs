//! OPML: the outline of links, or of feeds, that readers of feeds and podcasts exchange. An outline without a link is a heading.

use super::elements::{Element, Format};
use super::entry::{Entry, Names, Rank};

pub(super) struct Opml;

impl Format for Opml {
    fn names(&self) -> Names {
        &[
            ("title", &["title", "text"]),
            ("author", &["author"]),
            ("year", &["created"]),
            ("date", &["created"]),
            ("type", &["type"]),
        ]
    }

    fn is_entry(&self, name: &str, _: &str, _: usize) -> bool {
        name == "outline"
    }

    fn is_flat(&self) -> bool {
        true
    }

    fn take(&mut self, entry: &mut Entry, element: &Element) {
        let title = ["text", "title"].map(|name| element.attribute(name));
        entry.set_key(
            title
                .into_iter()
                .find(|title| !title.is_empty())
                .unwrap_or_default(),
        );
        for (name, rank) in [
            ("url", Rank::Page),
            ("htmlurl", Rank::Page),
            ("xmlurl", Rank::Catalogue),
        ] {
            entry.add_urls(name, element.attribute(name), rank);
        }
    }

    fn complete(&mut self, entry: Entry) -> Option<Entry> {
        // the others are headings
        entry.has(Rank::Catalogue).then_some(entry)
    }
}

#[cfg(test)]
mod tests {
    use super::super::entry::tests::gives;

    #[test]
    fn outlines_with_links_are_entries() {
        gives(
            "<?xml version='1.0'?><opml version='2.0'><head><title>x</title></head><body><outline text='Group'>\
             <outline text='A' type='rss' xmlUrl='https://o.example/feed' htmlUrl='https://o.example/'/>\n\
             <outline text='B' type='link' url='https://o.example/b.pdf?a=1&amp;b=2'/></outline></body></opml>",
            &["title"],
            &[
                (1, "A | https://o.example/ | https://o.example/feed"),
                (2, "B | https://o.example/b.pdf?a=1&b=2"),
            ],
        );
    }
}
