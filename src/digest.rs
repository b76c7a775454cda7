//! Hashes of links and of files.

mod checksum;

use std::collections::HashSet;
use std::fmt::Write;

use sha2::{Digest, Sha256};

pub(crate) use checksum::{Algorithm, Checksum, Hasher, in_header};

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

    /// Whether a fingerprint is there.
    pub(crate) fn contains(&self, fingerprint: u64) -> bool {
        self.0[Self::part(fingerprint)].contains(&fingerprint)
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
