//! The output folder: names, the journal, and repeated runs.

use std::fs;

use crate::harness::{MODES, Sandbox, for_each_mode, list};
use crate::server::{Server, ok, pdf, respond};

#[test]
fn names_are_derived_from_links_and_safe() {
    let server = Server::of_pdfs();
    for_each_mode(|mode| {
        let sandbox = Sandbox::new();
        let long = "é".repeat(200);
        let paths = [
            "/a%20b.pdf",
            "/dir/plain",
            "/..%2f..%2fup.pdf",
            "/c%5c..%5cd.pdf",
            "/%2ehidden.pdf",
            "/nul.pdf",
            "/e%00%0a%1b.pdf",
            "/-rf.pdf",
            "/UPPER.PDF",
            "/q.pdf?download=1",
            &format!("/{long}.pdf"),
        ];
        sandbox
            .fetch(mode, list(paths.iter().map(|path| server.url(path))), &[])
            .exits(0);
        let mut expected = vec![
            "a b.pdf".to_owned(),
            "plain.pdf".to_owned(),
            "_.._up.pdf".to_owned(),
            "c_.._d.pdf".to_owned(),
            "hidden.pdf".to_owned(),
            "_nul.pdf".to_owned(),
            "e___.pdf".to_owned(),
            "rf.pdf".to_owned(),
            "UPPER.PDF".to_owned(),
            "q.pdf".to_owned(),
            format!("{}.pdf", "é".repeat(125)),
        ];
        expected.sort();
        assert_eq!(sandbox.names(), expected, "{mode}");
        assert_eq!(
            fs::read_dir(sandbox.path(".")).expect("a folder").count(),
            2,
            "the list and the output folder"
        );
    });
}

#[test]
fn name_conflicts_resolve_the_same_in_every_mode() {
    let server = Server::of_pdfs();
    let links = list((0..30).map(|n| {
        server.url(&format!(
            "/{n}/{}.pdf",
            if n % 2 == 0 { "same" } else { "SAME" }
        ))
    }));
    let results = MODES.map(|mode| {
        let sandbox = Sandbox::new();
        sandbox.fetch(mode, &links, &["-j", "7"]).exits(0);
        sandbox.files()
    });
    assert_eq!(results[0].len(), 30);
    assert_eq!(results[0]["same.pdf"], pdf("/0/same.pdf"));
    assert!(results.iter().all(|files| *files == results[0]));
}

#[test]
fn existing_files_are_not_replaced() {
    let server = Server::of_pdfs();
    for_each_mode(|mode| {
        let sandbox = Sandbox::new();
        sandbox.write("out/a.pdf", "mine");
        sandbox.write("out/B.PDF", "mine too");
        let links = list(["/a.pdf", "/b.pdf"].map(|path| server.url(path)));
        for _ in 0..2 {
            sandbox.fetch(mode, &links, &[]).exits(0);
            let files = sandbox.files();
            assert_eq!(
                (&files["a.pdf"][..], &files["B.PDF"][..]),
                (&b"mine"[..], &b"mine too"[..])
            );
            let ours = files
                .iter()
                .find(|(name, _)| name.starts_with("a-"))
                .expect("a name with a suffix");
            assert_eq!(ours.1, &pdf("/a.pdf"));
            assert_eq!(files.len(), 4);
        }
    });
}

#[test]
fn second_run_sends_no_requests() {
    for_each_mode(|mode| {
        let server = Server::of_pdfs();
        let sandbox = Sandbox::new();
        let links = list((0..20).map(|n| server.url(&format!("/{}/same.pdf", n % 10))));
        sandbox.fetch(mode, &links, &[]).exits(0);
        let before = sandbox.files();
        let run = sandbox.fetch(mode, &links, &[]).exits(0);
        assert_eq!(
            (
                run.count("downloaded"),
                run.count("present"),
                run.count("duplicate")
            ),
            (0, 10, 10)
        );
        assert_eq!((server.requests().len(), sandbox.files()), (10, before));
    });
}

#[test]
fn second_run_in_another_order_finds_its_files() {
    for_each_mode(|mode| {
        let server = Server::of_pdfs();
        let sandbox = Sandbox::new();
        let links = |order: &mut dyn Iterator<Item = u32>| {
            list(order.map(|n| server.url(&format!("/{n}/same.pdf"))))
        };
        sandbox.fetch(mode, links(&mut (0..10)), &[]).exits(0);
        let before = sandbox.files();
        let run = sandbox.fetch(mode, links(&mut (0..11).rev()), &[]).exits(0);
        assert_eq!((run.count("downloaded"), run.count("present")), (1, 10));
        let mut after = sandbox.files();
        after.retain(|name, _| before.contains_key(name));
        assert_eq!(after, before);
    });
}

#[test]
fn second_run_fetches_what_is_missing() {
    for_each_mode(|mode| {
        let server = Server::start(|request, stream| match request.path.as_str() {
            "/late.pdf" if request.earlier == 0 => respond(stream, "404 Not Found", b""),
            path => ok(stream, &pdf(path)),
        });
        let sandbox = Sandbox::new();
        let links = list(["/a.pdf", "/late.pdf", "/b.pdf", "/c.pdf"].map(|path| server.url(path)));
        sandbox.fetch(mode, &links, &[]).exits(1);
        fs::remove_file(sandbox.path("out/a.pdf")).expect("a file");
        fs::write(sandbox.path("out/b.pdf"), "somebody else's now").expect("a file");
        let run = sandbox.fetch(mode, &links, &[]).exits(0);
        assert_eq!((run.count("downloaded"), run.count("present")), (3, 1));
        let files = sandbox.files();
        assert_eq!(
            (&files["a.pdf"], &files["late.pdf"]),
            (&pdf("/a.pdf"), &pdf("/late.pdf"))
        );
        assert_eq!(files["b.pdf"], b"somebody else's now");
        assert!(
            files
                .iter()
                .any(|(name, content)| name.starts_with("b-") && *content == pdf("/b.pdf"))
        );
    });
}

#[test]
fn journal_records_each_outcome() {
    for_each_mode(|mode| {
        let server = Server::start(|request, stream| match request.path.as_str() {
            "/a.pdf" => respond(stream, "302 Found\r\nLocation: /b", b""),
            "/b" => respond(
                stream,
                "200 OK\r\nETag: \"v1\"\r\nLast-Modified: Mon, 02 Jan 2006 15:04:05 GMT",
                &pdf("b"),
            ),
            _ => respond(stream, "404 Not Found", b""),
        });
        let sandbox = Sandbox::new();
        let links = format!(
            "{}\n{}\nnonsense\n",
            server.url("/a.pdf"),
            server.url("/gone.pdf")
        );
        sandbox.fetch(mode, links, &[]).exits(1);
        let journal = sandbox.journal();
        assert_eq!(journal.len(), 3);
        let of = |line: u64| {
            journal
                .iter()
                .find(|record| record["line"] == line)
                .expect("a record")
        };
        let saved = of(1);
        assert_eq!(saved["status"], "downloaded");
        assert_eq!(saved["url"], server.url("/a.pdf"));
        assert_eq!(saved["final_url"], server.url("/b"));
        assert_eq!(saved["source"], "links.txt");
        assert_eq!(saved["file"], "a.pdf");
        assert_eq!(saved["bytes"], pdf("b").len());
        assert_eq!(saved["http_status"], 200);
        assert_eq!(saved["etag"], "\"v1\"");
        assert_eq!(saved["attempts"], 1);
        assert_eq!(of(2)["status"], "http_status");
        assert_eq!(of(2)["http_status"], 404);
        assert_eq!(of(2)["error"], "404 Not Found");
        assert_eq!(of(3)["status"], "bad_link");
    });
}

#[test]
fn corrupt_journal_lines_are_ignored() {
    let server = Server::of_pdfs();
    for_each_mode(|mode| {
        let sandbox = Sandbox::new();
        let links = list(["/a.pdf", "/b.pdf"].map(|path| server.url(path)));
        sandbox.fetch(mode, &links, &[]).exits(0);
        let journal = sandbox.path("out/.fetchpdf/journal.jsonl");
        let good = fs::read(&journal).expect("a journal");
        let whole = good.iter().position(|byte| *byte == b'\n').expect("a line") + 1;
        // garbage, then a whole line, then one that a kill has torn
        let torn = [
            b"\xff\x00{}\n[1,2]\n\n",
            &good[..whole],
            &good[whole..good.len() - 9],
        ]
        .concat();
        fs::write(&journal, torn).expect("a journal");
        let run = sandbox.fetch(mode, &links, &[]).exits(0);
        assert_eq!((run.count("present"), run.count("downloaded")), (1, 1));
        let run = sandbox.fetch(mode, &links, &[]).exits(0);
        assert_eq!(run.count("present"), 2, "what follows a torn line is whole");
    });
}

#[test]
fn journal_paths_cannot_leave_the_folder() {
    let server = Server::of_pdfs();
    let sandbox = Sandbox::new();
    let links = server.url("/a.pdf");
    sandbox.fetch("async", &links, &[]).exits(0);
    fs::rename(sandbox.path("out/a.pdf"), sandbox.path("a.pdf")).expect("a file");
    let journal = sandbox.path("out/.fetchpdf/journal.jsonl");
    let text = fs::read_to_string(&journal)
        .expect("a journal")
        .replace("\"a.pdf\"", "\"../a.pdf\"");
    fs::write(&journal, text).expect("a journal");
    assert_eq!(
        sandbox
            .fetch("async", &links, &[])
            .exits(0)
            .count("downloaded"),
        1
    );
}

#[test]
fn unusable_output_folder_ends_the_run() {
    let server = Server::of_pdfs();
    let sandbox = Sandbox::new();
    sandbox.write("file", "not a folder");
    for (output, why) in [
        ("file", "the output is a folder, or `FILE.pdf`"),
        ("file/sub", "cannot write to the output folder `file/sub`"),
    ] {
        let run = sandbox.run(&[&server.url("/a.pdf"), "-o", output]);
        assert!(run.exits(2).stderr.contains(why), "{output}");
    }
    assert!(server.requests().is_empty());
}

#[test]
fn nested_output_folders_are_created() {
    let server = Server::of_pdfs();
    let sandbox = Sandbox::new();
    sandbox
        .run(&[&server.url("/a.pdf"), "-o", "x/y/z"])
        .exits(0);
    assert_eq!(
        fs::read(sandbox.path("x/y/z/a.pdf")).expect("a file"),
        pdf("/a.pdf")
    );
}

#[test]
fn server_name_is_used_if_the_url_has_none() {
    for_each_mode(|mode| {
        let server = Server::start(|request, stream| {
            let name = match request.path.as_str() {
                "/download?id=1" => {
                    "attachment; filename*=UTF-8''na%C3%AFve%20paper.pdf; filename=\"x.pdf\""
                }
                "/download?id=2" => "attachment; filename=\"../../up.pdf\"",
                "/download?id=3" => "attachment; filename=\"C:\\\\dir\\\\con\"",
                "/download?id=4" => "attachment; filename=\"\"",
                _ => "attachment; filename=other.pdf",
            };
            respond(
                stream,
                &format!("200 OK\r\nContent-Disposition: {name}"),
                &pdf(&request.path),
            );
        });
        let sandbox = Sandbox::new();
        let paths = [
            "/download?id=1",
            "/download?id=2",
            "/download?id=3",
            "/download?id=4",
            "/named.pdf",
        ];
        let links = list(paths.map(|path| server.url(path)));
        sandbox.fetch(mode, &links, &[]).exits(0);
        let names = sandbox.names();
        for name in ["naïve paper.pdf", "up.pdf", "_con.pdf", "named.pdf"] {
            assert!(names.contains(&name.to_owned()), "no `{name}` in {names:?}");
        }
        assert_eq!(
            (
                names.len(),
                names
                    .iter()
                    .filter(|name| name.starts_with("download"))
                    .count()
            ),
            (5, 1)
        );
        assert_eq!(
            sandbox.fetch(mode, &links, &[]).exits(0).count("present"),
            5
        );
    });
}

#[test]
fn equivalent_unicode_names_conflict() {
    let server = Server::of_pdfs();
    for_each_mode(|mode| {
        let sandbox = Sandbox::new();
        // composed and decomposed, and in another case
        let links = list(
            ["/1/caf%C3%A9.pdf", "/2/cafe%CC%81.pdf", "/3/CAF%C3%89.PDF"]
                .map(|path| server.url(path)),
        );
        sandbox.fetch(mode, links, &[]).exits(0);
        let names = sandbox.names();
        assert_eq!(names.len(), 3);
        assert_eq!(
            names.iter().filter(|name| name.contains('-')).count(),
            2,
            "{names:?}"
        );
    });
}

#[cfg(unix)]
#[test]
fn folders_that_are_links_are_not_entered() {
    for_each_mode(|mode| {
        for args in [
            &[][..],
            &["--update"],
            &["--overwrite"],
            &["--skip-existing"],
            &["--dedupe", "hardlink"],
        ] {
            let server = Server::start(|request, stream| {
                ok(
                    stream,
                    &pdf(&format!("{}{}", request.path, request.earlier)),
                );
            });
            let sandbox = Sandbox::new();
            let links = ["/d/x.pdf", "/d/e/y.pdf", "/z.pdf"].map(|path| server.url(path));
            let named = [args, &["--name", "{path}/{name}", "--sha256"]].concat();
            sandbox.fetch(mode, list(links.clone()), &named).exits(0);
            let before = sandbox.files();
            fs::rename(sandbox.path("out/d"), sandbox.path("elsewhere")).expect("a folder");
            std::os::unix::fs::symlink(sandbox.path("elsewhere"), sandbox.path("out/d"))
                .expect("a link");
            let verified = sandbox.run(&["verify", "out"]).exits(1);
            assert_eq!((verified.count("good"), verified.count("missing")), (1, 2));

            let run = sandbox.fetch(mode, list(links.clone()), &named).exits(1);
            assert!(run.stderr.contains("`d` is not a folder"), "{run:?}");
            sandbox.fetch(mode, list(links), args).exits(0);
            let elsewhere =
                |name: &str| fs::read(sandbox.path("elsewhere").join(name)).expect("a file");
            assert!(
                elsewhere("x.pdf") == before["d/x.pdf"]
                    && elsewhere("e/y.pdf") == before["d/e/y.pdf"]
            );
            let count = fs::read_dir(sandbox.path("elsewhere"))
                .expect("a folder")
                .count();
            assert_eq!(
                (count, sandbox.path("out/x.pdf").is_file()),
                (2, true),
                "{args:?}"
            );
        }
    });
}

#[cfg(unix)]
#[test]
fn output_folder_may_be_a_link() {
    let server = Server::of_pdfs();
    let sandbox = Sandbox::new();
    sandbox.write("disk/papers/x", "");
    std::os::unix::fs::symlink(sandbox.path("disk/papers"), sandbox.path("out")).expect("a link");
    for word in ["downloaded", "present"] {
        let run = sandbox.fetch("async", server.url("/d/a.pdf"), &["--shard-dirs"]);
        assert_eq!(run.exits(0).count(word), 1);
    }
}

#[test]
fn names_that_are_never_given_do_not_count() {
    let server = Server::of_pdfs();
    for file in [
        ".fetchpdf/journal.jsonl",
        "x.txt",
        ".hidden.pdf",
        "a/../x.pdf",
        "/x.pdf",
    ] {
        let sandbox = Sandbox::new();
        let link = server.url("/a.pdf");
        sandbox.fetch("async", &link, &[]).exits(0);
        let target = sandbox.path("out").join(file.trim_start_matches('/'));
        let journal = sandbox.path("out/.fetchpdf/journal.jsonl");
        let text = fs::read_to_string(&journal).expect("a journal");
        fs::write(&journal, text.replace("\"a.pdf\"", &format!("\"{file}\""))).expect("a journal");
        if !file.contains("journal") && !file.contains("..") {
            fs::rename(sandbox.path("out/a.pdf"), target).expect("a file");
        }
        let run = sandbox.fetch("async", &link, &["--overwrite"]).exits(0);
        assert_eq!(run.count("downloaded"), 1);
        assert!(sandbox.path("out/a.pdf").is_file(), "{file}");
    }
}

#[cfg(unix)]
#[test]
fn journal_with_another_name_is_refused() {
    for_each_mode(|mode| {
        let server = Server::of_pdfs();
        let sandbox = Sandbox::new();
        sandbox.write("precious", "text");
        sandbox.write("out/.fetchpdf/parts/x", "");
        let journal = sandbox.path("out/.fetchpdf/journal.jsonl");
        fs::hard_link(sandbox.path("precious"), &journal).expect("a link");
        for run in [
            sandbox.fetch(mode, server.url("/a.pdf"), &[]),
            sandbox.run(&["verify", "out"]),
        ] {
            assert!(run.exits(2).stderr.contains("hard link"));
        }
        assert_eq!(fs::read(&journal).expect("a file"), b"text");
        assert!(server.requests().is_empty());
    });
}

#[test]
fn long_records_are_read_back() {
    for_each_mode(|mode| {
        let server = Server::of_pdfs();
        let sandbox = Sandbox::new();
        let link = server.url("/a.pdf");
        // two columns, because a line of a list is not longer than 64 KiB
        let list = format!(
            "url,note,other\n{link},{},{}\n",
            "\u{e9}\"\"".repeat(0),
            "\u{1}".repeat(20_000)
        );
        sandbox.write("links.csv", list);
        let args = [
            "links.csv",
            "-o",
            "out",
            "--carry",
            "note,other",
            "-m",
            mode,
        ];
        sandbox.run(&args).exits(0);
        let length = fs::metadata(sandbox.path("out/.fetchpdf/journal.jsonl"))
            .expect("a journal")
            .len();
        assert!(length > 100_000, "{length}");
        assert_eq!(sandbox.run(&args).exits(0).count("present"), 1);
        assert_eq!(sandbox.names().len(), 1);
    });
}

#[cfg(unix)]
#[test]
fn journal_is_private_once_a_link_grants_access() {
    use std::os::unix::fs::PermissionsExt;
    for_each_mode(|mode| {
        let server = Server::start(|request, stream| match request.path.as_str() {
            "/gone.pdf" | "/gone.pdf?sig=x" => respond(stream, "404 Not Found", b""),
            "/hop.pdf" => respond(stream, "302 Found\r\nLocation: /a.pdf?token=x", b""),
            path => ok(stream, &pdf(path)),
        });
        let with_password = |path| server.url(path).replace("http://", "http://user:secret@");
        for (link, code) in [
            (server.url("/a.pdf?sig=x"), 0),
            (server.url("/gone.pdf?sig=x"), 1),
            (server.url("/hop.pdf"), 0),
            (with_password("/a.pdf"), 0),
            (with_password("/gone.pdf"), 1),
        ] {
            let sandbox = Sandbox::new();
            let mode_of_journal = || {
                let journal = sandbox.path("out/.fetchpdf/journal.jsonl");
                let found = fs::metadata(journal).expect("a journal");
                found.permissions().mode() & 0o777
            };
            sandbox.fetch(mode, server.url("/open.pdf"), &[]).exits(0);
            assert_ne!(mode_of_journal() & 0o077, 0, "others may share the folder");
            sandbox.fetch(mode, &link, &[]).exits(code);
            assert_eq!(mode_of_journal(), 0o600, "{link}");
        }
    });
}
