//! Bodies: what is a PDF, and what is a whole one.

use std::net::TcpStream;

use crate::harness::{Sandbox, for_each_mode, list};
use crate::server::{Server, chunked, close, document, ok, pdf, pdf_of, send};

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
