//! Tars in object stores (`--pack tar`): what is known of them, with a state folder and without one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use crate::harness::{Run, Running, for_each_mode, until};
use crate::pack::{self, Packed, body, is_each_once, packed_in, paths};
use crate::s3::{Fault, Moment, Request, S3};
use crate::server::{Server, ok, pdf};
use crate::stores::Stage;

/// Tars of a few files. The large one is larger by itself.
const SIZE: [&str; 2] = ["--pack", "tar:16k"];

/// So many links into a bucket with these `faults`.
fn stage(
    links: usize,
    faults: impl Fn(&Request, Moment) -> Option<Fault> + Send + Sync + 'static,
) -> Stage {
    Stage::of(pack::server(), S3::with_faults(faults), links)
}

/// The files in all tars that were ever made, each of which is whole and was made once.
#[track_caller]
fn packed(s3: &S3) -> Packed {
    s3.assert_clean(|_, _| true);
    let made = s3.made().into_iter().map(|(key, object)| {
        let name = key.strip_prefix("p/").expect("it is below the prefix");
        (name.to_owned(), object.body.to_vec())
    });
    let made: BTreeMap<_, _> = made.collect();
    assert_eq!(made.len(), s3.keys().len());
    packed_in(made)
}

fn verify(stage: &Stage, args: &[&str]) -> Run {
    let output = S3::output("/p");
    let args = [&["verify", &output], args].concat();
    Running::start(stage.s3.command(&stage.sandbox, &args)).end()
}

/// The requests for tars with this method since the first `from` requests.
fn asked(s3: &S3, from: usize, method: &str) -> Vec<Request> {
    let mut requests = s3.requests().split_off(from);
    requests.retain(|request| request.method == method && request.key.starts_with("p/shard-"));
    requests
}

#[test]
fn tars_in_a_bucket_are_known_with_and_without_a_state() {
    const LINKS: usize = 20;
    for_each_mode(|mode| {
        // each tar has trouble of its own
        let stage = stage(LINKS, |request, moment| {
            let is_first = request.method == "PUT" && request.earlier == 0;
            let number = request.key.strip_suffix(".tar")?.chars().last()?;
            let (when, fault) = match number {
                '0' => (Moment::Done, Fault::Gone),
                '1' => (Moment::Asked, Fault::CutShort),
                '2' => (Moment::Asked, Fault::SLOW_DOWN),
                '3' => (Moment::Done, Fault::INTERNAL),
                _ => return None,
            };
            (is_first && moment == when && !request.is_of_state()).then_some(fault)
        });
        let run = stage.run(mode, "state", &SIZE).exits(0);
        assert_eq!(run.count("downloaded"), LINKS as u64, "{run:#?}");
        let tars = stage.s3.keys().len();
        assert!(tars >= 4, "{tars}");
        is_each_once(packed(&stage.s3), body, &stage.server, &paths(LINKS));
        let (fetched, puts) = (stage.server.requests().len(), stage.s3.asked("PUT").len());

        let before = stage.s3.requests().len();
        let run = stage.run(mode, "state", &SIZE).exits(0);
        assert_eq!(run.count("present"), LINKS as u64, "{run:#?}");
        assert_eq!(stage.s3.requests().len(), before);
        let run = stage.run(mode, "empty", &SIZE).exits(0);
        assert_eq!(run.count("present"), LINKS as u64, "{run:#?}");
        // a question for each tar, and none for each file
        assert_eq!(asked(&stage.s3, before, "HEAD").len(), tars);
        assert_eq!(asked(&stage.s3, before, "GET").len(), 0);
        assert_eq!(stage.server.requests().len(), fetched);
        assert_eq!(stage.s3.asked("PUT").len(), puts);

        for state in [&["--state", "state"][..], &["--state", "empty"], &[]] {
            let before = stage.s3.requests().len();
            let run = verify(&stage, state).exits(0);
            let counts = (run.count("good"), run.count("unknown"));
            assert_eq!(counts, (LINKS as u64, 0), "{run:#?}");
            assert_eq!(asked(&stage.s3, before, "GET").len(), 0);
            let run = verify(&stage, &[state, &["--deep"]].concat()).exits(0);
            assert_eq!(run.count("good"), LINKS as u64, "{run:#?}");
            let gets = asked(&stage.s3, before, "GET");
            assert_eq!(gets.len(), LINKS);
            assert!(gets.iter().all(|get| get.header("range").is_some()));
        }
        is_each_once(packed(&stage.s3), body, &stage.server, &paths(LINKS));
    });
}

#[test]
fn tars_that_are_not_as_they_were_are_told_and_fetched_again() {
    for_each_mode(|mode| {
        let stage = stage(14, |_, _| None);
        stage.run(mode, "state", &SIZE).exits(0);
        let tars = stage.s3.keys();
        let all = packed(&stage.s3);
        let of = |tar: &String| {
            let name = tar.strip_prefix("p/").expect("the prefix");
            let mut files: Vec<_> = all
                .iter()
                .filter(|(file, _)| file.starts_with(name))
                .collect();
            files.sort_by_key(|(_, (_, record))| record["offset"].as_u64());
            files
        };
        let small = |tar: &&String| of(tar).len() > 1;
        let mut chosen = tars.iter().filter(small);
        let [gone, short, changed] = [(); 3].map(|()| chosen.next().expect("enough tars"));
        stage.s3.remove(gone);
        let (_, (bytes, record)) = of(short)[of(short).len() - 1];
        let end = record["offset"].as_u64().expect("a number") + bytes.len() as u64;
        let cut = usize::try_from(end - 1).expect("a small one");
        let body = stage.s3.objects()[short].body.to_vec();
        stage.s3.remove(short);
        stage.s3.insert(short, &body[..cut]);
        let (file, (bytes, record)) = of(changed)[0];
        let begin = record["offset"].as_u64().expect("a number");
        let middle = usize::try_from(begin).expect("a small one") + bytes.len() / 2;
        stage.s3.damage(changed, |body| body[middle] ^= 1);

        let counts = |run: &Run| ["good", "missing", "changed"].map(|word| run.count(word));
        let missing = of(gone).len() as u64;
        for state in [&["--state", "state"][..], &[]] {
            let run = verify(&stage, state).exits(1);
            let told = counts(&run);
            // without the end, nobody knows whether it was ever there
            assert_eq!(told[0], 14 - 1 - missing, "{run:#?}");
            assert!(run.stderr.contains("missing: http"), "{run:#?}");
            let run = verify(&stage, &[state, &["--deep"]].concat()).exits(1);
            assert_eq!(counts(&run)[0], 14 - 2 - missing, "{run:#?}");
            assert!(run.stderr.contains(&format!("{file}: changed")), "{run:#?}");
        }
        let again = ["--state", "state", "--deep", "--refetch"];
        let run = verify(&stage, &again);
        assert_eq!(run.count("downloaded"), missing + 2, "{run:#?}");
        let run = verify(&stage, &["--state", "state", "--deep"]).exits(0);
        assert_eq!(run.count("good"), 14, "{run:#?}");
        // the damaged one is still there, so the other one has a key of its own
        let key = file
            .split('/')
            .nth(1)
            .expect("a key")
            .trim_end_matches(".pdf");
        let other = format!("{key}-2.pdf");
        let has_it = |object: &crate::s3::Object| {
            object
                .body
                .windows(other.len())
                .any(|bytes| bytes == other.as_bytes())
        };
        assert!(stage.s3.objects().values().any(has_it));
    });
}

#[cfg(unix)]
#[test]
fn files_in_a_tar_that_was_never_published_are_fetched_again() {
    for_each_mode(|mode| {
        let is_held = Arc::new(AtomicBool::new(true));
        let held = Arc::clone(&is_held);
        let server = Server::start(move |request, stream| {
            if request.path == "/13.pdf" {
                until(|| !held.load(SeqCst));
            }
            ok(stream, &body(&request.path));
        });
        let stage = Stage::of(server, S3::start(), 14);
        let running = stage.running(mode, "one", &SIZE);
        let lines = || {
            let path = stage.sandbox.path("one/journal.jsonl");
            std::fs::read_to_string(path).map_or(0, |text| text.lines().count())
        };
        // the rest is in a tar that is not full
        until(|| lines() == 13 && stage.s3.keys().len() >= 2);
        running.signal("TERM");
        let run = running.end();
        is_held.store(false, SeqCst);
        assert_ne!(run.code, Some(0), "{run:#?}");
        // it has not waited for uploads
        stage.s3.settle();
        let there = packed(&stage.s3).len() as u64;
        assert!((1..13).contains(&there), "{there}");
        for deep in [&[][..], &["--deep"]] {
            let run = verify(&stage, &[&["--state", "one"], deep].concat()).exits(0);
            assert_eq!(run.count("good"), 13, "{run:#?}");
            let run = verify(&stage, deep).exits(1);
            let counts = (run.count("good"), run.count("missing"));
            assert_eq!(counts, (there, 13 - there), "{run:#?}");
        }
        let fetched = stage.server.requests().len() as u64;
        let run = stage.run(mode, "two", &SIZE).exits(0);
        let counts = (run.count("present"), run.count("downloaded"));
        assert_eq!(counts, (there, 14 - there), "{run:#?}");
        assert_eq!(stage.server.requests().len() as u64, fetched + 14 - there);
        is_each_once(packed(&stage.s3), body, &stage.server, &paths(14));
        let run = verify(&stage, &["--deep"]).exits(0);
        assert_eq!(run.count("good"), 14, "{run:#?}");
    });
}

#[cfg(target_os = "linux")]
#[test]
fn kills_leave_no_partial_tar_and_nothing_is_packed_twice() {
    use crate::stores_kills::{Fuse, random};

    const KILLS: usize = 10;
    const LINKS: usize = 20;
    for_each_mode(|mode| {
        let mut seed = mode
            .bytes()
            .fold(7, |seed, byte| seed * 31 + u64::from(byte));
        let (mut killed, mut states) = (0, 0);
        while killed < KILLS {
            let fuse = Arc::new(Fuse::default());
            let lit = Arc::clone(&fuse);
            let stage = Stage::with_faults(LINKS, move |_, _| {
                lit.burn();
                None
            });
            loop {
                // the state of the run before, or an empty one
                states += random(&mut seed) % 2;
                let folder = format!("state-{states}");
                fuse.left.store(usize::MAX, SeqCst);
                let jobs = ["1", "4", "64"][random(&mut seed) % 3];
                let running = stage.running(mode, &folder, &[&SIZE[..], &["-j", jobs]].concat());
                let id = i32::try_from(running.id()).expect("an id");
                fuse.process.store(id, SeqCst);
                fuse.left.store(1 + random(&mut seed) % 48, SeqCst);
                let run = running.end();
                fuse.process.store(0, SeqCst);
                stage.s3.settle();
                packed(&stage.s3);
                if run.code.is_some() {
                    run.exits(0);
                    break;
                }
                killed += 1;
            }
            is_each_once(packed(&stage.s3), pdf, &stage.server, &paths(LINKS));
            let folder = format!("state-{states}");
            let puts = stage.s3.asked("PUT").len();
            for state in [&*folder, "empty"] {
                let run = stage.run(mode, state, &SIZE).exits(0);
                assert_eq!(run.count("present"), LINKS as u64, "{run:#?}");
                let run = verify(&stage, &["--state", state, "--deep"]).exits(0);
                assert_eq!(run.count("good"), LINKS as u64, "{run:#?}");
            }
            assert_eq!(stage.s3.asked("PUT").len(), puts);
            states += 1;
        }
    });
}
