//! Name templates, and existing files.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, UNIX_EPOCH};

use crate::harness::{Sandbox, for_each_mode, list};
use crate::server::{Server, pdf, respond};

#[test]
fn templates_build_names() {
    let server = Server::of_pdfs();
    for_each_mode(|mode| {
        for (template, expected) in [
            ("{index:03}-{stem:4}", "002-repo.pdf"),
            ("{host}/{path}/{name}", "127.0.0.1/a/b_c/report.pdf"),
            ("{line}/{stem}{{x}}", "3/report{x}.pdf"),
            ("../../{name}", "report.pdf"),
        ] {
            let sandbox = Sandbox::new();
            let list = format!(
                "# one\nnonsense\n{}\n",
                server.url("/a/b%2Fc/report.pdf?x=1")
            );
            sandbox.fetch(mode, list, &["--name", template]).exits(1);
            assert_eq!(sandbox.names(), [expected], "{template}");
        }
        let sandbox = Sandbox::new();
        let list = server.url("/a.pdf");
        let run = sandbox
            .fetch(mode, &list, &["--name", "{sha256:8}", "--json"])
            .exits(0);
        let record: serde_json::Value = serde_json::from_str(&run.stdout).expect("a record");
        let hash = record["sha256"].as_str().expect("a hash");
        assert_eq!(sandbox.names(), [format!("{}.pdf", &hash[..8])]);
        // and the next run knows it
        let again = sandbox
            .fetch(mode, &list, &["--name", "{sha256:8}"])
            .exits(0);
        assert_eq!(again.count("present"), 1);
    });
    let sandbox = Sandbox::new();
    for (template, problem) in [
        (
            "{nope}",
            "unknown field `{nope}`: the fields are `{name}`, `{stem}`",
        ),
        ("{name", "`{` without `}`"),
        ("x", "`--name` without a field is for a single link"),
    ] {
        let run = sandbox
            .fetch(
                "async",
                "http://a.invalid/\nhttp://b.invalid/",
                &["--name", template],
            )
            .exits(2);
        assert!(run.stderr.contains(problem), "{}", run.stderr);
    }
}

#[test]
fn name_conflicts_keep_files_apart() {
    let server = Server::of_pdfs();
    let list: String = (0..200)
        .map(|n| server.url(&format!("/{n}/p{}.pdf\n", n % 30)))
        .collect();
    let mut all = Vec::new();
    for args in [
        &[][..],
        &["--shard-dirs"],
        &["--name", "{stem}/x"],
        &["--name", "{host}"],
    ] {
        for_each_mode(|mode| {
            let sandbox = Sandbox::new();
            sandbox.fetch(mode, &list, args).exits(0);
            let files = sandbox.files();
            assert_eq!(files.len(), 200);
            let mut bodies: Vec<_> = files.values().collect();
            bodies.sort_unstable();
            bodies.dedup();
            assert_eq!(bodies.len(), 200);
            assert_eq!(
                sandbox.fetch(mode, &list, args).exits(0).count("present"),
                200
            );
            assert!(
                !args.contains(&"--shard-dirs")
                    || files.keys().all(|name| name.as_bytes()[5] == b'/')
            );
            let _ = mode;
        });
        let sandbox = Sandbox::new();
        sandbox.fetch("async", &list, args).exits(0);
        all.push(sandbox.names());
        let sandbox = Sandbox::new();
        sandbox.fetch("sequential", &list, args).exits(0);
        assert_eq!(all.last(), Some(&sandbox.names()));
    }
}

/// Serves a version that a test may change, with validators.
fn changing() -> (Server, Arc<AtomicUsize>) {
    let version = Arc::new(AtomicUsize::new(1));
    let current = Arc::clone(&version);
    let server = Server::start(move |request, stream| {
        let version = current.load(Relaxed);
        let tag = format!("\"{version}\"");
        let head = format!("ETag: {tag}\r\nLast-Modified: Mon, 01 Jan 2024 00:00:00 GMT");
        if request.header("if-none-match") == Some(&tag) {
            respond(stream, &format!("304 Not Modified\r\n{head}"), b"");
        } else {
            let same = request.path.contains("same");
            let body = pdf(&format!(
                "{} {version}",
                if same { "same" } else { &request.path }
            ));
            respond(stream, &format!("200 OK\r\n{head}"), &body);
        }
    });
    (server, version)
}

#[test]
fn update_replaces_changed_files() {
    for_each_mode(|mode| {
        let (server, version) = changing();
        let sandbox = Sandbox::new();
        let list = server.url("/a.pdf");
        sandbox.write("out/a.pdf", "somebody else's");
        sandbox.fetch(mode, &list, &["--remote-time"]).exits(0);
        let ours = sandbox
            .names()
            .into_iter()
            .find(|name| name != "a.pdf")
            .expect("another name");
        let changed = fs::metadata(sandbox.path("out").join(&ours))
            .and_then(|file| file.modified())
            .expect("a time");
        assert_eq!(changed, UNIX_EPOCH + Duration::from_hours(473_352));

        let run = sandbox.fetch(mode, &list, &["--update"]).exits(0);
        assert_eq!((run.count("present"), server.requests().len()), (1, 2));
        version.store(2, Relaxed);
        let run = sandbox.fetch(mode, &list, &["--update"]).exits(0);
        assert_eq!(run.count("downloaded"), 1);
        let files = sandbox.files();
        assert_eq!(files[&ours], pdf("/a.pdf 2"));
        assert_eq!(files["a.pdf"], b"somebody else's");
        let run = sandbox.fetch(mode, &list, &[]).exits(0);
        assert_eq!((run.count("present"), files.len()), (1, 2));
    });
}

#[test]
fn overwrite_replaces_foreign_files() {
    for_each_mode(|mode| {
        let (server, _) = changing();
        let sandbox = Sandbox::new();
        sandbox.write("out/a.pdf", "somebody else's");
        let list = format!("{}\n{}\n", server.url("/a.pdf"), server.url("/x/a.pdf"));
        let run = sandbox.fetch(mode, &list, &["--overwrite"]).exits(0);
        let counts = "\ndownloaded  2 (1 new, 1 replaced)\n";
        assert!(run.stdout.contains(counts), "{run:?}");
        let files = sandbox.files();
        assert_eq!((files.len(), &files["a.pdf"]), (2, &pdf("/a.pdf 1")));
        sandbox.fetch(mode, &list, &["--overwrite"]).exits(0);
        assert_eq!(sandbox.files(), files);
        assert_eq!(server.requests().len(), 4);
        assert!(sandbox.parts().is_empty());
    });
}

#[test]
fn dedupe_keeps_one_copy() {
    for_each_mode(|mode| {
        let (server, _) = changing();
        let list = format!(
            "{}\n{}\n{}\n",
            server.url("/same1.pdf"),
            server.url("/same2.pdf"),
            server.url("/other.pdf")
        );
        let sandbox = Sandbox::new();
        let run = sandbox.fetch(mode, &list, &["--dedupe", "skip"]).exits(0);
        assert_eq!(
            (
                run.count("downloaded"),
                run.count("duplicate"),
                sandbox.names().len()
            ),
            (2, 1, 2)
        );
        assert_eq!(
            sandbox
                .fetch(mode, &list, &["--dedupe", "skip"])
                .exits(0)
                .count("present"),
            3
        );
        // what an earlier run has brought counts, too
        let run = sandbox
            .fetch(mode, server.url("/same3.pdf"), &["--dedupe", "hardlink"])
            .exits(0);
        assert_eq!(run.count("downloaded"), 1);
        let files = sandbox.files();
        assert_eq!((files.len(), &files["same3.pdf"]), (3, &pdf("same 1")));
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            assert_eq!(
                fs::metadata(sandbox.path("out/same3.pdf"))
                    .expect("a file")
                    .nlink(),
                2
            );
        }
    });
}

#[test]
fn dry_run_prints_names_and_writes_nothing() {
    let server = Server::of_pdfs();
    let sandbox = Sandbox::new();
    let (a, b) = (server.url("/a.pdf"), server.url("/b.pdf"));
    let run = sandbox
        .fetch(
            "async",
            format!("{a}\nnonsense\n{a}\n{b}\tB\n"),
            &["--dry-run"],
        )
        .exits(1);
    let out = |name: &str| format!("out{}{name}", std::path::MAIN_SEPARATOR);
    assert_eq!(
        run.stdout,
        format!(
            "fetch\t{}\t{a}\nduplicate\t\t{a}\nfetch\t{}\t{b}\n",
            out("a.pdf"),
            out("B.pdf")
        )
    );
    assert!(server.requests().is_empty() && !sandbox.path("out").exists());
    assert!(
        run.stderr.contains("links.txt:2: nonsense: bad_link"),
        "{}",
        run.stderr
    );
    sandbox.fetch("async", &a, &[]).exits(0);
    let run = sandbox
        .fetch("async", format!("{a}\n{b}\n"), &["--dry-run", "--update"])
        .exits(0);
    assert_eq!(
        run.stdout,
        format!(
            "update\t{}\t{a}\nfetch\t{}\t{b}\n",
            out("a.pdf"),
            out("b.pdf")
        )
    );
}

#[test]
fn dry_run_names_files_beside_those_of_others() {
    let server = Server::of_pdfs();
    let sandbox = Sandbox::new();
    let links = list(["/a.pdf", "/b.pdf"].map(|path| server.url(path)));
    sandbox.fetch("async", server.url("/a.pdf"), &[]).exits(0);
    let edited = [pdf("/a.pdf"), b"% a note\n%%EOF\n".to_vec()].concat();
    sandbox.write("out/a.pdf", edited);
    sandbox.write("out/b.pdf", "that of somebody else");
    let planned = |args: &[&str]| -> Vec<String> {
        let run = sandbox.fetch("async", &links, args).exits(0);
        let paths = run.stdout.lines();
        let paths = paths.map(|line| line.split('\t').nth(1).expect("a path").to_owned());
        paths.collect()
    };
    let out = |name: &str| format!("out{}{name}", std::path::MAIN_SEPARATOR);
    let overwritten = planned(&["--dry-run", "--overwrite"]);
    assert_eq!(overwritten, ["a.pdf", "b.pdf"].map(out));
    let mut expected = planned(&["--dry-run"]);
    sandbox.fetch("async", &links, &[]).exits(0);
    expected.extend(overwritten);
    expected.sort_unstable();
    assert_eq!(
        expected,
        sandbox
            .names()
            .iter()
            .map(|name| out(name))
            .collect::<Vec<_>>()
    );
}

#[test]
fn nothing_is_written_if_all_files_are_present() {
    for_each_mode(|mode| {
        let sandbox = Sandbox::new();
        sandbox.write("out/a.pdf", pdf("a"));
        let list = "http://a.invalid/a.pdf\nhttp://a.invalid/a.pdf\n";
        let run = sandbox.fetch(mode, list, &["--skip-existing"]).exits(0);
        assert_eq!((run.count("present"), run.count("duplicate")), (1, 1));
        assert!(!sandbox.path("out/.fetchpdf").exists());
        // what is no link is written down
        sandbox
            .fetch(mode, "nonsense\n", &["--skip-existing"])
            .exits(1);
        assert_eq!(sandbox.journal().len(), 1);
    });
}

#[test]
fn odd_times_of_servers_are_recognized() {
    for_each_mode(|mode| {
        for date in [
            "Fri, 31 Dec 9999 23:59:59 GMT",
            "Mon, 01 Jan 1601 00:00:00 GMT",
            "Thu, 01 Jan 1970 00:00:00 GMT",
        ] {
            let server = Server::start(move |request, stream| {
                let head = format!("200 OK\r\nLast-Modified: {date}");
                respond(stream, &head, &pdf(&request.path));
            });
            let sandbox = Sandbox::new();
            for word in ["downloaded", "present"] {
                let run = sandbox.fetch(mode, server.url("/a.pdf"), &["--remote-time"]);
                assert_eq!(run.exits(0).count(word), 1, "{date}");
            }
            let file = fs::metadata(sandbox.path("out/a.pdf")).expect("a file");
            assert!(file.modified().expect("a time") <= std::time::SystemTime::now());
        }
    });
}

#[test]
fn names_are_readable_however_they_are_encoded() {
    let server = Server::start(|request, stream| {
        let name: &[u8] = match request.path.as_str() {
            "/b" => "filename=\"=?UTF-8?B?UsOpc3Vtw6kgMjAyNC5wZGY=?=\"".as_bytes(),
            "/q" => b"filename==?iso-8859-1?Q?R=E9sum=E9?= =?iso-8859-1?Q?_2025.pdf?=",
            "/percent" => b"filename=\"a%20b%C3%A9.pdf\"",
            "/utf8" => "filename=\"naïve.pdf\"".as_bytes(),
            "/latin1" => b"filename=\"caf\xe9.pdf\"",
            "/gbk" => b"filename=\"\xd6\xd0\xb9\xfa.pdf\"",
            "/extended" => b"filename=x.pdf; filename*=shift_jis''%8E%91%97%BF.pdf",
            "/semicolon" => b"filename=c;d.pdf",
            _ => b"",
        };
        let body = pdf(&request.path);
        let length = body.len();
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nContent-Disposition: attachment; "
        );
        let response = [head.as_bytes(), name, b"\r\n\r\n", &body].concat();
        std::io::Write::write_all(stream, &response).expect("it reads");
    });
    let mut expected = Vec::new();
    let list: String = [
        ("/b", "Résumé 2024.pdf"),
        ("/q", "Résumé 2025.pdf"),
        ("/percent", "a bé.pdf"),
        ("/utf8", "naïve.pdf"),
        ("/latin1", "café.pdf"),
        ("/gbk", "中国.pdf"),
        ("/extended", "資料.pdf"),
        ("/semicolon", "c;d.pdf"),
        ("/%C2%DB%CE%C4.pdf", "论文.pdf"),
        ("/%8E%91%97%BF.pdf", "資料-"),
        ("/%EE%F2%F7%E5%F2.pdf", "отчет.pdf"),
        ("/gr%F6%DFe.pdf", "größe.pdf"),
        ("/%FF%FE.pdf", "%FF%FE.pdf"),
        ("/%EF%BF%BD.pdf", "%EF%BF%BD.pdf"),
        (
            "/bitstream/thesis.pdf;jsessionid=0A1B?sequence=1",
            "thesis.pdf",
        ),
        ("/get;v=1.2", "get.pdf"),
        ("/x;y.pdf", "x;y.pdf"),
    ]
    .iter()
    .map(|(path, name)| {
        expected.push((*name).to_owned());
        server.url(&format!("{path}\n"))
    })
    .collect();
    expected.sort();
    for_each_mode(|mode| {
        let sandbox = Sandbox::new();
        sandbox.fetch(mode, &list, &[]).exits(0);
        let mut names = sandbox.names();
        for name in &mut names {
            // the second one of its kind has the identity of its link in its name
            if let Some((stem, _)) = name.split_once('-') {
                *name = format!("{stem}-");
            }
        }
        names.sort();
        assert_eq!(names, expected);
        assert_eq!(
            sandbox.fetch(mode, &list, &[]).exits(0).count("present"),
            17
        );
        fs::remove_file(sandbox.path("out/.fetchpdf/journal.jsonl")).expect("a journal");
        // those that are named after their URLs
        let links = list.lines().filter(|link| link.contains(".pdf"));
        let links: Vec<_> = links.collect();
        let again = sandbox.fetch(mode, links.join("\n"), &["--skip-existing"]);
        let again = again.exits(0);
        assert_eq!(again.count("downloaded"), 0);
    });
}
