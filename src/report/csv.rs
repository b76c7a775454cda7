//! Records as CSV (RFC 4180), for spreadsheets.
//!
//! A spreadsheet takes some cells for formulas, and most of a record comes from strangers: titles that the list carries along,
//! names that servers give. On request, such cells get a quote in front, and every cell is enclosed in double quotes, so that
//! none can begin another one, as <https://owasp.org/www-community/attacks/CSV_Injection> advises. No URL begins so; the table
//! stays a list.

use std::sync::Arc;

use csv::{QuoteStyle, WriterBuilder};

use crate::outcome::{FIELDS, Record};

/// The characters with which a formula begins, also as wide as an ideograph, and those that a spreadsheet skips before it.
const BEGINS_FORMULA: [char; 11] = ['=', '+', '-', '@', '＝', '＋', '－', '＠', '\t', '\r', '\n'];

/// A table with a column for each field of a record, and for each column copied from the list.
pub(super) struct CsvTable {
    copied: Vec<Arc<str>>,
    safe: bool,
}

impl CsvTable {
    /// A table that copies these `columns` of the list, except those with the name of a field. A `safe` one has no formulas.
    pub(super) fn new(columns: &[Arc<str>], safe: bool) -> Self {
        let is_field = |name: &str| FIELDS.iter().any(|field| field.name == name);
        let copied = columns.iter().filter(|name| !is_field(name));
        let copied = copied.cloned().collect();
        Self { copied, safe }
    }

    /// The line with the names of the columns.
    pub(super) fn header(&self) -> Vec<u8> {
        let names = FIELDS.iter().map(|field| field.name.to_owned());
        let copied = self.copied.iter().map(ToString::to_string);
        self.line(names.chain(copied))
    }

    /// The line of a record.
    pub(super) fn row(&self, record: &Record) -> Vec<u8> {
        let copied = self.copied.iter();
        let copied = copied.map(|name| record.column(name).unwrap_or_default().to_owned());
        let fields = FIELDS.iter().map(|field| field.text(record));
        self.line(fields.chain(copied))
    }

    fn line(&self, cells: impl Iterator<Item = String>) -> Vec<u8> {
        const LENGTH: usize = 1024;
        let mut writer = WriterBuilder::new();
        writer.buffer_capacity(LENGTH);
        if self.safe {
            writer.quote_style(QuoteStyle::Always);
        }
        let mut writer = writer.from_writer(Vec::with_capacity(LENGTH));
        let cells = cells.map(|cell| {
            if self.safe {
                without_formula(cell)
            } else {
                cell
            }
        });
        let written = writer.write_record(cells.map(String::into_bytes));
        written.expect("memory can be written, and a single record has no other length");
        writer.into_inner().expect("memory can be written")
    }
}

/// `cell` with a quote in front if a spreadsheet would take it for a formula.
fn without_formula(cell: String) -> String {
    if begins_formula(&cell) {
        format!("'{cell}")
    } else {
        cell
    }
}

/// Whether a spreadsheet would take `cell` for a formula.
pub(crate) fn begins_formula(cell: &str) -> bool {
    cell.trim_start_matches(' ').starts_with(BEGINS_FORMULA)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_that_begin_a_formula_are_escaped() {
        for cell in [
            "=1+1", "+1", "-1", "@a", "\t=1", "\r=1", "\n=1", " =1", "＝1",
        ] {
            assert_eq!(without_formula(cell.to_owned()), format!("'{cell}"));
        }
        for cell in ["", "a=1", "http://a.example/-", "'=1", "2026-01-01"] {
            assert_eq!(without_formula(cell.to_owned()), cell);
        }
    }
}
