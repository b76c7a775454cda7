//! The report as a page: one HTML file that shows what became of a list, for people who look at it in a browser.
//!
//! ```text
//!  records ──► Tally: counts, times, hosts, failures ──► page ──► temporary file ──► renamed
//!              bounded, whatever the list                 written at the start, from time to time, and at the end
//! ```
//!
//! - The page stands alone: it loads nothing, and its Content-Security-Policy allows only the style and the script that are in it,
//!   by their hashes. The script filters and sorts the tables that are there. Without it, everything can be read.
//! - Most of the text comes from strangers: URLs, titles of pages, names of files. All of it is escaped, and only URLs with http or
//!   https become links, without a referrer. A URL that grants access by itself is shown without its secret and is no link,
//!   because pages are passed on more easily than lists are.
//! - A page always replaces the one before as a whole, so that there is one that can be read whenever the run ends, however it does.

mod failures;
mod host_table;
mod page;
mod tally;
mod timeline;

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::Context;
use parking_lot::Mutex;

pub(crate) use page::Page;
pub(crate) use tally::Tally;

use super::Report;
use crate::outcome::Record;

/// Whether a report with this name is a page.
pub(super) fn is_page(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default();
    ["html", "htm"]
        .iter()
        .any(|page| extension.eq_ignore_ascii_case(page))
}

/// A page about a run, which is written while the run is under way.
pub(super) struct HtmlReport {
    path: PathBuf,
    /// Where the files are.
    folder: String,
    /// What has the records of all links.
    records: String,
    tally: Mutex<Tally>,
    /// Whether the last page has been written. Held while one is.
    is_last: Mutex<bool>,
}

impl HtmlReport {
    /// Writes the first page to `path`, about a run whose files are in `folder`, and whose `records` are all there.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub(super) fn create(path: &Path, folder: String, records: String) -> anyhow::Result<Self> {
        let mut tally = Tally::default();
        tally.begin(SystemTime::now());
        let report = Self {
            path: path.to_owned(),
            folder,
            records,
            tally: Mutex::new(tally),
            is_last: Mutex::new(false),
        };
        let created = report.write(None);
        created.with_context(|| format!("cannot create `{}`", path.display()))?;
        Ok(report)
    }

    /// Counts a link that has ended at `host`, which is empty if no host has to do with it.
    pub(super) fn count(&self, host: &str, record: &Record) {
        let now = Some(SystemTime::now());
        self.tally.lock().count(host, record, now);
    }

    /// Takes back that a link was counted.
    pub(super) fn uncount(&self, host: &str, record: &Record) {
        self.tally.lock().uncount(host, record);
    }

    /// Counts a pause of `host`.
    pub(super) fn count_pause(&self, host: &str) {
        self.tally.lock().count_pause(host);
    }

    /// Writes the page, with the result of the run if it has ended. After that one, there is no other.
    pub(super) fn write(&self, report: Option<&Report>) -> io::Result<()> {
        let mut is_last = self.is_last.lock();
        if *is_last {
            return Ok(());
        }
        *is_last = report.is_some();
        let page = Page {
            tally: &self.tally.lock(),
            report,
            folder: Some(&self.folder),
            records: &self.records,
            ignored: 0,
        }
        .to_string();
        replace(&self.path, page.as_bytes())
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// Replaces the file `path` as a whole. A device or a pipe of that name is written to.
pub(crate) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let target = match path.metadata() {
        Ok(metadata) if !metadata.is_file() => return File::create(path)?.write_all(content),
        // of a symbolic link, the file is replaced
        Ok(_) => path.canonicalize()?,
        Err(_) => path.to_owned(),
    };
    let mut name = target.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary = target.with_file_name(name);
    let written = fs::write(&temporary, content).and_then(|()| fs::rename(&temporary, &target));
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written
}
