//! Key management by the same value: there is nothing to be done side by side.

use super::SimdCrypto;
use crate::crypto::{CryptoError, KeyError, PrfAlgorithm, PrfOutput, PrfProvider, RustCrypto, RustCryptoPrfKey};

/// As [`RustCrypto`].
impl PrfProvider for SimdCrypto {
    type PrfKey = RustCryptoPrfKey;

    fn prf_key(&mut self, algorithm: PrfAlgorithm, key: &[u8]) -> Result<Self::PrfKey, KeyError> {
        RustCrypto.prf_key(algorithm, key)
    }

    fn prf<'p, I>(&mut self, key: &Self::PrfKey, parts: I) -> Result<PrfOutput, CryptoError>
    where
        I: IntoIterator<Item = &'p [u8]>,
    {
        RustCrypto.prf(key, parts)
    }

    fn hash<'p, I>(&mut self, algorithm: PrfAlgorithm, parts: I) -> Result<PrfOutput, CryptoError>
    where
        I: IntoIterator<Item = &'p [u8]>,
    {
        RustCrypto.hash(algorithm, parts)
    }

    fn verify_prf<'p, I>(&mut self, key: &Self::PrfKey, parts: I, received: &[u8]) -> Result<(), CryptoError>
    where
        I: IntoIterator<Item = &'p [u8]>,
    {
        RustCrypto.verify_prf(key, parts, received)
    }
}
