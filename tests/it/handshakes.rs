//! Servers with another idea of TLS than the client: the message says what they have, and advises nothing that is of no use.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};

use crate::harness::{Run, Sandbox, for_each_mode};

/// The port of a server that responds with these bytes to whatever a client begins with.
fn answering(bytes: Vec<u8>) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let port = listener.local_addr().expect("it is bound").port();
    std::thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let _ = client.read(&mut [0; 4096]);
            let _ = client.write_all(&bytes);
            let _ = client.shutdown(std::net::Shutdown::Write);
            let _ = client.read_to_end(&mut Vec::new());
        }
    });
    port
}

fn fetch(mode: &str, scheme: &str, response: &[u8]) -> Run {
    let port = answering(response.to_vec());
    let link = format!("{scheme}://localhost:{port}/x.pdf");
    let run = Sandbox::new().fetch(mode, link, &["--retry", "0"]).exits(1);
    assert!(!run.stdout.contains("--cacert"), "{run:?}");
    run
}

/// A fatal alert (RFC 8446 section 6).
fn alert(number: u8) -> [u8; 7] {
    [21, 3, 1, 0, 2, 2, number]
}

/// A `ServerHello` (RFC 5246 section 7.4.1.3) of this version of TLS with this cipher suite.
fn server_hello(version: [u8; 2], suite: [u8; 2]) -> Vec<u8> {
    let message = [&[2, 0, 0, 38][..], &version, &[7; 32], &[0], &suite, &[0]].concat();
    [&[22][..], &version, &[0, 42], &message].concat()
}

#[test]
fn obsolete_servers_are_told_apart() {
    const RSA_WITH_AES_128_CBC_SHA: [u8; 2] = [0, 0x2f];
    const RSA_WITH_RC4_128_MD5: [u8; 2] = [0, 0x04];
    for_each_mode(|mode| {
        for (response, message) in [
            (
                alert(70).to_vec(),
                "the server refuses TLS 1.2 and 1.3, so that it speaks only older versions",
            ),
            (
                alert(40).to_vec(),
                "no cipher in common: the server accepts none with ECDHE",
            ),
            (
                alert(71).to_vec(),
                "no cipher in common: the server accepts none with ECDHE",
            ),
            (
                server_hello([3, 1], RSA_WITH_AES_128_CBC_SHA),
                "the server speaks only TLS versions older than 1.2",
            ),
            (
                server_hello([3, 2], RSA_WITH_AES_128_CBC_SHA),
                "the server speaks only TLS versions older than 1.2",
            ),
            (
                server_hello([3, 3], RSA_WITH_RC4_128_MD5),
                "no cipher in common: the server chose one without ECDHE",
            ),
        ] {
            let run = fetch(mode, "https", &response);
            run.fails_with(&format!("tls: secure connection failed: {message}"));
            assert!(run.stdout.contains("1 tls, obsolete TLS\n"), "{run:?}");
        }
        let run = fetch(mode, "https", b"");
        run.fails_with("connect: the server closed the connection during the TLS handshake");
    });
}

#[test]
fn http_and_https_are_not_confused() {
    for_each_mode(|mode| {
        for other in [
            &b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"[..],
            b"SSH-2.0-OpenSSH_9.6\r\n",
        ] {
            let run = fetch(mode, "https", other);
            run.fails_with(
                "tls: secure connection failed: the server does not speak TLS on this port",
            );
            assert!(
                run.stdout.contains("hint: try these links with `http://`"),
                "{run:?}"
            );
        }
        let nginx = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<html><head><title>400 The plain HTTP request was sent to HTTPS port</title>";
        for (response, message) in [
            (
                &alert(70)[..],
                "http_status: the response is not valid HTTP: it does not begin as HTTP does, and may be TLS",
            ),
            (
                nginx,
                "http_status: 400 Bad Request: 400 The plain HTTP request was sent to HTTPS port",
            ),
        ] {
            let run = fetch(mode, "http", response);
            run.fails_with(message);
            assert!(
                run.stdout.contains("hint: try these links with `https://`"),
                "{run:?}"
            );
        }
    });
}
