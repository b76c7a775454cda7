//! Terminal output, logs, and hidden secrets.

use std::process::Stdio;

use crate::harness::{Running, Sandbox, for_each_mode, list};
use crate::server::{Server, ok, pdf, respond, send};

fn mixed_server() -> Server {
    Server::start(|request, stream| match request.path.as_str() {
        "/gone.pdf" => respond(stream, "404 Not Found", b""),
        path if path.starts_with("/page") => ok(stream, b"<html>"),
        path => ok(stream, &pdf(path)),
    })
}

fn mixed_list(server: &Server) -> String {
    list(["/a.pdf", "/b.pdf", "/gone.pdf", "/page", "/a.pdf"].map(|path| server.url(path)))
        + "nonsense\n"
}

#[test]
fn the_summary_accounts_for_every_line() {
    let server = mixed_server();
    for_each_mode(|mode| {
        let sandbox = Sandbox::new();
        let run = sandbox.fetch(mode, mixed_list(&server), &[]).exits(1);
        insta::with_settings!({
            filters => vec![
                (r"mode        \w+(, \d+ at once)?", "mode        [mode]"),
                (r"[\d.]+ KiB/s", "[rate]"), (r"[\d.]+ MiB/s", "[rate]"),
                (r"[\d.]+ s\n", "[time]\n"),
            ],
        }, {
            insta::allow_duplicates! { insta::assert_snapshot!(run.stdout.replace(&server.url(""), "http://HOST"), @"
            1 bad_link
              hint: fix these links
            1 http_status 404
              hint: these links are dead: `--error-file` writes them to a list
            1 no_pdf_link
              hint: `fetchpdf landing URL` shows what a page has; `--landing all` also follows links that only look like the PDF

            mode        [mode]
            downloaded  2
            present     0
            duplicate   1
            failed      3: 1 bad_link, 1 http_status, 1 no_pdf_link
            size        9.82 KiB, [rate]
            files in    out
            elapsed     [time]
            next        another run would fail in the same way; `--error-file FILE` writes the failed links to a list
            "); }
        });
    });
}

#[test]
fn failures_are_printed_to_stderr_one_per_line() {
    let server = mixed_server();
    for_each_mode(|mode| {
        let run = Sandbox::new()
            .fetch(mode, mixed_list(&server), &[])
            .exits(1);
        let mut lines: Vec<_> = run
            .stderr
            .lines()
            .map(|line| line.replace(&server.url(""), "http://HOST"))
            .collect();
        lines.sort();
        insta::allow_duplicates! {
            insta::assert_snapshot!(lines.join("\n"), @"
            links.txt:3: http://HOST/gone.pdf: http_status: 404 Not Found
            links.txt:4: http://HOST/page: no_pdf_link: a page without a link to its PDF
            links.txt:6: nonsense: bad_link: not a URL: a link begins with `http://` or `https://`
            ");
        }
    });
}

#[test]
fn no_control_characters_without_a_terminal() {
    let server = mixed_server();
    for_each_mode(|mode| {
        for style in ["auto", "plain", "none"] {
            let run = Sandbox::new()
                .fetch(mode, mixed_list(&server), &["-v", "--progress", style])
                .exits(1);
            let odd = |c: char| c.is_control() && c != '\n';
            assert!(
                !run.stdout.contains(odd) && !run.stderr.contains(odd),
                "{run:?}"
            );
        }
    });
}

#[test]
fn bars_are_drawn_on_request() {
    let server = mixed_server();
    for_each_mode(|mode| {
        let run = Sandbox::new()
            .fetch(mode, mixed_list(&server), &["--progress", "bar"])
            .exits(1);
        assert!(!run.stdout.contains('\x1b'), "{run:?}");
        assert!(run.stderr.contains("http_status: 404 Not Found"), "{run:?}");
    });
}

#[test]
fn quiet_prints_only_failures() {
    let server = mixed_server();
    for_each_mode(|mode| {
        let run = Sandbox::new()
            .fetch(mode, mixed_list(&server), &["-q"])
            .exits(1);
        assert_eq!(
            (run.stdout.as_str(), run.stderr.lines().count()),
            ("", 3),
            "{run:?}"
        );
        let run = Sandbox::new()
            .fetch(mode, server.url("/a.pdf"), &["-q"])
            .exits(0);
        assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("", ""));
    });
}

#[test]
fn verbose_prints_saved_files() {
    let server = mixed_server();
    for_each_mode(|mode| {
        let run = Sandbox::new()
            .fetch(mode, mixed_list(&server), &["-v"])
            .exits(1);
        assert!(
            run.stderr.contains("/a.pdf: downloaded: a.pdf\n"),
            "{run:?}"
        );
        assert!(run.stderr.contains("/a.pdf: duplicate\n"), "{run:?}");
    });
}

#[test]
fn closed_stdout_is_not_a_failure() {
    let server = mixed_server();
    for_each_mode(|mode| {
        let sandbox = Sandbox::new();
        let mut command = sandbox.command(&[&server.url("/a.pdf"), "-o", "out", "-m", mode]);
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut child = command
            .stdout(writer)
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary starts");
        assert_eq!(child.wait().expect("it ends").code(), Some(0));
        assert_eq!(sandbox.names(), ["a.pdf"]);
    });
}

#[test]
fn credentials_go_to_their_host_and_are_never_printed() {
    for_each_mode(|mode| {
        let other = Server::of_pdfs();
        let elsewhere = other.url("/b.pdf");
        let server = Server::start(move |request, stream| match request.path.as_str() {
            "/a.pdf" => respond(stream, &format!("302 Found\r\nLocation: {elsewhere}"), b""),
            _ => respond(stream, "404 Not Found", b""),
        });
        let sandbox = Sandbox::new();
        let with_password = |path| server.url(path).replace("http://", "http://jane:hunter2@");
        sandbox.write(
            "links.txt",
            list(["/a.pdf", "/gone.pdf"].map(with_password)),
        );
        let run = Running::start(sandbox.command(&["links.txt", "-v", "-o", "out", "-m", mode]))
            .end()
            .exits(1);
        assert_eq!(
            server.requests()[0].header("authorization"),
            Some("Basic amFuZTpodW50ZXIy")
        );
        assert_eq!(other.requests()[0].header("authorization"), None);
        let journal = std::fs::read_to_string(sandbox.path("out/.fetchpdf/journal.jsonl"))
            .expect("a journal");
        for text in [&run.stdout, &run.stderr, &journal] {
            assert!(
                !text.contains("hunter2") && !text.contains("jane"),
                "{text}"
            );
        }
    });
}

#[test]
#[cfg(target_os = "linux")]
fn secrets_are_hidden_from_ps_before_the_first_request() {
    use std::sync::{Arc, Barrier};
    for_each_mode(|mode| {
        let halves = Arc::new(Barrier::new(2));
        let waiting = Arc::clone(&halves);
        let server = Server::start(move |request, stream| {
            waiting.wait();
            waiting.wait();
            ok(stream, &pdf(&request.path));
        });
        let link = server
            .url("/x.pdf")
            .replace("http://", "http://me:pass-in-link@");
        let sandbox = Sandbox::new();
        let args = [
            &link,
            "-m",
            mode,
            "-qHX-Token: in-header",
            "-ufirst-user:x",
            "--user=you:pass-in-user",
            "--exec",
            "sh -c env {}",
            "-e",
            "http://a.invalid/?token=in-referer",
            "--noproxy=*",
            "--proxy",
            "http://u:in-proxy@a.invalid",
        ];
        let mut command = sandbox.command(&args);
        // of somebody else: it must not look as if the secrets were hidden already
        command.env("FETCHPDF_ARGUMENT_9", "x");
        command.env("FETCHPDF_ARGUMENTS", "1:0");
        let running = Running::start(command);
        halves.wait();
        let seen = running.command_line() + &running.environment();
        let files = running.open_files();
        halves.wait();
        let run = running.end().exits(0);
        assert!(!format!("{files:?}").contains("memfd"), "{files:?}");
        assert!(!run.stderr.contains("FETCHPDF_ARGUMENTS="), "{run:?}");
        for secret in [
            "pass-in-link",
            "in-header",
            "pass-in-user",
            "first-user",
            "in-referer",
            "in-proxy",
        ] {
            assert!(!seen.contains(secret), "{seen}");
            assert!(!format!("{run:?}").contains(secret), "{run:?}");
        }
        assert!(seen.contains(mode), "{seen}");
        let asked = &server.requests()[0];
        assert_eq!(asked.header("x-token"), Some("in-header"));
        assert_eq!(
            asked.header("authorization"),
            Some("Basic bWU6cGFzcy1pbi1saW5r")
        );
    });
}

/// Somebody else can say anything in a variable, even that the arguments are in a pipe that never ends.
#[test]
#[cfg(target_os = "linux")]
fn foreign_variables_do_not_change_arguments() {
    let server = Server::of_pdfs();
    let link = server.url("/x.pdf");
    let program = env!("CARGO_BIN_EXE_fetchpdf");
    for place in [
        "$$:6", "$$:9", "$$:8", "$$:7", "$$:0", "$$:x", "$$:-1", "9", "", "1:9",
    ] {
        let sandbox = Sandbox::new();
        sandbox.write("forged", "fetchpdf arguments of 1\nfetchpdf\0--version");
        let mut command = sandbox.command(&[]);
        let mut shell = std::process::Command::new("sh");
        shell
            .current_dir(sandbox.path(""))
            .stdin(std::process::Stdio::null());
        shell.envs(
            command
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
        let script = format!(
            "mkfifo pipe; exec 8<>pipe 9<forged; printf 'fetchpdf arguments of %s\\nfetchpdf' $$ >f; exec 6<f; rm f; FETCHPDF_ARGUMENTS={place} exec {program} -u u:p {link}"
        );
        shell.args(["-c", &script]);
        command = shell;
        let run = Running::start(command).end().exits(0);
        assert_eq!(run.count("downloaded"), 1, "{place}");
        let requests = server.requests();
        let sent = requests.last().expect("a request").header("authorization");
        assert_eq!(sent, Some("Basic dTpw"), "{place}");
    }
}

#[test]
fn unusual_secrets_work() {
    let server = Server::of_pdfs();
    for secret in ["***", "*", "f", "x.pdf"] {
        let run = Sandbox::new().run(&["-u", secret, &server.url("/x.pdf")]);
        assert_eq!(run.exits(0).count("downloaded"), 1);
    }
}

#[test]
fn errors_do_not_show_secrets() {
    for args in [
        ["-x", "http://u:s3cr3t@h:99999"],
        ["-x", "ftp://u:s3cr3t@h"],
        ["-b", "session=s3cr3t"],
        ["-H", "s3cr3t"],
    ] {
        let run = Sandbox::new().run(&[args[0], args[1], "http://a.invalid/"]);
        let run = run.exits(2);
        assert!(
            run.stderr.starts_with("error: ") && !run.stderr.contains("s3cr3t"),
            "{run:?}"
        );
    }
    let list = "u:s3cr3t@h/x.pdf\nhttps:u:s3cr3t@/x\nhttp://u:s3c@s3cr3t@h:zz/x.pdf\n";
    let sandbox = Sandbox::new();
    let run = sandbox.fetch("async", list, &["--json", "--error-file", "e.txt"]);
    let errors = std::fs::read_to_string(sandbox.path("e.txt")).expect("a file");
    assert!(!format!("{run:?}{errors}").contains("s3cr3t"), "{run:?}");
}

#[test]
fn log_file_receives_events_instead_of_stderr() {
    let server = mixed_server();
    for_each_mode(|mode| {
        let sandbox = Sandbox::new();
        let run = sandbox
            .fetch(mode, mixed_list(&server), &["--log", "run.log"])
            .exits(1);
        assert_eq!(run.stderr.lines().count(), 3, "{run:?}");
        let log = || std::fs::read_to_string(sandbox.path("run.log")).expect("a log");
        let saved = format!(
            "  INFO links.txt:1: {}: downloaded: a.pdf\n",
            server.url("/a.pdf")
        );
        let failed = format!(
            "  WARN links.txt:3: {}: http_status: 404 Not Found\n",
            server.url("/gone.pdf")
        );
        assert!(
            log().contains(&saved) && log().contains(&failed),
            "{}",
            log()
        );
        assert!(!log().contains("GET"), "{}", log());

        let run = sandbox
            .fetch(mode, server.url("/c.pdf"), &["-vv", "--log", "run.log"])
            .exits(0);
        assert_eq!(run.stderr, "");
        let asked = format!(" DEBUG > GET {}", server.url("/c.pdf"));
        // appended to what was there
        assert!(
            log().contains(&asked) && log().contains(&saved),
            "{}",
            log()
        );

        let run = sandbox.fetch(mode, server.url("/d.pdf"), &["-vv"]).exits(0);
        let answer = format!("< HTTP/1.1 200 OK {}", server.url("/d.pdf"));
        assert!(run.stderr.contains(&answer), "{run:?}");
        let run = sandbox.fetch(mode, server.url("/e.pdf"), &["--log", "no/run.log"]);
        assert!(
            run.exits(2)
                .stderr
                .contains("cannot write the log `no/run.log`")
        );
    });
}

#[test]
fn colors_follow_the_terminal_and_the_option() {
    let server = mixed_server();
    for_each_mode(|mode| {
        let colored = |args: &[&str]| {
            let run = Sandbox::new()
                .fetch(mode, mixed_list(&server), args)
                .exits(1);
            (run.stdout.contains("\x1b["), run.stderr.contains("\x1b["))
        };
        assert_eq!(colored(&["-v"]), (false, false));
        assert_eq!(colored(&["-v", "--color", "always"]), (true, true));
        assert_eq!(colored(&["-v", "--color", "never"]), (false, false));
    });
}

#[test]
#[cfg(unix)]
fn sigusr1_prints_progress() {
    use std::sync::Arc;
    use std::sync::Barrier;
    for_each_mode(|mode| {
        let halves = Arc::new(Barrier::new(2));
        let waiting = Arc::clone(&halves);
        let server = Server::start(move |request, stream| {
            let body = pdf(&request.path);
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
            send(stream, head.as_bytes());
            send(stream, &body[..2000]);
            waiting.wait();
            waiting.wait();
            send(stream, &body[2000..]);
        });
        let sandbox = Sandbox::new();
        let link = server.url("/half.pdf");
        let mut command = sandbox.command(&[&link, "-m", mode, "-q"]);
        command.env("LC_ALL", "C");
        let mut run = Running::start(command);
        halves.wait();
        run.signal("USR1");
        // in characters of the locale
        run.until_it_says("/s | 0:");
        run.until_it_says("half.pdf");
        halves.wait();
        run.end().exits(0);
    });
}

#[test]
fn failures_are_grouped_with_hints() {
    let server = mixed_server();
    for_each_mode(|mode| {
        let mut links = mixed_list(&server);
        for number in 1..=5 {
            links += &list([server.url(&format!("/page{number}"))]);
        }
        let run = Sandbox::new()
            .fetch(mode, links, &["--no-block-detection"])
            .exits(1);
        // they are told as they happen, and not twice
        let pages = "6 no_pdf_link\n  hint: `fetchpdf landing";
        assert!(run.stdout.starts_with(pages), "{run:?}");
        assert!(run.stdout.contains("\n1 http_status 404\n  hint: "));
        let pages = run.stderr.matches(": a page without a link to its PDF\n");
        assert_eq!(pages.count(), 6, "{run:?}");
        assert!(!run.stdout.contains("links.txt:"), "{run:?}");
    });
}

#[test]
fn messages_have_no_secrets_and_no_control_characters() {
    for_each_mode(|mode| {
        let server = Server::start(|request, stream| match request.path.as_str() {
            path if path.starts_with("/gone") => respond(stream, "404 Not Found", b""),
            path if path.starts_with("/busy") && request.earlier == 0 => {
                respond(stream, "503 Service Unavailable", b"");
            }
            path => ok(stream, &pdf(path)),
        });
        let sandbox = Sandbox::new();
        let list = if cfg!(unix) {
            "li\x1b[31m\nst.txt"
        } else {
            "list.txt"
        };
        let links = ["/gone.pdf", "/busy.pdf", "/a.pdf"].map(|path| {
            let long = "x".repeat(3000);
            server.url(&format!("{path}?X-Amz-Signature=s3cr3t&id={long}"))
        });
        sandbox.write(list, links.join("\n") + "\n\x1b[2J\n");
        let args = [
            list,
            "-o",
            "out",
            "-m",
            mode,
            "-v",
            "--retry-delay",
            "0",
            "--error-file",
            "failed.txt",
        ];
        let run = sandbox.run(&args).exits(1);
        let said = format!("{}{}", run.stdout, run.stderr);
        assert!(said.contains("X-Amz-Signature=***"), "{said}");
        assert!(!said.contains("s3cr3t") && !said.contains('\x1b'), "{said}");
        assert!(said.lines().all(|line| line.len() < 2000), "{said}");
        let failed = std::fs::read_to_string(sandbox.path("failed.txt")).expect("a list");
        assert!(failed.contains("s3cr3t"), "a list keeps the whole link");
        assert!(
            failed.lines().all(|line| line.starts_with(['#', 'h'])),
            "{failed}"
        );

        let logged = [&args[..], &["--log", "run.log", "--overwrite"]].concat();
        sandbox.run(&logged).exits(1);
        let log = std::fs::read_to_string(sandbox.path("run.log")).expect("a log");
        assert!(
            log.contains("X-Amz-Signature=***") && !log.contains("s3cr3t"),
            "{log}"
        );
        assert!(!log.contains('\x1b'), "{log}");
    });
}
