//! The crypto seam: what the IPsec code asks of whoever holds the keys.
//!
//! [`CryptoProvider`] is handed in per call. Its keys are *handles* (associated types), made once per security
//! association, so that a slot of a hardware security module fits as well as octets in memory, and so that whatever can
//! be computed once per key (AES round keys, the two keyed states of an HMAC) is not computed per packet.
//!
//! Key management needs more, of providers that have it: [`PrfProvider`].
//!
//! `RustCrypto` ships, behind the feature `rust-crypto`, which is on by default. `SimdCrypto` ships behind the feature `simd`:
//! the same algorithms, several packets side by side where the processor has wide vectors.
//!
//! [`Signer`] and [`Verifier`] are the seam to signatures, which prove who said something and not only that it was one of
//! those who share a key. `Ed25519Signer` and `Ed25519Verifier` ship, behind the feature `ed25519`.

mod algorithm;
mod constant_time;
#[cfg(feature = "ed25519")]
mod ed25519;
mod job;
mod prf;
mod secret;
mod signature;

#[cfg(feature = "rust-crypto")]
mod rust_crypto;
#[cfg(feature = "simd")]
mod simd;

pub use algorithm::{
    AEAD_IV_LEN, AEAD_TAG_LEN, AeadAlgorithm, CipherAlgorithm, IntegrityAlgorithm, MAX_ICV_LEN, MAX_IV_LEN,
};
use constant_time::same_octets;
#[cfg(feature = "ed25519")]
pub use ed25519::{ED25519_KEY_LEN, ED25519_SIGNATURE_LEN, Ed25519Signer, Ed25519Verifier, PublicKeyError};
pub use job::{EspJob, EspParts, IcvJob};
pub use prf::{MAX_PRF_LEN, PrfAlgorithm, PrfOutput, PrfProvider};
#[cfg(feature = "rust-crypto")]
pub use rust_crypto::{RustCrypto, RustCryptoAeadKey, RustCryptoCipherKey, RustCryptoIntegrityKey, RustCryptoPrfKey};
pub use secret::SecretKey;
pub use signature::{MAX_SIGNATURE_LEN, SignError, Signer, SignerId, Verifier, VerifyError};
#[cfg(feature = "simd")]
pub use simd::{SimdCipherKey, SimdCrypto, SimdIntegrityKey};

use zerocopy::IntoBytes;

const MAX_ICV_WORDS: usize = MAX_ICV_LEN / size_of::<u64>();

/// An Integrity Check Value as it is carried: already truncated to its algorithm's length.
///
/// It has no `PartialEq`: an ICV is compared by [`CryptoProvider::verify_icv`], in constant time. Its `Debug` shows the
/// length alone.
#[derive(Clone)]
pub struct Icv {
    // As words it is wiped in a quarter of an octet-wise walk's time, once per packet.
    words: [u64; MAX_ICV_WORDS],
    len: usize,
}

impl Icv {
    /// The first `len` octets of `full`, or `None` if it holds fewer or `len` exceeds [`MAX_ICV_LEN`].
    #[must_use]
    pub fn truncated(full: &[u8], len: usize) -> Option<Self> {
        let mut icv = Self::zeroed(len)?;
        icv.as_mut_octets().copy_from_slice(full.get(..len)?);
        Some(icv)
    }

    /// `len` zeros to be written over, or `None` if `len` exceeds [`MAX_ICV_LEN`].
    pub(crate) fn zeroed(len: usize) -> Option<Self> {
        if len <= MAX_ICV_LEN { Some(Self { words: [0; MAX_ICV_WORDS], len }) } else { None }
    }

    /// The octets to be carried in the packet.
    #[must_use]
    pub fn as_octets(&self) -> &[u8] {
        self.words.as_bytes().get(..self.len).unwrap_or(&[])
    }

    pub(crate) fn as_mut_octets(&mut self) -> &mut [u8] {
        self.words.as_mut_bytes().get_mut(..self.len).unwrap_or(&mut [])
    }
}

impl Drop for Icv {
    /// The right ICV of a forged packet is a secret until the packet is refused.
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.words);
    }
}

impl core::fmt::Debug for Icv {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Icv").field("len", &self.len).finish_non_exhaustive()
    }
}

/// Why a key was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyError {
    /// The keying material does not have the one length, in octets, that the algorithm takes (or, for a cipher with
    /// several key sizes, any of them).
    WrongLength {
        /// The length given, in octets.
        actual: usize,
    },
    /// The provider does not have the algorithm.
    UnsupportedAlgorithm,
    /// The provider failed for a reason of its own, for example no free slot in a hardware module.
    Provider,
}

impl core::fmt::Display for KeyError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::WrongLength { actual } => {
                write!(f, "keying material of {actual} octets does not fit the algorithm")
            }
            Self::UnsupportedAlgorithm => f.write_str("algorithm not offered by the crypto provider"),
            Self::Provider => f.write_str("the crypto provider could not take the key"),
        }
    }
}

impl core::error::Error for KeyError {}

/// Why a cryptographic operation did not complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CryptoError {
    /// The ICV or tag does not verify.
    Mismatch,
    /// An initialization vector, data or tag has a length the algorithm cannot take.
    Length,
    /// The provider failed for a reason of its own, for example a hardware module that does not answer.
    Provider,
}

impl core::fmt::Display for CryptoError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Mismatch => "integrity check value does not verify",
            Self::Length => "length that the algorithm cannot take",
            Self::Provider => "the crypto provider failed",
        })
    }
}

impl core::error::Error for CryptoError {}

impl<P: CryptoProvider> CryptoProvider for &mut P {
    type IntegrityKey = P::IntegrityKey;
    type CipherKey = P::CipherKey;
    type AeadKey = P::AeadKey;

    fn integrity_key(&mut self, algorithm: IntegrityAlgorithm, key: &[u8]) -> Result<Self::IntegrityKey, KeyError> {
        (**self).integrity_key(algorithm, key)
    }

    fn cipher_key(&mut self, algorithm: CipherAlgorithm, key: &[u8]) -> Result<Self::CipherKey, KeyError> {
        (**self).cipher_key(algorithm, key)
    }

    fn aead_key(&mut self, algorithm: AeadAlgorithm, key: &[u8]) -> Result<Self::AeadKey, KeyError> {
        (**self).aead_key(algorithm, key)
    }

    fn icv<'p, I>(&mut self, key: &Self::IntegrityKey, parts: I) -> Result<Icv, CryptoError>
    where
        I: IntoIterator<Item = &'p [u8]>,
    {
        (**self).icv(key, parts)
    }

    fn verify_icv<'p, I>(&mut self, key: &Self::IntegrityKey, parts: I, received: &[u8]) -> Result<(), CryptoError>
    where
        I: IntoIterator<Item = &'p [u8]>,
    {
        (**self).verify_icv(key, parts, received)
    }

    fn encrypt(&mut self, key: &Self::CipherKey, iv: &[u8], data: &mut [u8]) -> Result<(), CryptoError> {
        (**self).encrypt(key, iv, data)
    }

    fn decrypt(&mut self, key: &Self::CipherKey, iv: &[u8], data: &mut [u8]) -> Result<(), CryptoError> {
        (**self).decrypt(key, iv, data)
    }

    fn aead_seal(
        &mut self,
        key: &Self::AeadKey,
        iv: &[u8; AEAD_IV_LEN],
        aad: &[u8],
        data: &mut [u8],
    ) -> Result<[u8; AEAD_TAG_LEN], CryptoError> {
        (**self).aead_seal(key, iv, aad, data)
    }

    fn aead_open(
        &mut self,
        key: &Self::AeadKey,
        iv: &[u8; AEAD_IV_LEN],
        aad: &[u8],
        data: &mut [u8],
        tag: &[u8; AEAD_TAG_LEN],
    ) -> Result<(), CryptoError> {
        (**self).aead_open(key, iv, aad, data, tag)
    }

    fn esp_seal(&mut self, job: &mut EspJob<'_, Self::CipherKey, Self::IntegrityKey>) -> Result<(), CryptoError> {
        (**self).esp_seal(job)
    }

    fn esp_open(&mut self, job: &mut EspJob<'_, Self::CipherKey, Self::IntegrityKey>) -> Result<(), CryptoError> {
        (**self).esp_open(job)
    }

    fn esp_seal_many(&mut self, jobs: &mut [EspJob<'_, Self::CipherKey, Self::IntegrityKey>]) {
        (**self).esp_seal_many(jobs);
    }

    fn esp_open_many(&mut self, jobs: &mut [EspJob<'_, Self::CipherKey, Self::IntegrityKey>]) {
        (**self).esp_open_many(jobs);
    }

    fn icv_many<'p, I>(&mut self, jobs: &mut [IcvJob<'_, Self::IntegrityKey, I>])
    where
        I: Iterator<Item = &'p [u8]> + Clone,
    {
        (**self).icv_many(jobs);
    }
}

/// Makes key handles and computes with them.
///
/// # Security
///
/// Called for every packet sealed or opened, with data an attacker may have chosen. An implementation must compare ICVs
/// and tags in constant time, must not branch or index memory on key octets or plaintext, and must not log any of them.
/// A provider that accepts a wrong ICV makes every guarantee of this crate void.
///
/// The methods that take jobs have bodies that fall back on the others. A provider that can do better, on one packet or on
/// several at once, has its own; the octets are the same either way.
pub trait CryptoProvider {
    /// A keyed integrity algorithm.
    type IntegrityKey;
    /// A keyed cipher that gives confidentiality alone.
    type CipherKey;
    /// A keyed combined-mode algorithm.
    type AeadKey;

    /// Takes an integrity key.
    ///
    /// # Errors
    ///
    /// - [`KeyError::WrongLength`] unless `key` has [`IntegrityAlgorithm::key_len`] octets.
    /// - [`KeyError::UnsupportedAlgorithm`], [`KeyError::Provider`].
    fn integrity_key(&mut self, algorithm: IntegrityAlgorithm, key: &[u8]) -> Result<Self::IntegrityKey, KeyError>;

    /// Takes a cipher key: for AES-CTR the key followed by the 4-octet nonce (RFC 3686 §5.1); for NULL no octet.
    ///
    /// # Errors
    ///
    /// - [`KeyError::WrongLength`] unless [`CipherAlgorithm::accepts_key_len`] holds.
    /// - [`KeyError::UnsupportedAlgorithm`], [`KeyError::Provider`].
    fn cipher_key(&mut self, algorithm: CipherAlgorithm, key: &[u8]) -> Result<Self::CipherKey, KeyError>;

    /// Takes a combined-mode key: the key followed by the 4-octet salt (RFC 4106 §8.1, RFC 7634 §2).
    ///
    /// # Errors
    ///
    /// - [`KeyError::WrongLength`] unless [`AeadAlgorithm::accepts_key_len`] holds.
    /// - [`KeyError::UnsupportedAlgorithm`], [`KeyError::Provider`].
    fn aead_key(&mut self, algorithm: AeadAlgorithm, key: &[u8]) -> Result<Self::AeadKey, KeyError>;

    /// Computes the ICV over `parts`, in order, as if they were one string.
    ///
    /// # Errors
    ///
    /// - [`CryptoError::Provider`].
    fn icv<'p, I>(&mut self, key: &Self::IntegrityKey, parts: I) -> Result<Icv, CryptoError>
    where
        I: IntoIterator<Item = &'p [u8]>;

    /// Computes the ICV over `parts` and compares it with `received` in constant time.
    ///
    /// # Errors
    ///
    /// - [`CryptoError::Mismatch`] if they differ in any octet or in length.
    /// - [`CryptoError::Provider`].
    fn verify_icv<'p, I>(&mut self, key: &Self::IntegrityKey, parts: I, received: &[u8]) -> Result<(), CryptoError>
    where
        I: IntoIterator<Item = &'p [u8]>,
    {
        let computed = self.icv(key, parts)?;
        if same_octets(computed.as_octets(), received) { Ok(()) } else { Err(CryptoError::Mismatch) }
    }

    /// Encrypts `data` in place. `iv` has [`CipherAlgorithm::iv_len`] octets.
    ///
    /// # Errors
    ///
    /// - [`CryptoError::Length`] if `data` is not a whole number of blocks or `iv` has another length; `data` is unchanged.
    /// - [`CryptoError::Provider`].
    fn encrypt(&mut self, key: &Self::CipherKey, iv: &[u8], data: &mut [u8]) -> Result<(), CryptoError>;

    /// Decrypts `data` in place. `iv` has [`CipherAlgorithm::iv_len`] octets.
    ///
    /// # Errors
    ///
    /// As [`encrypt`](Self::encrypt).
    fn decrypt(&mut self, key: &Self::CipherKey, iv: &[u8], data: &mut [u8]) -> Result<(), CryptoError>;

    /// Encrypts `data` in place and returns the tag over it and `aad`.
    ///
    /// # Errors
    ///
    /// - [`CryptoError::Length`] if `data` exceeds what the algorithm takes under one nonce.
    /// - [`CryptoError::Provider`].
    fn aead_seal(
        &mut self,
        key: &Self::AeadKey,
        iv: &[u8; AEAD_IV_LEN],
        aad: &[u8],
        data: &mut [u8],
    ) -> Result<[u8; AEAD_TAG_LEN], CryptoError>;

    /// Verifies `tag` over `data` and `aad`, then decrypts `data` in place.
    ///
    /// # Errors
    ///
    /// - [`CryptoError::Mismatch`] if the tag does not verify; `data` is then unchanged, no plaintext is released.
    /// - [`CryptoError::Length`], [`CryptoError::Provider`].
    fn aead_open(
        &mut self,
        key: &Self::AeadKey,
        iv: &[u8; AEAD_IV_LEN],
        aad: &[u8],
        data: &mut [u8],
        tag: &[u8; AEAD_TAG_LEN],
    ) -> Result<(), CryptoError>;

    /// Encrypts the data of one packet and writes its ICV (RFC 4303 §3.3.2).
    ///
    /// # Errors
    ///
    /// - [`CryptoError::Length`]: as [`encrypt`](Self::encrypt), or the ICV does not have as many octets as there is room for.
    /// - [`CryptoError::Provider`]. The packet must not be sent.
    fn esp_seal(&mut self, job: &mut EspJob<'_, Self::CipherKey, Self::IntegrityKey>) -> Result<(), CryptoError> {
        let (cipher, integrity) = (job.cipher(), job.integrity());
        let EspParts { header, iv, data, high, icv } = job.parts();
        self.encrypt(cipher, iv, data)?;
        let computed = self.icv(integrity, [header, &*data, high])?;
        let computed = computed.as_octets();
        if computed.len() != icv.len() {
            return Err(CryptoError::Length);
        }
        icv.copy_from_slice(computed);
        Ok(())
    }

    /// Verifies the ICV of one packet, in constant time, and only then decrypts its data (RFC 4303 §3.4.4).
    ///
    /// # Errors
    ///
    /// - [`CryptoError::Mismatch`]: the ICV does not verify. No octet has changed.
    /// - [`CryptoError::Length`]: the ICV verifies, but the data cannot have been encrypted: as [`decrypt`](Self::decrypt).
    /// - [`CryptoError::Provider`].
    fn esp_open(&mut self, job: &mut EspJob<'_, Self::CipherKey, Self::IntegrityKey>) -> Result<(), CryptoError> {
        let (cipher, integrity) = (job.cipher(), job.integrity());
        let EspParts { header, iv, data, high, icv } = job.parts();
        self.verify_icv(integrity, [header, &*data, high], icv)?;
        self.decrypt(cipher, iv, data)
    }

    /// Seals independent packets, each as [`esp_seal`](Self::esp_seal) does, and says in each job how it went.
    fn esp_seal_many(&mut self, jobs: &mut [EspJob<'_, Self::CipherKey, Self::IntegrityKey>]) {
        for job in jobs {
            let result = self.esp_seal(job);
            job.finish(result);
        }
    }

    /// Opens independent packets, each as [`esp_open`](Self::esp_open) does, and says in each job how it went.
    fn esp_open_many(&mut self, jobs: &mut [EspJob<'_, Self::CipherKey, Self::IntegrityKey>]) {
        for job in jobs {
            let result = self.esp_open(job);
            job.finish(result);
        }
    }

    /// Computes independent ICVs, each as [`icv`](Self::icv) does, or verifies them as [`verify_icv`](Self::verify_icv) does,
    /// and says in each job how it went.
    fn icv_many<'p, I>(&mut self, jobs: &mut [IcvJob<'_, Self::IntegrityKey, I>])
    where
        I: Iterator<Item = &'p [u8]> + Clone,
    {
        for job in jobs {
            let parts = job.parts().clone();
            let result = match job.received() {
                None => self.icv(job.key(), parts).map(Some),
                Some(received) => self.verify_icv(job.key(), parts, received).map(|()| None),
            };
            job.finish(result);
        }
    }
}
