//! A checked file on its way into a bucket, after its link has been fetched.

use std::path::Path;
use std::time::Duration;

use super::Fetcher;
use super::error::disk;
use crate::outcome::{Failure, Saved, Status};
use crate::plan::Job;
use crate::store::{Exposed, Sealed, Unpublished};
use crate::text::io_message;

/// How much longer an upload may take that is under way when the run ends: the next run finds out what has become of it, but
/// only by asking.
const GRACE: Duration = Duration::from_secs(3);

/// Why a file has not got into its bucket.
#[derive(Debug)]
pub(crate) struct Unstored {
    /// The failure of its link.
    pub(crate) failure: Failure,
    /// Why all others will fail, too, if so, and what to do about it.
    pub(crate) end: Option<String>,
}

impl From<Failure> for Unstored {
    fn from(failure: Failure) -> Self {
        Self { failure, end: None }
    }
}

impl Fetcher {
    /// Gives the file of `job` a name that a command can read it under, in the state folder `state`.
    ///
    /// # Errors
    ///
    /// When that is not possible.
    pub(crate) fn expose(
        &self,
        job: &Job,
        sealed: &Sealed,
        state: &Path,
    ) -> Result<Exposed, Failure> {
        let file = self.publisher.first_name(job, sealed);
        let expose = || self.store.expose(sealed, (job.id, &file), state);
        self.disk.act(expose).map_err(disk)
    }

    /// Takes over what a command has made of a file.
    ///
    /// # Errors
    ///
    /// When it cannot be read any more.
    pub(crate) fn look_again(&self, sealed: &mut Sealed, exposed: &Exposed) -> Result<(), Failure> {
        let looked = self.disk.act(|| exposed.look_again(sealed));
        looked.map_err(|error| {
            let why = io_message(&error);
            let message = format!("cannot read what the command of `--exec` has left: {why}");
            Failure::new(Status::Upload, message)
        })
    }

    /// Puts the file of `job` into the bucket, when there are not too many uploads.
    ///
    /// # Errors
    ///
    /// When that is not possible, or the run ends before.
    pub(crate) async fn upload(&self, job: &Job, sealed: Sealed) -> Result<Saved, Unstored> {
        let uploads = self.publisher.uploads();
        let uploads = uploads.expect("a file is sealed only for them");
        let permit = tokio::select! {
            biased;
            () = self.stop.cancelled() => return Err(Failure::interrupted().into()),
            permit = uploads.permit() => permit,
        };
        let out_of_time = async {
            self.stop.cancelled().await;
            tokio::time::sleep(GRACE).await;
        };
        let uploaded = tokio::select! {
            biased;
            uploaded = self.publisher.upload(job, &sealed) => uploaded,
            () = out_of_time => return Err(Failure::interrupted().into()),
        };
        drop(permit);
        match uploaded {
            Ok(saved) => {
                sealed.part.discard();
                Ok(saved)
            }
            Err(Unpublished::Disk(error)) => Err(disk(error).into()),
            Err(Unpublished::Refused(refusal)) => Err(match uploads.end(&refusal) {
                // what has happened is not about this link
                Some(end) => Unstored {
                    failure: Failure::interrupted(),
                    end: Some(end),
                },
                None => Unstored::from(Failure {
                    passing: !refusal.is_final(),
                    ..Failure::new(Status::Upload, refusal.to_string())
                }),
            }),
        }
    }
}
