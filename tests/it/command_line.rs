//! Help, usage errors and exit codes.

use std::path::Path;
use std::process::Command;

use crate::harness::{Running, Sandbox};

/// The help of `args` at this width.
fn help(args: &[&str], columns: &str) -> String {
    let mut command = Sandbox::new().command(args);
    let sandbox = Sandbox::new();
    command
        .current_dir(sandbox.path(""))
        .env("COLUMNS", columns);
    Running::start(command).end().exits(0).stdout
}

#[test]
fn help_is_short_or_long() {
    let short = help(&["-h"], "80");
    assert!(short.lines().count() <= 40 && !short.contains("Examples:"));
    for used in [
        "--demo",
        "--extract",
        "--name",
        "--update",
        "--report",
        "--json",
        "--email",
    ] {
        assert!(short.contains(used), "{used}: {short}");
    }
    let columns = |line: &str| line.chars().count();
    assert!(short.lines().all(|line| columns(line) <= 80), "{short}");
    let long = help(&["--help"], "80");
    assert!(long.contains("Examples:") && long.contains("Exit codes:"));
    assert!(long.lines().count() <= 200, "{}", long.lines().count());
    // no line is broken, so that a wider terminal shows the same
    assert_eq!(long, help(&["--help"], "120"));
    for command in ["compare", "landing", "resolve", "verify"] {
        let text = help(&[command, "--help"], "80");
        assert!(text.lines().count() <= 200, "{command}");
        assert_eq!(text, help(&["help", command], "80"));
    }
    insta::assert_snapshot!(short);
}

#[test]
fn the_manual_page_has_the_usual_sections() {
    let page = Sandbox::new().run(&["man"]).exits(0).stdout;
    for section in [
        "NAME",
        "SYNOPSIS",
        "OPTIONS",
        "EXAMPLES",
        "EXIT STATUS",
        "FILES",
        "ENVIRONMENT",
    ] {
        let heading = format!("\n.SH {section}\n");
        assert_eq!(page.matches(&heading).count(), 1, "{section}");
    }
    assert!(page.contains("\nfetchpdf [OPTIONS] [LINKS]...\n"), "{page}");
    assert!(page.contains("\nfetchpdf merge [OPTIONS] <STATE>...\n"));
}

#[test]
fn completions_say_where_they_go() {
    let sandbox = Sandbox::new();
    for (shell, place) in [
        ("bash", "/bash-completion/completions/fetchpdf"),
        ("zsh", "_fetchpdf"),
        ("fish", "completions/fetchpdf.fish"),
        ("elvish", "fetchpdf.elv"),
        ("powershell", "$PROFILE"),
    ] {
        let script = sandbox.run(&["completions", shell]).exits(0).stdout;
        let mut notes = script.lines().take(2).filter(|line| line.starts_with("# "));
        assert!(notes.any(|line| line.contains(place)), "{shell}");
        let help = sandbox.run(&["completions"]).exits(2).stderr;
        assert!(help.contains(place), "{help}");
    }
}

/// Runs `script` in a shell, if that is installed, with this home folder.
fn output_of(shell: &[&str], script: &str, home: &Path) -> Option<String> {
    let mut command = Command::new(shell[0]);
    command.args(&shell[1..]).args(["-c", script]);
    let output = command.env("HOME", home).output().ok()?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && stderr.is_empty(), "{stderr}");
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn completions_complete() {
    let sandbox = Sandbox::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = sandbox.run(&["completions", shell]).exits(0).stdout;
        sandbox.write(shell, &script);
    }
    let home = sandbox.path("");
    let path = |shell: &str| sandbox.path(shell).display().to_string();
    let bash = format!(
        "source '{}'; COMP_WORDS=(fetchpdf --sitemap); COMP_CWORD=1; _fetchpdf fetchpdf --sitemap fetchpdf; echo \"${{COMPREPLY[@]}}\"",
        path("bash")
    );
    if let Some(found) = output_of(&["bash"], &bash, &home) {
        assert_eq!(found.trim(), "--sitemap-depth");
    }
    let zsh = format!(
        "autoload -Uz compinit; compinit -D; source '{}'",
        path("zsh")
    );
    // shows what would be completed
    let show = "_arguments() { print -rl -- \"$@\" }; _fetchpdf; true";
    for (typed, wanted) in [
        ("compare --mod", "*::: :->fetchpdf"),
        ("links.txt --sha", "*:links:_fetchpdf_links"),
        ("comp", "*:links:_fetchpdf_links"),
    ] {
        let count = typed.split(' ').count() + 1;
        let script = format!("{zsh}; words=(fetchpdf {typed}); CURRENT={count}; {show}");
        if let Some(found) = output_of(&["zsh", "-f"], &script, &home) {
            assert!(found.lines().any(|line| line == wanted), "{typed}: {found}");
            assert!(found.contains("]:HOST\\:LIMITS:"), "{found}");
        }
    }
    let fish = format!("source '{}'; complete -C", path("fish"));
    for (typed, wanted) in [
        ("--sha", "--sha256"),
        ("comp", "compare"),
        ("-q -m po", "pool"),
        ("compare --mod", "--modes"),
        ("--http1.1 --sha", "--sha256"),
        ("links.txt --sha", "--sha256"),
    ] {
        let script = format!("{fish} 'fetchpdf {typed}'");
        let Some(found) = output_of(&["fish", "--no-config"], &script, &home) else {
            break;
        };
        assert!(found.starts_with(wanted), "{typed}: {found}");
    }
}

#[test]
fn version_is_printed() {
    let run = Sandbox::new().run(&["--version"]).exits(0);
    assert_eq!(
        run.stdout,
        concat!("fetchpdf ", env!("CARGO_PKG_VERSION"), "\n")
    );
}

#[test]
fn usage_errors_exit_with_2_and_a_message() {
    for (args, message) in [
        (
            &["x.txt", "--mode", "fast"][..],
            "[possible values: sequential, threads, pool, async]",
        ),
        (
            &["x.txt", "-j", "0"],
            "invalid value '0' for '--jobs <N>': must be a number from 1 to 10000",
        ),
        (
            &["x.txt", "--stall-timeout", "soon"],
            "expected a number and a unit (`ms`, `s`, `m` or `h`)",
        ),
        (
            &["x.txt", "--retry-delay", "5 parsecs"],
            "such as `500ms` or `2s`",
        ),
        (&["x.txt", "--wait", "5sec"], "or `2s`: write `5s`"),
        (&["x.txt", "--max-time", "1d"], "write `24h`"),
        (&["x.txt", "--rate", "5/min"], "write `5/1m`"),
        (&["x.txt", "--rate", "5/"], "such as `5/15s` or `5/s`"),
        (&["x.txt", "--limit-rate", "1.5MB"], "write `1536k`"),
        (&["x.txt", "--max-filesize", "1T"], "write `1024G`"),
        (&["x.txt", "--quota", "99999999999G"], "this is too large"),
        (&["x.txt", "--pack", "tar:0"], "expected `tar`, or `tar:`"),
        (
            &["x.txt", "--max-failures", "101%"],
            "a percentage from 1 to 100",
        ),
        (&["x.txt", "--retry", "many"], "must be a whole number"),
        (&["x.txt", "--demo"], "cannot be used with"),
        (
            &["x.txt", "--frobnicate"],
            "unexpected argument '--frobnicate'",
        ),
        (
            &["-q", "verify", "x"],
            "options go after the command: `fetchpdf verify …`",
        ),
        (
            &["compare", "--modes", "fast", "--demo"],
            "the modes are sequential, threads, pool and async",
        ),
    ] {
        let run = Sandbox::new().run(args).exits(2);
        assert!(run.stderr.contains(message), "no `{message}` in {run:#?}");
        assert_eq!(run.stdout, "");
    }
}

#[test]
fn empty_standard_input_is_an_empty_list() {
    Sandbox::new().run(&[]).exits(0);
}

/// The long options that the help names.
fn long_options(help: &str) -> Vec<&str> {
    let words = help.lines().filter_map(|line| {
        let line = line.trim_start();
        line.starts_with('-')
            .then(|| line.split(' '))
            .and_then(|mut words| words.find(|word| word.starts_with("--")))
    });
    // `--quiet...` may be repeated, and the value of `--serve[=<N>]` left out
    words
        .filter_map(|word| word.trim_end_matches("...").split('[').next())
        .collect()
}

#[test]
fn all_options_are_in_completions_manual_and_docs() {
    let sandbox = Sandbox::new();
    let help = sandbox.run(&["--help"]).exits(0).stdout;
    let options = long_options(&help);
    assert!(
        options.len() > 60 && options.contains(&"--exec"),
        "{options:?}"
    );
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = sandbox.run(&["completions", shell]).exits(0).stdout;
        for option in &options {
            let name = &option[2..];
            assert!(script.contains(name), "{shell}: {option}");
        }
    }
    let page = sandbox.run(&["man"]).exits(0).stdout.replace('\\', "");
    for text in ["{sha256:12}"].iter().chain(&options) {
        assert!(help.contains(text) && page.contains(text), "{text}");
    }
    for described in ["Run a command for each new file", "Use this proxy", "LISTS"] {
        assert!(page.contains(described), "{described}");
    }
    let page = sandbox.run(&["man", "compare"]).exits(0).stdout;
    assert!(page.contains("Write the chart, and"), "{page}");
    sandbox.run(&["man", "no-such"]).exits(2);
    let pages = [
        include_str!("../../README.md"),
        include_str!("../../docs/guide.md"),
        include_str!("../../docs/hosts.md"),
        include_str!("../../docs/http.md"),
        include_str!("../../docs/identifiers.md"),
        include_str!("../../docs/landing.md"),
        include_str!("../../docs/lists.md"),
        include_str!("../../docs/object-stores.md"),
        include_str!("../../docs/records.md"),
    ]
    .concat();
    for option in options
        .iter()
        .filter(|option| !matches!(**option, "--help" | "--version"))
    {
        assert!(
            pages.contains(&format!("{option}`")) || pages.contains(&format!("{option} ")),
            "README.md and docs/: {option}"
        );
    }
}
