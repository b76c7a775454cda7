//! How long a list is, for those who watch it being worked off.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::sync::Arc;

use super::{Context, Input, Links, Options, format};

/// A list that is larger, in bytes, takes noticeable time to read twice.
const LARGEST: u64 = 256 * 1024 * 1024;

/// How many links `inputs` hold, by a quick look at their lines; none if that cannot be said before reading them.
pub(crate) fn count(inputs: &[Input], options: &Arc<Options>) -> Option<u64> {
    inputs
        .iter()
        .map(|input| match input {
            Input::Url(_) => Some(1),
            Input::Stdin => None,
            Input::List(path) => count_list(path, input, options),
        })
        .sum()
}

fn count_list(path: &Path, input: &Input, options: &Arc<Options>) -> Option<u64> {
    if !path
        .metadata()
        .is_ok_and(|list| list.is_file() && list.len() <= LARGEST)
    {
        return None;
    }
    let open = || Some(BufReader::with_capacity(256 * 1024, File::open(path).ok()?));
    let context = Context::new("".into(), Arc::clone(options));
    if options.only.is_none() && format::is_plain(Box::new(open()?), &context) {
        return count_lines(open()?);
    }
    let links = Links::open(std::slice::from_ref(input), options).ok()?;
    Some(links.take_while(Result::is_ok).count() as u64)
}

/// The lines that are neither blank nor comments.
fn count_lines(mut reader: impl BufRead) -> Option<u64> {
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
