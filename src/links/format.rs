//! Which kind of list it is: what its beginning says, unless the user has said it.

use std::io;

use clap::ValueEnum;

use super::compressed::{Source, decompressed};
use super::{Context, aria2, csv, html, plain, text};
use crate::line::fill;
use crate::link::{BadLink, Link};

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The kind of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// By the beginning of the list
    #[default]
    Auto,
    /// One link a line; after a tab, the name for its file
    Plain,
    /// A table with a header
    Csv,
    /// The same, with tabs
    Tsv,
    /// One JSON object a line
    Jsonl,
    /// An input file or a session of aria2
    Aria2,
    /// Links in the middle of text or Markdown
    Text,
    /// Links in a page of HTML
    Html,
}

/// What a list turns out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ListKind {
    Plain,
    Table(u8),
    Aria2,
    Text,
    Html,
}

/// What reads a list, link by link.
pub(super) type Reader = Box<dyn Iterator<Item = io::Result<Result<Link, BadLink>>> + Send>;

/// Begins to read the list in `source`, and waits for its beginning.
pub(super) fn open(source: Source, context: Context) -> io::Result<Reader> {
    let (source, kind) = begin(source, &context).map_err(|error| context.broken(0, &error))?;
    Ok(match kind {
        ListKind::Plain => Box::new(plain::Plain::new(source, context)),
        ListKind::Table(separator) => Box::new(csv::Rows::new(source, separator, context)),
        ListKind::Aria2 => Box::new(aria2::Entries::new(source, context)),
        ListKind::Text => Box::new(text::Text::new(source, context)),
        ListKind::Html => Box::new(html::links(source, context)),
    })
}

/// Whether `source` is a list of one link a line, which can be counted without understanding them.
pub(super) fn is_plain(source: Source, context: &Context) -> bool {
    begin(source, context).is_ok_and(|(_, kind)| kind == ListKind::Plain)
}

fn begin(source: Source, context: &Context) -> io::Result<(Source, ListKind)> {
    let mut source = decompressed(source)?;
    let beginning = fill(&mut source)?;
    if beginning.starts_with(&[0xff, 0xfe]) || beginning.starts_with(&[0xfe, 0xff]) {
        let message =
            "it is UTF-16: save it as UTF-8, or convert it with `iconv -f UTF-16 -t UTF-8`";
        return Err(io::Error::new(io::ErrorKind::InvalidData, message));
    }
    if beginning.starts_with(BYTE_ORDER_MARK) {
        source.consume(BYTE_ORDER_MARK.len());
    }
    let kind = kind(fill(&mut source)?, context);
    Ok((source, kind))
}

fn kind(beginning: &[u8], context: &Context) -> ListKind {
    let beginning = String::from_utf8_lossy(beginning);
    let first = beginning
        .lines()
        .find(|line| !line.trim().is_empty())
        .unwrap_or_default();
    let separator = || csv::separator(first, context);
    match context.options.format {
        Format::Csv => ListKind::Table(
            separator()
                .filter(|separator| *separator != b'\t')
                .unwrap_or(b','),
        ),
        Format::Tsv => ListKind::Table(b'\t'),
        Format::Plain | Format::Jsonl => ListKind::Plain,
        Format::Aria2 => ListKind::Aria2,
        Format::Text => ListKind::Text,
        Format::Html => ListKind::Html,
        Format::Auto if context.options.extract => {
            if is_page(&beginning) {
                ListKind::Html
            } else {
                ListKind::Text
            }
        }
        Format::Auto if first.trim_start().starts_with('{') || first.contains("://") => {
            if beginning.lines().any(aria2::is_option) {
                ListKind::Aria2
            } else {
                ListKind::Plain
            }
        }
        Format::Auto if beginning.lines().any(aria2::is_option) => ListKind::Aria2,
        // a table whose column is missing says so better than a list without a link
        Format::Auto if context.options.columns.url.is_some() => {
            ListKind::Table(separator().unwrap_or(b','))
        }
        Format::Auto => separator().map_or(ListKind::Plain, ListKind::Table),
    }
}

/// Whether a text is a page of HTML, and not Markdown with some HTML in it.
fn is_page(beginning: &str) -> bool {
    let beginning = beginning.trim_start().as_bytes();
    [
        &b"<!doctype"[..],
        b"<html",
        b"<head",
        b"<body",
        b"<?xml",
        b"<!--",
        b"<meta",
        b"<a ",
        b"<ul",
        b"<div",
        b"<p>",
        b"<table",
    ]
    .iter()
    .any(|tag| {
        beginning
            .get(..tag.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(tag))
    })
}

#[cfg(test)]
mod tests {
    use super::super::Columns;
    use super::*;

    #[test]
    fn the_beginning_tells_the_kind() {
        for (beginning, expected) in [
            ("http://a.example/x.pdf\n", ListKind::Plain),
            ("# url, name\nhttp://a.example/x.pdf\n", ListKind::Plain),
            (
                "{\"url\":\"http://a.example/x.pdf\",\"name\":\"x\"}\n",
                ListKind::Plain,
            ),
            ("Title,URL\n", ListKind::Table(b',')),
            ("\"Key\",\"Item Type\",\"Url\"\n", ListKind::Table(b',')),
            ("id;pdf-url\n", ListKind::Table(b';')),
            ("name\tlink\n", ListKind::Table(b'\t')),
            ("url\nhttp://a.example/x,y.pdf\n", ListKind::Table(0x1f)),
            ("http://a.example/x.pdf\n  out=x.pdf\n", ListKind::Aria2),
            ("http://a.example/x.pdf\tname.pdf\n", ListKind::Plain),
            ("", ListKind::Plain),
            ("no header at all\n", ListKind::Plain),
        ] {
            let context = Context::new("list".into(), super::super::Options::default().into());
            assert_eq!(
                kind(beginning.as_bytes(), &context),
                expected,
                "{beginning}"
            );
        }
        let columns = Columns {
            url: Some("where".to_owned()),
            ..Columns::default()
        };
        let options = super::super::Options {
            columns,
            ..Default::default()
        };
        let context = Context::new("list".into(), options.into());
        assert_eq!(kind(b"what,where\n", &context), ListKind::Table(b','));
    }
}
