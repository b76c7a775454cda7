//! Checks the objects of a bucket against the journal.
//!
//! A list of all objects tells their lengths and `ETag`s, a request for a thousand of them. An object with another `ETag` than
//! the one that was uploaded may have been copied: then its metadata tell whether it has the bytes of the file, by SHA-256. With
//! `is_deep`, each object is read and checked as the file of a folder is.
//!
//! A file in a tar is there if its tar is, and is long enough for it. With `is_deep`, its part of the tar is read. A tar that has not been
//! uploaded yet is in the state folder, and its files are checked as those of a folder are.
//!
//! Memory holds some tens of bytes for each file of the journal.

use std::collections::HashMap;
use std::io::Seek;
use std::ops::Range;

use anyhow::{Context, anyhow};
use futures_util::StreamExt;
use futures_util::stream::iter;
use tokio::runtime::Runtime;

use super::Problem::{Changed, Missing, NotPdf, Unreadable};
use super::{Findings, Problem, each_file, problem, read};
use crate::bucket::{self, Bucket, Listed, Refusal};
use crate::digest::{Checksum, fingerprint};
use crate::pdf::PdfVerdict;
use crate::runtime::alone;
use crate::store::{Files, Layout, SavedLine, begin_journal, object_of};
use crate::system::limits::explained;
use crate::text::printable;

/// How many objects are asked for at once.
const AT_ONCE: usize = 16;

/// The folder of what the program keeps for itself.
const OWN: &str = ".fetchpdf/";

/// What a list says of an object.
#[derive(Debug, Clone, Copy)]
struct Seen {
    bytes: u64,
    etag: Option<u64>,
}

/// A file whose object has to be asked for.
#[derive(Debug)]
struct Doubt {
    url: String,
    file: String,
    bytes: u64,
    /// Which bytes of its tar it is; none if it is in no tar.
    range: Option<Range<u64>>,
    checksum: Option<Checksum>,
}

/// Checks the object of every file in the journal of `layout`: that it is there, with the length and the `ETag` that it had; and
/// if that `is_deep`, its bytes.
///
/// # Errors
///
/// When there is no journal, or the journal or the bucket cannot be read.
pub(crate) fn verify_bucket(
    layout: &Layout,
    options: &bucket::Options,
    is_deep: bool,
) -> anyhow::Result<Findings> {
    let address = layout.bucket().ok_or_else(|| anyhow!("it is no bucket"))?;
    let cannot_use = || format!("cannot use the state in `{}`", layout.state().display());
    layout.claim().with_context(cannot_use)?;
    let bucket = Bucket::open(address, options)?;
    let runtime = alone().map_err(explained)?;
    // nothing is written to a folder that has a journal
    let begun = runtime.block_on(begin_journal(layout, options, None));
    begun.map_err(|why| anyhow!("{why}"))?;
    let mut objects = HashMap::new();
    each_file(layout, |line| {
        objects.insert(fingerprint(object_of(&line.file)), None);
        Ok(())
    })?;
    let unknown = runtime
        .block_on(look(&bucket, &mut objects))
        .map_err(|refusal| told(&refusal))?;
    let mut checking = Checking {
        files: Files::of(layout),
        bucket: &bucket,
        runtime: &runtime,
        is_deep,
        doubts: Vec::with_capacity(AT_ONCE),
        findings: Findings {
            unknown: Some(unknown),
            ..Findings::default()
        },
    };
    each_file(layout, |line| {
        let object = object_of(&line.file);
        let seen = objects.get(&fingerprint(object)).copied().flatten();
        if object == line.file {
            checking.check(line, seen)
        } else {
            checking.check_packed(line, seen)
        }
    })?;
    checking.finish()
}

fn told(refusal: &Refusal) -> anyhow::Error {
    anyhow!("{refusal}")
}

/// Notes what the list says of these `objects`, by the fingerprints of their names. Returns the number of others.
async fn look(bucket: &Bucket, objects: &mut HashMap<u64, Option<Seen>>) -> Result<u64, Refusal> {
    let mut unknown = 0;
    let listing = bucket.list("", |name, Listed { bytes, etag }| {
        if let Some(seen) = objects.get_mut(&fingerprint(name)) {
            let etag = etag.as_deref().map(fingerprint);
            *seen = Some(Seen { bytes, etag });
        } else if !name.starts_with(OWN) {
            tracing::info!("{}: unknown", printable(name));
            unknown += 1;
        }
    });
    listing.await?;
    Ok(unknown)
}

/// What is found out about the files of a journal.
struct Checking<'a> {
    files: Files,
    bucket: &'a Bucket,
    runtime: &'a Runtime,
    is_deep: bool,
    doubts: Vec<Doubt>,
    findings: Findings,
}

impl Checking<'_> {
    fn check(&mut self, line: &SavedLine, seen: Option<Seen>) -> anyhow::Result<()> {
        let etag = line.object_etag.as_deref().map(fingerprint);
        match seen {
            None => self.findings.add(line, Some(Missing)),
            Some(seen) if seen.bytes != line.bytes => self.findings.add(line, Some(Changed)),
            Some(seen) if !self.is_deep && etag.is_some() && etag == seen.etag => {
                self.findings.add(line, None);
            }
            Some(_) => return self.doubt(line, None),
        }
        Ok(())
    }

    /// Checks a file that is in a tar, of which the list says what it has `seen`.
    fn check_packed(&mut self, line: &SavedLine, seen: Option<Seen>) -> anyhow::Result<()> {
        if self.files.are_in_open_tar(&line.file) {
            self.findings
                .add(line, problem(&self.files, line, &line.file));
            return Ok(());
        }
        let begin = self.files.offset(&line.file);
        let range = begin.map(|begin| begin..begin.saturating_add(line.bytes));
        match (seen, range) {
            (Some(seen), Some(range)) if range.end > seen.bytes => {
                self.findings.add(line, Some(Changed));
            }
            (Some(_), Some(range)) if self.is_deep => return self.doubt(line, Some(range)),
            (Some(_), Some(_)) => self.findings.add(line, None),
            (None, _) | (_, None) => self.findings.add(line, Some(Missing)),
        }
        Ok(())
    }

    fn doubt(&mut self, line: &SavedLine, range: Option<Range<u64>>) -> anyhow::Result<()> {
        self.doubts.push(Doubt {
            url: line.url.to_string(),
            file: line.file.to_string(),
            bytes: line.bytes,
            range,
            checksum: line.checksums().into_iter().max_by_key(Checksum::algorithm),
        });
        if self.doubts.len() >= AT_ONCE {
            self.settle()?;
        }
        Ok(())
    }

    fn finish(mut self) -> anyhow::Result<Findings> {
        self.settle()?;
        Ok(self.findings)
    }

    /// Asks for the objects in doubt.
    fn settle(&mut self) -> anyhow::Result<()> {
        let (bucket, is_deep) = (self.bucket, self.is_deep);
        let asked = self.doubts.drain(..).map(|doubt| async move {
            let problem = if is_deep {
                doubt.by_bytes(bucket).await
            } else {
                doubt.by_metadata(bucket).await
            };
            (doubt, problem)
        });
        let asked = iter(asked).buffered(AT_ONCE).collect::<Vec<_>>();
        for (doubt, problem) in self.runtime.block_on(asked) {
            let problem = problem.map_err(|refusal| told(&refusal))?;
            self.findings.add_file(&doubt.url, &doubt.file, problem);
        }
        Ok(())
    }
}

impl Doubt {
    /// What is wrong with the object, as far as its metadata tell.
    async fn by_metadata(&self, bucket: &Bucket) -> Result<Option<Problem>, Refusal> {
        let Some(object) = bucket.look(&self.file).await? else {
            return Ok(Some(Missing));
        };
        let sha256 = object.sha256.as_deref().and_then(Checksum::of_sha256);
        let is_it = object.bytes == self.bytes && sha256.is_some() && sha256 == self.checksum;
        Ok((!is_it).then_some(Changed))
    }

    /// What is wrong with its bytes.
    async fn by_bytes(&self, bucket: &Bucket) -> Result<Option<Problem>, Refusal> {
        let unreadable = |why: &dyn std::fmt::Display| {
            tracing::warn!("{}: {why}", printable(&self.file));
            Ok(Some(Unreadable))
        };
        let mut file = match tempfile::tempfile() {
            Ok(file) => file,
            Err(error) => return unreadable(&error),
        };
        let object = object_of(&self.file);
        match bucket.read(object, self.range.clone(), &file).await {
            Ok(Some(_)) => {}
            Ok(None) => return Ok(Some(Missing)),
            Err(refusal @ (Refusal::Denied(_) | Refusal::Impossible(_))) => return Err(refusal),
            Err(refusal) => return unreadable(&refusal),
        }
        let read = file.rewind().and_then(|()| read(&file, self.checksum));
        match read {
            Err(error) => unreadable(&error),
            Ok((PdfVerdict::NotPdf(_), _)) => Ok(Some(NotPdf)),
            Ok((_, found)) => Ok((found != self.checksum).then_some(Changed)),
        }
    }
}
