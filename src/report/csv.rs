//! Records as CSV (RFC 4180), for spreadsheets.

use std::sync::Arc;

use csv::WriterBuilder;

use crate::outcome::{FIELDS, Record};

/// A table with a column for each field of a record, and for each column copied from the list.
pub(super) struct CsvTable {
    copied: Vec<Arc<str>>,
}

impl CsvTable {
    /// A table that copies these `columns` of the list, except those with the name of a field.
    pub(super) fn new(columns: &[Arc<str>]) -> Self {
        let is_field = |name: &str| FIELDS.iter().any(|field| field.name == name);
        let copied = columns.iter().filter(|name| !is_field(name));
        Self {
            copied: copied.cloned().collect(),
        }
    }

    /// The line with the names of the columns.
    pub(super) fn header(&self) -> Vec<u8> {
        let names = FIELDS.iter().map(|field| field.name.to_owned());
        let copied = self.copied.iter().map(ToString::to_string);
        line(names.chain(copied))
    }

    /// The line of a record.
    pub(super) fn row(&self, record: &Record) -> Vec<u8> {
        let copied = self.copied.iter();
        let copied = copied.map(|name| record.column(name).unwrap_or_default().to_owned());
        let fields = FIELDS.iter().map(|field| field.text(record));
        line(fields.chain(copied))
    }
}

fn line(cells: impl Iterator<Item = String>) -> Vec<u8> {
    const LENGTH: usize = 1024;
    let mut writer = WriterBuilder::new()
        .buffer_capacity(LENGTH)
        .from_writer(Vec::with_capacity(LENGTH));
    let written = writer.write_record(cells.map(String::into_bytes));
    written.expect("memory can be written, and a single record has no other length");
    let line = writer.into_inner();
    line.expect("memory can be written")
}
