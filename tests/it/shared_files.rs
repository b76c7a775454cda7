//! Files that several links have, and names of files that are those of other links.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

use crate::harness::{Running, Sandbox, for_each_mode, list, until};
use crate::server::{Server, ok, pdf, respond};

/// Serves the same bytes under all paths, until a test changes those of `/a.pdf`, or of all paths.
fn changing() -> (Server, Arc<AtomicUsize>) {
    let version = Arc::new(AtomicUsize::new(1));
    let current = Arc::clone(&version);
    let server = Server::start(move |request, stream| {
        let version = current.load(Relaxed);
        let body = match (version, request.path.as_str()) {
            (2, "/a.pdf") => "new",
            (3, path) => path,
            _ => "same",
        };
        let tag = format!("\"{body}\"");
        if request.header("if-none-match") == Some(&tag) {
            respond(stream, &format!("304 Not Modified\r\nETag: {tag}"), b"");
        } else {
            respond(stream, &format!("200 OK\r\nETag: {tag}"), &pdf(body));
        }
    });
    (server, version)
}

/// The bytes of the file of each link, as the journal says.
fn bytes_of(sandbox: &Sandbox, links: &[String]) -> Vec<Vec<u8>> {
    let journal = sandbox.journal();
    let last = |link: &String| {
        let mut records = journal.iter().rev();
        let record = records.find(|record| record["url"] == *link && record["file"].is_string());
        let file = record.expect("a record")["file"].as_str().expect("a name");
        fs::read(sandbox.path("out").join(file)).expect("a file")
    };
    links.iter().map(last).collect()
}

#[test]
fn shared_files_are_not_replaced_for_one_of_their_links() {
    for_each_mode(|mode| {
        for (order, flags) in [
            (["/a.pdf", "/b.pdf", "/c.pdf"], &["--update"][..]),
            (["/b.pdf", "/a.pdf", "/c.pdf"], &["--overwrite"]),
            (
                ["/c.pdf", "/b.pdf", "/a.pdf"],
                &["--overwrite", "--dedupe", "skip"],
            ),
        ] {
            let (server, version) = changing();
            let sandbox = Sandbox::new();
            let links = order.map(|path| server.url(path));
            let urls = list(links.iter().cloned());
            sandbox.fetch(mode, &urls, &["--dedupe", "skip"]).exits(0);
            assert_eq!(sandbox.names().len(), 1);
            for (number, bodies) in [
                (
                    2,
                    order.map(|path| if path == "/a.pdf" { "new" } else { "same" }),
                ),
                (3, order),
            ] {
                version.store(number, Relaxed);
                sandbox.fetch(mode, &urls, flags).exits(0);
                let asked = server.requests().len();
                let run = sandbox.fetch(mode, &urls, &[]).exits(0);
                assert_eq!((run.count("present"), server.requests().len()), (3, asked));
                let found = bytes_of(&sandbox, &links);
                assert!(found == bodies.map(pdf), "{mode}: {order:?} {flags:?}");
            }
        }
    });
}

#[test]
fn file_that_a_link_joins_in_this_run_is_not_replaced() {
    for_each_mode(|mode| {
        let (server, version) = changing();
        let sandbox = Sandbox::new();
        let links = ["/a.pdf", "/b.pdf"].map(|path| server.url(path));
        sandbox
            .fetch(mode, &links[0], &["--dedupe", "skip"])
            .exits(0);
        version.store(2, Relaxed);
        for order in [[1, 0], [0, 1]] {
            let urls = list(order.map(|n| links[n].clone()));
            sandbox
                .fetch(mode, urls, &["--dedupe", "skip", "--overwrite"])
                .exits(0);
            assert!(
                bytes_of(&sandbox, &links) == ["new", "same"].map(pdf),
                "{mode}"
            );
        }
    });
}

#[test]
fn file_that_a_link_of_another_run_joins_is_not_replaced() {
    for_each_mode(|mode| {
        let (is_joined, is_new) = (Arc::new(AtomicBool::new(true)), AtomicBool::new(false));
        let joined = Arc::clone(&is_joined);
        let server = Server::start(move |request, stream| {
            let is_new = request.path == "/a.pdf" && is_new.swap(true, Relaxed);
            until(|| !is_new || joined.load(Relaxed));
            ok(stream, &pdf(if is_new { "new" } else { "same" }));
        });
        let sandbox = Sandbox::new();
        let links = ["/a.pdf", "/b.pdf"].map(|path| server.url(path));
        let dedupe = ["--dedupe", "skip"];
        sandbox.fetch(mode, &links[0], &dedupe).exits(0);
        is_joined.store(false, Relaxed);
        let update = [&*links[0], "-o", "out", "--update", "-m", mode];
        let update = Running::start(sandbox.command(&update));
        until(|| server.requests().len() == 2);
        let run = sandbox.fetch(mode, &links[1], &dedupe).exits(0);
        assert_eq!(run.count("duplicate"), 1);
        is_joined.store(true, Relaxed);
        assert_eq!(update.end().exits(0).count("downloaded"), 1);
        assert!(
            bytes_of(&sandbox, &links) == ["new", "same"].map(pdf),
            "{mode}"
        );
    });
}

#[test]
fn link_that_left_a_shared_file_does_not_get_it_back() {
    let (server, version) = changing();
    let sandbox = Sandbox::new();
    let urls = list(["/a.pdf", "/b.pdf"].map(|path| server.url(path)));
    sandbox
        .fetch("sequential", &urls, &["--dedupe", "skip"])
        .exits(0);
    version.store(2, Relaxed);
    sandbox.fetch("sequential", &urls, &["--update"]).exits(0);
    let own = sandbox.names().into_iter().find(|name| name != "a.pdf");
    fs::remove_file(sandbox.path("out").join(own.expect("another name"))).expect("a file");
    let run = sandbox.fetch("sequential", &urls, &[]).exits(0);
    assert_eq!((run.count("present"), run.count("downloaded")), (1, 1));
}

#[test]
fn names_of_existing_files_are_taken_before_all_others() {
    let server = Server::start(|request, stream| {
        let body = pdf(&request.path);
        match request.path.strip_prefix("/named") {
            Some(_) => respond(
                stream,
                "200 OK\r\nContent-Disposition: attachment; filename=x.pdf",
                &body,
            ),
            None => ok(stream, &body),
        }
    });
    for_each_mode(|mode| {
        let sandbox = Sandbox::new();
        let old = server.url("/old/x.pdf");
        sandbox.fetch(mode, &old, &[]).exits(0);
        // by its URL, in another case, and by its server
        let links = ["/new/x.pdf", "/new/X.PDF", "/named?1"].map(|path| server.url(path));
        let links = [&links[..], &[old]].concat();
        for _ in 0..2 {
            let run = sandbox
                .fetch(mode, list(links.clone()), &["--overwrite"])
                .exits(0);
            assert_eq!((run.count("downloaded"), sandbox.names().len()), (4, 4));
            let bodies = ["/new/x.pdf", "/new/X.PDF", "/named?1", "/old/x.pdf"].map(pdf);
            assert!(bytes_of(&sandbox, &links) == bodies, "{mode}");
        }
        // nor does another link take it over
        let other = server.url("/other/x.pdf");
        let run = sandbox.fetch(mode, &other, &["--skip-existing"]).exits(0);
        assert_eq!((run.count("downloaded"), sandbox.names().len()), (1, 5));
    });
}

#[test]
fn replaced_file_is_not_the_same_as_one_that_looks_like_it_did() {
    for_each_mode(|mode| {
        let is_new = Arc::new(AtomicBool::new(false));
        let changed = Arc::clone(&is_new);
        // another entity tag, but the same length and time
        let server = Server::start(move |request, stream| {
            let body = match (changed.load(Relaxed), &*request.path) {
                (true, "/a.pdf") => "new",
                _ => "old",
            };
            let time = "Last-Modified: Wed, 01 Jan 2020 00:00:00 GMT";
            let head = format!("200 OK\r\nETag: \"{body}\"\r\n{time}");
            respond(stream, &head, &pdf(body));
        });
        let sandbox = Sandbox::new();
        let (a, b) = (server.url("/a.pdf"), server.url("/b.pdf"));
        let skip = ["--remote-time", "--dedupe", "skip"];
        sandbox.fetch(mode, &a, &skip).exits(0);
        is_new.store(true, Relaxed);
        sandbox
            .fetch(mode, &a, &["--remote-time", "--update"])
            .exits(0);
        sandbox.fetch(mode, &b, &skip).exits(0);
        let files = sandbox.files();
        assert_eq!(
            (&files["a.pdf"], &files["b.pdf"]),
            (&pdf("new"), &pdf("old"))
        );
        sandbox.run(&["verify", "out"]).exits(0);
    });
}
