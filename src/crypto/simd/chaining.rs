//! HMAC's two chaining values of a key, laid out for lanes.

use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::width::BLOCK_LEN;
use crate::crypto::IntegrityAlgorithm;

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

/// RFC 1321 §3.3; SHA-1 has one word more (FIPS 180-4 §5.3.1).
const SHA1_START: [u32; 5] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];
/// FIPS 180-4 §5.3.3.
const SHA256_START: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

impl Chaining {
    /// `None` if there are no lanes for the algorithm. `key` is not longer than a block.
    pub(super) fn new(algorithm: IntegrityAlgorithm, key: &[u8]) -> Option<Self> {
        let hash = match algorithm {
            IntegrityAlgorithm::HmacMd5_96 => HashName::Md5,
            IntegrityAlgorithm::HmacSha1_96 => HashName::Sha1,
            IntegrityAlgorithm::HmacSha2_256_128 => HashName::Sha256,
            IntegrityAlgorithm::HmacSha2_384_192 | IntegrityAlgorithm::HmacSha2_512_256 => return None,
        };
        let mut chaining = Self { octets: [0; BLOCK_LEN], hash };
        let mut free = chaining.octets.as_chunks_mut().0.iter_mut();
        let mut put = |words: &[u32]| {
            for (word, to) in words.iter().zip(free.by_ref()) {
                *to = word.to_le_bytes();
            }
        };
        for pad in [0x36, 0x5c] {
            let mut block = Zeroizing::new([[pad; BLOCK_LEN]]);
            for (octet, key) in block.as_flattened_mut().iter_mut().zip(key) {
                *octet ^= key;
            }
            match hash {
                HashName::Md5 => {
                    let [a, b, c, d, _] = SHA1_START;
                    let mut state = Zeroizing::new([a, b, c, d]);
                    md5::block_api::compress(&mut state, &*block);
                    put(&*state);
                }
                HashName::Sha1 => {
                    let mut state = Zeroizing::new(SHA1_START);
                    sha1::block_api::compress(&mut state, &*block);
                    put(&*state);
                }
                HashName::Sha256 => {
                    let mut state = Zeroizing::new(SHA256_START);
                    sha2::block_api::compress256(&mut state, &*block);
                    put(&*state);
                }
            }
        }
        Some(chaining)
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
