//! Hashes of bodies and of what they are known by, for comparing them within a run.

use std::hash::{DefaultHasher, Hasher};

/// The first 64 bits of the fractional part of the golden ratio.
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

/// A hash of `bytes` that begins with `seed`. Quick rather than good: whatever has the same one is compared.
pub(super) fn quick(seed: u64, bytes: &[u8]) -> u64 {
    let words = bytes.chunks(8).map(|chunk| match chunk.try_into() {
        Ok(word) => u64::from_le_bytes(word),
        Err(_) => chunk
            .iter()
            .fold(1, |word, byte| word << 8 | u64::from(*byte)),
    });
    let seed = fold(seed ^ bytes.len() as u64);
    words.fold(seed, |hash, word| fold(hash ^ word))
}

/// Multiplies, and keeps something of all bits.
#[expect(clippy::cast_possible_truncation, reason = "both halves are kept")]
fn fold(word: u64) -> u64 {
    let product = u128::from(word ^ MULTIPLIER.rotate_left(32)) * u128::from(MULTIPLIER);
    product as u64 ^ (product >> 64) as u64
}

/// A hash of bytes that come in pieces.
#[derive(Debug, Clone, Default)]
pub(in crate::fetch) struct Hash {
    hasher: DefaultHasher,
    length: u64,
}

impl Hash {
    /// Adds the next bytes.
    pub(in crate::fetch) fn update(&mut self, bytes: &[u8]) {
        self.hasher.write(bytes);
        self.length += bytes.len() as u64;
    }

    /// How many bytes there are.
    pub(in crate::fetch) fn length(&self) -> u64 {
        self.length
    }

    /// The hash of all bytes.
    pub(in crate::fetch) fn finish(&self) -> u64 {
        let mut hasher = self.hasher.clone();
        hasher.write_u64(self.length);
        hasher.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_does_not_depend_on_the_pieces() {
        let bytes: Vec<u8> = (0..=255).cycle().take(3000).collect();
        let of = |size| {
            let mut hash = Hash::default();
            bytes.chunks(size).for_each(|piece| hash.update(piece));
            hash.finish()
        };
        assert!([1, 7, 8, 1000].into_iter().all(|size| of(size) == of(3000)));
    }

    #[test]
    fn every_byte_counts() {
        let mut seen = std::collections::HashSet::new();
        for length in 0..40 {
            assert!(seen.insert(quick(7, &vec![0; length])));
            for at in 0..length {
                let mut bytes = vec![0; length];
                bytes[at] = 1;
                assert!(seen.insert(quick(7, &bytes)));
            }
        }
        assert_ne!(quick(1, b"same"), quick(2, b"same"));
    }
}
