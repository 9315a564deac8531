//! CBC (NIST SP 800-38A §6.2), from within the cipher's own loop: `aes` prepares its round keys anew in each call, so there is
//! one call per packet.

use aes::cipher::array::{Array, ArraySize};
use aes::cipher::consts::U16;
use aes::cipher::typenum::Unsigned;
use aes::cipher::{
    BlockCipherDecBackend, BlockCipherDecClosure, BlockCipherDecrypt, BlockCipherEncBackend, BlockCipherEncClosure,
    BlockCipherEncrypt, BlockSizeUser, ParBlocksSizeUser,
};

/// Octets of a block, and of the initialization vector (RFC 3602 §2.3, §3).
pub(super) const BLOCK_LEN: usize = 16;

/// Octets in front of the data: SPI, Sequence Number, initialization vector.
pub(super) const DATA_AT: usize = 8 + BLOCK_LEN;

/// A block of data.
pub(super) type Row = [u8; BLOCK_LEN];

/// Up to so many blocks the cipher's parallel call pays; for more it holds a second form of the round keys, and the processors
/// that have it run single blocks side by side by themselves.
pub(super) const MAX_PARALLEL: usize = 8;

/// The ciphertext that the next block is combined with, as an integer: combined octet by octet it would take thrice as long.
#[derive(Clone, Copy)]
pub(super) struct Chain(u128);

impl Chain {
    #[inline(always)]
    pub(super) const fn new(row: &Row) -> Self {
        Self(u128::from_ne_bytes(*row))
    }

    /// `row` combined with what is in front of it.
    #[inline(always)]
    pub(super) const fn combine(self, row: &Row) -> Row {
        (self.0 ^ u128::from_ne_bytes(*row)).to_ne_bytes()
    }

    /// Encrypts one block.
    #[inline(always)]
    pub(super) fn encrypt<B: BlockCipherEncBackend<BlockSize = U16>>(&mut self, backend: &B, row: &mut Row) {
        let mut block = Array(self.combine(row));
        backend.encrypt_block_inplace(&mut block);
        *row = block.0;
        *self = Self::new(row);
    }

    /// Encrypts whole blocks of `octets`, one after the other; what does not fill a block is left.
    #[inline(always)]
    pub(super) fn encrypt_all<B: BlockCipherEncBackend<BlockSize = U16>>(&mut self, backend: &B, octets: &mut [u8]) {
        for row in octets.as_chunks_mut().0 {
            self.encrypt(backend, row);
        }
    }
}

/// Encrypts whole blocks of `data`.
pub(super) fn encrypt<C>(aes: &C, iv: &Row, data: &mut [u8])
where
    C: BlockCipherEncrypt + BlockSizeUser<BlockSize = U16>,
{
    aes.encrypt_with_backend(Encrypt { chain: Chain::new(iv), data });
}

/// Decrypts whole blocks of `data`.
pub(super) fn decrypt<C>(aes: &C, iv: &Row, data: &mut [u8])
where
    C: BlockCipherDecrypt + BlockSizeUser<BlockSize = U16>,
{
    aes.decrypt_with_backend(Decrypt { chain: Chain::new(iv), data });
}

struct Encrypt<'d> {
    chain: Chain,
    data: &'d mut [u8],
}

impl BlockSizeUser for Encrypt<'_> {
    type BlockSize = U16;
}

impl BlockCipherEncClosure for Encrypt<'_> {
    #[inline(always)]
    fn call<B: BlockCipherEncBackend<BlockSize = U16>>(mut self, backend: &B) {
        self.chain.encrypt_all(backend, self.data);
    }
}

struct Decrypt<'d> {
    chain: Chain,
    data: &'d mut [u8],
}

impl Decrypt<'_> {
    /// What `row` was encrypted from, given what the cipher makes of it.
    #[inline(always)]
    fn uncombine(&mut self, row: &mut Row, decrypted: &Row) {
        let plain = self.chain.combine(decrypted);
        self.chain = Chain::new(row);
        *row = plain;
    }

    #[inline(always)]
    fn single<B: BlockCipherDecBackend<BlockSize = U16>>(&mut self, backend: &B, rows: &mut [Row]) {
        for row in rows {
            let mut block = Array(*row);
            backend.decrypt_block_inplace(&mut block);
            self.uncombine(row, &block.0);
        }
    }

    #[inline(always)]
    fn parallel<B, N>(&mut self, backend: &B, rows: &mut [Row])
    where
        B: BlockCipherDecBackend<BlockSize = U16> + ParBlocksSizeUser<ParBlocksSize = N>,
        N: ArraySize,
    {
        let (groups, rest) = Array::<_, N>::slice_as_chunks_mut(Array::cast_slice_from_core_mut(rows));
        for rows in groups {
            let mut blocks = rows.clone();
            backend.decrypt_par_blocks_inplace(&mut blocks);
            for (row, decrypted) in rows.iter_mut().zip(&blocks) {
                self.uncombine(&mut row.0, &decrypted.0);
            }
        }
        self.single(backend, Array::cast_slice_to_core_mut(rest));
    }
}

impl BlockSizeUser for Decrypt<'_> {
    type BlockSize = U16;
}

impl BlockCipherDecClosure for Decrypt<'_> {
    #[inline(always)]
    fn call<B: BlockCipherDecBackend<BlockSize = U16>>(mut self, backend: &B) {
        let rows = core::mem::take(&mut self.data).as_chunks_mut().0;
        if B::ParBlocksSize::USIZE <= MAX_PARALLEL || rows.len() >= B::ParBlocksSize::USIZE {
            self.parallel(backend, rows);
        } else {
            self.single(backend, rows);
        }
    }
}

#[cfg(test)]
mod tests {
    use aes::cipher::{BlockModeDecrypt, BlockModeEncrypt, InnerIvInit, KeyInit};
    use aes::{Aes128, Aes192, Aes256};

    use super::*;

    /// Against the crate `cbc`, at every number of blocks around what the ciphers take in one call.
    fn check<C>(aes: &C)
    where
        C: BlockCipherEncrypt + BlockCipherDecrypt + BlockSizeUser<BlockSize = U16>,
    {
        let plain: [u8; 150 * BLOCK_LEN] = core::array::from_fn(|i| (i ^ (i >> 8)) as u8);
        for len in (0..=plain.len()).step_by(BLOCK_LEN) {
            let iv = [len as u8; BLOCK_LEN];
            let (mut ours, mut theirs) = (plain, plain);
            let theirs = &mut Array::slice_as_chunks_mut(&mut theirs[..len]).0;
            ::cbc::Encryptor::inner_iv_init(aes, &iv.into()).encrypt_blocks(theirs);
            encrypt(aes, &iv, &mut ours[..len]);
            assert_eq!(&ours[..len], Array::slice_as_flattened(theirs));
            ::cbc::Decryptor::inner_iv_init(aes, &iv.into()).decrypt_blocks(theirs);
            decrypt(aes, &iv, &mut ours[..len]);
            assert_eq!(&ours[..len], Array::slice_as_flattened(theirs));
            assert_eq!(ours, plain);
        }
    }

    #[test]
    fn is_cbc_at_every_length() {
        check(&Aes128::new(&[1; 16].into()));
        check(&Aes192::new(&[2; 24].into()));
        check(&Aes256::new(&[3; 32].into()));
    }
}
