//! RSS of all versions, and Atom. An item has the link to its page, and what is enclosed or declared to be a PDF.

use super::elements::{Element, Format};
use super::entry::{Entry, Names, Rank};

pub(super) struct Feed;

impl Format for Feed {
    fn names(&self) -> Names {
        &[
            ("title", &["title"]),
            ("author", &["creator", "author", "name"]),
            (
                "year",
                &["published", "pubdate", "date", "updated", "issued"],
            ),
            (
                "date",
                &["published", "pubdate", "date", "updated", "issued"],
            ),
            ("journal", &["publicationname", "source"]),
        ]
    }

    fn is_entry(&self, name: &str, _: &str, _: usize) -> bool {
        matches!(name, "item" | "entry")
    }

    fn take(&mut self, entry: &mut Entry, element: &Element) {
        const PDF: &str = "application/pdf";
        let kind = element.attribute("type");
        let is_pdf = kind
            .split(';')
            .next()
            .is_some_and(|kind| kind.trim().eq_ignore_ascii_case(PDF));
        let href = element.url(element.attribute("href").trim());
        let url = element.url(element.attribute("url").trim());
        let name = element.name;
        match name {
            "enclosure" | "content" if is_pdf => {
                entry.add_urls(name, &url, Rank::Pdf);
            }
            "enclosure" if kind.is_empty() => {
                entry.add_urls(name, &url, Rank::Page);
            }
            "link" if element.parent() == "source" => {}
            "link" if !href.is_empty() => match element.attribute("rel") {
                _ if is_pdf => entry.add_urls(name, &href, Rank::Pdf),
                "alternate" | "" => entry.add_urls(name, &href, Rank::Page),
                "enclosure" => entry.add_files(name, pdf_path(&href)),
                "related" if href.contains("doi.org/10.") => entry.add_doi(name, &href),
                _ => {}
            },
            "link" => entry.add_urls(name, &element.url(element.text), Rank::Page),
            "guid" | "id" => {
                entry.set_key(element.text);
                if element.text.contains("://") && element.attribute("ispermalink") != "false" {
                    entry.add_urls(name, element.text, Rank::Catalogue);
                }
            }
            "doi" => entry.add_doi(name, element.text),
            "identifier" if element.text.contains("10.") => entry.add_doi(name, element.text),
            "item" => entry.set_key(element.attribute("about")),
            _ => {}
        }
    }

    fn url<'a>(&self, name: &str, attributes: &'a [(String, String)]) -> Option<&'a str> {
        let value = |wanted: &str| {
            let mut attributes = attributes.iter();
            let (_, value) = attributes.find(|(name, _)| name == wanted)?;
            Some(value.trim())
        };
        let is_self = name == "link" && value("rel") == Some("self");
        value("href").filter(|_| is_self)
    }

    fn is_field(&self, element: &Element) -> bool {
        element.parent() != "source"
    }
}

/// A URL, if it is one of a PDF by its path.
fn pdf_path(url: &str) -> &str {
    if super::split::is_pdf_link(url) {
        url
    } else {
        ""
    }
}

#[cfg(test)]
mod tests {
    use super::super::entry::tests::{carrying, found, gives};

    #[test]
    fn items_are_read() {
        gives(
            "<?xml version='1.0'?>\n<rss version='2.0' xmlns:atom='http://www.w3.org/2005/Atom'><channel><title>C</title><link>https://r.example/</link>\
             <atom:link href='https://r.example/feed' rel='self'/>\n\
             <item><title>One &amp; <![CDATA[only]]></title><link>https://r.example/1</link><guid isPermaLink='false'>g1</guid>\
             <enclosure url='https://r.example/get/1' length='1' type='application/pdf'/><dc:creator>Ann</dc:creator><pubDate>Mon, 06 Sep 2021</pubDate></item>\n\
             <item><title>Two</title><link>https://r.example/2</link><enclosure url='https://r.example/2.mp3' type='audio/mpeg'/></item>\n\
             <item><title>Open</title><link>https://r.example/3</link>\n\
             <item><title>Four</title><guid>https://r.example/4</guid></item>\n<item><title>None</title></item></channel></rss>",
            &["key", "title", "author", "year"],
            &[
                (
                    3,
                    "g1 | One & only | Ann | 2021 | https://r.example/get/1 | https://r.example/1",
                ),
                (4, "Two | https://r.example/2"),
                (
                    5,
                    "bad: entry `Open`: it is not closed before the next one: is `</item>` missing?",
                ),
                (6, "https://r.example/4 | Four | https://r.example/4"),
            ],
        );
        gives(
            "<feed xmlns='http://www.w3.org/2005/Atom'><link href='http://a.example/api' rel='self'/>\n<entry><id>tag:1</id>\
             <published>2003-07-07</published><title>Multi\n  line</title><author><name>H1</name></author>\
             <link href='http://a.example/abs/1' rel='alternate' type='text/html'/>\
             <link title='pdf' href='http://a.example/get/1' rel='related' type='application/pdf'/><arxiv:doi>10.1140/x</arxiv:doi></entry></feed>",
            &["title", "author", "year"],
            &[(
                2,
                "Multi line | H1 | 2003 | http://a.example/get/1 | https://doi.org/10.1140/x | http://a.example/abs/1",
            )],
        );
        gives(
            "<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#' xmlns=\"http://purl.org/rss/1.0/\"><channel><link>http://a.example/</link></channel>\
             <item rdf:about='http://a.example/1'><title>T</title><link>http://a.example/1</link></item></rdf:RDF>",
            &["title"],
            &[(1, "T | http://a.example/1")],
        );
    }

    #[test]
    fn links_are_relative_to_their_base() {
        let entry = "<entry><link href='a/1'/><link href='/2.pdf' rel='enclosure'/><link href='?a=http://x.example/' type='application/pdf'/></entry>";
        let at =
            |base: &str| format!("http://a.example/2.pdf | {base}?a=http://x.example/ | {base}a/1");
        let own = "<link rel='self' href='http://a.example/own/feed'/>";
        for (list, expected) in [
            (
                format!("<feed xml:base='http://a.example/x/'>{own}{entry}</feed>"),
                at("http://a.example/x/"),
            ),
            (
                format!(
                    "<feed xml:base='http://a.example/x/'>{}</feed>",
                    entry.replace("<entry>", "<entry xml:base='y/'>")
                ),
                at("http://a.example/x/y/"),
            ),
            (
                format!("<feed>{own}<entry xml:base='z/'></entry>{entry}</feed>"),
                at("http://a.example/own/").replace("/?", "/feed?"),
            ),
            (
                "<rss xml:base='http://a.example/x/y'><channel><item><link>1</link>\
                 <enclosure url='2' type='application/pdf'/></item></channel></rss>"
                    .to_owned(),
                "http://a.example/x/2 | http://a.example/x/1".to_owned(),
            ),
            (
                "<rss><channel><atom:link href='http://a.example/x/' rel='self'/><item><link xml:base='y/' href='1'/>\
                 </item></channel></rss>"
                    .to_owned(),
                "http://a.example/x/y/1".to_owned(),
            ),
            (
                format!("<feed xml:base='x/'>{entry}</feed>"),
                "bad: entry without a key: `link`: not a URL: a link begins with `http://` or `https://`".to_owned(),
            ),
        ] {
            gives(&list, &[], &[(1, &expected)]);
        }
    }

    #[test]
    fn a_broken_tag_costs_no_other_item() {
        for broken in [
            "<item><title>B</title><link>http://a.example/2.pdf</link><guid>g</gu",
            "<item><title>B</title><link>http://a.example/2.pdf</link></item",
            "<item><title>B</title><link>http://a.example/2.pdf",
            "<itm><title>B</title><link>http://a.example/2.pdf</link></item>",
        ] {
            let list = format!(
                "<rss><channel><title>C</title>\n<item><link>http://a.example/1.pdf</link></item>\n{broken}\n\
                 <item><link>http://a.example/3.pdf</link></item>\n<item><link>http://a.example/4.pdf</link></item></channel></rss>"
            );
            let told = found(list.as_bytes(), 99, carrying(&[]));
            let told: Vec<_> = told
                .iter()
                .map(|(line, told)| (*line, &told[..told.len().min(22)]))
                .collect();
            let line = told.get(1).map(|(line, _)| *line);
            assert_eq!(
                (told.len(), told[0], told[2], told[3]),
                (
                    4,
                    (2, "http://a.example/1.pdf"),
                    (4, "http://a.example/3.pdf"),
                    (5, "http://a.example/4.pdf")
                ),
                "{list} {told:?}"
            );
            assert!(
                line == Some(3) && told[1].1.starts_with("bad: entry"),
                "{told:?}"
            );
        }
    }

    #[test]
    fn a_feed_that_is_cut_off_is_told_of() {
        gives(
            "<rss><channel><item><title>A</title><link>http://a.example/1.pdf</link></item>\n<item><title>B</title><link>http://a.exam",
            &[],
            &[
                (1, "http://a.example/1.pdf"),
                (2, "bad: entry `B`: it is not closed: is the list cut off?"),
                (
                    0,
                    "error: cannot read `list` after line 2: `<rss>` is not closed",
                ),
            ],
        );
    }
}
