//! Options of a run, and what they make of it.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{ArgAction, Args, CommandFactory, ValueEnum};

use super::Cli;
use super::files::FileArgs;
use super::http::HttpArgs;
use super::lists::ListArgs;
use super::settings::HostSettings;
use super::values::{jobs, limit, size};
use crate::links::Input;
use crate::mode::Mode;
use crate::queue::policy::{
    DEFAULT_PER_HOST, HostOverride, HostPolicies, HostPolicy, Rate, duration,
};
use crate::report::SinkOptions;
use crate::retry::{DEFAULT_RETRIES, RetryPolicy};
use crate::stop::{self, Failures};
use crate::{Config, demo, fetch, log, progress};

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(super) struct RunArgs {
    /// Link lists, URLs, or `-` for standard input, the default in a pipe
    #[arg(value_name = "LINKS", hide_short_help = true)]
    pub(super) links: Vec<Input>,
    /// Fetch ten sample PDFs from a slow built-in server instead
    #[arg(long, conflicts_with = "links", hide_short_help = true)]
    demo: bool,
    /// Links at once [default: 64, or 16 in threads and pool]
    #[arg(short, long, value_name = "N", value_parser = jobs)]
    jobs: Option<NonZeroUsize>,
    /// Links of one host at once [default: 8, none on loopback]
    ///
    /// 0 is no limit.
    #[arg(long, value_name = "N")]
    per_host: Option<u32>,
    /// Time between two starts at one host
    #[arg(long, value_name = "TIME", default_value = "0", value_parser = duration, hide_short_help = true, help_heading = "Hosts")]
    wait: Duration,
    /// Spread `--wait` by half to one and a half
    #[arg(long, hide_short_help = true, help_heading = "Hosts")]
    random_wait: bool,
    /// At most so many starts at one host in a time, such as `5/15s`
    #[arg(
        long,
        value_name = "N/TIME",
        hide_short_help = true,
        help_heading = "Hosts"
    )]
    rate: Option<Rate>,
    /// Limits of one host, such as `example.org:per-host=2,wait=1s,rate=5/15s`; may be given several times
    #[arg(
        long,
        value_name = "HOST:LIMITS",
        hide_short_help = true,
        help_heading = "Hosts"
    )]
    host: Vec<HostOverride>,
    /// Tries after the first one
    #[arg(long, value_name = "N", default_value_t = DEFAULT_RETRIES)]
    retry: u32,
    /// Longest first pause; it doubles from try to try
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = duration, hide_short_help = true, help_heading = "Patience")]
    retry_delay: Duration,
    /// Give up connecting after this time; 0 never does
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = limit, hide_short_help = true, help_heading = "Patience")]
    connect_timeout: Duration,
    /// Give up waiting for an answer after this time; 0 never does
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = limit, hide_short_help = true, help_heading = "Patience")]
    first_byte_timeout: Duration,
    /// Give up a transfer in which nothing comes for this time; 0 never does
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = limit, hide_short_help = true, help_heading = "Patience")]
    stall_timeout: Duration,
    /// A server that asks for a longer pause than this is not waited for
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration, hide_short_help = true, help_heading = "Patience")]
    retry_max_wait: Duration,
    /// Give up a link after this time, retries included [default: never]
    #[arg(long, value_name = "TIME", value_parser = duration, hide_short_help = true, help_heading = "Patience")]
    max_time: Option<Duration>,
    /// Give up a transfer that is slower, in bytes a second over the stall timeout [default: never]
    #[arg(long, value_name = "SIZE", value_parser = size, hide_short_help = true, help_heading = "Patience")]
    min_speed: Option<u64>,
    /// Largest file that is taken
    #[arg(long, value_name = "SIZE", default_value = "1G", value_parser = size, hide_short_help = true)]
    max_filesize: u64,
    /// Bytes a second for the whole run, at most
    #[arg(long, value_name = "SIZE", value_parser = size, hide_short_help = true, help_heading = "Limits of the run")]
    limit_rate: Option<u64>,
    /// End the run after so many failures, or a share of them such as `5%`
    #[arg(
        long,
        value_name = "N|P%",
        hide_short_help = true,
        help_heading = "Limits of the run"
    )]
    max_failures: Option<Failures>,
    /// End the run after this time
    #[arg(long, value_name = "TIME", value_parser = duration, hide_short_help = true, help_heading = "Limits of the run")]
    max_total_time: Option<Duration>,
    /// End the run after so many new files
    #[arg(
        long,
        value_name = "N",
        hide_short_help = true,
        help_heading = "Limits of the run"
    )]
    max_downloads: Option<u64>,
    /// End the run after so many bytes of new files
    #[arg(long, value_name = "SIZE", value_parser = size, hide_short_help = true, help_heading = "Limits of the run")]
    quota: Option<u64>,
    /// Fetch only https links
    #[arg(long, hide_short_help = true, help_heading = "Safety")]
    https_only: bool,
    /// Follow redirects from https to http
    #[arg(long, hide_short_help = true, help_heading = "Safety")]
    allow_downgrade: bool,
    /// Refuse hosts that are not on the public internet: for lists of strangers; no proxy is used then
    #[arg(long, hide_short_help = true, help_heading = "Safety")]
    deny_private: bool,
    /// How progress is shown
    #[arg(
        long,
        value_enum,
        default_value_t,
        value_name = "STYLE",
        hide_short_help = true,
        help_heading = "Output"
    )]
    progress: progress::Style,
    /// Show no progress and no summary, only failures
    #[arg(short, long)]
    pub(super) quiet: bool,
    /// Tell of saved files and retries, too; `-vv` of requests
    #[arg(short, long, action = ArgAction::Count)]
    verbose: u8,
    /// Append what `-v` tells to a file, with times, and leave the terminal alone
    #[arg(
        long,
        value_name = "FILE",
        hide_short_help = true,
        help_heading = "Output"
    )]
    log: Option<PathBuf>,
    /// When to use colors; `NO_COLOR` counts, too
    #[arg(
        long,
        value_enum,
        default_value_t,
        value_name = "WHEN",
        hide_short_help = true,
        help_heading = "Output"
    )]
    color: Color,
    #[command(flatten)]
    lists: ListArgs,
    #[command(flatten)]
    pub(super) files: FileArgs,
    #[command(flatten)]
    http: HttpArgs,
}

/// When to use colors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Color {
    /// On a terminal
    #[default]
    Auto,
    /// Also in a pipe or a file
    Always,
    /// Not at all
    Never,
}

impl RunArgs {
    /// What is told besides results. From here on, colors are as they are wanted.
    pub(super) fn log(&self) -> log::Options {
        if self.color != Color::Auto {
            console::set_colors_enabled(self.color == Color::Always);
            console::set_colors_enabled_stderr(self.color == Color::Always);
        }
        log::Options {
            verbosity: self.verbose,
            file: self.log.clone(),
        }
    }

    /// Ends the process if a command stands behind options, where it would be a list.
    pub(super) fn names_no_command(&self) {
        let Some(Input::List(path)) = self.links.first() else {
            return;
        };
        let command = Cli::command();
        let meant = path.to_str().and_then(|name| command.find_subcommand(name));
        if let Some(meant) = meant.filter(|_| !path.exists()) {
            let name = meant.get_name();
            let message = format!("options stand behind a command: `fetchpdf {name} …`");
            Cli::command()
                .error(ErrorKind::ArgumentConflict, message)
                .exit()
        }
    }

    /// What a run needs to know. What the options say about a host counts more than what is among `hosts`.
    pub(super) fn config(
        self,
        mode: Mode,
        output: PathBuf,
        hosts: Vec<HostSettings>,
    ) -> anyhow::Result<Config> {
        let (mut limits, mut headers) = (HashMap::new(), HashMap::new());
        for host in hosts {
            limits.extend(host.limits.map(|limits| (host.name.clone(), limits)));
            headers.insert(host.name, host.headers);
        }
        limits.extend(
            self.host
                .into_iter()
                .map(|limits| (limits.name.clone(), limits)),
        );
        let inputs = match (self.demo, self.links) {
            (true, _) => demo::Server::start()?.links(),
            (false, links) if !links.is_empty() => links,
            (false, _) if !std::io::stdin().is_terminal() => vec![Input::Stdin],
            (false, _) => {
                let message = "no links: name a list, a URL or `-`, or try `--demo`";
                Cli::command()
                    .error(ErrorKind::MissingRequiredArgument, message)
                    .exit()
            }
        };
        Ok(Config {
            inputs,
            lists: self.lists.options(self.files.template()),
            output,
            mode,
            jobs: self.jobs,
            hosts: HostPolicies {
                default: HostPolicy {
                    per_host: self.per_host.unwrap_or(DEFAULT_PER_HOST),
                    wait: self.wait,
                    random_wait: self.random_wait,
                    rate: self.rate,
                },
                per_host_explicit: self.per_host.is_some(),
                hosts: limits,
            },
            limits: stop::Limits {
                failures: self.max_failures,
                time: self.max_total_time,
                downloads: self.max_downloads,
                bytes: self.quota,
            },
            fetch: fetch::Options {
                retry: RetryPolicy {
                    retries: self.retry,
                    delay: self.retry_delay,
                    max_wait: self.retry_max_wait,
                },
                first_byte_timeout: self.first_byte_timeout,
                stall_timeout: self.stall_timeout,
                max_time: self.max_time,
                min_speed: self.min_speed,
                max_filesize: self.max_filesize,
                limit_rate: self.limit_rate,
                sha256: self.files.need_hash(),
                dedupe: self.files.dedupe,
                remote_time: self.files.remote_time,
                https_only: self.https_only,
                allow_downgrade: self.allow_downgrade,
                http: self.http.http_options(
                    self.connect_timeout,
                    self.deny_private,
                    !self.demo,
                )?,
                request: self.http.request_options(headers)?,
            },
            hook: self.files.exec.clone(),
            plan: self.files.options(),
            records: SinkOptions::default(),
            progress: if self.quiet {
                progress::Style::None
            } else {
                self.progress
            },
            forget: Vec::new(),
        })
    }
}
