//! What a server has answered, and what it means for a link.

use std::time::{Duration, SystemTime};

use http::{HeaderName, Version, header};
use tokio::time::timeout;
use url::Url;

use super::range::ContentRange;
use super::{Start, disposition};
use crate::http::Response;
use crate::outcome::{Answer, Failure, Status};
use crate::retry::retry_after;
use crate::store::{Origin, Partial};
use crate::text::shown;

/// The body of an answer that is of no interest is read up to so many bytes, to keep the connection.
const DRAIN: u64 = 16 * 1024;

/// An answer, with the URL that gave it.
pub(super) struct Reply {
    pub(super) response: Response,
    pub(super) url: Url,
}

impl Reply {
    pub(super) fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    /// How long the file is, if this answer or the one that began it says so.
    pub(super) fn total(&self, start: Start, partial: Option<Partial<'_>>) -> Option<u64> {
        match (start, self.content_range()) {
            (Start::Over, _) => self.response.content_length(),
            (
                _,
                Some(
                    ContentRange::Bytes {
                        total: Some(total), ..
                    }
                    | ContentRange::Unsatisfied { total },
                ),
            ) => Some(total),
            _ => partial.and_then(|partial| partial.origin.total),
        }
    }

    /// Whether the protocol marks the end of the body: otherwise a closed connection may mean anything.
    pub(super) fn is_framed(&self) -> bool {
        let codings = self.header(header::TRANSFER_ENCODING).unwrap_or_default();
        let last = codings.rsplit(',').next().unwrap_or_default().trim();
        self.response.content_length().is_some()
            || last.eq_ignore_ascii_case("chunked")
            || self.response.version() >= Version::HTTP_2
    }

    /// Whether a 206 holds the rest of what has come, and of nothing else.
    pub(super) fn continues(&self, partial: Partial<'_>) -> bool {
        let Some(ContentRange::Bytes { first, total, .. }) = self.content_range() else {
            return false;
        };
        let same_total =
            partial.origin.total.is_none() || total.is_none() || partial.origin.total == total;
        first == partial.bytes && same_total && self.is_of(partial.origin)
    }

    /// Whether a 416 says that the file is exactly as long as what has come, and nothing else said otherwise.
    pub(super) fn has_no_more_than(&self, partial: Partial<'_>) -> bool {
        let total = Some(partial.bytes);
        self.content_range()
            == Some(ContentRange::Unsatisfied {
                total: partial.bytes,
            })
            && (partial.origin.total.is_none() || partial.origin.total == total)
            && self.is_of(partial.origin)
    }

    /// The failure of a body in an encoding that was not asked for, and that would be saved as it is.
    pub(super) fn uninvited_encoding(&self) -> Option<Failure> {
        let coding = self
            .header(header::CONTENT_ENCODING)
            .filter(|coding| !coding.eq_ignore_ascii_case("identity"))?;
        Some(Failure::new(
            Status::NotPdf,
            format!("data in the encoding `{coding}`, which was not asked for"),
        ))
    }

    /// What to ask for the rest with, should the body break off.
    pub(super) fn origin(&self) -> Option<Origin> {
        Some(Origin {
            url: shown(&self.url).into_owned(),
            validator: self.strong_validator()?.to_owned(),
            total: self.response.content_length(),
        })
    }

    pub(super) fn answer(&self, asked: &Url) -> Answer {
        Answer {
            final_url: (self.url != *asked).then(|| shown(&self.url).into_owned()),
            status: self.status(),
            etag: self.header(header::ETAG).map(str::to_owned),
            last_modified: self.header(header::LAST_MODIFIED).map(str::to_owned),
        }
    }

    /// The server's name for the file.
    pub(super) fn file_name(&self) -> Option<String> {
        disposition::file_name(
            self.response
                .headers()
                .get(header::CONTENT_DISPOSITION)?
                .as_bytes(),
        )
    }

    /// The failure that this answer is, if it is no file.
    pub(super) fn failure(&self, asked: &Url) -> Failure {
        let code = self.response.status();
        let reason = code.canonical_reason().unwrap_or("(no known status)");
        let status = if code.as_u16() == 429 {
            Status::RateLimited
        } else {
            Status::HttpStatus
        };
        Failure {
            http_status: Some(code.as_u16()),
            elsewhere: self.url.origin() != asked.origin(),
            retry_after: self
                .header(header::RETRY_AFTER)
                .and_then(|value| retry_after(value, SystemTime::now())),
            ..Failure::new(status, format!("{} {reason}", code.as_u16()))
        }
    }

    /// Reads a short body to its end, so that the connection can be used again.
    pub(super) async fn drain(mut self) {
        let mut length = self.response.content_length().unwrap_or(0);
        let all = async {
            while length <= DRAIN {
                match self.response.chunk().await {
                    Ok(Some(chunk)) if self.response.content_length().is_none() => {
                        length += chunk.len() as u64;
                    }
                    Ok(Some(_)) => {}
                    Ok(None) | Err(_) => return,
                }
            }
        };
        // whatever comes of it, the answer itself is known
        let _ = timeout(Duration::from_secs(1), all).await;
    }

    pub(super) fn is_redirect(&self) -> bool {
        matches!(self.status(), 301 | 302 | 303 | 307 | 308)
    }

    /// Where a redirect points.
    pub(super) fn location(&self) -> Result<Url, Failure> {
        let Some(location) = self.response.headers().get(header::LOCATION) else {
            return Err(self.leads("nowhere: it has no `Location`"));
        };
        let location = String::from_utf8_lossy(location.as_bytes());
        let Ok(mut next) = self.url.join(&location) else {
            return Err(self.leads(&format!("nowhere: its `Location` is `{location}`")));
        };
        if !matches!(next.scheme(), "http" | "https") {
            return Err(self.leads(&format!("to `{}`, which is not fetched", next.scheme())));
        }
        next.set_fragment(None);
        Ok(next)
    }

    /// The failure of a redirect that is not followed.
    pub(super) fn leads(&self, whereto: &str) -> Failure {
        let message = format!("{} leads {whereto}", self.response.status());
        Failure {
            http_status: Some(self.status()),
            ..Failure::new(Status::HttpStatus, message)
        }
    }

    /// Whether this answer is about the file that `origin` tells of. A validator means something for its own URL only
    /// (RFC 9110 section 8.8.1).
    fn is_of(&self, origin: &Origin) -> bool {
        let by_tag = origin.validator.starts_with('"');
        let validator = self.header(if by_tag {
            header::ETAG
        } else {
            header::LAST_MODIFIED
        });
        shown(&self.url) == origin.url.as_str()
            && validator.is_none_or(|validator| validator == origin.validator)
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
