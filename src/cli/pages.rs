//! Options for pages in place of PDFs.

use clap::Args;

use crate::fetch::Landing;

#[derive(Debug, Args)]
#[command(next_help_heading = "Pages")]
pub(super) struct PageArgs {
    /// What to do with a page in place of a PDF
    #[arg(long, value_name = "WHICH", value_enum, default_value_t)]
    pub(super) landing: Landing,
}
