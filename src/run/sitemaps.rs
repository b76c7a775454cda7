//! How a run follows an index of sitemaps: by a client and threads of its own, which it starts for the first of them.

use std::io::{self, BufReader};
use std::num::NonZeroUsize;
use std::sync::Arc;

use anyhow::Context;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::Config;
use crate::fetch::Lists;
use crate::http::Load;
use crate::links::{self, Follow};
use crate::runtime::Runtimes;
use crate::system::limits::jobs_and_idle;

/// How lists are read in a run, which follows sitemaps if that is asked for, until `stop` is cancelled.
pub(super) fn lists(config: &Config, stop: CancellationToken) -> Arc<links::Options> {
    let lists = &config.lists;
    if lists.sitemap_depth == 0 {
        return Arc::clone(lists);
    }
    let (fetch, client) = (config.fetch.clone(), Mutex::new(None));
    let open = move |url: &Url| -> io::Result<_> {
        let mut client = client.lock();
        if client.is_none() {
            *client = Some(start(&fetch).map_err(io::Error::other)?);
        }
        let Some((runtimes, lists)) = client.as_ref() else {
            unreachable!("it has just been started")
        };
        let list = stop.run_until_cancelled(lists.fetch(url));
        let list = runtimes.shared.block_on(list);
        let list = list.ok_or_else(|| io::Error::other("the run ended before"))?;
        let list = list.map_err(|failure| io::Error::other(failure.message))?;
        Ok(Box::new(BufReader::new(list)) as _)
    };
    Arc::new(links::Options {
        follow: Some(Follow::new(open)),
        ..links::Options::clone(lists)
    })
}

fn start(fetch: &crate::fetch::Options) -> anyhow::Result<(Runtimes, Lists)> {
    let runtimes = Runtimes::start(false).context("cannot start the threads of the client")?;
    let (jobs, idle) = jobs_and_idle(NonZeroUsize::MIN);
    Ok((runtimes, Lists::new(fetch, Load { jobs, idle })?))
}
