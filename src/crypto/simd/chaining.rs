//! HMAC's two chaining values of a key, laid out for lanes.

use zeroize::{Zeroize, ZeroizeOnDrop};

use super::width::BLOCK_LEN;
use crate::crypto::RustCryptoIntegrityKey;
use crate::crypto::rust_crypto::KeyedIntegrity;

/// What the hash is after a block of the key combined with `ipad`, and of the key combined with `opad` (RFC 2104 §2, §4): the
/// words of one right behind those of the other. Wiped when dropped.
#[derive(Zeroize, ZeroizeOnDrop)]
#[repr(align(64))]
pub(super) struct Chaining {
    /// Little-endian words, whatever the hash.
    octets: [u8; BLOCK_LEN],
    #[zeroize(skip)]
    hash: HashName,
}

/// The hashes that there are lanes for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum HashName {
    /// MD5 (RFC 1321).
    Md5,
    /// SHA-1 (FIPS 180-4).
    Sha1,
    /// SHA-256 (FIPS 180-4).
    Sha256,
}

impl Chaining {
    /// `None` if there are no lanes for the algorithm.
    pub(super) fn new(key: &RustCryptoIntegrityKey) -> Option<Self> {
        Some(match key.keyed() {
            KeyedIntegrity::Md5(key) => Self::of(HashName::Md5, key.inner(), key.outer()),
            KeyedIntegrity::Sha1(key) => Self::of(HashName::Sha1, key.inner(), key.outer()),
            KeyedIntegrity::Sha256(key) => Self::of(HashName::Sha256, key.inner(), key.outer()),
            KeyedIntegrity::Sha384(_) | KeyedIntegrity::Sha512(_) => return None,
        })
    }

    fn of(hash: HashName, inner: &[u32], outer: &[u32]) -> Self {
        let mut chaining = Self { octets: [0; BLOCK_LEN], hash };
        for (to, word) in chaining.octets.as_chunks_mut().0.iter_mut().zip(inner.iter().chain(outer)) {
            *to = word.to_le_bytes();
        }
        chaining
    }

    pub(super) const fn octets(&self) -> &[u8; BLOCK_LEN] {
        &self.octets
    }

    pub(super) const fn hash(&self) -> HashName {
        self.hash
    }
}

impl HashName {
    /// Octets of the ICV (RFC 2403 §2, RFC 2404 §2, RFC 4868 §2.3).
    pub(super) const fn icv_len(self) -> usize {
        match self {
            Self::Md5 | Self::Sha1 => 12,
            Self::Sha256 => 16,
        }
    }
}
