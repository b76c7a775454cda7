//! How much a host is asked at once and how often: what the user says, and what hosts are known to want.

use std::collections::HashMap;
use std::str::FromStr;
use std::time::Duration;

/// So many links of one host are fetched at once by default.
pub(crate) const DEFAULT_PER_HOST: u32 = 8;

/// Hosts whose terms ask for slow clients: the host, its links at once, and the time between two starts.
pub(crate) const BUILTIN_HOST_POLICIES: [(&str, u32, Duration); 2] = [
    ("arxiv.org", 1, Duration::from_secs(3)),
    ("export.arxiv.org", 1, Duration::from_secs(3)),
];

/// The limits of one host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostPolicy {
    /// How many of its links are fetched at once; 0 is no limit.
    pub per_host: u32,
    /// The time between two starts.
    pub wait: Duration,
    /// Whether that time is spread by half to one and a half.
    pub random_wait: bool,
    /// At most so many starts in so long.
    pub rate: Option<Rate>,
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
    /// How many.
    pub starts: u32,
    /// In how long.
    pub time: Duration,
}

/// The limits of all hosts.
#[derive(Debug, Clone, Default)]
pub struct HostPolicies {
    /// Those of a host that nothing else is said about.
    pub default: HostPolicy,
    /// Whether the user has said how many links at once: only then it holds for hosts on loopback, too.
    pub per_host_explicit: bool,
    /// What the user has said about single hosts, by their names.
    pub hosts: HashMap<String, HostOverride>,
}

impl HostPolicies {
    /// The limits of the host `name`.
    pub fn of(&self, name: &str) -> HostPolicy {
        let mut policy = self.default;
        if !self.per_host_explicit && is_loopback(name) {
            policy.per_host = 0;
        }
        if let Some(said) = self.hosts.get(name) {
            policy.per_host = said.per_host.unwrap_or(policy.per_host);
            policy.wait = said.wait.unwrap_or(policy.wait);
            policy.rate = said.rate.or(policy.rate);
        } else if let Some((_, per_host, wait)) = BUILTIN_HOST_POLICIES
            .iter()
            .find(|(host, ..)| *host == name)
        {
            policy.per_host = *per_host;
            policy.wait = policy.wait.max(*wait);
        }
        policy
    }
}

/// What is said about one host, such as `example.org:per-host=2,wait=1s`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostOverride {
    /// The name of the host.
    pub name: String,
    per_host: Option<u32>,
    wait: Option<Duration>,
    rate: Option<Rate>,
}

impl FromStr for HostOverride {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str =
            "a host and its limits, such as `example.org:per-host=2,wait=1s,rate=5/15s`";
        let (name, settings) = text.rsplit_once(':').ok_or(FORM)?;
        let mut policy = Self {
            name: name.to_lowercase(),
            ..Self::default()
        };
        for setting in settings.split(',') {
            match setting.split_once('=').ok_or(FORM)? {
                ("per-host", value) => policy.per_host = Some(value.parse().map_err(|_| FORM)?),
                ("wait", value) => policy.wait = Some(duration(value)?),
                ("rate", value) => policy.rate = Some(value.parse()?),
                (other, _) => {
                    return Err(format!(
                        "unknown limit `{other}`: there are `per-host`, `wait` and `rate`"
                    ));
                }
            }
        }
        if name.is_empty() {
            Err(FORM.to_owned())
        } else {
            Ok(policy)
        }
    }
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "a rate is a number and a time, such as `5/15s`";
        let (starts, time) = text.split_once('/').ok_or(FORM)?;
        let (starts, time) = (starts.parse().map_err(|_| FORM)?, duration(time)?);
        if starts == 0 || time.is_zero() {
            Err(FORM.to_owned())
        } else {
            Ok(Self { starts, time })
        }
    }
}

/// Ten years, in seconds: what is added to a point in time must not overflow.
const LONGEST: f64 = 315_360_000.0;

/// A time: `2`, `0.5`, `500ms`, `2s`, `1m`, `1h`.
///
/// # Errors
///
/// What a time looks like.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let at = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(at);
    let seconds = match unit {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => {
            return Err(
                "a time is a number and `ms`, `s`, `m` or `h`, such as `500ms` or `2s`".to_owned(),
            );
        }
    };
    let number: f64 = number
        .parse()
        .map_err(|_| "a time begins with a number, such as `0.5` or `2s`".to_owned())?;
    if number * seconds > LONGEST {
        return Err("a time of more than ten years is none".to_owned());
    }
    Duration::try_from_secs_f64(number * seconds).map_err(|error| error.to_string())
}

fn is_loopback(name: &str) -> bool {
    let literal = name.trim_start_matches('[').trim_end_matches(']');
    name == "localhost"
        || literal
            .parse()
            .is_ok_and(|address: std::net::IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_a_host_counts_more_than_what_is_known_of_it() {
        let said: HostOverride = "arxiv.org:per-host=2,rate=5/15s".parse().expect("limits");
        let mut policies = HostPolicies::default();
        assert_eq!(
            (
                policies.of("arxiv.org").per_host,
                policies.of("arxiv.org").wait
            ),
            (1, Duration::from_secs(3))
        );
        policies.hosts.insert(said.name.clone(), said);
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
    fn loopback_is_limited_only_if_asked() {
        let limits = |per_host_explicit| HostPolicies {
            per_host_explicit,
            ..HostPolicies::default()
        };
        for host in ["127.0.0.1", "127.0.0.41", "localhost", "[::1]"] {
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
    fn limits_that_make_no_sense_are_refused() {
        for text in [
            "",
            "example.org",
            "example.org:",
            ":wait=1s",
            "a.b:speed=1",
            "a.b:wait=soon",
            "a.b:rate=0/1s",
            "a.b:per-host=x",
        ] {
            assert!(text.parse::<HostOverride>().is_err(), "{text}");
        }
    }
}
