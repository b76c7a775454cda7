//! What servers can make the client hold: windows, header sections, and responses without an end.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};

use crate::harness::{Sandbox, for_each_mode, list};
use crate::server::{Server, pdf, respond, send};

/// The settings of RFC 9113 section 6.5.2 that a client of HTTP/2 begins with.
fn settings(listener: &TcpListener) -> Vec<(u16, u32)> {
    let (mut stream, _) = listener.accept().expect("a connection");
    let mut head = [0; 24 + 9];
    stream.read_exact(&mut head).expect("a preface and a frame");
    let [.., high, middle, low, kind, _, _, _, _, _] = head;
    assert_eq!(kind, 4, "SETTINGS comes first");
    let length = u32::from_be_bytes([0, high, middle, low]);
    let mut payload = vec![0; usize::try_from(length).expect("24 bits")];
    stream.read_exact(&mut payload).expect("a payload");
    let (settings, rest) = payload.as_chunks();
    assert!(rest.is_empty());
    let setting =
        |&[a, b, rest @ ..]: &[u8; 6]| (u16::from_be_bytes([a, b]), u32::from_be_bytes(rest));
    settings.iter().map(setting).collect()
}

#[test]
fn streams_of_many_jobs_have_small_windows() {
    const INITIAL_WINDOW_SIZE: u16 = 4;
    for_each_mode(|mode| {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let link = format!(
            "http://{}/x.pdf",
            listener.local_addr().expect("it is bound")
        );
        let server = std::thread::spawn(move || settings(&listener));
        let sandbox = Sandbox::new();
        let args = ["--http2", "-j", "256", "--retry", "0"];
        sandbox.fetch(mode, link, &args).exits(1);
        let settings = server.join().expect("no panic");
        let window = settings
            .iter()
            .find(|(name, _)| *name == INITIAL_WINDOW_SIZE);
        let expected = if mode == "sequential" {
            8 << 20
        } else {
            256 << 10
        };
        assert_eq!(window.map(|(_, size)| *size), Some(expected), "{mode}");
    });
}

/// Sends `start`, and then `rest` for as long as somebody reads it.
fn flood(stream: &mut TcpStream, start: &str, rest: &str) {
    send(stream, start);
    let rest = rest.repeat(64 * 1024 / rest.len());
    while stream.write_all(rest.as_bytes()).is_ok() {}
}

#[test]
fn responses_without_an_end_fail() {
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let (head, invalid) = (
        "HTTP/1.1 200 OK\r\n",
        "http_status: the response is not valid HTTP: ",
    );
    let too_large = format!("{invalid}message head is too large");
    let end = format!("{chunked}0\r\n");
    let cases = [
        (head.to_owned(), "A: b\r\n", &*too_large),
        (format!("{head}A: "), "a", &too_large),
        ("HTTP/1.1 200 ".to_owned(), "a", &too_large),
        (String::new(), "\r\n", &too_large),
        (String::new(), "a", invalid),
        (format!("{chunked}1;"), "a", "truncated: "),
        (
            chunked.to_owned(),
            "1;aaaaaaaaaaaaaaaa\r\nx\r\n",
            "truncated: ",
        ),
        (end.clone(), "A: b\r\n", "truncated: "),
        (format!("{end}A: "), "a", "truncated: "),
    ];
    let messages = cases.clone().map(|(_, _, message)| message.to_owned());
    let floods = cases.map(|(start, rest, _)| (start, rest));
    let server = Server::start(move |request, stream| {
        let number: usize = request.path[1..].parse().expect("a number");
        let (start, rest) = &floods[number];
        flood(stream, start, rest);
    });
    let links = list((0..messages.len()).map(|number| server.url(&format!("/{number}"))));
    for_each_mode(|mode| {
        let run = Sandbox::new()
            .fetch(mode, &links, &["--retry", "0"])
            .exits(1);
        for (number, message) in messages.iter().enumerate() {
            let failure = format!("{}: {message}", server.url(&format!("/{number}")));
            assert!(run.stderr.contains(&failure), "{failure}: {run:?}");
        }
    });
}

#[test]
fn large_header_sections_of_real_servers_are_read() {
    for_each_mode(|mode| {
        let server = Server::start(|_, stream| {
            let value = "a".repeat(900);
            let fields: Vec<_> = (0..240).map(|n| format!("X{n}: {value}\r\n")).collect();
            let fields = fields.concat();
            respond(stream, &format!("200 OK\r\n{fields}X: y"), &pdf("x"));
        });
        let run = Sandbox::new().fetch(mode, server.url("/x.pdf"), &[]);
        run.exits(0);
    });
}

/// A frame of RFC 9113 section 4.1.
fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("short").to_be_bytes();
    let head = [&length[1..], &[kind, flags, 0, 0, 0, stream]].concat();
    [&head, payload].concat()
}

/// Fetches a link from a server that answers the first request with these frames, and returns the line of its failure.
fn failure_after(frames: &[u8], mode: &str) -> String {
    const HEADERS: u8 = 1;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let frames = [&frame(4, 0, 0, &[]), frames].concat();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        let mut preface = [0; 24];
        stream.read_exact(&mut preface).expect("a preface");
        let mut head = [0; 9];
        while head[3] != HEADERS {
            stream.read_exact(&mut head).expect("a frame");
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            let mut payload = (&mut stream).take(length.into());
            std::io::copy(&mut payload, &mut std::io::sink()).expect("a payload");
        }
        send(&mut stream, &frames);
        // until the client has had enough
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let sandbox = Sandbox::new();
    let link = format!("http://{address}/x.pdf");
    let args = ["--http2", "--retry", "0"];
    let run = sandbox.fetch(mode, &link, &args).exits(1);
    server.join().expect("no panic");
    let mut lines = run.stderr.lines();
    let failure = lines.find(|line| line.contains(&link));
    failure.expect("a failure").to_owned()
}

#[test]
fn a_head_that_is_too_large_for_http2_fails() {
    // `:status: 200`, and then literal fields with names of one byte and values of 15,000 (RFC 7541 sections 6.1 and 6.2)
    let field = [&[0, 1, b'x', 127, 153, 116][..], &[b'a'; 15_000]].concat();
    let mut frames = frame(1, 0, 1, &[0x88]);
    for _ in 0..20 {
        frames.extend(frame(9, 0, 1, &field));
    }
    frames.extend(frame(9, 4, 1, &[]));
    for_each_mode(|mode| {
        let failure = failure_after(&frames, mode);
        let expected = "http_status: the response is not valid HTTP/2, or its head is larger";
        assert!(failure.contains(expected), "{failure}");
    });
}

#[test]
fn a_reason_to_close_the_connection_is_cut_and_printable() {
    // GOAWAY with ENHANCE_YOUR_CALM: RFC 9113 section 6.8
    let reason = "\u{1b}[31mred".repeat(1000);
    let payload = [&[0, 0, 0, 0, 0, 0, 0, 11], reason.as_bytes()].concat();
    let goaway = frame(7, 0, 0, &payload);
    for_each_mode(|mode| {
        let failure = failure_after(&goaway, mode);
        let is_safe = !failure.contains('\u{1b}') && failure.len() < 1000;
        assert!(is_safe && failure.contains("connect: "), "{failure}");
    });
}
