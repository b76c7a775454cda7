//! What people type who know another program: curl, wget, aria2, yt-dlp, xargs or Python.
//!
//! A name that means exactly one thing here is a hidden alias, see [`ALIASES`]. A name that means several things, or nothing,
//! is answered by what to type, see [`answers`]; clap would suggest the option that is spelled most like it, however unlike
//! that is. Options that have the same name and another meaning are refused if their value shows that the other one is meant,
//! see [`check`].

mod answers;

use std::ffi::OsString;
use std::path::Path;

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command};

pub(super) use answers::of_option;

use super::{all_args, negations, refusal};

/// Other names of options, by the ids of the options.
const ALIASES: [(&str, &[&str]); 20] = [
    ("output", &["output-dir", "dir", "directory-prefix"]),
    (
        "jobs",
        &[
            "workers",
            "max-workers",
            "concurrency",
            "max-concurrent-downloads",
            "max-procs",
            "parallel-max",
            "transfers",
            "num-workers",
            "max-concurrent",
            "concurrent-downloads",
        ],
    ),
    ("retry", &["retries", "max-retries"]),
    ("retry_delay", &["retry-wait", "retries-sleep"]),
    ("stall_timeout", &["read-timeout"]),
    (
        "min_speed",
        &["speed-limit", "lowest-speed-limit", "throttled-rate"],
    ),
    ("limit_rate", &["max-overall-download-limit", "rate-limit"]),
    ("wait", &["sleep-interval"]),
    (
        "overwrite",
        &["allow-overwrite", "force-overwrites", "yes-overwrites"],
    ),
    ("update", &["timestamping", "conditional-get"]),
    ("dry_run", &["simulate", "spider"]),
    ("cookie", &["cookies", "load-cookies"]),
    ("max_redirs", &["max-redirect"]),
    ("cacert", &["ca-certificate"]),
    ("cert", &["certificate"]),
    ("key", &["private-key"]),
    (
        "insecure",
        &["no-check-certificate", "no-check-certificates"],
    ),
    ("proxy", &["all-proxy"]),
    ("ipv4", &["inet4-only", "force-ipv4"]),
    ("ipv6", &["inet6-only", "force-ipv6"]),
];

/// How many letters of a name may be wrong, if it is a long one.
const MOST_SLIPS: usize = 2;

/// The names of values that begin with a number.
const NUMBERS: [&str; 6] = ["N", "N[,N]…", "N|P%", "N/TIME", "SIZE", "TIME"];

/// The endings of files with records.
const FORMATS: [&str; 5] = ["json", "jsonl", "ndjson", "csv", "html"];

/// Gives an option its other names. `-1`, which other programs take for "without a limit", is a wrong value and not an option.
pub(super) fn with_aliases(arg: Arg) -> Arg {
    let mut values = arg.get_value_names().into_iter().flatten();
    let takes_number = values.any(|name| NUMBERS.contains(&name.as_str()));
    let arg = arg.allow_negative_numbers(takes_number);
    let other = ALIASES.iter().find(|(id, _)| arg.get_id() == id);
    match other.filter(|_| arg.get_long().is_some()) {
        Some((_, names)) => arg.aliases(*names),
        None => arg,
    }
}

/// Answers an error about an option of another program by naming ours. In place of what clap takes to be similar, only a misspelled
/// name is answered by the right one.
pub(super) fn answer(
    mut error: clap::Error,
    command: &Command,
    arguments: &[OsString],
) -> clap::Error {
    let Some(ContextValue::String(arg)) = error.get(ContextKind::InvalidArg) else {
        return error;
    };
    let name = arg.split(['=', ' ']).next().unwrap_or_default().to_owned();
    let is_unknown = error.kind() == ErrorKind::UnknownArgument;
    let first = arguments.get(1).and_then(|argument| argument.to_str());
    let used = first.and_then(|first| command.find_subcommand(first));
    let similar = || {
        let long = name.strip_prefix("--").filter(|_| is_unknown)?;
        similar(long, used.unwrap_or(command).get_arguments())?.get_long()
    };
    // the answers are for a run: `merge` has another `--output`
    let of_command = used.and_then(|_| similar());
    let answer = match error.kind() {
        ErrorKind::UnknownArgument => of_option(&name),
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => of_value(&name, &error),
        _ => None,
    };
    let answer = of_letters(arguments).or(answer).map(str::to_owned);
    let has_value = error.kind() == ErrorKind::TooManyValues;
    let of_flag = || of_flag(&name, command).filter(|_| has_value);
    let answer = answer.or_else(of_flag);
    let of_other = || of_other_command(&name, command).filter(|_| is_unknown);
    let answer = answer.or_else(of_other).filter(|_| of_command.is_none());
    if !is_unknown && answer.is_none() {
        return error;
    }
    let similar = of_command.or_else(similar).map(|long| format!("--{long}"));
    for kind in [
        ContextKind::SuggestedArg,
        ContextKind::SuggestedValue,
        ContextKind::SuggestedSubcommand,
        ContextKind::Suggested,
    ] {
        error.remove(kind);
    }
    if let Some(mut used) = used.filter(|_| is_unknown).cloned() {
        // without what clap takes to be similar
        error.insert(
            ContextKind::Usage,
            ContextValue::StyledStr(used.render_usage()),
        );
    }
    if let Some(answer) = answer {
        let tips = [answer].into_iter().filter(|answer| !answer.is_empty());
        let tips = tips.map(StyledStr::from).collect();
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(tips));
    } else if let Some(similar) = similar {
        error.insert(ContextKind::SuggestedArg, ContextValue::String(similar));
    }
    error
}

/// The answer to an option of wget that has two letters, such as `-nc`, and to `-n1` of xargs, which would be two options.
fn of_letters(arguments: &[OsString]) -> Option<&'static str> {
    let letters = arguments.iter().filter_map(|argument| argument.to_str());
    let mut letters = letters.filter(|letters| letters.starts_with("-n"));
    letters.find_map(|letters| match &letters.as_bytes()[2..] {
        [b'0'..=b'9', ..] => {
            Some("`-n` is `--netrc`, and takes no value: `-j N` is the number of links at once")
        }
        [_] => of_option(letters),
        _ => None,
    })
}

/// The answer to an option that only another command has.
fn of_other_command(name: &str, command: &Command) -> Option<String> {
    let long = name.strip_prefix("--")?;
    let has = |command: &Command| {
        let mut options = command.get_arguments().filter_map(Arg::get_long);
        options.any(|option| option == long)
    };
    if has(command) {
        let answer = "it is an option of a run, `fetchpdf LIST`, and not of this command";
        return Some(answer.to_owned());
    }
    let other = command.get_subcommands().find(|command| has(command))?;
    let other = other.get_name();
    Some(format!("it is an option of `fetchpdf {other}`"))
}

/// What to type in place of a first argument that is no list: a word of another program, or a misspelled command.
pub(super) fn of_word(word: &str, command: &Command) -> Option<String> {
    if let Some(answer) = answers::of_word(word) {
        return Some(format!("`{word}` {answer}"));
    }
    let names = command.get_subcommands().map(Command::get_name);
    let distances = names.chain(["help"]).map(|name| (slip(word, name), name));
    let (_, similar) = distances.filter(|(slip, _)| slip.is_some()).min()?;
    Some(format!(
        "there is no list `{word}`: did you mean the command `fetchpdf {similar}`?"
    ))
}

/// How far `word` is from `name`, if it may be a slip.
fn slip(word: &str, name: &str) -> Option<usize> {
    let distance = strsim::osa_distance(word, name);
    (distance <= (word.len() / 4).min(MOST_SLIPS)).then_some(distance)
}

/// The option that has the name `long` but for a slip, or a name that begins with it.
pub(super) fn similar<'c>(long: &str, args: impl Iterator<Item = &'c Arg>) -> Option<&'c Arg> {
    let long = long.to_lowercase().replace('_', "-");
    let distance = |arg: &Arg| {
        let name = arg.get_long()?;
        let names = arg.get_all_aliases().unwrap_or_default();
        let slips = names.into_iter().chain([name]);
        let slips = slips.filter_map(|name| slip(&long, name));
        let is_beginning = long.len() > 2 && name.starts_with(&long) && !arg.is_hide_set();
        let beginning = is_beginning.then_some(MOST_SLIPS + 1);
        slips.chain(beginning).min()
    };
    let distances = args.filter_map(|arg| Some((distance(arg)?, arg)));
    let nearest = distances.min_by_key(|(distance, _)| *distance);
    nearest.map(|(_, arg)| arg)
}

/// The answer to a value that an option of the same name takes elsewhere.
fn of_value(name: &str, error: &clap::Error) -> Option<&'static str> {
    let Some(ContextValue::String(value)) = error.get(ContextKind::InvalidValue) else {
        return None;
    };
    match name {
        "--mode" if is_number(value) => {
            Some("`-m` is the mode: `--max-time 30s` limits the time of a link")
        }
        "--mode" if value.starts_with("proc") || value.starts_with("multip") => {
            Some("downloads wait for the network, so that threads do: `-m pool`")
        }
        "--progress" if value.starts_with("dot") => Some("`--progress plain` prints lines"),
        _ => None,
    }
}

/// The answer to a value of a flag, such as `--quiet=true`.
fn of_flag(name: &str, command: &Command) -> Option<String> {
    let long = name.trim_end_matches('.').strip_prefix("--")?;
    let opposite = negations::opposite(long);
    let is_negation = |arg: &Arg| negations::is_one(arg) && arg.get_long() == Some(&opposite);
    Some(if all_args(command).any(is_negation) {
        format!("leave out the value: `--{opposite}` is the opposite")
    } else {
        "leave out the value".to_owned()
    })
}

/// Ends the process if an option of the command line has a value that it takes only in another program.
pub(super) fn check(command: &Command, matches: &ArgMatches) {
    let value = |id: &str| {
        let given = matches.try_get_raw(id).ok().flatten();
        let is_given = matches.try_contains_id(id).is_ok()
            && matches.value_source(id) == Some(ValueSource::CommandLine);
        let value = given.filter(|_| is_given)?.next_back()?;
        value.to_str()
    };
    // a folder to verify is no option
    let has_links = matches.try_contains_id("links").is_ok();
    let message = if let Some(number) = number_of_netrc(matches) {
        format!("`-n` is `--netrc`, and takes no value: for {number} links at once, `-j {number}`")
    } else if let Some(number) = value("proxy").filter(|value| is_number(value)) {
        format!("`-x` is the proxy: for {number} links of a host at once, `--per-host {number}`")
    } else if let Some(kinds) = value("user_agent").filter(|value| is_kind(value)) {
        format!(
            "`-A {kinds}` would be the `User-Agent`: fetchpdf only fetches PDFs, so leave it out"
        )
    } else if value("referer").is_some_and(|value| value.starts_with("robots=")) {
        "`-e` is the `Referer`: fetchpdf fetches what a list names, and reads no `robots.txt`"
            .to_owned()
    } else if value("cookie").is_some_and(|value| value.contains('=') && !Path::new(value).exists())
    {
        "`-b` takes a file of cookies: for a single cookie, `-H 'Cookie: NAME=VALUE'`".to_owned()
    } else if value("user").is_some_and(is_link) {
        "`-u` takes `USER:PASSWORD`, and this is a URL".to_owned()
    } else if let Some(folder) = value("output").filter(|value| has_links && is_no_folder(value)) {
        format!(
            "`-o {folder}`: the output is a folder, or `FILE.pdf` for a single link; `--name TEMPLATE` names files, `--report FILE` writes records, and `--log FILE` messages"
        )
    } else if let Some(format) = value("report").filter(|value| FORMATS.contains(value)) {
        format!("`--report {format}` would be a file of this name: write `--report run.{format}`")
    } else if let Some(file) = file_of_json(matches) {
        format!(
            "`--json` prints records on standard output: `--report {file}` writes them to a file"
        )
    } else {
        return;
    };
    let kind = ErrorKind::ValueValidation;
    refusal::end_with(&command.clone().error(kind, message))
}

/// The number behind `-n`, as xargs and others have it, which would be a list.
fn number_of_netrc(matches: &ArgMatches) -> Option<&str> {
    let has_netrc = matches.try_get_one::<bool>("netrc").ok().flatten()?;
    let mut links = matches.try_get_raw("links").ok().flatten()?;
    let mut number = links.next().filter(|_| *has_netrc)?.to_str()?;
    while !is_number(number) {
        number = links.next()?.to_str()?;
    }
    (!Path::new(number).exists()).then_some(number)
}

/// The file behind `--json`, which would be a list.
fn file_of_json(matches: &ArgMatches) -> Option<&str> {
    let prints_json = matches.try_get_one::<bool>("json").ok().flatten();
    prints_json.filter(|prints| **prints)?;
    let behind = matches.index_of("json")? + 1;
    let links = matches.try_get_raw("links").ok().flatten()?;
    let mut links = links.zip(matches.indices_of("links")?);
    let (file, _) = links.find(|(_, index)| *index == behind)?;
    let (path, text) = (Path::new(file), file.to_str()?);
    let is_format = |end| ["json", "jsonl", "ndjson"].contains(&end);
    let is_file = path.extension()?.to_str().is_some_and(is_format);
    (is_file && !path.exists() && !text.contains("://")).then_some(text)
}

/// Whether `output` is rather the template of yt-dlp, or a file that is no PDF, than a folder.
fn is_no_folder(output: &str) -> bool {
    let path = Path::new(output);
    let end = path.extension().unwrap_or_default().to_ascii_lowercase();
    let end = end.to_str().unwrap_or_default();
    let is_named_so = FORMATS.contains(&end) || matches!(end, "log" | "txt");
    let is_file = is_named_so || (path.exists() && end != "pdf");
    let is_other = output.ends_with('/') || output.contains("://");
    (output.contains("%(") || is_file) && !is_other && !path.is_dir()
}

fn is_link(value: &str) -> bool {
    value.starts_with("http://") || value.starts_with("https://")
}

fn is_number(value: &str) -> bool {
    !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether `value` is what `wget -A` takes, such as `pdf` or `*.pdf,*.ps`.
fn is_kind(value: &str) -> bool {
    let mut kinds = value
        .split(',')
        .map(|kind| kind.trim_start_matches(['*', '.']));
    kinds.all(|kind| ["pdf", "PDF", "ps", "djvu", "epub"].contains(&kind))
}
