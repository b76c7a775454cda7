//! What a host says of its limits besides `Retry-After`, in the headers of its responses.
//!
//! | headers | whose |
//! | --- | --- |
//! | `X-Rate-Limit-Limit`, `X-Rate-Limit-Interval`, `X-Concurrency-Limit` | Crossref: <https://www.crossref.org/documentation/retrieve-metadata/rest-api/access-and-authentication/> |
//! | `X-RateLimit-Remaining`, `X-RateLimit-Reset` | Zenodo and many others: <https://developers.zenodo.org/#rate-limiting> |
//! | `CR-TDM-Rate-Limit-Remaining`, `CR-TDM-Rate-Limit-Reset` | publishers: <https://www.crossref.org/documentation/retrieve-metadata/rest-api/text-and-data-mining/> |
//!
//! A time of reset is in seconds since 1970, in milliseconds, or in seconds from now: each has been seen.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{HeaderMap, HeaderName};

use crate::queue::Told;
use crate::queue::policy::{Rate, duration};

/// The headers that say how many requests are left, and when there are more again.
const LEFT: [(&str, &str); 3] = [
    ("cr-tdm-rate-limit-remaining", "cr-tdm-rate-limit-reset"),
    ("x-ratelimit-remaining", "x-ratelimit-reset"),
    ("x-rate-limit-remaining", "x-rate-limit-reset"),
];

/// How the names of all of them begin: nearly all responses have none, and a glance tells.
const BEGINNINGS: [&str; 3] = ["x-rate", "x-concurrency", "cr-tdm-rate"];

/// The longest pause for that.
const LONGEST: Duration = Duration::from_hours(1);

/// More requests in a time are no limit.
const MOST: u32 = 10_000;

/// Numbers from this on are seconds since 1970, and from the second one on milliseconds.
const SECONDS: u64 = 100_000_000;
const MILLISECONDS: u64 = 100_000_000_000;

/// What the headers of a response say; none if they say nothing.
pub(super) fn told(headers: &HeaderMap, now: SystemTime) -> Option<Told> {
    let is_one = |name: &HeaderName| {
        let name = name.as_str();
        BEGINNINGS
            .iter()
            .any(|beginning| name.starts_with(beginning))
    };
    if !headers.keys().any(is_one) {
        return None;
    }
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    let number = |name: &str| text(name)?.parse::<u64>().ok();
    let rate = || {
        let starts = u32::try_from(number("x-rate-limit-limit")?).ok()?;
        let time = duration(text("x-rate-limit-interval")?).ok()?;
        let is_limit = (1..=MOST).contains(&starts) && !time.is_zero();
        is_limit.then_some(Rate { starts, time })
    };
    let at_once = || {
        u32::try_from(number("x-concurrency-limit")?)
            .ok()
            .filter(|most| *most > 0)
    };
    let pause = |(left, reset): &(&str, &str)| {
        number(left).filter(|left| *left == 0)?;
        let reset = number(reset)?;
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let pause = match reset {
            MILLISECONDS.. => Duration::from_millis(reset).saturating_sub(now),
            SECONDS.. => Duration::from_secs(reset).saturating_sub(now),
            _ => Duration::from_secs(reset),
        };
        Some(pause.min(LONGEST))
    };
    let told = Told {
        rate: rate(),
        at_once: at_once(),
        pause: LEFT.iter().find_map(pause),
    };
    (told != Told::default()).then_some(told)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn headers_say_limits() {
        let now = UNIX_EPOCH + Duration::from_secs(1_542_295_990);
        let told = |fields: &[(&'static str, &'static str)]| {
            let fields = fields.iter();
            let fields = fields.map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            });
            told(&fields.collect(), now)
        };
        let crossref = [
            ("x-rate-limit-limit", "5"),
            ("x-rate-limit-interval", "1s"),
            ("x-concurrency-limit", "3"),
        ];
        let rate = Rate {
            starts: 5,
            time: Duration::from_secs(1),
        };
        let expected = Told {
            rate: Some(rate),
            at_once: Some(3),
            pause: None,
        };
        assert_eq!(told(&crossref), Some(expected));
        for (reset, seconds) in [
            ("1542295993263", 3),
            ("1542295995", 5),
            ("7", 7),
            ("99999999999999", 3600),
        ] {
            for (left, name) in [
                ("cr-tdm-rate-limit-remaining", "cr-tdm-rate-limit-reset"),
                ("x-ratelimit-remaining", "x-ratelimit-reset"),
            ] {
                let pause = told(&[(left, "0"), (name, reset)]).and_then(|told| told.pause);
                assert_eq!(pause.map(|pause| pause.as_secs()), Some(seconds), "{reset}");
                assert_eq!(told(&[(left, "1"), (name, reset)]), None);
            }
        }
        for nothing in [
            &[("x-rate-limit-limit", "5")][..],
            &[("x-rate-limit-limit", "0"), ("x-rate-limit-interval", "1s")],
            &[("x-concurrency-limit", "0")],
            &[
                ("x-ratelimit-remaining", "0"),
                ("x-ratelimit-reset", "soon"),
            ],
        ] {
            assert_eq!(told(nothing), None, "{nothing:?}");
        }
    }
}
