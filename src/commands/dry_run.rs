//! What a run would do, without asking anybody and without writing anything.

use std::fmt;
use std::io::{self, BufWriter, Write};

use anyhow::Context;

use crate::links::Links;
use crate::outcome::{Outcome, Status};
use crate::plan::{Existing, Plan, Step};
use crate::run::Config;
use crate::store::{Archive, History, Store, journal_of};
use crate::text::shown;

/// How much a run would do. [`fmt::Display`] is the summary.
#[derive(Debug, Default)]
pub(crate) struct Intent {
    /// Links that would be fetched.
    pub fetch: u64,
    /// Links of which the files are here, and would be asked for or replaced.
    pub again: u64,
    /// Links of which the files are here, and would be left alone.
    pub present: u64,
    /// Links that stand in the list before.
    pub duplicate: u64,
    /// Lines that are no links.
    pub bad: u64,
    /// Why a list could not be read to its end.
    pub list_error: Option<String>,
}

/// Prints what a run would do with each link, to standard output: a word, the path of the file and the link, separated by
/// tabs. Names that servers may suggest are not known yet.
///
/// # Errors
///
/// When a list cannot be opened, or the journal not be read.
pub(crate) fn dry_run(config: &Config) -> anyhow::Result<Intent> {
    let links = Links::open(&config.inputs, &config.lists)?;
    let (history, _) = History::of(&journal_of(&config.output), config.detail())
        .context("cannot read the journal")?;
    let archive = Archive {
        store: Store::look(&config.output),
        history,
    };
    let mut intent = Intent::default();
    let mut stdout = BufWriter::new(io::stdout());
    for step in Plan::new(links, archive, config.plan.clone()) {
        let (word, path, url) = match step {
            Err(error) => {
                intent.list_error = Some(error.to_string());
                continue;
            }
            Ok(Step::Fetch(job)) => match &job.existing {
                None => {
                    intent.fetch += 1;
                    ("fetch", job.name.to_string(), shown(job.url()).into_owned())
                }
                Some(existing) => {
                    intent.again += 1;
                    let word = if config.plan.existing == Existing::Update {
                        "update"
                    } else {
                        "overwrite"
                    };
                    (
                        word,
                        existing.saved.file.clone(),
                        shown(job.url()).into_owned(),
                    )
                }
            },
            Ok(Step::Settled(record)) => {
                let path = match &record.outcome {
                    Outcome::Saved(saved) => {
                        intent.present += 1;
                        saved.file.clone()
                    }
                    Outcome::Failed(failure) => {
                        intent.bad += 1;
                        let _ = writeln!(
                            io::stderr(),
                            "{}: {}: {failure}",
                            record.source_line,
                            record.url
                        );
                        continue;
                    }
                    Outcome::Duplicate => {
                        intent.duplicate += 1;
                        String::new()
                    }
                };
                let word = match &record.outcome {
                    Outcome::Duplicate => Status::Duplicate.word(),
                    _ => Status::Present.word(),
                };
                (word, path, record.url.clone())
            }
        };
        let path = if path.is_empty() {
            String::new()
        } else {
            config.output.join(path).display().to_string()
        };
        if writeln!(stdout, "{word}\t{path}\t{url}").is_err() {
            // whoever was reading has seen enough
            break;
        }
    }
    let _ = stdout.flush();
    Ok(intent)
}

impl Intent {
    /// The exit code: 0 unless some lines are no links.
    pub(crate) fn exit_code(&self) -> u8 {
        match (&self.list_error, self.bad) {
            (Some(_), _) => 2,
            (None, 0) => 0,
            (None, _) => 1,
        }
    }
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
        for (word, count) in counts {
            writeln!(f, "{word:<12}{count}")?;
        }
        Ok(())
    }
}
