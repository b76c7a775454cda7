//! Options that have no effect in a call.

use crate::harness::{Running, Sandbox};

#[test]
fn options_that_decide_are_refused() {
    let sandbox = Sandbox::new();
    sandbox.write("links.txt", "http://127.0.0.1:9/a.pdf\n");
    sandbox.write("table.csv", "ident,url\n1,http://127.0.0.1:9/a.pdf\n");
    sandbox.write(
        "zotero.csv",
        "Key,Item Type,Publication Year,Title,DOI,Url,File Attachments\nK,book,2020,T,,http://127.0.0.1:9/a.pdf,\n",
    );
    sandbox.write("a.bib", "@book{a, url = {http://127.0.0.1:9/a.pdf}}\n");
    for (args, error) in [
        (
            &["links.txt", "--only", "failed"][..],
            "`--only` has no effect",
        ),
        (
            &["links.txt", "--name", "{col.ident}"],
            "`{col.ident}` has no value",
        ),
        (
            &["links.txt", "--identity", "{col.ident}"],
            "`{col.ident}` has no value",
        ),
        (
            &["links.txt", "--url-column", "url"],
            "`--url-column` has no effect",
        ),
        (
            &["links.txt", "--name-column", "ident"],
            "`--name-column` has no effect",
        ),
        (
            &["links.txt", "--carry", "ident"],
            "`--carry` has no effect",
        ),
        (
            &["table.csv", "--name", "{col.idnt}"],
            "did you mean `ident`?",
        ),
        (&["a.bib", "--url-column", "urll"], "did you mean `url`?"),
        (
            &["http://127.0.0.1:9/a", "--extract"],
            "`--extract` is about lists",
        ),
    ] {
        let run = sandbox.run(args).exits(2);
        assert!(run.stderr.contains(error), "no `{error}` in {run:#?}");
        assert_eq!(run.stdout, "", "{args:?}: it is said before the run");
    }
    let resolve = sandbox.run(&["resolve", "10.1000/182", "--dry-run"]);
    assert!(resolve.exits(2).stderr.contains("which asks servers"));
    let verify = sandbox.run(&["verify", "--deep"]).exits(2);
    assert!(verify.stderr.contains("always read"), "{verify:#?}");
}

#[test]
fn options_without_effect_are_named() {
    let sandbox = Sandbox::new();
    sandbox.write("links.txt", "http://127.0.0.1:9/a.pdf\n");
    sandbox.write(
        "lines.jsonl",
        "{\"ident\":1,\"url\":\"http://127.0.0.1:9/a.pdf\"}\n",
    );
    for (args, warning) in [
        (
            &["links.txt", "-k", "--cacert", "links.txt"][..],
            "accepts any certificate",
        ),
        (
            &["links.txt", "--retry", "0", "--retry-delay", "5s"],
            "with `--retry 0`",
        ),
        (
            &["links.txt", "--retry-delay", "2m"],
            "beyond `--retry-max-wait`",
        ),
        (
            &["links.txt", "-x", "127.0.0.1:9", "--noproxy", "*"],
            "`--proxy` has no effect",
        ),
        (&["links.txt", "--carry-line"], "without records"),
        (&["links.txt", "--record-untried"], "without records"),
        (
            &["links.txt", "-A", "a", "-H", "User-Agent: b"],
            "`--user-agent` has no effect",
        ),
        (
            &["links.txt", "-e", "a", "-H", "Referer: b"],
            "`--referer` has no effect",
        ),
        (
            &["links.txt", "--min-speed", "10k", "--limit-rate", "1k"],
            "every transfer will be too slow",
        ),
        (&["links.txt", "-q", "--progress", "bar"], "with `--quiet`"),
        (
            &["links.txt", "--sitemap-depth", "1"],
            "no index of sitemaps",
        ),
        (
            &["lines.jsonl", "--name", "{col.idnt}"],
            "did you mean `ident`?",
        ),
        (
            &["links.txt", "-m", "sequential", "-j", "4"],
            "with `-m sequential`",
        ),
        (&["links.txt", "--uploads", "4"], "without a bucket"),
        (&["links.txt", "--report-csv-safe"], "without a CSV report"),
        (&["links.txt", "--report", "run.jsonl"], "with `--dry-run`"),
        (&["links.txt", "--random-wait"], "without `--wait`"),
        (&["links.txt", "--all-links"], "without `--extract`"),
        (&["links.txt", "--print", "paths"], "fetches no files"),
    ] {
        let run = sandbox.run(&[args, &["--dry-run"]].concat()).exits(0);
        assert!(run.stderr.contains(warning), "no `{warning}` in {run:#?}");
    }
}

#[test]
fn what_may_have_an_effect_is_not_named() {
    let sandbox = Sandbox::new();
    sandbox.write("links.txt", "http://127.0.0.1:9/a.pdf\n");
    for (proxy, is_said) in [("", true), ("http://127.0.0.1:9", false)] {
        let args = ["links.txt", "--noproxy", "a.example", "--dry-run"];
        let mut command = sandbox.command(&args);
        for name in ["http_proxy", "https_proxy", "all_proxy"] {
            command.env(name, proxy).env(name.to_uppercase(), proxy);
        }
        let run = Running::start(command).end().exits(0);
        // other systems have a setting for proxies
        let is_said = is_said && cfg!(target_os = "linux");
        assert_eq!(run.stderr.contains("without a proxy"), is_said, "{run:#?}");
    }
    // it may be in any entry, and names that all formats share are known in any case
    let others = "@book{other, title = {Of a book without a link}}\n".repeat(2000);
    let late = format!("{others}@book{{a, pdf = {{http://127.0.0.1:9/a.pdf}}}}\n");
    sandbox.write("late.bib", late);
    let run = sandbox.run(&["late.bib", "--url-column", "PDF", "--dry-run"]);
    assert_eq!(run.exits(0).stdout.lines().count(), 1);
    let work = r#"[{"id":"a","type":"book","title":"T","URL":"http://127.0.0.1:9/a.pdf"}]"#;
    sandbox.write("works.json", work);
    let args = ["works.json", "--name", "{col.Title}", "--dry-run"];
    let run = sandbox.run(&args).exits(0);
    assert!(run.stdout.contains("T.pdf") && !run.stderr.contains("no field"));
    let args = ["compare", "--demo", "--modes", "pool", "--carry-line"];
    let run = sandbox.run(&[&args[..], &["--svg", "no/such/file"]].concat());
    let stderr = run.exits(2).stderr;
    assert!(stderr.contains("writes no records") && !stderr.contains("--report"));
    let mut piped = sandbox.command(&["--carry", "ident", "--json", "--dry-run"]);
    piped.env("FETCHPDF_UPLOADS", "4");
    let run = Running::start(piped).end().exits(0);
    assert!(!run.stderr.contains("no effect"), "{run:#?}");
}
