//! What tells links apart: URLs without signatures.

use crate::harness::{Sandbox, for_each_mode, list};
use crate::server::{Server, close, pdf_of, respond, send};

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
