//! A segment of a journal: some of its lines, compressed with Zstandard, as an object.
//!
//! Its name is that of the run that wrote it, its shard, and a number: `20261126T220816123456Z5f3a9c01-3of8-000001.jsonl.zst`. Names
//! sort by the time at which runs began, and no two runs have the same ones.

use std::io::{self, Read};
use std::time::SystemTime;

use ruzstd::encoding::{CompressionLevel, compress};

use crate::links::decompressed;

/// How much of a journal a segment has before the next one begins, in bytes: about ten thousand records, which are
/// compressed in some tens of milliseconds. A journal of a million records has about 200 segments.
pub(super) const FULL: u64 = 4 * 1024 * 1024;

/// How large a segment may be, in bytes. Records shrink to less than a tenth.
pub(super) const LARGEST_OBJECT: u64 = FULL;

/// How a segment begins (RFC 8878, section 3.1.1).
const ZSTANDARD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

const ENDING: &str = ".jsonl.zst";

/// The segments of one run.
#[derive(Debug)]
pub(super) struct Names {
    run: String,
    /// Such as `3of8`.
    shard: String,
}

impl Names {
    /// Those of a run that begins now, of a `shard` such as `3of8`.
    pub(super) fn new(shard: String) -> Self {
        let now = humantime::format_rfc3339_micros(SystemTime::now()).to_string();
        let now: String = now
            .chars()
            .filter(|c| !matches!(c, '-' | ':' | '.'))
            .collect();
        // several machines may begin at once
        let run = format!("{now}{:08x}", fastrand::u32(..));
        Self { run, shard }
    }

    /// The name of a segment, which are numbered from 1.
    pub(super) fn name(&self, number: u32) -> String {
        format!("{}-{}-{number:06}{ENDING}", self.run, self.shard)
    }
}

/// Whether an object of this name may be a segment.
pub(super) fn is_segment(name: &str) -> bool {
    let parts = name.strip_suffix(ENDING).map(|name| name.split('-'));
    let are_words =
        |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric());
    parts.is_some_and(|mut parts| {
        parts.clone().count() == 3
            && parts.clone().all(are_words)
            && parts
                .next_back()
                .is_some_and(|number| number.parse::<u32>().is_ok())
    })
}

/// The segment that has these `lines`.
///
/// # Errors
///
/// When they cannot be read.
pub(super) fn compressed(lines: impl Read) -> io::Result<Vec<u8>> {
    let (mut segment, mut failed) = (Vec::new(), None);
    let lines = Fallible {
        lines,
        failed: &mut failed,
    };
    compress(lines, &mut segment, CompressionLevel::Fastest);
    failed.map_or(Ok(segment), Err)
}

/// Lines for an encoder that does not expect them to fail: they end where they do.
struct Fallible<'a, R> {
    lines: R,
    failed: &'a mut Option<io::Error>,
}

impl<R: Read> Read for Fallible<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.lines.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    *self.failed = Some(error);
                    return Ok(0);
                }
                read => return read,
            }
        }
    }
}

/// The lines of a segment.
///
/// # Errors
///
/// When it is not whole, not Zstandard, or larger than any segment.
pub(super) fn lines_of(segment: Vec<u8>) -> io::Result<Vec<u8>> {
    let invalid = |message: &str| io::Error::new(io::ErrorKind::InvalidData, message);
    if !segment.starts_with(ZSTANDARD) {
        return Err(invalid("it is not compressed with Zstandard"));
    }
    let source = decompressed(Box::new(io::Cursor::new(segment)))?;
    let mut lines = Vec::new();
    source.take(FULL + 1).read_to_end(&mut lines)?;
    if lines.len() as u64 > FULL {
        return Err(invalid("it has more lines than any segment"));
    }
    if !lines.ends_with(b"\n") {
        return Err(invalid("it is not whole"));
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_tell_segments_from_other_objects() {
        let names = Names::new("3of8".to_owned());
        assert!(names.name(1) < names.name(2) && names.name(2) < names.name(10));
        assert!(
            [1, 999_999, u32::MAX]
                .into_iter()
                .all(|n| is_segment(&names.name(n)))
        );
        for name in [
            "",
            ".jsonl.zst",
            "a-b.jsonl.zst",
            "a-b-c.jsonl.zst",
            "a-b-1-2.jsonl.zst",
            "a--1.jsonl.zst",
            "a/b-c-1.jsonl.zst",
            "a-b-1.jsonl",
        ] {
            assert!(!is_segment(name), "{name}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_segment_has_the_lines_that_it_was_made_of(
            lines in prop::collection::vec("[ -~]{0,200}\n", 1..80), times in 1..40usize,
            at in any::<prop::sample::Index>(), bit in 0..8u8,
        ) {
            let lines = lines.concat().repeat(times).into_bytes();
            let segment = compressed(&lines[..]).expect("it can be read");
            prop_assert_eq!(&lines_of(segment.clone()).expect("it is whole"), &lines);
            let torn = at.index(segment.len());
            prop_assert!(lines_of(segment[..torn].to_vec()).is_err());
            let mut damaged = segment;
            damaged[torn] ^= 1 << bit;
            if let Ok(read) = lines_of(damaged) {
                prop_assert_eq!(read, lines);
            }
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = lines_of([&[0x28, 0xb5, 0x2f, 0xfd], &bytes[..]].concat());
        }
    }
}
