//! Options for programs that run this one, as a filter or by the thousand.

use clap::Args;

use crate::report::{FailOn, SinkOptions};

#[derive(Debug, Args)]
#[command(next_help_heading = "Under other programs")]
pub(super) struct EngineArgs {
    /// Which failures set the exit code, besides a failure of the run itself
    #[arg(long, value_enum, default_value_t, value_name = "WHAT")]
    pub(super) fail_on: FailOn,
    /// When the run ends early, also record the links that it has not tried, as `interrupted`
    ///
    /// The rest of the list is read for that, without requests. A second Ctrl-C or SIGTERM ends that at once.
    #[arg(long)]
    record_untried: bool,
    /// End as on SIGTERM when the process that started this one has ended
    #[arg(long)]
    pub(super) die_with_parent: bool,
}

impl EngineArgs {
    /// Completes what goes where.
    pub(super) fn complete(&self, records: SinkOptions) -> SinkOptions {
        SinkOptions {
            untried: self.record_untried,
            ..records
        }
    }
}
