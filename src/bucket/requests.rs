//! The requests to a bucket.

use std::fs::File;
use std::io::{self, Seek, Write};
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use http::Extensions;
use object_store::list::PaginatedListStore;
use object_store::path::Path;
use object_store::{
    Attribute, Attributes, GetOptions, GetResult, ObjectStore, ObjectStoreExt, PutMode, PutOptions,
    PutPayload, PutResult, UpdateVersion,
};
use percent_encoding::{CONTROLS, utf8_percent_encode};

use super::open::{Opened, Signing, open};
use super::refusal::Failed;
use super::{
    Address, Contents, MOST_TIME, MOST_TRIES, MOST_VANISHED, Object, Options, Refusal, Tag,
    vanished,
};
use crate::http::{Connector, Load, Said, Upload};

/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(20);

/// How often the first request of a run is sent: whoever waits for it wants to know.
const PROBE_TRIES: u32 = 3;

/// The name of an object that is asked for and need not be there.
pub(super) const PROBE: &str = ".fetchpdf/probe";

/// The metadata of an object. Azure takes no hyphens, and some proxies no underscores.
const IDENTITY: &str = "identity";
const SHA256: &str = "sha256";
const URL: &str = "url";

/// How much of a URL is in the metadata, in bytes: S3 takes 2 KB of them altogether.
const LONGEST_URL: usize = 1536;

/// A bucket.
pub(crate) struct Bucket {
    pub(super) address: Address,
    store: Arc<dyn ObjectStore>,
    pub(super) pages: Arc<dyn PaginatedListStore>,
    signing: Signing,
    connector: Connector,
    options: Options,
}

impl std::fmt::Debug for Bucket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Bucket").field(&self.address).finish()
    }
}

impl Bucket {
    /// The bucket at `address`. Sends no request.
    ///
    /// # Errors
    ///
    /// When the environment does not say how to reach it, or a certificate cannot be used.
    pub(crate) fn open(address: &Address, options: &Options) -> anyhow::Result<Self> {
        let load = Load {
            jobs: options.uploads,
            idle: options.uploads.get(),
        };
        let connector =
            Connector::new(&options.http, load, options.patience, options.asks_machine)?;
        let Opened {
            store,
            pages,
            signing,
        } = open(address, &connector, options.asks_machine)?;
        Ok(Self {
            address: address.clone(),
            store,
            pages,
            signing,
            connector,
            options: options.clone(),
        })
    }

    /// Its address.
    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// How many uploads there are at once.
    pub(crate) fn uploads(&self) -> usize {
        self.options.uploads.get()
    }

    /// Finds out whether it can be used, as far as one request tells that. It may still be that nothing can be written.
    ///
    /// # Errors
    ///
    /// When there is no such bucket, when it cannot be reached, or when the credentials are refused altogether.
    pub(crate) async fn probe(&self) -> Result<(), Refusal> {
        let found = self.attempts(PROBE, PROBE_TRIES, |said| {
            self.get(PROBE, GetOptions::default(), said)
        });
        match found.await {
            // whoever may only write gets the latter
            Ok(_) | Err(Refusal::Taken | Refusal::Denied(_) | Refusal::Unfit(_)) => Ok(()),
            Err(Refusal::Failed(why)) => {
                let message = format!("{why}: check the network and the endpoint");
                Err(Refusal::Failed(message))
            }
            Err(refusal) => Err(refusal),
        }
    }

    /// Creates the object `name`, all at once.
    ///
    /// # Errors
    ///
    /// [`Refusal::Taken`] if there is one: perhaps this one, if a response has been lost.
    pub(crate) async fn create(&self, name: &str, contents: &Contents) -> Result<Tag, Refusal> {
        self.put(name, contents, PutMode::Create).await
    }

    /// Creates the object `name`, unless there is another one. Returns whether it is this one: also if an earlier request has
    /// created it, whose response was lost.
    ///
    /// # Errors
    ///
    /// When it cannot be created, or the store does not tell whose it is.
    pub(crate) async fn ensure(&self, name: &str, contents: &Contents) -> Result<bool, Refusal> {
        for _ in 0..MOST_VANISHED {
            match self.create(name, contents).await {
                Err(Refusal::Taken) => {}
                created => return created.map(|_| true),
            }
            if let Some(object) = self.look(name).await? {
                return Ok(contents.is(&object));
            }
        }
        Err(Refusal::Failed(vanished(&self.address.of(name))))
    }

    /// Replaces the object `name`, all at once, as long as it is still the one with this `tag`.
    ///
    /// # Errors
    ///
    /// [`Refusal::Taken`] if there is another one, or none.
    pub(crate) async fn replace(
        &self,
        name: &str,
        contents: &Contents,
        tag: &Tag,
    ) -> Result<Tag, Refusal> {
        let version = UpdateVersion {
            e_tag: tag.etag.clone(),
            version: tag.version.clone(),
        };
        self.put(name, contents, PutMode::Update(version)).await
    }

    /// The object `name`, if it exists.
    ///
    /// # Errors
    ///
    /// When that cannot be found out.
    pub(crate) async fn look(&self, name: &str) -> Result<Option<Object>, Refusal> {
        let options = GetOptions::default().with_head(true);
        let found = self.attempts(name, MOST_TRIES, |said| {
            self.get(name, options.clone(), said)
        });
        Ok(found.await?.as_ref().map(object))
    }

    /// Writes the object `name` to `file`, if it exists, or only this `range` of its bytes.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or the file cannot be written.
    pub(crate) async fn read(
        &self,
        name: &str,
        range: Option<Range<u64>>,
        file: &File,
    ) -> Result<Option<Object>, Refusal> {
        let options = &GetOptions::default().with_range(range);
        let read = self.attempts(name, MOST_TRIES, |said| async move {
            let Some(found) = self.get(name, options.clone(), said).await? else {
                return Ok(None);
            };
            let object = object(&found);
            let written = write(found, file).await?;
            Ok(Some(written.map(|()| object)))
        });
        let local = |error| Refusal::Failed(format!("`{}`: {error}", self.address.of(name)));
        read.await?.transpose().map_err(local)
    }

    /// Gives the object `name` the name `to`, and replaces what has that.
    ///
    /// # Errors
    ///
    /// When it is not there, or cannot be copied or removed.
    pub(crate) async fn rename(&self, name: &str, to: &str) -> Result<(), Refusal> {
        let (from, to) = (self.path(name)?, self.path(to)?);
        self.attempts(name, MOST_TRIES, |_| self.store.copy(&from, &to))
            .await?;
        let deleted = self.attempts(name, MOST_TRIES, |_| async {
            match self.store.delete(&from).await {
                // by an earlier request, whose response was lost
                Err(object_store::Error::NotFound { .. }) => Ok(()),
                deleted => deleted,
            }
        });
        deleted.await
    }

    async fn put(&self, name: &str, contents: &Contents, mode: PutMode) -> Result<Tag, Refusal> {
        let path = self.path(name)?;
        let path = &path;
        let put = self.attempts(name, MOST_TRIES, |said| {
            let mode = mode.clone();
            async move {
                let upload = Upload {
                    file: Arc::clone(&contents.file),
                    length: contents.bytes,
                    signer: self.signing.signer(contents.sha256).await?,
                };
                let mut extensions = Extensions::new();
                extensions.insert(upload);
                extensions.insert(said);
                let options = PutOptions {
                    mode,
                    attributes: attributes(contents),
                    extensions,
                    ..PutOptions::default()
                };
                self.store.put_opts(path, PutPayload::new(), options).await
            }
        });
        let PutResult { e_tag, version, .. } = put.await?;
        Ok(Tag {
            etag: e_tag,
            version,
        })
    }

    /// The response to a request for the object `name`; none if there is no such object.
    async fn get(
        &self,
        name: &str,
        mut options: GetOptions,
        said: Said,
    ) -> object_store::Result<Option<GetResult>> {
        let path = Path::parse(self.address.key(name))?;
        options.extensions.insert(said.clone());
        match self.store.get_opts(&path, options).await {
            Err(object_store::Error::NotFound { .. }) if !says_no_bucket(&said) => Ok(None),
            found => found.map(Some),
        }
    }

    fn path(&self, name: &str) -> Result<Path, Refusal> {
        let path = Path::parse(self.address.key(name));
        path.map_err(|error| Refusal::Unfit(error.to_string()))
    }

    /// Sends a request about the object `name`, up to `most` times.
    pub(super) async fn attempts<T, F: Future<Output = object_store::Result<T>>>(
        &self,
        name: &str,
        most: u32,
        attempt: impl Fn(Said) -> F,
    ) -> Result<T, Refusal> {
        let since = Instant::now();
        for number in 1.. {
            let said = Said::default();
            let error = match attempt(said.clone()).await {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            let failed = Failed {
                address: &self.address,
                name,
                error: &error,
                said: &said.get(),
                lacks_credentials: self.connector.lacks_credentials(),
            };
            let refusal = failed.refusal();
            // a connection that the store has closed meanwhile says nothing of the store
            let is_lost = number == 1 && failed.said.status.is_none();
            let own = if is_lost {
                Duration::ZERO
            } else {
                self.pause(number)
            };
            let pause = failed.passes().map(|least| least.max(own));
            let pause = pause.filter(|pause| {
                number < most && since.elapsed().saturating_add(*pause) < MOST_TIME
            });
            let Some(pause) = pause else {
                return Err(refusal);
            };
            let seconds = pause.as_secs_f64();
            tracing::info!("{refusal}; again in {seconds:.1} s");
            tokio::time::sleep(pause).await;
        }
        unreachable!("it ends when there have been enough of them")
    }

    /// The pause after the try with this `number`, from 1: longer each time, and never the same for two that fail at once.
    fn pause(&self, number: u32) -> Duration {
        let longest = self.options.delay.saturating_mul(1 << number.min(16));
        longest
            .min(LONGEST_PAUSE)
            .mul_f64(0.5 + fastrand::f64() / 2.0)
    }
}

/// Writes the body of a response to `file`, in place of what it has. The inner result is that of the file.
async fn write(found: GetResult, mut file: &File) -> object_store::Result<io::Result<()>> {
    let emptied = file.set_len(0).and_then(|()| file.rewind());
    if emptied.is_err() {
        return Ok(emptied);
    }
    let mut pieces = found.into_stream();
    while let Some(piece) = pieces.next().await {
        let written = file.write_all(&piece?);
        if written.is_err() {
            return Ok(written);
        }
    }
    Ok(Ok(()))
}

fn says_no_bucket(said: &Said) -> bool {
    let code = said.get().code;
    matches!(code.as_deref(), Some("NoSuchBucket" | "ContainerNotFound"))
}

/// What is stored with an object.
fn attributes(contents: &Contents) -> Attributes {
    let mut url = utf8_percent_encode(&contents.url, CONTROLS).to_string();
    url.truncate(LONGEST_URL);
    let mut attributes = Attributes::new();
    attributes.insert(Attribute::ContentType, contents.media_type.into());
    for (name, value) in [
        (IDENTITY, contents.identity.clone()),
        (SHA256, contents.sha256.digits()),
        (URL, url),
    ] {
        attributes.insert(Attribute::Metadata(name.into()), value.into());
    }
    attributes
}

fn object(found: &GetResult) -> Object {
    let metadata = |name: &'static str| {
        let value = found.attributes.get(&Attribute::Metadata(name.into()));
        value.map(|value| value.as_ref().to_owned())
    };
    Object {
        tag: Tag {
            etag: found.meta.e_tag.clone(),
            version: found.meta.version.clone(),
        },
        bytes: found.meta.size,
        identity: metadata(IDENTITY),
        sha256: metadata(SHA256),
    }
}
