//! Cryptography that does nothing, so that what remains is the packet processing around it.

use xcast_sec::crypto::{
    AEAD_IV_LEN, AEAD_TAG_LEN, AeadAlgorithm, CipherAlgorithm, CryptoError, CryptoProvider, Icv, IntegrityAlgorithm,
    KeyError,
};

/// Every key is the same, data stays as it is, and an ICV depends on lengths alone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Blank;

/// How long the ICV is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Integrity(usize);

impl CryptoProvider for Blank {
    type IntegrityKey = Integrity;
    type CipherKey = ();
    type AeadKey = ();

    fn integrity_key(&mut self, algorithm: IntegrityAlgorithm, _: &[u8]) -> Result<Integrity, KeyError> {
        Ok(Integrity(algorithm.icv_len()))
    }

    fn cipher_key(&mut self, _: CipherAlgorithm, _: &[u8]) -> Result<(), KeyError> {
        Ok(())
    }

    fn aead_key(&mut self, _: AeadAlgorithm, _: &[u8]) -> Result<(), KeyError> {
        Ok(())
    }

    /// Walks over the parts, as whoever computes must.
    fn icv<'p, I>(&mut self, key: &Integrity, parts: I) -> Result<Icv, CryptoError>
    where
        I: IntoIterator<Item = &'p [u8]>,
    {
        let len: usize = parts.into_iter().map(<[u8]>::len).sum();
        let octets = [len as u8; 32];
        Icv::truncated(&octets, key.0).ok_or(CryptoError::Provider)
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
