//! Node keys.

use zeroize::ZeroizeOnDrop;

use crate::crypto::AeadAlgorithm;

/// Octets of the longest key with its salt: ChaCha20-Poly1305's and AES-256-GCM's.
pub(super) const MAX_KEY_LEN: usize = 36;

/// The key of a node and when it was made. Wiped when dropped.
#[derive(Clone, ZeroizeOnDrop)]
pub(super) struct NodeKey {
    octets: [u8; MAX_KEY_LEN],
    /// The epoch of the message that brought it.
    pub(super) version: u32,
}

impl NodeKey {
    /// A key of no value, to be filled.
    pub(super) const fn blank(version: u32) -> Self {
        Self { octets: [0; MAX_KEY_LEN], version }
    }

    /// `None` if there are too many octets.
    pub(super) fn new(octets: &[u8], version: u32) -> Option<Self> {
        let mut key = Self::blank(version);
        key.octets.get_mut(..octets.len())?.copy_from_slice(octets);
        Some(key)
    }

    pub(super) fn octets(&self, suite: Suite) -> &[u8] {
        self.octets.get(..suite.key_len).unwrap_or(&[])
    }

    pub(super) fn octets_mut(&mut self, suite: Suite) -> &mut [u8] {
        self.octets.get_mut(..suite.key_len).unwrap_or(&mut [])
    }
}

impl core::fmt::Debug for NodeKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("NodeKey").field("version", &self.version).finish_non_exhaustive()
    }
}

/// What keys are wrapped with; the same for all nodes of a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suite {
    pub(super) algorithm: AeadAlgorithm,
    pub(super) key_len: usize,
}

impl Suite {
    /// `None` unless the algorithm takes `key_len` octets of keying material, the 4-octet salt included.
    #[must_use]
    pub const fn new(algorithm: AeadAlgorithm, key_len: usize) -> Option<Self> {
        if algorithm.accepts_key_len(key_len) && key_len <= MAX_KEY_LEN {
            Some(Self { algorithm, key_len })
        } else {
            None
        }
    }

    /// Octets of every key, the 4-octet salt included.
    #[must_use]
    pub const fn key_len(self) -> usize {
        self.key_len
    }
}
