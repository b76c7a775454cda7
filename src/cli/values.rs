//! The values of options: counts, sizes and timeouts as people write them.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::builder::{PathBufValueParser, TypedValueParser};

use crate::queue::policy::duration;
use crate::store::DEFAULT_SIZE;

/// Numbers of links at once: one, except for `compare`.
#[derive(Debug, Clone)]
pub(super) struct Jobs(Vec<NonZeroUsize>);

impl Jobs {
    /// One number.
    pub(super) fn one(jobs: NonZeroUsize) -> Self {
        Self(vec![jobs])
    }

    /// All of them, in the order in which they were given.
    pub(super) fn all(&self) -> &[NonZeroUsize] {
        &self.0
    }
}

/// One number of links at once, as all commands but `compare` take it.
pub(super) fn one_jobs(text: &str) -> Result<Jobs, String> {
    jobs(text).map(Jobs::one)
}

/// Numbers of links at once, with commas between them.
pub(super) fn several_jobs(text: &str) -> Result<Jobs, String> {
    let numbers = text.split(',').map(|number| jobs(number.trim()));
    let numbers: Result<_, _> = numbers.collect();
    let several = |error| format!("{error}, or several, such as `1,4,16`");
    numbers.map(Jobs).map_err(several)
}

/// A number of links at once. More would only cost memory.
pub(super) fn jobs(text: &str) -> Result<NonZeroUsize, String> {
    const MAX: usize = 10_000;
    let jobs = text.parse().ok();
    let jobs = jobs.filter(|jobs: &NonZeroUsize| jobs.get() <= MAX);
    jobs.ok_or_else(|| format!("must be a number from 1 to {MAX}"))
}

/// A whole number, such as a count of retries.
pub(super) fn number<T: FromStr>(text: &str) -> Result<T, String> {
    let number = text.parse();
    number.map_err(|_| "must be a whole number, such as `5`".to_owned())
}

/// A number of bytes: `10000`, `64k`, `10M`, `1G`, in powers of 1,024.
pub(super) fn size(text: &str) -> Result<u64, String> {
    bytes(text).ok_or_else(|| {
        let form = "a size is a whole number and `k`, `M` or `G`, such as `64k` or `10M`";
        match size_meant(text) {
            Some(meant) if bytes(&meant).is_some() => format!("{form}: write `{meant}`"),
            Some(_) => "this is too large".to_owned(),
            None => form.to_owned(),
        }
    })
}

fn bytes(text: &str) -> Option<u64> {
    let (number, shift) = match text.as_bytes().last() {
        Some(b'k' | b'K') => (&text[..text.len() - 1], 10),
        Some(b'm' | b'M') => (&text[..text.len() - 1], 20),
        Some(b'g' | b'G') => (&text[..text.len() - 1], 30),
        _ => (text, 0),
    };
    let number: Option<u64> = number.parse().ok();
    number?.checked_mul(1 << shift)
}

/// The size that is meant by `1MB`, `1.5M`, `500K/s` or `1T`.
fn size_meant(text: &str) -> Option<String> {
    const UNITS: [&str; 4] = ["", "k", "M", "G"];
    let text = text.to_ascii_lowercase();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.');
    let (number, unit) = text.split_at(end.unwrap_or(text.len()));
    let mut number: f64 = number.parse().ok()?;
    let unit = unit.trim().trim_end_matches("/s").trim_end_matches('b');
    let mut power = ["", "k", "m", "g", "t"].iter().position(|letter| {
        let rest = unit.strip_prefix(letter);
        rest.is_some_and(|rest| rest.is_empty() || (rest == "i" && !letter.is_empty()))
    })?;
    while power > 0 && (power >= UNITS.len() || number.fract() != 0.0) {
        (number, power) = (number * 1024.0, power - 1);
    }
    Some(format!("{:.0}{}", number.ceil(), UNITS[power]))
}

/// The same as a limit, of which 0 is none.
pub(super) fn limit(text: &str) -> Result<u64, String> {
    size(text).map(|bytes| if bytes == 0 { u64::MAX } else { bytes })
}

/// The path of a file or folder that is written to. `-` is none, although it is standard output for other programs.
pub(super) fn written() -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().try_map(|path| {
        let is_path = path.as_os_str() != "-";
        is_path.then_some(path).ok_or(
            "standard output takes records and paths of files: `--json`, `--print paths`; a file of this name is `./-`",
        )
    })
}

/// The path of a file to write, or `-`. A file whose name has another ending is not replaced: whoever forgets the value, as in
/// `--html run.jsonl other.jsonl`, would lose it.
pub(super) fn written_as(ending: &'static str) -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().try_map(move |path| {
        let end = path.extension().unwrap_or_default();
        let is_other = !end.eq_ignore_ascii_case(ending) && path.as_os_str() != "-";
        let is_lost = is_other && path.is_file();
        (!is_lost).then_some(path).ok_or_else(|| {
            format!("this file is there, and would be replaced: name one that ends in `.{ending}`")
        })
    })
}

/// The size of tars: `tar` or `tar:256M`.
pub(super) fn tar_size(text: &str) -> Result<u64, String> {
    let form = || "expected `tar`, or `tar:` and a size, such as `tar:256M`".to_owned();
    match text.strip_prefix("tar").ok_or_else(form)? {
        "" => Ok(DEFAULT_SIZE),
        rest => match size(rest.strip_prefix(':').ok_or_else(form)?)? {
            0 => Err(form()),
            size => Ok(size),
        },
    }
}

/// A number of redirects. Each takes some bytes until its link ends.
pub(super) fn redirects(text: &str) -> Result<u16, String> {
    const MAX: u16 = 1000;
    let number = text.parse().ok().filter(|number| *number <= MAX);
    number.ok_or_else(|| format!("must be a number from 0 to {MAX}"))
}

/// A timeout; 0 means no limit.
pub(super) fn timeout(text: &str) -> Result<Duration, String> {
    duration(text).map(|time| if time.is_zero() { Duration::MAX } else { time })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        for (text, milliseconds) in [
            ("2", 2000),
            ("0.5", 500),
            ("500ms", 500),
            ("2s", 2000),
            ("1m", 60_000),
            ("0", 0),
        ] {
            assert_eq!(
                duration(text),
                Ok(Duration::from_millis(milliseconds)),
                "{text}"
            );
        }
        for text in [
            "",
            "s",
            "-1",
            "1d",
            "1 s",
            ".",
            "1e3",
            "99999999999999999999999",
        ] {
            assert!(duration(text).is_err(), "{text}");
        }
        assert_eq!(timeout("0"), Ok(Duration::MAX));
    }

    #[test]
    fn sizes_are_powers_of_1024() {
        for (text, bytes) in [
            ("10000", 10_000),
            ("64k", 65_536),
            ("10M", 10 << 20),
            ("1G", 1 << 30),
            ("0", 0),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in [
            "",
            "k",
            "-1",
            "1.5M",
            "1T",
            "1kb",
            "99999999999999999999",
            "18446744073709551615G",
        ] {
            assert!(size(text).is_err(), "{text}");
        }
        for (text, meant) in [
            ("1MB", "1M"),
            ("1.5M", "1536k"),
            ("500KiB/s", "500k"),
            ("2 T", "2048G"),
            ("0.3", "1"),
        ] {
            assert_eq!(size_meant(text).as_deref(), Some(meant), "{text}");
        }
        for text in ["", "M", "1Mbit", "10kbps", "1.1.1", "-1", "100%"] {
            assert_eq!(size_meant(text), None, "{text}");
        }
    }
}
