//! One page for each rule, one for each trap, and the shapes of real sites.

use proptest::prelude::*;

use super::*;

fn url(text: &str) -> Url {
    Url::parse(text).expect("a URL")
}

/// Reads `page` in pieces of `length` bytes, with what is inferred.
fn read_in(page: &[u8], length: usize) -> Reading {
    let (url, link) = (
        url("https://a.example/article/7"),
        url("https://a.example/article/7"),
    );
    let circumstances = Circumstances {
        url: &url,
        link: &link,
        content_type: "text/html",
        links: &[],
        refresh: "",
        infers: true,
        rules: &Arc::default(),
        explains: false,
    };
    let mut reader = Reader::new(&circumstances);
    for piece in page.chunks(length) {
        if !reader.read(piece) {
            break;
        }
    }
    reader.finish()
}

/// The candidates of a page with this head and body, and how many equal ones there are.
fn found(html: &str) -> Vec<String> {
    let reading = read_in(html.as_bytes(), 1000);
    let found = reading.candidates.iter();
    found
        .map(|found| format!("{} {}", found.via.name(), found.url.path()))
        .collect()
}

const WORK: &str = "<meta name=citation_title content='On Foo'><body>";

#[test]
fn each_rule_finds_its_candidate() {
    let rules = [
        (
            "<META NAME='Citation_PDF_URL' CONTENT=/a.pdf>",
            "citation_pdf_url /a.pdf",
        ),
        (
            "<meta property=citation_pdf_url content='/a?x=1&amp;y=2'>",
            "citation_pdf_url /a",
        ),
        (
            "<meta name=bepress_citation_pdf_url content=/a.pdf>",
            "bepress_citation_pdf_url /a.pdf",
        ),
        (
            "<meta name=eprints.document_url content=/a.pdf>",
            "eprints.document_url /a.pdf",
        ),
        (
            "<link rel=alternate type=application/pdf href=/a.pdf>",
            "link_rel /a.pdf",
        ),
        ("<embed type=application/pdf src=/a>", "embed /a"),
        (
            "<object data=/a.pdf><embed src=/a.pdf></object>",
            "embed /a.pdf",
        ),
        ("<iframe src='/pdf/a'></iframe>", "frame /pdf/a"),
        (
            "<iframe src='/x/viewer.html?file=%2Fa.pdf#page=2'></iframe>",
            "viewer /a.pdf",
        ),
        (
            "<a href='/pdfjs/web/viewer.html?file=%2Fa.pdf'>read</a>",
            "viewer /a.pdf",
        ),
        (
            "<a class='obj_galley_link pdf' href='/article/view/1/2'>PDF</a>",
            "anchor_class /article/view/1/2",
        ),
        (
            "<noscript><a id=pdfDownloadLink href=/view/a>x</a></noscript>",
            "anchor_class /view/a",
        ),
        ("<a href=/dl/1>Download <b>PDF</b></a>", "anchor_text /dl/1"),
        (
            "<a href=/dl/1><img alt='PDF herunterladen'></a>",
            "anchor_text /dl/1",
        ),
        (
            "<a href=/download/1>Télécharger</a>",
            "anchor_text /download/1",
        ),
        (
            "<a href=/download/1>全文下载</a>",
            "anchor_text /download/1",
        ),
        (
            "<meta name=DC.identifier content='https://a.example/x.PDF'>",
            "dc.identifier /x.PDF",
        ),
    ];
    for (html, expected) in rules {
        assert_eq!(found(&format!("<html>{WORK}{html}")), [expected], "{html}");
    }
}

#[test]
fn what_is_no_tag_or_about_something_else_is_no_candidate() {
    let traps = [
        "<!-- <meta name=citation_pdf_url content=/a.pdf> -->",
        "<script>'<meta name=citation_pdf_url content=/a.pdf>'</script>",
        "<style><meta name=citation_pdf_url content=/a.pdf></style>",
        "<textarea><meta name=citation_pdf_url content=/a.pdf></textarea>",
        "<template><meta name=citation_pdf_url content=/a.pdf></template>",
        "<div class=related-articles><meta name=citation_pdf_url content=/a.pdf></div>",
        "<div class='refs references'><a href=/a.pdf>PDF</a></div>",
        "<footer><a href=/a.pdf>PDF</a></footer>",
        "<aside><embed src=/a.pdf></aside>",
        "<div id=first-page-preview><embed src=/a.pdf></div>",
        "<a href=/suppl_file/a.pdf>PDF</a>",
        "<a href=/a.pdf>Supplementary material (PDF)</a>",
        "<a href=/a.pdf>Anhang (PDF)</a>",
        "<a href=/a.pdf>目录 PDF</a>",
        "<a href='javascript:pdf()'>PDF</a>",
        "<a href=https://other.example/a.pdf>PDF</a>",
        "<meta name=citation_pdf_url content=/a.docx>",
        "<meta name=citation_pdf_url content=''>",
        "<meta http-equiv=refresh content='300; url=/next'>",
        "<meta http-equiv=refresh content=35>",
        "<a href=/a.pdf>PDF</a><a href=/b.pdf>PDF</a>",
        "<a hidden href=/a.pdf>PDF</a>",
    ];
    for html in traps {
        assert_eq!(found(&format!("<html>{WORK}{html}")), [""; 0], "{html}");
    }
}

#[test]
fn equal_candidates_are_counted_in_the_main_part() {
    let menu = "<a href=/x.pdf>PDF</a><a href=/y.pdf>PDF</a>";
    let main = "<main><a href=/a.pdf>PDF</a><a href='/a.pdf?download=1'>Download PDF</a></main>";
    assert_eq!(
        found(&format!("{WORK}{menu}{main}")),
        ["anchor_text /a.pdf"]
    );
    let reading = read_in(format!("{WORK}{menu}").as_bytes(), 99);
    assert_eq!((reading.candidates.len(), reading.ambiguous), (0, 2));
}

#[test]
fn pages_are_read_in_their_encoding() {
    let html = "<meta name=citation_pdf_url content='/größe.pdf'>";
    let (utf16, _) = html
        .chars()
        .fold((vec![0xff, 0xfe], 0), |(mut bytes, n), c| {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                bytes.extend(unit.to_le_bytes());
            }
            (bytes, n + 1)
        });
    let latin1: Vec<u8> = html
        .chars()
        .map(|c| u8::try_from(u32::from(c)).expect("Latin-1"))
        .collect();
    for page in [html.as_bytes(), &utf16, &latin1] {
        let reading = read_in(page, 7);
        assert_eq!(reading.candidates[0].url.path(), "/gr%C3%B6%C3%9Fe.pdf");
    }
}

#[test]
fn a_page_about_another_work_is_noticed() {
    let page = b"<meta name=citation_doi content=10.1000/other><body><a href=/a.pdf>PDF</a>";
    let at = url("https://a.example/x");
    for (link, other) in [
        (
            "https://doi.org/10.1000/this",
            Some("10.1000/other".to_owned()),
        ),
        ("https://doi.org/10.1000/OTHER", None),
        ("https://a.example/doi/full/10.1000/other?x=1", None),
        ("https://a.example/x", None),
    ] {
        let link = url(link);
        let mut reader = Reader::new(&Circumstances {
            url: &at,
            link: &link,
            content_type: "",
            links: &[],
            refresh: "",
            infers: true,
            rules: &Arc::default(),
            explains: false,
        });
        reader.read(page);
        let reading = reader.finish();
        assert_eq!(reading.candidates.is_empty(), other.is_some());
        assert_eq!(reading.about_another, other);
    }
}

/// Parts of pages, many of them without their end.
const PARTS: [&str; 27] = [
    "<html><head>",
    "<meta name=citation_title content=x>",
    "</head><body>",
    "<div class=references>",
    "<div>",
    "</div>",
    "<p>",
    "</p>",
    "<h2>References</h2>",
    "<h2>Files</h2>",
    "<ul><li>",
    "</ul>",
    "<table><tr><td>",
    "</table>",
    "<a href=/good.pdf>PDF",
    "</a>",
    "<span>",
    "</span>",
    "<main>",
    "</main>",
    "<nav>",
    "</nav>",
    "<noscript>",
    "</noscript>",
    "<b>",
    "text ",
    "<object>",
];

proptest! {
    #[test]
    fn the_reading_does_not_depend_on_the_pieces(
        parts in proptest::collection::vec(prop_oneof![
            Just("<meta name=citation_pdf_url content='/a&amp;b.pdf'>".to_owned()),
            Just("<a href='/x.pdf'>PDF &eacute;</a>\r\n".to_owned()),
            Just("<!-- <a href=/c.pdf>PDF</a> -->".to_owned()),
            Just("<script>var x = '</scr' + 'ipt>';</script>".to_owned()),
            Just("<!doctype html>".to_owned()),
            "[a-z<>&'\"=/! -]{0,20}",
        ], 0..12),
        length in 1..40usize,
    ) {
        let page = parts.concat();
        let whole = read_in(page.as_bytes(), page.len().max(1));
        prop_assert_eq!(read_in(page.as_bytes(), length), whole);
    }

    #[test]
    fn any_page_can_be_read(page in proptest::collection::vec(any::<u8>(), 0..3000)) {
        let reading = read_in(&page, 100);
        prop_assert!(reading.candidates.len() <= MOST_CANDIDATES);
    }

    #[test]
    fn what_is_no_tag_is_no_candidate(
        parts in proptest::collection::vec(0..PARTS.len(), 0..20),
        hidden in proptest::sample::select(&["<!-- {} -->", "<script>'{}'</script>", "<style>{}</style>",
            "<template>{}</template>", "<textarea>{}</textarea>", "<title>{}</title>", "<xmp>{}</xmp>", "<!-- {}"][..]),
        at in 0..20usize,
        length in 1..60usize,
    ) {
        let bad = hidden.replace("{}", "<meta name=citation_pdf_url content=/bad.pdf><a class=obj_galley_link href=/bad.pdf>PDF</a><embed src=/bad.pdf>");
        let mut parts: Vec<_> = parts.iter().map(|part| PARTS[*part]).collect();
        parts.insert(at.min(parts.len()), &bad);
        let reading = read_in(parts.concat().as_bytes(), length);
        prop_assert!(reading.candidates.len() <= MOST_CANDIDATES);
        prop_assert!(reading.candidates.iter().all(|found| found.url.path() != "/bad.pdf"), "{:?}", parts);
    }
}

/// What is read on a page: its candidates, or how many there are that are equal, or what it is.
fn decided(url: &str, html: &[u8]) -> String {
    let at = Url::parse(url).expect("a URL");
    let rules = Arc::default();
    let mut reader = Reader::new(&Circumstances {
        url: &at,
        link: &at,
        content_type: "text/html",
        links: &[],
        refresh: "",
        infers: true,
        rules: &rules,
        explains: false,
    });
    for piece in html.chunks(777) {
        if !reader.read(piece) {
            break;
        }
    }
    let reading = reader.finish();
    let found = reading.candidates.iter();
    let found: Vec<_> = found
        .map(|found| found.url[url::Position::BeforePath..].to_owned())
        .collect();
    match found.is_empty() {
        false => found.join(" "),
        true if reading.ambiguous > 0 => format!("{} equal", reading.ambiguous),
        true => format!("{:?}", reading.kind),
    }
}

/// What was expected of a page, if that is not what was decided.
fn differs(decided: &str, expected: &str, html: &str) -> Option<String> {
    let html = &html[..html.floor_char_boundary(400)];
    (decided != expected).then(|| format!("`{decided}` instead of `{expected}`: {html}"))
}

/// The shapes of pages under a heading: a URL, what is on the page, and what is to be decided.
fn shapes(heading: &str) -> Vec<(&'static str, &'static str, &'static str)> {
    let sections = include_str!("shapes.txt").split("== ");
    let section = sections.filter_map(|section| section.split_once('\n'));
    let (_, shapes) = section
        .into_iter()
        .find(|(name, _)| *name == heading)
        .expect("a heading");
    let mut lines = shapes.lines().filter(|line| !line.starts_with('#'));
    let mut shapes = Vec::new();
    while let (Some(head), Some(html)) = (lines.next(), lines.next()) {
        let (url, expected) = head.split_once(" -> ").expect("a URL and a decision");
        shapes.push((url, html.trim(), expected));
    }
    shapes
}

const META: &str = "<head><title>On Foo</title><meta name=citation_title content='Cover and figure: on foo'></head><body>";

#[test]
fn articles_of_real_shapes_are_found() {
    let mut wrong = Vec::new();
    let text = "Lorem ipsum dolor sit amet. ".repeat(20);
    for (url, html, expected) in shapes("articles_of_real_shapes_are_found") {
        let html = format!("{META}{html}<p>{text}</p>");
        wrong.extend(differs(&decided(url, html.as_bytes()), expected, &html));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_not_the_article_is_left() {
    let mut wrong = Vec::new();
    let text = "Lorem ipsum dolor sit amet. ".repeat(20);
    for (url, html, expected) in shapes("what_is_not_the_article_is_left") {
        let html = format!("{META}{html}<p>{text}</p>");
        wrong.extend(differs(&decided(url, html.as_bytes()), expected, &html));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn pages_about_no_work_are_what_they_are() {
    let mut wrong = Vec::new();
    let text = "Lorem ipsum dolor sit amet. ".repeat(100);
    for (url, html, expected) in shapes("pages_about_no_work_are_what_they_are") {
        let html = html.replace("{text}", &text);
        let url = format!("https://a.example{url}");
        wrong.extend(differs(&decided(&url, html.as_bytes()), expected, &html));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn pages_in_other_encodings_are_read() {
    let html = "<html><meta charset={}><meta name=citation_title content='題名 Тема'><p>{text}</p><a href='/a.pdf'>{word}</a><a href=/b.pdf>{other}</a>";
    let html = html.replace("{text}", &"x ".repeat(700));
    for (encoding, word, other) in [
        (encoding_rs::SHIFT_JIS, "本文ダウンロード", "目次PDF"),
        (encoding_rs::EUC_JP, "本文ダウンロード", "目次PDF"),
        (encoding_rs::GBK, "全文下载", "目录PDF"),
        (encoding_rs::WINDOWS_1251, "Скачать", "Содержание PDF"),
        (encoding_rs::KOI8_R, "Скачать", "Содержание PDF"),
        (
            encoding_rs::WINDOWS_1252,
            "télécharger",
            "Matériel supplémentaire PDF",
        ),
    ] {
        let html = html
            .replace("{}", encoding.name())
            .replace("{word}", word)
            .replace("{other}", other);
        let (bytes, _, _) = encoding.encode(&html);
        assert_eq!(
            decided("https://a.example/x", &bytes),
            "/a.pdf",
            "{}",
            encoding.name()
        );
        for (mark, big) in [([0xff, 0xfe], false), ([0xfe, 0xff], true)] {
            let units = html.encode_utf16().flat_map(|unit| {
                if big {
                    unit.to_be_bytes()
                } else {
                    unit.to_le_bytes()
                }
            });
            let bytes: Vec<u8> = mark.into_iter().chain(units).collect();
            assert_eq!(decided("https://a.example/x", &bytes), "/a.pdf");
        }
    }
}

#[test]
fn memory_is_bounded_whatever_the_page() {
    let url = |length: usize| format!("/{}", "x".repeat(length));
    let each = |page: &dyn Fn(usize) -> String| (0..300).map(page).collect::<Vec<_>>().concat();
    let pages = [
        format!("<div class='{}'>", "x ".repeat(2000)).repeat(300),
        each(&|n| format!("<a class=obj_galley_link href='/{n}{}'>PDF</a>", url(4000))),
        each(&|n| {
            format!(
                "<meta name=citation_title content='{n}{}'><meta name=doi content='10.1000/{n}{}'>",
                url(4000),
                url(4000)
            )
        }),
        format!(
            "<a {}>",
            elements::ATTRIBUTES
                .map(|name| format!("{name}='{}' ", url(100_000)))
                .concat()
        ),
        "x".repeat(2_000_000),
        "é ".repeat(100_000),
        format!("<script>{}", "\"pdfUrl\":\"".repeat(20_000)),
        "<!--".repeat(100_000),
    ];
    let at = Url::parse("https://figshare.com/x").expect("a URL");
    for page in pages {
        let mut reader = Reader::new(&Circumstances {
            url: &at,
            link: &at,
            content_type: "text/html; charset=windows-1252",
            links: &[],
            refresh: "",
            infers: true,
            rules: &Arc::default(),
            explains: false,
        });
        let mut most = 0;
        for piece in page.as_bytes().chunks(16 * 1024) {
            let goes_on = reader.read(piece);
            most = most.max(reader.kept());
            if !goes_on {
                break;
            }
        }
        assert!(
            most <= 256 * 1024,
            "{most} bytes for {}",
            &page[..60.min(page.len())]
        );
    }
}

/// Words of pages in one language: to download a PDF, full text; supplement, cover, contents, guidelines for authors, abstract,
/// figure; headings of references, related work, and what others have read.
const SPOKEN: [[&str; 11]; 9] = [
    [
        "Download PDF",
        "Full text",
        "Supplementary material",
        "Cover",
        "Table of contents",
        "Author guidelines",
        "Abstract",
        "Figure 1",
        "References",
        "Related articles",
        "Most read",
    ],
    [
        "PDF herunterladen",
        "Volltext",
        "Anhang",
        "Titelblatt",
        "Inhaltsverzeichnis",
        "Hinweise für Autoren",
        "Zusammenfassung",
        "Abbildung 1",
        "Literatur",
        "Ähnliche Artikel",
        "Meistgelesen",
    ],
    [
        "Télécharger le PDF",
        "Texte intégral",
        "Annexe",
        "Couverture",
        "Sommaire",
        "Instructions aux auteurs",
        "Résumé",
        "Figure 1",
        "Références",
        "Articles similaires",
        "Sur le même sujet",
    ],
    [
        "Descargar PDF",
        "Texto completo",
        "Material suplementario",
        "Portada",
        "Índice",
        "Normas para autores",
        "Resumen",
        "Figura 1",
        "Referencias",
        "Artículos relacionados",
        "Más leídos",
    ],
    [
        "Baixar PDF",
        "Texto completo",
        "Material suplementar",
        "Capa",
        "Sumário",
        "Diretrizes para autores",
        "Resumo",
        "Figura 1",
        "Referências",
        "Artigos relacionados",
        "Mais lidos",
    ],
    [
        "Scarica PDF",
        "Testo completo",
        "Materiale supplementare",
        "Copertina",
        "Indice",
        "Istruzioni per gli autori",
        "Riassunto",
        "Figura 1",
        "Bibliografia",
        "Articoli correlati",
        "I più letti",
    ],
    [
        "Скачать PDF",
        "Полный текст",
        "Приложение",
        "Обложка",
        "Содержание",
        "Правила для авторов",
        "Аннотация",
        "Рисунок 1",
        "Литература",
        "Похожие статьи",
        "Читайте также",
    ],
    [
        "下载PDF",
        "全文",
        "附录",
        "封面",
        "目录",
        "作者须知",
        "摘要",
        "插图1",
        "参考文献",
        "相关文章",
        "推荐",
    ],
    [
        "PDFダウンロード",
        "本文",
        "補足資料",
        "表紙",
        "目次",
        "投稿規定",
        "要旨",
        "図表1",
        "引用文献",
        "関連記事",
        "おすすめ",
    ],
];

#[test]
fn no_page_leads_to_another_work() {
    let articles = [
        "<a href=/good.pdf>{0}</a>",
        "<a href=/good.pdf>{1}</a>",
        "<a class='obj_galley_link pdf' href=/article/view/7/good>PDF</a>",
        "<p>x <a href='/files/good.pdf'><img src=/pdf.png alt='{0}'></a> (2 MB)</p>",
        "<section><h3>{1}</h3><a href=/good.pdf>PDF</a></section>",
        "<dl><dt>{1}<dd><a href=/good.pdf>good.pdf</a></dl>",
        "<ul class=tools><li><a href=/good.pdf title='{0}'></a></ul>",
        "<a class=pdf-link href=/bitstream/1/good.pdf>{0}</a> <a href='/bitstream/1/good.pdf?download=1'>good.pdf</a>",
        "<object data=/good.pdf type=application/pdf></object>",
        "<iframe src='/viewer.html?file=good.pdf'></iframe>",
    ];
    let decoys = [
        "<h2>{8}</h2><ol><li>Author <a href=/bad1.pdf>PDF</a></li><li>B <a href=/bad2.pdf>{0}</a></ol>",
        "<div><div class=title><h3>{9}</h3></div><div class=row><div><h4>Some title</h4><a href=/bad3.pdf>{0}</a></div></div></div>",
        "<section><h3>{10}</h3><a class=pdf href=/bad4.pdf>PDF</a></section>",
        "<p><a href=/bad5.pdf>{2} (PDF)</a></p>",
        "<p><a href=/bad6.pdf>{3} (PDF)</a> <a href=/bad7.pdf>{4} PDF</a></p>",
        "<p><a href=/bad8.pdf>{5} (PDF)</a></p>",
        "<p><a href=/bad9.pdf>PDF {6}</a></p>",
        "<figure><a href=/bad10.pdf>{7} PDF</a></figure>",
        "<p><b>{2}:</b> <a href=/bad11.pdf>PDF</a></p>",
        "<table><tr><th>{2}</th><td><a href=/bad12.pdf>PDF</a></td></tr></table>",
        "<div class='related-articles'><embed src=/bad13.pdf><meta name=citation_pdf_url content=/bad14.pdf></div>",
        "<aside><a class=obj_download href=/bad15.pdf>{0}</a></aside>",
        "<div class=firstpage-preview><iframe src=/bad16.pdf></iframe></div>",
        "<nav><a class=pdf href=/bad17.pdf>PDF</a></nav>",
        "<!-- <a class=pdf-link href=/bad18.pdf>{0}</a> --><script>'<a href=/bad19.pdf>PDF</a>'</script>",
        "<footer><div><a href=/bad20.pdf>{0}</a></div></footer>",
        "<div hidden><a href=/bad21.pdf>{0}</a></div>",
        "<p><a href=/suppl_file/bad22.pdf>PDF</a> <a href=/img/cover.pdf>PDF</a></p>",
        "<a href=https://other.example/bad23.pdf>PDF</a>",
    ];
    let speak = |text: &str, words: &[&str; 11]| {
        let words = words.iter().enumerate();
        words.fold(text.to_owned(), |text, (n, word)| {
            text.replace(&format!("{{{n}}}"), word)
        })
    };
    let (mut pages, mut lost) = (0, Vec::new());
    for (n, words) in SPOKEN.iter().enumerate() {
        for (a, article) in articles.iter().enumerate() {
            for first in (a % 3..decoys.len()).step_by(3) {
                let other = |step: usize| decoys[(first + step * (a + n + 1)) % decoys.len()];
                let before = ["<div>", other(1), "</div>"].concat();
                let main = [article, other(2), other(3)].concat();
                let main = if first % 2 == 0 {
                    format!("<main>{main}</main>")
                } else {
                    main
                };
                let page = format!("{META}{before}{main}{}", decoys[first]);
                let page = speak(&page, words) + &"<p>Lorem ipsum".repeat(20);
                let found = decided("https://a.example/article/view/7", page.as_bytes());
                assert!(!found.contains("bad"), "{found}: {page}");
                pages += 1;
                if !found.contains("good") {
                    lost.push(format!("{found}: {page}"));
                }
            }
        }
    }
    assert!(
        lost.len() * 100 <= pages,
        "{} of {pages}: {}",
        lost.len(),
        lost[..lost.len().min(9)].join("\n")
    );
}
