//! https, and what it may lead to.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;

use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::harness::{Run, Running, Sandbox, for_each_mode};
use crate::server::{Server, pdf};

/// A server with a certificate that its own file vouches for, which answers each connection with what `answer` says.
fn https(sandbox: &Sandbox, answer: impl Fn() -> Vec<u8> + Send + 'static) -> String {
    let certificate =
        rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    sandbox.write("ca.pem", certificate.cert.pem());
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(
        certificate.signing_key.serialize_der(),
    ));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.cert.der().clone()], key)
        .expect("a key that fits");
    let config = Arc::new(config);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let port = listener.local_addr().expect("it is bound").port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let session = rustls::ServerConnection::new(Arc::clone(&config)).expect("a session");
            let mut stream = BufReader::new(rustls::StreamOwned::new(session, stream));
            let mut line = String::new();
            while stream.read_line(&mut line).is_ok_and(|length| length > 2) {
                line.clear();
            }
            // a client that does not trust us is gone by now
            let _ = stream.get_mut().write_all(&answer());
            stream.get_mut().conn.send_close_notify();
            let _ = stream.get_mut().flush();
        }
    });
    format!("https://localhost:{port}/x.pdf")
}

fn fetch(sandbox: &Sandbox, mode: &str, url: &str, trusting: bool, args: &[&str]) -> Run {
    let mut command =
        sandbox.command(&[&[url, "-o", "out", "-m", mode, "--retry", "0"], args].concat());
    if trusting {
        command
            .env("SSL_CERT_FILE", sandbox.path("ca.pem"))
            .env_remove("SSL_CERT_DIR");
    }
    Running::start(command).end()
}

fn answer(head: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {head}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.into_bytes(), body.to_vec()].concat()
}

#[test]
fn a_certificate_is_trusted_or_the_link_fails() {
    for_each_mode(|mode| {
        let sandbox = Sandbox::new();
        let url = https(&sandbox, || answer("200 OK", &pdf("x")));
        fetch(&sandbox, mode, &url, false, &[])
            .fails_with("tls: no trusted connection: invalid peer certificate");
        fetch(&sandbox, mode, &url, true, &["--https-only"]).exits(0);
        assert_eq!(sandbox.files()["x.pdf"], pdf("x"));
    });
}

#[test]
fn a_redirect_to_http_is_followed_only_where_that_is_allowed() {
    for_each_mode(|mode| {
        let plain = Server::of_pdfs();
        let sandbox = Sandbox::new();
        let target = plain.url("/y.pdf");
        let url = https(&sandbox, move || {
            answer(&format!("302 Found\r\nLocation: {target}"), b"")
        });
        fetch(&sandbox, mode, &url, true, &[])
            .fails_with("leads from https to http, which `--allow-downgrade` follows");
        let run = fetch(
            &sandbox,
            mode,
            &url,
            true,
            &["--allow-downgrade", "--https-only"],
        );
        run.fails_with("only `https` links are fetched");
        assert_eq!(plain.connections(), 0);
        fetch(&sandbox, mode, &url, true, &["--allow-downgrade"]).exits(0);
        assert_eq!(sandbox.files()["x.pdf"], pdf("/y.pdf"));
    });
}
