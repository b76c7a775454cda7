//! What people type who know another program, and flags against the configuration.

use std::fs::File;

use crate::harness::{Running, Sandbox};
use crate::server::Server;

#[test]
fn options_of_other_programs_are_answered() {
    let sandbox = Sandbox::new();
    sandbox.write("links.txt", "http://127.0.0.1:9/a.pdf\n");
    for (args, answer) in [
        (&["-i", "links.txt"][..], "a list is an argument"),
        (&["--input-file=links.txt"], "a list is an argument"),
        (
            &["links.txt", "-P", "papers"],
            "`-o DIR` is the output folder",
        ),
        (
            &["links.txt", "-d", "papers"],
            "`-o DIR` is the output folder",
        ),
        (&["links.txt", "-c"], "the same command always continues"),
        (
            &["links.txt", "--continue"],
            "the same command always continues",
        ),
        (
            &["links.txt", "--resume"],
            "the same command always continues",
        ),
        (
            &["links.txt", "--threads", "8"],
            "`-j N` is the number of links at once",
        ),
        (&["links.txt", "--asyncio"], "`-m async`"),
        (
            &["links.txt", "--timeout", "5"],
            "`--max-time` a whole link",
        ),
        (&["links.txt", "-O"], "`-o FILE.pdf` names the file"),
        (&["links.txt", "-L"], "redirects are followed"),
        (&["links.txt", "-s", "4"], "`--per-host N`"),
        (
            &["links.txt", "-Z"],
            "several links are always fetched at once",
        ),
        (&["links.txt", "--limit", "5"], "`--max-downloads N`"),
        (&["links.txt", "--proxy-insecure"], "`--insecure`"),
        (&["links.txt", "-x", "16"], "`--per-host 16`"),
        (&["links.txt", "-A", "pdf"], "fetchpdf only fetches PDFs"),
        (&["links.txt", "-e", "robots=off"], "`-e` is the `Referer`"),
        (&["links.txt", "-b", "a=b"], "`-H 'Cookie: NAME=VALUE'`"),
        (&["links.txt", "-m", "30"], "`--max-time 30s`"),
        (&["links.txt", "-o", "-"], "`--json`, `--print paths`"),
        (&["links.txt", "--report", "-"], "`--json`, `--print paths`"),
        (&["links.txt", "-sSL"], "`-q` prints only failures"),
        (
            &["compare", "links.txt", "--report", "a.csv"],
            "an option of a run",
        ),
        (&["-k", "1M", "links.txt"], "an option that takes none"),
        (&["download", "links.txt"], "`fetchpdf LINKS` fetches them"),
        (
            &["links.txt", "--dest", "papers"],
            "`-o DIR` is the output folder",
        ),
        (
            &["links.txt", "--target=papers"],
            "`-o DIR` is the output folder",
        ),
        (&["links.txt", "--range", "1-5"], "files are fetched whole"),
        (&["links.txt", "--bwlimit", "1M"], "`--limit-rate SIZE`"),
        (&["links.txt", "-nc"], "files of earlier runs are kept"),
        (&["links.txt", "-nd"], "`--name TEMPLATE`"),
        (&["links.txt", "-nv"], "`--netrc`, or `-n`, also in `-nv`"),
        (&["-n", "5", "links.txt"], "`-j 5`"),
        (
            &["links.txt", "--modes", "pool"],
            "it is an option of `fetchpdf compare`",
        ),
        (&["verfy", "papers"], "the command `fetchpdf verify`"),
        (&["hlep"], "the command `fetchpdf help`"),
        (&["check", "papers"], "`fetchpdf verify DIR`"),
    ] {
        let run = sandbox.run(args).exits(2);
        assert!(run.stderr.contains(answer), "no `{answer}` in {run:#?}");
        assert!(!run.stderr.contains("a similar argument"), "{run:#?}");
    }
}

#[test]
fn values_of_other_programs_are_answered() {
    let sandbox = Sandbox::new();
    sandbox.write("old", "");
    sandbox.write("links.txt", "http://127.0.0.1:9/a.pdf\n");
    for (args, answer) in [
        (&["links.txt", "-fsSL"][..], "failed links never get a file"),
        (&["links.txt", "-n1"], "`-n` is `--netrc`"),
        (&["-r", "links.txt"], "a list is an argument"),
        (&["links.txt", "-t", "8"], "`-j N` the number of links"),
        (&["links.txt", "--retry", "-1"], "must be a whole number"),
        (&["links.txt", "-j", "-1"], "from 1 to 10000"),
        (
            &["links.txt", "--quiet=true"],
            "`--no-quiet` is the opposite",
        ),
        (&["links.txt", "--no-config=1"], "leave out the value"),
        (
            &["links.txt", "-o", "%(title)s.%(ext)s"],
            "`--name TEMPLATE` names files",
        ),
        (&["links.txt", "-o", "wget.log"], "`--log FILE` messages"),
        (&["links.txt", "-o", "old"], "the output is a folder"),
        (&["links.txt", "-o", "new.csv"], "`--report FILE` writes"),
        (
            &["links.txt", "--json", "out.json"],
            "`--report out.json` writes them",
        ),
        (&["links.txt", "--report", "csv"], "`--report run.csv`"),
        (&["-u", "http://127.0.0.1:9/a.pdf"], "takes `USER:PASSWORD`"),
        (&["-x", "http://127.0.0.1:9/a.pdf"], "`--proxy` takes"),
        (&["links.txt", "--stats"], "`fetchpdf report FILE`"),
        (&["links.txt", "--ext", "pdf"], "only PDFs are saved"),
        (
            &["links.txt", "--verify=no"],
            "`-k` accepts any certificate",
        ),
        (&["copyurl", "http://127.0.0.1:9/a.pdf"], "is not needed"),
        (&["--doi", "10.1000/182"], "an identifier is an argument"),
        (&["links.txt", "--max-duration", "1h"], "`--max-total-time"),
        (&["links.txt", "--errors", "e.txt"], "`--error-file FILE`"),
    ] {
        let run = sandbox.run(args).exits(2);
        assert!(run.stderr.contains(answer), "no `{answer}` in {run:#?}");
        assert!(!run.stderr.contains("a similar argument"), "{run:#?}");
    }
}

#[test]
fn only_slips_are_similar() {
    let sandbox = Sandbox::new();
    sandbox.write("links.txt", "http://127.0.0.1:9/a.pdf\n");
    for option in ["--audio-quality", "--part", "--bar-code", "--sleep-429"] {
        let run = sandbox.run(&["links.txt", option]).exits(2);
        assert!(!run.stderr.contains("tip:"), "{run:#?}");
    }
    for (option, similar) in [
        ("--retri-delay", "--retry-delay"),
        ("--retires", "--retry"),
        ("--Per_Host", "--per-host"),
        ("--first-byte", "--first-byte-timeout"),
        ("--outptu", "--output"),
    ] {
        let run = sandbox.run(&["links.txt", option]).exits(2);
        let tip = format!("a similar argument exists: '{similar}'");
        assert!(run.stderr.contains(&tip), "{run:#?}");
    }
    let merge = sandbox.run(&["merge", "--out", "all.jsonl"]).exits(2);
    assert!(merge.stderr.contains("exists: '--output'"), "{merge:#?}");
    let verify = sandbox.run(&["verify", "--rety", "3"]).exits(2);
    assert!(!verify.stderr.contains("--refetch"), "{verify:#?}");
    let help = sandbox.run(&["help", "compar"]).exits(2);
    assert!(help.stderr.contains("unrecognized subcommand"), "{help:#?}");
    let page = sandbox.run(&["man", "compar"]).exits(2);
    assert!(
        page.stderr
            .contains("the commands are compare, completions,")
    );
}

#[test]
fn names_that_mean_one_thing_are_options() {
    let sandbox = Sandbox::new();
    sandbox.write("links.txt", "http://127.0.0.1:9/a.pdf\n");
    for args in [
        ["--workers", "4"],
        ["--max-concurrent-downloads", "4"],
        ["--parallel-max", "4"],
        ["--dir", "papers"],
        ["--retries", "4"],
        ["--transfers", "4"],
        ["-o", "new.csv/"],
        ["--mode", "asyncio"],
        ["--mode", "thread"],
        ["--mode", "threadpool"],
    ] {
        let run = sandbox.run(&[&args[..], &["links.txt", "--dry-run"]].concat());
        assert!(run.exits(0).stdout.contains("fetch\t"), "{args:?}");
    }
}

#[test]
fn a_list_that_cannot_be_opened_says_what_to_type() {
    let sandbox = Sandbox::new();
    sandbox.write("links.txt", "http://127.0.0.1:9/a.pdf\n");
    sandbox.write("lists/a.txt", "");
    for (args, hint) in [
        (&["linkz.txt"][..], "did you mean `links.txt`?"),
        (
            &["file:///tmp/a%20list.txt"],
            "a file is named by its path, `/tmp/a list.txt`",
        ),
        (&["File:/tmp/x.pdf"], "named by its path, `/tmp/x.pdf`"),
        (&["lists"], "`lists/a.txt`"),
        (&["links.txt", "lists"], "write `-o lists`"),
        (&["links.txt", "papers"], "write `-o papers`"),
        (&["www.example.org"], "write `https://www.example.org/`"),
        (&["example.org"], "write `https://example.org/`"),
        (&["https:/example.org/a"], "write `https://example.org/a`"),
        (&[""], "an empty argument is no list"),
        (&["~/links.txt"], "only without quotes"),
    ] {
        let run = sandbox.run(args).exits(2);
        assert!(run.stderr.contains(hint), "no `{hint}` in {run:#?}");
    }
}

#[test]
fn a_dry_run_prints_records() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "links.csv",
        "id,url\n7,http://127.0.0.1:9/a.pdf\n8,nonsense\n",
    );
    let args = [
        "links.csv",
        "--dry-run",
        "--json",
        "--carry",
        "id",
        "--name",
        "{col.id}",
    ];
    let run = sandbox.run(&args).exits(1);
    let records: Vec<serde_json::Value> = run
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).expect("a record"))
        .collect();
    assert_eq!(records.len(), 2, "{run:#?}");
    assert_eq!(records[0]["status"], "fetch");
    assert_eq!(records[0]["file"], "7.pdf");
    assert_eq!(records[0]["columns"]["id"], "7");
    assert_eq!(records[1]["status"], "bad_link");
}

#[test]
fn flags_are_negated_and_sources_are_named() {
    let sandbox = Sandbox::new();
    sandbox.write("links.txt", "http://127.0.0.1:9/a.pdf\n");
    sandbox.write(
        "config.toml",
        "quiet = true\nper-host = 3\nno-block-detection = true\nheader = \"X-Key: hush\"\n\
         [host.\"example.org\"]\nwait = \"2s\"\nrate = [\"1/1s\", \"9/1m\"]\nheader = \"X-Key: hush\"\n\
         [landing.\"example.org\"]\n",
    );
    let run = |args: &[&str]| {
        let args = [&["links.txt", "--dry-run", "-K", "config.toml"], args].concat();
        let mut command = sandbox.command(&args);
        command.env("FETCHPDF_JSON", "1");
        Running::start(command).end().exits(0)
    };
    assert!(!run(&[]).stderr.contains("to fetch"));
    let plain = run(&["-vv"]);
    assert!(!plain.stderr.contains("`--quiet`"), "{plain:#?}");
    assert!(plain.stdout.starts_with('{'), "{plain:#?}");
    for line in [
        "configuration file `config.toml`",
        "option `--per-host 3` from the configuration file",
        "option `--header ***` from the configuration file",
        "option `--json` from the environment (`FETCHPDF_JSON`)",
        "option `--config config.toml` from the command line",
        "host `example.org`: `header ***`, `rate 1/1s 9/1m`, `wait 2s` from the configuration file",
        "table `[landing]` from the configuration file",
    ] {
        assert!(plain.stderr.contains(line), "no `{line}` in {plain:#?}");
    }
    let negated = run(&["--no-quiet", "--no-json", "--block-detection", "-vv"]);
    assert!(negated.stderr.contains("to fetch"), "{negated:#?}");
    assert!(negated.stdout.starts_with("fetch\t"), "{negated:#?}");
    assert!(
        !negated.stderr.contains("`--no-block-detection`"),
        "{negated:#?}"
    );
    // the last one counts
    assert!(!run(&["--no-quiet", "--quiet"]).stderr.contains("to fetch"));
    assert!(run(&["--quiet", "--no-quiet"]).stderr.contains("to fetch"));
    let help = sandbox.run(&["--help"]).exits(0).stdout;
    assert!(!help.contains("  --no-json"), "{help}");
}

#[test]
fn a_single_link_may_have_a_name() {
    let server = Server::of_pdfs();
    let url = server.url("/paper.pdf");
    let sandbox = Sandbox::new();
    let is_file = |path: &str| sandbox.path(path).is_file();
    sandbox.run(&[&url, "-o", "out/one.pdf"]).exits(0);
    assert!(is_file("out/one.pdf"));
    sandbox.write("single.txt", &url);
    sandbox.run(&["single.txt", "-o", "two.PDF"]).exits(0);
    assert!(is_file("two.PDF"));
    sandbox
        .run(&[&url, "-o", "named", "--name", "three"])
        .exits(0);
    assert!(is_file("named/three.pdf"));
    sandbox.write("folder.pdf/x", "");
    sandbox.run(&[&url, "-o", "folder.pdf"]).exits(0);
    assert!(is_file("folder.pdf/paper.pdf"));
    // one that has no other file of that name would be taken for it
    let other = server.url("/b.pdf");
    sandbox.run(&[&url, "-o", "out/one.pdf"]).exits(0);
    for dry in [&["--dry-run"][..], &[], &["--overwrite"]] {
        let args = [&[&*other, "-o", "out/one.pdf"], dry].concat();
        let run = sandbox.run(&args).exits(2);
        assert!(
            run.stderr.contains("`one.pdf` is the file of another link"),
            "{run:#?}"
        );
    }
    sandbox.write("mine.pdf", "mine");
    for dry in [&["--dry-run"][..], &[]] {
        let args = [&[&*other, "-o", "mine.pdf"], dry].concat();
        let run = sandbox.run(&args).exits(2);
        assert!(
            run.stderr.contains("`mine.pdf` exists, and is not"),
            "{run:#?}"
        );
    }
    sandbox
        .run(&[&other, "-o", "mine.pdf", "--overwrite"])
        .exits(0);
    sandbox.run(&[&other, "-o", "mine.pdf"]).exits(0);
    // the link has another file, but not this one
    let dry = sandbox
        .run(&[&other, "-o", "too.pdf", "--dry-run"])
        .exits(0);
    assert!(dry.stdout.starts_with("fetch\t./too.pdf\t"), "{dry:#?}");
    sandbox.run(&[&other, "-o", "too.pdf"]).exits(0);
    assert!(is_file("too.pdf") && is_file("mine.pdf"));
    for (args, message) in [
        (["-o", "a:b.pdf", "-q"], "`a_b.pdf` can"),
        (["-o", "new.pdf", "--pack=tar"], "leave out `--pack`"),
        (
            ["-o", "new.pdf", "--shard-dirs"],
            "leave out `--shard-dirs`",
        ),
        (["-o", "new.pdf", "--name={stem}"], "leave out `--name`"),
    ] {
        let run = sandbox.run(&[&[&*url], &args[..]].concat()).exits(2);
        assert!(run.stderr.contains(message), "{run:#?}");
    }
    // a single line of standard input is an argument
    let piped = |text: &str, args: &[&str]| {
        sandbox.write("piped.txt", text);
        let mut command = sandbox.command(args);
        command.stdin(File::open(sandbox.path("piped.txt")).expect("it is there"));
        Running::start(command).end()
    };
    let single = format!("\n{url}\n");
    piped(&single, &["-", "-o", "five.pdf"]).exits(0);
    piped(&single, &["-o", "piped", "--name", "six"]).exits(0);
    assert!(is_file("five.pdf") && is_file("piped/six.pdf"));
    let run = piped(&format!("{url}\n{other}\n"), &["-o", "seven.pdf"]).exits(2);
    assert!(run.stderr.contains("such as `-o papers`"), "{run:#?}");
    for args in [
        &[&*url, &server.url("/b.pdf"), "-o", "four.pdf"][..],
        &[&url, &server.url("/b.pdf"), "--name", "four"],
        &["-", "-o", "four.pdf"],
    ] {
        let run = sandbox.run(args).exits(2);
        assert!(run.stderr.contains("a single link"), "{run:#?}");
    }
    assert!(!sandbox.path("four.pdf").exists());
}
