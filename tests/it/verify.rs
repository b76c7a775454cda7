//! `fetchpdf verify`.

use std::fs;

use crate::harness::{Sandbox, list};
use crate::server::{Server, ok, pdf, respond};

/// Five files, of which four are no longer what they were.
fn damaged(server: &Server, args: &[&str]) -> Sandbox {
    let sandbox = Sandbox::new();
    let names = ["good", "missing", "longer", "flipped", "replaced"];
    sandbox
        .fetch(
            "async",
            list(names.map(|name| server.url(&format!("/{name}.pdf")))),
            args,
        )
        .exits(0);
    let path = |name: &str| sandbox.path(&format!("out/{name}.pdf"));
    fs::remove_file(path("missing")).expect("a file");
    fs::write(
        path("longer"),
        [pdf("/longer.pdf"), b"more".to_vec()].concat(),
    )
    .expect("a file");
    let mut flipped = pdf("/flipped.pdf");
    flipped[2000] ^= 1;
    rewrite(&path("flipped"), &flipped);
    rewrite(&path("replaced"), &vec![b'x'; pdf("/replaced.pdf").len()]);
    sandbox
}

/// Writes other bytes to a file, and keeps its time.
fn rewrite(path: &std::path::Path, bytes: &[u8]) {
    let time = fs::metadata(path)
        .and_then(|file| file.modified())
        .expect("a file");
    fs::write(path, bytes).expect("a file");
    let file = fs::File::options().write(true).open(path).expect("a file");
    file.set_modified(time).expect("a time");
}

#[test]
fn verify_compares_files_with_the_journal() {
    let server = Server::of_pdfs();
    let run = damaged(&server, &["--sha256"])
        .run(&["verify", "out"])
        .exits(1);
    insta::assert_snapshot!(run.stdout, @"
    good        1
    missing     1
    changed     2
    not_pdf     1
    unreadable  0
    next        the same command with `--refetch` fetches these files again; changed ones stay beside the new copies
    ");
    for line in [
        "missing.pdf: missing: ",
        "longer.pdf: changed: ",
        "flipped.pdf: changed: ",
        "replaced.pdf: not_pdf: ",
    ] {
        assert!(run.stderr.contains(line), "{run:?}");
    }
    // without a hash, a bit that has flipped is not seen
    let run = damaged(&server, &[]).run(&["verify", "out"]).exits(1);
    assert_eq!((run.count("good"), run.count("changed")), (2, 1));
}

#[test]
fn refetch_replaces_damaged_files() {
    let server = Server::of_pdfs();
    let sandbox = damaged(&server, &["--sha256"]);
    let run = sandbox.run(&["verify", "out", "--refetch"]).exits(0);
    assert_eq!(run.count("downloaded"), 4, "{run:?}");
    assert_eq!(server.requests().len(), 5 + 4);
    let changed = "\nchanged     3 since an earlier run: kept beside new copies\n";
    assert!(run.stdout.contains(changed), "{run:?}");
    let kept = "longer.pdf was changed here since; kept, and the server's copy saved as longer-";
    assert!(run.stderr.contains(kept), "{run:?}");
    let run = sandbox.run(&["verify", "out"]).exits(0);
    assert_eq!((run.count("good"), run.stderr.as_str()), (5, ""));
    // what somebody may have changed on purpose is still there
    assert!(sandbox.files()["longer.pdf"].ends_with(b"more"));
}

#[test]
fn refetched_files_have_the_names_that_they_had() {
    let server = Server::of_pdfs();
    let sandbox = Sandbox::new();
    let row = |name: &str| format!("{name},{}\n", server.url(&format!("/{name}.pdf?a=1,2")));
    sandbox.write("list.csv", format!("title,url\n{}{}", row("a"), row("b")));
    let args = [
        "list.csv",
        "-o",
        "out",
        "--name",
        "{col.title}/the {col.title}",
    ];
    sandbox.run(&args).exits(0);
    let path = |name: &str| sandbox.path(&format!("out/{name}"));
    fs::remove_file(path("a/the a.pdf")).expect("a file");
    fs::write(path("b/the b.pdf"), "mine").expect("a file");
    // it is about the lists of runs
    sandbox.write("user.toml", "url-column = 'link'\n");
    let refetch = ["verify", "out", "--refetch", "--config", "user.toml"];
    let run = sandbox.run(&refetch).exits(0);
    assert_eq!(run.count("downloaded"), 2, "{run:?}");
    let [a, copy, b] = &sandbox.names()[..] else {
        panic!("{:?}", sandbox.names())
    };
    assert_eq!((&**a, &**b), ("a/the a.pdf", "b/the b.pdf"));
    assert!(copy.starts_with("b/the b-"), "{copy}");
}

#[test]
fn verify_says_why_files_are_suspect() {
    let server = Server::start(|request, stream| {
        let body = pdf(&request.path);
        ok(stream, &body[..body.len() - 6]);
    });
    let sandbox = Sandbox::new();
    let link = server.url("/a.pdf");
    let run = sandbox.run(&[&link, "-o", "out"]).exits(0);
    assert_eq!(run.count("suspect"), 1, "{run:?}");
    let run = sandbox.run(&["verify", "out"]).exits(0);
    let told = format!("a.pdf: suspect: no `%%EOF` near the end: {link}\n");
    assert_eq!(run.stderr, told);
    assert_eq!((run.count("good"), run.count("suspect")), (1, 1));
    assert!(!run.stdout.contains("next"), "{run:?}");
}

#[test]
fn verify_finds_renamed_files_as_a_run_does() {
    let server = Server::of_pdfs();
    for args in [&[][..], &["--sha256"]] {
        let sandbox = Sandbox::new();
        let links = list(["/a.pdf", "/b.pdf", "/c.pdf"].map(|path| server.url(path)));
        sandbox.fetch("async", &links, args).exits(0);
        let path = |name: &str| sandbox.path(&format!("out/{name}"));
        fs::create_dir(path("read")).expect("a folder");
        fs::rename(path("a.pdf"), path("read/mine.pdf")).expect("a file");
        let told = format!(
            "a.pdf: renamed: now `read/mine.pdf`: {}\n",
            server.url("/a.pdf")
        );
        let (journal, before) = (path(".fetchpdf/journal.jsonl"), server.requests().len());
        let length = fs::metadata(&journal).expect("a journal").len();
        let run = sandbox.run(&["verify", "out", "--refetch"]).exits(0);
        assert_eq!((run.count("good"), run.stderr), (3, told));
        assert!(
            run.stdout
                .contains("\nrenamed     1 of these found under another name\n"),
            "{}",
            run.stdout
        );
        assert_eq!(server.requests().len(), before);
        assert_eq!(fs::metadata(&journal).expect("a journal").len(), length);
        // of two that are away, only one is elsewhere
        fs::remove_file(path("b.pdf")).expect("a file");
        let run = sandbox.run(&["verify", "out"]).exits(1);
        assert_eq!((run.count("good"), run.count("missing")), (2, 1));
    }
}

#[test]
fn verify_uses_the_output_folder_of_the_config_file() {
    let server = Server::of_pdfs();
    let sandbox = damaged(&server, &[]);
    sandbox.write("user.toml", "output = 'out'\n");
    let run = sandbox.run(&["verify", "--config", "user.toml"]).exits(1);
    assert_eq!(run.count("missing"), 1, "{run:?}");
}

#[test]
fn verify_requires_a_journal() {
    let run = Sandbox::new().run(&["verify", "nowhere"]).exits(2);
    assert!(
        run.stderr
            .contains("error: no journal in `nowhere`: no run has saved files there;"),
        "{run:?}"
    );
}

#[test]
fn sha256_is_recorded_on_request() {
    let server = Server::start(|request, stream| match request.path.as_str() {
        "/x.pdf" => ok(stream, b"%PDF-1.0 startxref %%EOF"),
        _ => respond(stream, "404 Not Found", b""),
    });
    let sandbox = Sandbox::new();
    sandbox
        .fetch("async", server.url("/x.pdf"), &["--sha256"])
        .exits(0);
    assert_eq!(
        sandbox.journal()[0]["sha256"],
        "4268d5b636e9487336fb46ec5791689f2a8db4d4b4e421c10c5fcb7faa5887c5"
    );
}

#[test]
fn last_record_applies() {
    let server = Server::of_pdfs();
    let sandbox = Sandbox::new();
    let link = server.url("/x.pdf");
    sandbox.run(&[&link, "-o", "out", "--sha256"]).exits(0);
    let old = std::fs::metadata(sandbox.path("out/x.pdf")).and_then(|file| file.modified());
    sandbox.run(&[&link, "-o", "out", "--overwrite"]).exits(0);
    let new = std::fs::metadata(sandbox.path("out/x.pdf")).and_then(|file| file.modified());
    assert_ne!(old.expect("a time"), new.expect("a time"));
    sandbox.run(&["verify", "out"]).exits(0);
}

#[cfg(unix)]
#[test]
fn verify_reads_nothing_but_a_journal() {
    let server = Server::of_pdfs();
    let sandbox = Sandbox::new();
    sandbox.fetch("async", server.url("/x.pdf"), &[]).exits(0);
    let journal = sandbox.path("out/.fetchpdf/journal.jsonl");
    let aside = sandbox.path("aside");
    fs::rename(&journal, &aside).expect("a file");
    std::os::unix::fs::symlink(&aside, &journal).expect("a link");
    sandbox.run(&["verify", "out"]).exits(2);
    fs::remove_file(&journal).expect("a link");
    let made = std::process::Command::new("mkfifo").arg(&journal).status();
    assert!(made.expect("mkfifo is there").success());
    let run = sandbox.run(&["verify", "out"]).exits(2);
    assert!(run.stderr.contains("is not a file"), "{run:?}");
    // nor anything but the file of a link
    fs::remove_file(&journal).expect("a pipe");
    fs::rename(&aside, &journal).expect("a file");
    fs::rename(sandbox.path("out/x.pdf"), &aside).expect("a file");
    std::os::unix::fs::symlink(&aside, sandbox.path("out/x.pdf")).expect("a link");
    let run = sandbox.run(&["verify", "out"]).exits(1);
    assert_eq!(run.count("changed"), 1);
}

#[test]
fn record_of_a_replacement_that_never_happened_does_not_apply() {
    let server = Server::of_pdfs();
    let sandbox = Sandbox::new();
    let link = server.url("/x.pdf");
    sandbox.run(&[&link, "-o", "out", "--sha256"]).exits(0);
    // as a kill leaves it
    let journal = sandbox.path("out/.fetchpdf/journal.jsonl");
    let mut record = sandbox.journal().remove(0);
    record["bytes"] = 7.into();
    let text = fs::read_to_string(&journal).expect("a journal") + &record.to_string() + "\n";
    fs::write(&journal, text).expect("a journal");
    assert_eq!(sandbox.run(&["verify", "out"]).exits(0).count("good"), 1);
    let run = sandbox.run(&[&link, "-o", "out"]).exits(0);
    assert_eq!(run.count("present"), 1);
}
