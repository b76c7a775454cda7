//! Everything that a run depends on.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use super::exec::Exec;
use crate::links::{self, Input};
use crate::mode::Mode;
use crate::plan::{self, Existing};
use crate::queue::policy::HostPolicies;
use crate::store::{Dedupe, Detail};
use crate::system::limits::jobs_within;
use crate::{fetch, progress, report, stop};

/// Everything that a run depends on.
#[derive(Debug, Clone)]
pub(crate) struct Config {
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
    /// How many links at once each host gets, and how often.
    pub hosts: HostPolicies,
    /// When the run has done enough.
    pub limits: stop::RunLimits,
    /// How links become files.
    pub plan: plan::Options,
    /// What becomes of a file whose bytes have been saved for another link.
    pub dedupe: Dedupe,
    /// How each link is fetched.
    pub fetch: fetch::Options,
    /// The command for each new file.
    pub exec: Option<Exec>,
    /// Which records go where.
    pub records: report::SinkOptions,
    /// How progress is shown.
    pub progress: progress::Style,
    /// Links that are fetched again although the journal knows their files, by their identity: see
    /// [`Link::id`](crate::link::Link::id).
    pub forget: Vec<u64>,
}

/// For a job, a file, its connection, and idle connections.
const FILES_PER_JOB: u64 = 2 + fetch::IDLE_PER_JOB as u64;

impl Config {
    /// The same run in another mode and into another folder.
    pub(crate) fn with_mode(&self, mode: Mode, output: PathBuf) -> Self {
        Self {
            output,
            mode,
            ..self.clone()
        }
    }

    /// What a run needs to know of earlier ones.
    pub(crate) fn detail(&self) -> Detail {
        match self.plan.existing {
            Existing::Update => Detail::Validators,
            _ => Detail::Files,
        }
    }

    /// How many links are to be fetched at once.
    pub(crate) fn wanted_jobs(&self) -> NonZeroUsize {
        match self.mode {
            Mode::Sequential => NonZeroUsize::MIN,
            mode => self.jobs.unwrap_or(mode.default_jobs()),
        }
    }

    /// How many links are fetched at once: as many as wanted, or as this process may have files open for.
    pub(crate) fn jobs(&self) -> NonZeroUsize {
        jobs_within(self.wanted_jobs(), FILES_PER_JOB)
    }
}
