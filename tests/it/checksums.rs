//! Checksums that lists and servers give.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::Md5;
use serde_json::Value;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};

use crate::harness::{Run, Sandbox, for_each_mode, list};
use crate::server::{Server, close, pdf, pdf_of, respond, send};

pub(crate) fn hex<D: Digest>(bytes: &[u8]) -> String {
    let digest = D::digest(bytes);
    digest.iter().fold(String::new(), |mut digits, byte| {
        write!(digits, "{byte:02x}").expect("a string can be written to");
        digits
    })
}

fn base64<D: Digest>(bytes: &[u8]) -> String {
    STANDARD.encode(D::digest(bytes))
}

fn records(run: &Run) -> Vec<Value> {
    let lines = run.stdout.lines();
    let records = lines.map(|line| serde_json::from_str(line).expect("a record"));
    let mut records: Vec<Value> = records.collect();
    records.sort_by_key(|record| record["line"].as_u64());
    records
}

/// The checksums of `/NAME` as lists write them.
fn spellings(bytes: &[u8]) -> Vec<String> {
    vec![
        format!("md5:{}", hex::<Md5>(bytes)),
        format!("sha1:{}", hex::<Sha1>(bytes).to_uppercase()),
        format!("sha-256={}", hex::<Sha256>(bytes)),
        format!("sha256-{}", base64::<Sha256>(bytes)),
        format!("SHA-384={}", hex::<Sha384>(bytes)),
        hex::<Sha512>(bytes),
        hex::<Md5>(bytes),
        base64::<Sha1>(bytes),
    ]
}

#[test]
fn checksums_of_lists_are_verified() {
    let server = Server::start(|_, stream| respond(stream, "200 OK", &pdf("/x.pdf")));
    let (mut table, mut json) = (vec!["title;checksum;url".to_owned()], Vec::new());
    let count = spellings(b"").len();
    for (n, right) in spellings(&pdf("/x.pdf")).into_iter().enumerate() {
        let wrong = &spellings(b"something else")[n];
        let url = server.url("/x.pdf");
        table.push(format!("a;{right};{url}?{n}\nb;{wrong};{url}?wrong{n}"));
        json.push(format!(
            "{{\"checksum\":\"{right}\",\"url\":\"{url}?{n}\"}}"
        ));
        json.push(format!(
            "{{\"checksum\":\"{wrong}\",\"url\":\"{url}?wrong{n}\"}}"
        ));
    }
    let (table, json) = (list(table), list(json));
    for_each_mode(|mode| {
        for list in [&table, &json] {
            let sandbox = Sandbox::new();
            // one server, one file
            let args = ["--json", "--no-block-detection"];
            let run = sandbox.fetch(mode, list, &args).exits(1);
            let records = records(&run);
            assert_eq!(records.len(), 2 * count);
            for pair in records.chunks(2) {
                let words = [&pair[0]["status"], &pair[1]["status"]];
                assert_eq!(words, ["downloaded", "checksum_mismatch"], "{pair:?}");
            }
            assert_eq!(sandbox.names().len(), count);
            // known without a request, whatever the algorithm
            let requests = server.requests().len();
            let run = sandbox.fetch(mode, list, &args).exits(1);
            let present = run.stdout.matches("\"present\"").count();
            assert_eq!(
                (present, server.requests().len() - requests),
                (count, count)
            );
        }
    });
}

#[test]
fn columns_of_checksums_have_usual_names() {
    let server = Server::start(|_, stream| respond(stream, "200 OK", &pdf("x")));
    let (right, wrong) = (pdf("x"), b"something else");
    for_each_mode(|mode| {
        for (name, good, bad) in [
            ("md5", hex::<Md5>(&right), hex::<Md5>(wrong)),
            ("MD5", hex::<Md5>(&right), hex::<Md5>(wrong)),
            ("md5sum", hex::<Md5>(&right), hex::<Md5>(wrong)),
            ("computed_md5", base64::<Md5>(&right), base64::<Md5>(wrong)),
            ("SHA-1", hex::<Sha1>(&right), hex::<Sha1>(wrong)),
            ("sha512", hex::<Sha512>(&right), hex::<Sha512>(wrong)),
            (
                "hash",
                format!("md5:{}", hex::<Md5>(&right)),
                format!("md5:{}", hex::<Md5>(wrong)),
            ),
        ] {
            let sandbox = Sandbox::new();
            let (a, b) = (server.url("/a.pdf"), server.url("/b.pdf"));
            let table = format!("url,{name}\n{a},{good}\n{b},{bad}\n");
            let run = sandbox.fetch(mode, table, &["--json"]).exits(1);
            let records = records(&run);
            let words = [&records[0]["status"], &records[1]["status"]];
            assert_eq!(words, ["downloaded", "checksum_mismatch"], "{name}");
        }
    });
}

#[test]
fn checksums_that_are_not_understood_cost_no_file() {
    let server = Server::of_pdfs();
    let url = |n: usize| server.url(&format!("/{n}.pdf"));
    let texts = [
        "crc32:cbf43926",
        "blake3:00",
        "yes",
        "md5:zz",
        &"0".repeat(63),
        "sha-256=",
    ];
    let rows = texts.iter().enumerate();
    let table = list(rows.map(|(n, text)| format!("{text},{}", url(n))));
    let session = list((6..9).map(|n| url(n) + "\n checksum=adler32=0"));
    for_each_mode(|mode| {
        for (list, count) in [(format!("checksum,url\n{table}"), 6), (session.clone(), 3)] {
            let sandbox = Sandbox::new();
            let run = sandbox.fetch(mode, list, &[]).exits(0);
            assert_eq!(run.count("downloaded"), count);
            let said = run.stderr.matches("not understood").count();
            assert_eq!(said, 1, "{run:?}");
        }
        // a column of another meaning is none of anybody's business
        let sandbox = Sandbox::new();
        let run = sandbox.fetch(mode, format!("hash,url\nabc,{}\n", url(0)), &[]);
        assert_eq!(run.exits(0).stderr, "");
    });
}

#[test]
fn digests_of_responses_are_verified() {
    let headers = |bytes: &[u8]| {
        [
            format!("Content-MD5: {}", base64::<Md5>(bytes)),
            format!(
                "Digest: unixsum=1,MD5={},SHA-256={}",
                base64::<Md5>(b""),
                base64::<Sha256>(bytes)
            ),
            format!("Repr-Digest: sha-512=:{}:", base64::<Sha512>(bytes)),
            format!("Content-Digest: sha-256=:{}:", base64::<Sha256>(bytes)),
        ]
    };
    for_each_mode(|mode| {
        // damaged once, damaged always, and what nobody understands
        let server = Server::start(move |request, stream| {
            let body = pdf(&request.path);
            let kind = request.path.trim_start_matches(|c: char| c != '-');
            let n: usize = request.path[1..2].parse().expect("a number");
            let head = match kind {
                "-odd.pdf" => "Content-MD5: zz\r\nRepr-Digest: x=:AA==:, ???".to_owned(),
                _ => headers(&body)[n].clone(),
            };
            let mut sent = body;
            if kind == "-always.pdf" || kind == "-once.pdf" && request.earlier == 0 {
                sent[2000] ^= 1;
            }
            respond(stream, &format!("200 OK\r\n{head}"), &sent);
        });
        let kinds = ["once", "always", "odd"];
        let links = kinds
            .iter()
            .flat_map(|kind| (0..4).map(move |n| format!("/{n}-{kind}.pdf")));
        let links: String = links.map(|path| server.url(&path) + "\n").collect();
        let sandbox = Sandbox::new();
        let run = sandbox
            .fetch(mode, links, &["--json", "--retry", "1"])
            .exits(1);
        let records = records(&run);
        for record in &records[..4] {
            assert_eq!(
                (&record["status"], &record["attempts"]),
                (&"downloaded".into(), &2.into())
            );
        }
        for (record, name) in records[4..8].iter().zip([
            "`Content-MD5`",
            "`Digest`",
            "`Repr-Digest`",
            "`Content-Digest`",
        ]) {
            assert_eq!(
                (&record["status"], &record["attempts"]),
                (&"checksum_mismatch".into(), &2.into())
            );
            assert_eq!(record["retryable"], true);
            let error = record["error"].as_str().expect("a message");
            assert!(error.contains(name), "{error}");
        }
        assert!(
            records[8..]
                .iter()
                .all(|record| record["status"] == "downloaded")
        );
        assert_eq!(sandbox.names().len(), 8);
    });
}

#[test]
fn digest_of_a_part_is_not_that_of_the_file() {
    for_each_mode(|mode| {
        for is_damaged in [false, true] {
            let server = Server::start(move |request, stream| {
                let body = pdf_of("x", 3_000_000);
                let whole = base64::<Sha256>(&body);
                let mut head = format!("ETag: \"v1\"\r\nRepr-Digest: sha-256=:{whole}:");
                let Some(range) = request.header("range") else {
                    let mut sent = body[..2_000_000].to_vec();
                    sent[1000] ^= u8::from(is_damaged && request.earlier == 0);
                    if request.earlier > 0 {
                        return respond(stream, &format!("200 OK\r\n{head}"), &body);
                    }
                    let length = body.len();
                    send(
                        stream,
                        format!("HTTP/1.1 200 OK\r\n{head}\r\nContent-Length: {length}\r\n\r\n"),
                    );
                    send(stream, &sent);
                    return close(stream);
                };
                assert_eq!(range, "bytes=2000000-");
                let rest = &body[2_000_000..];
                head = format!("{head}\r\nContent-MD5: {}", base64::<Md5>(rest));
                let range = format!("bytes 2000000-{}/{}", body.len() - 1, body.len());
                let head = format!("206 Partial Content\r\nContent-Range: {range}\r\n{head}");
                respond(stream, &head, rest);
            });
            let sandbox = Sandbox::new();
            let run = sandbox
                .fetch(mode, server.url("/x.pdf"), &["--json"])
                .exits(0);
            assert_eq!(sandbox.files()["x.pdf"], pdf_of("x", 3_000_000));
            let word = if is_damaged { "downloaded" } else { "resumed" };
            assert_eq!(records(&run)[0]["status"], word);
        }
    });
}
