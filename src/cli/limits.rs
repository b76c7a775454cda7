//! Options for the size, speed and end of a run.

use std::time::Duration;

use clap::Args;

use super::values::{limit, number, size};
use crate::queue::policy::duration;
use crate::stop::{Failures, RunLimits};

#[derive(Debug, Args)]
#[command(next_help_heading = "Limits of the run")]
pub(super) struct LimitArgs {
    /// Maximum size of a file; 0 means no limit
    #[arg(long, value_name = "SIZE", default_value = "1G", value_parser = limit)]
    pub(super) max_filesize: u64,
    /// Maximum bytes per second, for all transfers together; 0 means no limit
    #[arg(long, value_name = "SIZE", value_parser = size)]
    limit_rate: Option<u64>,
    /// End the run after this many failures, or at this share of the links that have ended, such as `5%`
    #[arg(long, value_name = "N|P%")]
    max_failures: Option<Failures>,
    /// End the run after this time; 0 means no limit
    #[arg(long, value_name = "TIME", value_parser = duration)]
    max_total_time: Option<Duration>,
    /// End the run after this many new files
    #[arg(long, value_name = "N", value_parser = number::<u64>)]
    max_downloads: Option<u64>,
    /// End the run after this many bytes of new files; 0 means no limit
    #[arg(long, value_name = "SIZE", value_parser = size)]
    quota: Option<u64>,
}

impl LimitArgs {
    /// The limits that end the run.
    pub(super) fn of_run(&self) -> RunLimits {
        RunLimits {
            failures: self.max_failures,
            time: self.max_total_time.filter(|time| !time.is_zero()),
            downloads: self.max_downloads,
            bytes: self.quota.filter(|bytes| *bytes > 0),
        }
    }

    /// Bytes per second of the whole run, if they are limited.
    pub(super) fn rate(&self) -> Option<u64> {
        self.limit_rate.filter(|rate| *rate > 0)
    }
}
