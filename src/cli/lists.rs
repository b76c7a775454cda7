//! Options for link lists.

use std::sync::Arc;

use clap::Args;
use url::Url;

use crate::id::Ids;
use crate::links::{Columns, Format, Only, Options, UrlTemplate};
use crate::shard::{Companions, Selection, Shard};

/// Real sites have one index; a server may have any number of them.
const MAX_SITEMAP_DEPTH: u8 = 8;

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Lists")]
pub(super) struct ListArgs {
    /// Format of the lists
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    input_format: Format,
    /// Column or field of links, such as `URL` or `best.pdf_url` [default: the one whose name says so]
    #[arg(long, value_name = "NAME")]
    url_column: Option<String>,
    /// Build links from columns or fields, such as `https://{Bucket}.example/{Key}`
    ///
    /// Values are percent-encoded, except for `/`. `{Key:query}` encodes `/`, too, and `{Key:raw}` encodes nothing.
    #[arg(long, value_name = "TEMPLATE", conflicts_with = "url_column")]
    url_template: Option<UrlTemplate>,
    /// Follow sitemap indexes, up to this many levels deep
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = depth)]
    sitemap_depth: u8,
    /// Column or field of file names
    #[arg(long, value_name = "NAME")]
    name_column: Option<String>,
    /// Columns or fields to copy into the records, separated by commas
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    carry: Vec<String>,
    /// Copy the line of each link into its record, as it is in the list, so that records can be joined with it
    ///
    /// That includes any passwords in the line. Up to 64 KiB; a byte that is not UTF-8 becomes `\xNN`.
    #[arg(long)]
    carry_line: bool,
    /// Extract links that end in `.pdf` from text, HTML or XML
    #[arg(long)]
    extract: bool,
    /// With `--extract`, extract all links
    #[arg(long)]
    all_links: bool,
    /// Base URL of relative links in Markdown and HTML
    #[arg(long, value_name = "URL", value_parser = url)]
    base: Option<Url>,
    /// Take only these records of a run: `failed`, `retryable`, or statuses such as `timeout,connect`
    #[arg(long, value_name = "WORDS")]
    only: Option<Only>,
    /// Fetch only the links whose hosts belong to shard K of N, from `1/N` to `N/N`
    ///
    /// No two shards share a host, and together they have all links of the list.
    #[arg(long, value_name = "K/N")]
    shard: Option<Shard>,
}

impl ListArgs {
    /// Which links of the lists to take. Hosts fall where their `companions` do.
    pub(super) fn selection(&self, companions: Companions, ids: Arc<Ids>) -> Option<Selection> {
        let shard = self.shard?;
        Some(Selection::new(shard, companions).with_ids(ids))
    }

    /// How to read lists. Columns are kept for the records, and those that are `used` for names and identities.
    pub(super) fn options<'a>(
        self,
        used: impl Iterator<Item = &'a Arc<str>>,
        ids: Arc<Ids>,
    ) -> Arc<Options> {
        let carried = self.carry.iter().map(|name| name.trim().into());
        let used = used.cloned();
        let mut kept: Vec<Arc<str>> = Vec::new();
        for name in carried.chain(used) {
            if !kept.contains(&name) {
                kept.push(name);
            }
        }
        Arc::new(Options {
            format: self.input_format,
            extract: self.extract,
            all_links: self.all_links && self.extract,
            base: self.base,
            columns: Columns {
                url: self.url_column,
                name: self.name_column,
                kept,
                ids,
            },
            url_template: self.url_template,
            sitemap_depth: self.sitemap_depth,
            follow: None,
            only: self.only,
            carry_line: self.carry_line,
        })
    }
}

/// How many levels of sitemap indexes to follow.
fn depth(text: &str) -> Result<u8, String> {
    let depth = text.parse().ok();
    let depth = depth.filter(|depth| *depth <= MAX_SITEMAP_DEPTH);
    depth.ok_or_else(|| format!("must be a number from 0 to {MAX_SITEMAP_DEPTH}"))
}

/// A URL with its scheme.
fn url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text);
    url.map_err(|problem| format!("{problem}: expected a URL, such as `https://example.org/a/`"))
}
