//! Soft blocks: hosts that send the same body for all links.

use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use sha2::Sha256;

use crate::checksums::hex;
use crate::codings::gzip;
use crate::harness::{MODES, Run, Running, Sandbox, for_each_mode, list, until};
use crate::server::{Server, ok, pdf, respond, send};

/// A list of so many links of `server`.
fn links(server: &Server, count: usize) -> String {
    list((0..count).map(|n| server.url(&format!("/{n}.pdf"))))
}

/// All links have ended, each with one outcome.
#[track_caller]
fn adds_up(run: &Run, saved: usize, failed: usize) {
    let counts = (run.count("downloaded"), run.count("failed"));
    assert_eq!(counts, (saved as u64, failed as u64), "{run:#?}");
}

/// A server that sends what `block` writes while it is on, and then a PDF of its own for each link.
fn switched(block: impl Fn(&mut TcpStream) + Send + Sync + 'static) -> (Server, Arc<AtomicBool>) {
    let is_on = Arc::new(AtomicBool::new(true));
    let switch = Arc::clone(&is_on);
    let server = Server::start(move |request, stream| {
        if is_on.load(SeqCst) {
            block(stream);
        } else {
            ok(stream, &pdf(&request.path));
        }
    });
    (server, switch)
}

fn page(stream: &mut TcpStream) {
    let page = format!("<!doctype html><title>Sorry</title><p>{}", "x".repeat(3000));
    respond(
        stream,
        "200 OK\r\nContent-Type: application/pdf",
        page.as_bytes(),
    );
}

fn challenge(stream: &mut TcpStream) {
    let page = b"<!doctype html><title>Access denied</title><h1>Access denied</h1><p>Unusual traffic from your network.";
    respond(stream, "200 OK\r\nContent-Type: text/html", page);
}

/// A page that declares a PDF of its own.
fn article(stream: &mut TcpStream, path: &str) {
    let page = format!(
        "<!doctype html><title>On {path}</title><meta name=citation_title content='On {path}'><meta name=citation_pdf_url content=/file{path}>"
    );
    respond(stream, "200 OK\r\nContent-Type: text/html", page.as_bytes());
}

#[test]
fn the_same_body_for_all_links_is_no_file() {
    const CODED: &str = "200 OK\r\nContent-Encoding: gzip";
    let json = |stream: &mut TcpStream| {
        let json = format!("{{\"error\": \"{}\"}}", "x".repeat(3000));
        respond(stream, "200 OK", json.as_bytes());
    };
    let bodies: [fn(&mut TcpStream); 7] = [
        |stream| ok(stream, &pdf("access blocked")),
        page,
        json,
        |stream| ok(stream, b"blocked"),
        |stream| ok(stream, b"<?xml version='1.0'?><Error>SlowDown</Error>"),
        |stream| respond(stream, CODED, &gzip(&pdf("access blocked"))),
        |stream| respond(stream, CODED, &gzip(b"<html><p>Sorry, slow down")),
    ];
    for_each_mode(|mode| {
        let hosts = bodies.map(switched);
        let links: String = hosts.iter().map(|(host, _)| links(host, 8)).collect();
        let sandbox = Sandbox::new();
        let run = sandbox.fetch(mode, &links, &["--retry", "1"]);
        adds_up(&run, 0, 56);
        let summary = "failed      56: 56 blocked\n";
        assert!(run.stdout.contains(summary), "{run:#?}");
        assert!(run.stdout.contains("`--no-block-detection`"), "{run:#?}");
        let told = run.stderr.matches("looks like a block: they").count();
        assert_eq!(told, hosts.len(), "{run:#?}");
        assert!(sandbox.names().is_empty(), "{mode}: {:?}", sandbox.names());
        assert!(sandbox.parts().is_empty());
        run.exits(1);
        for (_, is_on) in &hosts {
            is_on.store(false, SeqCst);
        }
        adds_up(&sandbox.fetch(mode, &links, &[]).exits(0), 56, 0);
    });
}

#[test]
fn files_that_are_taken_back_are_kept_aside_and_recorded_again() {
    for_each_mode(|mode| {
        let (server, _) = switched(|stream| ok(stream, &pdf("access blocked")));
        let sandbox = Sandbox::new();
        let args = ["--retry", "0", "--json", "-j", "2"];
        let run = sandbox.fetch(mode, links(&server, 20), &args).exits(1);
        let aside = std::fs::read_dir(sandbox.path("out/.fetchpdf/blocked")).expect("a folder");
        let aside: Vec<_> = aside.map(|entry| entry.expect("a file").path()).collect();
        assert_eq!(aside.len(), 4);
        for path in aside {
            assert_eq!(std::fs::read(&path).expect("a file"), pdf("access blocked"));
            let name = path.file_name().expect("a name").to_str().expect("UTF-8");
            assert!(
                run.stderr
                    .contains(&format!("is now `.fetchpdf/blocked/{name}`")),
                "{run:#?}"
            );
        }
        let records = run
            .stdout
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"));
        let records: Vec<serde_json::Value> = records.collect();
        assert_eq!(records.len(), 20 + 4, "{run:#?}");
        for n in 0..20 {
            let of_link = |record: &&serde_json::Value| record["line"] == n + 1;
            let last = records.iter().rfind(of_link).expect("a record");
            assert_eq!(
                (&last["status"], &last["retryable"]),
                (&"blocked".into(), &true.into())
            );
            assert!(
                sandbox.journal().iter().rfind(of_link).expect("a record")["status"] == "blocked"
            );
        }
    });
}

#[test]
fn honest_duplicates_are_files() {
    for_each_mode(|mode| {
        let many = Server::start(|request, stream| {
            let name = request.path.trim_start_matches("/named/");
            let head =
                format!("200 OK\r\nContent-Disposition: attachment; filename=\"{name}.pdf\"");
            match &*request.path {
                "/3.pdf" | "/9.pdf" | "/11.pdf" | "/12.pdf" => ok(stream, &pdf("twice")),
                path if path.starts_with("/named/") => respond(stream, &head, &pdf("named")),
                path => ok(stream, &pdf(path)),
            }
        });
        // each on a port of its own, which is a host of its own
        let others: Vec<_> = (0..6)
            .map(|_| Server::start(|_, stream| ok(stream, &pdf("same"))))
            .collect();
        let elsewhere = others.iter().map(|server| server.url("/copy.pdf"));
        let named = (0..6).map(|n| many.url(&format!("/named/{n}")));
        let links = links(&many, 20) + &list(elsewhere.chain(named));
        let sandbox = Sandbox::new();
        let run = sandbox.fetch(mode, links, &[]).exits(0);
        adds_up(&run, 32, 0);
        assert_eq!((sandbox.names().len(), &*run.stderr), (32, ""));
    });
}

#[test]
fn files_that_the_list_vouches_for_are_files() {
    for_each_mode(|mode| {
        let server = Server::start(|_, stream| ok(stream, &pdf("same")));
        let digest = hex::<Sha256>(&pdf("same"));
        let rows = (0..7).map(|n| format!("sha256:{digest};{}", server.url(&format!("/{n}.pdf"))));
        let links = list(std::iter::once("checksum;url".to_owned()).chain(rows));
        let run = Sandbox::new().fetch(mode, links, &[]).exits(0);
        adds_up(&run, 7, 0);
    });
}

#[test]
fn files_with_the_same_ends_are_files() {
    for_each_mode(|mode| {
        let server = Server::start(|request, stream| {
            let (head, middle) = (b"%PDF-1.7\n".repeat(200), pdf(&request.path));
            let tail = b"\nstartxref\n9\n%%EOF\n".repeat(100);
            ok(stream, &[&head[..], &middle, &tail].concat());
        });
        let sandbox = Sandbox::new();
        let run = sandbox.fetch(mode, links(&server, 20), &[]).exits(0);
        adds_up(&run, 20, 0);
        assert_eq!(run.stderr, "");
    });
}

#[test]
fn a_block_that_ends_costs_no_file() {
    let bodies: [fn(&mut TcpStream); 3] =
        [|stream| ok(stream, &pdf("access blocked")), page, challenge];
    for_each_mode(|mode| {
        let hosts = bodies.map(|body| {
            let count = AtomicUsize::new(0);
            Server::start(move |request, stream| match count.fetch_add(1, SeqCst) {
                4..=12 => body(stream),
                _ => ok(stream, &pdf(&request.path)),
            })
        });
        let links: String = hosts.iter().map(|host| links(host, 12)).collect();
        let sandbox = Sandbox::new();
        let args = ["--name", "{host}-{index}.pdf", "--report", "report.jsonl"];
        let run = sandbox.fetch(mode, links, &args).exits(0);
        adds_up(&run, 36, 0);
        let mut contents: Vec<_> = sandbox.files().into_values().collect();
        let expected = (0..36).map(|n| pdf(&format!("/{}.pdf", n % 12)));
        let mut expected: Vec<_> = expected.collect();
        contents.sort();
        expected.sort();
        assert!(contents == expected, "{mode}: {run:#?}");
    });
}

#[test]
fn what_is_behind_pages_is_looked_at_apart() {
    for_each_mode(|mode| {
        // the pages are blocked, or else what is behind them
        let hosts = [false, true].map(|is_behind| {
            let count = AtomicUsize::new(0);
            Server::start(move |request, stream| {
                let is_file = request.path.starts_with("/file");
                let is_one = is_file == is_behind;
                match is_one.then(|| count.fetch_add(1, SeqCst)) {
                    Some(4..=12) if is_file => ok(stream, &pdf("access blocked")),
                    Some(4..=12) => page(stream),
                    _ if is_file => ok(stream, &pdf(&request.path)),
                    _ => article(stream, &request.path),
                }
            })
        });
        let links: String = hosts.iter().map(|host| links(host, 12)).collect();
        let sandbox = Sandbox::new();
        let args = ["--name", "{host}-{index}.pdf"];
        let run = sandbox.fetch(mode, links, &args).exits(0);
        adds_up(&run, 24, 0);
        let files = sandbox.files();
        let mut contents: Vec<_> = files.values().collect();
        contents.sort();
        contents.dedup();
        assert!(contents.len() == 12, "{mode}: {run:#?}");
    });
}

#[test]
fn a_challenge_for_all_links_keeps_its_word() {
    for_each_mode(|mode| {
        let (all, few) = (switched(challenge).0, switched(challenge).0);
        let some = Server::start(|request, stream| match request.path.len() {
            6 => challenge(stream),
            _ => ok(stream, &pdf(&request.path)),
        });
        let links = links(&all, 80) + &links(&few, 4) + &links(&some, 20);
        let sandbox = Sandbox::new();
        let run = sandbox.fetch(mode, &links, &["--jobs", "4"]).exits(1);
        // with ten of the last server
        adds_up(&run, 10, 94);
        assert!(run.stdout.contains("94 challenge\n"), "{run:#?}");
        assert_eq!(few.requests().len(), 4);
        let requests = all.requests().len();
        assert!((64..=76).contains(&requests), "{mode}: {requests}");
        let requests = some.requests().len();
        assert!(requests <= 32, "{mode}: {requests}");
    });
}

#[test]
fn blocks_are_found_whatever_happens_to_files() {
    let options = [
        &["--dedupe", "skip"][..],
        &["--dedupe", "hardlink"],
        &["--overwrite"],
        &["--name", "{host}/{index}/{name}"],
        &["--landing", "off"],
        &["--remote-time", "--update"],
    ];
    for (args, mode) in options.into_iter().zip(MODES.iter().cycle()) {
        let is_page = args.contains(&"off");
        let (server, is_on) = switched(move |stream| {
            if is_page {
                page(stream);
            } else {
                ok(stream, &pdf("access blocked"));
            }
        });
        let sandbox = Sandbox::new();
        let run = sandbox.fetch(mode, links(&server, 7), &[args, &["--retry", "0"]].concat());
        adds_up(&run, 0, 7);
        assert!(sandbox.names().is_empty(), "{mode}: {:?}", sandbox.names());
        run.exits(1);
        is_on.store(false, SeqCst);
        let run = sandbox.fetch(mode, links(&server, 7), args).exits(0);
        adds_up(&run, 7, 0);
    }
}

#[test]
fn block_detection_can_be_switched_off() {
    for_each_mode(|mode| {
        let (server, _) = switched(|stream| ok(stream, &pdf("the same on purpose")));
        let sandbox = Sandbox::new();
        let run = sandbox.fetch(mode, links(&server, 7), &["--no-block-detection"]);
        adds_up(&run.exits(0), 7, 0);
        let (server, _) = switched(page);
        let run = sandbox.fetch(mode, links(&server, 7), &["--no-block-detection"]);
        assert!(run.stdout.contains("7 no_pdf_link"), "{run:#?}");
        sandbox.write("quiet.toml", "no-block-detection = true\n");
        let (server, _) = switched(|stream| ok(stream, b""));
        let run = sandbox.fetch(mode, links(&server, 7), &["--config", "quiet.toml"]);
        assert!(run.stdout.contains("7 not_pdf"), "{run:#?}");
    });
}

#[test]
fn dead_links_are_no_block() {
    for_each_mode(|mode| {
        let (server, _) = switched(|stream| {
            let page = b"<!doctype html><title>Page not found</title><h1>404 Not Found</h1>";
            respond(stream, "200 OK\r\nContent-Type: text/html", page);
        });
        let moved = Server::start(|request, stream| match &*request.path {
            "/news" => page(stream),
            _ => respond(stream, "302 Found\r\nLocation: /news", b""),
        });
        let links = links(&server, 7) + &links(&moved, 7);
        let run = Sandbox::new().fetch(mode, links, &[]).exits(1);
        let summary = "failed      14: 7 no_pdf_link, 7 gone\n";
        assert!(run.stdout.contains(summary), "{run:#?}");
        assert_eq!(server.requests().len() + moved.requests().len(), 21);
    });
}

#[test]
fn dead_links_among_good_ones_end_as_what_they_are() {
    let json: fn(&mut TcpStream) = |stream| ok(stream, b"{\"error\": \"E17\"}");
    let placeholder: fn(&mut TcpStream) = |stream| ok(stream, &pdf("no full text available"));
    let cases = [(json, "not_pdf"), (placeholder, "")];
    for_each_mode(|mode| {
        for (body, status) in cases {
            let server = Server::start(move |request, stream| match request.path.as_bytes()[1] {
                b'd' => body(stream),
                _ => ok(stream, &pdf(&request.path)),
            });
            let good = |range: std::ops::Range<u32>| {
                list(range.map(|n| server.url(&format!("/g{n}.pdf"))))
            };
            let dead = list((0..30).map(|n| server.url(&format!("/d{n}.pdf"))));
            let links = good(0..3) + &dead + &good(3..6);
            let sandbox = Sandbox::new();
            let run = sandbox.fetch(mode, &links, &["--json", "--per-host", "4"]);
            for n in 0..6 {
                let path = format!("/g{n}.pdf");
                assert_eq!(sandbox.files()[&path[1..]], pdf(&path), "{mode}: {run:#?}");
            }
            assert!(!run.stdout.contains("\"blocked\""), "{run:#?}");
            if status.is_empty() {
                assert_eq!(sandbox.names().len(), 36, "{run:#?}");
                let suspect = "\"suspect\":\"the same as for other links of its host\"";
                assert!(run.stdout.matches(suspect).count() > 20, "{run:#?}");
            } else {
                let records = run.stdout.matches(&format!("\"{status}\"")).count();
                assert!(records >= 30, "{run:#?}");
            }
            let requests = server.requests().len();
            assert!(requests <= 36 + 12, "{mode}: {requests} {run:#?}");
        }
    });
}

#[test]
fn a_host_without_anything_else_gets_few_requests() {
    for_each_mode(|mode| {
        let (host, _) = switched(|stream| ok(stream, &pdf("access blocked")));
        let good = Server::of_pdfs();
        let urls = links(&host, 100) + &links(&good, 5);
        let sandbox = Sandbox::new();
        let run = sandbox.fetch(mode, &urls, &["--jobs", "8"]);
        adds_up(&run, 5, 100);
        assert!(run.stdout.contains("100 blocked\n"), "{run:#?}");
        assert_eq!(sandbox.names().len(), 5);
        let requests = host.requests().len();
        assert!((69..=80).contains(&requests), "{mode}: {requests}");
        assert_eq!(good.requests().len(), 5);
    });
}

#[test]
fn urls_of_one_document_are_files() {
    for_each_mode(|mode| {
        let server = Server::start(|request, stream| match &*request.path {
            path if path.starts_with("/moved/") => {
                respond(stream, "302 Found\r\nLocation: /one.pdf", b"");
            }
            path if path.starts_with("/chapter/") => {
                let page = format!(
                    "<!doctype html><title>Chapter {path}</title><meta name=citation_title content='{path}'><meta name=citation_pdf_url content=/volume.pdf>"
                );
                respond(stream, "200 OK\r\nContent-Type: text/html", page.as_bytes());
            }
            _ => ok(stream, &pdf("the same")),
        });
        let paths = [
            "/doc.pdf?page=#",
            "/mirror#/doc.pdf",
            "/moved/#.pdf",
            "/chapter/#",
        ];
        let paths = paths.iter().flat_map(|path| {
            let url = |n: u32| server.url(&path.replace('#', &n.to_string()));
            (1..8).map(url)
        });
        let named =
            (1..8).map(|n| format!("{}\tname{n}.pdf", server.url(&format!("/form?id={n}"))));
        let sandbox = Sandbox::new();
        let run = sandbox.fetch(mode, list(paths), &[]).exits(0);
        adds_up(&run, 28, 0);
        assert_eq!(run.stderr, "");
        let run = sandbox.fetch(mode, list(named), &[]).exits(0);
        adds_up(&run, 7, 0);
    });
}

#[cfg(unix)]
#[test]
fn what_was_taken_back_is_fetched_by_the_next_run() {
    for_each_mode(|mode| {
        let (server, is_on) = switched(|stream| ok(stream, &pdf("access blocked")));
        let sandbox = Sandbox::new();
        sandbox.write("links.txt", links(&server, 7));
        let args = ["links.txt", "-o", "out", "--mode", mode];
        let long = ["--retry-delay", "60", "--jobs", "3"];
        let mut running = Running::start(sandbox.command(&[&args[..], &long].concat()));
        for _ in 0..4 {
            running.until_it_says("is now");
        }
        running.signal("KILL");
        running.end();
        assert!(sandbox.names().is_empty());
        let run = sandbox.run(&["verify", "out"]);
        assert!(run.stdout.contains("missing"), "{run:#?}");
        is_on.store(false, SeqCst);
        let run = sandbox.run(&args).exits(0);
        adds_up(&run, 7, 0);
        let expected: Vec<_> = (0..7).map(|n| format!("{n}.pdf")).collect();
        assert_eq!(sandbox.names(), expected);
        sandbox.run(&["verify", "out"]).exits(0);
    });
}

#[test]
fn damaged_bodies_are_no_block() {
    for_each_mode(|mode| {
        let (server, _) = switched(|stream| {
            let head = "200 OK\r\nContent-MD5: 1B2M2Y8AsgTpgAmY7PhCfg==";
            respond(stream, head, &pdf("not empty"));
        });
        let whole = pdf("cut");
        let cut = Server::start(move |_, stream| {
            let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
            send(stream, format!("{head}{:x}\r\n", whole.len() - 100));
            send(stream, &whole[..whole.len() - 100]);
            send(stream, "\r\n0\r\n\r\n");
        });
        let links = links(&server, 7) + &links(&cut, 7);
        let run = Sandbox::new()
            .fetch(mode, links, &["--retry", "0"])
            .exits(1);
        let summary = "failed      14: 7 truncated, 7 checksum_mismatch\n";
        assert!(run.stdout.contains(summary), "{run:#?}");
    });
}

#[test]
fn links_that_lead_elsewhere_are_blocked_too() {
    for_each_mode(|mode| {
        let block = Server::start(|_, stream| ok(stream, &pdf("access blocked")));
        let target = block.url("");
        let server = Server::start(move |request, stream| {
            let location = format!("{target}{}", request.path);
            respond(stream, &format!("302 Found\r\nLocation: {location}"), b"");
        });
        let mirror = Server::of_pdfs();
        let sandbox = Sandbox::new();
        let run = sandbox.fetch(mode, links(&server, 7), &["--retry", "1"]);
        assert!(run.exits(1).stdout.contains("failed      7: 7 blocked\n"));
        assert!(sandbox.names().is_empty());
        // whoever has a mirror has a file
        let rows = (0..7).map(|n| {
            let path = format!("/{n}.pdf");
            format!("{}\t{}", server.url(&path), mirror.url(&path))
        });
        let args = ["--retry", "0"];
        let run = sandbox.fetch(mode, list(rows), &args);
        adds_up(&run.exits(0), 7, 0);
        for n in 0..7 {
            assert_eq!(
                sandbox.files()[&format!("{n}.pdf")],
                pdf(&format!("/{n}.pdf"))
            );
        }
    });
}

/// The command for one file ends only when all other links have ended, with the file of a mirror.
#[cfg(unix)]
#[test]
fn a_link_whose_command_ends_last_begins_anew() {
    // one command per core
    if std::thread::available_parallelism().is_ok_and(|cores| cores.get() < 2) {
        return;
    }
    for mode in ["threads", "pool", "async"] {
        let mirror = Server::of_pdfs();
        let sandbox = Sandbox::new();
        let first = sandbox.path("out/0.pdf");
        let server = Server::start(move |request, stream| {
            until(|| request.path == "/0.pdf" || first.exists());
            ok(stream, &pdf("access blocked"));
        });
        sandbox.write("block.pdf", pdf("access blocked"));
        let rows = (0..7).map(|n| {
            let path = format!("/{n}.pdf");
            format!("{}\t{}", server.url(&path), mirror.url(&path))
        });
        // in vain, it ends with the folder
        let others = "for n in 1 2 3 4 5 6; do until test ! -d out || { test -e out/$n.pdf && ! cmp -s block.pdf out/$n.pdf; }; do sleep 0.01; done; done";
        let exec =
            format!("sh -c 'case $0 in *0.pdf) cmp -s block.pdf $0 || exit 0; {others};; esac'");
        let args = ["--retry", "0", "--exec", &exec];
        let run = sandbox.fetch(mode, list(rows), &args).exits(0);
        adds_up(&run, 7, 0);
        assert_eq!(sandbox.files()["0.pdf"], pdf("/0.pdf"));
    }
}

#[cfg(unix)]
#[test]
fn a_file_that_a_command_has_changed_stays() {
    for_each_mode(|mode| {
        let (server, _) = switched(|stream| ok(stream, &pdf("access blocked")));
        let sandbox = Sandbox::new();
        let args = ["--retry", "0", "-j", "1", "--exec"];
        let exec = "sh -c 'case $0 in *0.pdf) echo note >> $0;; *1.pdf) mv $0 moved;; esac'";
        let run = sandbox.fetch(mode, links(&server, 7), &[&args[..], &[exec]].concat());
        adds_up(&run, 1, 6);
        assert_eq!(sandbox.names(), ["0.pdf"]);
        assert!(sandbox.path("moved").exists());
        assert!(run.stderr.contains("but has changed since"), "{run:#?}");
        run.exits(1);
    });
}
