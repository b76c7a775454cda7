//! Resuming partials, or discarding them.

use crate::harness::{Sandbox, for_each_mode};
use crate::server::{Request, Server, close, pdf_of, respond, send};

/// Large enough for a part with a name.
const MIDDLE: usize = 3_000_000;

const TAG: &str = "200 OK\r\nETag: \"v1\"";

/// Sends the head of an answer with `body`, but only so many bytes of it.
fn cut_off(stream: &mut std::net::TcpStream, head: &str, body: &[u8], sent: usize) {
    send(
        stream,
        format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\n\r\n", body.len()),
    );
    send(stream, &body[..sent]);
    close(stream);
}

/// The first byte that a request asks for.
fn first(request: &Request) -> Option<usize> {
    request
        .header("range")?
        .strip_prefix("bytes=")?
        .strip_suffix('-')?
        .parse()
        .ok()
}

fn partial(stream: &mut std::net::TcpStream, body: &[u8], from: usize, tag: &str) {
    let range = format!("bytes {from}-{}/{}", body.len() - 1, body.len());
    respond(
        stream,
        &format!("206 Partial Content\r\nETag: {tag}\r\nContent-Range: {range}"),
        &body[from..],
    );
}

#[test]
fn retry_requests_the_rest() {
    for_each_mode(|mode| {
        let server = Server::start(|request, stream| {
            let body = pdf_of("x", MIDDLE);
            match first(request) {
                None => cut_off(stream, TAG, &body, 2_000_000),
                Some(from) => partial(stream, &body, from, "\"v1\""),
            }
        });
        let sandbox = Sandbox::new();
        sandbox.fetch(mode, server.url("/x.pdf"), &[]).exits(0);
        assert_eq!(sandbox.files()["x.pdf"], pdf_of("x", MIDDLE));
        let requests = server.requests();
        assert_eq!(requests.len(), 2);
        assert_eq!(requests[1].header("range"), Some("bytes=2000000-"));
        assert_eq!(requests[1].header("if-range"), Some("\"v1\""));
        assert!(crate::harness::is_empty(
            &sandbox.path("out/.fetchpdf/parts")
        ));
    });
}

#[test]
fn next_run_requests_the_rest() {
    for_each_mode(|mode| {
        let server = Server::start(|request, stream| {
            let body = pdf_of("x", MIDDLE);
            match (first(request), request.earlier) {
                (None, 0) => cut_off(stream, TAG, &body, 1_500_000),
                (None, _) => panic!("all of it is asked for again"),
                (Some(from), _) => partial(stream, &body, from, "\"v1\""),
            }
        });
        let sandbox = Sandbox::new();
        sandbox
            .fetch(mode, server.url("/x.pdf"), &["--retry", "0"])
            .fails_with("truncated");
        assert_eq!((sandbox.parts().len(), sandbox.names().len()), (1, 0));
        let run = sandbox.fetch(mode, server.url("/x.pdf"), &[]).exits(0);
        assert!(run.stdout.contains("1 (1 resumed)"), "{run:?}");
        assert_eq!(sandbox.files()["x.pdf"], pdf_of("x", MIDDLE));
        assert_eq!(
            sandbox.journal().last().expect("a record")["status"],
            "resumed"
        );
    });
}

#[test]
fn restarts_without_a_strong_validator() {
    for head in [
        "200 OK",
        "200 OK\r\nETag: W/\"v1\"",
        "200 OK\r\nETag: W/\"v1\"\r\nLast-Modified: Mon, 02 Jan 2006 15:04:05 GMT\r\nDate: Tue, 03 Jan 2006 15:04:05 GMT",
        "200 OK\r\nLast-Modified: Mon, 02 Jan 2006 15:04:05 GMT\r\nDate: Mon, 02 Jan 2006 15:04:05 GMT",
    ] {
        for_each_mode(|mode| {
            let server = Server::start(move |request, stream| {
                let body = pdf_of("x", MIDDLE);
                cut_off(
                    stream,
                    head,
                    &body,
                    if request.earlier == 0 {
                        2_000_000
                    } else {
                        body.len()
                    },
                );
            });
            let sandbox = Sandbox::new();
            sandbox.fetch(mode, server.url("/x.pdf"), &[]).exits(0);
            assert_eq!(sandbox.files()["x.pdf"], pdf_of("x", MIDDLE));
            assert_eq!(server.requests()[1].header("range"), None, "{head}");
        });
    }
}

#[test]
fn old_last_modified_is_a_strong_validator() {
    for_each_mode(|mode| {
        let server = Server::start(|request, stream| {
            let head = "200 OK\r\nLast-Modified: Mon, 02 Jan 2006 15:04:05 GMT\r\nDate: Mon, 02 Jan 2006 15:04:07 GMT";
            let body = pdf_of("x", MIDDLE);
            match first(request) {
                None => cut_off(stream, head, &body, 2_000_000),
                Some(from) => partial(stream, &body, from, "\"v1\""),
            }
        });
        let sandbox = Sandbox::new();
        sandbox.fetch(mode, server.url("/x.pdf"), &[]).exits(0);
        assert_eq!(
            server.requests()[1].header("if-range"),
            Some("Mon, 02 Jan 2006 15:04:05 GMT")
        );
        assert_eq!(sandbox.files()["x.pdf"], pdf_of("x", MIDDLE));
    });
}

/// What a server may answer to a request for the rest, after it has cut off 2,000,000 bytes of version 1. Whatever it
/// is, what lands is one version as a whole.
#[test]
fn unusable_range_response_restarts() {
    type Rest = fn(&mut std::net::TcpStream, &[u8], usize);
    let answers: [(&str, Rest); 9] = [
        ("the whole", |stream, new, _| {
            respond(stream, "200 OK\r\nETag: \"v2\"", new);
        }),
        ("another offset", |stream, new, from| {
            partial(stream, new, from - 1, "\"v1\"");
        }),
        ("another version", |stream, new, from| {
            partial(stream, new, from, "\"v2\"");
        }),
        ("no range", |stream, new, from| {
            respond(stream, "206 Partial Content", &new[from..]);
        }),
        ("another total", |stream, new, from| {
            let range = format!("bytes {from}-{}/{}", new.len() - 1, new.len() + 7);
            respond(
                stream,
                &format!("206 Partial Content\r\nContent-Range: {range}"),
                &new[from..],
            );
        }),
        ("several ranges", |stream, new, from| {
            let kind = "Content-Type: multipart/byteranges; boundary=x";
            respond(
                stream,
                &format!("206 Partial Content\r\n{kind}"),
                &new[from..],
            );
        }),
        ("nothing", |stream, _, _| {
            respond(
                stream,
                "416 Range Not Satisfiable\r\nContent-Range: bytes */17",
                b"",
            );
        }),
        (
            "no more than is here, against what it said before",
            |stream, _, from| {
                respond(
                    stream,
                    &format!("416 Range Not Satisfiable\r\nContent-Range: bytes */{from}"),
                    b"",
                );
            },
        ),
        ("nothing, unexplained", |stream, _, _| {
            respond(stream, "416 Range Not Satisfiable", b"");
        }),
    ];
    for (what, rest) in answers {
        for_each_mode(|mode| {
            let server = Server::start(move |request, stream| {
                let (old, new) = (pdf_of("old", MIDDLE), pdf_of("new", MIDDLE));
                match (first(request), request.earlier) {
                    (Some(from), _) => rest(stream, &new, from),
                    (None, 0) => cut_off(stream, TAG, &old, 2_000_000),
                    (None, _) => respond(stream, "200 OK\r\nETag: \"v2\"", &new),
                }
            });
            let sandbox = Sandbox::new();
            sandbox.fetch(mode, server.url("/x.pdf"), &[]).exits(0);
            assert!(
                sandbox.files()["x.pdf"] == pdf_of("new", MIDDLE),
                "{mode}: {what}"
            );
            assert!(sandbox.parts().is_empty());
        });
    }
}

#[test]
fn complete_partial_ends_with_416() {
    for_each_mode(|mode| {
        let server = Server::start(|request, stream| {
            let body = pdf_of("x", MIDDLE);
            if first(request).is_some() {
                let range = format!("Content-Range: bytes */{}", body.len());
                respond(
                    stream,
                    &format!("416 Range Not Satisfiable\r\n{range}"),
                    b"",
                );
                return;
            }
            // all the bytes, but not the end of the last chunk
            send(
                stream,
                "HTTP/1.1 200 OK\r\nETag: \"v1\"\r\nTransfer-Encoding: chunked\r\n\r\n",
            );
            send(stream, format!("{:x}\r\n", body.len()));
            send(stream, &body);
            close(stream);
        });
        let sandbox = Sandbox::new();
        sandbox.fetch(mode, server.url("/x.pdf"), &[]).exits(0);
        assert_eq!(sandbox.files()["x.pdf"], pdf_of("x", MIDDLE));
        assert_eq!(server.requests().len(), 2);
    });
}

#[test]
fn partial_of_a_gone_file_is_discarded() {
    for_each_mode(|mode| {
        let server = Server::start(|request, stream| match request.earlier {
            0 => cut_off(stream, TAG, &pdf_of("x", MIDDLE), 1_500_000),
            _ => respond(stream, "410 Gone", b""),
        });
        let sandbox = Sandbox::new();
        sandbox
            .fetch(mode, server.url("/x.pdf"), &[])
            .fails_with("410 Gone");
        assert!(crate::harness::is_empty(
            &sandbox.path("out/.fetchpdf/parts")
        ));
    });
}

#[test]
fn short_range_is_truncated() {
    for_each_mode(|mode| {
        let server = Server::start(|request, stream| {
            let body = pdf_of("x", MIDDLE);
            match first(request) {
                None => cut_off(stream, TAG, &body, 2_000_000),
                Some(from) => {
                    let range = format!(
                        "ETag: \"v1\"\r\nContent-Range: bytes {from}-{}/*",
                        from + 99
                    );
                    respond(
                        stream,
                        &format!("206 Partial Content\r\n{range}"),
                        &body[from..from + 100],
                    );
                }
            }
        });
        let sandbox = Sandbox::new();
        sandbox
            .fetch(mode, server.url("/x.pdf"), &["--retry", "2"])
            .fails_with("truncated: received 2000200 of 3000028 bytes");
        assert!(sandbox.names().is_empty());
    });
}

#[test]
fn partials_of_different_urls_are_not_mixed() {
    for_each_mode(|mode| {
        let server =
            Server::start(
                |request, stream| match (request.path.as_str(), first(request)) {
                    ("/x.pdf", _) => {
                        let mirror = if request.earlier == 0 { "/one" } else { "/two" };
                        respond(stream, &format!("302 Found\r\nLocation: {mirror}"), b"");
                    }
                    ("/one", _) => cut_off(stream, TAG, &pdf_of("one", MIDDLE), 2_000_000),
                    (_, Some(from)) => partial(stream, &pdf_of("two", MIDDLE), from, "\"v1\""),
                    (_, None) => respond(stream, TAG, &pdf_of("two", MIDDLE)),
                },
            );
        let sandbox = Sandbox::new();
        sandbox.fetch(mode, server.url("/x.pdf"), &[]).exits(0);
        assert!(sandbox.files()["x.pdf"] == pdf_of("two", MIDDLE));
    });
}

#[test]
fn excess_bytes_fail() {
    for_each_mode(|mode| {
        let server = Server::start(|request, stream| {
            let body = pdf_of("x", MIDDLE);
            let Some(from) = first(request) else {
                return cut_off(stream, TAG, &body, 2_000_000);
            };
            let range = format!(
                "Content-Range: bytes {from}-{}/{}",
                body.len() - 1,
                body.len()
            );
            send(
                stream,
                format!(
                    "HTTP/1.1 206 Partial Content\r\n{range}\r\nTransfer-Encoding: chunked\r\n\r\n"
                ),
            );
            // as long as somebody takes it
            let chunk = [b"1000\r\n", &[b'x'; 4096][..], b"\r\n"].concat();
            while std::io::Write::write_all(stream, &chunk).is_ok() {}
        });
        let sandbox = Sandbox::new();
        let run = sandbox.fetch(mode, server.url("/x.pdf"), &["--retry", "1"]);
        run.fails_with("truncated: received more than the announced 3000028 bytes");
    });
}

/// A part without an end.
#[cfg(unix)]
fn endless_part(server: &Server, sandbox: &Sandbox, mode: &str) {
    sandbox
        .fetch(mode, server.url("/x.pdf"), &["--retry", "0"])
        .exits(1);
    let part = sandbox.parts().pop().expect("a part");
    let file = std::fs::File::options().write(true).open(&part);
    file.and_then(|file| file.set_len(1 << 40))
        .expect("a file system with holes");
    let sidecar = part.with_extension("json");
    let origin = std::fs::read_to_string(&sidecar).expect("a sidecar");
    let origin = origin.replace("3000028", &(1_u64 << 41).to_string());
    std::fs::write(&sidecar, origin).expect("a file");
}

#[cfg(unix)]
#[test]
fn huge_part_keeps_nothing_else_waiting() {
    use crate::harness::{Running, list, until};
    for_each_mode(|mode| {
        let server = Server::start(|request, stream| match request.path.as_str() {
            "/x.pdf" => match first(request) {
                None => cut_off(stream, TAG, &pdf_of("x", MIDDLE), 2_000_000),
                Some(from) => {
                    let range = format!("bytes {from}-{}/{}", from + 9, 1_u64 << 41);
                    let head =
                        format!("206 Partial Content\r\nETag: \"v1\"\r\nContent-Range: {range}");
                    respond(stream, &head, b"%%EOF 6789");
                }
            },
            path => respond(stream, "200 OK", &pdf_of(path, 5000)),
        });
        let sandbox = Sandbox::new();
        endless_part(&server, &sandbox, mode);
        let small = (0..20).map(|n| format!("/{n}.pdf"));
        let links = ["/x.pdf".to_owned()].into_iter().chain(small);
        sandbox.write("links.txt", list(links.map(|path| server.url(&path))));
        let args = [
            "links.txt",
            "-o",
            "out",
            "--max-filesize",
            "4000G",
            "-m",
            mode,
            "-j",
            "2",
        ];
        let running = Running::start(sandbox.command(&args));
        let asked = || {
            server
                .requests()
                .iter()
                .any(|request| first(request).is_some())
        };
        until(|| asked() && (mode == "sequential" || sandbox.names().len() == 20));
        running.signal("INT");
        assert_ne!(running.wait().code, Some(0));
    });
}

#[cfg(unix)]
#[test]
fn part_that_is_too_large_is_dropped() {
    for_each_mode(|mode| {
        let server = Server::start(|request, stream| {
            let body = pdf_of("x", MIDDLE);
            match request.earlier {
                0 => cut_off(stream, TAG, &body, 2_000_000),
                _ => respond(stream, TAG, &body),
            }
        });
        let sandbox = Sandbox::new();
        endless_part(&server, &sandbox, mode);
        sandbox
            .fetch(mode, server.url("/x.pdf"), &["--max-filesize", "4M"])
            .exits(0);
        assert_eq!(server.requests()[1].header("range"), None);
        assert_eq!(sandbox.files()["x.pdf"], pdf_of("x", MIDDLE));
    });
}
