//! A crypto provider of a few algorithms chosen by type, as a device brings one that has no room for what it does not use.
//!
//! `RustCrypto` chooses the algorithm when a key comes, so all of them are linked. Here a kind of key that there is none of
//! is [`Infallible`], a type without values: the compiler sees that no such key can exist, and leaves out what would use it.

use core::convert::Infallible;
use core::marker::PhantomData;

use aes::Aes128;
use aes::cipher::{Array, BlockModeDecrypt, BlockModeEncrypt, InnerIvInit};
use aes_gcm::{AeadInOut, Aes128Gcm};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use xcast_sec::crypto::{
    AEAD_IV_LEN, AEAD_TAG_LEN, AeadAlgorithm, CipherAlgorithm, CryptoError, CryptoProvider, Icv, IntegrityAlgorithm,
    KeyError,
};

/// AH alone, with HMAC-SHA2-256-128.
pub type AhSha256 = Only<HmacSha256, Infallible, Infallible>;
/// ESP alone, with AES-GCM-16 and a key of 128 bits.
pub type EspGcm = Only<Infallible, Infallible, Gcm128>;
/// ESP with AES-CBC, a key of 128 bits and HMAC-SHA2-256-128. AH is there as well, as it needs nothing more of a provider.
pub type CbcSha256 = Only<HmacSha256, Cbc128, Infallible>;

/// The provider of these kinds of key.
#[derive(Debug)]
pub struct Only<I, C, A>(PhantomData<(I, C, A)>);

impl<I, C, A> Only<I, C, A> {
    /// There is nothing to it.
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<I, C, A> Default for Only<I, C, A> {
    fn default() -> Self {
        Self::new()
    }
}

impl<I: Integrity, C: Cipher, A: Aead> CryptoProvider for Only<I, C, A> {
    type IntegrityKey = I;
    type CipherKey = C;
    type AeadKey = A;

    fn integrity_key(&mut self, algorithm: IntegrityAlgorithm, key: &[u8]) -> Result<I, KeyError> {
        I::new(algorithm, key)
    }

    fn cipher_key(&mut self, algorithm: CipherAlgorithm, key: &[u8]) -> Result<C, KeyError> {
        C::new(algorithm, key)
    }

    fn aead_key(&mut self, algorithm: AeadAlgorithm, key: &[u8]) -> Result<A, KeyError> {
        A::new(algorithm, key)
    }

    fn icv<'p, P: IntoIterator<Item = &'p [u8]>>(&mut self, key: &I, parts: P) -> Result<Icv, CryptoError> {
        key.icv(parts)
    }

    fn encrypt(&mut self, key: &C, iv: &[u8], data: &mut [u8]) -> Result<(), CryptoError> {
        key.encrypt(iv, data)
    }

    fn decrypt(&mut self, key: &C, iv: &[u8], data: &mut [u8]) -> Result<(), CryptoError> {
        key.decrypt(iv, data)
    }

    fn aead_seal(
        &mut self,
        key: &A,
        iv: &[u8; AEAD_IV_LEN],
        aad: &[u8],
        data: &mut [u8],
    ) -> Result<[u8; AEAD_TAG_LEN], CryptoError> {
        key.seal(iv, aad, data)
    }

    fn aead_open(
        &mut self,
        key: &A,
        iv: &[u8; AEAD_IV_LEN],
        aad: &[u8],
        data: &mut [u8],
        tag: &[u8; AEAD_TAG_LEN],
    ) -> Result<(), CryptoError> {
        key.open(iv, aad, data, tag)
    }
}

/// A kind of integrity key.
pub trait Integrity: Sized {
    /// Takes a key.
    fn new(algorithm: IntegrityAlgorithm, key: &[u8]) -> Result<Self, KeyError>;
    /// Computes the ICV.
    fn icv<'p>(&self, parts: impl IntoIterator<Item = &'p [u8]>) -> Result<Icv, CryptoError>;
}

/// A kind of cipher key.
pub trait Cipher: Sized {
    /// Takes a key.
    fn new(algorithm: CipherAlgorithm, key: &[u8]) -> Result<Self, KeyError>;
    /// Encrypts whole blocks in place.
    fn encrypt(&self, iv: &[u8], data: &mut [u8]) -> Result<(), CryptoError>;
    /// Decrypts whole blocks in place.
    fn decrypt(&self, iv: &[u8], data: &mut [u8]) -> Result<(), CryptoError>;
}

/// A kind of combined-mode key.
pub trait Aead: Sized {
    /// Takes a key, with its salt.
    fn new(algorithm: AeadAlgorithm, key: &[u8]) -> Result<Self, KeyError>;
    /// Encrypts in place.
    fn seal(&self, iv: &[u8; AEAD_IV_LEN], aad: &[u8], data: &mut [u8]) -> Result<[u8; AEAD_TAG_LEN], CryptoError>;
    /// Verifies, then decrypts in place.
    fn open(
        &self,
        iv: &[u8; AEAD_IV_LEN],
        aad: &[u8],
        data: &mut [u8],
        tag: &[u8; AEAD_TAG_LEN],
    ) -> Result<(), CryptoError>;
}

impl Integrity for Infallible {
    fn new(_: IntegrityAlgorithm, _: &[u8]) -> Result<Self, KeyError> {
        Err(KeyError::UnsupportedAlgorithm)
    }

    fn icv<'p>(&self, _: impl IntoIterator<Item = &'p [u8]>) -> Result<Icv, CryptoError> {
        match *self {}
    }
}

impl Cipher for Infallible {
    fn new(_: CipherAlgorithm, _: &[u8]) -> Result<Self, KeyError> {
        Err(KeyError::UnsupportedAlgorithm)
    }

    fn encrypt(&self, _: &[u8], _: &mut [u8]) -> Result<(), CryptoError> {
        match *self {}
    }

    fn decrypt(&self, _: &[u8], _: &mut [u8]) -> Result<(), CryptoError> {
        match *self {}
    }
}

impl Aead for Infallible {
    fn new(_: AeadAlgorithm, _: &[u8]) -> Result<Self, KeyError> {
        Err(KeyError::UnsupportedAlgorithm)
    }

    fn seal(&self, _: &[u8; AEAD_IV_LEN], _: &[u8], _: &mut [u8]) -> Result<[u8; AEAD_TAG_LEN], CryptoError> {
        match *self {}
    }

    fn open(&self, _: &[u8; AEAD_IV_LEN], _: &[u8], _: &mut [u8], _: &[u8; AEAD_TAG_LEN]) -> Result<(), CryptoError> {
        match *self {}
    }
}

/// HMAC-SHA2-256-128 (RFC 4868).
#[derive(Debug)]
pub struct HmacSha256(Hmac<Sha256>);

impl Integrity for HmacSha256 {
    fn new(algorithm: IntegrityAlgorithm, key: &[u8]) -> Result<Self, KeyError> {
        if algorithm != IntegrityAlgorithm::HmacSha2_256_128 {
            return Err(KeyError::UnsupportedAlgorithm);
        }
        if key.len() != algorithm.key_len() {
            return Err(KeyError::WrongLength { actual: key.len() });
        }
        Hmac::new_from_slice(key).map(Self).map_err(|_| KeyError::Provider)
    }

    fn icv<'p>(&self, parts: impl IntoIterator<Item = &'p [u8]>) -> Result<Icv, CryptoError> {
        let mut mac = self.0.clone();
        for part in parts {
            mac.update(part);
        }
        Icv::truncated(&mac.finalize().into_bytes(), 16).ok_or(CryptoError::Provider)
    }
}

/// AES-CBC (RFC 3602).
#[derive(Debug)]
pub struct Cbc128(Aes128);

impl Cipher for Cbc128 {
    fn new(algorithm: CipherAlgorithm, key: &[u8]) -> Result<Self, KeyError> {
        if algorithm != CipherAlgorithm::AesCbc {
            return Err(KeyError::UnsupportedAlgorithm);
        }
        Aes128::new_from_slice(key).map(Self).map_err(|_| KeyError::WrongLength { actual: key.len() })
    }

    fn encrypt(&self, iv: &[u8], data: &mut [u8]) -> Result<(), CryptoError> {
        let mut mode = cbc::Encryptor::inner_iv_slice_init(&self.0, iv).map_err(|_| CryptoError::Length)?;
        let (blocks, rest) = Array::slice_as_chunks_mut(data);
        if !rest.is_empty() {
            return Err(CryptoError::Length);
        }
        mode.encrypt_blocks(blocks);
        Ok(())
    }

    fn decrypt(&self, iv: &[u8], data: &mut [u8]) -> Result<(), CryptoError> {
        let mut mode = cbc::Decryptor::inner_iv_slice_init(&self.0, iv).map_err(|_| CryptoError::Length)?;
        let (blocks, rest) = Array::slice_as_chunks_mut(data);
        if !rest.is_empty() {
            return Err(CryptoError::Length);
        }
        mode.decrypt_blocks(blocks);
        Ok(())
    }
}

/// AES-GCM-16 (RFC 4106), with the salt.
pub struct Gcm128(Aes128Gcm, [u8; 4]);

impl core::fmt::Debug for Gcm128 {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Gcm128")
    }
}

impl Gcm128 {
    /// RFC 4106 §4.
    fn nonce(&self, iv: &[u8; AEAD_IV_LEN]) -> [u8; 12] {
        let mut nonce = [0; 12];
        nonce[..4].copy_from_slice(&self.1);
        nonce[4..].copy_from_slice(iv);
        nonce
    }
}

impl Aead for Gcm128 {
    fn new(algorithm: AeadAlgorithm, keying_material: &[u8]) -> Result<Self, KeyError> {
        if algorithm != AeadAlgorithm::AesGcm16 {
            return Err(KeyError::UnsupportedAlgorithm);
        }
        let wrong = KeyError::WrongLength { actual: keying_material.len() };
        let (key, salt) = keying_material.split_last_chunk().ok_or(wrong)?;
        Aes128Gcm::new_from_slice(key).map(|aead| Self(aead, *salt)).map_err(|_| wrong)
    }

    fn seal(&self, iv: &[u8; AEAD_IV_LEN], aad: &[u8], data: &mut [u8]) -> Result<[u8; AEAD_TAG_LEN], CryptoError> {
        let tag = self.0.encrypt_inout_detached(&self.nonce(iv).into(), aad, data.into());
        tag.map(Into::into).map_err(|_| CryptoError::Length)
    }

    fn open(
        &self,
        iv: &[u8; AEAD_IV_LEN],
        aad: &[u8],
        data: &mut [u8],
        tag: &[u8; AEAD_TAG_LEN],
    ) -> Result<(), CryptoError> {
        let opened = self.0.decrypt_inout_detached(&self.nonce(iv).into(), aad, data.into(), tag.into());
        opened.map_err(|_| CryptoError::Mismatch)
    }
}
