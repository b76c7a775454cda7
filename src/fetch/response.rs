//! The head of a response, and what it means for a link: a file, the rest of one, a redirect, or a failure.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{self, DATE, ETAG, LAST_MODIFIED};
use http::{HeaderName, HeaderValue, Version};
use httpdate::parse_http_date;
use percent_encoding::{AsciiSet, percent_encode};
use tokio::time::timeout;
use url::Url;

use super::coding::{self, Coding};
use super::range::ContentRange;
use super::refusal::Refusal;
use super::told::told;
use super::{Start, disposition};
use crate::digest::{Checksum, in_header};
use crate::line::LONGEST_LINE;
use crate::link::identity;
use crate::outcome::{Answer, Failure, Status};
use crate::queue::Told;
use crate::store::{Origin, Partial};
use crate::text::{self, has_credentials, shown};

/// The body of a failure is read up to this many bytes to keep the connection: reconnecting costs more.
const DRAIN: u64 = 16 * 1024;

/// How much of a long body is read for the reason of a failure, in bytes. Titles of pages and errors of stores are within it.
const REASON: u64 = 4096;
/// The same for the rest of a page, whose beginning has been worth reading.
const DRAIN_PAGE: u64 = 64 * 1024;

/// The longest validator that is kept, in bytes. It is of no use when it is cut.
const LONGEST_VALIDATOR: usize = 1024;

fn is_short(validator: &&str) -> bool {
    validator.len() <= LONGEST_VALIDATOR
}

/// The longest URL that a redirect may lead to, in bytes: as long as one of a list.
const LONGEST_TARGET: usize = LONGEST_LINE;

/// Bytes that are not ASCII, and no others.
const NOT_ASCII: AsciiSet = AsciiSet::EMPTY;

/// A response, and the request that it is for.
pub(super) struct Response {
    pub(super) inner: crate::http::Response,
    /// The URL that was requested.
    pub(super) url: Url,
    /// The `Cookie` header of the request, if it was from the jar.
    pub(super) cookies: Option<HeaderValue>,
    /// Whether it is a 401 to a request that had credentials.
    pub(super) had_credentials: bool,
    /// The length of the body, if the head states it.
    length: Option<u64>,
    /// What has been read of the body, and is to be read again.
    unread: Bytes,
}

impl Response {
    /// The response `inner` to a request for `url` with these `cookies`.
    pub(super) fn new(
        inner: crate::http::Response,
        url: Url,
        cookies: Option<HeaderValue>,
    ) -> Self {
        Self {
            length: inner.content_length(),
            unread: Bytes::new(),
            inner,
            url,
            cookies,
            had_credentials: false,
        }
    }

    /// What its host says of its limits.
    pub(super) fn told(&self) -> Option<Told> {
        // the clock of its server may be wrong
        let date = self
            .header(DATE)
            .and_then(|date| parse_http_date(date).ok());
        told(self.inner.headers(), date.unwrap_or_else(SystemTime::now))
    }

    pub(super) fn status(&self) -> u16 {
        self.inner.status().as_u16()
    }

    /// The length of the body, if the head states it.
    pub(super) fn length(&self) -> Option<u64> {
        self.length
    }

    /// The next bytes of the body.
    pub(super) async fn chunk(&mut self) -> Result<Option<Bytes>, crate::http::Error> {
        if self.unread.is_empty() {
            return self.inner.chunk().await;
        }
        Ok(Some(std::mem::take(&mut self.unread)))
    }

    /// Lets `bytes`, which have been read last, be read again.
    pub(super) fn unread(&mut self, bytes: Bytes) {
        self.unread = bytes;
    }

    /// The values of all headers of this name that are text.
    pub(super) fn texts(&self, name: HeaderName) -> Vec<&str> {
        let values = self.inner.headers().get_all(name).into_iter();
        values.filter_map(|value| value.to_str().ok()).collect()
    }

    /// The length of the file, if this response or the one that began the partial states it.
    pub(super) fn total(&self, start: Start, partial: Option<Partial<'_>>) -> Option<u64> {
        let total = self.content_range().and_then(|range| range.total);
        if start == Start::Over {
            return total.filter(|_| self.is_whole()).or(self.length);
        }
        total.or_else(|| partial?.origin.total)
    }

    /// Whether the protocol marks the end of the body. If not, it may be cut off wherever the connection closes.
    pub(super) fn is_framed(&self) -> bool {
        let codings = self.header(header::TRANSFER_ENCODING).unwrap_or_default();
        let last = codings.rsplit(',').next().unwrap_or_default().trim();
        self.length.is_some()
            || last.eq_ignore_ascii_case("chunked")
            || self.inner.version() >= Version::HTTP_2
    }

    /// Whether this is a 206 with all bytes of the file.
    pub(super) fn is_whole(&self) -> bool {
        let range = self.content_range().filter(|_| self.status() == 206);
        let known = range.and_then(|range| range.bytes.zip(range.total));
        known.is_some_and(|((first, last), total)| first == 0 && last + 1 == total)
    }

    /// Whether a 206 is the rest of `partial`.
    pub(super) fn continues(&self, partial: Partial<'_>) -> bool {
        self.content_range().is_some_and(|range| {
            let first = range.bytes.map(|(first, _)| first);
            first == Some(partial.bytes) && self.is_of(partial.origin, range.total)
        }) && self.codings().is_ok_and(|codings| codings.is_empty())
    }

    /// Whether a 416 says that `partial` is the whole file.
    pub(super) fn has_no_more_than(&self, partial: Partial<'_>) -> bool {
        let (bytes, total) = (None, Some(partial.bytes));
        self.content_range() == Some(ContentRange { bytes, total })
            && self.is_of(partial.origin, total)
    }

    /// Whether this response is about the file of `origin`, given the length that it states. A validator is meaningful for
    /// its own URL only (RFC 9110 section 8.8.1), whatever its signature.
    fn is_of(&self, origin: &Origin, total: Option<u64>) -> bool {
        let by_tag = origin.validator.starts_with('"');
        let validator = self.header(if by_tag { ETAG } else { LAST_MODIFIED });
        (origin.total.is_none() || total.is_none() || origin.total == total)
            && identity(&shown(&self.url)) == identity(&origin.url)
            && validator.is_none_or(|validator| validator == origin.validator)
    }

    /// What has been applied to the body although nothing was asked for, in this order.
    pub(super) fn codings(&self) -> Result<Vec<Coding>, Failure> {
        let headers = self.inner.headers();
        let fields = [header::CONTENT_ENCODING, header::TRANSFER_ENCODING];
        let lines = fields.iter().flat_map(|name| headers.get_all(name));
        let names = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
        let codings = names.filter_map(|name| Coding::named(str::from_utf8(name).ok()?));
        let codings: Vec<_> = codings.take(coding::MOST + 1).collect();
        if codings.len() > coding::MOST {
            let message = format!("more than {} content codings", coding::MOST);
            return Err(Failure::new(Status::NotPdf, message));
        }
        Ok(codings)
    }

    /// The checksum of the whole file according to its headers, and the name of the header that has it. They are about the
    /// bytes as they are sent, and two of them about those of this response alone (RFC 9530, RFC 3230).
    pub(super) fn checksum(&self, start: Start) -> Option<(&'static str, Checksum)> {
        const NAMES: [(HeaderName, &str); 4] = [
            (HeaderName::from_static("repr-digest"), "Repr-Digest"),
            (HeaderName::from_static("digest"), "Digest"),
            (HeaderName::from_static("content-digest"), "Content-Digest"),
            (HeaderName::from_static("content-md5"), "Content-MD5"),
        ];
        let names = match start {
            Start::Over => &NAMES[..],
            Start::Middle => &NAMES[..2],
            Start::End | Start::Unchanged => &[],
        };
        let headers = self.inner.headers();
        let found = names.iter().filter_map(|(header, name)| {
            let values = headers.get_all(header).iter();
            let values = values.filter_map(|value| in_header(name, value.to_str().ok()?));
            Some((*name, values.max_by_key(Checksum::algorithm)?))
        });
        found.max_by_key(|(_, checksum)| checksum.algorithm())
    }

    /// What it takes to resume, should the body break off.
    pub(super) fn origin(&self) -> Option<Origin> {
        Some(Origin {
            url: shown(&self.url).into_owned(),
            validator: self.strong_validator().filter(is_short)?.to_owned(),
            total: self.length,
        })
    }

    /// What the record of a link keeps of this response to a request for `requested`.
    pub(super) fn answer(&self, requested: &Url) -> Answer {
        Answer {
            final_url: (self.url != *requested).then(|| shown(&self.url).into_owned()),
            status: Some(self.status()),
            etag: self.header(ETAG).filter(is_short).map(str::to_owned),
            last_modified: self
                .header(LAST_MODIFIED)
                .filter(is_short)
                .map(str::to_owned),
        }
    }

    pub(super) fn last_modified(&self) -> Option<SystemTime> {
        parse_http_date(self.header(LAST_MODIFIED)?).ok()
    }

    /// The file name that the server suggests.
    pub(super) fn file_name(&self) -> Option<String> {
        let disposition = self.inner.headers().get(header::CONTENT_DISPOSITION)?;
        disposition::file_name(disposition.as_bytes(), self.url.host_str())
    }

    /// The failure of a response that is not a file, with what its body says about the reason.
    pub(super) async fn refusal(mut self) -> Failure {
        let codings = self.codings().unwrap_or_default();
        let body = self.beginning(REASON, DRAIN).await;
        let body = coding::beginning(&codings, body);
        Refusal {
            status: self.inner.status(),
            headers: self.inner.headers(),
            url: &self.url,
            had_credentials: self.had_credentials,
        }
        .failure(&body)
    }

    /// Reads a short body to its end, to make the connection available for the next request.
    pub(super) async fn drain(mut self) {
        self.beginning(0, DRAIN).await;
    }

    /// Reads the rest of a page, unless it is long.
    pub(super) async fn drain_page(mut self) {
        self.beginning(0, DRAIN_PAGE).await;
    }

    /// Reads a body of up to `most` bytes to its end, which keeps the connection available for the next request, and of a
    /// longer one at least about `least`.
    async fn beginning(&mut self, least: u64, most: u64) -> Vec<u8> {
        let mut body = Vec::new();
        let read = async {
            let mut length = 0;
            while (length < least || length + self.inner.content_length().unwrap_or(0) <= most)
                && let Ok(Some(chunk)) = self.inner.chunk().await
            {
                if length < DRAIN {
                    body.extend_from_slice(&chunk);
                }
                length += chunk.len() as u64;
            }
        };
        // if it takes longer, the connection is lost, but the response is known already
        let _ = timeout(Duration::from_secs(1), read).await;
        body
    }

    /// Where a redirect leads; none if this is not a redirect.
    pub(super) fn redirect(&self, allow_downgrade: bool) -> Result<Option<Url>, Failure> {
        let location = self.inner.headers().get(header::LOCATION);
        let location = match (self.status(), location) {
            (300..=303 | 307 | 308, Some(location)) => location.as_bytes().trim_ascii(),
            (301..=303 | 307 | 308, None) => {
                return Err(self.bad_redirect("without a `Location` header"));
            }
            _ => return Ok(None),
        };
        if location.is_empty() {
            // it would be the URL of the request
            return Err(self.bad_redirect("with an empty `Location` header"));
        }
        // bytes in whatever encoding the server names its files: it gets them back as they are
        let location: Cow<str> = percent_encode(location, &NOT_ASCII).into();
        let Ok(mut next) = self.url.join(&location) else {
            let message = format!(
                "to `{}`, which is not a valid URL",
                text::from_server(&location)
            );
            return Err(self.bad_redirect(&message));
        };
        if !matches!(next.scheme(), "http" | "https") {
            let message = format!(
                "to `{}`, which is not fetched",
                text::from_server(&shown(&next))
            );
            return Err(self.bad_redirect(&message));
        }
        if (self.url.scheme(), next.scheme()) == ("https", "http") && !allow_downgrade {
            let message = "from https to http: `--allow-downgrade` follows it";
            return Err(self.bad_redirect(message));
        }
        next.set_fragment(None);
        if next.as_str().len() > LONGEST_TARGET {
            let message = format!("to a URL of more than {LONGEST_TARGET} bytes");
            return Err(self.bad_redirect(&message));
        }
        if next.origin() == self.url.origin() && !has_credentials(&next) {
            // neither can fail: both URLs have a host
            let _ = next.set_username(self.url.username());
            let _ = next.set_password(self.url.password());
        }
        Ok(Some(next))
    }

    /// The names and values of the cookies that this response sets or removes.
    pub(super) fn set_cookies(&self) -> impl Iterator<Item = &[u8]> {
        let headers = self.inner.headers().get_all(header::SET_COOKIE);
        let mut parts = headers
            .iter()
            .map(|header| header.as_bytes().split(|byte| *byte == b';'));
        std::iter::from_fn(move || parts.next()?.next())
    }

    fn bad_redirect(&self, what: &str) -> Failure {
        Failure {
            http_status: Some(self.status()),
            ..Failure::new(Status::HttpStatus, format!("redirect {what}"))
        }
    }

    /// A validator that changes with every byte: a strong entity tag, or, if there is no tag, a modification time at least
    /// a second before the response (RFC 9110 sections 8.8.2.2 and 13.1.5).
    fn strong_validator(&self) -> Option<&str> {
        if let Some(etag) = self.header(ETAG) {
            let strong = etag.len() >= 2 && etag.starts_with('"') && etag.ends_with('"');
            return strong.then_some(etag);
        }
        let modified = self.header(LAST_MODIFIED)?;
        let date = parse_http_date(self.header(DATE)?).ok()?;
        let age = date.duration_since(parse_http_date(modified).ok()?).ok()?;
        (age >= Duration::from_secs(1)).then_some(modified)
    }

    fn content_range(&self) -> Option<ContentRange> {
        ContentRange::parse(self.header(header::CONTENT_RANGE)?)
    }

    fn header(&self, name: HeaderName) -> Option<&str> {
        self.inner.headers().get(name)?.to_str().ok()
    }
}
