//! Digest authentication (RFC 7616), for servers that do not take Basic.
//!
//! User and password are sent as Basic with the first request, so that servers that take it get no more than one. A server
//! that wants Digest instead responds with 401 and a challenge. Its nonce is kept for the further requests to the same
//! origin, which count it, until the server calls it stale.
//!
//! Own code, because the crates for it depend on outdated versions of the hashes and of a random number generator.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};

use http::{HeaderMap, HeaderValue, header};
use md5::Md5;
use parking_lot::Mutex;
use sha2::{Digest, Sha256, Sha512_256};
use url::{Position, Url};

use super::challenge::Challenge;
use super::credentials::Credentials;
use crate::digest::hexadecimal;

/// How many origins are remembered. Any host of a list may send a challenge.
const MAX_ORIGINS: usize = 1000;

/// The challenges for Digest authentication by origin.
#[derive(Debug, Default)]
pub(super) struct DigestChallenges {
    known: Mutex<HashMap<String, Arc<DigestChallenge>>>,
    /// Whether there are any. Most runs never see one, and skip the lookup.
    any: AtomicBool,
}

impl DigestChallenges {
    /// The last challenge of the origin of `url`, if it wants Digest.
    pub(super) fn of(&self, url: &Url) -> Option<Arc<DigestChallenge>> {
        if !self.any.load(Relaxed) {
            return None;
        }
        self.known.lock().get(&origin(url)).cloned()
    }

    /// Remembers the challenge in the 401 response from `url` with these `headers`, and returns it if the same request may
    /// succeed with it. It was the `nth` one for the URL, from 0: the first one had Basic or an older nonce.
    pub(super) fn learn(
        &self,
        url: &Url,
        headers: &HeaderMap,
        nth: u32,
    ) -> Option<Arc<DigestChallenge>> {
        const MAX_STALE: u32 = 2;
        let challenges = Challenge::all(headers, header::WWW_AUTHENTICATE);
        let supported = |challenge| Some((challenge, DigestChallenge::new(challenge)?));
        let (sent, challenge) = challenges.iter().find_map(supported)?;
        if nth > 0 && (!sent.is_true("stale") || nth > MAX_STALE) {
            return None;
        }
        let mut known = self.known.lock();
        if known.len() >= MAX_ORIGINS {
            known.clear();
        }
        let origin = origin(url);
        let last = known
            .get(&origin)
            .filter(|last| last.nonce == challenge.nonce);
        if let Some(last) = last {
            // the count goes on
            return Some(Arc::clone(last));
        }
        let challenge = Arc::new(challenge);
        known.insert(origin, Arc::clone(&challenge));
        self.any.store(true, Relaxed);
        Some(challenge)
    }
}

/// Whether `challenge` is for Digest, of a kind that is known.
pub(super) fn is_supported(challenge: &Challenge) -> bool {
    DigestChallenge::new(challenge).is_some()
}

fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// A challenge for Digest authentication, and how often it has been met.
#[derive(Debug)]
pub(super) struct DigestChallenge {
    algorithm: Option<String>,
    hash: fn(&str) -> String,
    is_session: bool,
    has_qop: bool,
    hash_user: bool,
    realm: String,
    nonce: String,
    opaque: Option<String>,
    /// How many requests there were with this nonce.
    count: AtomicU32,
}

impl DigestChallenge {
    /// None if `challenge` is for another scheme, or not supported.
    fn new(challenge: &Challenge) -> Option<Self> {
        let algorithm = challenge
            .get("algorithm")
            .unwrap_or("MD5")
            .to_ascii_uppercase();
        let (name, is_session) = match algorithm.strip_suffix("-SESS") {
            Some(name) => (name, true),
            None => (&*algorithm, false),
        };
        let hash = match name {
            "MD5" => hash::<Md5>,
            "SHA-256" => hash::<Sha256>,
            "SHA-512-256" => hash::<Sha512_256>,
            _ => return None,
        };
        let qop = challenge.get("qop");
        let is_auth = |qop: &str| qop.trim().eq_ignore_ascii_case("auth");
        let is_usable = qop.is_none_or(|qop| qop.split(',').any(is_auth));
        (challenge.is("digest") && is_usable).then_some(Self {
            algorithm: challenge.get("algorithm").map(str::to_owned),
            hash,
            is_session,
            has_qop: qop.is_some(),
            hash_user: challenge.is_true("userhash"),
            realm: challenge.get("realm").unwrap_or_default().to_owned(),
            nonce: challenge.get("nonce")?.to_owned(),
            opaque: challenge.get("opaque").map(str::to_owned),
            count: AtomicU32::new(0),
        })
    }

    /// The next `Authorization` header.
    pub(super) fn authorization(&self, url: &Url, user: &Credentials) -> Option<HeaderValue> {
        let count = self.count.fetch_add(1, Relaxed).wrapping_add(1);
        let client_nonce = format!("{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..));
        let text = self.answer(url, user, (count, &client_nonce));
        let mut value = HeaderValue::try_from(text.into_bytes()).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    fn answer(&self, url: &Url, user: &Credentials, (count, client_nonce): (u32, &str)) -> String {
        let uri = &url[Position::BeforePath..Position::AfterQuery];
        let proof = self.proof(uri, user, (count, client_nonce));
        let name = if self.hash_user {
            (self.hash)(&format!("{}:{}", user.user, self.realm))
        } else {
            user.user.clone()
        };
        let [name, realm, nonce] = [&name, &self.realm, &self.nonce].map(|text| quoted(text));
        let mut parts = vec![format!(
            "Digest username={name}, realm={realm}, nonce={nonce}, uri=\"{uri}\", response=\"{proof}\""
        )];
        parts.extend(
            self.algorithm
                .as_ref()
                .map(|name| format!("algorithm={name}")),
        );
        parts.extend(
            self.opaque
                .as_ref()
                .map(|text| format!("opaque={}", quoted(text))),
        );
        if self.has_qop {
            parts.push(format!(
                "qop=auth, nc={count:08x}, cnonce=\"{client_nonce}\""
            ));
        }
        if self.hash_user {
            parts.push("userhash=true".to_owned());
        }
        parts.join(", ")
    }

    /// That the user knows the password (RFC 7616 section 3.4.1, without `qop` RFC 2069 section 2.1.2).
    fn proof(&self, uri: &str, user: &Credentials, (count, client_nonce): (u32, &str)) -> String {
        let Self {
            hash, realm, nonce, ..
        } = self;
        let Credentials { user, password } = user;
        let mut secret = hash(&format!("{user}:{realm}:{password}"));
        if self.is_session {
            secret = hash(&format!("{secret}:{nonce}:{client_nonce}"));
        }
        let request = hash(&format!("GET:{uri}"));
        let nonces = if self.has_qop {
            format!("{nonce}:{count:08x}:{client_nonce}:auth")
        } else {
            nonce.clone()
        };
        hash(&format!("{secret}:{nonces}:{request}"))
    }
}

fn hash<D: Digest>(text: &str) -> String {
    hexadecimal(&D::digest(text))
}

/// `text` in quotes (RFC 9110 section 5.6.4).
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', r"\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::super::challenge::tests::challenges;
    use super::*;

    #[test]
    fn responses_are_those_of_the_rfc() {
        // RFC 7616 section 3.9.1, RFC 2069 section 2.4 as corrected
        let answer = |challenge: &str, cnonce, url: &str, (user, password): (&str, &str)| {
            let [challenge] = &challenges(&[challenge])[..] else {
                panic!("one challenge")
            };
            let digest = DigestChallenge::new(challenge).expect("it is supported");
            let user = Credentials {
                user: user.to_owned(),
                password: password.to_owned(),
            };
            digest.answer(&Url::parse(url).expect("a URL"), &user, (1, cnonce))
        };
        let parameters = r#"realm="http-auth@example.org", qop="auth, auth-int", nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS""#;
        let cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
        let mufasa = ("Mufasa", "Circle of Life");
        for (algorithm, expected) in [
            ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
            (
                "SHA-256",
                "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
            ),
        ] {
            let challenge = format!("Digest {parameters}, algorithm={algorithm}");
            let text = answer(
                &challenge,
                cnonce,
                "http://www.example.org/dir/index.html",
                mufasa,
            );
            assert!(text.contains(&format!("response=\"{expected}\"")), "{text}");
            assert!(text.contains("qop=auth, nc=00000001, "), "{text}");
        }
        let text = answer(
            r#"Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41""#,
            "x",
            "http://www.nowhere.org/dir/index.html",
            ("Mufasa", "CircleOfLife"),
        );
        assert!(
            text.contains("response=\"1949323746fe6a43ef61f9606e7febea\""),
            "{text}"
        );
        // RFC 7616 section 3.9.2 as corrected
        let challenge = r#"Digest realm="api@example.org", qop="auth", algorithm=SHA-512-256, nonce="5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK", opaque="HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS", charset=UTF-8, userhash=true"#;
        let text = answer(
            challenge,
            "NTg6RKcb9boFIAS3KrFK9BGeh+niz/sm",
            "http://api.example.org/doe.json",
            ("J\u{e4}s\u{f8}n Doe", "Secret, or not?"),
        );
        assert!(
            text.contains("userhash=true")
                && text.contains(
                    "username=\"793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b\""
                ),
            "{text}"
        );
    }

    #[test]
    fn unsupported_challenges_are_not_answered() {
        for challenge in [
            "Basic realm=x",
            "Digest realm=x",
            "Digest nonce=x, algorithm=SHA-1",
            "Digest nonce=x, qop=auth-int",
        ] {
            let found = challenges(&[challenge]);
            assert!(
                found
                    .iter()
                    .all(|challenge| DigestChallenge::new(challenge).is_none()),
                "{challenge}"
            );
        }
    }
}
