//! Answers of OAI-PMH, the protocol by which repositories are harvested: mostly with Dublin Core, where `dc:identifier` has
//! whatever identifies a record. A record whose formats are known and are no PDF has none.
//!
//! An answer has some of the records. If it says how to go on, and no other one follows in the list, the rest is missing: that is a
//! `bad_link`, because a list that is not whole is not done.

use super::elements::{Element, Format};
use super::entry::{Entry, Names, Rank};
use super::split;

const NAMES: Names = &[
    ("title", &["title", "article-title"]),
    ("author", &["creator", "author", "name"]),
    ("year", &["date", "dateissued", "publicationyear", "year"]),
    ("journal", &["source", "journal-title"]),
    ("doi", &["article-id"]),
];

#[derive(Default)]
pub(super) struct OaiPmh {
    has_format: bool,
    has_pdf: bool,
    /// Whether the repository has withdrawn it.
    is_deleted: bool,
    /// What the next answer has to be requested with, and its line.
    token: Option<(u64, String)>,
}

impl Format for OaiPmh {
    fn names(&self) -> Names {
        NAMES
    }

    fn is_entry(&self, name: &str, _: &str, _: usize) -> bool {
        name.rsplit(':').next() == Some("record")
    }

    fn take(&mut self, entry: &mut Entry, element: &Element) {
        let (name, text) = (element.name, element.text);
        match name {
            "header" => self.is_deleted = element.attribute("status") == "deleted",
            "identifier" if element.parent() == "header" => entry.set_key(text),
            "identifier" if text.contains("://") => entry.add_urls(name, text, Rank::Page),
            "identifier" | "article-id" | "doi" => {
                let kinds = ["type", "identifiertype", "pub-id-type"]
                    .map(|kind| element.attribute(kind).to_ascii_lowercase());
                let is_doi = kinds.iter().any(|kind| kind == "doi") || name == "doi";
                let begins = ["10.", "doi:", "DOI:", "info:doi/"]
                    .iter()
                    .any(|begin| text.starts_with(begin));
                if is_doi || begins {
                    entry.add_doi(name, text);
                }
            }
            "relation" | "url" if split::is_pdf_link(text) => entry.add_urls(name, text, Rank::Pdf),
            "url" if text.contains("://") && element.is_in("metadata") => {
                entry.add_urls(name, text, Rank::Page);
            }
            "self-uri" if element.attribute("content-type").contains("pdf") => {
                entry.add_files(name, element.attribute("href"));
            }
            "flocat" => entry.add_files(name, pdf(element.attribute("href"))),
            "format" => {
                self.has_format = true;
                self.has_pdf |= text.to_ascii_lowercase().contains("pdf");
            }
            _ => {}
        }
    }

    fn take_outside(&mut self, name: &str, text: &str, line: u64) {
        if name == "resumptiontoken" {
            self.token = (!text.is_empty()).then(|| (line, text.to_owned()));
        }
    }

    fn rest(&mut self) -> Option<Entry> {
        let (line, token) = self.token.take()?;
        let mut entry = Entry::new(line, NAMES);
        entry.set_key(&token);
        entry.is_broken(
            "the repository has more records: request them with this `resumptionToken`, and add them to the list",
        );
        Some(entry)
    }

    fn complete(&mut self, mut entry: Entry) -> Option<Entry> {
        let known = std::mem::take(self);
        if known.is_deleted || (known.has_format && !known.has_pdf && !entry.has(Rank::Pdf)) {
            entry.drop_links();
        }
        Some(entry)
    }
}

/// A URL, if it is one of a PDF by its path.
fn pdf(url: &str) -> &str {
    if split::is_pdf_link(url) { url } else { "" }
}

#[cfg(test)]
mod tests {
    use super::super::entry::tests::gives;

    #[test]
    fn an_answer_that_goes_on_is_told_of() {
        let record = |n: u32| {
            format!(
                "<record><header><identifier>o:{n}</identifier></header><metadata><dc:identifier>http://o.example/{n}</dc:identifier></metadata></record>\n"
            )
        };
        let answer = |n: u32, token: &str| {
            format!(
                "<OAI-PMH><ListRecords>\n{}{token}</ListRecords></OAI-PMH>\n",
                record(n)
            )
        };
        let token = "<resumptionToken completeListSize='9'>t|1</resumptionToken>";
        let more = "bad: entry `t|1`: the repository has more records: request them with this `resumptionToken`, and add them to the list";
        gives(
            &answer(1, token),
            &[],
            &[(2, "http://o.example/1"), (3, more)],
        );
        // the next answer is in the list
        gives(
            &(answer(1, token) + &answer(2, "<resumptionToken/>")),
            &[],
            &[(2, "http://o.example/1"), (5, "http://o.example/2")],
        );
    }

    #[test]
    fn records_are_read() {
        gives(
            "<?xml version='1.0'?>\n<OAI-PMH xmlns='http://www.openarchives.org/OAI/2.0/'><ListRecords>\n\
             <record><header><identifier>oai:o:1</identifier></header><metadata><oai_dc:dc><dc:title>T</dc:title><dc:creator>Ann</dc:creator><dc:date>2007</dc:date>\
             <dc:format>application/pdf</dc:format><dc:identifier>https://o.example/1</dc:identifier><dc:identifier>10.1000/oai</dc:identifier>\
             <dc:identifier>ISSN 1</dc:identifier><dc:relation>https://o.example/1.pdf</dc:relation></oai_dc:dc></metadata></record>\n\
             <record><header status='deleted'><identifier>oai:o:2</identifier></header></record>\n\
             <record><header><identifier>oai:o:3</identifier></header><metadata><dc><dc:format>text/html</dc:format><dc:identifier>https://o.example/3</dc:identifier></dc></metadata></record>\n\
             <record><header><identifier>oai:o:4</identifier></header><metadata><record xmlns='http://www.loc.gov/MARC21/slim'><datafield><subfield>x</subfield></datafield></record>\
             <dc:identifier>https://o.example/4</dc:identifier></metadata></record>\n\
             </ListRecords></OAI-PMH>",
            &["key", "title", "author", "year"],
            &[
                (
                    3,
                    "oai:o:1 | T | Ann | 2007 | https://o.example/1.pdf | https://doi.org/10.1000/oai | https://o.example/1",
                ),
                (6, "oai:o:4 | https://o.example/4"),
            ],
        );
    }
}
