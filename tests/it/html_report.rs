//! The report as a page (`--report FILE.html`), and pages of earlier records (`fetchpdf report`).

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;
#[cfg(unix)]
use std::sync::Mutex;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};

use crate::harness::{Running, Sandbox, for_each_mode, list};
use crate::html_page::Page;
use crate::server::{Server, ok, pdf, respond};

/// A title that tries everything.
const HOSTILE: &str = "</td></table><script>alert(1)</script><img src=x onerror=alert(1)>\"'&amp;";

/// A server with good files, an odd one, and errors with a hostile title.
fn server() -> Server {
    let title = HOSTILE.replace('&', "&amp;").replace('<', "&lt;");
    Server::start(move |request, stream| match &*request.path {
        path if path.starts_with("/gone") => {
            let page = format!("<title>{title}</title>");
            let head = "404 Not Found\r\nContent-Type: text/html";
            respond(stream, head, page.as_bytes());
        }
        "/broken" => respond(stream, "500 Internal Server Error", b""),
        "/odd.pdf" => {
            let file = String::from_utf8_lossy(&pdf("odd")).replace("%%EOF", "");
            ok(stream, file.as_bytes());
        }
        path => ok(stream, &pdf(path)),
    })
}

/// A list of all that the server has, and of lines that are no links.
fn links(server: &Server) -> String {
    let paths = [
        "/1.pdf",
        "/2.pdf",
        "/odd.pdf",
        "/gone?a=<b>&c='\"",
        "/gone?token=SECRET",
        "/broken",
        "/1.pdf",
    ];
    let mut links = list(paths.map(|path| server.url(path)));
    links.push_str("javascript:alert(1)\ndata:text/html,<script>alert(1)</script>\n");
    links
}

fn page(sandbox: &Sandbox, name: &str) -> Page {
    Page::parse(&html(sandbox, name))
}

fn notices(page: &Page) -> Vec<&str> {
    let notices = page
        .elements
        .iter()
        .filter(|element| element.is("class", "notice"));
    notices.map(|notice| &*notice.text).collect()
}

/// The totals of a page, with their names.
fn totals(page: &Page) -> Vec<&str> {
    let totals = page
        .all("div")
        .filter(|total| total.text.ends_with(char::is_numeric));
    totals.map(|total| &*total.text).collect()
}

fn html(sandbox: &Sandbox, name: &str) -> String {
    fs::read_to_string(sandbox.path(name)).expect("a page")
}

#[test]
fn a_page_tells_what_became_of_a_list() {
    let server = server();
    for_each_mode(|mode| {
        let sandbox = Sandbox::new();
        let args = ["--report", "run.html", "--retry", "0"];
        sandbox.fetch(mode, links(&server), &args).exits(1);
        let page = page(&sandbox, "run.html");
        let heading = page.all("h1").next().expect("a heading");
        assert_eq!(heading.text, "3 of 9 links saved");
        let next = "Next: run the same command again: 1 failed link may succeed";
        assert_eq!(notices(&page), [next]);
        let outcomes: Vec<_> = page.rows("outcomes").map(|row| &*row.text).collect();
        let expected = [
            "downloaded333.3 %",
            "duplicate111.1 %",
            "bad_link222.2 %",
            "http_status333.3 %",
        ];
        assert_eq!(outcomes, expected);
        assert!(page.rows("time").count() > 0);
        let hosts: Vec<_> = page.rows("hosts").map(|row| &*row.text).collect();
        assert!(
            hosts.len() == 1 && hosts[0].contains("mostly http_status33"),
            "{hosts:?}"
        );
        let failed: Vec<_> = page.rows("failed").map(|row| &*row.text).collect();
        assert_eq!(failed.len(), 5, "{failed:?}");
        assert!(
            failed
                .iter()
                .any(|row| row.starts_with("links.txt:6http") && row.contains("500"))
        );
        let groups: Vec<_> = page.all("h3").map(|group| &*group.text).collect();
        assert_eq!(
            groups,
            [
                "bad_link 2 links",
                "http_status 404 2 links",
                "http_status 500 1 link"
            ]
        );
        let hints = page
            .elements
            .iter()
            .filter(|element| element.is("class", "hint"));
        assert_eq!(hints.count(), 3);
        let suspect: Vec<_> = page.rows("suspect").map(|row| &*row.text).collect();
        assert!(
            suspect.len() == 1 && suspect[0].contains("odd.pdf"),
            "{suspect:?}"
        );
    });
}

#[test]
fn a_page_tells_what_is_new_in_a_folder_that_is_kept_up_to_date() {
    let server = server();
    for_each_mode(|mode| {
        let sandbox = Sandbox::new();
        let row = |path: &str| format!("{path},{}\n", server.url(path));
        let rows = format!("title,url\n{}{}none,\n", row("/1.pdf"), row("/2.pdf"));
        sandbox.write("list.csv", &rows);
        let args = ["list.csv", "-o", "out", "-m", mode];
        sandbox.run(&args).exits(0);
        let path = |name: &str| sandbox.path(&format!("out/{name}"));
        fs::rename(path("1.pdf"), path("z.pdf")).expect("a file");
        let edited = [pdf("/2.pdf"), b"% a note\n%%EOF\n".to_vec()].concat();
        sandbox.write("out/2.pdf", edited);
        sandbox.write("list.csv", rows + &row("/3.pdf"));
        let update = ["--update", "--report", "run.html"];
        sandbox.run(&[&args[..], &update].concat()).exits(0);
        let page = page(&sandbox, "run.html");
        let totals = totals(&page);
        for total in [
            "Saved3",
            "New files2",
            "Replaced1",
            "Renamed here1",
            "Changed here1",
            "Rows without a link1",
        ] {
            assert!(totals.contains(&total), "no {total} in {totals:?}");
        }
    });
}

#[test]
fn text_of_strangers_stays_text_and_nothing_is_loaded() {
    let server = server();
    let sandbox = Sandbox::new();
    let args = ["--report", "run.html", "--retry", "0"];
    sandbox.fetch("async", links(&server), &args).exits(1);
    let page = page(&sandbox, "run.html");
    let allowed = [
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "a",
        "header",
        "p",
        "span",
        "h1",
        "div",
        "nav",
        "ul",
        "li",
        "label",
        "input",
        "select",
        "option",
        "main",
        "section",
        "h2",
        "h3",
        "dl",
        "dt",
        "dd",
        "svg",
        "rect",
        "table",
        "caption",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "figure",
        "figcaption",
        "details",
        "summary",
        "strong",
        "code",
        "wbr",
        "footer",
        "script",
    ];
    for element in &page.elements {
        assert!(allowed.contains(&&*element.name), "{element:?}");
        for (name, value) in &element.attributes {
            let is_handler =
                name.starts_with("on") || ["style", "src", "srcset"].contains(&&**name);
            assert!(!is_handler, "{element:?}");
            let refers = name == "href" && !value.starts_with('#');
            let is_web = value.starts_with("http://") || value.starts_with("https://");
            assert!(
                !refers || is_web && element.is("rel", "noopener noreferrer"),
                "{element:?}"
            );
        }
    }
    let messages = page
        .elements
        .iter()
        .filter(|element| element.is("class", "message"));
    let hostile = messages.filter(|message| message.text.contains(HOSTILE));
    assert_eq!(hostile.count(), 2);
    // the whole policy, with the hashes of what is there
    let hash = |name: &str| {
        let texts: Vec<_> = page.all(name).map(|element| &*element.text).collect();
        assert_eq!(texts.len(), 1);
        format!(
            "'sha256-{}'",
            BASE64_STANDARD.encode(Sha256::digest(texts[0]))
        )
    };
    let policy = format!(
        "default-src 'none'; style-src {}; script-src {}; base-uri 'none'; form-action 'none'",
        hash("style"),
        hash("script")
    );
    let metas = page
        .all("meta")
        .filter(|meta| meta.is("http-equiv", "Content-Security-Policy"));
    let policies: Vec<_> = metas.filter_map(|meta| meta.attribute("content")).collect();
    assert_eq!(policies, [policy]);
    let style = &page.all("style").next().expect("a style").text;
    assert!(!style.contains("url(") && !style.contains("@import"));
    assert!(!html(&sandbox, "run.html").contains("SECRET"));
}

#[test]
fn everybody_can_read_a_page() {
    let server = server();
    let sandbox = Sandbox::new();
    let args = ["--report", "run.html", "--retry", "0"];
    sandbox.fetch("async", links(&server), &args).exits(1);
    let page = page(&sandbox, "run.html");
    for landmark in ["header", "nav", "main", "footer", "h1", "title"] {
        assert_eq!(page.all(landmark).count(), 1, "{landmark}");
    }
    assert!(
        page.all("html")
            .next()
            .is_some_and(|html| html.is("lang", "en"))
    );
    let tables = page.all("table").count();
    assert!(tables > 5);
    assert_eq!(page.all("caption").count(), tables);
    for head in page.all("th") {
        assert!(
            head.is("scope", "col") || head.is("scope", "row"),
            "{head:?}"
        );
    }
    for control in page.all("input").chain(page.all("select")) {
        let id = control.attribute("id").expect("an id");
        assert!(
            page.all("label").any(|label| label.is("for", id)),
            "{control:?}"
        );
    }
    for section in page.all("section") {
        let named = section.attribute("aria-labelledby").expect("a name");
        assert!(!page.id(named).text.is_empty());
    }
    for link in page
        .all("a")
        .filter_map(|link| link.attribute("href")?.strip_prefix('#'))
    {
        page.id(link);
    }
    for graphic in page.all("svg") {
        assert!(graphic.is("aria-hidden", "true"), "a table says the same");
    }
}

#[test]
fn a_page_is_small_and_a_long_list_is_cut() {
    let sandbox = Sandbox::new();
    sandbox.write("empty.txt", "# nothing\n");
    sandbox.run(&["empty.txt", "-o", "out", "--report", "empty.html"]);
    let empty = html(&sandbox, "empty.html");
    let page = Page::parse(&empty);
    let heading = page.all("h1").next().expect("a heading");
    assert_eq!((&*heading.text, page.all("table").count()), ("No links", 0));
    assert!(page.id("reason").attribute("hidden").is_some());
    assert!(empty.len() < 60_000, "{}", empty.len());
    let mut lines = String::new();
    for number in 0..10_000 {
        writeln!(lines, "ftp://a.example/{number}").expect("a string can be written to");
    }
    // all of them are listed, and with one more, only the first ones
    for (report, rows) in [("short.html", 10_000), ("long.html", 5000)] {
        let reports = ["--report", report, "--report", "long.jsonl", "-qq"];
        sandbox.fetch("async", &lines, &reports).exits(1);
        let text = html(&sandbox, report);
        let page = Page::parse(&text);
        assert_eq!(page.rows("failed").count(), rows);
        let says = "The first 5,000 of 10,001 failures are listed. The records of all links are in long.jsonl.";
        assert_eq!(text.contains(says), rows == 5000);
        assert!(
            page.rows("failed")
                .any(|row| row.text.starts_with("links.txt:5000"))
        );
        lines.push_str("ftp://a.example/more\n");
    }
    let records = fs::read_to_string(sandbox.path("long.jsonl")).expect("records");
    assert_eq!(records.lines().count(), 10_001);
    let mut command = sandbox.command(&["report", "-", "--html", "-"]);
    command.stdin(fs::File::open(sandbox.path("long.jsonl")).expect("records"));
    let piped = Running::start(command).end().exits(0);
    let says = "The records of all links are in standard input.";
    assert!(piped.stdout.contains(says));
}

#[test]
fn a_page_of_many_hosts_shows_the_worst_ones() {
    let sandbox = Sandbox::new();
    let mut records = String::new();
    for host in 0..12_000 {
        let (status, rest) = match host % 100 {
            7 => ("timeout", r#","retryable":true,"error":"too slow""#),
            _ => ("downloaded", r#","file":"x.pdf","bytes":1000"#),
        };
        let second = host % 60;
        writeln!(
            records,
            r#"{{"schema":1,"time":"2026-01-01T00:00:{second:02}.000Z","status":"{status}","url":"http://{host}.example/x.pdf","source":"l","line":{host},"attempts":1,"elapsed":{second}{rest}}}"#
        )
        .expect("a string can be written to");
    }
    sandbox.write("run.jsonl", records);
    let run = sandbox
        .run(&["report", "run.jsonl", "--html", "run.html"])
        .exits(0);
    assert_eq!(run.stdout, "wrote `run.html`\n");
    let text = html(&sandbox, "run.html");
    assert!(text.len() < 300_000, "{}", text.len());
    let page = Page::parse(&text);
    assert_eq!(
        page.all("h1").next().expect("a heading").text,
        "11,880 of 12,000 links saved"
    );
    let hosts: Vec<_> = page.rows("hosts").map(|row| &*row.text).collect();
    assert_eq!(hosts.len(), 201);
    assert!(hosts[0].contains("mostly timeout01"), "{}", hosts[0]);
    assert!(
        hosts[200].starts_with("11,800 other hosts"),
        "{}",
        hosts[200]
    );
    let short = page
        .elements
        .iter()
        .find(|element| element.is("class", "short"));
    let short = &short.expect("what is worst").text;
    assert!(
        short.contains("Failing") && short.contains("Slowest"),
        "{short}"
    );
    // the middle of the step of the histogram that 59 s are in
    assert!(
        ["58.", "59.", "60."]
            .iter()
            .any(|time| short.contains(&format!("(median {time}"))),
        "{short}"
    );
}

#[test]
fn records_of_earlier_runs_make_the_same_page_and_summary() {
    let server = server();
    let sandbox = Sandbox::new();
    let reports = [
        "--report",
        "run.html",
        "--report",
        "run.jsonl",
        "--report",
        "run.csv",
    ];
    let args = [&reports[..], &["--report-csv-safe", "--retry", "0"]].concat();
    let run = sandbox.fetch("async", links(&server), &args).exits(1);
    let without = |text: &str, words: &[&str]| {
        let lines = text
            .lines()
            .filter(|line| !words.iter().any(|word| line.starts_with(word)));
        lines.collect::<Vec<_>>().join("\n")
    };
    let only_run = ["mode", "elapsed", "size", "files in", "next"];
    let expected = without(&run.stdout, &only_run);
    for records in ["run.jsonl", "run.csv"] {
        let run = sandbox.run(&["report", records]).exits(0);
        // nobody has seen the failures of an earlier run
        let examples = ["  links.txt:"];
        let summary = without(&run.stdout, &[&only_run[..], &examples].concat());
        assert_eq!(summary, expected, "{records}");
        assert!(run.stdout.contains("  links.txt:6: "), "{records}");
        let next = "next        fetch the list again: 1 failed link may succeed\n";
        assert!(run.stdout.ends_with(next), "{run:?}");
        sandbox
            .run(&["report", records, "--html", "again.html", "-q"])
            .exits(0);
        let (first, again) = (page(&sandbox, "run.html"), page(&sandbox, "again.html"));
        // records have whole milliseconds, so that the times of hosts may differ
        let is_time = |c: char| c.is_ascii_digit() || ". s–".contains(c);
        for id in ["outcomes", "hosts", "failed", "suspect"] {
            let text = |page: &Page| {
                let rows = page.rows(id).map(|row| match id {
                    "hosts" => row.text.trim_end_matches(is_time).to_owned(),
                    _ => row.text.clone(),
                });
                rows.collect::<Vec<_>>()
            };
            assert_eq!(text(&first), text(&again), "{id} of {records}");
        }
    }
    // a later run, whose records count for its links
    let again = [
        "--report",
        "again.jsonl",
        "--retry",
        "0",
        "--only",
        "http_status",
    ];
    sandbox
        .run(&[&["run.jsonl", "-o", "out"], &again[..]].concat())
        .exits(1);
    let merged = sandbox
        .run(&["report", "run.jsonl", "again.jsonl"])
        .exits(0);
    assert_eq!((merged.count("downloaded"), merged.count("failed")), (3, 5));
    // the folder has the journal, which says nothing of duplicates
    let folder = sandbox.run(&["report", "out"]).exits(0);
    assert_eq!((folder.count("downloaded"), folder.count("failed")), (3, 5));
    sandbox
        .run(&["report", "links.txt"])
        .breaks_with("has no records");
    sandbox
        .run(&["report", "none.jsonl"])
        .breaks_with("cannot read `none.jsonl`");
    fs::copy(sandbox.path("run.jsonl"), sandbox.path("same.html")).expect("a copy");
    let same = ["report", "same.html", "--html", "./same.html"];
    sandbox
        .run(&same)
        .breaks_with("is a file that this run reads");
}

#[test]
fn records_of_strangers_are_read_without_trust() {
    let sandbox = Sandbox::new();
    let hostile = serde_json::json!({
        "schema": 1, "status": "http_status", "url": "javascript:alert(1)", "source": HOSTILE, "line": 1,
        "error": HOSTILE, "elapsed": 1e300, "id": HOSTILE, "time": "x",
    });
    let odd = [
        r#"{"url":"http://a.example/","status":"new_word","line":2}"#,
        r#"{"url":"http://a.example/b","status":"downloaded","bytes":"many"}"#,
        r#"{"url":"http://a.example/c","status":"downloaded","file":"<b>","suspect":"<i>","bytes":18446744073709551615,"time":"0001-01-01T00:00:00Z"}"#,
        "null",
    ];
    sandbox.write("run.jsonl", format!("{hostile}\n{}\n", odd.join("\n")));
    let run = sandbox.run(&["report", "run.jsonl"]).exits(0);
    assert!(run.stdout.contains("ignored     3 lines"), "{run:?}");
    let run = sandbox
        .run(&["report", "run.jsonl", "--html", "run.html"])
        .exits(0);
    let wrote = "wrote `run.html`\nignored     3 lines that are no records\n";
    assert_eq!(run.stdout, wrote);
    let page = page(&sandbox, "run.html");
    let footer = page.all("footer").next().expect("a footer");
    let told = "from 2 records; 3 other lines were ignored.";
    assert!(footer.text.contains(told), "{footer:?}");
    assert_eq!(
        page.all("a")
            .filter(|link| link.attribute("rel").is_some())
            .count(),
        0
    );
    assert!(page.rows("failed").all(|row| row.text.contains(HOSTILE)));
    assert!(page.rows("suspect").all(|row| row.text.contains("<b><i>")));
}

#[test]
fn old_and_long_records_are_shown_in_short() {
    let sandbox = Sandbox::new();
    let long = "x".repeat(100_000);
    let record = |url: &str, source: &str, id: &str| {
        let record = serde_json::json!({
            "status": "timeout", "url": url, "source": source, "line": 1, "id": id, "error": long, "attempts": 1,
        });
        format!("{record}\n")
    };
    let records = [
        record(&format!("http://{long}/"), "l", "i"),
        record(&format!("http://a.example/{long}"), &long, &long),
        r#"{"status":"timeout","url":"http://b.example/"}"#.to_owned(),
    ];
    sandbox.write("run.jsonl", records.concat());
    // a file of that name is another one
    sandbox.write("-", "");
    let run = sandbox
        .run(&["report", "run.jsonl", "--html", "-"])
        .exits(0);
    assert!(run.stdout.len() < 60_000, "{}", run.stdout.len());
    let page = Page::parse(&run.stdout);
    let failed: Vec<_> = page.rows("failed").map(|row| &*row.text).collect();
    assert_eq!(failed.len(), 3);
    assert!(failed[0].starts_with("–http://b.example/"), "{failed:?}");
    assert_eq!(page.rows("hosts").count(), 2);
    // whoever forgets the value of `--html` keeps the records
    sandbox.write("earlier.jsonl", "{}\n");
    let args = ["report", "--html", "earlier.jsonl", "run.jsonl"];
    let run = sandbox.run(&args).exits(2);
    assert!(
        run.stderr.contains("name one that ends in `.html`"),
        "{run:?}"
    );
    let kept = std::fs::read_to_string(sandbox.path("earlier.jsonl"));
    assert_eq!(kept.expect("it is there"), "{}\n");
    let run = sandbox.run(&["report", "run.jsonl"]).exits(0);
    assert!(run.stdout.contains("\n  http://b.example/: "), "{run:?}");
    assert!(run.stdout.len() < 6000, "{}", run.stdout.len());
}

#[test]
fn a_page_that_cannot_be_written_ends_the_run() {
    let server = server();
    let sandbox = Sandbox::new();
    let args = ["--report", "no/such/folder.html"];
    let run = sandbox.fetch("async", links(&server), &args).exits(2);
    let told = "cannot create `no/such/folder.html`";
    assert!(run.stderr.contains(told), "{run:?}");
    assert!(server.requests().is_empty());
}

#[test]
#[cfg(unix)]
fn there_is_a_page_however_a_run_ends() {
    for_each_mode(|mode| {
        let (started, starts) = std::sync::mpsc::channel();
        let started = Mutex::new(started);
        let server = Server::start(move |request, stream| match &*request.path {
            "/slow.pdf" => {
                let head = "HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n%PDF-1.4\n";
                crate::server::send(stream, head);
                let _ = started.lock().expect("no panic").send(());
            }
            path => ok(stream, &pdf(path)),
        });
        let sandbox = Sandbox::new();
        sandbox.write("run.html", "an earlier report");
        let paths = ["/1.pdf", "/slow.pdf", "/2.pdf", "/3.pdf"];
        sandbox.write("links.txt", list(paths.map(|path| server.url(path))));
        let args = [
            "links.txt",
            "-o",
            "out",
            "-m",
            mode,
            "-j",
            "1",
            "--report",
            "run.html",
        ];
        for signal in ["INT", "KILL"] {
            let running = Running::start(sandbox.command(&args));
            let minute = std::time::Duration::from_mins(1);
            starts.recv_timeout(minute).expect("the transfer has begun");
            running.signal(signal);
            let run = running.end();
            let page = page(&sandbox, "run.html");
            let notice = page
                .elements
                .iter()
                .find(|element| element.is("class", "notice"));
            let notice = &notice.expect("a notice").text;
            if signal == "INT" {
                assert_eq!(run.code, Some(130), "{run:?}");
                assert!(notice.contains("The run ended early"), "{notice}");
                // once, and not as what is next as well
                let again = page.elements.iter().filter(|element| {
                    element.is("class", "notice") && element.text.contains("the same command again")
                });
                assert_eq!(again.count(), 1);
                let outcomes: Vec<_> = page.rows("outcomes").map(|row| &*row.text).collect();
                assert!(outcomes.contains(&"not tried250.0 %"), "{outcomes:?}");
                let totals = totals(&page);
                for total in ["Failed0", "Interrupted1", "Not tried2"] {
                    assert!(totals.contains(&total), "{totals:?}");
                }
                let mut rows = page.rows("failed");
                assert!(rows.any(|row| row.text.contains("the run ended before")));
                let navigation = page.elements.iter().find(|element| element.name == "nav");
                let navigation = &navigation.expect("one").text;
                assert!(navigation.contains("Failed, interrupted 1"), "{navigation}");
            } else {
                assert!(notice.contains("The run had not ended"), "{notice}");
            }
        }
    });
}

/// A browser, as a program for tests of this machine.
fn chromium() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let folders = std::env::split_paths(&path);
    let mut found = folders.flat_map(|folder| names.map(|name| folder.join(name)));
    found.find(|path| path.is_file())
}

#[test]
fn a_browser_shows_a_page_and_filters_it() {
    let Some(chromium) = chromium() else {
        // not with `eprintln`, which is shown only of a test that fails
        let told = "skipped: there is no Chromium (`apt-get install chromium`)";
        writeln!(std::io::stderr(), "{told}").expect("standard error can be written to");
        return;
    };
    let server = server();
    let sandbox = Sandbox::new();
    let args = ["--report", "run.html", "--retry", "0"];
    sandbox.fetch("async", links(&server), &args).exits(1);
    // the page once it has run its script, and what the console says
    let show = |fragment: &str| {
        let mut browser = Command::new(&chromium);
        browser.args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
        ]);
        browser.args([
            "--disable-background-networking",
            "--disable-component-update",
        ]);
        browser.args([
            "--enable-logging=stderr",
            "--virtual-time-budget=3000",
            "--dump-dom",
        ]);
        let profile = sandbox.path("profile");
        browser.arg(format!("--user-data-dir={}", profile.display()));
        let page = sandbox.path("run.html");
        browser.arg(format!("file://{}{fragment}", page.display()));
        browser
            .env("HOME", sandbox.path(""))
            .stdin(std::process::Stdio::null());
        let run = Running::start(browser).end().exits(0);
        assert!(!run.stderr.contains("CONSOLE"), "{}", run.stderr);
        run.stdout
    };
    let shown = |dom: &str| {
        let page = Page::parse(dom);
        assert_eq!(
            (page.all("script").count(), page.all("img").count()),
            (1, 0)
        );
        assert!(
            page.id("find").attribute("hidden").is_none(),
            "the script has run"
        );
        let rows = page.rows("hosts").chain(page.rows("failed"));
        let rows = rows.chain(page.rows("suspect"));
        let shown = rows.filter(|row| row.attribute("hidden").is_none());
        let texts: Vec<_> = shown.map(|row| row.text.clone()).collect();
        (texts, page.id("found").text.clone())
    };
    let (rows, found) = shown(&show(""));
    assert_eq!((rows.len(), &*found), (7, ""));
    let (rows, found) = shown(&show("#q=ONERROR+txt:5"));
    assert_eq!((rows.len(), &*found), (1, "1 of 7 rows"));
    assert!(rows[0].contains(HOSTILE), "{rows:?}");
    let (rows, _) = shown(&show("#reason=bad_link"));
    assert_eq!(rows.len(), 2, "{rows:?}");
}
