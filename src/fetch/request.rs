//! One GET and the redirects that follow it.

use std::fmt;
use std::io;
use std::time::{Duration, SystemTime};

use anyhow::Context;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{self, HeaderName};
use reqwest::{Certificate, Client, ClientBuilder, Response, Url, Version, redirect};
use tokio::time::timeout;

use super::range::ContentRange;
use super::trouble::no_answer;
use super::{Options, Start};
use crate::links::shown;
use crate::outcome::{Answer, Failure, Status};
use crate::plan::Job;
use crate::retry::retry_after;
use crate::store::{Held, Origin};

/// How many redirects are followed, as browsers do at least.
const REDIRECTS: usize = 10;

/// Below what common servers keep an idle connection for: a longer time finds it closed.
const IDLE: Duration = Duration::from_secs(15);

/// The body of an answer that is of no interest is read up to so many bytes, to keep the connection.
const DRAIN: u64 = 16 * 1024;

/// Asks servers, and follows where they point.
pub(super) struct Requester {
    client: Client,
    first_byte_timeout: Duration,
}

impl Requester {
    pub(super) fn new(options: &Options) -> anyhow::Result<Self> {
        // an error means that there is one already
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = builder(options).build().or_else(|_| {
            // a machine without a single CA certificate: the ones that are built in
            let roots = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter();
            let roots: Result<Vec<_>, _> = roots.map(|root| Certificate::from_der(root)).collect();
            builder(options).tls_certs_only(roots?).build()
        });
        Ok(Self {
            client: client.context("cannot set up the HTTP client")?,
            first_byte_timeout: options.first_byte_timeout,
        })
    }

    /// Asks for `url`, or for the rest of what is `held` of it, until an answer is no redirect.
    pub(super) async fn get(&self, url: &Url, held: Option<Held<'_>>) -> Result<Reply, Failure> {
        let mut visited = vec![url.clone()];
        loop {
            let here = visited.last().expect("it begins with one");
            let reply = Reply {
                response: self.send(here, held).await?,
                url: here.clone(),
            };
            if !reply.is_redirect() {
                return Ok(reply);
            }
            let next = reply.location()?;
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

    async fn send(&self, url: &Url, held: Option<Held<'_>>) -> Result<Response, Failure> {
        let mut request = self.client.get(url.clone());
        if let Some(held) = held {
            request = request
                .header(header::RANGE, format!("bytes={}-", held.bytes))
                .header(header::IF_RANGE, &held.origin.validator);
        }
        if let Ok(result) = timeout(self.first_byte_timeout, request.send()).await {
            return result.map_err(|error| no_answer(&error));
        }
        let seconds = self.first_byte_timeout.as_secs_f64();
        Err(Failure::new(
            Status::Timeout,
            format!("no answer within {seconds} s"),
        ))
    }
}

fn builder(options: &Options) -> ClientBuilder {
    let headers = [
        (header::ACCEPT, "application/pdf"),
        (header::ACCEPT_ENCODING, "identity"),
    ];
    let builder = Client::builder()
        .user_agent(concat!("fetchpdf/", env!("CARGO_PKG_VERSION")))
        .default_headers(
            headers
                .map(|(name, value)| (name, header::HeaderValue::from_static(value)))
                .into_iter()
                .collect(),
        )
        .referer(false)
        .redirect(redirect::Policy::none())
        .cookie_store(true)
        .connect_timeout(options.connect_timeout)
        .pool_idle_timeout(IDLE)
        .dns_resolver(Resolver)
        // on a long line, a window that fits into it is what limits a transfer
        .http2_initial_stream_window_size(8 << 20)
        .http2_initial_connection_window_size(32 << 20)
        // real servers exceed the defaults, and get their fields wrong in these ways
        .http2_max_header_list_size(256 << 10)
        .http1_max_headers(256)
        .http1_ignore_invalid_headers_in_responses(true)
        .http1_allow_obsolete_multiline_headers_in_responses(true)
        .http1_allow_spaces_after_header_name_in_responses(true);
    if options.proxy {
        builder
    } else {
        builder.no_proxy()
    }
}

/// An answer, with the URL that gave it.
pub(super) struct Reply {
    pub(super) response: Response,
    url: Url,
}

impl Reply {
    pub(super) fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    /// How long the file is, if the answer says so.
    pub(super) fn total(&self, start: Start) -> Option<u64> {
        match (start, self.content_range()) {
            (Start::Over, _) => self.response.content_length(),
            (_, Some(ContentRange::Bytes { total, .. })) => total,
            (_, Some(ContentRange::Unsatisfied { total })) => Some(total),
            (_, None) => None,
        }
    }

    /// Whether the protocol marks the end of the body: otherwise a closed connection may mean anything.
    pub(super) fn is_framed(&self) -> bool {
        self.response.content_length().is_some()
            || self
                .response
                .headers()
                .contains_key(header::TRANSFER_ENCODING)
            || self.response.version() >= Version::HTTP_2
    }

    /// Whether a 206 holds the rest of what is held, and of nothing else.
    pub(super) fn continues(&self, held: Held<'_>) -> bool {
        let Some(ContentRange::Bytes { first, total, .. }) = self.content_range() else {
            return false;
        };
        let same_total =
            held.origin.total.is_none() || total.is_none() || held.origin.total == total;
        first == held.bytes && same_total && self.is_of(held.origin)
    }

    /// Whether a 416 says that the file is exactly as long as what is held.
    pub(super) fn has_no_more_than(&self, held: Held<'_>) -> bool {
        self.content_range() == Some(ContentRange::Unsatisfied { total: held.bytes })
            && self.is_of(held.origin)
    }

    /// What to ask for the rest with, should the body break off.
    pub(super) fn origin(&self, job: &Job) -> Option<Origin> {
        let encoded = self
            .header(header::CONTENT_ENCODING)
            .is_some_and(|coding| !coding.eq_ignore_ascii_case("identity"));
        (!encoded).then_some(Origin {
            url: shown(&job.link.url).into_owned(),
            validator: self.strong_validator()?.to_owned(),
            total: self.response.content_length(),
        })
    }

    pub(super) fn answer(&self, job: &Job) -> Answer {
        Answer {
            final_url: (self.url != job.link.url).then(|| shown(&self.url).into_owned()),
            status: self.status(),
            etag: self.header(header::ETAG).map(str::to_owned),
            last_modified: self.header(header::LAST_MODIFIED).map(str::to_owned),
        }
    }

    /// The failure that this answer is, if it is no file.
    pub(super) fn failure(&self) -> Failure {
        let code = self.response.status();
        let reason = code.canonical_reason().unwrap_or("(no known status)");
        let status = if code.as_u16() == 429 {
            Status::RateLimited
        } else {
            Status::HttpStatus
        };
        Failure {
            http_status: Some(code.as_u16()),
            retry_after: self
                .header(header::RETRY_AFTER)
                .and_then(|value| retry_after(value, SystemTime::now())),
            ..Failure::new(status, format!("{} {reason}", code.as_u16()))
        }
    }

    /// Reads a short body to its end, so that the connection can be used again.
    pub(super) async fn drain(mut self) {
        if self
            .response
            .content_length()
            .is_some_and(|length| length <= DRAIN)
        {
            let all = async { while let Ok(Some(_)) = self.response.chunk().await {} };
            // whatever comes of it, the answer itself is known
            let _ = timeout(Duration::from_secs(1), all).await;
        }
    }

    fn is_redirect(&self) -> bool {
        matches!(self.status(), 301 | 302 | 303 | 307 | 308)
    }

    /// Where a redirect points.
    fn location(&self) -> Result<Url, Failure> {
        let fail = |what: String| {
            let message = format!("{} {what}", self.response.status());
            Err(Failure {
                http_status: Some(self.status()),
                ..Failure::new(Status::HttpStatus, message)
            })
        };
        let Some(location) = self.response.headers().get(header::LOCATION) else {
            return fail("without a `Location`".to_owned());
        };
        let location = String::from_utf8_lossy(location.as_bytes());
        let Ok(mut next) = self.url.join(&location) else {
            return fail(format!("with an invalid `Location`, `{location}`"));
        };
        if !matches!(next.scheme(), "http" | "https") {
            return fail(format!(
                "leads to `{}`, which is not fetched",
                next.scheme()
            ));
        }
        next.set_fragment(None);
        Ok(next)
    }

    fn is_of(&self, origin: &Origin) -> bool {
        let says_else = |name| {
            self.header(name)
                .is_some_and(|value| value != origin.validator)
        };
        if origin.validator.starts_with('"') {
            !says_else(header::ETAG)
        } else {
            !says_else(header::LAST_MODIFIED)
        }
    }

    /// A validator that changes with every byte: an entity tag that is not weak, or, where there is none, a modification
    /// time that was over when the answer was sent (RFC 9110 sections 8.8.2.2 and 13.1.5).
    fn strong_validator(&self) -> Option<&str> {
        if let Some(etag) = self.header(header::ETAG) {
            return (etag.len() >= 2 && etag.starts_with('"') && etag.ends_with('"'))
                .then_some(etag);
        }
        let modified = self.header(header::LAST_MODIFIED)?;
        let date = httpdate::parse_http_date(self.header(header::DATE)?).ok()?;
        let age = date
            .duration_since(httpdate::parse_http_date(modified).ok()?)
            .ok()?;
        (age >= Duration::from_secs(1)).then_some(modified)
    }

    fn content_range(&self) -> Option<ContentRange> {
        ContentRange::parse(self.header(header::CONTENT_RANGE)?)
    }

    fn header(&self, name: HeaderName) -> Option<&str> {
        self.response.headers().get(name)?.to_str().ok()
    }
}

/// The system's resolver, whose errors can be told from those of a connection.
struct Resolver;

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            match tokio::net::lookup_host((name.as_str(), 0)).await {
                Ok(addresses) => Ok(Box::new(addresses.collect::<Vec<_>>().into_iter()) as Addrs),
                Err(error) => Err(DnsError {
                    host: name.as_str().to_owned(),
                    error,
                }
                .into()),
            }
        })
    }
}

/// A host name without an address.
#[derive(Debug)]
pub(super) struct DnsError {
    host: String,
    error: io::Error,
}

impl fmt::Display for DnsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.error.to_string();
        let cause = text.trim_start_matches("failed to lookup address information: ");
        write!(
            f,
            "no address for `{}`: {}",
            self.host,
            cause.to_lowercase()
        )
    }
}

impl std::error::Error for DnsError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}
