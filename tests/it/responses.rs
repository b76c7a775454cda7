//! Responses: how each kind of response ends.

use std::net::{Ipv4Addr, TcpListener};

use crate::harness::{Run, Sandbox, for_each_mode};
use crate::server::{Nobody, Server, close, ok, pdf, pdf_of, respond, send};

/// Fetches one link, `/x.pdf`, and tells what is there then.
fn fetch_one(server: &Server, mode: &str, args: &[&str]) -> (Run, Vec<(String, Vec<u8>)>) {
    let sandbox = Sandbox::new();
    let run = sandbox.fetch(mode, server.url("/x.pdf"), args);
    (run, sandbox.files().into_iter().collect())
}

#[test]
fn one_request_with_default_headers() {
    for_each_mode(|mode| {
        let server = Server::of_pdfs();
        fetch_one(&server, mode, &[]).0.exits(0);
        let requests = server.requests();
        assert_eq!(requests.len(), 1);
        assert_eq!(requests[0].method, "GET");
        assert_eq!(
            requests[0].header("accept"),
            Some("application/pdf, */*;q=0.8")
        );
        assert_eq!(requests[0].header("accept-encoding"), Some("identity"));
        assert_eq!(
            requests[0].header("user-agent"),
            Some(concat!("fetchpdf/", env!("CARGO_PKG_VERSION")))
        );
        assert_eq!(requests[0].header("referer"), None);
        assert_eq!(requests[0].header("range"), None);
    });
}

#[test]
fn redirects_are_followed_and_keep_the_link_name() {
    for code in [301, 302, 303, 307, 308] {
        for_each_mode(|mode| {
            let server = Server::start(move |request, stream| match request.path.as_str() {
                "/x.pdf" => respond(
                    stream,
                    &format!("{code} Moved\r\nLocation: sub/./y?z=1#f"),
                    b"gone",
                ),
                "/sub/y?z=1" => ok(stream, &pdf("y")),
                _ => respond(stream, "404 Not Found", b""),
            });
            let (run, files) = fetch_one(&server, mode, &[]);
            run.exits(0);
            assert_eq!(files, [("x.pdf".to_owned(), pdf("y"))]);
        });
    }
}

#[test]
fn redirect_loops_and_long_chains_fail() {
    for_each_mode(|mode| {
        let server = Server::start(|request, stream| match request.path.as_str() {
            "/x.pdf" => respond(stream, "302 Found\r\nLocation: /y", b""),
            _ => respond(stream, "302 Found\r\nLocation: /x.pdf", b""),
        });
        fetch_one(&server, mode, &[])
            .0
            .fails_with("too_many_redirects: redirect loop");
        assert_eq!(server.requests().len(), 2);
        let server = Server::start(|request, stream| {
            respond(
                stream,
                &format!("302 Found\r\nLocation: {}x", request.path),
                b"",
            );
        });
        fetch_one(&server, mode, &[])
            .0
            .fails_with("too_many_redirects: more than 20 redirects (`--max-redirs`)");
        assert_eq!(server.requests().len(), 21);
    });
}

#[test]
fn invalid_redirects_fail() {
    for (head, message) in [
        (
            "302 Found",
            "http_status: redirect without a `Location` header",
        ),
        (
            "302 Found\r\nLocation: ",
            "http_status: redirect with an empty `Location` header",
        ),
        ("300 Multiple Choices", "http_status: 300 Multiple Choices"),
        (
            "302 Found\r\nLocation: http://[",
            "redirect to `http://[`, which is not a valid URL",
        ),
        (
            "302 Found\r\nLocation: file:///etc/passwd",
            "redirect to `file:///etc/passwd`, which is not fetched",
        ),
    ] {
        for_each_mode(|mode| {
            let server = Server::start(move |_, stream| respond(stream, head, b"%PDF-"));
            let (run, files) = fetch_one(&server, mode, &[]);
            run.fails_with(message);
            assert!(files.is_empty() && server.requests().len() == 1);
        });
    }
}

#[test]
fn cookies_are_kept_within_a_run() {
    for_each_mode(|mode| {
        let server = Server::start(|request, stream| {
            if request.header("cookie") == Some("pass=1") {
                ok(stream, &pdf("x"));
            } else {
                respond(
                    stream,
                    "302 Found\r\nSet-Cookie: pass=1\r\nLocation: /x.pdf",
                    b"",
                );
            }
        });
        fetch_one(&server, mode, &[]).0.exits(0);
    });
}

#[test]
fn cookies_stay_on_their_site() {
    for (from, to, domain, sent) in [
        ("idp.site.example", "pdf.site.example", "site.example", true),
        (
            "idp.site.example",
            "pdf.site.example",
            "idp.site.example",
            false,
        ),
        ("evil.github.io", "victim.github.io", "github.io", false),
        ("evil.co.uk", "victim.co.uk", "co.uk", false),
    ] {
        for_each_mode(|mode| {
            let proxy = Server::start(move |request, stream| {
                if request.path.starts_with(&format!("http://{to}/")) {
                    ok(stream, &pdf("x"));
                } else {
                    let head = format!(
                        "302 Found\r\nSet-Cookie: pass=1; Domain={domain}\r\nLocation: http://{to}/x.pdf"
                    );
                    respond(stream, &head, b"");
                }
            });
            let sandbox = Sandbox::new();
            let link = format!("http://{from}/x.pdf");
            let run = sandbox.fetch(mode, link, &["--proxy", &proxy.url("")]);
            run.exits(0);
            let requests = proxy.requests();
            let cookie = requests[1].header("cookie");
            assert_eq!(cookie, sent.then_some("pass=1"), "{from} {domain}");
        });
    }
}

#[test]
fn a_host_cannot_make_requests_too_large_with_cookies() {
    for_each_mode(|mode| {
        let server = Server::start(|request, stream| match &*request.path {
            "/x.pdf" => {
                let cookie = |n| format!("Set-Cookie: c{n}={}\r\n", "x".repeat(1000));
                let cookies: String = (0..80).map(cookie).collect();
                let head = format!("302 Found\r\n{cookies}Location: /y.pdf");
                respond(stream, &head, b"");
            }
            _ => ok(stream, &pdf("x")),
        });
        fetch_one(&server, mode, &[]).0.exits(0);
        let requests = server.requests();
        let cookies = requests[1].header("cookie").expect("some cookies");
        assert!((15_000..=16 * 1024).contains(&cookies.len()), "{cookies}");
    });
}

#[test]
fn only_temporary_failures_are_retried() {
    for (code, tries) in [
        (503, 5),
        (500, 5),
        (429, 5),
        (408, 5),
        (404, 1),
        (403, 1),
        (410, 1),
        (501, 1),
        (204, 1),
        (304, 1),
    ] {
        for_each_mode(|mode| {
            let server = Server::start(move |_, stream| {
                let length = if code == 204 || code == 304 {
                    ""
                } else {
                    "Content-Length: 0\r\n"
                };
                send(stream, format!("HTTP/1.1 {code} Whatever\r\n{length}\r\n"));
            });
            let (run, files) = fetch_one(&server, mode, &[]);
            run.fails_with(&format!(": {code} "));
            assert_eq!(server.requests().len(), tries, "{mode}: {code}");
            assert!(files.is_empty());
        });
    }
}

#[test]
fn retries_succeed_when_the_server_recovers() {
    for_each_mode(|mode| {
        let server = Server::start(|request, stream| match request.earlier {
            0 => respond(stream, "503 Service Unavailable", b"later"),
            1 => close(stream),
            2 => respond(stream, "500 Oh", b""),
            _ => ok(stream, &pdf("x")),
        });
        let (run, files) = fetch_one(&server, mode, &["-v"]);
        let run = run.exits(0);
        assert!(
            run.stderr
                .contains("503 Service Unavailable: later; attempt 2 in"),
            "{run:?}"
        );
        assert_eq!(files, [("x.pdf".to_owned(), pdf("x"))]);
    });
}

#[test]
fn retry_0_means_one_attempt() {
    for_each_mode(|mode| {
        let server = Server::start(|_, stream| respond(stream, "503 Service Unavailable", b""));
        fetch_one(&server, mode, &["--retry", "0"])
            .0
            .fails_with("503 Service Unavailable\n");
        assert_eq!(server.requests().len(), 1);
    });
}

#[test]
fn truncated_body_is_retried() {
    let short = |stream: &mut _, body: &[u8]| {
        send(
            stream,
            format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()),
        );
        send(stream, &body[..body.len() - 1]);
        close(stream);
    };
    let chunked = |stream: &mut _, body: &[u8]| {
        send(
            stream,
            format!(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n",
                body.len()
            ),
        );
        send(stream, body);
        send(stream, "\r\n");
        close(stream);
    };
    let cuts: [fn(&mut std::net::TcpStream, &[u8]); 2] = [short, chunked];
    for cut in cuts {
        for_each_mode(|mode| {
            let server = Server::start(move |_, stream| cut(stream, &pdf("x")));
            let (run, files) = fetch_one(&server, mode, &["--retry", "2"]);
            run.fails_with("truncated: ");
            assert!(files.is_empty() && server.requests().len() == 3);

            let server = Server::start(move |request, stream| match request.earlier {
                0 => cut(stream, &pdf("x")),
                _ => ok(stream, &pdf("x")),
            });
            let (run, files) = fetch_one(&server, mode, &[]);
            run.exits(0);
            assert_eq!(files, [("x.pdf".to_owned(), pdf("x"))]);
        });
    }
}

#[test]
fn chunked_body_is_saved() {
    for_each_mode(|mode| {
        let server = Server::start(|_, stream| {
            send(
                stream,
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            );
            for chunk in pdf("x").chunks(700) {
                send(stream, format!("{:x}\r\n", chunk.len()));
                send(stream, chunk);
                send(stream, "\r\n");
            }
            send(stream, "0\r\n\r\n");
        });
        let (run, files) = fetch_one(&server, mode, &[]);
        run.exits(0);
        assert_eq!(files, [("x.pdf".to_owned(), pdf("x"))]);
    });
}

#[test]
fn body_without_length_needs_a_pdf_end() {
    for_each_mode(|mode| {
        let cut = |cut: usize| {
            Server::start(move |_, stream| {
                let body = pdf("x");
                send(stream, "HTTP/1.0 200 OK\r\n\r\n");
                send(stream, &body[..body.len() - cut]);
                close(stream);
            })
        };
        let (run, files) = fetch_one(&cut(0), mode, &[]);
        run.exits(0);
        assert_eq!(files[0].1, pdf("x"));
        let (run, files) = fetch_one(&cut(100), mode, &["--retry", "1"]);
        run.fails_with("truncated: connection closed after");
        assert!(files.is_empty());
    });
}

#[test]
fn non_pdf_bodies_are_described_and_not_saved() {
    let page = b"<!doctype html><html><head><title>Please sign in</title></head></html>";
    let store = b"<?xml version='1.0'?><Error><Code>NoSuchKey</Code><Message>No such key.</Message></Error>";
    let cases: [(&[u8], &str); 6] = [
        (page, "login: a login page, `Please sign in`"),
        (b"{\"error\":\"quota\"}", "not_pdf: JSON: quota"),
        (b"{\"status\": [0]}", "not_pdf: JSON"),
        (store, "not_pdf: XML: NoSuchKey: No such key."),
        (b"\x1f\x8b\x08\x00\x00\x00\x00\x00", "not_pdf: gzip data"),
        (b"see you later", "not_pdf: plain text: see you later"),
    ];
    for (body, message) in cases {
        for_each_mode(|mode| {
            let server = Server::start(move |_, stream| ok(stream, body));
            let (run, files) = fetch_one(&server, mode, &[]);
            run.fails_with(message);
            assert!(files.is_empty() && server.requests().len() == 1);
        });
    }
}

#[test]
fn non_pdf_transfer_is_stopped_early() {
    // a page is read, but not for ever
    let cases = [
        ("{\"a\": ", 2000, "auto", "not_pdf: JSON"),
        ("<html>", 2000, "off", "not_pdf: an HTML page"),
        ("<html>", 3_000_000, "auto", "no_pdf_link"),
    ];
    for (begin, length, landing, message) in cases {
        for_each_mode(|mode| {
            // the body never ends: only a client that stops by itself gets to an end
            let server = Server::start(move |_, stream| {
                let head = "HTTP/1.1 200 OK\r\nContent-Length: 500000000\r\n\r\n";
                send(stream, [head, begin].concat());
                send(stream, vec![b'x'; length]);
            });
            let args = ["--stall-timeout", "80s", "--landing", landing];
            fetch_one(&server, mode, &args).0.fails_with(message);
        });
    }
}

#[test]
fn escape_sequences_are_not_printed() {
    for_each_mode(|mode| {
        let server = Server::start(|_, stream| ok(stream, b"<title>\x1b[31mred\x07</title>"));
        let (run, _) = fetch_one(&server, mode, &[]);
        assert!(!run.stderr.contains(['\x1b', '\x07']), "{run:?}");
        run.fails_with("red");
    });
}

#[test]
fn content_type_is_ignored() {
    for_each_mode(|mode| {
        let server = Server::start(|_, stream| {
            let junk = [b"junk\n".repeat(200), pdf("x"), b"\r\n\r\n".to_vec()].concat();
            respond(stream, "200 OK\r\nContent-Type: text/html", &junk);
        });
        let (run, files) = fetch_one(&server, mode, &[]);
        run.exits(0);
        assert_eq!(files.len(), 1);
    });
}

#[test]
fn missing_eof_marker_is_suspect() {
    for_each_mode(|mode| {
        let server = Server::start(|_, stream| ok(stream, &pdf_of("x", 3000)[..2900]));
        let sandbox = Sandbox::new();
        let run = sandbox.fetch(mode, server.url("/x.pdf"), &["-v"]).exits(0);
        assert!(
            run.stderr.contains("(suspect: no `%%EOF` near the end)"),
            "{run:?}"
        );
        assert_eq!(sandbox.journal()[0]["suspect"], "no `%%EOF` near the end");
        assert_eq!(sandbox.files()["x.pdf"].len(), 2900);
    });
}

#[test]
fn silent_servers_time_out() {
    for_each_mode(|mode| {
        let server = Server::start(|_, _| {});
        let args = ["--first-byte-timeout", "50ms", "--retry", "1"];
        fetch_one(&server, mode, &args)
            .0
            .fails_with("timeout: no response within 0.05 s (after 2 attempts)");
        assert_eq!(server.requests().len(), 2);

        let server = Server::start(|_, stream| {
            send(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n%PDF-1.7\n",
            );
        });
        let args = ["--stall-timeout", "50ms", "--retry", "1"];
        fetch_one(&server, mode, &args)
            .0
            .fails_with("timeout: no data for 0.05 s after 9 bytes (after 2 attempts)");
    });
}

#[test]
fn unreachable_server_fails_only_its_link() {
    let nobody = Nobody::new();
    let server = Server::of_pdfs();
    let no_tls = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let no_tls_port = no_tls.local_addr().expect("it is bound").port();
    std::thread::spawn(move || {
        for mut stream in no_tls.incoming().flatten() {
            send(&mut stream, "HTTP/1.1 400 Bad Request\r\n\r\n");
            // read what the client has sent, or closing would reset the connection before it reads the answer
            let _ = std::io::copy(&mut stream, &mut std::io::sink());
        }
    });
    for_each_mode(|mode| {
        let sandbox = Sandbox::new();
        let list = format!(
            "http://{}/a.pdf\nhttp://no-such-host.invalid/b.pdf\nhttps://127.0.0.1:{no_tls_port}/c.pdf\n{}\n",
            nobody.address(),
            server.url("/d.pdf")
        );
        let run = sandbox.fetch(mode, list, &["--retry", "1"]).exits(1);
        for message in [
            "links.txt:1: ",
            ": connect: connection refused (after 2 attempts)",
            "links.txt:2: ",
            ": dns: no address for `no-such-host.invalid`",
            "links.txt:3: ",
            ": tls: secure connection failed",
        ] {
            assert!(run.stderr.contains(message), "no `{message}` in {run:#?}");
        }
        assert_eq!(sandbox.names(), ["d.pdf"]);
    });
}

#[test]
fn invalid_http_response_fails() {
    for answer in [
        "SSH-2.0-OpenSSH_9.2\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 5\r\n\r\nabcde",
    ] {
        for_each_mode(|mode| {
            let server = Server::start(move |_, stream| {
                send(stream, answer);
                close(stream);
            });
            let (run, files) = fetch_one(&server, mode, &[]);
            run.fails_with("http_status: the response is not valid HTTP");
            assert!(files.is_empty() && server.requests().len() == 1);
        });
    }
}

#[test]
fn retry_after_is_honored_up_to_the_limit() {
    for_each_mode(|mode| {
        let server = Server::start(|request, stream| match request.earlier {
            0 => respond(stream, "429 Too Many Requests\r\nRetry-After: 0", b""),
            _ => ok(stream, &pdf("x")),
        });
        fetch_one(&server, mode, &[]).0.exits(0);

        let server =
            Server::start(|_, stream| respond(stream, "503 Busy\r\nRetry-After: 3600", b""));
        let (run, _) = fetch_one(&server, mode, &[]);
        run.fails_with(
            "rate_limited: 503 Service Unavailable; the server asks to retry after 3600 s",
        );
        assert_eq!(server.requests().len(), 1);
    });
}

#[test]
fn identity_transfer_coding_does_not_delimit_the_body() {
    for_each_mode(|mode| {
        let server = Server::start(|_, stream| {
            send(
                stream,
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\n",
            );
            send(stream, &pdf("x")[..2000]);
            close(stream);
        });
        let (run, files) = fetch_one(&server, mode, &["--retry", "0"]);
        assert!(files.is_empty(), "{run:?}");
        run.exits(1);
    });
}

#[test]
fn retry_after_does_not_make_404_retryable() {
    for_each_mode(|mode| {
        let server =
            Server::start(|_, stream| respond(stream, "404 Not Found\r\nRetry-After: 3600", b""));
        fetch_one(&server, mode, &[])
            .0
            .fails_with("http_status: 404 Not Found\n");
    });
}

#[test]
fn long_messages_are_cut() {
    for_each_mode(|mode| {
        let long = "x".repeat(50_000);
        let server = Server::start(move |_, stream| {
            respond(
                stream,
                &format!("302 Found\r\nLocation: http://:{long}"),
                b"",
            );
        });
        let sandbox = Sandbox::new();
        let run = sandbox
            .fetch(mode, server.url("/x.pdf"), &["--json"])
            .exits(1);
        assert!(run.stdout.contains("xxx…"), "{run:?}");
        assert!(run.stdout.len() + run.stderr.len() < 8000, "{run:?}");
    });
}

#[test]
fn long_validators_are_not_kept() {
    for_each_mode(|mode| {
        let long = "x".repeat(66 * 1024);
        let server = Server::start(move |request, stream| {
            let (name, path) = (&long, &request.path);
            let head = format!(
                "200 OK\r\nContent-Type: application/pdf\r\nETag: \"{name}\"\r\nLast-Modified: {name}"
            );
            match path.as_str() {
                "/moved.pdf" => {
                    let target = format!("/x.pdf?{}", &name[..60_000]);
                    respond(stream, &format!("302 Found\r\nLocation: {target}"), b"");
                }
                _ => respond(stream, &head, &pdf(path)),
            }
        });
        let sandbox = Sandbox::new();
        let links = format!("{}\n{}\n", server.url("/a.pdf"), server.url("/moved.pdf"));
        let run = sandbox.fetch(mode, &links, &[]).exits(0);
        assert_eq!(run.count("downloaded"), 2, "{run:?}");
        let journal = sandbox.journal();
        assert!(journal.iter().all(|record| record["etag"].is_null()));
        assert!(
            journal
                .iter()
                .all(|record| record.to_string().len() < 10_000)
        );
        let run = sandbox.fetch(mode, &links, &[]).exits(0);
        assert_eq!(
            (run.count("present"), server.requests().len()),
            (2, 3),
            "{run:?}"
        );
    });
}
