//! Options about HTTP, as users of curl and wget know them.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use http::HeaderValue;
use http::header::REFERER;
use url::Url;

use super::config_file::secret_header;
use crate::fetch::{Credentials, Netrc, RequestOptions, read_cookies};
use crate::header::HeaderFields;
use crate::http::{Family, HttpOptions, HttpVersion};

#[derive(Debug, Args)]
#[command(next_help_heading = "HTTP")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(super) struct HttpArgs {
    /// A header field for the hosts of links, `Name: value`, or `@FILE` with one a line; may be given several times
    #[arg(short = 'H', long, value_name = "FIELD")]
    header: Vec<String>,
    /// The name under which to ask
    #[arg(short = 'A', long, value_name = "NAME")]
    user_agent: Option<HeaderValue>,
    /// The page from which links are said to come
    #[arg(short = 'e', long, value_name = "URL")]
    referer: Option<HeaderValue>,
    /// Cookies to begin with, in a `cookies.txt` of a browser
    #[arg(short = 'b', long, value_name = "FILE")]
    cookie: Option<PathBuf>,
    /// User and password for the hosts of links; a shell keeps them in its history, unlike `--netrc`
    #[arg(short, long, value_name = "USER:PASSWORD")]
    user: Option<Credentials>,
    /// Take users and passwords from `~/.netrc`
    #[arg(short, long)]
    netrc: bool,
    /// Take users and passwords from this file
    #[arg(long, value_name = "FILE")]
    netrc_file: Option<PathBuf>,
    /// Ask through a proxy: http, https, socks5 or socks5h [default: what the environment says]
    #[arg(short = 'x', long, value_name = "URL", conflicts_with = "deny_private")]
    proxy: Option<String>,
    /// Ask these hosts without a proxy, separated by commas; `*` is all of them
    #[arg(long, value_name = "HOSTS")]
    noproxy: Option<String>,
    /// Trust only the certificates in this file, in PEM
    #[arg(long, value_name = "FILE")]
    cacert: Option<PathBuf>,
    /// Show this certificate to servers that ask for one, in PEM
    #[arg(long, value_name = "FILE")]
    cert: Option<PathBuf>,
    /// The key of `--cert`, if that does not hold it
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
    /// Take any certificate: anybody between here and a server can read and change what comes
    #[arg(short = 'k', long)]
    insecure: bool,
    /// Use only IPv4
    #[arg(short = '4', long, conflicts_with = "ipv6")]
    ipv4: bool,
    /// Use only IPv6
    #[arg(short = '6', long)]
    ipv6: bool,
    /// Speak only HTTP/1.1
    #[arg(long = "http1.1", conflicts_with = "http2")]
    http1: bool,
    /// Speak only HTTP/2, without TLS too [default: HTTP/2 where a server with TLS offers it]
    #[arg(long)]
    http2: bool,
}

impl HttpArgs {
    /// How hosts are reached. Reads the certificates that are named.
    pub(super) fn http_options(
        &self,
        connect_timeout: Duration,
        deny_private: bool,
        use_proxies: bool,
    ) -> anyhow::Result<HttpOptions> {
        let read = |path: &PathBuf| {
            fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))
        };
        let mut identity = self.cert.as_ref().map(read).transpose()?;
        if let (Some(pem), Some(key)) = (&mut identity, &self.key) {
            pem.push(b'\n');
            pem.extend(read(key)?);
        }
        Ok(HttpOptions {
            connect_timeout,
            deny_private,
            use_proxies,
            proxy: self.proxy.as_deref().map(proxy).transpose()?,
            no_proxy: self.noproxy.clone(),
            trusted: self.cacert.as_ref().map(read).transpose()?,
            identity,
            insecure: self.insecure,
            family: match (self.ipv4, self.ipv6) {
                (true, _) => Some(Family::V4),
                (_, true) => Some(Family::V6),
                _ => None,
            },
            version: match (self.http1, self.http2) {
                (true, _) => Some(HttpVersion::Http1),
                (_, true) => Some(HttpVersion::Http2),
                _ => None,
            },
        })
    }

    /// What requests say. Reads the files that are named; `of_hosts` are header fields by host.
    pub(super) fn request_options(
        self,
        of_hosts: HashMap<String, HeaderFields>,
    ) -> anyhow::Result<RequestOptions> {
        let netrc = match (self.netrc_file, self.netrc) {
            (Some(path), _) => Some(path),
            (None, true) => {
                let home = || Some(std::env::home_dir()?.join(".netrc"));
                let path = std::env::var_os("NETRC").map(PathBuf::from).or_else(home);
                Some(path.context("no home folder, in which `.netrc` would be")?)
            }
            (None, false) => None,
        };
        let mut headers = Vec::new();
        for text in &self.header {
            headers.extend(fields(text)?);
        }
        headers.extend(self.referer.map(|mut referer| {
            referer.set_sensitive(referer.as_bytes().contains(&b'@'));
            (REFERER, referer)
        }));
        Ok(RequestOptions {
            headers,
            of_hosts,
            user_agent: self.user_agent,
            user: self.user,
            netrc: netrc.map(|path| Netrc::read(&path)).transpose()?,
            cookies: match self.cookie {
                Some(path) => read_cookies(&path)?,
                None => Vec::new(),
            },
        })
    }
}

/// The header fields of an option, or of the file that it names.
fn fields(text: &str) -> anyhow::Result<HeaderFields> {
    match text.strip_prefix('@') {
        None => Ok(vec![secret_header(text)?]),
        Some(path) => {
            let text = fs::read_to_string(path)
                .with_context(|| format!("cannot read the header fields `{path}`"))?;
            text.lines()
                .filter(|line| !line.trim().is_empty())
                .map(secret_header)
                .collect()
        }
    }
}

/// The URL of a proxy, whose scheme is `http` unless it is said.
fn proxy(text: &str) -> anyhow::Result<Url> {
    // it may hold a password, and is not shown
    const WRONG: &str = "`--proxy` is `[SCHEME://][USER:PASSWORD@]HOST[:PORT]`, and its scheme http, https, socks5 or socks5h";
    let text = if text.contains("://") {
        text.to_owned()
    } else {
        format!("http://{text}")
    };
    let url = Url::parse(&text).map_err(|_| anyhow::anyhow!(WRONG))?;
    let known = ["http", "https", "socks5", "socks5h", "socks4", "socks4a"];
    anyhow::ensure!(known.contains(&url.scheme()) && url.has_host(), WRONG);
    Ok(url)
}
