//! TLS: trusted certificates, client certificates, and redirects to http.

use crate::harness::{Run, Running, Sandbox, for_each_mode};
use crate::server::{Server, pdf};
use crate::tls_server::{Answer, Rules, TlsServer};

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

#[test]
fn untrusted_certificate_fails_the_link() {
    for_each_mode(|mode| {
        let sandbox = Sandbox::new();
        let server = TlsServer::of_pdfs(&sandbox, Rules::default());
        let url = server.url("/x.pdf");
        fetch(&sandbox, mode, &url, false, &[])
            .fails_with("tls: secure connection failed: invalid peer certificate");
        assert!(server.requests().is_empty());
        fetch(&sandbox, mode, &url, true, &["--https-only"]).exits(0);
        assert_eq!(sandbox.files()["x.pdf"], pdf("/x.pdf"));
    });
}

#[test]
fn redirect_to_http_requires_allow_downgrade() {
    for_each_mode(|mode| {
        let plain = Server::of_pdfs();
        let sandbox = Sandbox::new();
        let target = plain.url("/y.pdf");
        let server = TlsServer::start(&sandbox, Rules::default(), move |_| {
            Answer::new(302, "").with("location", &target)
        });
        let url = server.url("/x.pdf");
        fetch(&sandbox, mode, &url, true, &[])
            .fails_with("redirect from https to http: `--allow-downgrade` follows it");
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
fn cacert_and_insecure_are_honored() {
    for_each_mode(|mode| {
        let sandbox = Sandbox::new();
        let server = TlsServer::of_pdfs(&sandbox, Rules::default());
        let url = server.url("/x.pdf");
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
            run.stderr
                .contains("no PEM certificate in the file of `--cacert`"),
            "{}",
            run.stderr
        );
    });
}

#[test]
fn client_certificate_is_sent() {
    for_each_mode(|mode| {
        let sandbox = Sandbox::new();
        let client = rcgen::generate_simple_self_signed(["me".to_owned()]).expect("a certificate");
        sandbox.write("me.pem", client.cert.pem());
        sandbox.write("me.key", client.signing_key.serialize_pem());
        let mut known = rustls::RootCertStore::empty();
        known.add(client.cert.der().clone()).expect("a certificate");
        let rules = Rules {
            known: Some(known),
            ..Rules::default()
        };
        let server = TlsServer::of_pdfs(&sandbox, rules);
        let url = server.url("/x.pdf");
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
        assert!(
            run.stderr
                .contains("both a certificate and its key are required"),
            "{}",
            run.stderr
        );
    });
}

#[test]
fn untrusted_certificate_is_not_retried() {
    for_each_mode(|mode| {
        let sandbox = Sandbox::new();
        let server = TlsServer::of_pdfs(&sandbox, Rules::default());
        let ours = server.url("/x.pdf");
        // the file vouches for `localhost`
        let of_another = ours.replace("localhost", "127.0.0.1");
        for args in [&[][..], &["--http1.1"], &["--http2"]] {
            for (link, trust) in [
                (&ours, &[][..]),
                (&of_another, &[]),
                (&of_another, &["--cacert", "ca.pem"]),
            ] {
                let run = sandbox.fetch(mode, link, &[trust, args].concat());
                run.fails_with("tls: secure connection failed: invalid peer certificate");
                let record = sandbox.journal().pop().expect("a record");
                assert_eq!(
                    (&record["status"], &record["attempts"]),
                    (&"tls".into(), &1.into()),
                    "{mode} {args:?} {trust:?}"
                );
            }
        }
        assert!(server.requests().is_empty(), "{mode}");
        assert!(sandbox.names().is_empty(), "{mode}");
    });
}
