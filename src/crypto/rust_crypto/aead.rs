//! Combined modes; round keys and the GHASH key are computed once per security association.

use aes::{Aes128Enc, Aes192Enc, Aes256Enc};
use aes_gcm::aead::consts::{U12, U16};
use aes_gcm::{AeadInOut, AesGcm, KeyInit};
use chacha20poly1305::ChaCha20Poly1305;
use zeroize::Zeroizing;

use super::joined;
use crate::crypto::{AEAD_IV_LEN, AEAD_TAG_LEN, AeadAlgorithm, CryptoError, KeyError};

/// A combined-mode key, with its salt, taken by [`RustCrypto`](super::RustCrypto). Its `Debug` shows the algorithm alone.
pub struct RustCryptoAeadKey {
    keyed: Keyed,
    salt: Zeroizing<[u8; 4]>,
}

// GCM encrypts a counter in both directions, so it keeps no round keys for decryption.
#[allow(clippy::large_enum_variant, reason = "there is no allocator to put the large variants elsewhere")]
enum Keyed {
    Gcm128(AesGcm<Aes128Enc, U12>),
    Gcm192(AesGcm<Aes192Enc, U12>),
    Gcm256(AesGcm<Aes256Enc, U12>),
    ChaCha20Poly1305(ChaCha20Poly1305),
}

/// Octets that ChaCha20 can encrypt under one nonce: 64 for each value of the 32-bit block counter, of which the first makes
/// the Poly1305 key (RFC 8439 §2.8); the last is left unused, as the cipher behind it stops one short.
const CHACHA20_MAX: u64 = 64 * (u32::MAX as u64 - 1);

impl RustCryptoAeadKey {
    pub(super) fn new(algorithm: AeadAlgorithm, keying_material: &[u8]) -> Result<Self, KeyError> {
        Self::keyed(algorithm, keying_material).ok_or(KeyError::WrongLength { actual: keying_material.len() })
    }

    /// RFC 4106 §8.1, RFC 7634 §2: the key, and the salt in the last four octets.
    fn keyed(algorithm: AeadAlgorithm, keying_material: &[u8]) -> Option<Self> {
        let (key, salt) = keying_material.split_last_chunk()?;
        let keyed = match (algorithm, key.len()) {
            (AeadAlgorithm::AesGcm16, 16) => Keyed::Gcm128(AesGcm::new_from_slice(key).ok()?),
            (AeadAlgorithm::AesGcm16, 24) => Keyed::Gcm192(AesGcm::new_from_slice(key).ok()?),
            (AeadAlgorithm::AesGcm16, 32) => Keyed::Gcm256(AesGcm::new_from_slice(key).ok()?),
            (AeadAlgorithm::ChaCha20Poly1305, 32) => {
                Keyed::ChaCha20Poly1305(ChaCha20Poly1305::new_from_slice(key).ok()?)
            }
            (AeadAlgorithm::AesGcm16 | AeadAlgorithm::ChaCha20Poly1305, _) => return None,
        };
        Some(Self { keyed, salt: Zeroizing::new(*salt) })
    }

    fn algorithm(&self) -> AeadAlgorithm {
        match self.keyed {
            Keyed::Gcm128(_) | Keyed::Gcm192(_) | Keyed::Gcm256(_) => AeadAlgorithm::AesGcm16,
            Keyed::ChaCha20Poly1305(_) => AeadAlgorithm::ChaCha20Poly1305,
        }
    }

    /// RFC 4106 §4, RFC 7634 §2: the salt, then the initialization vector.
    fn nonce(&self, iv: &[u8; AEAD_IV_LEN]) -> [u8; 12] {
        joined(&[self.salt.as_slice(), iv])
    }

    pub(super) fn seal(
        &self,
        iv: &[u8; AEAD_IV_LEN],
        aad: &[u8],
        data: &mut [u8],
    ) -> Result<[u8; AEAD_TAG_LEN], CryptoError> {
        check_len(self.algorithm(), data.len())?;
        let nonce = self.nonce(iv);
        match &self.keyed {
            Keyed::Gcm128(aead) => seal(aead, nonce, aad, data),
            Keyed::Gcm192(aead) => seal(aead, nonce, aad, data),
            Keyed::Gcm256(aead) => seal(aead, nonce, aad, data),
            Keyed::ChaCha20Poly1305(aead) => seal(aead, nonce, aad, data),
        }
    }

    pub(super) fn open(
        &self,
        iv: &[u8; AEAD_IV_LEN],
        aad: &[u8],
        data: &mut [u8],
        tag: &[u8; AEAD_TAG_LEN],
    ) -> Result<(), CryptoError> {
        check_len(self.algorithm(), data.len())?;
        let nonce = self.nonce(iv);
        match &self.keyed {
            Keyed::Gcm128(aead) => open(aead, nonce, aad, data, tag),
            Keyed::Gcm192(aead) => open(aead, nonce, aad, data, tag),
            Keyed::Gcm256(aead) => open(aead, nonce, aad, data, tag),
            Keyed::ChaCha20Poly1305(aead) => open(aead, nonce, aad, data, tag),
        }
    }
}

impl core::fmt::Debug for RustCryptoAeadKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("RustCryptoAeadKey").field(&self.algorithm()).finish()
    }
}

/// The ciphers report too much data and a wrong tag as one error, and for ChaCha20 would panic within the last block, so
/// the length is checked before.
fn check_len(algorithm: AeadAlgorithm, len: usize) -> Result<(), CryptoError> {
    let max = match algorithm {
        AeadAlgorithm::AesGcm16 => aes_gcm::P_MAX,
        AeadAlgorithm::ChaCha20Poly1305 => CHACHA20_MAX,
    };
    if u64::try_from(len).is_ok_and(|len| len <= max) { Ok(()) } else { Err(CryptoError::Length) }
}

fn seal<A>(aead: &A, nonce: [u8; 12], aad: &[u8], data: &mut [u8]) -> Result<[u8; AEAD_TAG_LEN], CryptoError>
where
    A: AeadInOut<NonceSize = U12, TagSize = U16>,
{
    match aead.encrypt_inout_detached(&nonce.into(), aad, data.into()) {
        Ok(tag) => Ok(tag.into()),
        Err(_) => Err(CryptoError::Length),
    }
}

/// Leaves `data` as it is unless `tag` verifies: both algorithms compute the tag over all of it before they decrypt any.
fn open<A>(aead: &A, nonce: [u8; 12], aad: &[u8], data: &mut [u8], tag: &[u8; AEAD_TAG_LEN]) -> Result<(), CryptoError>
where
    A: AeadInOut<NonceSize = U12, TagSize = U16>,
{
    aead.decrypt_inout_detached(&nonce.into(), aad, data.into(), tag.into()).map_err(|_| CryptoError::Mismatch)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compiles only if the underlying crates wipe the keys when they are dropped.
    #[test]
    fn keys_are_wiped() {
        fn wiped<T: zeroize::ZeroizeOnDrop>() {}
        wiped::<AesGcm<Aes128Enc, U12>>();
        wiped::<AesGcm<Aes192Enc, U12>>();
        wiped::<AesGcm<Aes256Enc, U12>>();
        wiped::<ChaCha20Poly1305>();
        assert!(core::mem::needs_drop::<RustCryptoAeadKey>());
    }

    // No test can hold the data that is too long, so its length is tested alone.
    #[test]
    #[cfg(target_pointer_width = "64")]
    fn too_much_data_under_one_nonce() {
        for (algorithm, max) in [
            // 2^39 - 256 bits (NIST SP 800-38D §5.2.1.1).
            (AeadAlgorithm::AesGcm16, (1 << 36) - 32),
            (AeadAlgorithm::ChaCha20Poly1305, (1 << 38) - 128),
        ] {
            assert_eq!(check_len(algorithm, 0), Ok(()));
            assert_eq!(check_len(algorithm, max), Ok(()));
            assert_eq!(check_len(algorithm, max + 1), Err(CryptoError::Length));
            assert_eq!(check_len(algorithm, usize::MAX), Err(CryptoError::Length));
        }
    }
}
