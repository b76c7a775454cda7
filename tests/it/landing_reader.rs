//! Pages in place of PDFs, as they are received and read: slow, cut off, coded, in odd markup.

use std::io::Write;
use std::net::TcpStream;
use std::thread::sleep;
use std::time::Duration;

use crate::harness::{Sandbox, for_each_mode, list};
use crate::server::{Server, chunked, close, ok, pdf, respond, send};

/// A page that declares its PDF.
fn declaring(target: &str) -> String {
    format!("<!doctype html><html><head><meta name=citation_pdf_url content={target}></head>")
}

fn html(stream: &mut TcpStream, page: &str) {
    respond(stream, "200 OK\r\nContent-Type: text/html", page.as_bytes());
}

/// Sends a page that never ends, a byte at a time, which is never a stall.
fn drip(stream: &mut TcpStream, page: &str) {
    send(stream, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
    send(stream, page);
    while stream.write_all(b"x").is_ok() {
        sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_page_that_does_not_end_is_no_reason_to_wait() {
    for_each_mode(|mode| {
        let server = Server::start(|request, stream| match request.path.as_str() {
            "/nothing" => drip(stream, "<!doctype html><html><head>"),
            "/open-head" => {
                let page = declaring("/1.pdf").replace("</head>", "");
                drip(stream, &page);
            }
            "/decided" => drip(stream, &declaring("/2.pdf")),
            path if path.contains(".pdf") => ok(stream, &pdf(path)),
            path => panic!("{path}"),
        });
        let paths = ["/nothing", "/open-head", "/decided"];
        let links = list(paths.map(|path| server.url(path)));
        let sandbox = Sandbox::new();
        let args = ["--stall-timeout", "150ms", "--retry", "0", "--jobs", "3"];
        let run = sandbox.fetch(mode, &links, &args).exits(1);
        assert_eq!(sandbox.names(), ["decided.pdf", "open-head.pdf"], "{mode}");
        assert!(run.stderr.contains("a page with only "), "{run:?}");
        // one that is as slow as the user accepts
        let args = ["--min-speed", "5000", "--stall-timeout", "150ms"];
        let args = [&args[..], &["--retry", "0"]].concat();
        let run = sandbox.fetch(mode, server.url("/nothing"), &args).exits(1);
        assert!(run.stderr.contains("below the minimum speed"), "{run:?}");
    });
}

#[test]
fn what_is_there_of_a_page_that_is_cut_off_is_enough_or_not() {
    /// Sends `page` as if it were longer, or whole.
    fn cut(stream: &mut TcpStream, page: &str, is_cut: bool) {
        let length = page.len() + if is_cut { 900 } else { 0 };
        // or else the next request may be on its way
        let head =
            format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n");
        send(stream, head + page);
        close(stream);
    }
    for_each_mode(|mode| {
        let server = Server::start(|request, stream| {
            let path = request.path.as_str();
            let is_first = request.earlier == 0;
            match path {
                "/head" => cut(stream, &declaring("/1.pdf"), true),
                "/in-head" => cut(
                    stream,
                    &declaring("/2.pdf").replace("</head>", "<meta na"),
                    true,
                ),
                "/end" => cut(stream, "<html><body><embed src=/3.pdf></body></html>", true),
                "/nothing" => {
                    let page = "<html><body><embed src=/4.pdf><embed src=/5.pdf>";
                    let length = if is_first { 30 } else { 31 };
                    cut(stream, &page[..length - 1], is_first);
                }
                "/chunked" => {
                    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
                    let page = "<html><body><iframe src=/6.pdf></iframe></body></html>";
                    send(stream, format!("{head}{:x}\r\n{page}\r\n", page.len()));
                    close(stream);
                }
                path => ok(stream, &pdf(path)),
            }
        });
        let paths = ["/head", "/in-head", "/end", "/nothing", "/chunked"];
        let links = list(paths.map(|path| server.url(path)));
        let sandbox = Sandbox::new();
        let args = ["--retry-delay", "1ms"];
        let run = sandbox.fetch(mode, &links, &args).exits(0);
        assert_eq!(
            sandbox.names(),
            [
                "chunked.pdf",
                "end.pdf",
                "head.pdf",
                "in-head.pdf",
                "nothing.pdf"
            ],
            "{mode} {run:?}"
        );
        // only the page with nothing was requested again
        assert_eq!(server.requests().len(), 11, "{mode}");
    });
}

#[test]
fn a_page_is_followed_before_it_ends() {
    for_each_mode(|mode| {
        let server = Server::start(|request, stream| {
            if request.path == "/page" {
                // much less than what is looked at to tell a page
                send(stream, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
                send(stream, declaring("/1.pdf"));
            } else {
                ok(stream, &pdf("1"));
            }
        });
        let sandbox = Sandbox::new();
        let url = server.url("/page");
        sandbox.fetch(mode, url, &["--retry", "0"]).exits(0);
        assert_eq!(sandbox.names(), ["page.pdf"], "{mode}");
    });
}

#[test]
fn pages_lead_on_by_refreshes() {
    for_each_mode(|mode| {
        let server = Server::start(|request, stream| {
            let path = request.path.as_str();
            let has_cookie = request.header("cookie").is_some_and(|it| it.contains("s="));
            match path {
                "/empty" => respond(stream, "200 OK\r\nRefresh: 0; url=/1.pdf", b""),
                "/item" => respond(
                    stream,
                    "200 OK\r\nLink: </2.pdf>; rel=item; type=\"application/pdf; charset=binary\"",
                    b"",
                ),
                "/site" => html(
                    stream,
                    "<html><meta property=og:type content=article><meta name=DC.title content=Site>\
                     <meta http-equiv=Refresh content='0 url=/3.pdf'>Moved",
                ),
                "/article" => html(
                    stream,
                    "<html><meta name=citation_title content=Foo><meta http-equiv=refresh content='0; url=/no.pdf'>",
                ),
                // once it knows the cookie, it has the page
                "/bounce" if has_cookie => html(stream, &declaring("/4.pdf")),
                "/bounce" => respond(
                    stream,
                    "200 OK\r\nContent-Type: text/html\r\nSet-Cookie: s=1; Path=/bounce",
                    b"<html><meta http-equiv=refresh content='0; url=/bounce'>",
                ),
                "/again" => html(
                    stream,
                    "<html><meta http-equiv=refresh content='5; url=/again'>Please wait",
                ),
                "/counter" => respond(
                    stream,
                    &format!(
                        "200 OK\r\nContent-Type: text/html\r\nSet-Cookie: n={}; Path=/counter",
                        request.earlier
                    ),
                    b"<html><meta http-equiv=refresh content='0; url=/counter'>",
                ),
                path => ok(stream, &pdf(path)),
            }
        });
        let paths = [
            "/empty", "/item", "/site", "/article", "/bounce", "/again", "/counter",
        ];
        let links = list(paths.map(|path| server.url(path)));
        let sandbox = Sandbox::new();
        sandbox.fetch(mode, &links, &[]).exits(1);
        let names = ["Site.pdf", "bounce.pdf", "empty.pdf", "item.pdf"];
        assert_eq!(sandbox.names(), names, "{mode}");
        let count = |path: &str| {
            let requests = server.requests();
            requests
                .iter()
                .filter(|request| request.path == path)
                .count()
        };
        assert_eq!((count("/bounce"), count("/again")), (2, 1), "{mode}");
        assert!(count("/counter") <= 4, "{mode}");
    });
}

#[test]
fn coded_and_odd_pages_are_read_to_their_end() {
    for_each_mode(|mode| {
        let server = Server::start(|request, stream| {
            let path = request.path.as_str();
            match path {
                // much of it in one chunk of the network
                "/gzip" => {
                    let filler = "<p>filler</p>".repeat(60_000);
                    let page = format!("<html><body>{filler}<embed src=/1.pdf></body></html>");
                    let mut coded =
                        flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
                    coded.write_all(page.as_bytes()).expect("memory");
                    let head = "200 OK\r\nContent-Type: text/html\r\nContent-Encoding: gzip";
                    respond(stream, head, &coded.finish().expect("memory"));
                }
                "/warning" => html(
                    stream,
                    &format!(
                        "Warning: Undefined index in /x.php\n{}",
                        declaring("/2.pdf")
                    ),
                ),
                "/late" => {
                    let head = "200 OK\r\nContent-Type: text/html";
                    let filler = "<script src=x charset=utf-8></script>".repeat(200);
                    let text =
                        "<meta charset=windows-1251><meta name=citation_title content='Статья'>";
                    let page = format!(
                        "<html><head>{filler}{text}<meta name=citation_pdf_url content=/download>"
                    );
                    chunked(stream, head, &encoding_rs::WINDOWS_1251.encode(&page).0);
                }
                "/empty.pdf" => respond(stream, "200 OK\r\nContent-Type: application/pdf", b""),
                "/text" => html(stream, "Access denied"),
                path => ok(stream, &pdf(path)),
            }
        });
        let paths = ["/gzip", "/warning", "/late", "/empty.pdf", "/text"];
        let links = list(paths.map(|path| server.url(path)));
        let sandbox = Sandbox::new();
        let run = sandbox.fetch(mode, &links, &["--retry", "0"]);
        assert_eq!(
            sandbox.names(),
            ["gzip.pdf", "warning.pdf", "Статья.pdf"],
            "{mode} {run:?}"
        );
        assert_eq!(run.stderr.matches(": not_pdf: ").count(), 2, "{run:?}");
    });
}
