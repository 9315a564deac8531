//! [`CryptoProvider`] made of RustCrypto's crates.

mod aead;
mod chain;
mod cipher;
mod esp;
mod fused;
mod hash;
mod integrity;
mod keyed_hash;
mod lockstep;
mod many;
mod prf;

pub use aead::RustCryptoAeadKey;
pub use cipher::RustCryptoCipherKey;
pub use integrity::RustCryptoIntegrityKey;
pub use prf::RustCryptoPrfKey;

#[cfg(all(feature = "simd", target_arch = "x86_64"))]
pub(super) use integrity::Keyed as KeyedIntegrity;

use super::{
    AEAD_IV_LEN, AEAD_TAG_LEN, AeadAlgorithm, CipherAlgorithm, CryptoError, CryptoProvider, EspJob, Icv,
    IntegrityAlgorithm, KeyError,
};

/// The [`CryptoProvider`] that ships: every algorithm of this crate, in software, or by the processor's AES and carry-less
/// multiplication instructions where it has them.
///
/// It holds nothing: keys are in the handles it makes, and any value of this type works with a handle made by any other.
///
/// # Security
///
/// - ICVs and tags are compared in constant time. Ciphers and MACs have neither branch nor table look-up that depends on a
///   secret; GHASH and Poly1305 in software need a multiplication instruction whose time does not depend on its operands,
///   which a few small processors (Cortex-M3, for one) do not have.
/// - Handles are wiped when dropped. Their copies on the stack, made while a key is being expanded or a handle moved, are
///   not all within reach of wiping.
/// - [`aead_open`](CryptoProvider::aead_open) verifies before it decrypts.
/// - Nothing here chooses an initialization vector. AES-CBC needs one that cannot be predicted (RFC 3602 §3); AES-CTR,
///   AES-GCM and ChaCha20-Poly1305 need one that never repeats under a key, whoever of the group sends (RFC 6054).
///
/// # Examples
///
/// ```
/// use xcast_sec::crypto::{CryptoProvider, IntegrityAlgorithm, RustCrypto};
///
/// let mut crypto = RustCrypto;
/// let key = crypto.integrity_key(IntegrityAlgorithm::HmacSha2_256_128, &[0x0b; 32])?;
/// let icv = crypto.icv(&key, [&b"Hi "[..], b"There"])?;
/// assert!(crypto.verify_icv(&key, [&b"Hi There"[..]], icv.as_octets()).is_ok());
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[allow(clippy::exhaustive_structs, reason = "a unit struct is how it is named and made")]
pub struct RustCrypto;

impl CryptoProvider for RustCrypto {
    type IntegrityKey = RustCryptoIntegrityKey;
    type CipherKey = RustCryptoCipherKey;
    type AeadKey = RustCryptoAeadKey;

    fn integrity_key(&mut self, algorithm: IntegrityAlgorithm, key: &[u8]) -> Result<Self::IntegrityKey, KeyError> {
        RustCryptoIntegrityKey::new(algorithm, key)
    }

    fn cipher_key(&mut self, algorithm: CipherAlgorithm, key: &[u8]) -> Result<Self::CipherKey, KeyError> {
        RustCryptoCipherKey::new(algorithm, key)
    }

    fn aead_key(&mut self, algorithm: AeadAlgorithm, key: &[u8]) -> Result<Self::AeadKey, KeyError> {
        RustCryptoAeadKey::new(algorithm, key)
    }

    fn icv<'p, I>(&mut self, key: &Self::IntegrityKey, parts: I) -> Result<Icv, CryptoError>
    where
        I: IntoIterator<Item = &'p [u8]>,
    {
        key.icv(parts)
    }

    fn verify_icv<'p, I>(&mut self, key: &Self::IntegrityKey, parts: I, received: &[u8]) -> Result<(), CryptoError>
    where
        I: IntoIterator<Item = &'p [u8]>,
    {
        key.verify(parts, received)
    }

    fn encrypt(&mut self, key: &Self::CipherKey, iv: &[u8], data: &mut [u8]) -> Result<(), CryptoError> {
        key.encrypt(iv, data)
    }

    fn decrypt(&mut self, key: &Self::CipherKey, iv: &[u8], data: &mut [u8]) -> Result<(), CryptoError> {
        key.decrypt(iv, data)
    }

    fn aead_seal(
        &mut self,
        key: &Self::AeadKey,
        iv: &[u8; AEAD_IV_LEN],
        aad: &[u8],
        data: &mut [u8],
    ) -> Result<[u8; AEAD_TAG_LEN], CryptoError> {
        key.seal(iv, aad, data)
    }

    fn aead_open(
        &mut self,
        key: &Self::AeadKey,
        iv: &[u8; AEAD_IV_LEN],
        aad: &[u8],
        data: &mut [u8],
        tag: &[u8; AEAD_TAG_LEN],
    ) -> Result<(), CryptoError> {
        key.open(iv, aad, data, tag)
    }

    fn esp_seal(&mut self, job: &mut EspJob<'_, Self::CipherKey, Self::IntegrityKey>) -> Result<(), CryptoError> {
        esp::seal(job)
    }

    fn esp_open(&mut self, job: &mut EspJob<'_, Self::CipherKey, Self::IntegrityKey>) -> Result<(), CryptoError> {
        esp::open(job)
    }

    fn esp_seal_many(&mut self, jobs: &mut [EspJob<'_, Self::CipherKey, Self::IntegrityKey>]) {
        many::seal(jobs);
    }
}

/// The octets of `parts`, in order, as an array: zeros follow if they are fewer than `N`, and the rest is left out if more.
fn joined<const N: usize>(parts: &[&[u8]]) -> [u8; N] {
    let mut whole = [0; N];
    for (to, from) in whole.iter_mut().zip(parts.iter().copied().flatten()) {
        *to = *from;
    }
    whole
}
