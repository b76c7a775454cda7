//! Ctrl-C and other ways to end a run early.
#![cfg(unix)]

use std::io::Write;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::Duration;
#[cfg(target_os = "linux")]
use std::{
    io,
    net::{Ipv4Addr, TcpListener, TcpStream},
};

use flate2::Compression;
use flate2::write::GzEncoder;

#[cfg(target_os = "linux")]
use crate::harness::wrapped;
use crate::harness::{Running, Sandbox, for_each_mode, list, until};
use crate::server::{Server, ok, pdf, pdf_of, send};
#[cfg(target_os = "linux")]
use crate::tls_server::{Rules, TlsServer};

/// A server whose `/slow` never comes to its end until it is told to, and that says when its bytes are under way.
fn slow_server() -> (Server, mpsc::Receiver<()>, Arc<AtomicBool>) {
    let (started, starts) = mpsc::channel();
    let (started, fast) = (Mutex::new(started), Arc::new(AtomicBool::new(false)));
    let hurry = Arc::clone(&fast);
    let server = Server::start(move |request, stream| {
        let body = pdf_of(&request.path, 3_000_000);
        if request.path != "/slow.pdf" {
            ok(stream, &pdf(&request.path));
        } else if hurry.load(SeqCst) {
            let from: usize = request.header("range").map_or(0, |range| {
                range
                    .trim_start_matches("bytes=")
                    .trim_end_matches('-')
                    .parse()
                    .expect("a number")
            });
            let range = format!(
                "Content-Range: bytes {from}-{}/{}",
                body.len() - 1,
                body.len()
            );
            let status = if from > 0 {
                "206 Partial Content"
            } else {
                "200 OK"
            };
            crate::server::respond(
                stream,
                &format!("{status}\r\nETag: \"v1\"\r\n{range}"),
                &body[from..],
            );
        } else {
            send(
                stream,
                format!(
                    "HTTP/1.1 200 OK\r\nETag: \"v1\"\r\nContent-Length: {}\r\n\r\n",
                    body.len()
                ),
            );
            send(stream, &body[..2_000_000]);
            let _ = started.lock().expect("no panic").send(());
        }
    });
    (server, starts, fast)
}

#[test]
fn ctrl_c_ends_the_run_and_the_next_run_resumes() {
    for_each_mode(|mode| {
        let (server, starts, fast) = slow_server();
        let sandbox = Sandbox::new();
        let links = list(
            ["/a.pdf", "/slow.pdf"]
                .map(|path| server.url(path))
                .into_iter()
                .chain(
                    // more than are under way at once
                    (0..50).map(|n| server.url(&format!("/slow.pdf?{n}"))),
                ),
        );
        sandbox.write("links.txt", links);
        let args = ["links.txt", "-o", "out", "-m", mode, "-j", "1"];
        let running = Running::start(sandbox.command(&args));
        starts
            .recv_timeout(Duration::from_mins(1))
            .expect("the transfer has begun");
        until(|| !sandbox.parts().is_empty());
        running.signal("INT");
        let run = running.wait().exits(130);
        assert_eq!(
            (run.count("downloaded"), run.count("not tried")),
            (1, 50),
            "{run:?}"
        );
        let unfinished = (run.count("interrupted"), run.count("failed"));
        assert_eq!(unfinished, (1, 0), "{run:?}");
        let next = "next        run the same command again to continue\n";
        assert!(run.stdout.ends_with(next), "{run:?}");
        assert_eq!(sandbox.names(), ["a.pdf"]);
        assert_eq!(sandbox.parts().len(), 1, "what has come is kept");
        assert_eq!(
            sandbox.journal().last().expect("a record")["status"],
            "interrupted"
        );

        fast.store(true, SeqCst);
        let run = sandbox.run(&args).exits(0);
        assert_eq!((run.count("downloaded"), run.count("present")), (51, 1));
        assert_eq!(sandbox.files()["slow.pdf"], pdf_of("/slow.pdf", 3_000_000));
    });
}

#[test]
fn interrupt_does_not_wait_for_pipes_or_retries() {
    for_each_mode(|mode| {
        let (asked, answers) = mpsc::channel();
        let asked = Mutex::new(asked);
        let server = Server::start(move |_, stream| {
            crate::server::respond(stream, "503 Service Unavailable", b"");
            let _ = asked.lock().expect("no panic").send(());
        });
        let sandbox = Sandbox::new();
        let mut command = sandbox.command(&["-", "-o", "out", "-m", mode, "--retry-delay", "1h"]);
        command.stdin(Stdio::piped());
        let mut running = Running::start(command);
        running.type_in(&format!("{}\n", server.url("/x.pdf")));
        answers
            .recv_timeout(Duration::from_mins(1))
            .expect("it has been asked");
        running.signal("TERM");
        let run = running.wait().exits(143);
        assert!(
            run.stdout.contains("not tried   the rest of the list"),
            "{run:?}"
        );
    });
}

#[test]
fn interrupt_works_before_the_first_request() {
    for_each_mode(|mode| {
        let server = Server::of_pdfs();
        let sandbox = Sandbox::new();
        sandbox.fetch(mode, server.url("/a.pdf"), &[]).exits(0);
        let mut command = sandbox.command(&["-", "-o", "out", "-m", mode, "-v"]);
        command.stdin(Stdio::piped());
        let mut running = Running::start(command);
        running.type_in(&format!("{}\n", server.url("/a.pdf")));
        // it says that the link is present, and waits for the next one
        running.until_it_says("present");
        running.signal("INT");
        assert_eq!(running.wait().exits(130).count("present"), 1);
    });
}

#[test]
fn rows_without_links_do_not_hold_up_the_end() {
    let server = Server::of_pdfs();
    let sandbox = Sandbox::new();
    let member = |text: String| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(text.as_bytes()).expect("memory");
        encoder.finish().expect("memory")
    };
    let links = ["/a.pdf", "/b.pdf"].map(|path| server.url(path) + ",x\n");
    // many gigabytes of rows
    let rows = member(",x\n".repeat(500_000)).repeat(8000);
    let table = [member(format!("url,x\n{}", links.concat())), rows].concat();
    sandbox.write("links.csv.gz", table);
    for_each_mode(|mode| {
        let rest = "not tried   the rest of the list";
        let args = ["links.csv.gz", "-o", mode, "-m", mode];
        let limited = [&args[..], &["--max-downloads", "2"]].concat();
        let run = sandbox.run(&limited).exits(1);
        assert_eq!(run.count("downloaded"), 2);
        assert!(run.stdout.contains(rest), "{run:?}");

        let verbose = [&args[..], &["-v", "--progress", "none"]].concat();
        let mut running = Running::start(sandbox.command(&verbose));
        running.until_it_says("present");
        running.signal("INT");
        assert!(running.wait().exits(130).stdout.contains(rest));
    });
}

#[test]
fn status_signal_without_a_run_is_harmless() {
    let sandbox = Sandbox::new();
    let mut command = sandbox.command(&["-", "--dry-run"]);
    command.stdin(Stdio::piped());
    let mut running = Running::start(command);
    // after a link, it is a list, and what is none in it is said at once
    running.type_in("http://a.example/x.pdf\nnonsense\n");
    running.until_it_says("nonsense");
    running.signal("USR1");
    running.until_it_says("no links are being fetched");
    let run = running.end().exits(1);
    assert!(run.stdout.contains("http://a.example/x.pdf"), "{run:?}");
}

/// What a process waits for when it is stopped, and what arrives then.
#[cfg(target_os = "linux")]
#[derive(Debug, Clone, Copy)]
enum Wait {
    Connection,
    Head,
    Body,
}

#[cfg(target_os = "linux")]
#[test]
fn timeouts_stand_still_while_the_process_does() {
    std::thread::scope(|scope| {
        for mode in crate::harness::MODES {
            for wait in [Wait::Connection, Wait::Head, Wait::Body] {
                scope.spawn(move || stop_while(wait, mode));
            }
        }
    });
}

#[cfg(target_os = "linux")]
fn stop_while(wait: Wait, mode: &str) {
    let [waits, stopped] = [(); 2].map(|()| Arc::new(AtomicBool::new(false)));
    let (is_waiting, is_stopped) = (Arc::clone(&waits), Arc::clone(&stopped));
    let pause = move || {
        is_waiting.store(true, SeqCst);
        until(|| is_stopped.load(SeqCst));
    };
    let sandbox = Sandbox::new();
    let (_tls, _http, url);
    if let Wait::Connection = wait {
        let server = TlsServer::of_pdfs(&sandbox, Rules::default());
        url = delayed(&server, pause);
        _tls = server;
    } else {
        let server = Server::start(move |_, stream| {
            let body = pdf_of("x", 100_000);
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
            let answer = [head.as_bytes(), &body].concat();
            let first = if let Wait::Body = wait { 5000 } else { 0 };
            send(stream, &answer[..first]);
            pause();
            send(stream, &answer[first..]);
        });
        url = server.url("/x.pdf");
        _http = server;
    }
    let ca: &[&str] = if url.starts_with("https") {
        &["--cacert", "ca.pem"]
    } else {
        &[]
    };
    let args = [
        &url,
        "-o",
        "out",
        "-m",
        mode,
        "--retry",
        "0",
        "--min-speed",
        "50k",
    ];
    let limits = [
        "--connect-timeout",
        "1s",
        "--first-byte-timeout",
        "1s",
        "--stall-timeout",
        "1s",
    ];
    let running = Running::start(sandbox.command(&[&args[..], &limits, ca].concat()));
    until(|| waits.load(SeqCst));
    running.signal("STOP");
    until(|| running.is_stopped());
    stopped.store(true, SeqCst);
    // the timeouts have to pass
    std::thread::sleep(Duration::from_millis(1200));
    running.signal("CONT");
    let run = running.end();
    assert_eq!(run.code, Some(0), "{mode}, {wait:?}: {run:?}");
}

/// A URL of the `server` whose first connection is accepted, and gets its answers after a `pause`.
#[cfg(target_os = "linux")]
fn delayed(server: &TlsServer, pause: impl FnOnce() + Send + 'static) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let port = listener.local_addr().expect("it is bound").port();
    let url = url::Url::parse(&server.url("/x.pdf")).expect("a URL");
    let target = (Ipv4Addr::LOCALHOST, url.port().expect("a port"));
    let mut pause = Some(pause);
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            if let Some(pause) = pause.take() {
                pause();
            }
            let server = TcpStream::connect(target).expect("it listens");
            let clone = |stream: &TcpStream| stream.try_clone().expect("a connection");
            let ways = [(clone(&client), clone(&server)), (server, client)];
            for (mut from, mut to) in ways {
                std::thread::spawn(move || io::copy(&mut from, &mut to));
            }
        }
    });
    format!("https://localhost:{port}/x.pdf")
}

/// As in a container whose shell is outside of it, sessions and groups of processes have no number.
#[cfg(target_os = "linux")]
#[test]
fn it_runs_where_its_session_is_outside_of_the_container() {
    use std::process::Command;

    // the process has a parent inside: a shell, which does not become it
    let shell = ["--", "sh", "-c", "\"$0\" \"$@\"; exit $?"];
    let enter = [
        &["--user", "--map-current-user", "--pid", "--fork"],
        &shell[..],
    ]
    .concat();
    let probe = Command::new("unshare").args(&enter).arg("true").output();
    if !probe.is_ok_and(|output| output.status.success()) {
        let _ = writeln!(io::stderr(), "skipped: no namespaces of processes");
        return;
    }
    for_each_mode(|mode| {
        let server = Server::of_pdfs();
        let sandbox = Sandbox::new();
        let inside = sandbox.command(&["-", "-o", "out", "-m", mode]);
        let mut command = wrapped("unshare", &enter, &inside);
        command.stdin(Stdio::piped());
        let mut running = Running::start(command);
        running.type_in(&server.url("/a.pdf"));
        assert_eq!(running.end().exits(0).count("downloaded"), 1);
    });
}
