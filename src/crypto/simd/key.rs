//! Keys that serve one packet at a time and several side by side.

use crate::crypto::{
    CipherAlgorithm, CryptoProvider, IntegrityAlgorithm, KeyError, RustCrypto, RustCryptoCipherKey,
    RustCryptoIntegrityKey,
};

#[cfg(target_arch = "x86_64")]
use super::{chaining::Chaining, level::Lanes, schedule::Schedule};

/// A cipher key taken by [`SimdCrypto`](super::SimdCrypto). Its `Debug` shows the algorithm alone.
pub struct SimdCipherKey {
    one: RustCryptoCipherKey,
    #[cfg(target_arch = "x86_64")]
    schedule: Option<Schedule>,
}

impl SimdCipherKey {
    pub(super) fn new(
        #[cfg(target_arch = "x86_64")] lanes: Lanes,
        algorithm: CipherAlgorithm,
        key: &[u8],
    ) -> Result<Self, KeyError> {
        Ok(Self {
            one: RustCrypto.cipher_key(algorithm, key)?,
            #[cfg(target_arch = "x86_64")]
            schedule: match (algorithm, lanes) {
                (CipherAlgorithm::AesCbc, Lanes::Sixteen(avx512)) => Schedule::new(avx512, key),
                _ => None,
            },
        })
    }

    /// For one packet at a time.
    pub(super) const fn one(&self) -> &RustCryptoCipherKey {
        &self.one
    }

    /// For AES-CBC in lanes, where the processor has them.
    #[cfg(target_arch = "x86_64")]
    pub(super) const fn schedule(&self) -> Option<&Schedule> {
        self.schedule.as_ref()
    }
}

impl core::fmt::Debug for SimdCipherKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("SimdCipherKey").field(&self.one).finish()
    }
}

/// An integrity key taken by [`SimdCrypto`](super::SimdCrypto). Its `Debug` shows the algorithm alone.
pub struct SimdIntegrityKey {
    one: RustCryptoIntegrityKey,
    #[cfg(target_arch = "x86_64")]
    chaining: Option<Chaining>,
}

impl SimdIntegrityKey {
    pub(super) fn new(algorithm: IntegrityAlgorithm, key: &[u8]) -> Result<Self, KeyError> {
        let one = RustCrypto.integrity_key(algorithm, key)?;
        Ok(Self {
            #[cfg(target_arch = "x86_64")]
            chaining: Chaining::new(&one),
            one,
        })
    }

    /// For one packet at a time.
    pub(super) const fn one(&self) -> &RustCryptoIntegrityKey {
        &self.one
    }

    /// For HMAC in lanes, if it is there for this algorithm.
    #[cfg(target_arch = "x86_64")]
    pub(super) const fn chaining(&self) -> Option<&Chaining> {
        self.chaining.as_ref()
    }
}

impl core::fmt::Debug for SimdIntegrityKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("SimdIntegrityKey").field(&self.one).finish()
    }
}
