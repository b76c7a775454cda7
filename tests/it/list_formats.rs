//! List formats.

use std::io::Write;
use std::process::Stdio;

use serde_json::Value;

use crate::harness::{Sandbox, for_each_mode, list};
use crate::server::{Server, ok, pdf, respond};

/// Answers with a PDF, and 404 where the path says so.
fn server() -> Server {
    Server::start(|request, stream| {
        if request.path.contains("gone") {
            respond(stream, "404 Not Found", b"");
        } else {
            ok(stream, &pdf(&request.path));
        }
    })
}

fn records(text: &str) -> Vec<Value> {
    let mut records: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("a record"))
        .collect();
    records.sort_by_key(|record| (record["line"].as_u64(), record["url"].to_string()));
    records
}

#[test]
fn table_columns_give_links_and_names() {
    let server = server();
    let url = server.url("");
    let table = format!(
        "Key,\"Item, Title\",Url\nA,\"two\nlines, \"\"quoted\"\"\",{url}/a.pdf\nB,no link,\nC,tab\there,{url}/gone.pdf\nD,bytes,not a link\nE\n"
    );
    for_each_mode(|mode| {
        let sandbox = Sandbox::new();
        let columns = [
            "--carry",
            "Key,Item, Title",
            "--name-column",
            "Key",
            "--json",
        ];
        // a name with a comma cannot be carried, and what is missing is an error that names what is there
        sandbox.write("links.txt", &table);
        sandbox
            .run(&[&["links.txt", "-o", "out", "-m", mode], &columns[..]].concat())
            .breaks_with(
                "no column `Item` in `links.txt`; its columns are `Key`, `Item, Title`, `Url`",
            );

        let run = sandbox
            .fetch(
                mode,
                &table,
                &[
                    "--carry",
                    "Key",
                    "--name",
                    "{col.Item, Title}",
                    "--json",
                    "--report",
                    "run.csv",
                ],
            )
            .exits(1);
        let found = records(&run.stdout);
        let told: Vec<_> = found
            .iter()
            .map(|record| {
                (
                    record["line"].as_u64().expect("a line"),
                    record["status"].as_str().expect("a word"),
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                (2, "downloaded"),
                (5, "http_status"),
                (6, "bad_link"),
                (7, "bad_link")
            ]
        );
        assert_eq!(found[0]["columns"]["Key"], "A");
        assert_eq!(found[0]["columns"]["Item, Title"], "two\nlines, \"quoted\"");
        assert_eq!(found[0]["file"], "two_lines, _quoted_.pdf");

        // the report is a table again, and has a column for each that was carried
        let again = sandbox
            .run(&[
                "run.csv", "-o", "again", "-m", mode, "--only", "failed", "--carry", "Key",
                "--json",
            ])
            .exits(1);
        let found = records(&again.stdout);
        assert_eq!(found.len(), 3);
        assert!(
            found
                .iter()
                .any(|record| record["columns"]["Key"] == "C" && record["status"] == "http_status")
        );
    });
}

#[test]
fn spreadsheet_separators_and_byte_order_marks_are_supported() {
    let server = server();
    let url = server.url("");
    for (list, args) in [
        (
            format!("\u{feff}id;pdf-url\r\n1;{url}/x,y.pdf\r\n"),
            &[][..],
        ),
        (format!("name\tlink\nn\t{url}/x,y.pdf\n"), &[]),
        (format!("url\n{url}/x,y.pdf\n"), &[]),
        (
            format!("what,where\n1,\"{url}/x,y.pdf\"\n"),
            &["--url-column", "where"],
        ),
        (
            format!("{{\"where\":\"{url}/x,y.pdf\",\"url\":\"http://wrong.invalid/\"}}\n"),
            &["--url-column", "where"],
        ),
        (
            format!(
                "{{\"pdf_url\":\"{url}/x,y.pdf\",\"url\":\"http://wrong.invalid/\"}}\n{{\"url\":null}}\n"
            ),
            &[],
        ),
    ] {
        let sandbox = Sandbox::new();
        sandbox.fetch("async", &list, args).exits(0);
        assert_eq!(sandbox.names(), ["x,y.pdf"], "{list}");
    }
}

#[test]
fn rows_report_their_first_line() {
    for end in ["\n", "\r\n"] {
        let sandbox = Sandbox::new();
        let lines = [
            "title,url",
            "\"a",
            "b\",bad1",
            "",
            "",
            "x,bad2",
            "\"\",\"ba",
            "d3\"",
            "y,bad\u{e9}4",
        ];
        let mut table = lines.join(end).into_bytes();
        // a byte that is no UTF-8
        table.extend(b"\xff");
        let run = sandbox
            .fetch("async", table, &["--json", "--report", "run.jsonl"])
            .exits(1);
        let lines: Vec<_> = records(&run.stdout)
            .iter()
            .map(|record| record["line"].as_u64())
            .collect();
        assert_eq!(lines, [Some(2), Some(6), Some(7), Some(9)], "{end:?}");
        // and what was no link does not become one
        let again = sandbox
            .run(&["run.jsonl", "-o", "out", "--only", "failed"])
            .exits(1);
        assert_eq!(again.count("failed"), 4);
    }
}

#[test]
fn unclosed_quote_is_bounded() {
    let sandbox = Sandbox::new();
    let table = format!(
        "url,title\n\"http://a.invalid/x.pdf,\n{}",
        "y".repeat(6 * 1024 * 1024)
    );
    sandbox
        .fetch("async", table, &[])
        .breaks_with("a row is longer than 4194304 bytes: is a quote missing?");
}

#[test]
fn name_follows_a_tab() {
    let server = server();
    let url = server.url("");
    for_each_mode(|mode| {
        let sandbox = Sandbox::new();
        let list = format!(
            "{url}/1\tA paper\n{url}/2\t../../sub/B.PDF\n{url}/3\t{url}/4\tC\n{url}/gone\tD: \u{202e}x\n"
        );
        sandbox
            .fetch(mode, list, &["--error-file", "failed.txt"])
            .exits(1);
        assert_eq!(sandbox.names(), ["A paper.pdf", "C.pdf", "sub/B.PDF"]);
        let again = sandbox
            .run(&["failed.txt", "-o", "out", "-m", mode, "--json"])
            .exits(1);
        assert_eq!(records(&again.stdout)[0]["name"], "D: \u{202e}x");
    });
}

#[test]
fn aria2_files_give_mirrors_names_headers_and_checksums() {
    let server = Server::start(|request, stream| {
        if request.path.contains("gone") {
            respond(stream, "404 Not Found", b"");
        } else if request.path.contains("key") && request.header("x-key") != Some("secret") {
            respond(stream, "403 Forbidden", b"");
        } else {
            ok(stream, &pdf(&request.path));
        }
    });
    let url = server.url("");
    let wrong = "0".repeat(64);
    let list = format!(
        "# a session\n{url}/gone\tftp://a.invalid/x\t{url}/key/m.pdf\n gid=1\n out=a.pdf\n dir=sub\n header=X-Key: secret\n\
         {url}/b.pdf\n\tchecksum=sha-256={wrong}\n{url}/gone1\t{url}/gone2\n{url}/c.pdf\n checksum=md5=00\n{url}/d.pdf"
    );
    for_each_mode(|mode| {
        let sandbox = Sandbox::new();
        let run = sandbox.fetch(mode, &list, &["--json"]).exits(1);
        let found = records(&run.stdout);
        let told: Vec<_> = found
            .iter()
            .map(|record| {
                (
                    record["line"].as_u64().expect("a line"),
                    record["status"].as_str().expect("a word"),
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                (2, "downloaded"),
                (7, "checksum_mismatch"),
                (9, "http_status"),
                (10, "downloaded"),
                (12, "downloaded")
            ]
        );
        assert_eq!(
            (&found[0]["file"], &found[0]["attempts"]),
            (&"sub/a.pdf".into(), &2.into())
        );
        assert_eq!(found[0]["final_url"], format!("{url}/key/m.pdf"));
        assert!(
            found[2]["error"]
                .as_str()
                .expect("a message")
                .contains("all 2 URLs failed")
        );
        assert_eq!(sandbox.names(), ["c.pdf", "d.pdf", "sub/a.pdf"]);
        assert!(
            sandbox
                .journal()
                .iter()
                .all(|record| !record.to_string().contains("secret"))
        );
        // a record keeps what it takes to try all of it again
        sandbox.write("run.jsonl", &run.stdout);
        let again = sandbox
            .run(&[
                "run.jsonl",
                "-o",
                "out",
                "-m",
                mode,
                "--only",
                "failed",
                "--json",
            ])
            .exits(1);
        assert!(
            records(&again.stdout)
                .iter()
                .any(|record| record["status"] == "checksum_mismatch")
        );
    });
}

#[test]
fn mirror_replaces_an_unreachable_host() {
    let server = server();
    for_each_mode(|mode| {
        let sandbox = Sandbox::new();
        let pair = |n| {
            format!(
                "http://127.0.0.1:1/{n}.pdf\t{}",
                server.url(&format!("/{n}.pdf"))
            )
        };
        let list = list((0..20).map(pair));
        let run = sandbox.fetch(mode, list, &["--retry", "1"]).exits(0);
        assert_eq!((run.count("downloaded"), sandbox.names().len()), (20, 20));
    });
}

#[test]
fn links_are_extracted_from_markdown_and_html() {
    let server = server();
    let url = server.url("");
    for_each_mode(|mode| {
        let sandbox = Sandbox::new();
        let notes = format!(
            "# Notes\nsee [x](a.pdf), <{url}/b.pdf>\nand ({url}/c_(1).pdf). But not {url}/page or mailto:x@a.pdf\n"
        );
        sandbox
            .fetch(
                mode,
                &notes,
                &["--extract", "--base", &format!("{url}/base/")],
            )
            .exits(0);
        assert_eq!(sandbox.names(), ["a.pdf", "b.pdf", "c_(1).pdf"]);

        let sandbox = Sandbox::new();
        let page = format!(
            "<!DOCTYPE html>\n<base href='{url}/h/'>\n<!-- <a href='no.pdf'> --><script>\"<a href='no.pdf'>\"</script>\n\
             <A\nHREF=x.PDF?a=1&amp;b=2>x</a><a href=page>p</a><meta content='m' name=citation_pdf_url><embed src='/e.pdf'>"
        );
        let run = sandbox
            .fetch(mode, &page, &["--extract", "--json"])
            .exits(0);
        let found = records(&run.stdout);
        let links: Vec<_> = found
            .iter()
            .map(|record| (record["line"].clone(), record["url"].clone()))
            .collect();
        let link = |line: u64, path: &str| (line.into(), format!("{url}{path}").into());
        assert_eq!(
            links,
            [
                link(5, "/e.pdf"),
                link(5, "/h/m"),
                link(5, "/h/x.PDF?a=1&b=2")
            ]
        );
        sandbox.fetch(mode, "[x](a.pdf)", &["--extract"]).exits(1);
    });
}

#[test]
fn links_are_extracted_however_they_are_written() {
    let server = server();
    let url = server.url("");
    let lists = [
        (
            format!(
                "@misc{{a,\n url = {{{url}/36\\_2/a\\_b.pdf}},\n note = \"{url}/x{{\\_}}y.pdf\",\n}}\n\
                 @misc{{b, howpublished = {{\\url{{{url}/50\\%25.pdf}}}}, x = {{\\href{{{url}/{{\\textasciitilde}}c\\&d.pdf}}{{d}}}} }}\n"
            ),
            &["/36_2/a_b.pdf", "/50%25.pdf", "/x_y.pdf", "/~c&d.pdf"][..],
        ),
        (
            format!(
                "- [a](<My notes/a b.pdf>)\n- [b](<{url}/c d.pdf> \"t\") [c](e f.pdf)\n- <{url}/g.pdf>, [d][r]\n\n[r]: h.pdf 'title'\n"
            ),
            &[
                "/My%20notes/a%20b.pdf",
                "/c%20d.pdf",
                "/e%20f.pdf",
                "/g.pdf",
                "/h.pdf",
            ],
        ),
        (
            format!("{{\"f\": [\"{url}/a.pdf?b=1&c=2\", \"{url}/d.pdf\"]}}")
                .replace('/', "\\/")
                .replace('&', "\\u0026"),
            &["/a.pdf?b=1&c=2", "/d.pdf"],
        ),
        (
            format!("“{url}/a.pdf” «{url}/b.pdf» {url}/c.pdf,{url}/d,e.pdf;\nf.pdf,g.pdf\n"),
            &["/a.pdf", "/b.pdf", "/c.pdf", "/d,e.pdf", "/f.pdf", "/g.pdf"],
        ),
        (
            format!(
                "<?xml version='1.0'?><urlset xmlns='{url}/n.pdf'><url><loc>\n{url}/a.pdf?b=1&amp;c=2\n</loc></url>\
                 <url><loc><![CDATA[{url}/d.pdf]]></loc></url><!-- {url}/no.pdf --></urlset>"
            ),
            &["/a.pdf?b=1&c=2", "/d.pdf"],
        ),
        (
            format!(
                "<rss version='2.0'><item><enclosure url='{url}/get' type='application/pdf'/><link>{url}/page</link>\
                 <description>&lt;a href=\"{url}/a.pdf\"&gt;</description></item></rss>"
            ),
            &["/a.pdf", "/get"],
        ),
        (
            format!(
                "<xml><records><url><style face='normal'>{url}/a.pdf</style></url><style>{url}/b.pdf</style></records></xml>"
            ),
            &["/a.pdf", "/b.pdf"],
        ),
        (
            format!(
                "<feed xmlns='http://www.w3.org/2005/Atom'><link type='application/pdf' href='{url}/v1'/><link href='{url}/p'/>\
                 <outline htmlUrl='{url}/a.pdf' xmlUrl='{url}/b.pdf'/></feed>"
            ),
            &["/a.pdf", "/b.pdf", "/v1"],
        ),
        (
            format!(
                "<html><link rel='alternate' type='application/pdf' href='{url}/v1'><link rel='stylesheet' href='{url}/x'>\
                 <a href='{url}/get' type='application/pdf'>a</a><a href='{url}/b.pdf;v=1'>b</a>"
            ),
            &["/b.pdf;v=1", "/get", "/v1"],
        ),
    ];
    for_each_mode(|mode| {
        for (list, expected) in &lists {
            let before = server.requests().len();
            let base = format!("--base={url}/");
            let run = Sandbox::new().fetch(mode, list, &["--extract", &base]);
            run.exits(0);
            let mut paths: Vec<_> = server.requests()[before..]
                .iter()
                .map(|request| request.path.clone())
                .collect();
            paths.sort();
            assert_eq!(paths, *expected, "{list}");
        }
    });
}

#[test]
fn compressed_lists_are_read() {
    let server = server();
    let list: String = (0..100)
        .map(|n| server.url(&format!("/{n}.pdf\n")))
        .collect();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(list.as_bytes()).expect("memory");
    let gzip = gzip.finish().expect("memory");
    let zstandard = ruzstd::encoding::compress_to_vec(
        list.as_bytes(),
        ruzstd::encoding::CompressionLevel::Fastest,
    );
    for_each_mode(|mode| {
        for whole in [&gzip, &zstandard] {
            let sandbox = Sandbox::new();
            // several members or frames are one list
            let run = sandbox
                .fetch(mode, [&whole[..], whole].concat(), &[])
                .exits(0);
            assert_eq!(
                (run.count("downloaded"), run.count("duplicate")),
                (100, 100)
            );
            let limit = ["-j", "1", "--max-downloads", "1"];
            let run = Sandbox::new().fetch(mode, whole, &limit).exits(1);
            assert_eq!((run.count("downloaded"), run.count("not tried")), (1, 99));
            let sandbox = Sandbox::new();
            let torn = sandbox.fetch(mode, &whole[..whole.len() - 9], &[]);
            torn.breaks_with("cannot read");
        }
    });
}

#[test]
fn records_stream_while_the_pipe_is_open() {
    let server = server();
    for_each_mode(|mode| {
        let sandbox = Sandbox::new();
        let mut command = sandbox.command(&["-", "-o", "out", "-m", mode, "--json"]);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        let mut stdin = child.stdin.take().expect("a pipe");
        let mut stdout = std::io::BufReader::new(child.stdout.take().expect("a pipe"));
        writeln!(stdin, "id,url").expect("it reads");
        for n in 0..3 {
            writeln!(stdin, "{n},{}", server.url(&format!("/{n}.pdf"))).expect("it reads");
            let mut line = String::new();
            std::io::BufRead::read_line(&mut stdout, &mut line).expect("a record");
            assert_eq!(records(&line)[0]["line"], n + 2);
        }
        drop(stdin);
        assert_eq!(child.wait().expect("it ends").code(), Some(0));
    });
}

#[test]
fn missing_column_is_named() {
    let sandbox = Sandbox::new();
    sandbox.write("list.csv", "Key,Url\nA,http://a.invalid/x.pdf\n");
    let run = sandbox.run(&["list.csv", "--url-column", "URI"]).exits(2);
    assert!(
        run.stderr.contains("URI") && run.stderr.contains("Url"),
        "{run:?}"
    );
}

#[test]
fn text_is_searched_in_linear_time() {
    // the last two took minutes when each one looked for the end of its line
    let small = [
        "\"http://",
        "'http://",
        "http://'",
        "{[(",
        "](http://.",
        "&gt;",
        "“http://x ",
        "](<",
        "]:\t<x",
        "http://\\\\\\\\",
        "](\\(",
    ];
    let pieces = small.map(|piece| (piece, 64 * 1024)).into_iter();
    for (piece, length) in pieces.chain([("](", 1024 * 1024), ("http://)", 1024 * 1024)]) {
        let sandbox = Sandbox::new();
        sandbox.write("notes.md", piece.repeat(length / piece.len()));
        let base = "--base=http://a.invalid/";
        let run = sandbox.run(&["notes.md", "--extract", base, "--dry-run"]);
        // with 2, it says that there is no link
        assert!(run.code.is_some_and(|code| code <= 2), "{piece}");
    }
}

#[test]
fn a_link_in_a_text_or_page_has_a_longest_length() {
    let server = server();
    let url = server.url("");
    let long = "x".repeat(9000);
    for text in [
        format!(
            "see {url}/a.pdf, {url}/b.pdf?{long} <{url}/c.pdf>, ![](data:{long}), [d]({url}/d.pdf)"
        ),
        format!(
            "<!doctype html><a href={url}/a.pdf><a href='{url}/b.pdf?{long}'><img src='data:{long}'>\
             <{long} {long}={long}><!--{long}--><a href={url}/c.pdf>{long}<a href=d.pdf><base href={url}/><a href=d.pdf>"
        ),
    ] {
        let sandbox = Sandbox::new();
        let run = sandbox.fetch("async", &text, &["--extract"]).exits(1);
        assert_eq!(sandbox.names(), ["a.pdf", "c.pdf", "d.pdf"]);
        let message = "bad_link: the link is longer than 8,192 bytes";
        assert!(run.stderr.contains(message), "{run:?}");
    }
}

#[test]
fn a_page_that_cannot_be_read_any_further_has_its_links_fetched() {
    let server = server();
    let sandbox = Sandbox::new();
    let (url, word) = (server.url("/a.pdf"), "x".repeat(1_200_000));
    let page = format!("<html><a href='{url}'></a><script></{word}");
    let run = sandbox.fetch("async", page, &["--extract"]);
    run.breaks_with("after line 1: a word is longer than 1048576 bytes");
    assert_eq!(sandbox.names(), ["a.pdf"]);
}

#[test]
fn records_are_read_back_however_long_they_are() {
    let server = server();
    let url = server.url("");
    // each byte takes two in CSV, and six in JSON
    let (quotes, controls) = ("\"".repeat(70_000), "\u{1}".repeat(70_000));
    let table = format!("url,q,c\n{url}/gone1,x{quotes},{controls}\n{url}/gone2,q,c\n");
    let sandbox = Sandbox::new();
    let carry = ["--carry", "q,c", "--quiet"];
    let written = ["--report", "run.csv", "--error-file", "failed.txt"];
    let args = [&carry[..], &written].concat();
    sandbox.fetch("async", &table, &args).exits(1);
    for list in ["failed.txt", "run.csv", "out/.fetchpdf/journal.jsonl"] {
        let args = [list, "-o", "again", "--report", "run.jsonl"];
        sandbox.run(&[&args[..], &carry].concat()).exits(1);
        let report = std::fs::read_to_string(sandbox.path("run.jsonl")).expect("a report");
        let found = records(&report);
        assert_eq!(found.len(), 2, "{list}");
        let is_http = |record: &Value| record["status"] == "http_status";
        assert!(found.iter().all(is_http), "{list}");
        let long = |name: &str| {
            found.iter().find_map(|record| {
                let value = record["columns"][name].as_str()?;
                (value.len() > 2).then_some(value.trim_start_matches('x'))
            })
        };
        assert!(
            long("q") == Some(&quotes) && long("c") == Some(&controls),
            "{list}"
        );
    }
}

#[test]
fn lists_from_strangers_are_bounded() {
    let server = server();
    let url = server.url("");
    let many = |count: usize, piece: &str| piece.repeat(count);
    for (list, args, message) in [
        (
            format!(
                "{url}/x.pdf\n{}{url}/good.pdf",
                many(40_000, " header=X: y\n")
            ),
            &["--input-format", "aria2"][..],
            "bad_link: more than 100 headers",
        ),
        (
            format!("{url}/x.pdf\n out={}\n{url}/good.pdf", many(70_000, "x")),
            &["--input-format", "aria2"],
            "bad_link: the line is longer than 65536 bytes",
        ),
        (
            format!(
                "{url}/x.pdf{}\n{url}/good.pdf",
                many(101, "\thttp://a.invalid/")
            ),
            &[],
            "bad_link: more than 100 other URLs of the same file",
        ),
        (
            format!("{url}/{}\n{url}/good.pdf", many(30_000, "ü")),
            &[],
            "bad_link: the URL is longer than 65536 bytes",
        ),
        (
            format!("{{\"url\":{}\n{url}/good.pdf", many(100_000, "[")),
            &[],
            "bad_link: invalid JSON: EOF while parsing a list",
        ),
        (
            format!(
                "{{{}\"url\":1}}\n{url}/good.pdf",
                (0..10_001).fold(String::new(), |all, n| all + &format!("\"{n}\":0,"))
            ),
            &[],
            "bad_link: invalid JSON: more than 10000 fields",
        ),
        (
            format!(
                "url,name\n{url}/x.pdf,{}\n{url}/good.pdf,",
                many(3_000_000, "ü")
            ),
            &["--name-column", "name"],
            "bad_link: a row is longer",
        ),
        (
            format!("gopher-{}://x\n{url}/good.pdf", many(60_000, "x")),
            &[],
            "bad_link: only `http` and `https` links are fetched, not `gopher-xxx",
        ),
    ] {
        let sandbox = Sandbox::new();
        let run = sandbox.fetch("async", &list, args);
        if message.contains("a row is longer") {
            run.breaks_with("a row is longer than 4194304 bytes");
            continue;
        }
        let run = run.exits(1);
        assert_eq!(sandbox.names(), ["good.pdf"], "{message}");
        assert!(run.stderr.contains(message), "no `{message}` in {run:#?}");
        assert!(run.stderr.len() < 2000, "{message}");
    }
}

#[test]
fn tables_and_frames_from_strangers_are_bounded() {
    let many = |count: usize, piece: &str| piece.repeat(count);
    for (list, args, message) in [
        (
            format!("url{}\n", many(20_000, ",c")),
            &[][..],
            "more than 10000 columns",
        ),
        (
            format!("url,c\nhttp://a.invalid/,\"{}\"\n", many(1_500_000, "\n")),
            &[],
            "a row has more than 1000000 lines",
        ),
        (
            format!("where{},\u{1b}[31m\n", many(9_000, ",c")),
            &["--url-column", "\u{1b}[32m"],
            "no column `\\u{1b}[32m` in `links.txt`; its columns are `where`, `c`",
        ),
        (
            format!("x\u{1b}{}: z\n", many(1000, "y")),
            &["-H", "@links.txt"],
            "invalid header `x\\u{1b}yyy",
        ),
        (
            many(200, "X: y\n"),
            &["-H", "@links.txt"],
            "`header`: more than 100 headers",
        ),
    ] {
        let run = Sandbox::new().fetch("async", &list, args).exits(2);
        assert!(run.stderr.contains(message), "no `{message}` in {run:#?}");
        assert!(
            run.stderr.len() < 1000 && !run.stderr.contains('\u{1b}'),
            "{run:?}"
        );
    }
    // a frame that claims to need 128 MiB for its three bytes
    let frame = b"\x28\xb5\x2f\xfd\x00\x88\x01\x00\x00";
    let run = Sandbox::new().fetch("async", frame, &[]).exits(2);
    assert!(
        run.stderr
            .contains("needs a window of more than 33554432 bytes"),
        "{run:?}"
    );
}

#[test]
#[cfg(unix)]
fn names_of_lists_are_printable() {
    let sandbox = Sandbox::new();
    let name = "a\u{1b}[31m\u{202e}.txt";
    sandbox.write(name, "bad\n");
    for list in [name, "no\u{1b}[31m"] {
        let run = sandbox.run(&[list]);
        assert!(!run.stderr.contains(['\u{1b}', '\u{202e}']), "{run:?}");
        assert!(run.stderr.contains("\\u{1b}[31m"), "{run:?}");
    }
}

#[test]
fn only_says_where_it_does_not_apply() {
    let server = server();
    let url = server.url("/x.pdf");
    let record =
        format!("{{\"schema\":1,\"status\":\"timeout\",\"retryable\":true,\"url\":\"{url}\"}}\n");
    for (list, downloaded, message) in [
        (
            format!("{url}\n{url}?2\n"),
            2,
            "all links of other lists are taken",
        ),
        (
            format!("{url}\n out=x.pdf\n"),
            1,
            "all links of other lists are taken",
        ),
        (
            format!("name,url\nn,{url}\nn,{url}?2\n"),
            0,
            "rows that are not records are skipped",
        ),
        (
            format!("Key,Item Type,Title,DOI,Url,File Attachments\nK,book,T,,{url},\n"),
            0,
            "rows that are not records are skipped",
        ),
        (
            format!("{{\"url\":\"{url}\"}}\n"),
            0,
            "rows that are not records are skipped",
        ),
        (record.clone(), 1, ""),
    ] {
        let sandbox = Sandbox::new();
        sandbox.write("run.jsonl", &record);
        let mut args = vec!["--only", "failed"];
        if message.starts_with("all links") {
            let alone = sandbox.fetch("async", &list, &args).exits(2);
            assert!(alone.stderr.contains("has no effect"), "{alone:?}");
            args.push("run.jsonl");
        }
        let run = sandbox.fetch("async", &list, &args).exits(0);
        assert_eq!(run.count("downloaded"), downloaded, "{list}");
        let said = usize::from(!message.is_empty());
        assert_eq!(
            run.stderr.matches("`--only` applies to").count(),
            said,
            "{run:?}"
        );
        assert!(run.stderr.contains(message), "{run:?}");
    }
}

#[test]
fn quoted_lines_show_no_secrets() {
    let long = "x".repeat(1000);
    let list = format!(
        "ftp://u:s3cr3t{long}@h/x\nftp://h/?a=1&X-Amz-Signature=s3cr3t\nx\tftp://h/?sig=s3cr3t\nhttp://:x/?token=s3cr3t ftp://h/?sig=s3cr3t\n\
         {{\"url\":\"ftp://h/?a=1\",\"b\":\"http://h/?sig=s3cr3t\"}}\n{long}s3cr3t@h\n"
    );
    let sandbox = Sandbox::new();
    let run = sandbox
        .fetch("async", list, &["--json", "--error-file", "e.txt"])
        .exits(1);
    // one of the lines has two links
    assert_eq!(records(&run.stdout).len(), 7);
    let errors = std::fs::read_to_string(sandbox.path("e.txt")).expect("a file");
    assert!(!format!("{run:?}{errors}").contains("s3cr3t"), "{run:?}");
    // and what is masked does not become a link
    let table = "url\nftp://a.invalid/?sig=s3cr3t\n";
    sandbox
        .fetch("async", table, &["--report", "run.jsonl"])
        .exits(1);
    let again = sandbox.run(&["run.jsonl", "--only", "failed"]).exits(1);
    assert!(again.stderr.contains("fix the original list"), "{again:?}");
}
