//! Options of the command line that have no effect in a call.
//!
//! What decides over links or names is an error: a run that ignores `--only failed` would fetch everything. Where a pipe may
//! still bring what an option asks for, and for options that change nothing else, a warning is enough. Options from the environment
//! and the configuration file are for all runs, and need no effect in each.

use clap::ArgMatches;
use clap::parser::ValueSource;

use super::invocation::Action;
use crate::links::{Features, Input, features};
use crate::mode::Mode;
use crate::report::Print;
use crate::run::Config;

/// The options on the command line.
struct Given<'m>(&'m ArgMatches);

impl Given<'_> {
    fn has(&self, id: &str) -> bool {
        self.0.try_contains_id(id).is_ok()
            && self.0.value_source(id) == Some(ValueSource::CommandLine)
    }

    /// The first of these options that is given, by its name.
    fn first(&self, ids: &[&'static str]) -> Option<String> {
        let found = ids.iter().find(|id| self.has(id));
        found.map(|id| format!("--{}", id.replace('_', "-")))
    }
}

/// What options have no effect in this action.
///
/// # Errors
///
/// See [`check`].
pub(super) fn in_action(matches: &ArgMatches, action: &Action) -> anyhow::Result<Vec<String>> {
    let given = Given(matches);
    match action {
        Action::Run(config) => check(&given, config, false),
        Action::Compare(asked) => {
            let mut warnings = check(&given, &asked.config, false)?;
            warnings.extend(of_comparison(&given));
            Ok(warnings)
        }
        Action::DryRun(config) => check(&given, config, true),
        _ => Ok(Vec::new()),
    }
}

/// Warnings about options that have no effect in a run with this configuration.
///
/// # Errors
///
/// When an option asks a list for something that no list of the run has.
fn check(given: &Given, config: &Config, is_dry: bool) -> anyhow::Result<Vec<String>> {
    let mut warnings = of_lists(given, config)?;
    let jobs = config.jobs.map_or(1, std::num::NonZero::get);
    let has_bucket = config.layout.bucket().is_some();
    let of_buckets = given.first(&["uploads", "instance_credentials"]);
    let written = given.first(&["report", "error_file", "exec"]);
    let mut reports = config.records.reports.iter();
    let is_csv = reports.any(|path| path.extension().is_some_and(|end| end == "csv"));
    let paces_hosts = !config.hosts.default.wait.is_zero() || !config.hosts.hosts.is_empty();
    let add = |option: String, why: &str| format!("`{option}` has no effect {why}");
    let unused = [
        (config.mode == Mode::Sequential && given.has("jobs") && given.has("mode") && jobs > 1)
            .then(|| {
                add(
                    format!("-j {jobs}"),
                    "with `-m sequential`: it fetches one link after the other",
                )
            }),
        given
            .first(&["all_links", "base"])
            .filter(|_| !config.lists.extract)
            .map(|option| add(option, "without `--extract`")),
        given
            .first(&["print", "null"])
            .filter(|_| is_dry && config.records.print == Print::Paths)
            .map(|option| add(option, "with `--dry-run`, which fetches no files")),
        of_buckets
            .filter(|_| !has_bucket)
            .map(|option| add(option, "without a bucket as `--output`")),
        written
            .filter(|_| is_dry)
            .map(|option| add(option, "with `--dry-run`, which writes no files")),
        (given.has("report_csv_safe") && !is_csv).then(|| {
            add(
                "--report-csv-safe".to_owned(),
                "without a CSV report: `--report FILE.csv`",
            )
        }),
        (given.has("random_wait") && !paces_hosts)
            .then(|| add("--random-wait".to_owned(), "without `--wait`")),
        (given.has("allow_downgrade") && config.fetch.https_only)
            .then(|| add("--allow-downgrade".to_owned(), "with `--https-only`")),
    ];
    warnings.extend(unused.into_iter().flatten());
    Ok(warnings)
}

/// Warnings about options of a run that change nothing in a comparison.
fn of_comparison(given: &Given) -> impl Iterator<Item = String> {
    let unused = [
        (
            given.first(&["update", "skip_existing", "overwrite"]),
            "each run starts with an empty folder",
        ),
        (
            given.first(&["carry", "carry_line"]),
            "it writes no records",
        ),
    ];
    let said = |(option, why): (Option<String>, &str)| {
        Some(format!("`{}` has no effect with `compare`: {why}", option?))
    };
    unused.into_iter().filter_map(said)
}

/// The same for options that are about the lists.
fn of_lists(given: &Given, config: &Config) -> anyhow::Result<Vec<String>> {
    let of_columns = [
        "url_column",
        "url_template",
        "name_column",
        "carry",
        "name",
        "identity",
    ];
    let for_lists = ["only", "sitemap_depth", "extract", "input_format"];
    if !of_columns.iter().chain(&for_lists).any(|id| given.has(id)) {
        return Ok(Vec::new());
    }
    let inputs = &config.inputs;
    let has_no_list = inputs.iter().all(|input| matches!(input, Input::Url(_)));
    if has_no_list && let Some(option) = given.first(&["extract", "input_format"]) {
        anyhow::bail!(
            "`{option}` is about lists, and a link is none: save the page and name the file, or try `curl URL | fetchpdf --extract --base URL`"
        );
    }
    let known = inputs.iter().map(|input| features(input, &config.lists));
    let Some(known) = known.collect::<Option<Vec<Features>>>() else {
        return Ok(Vec::new());
    };
    if let Some(problem) = known.iter().find_map(|list| list.problem.as_deref()) {
        anyhow::bail!("{problem}");
    }
    let kinds: Vec<_> = known
        .iter()
        .map(|list| &*list.kind)
        .filter(|kind| !kind.is_empty())
        .collect();
    let what = match kinds.first() {
        Some(kind) => format!("the list is {kind}"),
        None => "there are only links".to_owned(),
    };
    if given.has("only") && !known.iter().any(|list| list.has_records) {
        anyhow::bail!(
            "`--only` has no effect: {what}, and not the records of a run, such as a file of `--report run.jsonl`"
        );
    }
    let wanted: Vec<_> = config.lists.columns.kept.iter().collect();
    if !known.iter().any(|list| list.has_columns) {
        let direct = given.first(&of_columns[..4]);
        let indirect = given.first(&of_columns[4..]).and(wanted.first());
        if let Some(option) = direct {
            anyhow::bail!("`{option}` has no effect: {what}, without columns or fields");
        } else if let Some(column) = indirect {
            anyhow::bail!("`{{col.{column}}}` has no value: {what}, without columns or fields");
        }
    }
    let mut warnings = Vec::new();
    if given.has("sitemap_depth") && !known.iter().any(|list| list.is_index) {
        warnings.push(format!(
            "`--sitemap-depth` has no effect: {what}, and no index of sitemaps"
        ));
    }
    let [url, name] = [&config.lists.columns.url, &config.lists.columns.name];
    let named = [url, name].into_iter().flatten().map(String::as_str);
    let mut wanted = named.chain(wanted.iter().map(|name| &***name));
    if let [list] = &known[..]
        && let Some(wanted) = wanted.find(|wanted| list.lacks(wanted))
    {
        let similar = list.similar(wanted);
        let hint = similar.map_or_else(String::new, |name| format!(": did you mean `{name}`?"));
        warnings.push(format!(
            "no field `{wanted}` in the first objects of the list{hint}"
        ));
    }
    Ok(warnings)
}
