//! What the options of a run mean in an object store, and what its journal says.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use serde_json::Value;

use crate::harness::{Run, Running, Sandbox, for_each_mode, list, until};
use crate::s3::{Fault, Moment, S3};
use crate::server::{Server, document, ok, pdf, pdf_of, respond};

/// A run of `links.txt` in `sandbox` below the prefix `p` of `s3`.
fn command(s3: &S3, sandbox: &Sandbox, mode: &str, args: &[&str]) -> std::process::Command {
    let output = S3::output("/p");
    let common = [
        "links.txt",
        "-o",
        &output,
        "--state",
        "state",
        "--retry-delay",
        "0",
        "-m",
        mode,
    ];
    s3.command(sandbox, &[&common[..], args].concat())
}

fn run(s3: &S3, sandbox: &Sandbox, mode: &str, args: &[&str]) -> Run {
    Running::start(command(s3, sandbox, mode, args)).end()
}

fn journal(sandbox: &Sandbox) -> Vec<Value> {
    let text = fs::read_to_string(sandbox.path("state/journal.jsonl")).expect("a journal");
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).expect("a record"))
        .collect()
}

/// Writes a journal that ends before the lines that `is_lost`.
fn cut_journal(sandbox: &Sandbox, is_lost: impl Fn(&Value) -> bool) {
    let lines = journal(sandbox).into_iter();
    let kept = lines.filter(|line| !is_lost(line));
    let text = list(kept.map(|line| line.to_string()));
    sandbox.write("state/journal.jsonl", text);
}

fn bodies(s3: &S3) -> BTreeMap<String, Vec<u8>> {
    let objects = s3.objects().into_iter();
    objects
        .map(|(key, object)| (key, object.body.to_vec()))
        .collect()
}

#[test]
fn what_makes_no_sense_in_a_bucket_is_an_error_in_usage() {
    let (s3, sandbox) = (S3::start(), Sandbox::new());
    let output = S3::output("/p");
    let to = ["http://127.0.0.1:9/a.pdf", "-o", &output];
    let with_state = [&to[..], &["--state", "state"]].concat();
    for (args, names) in [
        (to.to_vec(), ["--state DIR", "s3://bucket/p"]),
        (
            [&with_state[..], &["--dedupe", "hardlink"]].concat(),
            ["`--dedupe hardlink`", "`--output s3://bucket/p`"],
        ),
        (
            [&with_state[..], &["--remote-time"]].concat(),
            ["`--remote-time`", "`--output s3://bucket/p`"],
        ),
        (
            [&with_state[..], &["--skip-existing"]].concat(),
            ["`--skip-existing`", "`--output s3://bucket/p`"],
        ),
        (
            [&["compare"], &to[..]].concat(),
            ["`fetchpdf compare`", "s3://bucket/p"],
        ),
        (
            vec![to[0], "-o", "s3n://bucket/p", "--state", "state"],
            ["s3n://bucket/p", "s3://BUCKET/PREFIX"],
        ),
    ] {
        let run = Running::start(s3.command(&sandbox, &args)).end().exits(2);
        for name in names {
            assert!(run.stderr.contains(name), "no {name}: {run:#?}");
        }
    }
    assert!(crate::harness::is_empty(&sandbox.path("")));
    assert_eq!(s3.requests().len(), 0);

    // what a state says of one output is not true of another one
    let server = Server::of_pdfs();
    sandbox.write("links.txt", server.url("/a.pdf"));
    run(&s3, &sandbox, "async", &[]).exits(0);
    let folder = ["links.txt", "-o", "out"];
    sandbox
        .run(&[&folder[..], &["--state", "other"]].concat())
        .exits(0);
    for (output, state, owner) in [
        ("s3://bucket/q", "state", "`s3://bucket/p`"),
        ("out", "state", "`s3://bucket/p`"),
        ("s3://bucket/p", "other", "a folder"),
    ] {
        let args = ["links.txt", "-o", output, "--state", state];
        let run = Running::start(s3.command(&sandbox, &args)).end().exits(2);
        let message = format!("it belongs to {owner}");
        assert!(run.stderr.contains(&message), "{run:#?}");
    }
}

#[test]
fn journal_has_the_intent_before_the_object_and_its_tag_after_it() {
    for_each_mode(|mode| {
        let server = Server::of_pdfs();
        let sandbox = Sandbox::new();
        let path = sandbox.path("state/journal.jsonl");
        let early = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&early);
        let s3 = S3::with_faults(move |request, moment| {
            if request.method == "PUT" && moment == Moment::Asked {
                let journal = fs::read_to_string(&path).expect("a journal");
                let key = request.key.trim_start_matches("p/");
                let is_intent = |line: &&str| {
                    line.contains("\"uploading\"") && line.contains(&format!("\"{key}\""))
                };
                seen.fetch_add(journal.lines().filter(is_intent).count(), SeqCst);
            }
            None
        });
        let urls = (0..5).map(|n| server.url(&format!("/{n}.pdf")));
        sandbox.write("links.txt", list(urls));
        let done = run(&s3, &sandbox, mode, &["--json"]).exits(0);
        assert_eq!(early.load(SeqCst), 5);
        assert!(done.stderr.contains("files in    s3://bucket/p"));
        let lines = journal(&sandbox);
        let objects = s3.objects();
        let saved = lines
            .iter()
            .filter(|line| line["status"] == "downloaded")
            .collect::<Vec<_>>();
        assert_eq!((lines.len(), saved.len()), (10, 5));
        for record in saved {
            let file = record["file"].as_str().expect("a file");
            let object = &objects[&format!("p/{file}")];
            assert_eq!(record["object_etag"], *object.etag);
            assert_eq!(record["sha256"], *object.sha256());
            assert_eq!(object.header("content-type"), Some("application/pdf"));
            let sha256 = object.header("x-amz-meta-sha256");
            assert_eq!(sha256, Some(&*object.sha256()));
            assert_eq!(object.header("x-amz-meta-url"), record["url"].as_str());
            let identity = object.header("x-amz-meta-identity");
            assert!(identity.is_some_and(|identity| identity.len() == 16));
        }
        for put in s3.asked("PUT") {
            assert_eq!(put.header("if-none-match"), Some("*"));
            assert!(put.header("x-amz-checksum-sha256").is_some());
            assert!(put.header("transfer-encoding").is_none());
        }
        assert!(crate::harness::is_empty(&sandbox.path("state/parts")));
        // records of engines have addresses in place of paths
        let paths = run(&s3, &sandbox, mode, &["--print", "paths"]).exits(0);
        assert!(paths.stdout.contains("s3://bucket/p/3.pdf\n"), "{paths:#?}");
        let merged = sandbox.run(&["merge", "state"]).exits(0);
        assert!(merged.stdout.lines().count() == 5 && !merged.stderr.contains("ignored"));
        assert_eq!(s3.unexpected(), [""; 0]);
    });
}

#[test]
fn only_intents_without_an_end_are_looked_at() {
    for_each_mode(|mode| {
        let (server, s3, sandbox) = (Server::of_pdfs(), S3::start(), Sandbox::new());
        let urls = (0..20).map(|n| server.url(&format!("/{n}.pdf")));
        sandbox.write("links.txt", list(urls));
        run(&s3, &sandbox, mode, &[]).exits(0);
        // as kills leave it: three of these are there, one is not, and one is somebody else's
        let lost = ["3.pdf", "7.pdf", "11.pdf", "13.pdf", "17.pdf"];
        cut_journal(&sandbox, |line| {
            line["status"] == "downloaded" && lost.iter().any(|file| line["file"] == *file)
        });
        s3.remove("p/13.pdf");
        s3.insert("p/17.pdf", b"mine");
        let (asked, fetched) = (s3.requests().len(), server.requests().len());
        let again = run(&s3, &sandbox, mode, &[]).exits(0);
        assert_eq!((again.count("present"), again.count("downloaded")), (18, 2));
        assert_eq!(server.requests().len() - fetched, 2);
        let heads: BTreeSet<_> = s3.requests()[asked..]
            .iter()
            .filter(|request| request.method == "HEAD")
            .map(|request| request.key.clone())
            .collect();
        let wanted = lost.iter().map(|file| format!("p/{file}"));
        assert_eq!(heads, wanted.collect());
        assert_eq!(s3.objects().len(), 21);
        assert_eq!(*s3.objects()["p/17.pdf"].body, *b"mine");
        // what is known now is not asked again
        let asked = s3.requests().len();
        assert_eq!(run(&s3, &sandbox, mode, &[]).exits(0).count("present"), 20);
        assert_eq!(s3.requests().len(), asked);
    });
}

#[test]
fn replaced_objects_are_the_ones_that_were_looked_at() {
    for_each_mode(|mode| {
        let edition = Arc::new(AtomicUsize::new(1));
        let now = Arc::clone(&edition);
        let body = |path: &str, edition: usize| pdf(&format!("{path} {edition}"));
        let server = Server::start(move |request, stream| {
            let edition = now.load(SeqCst);
            let tag = format!("\"{edition}\"");
            if request.header("if-none-match") == Some(&tag) {
                return respond(stream, "304 Not Modified", b"");
            }
            let head = format!("200 OK\r\nETag: {tag}");
            respond(stream, &head, &body(&request.path, edition));
        });
        let (s3, sandbox) = (S3::start(), Sandbox::new());
        sandbox.write(
            "links.txt",
            list((0..3).map(|n| server.url(&format!("/{n}.pdf")))),
        );
        run(&s3, &sandbox, mode, &[]).exits(0);
        let puts = s3.asked("PUT").len();
        let update = run(&s3, &sandbox, mode, &["--update"]).exits(0);
        assert_eq!((update.count("present"), s3.asked("PUT").len()), (3, puts));

        edition.store(2, SeqCst);
        // somebody has replaced one, and removed one
        s3.insert("p/1.pdf", b"mine");
        s3.remove("p/2.pdf");
        run(&s3, &sandbox, mode, &["--update"]).exits(0);
        let all = bodies(&s3);
        assert_eq!(all["p/0.pdf"], body("/0.pdf", 2));
        assert_eq!(all["p/1.pdf"], b"mine");
        assert_eq!(all["p/2.pdf"], body("/2.pdf", 2));
        assert!(all.len() == 4 && all.values().any(|found| *found == body("/1.pdf", 2)));
        let puts = s3.asked("PUT");
        let replaced = |put: &&crate::s3::Request| put.header("if-match").is_some();
        assert_eq!(puts.iter().filter(replaced).count(), 1);

        edition.store(3, SeqCst);
        run(&s3, &sandbox, mode, &["--overwrite"]).exits(0);
        let all = bodies(&s3);
        assert_eq!((all.len(), &all["p/1.pdf"][..]), (4, &b"mine"[..]));
        assert_eq!(all["p/0.pdf"], body("/0.pdf", 3));
        let again = run(&s3, &sandbox, mode, &[]).exits(0);
        assert_eq!(again.count("present"), 3);
        assert_eq!(s3.unexpected(), [""; 0]);
    });
}

#[test]
fn names_are_those_of_folders_and_identities_make_them_unique() {
    for_each_mode(|mode| {
        let server = Server::start(|request, stream| {
            // the first two have the same bytes
            ok(stream, &pdf(request.path.replace("/b/", "/a/").as_str()));
        });
        let (s3, sandbox) = (S3::start(), Sandbox::new());
        let paths = ["/a/x.pdf", "/b/x.pdf", "/c/x.pdf", "/a/%C3%A9%2F..pdf"];
        sandbox.write("links.txt", list(paths.map(|path| server.url(path))));
        let same = run(&s3, &sandbox, mode, &["--dedupe", "skip", "--jobs", "1"]).exits(0);
        assert_eq!((same.count("downloaded"), same.count("duplicate")), (3, 1));
        let keys = s3.keys();
        assert!(
            keys.len() == 3 && keys.contains(&"p/x.pdf".to_owned()),
            "{keys:?}"
        );
        sandbox
            .fetch(mode, list(paths.map(|path| server.url(path))), &[])
            .exits(0);
        let names: BTreeSet<_> = sandbox.names().into_iter().collect();
        let known = keys
            .iter()
            .all(|key| names.contains(key.trim_start_matches("p/")));
        assert!(known, "{keys:?} {names:?}");

        let shard = ["--shard", "1/1", "--state", "other"];
        // in the other one, its journal says that all is done
        let warned = run(&S3::start(), &sandbox, mode, &shard).exits(0);
        assert!(warned.stderr.contains("--name '{id:16}'"), "{warned:#?}");
        let other = S3::start();
        let by_id = [&shard[..], &["--name", "{id:16}"]].concat();
        let quiet = run(
            &other,
            &sandbox,
            mode,
            &[&by_id[..], &["--state", "third"]].concat(),
        );
        assert!(!quiet.exits(0).stderr.contains("--name"));
        let is_id = |key: &String| {
            let name = key.trim_start_matches("p/").trim_end_matches(".pdf");
            name.len() == 16 && name.chars().all(|c| c.is_ascii_hexdigit())
        };
        assert!(other.keys().len() == 4 && other.keys().iter().all(is_id));
    });
}

#[cfg(unix)]
#[test]
fn commands_get_the_file_before_it_is_uploaded() {
    for_each_mode(|mode| {
        let server = Server::start(|request, stream| match &*request.path {
            // with a part that has a name
            "/long.pdf" => ok(stream, &pdf_of(&request.path, 1_200_000)),
            path => ok(stream, &pdf(path)),
        });
        let (s3, sandbox) = (S3::start(), Sandbox::new());
        let names = ["short.pdf", "long.pdf", "bad.pdf"];
        sandbox.write(
            "links.txt",
            list(names.map(|name| server.url(&format!("/{name}")))),
        );
        let script = "case $0 in *bad.pdf) exit 3;; *-short.pdf) echo more >> $0;; *) cp $0 $0.new; echo '% end' >> $0.new; mv $0.new $0;; esac";
        let exec = format!("sh -c \"{script}\" {{}}");
        let first = run(&s3, &sandbox, mode, &["--exec", &exec]).exits(1);
        assert_eq!(first.count("downloaded"), 2, "{first:#?}");
        assert!(
            first
                .stderr
                .contains("not uploaded: `sh` failed with exit code 3")
        );
        let all = bodies(&s3);
        let with = |body: Vec<u8>, end: &str| [body, end.as_bytes().to_vec()].concat();
        assert_eq!(all["p/short.pdf"], with(pdf("/short.pdf"), "more\n"));
        let long = with(pdf_of("/long.pdf", 1_200_000), "% end\n");
        assert!(all["p/long.pdf"] == long && all.len() == 2);
        assert!(crate::harness::is_empty(&sandbox.path("state/exec")));
        let second = run(&s3, &sandbox, mode, &["--exec", "true"]).exits(0);
        assert_eq!(
            (second.count("present"), second.count("downloaded")),
            (2, 1)
        );
        assert_eq!(bodies(&s3)["p/bad.pdf"], pdf("/bad.pdf"));
        assert_eq!(s3.unexpected(), [""; 0]);
    });
}

#[test]
fn slow_store_holds_up_no_host() {
    // in `sequential`, each link waits for the one before in any case
    for mode in ["threads", "pool", "async"] {
        let server = Server::of_pdfs();
        let fetched = server.requests().len();
        let is_open = Arc::new(AtomicUsize::new(0));
        let gate = Arc::clone(&is_open);
        let s3 = S3::with_faults(move |request, moment| {
            if request.method == "PUT" && moment == Moment::Asked {
                until(|| gate.load(SeqCst) > 0);
            }
            None
        });
        let sandbox = Sandbox::new();
        sandbox.write(
            "links.txt",
            list((0..6).map(|n| server.url(&format!("/{n}.pdf")))),
        );
        let args = ["--per-host", "1", "--jobs", "6", "--uploads", "2"];
        let running = Running::start(command(&s3, &sandbox, mode, &args));
        // all of them are here before any is there
        until(|| server.requests().len() - fetched == 6);
        assert_eq!(s3.objects().len(), 0);
        is_open.store(1, SeqCst);
        assert_eq!(running.end().exits(0).count("downloaded"), 6);
        assert!(s3.most_uploads() <= 2, "{}", s3.most_uploads());
    }
}

#[cfg(unix)]
#[test]
fn interrupted_uploads_are_found_by_the_next_run() {
    for_each_mode(|mode| {
        let server = Server::of_pdfs();
        let is_over = Arc::new(AtomicUsize::new(0));
        let over = Arc::clone(&is_over);
        let s3 = S3::with_faults(move |request, moment| {
            let is_held = request.method == "PUT" && over.load(SeqCst) == 0;
            (is_held && moment == Moment::Done).then_some(Fault::Silent)
        });
        let sandbox = Sandbox::new();
        sandbox.write(
            "links.txt",
            list((0..3).map(|n| server.url(&format!("/{n}.pdf")))),
        );
        let running = Running::start(command(&s3, &sandbox, mode, &[]));
        until(|| !s3.objects().is_empty());
        running.signal("INT");
        let ended = running.end().exits(130);
        assert_eq!(ended.count("downloaded"), 0, "{ended:#?}");
        let (made, fetched) = (s3.objects().len(), server.requests().len());
        is_over.store(1, SeqCst);
        let again = run(&s3, &sandbox, mode, &[]).exits(0);
        let found = (again.count("present"), again.count("downloaded"));
        assert_eq!(found, (made as u64, 3 - made as u64), "{again:#?}");
        assert_eq!(server.requests().len() - fetched, 3 - made);
        assert_eq!(s3.made().len(), 3);
    });
}

#[test]
fn blocks_are_taken_back() {
    for_each_mode(|mode| {
        let block = document("Too many requests from your network");
        let sent = block.clone();
        let server = Server::start(move |_, stream| ok(stream, &sent));
        let (s3, sandbox) = (S3::start(), Sandbox::new());
        sandbox.write(
            "links.txt",
            list((0..8).map(|n| server.url(&format!("/{n}.pdf")))),
        );
        let ended = run(&s3, &sandbox, mode, &["--retry", "0", "--jobs", "1"]).exits(1);
        assert_eq!(ended.count("downloaded"), 0, "{ended:#?}");
        assert_eq!(s3.keys(), [""; 0], "{ended:#?} {:?}", s3.unexpected());
        // nothing is lost, and the journal does not call it present
        let aside = s3.all_objects();
        let aside = aside
            .keys()
            .filter(|key| key.starts_with("p/.fetchpdf/blocked/"));
        assert!(aside.count() > 0);
        let fetched = server.requests().len();
        let again = run(&s3, &sandbox, mode, &["--retry", "0", "--jobs", "1"]).exits(1);
        assert_eq!(again.count("present"), 0, "{again:#?}");
        assert!(server.requests().len() > fetched);
        assert_eq!(s3.unexpected(), [""; 0]);
    });
}

#[test]
fn right_to_write_is_enough() {
    for_each_mode(|mode| {
        let server = Server::of_pdfs();
        let s3 = S3::with_faults(|request, moment| {
            let reads = request.method != "PUT" && moment == Moment::Asked;
            reads.then_some(Fault::DENIED)
        });
        let sandbox = Sandbox::new();
        sandbox.write(
            "links.txt",
            list((0..4).map(|n| server.url(&format!("/{n}.pdf")))),
        );
        let first = run(&s3, &sandbox, mode, &[]).exits(0);
        assert_eq!((first.count("downloaded"), s3.keys().len()), (4, 4));
        let second = run(&s3, &sandbox, mode, &[]).exits(0);
        assert_eq!((second.count("present"), s3.asked("PUT").len()), (4, 4));
        // whose object it is cannot be said: the link fails, and nothing is there twice
        fs::remove_file(sandbox.path("state/journal.jsonl")).expect("a journal");
        let third = run(&s3, &sandbox, mode, &[]).exits(2);
        assert!(
            third.stderr.contains("must allow reading the object"),
            "{third:#?}"
        );
        assert_eq!(s3.keys().len(), 4);
    });
}
