//! Shards: several processes share out the hosts of a list, and do together what one process does.
//!
//! Requests go through a proxy, which is a server on loopback, so that hosts can have any name.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::process::{Command, Stdio};
#[cfg(unix)]
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use serde_json::Value;

#[cfg(unix)]
use crate::harness::until;
use crate::harness::{MODES, Run, Running, Sandbox, for_each_mode, is_empty, list};
#[cfg(unix)]
use crate::server::send;
use crate::server::{Request, Server, ok, pdf, respond};

const SHARDS: usize = 8;

const PAGE: &str = include_str!("../../docs/shards.md");

/// A proxy that has all hosts. Paths with `dead` are not found.
fn all_hosts() -> Server {
    Server::start(|request, stream| {
        if request.path.contains("dead") {
            respond(stream, "404 Not Found", b"");
        } else {
            ok(stream, &pdf(&request.path));
        }
    })
}

/// Names, addresses, ports and spellings; links without a scheme, mirrors, duplicates, signatures, dead links, and lines
/// that are no links.
fn mixed_list() -> String {
    list((0..40).map(|n| format!("http://host-{n}.example/{n}.pdf")))
        + "\
not a link
ftp://host-1.example/x.pdf
http://
http://192.0.2.7/address.pdf
http://192.0.2.7:8080/port.pdf
http://[2001:db8::7]/address.pdf
http://bücher.example/idn.pdf
http://xn--bcher-kva.example/punycode.pdf
HTTP://HOST-3.Example./dot.pdf
host-9.example.org/no-scheme.pdf
http://host-5.example/5.pdf#page=2
http://host-5.example/5.pdf
http://host-6.example/dead.pdf
http://host-6.example/dead.pdf
http://host-7.example/s.pdf?X-Amz-Signature=1
http://host-7.example/s.pdf?X-Amz-Signature=2
http://host-8.example/dead.pdf\thttp://host-8.example/mirror.pdf
{\"url\": \"http://host-4.example/dead.pdf\", \"mirrors\": [\"http://elsewhere.example/4.pdf\"]}
{\"url\": 7}
http://arxiv.org/1.pdf http://export.arxiv.org/2.pdf
http://host-1.example/1.pdf http://host-2.example/two.pdf
"
}

/// Starts a run of the list `links` through `proxy`.
fn start(sandbox: &Sandbox, proxy: &Server, args: &[&str]) -> Running {
    let proxy = proxy.url("");
    let fixed = ["links", "--proxy", &proxy, "--retry-delay", "0"];
    // in place of what is built in
    let arxiv = ["arxiv.org:per-host=1", "export.arxiv.org:per-host=1"];
    let hosts = ["--host", arxiv[0], "--host", arxiv[1]];
    Running::start(sandbox.command(&[&fixed, &hosts[..], args].concat()))
}

/// Starts all shards of the list into one folder, each in another mode.
fn run_shards(sandbox: &Sandbox, proxy: &Server, shards: usize, args: &[&str]) -> Vec<Run> {
    let start = |number: usize| {
        let (shard, header) = (format!("{number}/{shards}"), format!("Shard: {number}"));
        let own = ["--shard", &shard, "--header", &header];
        let mode = ["-m", MODES[number % MODES.len()], "-o", "shards"];
        start(sandbox, proxy, &[args, &own, &mode].concat())
    };
    let running: Vec<_> = (1..=shards).map(start).collect();
    running.into_iter().map(Running::end).collect()
}

/// What does not depend on when and by whom a record is written.
fn records<'a>(runs: impl IntoIterator<Item = &'a Run>) -> Vec<String> {
    let lines = runs.into_iter().flat_map(|run| run.stdout.lines());
    let records = lines.map(|line| {
        let mut record: BTreeMap<String, Value> = serde_json::from_str(line).expect("a record");
        for field in ["time", "elapsed", "mtime_ns", "inode"] {
            record.remove(field);
        }
        serde_json::to_string(&record).expect("a record")
    });
    let mut records: Vec<_> = records.collect();
    records.sort();
    records
}

/// The shards that have asked each host, by the header that they send.
fn shards_of(requests: &[Request]) -> BTreeMap<String, BTreeSet<Option<String>>> {
    let mut shards_of: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for request in requests {
        let url = url::Url::parse(&request.path).expect("a URL");
        let host = url.host_str().expect("a host").trim_end_matches('.');
        let shard = request.header("Shard").map(str::to_owned);
        shards_of.entry(host.to_owned()).or_default().insert(shard);
    }
    shards_of
}

#[test]
fn together_they_do_what_one_run_does() {
    let (sandbox, proxy) = (Sandbox::new(), all_hosts());
    sandbox.write("links", mixed_list());
    let args = ["--json", "--name", "{index:03}-{line}-{name}"];
    let whole = start(&sandbox, &proxy, &[&args[..], &["-o", "out"]].concat()).end();
    let (whole, asked) = (records(&[whole.exits(1)]), proxy.requests().len());
    let runs = run_shards(&sandbox, &proxy, SHARDS, &args);
    assert_eq!(records(&runs), whole);
    assert_eq!(proxy.requests().len(), 2 * asked);
    for run in &runs {
        let own = run.stdout.lines().count();
        let elsewhere = format!("elsewhere   {}\n", whole.len() - own);
        assert!(run.stderr.contains(&elsewhere), "{run:?}");
        let failed = run.stdout.contains("\"error\"");
        assert_eq!(run.code, Some(failed.into()), "{run:?}");
    }
    let shards_of = shards_of(&proxy.requests()[asked..]);
    let shared = shards_of.iter().filter(|(_, shards)| shards.len() > 1);
    assert_eq!(shared.count(), 0, "{shards_of:?}");
    assert_eq!(shards_of["arxiv.org"], shards_of["export.arxiv.org"]);
}

#[cfg(unix)]
#[test]
fn a_shard_that_is_killed_continues_where_it_was() {
    let sandbox = Sandbox::new();
    let is_endless = AtomicBool::new(true);
    let proxy = Server::start(move |request, stream| {
        let body = pdf(&request.path);
        if request.path.contains("endless") && is_endless.swap(false, Relaxed) {
            send(stream, "HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n");
            send(stream, body);
        } else {
            ok(stream, &body);
        }
    });
    let links = (0..400).map(|n| format!("http://host-{}.example/{n}.pdf", n % 200));
    // of the seventh shard, as documented
    sandbox.write("links", list(links) + "http://example.org/endless.pdf\n");
    let start = |number: usize| {
        let (state, shard) = (format!("state-{number}"), format!("{number}/{SHARDS}"));
        let header = format!("Shard: {number}");
        let own = ["--state", &state, "--shard", &shard, "--header", &header];
        let mode = ["-m", MODES[number % MODES.len()], "-o", "out"];
        start(&sandbox, &proxy, &[&own[..], &mode].concat())
    };
    let mut running: Vec<_> = (1..=SHARDS).map(start).collect();
    until(|| {
        proxy
            .requests()
            .iter()
            .any(|request| request.path.contains("endless"))
    });
    let killed = running.remove(6);
    killed.signal("KILL");
    assert_eq!(killed.wait().code, None);
    let ended = running.into_iter().map(Running::end);
    let ended: u64 = ended.map(|run| run.exits(0).count("downloaded")).sum();
    let again = start(7).end().exits(0);
    assert_eq!(
        ended + again.count("downloaded") + again.count("present"),
        401
    );
    let shards_of = shards_of(&proxy.requests());
    assert_eq!(shards_of.len(), 201);
    assert!(
        shards_of.values().all(|shards| shards.len() == 1),
        "{shards_of:?}"
    );

    let states: Vec<_> = (1..=SHARDS)
        .map(|number| format!("state-{number}"))
        .collect();
    let states = states.iter().map(String::as_str);
    let merge: Vec<_> = ["merge"].into_iter().chain(states).collect();
    let merged = sandbox.run(&merge).exits(0);
    let whole = ["--json", "-o", "whole"];
    let whole = self::start(&sandbox, &proxy, &whole).end().exits(0);
    let what = |run: &Run| {
        let records = run.stdout.lines().map(|line| {
            let record: Value = serde_json::from_str(line).expect("a record");
            ["url", "file", "bytes"].map(|field| record[field].to_string())
        });
        records.collect::<BTreeSet<_>>()
    };
    assert_eq!(
        (merged.stdout.lines().count(), what(&merged)),
        (401, what(&whole))
    );
}

#[test]
fn links_of_the_same_identity_belong_to_one_shard() {
    let (sandbox, proxy) = (Sandbox::new(), all_hosts());
    let rows = (0..30).map(|n| format!("http://host-{n}.example/{n}.pdf,{}", n % 7));
    let rows = rows.chain((0..5).map(|n| format!("http://host-{n}.example/{n}.pdf,")));
    sandbox.write("links", "url,doi\n".to_owned() + &list(rows));
    let args = ["--json", "--identity", "{col.doi}"];
    let whole = start(&sandbox, &proxy, &[&args[..], &["-o", "out"]].concat()).end();
    let whole = records(&[whole.exits(0)]);
    assert_eq!(records(&run_shards(&sandbox, &proxy, 3, &args)), whole);
}

#[test]
fn limits_and_exit_codes_are_those_of_the_shard() {
    for_each_mode(|mode| {
        let (sandbox, proxy) = (Sandbox::new(), all_hosts());
        let links = (0..40).map(|n| format!("http://host-{}.example/{n}.pdf", n % 8));
        sandbox.write("links", list(links) + "not a link\n");
        let fixed = ["-m", mode, "-o", "out", "--shard"];
        let run = |args: &[&str]| start(&sandbox, &proxy, &[&fixed, args].concat()).end();
        let first = run(&["2/2", "-j1", "--max-downloads", "1"]).exits(1);
        let second = run(&["2/2"]).exits(0);
        assert_eq!(first.count("downloaded"), second.count("present"));
        let own = second.count("downloaded") + second.count("present");
        assert!(first.count("downloaded") < own && own < 40, "{second:?}");
        assert_eq!(second.count("elsewhere"), 41 - own);
        let other = run(&["1/2"]).exits(1);
        let ended = (other.count("downloaded"), other.count("failed"));
        assert_eq!(ended, (40 - own, 1));
    });
}

#[test]
fn a_shard_without_links_does_nothing() {
    let sandbox = Sandbox::new();
    sandbox.write("links", "http://example.org/x.pdf\nnot a link\n");
    let args = [
        "links",
        "-o",
        "out",
        "--shard",
        "8/8",
        "--report",
        "report.csv",
    ];
    let run = sandbox.run(&args).exits(0);
    assert_eq!((run.count("elsewhere"), run.count("failed")), (2, 0));
    assert!(!sandbox.path("out").exists() || is_empty(&sandbox.path("out")));
    let report = std::fs::read_to_string(sandbox.path("report.csv")).expect("a report");
    assert_eq!(report.lines().count(), 1);
}

#[test]
fn verify_fetches_files_of_all_shards_again() {
    let (sandbox, server) = (Sandbox::new(), Server::of_pdfs());
    sandbox.fetch("async", server.url("/x.pdf"), &[]).exits(0);
    for shard in ["1/2", "2/2"] {
        std::fs::remove_file(sandbox.path("out/x.pdf")).expect("a file");
        let mut command = sandbox.command(&["verify", "out", "--refetch"]);
        command.env("FETCHPDF_SHARD", shard);
        let run = Running::start(command).end().exits(0);
        assert_eq!(run.count("downloaded"), 1, "{run:?}");
    }
}

#[test]
fn hosts_fall_where_the_documentation_says() {
    let sandbox = Sandbox::new();
    let (_, table) = PAGE.split_once("| host | of 2 | of 8 |").expect("a table");
    let row = |line: &str| {
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        (cells[0].trim_matches('`').to_owned(), cells[2].to_owned())
    };
    let vectors: Vec<_> = table.lines().skip(2).map(row).collect();
    let link = |host: &str| {
        let url = url::Url::parse(&format!("http://{host}:81/x.pdf"));
        String::from(url.expect("a URL"))
    };
    sandbox.write("links", list(vectors.iter().map(|(host, _)| link(host))));
    for number in 1..=SHARDS {
        let shard = format!("{number}/{SHARDS}");
        let run = sandbox.run(&["links", "-o", "out", "--dry-run", "--shard", &shard]);
        let found = run
            .stdout
            .lines()
            .filter_map(|line| line.rsplit('\t').next());
        let own = vectors
            .iter()
            .filter(|(_, shard)| *shard == number.to_string());
        let own: Vec<_> = own.map(|(host, _)| link(host)).collect();
        assert_eq!(found.collect::<Vec<_>>(), own, "{shard}");
    }
}

/// The function in the documentation, for whatever hosts the table has, and for many more.
#[test]
fn the_documented_function_agrees() {
    let sandbox = Sandbox::new();
    let (_, code) = PAGE.split_once("```python\n").expect("code");
    let (code, _) = code.split_once("```").expect("its end");
    let hosts = (0..300).map(|n| format!("host-{n}.example"));
    sandbox.write(
        "links",
        list(hosts.map(|host| format!("http://{host}/x.pdf"))),
    );
    let code = format!(
        "{code}
for n in range(300):
    if shard(f'HOST-{{n}}.example.', 5) == 2:
        print(f'http://host-{{n}}.example/x.pdf')
"
    );
    let mut command = Command::new("python3");
    command
        .arg("-")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let Ok(mut python) = command.spawn() else {
        return; // there is none
    };
    let mut stdin = python.stdin.take().expect("a pipe");
    stdin.write_all(code.as_bytes()).expect("it reads");
    drop(stdin);
    let python = python.wait_with_output().expect("it ends");
    let own = String::from_utf8(python.stdout).expect("output in UTF-8");
    let run = sandbox
        .run(&["links", "--dry-run", "--shard", "2/5"])
        .exits(0);
    let links = run
        .stdout
        .lines()
        .filter_map(|line| line.rsplit('\t').next());
    assert_eq!(list(links.map(str::to_owned)), own);
    assert!(own.lines().count() > 30, "{own}");
}

#[test]
fn hosts_that_share_limits_fall_together() {
    let sandbox = Sandbox::new();
    let hosts = (0..9).map(|n| format!("h{n}.example"));
    let links = hosts.chain(["www.arxiv.org".into(), "arxiv.org".into()]);
    sandbox.write(
        "links",
        list(links.map(|host| format!("http://{host}/x.pdf"))),
    );
    let all = list((0..9).map(|n| format!("\"H{n}.Example.\" = \"h{}.example\"", n + 1)));
    let all = all.replace("h9.example", "export.arxiv.org");
    sandbox.write("config.toml", format!("[shard-with]\n{all}"));
    let hosts = ["1/3", "2/3", "3/3"].map(|shard| {
        let args = ["links", "-K", "config.toml", "--dry-run", "--shard", shard];
        sandbox.run(&args).exits(0).stdout.lines().count()
    });
    assert!(
        hosts.iter().all(|count| [0, 11].contains(count)),
        "{hosts:?}"
    );
    assert_eq!(hosts.iter().sum::<usize>(), 11);
    for (table, problem) in [
        ("a = 'b'\nb = 'c'\nc = 'a'", "host `a` leads back to itself"),
        ("a = 7", "host `a`: expected a table of hosts"),
        ("a = 'http://b'", "`http://b` is no host: a host is a name"),
        ("'a:80' = 'b'", "`a:80` is no host: a host is a name"),
        ("a = 'b'\n'A.' = 'b'", "another line is about the same host"),
    ] {
        sandbox.write("config.toml", format!("[shard-with]\n{table}"));
        let run = sandbox
            .run(&["links", "-K", "config.toml", "--dry-run"])
            .exits(2);
        let said = run.stderr.contains("`[shard-with]`: ") && run.stderr.contains(problem);
        assert!(said, "{table}: {}", run.stderr);
    }
}

#[test]
fn a_dry_run_says_how_long_each_host_takes() {
    let sandbox = Sandbox::new();
    let counts = [
        ("arxiv.org", 5),
        ("slow.example", 1301),
        ("a.example", 21),
        ("b.example", 1),
    ];
    let links = counts
        .iter()
        .flat_map(|(host, count)| (0..*count).map(move |n| format!("http://{host}/{n}.pdf")));
    sandbox.write(
        "links",
        list(links) + "http://a.example:81/x.pdf\nhttp://a.example/0.pdf\n",
    );
    let run = |args: &[&str]| {
        let fixed = ["links", "--dry-run", "--shard", "1/1"];
        let run = sandbox.run(&[&fixed, args].concat()).exits(0);
        let (_, text) = run.stderr.split_once('\n').expect("a line about the list");
        text.to_owned()
    };
    assert_eq!(
        run(&["--host", "slow.example:rate=2/10s,wait=1s"]),
        "\
host slow.example: 1,301 links, at least 1 h 48 min at 2 every 10 s
host arxiv.org: 5 links, at least 12.0 s at one every 3 s
host a.example: 21 links, 8 at once
host a.example:81: 1 link
host b.example: 1 link
to fetch    1329
to renew    0
present     0
duplicate   1
bad links   0
"
    );
    let text = run(&["--wait", "1s", "--random-wait", "--per-host", "0"]);
    assert!(
        text.starts_with("host slow.example: 1,301 links, about 21 min 40 s at one a second\n")
    );
    assert!(!run(&["-q"]).contains("host "));
}

#[test]
fn a_shard_is_a_number_and_how_many_there_are() {
    let sandbox = Sandbox::new();
    for (shard, problem) in [
        ("3", "such as `3/8`"),
        ("0/8", "the shards are numbered from `1/8` to `8/8`"),
        ("9/8", "the shards are numbered from `1/8` to `8/8`"),
        ("1/0", "such as `3/8`"),
        ("1/100000", "there are at most 10000 shards"),
    ] {
        let run = sandbox
            .run(&["http://a.example/x.pdf", "--shard", shard])
            .exits(2);
        assert!(run.stderr.contains(problem), "{}", run.stderr);
    }
}
