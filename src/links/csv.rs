//! Tables with a header: CSV, TSV, and what spreadsheets write with semicolons (RFC 4180 otherwise).

use std::collections::{HashMap, VecDeque};
use std::io::{self, Read};

use csv::{ByteRecord, Reader, ReaderBuilder};

use super::Context;
use super::columns::{details, url_column};
use crate::link::{BadLink, Details, Link};

/// A row that is longer, in bytes, is not one: a quote is missing somewhere, and the rest of the list would be taken for
/// one value.
const LONGEST_ROW: u64 = 4 * 1024 * 1024;

/// The separators of tables.
const SEPARATORS: [u8; 3] = [b'\t', b',', b';'];

/// Takes the place of a separator in a table of one column.
const NO_SEPARATOR: u8 = 0x1f;

/// The separator of the table that begins with `line`; none if that does not name a column of links.
pub(super) fn separator(line: &str, context: &Context) -> Option<u8> {
    let names = |separator: u8| {
        line.split(char::from(separator))
            .map(|name| name.trim().trim_matches('"'))
    };
    SEPARATORS
        .into_iter()
        .filter(|separator| line.as_bytes().contains(separator))
        .chain([NO_SEPARATOR])
        .find(|separator| url_column(&context.options.columns, &names(*separator)).is_some())
}

/// The links of a table.
pub(super) struct Rows<R> {
    reader: Reader<Bounded<R>>,
    row: ByteRecord,
    header: Option<Header>,
    context: Context,
    broken: bool,
}

/// Where the columns are.
struct Header {
    columns: HashMap<String, usize>,
    url: usize,
}

impl<R: Read> Rows<R> {
    pub(super) fn new(reader: R, separator: u8, context: Context) -> Self {
        Self {
            reader: ReaderBuilder::new()
                .delimiter(separator)
                .flexible(true)
                .has_headers(false)
                .buffer_capacity(64 * 1024)
                .from_reader(Bounded::new(reader)),
            row: ByteRecord::new(),
            header: None,
            context,
            broken: false,
        }
    }

    /// Reads the next row; tells its line, or that there is none.
    fn read(&mut self) -> io::Result<Option<u64>> {
        self.reader.get_mut().left = LONGEST_ROW;
        let begin = self.reader.position().byte();
        match self.reader.read_byte_record(&mut self.row) {
            Ok(more) => Ok(more.then(|| self.reader.get_mut().line_at(begin))),
            Err(error) => {
                self.broken = true;
                let line = self.reader.get_mut().line_at(begin);
                Err(self.context.broken(line - 1, &error.into()))
            }
        }
    }

    fn read_header(&mut self) -> io::Result<()> {
        if self.read()?.is_none() {
            return Ok(());
        }
        let names: Vec<_> = self
            .row
            .iter()
            .map(|name| String::from_utf8_lossy(name).trim().to_owned())
            .collect();
        let columns = &self.context.options.columns;
        let url = url_column(columns, &names.iter().map(String::as_str));
        let missing = columns
            .name
            .iter()
            .map(String::as_str)
            .chain(columns.kept.iter().map(AsRef::as_ref))
            .find(|wanted| !names.iter().any(|name| name == wanted))
            .or_else(|| {
                url.is_none()
                    .then(|| columns.url.as_deref().unwrap_or("url"))
            });
        if let Some(missing) = missing {
            self.broken = true;
            let message = format!(
                "no column `{missing}` in `{}`; its columns are {}",
                self.context.source,
                names
                    .iter()
                    .map(|name| format!("`{name}`"))
                    .collect::<Vec<_>>()
                    .join(", ")
            );
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        self.header = url.map(|url| Header {
            url,
            columns: names.into_iter().zip(0..).collect(),
        });
        Ok(())
    }

    /// The link of the row that was read last; nothing if it has none.
    fn link(&self, header: &Header, line: u64) -> Option<Result<Link, BadLink>> {
        let Some(cell) = self.row.get(header.url) else {
            let problem = format!(
                "a row of {} columns, and the link is in column {}",
                self.row.len(),
                header.url + 1
            );
            return Some(self.context.link(line, self.row.as_slice(), Err(problem)));
        };
        let cell = cell.trim_ascii();
        if cell.is_empty() {
            return None;
        }
        let found = match std::str::from_utf8(cell) {
            Ok(url) => self
                .details(header)
                .transpose()?
                .map(|details| (url.to_owned(), details)),
            Err(_) => Err("the link is not UTF-8 text".to_owned()),
        };
        Some(self.context.link(line, cell, found))
    }

    fn details(&self, header: &Header) -> Result<Option<Details>, String> {
        details(&self.context.options, |name| {
            let cell = self.row.get(*header.columns.get(name)?)?;
            let text = String::from_utf8_lossy(cell);
            (!text.trim().is_empty()).then_some(text)
        })
    }
}

impl<R: Read> Iterator for Rows<R> {
    type Item = io::Result<Result<Link, BadLink>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.header.is_none()
            && !self.broken
            && let Err(error) = self.read_header()
        {
            return Some(Err(error));
        }
        while !self.broken {
            let line = match self.read() {
                Ok(line) => line?,
                Err(error) => return Some(Err(error)),
            };
            let header = self.header.as_ref()?;
            if let Some(link) = self.link(header, line) {
                return Some(Ok(link));
            }
        }
        None
    }
}

/// A reader that ends when a row does not, and that knows in which line a byte is.
struct Bounded<R> {
    reader: R,
    /// So many more bytes may belong to the row that is being read.
    left: u64,
    /// How many bytes have been read.
    length: u64,
    /// Where CR and LF are among those that no row has passed yet.
    ends: VecDeque<(u64, u8)>,
    line: u64,
}

impl<R> Bounded<R> {
    fn new(reader: R) -> Self {
        Self {
            reader,
            left: LONGEST_ROW,
            length: 0,
            ends: VecDeque::new(),
            line: 1,
        }
    }

    /// The line of the row that begins at this byte, or behind the ends of lines that stand there.
    fn line_at(&mut self, mut byte: u64) -> u64 {
        while let Some((at, end)) = self.ends.front().filter(|(at, _)| *at <= byte) {
            byte = byte.max(at + 1);
            self.line += u64::from(*end == b'\n');
            self.ends.pop_front();
        }
        self.line
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            let message = format!("a row is longer than {LONGEST_ROW} bytes: is a quote missing?");
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        let length = self.reader.read(buffer)?;
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
