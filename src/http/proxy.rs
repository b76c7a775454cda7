//! Which hosts are reached through which proxy.

use std::env;

use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use reqwest::{ClientBuilder, NoProxy, Proxy};
use url::{Position, Url};

use super::HttpOptions;

/// The proxies of a client.
#[derive(Debug)]
pub(super) enum Proxies {
    /// None for any host.
    None,
    /// Those of the system and its environment.
    System(Matcher),
    /// These, in the order in which they apply.
    These(Vec<Proxy>, Matcher),
}

impl Proxies {
    /// What the options say, and what the environment says where they do not.
    pub(super) fn new(options: &HttpOptions) -> Self {
        let no_proxy = options.no_proxy.clone();
        let no_proxy = no_proxy.unwrap_or_else(|| variable(["no_proxy", "NO_PROXY"]));
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
        let rules = [
            (!http.is_empty()).then(|| Proxy::http(&http)),
            (!https.is_empty()).then(|| Proxy::https(&https)),
            (!all.is_empty()).then(|| Proxy::all(&all)),
        ];
        let excluded = NoProxy::from_string(&no_proxy);
        let rules = rules.into_iter().flatten().flatten();
        Self::These(
            rules.map(|rule| rule.no_proxy(excluded.clone())).collect(),
            Matcher::builder()
                .no(no_proxy)
                .http(http)
                .https(https)
                .all(all)
                .build(),
        )
    }

    pub(super) fn apply(&self, builder: ClientBuilder) -> ClientBuilder {
        match self {
            Self::None => builder.no_proxy(),
            Self::System(_) => builder,
            Self::These(rules, _) => rules.iter().cloned().fold(builder, ClientBuilder::proxy),
        }
    }

    /// Host and port of the proxy for `url`, if there is one.
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
    names
        .iter()
        .find_map(|name| env::var(name).ok())
        .unwrap_or_default()
}
