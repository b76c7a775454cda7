//! What programs rely on that run this one by the thousand: exit codes, complete records, and an end when nobody is left.

use std::fs;

use serde_json::Value;

use crate::harness::{Running, Sandbox, for_each_mode, list};
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
