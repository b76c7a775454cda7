//! Checks the files of an output folder against its journal.
//!
//! The journal is read twice, so that memory holds some bytes per link and not the whole journal: first to find the record of
//! each link that applies, as for the next run, then to check the file of that record. A file that is not in its place is looked
//! for as the next run would.

mod bucket;

use std::collections::HashMap;
use std::fmt;
use std::io::{self, ErrorKind, Read, Seek};
use std::sync::Arc;

use anyhow::Context;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use self::Problem::{Changed, Missing, NotPdf, Renamed, Suspect, Unreadable};
pub(crate) use self::bucket::verify_bucket;
use crate::digest::{Checksum, Hasher};
use crate::link::identity;
use crate::links::{self, Input};
use crate::outcome::{Saved, nanoseconds};
use crate::pdf::{Check, PdfVerdict};
use crate::plan::{self, Identity, Inventory, Trace};
use crate::run::Config;
use crate::store::{
    Archive, Detail, Files, History, Layout, Packing, SavedLine, each_saved, open_journal,
};
use crate::text::{legible, printable};

/// The result of checking an output folder. [`fmt::Display`] is the summary.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// Number of files that match the journal.
    pub good: u64,
    /// The files that do not.
    pub bad: Vec<Finding>,
    /// The good files that may be damaged.
    pub suspect: Vec<Finding>,
    /// The good files that have another name now.
    pub renamed: Vec<Finding>,
    /// Number of objects that the journal does not name; none for folders.
    pub unknown: Option<u64>,
}

/// A file that does not match the journal.
#[derive(Debug)]
pub(crate) struct Finding {
    /// The URL of the link that the file was saved for.
    pub url: String,
    /// The path of the file in the output folder.
    pub file: String,
    /// What is wrong with it.
    pub problem: Problem,
    /// Why, where the journal tells, printable.
    pub why: Option<String>,
}

/// What is wrong with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Problem {
    /// The file does not exist.
    Missing,
    /// Its length or its checksum differs, or, if the journal has no checksum, its modification time and its end.
    Changed,
    /// It is not a PDF.
    NotPdf,
    /// It cannot be read.
    Unreadable,
    /// It is as it was saved, but was odd then: no reason to fetch it again.
    Suspect,
    /// It is as it was saved, but has another name.
    Renamed,
}

/// Checks every file in the journal of `layout`: its length, its checksum if that is known, and that it is a PDF.
///
/// # Errors
///
/// When there is no journal, or the journal cannot be read.
pub(crate) fn verify(layout: &Layout) -> anyhow::Result<Findings> {
    let (files, mut findings) = (Files::of(layout), Findings::default());
    let mut archive = None;
    each_file(layout, |line| {
        let mut problem = problem(&files, line, &line.file);
        if problem == Some(Missing) {
            let archive = match &mut archive {
                Some(archive) => archive,
                none => none.insert(archive_of(layout)?),
            };
            match archive.trace(line.id(&Identity::Recorded)) {
                Trace::Found(found) => {
                    let now = &found.saved.file;
                    problem = self::problem(&files, line, now);
                    if problem.is_none() {
                        findings.add_renamed(line, now);
                    }
                }
                // a copy beside a file that somebody has changed: the next run does not fetch it again, either
                Trace::Adopted(_) => {
                    findings.good += 1;
                    return Ok(());
                }
                Trace::Lost | Trace::Changed => {}
            }
        }
        findings.add(line, problem);
        Ok(())
    })?;
    Ok(findings)
}

/// What the next run would know about the files of `layout`.
fn archive_of(layout: &Layout) -> anyhow::Result<Archive> {
    let history = History::of(layout, Detail::Files, Identity::Recorded);
    let history = history.with_context(|| layout.cannot_read())?;
    Ok(Archive::new(
        layout,
        Arc::new(history),
        CancellationToken::new(),
    ))
}

/// Calls `see` with the record of each file that should be there.
fn each_file(
    layout: &Layout,
    mut see: impl FnMut(&SavedLine) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let files = Files::of(layout);
    let unreadable = || layout.cannot_read();
    let each = |see: &mut dyn FnMut(u64, u64, &SavedLine)| {
        let mut number = 0;
        let journal = open_journal(layout);
        if matches!(&journal, Err(error) if error.kind() == ErrorKind::NotFound) {
            anyhow::bail!(layout.no_journal());
        }
        let journal = journal.with_context(unreadable)?;
        let read = each_saved(journal, |line| {
            number += 1;
            see(line.id(&Identity::Recorded), number, line);
        });
        read.with_context(unreadable)
    };
    let history =
        History::of(layout, Detail::Files, Identity::Recorded).with_context(unreadable)?;
    // of several records of the same file, the last one applies: it may have another hash
    let mut last = HashMap::new();
    each(&mut |id, number, line| {
        let saved = line.to_saved();
        let expected = history.expected(id, |saved| files.has(saved));
        let is_it = |expected: Saved| {
            let found = (&saved.file, saved.bytes, saved.modified);
            found == (&expected.file, expected.bytes, expected.modified)
        };
        if expected.is_some_and(is_it) {
            last.insert(id, number);
        }
    })?;
    let mut seen = Ok(());
    each(&mut |id, number, line| {
        if seen.is_ok() && last.get(&id) == Some(&number) {
            seen = see(line);
        }
    })?;
    seen
}

/// What is wrong with the file of a record, which is called `name` now.
fn problem(files: &Files, line: &SavedLine, name: &str) -> Option<Problem> {
    let Some(found) = files.find(name) else {
        return Some(if files.is_taken(name) {
            Changed
        } else {
            Missing
        });
    };
    if found.length != line.bytes {
        return Some(Changed);
    }
    let checksum = line.checksums().into_iter().max_by_key(Checksum::algorithm);
    // a folder that was copied has other times
    let is_as_saved = checksum.is_some() || nanoseconds(found.modified) == line.mtime_ns;
    let read = files.open(name).and_then(|file| read(file, checksum));
    match read {
        Err(_) => Some(Unreadable),
        Ok((PdfVerdict::NotPdf(_), _)) => Some(NotPdf),
        Ok((PdfVerdict::Suspect(_), _)) if !is_as_saved && !line.is_suspect() => Some(Changed),
        Ok((_, found)) => (found != checksum).then_some(Changed),
    }
}

/// Checks a file, and computes the same `checksum` if that is known.
fn read(
    mut file: impl Read + Seek,
    checksum: Option<Checksum>,
) -> io::Result<(PdfVerdict, Option<Checksum>)> {
    let mut check = Check::default();
    let algorithm = checksum.as_ref().map(Checksum::algorithm);
    let mut hasher = Hasher::new(algorithm.as_slice());
    let mut buffer = vec![0; 256 * 1024];
    while let length @ 1.. = file.read(&mut buffer)? {
        let bytes = &buffer[..length];
        if let Err(kind) = check.update(bytes) {
            return Ok((PdfVerdict::NotPdf(kind), None));
        }
        hasher.update(bytes);
    }
    Ok((check.finish(|| Ok(&mut file))?, hasher.finish().pop()))
}

impl Findings {
    fn add(&mut self, line: &SavedLine, problem: Option<Problem>) {
        if problem.is_none()
            && let Some(why) = line.suspect()
        {
            let mut finding = Finding::new(&line.url, &line.file, Suspect);
            finding.why = Some(printable(why));
            self.suspect.push(finding);
        }
        self.add_file(&line.url, &line.file, problem);
    }

    fn add_renamed(&mut self, line: &SavedLine, now: &str) {
        let mut finding = Finding::new(&line.url, &line.file, Renamed);
        finding.why = Some(format!("now `{}`", printable(now)));
        self.renamed.push(finding);
    }

    fn add_file(&mut self, url: &str, file: &str, problem: Option<Problem>) {
        match problem {
            None => self.good += 1,
            Some(problem) => self.bad.push(Finding::new(url, file, problem)),
        }
    }

    /// A run that fetches the bad files again.
    pub(crate) fn refetch(&self, config: Config) -> Config {
        let urls = || self.bad.iter().map(|finding| &finding.url);
        let packed = self
            .bad
            .iter()
            .find_map(|finding| Packing::like(&finding.file));
        // those of the user say nothing about these links
        let mut lists = links::Options::default();
        lists.columns.ids = Arc::clone(&config.lists.columns.ids);
        Config {
            // in the place of what it replaces
            packing: packed.or(config.packing),
            inputs: self.bad.iter().map(Finding::input).collect(),
            lists: Arc::new(lists),
            forget: urls().map(|url| identity(url)).collect(),
            // the columns that another one may need are not there
            plan: plan::Options {
                identity: Identity::Url,
                // what is in the folder is of any shard
                selection: None,
                ..config.plan
            },
            ..config
        }
    }

    /// What to do about the bad files.
    pub(crate) fn next(&self) -> Option<&'static str> {
        let next = "the same command with `--refetch` fetches these files again; changed ones stay beside the new copies";
        (!self.bad.is_empty()).then_some(next)
    }

    /// The exit code: 0 if every file matches the journal, else 1.
    pub(crate) fn exit_code(&self) -> u8 {
        u8::from(!self.bad.is_empty())
    }
}

impl Finding {
    fn new(url: &str, file: &str, problem: Problem) -> Self {
        Self {
            url: url.to_owned(),
            file: file.to_owned(),
            problem,
            why: None,
        }
    }

    /// Its link as a record that has the name of its file, which options may have given it; in a tar, the link has a key.
    fn input(&self) -> Input {
        let Self { url, file, .. } = self;
        let record = json!({"schema": 1, "status": "present", "url": url, "name": file});
        Input::Url(match Packing::like(file) {
            Some(_) => url.clone(),
            None => record.to_string(),
        })
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "good        {}", self.good)?;
        if !self.suspect.is_empty() {
            let suspect = self.suspect.len();
            writeln!(
                f,
                "suspect     {suspect} of these may be damaged: open them to see"
            )?;
        }
        if !self.renamed.is_empty() {
            let renamed = self.renamed.len();
            writeln!(f, "renamed     {renamed} of these found under another name")?;
        }
        for problem in [Missing, Changed, NotPdf, Unreadable] {
            let found = self.bad.iter().filter(|bad| bad.problem == problem);
            writeln!(f, "{problem:<12}{}", found.count())?;
        }
        if let Some(unknown) = self.unknown {
            writeln!(f, "unknown     {unknown}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", printable(&self.file), self.problem)?;
        if let Some(why) = &self.why {
            write!(f, ": {why}")?;
        }
        write!(f, ": {}", legible(&self.url))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Missing => "missing",
            Changed => "changed",
            NotPdf => "not_pdf",
            Unreadable => "unreadable",
            Suspect => "suspect",
            Renamed => "renamed",
        })
    }
}
