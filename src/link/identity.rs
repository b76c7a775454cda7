//! Which URLs are those of the same link: those that differ in nothing but a signature or a session.
//!
//! A list of signed URLs has other ones every night for the same files. So what a store adds to a URL to grant access is no
//! part of a link's identity: the signature, and all that comes with it. It counts as such only if the signature itself is
//! there: `?Expires=2` alone may be the name of a document, and keeps the identity that it always had, because journals of
//! earlier versions must go on working. What changes the bytes (`versionId`, `response-content-type`, `x-oss-process`) never
//! is left out.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use crate::digest::fingerprint;

/// How one kind of URL is signed. All names are in lower case.
struct Scheme {
    /// The parameters that all have to be there.
    signs: &'static [&'static str],
    /// What else belongs to the signature.
    with: &'static [&'static str],
    /// All parameters with this prefix belong to it; none if it is empty.
    prefix: &'static str,
}

/// What follows the prefix of a vendor that signs as AWS does, but has other parameters with it, too.
macro_rules! like_aws {
    ($prefix:literal) => {
        Scheme {
            signs: &[concat!($prefix, "signature")],
            with: &[
                concat!($prefix, "algorithm"),
                concat!($prefix, "signature-version"),
                concat!($prefix, "credential"),
                concat!($prefix, "date"),
                concat!($prefix, "expires"),
                concat!($prefix, "signedheaders"),
                concat!($prefix, "additional-headers"),
                concat!($prefix, "security-token"),
            ],
            prefix: "",
        }
    };
}

const SCHEMES: [Scheme; 16] = [
    // AWS Signature Version 4, also of MinIO, R2 and others
    Scheme {
        signs: &["x-amz-signature"],
        with: &[],
        prefix: "x-amz-",
    },
    // version 2
    Scheme {
        signs: &["signature", "awsaccesskeyid"],
        with: &["expires", "x-amz-security-token"],
        prefix: "",
    },
    // Google Cloud Storage, version 4 and 2
    Scheme {
        signs: &["x-goog-signature"],
        with: &[],
        prefix: "x-goog-",
    },
    Scheme {
        signs: &["signature", "googleaccessid"],
        with: &["expires"],
        prefix: "",
    },
    // Azure: a shared access signature has a version, and an expiry or a policy that has it
    AZURE,
    Scheme {
        signs: &["sig", "sv"],
        ..AZURE
    },
    // CloudFront, with a canned or a custom policy
    Scheme {
        signs: &["signature", "key-pair-id"],
        with: &["expires", "policy", "hash-algorithm"],
        prefix: "",
    },
    // Alibaba OSS
    Scheme {
        signs: &["signature", "ossaccesskeyid"],
        with: &["expires", "security-token"],
        prefix: "",
    },
    like_aws!("x-oss-"),
    // Huawei OBS
    Scheme {
        signs: &["signature", "accesskeyid", "expires"],
        with: &["x-obs-security-token"],
        prefix: "",
    },
    like_aws!("x-obs-"),
    // Volcengine TOS
    like_aws!("x-tos-"),
    // Tencent COS
    Scheme {
        signs: &["q-signature", "q-ak"],
        with: &[
            "q-sign-algorithm",
            "q-sign-time",
            "q-key-time",
            "q-header-list",
            "q-url-param-list",
            "x-cos-security-token",
        ],
        prefix: "",
    },
    // Akamai
    Scheme {
        signs: &["hdnts"],
        with: &[],
        prefix: "",
    },
    Scheme {
        signs: &["hdnea"],
        with: &[],
        prefix: "",
    },
    // sessions of PHP
    Scheme {
        signs: &["phpsessid"],
        with: &[],
        prefix: "",
    },
];

const AZURE: Scheme = Scheme {
    signs: &["sig", "se"],
    with: &[
        "se", "sv", "sp", "sr", "st", "si", "sip", "spr", "ss", "srt", "sdd", "skoid", "sktid",
        "skt", "ske", "sks", "skv", "saoid", "suoid", "scid", "skdutid", "sduoid", "ses",
    ],
    prefix: "",
};

/// The parameter of a path that has a session of a Java server, in lower case.
const JSESSIONID: &str = ";jsessionid=";

/// The identity of a link with this URL, which has neither fragment nor credentials.
pub(crate) fn identity(url: &str) -> u64 {
    fingerprint(&unsigned(url))
}

/// `url` without what only grants access. Almost all URLs have nothing of it.
fn unsigned(url: &str) -> Cow<'_, str> {
    let (path, query) = match url.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (url, None),
    };
    let path_alone = without_session(path);
    let rest = query.map(without_signature);
    match (&path_alone, &rest) {
        (Cow::Borrowed(_), None | Some(Cow::Borrowed(_))) => url.into(),
        (_, None) => path_alone,
        (_, Some(rest)) if rest.is_empty() => path_alone,
        (_, Some(rest)) => format!("{path_alone}?{rest}").into(),
    }
}

fn without_signature(query: &str) -> Cow<'_, str> {
    // quick to see, for lists of millions of links with queries
    let may_sign = |begin: &[u8]| {
        let begins = [&b"sig"[..], b"hdn", b"php"];
        begin[0] == b'%' || begins.iter().any(|text| text.eq_ignore_ascii_case(begin))
    };
    if !query.as_bytes().windows(3).any(may_sign) {
        return query.into();
    }
    let parameters = query
        .split('&')
        .map(|parameter| (parameter, Parameter::of(parameter)));
    let parameters: Vec<_> = parameters.collect();
    let signs = |wanted: &&str| {
        let is_it = |parameter: &Parameter| parameter.name == **wanted && parameter.has_value;
        parameters.iter().any(|(_, parameter)| is_it(parameter))
    };
    let schemes = SCHEMES.iter();
    let schemes: Vec<_> = schemes
        .filter(|scheme| scheme.signs.iter().all(signs))
        .collect();
    if schemes.is_empty() {
        return query.into();
    }
    let stays = |parameter: &Parameter| !schemes.iter().any(|scheme| scheme.has(&parameter.name));
    let rest = parameters.iter().filter(|(_, parameter)| stays(parameter));
    let rest: Vec<_> = rest.map(|(text, _)| *text).collect();
    rest.join("&").into()
}

impl Scheme {
    /// Whether the parameter `name` belongs to a signature of this kind.
    fn has(&self, name: &str) -> bool {
        let is_prefixed = !self.prefix.is_empty() && name.starts_with(self.prefix);
        is_prefixed || self.signs.contains(&name) || self.with.contains(&name)
    }
}

/// One parameter of a query.
struct Parameter {
    /// Its name in lower case.
    name: String,
    has_value: bool,
}

impl Parameter {
    fn of(text: &str) -> Self {
        let (name, value) = text.split_once('=').unwrap_or((text, ""));
        let name = percent_decode_str(name).decode_utf8_lossy();
        Self {
            name: name.to_ascii_lowercase(),
            has_value: !value.is_empty(),
        }
    }
}

/// `path` without the sessions of Java servers.
pub(crate) fn without_session(path: &str) -> Cow<'_, str> {
    if !path.contains(';') {
        return path.into();
    }
    let lower = path.to_ascii_lowercase();
    let (mut kept, mut rest) = (String::new(), 0);
    while let Some(length) = lower[rest..].find(JSESSIONID) {
        kept.push_str(&path[rest..rest + length]);
        let value = rest + length + JSESSIONID.len();
        let end = path[value..].find(['/', ';']);
        rest = end.map_or(path.len(), |end| value + end);
    }
    if rest == 0 {
        return path.into();
    }
    kept.push_str(&path[rest..]);
    kept.into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn signatures_are_no_part_of_the_identity() {
        for (signed, plain) in [
            (
                "/x.pdf?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a&X-Amz-Date=b&X-Amz-Expires=9&X-Amz-SignedHeaders=host&X-Amz-Security-Token=t&X-Amz-Signature=c",
                "/x.pdf",
            ),
            (
                "/x.pdf?versionId=7&x-amz-signature=c&X-Amz-Date=b&response-content-type=application%2Fpdf",
                "/x.pdf?versionId=7&response-content-type=application%2Fpdf",
            ),
            ("/x.pdf?X%2DAmz%2DSignature=c&X%2DAmz%2DDate=b", "/x.pdf"),
            ("/x.pdf?AWSAccessKeyId=a&Signature=b%3D&Expires=1", "/x.pdf"),
            (
                "/x.pdf?X-Goog-Algorithm=a&X-Goog-Credential=b&X-Goog-Date=c&X-Goog-Expires=1&X-Goog-SignedHeaders=host&X-Goog-Signature=d&generation=5",
                "/x.pdf?generation=5",
            ),
            ("/x.pdf?GoogleAccessId=a&Expires=1&Signature=b", "/x.pdf"),
            (
                "/x.pdf?sv=2020-01-01&st=a&se=b&sr=b&sp=r&spr=https&sip=1&skoid=k&sktid=l&skt=m&ske=n&sks=b&skv=o&sig=c%3D",
                "/x.pdf",
            ),
            (
                "/x.pdf?snapshot=1&sv=1&si=policy&sr=c&sig=c&rsct=application/pdf",
                "/x.pdf?snapshot=1&rsct=application/pdf",
            ),
            ("/x.pdf?Expires=1&Signature=b&Key-Pair-Id=K", "/x.pdf"),
            (
                "/x.pdf?page=2&Policy=p&Signature=b&Key-Pair-Id=K",
                "/x.pdf?page=2",
            ),
            (
                "/x.pdf?OSSAccessKeyId=a&Expires=1&Signature=b&x-oss-process=image",
                "/x.pdf?x-oss-process=image",
            ),
            (
                "/x.pdf?x-oss-signature-version=v&x-oss-credential=a&x-oss-date=b&x-oss-expires=1&x-oss-signature=c&x-oss-process=p",
                "/x.pdf?x-oss-process=p",
            ),
            (
                "/x.pdf?q-sign-algorithm=sha1&q-ak=a&q-sign-time=1;2&q-key-time=1;2&q-header-list=&q-url-param-list=&q-signature=c",
                "/x.pdf",
            ),
            ("/x.pdf;jsessionid=0A", "/x.pdf"),
            ("/a;JSESSIONID=0A.node1;v=1/x.pdf?y=1", "/a;v=1/x.pdf?y=1"),
            ("/x.pdf?PHPSESSID=0a&id=5", "/x.pdf?id=5"),
        ] {
            assert_eq!(unsigned(signed), plain);
        }
    }

    #[test]
    fn what_is_not_signed_keeps_its_identity() {
        for url in [
            "https://a.example/x.pdf",
            "https://a.example/?",
            "https://a.example/x.pdf?se=2&sp=3",
            "https://a.example/x.pdf?sig=2",
            "https://a.example/x.pdf?Expires=1&Policy=2",
            "https://a.example/x.pdf?Signature=1&Expires=2",
            "https://a.example/x.pdf?X-Amz-Date=1",
            "https://a.example/x.pdf?X-Amz-Signature=&X-Amz-Date=1",
            "https://a.example/x.pdf?Key-Pair-Id=1&&a",
            "https://a.example/a;b/x.pdf;version=2",
            "https://a.example/x.pdf?jsession=1",
        ] {
            assert!(
                matches!(unsigned(url), Cow::Borrowed(same) if same == url),
                "{url}"
            );
        }
    }

    proptest! {
        #[test]
        fn what_is_left_out_once_stays_out(url in "/(;jsessionid=[a-z/;]{0,3})?(\\?([&=]|sig|se|sv|x-amz-|signature|%2D|é|[a-z]){0,20})?") {
            let once = unsigned(&url).into_owned();
            prop_assert!(once.len() <= url.len());
            prop_assert_eq!(unsigned(&once).into_owned(), once);
        }
    }
}
