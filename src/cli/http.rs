//! Options for HTTP, under the names that users of curl and wget know.

use std::path::PathBuf;
use std::time::Duration;
use std::{env, fs};

use anyhow::Context;
use clap::Args;
use http::{HeaderName, HeaderValue};
use url::Url;

use super::config_file::home_folder;
use super::values::redirects;
use crate::fetch::{
    Credentials, DEFAULT_REDIRECTS, HostHeaders, Netrc, RequestOptions, read_cookies,
};
use crate::header::{self, HeaderFields};
use crate::http::{Family, HttpOptions, HttpVersion};
use crate::text::is_signed;

#[derive(Debug, Args)]
#[command(next_help_heading = "HTTP")]
#[expect(clippy::struct_excessive_bools, reason = "each is a separate flag")]
pub(super) struct HttpArgs {
    /// Header for the hosts of links, `Name: value`, or `@FILE` with one per line; repeatable
    #[arg(short = 'H', long, value_name = "FIELD")]
    header: Vec<String>,
    /// Value of the `User-Agent` header [default: fetchpdf/VERSION]
    #[arg(short = 'A', long, value_name = "NAME")]
    user_agent: Option<HeaderValue>,
    /// Value of the `Referer` header
    #[arg(short = 'e', long, value_name = "URL")]
    referer: Option<HeaderValue>,
    /// Cookies to start with, from a `cookies.txt` exported by a browser
    #[arg(short = 'b', long, value_name = "FILE")]
    cookie: Option<PathBuf>,
    /// Credentials for the hosts of links; kept in the shell history, unlike `--netrc`
    #[arg(short, long, value_name = "USER:PASSWORD")]
    user: Option<Credentials>,
    /// Read credentials from `~/.netrc`
    #[arg(short, long)]
    netrc: bool,
    /// Read credentials from this file in the format of `.netrc`
    #[arg(long, value_name = "FILE")]
    netrc_file: Option<PathBuf>,
    /// Maximum number of redirects that are followed for a link
    #[arg(long, value_name = "N", default_value_t = DEFAULT_REDIRECTS, value_parser = redirects)]
    pub(super) max_redirs: u16,
    /// Use this proxy: http, https, socks5 or socks5h [default: from `http_proxy` and the like]
    #[arg(short = 'x', long, value_name = "URL", conflicts_with = "deny_private")]
    proxy: Option<String>,
    /// Hosts to connect to without a proxy, separated by commas; `*` means all
    #[arg(long, value_name = "HOSTS")]
    noproxy: Option<String>,
    /// Trust only the certificates in this PEM file
    #[arg(long, value_name = "FILE")]
    cacert: Option<PathBuf>,
    /// Client certificate for servers that request one, a PEM file
    #[arg(long, value_name = "FILE")]
    cert: Option<PathBuf>,
    /// Private key of `--cert`, a PEM file, if it is not in the same file
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
    /// Accept any certificate: anyone on the way to the server can read and change what is transferred
    #[arg(short = 'k', long)]
    insecure: bool,
    /// Use only IPv4
    #[arg(short = '4', long, conflicts_with = "ipv6")]
    ipv4: bool,
    /// Use only IPv6
    #[arg(short = '6', long)]
    ipv6: bool,
    /// Use only HTTP/1.1
    #[arg(long = "http1.1", conflicts_with = "http2")]
    http1: bool,
    /// Use only HTTP/2, even without TLS [default: HTTP/2 if the server offers it over TLS]
    #[arg(long)]
    http2: bool,
}

impl HttpArgs {
    /// How to connect to hosts. Reads the files of certificates and keys.
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
        let v4 = self.ipv4.then_some(Family::V4);
        let v6 = self.ipv6.then_some(Family::V6);
        let http1 = self.http1.then_some(HttpVersion::Http1);
        let http2 = self.http2.then_some(HttpVersion::Http2);
        Ok(HttpOptions {
            connect_timeout,
            deny_private,
            use_proxies,
            proxy: self.proxy.as_deref().map(proxy).transpose()?,
            no_proxy: self.noproxy.clone(),
            trusted: self.cacert.as_ref().map(read).transpose()?,
            identity,
            insecure: self.insecure,
            family: v4.or(v6),
            version: http1.or(http2),
        })
    }

    /// What requests contain. Reads the files of headers, credentials and cookies; `of_hosts` are the headers that go to
    /// one host only.
    pub(super) fn request_options(self, of_hosts: HostHeaders) -> anyhow::Result<RequestOptions> {
        let netrc = match self.netrc_file {
            None if self.netrc => {
                // other programs have `-n 5`, and wget `-nv`
                let why = "`--netrc`, or `-n`, also in `-nv`, needs a `.netrc`";
                let home = || Some(home_folder()?.join(".netrc"));
                let named = env::var_os("NETRC").filter(|path| !path.is_empty());
                let path = named.map(PathBuf::from).or_else(home);
                let path = path.context("no home folder to read `.netrc` from")?;
                Some(Netrc::read(&path).context(why)?)
            }
            named => named.as_deref().map(Netrc::read).transpose()?,
        };
        let mut headers = Vec::new();
        for text in &self.header {
            headers.extend(fields(text)?);
        }
        let referer = self.referer.map(|mut referer| {
            let text = String::from_utf8_lossy(referer.as_bytes());
            let is_secret = text.contains('@') || is_signed(&text);
            referer.set_sensitive(is_secret);
            referer
        });
        check_number(&headers)?;
        let cookies = self.cookie.as_deref().map(read_cookies).transpose()?;
        Ok(RequestOptions {
            headers,
            of_hosts,
            user_agent: self.user_agent,
            referer,
            user: self.user,
            netrc,
            cookies: cookies.unwrap_or_default(),
        })
    }
}

/// The headers in a value of `--header`, or in the file that it names.
fn fields(text: &str) -> anyhow::Result<HeaderFields> {
    let Some(path) = text.strip_prefix('@') else {
        return Ok(vec![secret_header(text)?]);
    };
    let text = fs::read_to_string(path);
    let text = text.with_context(|| format!("cannot read the headers in `{path}`"))?;
    let text = text.trim_start_matches('\u{feff}');
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines.map(secret_header).collect()
}

/// A header whose value is never shown.
pub(super) fn secret_header(text: &str) -> anyhow::Result<(HeaderName, HeaderValue)> {
    header::parse(text).map_err(|problem| anyhow::anyhow!("`header`: {problem}"))
}

/// Refuses more headers than a server takes.
pub(super) fn check_number(headers: &HeaderFields) -> anyhow::Result<()> {
    const MOST: usize = 100;
    anyhow::ensure!(headers.len() <= MOST, "`header`: more than {MOST} headers");
    Ok(())
}

/// The URL of a proxy. Its scheme is `http` by default.
fn proxy(text: &str) -> anyhow::Result<Url> {
    const SCHEMES: [&str; 6] = ["http", "https", "socks5", "socks5h", "socks4", "socks4a"];
    let scheme = if text.contains("://") { "" } else { "http://" };
    let url = Url::parse(&format!("{scheme}{text}")).ok();
    let is_proxy = |url: &Url| SCHEMES.contains(&url.scheme()) && url.has_host();
    // `-x URL` as with wget would take a link for the proxy
    let url = url.filter(|url| is_proxy(url) && matches!(url.path(), "" | "/"));
    // does not quote the value, which may contain a password
    url.context(
        "`--proxy` takes `[SCHEME://][USER:PASSWORD@]HOST[:PORT]` with the scheme http, https, socks5 or socks5h",
    )
}
