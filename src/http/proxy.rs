//! Which hosts are reached through which proxy.
//!
//! User and password of a proxy are part of its URL, and are sent by reqwest. reqwest does not reveal the proxy of a
//! request: a [`Matcher`] with the same rules finds its name for messages.

use std::env;

use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use reqwest::{ClientBuilder, NoProxy, Proxy};
use url::{Position, Url};

use super::HttpOptions;

/// The proxies of a client.
#[derive(Debug)]
pub(super) enum Proxies {
    /// No proxy for any host.
    None,
    /// The proxies of the environment, and of systems that have a setting for them.
    System(Matcher),
    /// These rules, in the order in which they apply.
    These(Vec<Proxy>, Matcher),
}

impl Proxies {
    /// The proxies of the options, or else of the environment.
    pub(super) fn new(options: &HttpOptions) -> Self {
        let variable = || Some(variable(["NO_PROXY", "no_proxy"])?.1);
        let no_proxy = options.no_proxy.clone().or_else(variable);
        let no_proxy = excluded(&no_proxy.unwrap_or_default());
        let no_host = no_proxy.split(',').any(|host| host == "*");
        if no_host || !options.use_proxies || options.deny_private {
            return Self::None;
        }
        let [http, https, all] = match (&options.proxy, &options.no_proxy) {
            (Some(proxy), _) => [String::new(), String::new(), proxy.to_string()],
            (None, None) if cfg!(any(windows, target_vendor = "apple")) => {
                // for the warnings: the matcher reads the variables, too
                from_environment();
                return Self::System(Matcher::from_system());
            }
            (None, _) => from_environment(),
        };
        // an empty URL is an error, so it adds no rule
        let rules = [Proxy::http(&http), Proxy::https(&https), Proxy::all(&all)];
        let excluded = NoProxy::from_string(&no_proxy);
        let rules = rules.into_iter().flatten();
        let rules = rules.map(|rule| rule.no_proxy(excluded.clone())).collect();
        let matcher = Matcher::builder().http(http).https(https).all(all);
        Self::These(rules, matcher.no(no_proxy).build())
    }

    pub(super) fn apply(&self, builder: ClientBuilder) -> ClientBuilder {
        match self {
            Self::None => builder.no_proxy(),
            Self::System(_) => builder,
            // without any rule, reqwest would use the proxies of the system
            Self::These(rules, _) => {
                let builder = builder.no_proxy();
                rules.iter().cloned().fold(builder, ClientBuilder::proxy)
            }
        }
    }

    /// Whether any of them is a SOCKS proxy.
    pub(super) fn use_socks(&self) -> bool {
        let (Self::System(matcher) | Self::These(_, matcher)) = self else {
            return false;
        };
        let some = ["http://a.example", "https://a.example"].map(Uri::from_static);
        let mut proxies = some.iter().filter_map(|uri| matcher.intercept(uri));
        proxies.any(|proxy| {
            let scheme = proxy.uri().scheme_str();
            scheme.is_some_and(|scheme| scheme.starts_with("socks"))
        })
    }

    /// Host and port of the proxy for `url`, if any.
    pub(super) fn of(&self, url: &Url) -> Option<String> {
        let (Self::System(matcher) | Self::These(_, matcher)) = self else {
            return None;
        };
        let uri: Uri = url[..Position::AfterPort].parse().ok()?;
        let proxy = matcher.intercept(&uri)?;
        Some(proxy.uri().authority()?.to_string())
    }
}

/// The hosts of a `no_proxy`, separated by commas: some write white space, wildcards, or absolute names.
fn excluded(no_proxy: &str) -> String {
    let hosts = no_proxy.split(|c: char| c == ',' || c.is_whitespace());
    let hosts = hosts.map(|host| {
        let host = host.strip_suffix('.').unwrap_or(host);
        if host.starts_with("*.") {
            &host[1..]
        } else {
            host
        }
    });
    hosts
        .filter(|host| !host.is_empty())
        .collect::<Vec<_>>()
        .join(",")
}

/// The proxies of the environment for http, https and all links: empty where there is none. Warns of those that are not
/// used.
fn from_environment() -> [String; 3] {
    // a web server passes a header `Proxy` of its clients on to its programs as `HTTP_PROXY` ("httpoxy")
    let is_cgi = env::var_os("REQUEST_METHOD").is_some();
    let variables = [
        ["HTTP_PROXY", "http_proxy"],
        ["HTTPS_PROXY", "https_proxy"],
        ["ALL_PROXY", "all_proxy"],
    ];
    variables.map(|[upper, lower]| {
        let is_of_client = |name| is_cgi && name == "HTTP_PROXY" && env::var_os(name).is_some();
        let upper = if is_of_client(upper) {
            tracing::warn!(
                "ignoring the variable `HTTP_PROXY`: a client of the web server may have set it, because `REQUEST_METHOD` is set, too (CGI)"
            );
            lower
        } else {
            upper
        };
        let found = variable([upper, lower]).filter(|(_, proxy)| !proxy.is_empty());
        let Some((name, proxy)) = found else {
            return String::new();
        };
        // desktops set it without a version
        let proxy = match proxy.strip_prefix("socks://") {
            Some(rest) => format!("socks5h://{rest}"),
            None => proxy,
        };
        if is_usable(&proxy) {
            return proxy;
        }
        tracing::warn!(
            "ignoring the variable `{name}`: not a proxy: expected `[SCHEME://][USER:PASSWORD@]HOST[:PORT]`, with `http`, `https`, `socks5` or `socks5h`"
        );
        String::new()
    })
}

/// The first of these environment variables that is set, and its value. One that is not text is not a URL either.
fn variable(names: [&'static str; 2]) -> Option<(&'static str, String)> {
    let value = |name| Some((name, env::var_os(name)?.to_string_lossy().trim().to_owned()));
    names.into_iter().find_map(value)
}

/// Whether both reqwest and the matcher can use `proxy`.
fn is_usable(proxy: &str) -> bool {
    let matcher = Matcher::builder().all(proxy).build();
    let found = matcher.intercept(&Uri::from_static("http://a.example"));
    found.is_some() && Proxy::all(proxy).is_ok()
}
