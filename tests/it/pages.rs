//! Pages: what `fetchpdf landing` says of them, the rules of a configuration, and the names of what is found.

use crate::harness::{Sandbox, for_each_mode, list};
use crate::server::{Request, Server, ok, pdf, respond};

/// A page of an article, with its links.
fn page(head: &str, body: &str) -> String {
    let text = "Lorem ipsum dolor sit amet. ".repeat(20);
    format!(
        "<html><head><title>On Foo</title>{head}</head><body><main>{body}<p>{text}</main></body></html>"
    )
}

fn answer(request: &Request, stream: &mut std::net::TcpStream) {
    let html = |stream: &mut _, html: String| {
        respond(stream, "200 OK\r\nContent-Type: text/html", html.as_bytes());
    };
    let title = "<meta name=citation_title content='On Foo: a/b'>";
    match &*request.path {
        "/moved" => respond(stream, "302 Found\r\nLocation: /article/1", b""),
        "/article/1" => html(
            stream,
            page(
                &format!("{title}<meta name=citation_pdf_url content=/get?id=1>"),
                "<a href=/suppl.pdf>Supplement (PDF)</a>",
            ),
        ),
        "/article/2" => html(
            stream,
            page(
                title,
                "<a href=/paper-2.pdf>PDF</a><h2>References</h2><a href=/other.pdf>PDF</a>",
            ),
        ),
        "/article/3" => html(
            stream,
            page(
                &format!("{title}<meta name=citation_pdf_url content=/smith.pdf>"),
                "",
            ),
        ),
        "/article/4" => html(
            stream,
            page("<meta name=citation_pdf_url content=/files/4>", ""),
        ),
        "/site/abs/5" => html(
            stream,
            page(
                "",
                "<div class=odd><a class=x href=/odd.pdf>y</a></div><a class=x href=/even.pdf>y</a>",
            ),
        ),
        "/item/6" => html(
            stream,
            page(
                "<link rel=linkset type=application/linkset+json href=/sets/6>",
                "",
            ),
        ),
        "/sets/6" => {
            let host = request.header("Host").expect("a host");
            let set = format!(
                r#"{{"linkset":[{{"anchor":"http://{host}/item/6","item":[{{"href":"/set.pdf","type":"application/pdf"}}]}}]}}"#
            );
            respond(
                stream,
                "200 OK\r\nContent-Type: application/linkset+json",
                set.as_bytes(),
            );
        }
        "/gone" => respond(stream, "404 Not Found", b"no"),
        "/files/4" => respond(
            stream,
            "200 OK\r\nContent-Disposition: attachment; filename=\"named.pdf\"",
            &pdf("4"),
        ),
        path => ok(stream, &pdf(path)),
    }
}

#[test]
fn landing_says_what_is_followed_and_why() {
    let server = Server::start(answer);
    let sandbox = Sandbox::new();
    let run = sandbox.run(&["landing", &server.url("/moved")]).exits(0);
    for expected in [
        "/article/1\n",
        "title     On Foo: a/b\n",
        "1. citation_pdf_url   http://127.0.0.1:",
        "/get?id=1\n",
    ] {
        assert!(
            run.stdout.contains(expected),
            "no `{expected}` in {}",
            run.stdout
        );
    }
    assert_eq!(server.requests().len(), 2);
    let run = sandbox
        .run(&["landing", "--landing", "all", &server.url("/article/2")])
        .exits(0);
    for expected in [
        "1. anchor_text",
        "/paper-2.pdf\n",
        "/other.pdf: in a part of the page that is about something else\n",
    ] {
        assert!(
            run.stdout.contains(expected),
            "no `{expected}` in {}",
            run.stdout
        );
    }
    let run = sandbox
        .run(&["landing", &server.url("/article/2")])
        .exits(1);
    let expected = "no_pdf_link: a page without a link to its PDF, `On Foo: a/b`\n";
    assert!(run.stdout.contains(expected), "{}", run.stdout);
    let run = sandbox.run(&["landing", &server.url("/gone")]).exits(1);
    assert!(
        run.stdout.contains("http_status: 404 Not Found"),
        "{}",
        run.stdout
    );
    let run = sandbox.run(&["landing", &server.url("/x.pdf")]).exits(1);
    assert!(run.stdout.contains("not a page"), "{}", run.stdout);
    let run = sandbox
        .run(&["landing", "--json", &server.url("/article/1")])
        .exits(0);
    let value: serde_json::Value = serde_json::from_str(&run.stdout).expect("JSON");
    assert_eq!(value["candidates"][0]["via"], "citation_pdf_url");
    assert_eq!(value["left_out"][0]["why"], "its text says `supplement`");
}

#[test]
fn landing_reads_saved_pages_in_any_encoding() {
    let sandbox = Sandbox::new();
    let html = page("<meta name=citation_pdf_url content='../x/größe.pdf'>", "");
    let utf16: Vec<u8> = [0xff, 0xfe]
        .into_iter()
        .chain(html.encode_utf16().flat_map(u16::to_le_bytes))
        .collect();
    let latin1: Vec<u8> = html
        .chars()
        .map(|c| u8::try_from(u32::from(c)).expect("Latin-1"))
        .collect();
    for bytes in [html.into_bytes(), utf16, latin1] {
        sandbox.write("page.html", bytes);
        let run = sandbox
            .run(&["landing", "page.html", "--base", "https://a.invalid/b/c"])
            .exits(0);
        assert!(
            run.stdout
                .contains("https://a.invalid/x/gr%C3%B6%C3%9Fe.pdf"),
            "{}",
            run.stdout
        );
    }
    let run = sandbox.run(&["landing", "page.html"]).exits(2);
    assert!(
        run.stderr.contains("`--base URL` is missing"),
        "{}",
        run.stderr
    );
    let run = sandbox
        .run(&["landing", "page.html", "https://a.invalid/"])
        .exits(2);
    assert!(run.stderr.contains("one page at a time"), "{}", run.stderr);
}

#[test]
fn sites_are_added_in_the_configuration() {
    let server = Server::start(answer);
    let sandbox = Sandbox::new();
    let look = |config: &str, path: &str| {
        sandbox.write("config.toml", config);
        sandbox.run(&["landing", "--config", "config.toml", &server.url(path)])
    };
    for (config, found) in [
        (
            "[landing.'127.0.0.1']\nlink = '.odd a.x'\n",
            "1. site_link          http",
        ),
        (
            "[landing.'127.0.0.1']\nrewrite = ['/no/ -> /x/', '/abs/ -> /pdf/']\n",
            "/site/pdf/5\n",
        ),
        ("landing = 'all'\n", "no_pdf_link"),
        ("[landing]\nignore-meta = ['127.0.0.1']\n", "no_pdf_link"),
    ] {
        let path = if config.contains("ignore") {
            "/article/1"
        } else {
            "/site/abs/5"
        };
        let run = look(config, path);
        assert!(run.stdout.contains(found), "{config}: {run:?}");
    }
    for (config, problem) in [
        ("[landing]\nnope = 1\n", "`[landing]`: unknown key `nope`"),
        ("[landing]\nfollow = 'some'\n", "invalid value 'some'"),
        ("[landing]\nignore-meta = 'a b'\n", "`a b` is no host"),
        (
            "[landing.'a.example']\nlinks = 'a'\n",
            "site `a.example`: unknown key `links`: the keys are `link` and `rewrite`",
        ),
        (
            "[landing.'a.example']\nlink = 'div.x'\n",
            "`link = \"div.x\"`: a selector ends with a link",
        ),
        (
            "[landing.'a.example']\nrewrite = '/a/'\n",
            "a rewrite has two parts of a path",
        ),
        (
            "[landing.'a.example']\nlink = 1\n",
            "`link` must be a string, or a list of strings",
        ),
    ] {
        let run = look(config, "/article/1").exits(2);
        assert!(
            run.stderr.contains(problem),
            "no `{problem}` in {}",
            run.stderr
        );
    }
}

#[test]
fn what_is_found_is_named_by_what_says_something() {
    let server = Server::start(answer);
    for_each_mode(|mode| {
        let sandbox = Sandbox::new();
        let links = [
            "/article/1",
            "/article/2",
            "/article/3",
            "/article/4",
            "/direct/download",
        ];
        let links = list(links.map(|path| server.url(path)));
        sandbox.fetch(mode, &links, &["--landing", "all"]).exits(0);
        assert_eq!(
            sandbox.names(),
            [
                "On Foo_ a_b.pdf",
                "download.pdf",
                "named.pdf",
                "paper-2.pdf",
                "smith.pdf"
            ]
        );
        let again = sandbox.fetch(mode, &links, &["--landing", "all"]).exits(0);
        assert_eq!(again.count("present"), 5);
        let run = sandbox
            .fetch(mode, server.url("/item/6"), &["--landing", "all", "--json"])
            .exits(0);
        assert!(
            run.stdout.contains(r#""via":["linkset","link_item"]"#),
            "{}",
            run.stdout
        );
        let sandbox = Sandbox::new();
        sandbox
            .fetch(
                mode,
                server.url("/article/1"),
                &["--name", "{index}-{stem:6}"],
            )
            .exits(0);
        assert_eq!(sandbox.names(), ["1-On Foo.pdf"]);
    });
}
