//! What a run would do with each link, without sending a request or writing a file.

mod load;

use std::fmt;
use std::sync::Arc;

use anyhow::Context;
use tokio_util::sync::CancellationToken;

use crate::links::{Input, Links, Seen, survey};
use crate::log;
use crate::outcome::{Outcome, Record};
use crate::output::{stdout, wait_for_room};
use crate::plan::{Existing, Job, Plan, Step};
use crate::queue::HasHost;
use crate::report::{FailOn, Print, is_whole, tell_of_stdout};
use crate::run::{Config, EMPTY};
use crate::store::{Archive, History};
use crate::text::{printable, shown};
use load::Load;

/// How many links a run would fetch, renew and skip. [`fmt::Display`] is the summary.
#[derive(Debug, Default)]
pub(crate) struct Intent {
    /// Links to fetch.
    pub fetch: u64,
    /// Links whose existing files would be updated or overwritten.
    pub again: u64,
    /// Links whose existing files would be kept.
    pub present: u64,
    /// Links that appear in the list before.
    pub duplicate: u64,
    /// Lines that are not links.
    pub bad: u64,
    /// Lines that belong to other shards.
    pub elsewhere: u64,
    /// What is to fetch from each host, for a shard.
    pub load: Option<Load>,
    /// Why a list could not be read to its end.
    pub list_error: Option<String>,
    /// Whether lines could not be written.
    pub lost_lines: bool,
}

/// Prints a line for each link to standard output: a word, the path of the file, the URL, and the sources of an identifier, separated by tabs;
/// or a record, if records are to be printed. Names that servers may suggest are not known yet.
///
/// # Errors
///
/// When a list cannot be opened, or the journal cannot be read.
pub(crate) fn dry_run(config: &Config) -> anyhow::Result<Intent> {
    let links = Links::open(&config.inputs, &config.lists)?;
    let pipes = tell_of_lists(config, &links);
    let (layout, identity) = (&config.layout, config.plan.identity.clone());
    let history = History::of(layout, config.detail(), identity);
    let mut history = history.context("cannot read the journal")?;
    history.forget_all(&config.forget);
    let mut archive = Archive::new(layout, Arc::new(history), CancellationToken::new());
    config.check_only_file(&mut archive)?;
    let renewal = match config.plan.existing {
        Existing::Update => "update",
        _ => "overwrite",
    };
    let load = config.plan.selection.is_some();
    let prints_records = config.records.print == Print::Json;
    let mut intent = Intent {
        load: load.then(|| Load::new(config.hosts.clone())),
        ..Intent::default()
    };
    tell_of_stdout();
    for step in Plan::new(links, archive, config.plan.clone()) {
        let (count, word, file, url, record) = match step {
            Err(error) => {
                intent.list_error = Some(error.to_string());
                continue;
            }
            Ok(Step::Elsewhere) => {
                intent.elsewhere += 1;
                continue;
            }
            Ok(Step::Fetch(job)) => {
                if let Some(load) = intent.load.as_mut().filter(|_| !job.only_exec) {
                    load.add(&job.host());
                }
                let sources = job.candidates.sources();
                let url = match &sources[..] {
                    [] => shown(job.url()).into_owned(),
                    // in the order in which they would be asked
                    sources => format!("{}\t{}", shown(job.candidates.first()), sources.join(", ")),
                };
                let record = Record {
                    id: job.candidates.id().map(|id| id.to_string().into()),
                    details: job.details.clone(),
                    ..Record::new(&job.source_line, job.candidates.first(), Outcome::Duplicate)
                };
                match job.existing {
                    None => (
                        &mut intent.fetch,
                        "fetch",
                        new_file(config, &job),
                        url,
                        record,
                    ),
                    Some(existing) => {
                        let file = existing.saved.file;
                        (&mut intent.again, renewal, file, url, record)
                    }
                }
            }
            Ok(Step::Settled(record)) if record.outcome.status().failed() => {
                intent.bad += 1;
                log::print_line(&record.to_string());
                if prints_records {
                    stdout().push(&record.to_json_line());
                }
                continue;
            }
            Ok(Step::Settled(record) | Step::Present(record, _)) => {
                let (url, word) = (record.url.clone(), record.outcome.status().word());
                let (count, file) = match &record.outcome {
                    Outcome::Saved(saved) => (&mut intent.present, saved.file.clone()),
                    Outcome::Duplicate | Outcome::Failed(_) => {
                        (&mut intent.duplicate, String::new())
                    }
                };
                (count, word, file, url, *record)
            }
        };
        *count += 1;
        let path = match file.as_str() {
            "" => String::new(),
            file => printable(&layout.path_of(file).to_string_lossy()),
        };
        let line = match config.records.print {
            Print::Json => record.to_plan_line(word, &file),
            Print::Paths | Print::Summary => format!("{word}\t{path}\t{url}\n").into_bytes(),
        };
        stdout().push(&line);
        if stdout().is_lost() {
            break; // nobody reads on, or the disk is full
        }
        wait_for_room(|| false);
    }
    for list in pipes.iter().filter(|list| list.is_known()) {
        log::print_line(&list.to_string());
    }
    if config.fail_on_empty && intent.is_empty() {
        intent.list_error.get_or_insert_with(|| EMPTY.to_owned());
    }
    intent.lost_lines = !is_whole(stdout().finish());
    Ok(intent)
}

/// Prints how each list is understood, and how many links it has. Returns the lists of which that is not known before they have
/// been read.
fn tell_of_lists(config: &Config, links: &Links) -> Vec<Arc<Seen>> {
    let lists = config.inputs.iter().zip(links.seen());
    let lists = lists.filter(|(input, _)| !matches!(input, Input::Url(_)));
    let unknown = lists.filter_map(|(input, seen)| match survey(input, &config.lists) {
        Some(list) => {
            log::print_line(&list.to_string());
            None
        }
        None => Some(seen),
    });
    unknown.collect()
}

impl Intent {
    /// Whether there was nothing in the lists.
    fn is_empty(&self) -> bool {
        let links = self.fetch + self.again + self.present + self.duplicate;
        links + self.bad + self.elsewhere == 0
    }

    /// The exit code: 2 if a list could not be read to its end, 1 if lines could not be written, or are not links and
    /// `fail_on` tells of them, else 0.
    pub(crate) fn exit_code(&self, fail_on: FailOn) -> u8 {
        let tells_of_links = matches!(fail_on, FailOn::Link | FailOn::Retryable);
        match self.list_error {
            Some(_) => 2,
            None => u8::from((tells_of_links && self.bad > 0) || self.lost_lines),
        }
    }
}

/// The path of the new file of `job`, beside any other that has its name already.
fn new_file(config: &Config, job: &Job) -> String {
    if let Some(packing) = config.packing {
        return packing.planned(&job.name, job.id);
    }
    let layout = &config.layout;
    if config.plan.existing == Existing::Overwrite || layout.bucket().is_some() {
        return job.name.to_string();
    }
    let mut names = job.planned_names(&config.plan.naming);
    let is_free = |name: &String| layout.path_of(name).symlink_metadata().is_err();
    names
        .find(is_free)
        .expect("there is no end of numbered names")
}

impl fmt::Display for Intent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = [
            ("to fetch", self.fetch),
            ("to renew", self.again),
            ("present", self.present),
            ("duplicate", self.duplicate),
            ("bad links", self.bad),
        ];
        if let Some(load) = &self.load {
            write!(f, "{load}")?;
        }
        for (word, count) in counts {
            writeln!(f, "{word:<12}{count}")?;
        }
        if self.elsewhere > 0 {
            writeln!(f, "{:<12}{}", "elsewhere", self.elsewhere)?;
        }
        Ok(())
    }
}
