//! Link lists: text in, links out, one at a time and only when asked.
//!
//! Owns what a list looks like and where each link stands in it; knows nothing of HTTP or of the files that are written.

mod ahead;
mod aria2;
mod columns;
mod compressed;
mod count;
mod csv;
mod format;
mod html;
mod json;
mod only;
mod plain;
mod text;

use std::fs::File;
use std::io::{self, BufReader};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use url::Url;

use crate::digest::fingerprint;
use crate::link::{BadLink, Details, Link, SourceLine};
use crate::text::{printable, shown};
pub(crate) use ahead::Ahead;
pub(crate) use columns::Columns;
pub(crate) use count::count;
pub(crate) use format::Format;
pub(crate) use only::Only;

/// Where links come from, as named on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A file with links.
    List(PathBuf),
    /// Standard input, in the same formats.
    Stdin,
    /// One link.
    Url(String),
}

impl Input {
    /// Whether reading it may mean to wait for somebody who writes it.
    pub fn may_wait(&self) -> bool {
        match self {
            Self::Url(_) => false,
            Self::Stdin => true,
            Self::List(path) => !path.metadata().is_ok_and(|list| list.is_file()),
        }
    }
}

impl FromStr for Input {
    type Err = std::convert::Infallible;

    /// `-` is standard input, what has a scheme is a link, anything else is the path of a list.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "-" => Self::Stdin,
            link if link.contains("://") => Self::Url(link.to_owned()),
            path => Self::List(path.into()),
        })
    }
}

/// How lists are read.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// What kind of list they are.
    pub format: Format,
    /// Whether links are looked for in text, Markdown and HTML.
    pub extract: bool,
    /// Whether all of these are wanted, and not only those that end in `.pdf`.
    pub all_links: bool,
    /// What relative links in text and HTML are relative to.
    pub base: Option<Url>,
    /// Which columns of tables mean what.
    pub columns: Columns,
    /// Which records of an earlier run are links again; none for all.
    pub only: Option<Only>,
}

/// All links of several inputs, one after the other.
pub struct Links {
    inputs: std::vec::IntoIter<(Arc<str>, OpenInput)>,
    current: Option<format::Reader>,
    options: Arc<Options>,
}

/// An input that can be read.
enum OpenInput {
    List(compressed::Source),
    Argument(String, u64),
}

impl Links {
    /// Opens every input, and reads none.
    ///
    /// # Errors
    ///
    /// When a list cannot be opened: the error names it.
    pub fn open(inputs: &[Input], options: &Arc<Options>) -> io::Result<Self> {
        let open = |(number, input): (u64, &Input)| {
            Ok(match input {
                Input::List(path) => {
                    let source = path.display().to_string();
                    let file = open_list(path).map_err(|error| {
                        let message = format!("cannot read the list `{source}`: {error}");
                        io::Error::new(error.kind(), message)
                    })?;
                    let reader = BufReader::with_capacity(64 * 1024, file);
                    (source.into(), OpenInput::List(Box::new(reader)))
                }
                Input::Stdin => (
                    "stdin".into(),
                    OpenInput::List(Box::new(BufReader::new(io::stdin()))),
                ),
                Input::Url(link) => ("argument".into(), OpenInput::Argument(link.clone(), number)),
            })
        };
        let inputs: Vec<_> = (1..).zip(inputs).map(open).collect::<io::Result<_>>()?;
        Ok(Self {
            inputs: inputs.into_iter(),
            current: None,
            options: Arc::clone(options),
        })
    }
}

impl Iterator for Links {
    /// A list that breaks off is an error of the run; a line that is no link is not.
    type Item = io::Result<Result<Link, BadLink>>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.current.as_mut().map(Iterator::next) {
                // what follows in a list that breaks off cannot be trusted
                Some(Some(Err(error))) => {
                    self.current = None;
                    return Some(Err(error));
                }
                Some(Some(link)) => return Some(link),
                Some(None) | None => {}
            }
            let (source, opened) = self.inputs.next()?;
            let context = Context::new(source, Arc::clone(&self.options));
            self.current = match opened {
                OpenInput::Argument(link, number) => {
                    let link = plain::link(link.as_bytes(), number, &context);
                    Some(Box::new(link.map(Ok).into_iter()))
                }
                OpenInput::List(source) => match format::open(source, context) {
                    Ok(reader) => Some(reader),
                    Err(error) => return Some(Err(error)),
                },
            };
        }
    }
}

/// What the readers of all formats need to know.
#[derive(Debug, Clone)]
struct Context {
    source: Arc<str>,
    options: Arc<Options>,
    base: Option<Url>,
}

impl Context {
    fn new(source: Arc<str>, options: Arc<Options>) -> Self {
        Self {
            source,
            base: options.base.clone(),
            options,
        }
    }

    /// The link that is `found` in `text`.
    fn link(
        &self,
        line: u64,
        text: &[u8],
        found: Result<(String, Details), String>,
    ) -> Result<Link, BadLink> {
        let source_line = SourceLine {
            source: Arc::clone(&self.source),
            line,
        };
        let parsed = found.and_then(|(url, details)| Ok((parse_url(url.trim())?, details)));
        match parsed {
            Ok((url, details)) => Ok(Link {
                source_line,
                id: fingerprint(&shown(&url)),
                url,
                details: (details != Details::default()).then(|| Box::new(details)),
            }),
            Err(problem) => Err(BadLink {
                source_line,
                text: excerpt(text.trim_ascii()),
                problem,
            }),
        }
    }

    /// The link that `target` is in a text or a page, if it is one that is wanted; one that is `said` to be a PDF always is.
    fn extracted(&self, line: u64, target: &str, said: bool) -> Option<Result<Link, BadLink>> {
        let target = target.trim();
        let url = match (Url::parse(target), &self.base) {
            (Ok(url), _) => Some(url),
            (Err(_), Some(base)) => base.join(target).ok(),
            (Err(_), None) => None,
        };
        let path = url.as_ref().map_or_else(
            || target.split(['?', '#']).next().unwrap_or_default(),
            Url::path,
        );
        let is_pdf =
            path.len() >= 4 && path.as_bytes()[path.len() - 4..].eq_ignore_ascii_case(b".pdf");
        let is_fetchable = url
            .as_ref()
            .is_none_or(|url| matches!(url.scheme(), "http" | "https"));
        if target.starts_with('#') || !is_fetchable || !(is_pdf || said || self.options.all_links) {
            return None;
        }
        let found = match url {
            _ if target.contains(char::REPLACEMENT_CHARACTER) => {
                Err("the link is not UTF-8 text".to_owned())
            }
            Some(url) => Ok((url.into(), Details::default())),
            None if target.contains("://") => Err("not a URL".to_owned()),
            None => Err("a relative link: `--base` says what it is relative to".to_owned()),
        };
        Some(self.link(line, target.as_bytes(), found))
    }

    /// The error that the list breaks off after `line`.
    fn broken(&self, line: u64, error: &io::Error) -> io::Error {
        let message = match line {
            0 => format!("cannot read `{}`: {error}", self.source),
            line => format!(
                "cannot read on in `{}` after line {line}: {error}",
                self.source
            ),
        };
        io::Error::new(error.kind(), message)
    }
}

fn parse_url(text: &str) -> Result<Url, String> {
    let mut url = match Url::parse(text) {
        Ok(url) => url,
        Err(error) if text.contains("://") => return Err(format!("not a URL: {error}")),
        Err(_) => return Err("not a URL: a link begins with `http://` or `https://`".to_owned()),
    };
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!(
            "only `http` and `https` links are fetched, not `{}`",
            url.scheme()
        ));
    }
    url.set_fragment(None);
    Ok(url)
}

/// The beginning of a line, fit for a message. A password in it is not shown.
fn excerpt(text: &[u8]) -> String {
    const LONGEST: usize = 80;
    let text = String::from_utf8_lossy(&text[..text.len().min(4 * LONGEST)]);
    let text = match (text.find("://"), text.rfind('@')) {
        (Some(scheme), Some(at)) if scheme < at => {
            format!("{}…{}", &text[..scheme + 3], &text[at..])
        }
        // what stands before it may be a password, too
        (_, Some(at)) => format!("…{}", &text[at..]),
        _ => text.into_owned(),
    };
    let short: String = text.chars().take(LONGEST).collect();
    let cut = if short.len() < text.len() { "…" } else { "" };
    printable(&short) + cut
}

fn open_list(path: &PathBuf) -> io::Result<File> {
    let file = File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(io::Error::new(
            io::ErrorKind::IsADirectory,
            "it is a folder",
        ));
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::line::LONGEST_LINE;

    fn lines(text: &[u8]) -> Vec<Result<Link, BadLink>> {
        let reader = BufReader::with_capacity(7, io::Cursor::new(text.to_vec()));
        let options = Options {
            format: Format::Plain,
            ..Options::default()
        };
        let context = Context::new("list".into(), Arc::new(options));
        format::open(Box::new(reader), context)
            .expect("memory can be read")
            .map(|line| line.expect("memory can be read"))
            .collect()
    }

    #[test]
    fn blank_lines_and_comments_are_skipped_and_counted() {
        let found = lines(b"\xef\xbb\xbf# papers\r\n\r\n  http://a.example/1.pdf#page=2 \r\n\t\nhttps://b.example/2.pdf");
        let found: Vec<_> = found
            .into_iter()
            .map(|link| link.expect("a link"))
            .map(|l| (l.source_line.line, l.url.to_string()))
            .collect();
        assert_eq!(
            found,
            [
                (3, "http://a.example/1.pdf".to_owned()),
                (5, "https://b.example/2.pdf".to_owned())
            ]
        );
    }

    #[test]
    fn a_bad_line_says_what_is_wrong_with_it() {
        let long = vec![b'x'; LONGEST_LINE + 1];
        for (line, problem) in [
            (
                &b"ftp://a.example/x.pdf"[..],
                "only `http` and `https` links are fetched, not `ftp`",
            ),
            (
                b"file:///etc/passwd",
                "only `http` and `https` links are fetched, not `file`",
            ),
            (
                b"paper.pdf",
                "not a URL: a link begins with `http://` or `https://`",
            ),
            (b"http://", "not a URL: empty host"),
            (b"http://a.example/\xff", "the line is not UTF-8 text"),
            (&long, "the line is longer than 65536 bytes"),
        ] {
            let found = lines(line);
            let bad = found[0].as_ref().expect_err("no link");
            assert_eq!((bad.source_line.line, bad.problem.as_str()), (1, problem));
            assert!(bad.text.chars().count() <= 81);
        }
    }

    #[test]
    fn credentials_are_neither_shown_nor_part_of_the_identity() {
        let found = lines(
            b"http://user:secret@a.example/x.pdf\nhttp://a.example/x.pdf\nhttp://user:secret@:/x",
        );
        let link = found[0].as_ref().expect("a link");
        assert_eq!(shown(&link.url), "http://a.example/x.pdf");
        assert_eq!(link.id, found[1].as_ref().expect("a link").id);
        assert!(
            !found[2]
                .as_ref()
                .expect_err("no link")
                .text
                .contains("secret")
        );
    }

    proptest! {
        #[test]
        fn every_line_is_accounted_for(text in proptest::collection::vec(any::<u8>(), 0..300)) {
            let expected = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text).split(|byte| *byte == b'\n')
                .map(<[u8]>::trim_ascii)
                .filter(|line| !line.is_empty() && !line.starts_with(b"#"))
                .count();
            prop_assert_eq!(lines(&text).len(), expected);
        }
    }
}
