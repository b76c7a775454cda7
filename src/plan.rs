//! The plan: what to do for each line of the list, in list order.
//!
//! Owns the identities of links, which tell duplicates and existing files, and the names of their files. Names are given in
//! list order, so they are the same in every mode. Knows nothing of HTTP, threads or how files are stored: the store
//! implements [`Inventory`].

mod candidates;
mod chain;
mod identity;
mod job;
pub(crate) mod name;
pub(crate) mod template;
mod trail;

use std::io;
use std::sync::Arc;

use crate::digest::{Checksum, Fingerprints};
use crate::id::Ids;
use crate::link::{BadLink, Link};
use crate::outcome::{Outcome, Record, Saved};
use crate::shard::Selection;
pub(crate) use candidates::{Candidates, Finding, Findings, Followed, Trust};
pub(crate) use identity::Identity;
use job::nth_name;
pub(crate) use job::{Held, Job, Sighting};
pub(crate) use template::Template;
pub(crate) use trail::Trail;

/// How files are named.
#[derive(Debug, Clone, Default)]
pub(crate) struct Naming {
    /// The template for their paths; without one, the name comes from the list, the URL or the server.
    pub template: Option<Template>,
    /// Whether they are spread over 65,536 folders by a hash of their URLs: `ab/cd/name.pdf`.
    pub shard: bool,
}

impl Naming {
    /// Whether names depend on the contents of the files.
    pub(crate) fn needs_hash(&self) -> bool {
        self.template.as_ref().is_some_and(Template::needs_hash)
    }

    /// The path of the file of `job`, before it is made unique. `suggested` is the server's name for it.
    fn base(&self, job: &Job, suggested: Option<&str>, sha256: Option<&str>) -> String {
        let usual = || {
            if job.candidates.way().is_some() {
                return name::of_found(&job.candidates, suggested);
            }
            let url = job.candidates.first();
            let suggested = suggested.filter(|_| !name::is_said_by(url));
            let suggested = suggested.and_then(name::safe);
            suggested.unwrap_or_else(|| name::of_url(url))
        };
        self.path(job, usual, sha256)
    }

    /// The same as planned, before anything is known but the URL of the line.
    fn planned(&self, job: &Job) -> String {
        self.path(job, || name::planned(&job.candidates), None)
    }

    fn path(&self, job: &Job, usual: impl Fn() -> String, sha256: Option<&str>) -> String {
        let listed = match job.listed_name() {
            Some(folder) if folder.ends_with('/') => {
                name::safe_path(&(folder.to_owned() + &usual()))
            }
            Some(path) => name::safe_path(path),
            None => None,
        };
        let name = listed.unwrap_or_else(usual);
        let path = match &self.template {
            Some(template) => template.path(job, &name, sha256).unwrap_or(name),
            None => name,
        };
        if !self.shard {
            return path;
        }
        let [a, b, ..] = job.id.to_be_bytes();
        format!("{a:02x}/{b:02x}/{path}")
    }
}

/// What to do for a line.
#[derive(Debug)]
pub(crate) enum Step {
    /// Fetch the link. In a box, because many wait in tables that are up to half empty.
    Fetch(Box<Job>),
    /// Nothing: the outcome is known without a request.
    Settled(Box<Record>),
    /// Nothing: the link has its file.
    Present(Box<Record>, Standing),
    /// Nothing: the line belongs to another shard.
    Elsewhere,
}

/// How an existing file is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Standing {
    /// Whether the journal does not know yet what it is called now, or which time it has.
    pub is_outdated: bool,
    /// Whether somebody has given it another name since.
    pub is_renamed: bool,
    /// Whether it was suspect when it was saved.
    pub is_suspect: bool,
}

/// What to do about an existing file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Existing {
    /// Keep it, without a request.
    #[default]
    Keep,
    /// Replace it if it has changed on the server.
    Update,
    /// Fetch it again, and replace it.
    Overwrite,
}

/// A file that an earlier run saved, with the validators of its response (RFC 9110 section 8.8), and what else is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
pub struct Previous {
    /// The file.
    pub saved: Saved,
    /// The `ETag`, if there was one.
    pub etag: Option<String>,
    /// The `Last-Modified`, if there was one.
    pub last_modified: Option<String>,
    /// The checksums that it had when it was saved, as far as they are known.
    pub checksums: Vec<Checksum>,
    /// Whether it was suspect then.
    pub is_suspect: bool,
    /// Whether its record is from a run that found it as it is, and did not fetch it.
    pub is_found: bool,
    /// Whether it was saved beside an earlier file of its link that somebody had changed.
    pub is_second: bool,
    /// Whether its record is not true any more: it has another name, or another time.
    pub is_outdated: bool,
    /// Whether somebody has given it another name since.
    pub is_renamed: bool,
}

impl Previous {
    /// A file of which nothing else is known.
    pub(crate) fn of(saved: Saved) -> Self {
        Self {
            saved,
            etag: None,
            last_modified: None,
            checksums: Vec::new(),
            is_suspect: false,
            is_found: false,
            is_second: false,
            is_outdated: false,
            is_renamed: false,
        }
    }

    /// Whether somebody has changed it, and a run has kept that as the file of its link.
    fn is_edited(&self) -> bool {
        self.saved.kept.is_some() || self.is_second && self.is_found
    }
}

/// What has become of the files that earlier runs saved for a link, if none is as it was saved.
#[derive(Debug)]
pub(crate) enum Trace {
    /// None is there any more, or there never was one.
    Lost,
    /// This is one of them: it only has another time or another name.
    Found(Previous),
    /// The last one has been changed since by somebody, to whom it belongs now.
    Changed,
    /// The same, for the second time: what was fetched in place of the first one has been changed, too, or removed. This file
    /// is what the user wants to have.
    Adopted(Previous),
}

/// What is known of the output folder before anything is fetched.
pub(crate) trait Inventory {
    /// The file that was last saved for the link with this identity, unless it has changed since.
    fn previous(&self, id: u64) -> Option<Previous>;

    /// What has become of the files of the link with this identity, none of which is as it was saved. May read files, and look
    /// through the folder.
    fn trace(&mut self, id: u64) -> Trace;

    /// Whether the file with this name is that of another link than the one with this identity.
    fn is_of_another(&self, name: &str, id: u64) -> bool;

    /// Whether the command for the file of the link with this identity has yet to run.
    fn awaits_exec(&self, id: u64) -> bool;

    /// The file with this name, whatever put it there, unless it is empty.
    fn file(&self, name: String) -> Option<Saved>;

    /// Whether a file has this checksum.
    fn matches(&self, file: &Previous, checksum: Checksum) -> bool;
}

/// How links become files.
#[derive(Debug, Clone, Default)]
pub(crate) struct Options {
    /// How files are named.
    pub naming: Arc<Naming>,
    /// What to do about existing files.
    pub existing: Existing,
    /// Whether an existing file with the name of a link counts as its file, unless it is known to be that of another link.
    pub skip_existing: bool,
    /// Whether a command is run for each file.
    pub exec: bool,
    /// What tells links apart.
    pub identity: Identity,
    /// Which links are taken; all if there is none.
    pub selection: Option<Selection>,
    /// What identifiers are, and where their PDFs are looked for.
    pub ids: Arc<Ids>,
}

/// Turns the lines of a list into steps, lazily.
pub(crate) struct Plan<L, I> {
    links: L,
    inventory: I,
    options: Options,
    index: u64,
    seen: Fingerprints,
    /// The links of other shards, if others of the same identity may have other hosts.
    elsewhere: Fingerprints,
    names: Fingerprints,
}

impl<L, I: Inventory> Plan<L, I> {
    /// A plan for `links` into the folder that `inventory` describes.
    pub(crate) fn new(links: L, inventory: I, options: Options) -> Self {
        Self {
            links,
            inventory,
            options,
            index: 0,
            seen: Fingerprints::default(),
            elsewhere: Fingerprints::default(),
            names: Fingerprints::default(),
        }
    }

    fn step(&mut self, mut link: Link) -> Step {
        self.options.identity.apply(&mut link);
        if self.is_elsewhere(&link) {
            return Step::Elsewhere;
        }
        let id = link.id;
        if !self.seen.insert(id) {
            let known = self.options.ids.of_url(&link.url).and_then(Result::ok);
            return Step::Settled(Box::new(Record {
                id: known.map(|id| id.to_string().into()),
                details: link.details,
                ..Record::new(&link.source_line, &link.url, Outcome::Duplicate)
            }));
        }
        let mut job = Job::new(link, self.index, &self.options.ids);
        let previous = self.previous(&mut job);
        let Some(mut existing) = previous.or_else(|| self.name(&mut job)) else {
            return Step::Fetch(Box::new(job));
        };
        if existing.is_outdated && existing.is_edited() {
            // a new record has to say it, too
            existing.saved.kept = Some(existing.saved.file.clone());
        }
        let keeps = match self.options.existing {
            Existing::Keep => true,
            // what the user has made of a file is not the server's to replace
            Existing::Update => existing.is_edited(),
            Existing::Overwrite => false,
        };
        let awaits_exec = self.inventory.awaits_exec(id);
        if keeps && !(self.options.exec && awaits_exec) {
            let standing = Standing {
                // a new record would say that the command has been run
                is_outdated: existing.is_outdated && !awaits_exec,
                is_renamed: existing.is_renamed,
                is_suspect: existing.is_suspect,
            };
            let record = job.record(Outcome::Saved(existing.saved));
            return Step::Present(Box::new(record), standing);
        }
        job.only_exec = keeps;
        job.name = existing.saved.file.as_str().into();
        job.existing = Some(Box::new(existing));
        Step::Fetch(Box::new(job))
    }

    /// Whether `link` belongs to another shard. Links of the same identity all belong to that of the first one, so that together
    /// the shards do what one run does.
    fn is_elsewhere(&mut self, link: &Link) -> bool {
        let Some(selection) = &mut self.options.selection else {
            return false;
        };
        let falls_here = selection.has(&link.url);
        if self.options.identity == Identity::Url {
            return !falls_here;
        }
        let is_here =
            self.seen.contains(link.id) || (falls_here && !self.elsewhere.contains(link.id));
        if !is_here {
            self.elsewhere.insert(link.id);
        }
        !is_here
    }

    fn skips_bad_links(&self) -> bool {
        let selection = self.options.selection.as_ref();
        selection.is_some_and(|selection| !selection.has_bad_links())
    }

    /// The file that an earlier run saved for a link, if neither it nor its checksum in the list has changed. Claims its
    /// name.
    fn previous(&mut self, job: &mut Job) -> Option<Previous> {
        let previous = match self.inventory.previous(job.id) {
            Some(previous) => previous,
            None => self.traced(job)?,
        };
        if !self.fits(job, &previous) {
            return None;
        }
        self.claim(&previous.saved.file);
        Some(previous)
    }

    /// The file that an earlier run saved for a link, if it is known again although it is not as it was saved.
    fn traced(&mut self, job: &mut Job) -> Option<Previous> {
        let overwrites = self.options.existing == Existing::Overwrite;
        match self.inventory.trace(job.id) {
            Trace::Found(found) => Some(found),
            Trace::Adopted(adopted) if !overwrites => Some(adopted),
            Trace::Changed => {
                job.keeps_changed = !overwrites;
                None
            }
            Trace::Lost | Trace::Adopted(_) => None,
        }
    }

    /// Claims a name for a link. Returns the existing file with that name if it counts as the link's.
    fn name(&mut self, job: &mut Job) -> Option<Previous> {
        let base = self.options.naming.planned(job);
        // by far most files are only ever published under a free name
        let takes_over = self.options.existing == Existing::Overwrite || self.options.skip_existing;
        let of_another = takes_over && self.inventory.is_of_another(&base, job.id);
        job.name_taken = !self.claim(&base) || of_another;
        let name = nth_name(&base, job.id, u32::from(job.name_taken));
        if job.name_taken {
            self.claim(&name);
        }
        job.name = name.as_str().into();
        if !self.options.skip_existing || self.options.naming.needs_hash() {
            return None;
        }
        let existing = Previous::of(self.inventory.file(name)?);
        self.fits(job, &existing).then_some(existing)
    }

    /// Whether a file has the checksum from the list, if there is one.
    fn fits(&self, job: &Job, file: &Previous) -> bool {
        let checksum = job.checksum();
        checksum.is_none_or(|checksum| self.inventory.matches(file, checksum))
    }

    /// Claims `name` for a link of this run; false if another link has it. Ignores case, as some file systems do.
    fn claim(&mut self, name: &str) -> bool {
        self.names.insert(name::key(name))
    }
}

impl<L, I> Iterator for Plan<L, I>
where
    L: Iterator<Item = io::Result<Result<Link, BadLink>>>,
    I: Inventory,
{
    type Item = io::Result<Step>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.links.next()?;
        self.index += 1;
        Some(next.map(|line| match line {
            Ok(link) => self.step(link),
            Err(_) if self.skips_bad_links() => Step::Elsewhere,
            Err(bad) => Step::Settled(Box::new(Record::bad_link(bad))),
        }))
    }
}
