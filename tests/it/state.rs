//! The state folder apart from the output folder (`--state`), and outputs that runs with states of their own share.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::harness::{Run, Running, Sandbox, for_each_mode, list};
use crate::server::{Server, ok, pdf, pdf_of, respond};

/// The records of the journal in the state folder `state`.
fn journal(state: &Path) -> Vec<Value> {
    let text = fs::read_to_string(state.join("journal.jsonl")).expect("a journal");
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).expect("a record"))
        .collect()
}

/// The last file of each link according to the journal in the state folder `state`.
fn files_of(state: &Path) -> BTreeMap<String, String> {
    let text = |record: &Value, field: &str| record[field].as_str().map(str::to_owned);
    let records = journal(state).into_iter();
    let files = records.filter_map(|record| Some((text(&record, "url")?, text(&record, "file")?)));
    files.collect()
}

/// Some with a named part, most without.
fn body(path: &str) -> Vec<u8> {
    if path.ends_with("7.pdf") {
        pdf_of(path, 1_100_000)
    } else {
        pdf(path)
    }
}

fn set_time(path: &Path, time: SystemTime) {
    let file = fs::File::options().append(true).open(path);
    let set = file.and_then(|file| file.set_modified(time));
    set.expect("a file");
}

fn with_state(sandbox: &Sandbox, mode: &str, state: &str, args: &[&str]) -> Run {
    let common = ["-o", "out", "--state", state, "-m", mode];
    sandbox.run(&[&common, args].concat())
}

#[test]
fn state_is_apart_from_the_output() {
    for_each_mode(|mode| {
        let server = Server::start(|request, stream| match request.header("if-none-match") {
            Some("\"v1\"") => respond(stream, "304 Not Modified", b""),
            _ => respond(stream, "200 OK\r\nETag: \"v1\"", &body(&request.path)),
        });
        let sandbox = Sandbox::new();
        sandbox.write(
            "links.txt",
            list((0..9).map(|n| server.url(&format!("/{n}.pdf")))),
        );
        let run = |args: &[&str]| with_state(&sandbox, mode, "deep/state", args);
        let dry = run(&["links.txt", "--dry-run"]).exits(0);
        assert_eq!(dry.stdout.matches("fetch\t").count(), 9);
        assert!(!sandbox.path("deep").exists() && !sandbox.path("out").exists());
        assert_eq!(run(&["links.txt"]).exits(0).count("downloaded"), 9);
        assert_eq!(journal(&sandbox.path("deep/state")).len(), 9);
        assert!(!sandbox.path("out/.fetchpdf").exists());
        assert!(crate::harness::is_empty(&sandbox.path("deep/state/parts")));

        assert_eq!(run(&["links.txt"]).exits(0).count("present"), 9);
        let dry = run(&["links.txt", "--dry-run"]).exits(0);
        assert_eq!(dry.stdout.matches("present\t").count(), 9);
        assert_eq!(server.requests().len(), 9);
        let update = run(&["links.txt", "--update"]).exits(0);
        assert_eq!((update.count("present"), server.requests().len()), (9, 18));

        fs::rename(sandbox.path("out/3.pdf"), sandbox.path("out/three.pdf")).expect("a file");
        fs::remove_file(sandbox.path("out/4.pdf")).expect("a file");
        let verify = ["verify", "out", "--state", "deep/state"];
        let missing = sandbox.run(&verify).exits(1).count("missing");
        // where the system has inodes, they tell that it is ours
        assert_eq!(missing, if cfg!(unix) { 1 } else { 2 });
        let again = run(&["links.txt"]).exits(0);
        assert_eq!(again.count("present"), if cfg!(unix) { 8 } else { 7 });
        assert_eq!(sandbox.run(&verify).exits(0).count("good"), 9);
        fs::write(sandbox.path("out/5.pdf"), "spoiled").expect("a file");
        let refetch = [&verify[..], &["--refetch"]].concat();
        assert_eq!(sandbox.run(&refetch).exits(0).count("downloaded"), 1);
        assert!(!sandbox.path("out/.fetchpdf").exists());
    });
}

#[test]
fn state_may_be_set_elsewhere_and_must_be_a_folder() {
    let server = Server::of_pdfs();
    let sandbox = Sandbox::new();
    let link = server.url("/a.pdf");
    sandbox.write("config.toml", "state = \"of the file\"\noutput = \"out\"\n");
    sandbox.run(&[&link, "-K", "config.toml"]).exits(0);
    let verify = ["verify", "-K", "config.toml"];
    assert_eq!(sandbox.run(&verify).exits(0).count("good"), 1);
    assert_eq!(journal(&sandbox.path("of the file")).len(), 1);
    let mut command = sandbox.command(&[&link, "-K", "config.toml"]);
    command.env("FETCHPDF_STATE", "of the environment");
    Running::start(command).end().exits(0);
    assert_eq!(files_of(&sandbox.path("of the environment")).len(), 1);
    assert_eq!(sandbox.names().len(), 2);

    sandbox.write("file", "");
    let run = with_state(&sandbox, "async", "file", &[&link]).exits(2);
    assert!(run.stderr.contains("the state folder `file`"), "{run:?}");
    let args = ["--report", "st/report.jsonl", &link];
    fs::create_dir(sandbox.path("st")).expect("a folder");
    let run = with_state(&sandbox, "async", "st", &args).exits(2);
    assert!(run.stderr.contains("in the state folder"), "{run:?}");
}

#[test]
fn runs_with_their_own_states_share_an_output() {
    for_each_mode(|mode| {
        let server = Server::start(|request, stream| ok(stream, &body(&request.path)));
        let sandbox = Sandbox::new();
        let states = ["0", "1", "2"];
        for state in states {
            // names that all of them want, and one link that all of them have
            let paths = (5..9).map(|n| format!("/{state}/{n}.pdf"));
            let paths = paths.chain(["/all/same.pdf".to_owned()]);
            let links = list(paths.map(|path| server.url(&path)));
            sandbox.write(&format!("{state}.txt"), links);
        }
        let run_all = |args: &[&str]| {
            let running = states.map(|state| {
                let links = format!("{state}.txt");
                let common = [&*links, "-o", "out", "--state", state, "-m", mode];
                Running::start(sandbox.command(&[&common, args].concat()))
            });
            running.map(|process| process.end().exits(0))
        };
        let check = || {
            let files = sandbox.files();
            let mut named = Vec::new();
            for state in states {
                let all = files_of(&sandbox.path(state));
                assert_eq!(all.len(), 5);
                for (url, file) in all {
                    let path = url.strip_prefix(&server.url("")).expect("a link");
                    assert!(files[&file] == body(path), "{url}: {file}");
                    named.push(file);
                }
            }
            named.sort();
            assert_eq!(
                named,
                sandbox.names(),
                "each has its own, and nothing is left"
            );
        };
        run_all(&[]);
        check();
        let before = sandbox.files();
        run_all(&["--update"]);
        assert!(sandbox.files() == before);
        run_all(&["--overwrite"]);
        assert!(sandbox.files() == before);
        check();
        // one that has lost its file does not take that of another one
        let victim = files_of(&sandbox.path("0"))[&server.url("/0/6.pdf")].clone();
        fs::remove_file(sandbox.path("out").join(victim)).expect("a file");
        run_all(&["--overwrite"]);
        check();
        for state in states {
            let verify = ["verify", "out", "--state", state];
            assert_eq!(sandbox.run(&verify).exits(0).count("good"), 5);
        }
    });
}

#[test]
fn files_of_other_states_are_not_taken_for_renamed_ones() {
    for_each_mode(|mode| {
        for args in [&[][..], &["--sha256"]] {
            let head = "200 OK\r\nLast-Modified: Mon, 02 Jan 2006 15:04:05 GMT";
            let server = Server::start(move |_, stream| respond(stream, head, &pdf("same")));
            // `assert_eq` would print them
            let is = |file: &[u8], seed| file == pdf(seed);
            let sandbox = Sandbox::new();
            let fetch = |state: &str, path: &str, more: &[&str]| {
                let link = server.url(path);
                let args = [&[&*link, "--remote-time"], args, more].concat();
                with_state(&sandbox, mode, state, &args).exits(0)
            };
            fetch("1", "/a.pdf", &[]);
            fetch("2", "/b.pdf", &[]);
            fs::remove_file(sandbox.path("out/b.pdf")).expect("a file");
            // the same bytes, the same time, but of somebody else
            assert_eq!(fetch("2", "/b.pdf", &[]).count("downloaded"), 1);
            assert_eq!(sandbox.names(), ["a.pdf", "b.pdf"]);
            // of nobody known, under a name that is ours
            fs::remove_file(sandbox.path("out/b.pdf")).expect("a file");
            sandbox.write("out/b.pdf", pdf("another"));
            set_time(
                &sandbox.path("out/b.pdf"),
                SystemTime::UNIX_EPOCH + Duration::from_secs(1),
            );
            fetch("2", "/b.pdf", &["--overwrite"]);
            assert!(is(&sandbox.files()["b.pdf"], "another"));
            assert_eq!(sandbox.names().len(), 3);
        }
    });
}

/// A folder on another file system than that of the sandboxes, if there is one.
#[cfg(target_os = "linux")]
fn elsewhere() -> Option<tempfile::TempDir> {
    use std::os::unix::fs::MetadataExt;
    let there = tempfile::tempdir_in("/dev/shm").ok()?;
    let here = tempfile::tempdir().expect("a temporary folder");
    let device = |folder: &tempfile::TempDir| folder.path().metadata().expect("a folder").dev();
    (device(&there) != device(&here)).then_some(there)
}

#[cfg(target_os = "linux")]
#[test]
fn state_may_be_on_another_file_system() {
    use std::os::unix::fs::MetadataExt;
    for_each_mode(|mode| {
        let Some(elsewhere) = elsewhere() else { return };
        let state = elsewhere.path().join("state");
        let state_path = state.to_str().expect("text");
        let server = Server::start(|request, stream| {
            let head = match request.path.as_str() {
                "/old7.pdf" => "200 OK\r\nLast-Modified: Mon, 02 Jan 2006 15:04:05 GMT",
                _ => "200 OK\r\nETag: \"v1\"",
            };
            respond(stream, head, &body(&request.path));
        });
        let sandbox = Sandbox::new();
        let names = ["1.pdf", "17.pdf", "27.pdf", "old7.pdf"];
        sandbox.write(
            "links.txt",
            list(names.map(|name| server.url(&format!("/{name}")))),
        );
        // a name that is taken by somebody else
        sandbox.write("out/27.pdf", "mine");
        let run = |args: &[&str]| {
            let args = [&["links.txt", "--remote-time"], args].concat();
            with_state(&sandbox, mode, state_path, &args).exits(0)
        };
        let look = || {
            for record in journal(&state) {
                let found = sandbox
                    .path("out")
                    .join(record["file"].as_str().expect("a name"));
                let found = found.metadata().expect("a file");
                let time = found.mtime() * 1_000_000_000 + found.mtime_nsec();
                assert_eq!(record["inode"], found.ino());
                assert_eq!(record["mtime_ns"], time);
            }
        };
        assert_eq!(run(&[]).count("downloaded"), 4);
        // the first record of a name that was taken is not true
        let text = fs::read_to_string(state.join("journal.jsonl")).expect("a journal");
        let kept: Vec<_> = text
            .lines()
            .filter(|line| !line.contains("\"file\":\"27.pdf\""))
            .collect();
        fs::write(state.join("journal.jsonl"), kept.join("\n") + "\n").expect("a journal");
        look();
        let files = sandbox.files();
        assert_eq!((files.len(), &files["27.pdf"][..]), (5, &b"mine"[..]));
        assert!(names.iter().all(|name| {
            let content = body(&format!("/{name}"));
            files.values().any(|file| *file == content)
        }));
        assert_eq!(run(&[]).count("present"), 4);
        assert_eq!(run(&["--overwrite"]).count("downloaded"), 4);
        assert!(sandbox.files() == files && !sandbox.path("out/.fetchpdf").exists());
        assert!(crate::harness::is_empty(&state.join("parts")));
    });
}

#[cfg(target_os = "linux")]
#[test]
fn kill_loses_nothing_wherever_the_state_is() {
    for_each_mode(|mode| {
        let elsewhere = elsewhere();
        let sandbox = Sandbox::new();
        let state = match &elsewhere {
            Some(folder) => folder.path().join("state"),
            None => sandbox.path("state"),
        };
        let server = Server::start(|request, stream| ok(stream, &pdf_of(&request.path, 1_100_000)));
        sandbox.write(
            "links.txt",
            list((0..6).map(|n| server.url(&format!("/{n}.pdf")))),
        );
        let state_path = state.to_str().expect("text");
        let args = ["links.txt", "-o", "out", "--state", state_path, "-m", mode];
        let args = [&args[..], &["-j", "4"]].concat();
        for kill_after in [1, 4] {
            let running = Running::start(sandbox.command(&args));
            crate::harness::until(|| {
                server.requests().len() >= kill_after || sandbox.names().len() >= kill_after
            });
            running.signal("KILL");
            running.wait();
            for (name, content) in sandbox.files() {
                assert!(content == pdf_of(&format!("/{name}"), 1_100_000), "{name}");
            }
        }
        sandbox.run(&args).exits(0);
        let files = sandbox.files();
        assert_eq!(files.len(), 6, "no copies: {:?}", files.keys());
        let whole = |(name, content): (&String, &Vec<u8>)| {
            *content == pdf_of(&format!("/{name}"), 1_100_000)
        };
        assert!(files.iter().all(whole));
        assert!(crate::harness::is_empty(&state.join("parts")));
    });
}

#[test]
fn copy_that_a_kill_has_left_is_cleared_by_its_own_state() {
    let server = Server::of_pdfs();
    let sandbox = Sandbox::new();
    let link = server.url("/a.pdf");
    with_state(&sandbox, "async", "1", &[&link]).exits(0);
    let (name, other) = ("0123456789abcdef.new", "fedcba9876543210.new");
    for name in [name, other] {
        sandbox.write(&format!("out/.fetchpdf-{name}"), "%PDF-1.7");
    }
    sandbox.write(&format!("1/parts/{name}"), "");
    for state in ["2", "1"] {
        with_state(&sandbox, "async", state, &[&link]).exits(0);
        let mut names = sandbox.names();
        names.retain(|name| name.starts_with('.'));
        let all = [name, other].map(|name| format!(".fetchpdf-{name}"));
        let left = if state == "1" { &all[1..] } else { &all[..] };
        assert_eq!(names, left, "state {state}");
    }
    assert!(crate::harness::is_empty(&sandbox.path("1/parts")));
}

/// A journal of more than this many bytes has an index. It is read before there is a mode.
const LONG: usize = 1 << 20;

#[test]
fn index_of_a_long_journal_changes_nothing() {
    let server = Server::of_pdfs();
    let sandbox = Sandbox::new();
    let links = list((0..5).map(|n| server.url(&format!("/{n}.pdf"))));
    sandbox.fetch("async", &links, &[]).exits(0);
    let (journal, index) = (
        sandbox.path("out/.fetchpdf/journal.jsonl"),
        sandbox.path("out/.fetchpdf/journal.index"),
    );
    let own = fs::read_to_string(&journal).expect("a journal");
    let others = (0..1200).map(|n| {
            let url = format!("http://a.example/{n}/{}.pdf", "x".repeat(900));
            format!(
                "{{\"url\":\"{url}\",\"file\":\"x{n}.pdf\",\"bytes\":9,\"mtime_ns\":{n},\"status\":\"downloaded\"}}\n"
            )
        });
    let long = own.clone() + &others.collect::<String>();
    assert!(long.len() > LONG);
    fs::write(&journal, &long).expect("a journal");
    let dry = sandbox.fetch("async", &links, &["--dry-run"]).exits(0);
    assert!(dry.stdout.matches("present").count() == 5 && !index.exists());
    let is_present = || {
        let run = sandbox.fetch("async", &links, &[]).exits(0);
        assert_eq!((run.count("present"), server.requests().len()), (5, 5));
    };
    is_present();
    let first = fs::read(&index).expect("an index");
    is_present();
    assert!(
        fs::read(&index).expect("an index") == first,
        "it is still true"
    );

    let mut records: Vec<_> = long.lines().collect();
    records.sort_unstable();
    records.rotate_left(600);
    let sorted = records.join("\n") + "\n";
    for edited in [&sorted, &(sorted.clone() + "{torn"), &long] {
        fs::write(&journal, edited).expect("a journal");
        is_present();
    }
    let second = fs::read(&index).expect("an index");
    let mut flipped = second.clone();
    flipped[second.len() / 2] ^= 1;
    let torn = second[..second.len() / 3].to_vec();
    for damaged in [flipped, torn, Vec::new(), b"nonsense".to_vec()] {
        fs::write(&index, damaged).expect("an index");
        is_present();
        assert!(
            fs::read(&index).expect("an index") == second,
            "it is replaced"
        );
    }
    #[cfg(unix)]
    {
        sandbox.write("secret", "not ours");
        fs::remove_file(&index).expect("an index");
        std::os::unix::fs::symlink(sandbox.path("secret"), &index).expect("a link");
        is_present();
        let secret = fs::read(sandbox.path("secret")).expect("a file");
        assert_eq!(secret, b"not ours");
    }
    // what is appended counts, and so does what is taken out
    fs::remove_file(sandbox.path("out/2.pdf")).expect("a file");
    let run = sandbox.fetch("async", &links, &[]).exits(0);
    assert_eq!((run.count("present"), run.count("downloaded")), (4, 1));
    let run = sandbox.fetch("async", &links, &["--update"]).exits(0);
    assert_eq!(run.count("downloaded") + run.count("present"), 5);
    let text = fs::read_to_string(&journal).expect("a journal");
    let kept = text.lines().filter(|line| !line.contains("/3.pdf"));
    let kept: Vec<_> = kept.collect();
    fs::write(&journal, kept.join("\n") + "\n").expect("a journal");
    let run = sandbox.fetch("async", &links, &[]).exits(0);
    assert_eq!((run.count("present"), run.count("downloaded")), (4, 1));
    assert!(crate::harness::is_empty(
        &sandbox.path("out/.fetchpdf/parts")
    ));
}
