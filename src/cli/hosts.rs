//! Options about how much each host is asked.

use std::collections::HashMap;
use std::time::Duration;

use clap::Args;

use crate::queue::policy::{
    DEFAULT_PER_HOST, HostOverride, HostPolicies, HostPolicy, Rate, duration,
};

#[derive(Debug, Args)]
#[command(next_help_heading = "Hosts")]
pub(super) struct HostArgs {
    /// Time between two starts at one host
    #[arg(long, value_name = "TIME", default_value = "0", value_parser = duration)]
    wait: Duration,
    /// Vary `--wait` at random, from half to one and a half times
    #[arg(long)]
    random_wait: bool,
    /// Start at most N links of one host in a time, such as `5/15s`
    #[arg(long, value_name = "N/TIME")]
    rate: Option<Rate>,
    /// Limits of one host, such as `example.org:per-host=2,wait=1s,rate=5/15s`; can be given several times
    #[arg(long, value_name = "HOST:LIMITS")]
    host: Vec<HostOverride>,
}

impl HostArgs {
    /// How much each host is asked. What these options say takes precedence over `configured`.
    pub(super) fn policies(
        self,
        per_host: Option<u32>,
        configured: HashMap<String, HostOverride>,
    ) -> HostPolicies {
        let named = self.host.into_iter();
        let named = named.map(|limits| (limits.name.clone(), limits));
        HostPolicies {
            default: HostPolicy {
                per_host: per_host.unwrap_or(DEFAULT_PER_HOST),
                wait: self.wait,
                random_wait: self.random_wait,
                rate: self.rate,
            },
            per_host_explicit: per_host.is_some(),
            hosts: configured.into_iter().chain(named).collect(),
        }
    }
}
