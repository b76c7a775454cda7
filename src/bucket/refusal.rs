//! What a failed request means.

use std::error::Error as _;
use std::iter::successors;
use std::time::Duration;

use http::StatusCode;
use object_store::client::{HttpError, HttpErrorKind};

use super::Refusal;
use super::address::{Address, Service};
use super::requests::PROBE;
use crate::http::Saying;
use crate::text::{cut, from_server};

/// Codes that say that these credentials are good for nothing.
const CREDENTIALS: [&str; 9] = [
    "AuthenticationFailed",
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidAuthenticationInfo",
    "InvalidSecurity",
    "InvalidToken",
    "NotSignedUp",
    "SignatureDoesNotMatch",
    "TokenRefreshRequired",
];

/// Codes with other statuses than 404 that say that there is no such bucket, or the like.
const NO_BUCKET: [&str; 4] = [
    "ContainerNotFound",
    "InvalidBucketName",
    "NoSuchBucket",
    "ResourceNotFound",
];

/// Codes with the status 400 that are about this one transfer.
const DAMAGED: [&str; 5] = [
    "BadDigest",
    "IncompleteBody",
    "RequestTimeout",
    "XAmzContentChecksumMismatch",
    "XAmzContentSHA256Mismatch",
];

/// How much of a message of the store is quoted, in characters.
const LONGEST: usize = 300;

/// What is known of a failed request.
pub(super) struct Failed<'a> {
    pub(super) address: &'a Address,
    /// The name of the object.
    pub(super) name: &'a str,
    pub(super) error: &'a object_store::Error,
    pub(super) said: &'a Saying,
    /// Whether no credentials were found.
    pub(super) lacks_credentials: bool,
}

impl Failed<'_> {
    /// Whether the next request may succeed, and when it may be sent at the earliest.
    pub(super) fn passes(&self) -> Option<Duration> {
        let wait = self.said.retry_after.unwrap_or_default();
        let may_pass = match self.said.status.map(|status| status.as_u16()) {
            None => !self.lacks_credentials && self.transport().is_some_and(is_of_connection),
            Some(400) => self.has_code(&DAMAGED),
            Some(409) => !self.is_taken(),
            Some(501 | 505) => false,
            Some(408 | 425 | 429 | 500..) => true,
            Some(_) => false,
        };
        may_pass.then_some(wait)
    }

    /// What it means if it is not sent again.
    pub(super) fn refusal(&self) -> Refusal {
        let address = self.address;
        if self.lacks_credentials {
            return Refusal::Impossible(no_credentials(address));
        }
        let Some(status) = self.said.status else {
            let why = self.transport().and_then(HttpError::source);
            let why = why.map_or_else(|| self.error.to_string(), ToString::to_string);
            return Refusal::Failed(format!("`{}`: {}", self.object(), cut(&why, LONGEST)));
        };
        let why = self.why(status);
        if self.is_taken() {
            return Refusal::Taken;
        }
        if let Some(region) = self
            .said
            .region
            .as_ref()
            .filter(|_| self.is_elsewhere(status))
        {
            let region = from_server(region);
            return Refusal::Impossible(format!(
                "`{address}` is in the region `{region}`: set `AWS_REGION={region}`"
            ));
        }
        match status.as_u16() {
            300..400 => Refusal::Impossible(format!(
                "{why}: the bucket is in another place: check `AWS_REGION` and the endpoint"
            )),
            401 => Refusal::Impossible(refused(address, &why)),
            400 | 403 if self.has_code(&CREDENTIALS) => Refusal::Impossible(refused(address, &why)),
            403 if self.has_code(&["RequestTimeTooSkewed"]) => {
                Refusal::Impossible(format!("{why}: the clock of this machine is wrong"))
            }
            403 => Refusal::Denied(why),
            _ if self.has_code(&NO_BUCKET) => Refusal::Impossible(format!(
                "there is no bucket `{}`: create it, or check the name, the region and the endpoint ({why})",
                address.bucket
            )),
            501 => Refusal::Impossible(format!(
                "{why}: the store must support conditional writes (`If-None-Match`)"
            )),
            408 | 409 | 425 | 429 | 500.. => Refusal::Failed(why),
            400 if self.has_code(&DAMAGED) => Refusal::Failed(why),
            _ => Refusal::Unfit(why),
        }
    }

    /// Whether there is another object of this name.
    fn is_taken(&self) -> bool {
        let status = self.said.status.map(|status| status.as_u16());
        matches!(status, Some(304 | 412))
            || status == Some(409) && self.has_code(&["BlobAlreadyExists"])
            // to be replaced, and not there
            || status == Some(404) && self.has_code(&["NoSuchKey", "BlobNotFound"])
    }

    fn is_elsewhere(&self, status: StatusCode) -> bool {
        status.is_redirection()
            || self.has_code(&["AuthorizationHeaderMalformed", "PermanentRedirect"])
    }

    fn has_code(&self, codes: &[&str]) -> bool {
        self.said
            .code
            .as_deref()
            .is_some_and(|code| codes.contains(&code))
    }

    fn object(&self) -> String {
        match self.name {
            PROBE => self.address.to_string(),
            name => self.address.of(name),
        }
    }

    fn why(&self, status: StatusCode) -> String {
        let mut why = format!("`{}`: {}", self.object(), status.as_u16());
        if let Some(code) = &self.said.code {
            why.push(' ');
            why.push_str(&from_server(code));
        }
        if let Some(message) = self
            .said
            .message
            .as_ref()
            .filter(|message| !message.is_empty())
        {
            why.push_str(": ");
            why.push_str(&cut(&from_server(message), LONGEST));
        }
        why
    }

    /// What has come in place of a response.
    fn transport(&self) -> Option<&HttpError> {
        let mut causes = successors(self.error.source(), |error| (*error).source());
        causes.find_map(|error| error.downcast_ref())
    }
}

/// Whether a request has failed because of its connection.
fn is_of_connection(error: &HttpError) -> bool {
    use HttpErrorKind::{Connect, Interrupted, Request, Timeout};
    matches!(error.kind(), Connect | Interrupted | Request | Timeout)
}

/// What to do if there are no credentials.
pub(super) fn no_credentials(address: &Address) -> String {
    let variables = match address.service {
        Service::S3 => {
            "`AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY` (files such as `~/.aws/credentials` are not read), or `AWS_SKIP_SIGNATURE=true` for a public bucket"
        }
        Service::GoogleCloud => {
            "`GOOGLE_APPLICATION_CREDENTIALS` or `GOOGLE_SERVICE_ACCOUNT`, or `GOOGLE_SKIP_SIGNATURE=true` for a public bucket"
        }
        Service::Azure => {
            "`AZURE_STORAGE_ACCOUNT_KEY` or `AZURE_STORAGE_SAS_KEY`, or `AZURE_SKIP_SIGNATURE=true` for a public container"
        }
    };
    format!(
        "no credentials for `{address}`: set {variables}; `--instance-credentials` asks the machine for them"
    )
}

fn refused(address: &Address, why: &str) -> String {
    format!("the credentials for `{address}` are not accepted: {why}")
}
