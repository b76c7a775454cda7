//! One GET and the redirects that follow it.

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use percent_encoding::percent_decode_str;
use tokio::time::timeout;
use url::Url;

use super::Options;
use super::access::Credentials;
use super::cookies::Cookies;
use super::error::no_answer;
use super::reply::Reply;
use crate::http::{Client, Response};
use crate::outcome::{Failure, Status};
use crate::plan::Previous;
use crate::store::Partial;
use crate::text::{has_credentials, printable, shown};

/// How many redirects are followed, as browsers do at least.
const REDIRECTS: usize = 10;

/// What is asked for besides a URL.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'a> {
    /// Header fields of the link.
    pub(super) headers: &'a [(HeaderName, HeaderValue)],
    /// The beginning that is here already: the rest is asked for.
    pub(super) partial: Option<Partial<'a>>,
    /// The file that is here already: it is asked whether that has changed (RFC 9110 section 13.1).
    pub(super) previous: Option<&'a Previous>,
}

/// Asks servers, and follows where they point.
pub(super) struct Requester {
    client: Client,
    cookies: Cookies,
    options: Options,
}

impl Requester {
    pub(super) fn new(options: &Options, client: Client) -> Self {
        Self {
            client,
            cookies: Cookies::of(&options.request.cookies),
            options: options.clone(),
        }
    }

    /// Asks for `url`, until an answer is no redirect. Header fields of the link go to its own host only.
    pub(super) async fn get(&self, url: &Url, wanted: Wanted<'_>) -> Result<Reply, Failure> {
        let mut visited = vec![url.clone()];
        loop {
            let here = visited.last().expect("it begins with one");
            let elsewhere = here.origin() != url.origin();
            let reply = Reply {
                response: self
                    .send(here, wanted, elsewhere)
                    .await
                    .map_err(|failure| Failure {
                        elsewhere,
                        ..failure
                    })?,
                url: here.clone(),
            };
            if !reply.is_redirect() {
                return Ok(reply);
            }
            let mut next = reply.location()?;
            if here.scheme() == "https" && next.scheme() == "http" && !self.options.allow_downgrade
            {
                return Err(reply.leads("from https to http, which `--allow-downgrade` follows"));
            }
            if next.origin() == here.origin() && !has_credentials(&next) {
                // neither can fail: both URLs have a host
                let _ = next.set_username(here.username());
                let _ = next.set_password(here.password());
            }
            if visited.contains(&next) && !reply.response.headers().contains_key(header::SET_COOKIE)
            {
                let message = format!("redirects in a circle, back to {}", shown(&next));
                return Err(Failure::new(Status::TooManyRedirects, message));
            }
            if visited.len() > REDIRECTS {
                return Err(Failure::new(
                    Status::TooManyRedirects,
                    format!("more than {REDIRECTS} redirects"),
                ));
            }
            reply.drain().await;
            visited.push(next);
        }
    }

    async fn send(
        &self,
        url: &Url,
        wanted: Wanted<'_>,
        elsewhere: bool,
    ) -> Result<Response, Failure> {
        if self.options.https_only && url.scheme() != "https" {
            return Err(Failure::new(
                Status::BadLink,
                "only `https` links are fetched (`--https-only`)",
            ));
        }
        let headers = || self.headers(url, wanted, elsewhere);
        tracing::debug!("> GET {} {}", shown(url), Fields(&headers()));
        let limit = self.options.first_byte_timeout;
        let Ok(result) = timeout(limit, self.client.get(url, headers)).await else {
            return Err(Failure::new(
                Status::Timeout,
                format!("no answer within {} s", limit.as_secs_f64()),
            ));
        };
        let answer = result.map_err(no_answer)?;
        self.cookies
            .set(answer.headers().get_all(header::SET_COOKIE).iter(), url);
        let (version, status) = (answer.version(), answer.status());
        tracing::debug!(
            "< {version:?} {status} {} {}",
            shown(url),
            Fields(answer.headers())
        );
        Ok(answer)
    }

    /// The header fields of a request.
    fn headers(&self, url: &Url, wanted: Wanted<'_>, elsewhere: bool) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(8);
        self.introduce(&mut headers, url, wanted.headers, elsewhere);
        let by_default = |headers: &mut HeaderMap, name: HeaderName, value| {
            headers.entry(name).or_insert(value);
        };
        by_default(
            &mut headers,
            header::ACCEPT,
            HeaderValue::from_static("application/pdf"),
        );
        by_default(
            &mut headers,
            header::ACCEPT_ENCODING,
            HeaderValue::from_static("identity"),
        );
        let agent = self.options.request.user_agent.clone();
        let agent = agent.unwrap_or(HeaderValue::from_static(OURS));
        by_default(&mut headers, header::USER_AGENT, agent);
        if let Some(cookies) = self.cookies.of_url(url) {
            by_default(&mut headers, header::COOKIE, cookies);
        }
        if let Some(previous) = wanted.previous {
            let since = match &previous.last_modified {
                Some(date) => date.clone(),
                None => httpdate::fmt_http_date(previous.saved.modified),
            };
            // what cannot be sent is not asked for
            headers.extend(field(header::IF_MODIFIED_SINCE, &since));
            let etag = previous.etag.as_deref();
            headers.extend(etag.and_then(|etag| field(header::IF_NONE_MATCH, etag)));
        }
        if let Some(partial) = wanted.partial {
            let range = format!("bytes={}-", partial.bytes);
            headers.extend(field(header::RANGE, &range));
            headers.extend(field(header::IF_RANGE, &partial.origin.validator));
        }
        headers
    }

    /// Says who asks. What is for the host of the link stays behind where a redirect has led elsewhere. Of header fields
    /// of the same name, those of the link count before those of the host, and these before those of the run.
    fn introduce(
        &self,
        headers: &mut HeaderMap,
        url: &Url,
        of_link: &[(HeaderName, HeaderValue)],
        elsewhere: bool,
    ) {
        let access = &self.options.request;
        let of_host = access.of_hosts.get(url.host_str().unwrap_or_default());
        let of_host = of_host.map_or(&[][..], Vec::as_slice);
        let levels = if elsewhere {
            [&[], of_host, &[]]
        } else {
            [of_link, of_host, &access.headers]
        };
        for level in levels {
            let said: Vec<_> = headers.keys().cloned().collect();
            for (name, value) in level.iter().filter(|(name, _)| !said.contains(name)) {
                headers.append(name, value.clone());
            }
        }
        if headers.contains_key(header::AUTHORIZATION) {
            return;
        }
        let own = has_credentials(url).then(|| credentials_of(url));
        let given = || access.credentials(url).filter(|_| !elsewhere).cloned();
        if let Some(who) = own.or_else(given) {
            headers.extend(basic(&who).map(|value| (header::AUTHORIZATION, value)));
        }
    }
}

/// Who we say we are.
const OURS: &str = concat!("fetchpdf/", env!("CARGO_PKG_VERSION"));

fn field(name: HeaderName, value: &str) -> Option<(HeaderName, HeaderValue)> {
    Some((name, HeaderValue::from_str(value).ok()?))
}

/// User and password in a URL.
fn credentials_of(url: &Url) -> Credentials {
    let text = |encoded| percent_decode_str(encoded).decode_utf8_lossy().into_owned();
    Credentials {
        user: text(url.username()),
        password: text(url.password().unwrap_or_default()),
    }
}

/// The value of `Authorization` (RFC 7617).
fn basic(who: &Credentials) -> Option<HeaderValue> {
    let text = BASE64_STANDARD.encode(format!("{}:{}", who.user, who.password));
    let mut value = HeaderValue::from_str(&format!("Basic {text}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Header fields for a log, with those hidden that hold secrets.
struct Fields<'a>(&'a HeaderMap);

impl fmt::Display for Fields<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SECRET: [HeaderName; 4] = [
            header::AUTHORIZATION,
            header::PROXY_AUTHORIZATION,
            header::COOKIE,
            header::SET_COOKIE,
        ];
        f.write_str("{")?;
        for (number, (name, value)) in self.0.iter().enumerate() {
            let comma = if number > 0 { ", " } else { "" };
            let value = if value.is_sensitive() || SECRET.contains(name) {
                "***".to_owned()
            } else if *name == header::LOCATION {
                let target = String::from_utf8_lossy(value.as_bytes());
                Url::parse(&target)
                    .map_or_else(|_| printable(&target), |url| shown(&url).into_owned())
            } else {
                printable(&String::from_utf8_lossy(value.as_bytes()))
            };
            write!(f, "{comma}{name}: {value}")?;
        }
        f.write_str("}")
    }
}
