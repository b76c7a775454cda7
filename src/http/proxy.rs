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
    /// The proxies of the system and the environment.
    System(Matcher),
    /// These rules, in the order in which they apply.
    These(Vec<Proxy>, Matcher),
}

impl Proxies {
    /// The proxies of the options, or else of the environment.
    pub(super) fn new(options: &HttpOptions) -> Self {
        let from_environment = || variable(["no_proxy", "NO_PROXY"]);
        let no_proxy = options.no_proxy.clone().unwrap_or_else(from_environment);
        let no_host = no_proxy.split(',').any(|host| host.trim() == "*");
        if no_host || !options.use_proxies || options.deny_private {
            return Self::None;
        }
        let [http, https, all] = match (&options.proxy, &options.no_proxy) {
            (Some(proxy), _) => [String::new(), String::new(), proxy.to_string()],
            (None, None) => return Self::System(Matcher::from_system()),
            (None, Some(_)) => [
                variable(["http_proxy", "HTTP_PROXY"]),
                variable(["https_proxy", "HTTPS_PROXY"]),
                variable(["all_proxy", "ALL_PROXY"]),
            ],
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

/// The first of these environment variables that is set.
fn variable(names: [&str; 2]) -> String {
    let mut values = names.iter().filter_map(|name| env::var(name).ok());
    values.next().unwrap_or_default()
}
