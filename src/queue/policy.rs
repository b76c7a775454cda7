//! How many links of a host run at once, and how often they start: the user's limits, and built-in ones of known hosts.

use std::collections::HashMap;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use crate::host;

/// The default number of concurrent links per host.
pub(crate) const DEFAULT_PER_HOST: u32 = 8;

/// Hosts whose terms of use demand slow clients: the host, its concurrent links, and the time between two starts.
const BUILTIN_HOST_POLICIES: [(&str, u32, Duration); 2] = [
    ("arxiv.org", 1, Duration::from_secs(3)),
    ("export.arxiv.org", 1, Duration::from_secs(3)),
];

/// The limits of one host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostPolicy {
    /// How many of its links run at once; 0 is no limit.
    pub per_host: u32,
    /// The time between two starts.
    pub wait: Duration,
    /// Whether `wait` varies by a random factor between 0.5 and 1.5.
    pub random_wait: bool,
    /// The highest rate of starts.
    pub rate: Option<Rate>,
}

impl HostPolicy {
    /// How many links run at once; `u32::MAX` is no limit.
    pub(super) fn limit(&self) -> u32 {
        match self.per_host {
            0 => u32::MAX,
            limit => limit,
        }
    }
}

impl Default for HostPolicy {
    fn default() -> Self {
        Self {
            per_host: DEFAULT_PER_HOST,
            wait: Duration::ZERO,
            random_wait: false,
            rate: None,
        }
    }
}

/// A number of starts in a time, such as `5/15s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// The number of starts, at least 1.
    pub starts: u32,
    /// The time, more than zero.
    pub time: Duration,
}

/// The limits of all hosts.
#[derive(Debug, Clone, Default)]
pub struct HostPolicies {
    /// The limits of a host without limits of its own.
    pub default: HostPolicy,
    /// Whether the user has set `default.per_host`. Otherwise there is no limit on loopback.
    pub per_host_explicit: bool,
    /// The user's limits of single hosts, by name in the form of `host::name_of`.
    pub hosts: HashMap<String, HostOverride>,
}

impl HostPolicies {
    /// The limits of the host `name`, in the form of `host::name_of`.
    pub fn of(&self, name: &str) -> HostPolicy {
        let mut policy = self.default;
        if !self.per_host_explicit && is_loopback(name) {
            policy.per_host = 0;
        }
        if let Some(limits) = self.hosts.get(name) {
            policy.per_host = limits.per_host.unwrap_or(policy.per_host);
            policy.wait = limits.wait.unwrap_or(policy.wait);
            policy.rate = limits.rate.or(policy.rate);
            return policy;
        }
        for (host, per_host, wait) in BUILTIN_HOST_POLICIES {
            if host == name {
                policy.per_host = per_host;
                policy.wait = policy.wait.max(wait);
            }
        }
        policy
    }
}

/// The user's limits of one host, such as `example.org:per-host=2,wait=1s`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostOverride {
    /// The name of the host, in the form of `host::name_of`.
    pub name: String,
    per_host: Option<u32>,
    wait: Option<Duration>,
    rate: Option<Rate>,
}

impl HostOverride {
    /// These limits, and where there is none, that of `other`.
    pub(crate) fn or(self, other: &Self) -> Self {
        Self {
            name: self.name,
            per_host: self.per_host.or(other.per_host),
            wait: self.wait.or(other.wait),
            rate: self.rate.or(other.rate),
        }
    }
}

impl FromStr for HostOverride {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str =
            "expected a host and its limits, such as `example.org:per-host=2,wait=1s,rate=5/15s`";
        let (name, limits) = text.rsplit_once(':').ok_or(FORM)?;
        let mut policy = Self {
            name: host::parse(name).ok_or(host::FORM)?,
            ..Self::default()
        };
        for limit in limits.split(',') {
            match limit.split_once('=').ok_or(FORM)? {
                ("per-host", value) => policy.per_host = Some(value.parse().map_err(|_| FORM)?),
                ("wait", value) => policy.wait = Some(duration(value)?),
                ("rate", value) => policy.rate = Some(value.parse()?),
                (other, _) => {
                    let known = "`per-host`, `wait` and `rate`";
                    return Err(format!("unknown limit `{other}`: the limits are {known}"));
                }
            }
        }
        Ok(policy)
    }
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "expected a number of starts and a time, such as `5/15s`";
        let (starts, time) = text.split_once('/').ok_or(FORM)?;
        let (starts, time) = (starts.parse().map_err(|_| FORM)?, duration(time)?);
        if starts == 0 || time.is_zero() {
            return Err(FORM.to_owned());
        }
        Ok(Self { starts, time })
    }
}

/// 10 years in seconds. The limit keeps sums of times and instants from overflowing.
const LONGEST: f64 = 315_360_000.0;

/// Parses a time: `2`, `0.5`, `500ms`, `2s`, `1m`, `1h`.
///
/// # Errors
///
/// What a time looks like.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    const FORM: &str =
        "expected a number and a unit (`ms`, `s`, `m` or `h`), such as `500ms` or `2s`";
    let is_unit = |c: char| !c.is_ascii_digit() && c != '.';
    let (number, unit) = text.split_at(text.find(is_unit).unwrap_or(text.len()));
    let unit = match unit {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err(FORM.to_owned()),
    };
    let seconds = unit * number.parse::<f64>().map_err(|_| FORM)?;
    if seconds > LONGEST {
        return Err("longer than 10 years".to_owned());
    }
    Ok(Duration::from_secs_f64(seconds))
}

fn is_loopback(name: &str) -> bool {
    let literal = name.trim_start_matches('[').trim_end_matches(']');
    let address = literal.parse::<IpAddr>();
    // RFC 6761 section 6.3
    let is_name = name == "localhost" || name.ends_with(".localhost");
    is_name || address.is_ok_and(|address| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_limits_take_precedence_over_builtin_ones() {
        let limits: HostOverride = "arxiv.org:per-host=2,rate=5/15s".parse().expect("limits");
        let mut policies = HostPolicies::default();
        assert_eq!(
            (
                policies.of("arxiv.org").per_host,
                policies.of("arxiv.org").wait
            ),
            (1, Duration::from_secs(3))
        );
        policies.hosts.insert(limits.name.clone(), limits);
        let limits = policies.of("arxiv.org");
        assert_eq!((limits.per_host, limits.wait), (2, Duration::ZERO));
        assert_eq!(
            limits.rate,
            Some(Rate {
                starts: 5,
                time: Duration::from_secs(15)
            })
        );
        assert_eq!(policies.of("example.org").per_host, DEFAULT_PER_HOST);
    }

    #[test]
    fn spellings_of_a_host_have_the_same_limits() {
        for (text, name) in [
            ("BÜCHER.example:wait=1s", "xn--bcher-kva.example"),
            ("example.org.:wait=1s", "example.org"),
            ("::1:wait=1s", "[::1]"),
            ("[0::1]:wait=1s", "[::1]"),
        ] {
            let limits: HostOverride = text.parse().expect("limits");
            assert_eq!(limits.name, name);
        }
    }

    #[test]
    fn loopback_is_limited_only_on_request() {
        let limits = |per_host_explicit| HostPolicies {
            per_host_explicit,
            ..HostPolicies::default()
        };
        for host in [
            "127.0.0.1",
            "127.0.0.41",
            "localhost",
            "a.localhost",
            "[::1]",
            "[::ffff:7f00:1]",
        ] {
            assert_eq!(
                (
                    limits(false).of(host).per_host,
                    limits(true).of(host).per_host
                ),
                (0, 8)
            );
        }
    }

    #[test]
    fn malformed_limits_are_rejected() {
        for text in [
            "",
            "example.org",
            "example.org:",
            ":wait=1s",
            "a.b:speed=1",
            "a.b:wait=soon",
            "a.b:rate=0/1s",
            "a.b:per-host=x",
            "a.b:80:per-host=1",
            "http://a.b:per-host=1",
            "a b:per-host=1",
        ] {
            assert!(text.parse::<HostOverride>().is_err(), "{text}");
        }
    }
}
