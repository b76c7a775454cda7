//! Sitemaps (sitemaps.org): all that a site wants to have found. Images, videos and other languages of a page are none of its links.
//!
//! An index of sitemaps leads to other ones. They are requested by whoever reads lists, if anybody does (see [`Follow`]), one after
//! the other, and each once: an index may lead to itself. What a sitemap has is read like any list, so that it may also be a feed
//! or plain text. One that cannot be had is a `bad_link`, and the next one is read. Where nothing is requested, they are counted.

use std::collections::HashSet;
use std::fmt;
use std::io;
use std::iter;
use std::sync::Arc;

use parking_lot::Mutex;
use url::Url;

use super::compressed::Source;
use super::elements::{self, Dialect, Element, Format as ElementFormat};
use super::entry::{Entry, Names, Rank};
use super::format::{self, Format, Reader};
use super::{Context, Item, Options};
use crate::digest::fingerprint;
use crate::link::{BadLink, Link};
use crate::text::shown;

/// The most sitemaps of a run.
const MOST: usize = 1_000_000;

/// Opens the list at a URL.
type Open = dyn Fn(&Url) -> io::Result<Source> + Send + Sync;

/// How sitemaps are requested. They are known by hashes of their URLs.
#[derive(Clone)]
pub(crate) struct Follow {
    open: Arc<Open>,
    followed: Arc<Mutex<HashSet<u64>>>,
}

impl Follow {
    /// Requests them by `open`.
    pub(crate) fn new(open: impl Fn(&Url) -> io::Result<Source> + Send + Sync + 'static) -> Self {
        Self {
            open: Arc::new(open),
            followed: Arc::default(),
        }
    }
}

impl fmt::Debug for Follow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Follow")
    }
}

pub(super) struct Sitemap;

impl ElementFormat for Sitemap {
    fn names(&self) -> Names {
        &[("year", &["lastmod"]), ("date", &["lastmod"])]
    }

    fn is_entry(&self, name: &str, parent: &str, _: usize) -> bool {
        let local = name.rsplit(':').next();
        matches!(
            (local, parent),
            (Some("url"), "urlset" | "url") | (Some("sitemap"), "sitemapindex" | "sitemap")
        )
    }

    fn take(&mut self, entry: &mut Entry, element: &Element) {
        if element.name == "loc" && matches!(element.parent(), "url" | "sitemap") {
            entry.set_key(element.text);
            entry.add_urls(element.name, element.text, Rank::Page);
        }
    }
}

/// The links of all sitemaps of an index.
pub(super) fn links_of_index(source: Source, context: Context) -> impl Iterator<Item = Item> {
    let mut index = elements::links(source, Dialect::SitemapIndex, context.clone());
    let mut current: Option<(Link, Reader)> = None;
    iter::from_fn(move || {
        loop {
            if let Some((link, sitemap)) = &mut current {
                match sitemap.next() {
                    Some(Ok(item)) => return Some(Ok(item)),
                    Some(Err(error)) => {
                        let bad = bad(link, &error.to_string());
                        current = None;
                        return Some(Ok(Err(bad)));
                    }
                    None => current = None,
                }
            }
            let link = match index.next()? {
                Ok(Ok(link)) => link,
                other => return Some(other),
            };
            if context.options.sitemap_depth > 0 && context.options.follow.is_none() {
                context.seen.is_unfollowed();
                continue;
            }
            match follow(&link, &context) {
                Ok(Some(sitemap)) => current = Some((link, sitemap)),
                Ok(None) => {}
                Err(problem) => return Some(Ok(Err(bad(&link, &problem)))),
            }
        }
    })
}

/// Reads a sitemap; none if it has been read before.
fn follow(link: &Link, context: &Context) -> Result<Option<Reader>, String> {
    let options = &context.options;
    let follow = match &options.follow {
        Some(follow) if options.sitemap_depth > 0 => follow,
        Some(_) => {
            return Err("the sitemap is nested deeper than `--sitemap-depth` allows".to_owned());
        }
        None => return Err("it is another sitemap: `--sitemap-depth 1` follows it".to_owned()),
    };
    let mut followed = follow.followed.lock();
    if followed.len() >= MOST {
        return Err(format!("more than {MOST} sitemaps"));
    }
    if !followed.insert(fingerprint(link.url.as_str())) {
        return Ok(None);
    }
    drop(followed);
    let list =
        (follow.open)(&link.url).map_err(|error| format!("cannot fetch the sitemap: {error}"))?;
    let options = Options {
        sitemap_depth: options.sitemap_depth - 1,
        format: Format::Auto,
        ..Options::clone(options)
    };
    let inside = Context {
        tells: context.tells,
        ..Context::new(shown(&link.url).into(), Arc::new(options))
    };
    let sitemap = format::open(list, inside);
    sitemap.map(Some).map_err(|error| error.to_string())
}

fn bad(link: &Link, problem: &str) -> BadLink {
    BadLink {
        source_line: link.source_line.clone(),
        text: super::excerpt(link.url.as_str().as_bytes()),
        problem: problem.to_owned(),
        line: None,
    }
}
