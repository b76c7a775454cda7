//! Options that restrict where a list from a stranger may lead.

use clap::Args;

#[derive(Debug, Args)]
#[command(next_help_heading = "Safety")]
pub(super) struct SafetyArgs {
    /// Fetch only https links
    #[arg(long)]
    pub(super) https_only: bool,
    /// Follow redirects from https to http
    #[arg(long)]
    pub(super) allow_downgrade: bool,
    /// Refuse hosts that are not on the public internet, for untrusted lists; disables proxies
    #[arg(long)]
    pub(super) deny_private: bool,
}
