//! Limits of sources, by the clock of the server: no window that is documented, or that a response names, has more requests.

use std::io::Read;
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use crate::harness::{Sandbox, for_each_mode, list};
use crate::server::{Server, ok, pdf, respond};

/// When requests have arrived, by their hosts.
type Arrivals = Arc<Mutex<Vec<(String, Instant)>>>;

/// A proxy that is all hosts. Some requests take a while to arrive, like the first one of a connection.
fn proxy(
    answer: impl Fn(&str, &str, &mut TcpStream) + Send + Sync + 'static,
) -> (Server, Arrivals) {
    let arrivals = Arrivals::default();
    let known = Arc::clone(&arrivals);
    let server = Server::start(move |request, stream| {
        let rest = request.path.strip_prefix("http://").unwrap_or_default();
        let (host, path) = rest.split_once('/').expect("an absolute URL");
        if known.lock().expect("no panic").len().is_multiple_of(3) {
            std::thread::sleep(Duration::from_millis(40));
        }
        let arrival = (host.to_owned(), Instant::now());
        known.lock().expect("no panic").push(arrival);
        answer(host, path, stream);
    });
    (server, arrivals)
}

/// Checks that no window of this length has more arrivals at `hosts`. Returns how many there were.
fn check(arrivals: &Arrivals, hosts: &[&str], most: usize, window: Duration) -> usize {
    let arrivals = arrivals.lock().expect("no panic");
    let arrivals = arrivals.iter();
    let times = arrivals.filter(|(host, _)| hosts.contains(&&**host));
    let times: Vec<_> = times.map(|(_, at)| *at).collect();
    for some in times.windows(most + 1) {
        let took = some[most].duration_since(some[0]);
        assert!(took >= window, "{} requests in {took:?}", most + 1);
    }
    times.len()
}

fn records(stdout: &str) -> Vec<Value> {
    let lines = stdout.lines();
    lines
        .map(|line| serde_json::from_str(line).expect("a record"))
        .collect()
}

#[test]
fn no_window_of_a_host_has_more_requests_than_it_may() {
    const CONFIG: &str = "[base]\narxiv = 'http://arxiv.org'\narxiv_export = 'http://export.arxiv.org'\n\
                          [host.'arxiv.org']\nper-host = 1\nrate = ['2/60ms', '5/250ms']\n\
                          [host.'pages.example']\nwait = '1ms'\n";
    for_each_mode(|mode| {
        // a candidate, a redirect on the same host, another one to a host with the same limits, and a retry
        let busy = Mutex::new(true);
        let (server, arrivals) = proxy(move |host, path, stream| match (host, path) {
            ("arxiv.org", "pdf/2401.00010") => respond(stream, "404 Not Found", b""),
            ("arxiv.org", "pdf/2401.00011") => {
                respond(stream, "302 Found\r\nLocation: /pdf/2401.00011v1", b"");
            }
            ("arxiv.org", "pdf/2401.00012") => {
                let head = "302 Found\r\nLocation: http://export.arxiv.org/pdf/2401.00012";
                respond(stream, head, b"");
            }
            ("pages.example", _) => {
                respond(stream, "302 Found\r\nLocation: http://arxiv.org/pdf/x", b"");
            }
            ("arxiv.org", "pdf/2401.00013")
                if std::mem::take(&mut *busy.lock().expect("no panic")) =>
            {
                respond(stream, "500 Oops", b"");
            }
            _ => ok(stream, &pdf(path)),
        });
        let sandbox = Sandbox::new();
        sandbox.write("config.toml", CONFIG);
        let ids = (10..14).map(|n| format!("2401.000{n}"));
        let list = list(ids.chain(["http://pages.example/x.pdf".to_owned()]));
        let proxy = server.url("");
        let args = ["--config", "config.toml", "-x", &proxy];
        let run = sandbox.fetch(mode, list, &args);
        run.exits(0);
        let hosts = ["arxiv.org", "export.arxiv.org"];
        check(&arrivals, &hosts, 2, Duration::from_millis(60));
        let all = check(&arrivals, &hosts, 5, Duration::from_millis(250));
        assert_eq!(all, 9, "{mode}");
    });
}

#[test]
fn no_window_that_a_host_names_has_more_requests() {
    const CONFIG: &str =
        "[base]\ncrossref = 'http://api.crossref.org'\n[id.doi]\nchain = ['crossref']\n";
    for_each_mode(|mode| {
        let (server, arrivals) = proxy(|_, path, stream| {
            let head =
                "X-Rate-Limit-Limit: 3\r\nX-Rate-Limit-Interval: 100ms\r\nX-Concurrency-Limit: 1";
            let head = if path.ends_with('5') {
                format!("404 Not Found\r\n{head}")
            } else {
                let json = "Content-Type: application/json";
                format!("200 OK\r\n{head}\r\n{json}")
            };
            respond(stream, &head, b"{}");
        });
        let sandbox = Sandbox::new();
        sandbox.write("config.toml", CONFIG);
        let list = list((0..12).map(|n| format!("10.1000/{n}")));
        let proxy = server.url("");
        // more than it may have, until it says so
        let own = "api.crossref.org:per-host=1";
        let args = ["--config", "config.toml", "-x", &proxy, "--host", own];
        sandbox.fetch(mode, list, &args).exits(1);
        let hosts = ["api.crossref.org"];
        assert_eq!(check(&arrivals, &hosts, 3, Duration::from_millis(100)), 12);
    });
}

#[test]
fn nothing_is_sent_before_the_time_of_a_reset() {
    const CONFIG: &str = "[base]\nlib = 'http://tdm.example'\n[id.doi]\nchain = ['lib']\n\
                          [source.lib]\npdf = ['{lib_base}/{id}']\n[host.'tdm.example']\nper-host = 1\n";
    for_each_mode(|mode| {
        let resets = Arc::new(Mutex::new(Vec::new()));
        let known = Arc::clone(&resets);
        let (server, arrivals) = proxy(move |_, path, stream| {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("now");
            let pause = Duration::from_millis(120);
            let reset = (now + pause).as_millis() + 1;
            known.lock().expect("no panic").push(Instant::now() + pause);
            let limits =
                format!("CR-TDM-Rate-Limit-Remaining: 0\r\nCR-TDM-Rate-Limit-Reset: {reset}");
            // refusals say it, too
            let head = if path.ends_with('2') {
                format!("404 Not Found\r\n{limits}")
            } else {
                format!("200 OK\r\nContent-Type: application/pdf\r\n{limits}")
            };
            respond(stream, &head, &pdf(path));
        });
        let sandbox = Sandbox::new();
        sandbox.write("config.toml", CONFIG);
        let list = list((1..5).map(|n| format!("10.1000/{n}")));
        let proxy = server.url("");
        let run = sandbox.fetch(mode, list, &["--config", "config.toml", "-x", &proxy]);
        run.exits(1);
        let (arrivals, resets) = (arrivals.lock().expect("it ended"), resets.lock());
        let resets = resets.expect("it ended");
        assert_eq!(arrivals.len(), 4, "{mode}");
        for ((_, next), reset) in arrivals.iter().skip(1).zip(resets.iter()) {
            assert!(next >= reset, "{mode}: {:?} too early", *reset - *next);
        }
    });
}

#[test]
fn a_source_that_says_nothing_is_left_out() {
    for_each_mode(|mode| {
        let silent = Server::start(|_, stream| {
            // until the client has had enough
            let _ = stream.read(&mut [0]);
        });
        let (server, _) = proxy(|host, path, stream| match host {
            "api.openalex.org" if path.contains("none") => {
                respond(stream, "404 Not Found", b"{}");
            }
            "api.openalex.org" => {
                let json = br#"{"best_oa_location": {"pdf_url": "http://files.example/NAME.pdf"}}"#;
                let name = &path[path.find("10.1000/").expect("a DOI") + 8..][..1];
                let json = String::from_utf8_lossy(json).replace("NAME", name);
                respond(stream, "200 OK", json.as_bytes());
            }
            "files.example" => ok(stream, &pdf(path)),
            _ => respond(stream, "404 Not Found", b""),
        });
        let config = format!(
            "[base]\nunpaywall = '{}'\nopenalex = 'http://api.openalex.org'\n\
             [id.doi]\nchain = ['unpaywall', 'openalex']\n",
            silent.url("")
        );
        let sandbox = Sandbox::new();
        sandbox.write("config.toml", config);
        let list = list(
            (1..8)
                .map(|n| format!("10.1000/{n}"))
                .chain(["10.1000/none".to_owned()]),
        );
        let proxy = server.url("");
        let args = [
            "--config",
            "config.toml",
            "-x",
            &proxy,
            "--noproxy",
            "127.0.0.1",
            "--email",
            "me@a.example",
            "--first-byte-timeout",
            "100ms",
            "--json",
        ];
        let run = sandbox.fetch(mode, list, &args).exits(1);
        let records = records(&run.stdout);
        for record in &records {
            let has_pdf = record["id"] != "doi:10.1000/none";
            assert_eq!(
                record["status"] == "downloaded",
                has_pdf,
                "{mode}: {record}"
            );
            if !has_pdf {
                let error = record["error"].as_str().expect("an error");
                let part = "`unpaywall` did not answer";
                assert!(error.contains(part), "{error}");
            }
        }
        let asked = silent.requests().len();
        // those that run at once find out by themselves
        let most = if mode == "sequential" { 3 } else { 16 };
        assert!(asked <= most, "{mode}: {asked}");
        let state = sandbox.path("out/.fetchpdf/lookups.jsonl");
        let known = std::fs::read_to_string(state).expect("answers");
        assert!(!known.contains("\"unpaywall "), "{known}");
    });
}

#[test]
fn keys_of_sources_are_shown_nowhere() {
    let (server, _) = proxy(|_, path, stream| {
        if path.ends_with("/1.pdf") {
            ok(stream, &pdf(path));
        } else {
            respond(stream, "404 Not Found", b"");
        }
    });
    let sandbox = Sandbox::new();
    sandbox.write(
        "config.toml",
        "[id.shelf]\nmatch = 'shelf:(\\d+)'\nchain = ['lib']\nurl = 'http://lib.example/{id}'\n\
         [id.doi]\nchain = ['lib']\n[source.lib]\npdf = ['http://lib.example/of/{key}/{id:name}.pdf']\nkey = 's3 cret'\n",
    );
    let proxy = server.url("");
    let config = ["--config", "config.toml"];
    let args = [&config[..], &["-x", &proxy, "-vv", "--json"]].concat();
    let run = sandbox
        .fetch("async", "10.1000/1\nshelf:2\n", &args)
        .exits(1);
    let journal = std::fs::read_to_string(sandbox.path("out/.fetchpdf/journal.jsonl"));
    let resolved = sandbox.run(&[&["resolve", "10.1000/1"], &config[..]].concat());
    let dry = sandbox.run(&[&["10.1000/1", "--dry-run"], &config[..]].concat());
    assert!(
        resolved.stdout.contains("http://lib.example/of/***/1.pdf"),
        "{resolved:?}"
    );
    let all = [
        run.stdout,
        run.stderr,
        journal.expect("a journal"),
        resolved.stdout,
        dry.stdout,
    ];
    assert!(all.iter().all(|text| !text.contains("cret")), "{all:?}");
    let requests = server.requests();
    let mut sent = requests.iter().map(|request| &request.path);
    assert!(
        sent.any(|path| path.contains("/s3%20cret/")),
        "{requests:?}"
    );
}
