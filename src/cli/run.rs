//! The options of a run, turned into its configuration.

use std::collections::HashMap;
use std::ffi::OsString;
use std::io::{self, BufRead, IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::error::ErrorKind;
use clap::{ArgAction, Args, ValueHint};

use super::buckets::{self, BucketArgs};
use super::command;
use super::config_file::Tables;
use super::display::DisplayArgs;
use super::files::FileArgs;
use super::habits;
use super::hosts::HostArgs;
use super::http::HttpArgs;
use super::identifiers::IdArgs;
use super::limits::LimitArgs;
use super::lists::ListArgs;
use super::pages::PageArgs;
use super::refusal::refuse;
use super::retries::RetryArgs;
use super::safety::SafetyArgs;
use super::values::{Jobs, number, one_jobs};
use crate::commands::demo;
use crate::fetch::HostHeaders;
use crate::links::{self, Input};
use crate::mode::Mode;
use crate::plan::name;
use crate::report::{FailOn, SinkOptions};
use crate::retry::{DEFAULT_RETRIES, RetryPolicy};
use crate::run::Config;
use crate::store::Layout;
use crate::system::handover;
use crate::{bucket, fetch, log, progress};

#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// Link lists, URLs, or `-` for standard input (the default in a pipe)
    #[arg(value_name = "LINKS", value_hint = ValueHint::FilePath)]
    links: Vec<Input>,
    /// Fetch ten sample PDFs from a slow built-in server instead
    #[arg(long, conflicts_with = "links")]
    demo: bool,
    /// Links to fetch at once [default: 64; threads and pool: 16]
    #[arg(short, long, value_name = "N", value_parser = one_jobs)]
    pub(super) jobs: Option<Jobs>,
    /// Links to fetch at once per host [default: 8; loopback: 0]
    ///
    /// 0 means no limit.
    #[arg(long, value_name = "N", value_parser = number::<u32>)]
    per_host: Option<u32>,
    /// Retries after the first attempt
    #[arg(long, value_name = "N", default_value_t = DEFAULT_RETRIES, value_parser = number::<u32>)]
    retry: u32,
    /// Print only failures; `-qq` only those of the run itself
    ///
    /// No progress and no summary.
    #[arg(short, long, action = ArgAction::Count)]
    pub(super) quiet: u8,
    /// Also print saved files and retries; `-vv` also requests
    #[arg(short, long, action = ArgAction::Count)]
    pub(super) verbose: u8,
    #[command(flatten)]
    lists: ListArgs,
    #[command(flatten)]
    pub(super) files: FileArgs,
    #[command(flatten)]
    buckets: BucketArgs,
    #[command(flatten)]
    hosts: HostArgs,
    #[command(flatten)]
    retries: RetryArgs,
    #[command(flatten)]
    limits: LimitArgs,
    #[command(flatten)]
    http: HttpArgs,
    #[command(flatten)]
    pages: PageArgs,
    #[command(flatten)]
    ids: IdArgs,
    #[command(flatten)]
    safety: SafetyArgs,
    #[command(flatten)]
    pub(super) display: DisplayArgs,
}

impl RunArgs {
    /// Which messages go where. Also applies `--color` to all later output.
    pub(super) fn log(&self) -> log::Options {
        self.display.apply_color();
        log::Options {
            verbosity: self.verbose,
            is_silent: self.quiet > 1,
            file: self.display.log.clone(),
        }
    }

    /// Ends the process if the first link is no list, but the name of a command that follows an option, or is misspelled.
    pub(super) fn refuse_late_command(&self) {
        let Some(Input::List(path)) = self.links.first() else {
            return;
        };
        let Some(name) = path.to_str().filter(|_| !path.exists()) else {
            return;
        };
        let command = command();
        if let Some(found) = command.find_subcommand(name) {
            let name = found.get_name();
            let message = format!("options go after the command: `fetchpdf {name} …`");
            refuse(ErrorKind::ArgumentConflict, message)
        }
        if let Some(message) = habits::of_word(name, &command) {
            refuse(ErrorKind::InvalidSubcommand, message)
        }
    }

    /// Fills in the links of `--demo`, or standard input if no links are given. Ends the process if that is a terminal.
    ///
    /// # Errors
    ///
    /// When the server of `--demo` cannot be started.
    pub(super) fn complete_links(&mut self) -> anyhow::Result<()> {
        if self.demo {
            self.links = demo::serve()?;
        } else if self.links.is_empty() && io::stdin().is_terminal() {
            let message = "no links: give a list, a URL or `-`, or try `--demo`";
            refuse(ErrorKind::MissingRequiredArgument, message)
        } else if self.links.is_empty() {
            self.links.push(Input::Stdin);
        }
        Ok(())
    }

    /// Takes these links in place of those that are given.
    pub(super) fn take_links(&mut self, links: Vec<Input>) {
        self.links = links;
    }

    /// The configuration of a run into `output`, by `config` for where it keeps what.
    ///
    /// # Errors
    ///
    /// When a file named by an option cannot be used, or the server of `--demo` cannot be started.
    pub(super) fn into_folder(
        mut self,
        output: PathBuf,
        state: Option<PathBuf>,
        config: impl FnOnce(Self, Layout) -> anyhow::Result<Config>,
    ) -> anyhow::Result<Config> {
        self.complete_links()?;
        let name = buckets::file_name(&output);
        if name.is_some() || self.files.has_constant_name() {
            self.take_link_of_stdin();
        }
        let folder = self.name_single_file(output);
        let layout = buckets::layout(folder, state, &self.files);
        let mut config = config(self, layout)?;
        if let Some(name) = name {
            config.name_file(name)?;
        }
        Ok(config)
    }

    /// The folder of `output`, which may name the file of a single link instead. A folder of that name stays a folder. Ends the process
    /// if it names a file for several links, or not the whole name of one.
    fn name_single_file(&mut self, output: PathBuf) -> PathBuf {
        let Some(name) = buckets::file_name(&output) else {
            return output;
        };
        let refuse_name = |message: &str| -> ! {
            let shown = output.display();
            let message = format!("`-o {shown}` {message}");
            refuse(ErrorKind::ArgumentConflict, message)
        };
        if self.links.contains(&Input::Stdin) {
            refuse_name(
                "names the file of a single link, and standard input is not one: for several, name a folder, such as `-o papers`",
            );
        }
        if !self.has_single_link() {
            refuse_name(
                "names the file of a single link: for several, name a folder, such as `-o papers`",
            );
        }
        if !self.files.set_name(&name) {
            refuse_name("names the file: leave out `--name`, or name a folder");
        }
        if let Some(option) = self.files.option_for_names() {
            refuse_name(&format!(
                "names the file: leave out `{option}`, or name a folder"
            ));
        }
        if let Some(safe) = name::safe(&name).filter(|safe| *safe != name) {
            refuse_name(&format!(
                "cannot be a file name on every system: `{safe}` can"
            ));
        }
        let folder = output
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        folder.unwrap_or(Path::new(".")).to_owned()
    }

    /// Takes standard input for an argument if its only line is a link. Reads no further than the second line.
    fn take_link_of_stdin(&mut self) {
        const MOST: u64 = 64 * 1024;
        if self.links != [Input::Stdin] {
            return;
        }
        let lines = io::stdin().lock().take(MOST).lines();
        let lines = lines.map_while(Result::ok);
        let mut lines = lines.filter(|line| !line.trim().is_empty());
        if let (Some(line), None) = (lines.next(), lines.next())
            && let link @ Input::Url(_) = Input::from(OsString::from(line.trim()))
        {
            self.links = vec![link];
        }
    }

    /// Whether there is only one link, as far as that can be known now.
    fn has_single_link(&self) -> bool {
        let options = self
            .lists
            .clone()
            .options(std::iter::empty(), Arc::default());
        links::count(&self.links, &options, None, || false) == Some(1)
    }

    /// Ends the process if all files of several links would have the same name.
    fn check_name(&self) {
        if self.files.has_constant_name() && !self.has_single_link() {
            let message = "`--name` without a field is for a single link: for several, add a field, such as `{index}` or `{name}`";
            refuse(ErrorKind::ArgumentConflict, message)
        }
    }

    /// The configuration of a run with these options and the `tables` of the configuration file.
    ///
    /// # Errors
    ///
    /// When a file named by an option cannot be used.
    pub(super) fn config(
        self,
        mode: Mode,
        layout: Layout,
        records: SinkOptions,
        tables: Tables,
    ) -> anyhow::Result<Config> {
        self.check_name();
        let (mut limits, mut headers) = (HashMap::new(), HostHeaders::default());
        for host in tables.hosts {
            limits.extend(host.limits.map(|limits| (limits.name.clone(), limits)));
            headers.insert(host.scope, host.headers);
        }
        let ids = Arc::new(self.ids.complete(tables.ids));
        let companions = tables.companions;
        let selection = self.lists.selection(companions.clone(), Arc::clone(&ids));
        let packing = self.files.packing(selection.as_ref());
        self.files.check_packing(&layout);
        let lists = self.lists.options(self.files.columns(), Arc::clone(&ids));
        let records = SinkOptions {
            columns: lists.columns.kept.clone(),
            ..records
        };
        // these records contain the SHA-256
        let has_records = records.has_records();
        let (http, retries, safety) = (self.http, self.retries, self.safety);
        let fetch = fetch::Options {
            retry: RetryPolicy {
                retries: self.retry,
                delay: retries.retry_delay,
                max_wait: retries.retry_max_wait,
            },
            first_byte_timeout: retries.first_byte_timeout,
            stall_timeout: retries.stall_timeout,
            max_time: retries.max_time.filter(|time| !time.is_zero()),
            min_speed: retries.min_speed,
            max_filesize: self.limits.max_filesize,
            limit_rate: self.limits.rate(),
            sha256: has_records || self.files.need_hash() || layout.bucket().is_some(),
            remote_time: self.files.remote_time,
            https_only: safety.https_only,
            allow_downgrade: safety.allow_downgrade,
            max_redirects: http.max_redirs,
            landing: self.pages.landing,
            rules: Arc::new(tables.rules),
            block_detection: !self.hosts.no_block_detection,
            http: http.http_options(retries.connect_timeout, safety.deny_private, !self.demo)?,
            request: http.request_options(headers)?,
        };
        let bucket = bucket::Options {
            http: fetch.http.clone(),
            uploads: self.buckets.uploads,
            patience: fetch.stall_timeout,
            delay: fetch.retry.delay,
            asks_machine: self.buckets.instance_credentials,
        };
        let exec = self.files.exec.clone();
        let quiet = (self.quiet > 0).then_some(progress::Style::None);
        Ok(Config {
            inputs: self.links,
            lists,
            layout,
            mode,
            jobs: self.jobs.and_then(|jobs| jobs.all().first().copied()),
            hosts: self.hosts.policies(self.per_host, limits, companions),
            limits: self.limits.of_run(),
            dedupe: self.files.dedupe,
            packing,
            exec: exec.map(|exec| exec.without([handover::VARIABLE.into()].into_iter())),
            plan: self.files.options(selection, ids),
            fetch,
            bucket,
            records,
            fail_on: FailOn::default(),
            fail_on_empty: false,
            progress: quiet.unwrap_or(self.display.progress),
            forget: Vec::new(),
            only_file: None,
            timeline: None,
        })
    }
}
