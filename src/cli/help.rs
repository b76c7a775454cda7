//! The texts of `-h` and `--help`, parts of which the manual page has as well.
//!
//! `-h` lists what most people use, in one list that fits a terminal of 80 columns and 40 lines. `--help` lists every option, each with
//! one sentence, and fits 200 lines. The manual page has the rest.

use std::ffi::OsString;
use std::fmt::Write as _;

use clap::{Arg, ArgAction, Command};

use super::{IN_SHORT_HELP, mut_all_args};

const SHORT: &str = "\
LINKS are lists, URLs, identifiers such as DOIs, or `-` for standard input.
`fetchpdf --help` lists all options; `fetchpdf man | man -l -` explains them.";

/// Calls, and what they do.
pub(super) const EXAMPLES: [(&str, &str); 9] = [
    ("fetchpdf links.txt -o papers", "fetch a list into a folder"),
    ("fetchpdf URL -o paper.pdf", "fetch one PDF, and name it"),
    (
        "fetchpdf refs.bib --email ME@HOST",
        "the PDFs of a bibliography",
    ),
    ("fetchpdf 10.1038/nphys1170", "the PDF of a DOI"),
    (
        "fetchpdf page.html --extract",
        "the PDFs that a page links to",
    ),
    (
        "fetchpdf links.txt -o papers --update",
        "also fetch what has changed",
    ),
    (
        "fetchpdf run.jsonl --only failed",
        "try again what has failed",
    ),
    (
        "grep -o 'https:[^ ]*pdf' a.md | fetchpdf",
        "read links from a pipe",
    ),
    ("fetchpdf compare --demo", "compare the four modes"),
];

/// Fields of `--name`.
pub(super) const NAMES: &str = "\
{name} {stem} {host} {path} {index} {line} {id} {doi} {arxiv} {sha256} {date}
{col.NAME}; a width pads numbers and shortens text, as in {index:06} or
{sha256:12}, and `/` makes folders. No two files get the same name.";

/// Exit codes, and what they mean.
pub(super) const EXIT_CODES: [(&str, &str); 5] = [
    ("0", "every link has its file"),
    (
        "1",
        "some links failed, or the run ended early; see `--fail-on`",
    ),
    ("2", "wrong usage, or the run could not be completed"),
    ("75", "with `--fail-on retryable`: another run may succeed"),
    (
        "130",
        "ended by Ctrl-C (129: SIGHUP, 143: SIGTERM); the same command continues",
    ),
];

const SETTINGS: &str = "\
Each option can also be set in the environment, `--per-host 2` as
FETCHPDF_PER_HOST=2, or in the configuration file, as `per-host = 2`.
A flag can be negated, `--quiet` by `--no-quiet`, to override both.";

/// What options are in a few words, so that each takes one line of a terminal of 80 columns. They stand in place of the sentences, defaults
/// and possible values that the manual page and the documentation have.
const BRIEF: [(&str, &str); 80] = [
    (
        "links",
        "Lists, URLs, identifiers, or `-` for standard input",
    ),
    (
        "output",
        "Folder, bucket, or FILE.pdf of one link [default: .]",
    ),
    ("state", "Folder for the journal and partials"),
    (
        "serve",
        "Serve sample PDFs until interrupted, to try programs",
    ),
    ("demo", "Fetch ten sample PDFs from a built-in server"),
    ("jobs", "Links at once [default: 64; threads and pool: 16]"),
    (
        "per_host",
        "Links at once per host; 0: no limit [default: 8]",
    ),
    (
        "mode",
        "sequential, threads, pool or async [default: async]",
    ),
    ("quiet", "Print only failures; `-qq`: only those of the run"),
    ("verbose", "Also print saved files; `-vv`: also requests"),
    ("help", "Print help; `--help` lists all options"),
    ("input_format", "Format; `--input-format=?` lists them"),
    ("url_column", "Column or field of links"),
    (
        "url_template",
        "Make links of columns, as `https://a/{Key}`",
    ),
    ("sitemap_depth", "Levels of sitemap indexes to follow"),
    ("carry", "Columns to copy into the records: `a,b`"),
    ("carry_line", "Copy each line of the list into its record"),
    ("extract", "Extract links from text, HTML or XML"),
    ("all_links", "With `--extract`: links of any ending"),
    ("base", "Base URL of relative links, with `--extract`"),
    ("only", "Only records that are `failed`, `timeout`, …"),
    ("shard", "Only shard K of N, by the hosts of the links"),
    ("name", "File names, such as `{host}-{name}`"),
    (
        "shard_dirs",
        "Distribute files over folders, `ab/cd/name.pdf`",
    ),
    ("identity", "What identifies a link, such as `{col.id}`"),
    ("skip_existing", "Accept existing files of the same names"),
    ("update", "Replace files that have changed on the server"),
    ("overwrite", "Fetch everything again, and replace all files"),
    ("dedupe", "Files with the same bytes: none, skip, hardlink"),
    ("pack", "Pack files into tars, up to 1 GiB or this size"),
    ("remote_time", "Set the times of files from `Last-Modified`"),
    ("sha256", "Record the SHA-256 of each file"),
    ("exec", "Run a command for each new file: `{}` is its path"),
    ("dry_run", "Print what a run would do, without requests"),
    ("uploads", "Concurrent uploads [default: 16]"),
    ("instance_credentials", "Ask the machine for credentials"),
    ("wait", "Time between two links of a host [default: 0]"),
    (
        "random_wait",
        "Vary `--wait` by a factor between 0.5 and 1.5",
    ),
    ("rate", "Start up to N links of a host per TIME: `5/15s`"),
    ("no_block_detection", "Accept the same body for many links"),
    ("host", "Limits of one host: `a.org:per-host=2,wait=1s`"),
    ("retry_delay", "Pause before the first retry [default: 1s]"),
    (
        "retry_max_wait",
        "Longest pause before a retry [default: 60s]",
    ),
    ("connect_timeout", "Time to connect [default: 10s]"),
    ("first_byte_timeout", "Time to the response [default: 30s]"),
    ("stall_timeout", "Time without data [default: 30s]"),
    ("max_time", "Time for one link, retries included"),
    ("min_speed", "Minimum bytes per second of a transfer"),
    (
        "max_filesize",
        "Maximum size of a file; 0: no limit [default: 1G]",
    ),
    ("quota", "End the run after this many bytes of new files"),
    ("limit_rate", "Bytes per second of all transfers"),
    ("max_failures", "End after N failures, or at a share: `5%`"),
    ("header", "`Name: value`, or `@FILE` with one per line"),
    ("user_agent", "Value of the `User-Agent` header"),
    ("cookie", "Cookies from a `cookies.txt` of a browser"),
    ("user", "Credentials for the hosts of links"),
    ("netrc_file", "Read credentials from this file instead"),
    ("max_redirs", "Redirects of a link [default: 20]"),
    ("proxy", "Proxy: http, https, socks5 or socks5h"),
    ("noproxy", "Hosts without a proxy: `a.org,b.org`, or `*`"),
    ("cert", "Client certificate, a PEM file"),
    ("key", "Private key of `--cert`, a PEM file"),
    ("insecure", "Accept any certificate, which is dangerous"),
    ("http2", "Use only HTTP/2"),
    (
        "landing",
        "Pages for PDFs: auto, all or off [default: auto]",
    ),
    ("email", "Your address, for sources such as Unpaywall"),
    ("deny_private", "Refuse hosts not on the public internet"),
    ("progress", "auto, bar, plain or none [default: auto]"),
    ("color", "auto, always or never [default: auto]"),
    ("log", "Append messages to this file, with times"),
    ("print", "summary, paths or json [default: summary]"),
    ("json", "Print a record of each link, as NDJSON"),
    ("null", "End paths with NUL, for `xargs -0`"),
    ("report", "Write a report: a page (.html), CSV or NDJSON"),
    ("report_csv_safe", "Quote cells that would be formulas"),
    ("error_file", "Write failed links to this file, as a list"),
    (
        "fail_on",
        "Which failures count: link, retryable, run, never",
    ),
    ("record_untried", "Also record links that were not tried"),
    ("die_with_parent", "End when the parent process has ended"),
    ("config", "Read options from this file"),
];

/// Where the script for a shell goes, by the name of the shell.
pub(super) const COMPLETIONS: [(&str, &str); 5] = [
    (
        "bash",
        "fetchpdf completions bash > ~/.local/share/bash-completion/completions/fetchpdf",
    ),
    (
        "zsh",
        "fetchpdf completions zsh > ~/.zfunc/_fetchpdf  # with `fpath+=~/.zfunc` before `compinit` in ~/.zshrc",
    ),
    (
        "fish",
        "fetchpdf completions fish > ~/.config/fish/completions/fetchpdf.fish",
    ),
    ("powershell", "fetchpdf completions powershell >> $PROFILE"),
    (
        "elvish",
        "fetchpdf completions elvish > ~/.config/elvish/lib/fetchpdf.elv  # with `use fetchpdf` in rc.elv",
    ),
];

/// Turns `fetchpdf help compare` into `fetchpdf compare --help`. clap tells of a name that is no command.
pub(super) fn turn_into_option(arguments: &mut Vec<OsString>, command: &Command) {
    let is_known = |name: &OsString| command.find_subcommand(name).is_some();
    let has_name = arguments.get(2).is_none_or(is_known);
    if has_name && arguments.get(1).is_some_and(|first| first == "help") {
        arguments.remove(1);
        arguments.push("--help".into());
    }
}

/// The option for help, which clap would print in another layout for each of its names.
pub(super) fn option(command: Command) -> Command {
    let add = |command: Command| {
        let help = Arg::new("help").short('h').long("help");
        let help = help.action(ArgAction::HelpShort).help_heading(None::<&str>);
        let help = help.help("Print help: `-h` what most people use, `--help` all options");
        command.disable_help_flag(true).arg(help)
    };
    add(command).mut_subcommands(add)
}

/// The command as its help shows it that `arguments` ask for.
pub(super) fn shown(command: Command, arguments: &[OsString]) -> Command {
    let is_long = arguments.iter().any(|argument| argument == "--help");
    let command = mut_all_args(command, brief).mut_subcommand("compare", |compare| {
        let words = "Links at once, or several numbers to compare [default: 16]";
        compare.mut_arg("jobs", |jobs| jobs.help(words))
    });
    if is_long {
        return command.after_help(long());
    }
    let command = mut_all_args(command, |arg| {
        let place = IN_SHORT_HELP.iter().position(|id| arg.get_id() == id);
        match place {
            Some(place) => arg.help_heading(None::<&str>).display_order(place),
            None => arg.hide_short_help(true),
        }
    });
    command.after_help(SHORT)
}

/// An option with its few words.
fn brief(arg: Arg) -> Arg {
    let words = BRIEF.iter().find(|(id, _)| arg.get_id() == id);
    // an argument that has the id of an option is described by itself
    match words.filter(|(id, _)| *id == "links" || !arg.is_positional()) {
        Some((_, words)) if arg.get_action().takes_values() => arg
            .help(*words)
            .hide_default_value(true)
            .hide_possible_values(true),
        Some((_, words)) => arg.help(*words),
        None => arg,
    }
}

/// What follows the options in `--help`.
fn long() -> String {
    let mut text = String::from("Examples:\n");
    for (call, meaning) in EXAMPLES {
        let _ = writeln!(text, "  {call:<41} {meaning}");
    }
    text.push_str("\nNames:\n");
    push_indented(&mut text, NAMES);
    text.push_str("\nConfiguration:\n");
    push_indented(&mut text, SETTINGS);
    text.push_str("\nExit codes:\n");
    for (code, meaning) in EXIT_CODES {
        let _ = writeln!(text, "  {code:<4} {meaning}");
    }
    text + "\n`fetchpdf man | man -l -` explains lists, hosts, modes and each option."
}

fn push_indented(text: &mut String, lines: &str) {
    for line in lines.lines() {
        let _ = writeln!(text, "  {line}");
    }
}

/// Where completion scripts go, below the help of their command.
pub(super) fn of_completions() -> String {
    let mut text = String::from("Where the script goes:\n");
    for (_, call) in COMPLETIONS {
        let (call, note) = call.split_once("  # ").unwrap_or((call, ""));
        let _ = writeln!(text, "  {call}");
        if !note.is_empty() {
            let _ = writeln!(text, "    {note}");
        }
    }
    text + "Create the folder first if there is none."
}
