//! The fields of entries that a run uses: those that are carried, and those that names and URLs are made of. Most of a bibliography
//! is abstracts, which are passed without a copy.

use super::entry::Names;
use super::{Context, UrlTemplate};

/// The fields of a format that are kept of an entry; none if all of them are.
pub(super) struct Wanted(Option<Vec<String>>);

impl Wanted {
    /// Those that the run of `context` uses, of a format with these `names`. Messages name an entry without a key by its title.
    pub(super) fn new(names: Names, context: &Context) -> Self {
        let (columns, template) = (&context.options.columns, &context.options.url_template);
        let roles = [&columns.name, &columns.url].into_iter().flatten();
        let wanted = columns.kept.iter().map(AsRef::as_ref);
        let wanted = wanted.chain(roles.map(String::as_str));
        let wanted = wanted.chain(template.iter().flat_map(UrlTemplate::names));
        let mut kept = Vec::new();
        for name in wanted.chain(["title"]) {
            let mut shared = names.iter();
            let shared = shared.find(|(shared, _)| shared.eq_ignore_ascii_case(name));
            let own = shared.map_or(&[][..], |(_, own)| own);
            kept.extend(own.iter().copied().chain([name]).map(str::to_owned));
        }
        Self((!context.collects).then_some(kept))
    }

    /// Whether a field is among them.
    pub(super) fn has(&self, name: &str) -> bool {
        let is_it = |wanted: &String| wanted.eq_ignore_ascii_case(name);
        self.0.as_ref().is_none_or(|kept| kept.iter().any(is_it))
    }
}
