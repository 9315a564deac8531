//! Ciphers that give confidentiality alone; round keys are computed once per security association.

use aes::cipher::array::Array;
use aes::cipher::consts::U16;
use aes::cipher::{
    BlockCipherDecrypt, BlockCipherEncrypt, BlockModeDecrypt, BlockModeEncrypt, BlockSizeUser, InnerIvInit, KeyInit,
    StreamCipherCore,
};
use aes::{Aes128, Aes128Enc, Aes192, Aes192Enc, Aes256, Aes256Enc};
use ctr::{CtrCore, flavors::Ctr32BE};
use zeroize::Zeroizing;

use super::{chain, joined};
use crate::crypto::{CipherAlgorithm, CryptoError, KeyError};

/// A cipher key taken by [`RustCrypto`](super::RustCrypto). Its `Debug` shows the algorithm alone.
pub struct RustCryptoCipherKey(Keyed);

// AES-CTR encrypts the counter in both directions, so it keeps no round keys for decryption.
#[allow(clippy::large_enum_variant, reason = "there is no allocator to put the large variants elsewhere")]
pub(super) enum Keyed {
    Null,
    Cbc128(Aes128),
    Cbc192(Aes192),
    Cbc256(Aes256),
    Ctr128(Aes128Enc, Nonce),
    Ctr192(Aes192Enc, Nonce),
    Ctr256(Aes256Enc, Nonce),
}

/// The part of the counter block that comes with the keying material (RFC 3686 §4).
pub(super) type Nonce = Zeroizing<[u8; 4]>;

impl RustCryptoCipherKey {
    pub(super) fn new(algorithm: CipherAlgorithm, key: &[u8]) -> Result<Self, KeyError> {
        match algorithm {
            CipherAlgorithm::Null if key.is_empty() => Some(Keyed::Null),
            CipherAlgorithm::Null => None,
            CipherAlgorithm::AesCbc => cbc_key(key),
            CipherAlgorithm::AesCtr => ctr_key(key),
        }
        .map(Self)
        .ok_or(KeyError::WrongLength { actual: key.len() })
    }

    pub(super) const fn keyed(&self) -> &Keyed {
        &self.0
    }

    fn algorithm(&self) -> CipherAlgorithm {
        match self.0 {
            Keyed::Null => CipherAlgorithm::Null,
            Keyed::Cbc128(_) | Keyed::Cbc192(_) | Keyed::Cbc256(_) => CipherAlgorithm::AesCbc,
            Keyed::Ctr128(..) | Keyed::Ctr192(..) | Keyed::Ctr256(..) => CipherAlgorithm::AesCtr,
        }
    }

    pub(super) fn encrypt(&self, iv: &[u8], data: &mut [u8]) -> Result<(), CryptoError> {
        match &self.0 {
            Keyed::Null => null(iv),
            Keyed::Cbc128(aes) => cbc_encrypt(aes, iv, data),
            Keyed::Cbc192(aes) => cbc_encrypt(aes, iv, data),
            Keyed::Cbc256(aes) => cbc_encrypt(aes, iv, data),
            Keyed::Ctr128(aes, nonce) => ctr_apply(aes, nonce, iv, data),
            Keyed::Ctr192(aes, nonce) => ctr_apply(aes, nonce, iv, data),
            Keyed::Ctr256(aes, nonce) => ctr_apply(aes, nonce, iv, data),
        }
    }

    pub(super) fn decrypt(&self, iv: &[u8], data: &mut [u8]) -> Result<(), CryptoError> {
        match &self.0 {
            Keyed::Cbc128(aes) => cbc_decrypt(aes, iv, data),
            Keyed::Cbc192(aes) => cbc_decrypt(aes, iv, data),
            Keyed::Cbc256(aes) => cbc_decrypt(aes, iv, data),
            // Both undo themselves.
            Keyed::Null | Keyed::Ctr128(..) | Keyed::Ctr192(..) | Keyed::Ctr256(..) => self.encrypt(iv, data),
        }
    }
}

impl core::fmt::Debug for RustCryptoCipherKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("RustCryptoCipherKey").field(&self.algorithm()).finish()
    }
}

/// RFC 3602 §2.2: a key of 128, 192 or 256 bits.
fn cbc_key(key: &[u8]) -> Option<Keyed> {
    match key.len() {
        16 => Aes128::new_from_slice(key).ok().map(Keyed::Cbc128),
        24 => Aes192::new_from_slice(key).ok().map(Keyed::Cbc192),
        32 => Aes256::new_from_slice(key).ok().map(Keyed::Cbc256),
        _ => None,
    }
}

/// RFC 3686 §5.1: a key of 128, 192 or 256 bits, and the nonce.
fn ctr_key(keying_material: &[u8]) -> Option<Keyed> {
    let (key, nonce) = keying_material.split_last_chunk()?;
    let nonce = Zeroizing::new(*nonce);
    match key.len() {
        16 => Aes128Enc::new_from_slice(key).ok().map(|aes| Keyed::Ctr128(aes, nonce)),
        24 => Aes192Enc::new_from_slice(key).ok().map(|aes| Keyed::Ctr192(aes, nonce)),
        32 => Aes256Enc::new_from_slice(key).ok().map(|aes| Keyed::Ctr256(aes, nonce)),
        _ => None,
    }
}

/// RFC 2410 §2, §2.2: the identity, without an initialization vector.
fn null(iv: &[u8]) -> Result<(), CryptoError> {
    if iv.is_empty() { Ok(()) } else { Err(CryptoError::Length) }
}

// A block mode over `&C` borrows the round keys; over `C` it would copy them for each packet. It is run once over all blocks,
// because the processor's AES instructions work on several blocks at a time.

fn cbc_encrypt<C>(aes: &C, iv: &[u8], data: &mut [u8]) -> Result<(), CryptoError>
where
    C: BlockCipherEncrypt + BlockSizeUser<BlockSize = U16>,
{
    let iv = cbc_iv(iv, data)?.into();
    cbc::Encryptor::inner_iv_init(aes, iv).encrypt_blocks(Array::slice_as_chunks_mut(data).0);
    Ok(())
}

fn cbc_decrypt<C>(aes: &C, iv: &[u8], data: &mut [u8]) -> Result<(), CryptoError>
where
    C: BlockCipherDecrypt + BlockSizeUser<BlockSize = U16>,
{
    let iv = cbc_iv(iv, data)?.into();
    cbc::Decryptor::inner_iv_init(aes, iv).decrypt_blocks(Array::slice_as_chunks_mut(data).0);
    Ok(())
}

/// RFC 3602 §2.4, §3: the initialization vector of as many octets as a block, for `data` of whole blocks.
pub(super) fn cbc_iv<'i>(iv: &'i [u8], data: &[u8]) -> Result<&'i chain::Row, CryptoError> {
    match iv.try_into() {
        Ok(iv) if data.len().is_multiple_of(chain::BLOCK_LEN) => Ok(iv),
        _ => Err(CryptoError::Length),
    }
}

/// RFC 3686 §4: the counter block is the nonce, the initialization vector, and a block counter that starts at one.
fn ctr_apply<C>(aes: &C, nonce: &[u8; 4], iv: &[u8], data: &mut [u8]) -> Result<(), CryptoError>
where
    C: BlockCipherEncrypt + BlockSizeUser<BlockSize = U16>,
{
    let iv: &[u8; 8] = iv.try_into().map_err(|_| CryptoError::Length)?;
    let first: [u8; 16] = joined(&[nonce, iv, &1_u32.to_be_bytes()]);
    CtrCore::<_, Ctr32BE>::inner_iv_init(aes, &first.into())
        .try_apply_keystream_partial(data.into())
        // The block counter would wrap (RFC 3686 §4), so nothing was encrypted.
        .map_err(|_| CryptoError::Length)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compiles only if the underlying crates wipe the round keys when they are dropped.
    #[test]
    fn round_keys_are_wiped() {
        fn wiped<T: zeroize::ZeroizeOnDrop>() {}
        wiped::<Aes128>();
        wiped::<Aes192>();
        wiped::<Aes256>();
        wiped::<Aes128Enc>();
        wiped::<Aes192Enc>();
        wiped::<Aes256Enc>();
        wiped::<Nonce>();
    }
}
