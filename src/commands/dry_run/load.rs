//! How many links of each host a run would fetch, and how long the limits of the hosts make that take at least.
//!
//! Memory is bounded: of too many hosts, the smaller half is forgotten, and only the number of its links is kept. After that,
//! the numbers of the others may be too small, but those of large hosts hardly are.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::fmt;
use std::mem;

use indicatif::HumanCount;

use crate::queue::policy::HostPolicies;
use crate::queue::schedule::name_of;
use crate::text::{cut, seconds};

/// The most hosts that are known at once.
const MOST: usize = 100_000;

/// How much of the name of a host is kept, in characters: more than the DNS allows.
const LONGEST: usize = 300;

/// The links to fetch, by host. [`fmt::Display`] is a line for each host, the one that takes longest first.
#[derive(Debug)]
pub(crate) struct Load {
    policies: HostPolicies,
    hosts: HashMap<Box<str>, u64>,
    /// The links of hosts that were forgotten.
    others: u64,
}

impl Load {
    /// No links yet. These are the limits of hosts.
    pub(super) fn new(policies: HostPolicies) -> Self {
        Self {
            policies,
            hosts: HashMap::new(),
            others: 0,
        }
    }

    /// Adds a link of `host`, which is its name with its port.
    pub(super) fn add(&mut self, host: &str) {
        let host = &*cut(host, LONGEST);
        if let Some(links) = self.hosts.get_mut(host) {
            *links += 1;
            return;
        }
        if self.hosts.len() == MOST {
            self.forget_half();
        }
        self.hosts.insert(host.into(), 1);
    }

    fn forget_half(&mut self) {
        let mut hosts: Vec<_> = mem::take(&mut self.hosts).into_iter().collect();
        hosts.sort_unstable_by_key(|(_, links)| Reverse(*links));
        let forgotten = hosts.split_off(MOST / 2);
        self.others += forgotten.iter().map(|(_, links)| links).sum::<u64>();
        self.hosts = hosts.into_iter().collect();
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts = self.hosts.iter().map(|(host, links)| {
            let policy = self.policies.of(name_of(host));
            (policy.least_time(*links), *links, host, policy)
        });
        let mut hosts: Vec<_> = hosts.collect();
        hosts.sort_unstable_by_key(|(time, links, host, _)| (Reverse((*time, *links)), *host));
        for (time, links, host, policy) in hosts {
            write!(f, "host {host}: {}", counted(links))?;
            if !time.is_zero() {
                let least = if policy.random_wait {
                    "about"
                } else {
                    "at least"
                };
                write!(f, ", {least} {}", seconds(time))?;
            }
            if links > 1 {
                write!(f, "{policy}")?;
            }
            writeln!(f)?;
        }
        if self.others > 0 {
            writeln!(f, "other hosts: {}", counted(self.others))?;
        }
        Ok(())
    }
}

/// A number of links.
fn counted(links: u64) -> String {
    let plural = if links == 1 { "" } else { "s" };
    format!("{} link{plural}", HumanCount(links))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_hosts_are_known_among_too_many() {
        let mut load = Load::new(HostPolicies::default());
        for n in 0..=MOST {
            load.add(&format!("small-{n}.example"));
            load.add("large.example");
        }
        load.add(&"x".repeat(9999));
        assert!(load.hosts.len() <= MOST);
        assert!(load.hosts.keys().all(|host| host.len() < 1000));
        let known: u64 = load.hosts.values().sum();
        assert_eq!(known + load.others, 2 * MOST as u64 + 3);
        let text = load.to_string();
        assert!(text.starts_with("host large.example: 100,001 links, 8 at once\n"));
        let others = format!("\nother hosts: {} links\n", HumanCount(load.others));
        assert!(text.ends_with(&others) && load.others > 0);
    }
}
