//! Responses that are not files: which are asked again, and what a person learns of the reason.

use crate::harness::{Run, Sandbox, for_each_mode, list};
use crate::server::{Server, ok, pdf, respond};

/// A server whose first response to a path is the one of this function, and a PDF thereafter.
fn at_first(first: impl Fn(&str) -> &'static str + Send + Sync + 'static) -> Server {
    Server::start(move |request, stream| match request.earlier {
        0 => respond(stream, first(&request.path), b""),
        _ => ok(stream, &pdf(&request.path)),
    })
}

/// Fetches a link whose response is always this one, without retries.
fn refused(mode: &str, head: &'static str, body: &'static [u8]) -> Run {
    let server = Server::start(move |_, stream| respond(stream, head, body));
    let args = ["--retry", "0", "--json"];
    let run = Sandbox::new().fetch(mode, server.url("/x.pdf"), &args);
    run.exits(1)
}

#[test]
fn files_that_are_being_made_are_waited_for() {
    for_each_mode(|mode| {
        let server = at_first(|path| match path {
            "/0" => "202 Accepted\r\nRetry-After: 0",
            "/1" => "403 Forbidden\r\nRetry-After: 0",
            "/2" => "423 Locked\r\nRetry-After: 0",
            _ => "202 Accepted",
        });
        let links = list((0..20).map(|n| server.url(&format!("/{n}"))));
        let run = Sandbox::new().fetch(mode, links, &[]).exits(0);
        assert_eq!(run.count("downloaded"), 20, "{mode}");
        assert_eq!(server.requests().len(), 40, "{mode}");
    });
}

#[test]
fn files_that_are_never_made_fail_for_now() {
    for_each_mode(|mode| {
        let server = Server::start(|request, stream| match &*request.path {
            "/good.pdf" => ok(stream, &pdf("good")),
            "/never" => respond(stream, "202 Accepted", b""),
            "/later" => respond(stream, "202 Accepted\r\nRetry-After: 3600", b""),
            _ => respond(stream, "403 Forbidden\r\nRetry-After: 3600", b""),
        });
        let paths = ["/never", "/later", "/1", "/2", "/3", "/good.pdf"];
        let links = list(paths.map(|path| server.url(path)));
        let args = ["--retry", "1", "-j", "1", "--json"];
        let run = Sandbox::new().fetch(mode, links, &args).exits(1);
        for said in [
            "never: http_status: 202 Accepted: the file is still being made (after 2 attempts)",
            "later: http_status: 202 Accepted: the file is still being made; the server asks to retry after 3600 s\n",
            "3: rate_limited: 403 Forbidden; the server asks to retry after 3600 s\n",
            "hint: the servers are still making these files: run the same command again later",
        ] {
            assert!(run.stderr.contains(said), "{mode}: {said}: {run:?}");
        }
        assert_eq!(
            run.stdout.matches("\"retryable\":true").count(),
            5,
            "{run:?}"
        );
        assert_eq!(run.stdout.matches("\"downloaded\"").count(), 1, "{run:?}");
        assert_eq!(server.requests().len(), paths.len() + 1, "{mode}");
    });
}

#[test]
fn pauses_are_measured_by_the_clock_of_the_server() {
    for_each_mode(|mode| {
        let ahead = at_first(
            |_| "503 Busy\r\nDate: Sun, 01 Jan 2090 00:00:00 GMT\r\nRetry-After: Sun, 01 Jan 2090 00:00:00 GMT",
        );
        Sandbox::new()
            .fetch(mode, ahead.url("/x.pdf"), &[])
            .exits(0);
        for wait in [
            "Sun, 06 Nov 1994 09:49:37 GMT",
            "Sunday, 06-Nov-94 09:49:37 GMT",
            "Sun Nov  6 09:49:37 1994",
        ] {
            let behind = Server::start(move |_, stream| {
                let head = format!(
                    "503 Busy\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nRetry-After: {wait}"
                );
                respond(stream, &head, b"");
            });
            let run = Sandbox::new()
                .fetch(mode, behind.url("/x.pdf"), &[])
                .exits(1);
            run.fails_with(
                "rate_limited: 503 Service Unavailable; the server asks to retry after 3600 s",
            );
        }
    });
}

#[test]
fn the_reason_of_the_server_is_shown() {
    let cases: [(&'static str, &'static [u8], &str); 10] = [
        (
            "403 Forbidden\r\nContent-Type: application/xml",
            b"<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>",
            "403 Forbidden: AccessDenied: Request has expired\"",
        ),
        (
            "403 Forbidden\r\nContent-Type: text/html",
            b"<html><title>\n Subscription required &ndash; Journal\x1b[2J </title>",
            "403 Forbidden: Subscription required \u{2013} Journal\\\\u{1b}[2J\"",
        ),
        (
            "404 Not Found",
            b"<html><head><title>404 Not Found</title></head><center>nginx</center>",
            "404 Not Found\"",
        ),
        (
            "403 Forbidden\r\nContent-Type: application/problem+json",
            br#"{"title":"Embargoed","detail":"Until 2027, see http://u:secret@h/?token=secret"}"#,
            "403 Forbidden: Embargoed: Until 2027, see http://h/?token=***\"",
        ),
        (
            "400 Bad Request",
            br#"{"error":{"code":400,"message":"No such paper"}}"#,
            "400 Bad Request: No such paper\"",
        ),
        ("451 Unavailable", b"Blocked by a court order.\nmore", "451 Unavailable For Legal Reasons: Blocked by a court order.\""),
        (
            "206 Partial\r\nContent-Range: bytes 0-4/9",
            b"%PDF-",
            "206 Partial Content: only `bytes 0-4/9`\"",
        ),
        ("401 No\r\nWWW-Authenticate: Negotiate\r\nWWW-Authenticate: NTLM", b"", "401 Unauthorized: requires `Negotiate` or `NTLM` authentication, which is not supported\""),
        ("401 No\r\nWWW-Authenticate: Bearer realm=\"x\"", b"", "401 Unauthorized: requires `Bearer` authentication\""),
        ("404 Not Found", &[b'x'; 4000], "xxx\u{2026}\""),
    ];
    for_each_mode(|mode| {
        for (head, body, error) in cases {
            let run = refused(mode, head, body);
            assert!(run.stdout.contains(error), "{mode}: {error}: {run:?}");
            assert!(!run.stdout.contains("secret"), "{run:?}");
        }
    });
}

#[test]
fn bot_checks_are_not_repeated() {
    let cases: [(&'static str, &'static [u8]); 6] = [
        ("403 Forbidden\r\ncf-mitigated: challenge", b""),
        ("202 Accepted\r\nx-amzn-waf-action: challenge", b""),
        (
            "403 Forbidden\r\nX-DataDome: protected\r\nRetry-After: 0",
            b"",
        ),
        (
            "503 Service Unavailable\r\nServer: cloudflare",
            b"<!DOCTYPE html><html><head><title>Just a moment...</title>",
        ),
        (
            "403 Forbidden",
            b"<html><script src=\"https://ct.captcha-delivery.com/c.js\"></script>",
        ),
        ("405 Not Allowed\r\nx-amzn-waf-action: captcha", b""),
    ];
    for_each_mode(|mode| {
        for (head, body) in cases {
            let server = Server::start(move |_, stream| respond(stream, head, body));
            let run = Sandbox::new()
                .fetch(mode, server.url("/x.pdf"), &[])
                .exits(1);
            assert_eq!(server.requests().len(), 1, "{mode}: {head}");
            assert!(run.stderr.contains(": bot check of a firewall"), "{run:?}");
            assert!(
                run.stdout
                    .contains("hint: a firewall wants to see a browser"),
                "{run:?}"
            );
        }
    });
}

#[test]
fn failures_are_grouped_by_what_to_do() {
    const EXPIRED: &[u8] =
        b"<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>";
    for_each_mode(|mode| {
        let server = Server::start(|request, stream| match &request.path[1..2] {
            "a" => respond(
                stream,
                "403 Forbidden",
                b"<title>Subscription required</title>",
            ),
            "b" => respond(stream, "403 Forbidden\r\ncf-mitigated: challenge", b""),
            "c" => respond(stream, "403 Forbidden", EXPIRED),
            "d" => respond(stream, "402 Payment Required", b""),
            "e" => respond(stream, "451 Unavailable For Legal Reasons", b""),
            "f" => respond(stream, "403 Forbidden", b"<title>Embargo</title>"),
            _ => respond(stream, "404 Not Found", b""),
        });
        let paths = [
            "/a1",
            "/a2",
            "/a3",
            "/a4",
            "/b",
            "/c?X-Amz-Signature=s3cr3t",
            "/d",
            "/e",
            "/f",
            "/g1",
            "/g2",
        ];
        let other = server.url("/g3").replace("127.0.0.1", "localhost");
        let more = server.url("/g4");
        let links = paths
            .map(|path| server.url(path))
            .into_iter()
            .chain([other, more]);
        let args = ["-j", "1", "--retry", "0"];
        let run = Sandbox::new().fetch(mode, list(links), &args).exits(1);
        let port = server.url("").replace("http://127.0.0.1:", "");
        let groups = run
            .stdout
            .split("\n\n")
            .next()
            .unwrap_or_default()
            .replace(&port, "PORT");
        insta::allow_duplicates! { insta::assert_snapshot!(groups, @"
        5 http_status 403
          hint: the server may require a login (`--cookie`) or reject programs (`--user-agent`)
        4 http_status 404
          hosts: 127.0.0.1:PORT (3), localhost:PORT (1)
          hint: these links are dead: `--error-file` writes them to a list
        1 http_status 402
          hint: access has to be paid for: send the cookies or the token of an account that has it (`--cookie`, `--header @FILE`)
        1 http_status 403, signed link
          hint: signed links are valid for a limited time, and only as they are: get new ones from where these came from
        1 http_status 451
          hint: withheld for legal reasons, perhaps only in your country: look for another source
        1 challenge, bot check
          hint: a firewall wants to see a browser: open a link in one, and send its cookies and its name (`--cookie`, `--user-agent`); fewer requests (`--per-host 1 --wait 1s`) may avoid the check
        "); }
    });
}
