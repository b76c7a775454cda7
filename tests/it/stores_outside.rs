//! Object stores that other people have made, if the environment names one:
//!
//! - `TEST_S3_ENDPOINT`: a server of S3 that knows [`KEY_ID`], [`SECRET`] and a bucket `bucket`.
//! - `TEST_AZURE_ENDPOINT`: a server of Azure Blob Storage with the account of its emulators, such as Azurite.
//!
//! `.ci/run` starts both. Without them, these tests do nothing.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::harness::{Run, Running, Sandbox, for_each_mode, list};
use crate::s3::{KEY_ID, REGION, SECRET, hmac};
use crate::server::Server;

/// The account of all emulators of Azure.
const ACCOUNT: &str = "devstoreaccount1";
const ACCOUNT_KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

fn endpoint(variable: &str) -> Option<String> {
    let endpoint = std::env::var(variable).ok();
    if endpoint.is_none() {
        eprintln!("skipped: no {variable}");
    }
    endpoint
}

/// What no other test of this or another run has.
fn fresh() -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    format!("{:x}", now.expect("it is later").as_nanos())
}

/// Fetches a list in all modes, each to its own prefix of `bucket`, and does so again, with and without what is known.
fn fetches_again_only_what_is_missing(bucket: &str, environment: &[(&str, String)]) {
    for_each_mode(|mode| {
        // whoever asks the machine for credentials asks this one
        let (sandbox, server, machine) = (Sandbox::new(), Server::of_pdfs(), Server::of_pdfs());
        let names = ["1.pdf", "a b+c.pdf", "ü&<2>.pdf", "folder/3.pdf"];
        let lines = names.map(|name| {
            let path = name.replace(' ', "%20").replace('ü', "%C3%BC");
            format!("{}\t{name}", server.url(&format!("/{path}")))
        });
        sandbox.write("links.txt", list(lines));
        let output = format!("{bucket}/{}", fresh());
        let run = |state: &str, args: &[&str]| -> Run {
            let all = ["links.txt", "-o", &output, "--state", state, "-m", mode];
            let mut command = sandbox.command(&[&all[..], args].concat());
            command.envs(environment.iter().map(|(name, value)| (name, value)));
            command.env("AWS_METADATA_ENDPOINT", machine.url(""));
            command.env("IDENTITY_ENDPOINT", machine.url(""));
            Running::start(command).end()
        };
        let first = run("state", &[]).exits(0);
        assert_eq!(first.count("downloaded"), 4, "{first:#?}");
        let requests = server.requests().len();
        assert_eq!(run("state", &[]).exits(0).count("present"), 4);
        assert_eq!(server.requests().len(), requests);
        // somebody else, who knows of nothing but what is there
        let other = run("other", &[]).exits(0);
        assert_eq!(other.count("downloaded") + other.count("present"), 4);
        assert_eq!(machine.requests().len(), 0);
        let verify = |args: &[&str]| {
            let all = [&["verify", &output, "--state", "state"], args].concat();
            let mut command = sandbox.command(&all);
            command.envs(environment.iter().map(|(name, value)| (name, value)));
            Running::start(command).end()
        };
        for args in [&[][..], &["--deep"]] {
            let run = verify(args).exits(0);
            assert_eq!(run.count("good"), 4, "{run:#?}");
        }
    });
}

#[test]
fn real_server_of_s3_takes_what_the_double_takes() {
    let Some(endpoint) = endpoint("TEST_S3_ENDPOINT") else {
        return;
    };
    let environment = [
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_ALLOW_HTTP", "true".to_owned()),
        ("AWS_ACCESS_KEY_ID", KEY_ID.to_owned()),
        ("AWS_SECRET_ACCESS_KEY", SECRET.to_owned()),
        ("AWS_REGION", REGION.to_owned()),
    ];
    fetches_again_only_what_is_missing("s3://bucket", &environment);
}

#[test]
fn real_server_of_azure_takes_it_too() {
    let Some(endpoint) = endpoint("TEST_AZURE_ENDPOINT") else {
        return;
    };
    let container = format!("box{}", fresh());
    create_container(&endpoint, &container);
    let environment = [
        ("AZURE_STORAGE_ACCOUNT_NAME", ACCOUNT.to_owned()),
        ("AZURE_STORAGE_ACCOUNT_KEY", ACCOUNT_KEY.to_owned()),
        ("AZURE_ENDPOINT", format!("{endpoint}/{ACCOUNT}")),
        ("AZURE_ALLOW_HTTP", "true".to_owned()),
    ];
    fetches_again_only_what_is_missing(&format!("az://{container}"), &environment);
}

/// Creates a container, which the program does not. The request is signed with the key of the account.
fn create_container(endpoint: &str, container: &str) {
    let host = endpoint.strip_prefix("http://").expect("plain HTTP");
    let date = httpdate::fmt_http_date(SystemTime::now());
    let fields = BTreeMap::from([("x-ms-date", &*date), ("x-ms-version", "2021-12-02")]);
    let mut signed = "PUT\n".to_owned() + &"\n".repeat(11);
    for (name, value) in &fields {
        writeln!(signed, "{name}:{value}").expect("a string can be written to");
    }
    write!(
        signed,
        "/{ACCOUNT}/{ACCOUNT}/{container}\nrestype:container"
    )
    .expect("a string");
    let key = BASE64.decode(ACCOUNT_KEY).expect("a key");
    let signature = BASE64.encode(hmac(&key, signed.as_bytes()));
    let mut request = format!(
        "PUT /{ACCOUNT}/{container}?restype=container HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\nConnection: close\r\n"
    );
    for (name, value) in &fields {
        write!(request, "{name}: {value}\r\n").expect("a string can be written to");
    }
    write!(
        request,
        "Authorization: SharedKey {ACCOUNT}:{signature}\r\n\r\n"
    )
    .expect("a string");
    let mut stream = TcpStream::connect(host).expect("it is there");
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
}
