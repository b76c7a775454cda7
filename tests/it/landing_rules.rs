//! Which links of a page are its article, in words and by where they stand, and how what is found is named.

use std::net::TcpStream;

use crate::harness::{Sandbox, for_each_mode, list};
use crate::server::{Server, ok, pdf, respond};

/// Pages of articles, each with the PDF that it leads to, or the status without one.
const ARTICLES: [(&str, &str); 29] = [
    (
        "<ul class=galleys_links><li><a class='obj_galley_link file' href=/view/1>HTML</a></li>
            <li><a class='obj_galley_link pdf' href=/good>PDF</a></li></ul>",
        "good",
    ),
    (
        "<div class=modal><h5>Download PDF</h5><ul><li><a href='/good?format=pdf&lang=en'>English</a></li></ul></div>",
        "good",
    ),
    (
        "<a href=/good.pdf>Download full-text PDF (2.3 MB)</a>",
        "good",
    ),
    ("<a href=/good.pdf>全文PDF</a>", "good"),
    ("<a href=/good.pdf>本文を読む (PDF)</a>", "good"),
    (
        "<a href=/good.pdf>Accepted version (PDF)</a><a href=/bad.pdf>S1 File (PDF)</a>",
        "good",
    ),
    ("<a href='/dl/good'>Smith 2020.pdf (1.2 MB)</a>", "good"),
    (
        "<table><tr><td>Full paper</td><td><a href=/good.pdf>good.pdf</a></td></tr>
            <tr><td>Slides</td><td><a href=/bad.pdf>talk.pdf</a></td></tr></table>",
        "good",
    ),
    ("<a href=/bad.pdf>Correction (PDF)</a>", "no_pdf_link"),
    ("<p><a href=/good>Download the full text</a></p>", "good"),
    (
        "<table><tr><td>Previous article</td><td><a href=/bad.pdf>PDF</a></td></tr></table>",
        "no_pdf_link",
    ),
    (
        "<dl><dt>Datensatz</dt><dd><a href=/bad.pdf>PDF</a></dd></dl>",
        "no_pdf_link",
    ),
    (
        "<p>Next article: Another one <a href=/bad.pdf>PDF</a></p>",
        "no_pdf_link",
    ),
    (
        "<figure><img src=/i.png><figcaption>Figure 1. <a href=/bad.pdf>PDF</a></figcaption></figure>",
        "no_pdf_link",
    ),
    (
        "<a href=/bad.pdf>Data set description (PDF)</a>",
        "no_pdf_link",
    ),
    ("<a href=/bad.pdf>Codice etico (PDF)</a>", "no_pdf_link"),
    (
        "<a href=/bad.pdf>Лицензионный договор (PDF)</a>",
        "no_pdf_link",
    ),
    ("<a href=/bad.pdf>版权转让协议 PDF</a>", "no_pdf_link"),
    ("<a href=/bad.pdf>会則 PDF</a>", "no_pdf_link"),
    ("<a href=/41586_MOESM1_ESM.pdf>PDF</a>", "no_pdf_link"),
    (
        "<h2>What our readers made of it</h2><ul><li>B. Author, Another one <a href=/bad.pdf>PDF</a></li></ul>",
        "no_pdf_link",
    ),
    (
        "<h2>Readers have enjoyed</h2><p>B. Author, Another one <a href=/bad.pdf>PDF</a></p>",
        "no_pdf_link",
    ),
    (
        "<div class=card><h3><a href=/b>Another one</a></h3><a href=/bad.pdf>PDF</a></div>",
        "no_pdf_link",
    ),
    (
        "<p>Programme of the day: <a href=/bad.pdf>PDF</a></p>",
        "no_pdf_link",
    ),
    (
        "<embed type=application/pdf src=/docs/autorenrichtlinien.pdf>",
        "no_pdf_link",
    ),
    (
        "<h3>About the author</h3><object type=application/pdf data=/people/cv-smith.pdf></object>",
        "no_pdf_link",
    ),
    (
        "<embed type=application/pdf src=/previews/1-p1.pdf>",
        "no_pdf_link",
    ),
    (
        "<iframe src=https://ads.example/pdf/frame.html></iframe>",
        "no_pdf_link",
    ),
    (
        "<link rel=alternate type=application/pdf href=/issue/5/full-issue.pdf>",
        "no_pdf_link",
    ),
];

/// Titles of pages that are no articles, with what they are.
const MESSAGES: [(&str, &str); 9] = [
    ("Oops! That page can’t be found.", "gone"),
    ("This item has been withdrawn", "gone"),
    ("Pagina niet gevonden", "gone"),
    ("Page not found: link rot in scholarship", "no_pdf_link"),
    ("Single Sign-On", "login"),
    ("统一身份认证平台", "login"),
    ("Login and password behaviour", "no_pdf_link"),
    ("Pardon Our Interruption", "challenge"),
    ("安全验证", "challenge"),
];

fn page(stream: &mut TcpStream, head: &str, body: &str) {
    let html =
        format!("<!doctype html><html lang=en><head>{head}</head><body>{body}</body></html>");
    let head = "200 OK\r\nContent-Type: text/html; charset=utf-8";
    respond(stream, head, html.as_bytes());
}

#[test]
fn a_link_is_the_article_if_it_says_nothing_else() {
    let text = "Lorem ipsum dolor sit amet. ".repeat(60);
    for_each_mode(|mode| {
        let text = text.clone();
        let server = Server::start(move |request, stream| {
            let number = request.path.rsplit('/').next().map(str::parse::<usize>);
            let number = number.and_then(Result::ok);
            match (&*request.path, number) {
                (path, Some(number)) if path.starts_with("/article/") => {
                    let meta = format!("<meta name=citation_title content='On Foo {number}'>");
                    let body = format!(
                        "<main><h1>On Foo {number}</h1><p>{text}</p>{}</main>",
                        ARTICLES[number].0
                    );
                    page(
                        stream,
                        &meta,
                        &body.replace("good", &format!("good{number}")),
                    );
                }
                (path, Some(number)) if path.starts_with("/message/") => {
                    let title = MESSAGES[number].0;
                    page(
                        stream,
                        &format!("<title>{title}</title>"),
                        &format!("<h1>{title}</h1><p>Lorem ipsum"),
                    );
                }
                (path, _) => ok(stream, &pdf(path)),
            }
        });
        let sandbox = Sandbox::new();
        let articles = (0..ARTICLES.len()).map(|number| server.url(&format!("/article/{number}")));
        let messages = (0..MESSAGES.len()).map(|number| server.url(&format!("/message/{number}")));
        let links = list(articles.chain(messages));
        let options = ["--landing", "all", "--json", "--no-block-detection"];
        let run = sandbox.fetch(mode, &links, &options);
        let mut records = 0;
        for line in run.stdout.lines() {
            let record: serde_json::Value = serde_json::from_str(line).expect("a record");
            let url = record["url"].as_str().expect("a URL");
            let number: usize = url
                .rsplit('/')
                .next()
                .and_then(|n| n.parse().ok())
                .expect("a number");
            let (what, expected) = if url.contains("/article/") {
                ARTICLES[number]
            } else {
                MESSAGES[number]
            };
            let found = match record["final_url"].as_str() {
                Some(url) if url.contains("good") => "good",
                _ => record["status"].as_str().expect("a status"),
            };
            assert_eq!(found, expected, "{mode}: {what}");
            records += 1;
        }
        assert_eq!(records, ARTICLES.len() + MESSAGES.len());
    });
}

#[test]
fn files_whose_names_say_nothing_are_named_by_the_title() {
    let long = "題".repeat(150);
    let targets = [
        "/pii/S01/pdfft",
        "/x/_pdf",
        "/y/fulltextpdf",
        "/z/_pdf/-char/ja",
        "/full-text-pdf",
    ];
    for_each_mode(|mode| {
        let title = long.clone();
        let server = Server::start(move |request, stream| {
            match request
                .path
                .strip_prefix("/article/")
                .map(str::parse::<usize>)
            {
                Some(Ok(number)) => {
                    let meta = format!(
                        "<meta name=citation_title content='{number}{title}'><meta name=citation_pdf_url content={}>",
                        targets[number]
                    );
                    page(stream, &meta, "");
                }
                _ => ok(stream, &pdf(&request.path)),
            }
        });
        let sandbox = Sandbox::new();
        let links = (0..targets.len()).map(|number| server.url(&format!("/article/{number}")));
        sandbox.fetch(mode, list(links), &[]).exits(0);
        let files = sandbox.files();
        for number in 0..targets.len() {
            let name = format!("{number}{}.pdf", "題".repeat(79));
            assert!(files.contains_key(&name), "{mode}: {:?}", files.keys());
        }
    });
}
