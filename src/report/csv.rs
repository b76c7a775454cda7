//! Records as a table in CSV (RFC 4180), for spreadsheets.

use std::fmt;
use std::fs::File;
use std::io;
use std::sync::Arc;

use csv::Writer;

use crate::outcome::{FIELDS, Record};

/// A table with a column for each field of a record, and for each column of the list that is carried along.
pub(super) struct CsvTable {
    writer: Writer<File>,
    carried: Vec<Arc<str>>,
}

impl CsvTable {
    /// Begins a table in `file` with its header.
    pub(super) fn begin(file: File, columns: &[Arc<str>]) -> csv::Result<Self> {
        let is_field = |name: &str| FIELDS.iter().any(|field| field.name == name);
        let carried = columns.iter().filter(|name| !is_field(name));
        let carried: Vec<_> = carried.cloned().collect();
        let mut writer = Writer::from_writer(file);
        let names = FIELDS.iter().map(|field| field.name);
        writer.write_record(names.chain(carried.iter().map(AsRef::as_ref)))?;
        Ok(Self { writer, carried })
    }

    /// Writes a row, which is in the file when this comes back.
    pub(super) fn write(&mut self, record: &Record) -> io::Result<()> {
        let carried = self.carried.iter();
        let carried = carried.map(|name| record.column(name).unwrap_or_default().to_owned());
        let fields = FIELDS.iter().map(|field| field.text(record));
        self.writer.write_record(fields.chain(carried))?;
        self.writer.flush()
    }
}

impl fmt::Debug for CsvTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CsvTable").field(&self.carried).finish()
    }
}
