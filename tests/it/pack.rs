//! Files in tars (`--pack tar`), read by a reader of the tests' own.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use serde_json::Value;
use sha2::Sha256;

use crate::checksums::hex;
use crate::harness::{Run, Running, Sandbox, for_each_mode, list, until};
use crate::server::{Server, ok, pdf, pdf_of, respond};

/// Some with a named part, most without.
pub(crate) fn body(path: &str) -> Vec<u8> {
    if path.ends_with("/7.pdf") {
        pdf_of(path, 1_100_000)
    } else {
        pdf(path)
    }
}

pub(crate) fn server() -> Server {
    Server::start(|request, stream| ok(stream, &body(&request.path)))
}

/// A member of a tar: its name, where its bytes begin, and the bytes.
struct Member {
    name: String,
    offset: usize,
    bytes: Vec<u8>,
}

/// The members of a tar, each of which is a regular file (POSIX, pax interchange format).
#[track_caller]
fn members(tar: &[u8]) -> Vec<Member> {
    let (mut members, mut at, mut path) = (Vec::new(), 0, None);
    loop {
        let header = &tar[at..at + 512];
        if header.iter().all(|byte| *byte == 0) {
            assert!(tar[at..].iter().all(|byte| *byte == 0) && tar.len() == at + 1024);
            return members;
        }
        let text = |from: usize, length: usize| {
            let field = &header[from..from + length];
            let end = field.iter().position(|byte| *byte == 0).unwrap_or(length);
            String::from_utf8(field[..end].to_vec()).expect("text")
        };
        let number = |from, length| {
            let text = text(from, length);
            usize::from_str_radix(text.trim(), 8).expect("an octal number")
        };
        let sum = header.iter().enumerate().map(|(at, byte)| match at {
            148..156 => u32::from(b' '),
            _ => u32::from(*byte),
        });
        assert_eq!(number(148, 8), sum.sum::<u32>() as usize, "the checksum");
        assert_eq!(&header[257..265], b"ustar\x0000");
        let (offset, length) = (at + 512, number(124, 12));
        let bytes = tar[offset..offset + length].to_vec();
        at = offset + length.next_multiple_of(512);
        match header[156] {
            b'x' => {
                let record = String::from_utf8(bytes).expect("text");
                let (_, record) = record.split_once(" path=").expect("a path");
                path = Some(record.trim_end_matches('\n').to_owned());
            }
            b'0' => {
                assert_eq!(
                    (number(100, 8), number(108, 8), number(116, 8)),
                    (0o644, 0, 0)
                );
                assert_eq!(
                    (text(265, 32), text(297, 32)),
                    (String::new(), String::new())
                );
                let (prefix, name) = (text(345, 155), text(0, 100));
                let short = if prefix.is_empty() {
                    name
                } else {
                    format!("{prefix}/{name}")
                };
                let name = path.take().unwrap_or(short);
                members.push(Member {
                    name,
                    offset,
                    bytes,
                });
            }
            other => panic!("a member of type {other}"),
        }
    }
}

/// The files in all tars of the output folder by their paths, with their records. Each is whole, and has a key of its own.
#[track_caller]
fn packed(sandbox: &Sandbox) -> Packed {
    packed_in(sandbox.files())
}

pub(crate) type Packed = BTreeMap<String, (Vec<u8>, Value)>;

/// The same of these tars.
#[track_caller]
pub(crate) fn packed_in(tars: impl IntoIterator<Item = (String, Vec<u8>)>) -> Packed {
    let (mut files, mut keys) = (BTreeMap::new(), BTreeSet::new());
    for (tar, content) in tars {
        assert!(is_tar(&tar), "{tar}");
        let members = members(&content);
        assert_eq!(members.len() % 2, 0);
        for pair in members.chunks(2) {
            let (file, record) = (&pair[0], &pair[1]);
            let key = file.name.strip_suffix(".pdf").expect("a PDF");
            assert!(!key.contains('.'), "{key}");
            assert_eq!(record.name, format!("{key}.json"));
            assert!(keys.insert(key.to_owned()), "{key} is there twice");
            let json: Value = serde_json::from_slice(&record.bytes).expect("a record");
            let path = format!("{tar}/{}", file.name);
            assert_eq!(json["file"], path);
            assert_eq!(json["offset"], file.offset);
            assert_eq!(json["bytes"], file.bytes.len());
            assert_eq!(json["sha256"], hex::<Sha256>(&file.bytes));
            files.insert(path, (file.bytes.clone(), json));
        }
    }
    files
}

fn is_tar(name: &str) -> bool {
    Path::new(name).extension() == Some("tar".as_ref())
}

/// Whether the tars have the file of each link, once.
#[track_caller]
fn has_each_once(sandbox: &Sandbox, server: &Server, paths: &[String]) {
    is_each_once(packed(sandbox), body, server, paths);
}

/// Whether these are the files of each link, once, with the `body` of its path.
#[track_caller]
pub(crate) fn is_each_once(
    packed: Packed,
    body: impl Fn(&str) -> Vec<u8>,
    server: &Server,
    paths: &[String],
) {
    let mut left: BTreeSet<_> = paths.iter().map(|path| server.url(path)).collect();
    for (file, (bytes, record)) in packed {
        let url = record["url"].as_str().expect("a URL");
        assert!(
            left.remove(url),
            "{url} is there twice, or not wanted: {file}"
        );
        let path = url.strip_prefix(&server.url("")).expect("a link");
        assert!(bytes == body(path), "{file}");
    }
    assert!(left.is_empty(), "lost: {left:?}");
}

/// What is in the folder of tars that are not published, without what is beside them.
fn open_tars(sandbox: &Sandbox) -> Vec<String> {
    let Ok(entries) = fs::read_dir(sandbox.path("out/.fetchpdf/tars")) else {
        return Vec::new();
    };
    let names = entries.map(|entry| entry.expect("an entry").file_name());
    let names = names.map(|name| name.into_string().expect("UTF-8"));
    names.filter(|name| is_tar(name)).collect()
}

pub(crate) fn paths(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("/{n}.pdf")).collect()
}

fn links(server: &Server, paths: &[String]) -> String {
    list(paths.iter().map(|path| server.url(path)))
}

fn pack(sandbox: &Sandbox, mode: &str, list: &str, args: &[&str]) -> Run {
    sandbox.fetch(mode, list, &[&["--pack", "tar:16k"], args].concat())
}

#[test]
fn files_are_packed_into_tars() {
    for_each_mode(|mode| {
        let server = server();
        let mut paths = paths(20);
        paths.extend(["/1706.03762", "/a/same.pdf", "/b/same.pdf"].map(str::to_owned));
        paths.push(format!("/{}.pdf", "long".repeat(55)));
        paths.push("/%D6%D0%B9%FA.pdf".to_owned());
        let (sandbox, list) = (Sandbox::new(), links(&server, &paths));
        let run = pack(&sandbox, mode, &list, &["--json"]).exits(0);
        has_each_once(&sandbox, &server, &paths);
        let packed = packed(&sandbox);
        let without_time = |record: &Value| {
            let mut record = record.clone();
            let fields = record.as_object_mut().expect("a record");
            fields.retain(|name, _| !matches!(&**name, "time" | "elapsed"));
            record
        };
        for line in run.stdout.lines() {
            let record: Value = serde_json::from_str(line).expect("a record");
            let (_, json) = &packed[record["file"].as_str().expect("a path")];
            assert_eq!(without_time(json), without_time(&record));
        }
        let keys: Vec<_> = packed
            .keys()
            .filter_map(|file| file.split('/').nth(1))
            .collect();
        for begin in ["1706_03762-", "中国-", "same-"] {
            assert!(keys.iter().any(|key| key.starts_with(begin)), "{keys:?}");
        }
        let tars = sandbox.files();
        let large = tars.values().filter(|tar| tar.len() > 16 * 1024);
        assert_eq!(large.map(|tar| members(tar).len()).collect::<Vec<_>>(), [2]);
        let expected = (0..tars.len()).map(|n| format!("shard-1-{n:06}.tar"));
        assert!(tars.len() > 3 && tars.into_keys().eq(expected));
        assert!(open_tars(&sandbox).is_empty());

        let requests = server.requests().len();
        let again = pack(&sandbox, mode, &list, &["--json"]).exits(0);
        let records: Vec<Value> = again
            .stdout
            .lines()
            .map(|line| serde_json::from_str(line).expect("a record"))
            .collect();
        assert_eq!(records.len(), paths.len());
        for record in records {
            let (_, json) = &packed[record["file"].as_str().expect("a path")];
            assert_eq!(record["status"], "present");
            for field in ["offset", "bytes", "sha256", "mtime_ns"] {
                assert_eq!(record[field], json[field], "{field}");
            }
        }
        assert_eq!(server.requests().len(), requests);
        let verify = sandbox.run(&["verify", "out"]).exits(0);
        assert_eq!(verify.count("good"), paths.len() as u64);
    });
}

#[cfg(unix)]
#[test]
fn interrupted_run_is_continued_in_the_same_tar() {
    for_each_mode(|mode| {
        let is_slow = std::sync::Arc::new(AtomicBool::new(true));
        let slow = std::sync::Arc::clone(&is_slow);
        let server = Server::start(move |request, stream| {
            until(|| !request.path.ends_with("9.pdf") || !slow.load(SeqCst));
            ok(stream, &body(&request.path));
        });
        let (sandbox, paths) = (Sandbox::new(), paths(10));
        sandbox.write("links.txt", links(&server, &paths));
        let args = ["links.txt", "-o", "out", "-m", mode, "--pack", "tar"];
        let running = Running::start(sandbox.command(&args));
        let journal = sandbox.path("out/.fetchpdf/journal.jsonl");
        until(|| fs::read_to_string(&journal).is_ok_and(|text| text.lines().count() == 9));
        running.signal("TERM");
        let run = running.end();
        assert!(
            run.stderr.contains("9 of the saved files are in a tar"),
            "{run:?}"
        );
        assert!(sandbox.names().is_empty());
        assert_eq!(open_tars(&sandbox), ["shard-1-000000.tar"]);
        let verify = sandbox.run(&["verify", "out"]).exits(0);
        assert_eq!(verify.count("good"), 9);
        is_slow.store(false, SeqCst);
        let run = sandbox.run(&args).exits(0);
        assert_eq!((run.count("present"), run.count("downloaded")), (9, 1));
        assert_eq!(sandbox.names(), ["shard-1-000000.tar"]);
        has_each_once(&sandbox, &server, &paths);
        assert!(open_tars(&sandbox).is_empty());
    });
}

#[test]
fn run_that_ends_at_a_limit_leaves_nothing_unpublished() {
    let (server, sandbox, paths) = (server(), Sandbox::new(), paths(6));
    let list = links(&server, &paths);
    let run = pack(&sandbox, "sequential", &list, &["--max-downloads", "2"]);
    assert_eq!(run.count("downloaded"), 2);
    assert_eq!(packed(&sandbox).len(), 2);
    pack(&sandbox, "sequential", &list, &[]).exits(0);
    has_each_once(&sandbox, &server, &paths);
}

#[cfg(unix)]
#[test]
fn kill_loses_nothing_and_doubles_nothing() {
    for_each_mode(|mode| {
        let (server, sandbox, paths) = (server(), Sandbox::new(), paths(60));
        sandbox.write("links.txt", links(&server, &paths));
        let args = [
            "links.txt",
            "-o",
            "out",
            "-m",
            mode,
            "-j",
            "4",
            "--pack",
            "tar:8k",
        ];
        let start = || Running::start(sandbox.command(&args));
        let mut running = [start(), start()];
        for kill in 0..12 {
            until(|| server.requests().len() > 4 * kill);
            // at any point between two of them
            for _ in 0..fastrand::u32(..1 << 12) {
                std::hint::spin_loop();
            }
            let killed = std::mem::replace(&mut running[kill % 2], start());
            killed.signal("KILL");
            killed.wait();
            // all that has a final name is whole
            packed(&sandbox);
        }
        for process in running {
            process.end().exits(0);
        }
        assert_eq!(sandbox.run(&args).exits(0).count("present"), 60);
        has_each_once(&sandbox, &server, &paths);
        assert!(open_tars(&sandbox).is_empty());
        assert_eq!(sandbox.run(&["verify", "out"]).exits(0).count("good"), 60);
    });
}

#[test]
fn torn_tar_is_continued_behind_its_last_whole_pair() {
    let (server, sandbox, paths) = (server(), Sandbox::new(), paths(6));
    let links = links(&server, &paths);
    let tar = sandbox.path("out/.fetchpdf/tars/shard-1-000000.tar");
    // as a kill leaves it: with its end but without a list, without all of that, and in the middle of the last members
    for (cut, present) in [(0, 6), (1, 6), (1024, 6), (1025, 5), (2048, 5), (3000, 5)] {
        let _ = fs::remove_dir_all(sandbox.path("out"));
        let run = || sandbox.fetch("async", &links, &["--pack", "tar"]).exits(0);
        run();
        let mut content = fs::read(sandbox.path("out/shard-1-000000.tar")).expect("a tar");
        fs::remove_file(sandbox.path("out/shard-1-000000.tar")).expect("a tar");
        fs::remove_file(tar.with_extension("tar.members")).expect("a list");
        content.truncate(content.len() - cut);
        fs::write(&tar, content).expect("a tar");
        assert_eq!(run().count("present"), present, "{cut}");
        has_each_once(&sandbox, &server, &paths);
        assert_eq!(sandbox.names(), ["shard-1-000000.tar"]);
    }
}

#[test]
fn lost_and_damaged_tars_are_found_and_fetched_again() {
    for_each_mode(|mode| {
        let (server, sandbox, paths) = (server(), Sandbox::new(), paths(6));
        let list = links(&server, &paths);
        pack(&sandbox, mode, &list, &[]).exits(0);
        let before = packed(&sandbox);
        let first = before.keys().next().expect("a file");
        let tar = first.split('/').next().expect("a tar");
        let in_it = before.keys().filter(|file| file.starts_with(tar)).count() as u64;
        fs::remove_file(sandbox.path("out").join(tar)).expect("a tar");
        let verify = sandbox.run(&["verify", "out"]).exits(1);
        assert_eq!(verify.count("missing"), in_it);
        let run = pack(&sandbox, mode, &list, &[]).exits(0);
        assert_eq!(run.count("downloaded"), in_it);
        assert!(
            !sandbox.path("out").join(tar).exists(),
            "a number is not given again"
        );
        has_each_once(&sandbox, &server, &paths);

        let all = packed(&sandbox);
        let (file, (bytes, record)) = all.iter().next().expect("a file");
        let tar = sandbox
            .path("out")
            .join(file.split('/').next().expect("a tar"));
        let mut content = fs::read(&tar).expect("a tar");
        let begin = record["offset"].as_u64().expect("a number");
        let begin = usize::try_from(begin).expect("a small one");
        content[begin + bytes.len() / 2] ^= 1;
        fs::write(&tar, content).expect("a tar");
        let verify = sandbox.run(&["verify", "out"]).exits(1);
        assert_eq!((verify.count("good"), verify.count("changed")), (5, 1));
        assert!(
            verify.stderr.contains(&format!("{file}: changed")),
            "{verify:?}"
        );
        sandbox.run(&["verify", "out", "--refetch"]).exits(0);
        assert_eq!(sandbox.run(&["verify", "out"]).exits(0).count("good"), 6);
        // the damaged one is still there, so the other has a key of its own
        let key = file.trim_end_matches(".pdf");
        let key = key.split('/').nth(1).expect("a key");
        let tars = sandbox.files().into_values();
        let names: Vec<_> = tars
            .flat_map(|tar| members(&tar))
            .map(|member| member.name)
            .collect();
        assert!(names.contains(&format!("{key}.pdf")) && names.contains(&format!("{key}-2.pdf")));
    });
}

#[test]
fn runs_with_their_own_states_share_no_name() {
    for_each_mode(|mode| {
        let (server, sandbox) = (server(), Sandbox::new());
        let states = ["0", "1", "2"];
        let mut all = Vec::new();
        let running = states.map(|state| {
            let paths: Vec<_> = (0..8).map(|n| format!("/{state}/{n}.pdf")).collect();
            let file = format!("{state}.txt");
            sandbox.write(&file, links(&server, &paths));
            all.extend(paths);
            let args = [
                "-o", "out", "--state", state, "-m", mode, "--pack", "tar:8k", &file,
            ];
            Running::start(sandbox.command(&args))
        });
        for process in running {
            process.end().exits(0);
        }
        has_each_once(&sandbox, &server, &all);
        for state in states {
            let args = ["verify", "out", "--state", state];
            assert_eq!(sandbox.run(&args).exits(0).count("good"), 8);
        }
    });
}

#[test]
fn a_shard_has_its_number_in_the_names() {
    let (server, sandbox, paths) = (server(), Sandbox::new(), paths(4));
    let list = links(&server, &paths);
    for shard in ["1/2", "2/2"] {
        pack(&sandbox, "async", &list, &["--shard", shard]).exits(0);
    }
    has_each_once(&sandbox, &server, &paths);
    let names = sandbox.names();
    assert!(
        names.iter().all(|name| name.starts_with("shard-1-"))
            || names.iter().all(|name| name.starts_with("shard-2-")),
        "{names:?}"
    );
}

#[test]
fn same_bytes_are_packed_once() {
    for_each_mode(|mode| {
        let server = Server::start(|_, stream| ok(stream, &pdf("same")));
        let (sandbox, paths) = (Sandbox::new(), paths(2));
        let list = links(&server, &paths);
        let run = pack(&sandbox, mode, &list, &["--dedupe", "skip"]).exits(0);
        assert_eq!((run.count("downloaded"), run.count("duplicate")), (1, 1));
        assert_eq!(packed(&sandbox).len(), 1);
        let run = pack(&sandbox, mode, &list, &["--dedupe", "skip"]).exits(0);
        assert_eq!(run.count("downloaded"), 0);
    });
}

#[test]
fn block_is_withdrawn_from_its_tar() {
    for_each_mode(|mode| {
        let is_on = std::sync::Arc::new(AtomicBool::new(true));
        let on = std::sync::Arc::clone(&is_on);
        let server = Server::start(move |request, stream| {
            let blocks = on.load(SeqCst);
            let seed = if blocks {
                "access blocked"
            } else {
                &*request.path
            };
            respond(stream, "200 OK", &pdf(seed));
        });
        let (sandbox, paths) = (Sandbox::new(), paths(8));
        let list = links(&server, &paths);
        let args = ["--retry", "0", "-j", "2"];
        let run = pack(&sandbox, mode, &list, &args).exits(1);
        assert_eq!(run.count("failed"), 8, "{run:?}");
        let mut withdrawn = 0;
        for (_, tar) in sandbox.files() {
            for member in members(&tar) {
                assert!(member.name.starts_with("__blocked__/"), "{}", member.name);
                withdrawn += 1;
            }
        }
        // with two at once, the fifth one may have been saved before it was told from a file
        let taken_back = run.stderr.matches("taken back").count();
        assert!((4..=5).contains(&taken_back), "{run:?}");
        assert_eq!(withdrawn, 2 * taken_back, "{run:?}");
        is_on.store(false, SeqCst);
        assert_eq!(
            pack(&sandbox, mode, &list, &[])
                .exits(0)
                .count("downloaded"),
            8
        );
        assert_eq!(sandbox.run(&["verify", "out"]).exits(0).count("good"), 8);
    });
}

#[test]
fn what_makes_no_sense_with_it_is_an_error() {
    let sandbox = Sandbox::new();
    let link = "http://localhost:1/a.pdf";
    for other in [
        "--dedupe=hardlink",
        "--update",
        "--overwrite",
        "--skip-existing",
        "--shard-dirs",
        "--exec=true",
    ] {
        let run = sandbox.run(&["--pack", "tar", other, link]).exits(2);
        let name = other.split('=').next().expect("a name");
        assert!(
            run.stderr.contains("--pack") && run.stderr.contains(name),
            "{run:?}"
        );
    }
    for wrong in ["zip", "tar:", "tar:1T", "tarball"] {
        let run = sandbox.run(&["--pack", wrong, link]).exits(2);
        assert!(
            run.stderr.contains("tar:256M") || run.stderr.contains("64k"),
            "{run:?}"
        );
    }
}
