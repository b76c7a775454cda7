//! Never the wrong file behind a page: what is refused, dead, moved, about another work, or several works.

use std::collections::HashMap;
use std::net::TcpStream;

use crate::harness::{Run, Sandbox, for_each_mode, list};
use crate::server::{Server, ok, pdf, respond};

/// How a server answers for a path.
#[derive(Clone)]
enum Answer {
    /// A page with this head and this body.
    Page(String, String),
    /// A redirect to this path.
    To(&'static str),
    /// This status, with a short page.
    Status(&'static str),
}

/// What becomes of a link: the path of the PDF that is saved, or the status.
type Case = (&'static str, Answer, &'static str);

/// Links, and the pages behind them.
#[derive(Default)]
struct Web {
    answers: HashMap<String, Answer>,
    expected: Vec<(String, String)>,
}

impl Web {
    fn link(&mut self, path: &str, answer: Answer, expected: &str) {
        self.expected.push((path.to_owned(), expected.to_owned()));
        self.behind(path, answer);
    }

    fn behind(&mut self, path: &str, answer: Answer) {
        self.answers.insert(path.to_owned(), answer);
    }

    fn serve(&self) -> Server {
        let answers = self.answers.clone();
        Server::start(move |request, stream| match answers.get(&request.path) {
            Some(Answer::Page(head, body)) => page(stream, head, body),
            Some(Answer::To(path)) => {
                respond(stream, &format!("302 Found\r\nLocation: {path}"), b"");
            }
            Some(Answer::Status(status)) => respond(stream, status, b"<html><p>no"),
            None if request.path.contains(".pdf") => ok(stream, &pdf(&request.path)),
            None => respond(stream, "404 Not Found", b"<html><p>nothing"),
        })
    }

    /// Fetches all links at once, and compares what has become of each; returns the run.
    fn check(&self, mode: &str, landing: &str) -> Run {
        let (server, sandbox) = (self.serve(), Sandbox::new());
        let links = list(self.expected.iter().map(|(path, _)| server.url(path)));
        let args = ["--landing", landing, "--json", "--no-block-detection"];
        let run = sandbox.fetch(mode, links, &args);
        let (records, files) = (records(&run), sandbox.files());
        for (path, expected) in &self.expected {
            let url = server.url(path);
            let record = records.iter().find(|record| record["url"] == url);
            let record = record.expect("a record");
            let is_so = match record["file"].as_str() {
                Some(file) => files[file] == pdf(expected),
                None => record["status"] == **expected,
            };
            assert!(is_so, "{mode}, {path}: not {expected}, but {record}");
        }
        run
    }
}

fn page(stream: &mut TcpStream, head: &str, body: &str) {
    let html = format!("<!doctype html><html><head>{head}</head><body>{body}<p>text</body></html>");
    respond(stream, "200 OK\r\nContent-Type: text/html", html.as_bytes());
}

fn records(run: &Run) -> Vec<serde_json::Value> {
    let lines = run.stdout.lines();
    lines
        .map(|line| serde_json::from_str(line).expect("a record"))
        .collect()
}

fn declares(path: &str) -> String {
    format!("<meta name=citation_pdf_url content='{path}'>")
}

fn entitled(title: &str) -> String {
    format!("<meta name=citation_title content='{title}'>")
}

fn identified(doi: &str) -> String {
    format!("<meta name=citation_doi content='{doi}'>")
}

fn shows(path: &str) -> String {
    format!("<main><embed type=application/pdf src={path}></main>")
}

fn html(head: impl Into<String>, body: impl Into<String>) -> Answer {
    Answer::Page(head.into(), body.into())
}

#[test]
fn what_is_refused_is_not_replaced() {
    let mut web = Web::default();
    let refusals = [
        ("401", Answer::Status("401 Unauthorized"), "http_status"),
        ("402", Answer::Status("402 Payment Required"), "http_status"),
        ("403", Answer::Status("403 Forbidden"), "http_status"),
        ("406", Answer::Status("406 Not Acceptable"), "http_status"),
        ("451", Answer::Status("451 Unavailable"), "http_status"),
        (
            "login",
            html("<title>Sign in</title>", "<input type=password>"),
            "login",
        ),
        ("buy", html("", "<a href=/cart>Purchase PDF</a>"), "paywall"),
        (
            "challenge",
            html("<title>Just a moment...</title>", ""),
            "challenge",
        ),
        ("consent", html("", "Cookies must be enabled"), "consent"),
        ("loop", Answer::To("/page/loop"), "paywall"),
    ];
    for (name, answer, expected) in refusals {
        let head = [
            &*declares(&format!("/file/{name}")),
            "<link rel=alternate type=application/pdf href=/bad1.pdf>",
        ];
        let body = [
            &*shows("/bad2.pdf"),
            "<iframe src='/viewer.html?file=/bad3.pdf'></iframe>",
        ];
        web.link(
            &format!("/page/{name}"),
            html(head.concat(), body.concat()),
            expected,
        );
        web.behind(&format!("/file/{name}"), answer);
    }
    // what is declared besides may be given, and so may what is shown in place of what is dead
    let both = [entitled("A"), declares("/file/403"), declares("/good1.pdf")];
    web.link("/both", html(both.concat(), ""), "/good1.pdf");
    web.link(
        "/dead",
        html(
            "",
            shows("/file/none") + "<iframe src='/viewer.html?file=/good2.pdf'></iframe>",
        ),
        "/good2.pdf",
    );
    for_each_mode(|mode| {
        web.check(mode, "auto");
    });
}

#[test]
fn home_pages_errors_and_lists_are_no_articles() {
    const SOCIAL: &str =
        "<meta property=og:type content=article><meta name=DC.title content=Library>";
    let lists = [
        &entitled("A"),
        "<title>Not found</title>",
        &*declares("/good.pdf"),
    ]
    .concat();
    let cases: [Case; 13] = [
        ("/old/1", Answer::To("/"), "gone"),
        ("/old/2", Answer::To("/index.php"), "gone"),
        ("/old/3", Answer::To("/en-us/?from=404"), "gone"),
        ("/old/4", Answer::To("/index.php/journal/index"), "gone"),
        ("/old/5", Answer::To("/errors/404.html"), "gone"),
        ("/old/6", Answer::To("/search?q=foo"), "no_pdf_link"),
        ("/old/7", Answer::To("/old/7/index.html"), "/good/7.pdf"),
        (
            "/old/8",
            html(
                format!("<title>Page not found</title>{SOCIAL}"),
                shows("/bad.pdf"),
            ),
            "gone",
        ),
        (
            "/journal/issues",
            html(SOCIAL, shows("/bad.pdf")),
            "no_pdf_link",
        ),
        // what it is called says nothing about an article
        ("/old/9", html(lists, ""), "/good.pdf"),
        ("/old/10", Answer::To("/?p=10"), "/good/10.pdf"),
        ("/doi/10.5555/own", Answer::To("/home"), "/good/11.pdf"),
        (
            "/old/12",
            html("<title>Portal</title>", shows("/good/12.pdf")),
            "/good/12.pdf",
        ),
    ];
    let mut web = Web::default();
    for (path, answer, expected) in cases {
        web.link(path, answer, expected);
    }
    for path in [
        "/",
        "/index.php",
        "/en-us/?from=404",
        "/index.php/journal/index",
    ] {
        web.behind(path, html(SOCIAL, shows("/bad.pdf")));
    }
    for path in ["/errors/404.html", "/search?q=foo"] {
        web.behind(path, html(SOCIAL, shows("/bad.pdf")));
    }
    web.behind("/old/7/index.html", html(SOCIAL, shows("/good/7.pdf")));
    web.behind("/?p=10", html(SOCIAL, shows("/good/10.pdf")));
    let own = identified("10.5555/OWN") + &declares("/good/11.pdf");
    web.behind("/home", html(own, ""));
    for_each_mode(|mode| {
        web.check(mode, "auto");
    });
}

#[test]
fn pages_about_another_work_than_the_one_before_are_left() {
    let one = identified("10.5555/one") + &entitled("On Foo");
    let two = identified("10.5555/two") + &declares("/bad.pdf");
    let mut web = Web::default();
    // by a redirect of a candidate, by the candidate itself, in a frame, and by title
    let to_two = &*format!("{one}{}", declares("/moved"));
    web.link("/redirect", html(to_two, ""), "no_pdf_link");
    web.behind("/moved", Answer::To("/two"));
    web.behind("/two", html(&*two, ""));
    web.link(
        "/candidate",
        html(one.clone() + &declares("/two"), ""),
        "no_pdf_link",
    );
    web.link(
        "/frame",
        html(&*one, "<iframe src=/pdf/two></iframe>"),
        "no_pdf_link",
    );
    web.behind(
        "/pdf/two",
        html(identified("10.5555/two"), shows("/bad.pdf")),
    );
    web.link(
        "/title",
        html(entitled("On Foo") + &declares("/bar"), ""),
        "no_pdf_link",
    );
    web.behind("/bar", html(entitled("On Bar") + &declares("/bad.pdf"), ""));
    web.link(
        "/url",
        html(one.clone() + &declares("/doi/abs/10.5555/two"), ""),
        "no_pdf_link",
    );
    web.behind("/doi/abs/10.5555/two", html("", shows("/bad.pdf")));
    // the same work in other words
    web.link(
        "/same",
        html(one.clone() + &declares("/viewer"), ""),
        "/good1.pdf",
    );
    let viewer = identified("https://doi.org/10.5555/ONE") + &entitled("Über Foo");
    web.behind("/viewer", html(viewer, shows("/good1.pdf")));
    web.link(
        "/plain",
        html(one.clone() + &declares("/plain/view"), ""),
        "/good2.pdf",
    );
    web.behind(
        "/plain/view",
        html("<meta name=DC.title content=Viewer>", shows("/good2.pdf")),
    );
    // the next candidate of a page that is right
    let next = one + &declares("/two") + &declares("/good3.pdf");
    web.link("/next", html(next, ""), "/good3.pdf");
    for_each_mode(|mode| {
        let run = web.check(mode, "auto");
        assert!(
            run.stdout
                .contains("a page about another work, `10.5555/two`")
        );
    });
}

#[test]
fn doubt_stays_on_the_way_and_pages_say_what_they_are_about() {
    let mut web = Web::default();
    let other = identified("10.5555/other") + &declares("/viewer");
    web.link("/doi/10.5555/this", html(other, ""), "/file.pdf");
    web.behind("/viewer", html("", shows("/file.pdf")));
    let anchor = "<a class=download-pdf href=/bad.pdf>PDF</a>";
    let doi = format!("<p>Cite as <a href=https://doi.org/10.5555/x>x</a></p>{anchor}");
    web.link("/doi/10.5555/shown", Answer::To("/item/1"), "no_pdf_link");
    web.behind("/item/1", html("", doi));
    let canonical = "<link rel=canonical href=/doi/10.5555/x>";
    web.link(
        "/doi/10.5555/canonical",
        html(canonical, anchor),
        "no_pdf_link",
    );
    let own = "<p><a href=https://doi.org/10.5555/OWN>x</a></p><a class=download-pdf href=/good.pdf>PDF</a>";
    web.link("/doi/10.5555/own", Answer::To("/item/2"), "/good.pdf");
    web.behind("/item/2", html("", own));
    for_each_mode(|mode| {
        let run = web.check(mode, "all");
        let suspect = "found on a page about another work than the link names";
        assert_eq!(run.stdout.matches(suspect).count(), 1, "{mode}");
    });
}

#[test]
fn pages_of_several_works_lead_to_none() {
    let work = |title: &str, path: &str| entitled(title) + &declares(path);
    let issue = work("Editorial", "/bad1.pdf") + &work("Editorial", "/bad2.pdf");
    let dois = [
        work("A", "/bad1.pdf") + &identified("10.5555/1"),
        work("B", "/bad2.pdf") + &identified("10.5555/2"),
    ];
    let unnamed = declares("/bad1.pdf") + &declares("/bad2.pdf");
    let embeds = "<embed src=/bad1.pdf><embed src=/bad2.pdf>";
    let viewer = "<iframe src='/viewer.html?file=/bad3.pdf'></iframe>";
    let languages = work("Eins", "/good1.pdf") + &work("One", "/eins.pdf");
    let mut web = Web::default();
    for (path, head, body, expected) in [
        ("/issue", issue, "", "no_pdf_link"),
        ("/dois", dois.concat(), "", "no_pdf_link"),
        ("/unnamed", unnamed, "", "no_pdf_link"),
        (
            "/embeds",
            entitled("A"),
            &*[embeds, viewer].concat(),
            "no_pdf_link",
        ),
        (
            "/anchors",
            entitled("A"),
            "<a href='/viewer.html?file=/bad1.pdf'>read</a><a href='/viewer.html?file=/bad2.pdf'>read</a>",
            "no_pdf_link",
        ),
        (
            "/languages",
            languages + &identified("10.5555/1"),
            "",
            "/good1.pdf",
        ),
    ] {
        web.link(path, html(head, body), expected);
    }
    for_each_mode(|mode| {
        let run = web.check(mode, "auto");
        let counted = "a page with 2 PDFs that cannot be told apart";
        assert_eq!(run.stdout.matches(counted).count(), 5, "{mode}");
    });
}

#[test]
fn the_most_telling_word_is_that_of_the_link() {
    let text = format!("<p>{}</p>", "word ".repeat(200));
    let sells = format!("{text}<a href=/cart>Get access</a>");
    let login = || html("<title>Sign in</title>", "<input type=password>");
    let mut web = Web::default();
    web.link("/doi/full/10.5555/login", login(), "login");
    web.link("/doi/full/10.5555/pay", html("", &*sells), "paywall");
    web.link("/doi/full/10.5555/refused", html("", &*sells), "paywall");
    web.behind("/doi/pdf/10.5555/refused", Answer::Status("403 Forbidden"));
    web.link("/doi/full/10.5555/none", html("", &*text), "no_pdf_link");
    web.link(
        "/article/view/7/8",
        html("<title>404 Not Found</title>", ""),
        "gone",
    );
    let dead = shows("/none") + &sells;
    web.link("/pay/shown", html("", dead), "paywall");
    web.link("/declared", html(declares("/none"), &*text), "http_status");
    let refresh = |to: &str| format!("<meta http-equiv=refresh content='0;url={to}'>");
    web.link("/turn/1", html(refresh("/turn/2"), ""), "no_pdf_link");
    web.link("/turn/2", html(refresh("/turn/1"), ""), "no_pdf_link");
    let frame = "<iframe src=/pdf/frame></iframe>";
    web.link("/pdf/around", html("", frame), "no_pdf_link");
    web.behind("/pdf/frame", html("", "<iframe src=/pdf/around></iframe>"));
    for_each_mode(|mode| {
        web.check(mode, "auto");
    });
}

#[test]
fn credentials_of_a_link_are_those_of_its_origin() {
    for_each_mode(|mode| {
        let server = Server::start(|request, stream| {
            let host = request.header("host").expect("a host").to_owned();
            match (request.header("authorization"), &*request.path) {
                (None, _) => respond(stream, "401 Unauthorized", b""),
                (_, "/page") => page(stream, &declares(&format!("http://{host}/x.pdf")), ""),
                (_, path) => ok(stream, &pdf(path)),
            }
        });
        let link = server.url("/page").replace("http://", "http://me:secret@");
        let run = Sandbox::new().fetch(mode, link, &["--json"]).exits(0);
        assert!(!run.stdout.contains("secret"), "{mode}");
    });
}

#[test]
fn mirrors_take_no_room_from_pages() {
    for_each_mode(|mode| {
        let mut web = Web::default();
        web.behind("/page", html("", shows("/x.pdf")));
        let (server, sandbox) = (web.serve(), Sandbox::new());
        let dead = (0..9).map(|number| server.url(&format!("/dead/{number}")));
        let mirrors: Vec<_> = dead.chain([server.url("/page")]).collect();
        let args = ["--input-format", "aria2"];
        let run = sandbox.fetch(mode, mirrors.join("\t"), &args).exits(0);
        assert_eq!(run.count("downloaded"), 1, "{mode}");
    });
}

#[test]
fn pages_that_set_cookies_lead_on_and_not_for_ever() {
    for_each_mode(|mode| {
        let server = Server::start(|request, stream| {
            let own = format!("{}=1", &request.path[1..2]);
            let cookies = request.header("cookie").unwrap_or_default();
            let has_cookie = cookies.contains(&own);
            let sets = |stream: &mut TcpStream, status: &str, body: &str| {
                let head =
                    format!("{status}\r\nContent-Type: text/html\r\nSet-Cookie: {own}; Path=/");
                respond(stream, &head, body.as_bytes());
            };
            let turn =
                |path: &str| format!("<html><meta http-equiv=refresh content='0;url={path}'>");
            match (&*request.path, has_cookie) {
                ("/a", false) => sets(stream, "200 OK", &turn("/a")),
                ("/a", true) => page(stream, &declares("/a.pdf"), ""),
                ("/b", _) => page(stream, &declares("/b/pdf"), ""),
                ("/b/pdf", false) => sets(stream, "200 OK", &turn("/b/pdf")),
                ("/c", _) => page(stream, &declares("/c/pdf"), ""),
                ("/c/pdf", false) => sets(stream, "302 Found\r\nLocation: /c", ""),
                // each time another one
                ("/d", _) => {
                    let cookie = format!("200 OK\r\nSet-Cookie: d={}", request.earlier);
                    respond(stream, &cookie, declares("/d/pdf").as_bytes());
                }
                ("/d/pdf", _) => respond(stream, "302 Found\r\nLocation: /d", b""),
                ("/e", _) => page(stream, "<meta http-equiv=refresh content='9;url=/e'>", ""),
                (path, _) => ok(stream, &pdf(path)),
            }
        });
        let links = ["/a", "/b", "/c", "/d", "/e"].map(|path| server.url(path));
        let run = Sandbox::new().fetch(mode, list(links.clone()), &["--json"]);
        let records = records(&run);
        let words = links.each_ref().map(|link| {
            let record = records.iter().find(|record| record["url"] == **link);
            record.expect("a record")["status"]
                .as_str()
                .expect("a word")
        });
        let expected = [
            "downloaded",
            "downloaded",
            "downloaded",
            "paywall",
            "no_pdf_link",
        ];
        assert_eq!(words, expected, "{mode}: {run:#?}");
        let asked = |path: &str| {
            let requests = server.requests();
            requests
                .iter()
                .filter(|request| request.path == path)
                .count()
        };
        assert_eq!((asked("/a"), asked("/c"), asked("/e")), (2, 2, 1), "{mode}");
        assert!(asked("/d") <= 4, "{mode}");
    });
}

/// A title, and the head of a page of the work.
const FOO: &str = "On foo, and all that it is good for";

#[test]
fn what_stands_apart_on_a_page_is_not_its_pdf() {
    let frame = "<iframe src=/bad.pdf></iframe>";
    let object = "<object type=application/pdf data=/bad.pdf></object>";
    let viewer = "href='/viewer.html?file=/bad.pdf'";
    let chapter = |number: u8| {
        let path = format!("/bad{number}.pdf");
        format!(
            "<div class=chapter><h4>Part {number}</h4>{}</div>",
            declares(&path)
        )
    };
    let mut web = Web::default();
    for (path, body) in [
        ("/slides", format!("<h2>Slides</h2>{frame}")),
        ("/sample", format!("<h2>Leseprobe</h2>{frame}")),
        ("/cover", format!("<h2>Umschlag</h2>{object}")),
        ("/label", format!("<p>Graphical summary: {object}</p>")),
        (
            "/modal",
            format!("<div class='modal fade' id=terms><div>{frame}</div></div>"),
        ),
        ("/dialog", format!("<div role=dialog>{object}</div>")),
        (
            "/item",
            format!(
                "<ul><li itemscope><a href=/2 itemprop=name>The world of other things</a>{}</li></ul>",
                declares("/bad.pdf")
            ),
        ),
        (
            "/listed",
            format!("<ul><li>The world of other things {frame}</li></ul>"),
        ),
        (
            "/widget",
            format!(
                "<div>{}{}</div>",
                entitled("The world of other things"),
                declares("/bad.pdf")
            ),
        ),
        ("/chapters", [1, 2, 3].map(chapter).concat()),
        (
            "/card",
            format!("<div><h4><a href=/9>The world of other things</a></h4>{object}</div>"),
        ),
        ("/before", format!("<p>Erratum: <a {viewer}>Read</a></p>")),
        (
            "/other",
            format!("<p><a {viewer}>The world of other things</a></p>"),
        ),
        (
            "/links",
            format!("<ul><li>The world of other things <a {viewer}>Read</a></li></ul>"),
        ),
    ] {
        let body = format!("<h1>{FOO}</h1><p>text</p>{body}");
        web.link(path, html(entitled(FOO), body), "no_pdf_link");
    }
    for_each_mode(|mode| {
        web.check(mode, "auto");
    });
}

#[test]
fn what_a_page_shows_as_its_own_is_its_pdf() {
    let title = format!("<h2>{FOO}</h2>");
    let keywords = "<table><tr><td><p>Keywords: foo, bar, baz, qux, quux";
    let mut web = Web::default();
    for (path, body, expected) in [
        (
            "/full",
            "<h2>Full text</h2><iframe src=/1.pdf></iframe>",
            "/1.pdf",
        ),
        (
            "/title",
            &*format!("{title}<object data=/2.pdf type=application/pdf></object>"),
            "/2.pdf",
        ),
        (
            "/cell",
            &*format!("{keywords}</p><embed src=/3.pdf type=application/pdf>"),
            "/3.pdf",
        ),
        (
            "/reader",
            "<div class=modal id=pdf-reader><iframe src=/4.pdf></iframe></div>",
            "/4.pdf",
        ),
        (
            "/read",
            "<p><a href='/viewer.html?file=/5.pdf'>Read</a></p>",
            "/5.pdf",
        ),
        (
            "/stamp/stamp.jsp?arnumber=6",
            "<iframe src='/stampPDF/getPDF.jsp?f=6.pdf&amp;ref='></iframe>",
            "/stampPDF/getPDF.jsp?f=6.pdf&ref=",
        ),
        (
            "/doi/pdf/10.5555/7",
            "<iframe id=pdf-iframe src='/doi/pdfdirect/10.5555/7?x=7.pdf&amp;y='></iframe>",
            "/doi/pdfdirect/10.5555/7?x=7.pdf&y=",
        ),
    ] {
        web.link(path, html(entitled(FOO), body), expected);
    }
    // a page that is about no work may have any heading
    let minutes = "<h1>The club</h1><h2>Protokoll</h2><iframe src=/8.pdf></iframe>";
    web.link(
        "/minutes",
        html("<title>The club</title>", minutes),
        "/8.pdf",
    );
    // those that are broken before their metadata
    let broken = [entitled(FOO), declares("/9.pdf")].concat();
    web.link("/broken", html("<div></div>", broken), "/9.pdf");
    for_each_mode(|mode| {
        web.check(mode, "auto");
    });
}

#[test]
fn sites_that_have_moved_do_not_lead_to_other_files() {
    let og = "<meta property=og:type content=article>";
    let moved = |to: &str| format!("{og}<meta http-equiv=refresh content='5; url={to}'>");
    let old = format!("<h1>{FOO}</h1>");
    let mut web = Web::default();
    web.link("/old", html(moved("/start/1"), &*old), "no_pdf_link");
    let start = "<h1>A journal</h1><iframe src=/bad.pdf></iframe>";
    web.behind("/start/1", html("<title>A journal</title>", start));
    web.link("/new", html(moved("/view/1"), &*old), "/good1.pdf");
    let view = format!("{old}<iframe src=/good1.pdf></iframe>");
    web.behind("/view/1", html("", view));
    web.link("/plain", html(moved("/view/2"), &*old), "/good2.pdf");
    web.behind(
        "/view/2",
        html("<title>Viewer</title>", shows("/good2.pdf")),
    );
    for_each_mode(|mode| {
        web.check(mode, "auto");
    });
}

#[test]
fn a_declared_file_that_is_not_there_is_looked_for_on_the_page() {
    let dead = entitled(FOO) + &declares("/dead");
    let link = "<p><a href=/good2.pdf>Download PDF</a></p>";
    let mut web = Web::default();
    web.link("/embed", html(&*dead, shows("/good1.pdf")), "/good1.pdf");
    web.link("/nothing", html(&*dead, ""), "http_status");
    web.link("/itself", html(&*dead, shows("/dead")), "http_status");
    web.link("/links", html(&*dead, link), "http_status");
    for_each_mode(|mode| {
        let run = web.check(mode, "auto");
        for record in records(&run) {
            let way = if record["file"].is_string() {
                "embed"
            } else {
                "citation_pdf_url"
            };
            assert_eq!(record["via"], serde_json::json!([way]), "{mode}, {record}");
            assert_eq!(record["hops"], 1, "{mode}, {record}");
        }
        let mut all = Web::default();
        all.link("/links", html(&*dead, link), "/good2.pdf");
        all.check(mode, "all");
    });
}
