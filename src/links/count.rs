//! How long a list is, for those who watch it being worked off.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use super::Input;

/// How many links `inputs` hold, by a quick look at their lines; none if that cannot be said before reading them.
#[must_use]
pub fn count(inputs: &[Input]) -> Option<u64> {
    inputs
        .iter()
        .map(|input| match input {
            Input::Url(_) => Some(1),
            Input::Stdin => None,
            Input::List(path) => count_lines(path),
        })
        .sum()
}

/// The lines of a list that are neither blank nor comments. A list that cannot be read twice, or is so large that
/// reading it twice takes noticeable time, is not counted.
fn count_lines(path: &Path) -> Option<u64> {
    const LARGEST: u64 = 256 * 1024 * 1024;
    if !path
        .metadata()
        .is_ok_and(|list| list.is_file() && list.len() <= LARGEST)
    {
        return None;
    }
    let mut reader = BufReader::with_capacity(256 * 1024, File::open(path).ok()?);
    let mut count = 0;
    let mut blank = true;
    loop {
        let buffer = reader.fill_buf().ok()?;
        let length = buffer.len();
        for line in buffer.split_inclusive(|byte| *byte == b'\n') {
            if blank {
                let text = line.trim_ascii_start();
                blank = text.is_empty();
                count += u64::from(!blank && !text.starts_with(b"#"));
            }
            if line.ends_with(b"\n") {
                blank = true;
            }
        }
        if length == 0 {
            return Some(count);
        }
        reader.consume(length);
    }
}
