//! Checksums of files, as lists and servers write them.
//!
//! There is no one way to write them: `md5:…` (Zenodo), `sha-256=…` (aria2), `sha256-…` in base64 (Subresource Integrity),
//! `sha-256=:…:` (RFC 9530), or the mere digits in a column that names the algorithm, or whose algorithm their number tells.

use std::array;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use md5::Md5;
use sha1::Sha1;
use sha2::digest::DynDigest;
use sha2::{Sha256, Sha384, Sha512};

use super::hexadecimal;

/// The longest digest, in bytes.
const LONGEST: usize = 64;

/// An algorithm for checksums, from the weakest to the strongest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Algorithm {
    /// Of no use against forgers, but against accidents.
    Md5,
    /// The same.
    Sha1,
    /// The usual one.
    Sha256,
    /// SHA-2 with 384 bits.
    Sha384,
    /// SHA-2 with 512 bits.
    Sha512,
}

use Algorithm::{Md5 as MD5, Sha1 as SHA1, Sha256 as SHA256, Sha384 as SHA384, Sha512 as SHA512};

impl Algorithm {
    const ALL: [Self; 5] = [MD5, SHA1, SHA256, SHA384, SHA512];

    /// The length of its digests in bytes.
    fn length(self) -> usize {
        match self {
            MD5 => 16,
            SHA1 => 20,
            SHA256 => 32,
            SHA384 => 48,
            SHA512 => 64,
        }
    }

    /// Its name as aria2 and HTTP write it.
    fn word(self) -> &'static str {
        match self {
            MD5 => "md5",
            SHA1 => "sha-1",
            SHA256 => "sha-256",
            SHA384 => "sha-384",
            SHA512 => "sha-512",
        }
    }

    /// The algorithm with this name, such as `SHA-256` or `sha256`.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let letters = |text: &'static str| text.bytes().filter(|byte| *byte != b'-');
        let named = || {
            let bytes = name.bytes().filter(|byte| !matches!(byte, b'-' | b'_'));
            bytes.map(|byte| byte.to_ascii_lowercase())
        };
        let is_it = |algorithm: &Self| letters(algorithm.word()).eq(named());
        Self::ALL.into_iter().find(is_it)
    }

    fn of_length(length: usize) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|algorithm| algorithm.length() == length)
    }

    fn digest(self) -> Box<dyn DynDigest + Send> {
        match self {
            MD5 => Box::new(Md5::default()),
            SHA1 => Box::new(Sha1::default()),
            SHA256 => Box::new(Sha256::default()),
            SHA384 => Box::new(Sha384::default()),
            SHA512 => Box::new(Sha512::default()),
        }
    }
}

/// As people write it.
impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.word().to_ascii_uppercase())
    }
}

/// The digest of a file, and its algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Checksum {
    algorithm: Algorithm,
    /// The digest, and zeros after it.
    bytes: [u8; LONGEST],
}

impl Checksum {
    /// A digest of this `algorithm`; none if it has another length.
    pub(crate) fn new(algorithm: Algorithm, digest: &[u8]) -> Option<Self> {
        let byte = |n: usize| digest.get(n).copied().unwrap_or(0);
        (digest.len() == algorithm.length()).then_some(Self {
            algorithm,
            bytes: array::from_fn(byte),
        })
    }

    /// Appends it to `bytes`, as short as it can be.
    pub(crate) fn store(&self, bytes: &mut Vec<u8>) {
        bytes.push(self.algorithm as u8);
        bytes.extend_from_slice(self.digest());
    }

    /// The one that has been stored at the beginning of `bytes`, and what follows it.
    pub(crate) fn stored(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (algorithm, rest) = bytes.split_first()?;
        let algorithm = *Algorithm::ALL.get(usize::from(*algorithm))?;
        let (digest, rest) = rest.split_at_checked(algorithm.length())?;
        Some((Self::new(algorithm, digest)?, rest))
    }

    /// A SHA-256 in hexadecimal.
    pub(crate) fn of_sha256(digits: &str) -> Option<Self> {
        Self::bare(Some(SHA256), digits)
    }

    /// Its algorithm.
    pub(crate) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Its bytes.
    pub(crate) fn digest(&self) -> &[u8] {
        &self.bytes[..self.algorithm.length()]
    }

    /// Its bytes in hexadecimal.
    pub(crate) fn digits(&self) -> String {
        hexadecimal(self.digest())
    }

    /// The strongest checksum in `text`, which may hold several of them, or a file name after one. One that does not name
    /// its algorithm is of `algorithm`, or else of the one whose digests have its length; none if it is not understood.
    pub(crate) fn parse(text: &str, algorithm: Option<Algorithm>) -> Option<Self> {
        let words = text.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';'));
        let words = words.map(|word| word.trim_matches(['"', '\'', '`']));
        let known = words.filter_map(|word| Self::word(word, algorithm));
        known.max_by_key(|checksum| checksum.algorithm)
    }

    fn word(word: &str, algorithm: Option<Algorithm>) -> Option<Self> {
        if let Some((name, digest)) = word.split_once([':', '='])
            && let Some(named) = Algorithm::named(name)
        {
            // RFC 9530 has colons on both sides
            return Self::bare(Some(named), digest.trim_matches(':'));
        }
        // base64 has no `-`
        if let Some((name, digest)) = word.rsplit_once('-') {
            return Self::bare(Some(Algorithm::named(name)?), digest);
        }
        Self::bare(algorithm, word)
    }

    /// A digest in hexadecimal or in base64, without the name of its algorithm.
    fn bare(algorithm: Option<Algorithm>, digest: &str) -> Option<Self> {
        let of = |digest: &[u8]| {
            Self::new(
                algorithm.or_else(|| Algorithm::of_length(digest.len()))?,
                digest,
            )
        };
        if let Some(bytes) = from_hexadecimal(digest)
            && let Some(checksum) = of(&bytes)
        {
            return Some(checksum);
        }
        // words are too much like base64 to tell by their length
        let is_sure = algorithm.is_some() || digest.ends_with('=');
        let engine = if digest.ends_with('=') {
            STANDARD
        } else {
            STANDARD_NO_PAD
        };
        of(&engine.decode(digest).ok().filter(|_| is_sure)?)
    }
}

/// As aria2 writes it: `sha-256=…`.
impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.algorithm.word(), self.digits())
    }
}

/// The strongest checksum in the value of the header `name`, if it has one that is understood: of `Content-MD5`, or of
/// `Repr-Digest` (RFC 9530) and those like it, which name the algorithm.
pub(crate) fn in_header(name: &str, value: &str) -> Option<Checksum> {
    if name.eq_ignore_ascii_case("content-md5") {
        return Checksum::bare(Some(MD5), value.trim());
    }
    let named = value.split(',').filter_map(|member| {
        let (name, digest) = member.split(';').next()?.trim().split_once('=')?;
        let algorithm = match name {
            // of RFC 3230
            "SHA" | "sha" => SHA1,
            name => Algorithm::named(name)?,
        };
        Checksum::bare(Some(algorithm), digest.trim_matches(':'))
    });
    named.max_by_key(|checksum| checksum.algorithm)
}

/// Computes the checksums of a file as its bytes pass.
#[derive(Default)]
pub(crate) struct Hasher(Vec<(Algorithm, Box<dyn DynDigest + Send>)>);

impl Hasher {
    /// One for each of these algorithms.
    pub(crate) fn new(algorithms: &[Algorithm]) -> Self {
        let mut algorithms = algorithms.to_vec();
        algorithms.sort_unstable();
        algorithms.dedup();
        let digests = algorithms.into_iter();
        Self(
            digests
                .map(|algorithm| (algorithm, algorithm.digest()))
                .collect(),
        )
    }

    /// Adds the next bytes.
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        for (_, digest) in &mut self.0 {
            digest.update(bytes);
        }
    }

    /// The checksums of all bytes.
    pub(crate) fn finish(self) -> Vec<Checksum> {
        let checksums = self.0.into_iter().map(|(algorithm, mut digest)| {
            let mut bytes = [0; LONGEST];
            let finished = digest.finalize_into_reset(&mut bytes[..algorithm.length()]);
            finished.expect("the buffer has the right length");
            Checksum { algorithm, bytes }
        });
        checksums.collect()
    }
}

/// The bytes that `digits` stand for; none if they are not hexadecimal, or no digest is that long.
fn from_hexadecimal(digits: &str) -> Option<Vec<u8>> {
    if digits.len() > 2 * LONGEST || !digits.len().is_multiple_of(2) || !digits.is_ascii() {
        return None;
    }
    let positions = (0..digits.len()).step_by(2);
    let byte = |at: usize| {
        let pair = &digits[at..at + 2];
        let is_pair = pair.bytes().all(|digit| digit.is_ascii_hexdigit());
        is_pair.then(|| u8::from_str_radix(pair, 16).ok()).flatten()
    };
    positions.map(byte).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(algorithm: Algorithm, text: &[u8]) -> Checksum {
        let mut hasher = Hasher::new(&[algorithm]);
        hasher.update(text);
        hasher.finish()[0]
    }

    #[test]
    fn checksums_are_understood_as_archives_write_them() {
        let empty = |algorithm| Some(of(algorithm, b""));
        let md5 = "d41d8cd98f00b204e9800998ecf8427e";
        let sha1 = "da39a3ee5e6b4b0d3255bfef95601890afd80709";
        let sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let sha256_base64 = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
        for (text, hint, expected) in [
            (format!("md5:{md5}"), None, empty(MD5)),
            (format!("MD5={}", md5.to_uppercase()), None, empty(MD5)),
            (md5.to_owned(), None, empty(MD5)),
            (format!("  \"{md5}\" "), Some(MD5), empty(MD5)),
            ("1B2M2Y8AsgTpgAmY7PhCfg==".to_owned(), None, empty(MD5)),
            ("1B2M2Y8AsgTpgAmY7PhCfg".to_owned(), Some(MD5), empty(MD5)),
            (format!("sha-1={sha1}"), None, empty(SHA1)),
            (format!("SHA1:{sha1}"), None, empty(SHA1)),
            (format!("{sha1}  paper.pdf"), None, empty(SHA1)),
            (format!("{sha1} *paper.pdf"), None, empty(SHA1)),
            (format!("sha256:{sha256}"), None, empty(SHA256)),
            (format!("sha-256={sha256}"), None, empty(SHA256)),
            (format!("sha_256={sha256}"), None, empty(SHA256)),
            (sha256.to_owned(), Some(SHA256), empty(SHA256)),
            (format!("sha256-{sha256_base64}"), None, empty(SHA256)),
            (format!("sha-256=:{sha256_base64}:"), None, empty(SHA256)),
            (format!("SHA-256={sha256_base64}"), None, empty(SHA256)),
            (format!("md5={md5}, sha-256={sha256}"), None, empty(SHA256)),
            (format!("crc32=5, md5={md5}"), None, empty(MD5)),
            (sha256.to_owned(), Some(MD5), None),
            (sha256[1..].to_owned(), None, None),
            (format!("sha256:{md5}"), None, None),
            (format!("sha512/256:{sha256}"), None, None),
            (format!("sha3-256:{sha256}"), None, None),
            (format!("blake3:{sha256}"), None, None),
            ("crc32:cbf43926".to_owned(), None, None),
            ("abcdefghijklmnopqrstuv".to_owned(), None, None),
            ("yes".to_owned(), None, None),
            ("é".repeat(16), None, None),
            (String::new(), Some(SHA1), None),
        ] {
            assert_eq!(Checksum::parse(&text, hint), expected, "`{text}`");
        }
    }

    #[test]
    fn headers_name_the_algorithm() {
        for (name, value, expected) in [
            ("Content-MD5", "1B2M2Y8AsgTpgAmY7PhCfg==", Some(MD5)),
            ("Content-MD5", "junk", None),
            (
                "Digest",
                "unixsum=30637,MD5=1B2M2Y8AsgTpgAmY7PhCfg==",
                Some(MD5),
            ),
            ("repr-digest", "crc32c=:AAAAAA==:", None),
            ("repr-digest", "1B2M2Y8AsgTpgAmY7PhCfg==", None),
            (
                "repr-digest",
                "md5=:1B2M2Y8AsgTpgAmY7PhCfg==:, sha=:2jmj7l5rSw0yVb/vlWAYkK/YBwk=:",
                Some(SHA1),
            ),
        ] {
            let found = in_header(name, value).map(|checksum| checksum.algorithm());
            assert_eq!(found, expected, "{name}: {value}");
        }
    }

    proptest! {
        #[test]
        fn a_checksum_is_read_back(bytes in prop::collection::vec(any::<u8>(), 0..99), strength in 0..5usize) {
            let checksum = of(Algorithm::ALL[strength], &bytes);
            prop_assert_eq!(Checksum::parse(&checksum.to_string(), None), Some(checksum));
            prop_assert_eq!(Checksum::parse(&checksum.digits(), None), Some(checksum));
            let mut stored = Vec::new();
            checksum.store(&mut stored);
            stored.push(7);
            prop_assert_eq!(Checksum::stored(&stored), Some((checksum, &[7][..])));
        }

        #[test]
        fn any_text_is_read_without_a_panic(text in "(sha|md5|-|256|[:=,; ]|[0-9a-f]{32}|\\PC){0,20}") {
            let _ = Checksum::parse(&text, None);
        }
    }
}
