//! Content codings that nobody has asked for.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use crate::harness::{Sandbox, for_each_mode, list};
use crate::server::{Server, chunked, close, document, pdf, pdf_of, respond, send};

/// `document("BT ET")` in Brotli.
const BROTLI: &str = "1b7000208cd44ef7903065c0bcfa953446c0750bd57a041538e180b971608106f43b1fec6e6343702c41a51dad7e6c99e69cc4ab90089138ea19ae4b081704b508dfc77407622243b7b79020b0ff77d74324647cca9206f6129699ea7e6d5357c0b2599103";

/// 64 MiB that begin as a PDF does, in Brotli.
const BROTLI_BOMB: &str = "cbffff3ff82d0eccd39b07374cb73dee4fd1ba2486064a82108915cc5b2ab8a8558b515c180800f5fe8fcb223efcffff835f02200e8b0074effff8ffff07bf04401c1600e8defff1ffff0f7e0980382c00d0bdffe3ffff1ffc1200715800a07bffc7ffff3ff82500e2b00040f7fe8fffff7ff04b00c4610180eefd1fffffffe0970088c30200ddfbbf8000c02f0150061c100008";

fn bytes(hexadecimal: &str) -> Vec<u8> {
    let digits = |at: usize| &hexadecimal[at..at + 2];
    let byte = |at| u8::from_str_radix(digits(at), 16).expect("digits");
    (0..hexadecimal.len()).step_by(2).map(byte).collect()
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    compress_to_vec(bytes, CompressionLevel::Fastest)
}

/// A server of these bodies with these headers, under numbers.
fn server_of(answers: Vec<(String, Vec<u8>)>) -> (Server, String) {
    let count = answers.len();
    let server = Server::start(move |request, stream| {
        let number = request.path.trim_matches(|c: char| !c.is_ascii_digit());
        let (head, body) = &answers[number.parse::<usize>().expect("a number")];
        if head.contains("Transfer-Encoding") {
            send(stream, [head.as_bytes(), body].concat());
        } else {
            respond(stream, &format!("200 OK{head}"), body);
        }
    });
    let links = (0..count).map(|number| server.url(&format!("/{number}.pdf")));
    let links = list(links);
    (server, links)
}

fn coding(names: &str) -> String {
    format!("\r\nContent-Encoding: {names}")
}

#[test]
fn names_that_are_no_codings_are_ignored() {
    let names = [
        "UTF-8",
        "none",
        "binary",
        "aws-chunked",
        "",
        "identity, ISO-8859-1",
        "gzip",
        "br",
    ];
    for_each_mode(|mode| {
        let answers = names.map(|name| (coding(name), pdf("x"))).to_vec();
        let (server, links) = server_of(answers);
        let sandbox = Sandbox::new();
        let run = sandbox.fetch(mode, links, &["--no-block-detection"]);
        run.exits(0);
        assert_eq!(sandbox.names().len(), names.len());
        assert!(sandbox.files().values().all(|file| *file == pdf("x")));
        assert_eq!(server.requests().len(), names.len());
    });
}

#[test]
fn codings_that_have_not_been_applied_are_ignored() {
    let behind = |front: &[u8]| [front, &document("BT ET")].concat();
    let old = [&b"%!PS-Adobe-3.0 PDF-1.4\n"[..], &document("BT ET")[9..]].concat();
    let bodies = [
        behind(b""),
        behind(b"\r\n"),
        behind(b"\xef\xbb\xbf"),
        behind(&b" \n".repeat(20)),
        behind(b"<br />\n<b>Warning</b>: date(): no time zone<br />\n"),
        old,
    ];
    for_each_mode(|mode| {
        for name in ["br", "deflate", "gzip", "zstd"] {
            let with_name = |body: &Vec<u8>| (coding(name), body.clone());
            let mut answers: Vec<_> = bodies.iter().map(with_name).collect();
            let page = "<!doctype html><title>Please sign in</title>";
            answers.push((coding(name), page.into()));
            let (_server, links) = server_of(answers);
            let sandbox = Sandbox::new();
            let run = sandbox.fetch(mode, links, &[]).exits(1);
            let message = "6.pdf: login: a login page, `Please sign in`";
            assert!(run.stderr.contains(message), "no `{message}` in {run:#?}");
            let files = sandbox.files();
            assert_eq!(files.len(), bodies.len(), "{name}: {run:#?}");
            for (number, body) in bodies.iter().enumerate() {
                assert!(files[&format!("{number}.pdf")] == *body, "{name}: {number}");
            }
        }
    });
}

#[test]
fn codings_are_undone() {
    let body = pdf_of("x", 300_000);
    let (first, second) = body.split_at(1000);
    let members = [gzip(first), gzip(second), vec![0; 700]].concat();
    let frames = [
        zstd(first),
        b"\x50\x2a\x4d\x18\x03\x00\x00\x00xyz".to_vec(),
        zstd(second),
    ];
    let chunks = |body: &[u8]| {
        let length = format!("{:x}\r\n", body.len());
        [length.as_bytes(), body, b"\r\n0\r\n\r\n"].concat()
    };
    let in_transfer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n";
    let answers = vec![
        (coding("gzip"), gzip(&body)),
        (coding("X-GZIP"), members),
        (coding("deflate"), zlib(&body)),
        (coding("deflate"), deflate(&body)),
        (coding("zstd"), zstd(&body)),
        (coding("zstd"), frames.concat()),
        (coding("aws-chunked, gzip"), gzip(&body)),
        (coding("gzip, zstd"), zstd(&gzip(&body))),
        (coding("gzip") + &coding("deflate"), zlib(&gzip(&body))),
        (coding("gzip, gzip"), gzip(&body)),
        (in_transfer.to_owned(), chunks(&gzip(&body))),
        (coding("br"), bytes(BROTLI)),
        (coding("gz"), gzip(&body)),
        (coding("application/gzip"), gzip(&body)),
        (coding("gzip;q=1.0"), gzip(&body)),
    ];
    for_each_mode(|mode| {
        let (server, links) = server_of(answers.clone());
        let sandbox = Sandbox::new();
        let run = sandbox.fetch(mode, links, &["--sha256", "--no-block-detection"]);
        for (name, file) in sandbox.files() {
            let is_short = name == "11.pdf";
            let expected = if is_short {
                document("BT ET")
            } else {
                body.clone()
            };
            assert!(file == expected, "{mode}: {name}");
        }
        assert_eq!(sandbox.names().len(), answers.len(), "{run:?}");
        assert_eq!(server.requests().len(), answers.len());
        assert_eq!(sandbox.run(&["verify", "out"]).exits(0).count("good"), 15);
    });
}

#[test]
fn coded_pages_and_damaged_data_are_described() {
    let page = b"<!doctype html><title>Please sign in</title>";
    let mut damaged = gzip(&pdf("x"));
    let middle = damaged.len() / 2;
    damaged[middle] ^= 0xff;
    let mut checksum = gzip(&pdf("x"));
    let at = checksum.len() - 5;
    checksum[at] ^= 1;
    let answers = vec![
        (coding("gzip"), gzip(page)),
        (coding("br"), b"\x11 is no window".to_vec()),
        (coding("gzip"), damaged),
        (coding("gzip"), checksum),
        (coding("gzip, gzip, gzip, gzip, gzip"), pdf("x")),
        (coding("gzip"), page.to_vec()),
    ];
    for_each_mode(|mode| {
        let (server, links) = server_of(answers.clone());
        let sandbox = Sandbox::new();
        let run = sandbox.fetch(mode, links, &[]).exits(1);
        for message in [
            "0.pdf: login: a login page, `Please sign in`",
            "1.pdf: not_pdf: not valid br data, although its `Content-Encoding` says so",
            "2.pdf: not_pdf: not valid gzip data",
            "3.pdf: not_pdf: not valid gzip data",
            "4.pdf: not_pdf: more than 4 content codings",
            "5.pdf: login: a login page, `Please sign in`",
        ] {
            assert!(run.stderr.contains(message), "no `{message}` in {run:#?}");
        }
        assert!(sandbox.names().is_empty());
        assert_eq!(server.requests().len(), answers.len());
    });
}

#[test]
fn coded_refusals_say_why() {
    let page = b"<!doctype html><title>Just a moment...</title>";
    let error = "{\"error\": \"Embargoed\"}".to_owned() + &" ".repeat(50_000);
    let bomb = [&b"<title>Too much</title>"[..], &vec![b' '; 20_000_000]].concat();
    let answers = vec![
        ("gzip", gzip(page)),
        ("zstd, deflate", zlib(&zstd(error.as_bytes()))),
        ("gzip", error.clone().into()),
        ("gzip", gzip(&bomb)),
        ("gzip", gzip(page)[..20].to_vec()),
    ];
    for_each_mode(|mode| {
        let answers = answers.clone();
        let server = Server::start(move |request, stream| {
            let number: usize = request.path[1..].parse().expect("a number");
            let (name, body) = &answers[number];
            respond(stream, &format!("403 Forbidden{}", coding(name)), body);
        });
        let links = list((0..5).map(|number| server.url(&format!("/{number}"))));
        let run = Sandbox::new().fetch(mode, links, &["-v"]).exits(1);
        for message in [
            "/0: challenge: 403 Forbidden: bot check of a firewall: Just a moment...",
            "/1: http_status: 403 Forbidden: Embargoed",
            "/3: http_status: 403 Forbidden: Too much",
            "/4: http_status: 403 Forbidden\n",
        ] {
            assert!(run.stderr.contains(message), "no `{message}` in {run:#?}");
        }
    });
}

#[test]
fn few_bytes_that_stand_for_many_are_stopped() {
    let bomb = [&b"%PDF-1.7\n"[..], &vec![b' '; 20_000_000]].concat();
    let answers = vec![
        (coding("gzip"), gzip(&bomb)),
        (coding("zstd"), zstd(&bomb)),
        (coding("br"), bytes(BROTLI_BOMB)),
        (coding("gzip, gzip"), gzip(&gzip(&bomb))),
    ];
    for_each_mode(|mode| {
        let (server, links) = server_of(answers.clone());
        let sandbox = Sandbox::new();
        let run = sandbox
            .fetch(mode, links, &["--max-filesize", "1M"])
            .exits(1);
        let message = "too_large: more than 1048576 bytes when decompressed (`--max-filesize`)";
        assert_eq!(run.stderr.matches(message).count(), 4, "{run:#?}");
        assert!(sandbox.names().is_empty());
        assert_eq!(server.requests().len(), answers.len());
    });
}

#[test]
fn coded_body_that_is_cut_off_is_fetched_again_as_a_whole() {
    for_each_mode(|mode| {
        for framed in [true, false] {
            let server = Server::start(move |request, stream| {
                let body = gzip(&pdf_of("x", 2_000_000));
                let head = "200 OK\r\nETag: \"v1\"\r\nContent-Encoding: gzip";
                match (request.earlier, framed) {
                    (0, true) => {
                        let length = body.len();
                        send(
                            stream,
                            format!("HTTP/1.1 {head}\r\nContent-Length: {length}\r\n\r\n"),
                        );
                        send(stream, &body[..1_500_000]);
                        close(stream);
                    }
                    (0, false) => chunked(stream, head, &body[..1_500_000]),
                    // its end is marked by itself
                    _ => {
                        send(
                            stream,
                            format!("HTTP/1.1 {head}\r\nConnection: close\r\n\r\n"),
                        );
                        send(stream, body);
                        close(stream);
                    }
                }
            });
            let sandbox = Sandbox::new();
            let run = sandbox.fetch(mode, server.url("/x.pdf"), &["-v"]).exits(0);
            let within = "truncated: the body ended within its gzip data";
            assert!(framed || run.stderr.contains(within), "{run:?}");
            assert!(sandbox.files()["x.pdf"] == pdf_of("x", 2_000_000));
            assert_eq!(server.requests()[1].header("range"), None);
        }
    });
}
