//! Options of the command line that have no effect in a call.
//!
//! What decides over links or names is an error: a run that ignores `--only failed` would fetch everything. Where a pipe may
//! still bring what an option asks for, and for options that change nothing else, a warning is enough. Options from the environment
//! and the configuration file are for all runs, and need no effect in each.

mod pairs;

use clap::ArgMatches;
use clap::parser::ValueSource;

use super::invocation::Action;
use crate::links::{Features, Input, features};
use crate::run::Config;
use pairs::{of_http, of_output, of_run};

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
        Action::Run(config) | Action::DryRun(config) => {
            let mut warnings = check(&given, config)?;
            let is_dry = matches!(action, Action::DryRun(_));
            warnings.extend(of_output(&given, config, is_dry));
            Ok(warnings)
        }
        Action::Compare(asked) => {
            let mut warnings = check(&given, &asked.config)?;
            warnings.extend(of_comparison(&given));
            Ok(warnings)
        }
        Action::Landing(..) => of_question(&given, "landing"),
        Action::Resolve(_) => of_question(&given, "resolve"),
        Action::Verify(check) if check.bucket.is_none() && given.has("deep") => {
            let why = "for a folder, whose files are always read";
            Ok(vec![format!("`--deep` has no effect {why}")])
        }
        _ => Ok(Vec::new()),
    }
}

/// Warnings about options that have no effect in a run or a comparison with this configuration.
///
/// # Errors
///
/// When an option asks a list for something that no list of the run has.
fn check(given: &Given, config: &Config) -> anyhow::Result<Vec<String>> {
    let mut warnings = of_lists(given, config)?;
    warnings.extend(of_run(given, config));
    warnings.extend(of_http(given, config));
    if config.fetch.limit_rate < config.fetch.min_speed && config.fetch.limit_rate.is_some() {
        let why = "every transfer will be too slow";
        warnings.push(format!("`--min-speed` is above `--limit-rate`: {why}"));
    }
    Ok(warnings)
}

/// Warnings about options of a run for a command that only asks servers.
///
/// # Errors
///
/// When it is not to ask any.
fn of_question(given: &Given, command: &str) -> anyhow::Result<Vec<String>> {
    let of_files = [
        "name",
        "shard_dirs",
        "skip_existing",
        "update",
        "overwrite",
        "dedupe",
        "pack",
        "remote_time",
        "sha256",
        "exec",
        "max_downloads",
        "quota",
    ];
    if given.has("dry_run") {
        anyhow::bail!(
            "`--dry-run` cannot be used with `{command}`, which asks servers: leave it out, because `{command}` saves no files"
        );
    }
    let option = given.first(&of_files).into_iter();
    let why = format!("with `{command}`, which saves no files");
    Ok(option
        .map(|option| format!("`{option}` has no effect {why}"))
        .collect())
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
            "no field `{wanted}` in the first {} of the list{hint}",
            if list.has_entries {
                "entries"
            } else {
                "objects"
            }
        ));
    }
    Ok(warnings)
}
