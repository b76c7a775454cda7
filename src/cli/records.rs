//! Options about output for programs.

use std::path::PathBuf;

use clap::Args;

use crate::report::{Print, SinkOptions};

#[derive(Debug, Args)]
pub(super) struct RecordArgs {
    /// What standard output is for; what is not the summary makes it go to standard error
    #[arg(
        long,
        value_enum,
        default_value_t,
        hide_short_help = true,
        help_heading = "Output for programs"
    )]
    print: Print,
    /// Print the record of each link as it ends, as NDJSON: the same as `--print json`
    #[arg(
        long,
        conflicts_with = "print",
        hide_short_help = true,
        help_heading = "Output for programs"
    )]
    json: bool,
    /// End each path with NUL, for `xargs -0`; implies `--print paths`
    #[arg(
        short = '0',
        long,
        conflicts_with = "json",
        hide_short_help = true,
        help_heading = "Output for programs"
    )]
    null: bool,
    /// Write the records of this run to a file: CSV if its name says so, else NDJSON
    #[arg(
        long,
        value_name = "FILE",
        hide_short_help = true,
        help_heading = "Output for programs"
    )]
    report: Option<PathBuf>,
    /// Write the links that failed to a file, as a list with the reasons as comments
    #[arg(
        long,
        value_name = "FILE",
        hide_short_help = true,
        help_heading = "Output for programs"
    )]
    error_file: Option<PathBuf>,
}

impl RecordArgs {
    pub(super) fn options(self) -> SinkOptions {
        let print = match self.print {
            _ if self.json => Print::Json,
            Print::Summary if self.null => Print::Paths,
            print => print,
        };
        SinkOptions {
            print,
            null: self.null,
            report: self.report,
            errors: self.error_file,
            columns: Vec::new(),
        }
    }
}
