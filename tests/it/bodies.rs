//! Bodies: what is a PDF, and what is a whole one.

use std::net::TcpStream;

use crate::harness::{Run, Sandbox, for_each_mode, list};
use crate::server::{Server, chunked, close, document, ok, pdf, pdf_of, respond, send};

/// Bodies by the names of their files.
type Bodies = Vec<(&'static str, Vec<u8>)>;

/// A server that sends `bodies`.
fn server_of(bodies: &Bodies, way: fn(&mut TcpStream, &[u8])) -> (Server, String) {
    let known = bodies.clone();
    let server = Server::start(move |request, stream| {
        let is_asked = |name| request.path == format!("/{name}.pdf");
        let found = known.iter().find(|(name, _)| is_asked(name));
        way(stream, &found.expect("a body").1);
    });
    let links = bodies.iter().map(|(name, _)| format!("/{name}.pdf"));
    let links = list(links.map(|path| server.url(&path)));
    (server, links)
}

/// Says that each of the `bodies` has its file, and that they are no others.
#[track_caller]
fn has_only(sandbox: &Sandbox, bodies: &Bodies) {
    let files = sandbox.files();
    assert_eq!(files.len(), bodies.len(), "{:?}", files.keys());
    for (name, body) in bodies {
        assert!(files[&format!("{name}.pdf")] == *body, "{name}");
    }
}

fn fetch_one(server: &Server, mode: &str, args: &[&str]) -> (Run, Sandbox) {
    let sandbox = Sandbox::new();
    let run = sandbox.fetch(mode, server.url("/x.pdf"), args);
    (run, sandbox)
}

fn until_closed(stream: &mut TcpStream, body: &[u8]) {
    send(stream, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
    send(stream, body);
    close(stream);
}

#[test]
fn pdf_is_told_from_what_mentions_one() {
    let text = |text: &str| text.as_bytes().to_vec();
    let behind = |front: &[u8]| [front, &document("BT ET")].concat();
    let warning = "<html><b>Warning</b>: date(): no time zone<br />\n".repeat(20);
    let example = String::from_utf8(document("BT ET")).expect("text");
    let good = vec![
        ("short", document("BT ET")),
        ("warning", behind(&warning.as_bytes()[..867])),
        ("mark", behind(b"\xef\xbb\xbf")),
        ("space", behind(b"\r\n\r\n ")),
        ("mac", behind(&[&b"\x00\x05a.pdf"[..], &[0; 121]].concat())),
        (
            "adobe",
            [&b"%!PS-Adobe-3.0 PDF-1.2\n"[..], &document("BT")[9..]].concat(),
        ),
    ];
    let bad = vec![
        (
            "page",
            text("<!doctype html><title>Viewer</title>no <code>%PDF-1.</code> here"),
        ),
        ("json", text("{\"error\": \"no %PDF- header\"}")),
        (
            "text",
            text(&"Conversion failed: no %PDF- header. ".repeat(40)),
        ),
        ("header", text("%PDF-")),
        ("version", text("%PDF-1.7\n")),
        (
            "example",
            text(&format!("<html><pre>{example}</pre></html>")),
        ),
        (
            "escaped",
            text(&format!("<html>{}", example.replace('<', "&lt;"))),
        ),
        ("zip", behind(b"PK\x03\x04a.pdf")),
    ];
    for_each_mode(|mode| {
        let (server, links) = server_of(&[&good[..], &bad].concat(), ok);
        let sandbox = Sandbox::new();
        let run = sandbox.fetch(mode, links, &["--retry", "0"]).exits(1);
        has_only(&sandbox, &good);
        for message in [
            "page.pdf: not_pdf: an HTML page, `Viewer`",
            "json.pdf: not_pdf: JSON",
            "text.pdf: not_pdf: plain text",
            "header.pdf: not_pdf: only `%PDF-`, and nothing else of a PDF",
            "zip.pdf: not_pdf: a zip archive",
        ] {
            assert!(run.stderr.contains(message), "no `{message}` in {run:#?}");
        }
        assert_eq!(server.requests().len(), good.len() + bad.len());
        sandbox.run(&["verify", "out"]).exits(0);
    });
}

#[test]
fn document_is_whole_with_more_behind_it() {
    let behind = |document: &[u8], rest: &[u8]| [document, rest].concat();
    let page = "<html><p>more</p></html>\n".repeat(300);
    let bodies = vec![
        ("page", behind(&document("BT ET"), page.as_bytes())),
        ("zeros", behind(&pdf("zeros"), &[0; 40_000])),
        ("long", behind(&pdf_of("long", 2_000_000), &[b' '; 300_000])),
    ];
    let ways: [fn(&mut TcpStream, &[u8]); 3] = [ok, until_closed, |stream, body| {
        chunked(stream, "200 OK", body);
    }];
    for way in ways {
        for_each_mode(|mode| {
            let (server, links) = server_of(&bodies, way);
            let sandbox = Sandbox::new();
            sandbox.fetch(mode, links, &["--retry", "0"]).exits(0);
            has_only(&sandbox, &bodies);
            for record in sandbox.journal() {
                let suspect = "more than 1,024 bytes after its `%%EOF`";
                assert_eq!(record["suspect"], suspect, "{record}");
            }
            assert_eq!(server.requests().len(), 3);
            assert_eq!(sandbox.run(&["verify", "out"]).exits(0).count("good"), 3);
        });
    }
}

#[test]
fn document_that_was_cut_off_is_not_whole() {
    let revision = b"\n7 0 obj\n<< /Length 99999 >>\nstream\n";
    let linearized = b"%PDF-1.4\n1 0 obj\n<< /Linearized 1 /L 9999 >>\nendobj\nxref\n0 2\ntrailer\nstartxref\n0\n%%EOF\n";
    let bodies = vec![
        (
            "revision",
            [&pdf("x"), &revision[..], &[b'x'; 50_000]].concat(),
        ),
        ("short", [&pdf("x"), &revision[..]].concat()),
        ("linearized", [&linearized[..], &[b'x'; 50_000]].concat()),
        ("first", [&linearized[..], b"x"].concat()),
        ("begun", b"%PDF-1.7\n".to_vec()),
    ];
    for_each_mode(|mode| {
        let (_server, links) = server_of(&bodies, until_closed);
        let sandbox = Sandbox::new();
        let run = sandbox.fetch(mode, links, &["--retry", "0"]).exits(1);
        assert!(sandbox.names().is_empty(), "{run:?}");
        assert!(run.stdout.contains("5 truncated"), "{run:?}");
    });
}

#[test]
fn early_end_in_good_order_is_asked_for_again() {
    for_each_mode(|mode| {
        let early = |whole_from: usize| {
            Server::start(move |request, stream| {
                let body = pdf_of("x", 2_000_000);
                let length = if request.earlier < whole_from {
                    1_500_000
                } else {
                    body.len()
                };
                chunked(stream, "200 OK\r\nETag: \"v1\"", &body[..length]);
            })
        };
        // the second answer is whole, and not the rest
        let server = early(1);
        let (run, sandbox) = fetch_one(&server, mode, &[]);
        run.exits(0);
        assert!(sandbox.files()["x.pdf"] == pdf_of("x", 2_000_000));
        assert_eq!(server.requests()[1].header("range"), None);
        assert!(sandbox.journal()[0]["suspect"].is_null());

        // it is the same
        let server = early(9);
        let (run, sandbox) = fetch_one(&server, mode, &[]);
        run.exits(0);
        assert_eq!(sandbox.files()["x.pdf"].len(), 1_500_000);
        assert_eq!(sandbox.journal()[0]["suspect"], "no `%%EOF` near the end");
        assert_eq!(server.requests().len(), 2);

        // nobody asks again
        let (run, sandbox) = fetch_one(&early(9), mode, &["--retry", "0"]);
        run.fails_with("truncated: the body ended after 1500000 bytes, with no `%%EOF`");
        assert!(sandbox.names().is_empty() && sandbox.parts().is_empty());

        // it is another one each time
        let server = Server::start(|request, stream| {
            let seed = request.earlier.to_string();
            chunked(stream, "200 OK", &pdf(&seed)[..3000]);
        });
        let (run, sandbox) = fetch_one(&server, mode, &["--retry", "2"]);
        run.fails_with("truncated: the body ended after 3000 bytes");
        assert!(sandbox.names().is_empty() && server.requests().len() == 3);
    });
}

#[test]
fn empty_body_is_asked_for_again() {
    let ways: [fn(&mut TcpStream); 3] = [
        |stream| ok(stream, b""),
        |stream| chunked(stream, "200 OK", b""),
        |stream| until_closed(stream, b""),
    ];
    for way in ways {
        for_each_mode(|mode| {
            let server = Server::start(move |request, stream| match request.earlier {
                0 => way(stream),
                _ => ok(stream, &pdf("x")),
            });
            let (run, sandbox) = fetch_one(&server, mode, &[]);
            run.exits(0);
            assert!(sandbox.files()["x.pdf"] == pdf("x"));

            let server = Server::start(move |_, stream| way(stream));
            let (run, sandbox) = fetch_one(&server, mode, &["--retry", "2"]);
            run.fails_with("not_pdf: an empty body (after 3 attempts)");
            assert!(sandbox.names().is_empty() && server.requests().len() == 3);
        });
    }
}

#[test]
fn partial_response_that_is_all_is_saved() {
    for_each_mode(|mode| {
        let server = Server::start(|request, stream| {
            let body = pdf("x");
            let (last, length) = (body.len() - 1, body.len());
            let range = match request.path.as_str() {
                "/part.pdf" => format!("bytes 0-99/{length}"),
                "/unknown.pdf" => format!("bytes 0-{last}/*"),
                "/wrong.pdf" => format!("bytes 0-{length}/{}", length + 1),
                _ => format!("bytes 0-{last}/{length}"),
            };
            let head = format!("206 Partial Content\r\nContent-Range: {range}");
            match request.path.as_str() {
                "/none.pdf" => respond(stream, "206 Partial Content", &body),
                "/chunked.pdf" => chunked(stream, &head, &body),
                _ => respond(stream, &head, &body),
            }
        });
        let names = ["whole", "chunked", "part", "unknown", "wrong", "none"];
        let links = list(names.map(|name| server.url(&format!("/{name}.pdf"))));
        let sandbox = Sandbox::new();
        let run = sandbox.fetch(mode, links, &["--retry", "0"]).exits(1);
        assert_eq!(sandbox.names(), ["chunked.pdf", "whole.pdf"], "{run:?}");
        for message in [
            "part.pdf: http_status: 206 Partial Content: only `bytes 0-99/",
            "unknown.pdf: http_status: 206 Partial Content: only `bytes 0-",
            "wrong.pdf: truncated: received ",
            "none.pdf: http_status: 206 Partial Content\n",
        ] {
            assert!(run.stderr.contains(message), "no `{message}` in {run:#?}");
        }
    });
}

#[test]
fn other_successes_are_successes() {
    for_each_mode(|mode| {
        for status in [
            "201 Created",
            "203 Non-Authoritative Information",
            "226 IM Used",
        ] {
            let server = Server::start(move |_, stream| respond(stream, status, &pdf("x")));
            let (run, sandbox) = fetch_one(&server, mode, &[]);
            run.exits(0);
            assert!(sandbox.files()["x.pdf"] == pdf("x"));
        }
    });
}
