//! The formats of lists, and how to detect one.
//!
//! `auto` decides by the beginning of the list, and mostly by its first line: waiting for more would delay the links of a pipe. A
//! second line is waited for if there is no link in the first one.

use std::io::{self, BufRead, Read};
use std::iter;

use clap::ValueEnum;

use super::compressed::{Source, decompressed};
use super::elements::{self, Dialect};
use super::markup::Language;
use super::shape::{self, Shape};
use super::tally::Tally;
use super::{
    Context, Item, aria2, bibtex, brief, cdxj, characters, csv, document, enw, foreign, html, nbib,
    only, plain, ris, sitemap, tagged, text,
};
use crate::line::fill;

/// The format of a list, as the user names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// Detect it by the beginning of the list
    #[default]
    Auto,
    /// One link per line; after a tab, the name for its file
    Plain,
    /// A table
    Csv,
    /// The same, separated by tabs
    Tsv,
    /// JSON objects, one per line or in a document
    Jsonl,
    /// An input file or a session of aria2
    Aria2,
    /// Links in text or Markdown
    Text,
    /// Links in a page or an XML document
    Html,
    /// BibTeX or BibLaTeX
    Bibtex,
    /// RIS
    Ris,
    /// MEDLINE, as PubMed exports it
    Nbib,
    /// Tagged entries of EndNote
    Enw,
    /// A library of EndNote in XML
    EndnoteXml,
    /// CSL-JSON
    CslJson,
    /// RDF of Zotero
    ZoteroRdf,
    /// Outlines of links or feeds
    Opml,
    /// RSS or Atom
    Feed,
    /// A sitemap
    Sitemap,
    /// Answers of OAI-PMH
    OaiPmh,
    /// Indexes of web archives
    Cdxj,
}

/// The format of a list, as its reader has to know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ListKind {
    Plain,
    Jsonl,
    Document,
    Table(Shape),
    Aria2,
    Text,
    Markup(Language),
    Bibtex,
    Tagged(Tagged),
    Elements(Dialect),
    Cdxj,
}

impl ListKind {
    /// Whether it has entries with fields.
    pub(super) fn has_entries(self) -> bool {
        matches!(self, Self::Bibtex | Self::Tagged(_) | Self::Elements(_))
    }
}

/// A list whose lines begin with tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tagged {
    Ris,
    Nbib,
    Enw,
}

impl Tagged {
    fn dialect(self) -> &'static tagged::Dialect {
        match self {
            Self::Ris => &ris::RIS,
            Self::Nbib => &nbib::NBIB,
            Self::Enw => &enw::ENW,
        }
    }
}

/// A reader of a list.
pub(super) type Reader = Box<dyn Iterator<Item = Item> + Send>;

/// How much of a list is looked at to see its first lines.
const LONGEST_BEGINNING: usize = 64 * 1024;

/// Reads the list in `source`. Blocks until its beginning is there.
pub(super) fn open(source: Source, mut context: Context) -> io::Result<Reader> {
    let begun = begin(source, &mut context).map_err(|error| context.broken(0, &error))?;
    let (source, kind) = begun;
    if context.options.only.is_some()
        && matches!(
            kind,
            ListKind::Aria2
                | ListKind::Text
                | ListKind::Markup(_)
                | ListKind::Bibtex
                | ListKind::Tagged(_)
                | ListKind::Elements(_)
        )
    {
        only::warn("all links of other lists are taken");
    }
    describe(kind, &context);
    let same = context.clone();
    Ok(Box::new(Tally::new(reader(source, kind, context)?, same)))
}

/// The reader of a list of this kind.
pub(super) fn reader(source: Source, kind: ListKind, context: Context) -> io::Result<Reader> {
    Ok(match kind {
        ListKind::Plain | ListKind::Jsonl => Box::new(plain::links(source, context)),
        ListKind::Table(shape) => csv::links(source, shape, context)?,
        ListKind::Document => Box::new(document::links(source, context)),
        ListKind::Aria2 => Box::new(aria2::links(source, context)),
        ListKind::Text => Box::new(text::links(source, context)),
        ListKind::Markup(language) => Box::new(html::links(source, language, context)),
        ListKind::Bibtex => Box::new(bibtex::links(source, context)),
        ListKind::Tagged(kind) => Box::new(tagged::links(source, kind.dialect(), context)),
        ListKind::Elements(Dialect::SitemapIndex) => {
            Box::new(sitemap::links_of_index(source, context))
        }
        ListKind::Elements(dialect) => Box::new(elements::links(source, dialect, context)),
        ListKind::Cdxj => Box::new(cdxj::links(source, context)),
    })
}

/// Notes what a list is read as, and what to try if nothing is found in it.
pub(super) fn describe(kind: ListKind, context: &Context) {
    let seen = &context.seen;
    let wanted = if context.options.all_links {
        "links"
    } else {
        "links that end in `.pdf`"
    };
    let is_bibliography = kind.has_entries();
    seen.is_blank_with(match kind {
        ListKind::Document => "the list is empty",
        _ if is_bibliography || context.options.extract => "",
        _ => "nothing but blank lines and comments",
    });
    if matches!(kind, ListKind::Jsonl | ListKind::Document) {
        let advice = "no field has one; `--url-column NAME` says which one should";
        seen.advise(advice.to_owned());
    }
    let kind = match kind {
        ListKind::Plain => "a plain list",
        ListKind::Jsonl => "JSON lines",
        ListKind::Document => "a JSON document",
        ListKind::Aria2 => "an aria2 file",
        ListKind::Text => &format!("text, for {wanted}"),
        ListKind::Markup(Language::Xml) => &format!("an XML document, for {wanted}"),
        ListKind::Markup(Language::Html) => &format!("a page, for {wanted}"),
        ListKind::Bibtex => "BibTeX",
        ListKind::Tagged(kind) => kind.dialect().name,
        ListKind::Elements(dialect) => dialect.name(),
        ListKind::Cdxj => "a web archive index, for PDFs",
        // described with its columns
        ListKind::Table(_) => return,
    };
    seen.is(kind.to_owned());
    if is_bibliography {
        seen.advise(match &context.options.columns.url {
            Some(field) => format!("no entry has a link in `{}`", brief(field)),
            None => "no entry has a URL, a DOI or another identifier".to_owned(),
        });
    }
    if context.options.extract {
        let advice = if context.options.all_links {
            "is it the right file?"
        } else {
            "it has no other links, either"
        };
        seen.advise(advice.to_owned());
    }
}

/// The decompressed lines of `source` if it has one link per line, so that they can be counted without parsing them.
pub(super) fn plain_lines(source: Source, context: &mut Context) -> Option<Source> {
    let (source, kind) = begin(source, context).ok()?;
    matches!(kind, ListKind::Plain | ListKind::Jsonl).then_some(source)
}

/// Decodes a list, detects its format, and passes what is before its header.
pub(super) fn begin(source: Source, context: &mut Context) -> io::Result<(Source, ListKind)> {
    let source = decompressed(source)?;
    let source = look_ahead(source, |beginning| beginning.len() >= 4)?;
    let source = characters::decoded(source)?;
    let mut source = look_ahead(source, |beginning| is_enough(beginning, context))?;
    let beginning = fill(&mut source)?;
    let kind = recognized(beginning, context)?;
    if matches!(kind, ListKind::Table(_)) {
        let (length, lines) = preface(beginning);
        context.lines_before = lines;
        source.consume(length);
    }
    Ok((source, kind))
}

/// The kind of a list. Refuses what is none, and notes what looks like another kind than it is read as.
fn recognized(beginning: &[u8], context: &Context) -> io::Result<ListKind> {
    let text = characters::text(&beginning[..beginning.len().min(LONGEST_BEGINNING)]);
    let is_auto = context.options.format == Format::Auto && !context.options.extract;
    let other = foreign::binary(beginning, &brief(&context.source));
    let is_foreign = || is_auto && entries(&text).is_none();
    let other = other.or_else(|| foreign::text(&text).filter(|_| is_foreign()));
    if let Some(other) = other {
        return Err(io::Error::new(io::ErrorKind::InvalidData, other));
    }
    let kind = kind(&text, context);
    let mut lines = content_lines(&text).chain(iter::repeat(""));
    let (first, second) = (
        lines.next().unwrap_or_default(),
        lines.next().unwrap_or_default(),
    );
    if kind == ListKind::Plain
        && !(first.contains("://") || second.contains("://"))
        && let Some(names) = shape::header(first, second)
    {
        let names = brief(&names);
        let advice = format!(
            "it looks like a table with the columns `{names}`: `--url-column NAME` says which one has the links"
        );
        context.seen.suspect(advice);
    }
    Ok(kind)
}

/// Reads on until there is `enough`, all of which is buffered then.
fn look_ahead(mut source: Source, enough: impl Fn(&[u8]) -> bool) -> io::Result<Source> {
    if enough(fill(&mut source)?) {
        return Ok(source);
    }
    let mut beginning = Vec::new();
    loop {
        let bytes = fill(&mut source)?;
        let length = bytes.len();
        beginning.extend_from_slice(bytes);
        source.consume(length);
        if length == 0 || beginning.len() >= LONGEST_BEGINNING || enough(&beginning) {
            return Ok(Box::new(io::Cursor::new(beginning).chain(source)));
        }
    }
}

/// Whether the `beginning` of a list says what it is: its first line, and the second one if there is no link in the first.
fn is_enough(beginning: &[u8], context: &Context) -> bool {
    if beginning.len() >= LONGEST_BEGINNING {
        return true;
    }
    let end = beginning
        .iter()
        .rposition(|byte| matches!(byte, b'\n' | b'\r'));
    let text = characters::text(&beginning[..end.map_or(0, |end| end + 1)]);
    if context.options.format == Format::Auto && !context.options.extract && !says_kind(&text) {
        return false;
    }
    let mut lines = content_lines(&text);
    let Some(first) = lines.next() else {
        return false;
    };
    let is_clear = context.options.extract
        || context.options.format != Format::Auto
        || (first.contains("://") && !characters::trim(first).starts_with(['{', '[']))
        || shape::of(first, "", context).is_some()
        || (characters::trim(first).starts_with('{') && document::is_balanced(first));
    is_clear || lines.next().is_some()
}

/// Whether a list has said what it is, if it begins as some do before they say it: with the declaration of XML, or with the words of a
/// program.
fn says_kind(beginning: &str) -> bool {
    const MOST_LINES: usize = 20;
    let text = characters::trim(beginning);
    if text.starts_with('<') && !super::starts_with(text, "<http") {
        return Dialect::is_clear(text) || Language::of(text) == Some(Language::Html);
    }
    let first = text.split(['\n', '\r']).next().unwrap_or_default();
    let may_follow = bibtex::may_follow(first) || ris::may_follow(first) || nbib::may_follow(first);
    let may_follow = may_follow || cdxj::is_heading(first);
    !may_follow || entries(text).is_some() || text.lines().count() > MOST_LINES
}

/// The kind of a list of entries; none if it is another list.
fn entries(beginning: &str) -> Option<ListKind> {
    let text = beginning.trim_start_matches(characters::is_space);
    match text.as_bytes().first()? {
        b'<' => return Dialect::of(text).map(ListKind::Elements),
        b'{' => {}
        _ if bibtex::is_one(text) => return Some(ListKind::Bibtex),
        _ if ris::is_one(text) => return Some(ListKind::Tagged(Tagged::Ris)),
        _ if nbib::is_one(text) => return Some(ListKind::Tagged(Tagged::Nbib)),
        _ if enw::is_one(text) => return Some(ListKind::Tagged(Tagged::Enw)),
        _ => {}
    }
    let first = content_lines(text).find(|line| !cdxj::is_heading(line));
    let first = first.unwrap_or_default();
    cdxj::is_line(first).then_some(ListKind::Cdxj)
}

/// The lines of a text that are neither blank nor comments.
fn content_lines(text: &str) -> impl Iterator<Item = &str> + Clone {
    let lines = text.split(['\n', '\r']);
    lines.filter(|line| !characters::trim(line).is_empty() && !is_comment(line))
}

/// Whether a line is a comment. The first column of a table may be called `#` or `#id`.
fn is_comment(line: &str) -> bool {
    let name = characters::trim(line).strip_prefix('#');
    let is_header = |name: &str| {
        let is_named = name.starts_with(char::is_alphanumeric) && name.contains('\t');
        is_named || name.starts_with(['\t', ',', ';', '|'])
    };
    name.is_some_and(|name| !is_header(name))
}

fn kind(beginning: &str, context: &Context) -> ListKind {
    let mut lines = content_lines(beginning);
    let mut first = lines.next().unwrap_or_default();
    let mut second = lines.next().unwrap_or_default();
    let declared = shape::declared(first);
    if declared.is_some() {
        (first, second) = (second, lines.next().unwrap_or_default());
    }
    let columns = &context.options.columns;
    let has_link = first.contains("://");
    let numbered = columns
        .url
        .as_ref()
        .is_some_and(|name| name.parse::<usize>().is_ok());
    let template = context.options.url_template.as_ref();
    let header = || {
        if let Some(template) = template {
            return shape::of_template(first, template);
        }
        let known = shape::of(first, second, context);
        known.or_else(|| has_link.then(|| shape::headless(first)))
    };
    let table = |separator: Option<u8>| {
        let shape = header();
        let has_header = shape.is_none_or(|shape| shape.has_header);
        let separator = separator.or(shape.map(|shape| shape.separator));
        let separator = separator.unwrap_or_else(|| shape::headless(first).separator);
        ListKind::Table(Shape {
            separator,
            has_header,
        })
    };
    let is_auto = context.options.format == Format::Auto && !context.options.extract;
    if let Some(kind) = entries(beginning).filter(|_| is_auto) {
        return kind;
    }
    match context.options.format {
        Format::Csv => {
            let found = header().map(|shape| shape.separator);
            let found = found.filter(|separator| *separator != b'\t');
            table(declared.or(found).or(Some(b',')))
        }
        Format::Tsv => table(Some(b'\t')),
        Format::Plain => ListKind::Plain,
        Format::Aria2 => ListKind::Aria2,
        Format::Text => ListKind::Text,
        Format::Html => ListKind::Markup(Language::of(beginning).unwrap_or(Language::Html)),
        Format::Auto if context.options.extract => {
            Language::of(beginning).map_or(ListKind::Text, ListKind::Markup)
        }
        Format::Bibtex => ListKind::Bibtex,
        Format::Ris => ListKind::Tagged(Tagged::Ris),
        Format::Nbib => ListKind::Tagged(Tagged::Nbib),
        Format::Enw => ListKind::Tagged(Tagged::Enw),
        Format::EndnoteXml => ListKind::Elements(Dialect::EndNote),
        Format::ZoteroRdf => ListKind::Elements(Dialect::ZoteroRdf),
        Format::Opml => ListKind::Elements(Dialect::Opml),
        Format::Feed => ListKind::Elements(Dialect::Feed),
        Format::Sitemap => {
            let index = Dialect::of(beginning).filter(|known| *known == Dialect::SitemapIndex);
            ListKind::Elements(index.unwrap_or(Dialect::Sitemap))
        }
        Format::OaiPmh => ListKind::Elements(Dialect::OaiPmh),
        Format::Cdxj => ListKind::Cdxj,
        Format::Jsonl | Format::CslJson | Format::Auto if document::is_one(beginning) => {
            ListKind::Document
        }
        Format::Jsonl | Format::CslJson => ListKind::Jsonl,
        Format::Auto if declared.is_some() => table(declared),
        Format::Auto if beginning.lines().any(aria2::is_option) => ListKind::Aria2,
        Format::Auto if characters::trim(first).starts_with('{') => ListKind::Jsonl,
        Format::Auto if columns.url.is_none() && context.options.url_template.is_some() => {
            table(None)
        }
        Format::Auto if has_link && numbered => table(None),
        Format::Auto if has_link => ListKind::Plain,
        // the error for a table without the column says more than one for each line of a plain list
        Format::Auto if columns.url.is_some() => table(None),
        Format::Auto => shape::of(first, second, context).map_or(ListKind::Plain, ListKind::Table),
    }
}

/// How many bytes and lines are before the header of a table: comments, blank lines, and the line that declares its separator.
fn preface(beginning: &[u8]) -> (usize, u64) {
    let (mut length, mut lines) = (0, 0);
    let is_end = |byte: &u8| matches!(byte, b'\n' | b'\r');
    while let Some(end) = beginning[length..].iter().position(is_end) {
        let line = characters::text(&beginning[length..length + end]);
        let is_passed =
            line.trim().is_empty() || is_comment(&line) || shape::declared(&line).is_some();
        if !is_passed {
            break;
        }
        let is_pair = beginning[length + end..].starts_with(b"\r\n");
        length += end + 1 + usize::from(is_pair);
        lines += 1;
    }
    (length, lines)
}

#[cfg(test)]
mod tests {
    use super::super::{Columns, Options};
    use super::*;

    fn kind_of(beginning: &str, options: Options) -> ListKind {
        let context = Context::new("list".into(), options.into());
        kind(beginning, &context)
    }

    #[test]
    fn detects_the_format_by_the_beginning() {
        let table = |separator| {
            let has_header = true;
            ListKind::Table(Shape {
                separator,
                has_header,
            })
        };
        for (beginning, expected) in [
            ("http://a.example/x.pdf\n", ListKind::Plain),
            ("# url, name\nhttp://a.example/x.pdf\n", ListKind::Plain),
            (
                "{\"url\":\"http://a.example/x.pdf\",\"name\":\"x\"}\n",
                ListKind::Jsonl,
            ),
            ("Title,URL\n", table(b',')),
            ("# exported\n\nTitle,URL\n", table(b',')),
            ("#,Title,URL\n", table(b',')),
            ("\"Key\",\"Item Type\",\"Url\"\n", table(b',')),
            ("id;pdf-url\n", table(b';')),
            ("A, B;PDF Link\n", table(b';')),
            ("sep=;\r\nTitle;URL\r\n", table(b';')),
            ("sep=|\nTitle|Where\nA|http://a.example/\n", table(b'|')),
            ("name\tlink\n", table(b'\t')),
            ("| Title | URL |\n", table(b'|')),
            ("url\nhttp://a.example/x,y.pdf\n", table(0x1f)),
            ("Titel,Volltext\nA,http://a.example/x.pdf\n", table(b',')),
            ("Volltext,Titel\nhttp://a.example/x.pdf,A\n", table(b',')),
            ("Dear all, see\nhttp://a.example/x,y.pdf\n", ListKind::Plain),
            ("http://a.example/x.pdf\n  out=x.pdf\n", ListKind::Aria2),
            ("http://a.example/x.pdf\tname.pdf\n", ListKind::Plain),
            ("[{\"url\": 1}]", ListKind::Document),
            ("[\n  \"http://a.example/\"\n]", ListKind::Document),
            ("{\n  \"url\": 1\n}", ListKind::Document),
            ("{\"results\": [\n{", ListKind::Document),
            ("{\"url\":[[\nhttp://a.example/", ListKind::Jsonl),
            ("[x](http://a.example/x.pdf)", ListKind::Plain),
            ("", ListKind::Plain),
            ("no header at all\n", ListKind::Plain),
        ] {
            assert_eq!(
                kind_of(beginning, Options::default()),
                expected,
                "{beginning}"
            );
        }
        let named = |name: &str| Options {
            columns: Columns {
                url: Some(name.to_owned()),
                ..Columns::default()
            },
            ..Options::default()
        };
        assert_eq!(kind_of("what,where\n", named("where")), table(b','));
        let headless = ListKind::Table(Shape {
            separator: b';',
            has_header: false,
        });
        assert_eq!(kind_of("A;http://a.example/\n", named("2")), headless);
        let extract = || Options {
            extract: true,
            ..Options::default()
        };
        for text in ["[{\"url\": 1}]", "{\n  \"url\": 1\n}"] {
            assert_eq!(kind_of(text, extract()), ListKind::Text, "{text}");
        }
    }
}
