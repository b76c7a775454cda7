//! Plain lists: one link a line. A line may name the file after a tab, give other URLs of the same file, or be JSON.

use std::io::{self, BufRead};

use super::{Context, json, parse_url};
use crate::line::{LONGEST_LINE, read_line};
use crate::link::{BadLink, Details, Link};

/// The links of a plain list.
pub(super) struct Plain<R> {
    reader: R,
    context: Context,
    line: u64,
}

impl<R> Plain<R> {
    pub(super) fn new(reader: R, context: Context) -> Self {
        Self {
            reader,
            context,
            line: 0,
        }
    }
}

impl<R: BufRead> Iterator for Plain<R> {
    type Item = io::Result<Result<Link, BadLink>>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let line = match read_line(&mut self.reader) {
                Ok(line) => line?,
                Err(error) => return Some(Err(self.context.broken(self.line, &error))),
            };
            self.line += 1;
            let parsed = if line.whole || line.text.starts_with(b"#") {
                link(&line.text, self.line, &self.context)
            } else {
                let problem = format!("the line is longer than {LONGEST_LINE} bytes");
                Some(self.context.link(self.line, &line.text, Err(problem)))
            };
            if let Some(parsed) = parsed {
                return Some(Ok(parsed));
            }
        }
    }
}

/// The link of a line; nothing for a blank line, a comment, or a record that is not wanted.
pub(super) fn link(line: &[u8], number: u64, context: &Context) -> Option<Result<Link, BadLink>> {
    let text = line.trim_ascii();
    if text.is_empty() || text.starts_with(b"#") {
        return None;
    }
    let found = match std::str::from_utf8(text).map(str::trim) {
        Err(_) => Err("the line is not UTF-8 text".to_owned()),
        Ok(text) if text.starts_with('{') => json::link(text, &context.options).transpose()?,
        Ok(text) => Ok(fields(text)),
    };
    Some(context.link(number, text, found))
}

/// The first URL of a line, and what stands behind it, separated by tabs: other URLs, and one name.
fn fields(text: &str) -> (String, Details) {
    let mut fields = text
        .split('\t')
        .map(str::trim)
        .filter(|field| !field.is_empty());
    let url = fields.next().unwrap_or_default().to_owned();
    let mut details = Details::default();
    for field in fields {
        match parse_url(field) {
            Ok(mirror) => details.mirrors.push(mirror),
            Err(_) if details.name.is_none() => details.name = Some(field.to_owned()),
            Err(_) => {}
        }
    }
    (url, details)
}
