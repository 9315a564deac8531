//! Cryptography that costs next to nothing and still tells keys, nonces and octets apart: for checks of what is built on it. It also
//! sees to it that no key seals twice with one nonce. Nobody is safe behind it.
#![allow(dead_code, reason = "one check needs the digest alone")]

use std::collections::BTreeSet;

use xcast_sec::crypto::{
    AEAD_IV_LEN, AEAD_TAG_LEN, AeadAlgorithm, CipherAlgorithm, CryptoError, CryptoProvider, Icv, IntegrityAlgorithm,
    KeyError,
};

/// Only combined modes are there.
#[derive(Debug, Default)]
pub(crate) struct Toy {
    sealed: BTreeSet<(Vec<u8>, [u8; AEAD_IV_LEN])>,
    /// How often it seals before it fails, once.
    pub(crate) fails_in: Option<usize>,
}

/// 128 bits of all parts, and of how long each is.
pub(crate) fn digest(parts: &[&[u8]]) -> u128 {
    let mut state = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d_u128;
    for part in parts {
        let len = u64::try_from(part.len()).unwrap_or(0).to_be_bytes();
        for octet in len.iter().chain(*part) {
            state = (state ^ u128::from(*octet)).wrapping_mul(0x0100_0000_0000_0000_0000_013b);
            state ^= state >> 61;
        }
    }
    state.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).rotate_left(64)
}

fn mask(key: &[u8], iv: &[u8], data: &mut [u8]) {
    for (number, block) in (0_u32..).zip(data.chunks_mut(16)) {
        let stream = digest(&[key, iv, &number.to_be_bytes()]).to_be_bytes();
        block.iter_mut().zip(stream).for_each(|(octet, by)| *octet ^= by);
    }
}

impl CryptoProvider for Toy {
    type IntegrityKey = ();
    type CipherKey = ();
    type AeadKey = Vec<u8>;

    fn integrity_key(&mut self, _: IntegrityAlgorithm, _: &[u8]) -> Result<(), KeyError> {
        Err(KeyError::UnsupportedAlgorithm)
    }
    fn cipher_key(&mut self, _: CipherAlgorithm, _: &[u8]) -> Result<(), KeyError> {
        Err(KeyError::UnsupportedAlgorithm)
    }
    fn aead_key(&mut self, _: AeadAlgorithm, key: &[u8]) -> Result<Vec<u8>, KeyError> {
        Ok(key.to_vec())
    }
    fn icv<'p, I: IntoIterator<Item = &'p [u8]>>(&mut self, (): &(), _: I) -> Result<Icv, CryptoError> {
        Err(CryptoError::Length)
    }
    fn verify_icv<'p, I: IntoIterator<Item = &'p [u8]>>(&mut self, (): &(), _: I, _: &[u8]) -> Result<(), CryptoError> {
        Err(CryptoError::Mismatch)
    }
    fn encrypt(&mut self, (): &(), _: &[u8], _: &mut [u8]) -> Result<(), CryptoError> {
        Err(CryptoError::Length)
    }
    fn decrypt(&mut self, (): &(), _: &[u8], _: &mut [u8]) -> Result<(), CryptoError> {
        Err(CryptoError::Length)
    }
    fn aead_seal(
        &mut self,
        key: &Vec<u8>,
        iv: &[u8; AEAD_IV_LEN],
        associated: &[u8],
        data: &mut [u8],
    ) -> Result<[u8; AEAD_TAG_LEN], CryptoError> {
        assert!(self.sealed.insert((key.clone(), *iv)), "one nonce twice under one key");
        if let Some(left) = self.fails_in {
            self.fails_in = left.checked_sub(1);
            if left == 0 {
                return Err(CryptoError::Provider);
            }
        }
        mask(key, iv, data);
        Ok(digest(&[key, iv, associated, data]).to_be_bytes())
    }
    fn aead_open(
        &mut self,
        key: &Vec<u8>,
        iv: &[u8; AEAD_IV_LEN],
        associated: &[u8],
        data: &mut [u8],
        tag: &[u8; AEAD_TAG_LEN],
    ) -> Result<(), CryptoError> {
        if digest(&[key, iv, associated, data]).to_be_bytes() != *tag {
            return Err(CryptoError::Mismatch);
        }
        mask(key, iv, data);
        Ok(())
    }
}
