//! How much a host is asked at once and how often: what the user says, and what hosts are known to want.

use std::collections::HashMap;
use std::str::FromStr;
use std::time::Duration;

/// So many links of one host are fetched at once by default.
pub const DEFAULT_PER_HOST: u32 = 8;

/// Hosts whose terms ask for patience: the host, its links at once, and the time between two starts.
pub const PATIENT: [(&str, u32, Duration); 2] = [
    ("arxiv.org", 1, Duration::from_secs(3)),
    ("export.arxiv.org", 1, Duration::from_secs(3)),
];

/// The limits of one host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How many of its links are fetched at once; 0 is no limit.
    pub per_host: u32,
    /// The time between two starts.
    pub wait: Duration,
    /// Whether that time is spread by half to one and a half.
    pub random_wait: bool,
    /// At most so many starts in so long.
    pub rate: Option<Rate>,
}

impl Default for Limits {
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
pub struct Limiting {
    /// Those of a host that nothing else is said about.
    pub limits: Limits,
    /// Whether the user has said how many links at once: only then it holds for hosts on loopback, too.
    pub per_host_is_said: bool,
    /// What the user has said about single hosts, by their names.
    pub hosts: HashMap<String, HostLimits>,
}

impl Limiting {
    /// The limits of the host `name`.
    #[must_use]
    pub fn of(&self, name: &str) -> Limits {
        let mut limits = self.limits;
        if !self.per_host_is_said && is_loopback(name) {
            limits.per_host = 0;
        }
        if let Some(said) = self.hosts.get(name) {
            limits.per_host = said.per_host.unwrap_or(limits.per_host);
            limits.wait = said.wait.unwrap_or(limits.wait);
            limits.rate = said.rate.or(limits.rate);
        } else if let Some((_, per_host, wait)) = PATIENT.iter().find(|(host, ..)| *host == name) {
            limits.per_host = *per_host;
            limits.wait = limits.wait.max(*wait);
        }
        limits
    }
}

/// What is said about one host, such as `example.org:per-host=2,wait=1s`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostLimits {
    /// The name of the host.
    pub name: String,
    per_host: Option<u32>,
    wait: Option<Duration>,
    rate: Option<Rate>,
}

impl FromStr for HostLimits {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str =
            "a host and its limits, such as `example.org:per-host=2,wait=1s,rate=5/15s`";
        let (name, settings) = text.rsplit_once(':').ok_or(FORM)?;
        let mut limits = Self {
            name: name.to_lowercase(),
            ..Self::default()
        };
        for setting in settings.split(',') {
            match setting.split_once('=').ok_or(FORM)? {
                ("per-host", value) => limits.per_host = Some(value.parse().map_err(|_| FORM)?),
                ("wait", value) => limits.wait = Some(duration(value)?),
                ("rate", value) => limits.rate = Some(value.parse()?),
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
            Ok(limits)
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
pub fn duration(text: &str) -> Result<Duration, String> {
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
        let said: HostLimits = "arxiv.org:per-host=2,rate=5/15s".parse().expect("limits");
        let mut limiting = Limiting::default();
        assert_eq!(
            (
                limiting.of("arxiv.org").per_host,
                limiting.of("arxiv.org").wait
            ),
            (1, Duration::from_secs(3))
        );
        limiting.hosts.insert(said.name.clone(), said);
        let limits = limiting.of("arxiv.org");
        assert_eq!((limits.per_host, limits.wait), (2, Duration::ZERO));
        assert_eq!(
            limits.rate,
            Some(Rate {
                starts: 5,
                time: Duration::from_secs(15)
            })
        );
        assert_eq!(limiting.of("example.org").per_host, DEFAULT_PER_HOST);
    }

    #[test]
    fn loopback_is_limited_only_if_asked() {
        let limits = |per_host_is_said| Limiting {
            per_host_is_said,
            ..Limiting::default()
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
            assert!(text.parse::<HostLimits>().is_err(), "{text}");
        }
    }
}
