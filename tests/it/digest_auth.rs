//! Digest authentication, against a server that checks each response and lets no count be used twice.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use sha2::Digest;

use crate::harness::{Sandbox, for_each_mode, list};
use crate::server::{Request, Server, ok, pdf, respond};

const SECRET: &str = "s3cr\"t";

fn hash(algorithm: &str, text: &str) -> String {
    let digest = match algorithm {
        "MD5" => md5::Md5::digest(text).to_vec(),
        _ => sha2::Sha256::digest(text).to_vec(),
    };
    let digits = digest.iter().map(|byte| format!("{byte:02x}"));
    digits.collect::<Vec<_>>().concat()
}

/// The value of a parameter in a header, without quotes.
fn parameter<'a>(header: &'a str, name: &str) -> &'a str {
    let mut parameters = header
        .split(", ")
        .filter_map(|parameter| parameter.split_once('='));
    let value = parameters.find(|(other, _)| other.trim_start_matches("Digest ") == name);
    value.map_or("", |(_, value)| value.trim_matches('"'))
}

/// Whether a request has proven that its user knows [`SECRET`].
fn is_proven(request: &Request, algorithm: &str) -> bool {
    let header = request.header("authorization").unwrap_or_default();
    let get = |name| parameter(header, name);
    let mut secret = hash(algorithm, &format!("me:the realm:{SECRET}"));
    let (nonce, cnonce, nc) = (get("nonce"), get("cnonce"), get("nc"));
    if get("algorithm").ends_with("-sess") {
        secret = hash(algorithm, &format!("{secret}:{nonce}:{cnonce}"));
    }
    let asked = hash(algorithm, &format!("GET:{}", request.path));
    let proof = match get("qop") {
        "" => format!("{secret}:{nonce}:{asked}"),
        qop => format!("{secret}:{nonce}:{nc}:{cnonce}:{qop}:{asked}"),
    };
    header.starts_with("Digest ")
        && get("uri") == request.path
        && get("response") == hash(algorithm, &proof)
}

/// A server with challenges of this form, in which `NONCE` is one that is good for four requests.
fn server(challenge: &'static str) -> Server {
    let algorithm = if challenge.contains("SHA-256") {
        "SHA-256"
    } else {
        "MD5"
    };
    let (used, count) = (Mutex::new(HashSet::new()), Mutex::new(0));
    Server::start(move |request, stream| {
        let header = request.header("authorization").unwrap_or_default();
        let proof = (
            parameter(header, "nonce").to_owned(),
            parameter(header, "nc").to_owned(),
        );
        let mut count = count.lock().expect("no panic");
        let is_current = proof.0 == format!("n/{}", *count / 4);
        let has_cookie = request.header("cookie") == Some("challenged=1");
        let is_proven = has_cookie && is_proven(request, algorithm);
        let is_new = proof.1.is_empty() || used.lock().expect("no panic").insert(proof);
        if is_proven && is_current && is_new {
            *count += 1;
            return ok(stream, &pdf(&request.path));
        }
        let stale = if is_proven { ", stale=TRUE" } else { "" };
        let challenge = challenge.replace("NONCE", &format!("n/{}", *count / 4));
        respond(
            stream,
            &format!("401 Unauthorized\r\nSet-Cookie: challenged=1; Path=/\r\n{challenge}{stale}"),
            b"no",
        );
    })
}

#[test]
fn servers_that_want_digest_get_it() {
    for_each_mode(|mode| {
        for challenge in [
            "WWW-Authenticate: Digest realm=\"the realm\", nonce=\"NONCE\", qop=\"auth,auth-int\", algorithm=MD5, opaque=\"o\"",
            "WWW-Authenticate: Digest realm=\"the realm\", nonce=\"NONCE\", algorithm=SHA-256-sess, qop=auth",
            "WWW-Authenticate: Negotiate\r\nWWW-Authenticate: Digest realm=\"the realm\",nonce=\"x\",algorithm=X, Digest realm=\"the realm\",nonce=\"NONCE\",algorithm=SHA-256,qop=\"auth\"",
            "WWW-Authenticate: Digest realm=\"the realm\", nonce=\"NONCE\"",
        ] {
            let server = server(challenge);
            let sandbox = Sandbox::new();
            let links = list((0..8).map(|n| server.url(&format!("/{n}.pdf?q={n}"))));
            let user = format!("me:{SECRET}");
            let run = sandbox
                .fetch(mode, links, &["-u", &user, "-vv", "-j", "1"])
                .exits(0);
            assert_eq!(run.count("downloaded"), 8, "{mode}: {challenge}");
            // one for the first challenge, and one for each stale nonce
            assert_eq!(server.requests().len(), 8 + 2, "{mode}: {challenge}");
            assert!(
                !run.stderr.contains(SECRET) && !run.stderr.contains("cnonce"),
                "{run:?}"
            );
        }
    });
}

#[test]
fn jobs_share_a_nonce() {
    for_each_mode(|mode| {
        let server =
            server("WWW-Authenticate: Digest realm=\"the realm\", nonce=\"NONCE\", qop=auth");
        let sandbox = Sandbox::new();
        sandbox.write("netrc", "machine 127.0.0.1 login me password \"s3cr\\\"t\"");
        let links = list((0..3).map(|n| server.url(&format!("/{n}.pdf"))));
        sandbox
            .fetch(mode, links, &["--netrc-file", "netrc"])
            .exits(0);
    });
}

#[test]
fn unknown_kinds_are_not_supported() {
    for_each_mode(|mode| {
        for kind in ["qop=\"auth-int\"", "algorithm=X", "qop=auth,algorithm=X"] {
            let challenge = format!("WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", {kind}");
            let server = Server::start(move |_, stream| {
                respond(stream, &format!("401 Unauthorized\r\n{challenge}"), b"");
            });
            let run = Sandbox::new().fetch(mode, server.url("/x.pdf"), &["-u", "me:it"]);
            run.fails_with("401 Unauthorized: requires `Digest` authentication of a kind that is not supported");
            assert_eq!(server.requests().len(), 1, "{mode}: {kind}");
        }
    });
}

#[test]
fn a_wrong_password_is_tried_once() {
    for_each_mode(|mode| {
        let server =
            server("WWW-Authenticate: Digest realm=\"the realm\", nonce=\"NONCE\", qop=auth");
        let run = Sandbox::new().fetch(mode, server.url("/x.pdf"), &["-u", "me:wrong"]);
        run.fails_with("http_status: 401 Unauthorized: the credentials were not accepted");
        assert!(
            run.stdout.contains("hint: check the user and the password"),
            "{run:?}"
        );
        assert_eq!(server.requests().len(), 2, "{mode}");
        let run = Sandbox::new().fetch(mode, server.url("/x.pdf"), &[]);
        run.fails_with("http_status: 401 Unauthorized: requires `Digest` authentication");
        assert_eq!(server.requests().len(), 3, "{mode}");
    });
}

#[test]
fn other_origins_get_no_digest() {
    for_each_mode(|mode| {
        let other =
            server("WWW-Authenticate: Digest realm=\"the realm\", nonce=\"NONCE\", qop=auth");
        let to = other.url("/x.pdf");
        let first = Arc::new(server(
            "WWW-Authenticate: Digest realm=\"the realm\", nonce=\"NONCE\", qop=auth",
        ));
        let redirecting = Server::start(move |_, stream| {
            respond(stream, &format!("302 Found\r\nLocation: {to}"), b"");
        });
        let links = list([first.url("/a.pdf"), redirecting.url("/x.pdf")]);
        let user = format!("me:{SECRET}");
        let run = Sandbox::new().fetch(mode, links, &["-u", &user]).exits(1);
        assert_eq!(run.count("downloaded"), 1, "{mode}");
        let requests = other.requests();
        assert_eq!(
            (requests.len(), requests[0].header("authorization")),
            (1, None),
            "{mode}"
        );
    });
}
