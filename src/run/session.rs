//! What a run opens when its first link needs it: the output folder, the journal and the HTTP client.

use std::sync::{Arc, OnceLock};

use anyhow::Context;
use tokio_util::sync::CancellationToken;

use super::config::Config;
use crate::fetch::Fetcher;
use crate::store::{Journal, Publisher, Store, journal_of};

/// What a run opens when its first link needs it.
pub(super) struct Session {
    config: Config,
    /// How many bytes of the journal have been read, so that what others add is found.
    journal_length: u64,
    stop: CancellationToken,
    opened: OnceLock<Opened>,
}

/// What has been opened.
pub(super) struct Opened {
    pub(super) journal: Arc<Journal>,
    pub(super) fetcher: Fetcher,
}

impl Session {
    /// Opens nothing yet.
    pub(super) fn new(config: &Config, journal_length: u64, stop: CancellationToken) -> Self {
        Self {
            config: config.clone(),
            journal_length,
            stop,
            opened: OnceLock::new(),
        }
    }

    /// What has been opened, if anything has.
    pub(super) fn opened(&self) -> Option<&Opened> {
        self.opened.get()
    }

    /// Opens all of it, unless that has been done. Before the first link is queued, a single thread does this.
    ///
    /// # Errors
    ///
    /// When the output folder cannot be written, or the HTTP client not be built.
    pub(super) fn open(&self) -> anyhow::Result<&Opened> {
        if let Some(opened) = self.opened.get() {
            return Ok(opened);
        }
        let opened = self.open_all()?;
        Ok(self.opened.get_or_init(|| opened))
    }

    fn open_all(&self) -> anyhow::Result<Opened> {
        let Config {
            output,
            plan,
            fetch,
            dedupe,
            ..
        } = &self.config;
        let cannot_write = || format!("cannot write to the output folder `{}`", output.display());
        let store = Arc::new(Store::open(output).with_context(cannot_write)?);
        let journal = Journal::open(journal_of(output), self.journal_length);
        let journal = Arc::new(journal.with_context(cannot_write)?);
        let publisher = Publisher::new(Arc::clone(&store), Arc::clone(&journal), plan, *dedupe)?;
        let jobs = self.config.jobs();
        if jobs < self.config.wanted_jobs() {
            tracing::warn!(
                "only {jobs} links at once: this process may open only so many files (`ulimit -n`)"
            );
        }
        if fetch.http.insecure {
            tracing::warn!(
                "certificates are not checked (`--insecure`): anybody between here and a server can read and change what comes"
            );
        }
        let fetcher = Fetcher::new(fetch, jobs.get(), store, publisher, self.stop.clone())?;
        Ok(Opened { journal, fetcher })
    }
}
