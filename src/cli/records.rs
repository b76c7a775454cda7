//! Options for output for programs.

use std::path::PathBuf;

use clap::Args;

use super::values::written;
use crate::report::{Print, SinkOptions};

#[derive(Debug, Args)]
#[command(next_help_heading = "Output for programs")]
pub(super) struct RecordArgs {
    /// What to print on standard output
    ///
    /// With `paths` and `json`, the summary goes to standard error.
    #[arg(long, value_name = "WHAT", value_enum, default_value_t)]
    print: Print,
    /// Print a record of each link when it ends, as NDJSON; short for `--print json`
    #[arg(long, conflicts_with = "print")]
    json: bool,
    /// End paths with NUL instead of a newline, for `xargs -0`; implies `--print paths`
    #[arg(short = '0', long, conflicts_with = "json")]
    null: bool,
    /// Write a report to this file: a page for people if its name ends in `.html`, CSV if in `.csv`, else NDJSON
    ///
    /// May be given several times. CSV and NDJSON are written as links end. The page is written anew from time to time, and at
    /// the end.
    #[arg(long, value_name = "FILE", value_parser = written())]
    report: Vec<PathBuf>,
    /// Put an apostrophe before cells of a CSV report that a spreadsheet would take for formulas
    ///
    /// These are cells that begin with `=`, `+`, `-`, `@`, a tab or a line end. Lists come from strangers, and a formula can
    /// send other cells of the table to them.
    #[arg(long)]
    report_csv_safe: bool,
    /// Write failed links to this file, as a list with the reasons as comments
    #[arg(long, value_name = "FILE", value_parser = written())]
    error_file: Option<PathBuf>,
}

impl RecordArgs {
    /// Which records go where.
    pub(super) fn options(self) -> SinkOptions {
        let print = match self.print {
            _ if self.json => Print::Json,
            Print::Summary if self.null => Print::Paths,
            print => print,
        };
        SinkOptions {
            print,
            null: self.null,
            reports: self.report,
            csv_safe: self.report_csv_safe,
            errors: self.error_file,
            columns: Vec::new(),
            untried: false,
        }
    }
}
