//! HTTP/2 and HTTP/1.1 over TLS: shared, closed and refusing connections.

use std::collections::BTreeSet;

use http::Version;

use crate::harness::{Run, Sandbox, for_each_mode};
use crate::server::{pdf, pdf_of};
use crate::tls_server::{Answer, Farewell, Request, Rules, TlsServer};

const LINKS: usize = 20;

/// What a server is asked in, and what makes it so.
const VERSIONS: [(Version, &[&str]); 2] =
    [(Version::HTTP_2, &[]), (Version::HTTP_11, &["--http1.1"])];

/// Large enough for a part with a name.
const MIDDLE: usize = 3_000_000;

fn fetch(sandbox: &Sandbox, mode: &str, links: impl AsRef<[u8]>, args: &[&str]) -> Run {
    sandbox.fetch(mode, links, &[&["--cacert", "ca.pem"], args].concat())
}

/// Says that each of the links `/0.pdf`, `/1.pdf` and so on has its file.
#[track_caller]
fn has_all(sandbox: &Sandbox, count: usize, what: &str) {
    let files = sandbox.files();
    assert_eq!(files.len(), count, "{what}: {:?}", files.keys());
    for (name, content) in files {
        assert!(content == pdf(&format!("/{name}")), "{what}: {name}");
    }
}

/// Says that no link has been tried again.
#[track_caller]
fn has_no_retries(sandbox: &Sandbox, count: usize, what: &str) {
    let journal = sandbox.journal();
    assert_eq!(journal.len(), count, "{what}");
    for record in journal {
        assert_eq!(record["attempts"], 1, "{what}: {record}");
    }
}

fn paths(requests: &[Request]) -> BTreeSet<&str> {
    requests.iter().map(|request| &*request.path).collect()
}

fn connections(requests: &[Request]) -> usize {
    let numbers: BTreeSet<_> = requests.iter().map(|request| request.connection).collect();
    numbers.len()
}

fn is_last_of_its_connection(request: &Request, all: &[Request]) -> bool {
    let mut on_it = all
        .iter()
        .filter(|other| other.connection == request.connection);
    on_it
        .next_back()
        .is_some_and(|last| last.path == request.path)
}

#[test]
fn links_share_connections_of_the_negotiated_version() {
    for (version, args) in VERSIONS {
        for jobs in ["1", "4"] {
            for_each_mode(|mode| {
                let sandbox = Sandbox::new();
                let server = TlsServer::of_pdfs(&sandbox, Rules::default());
                let args = [&["-j", jobs], args].concat();
                fetch(&sandbox, mode, server.links(LINKS), &args).exits(0);
                let what = format!("{mode} {args:?}");
                has_all(&sandbox, LINKS, &what);
                has_no_retries(&sandbox, LINKS, &what);
                let requests = server.requests();
                assert_eq!(
                    (requests.len(), paths(&requests).len()),
                    (LINKS, LINKS),
                    "{what}: each is asked for once"
                );
                for request in &requests {
                    assert_eq!(request.version, version, "{what}: {request:?}");
                }
                let connections = connections(&requests);
                // a request does not wait for a connection that is about to become free
                assert!(connections < 10, "{what}: {connections} connections");
            });
        }
    }
}

#[test]
fn goaway_moves_requests_to_a_new_connection() {
    for farewell in [Farewell::Early, Farewell::Late] {
        // so few that each connection has its fill, even if each job has one of its own; but as many as are under way at
        // once, so that hardly any link is turned away twice
        for (jobs, most) in [("1", 7), ("4", 4)] {
            for_each_mode(|mode| {
                let sandbox = Sandbox::new();
                let rules = Rules {
                    requests: Some((most, farewell)),
                    ..Rules::default()
                };
                let server = TlsServer::of_pdfs(&sandbox, rules);
                fetch(&sandbox, mode, server.links(LINKS), &["-j", jobs]).exits(0);
                let what = format!("{mode}, {farewell:?}, {jobs} at once");
                has_all(&sandbox, LINKS, &what);
                has_no_retries(&sandbox, LINKS, &what);
                let requests = server.requests();
                assert_eq!(paths(&requests).len(), LINKS, "{what}");
                for (number, request) in requests.iter().enumerate() {
                    let mut same = requests[..number]
                        .iter()
                        .filter(|other| other.path == request.path);
                    // where another thread drives the connection, hyper may see GOAWAY before it lets go of the request
                    // that led to it
                    let is_race = |earlier: &Request| {
                        farewell == Farewell::Early
                            && mode != "async"
                            && is_last_of_its_connection(earlier, &requests)
                    };
                    assert!(
                        same.all(is_race),
                        "{what}: what has been processed is not asked for again: {request:?}"
                    );
                }
                assert!(connections(&requests) >= LINKS.div_ceil(most), "{what}");
                if farewell == Farewell::Late {
                    assert!(server.unprocessed() > 0, "{what}: nothing was left alone");
                }
            });
        }
    }
}

#[test]
fn refused_request_is_resent() {
    for_each_mode(|mode| {
        let sandbox = Sandbox::new();
        let server = TlsServer::start(&sandbox, Rules::default(), |request| {
            let refused = ["/0.pdf", "/3.pdf", "/11.pdf", "/19.pdf"];
            if request.earlier == 0 && refused.contains(&&*request.path) {
                Answer::refused()
            } else {
                Answer::pdf(&request.path)
            }
        });
        let run = fetch(&sandbox, mode, server.links(LINKS), &[]).exits(0);
        assert_eq!(run.count("downloaded"), 20, "{mode}: {run:?}");
        has_all(&sandbox, LINKS, mode);
        assert_eq!(server.requests().len(), LINKS + 4, "{mode}");
        for record in sandbox.journal() {
            // whether it counts as a try is left open
            let attempts = record["attempts"].as_u64();
            assert!(matches!(attempts, Some(1 | 2)), "{mode}: {record}");
        }
    });
}

#[test]
fn closed_idle_connection_is_replaced() {
    for (version, args) in VERSIONS {
        for_each_mode(|mode| {
            let sandbox = Sandbox::new();
            let server = TlsServer::start(&sandbox, Rules::default(), |request| {
                Answer::pdf(&request.path).then_gone()
            });
            // nobody uses it during the pause
            let once = ["--retry", "0", "-j", "1", "--wait", "200ms"];
            let run = fetch(&sandbox, mode, server.links(3), &[&once, args].concat());
            let what = format!("{mode} {version:?}: {run:?}");
            assert_eq!(run.code, Some(0), "{what}");
            has_all(&sandbox, 3, &what);
            has_no_retries(&sandbox, 3, &what);
            let requests = server.requests();
            assert!(
                (requests.iter()).all(|request| request.version == version),
                "{what}"
            );
            assert_eq!(connections(&requests), 3, "{what}");
        });
    }
}

#[test]
fn connection_lost_on_reuse_is_replaced() {
    for (version, args) in VERSIONS {
        for_each_mode(|mode| {
            let sandbox = Sandbox::new();
            let server = TlsServer::start(&sandbox, Rules::default(), |request| {
                if request.path == "/1.pdf" && request.earlier == 0 {
                    Answer::gone()
                } else {
                    Answer::pdf(&request.path)
                }
            });
            // the connection has to be back with the client when the second link asks for one
            let once = ["--retry", "0", "-j", "1", "--wait", "200ms"];
            let run = fetch(&sandbox, mode, server.links(2), &[&once, args].concat());
            let what = format!("{mode} {version:?}: {run:?}");
            assert_eq!(run.code, Some(0), "{what}");
            has_all(&sandbox, 2, &what);
            has_no_retries(&sandbox, 2, &what);
            let numbers = server.requests().into_iter();
            let numbers: Vec<_> = numbers.map(|request| request.connection).collect();
            assert_eq!(numbers, [0, 0, 1], "{what}");
        });
    }
}

#[test]
fn cut_off_body_is_truncated_or_resumed() {
    for_each_mode(|mode| {
        let sandbox = Sandbox::new();
        let server = TlsServer::start(&sandbox, Rules::default(), |request| {
            let body = pdf_of("x", MIDDLE);
            let range = request.header("range");
            let from = range.and_then(|range| {
                let from = range.strip_prefix("bytes=")?.strip_suffix('-')?;
                from.parse::<usize>().ok()
            });
            match from {
                None => Answer::new(200, body)
                    .with("etag", "\"v1\"")
                    .broken_off_after(2_000_000),
                Some(from) => {
                    let range = format!("bytes {from}-{}/{}", body.len() - 1, body.len());
                    Answer::new(206, body[from..].to_vec())
                        .with("etag", "\"v1\"")
                        .with("content-range", &range)
                }
            }
        });
        let link = server.url("/x.pdf");
        fetch(&sandbox, mode, &link, &["--retry", "0"])
            .fails_with("truncated: transfer was cut off after 2000000 of 3000028 bytes");
        assert!(sandbox.names().is_empty(), "{mode}");

        let other = Sandbox::new();
        std::fs::copy(sandbox.path("ca.pem"), other.path("ca.pem")).expect("a copy");
        fetch(&other, mode, &link, &[]).exits(0);
        assert!(other.files()["x.pdf"] == pdf_of("x", MIDDLE), "{mode}");
        let requests = server.requests();
        let ranges = requests.iter().map(|request| request.header("range"));
        assert!(
            ranges.eq([None, None, Some("bytes=2000000-")]),
            "{mode}: {requests:?}"
        );
        assert_eq!(requests[2].header("if-range"), Some("\"v1\""));
        for request in &requests {
            assert_eq!(request.version, Version::HTTP_2, "{mode}");
        }
    });
}

#[test]
fn stream_that_breaks_off_behind_its_last_byte_is_whole() {
    let ways: [fn(Vec<u8>) -> Answer; 2] = [
        |body| {
            let length = body.len();
            Answer::new(200, body).broken_off_after(length)
        },
        |body| {
            let length = body.len();
            Answer::new(200, body).called_off_after(length)
        },
    ];
    for way in ways {
        for_each_mode(|mode| {
            let sandbox = Sandbox::new();
            let server = TlsServer::start(&sandbox, Rules::default(), move |_| way(pdf("x")));
            fetch(&sandbox, mode, server.url("/x.pdf"), &[]).exits(0);
            assert!(sandbox.files()["x.pdf"] == pdf("x"), "{mode}");
            assert_eq!(server.requests().len(), 1, "{mode}");
        });
    }
}

#[test]
fn early_end_of_a_stream_is_asked_for_again() {
    let ways: [fn(Vec<u8>) -> Answer; 3] = [
        |body| Answer::new(200, body[..3000].to_vec()).without_length(),
        |body| {
            Answer::new(200, body)
                .without_length()
                .called_off_after(3000)
        },
        |_| Answer::new(200, "").without_length(),
    ];
    for way in ways {
        for_each_mode(|mode| {
            let sandbox = Sandbox::new();
            let server = TlsServer::start(&sandbox, Rules::default(), move |request| match request
                .earlier
            {
                0 => way(pdf("x")),
                _ => Answer::new(200, pdf("x")),
            });
            fetch(&sandbox, mode, server.url("/x.pdf"), &[]).exits(0);
            assert!(sandbox.files()["x.pdf"] == pdf("x"), "{mode}");
            assert!(sandbox.journal()[0]["suspect"].is_null(), "{mode}");
            assert_eq!(server.requests().len(), 2, "{mode}");

            let server = TlsServer::start(&sandbox, Rules::default(), move |_| way(pdf("y")));
            let run = fetch(&sandbox, mode, server.url("/y.pdf"), &["--retry", "0"]);
            run.exits(1);
            assert_eq!(sandbox.names(), ["x.pdf"], "{mode}");
        });
    }
}
