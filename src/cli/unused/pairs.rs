//! Options of a run that another option, or its absence, leaves without effect: those whose outcome would mislead.

use http::header::{AUTHORIZATION, COOKIE, REFERER, USER_AGENT};

use super::Given;
use crate::mode::Mode;
use crate::progress::Style;
use crate::report::Print;
use crate::run::Config;

/// An option, unless it has an effect, and why not.
type Unused = (Option<String>, &'static str);

fn said(unused: impl IntoIterator<Item = Unused>) -> impl Iterator<Item = String> {
    let unused = unused.into_iter();
    unused.filter_map(|(option, why)| Some(format!("`{}` has no effect {why}", option?)))
}

/// Warnings about options for the course of a run.
pub(super) fn of_run(given: &Given, config: &Config) -> impl Iterator<Item = String> {
    let jobs = config.jobs.map_or(1, std::num::NonZero::get);
    let is_sequential = config.mode == Mode::Sequential && given.has("mode") && jobs > 1;
    let of_jobs = given.first(&["jobs"]).filter(|_| is_sequential);
    let of_buckets = given.first(&["uploads", "instance_credentials"]);
    let has_bucket = config.layout.bucket().is_some();
    let retry = &config.fetch.retry;
    let of_retries = given.first(&["retry_delay", "retry_max_wait"]);
    let paces_hosts = !config.hosts.default.wait.is_zero() || !config.hosts.hosts.is_empty();
    said([
        (
            of_jobs.map(|_| format!("-j {jobs}")),
            "with `-m sequential`: it fetches one link after the other",
        ),
        (
            given
                .first(&["all_links", "base"])
                .filter(|_| !config.lists.extract),
            "without `--extract`",
        ),
        (
            of_buckets.filter(|_| !has_bucket),
            "without a bucket as `--output`",
        ),
        (
            of_retries.filter(|_| retry.retries == 0 && !has_bucket),
            "with `--retry 0`",
        ),
        (
            given
                .first(&["retry_delay"])
                .filter(|_| retry.delay > retry.max_wait && retry.retries > 0),
            "beyond `--retry-max-wait`, the longest pause",
        ),
        (
            given.first(&["random_wait"]).filter(|_| !paces_hosts),
            "without `--wait`",
        ),
        (
            given.first(&["config"]).filter(|_| given.has("no_config")),
            "with `--no-config`",
        ),
    ])
}

/// Warnings about options for connections and requests.
pub(super) fn of_http(given: &Given, config: &Config) -> impl Iterator<Item = String> {
    let (http, request) = (&config.fetch.http, &config.fetch.request);
    let no_host = |hosts: &String| hosts.split(',').any(|host| host.trim() == "*");
    let has_header = |name| request.headers.iter().any(|(header, _)| header == name);
    let unless = |option, is_used: bool| given.first(&[option]).filter(|_| !is_used);
    said([
        (
            unless("allow_downgrade", !config.fetch.https_only),
            "with `--https-only`",
        ),
        (
            unless("cacert", !http.insecure),
            "with `--insecure`, which accepts any certificate",
        ),
        (
            given
                .first(&["proxy", "noproxy"])
                .filter(|_| !http.use_proxies),
            "with `--demo`, whose server is this process",
        ),
        (
            unless("proxy", !http.no_proxy.as_ref().is_some_and(no_host)),
            "with `--noproxy '*'`",
        ),
        (
            unless(
                "noproxy",
                http.proxy.is_some() || !given.has("noproxy") || may_have_proxy(),
            ),
            "without a proxy: neither `--proxy` nor a variable such as `https_proxy` names one",
        ),
        (
            given
                .first(&["netrc", "netrc_file"])
                .filter(|_| request.user.is_some()),
            "with `--user`, which is for all hosts",
        ),
        (
            given
                .first(&["user", "netrc", "netrc_file"])
                .filter(|_| has_header(AUTHORIZATION)),
            "with a header `Authorization`",
        ),
        (
            unless("user_agent", !has_header(USER_AGENT)),
            "with a header `User-Agent`",
        ),
        (
            unless("referer", !has_header(REFERER)),
            "with a header `Referer`",
        ),
        (
            unless("cookie", !has_header(COOKIE)),
            "with a header `Cookie`",
        ),
    ])
}

/// Warnings about options for what is printed and written.
pub(super) fn of_output(
    given: &Given,
    config: &Config,
    is_dry: bool,
) -> impl Iterator<Item = String> {
    let records = &config.records;
    let mut reports = records.reports.iter();
    let is_csv = reports.any(|path| path.extension().is_some_and(|end| end == "csv"));
    let has_records = records.has_records() || config.packing.is_some();
    let is_quiet = given.has("quiet") && config.progress == Style::None;
    let no_records = "without records: `--json` or `--report FILE`";
    said([
        (
            given
                .first(&["print", "null"])
                .filter(|_| is_dry && records.print == Print::Paths),
            "with `--dry-run`, which fetches no files",
        ),
        (
            given
                .first(&["report", "error_file", "exec"])
                .filter(|_| is_dry),
            "with `--dry-run`, which writes no files",
        ),
        (
            given.first(&["report_csv_safe"]).filter(|_| !is_csv),
            "without a CSV report: `--report FILE.csv`",
        ),
        (
            given
                .first(&["null"])
                .filter(|_| records.print == Print::Json),
            "with `--print json`",
        ),
        (
            given
                .first(&["carry", "carry_line"])
                .filter(|_| !has_records),
            no_records,
        ),
        (
            given
                .first(&["record_untried"])
                .filter(|_| !has_records && records.errors.is_none()),
            no_records,
        ),
        (
            given.first(&["progress"]).filter(|_| is_quiet),
            "with `--quiet`",
        ),
    ])
}

/// Whether the environment, or a system that has a setting for it, may name a proxy.
fn may_have_proxy() -> bool {
    const VARIABLES: [&str; 3] = ["http_proxy", "https_proxy", "all_proxy"];
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|proxy| !proxy.is_empty());
    let mut variables = VARIABLES.iter();
    cfg!(any(windows, target_vendor = "apple"))
        || variables.any(|name| is_set(name) || is_set(&name.to_uppercase()))
}
