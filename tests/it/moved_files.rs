//! What people do with the files between two runs: the folder moves, files are renamed, edited and deleted.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::harness::{Sandbox, for_each_mode, list};
use crate::server::{Server, pdf, respond};

/// Gives a file a time of its own, as a copy of it has.
fn touch(path: &Path, time: SystemTime) {
    let file = fs::File::options().write(true).open(path);
    file.and_then(|file| file.set_modified(time))
        .expect("a file");
}

fn time(path: &Path) -> SystemTime {
    let file = fs::metadata(path).and_then(|file| file.modified());
    file.expect("a file")
}

/// The number of bytes of the journal.
fn journal_length(sandbox: &Sandbox) -> u64 {
    let journal = fs::metadata(sandbox.path("out/.fetchpdf/journal.jsonl"));
    journal.expect("a journal").len()
}

fn append(path: &Path, bytes: &[u8]) {
    let before = fs::read(path).expect("a file");
    fs::write(path, [&before, bytes].concat()).expect("a file");
}

/// What somebody appends who annotates a file.
const NOTE: &[u8] = b"\n9 0 obj\n<<>>\nendobj\nstartxref\n9\n%%EOF\n";

#[test]
fn moved_folder_is_known_by_the_contents_of_its_files() {
    let rounded = |by: u64| {
        move |time: SystemTime| {
            let since = time
                .duration_since(SystemTime::UNIX_EPOCH)
                .expect("after 1970");
            SystemTime::UNIX_EPOCH + Duration::from_secs(since.as_secs() / by * by)
        }
    };
    let copied = |_| SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    // an archive, and a copy
    let moves: [&dyn Fn(SystemTime) -> SystemTime; 2] = [&rounded(2), &copied];
    for_each_mode(|mode| {
        for args in [&[][..], &["--sha256"]] {
            let server = Server::of_pdfs();
            let sandbox = Sandbox::new();
            let links = list((0..4).map(|n| server.url(&format!("/{n}/same.pdf"))));
            sandbox.fetch(mode, &links, args).exits(0);
            let before = sandbox.files();
            for moved in moves {
                for name in before.keys() {
                    let path = sandbox.path("out").join(name);
                    touch(&path, moved(time(&path)));
                }
                let run = sandbox.fetch(mode, &links, args).exits(0);
                assert_eq!(run.count("present"), 4, "{mode} {args:?}");
                // known without reading them from now on
                let length = journal_length(&sandbox);
                let run = sandbox.fetch(mode, &links, args).exits(0);
                assert_eq!(
                    (run.count("present"), journal_length(&sandbox)),
                    (4, length)
                );
            }
            assert_eq!((server.requests().len(), sandbox.files()), (4, before));
            assert_eq!(
                sandbox.run(&["verify", "out"]).exits(0).count("good"),
                4,
                "{mode} {args:?}"
            );
        }
    });
}

#[test]
fn file_with_other_bytes_is_not_taken_for_the_one_that_moved() {
    for_each_mode(|mode| {
        for args in [&[][..], &["--sha256"]] {
            let server = Server::of_pdfs();
            let sandbox = Sandbox::new();
            let link = server.url("/a.pdf");
            sandbox.fetch(mode, &link, args).exits(0);
            let mut other = pdf("/a.pdf");
            if args.is_empty() {
                other.fill(0);
            } else {
                other[2000] ^= 1;
            }
            sandbox.write("out/a.pdf", &other);
            touch(&sandbox.path("out/a.pdf"), SystemTime::UNIX_EPOCH);
            let run = sandbox.fetch(mode, &link, args).exits(0);
            assert!(run.stderr.contains("a.pdf was changed here since"));
            let files = sandbox.files();
            assert_eq!((&files["a.pdf"], files.len()), (&other, 2));
            assert!(files.values().any(|file| *file == pdf("/a.pdf")));
        }
    });
}

#[test]
fn summary_says_what_became_of_changed_and_renamed_files() {
    for_each_mode(|mode| {
        let server = Server::start(|request, stream| match request.header("if-none-match") {
            Some(_) => respond(stream, "304 Not Modified", b""),
            None => respond(stream, "200 OK\r\nETag: \"v1\"", &pdf(&request.path)),
        });
        let links = list(["/a.pdf", "/b.pdf", "/c.pdf"].map(|path| server.url(path)));
        for args in [&[][..], &["--update"]] {
            let sandbox = Sandbox::new();
            sandbox.fetch(mode, &links, args).exits(0);
            append(&sandbox.path("out/a.pdf"), NOTE);
            fs::rename(sandbox.path("out/b.pdf"), sandbox.path("out/mine.pdf")).expect("a file");
            let run = sandbox.fetch(mode, &links, args).exits(0);
            let changed = "\nchanged     1 since an earlier run: kept beside new copies\n";
            assert!(run.stdout.contains(changed), "{run:?}");
            let renamed = "\nrenamed     1 found under another name\n";
            assert!(run.stdout.contains(renamed), "{run:?}");
            assert_eq!((run.count("downloaded"), run.count("present")), (1, 2));
        }
    });
}

#[test]
fn validators_survive_a_move() {
    for_each_mode(|mode| {
        let server = Server::start(|request, stream| match request.header("if-none-match") {
            Some("\"v1\"") => respond(stream, "304 Not Modified", b""),
            _ => respond(stream, "200 OK\r\nETag: \"v1\"", &pdf(&request.path)),
        });
        let sandbox = Sandbox::new();
        let links = list(["/a.pdf", "/b.pdf"].map(|path| server.url(path)));
        sandbox.fetch(mode, &links, &[]).exits(0);
        for round in [1, 2] {
            for name in ["a.pdf", "b.pdf"] {
                let time = SystemTime::UNIX_EPOCH + Duration::from_secs(round);
                touch(&sandbox.path("out").join(name), time);
            }
            fs::rename(sandbox.path("out/b.pdf"), sandbox.path("out/b.tmp")).expect("a file");
            fs::rename(sandbox.path("out/b.tmp"), sandbox.path("out/b.pdf")).expect("a file");
            if round == 1 {
                sandbox.fetch(mode, &links, &[]).exits(0);
            }
            let run = sandbox.fetch(mode, &links, &["--update"]).exits(0);
            assert_eq!((run.count("present"), run.count("downloaded")), (2, 0));
            let length = journal_length(&sandbox);
            sandbox.fetch(mode, &links, &[]).exits(0);
            assert_eq!(journal_length(&sandbox), length);
        }
        assert_eq!(sandbox.names(), ["a.pdf", "b.pdf"]);
    });
}

#[test]
fn renamed_files_are_found_and_deleted_ones_fetched_again() {
    for_each_mode(|mode| {
        for args in [&[][..], &["--sha256"], &["--name", "{host}/{name}"]] {
            let server = Server::of_pdfs();
            let sandbox = Sandbox::new();
            let links = list(["/a.pdf", "/b.pdf", "/c.pdf", "/d.pdf"].map(|path| server.url(path)));
            sandbox.fetch(mode, &links, args).exits(0);
            let folder = if args.contains(&"--name") {
                "out/127.0.0.1"
            } else {
                "out"
            };
            let path = |name: &str| sandbox.path(folder).join(name);
            let new_name = if cfg!(unix) {
                "What is life? 2: notes.pdf"
            } else {
                "What is life.pdf"
            };
            fs::create_dir_all(sandbox.path("out/read/now")).expect("a folder");
            fs::rename(path("a.pdf"), path(new_name)).expect("a file");
            fs::rename(path("b.pdf"), sandbox.path("out/read/now/b.PDF")).expect("a file");
            fs::remove_file(path("c.pdf")).expect("a file");
            let run = sandbox.fetch(mode, &links, args).exits(0);
            assert_eq!((run.count("present"), run.count("downloaded")), (3, 1));
            let after = sandbox.files();
            let run = sandbox.fetch(mode, &links, args).exits(0);
            assert_eq!((run.count("present"), server.requests().len()), (4, 5));
            assert_eq!((sandbox.files(), after.len()), (after, 4));
            assert_eq!(sandbox.run(&["verify", "out"]).exits(0).count("good"), 4);
        }
    });
}

#[test]
fn renamed_file_with_another_time_is_known_by_its_hash() {
    for_each_mode(|mode| {
        let server = Server::of_pdfs();
        let sandbox = Sandbox::new();
        let links = list(["/a.pdf", "/b.pdf"].map(|path| server.url(path)));
        sandbox.fetch(mode, &links, &["--sha256"]).exits(0);
        let copy = sandbox.path("out/copy.pdf");
        fs::rename(sandbox.path("out/a.pdf"), &copy).expect("a file");
        touch(&copy, SystemTime::UNIX_EPOCH);
        // as a copy by way of a file system that ignores case may leave it
        fs::rename(sandbox.path("out/b.pdf"), sandbox.path("out/B.PDF")).expect("a file");
        touch(&sandbox.path("out/B.PDF"), SystemTime::UNIX_EPOCH);
        let run = sandbox.fetch(mode, &links, &[]).exits(0);
        assert_eq!((run.count("present"), server.requests().len()), (2, 2));
        assert_eq!(sandbox.names(), ["B.PDF", "copy.pdf"]);
    });
}

#[test]
fn renamed_file_of_one_link_is_not_given_to_another() {
    for_each_mode(|mode| {
        for args in [&[][..], &["--sha256"]] {
            let server =
                Server::start(|_, stream| respond(stream, "200 OK", &pdf("the same for all")));
            let sandbox = Sandbox::new();
            let links = list(["/a.pdf", "/b.pdf", "/c.pdf"].map(|path| server.url(path)));
            sandbox.fetch(mode, &links, args).exits(0);
            fs::remove_file(sandbox.path("out/a.pdf")).expect("a file");
            fs::rename(sandbox.path("out/b.pdf"), sandbox.path("out/z.pdf")).expect("a file");
            let run = sandbox.fetch(mode, &links, args).exits(0);
            assert_eq!((run.count("present"), run.count("downloaded")), (2, 1));
            assert_eq!(sandbox.names(), ["a.pdf", "c.pdf", "z.pdf"]);
        }
    });
}

#[test]
fn file_in_the_place_of_another_is_not_taken_for_it() {
    for_each_mode(|mode| {
        for args in [&["--remote-time"][..], &["--remote-time", "--sha256"]] {
            // of the same length, and of another time
            let server = Server::start(|request, stream| {
                let day = if request.path == "/a.pdf" {
                    "Mon, 02"
                } else {
                    "Tue, 03"
                };
                let head = format!("200 OK\r\nLast-Modified: {day} Jan 2006 15:04:05 GMT");
                respond(stream, &head, &pdf(&request.path));
            });
            let sandbox = Sandbox::new();
            let links = list(["/a.pdf", "/b.pdf"].map(|path| server.url(path)));
            sandbox.fetch(mode, &links, args).exits(0);
            fs::rename(sandbox.path("out/b.pdf"), sandbox.path("out/a.pdf")).expect("a file");
            let run = sandbox.fetch(mode, &links, args).exits(0);
            assert_eq!(run.count("downloaded"), 2);
            let files = sandbox.files();
            assert_eq!((files.len(), &files["a.pdf"]), (3, &pdf("/b.pdf")));
            assert!(files.values().any(|file| *file == pdf("/a.pdf")));
            assert_eq!(
                sandbox.fetch(mode, &links, args).exits(0).count("present"),
                2
            );
        }
    });
}

#[test]
fn files_with_the_same_length_and_time_are_not_confused() {
    for_each_mode(|mode| {
        let head = "200 OK\r\nLast-Modified: Mon, 02 Jan 2006 15:04:05 GMT";
        let server = Server::start(move |request, stream| {
            respond(stream, head, &pdf(&request.path));
        });
        let sandbox = Sandbox::new();
        let links = list(["/a.pdf", "/b.pdf"].map(|path| server.url(path)));
        sandbox.fetch(mode, &links, &["--remote-time"]).exits(0);
        let (a, b, z) = (
            sandbox.path("out/a.pdf"),
            sandbox.path("out/b.pdf"),
            sandbox.path("out/z.pdf"),
        );
        fs::remove_file(&a).expect("a file");
        fs::rename(&b, &z).expect("a file");
        let run = sandbox.fetch(mode, &links, &["--remote-time"]).exits(0);
        let files = sandbox.files();
        assert_eq!(
            (&files["a.pdf"], &files["z.pdf"]),
            (&pdf("/a.pdf"), &pdf("/b.pdf"))
        );
        // where the system has inodes, they tell
        assert_eq!(run.count("present"), u64::from(cfg!(unix)));
        // in a copy of the folder, nobody can tell whose it is
        let copy = sandbox.path("out/copy.pdf");
        let since = time(&z);
        fs::copy(&z, &copy).expect("a file");
        touch(&copy, since);
        fs::remove_file(&z).expect("a file");
        let run = sandbox.fetch(mode, &links, &["--remote-time"]).exits(0);
        assert_eq!((run.count("present"), run.count("downloaded")), (1, 1));
        assert_eq!(sandbox.files()["b.pdf"], pdf("/b.pdf"));
    });
}

#[test]
fn changed_file_is_kept_and_said_once() {
    for_each_mode(|mode| {
        let server = Server::of_pdfs();
        let sandbox = Sandbox::new();
        let link = server.url("/x.pdf");
        let run = |requests: usize, word: &str| {
            let run = sandbox.fetch(mode, &link, &["--json"]).exits(0);
            assert_eq!(server.requests().len(), requests, "{run:?}");
            let record: serde_json::Value = serde_json::from_str(&run.stdout).expect("a record");
            assert_eq!(record["status"], word, "{record}");
            (run.stderr, record)
        };
        run(1, "downloaded");
        append(&sandbox.path("out/x.pdf"), NOTE);
        let annotated = sandbox.files()["x.pdf"].clone();
        let (said, record) = run(2, "downloaded");
        let second = record["file"].as_str().expect("a name").to_owned();
        let message =
            format!("x.pdf was changed here since; kept, and the server's copy saved as {second}");
        assert!(said.contains(&message), "{said}");
        assert_eq!(record["kept"], "x.pdf");
        assert_eq!(sandbox.files()["x.pdf"], annotated);
        assert_eq!(sandbox.files()[&second], pdf("/x.pdf"));
        let (said, _) = run(2, "present");
        assert!(!said.contains("changed here"), "{said}");

        // no third copy, if the second one is annotated, too
        append(&sandbox.path("out").join(&second), NOTE);
        for _ in 0..2 {
            let (said, record) = run(2, "present");
            let message = format!("{second} was changed here since; kept as the file of this link");
            assert!(said.contains(&message), "{said}");
            assert_eq!(record["file"], second.as_str());
            let (said, _) = run(2, "present");
            assert!(!said.contains("changed here"), "{said}");
            append(&sandbox.path("out").join(&second), NOTE);
        }
        // it stays that of the user, also when it is copied or renamed
        let path = |name: &str| sandbox.path(&format!("out/{name}"));
        for update in ["--update", "--skip-existing", "--update"] {
            let run = sandbox.fetch(mode, &link, &[update]).exits(0);
            assert_eq!((run.count("present"), sandbox.names().len()), (1, 2));
        }
        touch(&path(&second), SystemTime::UNIX_EPOCH);
        for _ in 0..2 {
            let run = sandbox.fetch(mode, &link, &["--update"]).exits(0);
            assert_eq!(run.count("present"), 1, "{run:?}");
        }
        fs::rename(path(&second), path("z.pdf")).expect("a file");
        for _ in 0..2 {
            let run = sandbox.fetch(mode, &link, &["--update"]).exits(0);
            assert_eq!(run.count("present"), 1, "{run:?}");
        }
        assert_eq!(server.requests().len(), 2);
        sandbox.fetch(mode, &link, &["--overwrite"]).exits(0);
        assert_eq!(server.requests().len(), 3);
    });
}

#[test]
fn server_copy_that_is_removed_is_not_wanted() {
    for_each_mode(|mode| {
        let server = Server::of_pdfs();
        let sandbox = Sandbox::new();
        let link = server.url("/x.pdf");
        sandbox.fetch(mode, &link, &[]).exits(0);
        append(&sandbox.path("out/x.pdf"), NOTE);
        sandbox.fetch(mode, &link, &[]).exits(0);
        let names = sandbox.names();
        let second = names.iter().find(|name| *name != "x.pdf");
        fs::remove_file(sandbox.path("out").join(second.expect("a copy"))).expect("a file");
        let verify = sandbox.run(&["verify", "out", "--refetch"]).exits(0);
        assert_eq!((verify.count("good"), verify.count("missing")), (1, 0));
        for _ in 0..3 {
            let run = sandbox.fetch(mode, &link, &[]).exits(0);
            assert_eq!(run.count("present"), 1);
            append(&sandbox.path("out/x.pdf"), NOTE);
        }
        assert_eq!(
            (server.requests().len(), sandbox.names()),
            (2, vec!["x.pdf".to_owned()])
        );
        // what is no document of anybody is fetched again
        sandbox.write("out/x.pdf", "%PDF-1.7 torn");
        let run = sandbox.fetch(mode, &link, &[]).exits(0);
        assert_eq!(run.count("downloaded"), 1);
    });
}

#[test]
fn dry_run_finds_files_and_writes_nothing() {
    let server = Server::of_pdfs();
    let sandbox = Sandbox::new();
    let links = list(["/a.pdf", "/b.pdf"].map(|path| server.url(path)));
    sandbox.fetch("async", &links, &[]).exits(0);
    fs::rename(sandbox.path("out/a.pdf"), sandbox.path("out/z.pdf")).expect("a file");
    touch(&sandbox.path("out/b.pdf"), SystemTime::UNIX_EPOCH);
    let length = journal_length(&sandbox);
    let run = sandbox.fetch("async", &links, &["--dry-run"]).exits(0);
    assert!(run.stdout.contains("z.pdf"), "{run:?}");
    assert_eq!(journal_length(&sandbox), length);
}
