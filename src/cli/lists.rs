//! Options about link lists.

use std::sync::Arc;

use clap::Args;
use url::Url;

use crate::links::{Columns, Format, Only, Options};
use crate::plan::Template;

#[derive(Debug, Args)]
#[command(next_help_heading = "Lists")]
pub(super) struct ListArgs {
    /// What kind of list it is
    #[arg(long, value_enum, default_value_t)]
    input_format: Format,
    /// The column or field with the links [default: `pdf_url`, `url`, `link` or the like]
    #[arg(long, value_name = "NAME")]
    url_column: Option<String>,
    /// The column or field with the names for the files
    #[arg(long, value_name = "NAME")]
    name_column: Option<String>,
    /// Columns or fields that go into the records, separated by commas
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    carry: Vec<String>,
    /// Look for links in text, Markdown or HTML: those that end in `.pdf`
    #[arg(long)]
    extract: bool,
    /// With `--extract`, take all links
    #[arg(long, requires = "extract")]
    all_links: bool,
    /// What relative links in Markdown and HTML are relative to
    #[arg(long, value_name = "URL", requires = "extract")]
    base: Option<Url>,
    /// Of records of an earlier run, take only some: `failed`, `retryable`, or words such as `timeout,connect`
    #[arg(long, value_name = "WORDS")]
    only: Option<Only>,
}

impl ListArgs {
    /// How lists are read; a `template` for names may need columns, too.
    pub(super) fn options(self, template: Option<&Template>) -> Arc<Options> {
        let mut kept: Vec<Arc<str>> = Vec::new();
        let carried = self.carry.iter().map(|name| name.trim().into());
        for name in carried.chain(template.into_iter().flat_map(Template::columns).cloned()) {
            if !kept.contains(&name) {
                kept.push(name);
            }
        }
        let columns = Columns {
            url: self.url_column,
            name: self.name_column,
            kept,
        };
        Arc::new(Options {
            format: self.input_format,
            extract: self.extract,
            all_links: self.all_links,
            base: self.base,
            columns,
            only: self.only,
        })
    }
}
