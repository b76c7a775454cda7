//! RDF of Zotero: an item, then its attachments and what it is part of, each an element of its own below the first one.
//!
//! ```text
//!  <bib:Article rdf:about="https://…"> … <link:link rdf:resource="#item_2"/></bib:Article>
//!  <z:Attachment rdf:about="#item_2"> … <link:type>application/pdf</link:type></z:Attachment>
//!  <bib:Journal rdf:about="urn:issn:…"><dc:identifier>DOI 10.…</dc:identifier></bib:Journal>
//! ```
//!
//! An item is complete when the next one begins, because the links to its PDFs are in its attachments.

use std::mem;

use super::elements::{Element, Format};
use super::entry::{Entry, Names, Rank, full_name};

#[derive(Default)]
pub(super) struct ZoteroRdf {
    /// The item whose attachments may follow, and their names.
    item: Option<(Entry, Vec<String>)>,
    /// The names of what the current item has attached to it or is part of.
    attached: Vec<String>,
    kind: Kind,
    /// The name of the current element.
    about: String,
    is_pdf: bool,
    /// The family name and the given name of the current author.
    author: [String; 2],
}

/// What an element below the first one is.
#[derive(Default, PartialEq, Eq)]
enum Kind {
    #[default]
    Item,
    Attachment,
    /// A journal, a series or a book that an item is part of.
    Whole,
    /// A note or a collection.
    Other,
}

impl Format for ZoteroRdf {
    fn names(&self) -> Names {
        &[
            ("key", &["citationkey"]),
            ("title", &["title"]),
            ("author", &["authors"]),
            ("year", &["date"]),
            ("type", &["itemtype"]),
        ]
    }

    fn is_entry(&self, _: &str, _: &str, depth: usize) -> bool {
        depth == 1
    }

    fn looks_at(&self, field: &str) -> bool {
        field == "itemtype"
    }

    fn take(&mut self, entry: &mut Entry, element: &Element) {
        let (name, text) = (element.name, element.text);
        match name {
            _ if element.depth() == 0 => self.finish(entry, element),
            "citationkey" => entry.set_key(text),
            "value" if element.is_in("uri") => entry.add_urls("url", text, Rank::Page),
            "identifier" if text.starts_with("DOI ") => entry.add_doi("doi", text),
            "link" | "ispartof" | "hasversion" => {
                self.attached.push(element.attribute("resource").to_owned());
            }
            "type" if element.prefix == "link" => {
                self.is_pdf = text.eq_ignore_ascii_case("application/pdf");
            }
            "surname" if element.is_in("authors") => text.clone_into(&mut self.author[0]),
            "givenname" if element.is_in("authors") => text.clone_into(&mut self.author[1]),
            "person" | "authors" => {
                let author = mem::take(&mut self.author);
                entry.add_field("authors", &full_name(author.iter().map(String::as_str)));
            }
            "description" => entry.add_note(name, text),
            _ => {}
        }
    }

    fn is_field(&self, element: &Element) -> bool {
        element.depth() < 2
    }

    fn complete(&mut self, mut entry: Entry) -> Option<Entry> {
        let (kind, about) = (mem::take(&mut self.kind), mem::take(&mut self.about));
        let (attached, is_pdf) = (mem::take(&mut self.attached), mem::take(&mut self.is_pdf));
        let is_known = |item: &&mut (Entry, Vec<String>)| item.1.contains(&about);
        match (kind, self.item.as_mut().filter(is_known)) {
            (Kind::Attachment, Some((item, _))) => {
                item.attach(entry, is_pdf);
                None
            }
            (Kind::Whole, Some((item, _))) => {
                if !item.has_doi() {
                    item.attach_doi(entry);
                }
                None
            }
            (Kind::Other, _) | (Kind::Whole, None) => None,
            (Kind::Attachment, None) => {
                if is_pdf {
                    entry.are_pdfs();
                }
                Some(entry)
            }
            (Kind::Item, _) => self.item.replace((entry, attached)).map(|(item, _)| item),
        }
    }

    fn rest(&mut self) -> Option<Entry> {
        self.item.take().map(|(item, _)| item)
    }
}

impl ZoteroRdf {
    fn finish(&mut self, entry: &mut Entry, element: &Element) {
        let about = element.attribute("about");
        about.clone_into(&mut self.about);
        entry.set_key(about.strip_prefix('#').unwrap_or(about));
        self.kind = match element.name {
            "attachment" => Kind::Attachment,
            "memo" | "collection" | "usergroup" => Kind::Other,
            // a book or a series may also be an item of its own
            "journal" | "series" => Kind::Whole,
            _ if entry.values("itemtype").next().is_none() => Kind::Whole,
            _ => Kind::Item,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::super::entry::tests::gives;

    #[test]
    fn authors_have_their_given_names() {
        gives(
            "<rdf:RDF xmlns:z=\"http://www.zotero.org/namespaces/export#\"><bib:Article rdf:about=\"http://z.example/1\"><z:itemType>x</z:itemType>\r\
             <bib:authors><foaf:Person><foaf:surname>Wang</foaf:surname><foaf:givenName>José</foaf:givenName></foaf:Person>\
             <foaf:Person><foaf:surname>The Team</foaf:surname></foaf:Person></bib:authors><dc:identifier><dcterms:URI>\
             <rdf:value>http://z.example/1</rdf:value></dcterms:URI></dc:identifier></bib:Article>\r\
             <bib:Article rdf:about=\"http://z.example/2\"><z:itemType>x</z:itemType><bib:editors><foaf:Person><foaf:surname>No</foaf:surname>\
             </foaf:Person></bib:editors><dc:identifier><dcterms:URI><rdf:value>http://z.example/2</rdf:value></dcterms:URI></dc:identifier>\
             </bib:Article></rdf:RDF>",
            &["author"],
            &[
                (1, "Wang, José; The Team | http://z.example/1"),
                (3, "http://z.example/2"),
            ],
        );
    }

    #[test]
    fn items_have_their_attachments() {
        gives(
            "<rdf:RDF\n xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\"\n xmlns:z=\"http://www.zotero.org/namespaces/export#\"\n\
             \x20xmlns:bib=\"http://purl.org/net/biblio#\"\n xmlns:link=\"http://purl.org/rss/1.0/modules/link/\">\n\
             <bib:Article rdf:about=\"https://z.example/abs/1\"><z:itemType>journalArticle</z:itemType><dcterms:isPartOf rdf:resource=\"urn:issn:1\"/>\
             <bib:authors><rdf:Seq><rdf:li><foaf:Person><foaf:surname>Smith</foaf:surname><foaf:givenName>A</foaf:givenName></foaf:Person></rdf:li></rdf:Seq></bib:authors>\
             <link:link rdf:resource=\"#item_2\"/><dc:title>RDF title</dc:title><dc:date>2018-03</dc:date><dc:identifier><dcterms:URI>\
             <rdf:value>https://z.example/abs/1</rdf:value></dcterms:URI></dc:identifier></bib:Article>\n\
             <bib:Journal rdf:about=\"urn:issn:1\"><dc:identifier>DOI 10.1000/rdf</dc:identifier><dc:title>Journal</dc:title></bib:Journal>\n\
             <z:Attachment rdf:about=\"#item_2\"><z:itemType>attachment</z:itemType><dc:identifier><dcterms:URI><rdf:value>https://z.example/get/1</rdf:value>\
             </dcterms:URI></dc:identifier><dc:title>Full Text</dc:title><link:type>application/pdf</link:type></z:Attachment>\n\
             <bib:Book rdf:about=\"urn:isbn:1\"><z:itemType>book</z:itemType><dc:title>Book</dc:title></bib:Book>\n\
             <rdf:Description rdf:about=\"#item_5\"><z:itemType>conferencePaper</z:itemType><dcterms:isPartOf><bib:Journal><dc:title>Proc</dc:title>\
             <dc:identifier>DOI 10.1000/conf</dc:identifier></bib:Journal></dcterms:isPartOf><dc:title>Paper</dc:title></rdf:Description>\n\
             <bib:Memo rdf:about=\"#item_6\"><rdf:value>http://z.example/note.pdf</rdf:value></bib:Memo>\n\
             <z:Attachment rdf:about=\"#item_7\"><z:itemType>attachment</z:itemType><dc:identifier><dcterms:URI><rdf:value>https://z.example/7</rdf:value>\
             </dcterms:URI></dc:identifier><link:type>application/pdf</link:type></z:Attachment>\n</rdf:RDF>\n",
            &["title", "author", "year"],
            &[
                (
                    6,
                    "RDF title | Smith, A | 2018 | https://z.example/get/1 | https://doi.org/10.1000/rdf | https://z.example/abs/1",
                ),
                (12, "https://z.example/7"),
                (10, "Paper | https://doi.org/10.1000/conf"),
            ],
        );
    }
}
