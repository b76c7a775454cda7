//! Markup as it is found, and as somebody may make it.

use std::sync::Arc;

use proptest::prelude::*;
use url::Url;

use super::super::{Circumstances, MOST_CANDIDATES, Reader, Reading};
use super::ATTRIBUTES;

/// A reader of a page of this type, without what is inferred.
fn reader(content_type: &str) -> Reader {
    let url = Url::parse("https://a.example/article/7").expect("a URL");
    Reader::new(&Circumstances {
        url: &url,
        link: &url,
        content_type,
        links: &[],
        refresh: "",
        infers: false,
        rules: &Arc::default(),
        explains: false,
    })
}

/// Reads `page` in pieces of `length` bytes.
fn read(page: &[u8], content_type: &str, length: usize) -> Reading {
    let mut reader = reader(content_type);
    let _ = page.chunks(length).all(|piece| reader.read(piece));
    reader.finish()
}

/// The URLs of the candidates, without those parts that they have in common with the page.
fn found(page: &str, content_type: &str) -> String {
    let reading = read(page.as_bytes(), content_type, 333);
    let found = reading.candidates.iter().map(|found| {
        let url = found.url.as_str();
        url.strip_prefix("https://a.example").unwrap_or(url)
    });
    found.collect::<Vec<_>>().join(" ")
}

#[test]
fn attributes_are_sorted() {
    assert!(ATTRIBUTES.is_sorted());
}

/// Pages, and what they lead to.
const PAGES: [(&str, &str); 57] = [
    // tags
    ("<EMBED SRC=/a.pdf TYPE=Application/PDF>", "/a.pdf"),
    ("<embed src=/a.pdf src=/b.pdf>", "/a.pdf"),
    ("<embed\n/src\t=\r\n'/a.pdf'/>", "/a.pdf"),
    ("<embed src='/a.pdf'type=x>", "/a.pdf"),
    ("<embed src=/a.pdf", ""),
    ("<embed src='/a.pdf>", ""),
    ("<p><table><embed src=/a.pdf></tr></x>", "/a.pdf"),
    ("</body></html><embed src=/a.pdf>", "/a.pdf"),
    ("<html><frameset><frame src=/a.pdf></frameset>", "/a.pdf"),
    // what is no tag
    ("<plaintext><embed src=/a.pdf>", ""),
    ("<noscript><embed src=/a.pdf></noscript>", "/a.pdf"),
    (
        "<head><noscript><meta name=citation_pdf_url content=/a.pdf></noscript>",
        "/a.pdf",
    ),
    (
        "<template><template></template><embed src=/a.pdf></template>",
        "",
    ),
    ("<noembed><embed src=/a.pdf></noembed>", ""),
    ("<iframe><embed src=/a.pdf></iframe>", ""),
    (
        "<script><!--<script></script><embed src=/a.pdf>--></script>",
        "",
    ),
    (
        "<svg><script><![CDATA[<embed src=/a.pdf>]]></script></svg>",
        "",
    ),
    ("<svg><![CDATA[<embed src=/a.pdf>]]></svg>", ""),
    (
        "<svg><style/><title/><script/></svg><embed src=/a.pdf>",
        "/a.pdf",
    ),
    ("<math><mi/></math><embed src=/a.pdf>", "/a.pdf"),
    ("<!--[if IE]><embed src=/a.pdf><![endif]-->", ""),
    ("<![if !IE]><embed src=/a.pdf><![endif]>", "/a.pdf"),
    (
        "<!--[if !IE]><!--><embed src=/a.pdf><!--<![endif]-->",
        "/a.pdf",
    ),
    ("<!--><embed src=/a.pdf>", "/a.pdf"),
    ("<!-- --!><embed src=/a.pdf>", "/a.pdf"),
    ("<? <embed src=/a.pdf>", ""),
    // bases
    (
        "<base target=_top><base href=/x/><base href=/y/><embed src=a.pdf>",
        "/x/a.pdf",
    ),
    (
        "<base href=//b.example/x/><embed src=a.pdf>",
        "https://b.example/x/a.pdf",
    ),
    (
        "<base href=''><base href=/x/><embed src=a.pdf>",
        "/article/a.pdf",
    ),
    ("<base href=data:x><embed src=a.pdf>", "/article/a.pdf"),
    ("<base href=../../../x/y><embed src=a.pdf>", "/x/a.pdf"),
    // targets
    (
        "<embed src='&#x2F;a&period;pdf?x=1&amp;y=2&copy=3&sect;=4'>",
        "/a.pdf?x=1&y=2&copy=3%C2%A7=4",
    ),
    ("<embed src=&sol;a.pdf>", "/a.pdf"),
    ("<embed src='\n\t/a\n.p\r\ndf  '>", "/a.pdf"),
    ("<embed src=//b.example/a.pdf>", "https://b.example/a.pdf"),
    (
        "<embed src=https://bücher.example/a.pdf>",
        "https://xn--bcher-kva.example/a.pdf",
    ),
    (r"<embed src='\x\a.pdf'>", "/x/a.pdf"),
    (r"<embed src='C:\x\a.pdf'><embed src=file:///a.pdf>", ""),
    (
        "<embed src='javascript:a.pdf'><embed src=data:application/pdf,x>",
        "",
    ),
    (
        "<embed type=application/pdf src='?pdf=1'>",
        "/article/7?pdf=1",
    ),
    ("<embed type=application/pdf src='#a.pdf'>", ""),
    (
        "<embed type=application/pdf src='https://doi.org/10.1/a.pdf'>",
        "",
    ),
    (
        "<embed src='/a.pdf?from=https://doi.org/10.1/x'>",
        "/a.pdf?from=https://doi.org/10.1/x",
    ),
    ("<embed src='/{{ file }}.pdf'>", ""),
    ("<embed src='http://[/a.pdf'>", ""),
    // what is embedded in other ways
    (
        "<iframe src=about:blank data-src=/a.pdf></iframe>",
        "/a.pdf",
    ),
    ("<iframe data-lazy-src='/x?f=a.pdf'></iframe>", "/x?f=a.pdf"),
    ("<object><param name=SRC value=/a.pdf></object>", "/a.pdf"),
    ("<object><param name=movie value=/a.pdf></object>", ""),
    (
        "<iframe src='/web/viewer.html#file=%2Fa.pdf'></iframe>",
        "/a.pdf",
    ),
    // where it stands
    (
        "<div class=layout-with-sidebar><div class=elementor-widget><embed src=/a.pdf></div></div>",
        "/a.pdf",
    ),
    (
        "<div class=sidebar><main><div class='hidden md:block'><embed src=/a.pdf></div></main></div>",
        "/a.pdf",
    ),
    (
        "<div class=hidden><embed src=/a.pdf></div><div style='display: none'><embed src=/b.pdf></div>",
        "",
    ),
    // declared in several languages
    (
        "<html lang=en><link rel=alternate type='application/pdf; charset=binary' hreflang=x-default href=/a.pdf>",
        "/a.pdf",
    ),
    (
        "<html lang=en><link rel=alternate type=application/pdf hreflang=fr href=/a.pdf>",
        "/a.pdf",
    ),
    (
        "<html lang=en><link rel=alternate type=application/pdf hreflang=pl href=/p.pdf>\
         <link rel=alternate type=application/pdf hreflang=en-GB href=/a.pdf>",
        "/a.pdf",
    ),
    (
        "<html lang=en><link rel=alternate type=application/pdf hreflang=pl href=/p.pdf>\
         <link rel=alternate type=application/pdf hreflang=cs href=/c.pdf>",
        "",
    ),
];

#[test]
fn markup_is_read_as_browsers_do() {
    for (page, expected) in PAGES {
        assert_eq!(found(page, "text/html"), expected, "{page}");
    }
    let xhtml = "<?xml version='1.0'?><!DOCTYPE html [<!ENTITY x '<embed'>]><html><head><title/><script src='x'/>\
        <?php <embed src='/b.pdf'/> ?><![CDATA[<embed src='/c.pdf'/>]]>\
        <script><![CDATA[ '<embed src=\"/d.pdf\"/>' ]]></script></head><body><embed src='/a.pdf'/></body></html>";
    assert_eq!(found(xhtml, "application/xhtml+xml"), "/a.pdf");
}

#[test]
fn pages_of_any_length_are_read() {
    for page in [
        format!("{}<embed src=/a.pdf>", "<div>".repeat(100_000)),
        format!(
            "<p title='{}' class={}><embed src=/a.pdf>",
            "x ".repeat(500_000),
            "y ".repeat(1000)
        ),
        format!(
            "<head>{}<meta name=citation_pdf_url content=/a.pdf>",
            "<script>var x = '</p>';</script>\n".repeat(30_000)
        ),
        format!("<embed {} src=/a.pdf>", "alt=x ".repeat(10_000)),
    ] {
        assert_eq!(found(&page, ""), "/a.pdf");
    }
}

#[test]
fn a_word_with_references_is_one_word() {
    let page = "<title>R&eacute;sum&#xe9; of&nbsp;T&#104;ings</title><embed src=/a.pdf>";
    let reading = read(page.as_bytes(), "", 5);
    assert_eq!(reading.title.as_deref(), Some("Résumé of Things"));
}

#[test]
fn a_page_is_decided_when_its_head_is_over() {
    let page = "<html><head><meta name=citation_pdf_url content=/a.pdf></head><body>";
    let mut reader = reader("");
    let (head, rest) = page.split_at(page.find("</head>").expect("an end"));
    assert!(reader.read(head.as_bytes()));
    assert!(reader.is_enough());
    assert!(!reader.read(rest.as_bytes()));
}

/// Parts of pages that are in no order.
const PARTS: [&str; 42] = [
    "<",
    ">",
    "</",
    "<!",
    "<!--",
    "-->",
    "<?",
    "<![CDATA[",
    "]]>",
    "&",
    "&amp",
    "&#x41;",
    "\0",
    "'",
    "\"",
    "=",
    " ",
    "\r\n",
    "<svg>",
    "</svg>",
    "<svg/>",
    "<math>",
    "</math>",
    "<script>",
    "</script>",
    "<style/>",
    "</style>",
    "<title>",
    "</title>",
    "<textarea>",
    "</textarea>",
    "<template>",
    "</template>",
    "<base href=/x/>",
    "<body>",
    "</html>",
    "<plaintext>",
    "<table><tr>",
    "<a href=/x>",
    "é論",
    "<param name=src value=/p.pdf>",
    "<object>",
];

/// What is in something that is not shown, with its end.
const HIDDEN: [(&str, &str); 6] = [
    ("<!--", "-->"),
    ("<script>", "</script>"),
    ("<style>", "</style>"),
    ("<textarea>", "</textarea>"),
    ("<title>", "</title>"),
    ("<noembed>", "</noembed>"),
];

proptest! {
    #[test]
    fn any_markup_can_be_read(
        parts in proptest::collection::vec(0..PARTS.len(), 0..60),
        length in 1..50usize,
        is_xml: bool,
    ) {
        let parts: Vec<_> = parts.iter().map(|part| PARTS[*part]).collect();
        let page = parts.concat();
        let content_type = if is_xml { "application/xhtml+xml; charset=utf-8" } else { "text/html" };
        let reading = read(page.as_bytes(), content_type, length);
        prop_assert!(reading.candidates.len() <= MOST_CANDIDATES);
        let whole = read(page.as_bytes(), content_type, page.len().max(1));
        prop_assert_eq!(reading, whole);
    }

    #[test]
    fn nothing_comes_out_of_what_is_hidden(
        before in "[a-z &;é]{0,20}",
        parts in proptest::collection::vec(0..PARTS.len(), 0..8),
        hidden in 0..HIDDEN.len(),
        length in 1..50usize,
    ) {
        // what may end it, or begin something in it that has another end
        const ENDS: [&str; 6] = ["-->", ">", "<!--", "<script>", "<", "<!"];
        let (start, end) = HIDDEN[hidden];
        let bad = "<meta name=citation_pdf_url content=/bad.pdf><embed src=/bad.pdf><iframe src=/bad.pdf></iframe>";
        let parts = parts.iter().map(|part| PARTS[*part]);
        let inner: String = parts.filter(|part| !part.starts_with("</") && !ENDS.contains(part)).collect();
        let page = format!("{before}{start}{inner} {bad}{end}<embed src=/good.pdf>");
        let reading = read(page.as_bytes(), "text/html", length);
        let found: Vec<_> = reading.candidates.iter().map(|found| found.url.path()).collect();
        prop_assert_eq!(found, ["/good.pdf"], "{}", page);
    }
}
