//! The commands that read the records of earlier runs.

use std::path::PathBuf;

use clap::{ArgAction, Args};

use super::invocation::Action;
use super::values::written_as;
use crate::log;

#[derive(Debug, Args)]
pub(super) struct MergeArgs {
    /// Output folders, state folders and files of records in NDJSON or CSV; `-` is standard input
    #[arg(value_name = "STATE", required = true)]
    merged: Vec<PathBuf>,
    /// Write the records to this file [default: standard output]
    #[arg(id = "records", short = 'o', long = "output", value_name = "FILE")]
    file: Option<PathBuf>,
    /// Print no summary
    #[arg(short, long, action = ArgAction::Count)]
    quiet: u8,
}

#[derive(Debug, Args)]
pub(super) struct ReportArgs {
    /// Files of records in NDJSON or CSV, output folders and state folders; `-` is standard input
    #[arg(value_name = "RECORDS", required = true)]
    reported: Vec<PathBuf>,
    /// Write a page to this file; `-` is standard output [default: print the summary]
    #[arg(long, value_name = "FILE", value_parser = written_as("html"))]
    html: Option<PathBuf>,
    /// Print nothing on standard output
    #[arg(short, long, action = ArgAction::Count)]
    quiet: u8,
}

impl MergeArgs {
    /// What to do, how quietly, and where messages go.
    pub(super) fn action(self, log: log::Options) -> (Action, u8, log::Options) {
        let file = self.file.filter(|path| path.as_os_str() != "-");
        (Action::Merge(self.merged, file), self.quiet, log)
    }
}

impl ReportArgs {
    /// What to do, how quietly, and where messages go.
    pub(super) fn action(self, log: log::Options) -> (Action, u8, log::Options) {
        (Action::Report(self.reported, self.html), self.quiet, log)
    }
}
