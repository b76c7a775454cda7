//! Downloads every PDF of a list of links, checks each one, and says what became of every link.
//!
//! ```text
//!  link list ──► links ──► plan ──► queue ──► mode ──► fetch ──► store ──► outcome ──► report
//!  file, -, URL   text→Link  dedupe,  whose turn  who runs  one GET,  part file,  what became  summary, journal,
//!                            name                 it        retries   rename      of it        exit code
//! ```
//!
//! A straight line without a way back: each stage knows the one to its right by one or two functions. A link never
//! vanishes: a line that is no link, a duplicate, an interrupted transfer is an outcome too.

pub mod cli;
pub mod compare;
pub mod demo;
pub mod digest;
pub mod dry_run;
pub mod fetch;
pub mod header;
pub mod hook;
pub mod http;
pub mod line;
pub mod link;
pub mod links;
pub mod log;
pub mod mode;
pub mod outcome;
pub mod pdf;
pub mod plan;
pub mod progress;
pub mod queue;
pub mod report;
pub mod retry;
mod run;
pub mod runtime;
pub mod stats;
pub mod stop;
pub mod store;
mod system;
pub mod text;
pub mod verify;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

pub use run::run;

use links::Input;
use mode::Mode;
use queue::policy::HostPolicies;

/// Everything that a run depends on.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where the links come from.
    pub inputs: Vec<Input>,
    /// How lists are read.
    pub lists: Arc<links::Options>,
    /// The folder that the files go to; it is created if it is missing.
    pub output: PathBuf,
    /// The scheduler.
    pub mode: Mode,
    /// How many links are fetched at once; none for what suits the mode.
    pub jobs: Option<NonZeroUsize>,
    /// How much each host is asked at once and how often.
    pub hosts: HostPolicies,
    /// When the run has done enough.
    pub limits: stop::Limits,
    /// How links become files.
    pub plan: plan::Options,
    /// How each link is fetched.
    pub fetch: fetch::Options,
    /// The command for each file that is brought.
    pub hook: Option<hook::Hook>,
    /// Which records go where.
    pub records: report::SinkOptions,
    /// How progress is shown.
    pub progress: progress::Style,
    /// Links that are fetched again although the journal knows their files, by their identity: see [`link::Link::id`].
    pub forget: Vec<u64>,
}

impl Config {
    /// The same, with records for programs. These tell the SHA-256 of each file.
    #[must_use]
    pub fn with_records(mut self, records: report::SinkOptions) -> Self {
        self.fetch.sha256 |= records.print == report::Print::Json || records.report.is_some();
        self.records = report::SinkOptions {
            columns: self.lists.columns.kept.clone(),
            ..records
        };
        self
    }

    /// What a run needs to know of earlier ones.
    fn detail(&self) -> store::Detail {
        match self.plan.existing {
            plan::Existing::Update => store::Detail::Validators,
            _ => store::Detail::Files,
        }
    }

    /// How many links are fetched at once.
    #[must_use]
    pub fn limit(&self) -> NonZeroUsize {
        match self.mode {
            Mode::Sequential => NonZeroUsize::MIN,
            mode => self.jobs.unwrap_or(mode.default_jobs()),
        }
    }
}
