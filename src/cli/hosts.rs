//! Options for the limits of hosts.

use std::collections::HashMap;
use std::time::Duration;

use clap::Args;

use crate::queue::policy::{
    DEFAULT_PER_HOST, HostOverride, HostPolicies, HostPolicy, Rate, duration,
};
use crate::shard::Companions;

#[derive(Debug, Args)]
#[command(next_help_heading = "Hosts")]
pub(super) struct HostArgs {
    /// Time between the starts of two links of a host
    #[arg(long, value_name = "TIME", default_value = "0", value_parser = duration)]
    wait: Duration,
    /// Vary `--wait` by a random factor between 0.5 and 1.5
    #[arg(long)]
    random_wait: bool,
    /// Start up to N links of a host per TIME, such as `5/15s`
    #[arg(long, value_name = "N/TIME")]
    rate: Option<Rate>,
    /// Accept the same body for many links of a host, instead of taking it for a block
    #[arg(long)]
    pub(super) no_block_detection: bool,
    /// Limits of one host, such as `example.org:per-host=2,wait=1s,rate=5/15s`; repeatable
    #[arg(long, value_name = "HOST:LIMITS")]
    host: Vec<HostOverride>,
}

impl HostArgs {
    /// The limits of hosts. `--host` takes precedence over `configured`, the limits of the configuration file.
    pub(super) fn policies(
        self,
        per_host: Option<u32>,
        configured: HashMap<String, HostOverride>,
        companions: Companions,
    ) -> HostPolicies {
        let mut hosts: HashMap<_, HostOverride> = HashMap::new();
        for limits in self.host {
            let earlier = hosts.remove(&limits.name).unwrap_or_default();
            hosts.insert(limits.name.clone(), limits.or(&earlier));
        }
        HostPolicies {
            default: HostPolicy {
                per_host: per_host.unwrap_or(DEFAULT_PER_HOST),
                wait: self.wait,
                random_wait: self.random_wait,
                rates: self.rate.into(),
            },
            per_host_explicit: per_host.is_some(),
            hosts: configured.into_iter().chain(hosts).collect(),
            companions,
        }
    }
}
