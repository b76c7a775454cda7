//! How a table is written: its separator, and whether it has a header. What says so is its first line, and the line below it where
//! that says nothing.

use csv::{ByteRecord, ReaderBuilder};

use super::headings::{Rank, id_column, link_columns, rank};
use super::{Context, UrlTemplate, split};

/// The separators of tables.
const SEPARATORS: [u8; 4] = [b'\t', b',', b';', b'|'];

/// The most words in the name of the only column of a table. A line with more of them is prose.
const MOST_WORDS: usize = 4;
/// How a table is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    pub separator: u8,
    pub has_header: bool,
}

/// The separator for a table of one column: a character that does not occur.
pub(super) const NO_SEPARATOR: u8 = 0x1f;

/// The shape of the table with the header `line`; `None` if that does not name a column of links. `second` is the line below
/// it, which may have a link in a column whose name says nothing.
pub(super) fn of(line: &str, second: &str, context: &Context) -> Option<Shape> {
    let columns = &context.options.columns;
    let quality = |separator: u8| {
        let names = cells(line, separator);
        let is_prose = line.split_whitespace().count() > MOST_WORDS;
        let is_word = |c: char| c.is_alphanumeric() || " _-.\"'()#".contains(c);
        let is_other = is_prose || !line.trim().chars().all(is_word) || split::is_pdf(line);
        let is_prose = names.len() == 1 && is_other;
        let found = link_columns(columns, &names.iter().map(String::as_str));
        let found = found.filter(|_| !is_prose)?.first;
        let is_sentence = names[found].split_whitespace().count() >= MOST_WORDS;
        if columns.url.is_none() && is_sentence && rank(&names[found]) > Some(Rank::FileLink) {
            return None;
        }
        // of `A, B;URL`, the better half is the one behind the semicolon
        let is_torn = names[found].contains([',', ';', '|', '\t']);
        Some((is_torn, rank(&names[found]), usize::MAX - names.len()))
    };
    let by_content = |separator: u8| {
        let (names, cells) = (cells(line, separator), cells(second, separator));
        let found = cells
            .iter()
            .position(|cell| split::begins_link(cell.trim().as_bytes()))?;
        // a comma may also be part of the link
        let is_cell = split::links(second).contains(&cells[found].as_str());
        let is_header = columns.url.is_none() && !line.contains("://");
        let is_row = is_header && names.len() > 1 && is_cell;
        (is_row && names.len() == cells.len()).then_some((false, None, usize::MAX - names.len()))
    };
    let has_header = true;
    let shape = |separator| Shape {
        separator,
        has_header,
    };
    let best = |quality: &dyn Fn(u8) -> Option<(bool, Option<Rank>, usize)>| {
        let present = SEPARATORS
            .into_iter()
            .filter(|separator| line.as_bytes().contains(separator));
        let known = present.filter_map(|separator| Some((quality(separator)?, separator)));
        known
            .min_by_key(|(quality, _)| *quality)
            .map(|(_, separator)| shape(separator))
    };
    let single = || quality(NO_SEPARATOR).map(|_| shape(NO_SEPARATOR));
    let by_id = |separator: u8| {
        let names = cells(line, separator);
        id_column(columns, &names.iter().map(String::as_str)).filter(|_| columns.url.is_none())?;
        Some((false, None, usize::MAX - names.len()))
    };
    let single_id = || by_id(NO_SEPARATOR).map(|_| shape(NO_SEPARATOR));
    let links = best(&quality).or_else(single);
    let links = links.or_else(|| best(&by_content));
    links.or_else(|| best(&by_id)).or_else(single_id)
}

/// The shape of a table whose first line is `line`, if it has the columns of `template`. Numbers are those of a table without a
/// header.
pub(super) fn of_template(line: &str, template: &UrlTemplate) -> Option<Shape> {
    let is_numbered = template.names().all(|name| name.parse::<usize>().is_ok());
    if is_numbered {
        return Some(headless(line));
    }
    let has_all = |separator: &u8| {
        let cells = cells(line, *separator);
        template
            .names()
            .all(|name| cells.iter().any(|cell| cell == name))
    };
    let separators = SEPARATORS.into_iter().chain([NO_SEPARATOR]);
    let separator = separators.into_iter().find(has_all)?;
    let has_header = true;
    Some(Shape {
        separator,
        has_header,
    })
}

/// The shape of a table whose first row is `line`, which has a link in it.
pub(super) fn headless(line: &str) -> Shape {
    let count = |separator: &u8| cells(line, *separator).len();
    Shape {
        separator: SEPARATORS
            .into_iter()
            .rev()
            .max_by_key(count)
            .unwrap_or(b','),
        has_header: false,
    }
}

/// The separator that `line` declares for a table, as spreadsheets do.
pub(super) fn declared(line: &str) -> Option<u8> {
    let line = line.trim_matches(['"', ' ', '\u{feff}']);
    let separator = line
        .get(..4)
        .filter(|name| name.eq_ignore_ascii_case("sep="))
        .map(|_| &line[4..])?;
    match separator.as_bytes() {
        [separator] if separator.is_ascii_punctuation() || *separator == b'\t' => Some(*separator),
        _ => None,
    }
}

/// The columns of a table with the header `line`, in one text; `None` if that rather is a sentence, or the line below it is no
/// row of the table.
pub(super) fn header(line: &str, second: &str) -> Option<String> {
    let is_short =
        |cell: &String| cell.split_whitespace().count() < MOST_WORDS && !cell.ends_with('.');
    let mut tables = SEPARATORS
        .into_iter()
        .map(|separator| (cells(line, separator), separator));
    let (names, _) = tables.find(|(names, separator)| {
        let is_row = second.is_empty() || cells(second, *separator).len() == names.len();
        names.len() > 1 && names.iter().all(is_short) && is_row
    })?;
    Some(names.join("`, `"))
}

/// The cells of a row.
fn cells(row: &str, separator: u8) -> Vec<String> {
    let mut reader = ReaderBuilder::new()
        .delimiter(separator)
        .has_headers(false)
        .from_reader(row.as_bytes());
    let mut cells = ByteRecord::new();
    let _ = reader.read_byte_record(&mut cells);
    let cells = cells
        .iter()
        .map(|cell| String::from_utf8_lossy(cell).trim().to_owned());
    cells.collect()
}
