//! Tables with a header: CSV, TSV, and semicolons as spreadsheets write them (RFC 4180 otherwise).

use std::collections::{HashMap, VecDeque};
use std::io::{self, Read};
use std::iter;

use csv::{ByteRecord, ReaderBuilder};

use super::checksums::Kind;
use super::columns::{details, url_column};
use super::compressed::Source;
use super::format::Reader;
use super::{Context, Item, brief};
use crate::link::{BadLink, Link};

/// The longest row, in bytes. In a longer one, a quote is missing, and the rest of the list would become one value.
const LONGEST_ROW: u64 = 4 * 1024 * 1024;

/// The longest row of records, in bytes: quotes may double what a row had in the list before.
const LONGEST_RECORD: u64 = 4 * LONGEST_ROW;

/// The most lines in a row, and in what is read ahead of it.
const MOST_LINES: usize = 1_000_000;

/// The most columns of a table.
const MOST_COLUMNS: usize = 10_000;

/// The separators of tables.
const SEPARATORS: [u8; 3] = [b'\t', b',', b';'];

/// The separator for a table of one column: a character that does not occur.
const NO_SEPARATOR: u8 = 0x1f;

/// The separator of the table with the header `line`; `None` if that does not name a column of links.
pub(super) fn separator(line: &str, context: &Context) -> Option<u8> {
    let names_url = |separator: &u8| {
        let names = line.split(char::from(*separator));
        let names = names.map(|name| name.trim().trim_matches('"'));
        url_column(&context.options.columns, &names).is_some()
    };
    let mut present = SEPARATORS
        .into_iter()
        .filter(|separator| line.as_bytes().contains(separator))
        .chain([NO_SEPARATOR]);
    present.find(names_url)
}

/// Reads the header of a table, and then its links.
pub(super) fn links(source: Source, separator: u8, context: Context) -> io::Result<Reader> {
    let mut reader = ReaderBuilder::new()
        .delimiter(separator)
        .flexible(true)
        .buffer_capacity(64 * 1024)
        .from_reader(Bounded::new(source));
    let names = reader.byte_headers();
    let names = names.map_err(|error| context.broken(0, &error.into()))?;
    if names.is_empty() {
        return Ok(Box::new(iter::empty()));
    }
    if names.len() > MOST_COLUMNS {
        let message = format!("more than {MOST_COLUMNS} columns");
        let error = io::Error::new(io::ErrorKind::InvalidData, message);
        return Err(context.broken(0, &error));
    }
    let names = names.iter().map(|name| String::from_utf8_lossy(name));
    let names: Vec<_> = names.map(|name| name.trim().to_owned()).collect();
    let columns = &context.options.columns;
    let url = url_column(columns, &names.iter().map(String::as_str));
    let carried = columns.kept.iter().map(AsRef::as_ref);
    let mut wanted = columns.name.as_deref().into_iter().chain(carried);
    let missing = wanted.find(|wanted| !names.iter().any(|name| name == wanted));
    let (Some(url), None) = (url, missing) else {
        let missing = missing.or(columns.url.as_deref()).unwrap_or("url");
        let (missing, source) = (brief(missing), brief(&context.source));
        let names = brief(&names.join("`, `"));
        let message = format!("no column `{missing}` in `{source}`; its columns are `{names}`");
        return Err(io::Error::new(io::ErrorKind::InvalidData, message));
    };
    let has = |wanted: &str| names.iter().any(|name| name == wanted);
    let longest = if has("schema") && has("status") {
        LONGEST_RECORD
    } else {
        LONGEST_ROW
    };
    let checksums = names
        .iter()
        .filter_map(|name| Some((name.clone(), Kind::of(name)?)));
    let checksums = checksums.collect();
    // of columns with the same name, the first one counts
    let positions = 0..names.len();
    let columns = names.into_iter().zip(positions).rev().collect();
    Ok(Box::new(Rows {
        reader,
        row: ByteRecord::new(),
        longest,
        columns,
        checksums,
        url,
        context,
    }))
}

/// The rows below the header.
struct Rows {
    reader: csv::Reader<Bounded>,
    row: ByteRecord,
    /// The longest row, in bytes.
    longest: u64,
    columns: HashMap<String, usize>,
    /// Those of checksums.
    checksums: Vec<(String, Kind)>,
    url: usize,
    context: Context,
}

impl Iterator for Rows {
    type Item = Item;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            self.reader.get_mut().allow(self.longest);
            let begin = self.reader.position().byte();
            let read = self.reader.read_byte_record(&mut self.row);
            let line = self.reader.get_mut().line_at(begin);
            match read {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => return Some(Err(self.context.broken(line - 1, &error.into()))),
            }
            if let Some(link) = self.link(line) {
                return Some(Ok(link));
            }
        }
    }
}

impl Rows {
    /// The link in the current row; `None` if its cell is empty or the row is not wanted.
    fn link(&self, line: u64) -> Option<Result<Link, BadLink>> {
        let Some(cell) = self.row.get(self.url) else {
            let (columns, url) = (self.row.len(), self.url + 1);
            let problem =
                format!("the row ends after column {columns}, and the link is in column {url}");
            return Some(self.context.link(line, self.row.as_slice(), Err(problem)));
        };
        let cell = cell.trim_ascii();
        if cell.is_empty() {
            return None;
        }
        let value = |name: &str| {
            let cell = self.row.get(*self.columns.get(name)?)?;
            let text = String::from_utf8_lossy(cell);
            (!text.trim().is_empty()).then_some(text)
        };
        let parsed = match std::str::from_utf8(cell) {
            Ok(url) => {
                let details = details(&self.context.options, value, &self.checksums);
                let details = details.transpose()?;
                details.map(|details| (url.to_owned(), details))
            }
            Err(_) => Err("the link is not valid UTF-8".to_owned()),
        };
        Some(self.context.link(line, cell, parsed))
    }
}

/// A reader that fails when a row does not end, and that maps positions to lines.
///
/// The `csv` crate counts lines, too, but puts a row with blank lines above it at the first of them.
struct Bounded {
    source: Source,
    /// How many bytes the current row may take, and how many more.
    longest: u64,
    left: u64,
    /// How many bytes have been read.
    length: u64,
    /// The positions of CR and LF that have been read and that no row has passed yet.
    ends: VecDeque<(u64, u8)>,
    line: u64,
}

impl Bounded {
    fn new(source: Source) -> Self {
        Self {
            source,
            longest: LONGEST_ROW,
            left: LONGEST_ROW,
            length: 0,
            ends: VecDeque::new(),
            line: 1,
        }
    }

    /// Begins a row of up to `longest` bytes.
    fn allow(&mut self, longest: u64) {
        (self.longest, self.left) = (longest, longest);
    }

    /// The line of the row that begins at `byte`, or behind the line ends at `byte`. Positions must not decrease.
    fn line_at(&mut self, mut byte: u64) -> u64 {
        while let Some((at, end)) = self.ends.front().filter(|(at, _)| *at <= byte) {
            byte = byte.max(at + 1);
            self.line += u64::from(*end == b'\n');
            self.ends.pop_front();
        }
        self.line
    }
}

impl Read for Bounded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 || self.ends.len() > MOST_LINES {
            let longest = self.longest;
            let message = match self.left {
                0 => format!("a row is longer than {longest} bytes: is a quote missing?"),
                _ => format!("a row has more than {MOST_LINES} lines: is a quote missing?"),
            };
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        let length = self.source.read(buffer)?;
        for (at, byte) in (self.length..).zip(&buffer[..length]) {
            if matches!(byte, b'\r' | b'\n') {
                self.ends.push_back((at, *byte));
            }
        }
        self.length += length as u64;
        self.left = self.left.saturating_sub(length as u64);
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_of_a_report_may_be_longer_than_that_of_a_list() {
        let cell = "x".repeat(5 * 1024 * 1024);
        for (header, is_whole) in [("schema,status,url,q", true), ("a,b,url,q", false)] {
            let table = format!("{header}\n1,timeout,http://a.example/,{cell}\n");
            let source = Box::new(io::Cursor::new(table.into_bytes()));
            let context = Context::new("list".into(), std::sync::Arc::default());
            let mut links = links(source, b',', context).expect("a header");
            let first = links.next().expect("a row");
            assert_eq!(first.is_ok(), is_whole, "{header}");
        }
    }
}
