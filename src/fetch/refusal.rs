//! Why a server has no file for a link: the failure of a response with a status that is not a success.
//!
//! The status alone tells a person little. A 403 is a paywall, a blocked program, a signed link that has expired, or a firewall
//! that wants to see a browser; a 202 is a file that is being made, or such a firewall. The headers and the beginning of the
//! body tell which, and the server's own words go into the message.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, StatusCode, header};
use httpdate::parse_http_date;
use url::Url;

use super::challenge::Challenge;
use super::digest_auth;
use super::reason::Reason;
use crate::outcome::{Cause, Failure, Status};
use crate::retry::retry_after;
use crate::text::{from_server, is_signed};

/// The head of a response that is not a file.
pub(super) struct Refusal<'a> {
    pub(super) status: StatusCode,
    pub(super) headers: &'a HeaderMap,
    /// The URL that was requested.
    pub(super) url: &'a Url,
    /// Whether the request had credentials.
    pub(super) had_credentials: bool,
}

impl Refusal<'_> {
    /// The failure, given the beginning of the body.
    pub(super) fn failure(&self, body: &[u8]) -> Failure {
        let code = self.status.as_u16();
        let reason = self.reason(body);
        let retry_after = self.retry_after();
        let (cause, requirement) = self.cause(body, reason.as_ref());
        let status = match code {
            _ if cause == Cause::Challenge => Status::Challenge,
            429 => Status::RateLimited,
            // how some throttle
            403 if retry_after.is_some() => Status::RateLimited,
            _ => Status::HttpStatus,
        };
        let phrase = self.status.canonical_reason().unwrap_or("(unknown status)");
        let words = reason.map(|reason| from_server(&reason.text));
        let about = match cause {
            Cause::Challenge => Some("bot check of a firewall".to_owned()),
            Cause::Unknown if code == 202 => Some("the file is still being made".to_owned()),
            Cause::Unknown if code == 206 => {
                let range = self.header(header::CONTENT_RANGE);
                range.map(|range| format!("only `{}`", from_server(range)))
            }
            _ => requirement,
        };
        let parts = [Some(format!("{code} {phrase}")), about, words];
        let message = parts.into_iter().flatten().collect::<Vec<_>>().join(": ");
        Failure {
            http_status: Some(code),
            retry_after,
            cause,
            ..Failure::new(status, message)
        }
    }

    /// What the server says about the reason, if that is more than the name of the status.
    fn reason(&self, body: &[u8]) -> Option<Reason> {
        if self.status.is_success() && self.status != StatusCode::ACCEPTED
            || body.starts_with(b"%PDF-")
        {
            // a file, or a part of one
            return None;
        }
        let kind = self.header(header::CONTENT_TYPE).unwrap_or_default();
        let reason = Reason::of_body(&kind.to_ascii_lowercase(), body)?;
        let phrase = self.status.canonical_reason().unwrap_or_default();
        let known = format!("{} {phrase} error http status page", self.status.as_u16());
        let words = |text: &str| {
            let words = text.split(|c: char| !c.is_alphanumeric());
            let words = words.filter(|word| !word.is_empty());
            words.map(str::to_lowercase).collect::<Vec<_>>()
        };
        let known = words(&known);
        let says_more = words(&reason.text).iter().any(|word| !known.contains(word));
        (says_more || reason.code.is_some()).then_some(reason)
    }

    /// How long the server asks to wait, by its own clock.
    fn retry_after(&self) -> Option<Duration> {
        let date = self.header(header::DATE);
        let now = date.and_then(|date| parse_http_date(date).ok());
        let wait = self.header(header::RETRY_AFTER)?;
        retry_after(wait, now.unwrap_or_else(SystemTime::now))
    }

    /// What is behind the failure, and what the server requires, in words.
    fn cause(&self, body: &[u8], reason: Option<&Reason>) -> (Cause, Option<String>) {
        let code = self.status.as_u16();
        let has = |texts: &[&str], text: &str| texts.iter().any(|known| text.contains(known));
        let text = reason.map(|reason| reason.text.to_lowercase());
        let text = text.unwrap_or_default();
        let error = reason.and_then(|reason| reason.code.as_deref());
        let requirement = match code {
            401 => self.authentication(header::WWW_AUTHENTICATE),
            407 => self.authentication(header::PROXY_AUTHENTICATE),
            _ => None,
        };
        if self.is_challenge(body, &text) {
            (Cause::Challenge, None)
        } else if let Some((cause, what)) = requirement {
            (cause, Some(what))
        } else if error.is_some_and(|error| EXPIRED.contains(&error))
            || matches!(code, 400 | 401 | 403 | 410) && is_signed(self.url.as_str())
        {
            (Cause::Expired, None)
        } else if code == 400 && has(&PLAIN_ON_TLS, &text) {
            (Cause::WantsTls, None)
        } else {
            (Cause::Unknown, None)
        }
    }

    /// What the challenges in the headers with this `name` require, if there are any.
    fn authentication(&self, name: HeaderName) -> Option<(Cause, String)> {
        let by_proxy = name == header::PROXY_AUTHENTICATE;
        let challenges = Challenge::all(self.headers, name);
        let any = |schemes: &[&str]| {
            let mut challenges = challenges.iter();
            challenges.any(|challenge| schemes.iter().any(|scheme| challenge.is(scheme)))
        };
        let has_digest = !by_proxy && any(&["Digest"]);
        let is_supported =
            any(&["Basic"]) || has_digest && challenges.iter().any(digest_auth::is_supported);
        if self.had_credentials && (is_supported || challenges.is_empty()) {
            let message = "the credentials were not accepted".to_owned();
            return Some((Cause::Credentials, message));
        }
        let schemes = challenges
            .iter()
            .map(|challenge| format!("`{}`", challenge.scheme));
        let mut schemes: Vec<_> = schemes.collect();
        schemes.dedup();
        let schemes = from_server(&schemes.join(" or "));
        if challenges.is_empty() {
            None
        } else if is_supported || any(&["Bearer"]) {
            let message = format!("requires {schemes} authentication");
            Some((Cause::Unknown, message))
        } else {
            let which = if has_digest {
                " of a kind that"
            } else {
                ", which"
            };
            let message = format!("requires {schemes} authentication{which} is not supported");
            Some((Cause::Authentication, message))
        }
    }

    /// Whether a firewall wants to see that the client is a browser. `text` is the reason in lower case.
    fn is_challenge(&self, body: &[u8], text: &str) -> bool {
        let code = self.status.as_u16();
        if !matches!(code, 202 | 400..=599) || matches!(code, 404 | 410 | 451) {
            return false;
        }
        let is = |name: &str, values: &[&str]| {
            let value = self.headers.get(name).and_then(|value| value.to_str().ok());
            let value = value.unwrap_or_default().trim();
            values.iter().any(|other| value.eq_ignore_ascii_case(other))
        };
        let contains = |mark: &&str| {
            let mut parts = body.windows(mark.len());
            parts.any(|part| part.eq_ignore_ascii_case(mark.as_bytes()))
        };
        is("cf-mitigated", &["challenge"])
            || is("x-amzn-waf-action", &["challenge", "captcha"])
            || is("x-vercel-mitigated", &["challenge"])
            || matches!(code, 202 | 403) && self.headers.contains_key("x-datadome")
            || TITLES.iter().any(|begin| text.starts_with(begin))
            || MARKS.iter().any(contains)
    }

    fn header(&self, name: HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Codes of errors about links that were signed, of S3, Azure and Google. They answer `AccessDenied` to some that have
/// expired, and to much else.
const EXPIRED: [&str; 6] = [
    "AuthenticationFailed",
    "ExpiredToken",
    "RequestExpired",
    "RequestTimeTooSkewed",
    "TokenExpired",
    "TokenRefreshRequired",
];

/// What servers say about a request without TLS on a port for https, in lower case: nginx, Apache, Go.
const PLAIN_ON_TLS: [&str; 3] = [
    "sent to https port",
    "ssl-enabled server port",
    "to an https server",
];

/// How the titles of pages begin by which firewalls check browsers, in lower case: of Cloudflare, DDoS-Guard, Fastly, Imperva,
/// `PerimeterX`, Radware, Sucuri and Anubis.
const TITLES: [&str; 13] = [
    "just a moment",
    "attention required!",
    "checking your browser",
    "ddos-guard",
    "client challenge",
    "pardon our interruption",
    "access to this page has been denied",
    "radware bot manager",
    "sucuri website firewall",
    "making sure you're not a bot",
    "robot check",
    "human verification",
    "bot verification",
];

/// What only such pages contain: those of Cloudflare, `DataDome`, Amazon, `PerimeterX` and Imperva.
const MARKS: [&str; 5] = [
    "_cf_chl_opt",
    "captcha-delivery.com",
    "gokuProps",
    "px-captcha",
    "incapsula incident id",
];
