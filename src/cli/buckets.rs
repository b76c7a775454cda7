//! Options for object stores, and what other options mean there.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use clap::error::ErrorKind;
use tempfile::TempDir;

use super::files::FileArgs;
use super::refusal;
use super::values::jobs;
use crate::bucket::Address;
use crate::store::{Dedupe, Layout};

/// Enough to fill a connection in a data center, and few enough for a server at home.
const DEFAULT_UPLOADS: NonZeroUsize = NonZeroUsize::new(16).expect("not zero");

#[derive(Debug, Args)]
#[command(next_help_heading = "Object stores")]
pub(super) struct BucketArgs {
    /// Maximum number of concurrent uploads, independent of `--jobs`
    #[arg(long, value_name = "N", default_value_t = DEFAULT_UPLOADS, value_parser = jobs)]
    pub(super) uploads: NonZeroUsize,
    /// If there are no other credentials, ask the metadata service of the machine for them
    #[arg(long)]
    pub(super) instance_credentials: bool,
}

/// Where a run into `output` keeps what. Ends the process if that is a bucket and an option makes no sense there.
pub(super) fn layout(output: PathBuf, state: Option<PathBuf>, files: &FileArgs) -> Layout {
    let Some(address) = address(&output) else {
        return Layout::new(output, state);
    };
    if let Some(option) = option_for_folders(files) {
        refuse(&format!(
            "`{option}` cannot be used with `--output {address}`: it is for folders"
        ));
    }
    match state {
        Some(state) => Layout::in_bucket(address, state),
        None => refuse(&format!(
            "`--output {address}` needs `--state DIR`, a folder for the journal and partials, such as `--state {}.state`",
            address.name()
        )),
    }
}

/// What `verify` checks.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) layout: Layout,
    /// The state folder, if the journal is in the bucket only.
    _state: Option<TempDir>,
}

/// Where a run into `output` has kept what, for checking it. Ends the process if that has no state for files that are fetched
/// again.
///
/// # Errors
///
/// When there can be no temporary folder.
pub(super) fn verified(
    output: PathBuf,
    state: Option<PathBuf>,
    refetch: bool,
) -> anyhow::Result<Place> {
    let Some(address) = address(&output) else {
        return Ok(Place {
            layout: Layout::new(output, state),
            _state: None,
        });
    };
    if let Some(state) = state {
        return Ok(Place {
            layout: Layout::in_bucket(address, state),
            _state: None,
        });
    }
    if refetch {
        refuse(&format!("`--refetch` needs `--state DIR` for `{address}`"));
    }
    let state = tempfile::tempdir().context("cannot create a temporary folder")?;
    Ok(Place {
        layout: Layout::in_bucket(address, state.path().to_owned()),
        _state: Some(state),
    })
}

/// The folder `output` of a command that knows no buckets. Ends the process if it is a bucket.
pub(super) fn folder(output: PathBuf, command: &str) -> PathBuf {
    if let Some(address) = address(&output) {
        refuse(&format!(
            "`fetchpdf {command}` cannot be used with `{address}`: it is for folders"
        ));
    }
    output
}

/// The name in `output` if it can be that of a PDF: a file, or nothing yet, whose name ends in `.pdf`.
pub(super) fn file_name(output: &std::path::Path) -> Option<String> {
    let name = output.file_name()?.to_str()?;
    let is_pdf = name.len() > 4 && name.to_ascii_lowercase().ends_with(".pdf");
    let is_folder = output.is_dir() || Address::parse(output.to_str()?).is_some();
    let ends_open = output.as_os_str().as_encoded_bytes().ends_with(b"/");
    (is_pdf && !is_folder && !ends_open).then(|| name.to_owned())
}

/// The address in `output`; none if that is a folder.
fn address(output: &std::path::Path) -> Option<Address> {
    let parsed = Address::parse(output.to_str()?)?;
    Some(parsed.unwrap_or_else(|why| refuse(&format!("`{}`: {why}", output.display()))))
}

/// The first option that makes no sense in a bucket.
fn option_for_folders(files: &FileArgs) -> Option<&'static str> {
    let options = [
        (files.dedupe == Dedupe::Hardlink, "--dedupe hardlink"),
        (files.remote_time, "--remote-time"),
        (files.skip_existing, "--skip-existing"),
    ];
    let set = options.into_iter().find(|(is_set, _)| *is_set);
    set.map(|(_, option)| option)
}

fn refuse(message: &str) -> ! {
    refusal::refuse(ErrorKind::ArgumentConflict, message)
}
