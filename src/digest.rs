//! Hashes of links and of files.

use std::fmt::{self, Write};
use std::str::FromStr;

use sha2::{Digest, Sha256};

/// A 64-bit hash of `text` that is the same on every machine and in every version.
pub(crate) fn fingerprint(text: &str) -> u64 {
    let digest = Sha256::digest(text);
    u64::from_be_bytes(digest[..8].try_into().expect("a digest has 32 bytes"))
}

/// The digits of a hash.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
            write!(text, "{byte:02x}").expect("a string can be written to");
            text
        })
}

/// The SHA-256 that a file must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checksum([u8; 32]);

impl Checksum {
    /// Whether `digest` is this one.
    pub fn is(&self, digest: &[u8]) -> bool {
        self.0 == digest
    }
}

impl FromStr for Checksum {
    type Err = String;

    /// 64 hexadecimal digits, with `sha-256=` before them or without.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (kind, digits) = text
            .trim()
            .split_once(['=', ':'])
            .unwrap_or(("sha-256", text.trim()));
        if !matches!(
            kind.trim().to_ascii_lowercase().as_str(),
            "sha-256" | "sha256"
        ) {
            return Err(
                "the only checksum that is verified is `sha-256=` with 64 digits".to_owned(),
            );
        }
        let wrong = || "a SHA-256 has 64 hexadecimal digits".to_owned();
        let digits = digits.trim();
        if digits.len() != 64 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        let mut digest = [0; 32];
        for (n, byte) in digest.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&digits[2 * n..2 * n + 2], 16).map_err(|_| wrong())?;
        }
        Ok(Self(digest))
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha-256={}", hexadecimal(&self.0))
    }
}
