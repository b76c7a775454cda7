//! What is to be done for each line of the list, in the order of the list.
//!
//! Owns the identity of links (which one is a duplicate, which one is here already) and the names of their files, which
//! are given in list order and therefore are the same in every mode. Knows nothing of HTTP or of threads.

mod candidates;
mod job;
pub(crate) mod name;
pub(crate) mod template;

use std::collections::HashSet;
use std::io;
use std::sync::Arc;

use crate::digest::{Checksum, fingerprint};
use crate::link::{BadLink, Link};
use crate::outcome::{Outcome, Record, Saved};
pub(crate) use candidates::Candidates;
pub(crate) use job::Job;
use job::nth_name;
pub(crate) use template::Template;

/// How files are called.
#[derive(Debug, Clone, Default)]
pub(crate) struct Naming {
    /// A template for their paths; none for the name that the list, the URL or the server suggests.
    pub template: Option<Template>,
    /// Whether they go into 65,536 folders by a hash of their URLs: `ab/cd/name.pdf`.
    pub shard: bool,
}

impl Naming {
    /// Whether names depend on the bytes of the files.
    pub(crate) fn needs_hash(&self) -> bool {
        self.template.as_ref().is_some_and(Template::needs_hash)
    }

    /// The path for the file of `job`, should no other file have it.
    fn base(&self, job: &Job, suggested: Option<&str>, sha256: Option<&str>) -> String {
        let url = job.candidates.first();
        let wanted = job
            .details
            .as_ref()
            .and_then(|details| details.name.as_deref());
        let better = || {
            suggested
                .filter(|_| !name::is_said_by(url))
                .and_then(name::safe)
        };
        let usual = || better().unwrap_or_else(|| name::of_url(url));
        let name = match wanted {
            None => usual(),
            Some(folder) if folder.ends_with('/') => {
                name::safe_path(&format!("{folder}{}", usual())).unwrap_or_else(usual)
            }
            Some(wanted) => name::safe_path(wanted).unwrap_or_else(usual),
        };
        let path = match &self.template {
            Some(template) => template.path(job, &name, sha256).unwrap_or(name),
            None => name,
        };
        if self.shard {
            let [a, b, ..] = job.id.to_be_bytes();
            format!("{a:02x}/{b:02x}/{path}")
        } else {
            path
        }
    }
}

/// What the plan makes of a line.
#[derive(Debug)]
pub(crate) enum Step {
    /// The link is to be fetched.
    Fetch(Job),
    /// The outcome is known without asking anybody.
    Settled(Box<Record>),
}

/// What to do about a file that is here already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Existing {
    /// Leave it, and ask nobody.
    #[default]
    Keep,
    /// Ask whether it has changed, and replace it if so.
    Update,
    /// Fetch it again, and replace it.
    Overwrite,
}

/// A file that an earlier run has saved, and how the server described it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Previous {
    /// The file.
    pub saved: Saved,
    /// Its `ETag`, if it had one.
    pub etag: Option<String>,
    /// Its `Last-Modified`, if it had one.
    pub last_modified: Option<String>,
}

/// What is known of the output folder before anything is fetched. Whoever keeps the files answers.
pub(crate) trait Inventory {
    /// The file that was saved last for the link with this identity, if it is still as it was saved.
    fn previous(&self, id: u64) -> Option<Previous>;

    /// Whether the command for the file of the link with this identity is still to be run.
    fn awaits_exec(&self, id: u64) -> bool;

    /// The file of this name, if it exists and is not empty, whoever put it there.
    fn file(&self, name: String) -> Option<Saved>;

    /// Whether a file has this checksum.
    fn matches(&self, saved: &Saved, checksum: Checksum) -> bool;
}

/// How links become files.
#[derive(Debug, Clone, Default)]
pub(crate) struct Options {
    /// How files are called.
    pub naming: Arc<Naming>,
    /// What is done about files that are here.
    pub existing: Existing,
    /// Whether a file that is here under the name of a link counts as that link's, whoever put it there.
    pub skip_existing: bool,
    /// Whether a command is run for each file.
    pub exec: bool,
}

/// Turns the lines of a list into steps, one at a time.
pub(crate) struct Plan<L, I> {
    links: L,
    inventory: I,
    options: Options,
    index: u64,
    seen: HashSet<u64>,
    names: HashSet<u64>,
}

impl<L, I: Inventory> Plan<L, I> {
    /// A plan for `links` into a folder that has what `inventory` says.
    pub(crate) fn new(links: L, inventory: I, options: Options) -> Self {
        Self {
            links,
            inventory,
            options,
            index: 0,
            seen: HashSet::new(),
            names: HashSet::new(),
        }
    }

    fn step(&mut self, link: Link) -> Step {
        let id = link.id;
        if !self.seen.insert(id) {
            return Step::Settled(Box::new(Record {
                details: link.details,
                ..Record::new(&link.source_line, &link.url, Outcome::Duplicate)
            }));
        }
        let mut job = Job::new(link, self.index);
        let existing = if let Some(previous) = self.previous(&job) {
            self.claim(&previous.saved.file);
            Some(previous)
        } else {
            self.name(&mut job).map(|saved| Previous {
                saved,
                etag: None,
                last_modified: None,
            })
        };
        let keeps = self.options.existing == Existing::Keep;
        match existing {
            Some(existing) if keeps && !(self.options.exec && self.inventory.awaits_exec(id)) => {
                return Step::Settled(Box::new(job.record(Outcome::Saved(existing.saved))));
            }
            Some(existing) => {
                job.only_exec = keeps;
                job.name = existing.saved.file.as_str().into();
                job.existing = Some(Box::new(existing));
            }
            None => {}
        }
        Step::Fetch(job)
    }

    /// Claims a name for a link; tells of the file that is here under it, if that is to be taken for the link's.
    fn name(&mut self, job: &mut Job) -> Option<Saved> {
        let naming = Arc::clone(&self.options.naming);
        let base = naming.base(job, None, None);
        job.name_taken = !self.claim(&base);
        let name = nth_name(&base, job.id, u32::from(job.name_taken));
        if job.name_taken {
            self.claim(&name);
        }
        job.name = name.as_str().into();
        if !self.options.skip_existing || naming.needs_hash() {
            return None;
        }
        let saved = self.inventory.file(name)?;
        self.fits(job, &saved).then_some(saved)
    }

    /// The file that an earlier run has saved for a link, if it is still as that run has left it, and as the list says.
    fn previous(&self, job: &Job) -> Option<Previous> {
        let previous = self.inventory.previous(job.id)?;
        self.fits(job, &previous.saved).then_some(previous)
    }

    /// Whether a file has the checksum that the list gives, if it gives one.
    fn fits(&self, job: &Job, saved: &Saved) -> bool {
        let checksum = job.checksum();
        checksum.is_none_or(|checksum| self.inventory.matches(saved, checksum))
    }

    /// Takes `name` for a link of this run; false if another one has it. Some file systems do not tell upper from lower
    /// case, so neither does this.
    fn claim(&mut self, name: &str) -> bool {
        self.names.insert(fingerprint(&name.to_lowercase()))
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
            Err(bad) => Step::Settled(Box::new(Record::bad_link(bad))),
        }))
    }
}
