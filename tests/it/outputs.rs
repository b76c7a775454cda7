//! Outputs that cannot be written: a full device, a reader that has gone away, and one that takes nothing.
#![cfg(unix)]

use std::fs;
use std::io::{Read, pipe};
use std::process::{Command, Output, Stdio};

use crate::harness::{Running, Sandbox, for_each_mode, list, until};
use crate::server::{Server, ok, pdf, respond, send};

fn server() -> Server {
    Server::start(|request, stream| match request.path.as_str() {
        "/gone.pdf" => respond(stream, "404 Not Found", b""),
        "/endless.pdf" => {
            let head = "HTTP/1.1 200 OK\r\nETag: \"v1\"\r\nContent-Length: 9000000\r\n\r\n";
            send(stream, head);
            send(stream, pdf("endless"));
        }
        path => ok(stream, &pdf(path)),
    })
}

fn links(server: &Server, names: &[&str]) -> String {
    list(names.iter().map(|name| server.url(&format!("/{name}.pdf"))))
}

/// Runs a command whose standard output is a full device.
#[cfg(target_os = "linux")]
fn into_full_device(mut command: Command) -> Output {
    let full = fs::File::options().write(true).open("/dev/full");
    let command = command.stdout(full.expect("it can be opened"));
    command.output().expect("the binary starts")
}

/// Runs a command that nobody reads.
fn into_closed_pipe(mut command: Command) -> Output {
    let (reader, writer) = pipe().expect("a pipe");
    drop(reader);
    command.stdout(writer);
    let child = command.stderr(Stdio::piped()).spawn();
    drop(command);
    let ended = child.expect("the binary starts").wait_with_output();
    ended.expect("it ends")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn read(sandbox: &Sandbox, name: &str) -> String {
    fs::read_to_string(sandbox.path(name)).expect("a file")
}

#[test]
#[cfg(target_os = "linux")]
fn error_of_one_sink_is_told_once_and_concerns_no_other() {
    let server = server();
    for_each_mode(|mode| {
        for print in ["json", "paths"] {
            let sandbox = Sandbox::new();
            sandbox.write("links.txt", links(&server, &["a", "gone", "b"]));
            let output = into_full_device(sandbox.command(&[
                "links.txt",
                "-o",
                "out",
                "-m",
                mode,
                "--print",
                print,
                "--report",
                "r.csv",
                "--error-file",
                "failed.txt",
            ]));
            let said = stderr(&output);
            let told = "cannot write all records to standard output: no space left on the disk\n";
            assert_eq!(said.matches(told).count(), 1, "{said}");
            assert_eq!(output.status.code(), Some(1), "{said}");
            assert_eq!(read(&sandbox, "r.csv").lines().count(), 4);
            assert!(read(&sandbox, "failed.txt").contains("/gone.pdf\n"));
            assert_eq!(sandbox.names(), ["a.pdf", "b.pdf"]);
        }
        for full in ["--report", "--error-file", "--log"] {
            let sandbox = Sandbox::new();
            let requests = server.requests().len();
            let list = links(&server, &["a", "gone", "b", "gone?2"]);
            let run = sandbox.fetch(mode, list, &["--json", full, "/dev/full"]);
            let run = run.exits(1);
            assert_eq!(run.stderr.matches("`/dev/full`: ").count(), 1, "{run:?}");
            assert_eq!(run.stdout.lines().count(), 4, "{run:?}");
            assert_eq!(server.requests().len() - requests, 4, "each link once");
        }
        let sandbox = Sandbox::new();
        let run = sandbox.fetch(mode, links(&server, &["a"]), &["--report", "/dev/full"]);
        assert_eq!(run.exits(1).count("downloaded"), 1);
    });
}

#[test]
#[cfg(target_os = "linux")]
fn texts_on_a_full_device_fail_and_in_a_closed_pipe_do_not() {
    let server = server();
    let sandbox = Sandbox::new();
    let link = server.url("/a.pdf");
    sandbox.fetch("async", &link, &[]).exits(0);
    for args in [
        &["links.txt", "-o", "out"][..],
        &["links.txt", "--dry-run"],
        &["completions", "bash"],
        &["man"],
        &["--help"],
        &["--version"],
        &["verify", "out"],
        &["compare", "links.txt", "--modes", "async"],
    ] {
        let full = into_full_device(sandbox.command(args));
        let said = stderr(&full);
        let told = "cannot write to standard output: no space left on the disk";
        assert_eq!(full.status.code(), Some(1), "{args:?}: {said}");
        assert_eq!(said.matches(told).count(), 1, "{args:?}: {said}");
        let closed = into_closed_pipe(sandbox.command(args));
        assert_eq!(closed.status.code(), Some(0), "{args:?}: {closed:?}");
        assert!(!stderr(&closed).contains("cannot write"), "{closed:?}");
    }
    let args = [
        "compare",
        "links.txt",
        "--modes",
        "pool",
        "--svg",
        "/dev/full",
    ];
    let run = sandbox.run(&args).exits(1);
    assert!(run.stderr.contains("cannot write `/dev/full`"), "{run:?}");
    assert!(run.stdout.contains("pool"), "the table is printed: {run:?}");
}

#[test]
fn records_that_nobody_reads_end_the_run() {
    let server = server();
    for_each_mode(|mode| {
        for print in ["json", "paths"] {
            let sandbox = Sandbox::new();
            let rest = (0..50).map(|n| server.url(&format!("/endless.pdf?{n}")));
            sandbox.write("links.txt", links(&server, &["a", "endless"]) + &list(rest));
            let args = [
                "links.txt",
                "-o",
                "out",
                "-m",
                mode,
                "--print",
                print,
                "-j",
                "1",
                "--report",
                "r.jsonl",
            ];
            let output = into_closed_pipe(sandbox.command(&args));
            let said = stderr(&output);
            assert_eq!(output.status.code(), Some(143), "{said}");
            assert!(said.contains("standard output is closed"), "{said}");
            // where the system tells at once, not even that
            assert!(sandbox.names().iter().all(|name| name == "a.pdf"));
            assert!(read(&sandbox, "r.jsonl").lines().count() <= 2);
        }
    });
}

/// A list whose records do not fit into a pipe, nor its failures if they are many, and a link that never ends.
fn long_list(server: &Server, path: &str, count: usize) -> String {
    let long = "x".repeat(8000);
    let links = (0..count).map(|n| server.url(&format!("/{path}{n}.pdf?{long}")));
    list(links.chain([server.url("/endless.pdf")]))
}

#[test]
fn signals_work_while_nobody_reads() {
    let server = Server::start(|request, stream| match &request.path[..6] {
        "/gone-" => respond(stream, "404 Not Found", b""),
        "/endle" => {
            send(stream, "HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n");
            send(stream, pdf("endless"));
        }
        path => ok(stream, &pdf(path)),
    });
    for_each_mode(|mode| {
        for (path, count, twice) in [("a-", 30, false), ("gone-", 90, false), ("a-", 30, true)] {
            let sandbox = Sandbox::new();
            sandbox.write("links.txt", long_list(&server, path, count));
            let args = ["links.txt", "-o", "out", "-m", mode, "--json"];
            let running = Running::start(sandbox.command(&args));
            until(|| !parts(&sandbox).is_empty() && others_have_ended(&sandbox, count));
            running.signal("INT");
            if twice {
                running.signal("TERM");
                running.wait();
                continue;
            }
            // the run has ended its links although neither stream is read
            until(|| read(&sandbox, "out/.fetchpdf/journal.jsonl").contains("\"interrupted\""));
            let run = running.wait().exits(130);
            assert_eq!(run.stdout.lines().count(), count + 1, "nothing is lost");
            assert!(run.stderr.contains("\ninterrupted 1\n"), "{}", run.stderr);
        }
    });
}

fn parts(sandbox: &Sandbox) -> Vec<String> {
    let entries = fs::read_dir(sandbox.path("out/.fetchpdf/parts"));
    let names = entries.into_iter().flatten();
    let names = names.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.filter(|name| !name.contains("json")).collect()
}

/// Whether all links but the last have ended.
fn others_have_ended(sandbox: &Sandbox, count: usize) -> bool {
    let journal = fs::read_to_string(sandbox.path("out/.fetchpdf/journal.jsonl"));
    journal.unwrap_or_default().lines().count() >= count
}

#[test]
fn reader_that_takes_nothing_is_given_up_after_a_signal() {
    let server = server();
    let sandbox = Sandbox::new();
    sandbox.write("links.txt", long_list(&server, "a-", 30));
    let mut command = sandbox.command(&["links.txt", "-o", "out", "--json"]);
    let (mut reader, writer) = pipe().expect("a pipe");
    command.stdout(writer).stderr(Stdio::piped());
    let child = command.spawn().expect("the binary starts");
    drop(command);
    until(|| parts(&sandbox).len() == 1 && others_have_ended(&sandbox, 30));
    let kill = Command::new("kill").arg(child.id().to_string()).status();
    assert!(kill.expect("kill is there").success());
    let output = child.wait_with_output().expect("it ends");
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(143), "{said}");
    assert!(said.contains("nobody is reading it"), "{said}");
    let mut some = [0];
    reader.read_exact(&mut some).expect("the beginning");
}

#[test]
fn full_journal_is_told_once_and_silences_nothing() {
    let server = server();
    for_each_mode(|mode| {
        let sandbox = Sandbox::new();
        sandbox.write("links.txt", links(&server, &["gone", "gone?1", "gone?2"]));
        // a file as long as it may become
        sandbox.write("out/.fetchpdf/journal.jsonl", "x".repeat(64 * 1024) + "\n");
        let binary = env!("CARGO_BIN_EXE_fetchpdf");
        let script = format!(
            "ulimit -f 64; exec '{binary}' links.txt -o out -m {mode} --json --report r.jsonl"
        );
        let mut shell = Command::new("bash");
        shell.args(["-c", &script]).current_dir(sandbox.path(""));
        let run = Running::start(shell).end().exits(1);
        let told = "cannot write to the journal: ";
        assert_eq!(run.stderr.matches(told).count(), 1, "{run:?}");
        assert_eq!(run.stdout.lines().count(), 3, "{run:?}");
        assert_eq!(read(&sandbox, "r.jsonl").lines().count(), 3);
    });
}
