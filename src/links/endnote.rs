//! Libraries of EndNote in XML: `<xml><records><record>`. What is in `internal-pdf://` is on the computer of whoever wrote it.

use super::elements::{Element, Format};
use super::entry::{Entry, Names, Rank};

#[derive(Default)]
pub(super) struct EndNote {
    /// The URLs of the current record beside those of its PDFs, which count first.
    others: Vec<String>,
}

impl Format for EndNote {
    fn names(&self) -> Names {
        &[
            ("title", &["title", "secondary-title"]),
            ("author", &["author"]),
            ("year", &["year", "date"]),
            ("journal", &["full-title", "secondary-title", "abbr-1"]),
            ("doi", &["electronic-resource-num"]),
            ("type", &["ref-type"]),
        ]
    }

    fn is_entry(&self, name: &str, _: &str, _: usize) -> bool {
        name == "record"
    }

    fn looks_at(&self, field: &str) -> bool {
        matches!(
            field,
            "rec-number" | "remote-database-name" | "accession-num"
        )
    }

    fn take(&mut self, entry: &mut Entry, element: &Element) {
        match element.name {
            "label" => entry.set_key(element.text),
            "record" => {
                for url in self.others.drain(..) {
                    entry.add_urls("url", &url, Rank::Page);
                }
                let number = entry.values("rec-number").next().map(str::to_owned);
                entry.set_key(&number.unwrap_or_default());
                let database = entry.value("remote-database-name").unwrap_or_default();
                let number = entry
                    .value("accession-num")
                    .filter(|_| database.to_ascii_lowercase().contains("medline"));
                entry.add_pmid("accession-num", &number.unwrap_or_default());
            }
            "electronic-resource-num" => entry.add_doi(element.name, element.text),
            "url" if element.is_in("pdf-urls") => entry.add_files(element.name, element.text),
            "url" if element.is_in("urls") => self.others.push(element.text.to_owned()),
            "custom2" if element.text.starts_with("PMC") => {
                entry.add_pmcid(element.name, element.text);
            }
            _ => {}
        }
    }

    fn complete(&mut self, entry: Entry) -> Option<Entry> {
        // those of a record without an end
        self.others.clear();
        Some(entry)
    }
}

#[cfg(test)]
mod tests {
    use super::super::entry::tests::gives;

    #[test]
    fn libraries_are_read() {
        gives(
            "<?xml version=\"1.0\" encoding=\"UTF-8\" ?><xml><records><record><database name=\"My.enl\" path=\"x\">My.enl</database>\
             <rec-number>12</rec-number><ref-type name=\"Journal Article\">17</ref-type><contributors><authors><author>\
             <style face=\"normal\" font=\"default\" size=\"100%\">Smith, A.</style></author><author><style>Doe</style></author></authors></contributors>\
             <titles><title><style face=\"normal\">The </style><style face=\"italic\">E. coli</style><style> thing &amp; more</style></title>\
             <secondary-title>J</secondary-title></titles><dates><year><style>2003</style></year></dates><urls><related-urls><url>\
             <style>https://n.example/abs</style></url></related-urls><pdf-urls><url>internal-pdf://123/a.pdf</url><url>http://n.example/get.pdf</url></pdf-urls>\
             </urls><electronic-resource-num><style>10.1000/en</style></electronic-resource-num></record>\n\
             <record><rec-number>13</rec-number><titles><title>No</title></titles></record>\n\
             <record><rec-number>14</rec-number><urls><related-urls><url>http://n.example/14.pdf</url></record></records></xml>\n",
            &["key", "title", "author", "year", "journal"],
            &[
                (
                    1,
                    "12 | The E. coli thing & more | Smith, A.; Doe | 2003 | J | http://n.example/get.pdf | https://doi.org/10.1000/en | \
                     https://n.example/abs",
                ),
                (3, "14 | http://n.example/14.pdf"),
            ],
        );
        // on lines that end with CR, and related URLs of a record without an end are not those of the next one
        let record = |end: &str| {
            format!(
                "<record><urls><related-urls><url>http://n.example/a.pdf</url></related-urls><pdf-urls><url>http://n.example/b.pdf</url>\
                 </pdf-urls></urls>{end}\r"
            )
        };
        gives(
            &format!(
                "<xml><records>\r{}{}</records></xml>",
                record("<urls>"),
                record("</record>")
            ),
            &[],
            &[
                (
                    2,
                    "bad: entry without a key: it is not closed before the next one: is `</record>` missing?",
                ),
                (3, "http://n.example/b.pdf | http://n.example/a.pdf"),
            ],
        );
    }
}
