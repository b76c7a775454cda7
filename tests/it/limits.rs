//! Limits on sizes and times, and untrusted servers.

use std::io::Write;
use std::sync::Arc;

use crate::harness::{Sandbox, for_each_mode, is_empty, list};
use crate::server::{Server, close, ok, pdf, pdf_of, respond, send};

#[test]
fn announced_size_above_the_limit_fails() {
    for_each_mode(|mode| {
        let server = Server::start(|_, stream| ok(stream, &pdf_of("x", 70_000)));
        let sandbox = Sandbox::new();
        let run = sandbox.fetch(mode, server.url("/x.pdf"), &["--max-filesize", "64k"]);
        run.fails_with("too_large: 70028 bytes, more than 65536 bytes (`--max-filesize`)");
        assert!(sandbox.names().is_empty() && is_empty(&sandbox.path("out/.fetchpdf/parts")));
        sandbox
            .fetch(mode, server.url("/x.pdf"), &["--max-filesize", "70k"])
            .exits(0);
    });
}

#[test]
fn zero_is_no_limit() {
    for_each_mode(|mode| {
        let server = Server::start(|_, stream| ok(stream, &pdf_of("x", 70_000)));
        for option in [
            "--max-filesize",
            "--limit-rate",
            "--max-time",
            "--max-total-time",
            "--quota",
        ] {
            let args = [option, "0"];
            Sandbox::new()
                .fetch(mode, server.url("/x.pdf"), &args)
                .exits(0);
        }
    });
}

#[test]
fn endless_body_fails() {
    for_each_mode(|mode| {
        let server = Server::start(|_, stream| {
            send(
                stream,
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n%PDF-1.7\n\r\n",
            );
            let chunk = [b"1000\r\n", &[b'x'; 4096][..], b"\r\n"].concat();
            // as long as somebody takes it
            while std::io::Write::write_all(stream, &chunk).is_ok() {}
        });
        let sandbox = Sandbox::new();
        let run = sandbox.fetch(mode, server.url("/x.pdf"), &["--max-filesize", "2M"]);
        run.fails_with("too_large: more than 2097152 bytes");
        assert!(sandbox.names().is_empty() && is_empty(&sandbox.path("out/.fetchpdf/parts")));
    });
}

#[test]
fn transfer_below_min_speed_fails() {
    for_each_mode(|mode| {
        let server = Server::start(|_, stream| {
            send(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\n%PDF-1.7\n",
            );
            // each byte comes well within the stall timeout
            while std::io::Write::write_all(stream, b"x").is_ok() {
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
        });
        let args = [
            "--min-speed",
            "100k",
            "--stall-timeout",
            "300ms",
            "--retry",
            "0",
        ];
        let run = Sandbox::new().fetch(mode, server.url("/x.pdf"), &args);
        run.fails_with("timeout: below the minimum speed for 0.3 s");
    });
}

#[test]
fn dripping_hosts_do_not_hold_all_places() {
    for_each_mode(|mode| {
        let good = Arc::new(Server::of_pdfs());
        let dripping = || {
            let others = Arc::clone(&good);
            Server::start(move |_, stream| {
                send(
                    stream,
                    "HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n%PDF-1.7\n",
                );
                // as long as the others have to wait
                while others.requests().len() < 9 && stream.write_all(b"x").is_ok() {
                    std::thread::sleep(std::time::Duration::from_millis(40));
                }
                close(stream);
            })
        };
        let drips = [dripping(), dripping()];
        let drips = drips.iter().map(|host| host.url("/drip.pdf"));
        let links = list(drips.chain((0..9).map(|n| good.url(&format!("/{n}.pdf")))));
        let args = ["-j", "2", "--stall-timeout", "200ms", "--retry", "0"];
        let run = Sandbox::new().fetch(mode, links, &args).exits(1);
        assert_eq!(
            (run.count("downloaded"), run.count("failed")),
            (9, 2),
            "{run:?}"
        );
        let told = "transfers below 100 bytes/s are given up while other links wait";
        assert_eq!(run.stderr.matches(told).count(), 1, "{run:?}");
        assert!(run.stderr.contains("timeout: only "), "{run:?}");
    });
}

#[test]
fn max_time_limits_the_whole_link() {
    for_each_mode(|mode| {
        let server = Server::start(|_, stream| respond(stream, "503 Service Unavailable", b""));
        let sandbox = Sandbox::new();
        sandbox.write("links.txt", server.url("/x.pdf"));
        let run = sandbox.run(&[
            "links.txt",
            "-o",
            "out",
            "-m",
            mode,
            "--retry-delay",
            "1h",
            "--max-time",
            "100ms",
        ]);
        run.fails_with("timeout: not finished within 0.1 s (`--max-time`)");
    });
}

#[test]
fn retry_max_wait_limits_retry_after() {
    for_each_mode(|mode| {
        let server =
            Server::start(|_, stream| respond(stream, "429 Slow down\r\nRetry-After: 2", b""));
        let run = Sandbox::new().fetch(mode, server.url("/x.pdf"), &["--retry-max-wait", "1s"]);
        run.fails_with("rate_limited: 429 Too Many Requests; the server asks to retry after 2 s");
        assert_eq!(server.requests().len(), 1);
    });
}

#[test]
fn connection_closed_on_reuse_is_replaced() {
    for_each_mode(|mode| {
        let server =
            Server::start(
                |request, stream| match (request.path.as_str(), request.earlier) {
                    ("/b.pdf", 0) => close(stream),
                    (path, _) => ok(stream, &pdf(path)),
                },
            );
        let sandbox = Sandbox::new();
        let links = format!("{}\n{}\n", server.url("/a.pdf"), server.url("/b.pdf"));
        // the connection has to be back with the client when the second link asks for one
        sandbox
            .fetch(mode, links, &["--retry", "0", "-j", "1", "--wait", "200ms"])
            .exits(0);
        assert_eq!((server.requests().len(), server.connections()), (3, 2));
        let record = sandbox.journal().pop().expect("a record");
        assert_eq!(
            (&record["file"], &record["attempts"]),
            (&"b.pdf".into(), &1.into())
        );
    });
}

#[test]
fn closed_idle_connection_is_replaced() {
    // with a pause it has been dead for a while, without one it may be used just as it dies
    for pause in ["200ms", "0s"] {
        for_each_mode(|mode| {
            let server = Server::start(|request, stream| {
                ok(stream, &pdf(&request.path));
                close(stream);
            });
            let sandbox = Sandbox::new();
            let links = list((0..3).map(|n| server.url(&format!("/{n}.pdf"))));
            sandbox
                .fetch(mode, links, &["--retry", "0", "-j", "1", "--wait", pause])
                .exits(0);
            for (name, content) in sandbox.files() {
                assert!(content == pdf(&format!("/{name}")), "{mode}: {name}");
            }
            let journal = sandbox.journal();
            assert_eq!(journal.len(), 3, "{mode}");
            for record in journal {
                assert_eq!(record["attempts"], 1, "{mode}: {record}");
            }
        });
    }
}

#[test]
fn closed_new_connection_fails() {
    for_each_mode(|mode| {
        let server = Server::start(|_, stream| close(stream));
        let run = Sandbox::new().fetch(mode, server.url("/x.pdf"), &["--retry", "0"]);
        run.fails_with("connect: the server closed the connection without a response");
        assert_eq!(server.requests().len(), 1);
    });
}

#[test]
fn deny_private_refuses_private_hosts() {
    for_each_mode(|mode| {
        let server = Server::of_pdfs();
        let port = server
            .url("")
            .rsplit(':')
            .next()
            .expect("a port")
            .to_owned();
        let hosts = [
            "127.0.0.1",
            "0x7f.2",
            "localhost",
            "[::ffff:127.0.0.1]",
            "10.0.0.1",
            "169.254.169.254",
            "[fd00::1]",
        ];
        let links = list(hosts.map(|host| format!("http://{host}:{port}/x.pdf")));
        let sandbox = Sandbox::new();
        let run = sandbox.fetch(mode, links, &["--deny-private"]).exits(1);
        assert_eq!(
            run.stderr.matches("is not on the public internet").count(),
            7,
            "{run:?}"
        );
        assert_eq!((server.connections(), sandbox.names().len()), (0, 0));
    });
}

#[test]
fn https_only_refuses_http() {
    for_each_mode(|mode| {
        let server = Server::of_pdfs();
        let run = Sandbox::new().fetch(mode, server.url("/x.pdf"), &["--https-only"]);
        run.fails_with("bad_link: only `https` links are fetched");
        assert_eq!(server.connections(), 0);
    });
}

#[cfg(unix)]
#[test]
fn file_size_ulimit_fails_only_its_link() {
    for_each_mode(|mode| {
        let server = Server::start(|request, stream| {
            let middle = if request.path == "/large.pdf" {
                3_000_000
            } else {
                5000
            };
            ok(stream, &pdf_of(&request.path, middle));
        });
        let sandbox = Sandbox::new();
        sandbox.write(
            "links.txt",
            format!("{}\n{}\n", server.url("/large.pdf"), server.url("/a.pdf")),
        );
        let mut command = std::process::Command::new("sh");
        let script = format!(
            "ulimit -f 500; exec '{}' links.txt -o out -m {mode}",
            env!("CARGO_BIN_EXE_fetchpdf")
        );
        command.args(["-c", &script]).current_dir(sandbox.path("."));
        let run = crate::harness::Running::start(command).end().exits(1);
        assert!(
            run.stderr
                .contains("disk: cannot write the file: larger than"),
            "{run:?}"
        );
        assert_eq!(sandbox.names(), ["a.pdf"]);
    });
}

#[cfg(unix)]
#[test]
fn full_journal_fails_its_links() {
    for_each_mode(|mode| {
        let server = Server::of_pdfs();
        let sandbox = Sandbox::new();
        let links = ["/a.pdf", "/b.pdf"].map(|path| server.url(path) + "\n");
        sandbox.write("links.txt", links.concat());
        // room for a part of a record
        let before = "x".repeat(500 * 512 - 50) + "\n";
        sandbox.write("out/.fetchpdf/journal.jsonl", before);
        let mut command = std::process::Command::new("sh");
        let script = format!(
            "ulimit -f 500; exec '{}' links.txt -o out -m {mode} --retry 0",
            env!("CARGO_BIN_EXE_fetchpdf")
        );
        command.args(["-c", &script]).current_dir(sandbox.path("."));
        let run = crate::harness::Running::start(command).end().exits(1);
        assert_eq!(
            run.stderr.matches("disk: cannot write").count(),
            2,
            "{run:?}"
        );
        assert!(sandbox.names().is_empty());
        for word in ["downloaded", "present"] {
            let run = sandbox.run(&["links.txt", "-o", "out", "-m", mode]);
            assert_eq!(run.exits(0).count(word), 2);
        }
    });
}

#[cfg(unix)]
#[test]
fn planted_symlinks_are_not_followed() {
    use std::os::unix::fs::symlink;
    let server = Server::start(|request, stream| ok(stream, &pdf_of(&request.path, 3_000_000)));
    for_each_mode(|mode| {
        let sandbox = Sandbox::new();
        let link = server.url("/a.pdf");
        sandbox.write("victim", "precious");
        sandbox.write("out/placeholder", "");
        symlink(sandbox.path("victim"), sandbox.path("out/a.pdf")).expect("a link");
        sandbox.fetch(mode, &link, &[]).exits(0);
        assert_eq!(
            std::fs::read(sandbox.path("victim")).expect("a file"),
            b"precious"
        );

        assert!(is_empty(&sandbox.path("out/.fetchpdf/parts")));
        for state in [".fetchpdf", ".fetchpdf/parts", ".fetchpdf/journal.jsonl"] {
            let sandbox = Sandbox::new();
            sandbox.write("elsewhere/file", "precious");
            sandbox.write("out/.fetchpdf/x", "");
            let at = sandbox.path("out").join(state);
            if state == ".fetchpdf" {
                std::fs::remove_dir_all(&at).expect("a folder");
            }
            let target = if state.ends_with("jsonl") {
                "elsewhere/file"
            } else {
                "elsewhere"
            };
            symlink(sandbox.path(target), &at).expect("a link");
            sandbox.fetch(mode, &link, &[]).exits(2);
            assert_eq!(
                std::fs::read(sandbox.path("elsewhere/file")).expect("a file"),
                b"precious"
            );
            assert_eq!(
                std::fs::read_dir(sandbox.path("elsewhere"))
                    .expect("a folder")
                    .count(),
                1
            );
        }
    });
}

#[cfg(unix)]
#[test]
fn linked_part_is_not_written_to() {
    type Plant = fn(&std::path::Path, &std::path::Path) -> std::io::Result<()>;
    let plants: [Plant; 2] = [
        |victim, part| std::fs::hard_link(victim, part),
        |victim, part| std::os::unix::fs::symlink(victim, part),
    ];
    for plant in plants {
        for_each_mode(|mode| {
            let server = Server::start(|request, stream| match request.earlier {
                0 => {
                    send(
                        stream,
                        "HTTP/1.1 200 OK\r\nETag: \"v\"\r\nContent-Length: 9000000\r\n\r\n%PDF-1.7\n",
                    );
                    close(stream);
                }
                _ => ok(stream, &pdf_of("x", 3_000_000)),
            });
            let sandbox = Sandbox::new();
            sandbox.write("victim", "precious");
            sandbox
                .fetch(mode, server.url("/x.pdf"), &["--retry", "0"])
                .exits(1);
            let part = sandbox.parts().pop().expect("a part");
            std::fs::remove_file(&part).expect("a file");
            plant(&sandbox.path("victim"), &part).expect("a link");
            sandbox.fetch(mode, server.url("/x.pdf"), &[]).exits(0);
            assert_eq!(
                std::fs::read(sandbox.path("victim")).expect("a file"),
                b"precious"
            );
            assert!(sandbox.files()["x.pdf"] == pdf_of("x", 3_000_000));
        });
    }
}
