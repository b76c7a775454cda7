//! Plain lists: one link per line. After tabs, a line may name the file and give other URLs of it; a line may also be JSON.

use super::compressed::Source;
use super::{Context, Item, content, json, numbered_lines, only, parse_url};
use crate::line::Line;
use crate::link::{BadLink, Details, Link};

/// The links of a plain list.
pub(super) fn links(source: Source, context: Context) -> impl Iterator<Item = Item> {
    let lines = numbered_lines(source, context.clone());
    lines.filter_map(move |line| {
        let link = line.map(|(number, line)| link(&line, number, &context));
        link.transpose()
    })
}

/// The link of a line; `None` for a blank line, a comment, or a record that is not wanted.
pub(super) fn link(line: &Line, number: u64, context: &Context) -> Option<Result<Link, BadLink>> {
    let parsed = match content(line)?.map(str::trim) {
        Ok(text) if text.starts_with('{') => json::parse(text, &context.options).transpose()?,
        text => {
            if context.options.only.is_some() {
                only::warn("all links of other lists are taken");
            }
            text.map(fields)
        }
    };
    Some(context.link(number, &line.text, parsed))
}

/// The fields of a line, separated by tabs: a URL, then mirrors, and one name in any position among them.
fn fields(text: &str) -> (String, Details) {
    let fields = text.split('\t').map(str::trim);
    let mut fields = fields.filter(|field| !field.is_empty());
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
