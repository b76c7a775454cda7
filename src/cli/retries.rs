//! Options about timeouts and retries.

use std::time::Duration;

use clap::Args;

use super::values::{size, timeout};
use crate::queue::policy::duration;

#[derive(Debug, Args)]
#[command(next_help_heading = "Timeouts and retries")]
pub(super) struct RetryArgs {
    /// Longest pause before the first retry; it doubles with each retry
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = duration)]
    pub(super) retry_delay: Duration,
    /// Give up on a server that asks for a longer pause than this
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration)]
    pub(super) retry_max_wait: Duration,
    /// Longest time to connect, TLS included; 0 is no limit
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = timeout)]
    pub(super) connect_timeout: Duration,
    /// Longest time until the response begins; 0 is no limit
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = timeout)]
    pub(super) first_byte_timeout: Duration,
    /// Longest time without data in a transfer; 0 is no limit
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = timeout)]
    pub(super) stall_timeout: Duration,
    /// Longest time for one link, retries included [default: no limit]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(super) max_time: Option<Duration>,
    /// Lowest speed of a transfer, in bytes a second over the stall timeout [default: no limit]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(super) min_speed: Option<u64>,
}
