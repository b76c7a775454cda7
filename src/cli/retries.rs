//! Options for timeouts and retries.

use std::time::Duration;

use clap::Args;

use super::values::{size, timeout};
use crate::queue::policy::duration;

#[derive(Debug, Args)]
#[command(next_help_heading = "Timeouts and retries")]
pub(super) struct RetryArgs {
    /// Maximum pause before the first retry; it doubles with each retry
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = duration)]
    pub(super) retry_delay: Duration,
    /// Maximum pause before a retry; a link whose server demands more fails
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration)]
    pub(super) retry_max_wait: Duration,
    /// Maximum time to connect, including TLS; 0 means no limit
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = timeout)]
    pub(super) connect_timeout: Duration,
    /// Maximum time until the response begins; 0 means no limit
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = timeout)]
    pub(super) first_byte_timeout: Duration,
    /// Maximum time without data during a transfer; 0 means no limit
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = timeout)]
    pub(super) stall_timeout: Duration,
    /// Maximum time for one link, including retries; 0 means no limit [default: no limit]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(super) max_time: Option<Duration>,
    /// Minimum bytes per second of a transfer, over the stall timeout [default: 100 over twice that time, while other links wait]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(super) min_speed: Option<u64>,
}
