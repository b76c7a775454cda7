//! What a run opens when its first link needs it: the output folder, the journal and the HTTP client.

use std::sync::{Arc, OnceLock};

use anyhow::Context;
use tokio_util::sync::CancellationToken;

use super::config::Config;
use crate::fetch::Fetcher;
use crate::http::Load;
use crate::store::{History, Journal, Publisher, Store};
use crate::system::limits::jobs_and_idle;

/// What a run opens when its first link needs it.
pub(super) struct Session {
    config: Arc<Config>,
    /// What has been read of the journal. What other processes append after that is read later.
    history: Arc<History>,
    stop: CancellationToken,
    opened: OnceLock<Opened>,
}

/// The open resources of a run.
pub(super) struct Opened {
    pub(super) journal: Arc<Journal>,
    pub(super) fetcher: Fetcher,
}

impl Session {
    /// Opens nothing yet.
    pub(super) fn new(config: Arc<Config>, history: Arc<History>, stop: CancellationToken) -> Self {
        Self {
            config,
            history,
            stop,
            opened: OnceLock::new(),
        }
    }

    /// Opens everything, unless that has been done. Before the first link is queued, only one thread calls this.
    ///
    /// # Errors
    ///
    /// When the output folder cannot be written, or the HTTP client cannot be built.
    pub(super) fn open(&self) -> anyhow::Result<&Opened> {
        if let Some(opened) = self.opened.get() {
            return Ok(opened);
        }
        let opened = self.open_all()?;
        Ok(self.opened.get_or_init(|| opened))
    }

    fn open_all(&self) -> anyhow::Result<Opened> {
        let config = &self.config;
        let layout = &config.layout;
        let cannot_write = || layout.cannot_write();
        let store = Arc::new(Store::open(layout).with_context(cannot_write)?);
        let journal = store.journal(&self.history);
        let journal = Arc::new(journal.with_context(cannot_write)?);
        let records = (Arc::clone(&journal), Arc::clone(&self.history));
        let (plan, dedupe) = (&config.plan, config.dedupe);
        let publisher = Publisher::new(Arc::clone(&store), records, plan, dedupe)?;
        let (jobs, idle) = jobs_and_idle(config.wanted_jobs());
        if jobs < config.wanted_jobs() {
            tracing::warn!(
                "fetching only {jobs} links at once: the limit on open files allows no more (`ulimit -n`)"
            );
        }
        if config.fetch.http.insecure {
            tracing::warn!(
                "certificates are not checked (`--insecure`): anyone on the network path can read and modify responses"
            );
        }
        let stop = self.stop.clone();
        let fetcher = Fetcher::new(&config.fetch, Load { jobs, idle }, store, publisher, stop)?;
        Ok(Opened { journal, fetcher })
    }
}
