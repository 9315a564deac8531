//! Pseudo-random functions and hashes at full length, for key management.

use zeroize::Zeroize;

use super::constant_time::same_octets;
use super::{CryptoError, CryptoProvider, KeyError};

/// Octets of the longest output any function here has (SHA-256).
pub const MAX_PRF_LEN: usize = 32;

/// A hash and its HMAC, which is the prf of an IKE phase 1 that negotiated the hash (RFC 2409 §3.2, §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PrfAlgorithm {
    /// SHA-1 (RFC 2409 Appendix A, hash 2) and HMAC-SHA1, as old peers have it.
    HmacSha1,
    /// SHA-256 (RFC 4868 §2.6, hash 4) and HMAC-SHA2-256.
    HmacSha2_256,
}

impl PrfAlgorithm {
    /// Octets of the output, which is not truncated; also of every key that this function made.
    #[must_use]
    pub const fn output_len(self) -> usize {
        match self {
            Self::HmacSha1 => 20,
            Self::HmacSha2_256 => 32,
        }
    }
}

/// What a prf or hash gave, whole.
///
/// It is wiped when dropped: the next key may be made of it. It has no `PartialEq`: [`PrfProvider::verify_prf`] compares in
/// constant time. Its `Debug` shows the length alone.
#[derive(Clone)]
pub struct PrfOutput {
    octets: [u8; MAX_PRF_LEN],
    len: usize,
}

impl PrfOutput {
    /// A copy of `octets`, or `None` if they are more than [`MAX_PRF_LEN`].
    #[must_use]
    pub fn new(octets: &[u8]) -> Option<Self> {
        let mut output = Self::zeroed(octets.len())?;
        output.as_mut_octets().copy_from_slice(octets);
        Some(output)
    }

    /// `len` zeros to be written over, or `None` if they are more than [`MAX_PRF_LEN`].
    pub(crate) const fn zeroed(len: usize) -> Option<Self> {
        if len <= MAX_PRF_LEN { Some(Self { octets: [0; MAX_PRF_LEN], len }) } else { None }
    }

    /// The octets, to be written: what is computed elsewhere and copied would lie there still.
    pub(crate) fn as_mut_octets(&mut self) -> &mut [u8] {
        self.octets.get_mut(..self.len).unwrap_or(&mut [])
    }

    /// The octets.
    #[must_use]
    pub fn as_octets(&self) -> &[u8] {
        self.octets.get(..self.len).unwrap_or(&[])
    }
}

impl Drop for PrfOutput {
    fn drop(&mut self) {
        self.octets.zeroize();
    }
}

impl core::fmt::Debug for PrfOutput {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("PrfOutput").field("len", &self.len).finish_non_exhaustive()
    }
}

/// What key management under an IKE phase 1 asks of a provider beyond [`CryptoProvider`]: outputs that are not truncated,
/// keys of any length, and the bare hash.
///
/// A trait of its own, so that a provider for packets alone need not have it.
///
/// # Security
///
/// Called for every key management message, with data an attacker may have chosen. What holds for [`CryptoProvider`] holds
/// here: constant time, nothing logged. A provider whose outputs can be predicted hands out the keys of the group.
pub trait PrfProvider: CryptoProvider {
    /// A keyed prf.
    type PrfKey;

    /// Takes the key of a prf, of any length: RFC 2409 keys prfs with pre-shared keys, nonces and outputs of other prfs.
    ///
    /// # Errors
    ///
    /// - [`KeyError::WrongLength`] if there is no octet.
    /// - [`KeyError::UnsupportedAlgorithm`], [`KeyError::Provider`].
    fn prf_key(&mut self, algorithm: PrfAlgorithm, key: &[u8]) -> Result<Self::PrfKey, KeyError>;

    /// Computes the prf over `parts`, in order, as if they were one string: [`PrfAlgorithm::output_len`] octets.
    ///
    /// # Errors
    ///
    /// - [`CryptoError::Provider`].
    fn prf<'p, I>(&mut self, key: &Self::PrfKey, parts: I) -> Result<PrfOutput, CryptoError>
    where
        I: IntoIterator<Item = &'p [u8]>;

    /// Computes the bare hash over `parts`, in order: [`PrfAlgorithm::output_len`] octets.
    ///
    /// # Errors
    ///
    /// - [`CryptoError::Provider`].
    fn hash<'p, I>(&mut self, algorithm: PrfAlgorithm, parts: I) -> Result<PrfOutput, CryptoError>
    where
        I: IntoIterator<Item = &'p [u8]>;

    /// Computes the prf over `parts` and compares it with `received` in constant time.
    ///
    /// # Errors
    ///
    /// - [`CryptoError::Mismatch`] if they differ in any octet or in length.
    /// - [`CryptoError::Provider`].
    fn verify_prf<'p, I>(&mut self, key: &Self::PrfKey, parts: I, received: &[u8]) -> Result<(), CryptoError>
    where
        I: IntoIterator<Item = &'p [u8]>,
    {
        let computed = self.prf(key, parts)?;
        if same_octets(computed.as_octets(), received) { Ok(()) } else { Err(CryptoError::Mismatch) }
    }
}

impl<P: PrfProvider> PrfProvider for &mut P {
    type PrfKey = P::PrfKey;

    fn prf_key(&mut self, algorithm: PrfAlgorithm, key: &[u8]) -> Result<Self::PrfKey, KeyError> {
        (**self).prf_key(algorithm, key)
    }

    fn prf<'p, I>(&mut self, key: &Self::PrfKey, parts: I) -> Result<PrfOutput, CryptoError>
    where
        I: IntoIterator<Item = &'p [u8]>,
    {
        (**self).prf(key, parts)
    }

    fn hash<'p, I>(&mut self, algorithm: PrfAlgorithm, parts: I) -> Result<PrfOutput, CryptoError>
    where
        I: IntoIterator<Item = &'p [u8]>,
    {
        (**self).hash(algorithm, parts)
    }

    fn verify_prf<'p, I>(&mut self, key: &Self::PrfKey, parts: I, received: &[u8]) -> Result<(), CryptoError>
    where
        I: IntoIterator<Item = &'p [u8]>,
    {
        (**self).verify_prf(key, parts, received)
    }
}
