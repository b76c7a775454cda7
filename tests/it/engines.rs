//! What programs rely on that run this one by the thousand: exit codes, complete records, and an end when nobody is left.

use std::fs;

use serde_json::Value;

use crate::harness::{Sandbox, for_each_mode, list};
use crate::server::{Server, ok, pdf, respond, send};

fn server() -> Server {
    Server::start(|request, stream| {
        let name = request.path.split('?').next().unwrap_or_default();
        match name {
            "/gone.pdf" => respond(stream, "404 Not Found", b""),
            "/busy.pdf" => respond(stream, "503 Service Unavailable", b""),
            "/moved.pdf" => respond(stream, "302 Found\r\nLocation: /new.pdf", b""),
            "/new.pdf" => {
                let date = "Last-Modified: Wed, 21 Oct 2015 07:28:00 GMT";
                let head = format!("200 OK\r\nETag: \"v1\"\r\n{date}");
                let body = pdf("new");
                respond(stream, &head, &body[..body.len() - 8]);
            }
            "/endless.pdf" => {
                let head = "HTTP/1.1 200 OK\r\nETag: \"v1\"\r\nContent-Length: 9000000\r\n\r\n";
                send(stream, head);
                send(stream, pdf("endless").repeat(300));
            }
            path => ok(stream, &pdf(path)),
        }
    })
}

fn links(server: &Server, names: &[&str]) -> String {
    list(names.iter().map(|name| server.url(&format!("/{name}.pdf"))))
}

fn records(text: &str) -> Vec<Value> {
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).expect("a record"))
        .collect()
}

#[test]
fn present_files_have_all_that_the_journal_knows() {
    let server = server();
    for_each_mode(|mode| {
        let sandbox = Sandbox::new();
        let list = links(&server, &["moved", "a"]);
        let first = sandbox.fetch(mode, &list, &["--json"]).exits(0);
        let first = records(&first.stdout);
        // a copy of the folder has other times, and the journal gets a line that says only that
        let time = std::time::SystemTime::now() - std::time::Duration::from_mins(1);
        let name = first.iter().find(|record| !record["etag"].is_null());
        let name = name
            .and_then(|record| record["file"].as_str())
            .expect("a file");
        let file = fs::File::options()
            .write(true)
            .open(sandbox.path("out").join(name));
        file.and_then(|file| file.set_modified(time))
            .expect("a file");
        for args in [&[][..], &["--json"], &["--report", "r.jsonl"]] {
            let run = sandbox.fetch(mode, &list, args).exits(0);
            let again = match args {
                [] => continue,
                ["--json", ..] => run.stdout,
                _ => fs::read_to_string(sandbox.path("r.jsonl")).expect("a report"),
            };
            for record in records(&again) {
                let url = &record["url"];
                let before = first.iter().find(|first| first["url"] == *url);
                let before = before.expect("a record");
                assert_eq!(record["status"], "present");
                for field in [
                    "file",
                    "bytes",
                    "sha256",
                    "etag",
                    "last_modified",
                    "final_url",
                    "suspect",
                    "inode",
                ] {
                    assert_eq!(record[field], before[field], "{field}: {record} {before}");
                }
            }
        }
        let moved = first.iter().find(|record| !record["suspect"].is_null());
        let moved = moved.expect("one without an end");
        assert!(
            moved["etag"] == "\"v1\"" && !moved["final_url"].is_null(),
            "{moved}"
        );
    });
}
