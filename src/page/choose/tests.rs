//! One work in several forms, and several works.

use std::sync::Arc;

use url::Url;

use crate::page::{Circumstances, Reader};

/// The paths of the candidates of a page, or how many there are that are equal.
fn taken(head: &str, body: &str) -> String {
    let url = Url::parse("https://a.example/article/7").expect("a URL");
    let mut reader = Reader::new(&Circumstances {
        url: &url,
        link: &url,
        content_type: "text/html",
        links: &[],
        refresh: "",
        infers: true,
        rules: &Arc::default(),
        explains: false,
    });
    reader.read(format!("<html><head>{head}</head><body>{body}<p>text</body></html>").as_bytes());
    let reading = reader.finish();
    let paths = reading.candidates.iter().map(|found| found.url.path());
    match reading.ambiguous {
        0 => paths.collect::<Vec<_>>().join(" "),
        count => format!("{count} equal {}", paths.collect::<String>()),
    }
}

#[test]
fn several_works_are_none_and_one_in_several_forms_is_one() {
    const PDFS: &str =
        "<meta name=citation_pdf_url content=/1.pdf><meta name=citation_pdf_url content=/2.pdf>";
    for (head, expected) in [
        ("", "2 equal "),
        ("<meta name=citation_journal_title content=J>", "2 equal "),
        ("<meta name=citation_title content=A>", "/1.pdf /2.pdf"),
        (
            "<meta name=citation_title content=Editorial><meta name=citation_title content=Editorial>",
            "2 equal ",
        ),
        (
            "<meta name=citation_title content=A><meta name=citation_title content=B>",
            "2 equal ",
        ),
        (
            "<meta name=DC.title content=A><meta name=DC.title content=B>",
            "2 equal ",
        ),
        (
            "<meta name=DC.title content='On foo'><meta name=eprints.title content='On Foo.'>",
            "/1.pdf /2.pdf",
        ),
        (
            "<meta name=citation_doi content=10.5555/1><meta name=citation_doi content=10.5555/2>",
            "2 equal ",
        ),
        (
            "<meta name=citation_doi content=10.5555/A><meta name=citation_doi content=https://doi.org/10.5555/a>
             <meta name=citation_title content=Eins><meta name=citation_title content=One>",
            "/1.pdf /2.pdf",
        ),
        (
            "<meta name=dc.identifier content=doi:10.5555/a><meta name=citation_title content=Eins>
             <meta name=citation_title content=One>",
            "/1.pdf /2.pdf",
        ),
        (
            "<meta name=dc.identifier content=doi:10.5555/a><meta name=dc.identifier content=doi:10.1234/a>
             <meta name=citation_title content=One>",
            "/1.pdf /2.pdf",
        ),
        (
            "<meta name=citation_arxiv_id content=2101.00001v1><meta name=citation_doi content=10.48550/arXiv.2101.00001>",
            "/1.pdf /2.pdf",
        ),
    ] {
        assert_eq!(taken(&format!("{head}{PDFS}"), ""), expected, "{head}");
    }
}

#[test]
fn a_file_with_several_urls_is_one() {
    let meta = |url: &str| format!("<meta name=citation_pdf_url content='{url}'>");
    let head = [
        "/x.pdf",
        "https://a.example/x.pdf#page=1",
        "http://a.example/x.pdf",
        "https://www.a.example/x.pdf?download=1",
    ];
    assert_eq!(taken(&head.map(meta).concat(), ""), "/x.pdf");
    let body = "<embed src=/x.pdf><embed src='http://a.example/x.pdf#toolbar=0'>";
    assert_eq!(taken("", body), "/x.pdf");
}

#[test]
fn what_cannot_be_told_apart_ends_the_page() {
    const WORK: &str = "<meta name=citation_title content='On Foo'>";
    let links = "<link rel=alternate type=application/pdf href=/1.pdf><link rel=alternate type=application/pdf href=/2.pdf>";
    let embeds = "<embed src=/3.pdf><embed src=/4.pdf>";
    let viewer = "<iframe src='/viewer.html?file=/5.pdf'></iframe>";
    let anchor = "<a class=obj_galley_link href=/6.pdf>PDF</a>";
    for (head, body, expected) in [
        (links, "<embed src=/3.pdf>", "2 equal "),
        ("", &*[embeds, viewer].concat(), "2 equal "),
        ("", &*[embeds, anchor].concat(), "2 equal "),
        ("", &*[viewer, anchor].concat(), "/5.pdf"),
        (
            "<meta name=citation_pdf_url content=/0.pdf>",
            &*[embeds, viewer].concat(),
            "/0.pdf",
        ),
    ] {
        assert_eq!(
            taken(&format!("{WORK}{head}"), body),
            expected,
            "{head}{body}"
        );
    }
}

#[test]
fn a_link_whose_url_names_another_work_is_left() {
    const WORK: &str =
        "<meta name=citation_title content='On Foo'><meta name=citation_doi content=10.5555/one>";
    for (body, expected) in [
        (
            "<a class=obj_galley_link href=/doi/pdf/10.5555/two>PDF</a>",
            "",
        ),
        ("<embed type=application/pdf src=/doi/pdf/10.5555/two>", ""),
        (
            "<embed type=application/pdf src=https://arxiv.org/pdf/2101.00002>",
            "/pdf/2101.00002",
        ),
        (
            "<a class=obj_galley_link href=/doi/pdf/10.5555/two>PDF</a><a class=obj_galley_link href=/doi/pdf/10.5555/ONE>PDF</a>",
            "/doi/pdf/10.5555/ONE",
        ),
    ] {
        assert_eq!(taken(WORK, body), expected, "{body}");
    }
}

#[test]
fn the_head_decides_before_the_body() {
    let head = "<meta name=citation_title content=A><meta name=citation_pdf_url content=/1.pdf>";
    let body = "<div><meta name=citation_title content=B><meta name=citation_pdf_url content=/2.pdf></div>";
    assert_eq!(taken(head, body), "/1.pdf");
    assert_eq!(taken("", body), "/2.pdf");
    let list = [body, "<p>More</p>", &head.replace("=A", "=C")].concat();
    assert_eq!(taken("", &list), "2 equal ");
}
