//! What tells links apart: URLs without signatures, or a template.

use std::fs;

use serde_json::Value;

use crate::harness::{Sandbox, for_each_mode, list};
use crate::server::{Server, close, pdf, pdf_of, respond, send};

/// Queries that sign a link, with a signature of this `night`.
fn signatures(night: u32) -> [String; 9] {
    let s = format!("s{night}");
    [
        format!(
            "X-Amz-Algorithm=a&X-Amz-Credential=c{s}&X-Amz-Date={s}&X-Amz-Expires=9&X-Amz-Signature={s}"
        ),
        format!("versionId=3&AWSAccessKeyId=k&Signature={s}&Expires={night}"),
        format!("X-Goog-Algorithm=a&X-Goog-Date={s}&X-Goog-Signature={s}"),
        format!("GoogleAccessId=a&Expires={night}&Signature={s}"),
        format!("sv=1&st={night}&se={night}&sr=b&sp=r&skoid={s}&sig={s}%3D"),
        format!("Expires={night}&Signature={s}&Key-Pair-Id=K{s}"),
        format!("Policy={s}&Signature={s}&Key-Pair-Id=K&page=2"),
        format!("OSSAccessKeyId=a&Expires={night}&Signature={s}"),
        format!("PHPSESSID={s}"),
    ]
}

#[test]
fn freshly_signed_links_are_fetched_once() {
    for_each_mode(|mode| {
        let server = Server::of_pdfs();
        let sandbox = Sandbox::new();
        let links = |night: u32| {
            let queries = signatures(night).into_iter().enumerate();
            let signed = queries.map(|(n, query)| server.url(&format!("/{n}.pdf?{query}")));
            let session = server.url(&format!("/thesis.pdf;jsessionid=0{night}A"));
            list(signed.chain([session]))
        };
        let run = sandbox.fetch(mode, links(1), &[]).exits(0);
        assert_eq!(run.count("downloaded"), 10);
        let names = sandbox.names();
        assert_eq!(names[..2], ["0.pdf", "1.pdf"]);
        let run = sandbox.fetch(mode, links(2), &[]).exits(0);
        assert_eq!((run.count("present"), server.requests().len()), (10, 10));
        assert_eq!(sandbox.names(), names);
        // both nights in one list
        let both = links(3) + &links(4);
        let run = sandbox.fetch(mode, both, &[]).exits(0);
        assert_eq!((run.count("present"), run.count("duplicate")), (10, 10));
    });
}

#[test]
fn parameters_without_a_signature_tell_links_apart() {
    for_each_mode(|mode| {
        let server = Server::of_pdfs();
        let sandbox = Sandbox::new();
        let queries = [
            "se=1",
            "se=2",
            "Expires=1",
            "Expires=2",
            "Policy=1",
            "Policy=2",
            "sig=1",
            "sig=2",
            "Signature=1",
            "X-Amz-Date=1",
            "X-Amz-Date=2",
            "X-Amz-Signature=1&versionId=1",
            "X-Amz-Signature=1&versionId=2",
            "X-Amz-Signature=1&response-content-type=a",
        ];
        let links = list(queries.map(|query| server.url(&format!("/x.pdf?{query}"))));
        let run = sandbox.fetch(mode, links, &[]).exits(0);
        assert_eq!(run.count("downloaded"), 14);
        assert_eq!(sandbox.names().len(), 14);
    });
}

#[test]
fn partial_is_resumed_with_a_fresh_signature() {
    for_each_mode(|mode| {
        let server = Server::start(|request, stream| {
            let body = pdf_of("x", 3_000_000);
            let (length, tag) = (body.len(), "ETag: \"v1\"");
            let Some(range) = request.header("range") else {
                send(
                    stream,
                    format!("HTTP/1.1 200 OK\r\n{tag}\r\nContent-Length: {length}\r\n\r\n"),
                );
                send(stream, &body[..2_000_000]);
                return close(stream);
            };
            assert_eq!(range, "bytes=2000000-");
            let range = format!("bytes 2000000-{}/{length}", length - 1);
            let head = format!("206 Partial Content\r\n{tag}\r\nContent-Range: {range}");
            respond(stream, &head, &body[2_000_000..]);
        });
        let sandbox = Sandbox::new();
        let link = |night: u32| {
            let query = &signatures(night)[0];
            server.url(&format!("/x.pdf?{query}"))
        };
        sandbox.fetch(mode, link(1), &["--retry", "0"]).exits(1);
        let run = sandbox.fetch(mode, link(2), &["--json"]).exits(0);
        assert!(run.stdout.contains("\"resumed\""), "{run:?}");
        assert_eq!(sandbox.files()["x.pdf"], pdf_of("x", 3_000_000));
    });
}

#[test]
fn template_identifies_links() {
    for_each_mode(|mode| {
        let server = Server::of_pdfs();
        let sandbox = Sandbox::new();
        let args = ["--identity", "{host}{path}", "--json"];
        let links = |token: u32| {
            list(
                ["/d/a.pdf", "/d/b.pdf", "/e/a.pdf"]
                    .map(|path| server.url(&format!("{path}?token={token}"))),
            )
        };
        // also files of a run without the option are known
        sandbox
            .fetch(mode, server.url("/d/a.pdf?token=0"), &[])
            .exits(0);
        let run = sandbox.fetch(mode, links(1), &args).exits(0);
        assert_eq!(run.stdout.matches("\"downloaded\"").count(), 2, "{run:?}");
        let run = sandbox.fetch(mode, links(2) + &links(3), &args).exits(0);
        assert_eq!(run.stdout.matches("\"present\"").count(), 3);
        assert_eq!(run.stdout.matches("\"duplicate\"").count(), 3);
        assert_eq!((server.requests().len(), sandbox.names().len()), (3, 3));
        let journal = sandbox.journal();
        let identified = journal
            .iter()
            .filter(|record| record["identity"] == "127.0.0.1/d/b.pdf");
        assert_eq!(identified.count(), 1);
        assert_eq!(sandbox.run(&["verify", "out"]).exits(0).count("good"), 3);
        // and those of runs with it by one without
        let run = sandbox.fetch(mode, links(1), &[]).exits(0);
        assert_eq!(run.count("present"), 2);
    });
}

#[test]
fn columns_identify_links() {
    for_each_mode(|mode| {
        let server = Server::of_pdfs();
        let sandbox = Sandbox::new();
        sandbox.write("fetchpdf.toml", "identity = \"{col.doi}\"\n");
        let table = |host: &str| {
            // a row without a value is identified by its URL, and not by nothing
            let rows = [("10.1/x", "a"), ("10.1_x", "b"), ("", "c"), ("", "d")];
            let row = |(doi, name): (&str, &str)| {
                let host = if doi.is_empty() { "" } else { host };
                format!("{doi},{}\n", server.url(&format!("/{host}{name}.pdf")))
            };
            format!("doi,url\n{}", rows.map(row).concat())
        };
        let args = ["-K", "fetchpdf.toml"];
        let run = sandbox.fetch(mode, table("one/"), &args).exits(0);
        assert_eq!(run.count("downloaded"), 4);
        let run = sandbox.fetch(mode, table("two/"), &args).exits(0);
        assert_eq!((run.count("present"), server.requests().len()), (4, 4));
        // a replaced file has one record that counts
        fs::remove_file(sandbox.path("out/a.pdf")).expect("a file");
        sandbox.fetch(mode, table("three/"), &args).exits(0);
        assert_eq!(sandbox.files()["a.pdf"], pdf("/three/a.pdf"));
        assert_eq!(sandbox.run(&["verify", "out"]).exits(0).count("good"), 4);
        let record = &sandbox.journal()[0];
        assert_eq!(
            record["columns"]["doi"].is_null(),
            record["identity"] == Value::Null
        );
    });
}

#[test]
fn identities_that_are_none_are_refused() {
    for (template, message) in [
        ("{sha256}", "do not identify a link"),
        ("{index}", "do not identify a link"),
        ("{host}-{line}", "do not identify a link"),
        ("{nonsense}", "unknown field"),
        ("x", "all links would be the same one"),
    ] {
        let sandbox = Sandbox::new();
        let run = sandbox
            .run(&["http://a.invalid/", "--identity", template])
            .exits(2);
        assert!(run.stderr.contains(message), "{run:?}");
    }
}
