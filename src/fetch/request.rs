//! GET requests with their headers, and the redirects that follow.
//!
//! Redirects are followed here and not by the client, because what a request carries depends on the host that it goes to:
//! see [`RequestOptions`](super::RequestOptions). A redirect to another host is not followed at once: the job waits for its
//! turn at that host, whose limits would not hold otherwise.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use http::{HeaderMap, HeaderName, HeaderValue, header};
use url::Url;

use super::cookie_jar::CookieJar;
use super::credentials::Credentials;
use super::digest_auth::{DigestChallenge, DigestChallenges};
use super::error::no_response;
use super::look_up::LONGEST_WAIT;
use super::response::Response;
use super::{Options, Unsaved};
use crate::digest::fingerprint;
use crate::host;
use crate::http::Client;
use crate::link::{Link, SourceLine};
use crate::outcome::{Failure, Status};
use crate::plan::{Job, Previous, Trail};
use crate::store::Partial;
use crate::text::{from_server, has_credentials, masked, shown};
use crate::timeout::timeout;

/// The default number of redirects that are followed: as many as browsers follow. Sign-ins take a dozen.
pub(crate) const DEFAULT_REDIRECTS: u16 = 20;

/// The default `Accept`. Some servers respond to `application/pdf` alone with 406, because they call every file
/// `application/octet-stream`.
const ACCEPT: &str = "application/pdf, */*;q=0.8";

/// The same for pages.
const ACCEPT_PAGE: &str = "text/html, application/xhtml+xml, */*;q=0.8";

/// The hosts that resolve DOIs and handles.
const RESOLVERS: [&str; 4] = ["doi.org", "dx.doi.org", "www.doi.org", "hdl.handle.net"];

/// The default `User-Agent`.
const USER_AGENT: &str = concat!("fetchpdf/", env!("CARGO_PKG_VERSION"));

/// What is requested besides a URL.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'a> {
    /// Headers of the link.
    pub(super) headers: &'a [(HeaderName, HeaderValue)],
    /// The partial to resume: its rest is requested.
    pub(super) partial: Option<Partial<'a>>,
    /// The existing file, requested only if it has changed (RFC 9110 section 13.1).
    pub(super) previous: Option<&'a Previous>,
    /// The page that the URL was found on.
    pub(super) page: Option<&'a Url>,
    /// What should be there.
    pub(super) accept: Accept,
}

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Accept {
    Pdf,
    Page,
    /// The answer of a source.
    Answer,
    /// A list.
    List,
}

impl Accept {
    /// The value of the header in a request for `url`. The resolvers of identifiers lead everybody who does not want a page to a
    /// service for metadata: <https://citation.doi.org/docs.html>.
    fn value(self, url: &Url) -> &'static str {
        match self {
            Self::Answer | Self::List => "application/json, application/xml;q=0.9, */*;q=0.1",
            Self::Page => ACCEPT_PAGE,
            Self::Pdf if RESOLVERS.contains(&host::name_of(url)) => ACCEPT_PAGE,
            Self::Pdf => ACCEPT,
        }
    }
}

/// One request.
struct Request<'a> {
    url: &'a Url,
    wanted: Wanted<'a>,
    /// Whether a redirect has led to another origin than that of the link, which gets only what is meant for it.
    elsewhere: bool,
    /// Cookies of the jar.
    cookies: Option<HeaderValue>,
    /// The challenge of the server, if it has wanted Digest authentication before.
    digest: Option<Arc<DigestChallenge>>,
}

/// Sends requests and follows redirects.
pub(super) struct Requester {
    client: Client,
    cookies: CookieJar,
    digests: DigestChallenges,
    options: Options,
}

impl Requester {
    pub(super) fn new(options: &Options, client: Client) -> Self {
        Self {
            client,
            cookies: CookieJar::new(&options.request.cookies),
            digests: DigestChallenges::default(),
            options: options.clone(),
        }
    }

    /// Requests the URL of `job`, and follows redirects up to another host.
    pub(super) async fn get(&self, job: &Job, wanted: Wanted<'_>) -> Result<Response, Unsaved> {
        let link = job.candidates.owner();
        let mut current = Cow::Borrowed(job.url());
        let mut trail = match &job.redirects {
            Some(redirects) => redirects.trail.clone(),
            None => Trail::default(),
        };
        loop {
            let elsewhere = current.origin() != link.origin();
            let response = self.send(&current, wanted, elsewhere).await?;
            if let Some(ticket) = &job.ticket {
                ticket.heard.begins(response.told(), Instant::now());
            }
            let Some(next) = response.redirect(self.options.allow_downgrade)? else {
                return Ok(response);
            };
            trail.request(
                &current,
                response.cookies.as_ref().map(HeaderValue::as_bytes),
            );
            trail.change(&current, response.set_cookies());
            self.check_redirect(&trail, &next)?;
            response.drain().await;
            let needs_turn = job.ticket.as_ref().is_some_and(|ticket| ticket.is_limited);
            if needs_turn || host::of(&next) != host::of(&current) {
                return Err(Unsaved::Redirected(next, trail));
            }
            current = Cow::Owned(next);
        }
    }

    /// Requests `url`, which is on no list but has `source` for one, and follows all of its redirects.
    ///
    /// # Errors
    ///
    /// Why there is no response.
    pub(super) async fn get_alone(
        &self,
        url: &Url,
        source: &str,
        accept: Accept,
    ) -> Result<Response, Failure> {
        let source_line = SourceLine {
            source: source.into(),
            line: 1,
        };
        let link = Link {
            source_line,
            url: url.clone(),
            id: fingerprint(url.as_str()),
            details: None,
        };
        let mut job = Job::new(link, 1, &Arc::default());
        let wanted = Wanted {
            headers: &[],
            partial: None,
            previous: None,
            page: None,
            accept,
        };
        loop {
            match self.get(&job, wanted).await {
                Ok(response) => return Ok(response),
                Err(Unsaved::Redirected(target, trail)) => job.redirect(target, trail),
                Err(Unsaved::Failed(failure)) => return Err(failure),
                Err(Unsaved::Answer(_) | Unsaved::Page(_) | Unsaved::EndedEarly(..)) => {
                    unreachable!("nothing reads bodies here")
                }
            }
        }
    }

    /// Refuses a redirect to `next` that is one too many, or that leads back to where nothing has changed.
    fn check_redirect(&self, trail: &Trail, next: &Url) -> Result<(), Failure> {
        let max = usize::from(self.options.max_redirects);
        let cookies = self.cookies.of_url(next);
        let to = || from_server(&shown(next));
        let message = if max == 0 {
            format!(
                "redirect to `{}`, which is not followed (`--max-redirs 0`)",
                to()
            )
        } else if trail.repeats(next, cookies.as_ref().map(HeaderValue::as_bytes)) {
            format!("redirect loop, back to `{}`", to())
        } else if trail.len() > max {
            format!("more than {max} redirects (`--max-redirs`)")
        } else {
            return Ok(());
        };
        Err(Failure::new(Status::TooManyRedirects, message))
    }

    /// Sends a request, and again if the server wants Digest authentication for it.
    pub(super) async fn send(
        &self,
        url: &Url,
        wanted: Wanted<'_>,
        elsewhere: bool,
    ) -> Result<Response, Failure> {
        if self.options.https_only && url.scheme() != "https" {
            let message = "only `https` links are fetched (`--https-only`)";
            return Err(Failure::new(Status::BadLink, message));
        }
        let mut request = Request {
            url,
            wanted,
            elsewhere,
            cookies: self.cookies.of_url(url),
            digest: self.digests.of(url),
        };
        let mut attempt = 0;
        loop {
            let mut response = self.send_once(&request).await?;
            if response.status() != 401 {
                return Ok(response);
            }
            let headers = self.configured_headers(&request);
            let has_own = headers.contains_key(header::AUTHORIZATION);
            let has_user = !has_own && self.user(&request).is_some();
            response.had_credentials = has_own || has_user;
            let headers = response.inner.headers();
            let learn = || self.digests.learn(url, headers, attempt);
            let Some(digest) = has_user.then(learn).flatten() else {
                return Ok(response);
            };
            request.digest = Some(digest);
            // the response may have set some
            request.cookies = self.cookies.of_url(url);
            response.drain().await;
            attempt += 1;
        }
    }

    async fn send_once(&self, request: &Request<'_>) -> Result<Response, Failure> {
        let url = request.url;
        let headers = || self.headers(request);
        let shown = shown(url);
        tracing::debug!("> GET {} {}", masked(&shown), Logged(&headers()));
        let limit = match request.wanted.accept {
            Accept::Answer => self.options.first_byte_timeout.min(LONGEST_WAIT),
            Accept::Page | Accept::Pdf | Accept::List => self.options.first_byte_timeout,
        };
        let Ok(result) = timeout(limit, self.client.get(url, headers)).await else {
            let message = format!("no response within {} s", limit.as_secs_f64());
            return Err(Failure::new(Status::Timeout, message));
        };
        let inner = result.map_err(no_response)?;
        let (version, status, headers) = (inner.version(), inner.status(), inner.headers());
        self.cookies.set(headers, url);
        tracing::debug!(
            "< {version:?} {status} {} {}",
            masked(&shown),
            Logged(headers)
        );
        Ok(Response::new(inner, url.clone(), request.cookies.clone()))
    }

    fn headers(&self, request: &Request<'_>) -> HeaderMap {
        let mut headers = self.configured_headers(request);
        if !headers.contains_key(header::AUTHORIZATION)
            && let Some(user) = self.user(request)
        {
            let digest = request.digest.as_ref();
            let value = digest.and_then(|digest| digest.authorization(request.url, &user));
            let value = value.unwrap_or_else(|| user.authorization());
            headers.insert(header::AUTHORIZATION, value);
        }
        let default = |headers: &mut HeaderMap, name: HeaderName, value| {
            headers.entry(name).or_insert(value);
        };
        let fixed = HeaderValue::from_static;
        let accept = request.wanted.accept.value(request.url);
        default(&mut headers, header::ACCEPT, fixed(accept));
        default(&mut headers, header::ACCEPT_ENCODING, fixed("identity"));
        let agent = self.options.request.user_agent.clone();
        let agent = agent.unwrap_or(fixed(USER_AGENT));
        default(&mut headers, header::USER_AGENT, agent);
        let referer = self.options.request.referer.as_ref();
        if let Some(referer) = referer.filter(|_| !request.elsewhere) {
            default(&mut headers, header::REFERER, referer.clone());
        }
        let page = request.wanted.page;
        if let Some(referrer) = page.and_then(|page| referrer(page, request.url)) {
            default(&mut headers, header::REFERER, referrer);
        }
        if let Some(cookies) = &request.cookies {
            default(&mut headers, header::COOKIE, cookies.clone());
        }
        // a value of an earlier response that is not valid in a request is left out
        let mut condition = |name, value: &str| {
            headers.extend(HeaderValue::from_str(value).map(|value| (name, value)));
        };
        if let Some(previous) = request.wanted.previous {
            let modified = || httpdate::fmt_http_date(previous.saved.modified);
            let since = previous.last_modified.clone().unwrap_or_else(modified);
            condition(header::IF_MODIFIED_SINCE, &since);
            if let Some(etag) = &previous.etag {
                condition(header::IF_NONE_MATCH, etag);
            }
        }
        if let Some(partial) = request.wanted.partial {
            condition(header::RANGE, &format!("bytes={}-", partial.bytes));
            condition(header::IF_RANGE, &partial.origin.validator);
        }
        headers
    }

    /// The headers of the link, the host and the run. A header of the link replaces one of the host with the same name, and
    /// that replaces one of the run.
    fn configured_headers(&self, request: &Request<'_>) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(8);
        let options = &self.options.request;
        let of_host = options.of_hosts.of(request.url);
        let levels = if request.elsewhere {
            [&[], of_host, &[]]
        } else {
            [request.wanted.headers, of_host, &options.headers]
        };
        for level in levels {
            let taken: Vec<_> = headers.keys().cloned().collect();
            for (name, value) in level.iter().filter(|(name, _)| !taken.contains(name)) {
                headers.append(name, value.clone());
            }
        }
        headers
    }

    /// User and password: those in the URL, or else those of the run, unless it is elsewhere.
    fn user(&self, request: &Request<'_>) -> Option<Credentials> {
        let url = request.url;
        let in_url = has_credentials(url).then(|| Credentials::of_url(url));
        let configured = || self.options.request.credentials(url).cloned();
        in_url.or_else(|| configured().filter(|_| !request.elsewhere))
    }
}

/// Headers for the log, without secrets.
struct Logged<'a>(&'a HeaderMap);

impl fmt::Display for Logged<'_> {
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
            let text = String::from_utf8_lossy(value.as_bytes());
            let text = if value.is_sensitive() || SECRET.contains(name) {
                "***".to_owned()
            } else {
                from_server(&text)
            };
            write!(f, "{comma}{name}: {text}")?;
        }
        f.write_str("}")
    }
}

/// The `Referer` of a request for `url`, which was found on `page`: all of it on the same site, and only its origin elsewhere
/// (Referrer Policy, `strict-origin-when-cross-origin`).
fn referrer(page: &Url, url: &Url) -> Option<HeaderValue> {
    if page.scheme() == "https" && url.scheme() == "http" {
        return None;
    }
    let is_same = host::site(page) == host::site(url);
    let text = if is_same {
        shown(page).into_owned()
    } else {
        format!("{}/", page.origin().ascii_serialization())
    };
    HeaderValue::from_str(&text).ok()
}
