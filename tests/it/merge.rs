//! Records of several runs made into one (`fetchpdf merge`).

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;

use serde_json::{Value, json};

use crate::harness::{Running, Sandbox, for_each_mode, list};
use crate::server::{Server, ok, pdf, respond};

/// A record of the link `name`, which ended at this second.
fn record(name: &str, second: u32, status: &str) -> String {
    let mut record = json!({
        "schema": 1,
        "time": format!("2026-01-01T00:00:{second:02}.000Z"),
        "status": status,
        "url": format!("http://a.example/{name}"),
        "source": "links.txt",
        "line": 1,
    });
    if status == "downloaded" {
        record["file"] = json!(format!("{name}.pdf"));
    } else if status != "duplicate" {
        record["retryable"] = json!(false);
    }
    format!("{record}\n")
}

/// The links with their statuses in records that are printed.
fn outcomes(records: &str) -> BTreeSet<(String, String)> {
    let text = |record: &Value, field: &str| record[field].as_str().expect("text").to_owned();
    let records = records.lines().map(|line| {
        let record: Value = serde_json::from_str(line).expect("a record");
        (text(&record, "url"), text(&record, "status"))
    });
    let all: Vec<_> = records.collect();
    let set: BTreeSet<_> = all.iter().cloned().collect();
    assert_eq!(set.len(), all.len(), "each link once");
    set
}

fn expected(outcomes: &[(&str, &str)]) -> BTreeSet<(String, String)> {
    let url = |name| format!("http://a.example/{name}");
    let outcomes = outcomes.iter();
    outcomes
        .map(|(name, status)| (url(*name), (*status).to_owned()))
        .collect()
}

#[test]
fn shards_make_the_same_records_as_a_single_run() {
    for_each_mode(|mode| {
        let server = Server::start(|request, stream| match request.path.as_str() {
            "/3.pdf" if request.earlier == 0 => respond(stream, "404 Not Found", b""),
            "/5.pdf" => respond(stream, "410 Gone", b""),
            path => ok(stream, &pdf(path)),
        });
        let sandbox = Sandbox::new();
        let links: Vec<_> = (0..12).map(|n| server.url(&format!("/{n}.pdf"))).collect();
        let run = |n: usize| {
            let shard = links.iter().skip(n).step_by(3).cloned();
            sandbox.write(&format!("{n}.txt"), list(shard));
            let (links, state) = (format!("{n}.txt"), format!("state-{n}"));
            let report = format!("{n}.jsonl");
            let args = ["-m", mode, "-o", "shared", "--state", &state];
            sandbox.run(&[&[&*links, "--report", &report], &args[..]].concat())
        };
        run(0).exits(1);
        run(1).exits(0);
        run(2).exits(1);
        // what had failed is there now; only its journal knows what came before
        run(0).exits(0);
        for args in [
            ["state-0", "state-1", "state-2"],
            ["2.jsonl", "1.jsonl", "state-0"],
            ["1.jsonl", "0.jsonl", "state-2"],
        ] {
            let merged = sandbox.run(&[&["merge"], &args[..]].concat()).exits(1);
            let mut found = outcomes(&merged.stdout);
            assert_eq!(found.len(), 12, "{merged:?}");
            let failed = (links[5].clone(), "http_status".to_owned());
            assert!(found.remove(&failed), "{found:?}");
            let is_saved = |status: &str| matches!(status, "downloaded" | "present");
            assert!(found.iter().all(|(_, status)| is_saved(status)));
            let summary = "links       12\nsaved       11\nfailed      1: 1 http_status\n";
            assert!(merged.stderr.contains(summary), "{merged:?}");
        }
        // an output folder is as good as its state, and records are a list
        sandbox
            .fetch(mode, list(links.iter().take(3).cloned()), &[])
            .exits(0);
        let args = ["merge", "out", "-q", "-o", "all.jsonl"];
        let merged = sandbox.run(&args).exits(0);
        assert_eq!(merged.stdout + &merged.stderr, "");
        let printed = sandbox.run(&["merge", "out", "-q", "-o", "-"]).exits(0);
        let written = sandbox.path("all.jsonl");
        assert_eq!(
            std::fs::read_to_string(written).expect("a file"),
            printed.stdout
        );
        let again = ["all.jsonl", "-o", "out", "-m", mode];
        assert_eq!(sandbox.run(&again).exits(0).count("present"), 3);
    });
}

#[test]
fn last_word_counts_whatever_the_order() {
    let sandbox = Sandbox::new();
    let early = [
        record("a", 1, "downloaded"),
        record("b", 5, "timeout"),
        record("c", 1, "dns"),
        record("d", 9, "downloaded"),
        record("d", 9, "duplicate"),
        record("e", 7, "downloaded"),
        record("f", 9, "duplicate"),
        record("g", 1, "status of tomorrow"),
        record("s?X-Amz-Signature=1", 1, "timeout"),
        record("h", 3, "downloaded"),
        record("h", 3, "blocked"),
    ]
    .concat();
    let late = [
        record("a", 2, "http_status"),
        record("b", 4, "downloaded"),
        record("c", 2, "downloaded"),
        record("d", 10, "duplicate"),
        record("e", 7, "dns"),
        record("s?X-Amz-Signature=2", 2, "downloaded"),
    ]
    .concat();
    sandbox.write("early.jsonl", &early);
    sandbox.write("late.jsonl", &late);
    let gzip = fs::File::create(sandbox.path("late.gz")).expect("a file");
    let mut gzip = flate2::write::GzEncoder::new(gzip, flate2::Compression::fast());
    gzip.write_all(late.as_bytes()).expect("a file");
    gzip.finish().expect("a file");
    let all = expected(&[
        ("a", "http_status"),
        ("b", "timeout"),
        ("c", "downloaded"),
        ("d", "downloaded"),
        // in the same millisecond, and one is on a lower line
        ("e", "downloaded"),
        ("f", "duplicate"),
        ("g", "status of tomorrow"),
        ("h", "blocked"),
        ("s?X-Amz-Signature=2", "downloaded"),
    ]);
    for inputs in [
        ["early.jsonl", "late.jsonl"],
        ["late.jsonl", "early.jsonl"],
        ["late.gz", "early.jsonl"],
    ] {
        let merged = sandbox.run(&[&["merge"], &inputs[..]].concat()).exits(1);
        assert_eq!(outcomes(&merged.stdout), all);
        let failed = "failed      5: 1 timeout, 1 http_status, 1 blocked\n";
        let summary = format!("links       9\nsaved       4\n{failed}");
        assert!(merged.stderr.contains(&summary), "{}", merged.stderr);
    }
    let mut command = sandbox.command(&["merge", "-", "late.jsonl"]);
    command.stdin(fs::File::open(sandbox.path("early.jsonl")).expect("a file"));
    let merged = Running::start(command).end().exits(1);
    assert_eq!(outcomes(&merged.stdout), all);
}

#[test]
fn lines_that_are_no_links_are_told_apart_by_their_places() {
    let sandbox = Sandbox::new();
    let server = Server::of_pdfs();
    let links = format!("nonsense\nnonsense\n{0}\n{0}\n", server.url("/a.pdf"));
    for n in ["1", "2"] {
        let report = format!("{n}.jsonl");
        sandbox
            .fetch("async", &links, &["--report", &report])
            .exits(1);
    }
    let args = ["merge", "1.jsonl", "2.jsonl", "out"];
    let merged = sandbox.run(&args).exits(1);
    assert_eq!(merged.stdout.lines().count(), 3, "{merged:?}");
    assert_eq!(merged.stdout.matches("\"bad_link\"").count(), 2);
}

#[test]
fn what_cannot_be_merged_is_told() {
    let sandbox = Sandbox::new();
    let good = record("a", 1, "downloaded");
    sandbox.write("good.jsonl", &good);
    sandbox.write("torn.jsonl", good.clone() + "{\"url\":\"http://a.exa");
    sandbox.write("list.txt", "http://a.example/x.pdf\n");
    sandbox.write("empty.jsonl", "");
    fs::create_dir(sandbox.path("folder")).expect("a folder");
    let args = ["merge", "torn.jsonl", "empty.jsonl"];
    let merged = sandbox.run(&args).exits(0);
    assert!(merged.stderr.contains("ignored     1 lines"), "{merged:?}");
    for (args, message) in [
        (&["list.txt"][..], "`list.txt` has no records"),
        (&["none.jsonl"], "cannot read `none.jsonl`"),
        (&["folder"], "no journal in `folder`"),
        (
            &["good.jsonl", "-o", "good.jsonl"],
            "is a file that this run reads",
        ),
        (&["good.jsonl", "-o", "no/such/folder"], "cannot write"),
        (&[], "required arguments were not provided"),
    ] {
        let merged = sandbox.run(&[&["merge"], args].concat()).exits(2);
        assert!(merged.stderr.contains(message), "{merged:?}");
    }
    let after = fs::read_to_string(sandbox.path("good.jsonl")).expect("a file");
    assert_eq!(after, good);
    // settings of runs are none of a merge
    let mut command = sandbox.command(&["merge", "good.jsonl"]);
    command.env("FETCHPDF_OUTPUT", "papers");
    Running::start(command).end().exits(0);
    assert!(!sandbox.path("papers").exists());
}

/// Whose file was taken back, such as one of a block, has none until it is fetched again.
#[test]
fn what_was_taken_back_is_not_saved() {
    let sandbox = Sandbox::new();
    let gone = |name: &str, second| {
        let line = record(name, second, "downloaded");
        line.replace(
            "\"status\":\"downloaded\"",
            "\"gone\":\"downloaded\",\"bytes\":1,\"mtime_ns\":1",
        )
    };
    let journal = [
        record("a", 1, "downloaded"),
        gone("a", 2),
        record("b", 1, "downloaded"),
        gone("b", 2),
        record("b", 3, "downloaded"),
    ];
    sandbox.write("journal.jsonl", journal.concat());
    let merged = sandbox.run(&["merge", "journal.jsonl"]).exits(1);
    let all = expected(&[("a", "interrupted"), ("b", "downloaded")]);
    assert_eq!(outcomes(&merged.stdout), all);
    assert!(!merged.stdout.contains("a.pdf"), "{merged:?}");
}

/// What can be read only once is copied, because inputs are read twice.
#[cfg(unix)]
#[test]
fn pipe_is_merged_under_any_name() {
    let sandbox = Sandbox::new();
    sandbox.write("a.jsonl", record("a", 1, "downloaded"));
    let mut command = std::process::Command::new("sh");
    command
        .args(["-c", "cat a.jsonl | \"$0\" merge /dev/stdin"])
        .arg(env!("CARGO_BIN_EXE_fetchpdf"))
        .current_dir(sandbox.path("."));
    let merged = command.output().expect("a shell");
    let records = String::from_utf8(merged.stdout).expect("text");
    assert_eq!(outcomes(&records), expected(&[("a", "downloaded")]));
}
