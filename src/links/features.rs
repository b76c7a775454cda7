//! What a list in a file can be asked for, known from its beginning, so that an option that asks for something else is refused
//! before the first request.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use super::elements::Dialect;
use super::format::{self, ListKind};
use super::input::open_list;
use super::{Context, Input, Options, brief, csv, nearest};

/// How much of a list is read to know its fields, in bytes. Where a name is missing there, it may still follow.
const BEGINNING: u64 = 64 * 1024;

/// What a list has.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
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
    /// The fields of the objects and entries at its beginning.
    pub fields: BTreeSet<String>,
    /// Whether it is a bibliography, or the like.
    pub has_entries: bool,
    /// Whether fields are known in any case, as are those of entries and of objects that describe a work.
    ignores_case: bool,
}

impl Features {
    /// Whether it has fields, and none that `wanted` may name.
    pub(crate) fn lacks(&self, wanted: &str) -> bool {
        let first = wanted.split(['.', '[']).next().unwrap_or_default();
        let names = [wanted, first, "columns"];
        let mut fields = self.fields.iter();
        let is_it = |field: &String| {
            let is_same = |name: &&str| self.ignores_case && field.eq_ignore_ascii_case(name);
            names.iter().any(|name| field == name || is_same(name))
        };
        !self.fields.is_empty() && !fields.any(is_it)
    }

    /// The field that is spelled most like `wanted`.
    pub(crate) fn similar(&self, wanted: &str) -> Option<&str> {
        nearest(wanted, self.fields.iter().map(String::as_str))
    }
}

/// What the list of `input` has; `None` if that is not known before it is read, or it cannot be read.
///
/// An entry need not have the field that `--url-column` names, but if none of a bibliography has it, it is misspelled.
pub(crate) fn features(input: &Input, options: &Arc<Options>) -> Option<Features> {
    let path = match input {
        Input::Url(_) => return Some(Features::default()),
        Input::Stdin => return None,
        Input::List(path) | Input::Copied(_, path) => path,
    };
    path.metadata()
        .ok()
        .filter(|list| list.is_file() && list.len() > 0)?;
    let known = read(path, options, BEGINNING)?;
    let wanted = options.columns.url.as_deref();
    let Some(wanted) = wanted.filter(|wanted| known.has_entries && known.lacks(wanted)) else {
        return Some(known);
    };
    let mut whole = read(path, options, u64::MAX)?;
    if whole.lacks(wanted) {
        let similar = whole.similar(wanted);
        let hint = similar.map_or_else(String::new, |name| {
            format!(": did you mean `{}`?", brief(name))
        });
        let fields: Vec<_> = whole.fields.iter().map(String::as_str).collect();
        let (list, fields) = (brief(&path.to_string_lossy()), brief(&fields.join("`, `")));
        let wanted = brief(wanted);
        whole.problem = Some(format!(
            "no field `{wanted}` in `{list}`; its fields are `{fields}`{hint}"
        ));
    }
    Some(whole)
}

/// What a list has within its first `most` bytes.
fn read(path: &Path, options: &Arc<Options>, most: u64) -> Option<Features> {
    let mut context = Context {
        tells: false,
        ..Context::new(path.to_string_lossy().into(), Arc::clone(options))
    };
    let (source, kind) = format::begin(open_list(path, false).ok()?, &mut context).ok()?;
    format::describe(kind, &context);
    let is_index = kind == ListKind::Elements(Dialect::SitemapIndex);
    let has_entries = kind.has_entries() && !is_index;
    let problem = match kind {
        ListKind::Table(shape) => csv::links(source, shape, context.clone()).err(),
        _ if has_entries || matches!(kind, ListKind::Jsonl | ListKind::Document) => {
            context.collects = true;
            // what it leaves out has fields as well, and is told of by the run
            Arc::make_mut(&mut context.options).only = None;
            let beginning = Box::new(source.take(most));
            // the end may be in the midst of an entry
            let entries = format::reader(beginning, kind, context.clone()).ok()?;
            entries.take_while(Result::is_ok).for_each(drop);
            None
        }
        _ => None,
    };
    Some(Features {
        problem: problem.map(|problem| problem.to_string()),
        fields: context.seen.fields(),
        has_entries,
        ignores_case: context.seen.has_entries(),
        kind: context.seen.kind(),
        has_columns: !matches!(
            kind,
            ListKind::Plain | ListKind::Aria2 | ListKind::Text | ListKind::Markup(_)
        ),
        has_records: matches!(
            kind,
            ListKind::Jsonl | ListKind::Document | ListKind::Table(_) | ListKind::Cdxj
        ),
        is_index,
    })
}
