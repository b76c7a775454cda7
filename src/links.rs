//! Link lists: bytes in, links out, lazily and in constant memory.
//!
//! Owns the formats of lists and the position of each link in its list. Knows nothing of HTTP or of the files that are written.
//!
//! ```text
//!  input ──► compressed ──► characters ──► format ──► plain, csv, document, ──► tally ──► Link or BadLink
//!  a file,   gzip, Zstandard  UTF-16,       by the      aria2, text, html        counts,
//!  a pipe    or neither       windows-1252  first lines                          says what is odd
//! ```
//!
//! Bibliographies, feeds and sitemaps have entries of several fields, which [`entry`] makes links of: `bibtex`, `tagged` (`ris`, `nbib`,
//! `enw`), `elements` (`endnote`, `zotero_rdf`, `feed`, `opml`, `oai`, `sitemap`), `works` for JSON, `zotero_csv` and `cdxj`.
//!
//! Below the readers: `lines` and `split` for one or several links per line; `shape`, `headings` and `columns` for tables; `json` and
//! `fields` for objects. What is no list at all, `foreign` knows.
//!
//! No reader looks further ahead than its format requires, so that a link from a pipe starts while the pipe is still open.
//!
//! A line that is not a link is a [`BadLink`], and the run goes on. A list that cannot be read to its end is an error, and the
//! rest of it is dropped, because what follows a torn archive or an unclosed quote cannot be trusted.

mod ahead;
mod aria2;
mod bibtex;
mod carried;
mod cdxj;
mod characters;
mod checksums;
mod columns;
mod compressed;
mod count;
mod csv;
mod document;
mod elements;
mod endnote;
mod entry;
mod enw;
mod escapes;
mod features;
mod feed;
mod fields;
mod foreign;
mod format;
mod headings;
mod html;
mod input;
mod json;
mod latex;
mod lines;
mod markdown;
mod markup;
mod nbib;
mod oai;
mod only;
mod opml;
mod plain;
mod ris;
mod shape;
mod sitemap;
mod split;
mod tagged;
mod tally;
mod text;
mod url_template;
mod wanted;
mod works;
mod zotero_csv;
mod zotero_rdf;

use std::borrow::Cow;
use std::collections::VecDeque;
use std::io::{self, BufReader};
use std::sync::Arc;

use url::Url;

use crate::line::{LONGEST_LINE, Line};
use crate::link::{BadLink, Details, Link, SourceLine, identity};
use crate::text::{cut, masked, printable, shown};
pub(crate) use ahead::Ahead;
use carried::carry;
pub(crate) use columns::Columns;
use compressed::Source;
pub(crate) use compressed::decompressed;
pub(crate) use count::{count, survey};
pub(crate) use features::{Features, features};
pub(crate) use format::Format;
pub use input::Input;
use input::open_list;
pub(crate) use only::Only;
use plain::Found;
pub(crate) use sitemap::Follow;
pub(crate) use tally::Seen;
pub(crate) use url_template::UrlTemplate;

/// The longest line that is a JSON object, in bytes: a record of our own with [`LONGEST_DETAILS`], each byte of which may
/// take six in JSON, is a line of a list, too.
const LONGEST_OBJECT: usize = 32 * 1024 * 1024;

/// The longest link in text and pages, in bytes: what servers accept (RFC 9110 section 4.1 recommends 8,000).
const LONGEST_LINK: usize = 8 * 1024;

/// The most other URLs, and the most headers, of one link.
const MOST: usize = 100;

/// The most bytes of all details of one link together.
const LONGEST_DETAILS: usize = 4 * 1024 * 1024;

/// Problems, and names in messages, are shown up to this many characters.
const LONGEST_SHOWN: usize = 300;

/// What every reader yields: an error only if the list cannot be read any further.
type Item = io::Result<Result<Link, BadLink>>;

/// The URL of a line with its details, or the problem with the line.
type Parsed = Result<(String, Details), String>;

/// How to read lists.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The format of all lists of the run.
    pub format: Format,
    /// Whether to look for links in text, Markdown and HTML.
    pub extract: bool,
    /// Whether to extract all links, and not only those that end in `.pdf`.
    pub all_links: bool,
    /// The base of relative links in text and HTML.
    pub base: Option<Url>,
    /// The roles of columns in tables, and of fields in JSON.
    pub columns: Columns,
    /// What links are made of, in place of a column of links.
    pub(crate) url_template: Option<UrlTemplate>,
    /// How many indexes of sitemaps are followed, one below the other.
    pub sitemap_depth: u8,
    /// How they are followed; `None` if nothing is requested.
    pub(crate) follow: Option<Follow>,
    /// Which records of an earlier run to take; `None` for all.
    pub only: Option<Only>,
    /// Whether links carry the line that they come from.
    pub carry_line: bool,
}

/// The beginning of the problem with a line that is not a link.
const NOT_A_URL: &str = "not a URL";

/// The beginning of the problem with an object that has no link.
const NO_FIELD: &str = "no field";

/// Whether the `problem` with a line is that there is no link in it, as if the list were something else.
fn is_no_link(problem: &str) -> bool {
    [NOT_A_URL, NO_FIELD, "invalid JSON"]
        .iter()
        .any(|no| problem.starts_with(no))
}

/// The one of `names` that is spelled most like `wanted`, if one may have been meant.
fn nearest<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    const ALIKE: f64 = 0.8;
    let wanted = wanted.to_lowercase();
    let scored = names.map(|name| (strsim::jaro_winkler(&wanted, &name.to_lowercase()), name));
    let best = scored.max_by(|(one, _), (other, _)| one.total_cmp(other));
    best.filter(|(score, _)| *score >= ALIKE)
        .map(|(_, name)| name)
}

/// All links of several inputs, one input after the other.
pub struct Links {
    inputs: std::vec::IntoIter<(Context, OpenInput)>,
    current: Option<format::Reader>,
    /// What the lists turn out to be.
    seen: Vec<Arc<Seen>>,
}

/// An input that is open, but has not been read yet.
enum OpenInput {
    List(Source),
    Argument(String, u64),
}

impl Links {
    /// Opens all inputs without reading from them.
    ///
    /// # Errors
    ///
    /// When a list cannot be opened. The message names it.
    pub fn open(inputs: &[Input], options: &Arc<Options>) -> io::Result<Self> {
        let open = |(number, input): (u64, &Input)| {
            let (source, input) = match input {
                Input::List(path) => {
                    let name = path.display().to_string();
                    (name.into(), OpenInput::List(open_list(path, number > 1)?))
                }
                Input::Copied(name, path) => {
                    let list = open_list(path, number > 1)?;
                    (name.as_str().into(), OpenInput::List(list))
                }
                Input::Stdin => {
                    let reader = Box::new(BufReader::new(io::stdin()));
                    ("stdin".into(), OpenInput::List(reader))
                }
                Input::Url(link) => {
                    let argument = OpenInput::Argument(link.clone(), number);
                    ("argument".into(), argument)
                }
            };
            Ok((Context::new(source, Arc::clone(options)), input))
        };
        let inputs: Vec<_> = (1..).zip(inputs).map(open).collect::<io::Result<_>>()?;
        let seen = inputs.iter().map(|(context, _)| Arc::clone(&context.seen));
        Ok(Self {
            seen: seen.collect(),
            inputs: inputs.into_iter(),
            current: None,
        })
    }

    /// What the list of each input turns out to be, as far as it has been read.
    pub(crate) fn seen(&self) -> Vec<Arc<Seen>> {
        self.seen.clone()
    }
}

impl Iterator for Links {
    type Item = Item;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(item) = self.current.as_mut().and_then(Iterator::next) {
                if item.is_err() {
                    self.current = None;
                }
                return Some(item);
            }
            let (context, input) = self.inputs.next()?;
            self.current = match input {
                OpenInput::Argument(link, number) => {
                    let text = link.into_bytes();
                    let mut found = Found::new();
                    let argument = Line { text, whole: true };
                    plain::read(&argument, number, &context, &mut found);
                    carry(&argument.text, &context, &mut found);
                    Some(Box::new(found.into_iter().map(Ok)))
                }
                OpenInput::List(source) => match format::open(source, context) {
                    Ok(reader) => Some(reader),
                    Err(error) => return Some(Err(error)),
                },
            };
        }
    }
}

/// What the readers of all formats share.
#[derive(Debug, Clone)]
struct Context {
    source: Arc<str>,
    options: Arc<Options>,
    base: Option<Url>,
    /// The lines before those that the reader sees.
    lines_before: u64,
    seen: Arc<Seen>,
    /// Whether to warn of what is odd about the list.
    tells: bool,
    /// Whether it is read to know the names of its fields.
    collects: bool,
}

impl Context {
    fn new(source: Arc<str>, options: Arc<Options>) -> Self {
        Self {
            seen: Arc::new(Seen::new(Arc::clone(&source))),
            source,
            // a setting for all runs says nothing about lists that are no pages
            base: options.base.clone().filter(|_| options.extract),
            options,
            lines_before: 0,
            tells: true,
            collects: false,
        }
    }

    /// The context of a list that is read besides the run.
    fn silent(options: Arc<Options>) -> Self {
        Self {
            tells: false,
            ..Self::new("".into(), options)
        }
    }

    /// The link in `line`, whose `text` is quoted if it is not a link.
    fn link(&self, line: u64, text: &[u8], parsed: Parsed) -> Result<Link, BadLink> {
        let read = parsed.and_then(|(url, details)| Ok((self.url(url.trim())?, details)));
        self.link_to(line, text, read)
    }

    /// The same where the URL has been read, and is none that stands for an identifier.
    fn link_to(
        &self,
        line: u64,
        text: &[u8],
        read: Result<(Url, Details), String>,
    ) -> Result<Link, BadLink> {
        let source_line = SourceLine {
            source: Arc::clone(&self.source),
            line,
        };
        let checked = read.and_then(|found| check(&found.1).map(|()| found));
        match checked {
            Ok((url, details)) => Ok(Link {
                source_line,
                id: identity(&shown(&url)),
                url,
                details: (details != Details::default()).then(|| Box::new(details)),
            }),
            Err(problem) => Err(BadLink {
                source_line,
                text: excerpt(text.trim_ascii()),
                line: None,
                problem: brief(&problem),
            }),
        }
    }

    /// The URL that `text` is, or by which the identifier is known that it is.
    fn url(&self, text: &str) -> Result<Url, String> {
        let ids = &self.options.columns.ids;
        if let Some(id) = ids.of_text(text) {
            return Ok(id?.url());
        }
        let url = parse_url(text)?;
        match ids.of_url(&url) {
            Some(id) => Ok(id?.url()),
            None => Ok(url),
        }
    }

    /// The links in the cell or field `name`, or what is there in place of one. What is an identifier only because of `name` gets a
    /// prefix that says so.
    fn links_of<'a>(&self, name: Option<&str>, text: &'a str) -> Vec<Cow<'a, str>> {
        let ids = &self.options.columns.ids;
        match name.and_then(|name| ids.in_column(name, text)) {
            Some(id) => vec![Cow::Owned(id)],
            None => split::links_of(text)
                .into_iter()
                .map(Cow::Borrowed)
                .collect(),
        }
    }

    /// Takes the one of `others` that stands in for `links` if those are none: a cell may be blank, and a column `PDF` may also
    /// say `yes`.
    fn stand_in<'a>(&self, links: &mut Vec<Cow<'a, str>>, others: &mut VecDeque<Cow<'a, str>>) {
        let is_link = |text: &str| self.url(text).is_ok();
        if links.first().is_some_and(|link| is_link(link)) {
            return;
        }
        let stands_in = |other: &Cow<str>| split::begins_link(other.as_bytes()) || is_link(other);
        if let Some(at) = others.iter().position(stands_in) {
            *links = others.remove(at).into_iter().collect();
        }
    }

    /// The URLs of `others`, which lead to the same file as `link`.
    fn mirrors(&self, link: &str, others: &VecDeque<Cow<str>>) -> Vec<Url> {
        let link = self.url(link).ok();
        let urls = others.iter().filter_map(|other| self.url(other).ok());
        urls.filter(|url| Some(url) != link.as_ref()).collect()
    }

    /// The link to `target` in text or a page; `None` if it is not wanted. A target that the page declares as a PDF always is.
    fn extracted(&self, line: u64, target: &str, declared: bool) -> Option<Result<Link, BadLink>> {
        let is_too_long = target.len() >= LONGEST_LINK;
        let target = target.trim();
        let joined = || self.base.as_ref()?.join(target).ok();
        let url = Url::parse(target).ok().or_else(joined);
        let path = match &url {
            Some(url) => url.path(),
            None => target.split(['?', '#']).next().unwrap_or_default(),
        };
        // without the parameters of a path, such as `;jsessionid=…`
        let name = path.rsplit('/').next().unwrap_or_default();
        let name = name.split(';').next().unwrap_or_default();
        let suffix = name.get(name.len().saturating_sub(4)..);
        let is_pdf = suffix.is_some_and(|suffix| suffix.eq_ignore_ascii_case(".pdf"));
        if target.starts_with('#') || !url.as_ref().is_none_or(is_http) {
            return None;
        }
        if !(is_pdf || declared || self.options.all_links) {
            self.seen.leaves_out();
            return None;
        }
        let parsed = match url {
            _ if target.contains(char::REPLACEMENT_CHARACTER) => Err("the link is not valid UTF-8"),
            _ if is_too_long => Err("the link is longer than 8,192 bytes"),
            Some(url) => Ok((url.into(), Details::default())),
            None if target.contains("://") => Err("not a URL"),
            None => Err("relative link without a base: set it with `--base URL`"),
        };
        Some(self.link(line, target.as_bytes(), parsed.map_err(str::to_owned)))
    }

    /// The error for a list that cannot be read any further than `line`.
    fn broken(&self, line: u64, error: &io::Error) -> io::Error {
        let place = match line {
            0 => String::new(),
            line => format!(" after line {line}"),
        };
        let source = printable(&self.source);
        let message = format!("cannot read `{source}`{place}: {error}");
        io::Error::new(error.kind(), message)
    }
}

/// The length up to which a line with this beginning is read, in bytes.
fn longest(beginning: &[u8]) -> usize {
    match beginning {
        [b'{', ..] => LONGEST_OBJECT,
        _ => LONGEST_LINE,
    }
}

/// The text of a line; `None` for a blank line or a comment.
fn content(line: &Line) -> Option<Result<Cow<'_, str>, String>> {
    if !line.whole && !line.text.trim_ascii_start().starts_with(b"#") {
        let problem = format!("the line is longer than {} bytes", longest(&line.text));
        return Some(Err(problem));
    }
    let text = characters::text(&line.text);
    let is_content = !matches!(characters::trim(&text).chars().next(), None | Some('#'));
    is_content.then_some(Ok(text))
}

/// Whether `text` starts with `prefix`, whatever the case.
fn starts_with(text: &str, prefix: &str) -> bool {
    let start = text.get(..prefix.len());
    start.is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

fn is_http(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https")
}

/// Refuses details that would take more memory than a link is worth: a list may come from a stranger.
fn check(details: &Details) -> Result<(), String> {
    let too_many = |what| Err(format!("more than {MOST} {what}"));
    if details.mirrors.len() > MOST {
        return too_many("other URLs of the same file");
    }
    if details.headers.len() > MOST {
        return too_many("headers");
    }
    let mirrors = details.mirrors.iter().map(|url| url.as_str().len());
    let headers = details.headers.iter().map(|(_, value)| value.len());
    let columns = details.columns.iter();
    let columns = columns.map(|(name, value)| name.len() + value.len());
    let name = details.name.as_ref().map(String::len);
    let bytes: usize = mirrors.chain(headers).chain(columns).chain(name).sum();
    if bytes > LONGEST_DETAILS {
        return Err(format!(
            "its name, columns and other URLs are longer than {LONGEST_DETAILS} bytes"
        ));
    }
    Ok(())
}

fn parse_url(text: &str) -> Result<Url, String> {
    // a list of the links that failed has lines of this length
    let too_long = || format!("the URL is longer than {LONGEST_LINE} bytes");
    if text.len() > LONGEST_LINE {
        return Err(too_long());
    }
    let mut url = match Url::parse(text) {
        Ok(url) if is_http(&url) => url,
        parsed => match (input::with_scheme(text), parsed) {
            (Some(url), _) => url,
            (None, Ok(url)) => {
                let scheme = url.scheme();
                return Err(format!(
                    "only `http` and `https` links are fetched, not `{scheme}`"
                ));
            }
            (None, Err(error)) if text.contains("://") => {
                return Err(format!("{NOT_A_URL}: {error}"));
            }
            (None, Err(_))
                if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) =>
            {
                return Err(format!(
                    "{NOT_A_URL}: digits alone are ambiguous: add a prefix, such as `pmid:`"
                ));
            }
            (None, Err(_)) => {
                return Err(format!(
                    "{NOT_A_URL}: a link begins with `http://` or `https://`"
                ));
            }
        },
    };
    url.set_fragment(None);
    if url.as_str().len() > LONGEST_LINE {
        return Err(too_long());
    }
    Ok(url)
}

/// The beginning of a line, safe to print and without credentials and signatures.
fn excerpt(text: &[u8]) -> String {
    const LONGEST: usize = 80;
    let short =
        |text: &[u8]| String::from_utf8_lossy(&text[..text.len().min(4 * LONGEST)]).into_owned();
    let scheme = text.windows(3).position(|bytes| bytes == b"://");
    let at = text.iter().rposition(|byte| *byte == b'@');
    let text = match (scheme, at) {
        (Some(scheme), Some(at)) if scheme < at => {
            format!("{}…{}", short(&text[..scheme + 3]), short(&text[at..]))
        }
        // without a scheme, the password may be anywhere before the `@`
        (_, Some(at)) => format!("…{}", short(&text[at..])),
        _ => short(text),
    };
    let words = text.split_inclusive(|c: char| c.is_whitespace() || matches!(c, '"' | ','));
    let text: String = words.map(masked).collect();
    printable(&cut(&text, LONGEST))
}

/// A text of a list or its name in a message: safe to print, and not too long.
fn brief(text: &str) -> String {
    printable(&cut(text, LONGEST_SHOWN))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines(text: &[u8]) -> Vec<Result<Link, BadLink>> {
        let reader = BufReader::with_capacity(7, io::Cursor::new(text.to_vec()));
        let options = Options {
            format: Format::Plain,
            ..Options::default()
        };
        let context = Context::new("list".into(), Arc::new(options));
        plain::links(Box::new(reader), context)
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
            (&long, "the line is longer than 65536 bytes"),
        ] {
            let found = lines(line);
            let bad = found[0].as_ref().expect_err("not a link");
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
                .expect_err("not a link")
                .text
                .contains("secret")
        );
    }

    proptest! {
        #[test]
        fn excerpts_show_no_secrets(
            before in "[ -~]{0,400}", filler in "[^@]{0,400}", between in "[ -~]{0,20}", after in "[ -~]{0,20}",
        ) {
            let line = format!("{before}://u:s3cr3t{filler}@{between} http://h/?sig=s3cr3t {after}");
            let text = excerpt(line.as_bytes());
            prop_assert!(!text.contains("s3cr3t"), "{text}");
            prop_assert!(!text.contains(char::is_control));
        }

        #[test]
        fn every_line_is_accounted_for(text in "(\\PC|[#\t\n\r\u{85}\u{2028}\u{feff}]){0,99}") {
            prop_assume!(!text.contains('{') && !text.contains("//"));
            let ends = ['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}'];
            let lines_of_text = text.split(ends).map(characters::trim);
            let content = lines_of_text.filter(|line| !line.is_empty() && !line.starts_with('#'));
            prop_assert_eq!(lines(text.as_bytes()).len(), content.count());
        }
    }
}
