//! Journals in a bucket: what a run knows whose state folder is empty.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use ruzstd::decoding::StreamingDecoder;
use serde_json::Value;

use crate::harness::{MODES, Run, Running, Sandbox, for_each_mode, list};
use crate::s3::{Fault, S3};
use crate::server::{Server, ok, pdf};
use crate::stores::Stage;

/// The segments in the bucket, with their lines.
fn segments(s3: &S3) -> Vec<(String, Vec<Value>)> {
    let mut objects = s3.all_objects();
    objects.retain(|key, _| key.contains(".fetchpdf/"));
    let lines = |(key, object): (String, crate::s3::Object)| {
        let mut text = String::new();
        let decoder = StreamingDecoder::new(&*object.body).expect("a frame");
        { decoder }.read_to_string(&mut text).expect("whole lines");
        assert!(text.ends_with('\n'), "{key}: {text}");
        let records = text.lines();
        let records = records.map(|line| serde_json::from_str(line).expect("a record"));
        (key, records.collect())
    };
    objects.into_iter().map(lines).collect()
}

#[test]
fn run_with_an_empty_state_fetches_only_what_is_left() {
    for_each_mode(|mode| {
        let mut stage = Stage::new(6);
        stage.run(mode, "one", &[]).exits(0);
        let written = segments(&stage.s3);
        assert_eq!(written.len(), 1, "{written:?}");
        let (key, records) = &written[0];
        let name = key
            .strip_prefix("p/.fetchpdf/journal/")
            .expect("its folder");
        let parts: Vec<_> = name.split('-').collect();
        assert_eq!(parts[1..], ["1of1", "000001.jsonl.zst"], "{name}");
        let saved = records
            .iter()
            .filter(|record| record["status"] == "downloaded");
        assert_eq!(saved.count(), 6, "{records:?}");

        let (puts, requests) = (stage.s3.asked("PUT").len(), stage.server.requests().len());
        stage.write_links(9);
        let run = stage.run(mode, "two", &[]).exits(0);
        assert_eq!(
            (run.count("present"), run.count("downloaded")),
            (6, 3),
            "{run:#?}"
        );
        assert_eq!(stage.s3.asked("PUT").len(), puts + 3);
        assert_eq!(stage.server.requests().len(), requests + 3);
        stage.assert_complete();
        // what it has read is not written again
        let written = segments(&stage.s3);
        let newer = written.iter().find(|(other, _)| other != key);
        let (_, records) = newer.expect("another one");
        let saved = records
            .iter()
            .filter(|record| record["status"] == "downloaded");
        assert_eq!(saved.count(), 3, "{records:?}");
        let run = stage.run(mode, "three", &[]).exits(0);
        assert_eq!(
            (run.count("present"), stage.s3.asked("PUT").len()),
            (9, puts + 3)
        );
        assert_eq!(segments(&stage.s3).len(), 2, "there was nothing new");
    });
}

#[cfg(unix)]
#[test]
fn what_was_done_before_a_signal_is_known_to_the_next_run() {
    for_each_mode(|mode| {
        let is_held = Arc::new(AtomicBool::new(true));
        let held = Arc::clone(&is_held);
        let server = Server::start(move |request, stream| {
            if request.path == "/5.pdf" {
                crate::harness::until(|| !held.load(SeqCst));
            }
            ok(stream, &pdf(&request.path));
        });
        let stage = Stage::of(server, S3::start(), 6);
        let running = stage.running(mode, "one", &[]);
        crate::harness::until(|| stage.s3.made().len() == 5);
        running.signal("TERM");
        let run = running.end();
        is_held.store(false, SeqCst);
        assert_ne!(run.code, Some(0), "{run:#?}");
        let run = stage.run(mode, "two", &[]).exits(0);
        assert_eq!(
            (run.count("present"), run.count("downloaded")),
            (5, 1),
            "{run:#?}"
        );
        stage.assert_complete();
    });
}

#[cfg(unix)]
#[test]
fn kill_without_a_state_makes_nothing_twice() {
    for_each_mode(|mode| {
        let stage = Stage::new(12);
        for state in ["one", "two", "three"] {
            let made = stage.s3.made().len();
            let running = stage.running(mode, state, &["-j", "2"]);
            crate::harness::until(|| stage.s3.made().len() > made || stage.s3.made().len() == 12);
            running.signal("KILL");
            running.wait();
            stage.assert_clean();
        }
        let run = stage.run(mode, "four", &[]).exits(0);
        assert_eq!(
            run.count("downloaded") + run.count("present"),
            12,
            "{run:#?}"
        );
        stage.assert_complete();
    });
}

#[test]
fn damaged_and_foreign_segments_are_ignored() {
    for_each_mode(|mode| {
        let stage = Stage::new(4);
        stage.run(mode, "one", &[]).exits(0);
        let objects = stage.s3.all_objects();
        let (key, object) = objects
            .iter()
            .find(|(key, _)| key.contains(".fetchpdf/"))
            .expect("one");
        let (body, folder) = (&object.body, "p/.fetchpdf/journal");
        stage.s3.remove(key);
        stage.s3.insert(key, &body[..body.len() / 2]);
        let mut flipped = body.to_vec();
        flipped[body.len() / 3] ^= 4;
        let escaping = br#"{"url":"http://a.example/","file":"../../x","bytes":1,"mtime_ns":1}"#;
        let others = [
            ("20260101T000000Z0-1of1-000001.jsonl.zst", &flipped[..]),
            ("20260101T000000Z1-1of1-000001.jsonl.zst", b""),
            ("20260101T000000Z2-1of1-000001.jsonl.zst", b"no journal"),
            ("20260101T000000Z3-1of1-000001.jsonl.zst", escaping),
            ("notes.txt", b"by hand"),
            (
                "below/20260101T000000Z4-1of1-000001.jsonl.zst",
                b"(\xb5/\xfd",
            ),
        ];
        for (name, body) in others {
            stage.s3.insert(&format!("{folder}/{name}"), body);
        }
        let run = stage.run(mode, "two", &[]).exits(0);
        for name in others
            .map(|(name, _)| name)
            .into_iter()
            .chain([&key[folder.len() + 1..]])
        {
            let word = format!("{name}` is ignored");
            assert!(run.stderr.contains(&word), "no `{word}`: {run:#?}");
        }
        // they were there already
        assert_eq!(
            run.count("downloaded") + run.count("present"),
            4,
            "{run:#?}"
        );
        stage.assert_complete();
        let run = stage.run(mode, "three", &["-q"]).exits(0);
        assert_eq!(
            run.stderr.matches("is ignored").count(),
            others.len() + 1,
            "{run:#?}"
        );
        stage.assert_complete();
    });
}

#[test]
fn bucket_that_cannot_be_listed_is_written_to() {
    let stage = Stage::with_faults(3, |request, _| {
        (request.method == "LIST").then_some(Fault::DENIED)
    });
    for state in ["one", "two"] {
        let run = stage.run("async", state, &[]).exits(0);
        assert!(run.stderr.contains("AccessDenied"), "{run:#?}");
        stage.assert_complete();
    }
}

#[test]
fn shards_know_what_others_have_done_before() {
    for mode in MODES {
        let (sandbox, s3) = (Sandbox::new(), S3::start());
        // all hosts
        let proxy = Server::of_pdfs();
        let link = |n: usize| format!("http://host-{}.example/{n}.pdf", n % 10);
        sandbox.write("links.txt", list((0..30).map(link)));
        let run = |shard: &str, state: &str| -> Run {
            let (output, name) = (S3::output("/p"), "{id:16}.pdf");
            let args = ["links.txt", "-o", &output, "--state", state, "-m", mode];
            let args = [&args[..], &["--shard", shard, "--name", name]].concat();
            let mut command = s3.command(&sandbox, &args);
            command
                .env("http_proxy", proxy.url(""))
                .env("no_proxy", "127.0.0.1");
            Running::start(command).end().exits(0)
        };
        let total: u64 = ["1/2", "2/2"]
            .map(|shard| run(shard, &shard.replace('/', "of")).count("downloaded"))
            .iter()
            .sum();
        assert_eq!((total, s3.keys().len()), (30, 30));
        let (puts, requests) = (s3.asked("PUT").len(), proxy.requests().len());
        // another split, on other machines
        let shards = ["1/3", "2/3", "3/3"].map(|shard| (shard, format!("new-{}", &shard[..1])));
        let mut lines = Vec::new();
        for (shard, state) in &shards {
            let run = run(shard, state);
            assert_eq!(run.count("downloaded"), 0, "{run:#?}");
            let journal = sandbox.path(state).join("journal.jsonl");
            let text = std::fs::read_to_string(journal).expect("a journal");
            let saved = text
                .lines()
                .filter(|line| line.contains(r#""status":"downloaded""#));
            let saved: Vec<_> = saved.map(str::to_owned).collect();
            assert_eq!(saved.len() as u64, run.count("present"), "only its own");
            lines.extend(saved);
        }
        assert_eq!(lines.len(), 30);
        assert_eq!(
            (s3.asked("PUT").len(), proxy.requests().len()),
            (puts, requests)
        );
        s3.assert_clean(|_, _| true);
    }
}

#[test]
fn long_journal_has_several_segments_and_all_of_it_is_read() {
    const LINES: usize = 10_000;
    let stage = Stage::new(1);
    let others = (0..LINES).map(|n| {
        let url = format!("http://a.example/{n}/{}", "x".repeat(900 - n % 7));
        format!(
            r#"{{"url":"{url}","file":"x{n}.pdf","bytes":9,"mtime_ns":{n},"status":"downloaded"}}"#
        )
    });
    stage.sandbox.write("one/journal.jsonl", list(others));
    // whose state it is
    stage.sandbox.write("one/bucket", S3::output("/p"));
    stage.run("async", "one", &[]).exits(0);
    let written = segments(&stage.s3);
    assert!(written.len() >= 3, "{}", written.len());
    let read: usize = written.iter().map(|(_, records)| records.len()).sum();
    let journal = |state: &str| {
        let path = stage.sandbox.path(state).join("journal.jsonl");
        let text = std::fs::read_to_string(path).expect("a journal");
        text.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(read, journal("one").len());
    let run = stage.run("async", "two", &[]).exits(0);
    assert_eq!(run.count("present"), 1);
    assert!(journal("two")[..read] == journal("one")[..read]);
}
