//! Identifiers in place of links: what they are called, which sources are asked, and in which order.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use serde_json::{Value, json};

use crate::harness::{Run, Sandbox, for_each_mode, list};
use crate::server::{Nobody, Request, Server, close, ok, pdf, respond};

/// The names of the bases of all sources.
const BASES: [&str; 26] = [
    "acl",
    "arxiv",
    "arxiv_export",
    "biorxiv",
    "biorxiv_api",
    "crossref",
    "datacite",
    "doi",
    "europepmc",
    "europepmc_api",
    "hal",
    "hal_api",
    "handle",
    "medrxiv",
    "nbn",
    "nbn_fi",
    "nbn_nl",
    "nbn_se",
    "ncbi",
    "openalex",
    "openreview",
    "pmc",
    "pubmed",
    "rfc",
    "s2",
    "unpaywall",
];

/// A configuration in which all sources are folders of `server`, apart from `others`.
fn bases(server: &Server, others: &[(&str, &str)]) -> String {
    let mut config = "[base]\n".to_owned();
    for name in BASES.iter().chain(&["zenodo"]) {
        let other = others.iter().find(|(other, _)| other == name);
        let url = other.map_or_else(
            || server.url(&format!("/{name}")),
            |(_, url)| (*url).to_owned(),
        );
        writeln!(config, "{name} = '{url}'").expect("it is a text");
    }
    config
}

/// The records of a run over `list`, whose sources are as the `config` says.
fn fetch(
    sandbox: &Sandbox,
    mode: &str,
    list: &str,
    config: &str,
    args: &[&str],
) -> (Run, Vec<Value>) {
    sandbox.write("config.toml", config);
    let usual = ["--config", "config.toml", "--json", "--retry", "1"];
    let run = sandbox.fetch(mode, list, &[&usual, args].concat());
    let lines = run.stdout.lines();
    let records = lines.map(|line| serde_json::from_str(line).expect("a record"));
    let records = records.collect();
    (run, records)
}

fn record<'a>(records: &'a [Value], id: &str) -> &'a Value {
    let mut records = records.iter();
    let found = records.find(|record| record["id"] == id && record["status"] != "duplicate");
    found.unwrap_or_else(|| panic!("no `{id}` in {records:?}"))
}

fn via(record: &Value) -> String {
    let via = record["via"].as_array().expect("sources").iter();
    via.map(|name| name.as_str().expect("a name"))
        .collect::<Vec<_>>()
        .join(" ")
}

fn answer(stream: &mut TcpStream, answer: &Value) {
    respond(
        stream,
        "200 OK\r\nContent-Type: application/json",
        answer.to_string().as_bytes(),
    );
}

fn page(stream: &mut TcpStream, html: &str) {
    respond(stream, "200 OK\r\nContent-Type: text/html", html.as_bytes());
}

/// All sources, as they answer. What is known of a DOI is in its suffix: `10.1000/crossref` has a PDF that only Crossref knows.
fn sources() -> Server {
    Server::start(move |request, stream| {
        let host = request.header("host").expect("a host");
        let url = |path: &str| format!("http://{host}{path}");
        let path = request.path.as_str();
        let (source, rest) = path[1..].split_once('/').unwrap_or((&path[1..], ""));
        let has = |part: &str| rest.contains(part);
        let location = |name: &str| json!({"url_for_pdf": url(&format!("/files/{name}.pdf")), "host_type": "repository"});
        let none =
            || json!({"best_oa_location": null, "oa_locations": [], "locations": [], "ids": {}});
        match source {
            "files" => ok(stream, &pdf(path)),
            "arxiv" | "acl" | "rfc" | "openreview" | "hal" if !has("missing") => ok(stream, &pdf(path)),
            "doi" if has("page") => page(
                stream,
                "<title>On Foo</title><meta name=citation_title content='On Foo'><meta name=citation_pdf_url content=/files/page.pdf>",
            ),
            "doi" if has("known") => {
                respond(stream, "302 Found\r\nLocation: /journal/known", b"");
            }
            "unpaywall" if has("unpaywall") => {
                answer(stream, &json!({"is_oa": true, "best_oa_location": location("unpaywall"), "oa_locations": [location("unpaywall")]}));
            }
            "openalex" if has("openalex") => answer(
                stream,
                &json!({"ids": {}, "best_oa_location": {"pdf_url": url("/files/openalex.pdf")}, "locations": []}),
            ),
            "journal" => page(
                stream,
                "<title>On Foo</title><meta name=citation_title content='On Foo'>",
            ),
            "crossref" if has("known") => answer(
                stream,
                &json!({"message": {"resource": {"primary": {"URL": url("/journal/known")}}}}),
            ),
            "openalex" if has("W2741809807") => answer(
                stream,
                &json!({"ids": {"pmcid": "https://www.ncbi.nlm.nih.gov/pmc/articles/7777"}, "best_oa_location": null,
                    "locations": [{"is_oa": false, "pdf_url": url("/files/closed.pdf")}, {"is_oa": true, "pdf_url": url("/files/w.pdf")}]}),
            ),
            "unpaywall" | "openalex" if has("known") => answer(stream, &none()),
            "crossref" if has("crossref") => answer(
                stream,
                &json!({"status": "ok", "message": {"link": [
                    {"URL": url("/files/similarity.pdf"), "content-type": "application/pdf", "intended-application": "similarity-checking"},
                    {"URL": url("/files/crossref.pdf"), "content-type": "application/pdf", "intended-application": "text-mining"},
                ]}}),
            ),
            "datacite" if has("datacite") => {
                answer(stream, &json!({"data": {"attributes": {"contentUrl": [url("/files/datacite.pdf")], "url": null}}}));
            }
            "europepmc_api" if has("europepmc") => answer(
                stream,
                &json!({"resultList": {"result": [{"pmcid": "PMC31", "fullTextUrlList": {"fullTextUrl": []}}]}}),
            ),
            "europepmc_api" => answer(stream, &json!({"hitCount": 0, "resultList": {"result": []}})),
            "pmc" if has("PMC31.1/") || has("PMC5334499.1/") || has("PMC77.3/") => ok(stream, &pdf(path)),
            "pmc" if has("prefix=PMC77.") => respond(
                stream,
                "200 OK\r\nContent-Type: application/xml",
                b"<?xml version=\"1.0\"?>\n<ListBucketResult><Prefix>PMC77.</Prefix><CommonPrefixes><Prefix>PMC77.2/</Prefix></CommonPrefixes><CommonPrefixes><Prefix>PMC77.3/</Prefix></CommonPrefixes></ListBucketResult>",
            ),
            "pmc" if has("prefix=") => respond(
                stream,
                "200 OK\r\nContent-Type: application/xml",
                b"<?xml version=\"1.0\"?>\n<ListBucketResult><Prefix>x</Prefix></ListBucketResult>",
            ),
            "europepmc" if has("PMC88?") => ok(stream, &pdf(path)),
            "ncbi" if has("ids=29456894") => answer(
                stream,
                &json!({"status": "ok", "records": [{"pmid": 29_456_894, "pmcid": "PMC5334499", "doi": "10.7717/peerj.4375"}]}),
            ),
            "biorxiv_api" if has("biorxiv/") => answer(
                stream,
                &json!({"messages": [{"status": "ok"}], "collection": [{"version": "1"}, {"version": "2"}]}),
            ),
            "biorxiv" if has("v2.full.pdf") => ok(stream, &pdf(path)),
            "zenodo" if has("api/records/") => answer(
                stream,
                &json!({"files": [
                    {"key": "data.zip", "links": {"self": url("/files/data.zip")}},
                    {"key": "Paper.PDF", "links": {"self": url("/files/zenodo.pdf")}},
                ]}),
            ),
            "s2" if has("CorpusId:") => answer(
                stream,
                &json!({"externalIds": {"ArXiv": "2401.99999"}, "openAccessPdf": {"url": "", "status": null}}),
            ),
            "handle" | "nbn" => page(
                stream,
                "<title>On Bar</title><meta name=citation_title content='On Bar'><meta name=citation_pdf_url content=/files/handle.pdf>",
            ),
            _ => respond(stream, "404 Not Found\r\nContent-Type: application/json", b"{}"),
        }
    })
}

/// Identifiers, how each is shown, and the sources that have led to its PDF.
const IDS: [(&str, &str, &str); 19] = [
    ("10.1000/page", "doi:10.1000/page", "doi citation_pdf_url"),
    (
        "https://doi.org/10.1000/unpaywall",
        "doi:10.1000/unpaywall",
        "unpaywall",
    ),
    ("10.1000/openalex", "doi:10.1000/openalex", "openalex"),
    (
        "10.1000/europepmc",
        "doi:10.1000/europepmc",
        "europepmc pmc",
    ),
    ("10.1000/crossref", "doi:10.1000/crossref", "crossref"),
    ("10.1000/datacite", "doi:10.1000/datacite", "datacite"),
    ("arXiv:2401.01234v2", "arxiv:2401.01234v2", "arxiv"),
    ("hep-th/9901001", "arxiv:hep-th/9901001", "arxiv"),
    ("PMC5334499", "pmc:PMC5334499", "pmc"),
    ("PMC77", "pmc:PMC77", "pmc_list"),
    ("PMC88", "pmc:PMC88", "europepmc_render"),
    ("hal-01234567", "hal:hal-01234567", "hal"),
    ("W2741809807", "openalex:W2741809807", "openalex_work"),
    ("rfc9110", "rfc:9110", "rfc"),
    (
        "hdl:1721.1/29992",
        "handle:1721.1/29992",
        "handle citation_pdf_url",
    ),
    ("P19-1001", "acl:P19-1001", "acl"),
    (
        "10.1101/2020.01.01.123456",
        "biorxiv:10.1101/2020.01.01.123456",
        "biorxiv",
    ),
    ("10.5281/zenodo.3242074", "zenodo:3242074", "zenodo"),
    ("CorpusID:215416146", "s2_corpus:215416146", "s2 arxiv"),
];

fn looks_up(request: &Request) -> bool {
    let sources = [
        "unpaywall",
        "openalex",
        "crossref",
        "datacite",
        "europepmc_api",
        "ncbi",
        "biorxiv_api",
        "hal_api",
        "s2",
    ];
    let is_of = |source: &&str| request.path.starts_with(&format!("/{source}/"));
    sources.iter().any(is_of)
        || request.path.contains("/api/records/")
        || request.path.contains("list-type=2")
}

#[test]
fn each_identifier_leads_to_its_pdf() {
    for_each_mode(|mode| {
        let (server, sandbox) = (sources(), Sandbox::new());
        let config = bases(&server, &[]);
        let list = list(IDS.iter().map(|(text, ..)| (*text).to_owned()));
        let (run, records) = fetch(&sandbox, mode, &list, &config, &["--email", "me@a.example"]);
        for (_, id, expected) in &IDS {
            let record = record(&records, id);
            assert_eq!(
                (record["status"].as_str(), &*via(record)),
                (Some("downloaded"), *expected),
                "{record}"
            );
        }
        run.exits(0);
        for request in server.requests() {
            let accept = request.header("accept").expect("one");
            if request.path.starts_with("/doi/") {
                assert!(
                    accept.starts_with("text/html") && !accept.contains("pdf"),
                    "{accept}"
                );
            }
            assert!(!request.path.contains("similarity") && !request.path.contains("closed"));
        }

        // what is known of where the files were is still known
        let before = server.requests().len();
        let (run, _) = fetch(
            &sandbox,
            mode,
            &list,
            &config,
            &["--email", "me@a.example", "--overwrite"],
        );
        run.exits(0);
        let again = server.requests()[before..].to_vec();
        assert!(!again.iter().any(looks_up), "{again:?}");
    });
}

#[test]
fn a_source_that_fails_costs_nothing_that_others_have() {
    let nonsense =
        Server::start(|_, stream| respond(stream, "200 OK", b"<html>Just a moment...</html>"));
    let broken = Server::start(|_, stream| close(stream));
    let busy = Server::start(|_, stream| respond(stream, "500 Oops", b""));
    let nobody = Nobody::new();
    let nowhere = format!("http://{}", nobody.address());
    let failing = [nowhere, nonsense.url(""), broken.url(""), busy.url("")];
    for_each_mode(|mode| {
        let server = sources();
        for (turn, source) in [
            "doi",
            "unpaywall",
            "openalex",
            "europepmc_api",
            "crossref",
            "datacite",
        ]
        .iter()
        .enumerate()
        {
            let url = &failing[turn % failing.len()];
            let sandbox = Sandbox::new();
            let config = bases(&server, &[(source, url)]);
            let others = IDS.iter().filter(|(_, id, via)| {
                let is_own = via.starts_with(&source.replace("_api", ""));
                id.starts_with("doi:") && !is_own
            });
            let others: Vec<_> = others.collect();
            let list = list(others.iter().map(|(text, ..)| (*text).to_owned()));
            let (run, records) =
                fetch(&sandbox, mode, &list, &config, &["--email", "me@a.example"]);
            for (_, id, expected) in &others {
                let record = record(&records, id);
                assert_eq!(via(record), *expected, "{source} is {url}: {record}");
            }
            run.exits(0);
        }
    });
}

#[test]
fn what_no_source_has_says_so() {
    for_each_mode(|mode| {
        let (server, sandbox) = (sources(), Sandbox::new());
        let list = "10.1000/known\n10.1000/nothing\nPMC9\n978-3-16-148410-0\n29456894\n10.1000/a\u{2013}b\n";
        let (run, records) = fetch(&sandbox, mode, list, &bases(&server, &[]), &[]);
        for id in ["doi:10.1000/known", "doi:10.1000/nothing"] {
            let record = record(&records, id);
            let error = record["error"].as_str().expect("an error");
            assert!(
                error.contains("`unpaywall` was skipped: it needs an e-mail address (`--email`)"),
                "{error}"
            );
            assert_eq!(record["skipped"], json!(["unpaywall"]));
            assert!(!error.contains("did not answer"), "{error}");
        }
        assert_eq!(
            record(&records, "doi:10.1000/known")["status"],
            "no_pdf_link"
        );
        let pages = server.requests().into_iter();
        let pages = pages.filter(|request| request.path == "/journal/known");
        assert_eq!(pages.count(), 1, "named by Crossref, too");
        assert_eq!(record(&records, "pmc:PMC9").get("skipped"), None);
        let mut bad = Vec::new();
        for record in records
            .iter()
            .filter(|record| record["status"] == "bad_link")
        {
            bad.push((
                record["line"].as_u64().expect("a line"),
                record["error"].as_str().expect("an error"),
            ));
        }
        bad.sort_unstable();
        let part = |at: usize, part: &str| assert!(bad[at].1.contains(part), "{bad:?}");
        part(0, "ISBN");
        part(1, "`pmid:`");
        part(2, "retype it");
        assert_eq!(
            run.stderr.matches("source `unpaywall` is skipped").count(),
            1,
            "{}",
            run.stderr
        );
        assert!(
            !server
                .requests()
                .iter()
                .any(|request| request.path.starts_with("/unpaywall/"))
        );
        run.exits(1);
    });
}

#[test]
fn spellings_of_a_thing_are_fetched_once() {
    let (server, sandbox) = (sources(), Sandbox::new());
    let list = "arXiv:2401.01234\nhttps://arxiv.org/abs/2401.01234\nhttp://export.arxiv.org/pdf/2401.01234.pdf\n\
                https://doi.org/10.48550/arXiv.2401.01234\n2401.01234\tpaper.pdf\n2401.01234v1\n\
                rfc9110 RFC9110\nrfc2119 # a comment\n";
    let (run, records) = fetch(&sandbox, "async", list, &bases(&server, &[]), &[]);
    let statuses: Vec<_> = records
        .iter()
        .filter(|record| record["status"] == "duplicate")
        .collect();
    let ids = statuses.iter().map(|record| record["id"].as_str());
    assert!(
        ids.into_iter()
            .all(|id| matches!(id, Some("arxiv:2401.01234" | "rfc:9110")))
    );
    assert_eq!(statuses.len(), 5, "{records:?}");
    run.exits(0);
    let requests: BTreeSet<_> = server
        .requests()
        .into_iter()
        .map(|request| request.path)
        .collect();
    let expected = [
        "/arxiv/pdf/2401.01234",
        "/arxiv/pdf/2401.01234v1",
        "/rfc/rfc/rfc2119.pdf",
        "/rfc/rfc/rfc9110.pdf",
    ];
    assert_eq!(requests, expected.map(str::to_owned).into());
    assert_eq!(
        sandbox.names(),
        [
            "2401.01234.pdf",
            "2401.01234v1.pdf",
            "rfc2119.pdf",
            "rfc9110.pdf"
        ]
    );

    // records are a list again, in which everything is there
    let again = self::list(records.iter().map(ToString::to_string));
    let (run, _) = fetch(&sandbox, "async", &again, &bases(&server, &[]), &[]);
    assert_eq!(server.requests().len(), expected.len());
    run.exits(0);
}

#[test]
fn columns_and_fields_have_identifiers() {
    let (server, config) = (sources(), bases(&sources(), &[]));
    drop(config);
    let config = bases(&server, &[]);
    for list in [
        "pmid,title\n29456894,On Foo\n",
        "Title;PMCID\nOn Foo;5334499\n",
        "title\tpmcid\nOn Foo\tPMC5334499\n",
        "DOI,Title\n10.1000/page,On Foo\n",
        "doi\nhttps://doi.org/10.1000/page\n",
        "doi,arxiv,pmid,title\n,-,29456894,On Foo\n",
        "{\"title\": \"On Foo\", \"doi\": \"10.1000/page\"}\n",
        "{\"title\": \"On Foo\", \"pmid\": 29456894}\n",
        "[\"10.1000/page\"]",
        "10.1000/page",
    ] {
        let sandbox = Sandbox::new();
        let (run, records) = fetch(&sandbox, "async", list, &config, &["--name", "{id}.pdf"]);
        assert_eq!(records.len(), 1, "{list}: {run:?}");
        let name = if list.contains("10.1000") {
            "10.1000_page.pdf"
        } else {
            "29456894.pdf"
        };
        let name = if list.contains("5334499") {
            "PMC5334499.pdf"
        } else {
            name
        };
        assert_eq!(sandbox.names(), [name], "{list}: {run:?}");
        run.exits(0);
    }
}

#[test]
fn names_may_have_identifiers() {
    let (server, sandbox) = (sources(), Sandbox::new());
    let list = "10.1000/page\nhep-th/9901001\nhttps://doi.org/10.1101/2020.01.01.123456\n";
    let args = ["--name", "{arxiv}{doi}/{id}-{stem}"];
    let (run, _) = fetch(&sandbox, "async", list, &bases(&server, &[]), &args);
    let names = [
        "10.1000_page/10.1000_page-page.pdf",
        "10.1101_2020.01.01.123456/10.1101_2020.01.01.123456-2020.01.01.123456v2.full.pdf",
        "hep-th_9901001/hep-th_9901001-hep-th_9901001.pdf",
    ];
    assert_eq!(sandbox.names(), names, "{run:?}");
    run.exits(0);
}

#[test]
fn an_entry_leads_to_its_pdf_by_any_of_its_fields() {
    let lists = [
        "url,doi,title\n@@/gone.pdf,10.1000/unpaywall,On Foo\n",
        "doi\tpdf_url\n10.1000/unpaywall\t@@/gone.pdf\n",
        "landing_page_url;DOI;pdf\n@@/journal/x;10.1000/unpaywall;@@/gone.pdf\n",
        "{\"openAccessPdf\": {\"url\": \"@@/gone.pdf\"}, \"externalIds\": {\"DOI\": \"10.1000/Unpaywall\"}}\n",
        "@article{k, title = {On Foo}, doi = {https://doi.org/10.1000/unpaywall}, pdf = {@@/gone.pdf}, url = {@@/journal/x}}\n",
        "TY  - JOUR\r\nUR  - @@/journal/x\r\nDO  - 10.1000/unpaywall.\r\nL1  - @@/gone.pdf\r\nER  - \r\n",
        "[{\"id\": \"k\", \"type\": \"article-journal\", \"URL\": \"@@/gone.pdf\", \"DOI\": \"10.1000/unpaywall\"}]",
    ];
    for_each_mode(|mode| {
        let server = sources();
        for list in lists {
            let sandbox = Sandbox::new();
            let list = list.replace("@@", &server.url(""));
            let args = ["--email", "me@a.example", "--name", "{doi}"];
            let before = server.requests().len();
            let (run, records) = fetch(&sandbox, mode, &list, &bases(&server, &[]), &args);
            let record = record(&records, "doi:10.1000/unpaywall");
            assert_eq!(via(record), "unpaywall", "{list}: {record}");
            assert_eq!(record["url"], server.url("/gone.pdf"));
            assert_eq!(
                sandbox.names(),
                ["10.1000_unpaywall.pdf"],
                "{list}: {run:?}"
            );
            run.exits(0);
            let asked = server.requests()[before..].to_vec();
            let asked: Vec<_> = asked.iter().map(|request| request.path.as_str()).collect();
            assert_eq!(
                asked[..2],
                ["/gone.pdf", "/doi/10.1000/unpaywall"],
                "{list}"
            );
            assert_eq!(asked.len(), 4, "{list}: {asked:?}");
        }

        // what is last leads to the PDF if nothing else does
        let sandbox = Sandbox::new();
        let list = format!(
            "@misc{{a, doi = {{10.1000/nothing}}, url = {{{url}/nbn/a}}}}\n@misc{{b, doi = {{10.1000/page}}, url = {{{url}/nbn/b}}}}\n",
            url = server.url("")
        );
        let (run, records) = fetch(&sandbox, mode, &list, &bases(&server, &[]), &[]);
        assert_eq!(
            via(record(&records, "doi:10.1000/nothing")),
            "citation_pdf_url",
            "{run:?}"
        );
        assert_eq!(
            via(record(&records, "doi:10.1000/page")),
            "doi citation_pdf_url"
        );
        run.exits(0);
    });
}

#[test]
fn a_dry_run_shows_the_sources_and_asks_none() {
    let (server, sandbox) = (sources(), Sandbox::new());
    sandbox.write("config.toml", bases(&server, &[]));
    sandbox.write(
        "links.txt",
        "10.1000/x\nhal-01234567\nhttp://a.invalid/x.pdf\n",
    );
    let run = sandbox
        .run(&[
            "links.txt",
            "--config",
            "config.toml",
            "--dry-run",
            "-o",
            "out",
        ])
        .exits(0);
    assert_eq!(
        run.stdout,
        "fetch\tout/10.1000_x.pdf\thttps://doi.org/10.1000/x\tdoi, openalex, europepmc, crossref, datacite\n\
         fetch\tout/hal-01234567.pdf\thttps://hal.science/hal-01234567/document\thal, hal_api\n\
         fetch\tout/x.pdf\thttp://a.invalid/x.pdf\n"
    );
    assert!(server.requests().is_empty());
}

#[test]
fn resolve_prints_candidates_and_fetches_none() {
    let (server, sandbox) = (sources(), Sandbox::new());
    sandbox.write("config.toml", bases(&server, &[]));
    let ids = ["pmid:29456894", "10.1000/crossref", "PMC77"];
    let args = ["resolve", "--config", "config.toml", "--retry-delay", "0"];
    let run = sandbox.run(&[&args, &ids[..]].concat()).exits(0);
    let lines = run
        .stdout
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let lines: Vec<_> = lines.collect();
    let has = |id: &str, via: &str, pdf: &str| {
        let found = lines
            .iter()
            .find(|line| line["id"] == id && line["pdf"] == server.url(pdf));
        assert_eq!(
            self::via(found.unwrap_or_else(|| panic!("no {pdf} in {lines:?}"))),
            via
        );
    };
    has(
        "pmid:29456894",
        "ncbi pmc",
        "/pmc/PMC5334499.1/PMC5334499.1.pdf",
    );
    has("doi:10.1000/crossref", "crossref", "/files/crossref.pdf");
    has("pmc:PMC77", "pmc_list", "/pmc/PMC77.3/PMC77.3.pdf");
    assert!(
        lines
            .iter()
            .any(|line| line["page"] == server.url("/doi/10.1000/crossref"))
    );
    assert!(lines.iter().any(|line| {
        line["error"]
            .as_str()
            .is_some_and(|error| error.contains("--email"))
    }));
    let requests = server.requests();
    assert!(
        !requests.is_empty() && requests.iter().all(looks_up),
        "{requests:?}"
    );
    sandbox
        .run(&[&args[..], &["978-3-16-148410-0", "PMC77"]].concat())
        .exits(1);
}

#[test]
fn sources_and_kinds_can_be_added() {
    for_each_mode(|mode| {
        let (server, sandbox) = (sources(), Sandbox::new());
        let own = format!(
            "{}\nlib = '{}'\n\
             [id.doi]\nchain = ['mine', 'crossref']\n\
             [id.shelf]\nmatch = 'shelf:(\\d+)'\nchain = ['shelf']\n\
             [source.mine]\nget = '{{lib_base}}/v1?doi={{id:query}}&token={{key}}'\npdf = 'files[type=pdf].url'\nmissing = [404, 422]\nkey = 's3cret'\n\
             [source.shelf]\npdf = ['{{lib_base}}/missing/{{id}}', '{{lib_base}}/shelf/{{id}}.pdf']\n",
            bases(&server, &[]),
            server.url("/openreview")
        );
        let library = Server::start(|request, stream| {
            let host = request.header("host").expect("a host");
            match request.path.as_str() {
                "/v1?doi=10.1000/mine&token=s3cret" => answer(
                    stream,
                    &json!({"files": [{"type": "pdf", "url": format!("http://{host}/mine.pdf")}]}),
                ),
                "/mine.pdf" | "/shelf/12.pdf" => ok(stream, &pdf(&request.path)),
                "/v1?doi=10.1000/crossref&token=s3cret" => {
                    respond(stream, "422 Unprocessable", b"");
                }
                _ => respond(stream, "404 Not Found", b""),
            }
        });
        let config = own.replace(
            &server.url("/openreview'\n[id.doi]"),
            &format!("{}'\n[id.doi]", library.url("")),
        );
        let list = "10.1000/mine\n10.1000/crossref\nshelf:12\nSHELF:12\n";
        let (run, records) = fetch(&sandbox, mode, list, &config, &[]);
        assert_eq!(via(record(&records, "doi:10.1000/mine")), "mine", "{run:?}");
        assert_eq!(via(record(&records, "doi:10.1000/crossref")), "crossref");
        let shelf = record(&records, "shelf:12");
        assert_eq!(
            (via(shelf), shelf["status"] == "downloaded"),
            ("shelf".to_owned(), true)
        );
        assert!(!run.stdout.contains("s3cret"));
        assert!(
            !server
                .requests()
                .iter()
                .any(|request| request.path.starts_with("/doi/"))
        );
        run.exits(0);
    });
    let sandbox = Sandbox::new();
    // the option
    sandbox.write(
        "config.toml",
        "extract = true\nbase = 'http://a.invalid/'\n",
    );
    sandbox.write("links.md", "[x](x.pdf)");
    let args = ["links.md", "--config", "config.toml", "--dry-run"];
    let run = sandbox.run(&args).exits(0);
    assert!(run.stdout.contains("http://a.invalid/x.pdf"), "{run:?}");
    for (config, message) in [
        ("[id.x]\nmatch = '('\n", "`[id.x]`: `match`"),
        ("[id.x]\nchain = ['y']\n", "there is no `[source.y]`"),
        ("[source.doi]\nwhat = 1\n", "unknown key"),
        ("[base]\ndoi = 'x'\n", "`[base]`: `doi`"),
    ] {
        sandbox.write("config.toml", config);
        let run = sandbox
            .run(&["10.1000/x", "--config", "config.toml", "--dry-run"])
            .exits(2);
        assert!(run.stderr.contains(message), "{}", run.stderr);
    }
}

#[test]
fn hosts_that_share_their_limits_get_one_request_at_a_time() {
    for_each_mode(|mode| {
        let (inside, most) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
        let highest = Arc::clone(&most);
        let server = Server::start(move |request, stream| {
            highest.fetch_max(inside.fetch_add(1, SeqCst) + 1, SeqCst);
            for _ in 0..100 {
                std::thread::yield_now();
            }
            inside.fetch_sub(1, SeqCst);
            if request.path.starts_with("/arxiv_export/") {
                ok(stream, &pdf(&request.path));
            } else {
                respond(stream, "404 Not Found", b"");
            }
        });
        let export = server
            .url("/arxiv_export")
            .replace("127.0.0.1", "localhost");
        let config = format!(
            "[shard-with]\nlocalhost = '127.0.0.1'\n[host.\"127.0.0.1\"]\nper-host = 1\nrate = ['1000/1s', '100000/10m']\n{}",
            bases(&server, &[("arxiv_export", &export)])
        );
        let sandbox = Sandbox::new();
        let list = list((10..40).map(|n| format!("2401.000{n}")));
        let (run, records) = fetch(&sandbox, mode, &list, &config, &[]);
        run.exits(0);
        assert_eq!((records.len(), most.load(SeqCst)), (30, 1), "{mode}");
        assert!(records.iter().all(|record| via(record) == "arxiv_export"));
    });
}

#[test]
fn a_host_that_says_its_limits_gets_no_more() {
    for_each_mode(|mode| {
        let api = Server::start(|_, stream| {
            let head = "404 Not Found\r\nX-RateLimit-Remaining: 0\r\nX-RateLimit-Reset: 3600";
            respond(stream, head, b"{}");
        });
        let server = sources();
        let sandbox = Sandbox::new();
        // all others are at another host
        let crossref = api.url("").replace("127.0.0.1", "localhost");
        let config = format!(
            "[host.localhost]\nper-host = 1\n{}\n[id.doi]\nchain = ['crossref', 'datacite']\n",
            bases(&server, &[("crossref", &crossref)])
        );
        let list = "10.1000/datacite.1\n10.1000/datacite.2\n10.1000/datacite.3\n";
        let (run, records) = fetch(
            &sandbox,
            mode,
            list,
            &config,
            &["--max-total-time", "0.4", "--record-untried"],
        );
        assert_eq!(api.requests().len(), 1, "{mode}");
        let saved = records
            .iter()
            .filter(|record| record["status"] == "downloaded");
        // none of them waits for an hour for a source that it can do without
        assert_eq!(saved.count(), 3, "{run:?}");
    });
}

#[test]
fn identifiers_fall_to_the_shard_of_their_first_source() {
    let sandbox = Sandbox::new();
    let list = "arXiv:2401.01234\nhttps://export.arxiv.org/abs/2401.01235\nhttps://doi.org/10.48550/arXiv.2401.01236\n\
                https://arxiv.org/list/cs/new.pdf\n10.1000/x\nhttps://doi.org/10.1000/y\nPMC1\nrfc9110\nhttps://www.rfc-editor.org/a.pdf\n";
    sandbox.write("links.txt", list);
    let mut seen = Vec::new();
    for shard in 1..=5 {
        let run = sandbox
            .run(&["links.txt", "--dry-run", "--shard", &format!("{shard}/5")])
            .exits(0);
        let count = |part: &str| {
            run.stdout
                .lines()
                .filter(|line| line.contains(part))
                .count()
        };
        for (part, all) in [("arxiv.org", 4), ("doi.org", 2), ("rfc-editor", 2)] {
            assert!([0, all].contains(&count(part)), "{part} in {}", run.stdout);
        }
        seen.extend(run.stdout.lines().map(str::to_owned));
    }
    assert_eq!(seen.len(), 9, "{seen:?}");
}
