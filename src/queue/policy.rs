//! How many links of a host run at once, and how often they start: the user's limits, and built-in ones of known hosts.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use crate::host;
use crate::shard::Companions;

/// The default number of concurrent links per host.
pub(crate) const DEFAULT_PER_HOST: u32 = 8;

/// What terms of use and documentation demand: the host, its limits, and where they are. Hosts that share their limits are in
/// [`Companions`].
const BUILTIN_HOST_POLICIES: [(&str, &str); 9] = [
    // https://info.arxiv.org/help/api/tou.html
    ("arxiv.org", "per-host=1,rate=1/3s"),
    // https://www.ncbi.nlm.nih.gov/books/NBK25497/
    ("www.ncbi.nlm.nih.gov", "rate=3/1s"),
    // https://www.crossref.org/documentation/retrieve-metadata/rest-api/access-and-authentication/
    ("api.crossref.org", "per-host=1,rate=5/1s"),
    // https://unpaywall.org/products/api
    ("api.unpaywall.org", "rate=100000/24h"),
    // https://developers.openalex.org/guides/authentication
    ("api.openalex.org", "rate=100/1s"),
    // https://support.datacite.org/docs/is-there-a-rate-limit-for-making-requests-against-the-datacite-apis
    ("api.datacite.org", "rate=1000/5m"),
    // https://developers.zenodo.org/#rate-limiting
    ("zenodo.org", "rate=60/1m,rate=2000/1h"),
    // https://www.semanticscholar.org/product/api
    ("api.semanticscholar.org", "rate=1/1s"),
    // https://onlinelibrary.wiley.com/library-info/resources/text-and-datamining
    ("api.wiley.com", "rate=3/1s,rate=60/10m"),
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
    /// The highest rates of starts.
    pub rates: Rates,
}

impl HostPolicy {
    /// How many links run at once; `u32::MAX` is no limit.
    pub(super) fn limit(&self) -> u32 {
        match self.per_host {
            0 => u32::MAX,
            limit => limit,
        }
    }

    /// The time between the starts of the first and the last of so many `links`, if nothing but the limits holds them up.
    pub(crate) fn least_time(&self, links: u64) -> Duration {
        self.time_by_wait(links).max(self.time_by_rate(links))
    }

    fn time_by_wait(&self, links: u64) -> Duration {
        times(self.wait, links.saturating_sub(1))
    }

    fn time_by_rate(&self, links: u64) -> Duration {
        let times = self.rates.iter().map(|rate| rate.time_of(links));
        times.max().unwrap_or_default()
    }
}

/// What limits a host most: ` at one a second`, ` at 5 every 15 s`, or `, 8 at once`.
impl fmt::Display for HostPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // so many that the first starts make no difference
        const MANY: u64 = 1 << 31;
        let slowest = self.rates.iter().max_by_key(|rate| rate.time_of(MANY));
        let (starts, time) = match slowest {
            Some(rate) if self.time_by_rate(MANY) > self.time_by_wait(MANY) => {
                (rate.starts, rate.time)
            }
            _ => (1, self.wait),
        };
        match (starts, time.as_secs_f64()) {
            (_, 0.0) if self.per_host == 0 => Ok(()),
            (_, 0.0) => write!(f, ", {} at once", self.per_host),
            (1, 1.0) => write!(f, " at one a second"),
            (1, seconds) => write!(f, " at one every {seconds} s"),
            (starts, seconds) => write!(f, " at {starts} every {seconds} s"),
        }
    }
}

/// So many times a `time`. No list has more than 2^32 links of a host.
fn times(time: Duration, number: u64) -> Duration {
    time.saturating_mul(u32::try_from(number).unwrap_or(u32::MAX))
}

impl Default for HostPolicy {
    fn default() -> Self {
        Self {
            per_host: DEFAULT_PER_HOST,
            wait: Duration::ZERO,
            random_wait: false,
            rates: Rates::default(),
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

impl Rate {
    /// The time between the starts of the first and the last of so many `links`.
    fn time_of(&self, links: u64) -> Duration {
        times(self.time, links.saturating_sub(1) / u64::from(self.starts))
    }
}

/// Rates that all hold at once, such as 3 starts a second and 60 in 10 minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rates([Option<Rate>; MOST_RATES]);

/// The most rates of one host.
const MOST_RATES: usize = 3;

impl Rates {
    /// Each of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Rate> {
        self.0.iter().flatten().copied()
    }

    /// Adds a rate.
    ///
    /// # Errors
    ///
    /// If there are too many.
    fn add(&mut self, rate: Rate) -> Result<(), String> {
        let free = self.0.iter_mut().find(|known| known.is_none());
        let free = free.ok_or_else(|| format!("more than {MOST_RATES} rates"))?;
        *free = Some(rate);
        Ok(())
    }

    /// These and the `others`, as many as there may be.
    fn with(mut self, others: Self) -> Self {
        for rate in others.iter() {
            // built-in ones are at most two, and a user has one for all hosts
            let _ = self.add(rate);
        }
        self
    }

    /// These, or the `others` if there are none.
    fn or(self, others: Self) -> Self {
        if self == Self::default() {
            others
        } else {
            self
        }
    }
}

impl From<Option<Rate>> for Rates {
    fn from(rate: Option<Rate>) -> Self {
        Self([rate, None, None])
    }
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
    /// Which hosts share their limits.
    pub(crate) companions: Companions,
}

impl HostPolicies {
    /// The host with whose links those of the host `name` are counted: itself, unless it shares the limits of another one, and the
    /// user has set none for it.
    pub(super) fn counted_as<'a>(&'a self, name: &'a str) -> &'a str {
        if self.hosts.contains_key(name) {
            return name;
        }
        self.companions.leader(name)
    }

    /// The limits of the host `name`, in the form of `host::name_of`.
    pub fn of(&self, name: &str) -> HostPolicy {
        let name = self.counted_as(name);
        let mut policy = self.default;
        if !self.per_host_explicit && is_loopback(name) {
            policy.per_host = 0;
        }
        if let Some(limits) = self.hosts.get(name) {
            policy.per_host = limits.per_host.unwrap_or(policy.per_host);
            policy.wait = limits.wait.unwrap_or(policy.wait);
            policy.rates = limits.rates.or(policy.rates);
            return policy;
        }
        let mut known = BUILTIN_HOST_POLICIES.iter();
        if let Some((_, text)) = known.find(|(host, _)| *host == name) {
            let limits = limits(text).expect("a test reads all of them");
            policy.per_host = limits.per_host.unwrap_or(policy.per_host);
            policy.wait = policy.wait.max(limits.wait.unwrap_or_default());
            policy.rates = limits.rates.with(policy.rates);
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
    rates: Rates,
}

impl HostOverride {
    /// These limits, and where there is none, that of `other`.
    pub(crate) fn or(self, other: &Self) -> Self {
        Self {
            name: self.name,
            per_host: self.per_host.or(other.per_host),
            wait: self.wait.or(other.wait),
            rates: self.rates.or(other.rates),
        }
    }
}

impl FromStr for HostOverride {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, text) = text.rsplit_once(':').ok_or(HOST_FORM)?;
        Ok(Self {
            name: host::parse(name).ok_or(host::FORM)?,
            ..limits(text)?
        })
    }
}

/// What limits of a host look like.
const HOST_FORM: &str =
    "expected a host and its limits, such as `example.org:per-host=2,wait=1s,rate=5/15s`";

/// The limits in `text`, without the name of their host.
fn limits(text: &str) -> Result<HostOverride, String> {
    let mut policy = HostOverride::default();
    for limit in text.split(',') {
        match limit.split_once('=').ok_or(HOST_FORM)? {
            ("per-host", value) => policy.per_host = Some(value.parse().map_err(|_| HOST_FORM)?),
            ("wait", value) => policy.wait = Some(duration(value)?),
            ("rate", value) => policy.rates.add(value.parse()?)?,
            (other, _) => {
                let known = "`per-host`, `wait` and `rate`";
                return Err(format!("unknown limit `{other}`: the limits are {known}"));
            }
        }
    }
    Ok(policy)
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "expected a number of starts and a time, such as `5/15s` or `5/s`";
        let (starts, time) = text.split_once('/').ok_or(FORM)?;
        let starts: u32 = starts.parse().map_err(|_| FORM)?;
        // curl has `5/s`
        let is_unit = time.starts_with(|c: char| c.is_ascii_alphabetic());
        let time = format!("{}{time}", if is_unit { "1" } else { "" });
        let time = duration(&time).map_err(|_| match time_meant(&time) {
            Some(meant) => format!("{FORM}: write `{starts}/{meant}`"),
            None => FORM.to_owned(),
        })?;
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
    let (number, unit) = number_and_unit(text);
    let form = || match time_meant(text) {
        Some(meant) => format!("{FORM}: write `{meant}`"),
        None => FORM.to_owned(),
    };
    let unit = match unit {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err(form()),
    };
    let seconds = unit * number.parse::<f64>().map_err(|_| form())?;
    if seconds > LONGEST {
        return Err("longer than 10 years".to_owned());
    }
    Ok(Duration::from_secs_f64(seconds))
}

fn number_and_unit(text: &str) -> (&str, &str) {
    let is_unit = |c: char| !c.is_ascii_digit() && c != '.';
    text.split_at(text.find(is_unit).unwrap_or(text.len()))
}

/// The time that is meant by `5sec`, `1 min` or `1d`.
fn time_meant(text: &str) -> Option<String> {
    let (number, unit) = number_and_unit(text);
    let number: f64 = number.parse().ok()?;
    let (factor, unit) = match unit.trim().to_ascii_lowercase().as_str() {
        "msec" | "millis" | "milliseconds" => (1.0, "ms"),
        "s" | "sec" | "secs" | "second" | "seconds" => (1.0, "s"),
        "m" | "min" | "mins" | "minute" | "minutes" => (1.0, "m"),
        "h" | "hr" | "hrs" | "hour" | "hours" => (1.0, "h"),
        "d" | "day" | "days" => (24.0, "h"),
        _ => return None,
    };
    Some(format!("{}{unit}", number * factor))
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
                policies.of("arxiv.org").rates
            ),
            (1, Some("1/3s".parse().expect("a rate")).into())
        );
        policies.hosts.insert(limits.name.clone(), limits);
        let limits = policies.of("arxiv.org");
        assert_eq!((limits.per_host, limits.wait), (2, Duration::ZERO));
        assert_eq!(limits.rates, Some("5/15s".parse().expect("a rate")).into());
        assert_eq!(policies.of("example.org").per_host, DEFAULT_PER_HOST);
    }

    #[test]
    fn hosts_that_share_their_limits_are_counted_as_one() {
        let mut policies = HostPolicies::default();
        let export = policies.of("export.arxiv.org");
        assert_eq!(export, policies.of("arxiv.org"));
        assert_eq!(policies.counted_as("export.arxiv.org"), "arxiv.org");
        let own: HostOverride = "export.arxiv.org:wait=1s".parse().expect("limits");
        policies.hosts.insert(own.name.clone(), own);
        assert_eq!(policies.counted_as("export.arxiv.org"), "export.arxiv.org");
        for (host, text) in BUILTIN_HOST_POLICIES {
            assert!(limits(text).is_ok(), "{host}");
            assert_eq!(policies.counted_as(host), host);
        }
    }

    #[test]
    fn limits_of_all_hosts_hold_besides_builtin_ones() {
        let rate = |text: &str| text.parse::<Rate>().expect("a rate");
        let mut policies = HostPolicies::default();
        policies.default.rates = Some(rate("1/10s")).into();
        let rates = policies.of("zenodo.org").rates;
        assert!(rates.iter().eq(["60/1m", "2000/1h", "1/10s"].map(rate)));
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
    fn limits_say_how_long_links_take_at_least() {
        for (limits, links, seconds, shown) in [
            ("wait=0", 9, 0, ", 8 at once"),
            ("per-host=0", 9, 0, ""),
            ("wait=1s", 0, 0, " at one a second"),
            ("wait=1.5s", 5, 6, " at one every 1.5 s"),
            ("rate=4/10s", 4, 0, " at 4 every 10 s"),
            ("rate=4/10s", 5, 10, " at 4 every 10 s"),
            ("rate=4/10s,wait=3s", 5, 12, " at one every 3 s"),
            ("rate=4/10s,wait=1s", 4, 3, " at 4 every 10 s"),
            ("rate=3/1s,rate=60/10m", 7, 2, " at 60 every 600 s"),
            ("rate=3/1s,rate=60/10m", 61, 600, " at 60 every 600 s"),
        ] {
            let limits: HostOverride = format!("a:{limits}").parse().expect("limits");
            let hosts = HashMap::from([("a".to_owned(), limits)]);
            let policy = HostPolicies {
                hosts,
                ..HostPolicies::default()
            };
            let policy = policy.of("a");
            assert_eq!(policy.least_time(links), Duration::from_secs(seconds));
            assert_eq!(policy.to_string(), shown);
        }
        let slow = HostPolicy {
            wait: Duration::from_secs(u64::MAX),
            ..HostPolicy::default()
        };
        assert_eq!(slow.least_time(u64::MAX), Duration::MAX);
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
            "a.b:rate=1/1s,rate=1/1s,rate=1/1s,rate=1/1s",
            "a.b:per-host=x",
            "a.b:80:per-host=1",
            "http://a.b:per-host=1",
            "a b:per-host=1",
        ] {
            assert!(text.parse::<HostOverride>().is_err(), "{text}");
        }
    }
}
