//! Hashes of links and of files.

use std::array;
use std::collections::HashSet;
use std::fmt::{self, Write};
use std::str::FromStr;

use sha2::{Digest, Sha256};

/// A 64-bit hash of `text` that is the same on every machine and in every version, because it is stored on disk.
pub(crate) fn fingerprint(text: &str) -> u64 {
    let digest = Sha256::digest(text);
    u64::from_be_bytes(digest[..8].try_into().expect("a digest has 32 bytes"))
}

/// A set of fingerprints, of which there may be millions. A hash table needs half of its memory again while it grows, and is
/// half empty when it has grown. So this is many small ones, of which the largest is twice the smallest: they grow one after
/// the other.
#[derive(Debug, Default)]
pub(crate) struct Fingerprints([HashSet<u64>; Fingerprints::PARTS]);

impl Fingerprints {
    const PARTS: usize = 32;

    /// Adds a fingerprint; false if it is there.
    pub(crate) fn insert(&mut self, fingerprint: u64) -> bool {
        self.0[Self::part(fingerprint)].insert(fingerprint)
    }

    /// The part of a fingerprint. Each gets 2^(1/32) times as many of them as the one before.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "from 0 to 31"
    )]
    fn part(fingerprint: u64) -> usize {
        let fraction = (fingerprint >> 32) as f64 / f64::from(u32::MAX);
        let part = (1.0 + fraction).log2() * Self::PARTS as f64;
        (part as usize).min(Self::PARTS - 1)
    }
}

/// `bytes` in lower-case hexadecimal.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        write!(text, "{byte:02x}").expect("writing to a string cannot fail");
    }
    text
}

/// The SHA-256 that a file must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checksum([u8; 32]);

impl Checksum {
    /// Whether `digest` is equal to it.
    pub fn is(&self, digest: &[u8]) -> bool {
        self.0 == digest
    }

    /// Whether `digits` are it in lower-case hexadecimal.
    pub fn is_hexadecimal(&self, digits: &str) -> bool {
        hexadecimal(&self.0) == digits
    }
}

impl FromStr for Checksum {
    type Err = String;

    /// 64 hexadecimal digits, with or without `sha-256=` before them.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (kind, digits) = text.split_once(['=', ':']).unwrap_or(("sha-256", text));
        let (kind, digits) = (kind.trim().to_ascii_lowercase(), digits.trim());
        if !matches!(&*kind, "sha-256" | "sha256") {
            return Err("unsupported checksum: only `sha-256=` with 64 digits is verified".into());
        }
        if digits.len() != 64 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err("a SHA-256 has 64 hexadecimal digits".to_owned());
        }
        let byte = |n: usize| {
            let digits = &digits[2 * n..2 * n + 2];
            u8::from_str_radix(digits, 16).expect("both are hexadecimal digits")
        };
        Ok(Self(array::from_fn(byte)))
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha-256={}", hexadecimal(&self.0))
    }
}
