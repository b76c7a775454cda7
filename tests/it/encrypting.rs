//! https, and what it may lead to.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;

use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::harness::{Run, Running, Sandbox, for_each_mode};
use crate::server::{Server, pdf};

/// A server with a certificate that its own file vouches for, which answers each connection with what `answer` says.
fn https(sandbox: &Sandbox, answer: impl Fn() -> Vec<u8> + Send + 'static) -> String {
    https_for(sandbox, None, answer)
}

/// The same, for clients with certificates that are known, if these are given.
fn https_for(
    sandbox: &Sandbox,
    known: Option<rustls::RootCertStore>,
    answer: impl Fn() -> Vec<u8> + Send + 'static,
) -> String {
    let certificate =
        rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    sandbox.write("ca.pem", certificate.cert.pem());
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(
        certificate.signing_key.serialize_der(),
    ));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("versions");
    let config = match known {
        None => config.with_no_client_auth(),
        Some(known) => config.with_client_cert_verifier(
            rustls::server::WebPkiClientVerifier::builder_with_provider(known.into(), provider)
                .build()
                .expect("a verifier"),
        ),
    };
    let config = config
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

#[test]
fn a_certificate_is_trusted_if_its_file_is_named_or_if_all_are() {
    for_each_mode(|mode| {
        let sandbox = Sandbox::new();
        let url = https(&sandbox, || answer("200 OK", &pdf("x")));
        fetch(&sandbox, mode, &url, false, &[]).fails_with("tls");
        let run = fetch(&sandbox, mode, &url, false, &["--cacert", "ca.pem"]).exits(0);
        assert!(!run.stderr.contains("--insecure"));
        let other = Sandbox::new();
        let run = fetch(&other, mode, &url, false, &["--insecure"]).exits(0);
        assert!(
            run.stderr.contains("certificates are not checked"),
            "{}",
            run.stderr
        );
        sandbox.write("no.pem", "nonsense");
        let run = fetch(
            &sandbox,
            mode,
            &url,
            false,
            &["--cacert", "no.pem", "-o", "other"],
        )
        .exits(2);
        assert!(
            run.stderr.contains("no certificate in PEM"),
            "{}",
            run.stderr
        );
    });
}

#[test]
fn a_server_that_asks_who_is_there_is_shown_a_certificate() {
    for_each_mode(|mode| {
        let sandbox = Sandbox::new();
        let client = rcgen::generate_simple_self_signed(["me".to_owned()]).expect("a certificate");
        sandbox.write("me.pem", client.cert.pem());
        sandbox.write("me.key", client.signing_key.serialize_pem());
        let mut known = rustls::RootCertStore::empty();
        known.add(client.cert.der().clone()).expect("a certificate");
        let url = https_for(&sandbox, Some(known), || answer("200 OK", &pdf("x")));
        let trust = ["--cacert", "ca.pem"];
        let run = fetch(&sandbox, mode, &url, false, &trust);
        assert_eq!(run.code, Some(1), "{run:#?}");
        let identity = ["--cert", "me.pem", "--key", "me.key"];
        fetch(
            &sandbox,
            mode,
            &url,
            false,
            &[&trust[..], &identity].concat(),
        )
        .exits(0);
        let run = fetch(
            &sandbox,
            mode,
            &url,
            false,
            &["--cert", "me.pem", "-o", "other"],
        )
        .exits(2);
        assert!(run.stderr.contains("both are needed"), "{}", run.stderr);
    });
}
