//! What people type who know another program: curl, wget, aria2, yt-dlp, xargs or Python.
//!
//! A name that means exactly one thing here is a hidden alias, see [`ALIASES`]. A name that means several things, or nothing,
//! is answered by what to type, see [`ANSWERS`]; clap would suggest the option that is spelled most like it. Options that
//! have the same name and another meaning are refused if their value shows that the other one is meant, see [`check`].

use std::path::Path;

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command};

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
        ],
    ),
    ("retry", &["retries", "max-retries"]),
    ("retry_delay", &["retry-wait"]),
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

/// What to type in place of options of other programs.
const ANSWERS: [(&[&str], &str); 46] = [
    (
        &[
            "-i",
            "--input-file",
            "-a",
            "--batch-file",
            "--arg-file",
            "--input",
            "--list",
            "--urls",
        ],
        "a list is an argument: `fetchpdf links.txt`; `-` is standard input",
    ),
    (&["--url"], "a URL is an argument: `fetchpdf URL`"),
    (
        &[
            "-P",
            "-d",
            "--paths",
            "--folder",
            "--out-dir",
            "--directory",
            "--destination",
            "--save-dir",
        ],
        "`-o DIR` is the output folder, and `-j N` the number of links at once",
    ),
    (
        &["--out", "--output-document", "--outfile"],
        "`-o FILE.pdf` names the file of a single link, and `-o DIR` a folder",
    ),
    (
        &[
            "-O",
            "-J",
            "--remote-name",
            "--remote-name-all",
            "--remote-header-name",
            "--content-disposition",
            "--trust-server-names",
            "--create-dirs",
        ],
        "leave it out: files are named by their URL or server; `-o FILE.pdf` names the file of a single link, and `--name` is a template",
    ),
    (
        &["--output-template", "--template", "--filename"],
        "`--name TEMPLATE` names files, such as `--name '{host}/{name}'`",
    ),
    (
        &[
            "-c",
            "-C",
            "--continue",
            "--continue-at",
            "--resume",
            "--no-continue",
        ],
        "leave it out: the same command always continues where it ended; `--overwrite` fetches everything again",
    ),
    (
        &[
            "--no-clobber",
            "--no-overwrites",
            "--download-archive",
            "--skip",
            "--auto-file-renaming",
        ],
        "leave it out: files of earlier runs are kept; `--skip-existing` also accepts files from elsewhere",
    ),
    (
        &["-N", "-z", "--time-cond", "--newer", "--refresh"],
        "`--update` replaces files that have changed on the server",
    ),
    (
        &["-f", "--force"],
        "`--overwrite` fetches everything again; failed links never get a file",
    ),
    (
        &[
            "--threads",
            "--thread",
            "--threadpool",
            "--thread-pool",
            "--pool",
            "--async",
            "--asyncio",
            "--sequential",
            "--serial",
        ],
        "`-m threads`, `-m pool`, `-m async` and `-m sequential` are modes, and `-j N` is the number of links at once",
    ),
    (
        &[
            "-Z",
            "--parallel",
            "--parallel-immediate",
            "--force-sequential",
        ],
        "leave it out: several links are always fetched at once; `-j N` sets how many, and `-m sequential` is one by one",
    ),
    (
        &[
            "-s",
            "--split",
            "--max-connection-per-server",
            "--concurrent-fragments",
            "--min-split-size",
        ],
        "`-q` prints only failures; each file is fetched over one connection, and `-j N` is the number of links at once, `--per-host N` that of a host",
    ),
    (
        &["-S", "--silent", "--show-error", "--no-warnings"],
        "`-q` prints only failures, and `-qq` only those of the run itself",
    ),
    (
        &["-p", "--password"],
        "`-u USER:PASSWORD` or `--netrc` are credentials, and `-j N` is the number of links at once",
    ),
    (
        &[
            "-T",
            "--timeout",
            "--dns-timeout",
            "--socket-timeout",
            "--time-out",
        ],
        "`--connect-timeout`, `--first-byte-timeout` and `--stall-timeout` limit the steps of a transfer, and `--max-time` a whole link",
    ),
    (
        &["-t", "--tries", "--max-tries", "--attempts"],
        "`--retry N` is the number of retries after the first attempt",
    ),
    (
        &["--retry-all-errors", "--retry-on-http-error"],
        "leave it out: whatever may succeed later is tried again; `--retry N` is the number of retries",
    ),
    (&["-R"], "`--remote-time` sets the times of files"),
    (
        &["--retry-max-time", "--waitretry"],
        "`--retry-max-wait` limits a single pause, and `--max-time` a whole link",
    ),
    (
        &["-w", "--sleep", "--delay", "--sleep-requests"],
        "`--wait TIME` is the time between two links of a host",
    ),
    (
        &["--write-out", "--print-json", "--dump-json"],
        "`--json` prints a record of each link",
    ),
    (
        &["--limit", "--max", "--count", "--max-files"],
        "`--max-downloads N` ends the run after N new files, `--limit-rate SIZE` limits its speed, and `-j N` the links at once",
    ),
    (
        &[
            "-r",
            "--recursive",
            "-l",
            "--level",
            "--mirror",
            "--page-requisites",
            "--accept",
            "--no-parent",
        ],
        "pages are not crawled: `--extract` takes the links out of a saved page or text, and `--landing all` follows more links of pages",
    ),
    (
        &["-L", "--location", "--follow"],
        "leave it out: redirects are followed, up to `--max-redirs`",
    ),
    (
        &[
            "--fail",
            "--fail-with-body",
            "--check-integrity",
            "--no-part",
            "--mtime",
        ],
        "leave it out: only whole PDFs get a name; `fetchpdf verify DIR` checks them again",
    ),
    (
        &["--compressed"],
        "leave it out: responses may be compressed, and files are saved as they are",
    ),
    (
        &["--verify", "--check"],
        "`fetchpdf verify DIR` checks the files of an output folder",
    ),
    (&["--compare"], "`fetchpdf compare LIST` compares the modes"),
    (
        &["-I", "--head"],
        "`--dry-run` prints what a run would do, and `--exec` runs a command for each new file",
    ),
    (
        &["--exec-before-download", "--on-download-complete"],
        "`--exec COMMAND` runs a command for each new file",
    ),
    (
        &["--proxy-insecure", "--check-certificate"],
        "`-k`, `--insecure` accepts any certificate, also that of a proxy",
    ),
    (
        &[
            "--http-proxy",
            "--https-proxy",
            "--socks5",
            "--socks5-hostname",
            "--proxy-user",
        ],
        "`-x [SCHEME://][USER:PASSWORD@]HOST[:PORT]` is the proxy, with a scheme such as `socks5h`",
    ),
    (&["--no-proxy"], "`--noproxy '*'` uses no proxy"),
    (
        &["--cookie-jar", "--save-cookies", "--cookies-from-browser"],
        "`-b FILE` reads a `cookies.txt`; cookies of servers are kept until the run ends",
    ),
    (
        &[
            "--http-user",
            "--http-password",
            "--http-passwd",
            "--username",
        ],
        "`-u USER:PASSWORD` or `--netrc` are credentials",
    ),
    (&["-U", "--agent"], "`-A NAME` is the `User-Agent`"),
    (
        &[
            "-X",
            "--request",
            "--data",
            "--post-data",
            "-F",
            "--form",
            "-G",
            "--get",
        ],
        "requests are always GET",
    ),
    (
        &["-D", "--dump-header", "--server-response", "--include"],
        "`-vv` prints requests and responses",
    ),
    (
        &["--debug", "--trace"],
        "`-vv` prints requests and responses, and `--log FILE` keeps them",
    ),
    (
        &["--output-file", "--append-output", "--log-file"],
        "`--log FILE` keeps the messages",
    ),
    (
        &["-B", "--base-url"],
        "with `--extract`, `--base URL` is the base of relative links",
    ),
    (
        &["--format", "--input-type"],
        "`--input-format FORMAT` is the format of lists",
    ),
    (
        &["--csv", "--html"],
        "`--report FILE` writes a report; a list may be CSV without an option",
    ),
    (
        &["--mail", "--mailto", "--contact"],
        "`--email ADDRESS` is the address for sources of identifiers",
    ),
    (
        &[
            "-#",
            "--progress-bar",
            "--show-progress",
            "--no-progress",
            "--no-progress-meter",
        ],
        "`--progress bar`, `plain` or `none` is the style of progress",
    ),
];

/// Gives an option its other names.
pub(super) fn with_aliases(arg: Arg) -> Arg {
    let other = ALIASES.iter().find(|(id, _)| arg.get_id() == id);
    match other.filter(|_| arg.get_long().is_some()) {
        Some((_, names)) => arg.aliases(*names),
        None => arg,
    }
}

/// Answers an error about an option of another program by naming ours.
pub(super) fn answer(mut error: clap::Error, command: &Command) -> clap::Error {
    let Some(ContextValue::String(arg)) = error.get(ContextKind::InvalidArg) else {
        return error;
    };
    let name = arg.split(['=', ' ']).next().unwrap_or_default();
    let answer = match error.kind() {
        ErrorKind::UnknownArgument => {
            let answers = ANSWERS.iter().find(|(names, _)| names.contains(&name));
            let of_run = name.strip_prefix("--").filter(|name| {
                let mut options = command.get_arguments().filter_map(Arg::get_long);
                options.any(|option| option == *name)
            });
            let of_run = of_run
                .map(|_| "it is an option of a run, `fetchpdf LIST`, and not of this command");
            answers.map(|(_, answer)| *answer).or(of_run)
        }
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => of_value(name, &error),
        _ => None,
    };
    if let Some(answer) = answer {
        for kind in [
            ContextKind::SuggestedArg,
            ContextKind::SuggestedValue,
            ContextKind::SuggestedSubcommand,
        ] {
            error.remove(kind);
        }
        let tips = vec![StyledStr::from(answer)];
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(tips));
    }
    error
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

/// Ends the process if an option of the command line has a value that it takes only in another program.
pub(super) fn check(command: &Command, matches: &ArgMatches) {
    let value = |id: &str| {
        let given = matches.try_get_raw(id).ok().flatten();
        let is_given = matches.try_contains_id(id).is_ok()
            && matches.value_source(id) == Some(ValueSource::CommandLine);
        let value = given.filter(|_| is_given)?.next_back()?;
        value.to_str()
    };
    let message = if let Some(number) = value("proxy").filter(|value| is_number(value)) {
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
    } else {
        return;
    };
    let kind = ErrorKind::ValueValidation;
    command.clone().error(kind, message).exit()
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
