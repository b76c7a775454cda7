//! The configuration of a run, complete when it is constructed.

use std::num::NonZeroUsize;
use std::sync::Arc;

use super::exec::Exec;
use super::only_file::OnlyFile;
use super::timeline::Timeline;
use crate::links::{self, Input, Links};
use crate::mode::Mode;
use crate::plan::{self, Existing, Inventory, Template};
use crate::queue::policy::HostPolicies;
use crate::store::{Dedupe, Detail, Layout, Packing};
use crate::system::limits::jobs_and_idle;
use crate::system::streams;
use crate::{bucket, fetch, progress, report, stop};

/// The configuration of a run.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// Where the links come from.
    pub inputs: Vec<Input>,
    /// How lists are read.
    pub lists: Arc<links::Options>,
    /// The folders for the files and for the state, created if missing.
    pub layout: Layout,
    /// The scheduler.
    pub mode: Mode,
    /// The number of links fetched at once; none for the default of the mode.
    pub jobs: Option<NonZeroUsize>,
    /// The limits and the pace of each host.
    pub hosts: HostPolicies,
    /// When the run ends early.
    pub limits: stop::RunLimits,
    /// How links become files.
    pub plan: plan::Options,
    /// What happens to a file with the same bytes as that of another link.
    pub dedupe: Dedupe,
    /// How files are put into tars, if they are.
    pub packing: Option<Packing>,
    /// How each link is fetched.
    pub fetch: fetch::Options,
    /// How a bucket is reached, if files end up in one.
    pub bucket: bucket::Options,
    /// The command to run for each new file.
    pub exec: Option<Exec>,
    /// Where records go.
    pub records: report::SinkOptions,
    /// What the exit code tells of.
    pub fail_on: report::FailOn,
    /// Whether lists without any link are an error.
    pub fail_on_empty: bool,
    /// How progress is shown.
    pub progress: progress::Style,
    /// The identities of links to fetch again although the journal has their files: see
    /// [`Link::id`](crate::link::Link::id).
    pub forget: Vec<u64>,
    /// The file that its only link is to have.
    pub only_file: Option<OnlyFile>,
    /// What records who runs which link when, if anything does.
    pub timeline: Option<Arc<Timeline>>,
}

impl Config {
    /// What the run needs from the journal of earlier ones.
    pub(crate) fn detail(&self) -> Detail {
        match self.plan.existing {
            _ if self.records.has_records() => Detail::Records,
            Existing::Update => Detail::Validators,
            _ => Detail::Files,
        }
    }

    /// Gives the only link this file. It is fetched if the file is not there, although the link may have one of another name.
    ///
    /// # Errors
    ///
    /// When a list cannot be opened.
    pub(crate) fn name_file(&mut self, name: String) -> anyhow::Result<()> {
        let mut links = Links::open(&self.inputs, &self.lists)?;
        let Some(Ok(Ok(mut link))) = links.next() else {
            return Ok(());
        };
        self.plan.identity.apply(&mut link);
        if !self.layout.path_of(&name).exists() {
            self.forget.push(link.id);
        }
        self.only_file = Some(OnlyFile { name, id: link.id });
        Ok(())
    }

    /// Refuses to begin if its only link cannot have its file: see [`OnlyFile::check`].
    pub(crate) fn check_only_file(&self, inventory: &mut impl Inventory) -> anyhow::Result<()> {
        let file = self.only_file.as_ref();
        file.map_or(Ok(()), |file| file.check(inventory, &self.plan))
    }

    /// Whether other runs may have links whose files would get the same names.
    pub(crate) fn may_collide(&self) -> bool {
        let template = self.plan.naming.template.as_ref();
        self.plan.selection.is_some() && !template.is_some_and(Template::has_identity)
    }

    /// How progress is shown. Whoever reads records from a pipe may print them on the same terminal, where bars would be in the way.
    pub(crate) fn style(&self) -> progress::Style {
        let prints_records = self.records.print != report::Print::Summary;
        match self.progress {
            progress::Style::Auto if prints_records && streams::stdout_is_pipe() => {
                progress::Style::Plain
            }
            style => style,
        }
    }

    /// The number of links to fetch at once.
    pub(crate) fn wanted_jobs(&self) -> NonZeroUsize {
        match self.mode {
            Mode::Sequential => NonZeroUsize::MIN,
            mode => self.jobs.unwrap_or(mode.default_jobs()),
        }
    }

    /// The number of links fetched at once: the wanted number, lowered to what the limit on open files allows.
    pub(crate) fn jobs(&self) -> NonZeroUsize {
        jobs_and_idle(self.wanted_jobs()).0
    }
}
