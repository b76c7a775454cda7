use proptest::prelude::*;

use super::*;

/// The identifier in a text or a URL, as it is shown.
fn read(text: &str) -> Option<Result<String, String>> {
    let ids = Ids::builtin();
    let id = match Url::parse(text) {
        Ok(url) if text.contains("://") => ids.of_url(&url),
        _ => ids.of_text(text),
    };
    id.map(|id| id.map(|id| id.to_string()))
}

/// Identifiers as they are shown, with all that is the same.
const SPELLINGS: &[(&str, &[&str])] = &[
    (
        "doi:10.1038/nphys1170",
        &[
            "10.1038/nphys1170",
            "10.1038/NPHYS1170",
            "doi:10.1038/nphys1170",
            "DOI: 10.1038/nphys1170.",
            "doi 10.1038/nphys1170",
            "info:doi/10.1038/nphys1170",
            "(doi:10.1038/nphys1170)",
            "<10.1038/nphys1170>",
            "\"10.1038/nphys1170\",",
            "10.1038//nphys1170",
            "10.1038%2Fnphys1170",
            "https://doi.org/10.1038/nphys1170",
            "http://dx.doi.org/10.1038/NPHYS1170",
            "https://www.doi.org/10.1038%2Fnphys1170",
            "https://doi.org/10.1038/nphys1170?utm_source=x",
            "https://hdl.handle.net/10.1038/nphys1170",
        ],
    ),
    (
        "doi:10.1002/(sici)1097-4571(199806)49:8<693::aid-asi4>3.0.co;2-o",
        &[
            "10.1002/(SICI)1097-4571(199806)49:8<693::AID-ASI4>3.0.CO;2-O",
            "https://doi.org/10.1002/(SICI)1097-4571(199806)49:8%3C693::AID-ASI4%3E3.0.CO;2-O",
            "10.1002/(SICI)1097-4571(199806)49:8%3C693::AID-ASI4%3E3.0.CO;2-O",
        ],
    ),
    (
        "short_doi:10/abcd",
        &["doi:10/abcd", "https://doi.org/10/abcd"],
    ),
    (
        "arxiv:2401.01234v2",
        &[
            "arXiv:2401.01234v2",
            "2401.01234v2",
            "arxiv: 2401.01234V2",
            "arXiv:2401.01234v2 [cs.CL] 3 Jan 2024",
            "2401.01234v2.pdf",
            "https://arxiv.org/abs/2401.01234v2",
            "http://arxiv.org/pdf/2401.01234v2.pdf",
            "https://export.arxiv.org/format/2401.01234v2",
            "https://ar5iv.labs.arxiv.org/html/2401.01234v2",
            "10.48550/arXiv.2401.01234v2",
            "https://doi.org/10.48550/arxiv.2401.01234v2",
        ],
    ),
    (
        "arxiv:1412.6980",
        &["1412.6980", "https://arxiv.org/abs/1412.6980/"],
    ),
    (
        "arxiv:hep-th/9901001",
        &["hep-th/9901001", "https://xxx.lanl.gov/abs/hep-th/9901001"],
    ),
    (
        "arxiv:math/0611800v3",
        &[
            "math.CA/0611800v3",
            "arXiv:math/0611800v3",
            "https://arxiv.org/abs/math.CA/0611800v3",
        ],
    ),
    (
        "pmc:PMC5334499",
        &[
            "PMC5334499",
            "pmc5334499",
            "PMC5334499.2",
            "PMCID: PMC5334499",
            "pmcid:5334499",
            "https://www.ncbi.nlm.nih.gov/pmc/articles/PMC5334499/",
            "https://pmc.ncbi.nlm.nih.gov/articles/PMC5334499/pdf/main.pdf",
            "https://europepmc.org/articles/PMC5334499?pdf=render",
            "https://europepmc.org/article/PMC/PMC5334499",
        ],
    ),
    (
        "pmid:29456894",
        &[
            "pmid:29456894",
            "PMID: 29456894",
            "https://pubmed.ncbi.nlm.nih.gov/29456894/",
            "https://www.ncbi.nlm.nih.gov/pubmed/29456894",
        ],
    ),
    (
        "hal:hal-01234567",
        &[
            "hal-01234567",
            "HAL:hal-01234567",
            "https://hal.science/hal-01234567/document",
        ],
    ),
    (
        "hal:tel-01234567v2",
        &[
            "tel-01234567v2",
            "https://hal.archives-ouvertes.fr/tel-01234567v2",
        ],
    ),
    (
        "openalex:W2741809807",
        &[
            "W2741809807",
            "w2741809807",
            "https://openalex.org/W2741809807",
            "https://api.openalex.org/works/W2741809807",
        ],
    ),
    (
        "rfc:9110",
        &[
            "rfc9110",
            "RFC 9110",
            "rfc-9110",
            "https://www.rfc-editor.org/rfc/rfc9110.html",
            "https://datatracker.ietf.org/doc/html/rfc9110",
            "10.17487/RFC9110",
        ],
    ),
    ("rfc:791", &["RFC0791"]),
    (
        "handle:1721.1/29992",
        &["hdl:1721.1/29992", "https://hdl.handle.net/1721.1/29992"],
    ),
    (
        "urn:urn:nbn:de:101:1-201102033592",
        &[
            "urn:nbn:de:101:1-201102033592",
            "URN:NBN:DE:101:1-201102033592",
            "https://nbn-resolving.org/urn:nbn:de:101:1-201102033592",
        ],
    ),
    (
        "acl:P19-1001",
        &[
            "P19-1001",
            "acl:P19-1001",
            "https://aclanthology.org/P19-1001.pdf",
            "10.18653/v1/P19-1001",
        ],
    ),
    (
        "acl:2020.acl-main.1",
        &[
            "2020.acl-main.1",
            "https://aclanthology.org/2020.acl-main.1/",
        ],
    ),
    (
        "biorxiv:10.1101/2020.01.01.123456",
        &[
            "10.1101/2020.01.01.123456",
            "biorxiv:10.1101/2020.01.01.123456",
        ],
    ),
    (
        "biorxiv:10.64898/2025.12.22.696097v2",
        &[
            "https://www.biorxiv.org/content/10.64898/2025.12.22.696097v2",
            "https://www.medrxiv.org/content/10.64898/2025.12.22.696097v2.full.pdf",
        ],
    ),
    // a journal of the same publisher, and one whose name has the letter of versions
    ("doi:10.1101/gr.123456.111", &["10.1101/gr.123456.111"]),
    (
        "zenodo:3242074",
        &[
            "10.5281/zenodo.3242074",
            "zenodo:3242074",
            "https://zenodo.org/record/3242074",
            "https://zenodo.org/records/3242074/",
        ],
    ),
    (
        "openreview:rJl-b3RcF7",
        &[
            "openreview:rJl-b3RcF7",
            "https://openreview.net/forum?id=rJl-b3RcF7",
        ],
    ),
    (
        "ssrn:1234567",
        &[
            "ssrn:1234567",
            "10.2139/ssrn.1234567",
            "https://papers.ssrn.com/sol3/papers.cfm?abstract_id=1234567",
        ],
    ),
    (
        "s2:649def34f8be52c8b66281af98ae884c09aef38b",
        &[
            "s2:649def34f8be52c8b66281af98ae884c09aef38b",
            "https://www.semanticscholar.org/paper/A-title/649def34f8be52c8b66281af98ae884c09aef38b",
        ],
    ),
    (
        "s2_corpus:215416146",
        &["CorpusID:215416146", "corpusid: 215416146"],
    ),
];

#[test]
fn all_spellings_of_a_thing_are_one() {
    for (expected, spellings) in SPELLINGS {
        for spelling in *spellings {
            assert_eq!(
                read(spelling),
                Some(Ok((*expected).to_owned())),
                "{spelling}"
            );
        }
    }
}

#[test]
fn what_may_be_something_else_is_nothing() {
    for text in [
        "",
        "29456894",
        "9110",
        "9783161484100",
        "10/abcd",
        "10.10/abc",
        "10.1038",
        "1501.0123",
        "1413.0001",
        "2401.0123",
        "data/9901001",
        "hep-th/9801",
        "paper.pdf",
        "links/new.txt",
        "a doi:10.1000/x in a sentence",
        "W12",
        "rfc",
        "PMC",
        "http://a.example/10.1038/nphys1170",
        "https://arxiv.org/list/cs.CL/new",
        "https://zenodo.org/records/1/files/a.pdf",
        "https://www.ncbi.nlm.nih.gov/books/NBK1/",
        "https://doi.org/",
        "https://www.rfc-editor.org/rfc/pdfrfc/rfc9110.txt.pdf",
        "https://hal.science/search/index?q=hal-01234567",
    ] {
        assert_eq!(read(text), None, "{text}");
    }
}

#[test]
fn what_nothing_can_be_done_with_says_why() {
    for (text, part) in [
        ("ISBN 978-3-16-148410-0", "ISBN"),
        ("978-3-16-148410-0", "ISBN"),
        ("isbn:316148410X", "ISBN"),
        ("10.1000/a\u{2013}b", "\\u{2013}"),
        ("https://doi.org/10.1000/a\u{200e}", "\\u{200e}"),
    ] {
        let problem = read(text).expect(text).expect_err(text);
        assert!(problem.contains(part), "{problem}");
    }
}

#[test]
fn a_column_says_what_bare_digits_are() {
    let ids = Ids::builtin();
    for (column, cell, expected) in [
        ("pmid", "29456894", Some("pmid:29456894")),
        ("PubMed ID", "29456894", Some("pmid:29456894")),
        ("PMCID", "5334499", Some("pmcid:5334499")),
        ("pmid", "many", None),
        ("title", "29456894", None),
        ("doi", "29456894", None),
    ] {
        assert_eq!(
            ids.in_column(column, cell).as_deref(),
            expected,
            "{column} {cell}"
        );
        if let Some(text) = expected {
            assert!(ids.of_text(text).is_some_and(|id| id.is_ok()), "{text}");
        }
    }
}

#[test]
fn everything_built_in_is_read_again_by_its_url() {
    let ids = Ids::builtin();
    for spelling in [
        "10.1038/nphys1170",
        "10.1002/(SICI)1097-4571(199806)49:8<693::AID-ASI4>3.0.CO;2-O",
        "10.1000/a?b#c%25d",
        "doi:10/abcd",
        "2401.01234v2",
        "math/0611800",
        "PMC5334499",
        "pmid:1",
        "hal-01234567v1",
        "W2741809807",
        "rfc9110",
        "hdl:1721.1/29992",
        "urn:nbn:fi-fe2019",
        "P19-1001",
        "10.1101/2020.01.01.123456",
        "zenodo:1",
        "openreview:a_b-c",
        "ssrn:1",
        "s2:649def34f8be52c8b66281af98ae884c09aef38b",
        "CorpusID:215416146",
    ] {
        let id = ids.of_text(spelling).expect(spelling).expect(spelling);
        let url = id.url();
        let again = ids.of_url(&url).expect(spelling);
        assert_eq!(again.as_ref(), Ok(&id), "{url}");
        let steps: Vec<_> = ids
            .chain(&id)
            .map(|source| ids.step(&id, &source))
            .collect();
        let is_known = |step: &Step| matches!(step, Step::Found(_) | Step::Ask(_));
        assert!(steps.iter().any(is_known), "{id}: {steps:?}");
    }
}

#[test]
fn all_patterns_compile() {
    let ids = Ids::builtin();
    for kind in &ids.tables().kinds {
        let patterns = [&kind.patterns, &kind.paths, &kind.dois, &kind.bare];
        for pattern in patterns.into_iter().flatten().chain(&kind.parts) {
            pattern.is_match("");
        }
    }
    for source in ids.tables().sources.values() {
        assert!(source.only.as_ref().is_none_or(|only| !only.is_match("")));
    }
}

#[test]
fn sources_are_asked_with_what_is_known() {
    let mut ids = Ids::default();
    let asks = |ids: &Ids, text: &str| -> Vec<String> {
        let id = ids.of_text(text).expect(text).expect(text);
        let steps = ids.chain(&id).map(|source| ids.step(&id, &source));
        let shown = steps.map(|step| match step {
            Step::Ask(url) => format!("? {url}"),
            Step::Found(found) => found[0].text.clone(),
            Step::Lacks(what) => format!("lacks {what}"),
            Step::None => String::new(),
        });
        shown.collect()
    };
    let chain = asks(&ids, "10.1000/A b".trim_end_matches(" b"));
    assert_eq!(chain[0], "https://doi.org/10.1000/a");
    assert_eq!(chain[1], "lacks an e-mail address (`--email`)");
    assert_eq!(chain[4], "? https://api.crossref.org/v1/works/10.1000/a");
    ids.email = Some("me+x@a.example".to_owned());
    let table = "[base]\ncrossref = 'http://127.0.0.1:9/c/'\n[id.doi]\nchain = ['unpaywall', 'crossref', 'mine']\n\
                 [source.mine]\npdf = '{doi_base}/x/{id:query}'";
    ids.extend(&table.parse().expect("TOML")).expect("tables");
    assert_eq!(
        asks(&ids, "10.1000/a"),
        [
            "? https://api.unpaywall.org/v2/10.1000/a?email=me%2Bx@a.example",
            "? http://127.0.0.1:9/c/v1/works/10.1000/a?mailto=me%2Bx@a.example",
            "https://doi.org/x/10.1000/a",
        ]
    );
    assert_eq!(asks(&ids, "urn:nbn:fi:x")[0], "https://urn.fi/urn:nbn:fi:x");
    assert_eq!(asks(&ids, "urn:nbn:de:x")[..3], ["", "", ""]);
}

#[test]
fn wrong_tables_say_what_is_wrong() {
    for (table, part) in [
        ("[id.x]\nmatch = '('", "`[id.x]`"),
        ("[id.x]\nchain = ['y']", "no `[source.y]`"),
        ("[id.x]\nwhat = 1", "unknown key"),
        ("[source.x]\nget = '{'", "`get`"),
        ("[source.x]\nmissing = ['a']", "statuses"),
        ("[source.doi]\npage = 1", "expected a string"),
        ("[base]\ndoi = 'ftp://a'", "expected a URL"),
        ("[id.'a(']\nmatch = 'x'", "a name has letters"),
    ] {
        let error = Ids::default()
            .extend(&table.parse().expect("TOML"))
            .expect_err(table);
        assert!(format!("{error:#}").contains(part), "{error:#}");
    }
}

#[test]
fn answers_say_where_pdfs_are() {
    let ids = Ids::builtin();
    let says = |source: &str, text: &str, answer: &str| -> Vec<String> {
        let id = ids.of_text(text).expect(text).expect(text);
        let found = ids.read(&id, &ids.tables().sources[source], answer.as_bytes());
        found
            .expect(answer)
            .into_iter()
            .map(|found| format!("{:?} {}", found.role, found.text))
            .collect()
    };
    let unpaywall = r#"{"is_oa":true,"best_oa_location":{"url_for_pdf":"http://p/1.pdf","url_for_landing_page":"http://p/1"},
        "oa_locations":[{"host_type":"publisher","url_for_pdf":"http://p/1.pdf"},{"host_type":"repository","version":"acceptedVersion","url_for_pdf":"http://r/1.pdf"},{"url_for_pdf":null}]}"#;
    assert_eq!(
        says("unpaywall", "10.1000/a", unpaywall),
        [
            "Pdf http://p/1.pdf",
            "Pdf http://r/1.pdf",
            "Page http://p/1"
        ]
    );
    let crossref = r#"{"status":"ok","message":{"link":[
        {"URL":"http://c/s.pdf","content-type":"application/pdf","intended-application":"similarity-checking"},
        {"URL":"http://c/u.pdf","content-type":"unspecified","intended-application":"syndication"},
        {"URL":"http://c/t.pdf","content-type":"application/pdf","intended-application":"text-mining"}],
        "resource":{"primary":{"URL":"http://c/"}}}}"#;
    assert_eq!(
        says("crossref", "10.1000/a", crossref),
        ["Pdf http://c/t.pdf", "Pdf http://c/u.pdf", "Page http://c/"]
    );
    let biorxiv =
        r#"{"messages":[{"status":"ok"}],"collection":[{"version":"1"},{"version":"2"}]}"#;
    assert_eq!(
        says("biorxiv", "10.1101/2020.01.01.123456", biorxiv),
        ["Pdf https://www.biorxiv.org/content/10.1101/2020.01.01.123456v2.full.pdf"]
    );
    assert_eq!(
        says(
            "biorxiv",
            "10.1101/2020.01.01.123456",
            r#"{"collection":[]}"#
        ),
        [""; 0]
    );
    let list = "<ListBucketResult><Prefix>PMC1.</Prefix><CommonPrefixes><Prefix>PMC1.3/</Prefix></CommonPrefixes></ListBucketResult>";
    assert_eq!(
        says("pmc_list", "PMC1", list),
        ["Pdf https://pmc-oa-opendata.s3.amazonaws.com/PMC1.3/PMC1.3.pdf"]
    );
    let s2 = r#"{"externalIds":{"ArXiv":"2401.01234","DOI":"10.1/x"},"openAccessPdf":{"url":""}}"#;
    assert_eq!(
        says("s2", "CorpusID:1", s2),
        ["Id arxiv:2401.01234", "Id 10.1/x"]
    );
    let id = ids.of_text("10.1000/a").expect("one").expect("one");
    for nonsense in ["", "<html>sorry</html>", "null", "{", "oops"] {
        assert!(
            ids.read(&id, &ids.tables().sources["crossref"], nonsense.as_bytes())
                .is_err(),
            "{nonsense}"
        );
    }
}

proptest! {
    #[test]
    fn identifiers_are_read_again_as_they_are_shown(suffix in "[a-zA-Z0-9().;:<>/%_-]{1,30}") {
        let ids = Ids::builtin();
        if let Some(Ok(id)) = ids.of_text(&format!("10.1000/{suffix}")) {
            let url = id.url();
            prop_assert_eq!(ids.of_url(&url), Some(Ok(id)));
        }
    }

    #[test]
    fn any_text_is_read_without_panic(text in "\\PC{0,60}") {
        let ids = Ids::builtin();
        let _ = ids.of_text(&text);
        if let Ok(url) = Url::parse(&format!("https://doi.org/{text}")) {
            let _ = ids.of_url(&url);
        }
    }
}

#[test]
fn the_documentation_has_all_kinds() {
    let ids = Ids::builtin();
    let name = |source: &Arc<str>| {
        let has_look_up = ids.tables().sources[source].get.is_some();
        format!("`{source}`{}", if has_look_up { "\\*" } else { "" })
    };
    let row = |kind: &Arc<Kind>| {
        let chain: Vec<_> = kind.chain.iter().map(name).collect();
        format!("| `{}` | {} |\n", kind.name, chain.join(", "))
    };
    let kinds = ids
        .tables()
        .kinds
        .iter()
        .filter(|kind| kind.refuse.is_none());
    let rows: String = kinds.map(row).collect();
    let table =
        format!("| kind (`id`) | sources (`via`); \\* is a look-up |\n| --- | --- |\n{rows}");
    crate::docs::check("identifiers.md", "kinds", &table);
}

#[test]
fn no_host_is_left_out() {
    let mut hosts: Vec<_> = TABLES.hosts.keys().map(String::as_str).collect();
    hosts.sort_unstable();
    assert_eq!(hosts, HOSTS);
}
