//! Bibliographies, feeds, sitemaps and indexes as lists.

use std::io::Write;
use std::process::Stdio;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;

use crate::harness::{Running, Sandbox, for_each_mode, until};
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

/// A list in each format, whose entries have the links `/FORMAT-1.pdf`, which is gone, `/FORMAT-1` in its place, and `/FORMAT-2.pdf`.
fn lists(url: &str) -> Vec<(&'static str, String)> {
    let lists = [
        (
            "bibtex",
            "@article{K1,\n  author = {M{\\\"u}ller, A},\n  title = {{A} title: 50\\%},\n  year = 2020,\n  pdf = {@@/gone_1.pdf},\n  url = {@@/bibtex-1}\n}\n\
             @misc{K2, howpublished = {\\url{@@/bibtex-2.pdf}}}\n",
        ),
        (
            "ris",
            "TY  - JOUR\r\nID  - K1\r\nAU  - Müller, A\r\nTI  - A title: 50%\r\nPY  - 2020\r\nL1  - @@/gone_1.pdf\r\nUR  - @@/ris-1\r\nER  - \r\n\
             TY  - JOUR\r\nID  - K2\r\nUR  - @@/ris-2.pdf\r\nER  - \r\n",
        ),
        (
            "enw",
            "%0 Journal Article\n%F K1\n%A Müller, A\n%T A title: 50%\n%D 2020\n%> @@/gone_1.pdf\n%U @@/enw-1\n\n%0 Report\n%F K2\n%U @@/enw-2.pdf\n",
        ),
        (
            "endnote-xml",
            "<?xml version='1.0'?><xml><records><record><label>K1</label><contributors><authors><author>Müller, A</author></authors></contributors>\
             <titles><title>A title: 50%</title></titles><dates><year>2020</year></dates><urls><related-urls><url>@@/endnote-xml-1</url></related-urls>\
             <pdf-urls><url>@@/gone_1.pdf</url></pdf-urls></urls></record><record><label>K2</label><urls><web-urls><url>@@/endnote-xml-2.pdf</url></web-urls></urls>\
             </record></records></xml>",
        ),
        (
            "csl-json",
            "[{\"id\":\"K1\",\"type\":\"article\",\"title\":\"A title: 50%\",\"author\":[{\"family\":\"Müller, A\"}],\"issued\":{\"date-parts\":[[2020]]},\
             \"URL\":\"@@/csl-json-1\"},\n {\"id\":\"K2\",\"type\":\"report\",\"container-title\":\"x\",\"URL\":\"@@/csl-json-2.pdf\"}]",
        ),
        (
            "zotero-rdf",
            "<rdf:RDF xmlns:rdf='x' xmlns:z='http://www.zotero.org/namespaces/export#'>\n<bib:Article rdf:about='#K1'><z:itemType>journalArticle</z:itemType>\
             <bib:authors><foaf:surname>Müller, A</foaf:surname></bib:authors><dc:title>A title: 50%</dc:title><dc:date>2020-01</dc:date><link:link rdf:resource='#a'/>\
             <dc:identifier><dcterms:URI><rdf:value>@@/zotero-rdf-1</rdf:value></dcterms:URI></dc:identifier></bib:Article>\
             <z:Attachment rdf:about='#a'><link:type>application/pdf</link:type><dc:identifier><dcterms:URI><rdf:value>@@/gone_1.pdf</rdf:value></dcterms:URI>\
             </dc:identifier></z:Attachment>\n<bib:Report rdf:about='#K2'><z:itemType>report</z:itemType><dc:identifier><dcterms:URI><rdf:value>@@/zotero-rdf-2.pdf</rdf:value>\
             </dcterms:URI></dc:identifier></bib:Report></rdf:RDF>",
        ),
        (
            "feed",
            "<rss version='2.0'><channel><item><guid>K1</guid><author>Müller, A</author><title>A title: 50%</title><pubDate>1 Jan 2020</pubDate>\
             <enclosure type='application/pdf' url='@@/gone_1.pdf'/><link>@@/feed-1</link></item><item><guid>K2</guid><link>@@/feed-2.pdf</link></item></channel></rss>",
        ),
        (
            "oai-pmh",
            "<OAI-PMH xmlns='http://www.openarchives.org/OAI/2.0/'><record><header><identifier>K1</identifier></header><metadata><dc:creator>Müller, A</dc:creator>\
             <dc:title>A title: 50%</dc:title><dc:date>2020</dc:date><dc:identifier>@@/oai-pmh-1</dc:identifier><dc:relation>@@/gone_1.pdf</dc:relation></metadata></record>\
             <record><header><identifier>K2</identifier></header><metadata><dc:identifier>@@/oai-pmh-2.pdf</dc:identifier></metadata></record></OAI-PMH>",
        ),
    ];
    let lists = lists.into_iter();
    lists
        .map(|(format, list)| {
            (
                format,
                list.replace("@@", url)
                    .replace("gone_1", &format!("gone-{format}")),
            )
        })
        .collect()
}

#[test]
fn exports_of_programs_are_lists() {
    let server = server();
    let lists = lists(&server.url(""));
    for_each_mode(|mode| {
        let sandbox = Sandbox::new();
        let before = server.requests().len();
        let mut args = vec![
            "-o",
            "out",
            "-m",
            mode,
            "--name",
            "{col.key}-{col.author:6}-{col.year}-{col.title:8}-{name}",
        ];
        for (format, list) in &lists {
            sandbox.write(format, list);
            args.push(format);
        }
        sandbox.run(&args).exits(0);
        let mut expected: Vec<_> = lists
            .iter()
            .flat_map(|(format, _)| {
                [
                    format!("K1-Müller-2020-A title_-{format}-1.pdf"),
                    format!("K2----{format}-2.pdf"),
                ]
            })
            .collect();
        expected.sort();
        // a file is called after its first URL
        let names: Vec<_> = sandbox
            .names()
            .iter()
            .map(|name| name.replace("gone-", "").replace("feed.pdf", "feed-1.pdf"))
            .collect();
        let has = |format: &str, n: u32| {
            names
                .iter()
                .any(|name| name.starts_with(&format!("K{n}-")) && name.contains(format))
        };
        for (format, _) in &lists {
            assert!(has(format, 1) && has(format, 2), "{format}: {names:?}");
        }
        let first: Vec<_> = names
            .iter()
            .filter(|name| name.starts_with("K1-"))
            .collect();
        assert_eq!(
            (first.len(), names.len()),
            (lists.len(), 2 * lists.len()),
            "{names:?}"
        );
        assert!(
            first
                .iter()
                .all(|name| name.starts_with("K1-Müller-2020-A title_")),
            "{first:?}"
        );
        let asked: Vec<_> = server.requests()[before..]
            .iter()
            .map(|request| request.path.clone())
            .collect();
        for (format, list) in &lists {
            let gone = format!("/gone-{format}.pdf");
            assert_eq!(list.contains(&gone), asked.contains(&gone), "{asked:?}");
            assert!(
                asked.contains(&format!("/{format}-1"))
                    && asked.contains(&format!("/{format}-2.pdf")),
                "{asked:?}"
            );
        }
    });
}

#[test]
fn a_format_that_is_named_is_not_detected() {
    let server = server();
    let sandbox = Sandbox::new();
    for (format, list) in lists(&server.url("")) {
        sandbox.write(format, list);
        let run = sandbox.run(&[format, "--dry-run", "--input-format", format]);
        assert_eq!(run.exits(0).stdout.lines().count(), 2, "{format}");
    }
    // text before it says nothing
    sandbox.write(
        "notes.bib",
        "Papers to read\n\n@misc{k, url = {http://a.example/k.pdf}}\n",
    );
    let run = sandbox
        .run(&["notes.bib", "--dry-run", "--input-format", "bibtex"])
        .exits(0);
    assert!(run.stdout.contains("http://a.example/k.pdf"), "{run:?}");
    // and `--extract` takes links out of any text
    sandbox.write("x.bib", "@misc{k, url = {http://a.example/k.pdf}, doi = {10.1000/x}}\n@misc{l, url = {http://a.example/l}}\n");
    let run = sandbox.run(&["x.bib", "--dry-run", "--extract"]).exits(0);
    assert_eq!(run.stdout, "fetch\t./k.pdf\thttp://a.example/k.pdf\n");
}

#[test]
fn a_broken_entry_is_a_bad_link_with_its_line_and_key() {
    let server = server();
    let url = server.url("");
    let list = format!(
        "@misc{{a, url = {{{url}/a.pdf}}}}\n\n@misc{{b,\n  title = {{Open,\n  url = {{{url}/b.pdf}}\n}}\n\n@misc{{c, url = {{{url}/c.pdf}}}}\n\
         @book{{d, title = {{No link}}}}\n@misc{{e, url = {{none}}}}\n"
    );
    for_each_mode(|mode| {
        let sandbox = Sandbox::new();
        let run = sandbox
            .fetch(mode, &list, &["--json", "--carry", "key,title"])
            .exits(1);
        let mut records: Vec<Value> = run
            .stdout
            .lines()
            .map(|line| serde_json::from_str(line).expect("a record"))
            .collect();
        records.sort_by_key(|record| record["line"].as_u64());
        let told: Vec<_> = records
            .iter()
            .map(|record| {
                (
                    record["line"].as_u64().unwrap_or(0),
                    record["status"].as_str().unwrap_or(""),
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                (1, "downloaded"),
                (3, "bad_link"),
                (8, "downloaded"),
                (10, "bad_link")
            ]
        );
        let error = |at: usize| records[at]["error"].as_str().unwrap_or("").to_owned();
        assert_eq!(error(1), "entry `b`: it is not closed: is a `}` missing?");
        assert!(
            error(3).starts_with("entry `e`: `url`: not a URL"),
            "{}",
            error(3)
        );
        assert_eq!(records[2]["columns"]["key"], "c");
        assert!(
            run.stderr.contains("1 row without a link"),
            "{}",
            run.stderr
        );
    });
}

#[test]
fn an_entry_from_an_open_pipe_is_fetched() {
    let server = server();
    let sandbox = Sandbox::new();
    for (n, head, tail) in [
        (1, "@misc{a,\n url = {URL/p1.pdf}\n}\n", ""),
        (2, "TY  - JOUR\nUR  - URL/p2.pdf\nER  - \n", ""),
        (
            3,
            "<?xml version='1.0'?>\n<rss><channel><item><link>URL/p3.pdf</link></item>\n<item>",
            "</item></channel></rss>",
        ),
        (4, "k)/a 20240101000000 {\"url\": \"URL/p4.pdf\"}\n", ""),
    ] {
        let mut command = sandbox.command(&["-", "-o", "out"]);
        command.stdin(Stdio::piped());
        let mut run = Running::start(command);
        run.type_in(&head.replace("URL", &server.url("")));
        let path = format!("/p{n}.pdf");
        until(|| server.requests().iter().any(|request| request.path == path));
        run.type_in(tail);
        run.end().exits(0);
    }
}

fn gzip(text: &str) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(text.as_bytes())
        .expect("memory can be written");
    gzip.finish().expect("memory can be written")
}

/// As blocks of a Zstandard frame that are not compressed (RFC 8878, section 3.1.1).
fn zstandard(text: &str) -> Vec<u8> {
    const WINDOW_OF_1_MIB: u8 = 10 << 3;
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0, WINDOW_OF_1_MIB];
    for block in text.as_bytes().chunks(1000) {
        let head = u32::try_from(block.len()).expect("a small block") << 3;
        frame.extend_from_slice(&head.to_le_bytes()[..3]);
        frame.extend_from_slice(block);
    }
    frame.extend_from_slice(&[1, 0, 0]);
    frame
}

/// Has sitemaps, compressed ones, one that is cut off, and an index that leads to itself.
fn sitemaps() -> Server {
    let index = |host: &str, names: &[&str]| {
        let entries: Vec<_> = names
            .iter()
            .map(|name| format!("<sitemap><loc>http://{host}/{name}</loc></sitemap>\n"))
            .collect();
        format!(
            "<sitemapindex xmlns='http://www.sitemaps.org/schemas/sitemap/0.9'>\n{}</sitemapindex>",
            entries.concat()
        )
    };
    Server::start(move |request, stream| {
        let host = request.header("host").unwrap_or_default();
        let map = |names: &[&str]| {
            let entries: Vec<_> = names
                .iter()
                .map(|name| format!("<url><loc>http://{host}/{name}</loc><image:image><image:loc>http://{host}/i.png</image:loc></image:image></url>"))
                .collect();
            format!(
                "<?xml version='1.0'?>\n<urlset xmlns='http://www.sitemaps.org/schemas/sitemap/0.9'>{}</urlset>",
                entries.concat()
            )
        };
        match &*request.path {
            "/1.xml" => ok(stream, map(&["a.pdf", "b.pdf"]).as_bytes()),
            "/2.xml.gz" => ok(stream, &gzip(&map(&["c.pdf"]))),
            "/3.xml" => ok(stream, index(host, &["4.xml", "3.xml", "1.xml"]).as_bytes()),
            "/4.xml" => ok(stream, format!("http://{host}/d.pdf\n").as_bytes()),
            "/page.xml" => ok(stream, b"<html><body>Not here</body></html>"),
            "/cut.xml" => ok(
                stream,
                format!("<urlset><url><loc>http://{host}/e.pdf</loc></url>").as_bytes(),
            ),
            "/gone.xml" => respond(stream, "404 Not Found", b""),
            path => ok(stream, &pdf(path)),
        }
    })
}

#[test]
fn an_index_of_sitemaps_is_followed() {
    let server = sitemaps();
    let list = {
        let url = server.url("/");
        let names = [
            "1.xml", "2.xml.gz", "gone.xml", "page.xml", "3.xml", "cut.xml", "1.xml",
        ];
        let entries: Vec<_> = names
            .iter()
            .map(|name| format!("<sitemap><loc>{url}{name}</loc></sitemap>\n"))
            .collect();
        format!(
            "<sitemapindex xmlns='x'>\n{}</sitemapindex>",
            entries.concat()
        )
    };
    for_each_mode(|mode| {
        let sandbox = Sandbox::new();
        let before = server.requests().len();
        let run = sandbox
            .fetch(
                mode,
                &list,
                &["--sitemap-depth", "2", "--json", "--retry", "0"],
            )
            .exits(1);
        assert_eq!(
            sandbox.names(),
            ["a.pdf", "b.pdf", "c.pdf", "d.pdf", "e.pdf"]
        );
        let bad: Vec<Value> = run
            .stdout
            .lines()
            .map(|line| serde_json::from_str(line).expect("a record"))
            .collect();
        let bad: Vec<_> = bad
            .iter()
            .filter(|record| record["status"] == "bad_link")
            .map(|record| record["line"].as_u64())
            .collect();
        assert_eq!(bad, [Some(4), Some(5), Some(7)]);
        let asked = server.requests()[before..]
            .iter()
            .filter(|request| request.path == "/1.xml")
            .count();
        assert_eq!(asked, 1);
    });
    let sandbox = Sandbox::new();
    let run = sandbox
        .fetch("async", &list, &["--sitemap-depth", "1", "--json"])
        .exits(1);
    assert!(
        run.stdout
            .contains("nested deeper than `--sitemap-depth` allows"),
        "{}",
        run.stdout
    );
    assert_eq!(sandbox.names(), ["a.pdf", "b.pdf", "c.pdf", "e.pdf"]);
    let before = server.requests().len();
    let run = sandbox.fetch("async", &list, &[]).exits(1);
    assert!(
        run.stderr
            .contains("it is another sitemap: `--sitemap-depth 1` follows it"),
        "{}",
        run.stderr
    );
    // a run would request them
    let args = ["--sitemap-depth", "1", "--dry-run"];
    let run = sandbox.fetch("async", &list, &args).exits(0);
    assert!(
        run.stderr
            .contains("links.txt: a sitemap index: 0 links, 7 sitemaps not requested"),
        "{}",
        run.stderr
    );
    assert_eq!(server.requests().len(), before);
}

#[cfg(unix)]
#[test]
fn a_signal_ends_the_wait_for_a_sitemap() {
    let (asked, is_asked) = std::sync::mpsc::channel();
    let server = Server::start(move |request, stream| {
        if request.path == "/slow.xml" {
            let _ = asked.send(());
            // until the client has gone
            let _ = std::io::Read::read(stream, &mut [0]);
        } else {
            ok(stream, &pdf(&request.path));
        }
    });
    let entry = format!(
        "<sitemap><loc>{}</loc></sitemap>\n",
        server.url("/slow.xml")
    );
    let list = format!("<sitemapindex>\n{entry}</sitemapindex>");
    for_each_mode(|mode| {
        for more in [&[][..], &["--json"]] {
            let sandbox = Sandbox::new();
            sandbox.write("links.txt", &list);
            let args = ["links.txt", "-o", "out", "-m", mode, "--sitemap-depth", "1"];
            let running = Running::start(sandbox.command(&[&args[..], more].concat()));
            let minute = std::time::Duration::from_mins(1);
            is_asked.recv_timeout(minute).expect("it is requested");
            running.signal("INT");
            let run = running.wait().exits(130);
            assert!(!run.stderr.contains("stalled"), "{}", run.stderr);
        }
    });
}

#[test]
fn odd_addresses_of_sitemaps_stop_no_other_one() {
    let (server, other) = (sitemaps(), sitemaps());
    let (url, elsewhere) = (server.url("/"), other.url("/1.xml"));
    let list = format!(
        "<sitemapindex>\n<sitemap><loc>/1.xml</loc></sitemap>\n<sitemap><loc>ftp://a.example/1.xml</loc></sitemap>\n<sitemap></sitemap>\n\
         <sitemap><loc> {elsewhere} </loc></sitemap>\n<sitemap><loc>{url}2.xml.gz</loc></sitemap>\n</sitemapindex>"
    );
    let sandbox = Sandbox::new();
    let args = ["--sitemap-depth", "1", "--json"];
    let run = sandbox.fetch("pool", &list, &args).exits(1);
    let records = run
        .stdout
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("a record"));
    let bad = records.filter(|record| record["status"] == "bad_link");
    let lines: Vec<_> = bad.map(|record| record["line"].as_u64()).collect();
    assert_eq!(lines, [Some(2), Some(3)]);
    assert!(
        run.stderr.contains("1 row without a link"),
        "{}",
        run.stderr
    );
    assert_eq!(sandbox.names(), ["a.pdf", "b.pdf", "c.pdf"]);
}

#[test]
fn compressed_lists_are_read_from_files_and_pipes() {
    let server = server();
    let sandbox = Sandbox::new();
    for (format, list) in lists(&server.url("")) {
        for is_zstandard in [false, true] {
            let bytes = if is_zstandard {
                zstandard(&list)
            } else {
                gzip(&list)
            };
            sandbox.write("list", &bytes);
            let expected = sandbox.run(&["list", "--dry-run"]).exits(0).stdout;
            assert_eq!(expected.lines().count(), 2, "{format}");
            for args in [
                &["-", "--dry-run"][..],
                &["-", "--dry-run", "--input-format", format],
            ] {
                let mut command = sandbox.command(args);
                let file = std::fs::File::open(sandbox.path("list")).expect("a file");
                command.stdin(Stdio::from(file));
                let run = Running::start(command).wait().exits(0);
                assert_eq!(run.stdout, expected, "{format}");
            }
        }
    }
}

#[test]
fn lists_of_old_programs_are_read() {
    let server = server();
    let sandbox = Sandbox::new();
    for (format, list) in lists(&server.url("")) {
        sandbox.write(format, &list);
        let expected = sandbox.run(&[format, "--dry-run"]).exits(0).stdout;
        let list = list.replace("\r\n", "\n");
        for end in ["\r", "\r\n"] {
            sandbox.write(format, format!("\u{feff}{}", list.replace('\n', end)));
            let run = sandbox.run(&[format, "--dry-run"]).exits(0);
            assert_eq!(run.stdout, expected, "{format} {end:?}");
        }
    }
}

#[test]
fn what_has_no_link_is_counted() {
    let sandbox = Sandbox::new();
    for (list, without) in [
        (
            "@misc{a, doi = {n/a}, title = {T}}\n@misc{b, file = {:home/x.pdf:PDF}}\n@misc{c, url = {URL}}\n",
            2,
        ),
        (
            "TY  - JOUR\nTI  - A\nER  - \nSee http://a.example/about\nTY  - JOUR\nL1  - /home/x.pdf\nER  - \nTY  - JOUR\nUR  - URL\nER  - \n",
            3,
        ),
        ("PMID- none\nTI  - A\n\nPMID- 1\nLID - S0140 [pii]\n", 1),
        ("%0 Book\n%T A\n\n%0 Book\n%U URL\n", 1),
        (
            "<xml><records><record><titles/></record><record><urls><web-urls><url>URL</url></web-urls></urls></record></records></xml>",
            1,
        ),
        (
            "[{\"id\":\"a\",\"type\":\"book\",\"issued\":{}},{\"id\":\"b\",\"type\":\"book\",\"URL\":\"URL\"}]",
            1,
        ),
        (
            "<rss><channel><item><title>A</title></item><item><guid isPermaLink='false'>http://a.example/g</guid></item><item><link>URL</link></item></channel></rss>",
            2,
        ),
        (
            "<urlset><url><lastmod>2020</lastmod></url><url><loc>URL</loc></url></urlset>",
            1,
        ),
        (
            "<OAI-PMH><record><header status='deleted'><identifier>a</identifier></header></record><record><metadata><dc:identifier>URL</dc:identifier></metadata></record></OAI-PMH>",
            1,
        ),
        (
            "k)/a 2024 {\"url\": \"URL\", \"mime\": \"text/html\"}\nk)/b 2024 {\"url\": \"URL\", \"mime\": \"application/pdf\"}\n",
            1,
        ),
    ] {
        let list = list.replace("URL", "http://a.example/x.pdf");
        sandbox.write("list", &list);
        let run = sandbox.run(&["list", "--dry-run"]).exits(0);
        assert_eq!(run.stdout.lines().count(), 1, "{list} {run:?}");
        let plural = if without == 1 { "" } else { "s" };
        let told = format!("1 link, {without} row{plural} without a link");
        assert!(run.stderr.contains(&told), "{list} {run:?}");
    }
}

/// A bibliography of `number` entries, which are nearly all abstract.
fn abstracts(url: &str, number: usize) -> String {
    let text = "words of an {Abstract} ".repeat(700);
    let entries = (0..number).map(|n| {
        format!("@article{{k{n},\n  abstract = {{{text}}},\n  url = {{{url}/{n}.pdf}}\n}}\n")
    });
    entries.collect()
}

#[cfg(target_os = "linux")]
#[test]
fn memory_does_not_grow_with_a_list() {
    use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
    use std::sync::{Arc, Mutex};

    use crate::stores::peak_memory;

    const ENTRIES: usize = 1000;
    let process = Arc::new(AtomicU32::new(0));
    let peaks = Arc::new(Mutex::new(Vec::new()));
    let (id, seen) = (Arc::clone(&process), Arc::clone(&peaks));
    let server = Server::start(move |request, stream| {
        let mut seen = seen.lock().expect("no panic");
        seen.push(peak_memory(id.load(SeqCst)).expect("it runs"));
        ok(stream, &pdf(&request.path));
    });
    let list = abstracts(&server.url(""), ENTRIES);
    let sandbox = Sandbox::new();
    let mut command = sandbox.command(&["-", "-o", "out", "-m", "sequential"]);
    command.stdin(Stdio::piped());
    let mut run = Running::start(command);
    process.store(run.id(), SeqCst);
    run.type_in(&list);
    run.end().exits(0);
    let peaks = peaks.lock().expect("no panic");
    assert_eq!(peaks.len(), ENTRIES);
    let grown = peaks[ENTRIES - 1] - peaks[10];
    assert!(
        grown < list.len() as u64 / 2,
        "{grown} bytes for a list of {}",
        list.len()
    );
}

#[test]
fn links_are_made_of_columns() {
    let server = server();
    let url = server.url("");
    let lists = [
        ("inventory.csv", "\"b\",\"dir/a%20b.pdf\",\"1\"\n\"b\",\"c.pdf\",\"2\"\n".to_owned(), "URL/{1}/{2:raw}", &["/b/dir/a%20b.pdf", "/b/c.pdf"][..]),
        ("keys.csv", "Bucket;Key;Size\nb;x y/ü#.pdf;1\nb;;2\n".to_owned(), "URL/{Bucket}/{Key}", &["/b/x%20y/%C3%BC%23.pdf"]),
        ("keys.txt", "# keys\na/1.pdf\n".to_owned(), "URL/{1}", &["/a/1.pdf"]),
        ("one.csv", "Key\na/1.pdf\n".to_owned(), "URL/get?k={Key:query}", &["/get?k=a%2F1.pdf"]),
        ("objects.json", "{\"Name\":\"n\",\"Contents\":[{\"Key\":\"a.pdf\"},{\"Key\":\"b.pdf\"},{\"Size\":1}]}\n".to_owned(), "URL/{Name}/{Key}", &["/n/a.pdf", "/n/b.pdf"]),
        ("keys.bib", "@misc{k1, title = {T}, doi = {10.1000/x(1)}}\n@misc{k2, doi = {10.1000/y}}\n".to_owned(), "URL/{doi}", &["/10.1000/x(1)", "/10.1000/y"]),
    ];
    let sandbox = Sandbox::new();
    for (name, list, template, expected) in &lists {
        let before = server.requests().len();
        sandbox.write(name, list);
        let template = template.replace("URL", &url);
        sandbox
            .run(&[
                name,
                "-o",
                name.split('.').next().unwrap_or_default(),
                "-j1",
                "--url-template",
                &template,
            ])
            .exits(0);
        let asked: Vec<_> = server.requests()[before..]
            .iter()
            .map(|request| request.path.clone())
            .collect();
        assert_eq!(asked, *expected, "{name}");
    }
    sandbox
        .run(&[
            "keys.csv",
            "-o",
            "out",
            "--url-template",
            "http://a.example/{Name}",
        ])
        .breaks_with("no column `Name` in `keys.csv`; its columns are `Bucket`, `Key`, `Size`");
}
