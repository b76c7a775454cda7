//! Options for programs that run this one, as a filter or by the thousand.

use clap::Args;

use crate::report::{FailOn, SinkOptions};
use crate::run::Config;

#[derive(Debug, Args)]
#[command(next_help_heading = "Under other programs")]
pub(super) struct EngineArgs {
    /// Which failures set the exit code, besides a failure of the run itself
    #[arg(long, value_enum, default_value_t, value_name = "WHAT")]
    fail_on: FailOn,
    /// Exit with code 2 if there is no link in the lists
    #[arg(long)]
    fail_on_empty: bool,
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
    /// `config`, with what the exit code tells of.
    pub(super) fn apply(&self, config: Config) -> Config {
        Config {
            fail_on: self.fail_on,
            fail_on_empty: self.fail_on_empty,
            ..config
        }
    }

    /// Completes what goes where.
    pub(super) fn complete(&self, records: SinkOptions) -> SinkOptions {
        SinkOptions {
            untried: self.record_untried,
            ..records
        }
    }
}
