//! Redirects to other hosts, whose limits hold for them, too.

use std::collections::HashMap;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::harness::{Sandbox, for_each_mode, list};
use crate::server::{Server, ok, pdf, respond};

/// A host whose links redirect to the same paths of `target`.
fn redirecting(target: &Server) -> Server {
    let target = target.url("");
    Server::start(move |request, stream| {
        let head = format!("302 Found\r\nLocation: {target}{}", request.path);
        respond(stream, &head, b"");
    })
}

fn links(sources: &[Server], count: usize) -> impl Iterator<Item = String> {
    let number = |n: usize| sources[n % sources.len()].url(&format!("/{n}.pdf"));
    (0..count).map(number)
}

#[test]
fn redirected_links_wait_for_their_turn_at_the_target() {
    for_each_mode(|mode| {
        let (target, most) = Server::of_pdfs_at_once();
        let sources: Vec<_> = (0..4).map(|_| redirecting(&target)).collect();
        let sandbox = Sandbox::new();
        let args = ["--per-host", "2", "-j", "16", "--json"];
        let links = list(links(&sources, 40));
        let run = sandbox.fetch(mode, links, &args).exits(0);
        assert!(most.load(SeqCst) <= 2, "{mode}");
        assert_eq!(target.requests().len(), 40);
        assert!(sources.iter().all(|source| source.requests().len() == 10));
        assert_eq!(sandbox.files()["7.pdf"], pdf("/7.pdf"));
        let once = run.stdout.matches("\"attempts\":1,").count();
        let led = format!("\"final_url\":\"{}/", target.url(""));
        assert_eq!((once, run.stdout.matches(&led).count()), (40, 40));
    });
}

#[test]
fn answers_of_a_target_count_for_the_target() {
    for_each_mode(|mode| {
        let target = Server::start(|_, stream| {
            respond(stream, "429 Too Many Requests\r\nRetry-After: 99999", b"");
        });
        let sources: Vec<_> = (0..3).map(|_| redirecting(&target)).collect();
        let good = Server::of_pdfs();
        let links = links(&sources, 60).chain([good.url("/good.pdf")]);
        let args = ["--per-host", "2", "-j", "8"];
        let run = Sandbox::new().fetch(mode, list(links), &args).exits(1);
        assert_eq!(run.count("downloaded"), 1);
        assert!(run.stdout.contains(": 60 rate_limited"), "{run:?}");
        let failing = format!("failing     {}: 60 of 60", target.url(""));
        assert!(run.stdout.contains(&failing), "{run:?}");
        let asked = target.requests().len();
        assert!(asked <= 4, "{mode}: {asked} requests");
    });
}

#[test]
fn retry_asks_the_link_again() {
    for_each_mode(|mode| {
        let target = Server::start(|request, stream| match &*request.path {
            "/0" => respond(stream, "503 Service Unavailable", b""),
            path => ok(stream, &pdf(path)),
        });
        let to = target.url("");
        // as a mirror network does, to another node each time
        let source = Server::start(move |request, stream| {
            let head = format!("302 Found\r\nLocation: {to}/{}", request.earlier);
            respond(stream, &head, b"");
        });
        let sandbox = Sandbox::new();
        sandbox
            .fetch(mode, source.url("/x.pdf"), &["--retry", "1"])
            .exits(0);
        assert_eq!(sandbox.files()["x.pdf"], pdf("/1"));
    });
}

#[test]
fn targets_that_are_valid_for_a_short_time_are_renewed() {
    for_each_mode(|mode| {
        let valid_from = Arc::new(Mutex::new(HashMap::new()));
        let issued = Arc::clone(&valid_from);
        let target = Server::start(move |request, stream| {
            let age = issued.lock().expect("no panic")[&request.path];
            if request.path == "/0-0" {
                respond(stream, "429 Too Many Requests\r\nRetry-After: 2", b"");
            } else if Instant::elapsed(&age) > Duration::from_millis(1500) {
                respond(stream, "403 Forbidden", b"");
            } else {
                ok(stream, &pdf(&request.path));
            }
        });
        let to = target.url("");
        let source = Server::start(move |request, stream| {
            let path = format!("{}-{}", request.path, request.earlier);
            let head = format!("302 Found\r\nLocation: {to}{path}");
            let now = Instant::now();
            valid_from.lock().expect("no panic").insert(path, now);
            respond(stream, &head, b"");
        });
        let links = list((0..4).map(|n| source.url(&format!("/{n}"))));
        let run = Sandbox::new().fetch(mode, links, &["-j", "4"]).exits(0);
        assert_eq!(run.count("downloaded"), 4);
    });
}

#[test]
fn redirects_over_several_hosts_are_limited() {
    for_each_mode(|mode| {
        let other = Arc::new(Mutex::new(String::new()));
        let first = {
            let other = Arc::clone(&other);
            Server::start(move |request, stream| {
                let to = format!("{}{}", other.lock().expect("no panic"), next(&request.path));
                respond(stream, &format!("302 Found\r\nLocation: {to}"), b"");
            })
        };
        let to_first = first.url("");
        let second = Server::start(move |request, stream| {
            let to = format!("{to_first}{}", next(&request.path));
            respond(stream, &format!("302 Found\r\nLocation: {to}"), b"");
        });
        *other.lock().expect("no panic") = second.url("");
        let run = Sandbox::new().fetch(mode, first.url("/loop"), &[]).exits(1);
        run.fails_with("too_many_redirects: redirect loop, back to");
        assert_eq!(first.requests().len() + second.requests().len(), 2);
        let run = Sandbox::new().fetch(mode, first.url("/1"), &[]).exits(1);
        run.fails_with("too_many_redirects: more than 10 redirects");
        assert_eq!(first.requests().len() + second.requests().len(), 2 + 11);
    });
}

/// The path to which a path redirects: the next number, or the same if it is not a number.
fn next(path: &str) -> String {
    let number = path[1..].parse::<u32>().map(|number| number + 1);
    number.map_or_else(|_| path.to_owned(), |number| format!("/{number}"))
}
