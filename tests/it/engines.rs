//! What programs rely on that run this one by the thousand: exit codes, complete records, and an end when nobody is left.

use std::fs;
#[cfg(target_os = "linux")]
use std::process::Command;
use std::process::Stdio;

use serde_json::Value;

use crate::harness::{Running, Sandbox, for_each_mode, list, until};
use crate::server::{Server, ok, pdf, respond, send};

fn server() -> Server {
    Server::start(|request, stream| {
        let name = request.path.split('?').next().unwrap_or_default();
        match name {
            "/gone.pdf" => respond(stream, "404 Not Found", b""),
            "/busy.pdf" => respond(stream, "503 Service Unavailable", b""),
            "/moved.pdf" => respond(stream, "302 Found\r\nLocation: /new.pdf", b""),
            "/new.pdf" => {
                let date = "Last-Modified: Wed, 21 Oct 2015 07:28:00 GMT";
                let head = format!("200 OK\r\nETag: \"v1\"\r\n{date}");
                let body = pdf("new");
                respond(stream, &head, &body[..body.len() - 8]);
            }
            "/endless.pdf" => {
                let head = "HTTP/1.1 200 OK\r\nETag: \"v1\"\r\nContent-Length: 9000000\r\n\r\n";
                send(stream, head);
                send(stream, pdf("endless").repeat(300));
            }
            path => ok(stream, &pdf(path)),
        }
    })
}

fn links(server: &Server, names: &[&str]) -> String {
    list(names.iter().map(|name| server.url(&format!("/{name}.pdf"))))
}

fn records(text: &str) -> Vec<Value> {
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).expect("a record"))
        .collect()
}

#[test]
fn present_files_have_all_that_the_journal_knows() {
    let server = server();
    for_each_mode(|mode| {
        let sandbox = Sandbox::new();
        let list = links(&server, &["moved", "a"]);
        let first = sandbox.fetch(mode, &list, &["--json"]).exits(0);
        let first = records(&first.stdout);
        // a copy of the folder has other times, and the journal gets a line that says only that
        let time = std::time::SystemTime::now() - std::time::Duration::from_mins(1);
        let name = first.iter().find(|record| !record["etag"].is_null());
        let name = name
            .and_then(|record| record["file"].as_str())
            .expect("a file");
        let file = fs::File::options()
            .write(true)
            .open(sandbox.path("out").join(name));
        file.and_then(|file| file.set_modified(time))
            .expect("a file");
        for args in [&[][..], &["--json"], &["--report", "r.jsonl"]] {
            let run = sandbox.fetch(mode, &list, args).exits(0);
            let again = match args {
                [] => continue,
                ["--json", ..] => run.stdout,
                _ => fs::read_to_string(sandbox.path("r.jsonl")).expect("a report"),
            };
            for record in records(&again) {
                let url = &record["url"];
                let before = first.iter().find(|first| first["url"] == *url);
                let before = before.expect("a record");
                assert_eq!(record["status"], "present");
                for field in [
                    "file",
                    "bytes",
                    "sha256",
                    "etag",
                    "last_modified",
                    "final_url",
                    "suspect",
                    "inode",
                ] {
                    assert_eq!(record[field], before[field], "{field}: {record} {before}");
                }
            }
        }
        let moved = first.iter().find(|record| !record["suspect"].is_null());
        let moved = moved.expect("one without an end");
        assert!(
            moved["etag"] == "\"v1\"" && !moved["final_url"].is_null(),
            "{moved}"
        );
    });
}

#[test]
fn the_exit_code_tells_of_what_is_asked_for() {
    let server = server();
    let fails = ["--exec", "false"];
    let cases: [(&[&str], &[&str], [i32; 4]); 7] = [
        (&["a"], &[], [0, 0, 0, 0]),
        (&["a", "gone"], &[], [1, 1, 0, 0]),
        (&["a", "busy"], &[], [1, 75, 0, 0]),
        (&["busy", "gone"], &[], [1, 1, 0, 0]),
        (&["a"], &fails, [1, 1, 0, 0]),
        (
            &["a", "endless"],
            &["--max-downloads", "1", "-j", "1"],
            [1, 75, 1, 0],
        ),
        (
            &["a", "endless", "b"],
            &["--max-downloads", "1", "-j", "1", "--record-untried"],
            [1, 75, 0, 0],
        ),
    ];
    for (names, args, codes) in cases {
        for (fail_on, code) in ["link", "retryable", "run", "never"].into_iter().zip(codes) {
            let sandbox = Sandbox::new();
            let args = [args, &["--retry", "0", "--fail-on", fail_on]].concat();
            let run = sandbox.fetch("async", links(&server, names), &args);
            assert_eq!(run.code, Some(code), "{names:?}, {args:?}: {run:?}");
        }
    }
    let sandbox = Sandbox::new();
    for fail_on in ["link", "retryable", "run", "never"] {
        let on = ["--fail-on", fail_on];
        sandbox.run(&[&["none.txt"][..], &on].concat()).exits(2);
        sandbox.run(&[&["--nonsense"][..], &on].concat()).exits(2);
        let torn = "{\"url\":\"http://127.0.0.1:1/\"}\n[";
        sandbox.write(
            "torn.json",
            torn.replace('\n', ",\n").replacen('{', "[{", 1),
        );
        let args = ["torn.json", "-o", "out", "--retry", "0"];
        sandbox.run(&[&args[..], &on].concat()).exits(2);
        if cfg!(target_os = "linux") {
            let full = [&on[..], &["--report", "/dev/full"]].concat();
            sandbox
                .fetch("async", links(&server, &["a"]), &full)
                .exits(1);
        }
        let dry_run = [&on[..], &["--dry-run"]].concat();
        let code = i32::from(matches!(fail_on, "link" | "retryable"));
        let list = links(&server, &["a"]) + "nonsense\n";
        sandbox.fetch("async", list, &dry_run).exits(code);
    }
    sandbox.run(&["--fail-on", "links"]).exits(2);
}

/// The arguments of a run with a link that never ends, one at a time.
#[cfg(unix)]
fn endless<'a>(mode: &'a str, args: &[&'a str]) -> Vec<&'a str> {
    let usual = ["links.txt", "-o", "out", "-m", mode, "-j", "1"];
    [&usual, args].concat()
}

/// Whether the link that never ends has begun.
#[cfg(unix)]
fn has_part(sandbox: &Sandbox) -> bool {
    let parts = fs::read_dir(sandbox.path("out/.fetchpdf/parts"));
    parts.is_ok_and(|mut parts| parts.next().is_some())
}

#[cfg(unix)]
fn is_interrupted(sandbox: &Sandbox) -> bool {
    let journal = sandbox.journal();
    let status = |record: &Value| record["status"] == "interrupted";
    journal.iter().filter(|record| status(record)).count() == 1 && !sandbox.parts().is_empty()
}

#[cfg(target_os = "linux")]
#[test]
fn a_reader_that_has_gone_ends_a_run_that_has_nothing_to_say() {
    let server = server();
    for_each_mode(|mode| {
        for print in ["json", "paths"] {
            let sandbox = Sandbox::new();
            sandbox.write("links.txt", links(&server, &["endless", "a"]));
            let args = endless(mode, &["--print", print, "--fail-on", "never"]);
            let mut command = sandbox.command(&args);
            let (reader, writer) = std::io::pipe().expect("a pipe");
            command.stdout(writer).stderr(Stdio::piped());
            let child = command.spawn().expect("the binary starts");
            drop(command);
            until(|| has_part(&sandbox));
            drop(reader);
            let output = child.wait_with_output().expect("it ends");
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(143), "{said}");
            assert!(said.contains("standard output is closed"), "{said}");
            assert!(is_interrupted(&sandbox) && sandbox.names().is_empty());
        }
        let sandbox = Sandbox::new();
        let mut command = sandbox.command(&["-", "-o", "out", "-m", mode, "--json"]);
        let (reader, writer) = std::io::pipe().expect("a pipe");
        command
            .stdin(Stdio::piped())
            .stdout(writer)
            .stderr(Stdio::null());
        let mut child = command.spawn().expect("the binary starts");
        let _open = child.stdin.take();
        drop((command, reader));
        let code = child.wait().expect("it ends although its list does not");
        assert_eq!(code.code(), Some(143));
    });
}

#[cfg(target_os = "linux")]
#[test]
fn the_end_of_the_parent_is_the_end_of_the_run() {
    let server = server();
    let binary = env!("CARGO_BIN_EXE_fetchpdf");
    let shell = |sandbox: &Sandbox, script: &str, args: &[&str]| {
        let mut command = Command::new("setsid");
        command.args(["--wait", "sh", "-c", script, binary]);
        command.args(args).current_dir(sandbox.path(""));
        command.stdin(Stdio::null());
        Running::start(command)
    };
    for_each_mode(|mode| {
        let sandbox = Sandbox::new();
        sandbox.write("links.txt", links(&server, &["endless", "a"]));
        let args = endless(mode, &["--die-with-parent", "--progress", "none"]);
        let script = "echo $$ >pid; \"$0\" \"$@\" & wait";
        let running = shell(&sandbox, script, &args);
        until(|| has_part(&sandbox));
        let id = fs::read_to_string(sandbox.path("pid")).expect("an id");
        let killed = Command::new("kill").args(["-KILL", id.trim()]).status();
        assert!(killed.expect("kill is there").success());
        let run = running.wait();
        assert!(is_interrupted(&sandbox), "{run:?}");

        // one whose parent has ended before it could ask
        let other = Sandbox::new();
        other.write("links.txt", links(&server, &["endless"]));
        shell(&other, "(\"$0\" \"$@\" &)", &args).wait();

        // a parent that lives, in this session and in another one
        let sandbox = Sandbox::new();
        sandbox.write("links.txt", links(&server, &["a"]));
        sandbox.run(&args).exits(0);
        shell(&sandbox, "exec \"$0\" \"$@\"", &args).wait().exits(0);
        shell(&sandbox, "\"$0\" \"$@\"", &args).wait().exits(0);
    });
}

#[cfg(unix)]
#[test]
fn links_that_are_not_tried_are_recorded_on_request() {
    let server = server();
    for_each_mode(|mode| {
        let sandbox = Sandbox::new();
        sandbox.fetch(mode, links(&server, &["kept"]), &[]).exits(0);
        let rest = (0..2200).map(|n| server.url(&format!("/{n}.pdf")));
        let list = links(&server, &["a", "endless"]) + &list(rest);
        let list = list + "nonsense\n" + &links(&server, &["a", "kept", "last"]);
        sandbox.write("links.txt", list);
        let untried = [
            "--json",
            "--record-untried",
            "--error-file",
            "left.txt",
            "--fail-on",
            "run",
        ];
        let running = Running::start(sandbox.command(&endless(mode, &untried)));
        until(|| has_part(&sandbox));
        running.signal("TERM");
        let run = running.wait().exits(143);
        let records = records(&run.stdout);
        assert_eq!(records.len(), 2206, "{}", run.stderr);
        let of = |status: &str, attempts: u64| {
            let is_so =
                |record: &&Value| record["status"] == status && record["attempts"] == attempts;
            records.iter().filter(is_so).count()
        };
        assert_eq!((of("interrupted", 0), of("interrupted", 1)), (2201, 1));
        assert_eq!(
            (of("bad_link", 0), of("duplicate", 0), of("present", 0)),
            (1, 1, 1)
        );
        assert!(run.stderr.contains("not tried   2201"), "{}", run.stderr);
        assert!(
            is_interrupted(&sandbox),
            "the journal has no links that were not tried"
        );
        let left = fs::read_to_string(sandbox.path("left.txt")).expect("a list");
        assert_eq!(
            left.lines().filter(|line| line.starts_with("http")).count(),
            2202
        );
    });
}

#[cfg(unix)]
#[test]
fn a_list_that_does_not_go_on_holds_up_no_end() {
    let server = server();
    for twice in [true, false] {
        let sandbox = Sandbox::new();
        let args = ["-", "-o", "out", "-j", "1", "--json", "--record-untried"];
        let mut command = sandbox.command(&args);
        command.stdin(Stdio::piped());
        let mut running = Running::start(command);
        running.type_in(&links(&server, &["endless", "a", "b"]));
        until(|| has_part(&sandbox));
        running.signal("TERM");
        if twice {
            until(|| {
                sandbox.path("out/.fetchpdf/journal.jsonl").exists() && is_interrupted(&sandbox)
            });
            running.signal("INT");
            running.wait().exits(130);
            continue;
        }
        let run = running.wait().exits(143);
        assert_eq!(run.stdout.lines().count(), 3, "{run:?}");
        assert!(
            run.stderr.contains("the rest of the list is not recorded"),
            "{run:?}"
        );
    }
}

#[test]
fn lines_are_carried_as_they_are() {
    let server = server();
    let sandbox = Sandbox::new();
    let [a, b, c] = ["/a.pdf", "/b.pdf", "/c.pdf"].map(|path| server.url(path));
    let secret = a.replace("http://", "http://user:word@");
    let lines: [Vec<u8>; 7] = [
        format!("{a}\tname one\t key=1 ").into(),
        format!("  {a}  ").into(),
        b"nonsense \xc3\xa9 \\x41".into(),
        [b"nonsense caf\xe9 ", b.as_bytes()].concat(),
        format!("{secret}?1 {b}?1").into(),
        format!("{{\"url\": \"{c}\", \"id\": 7}}").into(),
        b"nonsense".into(),
    ];
    let list = lines.join(&b"\r\n"[..]);
    let run = sandbox.fetch("async", &list, &["--json", "--carry-line"]);
    let mut inputs: Vec<_> = records(&run.stdout)
        .iter()
        .map(|record| record["input"].as_str().expect("a line").to_owned())
        .collect();
    inputs.sort();
    let escaped = |line: &[u8]| match std::str::from_utf8(line) {
        Ok(line) => line.to_owned(),
        Err(_) => format!("nonsense caf\\xe9 {b}"),
    };
    let mut expected: Vec<_> = lines.iter().map(|line| escaped(line)).collect();
    // two links
    expected.push(escaped(&lines[4]));
    expected.sort();
    assert_eq!(inputs, expected, "{run:?}");
    assert!(
        sandbox
            .journal()
            .iter()
            .all(|record| record["input"].is_null())
    );
}

#[test]
fn rows_and_other_entries_are_carried() {
    let server = server();
    let sandbox = Sandbox::new();
    let [a, b, c] = ["/a.pdf", "/b.pdf", "/c.pdf"].map(|path| server.url(path));
    let table = format!("id,url,note\r\n1,{a},\"x\ny\"\r\n\n2,\"{b}\",z\n3,nothing here,é");
    for (name, list, mut expected) in [
        (
            "l.csv",
            table.clone(),
            vec![
                format!("1,{a},\"x\ny\""),
                format!("2,\"{b}\",z"),
                "3,nothing here,é".to_owned(),
            ],
        ),
        (
            "l.json",
            format!("[{{\"url\":\"{a}\"}},\n {{\n\"url\":\"{b}\"}}]"),
            vec![
                format!("{{\"url\":\"{a}\"}}"),
                format!("{{\n\"url\":\"{b}\"}}"),
            ],
        ),
        (
            "l.aria2",
            format!("{a}\t{b}\n  out=x.pdf\n{c}\n  out=y.pdf\n"),
            vec![format!("{a}\t{b}"), c.clone()],
        ),
    ] {
        sandbox.write(name, list);
        let report = ["--carry-line", "--report", "r.jsonl", "--fail-on", "run"];
        sandbox
            .run(&[&[name, "-o", "out"][..], &report].concat())
            .exits(0);
        let report = fs::read_to_string(sandbox.path("r.jsonl")).expect("a report");
        let mut found: Vec<_> = records(&report)
            .iter()
            .map(|record| record["input"].as_str().unwrap_or_default().to_owned())
            .collect();
        found.sort();
        expected.sort();
        assert_eq!(found, expected, "{name}");
    }
    let text = format!("See [1]({a}), [2]({b}).\n");
    sandbox.write("notes.md", &text);
    let run = sandbox.run(&[
        "notes.md",
        "-o",
        "out",
        "--extract",
        "--json",
        "--carry-line",
    ]);
    assert!(
        records(&run.exits(0).stdout)
            .iter()
            .all(|record| record["input"] == text.trim_end())
    );
    let run = sandbox
        .run(&[&a, "-o", "out", "--json", "--carry-line"])
        .exits(0);
    assert_eq!(records(&run.stdout)[0]["input"], a);

    // records of an earlier run keep the line of its list
    let again = sandbox.run(&["r.jsonl", "-o", "out", "--json"]).exits(0);
    let again = records(&again.stdout);
    let mirrors = format!("{a}\t{b}");
    assert!(
        again.iter().any(|record| record["input"] == mirrors),
        "{again:?}"
    );
    let run = sandbox.run(&["l.csv", "-o", "out", "--json"]);
    assert!(
        records(&run.stdout)
            .iter()
            .all(|record| record["input"].is_null())
    );
}

#[test]
fn twice_quiet_is_silent_unless_the_run_fails() {
    let server = server();
    let list = links(&server, &["a", "gone"]) + "nonsense\n";
    let silent = |sandbox: &Sandbox, args: &[&str], variable: Option<&str>, code| {
        sandbox.write("links.txt", &list);
        let mut command = sandbox.command(&[&["links.txt", "-o", "out"], args].concat());
        command.envs(variable.map(|value| ("FETCHPDF_QUIET", value)));
        let run = Running::start(command).end().exits(code);
        (run.stdout + &run.stderr).is_empty()
    };
    for_each_mode(|mode| {
        let sandbox = Sandbox::new();
        assert!(silent(&sandbox, &["-m", mode, "-qq"], None, 1));
    });
    let sandbox = Sandbox::new();
    sandbox.write("2.toml", "quiet = 2\n");
    sandbox.write("1.toml", "quiet = true\n");
    assert!(silent(
        &sandbox,
        &["-v", "--quiet", "--quiet", "--log", "log.txt"],
        None,
        1
    ));
    let log = fs::read_to_string(sandbox.path("log.txt")).expect("a log");
    assert!(log.contains("404"), "{log}");
    assert!(silent(&sandbox, &[], Some("2"), 1));
    assert!(silent(&sandbox, &["--config", "2.toml"], None, 1));
    for (args, variable) in [
        (&["-q"][..], None),
        (&[], Some("yes")),
        (&["--config", "1.toml"], None),
    ] {
        assert!(!silent(&sandbox, args, variable, 1), "{args:?}");
    }
    let run = sandbox.run(&["none.txt", "-qq"]).exits(2);
    assert!(run.stderr.starts_with("error: "), "{run:?}");
    if cfg!(target_os = "linux") {
        let run = sandbox
            .fetch("async", &list, &["-qq", "--report", "/dev/full"])
            .exits(1);
        assert_eq!(
            run.stderr,
            "cannot write all records to `/dev/full`: no space left on the disk\n"
        );
    }
    fs::remove_file(sandbox.path("out/a.pdf")).expect("a file");
    assert!(
        silent_verify(&sandbox),
        "files are the result of links, too"
    );
}

fn silent_verify(sandbox: &Sandbox) -> bool {
    let run = sandbox.run(&["verify", "out", "-qq"]).exits(1);
    (run.stdout + &run.stderr).is_empty()
}
