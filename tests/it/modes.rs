//! The modes: same result, different concurrency.

#[cfg(target_os = "linux")]
use std::sync::mpsc;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;
#[cfg(target_os = "linux")]
use std::{fs, process::Command};

#[cfg(target_os = "linux")]
use crate::harness::{Running, wrapped};
use crate::harness::{Sandbox, for_each_mode, list};
#[cfg(target_os = "linux")]
use crate::server::respond;
use crate::server::{Server, ok, pdf};

/// Counts those who are inside, and lets nobody out before a number of them are.
#[derive(Default)]
struct Gate {
    inside: Mutex<(usize, usize)>,
    changed: Condvar,
}

impl Gate {
    fn pass(&self, together: usize) {
        let mut state = self.inside.lock().expect("no panic");
        state.0 += 1;
        state.1 = state.1.max(state.0);
        self.changed.notify_all();
        let full = |state: &mut (usize, usize)| state.1 < together;
        let (mut state, _) = self
            .changed
            .wait_timeout_while(state, Duration::from_secs(20), full)
            .expect("no panic");
        state.0 -= 1;
    }

    fn most(&self) -> usize {
        self.inside.lock().expect("no panic").1
    }
}

fn links(server: &Server, count: usize) -> String {
    list((0..count).map(|n| server.url(&format!("/{n}.pdf"))))
}

#[test]
fn concurrency_reaches_but_never_exceeds_jobs() {
    for_each_mode(|mode| {
        let jobs = if mode == "sequential" { 1 } else { 5 };
        let gate = Arc::new(Gate::default());
        let inside = Arc::clone(&gate);
        let server = Server::start(move |request, stream| {
            inside.pass(jobs);
            ok(stream, &pdf(&request.path));
        });
        let sandbox = Sandbox::new();
        sandbox
            .fetch(mode, links(&server, 23), &["-j", "5"])
            .exits(0);
        assert_eq!(gate.most(), jobs, "{mode}");
        assert_eq!(sandbox.files().len(), 23);
    });
}

#[test]
fn all_modes_fetch_the_same_files() {
    let server = Server::of_pdfs();
    for_each_mode(|mode| {
        let sandbox = Sandbox::new();
        let run = sandbox.fetch(mode, links(&server, 300), &[]).exits(0);
        assert_eq!(run.count("downloaded"), 300);
        let files = sandbox.files();
        assert_eq!(files.len(), 300);
        for (name, content) in files {
            assert_eq!(content, pdf(&format!("/{name}")), "{mode}: {name}");
        }
    });
}

#[test]
fn connections_are_reused() {
    for_each_mode(|mode| {
        let server = Server::of_pdfs();
        Sandbox::new()
            .fetch(mode, links(&server, 200), &["-j", "4"])
            .exits(0);
        assert_eq!(server.requests().len(), 200, "one request a link");
        // a request does not wait for one that is about to become free
        let opened = server.connections();
        assert!(opened < 50, "{mode}: {opened} connections for 200 links");
    });
}

#[test]
fn connections_are_reused_after_chunked_bodies() {
    let server = Server::start(|request, stream| {
        let body = pdf(&request.path);
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        let size = format!("{:x}\r\n", body.len());
        for piece in [head.as_bytes(), size.as_bytes(), &body, b"\r\n0\r\n\r\n"] {
            crate::server::send(stream, piece);
        }
    });
    for_each_mode(|mode| {
        let before = server.connections();
        let list = links(&server, 30);
        Sandbox::new().fetch(mode, list, &["-j", "2"]).exits(0);
        // a request does not wait for one that is about to become free
        let opened = server.connections() - before;
        assert!(opened < 15, "{mode}: {opened} connections for 30 links");
    });
}

#[test]
#[cfg(target_os = "linux")]
fn idle_connections_do_not_exhaust_file_descriptors() {
    // each port is another host
    let servers: Vec<_> = (0..90).map(|_| Server::of_pdfs()).collect();
    let links = servers.iter().enumerate();
    let links = list(links.map(|(n, server)| server.url(&format!("/{n}.pdf"))));
    for_each_mode(|mode| {
        let sandbox = Sandbox::new();
        sandbox.write("links.txt", &links);
        let fetchpdf = sandbox.command(&["links.txt", "-o", "out", "-m", mode, "--retry", "0"]);
        let run = Running::start(with_open_files(&fetchpdf, 64))
            .end()
            .exits(0);
        assert_eq!(run.count("downloaded"), 90);
    });
}

#[test]
#[cfg(target_os = "linux")]
fn a_lack_of_open_files_does_not_look_like_an_unknown_host() {
    for_each_mode(|mode| {
        let (asked, is_asked) = mpsc::channel();
        let (go, may_go) = mpsc::channel::<()>();
        let may_go = Mutex::new(may_go);
        let server = Server::start(move |_, stream| {
            asked.send(()).expect("the test waits");
            let _ = may_go.lock().expect("no panic").recv();
            respond(stream, "404 Not Found", b"no");
        });
        let sandbox = Sandbox::new();
        let named = server.url("/b.pdf").replace("127.0.0.1", "localhost");
        sandbox.write("links.txt", list([server.url("/a.pdf"), named]));
        let args = ["links.txt", "-o", "out", "-m", mode, "-j", "1"];
        let patience = ["--retry", "0", "--connect-timeout", "0.02"];
        let run = Running::start(sandbox.command(&[&args[..], &patience].concat()));
        is_asked.recv().expect("a request");
        run.limit_open_files(3);
        drop(go);
        let run = run.end().exits(1);
        let failure = "connect: cannot look up `localhost`: too many open files";
        assert!(run.stderr.contains(failure), "{mode}: {run:?}");
    });
}

/// The same command, of which at most so many files and connections are open at once.
#[cfg(target_os = "linux")]
fn with_open_files(command: &Command, most: usize) -> Command {
    let limit = format!("ulimit -n {most}; exec \"$0\" \"$@\"");
    wrapped("sh", &["-c", &limit], command)
}

#[test]
fn connections_are_reused_after_error_responses() {
    let server = Server::start(|_, stream| crate::server::respond(stream, "404 Not Found", b"no"));
    for_each_mode(|mode| {
        let before = server.connections();
        let list = links(&server, 30);
        Sandbox::new().fetch(mode, list, &["-j", "2"]).exits(1);
        // a request does not wait for one that is about to become free
        let opened = server.connections() - before;
        assert!(opened < 15, "{mode}: {opened} connections for 30 links");
    });
}

#[test]
fn demo_fetches_ten_different_documents() {
    for_each_mode(|mode| {
        let sandbox = Sandbox::new();
        let run = sandbox
            .run(&["--demo", "--mode", mode, "-o", "out"])
            .exits(0);
        assert_eq!(run.count("downloaded"), 10);
        let mut contents: Vec<_> = sandbox.files().into_values().collect();
        assert!(contents.iter().all(|content| content.len() > 200_000));
        contents.sort();
        contents.dedup();
        assert_eq!(contents.len(), 10);
    });
}

#[cfg(unix)]
#[test]
fn the_demo_serves_other_runs_until_it_is_interrupted() {
    for signal in ["TERM", "INT", "HUP"] {
        let sandbox = Sandbox::new();
        let mut serving =
            Running::start(sandbox.command(&["--demo", "--serve=30", "--die-with-parent"]));
        // nobody reads standard output so far, and it is not needed to begin
        let said = serving.until_it_says("to stop\n");
        assert!(said.starts_with("serving 30 PDFs at http://127.0.0.1:"));
        // the end of the links is the end of the stream, although the process goes on
        let links = serving.read_stdout();
        assert_eq!(links.lines().count(), 30);
        if cfg!(target_os = "linux") {
            let hosts = links.lines().filter_map(|link| link.split(':').nth(1));
            assert_eq!(hosts.collect::<std::collections::BTreeSet<_>>().len(), 20);
        }
        if signal == "TERM" {
            let some = list(links.lines().skip(27).map(str::to_owned));
            let run = sandbox.fetch("async", some, &["--dedupe", "skip"]);
            assert_eq!(run.exits(0).count("downloaded"), 3);
        }
        serving.signal(signal);
        let run = serving.wait().exits(0);
        assert_eq!((&*run.stdout, &*run.stderr), ("", ""));
    }
}

#[cfg(unix)]
#[test]
fn the_demo_goes_on_when_nobody_reads_its_links() {
    let sandbox = Sandbox::new();
    let mut command = sandbox.command(&["--demo", "--serve", "--die-with-parent"]);
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    command.stdout(writer).stderr(std::process::Stdio::piped());
    let mut serving = Running::spawn(command);
    let said = serving.until_it_says("to stop\n");
    let url = said.split(' ').find(|word| word.starts_with("http"));
    let link = format!("{}/sample-01.pdf", url.expect("an address"));
    let run = sandbox.fetch("async", link, &[]).exits(0);
    assert_eq!(run.count("downloaded"), 1);
    serving.signal("TERM");
    serving.wait().exits(0);
}

#[test]
fn the_demo_serves_a_number_of_links_on_request() {
    let sandbox = Sandbox::new();
    for args in [
        &["--serve"][..],
        &["--demo", "--serve=0"],
        &["--demo", "--serve=many"],
        &["--demo", "--serve=10001"],
        &["compare", "--demo", "--serve"],
    ] {
        assert_eq!(sandbox.run(args).exits(2).stdout, "", "{args:?}");
    }
}

/// Runs the binary as a user without any other process, who may have so many threads. Only root can.
#[cfg(target_os = "linux")]
fn with_threads(sandbox: &Sandbox, most: u32, args: &[&str]) -> Running {
    let user = (100_000 + std::process::id()).to_string();
    let script = format!("ulimit -u {most}; exec ./fetchpdf \"$@\"");
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid", &user, "--regid", &user, "--clear-groups"])
        .args(["bash", "-c", &script, "bash"])
        .args(args)
        .env("HOME", sandbox.path(""))
        .current_dir(sandbox.path(""));
    Running::start(command)
}

#[test]
#[cfg(target_os = "linux")]
fn with_few_threads_a_run_does_less_at_once_or_nothing() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let sandbox = Sandbox::new();
    let folder = sandbox.path("");
    let is_root = fs::metadata(&folder).is_ok_and(|found| found.uid() == 0);
    let has_setpriv = Command::new("setpriv").arg("-V").output();
    if !is_root || has_setpriv.is_err() {
        return;
    }
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).expect("it is ours");
    fs::copy(env!("CARGO_BIN_EXE_fetchpdf"), sandbox.path("fetchpdf")).expect("a copy");
    let server = Server::of_pdfs();
    // a name has to be looked up, which takes a thread
    let links = links(&server, 12).replace("127.0.0.1", "localhost");
    sandbox.write("links.txt", links);
    for_each_mode(|mode| {
        let exec: &[&str] = &["--exec", "true"];
        for (most, more) in [
            (1, &[][..]),
            (4, &[]),
            (7, &[]),
            (9, exec),
            (10, &[]),
            (12, exec),
            (40, &[]),
        ] {
            let output = format!("{mode}-{most}");
            let requests = server.requests().len();
            let args = [&["links.txt", "-o", &output, "-m", mode], more].concat();
            let run = with_threads(&sandbox, most, &args).end();
            let requests = server.requests().len() - requests;
            if run.code == Some(2) {
                assert!(run.stderr.contains("cannot start"), "{run:?}");
                assert!(run.stderr.contains("allows no more threads"), "{run:?}");
                assert_eq!((requests, most < 12), (0, true), "{run:?}");
            } else {
                // commands need processes, for which the threads of links leave room
                let is_lowered = run.stderr.contains("`--jobs` is lowered to");
                let has_threads = matches!(mode, "threads" | "pool");
                assert_eq!(is_lowered, has_threads && most < 40, "{run:?}");
                assert_eq!(run.exits(0).count("downloaded"), 12);
            }
        }
        let run = with_threads(&sandbox, 1, &["--demo"]).end().exits(2);
        assert!(run.stderr.contains("cannot start"), "{run:?}");
    });
}
