//! Requests: headers, credentials, cookies and proxies. Secrets go only to the host of the link.

use std::collections::HashSet;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::harness::{Run, Running, Sandbox, for_each_mode};
use crate::server::{Nobody, Server, ok, pdf, respond, send};

const SECRET: &str = "s3cr3t";

/// Answers with a PDF, or with where `/to?` leads.
fn server() -> Server {
    Server::start(|request, stream| match request.path.split_once("to?") {
        Some((_, target)) => respond(stream, &format!("302 Found\r\nLocation: {target}"), b""),
        None => ok(stream, &pdf(&request.path)),
    })
}

/// Fetches `link` with everything that tells, and finds no secret in any of it.
fn fetch(sandbox: &Sandbox, mode: &str, link: &str, args: &[&str]) -> Run {
    let args = [
        &[
            "-vv",
            "--log",
            "run.log",
            "--report",
            "run.jsonl",
            "--error-file",
            "failed.txt",
        ],
        args,
    ]
    .concat();
    let run = sandbox.fetch(mode, link, &args);
    for name in [
        "run.log",
        "run.jsonl",
        "failed.txt",
        "out/.fetchpdf/journal.jsonl",
    ] {
        let text = std::fs::read_to_string(sandbox.path(name)).unwrap_or_default();
        assert!(!text.contains(SECRET), "{name}: {text}");
    }
    assert!(
        !format!("{}{}", run.stdout, run.stderr).contains(SECRET),
        "{run:#?}"
    );
    run
}

#[test]
fn headers_are_sent_to_the_host_of_the_link_only() {
    for_each_mode(|mode| {
        let (server, other) = (server(), server());
        let sandbox = Sandbox::new();
        sandbox.write(
            "fields",
            format!("\u{feff}X-Token: {SECRET}\r\n\r\nAccept: text/x\n"),
        );
        sandbox.write(
            ".netrc",
            format!("\u{feff}machine 127.0.0.1 login me password {SECRET}"),
        );
        let link = server.url(&format!("/to?{}", other.url("/to?/x.pdf")));
        let args = [
            "-H",
            "@fields",
            "-H",
            "X-Other: 1",
            "-A",
            "me/1",
            "-e",
            "http://from.example/",
            "--netrc-file",
            ".netrc",
        ];
        fetch(&sandbox, mode, &link, &args).exits(0);
        let asked = server.requests();
        let told = |name| asked[0].header(name);
        assert_eq!(
            (told("x-token"), told("x-other"), told("accept")),
            (Some(SECRET), Some("1"), Some("text/x"))
        );
        assert_eq!(
            (told("user-agent"), told("referer")),
            (Some("me/1"), Some("http://from.example/"))
        );
        assert_eq!(told("authorization"), Some("Basic bWU6czNjcjN0"));
        let asked = other.requests();
        assert_eq!(asked.len(), 2);
        for request in asked {
            assert_eq!(request.header("user-agent"), Some("me/1"));
            for name in ["x-token", "x-other", "authorization", "referer"] {
                assert_eq!(request.header(name), None, "{name}");
            }
        }
        let run = sandbox
            .run(&["-o", "out", "-H", &format!("Bad {SECRET}"), &link])
            .exits(2);
        assert!(run.stderr.contains("a header is `Name: value`") && !run.stderr.contains(SECRET));
        sandbox
            .run(&["-o", "out", "-H", "Range: bytes=0-1", &link])
            .exits(2);
    });
}

#[test]
fn a_header_replaces_that_of_an_option() {
    for_each_mode(|mode| {
        let (server, sandbox) = (server(), Sandbox::new());
        let link = server.url("/x.pdf");
        let mut args = vec!["-A", "a", "-e", "http://a.example/", "-u", "a:b"];
        let headers = [
            ("User-Agent", "me"),
            ("Referer", "http://me.example/"),
            ("Authorization", "Bearer me"),
        ];
        let fields = headers.map(|(name, value)| format!("{name}: {value}"));
        args.extend(fields.iter().flat_map(|field| ["-H", field]));
        fetch(&sandbox, mode, &link, &args).exits(0);
        for (name, value) in headers {
            let told: Vec<_> = server.requests()[0]
                .headers(name)
                .map(str::to_owned)
                .collect();
            assert_eq!(told, [value], "{mode}");
        }
    });
}

#[test]
fn credentials_have_an_order_of_precedence() {
    for_each_mode(|mode| {
        let server = server();
        let sandbox = Sandbox::new();
        sandbox.write("netrc", "default login d password d");
        let of = |user: &str| {
            server
                .url("/x.pdf")
                .replace("http://", &format!("http://{user}"))
        };
        fetch(
            &sandbox,
            mode,
            &of("a:b@"),
            &["-u", "c:d", "--netrc-file", "netrc"],
        )
        .exits(0);
        fetch(
            &sandbox,
            mode,
            &server.url("/y.pdf"),
            &["-u", "c:d", "--netrc-file", "netrc"],
        )
        .exits(0);
        fetch(
            &sandbox,
            mode,
            &server.url("/z.pdf"),
            &["-H", "Authorization: Bearer t", "-u", "c:d"],
        )
        .exits(0);
        let asked: Vec<_> = server
            .requests()
            .iter()
            .map(|request| request.header("authorization").map(str::to_owned))
            .collect();
        let expected = ["Basic YTpi", "Basic Yzpk", "Bearer t"];
        assert_eq!(asked, expected.map(|value| Some(value.to_owned())));
    });
}

#[test]
fn servers_may_call_a_pdf_by_another_type() {
    for_each_mode(|mode| {
        let server = Server::start(|request, stream| match request.header("accept") {
            Some(accept) if accept.contains("*/*") => ok(stream, &pdf(&request.path)),
            _ => respond(stream, "406 Not Acceptable", b""),
        });
        let sandbox = Sandbox::new();
        sandbox.fetch(mode, server.url("/x.pdf"), &[]).exits(0);
        let args = ["-H", "Accept: application/pdf"];
        sandbox.fetch(mode, server.url("/y.pdf"), &args).exits(1);
    });
}

#[test]
fn cookies_are_sent_back_in_their_encoding() {
    for_each_mode(|mode| {
        let server = Server::start(|request, stream| {
            let cookie: &[u8] = match &*request.path {
                "/utf-8" => "n=Müller à".as_bytes(),
                "/latin-1" => b"n=M\xfcller\xa0",
                _ => return ok(stream, &pdf(&request.path)),
            };
            send(
                stream,
                "HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: /x.pdf\r\nSet-Cookie: ",
            );
            send(stream, cookie);
            send(stream, "; Path=/\r\n\r\n");
        });
        for (path, sent) in [("/utf-8", "n=Müller à"), ("/latin-1", "n=Müller\u{a0}")] {
            Sandbox::new().fetch(mode, server.url(path), &[]).exits(0);
            let requests = server.requests();
            let cookie = requests.last().and_then(|request| request.header("cookie"));
            assert_eq!(cookie, Some(sent), "{mode}");
        }
    });
}

#[test]
fn cookie_files_of_editors_are_read() {
    let server = server();
    let lines = |end: &str| {
        let text = "#HttpOnly_127.0.0.1\tFALSE\t/\tFALSE\t0\ta\tMü|# comment||127.0.0.1\tFALSE\t/\tFALSE\t0\tb\t2|";
        text.replace('|', end)
    };
    let latin = |text: &str| {
        text.chars()
            .map(|c| u8::try_from(c).expect("Latin-1"))
            .collect::<Vec<_>>()
    };
    let utf16 = |text: &str| {
        format!("\u{feff}{text}")
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect::<Vec<_>>()
    };
    for (file, mode) in [
        (
            format!("\u{feff}{}", lines("\r\n")).into_bytes(),
            "sequential",
        ),
        (latin(&lines("\n")), "threads"),
        (lines("\r").into_bytes(), "pool"),
        (utf16(&lines("\r\n")), "async"),
    ] {
        let sandbox = Sandbox::new();
        sandbox.write("cookies.txt", file);
        sandbox
            .fetch(mode, server.url("/x.pdf"), &["-b", "cookies.txt"])
            .exits(0);
        let requests = server.requests();
        let cookie = requests.last().and_then(|request| request.header("cookie"));
        assert_eq!(cookie, Some("a=Mü; b=2"), "{mode}");
    }
}

#[test]
fn browser_cookies_are_sent() {
    for_each_mode(|mode| {
        let server = Server::start(|request, stream| {
            if request.header("cookie") == Some(&format!("session={SECRET}")) {
                ok(stream, &pdf(&request.path));
            } else {
                respond(stream, "200 OK", b"<html><title>Sign in</title></html>");
            }
        });
        let sandbox = Sandbox::new();
        let link = server.url("/x.pdf");
        fetch(&sandbox, mode, &link, &[]).fails_with("login");
        sandbox.write(
            "cookies.txt",
            format!("# Netscape HTTP Cookie File\n\n#HttpOnly_127.0.0.1\tFALSE\t/\tFALSE\t0\tsession\t{SECRET}\n127.0.0.1\tFALSE\t/\tFALSE\t1\told\tx\nother.example\tTRUE\t/\tFALSE\t0\tno\tx\n"),
        );
        fetch(&sandbox, mode, &link, &["-b", "cookies.txt"]).exits(0);
        sandbox.write("cookies.txt", format!("session={SECRET}\n"));
        let run = fetch(&sandbox, mode, &link, &["-b", "cookies.txt"]).exits(2);
        assert!(
            run.stderr.contains("`cookies.txt`, line 1: not a cookie"),
            "{}",
            run.stderr
        );
    });
}

/// A SOCKS5 proxy (RFC 1928) that connects whoever comes to `target`, whatever is asked for: at first as if that were near, and
/// from the connection of this number on as if it were far.
fn socks(target: &str, far: usize) -> (String, Arc<AtomicUsize>) {
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    let target = target.replace("http://", "");
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    std::thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let target = TcpStream::connect(&target).expect("the server is there");
            let far = count.fetch_add(1, Relaxed) >= far;
            std::thread::spawn(move || -> std::io::Result<()> {
                let mut bytes = [0; 256];
                client.read_exact(&mut bytes[..2])?;
                let methods = usize::from(bytes[1]);
                client.read_exact(&mut bytes[..methods])?;
                client.write_all(&[5, 0])?;
                client.read_exact(&mut bytes[..5])?;
                let rest = if bytes[3] == 3 {
                    usize::from(bytes[4]) + 2
                } else {
                    5
                };
                client.read_exact(&mut bytes[..rest])?;
                if far {
                    std::thread::sleep(Duration::from_millis(50));
                }
                client.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0])?;
                let (mut from, mut to) = (client.try_clone()?, target.try_clone()?);
                std::thread::spawn(move || std::io::copy(&mut from, &mut to));
                let (mut from, mut to) = (target, client);
                std::io::copy(&mut from, &mut to).map(drop)
            });
        }
    });
    (address.to_string(), connections)
}

#[test]
fn proxies_are_used_unless_excluded() {
    for_each_mode(|mode| {
        let server = server();
        let proxy = server.url("").replace("http://", "");
        for (scheme, host) in [
            ("http", "papers.invalid"),
            ("socks5h", "papers.invalid"),
            ("socks5", "127.0.0.1:1"),
        ] {
            let sandbox = Sandbox::new();
            let way = match scheme {
                "http" => format!("http://me:{SECRET}@{proxy}"),
                scheme => format!("{scheme}://{}", socks(&server.url(""), usize::MAX).0),
            };
            fetch(
                &sandbox,
                mode,
                &format!("http://{host}/x.pdf"),
                &["-x", &way],
            )
            .exits(0);
            assert_eq!(sandbox.names(), ["x.pdf"], "{scheme}");
        }
        let sandbox = Sandbox::new();
        for hosts in ["127.0.0.1", "*", "a.example, *"] {
            let args = ["-x", &proxy, "--noproxy", hosts, "--retry", "0"];
            fetch(&sandbox, mode, "http://127.0.0.1:1/x.pdf", &args).fails_with("connect");
        }
        fetch(
            &sandbox,
            mode,
            "http://127.0.0.1:1/x.pdf",
            &["--retry", "0", "-x", "127.0.0.1:1"],
        )
        .fails_with("connect");
        assert!(server.requests()[0].path.contains("papers.invalid"));
        assert!(server.requests()[0].header("proxy-authorization").is_some());
    });
}

#[test]
fn only_the_chosen_address_family_is_used() {
    let server = server();
    let sandbox = Sandbox::new();
    let link = server.url("/x.pdf").replace("127.0.0.1", "localhost");
    fetch(&sandbox, "async", &link, &["-4"]).exits(0);
    let sandbox = Sandbox::new();
    for link in [link, server.url("/x.pdf")] {
        fetch(&sandbox, "async", &link, &["-6", "--retry", "0"]).exits(1);
    }
}

/// A server that speaks HTTP/2 without TLS and nothing else, and ends a connection after so many requests; and where the
/// connections come from that had requests.
fn http2(most: usize) -> (String, Arc<Mutex<HashSet<SocketAddr>>>) {
    let connections = Arc::new(Mutex::new(HashSet::new()));
    let used = Arc::clone(&connections);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("it has one");
    listener.set_nonblocking(true).expect("a socket can be");
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let _: std::io::Result<()> = runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            loop {
                let (stream, client) = listener.accept().await?;
                let used = Arc::clone(&used);
                tokio::spawn(async move {
                    let mut connection = h2::server::handshake(stream).await?;
                    let mut count = 0;
                    while let Some(request) = connection.accept().await {
                        count += 1;
                        if count == most {
                            connection.graceful_shutdown();
                        }
                        let (request, mut respond) = request?;
                        used.lock().expect("no panic").insert(client);
                        let body = pdf(request.uri().path());
                        let head = http::Response::new(());
                        respond
                            .send_response(head, false)?
                            .send_data(body.into(), true)?;
                    }
                    Ok::<_, h2::Error>(())
                });
            }
        });
    });
    (format!("http://{address}"), connections)
}

#[test]
fn only_the_chosen_http_version_is_used() {
    let (first, (second, _)) = (server(), http2(usize::MAX));
    for_each_mode(|mode| {
        let sandbox = Sandbox::new();
        let link = format!("{second}/x.pdf");
        fetch(&sandbox, mode, &link, &["--http2"]).exits(0);
        fetch(&sandbox, mode, &first.url("/y.pdf"), &["--http1.1"]).exits(0);
        let other = format!("{second}/z.pdf");
        fetch(&sandbox, mode, &other, &["--http1.1", "--retry", "0"]).exits(1);
        assert_eq!(sandbox.names(), ["x.pdf", "y.pdf"]);
    });
}

#[test]
fn links_share_an_http2_connection() {
    for_each_mode(|mode| {
        let (server, connections) = http2(usize::MAX);
        let links: Vec<_> = (0..24).map(|i| format!("{server}/{i}.pdf")).collect();
        let args = ["--http2", "-j", "6", "--per-host", "6"];
        fetch(&Sandbox::new(), mode, &links.join("\n"), &args).exits(0);
        // threads share one; tasks have one for each of at most four cores
        let most = if mode == "async" { 4 } else { 1 };
        let opened = connections.lock().expect("no panic").len();
        assert!(opened <= most, "{mode}: {opened} connections");
    });
}

#[test]
fn no_unneeded_connection_is_opened_to_a_distant_host() {
    let (server, used) = http2(4);
    let (proxy, opened) = socks(&server, 1);
    let proxy = format!("socks5://{proxy}");
    let links: Vec<_> = (0..24).map(|i| format!("{server}/{i}.pdf")).collect();
    let args = ["--http2", "-x", &proxy];
    fetch(&Sandbox::new(), "sequential", &links.join("\n"), &args).exits(0);
    assert_eq!(opened.load(Relaxed), used.lock().expect("no panic").len());
}

#[test]
fn an_unreachable_proxy_is_named() {
    let held = Nobody::new();
    let nobody = held.address();
    for_each_mode(|mode| {
        let args = ["-x", &nobody.to_string(), "--retry", "0"];
        let run = fetch(&Sandbox::new(), mode, "http://a.invalid/x.pdf", &args).exits(1);
        let said = format!("connect: cannot connect to the proxy `{nobody}`: connection refused");
        assert!(run.stderr.contains(&said), "{run:?}");
    });
}

#[test]
fn a_proxy_that_refuses_is_named() {
    for_each_mode(|mode| {
        for (head, tunnel, plain) in [
            (
                "407 No\r\nProxy-Authenticate: Basic realm=x",
                "it requires a user and a password that it accepts",
                "http_status: 407 Proxy Authentication Required: requires `Basic` authentication\n",
            ),
            (
                "407 No\r\nProxy-Authenticate: NTLM",
                "it requires a user and a password that it accepts",
                "requires `NTLM` authentication, which is not supported\n",
            ),
            (
                "403 Forbidden",
                "it refuses to connect to the host",
                "http_status: 403 Forbidden\n",
            ),
        ] {
            let server = Server::start(move |_, stream| respond(stream, head, b""));
            let proxy = server.url("").replace("http://", "");
            let args = ["-x", &proxy, "--retry", "0"];
            let run = fetch(&Sandbox::new(), mode, "https://a.invalid/x.pdf", &args).exits(1);
            let said = format!("connect: cannot connect to the proxy `{proxy}`: {tunnel}");
            assert!(run.stderr.contains(&said), "{run:?}");
            fetch(&Sandbox::new(), mode, "http://a.invalid/x.pdf", &args).fails_with(plain);
        }
    });
}

#[test]
fn a_proxy_without_an_address_is_named() {
    for_each_mode(|mode| {
        let args = ["-x", "http://nobody.invalid:1", "--retry", "0"];
        let run = fetch(&Sandbox::new(), mode, "http://a.invalid/x.pdf", &args).exits(1);
        let said = "connect: cannot connect to the proxy `nobody.invalid:1`: ";
        assert!(run.stderr.contains(said), "{run:?}");
    });
}

/// The same run with these variables in its environment.
fn fetch_with(variables: &[(&str, &str)], mode: &str, link: &str, args: &[&str]) -> Run {
    let sandbox = Sandbox::new();
    let args = [&[link, "-o", "out", "-m", mode, "--retry", "0"], args].concat();
    let mut command = sandbox.command(&args);
    command.envs(variables.iter().copied());
    Running::start(command).end()
}

/// What hosts to reach without a proxy may be given as, without changing anything.
const NO_PROXY: [&[&str]; 2] = [&[], &["--noproxy", "a.example"]];

#[test]
fn proxies_of_the_environment_are_used() {
    for_each_mode(|mode| {
        let proxy = Server::of_pdfs();
        for (variable, other) in [("http_proxy", "https_proxy"), ("ALL_PROXY", "NO_PROXY")] {
            for args in NO_PROXY {
                let variables = [(variable, &*proxy.url("")), (other, "")];
                fetch_with(&variables, mode, "http://b.invalid/x.pdf", args).exits(0);
            }
        }
        assert_eq!(proxy.requests().len(), 4);
    });
}

#[test]
fn proxies_are_written_in_several_ways() {
    let (proxy, server) = (Server::of_pdfs(), server());
    let address = proxy.url("").replace("http://", "");
    let (socks, connections) = socks(&server.url(""), usize::MAX);
    for value in [
        address.clone(),
        format!("me:{SECRET}@{address}"),
        format!(" HTTP://me:p%40ss@{address}/ "),
        format!("socks://{socks}/"),
        format!("socks5h://{socks}"),
    ] {
        for name in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
            let variables = [(name, &*value), ("no_proxy", "other.invalid")];
            fetch_with(&variables, "async", "http://a.invalid/x.pdf", &[]).exits(0);
        }
    }
    let through_socks = connections.load(Relaxed);
    assert_eq!((proxy.requests().len(), through_socks), (12, 8));
    for no_proxy in [
        "*.invalid",
        "A.invalid.",
        "b.example a.invalid",
        ".invalid",
        " * ",
    ] {
        let variables = [("http_proxy", &*address), ("no_proxy", no_proxy)];
        let run = fetch_with(&variables, "async", "http://a.invalid/x.pdf", &[]);
        run.fails_with("dns: no address for `a.invalid`");
    }
}

#[test]
fn an_unusable_proxy_in_the_environment_is_reported() {
    let server = Server::of_pdfs();
    let unusable = [
        "::bad",
        "ftp://127.0.0.1:1",
        "http://",
        "a b",
        "127.0.0.1:99999",
    ];
    for value in unusable {
        for args in NO_PROXY {
            let variables = [("http_proxy", value), ("all_proxy", "http://u:s3cr3t@")];
            let run = fetch_with(&variables, "async", &server.url("/x.pdf"), args).exits(0);
            for name in ["http_proxy", "all_proxy"] {
                let warning = format!("ignoring the variable `{name}`: not a proxy");
                assert!(run.stderr.contains(&warning), "{value}: {run:?}");
            }
            assert!(!run.stderr.contains(SECRET), "{run:?}");
        }
    }
    let variables = [
        ("http_proxy", ""),
        ("https_proxy", "socks5h://u:s3cr3t@a.example"),
    ];
    let run = fetch_with(&variables, "async", &server.url("/x.pdf"), &[]).exits(0);
    assert!(!run.stderr.contains("ignoring"), "{run:?}");
}

#[test]
fn clients_of_a_web_server_cannot_set_the_proxy() {
    for_each_mode(|mode| {
        let (server, proxy) = (Server::of_pdfs(), Server::of_pdfs());
        let url = proxy.url("");
        for args in NO_PROXY {
            let variables = [("REQUEST_METHOD", "GET"), ("HTTP_PROXY", &url)];
            let run = fetch_with(&variables, mode, &server.url("/x.pdf"), args).exits(0);
            assert!(run.stderr.contains("ignoring the variable `HTTP_PROXY`"));
        }
        assert_eq!((proxy.requests().len(), server.requests().len()), (0, 2));
    });
}

#[test]
fn credentials_and_cookies_find_each_spelling_of_a_host() {
    for_each_mode(|mode| {
        let server = server();
        let sandbox = Sandbox::new();
        let netrc = format!("machine LocalHost.\n  login u password # mine\n  {SECRET}#1");
        sandbox.write(".netrc", netrc);
        sandbox.write("cookies", "LOCALHOST.\tFALSE\t/\tFALSE\t0\tname\tvalue\n");
        let link = server.url("/x.pdf").replace("127.0.0.1", "localhost");
        let mut command = sandbox.command(&[&link, "-n", "-b", "cookies", "-m", mode]);
        // an empty variable is none
        command.env("NETRC", "");
        Running::start(command).end().exits(0);
        let request = &server.requests()[0];
        // u:s3cr3t#1
        assert_eq!(
            request.header("authorization"),
            Some("Basic dTpzM2NyM3QjMQ==")
        );
        assert_eq!(request.header("cookie"), Some("name=value"));
    });
}

#[test]
fn signatures_are_not_in_the_line_of_a_link() {
    for_each_mode(|mode| {
        let server = Server::start(|request, stream| {
            if request.path.starts_with("/x") {
                ok(stream, &pdf(&request.path));
            } else {
                respond(stream, "404 Not Found", b"");
            }
        });
        let link = |path: &str| server.url(&format!("{path}?X-Amz-Signature={SECRET}&n=1"));
        let sandbox = Sandbox::new();
        let links = format!("{}\n{}\n", link("/x.pdf"), link("/gone.pdf"));
        let run = sandbox.fetch(mode, links, &["-v"]).exits(1);
        assert!(!run.stderr.contains(SECRET), "{run:?}");
        assert!(
            run.stderr.contains("X-Amz-Signature=***&n=1: http_status"),
            "{run:?}"
        );
        // the record is a list, too
        assert!(
            sandbox
                .journal()
                .iter()
                .all(|record| record["url"].to_string().contains(SECRET))
        );
    });
}
