//! Records as CSV (RFC 4180), for spreadsheets.

use std::fs::File;
use std::io;
use std::sync::Arc;

use csv::Writer;

use crate::outcome::{FIELDS, Record};

/// A table with a column for each field of a record, and for each column copied from the list.
pub(super) struct CsvTable {
    writer: Writer<File>,
    copied: Vec<Arc<str>>,
}

impl CsvTable {
    /// Starts a table by writing its header to `file`. Columns of the list with the name of a field are left out.
    pub(super) fn begin(file: File, columns: &[Arc<str>]) -> csv::Result<Self> {
        let is_field = |name: &str| FIELDS.iter().any(|field| field.name == name);
        let copied = columns.iter().filter(|name| !is_field(name));
        let copied: Vec<_> = copied.cloned().collect();
        let mut writer = Writer::from_writer(file);
        let names = FIELDS.iter().map(|field| field.name);
        writer.write_record(names.chain(copied.iter().map(AsRef::as_ref)))?;
        Ok(Self { writer, copied })
    }

    /// Writes a row and flushes it.
    pub(super) fn write(&mut self, record: &Record) -> io::Result<()> {
        let copied = self.copied.iter();
        let copied = copied.map(|name| record.column(name).unwrap_or_default().to_owned());
        let fields = FIELDS.iter().map(|field| field.text(record));
        self.writer.write_record(fields.chain(copied))?;
        self.writer.flush()
    }
}
