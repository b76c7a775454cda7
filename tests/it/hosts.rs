//! Per-host behavior: limits, pauses, and the circuit breaker.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Barrier, Mutex};
use std::time::{Duration, Instant};

use crate::harness::{Sandbox, for_each_mode, list, until};
use crate::server::{Server, close, ok, pdf, respond};

fn links(server: &Server, count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|n| server.url(&format!("/{n}.pdf")))
}

#[test]
fn per_host_limit_is_never_exceeded() {
    for_each_mode(|mode| {
        let (server, most) = Server::of_pdfs_at_once();
        let sandbox = Sandbox::new();
        sandbox
            .fetch(
                mode,
                list(links(&server, 60)),
                &["--per-host", "2", "-j", "16"],
            )
            .exits(0);
        assert!(most.load(SeqCst) <= 2, "{mode}");
        // a request does not wait for a connection that is about to become free
        let opened = server.connections();
        assert!(opened < 15, "{mode}: {opened} connections for 60 links");
        assert_eq!(sandbox.names().len(), 60);
    });
}

#[test]
fn starts_at_a_host_are_spaced() {
    for_each_mode(|mode| {
        for limit in [
            &["--wait", "60ms"][..],
            &["--rate", "1/60ms"],
            &["--host", "127.0.0.1:wait=60ms"],
        ] {
            let times = Arc::new(Mutex::new(Vec::new()));
            let noting = Arc::clone(&times);
            let server = Server::start(move |request, stream| {
                noting.lock().expect("no panic").push(Instant::now());
                ok(stream, &pdf(&request.path));
            });
            let start = Instant::now();
            Sandbox::new()
                .fetch(mode, list(links(&server, 4)), limit)
                .exits(0);
            let times = times.lock().expect("no panic");
            // from the start, as the first request may arrive late on a loaded machine
            assert!(
                times[3] - start >= Duration::from_millis(180),
                "{mode} {limit:?}"
            );
        }
    });
}

#[test]
fn retry_after_pauses_all_links_of_the_host() {
    for_each_mode(|mode| {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let noting = Arc::clone(&asked);
        let server = Server::start(move |request, stream| {
            let mut asked = noting.lock().expect("no panic");
            asked.push(Instant::now());
            if asked.len() == 1 {
                respond(stream, "429 Too Many Requests\r\nRetry-After: 1", b"");
            } else {
                ok(stream, &pdf(&request.path));
            }
        });
        let sandbox = Sandbox::new();
        sandbox
            .fetch(mode, list(links(&server, 5)), &["-j", "1"])
            .exits(0);
        let asked = asked.lock().expect("no panic");
        assert_eq!((asked.len(), sandbox.names().len()), (6, 5));
        assert!(
            asked[1] - asked[0] >= Duration::from_secs(1),
            "not only the link that was refused waits"
        );
    });
}

#[test]
fn failing_host_is_given_up_after_few_requests() {
    for_each_mode(|mode| {
        let dead = Server::start(|_, stream| close(stream));
        let good = Server::of_pdfs();
        let sandbox = Sandbox::new();
        let run = sandbox
            .fetch(
                mode,
                list(links(&dead, 500).chain(links(&good, 40))),
                &["-j", "8"],
            )
            .exits(1);
        assert_eq!((run.count("downloaded"), run.count("failed")), (40, 500));
        assert!(run.stdout.contains(" host_unhealthy"), "{run:?}");
        let failing = format!(
            "failing     {}: 500 of 500, mostly host_unhealthy\n",
            dead.url("")
        );
        assert!(run.stdout.contains(&failing), "{run:?}");
        assert!(
            dead.requests().len() < 100,
            "{mode}: {} requests",
            dead.requests().len()
        );
        let unasked = sandbox
            .journal()
            .into_iter()
            .filter(|record| record["status"] == "host_unhealthy");
        assert!(
            unasked.clone().count() > 400
                && unasked.clone().all(|record| record["retryable"] == true)
        );
    });
}

#[test]
fn failed_lookup_is_shared_by_all_links() {
    for_each_mode(|mode| {
        let links = list((0..2000).map(|n| format!("http://no-such-host.invalid/{n}.pdf")));
        let run = Sandbox::new().fetch(mode, links, &[]).exits(1);
        assert!(run.stdout.contains("failed      2000: 2000 dns"), "{run:?}");
    });
}

#[test]
fn slow_host_does_not_delay_others() {
    for mode in ["threads", "pool", "async"] {
        let quick = Arc::new(Server::of_pdfs());
        let others = Arc::clone(&quick);
        // it answers when all others have been asked, and would be waited for for ever if it took all places
        let slow = Server::start(move |request, stream| {
            until(|| others.requests().len() == 8);
            ok(stream, &pdf(&request.path));
        });
        let list = list(links(&slow, 8).chain(links(&quick, 8)));
        Sandbox::new().fetch(mode, list, &["-j", "4"]).exits(0);
    }
}

#[test]
fn waiting_retry_does_not_delay_others() {
    for_each_mode(|mode| {
        let server =
            Server::start(
                |request, stream| match (request.path.as_str(), request.earlier) {
                    ("/0.pdf", 0) => respond(stream, "500 Internal Server Error", b""),
                    (path, _) => ok(stream, &pdf(path)),
                },
            );
        let sandbox = Sandbox::new();
        sandbox.write("links.txt", list(links(&server, 4)));
        let args = [
            "links.txt",
            "-o",
            "out",
            "-m",
            mode,
            "-j",
            "1",
            "--retry-delay",
            "200ms",
            "-q",
        ];
        sandbox.run(&args).exits(0);
        let order: Vec<_> = server
            .requests()
            .into_iter()
            .map(|request| request.path)
            .collect();
        assert_eq!(order.len(), 5);
        assert_eq!(order[0], "/0.pdf");
    });
}

#[test]
fn run_limits_end_the_run() {
    for_each_mode(|mode| {
        let server = Server::start(|request, stream| match request.path.as_str() {
            "/bad.pdf" => respond(stream, "404 Not Found", b""),
            path => ok(stream, &pdf(path)),
        });
        for (limit, value, downloaded) in [
            ("--max-downloads", "5", 5),
            ("--quota", "20k", 5),
            ("--max-failures", "1", 0),
        ] {
            let sandbox = Sandbox::new();
            let bad = (limit == "--max-failures").then(|| server.url("/bad.pdf"));
            let links = list(bad.into_iter().chain(links(&server, 30)));
            let run = sandbox
                .fetch(mode, &links, &[limit, value, "-j", "1"])
                .exits(1);
            assert_eq!(run.count("downloaded"), downloaded, "{run:?}");
            assert!(
                run.stdout.contains(&format!("`{limit}` reached")),
                "{run:?}"
            );
            let run = sandbox.fetch(mode, &links, &[]);
            assert_eq!(
                run.count("downloaded") + run.count("present"),
                30,
                "the same command again does the rest"
            );
        }
        let bad = "nonsense\n".repeat(3);
        let list_of_bad = [bad.as_str(), &list(links(&server, 30))].concat();
        let run = Sandbox::new().fetch(mode, &list_of_bad, &["--max-failures", "3"]);
        assert!(run.stdout.contains("`--max-failures` reached"), "{run:?}");
        assert_eq!(run.exits(1).count("downloaded"), 0);

        let stuck = Server::start(|_, _| {});
        let run = Sandbox::new()
            .fetch(
                mode,
                list(links(&stuck, 9)),
                &["--max-total-time", "100ms", "-j", "2"],
            )
            .exits(1);
        assert!(run.stdout.contains("`--max-total-time` reached"), "{run:?}");
    });
}

#[test]
fn no_more_links_start_than_files_are_wanted() {
    for_each_mode(|mode| {
        for (most, gone) in [(0, 0), (3, 0), (3, 4)] {
            let server = Server::start(|request, stream| match request.path.as_str() {
                path if path.starts_with("/gone") => respond(stream, "404 Not Found", b""),
                path => ok(stream, &pdf(path)),
            });
            let dead = (0..gone).map(|number| server.url(&format!("/gone{number}.pdf")));
            let links = list(dead.chain(links(&server, 30)));
            let args = ["--max-downloads", &most.to_string()];
            let run = Sandbox::new().fetch(mode, &links, &args).exits(1);
            assert_eq!(run.count("downloaded"), most, "{run:?}");
            assert_eq!(server.requests().len() as u64, most + gone, "{run:?}");
        }
    });
}

#[test]
fn limit_ends_a_run_whose_other_links_wait_for_a_retry() {
    for_each_mode(|mode| {
        let (asked, good) = (Arc::new(AtomicBool::new(false)), Server::of_pdfs());
        let refusing = Arc::clone(&asked);
        let busy = Server::start(move |_, stream| {
            refusing.store(true, SeqCst);
            respond(stream, "503 Service Unavailable", b"");
        });
        let gone = Server::start(move |_, stream| {
            until(|| asked.load(SeqCst));
            respond(stream, "404 Not Found", b"");
        });
        for (limit, value, link) in [
            ("--max-downloads", "1", good.url("/b.pdf")),
            ("--max-failures", "1", gone.url("/b.pdf")),
        ] {
            let links = list([busy.url("/a.pdf"), link]);
            let args = [
                limit,
                value,
                "--retry-delay",
                "1h",
                "--retry-max-wait",
                "1h",
            ];
            let run = Sandbox::new().fetch(mode, links, &args).exits(1);
            assert!(run.stdout.contains("reached"), "{run:?}");
        }
    });
}

#[test]
fn skip_existing_accepts_foreign_files() {
    for_each_mode(|mode| {
        let server = Server::of_pdfs();
        let sandbox = Sandbox::new();
        sandbox.write("out/0.pdf", "from somewhere else");
        sandbox.write("out/1.pdf", "");
        let run = sandbox
            .fetch(mode, list(links(&server, 3)), &["--skip-existing"])
            .exits(0);
        assert_eq!(
            (
                run.count("present"),
                run.count("downloaded"),
                server.requests().len()
            ),
            (1, 2, 2)
        );
        assert_eq!(sandbox.files()["0.pdf"], b"from somewhere else");
    });
}

/// Waits without giving up the thread's turn, as a request does on a long way.
fn be_late(time: Duration) {
    let began = Instant::now();
    while began.elapsed() < time {
        std::thread::yield_now();
    }
}

#[test]
fn no_server_sees_more_than_the_rates() {
    let limits = [
        (2, Duration::from_millis(60)),
        (5, Duration::from_millis(300)),
    ];
    for_each_mode(|mode| {
        let arrivals = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&arrivals);
        let server = Server::start(move |request, stream| {
            let path = request.path.as_str();
            if path.starts_with("/0") || path.starts_with("/1") {
                // the first ones are the last to arrive
                be_late(Duration::from_millis(50));
            }
            seen.lock()
                .expect("nobody has panicked")
                .push(Instant::now());
            match path.strip_prefix("/moved") {
                Some(path) => respond(stream, &format!("302 Found\r\nLocation: {path}"), b""),
                None => ok(stream, &pdf(path)),
            }
        });
        let sandbox = Sandbox::new();
        let moved = (10..13).map(|n| server.url(&format!("/moved/{n}.pdf")));
        let links = list(links(&server, 8).chain(moved));
        let args = ["--host", "127.0.0.1:rate=2/60ms,rate=5/300ms"];
        sandbox.fetch(mode, links, &args).exits(0);
        let mut arrivals = arrivals.lock().expect("nobody has panicked").clone();
        arrivals.sort_unstable();
        assert_eq!(arrivals.len(), 8 + 2 * 3);
        for (most, time) in limits {
            for window in arrivals.windows(most + 1) {
                let span = window[most] - window[0];
                assert!(span >= time, "{mode}: {} in {span:?}", most + 1);
            }
        }
    });
}

#[test]
fn limit_rate_is_honored() {
    for_each_mode(|mode| {
        let server = Server::of_pdfs();
        let sandbox = Sandbox::new();
        let started = Instant::now();
        sandbox
            .fetch(mode, list(links(&server, 20)), &["--limit-rate", "200k"])
            .exits(0);
        // twenty files of five kilobytes
        assert!(started.elapsed() > Duration::from_millis(350));
    });
}

#[test]
fn failing_redirect_target_does_not_count_against_the_host() {
    for_each_mode(|mode| {
        let server = Server::start(|request, stream| match request.path.as_str() {
            path if path.starts_with("/moved") => {
                respond(
                    stream,
                    "302 Found\r\nLocation: http://no-such-host.invalid/x.pdf",
                    b"",
                );
            }
            path => ok(stream, &pdf(path)),
        });
        let sandbox = Sandbox::new();
        let moved = (0..12).map(|n| server.url(&format!("/moved{n}.pdf")));
        let links = list(moved.chain(links(&server, 40)));
        let run = sandbox
            .fetch(mode, links, &["--per-host", "2", "--retry", "0"])
            .exits(1);
        assert_eq!(
            (run.count("downloaded"), run.count("failed")),
            (40, 12),
            "{run:?}"
        );
    });
}

#[test]
fn excessive_retry_after_gives_up_the_host() {
    for_each_mode(|mode| {
        let server = Server::start(|_, stream| {
            respond(
                stream,
                "429 Too Many Requests\r\nRetry-After: 99999999999999999999",
                b"",
            );
        });
        let good = Server::of_pdfs();
        let sandbox = Sandbox::new();
        let links = list(links(&server, 30).chain(links(&good, 20)));
        let run = sandbox.fetch(mode, links, &["-j", "2"]).exits(1);
        assert_eq!(
            (run.count("downloaded"), run.count("failed")),
            (20, 30),
            "{run:?}"
        );
        assert!(
            run.stdout.contains(": 30 rate_limited") && server.requests().len() <= 4,
            "{run:?}"
        );
    });
}

#[test]
fn excessive_retry_after_of_one_link_does_not_end_the_others() {
    for_each_mode(|mode| {
        let server = Server::start(|request, stream| match &*request.path {
            "/0.pdf" | "/5.pdf" => {
                respond(stream, "429 Too Many Requests\r\nRetry-After: 99999", b"");
            }
            path => ok(stream, &pdf(path)),
        });
        let links = list(links(&server, 10));
        let run = Sandbox::new().fetch(mode, links, &["-j", "2"]).exits(1);
        assert_eq!(
            (run.count("downloaded"), run.count("failed")),
            (8, 2),
            "{run:?}"
        );
        assert_eq!(server.requests().len(), 10);
    });
}

#[test]
fn excessive_retry_after_of_links_under_way_together_counts_once() {
    for mode in ["threads", "pool", "async"] {
        let both = Barrier::new(2);
        let server = Server::start(move |request, stream| match &*request.path {
            "/0.pdf" | "/1.pdf" => {
                both.wait();
                respond(stream, "429 Too Many Requests\r\nRetry-After: 99999", b"");
            }
            path => ok(stream, &pdf(path)),
        });
        let links = list(links(&server, 10));
        let run = Sandbox::new().fetch(mode, links, &["-j", "2"]).exits(1);
        let counts = (run.count("downloaded"), run.count("failed"));
        assert_eq!(counts, (8, 2), "{mode}: {run:?}");
    }
}

#[test]
fn credentials_are_not_part_of_the_host() {
    for_each_mode(|mode| {
        let server = Server::start(|_, stream| respond(stream, "404 Not Found", b""));
        let good = Server::of_pdfs();
        let secret = links(&server, 3).map(|link| link.replace("http://", "http://jane:hunter2@"));
        let run = Sandbox::new()
            .fetch(mode, list(secret.chain(links(&good, 1))), &["-v"])
            .exits(1);
        assert!(
            !run.stdout.contains("hunter2") && !run.stderr.contains("hunter2"),
            "{run:?}"
        );
        assert!(
            run.stdout
                .contains(&format!("failing     {}: 3 of 3", server.url(""))),
            "{run:?}"
        );
    });
}
