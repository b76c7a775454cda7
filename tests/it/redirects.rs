//! Redirects to other hosts, whose limits hold for them, too.

use std::collections::HashMap;
use std::net::TcpStream;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::harness::{Sandbox, for_each_mode, list};
use crate::server::{Server, ok, pdf, respond, send};

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
        run.fails_with("too_many_redirects: more than 20 redirects");
        assert_eq!(first.requests().len() + second.requests().len(), 2 + 21);
    });
}

/// Redirects to `to`, with these headers.
fn redirect(stream: &mut TcpStream, to: &str, headers: &str) {
    respond(
        stream,
        &format!("302 Found\r\nLocation: {to}{headers}"),
        b"",
    );
}

#[test]
fn a_way_back_with_a_new_cookie_is_followed() {
    for_each_mode(|mode| {
        // sends browsers away to set a cookie, as publishers do
        let server = Server::start(|request, stream| match request.path.split_once("?set=") {
            _ if request
                .header("cookie")
                .is_some_and(|sent| sent.contains("seen=1")) =>
            {
                if let Some((path, _)) = request.path.split_once('?') {
                    return redirect(stream, path, "");
                }
                ok(stream, &pdf(&request.path));
            }
            Some((path, _)) => redirect(stream, path, "\r\nSet-Cookie: seen=1; Path=/"),
            None => redirect(stream, &format!("{}?set=1", request.path), ""),
        });
        let links = list((0..12).map(|n| server.url(&format!("/{n}.pdf"))));
        let run = Sandbox::new().fetch(mode, links, &[]).exits(0);
        assert_eq!(run.count("downloaded"), 12, "{mode}");
    });
}

#[test]
fn a_way_back_with_a_new_cookie_of_another_host_is_followed() {
    for_each_mode(|mode| {
        let paper = Arc::new(Mutex::new(String::new()));
        let back = Arc::clone(&paper);
        let login = Server::start(move |request, stream| {
            let back = format!("{}{}", back.lock().expect("no panic"), request.path);
            match request.header("cookie") {
                Some("session=1") => redirect(stream, &format!("{back}?ticket"), ""),
                _ => redirect(stream, &back, "\r\nSet-Cookie: session=1; Path=/"),
            }
        });
        let to_login = login.url("").replace("127.0.0.1", "localhost");
        let server = Server::start(move |request, stream| match request.path.split_once('?') {
            Some((path, "ticket")) => ok(stream, &pdf(path)),
            _ => redirect(stream, &format!("{to_login}{}", request.path), ""),
        });
        *paper.lock().expect("no panic") = server.url("");
        let links = list((0..6).map(|n| server.url(&format!("/{n}.pdf"))));
        let run = Sandbox::new().fetch(mode, links, &[]).exits(0);
        assert_eq!(run.count("downloaded"), 6, "{mode}");
    });
}

#[test]
fn loops_with_cookies_end() {
    for_each_mode(|mode| {
        let server = Server::start(|request, stream| {
            let cookie = match &*request.path {
                "/a" | "/b" => "same".to_owned(),
                _ => request.earlier.to_string(),
            };
            let to = if request.path == "/a" { "/b" } else { "/a" };
            let to = if request.path == "/other" {
                "/other"
            } else {
                to
            };
            redirect(stream, to, &format!("\r\nSet-Cookie: n={cookie}; Path=/"));
        });
        let fetch = |path, args: &[&str]| {
            let before = server.requests().len();
            let run = Sandbox::new().fetch(mode, server.url(path), args);
            (run.exits(1), server.requests().len() - before)
        };
        let (run, requests) = fetch("/a", &[]);
        run.fails_with("too_many_redirects: redirect loop, back to");
        assert_eq!(requests, 3, "{mode}");
        for (most, limit) in [("20", 21), ("3", 4), ("1", 2)] {
            let (run, requests) = fetch("/other", &["--max-redirs", most]);
            run.fails_with(&format!(
                "too_many_redirects: more than {most} redirects (`--max-redirs`)"
            ));
            assert_eq!(requests, limit, "{mode}");
        }
        let (run, requests) = fetch("/a", &["--max-redirs", "0"]);
        let target = server.url("/b");
        run.fails_with(&format!(
            "too_many_redirects: redirect to `{target}`, which is not followed (`--max-redirs 0`)"
        ));
        assert_eq!(requests, 1, "{mode}");
    });
}

#[test]
fn targets_are_requested_as_browsers_do() {
    for_each_mode(|mode| {
        let cases: [(&str, &[u8], &str); 8] = [
            (
                "302 Found",
                b"/caf\xe9/qualit\xe8.pdf?q=\xe0",
                "/caf%E9/qualit%E8.pdf?q=%E0",
            ),
            ("301 Moved", b"/\xc2\xdb\xce\xc4.pdf", "/%C2%DB%CE%C4.pdf"),
            (
                "307 Temporary",
                "/日本.pdf".as_bytes(),
                "/%E6%97%A5%E6%9C%AC.pdf",
            ),
            (
                "308 Permanent",
                b"my file%20one.pdf#page=2",
                "/my%20file%20one.pdf",
            ),
            ("303 See Other", b" ../%e8/./x|y.pdf ", "/%e8/x|y.pdf"),
            (
                "300 Multiple Choices",
                b"/one-of-them.pdf",
                "/one-of-them.pdf",
            ),
            ("302 Found", b"?download=1", "/6?download=1"),
            ("302 Found", b"//HOST/other.pdf", "/other.pdf"),
        ];
        let targets = cases.map(|(_, _, target)| target.to_owned());
        let server = Server::start(move |request, stream| {
            let number = request.path[1..].parse::<usize>();
            let Some((head, location, _)) = number.ok().and_then(|number| cases.get(number)) else {
                return ok(stream, &pdf(&request.path));
            };
            let location = match *location {
                b"//HOST/other.pdf" => {
                    format!("//{}/other.pdf", request.header("host").expect("a host")).into_bytes()
                }
                location => location.to_vec(),
            };
            send(
                stream,
                format!("HTTP/1.1 {head}\r\nContent-Length: 0\r\nLocation: "),
            );
            send(stream, location);
            send(stream, "\r\n\r\n");
        });
        let links = list((0..targets.len()).map(|n| server.url(&format!("/{n}"))));
        Sandbox::new().fetch(mode, links, &[]).exits(0);
        let requests = server.requests();
        for target in targets {
            assert!(
                requests.iter().any(|request| request.path == target),
                "{mode}: {target}: {requests:?}"
            );
        }
    });
}

/// The path to which a path redirects: the next number, or the same if it is not a number.
fn next(path: &str) -> String {
    let number = path[1..].parse::<u32>().map(|number| number + 1);
    number.map_or_else(|_| path.to_owned(), |number| format!("/{number}"))
}
