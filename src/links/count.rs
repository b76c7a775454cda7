//! The number of links of a run, for the progress bar and for the number of links that a run has not reached.

use std::io::{self, BufRead, Read};
use std::path::Path;
use std::sync::Arc;

use super::compressed::Source;
use super::input::open_list;
use super::lines::Lines;
use super::plain::{self, Found};
use super::{Context, Input, Options, Seen, format};
use crate::shard::Selection;

/// The largest list, in bytes, that is counted: it takes noticeable time to read a larger one twice.
const LARGEST: u64 = 256 * 1024 * 1024;

/// The number of links of a `selection` in `inputs`, by a quick scan of their lines if that is all of them; `None` if that would take a pipe or too much time, or once it
/// `is_over`.
pub(crate) fn count(
    inputs: &[Input],
    options: &Arc<Options>,
    selection: Option<&Selection>,
    is_over: impl Fn() -> bool + Clone + Send + 'static,
) -> Option<u64> {
    let counts = inputs.iter().map(|input| match input {
        Input::Url(_) => selection.is_none().then_some(1),
        Input::Stdin => None,
        Input::List(path) | Input::Copied(_, path) => {
            count_list(path, options, selection.cloned(), &is_over)
        }
    });
    counts.sum()
}

/// What the list of `input` turns out to be, by reading it to its end; `None` if that would take a pipe or too much time.
pub(crate) fn survey(input: &Input, options: &Arc<Options>) -> Option<Arc<Seen>> {
    let Input::List(path) = input else {
        return None;
    };
    let list = path.metadata().ok()?;
    if !list.is_file() || list.len() > LARGEST {
        return None;
    }
    let name = path.to_string_lossy().into();
    let context = Context {
        tells: false,
        ..Context::new(name, Arc::clone(options))
    };
    let seen = Arc::clone(&context.seen);
    let mut links = format::open(open_list(path, false).ok()?, context).ok()?;
    links.by_ref().take_while(Result::is_ok).for_each(drop);
    Some(seen)
}

fn count_list(
    path: &Path,
    options: &Arc<Options>,
    selection: Option<Selection>,
    is_over: &(impl Fn() -> bool + Clone + Send + 'static),
) -> Option<u64> {
    let list = path.metadata().ok()?;
    // what is in sitemaps is not known before they are requested
    if !list.is_file() || list.len() > LARGEST || options.sitemap_depth > 0 {
        return None;
    }
    let open = || -> Option<Source> {
        let list = open_list(path, false).ok()?;
        let is_over = is_over.clone();
        Some(Box::new(Wanted { list, is_over }))
    };
    let mut context = Context::silent(Arc::clone(options));
    if options.only.is_none()
        && selection.is_none()
        && let Some(source) = format::plain_lines(open()?, &mut context)
    {
        return count_links(source, &context);
    }
    let links = format::open(open()?, context).ok()?.map_while(Result::ok);
    let count = match selection {
        Some(mut selection) => links.filter(|item| selection.has_item(item)).count(),
        None => links.count(),
    };
    (!is_over()).then_some(count as u64)
}

/// The number of links in a plain list, of which most are not parsed.
fn count_links(source: Source, context: &Context) -> Option<u64> {
    let mut found = Found::new();
    let mut count = 0;
    for line in Lines::new(source, context.clone()) {
        let (_, line) = line.ok()?;
        count += plain::count(&line, context, &mut found);
    }
    Some(count)
}

/// A list that cannot be read any further once nobody wants to know its length. A reader may skip millions of rows before its
/// next link, so that looking after each link is not enough.
struct Wanted<F> {
    list: Source,
    is_over: F,
}

impl<F: Fn() -> bool> BufRead for Wanted<F> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if (self.is_over)() {
            return Err(io::Error::other("nobody wants to know"));
        }
        self.list.fill_buf()
    }

    fn consume(&mut self, length: usize) {
        self.list.consume(length);
    }
}

impl<F: Fn() -> bool> Read for Wanted<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;
    use crate::shard::Companions;

    #[test]
    fn counts_the_links_of_a_compressed_list() {
        let list = "\u{feff}# papers\n\nhttp://a.example/1.pdf\nhttp://a.example/2.pdf".as_bytes();
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(list).expect("memory can be written");
        let compressed = encoder.finish().expect("memory can be written");
        for bytes in [list, &compressed] {
            let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
            file.write_all(bytes).expect("it can be written");
            let input = Input::List(file.path().to_owned());
            assert_eq!(
                count(std::slice::from_ref(&input), &Arc::default(), None, || {
                    false
                }),
                Some(2)
            );
            assert_eq!(count(&[input], &Arc::default(), None, || true), None);
        }
    }

    #[test]
    fn counts_the_links_of_each_shard() {
        let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
        for n in 0..40 {
            writeln!(file, "http://host-{n}.example/x.pdf").expect("it can be written");
        }
        writeln!(file, "not a link").expect("it can be written");
        let input = [Input::List(file.path().to_owned())];
        let count = |shard: &str| {
            let shard = shard.parse().expect("a shard");
            let selection = Selection::new(shard, Companions::default());
            count(&input, &Arc::default(), Some(&selection), || false).expect("a file is counted")
        };
        let counts = [count("1/3"), count("2/3"), count("3/3")];
        assert_eq!((count("1/1"), counts.iter().sum()), (41, 41));
        assert!(counts.iter().all(|count| *count < 30), "{counts:?}");
    }
}
