//! The `Content-Range` header of a partial response (RFC 9110 section 14.4).

/// Which part of a file a response holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ContentRange {
    /// The first and the last byte; none if the requested range is past the end of the file.
    pub(super) bytes: Option<(u64, u64)>,
    /// The length of the file, if known.
    pub(super) total: Option<u64>,
}

impl ContentRange {
    /// Parses the value of the header. None if it is invalid or its unit is not bytes.
    pub(super) fn parse(value: &str) -> Option<Self> {
        let (unit, range) = value.trim().split_once(' ')?;
        let (range, total) = range.trim().split_once('/')?;
        let bytes = match range.split_once('-') {
            Some((first, last)) => Some((number(first)?, number(last)?)),
            None if range == "*" => None,
            None => return None,
        };
        let total = match total {
            "*" => None,
            total => Some(number(total)?),
        };
        let valid = bytes.map_or(total.is_some(), |(first, last)| {
            first <= last && total.is_none_or(|total| last < total)
        });
        (valid && unit.eq_ignore_ascii_case("bytes")).then_some(Self { bytes, total })
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
    fn ranges_that_are_invalid_by_the_rfc_are_rejected() {
        let range = |bytes, total| Some(ContentRange { bytes, total });
        let bytes = |first, last, total| range(Some((first, last)), total);
        for (value, expected) in [
            ("bytes 42-1233/1234", bytes(42, 1233, Some(1234))),
            ("Bytes 0-0/*", bytes(0, 0, None)),
            ("bytes */1234", range(None, Some(1234))),
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
        fn any_value_is_parsed_without_panic(value in ".*") {
            let _ = ContentRange::parse(&value);
        }

        #[test]
        fn a_written_range_is_read_back(first: u64, more in 0..1000u64, rest in 1..1000u64) {
            let first = first / 2;
            let (last, total) = (first + more, first + more + rest);
            let read = ContentRange::parse(&format!("bytes {first}-{last}/{total}"));
            prop_assert_eq!(read, Some(ContentRange { bytes: Some((first, last)), total: Some(total) }));
        }
    }
}
