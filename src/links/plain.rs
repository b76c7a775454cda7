//! Plain lists: one link per line, or several (see [`split`]). After tabs, a line may name the file and give other
//! URLs of it; a line may also be JSON.

use std::collections::VecDeque;
use std::iter;

use memchr::memmem;

use super::carried::carry;
use super::characters::trim;
use super::compressed::Source;
use super::lines::Lines;
use super::{Context, Item, Parsed, content, json, only, parse_url, split};
use crate::id::Ids;
use crate::line::Line;
use crate::link::{BadLink, Details, Link};

/// The links of one line that have not been taken yet.
pub(super) type Found = VecDeque<Result<Link, BadLink>>;

/// The links of a plain list.
pub(super) fn links(source: Source, context: Context) -> impl Iterator<Item = Item> {
    let mut lines = Lines::new(source, context.clone());
    let mut found = Found::new();
    iter::from_fn(move || {
        loop {
            if let Some(link) = found.pop_front() {
                return Some(Ok(link));
            }
            match lines.next()? {
                Ok((number, line)) => {
                    read(&line, number, &context, &mut found);
                    carry(&line.text, &context, &mut found);
                }
                Err(error) => return Some(Err(error)),
            }
        }
    })
}

/// Adds the links of a line to `found`: none of a blank line, a comment, or a record that is not wanted.
pub(super) fn read(line: &Line, number: u64, context: &Context, found: &mut Found) {
    let mut add = |text: &[u8], parsed| found.push_back(context.link(number, text, parsed));
    if line.whole && split::is_single(&line.text) {
        warn_of_only(context);
        let text = String::from_utf8_lossy(&line.text).into_owned();
        return add(&line.text, Ok((text, Details::default())));
    }
    let text = match content(line) {
        None => return,
        Some(Err(problem)) => return add(&line.text, Err(problem)),
        Some(Ok(text)) => text,
    };
    let text = trim(&text);
    if text.starts_with('{') {
        // a line of an array
        let text = text.trim_end_matches(',');
        return json::read(text, context, &mut |_, parsed| add(&line.text, parsed));
    }
    warn_of_only(context);
    read_text(text, &context.options.columns.ids, &mut add);
}

fn warn_of_only(context: &Context) {
    if context.options.only.is_some() {
        only::warn("all links of other lists are taken");
    }
}

/// The number of links in a line. An object is taken for one without a closer look.
pub(super) fn count(line: &Line, context: &Context, found: &mut Found) -> u64 {
    let is_record = line.text.starts_with(b"{") && memmem::find(&line.text, b"[{").is_none();
    if line.whole && (is_record || split::is_single(&line.text)) {
        return 1;
    }
    read(line, 0, context, found);
    found.drain(..).count() as u64
}

/// Adds the links of a line that is neither blank nor JSON. Its fields are separated by tabs: links, then mirrors, and one name in
/// any position among them. Where another field is the first, it is a cell of a table without a header.
pub(super) fn read_text(text: &str, ids: &Ids, add: &mut impl FnMut(&[u8], Parsed)) {
    let fields = text.split('\t').map(trim);
    let mut fields = fields.filter(|field| !field.is_empty());
    let first = fields.next().unwrap_or_default();
    let mut known = identifiers(first, ids);
    if let Some(last) = known.pop() {
        for id in known {
            add(id.as_bytes(), Ok((id.into(), Details::default())));
        }
        return add(text.as_bytes(), Ok((last.into(), details_of(fields))));
    }
    let mut links = split::links(first);
    let mut details = Details::default();
    let begin = links.first().map_or(first.len(), |link| {
        link.as_ptr().addr() - first.as_ptr().addr()
    });
    let before = first[..begin].trim_start_matches(['-', '*', '•', '>', ' ']);
    for link in split::without_scheme(before) {
        links.insert(0, link);
    }
    if links.is_empty() {
        let later = fields.by_ref().map(split::links);
        links = later
            .into_iter()
            .find(|links| !links.is_empty())
            .unwrap_or_default();
    } else {
        details = details_of(fields);
    }
    let Some(last) = links.pop() else {
        return add(text.as_bytes(), Ok((first.into(), details)));
    };
    for link in links {
        add(link.as_bytes(), Ok((link.into(), Details::default())));
    }
    add(last.as_bytes(), Ok((last.into(), details)));
}

/// The identifier that `field` is, or those that it has one behind the other; none if there is anything else in it.
fn identifiers<'a>(field: &'a str, ids: &Ids) -> Vec<&'a str> {
    if field.contains("://") {
        return Vec::new();
    }
    let text = field.find(" #").map_or(field, |comment| &field[..comment]);
    let text = text.trim_start_matches(['-', '*', '•', '>', ' ']);
    if ids.of_text(text).is_some() {
        return vec![text];
    }
    let words = text.split_whitespace();
    let words = words.map(|word| ids.of_text(word).map(|_| word));
    words.collect::<Option<_>>().unwrap_or_default()
}

/// Adds the links of a string of JSON.
pub(super) fn read_value(text: &str, ids: &Ids, add: &mut impl FnMut(&[u8], Parsed)) {
    match split::only(text) {
        Some(link) => add(link.as_bytes(), Ok((link.into(), Details::default()))),
        None => read_text(text, ids, add),
    }
}

/// The mirrors and the name in the fields behind a link.
fn details_of<'a>(fields: impl Iterator<Item = &'a str>) -> Details {
    let mut details = Details::default();
    for field in fields {
        match parse_url(field) {
            Ok(_) if field.contains("://") => {
                let urls = split::links(field).into_iter();
                details
                    .mirrors
                    .extend(urls.filter_map(|url| parse_url(url).ok()));
            }
            _ if details.name.is_none() => details.name = Some(field.to_owned()),
            _ => {}
        }
    }
    details
}
