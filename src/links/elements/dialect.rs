//! Which format of XML a document is, by its first element.

use super::super::{characters, endnote, feed, oai, opml, sitemap, starts_with, zotero_rdf};
use super::Format;

/// How far a document is looked at for the element that says what it is.
const LONGEST_PROLOGUE: usize = 16 * 1024;

/// A format of XML.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Dialect {
    EndNote,
    ZoteroRdf,
    Opml,
    Feed,
    Sitemap,
    SitemapIndex,
    OaiPmh,
}

impl Dialect {
    /// The format of a document, by its first element; none if it is of another kind.
    pub(in super::super) fn of(beginning: &str) -> Option<Self> {
        let tag = first_tag(beginning)?;
        let name = tag
            .split(|c: char| c.is_whitespace() || matches!(c, '>' | '/'))
            .next()?;
        let (_, local) = name.rsplit_once(':').unwrap_or(("", name));
        let root = tag.split('>').next().unwrap_or_default();
        match &*local.to_ascii_lowercase() {
            "xml" | "records" if beginning.contains("<record") => Some(Self::EndNote),
            "rdf" if root.contains("zotero.org") || root.contains("purl.org/net/biblio") => {
                Some(Self::ZoteroRdf)
            }
            // its modules are used elsewhere, too
            "rdf"
                if ["1.0", "0.9", "0.90"]
                    .iter()
                    .any(|version| root.contains(&format!("/rss/{version}/\""))) =>
            {
                Some(Self::Feed)
            }
            "rdf" if root.contains("netscape.com/rdf") => Some(Self::Feed),
            "opml" => Some(Self::Opml),
            "rss" | "feed" => Some(Self::Feed),
            "urlset" => Some(Self::Sitemap),
            "sitemapindex" => Some(Self::SitemapIndex),
            "oai-pmh" => Some(Self::OaiPmh),
            _ => None,
        }
    }

    /// Whether a document with this beginning has said what it is.
    pub(in super::super) fn is_clear(beginning: &str) -> bool {
        let is_whole = |tag: &str| {
            let is_xml = tag.starts_with("xml") || tag.starts_with("records");
            tag.contains('>') && !(is_xml && tag.len() < 1024 && !tag.contains("<record>"))
        };
        beginning.len() >= LONGEST_PROLOGUE || first_tag(beginning).is_some_and(is_whole)
    }

    /// What it is called in messages.
    pub(in super::super) fn name(self) -> &'static str {
        match self {
            Self::EndNote => "an EndNote library in XML",
            Self::ZoteroRdf => "Zotero RDF",
            Self::Opml => "OPML",
            Self::Feed => "a feed",
            Self::Sitemap => "a sitemap",
            Self::SitemapIndex => "a sitemap index",
            Self::OaiPmh => "an OAI-PMH response",
        }
    }

    /// Its reader.
    pub(super) fn format(self) -> Box<dyn Format> {
        match self {
            Self::EndNote => Box::<endnote::EndNote>::default(),
            Self::ZoteroRdf => Box::<zotero_rdf::ZoteroRdf>::default(),
            Self::Opml => Box::new(opml::Opml),
            Self::Feed => Box::new(feed::Feed),
            Self::Sitemap | Self::SitemapIndex => Box::new(sitemap::Sitemap),
            Self::OaiPmh => Box::<oai::OaiPmh>::default(),
        }
    }
}

/// What follows the `<` of the first element.
fn first_tag(beginning: &str) -> Option<&str> {
    let mut rest = beginning.trim_start_matches(characters::is_space);
    loop {
        let end = match rest {
            _ if rest.starts_with("<?") => "?>",
            _ if rest.starts_with("<!--") => "-->",
            _ if starts_with(rest, "<!doctype html") => return None,
            _ if rest.starts_with("<!") => doctype_end(rest),
            _ => break,
        };
        rest = rest.split_once(end)?.1.trim_start();
    }
    rest.strip_prefix('<')
}

/// What ends the declaration of a document type, which may have others in it.
fn doctype_end(rest: &str) -> &'static str {
    match rest.find(['>', '[']) {
        Some(at) if rest[at..].starts_with('[') => "]>",
        _ => ">",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_type_says_nothing() {
        for beginning in [
            "<!DOCTYPE opml [<!ELEMENT rss (x)>]><opml>",
            "<?xml?><!-- <rss> --><opml version='2'>",
        ] {
            assert_eq!(Dialect::of(beginning), Some(Dialect::Opml), "{beginning}");
        }
    }
}
