//! The formats of lists, and how to detect one.
//!
//! `auto` decides by the first buffer of the list, and mostly by its first line: waiting for more would delay the links of a pipe.

use std::io;

use clap::ValueEnum;

use super::compressed::{Source, decompressed};
use super::markup::Language;
use super::{Context, Item, aria2, csv, html, only, plain, text};
use crate::line::fill;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The format of a list, as the user names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// Detect it by the beginning of the list
    #[default]
    Auto,
    /// One link per line; after a tab, the name for its file
    Plain,
    /// A table with a header
    Csv,
    /// The same, separated by tabs
    Tsv,
    /// One JSON object per line
    Jsonl,
    /// An input file or a session of aria2
    Aria2,
    /// Links in text or Markdown
    Text,
    /// Links in a page or an XML document
    Html,
}

/// The format of a list, as its reader has to know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ListKind {
    Plain,
    Table(u8),
    Aria2,
    Text,
    Markup(Language),
}

/// A reader of a list.
pub(super) type Reader = Box<dyn Iterator<Item = Item> + Send>;

/// Reads the list in `source`. Blocks until its beginning is there.
pub(super) fn open(source: Source, context: Context) -> io::Result<Reader> {
    let (source, kind) = begin(source, &context).map_err(|error| context.broken(0, &error))?;
    if context.options.only.is_some()
        && matches!(kind, ListKind::Aria2 | ListKind::Text | ListKind::Markup(_))
    {
        only::warn("all links of other lists are taken");
    }
    Ok(match kind {
        ListKind::Plain => Box::new(plain::links(source, context)),
        ListKind::Table(separator) => csv::links(source, separator, context)?,
        ListKind::Aria2 => Box::new(aria2::links(source, context)),
        ListKind::Text => Box::new(text::links(source, context)),
        ListKind::Markup(language) => Box::new(html::links(source, language, context)),
    })
}

/// The decompressed lines of `source` if it has one link per line, so that they can be counted without parsing them.
pub(super) fn plain_lines(source: Source, context: &Context) -> Option<Source> {
    let (source, kind) = begin(source, context).ok()?;
    (kind == ListKind::Plain).then_some(source)
}

fn begin(source: Source, context: &Context) -> io::Result<(Source, ListKind)> {
    let mut source = decompressed(source)?;
    let beginning = fill(&mut source)?;
    if let [0xff, 0xfe, ..] | [0xfe, 0xff, ..] = beginning {
        let message = "UTF-16 is not supported: save it as UTF-8, or convert it with `iconv -f UTF-16 -t UTF-8`";
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
    let mut lines = beginning.lines();
    let first = lines.find(|line| !line.trim().is_empty());
    let first = first.unwrap_or_default();
    let separator = || csv::separator(first, context);
    match context.options.format {
        Format::Csv => {
            let separator = separator().filter(|separator| *separator != b'\t');
            ListKind::Table(separator.unwrap_or(b','))
        }
        Format::Tsv => ListKind::Table(b'\t'),
        Format::Plain | Format::Jsonl => ListKind::Plain,
        Format::Aria2 => ListKind::Aria2,
        Format::Text => ListKind::Text,
        Format::Html => ListKind::Markup(Language::of(&beginning).unwrap_or(Language::Html)),
        Format::Auto if context.options.extract => {
            Language::of(&beginning).map_or(ListKind::Text, ListKind::Markup)
        }
        Format::Auto if beginning.lines().any(aria2::is_option) => ListKind::Aria2,
        Format::Auto if first.trim_start().starts_with('{') || first.contains("://") => {
            ListKind::Plain
        }
        // the error for a table without the column says more than one for each line of a plain list
        Format::Auto if context.options.columns.url.is_some() => {
            ListKind::Table(separator().unwrap_or(b','))
        }
        Format::Auto => separator().map_or(ListKind::Plain, ListKind::Table),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Columns, Options};
    use super::*;

    #[test]
    fn detects_the_format_by_the_beginning() {
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
            let context = Context::new("list".into(), Options::default().into());
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
        let options = Options {
            columns,
            ..Options::default()
        };
        let context = Context::new("list".into(), options.into());
        assert_eq!(kind(b"what,where\n", &context), ListKind::Table(b','));
    }
}
