//! Concurrent and killed processes in one folder.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Barrier};

use sha2::{Digest, Sha256};

use crate::harness::{Running, Sandbox, for_each_mode, list, until};
use crate::server::{Server, close, ok, pdf, pdf_of, respond, send};

fn body(path: &str) -> Vec<u8> {
    // some with a named part, most without
    if path.ends_with("7.pdf") {
        pdf_of(path, 1_500_000)
    } else {
        pdf(path)
    }
}

#[test]
fn concurrent_runs_fetch_each_file_once() {
    for_each_mode(|mode| {
        let server = Server::start(|request, stream| ok(stream, &body(&request.path)));
        let sandbox = Sandbox::new();
        sandbox.write(
            "links.txt",
            list((0..40).map(|n| server.url(&format!("/{n}.pdf")))),
        );
        let args = ["links.txt", "-o", "out", "-m", mode];
        let running: Vec<_> = (0..3)
            .map(|_| Running::start(sandbox.command(&args)))
            .collect();
        for process in running {
            process.end().exits(0);
        }
        let files = sandbox.files();
        assert_eq!(files.len(), 40, "{:?}", files.keys());
        for (name, content) in files {
            assert!(content == body(&format!("/{name}")), "{name}");
        }
        assert!(crate::harness::is_empty(
            &sandbox.path("out/.fetchpdf/parts")
        ));
        let run = sandbox.run(&args).exits(0);
        assert_eq!(run.count("present"), 40);
    });
}

#[cfg(unix)]
#[test]
fn killed_run_leaves_only_valid_files() {
    for_each_mode(|mode| {
        let server = Server::start(|request, stream| ok(stream, &body(&request.path)));
        let sandbox = Sandbox::new();
        sandbox.write(
            "links.txt",
            list((0..60).map(|n| server.url(&format!("/{n}.pdf")))),
        );
        let args = ["links.txt", "-o", "out", "-m", mode, "-j", "4"];
        for kill_after in [1, 10, 30] {
            let running = Running::start(sandbox.command(&args));
            until(|| server.requests().len() >= kill_after || sandbox.names().len() >= kill_after);
            running.signal("KILL");
            running.wait();
            for (name, content) in sandbox.files() {
                assert!(content == body(&format!("/{name}")), "{name}");
            }
        }
        sandbox.run(&args).exits(0);
        let files = sandbox.files();
        assert_eq!(files.len(), 60, "no copies: {:?}", files.keys());
        assert!(
            files
                .iter()
                .all(|(name, content)| *content == body(&format!("/{name}")))
        );
        assert!(crate::harness::is_empty(
            &sandbox.path("out/.fetchpdf/parts")
        ));
    });
}

#[cfg(unix)]
#[test]
fn each_document_is_there_once_whoever_was_killed() {
    for_each_mode(|mode| {
        let server = Server::start(|request, stream| ok(stream, &body(&request.path)));
        let sandbox = Sandbox::new();
        let paths: Vec<_> = (0..24)
            .map(|n| format!("/{n}/same-{}.pdf", n % 8))
            .collect();
        for process in 0..3 {
            let mut links: Vec<_> = paths.iter().map(|path| server.url(path)).collect();
            links.rotate_left(process * 8);
            links.truncate(16);
            sandbox.write(&format!("{process}.txt"), list(links));
        }
        let start = |process: usize| {
            let links = format!("{process}.txt");
            let args = [&*links, "-o", "out", "-m", mode, "-j", "4"];
            Running::start(sandbox.command(&args))
        };
        let mut running: Vec<_> = (0..3).map(start).collect();
        for kill in 0..6 {
            until(|| server.requests().len() > 3 * kill);
            let killed = std::mem::replace(&mut running[kill % 3], start(kill % 3));
            killed.signal("KILL");
            killed.wait();
        }
        for process in running {
            process.end().exits(0);
        }
        for process in 0..3 {
            start(process).end().exits(0);
        }
        let mut found: Vec<_> = sandbox.files().into_values().collect();
        let mut expected: Vec<_> = paths.iter().map(|path| body(path)).collect();
        found.sort();
        expected.sort();
        assert!(found == expected, "{mode}: {:?}", sandbox.names());
        let parts = sandbox.path("out/.fetchpdf/parts");
        assert!(crate::harness::is_empty(&parts), "{:?}", sandbox.parts());
    });
}

#[test]
fn file_that_another_run_has_saved_meanwhile_counts() {
    for_each_mode(|mode| {
        let is_free = Arc::new(AtomicBool::new(false));
        let released = Arc::clone(&is_free);
        let server = Server::start(move |request, stream| {
            if request.path == "/a/x.pdf" && request.earlier == 0 {
                until(|| released.load(Relaxed));
            }
            ok(stream, &pdf(&request.path));
        });
        let sandbox = Sandbox::new();
        let links = ["/b/x.pdf", "/a/x.pdf"].map(|path| server.url(path));
        sandbox.write("links.txt", list(links.clone()));
        let slow = ["links.txt", "-o", "out", "-m", mode];
        let slow = Running::start(sandbox.command(&slow));
        until(|| server.requests().len() == 2);
        sandbox.run(&[&links[1], "-o", "out", "-m", mode]).exits(0);
        is_free.store(true, Relaxed);
        let run = slow.end().exits(0);
        assert_eq!((run.count("downloaded"), run.count("present")), (1, 1));
        assert_eq!(sandbox.names().len(), 2);
    });
}

#[test]
fn concurrent_runs_do_not_replace_the_files_of_each_other() {
    for_each_mode(|mode| {
        let both = Barrier::new(2);
        let server = Server::start(move |request, stream| {
            both.wait();
            ok(stream, &pdf(&request.path));
        });
        let sandbox = Sandbox::new();
        let running = ["/a/x.pdf", "/b/x.pdf"].map(|path| {
            let args = [&*server.url(path), "-o", "out", "--overwrite", "-m", mode];
            Running::start(sandbox.command(&args))
        });
        for process in running {
            assert_eq!(process.end().exits(0).count("downloaded"), 1);
        }
        let files: Vec<_> = sandbox.files().into_values().collect();
        let bodies = ["/a/x.pdf", "/b/x.pdf"].map(pdf);
        assert!(files.len() == 2 && bodies.iter().all(|body| files.contains(body)));
    });
}

/// A run that begins between the record and the file of another one.
#[cfg(target_os = "linux")]
#[test]
fn record_without_its_file_yet_is_waited_for() {
    for_each_mode(|mode| {
        let server = Server::of_pdfs();
        let sandbox = Sandbox::new();
        let link = server.url("/x.pdf");
        sandbox.fetch(mode, &link, &[]).exits(0);
        let (file, aside) = (sandbox.path("out/x.pdf"), sandbox.path("aside.pdf"));
        fs::rename(&file, &aside).expect("a file");
        let lock = sandbox.path("out/.fetchpdf/journal.lock");
        let turn = fs::File::open(&lock).expect("a lock");
        turn.lock().expect("nobody else has it");
        let running = Running::start(sandbox.command(&[&link, "-o", "out", "-m", mode]));
        until(|| running.has_opened(&lock));
        fs::rename(&aside, &file).expect("a file");
        turn.unlock().expect("it is locked");
        let run = running.end().exits(0);
        assert_eq!((run.count("present"), server.requests().len()), (1, 1));
    });
}

#[cfg(target_os = "linux")]
#[test]
fn partial_that_another_run_completes_is_not_fetched_again() {
    for_each_mode(|mode| {
        let is_free = Arc::new(AtomicBool::new(false));
        let released = Arc::clone(&is_free);
        let server = Server::start(move |request, stream| {
            let (body, cut) = (pdf_of("x", 3_000_000), 2_000_000);
            let tag = "ETag: \"v1\"";
            if request.header("range").is_none() {
                let length = body.len();
                send(
                    stream,
                    format!("HTTP/1.1 200 OK\r\n{tag}\r\nContent-Length: {length}\r\n\r\n"),
                );
                send(stream, &body[..cut]);
                return close(stream);
            }
            until(|| released.load(Relaxed));
            let range = format!(
                "Content-Range: bytes {cut}-{}/{}",
                body.len() - 1,
                body.len()
            );
            respond(
                stream,
                &format!("206 Partial Content\r\n{tag}\r\n{range}"),
                &body[cut..],
            );
        });
        let sandbox = Sandbox::new();
        let link = server.url("/x.pdf");
        sandbox.fetch(mode, &link, &["--retry", "0"]).exits(1);
        let lock = sandbox.path("out/.fetchpdf/journal.lock");
        let start = || Running::start(sandbox.command(&[&link, "-o", "out", "-m", mode]));
        let first = start();
        until(|| server.requests().len() == 2);
        let second = start();
        until(|| second.has_opened(&lock));
        is_free.store(true, Relaxed);
        assert_eq!(first.end().exits(0).count("downloaded"), 1);
        assert_eq!(second.end().exits(0).count("present"), 1);
        assert_eq!(server.requests().len(), 2);
    });
}

/// The identity of a link, after which its part is named.
fn id(url: &str) -> String {
    let digest = Sha256::digest(url);
    let first = digest[..8].try_into().expect("a digest has 32 bytes");
    format!("{:016x}", u64::from_be_bytes(first))
}

#[test]
fn what_nobody_will_continue_is_cleared() {
    for_each_mode(|mode| {
        let server = Server::start(|request, stream| match request.path.as_str() {
            "/unfinished.pdf" => {
                let head = "HTTP/1.1 200 OK\r\nETag: \"v1\"\r\nContent-Length: 3000000\r\n\r\n";
                send(stream, head);
                send(stream, &pdf_of("x", 3_000_000)[..2_000_000]);
                close(stream);
            }
            path => respond(stream, "200 OK\r\nETag: \"v1\"", &pdf(path)),
        });
        let sandbox = Sandbox::new();
        let (link, unfinished) = (server.url("/a.pdf"), server.url("/unfinished.pdf"));
        sandbox.fetch(mode, &link, &[]).exits(0);
        let (ours, other) = (id(&link), id("http://a.invalid/"));
        let origin = |tag| {
            format!("{{\"url\":\"{link}\",\"validator\":\"\\\"{tag}\\\"\",\"total\":9000000}}")
        };
        let lay = |name: &str, content: &str| {
            sandbox.write(&format!("out/.fetchpdf/parts/{name}"), content);
        };
        let left = || {
            let entries = fs::read_dir(sandbox.path("out/.fetchpdf/parts")).expect("a folder");
            let names = entries.map(|entry| entry.expect("an entry").file_name());
            let mut names: Vec<_> = names
                .map(|name| name.into_string().expect("text"))
                .collect();
            names.sort();
            names
        };
        // of a link that is saved, without a sidecar, without a part, and a replacement that never happened
        lay(&format!("{ours}.part"), "%PDF-1.7");
        lay(&format!("{ours}.json"), &origin("v1"));
        lay(&format!("{other}.part"), "%PDF-1.7");
        lay("0123456789abcdef.json", &origin("v1"));
        lay("0123456789abcdef.new", "%PDF-1.7");
        // not ours, and what another run holds
        lay("somebody-else's", "");
        let held = id("http://b.invalid/") + ".part";
        lay(&held, "%PDF-1.7");
        let part = fs::File::open(sandbox.path("out/.fetchpdf/parts").join(&held)).expect("a part");
        part.lock().expect("nobody else has it");
        let run = sandbox.fetch(mode, &link, &[]).exits(0);
        assert_eq!(run.count("present"), 1);
        let mut kept = vec![held.clone(), "somebody-else's".to_owned()];
        kept.sort();
        assert_eq!(left(), kept);

        // once nobody holds it; what can be continued stays, also for a newer version of a file
        drop(part);
        lay(&format!("{ours}.part"), "%PDF-1.7");
        lay(&format!("{ours}.json"), &origin("v2"));
        sandbox.fetch(mode, &unfinished, &["--retry", "0"]).exits(1);
        let resumable = [ours, id(&unfinished)];
        let files = resumable
            .iter()
            .flat_map(|id| [format!("{id}.json"), format!("{id}.part")]);
        let mut kept: Vec<_> = files.chain(["somebody-else's".to_owned()]).collect();
        kept.sort();
        assert_eq!(left(), kept);
    });
}
