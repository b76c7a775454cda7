//! The manual pages, in roff.

use std::fmt::Write as _;

use anyhow::Context;
use clap::Command;
use clap_mangen::Man;

use super::command;
use super::help::{EXAMPLES, EXIT_CODES, NAMES};

const LISTS: [(&str, &str); 6] = [
    (
        "plain",
        "One link per line or several, optionally a tab and a file name. Blank lines and comments that begin with # are skipped. Identifiers, such as DOIs, arXiv ids and PMCIDs, are links, too.",
    ),
    (
        "tables",
        "CSV, TSV and the like: --url-column, --name-column and --carry.",
    ),
    (
        "JSON",
        "Lines or documents with the same fields, also the records of an earlier run: --only failed.",
    ),
    (
        "aria2",
        "Input files and sessions: several URLs per file, out=, dir=, checksum= and header=.",
    ),
    (
        "exports",
        "Of reference managers (BibTeX, RIS, EndNote, CSL-JSON, Zotero, PubMed); also feeds, sitemaps, OAI-PMH and CDXJ.",
    ),
    (
        "text",
        "With --extract, links are taken out of any text, HTML or XML.",
    ),
];

const HOSTS: &str = "Up to 8 links of a host are fetched at once (--per-host), and a host's Retry-After is honored. arxiv.org and export.arxiv.org get one link at a time, 3 s apart, as their terms require; --host arxiv.org:per-host=2 overrides it.";

const MODES: [(&str, &str); 4] = [
    ("sequential", "One link after the other."),
    ("threads", "A new OS thread for each link."),
    ("pool", "A fixed pool of OS threads."),
    (
        "async",
        "Tokio tasks on a few threads: the default, and the best one for long lists.",
    ),
];

const FILES: [(&str, &str); 4] = [
    (
        "~/.config/fetchpdf/config.toml",
        "The configuration file, unless --config names another one or --no-config is given: in $XDG_CONFIG_HOME if that is set, on Windows in %APPDATA%. It has long options as keys, as in per-host = 2 and quiet = true, and tables such as [host.\"example.org\"] with per-host, wait, rate and header of one host.",
    ),
    (
        ".fetchpdf/",
        "The state of an output folder: the journal of what has been fetched, and partial files, from which a run continues. --state names another folder for it.",
    ),
    ("~/.netrc", "Credentials, with --netrc."),
    ("cookies.txt", "Cookies, with --cookie."),
];

const ENVIRONMENT: [(&str, &str); 5] = [
    (
        "FETCHPDF_OPTION",
        "Sets an option: FETCHPDF_PER_HOST=2 is --per-host 2, and FETCHPDF_QUIET=1 is --quiet. The command line takes precedence over the environment, and the environment over the configuration file; --no-quiet overrides both. With -vv, a run says what came from where.",
    ),
    (
        "http_proxy, https_proxy, all_proxy, no_proxy",
        "Proxies, unless --proxy or --noproxy is given.",
    ),
    ("NETRC", "The file that --netrc reads in place of ~/.netrc."),
    ("NO_COLOR", "Turns off colors."),
    ("XDG_CONFIG_HOME", "The folder of the configuration."),
];

/// The manual page of a command, or of fetchpdf itself.
///
/// # Errors
///
/// When there is no such command.
pub(super) fn page(name: Option<&str>) -> anyhow::Result<Vec<u8>> {
    let mut whole = command();
    whole.build();
    let Some(name) = name else {
        return of_program(whole);
    };
    let found = whole.find_subcommand(name).cloned();
    let found = found.with_context(|| {
        let mut names: Vec<_> = whole.get_subcommands().map(Command::get_name).collect();
        names.sort_unstable();
        let names = names.join(", ");
        format!("unknown command `{name}`: the commands are {names}")
    })?;
    let usage = usage(&found);
    let man = Man::new(found.name(format!("fetchpdf-{name}")));
    let mut text = beginning(&man, &[usage])?;
    text += &options(&man)?;
    add_text(&mut text, "SEE ALSO", "fetchpdf(1)");
    Ok(text.into_bytes())
}

fn of_program(program: Command) -> anyhow::Result<Vec<u8>> {
    let commands = program
        .get_subcommands()
        .filter(|command| !command.is_hide_set());
    let commands: Vec<_> = commands
        .filter(|command| command.get_name() != "help")
        .cloned()
        .collect();
    let mut usages = vec!["fetchpdf [OPTIONS] [LINKS]...".to_owned()];
    usages.extend(commands.iter().map(usage));
    let man = Man::new(program);
    let mut text = beginning(&man, &usages)?;
    let abouts: Vec<_> = commands
        .iter()
        .map(|command| {
            let about = command.get_about().map(ToString::to_string);
            let about = format!(
                "{}. See fetchpdf-{}(1).",
                about.unwrap_or_default(),
                command.get_name()
            );
            (command.get_name(), about)
        })
        .collect();
    let abouts: Vec<_> = abouts
        .iter()
        .map(|(name, about)| (*name, &**about))
        .collect();
    add_pairs(&mut text, "COMMANDS", &abouts);
    text += &options(&man)?;
    text.push_str(".SH LISTS\nLists are plain or compressed with gzip or Zstandard, and their format is detected.\n");
    add_items(&mut text, &LISTS);
    add_text(&mut text, "NAMES", NAMES);
    add_text(&mut text, "HOSTS", HOSTS);
    add_pairs(&mut text, "MODES", &MODES);
    let examples = EXAMPLES.map(|(call, meaning)| (call, format!("{}.", capitalized(meaning))));
    let examples: Vec<_> = examples
        .iter()
        .map(|(call, meaning)| (*call, &**meaning))
        .collect();
    add_pairs(&mut text, "EXAMPLES", &examples);
    add_pairs(&mut text, "EXIT STATUS", &EXIT_CODES);
    add_pairs(&mut text, "FILES", &FILES);
    add_pairs(&mut text, "ENVIRONMENT", &ENVIRONMENT);
    add_text(
        &mut text,
        "SEE ALSO",
        "curl(1), wget(1), aria2c(1), xargs(1)",
    );
    Ok(text.into_bytes())
}

/// The title, the name, the synopsis with these `usages`, and the description.
fn beginning(man: &Man, usages: &[String]) -> anyhow::Result<String> {
    let mut head = Vec::new();
    man.render_title(&mut head)?;
    man.render_name_section(&mut head)?;
    let mut text = String::from_utf8(head)?;
    text.push_str(".SH SYNOPSIS\n.nf\n");
    for usage in usages {
        let _ = writeln!(text, "{}", escaped(usage));
    }
    text.push_str(".fi\n");
    let mut description = Vec::new();
    man.render_description_section(&mut description)?;
    Ok(text + &String::from_utf8(description)?)
}

/// All options in one section, with a heading for each group.
fn options(man: &Man) -> anyhow::Result<String> {
    let mut text = Vec::new();
    man.render_options_section(&mut text)?;
    let text = String::from_utf8(text)?;
    let groups = text.replace("\n.SH ", "\n.SS ");
    Ok(groups.replacen(".SS OPTIONS", ".SH OPTIONS", 1))
}

/// The form of calls of a command.
fn usage(command: &Command) -> String {
    let usage = command.clone().render_usage().to_string();
    usage.trim_start_matches("Usage: ").trim().to_owned()
}

fn add_text(page: &mut String, heading: &str, text: &str) {
    let _ = writeln!(page, ".SH {heading}\n{}", escaped(text));
}

fn add_pairs(page: &mut String, heading: &str, pairs: &[(&str, &str)]) {
    let _ = writeln!(page, ".SH {heading}");
    add_items(page, pairs);
}

fn add_items(page: &mut String, pairs: &[(&str, &str)]) {
    for (term, meaning) in pairs {
        let _ = writeln!(page, ".TP\n\\fB{}\\fR\n{}", escaped(term), escaped(meaning));
    }
}

fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|c| c.to_ascii_uppercase());
    first.into_iter().chain(chars).collect()
}

/// A text as roff shows it. No line begins with a control character.
fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    let lines = text.lines().map(|line| {
        let is_control = line.starts_with(['.', '\'']);
        format!("{}{line}", if is_control { "\\&" } else { "" })
    });
    lines.collect::<Vec<_>>().join("\n")
}
