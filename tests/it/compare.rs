//! `compare`: the same list in several modes, each run in a process of its own.

use std::process::Stdio;
#[cfg(target_os = "linux")]
use std::sync::{Arc, Mutex, mpsc};

use serde_json::Value;

use crate::harness::{MODES, Run, Running, Sandbox, for_each_mode, is_empty, list};
use crate::server::{Server, ok, pdf, respond};

fn links(server: &Server, count: usize) -> String {
    list((0..count).map(|n| server.url(&format!("/{n}.pdf"))))
}

/// Compares in a terminal that shows this locale's characters.
fn compare_in(sandbox: &Sandbox, locale: &str, args: &[&str]) -> Run {
    let mut command = sandbox.command(&[&["compare"], args].concat());
    command.env("LC_ALL", locale);
    Running::start(command).end()
}

fn compare(sandbox: &Sandbox, args: &[&str]) -> Run {
    compare_in(sandbox, "C.UTF-8", args)
}

/// The rows of the result in JSON.
fn rows(run: &Run) -> Vec<Value> {
    let result: Value = serde_json::from_str(&run.stdout).expect("an object");
    result["rows"].as_array().expect("rows").clone()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value}"))
}

#[test]
fn each_mode_runs_in_its_own_folder() {
    let server = Server::of_pdfs();
    let sandbox = Sandbox::new();
    sandbox.write("links.txt", links(&server, 7));
    let args = ["links.txt", "-o", "out", "--svg", "chart.svg"];
    let run = compare(&sandbox, &args).exits(0);
    let picture = std::fs::read_to_string(sandbox.path("chart.svg")).expect("a picture");
    // light text is not left to a white page
    let dark = "@media(prefers-color-scheme:dark){svg{background:#0d1117}text{fill:#f0f6fc}";
    assert!(picture.contains(dark), "{picture}");
    // a bar for each mode, and one for each link of each mode
    assert_eq!(picture.matches("<rect ").count(), 4 + 4 * 7, "{picture}");
    for_each_mode(|mode| {
        let mut lines = run.stdout.lines();
        assert!(
            lines.any(|line| line.starts_with(mode) && line.contains('█')),
            "{run:?}"
        );
        assert!(picture.contains(&format!(">{mode}</text>")), "{picture}");
        for name in (0..7).map(|n| format!("{n}.pdf")) {
            assert!(sandbox.path("out").join(mode).join(name).exists());
        }
    });
    assert_eq!(server.requests().len(), 4 * 7);
    let run = compare(&sandbox, &["links.txt", "-o", "out"]).exits(2);
    assert!(run.stderr.contains("is not empty"), "{run:?}");
    let run = compare(&sandbox, &["links.txt", "--svg", "no/chart.svg"]).exits(2);
    assert!(
        run.stderr.contains("cannot write `no/chart.svg`"),
        "{run:?}"
    );
    assert_eq!(server.requests().len(), 4 * 7);
}

#[test]
fn selected_modes_run_and_report_failures() {
    let server = Server::start(|_, stream| respond(stream, "404 Not Found", b""));
    let sandbox = Sandbox::new();
    let link = server.url("/x.pdf?a=1&b=<2>");
    let args = ["--modes", "pool,async", &link, "--svg", "chart.svg"];
    let run = compare(&sandbox, &args).exits(1);
    assert!(!run.stdout.contains("sequential"), "{run:?}");
    assert!(
        run.stderr.contains("run 1 of 2: pool, 16 at once …\n"),
        "{run:?}"
    );
    assert!(
        run.stderr.contains("run 2 of 2: async, 16 at once: "),
        "{run:?}"
    );
    assert!(
        run.stdout.contains("one link is too short a list to tell"),
        "{run:?}"
    );
    assert_eq!(server.requests().len(), 2);
    let picture = std::fs::read_to_string(sandbox.path("chart.svg")).expect("a picture");
    assert!(picture.contains("?a=1&amp;b="), "{picture}");
    assert!(picture.contains(" failed\""), "{picture}");
    std::fs::remove_file(sandbox.path("chart.svg")).expect("it is there");
    let run = compare(&sandbox, &["--modes", "pool", &link, "-qq"]).exits(1);
    assert_eq!(run.stderr, "");
    assert!(run.stdout.starts_with("mode  at once"), "{run:?}");
    assert!(
        is_empty(&sandbox.path(".")),
        "temporary folders are elsewhere"
    );
}

#[test]
fn nothing_to_fetch_is_told_once_and_compares_nothing() {
    let sandbox = Sandbox::new();
    sandbox.write("empty.txt", "# later\n");
    for (args, json) in [
        (&["empty.txt"][..], false),
        (&["empty.txt", "--json"], true),
    ] {
        let run = compare(&sandbox, args).exits(0);
        let told = run.stderr.matches("no links: nothing but blank").count();
        assert_eq!(told, 1, "{run:?}");
        assert!(run.stdout.contains("nothing was fetched"), "{run:?}");
        assert_eq!(run.stdout.starts_with("note: "), !json, "{run:?}");
    }
    let run = compare(&sandbox, &["empty.txt", "--update"]).exits(0);
    let warning = "`--update` has no effect with `compare`: each run starts with an empty folder";
    assert!(run.stderr.contains(warning), "{run:?}");
    let help = compare(&sandbox, &["--help"]).exits(0).stdout;
    assert!(help.contains("--dedupe") && !help.contains("--update"));
    let run = compare(&sandbox, &["missing.txt"]).exits(2);
    assert!(run.stderr.starts_with("error: cannot read"), "{run:?}");
}

#[test]
fn each_mode_gets_as_far_as_a_limit() {
    let server = Server::of_pdfs();
    let sandbox = Sandbox::new();
    sandbox.write("links.txt", links(&server, 9));
    let args = ["links.txt", "-j", "1", "--max-downloads", "2"];
    let run = compare(&sandbox, &args).exits(1);
    let told = run.stderr.matches("2 files, `--max-downloads` reached\n");
    assert_eq!(told.count(), 4, "{run:?}");
    let text = run.stdout.replace('\n', " ");
    let note = "note: runs ended when `--max-downloads` was reached";
    assert_eq!(text.matches(note).count(), 1, "{run:?}");
}

#[test]
fn standard_input_is_read_once() {
    let server = Server::of_pdfs();
    let sandbox = Sandbox::new();
    let mut command = sandbox.command(&["compare", "-"]);
    command.stdin(Stdio::piped());
    let mut running = Running::start(command);
    running.type_in(&(links(&server, 3) + "no link\n"));
    let run = running.end().exits(1);
    assert_eq!(server.requests().len(), 4 * 3);
    // each run has told it
    assert_eq!(run.stderr.matches("stdin:4: ").count(), 1, "{run:?}");
    assert_eq!(
        run.stderr.matches("3 files, 1 failed").count(),
        4,
        "{run:?}"
    );
}

#[test]
fn all_concurrent_modes_have_the_same_number_at_once() {
    let server = Server::of_pdfs();
    let sandbox = Sandbox::new();
    sandbox.write("links.txt", links(&server, 3));
    for (args, expected) in [
        (
            &[][..],
            &["sequential 1", "threads 16", "pool 16", "async 16"][..],
        ),
        (
            &["-j", "1,4", "--modes", "async,pool:2,pool:3,sequential"],
            &["async 1", "async 4", "pool 2", "pool 3", "sequential 1"],
        ),
        (
            &["-j", "5", "--modes", "async:64,async"],
            &["async 64", "async 5"],
        ),
        (&["-m", "pool", "--mode", "async"], &["pool 16", "async 16"]),
    ] {
        let args = [&["links.txt", "--json", "-q"], args].concat();
        let run = compare(&sandbox, &args).exits(0);
        let found: Vec<_> = rows(&run)
            .iter()
            .map(|row| {
                format!(
                    "{} {}",
                    row["mode"].as_str().expect("a mode"),
                    row["at_once"]
                )
            })
            .collect();
        assert_eq!(found, expected);
        assert_eq!(run.stderr, "");
    }
    let requests = server.requests().len();
    for (args, said) in [
        (
            &["compare", "links.txt", "-j", "4,0"][..],
            "a number from 1 to 10000",
        ),
        (&["compare", "links.txt", "-j", ""], "such as `1,4,16`"),
        (&["compare", "links.txt", "-j", "-1"], "such as `1,4,16`"),
        (&["compare", "links.txt", "--runs", "0"], "from 1 to 1000"),
        (&["compare", "links.txt", "--runs", "-1"], "from 1 to 1000"),
        (
            &["compare", "links.txt", "--modes", "fast"],
            "sequential, threads, pool and async",
        ),
        (
            &["compare", "links.txt", "--modes", "pool:x"],
            "after `pool:`",
        ),
        (
            &["compare", "links.txt", "--modes", "sequential:2"],
            "one link at a time",
        ),
        (
            &["compare", "links.txt", "--dry-run"],
            "`fetchpdf --dry-run …`",
        ),
        (&["links.txt", "-j", "1,4"], "a number from 1 to 10000"),
    ] {
        let run = sandbox.run(args).exits(2);
        assert!(run.stderr.contains(said), "{args:?}: {run:?}");
    }
    assert_eq!(server.requests().len(), requests);
}

#[test]
fn several_runs_are_interleaved_and_show_their_spread() {
    let server = Server::of_pdfs();
    let sandbox = Sandbox::new();
    sandbox.write("links.txt", links(&server, 4));
    let args = [
        "links.txt",
        "--runs",
        "3",
        "--modes",
        "pool:2,pool:4",
        "-o",
        "out",
    ];
    let run = compare(&sandbox, &args).exits(0);
    let begun = run.stderr.lines().filter(|line| line.ends_with('…'));
    let begun: Vec<_> = begun.map(|line| line.trim_end_matches(" …")).collect();
    let expected: Vec<_> = (1..=6)
        .map(|n| {
            format!(
                "run {n} of 6: pool, {} at once",
                if n % 2 == 1 { 2 } else { 4 }
            )
        })
        .collect();
    assert_eq!(begun, expected);
    assert!(run.stdout.contains("min-max"), "{run:?}");
    // without `sequential`, the slowest is the measure
    assert!(run.stdout.contains("  vs slowest  "), "{run:?}");
    assert!(run.stdout.contains("  1.00x  "), "{run:?}");
    for name in ["pool-2-run-1", "pool-4-run-3"] {
        assert!(sandbox.path("out").join(name).join("3.pdf").exists());
    }
    let args = ["links.txt", "--runs", "3", "--modes", "async", "--json"];
    let rows = rows(&compare(&sandbox, &args).exits(0));
    let times = rows[0]["elapsed_of_runs"].as_array().expect("times");
    let mut times: Vec<_> = times.iter().map(number).collect();
    times.sort_by(f64::total_cmp);
    let of = |name: &str| number(&rows[0][name]);
    let shown = [of("elapsed_min"), of("elapsed"), of("elapsed_max")];
    assert_eq!(times, shown);
    assert!(rows[0]["speed_up"].is_null(), "no `sequential`: {rows:?}");
    assert_eq!(rows[0]["vs_slowest"].to_string(), "1.0");
}

#[test]
fn it_shows_who_ran_when() {
    let server = Server::of_pdfs();
    let sandbox = Sandbox::new();
    sandbox.write("links.txt", links(&server, 12));
    let args = ["links.txt", "-j", "3", "--json"];
    let rows = rows(&compare(&sandbox, &args).exits(0));
    let longest = rows.iter().map(|row| number(&row["elapsed"]));
    let longest = longest.fold(0.0, f64::max);
    for (row, mode) in rows.iter().zip(MODES) {
        let (elapsed, first) = (number(&row["elapsed"]), number(&rows[0]["elapsed"]));
        for (name, time) in [("speed_up", first), ("vs_slowest", longest)] {
            // both times are rounded to a tenth of a millisecond
            let error = (number(&row[name]) * elapsed - time).abs();
            assert!(
                error < 0.01 * elapsed + 0.0002 * (1.0 + time / elapsed),
                "{row}"
            );
        }
        let attempts = row["timeline"].as_array().expect("attempts");
        assert_eq!(attempts.len(), 12, "{row}");
        let mut workers: Vec<_> = attempts.iter().map(|attempt| &attempt["worker"]).collect();
        workers.sort_by_key(|worker| worker.as_u64());
        workers.dedup();
        let expected = match mode {
            "sequential" => 1..=1,
            "threads" => 12..=12,
            _ => 1..=3,
        };
        assert!(expected.contains(&workers.len()), "{mode}: {row}");
        assert!(number(&row["most_at_once"]) <= 3.0, "{row}");
        for attempt in attempts {
            assert!(number(&attempt["begin"]) <= number(&attempt["end"]));
            assert_eq!(attempt["failed"], false);
        }
        for name in ["user", "system", "peak_memory", "threads"] {
            assert_eq!(row[name].is_number(), cfg!(target_os = "linux"), "{row}");
        }
    }
}

#[test]
fn text_fits_and_is_ascii_where_nothing_else_is_shown() {
    let server = Server::of_pdfs();
    let sandbox = Sandbox::new();
    sandbox.write("links.txt", links(&server, 40));
    // so many at once that there is a note in any case
    let args = ["links.txt", "-j", "40,50", "--runs", "2"];
    for (locale, bar) in [("C", '#'), ("de_DE.ISO-8859-1", '#'), ("C.UTF-8", '█')] {
        let run = compare_in(&sandbox, locale, &args).exits(0);
        assert_eq!(run.stdout.is_ascii(), bar == '#', "{run:?}");
        assert!(run.stdout.contains(bar), "{run:?}");
        assert!(run.stdout.contains("the first 22 of 40 links"), "{run:?}");
        assert!(run.stdout.contains("\nnote: "), "{run:?}");
        assert!(!run.stdout.contains('\u{1b}'), "no colors in a pipe");
        for line in run.stdout.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }
}

#[test]
fn a_pause_before_a_retry_is_told_from_the_time_of_a_mode() {
    let server = Server::start(|request, stream| {
        if request.path == "/busy.pdf" && request.earlier % 2 == 0 {
            // a pause without jitter
            respond(stream, "503 Service Unavailable\r\nRetry-After: 1", b"");
        } else {
            ok(stream, &pdf(&request.path));
        }
    });
    let sandbox = Sandbox::new();
    let both = [server.url("/busy.pdf"), server.url("/quick.pdf")];
    sandbox.write("links.txt", list(both));
    let modes = ["threads", "async"];
    let run = compare(&sandbox, &["links.txt", "--modes", &modes.join(",")]).exits(0);
    // of the slowest mode, the last attempt is at the very end, however short it is
    let (_, picture) = run.stdout.split_once("who ran when").expect("a picture");
    let is_of =
        |line: &&str| line.starts_with(' ') || modes.iter().any(|mode| line.starts_with(mode));
    let mut lines = picture.lines().filter(is_of);
    assert!(lines.any(|line| line.len() >= 79), "{run:?}");
    for mode in modes {
        let note = format!("note: {mode}: ");
        assert!(run.stdout.contains(&note), "{mode}: {run:?}");
    }
    let text = run.stdout.replace('\n', " ");
    let said = text
        .matches("are pauses before retries, such as of http")
        .count();
    assert_eq!(said, 2, "{run:?}");
    assert!(text.contains("/busy.pdf (http_status: 503"), "{run:?}");
}

#[test]
#[cfg(target_os = "linux")]
fn runs_get_secrets_that_nobody_else_sees() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let theirs = Arc::clone(&seen);
    let secret = format!("Bearer {}-{}", "hidden", std::process::id());
    let word = secret.clone();
    let server = Server::start(move |request, stream| {
        let processes = std::fs::read_dir("/proc").expect("processes");
        let shown = processes.flatten().filter(|process| {
            let line = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).contains(&word)
        });
        let header = request.header("authorization").unwrap_or_default();
        let found = (header.to_owned(), shown.count());
        theirs.lock().expect("no panic").push(found);
        ok(stream, &pdf(&request.path));
    });
    let sandbox = Sandbox::new();
    let header = format!("Authorization: {secret}");
    compare(&sandbox, &[&server.url("/a.pdf"), "-H", &header]).exits(0);
    let seen = seen.lock().expect("no panic").clone();
    assert_eq!(seen, vec![(secret, 0); 4]);
    // it would be empty for the second run
    let mut command = sandbox.command(&["compare", "-H", "@/dev/stdin", &server.url("/a.pdf")]);
    command.stdin(Stdio::piped());
    let run = Running::start(command).end().exits(2);
    assert!(run.stderr.contains("name a regular file"), "{run:?}");
}

#[test]
#[cfg(target_os = "linux")]
fn a_signal_ends_the_run_and_the_comparison() {
    for signal in ["INT", "TERM"] {
        let (asked, is_asked) = mpsc::channel();
        let (go, may_go) = mpsc::channel::<()>();
        let may_go = Mutex::new(may_go);
        let server = Server::start(move |request, stream| {
            if request.path == "/slow.pdf" {
                let _ = asked.send(());
                let _ = may_go.lock().expect("no panic").recv();
            }
            ok(stream, &pdf(&request.path));
        });
        let sandbox = Sandbox::new();
        sandbox.write(
            "links.txt",
            list(["/a.pdf", "/slow.pdf"].map(|path| server.url(path))),
        );
        let running = Running::start(sandbox.command(&["compare", "links.txt"]));
        is_asked.recv().expect("a request");
        // only the comparison hears it, which tells the run
        running.signal(signal);
        let run = running.end();
        let code = if signal == "INT" { 130 } else { 143 };
        let run = run.exits(code);
        let note =
            "note: the comparison ended early, in run 1 of 4: sequential, which does not\ncount\n";
        assert_eq!(run.stdout, note, "{run:?}");
        drop(go);
    }
}
