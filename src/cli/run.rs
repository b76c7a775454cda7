//! Options of a run, and what they make of it.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{ArgAction, Args};

use super::command;
use super::config_file::HostSettings;
use super::display::DisplayArgs;
use super::files::FileArgs;
use super::hosts::HostArgs;
use super::http::HttpArgs;
use super::limits::LimitArgs;
use super::lists::ListArgs;
use super::retries::RetryArgs;
use super::safety::SafetyArgs;
use super::secrets;
use super::values::jobs;
use crate::commands::demo;
use crate::links::Input;
use crate::mode::Mode;
use crate::report::{Print, SinkOptions};
use crate::retry::{DEFAULT_RETRIES, RetryPolicy};
use crate::run::Config;
use crate::{fetch, log, progress};

#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// Link lists, URLs, or `-` for standard input, the default in a pipe
    #[arg(value_name = "LINKS")]
    links: Vec<Input>,
    /// Fetch ten sample PDFs from a slow built-in server instead
    #[arg(long, conflicts_with = "links")]
    demo: bool,
    /// Links at once [default: 64, or 16 in threads and pool]
    #[arg(short, long, value_name = "N", value_parser = jobs)]
    jobs: Option<NonZeroUsize>,
    /// Links of one host at once [default: 8; loopback: 0]
    ///
    /// 0 is no limit.
    #[arg(long, value_name = "N")]
    per_host: Option<u32>,
    /// Retries after the first attempt
    #[arg(long, value_name = "N", default_value_t = DEFAULT_RETRIES)]
    retry: u32,
    /// Show no progress and no summary, only failures
    #[arg(short, long)]
    pub(super) quiet: bool,
    /// Also show saved files and retries; `-vv` also requests
    #[arg(short, long, action = ArgAction::Count)]
    verbose: u8,
    #[command(flatten)]
    lists: ListArgs,
    #[command(flatten)]
    pub(super) files: FileArgs,
    #[command(flatten)]
    hosts: HostArgs,
    #[command(flatten)]
    retries: RetryArgs,
    #[command(flatten)]
    limits: LimitArgs,
    #[command(flatten)]
    http: HttpArgs,
    #[command(flatten)]
    safety: SafetyArgs,
    #[command(flatten)]
    display: DisplayArgs,
}

/// What a run depends on besides its own options.
pub(super) struct Target {
    pub(super) mode: Mode,
    pub(super) output: PathBuf,
    pub(super) records: SinkOptions,
    /// What the configuration file says about single hosts.
    pub(super) hosts: Vec<HostSettings>,
}

impl RunArgs {
    /// What is told besides results. From here on, colors are as they are wanted.
    pub(super) fn log(&self) -> log::Options {
        self.display.apply_color();
        log::Options {
            verbosity: self.verbose,
            file: self.display.log.clone(),
        }
    }

    /// Ends the process if a command follows options, where it would be a list.
    pub(super) fn refuse_late_command(&self) {
        let Some(Input::List(path)) = self.links.first() else {
            return;
        };
        let command = command();
        let meant = path.to_str().and_then(|name| command.find_subcommand(name));
        if let Some(meant) = meant.filter(|_| !path.exists()) {
            let name = meant.get_name();
            let message = format!("options follow the command: `fetchpdf {name} …`");
            super::command()
                .error(ErrorKind::ArgumentConflict, message)
                .exit()
        }
    }

    /// Where the links come from. Ends the process where nothing says so.
    ///
    /// # Errors
    ///
    /// When the server of `--demo` cannot be started.
    pub(super) fn inputs(&mut self) -> anyhow::Result<Vec<Input>> {
        Ok(match (self.demo, std::mem::take(&mut self.links)) {
            (true, _) => demo::Server::start()?.links(),
            (false, links) if !links.is_empty() => links,
            (false, _) if !std::io::stdin().is_terminal() => vec![Input::Stdin],
            (false, _) => {
                let message = "no links: name a list, a URL or `-`, or try `--demo`";
                command()
                    .error(ErrorKind::MissingRequiredArgument, message)
                    .exit()
            }
        })
    }

    /// A run of `inputs`.
    ///
    /// # Errors
    ///
    /// When a file that is named cannot be used.
    pub(super) fn config(self, inputs: Vec<Input>, target: Target) -> anyhow::Result<Config> {
        let (mut limits, mut headers) = (HashMap::new(), HashMap::new());
        for host in target.hosts {
            limits.extend(host.limits.map(|limits| (host.name.clone(), limits)));
            headers.insert(host.name, host.headers);
        }
        let lists = self.lists.options(self.files.template());
        let records = SinkOptions {
            columns: lists.columns.kept.clone(),
            ..target.records
        };
        let (retries, safety) = (self.retries, self.safety);
        let has_records = records.print == Print::Json || records.report.is_some();
        let fetch = fetch::Options {
            retry: RetryPolicy {
                retries: self.retry,
                delay: retries.retry_delay,
                max_wait: retries.retry_max_wait,
            },
            first_byte_timeout: retries.first_byte_timeout,
            stall_timeout: retries.stall_timeout,
            max_time: retries.max_time,
            min_speed: retries.min_speed,
            max_filesize: self.limits.max_filesize,
            limit_rate: self.limits.limit_rate,
            // records for programs tell it of each file
            sha256: has_records || self.files.need_hash(),
            remote_time: self.files.remote_time,
            https_only: safety.https_only,
            allow_downgrade: safety.allow_downgrade,
            http: self.http.http_options(
                retries.connect_timeout,
                safety.deny_private,
                !self.demo,
            )?,
            request: self.http.request_options(headers)?,
        };
        let exec = self.files.exec.clone();
        Ok(Config {
            inputs,
            lists,
            output: target.output,
            mode: target.mode,
            jobs: self.jobs,
            hosts: self.hosts.policies(self.per_host, limits),
            limits: self.limits.of_run(),
            dedupe: self.files.dedupe,
            exec: exec.map(|exec| exec.without(secrets::variables())),
            plan: self.files.options(),
            fetch,
            records,
            progress: if self.quiet {
                progress::Style::None
            } else {
                self.display.progress
            },
            forget: Vec::new(),
        })
    }
}
