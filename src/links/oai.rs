//! Answers of OAI-PMH, the protocol by which repositories are harvested: mostly with Dublin Core, where `dc:identifier` has
//! whatever identifies a record. A record whose formats are known and are no PDF has none.

use super::elements::{Element, Format};
use super::entry::{Entry, Names, Rank};
use super::{Context, split};

#[derive(Default)]
pub(super) struct OaiPmh {
    has_format: bool,
    has_pdf: bool,
    /// Whether the repository has withdrawn it.
    is_deleted: bool,
}

impl Format for OaiPmh {
    fn names(&self) -> Names {
        &[
            ("title", &["title", "article-title"]),
            ("author", &["creator", "author", "name"]),
            ("year", &["date", "dateissued", "publicationyear", "year"]),
            ("journal", &["source", "journal-title"]),
            ("doi", &["article-id"]),
        ]
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

    fn take_outside(&mut self, name: &str, text: &str, context: &Context) {
        if name == "resumptiontoken" && !text.is_empty() && context.tells {
            let list = super::brief(&context.source);
            tracing::warn!(
                "{list}: the repository has more records than this answer (it ends with a `resumptionToken`)"
            );
        }
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
