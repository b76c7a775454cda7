//! What requests carry for whom: headers, credentials and cookies, as the user set them.
//!
//! | what | goes to |
//! | --- | --- |
//! | headers and the user of the run | the hosts of links; not to other hosts that they redirect to |
//! | headers and the user of a host | that host, whichever link or redirect leads there |
//! | cookies | the hosts that their domains and paths match |
//!
//! The password of a proxy is part of its URL: see [`HttpOptions::proxy`](crate::http::HttpOptions::proxy).

use std::collections::HashMap;

use http::HeaderValue;
use url::Url;

use super::cookies_txt::Cookie;
use super::credentials::Credentials;
use super::netrc::Netrc;
use crate::header::HeaderFields;

/// What requests carry.
#[derive(Debug, Clone, Default)]
pub(crate) struct RequestOptions {
    /// Headers for the hosts of links, not sent to other hosts after a redirect.
    pub headers: HeaderFields,
    /// Headers by host, sent to that host only.
    pub of_hosts: HashMap<String, HeaderFields>,
    /// The `User-Agent`, if not our own.
    pub user_agent: Option<HeaderValue>,
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
        let by_host = || self.netrc.as_ref()?.of(url.host_str()?);
        self.user.as_ref().or_else(by_host)
    }
}
