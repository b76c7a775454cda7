//! Output for programs.

use std::fs;
use std::process::Stdio;

use crate::harness::{Running, Sandbox, for_each_mode, list};
use crate::server::{Server, ok, pdf, respond};

fn server() -> Server {
    Server::start(|request, stream| match request.path.as_str() {
        "/gone.pdf" => respond(stream, "404 Not Found", b""),
        path => ok(stream, &pdf(path)),
    })
}

fn links(server: &Server) -> String {
    list(["/a.pdf", "/gone.pdf", "/b,%22c%22.pdf", "/a.pdf"].map(|path| server.url(path)))
        + "nonsense, \"quoted\"\n"
}

#[test]
fn records_are_printed_as_links_finish() {
    let server = server();
    for_each_mode(|mode| {
        let sandbox = Sandbox::new();
        let run = sandbox.fetch(mode, links(&server), &["--json"]).exits(1);
        let records: Vec<serde_json::Value> = run
            .stdout
            .lines()
            .map(|line| serde_json::from_str(line).expect("a record"))
            .collect();
        let mut words: Vec<_> = records
            .iter()
            .map(|record| record["status"].as_str().expect("a word"))
            .collect();
        words.sort_unstable();
        assert_eq!(
            words,
            [
                "bad_link",
                "downloaded",
                "downloaded",
                "duplicate",
                "http_status"
            ]
        );
        assert!(
            run.stderr.contains("\ndownloaded  2\n"),
            "the summary is on standard error: {run:?}"
        );
        let saved = records
            .iter()
            .find(|record| record["file"] == "a.pdf")
            .expect("its record");
        assert_eq!(saved["sha256"].as_str().map(str::len), Some(64));
        let known_fields = documented_fields();
        let known = |record: &serde_json::Value| {
            let fields: Vec<_> = record
                .as_object()
                .expect("an object")
                .keys()
                .cloned()
                .collect();
            fields
                .iter()
                .all(|field| known_fields.contains(&field.as_str()))
        };
        assert!(records.iter().all(known));
    });
}

#[test]
fn records_are_flushed_while_the_list_is_open() {
    use std::io::{BufRead, BufReader};
    let server = server();
    for_each_mode(|mode| {
        let sandbox = Sandbox::new();
        let mut command = sandbox.command(&["-", "-o", "out", "-m", mode, "--print", "paths"]);
        let (reader, writer) = std::io::pipe().expect("a pipe");
        command
            .stdin(Stdio::piped())
            .stdout(writer)
            .stderr(Stdio::null());
        let mut child = command.spawn().expect("the binary starts");
        drop(command);
        let mut lines = BufReader::new(reader).lines();
        let mut stdin = child.stdin.take().expect("a pipe");
        for name in ["1.pdf", "2.pdf"] {
            std::io::Write::write_all(
                &mut stdin,
                format!("{}\n", server.url(&format!("/{name}"))).as_bytes(),
            )
            .expect("it reads");
            let path = lines.next().expect("a line").expect("text");
            assert!(
                path.ends_with(name) && sandbox.path(&path).exists(),
                "{path}"
            );
        }
        drop(stdin);
        assert_eq!(child.wait().expect("it ends").code(), Some(0));
    });
}

#[test]
fn null_terminates_paths() {
    let server = server();
    for_each_mode(|mode| {
        let sandbox = Sandbox::new();
        let run = sandbox.fetch(mode, links(&server), &["-0"]).exits(1);
        let mut paths: Vec<_> = run.stdout.split_terminator('\0').collect();
        paths.sort_unstable();
        assert_eq!(paths, ["out/a.pdf", "out/b,_c_.pdf"]);
    });
}

#[test]
fn reports_preserve_special_characters() {
    let server = server();
    for_each_mode(|mode| {
        let sandbox = Sandbox::new();
        sandbox
            .fetch(mode, links(&server), &["--report", "run.csv"])
            .exits(1);
        let mut table = csv::Reader::from_path(sandbox.path("run.csv")).expect("a table");
        assert_eq!(
            table
                .headers()
                .expect("a header")
                .iter()
                .collect::<Vec<_>>(),
            documented_fields()
        );
        let rows: Vec<_> = table.records().map(|row| row.expect("a row")).collect();
        assert_eq!(rows.len(), 5);
        assert!(
            rows.iter()
                .any(|row| &row[3] == "nonsense, \"quoted\"" && &row[2] == "bad_link")
        );

        sandbox
            .fetch(mode, links(&server), &["--report", "run.jsonl"])
            .exits(1);
        let lines = fs::read_to_string(sandbox.path("run.jsonl")).expect("a report");
        assert_eq!(lines.lines().count(), 5);
        assert_eq!(lines.matches("\"status\":\"present\"").count(), 2);
    });
}

#[test]
fn safe_csv_report_has_no_formulas_and_is_a_list() {
    let server = server();
    for_each_mode(|mode| {
        let sandbox = Sandbox::new();
        let [a, gone] = ["/a.pdf", "/gone.pdf"].map(|path| server.url(path));
        let table = format!("url,title,=x\n{a},=HYPERLINK(1),@y\n{gone},\"\t-1\",1;=2\n");
        sandbox.write("list.csv", table);
        let carry = ["list.csv", "-o", "out", "-m", mode, "--carry", "title,=x"];
        let args = [&carry[..], &["--report", "r.csv", "--report-csv-safe"]].concat();
        sandbox.run(&args).exits(1);
        let report = fs::read_to_string(sandbox.path("r.csv")).expect("a report");
        for cell in [
            "\"'=HYPERLINK(1)\"",
            "\"'@y\"",
            "\"'\t-1\"",
            "\"1;=2\"",
            "\"'=x\"",
        ] {
            assert!(report.contains(cell), "{cell}: {report}");
        }
        let run = sandbox.run(&["r.csv", "-o", "out", "-m", mode]).exits(1);
        assert_eq!(
            (run.count("present"), run.count("failed")),
            (1, 1),
            "{run:?}"
        );

        sandbox
            .run(&[&carry[..], &["--report", "r.csv"]].concat())
            .exits(1);
        let report = fs::read_to_string(sandbox.path("r.csv")).expect("a report");
        assert!(report.contains(",=HYPERLINK(1),@y\n"), "{report}");
    });
}

#[test]
fn error_file_is_a_valid_list() {
    let server = server();
    for_each_mode(|mode| {
        let sandbox = Sandbox::new();
        sandbox
            .fetch(mode, links(&server), &["--error-file", "failed.txt"])
            .exits(1);
        let failed = fs::read_to_string(sandbox.path("failed.txt")).expect("a list");
        let expected = format!(
            "# links.txt:2: http_status: 404 Not Found\n{}\n",
            server.url("/gone.pdf")
        );
        assert!(failed.contains(&expected), "{failed}");
        let run = sandbox.fetch(mode, failed, &[]).exits(1);
        assert_eq!((run.count("failed"), run.count("downloaded")), (1, 0));
    });
}

#[test]
fn unwritable_report_ends_the_run() {
    let server = server();
    let sandbox = Sandbox::new();
    let run = sandbox
        .fetch("async", links(&server), &["--report", "no/such/folder.csv"])
        .exits(2);
    assert!(
        run.stderr.contains("cannot create `no/such/folder.csv`"),
        "{run:?}"
    );
    assert!(server.requests().is_empty());
}

#[test]
fn records_can_be_used_as_a_list() {
    let server = server();
    for_each_mode(|mode| {
        let sandbox = Sandbox::new();
        let dead = "http://127.0.0.1:1/x.pdf";
        sandbox
            .fetch(
                mode,
                format!("{}{dead}\n", links(&server)),
                &["--report", "run.jsonl", "--retry", "0"],
            )
            .exits(1);
        let again = |only: &[&str]| {
            let args = [
                &["run.jsonl", "-o", "again", "-m", mode, "--retry", "0"],
                only,
            ]
            .concat();
            let run = sandbox.run(&args);
            (
                run.count("downloaded"),
                run.count("failed"),
                run.count("duplicate"),
            )
        };
        assert_eq!(again(&["--only", "failed"]), (0, 3, 0));
        assert_eq!(again(&["--only", "retryable"]), (0, 1, 0));
        assert_eq!(again(&["--only", "http_status,connect"]), (0, 2, 0));
        assert_eq!(again(&["--only", "downloaded"]), (2, 0, 0));
        assert_eq!(again(&[]), (0, 3, 1));
        sandbox.run(&["run.jsonl", "--only", "lost"]).exits(2);
    });
}

#[test]
fn json_of_other_programs_is_read() {
    let server = server();
    let sandbox = Sandbox::new();
    let text = format!(
        "{{\"id\": 1, \"pdf_url\": \"{}\"}}\n{{\"link\":\"{}\"}}\n{{\"title\": \"no link\"}}\n{{broken\n",
        server.url("/1.pdf"),
        server.url("/2.pdf")
    );
    let run = sandbox.fetch("async", text, &[]).exits(1);
    assert_eq!((run.count("downloaded"), run.count("failed")), (2, 2));
    assert!(
        run.stderr.contains("links.txt:3: ") && run.stderr.contains("bad_link: no field `url`"),
        "{run:?}"
    );
    assert!(
        run.stderr.contains("links.txt:4: ") && run.stderr.contains("bad_link: invalid JSON"),
        "{run:?}"
    );
}

#[test]
fn record_matches_its_schema() {
    let server = Server::start(|request, stream| match request.path.as_str() {
        "/gone" => respond(stream, "404 Not Found", b""),
        _ => respond(
            stream,
            "200 OK\r\nETag: \"1\"\r\nLast-Modified: Mon, 01 Jan 2024 00:00:00 GMT",
            &pdf("x"),
        ),
    });
    for_each_mode(|mode| {
        let sandbox = Sandbox::new();
        let table = format!(
            "id,url,file,checksum\n7,{},a,\n8,{},,\n",
            server.url("/x"),
            server.url("/gone")
        );
        let args = [
            "--carry",
            "id",
            "--name-column",
            "file",
            "--json",
            "--remote-time",
        ];
        let run = sandbox.fetch(mode, table, &args).exits(1);
        let mut lines: Vec<_> = run
            .stdout
            .lines()
            .map(|line| line.replace(&server.url(""), "http://host"))
            .collect();
        lines.sort_unstable_by_key(|line| !line.contains("downloaded"));
        insta::with_settings!({filters => vec![
            (r#""time":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z""#, r#""time":"[time]""#),
            (r#""elapsed":[\d.]+"#, r#""elapsed":[seconds]"#),
            (r#""inode":\d+,"#, ""),
            (r#""sha256":"[0-9a-f]{64}""#, r#""sha256":"[digits]""#),
        ]}, {
            insta::assert_snapshot!("record", lines.join("\n"));
        });
    });
}

#[test]
fn files_that_a_run_reads_are_not_written() {
    let sandbox = Sandbox::new();
    for (name, content) in [
        ("cookies", "a.invalid\tFALSE\t/\tFALSE\t0\tname\tvalue\n"),
        ("netrc", "machine a.invalid login u password p\n"),
        ("headers", "X-Key: 1\n"),
        ("config", "retry = 0\n"),
    ] {
        sandbox.write(name, content);
    }
    for (option, name) in [
        ("--cookie=cookies", "cookies"),
        ("--netrc-file=netrc", "netrc"),
        ("--header=@headers", "headers"),
        ("--config=config", "config"),
    ] {
        let before = fs::read(sandbox.path(name)).expect("a file");
        for output in ["--report", "--error-file", "--log"] {
            let written = format!("./{name}");
            let args = ["http://a.invalid/x.pdf", option, output, &written];
            let run = sandbox.run(&args).exits(2);
            let told = "is a file that this run reads";
            assert!(run.stderr.contains(told), "{run:?}");
            assert_eq!(fs::read(sandbox.path(name)).expect("a file"), before);
        }
    }
    sandbox.write("out/.fetchpdf/journal.jsonl", "");
    for name in ["journal.jsonl", "other"] {
        let path = format!("out/.fetchpdf/{name}");
        let args = ["http://a.invalid/x.pdf", "-o", "out", "--report", &path];
        sandbox.run(&args).exits(2);
    }
}

#[test]
fn no_file_is_both_read_and_written_or_written_twice() {
    let link = "http://a.invalid/x.pdf\n";
    let kept = |sandbox: &Sandbox, name: &str| fs::read_to_string(sandbox.path(name)).ok();
    for spelling in spellings() {
        for option in ["--error-file", "--report", "--log"] {
            let sandbox = sandbox_of_spellings(link);
            let run = sandbox.run(&["list.txt", option, spelling]).exits(2);
            assert!(run.stderr.contains("is a list of this run"), "{run:?}");
            let mut command = sandbox.command(&["-", "-o", "out", option, spelling]);
            command.stdin(fs::File::open(sandbox.path("list.txt")).expect("a list"));
            let run = Running::start(command).end();
            let told = "is the list on standard input";
            assert_eq!(run.stderr.contains(told), cfg!(unix), "{run:?}");
            assert_eq!(kept(&sandbox, "list.txt").as_deref(), Some(link));
        }
        let sandbox = sandbox_of_spellings(link);
        let args = ["compare", "list.txt", "--svg", spelling];
        let run = sandbox.run(&args).exits(2);
        assert!(run.stderr.contains("would be replaced"), "{run:?}");
        assert_eq!(kept(&sandbox, "list.txt").as_deref(), Some(link));
    }
    let sandbox = sandbox_of_spellings(link);
    sandbox.write("out/.fetchpdf/journal.jsonl", "{}\n");
    let journal = "out/../out/.fetchpdf/journal.jsonl";
    for args in [
        &["list.txt", "-o", "out", "--report", journal][..],
        &["list.txt", "-o", "out", "--dry-run", "--log", journal],
    ] {
        let run = sandbox.run(args).exits(2);
        assert!(run.stderr.contains("is the journal"), "{run:?}");
    }
    for refetch in [&["verify", "out"][..], &["verify", "out", "--refetch"]] {
        let mut command = sandbox.command(refetch);
        command.env("FETCHPDF_LOG", journal);
        let run = Running::start(command).end().exits(2);
        assert!(run.stderr.contains("is the journal"), "{run:?}");
    }
    assert_eq!(
        kept(&sandbox, "out/.fetchpdf/journal.jsonl").as_deref(),
        Some("{}\n")
    );
    for (report, errors) in [("new", "./new"), ("new", "out/../new")] {
        let args = ["list.txt", "--report", report, "--error-file", errors];
        let run = sandbox.run(&args).exits(2);
        assert!(run.stderr.contains("is written twice"), "{run:?}");
        assert_eq!(kept(&sandbox, "new"), None, "nothing is created");
    }
}

/// Paths of the list of [`sandbox_of_spellings`], as this system allows them.
fn spellings() -> &'static [&'static str] {
    if cfg!(unix) {
        &["./list.txt", "hard.txt", "soft.txt", "softer.txt"]
    } else {
        &["./list.txt", "hard.txt"]
    }
}

fn sandbox_of_spellings(link: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("list.txt", link);
    let hard = fs::hard_link(sandbox.path("list.txt"), sandbox.path("hard.txt"));
    hard.expect("a link");
    #[cfg(unix)]
    for (target, name) in [("list.txt", "soft.txt"), ("soft.txt", "softer.txt")] {
        std::os::unix::fs::symlink(target, sandbox.path(name)).expect("a link");
    }
    sandbox
}

#[test]
#[cfg(unix)]
fn output_is_kept_apart_from_lists_and_devices_are_not() {
    let server = server();
    let sandbox = Sandbox::new();
    let links = links(&server);
    sandbox.write("list.txt", &links);
    std::os::unix::fs::symlink("later", sandbox.path("dangling")).expect("a link");
    let run = sandbox.run(&["list.txt", "--report", "dangling", "--log", "later"]);
    assert!(run.exits(2).stderr.contains("is written twice"));
    assert!(!sandbox.path("later").exists());

    let mut command = sandbox.command(&["list.txt", "-o", "out", "--json"]);
    let append = fs::File::options()
        .append(true)
        .open(sandbox.path("list.txt"));
    command
        .stdout(append.expect("a list"))
        .stderr(Stdio::null());
    assert_eq!(command.status().expect("it starts").code(), Some(2));
    let kept = fs::read_to_string(sandbox.path("list.txt"));
    assert_eq!(kept.expect("a list"), links);

    for device in ["/dev/null", "/dev/stderr"] {
        let devices = ["--report", device, "--error-file", device, "--log", device];
        let run = sandbox.fetch("async", &links, &devices).exits(1);
        assert_eq!(run.count("failed"), 2, "{run:?}");
    }
    let args = ["/dev/null", "--report", "/dev/null", "--log", "/dev/null"];
    sandbox.run(&args).exits(0);
}

/// The fields that the documentation tells of, which a test of the library holds against the code.
fn documented_fields() -> Vec<&'static str> {
    let page = include_str!("../../docs/records.md");
    let begin = page.split("<!-- fields -->").nth(1);
    let table = begin.and_then(|rest| rest.split("<!-- /fields -->").next());
    let rows = table.expect("a table between its markers").lines();
    rows.filter_map(|row| row.strip_prefix("| `")?.split('`').next())
        .collect()
}
