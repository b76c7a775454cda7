//! Tables: CSV, TSV, and what spreadsheets separate by semicolons and databases by `|` (RFC 4180 otherwise).
//!
//! The column of links is the one that is named, or whose name says so (see [`headings`](super::headings)). Where none does, it
//! is the first one with a link in it. A table without a header has numbers for the names of its columns, from 1 on.

use std::collections::{HashMap, VecDeque};
use std::fmt::Write as _;
use std::io::{self, Read};
use std::{iter, mem};

use csv::{ByteRecord, ReaderBuilder};
use memchr::memchr;

use super::carried::carry;
use super::checksums::Kind;
use super::columns::details;
use super::compressed::Source;
use super::format::Reader;
use super::headings::{LinkColumns, id_column, link_columns};
use super::plain::Found;
use super::shape::{NO_SEPARATOR, Shape};
use super::{Context, Item, brief, characters, nearest, split, zotero_csv};

/// The longest row, in bytes. In a longer one, a quote is missing, and the rest of the list would become one value.
const LONGEST_ROW: u64 = 4 * 1024 * 1024;

/// The longest row of records, in bytes: quotes may double what a row had in the list before.
const LONGEST_RECORD: u64 = 4 * LONGEST_ROW;

/// The most lines in a row, and in what is read ahead of it.
const MOST_LINES: usize = 1_000_000;

/// The most columns of a table.
const MOST_COLUMNS: usize = 10_000;

/// Reads the header of a table, and then its links.
pub(super) fn links(source: Source, shape: Shape, context: Context) -> io::Result<Reader> {
    let mut reader = ReaderBuilder::new()
        .delimiter(shape.separator)
        .has_headers(shape.has_header)
        .flexible(true)
        .buffer_capacity(64 * 1024)
        .from_reader(Bounded::new(source, &context));
    let names = reader.byte_headers();
    let names = names.map_err(|error| context.broken(context.lines_before, &error.into()))?;
    if names.is_empty() {
        context.seen.is("a table".to_owned());
        return Ok(Box::new(iter::empty()));
    }
    if names.len() > MOST_COLUMNS {
        let message = format!("more than {MOST_COLUMNS} columns");
        let error = io::Error::new(io::ErrorKind::InvalidData, message);
        return Err(context.broken(0, &error));
    }
    let names: Vec<_> = if shape.has_header {
        let names = names.iter().map(|name| characters::text(name));
        names
            .map(|name| characters::trim(&name).to_owned())
            .collect()
    } else {
        (1..=names.len()).map(|number| number.to_string()).collect()
    };
    let columns = &context.options.columns;
    let template = context.options.url_template.as_ref();
    let is_zotero = columns.url.is_none() && template.is_none() && zotero_csv::is_one(&names);
    let links = link_columns(columns, &names.iter().map(String::as_str));
    let has_column = |wanted: &&str| {
        let is_known = names.iter().any(|name| name == wanted);
        is_known || (is_zotero && zotero_csv::has_field(&names, wanted))
    };
    let carried = columns.kept.iter().map(AsRef::as_ref);
    let used: Vec<_> = template.map_or(Vec::new(), |template| template.names().collect());
    let mut wanted = columns
        .name
        .as_deref()
        .into_iter()
        .chain(carried)
        .chain(used);
    let missing = wanted.find(|wanted| !has_column(wanted));
    let missing = missing.or(columns.url.as_deref().filter(|_| links.is_none()));
    if let Some(missing) = missing {
        let shared = zotero_csv::shared_names().filter(|_| is_zotero);
        let similar = nearest(missing, names.iter().map(String::as_str).chain(shared));
        let hint = similar.map_or_else(String::new, |name| {
            format!(": did you mean `{}`?", brief(name))
        });
        let (missing, source) = (brief(missing), brief(&context.source));
        let names = brief(&names.join("`, `"));
        let message =
            format!("no column `{missing}` in `{source}`; its columns are `{names}`{hint}");
        return Err(io::Error::new(io::ErrorKind::InvalidData, message));
    }
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
    let columns = names.iter().cloned().zip(positions).rev().collect();
    let rows = Rows {
        reader,
        row: ByteRecord::new(),
        longest,
        shape,
        names,
        columns,
        checksums,
        links,
        is_zotero,
        context,
        found: Found::new(),
    };
    rows.describe();
    Ok(Box::new(rows))
}

/// The rows of a table, below its header if it has one.
struct Rows {
    reader: csv::Reader<Bounded>,
    row: ByteRecord,
    /// The longest row, in bytes.
    longest: u64,
    shape: Shape,
    names: Vec<String>,
    columns: HashMap<String, usize>,
    /// Those of checksums.
    checksums: Vec<(String, Kind)>,
    /// The columns of links, once they are known.
    links: Option<LinkColumns>,
    /// Whether rows are entries of Zotero.
    is_zotero: bool,
    context: Context,
    /// The links of the current row that have not been taken yet.
    found: Found,
}

impl Iterator for Rows {
    type Item = Item;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(link) = self.found.pop_front() {
                return Some(Ok(link));
            }
            self.reader.get_mut().allow(self.longest);
            let mut begin = self.reader.position().byte();
            let read = self.reader.read_byte_record(&mut self.row);
            // without a header, the reader has passed the first row already
            let is_row = matches!(read, Ok(true)) && !self.shape.has_header;
            if let Some(position) = self.row.position().filter(|_| is_row) {
                begin = begin.min(position.byte());
            }
            let line = self.reader.get_mut().line_at(begin);
            match read {
                Ok(true) => {
                    let end = self.reader.position().byte();
                    let text = self.reader.get_mut().text(begin, end);
                    match self.torn() {
                        None => self.find_and_carry(line, &text),
                        Some(rows) => {
                            let mut lines = (0..).zip(text.split(|byte| *byte == b'\n'));
                            for row in rows {
                                let at = row.position().map_or(0, |position| position.line() - 1);
                                let text = lines.find(|(number, _)| *number == at);
                                self.row = row;
                                self.find_and_carry(line + at, text.map_or(b"", |(_, text)| text));
                            }
                        }
                    }
                }
                Ok(false) => return None,
                Err(error) => return Some(Err(self.context.broken(line - 1, &error.into()))),
            }
        }
    }
}

impl Rows {
    /// The rows that a quote without an end has made one of: each line of the current one has all columns, and a link among them.
    fn torn(&self) -> Option<Vec<ByteRecord>> {
        let url = self.links.as_ref()?.first;
        memchr(b'\n', self.row.as_slice())?;
        let separator = self.shape.separator;
        let text = self.row_text();
        let mut lines = ReaderBuilder::new()
            .delimiter(separator)
            .has_headers(false)
            .flexible(true)
            .quoting(false)
            .from_reader(&text[..]);
        let rows: Vec<_> = lines.byte_records().collect::<Result<_, _>>().ok()?;
        let is_link = |cell: &[u8]| {
            let cell = cell.trim_ascii();
            cell.is_empty() || split::begins_link(cell)
        };
        let is_whole =
            |row: &ByteRecord| row.len() == self.names.len() && row.get(url).is_some_and(is_link);
        rows.iter().all(is_whole).then_some(rows)
    }

    /// Finds the links of the current row, whose `text` they may carry.
    fn find_and_carry(&mut self, line: u64, text: &[u8]) {
        let known = self.found.len();
        self.find(line);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        carry(text, &self.context, self.found.iter_mut().skip(known));
    }

    /// Finds the link of the current row, which is an entry.
    fn find_entry(&mut self, line: u64) {
        let cells = self.names.iter().zip(&self.row);
        let cells = cells.map(|(name, cell)| (name.as_str(), characters::text(cell)));
        let entry = zotero_csv::entry(line, cells);
        if let Some(parsed) = entry.parsed(&self.context) {
            let text = if parsed.is_err() {
                self.entry_text()
            } else {
                Vec::new()
            };
            self.found.push_back(self.context.link(line, &text, parsed));
        }
    }

    /// What messages show of an entry: its URL, or else the whole row.
    fn entry_text(&self) -> Vec<u8> {
        let url = self.columns.get("Url").and_then(|at| self.row.get(*at));
        match url {
            Some(url) if !url.is_empty() => url.to_vec(),
            _ => self.row_text(),
        }
    }

    fn row_text(&self) -> Vec<u8> {
        self.row
            .iter()
            .collect::<Vec<_>>()
            .join(&self.shape.separator)
    }

    /// Finds the links of the current row.
    fn find(&mut self, line: u64) {
        // none of its rows is the record of a run
        if self.is_zotero && self.context.options.only.is_none() {
            return self.find_entry(line);
        }
        if self.links.is_none() && self.context.options.url_template.is_none() {
            let first = self
                .row
                .iter()
                .position(|cell| split::begins_link(cell.trim_ascii()));
            let others = Vec::new();
            let links = first.map(|first| LinkColumns { first, others });
            let names = self.names.iter().map(String::as_str);
            self.links = links.or_else(|| id_column(&self.context.options.columns, &names));
            self.describe();
        }
        let mut add =
            |text: &[u8], parsed| self.found.push_back(self.context.link(line, text, parsed));
        let value = |name: &str| {
            let cell = self.row.get(*self.columns.get(name)?)?;
            let text = characters::text(cell);
            (!text.trim().is_empty()).then_some(text)
        };
        if let Some(template) = &self.context.options.url_template {
            let details = details(&self.context.options, value, &self.checksums);
            let Some(details) = details.transpose() else {
                return;
            };
            return match template.fill(value) {
                Some(url) => add(self.row.as_slice(), details.map(|details| (url, details))),
                None => self.context.seen.has_none(),
            };
        }
        let Some(columns) = &self.links else {
            return self.context.seen.has_none();
        };
        if self.row.get(columns.first).is_none() {
            let (columns, url) = (self.row.len(), columns.first + 1);
            let problem =
                format!("the row ends after column {columns}, and the link is in column {url}");
            return add(self.row.as_slice(), Err(problem));
        }
        let mut details = match details(&self.context.options, value, &self.checksums) {
            Ok(Some(details)) => Ok(details),
            Ok(None) => return,
            Err(problem) => Err(problem),
        };
        let cell = |at: usize| Some((self.names.get(at), characters::text(self.row.get(at)?)));
        let cells: Vec<_> = iter::once(columns.first)
            .chain(columns.others.iter().copied())
            .filter_map(cell)
            .collect();
        if cells.first().is_none_or(|(_, first)| is_rule(first)) {
            return;
        }
        let mut cells = cells
            .iter()
            .map(|(name, cell)| self.context.links_of(name.map(String::as_str), cell));
        let mut links = cells.next().unwrap_or_default();
        let mut others = cells.flatten().collect();
        self.context.stand_in(&mut links, &mut others);
        let Some(last) = links.pop() else {
            return self.context.seen.has_none();
        };
        if let Ok(details) = &mut details
            && !links.is_empty()
        {
            // it cannot be that of several files
            details.checksum = None;
            others.clear();
        }
        for link in links {
            add(
                link.as_bytes(),
                details.clone().map(|details| (link.to_string(), details)),
            );
        }
        if let Ok(details) = &mut details {
            details.mirrors.extend(self.context.mirrors(&last, &others));
        }
        add(
            last.as_bytes(),
            details.map(|details| (last.to_string(), details)),
        );
    }

    /// Notes what is known about the table.
    fn describe(&self) {
        let separator = match self.shape.separator {
            b',' => "commas",
            b';' => "semicolons",
            b'\t' => "tabs",
            b'|' => "`|`",
            NO_SEPARATOR => "nothing",
            _ => "its own separator",
        };
        let name = |at: usize| brief(&self.names[at.min(self.names.len() - 1)]);
        let header = if self.shape.has_header {
            ""
        } else {
            " without a header"
        };
        let mut kind = format!("a table{header}, separated by {separator}");
        if self.is_zotero {
            "a table from Zotero".clone_into(&mut kind);
        } else if self.context.options.url_template.is_some() {
            kind.push_str(", for `--url-template`");
        } else if let Some(links) = &self.links {
            let _ = write!(kind, ", with links in column `{}`", name(links.first));
            let others: Vec<_> = links.others.iter().map(|at| name(*at)).collect();
            if !others.is_empty() {
                let _ = write!(kind, " and mirrors in `{}`", others.join("`, `"));
            }
        }
        let names = brief(&self.names.join("`, `"));
        let advice =
            format!("its columns are `{names}`; `--url-column NAME` says which one has the links");
        self.context.seen.is(kind);
        self.context.seen.advise(advice);
        if self.shape.has_header {
            self.context.seen.is_blank_with("no rows below the header");
        }
    }
}

/// Whether a cell is part of the line below the header of a table in Markdown.
fn is_rule(cell: &str) -> bool {
    let cell = cell.trim();
    cell.len() > 2 && cell.bytes().all(|byte| matches!(byte, b'-' | b':'))
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
    /// What has been read, from the current row on; none if no row is carried.
    text: Option<Vec<u8>>,
    /// How much of it rows have passed.
    passed: usize,
}

impl Bounded {
    /// A reader of a table, whose first byte is behind what is before its header.
    fn new(source: Source, context: &Context) -> Self {
        Self {
            source,
            longest: LONGEST_ROW,
            left: LONGEST_ROW,
            length: 0,
            ends: VecDeque::new(),
            line: context.lines_before + 1,
            text: context.options.carry_line.then(Vec::new),
            passed: 0,
        }
    }

    /// Begins a row of up to `longest` bytes.
    fn allow(&mut self, longest: u64) {
        (self.longest, self.left) = (longest, longest);
    }

    /// The text of the row between these bytes, without ends of lines around it; empty if no row is carried. Positions must not
    /// decrease.
    fn text(&mut self, begin: u64, end: u64) -> Vec<u8> {
        let Some(text) = &self.text else {
            return Vec::new();
        };
        let first = self.length - text.len() as u64;
        let [begin, end] = [begin, end].map(|at| usize::try_from(at - first).unwrap_or(usize::MAX));
        self.passed = end;
        let mut row = &text[begin..end];
        while let [b'\r' | b'\n', rest @ ..] = row {
            row = rest;
        }
        while let [rest @ .., b'\r' | b'\n'] = row {
            row = rest;
        }
        row.to_vec()
    }

    /// The line of the row that begins at `byte`, or behind the line ends at `byte`. Positions must not decrease.
    fn line_at(&mut self, mut byte: u64) -> u64 {
        while let Some((at, end)) = self.ends.front().filter(|(at, _)| *at <= byte) {
            let (at, is_cr) = (*at, *end == b'\r');
            byte = byte.max(at + 1);
            self.ends.pop_front();
            // CRLF is one end
            let is_pair = is_cr && self.ends.front() == Some(&(at + 1, b'\n'));
            self.line += u64::from(!is_pair);
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
        if let Some(text) = &mut self.text {
            text.drain(..mem::take(&mut self.passed));
            text.extend_from_slice(&buffer[..length]);
        }
        self.left = self.left.saturating_sub(length as u64);
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_without_an_end_costs_no_other_row() {
        for (table, expected) in [
            (
                "t,y,url\n\"A,1,http://a.example/1\nB,2,http://a.example/2\nC,3,http://a.example/3\n",
                &[(2, "/1"), (3, "/2"), (4, "/3")][..],
            ),
            (
                "t,url,y\nA,http://a.example/1,2\n\"B,http://a.example/2,3\nC \"D\",http://a.example/3,4\n",
                &[(2, "/1"), (3, "/2"), (4, "/3")],
            ),
            (
                "t,url,y\n\"A\nB, C\",http://a.example/1\nD,http://a.example/2,1\n",
                &[(2, "/1"), (4, "/2")],
            ),
            (
                "t,url,y\n\"A, B, C\nD\",http://a.example/1,1\n",
                &[(2, "/1")],
            ),
        ] {
            let source = Box::new(io::Cursor::new(table.to_owned().into_bytes()));
            let context = Context::new("list".into(), std::sync::Arc::default());
            let shape = Shape {
                separator: b',',
                has_header: true,
            };
            let links = links(source, shape, context).expect("a header");
            let links = links.map(|link| link.expect("a row").expect("a link"));
            let found: Vec<_> = links
                .map(|link| (link.source_line.line, link.url.path().to_owned()))
                .collect();
            let found: Vec<_> = found
                .iter()
                .map(|(line, path)| (*line, &path[..]))
                .collect();
            assert_eq!(found, expected, "{table}");
        }
    }

    #[test]
    fn rows_without_a_header_have_their_lines() {
        let table = "b,k1\r\n\"b\",\"k\n2\"\r\n\r\nb,k3";
        let options = super::super::Options {
            url_template: Some("http://{1}.example/{2}".parse().expect("a template")),
            carry_line: true,
            ..Default::default()
        };
        let source = Box::new(io::BufReader::with_capacity(5, io::Cursor::new(table)));
        let context = Context::new("list".into(), options.into());
        let shape = Shape {
            separator: b',',
            has_header: false,
        };
        let links = links(source, shape, context).expect("rows");
        let found = links.map(|link| {
            let link = link.expect("a row").expect("a link");
            let details = link.details.unwrap_or_default();
            let row = details.line.map_or(String::new(), |line| line.to_string());
            (link.source_line.line, link.url.path().to_owned(), row)
        });
        let found: Vec<_> = found.collect();
        let expected = [
            (1, "/k1", "b,k1"),
            (2, "/k%0A2", "\"b\",\"k\n2\""),
            (5, "/k3", "b,k3"),
        ];
        let expected = expected.map(|(line, path, row)| (line, path.to_owned(), row.to_owned()));
        assert_eq!(found, expected);
    }

    #[test]
    fn a_row_of_a_report_may_be_longer_than_that_of_a_list() {
        let cell = "x".repeat(5 * 1024 * 1024);
        for (header, is_whole) in [("schema,status,url,q", true), ("a,b,url,q", false)] {
            let table = format!("{header}\n1,timeout,http://a.example/,{cell}\n");
            let source = Box::new(io::Cursor::new(table.into_bytes()));
            let context = Context::new("list".into(), std::sync::Arc::default());
            let (separator, has_header) = (b',', true);
            let shape = Shape {
                separator,
                has_header,
            };
            let mut links = links(source, shape, context).expect("a header");
            let first = links.next().expect("a row");
            assert_eq!(first.is_ok(), is_whole, "{header}");
        }
    }
}
