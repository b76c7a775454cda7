//! What a run opens when its first link needs it: the output folder or bucket, the journal and the HTTP client.

use std::sync::{Arc, OnceLock};

use anyhow::{Context, anyhow};
use tokio_util::sync::CancellationToken;

use super::config::Config;
use crate::bucket::Bucket;
use crate::fetch::Fetcher;
use crate::http::Load;
use crate::plan::Identity;
use crate::runtime::run_alone;
use crate::store::{
    self, History, Journal, Layout, Publisher, Remote, Segments, Store, Unpublished, Uploads,
    publish_tars, tell_of_tars,
};
use crate::system::limits::{explained, jobs_and_idle};

/// What a run opens when its first link needs it.
pub(super) struct Session {
    config: Arc<Config>,
    /// What has been read of the journal. What other processes append after that is read later.
    history: Arc<History>,
    /// The journal in the bucket; none if files end up in a folder.
    segments: Option<Arc<Segments>>,
    stop: CancellationToken,
    opened: OnceLock<Opened>,
}

/// The open resources of a run.
pub(super) struct Opened {
    pub(super) journal: Arc<Journal>,
    pub(super) fetcher: Fetcher,
    store: Arc<Store>,
}

impl Session {
    /// Opens nothing yet.
    pub(super) fn new(
        config: Arc<Config>,
        (history, segments): (Arc<History>, Option<Arc<Segments>>),
        stop: CancellationToken,
    ) -> Self {
        Self {
            config,
            history,
            segments,
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

    /// Why nothing more can be published, if so.
    pub(super) fn refused(&self) -> Option<&str> {
        self.opened.get()?.store.refused()
    }

    /// Publishes what waits for being published, also what earlier runs have left. What is not full waits for the next run if this
    /// one `continues` another time.
    ///
    /// # Errors
    ///
    /// When something cannot be published.
    pub(super) fn finish(&self, continues: bool) -> anyhow::Result<()> {
        if let Some(opened) = self.opened.get() {
            opened.store.finish(continues)?;
        }
        let (layout, remote) = (&self.config.layout, self.remote());
        if continues {
            tell_of_tars(layout, remote)?;
        } else {
            publish_tars(layout, remote)?;
        }
        Ok(())
    }

    /// The bucket for tars, if files end up in one.
    fn remote(&self) -> Option<Remote> {
        let address = self.config.layout.bucket()?.clone();
        Some(Remote {
            address,
            options: self.config.bucket.clone(),
            segments: self.segments.clone(),
        })
    }

    fn open_all(&self) -> anyhow::Result<Opened> {
        let config = &self.config;
        let layout = &config.layout;
        let cannot_write = || layout.cannot_write();
        let packing = config.packing.map(|packing| (packing, self.remote()));
        let is_packed = packing.is_some();
        let store = Arc::new(Store::open(layout, packing).with_context(cannot_write)?);
        let journal = store.journal(&self.history);
        let journal = Arc::new(journal.with_context(cannot_write)?);
        let records = (Arc::clone(&journal), Arc::clone(&self.history));
        let (plan, dedupe) = (&config.plan, config.dedupe);
        let publisher = Publisher::new(Arc::clone(&store), records, plan, dedupe)?;
        // in any case, so that a bucket is known to be of use
        let uploads = self.uploads()?.filter(|_| !is_packed);
        let publisher = publisher.with_uploads(uploads);
        let (jobs, idle) = jobs_and_idle(config.wanted_jobs());
        if jobs < config.wanted_jobs() {
            tracing::warn!(
                "fetching only {jobs} at once: the limit on open files allows no more links (`ulimit -n`)"
            );
        }
        if config.fetch.http.insecure {
            tracing::warn!(
                "certificates are not checked (`--insecure`): anyone on the network path can read and modify responses"
            );
        }
        if layout.bucket().is_some() && !is_packed && config.may_collide() {
            tracing::warn!(
                "files of other shards may have the same names, and then get a suffix: `--name '{{id:16}}'` gives each link its own name"
            );
        }
        let stop = self.stop.clone();
        let load = Load { jobs, idle };
        let fetcher = Fetcher::new(&config.fetch, load, Arc::clone(&store), publisher, stop)?;
        Ok(Opened {
            journal,
            fetcher,
            store,
        })
    }

    /// The uploads of the run, if its files end up in a bucket that can be used.
    fn uploads(&self) -> anyhow::Result<Option<Uploads>> {
        let Some(address) = self.config.layout.bucket() else {
            return Ok(None);
        };
        let bucket = Bucket::open(address, &self.config.bucket)?;
        let probed = run_alone(async {
            tokio::select! {
                biased;
                probed = bucket.probe() => probed,
                // nothing will be uploaded
                () = self.stop.cancelled() => Ok(()),
            }
        });
        probed
            .map_err(explained)?
            .map_err(|refusal| anyhow!("{refusal}"))?;
        Ok(Some(Uploads::new(bucket)))
    }
}

/// Begins the journal with what runs before have left in the bucket, if there is none.
///
/// # Errors
///
/// When the bucket does not tell, or the journal cannot be written.
pub(super) fn begin_journal(config: &Config) -> anyhow::Result<()> {
    let layout = &config.layout;
    if layout.bucket().is_none() {
        return Ok(());
    }
    // with another identity, a link may belong to another shard than its host
    let has_hosts = config.plan.identity == Identity::Url;
    let selection = config.plan.selection.clone().filter(|_| has_hosts);
    let begun = run_alone(store::begin_journal(layout, &config.bucket, selection));
    begun
        .map_err(explained)?
        .map_err(|why| unpublished(layout, why))
}

/// Finds out what has become of the uploads that an earlier run has not seen the end of. Returns whether there were some.
///
/// # Errors
///
/// When the bucket does not tell, or the journal cannot be written.
pub(super) fn resolve_uploads(config: &Config, history: &History) -> anyhow::Result<bool> {
    let layout = &config.layout;
    let Some(address) = layout.bucket().filter(|_| history.has_pending()) else {
        return Ok(false);
    };
    let store = Store::open(layout, None).with_context(|| layout.cannot_write())?;
    let journal = store
        .journal(history)
        .with_context(|| layout.cannot_write())?;
    let uploads = Uploads::new(Bucket::open(address, &config.bucket)?);
    let resolved = run_alone(uploads.resolve(history, &journal)).map_err(explained)?;
    resolved.map_err(|why| unpublished(layout, why))?;
    Ok(true)
}

fn unpublished(layout: &Layout, why: Unpublished) -> anyhow::Error {
    match why {
        Unpublished::Disk(error) => anyhow!(error).context(layout.cannot_write()),
        Unpublished::Refused(refusal) => anyhow!("{refusal}"),
    }
}
