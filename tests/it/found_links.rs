//! Which links are found in lists as people and their programs make them, and what is said of files that are none.

use std::fmt::Write as _;
use std::process::Stdio;
use std::sync::{Mutex, mpsc};
use std::time::Duration;

use crate::harness::{Run, Running, Sandbox, for_each_mode};
use crate::server::{Server, ok, pdf, respond};

/// What `--dry-run` says of a list.
fn understood(content: impl AsRef<[u8]>, args: &[&str]) -> Run {
    let sandbox = Sandbox::new();
    sandbox.write("list", content);
    sandbox.run(&[&["list", "-o", "out", "--dry-run"], args].concat())
}

/// The URLs of the links in a list, as a run would fetch them.
fn urls(content: impl AsRef<[u8]>, args: &[&str]) -> Vec<String> {
    let run = understood(content, args);
    let lines = run
        .stdout
        .lines()
        .filter_map(|line| line.strip_prefix("fetch\t"));
    let urls = lines.filter_map(|line| line.rsplit('\t').next());
    urls.map(str::to_owned).collect()
}

fn utf_16(text: &str, bytes: impl Fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(bytes).collect()
}

#[test]
fn lists_from_all_over_are_fetched() {
    let server = Server::of_pdfs();
    let url = server.url("");
    let lists: [(&str, Vec<u8>); 13] = [
        ("cr.txt", format!("{url}/a1.pdf\r{url}/a2.pdf\r").into()),
        (
            "separators.txt",
            format!("{url}/b1.pdf\u{85}{url}/b2.pdf\u{2028}{url}/b3.pdf\u{b}{url}/b4.pdf").into(),
        ),
        (
            "invisible.txt",
            format!("{url}/c1.pdf\n\u{feff}{url}/c2.pdf\n{url}/c3.pdf\u{200b}\n").into(),
        ),
        (
            "utf16.txt",
            utf_16(
                &format!("\u{feff}{url}/d1.pdf\r\n{url}/d2.pdf"),
                u16::to_le_bytes,
            ),
        ),
        (
            "latin1.txt",
            [format!("{url}/e").as_bytes(), b"\xe9.pdf\n"].concat(),
        ),
        (
            "several.txt",
            format!(
                "{url}/f1.pdf {url}/f2.pdf,\n{url}/f3,4.pdf;{url}/f5.pdf # mine\n<{url}/f6.pdf>"
            )
            .into(),
        ),
        (
            "excel.csv",
            format!("sep=;\r\nTitle;URL\r\n\"A; B\";{url}/g1.pdf\r\n").into(),
        ),
        (
            "headless.csv",
            format!("{url}/h1.pdf,Title 1\n{url}/h2.pdf,Title 2\n").into(),
        ),
        (
            "openalex.csv",
            format!("id,best_oa_location.pdf_url\nW1,{url}/i1.pdf\n").into(),
        ),
        (
            "scholar.jsonl",
            format!("{{\"url\":\"{url}/page\",\"openAccessPdf\":{{\"url\":\"{url}/j1.pdf\"}}}}\n")
                .into(),
        ),
        (
            "results.json",
            format!("{{\n \"results\": [\n  {{\"pdfUrl\": \"{url}/k1.pdf\"}}\n ]\n}}").into(),
        ),
        (
            "texts.json",
            format!("[\"{url}/l1.pdf\",\n\"{url}/l2.pdf\"]").into(),
        ),
        (
            "bare.txt",
            format!("{}/m1.pdf\n//{}/m2.pdf\n", &url[7..], &url[7..]).into(),
        ),
    ];
    let names =
        "a1 a2 b1 b2 b3 b4 c1 c2 c3 d1 d2 e\u{e9} f1 f2 f3,4 f5 f6 g1 h1 h2 i1 j1 k1 l1 l2 m1 m2";
    let expected: Vec<_> = names.split(' ').map(|name| format!("{name}.pdf")).collect();
    for_each_mode(|mode| {
        let sandbox = Sandbox::new();
        let mut args = vec!["-o", "out", "-m", mode];
        for (name, content) in &lists {
            sandbox.write(name, content);
            args.push(name);
        }
        let run = sandbox.run(&args).exits(0);
        assert_eq!(sandbox.names(), expected, "{run:#?}");
    });
    assert!(
        server
            .requests()
            .iter()
            .any(|request| request.path == "/e%C3%A9.pdf")
    );
}

#[test]
fn a_page_is_the_mirror_of_a_pdf() {
    let server = Server::start(|request, stream| {
        if request.path == "/gone.pdf" {
            respond(stream, "404 Not Found", b"");
        } else {
            ok(stream, &pdf(&request.path));
        }
    });
    let url = server.url("");
    let table = format!(
        "ArticleURL,CitesURL,FullTextURL\n{url}/page1,{url}/cites,{url}/1.pdf\n{url}/page2,{url}/cites,{url}/gone.pdf\n\
         {url}/page3,{url}/cites,\n{url}/4.pdf,{url}/cites,n/a\n"
    );
    for_each_mode(|mode| {
        let sandbox = Sandbox::new();
        let run = sandbox.fetch(mode, &table, &[]).exits(0);
        assert_eq!(run.count("downloaded"), 4);
    });
    let asked = server.requests();
    let mut paths: Vec<_> = asked.iter().map(|request| request.path.as_str()).collect();
    paths.sort_unstable();
    paths.dedup();
    assert_eq!(paths, ["/1.pdf", "/4.pdf", "/gone.pdf", "/page2", "/page3"]);
}

#[test]
fn columns_and_fields_are_found() {
    let u = "http://a.example";
    let (a, b) = (format!("{u}/a.pdf"), format!("{u}/b.pdf"));
    let both = [a.clone(), b.clone()];
    for (list, args, expected) in [
        (
            format!("Cites;Full Text PDF\n1;{a}\n2;{b}\n"),
            &[][..],
            &both[..],
        ),
        (format!("Titel,Volltext\nA,{a}\n\"B, C\",{b}\n"), &[], &both),
        (
            format!("Title,PDF,URL\nA,yes,{a}\nB,B.pdf,{b}\n"),
            &[],
            &both,
        ),
        (
            format!("{{\"pdf\":\"a.pdf\",\"url\":\"{a}\"}}\n"),
            &[],
            &both[..1],
        ),
        (format!("A|{a}|2020\nB|{b}|2021\n"), &[], &both),
        (format!("Title 1\t{a}\nTitle 2\t{b}\n"), &[], &both),
        (
            format!("| Title | PDF Link |\n|---|---|\n| A | {a} |\n| B | {b} |\n"),
            &[],
            &both,
        ),
        (
            format!("# exported\n\nid,downloadUrl\n1,{a}\n2,{b}\n"),
            &[],
            &both,
        ),
        (format!("id,links\n1,\"{a}; {b}\"\n"), &[], &both),
        (format!("x,{a}\ny,{b}\n"), &["--url-column", "2"], &both),
        (format!("{a},x\n{b},y\n"), &["--input-format", "csv"], &both),
        (format!("Title,URL\rA,{a}\rB,{b}\r"), &[], &both),
        (
            format!("{{\"links\":[{{\"url\":\"{a}\"}},{{\"url\":\"{b}\"}}]}}"),
            &["--url-column", "links[].url"],
            &both,
        ),
        (
            format!("{{\"best\":{{\"pdf\":\"{a}\"}},\"url\":\"{u}\"}}"),
            &["--url-column", "best.pdf"],
            &both[..1],
        ),
        (format!("{{\"pdf_urls\":[\"{a}\",\"{b}\"]}}"), &[], &both),
        (
            format!(
                "{{\"hits\":{{\"hits\":[{{\"files\":[{{\"links\":{{\"self\":\"{a}\"}}}}]}}]}}}}"
            ),
            &[],
            &both[..1],
        ),
        (
            format!(
                "{{\"items\":[{{\"link\":[{{\"URL\":\"{a}\"}}],\"reference\":[{{\"url\":\"{u}\"}}]}}]}}"
            ),
            &[],
            &both[..1],
        ),
        (
            format!("{{\n\"url\":\n\"{a}\"\n}}\n{{\n\"url\":\"{b}\"\n}}\n"),
            &[],
            &both,
        ),
        (
            format!("[{{\"where\":\"{a}\"}},\r\n{{\"where\":\"{b}\"}}]"),
            &["--url-column", "where"],
            &both,
        ),
        (
            format!(
                "{{\"schema\":1,\"status\":\"timeout\",\"url\":\"{a}\",\"columns\":{{\"pdf_url\":\"{b}\"}}}}\n"
            ),
            &[],
            &both[..1],
        ),
    ] {
        assert_eq!(urls(&list, args), expected, "{list}");
    }
    let big = utf_16(&format!("Titel;URL\r\n\u{e9};{a}\r\n"), u16::to_be_bytes);
    assert_eq!(urls(big, &[]), [a.as_str()]);
    let latin = [b"Titel,URL\nB\xe4r,".as_slice(), a.as_bytes()].concat();
    let run = understood(latin, &["--name-column", "Titel"]);
    assert!(run.stdout.contains("B\u{e4}r.pdf"), "{run:?}");
}

#[test]
fn long_documents_and_lines_are_read_in_little_memory() {
    let mut lines = String::new();
    let mut document = String::from("{\"meta\":{\"a\":[{\"x\":1}]},\n\"results\":[\n");
    for n in 0..12_000 {
        let comma = if n == 0 { "" } else { "," };
        let _ = writeln!(
            document,
            "{comma}{{\"pad\":\"{:500}\",\"pdf_url\":\"http://a.example/{n}.pdf\"}}",
            ""
        );
        let _ = write!(lines, "http://a.example/{n}.pdf ");
    }
    document += "]}";
    let line = document.replace('\n', "");
    for list in [document, line, lines] {
        assert_eq!(urls(&list, &[]).len(), 12_000);
    }
}

#[test]
fn the_line_of_a_link_is_the_one_in_an_editor() {
    let sandbox = Sandbox::new();
    for (list, lines) in [
        (
            "http://a.invalid/1 ,\rx\r\ny z\u{2028}- w\n\nhttp://a.invalid/1\n",
            &[2, 3, 4][..],
        ),
        (
            "sep=;\r\nTitle;URL\r\nA;bad\r\n\r\nB;worse\r\nC;http://a.invalid/1\r\n",
            &[3, 5],
        ),
        (
            "[\n{\"url\":\"bad\"},\r\n\n{\"a\":1,\n\"url\":\"worse\"},\"http://a.invalid/1\"]",
            &[2, 4],
        ),
        ("Title,URL\rA,bad\rB,worse\rC,http://a.invalid/1\r", &[2, 3]),
    ] {
        sandbox.write("list", list);
        let run = sandbox.run(&["list", "-o", "out", "--dry-run"]).exits(1);
        for line in lines {
            assert!(
                run.stderr.contains(&format!("list:{line}: ")),
                "{line}: {run:#?}"
            );
        }
        assert_eq!(
            run.stderr.matches(": bad_link: ").count(),
            lines.len(),
            "{run:#?}"
        );
    }
}

#[test]
fn what_is_no_list_is_said_once() {
    let many = |line: &str| line.repeat(50);
    let zip = |name: &str| format!("PK\u{3}\u{4}\u{14}\0\0\0{name}{}", many("\0\u{1}\n"));
    for (list, args, words) in [
        (
            zip("xl/workbook.xml"),
            &[][..],
            "it is a spreadsheet, not a list: save it as CSV",
        ),
        (zip("notes.txt"), &[], "a zip archive"),
        (format!("%PDF-1.7\n{}", many("0 obj\n")), &[], "it is a PDF"),
        (many("\0\u{1}\u{2}http://a.example/\n"), &[], "binary data"),
        (
            format!(
                "<!DOCTYPE html>\n{}",
                many("<a href='http://a.example/x.pdf'>\n")
            ),
            &[],
            "an HTML page, not a list: `--extract`",
        ),
        (
            many("@article{key,\n  title = {No link},\n}\n"),
            &[],
            "no link in `list` in 50 rows, read as BibTeX: no entry has a URL",
        ),
        (
            format!("Author,Year\n{}", many("A,2020\n")),
            &[],
            "a table with the columns `Author`, `Year`: `--url-column NAME`",
        ),
        (
            many("Prose without any link, and more of it.\n"),
            &[],
            "`--extract`",
        ),
        (
            many("{\"a\":1,\"b\":{\"c\":\"x\"}}\n"),
            &[],
            "the fields are `a`, `b`; `--url-column NAME`",
        ),
        (
            "Title,URL\nA,\nB,n/a\n".to_owned(),
            &[],
            "no link in `list` in 2 rows",
        ),
        (
            "# notes\n[x](page.html)\n".to_owned(),
            &["--extract"],
            "`--all-links`",
        ),
        (
            "[{\"url\": \"http://a.example/x.pdf\"},\n".to_owned(),
            &[],
            "after line 2: `[` is not closed",
        ),
    ] {
        let sandbox = Sandbox::new();
        sandbox.write("list", &list);
        let run = sandbox.run(&[&["list", "-o", "out", "--dry-run"], args].concat());
        assert!(run.stderr.contains(words), "no `{words}` in {run:#?}");
        // what is a list, but has nothing in it today, is no mistake
        let is_list = ["BibTeX", "2 rows", "--all-links"];
        let is_list = is_list.iter().any(|word| words.contains(word));
        assert_eq!(run.code, Some(if is_list { 0 } else { 2 }), "{run:#?}");
        assert!(!run.stderr.contains("bad_link:"), "{run:#?}");
        let args = [&["list", "-o", "out", "--fail-on-empty"], args].concat();
        sandbox.run(&args).exits(2);
    }
    // what has no content is no mistake, but is not passed over either
    for empty in ["", "# nothing yet\n\n"] {
        understood(empty, &["--fail-on-empty"]).breaks_with("no links: there is none");
        let run = understood(empty, &[]).exits(0);
        assert!(
            run.stderr
                .contains("list: no links: nothing but blank lines and comments"),
            "{run:?}"
        );
    }
}

#[test]
fn an_empty_list_says_what_it_is() {
    let bookmarks =
        |links: &str| format!("<!DOCTYPE NETSCAPE-Bookmark-file-1>\n<DL>{links}</DL>\n");
    for (list, args, told) in [
        (
            "[]",
            &[][..],
            "list: no links: the list is empty (a JSON document)",
        ),
        (
            " [ ]\n",
            &[],
            "list: no links: the list is empty (a JSON document)",
        ),
        (
            "title,url\n",
            &[],
            "list: no links: no rows below the header (a table, separated by commas, with links in column `url`)",
        ),
        (
            "{\"total\": 0, \"data\": []}",
            &[],
            "no link in `list` in 1 row, read as JSON lines: no field has one; `--url-column NAME` says which one should",
        ),
        (
            &bookmarks(""),
            &["--extract"],
            "no link in `list`, read as a page, for links that end in `.pdf`: it has no other links, either",
        ),
        (
            &bookmarks("<A HREF='https://a.example/'>a</A>"),
            &["--extract"],
            "read as a page, for links that end in `.pdf`: 1 link left out; `--all-links` takes all links",
        ),
    ] {
        let run = understood(list, args).exits(0);
        assert_eq!(
            run.stderr.matches(told).count(),
            1,
            "no `{told}` in {run:#?}"
        );
    }
    let sandbox = Sandbox::new();
    sandbox.write("list", "{\"total\": 0, \"data\": []}");
    let run = sandbox.run(&["list", "-o", "out"]).exits(0);
    let row = "\nno link     1 row of the list has none\n";
    assert!(run.stdout.contains(row), "{run:#?}");
    // a list of objects whose links nobody finds is no such list
    understood("{\"file\": \"x\", \"tags\": []}\n", &[]).exits(1);
}

#[test]
fn extraction_says_how_many_links_it_leaves_out() {
    let page = "<!DOCTYPE NETSCAPE-Bookmark-file-1>\n<A HREF='https://a.example/a'>a</A>\n\
        <A HREF='https://a.example/b.pdf'>b</A> <A HREF='#c'>c</A> <A HREF='mailto:d@a.example'>d</A>\n\
        <A HREF='https://a.example/e?pdf=1'>e</A>\n";
    for list in [
        page,
        "see https://a.example/b.pdf, https://a.example/a\nhttps://a.example/",
    ] {
        let run = understood(list, &["--extract"]).exits(0);
        let told =
            "list: 2 links left out for not ending in `.pdf`: `--all-links` takes all links (";
        assert!(run.stderr.contains(told), "{run:#?}");
        let run = understood(list, &["--extract", "--all-links"]).exits(0);
        assert!(!run.stderr.contains("left out"), "{run:#?}");
    }
    let run = understood("https://a.example/b.pdf\n", &["--extract"]).exits(0);
    assert!(!run.stderr.contains("left out"), "{run:#?}");
}

#[test]
fn a_misspelled_field_is_told_before_the_run() {
    let bib = "@article{k1, title = {A}, Year = 2020, url = {https://a.example/a.pdf}}\n";
    let csl = "[{\"id\": \"k1\", \"type\": \"article-journal\", \"title\": \"A\", \"issued\": {\"date-parts\": [[2020]]}, \"URL\": \"https://a.example/a.pdf\"}]\n";
    let ris = "TY  - JOUR\nTI  - A\nPY  - 2020\nUR  - https://a.example/a.pdf\nER  - \n";
    let xml = "<xml><records><record><titles><title>A</title></titles><dates><year>2020</year></dates><urls><pdf-urls><url>https://a.example/a.pdf</url></pdf-urls></urls></record></records></xml>\n";
    let frame = "{\"results\": [{\"year\": 2020, \"url\": \"https://a.example/a.pdf\"}]}\n";
    for (list, whole) in [
        (bib, "entries"),
        (ris, "entries"),
        (xml, "entries"),
        (csl, "objects"),
        (frame, "objects"),
    ] {
        let run = understood(list, &["--name", "{col.years}"]).exits(0);
        let told =
            format!("no field `years` in the first {whole} of the list: did you mean `year`?\n");
        assert!(run.stderr.contains(&told), "no `{told}` in {run:#?}");
        let run = understood(list, &["--name", "{col.year} {name}"]).exits(0);
        assert!(!run.stderr.contains("no field"), "{run:#?}");
        assert!(run.stdout.contains("2020 a.pdf"), "{run:#?}");
    }
    for args in [
        &["--carry", "KEY"][..],
        &["--name", "{col.title}"],
        &["--carry", "type"],
    ] {
        let run = understood(bib, args).exits(0);
        assert!(!run.stderr.contains("no field"), "{run:#?}");
    }
}

#[test]
fn a_bad_link_of_an_export_is_shown_as_it_is_there() {
    let list =
        "Key,Item Type,Title,DOI,Url,File Attachments\nAB,book,\"A, B\",,htp://a.example/a.pdf,\n";
    let run = understood(list, &[]).exits(1);
    let told = "\nlist:2: htp://a.example/a.pdf: bad_link: entry `AB`: `Url`: only ";
    assert!(run.stderr.contains(told), "{run:?}");
}

#[test]
fn a_dry_run_begins_with_what_it_has_understood() {
    let list = "Title,URL,pdfUrl\nA,http://a.example/a,http://a.example/a.pdf\nB,http://a.example/b,\nC,x,y\n";
    let run = understood(list, &[]).exits(1);
    let first = run.stderr.lines().next();
    assert_eq!(
        first,
        Some(
            "list: a table, separated by commas, with links in column `pdfUrl` and mirrors in `URL`: \
             2 links, 1 bad link"
        )
    );
    let sandbox = Sandbox::new();
    let mut command = sandbox.command(&["-", "http://a.example/b.pdf", "--dry-run"]);
    command.stdin(Stdio::piped());
    let mut running = Running::start(command);
    running.type_in("http://a.example/a.pdf http://a.example/c.pdf\n");
    let run = running.end().exits(0);
    assert!(
        run.stderr.starts_with("stdin: a plain list: 2 links\n"),
        "{run:?}"
    );
}

#[test]
#[cfg(unix)]
fn arguments_are_links_lists_or_mistakes() {
    let server = Server::of_pdfs();
    let url = server.url("");
    let sandbox = Sandbox::new();
    sandbox.write("127.0.0.1:9/list.txt", format!("{url}/listed.pdf"));
    let bare = format!("{}/bare.pdf", &url[7..]);
    let args = [bare.as_str(), "127.0.0.1:9/list.txt", "-o", "out"];
    sandbox.run(&args).exits(0);
    assert_eq!(sandbox.names(), ["bare.pdf", "listed.pdf"]);
    for (argument, words) in [
        (
            "linkz.txt",
            "cannot read the list `linkz.txt`: No such file",
        ),
        (
            "lists.d/linkz.txt",
            "for a link, write `http://lists.d/linkz.txt`",
        ),
        (
            "host.example/a.pdf",
            "for a link, write `http://host.example/a.pdf`",
        ),
        ("C:\\lists\\x.txt", "/mnt/c/lists/x.txt"),
        (".", "name the lists in it"),
    ] {
        let run = sandbox.run(&[argument]).exits(2);
        assert!(run.stderr.contains(words), "{run:?}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn the_name_of_a_list_may_be_any_bytes() {
    use std::os::unix::ffi::OsStringExt;
    let sandbox = Sandbox::new();
    let name = std::ffi::OsString::from_vec(b"caf\xe9.txt".to_vec());
    std::fs::write(sandbox.path("").join(&name), "http://a.example/x.pdf\n").expect("a file");
    let mut command = sandbox.command(&["--dry-run"]);
    command.arg(&name);
    let run = Running::start(command).end().exits(0);
    assert!(run.stdout.contains("http://a.example/x.pdf"), "{run:?}");
}

#[test]
fn links_behind_any_end_of_a_line_start_while_the_pipe_is_open() {
    let (asked, answers) = mpsc::channel();
    let asked = Mutex::new(asked);
    let server = Server::start(move |request, stream| {
        ok(stream, &pdf(&request.path));
        let _ = asked.lock().expect("no panic").send(request.path.clone());
    });
    let sandbox = Sandbox::new();
    let mut command = sandbox.command(&["-", "-o", "out"]);
    command.stdin(Stdio::piped());
    let mut running = Running::start(command);
    for (path, end) in [
        ("/1.pdf", "\r"),
        ("/2.pdf", "\r"),
        ("/3.pdf", "\u{2028}"),
        ("/4.pdf", "\r\n"),
        ("/5.pdf", "\n"),
    ] {
        running.type_in(&format!("{}{end}", server.url(path)));
        assert_eq!(
            answers.recv_timeout(Duration::from_mins(1)).as_deref(),
            Ok(path)
        );
    }
    assert_eq!(running.end().exits(0).count("downloaded"), 5);
}
