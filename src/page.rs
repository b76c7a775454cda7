//! Reading a page in place of a PDF: the PDFs that it leads to, and what it is if it leads to none.
//!
//! ```text
//!  bytes ──► encoding ──► feed ──► elements ──► collect, stack ──► choose ──► Reading
//!            to UTF-8     pieces   tags, text   the rules, and     which,     candidates, or
//!                                               where it stands    in order   what the page is
//! ```
//!
//! A page is read as it is received, up to [`LONGEST_PAGE`], in constant memory, and never written to disk. Which link of a
//! page is its PDF is decided by [`rules`] and [`words`], which are data. Those that a page declares as its own are explicit; what is
//! inferred from the words of a link is not. When in doubt, there is no candidate: no PDF is better than the wrong one.

mod choose;
mod collect;
mod elements;
mod encoding;
mod feed;
mod identity;
mod link_header;
mod linkset;
mod place;
mod residue;
mod rule_set;
mod rules;
mod scripts;
mod selector;
mod stack;
mod target;
mod verdict;
mod wording;
mod words;

use std::fmt;
use std::sync::Arc;

use html5gum::Tokenizer;
use parking_lot::Mutex;
use url::Url;

use collect::Collector;
use elements::{Decided, Elements};
use encoding::Decoded;
use feed::{Feed, Pull};
pub(crate) use identity::Work;
pub(crate) use linkset::{LONGEST_LINKSET, read_linkset};
pub(crate) use rule_set::Rules;
pub(crate) use verdict::PageKind;

use crate::tags::{Letters, Tags};

/// The most bytes of a page that are read, decoded. What a page declares is near its beginning.
pub(crate) const LONGEST_PAGE: usize = 2 * 1024 * 1024;

/// How many bytes are read at once: what is read of them is kept in several forms.
const PIECE: usize = 4 * 1024;

/// The longest run of letters, in bytes, since the tokenizer keeps what may be the name of an end tag.
const LONGEST_WORD: usize = 64 * 1024;

/// The most candidates of one page.
pub(crate) const MOST_CANDIDATES: usize = 4;

/// Whether `text`, such as a title, says that there is nothing here.
pub(crate) fn says_gone(text: &str) -> bool {
    wording::is_gone(&text.to_lowercase(), "")
}

/// How a candidate was found, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Via {
    /// The only `Link` header with `rel=item` and the type of a PDF.
    LinkItem,
    /// A `Link` header with `rel=alternate` and the type of a PDF.
    LinkAlternate,
    /// `<meta name=citation_pdf_url>`.
    CitationPdfUrl,
    /// `<meta name=bepress_citation_pdf_url>`.
    BepressPdfUrl,
    /// `<meta name=wkhealth_pdf_url>`.
    WkhealthPdfUrl,
    /// `<meta name=eprints.document_url>`.
    EprintsDocumentUrl,
    /// `<meta http-equiv=refresh>`.
    Refresh,
    /// The field of a form that leads on.
    Hop,
    /// `<link rel=alternate type=application/pdf>`.
    LinkRel,
    /// `<self-uri content-type=pdf>` of an article in XML.
    SelfUri,
    /// A link that the configuration names.
    SiteLink,
    /// `<embed>` or `<object>` of a PDF.
    Embed,
    /// The file of a viewer.
    Viewer,
    /// A frame with a PDF.
    Frame,
    /// The URL of the page tells that of its PDF.
    Rewrite,
    /// A link with a class or an id that only articles have.
    AnchorClass,
    /// `<meta name=dc.identifier>`.
    DcIdentifier,
    /// A link with a class or an id that articles have, among others.
    AnchorLikely,
    /// A link whose text says PDF.
    AnchorText,
    /// What a script of a known host names.
    ScriptJson,
    /// A set of links that a page has beside it, which is requested.
    Linkset,
    /// A link to the URL of the page with `.pdf` behind it.
    SelfPdf,
}

impl Via {
    /// Whether the page declares the candidate as its own.
    pub(crate) fn is_explicit(self) -> bool {
        self <= Self::Rewrite
    }

    /// Whether the page, or the configuration, says in so many words that it is its PDF.
    pub(crate) fn is_declared(self) -> bool {
        self <= Self::EprintsDocumentUrl || matches!(self, Self::SelfUri | Self::SiteLink)
    }

    /// Whether nothing on the page says that it is there.
    pub(crate) fn is_guess(self) -> bool {
        matches!(self, Self::Rewrite | Self::SelfPdf)
    }

    /// Whether it leads to the next page, as if that stood in place of this one.
    pub(crate) fn leads_on(self) -> bool {
        matches!(self, Self::Refresh | Self::Hop | Self::Frame)
    }

    /// Its name in records.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::LinkItem => "link_item",
            Self::LinkAlternate => "link_alternate",
            Self::CitationPdfUrl => "citation_pdf_url",
            Self::BepressPdfUrl => "bepress_citation_pdf_url",
            Self::WkhealthPdfUrl => "wkhealth_pdf_url",
            Self::EprintsDocumentUrl => "eprints.document_url",
            Self::Refresh => "refresh",
            Self::Hop => "hop",
            Self::LinkRel => "link_rel",
            Self::SelfUri => "self_uri",
            Self::SiteLink => "site_link",
            Self::Embed => "embed",
            Self::Viewer => "viewer",
            Self::Frame => "frame",
            Self::Rewrite => "rewrite",
            Self::AnchorClass | Self::AnchorLikely => "anchor_class",
            Self::DcIdentifier => "dc.identifier",
            Self::AnchorText => "anchor_text",
            Self::ScriptJson => "script_json",
            Self::Linkset => "linkset",
            Self::SelfPdf => "self_pdf",
        }
    }
}

/// A URL that may be the PDF of a page, or another page on the way to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// The URL, without fragment.
    pub(crate) url: Url,
    /// How it was found.
    pub(crate) via: Via,
}

/// What a page says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reading {
    /// Its candidates, best first.
    pub(crate) candidates: Vec<Found>,
    /// How many equal candidates it has that cannot be told apart, none of which was taken.
    pub(crate) ambiguous: usize,
    /// The DOI, arXiv id or title that it is about, if that is another one than that of the link or of the pages before.
    pub(crate) about_another: Option<String>,
    /// The title of the article, or of the page.
    pub(crate) title: Option<String>,
    /// Whether it is that of the article.
    pub(crate) is_work: bool,
    /// What it says about the work that it is about.
    pub(crate) work: Work,
    /// Whether it was only read as far as it declares its PDF, which may not be there.
    pub(crate) is_partial: bool,
    /// What it is, should its candidates lead to nothing.
    pub(crate) kind: PageKind,
    /// What looked like a candidate and is none, if the circumstances ask for it.
    pub(crate) left_out: Vec<LeftOut>,
}

/// What looked like a candidate and is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LeftOut {
    /// Its URL.
    pub(crate) url: Url,
    /// How it was found.
    pub(crate) via: Via,
    /// Why it is none.
    pub(crate) why: Why,
}

/// Why something is no candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Why {
    /// It stands in a part of the page that is about other works, or the same on all pages.
    Place,
    /// What its text says, or a part of that.
    Says(String),
    /// What stands before it.
    Beside(String),
    /// A part of its URL.
    Part(&'static str),
    /// It is the page itself.
    Itself,
    /// Its URL ends as that of another kind of file.
    OtherFile,
    /// It is on another site.
    OtherSite,
    /// There are other links like it.
    Ambiguous,
    /// There are too many.
    TooMany,
    /// The page, or its own URL, is about another work than the link or the page.
    OtherWork,
    /// The page does not say that it is about a work.
    NoWork,
    /// The page is a login page, an error or the like.
    OtherPage,
    /// It is only inferred.
    Inferred,
    /// What the host declares is known to be wrong.
    WrongMeta,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Place => f.write_str("in a part of the page that is about something else"),
            Self::Says(words) => write!(f, "its text says `{words}`"),
            Self::Beside(words) => write!(f, "it stands behind `{words}`"),
            Self::Part(part) => write!(f, "its URL has `{part}`"),
            Self::Itself => f.write_str("the page itself"),
            Self::OtherFile => f.write_str("another kind of file"),
            Self::OtherSite => f.write_str("on another site"),
            Self::Ambiguous => f.write_str("one of several that cannot be told apart"),
            Self::TooMany => f.write_str("the page has too many"),
            Self::OtherWork => f.write_str("about another work"),
            Self::NoWork => f.write_str("the page does not say that it is about an article"),
            Self::OtherPage => f.write_str("not the page of an article"),
            Self::Inferred => f.write_str("only followed with `--landing all`"),
            Self::WrongMeta => f.write_str("what this host declares is known to be wrong"),
        }
    }
}

/// How a page is read.
#[derive(Debug, Clone)]
pub(crate) struct Circumstances<'a> {
    /// The URL of the page.
    pub(crate) url: &'a Url,
    /// The URL of the line of the list, which may name a DOI or an arXiv id.
    pub(crate) link: &'a Url,
    /// The `Content-Type` of the response.
    pub(crate) content_type: &'a str,
    /// The `Link` headers of the response.
    pub(crate) links: &'a [&'a str],
    /// The `Refresh` header of the response; empty without one.
    pub(crate) refresh: &'a str,
    /// Whether candidates may be inferred.
    pub(crate) infers: bool,
    /// What is known of sites.
    pub(crate) rules: &'a Arc<Rules>,
    /// Whether to say what is left out, which takes reading the page to its end.
    pub(crate) explains: bool,
}

/// How a page was reached.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reached<'a> {
    /// The URL of the list that was requested: that of the line, or a mirror.
    pub(crate) asked: &'a Url,
    /// What the pages on the way are about; none if there were none.
    pub(crate) work: Option<&'a Work>,
    /// Whether the response sets cookies.
    pub(crate) sets_cookies: bool,
    /// Whether it is read again, to its end, since what it declares is not there.
    pub(crate) is_again: bool,
}

/// Reads one page.
pub(crate) struct Reader {
    decoded: Decoded,
    feed: Feed,
    tokenizer: Tokenizer<Pull, Tags<Elements>>,
    collector: Arc<Mutex<Collector>>,
    read: usize,
    letters: Letters,
}

impl Reader {
    /// A reader of a page in these circumstances.
    pub(crate) fn new(circumstances: &Circumstances) -> Self {
        let feed = Feed::default();
        let is_xml = circumstances.content_type.contains("xml");
        let collector = Arc::new(Mutex::new(Collector::new(circumstances)));
        let tags = Tags::new(Elements::new(Arc::clone(&collector)), is_xml);
        Self {
            decoded: Decoded::new(circumstances.content_type),
            tokenizer: Tokenizer::new_with_emitter(feed.pull(), tags),
            feed,
            collector,
            read: 0,
            letters: Letters::default(),
        }
    }

    /// The same for a page that was reached like this.
    pub(crate) fn reached(self, way: &Reached) -> Self {
        self.collector.lock().reach(way);
        self
    }

    /// Reads the next bytes of the page. Returns whether more can change what it says.
    pub(crate) fn read(&mut self, bytes: &[u8]) -> bool {
        let room = LONGEST_PAGE - self.read;
        let bytes = &bytes[..bytes.len().min(room)];
        self.read += bytes.len();
        bytes.chunks(PIECE).all(|piece| self.advance(piece, false)) && self.read < LONGEST_PAGE
    }

    /// What the page says, which has been read as far as it matters.
    pub(crate) fn finish(mut self) -> Reading {
        self.advance(&[], true);
        drop(self.tokenizer);
        let collector = Arc::into_inner(self.collector).expect("the tokenizer had the other one");
        collector.into_inner().finish()
    }

    /// Whether what has been read is enough, although the page has not been received to its end: it has declared its PDF, or
    /// what was missing is nothing that matters.
    pub(crate) fn is_enough(&self) -> bool {
        self.collector.lock().is_enough()
    }

    /// About how many bytes it keeps of the page.
    #[cfg(test)]
    fn kept(&self) -> usize {
        let mut letters = self.letters;
        let letters = letters.after(&[]);
        // the tokenizer keeps a word, and what is decoded of a piece is up to three times as long, in a few forms
        self.decoded.kept()
            + self.feed.kept()
            + letters.min(LONGEST_WORD)
            + 4 * 3 * PIECE
            + self.collector.lock().kept()
    }

    /// Reads a piece. Returns whether more can change what the page says.
    fn advance(&mut self, bytes: &[u8], is_last: bool) -> bool {
        let text = self.decoded.decode(bytes, is_last);
        let letters = self.letters.after(text.as_bytes());
        {
            let mut collector = self.collector.lock();
            if let Some(encoding) = self.decoded.encoding() {
                collector.set_encoding(encoding);
            }
            collector.see(&text);
        }
        self.feed.push(&text);
        if is_last {
            self.feed.end();
        }
        !matches!(self.tokenizer.next(), Some(Ok(Decided))) && letters <= LONGEST_WORD
    }
}

#[cfg(test)]
mod tests;
