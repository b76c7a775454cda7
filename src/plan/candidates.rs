//! The URLs of the same file, and how they have fared so far.

use url::Url;

use crate::outcome::{Failure, Status};

/// The URLs that a link may be fetched from, in the order in which they are tried: the one of its line, and others that the
/// list gives. Each is tried until it is given up.
#[derive(Debug)]
pub(crate) struct Candidates {
    urls: Vec<Url>,
    /// The one that is tried now.
    current: usize,
    /// Of those that have been given up, the failure that gives most hope.
    failure: Option<Box<Failure>>,
}

impl Candidates {
    /// The candidates of a link with this URL, and others of the same file.
    pub(super) fn new(url: Url, mirrors: &[Url]) -> Self {
        let mut urls = vec![url];
        urls.extend_from_slice(mirrors);
        Self {
            urls,
            current: 0,
            failure: None,
        }
    }

    /// The one that is tried now.
    pub(crate) fn current(&self) -> &Url {
        &self.urls[self.current]
    }

    /// The one that the list names first.
    pub(crate) fn first(&self) -> &Url {
        &self.urls[0]
    }

    /// Goes on to the next one after this `failure`.
    ///
    /// # Errors
    ///
    /// The failure of the link, when there is no other one or no other one can do better.
    pub(super) fn advance(&mut self, failure: Failure) -> Result<(), Failure> {
        let others = self.urls.len() - 1;
        if others == 0 || matches!(failure.status, Status::Interrupted | Status::Disk) {
            return Err(failure);
        }
        let failure = match self.failure.take() {
            // if another run may help with one of them, it may help with the link
            Some(before) if before.retryable() && !failure.retryable() => *before,
            _ => failure,
        };
        if self.current == others {
            let message = format!("{} (and {others} other URLs failed, too)", failure.message);
            return Err(Failure { message, ..failure });
        }
        self.current += 1;
        self.failure = Some(Box::new(failure));
        Ok(())
    }
}
