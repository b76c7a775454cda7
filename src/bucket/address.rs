//! Addresses of buckets, such as `s3://bucket/prefix`.

use std::fmt;

/// The schemes of addresses, each with what it stands for.
const SCHEMES: [(&str, Service); 3] = [
    ("s3", Service::S3),
    ("gs", Service::GoogleCloud),
    ("az", Service::Azure),
];

/// What kind of object store it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    /// Amazon S3, and what is compatible with it.
    S3,
    /// Google Cloud Storage.
    GoogleCloud,
    /// Azure Blob Storage. Its buckets are called containers.
    Azure,
}

/// A bucket, and the beginning of the keys in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    scheme: &'static str,
    /// What kind of object store it is.
    pub(super) service: Service,
    /// The name of the bucket.
    pub(super) bucket: String,
    /// Without slashes at its ends; may be empty.
    prefix: String,
}

impl Address {
    /// The address in `text`; none if that is the path of a folder.
    ///
    /// # Errors
    ///
    /// A message if it is meant as an address, but is none.
    pub(crate) fn parse(text: &str) -> Option<Result<Self, String>> {
        let (scheme, rest) = text.split_once("://")?;
        let is_scheme = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
        if scheme.is_empty() || !scheme.chars().all(is_scheme) {
            return None;
        }
        let known = SCHEMES.iter().find(|(known, _)| *known == scheme);
        let Some((scheme, service)) = known else {
            let message = "object stores are `s3://BUCKET/PREFIX`, `gs://…` and `az://…`";
            return Some(Err(message.to_owned()));
        };
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let prefix = prefix.trim_end_matches('/');
        let is_bucket = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
        if bucket.is_empty() || !bucket.chars().all(is_bucket) {
            return Some(Err(format!("no bucket: write `{scheme}://BUCKET/PREFIX`")));
        }
        let is_folder = |name: &str| !["", ".", ".."].contains(&name);
        let has_controls = prefix.chars().any(char::is_control);
        if has_controls || !prefix.is_empty() && !prefix.split('/').all(is_folder) {
            return Some(Err(
                "a prefix is made of names and single slashes".to_owned()
            ));
        }
        Some(Ok(Self {
            scheme,
            service: *service,
            bucket: bucket.to_owned(),
            prefix: prefix.to_owned(),
        }))
    }

    /// The last part of its prefix, or else the name of the bucket: what a person would call it.
    pub(crate) fn name(&self) -> &str {
        let last = self.prefix.rsplit('/').next();
        last.filter(|name| !name.is_empty()).unwrap_or(&self.bucket)
    }

    /// The key of the object with this `name` below the prefix.
    pub(super) fn key(&self, name: &str) -> String {
        match &*self.prefix {
            "" => name.to_owned(),
            prefix => format!("{prefix}/{name}"),
        }
    }

    /// The address of the object with this `name`.
    pub(crate) fn of(&self, name: &str) -> String {
        format!("{}://{}/{}", self.scheme, self.bucket, self.key(name))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.of("").trim_end_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_name_a_bucket_and_a_prefix() {
        for (text, shown, key) in [
            ("s3://bucket", "s3://bucket", "a/b.pdf"),
            ("gs://bucket/", "gs://bucket", "a/b.pdf"),
            ("az://box/x/y/", "az://box/x/y", "x/y/a/b.pdf"),
        ] {
            let address = Address::parse(text)
                .expect("no folder")
                .expect("an address");
            assert_eq!(
                (
                    address.to_string().as_str(),
                    address.key("a/b.pdf").as_str()
                ),
                (shown, key)
            );
        }
    }

    #[test]
    fn folders_are_no_addresses_and_nothing_else_is_taken_for_a_folder() {
        for folder in ["out", "a/b", "./s3:/x", "C:\\x", "/tmp/a://b", ""] {
            assert!(Address::parse(folder).is_none(), "{folder}");
        }
        for wrong in [
            "s3://",
            "s3:///x",
            "http://a.example/x",
            "s3a://b",
            "s3://b//x",
            "s3://b/../x",
            "s3://a b",
        ] {
            assert!(
                Address::parse(wrong).is_some_and(|parsed| parsed.is_err()),
                "{wrong}"
            );
        }
    }
}
