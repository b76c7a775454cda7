//! What a list in a file can be asked for, known from its beginning, so that an option that asks for something else is refused
//! before the first request.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::elements::Dialect;
use super::format::{self, ListKind};
use super::input::open_list;
use super::{Context, Input, Options, csv, nearest};
use crate::line::fill;

/// What a list has.
#[derive(Debug, Default)]
pub(crate) struct Features {
    /// What it is read as; empty for a link.
    pub kind: String,
    /// Why it cannot be read, such as a column that it does not have.
    pub problem: Option<String>,
    /// Whether it has columns or fields.
    pub has_columns: bool,
    /// Whether it may hold the records of a run.
    pub has_records: bool,
    /// Whether it has other lists in it.
    pub is_index: bool,
    /// The fields of the objects at its beginning, if it is JSON.
    pub fields: BTreeSet<String>,
}

impl Features {
    /// Whether it has fields, and none that `wanted` may name.
    pub(crate) fn lacks(&self, wanted: &str) -> bool {
        let first = wanted.split(['.', '[']).next().unwrap_or_default();
        let mut names = [wanted, first, "columns"].into_iter();
        !self.fields.is_empty() && !names.any(|name| self.fields.contains(name))
    }

    /// The field that is spelled most like `wanted`.
    pub(crate) fn similar(&self, wanted: &str) -> Option<&str> {
        nearest(wanted, self.fields.iter().map(String::as_str))
    }
}

/// What the list of `input` has; `None` if that is not known before it is read, or it cannot be read.
pub(crate) fn features(input: &Input, options: &Arc<Options>) -> Option<Features> {
    let path = match input {
        Input::Url(_) => return Some(Features::default()),
        Input::Stdin => return None,
        Input::List(path) | Input::Copied(_, path) => path,
    };
    path.metadata()
        .ok()
        .filter(|list| list.is_file() && list.len() > 0)?;
    let mut context = Context {
        tells: false,
        ..Context::new(path.to_string_lossy().into(), Arc::clone(options))
    };
    let (mut source, kind) = format::begin(open_list(path, false).ok()?, &mut context).ok()?;
    format::describe(kind, &context);
    let is_json = matches!(kind, ListKind::Jsonl);
    let beginning = fill(&mut source).ok().filter(|_| is_json);
    let lines = beginning.unwrap_or_default().split(|byte| *byte == b'\n');
    let objects = lines.filter_map(|line| {
        let object: serde_json::Map<_, serde_json::Value> = serde_json::from_slice(line).ok()?;
        Some(object.into_iter().map(|(name, _)| name))
    });
    let fields = objects.flatten().collect();
    let problem = match kind {
        ListKind::Table(shape) => csv::links(source, shape, context.clone()).err(),
        _ => None,
    };
    Some(Features {
        problem: problem.map(|problem| problem.to_string()),
        fields,
        kind: context.seen.kind(),
        has_columns: !matches!(
            kind,
            ListKind::Plain | ListKind::Aria2 | ListKind::Text | ListKind::Markup(_)
        ),
        has_records: matches!(
            kind,
            ListKind::Jsonl | ListKind::Document | ListKind::Table(_) | ListKind::Cdxj
        ),
        is_index: kind == ListKind::Elements(Dialect::SitemapIndex),
    })
}
