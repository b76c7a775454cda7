//! Where entries begin and end: see [`bibtex`](super).

use std::io;

use memchr::{memchr2_iter, memchr3};

use super::super::characters;
use super::super::compressed::Source;
use super::super::entry::LONGEST_ENTRY;
use super::fields::{Body, is_escaped};
use crate::line::fill;

/// How many bytes are read a second time in vain. What is read again gives an entry nearly always; a hostile list must not have all of it
/// read again and again.
const MOST_READ_AGAIN: usize = 16 * 1024 * 1024;

/// How far the beginning of an entry is looked at.
const LONGEST_HEAD: usize = 512;

/// Whether an entry begins here: `@article{key,`, `@string(`.
pub(super) fn is_head(text: &[u8]) -> bool {
    let Some(head) = Head::of(text) else {
        return false;
    };
    let is_other = !matches!(head.kind, Kind::Entry(_));
    let body = text.get(head.length..).unwrap_or_default();
    let body = &body[..body.len().min(LONGEST_HEAD)];
    let end = body
        .iter()
        .position(|byte| matches!(byte, b',' | b'}' | b'='));
    let is_key = |end: usize| {
        let key = body[..end].trim_ascii();
        let is_odd = key.iter().any(|byte| matches!(byte, b'{' | b'"'));
        let has_space = || key.iter().any(u8::is_ascii_whitespace);
        !is_odd || (body[end] == b',' && !has_space())
    };
    is_other || end.is_none_or(is_key)
}

/// The beginning of an entry.
struct Head {
    kind: Kind,
    /// What closes it.
    close: u8,
    /// How long it is, with the bracket.
    length: usize,
}

pub(super) enum Kind {
    Entry(String),
    Macro,
    Comment,
    Preamble,
}

impl Head {
    fn of(text: &[u8]) -> Option<Self> {
        let name = text.strip_prefix(b"@")?;
        let space = |text: &[u8]| {
            text.iter()
                .take_while(|byte| byte.is_ascii_whitespace())
                .count()
        };
        let begin = space(name);
        let name = &name[begin..];
        let letters = name
            .iter()
            .take(40)
            .take_while(|byte| byte.is_ascii_alphabetic())
            .count();
        let after = &name[letters..];
        let end = space(after);
        let close = match after.get(end)? {
            b'{' => b'}',
            b'(' => b')',
            _ => return None,
        };
        let name = String::from_utf8_lossy(&name[..letters]).to_ascii_lowercase();
        let kind = match &*name {
            "" => return None,
            "string" => Kind::Macro,
            "comment" => Kind::Comment,
            "preamble" => Kind::Preamble,
            _ => Kind::Entry(name),
        };
        let length = 1 + begin + letters + end + 1;
        Some(Self {
            kind,
            close,
            length,
        })
    }
}

impl Head {
    /// Where the next byte is that may open or close something, or begin an entry.
    fn next_mark(&self, text: &[u8]) -> Option<usize> {
        if self.close == b'}' {
            return memchr3(b'{', b'}', b'@', text);
        }
        let is_mark = |byte: &u8| matches!(byte, b'{' | b'}' | b'@' | b')' | b'"');
        text.iter().position(is_mark)
    }
}

/// Whether nothing but white space is before `at` in its line, which begins in `text`.
fn starts_line(text: &[u8], at: usize) -> bool {
    let mut before = text[..at].iter().rev();
    let last = before.find(|byte| matches!(byte, b'\n' | b'\r') || !byte.is_ascii_whitespace());
    matches!(last, Some(b'\n' | b'\r'))
}

/// An entry as it is in the list.
pub(super) struct Raw {
    pub(super) line: u64,
    pub(super) kind: Kind,
    pub(super) text: Vec<u8>,
    /// Where its key begins, and where its bracket closes.
    pub(super) inside: std::ops::Range<usize>,
    pub(super) body: Body,
    pub(super) problem: Option<&'static str>,
}

/// Finds entries.
#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
pub(super) struct Scanner {
    source: Source,
    /// What has been read and not passed: what is from `at` on.
    text: Vec<u8>,
    at: usize,
    /// The line at `at`.
    line: u64,
    after_cr: bool,
    is_over: bool,
    /// Whether nothing but white space is before `at` in its line.
    starts_line: bool,
    /// Whether an entry has been broken, so that the next one begins with a line.
    resyncs: bool,
    /// Whether the entries of this list need not begin with a line.
    is_loose: bool,
    /// Whether a comment did not end, so that all end with their lines.
    has_open_comment: bool,
    /// How many bytes have been read again in vain.
    read_again: usize,
}

/// Where an entry ends.
enum End {
    /// At its bracket.
    At(usize),
    /// Nowhere, but another one begins here.
    Before(usize),
    /// Nowhere up to here.
    Nowhere(usize),
}

impl Scanner {
    /// The entries of `source`, which begins in `line`.
    pub(super) fn new(source: Source, line: u64) -> Self {
        Self {
            source,
            text: Vec::new(),
            at: 0,
            line,
            after_cr: false,
            is_over: false,
            starts_line: true,
            resyncs: false,
            is_loose: false,
            has_open_comment: false,
            read_again: 0,
        }
    }

    /// The line that has been read.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// Makes sure that there are `length` bytes from `at` on, if the list has as many.
    fn need(&mut self, length: usize) -> io::Result<()> {
        if self.at + length > self.text.len() && self.at > 0 {
            self.text.drain(..self.at);
            self.at = 0;
        }
        while self.text.len() < self.at + length && !self.is_over {
            let bytes = fill(&mut self.source)?;
            let count = bytes.len();
            self.text.extend_from_slice(bytes);
            self.source.consume(count);
            self.is_over = count == 0;
        }
        Ok(())
    }

    /// The same up to where it is clear whether an entry begins `next` bytes from `at` on, or whether a field does.
    fn need_head(&mut self, next: usize) -> io::Result<()> {
        let is_other = |byte: &u8| !byte.is_ascii_alphabetic() && !byte.is_ascii_whitespace();
        let is_clear = |text: &[u8]| {
            let open = text.iter().skip(1).position(is_other);
            open.is_some_and(|open| {
                let mut key = text[open + 1..].iter().skip(1);
                !matches!(text[open + 1], b'{' | b'(') || key.any(|byte| b",={}\"".contains(byte))
            })
        };
        self.need_until(next, is_clear)
    }

    /// The same up to what `is_clear`, which is not looked for any further than [`LONGEST_HEAD`].
    fn need_until(&mut self, next: usize, is_clear: impl Fn(&[u8]) -> bool) -> io::Result<()> {
        loop {
            let text = self.rest().get(next..).unwrap_or_default();
            if self.is_over || text.len() >= LONGEST_HEAD || is_clear(text) {
                return Ok(());
            }
            self.need(next + text.len() + 1)?;
        }
    }

    /// What there is from `at` on.
    fn rest(&self) -> &[u8] {
        &self.text[self.at..]
    }

    /// Passes bytes, and counts their lines.
    fn pass(&mut self, length: usize) {
        let passed = &self.text[self.at..self.at + length];
        let mut begin = None;
        for end in memchr2_iter(b'\n', b'\r', passed) {
            let before = end.checked_sub(1).map(|before| passed[before]);
            let is_pair = before.map_or(self.after_cr, |before| before == b'\r');
            self.line += u64::from(passed[end] == b'\r' || !is_pair);
            begin = Some(end + 1);
        }
        let last = passed.last();
        self.after_cr = last.map_or(self.after_cr, |last| *last == b'\r');
        let mut last_line = passed[begin.unwrap_or(0)..].iter();
        self.starts_line |= begin.is_some();
        self.starts_line &= last_line.all(u8::is_ascii_whitespace);
        self.at += length;
    }

    /// Passes the rest of the line.
    fn pass_line(&mut self) -> io::Result<()> {
        loop {
            self.need(1)?;
            let end = self
                .rest()
                .iter()
                .position(|byte| matches!(byte, b'\n' | b'\r'));
            let length = self.rest().len();
            self.pass(end.unwrap_or(length));
            if end.is_some() || length == 0 {
                return Ok(());
            }
        }
    }

    /// The next entry or abbreviation.
    pub(super) fn next(&mut self) -> io::Result<Option<Raw>> {
        loop {
            self.need(1)?;
            let Some(&byte) = self.rest().first() else {
                return Ok(None);
            };
            if self.starts_line && byte == b'%' {
                self.pass_line()?;
                continue;
            }
            if self.starts_line && byte.is_ascii_whitespace() {
                self.pass(1);
                continue;
            }
            if self.starts_line
                && !self.resyncs
                && byte.is_ascii_alphabetic()
                && self.is_field(0)?
            {
                return self.stray().map(Some);
            }
            if byte != b'@' {
                let next = self
                    .rest()
                    .iter()
                    .position(|byte| matches!(byte, b'@' | b'%' | b'\n' | b'\r'));
                let length = next.unwrap_or(self.rest().len()).max(1);
                self.pass(length);
                continue;
            }
            self.need_head(0)?;
            let is_next =
                !self.resyncs || ((self.starts_line || self.is_loose) && is_head(self.rest()));
            let Some(head) = Head::of(self.rest()).filter(|_| is_next) else {
                self.pass(1);
                continue;
            };
            self.resyncs = false;
            match head.kind {
                Kind::Comment => self.pass_comment(&head)?,
                _ => return self.entry(head).map(Some),
            }
        }
    }

    /// Passes a comment, which may have whole entries in it.
    fn pass_comment(&mut self, head: &Head) -> io::Result<()> {
        if self.has_open_comment {
            return self.pass_line();
        }
        match self.end(head, true, false)? {
            End::At(end) => self.pass(end + 1),
            End::Before(_) | End::Nowhere(_) => {
                // only the word is one then, as in BibTeX
                self.has_open_comment = true;
                self.pass(head.length);
            }
        }
        Ok(())
    }

    /// Where the entry at `at` ends. With `stops`, it cannot have another one inside.
    fn end(&mut self, head: &Head, counts_escaped: bool, stops: bool) -> io::Result<End> {
        let mut depth = 0_usize;
        // a `)` in quotes ends nothing
        let mut is_quoted = false;
        let mut next = head.length;
        loop {
            self.need(next + 1)?;
            while let Some(at) = head.next_mark(&self.rest()[next..]) {
                let (text, at) = (self.rest(), next + at);
                if at > LONGEST_ENTRY {
                    return Ok(End::Nowhere(at));
                }
                let byte = text[at];
                let counts = || counts_escaped || !is_escaped(text, at);
                match byte {
                    _ if byte == head.close && depth == 0 && !is_quoted && counts() => {
                        return Ok(End::At(at));
                    }
                    b'"' if depth == 0 => is_quoted = !is_quoted,
                    b'{' if counts() => depth += 1,
                    b'}' if counts() => depth = depth.saturating_sub(1),
                    b'@' if stops && (self.is_loose || starts_line(text, at)) => {
                        self.need_head(at)?;
                        if is_head(&self.rest()[at..]) {
                            return Ok(End::Before(at));
                        }
                    }
                    _ => {}
                }
                next = at + 1;
            }
            next = self.rest().len();
            if self.is_over || next > LONGEST_ENTRY {
                return Ok(End::Nowhere(next));
            }
        }
    }

    /// The entry at `at`, which is passed.
    fn entry(&mut self, head: Head) -> io::Result<Raw> {
        const OPEN: &str = "it is not closed: is a `}` missing?";
        let strict = self.end(&head, true, true)?;
        let mut body = Body::default();
        if let End::At(end) = strict {
            body = self.body(&head, end, true);
            if body.problem.is_none() {
                return self.take(head, end, body);
            }
        }
        if self.read_again < MOST_READ_AGAIN {
            let lenient = self.end(&head, false, true)?;
            let (End::At(end) | End::Before(end) | End::Nowhere(end)) = lenient;
            if matches!(lenient, End::At(_)) {
                let body = self.body(&head, end, false);
                if body.problem.is_none() {
                    return self.take(head, end, body);
                }
            }
            self.read_again += end;
        }
        match strict {
            // the fields say what is wrong
            End::At(end) => {
                self.resyncs = true;
                let raw = self.raw(head, end, end + 1, None);
                Ok(Raw { body, ..raw })
            }
            End::Before(end) => Ok(self.raw(head, end, end, Some(OPEN))),
            End::Nowhere(end) => {
                self.resyncs = true;
                self.is_loose = true;
                let inside = &self.rest()[..end.min(self.rest().len())];
                let length = inside.len();
                let next = (1..length).find(|at| inside[*at] == b'@' && is_head(&inside[*at..]));
                let end = next.unwrap_or(length);
                Ok(self.raw(head, end, end, Some(OPEN)))
            }
        }
    }

    /// What is between the brackets.
    fn body(&self, head: &Head, end: usize, counts_escaped: bool) -> Body {
        let text = characters::text(&self.rest()[head.length..end]);
        match head.kind {
            Kind::Entry(_) => Body::of_entry(&text, counts_escaped),
            _ => Body::of_macros(&text, counts_escaped),
        }
    }

    /// A whole entry, which is broken if fields follow that should be in it.
    fn take(&mut self, head: Head, end: usize, body: Body) -> io::Result<Raw> {
        const CLOSED: &str = "fields follow its end: is there an extra `}`?";
        let problem = (matches!(head.kind, Kind::Entry(_)) && self.has_fields_behind(end + 1)?)
            .then_some(CLOSED);
        self.resyncs = problem.is_some();
        let raw = self.raw(head, end, end + 1, problem);
        Ok(Raw { body, ..raw })
    }

    /// Whether a field such as `, year = {2020}` is at `next`, or behind what is left of the line there. A line that ends there need
    /// not be followed by another one.
    fn has_fields_behind(&mut self, mut next: usize) -> io::Result<bool> {
        let begin = next;
        let mut has_comma = false;
        loop {
            self.need(next + 1)?;
            match self.rest().get(next) {
                Some(b',') if !has_comma => has_comma = true,
                Some(b'\n' | b'\r') if !has_comma => return Ok(false),
                Some(byte) if byte.is_ascii_whitespace() => {}
                _ => break,
            }
            next += 1;
            if next > LONGEST_ENTRY {
                return Ok(false);
            }
        }
        Ok(self.is_field(next)? || self.has_fields_after_text(begin)?)
    }

    /// Whether the text from `next` on is the rest of a value, as in `x} too many}, year = {2020}`: it ends with a brace before
    /// the next field.
    fn has_fields_after_text(&mut self, next: usize) -> io::Result<bool> {
        let is_end = |byte: &u8| matches!(byte, b'\n' | b'\r' | b'@' | b'%' | b'=');
        self.need_until(next, |text| text.iter().any(is_end))?;
        let rest = &self.rest()[next..];
        let length = rest.iter().take(LONGEST_HEAD).position(is_end);
        let text = &rest[..length.unwrap_or(rest.len().min(LONGEST_HEAD))];
        let Some(close) = text.iter().position(|byte| matches!(byte, b'}' | b'"')) else {
            return Ok(false);
        };
        if text[..close].trim_ascii().is_empty() {
            return Ok(false);
        }
        let mut at = next + close + 1;
        loop {
            self.need(at + 1)?;
            match self.rest().get(at) {
                Some(byte) if *byte == b',' || byte.is_ascii_whitespace() => at += 1,
                _ => break,
            }
            if at > LONGEST_ENTRY {
                return Ok(false);
            }
        }
        self.is_field(at)
    }

    /// Whether a field begins `next` bytes from `at` on.
    fn is_field(&mut self, next: usize) -> io::Result<bool> {
        let is_name = |byte: &u8| {
            byte.is_ascii_alphanumeric() || b"-_".contains(byte) || byte.is_ascii_whitespace()
        };
        self.need_until(next, |text| !text.iter().all(is_name))?;
        let text = &self.rest()[next..];
        let name = text
            .iter()
            .take(100)
            .take_while(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte));
        let length = name.count();
        let after = text[length..].trim_ascii_start();
        Ok(length > 0 && after.starts_with(b"="))
    }

    /// A field that is in no entry, because the beginning of its entry is broken. The others of that entry are passed with it.
    fn stray(&mut self) -> io::Result<Raw> {
        const STRAY: &str = "a field is outside any entry: is the first line of its entry broken?";
        self.need_until(0, |text| text.contains(&b'\n'))?;
        let line = self
            .rest()
            .iter()
            .take(LONGEST_HEAD)
            .position(|byte| matches!(byte, b'\n' | b'\r'));
        let length = line.unwrap_or(self.rest().len().min(LONGEST_HEAD));
        self.resyncs = true;
        let (kind, close) = (Kind::Entry(String::new()), b'}');
        let head = Head {
            kind,
            close,
            length: 0,
        };
        Ok(self.raw(head, 0, length, Some(STRAY)))
    }

    /// Passes an entry up to `end`.
    fn raw(&mut self, head: Head, close: usize, end: usize, problem: Option<&'static str>) -> Raw {
        let line = self.line;
        let end = end.min(self.rest().len());
        let text = self.rest()[..end].to_vec();
        self.pass(end);
        Raw {
            line,
            inside: head.length.min(end)..close.min(end),
            kind: head.kind,
            text,
            body: Body::default(),
            problem,
        }
    }
}
