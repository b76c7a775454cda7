//! Lists that other lists lead to, such as the sitemaps of an index.
//!
//! One is fetched as a whole into a file that has no name, before its first link is taken: its connection would be closed while
//! links wait for their hosts, which may be hours. It is asked for like a link, with the same headers, cookies, redirects and
//! retries, one at a time.

use std::fs::File;
use std::io::{Seek, Write};

use url::Url;

use super::Options;
use super::error::{broken_body, disk};
use super::request::{Accept, Requester};
use super::response::Response;
use crate::http::{Client, Load};
use crate::outcome::{Failure, Status};
use crate::timeout::timeout;

/// The largest list, in bytes: sitemaps.org allows 50 MB.
const LARGEST: u64 = 64 * 1024 * 1024;

/// Fetches lists.
pub(crate) struct Lists {
    requester: Requester,
    options: Options,
}

impl Lists {
    /// Fetches them as a run with these `options` would.
    ///
    /// # Errors
    ///
    /// If the HTTP client cannot be built.
    pub(crate) fn new(options: &Options, load: Load) -> anyhow::Result<Self> {
        Ok(Self {
            requester: Requester::new(options, Client::new(&options.http, load)?),
            options: options.clone(),
        })
    }

    /// The list at `url`, from its beginning.
    ///
    /// # Errors
    ///
    /// Why there is none, after as many attempts as a link has.
    pub(crate) async fn fetch(&self, url: &Url) -> Result<File, Failure> {
        let mut attempts = 0;
        loop {
            let failure = match self.attempt(url).await {
                Ok(list) => return Ok(list),
                Err(failure) => failure,
            };
            attempts += 1;
            match self.options.retry.pause(attempts, &failure) {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return Err(failure),
            }
        }
    }

    async fn attempt(&self, url: &Url) -> Result<File, Failure> {
        let response = self.requester.get_alone(url, "sitemap", Accept::List);
        let response = response.await?;
        self.receive(response).await
    }

    async fn receive(&self, mut response: Response) -> Result<File, Failure> {
        if response.status() != 200 {
            return Err(response.refusal().await);
        }
        let (mut list, mut received) = (tempfile::tempfile().map_err(disk)?, 0);
        let limit = self.options.stall_timeout;
        loop {
            let next = timeout(limit, response.chunk()).await;
            let next = next.map_err(|_| {
                let message = format!("no data for {} s", limit.as_secs_f64());
                Failure::new(Status::Timeout, message)
            })?;
            let total = response.length();
            let Some(chunk) = next.map_err(|error| broken_body(&error, received, total))? else {
                break;
            };
            received += chunk.len() as u64;
            if received > LARGEST {
                let message = format!("the list is larger than {LARGEST} bytes");
                return Err(Failure::new(Status::TooLarge, message));
            }
            list.write_all(&chunk).map_err(disk)?;
        }
        list.rewind().map_err(disk)?;
        Ok(list)
    }
}
