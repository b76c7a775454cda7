//! A user and a password for HTTP basic authentication (RFC 7617).

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::HeaderValue;
use percent_encoding::percent_decode_str;
use url::Url;

/// A user and a password. [`fmt::Debug`] shows neither.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Credentials {
    /// The name of the user.
    pub user: String,
    /// The password.
    pub password: String,
}

impl Credentials {
    /// User and password in a URL.
    pub(super) fn of_url(url: &Url) -> Self {
        let text = |encoded| percent_decode_str(encoded).decode_utf8_lossy().into_owned();
        Self {
            user: text(url.username()),
            password: text(url.password().unwrap_or_default()),
        }
    }

    /// The value of the `Authorization` header.
    pub(super) fn authorization(&self) -> HeaderValue {
        let text = BASE64_STANDARD.encode(format!("{}:{}", self.user, self.password));
        let value = HeaderValue::from_str(&format!("Basic {text}"));
        let mut value = value.expect("base64 is ASCII");
        value.set_sensitive(true);
        value
    }
}

impl FromStr for Credentials {
    type Err = Infallible;

    /// Reads `user:password`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (user, password) = text.split_once(':').unwrap_or((text, ""));
        Ok(Self {
            user: user.to_owned(),
            password: password.to_owned(),
        })
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(…)")
    }
}
