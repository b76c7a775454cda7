//! The URLs of one file, and how they have fared.

use url::Url;

use crate::outcome::{Failure, Status};

/// The URLs of a file in order of preference: the URL of the line, then its mirrors. A candidate that has failed for good is
/// not used again.
#[derive(Debug)]
pub(crate) struct Candidates {
    urls: Vec<Url>,
    /// The index of the current one.
    current: usize,
    /// The most hopeful failure of the ones before: a retryable one, if there is any.
    failure: Option<Box<Failure>>,
}

impl Candidates {
    /// The candidates of a link.
    pub(super) fn new(url: Url, mirrors: &[Url]) -> Self {
        let mut urls = vec![url];
        urls.extend_from_slice(mirrors);
        Self {
            urls,
            current: 0,
            failure: None,
        }
    }

    /// The candidate that is in use.
    pub(crate) fn current(&self) -> &Url {
        &self.urls[self.current]
    }

    /// The URL of the line.
    pub(crate) fn first(&self) -> &Url {
        &self.urls[0]
    }

    /// How much memory the URLs take, in bytes.
    pub(super) fn weight(&self) -> usize {
        let urls = self.urls.iter();
        urls.map(|url| size_of::<Url>() + url.as_str().len()).sum()
    }

    /// Moves on to the next candidate after this `failure`.
    ///
    /// # Errors
    ///
    /// The failure of the link, if there is no other candidate or none can do better.
    pub(super) fn advance(&mut self, failure: Failure) -> Result<(), Failure> {
        let count = self.urls.len();
        if count == 1 || matches!(failure.status, Status::Interrupted | Status::Disk) {
            return Err(failure);
        }
        let failure = match self.failure.take() {
            // if another run may help with one candidate, it may help with the link
            Some(before) if before.retryable() && !failure.retryable() => *before,
            _ => failure,
        };
        if self.current + 1 == count {
            let message = format!("{} (all {count} URLs failed)", failure.message);
            return Err(Failure { message, ..failure });
        }
        self.current += 1;
        self.failure = Some(Box::new(failure));
        Ok(())
    }
}
