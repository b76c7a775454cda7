//! Link lists: text in, links out, one at a time and only when asked.
//!
//! Owns what a list looks like and where each link stands in it; knows nothing of HTTP or of the files that are written.

mod count;
mod json;

use std::borrow::Cow;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use reqwest::Url;
use sha2::{Digest, Sha256};

use crate::outcome::printable;
pub use count::count;
pub use json::Only;

/// A line that is longer, in bytes, is no link.
const LONGEST_LINE: usize = 64 * 1024;

/// Where links come from, as named on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A file with one link a line.
    List(PathBuf),
    /// Standard input, in the same format.
    Stdin,
    /// One link.
    Url(String),
}

impl Input {
    /// Whether reading it may mean to wait for somebody who writes it.
    #[must_use]
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

/// The place of a link: its list and the line in it, counted from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The path of the list, `stdin`, or `argument`.
    pub source: Arc<str>,
    /// The number of the line, or of the argument.
    pub line: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.source, self.line)
    }
}

/// One http or https URL of a list.
#[derive(Debug, Clone)]
pub struct Link {
    /// Where it stands.
    pub place: Place,
    /// What it says, without its fragment.
    pub url: Url,
}

impl Link {
    /// The identity of what this link names: a hash of its URL without fragment and credentials, the same on every run.
    #[must_use]
    pub fn id(&self) -> u64 {
        fingerprint(&shown(&self.url))
    }
}

/// A line that is no link, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadLink {
    /// Where it stands.
    pub place: Place,
    /// What it says, shortened and safe to print.
    pub text: String,
    /// What is wrong with it.
    pub problem: String,
}

/// A 64-bit hash of `text` that is the same on every machine and in every version.
#[must_use]
pub fn fingerprint(text: &str) -> u64 {
    let digest = Sha256::digest(text);
    u64::from_be_bytes(digest[..8].try_into().expect("a digest has 32 bytes"))
}

/// Whether `url` names a user or a password.
#[must_use]
pub fn has_credentials(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

/// `url` without user name and password: what may be shown and written down.
#[must_use]
pub fn shown(url: &Url) -> Cow<'_, str> {
    if !has_credentials(url) {
        return url.as_str().into();
    }
    let mut url = url.clone();
    // neither can fail: an http or https URL has a host
    let _ = url.set_username("");
    let _ = url.set_password(None);
    String::from(url).into()
}

/// All links of several inputs, one after the other.
pub struct Links {
    inputs: std::vec::IntoIter<(Arc<str>, Lines)>,
    current: Option<(Arc<str>, Lines)>,
    line: u64,
    only: Option<Only>,
}

/// What reads one input.
enum Lines {
    Text(BufReader<Box<dyn Read + Send>>),
    Argument { link: Option<String>, number: u64 },
}

impl Links {
    /// Opens every input, and reads none. Of records of an earlier run, `only` some are wanted.
    ///
    /// # Errors
    ///
    /// When a list cannot be opened: the error names it.
    pub fn open(inputs: &[Input], only: Option<Only>) -> io::Result<Self> {
        let mut opened = Vec::with_capacity(inputs.len());
        for (number, input) in (1..).zip(inputs) {
            opened.push(match input {
                Input::List(path) => {
                    let source = path.display().to_string();
                    let file = open_list(path).map_err(|error| {
                        io::Error::new(
                            error.kind(),
                            format!("cannot read the list `{source}`: {error}"),
                        )
                    })?;
                    (
                        source.into(),
                        Lines::Text(BufReader::with_capacity(64 * 1024, Box::new(file))),
                    )
                }
                Input::Stdin => (
                    "stdin".into(),
                    Lines::Text(BufReader::new(Box::new(io::stdin()))),
                ),
                Input::Url(link) => (
                    "argument".into(),
                    Lines::Argument {
                        link: Some(link.clone()),
                        number,
                    },
                ),
            });
        }
        Ok(Self {
            inputs: opened.into_iter(),
            current: None,
            line: 0,
            only,
        })
    }

    fn place(&self, source: &Arc<str>) -> Place {
        Place {
            source: Arc::clone(source),
            line: self.line,
        }
    }
}

impl Iterator for Links {
    /// A list that breaks off is an error of the run; a line that is no link is not.
    type Item = io::Result<Result<Link, BadLink>>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (source, mut lines) = if let Some(current) = self.current.take() {
                current
            } else {
                self.line = 0;
                self.inputs.next()?
            };
            match lines.next(&mut self.line) {
                Ok(None) => {}
                Ok(Some(line)) => {
                    let place = self.place(&source);
                    self.current = Some((source, lines));
                    if let Some(link) = parse(&line, place, self.only.as_ref()) {
                        return Some(Ok(link));
                    }
                }
                Err(error) => {
                    let message = format!(
                        "cannot read on in `{}` after line {}: {error}",
                        source, self.line
                    );
                    return Some(Err(io::Error::new(error.kind(), message)));
                }
            }
        }
    }
}

impl Lines {
    /// The next line, without its end, and its number.
    fn next(&mut self, number: &mut u64) -> io::Result<Option<Line>> {
        match self {
            Self::Argument {
                link,
                number: argument,
            } => {
                *number = *argument;
                Ok(link.take().map(|link| Line {
                    text: link.into_bytes(),
                    whole: true,
                }))
            }
            Self::Text(reader) => {
                let Some(mut line) = read_line(reader)? else {
                    return Ok(None);
                };
                *number += 1;
                if *number == 1 && line.text.starts_with(b"\xef\xbb\xbf") {
                    line.text.drain(..3);
                }
                Ok(Some(line))
            }
        }
    }
}

/// A line without its end, or the beginning of one that is too long.
pub(crate) struct Line {
    pub(crate) text: Vec<u8>,
    whole: bool,
}

/// Reads to the end of the line and keeps at most [`LONGEST_LINE`] bytes of it.
pub(crate) fn read_line(reader: &mut impl BufRead) -> io::Result<Option<Line>> {
    let mut line = Line {
        text: Vec::new(),
        whole: true,
    };
    let mut begun = false;
    loop {
        let buffer = match reader.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            buffer => buffer?,
        };
        if buffer.is_empty() {
            return Ok(begun.then_some(line));
        }
        begun = true;
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let piece = &buffer[..end.unwrap_or(buffer.len())];
        let room = LONGEST_LINE - line.text.len();
        line.whole &= piece.len() <= room;
        line.text.extend_from_slice(&piece[..piece.len().min(room)]);
        let used = end.map_or(buffer.len(), |end| end + 1);
        reader.consume(used);
        if end.is_some() {
            return Ok(Some(line));
        }
    }
}

/// The link of a line; nothing for a blank line, a comment, or a record that is not wanted.
fn parse(line: &Line, place: Place, only: Option<&Only>) -> Option<Result<Link, BadLink>> {
    let text = line.text.trim_ascii();
    if text.is_empty() || text.starts_with(b"#") {
        return None;
    }
    let url = match std::str::from_utf8(text).map(str::trim) {
        _ if !line.whole => Err(format!("the line is longer than {LONGEST_LINE} bytes")),
        Err(_) => Err("the line is not UTF-8 text".to_owned()),
        Ok(text) if text.starts_with('{') => match json::link(text, only).transpose()? {
            Ok(url) => parse_url(url.trim()),
            Err(problem) => Err(problem),
        },
        Ok(text) => parse_url(text),
    };
    Some(match url {
        Ok(url) => Ok(Link { place, url }),
        Err(problem) => Err(BadLink {
            place,
            text: excerpt(text),
            problem,
        }),
    })
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
    let text = match (text.find("://"), text.find('@')) {
        (Some(scheme), Some(at)) if scheme < at => {
            format!("{}…{}", &text[..scheme + 3], &text[at..])
        }
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

    fn lines(text: &[u8]) -> Vec<Result<Link, BadLink>> {
        let reader: Box<dyn Read + Send> = Box::new(io::Cursor::new(text.to_vec()));
        let input = (
            "list".into(),
            Lines::Text(BufReader::with_capacity(7, reader)),
        );
        let links = Links {
            inputs: vec![input].into_iter(),
            current: None,
            line: 0,
            only: None,
        };
        links
            .map(|line| line.expect("memory can be read"))
            .collect()
    }

    #[test]
    fn blank_lines_and_comments_are_skipped_and_counted() {
        let found = lines(b"\xef\xbb\xbf# papers\r\n\r\n  http://a.example/1.pdf#page=2 \r\n\t\nhttps://b.example/2.pdf");
        let found: Vec<_> = found
            .into_iter()
            .map(|link| link.expect("a link"))
            .map(|l| (l.place.line, l.url.to_string()))
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
            assert_eq!((bad.place.line, bad.problem.as_str()), (1, problem));
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
        assert_eq!(link.id(), found[1].as_ref().expect("a link").id());
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
