//! How many links may be under way so that no more files than `--max-downloads` are fetched.
//!
//! A link takes a share before it starts. If it ends with a new file, the share is spent; otherwise, another link gets it. So
//! what is running and what is saved are never more than the limit together.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

/// The new files that a run may still fetch.
pub(super) struct Budget {
    /// One permit for each of them; none without a limit.
    permits: Option<Arc<Semaphore>>,
    ended: CancellationToken,
}

/// The right to fetch a file.
pub(super) struct Share(Option<OwnedSemaphorePermit>);

impl Budget {
    /// A budget of `files`, if there is a limit, for a run that is over when `ended` is cancelled.
    pub(super) fn new(files: Option<u64>, ended: CancellationToken) -> Self {
        let permits = files.map(|files| {
            let files = usize::try_from(files).unwrap_or(usize::MAX);
            Arc::new(Semaphore::new(files.min(Semaphore::MAX_PERMITS)))
        });
        Self { permits, ended }
    }

    /// Waits for a share; `None` if the run is over.
    pub(super) async fn share(&self) -> Option<Share> {
        let Some(permits) = &self.permits else {
            return Some(Share(None));
        };
        tokio::select! {
            biased;
            () = self.ended.cancelled() => None,
            permit = Arc::clone(permits).acquire_owned() => Some(Share(permit.ok())),
        }
    }

    /// Gives back a share that was spent on a file that has turned out not to be one.
    pub(super) fn refund(&self) {
        if let Some(permits) = &self.permits {
            permits.add_permits(1);
        }
    }
}

impl Share {
    /// Ends a link, with a new file or without one.
    pub(super) fn spend(self, is_new_file: bool) {
        if let Some(permit) = self.0.filter(|_| is_new_file) {
            permit.forget();
        }
    }
}
