//! The `Content-Range` field of a partial answer (RFC 9110 section 14.4).

/// What part of a file an answer holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ContentRange {
    /// These bytes, the last one included, of so many if that is said.
    Bytes {
        first: u64,
        last: u64,
        total: Option<u64>,
    },
    /// None, because the file has only so many.
    Unsatisfied { total: u64 },
}

impl ContentRange {
    /// Reads the value of the field; none if it is invalid or in another unit than bytes.
    pub(super) fn parse(value: &str) -> Option<Self> {
        let (unit, range) = value.trim().split_once(' ')?;
        let (range, total) = range.trim().split_once('/')?;
        if !unit.eq_ignore_ascii_case("bytes") {
            return None;
        }
        if range == "*" {
            return Some(Self::Unsatisfied {
                total: number(total)?,
            });
        }
        let (first, last) = range.split_once('-')?;
        let (first, last) = (number(first)?, number(last)?);
        let total = if total == "*" {
            None
        } else {
            Some(number(total)?)
        };
        let valid = first <= last && total.is_none_or(|total| last < total);
        valid.then_some(Self::Bytes { first, last, total })
    }
}

/// Digits only: no sign, no space.
fn number(text: &str) -> Option<u64> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_the_rfc_calls_invalid_is_nothing() {
        let bytes = |first, last, total| Some(ContentRange::Bytes { first, last, total });
        for (value, expected) in [
            ("bytes 42-1233/1234", bytes(42, 1233, Some(1234))),
            ("Bytes 0-0/*", bytes(0, 0, None)),
            (
                "bytes */1234",
                Some(ContentRange::Unsatisfied { total: 1234 }),
            ),
            ("bytes 5-4/10", None),
            ("bytes 0-10/10", None),
            ("bytes */*", None),
            ("bytes 0-9", None),
            ("bytes=0-9/10", None),
            ("items 0-9/10", None),
            ("bytes +0-9/10", None),
            ("bytes 0-99999999999999999999/*", None),
        ] {
            assert_eq!(ContentRange::parse(value), expected, "{value}");
        }
    }

    proptest! {
        #[test]
        fn any_value_is_read(value in ".*") {
            let _ = ContentRange::parse(&value);
        }

        #[test]
        fn a_written_range_is_read_back(first: u64, more in 0..1000u64, rest in 1..1000u64) {
            let first = first / 2;
            let (last, total) = (first + more, first + more + rest);
            let read = ContentRange::parse(&format!("bytes {first}-{last}/{total}"));
            prop_assert_eq!(read, Some(ContentRange::Bytes { first, last, total: Some(total) }));
        }
    }
}
