//! Cryptography for fuzzing, shared by the checks that need associations.
#![allow(dead_code, reason = "not every check seals")]

use rand_core::{TryCryptoRng, TryRng};
use xcast_sec::crypto::{
    AEAD_IV_LEN, AEAD_TAG_LEN, AeadAlgorithm, CipherAlgorithm, CryptoError, CryptoProvider, Icv, IntegrityAlgorithm,
    KeyError,
};

/// Cryptography that takes every ICV for right and encrypts nothing, so that the fuzzer sees what lies behind it.
#[derive(Debug)]
pub(crate) struct Gullible;

impl CryptoProvider for Gullible {
    type IntegrityKey = usize;
    type CipherKey = ();
    type AeadKey = ();

    fn integrity_key(&mut self, algorithm: IntegrityAlgorithm, _: &[u8]) -> Result<usize, KeyError> {
        Ok(algorithm.icv_len())
    }
    fn cipher_key(&mut self, _: CipherAlgorithm, _: &[u8]) -> Result<(), KeyError> {
        Ok(())
    }
    fn aead_key(&mut self, _: AeadAlgorithm, _: &[u8]) -> Result<(), KeyError> {
        Ok(())
    }
    fn icv<'p, I: IntoIterator<Item = &'p [u8]>>(&mut self, key: &usize, parts: I) -> Result<Icv, CryptoError> {
        let len = parts.into_iter().map(<[u8]>::len).sum::<usize>();
        Icv::truncated(&[len as u8; 32], *key).ok_or(CryptoError::Length)
    }
    fn verify_icv<'p, I: IntoIterator<Item = &'p [u8]>>(
        &mut self,
        _: &usize,
        parts: I,
        _: &[u8],
    ) -> Result<(), CryptoError> {
        parts.into_iter().for_each(|part| assert!(part.len() <= 1 << 16));
        Ok(())
    }
    fn encrypt(&mut self, (): &(), _: &[u8], _: &mut [u8]) -> Result<(), CryptoError> {
        Ok(())
    }
    fn decrypt(&mut self, (): &(), _: &[u8], _: &mut [u8]) -> Result<(), CryptoError> {
        Ok(())
    }
    fn aead_seal(
        &mut self,
        (): &(),
        _: &[u8; AEAD_IV_LEN],
        _: &[u8],
        _: &mut [u8],
    ) -> Result<[u8; AEAD_TAG_LEN], CryptoError> {
        Ok([0; AEAD_TAG_LEN])
    }
    fn aead_open(
        &mut self,
        (): &(),
        _: &[u8; AEAD_IV_LEN],
        _: &[u8],
        _: &mut [u8],
        _: &[u8; AEAD_TAG_LEN],
    ) -> Result<(), CryptoError> {
        Ok(())
    }
}

/// Random numbers that nothing depends on.
pub(crate) struct Zeros;

impl TryRng for Zeros {
    type Error = core::convert::Infallible;
    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        Ok(0)
    }
    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        Ok(0)
    }
    fn try_fill_bytes(&mut self, octets: &mut [u8]) -> Result<(), Self::Error> {
        octets.fill(0);
        Ok(())
    }
}

impl TryCryptoRng for Zeros {}
