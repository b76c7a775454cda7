//! What requests carry for whom: headers, credentials and cookies, as the user set them.
//!
//! | what | goes to |
//! | --- | --- |
//! | headers and the user of the run | the hosts of links; not to other hosts that they redirect to |
//! | headers of a host | that host over https, or one origin, whichever link or redirect leads there |
//! | users of a `.netrc` | their hosts, where these are hosts of links |
//! | cookies | the hosts that their domains and paths match |
//!
//! The password of a proxy is part of its URL: see [`HttpOptions::proxy`](crate::http::HttpOptions::proxy).

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use http::{HeaderName, HeaderValue};
use parking_lot::Mutex;
use url::Url;

use super::cookies_txt::Cookie;
use super::credentials::Credentials;
use super::netrc::Netrc;
use crate::header::HeaderFields;
use crate::host;

/// What requests carry.
#[derive(Debug, Clone, Default)]
pub(crate) struct RequestOptions {
    /// Headers for the hosts of links, not sent to other hosts after a redirect.
    pub headers: HeaderFields,
    /// Headers by host, sent to that host only.
    pub of_hosts: HostHeaders,
    /// The `User-Agent`, if not our own.
    pub user_agent: Option<HeaderValue>,
    /// The `Referer`, for the hosts of links as well.
    pub referer: Option<HeaderValue>,
    /// User and password for the hosts of links.
    pub user: Option<Credentials>,
    /// Users and passwords by host.
    pub netrc: Option<Netrc>,
    /// Initial cookies.
    pub cookies: Vec<Cookie>,
}

impl RequestOptions {
    /// User and password for the host of `url`.
    pub(super) fn credentials(&self, url: &Url) -> Option<&Credentials> {
        let by_host = || self.netrc.as_ref()?.of(host::name_of(url));
        self.user.as_ref().or_else(by_host)
    }
}

/// Where the headers of a host go. Names are in the form of [`host::name_of`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Scope {
    /// To every port of the host, but over https alone: whoever is on the way could read them.
    Https(String),
    /// To one scheme, host and port.
    Origin(String),
}

impl Scope {
    /// The scheme, host and port of `url`.
    pub(crate) fn origin_of(url: &Url) -> Self {
        let port = url.port_or_known_default().unwrap_or_default();
        Self::Origin(format!("{}://{}:{port}", url.scheme(), host::name_of(url)))
    }
}

/// Headers that go to single hosts.
#[derive(Debug, Clone, Default)]
pub(crate) struct HostHeaders {
    fields: HashMap<Scope, HeaderFields>,
    /// The hosts of which it has been said that their headers are not sent.
    said: Arc<Mutex<HashSet<String>>>,
}

impl HostHeaders {
    /// Adds the headers of a host.
    pub(crate) fn insert(&mut self, scope: Scope, fields: HeaderFields) {
        if !fields.is_empty() {
            self.fields.insert(scope, fields);
        }
    }

    /// The headers for the host of `url`: those of its origin, or else those of its name.
    pub(super) fn of(&self, url: &Url) -> &[(HeaderName, HeaderValue)] {
        if self.fields.is_empty() {
            return &[];
        }
        if let Some(fields) = self.fields.get(&Scope::origin_of(url)) {
            return fields;
        }
        let name = host::name_of(url);
        match self.fields.get(&Scope::Https(name.to_owned())) {
            Some(fields) if url.scheme() == "https" => fields,
            Some(_) => {
                if self.said.lock().insert(name.to_owned()) {
                    let origin = url.origin().ascii_serialization();
                    tracing::warn!(
                        "the headers of `[host.\"{name}\"]` go over https only, and were not sent to {origin}; to send them there, name it `[host.\"{origin}\"]`"
                    );
                }
                &[]
            }
            None => &[],
        }
    }
}
