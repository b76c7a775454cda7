//! Pages in place of PDFs: what they lead to, and what they are.

use std::collections::HashMap;
use std::net::TcpStream;
use std::sync::Arc;

use crate::harness::{Run, Sandbox, for_each_mode, list};
use crate::server::{Request, Server, close, ok, pdf, pdf_of, respond, send};

/// What a page has in its head if it is about a work.
const WORK: &str = "<meta name=citation_title content='On Foo'>";

/// Links of pages that are about something else.
const OTHERS: &str = "<!-- <a class=pdf href=/other/0.pdf>PDF</a> --><script>'<a class=pdf href=/other/1.pdf>PDF</a>'</script>
    <div class=references><a href=/other/2.pdf>PDF</a></div><footer><a href=/other/3.pdf>PDF</a></footer>
    <a href=/other/4.pdf>Supplementary material (PDF)</a>
    <p>Foo is a thing of which much has been said and little is known, so that every article about it begins with a paragraph
    like this one. It is not the full text, which is in the PDF, but long enough to be seen as something for people to read.";

fn page(stream: &mut TcpStream, html: &str) {
    respond(
        stream,
        "200 OK\r\nContent-Type: text/html; charset=utf-8",
        html.as_bytes(),
    );
}

/// A server of these pages, each under its path with its head and its body. Everything else with `.pdf` is a PDF.
fn web(pages: &[(&str, &str, &str)]) -> Server {
    let pages = pages.iter().map(|(path, head, body)| {
        let html = format!("<!doctype html><html><head>{head}</head><body>{body}</body></html>");
        ((*path).to_owned(), html)
    });
    let pages: HashMap<_, _> = pages.collect();
    Server::start(move |request, stream| match pages.get(&request.path) {
        Some(html) => page(stream, html),
        None if request.path == "/forbidden" => respond(stream, "403 Forbidden", b""),
        None if request.path.contains(".pdf") => ok(stream, &pdf(&request.path)),
        None => respond(stream, "404 Not Found", b""),
    })
}

fn record<'a>(records: &'a [serde_json::Value], url: &str) -> &'a serde_json::Value {
    let mut records = records.iter().rev();
    records
        .find(|record| record["url"] == url)
        .expect("a record")
}

fn records(run: &Run) -> Vec<serde_json::Value> {
    let lines = run.stdout.lines();
    lines
        .map(|line| serde_json::from_str(line).expect("a record"))
        .collect()
}

#[test]
fn pages_end_as_their_pdfs() {
    let meta = format!("{WORK}<meta name=citation_pdf_url content=/1.pdf>");
    let pages = [
        ("/page/1", &*meta, OTHERS, "citation_pdf_url"),
        (
            "/page/2",
            "<meta name=bepress_citation_pdf_url content=/2.pdf>",
            OTHERS,
            "bepress_citation_pdf_url",
        ),
        (
            "/page/3",
            "<link rel=alternate type=application/pdf href=/3.pdf>",
            OTHERS,
            "link_rel",
        ),
        (
            "/page/4",
            "",
            "<object type=application/pdf data='/4.pdf'></object>",
            "embed",
        ),
        (
            "/page/5",
            "",
            "<iframe src='/x/viewer.html?file=%2F5.pdf#page=1'></iframe>",
            "viewer",
        ),
        (
            "/page/6.pdf",
            "<meta http-equiv=refresh content='0; url=/6.pdf'>",
            OTHERS,
            "refresh",
        ),
        (
            "/article/view/7",
            WORK,
            "<a class='obj_galley_link pdf' href=/7.pdf>PDF</a>",
            "anchor_class",
        ),
        (
            "/page/8",
            WORK,
            "<p><a href=/8.pdf>PDF herunterladen</a></p>",
            "anchor_text",
        ),
    ];
    for_each_mode(|mode| {
        let server = web(&pages.map(|(path, head, body, _)| (path, head, body)));
        let sandbox = Sandbox::new();
        let links = list(pages.map(|(path, ..)| server.url(path)));
        let run = sandbox
            .fetch(mode, &links, &["--landing", "all", "--json"])
            .exits(0);
        let records = records(&run);
        for (number, (path, _, _, via)) in (1..).zip(pages) {
            let (record, target) = (
                record(&records, &server.url(path)),
                format!("/{number}.pdf"),
            );
            let file = &sandbox.files()[record["file"].as_str().expect("a file")];
            assert!(*file == pdf(&target), "{mode}: {path}");
            assert_eq!(record["via"], serde_json::json!([via]), "{mode}: {path}");
            assert_eq!(
                (&record["hops"], &record["page"]),
                (&1.into(), &server.url(path).into())
            );
            assert_eq!(record["final_url"], server.url(&target));
        }
        let asked = server.requests().len();
        assert_eq!(asked, 2 * pages.len(), "{mode}");
        let again = sandbox.fetch(mode, &links, &["--landing", "all"]).exits(0);
        assert_eq!(
            (again.count("present"), server.requests().len()),
            (8, asked)
        );
    });
}

#[test]
fn what_a_page_is_without_a_pdf() {
    let index = "<a href=/a.pdf>PDF</a><a href=/b.pdf>PDF</a><a href=/c.pdf>PDF</a>";
    let pages = [
        ("/none", WORK, OTHERS, "no_pdf_link"),
        ("/issue", WORK, index, "no_pdf_link"),
        ("/gone", "<title>Page not found</title>", OTHERS, "gone"),
        ("/login?target=x", "", "<input type=password>", "login"),
        (
            "/challenge",
            "<title>Just a moment...</title>",
            "",
            "challenge",
        ),
        ("/cookieAbsent", "", "Cookies must be enabled", "consent"),
        ("/buy", WORK, "<a href=/cart>Purchase PDF</a>", "paywall"),
        (
            "/app",
            "<script src=/app.js></script>",
            "<div id=root></div>",
            "script_only",
        ),
        (
            "/loop",
            "<meta name=citation_pdf_url content=/loop/pdf>",
            "",
            "paywall",
        ),
        (
            "/loop/pdf",
            "<meta name=citation_pdf_url content=/loop>",
            "",
            "paywall",
        ),
    ];
    for_each_mode(|mode| {
        let server = web(&pages.map(|(path, head, body, _)| (path, head, body)));
        let sandbox = Sandbox::new();
        let links = list(pages.map(|(path, ..)| server.url(path)));
        let run = sandbox
            .fetch(mode, links, &["--landing", "all", "--json"])
            .exits(1);
        let records = records(&run);
        for (path, _, _, status) in pages {
            assert_eq!(
                record(&records, &server.url(path))["status"],
                status,
                "{mode}: {path}"
            );
        }
        assert_eq!(sandbox.names(), [""; 0], "{mode}");
        assert_eq!(server.requests().len(), pages.len() + 2, "{mode}");
    });
}

#[test]
fn only_what_is_asked_for_is_followed() {
    let pages = [
        (
            "/explicit",
            "<meta name=citation_pdf_url content=/1.pdf>",
            "",
        ),
        (
            "/inferred",
            WORK,
            "<a class=download-pdf href=/2.pdf>PDF</a>",
        ),
    ];
    for_each_mode(|mode| {
        for (landing, saved, word) in [
            ("auto", 1, "no_pdf_link"),
            ("off", 0, "not_pdf: an HTML page"),
            ("all", 2, ""),
        ] {
            let server = web(&pages);
            let links = list(pages.map(|(path, ..)| server.url(path)));
            let run = Sandbox::new().fetch(mode, links, &["--landing", landing]);
            assert_eq!(run.count("downloaded"), saved, "{mode}: {landing}");
            assert!(run.stderr.contains(word), "{mode}: {run:#?}");
            assert_eq!(
                server.requests().len() as u64,
                2 + saved,
                "{mode}: {landing}"
            );
        }
    });
}

#[test]
fn candidates_are_tried_in_order_and_within_a_budget() {
    let chain = |number: u32| {
        format!(
            "<meta http-equiv=refresh content='0;url=/chain/{}'>",
            number + 1
        )
    };
    let chain: Vec<_> = (1..9)
        .map(|number| (format!("/chain/{number}"), chain(number)))
        .collect();
    let mut pages = vec![
        (
            "/dead",
            "<meta name=citation_title content='On Foo'><meta name=citation_pdf_url content=/dead/1><meta name=citation_pdf_url content=/dead/2>
             <meta name=citation_pdf_url content=/dead.pdf>",
            "",
        ),
        ("/refused", "<meta name=citation_pdf_url content=/forbidden>", "<a class=pdf href=/x.pdf>PDF</a>"),
        ("/both", "<meta name=citation_pdf_url content=/viewer>", ""),
        ("/viewer", "", "<embed type=application/pdf src=/both.pdf>"),
    ];
    pages.extend(chain.iter().map(|(path, head)| (&**path, &**head, "")));
    for_each_mode(|mode| {
        let server = web(&pages);
        let sandbox = Sandbox::new();
        let fetch = |path, args: &[&str]| {
            let before = server.requests().len();
            let run = sandbox.fetch(mode, server.url(path), args);
            (run, server.requests().len() - before)
        };
        let (run, requests) = fetch("/dead", &[]);
        assert_eq!((run.code, requests), (Some(0), 4), "{mode}");
        let (run, requests) = fetch("/refused", &["--landing", "all"]);
        run.fails_with("http_status: 403");
        assert_eq!(requests, 2, "{mode}");
        let (run, requests) = fetch("/both", &["--json"]);
        let records = records(&run.exits(0));
        assert_eq!(
            records[0]["via"],
            serde_json::json!(["citation_pdf_url", "embed"])
        );
        assert_eq!((&records[0]["hops"], requests), (&2.into(), 3), "{mode}");
        let (run, requests) = fetch("/chain/1", &[]);
        run.fails_with("no_pdf_link: one page after another, without a PDF");
        assert_eq!(requests, 4, "{mode}");
    });
}

#[test]
fn requests_for_candidates_carry_what_belongs_to_them() {
    for_each_mode(|mode| {
        let cdn = Server::of_pdfs();
        let elsewhere = cdn.url("/cdn.pdf").replace("127.0.0.1", "localhost");
        let is_authorized = |request: &Request| request.header("authorization").is_some();
        let server = Server::start(move |request, stream| match &*request.path {
            "/same" => respond(
                stream,
                "200 OK\r\nSet-Cookie: seen=1\r\nLink: </same.pdf>; rel=item; type=\"application/pdf\"",
                b"<html><p>An article",
            ),
            "/cdn" => page(
                stream,
                &format!("<meta name=citation_pdf_url content={elsewhere}>"),
            ),
            path => ok(stream, &pdf(path)),
        });
        let links = list([server.url("/same"), server.url("/cdn")]);
        let args = ["--user", "me:secret", "-H", "X-Mine: yes"];
        Sandbox::new().fetch(mode, links, &args).exits(0);
        let requests = server.requests();
        let same = requests.iter().find(|request| request.path == "/same.pdf");
        let same = same.expect("a request");
        assert_eq!(
            same.header("referer"),
            Some(&*server.url("/same")),
            "{mode}"
        );
        assert_eq!(
            (same.header("cookie"), same.header("x-mine")),
            (Some("seen=1"), Some("yes"))
        );
        assert!(is_authorized(same), "{mode}");
        let [other] = &cdn.requests()[..] else {
            panic!("{mode}: one request");
        };
        assert_eq!(other.header("referer"), Some(&*server.url("/")), "{mode}");
        assert_eq!(
            (other.header("x-mine"), is_authorized(other)),
            (None, false),
            "{mode}"
        );
    });
}

#[test]
fn pages_about_another_work_are_told() {
    let head = "<meta name=citation_doi content=10.1000/other><meta name=citation_pdf_url content=/other.pdf>";
    let inferred = "<meta name=citation_doi content=10.1000/other>";
    let pages = [
        ("/doi/10.1000/this", head, ""),
        (
            "/doi/10.1000/that",
            inferred,
            "<a class=download-pdf href=/x.pdf>PDF</a>",
        ),
    ];
    for_each_mode(|mode| {
        let server = web(&pages);
        let links = list(pages.map(|(path, ..)| server.url(path)));
        let run = Sandbox::new()
            .fetch(mode, links, &["--landing", "all", "--json"])
            .exits(1);
        let records = records(&run);
        let suspect = &record(&records, &server.url("/doi/10.1000/this"))["suspect"];
        assert_eq!(
            suspect, "found on a page about another work than the link names",
            "{mode}"
        );
        assert_eq!(
            record(&records, &server.url("/doi/10.1000/that"))["status"],
            "no_pdf_link"
        );
    });
}

#[test]
fn a_pdf_behind_a_page_is_resumed() {
    for_each_mode(|mode| {
        let body = Arc::new(pdf_of("long", 1_100_000));
        let bytes = Arc::clone(&body);
        let server = Server::start(move |request, stream| {
            let length = bytes.len();
            match (&*request.path, request.header("range")) {
                ("/page", _) => page(stream, "<meta name=citation_pdf_url content=/long.pdf>"),
                (_, None) => {
                    let head = format!(
                        "HTTP/1.1 200 OK\r\nETag: \"1\"\r\nContent-Length: {length}\r\n\r\n"
                    );
                    send(stream, head);
                    send(stream, &bytes[..3000]);
                    close(stream);
                }
                (_, Some(range)) => {
                    let start: usize = range["bytes=".len()..range.len() - 1]
                        .parse()
                        .expect("a number");
                    let head = format!(
                        "206 Partial Content\r\nETag: \"1\"\r\nContent-Range: bytes {start}-{}/{length}",
                        length - 1
                    );
                    respond(stream, &head, &bytes[start..]);
                }
            }
        });
        let sandbox = Sandbox::new();
        let run = sandbox.fetch(mode, server.url("/page"), &[]).exits(0);
        assert!(run.stdout.contains("1 (1 resumed)"), "{mode}: {run:?}");
        assert!(
            sandbox.files().into_values().eq([(*body).clone()]),
            "{mode}"
        );
        assert_eq!(server.requests().len(), 3, "{mode}");
    });
}
